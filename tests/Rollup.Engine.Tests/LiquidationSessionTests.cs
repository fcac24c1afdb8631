using System.Numerics;
using Rollup.Crypto.Settlement;
using Rollup.Protocol;
using static Rollup.Engine.Tests.World;

namespace Rollup.Engine.Tests;

/// <summary>
/// Random sessions with leverage and crashes: every batch is provable, no money is made or lost, no account loses more to liquidation than the price
/// bound and the fee, and replays and restored snapshots do the same.
/// </summary>
public class LiquidationSessionTests
{
    [Fact]
    public void Sessions_with_crashes_keep_every_invariant() => Play(0, 32, 250);

    [Fact]
    [Trait("Category", "Long")]
    public void Many_more_sessions_with_crashes_keep_every_invariant() => Play(1_000, 1_300, 400);

    private static void Play(int from, int to, int steps)
    {
        var happened = new Dictionary<string, int>();
        for (int seed = from; seed < to; seed++)
        {
            var session = new Session(seed, happened);
            try
            {
                session.Play(steps);
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"Session {seed}, command {session.World.Log.Count}: {e.Message}", e);
            }
        }

        foreach (string what in new[] { "closed through the book", "closed in an auction", nameof(EventKind.FundPaid), nameof(EventKind.Deleveraged), nameof(EventKind.AuctionStarted), "several legs",
            "closed on request", nameof(EventKind.ClosedAgainst), nameof(EventKind.WithdrawalServed), "closed in part" })
            Assert.True(happened.GetValueOrDefault(what) >= (to - from) / 8, $"{what}: {happened.GetValueOrDefault(what)} times");
    }

    private sealed class Session
    {
        private const int Traders = 7, Makers = 2;

        private readonly Random random;
        private readonly Dictionary<string, int> happened;
        private readonly Dictionary<int, BigInteger> external = [];
        private readonly Dictionary<int, long> start;
        private readonly List<byte[]> batches = [];

        internal Session(int seed, Dictionary<string, int> happened)
        {
            random = new Random(seed);
            this.happened = happened;
            CircuitProfile profile = random.Next(3) switch
            {
                0 => new("wide", 16, 40, 10, 2, 12, 6),
                1 => new("small", 8, 10, 6, 2, 3, 2),
                _ => new("middle", 10, 20, 6, 2, 6, 4),
            };
            World = new World(profile, c => c with
            {
                MakerFee = FeeRate.FromPpm(random.Next(3) == 0 ? 0 : random.Next(300)),
                Liquidation = new LiquidationConfig(FeeRate.FromPpm(random.Next(3) == 0 ? 0 : random.Next(5_000)), Amount(3), Amount(3), random.Next(3), random.Next(1, 8_000)),
            });
            start = new Dictionary<int, long>(World.Marks);
        }

        internal World World { get; }

        private long Amount(int range) => random.Next(range) switch { 0 => 1_000_000_000_000_000, 1 => 50_000_000_000, _ => 2_000_000_000 };

        internal void Play(int steps)
        {
            Open();
            // The fund is empty, or pays for a while.
            if (random.Next(2) == 0) Take(World.Deposit(1, 0, random.NextInt64(5_000_000_000, 100_000_000_000)), external, +1);
            for (int account = 2; account < 2 + Traders + Makers; account++)
            {
                // A lot is worth about a dollar; leverage comes from the orders.
                long cash = account < 2 + Makers ? 20_000_000_000_000 : random.NextInt64(500_000_000, 40_000_000_000);
                while (Register(account, cash) != RejectCode.None) SealAndOpen();
            }

            while (World.Log.Count < steps)
            {
                World.Now += random.Next(3) == 0 ? random.Next(2_000) : 0;
                Step();
                CheckBalances();
                if (random.Next(25) == 0) Restore();
            }

            SealAndOpen();
            var replayed = new ClearingEngine(World.Config);
            var sealedAgain = new List<byte[]>();
            foreach (Command command in World.Log)
                if (replayed.Apply(command).Batch is { } batch) sealedAgain.Add(SealedBatchFile.Write(batch));
            Assert.Equal(batches, sealedAgain);
            Assert.Equal(World.Engine.StateDigest(), replayed.StateDigest());
        }

        private void Step()
        {
            int maker = random.Next(2, 2 + Makers), trader = random.Next(2 + Makers, 2 + Makers + Traders);
            int instrument = World.Config.Instruments[random.Next(1, 5)].Id;
            long mark = World.Marks[instrument];
            bool sell = random.Next(2) == 0;
            switch (random.Next(22))
            {
                case < 6:
                    Apply(World.Order(maker, instrument, sell, random.Next(100, 60_000), Price(mark + (sell ? 1 : -1) * mark * random.Next(-2, 20) / 1_000), random.Next(9) == 0 ? ReduceOnly : Gtc));
                    break;
                case < 12:
                    // As much as the account can carry, more or less.
                    long size = Math.Max(2, (long)(World.View(trader).ReservedHealth.Atoms / (double)mark * random.Next(1, 7)));
                    Apply(World.Order(trader, instrument, sell, Math.Clamp(size, 2, 1_000_000), Price(mark + (sell ? -1 : 1) * mark / 50), random.Next(3) == 0 ? Gtc : Ioc));
                    break;
                case 12:
                    Take(World.Deposit(trader, random.Next(4) == 0 ? EthSpot : 0, random.Next(1, 20_000)), external, +1);
                    break;
                case 13:
                    Take(World.Deposit(1, 0, random.NextInt64(1, 3_000_000_000)), external, +1);
                    break;
                case 14:
                    Result withdrawn = World.Withdraw(trader, 0, Math.Max(1, World.View(trader).ReservedHealth.Atoms * random.Next(1, 11) / 10));
                    Take(withdrawn, external, -1);
                    break;
                case 15:
                    bool isSpot = random.Next(4) == 0;
                    long most = Math.Max(0, isSpot ? World.SizeOf(trader, EthSpot) : World.View(trader).Health.Atoms);
                    Take(World.RequestWithdrawal(trader, isSpot ? EthSpot : 0, 1 + random.NextInt64(2 * most + 9), random.Next(5) == 0 ? OwnerOf(maker) : null), external, -1);
                    break;
                case 16:
                    Record(World.RequestClose(trader, random.Next(9) == 0 ? OwnerOf(maker) : null));
                    break;
                case < 19:
                    Record(World.Tick(0));
                    Bid();
                    break;
                default:
                    if (random.Next(3) == 0) Crash();
                    else Drift();
                    SealAndOpen();
                    break;
            }
        }

        private static long Price(long price) => Math.Max(10, price / 10 * 10);

        private void Drift()
        {
            foreach (int id in World.Marks.Keys) World.Marks[id] = Bounded(id, World.Marks[id] + World.Marks[id] * random.Next(-20, 21) / 1_000);
        }

        private void Crash()
        {
            int by = random.Next(-350, 300);
            foreach (int id in World.Marks.Keys)
                if (random.Next(3) > 0) World.Marks[id] = Bounded(id, World.Marks[id] + World.Marks[id] * (by + random.Next(-40, 41)) / 1_000);
            World.Fundings[BtcPerp] += random.Next(-300, 300);
        }

        private long Bounded(int id, long mark) => Math.Clamp(mark, start[id] / 3, start[id] * 2) / 10 * 10;

        private void Apply(SignedRequest request) => Record(World.Send(request));

        /// <summary>A maker bids for what is auctioned, now and then as it should.</summary>
        private void Bid()
        {
            foreach (DistressView distress in World.Engine.Distressed(Timestamp.FromMilliseconds(World.Now)))
            {
                if (distress.Slice.IsEmpty || random.Next(3) == 0) continue;
                int bidder = random.Next(2, 2 + Makers);
                var orders = distress.Slice.Select(leg => Verified(World.Order(bidder, leg.Instrument.Value, leg.IsSell, leg.Lots.Value + (random.Next(40) == 0 ? 1 : 0),
                    leg.Price.AtomsPerLot - (leg.IsSell ? random.Next(2) : -random.Next(2)), Fok | Market)));
                Result result = World.Apply(Command.Bid(Timestamp.FromMilliseconds(World.Now), new AuctionBid(distress.Account, [.. orders])));
                Record(result);
                if (result.Code == RejectCode.None) Count("closed in an auction");
            }
        }

        private RejectCode Register(int account, long cash)
        {
            Result result = World.Register(account, cash);
            Take(result, external, +1);
            return result.Code;
        }

        private void Take(Result result, Dictionary<int, BigInteger> to, int sign)
        {
            Record(result);
            foreach (EngineEvent e in result.Events)
                if (e.Kind is EventKind.Registered or EventKind.Deposited or EventKind.Withdrawn or EventKind.WithdrawalServed)
                    to[e.Instrument.Value] = to.GetValueOrDefault(e.Instrument.Value) + sign * e.Amount;
        }

        private void Record(Result result)
        {
            foreach (EngineEvent e in result.Events)
                Count(e switch
                {
                    { Kind: EventKind.Filled, Reason: RejectCode.Liquidating } when e.Nonce == default => "closed through the book",
                    { Kind: EventKind.Filled, Reason: RejectCode.RequestServed } => "closed on request",
                    { Kind: EventKind.CloseServed, Reason: RejectCode.NoLiquidity } => "closed in part",
                    _ => e.Kind.ToString(),
                });
        }

        private void Count(string what) => happened[what] = happened.GetValueOrDefault(what) + 1;

        private void Open() => Record(Accept(World.Open()));

        private void SealAndOpen()
        {
            Result result = World.Seal();
            if (result.Batch is { } batch)
            {
                batches.Add(SealedBatchFile.Write(batch));
                SealedBatchChecker.Check(World.Config, batch);
                CheckCosts(batch);
            }

            World.Now += 1_000;
            Open();
        }

        private void Restore()
        {
            byte[] snapshot = World.Engine.Snapshot();
            World.Engine = ClearingEngine.Restore(World.Config, snapshot);
            Assert.True(snapshot.AsSpan().SequenceEqual(World.Engine.Snapshot()));
        }

        /// <summary>What came in and did not go out is there, and every perpetual has two sides.</summary>
        private void CheckBalances()
        {
            var there = new Dictionary<int, BigInteger>();
            foreach (AccountId id in World.Engine.Accounts)
            {
                AccountView view = World.Engine.View(id)!;
                there[0] = there.GetValueOrDefault(0) + view.Cash.Atoms;
                foreach (Position p in view.Positions) there[p.Instrument] = there.GetValueOrDefault(p.Instrument) + p.Size;
            }

            foreach (int instrument in there.Keys.Union(external.Keys)) Assert.Equal(external.GetValueOrDefault(instrument), there.GetValueOrDefault(instrument));
            Assert.True(World.CashOf(1) >= 0);
        }

        /// <summary>Liquidation costs an account at most the bound of every lot and the fee; deleveraging and the fund cost it nothing.</summary>
        private void CheckCosts(SealedBatch batch)
        {
            Dictionary<int, RiskRow> rows = batch.RiskRows.ToDictionary(r => r.Id);
            BigInteger Mark(LeafContents leaf) => leaf.Positions.Aggregate((BigInteger)leaf.Cash, (sum, p) => sum + (BigInteger)p.Size * rows[p.Instrument].Base);
            for (int k = 0; k < batch.Blocks.Length; k++)
            {
                SealedForcedRow[] forced = [.. batch.Forced.Where(f => f.Block == k)];
                if (forced.Length == 0) continue;
                if (forced.Count(f => f.Kind == ForcedKind.Liquidation) > 1) Count("several legs");
                BigInteger cost = forced.Where(f => f.Kind == ForcedKind.Liquidation || f.Closing).Aggregate(BigInteger.Zero, (sum, f) => sum + (BigInteger)f.Fill * rows[f.Instrument].PriceBound + f.Fee);
                SealedBlock block = batch.Blocks[k];
                Assert.True(Mark(block.New) - block.Payment - Mark(block.Old) >= -cost, $"account {block.Account} lost more than its price bounds");
            }
        }
    }
}
