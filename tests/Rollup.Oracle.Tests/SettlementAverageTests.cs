using Rollup.Risk;

namespace Rollup.Oracle.Tests;

public sealed class SettlementAverageTests
{
    private const long Expiry = Sample.Now, Start = Expiry - SettlementAverage.Window;

    [Fact]
    public void The_mean_is_weighted_by_time()
    {
        SettlementAverage average = Play(new(Expiry), (Start, Start + 600_000, 300), (Start + 600_000, Expiry, 600));
        // A third of the window at 300, two thirds at 600.
        Assert.Equal(500, average.Close(Expiry).Price);
    }

    [Fact]
    public void The_rounding_is_down()
    {
        SettlementAverage average = Play(new(Expiry), (Start, Expiry - 1_000, 300), (Expiry - 1_000, Expiry, 301));
        Assert.Equal(300, average.Close(Expiry).Price);
    }

    [Fact]
    public void A_price_before_the_window_holds_into_it_and_what_is_after_it_does_not_count()
    {
        SettlementAverage average = new SettlementAverage(Expiry).Add(Start - 4_000, 700);
        Assert.Equal(0, average.Covered);
        average = average.Add(Start + 2_000, 900);
        Assert.Equal((2_000L, 700L), (average.Covered, average.Partial));
        average = Play(average, (Start + 3_000, Expiry, 900)).Add(Expiry + 1, 5_000).Close(Expiry + 2_000);
        Assert.Equal((900 * (SettlementAverage.Window - 2_000) + 700 * 2_000) / SettlementAverage.Window, average.Price);
        Assert.Equal(SettlementAverage.Window, average.Covered);
    }

    [Fact]
    public void A_price_holds_ten_seconds_and_the_rest_of_a_gap_counts_for_nothing()
    {
        SettlementAverage average = new SettlementAverage(Expiry).Add(Start, 100).Add(Start + 60_000, 400).Add(Start + 61_000, 400);
        Assert.Equal((11_000L, (100L * 10_000 + 400 * 1_000) / 11_000), (average.Covered, average.Partial));
    }

    [Theory]
    [InlineData(1_260_000, 444L)] // 70% of 1,800 s.
    [InlineData(1_259_000, null)]
    public void Under_seventy_percent_there_is_no_price(long covered, long? price)
    {
        // Prices come at the end of the window; nothing does before.
        SettlementAverage average = Play(new(Expiry), (Expiry - covered, Expiry, 444)).Close(Expiry);
        Assert.Equal((covered, price), (average.Covered, average.Price));
    }

    [Fact]
    public void What_the_window_lacks_comes_from_the_prices_after_it()
    {
        // 1,000 s of the window, then nothing for an hour, then prices again: 260 s are missing.
        SettlementAverage pending = Play(new(Expiry), (Start, Start + 1_000_000, 300)).Close(Expiry + 3_600_000);
        Assert.Null(pending.Price);
        // The last price holds ten seconds.
        SettlementAverage late = Play(pending, (Expiry + 3_600_000, Expiry + 3_600_000 + 249_000, 900));
        Assert.Equal((1_259_000L, null), (late.Covered, late.Close(Expiry + 3_600_000 + 249_000).Price));
        // However late it is looked at, no more than what is missing counts.
        long price = (1_010L * 300 + 250 * 900) / 1_260;
        foreach (long now in (long[])[250_000, 250_001, 9_000_000])
            Assert.Equal((1_260_000L, price), (late.Close(Expiry + 3_600_000 + now).Covered, late.Close(Expiry + 3_600_000 + now).Price!.Value));
        Assert.Equal(price, Play(late, (Expiry + 3_600_000 + 250_000, Expiry + 3_600_000 + 400_000, 5_000)).Close(Expiry + 9_000_000).Price);
    }

    [Fact]
    public void An_average_that_is_restored_after_its_window_goes_on_too()
    {
        long resumed = Expiry + 3_600_000;
        SettlementAverage before = Play(new(Expiry), (Start, Start + 1_000_000, 300));
        SettlementAverage after = SettlementAverage.From(Expiry, Start + 1_000_000, 300, before.AverageOver(300), before.Weight);
        Assert.Equal(Play(before, (resumed, resumed + 300_000, 900)).Close(resumed + 300_000).Price, Play(after, (resumed, resumed + 300_000, 900)).Close(resumed + 300_000).Price);
    }

    [Fact]
    public void The_result_is_written_once()
    {
        SettlementAverage open = Play(new(Expiry), (Start, Expiry, 222));
        Assert.Same(open, open.Close(Expiry - 1));
        SettlementAverage settled = open.Close(Expiry);
        Assert.Equal(222, settled.Price);
        Assert.Same(settled, settled.Add(Expiry + 5_000, 999));
        Assert.Same(settled, settled.Close(Expiry + 9_000));
    }

    [Fact]
    public void The_effective_forward_goes_from_the_forward_to_the_average()
    {
        var average = new SettlementAverage(Expiry);
        Assert.Equal((0, 1_000L), (average.Weight, average.EffectiveForward(1_000)));
        average = Play(average, (Start, Start + 450_000, 600));
        Assert.Equal(750_000_000, average.AverageOver(800));
        Assert.Equal((250_000_000, 600L, 900L), (average.Weight, average.Partial, average.EffectiveForward(1_000)));
        average = Play(average, (Start + 450_000, Expiry, 600)).Close(Expiry);
        Assert.Equal(((int)SviSlice.One, 600L), (average.Weight, average.EffectiveForward(1_000)));
    }

    [Fact]
    public void An_earlier_price_changes_nothing_and_nonsense_is_refused()
    {
        SettlementAverage average = new SettlementAverage(Expiry).Add(Start + 5_000, 100);
        Assert.Same(average, average.Add(Start + 5_000, 900));
        Assert.Same(average, average.Add(Start, 900));
        Assert.Throws<ArgumentOutOfRangeException>(() => average.Add(Start + 6_000, 0));
    }

    // A price a second from one time to another, the last one at the end.
    private static SettlementAverage Play(SettlementAverage average, params (long From, long To, long Index)[] parts)
    {
        foreach ((long from, long to, long index) in parts)
            for (long time = from; time < to; time += 1_000) average = average.Add(time, index);
        return average.Add(parts[^1].To, parts[^1].Index);
    }
}
