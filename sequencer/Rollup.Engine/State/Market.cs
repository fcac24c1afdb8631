using System.Runtime.InteropServices;
using Rollup.Protocol;
using Rollup.Risk;

namespace Rollup.Engine.State;

/// <summary>One listed instrument: its specification, its row of this epoch, its book.</summary>
internal sealed class Market(InstrumentSpec spec, int index, int bucketIndex, int maxOrders)
{
    private ScenarioVector _long, _short, _liveLong, _liveShort;

    internal InstrumentSpec Spec { get; } = spec;
    internal int Id { get; } = spec.Id;

    /// <summary>Position in the configuration's list.</summary>
    internal int Index { get; } = index;

    /// <summary>Bit of the risk bucket among the configuration's buckets.</summary>
    internal ulong BucketBit { get; } = 1UL << bucketIndex;

    internal bool IsSpot { get; } = spec.Kind == InstrumentKind.Spot;
    internal OrderBook Book { get; } = new(maxOrders);

    /// <summary>F, atoms per lot.</summary>
    internal long Funding { get; private set; }

    /// <summary>Largest |value a lot| plus |F|: what one lot adds to an account's exposure.</summary>
    internal long Unit { get; private set; }

    /// <summary>Whether orders may be placed: the row carries no flag.</summary>
    internal bool IsTradable { get; private set; }

    /// <summary>Whether positions turn into cash.</summary>
    internal bool IsSettled { get; private set; }

    /// <summary>The same as <see cref="Long"/>, <see cref="Short"/> and the largest |value a lot| under the newest prices within the epoch.</summary>
    internal ref readonly ScenarioVector LiveLong => ref _liveLong;
    internal ref readonly ScenarioVector LiveShort => ref _liveShort;
    internal long LiveUnit { get; private set; }

    internal ref readonly ScenarioVector Long => ref _long;
    internal ref readonly ScenarioVector Short => ref _short;

    /// <summary>The value that a resting order's loss is measured against: what a buyer gets, or what a seller gives up.</summary>
    internal ref readonly ScenarioVector ReserveRow(bool isSell) => ref isSell && !IsSpot ? ref _short : ref _long;

    internal void Load(RiskRow row)
    {
        _long = ScenarioVector.From(row.Long.AsSpan());
        _short = ScenarioVector.From(row.Short.AsSpan());
        Funding = row.Funding;
        Unit = UnitOf(row);
        IsTradable = row.Flags == InstrumentFlags.None;
        IsSettled = (row.Flags & InstrumentFlags.Settled) != 0;
    }

    internal void LoadLive(RiskRow row)
    {
        _liveLong = ScenarioVector.From(row.Long.AsSpan());
        _liveShort = ScenarioVector.From(row.Short.AsSpan());
        LiveUnit = Math.Max(_liveLong.LargestMagnitude(), _liveShort.LargestMagnitude());
    }

    internal static long UnitOf(RiskRow row) =>
        Math.Max(ScenarioVector.From(row.Long.AsSpan()).LargestMagnitude(), ScenarioVector.From(row.Short.AsSpan()).LargestMagnitude()) + Math.Abs(row.Funding);
}
