namespace Rollup.Crypto.Tests;

public sealed class QuadTreeTests
{
    // All nodes of every level, hashed anew each time.
    private static Fr[][] Naive(Fr[] leaves)
    {
        var levels = new List<Fr[]> { leaves };
        while (levels[^1].Length > 1)
            levels.Add([.. levels[^1].Chunk(4).Select(children => Poseidon.Hash(children))]);
        return [.. levels];
    }

    private static Fr Value(Random random) => random.Next(6) == 0 ? Fr.Zero : Fr.FromInt64(random.NextInt64());

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Random_updates_agree_with_the_naive_tree(int depth)
    {
        var random = new Random(depth);
        var tree = new QuadTree(depth);
        var leaves = new Fr[1 << 2 * depth];
        Assert.Equal((ulong)leaves.Length, tree.Capacity);
        for (int step = 0; step < 25; step++)
        {
            if (step % 3 == 0)
            {
                int index = random.Next(leaves.Length);
                leaves[index] = Value(random);
                tree.Set((ulong)index, leaves[index]);
            }
            else
            {
                // Some indices twice: the last value counts.
                (ulong, Fr)[] updates = [.. Enumerable.Range(0, random.Next(1, 12)).Select(_ => ((ulong)random.Next(leaves.Length), Value(random)))];
                foreach ((ulong index, Fr value) in updates) leaves[index] = value;
                tree.UpdateMany(updates);
            }

            Fr[][] levels = Naive(leaves);
            Assert.Equal(levels[^1][0], tree.Root);
            int probe = random.Next(leaves.Length);
            Assert.Equal(leaves[probe], tree.Get((ulong)probe));
            Fr[] path = tree.Path((ulong)probe);
            Fr[] expected = [.. Enumerable.Range(0, depth).SelectMany(level => Enumerable.Range(0, 4)
                .Where(child => child != (probe >> 2 * level & 3))
                .Select(child => levels[level][(probe >> 2 * level & ~3) + child]))];
            Assert.Equal(expected, path);
            Assert.Equal(tree.Root, QuadTree.RootFrom(leaves[probe], (ulong)probe, path));
        }
    }

    // Enough leaves that the lower levels are hashed in several pieces, of which the last is not full.
    [Theory]
    [InlineData(600)]
    [InlineData(3_000)]
    public void Large_updates_agree_with_the_naive_tree(int updates)
    {
        const int Depth = 6;
        var random = new Random(updates);
        var tree = new QuadTree(Depth);
        var leaves = new Fr[1 << 2 * Depth];
        for (int step = 0; step < 3; step++)
        {
            (ulong, Fr)[] changes = [.. Enumerable.Range(0, updates).Select(_ => ((ulong)random.Next(leaves.Length), Value(random)))];
            foreach ((ulong index, Fr value) in changes) leaves[index] = value;
            tree.UpdateMany(changes);
            Assert.Equal(Naive(leaves)[^1][0], tree.Root);
        }
    }

    [Fact]
    public void Updating_many_equals_setting_each_at_full_depth()
    {
        var random = new Random(12);
        QuadTree one = new(12), many = new(12);
        // Neighbours, both ends and scattered leaves.
        ulong[] indices = [0, 1, 2, 3, 4, 17, 16_777_215, 16_777_214, 5_000_000, .. Enumerable.Range(0, 20).Select(_ => (ulong)random.Next(1 << 24))];
        (ulong, Fr)[] updates = [.. indices.Select((index, i) => (index, Fr.FromInt64(i + 1)))];
        foreach ((ulong index, Fr value) in updates) one.Set(index, value);
        many.UpdateMany(updates);
        Assert.Equal(one.Root, many.Root);
        foreach ((ulong index, Fr value) in updates)
        {
            Assert.Equal(value, many.Get(index));
            Assert.Equal(many.Root, QuadTree.RootFrom(value, index, many.Path(index)));
            Assert.NotEqual(many.Root, QuadTree.RootFrom(value + Fr.One, index, many.Path(index)));
            Assert.NotEqual(many.Root, QuadTree.RootFrom(value, index ^ 1 << 13, many.Path(index)));
        }

        many.UpdateMany(indices.Select(index => (index, Fr.Zero)));
        Assert.Equal(QuadTree.EmptyRoot(12), many.Root);
    }

    [Fact]
    public void Empty_roots_are_hashes_of_four_empty_subtrees()
    {
        Assert.Equal(Fr.Zero, QuadTree.EmptyRoot(0));
        for (int depth = 1; depth <= QuadTree.MaxDepth; depth++)
        {
            Fr below = QuadTree.EmptyRoot(depth - 1);
            Assert.Equal(Poseidon.Hash([below, below, below, below]), QuadTree.EmptyRoot(depth));
            Assert.Equal(QuadTree.EmptyRoot(depth), new QuadTree(depth).Root);
        }
    }

    [Fact]
    public void Children_stand_in_the_order_of_their_digit()
    {
        var tree = new QuadTree(2);
        Fr a = Fr.FromUInt64(11), b = Fr.FromUInt64(22);
        tree.UpdateMany([(2, a), (13, b)]);
        Fr z = Fr.Zero, empty = QuadTree.EmptyRoot(1);
        // 13 = 31 in base 4: child 1 of child 3.
        Assert.Equal(Poseidon.Hash(Poseidon.Hash(z, z, a, z), empty, empty, Poseidon.Hash(z, b, z, z)), tree.Root);
    }

    [Theory]
    [InlineData(16)]
    [InlineData(31)]
    [InlineData(1UL << 32 | 15)]
    [InlineData(ulong.MaxValue)]
    public void An_index_outside_the_tree_is_refused_before_anything_changes(ulong index)
    {
        var tree = new QuadTree(2);
        tree.Set(15, Fr.One);
        Fr root = tree.Root;
        Fr[] path = tree.Path(15);
        Assert.Throws<ArgumentOutOfRangeException>(() => tree.Get(index));
        Assert.Throws<ArgumentOutOfRangeException>(() => tree.Set(index, Fr.One));
        Assert.Throws<ArgumentOutOfRangeException>(() => tree.Path(index));
        Assert.Throws<ArgumentOutOfRangeException>(() => tree.UpdateMany([(3, Fr.One), (index, Fr.One)]));
        Assert.Throws<ArgumentOutOfRangeException>(() => QuadTree.RootFrom(Fr.One, index, path));
        Assert.Equal(root, tree.Root);
        Assert.Equal(Fr.Zero, tree.Get(3));
        Assert.Equal(root, QuadTree.RootFrom(Fr.One, 15, path));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    [InlineData(39)]
    public void A_path_of_another_length_is_refused(int length) => Assert.Throws<ArgumentException>(() => QuadTree.RootFrom(Fr.One, 0, new Fr[length]));

    [Theory]
    [InlineData(0)]
    [InlineData(13)]
    public void A_depth_outside_1_to_12_is_refused(int depth) => Assert.Throws<ArgumentOutOfRangeException>(() => new QuadTree(depth));
}
