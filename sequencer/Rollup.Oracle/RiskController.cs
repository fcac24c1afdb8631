using Rollup.Protocol;
using Rollup.Risk.Pricing;

namespace Rollup.Oracle;

/// <summary>Rules of a group's scan range. Rates in 10^-6.</summary>
/// <param name="Floor">The range in calm markets, and the least.</param>
/// <param name="Ceiling">The greatest; equal to the floor the controller is off.</param>
/// <param name="DeviationPercent">The range is this many hundredths of a day's standard deviation: 570 makes 15% of a yearly volatility of 50%.</param>
/// <param name="FreeHours">Open interest that the filled depth of so many hours could close needs no more range.</param>
public sealed record ControllerRules(int Floor, int Ceiling, int DeviationPercent = 570, int FreeHours = 24)
{
    /// <summary>The first rule they break, or null.</summary>
    public string? Validate() =>
        Floor is < 1 or > 900_000 ? $"floor {Floor} is outside 1..900000"
        : Ceiling < Floor || Ceiling > 900_000 ? $"ceiling {Ceiling} is outside floor..900000"
        : DeviationPercent is < 1 or > 10_000 ? $"deviation {DeviationPercent} is outside 1..10000"
        : FreeHours is < 1 or > 10_000 ? $"hours {FreeHours} are outside 1..10000"
        : null;
}

/// <summary>What the controller is told of a group. All values come with their time; the controller has no clock.</summary>
/// <param name="Time">Unix milliseconds.</param>
/// <param name="DayDeviation">External realised standard deviation of a day's return, 10^-9 (<see cref="RealisedVariance"/>).</param>
/// <param name="FilledDepth">Filled notional of an hour, atoms (<see cref="FilledDepth"/>); null where it is not measured.</param>
/// <param name="OpenInterest">Notional of the open interest by owner, atoms (<see cref="OpenInterestByOwner"/>).</param>
public readonly record struct ControllerInput(long Time, long DayDeviation, long? FilledDepth = null, long OpenInterest = 0);

/// <summary>
/// The scan ranges of one margin group. The range for opening risk rises nearly at once; the one under which existing positions are maintained
/// follows the volatility by at most 10% an hour, since doubling it in one step makes 42% of uniformly levered accounts distressed without any price move.
/// Thin markets widen the opening range alone: who is in cannot help it. A value.
/// </summary>
/// <param name="Time">Unix milliseconds of the last step.</param>
/// <param name="Initial">Range for opening risk, 10^-9.</param>
/// <param name="Maintenance">Range for maintaining positions, 10^-9; never above <paramref name="Initial"/>.</param>
public readonly record struct RiskController(long Time, long Initial, long Maintenance)
{
    private const long Hour = 60 * 60 * 1000;
    private const long Unit = 1_000_000;

    // Rises compound over steps of any length: e^0.09531 = 1.1, and (1 + x/n)^n <= e^x.
    private const long MaintenanceRiseAnHour = 95_310;

    // A range may double in a minute (and nearly triple, e^1, in many steps): one wrong number is a bounded mistake, a crash is followed all the same.
    private const long InitialRiseAnHour = 60 * Unit;
    private const long FallAnHour = 50_000;
    private const int MaxLiquidityFactor = 2;

    /// <summary>Begins at the ranges given, e.g. those of the last epoch before a restart.</summary>
    /// <param name="range">10^-6.</param>
    public static RiskController At(long time, int range) => new(time, range * 1000L, range * 1000L);

    /// <summary>R for opening risk, 10^-6, rounded up.</summary>
    public int InitialRange => (int)Rounding.CeilDiv(Initial, 1000);

    /// <summary>R for existing positions: what rows and proofs use, 10^-6, rounded up.</summary>
    public int MaintenanceRange => (int)Rounding.CeilDiv(Maintenance, 1000);

    /// <summary>Steps to a time; an earlier one changes nothing. A pause counts as an hour at most.</summary>
    public RiskController Step(ControllerRules rules, ControllerInput input)
    {
        long elapsed = Math.Min(input.Time - Time, Hour);
        if (elapsed <= 0) return this;
        long floor = rules.Floor * 1000L, ceiling = rules.Ceiling * 1000L;
        long calm = (long)Int128.Clamp(Rounding.CeilDiv((Int128)input.DayDeviation * rules.DeviationPercent, 100), floor, ceiling);
        long thin = (long)Int128.Min(Rounding.CeilDiv((Int128)calm * Liquidity(rules, input), Unit), ceiling);
        long initial = Toward(Initial, thin, elapsed, InitialRiseAnHour), maintenance = Toward(Maintenance, calm, elapsed, MaintenanceRiseAnHour);
        return new RiskController(input.Time, Math.Max(initial, maintenance), maintenance);

        // 2^30 x 2^26 x 2^22 = 2^78.
        static long Toward(long from, long to, long elapsed, long rise) => to > from
            ? (long)Int128.Min(to, from + (Int128)from * rise * elapsed / (Hour * Unit))
            : (long)Int128.Max(to, from - (Int128)from * FallAnHour * elapsed / (Hour * Unit));
    }

    // The deviation over the time that closing takes grows with its square root: sqrt(interest / (depth x free hours)), 1 to 2, in 10^-6.
    private static long Liquidity(ControllerRules rules, ControllerInput input)
    {
        if (input.FilledDepth is not { } depth || input.OpenInterest == 0) return Unit;
        Int128 squared = Rounding.CeilDiv((Int128)input.OpenInterest * Unit, Int128.Max(1, (Int128)depth * rules.FreeHours));
        return Math.Clamp(FixedMath.Sqrt((UInt128)(Int128.Min(squared, MaxLiquidityFactor * MaxLiquidityFactor * Unit) * Unit)), Unit, MaxLiquidityFactor * Unit);
    }
}

/// <summary>A fill between two owners.</summary>
/// <param name="Time">Unix milliseconds.</param>
/// <param name="Notional">Atoms, above 0.</param>
/// <param name="IsLiquidation">Forced by the system: it says nothing about who would take the other side freely.</param>
public readonly record struct OwnerFill(long Time, Address Taker, Address Maker, long Notional, bool IsLiquidation = false);

/// <summary>
/// Filled notional of an hour: the mean of the last twelve windows of five minutes. Liquidations do not count, trades of an owner with
/// themselves neither, and a pair of owners counts up to a bound a window, so that two accounts passing a position to and fro make no depth.
/// Memory is bounded: pairs beyond the limit of a window do not count, which errs toward more margin.
/// </summary>
/// <param name="pairBound">Atoms that a pair of owners counts in a window.</param>
public sealed class FilledDepth(long pairBound)
{
    /// <summary>Milliseconds of a window.</summary>
    public const long Window = 5 * 60 * 1000;

    /// <summary>Pairs that count in a window.</summary>
    public const int MaxPairs = 4096;

    private const int Windows = 12;
    private readonly Dictionary<(Address, Address), long> pairs = [];
    private readonly long[] closed = new long[Windows];
    private long current = long.MinValue;

    /// <summary>Counts a fill; times never go back.</summary>
    public void Add(OwnerFill fill)
    {
        MoveTo(fill.Time);
        if (fill.IsLiquidation || fill.Taker == fill.Maker) return;
        var pair = fill.Taker < fill.Maker ? (fill.Taker, fill.Maker) : (fill.Maker, fill.Taker);
        bool isKnown = pairs.TryGetValue(pair, out long counted);
        if (isKnown || pairs.Count < MaxPairs) pairs[pair] = (long)Int128.Min(pairBound, (Int128)counted + fill.Notional);
    }

    /// <summary>Atoms filled in the twelve windows before the one <paramref name="time"/> is in: an hour.</summary>
    public Int128 AnHour(long time)
    {
        MoveTo(time);
        Int128 sum = 0;
        foreach (long window in closed) sum += window;
        return sum;
    }

    private void MoveTo(long time)
    {
        long window = time / Window;
        if (current == long.MinValue) current = window;
        if (window <= current) return;
        Int128 sum = 0;
        foreach (long notional in pairs.Values) sum += notional;
        pairs.Clear();
        for (long w = current; w < window && w < current + Windows; w++) closed[w % Windows] = w == current ? (long)Int128.Min(sum, long.MaxValue) : 0;
        // A longer pause empties every window, the last one that was open included.
        if (window - current > Windows) Array.Clear(closed);
        current = window;
    }
}

/// <summary>Open interest as a controller may believe it.</summary>
public static class OpenInterestByOwner
{
    /// <summary>Sum of the owners' net long positions, lots: long in one account and short in another of the same owner is none.</summary>
    public static Int128 Of(IEnumerable<(Address Owner, long Lots)> positions)
    {
        var net = new Dictionary<Address, Int128>();
        foreach ((Address owner, long lots) in positions) net[owner] = net.GetValueOrDefault(owner) + lots;
        Int128 sum = 0;
        foreach (Int128 lots in net.Values) sum += Int128.Max(0, lots);
        return sum;
    }
}
