using Rollup.Crypto.Settlement;
using Rollup.Protocol;
using Rollup.Risk;
using static Rollup.Engine.Tests.World;

namespace Rollup.Engine.Tests;

/// <summary>Requests on L1: served as far as the account allows, never refused, and each batch passes the circuit's rules.</summary>
public class ServedTests
{
    private const int Asker = 2, Other = 3, Rich = 4, Third = 5;
    private const long Thousand = 1_000_000_000, Million = 1_000 * Thousand;

    private static readonly CircuitProfile Wide = new("test", 16, 64, 8, 2, 5, 3);

    /// <summary>The asker is long 10,000 lots of BTC at a dollar, of account 3.</summary>
    private static World Long(CircuitProfile? profile = null, long cash = 3 * Thousand)
    {
        World w = new World(profile ?? Wide).Opened().Funded(cash, Million, Million, Million);
        Accept(w.Sell(Other, BtcPerp, 10_000, 1_000_000));
        Accept(w.Buy(Asker, BtcPerp, 10_000, 1_000_000));
        w.NextEpoch();
        return w;
    }

    private static EngineEvent Served(Result result, RejectCode reason, long paid = 0)
    {
        EngineEvent e = Accept(result).Events.Single(e => e.Kind is EventKind.WithdrawalServed or EventKind.CloseServed);
        Assert.Equal((reason, paid), (e.Reason, e.Amount));
        return e;
    }

    /// <summary>Other prices before anything has executed.</summary>
    private static void Move(World w, long btc)
    {
        w.Marks[BtcPerp] = btc;
        w.Now += 1_000;
        w.Opened();
    }

    private static SealedBatch Sealed(World w) => w.NextEpoch();

    [Fact]
    public void A_withdrawal_is_paid_in_full()
    {
        World w = Long();
        long cash = w.CashOf(Asker);
        Accept(w.Buy(Asker, BtcPerp, 5, 900_000));
        EngineEvent e = Served(w.RequestWithdrawal(Asker, 0, 700), RejectCode.None, 700);
        Assert.Equal((Asker, 0), (e.Account.Value, e.Instrument.Value));
        Assert.Equal(cash - 700, w.CashOf(Asker));
        Assert.Single(w.View(Asker).Orders);
        // It goes on, and ends with its own money like whoever withdraws.
        Accept(w.Sell(Asker, BtcPerp, 5, 1_500_000));
        Assert.Equal(RejectCode.RequestServed, w.RequestWithdrawal(Asker, 0, 1).Code);
        SealedOperation o = Sealed(w).Operations.Single();
        Assert.Equal((700L, OwnerOf(Asker)), (o.Paid, o.Operation.Owner));
        Served(w.RequestWithdrawal(Asker, 0, 1), RejectCode.None, 1);
    }

    [Fact]
    public void It_is_paid_what_its_health_allows_and_nothing_else_happens_to_the_account()
    {
        World w = Long();
        Accept(w.Buy(Asker, BtcPerp, 5, 900_000));
        Accept(w.Sell(Asker, EthPerp, 1, 600_000));
        long health = w.View(Asker).Health.Atoms;
        Assert.InRange(health, 1, 3 * Thousand);
        Result result = w.RequestWithdrawal(Asker, 0, 3 * Thousand);
        Served(result, RejectCode.InsufficientBalance, health);
        Assert.Equal([RejectCode.RequestServed, RejectCode.RequestServed], result.Of(EventKind.Closed).Select(c => c.Reason));
        Assert.Equal(0, w.View(Asker).Health.Atoms);
        Assert.Empty(w.View(Asker).Orders);
        Assert.Equal(RejectCode.RequestServed, w.Sell(Asker, BtcPerp, 5, 900_000).Code);
        Assert.Equal(RejectCode.RequestServed, w.Withdraw(Asker, 0, 1).Code);
        Assert.Equal(RejectCode.RequestServed, w.Deposit(Asker, 0, 1).Code);
        Assert.Equal(1, w.Engine.Status.Reliefs);
        Sealed(w);
        Accept(w.Deposit(Asker, 0, 1));
        Served(w.RequestWithdrawal(Asker, 0, 9), RejectCode.InsufficientBalance, 1);
        Sealed(w);
    }

    [Fact]
    public void Of_cash_it_is_paid_its_own()
    {
        World w = Long();
        Accept(w.Deposit(Rich, EthSpot, 100_000));
        Served(w.RequestWithdrawal(Rich, 0, 2 * Million), RejectCode.InsufficientBalance, Million);
        // An account below its requirement gets nothing, and is not in anybody's way.
        Sealed(w);
        Move(w, 800_000);
        Assert.True(w.View(Asker).Health.Atoms < 0);
        Served(w.RequestWithdrawal(Asker, 0, 5), RejectCode.InsufficientBalance);
        Assert.True(Sealed(w).Operations.Single() is { Paid: 0, Block: 0 });
    }

    [Fact]
    public void Of_spot_it_is_paid_what_it_holds_or_what_its_health_lets_go()
    {
        World w = Long();
        Accept(w.Deposit(Asker, EthSpot, 900));
        Accept(w.Sell(Asker, EthSpot, 300, 600_000));
        Served(w.RequestWithdrawal(Asker, EthSpot, 200), RejectCode.None, 200);
        Assert.Single(w.View(Asker).Orders);
        Sealed(w);
        Result more = w.RequestWithdrawal(Asker, EthSpot, 450);
        Served(more, RejectCode.None, 450);
        // The order offered what has gone.
        Assert.Equal(RejectCode.RequestServed, more.Single(EventKind.Closed).Reason);
        Sealed(w);
        Served(w.RequestWithdrawal(Asker, EthSpot, 900), RejectCode.InsufficientBalance, 250);
        Assert.Equal(0, w.SizeOf(Asker, EthSpot));
        Sealed(w);
        Served(w.RequestWithdrawal(Asker, EthSpot, 3), RejectCode.InsufficientBalance);
        Sealed(w);
        // Of an asset that the engine does not list there is nothing.
        Served(w.RequestWithdrawal(Asker, 9, 3), RejectCode.InsufficientBalance);
        Sealed(w);

        // Spot carries its longs: as much of it goes as leaves the account healthy.
        Accept(w.Deposit(Asker, EthSpot, 9_000));
        w.NextEpoch();
        long most = Math.Min(w.View(Asker).Health.Atoms, OwnMoney(w));
        Served(w.RequestWithdrawal(Asker, 0, 9 * Thousand), RejectCode.InsufficientBalance, most);
        Sealed(w);
        Assert.Equal((0, 9_000L), (OwnMoney(w), w.SizeOf(Asker, EthSpot)));
        Result part = w.RequestWithdrawal(Asker, EthSpot, 9_000);
        Assert.InRange(part.Single(EventKind.WithdrawalServed).Amount, 1_000, 8_000);
        Assert.InRange(w.View(Asker).Health.Atoms, 0, 502_000);
        Sealed(w);
        // A debt of its own keeps all of it.
        Accept(w.Sell(Asker, BtcPerp, 2, 1_000_000));
        Accept(w.Buy(Third, BtcPerp, 2, 1_000_000));
        Sealed(w);
        Assert.True(OwnMoney(w) < 0);
        Served(w.RequestWithdrawal(Asker, EthSpot, 1), RejectCode.InsufficientBalance);
        Sealed(w);
    }

    private static long OwnMoney(World w) => w.CashOf(Asker) + w.SizeOf(Asker, BtcPerp) * w.Row(BtcPerp).Base;

    [Fact]
    public void Nothing_comes_of_a_strangers_request()
    {
        World w = Long();
        long cash = w.CashOf(Asker);
        Served(w.RequestWithdrawal(Asker, 0, 700, OwnerOf(Other)), RejectCode.NotOwner);
        Served(w.RequestClose(Other, OwnerOf(Asker)), RejectCode.NotOwner);
        Served(w.RequestWithdrawal(1, 0, 700, OwnerOf(Other)), RejectCode.NotOwner);
        Assert.Equal((cash, 10_000L), (w.CashOf(Asker), w.SizeOf(Asker, BtcPerp)));
        // It keeps nobody from anything but a request of one's own in the same batch.
        Assert.Equal(RejectCode.RequestServed, w.RequestWithdrawal(Asker, 0, 700).Code);
        Accept(w.Sell(Asker, BtcPerp, 5, 1_500_000));
        Accept(w.Withdraw(Asker, 0, 5));
        Assert.Equal(RejectCode.UnknownAccount, w.RequestClose(77).Code);
        Assert.Equal(RejectCode.NotWithdrawable, w.RequestWithdrawal(Rich, BtcPerp, 5).Code);
        Sealed(w);
        Assert.Equal(cash - 5, w.CashOf(Asker));
    }

    [Fact]
    public void It_waits_for_a_place()
    {
        World w = new World(new CircuitProfile("test", 16, 64, 8, 2, 5, 1)).Opened().Funded(Thousand, Thousand);
        Served(w.RequestWithdrawal(Asker, 0, 2 * Thousand), RejectCode.InsufficientBalance, Thousand);
        Assert.Equal(RejectCode.BatchReliefFull, w.RequestWithdrawal(Other, 0, 2 * Thousand).Code);
        Assert.Equal(RejectCode.BatchReliefFull, w.RequestClose(Other).Code);
        Sealed(w);
        Served(w.RequestWithdrawal(Other, 0, 2 * Thousand), RejectCode.InsufficientBalance, Thousand);
        Sealed(w);
    }

    [Fact]
    public void Whoever_is_liquidated_gets_nothing_and_is_served()
    {
        World w = LiquidationTests.Create(rules: new LiquidationConfig(FeeRate.FromPpm(3_000), 100 * Million, 100 * Million, 9, 10_000)).Opened().Funded(16_300_100_000, 100 * Million, 100 * Million);
        Accept(w.Sell(Other, BtcPerp, 100_000, 1_000_000));
        Accept(w.Buy(Asker, BtcPerp, 100_000, 1_000_000));
        Accept(w.Buy(Rich, BtcPerp, 1_000, 955_000));
        w.Marks[BtcPerp] = 950_000;
        w.NextEpoch();
        Assert.Equal(99_000, w.SizeOf(Asker, BtcPerp));
        Served(w.RequestWithdrawal(Asker, 0, 5, OwnerOf(Other)), RejectCode.NotOwner);
        Accept(w.Permit(RiskActions.All & ~RiskActions.Liquidate));
        Sealed(w);
        // What it lacks is shown; it is not liquidated further in that batch.
        Served(w.RequestWithdrawal(Asker, 0, 5), RejectCode.InsufficientBalance);
        Accept(w.Permit(RiskActions.All));
        Accept(w.Buy(Rich, BtcPerp, 1_000, 945_000));
        w.Tick(5);
        Assert.Equal(99_000, w.SizeOf(Asker, BtcPerp));
        Sealed(w);
        Assert.Equal(98_000, w.SizeOf(Asker, BtcPerp));
    }

    [Fact]
    public void Closing_takes_the_book_then_counterparties_at_the_bound()
    {
        World w = Long();
        Accept(w.Buy(Rich, BtcPerp, 4_000, 999_000));
        Accept(w.Buy(Rich, BtcPerp, 4_000, 500_000));
        Accept(w.Buy(Asker, BtcPerp, 5, 900_000));
        long bound = w.Row(BtcPerp).PriceBound, mark = w.Row(BtcPerp).Base + w.Row(BtcPerp).Funding, cash = w.CashOf(Asker);
        Assert.InRange(bound, 1, 400_000);
        Result result = w.RequestClose(Asker);
        Served(result, RejectCode.None);
        EngineEvent fill = result.Single(EventKind.Filled), against = result.Single(EventKind.ClosedAgainst);
        Assert.Equal((4_000L, RejectCode.RequestServed, Asker), (fill.Lots.Value, fill.Reason, fill.Account.Value));
        Assert.Equal((6_000L, mark - bound, Other), (against.Lots.Value, against.Price.AtomsPerLot, against.Maker.Value));
        Assert.Equal(cash + 4_000 * 999_000L + 6_000 * (mark - bound) - 10_000 * w.Fundings[BtcPerp], w.CashOf(Asker));
        Assert.Empty(w.View(Asker).Positions);
        Assert.Empty(w.View(Asker).Orders);
        Assert.Equal(RejectCode.RequestServed, w.Buy(Asker, BtcPerp, 5, 900_000).Code);
        SealedBatch batch = Sealed(w);
        Assert.Equal([(ForcedKind.Liquidation, true), (ForcedKind.Deleverage, true)], batch.Forced.Select(f => (f.Kind, f.Closing)));
        Assert.Null(batch.FundBlock);
    }

    [Fact]
    public void Counterparties_take_it_at_the_mark_if_the_bound_costs_more_than_there_is()
    {
        // What is left of the asker's money is a hundredth of its position.
        World w = Long();
        Move(w, 710_000);
        long mark = w.Row(BtcPerp).Base + w.Row(BtcPerp).Funding, left = OwnMoney(w);
        Assert.InRange(left, 1, 10_000 * w.Row(BtcPerp).PriceBound - 1);
        Result result = w.RequestClose(Asker);
        Served(result, RejectCode.None);
        Assert.Equal(mark, result.Single(EventKind.ClosedAgainst).Price.AtomsPerLot);
        Assert.Equal(left, w.CashOf(Asker));
        Sealed(w);
    }

    [Fact]
    public void Several_legs_and_settled_ones_close_together()
    {
        World w = new World(Wide, c => WithOptions(c, 5_000)).Opened().Funded(30 * Thousand, Million, Million, Million);
        foreach ((int seller, int instrument, long price) in new[] { (Other, BtcPerp, 1_000_000L), (Rich, EthPerp, 500_000), (Third, EthCall, 20_000) })
        {
            Accept(w.Sell(seller, instrument, 500, price));
            Accept(w.Buy(Asker, instrument, 500, price));
        }

        Accept(w.Deposit(Asker, EthSpot, 77));
        w.Now += 6_000;
        (w.Flags[EthCall], w.Marks[EthCall], w.Flags[EthPut], w.Marks[EthPut]) = (InstrumentFlags.Settled, 12_345, InstrumentFlags.Settled, 0);
        w.NextEpoch();
        Result result = w.RequestClose(Asker);
        Served(result, RejectCode.None);
        Assert.Equal(500 * 12_345, result.Single(EventKind.Converted).Amount);
        Assert.Equal([(Other, BtcPerp), (Rich, EthPerp)], result.Of(EventKind.ClosedAgainst).Select(e => (e.Maker.Value, e.Instrument.Value)));
        Assert.Equal(new Position(EthSpot, 77), w.View(Asker).Positions.Single());
        Sealed(w);
    }

    [Fact]
    public void With_few_rows_it_closes_in_part()
    {
        World w = new World(new CircuitProfile("test", 16, 64, 8, 2, 1, 1)).Opened().Funded(30 * Thousand, Million, Million);
        foreach ((int seller, int instrument, long price) in new[] { (Other, BtcPerp, 1_000_000L), (Rich, EthPerp, 500_000) })
        {
            Accept(w.Sell(seller, instrument, 500, price));
            Accept(w.Buy(Asker, instrument, 500, price));
        }

        w.NextEpoch();
        Served(w.RequestClose(Asker), RejectCode.NoLiquidity);
        Assert.Equal(new Position(EthPerp, 500), w.View(Asker).Positions.Single());
        Sealed(w);
        Served(w.RequestClose(Asker), RejectCode.None);
        Assert.Empty(w.View(Asker).Positions);
        Sealed(w);
    }

    [Fact]
    public void What_the_book_gives_is_shown_in_as_many_rows_as_there_are()
    {
        // Account 3 is insolvent, and takes nothing; the book takes seven lots.
        World w = Long();
        Accept(w.Withdraw(Other, 0, Million - 4 * Thousand));
        w.Marks[BtcPerp] = 1_500_000;
        w.NextEpoch();
        Assert.True(w.View(Other).Health.Atoms < 0);
        Assert.Equal(RejectCode.RequestServed, w.RequestClose(Asker).Code);
        Accept(w.Buy(Rich, BtcPerp, 7, 1_499_000));
        Served(w.RequestClose(Asker), RejectCode.NoLiquidity);
        Assert.Equal(9_993, w.SizeOf(Asker, BtcPerp));
        Assert.Equal([3, 1, 1, 1, 1], Sealed(w).Forced.Select(f => f.Fill));
    }

    [Fact]
    public void Nothing_is_closed_of_who_owes_or_holds_nothing()
    {
        World w = Long();
        Accept(w.Deposit(Asker, EthSpot, 100_000));
        w.Marks[BtcPerp] = 500_000;
        w.NextEpoch();
        Assert.True(OwnMoney(w) < 0 && w.View(Asker).Health.Atoms > 0);
        Served(w.RequestClose(Asker), RejectCode.InsufficientBalance);
        Served(w.RequestClose(Rich), RejectCode.None);
        Assert.Equal(10_000, w.SizeOf(Asker, BtcPerp));
        Sealed(w);
        // Who does something in the batch, or closes others, waits.
        Accept(w.Sell(Other, BtcPerp, 5, 900_000));
        Accept(w.Buy(Third, BtcPerp, 5, 900_000));
        Assert.Equal(RejectCode.RequestServed, w.RequestClose(Other).Code);
        Sealed(w);
        Served(w.RequestClose(Third), RejectCode.None);
        Sealed(w);
    }

    [Fact]
    public void An_engine_restored_amid_the_batch_goes_on()
    {
        World w = Long();
        Served(w.RequestClose(Asker), RejectCode.None);
        Served(w.RequestWithdrawal(Rich, 0, 2 * Million), RejectCode.InsufficientBalance, Million);
        Served(w.RequestWithdrawal(Third, 0, 5, OwnerOf(Other)), RejectCode.NotOwner);
        byte[] snapshot = w.Engine.Snapshot();
        var restored = ClearingEngine.Restore(w.Config, snapshot);
        Assert.True(snapshot.AsSpan().SequenceEqual(restored.Snapshot()));
        byte[] expected = SealedBatchFile.Write(Accept(w.Seal()).Batch!);
        w.Engine = restored;
        Assert.Equal(RejectCode.RequestServed, w.Buy(Asker, BtcPerp, 5, 900_000).Code);
        Assert.Equal(RejectCode.RequestServed, w.RequestWithdrawal(Third, 0, 5).Code);
        Assert.True(expected.AsSpan().SequenceEqual(SealedBatchFile.Write(Accept(w.Seal()).Batch!)));
    }
}
