using System.Numerics;
using Rollup.Groth16.Curve;
using G1Jacobian = Rollup.Groth16.Curve.JacobianPoint<Rollup.Crypto.PrimeField<Rollup.Crypto.Bn254Base>, Rollup.Groth16.Curve.Bn254G1>;
using G2Jacobian = Rollup.Groth16.Curve.JacobianPoint<Rollup.Groth16.Curve.Fq2, Rollup.Groth16.Curve.Bn254G2>;

namespace Rollup.Groth16.Tests;

public class CurveTests
{
    // 0, 1, 2, r - 1, limb boundaries, and some of full length.
    private static readonly BigInteger[] Scalars =
    [
        0, 1, 2, 3, ulong.MaxValue, BigInteger.One << 64, (BigInteger.One << 128) - 1, Fr.Modulus - 1, Fr.Modulus - 2, Fr.Modulus / 2,
        BigInteger.Parse("17631683881184975370165255887551781615748388533673675138860000000000000000001", System.Globalization.CultureInfo.InvariantCulture),
    ];

    [Fact]
    public void G1_agrees_with_the_reference()
    {
        var reference = ToReference(G1Point.Generator);
        foreach (var k in Scalars)
        {
            var point = G1Point.Generator * Fr.FromBigInteger(k);
            Assert.Equal(ReferencePoint.Multiply(reference, k), ToReference(point));
            foreach (var m in Scalars)
            {
                var other = G1Point.Generator * Fr.FromBigInteger(m);
                var sum = ReferencePoint.Add(ToReference(point), ToReference(other));
                Assert.Equal(sum, ToReference(point + other));
                Assert.Equal(sum, ToReference((Spread(point) + Spread(other)).ToAffine()));
            }
        }

        // The same point with Z other than 1.
        static G1Jacobian Spread(in G1Point point) => G1Jacobian.FromAffine(point) + G1Point.Generator + -G1Point.Generator;
    }

    [Fact]
    public void G2_agrees_with_the_reference()
    {
        var reference = ToReference(G2Point.Generator);
        foreach (var k in Scalars)
        {
            var point = G2Point.Generator * Fr.FromBigInteger(k);
            Assert.Equal(ReferencePoint.Multiply(reference, k), ToReference(point));
            foreach (var m in Scalars)
            {
                var other = G2Point.Generator * Fr.FromBigInteger(m);
                var sum = ReferencePoint.Add(ToReference(point), ToReference(other));
                Assert.Equal(sum, ToReference(point + other));
                Assert.Equal(sum, ToReference((Spread(point) + Spread(other)).ToAffine()));
            }
        }

        static G2Jacobian Spread(in G2Point point) => G2Jacobian.FromAffine(point) + G2Point.Generator + -G2Point.Generator;
    }

    [Fact]
    public void Generators_have_order_r()
    {
        Assert.True(G1Point.Generator.IsInGroup);
        Assert.True(G2Point.Generator.IsInGroup);
        Assert.Equal(-G1Point.Generator, G1Point.Generator * -Fr.One);
        Assert.Equal(-G2Point.Generator, G2Point.Generator * -Fr.One);
        Assert.True((G1Point.Generator + G1Point.Generator * -Fr.One).IsInfinity);
        Assert.True((G2Point.Generator + G2Point.Generator * -Fr.One).IsInfinity);
    }

    [Fact]
    public void Points_off_the_curve_and_outside_the_group_are_told_apart()
    {
        var g1 = G1Point.Generator;
        Assert.False(new G1Point(g1.X, g1.Y + Fq.One).IsOnCurve);
        Assert.False(new G1Point(default, Fq.One).IsOnCurve);
        Assert.True(G1Point.Infinity.IsInGroup);

        var outside = TestPoints.OnTwistOutsideGroup();
        Assert.True(outside.IsOnCurve);
        Assert.False(outside.IsInGroup);
        Assert.False((outside + G2Point.Generator).IsInGroup);
        Assert.False(new G2Point(outside.X, outside.Y + Fq2.One).IsOnCurve);
        Assert.True(G2Point.Infinity.IsInGroup);
    }

    [Fact]
    public void Tower_fields_obey_their_laws()
    {
        var (a, b) = (TestPoints.PairingValue(3, 5), TestPoints.PairingValue(7, 11));
        Assert.Equal(a * b, b * a);
        Assert.Equal(a * a, a.Square());
        Assert.Equal(Fq12.One, a * a.Inverse());
        Assert.Equal(a.Conjugate(), a.Inverse());
        Assert.Equal(a.Pow(Fq.Modulus), a.Frobenius());
        Assert.Equal(a.Pow(13), a.Pow(6) * a.Pow(7));
        var x = new Fq2(Fq.FromUInt64(3), Fq.FromUInt64(8));
        Assert.Equal(x * x, x.Square());
        Assert.Equal(x * Fq2.Xi, x.MultiplyByXi());
        Assert.Equal(Fq2.One, x * x.Inverse());
        Assert.Equal(x.Pow(Fq.Modulus), x.Conjugate());
        Assert.Equal(new Fq2(-Fq.One, Fq.Zero), new Fq2(Fq.Zero, Fq.One).Square());
    }

    [Fact]
    public void Pairing_is_bilinear_and_not_degenerate()
    {
        var e = Pairing.Compute(G1Point.Generator, G2Point.Generator);
        Assert.NotEqual(Fq12.One, e);
        Assert.Equal(Fq12.One, e.Pow(Fr.Modulus));
        foreach (var (k, m) in Scalars.Zip(Scalars.Reverse()))
        {
            var (p, q) = (G1Point.Generator * Fr.FromBigInteger(k), G2Point.Generator * Fr.FromBigInteger(m));
            Assert.Equal(e.Pow(k * m % Fr.Modulus), Pairing.Compute(p, q));
        }
    }

    [Fact]
    public void Product_of_pairings_is_the_pairings_product()
    {
        var pairs = new (G1Point, G2Point)[4];
        var product = Fq12.One;
        for (var i = 0; i < pairs.Length; i++)
        {
            // The third pair has infinity and must count as one.
            pairs[i] = (G1Point.Generator * Fr.FromInt64(i == 2 ? 0 : i + 5), G2Point.Generator * Fr.FromInt64(-3 * i - 1));
            product *= Pairing.Compute(pairs[i].Item1, pairs[i].Item2);
        }
        Assert.Equal(product, Pairing.Product(pairs));
        Assert.Equal(Pairing.Compute(G1Point.Generator, G2Point.Generator).Pow(Fr.Modulus - 5 * 1 - 6 * 4 - 8 * 10), Pairing.Product(pairs));
    }

    [Fact]
    public void Encoded_points_come_back_and_faulty_ones_do_not()
    {
        var (g1, g2) = (G1Point.Generator * Fr.FromUInt64(77), G2Point.Generator * Fr.FromUInt64(78));
        Span<byte> small = stackalloc byte[G1Point.ByteLength], large = stackalloc byte[G2Point.ByteLength];
        g1.WriteMontgomery(small);
        g2.WriteMontgomery(large);
        Assert.True(G1Point.TryReadMontgomery(small, out var first) && first == g1);
        Assert.True(G2Point.TryReadMontgomery(large, out var second) && second == g2);
        for (var bit = 0; bit < small.Length * 8; bit++)
        {
            small[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.False(G1Point.TryReadMontgomery(small, out _));
            small[bit / 8] ^= (byte)(1 << (bit % 8));
        }
        for (var bit = 0; bit < large.Length * 8; bit++)
        {
            large[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.False(G2Point.TryReadMontgomery(large, out _));
            large[bit / 8] ^= (byte)(1 << (bit % 8));
        }
        Assert.True(G1Point.TryReadMontgomery(small, out _) && G2Point.TryReadMontgomery(large, out _));
        small.Clear();
        Assert.True(G1Point.TryReadMontgomery(small, out var infinity) && infinity.IsInfinity);
    }

    private static ReferencePoint? ToReference(in G1Point point) =>
        point.IsInfinity ? null : new(point.X.ToBigInteger(), 0, point.Y.ToBigInteger(), 0);

    private static ReferencePoint? ToReference(in G2Point point) => point.IsInfinity
        ? null
        : new(point.X.C0.ToBigInteger(), point.X.C1.ToBigInteger(), point.Y.C0.ToBigInteger(), point.Y.C1.ToBigInteger());
}
