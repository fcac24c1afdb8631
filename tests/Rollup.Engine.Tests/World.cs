using System.Collections.Concurrent;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Protocol;
using Rollup.Risk;

namespace Rollup.Engine.Tests;

/// <summary>What a command gave, kept beyond the engine's next command.</summary>
internal sealed record Result(RejectCode Code, EngineEvent[] Events, SealedBatch? Batch)
{
    public EngineEvent Single(EventKind kind) => Events.Single(e => e.Kind == kind);
    public IEnumerable<EngineEvent> Of(EventKind kind) => Events.Where(e => e.Kind == kind);
}

/// <summary>
/// An engine and what a test says to it, in few words. Five instruments with distinct prices; spot 1 and perpetual 3 share group 2;
/// perpetual 20 stands in another risk bucket.
/// </summary>
internal sealed class World
{
    public const int EthSpot = 1, BtcPerp = 2, EthPerp = 3, SolPerp = 4, EthCall = 5, EthPut = 6, FarPerp = 20;
    public const long Start = 1_700_000_000_000;
    public const byte Gtc = 0, Ioc = 1, Fok = 2, PostOnly = 4, ReduceOnly = 8, CancelTaker = 16, CancelBoth = 32, Market = 64;
    public const int Maker = 100, Taker = 450;

    public static readonly Fr Domain = Fr.FromUInt64(7_654_321);
    public static readonly CircuitProfile Profile = new("test", 16, 64, 8, 2);

    private static readonly ConcurrentDictionary<int, EddsaPrivateKey> Keys = new();
    private readonly Dictionary<int, (byte Slot, long Nonce)> nextSlot = [];
    private long nextOperation;

    public World(CircuitProfile? profile = null, Func<EngineConfig, EngineConfig>? change = null)
    {
        Config = new EngineConfig(Domain, profile ?? Profile,
        [
            new(EthSpot, InstrumentKind.Spot, 2, 10, 1), new(BtcPerp, InstrumentKind.Perpetual, 1, 5, 2), new(EthPerp, InstrumentKind.Perpetual, 2, 1, 1),
            new(SolPerp, InstrumentKind.Perpetual, 3, 1, 1), new(FarPerp, InstrumentKind.Perpetual, 1, 1, 1),
        ], FeeRate.FromPpm(Maker), FeeRate.FromPpm(Taker));
        if (change is not null) Config = change(Config);
        Engine = new ClearingEngine(Config);
    }

    public EngineConfig Config { get; }
    public ClearingEngine Engine { get; set; }
    public long Now { get; set; } = Start;
    public List<Command> Log { get; } = [];

    /// <summary>Marks of the next epoch, by instrument.</summary>
    public Dictionary<int, long> Marks { get; } = new() { [EthSpot] = 502_000, [BtcPerp] = 1_000_000, [EthPerp] = 500_000, [SolPerp] = 20_000, [FarPerp] = 3_000_000, [EthCall] = 0, [EthPut] = 0 };

    public Dictionary<int, long> Fundings { get; } = new() { [BtcPerp] = 1_700, [EthPerp] = -900, [SolPerp] = 33, [FarPerp] = 5_100 };

    public Dictionary<int, InstrumentFlags> Flags { get; } = [];

    public static EddsaPrivateKey KeyOf(int account) => Keys.GetOrAdd(account, id =>
    {
        var seed = new byte[EddsaPrivateKey.SeedLength];
        BitConverter.TryWriteBytes(seed, 1_000 + id);
        return new EddsaPrivateKey(seed);
    });

    public static Fr ViewKeyOf(int account) => Fr.FromUInt64((ulong)(account * 77 + 5));

    public static Address OwnerOf(int account)
    {
        var bytes = new byte[Address.Size];
        BitConverter.TryWriteBytes(bytes, 0x1234_0000 + account);
        return Address.FromBytes(bytes);
    }

    /// <summary>A world with an open epoch and accounts 2.. with the given cash.</summary>
    public static World WithAccounts(params long[] cash) => new World().Opened().Funded(cash);

    public World Opened()
    {
        Assert.Equal(RejectCode.None, Open().Code);
        return this;
    }

    public World Funded(params long[] cash)
    {
        for (int i = 0; i < cash.Length; i++) Accept(Register(2 + i, cash[i]));
        return this;
    }

    public static Result Accept(Result result)
    {
        Assert.Equal(RejectCode.None, result.Code);
        return result;
    }

    public Result Apply(in Command command)
    {
        Log.Add(command);
        Outcome outcome = Engine.Apply(command);
        return new Result(outcome.Code, outcome.Events.ToArray(), outcome.Batch);
    }

    public Result Tick(long advance)
    {
        Now += advance;
        return Apply(Command.Tick(Timestamp.FromMilliseconds(Now)));
    }

    public RiskInputs Inputs() => new(
        Engine.Status.IsOpen ? Engine.Status.Batch : Engine.Status.Batch + 1, Timestamp.FromMilliseconds(Now), RiskParameters.Default,
        [new(1, GroupRange.Bitcoin), new(2, GroupRange.Ether), new(3, GroupRange.Other)],
        [.. Config.Instruments.Select(InputOf)])
    {
        Expiries = [.. Config.Instruments.Where(t => t.IsOption).Select(t => (t.Group, t.ExpiresAt)).Distinct().Order()
            .Select(e => new ExpiryInput(e.Group, e.ExpiresAt, 0, new SviSlice(29_600_000, 0, 0, 0, SviSlice.One)))],
    };

    /// <summary>An option's mark follows from its underlying, until it is settled: then it is the payoff.</summary>
    private InstrumentInput InputOf(InstrumentSpec t)
    {
        InstrumentFlags flags = Flags.GetValueOrDefault(t.Id);
        long index = Marks[t.IsOption ? EthPerp : t.Id] + 7;
        return new InstrumentInput(t.Id, t.Kind, flags, t.Group, index, t.IsOption && flags == 0 ? 0 : Marks[t.Id], Fundings.GetValueOrDefault(t.Id), 0, t.Strike, t.ExpiresAt);
    }

    /// <summary>Adds a call and a put of one strike on ether, expiring so many milliseconds after the start.</summary>
    public static EngineConfig WithOptions(EngineConfig config, long expiresAfter) => config with
    {
        Instruments = config.Instruments.InsertRange(4, new InstrumentSpec[]
        {
            new(EthCall, InstrumentKind.Call, 2, 1, 1, 510_000, Timestamp.FromMilliseconds(Start + expiresAfter)),
            new(EthPut, InstrumentKind.Put, 2, 1, 1, 490_000, Timestamp.FromMilliseconds(Start + expiresAfter)),
        }),
    };

    /// <summary>The last epoch's row of an instrument.</summary>
    public RiskRow Row(int instrument) => Engine.RiskTable.Single(r => r.Id == instrument);

    /// <summary>The present marks as the newest table of the open epoch.</summary>
    public Result Live(Func<RiskInputs, RiskInputs>? change = null) =>
        Apply(Command.LiveRisk(Timestamp.FromMilliseconds(Now), (change is null ? Inputs() : change(Inputs())).Encode()));

    public Result Permit(RiskActions actions) => Permit(GroupActions.Everywhere(actions));

    public Result Permit(GroupActions actions) => Apply(Command.Permit(Timestamp.FromMilliseconds(Now), actions));

    public Result Convert() => Apply(Command.Convert(Timestamp.FromMilliseconds(Now)));

    public Result Open(Func<RiskInputs, RiskInputs>? change = null) =>
        Apply(Command.OpenEpoch(Timestamp.FromMilliseconds(Now), (change is null ? Inputs() : change(Inputs())).Encode()));

    public Result Seal() => Apply(Command.Seal(Timestamp.FromMilliseconds(Now)));

    /// <summary>Seals (checking the batch as the circuit would) and opens the next epoch a second later.</summary>
    public SealedBatch NextEpoch()
    {
        SealedBatch batch = Accept(Seal()).Batch!;
        SealedBatchChecker.Check(Config, batch);
        Now += 1_000;
        Opened();
        return batch;
    }

    public static Operation Registration(int account, long cash) => new(OperationKind.Register, account, 0, cash, OwnerOf(account),
        KeyOf(account).PublicKey.X, KeyOf(account).PublicKey.Y, Poseidon.Hash([ViewKeyOf(account)]));

    public static Operation DepositOf(int account, int asset, long amount) =>
        new(OperationKind.Deposit, account, asset, amount, default, Fr.Zero, Fr.Zero, Fr.Zero);

    public Result Register(int account, long cash) => Operate(Registration(account, cash), ViewKeyOf(account));

    public Result Deposit(int account, int asset, long amount) => Operate(DepositOf(account, asset, amount));

    /// <summary>A request on L1, of the account's owner unless somebody else is named.</summary>
    public Result RequestWithdrawal(int account, int asset, long amount, Address? by = null) => Operate(RequestOf(OperationKind.WithdrawalRequest, account, asset, amount, by));

    public Result RequestClose(int account, Address? by = null) => Operate(RequestOf(OperationKind.CloseRequest, account, 0, 0, by));

    public static Operation RequestOf(OperationKind kind, int account, int asset, long amount, Address? by = null) =>
        new(kind, account, asset, amount, by ?? OwnerOf(account), Fr.Zero, Fr.Zero, Fr.Zero);

    public Result Operate(Operation operation, Fr? viewKey = null, long? index = null)
    {
        Result result = Apply(Command.Operation(Timestamp.FromMilliseconds(Now),
            new QueuedOperation(index ?? nextOperation, operation, OwnerOf(operation.Asset == 0 ? operation.Account + 500 : operation.Account), viewKey)));
        if (result.Code == RejectCode.None) nextOperation++;
        return result;
    }

    /// <summary>An order with a fresh slot and nonce; its fee offer is ample.</summary>
    public SignedRequest Order(int account, int instrument, bool sell, long size, long limit, byte flags = Gtc) =>
        Fresh(new SignedRequest(RowKind.Order, flags, sell, instrument, account, 0, size, limit, Taker + 50, Now + 3_600_000, 1));

    public Result Buy(int account, int instrument, long size, long limit, byte flags = Gtc) => Send(Order(account, instrument, false, size, limit, flags));

    public Result Sell(int account, int instrument, long size, long limit, byte flags = Gtc) => Send(Order(account, instrument, true, size, limit, flags));

    public Result Withdraw(int account, int asset, long amount) =>
        Send(Fresh(new SignedRequest(RowKind.Withdrawal, 0, true, asset, account, 0, amount, 0, 0, Now + 3_600_000, 1)));

    public Result Cancel(int account, byte slot, long nonce, bool proven = false) => Send(
        new SignedRequest(RowKind.Cancel, proven ? OrderFlags.ProvenCancel : (byte)0, false, 0, account, slot, 0, 0, 0, Now + 3_600_000, nonce));

    /// <summary>Sends a request as if its signature had been verified.</summary>
    public Result Send(SignedRequest request) => Apply(Command.Request(Timestamp.FromMilliseconds(Now), Verified(request)));

    public static VerifiedRequest Verified(SignedRequest request)
    {
        EddsaPublicKey key = KeyOf(request.Account).PublicKey;
        // A distinct stand-in for a signature, so that a mix-up of rows shows.
        var signature = new EddsaSignature(Fr.FromUInt64((ulong)request.Nonce), Fr.FromUInt64(request.Slot), Fr.FromUInt64((ulong)request.Account));
        Assert.Equal(RejectCode.None, RequestVerifier.Restore(request.Pack(), signature, key, out VerifiedRequest? verified));
        return verified!;
    }

    public AccountView View(int account) => Engine.View(AccountId.From(account))!;

    public long CashOf(int account) => View(account).Cash.Atoms;

    public long SizeOf(int account, int instrument) => View(account).Positions.FirstOrDefault(p => p.Instrument == instrument).Size;

    public (long Price, long Lots)[] Book(int instrument, bool asks) =>
        [.. Engine.Book(InstrumentId.From(instrument), asks, int.MaxValue).Select(l => (l.Price.AtomsPerLot, l.Lots.Value))];

    /// <summary>Slots are taken in turn: 200 before one is used again.</summary>
    private SignedRequest Fresh(SignedRequest request)
    {
        (byte slot, long nonce) = nextSlot.GetValueOrDefault(request.Account, ((byte)0, 1));
        nextSlot[request.Account] = slot == 199 ? ((byte)0, nonce + 1) : ((byte)(slot + 1), nonce);
        return request with { Slot = slot, Nonce = nonce };
    }
}
