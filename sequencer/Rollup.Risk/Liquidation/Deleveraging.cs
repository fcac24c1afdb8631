using System.Collections.Immutable;
using Rollup.Protocol;

namespace Rollup.Risk.Liquidation;

/// <summary>A holder of the opposite side in the order of deleveraging.</summary>
/// <param name="Account">The account.</param>
/// <param name="Instrument">What it would close.</param>
/// <param name="Size">Its position, signed lots.</param>
/// <param name="Score">Requirement that closing the position releases, atoms per lot, rounded down; negative if the position hedges others.</param>
public readonly record struct RankedHolder(int Account, int Instrument, long Size, long Score);

/// <summary>Who bears the deficit of an insolvent account, and with which of its positions (docs/RISK.md, Liquidation).</summary>
public static class Deleveraging
{
    /// <summary>The order of deleveraging: who releases most a lot comes first; among equals the larger position, then the lower account number.</summary>
    public static Comparer<RankedHolder> Order { get; } = Comparer<RankedHolder>.Create((a, b) =>
    {
        int byScore = b.Score.CompareTo(a.Score);
        int bySize = Math.Abs(b.Size).CompareTo(Math.Abs(a.Size));
        return byScore != 0 ? byScore : bySize != 0 ? bySize : a.Account.CompareTo(b.Account);
    });

    /// <summary>
    /// Shares a deficit among the legs by what each loses in the worst scenario of its group; by notional if no leg loses. The shares are
    /// not negative and add up to the deficit exactly.
    /// </summary>
    /// <param name="deficit">Atoms, 0..2^62.</param>
    /// <param name="legs">Each instrument once, at least one; sizes times values below 2^62.</param>
    public static ImmutableArray<long> Share(long deficit, IReadOnlyList<Leg> legs)
    {
        Int128[] weights = [.. legs.Select(leg => LossOf(leg, WorstScenario(legs.Where(l => l.Row.Group == leg.Row.Group))))];
        if (weights.All(w => w == 0)) weights = [.. legs.Select(leg => Int128.Abs(leg.Size) * Math.Max(1, leg.Mark))];
        Int128 total = weights.Aggregate(Int128.Zero, (sum, w) => sum + w);
        var shares = ImmutableArray.CreateBuilder<long>(legs.Count);
        Int128 running = 0;
        long given = 0;
        foreach (Int128 weight in weights)
        {
            // 62 + 64 bits. Differences of rounded-down running sums lose nothing.
            running += weight;
            long upTo = (long)Rounding.FloorDiv(deficit * running, total);
            shares.Add(upTo - given);
            given = upTo;
        }

        return shares.MoveToImmutable();
    }

    /// <summary>What a holder is ranked by: the requirement that it would no longer need without the position, per lot.</summary>
    /// <param name="portfolio">All its positions.</param>
    /// <param name="instrument">The position to close.</param>
    public static RankedHolder Rank(int account, IReadOnlyList<Leg> portfolio, int instrument)
    {
        long size = portfolio.Single(leg => leg.Row.Id == instrument).Size;
        Int128 released = RequirementOf(portfolio) - RequirementOf(portfolio.Where(leg => leg.Row.Id != instrument));
        return new RankedHolder(account, instrument, size, (long)Rounding.FloorDiv(released, Int128.Abs(size)));
    }

    private static Int128 RequirementOf(IEnumerable<Leg> legs) => PortfolioMargin.Of(0, legs.Select(leg => (leg.Row, leg.Size))).Requirement;

    private static int WorstScenario(IEnumerable<Leg> group)
    {
        var equity = new Int128[Bound.Scenarios];
        foreach (Leg leg in group)
            for (int s = 0; s < Bound.Scenarios; s++) equity[s] += (Int128)leg.Size * ValueOf(leg, s);
        return Array.IndexOf(equity, equity.Min());
    }

    private static Int128 LossOf(Leg leg, int scenario) => Int128.Max(0, (Int128)leg.Size * (leg.Row.Base - ValueOf(leg, scenario)));

    private static long ValueOf(Leg leg, int scenario) => leg.Row.ValuesOf(leg.Size)[scenario];
}
