namespace Rollup.Sequencer.Tests;

/// <summary>A wall clock that a test moves. Durations and timers stay real.</summary>
internal sealed class ManualClock : TimeProvider
{
    private long milliseconds = 1_800_000_000_000;

    internal long Now => Interlocked.Read(ref milliseconds);

    internal void Advance(long by) => Interlocked.Add(ref milliseconds, by);

    public override DateTimeOffset GetUtcNow() => DateTimeOffset.FromUnixTimeMilliseconds(Now);
}
