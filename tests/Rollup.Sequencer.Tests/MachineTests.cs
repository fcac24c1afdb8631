using System.Text.Json;
using Rollup.Api;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Engine;
using Rollup.Protocol;
using Rollup.Risk;
using Rollup.Sequencer.Configuration;
using Rollup.Sequencer.Core;
using Rollup.Sequencer.Oracle;

namespace Rollup.Sequencer.Tests;

/// <summary>
/// A machine and a second one that is made anew from its own snapshot again and again: after every command both have the same state, byte for
/// byte, gave the same answer and told the same.
/// </summary>
public sealed class MachineTests
{
    private const long Start = 1_800_000_000_000;
    private const long Cash = 1_000_000_000_000;
    private const int FirstTrader = 2, Traders = 5;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Restored_after_every_command_it_goes_on_the_same(int seed)
    {
        var pair = new Pair(TestConfig.Engine);
        var random = new Random(seed);
        for (int i = 0; i < 900; i++) pair.Apply(Next(pair, random), restore: true);

        // The session reaches what it is about.
        Assert.True(pair.Machine.Batches.LastFinal > 1, $"batch {pair.Machine.Batches.LastFinal} is final");
        Assert.True(pair.Machine.Trades.Last > 20, $"{pair.Machine.Trades.Last} trades");
        Assert.NotEmpty(pair.Machine.ViewKeys.All);
        Assert.Superset(new HashSet<RejectCode> { RejectCode.None, RejectCode.EpochClosed, RejectCode.BatchRowsFull, RejectCode.SlotBusy, RejectCode.NothingToSeal, RejectCode.NotPermitted, RejectCode.NothingToConvert, RejectCode.StaleEpoch }, pair.Codes);
    }

    [Fact]
    public void More_trades_than_are_kept_are_restored_in_the_same_order()
    {
        // Room for all in one batch.
        var pair = new Pair(TestConfig.Engine with { Profile = new CircuitProfile("wide", 8, 2 * TradeHistory.MaxKept, 6, 1) });
        pair.Open();
        for (int account = FirstTrader; account < FirstTrader + 2; account++) pair.Register(account);
        pair.Order(2, TestConfig.Btc, isSell: true, size: 5_000, slot: 0);
        pair.Order(2, TestConfig.Eth, isSell: true, size: 5_000, slot: 1);
        pair.Order(3, TestConfig.Btc, isSell: false, size: 1, slot: 0);
        pair.Order(3, TestConfig.Eth, isSell: false, size: 2, slot: 1);
        // Bitcoin traded first; now its oldest trade that is kept becomes younger than ether's.
        for (int i = 0; i < TradeHistory.MaxKept; i++) pair.Order(3, TestConfig.Btc, isSell: false, size: 3, slot: (byte)(2 + i % 200));
        pair.Restore();
        pair.Order(3, TestConfig.Eth, isSell: false, size: 4, slot: 1);

        Assert.Equal(TradeHistory.MaxKept + 3, pair.Machine.Trades.Last);
        Assert.Equal([TradeHistory.MaxKept + 2, TradeHistory.MaxKept + 1], pair.Restored.Trades.Newest(TestConfig.Btc, 2).Select(t => t.Trade));
        Assert.Equal([TradeHistory.MaxKept + 3, 2], pair.Restored.Trades.Newest(TestConfig.Eth, 3).Select(t => t.Trade));
    }

    [Fact]
    public void Liquidations_and_bids_are_told_as_trades_and_restored()
    {
        var pair = new Pair(TestConfig.Engine with { Liquidation = new LiquidationConfig(FeeRate.Zero, Cash, Cash, 1, 10_000) });
        pair.Open();
        for (int account = 2; account < 5; account++) pair.Register(account);
        pair.Order(3, TestConfig.Btc, isSell: true, size: 80_000, slot: 0);
        pair.Order(2, TestConfig.Btc, isSell: false, size: 80_000, slot: 0);
        // A bid 1% below the price to come, for a tenth of what is to be closed.
        pair.Order(4, TestConfig.Btc, isSell: false, size: 500, slot: 0, limit: 53_000_000);
        pair.Apply(new SealCommand(pair.Time), restore: true);
        long trades = pair.Machine.Trades.Last;
        pair.Apply(pair.Opening(btc: 53_500_000_000), restore: true);
        TradeView liquidation = Assert.Single(pair.Machine.Trades.Newest(TestConfig.Btc, (int)(pair.Machine.Trades.Last - trades)));
        Assert.Equal((Side.Sell, 53_000_000L, 500L), (liquidation.Side, liquidation.Price, liquidation.Size));

        pair.Apply(new SealCommand(pair.Time), restore: true);
        pair.Apply(pair.Opening(btc: 53_500_000_000), restore: true);
        AuctionLeg leg = Assert.Single(Assert.Single(pair.Machine.Engine.Distressed(pair.Time)).Slice);
        var order = new SignedRequest(RowKind.Order, 2, leg.IsSell, leg.Instrument.Value, 4, 7, leg.Lots.Value, leg.Price.AtomsPerLot, 500, TestConfig.Later, 3);
        var bid = new BidCommand(pair.Time, 2, [(order, new EddsaSignature(Fr.FromUInt64(5), Fr.FromUInt64(6), Fr.FromUInt64(7)))]);
        byte[] bytes = HostCommandCodec.Encode(bid);
        var decoded = (BidCommand)HostCommandCodec.Decode(bytes);
        Assert.Equal((bid.Time, bid.Account), (decoded.Time, decoded.Account));
        Assert.Equal(bid.Orders, decoded.Orders);
        Assert.Throws<FormatException>(() => HostCommandCodec.Decode(bytes.AsSpan(..^1)));
        Assert.Throws<FormatException>(() => HostCommandCodec.Decode(bytes.AsSpan(..13)));
        pair.Apply(decoded, restore: true);
        Assert.Equal(RejectCode.None, pair.Code);
        Assert.Equal((Side.Buy, 53_500_000L, leg.Lots.Value), pair.Machine.Trades.Newest(TestConfig.Btc, 1).Select(t => (t.Side, t.Price, t.Size)).Single());
        pair.Apply(bid, restore: true);
        Assert.Equal(RejectCode.ReplayedNonce, pair.Code);
    }

    [Fact]
    public void A_cancel_after_the_seal_leaves_the_sealed_batch_as_it_is()
    {
        var pair = new Pair(TestConfig.Engine);
        pair.Open();
        pair.Register(2);
        pair.Order(2, TestConfig.Btc, isSell: true, size: 7, slot: 4);
        pair.Apply(new SealCommand(pair.Time), restore: true);
        BatchView batch = pair.Machine.Batches[1]!;
        pair.Apply(pair.Request(new SignedRequest(RowKind.Cancel, 0, false, 0, 2, 4, 0, 0, 0, TestConfig.Later, 1)), restore: true);

        Assert.Equal(RejectCode.None, pair.Code);
        Assert.Equal((BatchStage.Sealed, 1L), (batch.Stage, batch.Requests));
        Assert.Equal(batch, pair.Machine.Batches[1]);
        Assert.Equal(1u, pair.Restored.Batches.LastSealed);
        Assert.NotNull(pair.Machine.Batches.Advance(BatchStage.Committed, 1, batch.NewRoot, 11));
    }

    [Fact]
    public void Asking_whether_there_is_room_for_a_view_key_changes_nothing_and_old_keys_make_room()
    {
        var keys = new ViewKeyStore(2, TimeSpan.FromMilliseconds(100));
        keys.Add(new WaitingViewKey(Fr.FromUInt64(11), 1_000));
        Assert.True(keys.HasRoom(1_000));
        keys.Add(new WaitingViewKey(Fr.FromUInt64(12), 1_050));
        Assert.Equal([false, true], new[] { keys.HasRoom(1_099), keys.HasRoom(1_100) });
        Assert.Equal([11UL, 12UL], Keys());

        keys.Add(new WaitingViewKey(Fr.FromUInt64(13), 1_100));
        keys.Add(new WaitingViewKey(Fr.FromUInt64(12), 1_101)); // It is there, and keeps its time.
        Assert.Equal([12UL, 13UL], Keys());
        keys.Remove(ViewKeyStore.HashOf(Fr.FromUInt64(12)));
        keys.Add(new WaitingViewKey(Fr.FromUInt64(12), 1_101));
        keys.Remove(ViewKeyStore.HashOf(Fr.FromUInt64(12)));
        keys.Add(new WaitingViewKey(Fr.FromUInt64(12), 1_101)); // Again within the millisecond.
        Assert.Equal([13UL, 12UL], Keys());
        Assert.Equal(Fr.FromUInt64(12), keys.Find(ViewKeyStore.HashOf(Fr.FromUInt64(12))));
        Assert.Null(keys.Find(ViewKeyStore.HashOf(Fr.FromUInt64(11))));

        IEnumerable<ulong> Keys() => keys.All.Select(k => (ulong)k.Key.ToBigInteger());
    }

    private static HostCommand Next(Pair pair, Random random)
    {
        EngineStatus status = pair.Machine.Engine.Status;
        pair.Now += random.Next(30);
        if (pair.Machine.Batches.LastSealed > pair.Machine.Batches.LastFinal && random.Next(8) == 0) pair.Advance();
        if (!status.IsOpen && random.Next(3) == 0) return pair.Opening();
        int account = FirstTrader + random.Next(Traders);
        bool exists = pair.Machine.Keys[account] is not null;
        return random.Next(100) switch
        {
            < 4 => new TickCommand(pair.Time),
            < 8 => new ViewKeyCommand(pair.Time, Fr.FromUInt64((ulong)random.Next(1, 40))),
            < 14 => new SealCommand(pair.Time),
            < 18 => pair.Opening(),
            < 20 => new LiveRiskCommand(pair.Time, pair.Opening().RiskInputs),
            < 21 => new ConvertCommand(pair.Time),
            < 25 => new PermitCommand(pair.Time, random.Next(4) > 0 ? GroupActions.Everywhere(RiskActions.All) : new GroupActions((ulong)random.NextInt64())),
            < 33 when status.IsOpen => pair.Operation(random.Next(2) == 0 || !exists
                ? new Trader(account).Registration(Cash + random.Next(1000))
                : new Operation(OperationKind.Deposit, account, random.Next(2) == 0 ? TestConfig.EthSpot : 0, random.Next(5_000), default, Fr.Zero, Fr.Zero, Fr.Zero)),
            _ when exists => pair.Request(AnyRequest(pair, random, account)),
            _ => new TickCommand(pair.Time),
        };
    }

    private static SignedRequest AnyRequest(Pair pair, Random random, int account)
    {
        byte slot = (byte)random.Next(10);
        long nonce = (long)pair.Sequence;
        long expiry = pair.Now + (random.Next(3) == 0 ? random.Next(1, 400) : 1_000_000);
        bool isSell = random.Next(2) == 0;
        int instrument = random.Next(4) switch { 0 => TestConfig.EthSpot, 1 => TestConfig.Eth, _ => TestConfig.Btc };
        long price = instrument == TestConfig.Btc ? TestConfig.BtcPrice + 100 * random.Next(-2, 3) : TestConfig.EthPrice + 10 * random.Next(-2, 3);
        // Flags: 1 and 2 are immediate or cancel and fill or kill, 4 post-only, 8 reduce-only.
        byte flags = random.Next(8) switch { 0 => 1, 1 => 2, 2 => 4, 3 => 8, _ => 0 };
        return random.Next(12) switch
        {
            0 or 1 => new SignedRequest(RowKind.Cancel, random.Next(3) == 0 ? OrderFlags.ProvenCancel : (byte)0, false, 0, account, slot, 0, 0, 0, expiry, nonce),
            2 => new SignedRequest(RowKind.Withdrawal, 0, true, random.Next(3) == 0 ? TestConfig.EthSpot : 0, account, slot, random.Next(2_000), 0, 0, expiry, nonce),
            _ => new SignedRequest(RowKind.Order, flags, isSell, instrument, account, slot, random.Next(1, 12), price, 500, expiry, nonce),
        };
    }

    private sealed class Pair(EngineConfig config)
    {
        private static readonly byte[] Genesis = [5, 6, 7];
        private static readonly SequencerConfig Host = TestConfig.Make("/nowhere");
        private readonly RiskInputsMaker inputs = new(Host, new MarketWatch(Host));
        private readonly RecordingSink told = new(), toldRestored = new();
        private readonly Dictionary<(int Account, byte Slot), long> nonces = [];

        internal Machine Machine { get; } = new(config, Genesis, NewKeys());
        internal Machine Restored { get; private set; } = new(config, Genesis, NewKeys());
        internal long Now { get; set; } = Start;
        internal Timestamp Time => Timestamp.FromMilliseconds(Now);

        /// <summary>Number of the next record.</summary>
        internal ulong Sequence { get; private set; } = 1;

        /// <summary>The last command's.</summary>
        internal RejectCode Code { get; private set; }

        internal HashSet<RejectCode> Codes { get; } = [];

        internal void Restore()
        {
            string before = CoreHarness.TextOf(Restored);
            Restored = Machine.Restore(config, Genesis, NewKeys(), Restored.Snapshot());
            Assert.Equal(before, CoreHarness.TextOf(Restored));
        }

        internal void Apply(HostCommand command, bool restore)
        {
            if (Sequence == 1) ApplyBoth(new GenesisCommand(Time, Genesis));
            ApplyBoth(command);
            if (!restore) return;
            Assert.Equal(CoreHarness.TextOf(Machine), CoreHarness.TextOf(Restored));
            Restore();
            Assert.Equal(State(Machine), State(Restored));
        }

        /// <summary>The chain shows the next step of the oldest batch that is not final.</summary>
        internal void Advance()
        {
            BatchView batch = Machine.Batches[Machine.Batches.LastFinal + 1]!;
            BatchStage stage = batch.Stage == BatchStage.Sealed ? BatchStage.Committed : batch.Stage == BatchStage.Committed ? BatchStage.Proven : BatchStage.Final;
            Assert.Equal(Machine.Batches.Advance(stage, batch.Batch, batch.NewRoot, Sequence), Restored.Batches.Advance(stage, batch.Batch, batch.NewRoot, Sequence));
        }

        internal OpenEpochCommand Opening(long btc = 61_700_000_000)
        {
            EngineStatus status = Machine.Engine.Status;
            Now++; // Never two with prices of the same millisecond.
            RiskInputs made = inputs.Make(status.IsOpen ? status.Batch : status.Batch + 1, Now,
                new Observation(Now, new Dictionary<string, MarketPrice> { ["BTCUSDT"] = new(btc, btc), ["ETHUSDT"] = new(2_680_000_000, 2_680_000_000) }),
                Machine.Engine.OpenInterests(), out _)!;
            return new OpenEpochCommand(Time, made.Encode());
        }

        internal OperationCommand Operation(Operation operation)
        {
            Fr? viewKey = operation.Kind == OperationKind.Register ? new Trader(operation.Account).Keys.ViewKey : null;
            return new OperationCommand(Time, new QueuedOperation(Machine.Engine.Status.NextOperation, operation, new Trader(operation.Account).Keys.Owner, viewKey));
        }

        /// <summary>A request as the journal has it: its signature was verified before.</summary>
        internal RequestCommand Request(SignedRequest request) => new(Time, request, new EddsaSignature(Fr.FromUInt64(Sequence), Fr.FromUInt64(request.Slot), Fr.FromUInt64(9)));

        internal void Open() => Accepted(Opening());

        internal void Register(int account) => Accepted(Operation(new Trader(account).Registration(Cash)));

        internal void Order(int account, int instrument, bool isSell, long size, byte slot, long? limit = null)
        {
            long nonce = nonces[(account, slot)] = nonces.GetValueOrDefault((account, slot)) + 1;
            Accepted(Request(new SignedRequest(RowKind.Order, 0, isSell, instrument, account, slot, size,
                limit ?? (instrument == TestConfig.Btc ? TestConfig.BtcPrice : TestConfig.EthPrice), 500, TestConfig.Later, nonce)));
        }

        private void Accepted(HostCommand command)
        {
            Apply(command, restore: false);
            Assert.Equal(RejectCode.None, Code);
        }

        private void ApplyBoth(HostCommand command)
        {
            Applied expected = Machine.Apply(command, Sequence, told), actual = Restored.Apply(command, Sequence, toldRestored);
            Sequence++;
            Assert.Equal(Text(expected), Text(actual));
            Assert.Equal(told.Of<object>(), toldRestored.Of<object>());
            told.Clear();
            toldRestored.Clear();
            Code = expected.Code;
            Codes.Add(Code);
        }

        private static string Text(Applied applied) => string.Join(' ', applied.Code, JsonSerializer.Serialize(applied.Result, ApiJson.Default.RequestResult),
            applied.Batch is null ? "" : Convert.ToHexString(SealedBatchFile.Write(applied.Batch)));

        // What follows from the snapshot without being in it as such.
        private static string State(Machine machine) => string.Join(' ', machine.Engine.Status, machine.Batches.LastSealed, machine.Batches.LastFinal, machine.HasGenesis, machine.Trades.Last,
            string.Join(',', Enumerable.Range(0, FirstTrader + Traders).Select(a => (machine.Keys[a], machine.Keys.IsPublic(a)))));

        private static ViewKeyStore NewKeys() => new(1000, TimeSpan.FromMilliseconds(900));
    }
}
