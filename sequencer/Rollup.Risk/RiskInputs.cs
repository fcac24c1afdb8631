using System.Collections.Immutable;
using Rollup.Protocol;

namespace Rollup.Risk;

/// <summary>Parameters of the method that hold for every instrument; rates in 10^-6 (docs/RISK.md).</summary>
/// <param name="Basis">b: how far a perpetual moves against its spot in the two basis scenarios.</param>
/// <param name="PerpContingency">Gap between the value of a long and of a short perpetual, to either side.</param>
/// <param name="SpotHaircut">Discount on spot held as collateral.</param>
/// <param name="ConcentrationPerMillionUsd">Further gap per 10^6 USD of the instrument's open interest.</param>
/// <param name="ConcentrationCap">Highest gap from concentration.</param>
public sealed record RiskParameters(int Basis, int PerpContingency, int SpotHaircut, int ConcentrationPerMillionUsd, int ConcentrationCap)
{
    public static readonly RiskParameters Default = new(20_000, 10_000, 50_000, 50, 100_000);
}

/// <summary>The scan range R of one margin group, in 10^-6 of the price.</summary>
public readonly record struct GroupRange(int Group, int ScanRange)
{
    public const int Bitcoin = 150_000;
    public const int Ether = 180_000;
    public const int Other = 300_000;
}

/// <summary>What the oracle and the ledger say of one instrument. Prices and funding in atoms per lot, open interest in lots.</summary>
public sealed record InstrumentInput(
    int Id, InstrumentKind Kind, InstrumentFlags Flags, int Group, long Index, long Mark, long Funding, long OpenInterest);

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
    public const byte FormatVersion = 1;

    /// <summary>Highest number of instruments.</summary>
    public const int MaxInstruments = 4096;

    /// <summary>Open interest is below this many lots.</summary>
    public const long OpenInterestBound = 1L << 60;

    private const int Unit = 1_000_000;
    private const int MaxScanRange = 900_000;

    /// <summary>The first rule that the inputs break, or null. Only valid inputs encode and give rows.</summary>
    public string? Validate()
    {
        RiskParameters p = Parameters;
        foreach ((string name, int rate) in new[] { ("basis", p.Basis), ("perpetual contingency", p.PerpContingency), ("spot haircut", p.SpotHaircut),
            ("concentration coefficient", p.ConcentrationPerMillionUsd), ("concentration cap", p.ConcentrationCap) })
            if (rate is < 0 or > Unit) return $"{name} {rate} is outside 0..10^6 millionths";
        for (int i = 0; i < Groups.Length; i++)
        {
            GroupRange g = Groups[i];
            if (g.Group is < 0 or >= 1 << Width.Group) return $"group {g.Group} is outside 0..15";
            if (i > 0 && Groups[i - 1].Group >= g.Group) return "groups are not in strictly ascending order";
            if (g.ScanRange is < 1 or > MaxScanRange) return $"group {g.Group}: scan range {g.ScanRange} is outside 1..{MaxScanRange} millionths";
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

    /// <summary>The canonical bytes.</summary>
    /// <exception cref="InvalidOperationException">The inputs are not valid.</exception>
    public byte[] Encode() => Validate() is { } problem ? throw new InvalidOperationException($"Risk inputs: {problem}.") : RiskInputsCodec.Encode(this);

    /// <summary>Reads canonical bytes; false with the reason for anything that <see cref="Encode"/> does not produce.</summary>
    public static bool TryDecode(ReadOnlySpan<byte> bytes, out RiskInputs inputs, out string problem)
    {
        problem = RiskInputsCodec.Decode(bytes, out inputs) ?? inputs.Validate() ?? "";
        return problem.Length == 0;
    }

    private string? Check(InstrumentInput t)
    {
        const long Bound = RiskRow.ValueBound;
        if (t.Id is < 1 or >= 1 << Width.Instrument) return "the id is outside 1..2^18-1";
        if (t.Kind is not (InstrumentKind.Spot or InstrumentKind.Perpetual)) return $"kind {(int)t.Kind} is not spot or perpetual";
        if ((t.Flags & ~(InstrumentFlags.Settled | InstrumentFlags.Delisted)) != 0) return $"flags {(int)t.Flags} are not known";
        if (ScanRangeOf(t.Group) is not { } range) return $"group {t.Group} has no scan range";
        if (t.Index is < 1 or >= Bound) return $"index {t.Index} is outside 1..2^35-1";
        if (t.Mark is < 1 or >= Bound) return $"mark {t.Mark} is outside 1..2^35-1";
        if (t.Funding is <= -Bound or >= Bound) return $"funding {t.Funding} reaches 2^35";
        if (t.OpenInterest is < 0 or >= OpenInterestBound) return $"open interest {t.OpenInterest} is outside 0..2^60-1";
        if (t.Kind == InstrumentKind.Spot && t.Funding != 0) return "spot has no funding";
        if (t.Kind == InstrumentKind.Spot && range + Parameters.SpotHaircut + Parameters.ConcentrationCap > Unit)
            return "scan range, haircut and concentration cap exceed the whole value";
        return RiskRows.Make(this, t).Validate();
    }
}
