using Rollup.Api;

namespace Rollup.Sequencer.Core;

/// <summary>Who is told what happened, in order, once it is durable. Called on the core's thread: must not block.</summary>
internal interface IEventSink
{
    void Trade(TradeView trade);
    void Fill(FillView fill);
    void Batch(BatchView batch);
    void Account(AccountEventView e);
    void Market(MarketEventView e);

    /// <summary>The instrument's book is another now.</summary>
    void BookChanged(int instrument);
}

/// <summary>Tells nobody: for replay, when all that happened was told before.</summary>
internal sealed class NoSink : IEventSink
{
    public static readonly NoSink Instance = new();

    public void Trade(TradeView trade) { }
    public void Fill(FillView fill) { }
    public void Batch(BatchView batch) { }
    public void Account(AccountEventView e) { }
    public void Market(MarketEventView e) { }
    public void BookChanged(int instrument) { }
}
