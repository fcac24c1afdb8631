using Rollup.Crypto;

namespace Rollup.Groth16.Tests;

public sealed class OddCosetLanes8Tests : OddCosetTests<FieldLanes<Lanes8, Bn254Scalar>>;

public sealed class OddCosetLanes4Tests : OddCosetTests<FieldLanes<Lanes4, Bn254Scalar>>;

public sealed class OddCosetOneByOneTests : OddCosetTests<FieldScalar<Bn254Scalar>>;

/// <summary>Transforms against polynomials evaluated by Horner's rule.</summary>
public abstract class OddCosetTests<TVector>
    where TVector : struct, IPrimeFieldVector<TVector, Bn254Scalar>
{
    private static readonly ParallelOptions TwoThreads = new() { MaxDegreeOfParallelism = 2 };

    [Theory]
    [InlineData(6)]
    [InlineData(7)]
    [InlineData(8)]
    public void Values_on_the_domain_become_values_on_its_odd_coset(int power)
    {
        var n = 1 << power;
        var polynomial = Polynomial(n, 3);
        var root = QapEvaluation.RootOfUnity(power);
        var doubled = QapEvaluation.RootOfUnity(power + 1);
        Assert.Equal(root, doubled.Square());
        var values = Enumerable.Range(0, n).Select(i => Evaluate(polynomial, root.Pow((ulong)((n - i) % n)))).ToArray();
        var vectors = ToVectors(values);
        new OddCoset<TVector>(power).Transform(vectors, TwoThreads);
        var expected = Enumerable.Range(0, n).Select(i => Evaluate(polynomial, doubled.Pow((ulong)(2 * i + 1))) * Fr.FromUInt64((ulong)n));
        Assert.Equal(expected, FromVectors(vectors));
    }

    [Fact]
    public void A_transform_of_several_parts_agrees_at_single_points()
    {
        // 2^14 points: more vectors than a part has, on every path.
        const int Power = 14, Size = 1 << Power;
        var polynomial = new Fr[Size];
        polynomial[0] = Fr.FromUInt64(5);
        polynomial[1] = Fr.FromUInt64(7);
        polynomial[Size - 1] = Fr.FromUInt64(11);
        polynomial[Size / 2 + 3] = Fr.FromUInt64(13);
        var root = QapEvaluation.RootOfUnity(Power);
        var vectors = ToVectors([.. Enumerable.Range(0, Size).Select(i => Sparse(polynomial, root.Pow((ulong)((Size - i) % Size))))]);
        new OddCoset<TVector>(Power).Transform(vectors, TwoThreads);
        var values = FromVectors(vectors);
        var doubled = QapEvaluation.RootOfUnity(Power + 1);
        foreach (var i in new[] { 0, 1, 2, 7, 8, 9, 1023, 1024, 4095, 8191, 8192, Size - 2, Size - 1 })
            Assert.Equal(Sparse(polynomial, doubled.Pow((ulong)(2 * i + 1))) * Fr.FromUInt64(Size), values[i]);
    }

    [Fact]
    public void The_quotient_s_values_are_those_of_the_product_less_the_products()
    {
        const int Power = 6, Size = 1 << Power;
        var (p, q) = (Polynomial(Size, 5), Polynomial(Size, 6));
        var root = QapEvaluation.RootOfUnity(Power);
        var a = Enumerable.Range(0, Size).Select(i => Evaluate(p, root.Pow((ulong)((Size - i) % Size)))).ToArray();
        var b = Enumerable.Range(0, Size).Select(i => Evaluate(q, root.Pow((ulong)((Size - i) % Size)))).ToArray();
        ulong[] canonical = Limbs(a), second = Limbs(b);
        new Quotient<TVector>(Power).Compute(canonical, second, TwoThreads);
        Assert.Equal(Limbs(b), second);

        // C interpolates the products: with p·q = h·(x^n - 1) + C, p·q - C is h·(x^n - 1), and x^n = -1 on the coset.
        var product = new Fr[2 * Size];
        for (var i = 0; i < Size; i++)
        {
            for (var j = 0; j < Size; j++)
                product[i + j] += p[i] * q[j];
        }
        var h = product[Size..];
        var doubled = QapEvaluation.RootOfUnity(Power + 1);
        var limbs = new ulong[4];
        for (var i = 0; i < Size; i++)
        {
            (-Evaluate(h, doubled.Pow((ulong)(2 * i + 1))).Double()).ToCanonical(limbs);
            Assert.Equal(limbs, canonical[(4 * i)..(4 * i + 4)]);
        }
    }

    private static ulong[] Limbs(Fr[] values) => System.Runtime.InteropServices.MemoryMarshal.Cast<Fr, ulong>(values.AsSpan()).ToArray();

    private static Fr[] Polynomial(int count, int seed)
    {
        var random = new Random(seed);
        var bytes = new byte[48];
        return [.. Enumerable.Range(0, count).Select(_ =>
        {
            random.NextBytes(bytes);
            return Fr.FromBytesReducedLittleEndian(bytes);
        })];
    }

    private static Fr Evaluate(Fr[] polynomial, Fr x)
    {
        var value = Fr.Zero;
        for (var i = polynomial.Length - 1; i >= 0; i--)
            value = value * x + polynomial[i];
        return value;
    }

    private static Fr Sparse(Fr[] polynomial, Fr x)
    {
        var value = Fr.Zero;
        for (var i = 0; i < polynomial.Length; i++)
        {
            if (!polynomial[i].IsZero)
                value += polynomial[i] * x.Pow((ulong)i);
        }
        return value;
    }

    private static TVector[] ToVectors(Fr[] values)
    {
        var vectors = new TVector[values.Length / TVector.Count];
        for (var i = 0; i < vectors.Length; i++)
            TVector.Load(values.AsSpan(i * TVector.Count), out vectors[i]);
        return vectors;
    }

    private static Fr[] FromVectors(TVector[] vectors)
    {
        var values = new Fr[vectors.Length * TVector.Count];
        for (var i = 0; i < vectors.Length; i++)
            TVector.Store(vectors[i], values.AsSpan(i * TVector.Count));
        return values;
    }
}
