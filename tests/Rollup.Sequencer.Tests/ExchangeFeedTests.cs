using System.IO.Compression;
using System.Text;
using Rollup.MarketData;
using Rollup.Oracle;
using Rollup.Sequencer.Configuration;
using Rollup.Sequencer.Oracle;
using Rollup.TestSupport;

namespace Rollup.Sequencer.Tests;

/// <summary>The client of an exchange's stream against a server that disconnects, leaves gaps and sends garbage.</summary>
public sealed class ExchangeFeedTests
{
    private const int MaxAge = 60_000;

    [Fact]
    public async Task Prices_come_with_the_first_ticker_of_every_market()
    {
        await using Running run = await Running.StartAsync();
        run.Exchange.Send(Ticker("BTCUSDT", "61700.00", "61700.10"));
        await Running.UntilAsync(() => run.Exchange.Connections == 1);
        Assert.Null(run.Observe());
        Assert.Contains("no prices", run.Feed.Problem, StringComparison.Ordinal);
        run.Exchange.Send(Ticker("ETHUSDT", "2680.00", "2700.00"));
        Observation seen = await run.PricesAsync();
        Assert.Equal(new MarketPrice(61_700_050_000, 61_700_050_000, 50_000), seen.Prices["BTCUSDT"]);
        Assert.Equal(new MarketPrice(2_690_000_000, 2_690_000_000, 10_000_000, OracleState.LowConfidence), seen.Prices["ETHUSDT"]);
        Assert.Null(run.Feed.Observe(seen.At + MaxAge + 1));
        Assert.NotNull(run.Feed.Observe(seen.At + MaxAge));
    }

    public static TheoryData<string, string> Disturbances => new()
    {
        { "break", "" }, { "garbage", "garbage" }, { "nonsense", Ticker("BTCUSDT", "5", "4") }, { "oversized", $"{{\"stream\":\"{new string('x', 5_000)}" },
    };

    [Theory]
    [MemberData(nameof(Disturbances))]
    public async Task After_a_disturbance_it_connects_anew_and_keeps_the_old_prices_until_there_are_new_ones(string kind, string message)
    {
        await using Running run = await Running.StartAsync(e => e with { MaxMessageBytes = 4_096 });
        run.Exchange.Send(Ticker("BTCUSDT", "61700.00", "61700.10"));
        run.Exchange.Send(Ticker("ETHUSDT", "2680.00", "2680.02"));
        Observation before = await run.PricesAsync();
        if (kind == "break") run.Exchange.Break();
        else run.Exchange.Send(message);
        await Running.UntilAsync(() => run.Exchange.Connections == 2);
        run.Exchange.Send(Ticker("BTCUSDT", "61800.00", "61800.10"));
        await Running.UntilAsync(() => run.Feed.Connections == 2);
        // Half of the new prices are no prices.
        Assert.Equal(before.Prices["BTCUSDT"], run.Observe()!.Prices["BTCUSDT"]);
        run.Exchange.Send(Ticker("ETHUSDT", "2690.00", "2690.02"));
        await Running.UntilAsync(() => run.Observe()?.Prices["BTCUSDT"].Index == 61_800_050_000);
        Assert.Equal(2_690_010_000, run.Observe()!.Prices["ETHUSDT"].Index);
    }

    [Fact]
    public async Task A_silent_connection_is_given_up()
    {
        await using Running run = await Running.StartAsync(e => e with { IdleMilliseconds = 100 });
        await Running.UntilAsync(() => run.Exchange.Connections >= 3);
        Assert.Contains("no message", run.Feed.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_gap_is_mended_by_a_snapshot_and_meanwhile_the_ticker_speaks()
    {
        await using Running run = await Running.StartAsync();
        run.Exchange.Snapshots["BTCUSDT"] = Snapshot(15, "61700.00", "61700.40");
        run.Exchange.Send(Ticker("BTCUSDT", "61650.00", "61650.10"));
        run.Exchange.Send(Ticker("ETHUSDT", "2680.00", "2680.02"));
        await run.SendUntilAsync(() => run.Observe()?.Prices["BTCUSDT"] is { Depth: not null }, _ => Change(11, 20, 10, "61700.20"));
        Assert.Equal(61_700_300_000, run.Observe()!.Prices["BTCUSDT"].Index);

        run.Exchange.Snapshots.Clear();
        run.Exchange.Send(Change(31, 40, 30, "61700.30"));
        await Running.UntilAsync(() => run.Feed.Gaps == 1);
        Assert.Equal((61_650_050_000L, null), (run.Observe()!.Prices["BTCUSDT"].Index, run.Observe()!.Prices["BTCUSDT"].Depth));
        int asked = run.Exchange.SnapshotRequests;
        run.Exchange.Snapshots["BTCUSDT"] = Snapshot(45, "61800.00", "61800.40");
        await run.SendUntilAsync(() => run.Observe()!.Prices["BTCUSDT"].Depth is not null, i => Change(41 + 10 * i, 50 + 10 * i, 40 + 10 * i, "61800.20"));
        Assert.Equal(61_800_300_000, run.Observe()!.Prices["BTCUSDT"].Index);
        Assert.True(run.Exchange.SnapshotRequests > asked);
        Assert.Equal((1, 1), (run.Feed.Gaps, run.Exchange.Connections));
    }

    /// <summary>A recorded session, broken off in the middle: book and price are those that the reader of recordings makes of the same lines.</summary>
    [RecordedTapeFact]
    public async Task A_recorded_session_gives_the_prices_that_the_recording_has()
    {
        const int Lines = 12_000;
        string[] lines = ReadLines(RecordedTapeFactAttribute.File, Lines);
        using var folder = new TemporaryDirectory();
        string part = Path.Combine(folder.Path, "part.gz");
        using (var writer = new StreamWriter(new GZipStream(File.Create(part), CompressionLevel.Fastest))) foreach (string line in lines) writer.Write(line + "\n");
        BookState last = new TapeReader(part, depth: 1, bookInterval: 0).Read().OfType<BookState>().Last();

        await using Running run = await Running.StartAsync(markets: ["ETHUSDT"]);
        string[] messages = [.. lines.Select(line => line[(line.IndexOf(' ') + 1)..])];
        run.Exchange.Snapshots["ETHUSDT"] = messages.Single(m => !m.StartsWith("{\"stream\"", StringComparison.Ordinal));
        int snapshot = Array.FindIndex(messages, m => !m.StartsWith("{\"stream\"", StringComparison.Ordinal));
        for (int i = 0; i < messages.Length; i++)
        {
            if (i == snapshot / 2) run.Exchange.Break();
            if (i != snapshot) run.Exchange.Send(messages[i]);
        }

        await Running.UntilAsync(() => run.Observe()?.Prices["ETHUSDT"] is { Depth: > 0 } price && price.Index == last.Middle && price.Confidence == (last.Asks[0].Price - last.Bids[0].Price + 1) / 2);
        Assert.Equal(0, run.Feed.Gaps);
        Assert.Equal(snapshot / 2 > 0 ? 2 : 1, run.Exchange.Connections);
    }

    private static string[] ReadLines(string path, int count)
    {
        using var reader = new StreamReader(new GZipStream(File.OpenRead(path), CompressionMode.Decompress), Encoding.UTF8);
        return [.. Enumerable.Range(0, count).Select(_ => reader.ReadLine()!)];
    }

    private static string Ticker(string market, string bid, string ask) => $$$"""{"stream":"x@bookTicker","data":{"u":7,"s":"{{{market}}}","b":"{{{bid}}}","B":"1.5","a":"{{{ask}}}","A":"2.5"}}""";

    private static string Change(long first, long last, long before, string bid) =>
        $$$"""{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","s":"BTCUSDT","U":{{{first}}},"u":{{{last}}},"pu":{{{before}}},"b":[["{{{bid}}}","3"]],"a":[]}}""";

    private static string Snapshot(long id, string bid, string ask) => $$"""{"lastUpdateId":{{id}},"bids":[["{{bid}}","2"]],"asks":[["{{ask}}","4"]]}""";

    private sealed class Running : IAsyncDisposable
    {
        private Running(FakeExchange exchange, ExchangeFeed feed) => (Exchange, Feed) = (exchange, feed);

        internal FakeExchange Exchange { get; }
        internal ExchangeFeed Feed { get; }

        internal static async Task<Running> StartAsync(Func<ExchangeConfig, ExchangeConfig>? change = null, string[]? markets = null)
        {
            FakeExchange exchange = await FakeExchange.StartAsync();
            var config = new ExchangeConfig(exchange.Stream, exchange.Snapshot, IdleMilliseconds: 30_000, MinPauseMilliseconds: 5, MaxPauseMilliseconds: 40);
            var feed = new ExchangeFeed(change?.Invoke(config) ?? config, markets ?? ["BTCUSDT", "ETHUSDT"], MaxAge, TimeProvider.System, new ListLogger());
            await feed.StartAsync(default);
            return new Running(exchange, feed);
        }

        internal Observation? Observe() => Feed.Observe(DateTimeOffset.UtcNow.ToUnixTimeMilliseconds());

        internal static Task UntilAsync(Func<bool> condition) => HostHarness.UntilAsync(() => Task.FromResult(condition()));

        // A snapshot is asked for when a message comes and the pause since the last one is over.
        internal async Task SendUntilAsync(Func<bool> condition, Func<int, string> message)
        {
            int sent = 0;
            await UntilAsync(() =>
            {
                if (condition()) return true;
                Exchange.Send(message(sent++));
                return false;
            });
        }

        internal async Task<Observation> PricesAsync()
        {
            await UntilAsync(() => Observe() is not null);
            return Observe()!;
        }

        public async ValueTask DisposeAsync()
        {
            await Feed.StopAsync(default);
            Feed.Dispose();
            await Exchange.DisposeAsync();
        }
    }
}

/// <summary>A test on a recorded session, which lies beside the repository.</summary>
internal sealed class RecordedTapeFactAttribute : FactAttribute
{
    internal static readonly string File = Repository.PathOf("..", "shared", "data", "l2-tape-binance-20240808", "usdm_ethusdt_20240808.gz");

    public RecordedTapeFactAttribute() => Skip = System.IO.File.Exists(File) ? null : $"no recorded session at {File}";
}
