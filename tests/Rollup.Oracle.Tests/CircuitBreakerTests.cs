namespace Rollup.Oracle.Tests;

public sealed class CircuitBreakerTests
{
    private const long Now = Sample.Now, Price = 60_000_000_000;
    private static readonly BreakerRules Rules = new(Window: 60_000, JumpPpm: 50_000, HaltPpm: 150_000, DepthFloor: 1_000, CoolDown: 300_000);

    [Theory]
    [InlineData(1_050, 59_000, BreakerState.Normal)]
    [InlineData(1_051, 59_000, BreakerState.ReduceOnly)]
    [InlineData(951, 59_000, BreakerState.ReduceOnly)]
    [InlineData(1_150, 59_000, BreakerState.ReduceOnly)]
    [InlineData(1_151, 59_000, BreakerState.Halted)]
    [InlineData(800, 59_000, BreakerState.Halted)]
    [InlineData(1_300, 63_000, BreakerState.Normal)] // More than the window (and its last bucket) apart.
    public void A_jump_within_the_window_trips(int thousandths, long after, BreakerState state)
    {
        var breaker = new CircuitBreaker(Rules);
        Step(breaker, 0, Price);
        Assert.Equal(state, Step(breaker, after, Price / 1_000 * thousandths));
        Assert.Equal(state == BreakerState.Normal, breaker.Reason.Length == 0);
    }

    [Fact]
    public void A_slow_move_of_any_size_does_not_trip()
    {
        var breaker = new CircuitBreaker(Rules);
        for (int i = 0; i < 600; i++) Assert.Equal(BreakerState.Normal, Step(breaker, i * 10_000, Price + i * Price / 200));
    }

    [Fact]
    public void Divergence_and_collapse_of_depth_make_it_reduce_only()
    {
        var breaker = new CircuitBreaker(Rules);
        Assert.Equal(BreakerState.Normal, Step(breaker, 0, Price, depth: 1_000));
        Assert.Equal(BreakerState.ReduceOnly, Step(breaker, 1_000, Price, depth: 999));
        Assert.Contains("depth", breaker.Reason, StringComparison.Ordinal);
        var other = new CircuitBreaker(Rules);
        Assert.Equal(BreakerState.ReduceOnly, other.Step(new BreakerInput(Now, OracleState.Divergent, Price)));
        Assert.Contains("diverge", other.Reason, StringComparison.Ordinal);
        // A divergent or stale index is not a price.
        Assert.Equal(BreakerState.ReduceOnly, other.Step(new BreakerInput(Now + 1, OracleState.Divergent, 9 * Price)));
        Assert.Equal(BreakerState.ReduceOnly, other.Step(new BreakerInput(Now + 2, OracleState.Fresh, Price)));
    }

    [Fact]
    public void It_recovers_a_step_at_a_time_after_each_cool_down()
    {
        var breaker = new CircuitBreaker(Rules);
        Step(breaker, 0, Price);
        Assert.Equal(BreakerState.Halted, Step(breaker, 1_000, Price * 2));
        List<(long, BreakerState)> changes = [];
        for (long after = 2_000; after < 1_000_000; after += 1_000)
        {
            BreakerState before = breaker.State;
            if (Step(breaker, after, Price * 2) != before) changes.Add((after, breaker.State));
        }

        // The old price leaves the window (and its bucket) after at most 62 s; then two cool-downs.
        Assert.Equal([BreakerState.ReduceOnly, BreakerState.Normal], changes.Select(c => c.Item2));
        Assert.InRange(changes[0].Item1, 360_000, 364_000);
        Assert.Equal(300_000, changes[1].Item1 - changes[0].Item1);
        Assert.Empty(breaker.Reason);
    }

    [Theory]
    [InlineData(1_499, BreakerState.ReduceOnly)]
    [InlineData(1_500, BreakerState.Normal)]
    public void Recovery_asks_for_more_than_not_being_tripped(long depth, BreakerState state)
    {
        var breaker = new CircuitBreaker(Rules);
        Step(breaker, 0, Price, depth: 5);
        for (long after = 1_000; after <= 400_000; after += 1_000) Step(breaker, after, Price, depth: depth);
        Assert.Equal(state, breaker.State);
    }

    [Fact]
    public void A_disturbance_starts_the_cool_down_anew()
    {
        var breaker = new CircuitBreaker(Rules);
        Step(breaker, 0, Price, depth: 5);
        for (long after = 1_000; after <= 600_000; after += 1_000)
        {
            if (after == 200_000) breaker.Step(new BreakerInput(Now + after, OracleState.Stale, 0));
            else Step(breaker, after, Price, depth: 2_000);
            Assert.Equal(after < 501_000 ? BreakerState.ReduceOnly : BreakerState.Normal, breaker.State);
        }
    }

    [Fact]
    public void An_earlier_input_changes_nothing()
    {
        var breaker = new CircuitBreaker(Rules);
        Step(breaker, 10_000, Price);
        Assert.Equal(BreakerState.Normal, Step(breaker, 9_999, 3 * Price));
        Assert.Equal(BreakerState.Halted, Step(breaker, 10_000, 3 * Price));
    }

    private static BreakerState Step(CircuitBreaker breaker, long after, long index, long? depth = null) =>
        breaker.Step(new BreakerInput(Now + after, OracleState.Fresh, index, depth));
}
