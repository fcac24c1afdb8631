using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Protocol;
using static Rollup.Engine.Tests.World;

namespace Rollup.Engine.Tests;

/// <summary>Operations from the vault: taken in, or bounced with a reason and consumed all the same.</summary>
public class OperationTests
{
    private const long Rich = 1_000_000_000;

    private static EngineEvent Bounces(World w, RejectCode reason, Result result)
    {
        EngineEvent bounced = Accept(result).Single(EventKind.Bounced);
        Assert.Equal(reason, bounced.Reason);
        return bounced;
    }

    [Fact]
    public void A_registration_creates_the_account_with_its_first_deposit()
    {
        World w = new World().Opened();
        EngineEvent registered = Accept(w.Register(2, 1_234)).Single(EventKind.Registered);
        Assert.Equal((2, 1_234L), (registered.Account.Value, registered.Amount));
        AccountView view = w.View(2);
        Assert.Equal((1_234L, OwnerOf(2), ViewKeyOf(2)), (view.Cash.Atoms, view.Identity.Owner, view.Identity.ViewKey));
        Assert.Equal(KeyOf(2).PublicKey, w.Engine.KeyOf(AccountId.From(2)));

        SealedBatch batch = w.NextEpoch();
        Assert.True(batch.Blocks.Single().IsNew);
        Assert.Equal((OwnerOf(502), 0), (batch.Operations.Single().Depositor, batch.Operations.Single().Block));
        Assert.Equal(1u, w.View(2).Version);
    }

    [Fact]
    public void Registrations_that_are_refused_bounce_and_their_number_stays_free()
    {
        World w = new World().Opened();
        Operation good = Registration(2, 77);
        Bounces(w, RejectCode.ViewKeyMismatch, w.Operate(good, viewKey: null));
        Bounces(w, RejectCode.ViewKeyMismatch, w.Operate(good, ViewKeyOf(3)));
        Bounces(w, RejectCode.MalformedKey, w.Operate(good with { KeyX = good.KeyX + Fr.One }, ViewKeyOf(2)));
        // On the curve, of order 2: nobody can sign for it.
        Bounces(w, RejectCode.MalformedKey, w.Operate(good with { KeyX = Fr.Zero, KeyY = -Fr.One }, ViewKeyOf(2)));
        Bounces(w, RejectCode.AccountExists, w.Operate(good with { Account = 1 }, ViewKeyOf(2)));
        Assert.Null(w.Engine.View(AccountId.From(2)));
        Accept(w.Operate(good, ViewKeyOf(2))).Single(EventKind.Registered);
        Assert.Equal(77, Bounces(w, RejectCode.AccountExists, w.Operate(good, ViewKeyOf(2))).Amount);

        SealedBatch batch = w.NextEpoch();
        Assert.Equal([null, null, null, null, null, 0, null], batch.Operations.Select(o => o.Block));
        Assert.Equal((0L, 7), (batch.Header.FirstOperation, batch.Header.OperationCount));
    }

    [Fact]
    public void Deposits_credit_cash_and_spot()
    {
        World w = WithAccounts(1_000);
        EngineEvent cash = Accept(w.Deposit(2, 0, 234)).Single(EventKind.Deposited);
        Assert.Equal((2, 0, 234L), (cash.Account.Value, cash.Instrument.Value, cash.Amount));
        Accept(w.Deposit(2, EthSpot, 9));
        Assert.Equal((1_234L, 9L), (w.CashOf(2), w.SizeOf(2, EthSpot)));
        // 502,000 less 18% and 5%: what a spot lot adds as collateral.
        Assert.Equal(1_234 + 9 * (502_000 - 90_360 - 25_100), w.View(2).Health.Atoms);
        SealedBatch batch = w.NextEpoch();
        Assert.Equal([0, 0, 0], batch.Operations.Select(o => o.Block!.Value));
    }

    [Fact]
    public void Deposits_that_are_refused_bounce()
    {
        World w = new World(new CircuitProfile("many", 16, 64, 64, 1));
        w.Opened().Funded(Rich, Rich);
        Bounces(w, RejectCode.UnknownAccount, w.Deposit(4, 0, 5));
        Bounces(w, RejectCode.ZeroSize, w.Deposit(2, 0, 0));
        Bounces(w, RejectCode.UnknownInstrument, w.Deposit(2, 5, 5));
        Bounces(w, RejectCode.NotWithdrawable, w.Deposit(2, BtcPerp, 5));
        Bounces(w, RejectCode.PositionOutOfRange, w.Deposit(2, EthSpot, 1L << 44));
        Bounces(w, RejectCode.ExposureOutOfRange, w.Deposit(2, EthSpot, 1L << 40));
        Accept(w.Buy(2, BtcPerp, 2, 1_000_000));
        Accept(w.Buy(2, SolPerp, 1, 20_000));
        Bounces(w, RejectCode.AccountGroupsFull, w.Deposit(2, EthSpot, 5));
        Accept(w.Deposit(3, EthSpot, 5)).Single(EventKind.Deposited);
        w.NextEpoch();
    }

    [Fact]
    public void A_deposit_beyond_the_cash_range_bounces()
    {
        World w = new World(new CircuitProfile("many", 4, 4, 5_000, 1));
        w.Opened().Funded((1L << 48) - 1);
        for (int i = 1; i < 1 << 12; i++) Accept(w.Deposit(2, 0, (1L << 48) - 1));
        Accept(w.Deposit(2, 0, 1 << 12)).Single(EventKind.Deposited);
        Assert.Equal(1L << 60, w.CashOf(2));
        Bounces(w, RejectCode.ExposureOutOfRange, w.Deposit(2, 0, 1));
    }

    [Fact]
    public void AccountSlotsFull_bounces_a_spot_deposit()
    {
        var w = new World(change: c => c with
        {
            Instruments = [.. Enumerable.Range(1, 17).Select(i => new InstrumentSpec(i, i == 17 ? InstrumentKind.Spot : InstrumentKind.Perpetual, 1, 1, 1))],
        });
        for (int i = 1; i <= 17; i++) w.Marks[i] = 100_000 + i;
        w.Fundings.Clear();
        w.Opened().Funded(Rich);
        for (int i = 1; i <= 16; i++) Accept(w.Buy(2, i, 1, 100_000));
        Bounces(w, RejectCode.AccountSlotsFull, w.Deposit(2, 17, 5));
        Accept(w.Cancel(2, 0, 1));
        Accept(w.Deposit(2, 17, 5)).Single(EventKind.Deposited);
    }

    [Fact]
    public void A_deposit_that_leaves_its_account_unhealthy_bounces()
    {
        World w = Unhealthy(out long shortfall);
        Bounces(w, RejectCode.InsufficientMargin, w.Deposit(2, 0, shortfall - 1));
        Accept(w.Deposit(2, 0, shortfall)).Single(EventKind.Deposited);
        Assert.Equal(0, w.View(2).Health.Atoms);
        w.NextEpoch();
    }

    [Fact]
    public void A_spot_deposit_that_leaves_its_account_unhealthy_bounces()
    {
        World w = Unhealthy(out _);
        Bounces(w, RejectCode.InsufficientMargin, w.Deposit(2, EthSpot, 1));
        Accept(w.Deposit(2, EthSpot, 50)).Single(EventKind.Deposited);
        w.NextEpoch();
    }

    /// <summary>Account 2 is long 10 of BTC from 1,000,000 with 1.7M, and the price falls to 950,000 and the epoch with it.</summary>
    internal static World Unhealthy(out long shortfall)
    {
        World w = WithAccounts(1_620_000, Rich, Rich);
        Accept(w.Buy(2, BtcPerp, 10, 1_000_000));
        Accept(w.Sell(3, BtcPerp, 10, 1_000_000));
        w.Marks[BtcPerp] = 950_000;
        w.NextEpoch();
        shortfall = -w.View(2).Health.Atoms;
        Assert.InRange(shortfall, 400_000, 500_000);
        return w;
    }

    [Fact]
    public void A_batch_of_bounces_alone_shows_an_unchanged_block()
    {
        World w = new World().Opened();
        Bounces(w, RejectCode.UnknownAccount, w.Deposit(2, 0, 5));
        SealedBatch batch = w.NextEpoch();
        SealedBlock block = Assert.Single(batch.Blocks);
        Assert.Equal((0, batch.OldRoot), (block.Account, batch.NewRoot));
        Assert.Equal(block.Old, block.New);
    }
}
