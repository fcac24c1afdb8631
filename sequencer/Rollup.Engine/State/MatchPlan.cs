using Rollup.Protocol;

namespace Rollup.Engine.State;

/// <summary>One step of a plan: a fill of a resting order, or (with a reason) its removal.</summary>
internal struct PlanStep
{
    internal int Order;
    internal long Lots;
    internal FeeMeter MakerMeter;
    internal long MakerFee, TakerFee;
    internal RejectCode CloseReason;
}

/// <summary>
/// What an incoming order would do, found before anything is changed: so a rejected command leaves no trace, and a fill-or-kill
/// needs no undoing. One instance, reused.
/// </summary>
internal sealed class MatchPlan
{
    private PlanStep[] _steps = new PlanStep[16];

    internal int Count { get; private set; }
    internal ref PlanStep this[int step] => ref _steps[step];

    /// <summary>Lots filled and what they change of the taker's cash, fees included.</summary>
    internal long Filled, TakerCash, Quote;

    internal long Fees;
    internal FeeMeter TakerMeter;
    internal Usage Usage;

    // How far the plan may be carried out: what a taker that closes is left with there, its account can answer for.
    private (int Count, long Filled, long TakerCash, long Quote, long Fees, FeeMeter TakerMeter) _mark;

    /// <summary>Number of this plan: scratch fields of accounts and holdings that carry it are this plan's.</summary>
    internal long Stamp { get; private set; }

    internal void Begin()
    {
        Count = 0;
        Filled = TakerCash = Quote = Fees = 0;
        TakerMeter = default;
        Usage = default;
        Stamp++;
        Mark();
    }

    /// <summary>Whether something has filled since <see cref="Mark"/>.</summary>
    internal bool IsBeyondMark => Filled > _mark.Filled;

    /// <summary>Remembers the plan as it is.</summary>
    internal void Mark() => _mark = (Count, Filled, TakerCash, Quote, Fees, TakerMeter);

    /// <summary>Drops what was added since <see cref="Mark"/>. Usage, of no use any more, stays.</summary>
    internal void Return() => (Count, Filled, TakerCash, Quote, Fees, TakerMeter) = _mark;

    internal ref PlanStep Add()
    {
        if (Count == _steps.Length) Array.Resize(ref _steps, 2 * Count);
        return ref _steps[Count++];
    }

    internal void Close(int order, RejectCode reason) => Add() = new PlanStep { Order = order, CloseReason = reason };
}
