using System.Collections.Immutable;

namespace Rollup.MarketData;

/// <summary>One price and the quantity there: 10^-6 USD a unit, and 10^-8 units.</summary>
public readonly record struct MarketLevel(long Price, long Quantity);

/// <summary>Something that happened on a market. The same for a recording and for a generator.</summary>
/// <param name="Time">Nanoseconds since 1970.</param>
/// <param name="Market">Name of the market in the source, e.g. BTCUSDT.</param>
public abstract record MarketEvent(long Time, string Market);

/// <summary>The best prices of a book: bids descending, asks ascending, neither empty.</summary>
public sealed record BookState(long Time, string Market, ImmutableArray<MarketLevel> Bids, ImmutableArray<MarketLevel> Asks) : MarketEvent(Time, Market)
{
    /// <summary>Half of best bid and best ask together, rounded down.</summary>
    public long Middle => (Bids[0].Price + Asks[0].Price) / 2;
}

/// <summary>A trade.</summary>
/// <param name="IsSell">The taker sold.</param>
public sealed record MarketTrade(long Time, string Market, MarketLevel At, bool IsSell) : MarketEvent(Time, Market);

/// <summary>A source of market events in the order of time: a recorded tape, or a generator.</summary>
public interface IMarketSource
{
    /// <summary>Reads from the start; each call reads anew.</summary>
    /// <param name="progress">Told now and then which part of the whole is read, 0 to 1; null where nobody looks.</param>
    IEnumerable<MarketEvent> Read(IProgress<double>? progress = null);
}

/// <summary>Several sources as one, in the order of time.</summary>
public sealed class MergedSource(IReadOnlyList<IMarketSource> sources) : IMarketSource
{
    public IEnumerable<MarketEvent> Read(IProgress<double>? progress = null)
    {
        var queue = new PriorityQueue<IEnumerator<MarketEvent>, long>();
        var open = new List<IEnumerator<MarketEvent>>();
        try
        {
            foreach (IMarketSource source in sources)
            {
                // All cover the same time, so the first one's progress is everybody's.
                IEnumerator<MarketEvent> events = source.Read(open.Count == 0 ? progress : null).GetEnumerator();
                open.Add(events);
                if (events.MoveNext()) queue.Enqueue(events, events.Current.Time);
            }

            while (queue.TryDequeue(out IEnumerator<MarketEvent>? next, out _))
            {
                yield return next.Current;
                if (next.MoveNext()) queue.Enqueue(next, next.Current.Time);
            }
        }
        finally
        {
            foreach (IEnumerator<MarketEvent> events in open) events.Dispose();
        }
    }
}
