using System.Numerics;

namespace Rollup.Crypto.Tests;

public sealed class BabyJubJubTests
{
    private sealed record Multiple(string Scalar, string[] OfBase8, string[] OfBase);

    private sealed record Sum(string[] A, string[] B, string[] Total)
    {
        [System.Text.Json.Serialization.JsonPropertyName("sum")]
        public string[] Total { get; init; } = Total;
    }

    private sealed record File(string[] Base8, string SubgroupOrder, string[] Base, Multiple[] Multiples, Sum[] Sums);

    private static readonly File Data = Vectors.Load<File>("babyjub");

    private static BabyJubJubPoint Point(string[] coordinates) => new(Fr.Parse(coordinates[0]), Fr.Parse(coordinates[1]));

    private static ulong[] Limbs(string scalar)
    {
        var limbs = new ulong[4];
        Fr.Parse(scalar).ToCanonical(limbs);
        return limbs;
    }

    [Fact]
    public void Generator_and_order_are_circomlibs()
    {
        Assert.Equal(Point(Data.Base8), BabyJubJubPoint.Base8);
        Assert.Equal(BigInteger.Parse(Data.SubgroupOrder), PrimeField<BabyJubJubOrder>.Modulus);
        Assert.True(BabyJubJubPoint.Base8.IsInPrimeSubgroup);
        Assert.False(BabyJubJubPoint.Base8.IsOfSmallOrder);
    }

    [Fact]
    public void Multiples_equal_circomlibjs_in_and_outside_the_prime_subgroup()
    {
        Assert.Equal(23, Data.Multiples.Length);
        foreach (Multiple m in Data.Multiples)
        {
            Assert.Equal(Point(m.OfBase8), BabyJubJubPoint.Base8.Multiply(Limbs(m.Scalar)));
            Assert.Equal(Point(m.OfBase), Point(Data.Base).Multiply(Limbs(m.Scalar)));
            var reduced = PrimeField<BabyJubJubOrder>.FromBigInteger(BigInteger.Parse(m.Scalar));
            Assert.Equal(Point(m.OfBase8), BabyJubJubPoint.MultiplyBase8(reduced));
        }
    }

    [Fact]
    public void Fixed_base_equals_double_and_add_for_every_digit_pattern()
    {
        // All digits equal covers every table column in every row, with and without carries.
        foreach (ulong digit in Enumerable.Range(0, 16).Select(i => (ulong)i * 0x1111_1111_1111_1111))
        {
            var scalar = PrimeField<BabyJubJubOrder>.FromLimbsReduced(digit, digit, digit, digit >> 6);
            var limbs = new ulong[4];
            scalar.ToCanonical(limbs);
            Assert.Equal(BabyJubJubPoint.Base8.Multiply(limbs), BabyJubJubPoint.MultiplyBase8(scalar));
        }
    }

    [Fact]
    public void Sums_equal_circomlibjs()
    {
        foreach (Sum s in Data.Sums)
        {
            Assert.Equal(Point(s.Total), Point(s.A) + Point(s.B));
            Assert.Equal(Point(s.A), Point(s.Total) + -Point(s.B));
        }
    }

    [Fact]
    public void Points_of_small_order_and_mixed_order_are_told_apart()
    {
        BabyJubJubPoint mixed = Point(Data.Base);
        BabyJubJubPoint order8 = mixed.Multiply([BabyJubJubOrder.P0, BabyJubJubOrder.P1, BabyJubJubOrder.P2, BabyJubJubOrder.P3]);
        Assert.True(mixed.IsOnCurve);
        Assert.False(mixed.IsOfSmallOrder);
        Assert.False(mixed.IsInPrimeSubgroup);
        Assert.NotEqual(BabyJubJubPoint.Identity, order8.Multiply([4]));
        Assert.Equal(BabyJubJubPoint.Identity, order8.Multiply([8]));
        for (ulong k = 0; k < 8; k++)
        {
            Assert.True(order8.Multiply([k]).IsOfSmallOrder);
            Assert.Equal(k == 0, order8.Multiply([k]).IsInPrimeSubgroup);
        }
    }

    [Fact]
    public void Off_the_curve_is_noticed()
    {
        BabyJubJubPoint p = BabyJubJubPoint.Base8;
        Assert.True(p.IsOnCurve);
        Assert.False(new BabyJubJubPoint(p.X + Fr.One, p.Y).IsOnCurve);
        Assert.False(new BabyJubJubPoint(p.Y, p.X).IsInPrimeSubgroup);
        Assert.False(default(BabyJubJubPoint).IsOnCurve);
    }
}
