using Rollup.Sequencer.Storage;

namespace Rollup.Sequencer.Tests;

public sealed class SnapshotStoreTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();
    private readonly List<string> warnings = [];
    private readonly SnapshotStore store;

    public SnapshotStoreTests() => store = new SnapshotStore(directory["snapshots"]);

    public void Dispose() => directory.Dispose();

    [Fact]
    public void There_is_none_at_first() => Assert.Empty(store.NewestFirst(warnings.Add));

    [Fact]
    public void The_newest_is_found_and_older_ones_than_two_are_deleted()
    {
        for (byte i = 9; i <= 12; i++) store.Save(Make(i));
        Snapshot newest = store.NewestFirst(warnings.Add).First();
        Assert.Equal(Make(12).Position, newest.Position);
        Assert.Equal(Make(12).State, newest.State);
        Assert.Equal(2, Directory.GetFiles(directory["snapshots"]).Length);
        Assert.Empty(warnings);
    }

    [Fact]
    public void A_flip_of_any_byte_or_a_cut_makes_it_fall_back_to_the_older_one_with_a_warning()
    {
        store.Save(Make(7));
        store.Save(Make(8));
        string path = directory["snapshots/00000000000000000008.snapshot"];
        byte[] good = File.ReadAllBytes(path);
        IEnumerable<byte[]> damaged = Enumerable.Range(0, good.Length).Select(i => good.Select((b, j) => j == i ? (byte)(b ^ 0x10) : b).ToArray());
        foreach (byte[] bytes in damaged.Append(good[..^1]).Append(good[..20]).Append([]))
        {
            warnings.Clear();
            File.WriteAllBytes(path, bytes);
            Assert.Equal(7UL, store.NewestFirst(warnings.Add).First().Position.Sequence);
            Assert.Contains("00000000000000000008.snapshot", Assert.Single(warnings), StringComparison.Ordinal);
        }

        File.WriteAllBytes(path, good);
        Assert.Equal(8UL, store.NewestFirst(warnings.Add).First().Position.Sequence);
    }

    [Fact]
    public void A_file_that_was_being_written_is_ignored_and_removed_at_the_start()
    {
        store.Prepare(); // Also before there is a directory.
        store.Save(Make(5));
        string unfinished = directory["snapshots/00000000000000000006.snapshot" + DurableFile.TemporarySuffix];
        File.WriteAllBytes(unfinished, [1, 2, 3]);
        Assert.Equal(5UL, store.NewestFirst(warnings.Add).First().Position.Sequence);
        store.Prepare();
        Assert.False(File.Exists(unfinished));
        Assert.Equal(5UL, store.NewestFirst(warnings.Add).First().Position.Sequence);
    }

    private static Snapshot Make(byte number) =>
        new(new JournalPosition(number, Enumerable.Repeat(number, 32).ToArray()), [number, 2, 3, (byte)(100 - number)]);
}
