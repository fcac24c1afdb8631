using System.Collections.Immutable;
using Rollup.Crypto;
using Rollup.Protocol;
using Rollup.Risk;

namespace Rollup.Engine;

/// <summary>A listed instrument. Its kind and group must agree with every epoch's risk inputs.</summary>
/// <param name="Id">1..2^18-1.</param>
/// <param name="Kind">Spot, perpetual, call or put.</param>
/// <param name="Group">Margin group, 0..15.</param>
/// <param name="Tick">Limits are multiples of this many atoms per lot.</param>
/// <param name="MinSize">Least size of an order in lots.</param>
/// <param name="Strike">Of an option, atoms per lot, 1..2^33-1; else 0.</param>
/// <param name="ExpiresAt">Of an option: it takes no orders from then on. Else 0.</param>
public sealed record InstrumentSpec(int Id, InstrumentKind Kind, int Group, long Tick, long MinSize, long Strike = 0, Timestamp ExpiresAt = default)
{
    /// <summary>Whether it is a call or a put.</summary>
    public bool IsOption => Kind is InstrumentKind.Call or InstrumentKind.Put;

    /// <summary>Whether an option has expired at a time.</summary>
    public bool IsExpired(long time) => ExpiresAt != default && ExpiresAt.Milliseconds <= time;
}

/// <summary>What an engine is born with; a snapshot can be restored only under the configuration that made it.</summary>
/// <param name="Domain">Signing domain of the vault (spec 4.1).</param>
/// <param name="Profile">Capacity of a batch.</param>
/// <param name="Instruments">Ascending by id, at least one; they span at most <see cref="MaxBuckets"/> buckets.</param>
/// <param name="MakerFee">Charged to the resting order of a fill.</param>
/// <param name="TakerFee">Charged to the incoming order.</param>
/// <param name="MaxEpoch">Longest epoch in milliseconds; nothing executes later than this after its opening.</param>
/// <param name="MaxReportAge">Oldest risk inputs an epoch opens with, milliseconds.</param>
/// <param name="MaxOpenOrders">Open orders of one account.</param>
/// <param name="MaxBookOrders">Open orders of one instrument.</param>
/// <param name="Liquidation">How accounts below maintenance are liquidated; null leaves them alone.</param>
public sealed record EngineConfig(
    Fr Domain, CircuitProfile Profile, ImmutableArray<InstrumentSpec> Instruments, FeeRate MakerFee, FeeRate TakerFee,
    int MaxEpoch = 60_000, int MaxReportAge = 10_000, int MaxOpenOrders = 200, int MaxBookOrders = 65_536, LiquidationConfig? Liquidation = null)
{
    /// <summary>Distinct risk buckets that the instruments may span.</summary>
    public const int MaxBuckets = 64;

    private static readonly FeeRate MaxFee = FeeRate.FromPpm(100_000);

    /// <summary>The first rule the configuration breaks, or null.</summary>
    public string? Validate()
    {
        if (Profile.Blocks is < 2 or > 255) return $"profile '{Profile.Name}': {Profile.Blocks} blocks; a batch needs 2 to 255";
        if (Profile.Rows < 1 || Profile.Operations < 1 || Profile.Buckets < 1) return $"profile '{Profile.Name}' needs rows, operations and buckets";
        if (Instruments.IsEmpty) return "no instruments are listed";
        for (int i = 0; i < Instruments.Length; i++)
        {
            InstrumentSpec t = Instruments[i];
            if (t.Id is < 1 or >= 1 << Width.Instrument) return $"instrument {t.Id} is outside 1..2^18-1";
            if (i > 0 && Instruments[i - 1].Id >= t.Id) return "instruments are not in strictly ascending order";
            if (t.Kind is not (InstrumentKind.Spot or InstrumentKind.Perpetual) && !t.IsOption) return $"instrument {t.Id}: kind {t.Kind} is not supported";
            if (t.Group is < 0 or >= 1 << Width.Group) return $"instrument {t.Id}: group {t.Group} is outside 0..15";
            if (t.IsOption ? t.Strike is < 1 or >= RiskInputs.StrikeBound : t.Strike != 0) return $"instrument {t.Id}: strike {t.Strike}; an option's is 1..2^33-1, others have 0";
            if (t.IsOption == (t.ExpiresAt == default)) return $"instrument {t.Id}: expires at {t.ExpiresAt}; options expire after 0, others have 0";
            if (t.Tick is < 1 or >= Price.ExclusiveBound) return $"instrument {t.Id}: tick {t.Tick} is outside 1..2^35-1";
            if (t.MinSize is < 1 or >= Lots.PositionBound) return $"instrument {t.Id}: least size {t.MinSize} is outside 1..2^44-1";
        }

        if (Instruments.Select(t => t.Id / Bound.RowsPerBucket).Distinct().Count() > MaxBuckets) return $"the instruments span more than {MaxBuckets} buckets";
        if (MakerFee > MaxFee || TakerFee > MaxFee) return $"a fee exceeds {MaxFee}";
        if (Liquidation?.Validate() is { } problem) return problem;
        if (MaxEpoch < 1 || MaxReportAge < 0) return "the longest epoch is at least 1 ms and the oldest report at least 0 ms";
        if (MaxOpenOrders is < 1 or > 1 << Width.Slot) return $"open orders of an account: {MaxOpenOrders} is outside 1..256";
        return MaxBookOrders is >= 1 and <= 1 << 24 ? null : $"orders of a book: {MaxBookOrders} is outside 1..2^24";
    }
}
