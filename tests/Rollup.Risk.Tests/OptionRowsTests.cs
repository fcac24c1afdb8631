using System.Runtime.InteropServices;
using System.Security.Cryptography;
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
            Assert.All(RiskRows.From(inputs), row => Assert.Null(row.Validate()));
        }
    }

    [Fact]
    public void Calls_and_puts_of_one_strike_differ_by_the_forward_where_nothing_is_charged()
    {
        RiskParameters bare = RiskParameters.Default with { VegaGap = 0, ChordGap = 0, ShortOptionMinimum = 0 };
        RiskInputs inputs = Sample.Inputs() with { Parameters = bare with { ConcentrationPerMillionUsd = 0 } };
        RiskRow call = Sample.Row(inputs, 21), put = Sample.Row(inputs, 22);
        double forward = Sample.BtcCall.Index * (1 + Sample.BtcExpiry.Basis / 1e9), year = 30 / 365.0;
        for (int s = 0; s < Bound.Scenarios; s++)
        {
            (double move, _, _, int basis, double counted) = s == 0 ? (0, 0, 0, 0, 1) : ReferenceModel.Scenario(bare, 0.15, s);
            double expected = forward * (1 + move * counted) - basis * 0.02 * year * Sample.BtcCall.Index - Sample.BtcCall.Strike;
            Assert.InRange(call.Long[s] - put.Long[s] - expected, -2.5, 2.5);
            Assert.InRange(call.Short[s] - put.Short[s] - expected, -2.5, 2.5);
            Assert.InRange(call.Short[s] - call.Long[s], 0, 1);
        }
    }

    [Fact]
    public void The_chord_gap_covers_the_curve_and_is_hardly_more_than_it()
    {
        var random = new Random(9);
        for (int round = 0; round < 60; round++)
        {
            RiskInputs inputs = RandomChain.Inputs(random), without = inputs with { Parameters = inputs.Parameters with { ChordGap = 0 } };
            int i = random.Next(1, inputs.Instruments.Length / 2);
            InstrumentInput t = inputs.Instruments[i];
            if (!t.IsOption) continue;
            RiskRow row = RiskRows.From(inputs)[i], bare = RiskRows.From(without)[i];
            var curve = new ReferenceModel.Curve(inputs, t);
            for (int s = 1; s <= 14; s++)
            {
                (double move, int volatility, _, _, _) = ReferenceModel.Scenario(inputs.Parameters, 0.15, s);
                double gap = curve.SampledGap(move, 0.15, curve.Stressed(volatility, 0) - curve.Gap);
                Assert.InRange(bare.Long[s] - row.Long[s], gap - 2, 1.5 * gap + 1e-5 * t.Index);
            }

            for (int s = 15; s < Bound.Scenarios; s++) Assert.Equal(bare.Long[s], row.Long[s]);
            Assert.Equal(bare.Short.AsEnumerable(), row.Short);
        }
    }

    [Fact]
    public void A_settled_or_delisted_derivative_has_one_value_and_spot_keeps_its_risk()
    {
        RiskRow settled = Sample.Row(40);
        Assert.All([settled.Base, .. settled.Long, .. settled.Short], v => Assert.Equal(9_100_009, v));
        Assert.Equal((0L, InstrumentFlags.Settled), (settled.PriceBound, settled.Flags));
        RiskRow delisted = Sample.Row(Sample.With(Sample.BtcPerp with { Flags = InstrumentFlags.Delisted }), 3);
        Assert.All([delisted.Base, .. delisted.Long, .. delisted.Short], v => Assert.Equal(64_234_567 + 1_203, v));
        RiskRow spot = Sample.Row(Sample.With(Sample.EthSpot with { Flags = InstrumentFlags.Delisted }), 7);
        Assert.Equal(Sample.Row(7).Long.AsEnumerable(), spot.Long);
        Assert.True(spot.Long[13] < spot.Base);
    }

    [Theory]
    [InlineData(1_800_000, 0, 1.0)]
    [InlineData(900_000, 500_000_000, 0.5)]
    [InlineData(180_000, 900_000_000, 0.1)]
    [InlineData(-60_000, 600_000_000, 1.0)]
    public void Inside_the_settlement_window_what_is_averaged_does_not_move_and_a_pending_option_moves_whole(long time, int weight, double moves)
    {
        Timestamp at = Timestamp.FromMilliseconds(Sample.Now + time);
        ExpiryInput expiry = Sample.BtcExpiry with { ExpiresAt = at, Basis = 0, Surface = new(40_000, 0, 0, 0, 1), Average = weight == 0 ? 0 : 1_020_000_000, Weight = weight };
        RiskInputs inputs = Sample.Inputs() with
        {
            Parameters = RiskParameters.Default with { ConcentrationPerMillionUsd = 0, ChordGap = 0, VegaGap = 0, ShortOptionMinimum = 0 },
            Expiries = [expiry, Sample.EthExpiry],
            Instruments = [.. Sample.Inputs().Instruments.Select(t => t.Id is 21 or 22 ? t with { ExpiresAt = at, Strike = 30_000_000 } : t)],
        };
        RiskRow call = Sample.Row(inputs, 21);
        double effective = Sample.BtcCall.Index * (1 + 0.02 * weight / 1e9);
        Assert.InRange(call.Base - (effective - 30_000_000), -2, 2);
        // Deep in the money: scenarios 11 and 13 move the whole range up and down.
        double expected = (weight > 0 && time < 0 ? effective : Sample.BtcCall.Index) * 0.15 * moves;
        Assert.InRange(call.Long[11] - call.Base - expected, -3, 3);
        Assert.InRange(call.Long[13] - call.Base + expected, -3, 3);
    }

    [Fact]
    public void The_price_bound_is_the_largest_of_its_three_parts()
    {
        // 30 days, at the money, 60%: 5% of the mark is 0.34% of the index; 0.5% of the index; 2.5 points of a vega of 0.114%.
        var market = new Market();
        Assert.Equal(3_200_000, market.Row(market.Call(30, 1)).PriceBound);
        Assert.Equal(3_200_000, market.Row(market.Call(30, 3)).PriceBound);
        RiskRow deep = market.Row(market.Put(30, 2));
        Assert.Equal(Rounding.CeilDiv(deep.Base * 50_000, 1_000_000), deep.PriceBound);
        RiskRow far = market.Row(market.Call(365, 1));
        double vega = ReferenceModel.Black(Market.Index, Market.Index, 0.625, false) - ReferenceModel.Black(Market.Index, Market.Index, 0.6, false);
        var unweighted = new Market(parameters: RiskParameters.Default with { OptionMarkPenalty = 0 });
        Assert.Equal(vega, unweighted.Row(unweighted.Call(365, 1)).PriceBound, 2.0);
        Assert.True(far.PriceBound > vega);
    }

    [Fact]
    public void Rows_of_one_table_are_the_same_bits_on_every_machine()
    {
        Assert.True(RiskInputs.TryDecode(Sample.Inputs().Encode(), out RiskInputs inputs, out string problem), problem);
        long[] values = [.. RiskRows.From(inputs).SelectMany(r => (long[])[r.Id, r.Base, r.PriceBound, .. r.Long, .. r.Short])];
        Assert.StartsWith("2aec43c3127f7a49e67f7638c9625ec1cb83a6d5", Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes(values.AsSpan()))), StringComparison.Ordinal);
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
            // The first expiry is hours away, in its settlement window, or pending.
            double first = random.Next(3) switch { 0 => 0.2 + random.NextDouble(), 1 => 0.02 * random.NextDouble(), _ => -0.01 * random.NextDouble() };
            foreach (double days in new[] { first, 2 + 8 * random.NextDouble(), 20 + 20 * random.NextDouble(), 60 + 300 * random.NextDouble() })
            {
                bool averages = days < 0.02;
                double volatility = 0.3 + 0.7 * random.NextDouble(), variance = volatility * volatility * Math.Max(0.001, days) / 365;
                Timestamp at = Timestamp.FromMilliseconds(Sample.Now + (long)(days * Sample.Day));
                double slope = Math.Sqrt(variance) * 0.4;
                expiries.Add(new(group, at, (long)(Math.Max(0, days) / 365 * 5e7 * random.NextDouble()), new SviSlice(
                    (long)(0.6e9 * variance), (long)(slope * 1e9), (long)(1e9 * (random.NextDouble() - 0.6) * 0.8), (long)(1e8 * (random.NextDouble() - 0.5) * Math.Sqrt(variance)),
                    (long)(1e9 * (Math.Sqrt(variance) + 0.01))), averages ? random.Next(990_000_000, 1_010_000_000) : 0, averages ? random.Next(1, 1_000_000_001) : 0));
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
        long rho = Edge(random.NextInt64(-999_999_999, 1_000_000_000), -999_999_999, 999_999_999);
        var surface = new SviSlice(random.NextInt64(SviSlice.Most + 1), Edge(random.NextInt64(1L << random.Next(1, 36)), 0, SviSlice.Most), rho,
            Edge(random.NextInt64(-SviSlice.Most, SviSlice.Most + 1), -SviSlice.Most, SviSlice.Most), Edge(random.NextInt64(1, 1L << random.Next(1, 36)), 1, SviSlice.Most));
        var expiry = new ExpiryInput(4, at, Edge(random.NextInt64(-500_000_000, 1_000_000_001), -500_000_000, 1_000_000_000), surface, weight == 0 ? 0 : random.NextInt64(500_000_000, 2_000_000_001), weight);
        InstrumentInput[] options = [.. Enumerable.Range(0, 6).Select(i => new InstrumentInput(i + 1, i % 2 == 0 ? InstrumentKind.Call : InstrumentKind.Put, InstrumentFlags.None, 4,
            Edge(random.NextInt64(1, 1L << random.Next(1, 33)), 1, (1L << 32) - 1), 0, 0, random.NextInt64(RiskInputs.OpenInterestBound), Edge(random.NextInt64(1, 1L << random.Next(1, 34)), 1, (1L << 33) - 1), at))];
        return new RiskInputs(9, Timestamp.FromMilliseconds(Sample.Now), p, [new(4, 1 + Int(899_999))], [.. options]) { Expiries = [expiry] };

        int Int(int most) => (int)Edge(random.Next(most + 1), 0, most);
        long Edge(long value, long least, long most) => random.Next(4) switch { 0 => least, 1 => most, _ => value };
    }
}
