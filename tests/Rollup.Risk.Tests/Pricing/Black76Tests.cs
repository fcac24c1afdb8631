using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Security.Cryptography;
using System.Text.Json;
using Rollup.Protocol;
using Rollup.Risk.Pricing;
using Xunit.Abstractions;

namespace Rollup.Risk.Tests.Pricing;

/// <summary>The fixed-point formula against its exact value, and the properties that its documentation promises.</summary>
public sealed class Black76Tests(ITestOutputHelper output)
{
    private const long Highest = Black76.PriceBound - 1;
    private const long V1 = 1L << 58; // v = 1

    [Fact]
    public void A_call_is_within_its_error_of_the_exact_formula()
    {
        double worst = 0;
        foreach ((long forward, long strike, long v) in Cases(11, 6_000))
        {
            if (v == 0) continue;
            BigInteger exact = Reference.Call(forward, strike, Reference.Of(v, 58)) << Black76.FractionBits;
            BigInteger error = BigInteger.Abs(((BigInteger)Black76.Call(forward, strike, v) << Reference.Bits) - exact);
            Assert.True(error <= (BigInteger)Black76.Error(forward, strike) << Reference.Bits, $"F {forward}, K {strike}, v {v}: {(double)(error >> Reference.Bits - 20) / (1 << 20)} units");
            if (Math.Min(forward, strike) > 1L << 33) worst = Math.Max(worst, (double)(error >> Reference.Bits - 20) / (1 << 20) / Math.Min(forward, strike));
        }

        output.WriteLine($"prices above 2^33: at most 2^{Math.Log2(worst) - Black76.FractionBits:F1} of the smaller of forward and strike; promised 2^-53");
    }

    [Fact]
    public void Parity_symmetry_and_the_bounds_of_no_arbitrage_hold_exactly()
    {
        foreach ((long forward, long strike, long v) in Cases(12, 50_000))
        {
            long call = Black76.Call(forward, strike, v), put = Black76.Put(forward, strike, v);
            Assert.Equal((forward - strike) << Black76.FractionBits, call - put);
            Assert.Equal(put, Black76.Call(strike, forward, v));
            Assert.InRange(call, Math.Max(0, forward - strike) << Black76.FractionBits, forward << Black76.FractionBits);
        }
    }

    [Fact]
    public void No_deviation_leaves_the_intrinsic_value_and_the_largest_one_the_whole_forward()
    {
        foreach ((long forward, long strike, long _) in Cases(13, 2_000))
        {
            Assert.Equal(Math.Max(0, forward - strike) << Black76.FractionBits, Black76.Call(forward, strike, 0));
            Assert.Equal(forward << Black76.FractionBits, Black76.Call(forward, strike, Black76.SaturatedDeviation));
            Assert.Equal(forward << Black76.FractionBits, Black76.Call(forward, strike, long.MaxValue));
            Assert.Equal(strike << Black76.FractionBits, Black76.Put(forward, strike, long.MaxValue));
        }
    }

    [Fact]
    public void By_hand_at_the_money()
    {
        // F = K: Call = F (2 N(v/2) - 1); N(0.1) = 0.539827837277029 (Abramowitz and Stegun, table 26.1).
        Assert.Equal(1_000_000 * (2 * 0.539827837277029 - 1), Black76.Call(1_000_000, 1_000_000, V1 / 5) / (double)(1 << Black76.FractionBits), 1e-7);
        // The smallest v still counts: F v / sqrt(2 pi).
        Assert.Equal(Highest * 0.3989422804014327 * Math.Pow(2, 24 - 40), Black76.Call(Highest, Highest, 1 << 18), (double)Black76.Error(Highest, Highest));
    }

    [Fact]
    public void Values_rise_with_deviation_and_forward_and_fall_with_the_strike_up_to_twice_the_error()
    {
        foreach ((long forward, long strike, long v) in Cases(14, 30_000))
        {
            long call = Black76.Call(forward, strike, v), slack = 2 * Black76.Error(forward, strike) + 2;
            foreach (long step in new[] { 1, 1L << 20, 1L << 40, 1L << 54 })
                if (v <= long.MaxValue - step) Assert.True(Black76.Call(forward, strike, v + step) >= call - slack, $"v + {step}: F {forward}, K {strike}, v {v}");
            foreach (long step in new[] { 1, 1 + forward / 1000, 1 + strike / 1000 })
            {
                if (forward + step <= Highest) Assert.True(Black76.Call(forward + step, strike, v) >= call - slack, $"F + {step}: F {forward}, K {strike}, v {v}");
                if (strike + step <= Highest) Assert.True(Black76.Call(forward, strike + step, v) <= call + slack, $"K + {step}: F {forward}, K {strike}, v {v}");
            }
        }
    }

    [Fact]
    public void Butterflies_are_worth_at_least_minus_four_errors()
    {
        foreach ((long forward, long strike, long v) in Cases(15, 30_000))
        {
            foreach (long width in new[] { 1, 1 + strike / 1000, 1 + strike / 7 })
            {
                if (strike - width < 1 || strike + width > Highest) continue;
                long fly = Black76.Call(forward, strike - width, v) - 2 * Black76.Call(forward, strike, v) + Black76.Call(forward, strike + width, v);
                Assert.True(fly >= -4 * Black76.Error(forward, strike + width), $"{fly}: F {forward}, K {strike} +- {width}, v {v}");
            }
        }
    }

    [Fact]
    public void Many_at_once_are_the_same_bits()
    {
        (long Forward, long Strike, long V)[] cases = [.. Cases(16, 1_000)];
        var values = new long[cases.Length];
        Black76.Calls(77_777_777, [.. cases.Select(c => c.Forward)], [.. cases.Select(c => c.V)], values);
        Assert.Equal(cases.Select(c => Black76.Call(c.Forward, 77_777_777, c.V)), values);
        Assert.Throws<ArgumentException>(() => Black76.Calls(1, new long[2], new long[3], new long[2]));
        Assert.Throws<ArgumentException>(() => Black76.Calls(1, new long[2], new long[2], new long[3]));
    }

    [Fact]
    public void Every_bit_is_that_of_the_committed_vectors()
    {
        // Made by spec/gen/black76.mjs, in integers of any size.
        using var file = JsonDocument.Parse(File.ReadAllText(Path.Combine(SharedData.Root, "spec", "vectors", "black76.json")));
        static long Of(JsonElement row, string name) => long.Parse(row.GetProperty(name).GetString()!, CultureInfo.InvariantCulture);
        JsonElement[] options = [.. file.RootElement.GetProperty("options").EnumerateArray()];
        JsonElement[] volatilities = [.. file.RootElement.GetProperty("volatilities").EnumerateArray()], variances = [.. file.RootElement.GetProperty("variances").EnumerateArray()];
        Assert.Equal((354, 65, 34), (options.Length, volatilities.Length, variances.Length));
        Assert.All(options, o => Assert.Equal((Of(o, "call"), Of(o, "vega")),
            (Black76.Call(Of(o, "forward"), Of(o, "strike"), Of(o, "deviation")), Black76.DeviationVega(Of(o, "forward"), Of(o, "strike"), Of(o, "deviation")))));
        Assert.All(volatilities, o => Assert.Equal(Of(o, "deviation"), Black76.DeviationOfVolatility(Of(o, "volatility"), Of(o, "time"))));
        Assert.All(variances, o => Assert.Equal(Of(o, "deviation"), Black76.DeviationOfVariance(Of(o, "variance"))));
    }

    [Fact]
    public void Thousands_of_drawn_cases_give_the_committed_digest()
    {
        using var file = JsonDocument.Parse(File.ReadAllText(Path.Combine(SharedData.Root, "spec", "vectors", "black76.json")));
        JsonElement many = file.RootElement.GetProperty("many");
        byte[] checks = Convert.FromHexString(many.GetProperty("checks").GetString()![2..]), row = new byte[64];
        Assert.Equal((12_000, 12_000), (many.GetProperty("count").GetInt32(), checks.Length));
        ulong state = 76;
        long[] prices = [1, 2, 3, 1_000_003, 1L << 34, Highest - 1, Highest];
        long[] deviations = [0, 1, 2, 1L << 20, 1L << 40, 1L << 51, 1L << 56, V1, 5 * V1, 19 * V1, Black76.SaturatedDeviation - 1, Black76.SaturatedDeviation, long.MaxValue];
        for (int i = 0; i < checks.Length; i++)
        {
            (long forward, long strike, long v) = i < 637 ? (prices[i / 91], prices[i / 13 % 7], deviations[i % 13]) : Drawn(i);
            long volatility = Below(37), time = Below(38), variance = Below(63), x = (i % 2 == 0 ? 1 : -1) * Below(62);
            long[] values = [Black76.Call(forward, strike, v), Black76.DeviationOfVolatility(volatility, time), Black76.DeviationOfVariance(variance), FixedMath.NormalCdf(x)];
            for (int k = 0; k < values.Length; k++) BinaryPrimitives.WriteInt64BigEndian(row.AsSpan(32 + 8 * k), values[k]);
            SHA256.HashData(row).CopyTo(row, 0);
            Assert.True(checks[i] == row[31], $"case {i} is the first that differs, or the one before it: F {forward}, K {strike}, v {v}, volatility {volatility}, time {time}, variance {variance}, x {x}");
        }

        Assert.Equal(many.GetProperty("digest").GetString(), $"0x{Convert.ToHexStringLower(row.AsSpan(0, 32))}");

        (long Forward, long Strike, long V) Drawn(int i)
        {
            long forward = 1 + Below(35) % Highest, v = i % 4 == 0 ? Below(63) : (long)(Draw() >> 5), strike = 1 + Below(35) % Highest;
            if (i % 3 != 0) strike = (long)Int128.Clamp(forward + ((Int128)forward * v * ((long)(Draw() % 4096) - 2048) >> 66), 1, Highest);
            return (forward, strike, v);
        }

        long Below(int bits)
        {
            ulong value = Draw();
            int k = (int)(Draw() % (ulong)(bits + 1));
            return k == 0 ? 0 : (long)(value >> (64 - k));
        }

        ulong Draw()
        {
            unchecked
            {
                ulong z = state += 0x9e3779b97f4a7c15;
                z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
                z = (z ^ z >> 27) * 0x94d049bb133111eb;
                return z ^ z >> 31;
            }
        }
    }

    [Theory]
    [InlineData(0, 5, 7)]
    [InlineData(5, 0, 7)]
    [InlineData(1L << 35, 5, 7)]
    [InlineData(5, 1L << 35, 7)]
    [InlineData(5, 6, -1)]
    [InlineData(6, 6, -1)]
    public void Outside_its_domain_it_refuses(long forward, long strike, long v)
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Black76.Call(forward, strike, v));
        Assert.Throws<ArgumentOutOfRangeException>(() => Black76.Put(forward, strike, v));
        Assert.Throws<ArgumentOutOfRangeException>(() => Black76.DeviationVega(forward, strike, v));
        Assert.Throws<ArgumentOutOfRangeException>(() => Black76.Calls(strike, [forward], [v], new long[1]));
    }

    [Fact]
    public void Vega_is_within_its_error_of_the_exact_formula()
    {
        double worst = 0;
        foreach ((long forward, long strike, long v) in Cases(17, 4_000))
        {
            if (v == 0) continue;
            BigInteger deviation = Reference.Of(v, 58), d1 = Reference.Ln(forward * Reference.One / strike) * Reference.One / deviation + deviation / 2;
            BigInteger exact = BigInteger.Abs(d1) > 20 * Reference.One ? 0 : forward * Reference.Density(d1);
            double units = (double)(((BigInteger)Black76.DeviationVega(forward, strike, v) << (Reference.Bits - Black76.FractionBits)) - exact) / (double)Reference.One;
            double smaller = Math.Min(forward, strike), bound = smaller * (Math.Pow(2, -54) + Math.Pow(2, -57) / (v / (double)V1)) + 2.0 / (1 << 24);
            Assert.True(Math.Abs(units) <= bound, $"F {forward}, K {strike}, v {v}: {units} of {bound}");
            if (smaller > 1L << 33 && v > V1 / 8) worst = Math.Max(worst, Math.Abs(units) / smaller);
        }

        output.WriteLine($"prices above 2^33, v above 1/8: at most 2^{Math.Log2(worst):F1} of the smaller of forward and strike");
    }

    [Fact]
    public void Vega_without_deviation_and_for_one_point()
    {
        Assert.Equal(0, Black76.DeviationVega(700, 701, 0));
        Assert.Equal(700 * 0.3989422804014327 * (1 << 24), Black76.DeviationVega(700, 700, 0), 2.0);
        // 60% for 30 days: the value at 61% less the value at 59% is twice the vega of a point, to the third order.
        const long time = 30L * 86_400_000, f = 6_543_210_000, k = 7_000_000_000;
        long Value(int percent) => Black76.Call(f, k, Black76.DeviationOfVolatility(percent * 10_000_000L, time));
        long vega = Black76.VegaPerPoint(f, k, Black76.DeviationOfVolatility(600_000_000, time), time);
        Assert.Equal((Value(61) - Value(59)) / 2.0, vega, vega * 1e-3);
        Assert.InRange(vega >> 24, 6_000_000, 8_000_000);
    }

    [Fact]
    public void The_deviation_of_a_volatility_is_at_most_a_few_units_low()
    {
        var random = new Random(18);
        for (int i = 0; i < 3_000; i++)
        {
            long volatility = i < 3 ? i : random.NextInt64(1L << random.Next(1, 38)), time = i < 6 ? i : random.NextInt64(1L << random.Next(1, 39));
            long v = Black76.DeviationOfVolatility(volatility, time);
            // v^2 = volatility^2 time / (10^18 x 31,536,000,000).
            BigInteger exact = Reference.IntegerRoot(((BigInteger)volatility * volatility * time << 2 * (58 + 20)) / (BigInteger.Pow(10, 18) * 31_536_000_000));
            if (exact >= (BigInteger)Black76.SaturatedDeviation << 20) Assert.Equal(Black76.SaturatedDeviation, v);
            else Assert.InRange((double)(exact - ((BigInteger)v << 20)) / (1 << 20), -0.01, 2 + volatility / 4e9);
        }

        Assert.Equal(V1 / 2, Black76.DeviationOfVolatility(500_000_000, 365L * 86_400_000), 3.0);
        Assert.Throws<ArgumentOutOfRangeException>(() => Black76.DeviationOfVolatility(-1, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Black76.DeviationOfVolatility(Black76.MaxVolatility + 1, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Black76.DeviationOfVolatility(1, -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Black76.DeviationOfVolatility(1, Black76.MaxTime + 1));
    }

    [Fact]
    public void The_deviation_of_a_variance_is_its_floored_root()
    {
        var random = new Random(19);
        for (int i = 0; i < 3_000; i++)
        {
            long variance = i < 3 ? i : random.NextInt64(long.MaxValue >> random.Next(63));
            Assert.Equal(Reference.IntegerRoot((BigInteger)variance << 60), Black76.DeviationOfVariance(variance));
        }

        Assert.Equal(V1 / 2, Black76.DeviationOfVariance(1L << 54));
        Assert.Throws<ArgumentOutOfRangeException>(() => Black76.DeviationOfVariance(-1));
    }

    /// <summary>The corners, then random ones: any prices, or near the money measured by v; v from 2^-58 to 32.</summary>
    private static IEnumerable<(long Forward, long Strike, long V)> Cases(int seed, int count)
    {
        long[] prices = [1, 2, 3, 1_000_003, 1L << 34, Highest - 1, Highest], deviations = [0, 1, 2, 1L << 20, 1L << 40, V1 / 100, V1 / 3, V1, 5 * V1, 19 * V1, 24 * V1 - 1, 24 * V1, long.MaxValue];
        foreach (long forward in prices)
            foreach (long strike in prices)
                foreach (long v in deviations) yield return (forward, strike, v);
        var random = new Random(seed);
        for (int i = 0; i < count; i++)
        {
            long forward = random.NextInt64(1, 1L << random.Next(1, 36)), v = random.NextInt64(1, random.Next(4) == 0 ? 1L << random.Next(1, 63) : V1 * 2);
            long strike = i % 3 == 0
                ? random.NextInt64(1, 1L << random.Next(1, 36))
                : (long)Math.Clamp(forward * Math.Exp((random.NextDouble() - 0.5) * 16 * v / V1), 1, Highest);
            yield return (forward, strike, v);
        }
    }
}
