using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Engine;
using Rollup.Protocol;
using Rollup.Risk;

namespace Rollup.Simulation;

/// <summary>Who trades: keys that follow from the seed, and the next free order slot.</summary>
internal sealed class Trader
{
    private byte slot;
    private long nonce = 1;

    public Trader(int account, int seed)
    {
        Account = account;
        byte[] Secret(string purpose) => SHA256.HashData(Encoding.UTF8.GetBytes($"crash {seed} {account} {purpose}"));
        Key = new EddsaPrivateKey(Secret("key"));
        ViewKey = Poseidon.Hash([Fr.FromUInt64((ulong)seed), Fr.FromUInt64((ulong)account)]);
        Owner = Address.FromBytes(Secret("owner").AsSpan(0, Address.Size));
    }

    public int Account { get; }
    public EddsaPrivateKey Key { get; }
    public Fr ViewKey { get; }
    public Address Owner { get; }

    /// <summary>A slot and nonce that no order had; slots are taken in turn.</summary>
    public (byte Slot, long Nonce) Next()
    {
        (byte, long) next = (slot, nonce);
        if (slot == 249) (slot, nonce) = (0, nonce + 1);
        else slot++;
        return next;
    }
}

/// <summary>
/// The engine and those who talk to it, as the sequencer's host would: signed requests, epochs by time, sealed batches kept. After every batch the
/// books are balanced to the atom.
/// </summary>
internal sealed class Venue
{
    private readonly RequestVerifier verifier;
    private readonly Func<uint, long, RiskInputs> inputs;
    private long nextOperation;

    public Venue(EngineConfig config, long start, Func<uint, long, RiskInputs> inputs)
    {
        Engine = new ClearingEngine(config);
        verifier = new RequestVerifier(config.Domain);
        (Now, this.inputs) = (start, inputs);
    }

    public ClearingEngine Engine { get; }

    /// <summary>Unix milliseconds.</summary>
    public long Now { get; private set; }

    public List<SealedBatch> Batches { get; } = [];

    /// <summary>Events since the last batch was sealed.</summary>
    public List<EngineEvent> Events { get; } = [];

    public long Deposits { get; private set; }

    public IReadOnlyList<RiskRow> Rows => Engine.RiskTable;

    /// <summary>Passes time, never backward.</summary>
    public void MoveTo(long time) => Now = Math.Max(Now, time);

    public void Open()
    {
        Now++;
        uint batch = Engine.Status.IsOpen ? Engine.Status.Batch : Engine.Status.Batch + 1;
        RiskInputs made = inputs(batch, Now);
        if (made.Validate() is { } problem) throw new InvalidOperationException($"Risk inputs of batch {batch}: {problem}.");
        Require(Apply(Command.OpenEpoch(Timestamp.FromMilliseconds(Now), made.Encode())), "open the epoch");
    }

    /// <summary>Seals what has executed, if anything, and opens the next epoch.</summary>
    /// <returns>The batch, or null if there was nothing to seal.</returns>
    public SealedBatch? SealAndOpen()
    {
        SealedBatch? batch = Seal();
        Open();
        return batch;
    }

    public SealedBatch? Seal()
    {
        Now += 1_000;
        Outcome outcome = Engine.Apply(Command.Seal(Timestamp.FromMilliseconds(Now)));
        if (outcome.Code == RejectCode.NothingToSeal) return null;
        Require(outcome.Code, "seal");
        Batches.Add(outcome.Batch!);
        Events.AddRange(outcome.Events.ToArray());
        Ledger.RequireBalance(this);
        return outcome.Batch;
    }

    public void Tick()
    {
        Now += 10;
        Require(Apply(Command.Tick(Timestamp.FromMilliseconds(Now))), "tick");
    }

    /// <summary>Positions in settled instruments become cash, as far as the batch has room.</summary>
    public void Convert() => Apply(Command.Convert(Timestamp.FromMilliseconds(Now)));

    /// <summary>Bids for a slice at the auction's prices: one order a leg.</summary>
    public RejectCode Bid(Trader bidder, DistressView auction) => Apply(Command.Bid(Timestamp.FromMilliseconds(Now), new AuctionBid(auction.Account, [.. auction.Slice.Select(leg =>
    {
        (byte slot, long nonce) = bidder.Next();
        return Sign(bidder, new SignedRequest(RowKind.Order, new OrderFlags(TimeInForce.FillOrKill, false, false, SelfTradePrevention.CancelResting, false).Encode(), leg.IsSell,
            leg.Instrument.Value, bidder.Account, slot, leg.Lots.Value, leg.Price.AtomsPerLot, 1_000, Now + 86_400_000, nonce));
    })])));

    public void Register(Trader trader, long cash)
    {
        EddsaPublicKey key = trader.Key.PublicKey;
        Operate(new Operation(OperationKind.Register, trader.Account, 0, cash, trader.Owner, key.X, key.Y, Poseidon.Hash([trader.ViewKey])), trader.Owner, trader.ViewKey);
        Deposits += cash;
    }

    /// <summary>Anybody pays into the insurance fund.</summary>
    public void FillFund(long cash)
    {
        Operate(new Operation(OperationKind.Deposit, 1, 0, cash, default, Fr.Zero, Fr.Zero, Fr.Zero), default, null);
        Deposits += cash;
    }

    /// <summary>Sends an order; makes room by sealing if the batch is full.</summary>
    /// <returns>What the engine said of it, and the slot and nonce.</returns>
    public (RejectCode Code, byte Slot, long Nonce) Order(Trader trader, int instrument, bool sell, long lots, long limit, TimeInForce force)
    {
        for (int attempt = 0; ; attempt++)
        {
            (byte slot, long nonce) = trader.Next();
            var request = new SignedRequest(RowKind.Order, new OrderFlags(force, false, false, SelfTradePrevention.CancelResting, false).Encode(), sell, instrument,
                trader.Account, slot, lots, limit, 1_000, Now + 30L * 86_400_000, nonce);
            RejectCode code = Apply(Command.Request(Timestamp.FromMilliseconds(Now), Sign(trader, request)));
            bool isFull = code is RejectCode.BatchBlocksFull or RejectCode.BatchRowsFull or RejectCode.BatchInstrumentsFull;
            if (!isFull || attempt > 0) return (code, slot, nonce);
            SealAndOpen();
        }
    }

    public void Cancel(Trader trader, byte slot, long nonce) => Apply(Command.Request(Timestamp.FromMilliseconds(Now), Sign(trader,
        new SignedRequest(RowKind.Cancel, 0, false, 0, trader.Account, slot, 0, 0, 0, Now + 86_400_000, nonce))));

    public RejectCode Apply(in Command command)
    {
        Outcome outcome = Engine.Apply(command);
        Events.AddRange(outcome.Events.ToArray());
        return outcome.Code;
    }

    private void Operate(Operation operation, Address depositor, Fr? viewKey)
    {
        var queued = new QueuedOperation(nextOperation, operation, depositor, viewKey);
        RejectCode code = Apply(Command.Operation(Timestamp.FromMilliseconds(Now), queued));
        if (code is RejectCode.BatchOperationsFull or RejectCode.BatchBlocksFull)
        {
            SealAndOpen();
            code = Apply(Command.Operation(Timestamp.FromMilliseconds(Now), queued));
        }

        Require(code, $"take operation {nextOperation}");
        nextOperation++;
    }

    private VerifiedRequest Sign(Trader trader, SignedRequest request)
    {
        EddsaSignature signature = trader.Key.Sign(request.Message(Engine.Config.Domain));
        Require(verifier.Verify(request.Pack(), signature, trader.Key.PublicKey, out VerifiedRequest? verified), "verify a signature");
        return verified!;
    }

    private static void Require(RejectCode code, string what)
    {
        if (code != RejectCode.None) throw new InvalidOperationException($"The engine did not {what}: {code}.");
    }
}

/// <summary>What must hold whatever happens.</summary>
internal static class Ledger
{
    /// <summary>Sum of all accounts' equity at the mark, fund and fees included, is what came in less what went out, to the atom.</summary>
    public static void RequireBalance(Venue venue)
    {
        Int128 equity = 0;
        foreach (AccountId id in venue.Engine.Accounts) equity += MarkEquity(venue, venue.Engine.View(id)!);
        if (equity != venue.Deposits)
            throw new InvalidOperationException($"After batch {venue.Engine.Status.Batch} the accounts hold {equity} atoms where {venue.Deposits} came in.");
        foreach (IGrouping<int, Position> held in venue.Engine.Accounts.SelectMany(id => venue.Engine.View(id)!.Positions).GroupBy(p => p.Instrument))
            if (venue.Rows.First(r => r.Id == held.Key) is { Kind: not InstrumentKind.Spot, Flags: InstrumentFlags.None } && held.Sum(p => p.Size) != 0)
                throw new InvalidOperationException($"The positions in instrument {held.Key} sum to {held.Sum(p => p.Size)} lots.");
    }

    public static Int128 MarkEquity(Venue venue, AccountView account) =>
        account.Positions.Aggregate((Int128)account.Cash.Atoms, (sum, p) => sum + (Int128)p.Size * venue.Rows.First(r => r.Id == p.Instrument).Base);
}
