using Rollup.Risk.Display;
using Rollup.Risk.Tests.Pricing;
using Xunit.Abstractions;

namespace Rollup.Risk.Tests.Display;

public sealed class ImpliedVolatilityTests(ITestOutputHelper output)
{
    private const double Goal = 1e-10;

    [SharedDataFact("vectors", "lets_be_rational_TestValues.json")]
    public void Lets_be_rational_1000_rows()
    {
        double worst = 0;
        int silent = 0, vague = 0, rows = 0;
        foreach (Vectors.BlackRow row in Vectors.LetsBeRational())
        {
            rows++;
            double intrinsic = Math.Max(0, row.IsCall ? row.Forward - row.Strike : row.Strike - row.Forward);
            double implied = ImpliedVolatility.Of(row.IsCall, row.Forward, row.Strike, row.Time, row.Price);
            // One unit of the price's last place, turned into volatility.
            double doubt = Math.BitIncrement(row.Price) - row.Price, vega = Greeks.Of(row.IsCall, row.Forward, row.Strike, row.Time, row.Volatility, 0).Vega;
            if (Math.Abs(row.Price - intrinsic) <= doubt)
            {
                // Nothing but rounding is left of the time value: 0, not a number, or anything.
                silent++;
            }
            else if (doubt / vega > Goal)
            {
                vague++;
                Assert.True(Math.Abs(implied - row.Volatility) <= 4 * doubt / vega, $"{row}: {implied}, doubt {doubt / vega}");
            }
            else
            {
                Assert.True(Math.Abs(implied - row.Volatility) <= Goal, $"{row}: {implied}");
                worst = Math.Max(worst, Math.Abs(implied - row.Volatility));
            }
        }

        output.WriteLine($"{rows} rows: largest error {worst:E1}; {vague} whose last place is worth more than {Goal:E0} of volatility, {silent} without time value");
        Assert.Equal((1_000, 23, 19), (rows, vague, silent));
    }

    [Fact]
    public void A_price_gives_back_its_volatility_from_the_deepest_wing_to_the_largest_deviation()
    {
        var random = new Random(31);
        double worst = 0;
        int solved = 0;
        for (int i = 0; i < 50_000; i++)
        {
            double time = Math.Exp(-10 * random.NextDouble()), volatility = 0.01 + 4 * random.NextDouble() * random.NextDouble(), v = volatility * Math.Sqrt(time);
            double strike = 100 * Math.Exp((random.NextDouble() - 0.5) * (i % 2 == 0 ? 1 : 60) * v);
            Greeks greeks = Greeks.Of(strike > 100, 100, strike, time, volatility, 0);
            double implied = ImpliedVolatility.Of(strike > 100, 100, strike, time, greeks.Value);
            // The value out of the money carries 15 digits or so, however small it is.
            double doubt = 1e-12 * greeks.Value / greeks.Vega + 1e-14 / Math.Sqrt(time);
            if (greeks.Value < 1e-290) continue;
            solved++;
            Assert.True(Math.Abs(implied - volatility) <= doubt, $"K {strike}, t {time}: {implied}, not {volatility}; doubt {doubt}");
            worst = Math.Max(worst, Math.Abs(implied - volatility) * Math.Sqrt(time));
        }

        output.WriteLine($"{solved} options: largest error of the total deviation {worst:E1}");
        Assert.InRange(solved, 49_000, 50_000);
    }

    [Theory]
    [InlineData(true, 100, 80, 20, 0)]
    [InlineData(false, 100, 80, 0, 0)]
    [InlineData(true, 100, 80, 19.9, double.NaN)]
    [InlineData(true, 100, 80, 100, double.NaN)]
    [InlineData(false, 100, 80, 80, double.NaN)]
    [InlineData(false, 100, 80, -1, double.NaN)]
    [InlineData(true, 100, 80, double.NaN, double.NaN)]
    public void A_price_at_or_beyond_the_bounds_of_no_arbitrage(bool isCall, double forward, double strike, double price, double expected)
    {
        Assert.Equal(expected, ImpliedVolatility.Of(isCall, forward, strike, 0.5, price));
        Assert.Equal(0.7, ImpliedVolatility.Of(isCall, forward, strike, 0.5, Greeks.Of(isCall, forward, strike, 0.5, 0.7, 0).Value), 1e-13);
    }
}
