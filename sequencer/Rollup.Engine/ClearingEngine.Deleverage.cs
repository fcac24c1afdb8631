using Rollup.Crypto.Settlement;
using Rollup.Engine.State;
using Rollup.Protocol;
using Rollup.Risk.Liquidation;

namespace Rollup.Engine;

// Auto-deleveraging: the other side of an insolvent account's positions closes against it and bears the deficit that the fund cannot (docs/RISK.md).
public sealed partial class ClearingEngine
{
    /// <summary>A position of the insolvent account, its share of the deficit, and its counterparties in the order of the ranking.</summary>
    private sealed class DeleverageLeg(Holding holding, long mark, long share, List<RankedHolder> ranked)
    {
        internal Holding Holding { get; } = holding;
        internal int Sign { get; } = Math.Sign(holding.Size);
        internal long Size { get; } = Math.Abs(holding.Size);
        internal long Mark { get; } = mark;
        internal long Share { get; } = share;
        internal List<RankedHolder> Ranked { get; } = ranked;
    }

    /// <summary>Lots of a leg closed against one counterparty, which bears part of the deficit.</summary>
    private readonly record struct DeleverageFill(DeleverageLeg Leg, Holding CounterHolding, Account Counter, int Rank, long Lots, long Borne)
    {
        internal Market Market => Leg.Holding.Market;

        /// <summary>Atoms, at a price that favours the insolvent account by what the counterparty bears. Parts of an exposure and of a cash balance: below 2^63.</summary>
        internal long Quote => Leg.Mark * Lots + Leg.Sign * Borne;

        /// <summary>What it changes of the insolvent account's size and cash; its counterparty's change is the opposite.</summary>
        internal long SizeChange => -Leg.Sign * Lots;
        internal long CashChange => Leg.Sign * (Quote - Market.Funding * Lots);
    }

    /// <summary>Rows of a batch that may name one position (spec 5.9).</summary>
    private const int MostRowsOfPosition = 16;

    // What the batch in progress commits to. Deleveraging happens in the command that opens the epoch, so nothing of it is ever in a snapshot.
    private readonly List<RankingEntry> _ranking = [];

    /// <summary>Closes what counterparties can take: all legs, or an equal part of all, or single legs whose closing takes requirement away.</summary>
    private void Deleverage(Account account)
    {
        List<Holding> positions = ClosablePositions(account);
        if (positions.Count == 0) return;
        var shares = Deleveraging.Share(-account.Margin.Mark, [.. positions.Select(LegOf)]);
        DeleverageLeg[] legs = [.. positions.Zip(shares, (position, share) => new DeleverageLeg(position, LegOf(position).Mark, share, Rank(position)))];
        List<DeleverageFill> fills = TryDeleverage(account, [.. legs.Select(leg => leg.Size)], legs, out bool isKept);
        if (!isKept)
        {
            long fraction = legs.Min(leg => (long)Rounding.FloorDiv(
                (Int128)fills.Where(f => f.Leg == leg).Sum(f => f.Lots) * LiquidationFraction.Whole, leg.Size));
            fills = TryDeleverage(account, [.. LiquidationFraction.Lots(positions.Select(LegOf), fraction)], legs, out isKept);
        }

        for (int i = 0; i < legs.Length && !isKept; i++)
            fills = TryDeleverage(account, [.. legs.Select((leg, at) => at == i ? leg.Size : 0)], legs, out isKept);
        if (isKept) CommitDeleverage(account, fills);
    }

    /// <summary>Finds counterparties on trial and takes everything back.</summary>
    /// <param name="lots">To close, by leg.</param>
    /// <param name="isKept">Whether the account may end so: still without means, with a requirement no larger than before.</param>
    private List<DeleverageFill> TryDeleverage(Account account, long[] lots, DeleverageLeg[] legs, out bool isKept)
    {
        var fills = new List<DeleverageFill>();
        Usage usage = BeginForced(account, showsFund: true);
        for (int i = 0; i < legs.Length; i++)
        {
            int first = fills.Count;
            long left = lots[i];
            for (int rank = 0; left > 0 && fills.Count - first < MostRowsOfPosition && FindCounterparty(legs[i], left, ref usage, rank, isProRata: true) is { } fill; rank = fill.Rank + 1)
            {
                Try(account, fill, fills);
                left -= fill.Lots;
            }
        }

        isKept = fills.Count > 0 && IsForcedEnd(account) && account.Margin.Mark <= 0;
        TakeBack();
        return fills;
    }

    /// <summary>Closes lots against a counterparty on trial.</summary>
    private void Try(Account account, in DeleverageFill fill, List<DeleverageFill> fills)
    {
        Try(account, fill.Leg.Holding, fill.SizeChange, fill.CashChange);
        Try(fill.Counter, fill.CounterHolding, -fill.SizeChange, -fill.CashChange);
        fills.Add(fill);
    }

    /// <summary>The first in the ranking, from a place on, that can take lots and stays healthy.</summary>
    /// <param name="isProRata">Whether those who rank alike share the lots by size, as far as the batch has rows for them; else the first takes what it can.</param>
    private DeleverageFill? FindCounterparty(DeleverageLeg leg, long lots, ref Usage usage, int first, bool isProRata)
    {
        Market market = leg.Holding.Market;
        for (int rank = first; rank < leg.Ranked.Count; rank++)
        {
            Account counter = _accounts[leg.Ranked[rank].Account]!;
            Holding held = counter.Find(market)!;
            // The position is named in no other forced row of the batch, and shrinks in it: so no more than it was in the old leaf.
            long taken = Math.Min(isProRata ? ShareOf(leg, rank, lots, _config.Profile.Forced - _ledger.ForcedCount - usage.Forced) : lots, Math.Min(Math.Abs(held.Size), -leg.Sign * counter.OldSize(market)));
            if (taken <= 0 || _ledger.FindForced(counter, market) >= 0) continue;
            // 62 + 44 bits; rounded down, so that nobody gives more than the deficit.
            var fill = new DeleverageFill(leg, held, counter, rank, taken, (long)Rounding.FloorDiv((Int128)leg.Share * taken, leg.Size));
            if (fill.Quote is < 0 or > ExposureLimits.Quote || counter.CheckCash(held, -fill.SizeChange, -fill.CashChange) != RejectCode.None
                || counter.MarginAfter(held, -fill.SizeChange, -fill.CashChange).Health < 0) continue;
            Usage more = usage;
            more.Forced++;
            more.Buckets |= market.BucketBit;
            bool addsBlock = PlanBlock(counter, ref more);
            if (_ledger.Fits(more) != RejectCode.None) continue;
            if (addsBlock) counter.PlanStamp = _plan.Stamp;
            usage = more;
            return fill;
        }

        return null;
    }

    /// <summary>What a holder takes of lots that are left: by size among those who rank alike from here on, of whom no more count than there are rows; rounded up.</summary>
    private static long ShareOf(DeleverageLeg leg, int rank, long left, int rows)
    {
        Int128 together = 0;
        for (int r = rank; r < leg.Ranked.Count && r < rank + Math.Max(1, rows) && leg.Ranked[r].Score == leg.Ranked[rank].Score; r++) together += Math.Abs(leg.Ranked[r].Size);
        // 44 + 44 bits.
        return (long)Rounding.CeilDiv((Int128)left * Math.Abs(leg.Ranked[rank].Size), together);
    }

    /// <summary>Who holds the other side, in order: who has no part in the batch's forced rows and is not in distress.</summary>
    private List<RankedHolder> Rank(Holding position)
    {
        var ranked = new List<RankedHolder>();
        foreach (Account? account in _accounts)
        {
            if (account is null || account.IsBarred || _distressed.ContainsKey(account.Id)) continue;
            if (account.Find(position.Market) is not { Size: not 0 } held || Math.Sign(held.Size) == Math.Sign(position.Size)) continue;
            List<Leg> portfolio = [];
            foreach (Holding h in account.Holdings)
                if (h.Size != 0) portfolio.Add(LegOf(h));
            ranked.Add(Deleveraging.Rank(account.Id, portfolio, position.Market.Id));
        }

        ranked.Sort(Deleveraging.Order);
        return ranked;
    }

    private void CommitDeleverage(Account account, List<DeleverageFill> fills)
    {
        foreach (IGrouping<DeleverageLeg, DeleverageFill> leg in fills.GroupBy(f => f.Leg))
            _ranking.AddRange(leg.Key.Ranked.Take(leg.Max(f => f.Rank) + 1).Select(r => new RankingEntry(r.Account, r.Instrument, r.Size, r.Score)));
        _ledger.Touch(account);
        _ledger.Touch(_fundAccount);
        foreach (DeleverageFill fill in fills)
        {
            _ledger.Touch(fill.Counter);
            _ledger.OpenBucket(fill.Market.BucketBit);
            ref ForcedState row = ref _ledger.Forced(_ledger.AddForced(ForcedKind.Deleverage, account, fill.Counter, fill.Market));
            (row.Fill, row.Quote) = (fill.Lots, fill.Quote);
            account.Change(fill.Leg.Holding, fill.SizeChange, fill.CashChange);
            fill.Counter.Change(fill.CounterHolding, -fill.SizeChange, -fill.CashChange);
            Emit() = new EngineEvent
            {
                Kind = EventKind.Deleveraged,
                Account = AccountId.From(account.Id),
                Instrument = InstrumentId.From(fill.Market.Id),
                IsSell = fill.Leg.Sign > 0,
                Lots = Lots.From(fill.Lots),
                Maker = AccountId.From(fill.Counter.Id),
                Amount = fill.Borne,
            };
        }

        foreach (DeleverageFill fill in fills)
        {
            ReleaseEmpty(account, fill.Market);
            ReleaseEmpty(fill.Counter, fill.Market);
        }

        _ledger.RankingRoot = DeleverageRanking.Root(_ranking);
    }
}
