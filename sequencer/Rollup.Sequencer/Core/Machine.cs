using System.Text.Json;
using Rollup.Api;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Engine;
using Rollup.Protocol;

namespace Rollup.Sequencer.Core;

/// <summary>What applying one command gave. <see cref="Result"/> is of an accepted request.</summary>
internal readonly record struct Applied(RejectCode Code, RequestResult? Result = null, SealedBatch? Batch = null);

/// <summary>
/// Everything that follows from the journal: the engine, and what the host keeps beside it. Live commands and replayed ones take the
/// same way through <see cref="Apply"/>. One thread at a time.
/// </summary>
internal sealed class Machine
{
    private const uint SnapshotVersion = 3;
    private readonly byte[] genesis;
    private bool hasGenesis;

    private Machine(EngineConfig config, byte[] genesis, ViewKeyStore viewKeys, ClearingEngine engine)
    {
        (Config, this.genesis, ViewKeys, Engine) = (config, genesis, viewKeys, engine);
        foreach (AccountId account in engine.Accounts) AddKey(account);
    }

    /// <summary>A machine before the first record.</summary>
    /// <param name="genesis">What the journal's first record must say; another configuration is refused.</param>
    internal Machine(EngineConfig config, byte[] genesis, ViewKeyStore viewKeys) : this(config, genesis, viewKeys, new ClearingEngine(config)) { }

    internal EngineConfig Config { get; }
    internal ClearingEngine Engine { get; }
    internal KeyDirectory Keys { get; } = new();
    internal ViewKeyStore ViewKeys { get; }
    internal BatchBook Batches { get; } = new();
    internal TradeHistory Trades { get; } = new();
    internal EventHistory Events { get; } = new();

    /// <summary>Where following the chain goes on after a restart: everything before has reached the journal.</summary>
    internal ChainPosition? Chain { get; set; }

    /// <summary>The last record applied.</summary>
    internal ulong Sequence { get; private set; }

    /// <summary>Canonical bytes that the epoch's risk table follows from; empty before the first epoch.</summary>
    internal byte[] RiskInputs { get; private set; } = [];

    /// <summary>The last receipt: one for every request that was accepted (spec 11).</summary>
    internal ReceiptHead Receipts { get; private set; }

    /// <summary>Whether the journal's first record has been applied.</summary>
    internal bool HasGenesis => hasGenesis;

    /// <summary>Applies one journaled command.</summary>
    /// <exception cref="SafeStopException">The journal belongs to another configuration, or the record cannot follow from the ones before.</exception>
    internal Applied Apply(HostCommand command, ulong sequence, IEventSink sink)
    {
        Sequence = sequence;
        switch (command)
        {
            case GenesisCommand c:
                if (hasGenesis || !c.Configuration.AsSpan().SequenceEqual(genesis)) throw new SafeStopException(Explain(c.Configuration));
                hasGenesis = true;
                return default;
            case ViewKeyCommand c:
                ViewKeys.Add(new WaitingViewKey(c.ViewKey, c.Time.Milliseconds));
                return default;
            case RequestCommand c:
                return Request(c, sequence, sink);
            case BidCommand c:
                return Bid(c, sequence, sink);
            case OperationCommand c:
                return Follow(Engine.Apply(Command.Operation(c.Time, c.Queued)), c.Time, sink, c.Queued.Operation);
            case OpenEpochCommand c:
                HashSet<int> settled = [.. Settled().Select(r => r.Id)];
                Applied opened = Follow(Engine.Apply(Command.OpenEpoch(c.Time, c.RiskInputs)), c.Time, sink);
                if (opened.Code != RejectCode.None) return opened;
                RiskInputs = c.RiskInputs;
                foreach (RiskRow row in Settled().Where(r => !settled.Contains(r.Id)))
                    sink.Market(Events.Add(new MarketEventView(Events.Number(), Engine.Status.Batch, c.Time.Milliseconds, MarketEventKind.Settled, row.Id, Amount: row.Base)));
                sink.RiskInputs(c.RiskInputs);
                return opened;
            case SealCommand c:
                return Follow(Engine.Apply(Command.Seal(c.Time)), c.Time, sink);
            case LiveRiskCommand c:
                return Follow(Engine.Apply(Command.LiveRisk(c.Time, c.RiskInputs)), c.Time, sink);
            case PermitCommand c:
                return Follow(Engine.Apply(Command.Permit(c.Time, c.Actions)), c.Time, sink);
            case ConvertCommand c:
                return Follow(Engine.Apply(Command.Convert(c.Time)), c.Time, sink);
            case TickCommand c:
                return Follow(Engine.Apply(Command.Tick(c.Time)), c.Time, sink);
            default:
                throw new ArgumentException($"{command.GetType().Name} is not a command.", nameof(command));
        }
    }

    /// <summary>The whole state as bytes: version 4 | length 4 of the host's part, as JSON | the engine's snapshot. Equal states have equal bytes.</summary>
    internal byte[] Snapshot() => Snapshot(genesis, Sequence, Engine);

    /// <summary>This state under the next circuit of the vault, after the first record of another journal.</summary>
    /// <exception cref="InvalidOperationException">Something has executed that is in no sealed batch.</exception>
    /// <exception cref="ArgumentException">The configuration differs in more than domain and profile, or has no room for what an account holds.</exception>
    internal Machine Upgraded(EngineConfig next, byte[] nextGenesis, ViewKeyStore viewKeys) => Restore(next, nextGenesis, viewKeys, Snapshot(nextGenesis, 1, Engine.Upgraded(next)));

    private byte[] Snapshot(byte[] genesis, ulong sequence, ClearingEngine state)
    {
        byte[] host = JsonSerializer.SerializeToUtf8Bytes(
            new HostSnapshot(genesis, sequence, RiskInputs, Trades.Last, [.. Trades.All], [.. Batches.All], [.. ViewKeys.All.Select(k => new ViewKeySnapshot(k.Key, k.Since))],
                Events.Last, [.. Events.Accounts], [.. Events.Market], Receipts.Number, Receipts.Hash, Chain),
            HostSnapshotJson.Default.HostSnapshot);
        byte[] engine = state.Snapshot();
        using var stream = new MemoryStream(8 + host.Length + engine.Length);
        using var writer = new BinaryWriter(stream);
        writer.Write(SnapshotVersion);
        writer.Write(host.Length);
        writer.Write(host);
        writer.Write(engine);
        return stream.ToArray();
    }

    /// <summary>Continues from a snapshot.</summary>
    /// <exception cref="SafeStopException">It is of another configuration.</exception>
    /// <exception cref="InvalidDataException">These are not the bytes of a snapshot.</exception>
    internal static Machine Restore(EngineConfig config, byte[] genesis, ViewKeyStore viewKeys, ReadOnlySpan<byte> snapshot)
    {
        if (snapshot.Length < 8 || BitConverter.ToUInt32(snapshot) != SnapshotVersion) throw new InvalidDataException($"Not a snapshot of version {SnapshotVersion}.");
        int length = BitConverter.ToInt32(snapshot[4..]);
        if (length < 0 || length > snapshot.Length - 8) throw new InvalidDataException("The snapshot's host part exceeds it.");
        HostSnapshot host;
        try
        {
            host = JsonSerializer.Deserialize(snapshot.Slice(8, length), HostSnapshotJson.Default.HostSnapshot) ?? throw new InvalidDataException("The snapshot's host part is null.");
        }
        catch (JsonException error)
        {
            throw new InvalidDataException($"The snapshot's host part cannot be read: {error.Message}", error);
        }

        if (!host.Genesis.AsSpan().SequenceEqual(genesis)) throw new SafeStopException(Explain(host.Genesis, genesis));
        var machine = new Machine(config, genesis, viewKeys, ClearingEngine.Restore(config, snapshot[(8 + length)..]))
        {
            hasGenesis = true, Sequence = host.Sequence, RiskInputs = host.RiskInputs, Chain = host.Chain, Receipts = new ReceiptHead(host.ReceiptNumber, host.ReceiptHash),
        };
        machine.Trades.Restore(host.LastTrade, host.Trades);
        machine.Batches.Restore(host.Batches);
        machine.Events.Restore(host.LastEvent, host.AccountEvents, host.MarketEvents);
        foreach (ViewKeySnapshot key in host.ViewKeys) viewKeys.Add(new WaitingViewKey(key.Key, key.Since));
        return machine;
    }

    private Applied Request(RequestCommand command, ulong sequence, IEventSink sink)
    {
        SignedRequest request = command.Request;
        Outcome outcome = Engine.Apply(Command.Request(command.Time, Verified(request, command.Signature, sequence)));
        if (!outcome.IsAccepted) return new Applied(outcome.Code);

        ReceiptView receipt = Receipt(request, command.Signature, command.Time, sink);
        uint batch = Engine.Status.Batch;
        var fills = new List<FillView>();
        long rested = 0;
        ApiError? closed = null;
        foreach (ref readonly EngineEvent e in outcome.Events)
        {
            bool isOwn = e.Account.Value == request.Account && e.Slot == request.Slot && e.Nonce.Value == request.Nonce;
            if (e.Kind == EventKind.Filled) fills.Add(Fill(e, command.Time, batch, sink));
            else if (e.Kind is EventKind.Rested or EventKind.Closed)
            {
                sink.BookChanged(e.Instrument.Value);
                if (isOwn && e.Kind == EventKind.Rested) rested = e.Remaining.Value;
                else if (isOwn && request.Kind == RowKind.Order) closed = ApiError.Of(e.Reason);
            }
        }

        Batches.Count(batch, 1, fills.Count);
        RequestStatus status = request.Kind switch
        {
            RowKind.Cancel => RequestStatus.Cancelled,
            RowKind.Withdrawal => RequestStatus.Withdrawn,
            _ => rested > 0 ? RequestStatus.Resting : closed is not null ? RequestStatus.Closed : RequestStatus.Filled,
        };
        return new Applied(RejectCode.None, new RequestResult(sequence, batch, status, fills.Sum(f => f.Size), rested, fills, closed, [receipt]));
    }

    private VerifiedRequest Verified(in SignedRequest request, in EddsaSignature signature, ulong sequence)
    {
        if (Keys[request.Account] is not { } key) throw new SafeStopException($"Record {sequence} is a request of account {request.Account}, which does not exist: the journal is not this sequencer's.");
        RequestVerifier.Restore(request.Pack(), signature, key, out VerifiedRequest? verified);
        return verified!;
    }

    private Applied Bid(BidCommand command, ulong sequence, IEventSink sink)
    {
        var bid = new AuctionBid(AccountId.From(command.Account), [.. command.Orders.Select(o => Verified(o.Request, o.Signature, sequence))]);
        Outcome outcome = Engine.Apply(Command.Bid(command.Time, bid));
        if (!outcome.IsAccepted) return new Applied(outcome.Code);
        ReceiptView[] receipts = [.. command.Orders.Select(o => Receipt(o.Request, o.Signature, command.Time, sink))];
        uint batch = Engine.Status.Batch;
        var fills = new List<FillView>();
        foreach (ref readonly EngineEvent e in outcome.Events)
        {
            if (e.Kind == EventKind.Filled) fills.Add(Fill(e, command.Time, batch, sink));
            else Note(e, command.Time, sink);
        }

        Batches.Count(batch, command.Orders.Count, fills.Count);
        return new Applied(RejectCode.None, new RequestResult(sequence, batch, RequestStatus.Filled, fills.Sum(f => f.Size), 0, fills, null, receipts));
    }

    // Everything but requests: what the events change beside the engine.
    private Applied Follow(Outcome outcome, Timestamp time, IEventSink sink, Operation? operation = null)
    {
        if (!outcome.IsAccepted) return new Applied(outcome.Code);
        SealedBatch? batch = outcome.Batch is { } plain ? plain with { Receipts = Receipts } : null;
        foreach (ref readonly EngineEvent e in outcome.Events)
        {
            switch (e.Kind)
            {
                case EventKind.Registered:
                    AddKey(e.Account);
                    ViewKeys.Remove(operation!.ViewKeyHash);
                    break;
                case EventKind.Closed:
                    sink.BookChanged(e.Instrument.Value);
                    break;
                case EventKind.Filled:
                    // Liquidations, which no request brought about.
                    Fill(e, time, Engine.Status.Batch, sink);
                    Batches.Count(Engine.Status.Batch, 0, 1);
                    break;
                case EventKind.EpochOpened:
                    sink.Batch(Batches.Open((uint)e.Amount, time.Milliseconds));
                    break;
                case EventKind.Sealed:
                    sink.Batch(Batches.Seal(batch!));
                    sink.Sealed(batch!);
                    break;
                default:
                    Note(e, time, sink);
                    break;
            }
        }

        if (operation is not null) Batches.Count(Engine.Status.Batch, 0, 0);
        return new Applied(RejectCode.None, Batch: batch);
    }

    private ReceiptView Receipt(in SignedRequest request, in EddsaSignature signature, Timestamp time, IEventSink sink)
    {
        Receipt receipt = Receipts.Next(Rollup.Crypto.Settlement.Receipt.OrderHashOf(request.Pack(), signature), time.Milliseconds);
        Receipts = new ReceiptHead(receipt.Number, receipt.HashIn(Config.Domain));
        sink.Receipt(receipt);
        return new ReceiptView(receipt.Number, receipt.OrderHash, receipt.Time, receipt.Previous);
    }

    private IEnumerable<RiskRow> Settled() => Engine.RiskTable.Where(r => (r.Flags & InstrumentFlags.Settled) != 0);

    /// <summary>Tells the accounts that an event concerns, and the market without them.</summary>
    private void Note(in EngineEvent e, Timestamp time, IEventSink sink)
    {
        uint batch = Engine.Status.Batch;
        int? instrument = e.Instrument.Value == 0 ? null : e.Instrument.Value;
        switch (e.Kind)
        {
            case EventKind.Converted:
                Account(e.Account, AccountEventKind.Converted, e.Lots.Value, e.Amount);
                break;
            case EventKind.FundPaid:
                Account(e.Account, AccountEventKind.FundPaid, null, e.Amount);
                Market(MarketEventKind.FundPaid, null, e.Amount);
                break;
            case EventKind.LiquidationFee:
                Account(e.Account, AccountEventKind.LiquidationFee, null, e.Amount);
                break;
            case EventKind.Deleveraged:
                long change = e.IsSell ? -e.Lots.Value : e.Lots.Value;
                Account(e.Account, AccountEventKind.Deleveraged, change, e.Amount);
                Account(e.Maker, AccountEventKind.DeleveragedAgainst, -change, e.Amount);
                Market(MarketEventKind.Deleveraged, e.Lots.Value, e.Amount);
                break;
            case EventKind.WithdrawalServed:
                Account(e.Account, AccountEventKind.WithdrawalServed, null, e.Amount, e.Reason);
                break;
            case EventKind.CloseServed:
                Account(e.Account, AccountEventKind.CloseServed, null, null, e.Reason);
                break;
            case EventKind.ClosedAgainst:
                long closed = e.IsSell ? -e.Lots.Value : e.Lots.Value;
                Account(e.Account, AccountEventKind.ClosedOnRequest, closed, e.Price.AtomsPerLot);
                Account(e.Maker, AccountEventKind.ClosedAgainst, -closed, e.Price.AtomsPerLot);
                break;
            case EventKind.AuctionStarted:
                Account(e.Account, AccountEventKind.AuctionStarted, null, null);
                Market(MarketEventKind.AuctionStarted, null, null);
                break;
            default:
                return;
        }

        // Nothing of an auction's beginning is in the batch.
        if (e.Kind != EventKind.AuctionStarted) Batches.Count(batch, 0, 0);

        void Account(AccountId account, AccountEventKind kind, long? size, long? amount, RejectCode reason = RejectCode.None) =>
            sink.Account(Events.Add(new AccountEventView(
                Events.Number(), batch, time.Milliseconds, account.Value, kind, instrument, size, amount, reason == RejectCode.None ? null : ApiError.Of(reason, reason == RejectCode.NotOwner ? "somebody else made the request on L1" : null))));

        void Market(MarketEventKind kind, long? size, long? amount) =>
            sink.Market(Events.Add(new MarketEventView(Events.Number(), batch, time.Milliseconds, kind, instrument, size, amount)));
    }

    private FillView Fill(in EngineEvent e, Timestamp time, uint batch, IEventSink sink)
    {
        Side side = e.IsSell ? Side.Sell : Side.Buy, other = e.IsSell ? Side.Buy : Side.Sell;
        long number = Trades.Number();
        bool? isLiquidation = e.Reason == RejectCode.Liquidating ? true : null;
        var trade = new TradeView(number, batch, time.Milliseconds, e.Instrument.Value, side, e.Price.AtomsPerLot, e.Lots.Value, isLiquidation);
        var taker = new FillView(number, batch, time.Milliseconds, e.Account.Value, e.Slot, e.Nonce.Value, e.Instrument.Value, side, FillRole.Taker,
            e.Price.AtomsPerLot, e.Lots.Value, e.Remaining.Value, e.Fee.Atoms, isLiquidation);
        Trades.Add(trade);
        sink.Trade(trade);
        sink.Fill(taker);
        sink.Fill(taker with
        {
            Account = e.Maker.Value,
            Slot = e.MakerSlot,
            Nonce = e.MakerNonce.Value,
            Side = other,
            Role = FillRole.Maker,
            Remaining = e.MakerRemaining.Value,
            Fee = e.MakerFee.Atoms,
        });
        sink.BookChanged(e.Instrument.Value);
        return taker;
    }

    private void AddKey(AccountId account) => Keys.Add(account.Value, Engine.View(account)!.Identity);

    private string Explain(byte[] found) => hasGenesis ? "The journal starts twice." : Explain(found, genesis);

    private static string Explain(byte[] found, byte[] expected) =>
        "The data directory was started under another configuration of chain, vault, circuit, profile, instruments or fees, which cannot change in it (after an upgrade of the vault's circuit `sequencer upgrade` makes the next one). " +
        $"It was {System.Text.Encoding.UTF8.GetString(found)}, and is now {System.Text.Encoding.UTF8.GetString(expected)}.";
}
