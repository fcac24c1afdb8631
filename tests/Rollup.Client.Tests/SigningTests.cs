using Rollup.Api;
using Rollup.Client.Keys;
using Rollup.Client.Sequencer;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Protocol;

namespace Rollup.Client.Tests;

public sealed class SigningTests : IDisposable
{
    private readonly TraderKeys keys = Sample.Keys();

    public void Dispose() => keys.Dispose();

    [Fact]
    public void A_signature_holds_for_the_message_as_sent()
    {
        OrderMessage order = Sample.Signer.Sign(Sample.Order, keys);
        CancelMessage cancel = Sample.Signer.Sign(Sample.Cancel, keys);
        WithdrawalMessage withdrawal = Sample.Signer.Sign(Sample.Withdrawal, keys);
        Assert.True(Holds(order) && Holds(cancel) && Holds(withdrawal));
        Assert.Equal(Sample.Order, order with { Signature = default });
        Assert.Equal(Sample.Cancel, cancel with { Signature = default });
        Assert.Equal(Sample.Withdrawal, withdrawal with { Signature = default });
        Assert.Equal(order, Sample.Signer.Sign(order, keys)); // What a message carried before does not matter.
        Assert.False(Holds(order with { Signature = cancel.Signature }));
    }

    [Fact]
    public void A_signature_binds_every_field()
    {
        OrderMessage order = Sample.Signer.Sign(Sample.Order, keys);
        ISignedMessage[] changed =
        [
            order with { Account = 5 }, order with { Slot = 18 }, order with { Nonce = 24 }, order with { Instrument = 3 }, order with { Side = Side.Buy }, order with { Size = 1_001 },
            order with { Limit = 61_800_001 }, order with { FeeRate = 701 }, order with { Expiry = order.Expiry + 1 }, order with { Life = OrderLife.Fok }, order with { PostOnly = true },
            order with { ReduceOnly = false }, order with { SelfTrade = SelfTrade.CancelBoth }, order with { Market = false },
        ];
        Assert.All(changed, m => Assert.False(Holds(m)));
        CancelMessage cancel = Sample.Signer.Sign(Sample.Cancel, keys);
        Assert.All((ISignedMessage[])[cancel with { Account = 6 }, cancel with { Slot = 19 }, cancel with { Nonce = 25 }, cancel with { Expiry = cancel.Expiry + 1 }, cancel with { Prove = false }],
            m => Assert.False(Holds(m)));
        WithdrawalMessage withdrawal = Sample.Signer.Sign(Sample.Withdrawal, keys);
        Assert.All((ISignedMessage[])[withdrawal with { Account = 7 }, withdrawal with { Slot = 20 }, withdrawal with { Nonce = 26 }, withdrawal with { Asset = 0 },
            withdrawal with { Amount = 3_000_001 }, withdrawal with { Expiry = withdrawal.Expiry + 1 }], m => Assert.False(Holds(m)));
    }

    [Fact]
    public void A_signature_is_for_one_vault_and_one_key()
    {
        var elsewhere = new MessageSigner(SettlementDomain.Of(5, Sample.Vault));
        Assert.NotEqual(elsewhere.Domain, Sample.Signer.Domain);
        Assert.False(Holds(elsewhere.Sign(Sample.Order, keys)));
        using TraderKeys others = Sample.Keys(wallet: 4);
        Assert.False(Holds(Sample.Signer.Sign(Sample.Order, others)));
    }

    [Fact]
    public void Reading_access_is_for_one_account_and_time()
    {
        EddsaSignature access = Sample.Signer.SignAccess(4, 1_723_161_256_001, keys);
        bool HoldsFor(int account, long time) => keys.SigningKey.PublicKey.Verify(AccessChallenge.Message(Sample.Signer.Domain, account, time), access);
        Assert.True(HoldsFor(4, 1_723_161_256_001));
        Assert.False(HoldsFor(5, 1_723_161_256_001));
        Assert.False(HoldsFor(4, 1_723_161_256_002));
    }

    private bool Holds(ISignedMessage message) => keys.SigningKey.PublicKey.Verify(message.ToRequest().Message(Sample.Signer.Domain), message.Signature);
}
