using Rollup.Api;
using Rollup.Crypto.Settlement;
using Rollup.Engine;

namespace Rollup.Sequencer.Core;

/// <summary>Who is told what happened, in order, once it is durable. Called on the core's thread: must not block. What a sink does not implement it does not hear of.</summary>
internal interface IEventSink
{
    void Trade(TradeView trade) { }
    void Fill(FillView fill) { }
    void Batch(BatchView batch) { }
    void Account(AccountEventView e) { }
    void Market(MarketEventView e) { }

    /// <summary>The instrument's book is another now.</summary>
    void BookChanged(int instrument) { }

    /// <summary>A request was accepted.</summary>
    void Receipt(in Receipt receipt) { }

    /// <summary>Before a snapshot, since a start from one tells nothing of what came before it: whether the sink has kept all that it was told. It may flush to do so.</summary>
    bool HasKept() => true;

    void Sealed(SealedBatch batch) { }

    /// <summary>An epoch opened under these canonical bytes.</summary>
    void RiskInputs(byte[] inputs) { }
}

/// <summary>Tells several.</summary>
internal sealed class AllSinks(IReadOnlyList<IEventSink> sinks) : IEventSink
{
    public void Trade(TradeView trade)
    {
        foreach (IEventSink sink in sinks) sink.Trade(trade);
    }

    public void Fill(FillView fill)
    {
        foreach (IEventSink sink in sinks) sink.Fill(fill);
    }

    public void Batch(BatchView batch)
    {
        foreach (IEventSink sink in sinks) sink.Batch(batch);
    }

    public void Account(AccountEventView e)
    {
        foreach (IEventSink sink in sinks) sink.Account(e);
    }

    public void Market(MarketEventView e)
    {
        foreach (IEventSink sink in sinks) sink.Market(e);
    }

    public void BookChanged(int instrument)
    {
        foreach (IEventSink sink in sinks) sink.BookChanged(instrument);
    }

    public void Receipt(in Receipt receipt)
    {
        foreach (IEventSink sink in sinks) sink.Receipt(receipt);
    }

    public bool HasKept() => sinks.All(sink => sink.HasKept());

    public void Sealed(SealedBatch batch)
    {
        foreach (IEventSink sink in sinks) sink.Sealed(batch);
    }

    public void RiskInputs(byte[] inputs)
    {
        foreach (IEventSink sink in sinks) sink.RiskInputs(inputs);
    }
}

/// <summary>Tells nobody: for replay, when all that happened was told before.</summary>
internal sealed class NoSink : IEventSink
{
    public static readonly NoSink Instance = new();
}
