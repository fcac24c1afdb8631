using System.Collections.Immutable;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Protocol;
using Rollup.Risk;
using Rollup.Risk.Liquidation;
using static Rollup.Engine.Tests.World;

namespace Rollup.Engine.Tests;

/// <summary>Liquidation through the book, auctions, the insurance fund, deleveraging: each path with its numbers.</summary>
public class LiquidationTests
{
    private const long Million = 1_000_000_000_000, Rich = 100 * Million;
    private const int Victim = 2, Seller = 3, Bidder = 4;

    private static readonly CircuitProfile Wide = new("test", 16, 64, 8, 2, 12, 6);
    private static readonly LiquidationConfig Rules = new(FeeRate.FromPpm(3_000), Rich, Rich, 2, 10_000);

    internal static World Create(CircuitProfile? profile = null, LiquidationConfig? rules = null) =>
        new(profile ?? Wide, c => c with { Liquidation = rules ?? Rules });

    /// <summary>The victim holds 100,000 lots of BTC at 1,000,000, bought with 16.3 thousand USD; a seller and a bidder are rich.</summary>
    private static World Leveraged(CircuitProfile? profile = null, LiquidationConfig? rules = null)
    {
        World w = Create(profile, rules).Opened().Funded(16_300_100_000, Rich, Rich);
        Accept(w.Sell(Seller, BtcPerp, 100_000, 1_000_000));
        Accept(w.Buy(Victim, BtcPerp, 100_000, 1_000_000));
        Assert.Equal(16_300_100_000 - 45_000_000 - 100_000L * (1_000_000 - w.Fundings[BtcPerp]), w.CashOf(Victim));
        return w;
    }

    private static PortfolioMargin MarginOf(World w, int account) => PortfolioMargin.Of(w.CashOf(account),
        w.View(account).Positions.Select(p => (w.Engine.RiskTable.Single(r => r.Id == p.Instrument), p.Size)));

    private static SealedBatch Crash(World w, params (int Instrument, long Mark)[] marks)
    {
        foreach ((int instrument, long mark) in marks) w.Marks[instrument] = mark;
        return w.NextEpoch();
    }

    private static SealedBatch SealAndCheck(World w)
    {
        SealedBatch batch = Accept(w.Seal()).Batch!;
        SealedBatchChecker.Check(w.Config, batch);
        return batch;
    }

    [Fact]
    public void Without_permission_nobody_is_liquidated()
    {
        World w = Leveraged();
        Accept(w.Buy(Bidder, BtcPerp, 60_000, 955_000));
        Accept(w.Permit(RiskActions.All & ~RiskActions.Liquidate));
        Crash(w, (BtcPerp, 960_000));
        w.Tick(5);
        Assert.Equal(100_000, w.SizeOf(Victim, BtcPerp));
        Accept(w.Permit(GroupActions.Everywhere(RiskActions.All).With(1, RiskActions.Reduce)));
        w.Tick(5);
        Assert.Equal(100_000, w.SizeOf(Victim, BtcPerp));
        Accept(w.Permit(RiskActions.All));
        w.Tick(5);
        Assert.True(w.SizeOf(Victim, BtcPerp) < 100_000);
        SealAndCheck(w);
    }

    /// <summary>What a group without good prices may be worth shields its holder, and no more: one lot does not, many do.</summary>
    [Theory]
    [InlineData(1, true)]
    [InlineData(-1, true)]
    [InlineData(900_000, false)]
    public void A_lot_in_a_market_that_is_hard_to_price_is_no_shield(long lots, bool isLiquidated)
    {
        World w = Leveraged();
        // Margin for what is bought or sold.
        Accept(w.Deposit(Victim, 0, Math.Abs(lots) * 6_500 + 1_000_000));
        Accept(lots > 0 ? w.Sell(Bidder, SolPerp, lots, 20_000) : w.Buy(Bidder, SolPerp, -lots, 20_000));
        Accept(lots > 0 ? w.Buy(Victim, SolPerp, lots, 20_000) : w.Sell(Victim, SolPerp, -lots, 20_000)).Single(EventKind.Filled);
        Accept(w.Buy(Bidder, BtcPerp, 90_000, 938_000));
        Accept(w.Permit(GroupActions.Everywhere(RiskActions.All).With(3, RiskActions.Reduce)));
        Crash(w, (BtcPerp, 940_000));
        Assert.Equal(Victim, Assert.Single(w.Engine.Distressed(Timestamp.FromMilliseconds(w.Now))).Account.Value);
        w.Tick(5);
        Assert.Equal((isLiquidated, lots), (w.SizeOf(Victim, BtcPerp) < 100_000, w.SizeOf(Victim, SolPerp)));
        if (!isLiquidated)
        {
            Accept(w.Permit(RiskActions.All));
            w.Tick(5);
            Assert.True(w.SizeOf(Victim, BtcPerp) < 100_000);
        }

        SealAndCheck(w);
    }

    [Fact]
    public void The_book_takes_the_smallest_part_that_restores_the_account()
    {
        World w = Leveraged();
        Accept(w.Buy(Victim, EthPerp, 1, 400_000));
        Accept(w.Buy(Bidder, BtcPerp, 60_000, 955_000));
        Accept(w.Buy(Bidder, BtcPerp, 60_000, 950_000));
        Crash(w, (BtcPerp, 960_000));
        // 12.2551 billion of equity against 15.36 of requirement, of which 80% count: 32.9 million short. The target lies 480 million above maintenance; a lot
        // closed at the mark less the fee brings 0.8 x 153,600 - 2,880 atoms.
        long expected = Rounding.CeilDiv(5L * (12_288_000_000 - 12_255_100_000) + 5L * 480_000_000, 4 * 153_600 - 5 * 2_880);
        Assert.Equal(100_000 - expected, w.SizeOf(Victim, BtcPerp));
        // The order went first.
        Assert.Empty(w.View(Victim).Orders);
        Assert.True(MarginOf(w, Victim).ScaledMaintenance >= 0);
        long quote = expected * 955_000, fee = Rounding.CeilDiv(quote * 3_000, 1_000_000);
        Assert.Equal(fee, w.CashOf(1));
        Assert.Equal(12_255_100_000 - expected * 5_000 - fee, (long)MarginOf(w, Victim).Value);

        SealedBatch batch = SealAndCheck(w);
        SealedForcedRow row = batch.Forced.Single();
        Assert.Equal((ForcedKind.Liquidation, BtcPerp, 100_000L, expected, (Int128)quote, fee), (row.Kind, row.Instrument, row.OldSize, row.Fill, row.Quote, row.Fee));
        Assert.Equal(Bidder, batch.Rows.Single().Request.Account);
        Assert.Equal(1, batch.Blocks[batch.FundBlock!.Value].Account);
    }

    [Fact]
    public void Without_a_configuration_or_above_maintenance_nothing_is_liquidated()
    {
        foreach (LiquidationConfig? rules in (LiquidationConfig?[])[null, Rules])
        {
            World w = new World(Wide, c => c with { Liquidation = rules }).Opened().Funded(16_300_000_000, Rich, Rich);
            Accept(w.Sell(Seller, BtcPerp, 100_000, 1_000_000));
            Accept(w.Buy(Victim, BtcPerp, 100_000, 1_000_000));
            Accept(w.Buy(Bidder, BtcPerp, 60_000, 955_000));
            // At 960,500 it is above maintenance by 14 million, at 960,000 below.
            Crash(w, (BtcPerp, rules is null ? 960_000 : 960_500));
            Assert.True(rules is null == MarginOf(w, Victim).ScaledMaintenance < 0);
            Assert.False(MarginOf(w, Victim).IsHealthy);
            Assert.Equal(100_000, w.SizeOf(Victim, BtcPerp));
            Assert.Empty(w.Engine.Distressed(Timestamp.FromMilliseconds(w.Now)));
        }
    }

    [Fact]
    public void An_account_with_too_little_equity_opens_no_derivatives()
    {
        World w = Create(rules: Rules with { MinimumEquity = 10_000_000 }).Opened().Funded(9_999_999, 10_000_000, Rich);
        Assert.Equal(RejectCode.InsufficientMargin, w.Buy(2, SolPerp, 5, 20_000).Code);
        Accept(w.Buy(3, SolPerp, 5, 20_000));
        Accept(w.Sell(Bidder, SolPerp, 5, 20_000));
        // The fee has brought it below; what closes goes.
        Assert.Equal(RejectCode.InsufficientMargin, w.Buy(3, SolPerp, 1, 20_000).Code);
        Accept(w.Buy(Bidder, SolPerp, 5, 19_990));
        Accept(w.Sell(3, SolPerp, 5, 19_990));
        Assert.Equal(0, w.SizeOf(3, SolPerp));
    }

    [Fact]
    public void The_book_is_tried_again_at_every_tick_within_the_price_bound_and_the_cap()
    {
        World w = Leveraged(rules: Rules with { AccountNotional = 1_900_000_000 });
        // 1.5% below the mark of 960,000 is 945,600.
        Accept(w.Buy(Bidder, BtcPerp, 60_000, 945_595));
        Crash(w, (BtcPerp, 960_000));
        Assert.Equal(100_000, w.SizeOf(Victim, BtcPerp));
        Accept(w.Buy(Bidder, BtcPerp, 100, 945_600));
        Accept(w.Tick(1)).Single(EventKind.Filled);
        Assert.Equal(99_900, w.SizeOf(Victim, BtcPerp));
        // Nobody may act for the account in the batch that liquidates it; its next part lies within what the cap of 1.9 billion leaves.
        Assert.Equal(RejectCode.Liquidating, w.Sell(Victim, BtcPerp, 10, 945_600, Ioc).Code);
        Assert.Equal(RejectCode.Liquidating, w.Deposit(Victim, 0, 5_000_000_000).Code);
        Accept(w.Buy(Bidder, BtcPerp, 60_000, 945_600));
        Accept(w.Tick(1));
        long left = 1_900_000_000 - 100 * 945_600, lots = Rounding.CeilDiv((long)((Int128)99_900 * ((Int128)left * LiquidationFraction.Whole / (99_900L * 960_000))), LiquidationFraction.Whole);
        Assert.Equal(99_900 - lots, w.SizeOf(Victim, BtcPerp));
        Assert.InRange(100 + lots, 1_900_000_000 / 960_000, 1_900_000_000 / 945_600);
        SealedForcedRow row = SealAndCheck(w).Forced.Single();
        Assert.Equal((100 + lots, (Int128)(100 + lots) * 945_600), (row.Fill, row.Quote));
    }

    [Fact]
    public void A_hedge_is_closed_on_both_sides_or_not_at_all()
    {
        World w = Hedged();
        Accept(w.Buy(Bidder, BtcPerp, 100_000, 954_000));
        Crash(w, (BtcPerp, 955_000));
        Assert.Single(w.Engine.Distressed(Timestamp.FromMilliseconds(w.Now)));
        Assert.Equal((100_000, -32_000), (w.SizeOf(Victim, BtcPerp), w.SizeOf(Victim, FarPerp)));
        Accept(w.Sell(Bidder, FarPerp, 32_000, 3_001_000));
        Accept(w.Tick(1));
        long btc = 100_000 - w.SizeOf(Victim, BtcPerp), far = 32_000 + w.SizeOf(Victim, FarPerp);
        Assert.InRange(btc, 10_000, 90_000);
        Assert.InRange(btc * 32 - far * 100, -100 * 4, 100 * 4);
        Assert.True(MarginOf(w, Victim).ScaledMaintenance >= 0);
        Assert.Equal(2, SealAndCheck(w).Forced.Length);
    }

    [Fact]
    public void What_one_side_of_a_hedge_can_fill_limits_the_other()
    {
        World w = Hedged();
        Accept(w.Buy(Bidder, BtcPerp, 100_000, 940_000));
        Accept(w.Sell(Bidder, FarPerp, 1_600, 3_010_000));
        Crash(w, (BtcPerp, 950_000));
        Assert.Equal((95_000, -30_400), (w.SizeOf(Victim, BtcPerp), w.SizeOf(Victim, FarPerp)));
        SealAndCheck(w);
    }

    /// <summary>A hedge needs little margin; closed leg by leg at the price bounds it would cost many times that, and the fund would pay it to whoever alone quotes.</summary>
    [Theory]
    [InlineData(950_000)]
    [InlineData(930_000)] // insolvent
    public void An_accomplice_who_alone_quotes_gets_no_more_than_the_maintenance_that_is_released(long mark)
    {
        World w = Hedged();
        Accept(w.Deposit(AccountId.Fund.Value, 0, 20_000_000_000));
        Accept(w.Buy(Bidder, BtcPerp, 100_000, mark * 985 / 1000));
        Accept(w.Sell(Bidder, FarPerp, 32_000, 3_045_000));
        Crash(w, (BtcPerp, mark));
        DistressView victim = w.Engine.Distressed(Timestamp.FromMilliseconds(w.Now)).Single();
        Assert.Equal((100_000, -32_000), (w.SizeOf(Victim, BtcPerp), w.SizeOf(Victim, FarPerp)));
        Assert.Equal(20_000_000_000, w.CashOf(AccountId.Fund.Value));
        // At prices that the hedge can bear it is closed.
        Accept(w.Buy(Seller, BtcPerp, 100_000, mark - 1_000));
        Accept(w.Sell(Seller, FarPerp, 32_000, 3_000_100));
        Idle(w);
        Assert.InRange(w.SizeOf(Victim, BtcPerp), 0, 99_000);
        DistressView? rest = w.Engine.Distressed(Timestamp.FromMilliseconds(w.Now)).SingleOrDefault();
        if (rest is not null) Assert.True(rest.Maintenance >= victim.Maintenance);
    }

    [Fact]
    public void Spot_is_sold_when_no_derivatives_are_left_and_no_more_than_is_needed()
    {
        // 40,000 lots of ETH, about 20 billion, stand behind a debt that the perpetual leaves.
        World w = Create().Opened().Funded(1_000_000_000, Rich, Rich);
        Accept(w.Deposit(Victim, EthSpot, 40_000));
        Accept(w.Sell(Seller, BtcPerp, 60_000, 1_000_000));
        Accept(w.Buy(Victim, BtcPerp, 60_000, 1_000_000));
        Accept(w.Buy(Bidder, BtcPerp, 100_000, 700_000));
        Accept(w.Buy(Bidder, EthSpot, 40_000, 500_000));
        Crash(w, (BtcPerp, 700_000));
        long debt = 60_000L * 300_000 - 1_000_000_000 + 27_000_000;
        Assert.Equal(0, w.SizeOf(Victim, BtcPerp));
        Assert.InRange(40_000 - w.SizeOf(Victim, EthSpot), 5_000, 20_000);
        Assert.InRange(w.CashOf(Victim), -debt, 0);
        Assert.True(MarginOf(w, Victim).ScaledMaintenance >= 0);
        Assert.Equal([BtcPerp, EthSpot], SealAndCheck(w).Forced.Select(f => f.Instrument));
    }

    [Fact]
    public void The_fund_pays_to_the_atom_what_a_closed_account_lacks()
    {
        World w = Leveraged();
        Accept(w.Deposit(1, 0, 5_000_000_000)).Single(EventKind.Deposited);
        Accept(w.Buy(Bidder, BtcPerp, 100_000, 800_000));
        Crash(w, (BtcPerp, 800_000));
        // 16.3 billion less the fee of the purchase, less 20 billion; no fee is taken from nothing.
        const long deficit = 20_000_000_000 - 16_300_100_000 + 45_000_000;
        Assert.Equal((0, 0, 5_000_000_000 - deficit), (w.CashOf(Victim), w.SizeOf(Victim, BtcPerp), w.CashOf(1)));
        SealedBatch batch = SealAndCheck(w);
        Assert.Equal(deficit, batch.Blocks.Single(b => b.Account == Victim).Payment);
        Assert.Equal(0, w.Engine.Shortfall.Atoms);
    }

    [Fact]
    public void What_the_fund_has_not_the_other_side_bears_exactly()
    {
        World w = Leveraged();
        Accept(w.Deposit(1, 0, 3_000_000_000));
        Accept(w.Buy(Bidder, BtcPerp, 100_000, 800_000));
        RankedHolder holder = default;
        foreach ((int instrument, long mark) in new[] { (BtcPerp, 800_000L) }) w.Marks[instrument] = mark;
        Accept(w.Seal());
        w.Now += 1_000;
        Result opening = Accept(w.Open());
        const long deficit = 3_744_900_000;
        EngineEvent e = opening.Single(EventKind.Deleveraged);
        Assert.Equal((Victim, Seller, BtcPerp, true, 100_000L, deficit), (e.Account.Value, e.Maker.Value, e.Instrument.Value, e.IsSell, e.Lots.Value, e.Amount));
        Assert.Equal((0, 0, 0), (w.CashOf(Victim), w.SizeOf(Victim, BtcPerp), w.SizeOf(Seller, BtcPerp)));
        // The seller keeps what the buyer could not pay out of its gain of 20 billion.
        Assert.Equal(Rich + 20_000_000_000 - deficit - 10_000_000, w.CashOf(Seller));
        Assert.Equal(3_000_000_000, w.CashOf(1));
        Assert.Equal(RejectCode.Liquidating, w.Deposit(1, 0, 1_000_000_000).Code);

        RiskRow row = w.Engine.RiskTable.Single(r => r.Id == BtcPerp);
        holder = Deleveraging.Rank(Seller, [new Leg(row, -100_000)], BtcPerp);
        SealedBatch batch = SealAndCheck(w);
        Assert.Equal(DeleverageRanking.Root([new RankingEntry(Seller, BtcPerp, -100_000, holder.Score)]), batch.RankingRoot);
        Assert.Equal((Int128)100_000 * 800_000 + deficit, batch.Forced.Single().Quote);
        w.Now += 1_000;
        w.Opened();
        Accept(w.Deposit(1, 0, 1_000_000_000));
    }

    [Fact]
    public void Deleveraging_goes_by_rank_takes_its_time_and_withdrawals_wait_for_it()
    {
        World w = Create(Wide with { Forced = 1 }).Opened().Funded(16_300_000_000, Rich, Rich, Rich);
        Accept(w.Sell(Seller, BtcPerp, 40_000, 1_000_000));
        Accept(w.Sell(5, BtcPerp, 60_000, 1_000_000));
        Accept(w.Buy(Victim, BtcPerp, 100_000, 1_000_000));
        Accept(w.Deposit(1, 0, 1_000_000_000));
        Crash(w, (BtcPerp, 800_000));
        // Both release the same a lot: the larger goes first, with its part of the deficit. The batch has one row.
        Assert.Equal((40_000, -40_000, 0), (w.SizeOf(Victim, BtcPerp), w.SizeOf(Seller, BtcPerp), w.SizeOf(5, BtcPerp)));
        Assert.Equal(1_498_000_000, w.Engine.Shortfall.Atoms);
        Assert.Equal(RejectCode.WithdrawalsWait, w.Withdraw(Bidder, 0, 1).Code);
        SealedBatch batch = w.NextEpoch();
        Assert.Equal((Int128)60_000 * 800_000 + 2_247_000_000, batch.Forced.Single().Quote);
        RankingEntry Entry(int account, int size) => new(account, BtcPerp, -size, Deleveraging.Rank(account, [new Leg(batch.RiskRows.Single(r => r.Id == BtcPerp), -size)], BtcPerp).Score);
        Assert.Equal(DeleverageRanking.Root([Entry(5, 60_000)]), batch.RankingRoot);
        Assert.Equal((0, 0, 0), (w.SizeOf(Victim, BtcPerp), w.SizeOf(Seller, BtcPerp), w.CashOf(Victim)));
        Assert.Equal(0, w.Engine.Shortfall.Atoms);
        Accept(w.Withdraw(Bidder, 0, 1));
        Assert.Equal(DeleverageRanking.Root([Entry(Seller, 40_000)]), SealAndCheck(w).RankingRoot);
    }

    [Fact]
    public void Those_who_rank_alike_are_deleveraged_pro_rata_in_one_batch()
    {
        World w = Create().Opened().Funded(8_150_000_000, Rich, Rich, Rich);
        Accept(w.Sell(Seller, BtcPerp, 40_000, 1_000_000));
        Accept(w.Sell(5, BtcPerp, 60_000, 1_000_000));
        Accept(w.Buy(Victim, BtcPerp, 50_001, 1_000_000));
        Accept(w.Buy(Bidder, BtcPerp, 49_999, 1_000_000));
        w.Marks[BtcPerp] = 800_000;
        Accept(w.Seal());
        w.Now += 1_000;
        EngineEvent[] closed = [.. Accept(w.Open()).Of(EventKind.Deleveraged)];
        // 10,000.2 million lost and 22.50045 of fees, of 8,150.
        const long deficit = 10_000_200_000 + 22_500_450 - 8_150_000_000;
        Assert.Equal([(5, 30_001L, deficit * 30_001 / 50_001), (Seller, 20_000L, deficit * 20_000 / 50_001)], closed.Select(e => (e.Maker.Value, e.Lots.Value, e.Amount)));
        Assert.Equal((0, -20_000, -29_999), (w.SizeOf(Victim, BtcPerp), w.SizeOf(Seller, BtcPerp), w.SizeOf(5, BtcPerp)));
        // Nobody gives more than the deficit's share of a lot: an atom is left, and the fund has none yet.
        Assert.Equal((-1, 1), (w.CashOf(Victim), w.Engine.Shortfall.Atoms));
        RiskRow row = w.Engine.RiskTable.Single(r => r.Id == BtcPerp);
        RankingEntry Entry(int account, int size) => new(account, BtcPerp, -size, Deleveraging.Rank(account, [new Leg(row, -size)], BtcPerp).Score);
        Assert.Equal(DeleverageRanking.Root([Entry(5, 60_000), Entry(Seller, 40_000)]), SealAndCheck(w).RankingRoot);
        w.Now += 1_000;
        w.Opened();
        Accept(w.Deposit(1, 0, 1_000));
        Crash(w, (BtcPerp, 800_000));
        Assert.Equal((0, 999), (w.CashOf(Victim), w.CashOf(1)));
        SealAndCheck(w);
    }

    /// <summary>What the other side gives makes nothing good that the book takes: who is deleveraged is not liquidated in the same batch.</summary>
    [Fact]
    public void Who_is_deleveraged_in_part_is_liquidated_in_the_next_batch_alone()
    {
        const int hedged = 5;
        World w = Create().Opened().Funded(16_300_000_000, Rich, Rich, 20_000_000_000);
        Accept(w.Sell(hedged, BtcPerp, 40_000, 1_000_000));
        Accept(w.Sell(Seller, BtcPerp, 60_000, 1_000_000));
        Accept(w.Buy(Victim, BtcPerp, 100_000, 1_000_000));
        Accept(w.Sell(Bidder, FarPerp, 13_000, 3_000_000));
        Accept(w.Buy(hedged, FarPerp, 13_000, 3_000_000));
        Accept(w.Withdraw(hedged, 0, 17_000_000_000));
        Accept(w.Deposit(1, 0, 1_600_000_000));
        // The hedged one cannot give its short away, so a part stays, which the fund could now pay for.
        Crash(w, (BtcPerp, 800_000), (FarPerp, 2_400_000));
        Assert.Equal((40_000, 0, -40_000), (w.SizeOf(Victim, BtcPerp), w.SizeOf(Seller, BtcPerp), w.SizeOf(hedged, BtcPerp)));
        Assert.InRange(w.Engine.Shortfall.Atoms, 1, w.CashOf(1));

        Accept(w.Buy(Bidder, BtcPerp, 40_000, 800_000));
        Accept(w.Tick(1_000));
        Assert.Equal(40_000, w.SizeOf(Victim, BtcPerp));
        Assert.Equal([ForcedKind.Deleverage], SealAndCheck(w).Forced.Select(f => f.Kind));
        w.Now += 1_000;
        w.Opened();
        Assert.Equal((0, 0), (w.SizeOf(Victim, BtcPerp), w.CashOf(Victim)));
        SealedBatch next = SealAndCheck(w);
        Assert.Equal([ForcedKind.Liquidation], next.Forced.Select(f => f.Kind));
        Assert.True(next.Blocks.Single(b => b.Account == Victim).Payment > 0);
    }

    [Fact]
    public void A_deficit_is_shared_among_the_legs_and_none_is_left()
    {
        World w = Hedged(deposit: 40_000_000_000, far: 10_000, withdrawal: 20_000_000_000);
        Crash(w, (BtcPerp, 700_000));
        SealedBatch batch = SealAndCheck(w);
        Assert.Equal((0, 0, 0), (w.CashOf(Victim), w.SizeOf(Victim, BtcPerp), w.SizeOf(Victim, FarPerp)));
        Assert.Equal([BtcPerp, FarPerp], batch.Forced.Select(f => f.Instrument));
        // 30 billion lost; fees of 450 ppm on 100 and 30 billion.
        const long deficit = 30_000_000_000 - 20_000_000_000 + 45_000_000 + 13_500_000;
        Assert.Equal(deficit, (long)(batch.Forced[0].Quote - 100_000L * 700_000) + (long)(10_000L * 3_000_000 - batch.Forced[1].Quote));
    }

    [Fact]
    public void After_the_book_a_slice_is_auctioned_at_a_price_that_falls()
    {
        World w = Leveraged();
        Crash(w, (BtcPerp, 960_000));
        Assert.Equal(RejectCode.NoAuction, Bid(w, Bidder, (BtcPerp, false, 10, 960_000)).Code);
        Idle(w);
        DistressView waiting = w.Engine.Distressed(Timestamp.FromMilliseconds(w.Now)).Single();
        Assert.Null(waiting.AuctionStarted);
        Accept(w.Deposit(Seller, 0, 1));
        Accept(w.Seal());
        w.Now += 1_000;
        Assert.Equal(Victim, Accept(w.Open()).Single(EventKind.AuctionStarted).Account.Value);
        // Its owner may cancel, no more; a deposit that does not heal goes back.
        Assert.Equal(RejectCode.Liquidating, w.Sell(Victim, BtcPerp, 2, 960_000).Code);
        Assert.Equal(RejectCode.Liquidating, Accept(w.Deposit(Victim, 0, 1_000)).Single(EventKind.Bounced).Reason);

        w.Now += 5_000;
        AuctionLeg leg = w.Engine.Distressed(Timestamp.FromMilliseconds(w.Now)).Single().Slice.Single();
        long lots = leg.Lots.Value;
        Assert.Equal((BtcPerp, false, 952_800L), (leg.Instrument.Value, leg.IsSell, leg.Price.AtomsPerLot));
        byte[] before = w.Engine.StateDigest();
        Assert.Equal(RejectCode.SizeOutOfRange, Bid(w, Bidder, (BtcPerp, false, lots - 1, 952_800)).Code);
        Assert.Equal(RejectCode.PriceOutOfRange, Bid(w, Bidder, (BtcPerp, false, lots, 952_795)).Code);
        Assert.Equal(RejectCode.Malformed, Bid(w, Bidder, (BtcPerp, true, lots, 952_800)).Code);
        Assert.Equal(RejectCode.Malformed, Bid(w, Bidder, (BtcPerp, false, lots, 952_800), (FarPerp, true, 1, 3_000_000)).Code);
        Assert.Equal(before, w.Engine.StateDigest());

        long equity = (long)MarginOf(w, Victim).Value;
        EngineEvent fill = Accept(Bid(w, Bidder, (BtcPerp, false, lots, 955_000))).Single(EventKind.Filled);
        Assert.Equal((952_800L, lots, Bidder, Victim, RejectCode.Liquidating),
            (fill.Price.AtomsPerLot, fill.Lots.Value, fill.Account.Value, fill.Maker.Value, fill.Reason));
        Assert.Equal((100_000 - lots, lots), (w.SizeOf(Victim, BtcPerp), w.SizeOf(Bidder, BtcPerp)));
        Assert.Equal(equity - lots * 7_200 - w.CashOf(1), (long)MarginOf(w, Victim).Value);
        SealedBatch batch = SealAndCheck(w);
        Assert.Equal((lots, (Int128)lots * 952_800), (batch.Forced.Single().Fill, batch.Forced.Single().Quote));
    }

    [Fact]
    public void An_auction_ends_where_nobody_may_bid_and_does_not_begin_there()
    {
        World w = Leveraged();
        Crash(w, (BtcPerp, 960_000));
        Idle(w);
        Idle(w);
        AuctionLeg leg = w.Engine.Distressed(Timestamp.FromMilliseconds(w.Now)).Single().Slice.Single();
        Accept(w.Permit(GroupActions.Everywhere(RiskActions.All).With(1, RiskActions.Reduce)));
        Assert.Equal(RejectCode.NotPermitted, Bid(w, Bidder, (BtcPerp, false, leg.Lots.Value, leg.Price.AtomsPerLot)).Code);
        Idle(w);
        Assert.Null(w.Engine.Distressed(Timestamp.FromMilliseconds(w.Now)).Single().AuctionStarted);
        for (int i = 0; i < 4; i++) Idle(w);
        Assert.Null(w.Engine.Distressed(Timestamp.FromMilliseconds(w.Now)).Single().AuctionStarted);
        Accept(w.Permit(RiskActions.All));
        Idle(w);
        Assert.NotNull(w.Engine.Distressed(Timestamp.FromMilliseconds(w.Now)).Single().AuctionStarted);
    }

    [Fact]
    public void A_bid_takes_every_leg_or_none()
    {
        World w = Hedged();
        Crash(w, (BtcPerp, 950_000));
        Idle(w);
        Idle(w);
        // At first the slice is sold at the mark. A limit is a whole number of ticks of ten.
        (int, bool, long, long)[] Terms() => [.. w.Engine.Distressed(Timestamp.FromMilliseconds(w.Now)).Single().Slice
            .Select(l => (l.Instrument.Value, l.IsSell, l.Lots.Value, (l.Price.AtomsPerLot + (l.IsSell ? 0 : 9)) / 10 * 10))];
        Assert.Equal(RejectCode.InsufficientMargin, Bid(w, 5, Terms()).Code);
        w.Now += 20_000;
        AuctionLeg[] legs = [.. w.Engine.Distressed(Timestamp.FromMilliseconds(w.Now)).Single().Slice];
        // After 20 seconds the prices would stand at their bounds, 1.5% off the marks: for a hedge that is more than its closing releases of maintenance.
        Assert.Equal([(BtcPerp, false, 941_802L), (FarPerp, true, 3_025_888L)], legs.Select(l => (l.Instrument.Value, l.IsSell, l.Price.AtomsPerLot)));
        byte[] before = w.Engine.StateDigest();
        (int Instrument, bool IsSell, long Lots, long AtomsPerLot)[] good = Terms();
        Assert.Equal(RejectCode.Malformed, Bid(w, Bidder, good[0]).Code);
        Assert.Equal(RejectCode.Malformed, Bid(w, Bidder, good[1], good[0]).Code);
        Assert.Equal(RejectCode.PriceOutOfRange, Bid(w, Bidder, good[0], good[1] with { AtomsPerLot = good[1].AtomsPerLot + 10 }).Code);
        Assert.Equal(before, w.Engine.StateDigest());
        Accept(Bid(w, Bidder, good));
        Assert.Equal((legs[0].Lots.Value, -legs[1].Lots.Value), (w.SizeOf(Bidder, BtcPerp), w.SizeOf(Bidder, FarPerp)));
        Assert.Equal(2, SealAndCheck(w).Forced.Length);
    }

    [Fact]
    public void A_batch_without_room_leaves_the_account_for_the_next()
    {
        // No forced rows; no relief; no block for the fund.
        foreach (CircuitProfile profile in new[] { Wide with { Forced = 0 }, Wide with { Reliefs = 0 }, Wide with { Blocks = 3 } })
        {
            World w = Create(profile).Opened();
            foreach ((int account, long cash) in new[] { (Victim, 16_300_000_000), (Seller, Rich), (Bidder, Rich) })
            {
                Accept(w.Register(account, cash));
                if (profile.Blocks == 3) w.NextEpoch();
            }

            Accept(w.Sell(Seller, BtcPerp, 100_000, 1_000_000));
            Accept(w.Buy(Victim, BtcPerp, 100_000, 1_000_000));
            if (profile.Blocks == 3) w.NextEpoch();
            Accept(w.Buy(Bidder, BtcPerp, 60_000, 955_000));
            if (profile.Blocks == 3) Accept(w.Deposit(Seller, 0, 1));
            Crash(w, (BtcPerp, 960_000));
            Assert.Single(w.Engine.Distressed(Timestamp.FromMilliseconds(w.Now)));
            Assert.Equal(100_000, w.SizeOf(Victim, BtcPerp));
            Assert.Equal(RejectCode.NothingToSeal, w.Seal().Code);
        }
    }

    [Fact]
    public void A_place_for_relief_that_an_attempt_did_not_get_is_not_the_deposits_either()
    {
        World w = Create(Wide with { Reliefs = 1 }).Opened().Funded(16_300_100_000, Rich, Rich, 16_300_100_000);
        Accept(w.Sell(Seller, BtcPerp, 200_000, 1_000_000));
        Accept(w.Buy(Victim, BtcPerp, 100_000, 1_000_000));
        Accept(w.Buy(5, BtcPerp, 100_000, 1_000_000));
        Accept(w.Buy(Bidder, BtcPerp, 60_000, 955_000));
        Crash(w, (BtcPerp, 960_000));
        Assert.InRange(w.SizeOf(Victim, BtcPerp), 90_000, 99_999);
        Assert.Equal(100_000, w.SizeOf(5, BtcPerp));
        Assert.Equal(RejectCode.BatchReliefFull, w.Deposit(5, 0, 1_000).Code);
        w.NextEpoch();
        Assert.InRange(w.SizeOf(5, BtcPerp), 90_000, 99_999);
    }

    [Fact]
    public void A_snapshot_in_the_middle_of_liquidation_goes_on_alike()
    {
        World w = Leveraged(rules: Rules with { BookEpochs = 1 });
        Accept(w.Buy(Bidder, BtcPerp, 5_000, 955_000));
        Crash(w, (BtcPerp, 950_000));
        Assert.Equal(95_000, w.SizeOf(Victim, BtcPerp));
        for (int step = 0; step < 2; step++)
        {
            byte[] snapshot = w.Engine.Snapshot();
            ClearingEngine restored = ClearingEngine.Restore(w.Config, snapshot);
            Assert.Equal(snapshot, restored.Snapshot());
            Timestamp now = Timestamp.FromMilliseconds(w.Now);
            Assert.Equal(w.Engine.Distressed(now).Single().Slice.AsEnumerable(), restored.Distressed(now).Single().Slice);
            w.Engine = restored;
            w.NextEpoch();
            if (step == 0)
            {
                AuctionLeg leg = w.Engine.Distressed(Timestamp.FromMilliseconds(w.Now)).Single().Slice.Single();
                Accept(Bid(w, Bidder, (BtcPerp, false, leg.Lots.Value, 960_000)));
            }
        }

        // The same commands, without the restores, lead to the same state.
        var fresh = new ClearingEngine(w.Config);
        foreach (Command command in w.Log) fresh.Apply(command);
        Assert.Equal(fresh.StateDigest(), w.Engine.StateDigest());
    }

    [Fact]
    public void The_margin_in_distress_under_live_rows_is_what_a_look_at_every_account_finds()
    {
        var random = new Random(3);
        World w = Create(new CircuitProfile("test", 60, 200, 60, 2, 12, 6)).Opened().Funded(Rich);
        for (int account = 3; account < 40; account++)
        {
            Accept(w.Register(account, random.NextInt64(2_000_000_000, 9_000_000_000)));
            int instrument = random.Next(2) == 0 ? BtcPerp : EthPerp;
            long size = random.Next(4_000, 12_000) * w.Marks[BtcPerp] / w.Marks[instrument];
            bool sell = random.Next(2) == 0;
            Accept(w.Send(w.Order(Victim, instrument, !sell, size, w.Marks[instrument])));
            Accept(w.Send(w.Order(account, instrument, sell, size, w.Marks[instrument])));
        }

        HashSet<int> known = [];
        Int128 Scan(RiskRow[] rows) => Enumerable.Range(2, 38).Aggregate(Int128.Zero, (sum, account) =>
        {
            PortfolioMargin margin = PortfolioMargin.Of(w.CashOf(account), w.View(account).Positions.Select(p => (rows.Single(r => r.Id == p.Instrument), p.Size)));
            return sum + (margin.ScaledMaintenance < 0 && !known.Contains(account) ? margin.Requirement : 0);
        });

        int found = 0;
        for (int epoch = 0; epoch < 3; epoch++)
        {
            for (int tick = 0; tick < 30; tick++)
            {
                foreach (int id in w.Marks.Keys) w.Marks[id] += w.Marks[id] * random.Next(-30, 31) / 1_000;
                RiskRow[] rows = [.. RiskRows.From(w.Inputs())];
                Int128 expected = Scan(rows);
                Assert.Equal(expected, w.Engine.DistressedMargin(rows));
                if (expected > 0) found++;
                if (tick == 10) w.Deposit(random.Next(3, 40), 0, 3_000_000_000);
                if (tick == 20) w.Withdraw(random.Next(3, 40), 0, 200_000_000);
            }

            w.NextEpoch();
            known = [.. w.Engine.Distressed(Timestamp.FromMilliseconds(w.Now)).Select(d => d.Account.Value)];
        }

        Assert.InRange(found, 10, 80);
        Assert.Throws<ArgumentException>(() => w.Engine.DistressedMargin([.. w.Engine.RiskTable.Skip(1)]));
        Assert.Throws<ArgumentException>(() => Create().Engine.DistressedMargin([]));
    }

    [Theory]
    [InlineData(5_001, 1, 1, 0, 1)]
    [InlineData(1, 0, 1, 0, 1)]
    [InlineData(1, 1, 0, 0, 1)]
    [InlineData(1, 1, 1, -1, 1)]
    [InlineData(1, 1, 1, 0, 0)]
    public void A_configuration_out_of_range_is_refused(int fee, long account, long total, int epochs, int time)
    {
        _ = Create(rules: new LiquidationConfig(FeeRate.FromPpm(5_000), 1, 1, 0, 1));
        Assert.Throws<ArgumentException>(() => Create(rules: new LiquidationConfig(FeeRate.FromPpm(fee), account, total, epochs, time)));
    }

    /// <summary>The victim is long 100,000 BTC and short the far perpetual, which hedge each other; its margin is then drawn down. Account 5 is poor.</summary>
    private static World Hedged(long deposit = 20_000_000_000, int far = 32_000, long withdrawal = 14_000_000_000)
    {
        World w = Create().Opened().Funded(deposit, Rich, Rich, 1_000_000);
        Accept(w.Sell(Seller, BtcPerp, 100_000, 1_000_000));
        Accept(w.Buy(Victim, BtcPerp, 100_000, 1_000_000));
        Accept(w.Buy(Seller, FarPerp, far, 3_000_000));
        Accept(w.Sell(Victim, FarPerp, far, 3_000_000));
        Accept(w.Withdraw(Victim, 0, withdrawal));
        return w;
    }

    /// <summary>An epoch in which nothing but a deposit happens.</summary>
    private static void Idle(World w)
    {
        Accept(w.Deposit(Seller, 0, 1));
        w.NextEpoch();
    }

    internal static Result Bid(World w, int bidder, params (int Instrument, bool IsSell, long Lots, long AtomsPerLot)[] orders) =>
        w.Apply(Command.Bid(Timestamp.FromMilliseconds(w.Now), new AuctionBid(AccountId.From(Victim),
            [.. orders.Select(o => Verified(w.Order(bidder, o.Instrument, o.IsSell, o.Lots, o.AtomsPerLot, Fok)))])));
}
