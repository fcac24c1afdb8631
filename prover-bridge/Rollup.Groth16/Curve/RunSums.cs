using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Rollup.Crypto;

namespace Rollup.Groth16.Curve;

/// <summary>A run of consecutive entries whose points are to be summed.</summary>
/// <param name="Start">Index of its first entry.</param>
/// <param name="Length">Number of entries, 1 to <see cref="RunSums{T, TGroup, TVector}.MaxLength"/>.</param>
/// <param name="Weight">What the caller will multiply the sum with.</param>
internal readonly record struct Run(int Start, int Length, int Weight);

/// <summary>
/// Sums of many runs of points by their coordinates, in vector lanes. Each lane adds the points of one run pairwise, halving their number in
/// each round; the divisions of a round are one inversion for thousands of additions (Montgomery's trick), at 6 multiplications an addition.
/// Runs of equal length fill the lanes of a group; shorter ones are filled up with multiples 2^j·G of the generator, whose total is accounted for.
/// </summary>
/// <remarks>Not thread-safe: one instance a thread. Holds about 2.5 MB of scratch in G1, twice that in G2.</remarks>
/// <typeparam name="T">Coordinates.</typeparam>
/// <typeparam name="TGroup">The group.</typeparam>
/// <typeparam name="TVector">Vector of coordinates.</typeparam>
internal sealed class RunSums<T, TGroup, TVector>
    where T : unmanaged, IEquatable<T>
    where TGroup : struct, IGroup<T>
    where TVector : struct, IFieldVector<TVector, T>
{
    /// <summary>Longest run; longer ones are for the caller to cut.</summary>
    public const int MaxLength = 128;

    // Points of a batch whose slopes share inversions: enough that one inversion (250 multiplications of single elements) hardly counts.
    private const int BatchPoints = 16384;

    // Points ahead in a run; the points lie anywhere in tens of megabytes.
    private const int PrefetchDistance = 6;

    private static readonly AffinePoint<T, TGroup>[] Fillers = PowersOfTwo();

    private readonly int _blocks = Math.Max(MaxLength, BatchPoints / TVector.Count);
    private readonly TVector[] _x, _y, _differences, _prefixes;
    private readonly int[] _pairs;
    private readonly T[] _coordinates = new T[TVector.Count], _otherCoordinates = new T[TVector.Count], _lanePrefixes = new T[TVector.Count];
    private readonly ulong[] _signs = new ulong[TVector.Count];
    private readonly List<(int Block, int Length, int FirstRun)> _groups = [];
    private int[] _order = [];

    public RunSums()
    {
        _x = new TVector[_blocks];
        _y = new TVector[_blocks];
        _differences = new TVector[_blocks / 2];
        _prefixes = new TVector[_blocks / 2];
        _pairs = new int[_blocks];
    }

    /// <summary>sums[i] = Σ of the points of run i, plus fillers.</summary>
    /// <param name="points">Points, by their coordinates; those that entries name are not infinity.</param>
    /// <param name="entries">2·index of a point, + 1 for its negative.</param>
    /// <param name="runs">Runs of entries.</param>
    /// <param name="sums">Receives a point a run, or infinity.</param>
    /// <returns>f with Σ weight_i·(sums[i] - true sum of run i) = f·G.</returns>
    public Fr Compute(ReadOnlySpan<AffinePoint<T, TGroup>> points, ReadOnlySpan<int> entries, ReadOnlySpan<Run> runs, Span<AffinePoint<T, TGroup>> sums)
    {
        SortByLength(runs);
        var filled = Fr.Zero;
        var used = 0;
        for (var first = 0; first < runs.Length; first += TVector.Count)
        {
            // Longest first: the group's length is that of its first run.
            var length = runs[_order[first]].Length;
            if (used + length > _blocks)
            {
                filled += Finish(points, entries, runs, sums);
                used = 0;
            }
            LoadGroup(points, entries, runs, first, length, used);
            _groups.Add((used, length, first));
            used += length;
        }
        return filled + Finish(points, entries, runs, sums);
    }

    private void SortByLength(ReadOnlySpan<Run> runs)
    {
        if (_order.Length < runs.Length)
            _order = new int[runs.Length];
        Span<int> next = stackalloc int[MaxLength + 2];
        next.Clear();
        foreach (var run in runs)
            next[MaxLength - run.Length + 1]++;
        for (var i = 1; i < next.Length; i++)
            next[i] += next[i - 1];
        for (var i = 0; i < runs.Length; i++)
            _order[next[MaxLength - runs[i].Length]++] = i;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void LoadGroup(ReadOnlySpan<AffinePoint<T, TGroup>> points, ReadOnlySpan<int> entries, ReadOnlySpan<Run> runs, int first, int length, int block)
    {
        Span<(int Start, int Length)> lanes = stackalloc (int, int)[TVector.Count];
        for (var lane = 0; lane < lanes.Length; lane++)
        {
            // Lanes without a run repeat the first one's: any sum without exceptions will do.
            var run = runs[_order[first + lane < runs.Length ? first + lane : first]];
            lanes[lane] = (run.Start, run.Length);
        }
        for (var i = 0; i < length; i++)
        {
            for (var lane = 0; lane < lanes.Length; lane++)
            {
                var (start, own) = lanes[lane];
                if (i + PrefetchDistance < own)
                    Prefetch(points, entries[start + i + PrefetchDistance] >> 1);
                var entry = i < own ? entries[start + i] : 2 * i;
                ref readonly var point = ref i < own ? ref points[entry >> 1] : ref Fillers[i];
                _coordinates[lane] = point.X;
                _otherCoordinates[lane] = point.Y;
                // Without a branch: the signs are as good as random.
                _signs[lane] = (ulong)(entry & 1) << 63;
            }
            TVector.LoadScaled(_coordinates, out _x[block + i]);
            TVector.LoadScaled(_otherCoordinates, out _y[block + i]);
            TVector.NegateWhere(_y[block + i], _signs, out _y[block + i]);
        }
    }

    // A point is one or two lines of the cache, wherever it begins.
    private static unsafe void Prefetch(ReadOnlySpan<AffinePoint<T, TGroup>> points, int index)
    {
        if (!Sse.IsSupported)
            return;
        var address = (byte*)Unsafe.AsPointer(ref Unsafe.AsRef(in points[index]));
        Sse.Prefetch0(address);
        Sse.Prefetch0(address + Unsafe.SizeOf<AffinePoint<T, TGroup>>() - 1);
    }

    private static AffinePoint<T, TGroup> Point(ReadOnlySpan<AffinePoint<T, TGroup>> points, int entry)
    {
        ref readonly var point = ref points[entry >> 1];
        return (entry & 1) == 0 ? point : -point;
    }

    // Sums what is loaded, stores the sums, and empties the batch.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private Fr Finish(ReadOnlySpan<AffinePoint<T, TGroup>> points, ReadOnlySpan<int> entries, ReadOnlySpan<Run> runs, Span<AffinePoint<T, TGroup>> sums)
    {
        var filled = Fr.Zero;
        var regular = AddUp();
        foreach (var (block, length, first) in _groups)
        {
            var count = Math.Min(TVector.Count, runs.Length - first);
            TVector.StoreScaled(_x[block], _coordinates);
            TVector.StoreScaled(_y[block], _otherCoordinates);
            for (var lane = 0; lane < count; lane++)
            {
                var index = _order[first + lane];
                var run = runs[index];
                if (regular)
                {
                    sums[index] = new(_coordinates[lane], _otherCoordinates[lane]);
                    if (run.Length < length)
                        filled += FillerSum(run.Length, length) * Fr.FromUInt64((ulong)run.Weight);
                }
                else
                {
                    sums[index] = SumOneByOne(points, entries, run);
                }
            }
        }
        _groups.Clear();
        return filled;
    }

    // Complete additions, for the batches in which equal or opposite points meet: points of a key that are equal, under equal digits.
    private static AffinePoint<T, TGroup> SumOneByOne(ReadOnlySpan<AffinePoint<T, TGroup>> points, ReadOnlySpan<int> entries, Run run)
    {
        var sum = default(JacobianPoint<T, TGroup>);
        foreach (var entry in entries.Slice(run.Start, run.Length))
            sum += Point(points, entry);
        return sum.ToAffine();
    }

    // Round by round; false if two equal or opposite points met, which the formula for the slope does not cover.
    private bool AddUp()
    {
        for (var stride = 1; ; stride *= 2)
        {
            var pairs = 0;
            foreach (var (block, length, _) in _groups)
            {
                for (var i = 0; i + stride < length; i += 2 * stride)
                    _pairs[pairs++] = block + i;
            }
            if (pairs == 0)
                return true;
            if (!AddPairs(_pairs.AsSpan(0, pairs), stride))
                return false;
        }
    }

    // Point[i] += Point[i + stride] for each i of pairs.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private bool AddPairs(ReadOnlySpan<int> pairs, int stride)
    {
        TVector.Broadcast(TGroup.One, out var product);
        for (var k = 0; k < pairs.Length; k++)
        {
            ref var difference = ref _differences[k];
            TVector.Subtract(_x[pairs[k] + stride], _x[pairs[k]], out difference);
            _prefixes[k] = product;
            TVector.Multiply(product, difference, out product);
        }
        if (!TryInvert(product, out var inverse))
            return false;
        for (var k = pairs.Length - 1; k >= 0; k--)
        {
            ref var x = ref _x[pairs[k]];
            ref var y = ref _y[pairs[k]];
            TVector.Multiply(inverse, _prefixes[k], out var slope);
            TVector.Multiply(inverse, _differences[k], out inverse);
            TVector.Subtract(_y[pairs[k] + stride], y, out var rise);
            TVector.Multiply(slope, rise, out slope);
            TVector.Square(slope, out var sum);
            TVector.Scale(sum, out sum);
            TVector.Subtract(sum, x, out sum);
            TVector.Subtract(sum, _x[pairs[k] + stride], out sum);
            TVector.Subtract(x, sum, out var run);
            x = sum;
            TVector.Multiply(slope, run, out run);
            TVector.Subtract(run, y, out y);
        }
        return true;
    }

    private bool TryInvert(in TVector values, out TVector inverses)
    {
        TVector.Store(values, _coordinates);
        var product = _coordinates[0];
        for (var lane = 1; lane < _coordinates.Length; lane++)
        {
            _lanePrefixes[lane] = product;
            product = TGroup.Multiply(product, _coordinates[lane]);
        }
        inverses = default;
        if (TGroup.IsZero(product))
            return false;
        var inverse = TGroup.Inverse(product);
        for (var lane = _coordinates.Length - 1; lane > 0; lane--)
        {
            var value = _coordinates[lane];
            _coordinates[lane] = TGroup.Multiply(inverse, _lanePrefixes[lane]);
            inverse = TGroup.Multiply(inverse, value);
        }
        _coordinates[0] = inverse;
        TVector.Load(_coordinates, out inverses);
        return true;
    }

    // Σ 2^j for from ≤ j < to.
    private static Fr FillerSum(int from, int to)
    {
        var two = Fr.FromUInt64(2);
        return two.Pow((ulong)to) - two.Pow((ulong)from);
    }

    private static AffinePoint<T, TGroup>[] PowersOfTwo()
    {
        var points = new AffinePoint<T, TGroup>[MaxLength];
        var power = JacobianPoint<T, TGroup>.FromAffine(AffinePoint<T, TGroup>.Generator);
        for (var i = 0; i < points.Length; i++)
        {
            points[i] = power.ToAffine();
            power = power.Double();
        }
        return points;
    }
}
