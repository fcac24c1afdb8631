namespace Rollup.Crypto;

/// <summary>
/// A sparse 4-ary Merkle tree: node = Poseidon(4 children in order), empty leaf 0. A leaf's index in base 4 gives its path, least significant digit at the
/// leaf level. Nodes stand in pages of 16 that exist only where something was set: about 45 bytes a leaf when densely filled. Not thread-safe.
/// </summary>
public sealed class QuadTree
{
    /// <summary>The deepest tree: 16,777,216 leaves.</summary>
    public const int MaxDepth = 12;

    /// <summary>Siblings a level.</summary>
    public const int SiblingsPerLevel = 3;

    private const int PageBits = 4;
    private const int PageLength = 1 << PageBits;

    // About a millisecond: nodes that one core hashes at a time when many change.
    private const int ChunkLength = 128;

    private static readonly Lazy<Fr[]> EmptyRoots = new(() =>
    {
        var roots = new Fr[MaxDepth + 1];
        for (int i = 1; i <= MaxDepth; i++) roots[i] = Poseidon.Hash(roots[i - 1], roots[i - 1], roots[i - 1], roots[i - 1]);
        return roots;
    });

    // [level][page]; level 0 holds the leaves, level Depth the root. The list of pages grows to the highest one set.
    private readonly Fr[]?[][] _pages;

    /// <summary>An empty tree.</summary>
    /// <param name="depth">1..12: the tree has 4^depth leaves.</param>
    /// <exception cref="ArgumentOutOfRangeException">Another depth.</exception>
    public QuadTree(int depth)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(depth, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(depth, MaxDepth);
        Depth = depth;
        _pages = new Fr[]?[depth + 1][];
        Array.Fill(_pages, []);
    }

    /// <summary>Levels between a leaf and the root.</summary>
    public int Depth { get; }

    /// <summary>4^Depth.</summary>
    public ulong Capacity => 1UL << 2 * Depth;

    /// <summary>The root; <see cref="EmptyRoot"/> of Depth while nothing is set.</summary>
    public Fr Root => Node(Depth, 0);

    /// <summary>The root of an empty tree: Z0 = 0, Z(i+1) = Poseidon(Zi, Zi, Zi, Zi).</summary>
    /// <param name="depth">0..12.</param>
    public static Fr EmptyRoot(int depth) => EmptyRoots.Value[depth];

    /// <summary>The leaf at an index; 0 where nothing was set.</summary>
    /// <param name="index">0 ≤ index &lt; 4^Depth.</param>
    /// <exception cref="ArgumentOutOfRangeException">No such leaf.</exception>
    public Fr Get(ulong index) => Node(0, Checked(index));

    /// <summary>Sets one leaf: Depth hashes, none when the value is the old one.</summary>
    /// <param name="index">0..4^Depth - 1.</param>
    /// <param name="value">Any element; 0 empties the leaf.</param>
    /// <inheritdoc cref="Get" path="/exception"/>
    public void Set(ulong index, in Fr value)
    {
        if (Get(index) == value) return;
        SetNode(0, index, value);
        for (int level = 1; level <= Depth; level++) Rehash(level, index >> 2 * level);
    }

    /// <summary>
    /// Sets many leaves, hashing every node above them once: level by level, many nodes at a time, on all cores where a level has many.
    /// Of two values for one index the last counts. All indices are checked before anything changes.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">An index is outside the tree; nothing changed.</exception>
    public void UpdateMany(IEnumerable<(ulong Index, Fr Value)> updates)
    {
        (ulong Index, Fr Value)[] all = [.. updates];
        foreach ((ulong index, _) in all) Checked(index);

        var dirty = new ulong[all.Length];
        int count = 0;
        foreach ((ulong index, Fr value) in all)
        {
            if (Node(0, index) == value) continue;
            SetNode(0, index, value);
            dirty[count++] = index;
        }

        Array.Sort(dirty, 0, count);
        for (int level = 1; level <= Depth; level++)
        {
            int parents = 0;
            for (int i = 0; i < count; i++)
            {
                ulong parent = dirty[i] >> 2;
                if (parents > 0 && dirty[parents - 1] == parent) continue;
                dirty[parents++] = parent;
            }

            count = parents;
            var hashes = new Fr[count];
            if (count <= ChunkLength) HashNodes(level, dirty.AsSpan(0, count), hashes);
            else Parallel.For(0, (count + ChunkLength - 1) / ChunkLength, chunk => HashNodes(
                level, dirty.AsSpan(chunk * ChunkLength, Math.Min(ChunkLength, count - chunk * ChunkLength)), hashes.AsSpan(chunk * ChunkLength)));
            for (int i = 0; i < count; i++) SetNode(level, dirty[i], hashes[i]);
        }
    }

    /// <summary>The siblings from the leaf upward, 3 a level in child order without the own position: what <see cref="RootFrom"/> and the circuits take.</summary>
    /// <inheritdoc cref="Get" path="/param"/>
    /// <returns>3 · Depth elements.</returns>
    /// <inheritdoc cref="Get" path="/exception"/>
    public Fr[] Path(ulong index)
    {
        Checked(index);
        var path = new Fr[SiblingsPerLevel * Depth];
        for (int level = 0, next = 0; level < Depth; level++, index >>= 2)
        {
            for (ulong child = index & ~3UL; child <= (index | 3); child++)
            {
                if (child != index) path[next++] = Node(level, child);
            }
        }

        return path;
    }

    /// <summary>The root above a leaf at an index, given the siblings.</summary>
    /// <param name="leaf">The leaf.</param>
    /// <param name="index">0 ≤ index &lt; 4^(path.Length / 3).</param>
    /// <param name="path">3 elements a level, as <see cref="Path"/> gives them; 1..12 levels.</param>
    /// <exception cref="ArgumentException">The path's length is none of a path, or the index is outside such a tree.</exception>
    public static Fr RootFrom(in Fr leaf, ulong index, ReadOnlySpan<Fr> path)
    {
        int depth = path.Length / SiblingsPerLevel;
        if (path.Length % SiblingsPerLevel != 0 || depth is 0 or > MaxDepth)
            throw new ArgumentException($"A path has 3 siblings for each of 1 to {MaxDepth} levels, got {path.Length} in all.", nameof(path));
        // A larger index would pass as its remainder: two indices for one leaf.
        if (index >> 2 * depth != 0) throw new ArgumentOutOfRangeException(nameof(index), index, $"A tree of depth {depth} has {1UL << 2 * depth} leaves.");

        Fr node = leaf;
        Span<Fr> children = stackalloc Fr[4];
        for (int level = 0; level < depth; level++, index >>= 2)
        {
            ReadOnlySpan<Fr> siblings = path.Slice(SiblingsPerLevel * level, SiblingsPerLevel);
            int own = (int)(index & 3);
            siblings[..own].CopyTo(children);
            children[own] = node;
            siblings[own..].CopyTo(children[(own + 1)..]);
            node = Poseidon.Hash(children);
        }

        return node;
    }

    private ulong Checked(ulong index) => index < Capacity
        ? index
        : throw new ArgumentOutOfRangeException(nameof(index), index, $"A tree of depth {Depth} has {Capacity} leaves.");

    private Fr Node(int level, ulong index)
    {
        Fr[]?[] pages = _pages[level];
        int page = (int)(index >> PageBits);
        return page < pages.Length && pages[page] is { } nodes ? nodes[(int)index & PageLength - 1] : EmptyRoot(level);
    }

    private void SetNode(int level, ulong index, in Fr value)
    {
        ref Fr[]?[] pages = ref _pages[level];
        int page = (int)(index >> PageBits), nodesOfLevel = 1 << 2 * (Depth - level);
        // Doubling, so that accounts opened one after another do not copy the list each time.
        if (page >= pages.Length) Array.Resize(ref pages, Math.Clamp(2 * pages.Length, page + 1, Math.Max(1, nodesOfLevel >> PageBits)));
        if (pages[page] is not { } nodes)
        {
            nodes = new Fr[Math.Min(PageLength, nodesOfLevel)];
            Array.Fill(nodes, EmptyRoot(level));
            pages[page] = nodes;
        }

        nodes[(int)index & PageLength - 1] = value;
    }

    private void Rehash(int level, ulong index)
    {
        ReadOnlySpan<Fr> children = Children(level, index);
        SetNode(level, index, Poseidon.Hash(children[0], children[1], children[2], children[3]));
    }

    private void HashNodes(int level, ReadOnlySpan<ulong> indices, Span<Fr> hashes)
    {
        var children = new Fr[4 * indices.Length];
        for (int i = 0; i < indices.Length; i++) Children(level, indices[i]).CopyTo(children.AsSpan(4 * i));
        Poseidon.HashMany(children, 4, hashes[..indices.Length]);
    }

    // Four children stand in one page, which exists: one of them was just set.
    private ReadOnlySpan<Fr> Children(int level, ulong index) =>
        _pages[level - 1][(int)(index >> PageBits - 2)].AsSpan((int)(index << 2) & PageLength - 1, 4);
}
