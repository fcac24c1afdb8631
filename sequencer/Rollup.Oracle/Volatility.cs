using Rollup.Protocol;
using Rollup.Risk.Pricing;

namespace Rollup.Oracle;

/// <summary>
/// Realised variance of an index: an exponentially weighted mean of squared returns over time. The return of two prices is 2 (p1 - p0) / (p1 + p0), which is
/// ln(p1 / p0) up to a twelfth of its cube. A value.
/// </summary>
/// <param name="Time">Unix milliseconds of the last price; 0 before the first.</param>
/// <param name="Index">The last price, 10^-6 USD a unit.</param>
/// <param name="Variance">Variance of a millisecond, 10^-18.</param>
public readonly record struct RealisedVariance(long Time, long Index, Int128 Variance)
{
    /// <summary>Milliseconds over which the weight of a return falls by the factor e.</summary>
    public const long Memory = 15 * 60 * 1000;

    /// <summary>Prices closer than this, in milliseconds, are passed over: bouncing between bid and ask is no volatility.</summary>
    public const long Interval = 5_000;

    /// <summary>A single return counts up to this, 10^-9: one wrong price is not a crash.</summary>
    public const long ReturnBound = 100_000_000;

    private const long One = 1_000_000_000;

    /// <summary>Takes a fresh price. After a pause of <see cref="Memory"/> or more, all there is to know is the one return across it.</summary>
    /// <param name="time">Unix milliseconds.</param>
    /// <param name="index">1..2^50-1.</param>
    public RealisedVariance Add(long time, long index)
    {
        if (Time == 0) return new RealisedVariance(time, index, 0);
        long elapsed = time - Time;
        if (elapsed < Interval) return this;
        // 2^51 x 2^30 = 2^81; squared returns are below 2^54.
        long change = (long)Int128.Clamp(Rounding.FloorDiv((Int128)2 * One * (index - Index), (Int128)index + Index), -ReturnBound, ReturnBound);
        long weight = Math.Min(elapsed, Memory);
        // Variance + (change^2 / elapsed - Variance) x weight / Memory, at one division: 2^54 x 2^20 and 2^42 x 2^20 x elapsed 2^44.
        Int128 sum = Variance * (Memory - weight) * elapsed + (Int128)change * change * weight;
        return new RealisedVariance(time, index, Rounding.CeilDiv(sum, (Int128)Memory * elapsed));
    }

    /// <summary>The standard deviation of the return over a time, 10^-9, rounded down.</summary>
    /// <param name="milliseconds">1..2^40.</param>
    public long Deviation(long milliseconds) => FixedMath.Sqrt((UInt128)(Variance * milliseconds));
}
