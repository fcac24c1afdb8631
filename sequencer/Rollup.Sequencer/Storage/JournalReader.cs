using System.Globalization;

namespace Rollup.Sequencer.Storage;

/// <summary>A record read back. The payload is valid until the next record is read.</summary>
public readonly record struct JournalRecord(ulong Sequence, ReadOnlyMemory<byte> Payload);

/// <summary>Where reading ended: the file that appending goes on in, and how many of its bytes hold whole records.</summary>
/// <param name="Segment">Path of the last segment; null if the journal is empty.</param>
/// <param name="Length">Bytes up to the end of its last whole record; 0 if not even its header is whole.</param>
/// <param name="Torn">Bytes behind that, left by a write that was cut short.</param>
public sealed record JournalEnd(JournalPosition Position, string? Segment, long Length, long Torn);

/// <summary>Reads and verifies the journal. Any damage other than a cut-short last write is a <see cref="StorageException"/>.</summary>
public static class JournalReader
{
    /// <summary>Segments in order.</summary>
    /// <exception cref="StorageException">A file in the directory has no segment's name.</exception>
    public static IReadOnlyList<string> Segments(string directory) =>
        [.. Directory.EnumerateFiles(directory, "*.journal").Order(StringComparer.Ordinal).Select(Named)];

    /// <summary>Reads all records after <paramref name="from"/>, which must be a place in this journal.</summary>
    /// <param name="visit">Called for each, in order.</param>
    /// <exception cref="StorageException">Damage, a missing segment, a stale or repeated record, or another journal's <paramref name="from"/>.</exception>
    public static JournalEnd Read(string directory, JournalPosition from, Action<JournalRecord> visit)
    {
        IReadOnlyList<string> segments = Segments(directory);
        int first = 0;
        while (first + 1 < segments.Count && FirstSequence(segments[first + 1]) <= from.Sequence + 1) first++;

        JournalEnd end = new(JournalPosition.Start, null, 0, 0);
        if (segments.Count > 0 && first > 0) end = end with { Position = HeaderOf(segments[first]) };
        for (int i = first; i < segments.Count; i++)
        {
            using var segment = new SegmentReader(segments[i], isLast: i == segments.Count - 1, end.Position, from, visit);
            end = segment.Read();
        }

        if (end.Position.Sequence < from.Sequence)
            throw new StorageException(end.Segment ?? directory, end.Length,
                $"the journal ends at record {end.Position.Sequence}, but record {from.Sequence} was acknowledged: its end is missing");
        return end;
    }

    private static JournalPosition HeaderOf(string segment)
    {
        using FileStream file = File.OpenRead(segment);
        Span<byte> header = stackalloc byte[JournalFormat.SegmentHeaderSize];
        if (file.ReadAtLeast(header, header.Length, throwOnEndOfStream: false) < header.Length) throw new StorageException(segment, 0, "the segment header is cut short");
        return JournalFormat.ReadSegmentHeader(header, out string problem) ?? throw new StorageException(segment, 0, problem);
    }

    private static ulong FirstSequence(string segment) =>
        ulong.Parse(Path.GetFileNameWithoutExtension(segment), NumberStyles.None, CultureInfo.InvariantCulture);

    private static string Named(string path) =>
        ulong.TryParse(Path.GetFileNameWithoutExtension(path), NumberStyles.None, CultureInfo.InvariantCulture, out ulong first)
        && Path.GetFileName(path) == JournalFormat.SegmentName(first) ? path : throw new StorageException(path, 0, "the name is not a segment's");

    private sealed class SegmentReader(string path, bool isLast, JournalPosition before, JournalPosition from, Action<JournalRecord> visit) : IDisposable
    {
        private readonly FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 1 << 20, FileOptions.SequentialScan);
        private byte[] record = new byte[4096];
        private long offset;

        public void Dispose() => file.Dispose();

        public JournalEnd Read()
        {
            int size = Fill(0, JournalFormat.SegmentHeaderSize);
            if (size < JournalFormat.SegmentHeaderSize && isLast) return new JournalEnd(before, path, 0, size);
            if (size < JournalFormat.SegmentHeaderSize) throw Damaged("the segment header is cut short");
            JournalPosition at = JournalFormat.ReadSegmentHeader(record, out string problem) ?? throw Damaged(problem);
            if (Path.GetFileName(path) != JournalFormat.SegmentName(at.Sequence + 1)) throw Damaged($"the segment starts at record {at.Sequence + 1}, other than its name says");
            if (at.Sequence != before.Sequence) throw Damaged($"the segment starts at record {at.Sequence + 1}, but {before.Sequence + 1} is next: a segment is missing or repeated");
            if (at != before) throw Damaged("the segment does not follow the one before it: their digests differ");
            RequireSnapshotted(at);
            offset = JournalFormat.SegmentHeaderSize;

            while (NextLength() is { } length)
            {
                at = JournalFormat.Next(at, record.AsSpan(0, length));
                RequireSnapshotted(at);
                if (at.Sequence > from.Sequence) visit(new JournalRecord(at.Sequence, record.AsMemory(JournalFormat.RecordHeaderSize, length - JournalFormat.RecordHeaderSize)));
                offset += length;
            }

            return new JournalEnd(at, path, offset, file.Length - offset);

            // Reads one record and checks that it is the next; null at the end of the segment's whole records.
            int? NextLength()
            {
                int read = Fill(0, JournalFormat.RecordHeaderSize);
                if (read == 0) return null;
                if (read < JournalFormat.RecordHeaderSize) return Torn("the last record's header is cut short");
                ReadOnlySpan<byte> header = record.AsSpan(0, JournalFormat.RecordHeaderSize);
                if (!JournalFormat.IsIntact(header)) return RestIsZero() ? Torn("the segment ends in zeros") : throw Damaged("a record's header fails its checksum");
                int length = JournalFormat.PayloadLength(header);
                if (length is < 0 or > JournalFormat.MaxPayload) throw Damaged($"a record of {length} bytes exceeds {JournalFormat.MaxPayload}");
                if (JournalFormat.Sequence(header) != at.Sequence + 1)
                    throw Damaged($"record {JournalFormat.Sequence(header)} stands where {at.Sequence + 1} is next: it is stale or repeated");
                if (Fill(JournalFormat.RecordHeaderSize, length) < length) return Torn("the last record is cut short");
                return JournalFormat.Matches(record, record.AsSpan(JournalFormat.RecordHeaderSize, length))
                    ? JournalFormat.RecordHeaderSize + length : throw Damaged($"record {at.Sequence + 1} fails its checksum");
            }
        }

        private void RequireSnapshotted(JournalPosition at)
        {
            if (at.Sequence == from.Sequence && at != from) throw Damaged($"record {at.Sequence} is not the one that was snapshotted: the digests differ");
        }

        // A write that was cut short can only be the last one of all.
        private int? Torn(string problem) => isLast ? null : throw Damaged(problem);

        private StorageException Damaged(string problem) => new(path, offset, problem);

        private int Fill(int start, int count)
        {
            if (record.Length < start + count) Array.Resize(ref record, start + count);
            return file.ReadAtLeast(record.AsSpan(start, count), count, throwOnEndOfStream: false);
        }

        // Some file systems leave zeros where a machine stopped before the data was written.
        private bool RestIsZero()
        {
            if (record.AsSpan(0, JournalFormat.RecordHeaderSize).ContainsAnyExcept((byte)0)) return false;
            Span<byte> rest = stackalloc byte[4096];
            for (int read; (read = file.Read(rest)) > 0;)
                if (rest[..read].ContainsAnyExcept((byte)0)) return false;
            return true;
        }
    }
}
