namespace Rollup.Crypto;

/// <summary>
/// Sparse 4-ary Merkle tree (spec 3.1): node = Poseidon of its four children in order, empty leaf 0. A leaf's position is its index in
/// base 4, least significant digit nearest the leaf. Memory is proportional to the pages touched. Not safe for concurrent use.
/// </summary>
public sealed class QuadTree
{
    public const int MaxDepth = 16;
    private const int PageBits = 6;

    // Hash of an empty subtree of each height.
    private static readonly Fr[] Empty = EmptySubtrees();

    private readonly Level[] levels;

    /// <param name="depth">Levels between leaf and root, 1..16.</param>
    public QuadTree(int depth)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(depth, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(depth, MaxDepth);
        Depth = depth;
        levels = [.. Enumerable.Range(0, depth + 1).Select(height => new Level(Empty[height]))];
    }

    public int Depth { get; }

    /// <summary>Number of leaf positions.</summary>
    public ulong Capacity => 1UL << (2 * Depth);

    public Fr Root => levels[Depth][0];

    /// <summary>The leaf at <paramref name="index"/>, 0 if never set.</summary>
    public Fr Get(ulong index) => levels[0][Checked(index)];

    /// <summary>Replaces one leaf: <see cref="Depth"/> hashes.</summary>
    public void Set(ulong index, in Fr leaf)
    {
        levels[0][Checked(index)] = leaf;
        for (int height = 1; height <= Depth; height++)
        {
            index >>= 2;
            levels[height][index] = HashChildren(height, index);
        }
    }

    /// <summary>Replaces many leaves, hashing every node above them once. With an index given twice the last value stays.</summary>
    public void UpdateMany(IEnumerable<KeyValuePair<ulong, Fr>> leaves)
    {
        var dirty = new List<ulong>();
        foreach ((ulong index, Fr leaf) in leaves)
        {
            levels[0][Checked(index)] = leaf;
            dirty.Add(index);
        }

        dirty.Sort();
        for (int height = 1; height <= Depth; height++)
        {
            // Indices stay sorted under >> 2, so equal parents are neighbours.
            int kept = 0;
            foreach (ulong child in dirty)
                if (kept == 0 || dirty[kept - 1] != child >> 2) dirty[kept++] = child >> 2;
            dirty.RemoveRange(kept, dirty.Count - kept);
            foreach (ulong node in dirty) levels[height][node] = HashChildren(height, node);
        }
    }

    /// <summary>The siblings of a leaf: three a level in child order, from the leaf upward; 3 x <see cref="Depth"/> elements.</summary>
    public Fr[] Path(ulong index)
    {
        Checked(index);
        var path = new Fr[3 * Depth];
        int at = 0;
        for (int height = 0; height < Depth; height++, index >>= 2)
            for (ulong child = index & ~3UL; child <= (index | 3UL); child++)
                if (child != index) path[at++] = levels[height][child];
        return path;
    }

    /// <summary>The root that a leaf at <paramref name="index"/> and its <see cref="Path"/> give.</summary>
    public static Fr RootFrom(Fr leaf, ulong index, ReadOnlySpan<Fr> path)
    {
        if (path.Length % 3 != 0) throw new ArgumentException($"A path has three siblings a level, not {path.Length} in all.", nameof(path));
        Span<Fr> children = [default, default, default, default];
        for (int level = 0; level < path.Length / 3; level++, index >>= 2)
        {
            int position = (int)(index & 3), sibling = 3 * level;
            for (int child = 0; child < 4; child++) children[child] = child == position ? leaf : path[sibling++];
            leaf = Poseidon.Hash(children[0], children[1], children[2], children[3]);
        }

        return leaf;
    }

    private Fr HashChildren(int height, ulong node)
    {
        Level below = levels[height - 1];
        ulong first = node << 2;
        return Poseidon.Hash(below[first], below[first + 1], below[first + 2], below[first + 3]);
    }

    private ulong Checked(ulong index) => index < Capacity
        ? index
        : throw new ArgumentOutOfRangeException(nameof(index), $"Leaf {index} is outside a tree of depth {Depth}.");

    private static Fr[] EmptySubtrees()
    {
        var empty = new Fr[MaxDepth + 1];
        for (int height = 1; height <= MaxDepth; height++)
            empty[height] = Poseidon.Hash(empty[height - 1], empty[height - 1], empty[height - 1], empty[height - 1]);
        return empty;
    }

    /// <summary>One level's nodes in pages of 64; a page never touched reads as the level's empty subtree.</summary>
    private sealed class Level(Fr empty)
    {
        private readonly Dictionary<ulong, Fr[]> pages = [];

        public Fr this[ulong index]
        {
            get => pages.TryGetValue(index >> PageBits, out Fr[]? page) ? page[index & ((1 << PageBits) - 1)] : empty;
            set
            {
                if (!pages.TryGetValue(index >> PageBits, out Fr[]? page))
                {
                    page = new Fr[1 << PageBits];
                    Array.Fill(page, empty);
                    pages.Add(index >> PageBits, page);
                }

                page[index & ((1 << PageBits) - 1)] = value;
            }
        }
    }
}
