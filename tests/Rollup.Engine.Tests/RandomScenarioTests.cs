using System.Numerics;
using Rollup.Crypto.Settlement;
using Rollup.Protocol;
using Rollup.Risk;
using static Rollup.Engine.Tests.World;

namespace Rollup.Engine.Tests;

/// <summary>
/// Random sessions played to the engine and to <see cref="NaiveEngine"/>: after every command the same code, events, balances, slots, books,
/// health and use of the batch; what came in is what is there; whatever is sealed passes the circuit's rules.
/// </summary>
public class RandomScenarioTests
{
    private const int Accounts = 5;

    [Theory]
    [InlineData(0, 210)]
    [InlineData(210, 420)]
    [InlineData(420, 630)]
    [InlineData(630, 840)]
    public void The_engine_does_what_the_naive_model_does(int from, int to)
    {
        var seen = new Dictionary<RejectCode, int>();
        var happened = new Dictionary<EventKind, int>();
        int reliefs = 0;
        for (int seed = from; seed < to; seed++)
        {
            var session = new Session(seed);
            try
            {
                session.Play(seed % 10 == 0 ? 250 : 90);
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"Scenario {seed}, command {session.World.Log.Count}: {e.Message}", e);
            }

            foreach ((RejectCode code, int count) in session.Codes) seen[code] = seen.GetValueOrDefault(code) + count;
            reliefs += session.Reliefs;
            foreach ((EventKind kind, int count) in session.Kinds) happened[kind] = happened.GetValueOrDefault(kind) + count;
        }

        // The sessions reach what they are about; liquidation has sessions of its own.
        Assert.True(reliefs > 3, $"{reliefs} blocks were relieved");
        foreach (EventKind kind in Enum.GetValues<EventKind>().Where(kind => kind < EventKind.AuctionStarted)) Assert.True(happened.GetValueOrDefault(kind) > 3, $"{kind} happened {happened.GetValueOrDefault(kind)} times");
        foreach (RejectCode code in new[]
        {
            RejectCode.None, RejectCode.InsufficientMargin, RejectCode.InsufficientBalance, RejectCode.BatchBlocksFull, RejectCode.BatchRowsFull, RejectCode.BatchInstrumentsFull,
            RejectCode.SelfTrade, RejectCode.FillOrKillUnfilled, RejectCode.NoLiquidity, RejectCode.ReduceOnlyWouldIncrease, RejectCode.AccountGroupsFull, RejectCode.SlotBusy,
            RejectCode.NotPermitted, RejectCode.RequestServed, RejectCode.InstrumentExpired, RejectCode.NothingToConvert, RejectCode.BadRiskInput,
        })
            Assert.True(seen.GetValueOrDefault(code) > 3, $"{code} came {seen.GetValueOrDefault(code)} times");
    }

    [Theory]
    [Trait("Category", "Long")]
    [InlineData(10_000, 14_000)]
    public void Over_many_more_sessions_too(int from, int to) => The_engine_does_what_the_naive_model_does(from, to);

    [Fact]
    public void An_engine_restored_after_every_command_does_the_same()
    {
        for (int seed = 2_000; seed < 2_030; seed++)
        {
            var session = new Session(seed);
            session.Play(seed % 10 == 0 ? 250 : 90);
            ClearingEngine original = new(session.World.Config), restored = new(session.World.Config);
            foreach ((int number, Command command) in session.World.Log.Index())
            {
                Outcome expected = original.Apply(command), actual = restored.Apply(command);
                string at = $"scenario {seed}, command {number}";
                Assert.True((expected.Code, expected.Batch is null) == (actual.Code, actual.Batch is null), at);
                Assert.True(expected.Events.SequenceEqual(actual.Events), at);
                if (expected.Batch is { } batch) Assert.True(SealedBatchFile.Write(batch).AsSpan().SequenceEqual(SealedBatchFile.Write(actual.Batch!)), at);
                byte[] snapshot = original.Snapshot();
                Assert.True(snapshot.AsSpan().SequenceEqual(restored.Snapshot()), at);
                restored = ClearingEngine.Restore(session.World.Config, snapshot);
                Assert.True(snapshot.AsSpan().SequenceEqual(restored.Snapshot()), at);
                Assert.True(original.Status == restored.Status, at);
            }
        }
    }

    private sealed class Session
    {
        private readonly Random random;
        private readonly NaiveEngine model;
        private readonly Dictionary<int, BigInteger> external = [];

        // Prices fall and rise by up to a third, and accounts hold little: many are below their requirement.
        private readonly bool isStormy;

        // Options are traded most, and expire soon.
        private readonly bool isExpiring;
        private int registered = 2;

        internal Session(int seed)
        {
            random = new Random(seed);
            isStormy = seed % 2 == 0;
            isExpiring = seed % 3 == 0;
            CircuitProfile profile = random.Next(3) switch
            {
                0 => new("wide", 12, 60, 10, 2, 5, 3),
                1 => new("small", 4, 6, 4, 2, 2, 1),
                _ => new("narrow", 6, 14, 5, 1, 1, isStormy ? 2 : 0),
            };
            World = new World(profile, c => WithOptions(c, expiresAfter: isExpiring ? random.Next(600, 3_000) : random.Next(500, 6_000)) with
            {
                MakerFee = FeeRate.FromPpm(random.Next(4) == 0 ? 0 : random.Next(700)),
                TakerFee = FeeRate.FromPpm(random.Next(4) == 0 ? 0 : random.Next(700)),
                MaxOpenOrders = random.Next(3) == 0 ? 4 : 30,
                MaxBookOrders = random.Next(3) == 0 ? 9 : 500,
            });
            model = new NaiveEngine(World.Config);
        }

        internal World World { get; }
        internal Dictionary<RejectCode, int> Codes { get; } = [];
        internal Dictionary<EventKind, int> Kinds { get; } = [];

        /// <summary>Blocks that ended below their requirement.</summary>
        internal int Reliefs { get; private set; }

        internal void Play(int commands)
        {
            Do(OpenEpoch());
            for (int account = 2; account < 2 + Accounts - 1; account++)
            {
                Do(Operation(Registration(account, isStormy ? random.Next(1_500_000, 8_000_000) : random.Next(2_000_000, 40_000_000)), ViewKeyOf(account)));
                if (!World.Engine.Status.IsOpen || World.Engine.Status.Operations < World.Config.Profile.Operations) continue;
                Do(Command.Seal(Timestamp.FromMilliseconds(World.Now)));
                Do(OpenEpoch());
            }

            while (World.Log.Count < commands)
            {
                World.Now += random.Next(3) == 0 ? random.Next(400) : 0;
                Do(Next());
            }

            if (World.Engine.Status.IsOpen) Do(Command.Seal(Timestamp.FromMilliseconds(World.Now)));
        }

        private Command Next() => isExpiring && random.Next(5) == 0 ? NextAtExpiry() : isStormy && random.Next(2) == 0 ? NextInStorm() : random.Next(100) switch
        {
            < 62 => Request(RandomOrder),
            < 67 => Request(RandomCancel),
            < 72 => Request(RandomWithdrawal),
            < 79 => Operation(DepositOf(AnyAccount(), random.Next(4) == 0 ? EthSpot : random.Next(8) == 0 ? BtcPerp : 0, random.Next(12) == 0 ? 0 : random.Next(3_000_000) / (random.Next(2) * 9_999 + 1)), null),
            < 81 => RegisterNext(),
            82 or 83 => Operation(RandomRequest(), null),
            < 84 => Command.Tick(Timestamp.FromMilliseconds(World.Now)),
            < 89 => Command.Seal(Timestamp.FromMilliseconds(World.Now)),
            < 91 => OpenEpoch(),
            < 92 => Command.Permit(Timestamp.FromMilliseconds(World.Now), random.Next(3) > 0 ? GroupActions.Everywhere(RiskActions.All) : new GroupActions((ulong)random.NextInt64())),
            < 95 => Command.Convert(Timestamp.FromMilliseconds(World.Now)),
            < 97 => Live(),
            < 99 => Request(RandomOrder),
            _ => Command.Tick(Timestamp.FromMilliseconds(World.Now - random.Next(50))),
        };

        /// <summary>Someone below its requirement closes, is topped up, or cancels; or the epoch goes on.</summary>
        private Command NextInStorm()
        {
            AccountView[] poor = [.. Enumerable.Range(2, Accounts).Select(a => World.Engine.View(AccountId.From(a))).OfType<AccountView>().Where(v => v.Health.Atoms < 0)];
            if (!World.Engine.Status.IsOpen) return OpenEpoch();
            if (poor.Length == 0) return random.Next(2) == 0 ? Command.Seal(Timestamp.FromMilliseconds(World.Now)) : Request(RandomOrder);
            AccountView account = poor[random.Next(poor.Length)];
            if (random.Next(5) == 0) return Operation(DepositOf(account.Id.Value, random.Next(3) == 0 ? EthSpot : 0, 1 + random.Next(3_000)), null);
            if (random.Next(5) == 0) return Request(() => RandomCancel() with { Account = account.Id.Value, Flags = 128 });
            if (account.Positions.IsEmpty) return Request(RandomOrder);
            Position held = account.Positions[random.Next(account.Positions.Length)];
            bool sell = held.Size > 0;
            BookLevel? best = World.Engine.Book(InstrumentId.From(held.Instrument), !sell, 1).Cast<BookLevel?>().SingleOrDefault();
            // Whoever closes needs another side.
            if (best is null) return Request(() => RandomOrder() with { Instrument = held.Instrument, IsSell = !sell, Limit = World.Marks[held.Instrument] / 10 * 10, Size = 1 + Math.Abs(held.Size), Flags = Gtc });
            return Request(() => RandomOrder() with
            {
                Account = account.Id.Value,
                Instrument = held.Instrument,
                IsSell = sell,
                Size = random.NextInt64(1, Math.Abs(held.Size) + 1),
                Limit = best.Value.Price.AtomsPerLot,
                Flags = random.Next(2) == 0 ? Ioc : Gtc,
            });
        }

        /// <summary>Prices until the options have settled, then conversions.</summary>
        private Command NextAtExpiry()
        {
            InstrumentSpec[] expired = [.. World.Config.Instruments.Where(t => t.IsOption && t.IsExpired(World.Now))];
            bool isSettled = expired.Length > 0 && expired.All(t => model.State.Risk[t.Id].Flags == InstrumentFlags.Settled);
            if (expired.Length == 0) return Request(RandomOrder);
            if (!World.Engine.Status.IsOpen) return OpenEpoch();
            return isSettled ? Command.Convert(Timestamp.FromMilliseconds(World.Now))
                : World.Engine.Status.Blocks + World.Engine.Status.Operations > 0 ? Command.Seal(Timestamp.FromMilliseconds(World.Now)) : OpenEpoch();
        }

        private Command Request(Func<SignedRequest> make)
        {
            // In a closed epoch everything is refused: open one first, most of the time.
            return !World.Engine.Status.IsOpen && random.Next(8) != 0 ? OpenEpoch() : Command.Request(Timestamp.FromMilliseconds(World.Now), Verified(make()));
        }

        private Command Operation(Operation operation, Crypto.PrimeField<Crypto.Bn254Scalar>? viewKey) => Command.Operation(Timestamp.FromMilliseconds(World.Now),
            new QueuedOperation(World.Engine.Status.NextOperation + (random.Next(20) == 0 ? 1 : 0), operation, OwnerOf(operation.Asset == 0 || random.Next(4) == 0 ? operation.Account + 500 : operation.Account), viewKey));

        private Command RegisterNext()
        {
            int account = random.Next(6) == 0 ? 2 + random.Next(Accounts) : registered;
            if (account >= 2 + Accounts) account = 2 + random.Next(Accounts);
            return Operation(Registration(account, random.Next(3) == 0 ? random.Next(600_000) : random.Next(12_000_000)), random.Next(10) == 0 ? null : ViewKeyOf(account));
        }

        private Command OpenEpoch()
        {
            foreach (int t in World.Marks.Keys.ToList())
            {
                World.Marks[t] = Math.Max(100, World.Marks[t] * (1_000 + (isStormy && random.Next(3) > 0 ? random.Next(-350, 351) : random.Next(4) == 0 ? random.Next(-110, 111) : random.Next(-6, 7))) / 1_000);
                if (World.Fundings.ContainsKey(t)) World.Fundings[t] += random.Next(-300, 301);
                if (t is not (EthCall or EthPut)) World.Flags[t] = random.Next(60) == 0 ? InstrumentFlags.Delisted : InstrumentFlags.None;
            }

            World.Now += random.Next(1, 5);
            Settle();
            RiskInputs inputs = World.Inputs();
            if (random.Next(12) == 0) inputs = inputs with { Batch = inputs.Batch + 1 };
            return Command.OpenEpoch(Timestamp.FromMilliseconds(World.Now), inputs.Encode());
        }

        /// <summary>Once the options have expired they settle sooner or later, at payoffs that stay; now and then an input says otherwise.</summary>
        private void Settle()
        {
            foreach (InstrumentSpec t in World.Config.Instruments.Where(t => t.IsOption))
            {
                bool isSettled = model.State.Risk.TryGetValue(t.Id, out RiskRow? row) && row.Flags == InstrumentFlags.Settled;
                bool settles = isSettled ? random.Next(20) != 0 : t.IsExpired(World.Now) ? random.Next(2) == 0 : random.Next(60) == 0;
                World.Flags[t.Id] = settles ? InstrumentFlags.Settled : InstrumentFlags.None;
                World.Marks[t.Id] = isSettled && random.Next(20) != 0 ? row!.Base : random.Next(60_000);
            }
        }

        /// <summary>The newest prices: the epoch's, moved.</summary>
        private Command Live()
        {
            foreach (int t in World.Marks.Keys.Where(t => t is not (EthCall or EthPut)).ToList())
                World.Marks[t] = Math.Max(100, World.Marks[t] * (1_000 + random.Next(-50, 51)) / 1_000);
            World.Now += random.Next(2);
            return Command.LiveRisk(Timestamp.FromMilliseconds(World.Now), World.Inputs().Encode());
        }

        private SignedRequest RandomOrder()
        {
            int instrument = random.Next(20) switch { 0 => EthSpot, 1 or 2 => EthCall, 3 => EthPut, < 7 => BtcPerp, < 17 => EthPerp, 17 => SolPerp, _ => FarPerp };
            if (isExpiring && World.Now < Start + 3_000 && random.Next(2) == 0) instrument = random.Next(3) == 0 ? EthPut : EthCall;
            InstrumentSpec spec = World.Config.Instruments.Single(t => t.Id == instrument);
            bool sell = random.Next(2) == 0;
            // A ladder of a few prices around the mark, so that orders meet.
            long limit = World.Marks[instrument] / 100 * 100 + (random.Next(-3, 4) * 10 + (sell ? 6 : -6)) * spec.Tick;
            if (spec.IsOption) limit = Math.Max(1, (model.State.Risk.GetValueOrDefault(instrument)?.Base ?? 0) + random.Next(-3, 4) * 100 + (sell ? 60 : -60));
            if (random.Next(15) == 0) limit = limit * random.Next(50, 150) / 100 / spec.Tick * spec.Tick;
            byte flags = random.Next(12) switch
            {
                < 7 => Gtc,
                7 => Ioc,
                8 => Fok,
                9 => PostOnly,
                10 => Market | Ioc,
                _ => Market | Fok,
            };
            if (random.Next(9) == 0) flags |= ReduceOnly;
            flags |= random.Next(3) switch { 0 => CancelTaker, 1 => CancelBoth, _ => (byte)0 };
            if ((flags & Market) != 0) limit = sell ? limit * 8 / 10 : limit * 12 / 10 + 1;
            var order = new SignedRequest(RowKind.Order, flags, sell, instrument, AnyAccount(), (byte)random.Next(30), Size(), limit, 700,
                World.Now + (random.Next(6) == 0 ? random.Next(600) : 1_000_000), 1 + World.Log.Count / 3);
            return random.Next(80) switch
            {
                0 => order with { Limit = order.Limit + 1 },
                1 => order with { Size = 0 },
                2 => order with { FeeRate = random.Next(700) },
                3 => order with { Instrument = 9 },
                4 => order with { Flags = 3 },
                _ => order,
            };
        }

        private int AnyAccount() => random.Next(50) == 0 ? 1 + random.Next(Accounts + 2) : 2 + random.Next(Math.Max(1, registered - 2));

        private long Size() => random.Next(4) == 0 ? random.Next(1, 200) : random.Next(2, 25);

        private SignedRequest RandomCancel()
        {
            OpenOrder[] open = [.. Enumerable.Range(2, Accounts).Select(a => World.Engine.View(AccountId.From(a))).OfType<AccountView>().SelectMany(v => v.Orders)];
            OpenOrder? hit = open.Length > 0 && random.Next(4) != 0 ? open[random.Next(open.Length)] : null;
            return new SignedRequest(RowKind.Cancel, random.Next(3) == 0 ? (byte)128 : (byte)0, false, 0, hit?.Account.Value ?? 2 + random.Next(Accounts),
                hit?.Slot ?? (byte)random.Next(30), 0, 0, 0, World.Now + 100, Math.Max(1, (hit?.Nonce.Value ?? World.Log.Count / 3) + random.Next(-1, 2)));
        }

        private SignedRequest RandomWithdrawal()
        {
            int account = AnyAccount();
            AccountView? view = World.Engine.View(AccountId.From(account));
            bool spot = random.Next(3) == 0;
            long most = spot ? view?.Positions.FirstOrDefault(p => p.Instrument == EthSpot).Size ?? 0 : Math.Max(view?.ReservedHealth.Atoms ?? 0, 0);
            return new SignedRequest(RowKind.Withdrawal, 0, true, spot ? EthSpot : random.Next(10) == 0 ? BtcPerp : 0, account, (byte)random.Next(30),
                random.Next(3) == 0 ? most + random.Next(2) : random.NextInt64(most + 2), 0, 0, World.Now + 100, 1 + World.Log.Count / 3);
        }

        /// <summary>A request on L1: some by strangers, some for more than there is; closing where nothing is to be closed, or nothing can.</summary>
        private Operation RandomRequest()
        {
            int account = AnyAccount();
            AccountView? view = World.Engine.View(AccountId.From(account));
            Address by = random.Next(6) == 0 ? OwnerOf(account + 1) : OwnerOf(account);
            NaiveAccount? known = model.State.Accounts.GetValueOrDefault(account);
            bool isIdle = known is null || known.Sizes.Keys.All(t => t == EthSpot) || model.OwnMoney(known) < 0;
            if (random.Next(3) == 0) return RequestOf(OperationKind.CloseRequest, account, 0, 0, isIdle ? by : OwnerOf(account + 1));
            int asset = random.Next(5) switch { 0 or 1 => EthSpot, 2 when random.Next(4) == 0 => random.Next(2) == 0 ? BtcPerp : 9, _ => 0 };
            long most = Math.Max(0, asset == 0 ? view?.Health.Atoms ?? 0 : view?.Positions.FirstOrDefault(p => p.Instrument == asset).Size ?? 0);
            return RequestOf(OperationKind.WithdrawalRequest, account, asset, 1 + random.NextInt64(random.Next(2) == 0 ? most + 1 : 2 * most + 9), by);
        }

        private void Do(Command command)
        {
            NaiveState before = model.State;
            Result actual = World.Apply(command);
            (RejectCode code, List<EngineEvent> events) = model.Apply(command);
            Codes[code] = Codes.GetValueOrDefault(code) + 1;
            foreach (EngineEvent e in events) Kinds[e.Kind] = Kinds.GetValueOrDefault(e.Kind) + 1;
            Assert.Equal(code, actual.Code);
            Assert.Equal(events, actual.Events);
            if (code != RejectCode.None) Assert.Empty(actual.Events);
            else Account(command, events);
            Compare();
            if (actual.Batch is { } batch) CompareBatch(before, batch);
        }

        private void Account(Command command, List<EngineEvent> events)
        {
            foreach (EngineEvent e in events)
            {
                if (e.Kind is EventKind.Registered or EventKind.Deposited) external[e.Instrument.Value] = external.GetValueOrDefault(e.Instrument.Value) + e.Amount;
                if (e.Kind is EventKind.Withdrawn or EventKind.WithdrawalServed) external[e.Instrument.Value] = external.GetValueOrDefault(e.Instrument.Value) - e.Amount;
                if (e.Kind == EventKind.Converted)
                {
                    external[e.Instrument.Value] = external.GetValueOrDefault(e.Instrument.Value) - e.Lots.Value;
                    external[0] += e.Amount;
                }

                if (e.Kind == EventKind.Registered) registered = Math.Max(registered, e.Account.Value + 1);
            }
        }

        private void Compare()
        {
            NaiveState s = model.State;
            EngineStatus status = World.Engine.Status;
            Assert.Equal((s.Batch, s.IsOpen, s.NextOperation, s.Touched.Count, s.Rows.Count, s.Operations, s.Buckets.Count, s.Relieved.Count, s.Converted.Count),
                (status.Batch, status.IsOpen, status.NextOperation, status.Blocks, status.Rows, status.Operations, status.Buckets, status.Reliefs, status.Forced));
            Assert.Equal(s.Accounts.Keys, World.Engine.Accounts.Select(a => a.Value));
            var totals = new Dictionary<int, BigInteger>();
            foreach (NaiveAccount a in s.Accounts.Values)
            {
                AccountView view = World.View(a.Id);
                Assert.Equal(a.Cash, view.Cash.Atoms);
                Assert.Equal(a.Sizes.Select(p => new Position(p.Key, (long)p.Value)), view.Positions);
                if (s.Batch > 0) Assert.Equal((s.Health(a), model.ReservedHealth(a)), (view.Health.Atoms, view.ReservedHealth.Atoms));
                if (s.Touched.Contains(a.Id) && !s.Relieved.Contains(a.Id)) Assert.True(s.Health(a) >= 0, $"account {a.Id} has a block and is unhealthy");
                Assert.Equal(s.OrdersOf(a.Id).OrderBy(o => o.Request.Slot).Select(o => (o.Request.Slot, o.Request.Nonce, o.Remaining)),
                    view.Orders.Select(o => (o.Slot, o.Nonce.Value, o.Remaining.Value)));
                for (int slot = 0; slot < 30; slot++)
                    Assert.Equal((a.Chain.GetValueOrDefault((byte)slot), a.Seen.GetValueOrDefault((byte)slot)),
                        World.Engine.SlotOf(AccountId.From(a.Id), (byte)slot) is var (chain, nonce) ? (chain, nonce.Value) : default);
                totals[0] = totals.GetValueOrDefault(0) + view.Cash.Atoms;
                foreach (Position p in view.Positions) totals[p.Instrument] = totals.GetValueOrDefault(p.Instrument) + p.Size;
            }

            foreach (int t in (int[])[0, .. World.Config.Instruments.Select(t => t.Id)]) Assert.Equal(external.GetValueOrDefault(t), totals.GetValueOrDefault(t));
            foreach (InstrumentSpec t in World.Config.Instruments)
            {
                foreach (bool asks in new[] { false, true })
                {
                    IEnumerable<NaiveOrder> side = s.Orders.Where(o => o.Request.Instrument == t.Id && o.Request.IsSell == asks);
                    side = asks ? side.OrderBy(o => o.Request.Limit) : side.OrderByDescending(o => o.Request.Limit);
                    Assert.Equal(side.Select(o => (o.Request.Account, o.Request.Slot, o.Remaining)),
                        World.Engine.Orders(InstrumentId.From(t.Id), asks).Select(o => (o.Account.Value, o.Slot, o.Remaining.Value)));
                    Assert.Equal(side.GroupBy(o => o.Request.Limit).Select(l => (l.Key, l.Sum(o => o.Remaining))), World.Book(t.Id, asks));
                }

                (long, long)[] bids = World.Book(t.Id, asks: false), offers = World.Book(t.Id, asks: true);
                if (bids.Length > 0 && offers.Length > 0) Assert.True(bids[0].Item1 < offers[0].Item1, $"the book of {t.Id} is crossed");
            }
        }

        private void CompareBatch(NaiveState before, SealedBatch batch)
        {
            SealedBatchChecker.Check(World.Config, batch);
            Assert.Equal(before.Rows.Select(r => (r.Request, r.Fill, r.Quote, r.Fee)), batch.Rows.Select(r => (r.Request, (BigInteger)r.Fill, (BigInteger)r.Quote, (BigInteger)r.Fee)));
            Assert.Equal(before.Converted, batch.Forced.Select(f => (batch.Blocks[f.Block].Account, f.Instrument)));
            // Account 0 stands behind where places are left and nobody shown is healthy.
            bool IsHealthy(int a) => before.Health(before.Accounts[a]) >= 0;
            bool healthy = before.Touched.Count > 0 && IsHealthy(before.Touched.OrderBy(a => IsHealthy(a) && !before.Served.Contains(a)).ThenBy(a => a).Last());
            int[] shown = before.Touched.Count < World.Config.Profile.Blocks && !healthy ? [0, .. before.Touched] : [.. before.Touched];
            Assert.Equal(shown, batch.Blocks.Select(b => b.Account).Order());
            foreach (SealedBlock block in batch.Blocks.Where(b => before.Touched.Contains(b.Account)))
            {
                NaiveAccount a = before.Accounts[block.Account];
                Assert.Equal(a.Cash, block.New.Cash);
                if (before.Health(a) < 0) Reliefs++;
                Assert.Equal(a.Sizes.Select(p => new Position(p.Key, (long)p.Value)), block.New.Positions);
            }
        }
    }
}
