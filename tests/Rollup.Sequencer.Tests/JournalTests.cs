using Rollup.Sequencer.Storage;

namespace Rollup.Sequencer.Tests;

public sealed class JournalTests : IDisposable
{
    private const int HeaderSize = 52;
    private const int RecordHeaderSize = 20;
    private readonly TemporaryDirectory directory = new();
    private readonly List<string> warnings = [];

    public void Dispose() => directory.Dispose();

    [Fact]
    public void What_was_committed_is_read_back_in_order_and_nothing_else()
    {
        using (Journal journal = Open(out _))
        {
            Assert.Equal(1UL, journal.Append([11, 12]));
            Assert.Equal(2UL, journal.Append([]));
            journal.Commit();
            Assert.Equal(3UL, journal.Append([31, 32, 33]));
            journal.Commit();
            journal.Append([41]); // Never committed.
            Assert.Equal(3UL, journal.Committed.Sequence);
        }

        using Journal again = Open(out List<byte[]> records);
        Assert.Equal([[11, 12], [], [31, 32, 33]], records);
        Assert.Equal(4UL, again.Append([42]));
        again.Commit();
        Assert.Equal(new byte[] { 42 }, Read()[3]);
        Assert.Empty(warnings);
    }

    [Fact]
    public void Segments_are_kept_and_read_as_one()
    {
        using (Journal journal = Open(out _, segmentBytes: 200)) Fill(journal, 40);
        Assert.True(JournalReader.Segments(directory.Path).Count > 3);
        Assert.Equal(Enumerable.Range(1, 40), Read().Select(r => (int)r[0]));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(17)]
    [InlineData(39)]
    [InlineData(40)]
    public void Reading_starts_after_any_position(int records)
    {
        JournalPosition place = FillAndRemember(40, records);
        var read = new List<int>();
        JournalEnd end = JournalReader.Read(directory.Path, place, r => read.Add(r.Payload.Span[0]));
        Assert.Equal(Enumerable.Range(1, 40).Skip(records), read);
        Assert.Equal(40UL, end.Position.Sequence);
    }

    [Fact]
    public void A_snapshot_of_another_history_is_refused()
    {
        JournalPosition place = FillAndRemember(40, 17);
        byte[] digest = place.Digest.ToArray();
        digest[31] ^= 1;
        var error = Assert.Throws<StorageException>(() => JournalReader.Read(directory.Path, place with { Digest = digest }, _ => { }));
        Assert.Contains("record 17 is not the one that was snapshotted", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_snapshot_at_a_segment_boundary_of_another_history_is_refused()
    {
        FillAndRemember(40, 0);
        ulong boundary = ulong.Parse(Path.GetFileNameWithoutExtension(JournalReader.Segments(directory.Path)[2]), null) - 1;
        var place = new JournalPosition(boundary, new byte[32]);
        Assert.Contains("the digests differ", Assert.Throws<StorageException>(() => JournalReader.Read(directory.Path, place, _ => { })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_end_that_is_missing_though_it_was_snapshotted_stops_the_start()
    {
        JournalPosition place = FillAndRemember(40, 40);
        foreach (string segment in JournalReader.Segments(directory.Path).TakeLast(1)) File.Delete(segment);
        Assert.Contains("its end is missing", Assert.Throws<StorageException>(() => JournalReader.Read(directory.Path, place, _ => { })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_cut_of_the_last_write_is_removed_with_a_warning_and_appending_goes_on()
    {
        using (Journal journal = Open(out _)) Fill(journal, 3);
        string path = JournalReader.Segments(directory.Path).Single();
        byte[] whole = File.ReadAllBytes(path);
        int lastRecord = RecordHeaderSize + 5;
        for (int cut = 1; cut <= lastRecord; cut++)
        {
            File.WriteAllBytes(path, whole[..^cut]);
            warnings.Clear();
            using (Journal journal = Open(out List<byte[]> records))
            {
                Assert.Equal([1, 2], records.Select(r => (int)r[0]));
                Assert.Equal(3UL, journal.Append([99]));
                journal.Commit();
            }

            Assert.Equal(cut < lastRecord ? 1 : 0, warnings.Count); // A cut at a record's end leaves nothing torn.
            Assert.Equal([1, 2, 99], Read().Select(r => (int)r[0]));
        }
    }

    [Fact]
    public void A_segment_whose_header_was_cut_short_is_started_again()
    {
        using (Journal journal = Open(out _)) Fill(journal, 2);
        File.WriteAllBytes(directory["00000000000000000003.journal"], new byte[HeaderSize - 1]);
        using (Journal journal = Open(out List<byte[]> records))
        {
            Assert.Equal(2, records.Count);
            journal.Append([77]);
            journal.Commit();
        }

        Assert.Single(warnings);
        Assert.Equal([1, 2, 77], Read().Select(r => (int)r[0]));
    }

    [Fact]
    public void Zeros_behind_the_last_record_are_a_write_that_was_cut_short()
    {
        using (Journal journal = Open(out _)) Fill(journal, 2);
        string path = JournalReader.Segments(directory.Path).Single();
        File.WriteAllBytes(path, [.. File.ReadAllBytes(path), .. new byte[10_000]]);
        using Journal again = Open(out List<byte[]> records);
        Assert.Equal(2, records.Count);
        Assert.Single(warnings);
    }

    [Fact]
    public void A_flip_of_any_bit_of_any_byte_stops_the_start_and_names_file_and_record()
    {
        using (Journal journal = Open(out _, segmentBytes: 100)) Fill(journal, 7);
        IReadOnlyList<string> segments = JournalReader.Segments(directory.Path);
        Assert.True(segments.Count > 1);
        foreach (string path in segments)
        {
            byte[] good = File.ReadAllBytes(path);
            for (int at = 0; at < good.Length; at++)
            {
                byte[] bad = [.. good];
                bad[at] ^= (byte)(1 << (at % 8));
                File.WriteAllBytes(path, bad);
                var error = Assert.Throws<StorageException>(() => Read());
                Assert.Equal(path, error.File);
                int expected = at < HeaderSize ? 0 : HeaderSize + (at - HeaderSize) / (RecordHeaderSize + 5) * (RecordHeaderSize + 5);
                Assert.Equal(expected, error.Offset);
            }

            File.WriteAllBytes(path, good);
        }

        Assert.Equal(7, Read().Count);
    }

    [Fact]
    public void A_stale_record_is_refused()
    {
        using (Journal journal = Open(out _)) Fill(journal, 3);
        string path = JournalReader.Segments(directory.Path).Single();
        byte[] bytes = File.ReadAllBytes(path);
        byte[] first = bytes[HeaderSize..(HeaderSize + RecordHeaderSize + 5)];
        File.WriteAllBytes(path, [.. bytes, .. first]);
        Assert.Contains("record 1 stands where 4 is next: it is stale or repeated", Assert.Throws<StorageException>(() => Read()).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, "a segment is missing or repeated")]
    [InlineData(1, "a segment is missing or repeated")]
    public void A_missing_segment_is_noticed(int index, string problem)
    {
        using (Journal journal = Open(out _, segmentBytes: 100)) Fill(journal, 20);
        File.Delete(JournalReader.Segments(directory.Path)[index]);
        Assert.Contains(problem, Assert.Throws<StorageException>(() => Read()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_segment_of_another_history_is_noticed()
    {
        using var other = new TemporaryDirectory();
        using (Journal journal = Open(out _, segmentBytes: 100)) Fill(journal, 20);
        using (var journal = Journal.Open(other.Path, JournalPosition.Start, _ => { }, warnings.Add, 100)) Fill(journal, 20, seed: 1);
        string third = Path.GetFileName(JournalReader.Segments(directory.Path)[2]);
        File.Copy(other[third], directory[third], overwrite: true);
        Assert.Contains("their digests differ", Assert.Throws<StorageException>(() => Read()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_cut_short_segment_that_is_not_the_last_is_damage()
    {
        using (Journal journal = Open(out _, segmentBytes: 100)) Fill(journal, 20);
        string path = JournalReader.Segments(directory.Path)[1];
        File.WriteAllBytes(path, File.ReadAllBytes(path)[..^1]);
        Assert.Contains("is cut short", Assert.Throws<StorageException>(() => Read()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_stray_file_with_a_segments_ending_is_refused()
    {
        File.WriteAllText(directory["copy.journal"], "");
        Assert.Contains("the name is not a segment's", Assert.Throws<StorageException>(() => Read()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_payload_beyond_the_limit_is_not_written()
    {
        using Journal journal = Open(out _);
        journal.Append(new byte[1 << 20]);
        Assert.Throws<ArgumentOutOfRangeException>(() => journal.Append(new byte[(1 << 20) + 1]));
        journal.Commit();
        Assert.Single(Read());
    }

    [Fact]
    public void The_checksum_is_crc32c()
    {
        Assert.Equal(0xE3069283u, JournalFormat.Checksum("123456789"u8)); // The check value of CRC-32C.
        Assert.Equal(0x8A9136AAu, JournalFormat.Checksum(new byte[32])); // RFC 3720 B.4
    }

    private Journal Open(out List<byte[]> records, long segmentBytes = Journal.DefaultSegmentBytes)
    {
        var read = records = [];
        return Journal.Open(directory.Path, JournalPosition.Start, r => read.Add(r.Payload.ToArray()), warnings.Add, segmentBytes);
    }

    private List<byte[]> Read()
    {
        var records = new List<byte[]>();
        JournalReader.Read(directory.Path, JournalPosition.Start, r => records.Add(r.Payload.ToArray()));
        return records;
    }

    private static void Fill(Journal journal, int count, byte seed = 0)
    {
        for (int i = 1; i <= count; i++)
        {
            journal.Append([(byte)i, seed, 3, 4, 5]);
            journal.Commit();
        }
    }

    private JournalPosition FillAndRemember(int count, int remembered)
    {
        JournalPosition position = JournalPosition.Start;
        using Journal journal = Open(out _, segmentBytes: 200);
        for (int i = 1; i <= count; i++)
        {
            journal.Append([(byte)i, 0, 3, 4, 5]);
            journal.Commit();
            if (i == remembered) position = journal.Committed;
        }

        return position;
    }
}
