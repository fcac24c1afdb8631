using System.IO.Compression;
using System.Text;

namespace Rollup.MarketData.Tests;

/// <summary>Recorded sessions: snapshot and changes make a book, gaps are named, and the flow of orders is within its scenario.</summary>
public class TapeTests
{
    private const string Snapshot = """100 {"lastUpdateId":50,"E":1,"T":1,"bids":[["2681.62","2.5"],["2681.50","1"]],"asks":[["2681.63","3"],["2681.70","4"]]}""";

    [Fact]
    public void A_change_after_the_snapshot_may_follow_by_the_chain_of_ids()
    {
        // The ids of other markets lie between: the change starts at 91, but names 50 as its predecessor.
        BookState[] books = Books(Before(12, 50), After(91, 120, 50, "2681.60"), Snapshot, After(130, 140, 120, "2681.61"));
        Assert.Equal(2_681_610_000, books[^1].Bids[1].Price);
        Assert.Equal((2_681_620_000, 250_000_000), (books[^1].Bids[0].Price, books[^1].Bids[0].Quantity));
        Assert.Equal(2_681_630_000, books[^1].Asks[0].Price);
    }

    [Fact]
    public void A_gap_is_named_with_its_line()
    {
        Assert.NotEmpty(Books(Before(12, 50), Snapshot, After(91, 120, 50, "2681.60")));
        var error = Assert.Throws<TapeException>(() => Books(Before(12, 50), Snapshot, After(91, 120, 88, "2681.60")));
        Assert.Contains("line 3", error.Message, StringComparison.Ordinal);
        Assert.Contains("gap", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("not a line")]
    [InlineData("100 {\"stream\":\"ethusdt@depth@0ms\",\"data\":{}}")]
    [InlineData("100 {")]
    public void A_damaged_line_is_named(string line)
    {
        Assert.NotEmpty(Books(Before(12, 50), Snapshot, After(51, 60, 50, "2681.60")));
        var error = Assert.Throws<TapeException>(() => Books(Before(12, 50), line));
        Assert.Contains("line 2", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_generator_is_the_same_for_a_seed_and_another_for_another()
    {
        static string Text(ulong seed) => string.Join('\n', new RandomWalkSource(seed, 1, 50, RandomWalkSource.Default).Read()
            .Select(e => e is MarketTrade t ? $"{t.Time} {t.Market} {t.At} {t.IsSell}" : $"{e.Time} {e.Market} {((BookState)e).Bids[0]}"));
        Assert.Equal(Text(7), Text(7));
        Assert.NotEqual(Text(7), Text(8));
    }

    [Fact]
    public void Makers_quote_without_crossing_and_takers_take_on_the_tick()
    {
        var market = new FlowMarket("BTCUSDT", 2, 1000, 100, 1);
        var flow = new OrderFlow(new RandomWalkSource(3, 1, 300, RandomWalkSource.Default), new FlowScenario([market], TakeEvery: 1, MaxLots: 40));
        var bids = new Dictionary<(int, byte), long>();
        var asks = new Dictionary<(int, byte), long>();
        int taken = 0;
        foreach (TraderAction action in flow.Actions())
        {
            (int, byte) key = (action.Trader, action.Slot);
            bids.Remove(key);
            asks.Remove(key);
            if (action is not PlaceAction place) continue;
            Assert.Equal(0, place.Limit % market.Tick);
            Assert.InRange(place.Lots, 1, 40);
            Assert.Equal(place.Trader < 2, place.Rests);
            if (!place.Rests) taken++;
            else if (place.IsSell) asks[key] = place.Limit;
            else bids[key] = place.Limit;
            // One maker never quotes against itself.
            foreach ((int trader, byte _) in bids.Keys)
                Assert.All(asks.Where(a => a.Key.Item1 == trader), a => Assert.True(a.Value > bids.Where(b => b.Key.Item1 == trader).Max(b => b.Value)));
        }

        Assert.True(taken > 20);
    }

    private static string Before(long first, long last) => After(first, last, first - 1, "2681.55");

    private static string After(long first, long last, long before, string bid) =>
        $$$"""100 {"stream":"ethusdt@depth@0ms","data":{"e":"depthUpdate","E":2,"T":2,"s":"ETHUSDT","U":{{{first}}},"u":{{{last}}},"pu":{{{before}}},"b":[["{{{bid}}}","7"]],"a":[]}}""";

    private static BookState[] Books(params string[] lines)
    {
        string file = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName() + ".gz");
        try
        {
            using (var gzip = new GZipStream(File.Create(file), CompressionLevel.Fastest)) gzip.Write(Encoding.UTF8.GetBytes(string.Join('\n', lines) + "\n"));
            return [.. new TapeReader(file, depth: 10, bookInterval: 0).Read().OfType<BookState>()];
        }
        finally
        {
            File.Delete(file);
        }
    }
}
