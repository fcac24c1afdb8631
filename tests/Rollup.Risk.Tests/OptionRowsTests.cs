using Rollup.Protocol;

namespace Rollup.Risk.Tests;

/// <summary>Option rows against the model in doubles, and what must hold of every row.</summary>
public class OptionRowsTests
{
    [Fact]
    public void Rows_agree_with_the_model_in_doubles_in_every_scenario()
    {
        var random = new Random(4);
        double worst = 0;
        for (int round = 0; round < 300; round++)
        {
            RiskInputs inputs = RandomChain.Inputs(random);
            ReadOnlySpan<RiskRow> rows = RiskRows.From(inputs).AsSpan();
            for (int i = 0; i < rows.Length; i++)
            {
                (double[] longs, double[] shorts) = ReferenceModel.Row(inputs, inputs.Instruments[i]);
                for (int s = 0; s < Bound.Scenarios; s++)
                {
                    // Two atoms of rounding beside what the forwards, whole atoms, leave open.
                    double scale = 1e-6 * inputs.Instruments[i].Index;
                    Assert.InRange(rows[i].Long[s] - longs[s], -3 - scale, 2 + scale);
                    Assert.InRange(rows[i].Short[s] - shorts[s], -2 - scale, 3 + scale);
                    worst = Math.Max(worst, Math.Max(Math.Abs(rows[i].Long[s] - longs[s]), Math.Abs(rows[i].Short[s] - shorts[s])) / inputs.Instruments[i].Index);
                }
            }
        }

        Assert.InRange(worst, 0, 1e-6);
    }

    [Fact]
    public void Rows_are_valid_whatever_valid_inputs_say()
    {
        var random = new Random(5);
        for (int round = 0; round < 400; round++)
        {
            RiskInputs inputs = RandomChain.Extreme(random);
            Assert.Null(inputs.Validate());
            foreach (RiskRow row in RiskRows.From(inputs))
            {
                Assert.Null(row.Validate());
                for (int s = 0; s < Bound.Scenarios; s++) Assert.True(row.Long[s] >= 0, $"a long option is worth {row.Long[s]} in scenario {s}");
            }
        }
    }

    [Fact]
    public void A_range_of_rows_is_the_same_as_the_whole()
    {
        RiskInputs inputs = RandomChain.Inputs(new Random(6));
        RiskRow[] whole = [.. RiskRows.From(inputs)];
        var parts = new RiskRow[whole.Length];
        int cut = whole.Length / 3;
        RiskRows.Fill(inputs, 0, parts.AsSpan(0, cut));
        RiskRows.Fill(inputs, cut, parts.AsSpan(cut));
        Assert.Equal(whole, parts);
    }
}

/// <summary>Chains with a perpetual, four expiries and calls and puts of a dozen strikes, in two groups.</summary>
internal static class RandomChain
{
    public static RiskInputs Inputs(Random random)
    {
        var expiries = new List<ExpiryInput>();
        var instruments = new List<InstrumentInput>();
        int id = 1;
        for (int group = 1; group <= 2; group++)
        {
            long index = group == 1 ? random.NextInt64(600_000_000, 1_000_000_000) : random.NextInt64(20_000_000, 40_000_000);
            instruments.Add(new(id++, InstrumentKind.Perpetual, InstrumentFlags.None, group, index, index + random.Next(-10_000, 10_000), random.Next(-5_000, 5_000), random.Next(1_000)));
            foreach (double days in new[] { 0.2 + random.NextDouble(), 2 + 8 * random.NextDouble(), 20 + 20 * random.NextDouble(), 60 + 300 * random.NextDouble() })
            {
                double volatility = 0.3 + 0.7 * random.NextDouble(), variance = volatility * volatility * days / 365;
                Timestamp at = Timestamp.FromMilliseconds(Sample.Now + (long)(days * Sample.Day));
                double slope = Math.Sqrt(variance) * 0.4;
                expiries.Add(new(group, at, (long)(days / 365 * 5e7 * random.NextDouble()), new SviSlice(
                    (long)(0.6e9 * variance), (long)(slope * 1e9), (long)(1e9 * (random.NextDouble() - 0.6) * 0.8), (long)(1e8 * (random.NextDouble() - 0.5) * Math.Sqrt(variance)),
                    (long)(1e9 * (Math.Sqrt(variance) + 0.01)))));
                for (int strike = 0; strike < 6; strike++)
                {
                    long at2 = (long)(index * Math.Exp((strike - 2.5) * 0.6 * Math.Sqrt(variance) + 0.02 * random.NextDouble()));
                    foreach (InstrumentKind kind in new[] { InstrumentKind.Call, InstrumentKind.Put })
                        instruments.Add(new(id++, kind, InstrumentFlags.None, group, index, 0, 0, random.Next(2_000), at2, at));
                }
            }
        }

        return new RiskInputs(7, Timestamp.FromMilliseconds(Sample.Now), RiskParameters.Default, [new(1, GroupRange.Bitcoin), new(2, GroupRange.Ether)], [.. instruments]) { Expiries = [.. expiries] };
    }

    /// <summary>Parameters, surfaces, prices and times from all over their ranges, also at the edges.</summary>
    public static RiskInputs Extreme(Random random)
    {
        var p = new RiskParameters
        {
            Basis = Int(100_000), ConcentrationPerMillionUsd = Int(1_000_000), ConcentrationCap = Int(500_000), VolatilityUp = Int(2_000_000), VolatilityDown = Int(1_000_000),
            NearExponent = Int(1_000_000), FarExponent = Int(1_000_000), VolatilityPivot = 1 + Int(364), VolatilityFloor = Int(2_000_000), Twist = Int(1_000_000), TwistPivot = 1 + Int(364),
            VegaGap = Int(200_000), ShortOptionMinimum = Int(100_000), ChordGap = random.Next(2), OptionMarkPenalty = Int(1_000_000), OptionIndexPenalty = Int(1_000_000),
            OptionVolatilityPenalty = Int(200_000), Extremes = [new(-5, 1_000_000), new(-3, Int(1_000_000)), new(6, 1_000_000), new(12, 500_000), new(18, 333_333)],
        };
        int weight = random.Next(2) * Int(1_000_000_000);
        long time = weight > 0 ? random.NextInt64(-1_000, ExpiryInput.SettlementWindow) : random.Next(5) == 0 ? -random.Next(1_000) : random.NextInt64(1, ExpiryInput.MostAhead + 1);
        Timestamp at = Timestamp.FromMilliseconds(Sample.Now + time);
        long rho = random.NextInt64(-999_999_999, 1_000_000_000), steepest = 2_000_000_000_000_000_000 / (1_000_000_000 + Math.Abs(rho));
        var surface = new SviSlice(random.NextInt64(SviSlice.Most + 1), Edge(random.NextInt64(steepest + 1), 0, steepest), rho, random.NextInt64(-SviSlice.Most, SviSlice.Most + 1), random.NextInt64(1, SviSlice.Most + 1));
        var expiry = new ExpiryInput(4, at, Edge(random.NextInt64(-500_000_000, 1_000_000_001), -500_000_000, 1_000_000_000), surface, weight == 0 ? 0 : random.NextInt64(500_000_000, 2_000_000_001), weight);
        InstrumentInput[] options = [.. Enumerable.Range(0, 6).Select(i => new InstrumentInput(i + 1, i % 2 == 0 ? InstrumentKind.Call : InstrumentKind.Put, InstrumentFlags.None, 4,
            Edge(random.NextInt64(1, 1L << random.Next(1, 33)), 1, (1L << 32) - 1), 0, 0, random.NextInt64(RiskInputs.OpenInterestBound), Edge(random.NextInt64(1, 1L << random.Next(1, 34)), 1, (1L << 33) - 1), at))];
        return new RiskInputs(9, Timestamp.FromMilliseconds(Sample.Now), p, [new(4, 1 + Int(899_999))], [.. options]) { Expiries = [expiry] };

        int Int(int most) => (int)Edge(random.Next(most + 1), 0, most);
        long Edge(long value, long least, long most) => random.Next(4) switch { 0 => least, 1 => most, _ => value };
    }
}
