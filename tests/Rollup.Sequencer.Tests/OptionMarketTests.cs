using System.Collections.Immutable;
using Rollup.Api;
using Rollup.Client.Sequencer;
using Rollup.Crypto.Settlement;
using Rollup.Engine;
using Rollup.Oracle;
using Rollup.Protocol;
using Rollup.Risk;
using Rollup.Sequencer.Configuration;
using Rollup.Sequencer.Core;
using Rollup.Sequencer.Oracle;
using Rollup.TestSupport;
using AccountView = Rollup.Api.AccountView;

namespace Rollup.Sequencer.Tests;

/// <summary>The host's options market: from the listing to the conversion, and what prices permit on the way. A clock that the test moves, and a feed that it speaks for.</summary>
public sealed class OptionMarketTests : IDisposable
{
    private const int Call = 4, Put = 5;
    private const long Cash = 1_000_000_000_000, Strike = 60_000_000, Window = SettlementAverage.Window;
    private readonly TemporaryDirectory folder = new();
    private readonly ManualClock clock = new();
    private readonly OptionFeed feed;
    private readonly long expiry;
    private readonly Trader maker = new(2), taker = new(3), third = new(4);
    private TestCommittee? committee;

    public OptionMarketTests()
    {
        expiry = clock.Now + Window + 120_000;
        feed = new OptionFeed(expiry);
    }

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task An_option_is_listed_quoted_traded_settled_over_the_average_converted_and_seen_by_its_owner()
    {
        await using HostHarness host = await HostHarness.StartAsync(change: Listed, feed: feed, clock: clock);
        await host.RegisterAsync(Cash, maker, taker);
        InstrumentView call = (await host.Client.InstrumentsAsync()).Single(t => t.Id == Call);
        Assert.Equal((InstrumentKindName.Call, Strike, expiry, "BTC-60000-C"), (call.Kind, call.Strike!.Value, call.Expiry!.Value, call.Symbol));

        long price = (await RiskAsync(host)).Rows.Single(r => r.Instrument == Call).Base / 1_000 * 1_000;
        Assert.InRange(price, 1_700_000, 1_900_000); // 61,700 against 60,000, an hour ahead.
        using StreamClient stream = await StreamClient.ConnectAsync(host.Endpoint);
        await stream.SubscribeAccountEventsAsync(taker.Account, taker.Keys, Trader.Signer, clock.Now);
        await stream.SubscribeMarketEventsAsync();
        await host.Client.PlaceAsync(maker.Order(Call, Side.Sell, 30, price, slot: 1));
        RequestResult bought = await host.Client.PlaceAsync(taker.Order(Call, Side.Buy, 20, price, slot: 2));
        Assert.Equal((RequestStatus.Filled, 20L, price), (bought.Status, bought.Filled, bought.Fills[0].Price));
        Assert.Equal(20, Assert.Single((await Owner(host, taker)).Positions).Size);
        long paid = (await Owner(host, taker)).Cash;

        // Nine samples in ten of the window are seen, at two prices.
        long settled = await PlayWindow(from: 61_000_000_000, then: 64_000_000_000, gap: 18, () => host.Core.ReadAsync(m => m.Sequence));
        Assert.Equal((int)RejectCode.InstrumentExpired, (await Assert.ThrowsAsync<RefusedException>(
            () => host.Client.PlaceAsync(taker.Order(Call, Side.Sell, 20, price, slot: 3)))).Error.Code);
        await MoveAsync(() => host.Core.ReadAsync(m => m.Sequence), 30_000, 5_000);

        AccountView after = await Owner(host, taker);
        Assert.Empty(after.Positions);
        Assert.Equal(paid + 20 * (settled / 1_000 - Strike), after.Cash);
        Assert.Empty((await Owner(host, maker)).Positions);
        RiskRowView row = (await RiskAsync(host)).Rows.Single(r => r.Instrument == Call);
        Assert.Equal(((int)InstrumentFlags.Settled, settled / 1_000 - Strike), (row.Flags, row.Base));
        Assert.Equal(0, (await RiskAsync(host)).Rows.Single(r => r.Instrument == Put).Base);
        AccountEventView converted = Assert.Single(await host.Client.AccountEventsAsync(taker.Account, taker.Keys, Trader.Signer, clock.Now));
        Assert.Equal((AccountEventKind.Converted, Call, 20L, after.Cash - paid), (converted.Kind, converted.Instrument!.Value, converted.Size!.Value, converted.Amount!.Value));
        Assert.Equal((int)HostCode.Unauthorized, (await Assert.ThrowsAsync<RefusedException>(() => host.Client.AccountEventsAsync(taker.Account, maker.Keys, Trader.Signer, clock.Now))).Error.Code);
        Assert.Equal([(Put, 0L), (Call, settled / 1_000 - Strike)], (await host.Client.MarketEventsAsync()).Select(e => (e.Instrument!.Value, e.Amount!.Value)));
        Assert.DoesNotContain("account", await host.Http.GetStringAsync(new Uri("/v1/events", UriKind.Relative)), StringComparison.OrdinalIgnoreCase);
        SealedBatch[] batches = [.. Batches(await host.Core.ReadAsync(m => m.Batches.LastSealed), host.Spool)];
        // An honest sequencer breaks no rule between batches, whatever settles in them.
        RiskInputs[] inputs = [.. batches.Select(b => RiskInputs.TryDecode(b.RiskInputs.AsSpan(), out RiskInputs used, out string problem) ? used : throw new InvalidOperationException(problem))];
        Assert.All(inputs.Zip(inputs.Skip(1)), pair => Assert.Empty(RiskSuccession.BrokenBy(pair.First, pair.Second)));
        Assert.All(batches.Zip(inputs), pair => Assert.InRange(pair.First.Header.Open - pair.Second.ObservedAt.Milliseconds, 0, new EpochConfig().MaxReportAge));
        Assert.Contains(inputs.Zip(inputs.Skip(1)), pair => pair.First.Instruments.Single(t => t.Id == Call).Flags != pair.Second.Instruments.Single(t => t.Id == Call).Flags);
        SealedForcedRow[] forced = [.. batches.SelectMany(b => b.Forced)];
        Assert.Equal([(ForcedKind.Conversion, Call, 20L), (ForcedKind.Conversion, Call, 20L)], forced.Select(f => (f.Kind, f.Instrument, f.Fill)));

        var told = new List<StreamEvent>();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        await foreach (StreamEvent e in stream.ReadAsync(patience.Token))
        {
            if (e.AccountEvents is not null || e.MarketEvents is not null) told.Add(e);
            if (e.AccountEvents is not null) break;
        }

        // The maker's conversion was not for the taker's eyes.
        Assert.Equal([converted], told[^1].AccountEvents!);
        Assert.Equal([Call, Put], told[..^1].SelectMany(e => e.MarketEvents!).Select(e => e.Instrument!.Value));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_restart_within_the_window_goes_on_with_its_average(bool isSigned)
    {
        if (isSigned) committee = new TestCommittee();
        long settled;
        using (CoreHarness core = Open())
        {
            await core.RegisterAsync(Cash, maker, taker);
            await TradeAsync(core);
            feed.Bitcoin = 61_000_000_000;
            await MoveAsync(() => core.ReadAsync(m => m.Sequence), expiry - Window / 2 - clock.Now, 9_500);
            // The open epoch has all of it.
            clock.Advance(core.Config.Epoch.Length);
            await core.UntilAsync(m => m.Engine.Status.Opened.Milliseconds == clock.Now);
        }

        using (CoreHarness core = Open())
        {
            feed.Bitcoin = 63_000_000_000;
            await MoveAsync(() => core.ReadAsync(m => m.Sequence), expiry - clock.Now, 9_500);
            clock.Advance(core.Config.Epoch.Length);
            await core.UntilAsync(m => IsSettled(m, Call));
            settled = await core.ReadAsync(m => m.Engine.RiskTable.Single(r => r.Id == Call).Base) + Strike;
        }

        // Half at each price, less what the first epochs of the halves take from the other.
        Assert.InRange(settled, 61_950_000, 62_050_000);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Without_enough_of_the_window_the_expiry_is_pending_until_prices_after_it_make_up_for_that(bool isSigned)
    {
        if (isSigned) committee = new TestCommittee();
        using CoreHarness core = Open();
        await core.RegisterAsync(Cash, maker, taker);
        await TradeAsync(core);
        await PlayWindow(from: 61_000_000_000, then: 64_000_000_000, gap: 60, () => core.ReadAsync(m => m.Sequence));
        await MoveAsync(() => core.ReadAsync(m => m.Sequence), 60_000, 5_000);
        Assert.False(await core.ReadAsync(m => IsSettled(m, Call)));
        Assert.Equal((20L, true), (await SizeAsync(core, taker, Call), await core.ReadAsync(m => m.Engine.Status.IsOpen)));
        RiskRow row = await core.ReadAsync(m => m.Engine.RiskTable.Single(r => r.Id == Call));
        Assert.True(row.Long[14] < row.Base && row.Base < row.Short[11]);
        Assert.Empty(core.Status.View().Problems);
        await MoveAsync(() => core.ReadAsync(m => m.Sequence), SettlementAverage.Window, 9_500);
        clock.Advance(core.Config.Epoch.Length);
        await core.UntilAsync(m => IsSettled(m, Call));
        Assert.Empty(core.Status.View().Problems);
        // Quiet as it is, it converts.
        await MoveAsync(() => core.ReadAsync(m => m.Sequence), 2 * core.Config.Epoch.Length, 5_000);
        Assert.Equal((0L, 0L), (await SizeAsync(core, taker, Call), await SizeAsync(core, maker, Call)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Stale_prices_stop_opening_and_not_reducing_and_the_epoch_lasts_as_long_as_it_may(bool isSigned)
    {
        if (isSigned) committee = new TestCommittee();
        using CoreHarness core = Open();
        await core.RegisterAsync(Cash, maker, taker, third);
        await TradeAsync(core);
        // The third would open, at a better price than the maker who closes.
        await core.AcceptedAsync(third.Order(Call, Side.Buy, 6, 1_701_000, slot: 1));
        await core.AcceptedAsync(maker.Order(Call, Side.Buy, 20, 1_700_000, slot: 4, reduceOnly: true));
        feed.State = OracleState.Stale;
        clock.Advance(200);
        Answer<RequestResult> refused = await core.SubmitAsync(taker.Order(Call, Side.Buy, 1, 1_900_000, slot: 5));
        Assert.Equal((int)HostCode.PricesUncertain, refused.Error!.Code);
        core.Events.Clear();
        clock.Advance(core.Config.Epoch.Length + 1_000);
        RequestResult reduced = await core.AcceptedAsync(taker.Order(Call, Side.Sell, 7, 1_700_000, slot: 6, life: OrderLife.Ioc, reduceOnly: true));
        Assert.Equal((7L, 1_700_000L), (reduced.Filled, Assert.Single(reduced.Fills).Price));
        Assert.Equal((13L, -13L, 0L), (await SizeAsync(core, taker, Call), await SizeAsync(core, maker, Call), await SizeAsync(core, third, Call)));
        Assert.Empty(await core.ReadAsync(m => m.Engine.View(AccountId.From(third.Account))!.Orders));

        clock.Advance(core.Config.Epoch.Max);
        await core.UntilAsync(m => m.Batches.LastSealed == 1 && !m.Engine.Status.IsOpen);
        feed.State = OracleState.Fresh;
        clock.Advance(1_100);
        await core.UntilAsync(m => m.Engine.Status.IsOpen);
        Assert.Equal(RequestStatus.Resting, (await core.AcceptedAsync(taker.Order(Call, Side.Buy, 1, 1_600_000, slot: 5))).Status);
    }

    [Fact]
    public async Task A_group_of_low_confidence_is_not_liquidated_and_a_fresh_one_is()
    {
        using CoreHarness core = Open(config => config with { Liquidation = new LiquidationSettings(EarlyEpochUsd: 1) });
        await core.RegisterAsync(Cash, maker);
        await core.RegisterAsync(10_000_000_000, taker);
        await core.RegisterAsync(Cash, third);
        await core.AcceptedAsync(maker.Order(TestConfig.Btc, Side.Sell, 1_000, TestConfig.BtcPrice, slot: 1));
        await core.AcceptedAsync(taker.Order(TestConfig.Btc, Side.Buy, 1_000, TestConfig.BtcPrice, slot: 2));
        await core.SealAsync();
        await core.AcceptedAsync(third.Order(TestConfig.Btc, Side.Buy, 900, 58_800_000, slot: 3));
        feed.Bitcoin = 59_200_000_000;
        feed.State = OracleState.LowConfidence;
        await MoveAsync(() => core.ReadAsync(m => m.Sequence), 60_000, 3_000);
        Assert.Equal((1_000L, RiskActions.Reduce, RiskActions.All), (await SizeAsync(core, taker, TestConfig.Btc), await PermittedAsync(core, 1), await PermittedAsync(core, 2)));
        Assert.Equal(59_200_000, await core.ReadAsync(m => m.Engine.RiskTable.Single(r => r.Id == TestConfig.Btc).Index));

        feed.State = OracleState.Fresh;
        await MoveAsync(() => core.ReadAsync(m => m.Sequence), 6_000, 1_000);
        Assert.InRange(await SizeAsync(core, taker, TestConfig.Btc), 1, 999);
        AccountEventView fee = Assert.Single(core.Events.Of<AccountEventView>());
        Assert.Equal((taker.Account, AccountEventKind.LiquidationFee), (fee.Account, fee.Kind));
        Assert.Equal(fee.Amount, await core.ReadAsync(m => m.Engine.View(AccountId.From(1))!.Cash.Atoms));
        Assert.Equal([null, true], core.Events.Of<TradeView>().Select(t => t.Liquidation));
        Assert.Equal([(taker.Account, (byte)0, Side.Sell), (third.Account, (byte)3, Side.Buy)], core.Events.Of<FillView>().Where(f => f.Liquidation == true).Select(f => (f.Account, f.Slot, f.Side)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_storm_of_volatility_alone_ends_the_epoch_early_where_options_lose_by_it(bool isSigned)
    {
        if (isSigned) committee = new TestCommittee();
        using CoreHarness core = Open(config => config with { Liquidation = new LiquidationSettings(EarlyEpochUsd: 1) });
        await core.RegisterAsync(Cash, maker);
        await core.RegisterAsync(14_000_000_000, taker);
        await core.AcceptedAsync(maker.Order(Call, Side.Buy, 1_400, 1_800_000, slot: 1));
        await core.AcceptedAsync(taker.Order(Call, Side.Sell, 1_400, 1_800_000, slot: 2));
        await core.SealAsync();
        await core.AcceptedAsync(maker.Order(Call, Side.Buy, 1, 1_000_000, slot: 3));
        Assert.NotNull((await core.SubmitAsync(maker.Withdrawal(0, 5, slot: 4))).Value); // The batch has something in it.
        uint batch = await core.ReadAsync(m => m.Engine.Status.Batch);
        clock.Advance(6_000);
        await core.ReadAsync(m => m.Sequence);
        Assert.Equal(batch, await core.ReadAsync(m => m.Engine.Status.Batch));

        feed.Variance = 40_000_000; // 20% in the hour.
        feed.State = OracleState.LowConfidence;
        clock.Advance(2_000);
        await core.ReadAsync(m => m.Sequence);
        Assert.Equal(batch, await core.ReadAsync(m => m.Engine.Status.Batch));
        feed.State = OracleState.Fresh;
        clock.Advance(2_000);
        await core.UntilAsync(m => m.Engine.Status.Batch == batch + 1);
        Assert.InRange(await core.ReadAsync(m => m.Batches[batch + 1]!.Open - m.Batches[batch]!.Open), 9_900, 10_100);
    }

    [Fact]
    public async Task Newer_prices_and_surfaces_within_an_epoch_reach_the_margin_check_once_they_moved_enough()
    {
        using CoreHarness core = Open();
        await core.RegisterAsync(Cash, maker);
        await core.RegisterAsync(8_000_000_000, taker);
        await core.AcceptedAsync(maker.Order(TestConfig.Btc, Side.Buy, 900, 61_600_000, slot: 1));
        feed.Bitcoin += 30_000_000; // 0.049%
        clock.Advance(1_100);
        await core.ReadAsync(m => m.Sequence);
        Assert.True(await core.ReadAsync(m => m.Engine.LiveInputs.IsEmpty));

        feed.Bitcoin += 2_000_000_000; // Under the epoch's prices 780 lots need 7.7 billion; under these each has lost 2.1 million more.
        clock.Advance(1_100);
        Assert.Equal((int)RejectCode.InsufficientMargin, (await core.SubmitAsync(taker.Order(TestConfig.Btc, Side.Sell, 780, 61_600_000, slot: 2, life: OrderLife.Ioc))).Error!.Code);
        Assert.Equal(500, (await core.AcceptedAsync(taker.Order(TestConfig.Btc, Side.Sell, 500, 61_600_000, slot: 3, life: OrderLife.Ioc))).Filled);
        byte[] shown = await LiveAsync(core);
        Assert.True(RiskInputs.TryDecode(shown, out RiskInputs live, out _));
        Assert.Equal((63_730_000L, 0L), (live.Instruments.Single(t => t.Id == Call).Index, live.Instruments.Single(t => t.Id == Call).Mark));
        // Nothing more while nothing moves; the surface alone is a move.
        clock.Advance(1_100);
        await core.ReadAsync(m => m.Sequence);
        Assert.Equal(shown, await LiveAsync(core));
        feed.Variance += 1_000;
        clock.Advance(1_100);
        await core.ReadAsync(m => m.Sequence);
        Assert.True(RiskInputs.TryDecode(await LiveAsync(core), out live, out _));
        Assert.Equal(401_000, live.Expiries.Single().Surface.A);
    }

    [Fact]
    public void The_table_of_newest_prices_has_the_range_for_opening_and_the_epochs_that_for_keeping()
    {
        SequencerConfig config = Listed(TestConfig.Make("/nowhere"));
        config = config with { Groups = [config.Groups[0] with { MaxScanRangePpm = 450_000 }, config.Groups[1]] };
        var watch = new MarketWatch(config);
        var inputs = new RiskInputsMaker(config, watch);
        for (int i = 0; i < 60; i++)
        {
            feed.Bitcoin = 61_700_000_000 + i % 2 * 200_000_000;
            clock.Advance(5_000);
            watch.Update(clock.Now, feed.Observe(clock.Now), (_, _) => []);
        }

        Observation prices = feed.Observe(clock.Now);
        RiskInputs epoch = inputs.Make(7, clock.Now, prices, null, out string problem)!;
        Assert.Empty(problem);
        RiskInputs live = inputs.Live(epoch, clock.Now + 1, prices);
        Assert.InRange(epoch.ScanRangeOf(1)!.Value, 150_001, 152_000);
        Assert.Equal((watch.RangesOf(1).InitialRange, 180_000), (live.ScanRangeOf(1)!.Value, live.ScanRangeOf(2)!.Value));
        Assert.InRange(live.ScanRangeOf(1)!.Value, 400_000, 450_000);
        Assert.True(RiskInputsMaker.HasMoved(epoch, live, 500));
        Assert.False(RiskInputsMaker.HasMoved(live, live with { ObservedAt = epoch.ObservedAt }, 0));
    }

    [Fact]
    public void Without_a_surface_no_epoch_opens_and_with_an_old_one_its_group_is_of_low_confidence()
    {
        SequencerConfig config = Listed(TestConfig.Make("/nowhere"));
        var watch = new MarketWatch(config);
        var inputs = new RiskInputsMaker(config, watch);
        Update(hasSurface: false);
        Assert.Null(inputs.Make(1, clock.Now, feed.Observe(clock.Now), null, out string problem));
        Assert.Equal($"the feed has no surface of expiry {expiry} of group 1, of BTC-60000-C", problem);
        Update(hasSurface: true);
        Assert.NotNull(inputs.Make(1, clock.Now, feed.Observe(clock.Now), null, out _));
        Assert.Equal((RiskActions.All, (string?)null), (watch.Permitted[1], watch.Problem));
        clock.Advance(config.Epoch.MaxReportAge);
        Update(hasSurface: false);
        Assert.Equal(RiskActions.All, watch.Permitted[1]);
        clock.Advance(1);
        Update(hasSurface: false);
        Assert.Equal((RiskActions.Reduce, RiskActions.All, true), (watch.Permitted[1], watch.Permitted[2], watch.OpensEpoch));
        Assert.Equal($"group 1 has no new surface of expiry {expiry}", watch.Problem);
        Assert.Equal(Surface(), Assert.Single(inputs.Make(1, clock.Now, feed.Observe(clock.Now), null, out _)!.Expiries).Surface);

        void Update(bool hasSurface)
        {
            feed.HasSurface = hasSurface;
            watch.Update(clock.Now, feed.Observe(clock.Now), (_, _) => []);
        }

        SviSlice Surface() => new(400_000, 1_000_000, -200_000_000, 0, 100_000_000);
    }

    [Theory]
    [InlineData("instruments: BTC-60000-C: strike must be USD a unit, above 0, with at most 6 decimals, not ''", null, "2027-01-29T08:00:00Z")]
    [InlineData("instruments: BTC-60000-C: strike must be USD a unit, above 0, with at most 6 decimals, not '60000.0000001'", "60000.0000001", "2027-01-29T08:00:00Z")]
    [InlineData("instruments: BTC-60000-C: strike 60000.0001 is no whole number of atoms (10^-6 USD) for each of 1000 lots a unit", "60000.0001", "2027-01-29T08:00:00Z")]
    [InlineData("instruments: BTC-60000-C: expiry is missing, e.g. 2027-01-29T08:00:00Z", "60000", null)]
    [InlineData("instruments: BTC-60000-C: expiry 2027-01-29T08:00:00.0001000+00:00 must be after 1970, in whole milliseconds", "60000", "2027-01-29T08:00:00.0001Z")]
    [InlineData("oracle.surfaces: group 1 has none of expiry 1801209600000, of BTC-60000-C", "60000", "2027-01-29T08:00:00Z")]
    [InlineData("instrument 4: strike 8589934592; an option's is 1..2^33-1, others have 0", "8589934.592", "2027-01-29T08:00:00Z")]
    public void A_listing_that_cannot_be_is_refused_by_name(string problem, string? strike, string? at)
    {
        SequencerConfig config = Listed(TestConfig.Make("/nowhere"));
        Assert.Null(config.Validate());
        InstrumentConfig bad = config.Instruments[3] with { Strike = strike, Expiry = at is null ? null : DateTimeOffset.Parse(at, System.Globalization.CultureInfo.InvariantCulture) };
        Assert.Equal(problem, (config with { Instruments = config.Instruments.SetItem(3, bad) }).Validate());
    }

    [Fact]
    public void Only_options_have_strikes_and_those_of_a_group_one_underlying()
    {
        SequencerConfig config = Listed(TestConfig.Make("/nowhere"));
        Assert.Equal("instruments: BTC-PERP: strike and expiry belong to calls and puts", (config with { Instruments = config.Instruments.SetItem(0, config.Instruments[0] with { Strike = "5" }) }).Validate());
        Assert.Equal("instruments: the options of group 1 have several markets, BTCUSDT, ETHUSDT; a group has one underlying",
            (config with { Instruments = config.Instruments.SetItem(4, config.Instruments[4] with { Market = "ETHUSDT" }) }).Validate());
    }

    [Fact]
    public void The_example_is_a_whole_configuration()
    {
        SequencerConfig config = SequencerConfig.Load(Path.Combine(Repository.Root, "docs", "examples", "sequencer.options.json"));
        InstrumentSpec put = config.ToEngine().Instruments.Single(t => t.Id == 35);
        Assert.Equal((InstrumentKind.Put, 640_000_000L, 1_801_209_600_000L), (put.Kind, put.Strike, put.ExpiresAt.Milliseconds));
    }

    private SequencerConfig Listed(SequencerConfig config) => config with
    {
        Instruments =
        [
            .. config.Instruments,
            new InstrumentConfig(Call, "BTC-60000-C", InstrumentKindName.Call, 1, "BTC", 1000, 1_000, "BTCUSDT", Strike: "60000", Expiry: DateTimeOffset.FromUnixTimeMilliseconds(expiry)),
            new InstrumentConfig(Put, "BTC-60000-P", InstrumentKindName.Put, 1, "BTC", 1000, 1_000, "BTCUSDT", Strike: "60000", Expiry: DateTimeOffset.FromUnixTimeMilliseconds(expiry)),
        ],
        Oracle = config.Oracle with { Surfaces = [new SurfaceConfig(1, expiry, 0, 400_000, 1_000_000, -200_000_000, 0, 100_000_000)] },
    };

    private CoreHarness Open(Func<SequencerConfig, SequencerConfig>? change = null)
    {
        SequencerConfig config = Listed(TestConfig.Make(folder.Path));
        return new CoreHarness(change is null ? config : change(config), clock, feed, committee);
    }

    private Task<AccountView> Owner(HostHarness host, Trader trader) => host.Client.AccountAsync(trader.Account, trader.Keys, Trader.Signer, clock.Now);

    private static async Task<RiskView> RiskAsync(HostHarness host) =>
        System.Text.Json.JsonSerializer.Deserialize(await host.Http.GetByteArrayAsync(new Uri("/v1/risk", UriKind.Relative)), ApiJson.Default.RiskView)!;

    private static bool IsSettled(Machine machine, int instrument) => machine.Engine.RiskTable.Single(r => r.Id == instrument).Flags == InstrumentFlags.Settled;

    private static Task<byte[]> LiveAsync(CoreHarness core) => core.ReadAsync(m => m.Engine.LiveInputs.ToArray());

    private static Task<long> SizeAsync(CoreHarness core, Trader trader, int instrument) =>
        core.ReadAsync(m => m.Engine.View(AccountId.From(trader.Account))!.Positions.FirstOrDefault(p => p.Instrument == instrument).Size);

    private static Task<RiskActions> PermittedAsync(CoreHarness core, int group) => core.ReadAsync(m => m.Engine.Permitted[group]);

    private static IEnumerable<SealedBatch> Batches(uint last, string spool) =>
        Enumerable.Range(1, (int)last).Select(b => SealedBatchFile.Read(File.ReadAllBytes(Path.Combine(spool, SealedBatchFile.NameOf((uint)b)))));

    /// <summary>The maker sells the taker 20 calls.</summary>
    private async Task TradeAsync(CoreHarness core)
    {
        Assert.Empty(core.Status.View().Problems);
        await core.AcceptedAsync(maker.Order(Call, Side.Sell, 20, 1_800_000, slot: 1));
        Assert.Equal(20, (await core.AcceptedAsync(taker.Order(Call, Side.Buy, 20, 1_800_000, slot: 2))).Filled);
    }

    /// <summary>Lets time pass in steps, each of which the core sees.</summary>
    private async Task MoveAsync(Func<Task> see, long milliseconds, long step)
    {
        for (long left = milliseconds; left > 0; left -= step)
        {
            clock.Advance(Math.Min(step, left));
            await see();
        }
    }

    /// <summary>Plays the settlement window: a price for its first half, another for its second; of each, the last percents are not fresh.</summary>
    /// <returns>The mean of what is, 10^-6 USD a unit, each price held until the next or for ten seconds.</returns>
    private async Task<long> PlayWindow(long from, long then, int gap, Func<Task> see)
    {
        const long Step = Window / 200;
        var samples = new List<(long At, long Price)>();
        while (clock.Now < expiry - Window) await MoveOne(Math.Min(Step, expiry - Window - clock.Now), isFresh: true);
        foreach (long price in (long[])[from, then])
        {
            feed.Bitcoin = price;
            for (int i = 0; i < 100; i++) await MoveOne(Step, i < 100 - gap);
        }

        await MoveOne(200, isFresh: true);
        Int128 sum = 0;
        long covered = 0;
        for (int i = 0; i < samples.Count; i++)
        {
            long next = i + 1 < samples.Count ? samples[i + 1].At : expiry, end = Math.Min(Math.Min(next, expiry), samples[i].At + 10_000), held = end - Math.Max(samples[i].At, expiry - Window);
            if (held > 0) (sum, covered) = (sum + (Int128)held * samples[i].Price, covered + held);
        }

        return (long)(sum / covered);

        async Task MoveOne(long by, bool isFresh)
        {
            feed.State = isFresh ? OracleState.Fresh : OracleState.LowConfidence;
            clock.Advance(by);
            await see();
            if (isFresh) samples.Add((clock.Now, feed.Bitcoin));
        }
    }

    private sealed class OptionFeed(long expiry) : IPriceFeed
    {
        private long bitcoin = 61_700_000_000, variance = 400_000;
        private volatile int state;

        internal long Bitcoin
        {
            get => Interlocked.Read(ref bitcoin);
            set => Interlocked.Exchange(ref bitcoin, value);
        }

        /// <summary>Least total variance, 10^-9.</summary>
        internal long Variance
        {
            get => Interlocked.Read(ref variance);
            set => Interlocked.Exchange(ref variance, value);
        }

        /// <summary>Of bitcoin.</summary>
        internal OracleState State { set => state = (int)value; }

        internal bool HasSurface { get; set; } = true;

        Observation? IPriceFeed.Observe(long now) => Observe(now);

        internal Observation Observe(long now) => new(now, new Dictionary<string, MarketPrice>
        {
            ["BTCUSDT"] = new(Bitcoin, Bitcoin, State: (OracleState)state), ["ETHUSDT"] = new(2_680_000_000, 2_680_000_000),
        })
        {
            Expiries = HasSurface
                ? ImmutableDictionary<int, ImmutableArray<ExpiryReport>>.Empty.Add(1, [new ExpiryReport(expiry, 0, new SviSlice(Variance, 1_000_000, -200_000_000, 0, 100_000_000))])
                : ImmutableDictionary<int, ImmutableArray<ExpiryReport>>.Empty,
        };
    }
}
