using System.Globalization;
using System.Text.Json;
using Rollup.Risk.Pricing;
using Xunit.Abstractions;

namespace Rollup.Risk.Tests.Pricing;

/// <summary>The fixed-point formula against tables that others published.</summary>
public sealed class PublishedPriceTests(ITestOutputHelper output)
{
    [SharedDataFact("vectors", "lets_be_rational_TestValues.json")]
    public void Lets_be_rational_1000_rows()
    {
        // P. Jaeckel's reference values. Forwards and strikes are below 1,000: 2^25 atoms a unit are representable, and exact.
        Row[] rows = [.. Vectors.LetsBeRational().Select(r => new Row(r.IsCall, r.Forward, r.Strike, r.Volatility * Math.Sqrt(r.Time), 1, r.Price, 0))];
        Assert.Equal(1_000, rows.Length);
        Assert.True(Compare("Let's Be Rational", rows, 1 << 25) < 1e-13);
    }

    [SharedDataFact("vectors", "py_vollib_test_data.json")]
    public void Py_vollib_101_rows()
    {
        // Calls and puts of 101 options, to 7 digits or 10^-9, whichever is coarser.
        Row[] rows = [.. Vectors.PyVollib().SelectMany(r => new[] { (true, r.Call), (false, r.Put) }
            .Select(o => new Row(o.Item1, r.Spot * Math.Exp(r.Rate * r.Time), r.Strike, r.Volatility * Math.Sqrt(r.Time), Math.Exp(-r.Rate * r.Time), o.Item2, 6e-7)))];
        Assert.Equal(202, rows.Length);
        Compare("py_vollib", rows, 1 << 20);
    }

    [SharedDataFact("vectors", "quantlib_haug_european.csv")]
    public void Haug_43_values()
    {
        // E. G. Haug, "Option pricing formulas": printed to four decimals.
        Row[] rows = [.. Vectors.Haug().Where(r => r.Quantity == "value")
            .Select(r => new Row(r.IsCall, r.Spot * Math.Exp((r.Rate - r.Yield) * r.Time), r.Strike, r.Volatility * Math.Sqrt(r.Time), Math.Exp(-r.Rate * r.Time), r.Expected, r.Tolerance))];
        Assert.Equal(43, rows.Length);
        Compare("Haug", rows, 1 << 20);
    }

    private sealed record Row(bool IsCall, double Forward, double Strike, double Deviation, double Discount, double Expected, double PrintedTo);

    /// <summary>The largest error relative to the forward, of which what the table was printed to is taken off first; it is below 10^-8.</summary>
    private double Compare(string table, Row[] rows, long atoms)
    {
        double worst = 0;
        foreach (Row row in rows)
        {
            // A table's forward is not a whole number of atoms: its strike is scaled with the rounded forward, and the price with it.
            long forward = (long)Math.Round(row.Forward * atoms), strike = (long)Math.Round(row.Strike * atoms), v = (long)(row.Deviation * (1L << 58));
            long value = row.IsCall ? Black76.Call(forward, strike, v) : Black76.Put(forward, strike, v);
            double error = Math.Abs(value / (double)(1L << Black76.FractionBits) / atoms * row.Discount - row.Expected);
            error = Math.Max(0, error - row.PrintedTo) / row.Forward;
            Assert.True(error <= 1e-8, $"{row}: {error}");
            worst = Math.Max(worst, error);
        }

        output.WriteLine($"{table}: {rows.Length} rows, largest error {worst:E1} of the forward");
        return worst;
    }
}
