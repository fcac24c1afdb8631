using Rollup.Protocol;
using static Rollup.Engine.Tests.World;

namespace Rollup.Engine.Tests;

/// <summary>What accounts may do when prices have moved against them, and after they withdraw.</summary>
public class HealthTests
{
    private const long Rich = 1_000_000_000;

    [Fact]
    public void An_unhealthy_account_may_only_do_what_leaves_it_healthy()
    {
        World w = OperationTests.Unhealthy(out _);
        Accept(w.Buy(4, BtcPerp, 4, 949_995));
        Accept(w.Buy(4, BtcPerp, 6, 949_990));
        byte[] before = w.Engine.StateDigest();
        // About 405,000 short, and a lot frees 152,000: to sell 2 of 10 is not enough, 4 are.
        Assert.Equal(RejectCode.InsufficientMargin, w.Buy(2, BtcPerp, 2, 949_995).Code);
        Assert.Equal(RejectCode.InsufficientMargin, w.Sell(2, BtcPerp, 2, 949_995).Code);
        Assert.Equal(RejectCode.InsufficientMargin, w.Cancel(2, 100, 1, proven: true).Code);
        Assert.Equal(RejectCode.InsufficientMargin, w.Buy(2, EthPerp, 1, 500_000).Code);
        // It cannot rest an order, not even a closing one.
        Assert.Equal(RejectCode.InsufficientMargin, w.Sell(2, BtcPerp, 10, 960_000).Code);
        Assert.Equal(before, w.Engine.StateDigest());

        Accept(w.Sell(2, BtcPerp, 4, 949_995)).Single(EventKind.Filled);
        Assert.True(w.View(2).Health.Atoms >= 0);
        w.NextEpoch();
    }

    [Fact]
    public void A_closing_order_may_pass_through_unhealthy_states_but_not_end_in_one_nor_rest()
    {
        World w = OperationTests.Unhealthy(out _);
        Accept(w.Buy(4, BtcPerp, 2, 949_995));
        Accept(w.Buy(4, BtcPerp, 2, 949_990));
        // Neither fill heals alone; both together do. The fifth lot is dropped.
        Result r = Accept(w.Sell(2, BtcPerp, 5, 949_985));
        Assert.Equal(2, r.Of(EventKind.Filled).Count());
        Assert.Equal((RejectCode.InsufficientMargin, 1L), (r.Single(EventKind.Closed).Reason, r.Single(EventKind.Closed).Remaining.Value));
        Assert.True(w.View(2).Health.Atoms >= 0);
        w.NextEpoch();
    }

    [Fact]
    public void A_maker_that_no_longer_passes_is_cancelled_and_not_filled()
    {
        World w = WithAccounts(1_620_000, Rich, Rich);
        Accept(w.Buy(2, BtcPerp, 10, 1_000_000));
        Accept(w.Sell(3, BtcPerp, 10, 1_000_000));
        Accept(w.Sell(2, BtcPerp, 2, 950_500));
        Accept(w.Sell(3, BtcPerp, 2, 950_505));
        w.Marks[BtcPerp] = 950_000;
        w.NextEpoch();
        // To sell 2 does not heal account 2.
        Result r = Accept(w.Buy(4, BtcPerp, 2, 950_505));
        Assert.Equal((2, RejectCode.InsufficientMargin), (r.Single(EventKind.Closed).Account.Value, r.Single(EventKind.Closed).Reason));
        Assert.Equal(3, r.Single(EventKind.Filled).Maker.Value);
        w.NextEpoch();
    }

    [Fact]
    public void A_maker_that_its_own_fill_heals_is_filled()
    {
        World w = WithAccounts(1_620_000, Rich, Rich);
        Accept(w.Buy(2, BtcPerp, 10, 1_000_000));
        Accept(w.Sell(3, BtcPerp, 10, 1_000_000));
        Accept(w.Sell(2, BtcPerp, 10, 1_000_000));
        w.Marks[BtcPerp] = 950_000;
        w.NextEpoch();
        Assert.True(w.View(2).Health.Atoms < 0);
        Accept(w.Buy(4, BtcPerp, 10, 1_000_000)).Single(EventKind.Filled);
        Assert.True(w.View(2).Health.Atoms >= 0);
        w.NextEpoch();
    }

    [Fact]
    public void An_account_that_withdraws_keeps_its_own_money_for_the_batch()
    {
        // Spot collateral of about 3.8 million; cash that covers little more than what two lots lose at once.
        World w = WithAccounts(Rich, Rich, Rich);
        Accept(w.Deposit(2, EthSpot, 10));
        Accept(w.Withdraw(2, 0, Rich - 12_000));
        Accept(w.Sell(3, EthPerp, 4, 505_000));
        // Each lot is bought 1% above its mark of 500,000, and costs its fee: three lots leave less than nothing.
        byte[] before = w.Engine.StateDigest();
        Assert.Equal(RejectCode.FillOrKillUnfilled, w.Buy(2, EthPerp, 3, 505_000, Fok).Code);
        Assert.Equal(before, w.Engine.StateDigest());
        Accept(w.Buy(2, EthPerp, 1, 505_000)).Single(EventKind.Filled);
        Assert.Equal(RejectCode.InsufficientBalance, w.Buy(2, EthPerp, 3, 505_000).Code);
        w.NextEpoch();
        Accept(w.Buy(2, EthPerp, 3, 505_000)).Single(EventKind.Filled);
    }

    [Fact]
    public void A_leveraged_long_withdraws_what_is_its_own_and_a_short_no_notional()
    {
        World w = WithAccounts(2_000_000, Rich);
        Accept(w.Sell(3, BtcPerp, 2, 1_000_000));
        Accept(w.Buy(2, BtcPerp, 2, 1_000_000));
        // Bought with all of its cash: the position is worth what it cost, so most of it is free.
        Assert.True(w.CashOf(2) < 10_000 && w.View(2).ReservedHealth.Atoms > 1_000_000);
        Accept(w.Withdraw(2, 0, 1_000_000));
        Assert.True(w.CashOf(2) < 0);
        // The seller's cash holds two million of notional that is not its own, and its collateral would carry the debt.
        Accept(w.Deposit(3, EthSpot, 20));
        Assert.True(w.CashOf(3) > Rich + 1_900_000 && w.View(3).ReservedHealth.Atoms > Rich + 500_000);
        Assert.Equal(RejectCode.InsufficientBalance, w.Withdraw(3, 0, Rich + 500_000).Code);
        Accept(w.Withdraw(3, 0, Rich - 100_000));
    }

    [Fact]
    public void Only_the_owner_takes_a_slot_with_a_deposit_of_spot()
    {
        World w = WithAccounts(Rich, Rich);
        EngineEvent Queue(int depositor) => Accept(w.Apply(Command.Operation(Timestamp.FromMilliseconds(w.Now),
            new QueuedOperation(w.Engine.Status.NextOperation, DepositOf(2, EthSpot, 3), OwnerOf(depositor), null)))).Events.Single();
        Assert.Equal((EventKind.Bounced, RejectCode.NotOwner), (Queue(77).Kind, Queue(77).Reason));
        Assert.Equal(EventKind.Deposited, Queue(2).Kind);
        // What takes no room anybody may add.
        Assert.Equal(EventKind.Deposited, Queue(77).Kind);
        Assert.Equal(6, w.SizeOf(2, EthSpot));
    }

    [Fact]
    public void Funding_is_paid_through_the_row_when_the_epoch_changes()
    {
        World w = WithAccounts(Rich, Rich);
        Accept(w.Sell(3, BtcPerp, 10, 1_000_000));
        Accept(w.Buy(2, BtcPerp, 10, 1_000_000));
        (long payer, long receiver) = (w.View(2).Health.Atoms, w.View(3).Health.Atoms);
        w.Fundings[BtcPerp] += 25;
        w.NextEpoch();
        Assert.Equal((payer - 250, receiver + 250), (w.View(2).Health.Atoms, w.View(3).Health.Atoms));
    }

    [Fact]
    public void Margin_is_taken_under_the_rows_of_the_epoch_and_orders_are_reserved_again()
    {
        World w = WithAccounts(10 * 160_450);
        Accept(w.Buy(2, BtcPerp, 10, 1_000_000));
        Assert.Equal(0, w.View(2).ReservedHealth.Atoms);
        w.Marks[BtcPerp] = 1_010_000;
        w.NextEpoch();
        // A lot would be worth 1,010,000 less 16%, against 1,000,450 paid.
        Assert.Equal(10 * 160_450 - 10 * (1_000_450 - 848_400), w.View(2).ReservedHealth.Atoms);
    }
}
