using Rollup.Api;
using Rollup.Crypto;
using Rollup.Engine;

namespace Rollup.Sequencer.Core;

/// <summary>The batches and how far each has come.</summary>
internal sealed class BatchBook
{
    /// <summary>Final batches beyond this many are forgotten; the chain has them.</summary>
    private const int MaxKept = 10_000;

    private readonly SortedDictionary<uint, BatchView> batches = [];

    /// <summary>All known, ascending.</summary>
    internal IEnumerable<BatchView> All => batches.Values;

    internal BatchView? this[uint batch] => batches.GetValueOrDefault(batch);

    internal uint LastSealed { get; private set; }
    internal uint LastProven { get; private set; }
    internal uint LastFinal { get; private set; }

    /// <summary>Sealed and not proven.</summary>
    internal int Unproven => (int)(LastSealed - LastProven);

    /// <summary>What they put at risk together, atoms (<see cref="SealedBatch.AtRisk"/>).</summary>
    internal Int128 AtRisk { get; private set; }

    /// <summary>Newest first.</summary>
    internal IReadOnlyList<BatchView> Newest(int count) => [.. batches.Values.Reverse().Take(count)];

    internal BatchView Open(uint batch, long time) => Put(new BatchView(batch, BatchStage.Accepted, time, 0, 0));

    /// <summary>Counts what executed in the open batch. A sealed one stays as it is: a cancel without proof works after it, and is not part of it.</summary>
    internal void Count(uint batch, int requests, int fills)
    {
        if (batches.TryGetValue(batch, out BatchView? view) && view.Stage < BatchStage.Sealed)
            batches[batch] = view with { Stage = BatchStage.Executed, Requests = view.Requests + requests, Fills = view.Fills + fills };
    }

    internal BatchView Seal(SealedBatch batch)
    {
        LastSealed = batch.Header.Batch;
        long atRisk = batch.AtRisk();
        AtRisk += atRisk;
        BatchView open = batches.GetValueOrDefault(LastSealed) ?? new BatchView(LastSealed, BatchStage.Executed, batch.Header.Open, 0, 0);
        return Put(open with
        {
            Stage = BatchStage.Sealed,
            Close = batch.Header.Close,
            Blocks = batch.Blocks.Length,
            Rows = batch.Rows.Length,
            Operations = batch.Operations.Length,
            OldRoot = batch.OldRoot,
            NewRoot = batch.NewRoot,
            AtRisk = atRisk,
        });
    }

    /// <summary>Takes a step that the chain shows.</summary>
    /// <returns>The batch as it is now; null if the step was known.</returns>
    /// <exception cref="SafeStopException">The chain's batch is not ours.</exception>
    internal BatchView? Advance(BatchStage stage, uint batch, Fr? newRoot, ulong block)
    {
        if (!batches.TryGetValue(batch, out BatchView? view))
        {
            if (batch <= LastFinal) return null;
            throw new SafeStopException($"The chain shows batch {batch} as {Name.Of(stage)}, and the sequencer has never sealed it: the vault has another operator, or the data directory is not its own.");
        }

        if (view.Stage < BatchStage.Sealed || (newRoot is { } root && view.NewRoot != root))
            throw new SafeStopException($"The chain shows batch {batch} as {Name.Of(stage)} with root {newRoot?.ToHex() ?? "unknown"}, and the sequencer's is {view.NewRoot?.ToHex() ?? "not sealed"}.");
        if (view.Stage >= stage) return null;
        if (stage >= BatchStage.Proven)
        {
            LastProven = Math.Max(LastProven, batch);
            if (view.Stage < BatchStage.Proven) AtRisk -= view.AtRisk ?? 0;
        }

        if (stage == BatchStage.Final) LastFinal = batch;
        return Put(stage switch
        {
            BatchStage.Committed => view with { Stage = stage, CommittedBlock = block },
            BatchStage.Proven => view with { Stage = stage, ProvenBlock = block },
            _ => view with { Stage = stage, FinalBlock = block },
        });
    }

    /// <summary>Takes over what a snapshot kept.</summary>
    internal void Restore(IEnumerable<BatchView> views)
    {
        foreach (BatchView view in views)
        {
            batches[view.Batch] = view;
            if (view.Stage >= BatchStage.Sealed) LastSealed = view.Batch;
            if (view.Stage >= BatchStage.Proven) LastProven = view.Batch;
            else if (view.Stage >= BatchStage.Sealed) AtRisk += view.AtRisk ?? 0;
            if (view.Stage == BatchStage.Final) LastFinal = view.Batch;
        }
    }

    private BatchView Put(BatchView view)
    {
        batches[view.Batch] = view;
        while (batches.Count > MaxKept && batches.First() is { Value.Stage: BatchStage.Final } oldest) batches.Remove(oldest.Key);
        return view;
    }
}
