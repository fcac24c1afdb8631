using System.Globalization;
using System.IO.Compression;
using Rollup.Protocol;
using Rollup.Risk;
using Rollup.Risk.Display;

namespace Rollup.Simulation;

/// <summary>What the oracle sees of one expiry: forward over index, less 1, and total variance, both in 10^-9.</summary>
internal sealed record ExpiryMoment(long At, long Basis, SviSlice Surface);

/// <summary>One underlying at one time: index and perpetual in 10^-6 USD a coin, and its expiries by Unix milliseconds.</summary>
internal sealed record UnderlyingMoment(long Index, long Perpetual, IReadOnlyDictionary<long, ExpiryMoment> Expiries);

/// <summary>Both underlyings at one time.</summary>
internal sealed record MarketMoment(long At, UnderlyingMoment Btc, UnderlyingMoment Eth);

/// <summary>A market that falls: knots in time, prices linear between them, surfaces those of the knot before, scaled with the time left.</summary>
internal sealed class CrashMarket(string name, IReadOnlyList<MarketMoment> knots)
{
    /// <summary>Expiries: one within the fall, which settles, and one beyond it.</summary>
    public static readonly long Near = At(2026, 2, 6, 8, 0), Far = At(2026, 2, 27, 8, 0);

    private const double YearMs = 365.0 * 86_400_000;
    private const double Billion = 1e9, Million = 1e6;

    public string Name => name;

    public IReadOnlyList<MarketMoment> Knots => knots;

    /// <summary>The recorded option chains and perpetual prices in a folder, or, where there is none, a fall like it.</summary>
    public static CrashMarket Load(string folder, int seed) =>
        Directory.Exists(folder) && Directory.EnumerateFiles(folder, "deribit_options_snapshot_*.csv.gz").Any() ? Recorded(folder) : Generated(seed);

    /// <summary>The market at a time between the first knot and the last.</summary>
    public MarketMoment Observe(long time)
    {
        int i = 0;
        while (i + 2 < knots.Count && knots[i + 1].At <= time) i++;
        (MarketMoment a, MarketMoment b) = (knots[i], knots[i + 1]);
        double share = Math.Clamp((time - a.At) / (double)(b.At - a.At), 0, 1);
        return new MarketMoment(time, Between(a.Btc, b.Btc, a.At, time, share), Between(a.Eth, b.Eth, a.At, time, share));
    }

    private static UnderlyingMoment Between(UnderlyingMoment a, UnderlyingMoment b, long from, long time, double share)
    {
        long Line(long x, long y) => x + (long)Math.Round((y - x) * share);
        return new UnderlyingMoment(Line(a.Index, b.Index), Line(a.Perpetual, b.Perpetual), a.Expiries.Where(e => e.Key > from).ToDictionary(e => e.Key, e =>
        {
            // Total variance runs off with the time left.
            double left = Math.Clamp((e.Key - time) / (double)(e.Key - from), 0.001, 1);
            SviSlice s = e.Value.Surface;
            return e.Value with { Surface = s with { A = (long)Math.Ceiling(s.A * left), B = (long)(s.B * left) } };
        }));
    }

    private static CrashMarket Recorded(string folder)
    {
        Dictionary<(string Coin, string Snapshot), double> perpetuals = Lines(Path.Combine(folder, "perpetual_futures_prices.csv.gz"))
            .Select(f => (Coin: f["coin"], Snapshot: f["snapshot_file"] + ".gz", Price: f["perp_futures_mark_price"]))
            .Where(f => f.Price.Length > 0).ToDictionary(f => (f.Coin, f.Snapshot), f => Number(f.Price));
        var knots = new List<MarketMoment>();
        foreach (string file in Directory.EnumerateFiles(folder, "deribit_options_snapshot_*.csv.gz").Order(StringComparer.Ordinal))
        {
            List<Dictionary<string, string>> lines = [.. Lines(file)];
            long at = DateTimeOffset.Parse(lines[0]["timestamp"], CultureInfo.InvariantCulture).ToUnixTimeMilliseconds();
            UnderlyingMoment Underlying(string coin)
            {
                var rows = lines.Where(l => l["currency"] == coin && l["index_price"].Length > 0).ToList();
                double index = Number(rows[0]["index_price"]);
                var expiries = new Dictionary<long, ExpiryMoment>();
                foreach (long expiry in (long[])[Near, Far])
                {
                    var chain = rows.Where(l => DateTimeOffset.Parse(l["expiry_datetime"], CultureInfo.InvariantCulture).ToUnixTimeMilliseconds() == expiry
                        && l["implied_volatility"].Length > 0 && l["underlying"].Length > 0 && Number(l["implied_volatility"]) > 0.05).ToList();
                    if (chain.Count < 8 || expiry <= at) continue;
                    double forward = Number(chain[0]["underlying"]), years = (expiry - at) / YearMs;
                    // Out-of-the-money quotes carry the smile.
                    var points = chain.Select(l => (K: Math.Log(Number(l["strike"]) / forward), Volatility: Number(l["implied_volatility"])))
                        .Where(p => Math.Abs(p.K) < 0.5).OrderBy(p => p.K).ToList();
                    SviFit fit = SviFit.Of(years, points.Select(p => p.K).ToArray(), points.Select(p => p.Volatility).ToArray(), Enumerable.Repeat(1.0, points.Count).ToArray());
                    expiries[expiry] = new ExpiryMoment(expiry, (long)Math.Round((forward / index - 1) * Billion), Slice(fit.Curve));
                }

                double perpetual = perpetuals.GetValueOrDefault((coin, Path.GetFileName(file)), index);
                return new UnderlyingMoment((long)Math.Round(index * Million), (long)Math.Round(perpetual * Million), expiries);
            }

            knots.Add(new MarketMoment(at, Underlying("BTC"), Underlying("ETH")));
        }

        return new CrashMarket("recorded, February 2026", knots);
    }

    /// <summary>Sixteen knots six hours apart: down by a sixth in two days, half of it in one evening, and most of the way back.</summary>
    private static CrashMarket Generated(int seed)
    {
        double[] path = [1, 0.992, 0.965, 0.953, 0.925, 0.933, 0.886, 0.832, 0.846, 0.86, 0.897, 0.918, 0.933, 0.896, 0.908, 0.907];
        var random = new Random(seed);
        var knots = new List<MarketMoment>();
        long start = At(2026, 2, 4, 4, 30);
        for (int i = 0; i < path.Length; i++)
        {
            long at = start + i * 6 * 3_600_000L;
            double noise = 1 + (random.NextDouble() - 0.5) / 400, fear = 0.5 + 3 * Math.Max(0, 1 - path[i]);
            UnderlyingMoment Underlying(double price, double beta)
            {
                double index = price * noise * (1 - beta * (1 - path[i]));
                var expiries = new Dictionary<long, ExpiryMoment>();
                foreach (long expiry in (long[])[Near, Far])
                {
                    if (expiry <= at) continue;
                    double years = (expiry - at) / YearMs, variance = fear * fear * years;
                    expiries[expiry] = new ExpiryMoment(expiry, (long)(0.05 * years * Billion), Slice(new Svi(0.6 * variance, 2 * variance, -0.3, 0, 0.2)));
                }

                return new UnderlyingMoment((long)(index * Million), (long)(index * (1 - 0.001 * (1 - path[i])) * Million), expiries);
            }

            knots.Add(new MarketMoment(at, Underlying(76_575, 1), Underlying(2_279, 1.15)));
        }

        return new CrashMarket("generated", knots);
    }

    private static SviSlice Slice(Svi curve) => new(
        (long)Math.Ceiling(curve.A * Billion) + 1, (long)Math.Floor(curve.B * Billion), Math.Clamp((long)Math.Round(curve.Rho * Billion), -999_000_000, 999_000_000),
        (long)Math.Round(curve.M * Billion), Math.Max(1, (long)Math.Round(curve.Sigma * Billion)));

    private static IEnumerable<Dictionary<string, string>> Lines(string file)
    {
        using var reader = new StreamReader(new GZipStream(File.OpenRead(file), CompressionMode.Decompress));
        string[] header = reader.ReadLine()!.Split(',');
        while (reader.ReadLine() is { } line)
            yield return header.Zip(line.Split(',')).ToDictionary(p => p.First, p => p.Second);
    }

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);

    private static long At(int year, int month, int day, int hour, int minute) =>
        new DateTimeOffset(year, month, day, hour, minute, 0, TimeSpan.Zero).ToUnixTimeMilliseconds();
}
