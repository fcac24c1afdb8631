using System.Collections.Immutable;
using Rollup.Protocol;

namespace Rollup.Risk.Stress;

/// <summary>Where a shock puts a margin group, against the book; all in 10^-9.</summary>
/// <param name="Group">Margin group.</param>
/// <param name="Price">Of the book's price, 10^7..16 x 10^9.</param>
/// <param name="Volatility">Of the book's implied volatility at every strike, 10^8..10^10.</param>
/// <param name="Basis">By how much perpetuals and forwards move against the index, -2 x 10^8..2 x 10^8.</param>
public readonly record struct GroupLevel(int Group, long Price, long Volatility, long Basis)
{
    /// <summary>The book's own level.</summary>
    public const long One = 1_000_000_000;

    private const long LeastPrice = One / 100, MostPrice = 16 * One, LeastVolatility = One / 10, MostVolatility = 10 * One, MostBasis = One / 5;

    internal string? Validate() =>
        Price is < LeastPrice or > MostPrice ? $"a price of {Price} is outside 0.01..16 of the book's (in 10^-9)"
        : Volatility is < LeastVolatility or > MostVolatility ? $"a volatility of {Volatility} is outside 0.1..10 of the book's (in 10^-9)"
        : Basis is < -MostBasis or > MostBasis ? $"a basis move of {Basis} is outside -0.2..0.2 (in 10^-9)" : null;
}

/// <summary>How far a shock moves a group from where it is, in 10^-6: the price by a share of itself, the volatility by a factor, the basis by a difference.</summary>
public readonly record struct GroupMove(int Group, int Price, int Volatility, int Basis)
{
    internal const int Unit = 1_000_000;
}

/// <summary>What happens at once, before accounts are liquidated.</summary>
/// <param name="Name">For reports.</param>
/// <param name="Levels">Ascending by group; a group that is not here stays where it is.</param>
public sealed record StressShock(string Name, ImmutableArray<GroupLevel> Levels);

/// <summary>Shocks one after the other, each on what the ones before have left.</summary>
public sealed record StressScenario(string Name, ImmutableArray<StressShock> Shocks)
{
    /// <summary>The scenario of moves, each from where the one before ended. Products are rounded down.</summary>
    public static StressScenario OfMoves(string name, IEnumerable<(string Name, IReadOnlyList<GroupMove> Moves)> shocks)
    {
        var at = new SortedDictionary<int, GroupLevel>();
        var made = ImmutableArray.CreateBuilder<StressShock>();
        foreach ((string shock, IReadOnlyList<GroupMove> moves) in shocks)
        {
            foreach (GroupMove m in moves)
            {
                GroupLevel level = at.GetValueOrDefault(m.Group, new GroupLevel(m.Group, GroupLevel.One, GroupLevel.One, 0));
                at[m.Group] = level with { Price = Times(level.Price, (long)GroupMove.Unit + m.Price), Volatility = Times(level.Volatility, m.Volatility), Basis = level.Basis + 1_000L * m.Basis };
            }

            made.Add(new StressShock(shock, [.. at.Values]));
            // Where a level is out of bounds the scenario is refused, and further products could overflow.
            if (made[^1].Levels.Any(l => l.Validate() is not null)) break;
        }

        return new StressScenario(name, made.DrainToImmutable());
    }

    /// <summary>The first rule that the scenario breaks, or null.</summary>
    /// <param name="inputs">Those of the book that it is for.</param>
    public string? Validate(RiskInputs inputs)
    {
        foreach (StressShock shock in Shocks)
        {
            for (int i = 0; i < shock.Levels.Length; i++)
            {
                GroupLevel level = shock.Levels[i];
                if (i > 0 && shock.Levels[i - 1].Group >= level.Group) return $"shock '{shock.Name}': group {level.Group} does not come in ascending order";
                if (inputs.ScanRangeOf(level.Group) is null) return $"shock '{shock.Name}': the book has no group {level.Group}";
                if (level.Validate() is { } problem) return $"shock '{shock.Name}', group {level.Group}: {problem}";
            }
        }

        return Shocks.IsEmpty ? "there is no shock" : null;
    }

    // 35 + 32 bits.
    private static long Times(long level, long ppm) => (long)Rounding.FloorDiv((Int128)level * ppm, GroupMove.Unit);
}

/// <summary>The method's inputs with prices, surfaces and bases moved.</summary>
internal static class MovedInputs
{
    private const long One = GroupLevel.One;

    /// <summary>
    /// Index and mark times the price, both rounded down and at least 1; the mark of a perpetual also times 1 + basis, which forwards get added; a and b of each surface times the
    /// volatility's square, rounded up. Cumulative funding, open interest, scan ranges and what is frozen stay. Check the result.
    /// </summary>
    /// <param name="levels">Of every group.</param>
    internal static RiskInputs Of(RiskInputs inputs, IReadOnlyDictionary<int, GroupLevel> levels) => inputs with
    {
        Instruments = [.. inputs.Instruments.Select(t => Move(t, levels[t.Group]))],
        Expiries = [.. inputs.Expiries.Select(e => Move(e, levels[e.Group]))],
    };

    private static InstrumentInput Move(InstrumentInput t, GroupLevel level)
    {
        if (t.IsFrozen) return t;
        long basis = t.Kind == InstrumentKind.Perpetual ? One + level.Basis : One;
        // 35 + 35 + 31 bits.
        return t with { Index = Scaled(t.Index, One), Mark = t.IsOption ? 0 : Scaled(t.Mark, basis) };

        long Scaled(long price, long times) => (long)Int128.Max(1, Rounding.FloorDiv((Int128)price * level.Price * times, (Int128)One * One));
    }

    private static ExpiryInput Move(ExpiryInput e, GroupLevel level)
    {
        SviSlice w = e.Surface;
        return e with
        {
            Basis = e.Basis + level.Basis,
            Surface = w with { A = Squared(w.A), B = Squared(w.B) },
            // Samples stand; their share of the index moves the other way, as far as the inputs can say.
            Average = e.Weight == 0 ? 0 : (long)Int128.Clamp(Rounding.FloorDiv((Int128)e.Average * One, level.Price), One / 2, 2 * One),
        };

        // 37 + 2 x 34 bits.
        long Squared(long value) => (long)Rounding.CeilDiv((Int128)value * level.Volatility * level.Volatility, (Int128)One * One);
    }
}
