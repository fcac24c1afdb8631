using System.Runtime.InteropServices;
using Rollup.Crypto;

namespace Rollup.Groth16;

/// <summary>
/// The step of a proof between the witness and the multi-scalar multiplications: the values of A·B - C that carry the quotient. Keeps its memory for the
/// next proof; one computation at a time.
/// </summary>
internal interface IQuotient
{
    /// <summary>A·B - C on the odd coset, where C is the polynomial of the products of the given values.</summary>
    /// <param name="a">Limbs of the values of A on the domain, in Montgomery form: the one at ω^-i at 4·i. Receives the results, integers below r.</param>
    /// <param name="b">Values of B, likewise; stays.</param>
    /// <param name="parallelism">Threads to use, and the token that stops them.</param>
    void Compute(ulong[] a, ulong[] b, ParallelOptions parallelism);
}

/// <inheritdoc cref="IQuotient"/>
internal static class Quotient
{
    /// <summary>Prepares a domain of 2^power points for the vectors that suit the machine and the size.</summary>
    public static IQuotient Create(int power) => FieldPath.Current switch
    {
        FieldPathKind.Avx512 when 1 << power >= OddCoset<FieldLanes<Lanes8, Bn254Scalar>>.MinSize => new Quotient<FieldLanes<Lanes8, Bn254Scalar>>(power),
        FieldPathKind.Avx2 when 1 << power >= OddCoset<FieldLanes<Lanes4, Bn254Scalar>>.MinSize => new Quotient<FieldLanes<Lanes4, Bn254Scalar>>(power),
        _ => new Quotient<FieldScalar<Bn254Scalar>>(power),
    };
}

/// <inheritdoc cref="IQuotient"/>
/// <typeparam name="TVector">Vector of scalars.</typeparam>
internal sealed class Quotient<TVector>(int power) : IQuotient
    where TVector : struct, IPrimeFieldVector<TVector, Bn254Scalar>
{
    private const int VectorsPerTask = 1024;

    private readonly OddCoset<TVector> _coset = new(power);
    private readonly TVector[] _a = new TVector[(1 << power) / TVector.Count], _b = new TVector[(1 << power) / TVector.Count], _c = new TVector[(1 << power) / TVector.Count];

    /// <inheritdoc/>
    public void Compute(ulong[] a, ulong[] b, ParallelOptions parallelism)
    {
        InTasks(parallelism, i =>
        {
            TVector.Load(Elements(a)[(i * TVector.Count)..], out _a[i]);
            TVector.Load(Elements(b)[(i * TVector.Count)..], out _b[i]);
            TVector.Multiply(_a[i], _b[i], out _c[i]);
        });
        _coset.Transform(_a, parallelism);
        _coset.Transform(_b, parallelism);
        _coset.Transform(_c, parallelism);

        // The transforms give n·A, n·B and n·C. An element whose Montgomery limbs are the integer x is x/2^256: that is what is stored.
        var inverseSize = Fr.FromUInt64(1UL << power).Inverse();
        TVector.Broadcast(inverseSize, out var once);
        TVector.Broadcast(inverseSize * Formats.Zkey.InverseOfR, out var last);
        TVector.Scale(last, out last);
        InTasks(parallelism, i =>
        {
            TVector.Multiply(_a[i], _b[i], out var value);
            TVector.Multiply(value, once, out value);
            TVector.Subtract(value, _c[i], out value);
            TVector.Multiply(value, last, out value);
            TVector.StoreScaled(value, Elements(a)[(i * TVector.Count)..]);
        });
    }

    private static Span<Fr> Elements(ulong[] limbs) => MemoryMarshal.Cast<ulong, Fr>(limbs.AsSpan());

    private void InTasks(ParallelOptions parallelism, Action<int> action) =>
        Parallel.For(0, (_a.Length + VectorsPerTask - 1) / VectorsPerTask, parallelism, task =>
        {
            for (var i = task * VectorsPerTask; i < Math.Min(_a.Length, (task + 1) * VectorsPerTask); i++)
                action(i);
        });
}
