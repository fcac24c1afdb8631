using System.Collections.Immutable;
using Rollup.Protocol;

namespace Rollup.Risk;

/// <summary>Makes risk rows from inputs. The one place that knows how (formulas: docs/RISK.md).</summary>
public static class RiskRows
{
    private const int Unit = 1_000_000;

    // How far from the mark a forced trade may be priced.
    private const int LiquidationPenalty = 15_000;

    private static readonly Int128 AtomsPerMillionUsd = (Int128)Unit * Scale.AtomsPerUsd;

    /// <summary>The rows, ascending by id.</summary>
    /// <param name="inputs">Valid inputs (<see cref="RiskInputs.Validate"/>).</param>
    public static ImmutableArray<RiskRow> From(RiskInputs inputs) => [.. inputs.Instruments.Select(t => Make(inputs, t))];

    internal static RiskRow Make(RiskInputs inputs, InstrumentInput t)
    {
        int range = inputs.ScanRangeOf(t.Group) ?? throw new ArgumentException($"Group {t.Group} has no scan range.", nameof(inputs));
        bool perpetual = t.Kind == InstrumentKind.Perpetual;
        long @base = t.Mark - t.Funding;
        int rate = (perpetual ? inputs.Parameters.PerpContingency : inputs.Parameters.SpotHaircut) + ConcentrationRate(inputs.Parameters, t);
        long gap = Rounding.CeilDiv(t.Mark * rate, Unit);

        var longs = ImmutableArray.CreateBuilder<long>(Bound.Scenarios);
        var shorts = ImmutableArray.CreateBuilder<long>(Bound.Scenarios);
        foreach (Scenario s in Scenario.All)
        {
            // 35 bits of price x 20 bits of rate x 3: below 2^57.
            (long numerator, long denominator) = s switch
            {
                { RangeThirds: not 0 } => (t.Mark * range * s.RangeThirds, 3L * Unit),
                { BasisSign: not 0 } => perpetual ? (t.Mark * inputs.Parameters.Basis * s.BasisSign, Unit) : (0, 1),
                _ => (t.Mark * s.Numerator, s.Denominator),
            };
            // Scenario 0 is the mark itself, without a gap.
            long charged = longs.Count == 0 ? 0 : gap;
            longs.Add(@base + Rounding.FloorDiv(numerator, denominator) - charged);
            // Spot is never short: its short value carries no haircut and only completes the row.
            shorts.Add(@base + Rounding.CeilDiv(numerator, denominator) + (perpetual ? charged : 0));
        }

        return new RiskRow(t.Id, t.Kind, t.Flags, t.Group, t.Index, @base, t.Funding, Rounding.CeilDiv(t.Mark * LiquidationPenalty, Unit),
            longs.MoveToImmutable(), shorts.MoveToImmutable());
    }

    /// <summary>min(cap, coefficient x open interest in 10^6 USD), rounded up: the same for every holder, so splitting accounts gains nothing.</summary>
    private static int ConcentrationRate(RiskParameters p, InstrumentInput t)
    {
        // 20 + 60 + 35 bits.
        Int128 rate = Rounding.CeilDiv((Int128)p.ConcentrationPerMillionUsd * t.OpenInterest * t.Mark, AtomsPerMillionUsd);
        return (int)Int128.Min(rate, p.ConcentrationCap);
    }
}
