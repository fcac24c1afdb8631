using System.Text;

namespace Rollup.MarketData.Tests;

/// <summary>A live connection's messages make tops of books; gaps are found and mended by snapshots.</summary>
public class LiveMarketsTests
{
    private readonly LiveMarkets live = new(["ETHUSDT", "BTCUSDT"]);

    [Fact]
    public void A_ticker_speaks_until_the_book_is_known()
    {
        Assert.Null(live.Top("ETHUSDT"));
        Apply(Ticker("2681.00", "2681.03"));
        Assert.Equal(new LiveTop(new MarketLevel(2_681_000_000, 150_000_000), new MarketLevel(2_681_030_000, 250_000_000), null), live.Top("ETHUSDT"));
        Assert.Equal((2_681_015_000L, 15_000L), (live.Top("ETHUSDT")!.Value.Middle, live.Top("ETHUSDT")!.Value.HalfSpread));
        Assert.Empty(live.WithoutSnapshot);
        Apply(Change(11, 20, 10, bid: "2680.50"));
        Assert.Equal(["ETHUSDT"], live.WithoutSnapshot);
        live.Snapshot("ETHUSDT", Snapshot(15));
        Assert.Empty(live.WithoutSnapshot);
        LiveTop top = live.Top("ETHUSDT")!.Value;
        Assert.Equal((2_680_500_000L, 2_682_000_000L), (top.Bid.Price, top.Ask.Price));
        // Bids within 1%: 3 at 2680.50 and 2 at 2680; asks: 4 at 2682. The thinner side counts.
        Assert.Equal(4 * 2_682_000_000L, top.Depth);
        Assert.Null(live.Top("BTCUSDT"));
    }

    [Fact]
    public void A_gap_drops_the_book_and_the_next_snapshot_mends_it()
    {
        Apply(Ticker("2681.00", "2681.03"));
        Apply(Change(11, 20, 10, bid: "2680.50"));
        live.Snapshot("ETHUSDT", Snapshot(15));
        Apply(Change(21, 30, 20, bid: "2680.60"));
        Assert.Equal((0, 2_680_600_000L), (live.Gaps, live.Top("ETHUSDT")!.Value.Bid.Price));
        Apply(Change(41, 50, 40, bid: "2680.70"));
        Assert.Equal((1, 2_681_000_000L), (live.Gaps, live.Top("ETHUSDT")!.Value.Bid.Price));
        Assert.Equal(["ETHUSDT"], live.WithoutSnapshot);
        // A snapshot from before the gap does not help; one from behind it does, with the changes that waited.
        live.Snapshot("ETHUSDT", Snapshot(30));
        Assert.Equal(["ETHUSDT"], live.WithoutSnapshot);
        Apply(Change(51, 60, 50, bid: "2680.80"));
        live.Snapshot("ETHUSDT", Snapshot(45));
        Assert.Empty(live.WithoutSnapshot);
        Assert.Equal(2_680_800_000, live.Top("ETHUSDT")!.Value.Bid.Price);
    }

    [Fact]
    public void A_crossed_book_is_dropped()
    {
        Apply(Change(11, 20, 10, bid: "2680.50"));
        live.Snapshot("ETHUSDT", Snapshot(15));
        Apply(Change(21, 30, 20, bid: "2682.00"));
        Assert.Equal(1, live.Gaps);
        Assert.Null(live.Top("ETHUSDT"));
    }

    [Theory]
    [InlineData("""{"stream":"ethusdt@bookTicker","data":{"s":"ETHUSDT","b":"2681.03","B":"1","a":"2681.00","A":"1"}}""")]
    [InlineData("""{"stream":"ethusdt@bookTicker","data":{"s":"ETHUSDT","b":"0","B":"1","a":"2681.00","A":"1"}}""")]
    [InlineData("""{"stream":"ethusdt@bookTicker","data":{"s":"ETHUSDT","b":"-5","B":"1","a":"2681.00","A":"1"}}""")]
    [InlineData("""{"stream":"ethusdt@bookTicker","data":{"s":"ETHUSDT","b":2681.03,"B":"1","a":"2681.10","A":"1"}}""")]
    [InlineData("""{"stream":"ethusdt@bookTicker","data":{"s":"ETHUSDT","b":"1","B":"1","a":"1125899907","A":"1"}}""")]
    [InlineData("""{"stream":"ethusdt@depth","data":{"s":"ETHUSDT","U":1,"u":2,"b":[["0","1"]],"a":[]}}""")]
    [InlineData("""{"stream":"ethusdt@depth","data":{"s":"ETHUSDT","U":1,"u":2,"b":[["1"]],"a":[]}}""")]
    [InlineData("""{"result":null,"id":1}""")]
    [InlineData("garbage")]
    [InlineData("")]
    public void Garbage_is_refused(string message)
    {
        Apply(Ticker("2681.00", "2681.03"));
        Assert.Throws<FormatException>(() => Apply(message));
        Assert.Equal(2_681_000_000, live.Top("ETHUSDT")!.Value.Bid.Price);
    }

    [Fact]
    public void Other_markets_and_streams_are_passed_over()
    {
        Apply(Ticker("2681.00", "2681.03").Replace("ETHUSDT", "XRPUSDT", StringComparison.Ordinal));
        Apply("""{"stream":"ethusdt@markPrice","data":{"s":"ETHUSDT","p":"2681.5"}}""");
        Assert.Null(live.Top("ETHUSDT"));
    }

    private void Apply(string message) => live.Apply(Encoding.UTF8.GetBytes(message));

    private static string Ticker(string bid, string ask) => $$$"""{"stream":"ethusdt@bookTicker","data":{"u":7,"s":"ETHUSDT","b":"{{{bid}}}","B":"1.5","a":"{{{ask}}}","A":"2.5"}}""";

    private static string Change(long first, long last, long before, string bid) =>
        $$$"""{"stream":"ethusdt@depth@100ms","data":{"e":"depthUpdate","s":"ETHUSDT","U":{{{first}}},"u":{{{last}}},"pu":{{{before}}},"b":[["{{{bid}}}","3"]],"a":[]}}""";

    private static byte[] Snapshot(long id) => Encoding.UTF8.GetBytes($$"""{"lastUpdateId":{{id}},"bids":[["2680.00","2"],["2600","50"]],"asks":[["2682.00","4"],["2800","60"]]}""");
}
