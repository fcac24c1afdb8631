using Rollup.Crypto.Settlement;
using Rollup.Protocol;
using static Rollup.Engine.Tests.World;

namespace Rollup.Engine.Tests;

/// <summary>Blocks, rows, operations and risk buckets of a batch run out at execution, with their own codes.</summary>
public class CapacityTests
{
    private const long Rich = 1_000_000_000;

    /// <summary>Accounts 2..n+1, registered in earlier batches, so that the batch in progress is empty.</summary>
    private static World Empty(CircuitProfile profile, int accounts, Func<EngineConfig, EngineConfig>? change = null)
    {
        var w = new World(profile, change);
        w.Opened();
        for (int i = 0; i < accounts; i++)
        {
            Accept(w.Register(2 + i, Rich));
            w.NextEpoch();
        }

        return w;
    }

    [Fact]
    public void Blocks_count_both_accounts_and_the_fees()
    {
        World w = Empty(new CircuitProfile("blocks", 4, 50, 2, 1), 4);
        Accept(w.Sell(2, EthPerp, 1, 500_000));
        Accept(w.Sell(3, EthPerp, 1, 500_001));
        Accept(w.Sell(4, EthPerp, 1, 500_002));
        // Taker, fees and two makers are four blocks: the third maker does not fit.
        Result r = Accept(w.Buy(5, EthPerp, 5, 500_002));
        Assert.Equal([2, 3], r.Of(EventKind.Filled).Select(f => f.Maker.Value));
        Assert.Equal((RejectCode.BatchBlocksFull, 3L), (r.Single(EventKind.Closed).Reason, r.Single(EventKind.Closed).Remaining.Value));
        Assert.Equal([(500_002L, 1L)], w.Book(EthPerp, asks: true));
        byte[] before = w.Engine.StateDigest();
        Assert.Equal(RejectCode.BatchBlocksFull, w.Buy(5, EthPerp, 1, 500_002).Code);
        Assert.Equal(RejectCode.BatchBlocksFull, w.Buy(5, EthPerp, 1, 500_002, Ioc).Code);
        Assert.Equal(RejectCode.BatchBlocksFull, w.Buy(5, EthPerp, 1, 500_002, Fok).Code);
        Assert.Equal(RejectCode.BatchBlocksFull, w.Withdraw(4, 0, 5).Code);
        Assert.Equal(RejectCode.BatchBlocksFull, w.Deposit(4, 0, 5).Code);
        Assert.Equal(RejectCode.BatchBlocksFull, w.Register(9, 5).Code);
        Assert.Equal(RejectCode.BatchBlocksFull, w.Cancel(4, 100, 1, proven: true).Code);
        Assert.Equal(before, w.Engine.StateDigest());
        // Accounts that have a block go on, and resting takes none.
        Accept(w.Withdraw(2, 0, 5));
        Accept(w.Deposit(3, 0, 5));
        Accept(w.Buy(4, EthPerp, 1, 400_000));
        Assert.Equal(4, w.NextEpoch().Blocks.Length);
        Accept(w.Buy(5, EthPerp, 1, 500_002)).Single(EventKind.Filled);
    }

    [Fact]
    public void Without_fees_there_is_no_block_for_them()
    {
        World w = Empty(new CircuitProfile("blocks", 2, 50, 2, 1), 2, c => c with { MakerFee = FeeRate.Zero, TakerFee = FeeRate.Zero });
        Accept(w.Sell(2, EthPerp, 1, 500_000));
        Accept(w.Buy(3, EthPerp, 1, 500_000)).Single(EventKind.Filled);
        SealedBatch batch = w.NextEpoch();
        Assert.Equal([2, 3], batch.Blocks.Select(b => b.Account));
        Assert.Null(batch.FeeBlock);
    }

    [Fact]
    public void Rows_are_orders_filled_withdrawals_and_proven_cancels()
    {
        World w = Empty(new CircuitProfile("rows", 8, 5, 2, 1), 2);
        Accept(w.Sell(2, EthPerp, 10, 500_000));
        Accept(w.Buy(3, EthPerp, 1, 500_000));
        // The maker's row is there already: one more for the taker.
        Accept(w.Buy(3, EthPerp, 2, 500_000));
        Accept(w.Withdraw(2, 0, 5));
        Accept(w.Cancel(3, 90, 1, proven: true));
        byte[] before = w.Engine.StateDigest();
        Assert.Equal(RejectCode.BatchRowsFull, w.Buy(3, EthPerp, 1, 500_000).Code);
        Assert.Equal(RejectCode.BatchRowsFull, w.Withdraw(2, 0, 5).Code);
        Assert.Equal(RejectCode.BatchRowsFull, w.Cancel(3, 91, 1, proven: true).Code);
        Assert.Equal(before, w.Engine.StateDigest());
        Accept(w.Cancel(3, 92, 1));
        Accept(w.Deposit(2, 0, 5));
        Assert.Equal([RowKind.Order, RowKind.Order, RowKind.Order, RowKind.Withdrawal, RowKind.Cancel], w.NextEpoch().Rows.Select(r => r.Request.Kind));
        Accept(w.Buy(3, EthPerp, 1, 500_000));
    }

    [Fact]
    public void A_taker_stops_before_the_fill_whose_row_does_not_fit()
    {
        World w = Empty(new CircuitProfile("rows", 8, 3, 2, 1), 3);
        Accept(w.Sell(2, EthPerp, 1, 500_000));
        Accept(w.Sell(3, EthPerp, 2, 500_000));
        Accept(w.Sell(2, EthPerp, 4, 500_000));
        byte[] before = w.Engine.StateDigest();
        Assert.Equal(RejectCode.BatchRowsFull, w.Buy(4, EthPerp, 7, 500_000, Fok).Code);
        Assert.Equal(before, w.Engine.StateDigest());
        Result r = Accept(w.Buy(4, EthPerp, 7, 500_000, Ioc));
        Assert.Equal((3L, 4L, RejectCode.BatchRowsFull), (r.Of(EventKind.Filled).Sum(f => f.Lots.Value), r.Single(EventKind.Closed).Remaining.Value, r.Single(EventKind.Closed).Reason));
        Assert.Equal(3, w.NextEpoch().Rows.Length);
    }

    [Fact]
    public void Operations_run_out_bounced_ones_included()
    {
        World w = Empty(new CircuitProfile("operations", 8, 8, 2, 1), 1);
        Accept(w.Deposit(77, 0, 5)).Single(EventKind.Bounced);
        Accept(w.Deposit(2, 0, 5));
        byte[] before = w.Engine.StateDigest();
        Assert.Equal(RejectCode.BatchOperationsFull, w.Deposit(2, 0, 6).Code);
        Assert.Equal(RejectCode.BatchOperationsFull, w.Deposit(77, 0, 6).Code);
        Assert.Equal(before, w.Engine.StateDigest());
        w.NextEpoch();
        Accept(w.Deposit(2, 0, 6));
    }

    [Fact]
    public void Risk_buckets_of_the_batch_run_out()
    {
        World w = Empty(new CircuitProfile("buckets", 8, 20, 2, 1), 3);
        Accept(w.Sell(2, EthPerp, 1, 500_000));
        Accept(w.Sell(3, FarPerp, 1, 3_000_000));
        Accept(w.Buy(4, EthPerp, 1, 500_000)).Single(EventKind.Filled);
        // Account 4 now holds in bucket 0; room for bucket 1 it could never prove, and another account only in the next batch.
        byte[] before = w.Engine.StateDigest();
        Assert.Equal(RejectCode.BatchInstrumentsFull, w.Buy(4, FarPerp, 1, 3_000_000).Code);
        Assert.Equal(before, w.Engine.StateDigest());
        Accept(w.Register(5, Rich));
        Assert.Equal(RejectCode.BatchInstrumentsFull, w.Buy(5, FarPerp, 1, 3_000_000).Code);
        w.NextEpoch();
        Accept(w.Buy(5, FarPerp, 1, 3_000_000)).Single(EventKind.Filled);
        // Touching account 4 would open the bucket of what it holds.
        before = w.Engine.StateDigest();
        Assert.Equal(RejectCode.BatchInstrumentsFull, w.Deposit(4, 0, 5).Code);
        Assert.Equal(RejectCode.BatchInstrumentsFull, w.Withdraw(4, 0, 5).Code);
        Assert.Equal(before, w.Engine.StateDigest());
        w.NextEpoch();
        Accept(w.Deposit(4, 0, 5));
        w.NextEpoch();
    }

    [Fact]
    public void A_spot_deposit_that_its_account_could_never_prove_bounces()
    {
        World w = Empty(new CircuitProfile("buckets", 8, 20, 2, 1), 2);
        Accept(w.Sell(2, FarPerp, 1, 3_000_000));
        EngineEvent bounced = Accept(w.Deposit(2, EthSpot, 1)).Single(EventKind.Bounced);
        Assert.Equal(RejectCode.BatchInstrumentsFull, bounced.Reason);
        Accept(w.Deposit(3, EthSpot, 1)).Single(EventKind.Deposited);
    }
}
