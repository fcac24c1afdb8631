using Rollup.Crypto.Settlement;
using Rollup.Engine.State;
using Rollup.Protocol;
using Rollup.Risk;
using Rollup.Risk.Liquidation;

namespace Rollup.Engine;

// For hosts that decide when an epoch ends early: how much margin is in distress under prices newer than the epoch's. No part of the state.
public sealed partial class ClearingEngine
{
    private readonly DistressIndex _liveIndex = new();
    private long _liveTable;

    /// <summary>
    /// Sum of the requirements, under other rows, of the accounts that these bring below maintenance (<see cref="EpochRule"/>), atoms. An account that was
    /// there when the epoch opened does not count: another epoch would not help it. Looks only at accounts that the rows' moves since the opening can have
    /// brought there, and at those that the batch has changed.
    /// </summary>
    /// <param name="live">Rows of the epoch's instruments at newer prices.</param>
    /// <exception cref="ArgumentException">Other instruments, or no epoch is open.</exception>
    public Int128 DistressedMargin(IReadOnlyList<RiskRow> live)
    {
        if (!_isOpen || !live.Select(r => (r.Id, r.Kind, r.Group)).SequenceEqual(_rows.Select(r => (r.Id, r.Kind, r.Group))))
            throw new ArgumentException("Live rows are those of the instruments of an open epoch.", nameof(live));
        if (_liveTable != _table)
        {
            _liveTable = _table;
            _liveIndex.Reset(_rows);
            foreach (Account? account in _accounts)
                if (account is not null) _liveIndex.Place(account.Id, account.Margin.ScaledMaintenance, PositionsOf(account));
        }

        _liveIndex.Move(live);
        Int128 sum = 0;
        foreach (int id in new SortedSet<int>(_liveIndex.TakeCrossed().Concat(_ledger.Touched.Select(a => a.Id))))
        {
            Account account = _accounts[id]!;
            PortfolioMargin margin = PortfolioMargin.Of(account.Cash, PositionsOf(account).Select(p => (live[MarketOf(p.Instrument)!.Index], p.Size)));
            if (margin.ScaledMaintenance < 0 && !_distressed.ContainsKey(id)) sum += margin.Requirement;
            _liveIndex.Place(id, margin.ScaledMaintenance, PositionsOf(account));
        }

        return sum;
    }

    private static (int Instrument, long Size)[] PositionsOf(Account account) => [.. account.Positions().Select(p => (p.Instrument, p.Size))];
}
