using System.Numerics;
using Rollup.Risk.Display;
using Rollup.Risk.Tests.Pricing;
using Xunit.Abstractions;

namespace Rollup.Risk.Tests.Display;

/// <summary>Greeks against published tables, against differences of values, and the vectors against one by one.</summary>
public sealed class GreeksTests(ITestOutputHelper output)
{
    [SharedDataFact("vectors", "py_vollib_test_data.json")]
    public void Py_vollib_101_rows()
    {
        int rows = 0;
        foreach (Vectors.GreeksRow row in Vectors.PyVollib())
        {
            rows++;
            foreach ((bool isCall, string prefix, double price) in new[] { (true, "C", row.Call), (false, "P", row.Put) })
            {
                SpotGreeks greeks = OnSpot(isCall, row.Spot, row.Strike, row.Rate, 0, row.Time, row.Volatility);
                (double Ours, double Theirs, string Name)[] pairs =
                [
                    (greeks.Value, price, "value"), (greeks.Delta, row.Greeks[prefix + "D"], "delta"), (greeks.Gamma, row.Greeks[prefix + "G"], "gamma"), (greeks.Theta, row.Greeks[prefix + "T"], "theta"),
                    (greeks.Vega, row.Greeks[prefix + "V"], "vega"), (greeks.Rho, row.Greeks[prefix + "R"], "rho"),
                ];
                // The table has nine decimals or ten digits.
                foreach ((double ours, double theirs, string name) in pairs) Assert.True(Math.Abs(ours - theirs) <= 1e-6 * Math.Max(1, Math.Abs(theirs)), $"{name} of {prefix} in {row}: {ours}, not {theirs}");
            }
        }

        Assert.Equal(101, rows);
    }

    [SharedDataFact("vectors", "quantlib_haug_european.csv")]
    public void Haug_43_values_and_his_Greeks()
    {
        var seen = new Dictionary<string, int>();
        foreach (Vectors.HaugRow row in Vectors.Haug())
        {
            SpotGreeks g = OnSpot(row.IsCall, row.Spot, row.Strike, row.Rate, row.Yield, row.Time, row.Volatility);
            double ours = row.Quantity switch
            {
                "value" => g.Value,
                "delta" => g.Delta,
                "gamma" => g.Gamma,
                "vega" => g.Vega,
                "theta" => g.Theta,
                "theta_per_day" => g.Theta / 365,
                "rho" => g.Rho,
                "dividend_rho" => g.YieldRho,
                "elasticity" => g.Delta * row.Spot / g.Value,
                _ => double.NaN,
            };
            Assert.Equal(row.Expected, ours, row.Tolerance);
            seen[row.Quantity] = seen.GetValueOrDefault(row.Quantity) + 1;
        }

        Assert.Equal((9, 43, 54), (seen.Count, seen["value"], seen.Values.Sum()));
    }

    [Fact]
    public void Every_Greek_is_the_difference_of_values()
    {
        var random = new Random(21);
        for (int i = 0; i < 500; i++)
        {
            (bool isCall, double f, double k, double t, double s, double r) = (i % 2 == 0, 50 + 100 * random.NextDouble(), 50 + 100 * random.NextDouble(), 0.1 + random.NextDouble(), 0.2 + random.NextDouble(), 0.1 * random.NextDouble());
            double V(double f, double t, double s, double r) => Greeks.Of(isCall, f, k, t, s, r).Value;
            // Central differences with one step of extrapolation: errors of the fourth order in h, against rounding of 10^-16 / h or h^2.
            static double Slope(Func<double, double> value, double x, double h) => (8 * (value(x + h) - value(x - h)) - (value(x + 2 * h) - value(x - 2 * h))) / (12 * h);
            Greeks g = Greeks.Of(isCall, f, k, t, s, r);
            Close(g.Delta, Slope(x => V(x, t, s, r), f, f * 1e-3), 1, "delta");
            Close(g.Gamma, Slope(x => Greeks.Of(isCall, x, k, t, s, r).Delta, f, f * 1e-3), 1 / f, "gamma");
            Close(g.Vega, Slope(x => V(f, t, x, r), s, s * 1e-3), f, "vega");
            Close(g.Theta, -Slope(x => V(f, x, s, r), t, t * 1e-3), f, "theta");
            Close(g.Rho, Slope(x => V(f, t, s, x), r, 1e-3), f, "rho");
            Close(g.Vanna, Slope(x => Greeks.Of(isCall, f, k, t, x, r).Delta, s, s * 1e-3), 1, "vanna");
            Close(g.Volga, Slope(x => Greeks.Of(isCall, f, k, t, x, r).Vega, s, s * 1e-3), f, "volga");
        }

        static void Close(double greek, double difference, double scale, string name) => Assert.True(Math.Abs(greek - difference) <= 1e-8 * scale, $"{name}: {greek}, by differences {difference}");
    }

    [Fact]
    public void The_distribution_keeps_its_relative_precision_in_the_tails()
    {
        double worst = 0;
        for (double x = 0; x < 12; x += 0.01)
        {
            double mills = Normal.Mills(x), exact = (double)(Reference.Mills(Exactly(x)) >> (Reference.Bits - 62)) / Math.Pow(2, 62);
            worst = Math.Max(worst, Math.Abs(mills / exact - 1));
        }

        output.WriteLine($"Mills' ratio: {worst:E1} relative");
        Assert.InRange(worst, 0, 3e-15);
        // N(-5) and N(-8), Abramowitz and Stegun 26.2.
        Assert.Equal(2.866515718791939e-7, Normal.Cdf(-5), 1e-21);
        Assert.Equal(6.220960574271785e-16, Normal.Cdf(-8), 1e-29);
        Assert.Equal((0.0, 1.0), (Normal.Cdf(-50), Normal.Cdf(50)));
        Assert.Equal(0.5, Normal.Cdf(0), 1e-15);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(8)]
    [InlineData(20_001)]
    public void Columns_give_what_one_by_one_gives(int count)
    {
        var random = new Random(22);
        var options = new OptionColumns(count);
        var expected = new Greeks[count];
        var sizes = new (double Price, double Time, double Volatility)[count];
        for (int i = 0; i < count; i++)
        {
            double f = Math.Exp(4 * random.NextDouble()), t = Math.Exp(-9 * random.NextDouble()), s = 0.02 + 2 * random.NextDouble(), r = 0.1 * (random.NextDouble() - 0.3);
            // Every fiftieth lies so far outside that its value underflows.
            double k = f * Math.Exp((random.NextDouble() - 0.5) * (i % 50 == 49 ? 200 : 12) * s * Math.Sqrt(t));
            options.Set(i, i % 3 == 0, f, k, t, s, r);
            expected[i] = Greeks.Of(i % 3 == 0, f, k, t, s, r);
            sizes[i] = (Math.Max(f, k), t, s);
        }

        var results = new GreekColumns(count);
        options.Evaluate(results);
        for (int i = 0; i < count; i++)
        {
            (Greeks one, Greeks many) = (expected[i], results[i]);
            // Of each Greek's natural size: that of an option at the money.
            (double f, double t, double s) = sizes[i];
            (double One, double Many, double Size)[] pairs =
            [
                (one.Value, many.Value, f), (one.Delta, many.Delta, 1), (one.Gamma, many.Gamma, Math.Abs(one.Gamma) + 1 / f), (one.Vega, many.Vega, f * Math.Sqrt(t)),
                (one.Theta, many.Theta, f * (1 + s / Math.Sqrt(t))), (one.Rho, many.Rho, f * t), (one.Vanna, many.Vanna, 1 / s), (one.Volga, many.Volga, f * Math.Sqrt(t) / s),
            ];
            foreach ((double a, double b, double size) in pairs) Assert.True(Math.Abs(a - b) <= 1e-13 * size, $"option {i}: {one} one by one, {many} in columns");
        }

        Assert.Throws<ArgumentException>(() => options.Evaluate(new GreekColumns(count + 1)));
        Assert.Throws<ArgumentOutOfRangeException>(() => options.Set(count, true, 1, 1, 1, 1, 1));
    }

    private sealed record SpotGreeks(double Value, double Delta, double Gamma, double Vega, double Theta, double Rho, double YieldRho);

    /// <summary>Black and Scholes' Greeks, at an unchanged spot, by the chain rule: F = S e^((r - q) t).</summary>
    private static SpotGreeks OnSpot(bool isCall, double spot, double strike, double rate, double yield, double time, double volatility)
    {
        double growth = Math.Exp((rate - yield) * time), forward = spot * growth;
        Greeks g = Greeks.Of(isCall, forward, strike, time, volatility, rate);
        return new(g.Value, g.Delta * growth, g.Gamma * growth * growth, g.Vega, g.Theta - g.Delta * (rate - yield) * forward, g.Rho + g.Delta * time * forward, -g.Delta * time * forward);
    }

    /// <summary>A double in the reference's units; exact for whole multiples of 2^-60.</summary>
    private static BigInteger Exactly(double x) => Reference.Of((long)(x * Math.Pow(2, 50)), 50);
}
