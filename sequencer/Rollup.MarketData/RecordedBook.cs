using System.Collections.Immutable;

namespace Rollup.MarketData;

/// <summary>A change of a recorded book: absolute quantities by price, 0 removes.</summary>
/// <param name="First">First update id it covers.</param>
/// <param name="Last">Last update id it covers.</param>
/// <param name="Before">Last id of the change before; null where the exchange does not say.</param>
internal sealed record BookChange(long First, long Last, long? Before, List<MarketLevel> Bids, List<MarketLevel> Asks);

/// <summary>
/// Rebuilds a book from one snapshot and the changes around it, as the exchange's documentation prescribes: changes older than the
/// snapshot are dropped, the first one kept covers it, and each names the one before.
/// </summary>
/// <param name="maxWaiting">Changes kept until the snapshot comes; of more, the oldest are dropped.</param>
internal sealed class RecordedBook(int maxWaiting = 100_000)
{
    private readonly SortedDictionary<long, long> bids = new(Comparer<long>.Create((a, b) => b.CompareTo(a)));
    private readonly SortedDictionary<long, long> asks = [];
    private readonly List<BookChange> waiting = [];
    private long? last;

    /// <summary>Whether a snapshot has come and both sides have prices.</summary>
    internal bool IsKnown => last is not null && bids.Count > 0 && asks.Count > 0;

    /// <returns>What is wrong, or null.</returns>
    internal string? Snapshot(long id, List<MarketLevel> newBids, List<MarketLevel> newAsks)
    {
        bids.Clear();
        asks.Clear();
        last = null;
        Set(bids, newBids);
        Set(asks, newAsks);
        last = id;
        foreach (BookChange change in waiting.Where(c => c.Last > id))
            if (Follow(change) is { } problem) return problem;

        waiting.Clear();
        return null;
    }

    /// <returns>What is wrong, or null.</returns>
    internal string? Apply(BookChange change)
    {
        if (last is not null) return change.Last <= last ? null : Follow(change);
        if (waiting.Count == maxWaiting) waiting.RemoveAt(0);
        waiting.Add(change);
        return null;
    }

    /// <summary>Changes that wait for a snapshot.</summary>
    internal IReadOnlyList<BookChange> Waiting => waiting;

    /// <summary>Whether changes wait for a snapshot.</summary>
    internal bool NeedsSnapshot => last is null && waiting.Count > 0;

    /// <summary>Quote on the thinner side within 1% of the middle, 10^-6 USD; 0 if the book is not known.</summary>
    internal long Depth()
    {
        if (!IsKnown) return 0;
        long middle = (bids.First().Key + asks.First().Key) / 2, band = middle / 100;
        return (long)Int128.Min(Int128.Min(Sum(bids.TakeWhile(l => l.Key >= middle - band)), Sum(asks.TakeWhile(l => l.Key <= middle + band))), long.MaxValue);

        // 10^-6 USD x 10^-8 units.
        static Int128 Sum(IEnumerable<KeyValuePair<long, long>> levels) => levels.Aggregate(Int128.Zero, (sum, l) => sum + (Int128)l.Key * l.Value) / 100_000_000;
    }

    internal ImmutableArray<MarketLevel> Bids(int depth) => [.. bids.Take(depth).Select(p => new MarketLevel(p.Key, p.Value))];
    internal ImmutableArray<MarketLevel> Asks(int depth) => [.. asks.Take(depth).Select(p => new MarketLevel(p.Key, p.Value))];

    private string? Follow(BookChange change)
    {
        bool follows = change.Before is { } before ? before == last || change.First <= last + 1 : change.First <= last + 1;
        if (!follows) return $"a change from {change.First} does not follow {last}: the recording has a gap";
        Take(change);
        return null;
    }

    private void Take(BookChange change)
    {
        Set(bids, change.Bids);
        Set(asks, change.Asks);
        last = change.Last;
    }

    private static void Set(SortedDictionary<long, long> side, List<MarketLevel> levels)
    {
        foreach (MarketLevel level in levels)
        {
            if (level.Quantity == 0) side.Remove(level.Price);
            else side[level.Price] = level.Quantity;
        }
    }
}
