using System.Numerics;
using Rollup.Protocol;

namespace Rollup.Crypto.Settlement;

/// <summary>An operation that a batch takes off the vault's queue.</summary>
/// <param name="Operation">As published; of a refused one, as queued.</param>
/// <param name="Depositor">Who queued it.</param>
/// <param name="Accepted">Whether it took effect; requests always do.</param>
public readonly record struct ConsumedOperation(Operation Operation, Address Depositor, bool Accepted);

/// <summary>What a batch moves when it is final: the words that <c>finalizeBatch</c> must bring (spec 6.5).</summary>
public static class VaultMoves
{
    private const int Marks = Width.Owner + Width.Instrument + Width.Amount;
    private static readonly Fr Deposit = Fr.FromBigInteger(BigInteger.One << Marks), Return = Fr.FromBigInteger(BigInteger.One << (Marks + 1));

    /// <param name="withdrawals">Of all rows, in order.</param>
    /// <param name="operations">In queue order.</param>
    /// <param name="requestDeposit">Atoms that the vault took for each request.</param>
    public static IEnumerable<Fr> Of(IEnumerable<PublicWithdrawal> withdrawals, IEnumerable<ConsumedOperation> operations, long requestDeposit) =>
        withdrawals.Where(w => w.Amount != 0).Select(w => w.Encode()).Concat(operations.SelectMany(o => Of(o, requestDeposit)));

    private static IEnumerable<Fr> Of(ConsumedOperation consumed, long requestDeposit)
    {
        (Operation operation, Address depositor, bool accepted) = consumed;
        if (operation.IsRequest)
        {
            if (operation.Paid != 0) yield return new PublicWithdrawal(operation.Owner, operation.Asset, operation.Paid).Encode();
            if (requestDeposit != 0) yield return Return + new PublicWithdrawal(operation.Owner, 0, requestDeposit).Encode();
        }
        else if (operation.Amount != 0)
            yield return accepted ? Deposit + new PublicWithdrawal(default, operation.Asset, operation.Amount).Encode()
                : Return + new PublicWithdrawal(depositor, operation.Asset, operation.Amount).Encode();
    }
}
