using System.Collections.Immutable;
using Rollup.Protocol;
using Rollup.Risk.Pricing;

namespace Rollup.Risk;

/// <summary>What one scenario stresses (docs/RISK.md, Scenarios).</summary>
/// <param name="RangeThirds">Price move in thirds of the group's scan range.</param>
/// <param name="Volatility">Implied volatility: +1 up, -1 down.</param>
/// <param name="Twist">+1: volatility of early expiries up, of late ones down; -1: the reverse.</param>
/// <param name="Basis">Perpetual against its spot: -1, 0 or +1 times b; forwards of expiries the other way.</param>
/// <param name="Extreme">Which of the five moves beyond the range, with volatility up; -1: none.</param>
public readonly record struct Scenario(int RangeThirds, int Volatility = 0, int Twist = 0, int Basis = 0, int Extreme = -1)
{
    /// <summary>
    /// The 24 scenarios by index: 0 the mark itself; 1..14 price 0, +1/3, -1/3, +2/3, -2/3, +1, -1 of the range, each with volatility up,
    /// then down; 15, 16 volatility twist; 17, 18 basis; 19..23 extremes.
    /// </summary>
    public static readonly ImmutableArray<Scenario> All =
    [
        new(0),
        new(0, +1), new(0, -1), new(1, +1), new(1, -1), new(-1, +1), new(-1, -1),
        new(2, +1), new(2, -1), new(-2, +1), new(-2, -1), new(3, +1), new(3, -1), new(-3, +1), new(-3, -1),
        new(0, Twist: +1), new(0, Twist: -1),
        new(0, Basis: +1), new(0, Basis: -1),
        new(0, +1, Extreme: 0), new(0, +1, Extreme: 1), new(0, +1, Extreme: 2), new(0, +1, Extreme: 3), new(0, +1, Extreme: 4),
    ];
}

/// <summary>What the scenarios do to implied volatility at one time to expiry: factors in 10^-9, deviations (volatility x sqrt(time)) in Q58.</summary>
/// <param name="Up">Factor of the scenarios with volatility up.</param>
/// <param name="Down">Of those with volatility down, at least 0.</param>
/// <param name="FrontUp">Of the twist that raises early expiries.</param>
/// <param name="FrontDown">Of the twist that lowers them.</param>
/// <param name="Floor">Least deviation where volatility is up.</param>
/// <param name="Gap">Deviation of the vega gap.</param>
/// <param name="Penalty">Deviation that a forced trade may be off.</param>
public readonly record struct VolatilityShock(long Up, long Down, long FrontUp, long FrontDown, long Floor, long Gap, long Penalty)
{
    private const long One = 1_000_000_000;
    private const long Day = 86_400_000;

    /// <summary>
    /// Shocks scale with (pivot / max(days, 1))^p, p the near power up to the pivot and the far one after it; the twist ramps from the whole shock at half its pivot
    /// through 0 to the whole reverse at one and a half. Every quotient is rounded down.
    /// </summary>
    /// <param name="p">Valid parameters.</param>
    /// <param name="time">Milliseconds to expiry, 0..<see cref="ExpiryInput.MostAhead"/>.</param>
    public static VolatilityShock At(RiskParameters p, long time)
    {
        long days = Math.Max(time, Day), pivot = p.VolatilityPivot * Day;
        long scale = Power(pivot, days, days <= pivot ? p.NearExponent : p.FarExponent);
        // 21 + 40 bits: e^(ln 365 + 1) bounds the scale.
        long up = p.VolatilityUp * scale / 1_000_000, down = p.VolatilityDown * scale / 1_000_000;
        long half = p.TwistPivot * Day / 2;
        long share = Math.Clamp((p.TwistPivot * Day - days) * 1_000_000 / half, -1_000_000, 1_000_000) * p.Twist / 1_000_000;
        return new VolatilityShock(
            One + up, Math.Max(0, One - down), Twisted(share), Twisted(-share),
            Black76.DeviationOfVolatility(p.VolatilityFloor * 1_000L, time),
            Black76.DeviationOfVolatility(p.VegaGap * 1_000L, time),
            Black76.DeviationOfVolatility(p.OptionVolatilityPenalty * 1_000L, time));

        long Twisted(long by) => Math.Max(0, One + Rounding.FloorDiv((by > 0 ? up : down) * by, 1_000_000));
    }

    /// <summary>(a / b)^(p / 10^6) in 10^-9: e to the power p ln(a / b), within 10^-9 and a relative 2^-50.</summary>
    private static long Power(long a, long b, int p)
    {
        long ln = FixedMath.Ln(a) - FixedMath.Ln(b);
        // Q58 to Q57: below 7 x 2^57.
        long exponent = (long)((Int128)Math.Abs(ln) * p / 2_000_000);
        long power = FixedMath.ExpNegative(exponent);
        return (long)(ln >= 0 ? ((UInt128)One << 62) / (ulong)power : (UInt128)One * (ulong)power >> 62);
    }
}
