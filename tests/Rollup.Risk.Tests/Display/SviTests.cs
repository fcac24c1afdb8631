using Rollup.Risk.Display;
using Xunit.Abstractions;

namespace Rollup.Risk.Tests.Display;

public sealed class SviTests(ITestOutputHelper output)
{
    [Fact]
    public void A_synthetic_smile_gives_back_its_parameters()
    {
        var random = new Random(41);
        double worst = 0;
        for (int i = 0; i < 100; i++)
        {
            double time = 0.01 + random.NextDouble(), width = Math.Sqrt(time);
            var truth = new Svi(0.25 * time * (random.NextDouble() - 0.1), width * (0.1 + 0.3 * random.NextDouble()), 1.4 * random.NextDouble() - 0.7, width * (random.NextDouble() - 0.5) * 0.4, width * (0.1 + 0.4 * random.NextDouble()));
            double[] k = [.. Enumerable.Range(-20, 41).Select(j => j * width * 0.08)], volatility = [.. k.Select(x => Math.Sqrt(truth.Variance(x) / time))], weight = [.. k.Select(x => 1 + x * x)];
            SviFit fit = SviFit.Of(time, k, volatility, weight);
            Assert.True(fit.Error < 1e-7, $"{truth}: {fit}");
            double off = new[] { (fit.Curve.A - truth.A) / time, fit.Curve.B / truth.B - 1, fit.Curve.Rho - truth.Rho, (fit.Curve.M - truth.M) / width, fit.Curve.Sigma / truth.Sigma - 1 }.Max(Math.Abs);
            Assert.True(off < 1e-4, $"{truth}: {fit}");
            worst = Math.Max(worst, off);
        }

        output.WriteLine($"parameters recovered to {worst:E1}");
    }

    [Fact]
    public void A_stale_quote_does_not_bend_the_curve()
    {
        var truth = new Svi(0.01, 0.1, -0.4, 0.02, 0.15);
        double[] k = [.. Enumerable.Range(-15, 31).Select(j => j * 0.03)], volatility = [.. k.Select(x => Math.Sqrt(truth.Variance(x) / 0.25))], weight = [.. k.Select(_ => 1.0)];
        (volatility[4], volatility[21]) = (volatility[4] + 0.3, volatility[21] - 0.1);
        Svi fitted = SviFit.Of(0.25, k, volatility, weight).Curve;
        double robust = k.Max(x => Math.Abs(Math.Sqrt(fitted.Variance(x) / 0.25) - Math.Sqrt(truth.Variance(x) / 0.25)));
        output.WriteLine($"two quotes off by 30 and 10 vol points move the curve by {robust * 100:F4}");
        Assert.InRange(robust, 0, 2e-4);
    }

    [Fact]
    public void Wings_and_level_stay_within_their_bounds()
    {
        // A smile that no curve within the bounds has: wings of slope 3, and variance falling to nothing in the middle.
        double[] k = [.. Enumerable.Range(-10, 21).Select(j => j * 0.1)], volatility = [.. k.Select(x => Math.Sqrt(3 * Math.Abs(x) + 1e-6))], weight = [.. k.Select(_ => 1.0)];
        Svi curve = SviFit.Of(1, k, volatility, weight).Curve;
        Assert.InRange(curve.A + curve.B * curve.Sigma * Math.Sqrt(1 - curve.Rho * curve.Rho), -1e-12, 0.1);
        Assert.InRange(curve.B * (1 + Math.Abs(curve.Rho)), 1.9, 2 + 1e-12);
    }

    [Fact]
    public void Butterfly_arbitrage_is_found_where_it_is()
    {
        // Vogt's smile (Gatheral and Jacquier, 2014, example 3.1): its density is negative near k = 1.
        var vogt = new Svi(-0.0410, 0.1331, 0.3060, 0.3586, 0.4153);
        Assert.True(vogt.LeastButterflyMargin(-1.5, 1.5, 300) < -0.01);
        Assert.True(vogt.LeastButterflyMargin(-1.5, 0.5, 300) > 0);
        // The density by differences of call prices, at w(k): g's sign is its sign.
        Assert.Equal(Density(vogt, 0.1) > 0, vogt.ButterflyMargin(0.1) > 0);
        Assert.Equal(Density(vogt, 1.0) > 0, vogt.ButterflyMargin(1.0) > 0);
        Assert.True(Density(vogt, 1.0) < 0);
        static double Density(Svi svi, double k)
        {
            double Call(double strike) => Greeks.Of(true, 1, strike, 1, Math.Sqrt(svi.Variance(Math.Log(strike))), 0).Value;
            double strike = Math.Exp(k), h = 1e-3;
            return (Call(strike + h) - 2 * Call(strike) + Call(strike - h)) / (h * h);
        }
    }

    [Fact]
    public void Calendar_arbitrage_is_found_where_it_is()
    {
        var near = new Svi(0.02, 0.10, -0.3, 0.0, 0.1);
        Assert.Equal(0.005, near.LeastCalendarMargin(near with { A = 0.025 }, -1, 1, 100), 1e-12);
        Assert.True(near.LeastCalendarMargin(near with { A = 0.025, B = 0.09 }, -1, 1, 100) < 0);
        Assert.True(near.LeastCalendarMargin(near with { A = 0.025, B = 0.09 }, -0.1, 0.1, 100) > 0);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(1_001)]
    public void Many_variances_are_those_of_one_by_one(int count)
    {
        var svi = new Svi(0.02, 0.10, -0.3, 0.05, 0.1);
        double[] k = [.. Enumerable.Range(0, count).Select(i => i * 0.003 - 1)], variance = new double[count];
        svi.Variance(k, variance);
        for (int i = 0; i < count; i++) Assert.Equal(svi.Variance(k[i]), variance[i], 1e-15);
        Assert.Throws<ArgumentException>(() => svi.Variance(k, new double[count + 1]));
    }

    [Fact]
    public void Bad_points_are_named()
    {
        double[] five = [-0.2, -0.1, 0, 0.1, 0.2], volatility = [0.5, 0.48, 0.47, 0.48, 0.51], weight = [1, 2, 3, 2, 1];
        Assert.InRange(SviFit.Of(0.5, five, volatility, weight).Error, 0, 0.01);
        Assert.Throws<ArgumentException>(() => SviFit.Of(0.5, five.AsSpan(1), volatility.AsSpan(1), weight.AsSpan(1)));
        Assert.Throws<ArgumentException>(() => SviFit.Of(0.5, five, volatility.AsSpan(1), weight));
        Assert.Throws<ArgumentException>(() => SviFit.Of(0, five, volatility, weight));
        Assert.Throws<ArgumentException>(() => SviFit.Of(0.5, [0.1, 0.1, 0.1, 0.1, 0.1], volatility, weight));
        Assert.Contains("Point 3", Assert.Throws<ArgumentException>(() => SviFit.Of(0.5, five, [0.5, 0.5, 0.5, double.NaN, 0.5], weight)).Message, StringComparison.Ordinal);
        Assert.Contains("Point 1", Assert.Throws<ArgumentException>(() => SviFit.Of(0.5, five, volatility, [1, 0, 1, 1, 1])).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => SviFit.Of(0.5, new double[SviFit.MaxPoints + 1], new double[SviFit.MaxPoints + 1], new double[SviFit.MaxPoints + 1]));
    }
}
