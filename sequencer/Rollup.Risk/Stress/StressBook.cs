using System.Collections.Immutable;
using Rollup.Protocol;

namespace Rollup.Risk.Stress;

/// <summary>Signed lots of an instrument.</summary>
public readonly record struct StressPosition(int Instrument, long Size);

/// <summary>An account of a book.</summary>
/// <param name="Number">0..2^24-1; never the fund's.</param>
/// <param name="Cash">Atoms, within 2^60.</param>
/// <param name="Positions">Ascending by instrument.</param>
public sealed record StressAccount(int Number, long Cash, ImmutableArray<StressPosition> Positions);

/// <summary>How much a margin group's markets take.</summary>
/// <param name="Group">Margin group.</param>
/// <param name="OnePercent">Atoms of delta-equivalent sales that move the price by one percent, at least 1; <see cref="Unlimited"/> never moves it.</param>
/// <param name="Refill">Share of the sales so far that new liquidity takes up each round, 0..10^6, in 10^-6.</param>
public readonly record struct GroupDepth(int Group, long OnePercent, int Refill)
{
    /// <summary>Sales of any size leave the price alone.</summary>
    public const long Unlimited = long.MaxValue;
}

/// <summary>Everything that a stress test starts from.</summary>
/// <param name="Inputs">The method's inputs, from which every round's risk rows are made.</param>
/// <param name="Accounts">All accounts but the fund, ascending.</param>
/// <param name="Fund">Cash of the insurance fund, atoms, 0..2^60.</param>
/// <param name="Depths">Of each group of the inputs, ascending.</param>
public sealed record StressBook(RiskInputs Inputs, ImmutableArray<StressAccount> Accounts, long Fund, ImmutableArray<GroupDepth> Depths)
{
    /// <summary>Most |cash|.</summary>
    public const long MostCash = 1L << 60;

    /// <summary>
    /// Most of an account's sum of |size| x (largest of index, mark and strike, + |funding|), atoms: 9 billion USD. Prices grow at most 16-fold by a shock, by 1.2 through
    /// its basis and by 1.9 through forced buying, together below 2^6: no sum of an account reaches 2^62.
    /// </summary>
    public const long MostExposure = 1L << 53;

    private const int Unit = 1_000_000;

    /// <summary>The first rule that the book breaks, or null.</summary>
    public string? Validate()
    {
        if (Inputs.Validate() is { } problem) return $"risk inputs: {problem}";
        if (Fund is < 0 or > MostCash) return $"the insurance fund of {Fund} is outside 0..2^60";
        var instruments = Inputs.Instruments.ToDictionary(t => t.Id);
        for (int i = 0; i < Accounts.Length; i++)
        {
            if (i > 0 && Accounts[i - 1].Number >= Accounts[i].Number) return $"account {Accounts[i].Number} does not come in ascending order";
            if (Check(Accounts[i], instruments) is { } wrong) return $"account {Accounts[i].Number} {wrong}";
        }

        if (!Depths.Select(d => d.Group).SequenceEqual(Inputs.Groups.Select(g => g.Group)))
            return $"there is a depth of groups {string.Join(", ", Depths.Select(d => d.Group))}; each of {string.Join(", ", Inputs.Groups.Select(g => g.Group))} needs one, in this order";
        foreach (GroupDepth d in Depths)
        {
            if (d.OnePercent < 1) return $"group {d.Group}: a depth of {d.OnePercent} atoms is not above 0";
            if (d.Refill is < 0 or > Unit) return $"group {d.Group}: a refill of {d.Refill} is outside 0..10^6";
        }

        return null;
    }

    private static string? Check(StressAccount account, Dictionary<int, InstrumentInput> instruments)
    {
        if (account.Number is < 0 or >= 1 << Width.Account) return "is outside 0..2^24-1";
        if (account.Number == AccountId.Fund.Value) return "is the insurance fund, which does not stand among the accounts";
        if (account.Cash is < -MostCash or > MostCash) return $"has cash of {account.Cash}, which exceeds 2^60 in magnitude";
        Int128 exposure = 0;
        for (int i = 0; i < account.Positions.Length; i++)
        {
            (int instrument, long size) = account.Positions[i];
            if (i > 0 && account.Positions[i - 1].Instrument >= instrument) return $"has instrument {instrument} out of ascending order";
            if (!instruments.TryGetValue(instrument, out InstrumentInput? t)) return $"has instrument {instrument}, which is not in the risk inputs";
            if (size == 0 || size is <= -Lots.PositionBound or >= Lots.PositionBound) return $"has {size} lots of instrument {instrument}; not 0, and below 2^44 in magnitude";
            if (size < 0 && t.Kind == InstrumentKind.Spot) return $"is short of spot instrument {instrument}";
            exposure += Int128.Abs(size) * (Math.Max(t.Index, Math.Max(t.Mark, t.Strike)) + Math.Abs(t.Funding));
        }

        return exposure <= MostExposure ? null : $"has positions of {exposure} atoms, more than 2^53";
    }
}
