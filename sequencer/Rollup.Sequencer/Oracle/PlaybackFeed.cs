using Rollup.MarketData;

namespace Rollup.Sequencer.Oracle;

/// <summary>
/// Plays a recorded or generated session: forward to its end, backward to its start, and so on, so that prices never jump. The middle of the
/// book is index and mark.
/// </summary>
public sealed class PlaybackFeed : IPriceFeed
{
    private const long NanosecondsPerMillisecond = 1_000_000;

    // One path a market: times in ms since the session's start, ascending, and the price at each.
    private readonly Dictionary<string, (List<long> Times, List<long> Prices)> paths = [];
    private readonly int speed;
    private readonly long length;
    private long? started;

    /// <param name="source">Read whole, once.</param>
    /// <param name="speed">How many of its seconds pass in one.</param>
    /// <exception cref="TapeException">The recording is damaged.</exception>
    /// <exception cref="ArgumentException">It has no prices.</exception>
    public PlaybackFeed(IMarketSource source, int speed)
    {
        this.speed = speed;
        long? first = null;
        foreach (BookState book in source.Read().OfType<BookState>())
        {
            first ??= book.Time;
            if (!paths.TryGetValue(book.Market, out (List<long> Times, List<long> Prices) path)) paths[book.Market] = path = ([], []);
            long time = (book.Time - first.Value) / NanosecondsPerMillisecond;
            path.Times.Add(time);
            path.Prices.Add(book.Middle);
            length = Math.Max(length, time);
        }

        if (paths.Count == 0) throw new ArgumentException("The session has no prices.", nameof(source));
    }

    /// <summary>Names of the markets that have prices.</summary>
    public IReadOnlyCollection<string> Markets => paths.Keys;

    public Observation Observe(long now)
    {
        started ??= now;
        long period = Math.Max(1, 2 * length), at = (now - started.Value) * speed % period;
        if (at > length) at = period - at;
        return new Observation(now, paths.ToDictionary(p => p.Key, p => PriceAt(p.Value.Times, p.Value.Prices, at)));
    }

    private static MarketPrice PriceAt(List<long> times, List<long> prices, long at)
    {
        int found = times.BinarySearch(at);
        long price = prices[Math.Max(0, found >= 0 ? found : ~found - 1)];
        return new MarketPrice(price, price);
    }
}
