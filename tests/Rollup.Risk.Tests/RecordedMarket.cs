using System.Globalization;
using System.IO.Compression;
using Rollup.Protocol;
using Rollup.Risk.Display;

namespace Rollup.Risk.Tests;

/// <summary>One recorded moment of an option market: per underlying the index, the perpetual and the chain; as risk inputs, and as marks to hold them against.</summary>
internal sealed class RecordedMarket
{
    // Units in a lot, so that prices a lot fit.
    public static readonly (string Name, int Group, double Unit, int Range)[] Underlyings = [("BTC", 1, 0.01, GroupRange.Bitcoin), ("ETH", 2, 0.1, GroupRange.Ether)];

    private readonly Dictionary<(int Group, long Expiry, long Strike), double> volatilities = [];
    private readonly Dictionary<(int Group, long Expiry), double> forwards = [];
    private readonly Dictionary<int, (double Index, double Perpetual)> prices = [];

    private RecordedMarket(DateTimeOffset time) => Time = time;

    public DateTimeOffset Time { get; }

    /// <summary>Perpetuals 1 and 2; then calls and puts of every strike with a noticeable vega, of every smile that could be fitted.</summary>
    public RiskInputs Inputs { get; private set; } = null!;

    public double IndexOf(int group) => prices[group].Index;

    public double ForwardOf(InstrumentInput t) => t.IsOption ? forwards[(t.Group, t.ExpiresAt.Milliseconds)] : prices[t.Group].Perpetual;

    public double DaysOf(InstrumentInput t) => (t.ExpiresAt.Milliseconds - Time.ToUnixTimeMilliseconds()) / 86_400_000.0;

    public bool Has(InstrumentInput t) => !t.IsOption || (DaysOf(t) > 0 && volatilities.ContainsKey((t.Group, t.ExpiresAt.Milliseconds, t.Strike)));

    public InstrumentInput Perpetual(int group) => Inputs.Instruments[group - 1];

    /// <summary>The option of group 1 whose expiry, and then strike, is nearest to a number of days and a share of the index.</summary>
    public InstrumentInput Option(InstrumentKind kind, double days, double strike) => Inputs.Instruments.Where(t => t.Group == 1 && t.Kind == kind)
        .GroupBy(t => t.ExpiresAt).MinBy(g => Math.Abs(DaysOf(g.First()) - days))!.MinBy(t => Math.Abs(t.Strike / IndexOf(1) - strike))!;

    /// <summary>The venue's own volatility.</summary>
    public double VolatilityOf(InstrumentInput t) => volatilities[(t.Group, t.ExpiresAt.Milliseconds, t.Strike)];

    /// <summary>What one lot is worth at the venue's marks, in atoms.</summary>
    public double MarkOf(InstrumentInput t) => t.IsOption
        ? ReferenceModel.Black(ForwardOf(t), t.Strike, VolatilityOf(t) * Math.Sqrt(DaysOf(t) / 365), t.Kind == InstrumentKind.Put)
        : prices[t.Group].Perpetual;

    public static RecordedMarket[] Load(string folder)
    {
        var perpetuals = Rows(Path.Combine(folder, "perpetual_futures_prices.csv.gz")).ToDictionary(r => (r("snapshot_file"), r("coin")), r => r("candle_price_used"));
        return [.. Directory.GetFiles(folder, "deribit_options_snapshot_*.csv.gz").Order(StringComparer.Ordinal).Select(file =>
            Snapshot(file, coin => Number(perpetuals[(Path.GetFileNameWithoutExtension(file), coin)])))];
    }

    private static RecordedMarket Snapshot(string file, Func<string, double> perpetual)
    {
        var quotes = Rows(file).Select(r => (Coin: r("currency"), Expiry: DateTimeOffset.Parse(r("expiry_datetime"), CultureInfo.InvariantCulture).ToUnixTimeMilliseconds(), Strike: Number(r("strike")),
            IsCall: r("option_type") == "call", Forward: Number(r("underlying")), Volatility: Number(r("implied_volatility")), Index: Number(r("index_price")), At: r("timestamp"))).ToList();
        var market = new RecordedMarket(DateTimeOffset.Parse(quotes.Max(q => q.At)!, CultureInfo.InvariantCulture));
        var expiries = new List<ExpiryInput>();
        var instruments = new List<InstrumentInput>();
        foreach ((string coin, int group, double unit, _) in Underlyings)
        {
            double lot = unit * 1e6, index = Median(quotes.Where(q => q.Coin == coin).Select(q => q.Index));
            market.prices[group] = (index * lot, perpetual(coin) * lot);
            instruments.Add(new(group, InstrumentKind.Perpetual, InstrumentFlags.None, group, (long)(index * lot), (long)(perpetual(coin) * lot), 0, 0));
            foreach (var chain in quotes.Where(q => q.Coin == coin).GroupBy(q => q.Expiry).OrderBy(g => g.Key))
            {
                double forward = Median(chain.Select(q => q.Forward)), years = (chain.Key - market.Time.ToUnixTimeMilliseconds()) / (365 * 86_400_000.0);
                var smile = chain.Where(q => q.IsCall == q.Strike >= forward && q.Volatility > 0 && Vega(forward, q.Strike, years, q.Volatility) > 1e-3).OrderBy(q => q.Strike).ToList();
                if (years <= 0 || smile.Count < SviFit.MinPoints) continue;
                Svi fit = SviFit.Of(years, [.. smile.Select(q => Math.Log(q.Strike / forward))], [.. smile.Select(q => q.Volatility)], [.. smile.Select(q => Vega(forward, q.Strike, years, q.Volatility))]).Curve;
                Timestamp at = Timestamp.FromMilliseconds(chain.Key);
                expiries.Add(new(group, at, Nano(forward / index - 1), new(Nano(fit.A), Nano(fit.B), Math.Clamp(Nano(fit.Rho), -999_999_999, 999_999_999), Nano(fit.M), Math.Max(1, Nano(fit.Sigma)))));
                market.forwards[(group, chain.Key)] = forward * lot;
                foreach (var quote in smile)
                {
                    long strike = (long)Math.Round(quote.Strike * lot);
                    market.volatilities[(group, chain.Key, strike)] = quote.Volatility;
                    foreach (InstrumentKind kind in new[] { InstrumentKind.Call, InstrumentKind.Put })
                        instruments.Add(new(0, kind, InstrumentFlags.None, group, (long)(index * lot), 0, 0, 0, strike, at));
                }
            }
        }

        market.Inputs = new RiskInputs(1, Timestamp.FromMilliseconds(market.Time.ToUnixTimeMilliseconds()), RiskParameters.Default,
            [.. Underlyings.Select(u => new GroupRange(u.Group, u.Range))], [.. instruments.OrderBy(t => t.IsOption).Select((t, i) => t with { Id = i + 1 })])
        { Expiries = [.. expiries] };
        return market;
    }

    private static long Nano(double value) => (long)Math.Round(1e9 * value);

    private static double Vega(double forward, double strike, double years, double volatility) => Greeks.Of(true, forward, strike, years, volatility, 0).Vega / (forward * Math.Sqrt(years));

    private static double Median(IEnumerable<double> values) => values.Order().ToList() is var sorted ? sorted[sorted.Count / 2] : 0;

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);

    private static IEnumerable<Func<string, string>> Rows(string file)
    {
        using var reader = new StreamReader(new GZipStream(File.OpenRead(file), CompressionMode.Decompress));
        string[] head = reader.ReadLine()!.Split(',');
        while (reader.ReadLine() is { } line)
        {
            string[] cells = line.Split(',');
            yield return name => cells[Array.IndexOf(head, name)];
        }
    }
}
