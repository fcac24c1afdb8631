using System.Collections.Immutable;
using System.Numerics;
using Rollup.Protocol;
using Rollup.Risk.Liquidation;

namespace Rollup.Risk.Tests;

/// <summary>The mathematics of liquidation against slow and obvious computations.</summary>
public class LiquidationTests
{
    private static readonly Leg LongBtc = new(Sample.Row(3), 40), ShortEth = new(Sample.Row(5), -90), Spot = new(Sample.Row(7), 15);

    /// <summary>Rows of random shape: hedges, gaps and prices of any size. Groups 1 and 2.</summary>
    internal static RiskRow RandomRow(Random random, int id, long scale)
    {
        long @base = random.NextInt64(1, scale), funding = random.NextInt64(-@base / 2, @base / 2);
        bool isSpot = random.Next(5) == 0;
        int sign = random.Next(2) * 2 - 1;
        var longs = new long[Bound.Scenarios];
        var shorts = new long[Bound.Scenarios];
        longs[0] = shorts[0] = @base;
        for (int s = 1; s < Bound.Scenarios; s++)
        {
            // Correlated across rows, so that positions hedge each other.
            longs[s] = @base + sign * @base * (s - 12) / 40 + random.NextInt64(-@base / 30, @base / 30 + 1);
            shorts[s] = longs[s] + random.NextInt64(0, @base / 20 + 1);
        }

        return new RiskRow(id, isSpot ? InstrumentKind.Spot : InstrumentKind.Perpetual, InstrumentFlags.None, 1 + id % 2, @base, @base, funding,
            random.NextInt64(0, @base / 40 + 2), [.. longs], [.. shorts]);
    }

    internal static Leg[] RandomLegs(Random random, int count, long scale) =>
        [.. Enumerable.Range(1, count).Select(id => RandomRow(random, id, scale))
            .Select(row => new Leg(row, random.NextInt64(1, 500) * (row.Kind == InstrumentKind.Spot || random.Next(2) == 0 ? 1 : -1)))];

    /// <summary>Scaled maintenance x 2^32 with a fraction closed, by its definition.</summary>
    private static BigInteger Maintenance(long cash, Leg[] kept, Leg[] closed, Int128 cost, long fraction)
    {
        BigInteger whole = LiquidationFraction.Whole, money = (BigInteger)cash * whole;
        foreach (Leg leg in closed) money += (BigInteger)fraction * leg.Size * leg.Row.Base;
        money -= fraction * (BigInteger)cost;
        BigInteger sum = 5 * money;
        foreach (int group in kept.Concat(closed).Select(l => l.Row.Group).Distinct())
        {
            BigInteger[] equity = [.. Enumerable.Range(0, Bound.Scenarios).Select(s =>
            {
                BigInteger e = 0;
                foreach (Leg l in kept.Where(l => l.Row.Group == group)) e += whole * l.Size * (l.Size > 0 ? l.Row.Long[s] : l.Row.Short[s]);
                foreach (Leg l in closed.Where(l => l.Row.Group == group)) e += (whole - fraction) * l.Size * (l.Size > 0 ? l.Row.Long[s] : l.Row.Short[s]);
                return e;
            })];
            sum += equity[0] + 4 * equity.Min();
        }

        return sum;
    }

    [Fact]
    public void The_fraction_is_the_least_that_reaches_the_target()
    {
        var random = new Random(4);
        int parts = 0, wholes = 0, nothing = 0;
        for (int round = 0; round < 3_000; round++)
        {
            Leg[] legs = RandomLegs(random, random.Next(1, 7), round % 3 == 0 ? 200 : 30_000_000_000);
            Leg[] kept = [.. legs.Where(l => l.IsSpot)], closed = [.. legs.Where(l => !l.IsSpot)];
            Int128 cost = closed.Aggregate(Int128.Zero, (sum, l) => sum + Int128.Abs(l.Size) * (l.Row.PriceBound * random.Next(3) / 2));
            // Cash near where maintenance is zero.
            PortfolioMargin atZero = PortfolioMargin.Of(0, legs.Select(l => (l.Row, l.Size)));
            long cash = (long)(-atZero.ScaledMaintenance / 5 - atZero.Requirement * random.Next(-10, 70) / 100);
            Int128 target = LiquidationFraction.Target(atZero.Requirement) * random.Next(3);

            long fraction = LiquidationFraction.Of(cash, kept, closed, cost, target);
            BigInteger goal = (BigInteger)target * LiquidationFraction.Whole;
            BigInteger At(long n) => Maintenance(cash, kept, closed, cost, n);
            if (fraction < LiquidationFraction.Whole) Assert.True(At(fraction) >= goal);
            if (fraction > 0) Assert.True(At(fraction - 1) < goal);
            for (int i = 0; i < 20 && fraction > 0; i++) Assert.True(At(random.NextInt64(fraction)) < goal);
            if (fraction == 0) nothing++;
            else if (fraction == LiquidationFraction.Whole) wholes++;
            else parts++;
        }

        Assert.True(parts > 500 && wholes > 200 && nothing > 100, $"{parts} parts, {wholes} wholes, {nothing} nothing");
    }

    [Fact]
    public void A_long_perpetual_closes_what_its_requirement_releases_and_its_cost_takes()
    {
        // 16.8% of requirement, of which 80% counts: closing releases 0.8 x requirement and costs the bound.
        PortfolioMargin margin = PortfolioMargin.Of(0, [(LongBtc.Row, 40)]);
        long cash = -40 * LongBtc.Row.Base + (long)(margin.Requirement * 7 / 10);
        Int128 cost = 40 * LongBtc.Row.PriceBound;
        // Missing: 10% of the requirement. One whole leg brings 80% of it and loses the cost.
        Int128 missing = 5 * (margin.Requirement * 8 / 10 - margin.Requirement * 7 / 10), gain = 4 * margin.Requirement - 5 * cost;
        long expected = (long)(missing * LiquidationFraction.Whole / gain);
        Assert.InRange(LiquidationFraction.Of(cash, [], [LongBtc], cost, 0), expected - 40, expected + 40);
        Assert.Equal(LiquidationFraction.Whole, LiquidationFraction.Of(cash - (long)margin.Requirement, [], [LongBtc], cost, 0));
    }

    [Fact]
    public void Lots_are_rounded_up_and_never_more_than_there_are()
    {
        Assert.Equal<long>([10, 23], LiquidationFraction.Lots([LongBtc, ShortEth], LiquidationFraction.Whole / 4));
        Assert.Equal<long>([11, 23], LiquidationFraction.Lots([LongBtc, ShortEth], LiquidationFraction.Whole / 4 + 1));
        Assert.Equal<long>([40, 90], LiquidationFraction.Lots([LongBtc, ShortEth], LiquidationFraction.Whole));
        Assert.Equal<long>([1, 1], LiquidationFraction.Lots([LongBtc, ShortEth], 1));
        Assert.Equal<long>([0, 0], LiquidationFraction.Lots([LongBtc, ShortEth], 0));
    }

    [Fact]
    public void The_size_bound_is_the_buffer_and_a_sixteenth_of_the_requirement_before()
    {
        // 5 x (10^9 + 3,200 / 16).
        Assert.True(LiquidationFraction.IsWithinSizeBound(3_200, 5_000_001_000));
        Assert.False(LiquidationFraction.IsWithinSizeBound(3_200, 5_000_001_001));
        Assert.Equal(500, LiquidationFraction.Target(3_200));
        Assert.Equal(501, LiquidationFraction.Target(3_201));
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 0)]
    [InlineData(30_000, 481_759)]
    [InlineData(60_000, 963_519)]
    [InlineData(90_000, 963_519)]
    public void An_auction_descends_from_the_mark_to_the_bound(long elapsed, long distance)
    {
        Assert.Equal(963_519, LongBtc.Row.PriceBound);
        // 16 atoms a millisecond, rounded down.
        long expected = elapsed == 1 ? 16 : distance;
        Assert.Equal(64_234_567 - expected, LongBtc.AuctionPrice(elapsed, 60_000));
        Assert.Equal(64_234_567 + expected, (LongBtc with { Size = -3 }).AuctionPrice(elapsed, 60_000));
    }

    [Fact]
    public void A_price_stays_one_that_an_order_can_have()
    {
        RiskRow cheap = LongBtc.Row with { Base = 100, Funding = 0, PriceBound = 250 };
        Assert.Equal((0, 350), (new Leg(cheap, 1).WorstPrice, new Leg(cheap, -1).WorstPrice));
        RiskRow dear = LongBtc.Row with { Base = RiskRow.ValueBound - 10, Funding = 0, PriceBound = 250 };
        Assert.Equal(RiskRow.ValueBound - 1, new Leg(dear, -1).WorstPrice);
    }

    [Fact]
    public void A_deficit_goes_to_the_legs_that_lose()
    {
        // Down by the range: the long loses 15% + gap, its hedge gains, the other group's short loses 18% + gap when its price rises.
        Leg hedge = new(Sample.Row(3) with { Id = 4 }, -10);
        ImmutableArray<long> shares = Deleveraging.Share(1_000_003, [LongBtc, hedge, ShortEth]);
        Assert.Equal((1_000_003, 0), (shares.Sum(), shares[1]));
        Int128 btc = 40 * (LongBtc.Row.Base - LongBtc.Row.Long.Min()), eth = 90 * (ShortEth.Row.Short.Max() - ShortEth.Row.Base);
        // The extreme scenarios of the sample are those of the range (+-15%, +-18%) and the dampened ones (-14%, +15%).
        Assert.Equal((long)(1_000_003 * btc / (btc + eth)), shares[0]);
        Assert.Equal<long>([1_000_003], Deleveraging.Share(1_000_003, [LongBtc]));
        RiskRow flat = LongBtc.Row with { Long = [.. Enumerable.Repeat(70L, 24)], Short = [.. Enumerable.Repeat(70L, 24)], Base = 70, Funding = 0 };
        Assert.Equal<long>([33, 67], Deleveraging.Share(100, [new Leg(flat, 5), new Leg(flat with { Id = 9 }, -10)]));
    }

    [Fact]
    public void Shares_add_up_exactly()
    {
        var random = new Random(11);
        for (int round = 0; round < 2_000; round++)
        {
            Leg[] legs = RandomLegs(random, random.Next(1, 8), 1_000_000);
            long deficit = random.NextInt64(1, 1L << random.Next(1, 62));
            ImmutableArray<long> shares = Deleveraging.Share(deficit, legs);
            Assert.Equal(deficit, shares.Sum());
            Assert.All(shares, share => Assert.True(share >= 0));
        }
    }

    [Fact]
    public void Holders_are_ranked_by_the_requirement_they_release_a_lot()
    {
        Leg shortBtc = new(Sample.Row(3), -10);
        long perLot = (long)(PortfolioMargin.Of(0, [(shortBtc.Row, -10)]).Requirement / 10);
        RankedHolder alone = Deleveraging.Rank(7, [shortBtc], 3);
        Assert.Equal(new RankedHolder(7, 3, -10, perLot), alone);
        // The other group does not matter; a hedge in the same one makes the position precious.
        Assert.Equal(perLot, Deleveraging.Rank(8, [shortBtc, ShortEth], 3).Score);
        RankedHolder hedged = Deleveraging.Rank(6, [shortBtc, new Leg(Sample.Row(3) with { Id = 4 }, 10)], 3);
        Assert.True(hedged.Score < -perLot / 2);
        RankedHolder larger = new(9, 3, -11, perLot), later = alone with { Account = 10 };
        Assert.Equal([larger, alone, later, hedged], new[] { hedged, later, alone, larger }.Order(Deleveraging.Order));
    }

    [Theory]
    [InlineData(0, 4_999, false)]
    [InlineData(0, 100_000, false)]
    [InlineData(1, 4_999, false)]
    [InlineData(1, 5_000, true)]
    [InlineData(799, 0, false)]
    [InlineData(800, 0, true)]
    public void An_epoch_opens_early_for_much_distress_or_after_five_seconds(long distressed, long since, bool opens) =>
        Assert.Equal(opens, new EpochRule(800).AllowsOpening(since, distressed));
}
