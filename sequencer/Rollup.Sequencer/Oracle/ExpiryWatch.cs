using Rollup.Oracle;
using Rollup.Protocol;
using Rollup.Risk;

namespace Rollup.Sequencer.Oracle;

/// <summary>One listed expiry of a margin group: the newest forward and surface, and its settlement price. One thread at a time.</summary>
/// <param name="at">Unix milliseconds.</param>
internal sealed class ExpiryWatch(long at)
{
    private const long One = SviSlice.One;
    private ExpiryReport? newest;
    private long seenAt = long.MinValue;

    internal long At => at;

    internal SettlementAverage Average { get; private set; } = new(at);

    /// <summary>Whether its options still need a surface that is newer than a time.</summary>
    internal bool IsWithoutSurface(long now, long oldest) => now < at && seenAt < oldest;

    /// <summary>Takes what the feed says; nothing new of this expiry leaves the last surface.</summary>
    /// <param name="time">Unix milliseconds of the observation.</param>
    internal void Report(long time, ExpiryReport report) => (newest, seenAt) = (report, time);

    /// <summary>Takes a fresh index of the underlying, 10^-6 USD a unit.</summary>
    internal void Sample(long time, long index) => Average = Average.Add(time, index);

    /// <summary>Judges the window once it is over.</summary>
    internal void Close(long now) => Average = Average.Close(now);

    /// <summary>Goes on from risk inputs, after a restart.</summary>
    /// <param name="time">When they were observed.</param>
    /// <param name="index">Of the underlying, 10^-6 USD a unit.</param>
    internal void Restore(long time, long index, ExpiryInput input)
    {
        Report(time, new ExpiryReport(at, input.Basis, input.Surface));
        Average = SettlementAverage.From(at, time, index, input.Average, input.Weight);
    }

    /// <summary>As risk inputs have it; null while no surface was ever seen.</summary>
    /// <param name="group">Margin group.</param>
    /// <param name="observedAt">The inputs' time.</param>
    /// <param name="index">Of the underlying, 10^-6 USD a unit.</param>
    internal ExpiryInput? Input(int group, long observedAt, long index)
    {
        // From the expiry on only the average counts: no forward runs ahead of the index, and no surface is asked for.
        bool isOver = observedAt >= at;
        if (newest is null && !isOver) return null;
        // Whoever is pending while the index doubles keeps the bound of the inputs rather than keep every epoch from opening.
        long average = Average.Covered == 0 ? 0 : Math.Clamp(Average.AverageOver(index), One / 2, 2 * One);
        return new ExpiryInput(group, Timestamp.FromMilliseconds(at), isOver ? 0 : newest!.Value.Basis, newest?.Surface ?? new SviSlice(0, 0, 0, 0, 1), average, Average.Weight);
    }
}
