using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Rollup.Protocol;
using Rollup.Risk.Pricing;

namespace Rollup.Risk;

/// <summary>
/// Rows of the options of one expiry and one index (formulas and proofs: docs/RISK.md). A call is priced once a strike, at about sixty points; the put follows by parity, its
/// gaps are the call's. Values are in 2^-24 atoms until they enter a row.
/// </summary>
internal sealed class OptionRows
{
    private const int Unit = 1_000_000;
    private const long One = SviSlice.One;
    private const int Fraction = Black76.FractionBits;

    // Points at which a long is priced: each of the two volatilities at 13 forwards (7 nodes of the scan and the middles between them), then twist, basis and extremes.
    private const int Grid = 13, Others = 9, Longs = 2 * Grid + Others;
    private const int Shorts = Longs, Base = Shorts + Bound.Scenarios - 1, Penalised = Base + 1, Points = Penalised + 1;

    private readonly RiskInputs inputs;
    private readonly ExpiryInput expiry;
    private readonly long index;
    private readonly VolatilityShock shock;
    private readonly bool isPending;
    private readonly long[] forwards = new long[Points], deviations = new long[Points], calls = new long[Points];
    private readonly long[] gaps = new long[2 * 7];
    private long strike;

    /// <summary>Point of the long value of each scenario from 1 on; short values follow in the order of scenarios.</summary>
    private static readonly int[] LongPoint = [.. Scenario.All.Skip(1).Select((s, i) => i < 14 ? GridPoint(s) : 2 * Grid + i - 14)];

    internal OptionRows(RiskInputs inputs, ExpiryInput expiry, long index)
    {
        (this.inputs, this.expiry, this.index) = (inputs, expiry, index);
        long time = expiry.ExpiresAt.Milliseconds - inputs.ObservedAt.Milliseconds;
        isPending = time <= 0;
        shock = VolatilityShock.At(inputs.Parameters, Math.Max(0, time));

        int range = inputs.ScanRangeOf(expiry.Group)!.Value;
        for (int i = 0; i < Grid; i++) forwards[i] = forwards[Grid + i] = Forward((long)range * (i - 6), 6L * Unit, 0);
        for (int s = 1; s < Bound.Scenarios; s++)
        {
            Scenario scenario = Scenario.All[s];
            if (scenario.Extreme >= 0) forwards[LongPoint[s - 1]] = Forward(inputs.Parameters.Extremes[scenario.Extreme].MoveSixths, 6, 0);
            else if (s > 14) forwards[LongPoint[s - 1]] = Forward(0, 1, -scenario.Basis * Math.Max(0, time));
            forwards[Shorts + s - 1] = forwards[LongPoint[s - 1]];
        }

        forwards[Base] = forwards[Penalised] = Forward(0, 1, 0);
    }

    /// <summary>Prices a strike; <see cref="Row"/> then makes its rows.</summary>
    internal void Price(long atStrike)
    {
        strike = atStrike;
        long deviation = isPending ? 0 : Black76.DeviationOfVariance(Variance(expiry.Surface, strike, Unaveraged()));
        long up = Math.Max(Scaled(deviation, shock.Up), shock.Floor), down = Scaled(deviation, shock.Down);
        for (int i = 0; i < Grid; i++)
        {
            deviations[i] = Lowered(up);
            deviations[Grid + i] = Lowered(down);
        }

        for (int s = 1; s < Bound.Scenarios; s++)
        {
            long stressed = Scenario.All[s] switch
            {
                { Twist: +1 } => Scaled(deviation, shock.FrontUp),
                { Twist: -1 } => Scaled(deviation, shock.FrontDown),
                { Volatility: +1 } => up,
                { Volatility: -1 } => down,
                _ => deviation,
            };
            if (s > 14) deviations[LongPoint[s - 1]] = Lowered(stressed);
            deviations[Shorts + s - 1] = Remaining(stressed + shock.Gap);
        }

        deviations[Base] = Remaining(deviation);
        deviations[Penalised] = Remaining(deviation + shock.Penalty);
        Black76.Calls(strike, forwards, deviations, calls);
        if (inputs.Parameters.ChordGap == 1)
        {
            FindGaps(0);
            FindGaps(Grid);
        }
    }

    /// <summary>The row of a call or put of the strike priced last.</summary>
    /// <param name="t">The instrument.</param>
    /// <param name="concentration">Its charge, 10^-6 of the value.</param>
    internal RiskRow Row(InstrumentInput t, int concentration)
    {
        RiskParameters p = inputs.Parameters;
        bool isPut = t.Kind == InstrumentKind.Put;
        long mark = Value(isPut, Base), minimum = Rounding.CeilDiv(index * p.ShortOptionMinimum, Unit);
        long @base = mark >> Fraction;
        var longs = new long[Bound.Scenarios];
        var shorts = new long[Bound.Scenarios];
        longs[0] = shorts[0] = @base;
        for (int s = 1; s < Bound.Scenarios; s++)
        {
            int point = LongPoint[s - 1];
            long error = Black76.Error(forwards[point], strike);
            long low = Math.Max(0, Value(isPut, point) - error), gap = point < 2 * Grid ? gaps[point / Grid * 7 + point % Grid / 2] : 0;
            long high = Value(isPut, Shorts + s - 1) + error;
            if (Scenario.All[s].Extreme is var extreme and >= 0)
            {
                // 60 + 20 bits.
                int counted = p.Extremes[extreme].Counted;
                low = (long)Rounding.FloorDiv((Int128)mark * (Unit - counted) + (Int128)low * counted, Unit);
                high = (long)Rounding.CeilDiv((Int128)mark * (Unit - counted) + (Int128)high * counted, Unit);
            }

            // Below 0 where a cell hides the bend: a floor at 0 would lift the chord above the curve again.
            longs[s] = (long)Rounding.FloorDiv((Int128)low * (Unit - concentration) - (Int128)gap * Unit, (Int128)Unit << Fraction);
            shorts[s] = (long)Rounding.CeilDiv((Int128)high * (Unit + concentration), (Int128)Unit << Fraction) + minimum;
        }

        long priceBound = Math.Max(
            Math.Max(Rounding.CeilDiv(@base * p.OptionMarkPenalty, Unit), Rounding.CeilDiv(index * p.OptionIndexPenalty, Unit)),
            Rounding.CeilDiv(Math.Max(0, calls[Penalised] - calls[Base]), 1L << Fraction));
        return new RiskRow(t.Id, t.Kind, t.Flags, t.Group, t.Index, @base, 0, priceBound,
            ImmutableCollectionsMarshal.AsImmutableArray(longs), ImmutableCollectionsMarshal.AsImmutableArray(shorts));
    }

    private static int GridPoint(Scenario s) => (s.Volatility > 0 ? 0 : Grid) + 6 + 2 * s.RangeThirds;

    /// <summary>call - (F - K), never below 0.</summary>
    private long Value(bool isPut, int point) => isPut ? Math.Max(0, calls[point] - ((forwards[point] - strike) << Fraction)) : calls[point];

    /// <summary>index x (1 + basis), before any settlement sample; rounded down, at least 1.</summary>
    private long Unaveraged() => Math.Max(1, (long)((Int128)index * (One + expiry.Basis) / One));

    /// <summary>
    /// The effective forward, weight x average + (1 - weight) x forward x (1 + move), and b x time of the index with it; a pending option's average moves along.
    /// Rounded down once, at least 1.
    /// </summary>
    private long Forward(long move, long per, long basisTime)
    {
        // 32 bits of index x 31 of 1 + basis x 30 of weight: in 10^-18; moves multiply by less than 2^23 x 4.
        Int128 moved = (Int128)(One - expiry.Weight) * (One + expiry.Basis) + (isPending ? (Int128)expiry.Weight * expiry.Average : 0);
        Int128 value = moved * index / per * (per + move);
        if (!isPending) value += (Int128)expiry.Weight * expiry.Average * index;
        // 32 + 17 + 37 + 30 bits; 10^9 x ppm to 10^18.
        value += Rounding.FloorDiv((Int128)index * inputs.Parameters.Basis * basisTime * (One - expiry.Weight), 365 * 86_400_000L) * 1_000;
        return Math.Max(1, (long)Rounding.FloorDiv(value, (Int128)One * One));
    }

    /// <summary>Total variance in Q56 at k = ln(strike / forward); every product is rounded down, and the whole is within 0 .. 128 (exclusive).</summary>
    private static long Variance(SviSlice w, long strike, long forward)
    {
        // Q50: |k - m| < 125 and sigma <= 100, so 57 bits, the squares together below 2^115; the last product has 59 + 37 bits.
        Int128 x = ((FixedMath.Ln(strike) - FixedMath.Ln(forward)) >> 8) - Rounding.FloorDiv((Int128)w.M << 50, One);
        Int128 sigma = ((Int128)w.Sigma << 50) / One;
        Int128 root = FixedMath.Sqrt((UInt128)(x * x + sigma * sigma));
        Int128 inner = Int128.Max(0, Rounding.FloorDiv(x * w.Rho, One) + root);
        Int128 variance = Rounding.FloorDiv((Int128)w.A << 50, One) + inner * w.B / One;
        return (long)Int128.Clamp(variance, 0, (128L << 50) - 1) << 6;
    }

    private long Lowered(long stressed) => Remaining(Math.Max(0, stressed - shock.Gap));

    /// <summary>The part of a deviation that the settlement window still leaves open, at most what the pricing takes.</summary>
    private long Remaining(long deviation) => Scaled(Math.Min(deviation, Black76.SaturatedDeviation), One - expiry.Weight);

    private static long Scaled(long deviation, long factor) => (long)Int128.Min((Int128)deviation * factor / One, Black76.SaturatedDeviation);

    /// <summary>
    /// For each node of one volatility the largest distance between the price curve and its chord in the adjacent cells. In a cell the curve lies above its tangents at both
    /// ends and the middle; the chord is furthest from them where two of them meet.
    /// </summary>
    private void FindGaps(int first)
    {
        int to = first / Grid * 7;
        gaps.AsSpan(to, 7).Clear();
        long lnStrike = FixedMath.Ln(strike);
        (long Low, long High) a = Slope(first, lnStrike);
        for (int cell = 0; cell < 6; cell++)
        {
            int left = first + 2 * cell;
            (long Low, long High) middle = Slope(left + 1, lnStrike), b = Slope(left + 2, lnStrike);
            long gap = CellGap(left, a.Low, middle, b.High);
            gaps[to + cell] = Math.Max(gaps[to + cell], gap);
            gaps[to + cell + 1] = gap;
            a = b;
        }
    }

    private long CellGap(int left, long slopeLeft, (long Low, long High) slopeMiddle, long slopeRight)
    {
        long width = forwards[left + 2] - forwards[left], toMiddle = forwards[left + 1] - forwards[left], toRight = width - toMiddle;
        if (width == 0) return 0;
        long rise = (long)Rounding.CeilDiv((Int128)(calls[left + 2] - calls[left]) * toMiddle, width);
        long fall = calls[left + 2] - calls[left] - rise;
        long middle = Math.Max(0, rise - (calls[left + 1] - calls[left]));
        long gap = Math.Max(
            Meet(rise - Run(slopeLeft, toMiddle), Run(slopeMiddle.High, toMiddle) - rise + 1, middle),
            Meet(Run(slopeRight, toRight) - fall + 1, fall - Run(slopeMiddle.Low, toRight) + 1, middle));
        // Three values of the curve and the chord of two of them, each within its error, and the roundings above.
        return gap + 4 * Black76.Error(forwards[left + 2], strike) + 4;
    }

    /// <summary>
    /// Highest point below both of two lines over half a cell: 0 rising to <paramref name="p"/>, and <paramref name="middle"/> + <paramref name="q"/> falling to
    /// <paramref name="middle"/>: p (middle + q) / (p + q), rounded up.
    /// </summary>
    private static long Meet(long p, long q, long middle) =>
        q <= 0 ? middle : p <= 0 ? 0 : (long)Math.Max(middle, (long)Rounding.CeilDiv((Int128)p * (middle + q), (Int128)p + q));

    /// <summary>slope (Q62) x length in atoms, in 2^-24 atoms, rounded down.</summary>
    private static long Run(long slope, long length) => (long)((Int128)slope * length >> (62 - Fraction));

    /// <summary>
    /// Bounds of the slope N(d1) in Q62. ln F - ln K is within 2^-55 of the exact one, so d1 within 2^-54 / v, and N within 2^-55 beside: a tiny v leaves 0..1.
    /// </summary>
    private (long Low, long High) Slope(int point, long lnStrike)
    {
        long v = deviations[point];
        if (v == 0) return forwards[point] < strike ? (0, 0) : forwards[point] > strike ? (FixedMath.One, FixedMath.One) : (0, FixedMath.One);
        Int128 d1 = Rounding.FloorDiv((Int128)(FixedMath.Ln(forwards[point]) - lnStrike) << 58, v) + (v >> 1);
        long slope = FixedMath.NormalCdf((long)Int128.Clamp(d1, -FixedMath.Tail, FixedMath.Tail));
        // 2^-54 / v in Q62 is 2^66 / v for v in Q58.
        long slack = (long)Int128.Min(((Int128)1 << 66) / v + (1 << 8), FixedMath.One);
        return (Math.Max(0, slope - slack), Math.Min(FixedMath.One, slope + slack));
    }
}
