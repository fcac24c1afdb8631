using Rollup.Crypto.Settlement;
using Rollup.Engine.State;
using Rollup.Protocol;
using Rollup.Risk;

namespace Rollup.Engine;

// Signed requests: orders, withdrawals, cancels.
public sealed partial class ClearingEngine
{
    private RejectCode Request(long time, VerifiedRequest verified)
    {
        SignedRequest request = verified.Request;
        if (AccountOf(request.Account) is not { } account) return RejectCode.UnknownAccount;
        if (verified.Key.X != account.Identity.KeyX || verified.Key.Y != account.Identity.KeyY) return RejectCode.NotOwner;
        if (request.Nonce == 0) return RejectCode.Malformed;
        if (request.Expiry <= time) return RejectCode.Expired;
        RejectCode bar = account.Bar == RejectCode.None && IsAuctioned(account) ? RejectCode.Liquidating : account.Bar;
        if (bar != RejectCode.None && (request.Kind != RowKind.Cancel || request.Flags != 0)) return bar;
        return request.Kind switch
        {
            RowKind.Order => Place(time, account, verified),
            RowKind.Withdrawal => Withdraw(time, account, verified),
            RowKind.Cancel => Cancel(time, account, verified),
            _ => RejectCode.Malformed,
        };
    }

    private RejectCode Place(long time, Account account, VerifiedRequest verified)
    {
        SignedRequest request = verified.Request;
        if (!IsExecuting(time)) return RejectCode.EpochClosed;
        if (!OrderFlags.TryDecode(request.Flags, out OrderFlags flags)) return RejectCode.Malformed;
        if (MarketOf(request.Instrument) is not { } market) return RejectCode.UnknownInstrument;
        if (CheckTradable(market, time) is var tradable and not RejectCode.None) return tradable;
        if (CheckTerms(request, flags, market) is var terms and not RejectCode.None) return terms;
        bool onlyReduces = flags.ReduceOnly || (flags.IsImmediate && account.Find(market) is { } held && request.Size <= Holding.Closable(request.IsSell, held.Size));
        if (!IsPermitted(onlyReduces ? RiskActions.Reduce : RiskActions.Open, market)) return RejectCode.NotPermitted;
        if (CheckFreeSlot(account, request) is var slot and not RejectCode.None) return slot;
        if (!flags.IsImmediate && account.OpenOrders >= _config.MaxOpenOrders) return RejectCode.OpenOrdersFull;
        if (!flags.IsImmediate && market.Book.IsFull) return RejectCode.BookFull;
        if (account.TryHold(market, _config.Profile.Buckets, out Holding holding) is var room and not RejectCode.None) return room;

        // The holding stays while the order is looked at, even if all its other orders go.
        holding.Orders++;
        RejectCode code = PlaceHeld(new IncomingOrder(time, account, holding, verified, flags));
        holding.Orders--;
        account.Release(holding);
        return code;
    }

    private RejectCode CheckTerms(in SignedRequest request, in OrderFlags flags, Market market)
    {
        if (request.Size == 0) return RejectCode.ZeroSize;
        if (request.Size < market.Spec.MinSize || request.Size >= Lots.PositionBound) return RejectCode.SizeOutOfRange;
        // A market order's limit is the worst price it accepts: any, and no tick.
        if (request.Limit == 0 && !(flags.Market && request.IsSell)) return RejectCode.PriceOutOfRange;
        if (!flags.Market && request.Limit % market.Spec.Tick != 0) return RejectCode.PriceOffTick;
        FeeRate offered = FeeRate.FromPpm(request.FeeRate);
        bool mayTake = !flags.PostOnly, mayRest = !flags.IsImmediate;
        return (mayTake && offered < _config.TakerFee) || (mayRest && offered < _config.MakerFee) ? RejectCode.FeeRateTooLow : RejectCode.None;
    }

    private static RejectCode CheckFreeSlot(Account account, in SignedRequest request)
    {
        SlotState slot = account.Slot(request.Slot);
        if (request.Nonce <= slot.SeenNonce) return RejectCode.ReplayedNonce;
        return slot.Market is null ? RejectCode.None : RejectCode.SlotBusy;
    }

    private RejectCode Withdraw(long time, Account account, VerifiedRequest verified)
    {
        SignedRequest request = verified.Request;
        if (!IsExecuting(time)) return RejectCode.EpochClosed;
        if (!request.IsSell || request.Limit != 0 || request.FeeRate != 0 || request.Flags != 0) return RejectCode.Malformed;
        if (request.Size == 0) return RejectCode.ZeroSize;
        if (!IsPermitted(RiskActions.Withdraw, account)) return RejectCode.NotPermitted;
        if (CheckFreeSlot(account, request) is var slot and not RejectCode.None) return slot;
        Market? market = null;
        if (request.Instrument != 0)
        {
            market = MarketOf(request.Instrument);
            if (market is null) return RejectCode.UnknownInstrument;
            if (!market.IsSpot) return RejectCode.NotWithdrawable;
        }

        if (ShortfallOfAll() > _fundAccount.Cash) return RejectCode.WithdrawalsWait;
        // The block of a withdrawal ends with the account's own money (spec 5.5), also when it takes spot.
        if (account.OwnMoney(null, 0, market is null ? -request.Size : 0) < 0) return RejectCode.InsufficientBalance;
        Holding? holding = market is null ? null : account.Find(market);
        if (market is not null && (holding is null || holding.Size - holding.Asks < request.Size)) return RejectCode.InsufficientBalance;
        Usage usage = BatchLedger.BlockOf(account);
        usage.Rows = 1;
        if (market is not null) usage.Buckets |= market.BucketBit;
        if (_ledger.Fits(usage) is var full and not RejectCode.None) return full;

        if (holding is null) account.Cash -= request.Size;
        else account.Change(holding, -request.Size, 0);
        if (account.ReservedHealth < 0 || CheckLive(account, null, 0, 0) != RejectCode.None)
        {
            if (holding is null) account.Cash += request.Size;
            else account.Change(holding, request.Size, 0);
            return RejectCode.InsufficientMargin;
        }

        _ledger.Touch(account);
        if (market is not null) _ledger.OpenBucket(market.BucketBit);
        _ledger[_ledger.AddRow(account, verified)].Fill = request.Size;
        account.HasWithdrawn = true;
        ref SlotState used = ref account.SlotRef(request.Slot);
        used.SeenNonce = request.Nonce;
        used.Chain = new OrderSlot(request.Nonce, request.Size);
        if (holding is not null) account.Release(holding);
        Emit() = new EngineEvent
        {
            Kind = EventKind.Withdrawn,
            Account = AccountId.From(account.Id),
            Slot = request.Slot,
            Nonce = OrderNonce.From(request.Nonce),
            Instrument = InstrumentId.From(request.Instrument),
            Amount = request.Size,
        };
        return RejectCode.None;
    }

    private RejectCode Cancel(long time, Account account, VerifiedRequest verified)
    {
        SignedRequest request = verified.Request;
        if (request.IsSell || request.Instrument != 0 || request.Size != 0 || request.Limit != 0 || request.FeeRate != 0
            || (request.Flags & ~OrderFlags.ProvenCancel) != 0) return RejectCode.Malformed;
        bool proven = (request.Flags & OrderFlags.ProvenCancel) != 0;
        SlotState slot = account.Slot(request.Slot);
        bool needsRelief = false, hitsOpenOrder = slot.Market is { } book && book.Book[slot.Order].Request.Request.Nonce <= request.Nonce;
        if (proven)
        {
            if (!IsExecuting(time)) return RejectCode.EpochClosed;
            if (request.Nonce < slot.Chain.Nonce) return RejectCode.ReplayedNonce;
            if (slot.Chain == new OrderSlot(request.Nonce, OrderSlot.MaxFilled)) return RejectCode.UnknownOrder;
            // Without relief an account below its requirement can still cancel without proof.
            if (CheckMargin(account, null, 0, 0, default, out needsRelief) is var margin and not RejectCode.None) return margin;
            Usage usage = BatchLedger.BlockOf(account);
            usage.Rows = 1;
            if (_ledger.Fits(usage) is var full and not RejectCode.None) return full;
        }
        else if (!hitsOpenOrder && request.Nonce <= slot.SeenNonce) return RejectCode.UnknownOrder;

        if (hitsOpenOrder) CloseOrder(slot.Market!, slot.Order, RejectCode.None);
        ref SlotState killed = ref account.SlotRef(request.Slot);
        killed.SeenNonce = Math.Max(killed.SeenNonce, request.Nonce);
        if (!proven) return RejectCode.None;
        _ledger.Touch(account);
        if (needsRelief) _ledger.TakeRelief(account);
        _ledger.AddRow(account, verified);
        killed.Chain = new OrderSlot(request.Nonce, OrderSlot.MaxFilled);
        Emit() = new EngineEvent
        {
            Kind = EventKind.CancelProven,
            Account = AccountId.From(account.Id),
            Slot = request.Slot,
            Nonce = OrderNonce.From(request.Nonce),
        };
        return RejectCode.None;
    }
}
