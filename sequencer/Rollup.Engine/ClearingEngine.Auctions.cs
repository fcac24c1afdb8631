using System.Collections.Immutable;
using Rollup.Crypto.Settlement;
using Rollup.Engine.State;
using Rollup.Protocol;
using Rollup.Risk;
using Rollup.Risk.Liquidation;

namespace Rollup.Engine;

/// <summary>One leg of an auction's slice.</summary>
/// <param name="IsSell">Side of the bidder's order: it sells what the account must buy back.</param>
/// <param name="Lots">Size of the bidder's order.</param>
/// <param name="Price">What the bidder pays or gets a lot; its limit must be as good.</param>
public readonly record struct AuctionLeg(InstrumentId Instrument, bool IsSell, Lots Lots, Price Price);

/// <summary>An account that was below maintenance when the epoch opened.</summary>
/// <param name="Maintenance">Five times its maintenance equity as it stands, atoms.</param>
/// <param name="Since">Batch since which the book is tried.</param>
/// <param name="AuctionStarted">Null while the book is tried.</param>
/// <param name="Slice">What a bidder takes, all legs or none, ascending by instrument; empty without an auction.</param>
public sealed record DistressView(AccountId Account, Int128 Maintenance, uint Since, Timestamp? AuctionStarted, ImmutableArray<AuctionLeg> Slice);

/// <summary>A bid in an auction: one fill-or-kill order for each leg of the slice, ascending by instrument, of one account. All fill, or none.</summary>
/// <param name="Account">The account that is auctioned.</param>
/// <param name="Orders">1..16 requests.</param>
public sealed record AuctionBid(AccountId Account, ImmutableArray<VerifiedRequest> Orders);

// Descending auctions of slices of a portfolio: the same fraction of every leg, at prices that fall from the mark to the bound.
public sealed partial class ClearingEngine
{
    /// <summary>The accounts in distress, ascending, and what may be bid for at a time.</summary>
    public ImmutableArray<DistressView> Distressed(Timestamp time) => [.. _distressed.Values.Select(d => new DistressView(
        AccountId.From(d.Account.Id), d.Account.Margin.ScaledMaintenance, d.Since, d.AuctionStart is { } start ? Timestamp.FromMilliseconds(start) : null,
        IsOnAuction(d) ? [.. SliceOf(d, time.Milliseconds).Select(leg => new AuctionLeg(
            InstrumentId.From(leg.Market.Id), leg.Sign < 0, Lots.From(leg.Lots), Price.FromAtomsPerLot(leg.Quote / leg.Lots)))] : []))];

    /// <summary>What accounts in distress owe beyond all they have at the mark. While it exceeds the insurance fund, withdrawals wait.</summary>
    public Cash Shortfall => Cash.FromAtoms((long)ShortfallOfAll());

    private bool IsOnAuction(Distress distress) =>
        distress.AuctionStart is not null && !distress.Account.HasActed && distress.Account.Margin.ScaledMaintenance < 0 && !IsUncovered(distress.Account);

    /// <summary>Whether an account waits for bids: it can only be healed.</summary>
    private bool IsAuctioned(Account account) => _distressed.TryGetValue(account.Id, out Distress distress) && IsOnAuction(distress);

    /// <summary>
    /// The slice as legs filled whole at the auction's prices. They fall no further than the account can bear: what its closing costs is at most the maintenance
    /// that it releases (spec 5.8), and of hedges that is little.
    /// </summary>
    private ForcedLeg[] SliceOf(Distress distress, long time)
    {
        Account account = distress.Account;
        (List<Holding> positions, long fraction) = FractionToClose(account, _config.Liquidation!.AccountNotional);
        (long bearable, long dear) = (-1, Math.Min(time - distress.AuctionStart!.Value, _config.Liquidation.AuctionTime) + 1);
        for (long elapsed = dear - 1; dear - bearable > 1; elapsed = (bearable + dear) / 2)
        {
            ForcedLeg[] slice = SliceAt(positions, fraction, elapsed);
            if (CanBear(account, slice)) bearable = elapsed;
            else dear = elapsed;
        }

        return bearable < 0 ? [] : SliceAt(positions, fraction, bearable);
    }

    private ForcedLeg[] SliceAt(List<Holding> positions, long fraction, long elapsed)
    {
        ForcedLeg[] legs = LegsOf(positions, fraction);
        foreach (ForcedLeg leg in legs)
        {
            Int128 quote = (Int128)LegOf(leg.Holding).AuctionPrice(elapsed, _config.Liquidation!.AuctionTime) * leg.Lots;
            if (quote > ExposureLimits.Quote || leg.Lots == 0) return [];
            (leg.Filled, leg.Quote) = (leg.Lots, (long)quote);
        }

        return legs;
    }

    private bool CanBear(Account account, ForcedLeg[] legs)
    {
        List<(RiskRow, long)> kept = [];
        foreach (Holding h in account.Holdings)
            if (h.Size != 0) kept.Add((_rows[h.Market.Index], h.Size + (legs.FirstOrDefault(leg => leg.Holding == h)?.SizeChange ?? 0)));
        PortfolioMargin end = PortfolioMargin.Of(account.Cash + legs.Sum(leg => leg.CashChange), kept);
        return end.ScaledMaintenance >= OldMarginOf(account).ScaledMaintenance;
    }

    private RejectCode Bid(long time, AuctionBid bid)
    {
        if (!IsExecuting(time)) return RejectCode.EpochClosed;
        if (!_distressed.TryGetValue(bid.Account.Value, out Distress distress) || !IsOnAuction(distress)) return RejectCode.NoAuction;
        if (!MayLiquidate(distress.Account)) return RejectCode.NotPermitted;
        ForcedLeg[] legs = SliceOf(distress, time);
        if (legs.Length == 0) return RejectCode.NoAuction;
        if (bid.Orders.Length != legs.Length) return RejectCode.Malformed;
        if (AccountOf(bid.Orders[0].Request.Account) is not { } bidder) return RejectCode.UnknownAccount;
        if (bidder.Bar is var bar and not RejectCode.None) return bar;
        if (bidder == distress.Account || _distressed.ContainsKey(bidder.Id)) return RejectCode.Liquidating;
        for (int i = 0; i < legs.Length; i++)
            if (CheckBid(time, bidder, bid.Orders, i, legs[i]) is var code and not RejectCode.None) return code;

        var holdings = new List<Holding>();
        RejectCode result = RejectCode.None;
        foreach (ForcedLeg leg in legs)
        {
            result = bidder.TryHold(leg.Market, _config.Profile.Buckets, out Holding holding);
            if (result != RejectCode.None) break;
            // It stays while the bid is looked at.
            holding.Orders++;
            holdings.Add(holding);
        }

        if (result == RejectCode.None) result = TakeSlice(distress.Account, legs, bidder, holdings, bid.Orders);
        foreach (Holding holding in holdings)
        {
            holding.Orders--;
            bidder.Release(holding);
        }

        return result;
    }

    /// <summary>Whether the bid's order is one for the leg.</summary>
    private RejectCode CheckBid(long time, Account bidder, ImmutableArray<VerifiedRequest> orders, int at, ForcedLeg leg)
    {
        SignedRequest request = orders[at].Request;
        if (request.Kind != RowKind.Order || request.Nonce == 0 || request.Account != bidder.Id || request.Instrument != leg.Market.Id || request.IsSell != leg.Sign < 0
            || !OrderFlags.TryDecode(request.Flags, out OrderFlags flags) || flags.TimeInForce != TimeInForce.FillOrKill || flags.ReduceOnly) return RejectCode.Malformed;
        for (int i = 0; i < at; i++)
            if (orders[i].Request.Slot == request.Slot) return RejectCode.SlotBusy;
        if (orders[at].Key.X != bidder.Identity.KeyX || orders[at].Key.Y != bidder.Identity.KeyY) return RejectCode.NotOwner;
        if (request.Expiry <= time) return RejectCode.Expired;
        if (CheckTerms(request, flags, leg.Market) is var terms and not RejectCode.None) return terms;
        if (CheckFreeSlot(bidder, request) is var slot and not RejectCode.None) return slot;
        // The slice may have changed since the bidder looked.
        if (request.Size != leg.Lots) return RejectCode.SizeOutOfRange;
        Int128 limit = (Int128)request.Limit * leg.Lots;
        return (request.IsSell ? limit <= leg.Quote : limit >= leg.Quote) ? RejectCode.None : RejectCode.PriceOutOfRange;
    }

    /// <summary>Moves the slice to the bidder, if the account may end so and the bidder has the margin for it, its open orders included.</summary>
    private RejectCode TakeSlice(Account account, ForcedLeg[] legs, Account bidder, List<Holding> holdings, ImmutableArray<VerifiedRequest> orders)
    {
        Usage usage = BeginForced(account, showsFund: _config.Liquidation!.Fee > FeeRate.Zero);
        if (PlanBlock(bidder, ref usage)) bidder.PlanStamp = _plan.Stamp;
        var meters = new FeeMeter[legs.Length];
        long fees = 0;
        for (int i = 0; i < legs.Length; i++)
        {
            if (LiquidationRowOf(account, legs[i].Market) is not { } row) return RejectCode.BatchForcedFull;
            if (row < 0) usage.Forced++;
            usage.Rows++;
            usage.Buckets |= legs[i].Market.BucketBit;
            fees += meters[i].Add(legs[i].Quote, _config.TakerFee.Ppm);
            if (legs[i].Quote + (row < 0 ? 0 : _ledger.Forced(row).Quote) > ExposureLimits.Quote) return RejectCode.ExposureOutOfRange;
            Holding held = holdings[i];
            bool isSell = legs[i].Sign < 0;
            if ((isSell ? -held.Size : held.Size) + held.SideLots(isSell) + legs[i].Lots >= Lots.PositionBound) return RejectCode.PositionOutOfRange;
        }

        if (fees > 0 && PlanBlock(_feeAccount, ref usage)) _feeAccount.PlanStamp = _plan.Stamp;
        if (_feeAccount.Cash + _ledger.Fees + fees > ExposureLimits.Cash) return RejectCode.ExposureOutOfRange;
        if (_ledger.Fits(usage) is var full and not RejectCode.None) return full;

        for (int i = 0; i < legs.Length; i++)
        {
            Try(account, legs[i].Holding, legs[i].SizeChange, legs[i].CashChange);
            Try(bidder, holdings[i], -legs[i].SizeChange, -legs[i].CashChange - meters[i].Charged);
        }

        ChargeFees(account, legs);
        RejectCode code = bidder.Exposure > ExposureLimits.Accept ? RejectCode.ExposureOutOfRange
            : bidder.CheckCash(holdings[0], 0, 0) is var cash and not RejectCode.None ? cash
            : bidder.Health < 0 || bidder.ReservedHealth < 0 ? RejectCode.InsufficientMargin
            : IsForcedEnd(account) ? RejectCode.None : RejectCode.SizeOutOfRange;
        TakeBack();
        if (code != RejectCode.None) return code;

        CommitLegs(account, legs);
        _ledger.Touch(bidder);
        if (fees > 0) _ledger.Touch(_feeAccount);
        _ledger.Fees += fees;
        for (int i = 0; i < legs.Length; i++)
        {
            SignedRequest request = orders[i].Request;
            ref RowState row = ref _ledger[_ledger.AddRow(bidder, orders[i])];
            (row.Fill, row.Quote, row.Fee) = (legs[i].Lots, legs[i].Quote, meters[i]);
            ref SlotState slot = ref bidder.SlotRef(request.Slot);
            slot.SeenNonce = request.Nonce;
            slot.Chain = new OrderSlot(request.Nonce, legs[i].Lots);
            bidder.Change(holdings[i], -legs[i].SizeChange, -legs[i].CashChange - meters[i].Charged);
            Emit() = new EngineEvent
            {
                Kind = EventKind.Filled,
                Reason = RejectCode.Liquidating,
                Account = AccountId.From(bidder.Id),
                Slot = request.Slot,
                Nonce = OrderNonce.From(request.Nonce),
                Instrument = InstrumentId.From(legs[i].Market.Id),
                IsSell = request.IsSell,
                Price = Price.FromAtomsPerLot(legs[i].Quote / legs[i].Lots),
                Lots = Lots.From(legs[i].Lots),
                Fee = Cash.FromAtoms(meters[i].Charged),
                Maker = AccountId.From(account.Id),
            };
        }

        ReleaseLegs(account, legs);
        return RejectCode.None;
    }
}
