using System.Runtime.CompilerServices;
using Rollup.Crypto;

namespace Rollup.Groth16.Curve;

/// <summary>Several elements of Fq2 side by side, each part a vector of Fq.</summary>
/// <typeparam name="TVector">Vector of Fq.</typeparam>
public struct Fq2Vector<TVector> : IFieldVector<Fq2Vector<TVector>, Fq2>
    where TVector : struct, IFieldVector<TVector, Fq>
{
    private TVector _c0, _c1;

    /// <inheritdoc/>
    public static int Count => TVector.Count;

    /// <inheritdoc/>
    public static void Broadcast(in Fq2 value, out Fq2Vector<TVector> vector)
    {
        TVector.Broadcast(value.C0, out vector._c0);
        TVector.Broadcast(value.C1, out vector._c1);
    }

    /// <inheritdoc/>
    public static void Load(ReadOnlySpan<Fq2> values, out Fq2Vector<TVector> vector)
    {
        Span<Fq> c0 = stackalloc Fq[TVector.Count], c1 = stackalloc Fq[TVector.Count];
        Split(values, c0, c1);
        TVector.Load(c0, out vector._c0);
        TVector.Load(c1, out vector._c1);
    }

    /// <inheritdoc/>
    public static void Store(in Fq2Vector<TVector> vector, Span<Fq2> values)
    {
        Span<Fq> c0 = stackalloc Fq[TVector.Count], c1 = stackalloc Fq[TVector.Count];
        TVector.Store(vector._c0, c0);
        TVector.Store(vector._c1, c1);
        Join(c0, c1, values);
    }

    /// <inheritdoc/>
    public static void LoadScaled(ReadOnlySpan<Fq2> values, out Fq2Vector<TVector> vector)
    {
        Span<Fq> c0 = stackalloc Fq[TVector.Count], c1 = stackalloc Fq[TVector.Count];
        Split(values, c0, c1);
        TVector.LoadScaled(c0, out vector._c0);
        TVector.LoadScaled(c1, out vector._c1);
    }

    /// <inheritdoc/>
    public static void StoreScaled(in Fq2Vector<TVector> vector, Span<Fq2> values)
    {
        Span<Fq> c0 = stackalloc Fq[TVector.Count], c1 = stackalloc Fq[TVector.Count];
        TVector.StoreScaled(vector._c0, c0);
        TVector.StoreScaled(vector._c1, c1);
        Join(c0, c1, values);
    }

    /// <inheritdoc/>
    public static void Scale(in Fq2Vector<TVector> a, out Fq2Vector<TVector> scaled)
    {
        TVector.Scale(a._c0, out scaled._c0);
        TVector.Scale(a._c1, out scaled._c1);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(in Fq2Vector<TVector> a, in Fq2Vector<TVector> b, out Fq2Vector<TVector> product)
    {
        // As Fq2's own product; the result may be written over an operand.
        TVector.Add(a._c0, a._c1, out var sumA);
        TVector.Add(b._c0, b._c1, out var sumB);
        TVector.Multiply(a._c0, b._c0, out var low);
        TVector.Multiply(a._c1, b._c1, out var high);
        TVector.Multiply(sumA, sumB, out var mixed);
        TVector.Subtract(low, high, out product._c0);
        TVector.Add(low, high, out low);
        TVector.Subtract(mixed, low, out product._c1);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void Square(in Fq2Vector<TVector> a, out Fq2Vector<TVector> square)
    {
        TVector.Add(a._c0, a._c1, out var sum);
        TVector.Subtract(a._c0, a._c1, out var difference);
        TVector.Multiply(a._c0, a._c1, out var product);
        TVector.Multiply(sum, difference, out square._c0);
        TVector.Add(product, product, out square._c1);
    }

    /// <inheritdoc/>
    public static void Add(in Fq2Vector<TVector> a, in Fq2Vector<TVector> b, out Fq2Vector<TVector> sum)
    {
        TVector.Add(a._c0, b._c0, out sum._c0);
        TVector.Add(a._c1, b._c1, out sum._c1);
    }

    /// <inheritdoc/>
    public static void Subtract(in Fq2Vector<TVector> a, in Fq2Vector<TVector> b, out Fq2Vector<TVector> difference)
    {
        TVector.Subtract(a._c0, b._c0, out difference._c0);
        TVector.Subtract(a._c1, b._c1, out difference._c1);
    }

    /// <inheritdoc/>
    public static void Negate(in Fq2Vector<TVector> a, out Fq2Vector<TVector> negative)
    {
        TVector.Negate(a._c0, out negative._c0);
        TVector.Negate(a._c1, out negative._c1);
    }

    /// <inheritdoc/>
    public static void NegateWhere(in Fq2Vector<TVector> a, ReadOnlySpan<ulong> signs, out Fq2Vector<TVector> result)
    {
        TVector.NegateWhere(a._c0, signs, out result._c0);
        TVector.NegateWhere(a._c1, signs, out result._c1);
    }

    private static void Split(ReadOnlySpan<Fq2> values, Span<Fq> c0, Span<Fq> c1)
    {
        for (var i = 0; i < c0.Length; i++)
        {
            c0[i] = values[i].C0;
            c1[i] = values[i].C1;
        }
    }

    private static void Join(ReadOnlySpan<Fq> c0, ReadOnlySpan<Fq> c1, Span<Fq2> values)
    {
        for (var i = 0; i < c0.Length; i++)
            values[i] = new(c0[i], c1[i]);
    }
}
