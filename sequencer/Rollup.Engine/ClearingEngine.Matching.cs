using Rollup.Crypto.Settlement;
using Rollup.Engine.State;
using Rollup.Protocol;
using Rollup.Risk;

namespace Rollup.Engine;

// Placing an order: plan against the book, then commit the plan, then rest or drop what is left.
public sealed partial class ClearingEngine
{
    /// <summary>An order being placed; its terms are checked and its account has room for the instrument.</summary>
    private readonly record struct IncomingOrder(long Time, Account Account, Holding Holding, VerifiedRequest Verified, OrderFlags Flags)
    {
        internal Market Market => Holding.Market;
        internal bool IsSell => Verified.Request.IsSell;
        internal long Size => Verified.Request.Size;
        internal long Limit => Verified.Request.Limit;
    }

    private RejectCode PlaceHeld(in IncomingOrder order)
    {
        (Account account, Holding holding, Market market) = (order.Account, order.Holding, order.Market);
        bool isSell = order.IsSell;
        long size = order.Size, limit = order.Limit;
        long closable = Holding.Closable(isSell, holding.Size);
        if (order.Flags.ReduceOnly && size > closable) return RejectCode.ReduceOnlyWouldIncrease;
        if (order.Flags.PostOnly && Crosses(order)) return RejectCode.PostOnlyWouldTrade;
        if (order.Flags.IsImmediate)
        {
            (long offered, long worst) = market.Book.Side(!isSell).Depth(limit, size);
            if (order.Flags.TimeInForce == TimeInForce.FillOrKill && offered < size) return RejectCode.FillOrKillUnfilled;
            if (offered == 0) return RejectCode.NoLiquidity;
            size = offered;
            // Reserving at a market order's own limit would ask margin for a price it will not pay.
            if (order.Flags.Market) limit = worst;
        }

        if (holding.Market.IsSpot && isSell && holding.Size - holding.Asks < size) return RejectCode.InsufficientBalance;
        if ((isSell ? -holding.Size : holding.Size) + holding.SideLots(isSell) + size >= Lots.PositionBound) return RejectCode.PositionOutOfRange;
        long fee = ReservedFee(limit);
        bool isExposed = size > (ExposureLimits.Accept - account.Exposure) / (market.Unit + limit + fee) || account.Exposure > ExposureLimits.Accept;
        bool isCovered = !isExposed && account.HealthWithOrder(holding, isSell, limit, fee, size) >= 0;
        // An account without the margin to reserve may still close: at once, as far as that leaves it healthy or on the mend.
        bool isClosing = !isCovered && size <= closable;
        bool isFunded = market.IsSpot || size <= closable || _config.Liquidation is not { } rules || account.Margin.Mark >= rules.MinimumEquity;
        if (!isFunded) return RejectCode.InsufficientMargin;
        if (!isCovered && !isClosing) return isExposed ? RejectCode.ExposureOutOfRange : RejectCode.InsufficientMargin;

        RejectCode stop = Plan(order, limit, isClosing);
        MatchPlan plan = _plan;
        if (isClosing && plan.IsBeyondMark)
        {
            stop = CheckFill(account, holding, isSell ? -plan.Filled : plan.Filled, plan.TakerCash, plan.Usage, out _);
            plan.Return();
        }

        bool killsOwn = stop == RejectCode.SelfTrade && order.Flags.SelfTrade == SelfTradePrevention.CancelBoth;
        if (order.Flags.TimeInForce == TimeInForce.FillOrKill && plan.Filled < order.Size) return IsCapacity(stop) ? stop : RejectCode.FillOrKillUnfilled;
        if (plan.Filled == 0 && stop != RejectCode.None && !killsOwn) return stop;
        if (plan.Filled == 0 && order.Flags.IsImmediate && !killsOwn) return RejectCode.NoLiquidity;
        if (plan.Filled == 0 && isClosing) return RejectCode.InsufficientMargin;

        int row = Commit(order);
        long remaining = order.Size - plan.Filled;
        if (stop == RejectCode.None && isClosing) stop = RejectCode.InsufficientMargin;
        if (stop == RejectCode.None && order.Flags.IsImmediate) stop = RejectCode.NoLiquidity;
        if (remaining == 0) return RejectCode.None;
        if (stop == RejectCode.None) Rest(order, remaining, row);
        else EmitClosed(order.Verified.Request, remaining, stop);
        return RejectCode.None;
    }

    private static bool IsCapacity(RejectCode code) =>
        code is RejectCode.BatchBlocksFull or RejectCode.BatchRowsFull or RejectCode.BatchInstrumentsFull or RejectCode.BatchReliefFull;

    /// <summary>Most that one lot can cost in fees at a price, whichever side of a fill it is on.</summary>
    private long ReservedFee(long price) =>
        Rounding.CeilDiv(price * Math.Max(_config.MakerFee.Ppm, _config.TakerFee.Ppm), Scale.FeeRateDenominator);

    /// <summary>Whether a live order stands within the incoming order's limit.</summary>
    private static bool Crosses(in IncomingOrder order)
    {
        OrderBook book = order.Market.Book;
        BookSide side = book.Side(!order.IsSell);
        for (int place = side.Count - 1; place >= 0 && side.Accepts(side.At(place), order.Limit); place--)
            for (int at = side[side.At(place)].First; at >= 0; at = book[at].Next)
                if (book[at].Expiry > order.Time) return true;
        return false;
    }

    /// <summary>Finds what the order does to the book, best price and earliest order first, changing nothing but scratch fields.</summary>
    /// <param name="order">The order.</param>
    /// <param name="limit">The worst price to take.</param>
    /// <param name="isClosing">The taker's margin may pass through any state: the plan's mark is where it last was in order.</param>
    /// <returns>None if the order ran out of lots or of prices; else why it must go no further.</returns>
    private RejectCode Plan(in IncomingOrder order, long limit, bool isClosing)
    {
        _plan.Begin();
        OrderBook book = order.Market.Book;
        BookSide side = book.Side(!order.IsSell);
        for (int place = side.Count - 1; place >= 0; place--)
        {
            int level = side.At(place);
            if (!side.Accepts(level, limit)) break;
            for (int at = side[level].First; at >= 0; at = book[at].Next)
            {
                if (_plan.Filled == order.Size) return RejectCode.None;
                ref Order maker = ref book[at];
                if (maker.Expiry <= order.Time) _plan.Close(at, RejectCode.Expired);
                else if (maker.Account.Bar is var bar and not RejectCode.None) _plan.Close(at, bar);
                else if (maker.Account == order.Account)
                {
                    if (order.Flags.SelfTrade != SelfTradePrevention.CancelTaker) _plan.Close(at, RejectCode.SelfTrade);
                    if (order.Flags.SelfTrade != SelfTradePrevention.CancelResting) return RejectCode.SelfTrade;
                }
                else if (PlanFill(order, at, ref maker, isClosing) is var stop and not RejectCode.None) return stop;
            }
        }

        return RejectCode.None;
    }

    /// <summary>Plans a fill of one resting order, or its removal where it may not fill.</summary>
    private RejectCode PlanFill(in IncomingOrder order, int at, ref Order maker, bool isClosing)
    {
        MatchPlan plan = _plan;
        Holding held = maker.Holding;
        if (held.PlanStamp != plan.Stamp) (held.PlanStamp, held.PlannedSize, held.PlannedCash) = (plan.Stamp, 0, 0);
        long lots = Math.Min(order.Size - plan.Filled, maker.Remaining);
        // What came to rest while opening was permitted opens nothing while it is not.
        bool mayOpen = IsPermitted(RiskActions.Open, order.Market);
        long closable = maker.ReduceOnly || !mayOpen ? Holding.Closable(maker.IsSell, held.Size + held.PlannedSize) : long.MaxValue;
        RejectCode beyond = maker.ReduceOnly ? RejectCode.ReduceOnlyWouldIncrease : RejectCode.NotPermitted;
        if (closable == 0)
        {
            plan.Close(at, beyond);
            return RejectCode.None;
        }

        lots = Math.Min(lots, closable);
        // Parts of the maker's exposure: below 2^60 each.
        long quote = maker.Price * lots, flow = quote - order.Market.Funding * lots;
        if (plan.Quote + quote > ExposureLimits.Quote) return RejectCode.ExposureOutOfRange;
        FeeMeter takerMeter = plan.TakerMeter, makerMeter = maker.RowBatch == _batch ? _ledger[maker.Row].Fee : default;
        long takerFee = takerMeter.Add(quote, _config.TakerFee.Ppm), makerFee = makerMeter.Add(quote, _config.MakerFee.Ppm);
        if (_feeAccount.Cash + _ledger.Fees + plan.Fees + takerFee + makerFee > ExposureLimits.Cash) return RejectCode.ExposureOutOfRange;

        long takerSize = order.IsSell ? -(plan.Filled + lots) : plan.Filled + lots;
        long takerCash = plan.TakerCash + (order.IsSell ? flow : -flow) - takerFee;
        RejectCode takerCode = isClosing ? order.Account.CheckCash(order.Holding, takerSize, takerCash) : order.Account.CheckChange(order.Holding, takerSize, takerCash);
        if (!isClosing && takerCode == RejectCode.None) takerCode = CheckLive(order.Account, order.Holding, takerSize, takerCash);
        if (takerCode != RejectCode.None) return takerCode;
        long makerSize = held.PlannedSize + (order.IsSell ? lots : -lots);
        long makerCash = held.PlannedCash + (order.IsSell ? -flow : flow) - makerFee;
        RejectCode makerCode = MakerCode(ref maker, quote, makerSize, makerCash, out bool needsRelief);
        if (makerCode != RejectCode.None)
        {
            plan.Close(at, makerCode);
            return RejectCode.None;
        }

        if (PlanCapacity(order, ref maker, takerFee + makerFee > 0, needsRelief) is var full and not RejectCode.None) return full;
        (held.PlannedSize, held.PlannedCash) = (makerSize, makerCash);
        plan.Filled += lots;
        plan.Quote += quote;
        plan.TakerCash = takerCash;
        plan.TakerMeter = takerMeter;
        plan.Fees += takerFee + makerFee;
        plan.Add() = new PlanStep { Order = at, Lots = lots, MakerMeter = makerMeter, MakerFee = makerFee, TakerFee = takerFee };
        if (lots == closable && lots < maker.Remaining) plan.Close(at, beyond);
        if (isClosing && CheckFill(order.Account, order.Holding, takerSize, takerCash, plan.Usage, out _) == RejectCode.None) plan.Mark();
        return RejectCode.None;
    }

    /// <summary>Why a resting order may not fill, margin and relief included: then it is closed, so that it does not stand in the way of others.</summary>
    private RejectCode MakerCode(ref Order maker, long quote, long deltaSize, long deltaCash, out bool needsRelief)
    {
        needsRelief = false;
        if (maker.RowBatch == _batch && _ledger[maker.Row].Quote + quote > ExposureLimits.Quote) return RejectCode.ExposureOutOfRange;
        if (maker.Account.CheckCash(maker.Holding, deltaSize, deltaCash) is var cash and not RejectCode.None) return cash;
        return CheckFill(maker.Account, maker.Holding, deltaSize, deltaCash, _plan.Usage, out needsRelief);
    }

    /// <summary>Takes room in the batch for one more fill: blocks of both accounts and of the fees, rows of both orders, risk buckets, the maker's relief.</summary>
    private RejectCode PlanCapacity(in IncomingOrder order, ref Order maker, bool hasFee, bool needsRelief)
    {
        MatchPlan plan = _plan;
        Usage usage = plan.Usage;
        usage.Buckets |= order.Market.BucketBit;
        if (plan.Filled == 0) usage.Rows++;
        bool addsTaker = PlanBlock(order.Account, ref usage);
        if (PlanMaker(ref maker, hasFee, needsRelief, usage) is var full and not RejectCode.None) return full;
        if (addsTaker) order.Account.PlanStamp = plan.Stamp;
        return RejectCode.None;
    }

    /// <summary>Takes room for what a fill needs besides its taker: the maker's row, block and relief, the block of the fees.</summary>
    private RejectCode PlanMaker(ref Order maker, bool hasFee, bool needsRelief, Usage usage)
    {
        if (maker.RowBatch != _batch) usage.Rows++;
        bool addsMaker = PlanBlock(maker.Account, ref usage), addsFees = hasFee && PlanBlock(_feeAccount, ref usage);
        if (needsRelief && !maker.Account.HasRelief && !IsPlannedRelief(maker.Account)) usage.Reliefs++;
        if (_ledger.Fits(usage) is var full and not RejectCode.None) return full;
        if (addsMaker) maker.Account.PlanStamp = _plan.Stamp;
        if (addsFees) _feeAccount.PlanStamp = _plan.Stamp;
        if (needsRelief) maker.Account.ReliefStamp = _plan.Stamp;
        _plan.Usage = usage;
        return RejectCode.None;
    }

    private bool PlanBlock(Account account, ref Usage usage)
    {
        if (account.IsTouched || account.PlanStamp == _plan.Stamp) return false;
        usage.Blocks++;
        usage.Buckets |= account.HeldBuckets;
        return true;
    }

    /// <summary>Carries out the plan. Returns the order's row of the batch, or -1 if nothing filled.</summary>
    private int Commit(in IncomingOrder order)
    {
        MatchPlan plan = _plan;
        SignedRequest request = order.Verified.Request;
        ref SlotState slot = ref order.Account.SlotRef(request.Slot);
        slot.SeenNonce = request.Nonce;
        int takerRow = -1;
        if (plan.Filled > 0)
        {
            _ledger.Touch(order.Account);
            _ledger.OpenBucket(order.Market.BucketBit);
            if (plan.Fees > 0) _ledger.Touch(_feeAccount);
            _ledger.Fees += plan.Fees;
            takerRow = _ledger.AddRow(order.Account, order.Verified);
            ref RowState row = ref _ledger[takerRow];
            (row.Fill, row.Quote, row.Fee) = (plan.Filled, plan.Quote, plan.TakerMeter);
            slot.Chain = new OrderSlot(request.Nonce, plan.Filled);
            order.Account.Change(order.Holding, order.IsSell ? -plan.Filled : plan.Filled, plan.TakerCash);
            if (order.Account.Health < 0) _ledger.TakeRelief(order.Account);
        }

        long filled = 0;
        for (int i = 0; i < plan.Count; i++)
        {
            ref PlanStep step = ref plan[i];
            if (step.CloseReason != RejectCode.None) CloseOrder(order.Market, step.Order, step.CloseReason);
            else
            {
                filled += step.Lots;
                Fill(order.Market, step, new EngineEvent
                {
                    Kind = EventKind.Filled,
                    Account = AccountId.From(order.Account.Id),
                    Slot = request.Slot,
                    Nonce = OrderNonce.From(request.Nonce),
                    IsSell = order.IsSell,
                    Remaining = Lots.From(order.Size - filled),
                    Fee = Cash.FromAtoms(step.TakerFee),
                });
            }
        }

        return takerRow;
    }

    /// <summary>Fills a resting order; <paramref name="taker"/> is the event without its maker.</summary>
    private void Fill(Market market, in PlanStep step, in EngineEvent taker)
    {
        OrderBook book = market.Book;
        ref Order maker = ref book[step.Order];
        Account account = maker.Account;
        SignedRequest request = maker.Request.Request;
        _ledger.Touch(account);
        if (maker.RowBatch != _batch) (maker.RowBatch, maker.Row) = (_batch, _ledger.AddRow(account, maker.Request));
        long quote = maker.Price * step.Lots, flow = quote - market.Funding * step.Lots;
        ref RowState row = ref _ledger[maker.Row];
        row.Fill += step.Lots;
        row.Quote += quote;
        row.Fee = step.MakerMeter;
        account.Reserve(maker.Holding, maker.IsSell, maker.Price, maker.Fee, -step.Lots);
        account.Change(maker.Holding, maker.IsSell ? -step.Lots : step.Lots, (maker.IsSell ? flow : -flow) - step.MakerFee);
        if (account.Health < 0) _ledger.TakeRelief(account);
        ref SlotState slot = ref account.SlotRef(request.Slot);
        slot.Chain = new OrderSlot(request.Nonce, (slot.Chain.Nonce == request.Nonce ? slot.Chain.Filled : 0) + step.Lots);

        Emit() = taker with
        {
            Instrument = InstrumentId.From(market.Id),
            Price = Price.FromAtomsPerLot(maker.Price),
            Lots = Lots.From(step.Lots),
            Maker = AccountId.From(account.Id),
            MakerSlot = request.Slot,
            MakerNonce = OrderNonce.From(request.Nonce),
            MakerRemaining = Lots.From(maker.Remaining - step.Lots),
            MakerFee = Cash.FromAtoms(step.MakerFee),
        };
        if (maker.Remaining > step.Lots) book.Reduce(step.Order, step.Lots);
        else
        {
            maker.Remaining = step.Lots;
            Detach(market, step.Order);
        }
    }

    private void Rest(in IncomingOrder order, long remaining, int row)
    {
        SignedRequest request = order.Verified.Request;
        long fee = ReservedFee(request.Limit);
        order.Account.Reserve(order.Holding, request.IsSell, request.Limit, fee, remaining);
        ref SlotState slot = ref order.Account.SlotRef(request.Slot);
        slot.Market = order.Market;
        slot.Order = order.Market.Book.Add(new Order
        {
            Request = order.Verified,
            Account = order.Account,
            Holding = order.Holding,
            Price = request.Limit,
            Fee = fee,
            Remaining = remaining,
            Expiry = request.Expiry,
            IsSell = request.IsSell,
            ReduceOnly = order.Flags.ReduceOnly,
            RowBatch = row >= 0 ? _batch : 0,
            Row = row,
        });
        order.Account.OpenOrders++;
        order.Holding.Orders++;
        _earliestExpiry = Math.Min(_earliestExpiry, request.Expiry);
        Emit() = new EngineEvent
        {
            Kind = EventKind.Rested,
            Account = AccountId.From(order.Account.Id),
            Slot = request.Slot,
            Nonce = OrderNonce.From(request.Nonce),
            Instrument = InstrumentId.From(order.Market.Id),
            IsSell = request.IsSell,
            Price = Price.FromAtomsPerLot(request.Limit),
            Remaining = Lots.From(remaining),
        };
    }

    /// <summary>Takes an open order off the book, releases its reserve, and says why.</summary>
    private void CloseOrder(Market market, int at, RejectCode reason)
    {
        ref Order order = ref market.Book[at];
        EmitClosed(order.Request.Request, order.Remaining, reason);
        order.Account.Reserve(order.Holding, order.IsSell, order.Price, order.Fee, -order.Remaining);
        Detach(market, at);
    }

    /// <summary>Removes an order, whose reserve is released already, from book, slot and holding.</summary>
    private static void Detach(Market market, int at)
    {
        ref Order order = ref market.Book[at];
        Account account = order.Account;
        Holding holding = order.Holding;
        account.SlotRef(order.Slot).Market = null;
        account.OpenOrders--;
        holding.Orders--;
        market.Book.Remove(at);
        account.Release(holding);
    }

    private void EmitClosed(in SignedRequest request, long remaining, RejectCode reason) => Emit() = new EngineEvent
    {
        Kind = EventKind.Closed,
        Reason = reason,
        Account = AccountId.From(request.Account),
        Slot = request.Slot,
        Nonce = OrderNonce.From(request.Nonce),
        Instrument = InstrumentId.From(request.Instrument),
        IsSell = request.IsSell,
        Remaining = Lots.From(remaining),
    };
}
