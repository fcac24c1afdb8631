using Rollup.Risk;

namespace Rollup.Oracle;

/// <summary>What a group's market may do; ascending from free to shut.</summary>
public enum BreakerState
{
    Normal = 0,

    /// <summary>No order that opens or grows a position.</summary>
    ReduceOnly = 1,

    /// <summary>No order but cancels.</summary>
    Halted = 2,
}

/// <summary>What each state of a breaker permits.</summary>
public static class Breaking
{
    public static RiskActions Permits(BreakerState state) => state switch
    {
        BreakerState.Normal => RiskActions.All,
        BreakerState.ReduceOnly => RiskActions.All & ~RiskActions.Open,
        _ => RiskActions.None,
    };
}

/// <summary>When a group's breaker trips and recovers. Rates in 10^-6, times in milliseconds.</summary>
/// <param name="Window">y: prices of so long are compared.</param>
/// <param name="JumpPpm">x: greatest over least price beyond this is reduce-only.</param>
/// <param name="HaltPpm">Beyond this it is a halt.</param>
/// <param name="DepthFloor">Reference depth below this collapsed, in the caller's unit; 0 = depth is not judged.</param>
/// <param name="CoolDown">All must be calm for so long before the state goes one step down.</param>
public sealed record BreakerRules(long Window = 60_000, int JumpPpm = 50_000, int HaltPpm = 150_000, long DepthFloor = 0, long CoolDown = 300_000)
{
    /// <summary>The first rule they break, or null.</summary>
    public string? Validate() =>
        Window is < 1_000 or > 3_600_000 ? $"window {Window} is outside 1000..3600000 ms"
        : JumpPpm is < 1_000 or > 1_000_000 ? $"jump {JumpPpm} is outside 1000..1000000"
        : HaltPpm < JumpPpm || HaltPpm > 10_000_000 ? $"halt {HaltPpm} is outside jump..10000000"
        : DepthFloor is < 0 or > 1L << 60 ? $"depth floor {DepthFloor} is outside 0..2^60"
        : CoolDown is < 1_000 or > 86_400_000 ? $"cool-down {CoolDown} is outside 1000..86400000 ms"
        : null;
}

/// <summary>What a breaker is told.</summary>
/// <param name="Time">Unix milliseconds.</param>
/// <param name="State">Of the group's prices.</param>
/// <param name="Index">10^-6 USD a unit; counts only where the state is fresh or of low confidence.</param>
/// <param name="Depth">Reference depth, null where it is not measured.</param>
public readonly record struct BreakerInput(long Time, OracleState State, long Index, long? Depth = null);

/// <summary>
/// The circuit breaker of one margin group: trips at once, recovers a step at a time once everything was calm for the cool-down. Calm is stricter than not tripped
/// (half the jump, one and a half times the depth), so it does not flutter. It follows from its inputs alone. One thread at a time.
/// </summary>
/// <param name="rules">Valid rules.</param>
public sealed class CircuitBreaker(BreakerRules rules)
{
    private const int Unit = 1_000_000;

    // Prices are kept as least and greatest of a 32nd of the window: bounded memory, whatever the rate of prices.
    private const int Buckets = 32;
    private readonly Queue<(long Bucket, long Least, long Greatest)> prices = new();
    private (long Bucket, long Least, long Greatest) open = (long.MinValue, 0, 0);
    private long calmSince = long.MaxValue;
    private long last = long.MinValue;

    public BreakerState State { get; private set; }

    /// <summary>Why it is not normal; empty otherwise.</summary>
    public string Reason { get; private set; } = "";

    /// <summary>Takes an input; one older than the last is passed over.</summary>
    /// <returns>The state from now on.</returns>
    public BreakerState Step(BreakerInput input)
    {
        if (input.Time < last) return State;
        last = input.Time;
        bool isKnown = input.State is OracleState.Fresh or OracleState.LowConfidence && input.Index > 0;
        if (isKnown) Remember(input.Time, input.Index);
        long jump = Jump(input.Time);
        (BreakerState trip, string reason) =
            jump > rules.HaltPpm ? (BreakerState.Halted, $"the price moved by {jump} millionths within {rules.Window} ms")
            : jump > rules.JumpPpm ? (BreakerState.ReduceOnly, $"the price moved by {jump} millionths within {rules.Window} ms")
            : input.State == OracleState.Divergent ? (BreakerState.ReduceOnly, "the price sources diverge")
            : input.Depth < rules.DepthFloor ? (BreakerState.ReduceOnly, $"the depth {input.Depth} is below {rules.DepthFloor}")
            : (BreakerState.Normal, "");
        bool isCalm = isKnown && 2 * jump <= rules.JumpPpm && !(input.Depth is { } depth && (Int128)2 * depth < (Int128)3 * rules.DepthFloor);
        if (trip > State) (State, Reason) = (trip, reason);
        if (!isCalm) calmSince = long.MaxValue;
        else if (calmSince == long.MaxValue) calmSince = input.Time;
        else if (State != BreakerState.Normal && input.Time - calmSince >= rules.CoolDown)
        {
            State--;
            calmSince = input.Time;
            if (State == BreakerState.Normal) Reason = "";
        }

        return State;
    }

    private void Remember(long time, long index)
    {
        long bucket = time / Math.Max(1, rules.Window / Buckets);
        if (bucket == open.Bucket)
        {
            open = (bucket, Math.Min(open.Least, index), Math.Max(open.Greatest, index));
            return;
        }

        if (open.Bucket != long.MinValue) prices.Enqueue(open);
        open = (bucket, index, index);
    }

    // Greatest over least price of the window and up to a bucket before it, minus 1, in 10^-6.
    private long Jump(long time)
    {
        long first = (time - rules.Window) / Math.Max(1, rules.Window / Buckets);
        while (prices.TryPeek(out (long Bucket, long Least, long Greatest) oldest) && oldest.Bucket < first) prices.Dequeue();
        if (open.Bucket < first) return 0;
        long least = open.Least, greatest = open.Greatest;
        foreach ((_, long low, long high) in prices) (least, greatest) = (Math.Min(least, low), Math.Max(greatest, high));
        return (long)Int128.Min((Int128)(greatest - least) * Unit / least, long.MaxValue / 4);
    }
}
