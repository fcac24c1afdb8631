using System.Globalization;
using System.IO.Compression;
using System.Text.Json;
using Rollup.Risk.Display;
using Xunit.Abstractions;

namespace Rollup.Risk.Tests.Display;

/// <summary>Smiles of recorded option chains: implied volatility where only prices are recorded, and the fit of every expiry.</summary>
public sealed class RecordedSurfaceTests(ITestOutputHelper output)
{
    private sealed record Quote(DateTime Expiry, double Time, double Forward, double Strike, double Volatility, double Weight)
    {
        public double K => Math.Log(Strike / Forward);
    }

    [SharedDataFact("chain-deribit-crash-202602")]
    public void Sixteen_snapshots_of_a_crash_are_fitted_to_their_marked_volatilities()
    {
        string[] files = [.. Directory.GetFiles(SharedData.PathOf("chain-deribit-crash-202602"), "deribit_options_snapshot_*.csv.gz").Order(StringComparer.Ordinal)];
        Assert.Equal(16, files.Length);
        var errors = new List<(double Error, double Time, string Name)>();
        int crossings = 0, butterflies = 0;
        foreach (string file in files)
        {
            foreach (IGrouping<string, (string Currency, Quote Quote)> chain in Snapshot(file).GroupBy(row => row.Currency))
            {
                Fitted[] surface = Surface(chain.Select(row => row.Quote));
                errors.AddRange(surface.Select(e => (e.Fit.Error, e.Time, $"{Path.GetFileName(file)} {chain.Key} {e.Expiry:ddMMMyy}")));
                crossings += Crossings(surface);
                butterflies += surface.Count(Bent);
            }
        }

        Report(errors, crossings, butterflies);
        Assert.Equal(16 * 24, errors.Count);
        Assert.True(errors.Max(e => e.Error) < 0.05);
        Assert.True(errors.Where(e => e.Time > 7 / 365.0).Max(e => e.Error) < 0.02);
        // Expiries are fitted each on its own, in a crash, to marks that are not free of arbitrage themselves.
        Assert.InRange(crossings, 0, errors.Count / 40);
        Assert.InRange(butterflies, 0, errors.Count / 40);
    }

    [SharedDataFact("chain-deribit-20260801-bsd")]
    public void A_chain_of_bids_and_offers_is_fitted_to_its_mid_prices()
    {
        Quote[] quotes = [.. Chain()];
        Fitted[] surface = Surface(quotes);
        // Thirteen expiries; of the one that is 14 hours away, too few quotes are narrow enough.
        Assert.Equal(12, surface.Length);
        Report([.. surface.Select(e => (e.Fit.Error, e.Time, $"{e.Expiry:ddMMMyy}"))], Crossings(surface), surface.Count(Bent));
        Assert.True(surface.Max(e => e.Fit.Error) < 0.01);
    }

    private sealed record Fitted(DateTime Expiry, double Time, double From, double To, SviFit Fit);

    private static Fitted[] Surface(IEnumerable<Quote> quotes) =>
    [
        .. from expiry in quotes.GroupBy(q => q.Expiry)
           orderby expiry.Key
           let points = expiry.OrderBy(q => q.Strike).ToArray()
           where points.Length >= SviFit.MinPoints
           select new Fitted(expiry.Key, points[0].Time, points[0].K, points[^1].K,
               SviFit.Of(points[0].Time, points.Select(q => q.K).ToArray(), points.Select(q => q.Volatility).ToArray(), points.Select(q => q.Weight).ToArray())),
    ];

    /// <summary>Neighbouring expiries whose total variances cross where both were quoted.</summary>
    private static int Crossings(Fitted[] surface) =>
        surface.Zip(surface.Skip(1)).Count(pair => pair.First.Fit.Curve.LeastCalendarMargin(pair.Second.Fit.Curve, Math.Max(pair.First.From, pair.Second.From), Math.Min(pair.First.To, pair.Second.To), 200) < 0);

    private static bool Bent(Fitted e) => e.Fit.Curve.LeastButterflyMargin(e.From, e.To, 200) < 0;

    private void Report(IReadOnlyCollection<(double Error, double Time, string Name)> errors, int crossings, int butterflies)
    {
        double[] sorted = [.. errors.Select(e => e.Error * 100).Order()];
        output.WriteLine($"{sorted.Length} smiles, error in vol points: median {sorted[sorted.Length / 2]:F2}, 95% {sorted[sorted.Length * 95 / 100]:F2}, largest {sorted[^1]:F2} ({errors.MaxBy(e => e.Error).Name}); "
            + $"{crossings} neighbours cross, {butterflies} smiles with butterfly arbitrage");
        output.WriteLine($"more than a week away: largest {errors.Where(e => e.Time > 7 / 365.0).Max(e => e.Error) * 100:F2}");
    }

    /// <summary>Vega of a vol point as a part of the forward's largest, so that a wing counts as much as it can be traded.</summary>
    private static double Vega(double forward, double strike, double time, double volatility) => Greeks.Of(true, forward, strike, time, volatility, 0).Vega / (forward * Math.Sqrt(time));

    private static IEnumerable<(string Currency, Quote Quote)> Snapshot(string file)
    {
        using var reader = new StreamReader(new GZipStream(File.OpenRead(file), CompressionMode.Decompress));
        string[] head = reader.ReadLine()!.Split(',');
        while (reader.ReadLine() is { } line)
        {
            string[] cells = line.Split(',');
            string Cell(string name) => cells[Array.IndexOf(head, name)];
            double Number(string name) => double.Parse(Cell(name), CultureInfo.InvariantCulture);
            (double forward, double strike, double time, double volatility) = (Number("underlying"), Number("strike"), Number("time_to_maturity"), Number("implied_volatility"));
            // Calls and puts of one strike are marked at one volatility: the one out of the money is taken.
            if (Cell("option_type") == "call" != strike >= forward || volatility <= 0) continue;
            double vega = Vega(forward, strike, time, volatility);
            if (vega > 1e-3) yield return (Cell("currency"), new(DateTime.Parse(Cell("expiry_datetime"), CultureInfo.InvariantCulture), time, forward, strike, volatility, vega));
        }
    }

    private static IEnumerable<Quote> Chain()
    {
        using var file = JsonDocument.Parse(new GZipStream(File.OpenRead(SharedData.PathOf("chain-deribit-20260801-bsd", "deribit_btc.json.gz")), CompressionMode.Decompress));
        DateTime now = DateTime.Parse(file.RootElement.GetProperty("as_of").GetString()!, CultureInfo.InvariantCulture);
        static double Mid(JsonElement row) => (row.GetProperty("bid_price").GetDouble() + row.GetProperty("ask_price").GetDouble()) / 2;
        var futures = file.RootElement.GetProperty("futures").EnumerateArray().ToDictionary(f => f.GetProperty("instrument_name").GetString()!.Split('-')[1], Mid);
        foreach (JsonElement row in file.RootElement.GetProperty("options").EnumerateArray())
        {
            string[] name = row.GetProperty("instrument_name").GetString()!.Split('-');
            if (row.GetProperty("bid_price").ValueKind != JsonValueKind.Number || row.GetProperty("ask_price").ValueKind != JsonValueKind.Number) continue;
            (double bid, double ask) = (row.GetProperty("bid_price").GetDouble(), row.GetProperty("ask_price").GetDouble());
            (bool isCall, double strike, double forward) = (name[3] == "C", double.Parse(name[2], CultureInfo.InvariantCulture), futures[name[1]]);
            DateTime expiry = DateTime.ParseExact(name[1], "dMMMyy", CultureInfo.InvariantCulture).AddHours(8);
            double time = (expiry - now.ToUniversalTime()).TotalDays / 365;
            // Prices are in coin. Out of the money, bid for, and less than half as wide as high.
            if (isCall != strike >= forward || !(bid > 0) || ask - bid > (ask + bid) / 4) continue;
            double volatility = ImpliedVolatility.Of(isCall, forward, strike, time, (bid + ask) / 2 * forward);
            double spread = ImpliedVolatility.Of(isCall, forward, strike, time, ask * forward) - ImpliedVolatility.Of(isCall, forward, strike, time, bid * forward);
            yield return new(expiry, time, forward, strike, volatility, 1 / (spread * spread));
        }
    }
}
