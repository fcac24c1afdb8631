using Rollup.Ethereum;
using Rollup.Protocol;
using Rollup.StateVerifier.Checks;

namespace Rollup.StateVerifier.Chain;

/// <summary>A block of L1. Timestamp in Unix seconds.</summary>
public sealed record L1Block(ulong Number, Bytes32 Hash, ulong Timestamp)
{
    internal static L1Block? From(Block? block) => block is null ? null : new L1Block(block.Number, block.Hash, block.Timestamp);
}

/// <summary>A transaction of L1 and its input; the block is null while it is in none.</summary>
public sealed record L1Transaction(Bytes32 Hash, Address? To, byte[] Input, ulong? BlockNumber, Bytes32? BlockHash)
{
    internal static L1Transaction? From(Transaction? t) => t is null ? null : new L1Transaction(t.Hash, t.To, t.Input, t.BlockNumber, t.BlockHash);
}

/// <summary>What L1 answered about a vault at one block; nothing of it is checked yet.</summary>
/// <param name="FromBlock">Where the logs start.</param>
/// <param name="Head">The block that all answers stand at.</param>
/// <param name="Answers">Raw results by the signature of <see cref="VaultContract"/>'s functions; a verifier's key by signature and address.</param>
/// <param name="Logs">The vault's logs up to the head, in the order they came.</param>
public sealed record VaultSnapshot(
    ulong ChainId, Address Vault, ulong FromBlock, L1Block Head, IReadOnlyDictionary<string, byte[]> Answers, IReadOnlyList<Log> Logs)
{
    /// <summary>The decoded result of one function.</summary>
    /// <exception cref="CheckFailedException">It is missing or does not decode.</exception>
    /// <param name="name">What the answer is kept under; absent = the function's signature.</param>
    public T Read<T>(AbiFunction function, string? name = null) => Answers.TryGetValue(name ?? function.Signature, out byte[]? answer)
        ? (T)VaultContract.Decode(function, answer)
        : throw new CheckFailedException(Check.Parameters, $"there is no answer to {function}");
}

/// <summary>What L1 answered about one batch; nothing of it is checked yet.</summary>
/// <param name="Record">Raw result of <c>batches(batch)</c>.</param>
/// <param name="Commit">The transaction that the commit's log names; null if L1 does not know it.</param>
/// <param name="CommitBlock">The block that the commit's log names.</param>
/// <param name="Proof">The transaction that the proof's log names; null where there is none.</param>
public sealed record BatchEvidence(uint Batch, byte[] Record, L1Transaction? Commit, L1Block? CommitBlock, L1Transaction? Proof);

/// <summary>The vault's logs about one batch.</summary>
/// <param name="DataHash">keccak256 of the published words.</param>
/// <param name="Proven">null while it is not proven.</param>
public sealed record BatchEvents(uint Batch, Log Committed, Bytes32 NewRoot, Bytes32 RiskRoot, Bytes32 DataHash, Log? Proven, Log? Finalized)
{
    public BatchStatus Status => Finalized is not null ? BatchStatus.Final : Proven is not null ? BatchStatus.Proven : BatchStatus.Committed;
}

/// <summary>The contract's <c>BatchStatus</c>.</summary>
public enum BatchStatus
{
    None,
    Committed,
    Proven,
    Final,
}

/// <summary>Where the answers come from: an L1 endpoint, or a copy of its answers.</summary>
public interface IVaultSource
{
    /// <summary>Reads all that does not concern one batch alone.</summary>
    Task<VaultSnapshot> ReadSnapshotAsync(IProgress<ReadProgress>? progress, CancellationToken cancellation);

    /// <summary>Reads what the batch's logs point to. Several batches may be read at once.</summary>
    Task<BatchEvidence> ReadBatchAsync(VaultSnapshot snapshot, BatchEvents events, CancellationToken cancellation);

    /// <summary>Makes sure that the block of the snapshot is still the chain's, so that all answers belong together.</summary>
    /// <exception cref="ChainReorganisedException">It is not.</exception>
    Task ConfirmAsync(VaultSnapshot snapshot, CancellationToken cancellation);
}

/// <summary>How far the work is; <paramref name="Unit"/> says of what: blocks or batches.</summary>
public readonly record struct ReadProgress(string Unit, ulong Done, ulong Total);

/// <summary>The chain reorganised while it was read: nothing is known to be wrong, and reading again helps.</summary>
public sealed class ChainReorganisedException(string message) : Exception(message);
