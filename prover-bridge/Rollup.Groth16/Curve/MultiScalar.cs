using System.Runtime.CompilerServices;
using Rollup.Crypto;

namespace Rollup.Groth16.Curve;

/// <summary>
/// Σ scalar_i · point_i by buckets (N. Pippenger, "On the evaluation of powers and related problems", 1976): scalars are cut into windows of signed
/// digits; in each window the points of equal digit are summed (<see cref="RunSums{T, TGroup, TVector}"/>), and the sums weighted by their digits.
/// </summary>
internal static class MultiScalar
{
    /// <summary>The sum, in the vectors that suit the machine.</summary>
    /// <param name="points">Points; infinity is allowed.</param>
    /// <param name="scalars">As many integers below r, four little-endian limbs each.</param>
    /// <param name="parallelism">Threads to use, 1 or more, and the token that stops them.</param>
    /// <exception cref="OperationCanceledException">The token asked for it.</exception>
    public static JacobianPoint<Fq, Bn254G1> Sum(ReadOnlyMemory<G1Point> points, ReadOnlyMemory<ulong> scalars, ParallelOptions parallelism) => FieldPath.Current switch
    {
        FieldPathKind.Avx512 => MultiScalar<Fq, Bn254G1, FieldLanes<Lanes8, Bn254Base>>.Sum(points, scalars, parallelism),
        FieldPathKind.Avx2 => MultiScalar<Fq, Bn254G1, FieldLanes<Lanes4, Bn254Base>>.Sum(points, scalars, parallelism),
        _ => MultiScalar<Fq, Bn254G1, FieldScalar<Bn254Base>>.Sum(points, scalars, parallelism),
    };

    /// <inheritdoc cref="Sum(ReadOnlyMemory{G1Point}, ReadOnlyMemory{ulong}, ParallelOptions)"/>
    public static JacobianPoint<Fq2, Bn254G2> Sum(ReadOnlyMemory<G2Point> points, ReadOnlyMemory<ulong> scalars, ParallelOptions parallelism) => FieldPath.Current switch
    {
        FieldPathKind.Avx512 => MultiScalar<Fq2, Bn254G2, Fq2Vector<FieldLanes<Lanes8, Bn254Base>>>.Sum(points, scalars, parallelism),
        FieldPathKind.Avx2 => MultiScalar<Fq2, Bn254G2, Fq2Vector<FieldLanes<Lanes4, Bn254Base>>>.Sum(points, scalars, parallelism),
        _ => MultiScalar<Fq2, Bn254G2, Fq2Vector<FieldScalar<Bn254Base>>>.Sum(points, scalars, parallelism),
    };
}

/// <inheritdoc cref="MultiScalar"/>
/// <typeparam name="T">Coordinates.</typeparam>
/// <typeparam name="TGroup">The group.</typeparam>
/// <typeparam name="TVector">Vector of coordinates.</typeparam>
internal static class MultiScalar<T, TGroup, TVector>
    where T : unmanaged, IEquatable<T>
    where TGroup : struct, IGroup<T>
    where TVector : struct, IFieldVector<TVector, T>
{
    private const int Limbs = 4, ScalarBits = 254;

    // Entries are 2·index + sign in an int.
    private const int MaxPoints = int.MaxValue / 2;

    // In units of an addition in a vector: what a bucket costs when the sums are weighted, and a window at its end (a few hundred additions one by one).
    private const int BucketCost = 3, WindowCost = 4000;

    /// <inheritdoc cref="MultiScalar.Sum(ReadOnlyMemory{G1Point}, ReadOnlyMemory{ulong}, ParallelOptions)"/>
    public static JacobianPoint<T, TGroup> Sum(ReadOnlyMemory<AffinePoint<T, TGroup>> points, ReadOnlyMemory<ulong> scalars, ParallelOptions parallelism)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(points.Length, MaxPoints);
        ArgumentOutOfRangeException.ThrowIfNotEqual(scalars.Length, points.Length * Limbs);
        var width = WindowWidth(points.Length);
        var windows = ScalarBits / width + 1;
        var bias = Bias(width, windows);
        var nothing = Nothing(points.Span, scalars.Span);
        var sums = new JacobianPoint<T, TGroup>[windows];
        // A worker a thread, which takes one window after the other; the library's own loop would make new ones all the time.
        var threads = parallelism.MaxDegreeOfParallelism > 0 ? Math.Min(windows, parallelism.MaxDegreeOfParallelism) : windows;
        var taken = 0;
        Parallel.For(0, threads, parallelism, _ =>
        {
            var worker = new Worker(points.Length, width, bias, nothing);
            for (int window; (window = Interlocked.Increment(ref taken) - 1) < windows;)
            {
                parallelism.CancellationToken.ThrowIfCancellationRequested();
                sums[window] = worker.Window(points.Span, scalars.Span, window, window == windows - 1);
            }
        });

        var total = default(JacobianPoint<T, TGroup>);
        for (var window = windows - 1; window >= 0; window--)
        {
            for (var i = 0; i < width; i++)
                total = total.Double();
            total += sums[window];
        }
        return total;
    }

    private static int WindowWidth(int points) =>
        Enumerable.Range(4, 13).MinBy(width => (ScalarBits / width + 1L) * (points + (BucketCost << (width - 1)) + WindowCost));

    // Adding 2^(w-1) in each window below the top one turns digits of 0 to 2^w - 1 into digits of -2^(w-1) to 2^(w-1) - 1 that need no carry
    // from window to window. The top window has at least one bit less than the others, so that its digit stays below 2^(w-1) with what is added.
    private static ulong[] Bias(int width, int windows)
    {
        var bias = new ulong[Limbs];
        for (var window = 0; window < windows - 1; window++)
        {
            var bit = window * width + width - 1;
            bias[bit / 64] |= 1UL << (bit % 64);
        }
        return bias;
    }

    // One bit a point: 1 where its multiples need not be added.
    private static ulong[] Nothing(ReadOnlySpan<AffinePoint<T, TGroup>> points, ReadOnlySpan<ulong> scalars)
    {
        var nothing = new ulong[(points.Length + 63) / 64];
        for (var i = 0; i < points.Length; i++)
        {
            if (points[i].IsInfinity || !scalars.Slice(i * Limbs, Limbs).ContainsAnyExcept(0UL))
                nothing[i / 64] |= 1UL << (i % 64);
        }
        return nothing;
    }

    private sealed class Worker(int points, int width, ulong[] bias, ulong[] nothing)
    {
        private readonly int _half = 1 << (width - 1);
        private readonly int[] _digits = new int[points];
        private readonly int[] _entries = new int[points];
        private readonly int[] _starts = new int[(1 << (width - 1)) + 2];
        private readonly List<Run> _runs = [];
        private readonly RunSums<T, TGroup, TVector> _sums = new();
        private AffinePoint<T, TGroup>[] _bucketSums = [];

        /// <summary>Σ digit_i · point_i for the digits of one window.</summary>
        public JacobianPoint<T, TGroup> Window(ReadOnlySpan<AffinePoint<T, TGroup>> points, ReadOnlySpan<ulong> scalars, int window, bool isTop)
        {
            SortByDigit(scalars, window * width, isTop);
            _runs.Clear();
            for (var digit = 1; digit <= _half; digit++)
                AddRuns(_starts[digit], _starts[digit + 1], digit);
            var weights = _runs.ToArray();
            if (_bucketSums.Length < weights.Length)
                _bucketSums = new AffinePoint<T, TGroup>[weights.Length];
            var filled = _sums.Compute(points, _entries, weights, _bucketSums);
            var total = WeightedSum(weights, ref filled);
            return total + -(AffinePoint<T, TGroup>.Generator * filled);
        }

        // Entries 2·index + sign, grouped by the digit's size; digits of zero left out.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void SortByDigit(ReadOnlySpan<ulong> scalars, int shift, bool isTop)
        {
            var (limb, bit) = (shift / 64, shift % 64);
            var mask = isTop ? ulong.MaxValue : (1UL << width) - 1;
            var offset = isTop ? 0 : _half;
            ulong b0 = bias[0], b1 = bias[1], b2 = bias[2], b3 = bias[3];
            Span<ulong> sum = stackalloc ulong[Limbs + 1];
            sum[Limbs] = 0;
            Array.Clear(_starts);
            for (var i = 0; i < _digits.Length; i++)
            {
                if ((nothing[i / 64] >> (i % 64) & 1) != 0)
                {
                    _digits[i] = 0;
                    continue;
                }
                unchecked
                {
                    var scalar = scalars.Slice(i * Limbs, Limbs);
                    var s0 = scalar[0] + b0;
                    var carry = s0 < b0 ? 1UL : 0UL;
                    var s1 = scalar[1] + carry;
                    carry = s1 < carry ? 1UL : 0UL;
                    s1 += b1;
                    carry += s1 < b1 ? 1UL : 0UL;
                    var s2 = scalar[2] + carry;
                    carry = s2 < carry ? 1UL : 0UL;
                    s2 += b2;
                    carry += s2 < b2 ? 1UL : 0UL;
                    sum[0] = s0;
                    sum[1] = s1;
                    sum[2] = s2;
                    sum[3] = scalar[3] + b3 + carry;
                }
                // Shifted in two steps: by 64 would be by none.
                var digit = (int)((sum[limb] >> bit | sum[limb + 1] << 1 << (63 - bit)) & mask) - offset;
                _digits[i] = digit;
                _starts[Math.Abs(digit) + 1]++;
            }
            _starts[1] = 0;
            for (var digit = 1; digit <= _half; digit++)
                _starts[digit + 1] += _starts[digit];
            for (var i = 0; i < _digits.Length; i++)
            {
                var digit = _digits[i];
                if (digit != 0)
                    _entries[_starts[Math.Abs(digit)]++] = 2 * i + (digit < 0 ? 1 : 0);
            }
            // Each start has moved to its end, which is the next one's start.
            Array.Copy(_starts, 0, _starts, 1, _starts.Length - 1);
            _starts[1] = 0;
        }

        private void AddRuns(int start, int end, int weight)
        {
            for (; start < end; start += RunSums<T, TGroup, TVector>.MaxLength)
                _runs.Add(new(start, Math.Min(end - start, RunSums<T, TGroup, TVector>.MaxLength), weight));
        }

        // Σ weight_i·sum_i. With weight = high·2^h + low: Σ high·2^h·(sum of a high part's sums) + Σ low·(sum of a low part's sums), whose inner sums are
        // runs again, so that only two short sums with a serial chain remain.
        private JacobianPoint<T, TGroup> WeightedSum(ReadOnlySpan<Run> weights, ref Fr filled)
        {
            var shift = width / 2;
            var high = Parts(weights, weight => weight >> shift, 1 << shift, (_half >> shift) + 1, ref filled);
            for (var i = 0; i < shift; i++)
                high = high.Double();
            return high + Parts(weights, weight => weight & ((1 << shift) - 1), 1, 1 << shift, ref filled);
        }

        // Σ part(weight_i)·sum_i, of parts below limit; unit is what a part of 1 is worth to the whole.
        private JacobianPoint<T, TGroup> Parts(ReadOnlySpan<Run> weights, Func<int, int> part, int unit, int limit, ref Fr filled)
        {
            Span<int> next = stackalloc int[limit + 1];
            next.Clear();
            for (var i = 0; i < weights.Length; i++)
            {
                if (!_bucketSums[i].IsInfinity)
                    next[part(weights[i].Weight) + 1]++;
            }
            for (var i = 1; i <= limit; i++)
                next[i] += next[i - 1];
            // The digits' entries have been summed: their array serves again.
            for (var i = 0; i < weights.Length; i++)
            {
                if (!_bucketSums[i].IsInfinity)
                    _entries[next[part(weights[i].Weight)]++] = 2 * i;
            }
            _runs.Clear();
            for (var value = 1; value < limit; value++)
                AddRuns(next[value - 1], next[value], value * unit);
            var runs = _runs.ToArray();
            var sums = new AffinePoint<T, TGroup>[runs.Length];
            filled += _sums.Compute(_bucketSums, _entries, runs, sums);

            var (running, total) = (default(JacobianPoint<T, TGroup>), default(JacobianPoint<T, TGroup>));
            for (var (value, i) = (limit - 1, runs.Length - 1); value > 0; value--)
            {
                for (; i >= 0 && runs[i].Weight == value * unit; i--)
                    running += sums[i];
                total += running;
            }
            return total;
        }
    }
}
