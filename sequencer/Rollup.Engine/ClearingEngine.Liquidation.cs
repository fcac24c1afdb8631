using Rollup.Engine.State;
using Rollup.Protocol;
using Rollup.Risk;
using Rollup.Risk.Liquidation;

namespace Rollup.Engine;

// Liquidation: who is below maintenance, closing through the book, what the insurance fund pays (docs/RISK.md, Liquidation).
public sealed partial class ClearingEngine
{
    // Tries of one account at once: each starts from what the last one left.
    private const int LiquidationRounds = 4;

    /// <summary>An account that was below maintenance when the epoch opened.</summary>
    /// <param name="Since">Batch since which it is, or since which the book is tried again.</param>
    /// <param name="AuctionStart">When its auction began; null while the book is tried.</param>
    private readonly record struct Distress(Account Account, uint Since, long? AuctionStart);

    // By account. Who is in distress is decided once an epoch: old leaves and rows stay.
    private SortedDictionary<int, Distress> _distressed = [];

    /// <summary>Finds the accounts below maintenance under the epoch's rows, when nothing has executed in it yet.</summary>
    private void FindDistressed(long time)
    {
        if (_config.Liquidation is not { } config) return;
        _ranking.Clear();
        var found = new SortedDictionary<int, Distress>();
        foreach (Account? account in _accounts)
        {
            if (account is null || account.Margin.ScaledMaintenance >= 0) continue;
            Distress distress = _distressed.TryGetValue(account.Id, out Distress known) ? known : new Distress(account, _batch, null);
            bool isPermitted = MayLiquidate(account);
            if (distress.AuctionStart is { } start)
            {
                // Prices do not go on falling while nobody may bid.
                if (!isPermitted || time >= start + 2L * config.AuctionTime) distress = new Distress(account, _batch, null);
            }
            else if (isPermitted && _batch - distress.Since >= config.BookEpochs && ClosablePositions(account).Count > 0 && !IsUncovered(account))
            {
                distress = distress with { AuctionStart = time };
                Emit() = new EngineEvent { Kind = EventKind.AuctionStarted, Account = AccountId.From(account.Id) };
            }

            found[account.Id] = distress;
        }

        _distressed = found;
    }

    /// <summary>Relieves the accounts in distress of which nothing else is in the batch, those that lack most first.</summary>
    /// <param name="isOpening">Whether the epoch has just opened: deleveraging, for which every account is looked at, happens only then.</param>
    private void Liquidate(long time, bool isOpening)
    {
        if (!IsExecuting(time)) return;
        foreach (Distress distress in _distressed.Values.OrderBy(d => d.Account.Margin.ScaledMaintenance).ThenBy(d => d.Account.Id).ToArray())
        {
            Account account = distress.Account;
            if (account.HasActed || !MayLiquidate(account)) continue;
            CancelOrders(account, RejectCode.Liquidating);
            // At uncertain prices nobody's position is taken for another's deficit.
            if (IsUncovered(account) && account.HasDerivatives && IsPermitted(RiskActions.Liquidate, account))
            {
                if (isOpening) Deleverage(account);
            }
            else if (distress.AuctionStart is null)
            {
                for (int round = 0; round < LiquidationRounds && account.Margin.ScaledMaintenance < 0 && CloseThroughBook(time, account); round++) ;
            }

            if (account.Cash < 0 && !account.HasPositions) PayFromFund(account);
        }
    }

    /// <summary>
    /// Whether an account in distress may be liquidated. Where forced sales are not permitted in a group that it holds, only if it is in distress whatever that group
    /// is worth: at most what the other side of its positions could lose. So a lot in a market that is hard to price shields no more than that lot can matter.
    /// </summary>
    private bool MayLiquidate(Account account)
    {
        if (IsPermitted(RiskActions.Liquidate, account)) return true;
        List<(RiskRow, long)> priced = [], others = [];
        foreach (Holding h in account.Holdings)
        {
            if (h.Size == 0) continue;
            if (IsPermitted(RiskActions.Liquidate, h.Market)) priced.Add((_rows[h.Market.Index], h.Size));
            else others.Add((_rows[h.Market.Index], -h.Size));
        }

        return PortfolioMargin.Of(account.Cash, priced).ScaledMaintenance < Scale.MaintenanceDenominator * PortfolioMargin.Of(0, others).Health;
    }

    private void CancelOrders(Account account, RejectCode reason)
    {
        for (int slot = 0; account.OpenOrders > 0 && slot < account.SlotCount; slot++)
            if (account.Slot((byte)slot) is { Market: { } market } state) CloseOrder(market, state.Order, reason);
    }

    /// <summary>Whether closing the account at the mark leaves more debt than the fund has: then the other side of its positions bears it.</summary>
    private bool IsUncovered(Account account) => account.Margin.Mark < 0 && _fundAccount.Cash + account.Margin.Mark < 0;

    /// <summary>The fund pays what an account without positions lacks, to the atom, if it can.</summary>
    private void PayFromFund(Account account)
    {
        long payment = -account.Cash;
        if (_fundAccount.Cash < payment || account.Payment > 0 || _ledger.Fits(BeginForced(account, showsFund: true)) != RejectCode.None) return;
        _ledger.Touch(account);
        _ledger.Touch(_fundAccount);
        _ledger.TakeRelief(account);
        account.Payment = payment;
        account.Cash = 0;
        _fundAccount.Cash -= payment;
        Emit() = new EngineEvent { Kind = EventKind.FundPaid, Account = AccountId.From(account.Id), Amount = payment };
    }

    /// <summary>What the accounts in distress owe beyond what they have at the mark, atoms.</summary>
    private Int128 ShortfallOfAll()
    {
        Int128 sum = 0;
        foreach (Distress distress in _distressed.Values) sum += Math.Max(0, -distress.Account.Margin.Mark);
        return sum;
    }

    /// <summary>What may be closed, ascending by instrument: derivatives, or spot if there are none; nothing that is settled or delisted, or whose group's prices are too uncertain.</summary>
    private List<Holding> ClosablePositions(Account account)
    {
        var positions = new List<Holding>();
        bool derivatives = account.HasDerivatives;
        foreach (Holding h in account.Holdings)
            if (h.Size != 0 && h.Market.IsTradable && h.Market.IsSpot != derivatives && IsPermitted(RiskActions.Liquidate, h.Market)) positions.Add(h);
        positions.Sort((a, b) => a.Market.Id.CompareTo(b.Market.Id));
        return positions;
    }

    /// <summary>What should be closed now: an equal fraction of all that may be, as small as brings the account to the target, within a cap.</summary>
    /// <param name="cap">Most notional, atoms at the mark.</param>
    private (List<Holding> Positions, long Fraction) FractionToClose(Account account, long cap)
    {
        List<Holding> positions = ClosablePositions(account);
        Leg[] closed = [.. positions.Select(LegOf)];
        List<Leg> kept = [];
        foreach (Holding h in account.Holdings)
            if (h.Size != 0 && !positions.Contains(h)) kept.Add(LegOf(h));
        Int128 notional = closed.Aggregate(Int128.Zero, (sum, leg) => sum + Int128.Abs(leg.Size) * Math.Max(1, leg.Mark));
        if (notional == 0) return (positions, 0);
        // 60 + 13 bits.
        Int128 cost = Rounding.CeilDiv(notional * _config.Liquidation!.Fee.Ppm, Scale.FeeRateDenominator);
        long fraction = LiquidationFraction.Of(account.Cash, kept, closed, cost, LiquidationFraction.Target(OldMarginOf(account).Requirement));
        // 60 + 32 bits.
        return (positions, (long)Int128.Min(fraction, Rounding.FloorDiv((Int128)cap * LiquidationFraction.Whole, notional)));
    }

    /// <summary>What the epoch has left to close of the account through the book.</summary>
    private long NotionalLeft(Account account)
    {
        Int128 ofAccount = 0, ofAll = 0;
        for (int i = 0; i < _ledger.ForcedCount; i++)
        {
            ForcedState row = _ledger.Forced(i);
            if (row.Kind != ForcedKind.Liquidation || row.Closing) continue;
            ofAll += row.Quote;
            if (row.Account == account) ofAccount += row.Quote;
        }

        return (long)Int128.Max(0, Int128.Min(_config.Liquidation!.AccountNotional - ofAccount, _config.Liquidation.TotalNotional - ofAll));
    }

    /// <summary>
    /// Sells what is long and buys back what is short, as immediate orders within the price bound: all legs together; if the book gives less of one,
    /// as much less of all; if even that cannot be proven, the first leg whose closing alone takes requirement away.
    /// </summary>
    /// <returns>Whether anything was closed.</returns>
    private bool CloseThroughBook(long time, Account account)
    {
        (List<Holding> positions, long wanted) = FractionToClose(account, NotionalLeft(account));
        long fraction = wanted;
        for (int attempt = 0; attempt < LiquidationRounds && fraction > 0; attempt++)
        {
            ForcedLeg[] legs = LegsOf(positions, fraction);
            if (TryBook(time, account, legs)) return true;
            // What every leg could fill; half, if all could and it was too much.
            long possible = legs.Min(leg => (long)Rounding.FloorDiv((Int128)leg.Filled * LiquidationFraction.Whole, Math.Abs(leg.Holding.Size)));
            fraction = possible < fraction ? possible : fraction / 2;
        }

        foreach (ForcedLeg leg in LegsOf(positions, wanted))
            if (TryBook(time, account, [leg], mustRelieve: true)) return true;
        // Lots too coarse for a part, or parts too dear: everything, which the size bound allows of derivatives.
        return wanted > 0 && TryBook(time, account, LegsOf(positions, LiquidationFraction.Whole), mustRelieve: true);
    }

    private ForcedLeg[] LegsOf(List<Holding> positions, long fraction) =>
        [.. positions.Zip(LiquidationFraction.Lots(positions.Select(LegOf), fraction), (position, lots) => new ForcedLeg(position, lots))];

    /// <summary>Closes legs against the book if the account may end so; else nothing has happened.</summary>
    /// <param name="mustRelieve">The account's requirement must get smaller than it is.</param>
    private bool TryBook(long time, Account account, ForcedLeg[] legs, bool mustRelieve = false)
    {
        Int128 before = account.Margin.Requirement;
        _plan.Usage = BeginForced(account, showsFund: _config.Liquidation!.Fee > FeeRate.Zero);
        if (_ledger.Fits(_plan.Usage) != RejectCode.None) return false;
        foreach (ForcedLeg leg in legs)
        {
            if (LiquidationRowOf(account, leg.Market) is null) continue;
            TryLeg(time, account, leg);
            Try(account, leg.Holding, leg.SizeChange, leg.CashChange);
        }

        ChargeFees(account, legs);
        bool isKept = legs.Any(leg => leg.Filled > 0) && IsForcedEnd(account) && (!mustRelieve || account.Margin.Requirement < before);
        TakeBack();
        if (!isKept) return false;

        CommitLegs(account, legs);
        if (_plan.Fees > 0) _ledger.Touch(_feeAccount);
        _ledger.Fees += _plan.Fees;
        foreach (ForcedLeg leg in legs) FillBook(account, leg, RejectCode.Liquidating);
        if (legs.Sum(leg => leg.Fee) is var fee and > 0)
            Emit() = new EngineEvent { Kind = EventKind.LiquidationFee, Account = AccountId.From(account.Id), Amount = fee };
        ReleaseLegs(account, legs);
        return true;
    }

    /// <summary>What a leg's plan does to the book; the account's own balances have changed already.</summary>
    private void FillBook(Account account, ForcedLeg leg, RejectCode reason)
    {
        long remaining = leg.Filled;
        foreach (PlanStep step in leg.Steps)
        {
            if (step.CloseReason != RejectCode.None) CloseOrder(leg.Market, step.Order, step.CloseReason);
            else
            {
                remaining -= step.Lots;
                Fill(leg.Market, step, new EngineEvent
                {
                    Kind = EventKind.Filled,
                    Reason = reason,
                    Account = AccountId.From(account.Id),
                    IsSell = leg.Sign > 0,
                    Remaining = Lots.From(remaining),
                });
            }
        }
    }

    /// <summary>Plans one leg against the book, best price and earliest order first; makers' balances change on trial.</summary>
    private void TryLeg(long time, Account account, ForcedLeg leg)
    {
        if (CheckTradable(leg.Market, time) != RejectCode.None) return;
        bool isSell = leg.Sign > 0;
        long limit = LegOf(leg.Holding).WorstPrice;
        OrderBook book = leg.Market.Book;
        BookSide side = book.Side(!isSell);
        for (int place = side.Count - 1; place >= 0; place--)
        {
            int level = side.At(place);
            if (!side.Accepts(level, limit)) return;
            for (int at = side[level].First; at >= 0; at = book[at].Next)
            {
                if (leg.Filled == leg.Lots) return;
                ref Order maker = ref book[at];
                if (maker.Expiry <= time) leg.Steps.Add(new PlanStep { Order = at, CloseReason = RejectCode.Expired });
                else if (maker.Account.Bar is var bar and not RejectCode.None) leg.Steps.Add(new PlanStep { Order = at, CloseReason = bar });
                // Of who is liquidated no order is left.
                else if (maker.Account == account) leg.Steps.Add(new PlanStep { Order = at, CloseReason = RejectCode.RequestServed });
                else if (!TryFill(account, leg, at, ref maker)) return;
            }
        }
    }

    /// <returns>False if the leg must go no further.</returns>
    private bool TryFill(Account account, ForcedLeg leg, int at, ref Order maker)
    {
        long closable = maker.ReduceOnly ? Holding.Closable(maker.IsSell, maker.Holding.Size) : long.MaxValue;
        long lots = Math.Min(closable, Math.Min(leg.Lots - leg.Filled, maker.Remaining));
        if (lots == 0)
        {
            leg.Steps.Add(new PlanStep { Order = at, CloseReason = RejectCode.ReduceOnlyWouldIncrease });
            return true;
        }

        // Parts of the maker's exposure: below 2^60 each.
        long quote = maker.Price * lots, flow = quote - leg.Market.Funding * lots;
        FeeMeter meter = maker.RowBatch == _batch ? _ledger[maker.Row].Fee : default;
        long fee = meter.Add(quote, _config.MakerFee.Ppm);
        int row = _ledger.FindForced(account, leg.Market);
        if (leg.Quote + quote + (row < 0 ? 0 : _ledger.Forced(row).Quote) > ExposureLimits.Quote
            || _feeAccount.Cash + _ledger.Fees + _plan.Fees + fee > ExposureLimits.Cash) return false;
        (long size, long cash) = (leg.Sign * lots, -leg.Sign * flow - fee);
        if (MakerCode(ref maker, quote, size, cash, out bool needsRelief) is var code and not RejectCode.None)
        {
            leg.Steps.Add(new PlanStep { Order = at, CloseReason = code });
            return true;
        }

        Usage usage = _plan.Usage;
        usage.Buckets |= leg.Market.BucketBit;
        if (leg.Filled == 0 && row < 0) usage.Forced++;
        if (PlanMaker(ref maker, fee > 0, needsRelief, usage) != RejectCode.None) return false;
        Try(maker.Account, maker.Holding, size, cash);
        leg.Filled += lots;
        leg.Quote += quote;
        _plan.Fees += fee;
        leg.Steps.Add(new PlanStep { Order = at, Lots = lots, MakerMeter = meter, MakerFee = fee });
        if (lots == closable && lots < maker.Remaining) leg.Steps.Add(new PlanStep { Order = at, CloseReason = RejectCode.ReduceOnlyWouldIncrease });
        return true;
    }

    private void WriteDistress(BinaryWriter to)
    {
        to.Write(_distressed.Count);
        foreach (Distress distress in _distressed.Values)
        {
            to.Write(distress.Account.Id);
            to.Write(distress.Since);
            to.Write(distress.AuctionStart ?? -1);
        }
    }

    private void ReadDistress(BinaryReader from)
    {
        int count = from.ReadInt32();
        for (int i = 0; i < count; i++)
        {
            Account account = AccountOf(from.ReadInt32()) ?? throw new InvalidDataException("The snapshot names an account in distress that does not exist.");
            (uint since, long start) = (from.ReadUInt32(), from.ReadInt64());
            _distressed[account.Id] = new Distress(account, since, start < 0 ? null : start);
        }
    }
}
