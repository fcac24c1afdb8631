using Rollup.Protocol;

namespace Rollup.Crypto.Settlement;

/// <summary>Encoding of a risk row (spec 3.6): 18 elements, all 0 for an unlisted id.</summary>
public static class RiskRowEncoding
{
    public const int PackedValues = Bound.Scenarios / 3;
    public const int Elements = 2 + 2 * PackedValues;
    private static readonly Fr LimbStep = new WordWriter().Add(0, Width.RiskLimb).Add(1, 1).ToField();
    private static readonly Fr LimbStepSquared = LimbStep * LimbStep;

    /// <summary>kind 3 | flags 4 | group 4 bits.</summary>
    public static Fr Meta(RiskRow row) => new WordWriter()
        .Add((uint)row.Kind, Width.InstrumentKind).Add((uint)row.Flags, Width.InstrumentFlags).Add((uint)row.Group, Width.Group).ToField();

    /// <summary>index | base + 2^35 | F + 2^35 | price bound, 36 bits each.</summary>
    public static Fr Market(RiskRow row) => new WordWriter().Add((ulong)row.Index, Width.Market).Add((ulong)Biased(row.Base), Width.Market)
        .Add((ulong)Biased(row.Funding), Width.Market).Add((ulong)row.PriceBound, Width.Market).ToField();

    /// <summary>A price as the circuit takes it: value + 2^35.</summary>
    public static long Biased(long value) => value + RiskRow.ValueBound;

    /// <summary>24 signed integers, three an element in limbs of 2^84: v(3j) + v(3j+1) 2^84 + v(3j+2) 2^168 mod r.</summary>
    public static Fr[] Pack(ReadOnlySpan<long> values)
    {
        var packed = new Fr[values.Length / 3];
        for (int j = 0; j < packed.Length; j++) packed[j] = Pack(values[3 * j], values[3 * j + 1], values[3 * j + 2]);
        return packed;
    }

    /// <summary>Three signed integers in limbs of 2^84.</summary>
    public static Fr Pack(Int128 first, Int128 second, Int128 third) =>
        Fr.FromInt128(first) + Fr.FromInt128(second) * LimbStep + Fr.FromInt128(third) * LimbStepSquared;

    /// <summary>The row's 18 elements: meta, market, long, short.</summary>
    public static Fr[] Encode(RiskRow row) => [Meta(row), Market(row), .. Pack(row.Long.AsSpan()), .. Pack(row.Short.AsSpan())];
}

/// <summary>The risk tree of one epoch (spec 3.5): rows by id, 16 rows a bucket, buckets in a 4-ary tree of depth 7.</summary>
public sealed class RiskTree
{
    private readonly SortedDictionary<int, RiskRow> rows = [];
    private readonly QuadTree buckets = new(Depth.RiskBuckets);

    /// <summary>Builds the tree.</summary>
    /// <exception cref="ArgumentException">A row is invalid, or an id stands twice.</exception>
    public RiskTree(IEnumerable<RiskRow> rows)
    {
        foreach (RiskRow row in rows)
        {
            if (row.Validate() is { } problem) throw new ArgumentException(problem, nameof(rows));
            if (!this.rows.TryAdd(row.Id, row)) throw new ArgumentException($"row {row.Id} stands twice", nameof(rows));
        }

        foreach (int bucket in this.rows.Keys.Select(BucketOf).Distinct()) buckets.Set((ulong)bucket, BucketHash(bucket));
    }

    public Fr Root => buckets.Root;

    public IReadOnlyCollection<RiskRow> Rows => rows.Values;

    public RiskRow? this[int id] => rows.GetValueOrDefault(id);

    public static int BucketOf(int id) => id / Bound.RowsPerBucket;

    /// <summary>The 16 rows of a bucket, null where unlisted.</summary>
    public RiskRow?[] Bucket(int bucket) => [.. Enumerable.Range(bucket * Bound.RowsPerBucket, Bound.RowsPerBucket).Select(id => this[id])];

    /// <summary>Three siblings a level, from the bucket upward.</summary>
    public Fr[] Path(int bucket) => buckets.Path((ulong)bucket);

    private Fr BucketHash(int bucket)
    {
        var elements = new Fr[Bound.RowsPerBucket * RiskRowEncoding.Elements];
        foreach ((RiskRow? row, int t) in Bucket(bucket).Select((row, t) => (row, t)))
            if (row is not null) RiskRowEncoding.Encode(row).CopyTo(elements.AsSpan(t * RiskRowEncoding.Elements));
        return Poseidon.Sponge(Fr.FromUInt64(Tag.Bucket), elements);
    }
}
