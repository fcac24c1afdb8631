using Rollup.Api;
using Rollup.Crypto.Settlement;
using Rollup.Oracle;
using Rollup.Protocol;
using Rollup.Risk;
using Rollup.Sequencer.Configuration;
using Rollup.Sequencer.Core;
using Rollup.Sequencer.Oracle;

namespace Rollup.Sequencer.Tests;

/// <summary>What stands between the feed and the engine: the gate, scan ranges and funding.</summary>
public sealed class MarketWatchTests : IDisposable
{
    private const long Now = 1_800_000_000_000, Cash = 1_000_000_000_000;
    private readonly TemporaryDirectory folder = new();
    private readonly ManualClock clock = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(OracleState.Fresh, true, true, true)]
    [InlineData(OracleState.LowConfidence, false, true, false)]
    [InlineData(OracleState.Divergent, false, true, false)]
    [InlineData(OracleState.Stale, false, true, false)]
    public void A_request_passes_as_the_table_says(OracleState state, bool open, bool reduce, bool withdraw)
    {
        var watch = new MarketWatch(TestConfig.Make("/nowhere"));
        watch.Update(Now, Prices(Now, state), NoBook);
        Assert.Equal((open, reduce, withdraw, true), (Passes(watch, Order(TestConfig.Btc)), Passes(watch, Order(TestConfig.Btc, reduceOnly: true)), Passes(watch, Withdrawal), Passes(watch, Cancel)));
        // The other group's prices are fresh; and cash of an account that holds nothing in the group needs none of it.
        Assert.True(Passes(watch, Order(TestConfig.Eth)));
        Assert.Null(Refusal(watch, Withdrawal, _ => [TestConfig.Eth, TestConfig.EthSpot]));
        Assert.Equal(state == OracleState.Fresh, watch.Problem is null);
        if (!open) Assert.Equal((int)HostCode.PricesUncertain, Refusal(watch, Order(TestConfig.Btc), _ => [])!.Code);
    }

    [Fact]
    public void Missing_and_old_prices_are_stale()
    {
        SequencerConfig config = TestConfig.Make("/nowhere");
        var watch = new MarketWatch(config);
        Assert.False(Passes(watch, Order(TestConfig.Btc)));
        watch.Update(Now, Prices(Now - config.Epoch.MaxReportAge), NoBook);
        Assert.True(Passes(watch, Order(TestConfig.Btc)));
        watch.Update(Now, Prices(Now - config.Epoch.MaxReportAge - 1), NoBook);
        Assert.False(Passes(watch, Order(TestConfig.Btc)));
        watch.Update(Now + 1, null, NoBook);
        Assert.False(Passes(watch, Order(TestConfig.Btc)));
    }

    [Fact]
    public void A_jump_restricts_its_group_alone()
    {
        var watch = new MarketWatch(TestConfig.Make("/nowhere"));
        watch.Update(Now, Prices(Now), NoBook);
        watch.Update(Now + 1_000, Prices(Now + 1_000, index: 61_700_000_000 * 106 / 100), NoBook);
        Assert.Equal((int)HostCode.MarketRestricted, Refusal(watch, Order(TestConfig.Btc), _ => [])!.Code);
        Assert.Equal((true, true, true), (Passes(watch, Order(TestConfig.Btc, reduceOnly: true)), Passes(watch, Withdrawal), Passes(watch, Order(TestConfig.Eth))));
        watch.Update(Now + 2_000, Prices(Now + 2_000, index: 61_700_000_000 * 120 / 100), NoBook);
        Assert.Equal((false, false, true), (Passes(watch, Order(TestConfig.Btc, reduceOnly: true)), Passes(watch, Withdrawal), Passes(watch, Cancel)));
        Assert.Contains("halted", watch.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Funding_is_interest_and_premium_of_the_time_that_passed_and_stands_still_while_prices_are_not_fresh()
    {
        var watch = new MarketWatch(TestConfig.Make("/nowhere"));
        // The whole impact notional of 10,000 USD rests 0.1% above the index.
        static IEnumerable<(long, long)> Book(int instrument, bool asks) => instrument == TestConfig.Btc && !asks ? [(61_761_700, 1_000)] : [];
        for (int second = 0; second <= 40; second++) watch.Update(Now + second * 1_000, Prices(Now + second * 1_000), Book);
        // 40 s of 0.1% + 0.01% of 61.7 USD in 8 h: 94.26 atoms; ETH has interest alone: 0.37 atoms.
        Assert.Equal((94L, 0L, 0L), (watch.ProposeFunding(TestConfig.Btc), watch.ProposeFunding(TestConfig.Eth), watch.ProposeFunding(TestConfig.EthSpot)));
        watch.TakeFunding();
        watch.Update(Now + 41_000, Prices(Now + 41_000, OracleState.Divergent), Book);
        watch.Update(Now + 71_000, Prices(Now + 71_000, OracleState.Divergent), Book);
        watch.Update(Now + 72_000, Prices(Now + 72_000), Book);
        Assert.Equal(94, watch.ProposeFunding(TestConfig.Btc));
        watch.Update(Now + 82_000, Prices(Now + 82_000), Book);
        // 50 s: 117.8 atoms, the remainder of the first 40 included.
        Assert.Equal(117, watch.ProposeFunding(TestConfig.Btc));
    }

    /// <summary>What is proposed and dropped changes nothing; what opens late leaves what came since to the next; and no epoch is charged more than its length, however often one was proposed.</summary>
    [Fact]
    public void Funding_is_taken_when_an_epoch_opens_with_what_was_proposed_last()
    {
        SequencerConfig config = TestConfig.Make("/nowhere");
        MarketWatch proposed = new(config), straight = new(config);
        static IEnumerable<(long, long)> Book(int instrument, bool asks) => instrument == TestConfig.Btc && !asks ? [(61_761_700, 1_000)] : [];
        void Pass(int from, int to)
        {
            for (int second = from; second <= to; second++)
                foreach (MarketWatch watch in (MarketWatch[])[proposed, straight]) watch.Update(Now + second * 1_000, Prices(Now + second * 1_000), Book);
        }

        Pass(0, 10);
        Assert.Equal(23, proposed.ProposeFunding(TestConfig.Btc)); // Dropped.
        Pass(11, 20);
        Assert.Equal(47, proposed.ProposeFunding(TestConfig.Btc));
        Pass(21, 23);
        proposed.TakeFunding();
        Assert.Equal(54, proposed.ProposeFunding(TestConfig.Btc)); // 23 s, none lost and none twice.
        Assert.Equal(54, straight.ProposeFunding(TestConfig.Btc));
        Pass(24, 200);
        for (int i = 0; i < 3; i++) proposed.ProposeFunding(TestConfig.Btc);
        // The first epoch took 20 s, the second takes 60: 188.5 atoms. The other one's first takes 60 alone.
        Assert.Equal((188L, 141L), (proposed.ProposeFunding(TestConfig.Btc), straight.ProposeFunding(TestConfig.Btc)));
        proposed.TakeFunding();
        Assert.Equal(188, proposed.ProposeFunding(TestConfig.Btc));
        Pass(201, 210);
        Assert.Equal(212, proposed.ProposeFunding(TestConfig.Btc));
    }

    [Fact]
    public void After_a_restart_funding_and_ranges_go_on_from_the_open_epoch()
    {
        SequencerConfig config = Raised();
        var watch = new MarketWatch(config);
        long funding = 7_654;
        RiskInputs inputs = Inputs(config, watch, Now);
        inputs = inputs with { Groups = [new GroupRange(1, 222_000), .. inputs.Groups.Skip(1)], Instruments = [inputs.Instruments[0] with { Funding = funding }, .. inputs.Instruments.Skip(1)] };
        watch.Restore(RiskRows.From(inputs), inputs);
        Assert.Equal((funding, 0L), (watch.ProposeFunding(TestConfig.Btc), watch.ProposeFunding(TestConfig.Eth)));
        Assert.Equal((222_000, 180_000), (watch.RangesOf(1).MaintenanceRange, watch.RangesOf(2).MaintenanceRange));
    }

    [Fact]
    public void A_storm_raises_the_range_of_the_next_epoch_slowly_where_a_ceiling_allows_it()
    {
        SequencerConfig config = Raised();
        var watch = new MarketWatch(config);
        for (int i = 0; i < 720; i++)
        {
            long at = Now + i * 5_000;
            watch.Update(at, Prices(at, index: 61_700_000_000 + i % 2 * 200_000_000), NoBook);
        }

        Assert.Equal(450_000, watch.RangesOf(1).InitialRange);
        Assert.InRange(watch.RangesOf(1).MaintenanceRange, 160_000, 165_000);
        RiskInputs inputs = Inputs(config, watch, Now + 3_600_000);
        Assert.Equal([(1, watch.RangesOf(1).MaintenanceRange), (2, 180_000)], inputs.Groups.Select(g => (g.Group, g.ScanRange)));
    }

    /// <summary>Open interest that an hour of trading could not close doubles the range for opening risk, and leaves the one for keeping it.</summary>
    [Theory]
    [InlineData(3, 0, 30)]
    [InlineData(3, 30, 15)]
    [InlineData(2, 0, 15)]
    [InlineData(3, 1, 23)] // root(30 / 12) = 1.58 times 15%, less what it fell since.
    public async Task What_owners_hold_and_nobody_trades_widens_the_range_for_opening(int otherOwner, long traded, int initialPercent)
    {
        SequencerConfig config = TestConfig.Make(folder.Path);
        Trader maker = new(2), taker = new(3, owner: otherOwner);
        using var core = new CoreHarness(config with { Groups = [config.Groups[0] with { MaxScanRangePpm = 450_000, DepthHours = 1 }, config.Groups[1]] }, clock);
        await core.RegisterAsync(Cash, maker, taker);
        await TradeAsync(30, Side.Buy);
        for (int window = 0; window < 14; window++)
        {
            for (int i = 0; i < 60; i++)
            {
                clock.Advance(5_000);
                await core.ReadAsync(m => m.Sequence);
            }

            // Depth is of the last hour, and the first trade is part of it until then.
            if (window < 12) Assert.Equal(150_000, (await core.Core.GroupsAsync())[0].InitialRange);
            if (traded > 0) await TradeAsync(traded, window % 2 == 0 ? Side.Sell : Side.Buy);
        }

        GroupView[] groups = [.. await core.Core.GroupsAsync()];
        Assert.Equal([(1, initialPercent, 150_000), (2, 18, 180_000)], groups.Select(g => (g.Group, g.InitialRange / 10_000, g.MaintenanceRange)));

        async Task TradeAsync(long lots, Side side)
        {
            await core.AcceptedAsync(maker.Order(TestConfig.Btc, side == Side.Buy ? Side.Sell : Side.Buy, lots, TestConfig.BtcPrice, slot: 1));
            await core.AcceptedAsync(taker.Order(TestConfig.Btc, side, lots, TestConfig.BtcPrice, slot: 2, life: OrderLife.Ioc));
        }
    }

    [Fact]
    public void No_epoch_opens_on_divergent_or_missing_prices()
    {
        SequencerConfig config = TestConfig.Make("/nowhere");
        var maker = new RiskInputsMaker(config, new MarketWatch(config));
        Assert.NotNull(maker.Make(1, Now, Prices(Now, OracleState.LowConfidence), null, out _));
        Assert.Null(maker.Make(1, Now, Prices(Now, OracleState.Divergent), null, out string problem));
        Assert.Contains("BTCUSDT is divergent", problem, StringComparison.Ordinal);
        Assert.Null(maker.Make(1, Now, Prices(Now) with { Prices = new Dictionary<string, MarketPrice> { ["BTCUSDT"] = new(1, 1) } }, null, out problem));
        Assert.Contains("no price of ETHUSDT", problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_refused_request_is_not_journaled_and_passes_when_the_prices_are_back()
    {
        var feed = new SwitchedFeed();
        var maker = new Trader(2);
        using var core = new CoreHarness(TestConfig.Make(folder.Path), clock, feed);
        await core.RegisterAsync(Cash, maker);
        feed.State = OracleState.LowConfidence;
        clock.Advance(200);
        ulong before = await core.ReadAsync(m => m.Sequence);
        Answer<RequestResult> refused = await core.SubmitAsync(maker.Order(TestConfig.Btc, Side.Sell, 30, TestConfig.BtcPrice, slot: 5));
        Assert.Equal((int)HostCode.PricesUncertain, refused.Error!.Code);
        Assert.Contains("lowConfidence", refused.Error.Message, StringComparison.Ordinal);
        Assert.Equal(before, await core.ReadAsync(m => m.Sequence));
        Assert.Contains(core.Status.View().Problems, p => p.StartsWith("prices: ", StringComparison.Ordinal));

        feed.State = OracleState.Fresh;
        clock.Advance(200);
        Assert.Equal(RequestStatus.Resting, (await core.AcceptedAsync(maker.Order(TestConfig.Btc, Side.Sell, 30, TestConfig.BtcPrice, slot: 5))).Status);
        Assert.Empty(core.Status.View().Problems);
    }

    private static SequencerConfig Raised()
    {
        SequencerConfig config = TestConfig.Make("/nowhere");
        return config with { Groups = [config.Groups[0] with { MaxScanRangePpm = 450_000 }, config.Groups[1]] };
    }

    private static RiskInputs Inputs(SequencerConfig config, MarketWatch watch, long at) => new RiskInputsMaker(config, watch).Make(1, at, Prices(at), null, out _)!;

    private static Observation Prices(long at, OracleState bitcoin = OracleState.Fresh, long index = 61_700_000_000) => new(at, new Dictionary<string, MarketPrice>
    {
        ["BTCUSDT"] = new(index, index, State: bitcoin), ["ETHUSDT"] = new(2_680_000_000, 2_680_000_000),
    });

    private static IEnumerable<(long, long)> NoBook(int instrument, bool asks) => [];

    private static bool Passes(MarketWatch watch, SignedRequest request) => Refusal(watch, request, _ => [TestConfig.Btc]) is null;

    private static ApiError? Refusal(MarketWatch watch, SignedRequest request, Func<int, IEnumerable<int>> positionsOf) => watch.Refusal(request, MarketWatch.ActionOf(request), positionsOf);

    private static SignedRequest Order(int instrument, bool reduceOnly = false) => new(RowKind.Order, reduceOnly ? (byte)8 : (byte)0, false, instrument, 2, 3, 4, 5, 6, 7, 8);

    private static readonly SignedRequest Withdrawal = new(RowKind.Withdrawal, 0, true, 0, 2, 3, 4, 0, 0, 7, 8);
    private static readonly SignedRequest Cancel = new(RowKind.Cancel, 0, false, 0, 2, 3, 0, 0, 0, 7, 8);

    private sealed class SwitchedFeed : IPriceFeed
    {
        private volatile int state;

        internal OracleState State { set => state = (int)value; }

        public Observation? Observe(long now) => Prices(now, (OracleState)state);
    }
}
