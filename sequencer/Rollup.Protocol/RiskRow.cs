using System.Collections.Immutable;

namespace Rollup.Protocol;

/// <summary>One row of the risk tree (spec 3.6): an instrument's market facts and its stressed values, all integers.</summary>
/// <param name="Id">Instrument id, 1..2^18-1: the row's position in the tree.</param>
/// <param name="Kind">Never <see cref="InstrumentKind.None"/>.</param>
/// <param name="Flags">Settled, delisted.</param>
/// <param name="Group">Margin group, 0..15.</param>
/// <param name="Index">Index price, atoms per lot, 0..2^35-1.</param>
/// <param name="Base">Unstressed value per lot net of funding, |base| &lt; 2^35: the value in scenario 0, long and short.</param>
/// <param name="Funding">Cumulative funding F per lot, |F| &lt; 2^35.</param>
/// <param name="PriceBound">How far from the mark, in atoms per lot, a forced trade may be priced (spec 5.8), 0..2^35-1.</param>
/// <param name="Long">24 values per lot to a holder of a long, by scenario, net of funding; |v| &lt; 2^35.</param>
/// <param name="Short">24 values per lot charged to a holder of a short.</param>
public sealed record RiskRow(
    int Id, InstrumentKind Kind, InstrumentFlags Flags, int Group, long Index, long Base, long Funding, long PriceBound,
    ImmutableArray<long> Long, ImmutableArray<long> Short)
{
    /// <summary>Bound of every price, value and funding in a row.</summary>
    public const long ValueBound = 1L << Width.Price;

    /// <summary>The values that count for a position of this size.</summary>
    public ImmutableArray<long> ValuesOf(long size) => size > 0 ? Long : Short;

    /// <summary>The first rule of spec 3.6 that the row breaks, or null.</summary>
    public string? Validate()
    {
        if (Id is <= 0 or >= 1 << Width.Instrument) return $"row {Id}: id is outside 1..2^18-1";
        if (!Enum.IsDefined(Kind) || Kind == InstrumentKind.None) return $"row {Id}: kind {(int)Kind} is not an instrument kind";
        if (((int)Flags & ~0xF) != 0) return $"row {Id}: flags {(int)Flags} exceed 4 bits";
        if (Group is < 0 or >= 1 << Width.Group) return $"row {Id}: group {Group} is outside 0..15";
        if (Index is < 0 or >= ValueBound) return $"row {Id}: index {Index} is outside 0..2^35-1";
        if (PriceBound is < 0 or >= ValueBound) return $"row {Id}: price bound {PriceBound} is outside 0..2^35-1";
        if (!InBound(Base) || !InBound(Funding)) return $"row {Id}: base {Base} or funding {Funding} reaches 2^35";
        if (Long.Length != Bound.Scenarios || Short.Length != Bound.Scenarios) return $"row {Id}: needs {Bound.Scenarios} scenarios";
        for (int s = 0; s < Bound.Scenarios; s++)
        {
            if (!InBound(Long[s]) || !InBound(Short[s])) return $"row {Id}: a value of scenario {s} reaches 2^35";
            if (Long[s] > Short[s]) return $"row {Id}: scenario {s} values a long above a short";
        }
        return Long[0] == Base && Short[0] == Base ? null : $"row {Id}: scenario 0 values a lot at {Long[0]} and {Short[0]} where its base is {Base}";
    }

    public bool Equals(RiskRow? other) => other is not null && Id == other.Id && Kind == other.Kind && Flags == other.Flags
        && Group == other.Group && Index == other.Index && Base == other.Base && Funding == other.Funding && PriceBound == other.PriceBound
        && Long.AsSpan().SequenceEqual(other.Long.AsSpan()) && Short.AsSpan().SequenceEqual(other.Short.AsSpan());

    public override int GetHashCode() => HashCode.Combine(Id, Kind, Index, Base, Funding);

    private static bool InBound(long value) => value is > -ValueBound and < ValueBound;
}
