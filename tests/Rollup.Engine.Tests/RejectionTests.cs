using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Protocol;
using static Rollup.Engine.Tests.World;

namespace Rollup.Engine.Tests;

/// <summary>Every code the engine rejects or bounces with, each beside what is accepted; and that a rejection leaves no trace.</summary>
public class RejectionTests
{
    private const long Rich = 1_000_000_000;

    [Fact]
    public void Every_code_is_explained()
    {
        string document = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "ENGINE.md"));
        foreach (RejectCode code in Enum.GetValues<RejectCode>().Where(c => c != RejectCode.None))
            Assert.Matches($@"\| .*\b{code}\b.* \|", document);
    }

    private static World Standard() => WithAccounts(Rich, Rich);

    /// <summary>The command is refused with the code and without a trace; the control, which differs in what the code is about, is accepted.</summary>
    private static void Rejects(World w, RejectCode code, Func<Result> command, Func<Result> control)
    {
        byte[] before = w.Engine.StateDigest();
        Result rejected = command();
        Assert.Equal(code, rejected.Code);
        Assert.Empty(rejected.Events);
        Assert.Null(rejected.Batch);
        Assert.Equal(before, w.Engine.StateDigest());
        Accept(control());
        Assert.NotEqual(before, w.Engine.StateDigest());
    }

    public static TheoryData<RejectCode, Func<SignedRequest, SignedRequest>> BadOrders() => new()
    {
        { RejectCode.Malformed, r => r with { Nonce = 0 } },
        { RejectCode.Malformed, r => r with { Flags = 3 } },
        { RejectCode.Malformed, r => r with { Flags = 0x30 } },
        { RejectCode.Malformed, r => r with { Flags = 0x80 } },
        { RejectCode.Malformed, r => r with { Flags = PostOnly | Ioc } },
        { RejectCode.Malformed, r => r with { Flags = PostOnly | Fok } },
        { RejectCode.Malformed, r => r with { Flags = Market } },
        { RejectCode.Malformed, r => r with { Kind = RowKind.Disabled } },
        { RejectCode.UnknownAccount, r => r with { Account = 9 } },
        { RejectCode.UnknownInstrument, r => r with { Instrument = 5 } },
        { RejectCode.UnknownInstrument, r => r with { Instrument = 0 } },
        { RejectCode.UnknownInstrument, r => r with { Instrument = (1 << 18) - 1 } },
        { RejectCode.Expired, r => r with { Expiry = Start } },
        { RejectCode.ZeroSize, r => r with { Size = 0 } },
        { RejectCode.SizeOutOfRange, r => r with { Size = 1 } },
        { RejectCode.SizeOutOfRange, r => r with { Size = 1L << 44 } },
        { RejectCode.SizeOutOfRange, r => r with { Size = (1L << 48) - 1 } },
        { RejectCode.PriceOutOfRange, r => r with { Limit = 0 } },
        { RejectCode.PriceOutOfRange, r => r with { Limit = 0, Flags = Market | Ioc } },
        { RejectCode.PriceOffTick, r => r with { Limit = 999_996 } },
        { RejectCode.FeeRateTooLow, r => r with { FeeRate = Taker - 1 } },
        { RejectCode.FeeRateTooLow, r => r with { FeeRate = Maker - 1, Flags = PostOnly } },
        { RejectCode.ExposureOutOfRange, r => r with { Size = (1L << 44) - 1 } },
        { RejectCode.InsufficientMargin, r => r with { Size = 10_000 } },
        { RejectCode.ReduceOnlyWouldIncrease, r => r with { Flags = ReduceOnly } },
        { RejectCode.NoLiquidity, r => r with { Flags = Ioc } },
        { RejectCode.FillOrKillUnfilled, r => r with { Flags = Fok } },
    };

    [Theory]
    [MemberData(nameof(BadOrders))]
    public void Orders_that_break_a_rule(RejectCode code, Func<SignedRequest, SignedRequest> change)
    {
        World w = Standard();
        SignedRequest good = w.Order(2, BtcPerp, false, 3, 999_995);
        Rejects(w, code, () => w.Send(change(good)), () => w.Send(good));
    }

    [Fact]
    public void Smallest_fee_offers_that_pass()
    {
        World w = Standard();
        Accept(w.Send(w.Order(2, BtcPerp, false, 3, 999_995) with { FeeRate = Taker }));
        Accept(w.Send(w.Order(2, BtcPerp, false, 3, 999_995, PostOnly) with { FeeRate = Maker }));
        // Immediate orders pay the taker's rate alone; makers may be dearer.
        var dear = new World(change: c => c with { MakerFee = FeeRate.FromPpm(600) });
        dear.Opened().Funded(Rich, Rich);
        Accept(dear.Send(dear.Order(2, BtcPerp, true, 3, 999_995) with { FeeRate = 600 }));
        Rejects(dear, RejectCode.FeeRateTooLow,
            () => dear.Send(dear.Order(3, BtcPerp, false, 2, 999_995) with { FeeRate = 599 }),
            () => dear.Send(dear.Order(3, BtcPerp, false, 2, 999_995, Ioc) with { FeeRate = Taker }));
    }

    [Fact]
    public void BadSignature_and_malformed_words_stop_at_the_verifier()
    {
        var verifier = new RequestVerifier(Domain);
        SignedRequest request = Standard().Order(2, BtcPerp, true, 3, 999_995);
        EddsaPublicKey key = KeyOf(2).PublicKey;
        EddsaSignature signature = KeyOf(2).Sign(request.Message(Domain));
        Assert.Equal(RejectCode.None, verifier.Verify(request.Pack(), signature, key, out VerifiedRequest? verified));
        Assert.Equal((request, signature, key), (verified!.Request, verified.Signature, verified.Key));

        Assert.Equal(RejectCode.BadSignature, verifier.Verify((request with { Size = 4 }).Pack(), signature, key, out verified));
        Assert.Null(verified);
        Assert.Equal(RejectCode.BadSignature, verifier.Verify(request.Pack(), signature with { S = signature.S + Fr.One }, key, out _));
        Assert.Equal(RejectCode.BadSignature, verifier.Verify(request.Pack(), signature, KeyOf(3).PublicKey, out _));
        Assert.Equal(RejectCode.BadSignature, new RequestVerifier(Domain + Fr.One).Verify(request.Pack(), signature, key, out _));
        Fr tooLong = new WordWriter().Add(0, 121).Add(0, 121).Add(1, 1).ToField();
        Assert.Equal(RejectCode.Malformed, verifier.Verify(request.Pack() + tooLong, signature, key, out _));

        // Many at once, beside each other.
        SignedWord good = new(request.Pack(), signature, key);
        SignedWord[] items =
        [
            good, good with { Word = (request with { Size = 4 }).Pack() }, good with { Word = good.Word + tooLong }, good, good with { Key = KeyOf(3).PublicKey },
            good with { Signature = signature with { S = signature.S + Fr.One } }, good with { Word = Fr.FromUInt64(7) }, good with { Key = default }, good,
        ];
        var codes = new RejectCode[items.Length];
        verifier.VerifyMany(items, codes);
        Assert.Equal(items.Select(item => verifier.Verify(item.Word, item.Signature, item.Key, out _)), codes);
        Assert.Equal([RejectCode.None, RejectCode.BadSignature, RejectCode.Malformed], codes[..3]);
        Assert.Throws<ArgumentException>(() => verifier.VerifyMany(items, codes.AsSpan(1)));

        Assert.Equal(RejectCode.Malformed, RequestVerifier.Restore(Fr.FromUInt64(7), signature, key, out _));
        Assert.Equal(RejectCode.None, RequestVerifier.Restore(request.Pack(), signature, key, out _));
    }

    [Fact]
    public void NotOwner()
    {
        World w = Standard();
        SignedRequest request = w.Order(2, BtcPerp, false, 3, 999_995);
        RequestVerifier.Restore(request.Pack(), default, KeyOf(3).PublicKey, out VerifiedRequest? stolen);
        Rejects(w, RejectCode.NotOwner, () => w.Apply(Command.Request(Timestamp.FromMilliseconds(w.Now), stolen!)), () => w.Send(request));
        // Nobody owns the fee account.
        Assert.Equal(RejectCode.NotOwner, w.Send(request with { Account = 0 }).Code);
    }

    [Fact]
    public void ReplayedNonce_and_SlotBusy()
    {
        World w = Standard();
        SignedRequest first = w.Order(2, BtcPerp, false, 3, 999_995) with { Slot = 7, Nonce = 5 };
        Accept(w.Send(first));
        byte[] before = w.Engine.StateDigest();
        Assert.Equal(RejectCode.ReplayedNonce, w.Send(first).Code);
        Assert.Equal(RejectCode.ReplayedNonce, w.Send(first with { Nonce = 4 }).Code);
        Assert.Equal(RejectCode.SlotBusy, w.Send(first with { Nonce = 6 }).Code);
        Assert.Equal(RejectCode.SlotBusy, w.Send(new SignedRequest(RowKind.Withdrawal, 0, true, 0, 2, 7, 100, 0, 0, first.Expiry, 6)).Code);
        Assert.Equal(before, w.Engine.StateDigest());
        Accept(w.Send(first with { Slot = 8 }));
        Accept(w.Cancel(2, 7, 5));
        Assert.Equal(RejectCode.ReplayedNonce, w.Send(first).Code);
        Accept(w.Send(first with { Nonce = 6 }));
    }

    [Fact]
    public void A_nonce_is_not_spent_by_a_rejection()
    {
        World w = Standard();
        SignedRequest order = w.Order(2, BtcPerp, false, 3, 999_995, Ioc);
        Assert.Equal(RejectCode.NoLiquidity, w.Send(order).Code);
        Accept(w.Sell(3, BtcPerp, 3, 999_995));
        Accept(w.Send(order)).Single(EventKind.Filled);
    }

    [Fact]
    public void InsufficientMargin_to_the_atom()
    {
        // 10 lots of the perpetual at 1,000,000: reserve = 10 x (1,000,000 + fee 450 - (1,000,000 - 150,000 - 10,000)).
        const long Need = 10 * (450 + 160_000);
        World w = WithAccounts(Need - 1, Need);
        Rejects(w, RejectCode.InsufficientMargin, () => w.Buy(2, BtcPerp, 10, 1_000_000), () => w.Buy(3, BtcPerp, 10, 1_000_000));
        Assert.Equal(0, w.View(3).ReservedHealth.Atoms);
        // One side of the book reserves at a time: the same margin carries offers to sell, as far as they do not need more.
        Accept(w.Sell(3, BtcPerp, 10, 1_000_000 + 450 + 450));
        Assert.Equal(RejectCode.InsufficientMargin, w.Sell(3, BtcPerp, 2, 1_000_000).Code);
    }

    [Fact]
    public void A_bid_far_below_the_market_gives_no_credit_to_one_at_the_market()
    {
        World w = WithAccounts(10 * 160_450);
        Accept(w.Buy(2, BtcPerp, 1_000, 5));
        Assert.Equal(RejectCode.InsufficientMargin, w.Buy(2, BtcPerp, 11, 1_000_000).Code);
        Accept(w.Buy(2, BtcPerp, 10, 1_000_000));
    }

    [Fact]
    public void InsufficientBalance_for_spot_and_withdrawals()
    {
        World w = Standard();
        Accept(w.Deposit(2, EthSpot, 10));
        Rejects(w, RejectCode.InsufficientBalance, () => w.Sell(2, EthSpot, 11, 502_000), () => w.Sell(2, EthSpot, 4, 502_000));
        Rejects(w, RejectCode.InsufficientBalance, () => w.Withdraw(2, EthSpot, 7), () => w.Withdraw(2, EthSpot, 6));
        Rejects(w, RejectCode.InsufficientBalance, () => w.Withdraw(2, 0, Rich + 1), () => w.Withdraw(2, 0, Rich));
        Rejects(w, RejectCode.InsufficientBalance, () => w.Withdraw(3, EthSpot, 1), () => w.Withdraw(3, 0, 1));
    }

    [Fact]
    public void Withdrawals_need_the_margin_of_positions_and_orders()
    {
        World w = WithAccounts(Rich, Rich);
        Accept(w.Sell(2, BtcPerp, 10, 1_000_000));
        Accept(w.Buy(3, BtcPerp, 10, 1_000_000));
        Accept(w.Sell(2, BtcPerp, 10, 1_000_000));
        long free = w.View(2).ReservedHealth.Atoms;
        Rejects(w, RejectCode.InsufficientMargin, () => w.Withdraw(2, 0, free + 1), () => w.Withdraw(2, 0, free));
        Assert.Equal(0, w.View(2).ReservedHealth.Atoms);
    }

    public static TheoryData<RejectCode, Func<SignedRequest, SignedRequest>> BadWithdrawals() => new()
    {
        { RejectCode.Malformed, r => r with { IsSell = false } },
        { RejectCode.Malformed, r => r with { Limit = 1 } },
        { RejectCode.Malformed, r => r with { FeeRate = 1 } },
        { RejectCode.Malformed, r => r with { Flags = 1 } },
        { RejectCode.ZeroSize, r => r with { Size = 0 } },
        { RejectCode.UnknownInstrument, r => r with { Instrument = 6 } },
        { RejectCode.NotWithdrawable, r => r with { Instrument = BtcPerp } },
        { RejectCode.Expired, r => r with { Expiry = Start } },
    };

    [Theory]
    [MemberData(nameof(BadWithdrawals))]
    public void Withdrawals_that_break_a_rule(RejectCode code, Func<SignedRequest, SignedRequest> change)
    {
        World w = Standard();
        var good = new SignedRequest(RowKind.Withdrawal, 0, true, 0, 2, 1, 1_000, 0, 0, w.Now + 1, 1);
        Rejects(w, code, () => w.Send(change(good)), () => w.Send(good));
    }

    public static TheoryData<RejectCode, Func<SignedRequest, SignedRequest>> BadCancels() => new()
    {
        { RejectCode.Malformed, r => r with { IsSell = true } },
        { RejectCode.Malformed, r => r with { Instrument = BtcPerp } },
        { RejectCode.Malformed, r => r with { Size = 1 } },
        { RejectCode.Malformed, r => r with { Limit = 1 } },
        { RejectCode.Malformed, r => r with { FeeRate = 1 } },
        { RejectCode.Malformed, r => r with { Flags = 1 } },
        { RejectCode.UnknownOrder, r => r with { Nonce = 2 } },
        { RejectCode.Expired, r => r with { Expiry = Start } },
    };

    [Theory]
    [MemberData(nameof(BadCancels))]
    public void Cancels_that_break_a_rule(RejectCode code, Func<SignedRequest, SignedRequest> change)
    {
        World w = Standard();
        Accept(w.Send(w.Order(2, BtcPerp, false, 3, 999_995) with { Slot = 4, Nonce = 3 }));
        var good = new SignedRequest(RowKind.Cancel, 0, false, 0, 2, 4, 0, 0, 0, w.Now + 1, 3);
        Rejects(w, code, () => w.Send(change(good)), () => w.Send(good));
    }

    [Fact]
    public void Position_slots_and_groups_count_open_orders_as_filled()
    {
        World w = Standard();
        Accept(w.Buy(2, BtcPerp, 2, 1_000_000));
        Accept(w.Buy(2, EthPerp, 1, 500_000));
        Rejects(w, RejectCode.AccountGroupsFull, () => w.Buy(2, SolPerp, 1, 20_000), () => w.Buy(2, FarPerp, 1, 3_000_000));
        Accept(w.Cancel(2, 0, 1));
        Assert.Equal(RejectCode.AccountGroupsFull, w.Buy(2, SolPerp, 1, 20_000).Code);
        Accept(w.Cancel(2, 3, 1));
        Accept(w.Buy(2, SolPerp, 1, 20_000));
    }

    [Fact]
    public void AccountSlotsFull_with_the_seventeenth_instrument()
    {
        var w = new World(change: c => c with
        {
            Instruments = [.. Enumerable.Range(1, 17).Select(i => new InstrumentSpec(i, InstrumentKind.Perpetual, 1, 1, 1))],
        });
        for (int i = 1; i <= 17; i++) w.Marks[i] = 100_000 + i;
        w.Opened().Funded(Rich);
        for (int i = 1; i <= 16; i++) Accept(w.Buy(2, i, 1, 100_000));
        Rejects(w, RejectCode.AccountSlotsFull, () => w.Buy(2, 17, 1, 100_000), () => w.Buy(2, 16, 1, 100_000));
        Accept(w.Cancel(2, 0, 1));
        Accept(w.Buy(2, 17, 1, 100_000));
    }

    [Fact]
    public void PositionOutOfRange_counts_open_orders()
    {
        var w = new World();
        w.Marks[EthPerp] = 1;
        w.Fundings[EthPerp] = 0;
        w.Opened().Funded(1L << 47);
        Accept(w.Buy(2, EthPerp, 1L << 43, 1));
        Rejects(w, RejectCode.PositionOutOfRange, () => w.Buy(2, EthPerp, 1L << 43, 1), () => w.Buy(2, EthPerp, (1L << 43) - 1, 1));
        Accept(w.Sell(2, EthPerp, 1L << 43, 2));
        Rejects(w, RejectCode.PositionOutOfRange, () => w.Sell(2, EthPerp, 1L << 43, 2), () => w.Sell(2, EthPerp, (1L << 43) - 1, 2));
    }

    [Fact]
    public void ExposureOutOfRange_is_a_bound_on_all_orders_and_positions()
    {
        World w = WithAccounts(1L << 47);
        w.Deposit(2, 0, 1L << 47);
        long size = (1L << 57) / (3 * 3_450_000L);
        Rejects(w, RejectCode.ExposureOutOfRange, () => w.Buy(2, FarPerp, 4 * size, 3_000_000), () => w.Buy(2, FarPerp, 10, 3_000_000));
        Assert.Equal(RejectCode.InsufficientMargin, w.Buy(2, FarPerp, size, 3_000_000).Code);
    }

    [Fact]
    public void OpenOrdersFull_and_BookFull()
    {
        var w = new World(change: c => c with { MaxOpenOrders = 3, MaxBookOrders = 4 });
        w.Opened().Funded(Rich, Rich);
        for (int i = 0; i < 3; i++) Accept(w.Buy(2, EthPerp, 1, 400_000 + i));
        Rejects(w, RejectCode.OpenOrdersFull, () => w.Buy(2, BtcPerp, 2, 900_000), () => w.Buy(3, EthPerp, 1, 400_001));
        Rejects(w, RejectCode.BookFull, () => w.Buy(3, EthPerp, 1, 400_002), () => w.Buy(3, BtcPerp, 2, 900_000));
        // What cannot rest needs no room.
        Accept(w.Sell(3, EthPerp, 1, 400_002, Ioc));
        Accept(w.Buy(2, BtcPerp, 2, 900_000));
    }

    [Fact]
    public void TimeWentBack()
    {
        World w = Standard();
        Accept(w.Tick(10));
        w.Now -= 1;
        Rejects(w, RejectCode.TimeWentBack, () => w.Buy(2, BtcPerp, 2, 1_000_000), () =>
        {
            w.Now += 1;
            return w.Buy(2, BtcPerp, 2, 1_000_000);
        });
    }

    [Fact]
    public void Nothing_executes_without_an_epoch_or_after_its_longest()
    {
        World w = Standard();
        Accept(w.Send(w.Order(2, BtcPerp, false, 2, 900_000) with { Slot = 201, Nonce = 1 }));
        Accept(w.Send(w.Order(2, BtcPerp, false, 2, 900_000) with { Slot = 202, Nonce = 1 }));
        w.Now += w.Config.MaxEpoch + 1;
        CheckClosed(w);
        SealedBatch batch = Accept(w.Seal()).Batch!;
        Assert.Equal((Start, Start + w.Config.MaxEpoch), (batch.Header.Open, batch.Header.Close));
        Assert.Equal(RejectCode.EpochClosed, w.Seal().Code);
        CheckClosed(w);
        // A plain cancel needs no batch.
        Accept(w.Cancel(2, 201, 1));
        w.Opened();
        Accept(w.Cancel(2, 202, 1, proven: true));
        Accept(w.Buy(2, BtcPerp, 2, 1_000_000));
    }

    private static void CheckClosed(World w)
    {
        Assert.Equal(RejectCode.EpochClosed, w.Buy(2, BtcPerp, 2, 1_000_000).Code);
        Assert.Equal(RejectCode.EpochClosed, w.Withdraw(2, 0, 1).Code);
        Assert.Equal(RejectCode.EpochClosed, w.Deposit(2, 0, 1).Code);
        Assert.Equal(RejectCode.EpochClosed, w.Cancel(2, 202, 1, proven: true).Code);
    }

    [Fact]
    public void Epochs_open_once_and_in_order()
    {
        World w = new();
        Rejects(w, RejectCode.StaleEpoch, () => w.Open(i => i with { Batch = 2 }), () => w.Open());
        // Nothing has executed: the prices may be renewed, but only by newer ones.
        w.Now += 100;
        Rejects(w, RejectCode.StaleEpoch, () => w.Open(i => i with { ObservedAt = Timestamp.FromMilliseconds(Start) }), () => w.Open());
        w.Now += 20_000;
        Rejects(w, RejectCode.StaleEpoch, () => w.Open(i => i with { ObservedAt = Timestamp.FromMilliseconds(w.Now - 10_001) }),
            () => w.Open(i => i with { ObservedAt = Timestamp.FromMilliseconds(w.Now - 10_000) }));
        Assert.Equal(RejectCode.StaleEpoch, w.Open(i => i with { ObservedAt = Timestamp.FromMilliseconds(w.Now + 1) }).Code);
        Assert.Equal(1u, w.Engine.Status.Batch);
        w.Funded(Rich);
        w.Now += 1;
        Rejects(w, RejectCode.EpochAlreadyOpen, () => w.Open(), () => w.Seal());
        Accept(w.Open());
        Assert.Equal(2u, w.Engine.Status.Batch);
    }

    [Fact]
    public void BadRiskInput()
    {
        World w = new();
        byte[] good = w.Inputs().Encode();
        foreach (byte[] bad in new[] { [], good[..^1], [.. good, 0] })
            Assert.Equal(RejectCode.BadRiskInput, w.Apply(Command.OpenEpoch(Timestamp.FromMilliseconds(w.Now), bad)).Code);
        Assert.Equal(RejectCode.BadRiskInput, w.Open(i => i with { Instruments = i.Instruments[1..] }).Code);
        Assert.Equal(RejectCode.BadRiskInput, w.Open(i => i with { Instruments = [.. i.Instruments.Select(t => t.Id == SolPerp ? t with { Group = 2 } : t)] }).Code);
        Assert.Equal(RejectCode.BadRiskInput, w.Open(i => i with { Instruments = [.. i.Instruments.Select(t => t.Id == SolPerp ? t with { Kind = InstrumentKind.Spot, Funding = 0 } : t)] }).Code);
        Accept(w.Open());
    }

    [Fact]
    public void BadRiskInput_when_an_account_would_leave_the_margin_arithmetic()
    {
        var w = new World();
        w.Marks[EthPerp] = 1;
        w.Fundings[EthPerp] = 0;
        w.Opened().Funded(1L << 47);
        Accept(w.Buy(2, EthPerp, 1L << 43, 1));
        Accept(w.Seal());
        w.Now += 1;
        w.Marks[EthPerp] = 1 << 20;
        Rejects(w, RejectCode.BadRiskInput, () => w.Open(), () =>
        {
            w.Marks[EthPerp] = 1 << 10;
            return w.Open();
        });
    }

    [Fact]
    public void InstrumentNotTradable()
    {
        World w = Standard();
        Accept(w.Buy(2, SolPerp, 5, 20_000));
        Accept(w.Buy(2, BtcPerp, 5, 1_000_000));
        w.Flags[SolPerp] = InstrumentFlags.Delisted;
        Accept(w.Seal());
        w.Now += 1;
        EngineEvent closed = Accept(w.Open()).Single(EventKind.Closed);
        Assert.Equal((RejectCode.InstrumentNotTradable, SolPerp), (closed.Reason, closed.Instrument.Value));
        Rejects(w, RejectCode.InstrumentNotTradable, () => w.Buy(3, SolPerp, 5, 20_000), () => w.Buy(3, BtcPerp, 5, 1_000_000));
    }

    [Fact]
    public void NothingToSeal()
    {
        World w = new World().Opened();
        Rejects(w, RejectCode.NothingToSeal, () => w.Seal(), () => w.Register(2, 5));
        Accept(w.Seal());
    }

    [Fact]
    public void Operations_come_in_order_and_well_formed()
    {
        World w = Standard();
        Rejects(w, RejectCode.OperationOutOfOrder, () => w.Operate(DepositOf(2, 0, 5), index: 3), () => w.Operate(DepositOf(2, 0, 5)));
        Rejects(w, RejectCode.OperationOutOfOrder, () => w.Operate(DepositOf(2, 0, 6), index: 1), () => w.Operate(DepositOf(2, 0, 6)));
        foreach (Operation bad in new[]
        {
            DepositOf(2, 0, 7) with { Kind = OperationKind.None }, DepositOf(-1, 0, 7), DepositOf(1 << 24, 0, 7), DepositOf(2, 1 << 18, 7),
            DepositOf(2, 0, -1), DepositOf(2, 0, 1L << 48), Registration(9, 5) with { Asset = EthSpot },
        })
            Rejects(w, RejectCode.Malformed, () => w.Apply(Command.Operation(Timestamp.FromMilliseconds(w.Now),
                new QueuedOperation(w.Engine.Status.NextOperation, bad, default, ViewKeyOf(9)))), () => w.Tick(1));
    }
}
