using System.Collections.Immutable;
using Rollup.Engine.State;
using Rollup.Protocol;
using Rollup.Risk;

namespace Rollup.Engine;

// The newest prices within an epoch. The circuit knows the epoch's alone; nobody trades or withdraws on those once newer ones say that he cannot.
public sealed partial class ClearingEngine
{
    private RejectCode LiveRisk(long time, byte[] riskInputs)
    {
        if (!IsExecuting(time)) return RejectCode.EpochClosed;
        if (!RiskInputs.TryDecode(riskInputs, out RiskInputs inputs, out _) || !FitsConfiguration(inputs)) return RejectCode.BadRiskInput;
        long observed = inputs.ObservedAt.Milliseconds;
        if (inputs.Batch != _batch || !IsFresh(observed, time) || observed <= _observedAt || observed <= _liveAt) return RejectCode.StaleEpoch;
        ImmutableArray<RiskRow> rows = RiskRows.From(inputs);
        if (!KeepsSettlements(rows, time)) return RejectCode.BadRiskInput;
        (_liveAt, _liveInputs) = (observed, riskInputs);
        LoadLive(rows);
        return RejectCode.None;
    }

    private void LoadLive(ImmutableArray<RiskRow> rows)
    {
        for (int i = 0; i < _markets.Length; i++) _markets[i].LoadLive(rows[i]);
    }

    /// <summary>
    /// Whether newer prices, if there are any, let an account go to (size + deltaSize, cash + deltaCash): healthy under them; or, if it is not so now, with one
    /// position smaller and on the mend since now.
    /// </summary>
    private RejectCode CheckLive(Account account, Holding? holding, long deltaSize, long deltaCash)
    {
        if (_liveInputs.Length == 0) return RejectCode.None;
        if (LiveMargin(account, holding, deltaSize, deltaCash) is not { } next) return RejectCode.ExposureOutOfRange;
        if (next.Health >= 0) return RejectCode.None;
        bool shrinks = holding is not null && (deltaSize < 0 ? holding.Size >= -deltaSize : holding.Size <= -deltaSize);
        return shrinks && LiveMargin(account, null, 0, 0) is { Health: < 0 } now && now.IsMendedBy(next) ? RejectCode.None : RejectCode.InsufficientMargin;
    }

    /// <summary>Positions and cash under the newest prices, from scratch; null if they go beyond the exposure that 64 bits are enough for.</summary>
    private Margin? LiveMargin(Account account, Holding? changed, long deltaSize, long deltaCash)
    {
        Int128 exposure = 0;
        int count = 0;
        foreach (Holding h in account.Holdings)
        {
            long size = h.Size + (h == changed ? deltaSize : 0);
            if (size == 0) continue;
            _valued[count++] = (h.Market, size);
            // 44 and 35 bits.
            exposure += (Int128)Math.Abs(size) * h.Market.LiveUnit;
        }

        return exposure > ExposureLimits.Revalued ? null : Margin.Of(account.Cash + deltaCash, _valued.AsSpan(0, count), live: true);
    }
}
