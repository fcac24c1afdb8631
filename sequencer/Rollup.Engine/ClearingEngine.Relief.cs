using Rollup.Crypto.Settlement;
using Rollup.Engine.State;
using Rollup.Protocol;

namespace Rollup.Engine;

// Healthy, or strictly on the mend: what an account below its requirement may do (spec 5.8).
public sealed partial class ClearingEngine
{
    /// <summary>
    /// Whether an account may go to (size + deltaSize, cash + deltaCash) as far as its margin goes: healthy, or on the mend since its old leaf.
    /// Positions and cash only ever change after this check, and the rows stay, so a touched account is provable at every moment.
    /// </summary>
    /// <param name="account">The account.</param>
    /// <param name="holding">The position that changes, or null.</param>
    /// <param name="deltaSize">Lots.</param>
    /// <param name="deltaCash">Atoms.</param>
    /// <param name="taken">What a plan in progress takes of the batch already.</param>
    /// <param name="needsRelief">Whether the account then needs a place for relief.</param>
    /// <returns>None; InsufficientMargin; BatchReliefFull if it is on the mend and no place is free.</returns>
    private RejectCode CheckMargin(Account account, Holding? holding, long deltaSize, long deltaCash, in Usage taken, out bool needsRelief)
    {
        needsRelief = account.HealthAfter(holding, deltaSize, deltaCash) < 0;
        if (!needsRelief) return RejectCode.None;
        if (!IsOnTheMend(account, holding, deltaSize, account.MarginAfter(holding, deltaSize, deltaCash))) return RejectCode.InsufficientMargin;
        bool isFree = account.HasRelief || IsPlannedRelief(account) || _ledger.Fits(new Usage { Reliefs = taken.Reliefs + 1 }) == RejectCode.None;
        return isFree ? RejectCode.None : RejectCode.BatchReliefFull;
    }

    /// <summary>Whether a fill may leave an account there, under the epoch's table and under newer prices.</summary>
    private RejectCode CheckFill(Account account, Holding holding, long deltaSize, long deltaCash, in Usage taken, out bool needsRelief)
    {
        RejectCode code = CheckMargin(account, holding, deltaSize, deltaCash, taken, out needsRelief);
        return code == RejectCode.None ? CheckLive(account, holding, deltaSize, deltaCash) : code;
    }

    /// <summary>
    /// Whether the account, below its requirement in its old leaf and now, only shrinks and mends. Money does not leave it: a batch that withdraws
    /// from an account ends with it healthy.
    /// </summary>
    private bool IsOnTheMend(Account account, Holding? holding, long deltaSize, Margin next)
    {
        if (_config.Profile.Reliefs == 0 || account.HasWithdrawn) return false;
        Margin old = OldMarginOf(account);
        return old.Health < 0 && account.IsWithinOld(holding, deltaSize) && old.IsMendedBy(next);
    }

    private bool IsPlannedRelief(Account account) => account.ReliefStamp == _plan.Stamp;

    /// <summary>What the account's old leaf is worth under the epoch's rows.</summary>
    private Margin OldMarginOf(Account account)
    {
        if (account.OldTable == _table) return account.OldMargin;
        int count = 0;
        foreach (Position p in account.Leaf.Positions) _valued[count++] = (MarketOf(p.Instrument)!, p.Size);
        account.OldTable = _table;
        return account.OldMargin = Margin.Of(account.Leaf.Cash, _valued.AsSpan(0, count), live: false);
    }
}
