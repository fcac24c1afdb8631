using System.Numerics;
using Rollup.Protocol;

namespace Rollup.Risk.Tests;

public class RiskRowsTests
{
    [Fact]
    public void Perpetual_row_by_hand()
    {
        // Mark 1,000,000, funding -70; open interest 40,000 lots = 40,000 USD: 51 ppm x 0.04, rounded up, is 3 ppm.
        RiskRow row = RiskRows.From(Sample.With(Sample.BtcPerp with { Mark = 1_000_000, Index = 999_999, Funding = -70, OpenInterest = 40_000 }))[0];
        Assert.Equal((3, InstrumentKind.Perpetual, 1, 999_999L, 1_000_070L, -70L), (row.Id, row.Kind, row.Group, row.Index, row.Base, row.Funding));
        long gap = 10_003;
        long[] moves = [0, 0, 0, 50_000, 50_000, -50_000, -50_000, 100_000, 100_000, -100_000, -100_000, 150_000, 150_000, -150_000, -150_000,
            0, 0, 20_000, -20_000, -140_000, -140_000, 140_000, 140_000, 150_000];
        Assert.Equal((long[])[1_000_070, .. moves[1..].Select(m => 1_000_070 + m - gap)], row.Long.ToArray());
        Assert.Equal((long[])[1_000_070, .. moves[1..].Select(m => 1_000_070 + m + gap)], row.Short.ToArray());
        Assert.Equal(15_000, row.PriceBound);
    }

    [Fact]
    public void Spot_row_by_hand()
    {
        // Open interest 7 x 10^9 USD: 51 ppm a million reaches the cap of 100,003 ppm. Basis scenarios leave spot alone.
        RiskRow row = RiskRows.From(Sample.With(Sample.EthSpot with { Mark = 2_000_000, OpenInterest = 3_500_000_000 }))[2];
        long gap = 2 * 150_003;
        long[] moves = [0, 0, 0, 120_000, 120_000, -120_000, -120_000, 240_000, 240_000, -240_000, -240_000, 360_000, 360_000, -360_000, -360_000,
            0, 0, 0, 0, -280_000, -280_000, 280_000, 280_000, 300_000];
        Assert.Equal((long[])[2_000_000, .. moves[1..].Select(m => 2_000_000 + m - gap)], row.Long.ToArray());
        Assert.Equal(moves.Select(m => 2_000_000 + m), row.Short);
        Assert.Equal(2_000_000, row.Base);
    }

    [Fact]
    public void Rounding_is_against_the_holder()
    {
        // 7 x 0.15 / 3 = 0.35: a long gains 0 and loses 1; a short is charged 1 when the price rises, 0 when it falls. Gap: 0.07, rounded up.
        RiskRow row = RiskRows.From(Sample.With(Sample.BtcPerp with { Mark = 7, Index = 7, Funding = 0, OpenInterest = 0 }))[0];
        Assert.Equal(7 + 0 - 1, row.Long[3]);
        Assert.Equal(7 - 1 - 1, row.Long[5]);
        Assert.Equal(7 + 1 + 1, row.Short[3]);
        Assert.Equal(7 - 0 + 1, row.Short[5]);
    }

    [Fact]
    public void Concentration_grows_with_open_interest_up_to_its_cap()
    {
        long previous = long.MaxValue;
        foreach (long openInterest in new long[] { 0, 1_000_000, 30_000_000 })
        {
            long value = RiskRows.From(Sample.With(Sample.BtcPerp with { OpenInterest = openInterest }))[0].Long[1];
            Assert.True(value < previous, $"open interest {openInterest}");
            previous = value;
        }

        RiskRow capped = RiskRows.From(Sample.With(Sample.BtcPerp with { OpenInterest = RiskInputs.OpenInterestBound - 1 }))[0];
        Assert.Equal(capped.Base - Rounding.CeilDiv(Sample.BtcPerp.Mark * 110_003, 1_000_000), capped.Long[1]);
    }

    [Fact]
    public void Random_valid_inputs_give_valid_rows_between_exact_rationals()
    {
        var random = new Random(71);
        for (int round = 0; round < 2_000; round++)
        {
            long mark = random.NextInt64(1, 1L << random.Next(1, 35));
            var t = new InstrumentInput(9, (InstrumentKind)random.Next(1, 3), 0, 2, random.NextInt64(1, 1L << 35), mark, 0, random.NextInt64(0, 1L << random.Next(1, 60)));
            if (t.Kind == InstrumentKind.Perpetual) t = t with { Funding = random.NextInt64(-mark, mark + 1) };
            RiskInputs inputs = Sample.Inputs() with
            {
                Parameters = new()
                {
                    Basis = random.Next(100_000), PerpContingency = random.Next(100_000), SpotHaircut = random.Next(200_000), ConcentrationPerMillionUsd = random.Next(1_000),
                    ConcentrationCap = random.Next(300_000), LinearPenalty = random.Next(100_000),
                },
                Groups = [new(2, random.Next(1, 500_000))],
                Instruments = [t],
                Expiries = [],
            };
            if (inputs.Validate() is not null) continue;
            RiskRow row = RiskRows.From(inputs)[0];
            Assert.Null(row.Validate());
            for (int s = 1; s < Bound.Scenarios; s++) CheckAgainstRational(inputs, t, row, s);
        }
    }

    /// <summary>long = floor of the exact value, short = its ceiling, the gap rounded up on its own: within two atoms, never in the holder's favour.</summary>
    private static void CheckAgainstRational(RiskInputs inputs, InstrumentInput t, RiskRow row, int s)
    {
        (int num, int den)[] extremes = [(-2 * 21, 300), (-42, 300), (28, 200), (14, 100), (15, 100)];
        int[] thirds = [0, 0, 0, 1, 1, -1, -1, 2, 2, -2, -2, 3, 3, -3, -3];
        bool perpetual = t.Kind == InstrumentKind.Perpetual;
        // Everything over the common denominator 3 x 10^8.
        BigInteger unit = 300_000_000;
        BigInteger move = s < 15 ? (BigInteger)t.Mark * inputs.Groups[0].ScanRange * thirds[s] * 100
            : s < 17 ? 0
            : s < 19 ? (perpetual ? (BigInteger)t.Mark * inputs.Parameters.Basis * (s == 17 ? 300 : -300) : 0)
            : (BigInteger)t.Mark * extremes[s - 19].num * (unit / extremes[s - 19].den);
        BigInteger concentration = BigInteger.Min(inputs.Parameters.ConcentrationCap,
            ((BigInteger)inputs.Parameters.ConcentrationPerMillionUsd * t.OpenInterest * t.Mark + 999_999_999_999) / 1_000_000_000_000);
        BigInteger gap = t.Mark * ((perpetual ? inputs.Parameters.PerpContingency : inputs.Parameters.SpotHaircut) + concentration) * 300;
        BigInteger value = (t.Mark - t.Funding) * unit + move;
        Assert.InRange(value - gap - row.Long[s] * unit, 0, 2 * unit);
        Assert.InRange(row.Short[s] * unit - value - (perpetual ? gap : 0), 0, 2 * unit);
    }
}
