using System.Numerics;

namespace Rollup.Crypto.Tests;

public sealed class ScalarFieldTests : PrimeFieldTests<Bn254Scalar>
{
    protected override BigInteger P => BigInteger.Parse("21888242871839275222246405745257275088548364400416034343698204186575808495617");
}

public sealed class BaseFieldTests : PrimeFieldTests<Bn254Base>
{
    protected override BigInteger P => BigInteger.Parse("21888242871839275222246405745257275088696311157297823662689037894645226208583");
}

public sealed class BabyJubJubOrderFieldTests : PrimeFieldTests<BabyJubJubOrder>
{
    protected override BigInteger P => BigInteger.Parse("2736030358979909402780800718157159386076813972158567259200215660948447373041");
}

/// <summary>Every operation against BigInteger, the same for each field.</summary>
public abstract class PrimeFieldTests<TModulus>
    where TModulus : struct, IPrimeModulus
{
    private static readonly BigInteger Radix = BigInteger.One << 256;

    protected abstract BigInteger P { get; }

    private BigInteger[] Edges() =>
    [
        0, 1, 2, 3, ulong.MaxValue, BigInteger.One << 64, UInt128.MaxValue, BigInteger.One << 128, BigInteger.One << 192,
        P - 1, P - 2, P / 2, P / 2 + 1, Radix % P, Radix * Radix % P, P - Radix % P, (P - 1) / 3, (BigInteger.One << 250) - 1,
    ];

    [Fact]
    public void Constants_are_the_moduli_and_what_follows_from_it()
    {
        BigInteger word = BigInteger.One << 64;
        Assert.Equal(P, PrimeField<TModulus>.Modulus);
        Assert.Equal(word - 1, P * TModulus.NegativeInverse % word);
        Assert.Equal(Radix % P, FromLimbs(TModulus.R));
        Assert.Equal(Radix * Radix % P, FromLimbs(TModulus.RSquared));
        Assert.True((P >> 192) < BigInteger.One << 62);
        Assert.Equal(BigInteger.Zero, (P - 1) % (BigInteger.One << TModulus.TwoAdicity));
        Assert.False((P - 1 >> TModulus.TwoAdicity).IsEven);
        for (ulong small = 2; small < TModulus.NonResidue; small++) Assert.Equal(1, BigInteger.ModPow(small, (P - 1) / 2, P));
        Assert.Equal(P - 1, BigInteger.ModPow(TModulus.NonResidue, (P - 1) / 2, P));
        Assert.Equal(
            BigInteger.ModPow(TModulus.NonResidue, P - 1 >> TModulus.TwoAdicity, P),
            PrimeField<TModulus>.TwoAdicRoot.ToBigInteger());
    }

    [Fact]
    public void Edge_values_agree_with_BigInteger()
    {
        foreach (BigInteger a in Edges())
            foreach (BigInteger b in Edges())
                AssertArithmetic(a, b);
    }

    [Fact]
    public void A_hundred_thousand_random_values_agree_with_BigInteger()
    {
        var random = new Random(254);
        BigInteger a = 1;
        for (int i = 0; i < 100_000; i++)
        {
            BigInteger b = Next(random);
            AssertArithmetic(a, b);
            a = b;
        }
    }

    private void AssertArithmetic(BigInteger a, BigInteger b)
    {
        var x = PrimeField<TModulus>.FromBigInteger(a);
        var y = PrimeField<TModulus>.FromBigInteger(b);
        bool right = x.ToBigInteger() == a
            && (x + y).ToBigInteger() == (a + b) % P
            && (x - y).ToBigInteger() == (a - b + P) % P
            && (x * y).ToBigInteger() == a * b % P
            && x.Square().ToBigInteger() == a * a % P
            && x.Double().ToBigInteger() == 2 * a % P
            && (-x).ToBigInteger() == (P - a) % P
            && x == y == (a == b);
        Assert.True(right, $"a = {a}, b = {b}");
    }

    [Fact]
    public void Inverse_and_power_agree_with_BigInteger()
    {
        var random = new Random(3);
        foreach (BigInteger a in Edges().Skip(1).Concat(Enumerable.Range(0, 200).Select(_ => Next(random))))
        {
            var x = PrimeField<TModulus>.FromBigInteger(a);
            Assert.Equal(BigInteger.ModPow(a, P - 2, P), x.Inverse().ToBigInteger());
            ulong e = (ulong)random.NextInt64();
            Assert.Equal(BigInteger.ModPow(a, e, P), x.Pow(e).ToBigInteger());
            Assert.Equal(BigInteger.ModPow(a, e + ((BigInteger)77 << 64), P), x.Pow([e, 77]).ToBigInteger());
        }

        Assert.Equal(PrimeField<TModulus>.One, PrimeField<TModulus>.Zero.Pow(0));
        Assert.Equal(PrimeField<TModulus>.Zero, PrimeField<TModulus>.Zero.Pow(5));
    }

    [Fact]
    public void Zero_has_no_inverse() => Assert.Throws<DivideByZeroException>(() => PrimeField<TModulus>.Zero.Inverse());

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(61)]
    public void Batch_inverse_equals_single_inverses_and_leaves_zeros(int count)
    {
        var random = new Random(count);
        var values = new PrimeField<TModulus>[count];
        for (int i = 0; i < count; i++) values[i] = i % 5 == 3 || count == 1 ? default : PrimeField<TModulus>.FromBigInteger(Next(random));
        PrimeField<TModulus>[] expected = [.. values.Select(value => value.IsZero ? value : value.Inverse())];
        PrimeField<TModulus>.BatchInverse(values);
        Assert.Equal(expected, values);
    }

    [Fact]
    public void Square_roots_exist_for_squares_only()
    {
        var random = new Random(9);
        int nonSquares = 0;
        foreach (BigInteger a in Edges().Concat(Enumerable.Range(0, 100).Select(_ => Next(random))))
        {
            var x = PrimeField<TModulus>.FromBigInteger(a);
            bool square = a.IsZero || BigInteger.ModPow(a, (P - 1) / 2, P).IsOne;
            Assert.Equal(square, x.TrySqrt(out PrimeField<TModulus> root));
            Assert.Equal(square ? x : default, root.Square());
            if (!square) nonSquares++;
        }

        Assert.InRange(nonSquares, 20, 80);
    }

    [Fact]
    public void Integers_convert_with_negatives_as_p_minus_v()
    {
        Assert.Equal((BigInteger)ulong.MaxValue, PrimeField<TModulus>.FromUInt64(ulong.MaxValue).ToBigInteger());
        Assert.Equal((BigInteger)UInt128.MaxValue, PrimeField<TModulus>.FromUInt128(UInt128.MaxValue).ToBigInteger());
        Assert.Equal(P - 5, PrimeField<TModulus>.FromInt64(-5).ToBigInteger());
        Assert.Equal(P + long.MinValue, PrimeField<TModulus>.FromInt64(long.MinValue).ToBigInteger());
        Assert.Equal((BigInteger)long.MaxValue, PrimeField<TModulus>.FromInt64(long.MaxValue).ToBigInteger());
        Assert.Equal(P + (BigInteger)Int128.MinValue, PrimeField<TModulus>.FromInt128(Int128.MinValue).ToBigInteger());
        Assert.Equal((BigInteger)Int128.MaxValue, PrimeField<TModulus>.FromInt128(Int128.MaxValue).ToBigInteger());
        Assert.Equal(BigInteger.Zero, PrimeField<TModulus>.FromBigInteger(-3 * P).ToBigInteger());
        Assert.Equal(P - 7, PrimeField<TModulus>.FromBigInteger(-7).ToBigInteger());
        Assert.Equal(11, PrimeField<TModulus>.FromBigInteger(P + 11).ToBigInteger());
    }

    [Fact]
    public void Narrow_integers_come_out_only_when_they_fit()
    {
        Assert.True(PrimeField<TModulus>.FromUInt64(ulong.MaxValue).TryToUInt64(out ulong narrow));
        Assert.Equal(ulong.MaxValue, narrow);
        Assert.False((PrimeField<TModulus>.FromUInt64(ulong.MaxValue) + PrimeField<TModulus>.One).TryToUInt64(out _));
        Assert.True(PrimeField<TModulus>.FromUInt128(UInt128.MaxValue).TryToUInt128(out UInt128 wide));
        Assert.Equal(UInt128.MaxValue, wide);
        Assert.False((PrimeField<TModulus>.FromUInt128(UInt128.MaxValue) + PrimeField<TModulus>.One).TryToUInt128(out _));
    }

    [Fact]
    public void Bytes_round_trip_in_both_orders()
    {
        var random = new Random(12);
        foreach (BigInteger a in Edges().Concat(Enumerable.Range(0, 100).Select(_ => Next(random))))
        {
            var x = PrimeField<TModulus>.FromBigInteger(a);
            byte[] little = Encode(a), big = [.. little.Reverse()];
            Assert.Equal(little, x.ToLittleEndianBytes());
            Assert.Equal(big, x.ToBigEndianBytes());
            Assert.True(PrimeField<TModulus>.TryFromCanonicalLittleEndian(little, out PrimeField<TModulus> y));
            Assert.Equal(x, y);
            Assert.True(PrimeField<TModulus>.TryFromCanonicalBigEndian(big, out y));
            Assert.Equal(x, y);
            var limbs = new ulong[4];
            x.ToCanonical(limbs);
            Assert.Equal(a, FromLimbs(limbs));
        }
    }

    [Fact]
    public void Values_not_below_p_and_other_lengths_are_refused()
    {
        foreach (BigInteger bad in new[] { P, P + 1, 2 * P, P + (BigInteger.One << 64), P + (BigInteger.One << 192), Radix - 1 })
        {
            byte[] little = Encode(bad), big = [.. little.Reverse()];
            Assert.False(PrimeField<TModulus>.TryFromCanonicalLittleEndian(little, out PrimeField<TModulus> x));
            Assert.Equal(default, x);
            Assert.False(PrimeField<TModulus>.TryFromCanonicalBigEndian(big, out _));
            Assert.False(PrimeField<TModulus>.TryFromMontgomeryLittleEndian(little, out _));
            Assert.False(PrimeField<TModulus>.TryParse(bad.ToString(), out _));
            Assert.Equal(bad % P, PrimeField<TModulus>.FromBytesReducedLittleEndian(little).ToBigInteger());
            Assert.Equal(bad % P, PrimeField<TModulus>.FromBytesReducedBigEndian(big).ToBigInteger());
        }

        foreach (int length in new[] { 0, 31, 33 })
        {
            Assert.False(PrimeField<TModulus>.TryFromCanonicalLittleEndian(new byte[length], out _));
            Assert.False(PrimeField<TModulus>.TryFromCanonicalBigEndian(new byte[length], out _));
            Assert.False(PrimeField<TModulus>.TryFromMontgomeryLittleEndian(new byte[length], out _));
        }
    }

    [Fact]
    public void Wide_bytes_reduce()
    {
        var bytes = new byte[64];
        new Random(64).NextBytes(bytes);
        Assert.Equal(new BigInteger(bytes, true, true) % P, PrimeField<TModulus>.FromBytesReducedBigEndian(bytes).ToBigInteger());
        Assert.Equal(new BigInteger(bytes, true) % P, PrimeField<TModulus>.FromBytesReducedLittleEndian(bytes).ToBigInteger());
    }

    [Fact]
    public void Montgomery_form_is_a_times_2_to_256()
    {
        var random = new Random(21);
        foreach (BigInteger a in Edges().Append(Next(random)))
        {
            var x = PrimeField<TModulus>.FromBigInteger(a);
            var limbs = new ulong[4];
            x.WriteMontgomery(limbs);
            Assert.Equal(a * Radix % P, FromLimbs(limbs));
            Assert.True(PrimeField<TModulus>.TryFromMontgomery(limbs[0], limbs[1], limbs[2], limbs[3], out PrimeField<TModulus> y));
            Assert.Equal(x, y);
            var bytes = new byte[32];
            x.WriteMontgomeryLittleEndian(bytes);
            Assert.Equal(Encode(a * Radix % P), bytes);
            Assert.True(PrimeField<TModulus>.TryFromMontgomeryLittleEndian(bytes, out y));
            Assert.Equal(x, y);
        }
    }

    [Fact]
    public void Text_round_trips_in_decimal_and_hexadecimal()
    {
        foreach (BigInteger a in Edges())
        {
            var x = PrimeField<TModulus>.FromBigInteger(a);
            Assert.Equal(a.ToString(), x.ToString());
            Assert.Equal(x, PrimeField<TModulus>.Parse(a.ToString()));
            Assert.Equal(66, x.ToHex().Length);
            Assert.Equal(x, PrimeField<TModulus>.Parse(x.ToHex()));
            Assert.Equal(x, PrimeField<TModulus>.Parse("0x" + x.ToHex()[2..].ToUpperInvariant()));
        }

        Assert.Equal(255UL, PrimeField<TModulus>.Parse("0xff").ToBigInteger());
    }

    [Theory]
    [InlineData("")]
    [InlineData("0x")]
    [InlineData("-1")]
    [InlineData("+1")]
    [InlineData(" 1")]
    [InlineData("1 ")]
    [InlineData("1e3")]
    [InlineData("0xg0")]
    [InlineData("0x-1")]
    [InlineData("0x 1")]
    [InlineData("ff")]
    [InlineData("1.0")]
    [InlineData("000000000000000000000000000000000000000000000000000000000000000000000000000000001")]
    public void Text_that_is_not_a_canonical_number_is_refused(string text)
    {
        Assert.False(PrimeField<TModulus>.TryParse(text, out _));
        Assert.Throws<FormatException>(() => PrimeField<TModulus>.Parse(text));
        Assert.True(PrimeField<TModulus>.TryParse("1", out PrimeField<TModulus> one));
        Assert.True(one.IsOne);
    }

    [Fact]
    public void Equal_elements_have_equal_hash_codes()
    {
        var x = PrimeField<TModulus>.FromInt64(-3);
        var y = PrimeField<TModulus>.FromBigInteger(P - 3);
        Assert.True(x.Equals((object)y));
        Assert.Equal(x.GetHashCode(), y.GetHashCode());
        Assert.False(x.Equals(PrimeField<TModulus>.FromInt64(3)));
        Assert.True(x != PrimeField<TModulus>.Zero);
    }

    private BigInteger Next(Random random)
    {
        var bytes = new byte[40];
        random.NextBytes(bytes);
        return new BigInteger(bytes, isUnsigned: true) % P;
    }

    private static byte[] Encode(BigInteger value)
    {
        var bytes = new byte[32];
        Assert.True(value.TryWriteBytes(bytes, out _, isUnsigned: true));
        return bytes;
    }

    private static BigInteger FromLimbs(ReadOnlySpan<ulong> limbs)
    {
        BigInteger value = 0;
        for (int i = 3; i >= 0; i--) value = (value << 64) + limbs[i];
        return value;
    }
}
