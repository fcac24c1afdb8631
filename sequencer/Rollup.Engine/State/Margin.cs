using Rollup.Protocol;
using Rollup.Risk;

namespace Rollup.Engine.State;

/// <summary>What cash and positions are worth under one table, in atoms. Parts of the exposure and cash: both stay within 2^62.</summary>
/// <param name="Mark">M: all of it at the mark.</param>
/// <param name="Health">W: cash and the worst case of every group; not below 0 if the requirement is met.</param>
internal readonly record struct Margin(long Mark, long Health)
{
    /// <summary>R = M - W, the requirement: not below 0.</summary>
    internal Int128 Requirement => (Int128)Mark - Health;

    /// <summary>Five times the maintenance equity: the account is distressed if this is negative (spec 5.8).</summary>
    internal Int128 ScaledMaintenance => PortfolioMargin.Scaled(Mark, Health);

    /// <summary>
    /// Whether a change from here leaves the account on the mend (spec 5.8): its requirement does not grow, and its mark equity falls by at most a
    /// tenth of what the requirement does. Else an account that has nothing to lose would pay its accomplices, and the insurance fund the bill.
    /// </summary>
    internal bool IsMendedBy(Margin next) =>
        next.Requirement <= Requirement && Scale.MendShare * ((Int128)Mark - next.Mark) <= Requirement - next.Requirement;

    /// <summary>Values positions, each instrument once, from scratch.</summary>
    /// <param name="cash">Atoms.</param>
    /// <param name="positions">Of two groups at most.</param>
    /// <param name="live">Under the newest prices within the epoch, not under the epoch's.</param>
    internal static Margin Of(long cash, ReadOnlySpan<(Market Market, long Size)> positions, bool live)
    {
        long mark = cash, health = cash;
        for (int i = 0; i < positions.Length; i++)
        {
            int group = positions[i].Market.Spec.Group;
            bool isCounted = false;
            for (int j = 0; j < i; j++) isCounted |= positions[j].Market.Spec.Group == group;
            if (isCounted) continue;
            ScenarioVector equity = default;
            long worst = 0;
            foreach ((Market market, long size) in positions[i..])
                if (market.Spec.Group == group)
                    worst = ScenarioMath.Revalue(in equity, in live ? ref market.LiveLong : ref market.Long, in live ? ref market.LiveShort : ref market.Short,
                        Math.Max(size, 0), Math.Max(-size, 0), out equity);
            mark += equity[0];
            health += worst;
        }

        return new Margin(mark, health);
    }
}
