using Rollup.Protocol;
using Rollup.Risk;
using static Rollup.Engine.Tests.World;

namespace Rollup.Engine.Tests;

/// <summary>What the host permits, and what the newest prices within an epoch allow.</summary>
public class PermissionTests
{
    private const long Rich = 1_000_000_000;

    /// <summary>Account 2 is long and 3 short 10 of BTC at 1,000,000; 4 offers to take either side.</summary>
    private static World Traded(long cash = Rich)
    {
        World w = WithAccounts(cash, Rich, Rich);
        Accept(w.Buy(2, BtcPerp, 10, 1_000_000));
        Accept(w.Sell(3, BtcPerp, 10, 1_000_000)).Single(EventKind.Filled);
        w.NextEpoch();
        return w;
    }

    [Fact]
    public void Without_Open_only_what_can_but_shrink_a_position_is_taken()
    {
        World w = Traded();
        Accept(w.Buy(3, BtcPerp, 8, 999_995));
        Accept(w.Permit(RiskActions.Reduce | RiskActions.Withdraw));
        byte[] before = w.Engine.StateDigest();
        Assert.Equal(RejectCode.NotPermitted, w.Buy(2, BtcPerp, 2, 1_000_000).Code);
        Assert.Equal(RejectCode.NotPermitted, w.Sell(2, BtcPerp, 11, 999_995, Ioc).Code);
        // Resting, it could outlive the position that it closes, unless it says reduce-only.
        Assert.Equal(RejectCode.NotPermitted, w.Sell(2, BtcPerp, 2, 1_000_000).Code);
        Assert.Equal(RejectCode.ReduceOnlyWouldIncrease, w.Sell(2, BtcPerp, 11, 1_000_000, ReduceOnly).Code);
        Assert.Equal(before, w.Engine.StateDigest());
        Accept(w.Sell(2, BtcPerp, 10, 999_995, Ioc)).Single(EventKind.Filled);
        Accept(w.Buy(3, BtcPerp, 2, 900_000, ReduceOnly));
        Accept(w.Permit(RiskActions.All));
        Accept(w.Buy(2, BtcPerp, 2, 900_000));
    }

    [Fact]
    public void Without_any_permission_deposits_and_cancels_go_on()
    {
        World w = Traded();
        Accept(w.Sell(3, BtcPerp, 2, 1_100_000));
        Accept(w.Permit(RiskActions.None));
        w.Engine = ClearingEngine.Restore(w.Config, w.Engine.Snapshot());
        Assert.Equal(RejectCode.NotPermitted, w.Sell(2, BtcPerp, 2, 999_995, ReduceOnly).Code);
        Assert.Equal(RejectCode.NotPermitted, w.Withdraw(2, 0, 5).Code);
        Accept(w.Deposit(2, 0, 5)).Single(EventKind.Deposited);
        Accept(w.Cancel(2, 100, 1, proven: true));
        Accept(w.Cancel(3, 1, 1)).Single(EventKind.Closed);
        Accept(w.Permit(RiskActions.Withdraw));
        Accept(w.Withdraw(2, 0, 5));
    }

    [Fact]
    public void A_resting_order_opens_nothing_while_its_group_may_not()
    {
        World w = Traded();
        // 4 would open, 3 (short 10) closes with its first 10 lots and would open with the rest; 3's other order says reduce-only.
        Accept(w.Buy(4, BtcPerp, 6, 1_000_010));
        Accept(w.Buy(3, BtcPerp, 12, 1_000_005));
        Accept(w.Buy(4, EthPerp, 5, 500_000));
        Accept(w.Permit(GroupActions.Everywhere(RiskActions.All).With(1, RiskActions.Reduce)));
        Result r = Accept(w.Sell(2, BtcPerp, 10, 1_000_000, ReduceOnly));
        EngineEvent filled = r.Single(EventKind.Filled);
        Assert.Equal((3, 10L, 1_000_005L), (filled.Maker.Value, filled.Lots.Value, filled.Price.AtomsPerLot));
        Assert.Equal([(4, RejectCode.NotPermitted, 6L), (3, RejectCode.NotPermitted, 2L)], r.Of(EventKind.Closed).Select(e => (e.Account.Value, e.Reason, e.Remaining.Value)));
        Assert.Equal((0L, 0L, 0L), (w.SizeOf(2, BtcPerp), w.SizeOf(3, BtcPerp), w.SizeOf(4, BtcPerp)));
        // The other group goes on, resting orders too.
        Assert.Equal(4, Accept(w.Sell(2, EthPerp, 5, 500_000, Ioc)).Single(EventKind.Filled).Maker.Value);
        w.NextEpoch();
    }

    [Fact]
    public void A_withdrawal_needs_the_groups_that_the_account_has_positions_in()
    {
        World w = Traded();
        Accept(w.Buy(4, BtcPerp, 2, 900_000));
        Accept(w.Permit(GroupActions.Everywhere(RiskActions.All).With(1, RiskActions.All & ~RiskActions.Withdraw)));
        Assert.Equal(RejectCode.NotPermitted, w.Withdraw(2, 0, 5).Code);
        Accept(w.Withdraw(4, 0, 5));
        Accept(w.Permit(GroupActions.Everywhere(RiskActions.All).With(2, RiskActions.None)));
        Accept(w.Withdraw(2, 0, 5));
    }

    [Fact]
    public void Actions_of_a_group_stand_beside_those_of_the_others()
    {
        GroupActions actions = GroupActions.Everywhere(RiskActions.Reduce).With(0, RiskActions.All).With(15, RiskActions.Open | RiskActions.Withdraw).With(7, RiskActions.None);
        Assert.Equal((RiskActions.All, RiskActions.Open | RiskActions.Withdraw, RiskActions.None, RiskActions.Reduce, RiskActions.Reduce), (actions[0], actions[15], actions[7], actions[6], actions[8]));
        Assert.Equal((true, false, false), (actions.Permits(RiskActions.Withdraw, 15), actions.Permits(RiskActions.Reduce, 15), actions.Permits(RiskActions.Open, 1)));
        Assert.Equal(RiskActions.None, default(GroupActions)[3]);
    }

    [Theory]
    [InlineData(3_600_000, 60_000, 30)]
    [InlineData(3_599_999, 60_000, 29)]
    [InlineData(119_999, 60_000, 0)]
    public void As_many_batches_are_in_flight_as_prove_in_half_of_the_deadline(long deadline, long p95, int limit) => Assert.Equal(limit, InFlightLimit.Of(deadline, p95));

    [Theory]
    [InlineData(5, 2, RiskActions.All)]
    [InlineData(5, 3, RiskActions.Reduce | RiskActions.Liquidate)]
    [InlineData(5, 4, RiskActions.Reduce | RiskActions.Liquidate)]
    [InlineData(5, 5, RiskActions.None)]
    [InlineData(0, 0, RiskActions.None)]
    [InlineData(4, 1, RiskActions.All)]
    [InlineData(4, 2, RiskActions.Reduce | RiskActions.Liquidate)]
    public void At_half_of_the_limit_risk_only_shrinks_and_at_the_limit_nothing_moves(int limit, int inFlight, RiskActions permitted) =>
        Assert.Equal(permitted, InFlightLimit.Permits(limit, inFlight));

    [Fact]
    public void A_taker_needs_margin_under_the_newest_prices_too()
    {
        // 161 thousand a lot at 1,000,000; at 1,300,000 a short lot loses 300,000 more.
        World w = WithAccounts(Rich, 2_000_000);
        Accept(w.Buy(2, BtcPerp, 8, 1_000_000));
        w.Marks[BtcPerp] = 1_300_000;
        w.Now += 5;
        Accept(w.Live());
        byte[] before = w.Engine.StateDigest();
        Assert.Equal(RejectCode.InsufficientMargin, w.Sell(3, BtcPerp, 8, 1_000_000).Code);
        Assert.Equal(before, w.Engine.StateDigest());
        w.Engine = ClearingEngine.Restore(w.Config, w.Engine.Snapshot());
        Assert.Equal(before, w.Engine.StateDigest());
        Assert.Equal(RejectCode.InsufficientMargin, w.Sell(3, BtcPerp, 8, 1_000_000).Code);
        w.Marks[BtcPerp] = 1_010_000;
        w.Now += 5;
        Accept(w.Live());
        Accept(w.Sell(3, BtcPerp, 8, 1_000_000)).Single(EventKind.Filled);
        w.NextEpoch();
    }

    [Fact]
    public void A_maker_that_the_newest_prices_refuse_is_cancelled()
    {
        World w = WithAccounts(2_000_000, Rich, Rich);
        Accept(w.Sell(2, BtcPerp, 8, 1_000_000));
        Accept(w.Sell(3, BtcPerp, 8, 1_000_005));
        w.Marks[BtcPerp] = 1_300_000;
        w.Now += 5;
        Accept(w.Live());
        Result r = Accept(w.Buy(4, BtcPerp, 8, 1_000_005));
        Assert.Equal((2, RejectCode.InsufficientMargin), (r.Single(EventKind.Closed).Account.Value, r.Single(EventKind.Closed).Reason));
        Assert.Equal(3, r.Single(EventKind.Filled).Maker.Value);
        w.NextEpoch();
    }

    [Fact]
    public void Who_is_below_the_requirement_under_the_newest_prices_alone_closes_at_a_fair_price()
    {
        World w = Traded(cash: 2_000_000);
        w.Marks[BtcPerp] = 900_000;
        w.Now += 5;
        Accept(w.Live());
        Assert.True(w.View(2).Health.Atoms > 0);
        Accept(w.Buy(4, BtcPerp, 2, 850_000));
        Assert.Equal(RejectCode.InsufficientMargin, w.Sell(2, BtcPerp, 2, 850_000).Code);
        Accept(w.Sell(4, EthPerp, 1, 500_000));
        Assert.Equal(RejectCode.InsufficientMargin, w.Buy(2, EthPerp, 1, 500_000).Code);
        Accept(w.Buy(4, BtcPerp, 2, 899_995));
        Accept(w.Sell(2, BtcPerp, 2, 899_995)).Single(EventKind.Filled);
        w.NextEpoch();
    }

    [Fact]
    public void Withdrawals_need_margin_under_both_tables()
    {
        World w = Traded(cash: 2_000_000);
        w.Marks[BtcPerp] = 990_000;
        w.Now += 5;
        Accept(w.Live());
        // Free under the epoch's prices: 395,500 (2,000,000 less fees of 4,500 and 10 x 160,000); under the newest, 100,000 less and 16,000 less required.
        byte[] before = w.Engine.StateDigest();
        Assert.Equal(RejectCode.InsufficientMargin, w.Withdraw(2, 0, 320_000).Code);
        Assert.Equal(before, w.Engine.StateDigest());
        Accept(w.Withdraw(2, 0, 310_000));
        Assert.True(w.View(2).ReservedHealth.Atoms > 80_000);
        w.NextEpoch();
    }

    [Fact]
    public void Newest_prices_are_of_the_open_batch_newer_than_any_and_end_with_it()
    {
        World w = WithAccounts(Rich, 2_000_000);
        w.Now += 5;
        Assert.Equal(RejectCode.StaleEpoch, w.Live(i => i with { Batch = i.Batch + 1 }).Code);
        Assert.Equal(RejectCode.StaleEpoch, w.Live(i => i with { ObservedAt = Timestamp.FromMilliseconds(w.Now + 1) }).Code);
        Assert.Equal(RejectCode.StaleEpoch, w.Live(i => i with { ObservedAt = Timestamp.FromMilliseconds(Start) }).Code);
        Assert.Equal(RejectCode.BadRiskInput, w.Live(i => i with { Instruments = i.Instruments[..^1] }).Code);
        w.Marks[BtcPerp] = 1_300_000;
        Accept(w.Live());
        Assert.Equal(RejectCode.StaleEpoch, w.Live().Code);
        Accept(w.Buy(2, BtcPerp, 8, 1_000_000));
        Accept(w.Seal());
        Assert.Equal(RejectCode.EpochClosed, w.Live().Code);
        // The next epoch may open with an observation older than that, which its signatures were waited for, not with one as old as the last epoch's.
        w.Marks[BtcPerp] = 1_000_000;
        Assert.Equal(RejectCode.StaleEpoch, w.Open(i => i with { ObservedAt = Timestamp.FromMilliseconds(Start) }).Code);
        Accept(w.Open(i => i with { ObservedAt = Timestamp.FromMilliseconds(w.Now - 1) }));
        // Newest prices go on from what was shown before.
        Assert.Equal(RejectCode.StaleEpoch, w.Live().Code);
        w.Now++;
        Accept(w.Live());
        Accept(w.Sell(3, BtcPerp, 8, 1_000_000)).Single(EventKind.Filled);
    }
}
