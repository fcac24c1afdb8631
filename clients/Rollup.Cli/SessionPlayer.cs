using System.Collections.Immutable;
using System.Diagnostics;
using Rollup.Api;
using Rollup.Client.Keys;
using Rollup.Client.Sequencer;
using Rollup.Crypto;
using Rollup.MarketData;
using Rollup.Protocol;

namespace Rollup.Cli;

/// <summary>What a played session came to.</summary>
internal sealed record SessionResult(long Orders, long Cancels, long Fills, IReadOnlyDictionary<string, long> Rejections, IReadOnlyList<string> Complaints);

/// <summary>Plays an order flow against a sequencer as several traders, each with its own keys; checks every fill against what was signed.</summary>
internal sealed class SessionPlayer(SequencerClient sequencer, FlowScenario scenario, IReadOnlyList<(TraderKeys Keys, int Account)> traders)
{
    private const long ValidFor = 600_000; // ms
    private const int FeeRate = 1_000;

    private readonly Dictionary<(int Trader, byte Slot), long> nonces = [];
    private readonly SortedDictionary<string, long> rejections = new(StringComparer.Ordinal);
    private readonly List<string> complaints = [];
    private long orders, cancels, fills;

    /// <summary>Markets of the flow for the perpetuals that a sequencer lists: BTC is played by BTCUSDT.</summary>
    internal static ImmutableArray<FlowMarket> MarketsOf(IEnumerable<InstrumentView> instruments) =>
        [.. instruments.Where(t => t.Kind == InstrumentKindName.Perpetual).Select(t => new FlowMarket($"{t.Unit}USDT", t.Id, t.LotsPerUnit, t.Tick, t.MinSize))];

    /// <param name="speed">How many seconds of the source pass in one.</param>
    /// <param name="batches">Ends when so many batches with trades have been sealed; null plays to the end.</param>
    /// <param name="progress">Part of the source that is read, and what happened so far.</param>
    internal async Task<SessionResult> PlayAsync(IMarketSource source, double speed, int? batches, IProgress<(double Part, string Status)> progress, CancellationToken cancellation)
    {
        InfoView info = await sequencer.InfoAsync(cancellation);
        var signer = new MessageSigner(info.Domain);
        await LearnNoncesAsync(signer, cancellation);
        uint first = (await sequencer.BatchesAsync(1, cancellation)).Select(b => b.Batch).FirstOrDefault();
        double part = 0;
        var read = new Progress<double>(p => part = p);
        var clock = Stopwatch.StartNew();
        long? start = null;
        long nextLook = 0;
        foreach (TraderAction action in new OrderFlow(source, scenario).Actions(read))
        {
            start ??= action.Time;
            double due = (action.Time - start.Value) / 1e6 / speed;
            if (due - clock.ElapsedMilliseconds is > 1 and var early) await Task.Delay((int)early, cancellation);
            await ActAsync(action, signer, cancellation);
            if (clock.ElapsedMilliseconds < nextLook) continue;
            nextLook = clock.ElapsedMilliseconds + 500;
            int traded = (await sequencer.BatchesAsync(50, cancellation)).Count(b => b.Batch >= first && b.Stage >= BatchStage.Sealed && b.Fills > 0);
            progress.Report((batches is { } wanted ? (double)traded / wanted : part, $"{orders} orders, {fills} fills, {traded} batches with trades"));
            if (traded >= batches) break;
        }

        return new SessionResult(orders, cancels, fills, rejections, complaints);
    }

    private async Task ActAsync(TraderAction action, MessageSigner signer, CancellationToken cancellation)
    {
        (TraderKeys keys, int account) = traders[action.Trader];
        long expiry = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() + ValidFor;
        long nonce = nonces.GetValueOrDefault((action.Trader, action.Slot));
        try
        {
            if (action is PlaceAction place)
            {
                nonces[(action.Trader, action.Slot)] = ++nonce;
                OrderMessage order = signer.Sign(new OrderMessage(account, place.Slot, nonce, place.Instrument, place.IsSell ? Side.Sell : Side.Buy, place.Lots, place.Limit,
                    FeeRate, expiry, default, place.Rests ? OrderLife.Gtc : OrderLife.Ioc, PostOnly: place.Rests), keys);
                RequestResult result = await sequencer.PlaceAsync(order, cancellation);
                orders++;
                fills += result.Fills.Count;
                if (result.Closed is { } closed) Count(closed.Name);
                if (FillCheck.Find(order, result.Fills) is { } complaint) complaints.Add($"{scenario.NameOf(action.Trader)}: {complaint}");
            }
            else if (nonce > 0)
            {
                await sequencer.CancelAsync(signer.Sign(new CancelMessage(account, action.Slot, nonce, expiry, default), keys), cancellation);
                cancels++;
            }
        }
        catch (RefusedException refused)
        {
            Count(refused.Error.Name);
        }
    }

    private async Task LearnNoncesAsync(MessageSigner signer, CancellationToken cancellation)
    {
        for (int trader = 0; trader < traders.Count; trader++)
        {
            (TraderKeys keys, int account) = traders[trader];
            AccountView view = await sequencer.AccountAsync(account, keys, signer, DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(), cancellation);
            foreach (SlotView slot in view.Slots) nonces[(trader, slot.Slot)] = slot.Nonce;
        }
    }

    private void Count(string name) => rejections[name] = rejections.GetValueOrDefault(name) + 1;
}
