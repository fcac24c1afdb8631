using System.Collections.Immutable;
using Rollup.Protocol;
using Rollup.Risk.Pricing;

namespace Rollup.Risk;

/// <summary>The scan range R of one margin group, in 10^-6 of the price.</summary>
public readonly record struct GroupRange(int Group, int ScanRange)
{
    public const int Bitcoin = 150_000;
    public const int Ether = 180_000;
    public const int Other = 300_000;
}

/// <summary>
/// One slice of an implied-volatility surface: total variance w(k) = a + b (rho (k - m) + sqrt((k - m)^2 + sigma^2)) at log-moneyness
/// k = ln(K / F), the raw SVI of Gatheral, "A parsimonious arbitrage-free implied volatility parameterization" (2004). All in 10^-9.
/// </summary>
public readonly record struct SviSlice(long A, long B, long Rho, long M, long Sigma)
{
    /// <summary>1 in the unit of the five numbers.</summary>
    public const long One = 1_000_000_000;

    /// <summary>Highest magnitude of every one but rho.</summary>
    public const long Most = 100 * One;

    /// <summary>
    /// The first rule that the slice breaks, or null: bounds, and a least variance a + b sigma sqrt(1 - rho^2) of at least 0, its parts rounded down. Arbitrage is the
    /// oracle's concern: medians of good surfaces may have a little of it, and a table has to come of them.
    /// </summary>
    internal string? Validate()
    {
        if (A is < -Most or > Most || M is < -Most or > Most) return $"a {A} or m {M} exceeds 100 in magnitude";
        if (B is < 0 or > Most) return $"b {B} is outside 0..10^11";
        if (Rho is <= -One or >= One) return $"rho {Rho} is not between -10^9 and 10^9";
        if (Sigma is < 1 or > Most) return $"sigma {Sigma} is outside 1..10^11";
        // 37 + 37 bits, and 44 + 30.
        Int128 least = A + (Int128)B * Sigma / One * FixedMath.Sqrt((UInt128)(One * One - Rho * Rho)) / One;
        return least < 0 ? $"the least variance {least} is negative" : null;
    }
}

/// <summary>What the oracle says of one expiry of a group: forward and surface, and the settlement price as far as it is known.</summary>
/// <param name="Group">Margin group.</param>
/// <param name="ExpiresAt">When its options expire.</param>
/// <param name="Basis">Forward over index, less 1, in 10^-9.</param>
/// <param name="Surface">Total variance by strike.</param>
/// <param name="Average">Mean of the settlement samples taken so far, in 10^-9 of the index; 0 if there is none.</param>
/// <param name="Weight">Share of the settlement window that the samples cover, in 10^-9; 0 before the window.</param>
public sealed record ExpiryInput(int Group, Timestamp ExpiresAt, long Basis, SviSlice Surface, long Average = 0, int Weight = 0)
{
    /// <summary>Milliseconds before expiry over which the settlement price is averaged.</summary>
    public const long SettlementWindow = 30 * 60 * 1000;

    /// <summary>An expiry is at most this many milliseconds after the observation: 4 years of 365 days.</summary>
    public const long MostAhead = 4 * 365 * 86_400_000L;

    private const long One = SviSlice.One;

    internal string? Validate(Timestamp observedAt)
    {
        if (ExpiresAt.Milliseconds == 0) return "expires at 0";
        if (ExpiresAt.Milliseconds - observedAt.Milliseconds > MostAhead) return "is more than 4 years ahead";
        if (Basis is < -One / 2 or > One) return $"basis {Basis} is outside -5 x 10^8..10^9";
        if (Weight is < 0 or > (int)One) return $"weight {Weight} is outside 0..10^9";
        if (Weight > 0 && ExpiresAt.Milliseconds - observedAt.Milliseconds >= SettlementWindow) return "has settlement samples before its window";
        if (Weight == 0 ? Average != 0 : Average is < One / 2 or > 2 * One) return $"average {Average} does not fit weight {Weight}";
        return Surface.Validate();
    }
}

/// <summary>
/// What the oracle and the ledger say of one instrument. Prices and funding in atoms per lot, open interest in lots. The mark of an
/// option follows from its surface and is 0 here, unless the option is settled or delisted: then it is the frozen value.
/// </summary>
/// <param name="Id">1..2^18-1.</param>
/// <param name="Kind">Spot, perpetual, call or put.</param>
/// <param name="Flags">Settled or delisted: a derivative's value is frozen. Spot keeps its risk.</param>
/// <param name="Group">Margin group.</param>
/// <param name="Index">Price of the underlying; below 2^32 for options.</param>
/// <param name="Mark">Fair price.</param>
/// <param name="Funding">Cumulative funding F; 0 for all but perpetuals.</param>
/// <param name="OpenInterest">Below 2^60.</param>
/// <param name="Strike">Of an option, below 2^33; else 0.</param>
/// <param name="ExpiresAt">Of an option; else 0.</param>
public sealed record InstrumentInput(int Id, InstrumentKind Kind, InstrumentFlags Flags, int Group, long Index, long Mark, long Funding, long OpenInterest,
    long Strike = 0, Timestamp ExpiresAt = default)
{
    public bool IsOption => Kind is InstrumentKind.Call or InstrumentKind.Put;

    /// <summary>Whether one value holds in every scenario.</summary>
    public bool IsFrozen => Kind != InstrumentKind.Spot && (Flags & (InstrumentFlags.Settled | InstrumentFlags.Delisted)) != 0;
}

/// <summary>
/// Everything the risk table of one batch follows from. Its bytes are canonical (one encoding for each value, one value for each
/// accepted encoding), so that whoever reads them on the chain recomputes the same risk root (spec 6.7).
/// </summary>
/// <param name="Batch">The batch the table is for.</param>
/// <param name="ObservedAt">When the prices were observed.</param>
/// <param name="Parameters">The method's parameters.</param>
/// <param name="Groups">Scan ranges, ascending by group.</param>
/// <param name="Instruments">Instruments, ascending by id.</param>
public sealed record RiskInputs(
    uint Batch, Timestamp ObservedAt, RiskParameters Parameters, ImmutableArray<GroupRange> Groups, ImmutableArray<InstrumentInput> Instruments)
{
    /// <summary>First byte of the encoding.</summary>
    public const byte FormatVersion = 2;

    /// <summary>Highest number of instruments.</summary>
    public const int MaxInstruments = 4096;

    /// <summary>Highest number of expiries.</summary>
    public const int MaxExpiries = 255;

    /// <summary>No encoding is longer: 210,325 bytes.</summary>
    public static readonly int MaxSize = RiskInputsCodec.SizeOf(1 << Width.Group, MaxExpiries, 0, MaxInstruments);

    /// <summary>Open interest is below this many lots.</summary>
    public const long OpenInterestBound = 1L << 60;

    /// <summary>Strikes are below this, in atoms per lot.</summary>
    public const long StrikeBound = 1L << 33;

    private const int Unit = 1_000_000;
    private const int MaxScanRange = 900_000;
    private const long OptionIndexBound = 1L << 32;

    /// <summary>Expiries of options, ascending by group and time.</summary>
    public ImmutableArray<ExpiryInput> Expiries { get; init; } = [];

    /// <summary>The first rule that the inputs break, or null. Only valid inputs encode and give rows.</summary>
    public string? Validate()
    {
        if (Parameters.Validate() is { } parameter) return parameter;
        for (int i = 0; i < Groups.Length; i++)
        {
            GroupRange g = Groups[i];
            if (g.Group is < 0 or >= 1 << Width.Group) return $"group {g.Group} is outside 0..15";
            if (i > 0 && Groups[i - 1].Group >= g.Group) return "groups are not in strictly ascending order";
            if (g.ScanRange is < 1 or > MaxScanRange) return $"group {g.Group}: scan range {g.ScanRange} is outside 1..{MaxScanRange} millionths";
        }

        if (Expiries.Length > MaxExpiries) return $"{Expiries.Length} expiries exceed {MaxExpiries}";
        for (int i = 0; i < Expiries.Length; i++)
        {
            ExpiryInput e = Expiries[i];
            if (i > 0 && Compare(Expiries[i - 1], e.Group, e.ExpiresAt) >= 0) return "expiries are not in strictly ascending order";
            if ((ScanRangeOf(e.Group) is null ? "has no scan range" : e.Validate(ObservedAt)) is { } problem)
                return $"expiry {e.ExpiresAt} of group {e.Group}: {problem}";
        }

        if (Instruments.Length > MaxInstruments) return $"{Instruments.Length} instruments exceed {MaxInstruments}";
        for (int i = 0; i < Instruments.Length; i++)
        {
            if (i > 0 && Instruments[i - 1].Id >= Instruments[i].Id) return "instruments are not in strictly ascending order";
            if (Check(Instruments[i]) is { } problem) return $"instrument {Instruments[i].Id}: {problem}";
        }

        return null;
    }

    /// <summary>The scan range of a group; null if the inputs do not list it.</summary>
    public int? ScanRangeOf(int group)
    {
        foreach (GroupRange g in Groups)
            if (g.Group == group) return g.ScanRange;
        return null;
    }

    /// <summary>The position of an expiry; negative if the inputs do not list it.</summary>
    public int ExpiryOf(int group, Timestamp expiresAt)
    {
        (int low, int high) = (0, Expiries.Length - 1);
        while (low <= high)
        {
            int middle = (low + high) >> 1, order = Compare(Expiries[middle], group, expiresAt);
            if (order == 0) return middle;
            (low, high) = order < 0 ? (middle + 1, high) : (low, middle - 1);
        }

        return -1;
    }

    /// <summary>The canonical bytes, at most <see cref="MaxSize"/>.</summary>
    /// <exception cref="InvalidOperationException">The inputs are not valid.</exception>
    public byte[] Encode() => Validate() is { } problem ? throw new InvalidOperationException($"Risk inputs: {problem}.") : RiskInputsCodec.Encode(this);

    /// <summary>
    /// Reads canonical bytes; false with the reason for anything that <see cref="Encode"/> does not produce. Where only instruments are wrong, <paramref name="inputs"/> lists them all the
    /// same: a challenger has to name one.
    /// </summary>
    public static bool TryDecode(ReadOnlySpan<byte> bytes, out RiskInputs inputs, out string problem)
    {
        problem = RiskInputsCodec.Decode(bytes, out inputs) ?? inputs.Validate() ?? "";
        return problem.Length == 0;
    }

    private static int Compare(ExpiryInput e, int group, Timestamp expiresAt) => e.Group != group ? e.Group.CompareTo(group) : e.ExpiresAt.CompareTo(expiresAt);

    private string? Check(InstrumentInput t)
    {
        const long Bound = RiskRow.ValueBound;
        if (t.Id is < 1 or >= 1 << Width.Instrument) return "the id is outside 1..2^18-1";
        if (t.Kind is not (InstrumentKind.Spot or InstrumentKind.Perpetual) && !t.IsOption) return $"kind {(int)t.Kind} is not spot, perpetual, call or put";
        if ((t.Flags & ~(InstrumentFlags.Settled | InstrumentFlags.Delisted)) != 0) return $"flags {(int)t.Flags} are not known";
        if (ScanRangeOf(t.Group) is not { } range) return $"group {t.Group} has no scan range";
        if (t.OpenInterest is < 0 or >= OpenInterestBound) return $"open interest {t.OpenInterest} is outside 0..2^60-1";
        if (t.IsOption) return CheckOption(t);
        if (t.Strike != 0 || t.ExpiresAt != default) return "strike and expiry belong to options";
        if (t.Index is < 1 or >= Bound) return $"index {t.Index} is outside 1..2^35-1";
        if (t.Mark is < 1 or >= Bound) return $"mark {t.Mark} is outside 1..2^35-1";
        if (t.Funding is <= -Bound or >= Bound) return $"funding {t.Funding} reaches 2^35";
        if (t.Kind == InstrumentKind.Spot && t.Funding != 0) return "spot has no funding";
        if (t.Kind == InstrumentKind.Spot && range + Parameters.SpotHaircut + Parameters.ConcentrationCap > Unit)
            return "scan range, haircut and concentration cap exceed the whole value";
        return RiskRows.Linear(this, t).Validate();
    }

    /// <summary>Bounds from which every value of the row is below 2^35 (docs/RISK.md, Bounds), so that the row need not be made to be checked.</summary>
    private string? CheckOption(InstrumentInput t)
    {
        if (t.Index is < 1 or >= OptionIndexBound) return $"index {t.Index} is outside 1..2^32-1";
        if (t.Strike is < 1 or >= StrikeBound) return $"strike {t.Strike} is outside 1..2^33-1";
        if (t.ExpiresAt == default) return "expires at 0";
        if (t.Funding != 0) return "an option has no funding";
        if (t.IsFrozen) return t.Mark is < 0 or >= RiskRow.ValueBound ? $"mark {t.Mark} is outside 0..2^35-1" : null;
        if (t.Mark != 0) return $"mark {t.Mark} of an option that is not frozen";
        return ExpiryOf(t.Group, t.ExpiresAt) < 0 ? $"expiry {t.ExpiresAt} of group {t.Group} is not listed" : null;
    }
}
