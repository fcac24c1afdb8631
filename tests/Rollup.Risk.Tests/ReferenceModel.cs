using Rollup.Protocol;

namespace Rollup.Risk.Tests;

/// <summary>The method of docs/RISK.md a second time, in doubles and from the document alone: shares no code with the rows beyond the types of the inputs.</summary>
internal static class ReferenceModel
{
    private const double Year = 365 * 86_400_000.0;

    /// <summary>Long and short value a lot of one instrument in the 24 scenarios.</summary>
    public static (double[] Long, double[] Short) Row(RiskInputs inputs, InstrumentInput t)
    {
        var longs = new double[24];
        var shorts = new double[24];
        RiskParameters p = inputs.Parameters;
        double range = inputs.Groups.Single(g => g.Group == t.Group).ScanRange / 1e6;
        if (t.Kind != InstrumentKind.Spot && t.Flags != InstrumentFlags.None)
        {
            Array.Fill(longs, t.Mark - t.Funding);
            Array.Fill(shorts, t.Mark - t.Funding);
            return (longs, shorts);
        }

        bool option = t.Kind is InstrumentKind.Call or InstrumentKind.Put;
        double concentration = Math.Min(p.ConcentrationCap, Math.Ceiling(p.ConcentrationPerMillionUsd * (double)t.OpenInterest * (option ? t.Index : t.Mark) / 1e12)) / 1e6;
        Curve? curve = option ? new Curve(inputs, t) : null;
        double mark = option ? curve!.Value(0, 0, curve.Deviation) : t.Mark - t.Funding;
        longs[0] = shorts[0] = mark;
        for (int s = 1; s < 24; s++)
        {
            (double move, int volatility, int twist, int basis, double counted) = Scenario(p, range, s);
            if (!option)
            {
                double change = t.Mark * (move * counted + (t.Kind == InstrumentKind.Perpetual ? basis * p.Basis / 1e6 : 0));
                double gap = t.Mark * ((t.Kind == InstrumentKind.Perpetual ? p.PerpContingency : p.SpotHaircut) / 1e6 + concentration);
                longs[s] = mark + change - gap;
                shorts[s] = mark + change + (t.Kind == InstrumentKind.Perpetual ? gap : 0);
                continue;
            }

            double deviation = curve!.Stressed(volatility, twist);
            double low = curve.Value(move, -basis, deviation - curve.Gap), high = curve.Value(move, -basis, deviation + curve.Gap);
            double chord = s <= 14 && p.ChordGap == 1 ? curve.ChordGap(move, range, deviation - curve.Gap) : 0;
            longs[s] = (mark + counted * (low - mark)) * (1 - concentration) - chord;
            shorts[s] = (mark + counted * (high - mark)) * (1 + concentration) + t.Index * p.ShortOptionMinimum / 1e6;
        }

        return (longs, shorts);
    }

    /// <summary>The requirement of a book: what must be held beyond its mark value, each group at its own worst.</summary>
    public static double Requirement(RiskInputs inputs, IEnumerable<(InstrumentInput Instrument, long Size)> book)
    {
        double requirement = 0;
        foreach (var group in book.GroupBy(b => b.Instrument.Group))
        {
            var e = new double[24];
            foreach ((InstrumentInput t, long size) in group)
            {
                (double[] longs, double[] shorts) = Row(inputs, t);
                for (int s = 0; s < 24; s++) e[s] += size * (size > 0 ? longs[s] : shorts[s]);
            }

            requirement += e[0] - e.Min();
        }

        return requirement;
    }

    public static (double Move, int Volatility, int Twist, int Basis, double Counted) Scenario(RiskParameters p, double range, int s)
    {
        double[] thirds = [0, 1, -1, 2, -2, 3, -3];
        return s switch
        {
            <= 14 => (thirds[(s - 1) / 2] * range / 3, s % 2 == 1 ? 1 : -1, 0, 0, 1),
            15 or 16 => (0, 0, s == 15 ? 1 : -1, 0, 1),
            17 or 18 => (0, 0, 0, s == 17 ? 1 : -1, 1),
            _ => (p.Extremes[s - 19].MoveSixths / 6.0, 1, 0, 0, p.Extremes[s - 19].Counted / 1e6),
        };
    }

    /// <summary>One option's price as a function of the move, the basis move and the deviation.</summary>
    public sealed class Curve
    {
        private readonly RiskInputs inputs;
        private readonly InstrumentInput option;
        private readonly ExpiryInput expiry;
        private readonly double days, years, weight, up, down;

        public Curve(RiskInputs inputs, InstrumentInput option)
        {
            (this.inputs, this.option) = (inputs, option);
            expiry = inputs.Expiries.Single(e => e.Group == option.Group && e.ExpiresAt == option.ExpiresAt);
            double time = Math.Max(0, expiry.ExpiresAt.Milliseconds - inputs.ObservedAt.Milliseconds);
            IsPending = time == 0;
            (years, days, weight) = (time / Year, Math.Max(1, time / 86_400_000.0), expiry.Weight / 1e9);
            RiskParameters p = inputs.Parameters;
            double scale = Math.Pow(p.VolatilityPivot / days, (days <= p.VolatilityPivot ? p.NearExponent : p.FarExponent) / 1e6);
            (up, down) = (p.VolatilityUp / 1e6 * scale, p.VolatilityDown / 1e6 * scale);
            SviSlice w = expiry.Surface;
            double k = Math.Log(option.Strike / (option.Index * (1 + expiry.Basis / 1e9))) - w.M / 1e9;
            double variance = (w.A + w.B * (w.Rho / 1e9 * k + Math.Sqrt(k * k + w.Sigma / 1e9 * (w.Sigma / 1e9)))) / 1e9;
            Deviation = IsPending ? 0 : Math.Sqrt(Math.Max(0, variance));
        }

        public bool IsPending { get; }

        public double Deviation { get; }

        public double Gap => inputs.Parameters.VegaGap / 1e6 * Math.Sqrt(years);

        public double Stressed(int volatility, int twist)
        {
            RiskParameters p = inputs.Parameters;
            if (volatility > 0) return Math.Max(Deviation * (1 + up), p.VolatilityFloor / 1e6 * Math.Sqrt(years));
            if (volatility < 0) return Deviation * Math.Max(0, 1 - down);
            double share = twist * p.Twist / 1e6 * Math.Clamp((p.TwistPivot - days) / (p.TwistPivot / 2.0), -1, 1);
            return Deviation * Math.Max(0, 1 + share * (share > 0 ? up : down));
        }

        public double Forward(double move, int basis)
        {
            double forward = option.Index * ((1 + expiry.Basis / 1e9) * (1 + move) + basis * inputs.Parameters.Basis / 1e6 * years);
            return weight * option.Index * (expiry.Average / 1e9) * (IsPending ? 1 + move : 1) + (1 - weight) * forward;
        }

        public double Value(double move, int basis, double deviation) => Black(Forward(move, basis), option.Strike, Math.Max(0, deviation) * (1 - weight), option.Kind == InstrumentKind.Put);

        public double Slope(double move, double deviation)
        {
            double v = Math.Max(0, deviation) * (1 - weight), f = Forward(move, 0);
            double delta = v == 0 ? (f > option.Strike ? 1 : 0) : Normal(Math.Log(f / option.Strike) / v + v / 2);
            return option.Kind == InstrumentKind.Put ? delta - 1 : delta;
        }

        /// <summary>Of the cells beside a node: how far the chord is above the highest of the tangents at both ends and the middle.</summary>
        public double ChordGap(double move, double range, double deviation)
        {
            double largest = 0, third = range / 3;
            foreach (double from in new[] { move - third, move })
            {
                if (from < -range - 1e-12 || from + third > range + 1e-12) continue;
                (double x, double v, double slope)[] tangents = [.. new[] { from, from + third / 2, from + third }.Select(x => (Forward(x, 0), Value(x, 0, deviation), Slope(x, deviation)))];
                double rise = (tangents[2].v - tangents[0].v) / (tangents[2].x - tangents[0].x);
                for (int i = 0; i < 2; i++)
                {
                    (double x, double v, double slope) a = tangents[i], b = tangents[i + 1];
                    double meet = b.slope - a.slope < 1e-15 ? a.x : Math.Clamp((a.v - a.slope * a.x - b.v + b.slope * b.x) / (b.slope - a.slope), a.x, b.x);
                    largest = Math.Max(largest, tangents[0].v + rise * (meet - tangents[0].x) - Math.Max(a.v + a.slope * (meet - a.x), b.v + b.slope * (meet - b.x)));
                }
            }

            return largest;
        }

        /// <summary>The same, of the curve itself: sampled.</summary>
        public double SampledGap(double move, double range, double deviation)
        {
            double largest = 0, third = range / 3;
            foreach (double from in new[] { move - third, move })
            {
                if (from < -range - 1e-12 || from + third > range + 1e-12) continue;
                double left = Value(from, 0, deviation), right = Value(from + third, 0, deviation);
                for (int i = 1; i < 400; i++) largest = Math.Max(largest, left + (right - left) * i / 400 - Value(from + third * i / 400, 0, deviation));
            }

            return largest;
        }
    }

    /// <summary>Black's formula, undiscounted.</summary>
    public static double Black(double forward, double strike, double deviation, bool isPut)
    {
        double sign = isPut ? -1 : 1;
        if (deviation <= 0) return Math.Max(0, sign * (forward - strike));
        double d1 = Math.Log(forward / strike) / deviation + deviation / 2;
        return Math.Max(0, sign * (forward * Normal(sign * d1) - strike * Normal(sign * (d1 - deviation))));
    }

    /// <summary>The normal distribution: its power series near 0, the continued fraction of the tail beyond.</summary>
    public static double Normal(double x)
    {
        if (Math.Abs(x) > 38) return x > 0 ? 1 : 0;
        double density = Math.Exp(-x * x / 2) / Math.Sqrt(2 * Math.PI);
        if (Math.Abs(x) < 3)
        {
            double term = x, sum = x;
            for (int i = 3; Math.Abs(term) > 1e-18; i += 2) sum += term *= x * x / i;
            return 0.5 + density * sum;
        }

        double tail = 0;
        for (int i = 120; i > 0; i--) tail = i / (Math.Abs(x) + tail);
        tail = density / (Math.Abs(x) + tail);
        return x < 0 ? tail : 1 - tail;
    }
}
