using Rollup.StateVerifier.Accounts;
using Rollup.StateVerifier.Chain;

namespace Rollup.StateVerifier.Checks;

/// <summary>A vault's whole history, for which every check holds.</summary>
public sealed record VerifiedHistory(VaultSnapshot Snapshot, VaultParameters Parameters, VaultEvents Events, BatchChain Chain);

/// <summary>Reads a vault's history from its start and checks all of it.</summary>
public static class HistoryCheck
{
    // Hides the endpoint's latency; few enough for a public endpoint's rate limit.
    private const int ReadAhead = 4;

    /// <summary>Runs every check that does not concern a single account.</summary>
    /// <param name="accounts">The accounts whose leaves are wanted.</param>
    /// <param name="onBatch">Gets each batch as soon as it is checked.</param>
    /// <param name="judge">Otherwise only final batches are taken, by <see cref="BatchChain.Rebuild"/>: for who leaves a frozen vault.</param>
    /// <exception cref="CheckFailedException">A check fails.</exception>
    /// <exception cref="ChainReorganisedException"/>
    public static async Task<VerifiedHistory> RunAsync(
        IVaultSource source, Pins pins, AccountQuery accounts, IProgress<ReadProgress>? progress = null, Action<BatchReport>? onBatch = null, bool judge = true, CancellationToken cancellation = default)
    {
        VaultSnapshot snapshot = await source.ReadSnapshotAsync(progress, cancellation);
        VaultParameters parameters = VaultParameters.From(snapshot, pins);
        VaultEvents events = VaultEvents.From(snapshot, parameters);
        var chain = new BatchChain(parameters, events, accounts.Candidates(events));
        BatchEvents[] batches = [.. events.Batches.Where(b => judge || b.Status == BatchStatus.Final)];
        await foreach ((BatchEvents batch, BatchEvidence evidence) in ReadBatchesAsync(source, snapshot, batches, cancellation))
        {
            BatchReport report = judge ? chain.Append(batch, evidence) : chain.Rebuild(batch, evidence);
            onBatch?.Invoke(report);
            progress?.Report(new ReadProgress("batches", batch.Batch, (ulong)batches.Length));
        }

        await source.ConfirmAsync(snapshot, cancellation);
        return new VerifiedHistory(snapshot, parameters, events, chain);
    }

    /// <summary>What L1 says about each batch, in order; nothing of it is checked.</summary>
    public static async IAsyncEnumerable<(BatchEvents Batch, BatchEvidence Evidence)> ReadBatchesAsync(
        IVaultSource source, VaultSnapshot snapshot, IReadOnlyList<BatchEvents> batches, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
    {
        var ahead = new Queue<Task<BatchEvidence>>();
        int next = 0;
        foreach (BatchEvents batch in batches)
        {
            for (; next < batches.Count && ahead.Count < ReadAhead; next++) ahead.Enqueue(source.ReadBatchAsync(snapshot, batches[next], cancellation));
            yield return (batch, await ahead.Dequeue());
        }
    }
}
