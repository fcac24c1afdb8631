using Rollup.Api;
using Rollup.Client.Keys;
using Rollup.Crypto;

namespace Rollup.Client.Sequencer;

/// <summary>Signs messages for one vault (spec 4.2). The signature that a message comes with is ignored.</summary>
/// <param name="domain">Signing domain of the vault (spec 4.1).</param>
public sealed class MessageSigner(Fr domain)
{
    public Fr Domain => domain;

    public OrderMessage Sign(OrderMessage order, TraderKeys keys) => order with { Signature = SignRequest(order, keys) };

    public CancelMessage Sign(CancelMessage cancel, TraderKeys keys) => cancel with { Signature = SignRequest(cancel, keys) };

    public WithdrawalMessage Sign(WithdrawalMessage withdrawal, TraderKeys keys) => withdrawal with { Signature = SignRequest(withdrawal, keys) };

    /// <summary>The proof that the account's key reads at a time (<see cref="AccessChallenge"/>).</summary>
    public EddsaSignature SignAccess(int account, long time, TraderKeys keys) => keys.SigningKey.Sign(AccessChallenge.Message(domain, account, time));

    private EddsaSignature SignRequest(ISignedMessage message, TraderKeys keys) => keys.SigningKey.Sign(message.ToRequest().Message(domain));
}
