using System.Collections.Immutable;
using Rollup.Protocol;

namespace Rollup.Risk;

/// <summary>Worst case of one margin group: the least E[g][s] over the scenarios, in atoms.</summary>
public readonly record struct GroupMargin(int Group, Int128 Worst);

/// <summary>
/// The margin of one account, computed from scratch for any sizes: what the circuit proves (spec 5.5). The engine keeps the same
/// numbers incrementally in 64 bits.
/// </summary>
/// <param name="Cash">The leaf's cash.</param>
/// <param name="Value">cash + sum of size x base: what closing everything at the mark would leave.</param>
/// <param name="Groups">Worst case of each group held, ascending.</param>
public sealed record PortfolioMargin(Int128 Cash, Int128 Value, ImmutableArray<GroupMargin> Groups)
{
    /// <summary>cash + sum of worst cases: the account is healthy if this is not negative.</summary>
    public Int128 Health => Groups.Aggregate(Cash, (sum, g) => sum + g.Worst);

    /// <summary>Whether the account meets its requirement.</summary>
    public bool IsHealthy => Health >= 0;

    /// <summary>What the account must hold beyond its mark value: mark value - health, at least 0.</summary>
    public Int128 Requirement => Value - Health;

    /// <summary>Five times the maintenance equity, an integer: mark value + 4 x health. The account is distressed if this is negative (spec 5.8).</summary>
    public Int128 ScaledMaintenance => Scaled(Value, Health);

    /// <summary>A value in scenario 0 and one in the worst scenario, weighted as maintenance weighs them.</summary>
    public static Int128 Scaled(Int128 atMark, Int128 atWorst) =>
        (Scale.MaintenanceDenominator - Scale.MaintenanceWeight) * atMark + Scale.MaintenanceWeight * atWorst;

    /// <summary>Values positions at their rows.</summary>
    /// <param name="cash">Atoms.</param>
    /// <param name="positions">Each instrument once, with its signed size in lots.</param>
    public static PortfolioMargin Of(long cash, IEnumerable<(RiskRow Row, long Size)> positions)
    {
        var groups = new SortedDictionary<int, Int128[]>();
        Int128 value = cash;
        foreach ((RiskRow row, long size) in positions)
        {
            if (!groups.TryGetValue(row.Group, out Int128[]? e)) groups[row.Group] = e = new Int128[Bound.Scenarios];
            ImmutableArray<long> values = row.ValuesOf(size);
            for (int s = 0; s < Bound.Scenarios; s++) e[s] += (Int128)size * values[s];
            value += (Int128)size * row.Base;
        }

        return new PortfolioMargin(cash, value, [.. groups.Select(g => new GroupMargin(g.Key, g.Value.Min()))]);
    }
}
