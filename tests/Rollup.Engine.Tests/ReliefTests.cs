using Rollup.Crypto.Settlement;
using Rollup.Protocol;
using static Rollup.Engine.Tests.World;

namespace Rollup.Engine.Tests;

/// <summary>What an account below its requirement may do while it is strictly on the mend, and how batches take it (spec 5.5).</summary>
public class ReliefTests
{
    private const long Rich = 1_000_000_000;
    private static readonly CircuitProfile OneRelief = new("relief", 16, 64, 8, 2, 2, 1);

    /// <summary>
    /// Accounts 2 and 5 are long 10 of BTC from 1,000,000, and 3 short; the price falls to 950,000: both long ones lack about 405,000. A lot's
    /// requirement is 16% of 950,000, 152,000, so closing it may cost 15,200.
    /// </summary>
    private static World Fallen(CircuitProfile? profile = null, Action<World>? before = null, long mark = 950_000)
    {
        World w = new World(profile ?? OneRelief).Opened().Funded(1_620_000, Rich, Rich, 1_620_000);
        foreach (int account in new[] { 2, 5 })
        {
            Accept(w.Sell(3, BtcPerp, 10, 1_000_000));
            Accept(w.Buy(account, BtcPerp, 10, 1_000_000)).Single(EventKind.Filled);
        }

        before?.Invoke(w);
        w.Marks[BtcPerp] = mark;
        w.NextEpoch();
        Assert.InRange(w.View(5).Health.Atoms, mark == 950_000 ? -410_000 : -660_000, mark == 950_000 ? -400_000 : -650_000);
        Assert.InRange(w.View(2).Health.Atoms, -660_000, -360_000);
        return w;
    }

    [Fact]
    public void What_closes_at_the_mark_executes_though_it_does_not_heal_and_its_block_comes_first()
    {
        World w = Fallen();
        Accept(w.Buy(4, BtcPerp, 2, 949_995));
        Accept(w.Sell(2, BtcPerp, 2, 949_995)).Single(EventKind.Filled);
        Assert.InRange(w.View(2).Health.Atoms, -110_000, -100_000);
        Assert.Equal(1, w.Engine.Status.Reliefs);
        w.Engine = ClearingEngine.Restore(w.Config, w.Engine.Snapshot());
        Assert.Equal(1, w.Engine.Status.Reliefs);
        Assert.Equal([2, 0, 4], w.NextEpoch().Blocks.Select(b => b.Account));
        Assert.Equal(0, w.Engine.Status.Reliefs);
    }

    [Fact]
    public void The_profile_of_a_batch_without_relief_has_no_mend()
    {
        World w = Fallen(OneRelief with { Reliefs = 0 });
        Accept(w.Buy(4, BtcPerp, 2, 949_995));
        Assert.Equal(RejectCode.InsufficientMargin, w.Sell(2, BtcPerp, 2, 949_995).Code);
    }

    [Fact]
    public void Closing_far_off_the_mark_in_favour_of_an_accomplice_is_refused()
    {
        World w = Fallen();
        Accept(w.Buy(4, BtcPerp, 2, 930_000));
        byte[] before = w.Engine.StateDigest();
        Assert.Equal(RejectCode.InsufficientMargin, w.Sell(2, BtcPerp, 2, 930_000).Code);
        Assert.Equal(before, w.Engine.StateDigest());
        // 14,000 and a fee of 421 are a little less than a tenth of what a lot's requirement falls by.
        Accept(w.Buy(4, BtcPerp, 2, 936_000));
        Accept(w.Sell(2, BtcPerp, 2, 936_000)).Single(EventKind.Filled);
        w.NextEpoch();
    }

    [Fact]
    public void Overpaying_an_accomplice_for_what_is_worth_little_is_refused()
    {
        World w = Fallen(before: w =>
        {
            Accept(w.Sell(2, SolPerp, 2, 20_000));
            Accept(w.Buy(3, SolPerp, 2, 20_000)).Single(EventKind.Filled);
            w.Marks[SolPerp] = 400;
        });
        // A short lot worth 400 requires 124. Ten atoms too much for it are fine, ten times its price is not, and nothing new is bought at any price.
        Accept(w.Sell(4, SolPerp, 1, 4_000));
        Assert.Equal(RejectCode.InsufficientMargin, w.Buy(2, SolPerp, 1, 4_000).Code);
        Accept(w.Sell(4, FarPerp, 1, 2_900_000));
        Assert.Equal(RejectCode.InsufficientMargin, w.Buy(2, FarPerp, 1, 2_900_000).Code);
        Accept(w.Sell(4, SolPerp, 1, 410));
        Accept(w.Buy(2, SolPerp, 1, 410)).Single(EventKind.Filled);
        w.NextEpoch();
    }

    [Fact]
    public void Who_closes_at_the_mark_withdraws_nothing_until_healthy()
    {
        World w = Fallen();
        Accept(w.Buy(4, BtcPerp, 6, 949_995));
        Accept(w.Sell(2, BtcPerp, 2, 949_995));
        byte[] before = w.Engine.StateDigest();
        Assert.Equal(RejectCode.InsufficientMargin, w.Withdraw(2, 0, 1).Code);
        Assert.Equal(before, w.Engine.StateDigest());
        Accept(w.Sell(2, BtcPerp, 4, 949_995));
        Accept(w.Withdraw(2, 0, 1));
        w.NextEpoch();
    }

    [Fact]
    public void Who_has_withdrawn_is_not_relieved_in_the_same_batch()
    {
        // A deposit heals account 2; to sell two lots 160,000 below the mark unheals it, paid out of the deposit.
        Result Session(bool withdraws)
        {
            World w = Fallen();
            Accept(w.Deposit(2, 0, 415_000));
            if (withdraws) Accept(w.Withdraw(2, 0, 5_000));
            Accept(w.Buy(4, BtcPerp, 2, 790_000));
            Result result = w.Sell(2, BtcPerp, 2, 790_000);
            w.NextEpoch();
            return result;
        }

        Assert.Equal(RejectCode.InsufficientMargin, Session(withdraws: true).Code);
        Accept(Session(withdraws: false)).Single(EventKind.Filled);
    }

    [Fact]
    public void Later_fills_of_a_batch_are_measured_from_where_the_batch_began()
    {
        World w = Fallen(mark: 920_000);
        // 27,000 a lot are more than a tenth of its requirement of 147,200; they are less than a tenth of two lots'.
        Accept(w.Buy(4, BtcPerp, 2, 893_000));
        Assert.Equal(RejectCode.InsufficientMargin, w.Sell(2, BtcPerp, 2, 893_000).Code);
        Accept(w.Buy(4, BtcPerp, 2, 919_995));
        Accept(w.Sell(2, BtcPerp, 2, 919_995)).Single(EventKind.Filled);
        Accept(w.Sell(2, BtcPerp, 2, 893_000)).Single(EventKind.Filled);
        Assert.True(w.View(2).Health.Atoms < 0);
        w.NextEpoch();
    }

    [Fact]
    public void A_closing_order_goes_as_far_as_its_account_is_on_the_mend()
    {
        World w = Fallen();
        Accept(w.Buy(4, BtcPerp, 2, 949_995));
        Accept(w.Buy(4, BtcPerp, 2, 800_000));
        Assert.Equal(RejectCode.FillOrKillUnfilled, w.Sell(2, BtcPerp, 4, 800_000, Fok).Code);
        Result r = Accept(w.Sell(2, BtcPerp, 4, 800_000, Ioc));
        Assert.Equal(2, r.Single(EventKind.Filled).Lots.Value);
        Assert.Equal((RejectCode.InsufficientMargin, 2L), (r.Single(EventKind.Closed).Reason, r.Single(EventKind.Closed).Remaining.Value));
        Assert.Equal([(800_000L, 2L)], w.Book(BtcPerp, asks: false));
        w.NextEpoch();
    }

    [Fact]
    public void A_resting_order_that_closes_fills_on_the_mend_while_places_last()
    {
        World w = Fallen(before: w =>
        {
            Accept(w.Sell(2, BtcPerp, 2, 950_500, ReduceOnly));
            Accept(w.Sell(5, BtcPerp, 2, 950_505));
            Accept(w.Sell(3, BtcPerp, 2, 950_510));
        });
        Result r = Accept(w.Buy(4, BtcPerp, 4, 950_510));
        Assert.Equal([2, 3], r.Of(EventKind.Filled).Select(f => f.Maker.Value));
        Assert.Equal((5, RejectCode.BatchReliefFull), (r.Single(EventKind.Closed).Account.Value, r.Single(EventKind.Closed).Reason));
        w.NextEpoch();
    }

    [Fact]
    public void A_taker_without_a_place_waits_for_the_next_batch_unless_it_ends_healthy()
    {
        World w = Fallen();
        Accept(w.Buy(4, BtcPerp, 20, 949_995));
        Accept(w.Sell(2, BtcPerp, 2, 949_995));
        byte[] before = w.Engine.StateDigest();
        Assert.Equal(RejectCode.BatchReliefFull, w.Sell(5, BtcPerp, 2, 949_995).Code);
        Assert.Equal(RejectCode.BatchReliefFull, w.Sell(5, BtcPerp, 2, 949_995, Fok).Code);
        Assert.Equal(RejectCode.BatchReliefFull, w.Cancel(5, 100, 1, proven: true).Code);
        Assert.Equal(before, w.Engine.StateDigest());
        // The place of account 2 is its own for the batch.
        Accept(w.Sell(2, BtcPerp, 2, 949_995)).Single(EventKind.Filled);
        Accept(w.Sell(5, BtcPerp, 4, 949_995)).Single(EventKind.Filled);
        Accept(w.Cancel(5, 100, 1, proven: true));
        w.NextEpoch();
    }

    [Fact]
    public void A_deposit_that_does_not_heal_is_taken_or_waits_and_of_spot_bounces()
    {
        World w = Fallen();
        Assert.Equal(RejectCode.InsufficientMargin, Accept(w.Deposit(2, EthSpot, 1)).Single(EventKind.Bounced).Reason);
        Accept(w.Deposit(2, 0, 77)).Single(EventKind.Deposited);
        Accept(w.Deposit(2, 0, 78)).Single(EventKind.Deposited);
        byte[] before = w.Engine.StateDigest();
        Assert.Equal(RejectCode.BatchReliefFull, w.Deposit(5, 0, 79).Code);
        Assert.Equal(before, w.Engine.StateDigest());
        // The circuit's unused places repeat the last block, which must be healthy: account 0 stands behind.
        Assert.Equal([2, 0], w.NextEpoch().Blocks.Select(b => b.Account));
        Accept(w.Deposit(5, 0, 79)).Single(EventKind.Deposited);
        w.NextEpoch();
    }

    [Fact]
    public void A_proven_cancel_takes_a_place()
    {
        World w = Fallen();
        Accept(w.Cancel(5, 100, 1, proven: true)).Single(EventKind.CancelProven);
        Assert.Equal([5, 0], w.NextEpoch().Blocks.Select(b => b.Account));
    }
}
