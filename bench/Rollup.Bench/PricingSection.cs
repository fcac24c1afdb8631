using Rollup.Risk.Display;
using Rollup.Risk.Pricing;

namespace Rollup.Bench;

/// <summary>Black-76 on one core: in integers, as risk rows take it; in doubles, as screens do, one by one and in vectors.</summary>
public sealed class PricingSection : ISection
{
    /// <inheritdoc/>
    public string Name => "pricing";

    private const int Options = 4_096;
    private const long Strike = 6_000_000_000;

    private double _sink;

    /// <inheritdoc/>
    public void Run(Table table)
    {
        var random = new Random(1);
        long[] forwards = new long[Options], deviations = new long[Options], values = new long[Options];
        var rows = new (double Forward, double Time, double Volatility)[Options];
        var prices = new double[Options];
        var columns = new OptionColumns(Options);
        for (int i = 0; i < Options; i++)
        {
            (double forward, double time, double volatility) = rows[i] = (Strike * Math.Exp(random.NextDouble() - 0.5), 0.01 + random.NextDouble(), 0.2 + random.NextDouble());
            forwards[i] = (long)forward;
            deviations[i] = Black76.DeviationOfVolatility((long)(volatility * 1e9), (long)(time * 365 * 86_400_000));
            columns.Set(i, i % 2 == 0, forward, Strike, time, volatility, 0.03);
            prices[i] = Greeks.Of(i % 2 == 0, forward, Strike, time, volatility, 0).Value;
        }

        double whole = table.Time("Black-76 in integers, one strike, many forwards", "ns", Options, () =>
        {
            Black76.Calls(Strike, forwards, deviations, values);
            _sink = values[^1];
        });
        table.Time("Black-76 in integers, one by one", "ns", Options, () =>
        {
            long sum = 0;
            for (int i = 0; i < Options; i++) sum ^= Black76.Call(forwards[i], Strike, deviations[i]);
            _sink = sum;
        });
        table.Time("vega in integers", "ns", Options, () =>
        {
            long sum = 0;
            for (int i = 0; i < Options; i++) sum ^= Black76.DeviationVega(forwards[i], Strike, deviations[i]);
            _sink = sum;
        });
        table.Time("total deviation of a total variance, in integers", "ns", Options, () =>
        {
            long sum = 0;
            for (int i = 0; i < Options; i++) sum ^= Black76.DeviationOfVariance(deviations[i]);
            _sink = sum;
        });
        double one = table.Time("value and seven Greeks in doubles, one by one", "ns", Options, () =>
        {
            double sum = 0;
            for (int i = 0; i < Options; i++) sum += Greeks.Of(i % 2 == 0, rows[i].Forward, Strike, rows[i].Time, rows[i].Volatility, 0.03).Volga;
            _sink = sum;
        });
        var results = new GreekColumns(Options);
        double many = table.Time("value and seven Greeks in doubles, in vectors", "ns", Options, () =>
        {
            columns.Evaluate(results);
            _sink = results.Volga[^1];
        });
        table.Add("options a second and core, value and seven Greeks in vectors", 1e9 / many, "/s");
        table.Add("the same as a multiple of one by one", one / many, "x");
        table.Add("a value in integers as a multiple of value and Greeks in doubles", whole / one, "x");
        table.Time("implied volatility", "ns", Options, () =>
        {
            double sum = 0;
            for (int i = 0; i < Options; i++) sum += ImpliedVolatility.Of(i % 2 == 0, rows[i].Forward, Strike, rows[i].Time, prices[i]);
            _sink = sum;
        });

        var smile = new Svi(0.01, 0.1, -0.4, 0.02, 0.15);
        double[] k = [.. Enumerable.Range(-25, 51).Select(i => i * 0.03)], weight = [.. k.Select(x => Math.Exp(-x * x))];
        double[] volatilities = [.. k.Select(x => Math.Sqrt(smile.Variance(x) / 0.25) * (1 + 0.01 * (random.NextDouble() - 0.5)))];
        table.Time($"SVI fit of {k.Length} quotes", "us", 1, () => _sink = SviFit.Of(0.25, k, volatilities, weight).Error);
    }
}
