using System.Collections.Immutable;
using Rollup.Api;
using Rollup.Crypto;
using Rollup.Engine;
using Rollup.Protocol;
using Rollup.Risk;

namespace Rollup.Simulation;

/// <summary>How a crash is played.</summary>
/// <param name="Accounts">Traders, besides the market makers.</param>
/// <param name="Steps">Times that prices move between two knots of the market.</param>
/// <param name="Fund">Insurance fund at the start, atoms.</param>
/// <param name="ScanRange">R of both groups, 10^-6: low, as after a calm month, so that the fall exceeds it.</param>
internal sealed record CrashSettings(int Seed, int Accounts, int Steps, long Fund, int ScanRange, CircuitProfile Profile);

/// <summary>One line of the story.</summary>
internal sealed record CrashStep(long At, long Btc, long Eth, int Batches, int Distressed, int Liquidated, int Auctions, int Deleveraged, long FundPaid, long Fund, long Deficit);

/// <summary>
/// Traders with random portfolios of perpetuals and options live through a crash. Market makers quote around the mark, thinly while prices fall, so
/// that some accounts cannot be closed in time.
/// </summary>
internal sealed class CrashRun
{
    private const long Usd = Scale.AtomsPerUsd;
    private const int Makers = 12, Bidders = 3, FeePpm = 100, Rounds = 12;

    /// <summary>Half of what the method charges by default for extremes and contingency: parameters that a fall can outrun.</summary>
    private static readonly RiskParameters Calm = RiskParameters.Default with
    {
        PerpContingency = 5_000,
        Extremes = [.. RiskParameters.Default.Extremes.Select(e => e with { Counted = e.Counted / 2 })],
    };

    private readonly CrashSettings settings;
    private readonly CrashMarket market;
    private readonly Random random;
    private readonly Dictionary<int, long> payoffs = [];
    private readonly Dictionary<int, (byte Slot, long Nonce)[]> quotes = [];
    private readonly Dictionary<int, Trader> owners = [];
    private readonly List<Trader> makers = [], bidders = [], traders = [];
    private MarketMoment moment;
    private long previousBtc;

    public CrashRun(CrashSettings settings, CrashMarket market)
    {
        (this.settings, this.market) = (settings, market);
        random = new Random(settings.Seed);
        moment = market.Knots[0];
        previousBtc = moment.Btc.Index;
        ImmutableArray<InstrumentSpec> specs = [.. Chain.Instruments.Select(t => new InstrumentSpec(t.Id, t.Kind, t.Group, 1, 1, t.Strike, Timestamp.FromMilliseconds(t.ExpiresAt)))];
        var config = new EngineConfig(SettlementDomainOf(), settings.Profile, specs, FeeRate.FromPpm(FeePpm), FeeRate.FromPpm(2 * FeePpm),
            MaxOpenOrders: 200, Liquidation: new LiquidationConfig(
                FeeRate.FromPpm(1_000), AccountNotional: 400_000 * Usd, TotalNotional: 4_000_000 * Usd, BookEpochs: 2, AuctionTime: 60_000, MinimumEquity: 500 * Usd));
        // An hour before the first knot all is quiet, and the portfolios are built.
        Venue = new Venue(config, market.Knots[0].At - 3_600_000, Inputs);
        int account = Bound.ReservedAccounts;
        for (int i = 0; i < Makers; i++) makers.Add(new Trader(account++, settings.Seed));
        for (int i = 0; i < Bidders; i++) bidders.Add(new Trader(account++, settings.Seed));
        for (int i = 0; i < settings.Accounts; i++) traders.Add(new Trader(account++, settings.Seed));
    }

    public Venue Venue { get; }

    public List<CrashStep> Steps { get; } = [];

    /// <summary>Batches that show a liquidation, a payment of the fund, a deleveraging or a conversion.</summary>
    public IEnumerable<SealedBatch> Notable => Venue.Batches.Where(b => !b.Forced.IsEmpty || b.Blocks.Any(k => k.Payment > 0));

    /// <summary>The book before prices fall, for <c>rollup risk stress</c>.</summary>
    public RiskBook? Book { get; private set; }

    public void Play(Action<string> say)
    {
        Venue.Open();
        BuildPortfolios();
        Book = MakeBook();
        say($"{makers.Count} makers and {traders.Count} traders in {Venue.Batches.Count} batches");
        IReadOnlyList<MarketMoment> knots = market.Knots;
        for (int i = 1; i < knots.Count; i++)
            for (int s = 1; s <= settings.Steps; s++)
                Move(knots[i - 1].At + (knots[i].At - knots[i - 1].At) * s / settings.Steps);
        CancelQuotes();
        Venue.Seal();
    }

    private void BuildPortfolios()
    {
        Venue.FillFund(settings.Fund);
        foreach (Trader rich in makers.Concat(bidders)) Venue.Register(rich, 20_000_000 * Usd);
        foreach (Trader trader in traders) Venue.Register(trader, random.NextInt64(5_000, 60_000) * Usd);
        Quote(depth: 4);
        foreach (Trader trader in traders)
        {
            // A directional part in perpetuals, up to the margin that is there, and a few options.
            int perpetual = random.Next(3) > 0 ? Chain.BtcPerp : Chain.EthPerp;
            bool sell = random.Next(4) == 0;
            for (long lots = Affordable(trader, perpetual); lots > 0; lots = lots * 3 / 4)
                if (Take(trader, perpetual, sell, lots) == RejectCode.None) break;
            int options = random.Next(0, 5);
            for (int o = 0; o < options; o++)
            {
                Listed option = Chain.Options[random.Next(Chain.Options.Length)];
                for (long lots = random.Next(1, 60); lots > 0; lots /= 2)
                    if (Take(trader, option.Id, random.Next(2) == 0, lots) == RejectCode.None) break;
            }
        }

        Venue.SealAndOpen();
    }

    private RiskBook MakeBook() => new(RiskBook.CurrentVersion, Venue.Engine.Status.Batch, Venue.Now, Inputs(Venue.Engine.Status.Batch, Venue.Now).Encode(),
        Venue.Engine.View(AccountId.Fund)!.Cash.Atoms, [new RiskBookDepth(Chain.Bitcoin, 2_000_000 * Usd, 200_000), new RiskBookDepth(Chain.Ether, 1_000_000 * Usd, 200_000)],
        [.. Venue.Engine.Accounts.Where(id => id.Value != 1).Select(id => Venue.Engine.View(id)!).Select(a => new RiskBookAccount(
            a.Id.Value, a.Cash.Atoms, [.. a.Positions.Select(p => new RiskBookPosition(p.Instrument, p.Size))]))]);

    private void Move(long time)
    {
        Venue.Seal();
        int before = Venue.Batches.Count;
        Venue.Events.Clear();
        moment = market.Observe(time);
        Settle(time);
        Venue.MoveTo(time);
        Venue.Open();
        // Market makers step back when prices run, and so do those who bid in auctions.
        long change = Math.Abs(moment.Btc.Index - previousBtc) * 1_000 / previousBtc;
        previousBtc = moment.Btc.Index;
        bool isPanic = change >= 25;
        Quote(depth: isPanic ? 0 : change >= 10 ? 2 : 4);
        int distressed = Venue.Engine.Distressed(Timestamp.FromMilliseconds(Venue.Now)).Length;
        // One batch after another until nothing is left to be forced.
        for (int round = 0; round < Rounds; round++)
        {
            Venue.Tick();
            Venue.Convert();
            if (!isPanic) BidInAuctions();
            if (Venue.SealAndOpen() is not { } batch || (batch.Forced.IsEmpty && batch.Blocks.All(b => b.Payment == 0))) break;
            Venue.MoveTo(Venue.Now + 10_000);
        }

        Record(time, before, distressed);
    }

    private void Record(long time, int before, int distressed)
    {
        SealedBatch[] batches = [.. Venue.Batches.Skip(before)];
        Int128 deficit = Venue.Engine.Accounts.Aggregate(Int128.Zero, (sum, id) => sum - Int128.Min(0, Ledger.MarkEquity(Venue, Venue.Engine.View(id)!)));
        Steps.Add(new CrashStep(time, moment.Btc.Index, moment.Eth.Index, batches.Length, distressed,
            batches.SelectMany(b => b.Forced.Where(f => f.Kind == ForcedKind.Liquidation).Select(f => b.Blocks[f.Block].Account)).Distinct().Count(),
            Venue.Events.Count(e => e.Kind == EventKind.AuctionStarted),
            batches.SelectMany(b => b.Forced.Where(f => f.Kind == ForcedKind.Deleverage).Select(f => b.Blocks[f.Block].Account)).Distinct().Count(),
            batches.Sum(b => b.Blocks.Sum(k => k.Payment)), Venue.Engine.View(AccountId.Fund)!.Cash.Atoms, (long)deficit));
    }

    /// <summary>Options whose time has come are frozen at their payoff under the mean index of the last 30 minutes.</summary>
    private void Settle(long time)
    {
        foreach (Listed option in Chain.Options.Where(o => o.ExpiresAt <= time && !payoffs.ContainsKey(o.Id)))
        {
            long sum = 0;
            for (int minute = 30; minute > 0; minute--)
            {
                MarketMoment then = market.Observe(option.ExpiresAt - minute * 60_000L);
                sum += (option.Group == Chain.Bitcoin ? then.Btc : then.Eth).Index / Chain.LotsPerCoin(option.Group);
            }

            long price = sum / 30;
            payoffs[option.Id] = Math.Max(0, option.Kind == InstrumentKind.Call ? price - option.Strike : option.Strike - price);
        }
    }

    /// <summary>Replaces all quotes: every instrument by two makers, each on both sides.</summary>
    private void Quote(int depth)
    {
        CancelQuotes();
        if (depth == 0) return;
        for (int i = 0; i < Chain.Instruments.Length; i++)
        {
            Listed t = Chain.Instruments[i];
            if (t.Kind == InstrumentKind.Spot || payoffs.ContainsKey(t.Id)) continue;
            RiskRow row = Venue.Rows.First(r => r.Id == t.Id);
            long mark = row.Base + row.Funding;
            foreach (int which in (int[])[0, 1])
            {
                // No more than 13 instruments a maker, all of one group but the perpetuals.
                Trader maker = makers[(i / 13 * 2 + which) % Makers];
                long spread = Math.Max(1, t.IsOption ? row.PriceBound / 3 + mark / 200 : mark / 2_000) * (1 + which);
                long lots = t.IsOption ? 15L * depth : 120L * depth;
                var placed = new List<(byte, long)>();
                foreach (bool sell in (bool[])[false, true])
                {
                    long limit = sell ? mark + spread : mark - spread;
                    if (limit < 1) continue;
                    (RejectCode code, byte slot, long nonce) = Venue.Order(maker, t.Id, sell, lots, limit, TimeInForce.GoodTillCancel);
                    if (code == RejectCode.None) placed.Add((slot, nonce));
                }

                quotes[t.Id * 2 + which] = [.. placed];
                owners[t.Id * 2 + which] = maker;
            }
        }
    }

    private void CancelQuotes()
    {
        foreach ((int key, (byte Slot, long Nonce)[] placed) in quotes)
            foreach ((byte slot, long nonce) in placed) Venue.Cancel(owners[key], slot, nonce);
        quotes.Clear();
    }

    private void BidInAuctions()
    {
        var now = Timestamp.FromMilliseconds(Venue.Now);
        foreach (DistressView view in Venue.Engine.Distressed(now).Where(d => !d.Slice.IsEmpty))
            Venue.Bid(bidders[view.Account.Value % Bidders], view);
    }

    private long Affordable(Trader trader, int perpetual)
    {
        RiskRow row = Venue.Rows.First(r => r.Id == perpetual);
        long requirement = Math.Max(1, row.Base - row.Long.Min());
        return Venue.Engine.View(AccountId.From(trader.Account))!.ReservedHealth.Atoms * random.Next(30, 95) / 100 / requirement;
    }

    private RejectCode Take(Trader trader, int instrument, bool sell, long lots)
    {
        RiskRow row = Venue.Rows.First(r => r.Id == instrument);
        long mark = row.Base + row.Funding, away = Math.Max(2, row.PriceBound);
        RejectCode code = Venue.Order(trader, instrument, sell, lots, Math.Max(1, sell ? mark - away : mark + away), TimeInForce.ImmediateOrCancel).Code;
        if (code == RejectCode.NoLiquidity)
        {
            Quote(depth: 4);
            code = Venue.Order(trader, instrument, sell, lots, Math.Max(1, sell ? mark - away : mark + away), TimeInForce.ImmediateOrCancel).Code;
        }

        return code;
    }

    private RiskInputs Inputs(uint batch, long time)
    {
        IReadOnlyDictionary<int, Lots> held = Venue.Engine.OpenInterests();
        return Chain.Inputs(batch, time, moment, Calm, [new GroupRange(Chain.Bitcoin, settings.ScanRange), new GroupRange(Chain.Ether, settings.ScanRange)],
            _ => 0, id => held[id].Value, payoffs);
    }

    private static Fr SettlementDomainOf() =>
        Rollup.Crypto.Settlement.SettlementDomain.Of(31337, Address.Parse("0x5fbdb2315678afecb367f032d93f642f64180aa3"));
}
