using Rollup.Crypto.Settlement;
using Rollup.Protocol;
using static Rollup.Engine.Tests.World;

namespace Rollup.Engine.Tests;

/// <summary>Matching, order types and their effect on the ledger. Accounts 2.. with ample cash.</summary>
public class OrderTests
{
    private const long Rich = 1_000_000_000;

    [Fact]
    public void A_resting_order_waits_in_the_book_and_changes_no_balance()
    {
        World w = WithAccounts(Rich, Rich + 1);
        EngineEvent rested = Accept(w.Buy(2, BtcPerp, 30, 999_995)).Single(EventKind.Rested);
        Assert.Equal((2, 999_995L, 30L, false), (rested.Account.Value, rested.Price.AtomsPerLot, rested.Remaining.Value, rested.IsSell));
        Assert.Equal([(999_995L, 30L)], w.Book(BtcPerp, asks: false));
        Assert.Empty(w.Book(BtcPerp, asks: true));
        Assert.Equal((Rich, 0L), (w.CashOf(2), w.SizeOf(2, BtcPerp)));
    }

    [Fact]
    public void A_fill_moves_size_and_funding_adjusted_cash_and_charges_both_fees()
    {
        World w = WithAccounts(Rich, Rich);
        Accept(w.Sell(2, BtcPerp, 40, 1_000_100));
        EngineEvent fill = Accept(w.Buy(3, BtcPerp, 25, 1_000_500)).Single(EventKind.Filled);

        // 25 lots at the maker's price: quote 25,002,500; fees 450 and 100 millionths of it, rounded up; F = 1,700 a lot.
        Assert.Equal((3, 2, 1_000_100L, 25L, 0L, 15L), (fill.Account.Value, fill.Maker.Value, fill.Price.AtomsPerLot, fill.Lots.Value, fill.Remaining.Value, fill.MakerRemaining.Value));
        Assert.Equal((11_252L, 2_501L), (fill.Fee.Atoms, fill.MakerFee.Atoms));
        Assert.Equal(Rich - (25_002_500 - 25 * 1_700) - 11_252, w.CashOf(3));
        Assert.Equal(Rich + (25_002_500 - 25 * 1_700) - 2_501, w.CashOf(2));
        Assert.Equal(11_252 + 2_501, w.CashOf(0));
        Assert.Equal((25L, -25L), (w.SizeOf(3, BtcPerp), w.SizeOf(2, BtcPerp)));
        Assert.Equal([(1_000_100L, 15L)], w.Book(BtcPerp, asks: true));
        w.NextEpoch();
    }

    [Fact]
    public void Better_prices_go_first_and_earlier_orders_within_a_price()
    {
        World w = WithAccounts(Rich, Rich, Rich, Rich);
        Accept(w.Sell(2, EthPerp, 5, 500_010));
        Accept(w.Sell(3, EthPerp, 7, 500_002));
        Accept(w.Sell(4, EthPerp, 11, 500_002));
        Accept(w.Sell(2, EthPerp, 13, 500_001));
        Result taken = Accept(w.Buy(5, EthPerp, 29, 500_010));
        Assert.Equal([(2, 13L, 500_001L), (3, 7L, 500_002L), (4, 9L, 500_002L)],
            taken.Of(EventKind.Filled).Select(f => (f.Maker.Value, f.Lots.Value, f.Price.AtomsPerLot)));
        Assert.Equal([(500_002L, 2L), (500_010L, 5L)], w.Book(EthPerp, asks: true));

        Accept(w.Buy(2, EthPerp, 3, 499_000));
        Accept(w.Buy(3, EthPerp, 4, 499_007));
        Accept(w.Buy(4, EthPerp, 6, 499_000));
        Assert.Equal([(3, 4L), (2, 3L), (4, 1L)], Accept(w.Sell(5, EthPerp, 8, 499_000)).Of(EventKind.Filled).Select(f => (f.Maker.Value, f.Lots.Value)));
        w.NextEpoch();
    }

    [Fact]
    public void What_does_not_fill_of_a_good_till_cancel_order_rests_at_its_limit()
    {
        World w = WithAccounts(Rich, Rich);
        Accept(w.Sell(2, EthPerp, 4, 500_003));
        Result r = Accept(w.Buy(3, EthPerp, 10, 500_006));
        Assert.Equal((4L, 6L), (r.Single(EventKind.Filled).Lots.Value, r.Single(EventKind.Rested).Remaining.Value));
        Assert.Equal([(500_006L, 6L)], w.Book(EthPerp, asks: false));
        // Later fills of the rest belong to the same row of the batch, at the maker's rate.
        Accept(w.Sell(2, EthPerp, 6, 500_000));
        SealedRow row = w.NextEpoch().Rows.Single(row => row.Request.Account == 3);
        Assert.Equal((10L, (Int128)(4 * 500_003 + 6 * 500_006)), (row.Fill, row.Quote));
        Assert.Equal(Rounding.CeilDiv(4L * 500_003 * Taker + 6L * 500_006 * Maker, 1_000_000), row.Fee);
    }

    [Fact]
    public void Immediate_or_cancel_drops_what_does_not_fill()
    {
        World w = WithAccounts(Rich, Rich);
        Accept(w.Sell(2, EthPerp, 4, 500_003));
        Result r = Accept(w.Buy(3, EthPerp, 10, 500_006, Ioc));
        Assert.Equal((RejectCode.NoLiquidity, 6L), (r.Single(EventKind.Closed).Reason, r.Single(EventKind.Closed).Remaining.Value));
        Assert.Empty(w.Book(EthPerp, asks: false));
        Assert.Equal(4, w.SizeOf(3, EthPerp));
    }

    [Fact]
    public void Fill_or_kill_fills_whole_or_changes_nothing()
    {
        World w = WithAccounts(Rich, Rich, Rich);
        Accept(w.Sell(2, EthPerp, 4, 500_003));
        Accept(w.Sell(3, EthPerp, 5, 500_004));
        byte[] before = w.Engine.StateDigest();
        Assert.Equal(RejectCode.FillOrKillUnfilled, w.Buy(4, EthPerp, 10, 500_004, Fok).Code);
        Assert.Equal(RejectCode.FillOrKillUnfilled, w.Buy(4, EthPerp, 9, 500_003, Fok).Code);
        Assert.Equal(before, w.Engine.StateDigest());
        Assert.Equal(9, Accept(w.Buy(4, EthPerp, 9, 500_004, Fok)).Of(EventKind.Filled).Sum(f => f.Lots.Value));
    }

    [Fact]
    public void Fill_or_kill_counts_only_makers_that_can_fill()
    {
        // Account 2 is short 20 and offers one more; after the price has moved against it, it may not sell that.
        World w = WithAccounts(2_100_000, Rich, Rich);
        Accept(w.Sell(2, EthPerp, 21, 500_000));
        Accept(w.Buy(3, EthPerp, 20, 500_000));
        w.Marks[EthPerp] = 530_000;
        w.NextEpoch();
        Accept(w.Sell(3, EthPerp, 6, 500_004));
        byte[] before = w.Engine.StateDigest();
        Assert.Equal(RejectCode.FillOrKillUnfilled, w.Buy(4, EthPerp, 7, 500_004, Fok).Code);
        Assert.Equal(before, w.Engine.StateDigest());
        Result r = Accept(w.Buy(4, EthPerp, 6, 500_004, Fok));
        Assert.Equal(RejectCode.InsufficientMargin, r.Single(EventKind.Closed).Reason);
        Assert.Equal(3, r.Single(EventKind.Filled).Maker.Value);
    }

    [Fact]
    public void Market_orders_take_the_best_prices_up_to_their_worst_and_need_no_tick()
    {
        World w = WithAccounts(Rich, Rich);
        Accept(w.Sell(2, BtcPerp, 4, 1_000_000));
        Accept(w.Sell(2, BtcPerp, 6, 1_000_500));
        Accept(w.Sell(2, BtcPerp, 8, 1_001_000));
        Result r = Accept(w.Buy(3, BtcPerp, 50, 1_000_998, Market | Ioc));
        Assert.Equal([4L, 6L], r.Of(EventKind.Filled).Select(f => f.Lots.Value));
        Assert.Equal(40, r.Single(EventKind.Closed).Remaining.Value);

        // A sale may accept any price.
        Accept(w.Buy(2, BtcPerp, 5, 900_000));
        Assert.Equal(900_000, Accept(w.Sell(3, BtcPerp, 5, 0, Market | Fok)).Single(EventKind.Filled).Price.AtomsPerLot);
    }

    [Fact]
    public void A_market_order_is_margined_at_the_prices_it_meets_and_not_at_its_limit()
    {
        World w = WithAccounts(Rich, 900_000);
        Accept(w.Sell(2, BtcPerp, 5, 1_000_000));
        Assert.Equal(RejectCode.InsufficientMargin, w.Buy(3, BtcPerp, 5, 1_200_000, Ioc).Code);
        Assert.Equal(5, Accept(w.Buy(3, BtcPerp, 5, 34_000_000_000, Market | Ioc)).Single(EventKind.Filled).Lots.Value);
    }

    [Fact]
    public void Post_only_rests_or_is_refused()
    {
        World w = WithAccounts(Rich, Rich);
        Accept(w.Sell(2, EthPerp, 4, 500_003));
        Assert.Equal(RejectCode.PostOnlyWouldTrade, w.Buy(3, EthPerp, 1, 500_003, PostOnly).Code);
        Accept(w.Buy(3, EthPerp, 1, 500_002, PostOnly)).Single(EventKind.Rested);
        Assert.Equal(1, Accept(w.Sell(2, EthPerp, 1, 500_002)).Single(EventKind.Filled).Lots.Value);
    }

    [Fact]
    public void Post_only_ignores_an_expired_order_in_its_way()
    {
        World w = WithAccounts(Rich, Rich);
        Accept(w.Send(w.Order(2, EthPerp, true, 3, 500_000) with { Expiry = w.Now + 5 }));
        Assert.Equal(RejectCode.PostOnlyWouldTrade, w.Buy(3, EthPerp, 1, 500_000, PostOnly).Code);
        w.Now += 5;
        Accept(w.Buy(3, EthPerp, 1, 500_000, PostOnly)).Single(EventKind.Rested);
    }

    [Fact]
    public void Reduce_only_closes_and_never_opens()
    {
        World w = WithAccounts(Rich, Rich);
        Accept(w.Sell(2, EthPerp, 10, 500_000));
        Accept(w.Buy(3, EthPerp, 10, 500_000));
        Assert.Equal(RejectCode.ReduceOnlyWouldIncrease, w.Buy(3, EthPerp, 1, 500_000, ReduceOnly).Code);
        Assert.Equal(RejectCode.ReduceOnlyWouldIncrease, w.Sell(3, EthPerp, 11, 500_000, ReduceOnly).Code);
        Accept(w.Sell(3, EthPerp, 8, 500_000, ReduceOnly));
        Accept(w.Sell(3, EthPerp, 6, 500_001, ReduceOnly));

        // 10 long: the first takes 8, of the second only 2 close; its rest would open a short and goes.
        Result r = Accept(w.Buy(2, EthPerp, 14, 500_001));
        Assert.Equal([8L, 2L], r.Of(EventKind.Filled).Select(f => f.Lots.Value));
        Assert.Equal((RejectCode.ReduceOnlyWouldIncrease, 4L), (r.Single(EventKind.Closed).Reason, r.Single(EventKind.Closed).Remaining.Value));
        Assert.Equal(0, w.SizeOf(3, EthPerp));
        Assert.Equal([(500_001L, 4L)], w.Book(EthPerp, asks: false));
    }

    [Fact]
    public void A_resting_reduce_only_order_with_nothing_to_close_goes_when_met()
    {
        World w = WithAccounts(Rich, Rich);
        Accept(w.Sell(2, EthPerp, 3, 500_000));
        Accept(w.Buy(3, EthPerp, 3, 500_000));
        Accept(w.Sell(3, EthPerp, 3, 500_005, ReduceOnly));
        Accept(w.Buy(2, EthPerp, 3, 500_001));
        Accept(w.Sell(3, EthPerp, 3, 500_001, Ioc));
        Result r = Accept(w.Buy(2, EthPerp, 2, 500_005));
        Assert.Equal((3, RejectCode.ReduceOnlyWouldIncrease), (r.Single(EventKind.Closed).Account.Value, r.Single(EventKind.Closed).Reason));
        r.Single(EventKind.Rested);
    }

    [Theory]
    [InlineData(0, 5L, 0L, 1)]
    [InlineData(CancelTaker, 2L, 3L, 2)]
    [InlineData(CancelBoth, 2L, 3L, 1)]
    public void Self_trade_prevention_cancels_the_resting_order_the_incoming_one_or_both(byte mode, long filled, long dropped, int asksLeft)
    {
        World w = WithAccounts(Rich, Rich);
        Accept(w.Sell(2, EthPerp, 2, 500_000));
        Accept(w.Sell(3, EthPerp, 7, 500_001));
        Accept(w.Sell(2, EthPerp, 11, 500_002));
        Result r = Accept(w.Buy(3, EthPerp, 5, 500_002, mode));
        Assert.Equal(filled, r.Of(EventKind.Filled).Sum(f => f.Lots.Value));
        Assert.Equal(asksLeft, w.Book(EthPerp, asks: true).Length);
        Assert.Equal(mode == 0 ? 0 : 1, r.Of(EventKind.Closed).Count(c => c.Remaining.Value == dropped && c.Reason == RejectCode.SelfTrade));
        Assert.Equal(mode == CancelTaker ? 0 : 1, r.Of(EventKind.Closed).Count(c => c.Remaining.Value == 7 && c.Reason == RejectCode.SelfTrade));
        Assert.DoesNotContain(r.Of(EventKind.Filled), f => f.Maker == f.Account);
    }

    [Fact]
    public void Cancel_both_acts_even_if_nothing_fills_and_cancel_taker_is_then_a_rejection()
    {
        World w = WithAccounts(Rich);
        Accept(w.Sell(2, EthPerp, 7, 500_001));
        Assert.Equal(RejectCode.SelfTrade, w.Buy(2, EthPerp, 5, 500_001, CancelTaker).Code);
        Assert.Equal(2, Accept(w.Buy(2, EthPerp, 5, 500_001, CancelBoth)).Of(EventKind.Closed).Count());
        Assert.Empty(w.Book(EthPerp, asks: true));
        Assert.Empty(w.Book(EthPerp, asks: false));
    }

    [Fact]
    public void Expired_orders_leave_at_a_tick_or_when_met_and_never_fill()
    {
        World w = WithAccounts(Rich, Rich);
        Accept(w.Send(w.Order(2, EthPerp, true, 3, 500_000) with { Expiry = w.Now + 10 }));
        Accept(w.Send(w.Order(2, EthPerp, true, 4, 500_001) with { Expiry = w.Now + 11 }));
        Accept(w.Sell(2, EthPerp, 5, 500_002));
        Assert.Empty(Accept(w.Tick(9)).Events);
        Assert.Equal((RejectCode.Expired, 3L), (Accept(w.Tick(1)).Single(EventKind.Closed) is var c ? (c.Reason, c.Remaining.Value) : default));
        w.Now += 1;
        Result r = Accept(w.Buy(3, EthPerp, 5, 500_002));
        Assert.Equal((RejectCode.Expired, 4L), (r.Single(EventKind.Closed).Reason, r.Single(EventKind.Closed).Remaining.Value));
        Assert.Equal(5, r.Single(EventKind.Filled).Lots.Value);
    }

    [Fact]
    public void Cancelling_frees_book_slot_and_margin()
    {
        World w = WithAccounts(1_000_000);
        Accept(w.Send(w.Order(2, BtcPerp, false, 5, 1_000_000) with { Slot = 9, Nonce = 4 }));
        Assert.Equal(RejectCode.InsufficientMargin, w.Buy(2, BtcPerp, 5, 1_000_000).Code);
        EngineEvent closed = Accept(w.Cancel(2, 9, 4)).Single(EventKind.Closed);
        Assert.Equal((RejectCode.None, (byte)9, 4L, 5L), (closed.Reason, closed.Slot, closed.Nonce.Value, closed.Remaining.Value));
        Assert.Empty(w.Book(BtcPerp, asks: false));
        Assert.Equal(w.CashOf(2), w.View(2).ReservedHealth.Atoms);
        Accept(w.Buy(2, BtcPerp, 5, 1_000_000));
    }

    [Fact]
    public void A_cancel_kills_orders_up_to_its_nonce_also_ones_not_seen_yet()
    {
        World w = WithAccounts(Rich);
        Accept(w.Send(w.Order(2, EthPerp, false, 5, 400_000) with { Slot = 3, Nonce = 6 }));
        Assert.Equal(RejectCode.UnknownOrder, w.Cancel(2, 3, 5).Code);
        Accept(w.Cancel(2, 3, 8));
        Assert.Empty(w.Book(EthPerp, asks: false));
        Assert.Equal(RejectCode.ReplayedNonce, w.Send(w.Order(2, EthPerp, false, 5, 400_000) with { Slot = 3, Nonce = 8 }).Code);
        Accept(w.Send(w.Order(2, EthPerp, false, 5, 400_000) with { Slot = 3, Nonce = 9 }));
        // Before any order of a slot: the order in flight is refused when it arrives.
        Accept(w.Cancel(2, 250, 1));
        Assert.Equal(RejectCode.ReplayedNonce, w.Send(w.Order(2, EthPerp, false, 5, 400_000) with { Slot = 250, Nonce = 1 }).Code);
    }

    [Fact]
    public void A_proven_cancel_takes_a_row_and_spends_the_slot()
    {
        World w = WithAccounts(Rich, Rich);
        SignedRequest order = w.Order(2, EthPerp, false, 5, 500_000) with { Slot = 3, Nonce = 6 };
        Accept(w.Send(order));
        Accept(w.Sell(3, EthPerp, 2, 500_000));
        Result r = Accept(w.Cancel(2, 3, 6, proven: true));
        Assert.Equal(3, r.Single(EventKind.Closed).Remaining.Value);
        Assert.Equal(6, r.Single(EventKind.CancelProven).Nonce.Value);
        Assert.Equal(RejectCode.UnknownOrder, w.Cancel(2, 3, 6, proven: true).Code);
        Assert.Equal(RejectCode.ReplayedNonce, w.Cancel(2, 3, 5, proven: true).Code);

        SealedBatch batch = w.NextEpoch();
        Assert.Equal([(6L, 2L), (6L, (1L << 48) - 1)], batch.Rows.Where(x => x.Request.Account == 2).Select(x => (x.NewSlot.Nonce, x.NewSlot.Filled)));
        Assert.Equal(RejectCode.ReplayedNonce, w.Send(order).Code);
    }

    [Fact]
    public void An_order_that_fills_over_several_batches_continues_its_slot()
    {
        World w = WithAccounts(Rich, Rich);
        Accept(w.Send(w.Order(2, EthPerp, true, 9, 500_000) with { Slot = 77, Nonce = 12 }));
        Accept(w.Buy(3, EthPerp, 2, 500_000));
        Assert.Equal(new(12, 2), w.NextEpoch().Rows.Single(r => r.Request.Account == 2).NewSlot);
        Accept(w.Buy(3, EthPerp, 3, 500_000));
        SealedRow row = w.NextEpoch().Rows.Single(r => r.Request.Account == 2);
        Assert.Equal((new(12, 2), new(12, 5), 3L), (row.OldSlot, row.NewSlot, row.Fill));
        Accept(w.Buy(3, EthPerp, 4, 500_000));
        Assert.Empty(w.Book(EthPerp, asks: true));
        // The slot is free for a higher nonce, within the same batch.
        Accept(w.Send(w.Order(2, EthPerp, true, 1, 500_000) with { Slot = 77, Nonce = 13 }));
        Accept(w.Buy(3, EthPerp, 1, 500_000));
        Assert.Equal([new(12, 9), new(13, 1)], w.NextEpoch().Rows.Where(r => r.Request.Account == 2).Select(r => r.NewSlot));
    }

    [Fact]
    public void Spot_is_bought_with_cash_and_sold_from_what_is_held()
    {
        World w = WithAccounts(Rich, Rich);
        Accept(w.Deposit(2, EthSpot, 50));
        Accept(w.Sell(2, EthSpot, 30, 502_000));
        Assert.Equal(RejectCode.InsufficientBalance, w.Sell(2, EthSpot, 21, 502_000).Code);
        Accept(w.Sell(2, EthSpot, 20, 502_010));
        Accept(w.Buy(3, EthSpot, 35, 502_010));
        Assert.Equal((15L, 35L), (w.SizeOf(2, EthSpot), w.SizeOf(3, EthSpot)));
        Assert.Equal(Rich - (30L * 502_000 + 5 * 502_010) - Rounding.CeilDiv((30L * 502_000 + 5 * 502_010) * Taker, 1_000_000), w.CashOf(3));
        w.NextEpoch();
    }
}
