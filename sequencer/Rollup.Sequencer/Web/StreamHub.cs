using System.Text.Json;
using System.Threading.Channels;
using Microsoft.Extensions.Hosting;
using Rollup.Api;
using Rollup.Sequencer.Configuration;
using Rollup.Sequencer.Core;

namespace Rollup.Sequencer.Web;

/// <summary>
/// Carries events from the core to the stream's subscribers. The core only hands them over; grouping, serialising and sending happen
/// here. A reader that does not keep up is cut off, so that it costs nobody anything.
/// </summary>
internal sealed class StreamHub(SequencerConfig config, Lazy<SequencerCore> core, TimeProvider clock) : BackgroundService, IEventSink
{
    private const int MaxGroup = 1024;

    // Unbounded: the pump is many times faster than the signatures that every event costs.
    private readonly Channel<object> events = Channel.CreateUnbounded<object>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Lock gate = new();
    private readonly Dictionary<(StreamChannel Channel, int Key), HashSet<StreamConnection>> subscribers = [];
    private readonly HashSet<int> changedBooks = [];

    public void Trade(TradeView trade) => events.Writer.TryWrite(trade);
    public void Fill(FillView fill) => events.Writer.TryWrite(fill);
    public void Batch(BatchView batch) => events.Writer.TryWrite(batch);
    public void Account(AccountEventView e) => events.Writer.TryWrite(e);
    public void Market(MarketEventView e) => events.Writer.TryWrite(e);

    public void BookChanged(int instrument)
    {
        lock (gate) changedBooks.Add(instrument);
    }

    /// <param name="key">The instrument or account; 0 for batches and the market.</param>
    internal void Subscribe(StreamConnection connection, StreamChannel channel, int key)
    {
        lock (gate)
        {
            if (!subscribers.TryGetValue((channel, key), out HashSet<StreamConnection>? connections)) subscribers[(channel, key)] = connections = [];
            connections.Add(connection);
            if (channel == StreamChannel.Book) changedBooks.Add(key);
        }
    }

    internal void Unsubscribe(StreamConnection connection, StreamChannel channel, int key)
    {
        lock (gate)
        {
            if (!subscribers.TryGetValue((channel, key), out HashSet<StreamConnection>? connections)) return;
            connections.Remove(connection);
            if (connections.Count == 0) subscribers.Remove((channel, key));
        }
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(PumpEvents(stoppingToken), PumpBooks(stoppingToken));

    private async Task PumpEvents(CancellationToken cancellation)
    {
        var group = new List<object>(MaxGroup);
        while (await events.Reader.WaitToReadAsync(cancellation))
        {
            group.Clear();
            while (group.Count < MaxGroup && events.Reader.TryRead(out object? e)) group.Add(e);
            foreach (IGrouping<int, TradeView> trades in group.OfType<TradeView>().GroupBy(t => t.Instrument))
                Send(StreamChannel.Trades, trades.Key, () => new StreamEvent(StreamEventType.Trades, StreamChannel.Trades, Instrument: trades.Key, Trades: [.. trades]));
            foreach (IGrouping<int, FillView> fills in group.OfType<FillView>().GroupBy(f => f.Account))
                Send(StreamChannel.Fills, fills.Key, () => new StreamEvent(StreamEventType.Fills, StreamChannel.Fills, Account: fills.Key, Fills: [.. fills]));
            foreach (IGrouping<int, AccountEventView> own in group.OfType<AccountEventView>().GroupBy(e => e.Account))
                Send(StreamChannel.AccountEvents, own.Key, () => new StreamEvent(StreamEventType.AccountEvents, StreamChannel.AccountEvents, Account: own.Key, AccountEvents: [.. own]));
            if (group.OfType<MarketEventView>().Any())
                Send(StreamChannel.MarketEvents, 0, () => new StreamEvent(StreamEventType.MarketEvents, StreamChannel.MarketEvents, MarketEvents: [.. group.OfType<MarketEventView>()]));
            foreach (BatchView batch in group.OfType<BatchView>())
                Send(StreamChannel.Batches, 0, () => new StreamEvent(StreamEventType.Batch, StreamChannel.Batches, Batch: batch));
        }
    }

    private async Task PumpBooks(CancellationToken cancellation)
    {
        while (true)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(Math.Max(10, config.BookIntervalMilliseconds)), clock, cancellation);
            int[] changed;
            lock (gate)
            {
                changed = [.. changedBooks.Where(instrument => subscribers.ContainsKey((StreamChannel.Book, instrument)))];
                changedBooks.Clear();
            }

            foreach (int instrument in changed)
            {
                try
                {
                    BookView book = await core.Value.ReadAsync(machine => Views.Book(machine, instrument, Views.DefaultDepth));
                    Send(StreamChannel.Book, instrument, () => new StreamEvent(StreamEventType.Book, StreamChannel.Book, Instrument: instrument, Book: book));
                }
                catch (SequencerBusyException)
                {
                    BookChanged(instrument);
                }
            }
        }
    }

    private void Send(StreamChannel channel, int key, Func<StreamEvent> make)
    {
        StreamConnection[] targets;
        lock (gate)
        {
            if (!subscribers.TryGetValue((channel, key), out HashSet<StreamConnection>? connections)) return;
            targets = [.. connections];
        }

        byte[] message = JsonSerializer.SerializeToUtf8Bytes(make(), ApiJson.Default.StreamEvent);
        foreach (StreamConnection target in targets) target.Queue(message);
    }
}
