using System.Globalization;
using System.Text.Json;

namespace Rollup.Risk.Tests.Pricing;

/// <summary>Readers of the published tables.</summary>
internal static class Vectors
{
    public sealed record BlackRow(bool IsCall, double Forward, double Strike, double Volatility, double Time, double Price);

    public sealed record GreeksRow(double Spot, double Strike, double Rate, double Time, double Volatility, double Call, double Put, IReadOnlyDictionary<string, double> Greeks);

    public sealed record HaugRow(string Quantity, bool IsCall, double Strike, double Spot, double Yield, double Rate, double Time, double Volatility, double Expected, double Tolerance);

    public static IEnumerable<BlackRow> LetsBeRational()
    {
        // Two columns hold NaN, which JSON has not.
        using var file = JsonDocument.Parse(File.ReadAllText(SharedData.PathOf("vectors", "lets_be_rational_TestValues.json")).Replace("NaN", "null", StringComparison.Ordinal));
        foreach ((JsonElement i, JsonElement o) in file.RootElement.GetProperty("input").EnumerateArray().Zip(file.RootElement.GetProperty("output").EnumerateArray()))
        {
            double In(string name) => i.GetProperty(name).GetDouble();
            yield return new(In("q") > 0, In("F"), In("K"), In("sigma"), In("T"), o.GetProperty("black").GetDouble());
        }
    }

    public static IEnumerable<GreeksRow> PyVollib()
    {
        using var file = JsonDocument.Parse(File.ReadAllText(SharedData.PathOf("vectors", "py_vollib_test_data.json")));
        string[] columns = [.. file.RootElement.GetProperty("columns").EnumerateArray().Select(c => c.GetString()!)];
        foreach (JsonElement row in file.RootElement.GetProperty("data").EnumerateArray())
        {
            var cells = columns.Zip(row.EnumerateArray()).ToDictionary(c => c.First, c => c.Second.GetDouble());
            yield return new(cells["S"], cells["K"], cells["R"], cells["t"], cells["v"], cells["bs_call"], cells["bs_put"], cells);
        }
    }

    public static IEnumerable<HaugRow> Haug() =>
        from line in File.ReadLines(SharedData.PathOf("vectors", "quantlib_haug_european.csv")).Skip(1)
        let cells = line.Split(',')
        let numbers = cells[2..].Select(c => double.Parse(c, CultureInfo.InvariantCulture)).ToArray()
        select new HaugRow(cells[0], cells[1] == "Call", numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5], numbers[6], numbers[7]);
}
