using Rollup.Api;

namespace Rollup.Sequencer.Core;

/// <summary>The newest trades of each instrument, and the number of the last one.</summary>
internal sealed class TradeHistory
{
    /// <summary>Kept for each instrument.</summary>
    internal const int MaxKept = 1000;

    // Sorted, so that equal histories are listed in the same order whatever led to them.
    private readonly SortedDictionary<int, Queue<TradeView>> trades = [];

    /// <summary>Trades ever.</summary>
    internal long Last { get; private set; }

    /// <summary>All kept, by instrument, oldest first.</summary>
    internal IEnumerable<TradeView> All => trades.Values.SelectMany(t => t);

    /// <summary>The number of the next trade.</summary>
    internal long Number() => ++Last;

    internal void Add(TradeView trade)
    {
        if (!trades.TryGetValue(trade.Instrument, out Queue<TradeView>? queue)) trades[trade.Instrument] = queue = new Queue<TradeView>();
        if (queue.Count == MaxKept) queue.Dequeue();
        queue.Enqueue(trade);
    }

    /// <summary>Newest first.</summary>
    internal IReadOnlyList<TradeView> Newest(int instrument, int count) =>
        trades.TryGetValue(instrument, out Queue<TradeView>? queue) ? [.. queue.Reverse().Take(count)] : [];

    internal void Restore(long last, IEnumerable<TradeView> kept)
    {
        Last = last;
        foreach (TradeView trade in kept.OrderBy(t => t.Trade)) Add(trade);
    }
}
