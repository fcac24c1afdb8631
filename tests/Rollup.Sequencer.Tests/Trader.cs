using System.Numerics;
using Rollup.Api;
using Rollup.Client.Keys;
using Rollup.Client.Sequencer;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Protocol;
using Rollup.Sequencer.Core;

namespace Rollup.Sequencer.Tests;

/// <summary>An account of the tests: keys from its number, nonces counted for it.</summary>
internal sealed class Trader
{
    private readonly Dictionary<byte, long> nonces = [];

    /// <param name="owner">Who owns it; absent = somebody of its own.</param>
    internal Trader(int account, bool isPublic = false, int? owner = null)
    {
        Account = account;
        var seed = new byte[EddsaPrivateKey.SeedLength];
        seed.AsSpan().Fill((byte)account);
        Keys = new TraderKeys(Address.Parse($"0x{owner ?? account:x40}"), new EddsaPrivateKey(seed), isPublic ? Fr.Zero : Fr.FromUInt64((ulong)(1000 + account)));
    }

    internal int Account { get; }
    internal TraderKeys Keys { get; }

    internal static Fr Domain => TestConfig.Engine.Domain;

    internal static MessageSigner Signer { get; } = new(Domain);

    /// <summary>A signed order; every field can be chosen.</summary>
    internal OrderMessage Order(int instrument, Side side, long size, long limit, byte slot = 0, OrderLife life = OrderLife.Gtc, bool postOnly = false, long? nonce = null, long expiry = TestConfig.Later, int feeRate = 500, bool reduceOnly = false) =>
        Signer.Sign(new OrderMessage(Account, slot, nonce ?? Next(slot), instrument, side, size, limit, feeRate, expiry, default, life, postOnly, reduceOnly), Keys);

    internal CancelMessage Cancel(byte slot, bool prove = false) => Signer.Sign(new CancelMessage(Account, slot, nonces.GetValueOrDefault(slot, 1), TestConfig.Later, default, prove), Keys);

    internal WithdrawalMessage Withdrawal(int asset, long amount, byte slot) => Signer.Sign(new WithdrawalMessage(Account, slot, Next(slot), asset, amount, TestConfig.Later, default), Keys);

    /// <summary>The vault's words for its registration.</summary>
    internal Operation Registration(long cash) => new(OperationKind.Register, Account, 0, cash, Keys.Owner, Keys.SigningKey.PublicKey.X, Keys.SigningKey.PublicKey.Y, Keys.ViewKeyHash);

    internal ChainOperation Registration(long index, long cash, long seenAt = 0) => new(index, Registration(cash), Keys.Owner, seenAt);

    internal static BigInteger[] Words(Operation operation) => [.. operation.Encode().Select(word => word.ToBigInteger())];

    private long Next(byte slot) => nonces[slot] = nonces.GetValueOrDefault(slot) + 1;
}
