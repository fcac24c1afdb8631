using Rollup.Ethereum;

namespace Rollup.ProverBridge.Settlement;

/// <summary>Which of the vault's errors waiting can help.</summary>
internal static class VaultErrors
{
    /// <summary>Names of the errors that another transaction, a new block or the clock can change.</summary>
    public static readonly IReadOnlyList<string> Passing =
    [
        "ChallengeWindowOpen", "EpochClosesInFuture", "TooManyPendingBatches", "OperationsNotQueued", "NotCommitted", "NotProven", "WrongBatch",
    ];

    /// <summary>Whether the same transaction may succeed later.</summary>
    public static bool MayPass(RevertData revert) => VaultAbi.ErrorOf(revert) is { } error && Passing.Contains(error.Name);
}
