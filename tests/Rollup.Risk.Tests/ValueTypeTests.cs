using Rollup.Protocol;

namespace Rollup.Risk.Tests;

public class ValueTypeTests
{
    [Theory]
    [InlineData(7, 2, 3, 4)]
    [InlineData(-7, 2, -4, -3)]
    [InlineData(6, 3, 2, 2)]
    [InlineData(-6, 3, -2, -2)]
    [InlineData(0, 5, 0, 0)]
    [InlineData(long.MinValue, 3, -3074457345618258603, -3074457345618258602)]
    public void Division_rounds_as_named(long numerator, long denominator, long floor, long ceil)
    {
        Assert.Equal(floor, Rounding.FloorDiv(numerator, denominator));
        Assert.Equal(ceil, Rounding.CeilDiv(numerator, denominator));
        Assert.Equal(floor, (long)Rounding.FloorDiv((Int128)numerator, denominator));
        Assert.Equal(ceil, (long)Rounding.CeilDiv((Int128)numerator, denominator));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-3)]
    public void Division_by_a_non_positive_number_is_an_error(long denominator)
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Rounding.FloorDiv(1, denominator));
        Assert.Throws<ArgumentOutOfRangeException>(() => Rounding.CeilDiv((Int128)1, denominator));
    }

    [Fact]
    public void Price_times_lots_is_cash_and_overflow_is_an_error()
    {
        Assert.Equal(Cash.FromAtoms(-1_500_021), Price.FromAtomsPerLot(500_007) * Lots.From(-3));
        Assert.Throws<OverflowException>(() => Price.FromAtomsPerLot((1L << 35) - 1) * Lots.From(1L << 44));
    }

    [Fact]
    public void Ranges_are_enforced_at_their_edges()
    {
        Assert.Equal((1L << 35) - 1, Price.FromAtomsPerLot((1L << 35) - 1).AtomsPerLot);
        Assert.Throws<ArgumentOutOfRangeException>(() => Price.FromAtomsPerLot(1L << 35));
        Assert.Throws<ArgumentOutOfRangeException>(() => Price.FromAtomsPerLot(-1));
        Assert.Equal((1 << 24) - 1, AccountId.From((1 << 24) - 1).Value);
        Assert.Throws<ArgumentOutOfRangeException>(() => AccountId.From(1 << 24));
        Assert.Equal(16383, InstrumentId.From((1 << 18) - 1).Bucket);
        Assert.Throws<ArgumentOutOfRangeException>(() => InstrumentId.From(1 << 18));
        Assert.Equal((1L << 33) - 1, OrderNonce.From((1L << 33) - 1).Value);
        Assert.Throws<ArgumentOutOfRangeException>(() => OrderNonce.From(1L << 33));
        Assert.Equal((1L << 44) - 1, Timestamp.FromMilliseconds((1L << 44) - 1).Milliseconds);
        Assert.Throws<ArgumentOutOfRangeException>(() => Timestamp.FromMilliseconds(1L << 44));
        Assert.Equal((1 << 20) - 1, FeeRate.FromPpm((1 << 20) - 1).Ppm);
        Assert.Throws<ArgumentOutOfRangeException>(() => FeeRate.FromPpm(1 << 20));
    }

    [Fact]
    public void Fees_round_up()
    {
        Assert.Equal(Cash.FromAtoms(1), FeeRate.FromPpm(1).CeilFee(Cash.FromAtoms(1)));
        Assert.Equal(Cash.FromAtoms(350), FeeRate.FromPpm(350).CeilFee(Cash.FromAtoms(1_000_000)));
        Assert.Equal(Cash.FromAtoms(351), FeeRate.FromPpm(350).CeilFee(Cash.FromAtoms(1_000_001)));
        Assert.Equal(Cash.Zero, FeeRate.FromPpm(350).CeilFee(Cash.Zero));
    }

    [Fact]
    public void Cash_prints_six_decimals_also_at_the_edge()
    {
        Assert.Equal("-12.000345", Cash.FromAtoms(-12_000_345).ToString());
        Assert.Equal("-9223372036854.775808", Cash.FromAtoms(long.MinValue).ToString());
        Assert.Throws<OverflowException>(() => -Cash.FromAtoms(long.MinValue));
    }

    [Fact]
    public void Reserved_accounts_are_the_first_two()
    {
        Assert.True(AccountId.Fees.IsReserved);
        Assert.True(AccountId.From(1).IsReserved);
        Assert.False(AccountId.From(2).IsReserved);
    }
}
