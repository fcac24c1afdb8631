using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Rollup.Protocol;

namespace Rollup.Risk;

/// <summary>Makes risk rows from inputs. The one place that knows how (formulas: docs/RISK.md).</summary>
public static class RiskRows
{
    private const int Unit = 1_000_000;
    private static readonly Int128 AtomsPerMillionUsd = (Int128)Unit * Scale.AtomsPerUsd;

    /// <summary>The rows, ascending by id.</summary>
    /// <param name="inputs">Valid inputs (<see cref="RiskInputs.Validate"/>).</param>
    public static ImmutableArray<RiskRow> From(RiskInputs inputs)
    {
        var rows = new RiskRow[inputs.Instruments.Length];
        Fill(inputs, 0, rows);
        return ImmutableCollectionsMarshal.AsImmutableArray(rows);
    }

    /// <summary>
    /// The rows of the instruments from position <paramref name="first"/> on, as many as there are <paramref name="rows"/>: a host may give each thread a range. A call and a put of one
    /// strike cost little more than one of them if they are in one range.
    /// </summary>
    /// <param name="inputs">Valid inputs.</param>
    /// <param name="first">Position of the first instrument.</param>
    /// <param name="rows">Receives the rows.</param>
    public static void Fill(RiskInputs inputs, int first, Span<RiskRow> rows)
    {
        var options = new List<(int Expiry, long Index, long Strike, int At)>();
        for (int i = 0; i < rows.Length; i++)
        {
            InstrumentInput t = inputs.Instruments[first + i];
            if (t.IsFrozen) rows[i] = Frozen(t);
            else if (!t.IsOption) rows[i] = Linear(inputs, t);
            else options.Add((inputs.ExpiryOf(t.Group, t.ExpiresAt), t.Index, t.Strike, i));
        }

        options.Sort();
        OptionRows? maker = null;
        for (int i = 0; i < options.Count; i++)
        {
            (int expiry, long index, long strike, int at) = options[i];
            if (i == 0 || (expiry, index) != (options[i - 1].Expiry, options[i - 1].Index)) maker = new OptionRows(inputs, inputs.Expiries[expiry], index);
            if (i == 0 || (expiry, index, strike) != (options[i - 1].Expiry, options[i - 1].Index, options[i - 1].Strike)) maker!.Price(strike);
            InstrumentInput t = inputs.Instruments[first + at];
            rows[at] = maker!.Row(t, ConcentrationRate(inputs.Parameters, t, index));
        }
    }

    /// <summary>Spot and perpetuals.</summary>
    internal static RiskRow Linear(RiskInputs inputs, InstrumentInput t)
    {
        if (t.IsFrozen) return Frozen(t);
        RiskParameters p = inputs.Parameters;
        int range = inputs.ScanRangeOf(t.Group) ?? throw new ArgumentException($"Group {t.Group} has no scan range.", nameof(inputs));
        bool perpetual = t.Kind == InstrumentKind.Perpetual;
        long @base = t.Mark - t.Funding;
        int rate = (perpetual ? p.PerpContingency : p.SpotHaircut) + ConcentrationRate(p, t, t.Mark);
        long gap = Rounding.CeilDiv(t.Mark * rate, Unit);

        // Scenario 0 is the mark itself, without a gap.
        var longs = ImmutableArray.CreateBuilder<long>(Bound.Scenarios);
        var shorts = ImmutableArray.CreateBuilder<long>(Bound.Scenarios);
        longs.Add(@base);
        shorts.Add(@base);
        foreach (Scenario s in Scenario.All.AsSpan()[1..])
        {
            // 35 bits of price x 20 bits of rate x 3; of an extreme, share x sixths < 2^23: below 2^58.
            (long numerator, long denominator) = s switch
            {
                { Extreme: >= 0 } => (t.Mark * p.Extremes[s.Extreme].MoveSixths * p.Extremes[s.Extreme].Counted, 6L * Unit),
                { Basis: not 0 } => perpetual ? (t.Mark * p.Basis * s.Basis, Unit) : (0, 1),
                _ => (t.Mark * range * s.RangeThirds, 3L * Unit),
            };
            longs.Add(@base + Rounding.FloorDiv(numerator, denominator) - gap);
            // Spot is never short: its short value carries no haircut and only completes the row.
            shorts.Add(@base + Rounding.CeilDiv(numerator, denominator) + (perpetual ? gap : 0));
        }

        return new RiskRow(t.Id, t.Kind, t.Flags, t.Group, t.Index, @base, t.Funding, Rounding.CeilDiv(t.Mark * p.LinearPenalty, Unit),
            longs.MoveToImmutable(), shorts.MoveToImmutable());
    }

    /// <summary>A derivative that is settled or delisted: one value in every scenario, and trades only there.</summary>
    private static RiskRow Frozen(InstrumentInput t)
    {
        ImmutableArray<long> values = [.. Enumerable.Repeat(t.Mark - t.Funding, Bound.Scenarios)];
        return new RiskRow(t.Id, t.Kind, t.Flags, t.Group, t.Index, t.Mark - t.Funding, t.Funding, 0, values, values);
    }

    /// <summary>min(cap, coefficient x open interest in 10^6 USD), rounded up: the same for every holder, so splitting accounts gains nothing.</summary>
    private static int ConcentrationRate(RiskParameters p, InstrumentInput t, long price)
    {
        // 20 + 60 + 35 bits.
        Int128 rate = Rounding.CeilDiv((Int128)p.ConcentrationPerMillionUsd * t.OpenInterest * price, AtomsPerMillionUsd);
        return (int)Int128.Min(rate, p.ConcentrationCap);
    }
}
