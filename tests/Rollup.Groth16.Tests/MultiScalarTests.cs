using System.Numerics;
using Rollup.Crypto;
using Rollup.Groth16.Curve;

namespace Rollup.Groth16.Tests;

public sealed class MultiScalarG1Lanes8Tests : MultiScalarTests<Fq, Bn254G1, FieldLanes<Lanes8, Bn254Base>>;

public sealed class MultiScalarG1Lanes4Tests : MultiScalarTests<Fq, Bn254G1, FieldLanes<Lanes4, Bn254Base>>;

public sealed class MultiScalarG1OneByOneTests : MultiScalarTests<Fq, Bn254G1, FieldScalar<Bn254Base>>;

public sealed class MultiScalarG2Lanes8Tests : MultiScalarTests<Fq2, Bn254G2, Fq2Vector<FieldLanes<Lanes8, Bn254Base>>>;

public sealed class MultiScalarG2Lanes4Tests : MultiScalarTests<Fq2, Bn254G2, Fq2Vector<FieldLanes<Lanes4, Bn254Base>>>;

public sealed class MultiScalarG2OneByOneTests : MultiScalarTests<Fq2, Bn254G2, Fq2Vector<FieldScalar<Bn254Base>>>;

/// <summary>Sums of multiples k_i·G with scalars s_i against (Σ k_i·s_i)·G, on every path of the field.</summary>
public abstract class MultiScalarTests<T, TGroup, TVector>
    where T : unmanaged, IEquatable<T>
    where TGroup : struct, IGroup<T>
    where TVector : struct, IFieldVector<TVector, T>
{
    private static readonly BigInteger R = Fr.Modulus;
    private static readonly AffinePoint<T, TGroup> G = AffinePoint<T, TGroup>.Generator;
    private static readonly ParallelOptions TwoThreads = new() { MaxDegreeOfParallelism = 2 };

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(9)]
    [InlineData(300)]
    [InlineData(5000)]
    public void Random_points_and_scalars(int count)
    {
        var random = new Random(count);
        var points = new (BigInteger K, AffinePoint<T, TGroup>)[count];
        for (var i = 0; i < count; i++)
            points[i] = Multiple(new BigInteger(random.Next(1, 1 << 12)) << random.Next(20));
        Check(points, [.. points.Select(_ => Scalar(random))]);
    }

    [Fact]
    public void Scalars_at_the_borders_of_windows_and_of_the_field()
    {
        BigInteger[] scalars =
        [
            0, 1, 2, R - 1, R - 2, R / 2, .. Enumerable.Range(1, 253).Select(bit => BigInteger.One << bit), .. Enumerable.Range(1, 253).Select(bit => (BigInteger.One << bit) - 1),
        ];
        Check([.. scalars.Select((_, i) => Multiple(3 * i + 1))], scalars);
    }

    [Fact]
    public void Equal_opposite_and_infinite_points_under_equal_scalars()
    {
        var (p, q) = (Multiple(5), Multiple(7));
        (BigInteger, AffinePoint<T, TGroup>) infinity = (0, default), opposite = (-5, -p.Point);
        (BigInteger, AffinePoint<T, TGroup>)[] points = [p, p, q, opposite, infinity, q, p, opposite, opposite, infinity, q, p];
        foreach (var scalar in new BigInteger[] { 1, 77, R - 77, (BigInteger.One << 200) + 12345 })
            Check(points, [.. points.Select(_ => scalar)]);
        Check([p, opposite], [9, 9]);
        Check([infinity, infinity], [9, 8]);
    }

    [Fact]
    public void Many_points_of_one_digit()
    {
        // As in a witness, most of whose values are bits: one bucket is cut into many runs.
        var points = new (BigInteger, AffinePoint<T, TGroup>)[3000];
        var step = Multiple(1);
        points[0] = step;
        var sum = JacobianPoint<T, TGroup>.FromAffine(step.Point);
        for (var i = 1; i < points.Length; i++)
        {
            sum += step.Point;
            points[i] = (i + 1, i % 5 == 0 ? default : sum.ToAffine());
            if (i % 5 == 0)
                points[i].Item1 = 0;
        }
        Check(points, [.. points.Select((_, i) => (BigInteger)(i % 11 == 0 ? 0 : 1))]);
    }

    [Fact]
    public void A_cancelled_sum_stops()
    {
        using var source = new CancellationTokenSource();
        var options = new ParallelOptions { CancellationToken = source.Token };
        Assert.False(MultiScalar<T, TGroup, TVector>.Sum(new[] { G }, new ulong[] { 3, 0, 0, 0 }, options).IsInfinity);
        source.Cancel();
        Assert.Throws<OperationCanceledException>(() => MultiScalar<T, TGroup, TVector>.Sum(new[] { G }, new ulong[] { 3, 0, 0, 0 }, options));
    }

    private static (BigInteger K, AffinePoint<T, TGroup> Point) Multiple(BigInteger k) => (k, G * Fr.FromBigInteger(k));

    private static BigInteger Scalar(Random random)
    {
        var bytes = new byte[40];
        random.NextBytes(bytes);
        return random.Next(4) == 0 ? random.Next(3) : new BigInteger(bytes, isUnsigned: true) % R;
    }

    private static void Check((BigInteger K, AffinePoint<T, TGroup> Point)[] points, BigInteger[] scalars)
    {
        var limbs = new ulong[4 * scalars.Length];
        for (var i = 0; i < scalars.Length; i++)
            Fr.FromBigInteger(scalars[i]).ToCanonical(limbs.AsSpan(4 * i, 4));
        var sum = MultiScalar<T, TGroup, TVector>.Sum(points.Select(p => p.Point).ToArray(), limbs, TwoThreads).ToAffine();
        var expected = points.Zip(scalars, (p, s) => p.K * s).Aggregate(BigInteger.Zero, BigInteger.Add);
        Assert.Equal(G * Fr.FromBigInteger(expected), sum);
    }
}
