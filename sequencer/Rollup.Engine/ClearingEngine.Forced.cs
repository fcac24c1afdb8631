using Rollup.Crypto.Settlement;
using Rollup.Engine.State;
using Rollup.Protocol;
using Rollup.Risk.Liquidation;

namespace Rollup.Engine;

// What liquidation, auctions and deleveraging have in common. Several positions change together or not at all: balances are changed on trial,
// looked at, and taken back; only what ends provable is carried out.
public sealed partial class ClearingEngine
{
    private readonly record struct Trial(Account Account, Holding Holding, long Size, long Cash);

    /// <summary>A position of the account that is liquidated, and what is closed of it.</summary>
    private sealed class ForcedLeg(Holding holding, long lots)
    {
        internal Holding Holding { get; } = holding;
        internal Market Market => Holding.Market;

        /// <summary>+1 for a long, -1 for a short.</summary>
        internal int Sign { get; } = Math.Sign(holding.Size);

        /// <summary>Lots to close.</summary>
        internal long Lots { get; } = lots;

        internal long Filled, Quote, Fee;

        /// <summary>What it does to the book.</summary>
        internal List<PlanStep> Steps { get; } = [];

        /// <summary>What the fills change of the account's position and, without the fee, its cash.</summary>
        internal long SizeChange => -Sign * Filled;
        internal long CashChange => Sign * (Quote - Market.Funding * Filled);
    }

    private readonly List<Trial> _trials = [];

    /// <summary>Changes a balance until <see cref="TakeBack"/>. The caller has seen to ranges.</summary>
    private void Try(Account account, Holding holding, long size, long cash)
    {
        account.Change(holding, size, cash);
        _trials.Add(new Trial(account, holding, size, cash));
    }

    /// <summary>Undoes all that was tried: a change and its opposite leave no trace, for everything is whole numbers.</summary>
    private void TakeBack()
    {
        for (int i = _trials.Count - 1; i >= 0; i--) _trials[i].Account.Change(_trials[i].Holding, -_trials[i].Size, -_trials[i].Cash);
        _trials.Clear();
    }

    private Leg LegOf(Holding holding) => new(_rows[holding.Market.Index], holding.Size);

    /// <summary>
    /// Whether an account that is liquidated may end as it stands (spec 5.8): healthy, or with a requirement no larger than in its old leaf; and
    /// liquidated no further than the size bound allows, at the cost of no more maintenance than was released.
    /// </summary>
    private bool IsForcedEnd(Account account)
    {
        (Margin old, Margin now) = (OldMarginOf(account), account.Margin);
        return (now.Health >= 0 || now.Requirement <= old.Requirement) && ExposureLimits.IsCashInRange(account.Cash)
            && ((!account.HasDerivatives && !HasSoldSpot(account)) || LiquidationFraction.IsWithinSizeBound(old.Requirement, now.ScaledMaintenance))
            && now.ScaledMaintenance >= old.ScaledMaintenance;
    }

    /// <summary>Whether an account has less of some spot than in its old leaf.</summary>
    private bool HasSoldSpot(Account account)
    {
        foreach (Position p in account.Leaf.Positions)
            if (MarketOf(p.Instrument) is { IsSpot: true } market && (account.Find(market)?.Size ?? 0) < p.Size) return true;
        return false;
    }

    /// <summary>The batch's row that liquidates the account's position: the one there is, a new one (-1), or none can be (null).</summary>
    private int? LiquidationRowOf(Account account, Market market)
    {
        if (_ledger.IsDeleveraged(account)) return null;
        int row = _ledger.FindForced(account, market);
        return row < 0 || (_ledger.Forced(row).Kind == ForcedKind.Liquidation && _ledger.Forced(row).Account == account) ? row : null;
    }

    /// <summary>Begins a plan that counts the block and the relief of an account, and of the fund if it is shown.</summary>
    private Usage BeginForced(Account account, bool showsFund)
    {
        _plan.Begin();
        Usage usage = default;
        if (PlanBlock(account, ref usage)) account.PlanStamp = _plan.Stamp;
        if (showsFund && PlanBlock(_fundAccount, ref usage)) _fundAccount.PlanStamp = _plan.Stamp;
        if (!account.HasRelief) usage.Reliefs++;
        account.ReliefStamp = _plan.Stamp;
        return usage;
    }

    /// <summary>
    /// The fund's fee on what a leg has filled so far in this batch, once all legs have: no more than the account has left at the mark, and than the maintenance
    /// that its closing has released. None in a batch that deleverages: that the fund could not pay must stay true to the batch's end.
    /// </summary>
    private long LiquidationFee(Account account, ForcedLeg leg)
    {
        int row = _ledger.FindForced(account, leg.Market);
        (long quote, long charged) = row < 0 ? (0, 0) : (_ledger.Forced(row).Quote, _ledger.Forced(row).Fee);
        if (_ledger.Deleverages || _fundAccount.Cash > ExposureLimits.Cash / 2) return 0;
        long fee = _config.Liquidation!.Fee.CeilFee(Cash.FromAtoms(quote + leg.Quote)).Atoms - charged;
        Int128 released = Rounding.FloorDiv(account.Margin.ScaledMaintenance - OldMarginOf(account).ScaledMaintenance, Scale.MaintenanceDenominator);
        return (long)Int128.Clamp(fee, 0, Int128.Max(0, Int128.Min(account.Margin.Mark, released)));
    }

    private void ChargeFees(Account account, IReadOnlyList<ForcedLeg> legs)
    {
        foreach (ForcedLeg leg in legs)
        {
            if (leg.Filled == 0) continue;
            leg.Fee = LiquidationFee(account, leg);
            Try(account, leg.Holding, 0, -leg.Fee);
        }
    }

    /// <summary>Enters what the legs have filled in the batch and in the account's balances.</summary>
    private void CommitLegs(Account account, IReadOnlyList<ForcedLeg> legs)
    {
        _ledger.Touch(account);
        foreach (ForcedLeg leg in legs)
        {
            if (leg.Filled == 0) continue;
            int row = _ledger.FindForced(account, leg.Market);
            if (row < 0) row = _ledger.AddForced(ForcedKind.Liquidation, account, null, leg.Market);
            ref ForcedState forced = ref _ledger.Forced(row);
            forced.Fill += leg.Filled;
            forced.Quote += leg.Quote;
            forced.Fee += leg.Fee;
            _ledger.OpenBucket(leg.Market.BucketBit);
            account.Change(leg.Holding, leg.SizeChange, leg.CashChange - leg.Fee);
            if (leg.Fee == 0) continue;
            _ledger.Touch(_fundAccount);
            _fundAccount.Cash += leg.Fee;
        }
    }

    /// <summary>Frees what is closed. Only when nothing refers to the holdings any more.</summary>
    private static void ReleaseLegs(Account account, IReadOnlyList<ForcedLeg> legs)
    {
        foreach (ForcedLeg leg in legs) account.Release(leg.Holding);
    }
}
