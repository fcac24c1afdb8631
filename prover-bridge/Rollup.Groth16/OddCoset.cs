using System.Runtime.CompilerServices;
using Rollup.Crypto;

namespace Rollup.Groth16;

/// <summary>
/// Takes a polynomial from its values on the domain of N = 2^power roots of unity, ω^i, to its values on the odd half of the doubled domain, ω_2N^(2i+1):
/// an inverse Fourier transform by decimation in frequency, which leaves coefficients in bit-reversed order, and one by decimation in time that takes them so,
/// with the coset's offset in its twiddle factors (J. W. Cooley and J. W. Tukey, 1965; W. M. Gentleman and G. Sande, 1966). Prepared for a domain; immutable.
/// </summary>
/// <typeparam name="TVector">Vector of scalars.</typeparam>
internal sealed class OddCoset<TVector>
    where TVector : struct, IPrimeFieldVector<TVector, Bn254Scalar>
{
    // Vectors of a part that stays in the second-level cache with its factors (2 · 320 bytes a vector).
    private const int CachedVectors = 1024;

    // Vectors a task takes from a layer that runs over the whole array.
    private const int VectorsPerTask = 1024;

    // For halves of h = 2^k ≥ Count elements: ω_2h^i and ω_4h^(2i+1), i < h.
    private readonly TVector[][] _factors, _oddFactors;

    // For halves of fewer: the same, each in all lanes.
    private readonly TVector[][] _innerFactors, _innerOddFactors;

    /// <summary>Prepares a domain of 2^power points, at least <see cref="MinSize"/>.</summary>
    public OddCoset(int power)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(1 << power, MinSize);
        _factors = new TVector[power][];
        _oddFactors = new TVector[power][];
        _innerFactors = new TVector[power][];
        _innerOddFactors = new TVector[power][];
        for (var k = 0; k < power; k++)
        {
            var odd = QapEvaluation.RootOfUnity(k + 2);
            var root = odd.Square();
            if (1 << k < TVector.Count)
            {
                _innerFactors[k] = InAllLanes(Fr.One, root, 1 << k);
                _innerOddFactors[k] = InAllLanes(odd, root, 1 << k);
            }
            else
            {
                _factors[k] = Powers(Fr.One, root, 1 << k);
                _oddFactors[k] = Powers(odd, root, 1 << k);
            }
        }
    }

    /// <summary>Fewest points: parts are transposed, <see cref="IFieldVector{TSelf, TElement}.Count"/> vectors at a time.</summary>
    public static int MinSize => TVector.Count * TVector.Count;

    /// <summary>N times the values on the coset, in place of the values on the domain.</summary>
    /// <param name="values">The value at ω^-i (not ω^i) at element i; receives N times the value at ω_2N^(2i+1).</param>
    /// <param name="parallelism">Threads to use, and the token that stops them.</param>
    public void Transform(TVector[] values, ParallelOptions parallelism)
    {
        // A sum over ω^ij of values in this order is one over ω^-ij in theirs: both transforms share the roots.
        var parts = Math.Max(1, values.Length / CachedVectors);
        for (var layer = values.Length / 2; layer > values.Length / 2 / parts; layer /= 2)
            Spread(values, layer, parallelism, Decimate, _factors);
        var partLength = values.Length / parts;
        Parallel.For(0, parts, parallelism, part => Middle(values.AsSpan(part * partLength, partLength)));
        for (var layer = values.Length / parts; layer < values.Length; layer *= 2)
            Spread(values, layer, parallelism, Combine, _oddFactors);
    }

    // Both transforms' layers within a part.
    private void Middle(Span<TVector> part)
    {
        for (var half = part.Length / 2; half > 0; half /= 2)
        {
            for (var start = 0; start < part.Length; start += 2 * half)
                Decimate(part.Slice(start, half), part.Slice(start + half, half), _factors[Level(half)]);
        }
        for (var start = 0; start < part.Length; start += TVector.Count)
            Inner(part.Slice(start, TVector.Count));
        for (var half = 1; half < part.Length; half *= 2)
        {
            for (var start = 0; start < part.Length; start += 2 * half)
                Combine(part.Slice(start, half), part.Slice(start + half, half), _oddFactors[Level(half)]);
        }
    }

    // Halves of fewer elements than a vector has: across vectors, once transposed.
    private void Inner(Span<TVector> vectors)
    {
        TVector.Transpose(vectors);
        for (var (half, k) = (vectors.Length / 2, Level(1) - 1); half > 0; (half, k) = (half / 2, k - 1))
        {
            for (var start = 0; start < vectors.Length; start += 2 * half)
                Decimate(vectors.Slice(start, half), vectors.Slice(start + half, half), _innerFactors[k]);
        }
        for (var (half, k) = (1, 0); half < vectors.Length; (half, k) = (half * 2, k + 1))
        {
            for (var start = 0; start < vectors.Length; start += 2 * half)
                Combine(vectors.Slice(start, half), vectors.Slice(start + half, half), _innerOddFactors[k]);
        }
        TVector.Transpose(vectors);
    }

    // (a, b) to (a + b, (a - b)·factor).
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Decimate(Span<TVector> a, Span<TVector> b, ReadOnlySpan<TVector> factors)
    {
        for (var i = 0; i < a.Length; i++)
        {
            TVector.Subtract(a[i], b[i], out var difference);
            TVector.Add(a[i], b[i], out a[i]);
            TVector.Multiply(difference, factors[i], out b[i]);
        }
    }

    // (a, b) to (a + b·factor, a - b·factor).
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Combine(Span<TVector> a, Span<TVector> b, ReadOnlySpan<TVector> factors)
    {
        for (var i = 0; i < a.Length; i++)
        {
            TVector.Multiply(b[i], factors[i], out var product);
            TVector.Subtract(a[i], product, out b[i]);
            TVector.Add(a[i], product, out a[i]);
        }
    }

    private delegate void Butterflies(Span<TVector> a, Span<TVector> b, ReadOnlySpan<TVector> factors);

    // One layer over the whole array, in tasks.
    private static void Spread(TVector[] values, int half, ParallelOptions parallelism, Butterflies butterflies, TVector[][] factors)
    {
        var length = Math.Min(half, VectorsPerTask);
        Parallel.For(0, values.Length / 2 / length, parallelism, task =>
        {
            var (block, offset) = Math.DivRem(task * length, half);
            var start = block * 2 * half + offset;
            butterflies(values.AsSpan(start, length), values.AsSpan(start + half, length), factors[Level(half)].AsSpan(offset, length));
        });
    }

    // The power of two of the elements in that many vectors.
    private static int Level(int vectors) => System.Numerics.BitOperations.Log2((uint)(vectors * TVector.Count));

    private static TVector[] InAllLanes(Fr power, in Fr ratio, int count)
    {
        var vectors = new TVector[count];
        for (var i = 0; i < count; i++)
        {
            TVector.Broadcast(power, out vectors[i]);
            power *= ratio;
        }
        return vectors;
    }

    private static TVector[] Powers(Fr power, in Fr ratio, int count)
    {
        var vectors = new TVector[count / TVector.Count];
        var lanes = new Fr[TVector.Count];
        for (var i = 0; i < vectors.Length; i++)
        {
            for (var lane = 0; lane < lanes.Length; lane++)
            {
                lanes[lane] = power;
                power *= ratio;
            }
            TVector.Load(lanes, out vectors[i]);
        }
        return vectors;
    }
}
