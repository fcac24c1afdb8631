using System.Collections.Immutable;
using Rollup.MarketData;
using Rollup.Protocol;
using Rollup.Risk;

namespace Rollup.Oracle.Tests;

public sealed class RiskControllerTests
{
    private const long Now = Sample.Now, Minute = 60_000, Hour = 60 * Minute, Day = 24 * Hour;
    private static readonly ControllerRules Bitcoin = new(GroupRange.Bitcoin, 450_000);

    [Fact]
    public void The_variance_of_a_known_zigzag_is_its_squared_return()
    {
        // 0.01% up and down every 5 seconds: a day has 17,280 steps, sqrt(17280) x 0.01% = 1.3145%.
        RealisedVariance variance = Zigzag(new RealisedVariance(), Now, 4 * Hour, ppm: 100);
        Assert.InRange(variance.Deviation(Day), 13_140_000, 13_150_000);
        // Five minutes of silence (a price that stays) take e^(-1/3) of the variance, e^(-1/6) of the deviation.
        long before = variance.Deviation(Day);
        for (long time = 0; time < 5 * Minute; time += 5_000) variance = variance.Add(variance.Time + 5_000, variance.Index);
        Assert.InRange(variance.Deviation(Day) * 1_000 / before, 842, 850); // e^(-1/6) = 0.846
    }

    [Fact]
    public void Prices_between_the_intervals_and_one_wrong_price_count_little()
    {
        RealisedVariance calm = Zigzag(new RealisedVariance(), Now, Hour, ppm: 100);
        Assert.Equal(calm, calm.Add(calm.Time + 4_999, 2 * calm.Index));
        RealisedVariance capped = calm.Add(calm.Time + 5_000, 100 * calm.Index), tenth = calm.Add(calm.Time + 5_000, calm.Index * 1_106 / 1_000);
        Assert.Equal(capped.Variance, tenth.Variance);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 1)]
    [InlineData(3, 1)]
    [InlineData(4, 2)]
    [InlineData(1_000_000_000_000, 1_000_000)]
    [InlineData(999_999_999_999, 999_999)]
    public void A_root_is_the_floor(long value, long root) => Assert.Equal(root, RootOf(value));

    [Fact]
    public void Roots_of_random_numbers_are_floors()
    {
        var random = new SplitMix64(9);
        for (int round = 0; round < 2000; round++)
        {
            Int128 value = ((Int128)random.Next() << 59) >> random.Below(122);
            Int128 root = RootOf(value);
            Assert.True(root * root <= value && (root + 1) * (root + 1) > value, $"{value}: {root}");
        }
    }

    /// <summary>2025-10-10: the volatility of 15 minutes went thirtyfold. The opening range is at its ceiling within minutes; the other has hardly moved.</summary>
    [Fact]
    public void A_thirtyfold_jump_of_volatility_raises_the_opening_range_at_once_and_the_other_slowly()
    {
        (RealisedVariance variance, RiskController ranges) = Play(Zigzag(new RealisedVariance(), Now, 2 * Hour, ppm: 100), RiskController.At(Now + 2 * Hour, Bitcoin.Floor), Hour, ppm: 100);
        Assert.Equal((Bitcoin.Floor, Bitcoin.Floor), (ranges.InitialRange, ranges.MaintenanceRange));
        long calm = variance.Deviation(Day);

        (variance, ranges) = Play(variance, ranges, 5 * Minute, ppm: 3_000);
        Assert.Equal(Bitcoin.Ceiling, ranges.InitialRange);
        Assert.InRange(ranges.MaintenanceRange, Bitcoin.Floor, Bitcoin.Floor * 1_009 / 1_000);
        (variance, ranges) = Play(variance, ranges, 55 * Minute, ppm: 3_000);
        Assert.InRange(variance.Deviation(Day) / calm, 28, 31);
        Assert.InRange(ranges.MaintenanceRange, Bitcoin.Floor * 1_094 / 1_000, Bitcoin.Floor * 1_100 / 1_000);
        (variance, ranges) = Play(variance, ranges, 15 * Hour, ppm: 3_000);
        Assert.Equal((Bitcoin.Ceiling, Bitcoin.Ceiling), (ranges.InitialRange, ranges.MaintenanceRange));

        // Down is slow for both: an hour after the storm at most a twentieth is gone.
        (variance, ranges) = Play(variance, ranges, Hour, ppm: 100);
        Assert.InRange(ranges.InitialRange, Bitcoin.Ceiling * 95 / 100, Bitcoin.Ceiling - 1);
        (_, ranges) = Play(variance, ranges, 40 * Hour, ppm: 100);
        Assert.Equal((Bitcoin.Floor, Bitcoin.Floor), (ranges.InitialRange, ranges.MaintenanceRange));
    }

    [Fact]
    public void In_no_hour_does_the_maintenance_range_rise_by_more_than_a_tenth_whatever_the_steps()
    {
        var random = new SplitMix64(21);
        RiskController ranges = RiskController.At(Now, Bitcoin.Floor);
        List<(long Time, long Range)> seen = [(ranges.Time, ranges.Maintenance)];
        while (ranges.Time < Now + 30 * Hour)
        {
            long step = random.Below(3) switch { 0 => 1 + random.Below(200), 1 => random.Below((int)Minute), _ => random.Below(3 * (int)Hour) };
            ranges = ranges.Step(Bitcoin, new ControllerInput(ranges.Time + step, random.Below(5) == 0 ? 0 : 1_000_000_000));
            seen.Add((ranges.Time, ranges.Maintenance));
            Assert.InRange(ranges.Initial, ranges.Maintenance, Bitcoin.Ceiling * 1_000L);
        }

        foreach ((long time, long range) in seen) Assert.DoesNotContain(seen, s => s.Time >= time && s.Time <= time + Hour && s.Range * 10 > range * 11);
        Assert.Contains(seen, s => s.Range > Bitcoin.Floor * 1_500L);
    }

    [Fact]
    public void A_controller_whose_ceiling_is_its_floor_is_off()
    {
        var off = new ControllerRules(180_000, 180_000);
        RiskController ranges = RiskController.At(Now, 180_000).Step(off, new ControllerInput(Now + Hour, 1_000_000_000, 1, 1L << 50));
        Assert.Equal((180_000, 180_000), (ranges.InitialRange, ranges.MaintenanceRange));
    }

    [Theory]
    [InlineData(24_000_000L, 150_000)] // A day of depth: free.
    [InlineData(54_000_000L, 225_000)] // 2.25 days: the root is 1.5.
    [InlineData(960_000_000L, 300_000)] // 40 days: twice at most.
    public void Open_interest_beyond_the_filled_depth_widens_the_opening_range_alone(long openInterest, int range)
    {
        RiskController ranges = RiskController.At(Now, Bitcoin.Floor);
        for (int minute = 1; minute <= 3; minute++) ranges = ranges.Step(Bitcoin, new ControllerInput(Now + minute * Minute, 0, FilledDepth: 1_000_000, openInterest));
        Assert.Equal((range, Bitcoin.Floor), (ranges.InitialRange, ranges.MaintenanceRange));
    }

    [Fact]
    public void Liquidations_own_trades_and_pairs_beyond_their_bound_are_no_depth()
    {
        Address a = Owner(1), b = Owner(2), c = Owner(3);
        var depth = new FilledDepth(pairBound: 1_000);
        depth.Add(new OwnerFill(Now, a, b, 300));
        depth.Add(new OwnerFill(Now, b, a, 500));
        depth.Add(new OwnerFill(Now, a, a, 7_000));
        depth.Add(new OwnerFill(Now, c, b, 9_000, IsLiquidation: true));
        Assert.Equal(0, depth.AnHour(Now));
        Assert.Equal(800, depth.AnHour(Now + FilledDepth.Window));
        depth.Add(new OwnerFill(Now + FilledDepth.Window, a, b, 90_000));
        depth.Add(new OwnerFill(Now + FilledDepth.Window, c, b, 40));
        Assert.Equal(800 + 1_000 + 40, depth.AnHour(Now + 2 * FilledDepth.Window));
        Assert.Equal(1_040, depth.AnHour(Now + 13 * FilledDepth.Window));
        Assert.Equal(0, depth.AnHour(Now + 14 * FilledDepth.Window));
    }

    [Fact]
    public void Depth_of_a_window_ends_with_its_hour_after_any_pause()
    {
        for (int pause = 1; pause < 30; pause++)
        {
            var depth = new FilledDepth(long.MaxValue);
            depth.Add(new OwnerFill(Now, Owner(1), Owner(2), 500));
            Assert.Equal(pause <= 12 ? 500 : 0, depth.AnHour(Now + pause * FilledDepth.Window));
        }
    }

    [Fact]
    public void Open_interest_is_net_by_owner() =>
        Assert.Equal(5 + 4, OpenInterestByOwner.Of([(Owner(1), 9), (Owner(1), -4), (Owner(2), 4), (Owner(3), -9)]));

    /// <summary>
    /// Accounts with one long perpetual, their leverage uniform from 1 to what the initial margin allows. Doubling R at once makes 42% of them distressed
    /// at unchanged prices; at 10% an hour nobody is for the first two hours, in which they can add margin or reduce.
    /// </summary>
    [Fact]
    public void Doubling_the_range_at_once_distresses_42_percent_and_the_paced_range_none()
    {
        int[] leverages = [.. Enumerable.Range(100, 526)]; // 1.00 to 6.25 = 1 / (15% + 1% contingency), in hundredths.
        Assert.All(leverages, l => Assert.False(IsBelow(l, 150_000, 1_000_000)));
        Assert.True(IsBelow(626, 150_000, 1_000_000));
        int at = leverages.Count(l => IsBelow(l, 300_000, 800_000));
        Assert.Equal(42, (100 * at + leverages.Length / 2) / leverages.Length);

        RiskController ranges = RiskController.At(Now, 150_000);
        for (int minute = 1; minute <= 120; minute++)
        {
            ranges = ranges.Step(Bitcoin with { Ceiling = 300_000 }, new ControllerInput(Now + minute * Minute, 1_000_000_000));
            Assert.DoesNotContain(leverages, l => IsBelow(l, ranges.MaintenanceRange, 800_000));
        }

        Assert.Equal(300_000, ranges.InitialRange);
        Assert.True(ranges.MaintenanceRange > 180_000);
    }

    // Whether (1 - mu) base + mu worst + cash < 0, for 1,000 lots bought at the mark with 1 / leverage of it as equity; leverage in hundredths, mu in 10^-6.
    private static bool IsBelow(int leverage, int range, int mu)
    {
        const long Mark = 61_700_000, Lots = 1_000;
        var inputs = new RiskInputs(1, Timestamp.FromMilliseconds(Now), RiskParameters.Default, [new GroupRange(1, range)],
            [new InstrumentInput(1, InstrumentKind.Perpetual, InstrumentFlags.None, 1, Mark, Mark, 0, 0)]);
        RiskRow row = Assert.Single(RiskRows.From(inputs));
        long worst = row.Long.ToArray().Min() * Lots, cash = Rounding.CeilDiv(Mark * Lots * 100, leverage) - Mark * Lots;
        return (Int128)(1_000_000 - mu) * row.Base * Lots + (Int128)mu * worst + (Int128)1_000_000 * cash < 0;
    }

    private static Int128 RootOf(Int128 value) => new RealisedVariance(1, 1, value).Deviation(1);

    private static Address Owner(byte id) => Address.FromBytes([.. new byte[19], id]);

    private static RealisedVariance Zigzag(RealisedVariance variance, long from, long length, int ppm)
    {
        for (long time = from; time <= from + length; time += 5_000) variance = variance.Add(time, Price(time, ppm));
        return variance;
    }

    private static long Price(long time, int ppm) => 60_000_000_000 + (time / 5_000 % 2) * 60_000L * ppm;

    private static (RealisedVariance, RiskController) Play(RealisedVariance variance, RiskController ranges, long length, int ppm)
    {
        for (long end = ranges.Time + length, time = ranges.Time + 5_000; time <= end; time += 5_000)
        {
            variance = variance.Add(time, Price(time, ppm));
            ranges = ranges.Step(Bitcoin, new ControllerInput(time, variance.Deviation(Day)));
        }

        return (variance, ranges);
    }
}
