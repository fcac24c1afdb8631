using System.Buffers;

namespace Rollup.Sequencer.Storage;

/// <summary>
/// The append-only record of all commands, in segment files that are kept. What <see cref="Commit"/> has returned for is on the disk.
/// One writer; not thread-safe.
/// </summary>
public sealed class Journal : IDisposable
{
    /// <summary>A segment that has grown beyond this is followed by a new one.</summary>
    public const long DefaultSegmentBytes = 64 << 20;

    private readonly string directory;
    private readonly long segmentBytes;
    private readonly ArrayBufferWriter<byte> pending = new(1 << 16);
    private FileStream? segment;
    private bool failed;

    private Journal(string directory, long segmentBytes, JournalEnd end)
    {
        this.directory = directory;
        this.segmentBytes = segmentBytes;
        Appended = Committed = end.Position;
        if (end.Segment is null || end.Length == 0) return;
        segment = DurableFile.Open(end.Segment, FileMode.Open);
        if (end.Torn > 0)
        {
            segment.SetLength(end.Length);
            segment.Flush(flushToDisk: true);
        }

        segment.Position = end.Length;
    }

    /// <summary>The last record on the disk.</summary>
    public JournalPosition Committed { get; private set; }

    /// <summary>The last record given to <see cref="Append"/>.</summary>
    public JournalPosition Appended { get; private set; }

    /// <summary>Reads what is there, and opens it for appending.</summary>
    /// <param name="directory">Created if absent.</param>
    /// <param name="from">Where a snapshot stands, or <see cref="JournalPosition.Start"/>.</param>
    /// <param name="replay">Called for every record after it.</param>
    /// <param name="warn">Told of a last write that was cut short and is removed: it was never acknowledged.</param>
    /// <exception cref="StorageException">The journal is damaged, or is not the one that <paramref name="from"/> is of.</exception>
    public static Journal Open(string directory, JournalPosition from, Action<JournalRecord> replay, Action<string> warn, long segmentBytes = DefaultSegmentBytes)
    {
        DurableFile.CreateDirectory(directory);
        ForceToDisk(directory);
        JournalEnd end = JournalReader.Read(directory, from, replay);
        if (end.Torn > 0 || (end.Segment is not null && end.Length == 0))
            warn($"{end.Segment}, offset {end.Length}: the last {end.Torn} bytes are a write that was cut short before it was acknowledged; they are removed.");
        if (end.Segment is not null && end.Length == 0) File.Delete(end.Segment);
        return new Journal(directory, segmentBytes, end);
    }

    /// <summary>Adds a record to the next commit.</summary>
    /// <returns>Its sequence number.</returns>
    public ulong Append(ReadOnlySpan<byte> payload)
    {
        if (failed) throw new InvalidOperationException("The journal could not be written; nothing can be added before a restart.");
        ArgumentOutOfRangeException.ThrowIfGreaterThan(payload.Length, JournalFormat.MaxPayload, nameof(payload));
        Span<byte> record = pending.GetSpan(JournalFormat.RecordHeaderSize + payload.Length)[..(JournalFormat.RecordHeaderSize + payload.Length)];
        JournalFormat.WriteRecordHeader(record, Appended.Sequence + 1, payload);
        payload.CopyTo(record[JournalFormat.RecordHeaderSize..]);
        Appended = JournalFormat.Next(Appended, record);
        pending.Advance(record.Length);
        return Appended.Sequence;
    }

    /// <summary>Writes all records added since the last commit and forces them to the disk: one flush for any number.</summary>
    /// <exception cref="IOException">They may be on the disk or not. Nothing can be added before a restart has found out.</exception>
    public void Commit()
    {
        if (pending.WrittenCount == 0) return;
        failed = true;
        if (segment is null || segment.Position >= segmentBytes) StartSegment();
        segment!.Write(pending.WrittenSpan);
        segment.Flush(flushToDisk: true);
        pending.ResetWrittenCount();
        Committed = Appended;
        failed = false;
    }

    public void Dispose() => segment?.Dispose();

    // A process that was killed between write and flush leaves records that are read back from the system's memory alone. What follows from them,
    // a snapshot or a batch, must not outlive them.
    private static void ForceToDisk(string directory)
    {
        if (JournalReader.Segments(directory) is [.., string last])
            using (FileStream segment = DurableFile.Open(last, FileMode.Open)) segment.Flush(flushToDisk: true);
        DurableFile.FlushDirectory(directory);
    }

    private void StartSegment()
    {
        segment?.Dispose();
        string path = Path.Combine(directory, JournalFormat.SegmentName(Committed.Sequence + 1));
        segment = DurableFile.Open(path, FileMode.CreateNew);
        Span<byte> header = stackalloc byte[JournalFormat.SegmentHeaderSize];
        JournalFormat.WriteSegmentHeader(header, Committed);
        segment.Write(header);
        segment.Flush(flushToDisk: true);
        DurableFile.FlushDirectory(directory);
    }
}
