using Rollup.Crypto.Settlement;
using Rollup.Engine.State;
using Rollup.Protocol;

namespace Rollup.Engine;

// Requests of the vault's queue to withdraw and to close (spec 5.9). They are served as far as the account allows, and the batch proves that it went no less far:
// so they never bounce, and an account of which a batch shows that there is no more takes nothing else in it.
public sealed partial class ClearingEngine
{
    /// <summary>Rows of a batch that may close one account: as many as there are, or as there are other accounts to trade with.</summary>
    private int MostClosings => Math.Min(_config.Profile.Forced, _config.Profile.Blocks - 1);

    private RejectCode Serve(long time, QueuedOperation queued)
    {
        Operation o = queued.Operation;
        // The vault takes requests of accounts that a final root has, in assets that it knows.
        if (AccountOf(o.Account) is not { } account) return RejectCode.UnknownAccount;
        if (account.HasRequest) return RejectCode.RequestServed;
        long paid = 0;
        RejectCode reason = RejectCode.NotOwner;
        RejectCode full = o.Owner != account.Identity.Owner ? Show(account, isServed: false)
            : o.Kind == OperationKind.WithdrawalRequest ? ServeWithdrawal(account, o, out paid, out reason)
            : ServeClose(time, account, out reason);
        if (full != RejectCode.None) return full;

        _ledger.AddOperation(queued, account, paid);
        _nextOperation++;
        Emit() = new EngineEvent
        {
            Kind = o.Kind == OperationKind.WithdrawalRequest ? EventKind.WithdrawalServed : EventKind.CloseServed,
            Reason = reason,
            Account = AccountId.From(account.Id),
            Instrument = InstrumentId.From(o.Asset),
            Amount = paid,
        };
        return RejectCode.None;
    }

    /// <summary>Gives the account a block that changes nothing. One below its requirement that nothing has changed is on the mend.</summary>
    /// <param name="isServed">Whether the block shows why there is no more: that takes a place with relief.</param>
    /// <param name="buckets">What the operation itself needs opened.</param>
    private RejectCode Show(Account account, bool isServed, ulong buckets = 0)
    {
        Usage usage = BatchLedger.BlockOf(account);
        usage.Buckets |= buckets;
        if ((isServed || account.Health < 0) && !account.HasRelief) usage.Reliefs = 1;
        if (_ledger.Fits(usage) is var full and not RejectCode.None) return full;
        _ledger.Touch(account);
        _ledger.OpenBucket(buckets);
        if (usage.Reliefs > 0) _ledger.TakeRelief(account);
        return RejectCode.None;
    }

    private RejectCode ServeWithdrawal(Account account, Operation o, out long paid, out RejectCode reason)
    {
        paid = 0;
        reason = RejectCode.None;
        Market? market = o.Asset == 0 ? null : MarketOf(o.Asset);
        if (market is { IsSpot: false }) return RejectCode.NotWithdrawable;
        long ownMoney = account.OwnMoney(null, 0, 0);
        paid = Math.Clamp(o.Asset == 0 ? Math.Min(account.Health, ownMoney) : ownMoney < 0 ? 0 : MostSpot(account, market, o.Amount), 0, o.Amount);
        bool isShort = paid < o.Amount;
        // Nothing is paid out of the block of an account that is liquidated; a later batch pays what is left then.
        if (paid > 0 && account.IsBarred) return account.Bar;
        if (Show(account, isShort, paid > 0 && market is not null ? market.BucketBit : 0) is var full and not RejectCode.None) return full;

        if (market is null) account.Cash -= paid;
        else if (paid > 0) account.Change(account.Find(market)!, -paid, 0);

        account.HasWithdrawn |= paid > 0;
        bool isCovered = account.ReservedHealth >= 0 && (market is null || account.Find(market) is not { } held || held.Asks <= held.Size);
        if (isShort || !isCovered) CancelOrders(account, RejectCode.RequestServed);
        ReleaseEmpty(account, market);
        if (isShort) reason = RejectCode.InsufficientBalance;
        return RejectCode.None;
    }

    /// <summary>Lots of spot that the account's health lets go, up to a number.</summary>
    private static long MostSpot(Account account, Market? market, long most)
    {
        if (market is null || account.Find(market) is not { } holding || account.Health < 0) return 0;
        // No value of spot is below 0 in any scenario, so health only falls.
        (long low, long high) = (0, Math.Min(most, holding.Size));
        while (low < high)
        {
            long middle = high - (high - low) / 2;
            if (account.HealthAfter(holding, -middle, 0) >= 0) low = middle;
            else high = middle - 1;
        }

        return low;
    }

    private RejectCode ServeClose(long time, Account account, out RejectCode reason)
    {
        // Closing would leave it owing against its spot.
        bool isIdle = account.OwnMoney(null, 0, 0) < 0;
        reason = isIdle ? RejectCode.InsufficientBalance : RejectCode.None;
        if (isIdle || !account.HasDerivatives)
        {
            RejectCode full = Show(account, isServed: true);
            if (full == RejectCode.None) CancelOrders(account, RejectCode.RequestServed);
            return full;
        }

        if (account.HasActed || account.IsBarred || IsCounterparty(account)) return RejectCode.RequestServed;

        List<Holding> all = [];
        foreach (Holding h in account.Holdings)
            if (h.Size != 0 && !h.Market.IsSpot) all.Add(h);
        all.Sort((a, b) => a.Market.Id.CompareTo(b.Market.Id));
        // Everything, else a single position; counterparties at the bound, else at the mark, and only there if the account stays below its requirement.
        foreach (List<Holding> positions in (IEnumerable<List<Holding>>)[all, .. all.Select(h => new List<Holding> { h })])
            foreach ((bool isAtMark, bool mayMend) in ((bool, bool)[])[(false, false), (true, false), (true, true)])
                if (TryClose(time, account, positions, isAtMark, mayMend, out bool isDone))
                {
                    reason = isDone ? RejectCode.None : RejectCode.NoLiquidity;
                    return RejectCode.None;
                }

        return RejectCode.RequestServed;
    }

    private bool IsCounterparty(Account account)
    {
        for (int i = 0; i < _ledger.ForcedCount; i++)
            if (_ledger.Forced(i).Counter == account) return true;
        return false;
    }

    /// <summary>Closes positions, first through the book within the price bound, then against counterparties, if the account may end so; else nothing has happened.</summary>
    /// <param name="isAtMark">Counterparties take their lots at the mark, not at the bound.</param>
    /// <param name="mayMend">Whether the account may end below its requirement, on the mend.</param>
    /// <param name="isDone">Whether no derivatives are left.</param>
    private bool TryClose(long time, Account account, List<Holding> positions, bool isAtMark, bool mayMend, out bool isDone)
    {
        _plan.Usage = BeginForced(account, showsFund: false);
        List<ForcedLeg> legs = [];
        List<DeleverageFill> fills = [];
        List<Holding> settled = [.. positions.Where(h => h.Market.IsSettled)];
        foreach (Holding h in settled)
        {
            _plan.Usage.Forced++;
            Try(account, h, -h.Size, h.Size * h.Market.Long[0]);
        }

        bool fits = _ledger.Fits(_plan.Usage) == RejectCode.None;
        foreach (Holding h in positions)
        {
            if (!fits || settled.Contains(h) || legs.Count + fills.Count == MostClosings) continue;
            var leg = new ForcedLeg(h, Math.Abs(h.Size));
            TryLeg(time, account, leg);
            if (leg.Filled > 0)
            {
                Try(account, h, leg.SizeChange, leg.CashChange);
                legs.Add(leg);
            }

            if (leg.Filled < leg.Lots) TryCounterparties(account, h, isAtMark, legs.Count, fills);
        }

        isDone = !account.HasDerivatives;
        // Rows that are short of the number to show are made of what the book gave.
        int missing = isDone ? 0 : MostClosings - legs.Count - fills.Count;
        Usage rows = _plan.Usage;
        rows.Forced += missing;
        Margin end = account.Margin;
        bool isKept = fits && _ledger.Fits(rows) == RejectCode.None && legs.Sum(leg => leg.Filled - 1) >= missing && ExposureLimits.IsCashInRange(account.Cash)
            && (end.Health >= 0 || (mayMend && IsOnTheMend(account, null, 0, end)));
        TakeBack();
        if (isKept) CommitClose(account, legs, fills, settled, missing);
        return isKept;
    }

    /// <summary>Closes what is left of a position against those who hold the other side, in the order of deleveraging, on trial.</summary>
    private void TryCounterparties(Account account, Holding position, bool isAtMark, int rows, List<DeleverageFill> fills)
    {
        long mark = LegOf(position).Mark, distance = isAtMark ? 0 : Math.Abs(mark - LegOf(position).WorstPrice), size = Math.Abs(position.Size);
        if ((Int128)distance * size > ExposureLimits.Quote) distance = 0;
        // Who deleverages bears a share of a deficit; who helps to close gets a share of what that costs.
        var leg = new DeleverageLeg(position, mark, -distance * size, Rank(position));
        Usage usage = _plan.Usage;
        for (int rank = 0; position.Size != 0 && rows + fills.Count < MostClosings && FindCounterparty(leg, Math.Abs(position.Size), ref usage, rank, isProRata: false) is { } fill; rank = fill.Rank + 1)
            Try(account, fill, fills);

        _plan.Usage = usage;
    }

    private void CommitClose(Account account, List<ForcedLeg> legs, List<DeleverageFill> fills, List<Holding> settled, int missing)
    {
        Market[] closed = [.. legs.Select(l => l.Market), .. fills.Select(f => f.Market)];
        _ledger.Touch(account);
        _ledger.TakeRelief(account);
        foreach (ForcedLeg leg in legs)
        {
            int split = (int)Math.Min(missing, leg.Filled - 1);
            missing -= split;
            AddClosings(account, leg, split);
            account.Change(leg.Holding, leg.SizeChange, leg.CashChange);
        }

        foreach (DeleverageFill fill in fills)
        {
            _ledger.Touch(fill.Counter);
            AddClosing(ForcedKind.Deleverage, account, fill.Counter, fill.Market, fill.Lots, fill.Quote);
            account.Change(fill.Leg.Holding, fill.SizeChange, fill.CashChange);
            fill.Counter.Change(fill.CounterHolding, -fill.SizeChange, -fill.CashChange);
            Emit() = new EngineEvent
            {
                Kind = EventKind.ClosedAgainst,
                Account = AccountId.From(account.Id),
                Instrument = InstrumentId.From(fill.Market.Id),
                IsSell = fill.Leg.Sign > 0,
                Price = Price.FromAtomsPerLot(Rounding.FloorDiv(fill.Quote, fill.Lots)),
                Lots = Lots.From(fill.Lots),
                Maker = AccountId.From(fill.Counter.Id),
            };
        }

        if (_plan.Fees > 0) _ledger.Touch(_feeAccount);
        _ledger.Fees += _plan.Fees;
        foreach (ForcedLeg leg in legs) FillBook(account, leg, RejectCode.RequestServed);
        foreach (Holding h in settled) ConvertWhole(account, h);
        CancelOrders(account, RejectCode.RequestServed);
        foreach (Market market in closed) ReleaseEmpty(account, market);
        foreach (DeleverageFill fill in fills) ReleaseEmpty(fill.Counter, fill.Market);
    }

    /// <summary>Enters what the book gave of a position: in one row, and as many of a single lot besides, each within the price bound.</summary>
    private void AddClosings(Account account, ForcedLeg leg, int split)
    {
        // At the average price, rounded in the account's disfavour, so that what is left is no worse than the average.
        long single = leg.Sign > 0 ? Rounding.FloorDiv(leg.Quote, leg.Filled) : Rounding.CeilDiv(leg.Quote, leg.Filled);
        AddClosing(ForcedKind.Liquidation, account, null, leg.Market, leg.Filled - split, leg.Quote - split * single);
        for (int i = 0; i < split; i++) AddClosing(ForcedKind.Liquidation, account, null, leg.Market, 1, single);
    }

    private void AddClosing(ForcedKind kind, Account account, Account? counter, Market market, long lots, long quote)
    {
        ref ForcedState row = ref _ledger.Forced(_ledger.AddForced(kind, account, counter, market, closing: true));
        (row.Fill, row.Quote) = (lots, quote);
        _ledger.OpenBucket(market.BucketBit);
    }

    /// <summary>Frees the room of an instrument, if the account has it no more.</summary>
    private static void ReleaseEmpty(Account account, Market? market)
    {
        if (market is not null && account.Find(market) is { } holding) account.Release(holding);
    }
}
