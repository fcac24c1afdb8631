namespace Rollup.Sequencer.Core;

/// <summary>
/// How long proofs take, as the chain shows it: from a batch's seal, or from the proof before it where that came later. Kept in memory: a start knows nothing, and
/// only batches that it sealed itself are measured.
/// </summary>
internal sealed class ProofTimes
{
    /// <summary>Proofs that are remembered, and how many of them say something.</summary>
    internal const int Most = 100, Least = 20;

    private readonly Dictionary<uint, long> waiting = [];
    private readonly Queue<long> times = [];
    private long lastProven = long.MinValue;

    /// <summary>95th percentile, milliseconds, at least 1; null while fewer than <see cref="Least"/> are known.</summary>
    internal long? P95 { get; private set; }

    internal void Sealed(uint batch, long now) => waiting[batch] = now;

    internal void Proven(uint batch, long now)
    {
        if (waiting.Remove(batch, out long since))
        {
            times.Enqueue(Math.Max(1, now - Math.Max(since, lastProven)));
            if (times.Count > Most) times.Dequeue();
            if (times.Count >= Least) P95 = times.Order().ElementAt((times.Count * 95 - 1) / 100);
        }

        lastProven = now;
    }
}
