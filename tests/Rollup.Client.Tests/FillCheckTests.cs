using Rollup.Api;
using Rollup.Client.Sequencer;
using Rollup.Protocol;

namespace Rollup.Client.Tests;

public class FillCheckTests
{
    // 400 + 600 lots: the whole order, at the limit and above it, with the whole signed rate as fee.
    private static readonly FillView First = Sample.Fill, Second = Sample.Fill with { Trade = 902, Price = 61_800_000, Size = 600, Remaining = 0, Fee = 18 };

    private static readonly long MostFee = (long)Rounding.CeilDiv(700 * ((Int128)61_800_010 * 400 + (Int128)61_800_000 * 600), Scale.FeeRateDenominator);

    [Fact]
    public void Fills_within_the_order_pass()
    {
        Assert.Null(FillCheck.Find(Sample.Order, []));
        Assert.Null(FillCheck.Find(Sample.Order, [First]));
        Assert.Null(FillCheck.Find(Sample.Order, [First, Second with { Fee = MostFee - First.Fee }]));
        Assert.Null(FillCheck.Find(Sample.Order with { Side = Side.Buy }, [Second with { Side = Side.Buy, Price = 61_799_999 }]));
    }

    public static TheoryData<string, string> Others => new()
    {
        { "account", "not of this order" }, { "slot", "not of this order" }, { "nonce", "not of this order" }, { "instrument", "not of this order" }, { "side", "not of this order" },
        { "size", "out of range" }, { "fee", "out of range" }, { "price", "out of range" }, { "limit", "is at 61799999, beyond the limit 61800000" },
    };

    [Theory]
    [MemberData(nameof(Others))]
    public void A_fill_that_breaks_the_order_is_named(string what, string expected)
    {
        FillView broken = what switch
        {
            "account" => Second with { Account = 5 },
            "slot" => Second with { Slot = 18 },
            "nonce" => Second with { Nonce = 24 },
            "instrument" => Second with { Instrument = 3 },
            "side" => Second with { Side = Side.Buy },
            "size" => Second with { Size = 0 },
            "fee" => Second with { Fee = -1 },
            "price" => Second with { Price = -1 },
            _ => Second with { Price = 61_799_999 },
        };
        Assert.Null(FillCheck.Find(Sample.Order, [First, Second]));
        string complaint = FillCheck.Find(Sample.Order, [First, broken])!;
        Assert.StartsWith("trade 902 ", complaint, StringComparison.Ordinal);
        Assert.Contains(expected, complaint, StringComparison.Ordinal);
    }

    [Fact]
    public void A_buyer_pays_no_more_than_the_limit()
    {
        OrderMessage order = Sample.Order with { Side = Side.Buy };
        Assert.Contains("beyond the limit", FillCheck.Find(order, [Second with { Side = Side.Buy, Price = 61_800_001 }]), StringComparison.Ordinal);
        Assert.Null(FillCheck.Find(order, [Second with { Side = Side.Buy, Price = 61_800_000 }]));
    }

    [Fact]
    public void Sums_are_held_against_size_and_rate()
    {
        Assert.Equal("1001 lots filled of 1000", FillCheck.Find(Sample.Order, [First, Second with { Size = 601 }]));
        Assert.Equal($"fees of {MostFee + 1} atoms exceed {MostFee}, the signed rate of the quote", FillCheck.Find(Sample.Order, [First, Second with { Fee = MostFee - First.Fee + 1 }]));
        // Sums beyond 64 bits neither wrap nor fail.
        Assert.Contains("lots filled", FillCheck.Find(Sample.Order, [First with { Size = long.MaxValue }, Second with { Size = long.MaxValue }]), StringComparison.Ordinal);
    }
}
