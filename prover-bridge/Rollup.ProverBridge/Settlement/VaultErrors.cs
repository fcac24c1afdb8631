using System.Globalization;
using Rollup.Ethereum;

namespace Rollup.ProverBridge.Settlement;

/// <summary>The vault's custom errors that a batch can meet, and whether waiting can help.</summary>
internal static class VaultErrors
{
    // What another transaction, a new block or the clock can change.
    private static readonly AbiFunction[] Passing =
    [
        AbiFunction.Parse("ChallengeWindowOpen(uint256 batch,uint256 until)"),
        AbiFunction.Parse("EpochClosesInFuture(uint256 close,uint256 latest)"),
        AbiFunction.Parse("TooManyPendingBatches(uint32 pending)"),
        AbiFunction.Parse("OperationsNotQueued(uint256 end,uint256 queued)"),
        AbiFunction.Parse("NotCommitted(uint256 batch,uint8 status)"),
        AbiFunction.Parse("NotProven(uint256 batch,uint8 status)"),
        AbiFunction.Parse("WrongBatch(uint256 batch,uint256 expected)"),
    ];

    private static readonly AbiFunction[] Final =
    [
        AbiFunction.Parse("VaultFrozen()"),
        AbiFunction.Parse("NotOperator(address caller)"),
        AbiFunction.Parse("NotTopLevel(address caller)"),
        AbiFunction.Parse("MalformedInput()"),
        AbiFunction.Parse("WordCount(uint256 count,uint256 expected)"),
        AbiFunction.Parse("WordNotInField(uint256 index,uint256 word)"),
        AbiFunction.Parse("MalformedHeader(uint256 word)"),
        AbiFunction.Parse("MalformedPayout(uint256 word)"),
        AbiFunction.Parse("WrongDomain(uint256 domain,uint256 expected)"),
        AbiFunction.Parse("WrongOldRoot(uint256 root,uint256 expected)"),
        AbiFunction.Parse("EpochOpensEarly(uint256 open,uint256 lastClose)"),
        AbiFunction.Parse("EpochClosesBeforeOpen(uint256 open,uint256 close)"),
        AbiFunction.Parse("EpochTooLong(uint256 duration,uint256 longest)"),
        AbiFunction.Parse("EpochTooOld(uint256 open,uint256 earliest)"),
        AbiFunction.Parse("WrongFirstOperation(uint256 index,uint256 expected)"),
        AbiFunction.Parse("TooManyOperations(uint256 count,uint256 most)"),
        AbiFunction.Parse("PlaceNotEmpty(uint256 place)"),
        AbiFunction.Parse("BouncedCount(uint256 shown,uint256 expected)"),
        AbiFunction.Parse("WrongOperations(bytes32 prefix,bytes32 expected)"),
        AbiFunction.Parse("ProofRejected(uint256 batch)"),
        AbiFunction.Parse("WrongPayouts(bytes32 payouts,bytes32 expected)"),
    ];

    /// <summary>The signatures known here, for comparison with the contract.</summary>
    public static IEnumerable<AbiFunction> All => Passing.Concat(Final);

    /// <summary>Whether the same transaction may succeed later.</summary>
    public static bool MayPass(RevertData revert) => Passing.Any(revert.Is);

    /// <summary>The error with its arguments, e.g. <c>WrongOldRoot(12, 34)</c>.</summary>
    public static string Describe(RevertData revert)
    {
        try
        {
            return All.FirstOrDefault(revert.Is) is { } error ? $"{error.Signature[..error.Signature.IndexOf('(', StringComparison.Ordinal)]}({string.Join(", ", error.DecodeArguments(revert.Data).Select(Text))})" : revert.ToString();
        }
        catch (AbiException)
        {
            return revert.ToString();
        }
    }

    private static string Text(object value) => value is byte[] bytes ? Hex.Format(bytes) : Convert.ToString(value, CultureInfo.InvariantCulture)!;
}
