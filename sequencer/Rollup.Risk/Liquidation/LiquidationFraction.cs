using System.Collections.Immutable;
using Rollup.Protocol;

namespace Rollup.Risk.Liquidation;

/// <summary>
/// How much of a portfolio must be closed. The margin is homogeneous: with an equal fraction of every leg closed, hedges stay hedges and
/// maintenance is a concave, piecewise linear function of the fraction (docs/RISK.md, Liquidation).
/// </summary>
public static class LiquidationFraction
{
    /// <summary>A fraction is a multiple of 2^-32; this is the whole.</summary>
    public const long Whole = 1L << 32;

    /// <summary>The smallest fraction with which scaled maintenance (<see cref="PortfolioMargin.ScaledMaintenance"/>) reaches a target; the whole if none does.</summary>
    /// <param name="cash">Atoms.</param>
    /// <param name="kept">Positions that stay, each instrument once.</param>
    /// <param name="closed">Positions of which the fraction is closed.</param>
    /// <param name="cost">What closing all of <paramref name="closed"/> loses against the mark, fees included, atoms, at least 0.</param>
    /// <param name="target">Scaled maintenance to reach.</param>
    /// <returns>0..<see cref="Whole"/>, rounded up.</returns>
    /// <remarks>
    /// Newton's method: the linear piece at the present fraction lies nowhere below the function, so its root, rounded up, never passes the
    /// answer, and each of at most 24 pieces a group is met once. Sizes times values are below 2^83, times 5 x 2^32 below 2^118.
    /// </remarks>
    public static long Of(long cash, IEnumerable<Leg> kept, IEnumerable<Leg> closed, Int128 cost, Int128 target)
    {
        var groups = new SortedDictionary<int, (Int128[] Kept, Int128[] Closed)>();
        foreach (Leg leg in kept) AddTo(Group(groups, leg).Kept, leg);
        foreach (Leg leg in closed) AddTo(Group(groups, leg).Closed, leg);
        Int128 mark = 0;
        foreach ((_, Int128[] closing) in groups.Values) mark += closing[0];

        long fraction = 0;
        while (fraction < Whole)
        {
            // maintenance = 5 (cash + n (mark - cost)) + sum over groups of (kept + (1 - n) closed) in scenario 0 and 4 times in the worst one
            Int128 value = Scale.MaintenanceDenominator * ((Int128)cash * Whole + fraction * (mark - cost)), slope = Scale.MaintenanceDenominator * (mark - cost);
            foreach ((Int128[] staying, Int128[] closing) in groups.Values)
            {
                Int128 At(int s) => staying[s] * Whole + (Whole - fraction) * closing[s];
                int worst = 0;
                for (int s = 1; s < Bound.Scenarios; s++)
                    if (At(s) < At(worst)) worst = s;
                value += PortfolioMargin.Scaled(At(0), At(worst));
                slope -= PortfolioMargin.Scaled(closing[0], closing[worst]);
            }

            Int128 missing = target * Whole - value;
            if (missing <= 0) return fraction;
            if (slope <= 0) return Whole;
            fraction += (long)Int128.Min(Rounding.CeilDiv(missing, slope), Whole - fraction);
        }

        return Whole;
    }

    /// <summary>The fraction of each leg in whole lots, rounded up, so that hedges stay hedges as near as lots allow.</summary>
    public static ImmutableArray<long> Lots(IEnumerable<Leg> legs, long fraction) =>
        // 44 + 33 bits.
        [.. legs.Select(leg => (long)Rounding.CeilDiv((Int128)Math.Abs(leg.Size) * fraction, Whole))];

    /// <summary>
    /// Whether an account has not been liquidated further than a small surplus over maintenance (spec 5.8): buffer + requirement before / 16.
    /// An account left without positions other than spot, of which none was sold, passes in any case.
    /// </summary>
    /// <param name="requirementBefore">Of the old leaf, atoms.</param>
    /// <param name="scaledMaintenanceAfter">See <see cref="PortfolioMargin.ScaledMaintenance"/>.</param>
    public static bool IsWithinSizeBound(Int128 requirementBefore, Int128 scaledMaintenanceAfter) =>
        Scale.LiquidationBufferShare * scaledMaintenanceAfter
            <= Scale.MaintenanceDenominator * ((Int128)Scale.LiquidationBufferShare * Scale.LiquidationBuffer + requirementBefore);

    /// <summary>
    /// What liquidation aims at: scaled maintenance of half the surplus that grows with the account, requirement / 32. At maintenance itself the next
    /// move would liquidate again; the whole bound would leave no room for lots and for prices better than feared.
    /// </summary>
    public static Int128 Target(Int128 requirementBefore) =>
        Rounding.CeilDiv(Scale.MaintenanceDenominator * requirementBefore, (Int128)(2 * Scale.LiquidationBufferShare));

    private static (Int128[] Kept, Int128[] Closed) Group(SortedDictionary<int, (Int128[] Kept, Int128[] Closed)> groups, Leg leg)
    {
        if (!groups.TryGetValue(leg.Row.Group, out var group)) groups[leg.Row.Group] = group = (new Int128[Bound.Scenarios], new Int128[Bound.Scenarios]);
        return group;
    }

    private static void AddTo(Int128[] equity, Leg leg)
    {
        ImmutableArray<long> values = leg.Row.ValuesOf(leg.Size);
        for (int s = 0; s < Bound.Scenarios; s++) equity[s] += (Int128)leg.Size * values[s];
    }
}
