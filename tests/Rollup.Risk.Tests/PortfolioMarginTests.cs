using System.Numerics;
using Rollup.Protocol;

namespace Rollup.Risk.Tests;

/// <summary>
/// The linear products' portfolios, their requirement as a share of the price computed by hand: range + contingency + concentration,
/// where the sample's concentration is small and known.
/// </summary>
public class PortfolioMarginTests
{
    private static readonly RiskRow Btc = Sample.Row(3), Eth = Sample.Row(5), Spot = Sample.Row(7);

    /// <summary>What must be held beyond the mark value, in 10^-6 of <paramref name="notional"/>.</summary>
    private static long Requirement(long notional, params (RiskRow, long)[] positions)
    {
        PortfolioMargin margin = PortfolioMargin.Of(0, positions);
        return (long)((margin.Value - margin.Health) * 1_000_000 / notional);
    }

    [Fact]
    public void Long_and_short_perpetual_need_range_contingency_and_concentration()
    {
        // 2.5M lots x 64.23 USD = 160.6M USD of open interest x 51 ppm = 8,190 ppm.
        long notional = 10 * Sample.BtcPerp.Mark;
        Assert.InRange(Requirement(notional, (Btc, 10)), 168_185, 168_195);
        Assert.InRange(Requirement(notional, (Btc, -10)), 168_185, 168_195);
    }

    [Fact]
    public void Underlyings_do_not_hedge_each_other()
    {
        long separate = Requirement(1_000_000_000, (Eth, 2_000)) + Requirement(1_000_000_000, (Btc, -1_200));
        Assert.InRange(Requirement(1_000_000_000, (Eth, 2_000), (Btc, -1_200)), separate, separate + 2);
    }

    [Fact]
    public void Spot_against_short_perpetual_needs_gaps_and_basis_but_no_range()
    {
        // Haircut 5% + contingency 1% + basis 2% + concentration of both (about 1,443 and 2,727 ppm).
        long notional = 1_000 * Sample.EthSpot.Mark;
        Assert.InRange(Requirement(notional, (Spot, 1_000), (Eth, -1_000)), 84_000, 84_400);
        Assert.InRange(Requirement(notional, (Spot, 1_000)), 231_000, 232_000);
    }

    [Fact]
    public void Health_counts_cash_once_and_each_group_at_its_own_worst()
    {
        (RiskRow, long)[] book = [(Btc, 7), (Eth, -90), (Spot, 55)];
        PortfolioMargin margin = PortfolioMargin.Of(123_456_789, book);
        BigInteger expected = 123_456_789;
        foreach (int group in new[] { 1, 2 })
        {
            BigInteger? worst = null;
            for (int s = 0; s < Bound.Scenarios; s++)
            {
                BigInteger e = 0;
                foreach ((RiskRow row, long size) in book)
                    if (row.Group == group) e += new BigInteger(size) * (size > 0 ? row.Long[s] : row.Short[s]);
                worst = worst is null || e < worst ? e : worst;
            }

            expected += worst!.Value;
        }

        Assert.Equal(expected, (BigInteger)margin.Health);
        Assert.Equal([1, 2], margin.Groups.Select(g => g.Group));
        Assert.True(PortfolioMargin.Of((long)(123_456_789 - margin.Health), book).IsHealthy);
        Assert.False(PortfolioMargin.Of((long)(123_456_789 - margin.Health - 1), book).IsHealthy);
    }

    [Fact]
    public void Requirement_scales_with_size_and_never_falls_by_adding_risk_and_splitting()
    {
        Int128 one = PortfolioMargin.Of(0, [(Btc, 3), (Eth, -5)]).Health;
        Assert.Equal(4 * one, PortfolioMargin.Of(0, [(Btc, 12), (Eth, -20)]).Health);
        // Two accounts never need less than one that holds both books.
        Int128 joined = PortfolioMargin.Of(0, [(Spot, 40), (Eth, -30)]).Health;
        Assert.True(joined >= PortfolioMargin.Of(0, [(Spot, 40)]).Health + PortfolioMargin.Of(0, [(Eth, -30)]).Health);
    }

    [Fact]
    public void Largest_sizes_and_values_do_not_overflow()
    {
        RiskRow big = Sample.Row(3) with { Long = [.. Enumerable.Repeat(-(1L << 35) + 1, 24)] };
        PortfolioMargin margin = PortfolioMargin.Of(long.MinValue, Enumerable.Repeat((big, Lots.PositionBound - 1), 16));
        Assert.Equal(long.MinValue - (BigInteger)16 * ((1L << 44) - 1) * ((1L << 35) - 1), (BigInteger)margin.Health);
    }
}
