namespace Rollup.Groth16.Curve;

/// <summary>
/// Multiples of one point, prepared for multiplying it with very many scalars: for each window of w bits of the scalar the
/// multiples 1 to 2^(w-1) of the point's matching power, so that a product is one addition a window, of a table entry or its
/// negative. Additions of many products run side by side (<see cref="BatchAffine{T, TGroup}"/>).
/// </summary>
/// <typeparam name="T">Coordinates.</typeparam>
/// <typeparam name="TGroup">The group.</typeparam>
public sealed class FixedBaseTable<T, TGroup>
    where T : struct, IEquatable<T>
    where TGroup : struct, IGroup<T>
{
    // Above 16 bits a window's part of the table (2 MiB in G1) leaves the cache.
    private const int MinWindow = 2, MaxWindow = 16;

    // One inversion (about 400 multiplications) for this many additions; the working set stays around 500 KiB in G1.
    private const int BatchSize = 2048;

    private readonly int _window;
    private readonly AffinePoint<T, TGroup>[][] _multiples;

    /// <summary>Builds the table.</summary>
    /// <param name="point">A point of the group.</param>
    /// <param name="expectedScalars">About how many scalars will be multiplied: decides the window.</param>
    /// <param name="parallelism">Threads to use, 1 or more.</param>
    public FixedBaseTable(AffinePoint<T, TGroup> point, int expectedScalars, int parallelism)
    {
        _window = Enumerable.Range(MinWindow, MaxWindow - MinWindow + 1).MinBy(w => WindowCount(w) * ((long)expectedScalars + (1L << (w - 1))));
        _multiples = new AffinePoint<T, TGroup>[WindowCount(_window)][];
        var bases = new AffinePoint<T, TGroup>[_multiples.Length];
        var power = JacobianPoint<T, TGroup>.FromAffine(point);
        for (var i = 0; i < bases.Length; i++)
        {
            bases[i] = power.ToAffine();
            for (var k = 0; k < _window; k++)
                power = power.Double();
        }
        Parallel.For(0, bases.Length, new ParallelOptions { MaxDegreeOfParallelism = parallelism }, i => _multiples[i] = Multiples(bases[i], _window));
    }

    /// <summary>products[i] = scalars[i] · point.</summary>
    /// <param name="scalars">Scalars.</param>
    /// <param name="products">As many points.</param>
    /// <param name="parallelism">Threads to use, 1 or more.</param>
    public void Multiply(ReadOnlyMemory<Fr> scalars, Memory<AffinePoint<T, TGroup>> products, int parallelism)
    {
        var batches = (scalars.Length + BatchSize - 1) / BatchSize;
        Parallel.For(0, batches, new ParallelOptions { MaxDegreeOfParallelism = parallelism }, () => new Scratch(_multiples.Length), (batch, _, scratch) =>
        {
            var range = (batch * BatchSize)..Math.Min(scalars.Length, (batch + 1) * BatchSize);
            MultiplyBatch(scalars.Span[range], products.Span[range], scratch);
            return scratch;
        }, scratch => scratch.Clear());
    }

    private void MultiplyBatch(ReadOnlySpan<Fr> scalars, Span<AffinePoint<T, TGroup>> products, Scratch scratch)
    {
        for (var i = 0; i < scalars.Length; i++)
            Recode(scalars[i], _window, scratch.Digits.AsSpan(i * _multiples.Length, _multiples.Length));
        products.Clear();
        for (var window = 0; window < _multiples.Length; window++)
        {
            var multiples = _multiples[window];
            for (var i = 0; i < scalars.Length; i++)
            {
                var digit = scratch.Digits[i * _multiples.Length + window];
                scratch.Addends[i] = digit >= 0 ? multiples[digit] : -multiples[-digit];
            }
            BatchAffine<T, TGroup>.Add(products, scratch.Addends, scratch.Denominators, scratch.Prefixes);
        }
    }

    // Digits of -2^(w-1) < d ≤ 2^(w-1) with Σ d_i·2^(w·i) = scalar. r < 2^254, and the windows cover 255 bits or more, so the last
    // digit absorbs its carry.
    private static void Recode(in Fr scalar, int window, Span<int> digits)
    {
        Span<ulong> limbs = stackalloc ulong[5];
        scalar.ToCanonical(limbs);
        limbs[4] = 0;
        var carry = 0;
        for (var i = 0; i < digits.Length; i++)
        {
            var (limb, shift) = Math.DivRem(i * window, 64);
            var bits = limbs[limb] >> shift;
            if (shift + window > 64)
                bits |= limbs[limb + 1] << (64 - shift);
            var digit = (int)(bits & ((1UL << window) - 1)) + carry;
            carry = digit > 1 << (window - 1) ? 1 : 0;
            digits[i] = digit - (carry << window);
        }
    }

    private static int WindowCount(int window) => 254 / window + 1;

    // 0 to 2^(w-1) times the point, each power of two from the ones below it.
    private static AffinePoint<T, TGroup>[] Multiples(AffinePoint<T, TGroup> point, int window)
    {
        var multiples = new AffinePoint<T, TGroup>[(1 << (window - 1)) + 1];
        multiples[1] = point;
        var addends = new AffinePoint<T, TGroup>[multiples.Length / 2];
        var denominators = new T[addends.Length];
        var prefixes = new T[addends.Length];
        for (var filled = 1; filled < multiples.Length - 1; filled *= 2)
        {
            addends.AsSpan(0, filled).Fill(multiples[filled]);
            var next = multiples.AsSpan(filled + 1, filled);
            multiples.AsSpan(1, filled).CopyTo(next);
            BatchAffine<T, TGroup>.Add(next, addends, denominators, prefixes);
        }
        return multiples;
    }

    private sealed class Scratch(int windows)
    {
        public readonly int[] Digits = new int[windows * BatchSize];
        public readonly AffinePoint<T, TGroup>[] Addends = new AffinePoint<T, TGroup>[BatchSize];
        public readonly T[] Denominators = new T[BatchSize];
        public readonly T[] Prefixes = new T[BatchSize];

        // The scalars may be secret.
        public void Clear()
        {
            Array.Clear(Digits);
            Array.Clear(Addends);
            Array.Clear(Denominators);
            Array.Clear(Prefixes);
        }
    }
}
