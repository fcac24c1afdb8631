using System.Globalization;
using Rollup.MarketData;
using Rollup.TestSupport;

namespace Rollup.Oracle.Tests;

public sealed class FundingTests
{
    private const long Index = 61_700_000;
    private static readonly FundingRates Rates = new(100);

    [Theory]
    [InlineData(990L, 1_010L, 0)] // The index is between them.
    [InlineData(1_004L, 1_010L, 4)]
    [InlineData(980L, 993L, -7)]
    [InlineData(null, 993L, -7)]
    [InlineData(1_004L, null, 4)]
    [InlineData(null, null, 0)]
    public void The_premium_is_what_impact_prices_leave_the_index_by(long? bid, long? ask, long premium) => Assert.Equal(premium, Funding.Premium(1_000, bid, ask));

    [Fact]
    public void Eight_hours_of_interest_and_premium_are_exact_whatever_the_steps()
    {
        Funding whole = new(5), steps = new(5);
        var random = new SplitMix64(4);
        var unbounded = new FundingRates(100, 3_000, MaxElapsed: int.MaxValue);
        // 8 h at a premium of 0.1%: 0.1% + 0.01% of the index.
        whole = whole.Accrue(unbounded, Index, 61_700, Funding.Period).Take();
        for (long left = Funding.Period; left > 0;)
        {
            long step = Math.Min(left, 1 + random.Below(60_000));
            steps = steps.Accrue(Rates, Index, 61_700, step).Take();
            left -= step;
        }

        Assert.Equal(new Funding(5 + 61_700 + 6_170), whole);
        Assert.Equal(whole, steps);
    }

    [Fact]
    public void The_remainder_is_carried_and_never_negative()
    {
        Funding funding = new Funding(0).Accrue(Rates, Index, -61_700, 1_000).Take();
        // -(0.1% - 0.01%) of 61.7 USD in a second: -55530 / 28800 = -1.93 atoms; F is -2, and 0.07 is owed.
        Assert.Equal(-2, funding.Cumulative);
        Assert.Equal((Int128)2 * Funding.Denominator - (Int128)55_530 * 1_000_000 * 1_000, funding.Owed);
    }

    [Theory]
    [InlineData(1_000_000_000L, 3_000)]
    [InlineData(-1_000_000_000L, -3_000)]
    [InlineData(long.MinValue, -3_000)]
    public void The_premium_is_bounded_before_interest_is_added(long premium, int bound)
    {
        Funding funding = new Funding(0).Accrue(Rates, Index, premium, 60_000);
        Assert.Equal((Int128)Index * (bound + 100) * 60_000, funding.Owed);
    }

    [Fact]
    public void An_epoch_is_charged_a_minute_at_most()
    {
        Funding minute = new Funding(0).Accrue(Rates, Index, 0, 60_000), day = new Funding(0).Accrue(Rates, Index, 0, 50_000).Accrue(Rates, Index, 0, 86_400_000);
        Assert.Equal(minute, day);
        Assert.True(minute.Take().Accrue(Rates, Index, 0, 60_000).Owed > minute.Take().Owed);
    }

    [Theory]
    [InlineData(100, false, 1_000)]
    [InlineData(1_000, false, 1_000)]
    [InlineData(2_490, false, 993)] // 1 lot for 1000, and 1490 / 990 lots for 1490: 2490 / 2.50505 = 993.99.
    [InlineData(2_490, true, 994)]
    [InlineData(2_980, false, 993)]
    [InlineData(2_981, false, null)]
    public void An_impact_price_is_the_mean_over_the_levels(long notional, bool isAsk, int? price)
    {
        (long, long)[] levels = [(1_000, 1), (990, 2)];
        Assert.Equal(price, (int?)ImpactPrice.Of(levels, notional, isAsk));
    }

    [Fact]
    public void An_impact_price_of_random_books_is_between_their_prices_and_exact()
    {
        var random = new SplitMix64(5);
        for (int round = 0; round < 2000; round++)
        {
            bool isAsk = random.Below(2) == 0;
            (long Price, long Lots)[] levels = [.. Enumerable.Range(0, 1 + random.Below(6)).Select(i => (10_000 + (isAsk ? i : -i) * 7L, 1L + random.Below(40)))];
            long depth = levels.Sum(l => l.Price * l.Lots), notional = 1 + random.Below((int)depth);
            long price = ImpactPrice.Of(levels, notional, isAsk)!.Value;
            Assert.InRange(price, levels.Min(l => l.Price), levels.Max(l => l.Price));
            // Against exact rationals: lots bought for the notional, as numerator over the product of all prices.
            System.Numerics.BigInteger lots = 0, unit = 1, left = notional;
            foreach ((long p, long size) in levels) unit *= p;
            foreach ((long p, long size) in levels)
            {
                System.Numerics.BigInteger spent = System.Numerics.BigInteger.Min(left, p * size);
                lots += spent * (unit / p);
                left -= spent;
            }

            // |price - notional / lots| < 1 on the side of the rounding.
            System.Numerics.BigInteger error = price * lots - notional * unit;
            Assert.True(isAsk ? error >= 0 && error < lots : error <= 0 && -error < lots);
            Assert.Null(ImpactPrice.Of(levels, depth + 1, isAsk));
        }
    }

    /// <summary>
    /// Three venues, two underlyings, 2020-2024: how much of what was charged our bound would have cut. The stamps of the 8 h venues are UTC+3 (03, 11, 19 h
    /// are 00, 08, 16 UTC), which shows that the file is read as it is meant; the hourly venue's rates are made 8 h rates.
    /// </summary>
    [RecordedFundingFact]
    public void The_bound_cuts_few_of_the_rates_that_were_charged()
    {
        foreach (string file in Directory.GetFiles(RecordedFundingFactAttribute.Folder, "*.csv").Order(StringComparer.Ordinal))
        {
            bool isHourly = file.Contains("dydx", StringComparison.Ordinal);
            List<(DateTime Stamp, long Rate)> rows = [.. File.ReadLines(file).Skip(1).Select(line => line.Split(','))
                .Select(f => (DateTime.Parse(f[1], CultureInfo.InvariantCulture), decimal.ToInt64(decimal.Parse(f[2], NumberStyles.Float, CultureInfo.InvariantCulture) * 1_000_000_000 * (isHourly ? 8 : 1))))];
            Assert.True(rows.Count > 3_000);
            if (!isHourly) Assert.True(rows.All(r => r.Stamp.AddHours(-3).Hour % 8 == 0));
            int cut = rows.Count(r => Math.Abs(r.Rate - Rates.InterestPpm * 1_000L) > Rates.PremiumBoundPpm * 1_000L);
            Assert.True(cut * 1_000L <= rows.Count * 5L, $"{Path.GetFileName(file)}: {cut} of {rows.Count} rates would be cut.");
            // The control: a tenth of the bound would cut more than that everywhere.
            Assert.True(rows.Count(r => Math.Abs(r.Rate) > Rates.PremiumBoundPpm * 100L) * 1_000L > rows.Count * 5L);
        }
    }
}

/// <summary>A test on recorded funding rates, which lie beside the repository.</summary>
internal sealed class RecordedFundingFactAttribute : FactAttribute
{
    internal static readonly string Folder = Repository.PathOf("..", "shared", "data", "funding-2020-2024");

    public RecordedFundingFactAttribute() => Skip = Directory.Exists(Folder) ? null : $"no recorded funding rates in {Folder}";
}
