using Rollup.Protocol;
using Rollup.Risk;

namespace Rollup.Oracle;

/// <summary>
/// The settlement price of an expiry: the index's time-weighted mean over the last 30 minutes. A price holds until the next one, but no
/// longer than <see cref="MaxHold"/>; time behind that is a gap, and counts for nothing. If gaps leave less than <see cref="MinimumPercent"/> of the window, the
/// prices after the expiry count too, until that much is covered. A value: keep it, and what follows is the same everywhere.
/// </summary>
/// <param name="Expiry">Unix milliseconds.</param>
public sealed record SettlementAverage(long Expiry)
{
    /// <summary>Milliseconds that are averaged.</summary>
    public const long Window = ExpiryInput.SettlementWindow;

    /// <summary>Milliseconds that a price holds at most.</summary>
    public const long MaxHold = 10_000;

    /// <summary>The covered part of the window that makes a price, in percent.</summary>
    public const int MinimumPercent = 70;

    private const long Minimum = Window * MinimumPercent / 100;

    /// <summary>Sum of index x milliseconds covered: below 2^50 x 2^21 = 2^71.</summary>
    public Int128 Sum { get; private init; }

    /// <summary>Milliseconds covered, 0..<see cref="Window"/>.</summary>
    public long Covered { get; private init; }

    /// <summary>Time of the last price, 0 before the first.</summary>
    public long LastTime { get; private init; }

    /// <summary>The last price, 10^-6 USD a unit.</summary>
    public long LastIndex { get; private init; }

    /// <summary>The settlement price, 10^-6 USD a unit, rounded down; null while there is none. Written once.</summary>
    public long? Price { get; private init; }

    /// <summary>w, the weight of what has been averaged, in 10^-9 of the window.</summary>
    public int Weight => (int)(Covered * SviSlice.One / Window);

    /// <summary>A, the mean of what has been averaged, rounded down; 0 if nothing has been.</summary>
    public long Partial => Covered == 0 ? 0 : (long)Rounding.FloorDiv(Sum, Covered);

    /// <summary>A as risk inputs have it (<see cref="ExpiryInput.Average"/>): in 10^-9 of an index, rounded down.</summary>
    public long AverageOver(long index) => (long)Rounding.FloorDiv((Int128)Partial * SviSlice.One, index);

    /// <summary>Goes on from what risk inputs say of it (<see cref="ExpiryInput"/>): the covered time is exact, the mean within 10^-9 of an index.</summary>
    /// <param name="expiry">Unix milliseconds.</param>
    /// <param name="time">When the inputs were observed.</param>
    /// <param name="index">Theirs, 10^-6 USD a unit.</param>
    /// <param name="average">Mean so far, in 10^-9 of the index.</param>
    /// <param name="weight">Covered share of the window, in 10^-9.</param>
    public static SettlementAverage From(long expiry, long time, long index, long average, int weight)
    {
        // A millisecond of the window weighs 555 x 10^-9, so rounding up finds the one that was rounded down. 50 + 31 bits, and 21 more.
        long covered = (long)Rounding.CeilDiv((Int128)weight * Window, SviSlice.One);
        Int128 mean = Rounding.CeilDiv((Int128)average * index, SviSlice.One);
        return new SettlementAverage(expiry) { Covered = covered, Sum = mean * covered, LastTime = time, LastIndex = index };
    }

    /// <summary>
    /// The forward that prices an option inside its window: w A + (1 - w) F, rounded down. What is averaged is certain; the rest, gaps
    /// included, is worth the forward.
    /// </summary>
    /// <param name="forward">F, 10^-6 USD a unit; below 2^50 as the index.</param>
    public long EffectiveForward(long forward) => (long)Rounding.FloorDiv(Sum + (Int128)forward * (Window - Covered), Window);

    /// <summary>Takes a fresh index; earlier ones than the last, and all after there is a price, change nothing.</summary>
    /// <param name="time">Unix milliseconds of the observation.</param>
    /// <param name="index">10^-6 USD a unit, 1..2^50-1.</param>
    public SettlementAverage Add(long time, long index)
    {
        if (index is < 1 or >= UnderlyingReport.IndexBound) throw new ArgumentOutOfRangeException(nameof(index), index, "An index is 1..2^50-1.");
        return Price is not null || time <= LastTime ? this : Hold(time) with { LastTime = time, LastIndex = index };
    }

    /// <summary>Writes the price once the window is over and enough is covered; before that, and a second time, changes nothing.</summary>
    /// <param name="now">Unix milliseconds.</param>
    public SettlementAverage Close(long now)
    {
        if (Price is not null || now < Expiry) return this;
        SettlementAverage whole = Hold(now);
        return whole.Covered >= Minimum ? whole with { Price = whole.Partial } : this;
    }

    // The last price from its time to `until`: within the window all of it, behind it as much as the minimum lacks.
    private SettlementAverage Hold(long until)
    {
        if (LastTime == 0) return this;
        long end = Math.Min(until, LastTime + MaxHold);
        long within = Math.Max(0, Math.Min(end, Expiry) - Math.Max(LastTime, Expiry - Window));
        long behind = Math.Clamp(end - Math.Max(LastTime, Expiry), 0, Math.Max(0, Minimum - Covered - within));
        return this with { Sum = Sum + (Int128)LastIndex * (within + behind), Covered = Covered + within + behind };
    }
}
