using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Rollup.Sequencer.Storage;

/// <summary>A place in the journal: the number of a record, from 1, and the digest of all records up to it. Default: before the first.</summary>
/// <param name="Sequence">0 = nothing yet.</param>
/// <param name="Digest">32 bytes: SHA-256 of the digest before, and the record.</param>
public readonly record struct JournalPosition(ulong Sequence, ReadOnlyMemory<byte> Digest)
{
    public static readonly JournalPosition Start = new(0, new byte[SHA256.HashSizeInBytes]);

    public bool Equals(JournalPosition other) => Sequence == other.Sequence && Digest.Span.SequenceEqual(other.Digest.Span);
    public override int GetHashCode() => Sequence.GetHashCode();
    public override string ToString() => $"{Sequence} ({Convert.ToHexStringLower(Digest.Span[..8])})";
}

/// <summary>
/// Bytes of the journal, little-endian. A segment is a header and records: magic 8 | first sequence 8 | digest before it 32 | CRC-32C of
/// these 4. A record is length 4 | sequence 8 | CRC-32C of the payload 4 | CRC-32C of these 4 | payload. The header's own check tells a
/// length that was damaged from a record that was never written to its end.
/// </summary>
internal static class JournalFormat
{
    internal const int SegmentHeaderSize = 8 + 8 + SHA256.HashSizeInBytes + 4;
    internal const int RecordHeaderSize = 4 + 8 + 4 + 4;

    /// <summary>Most bytes of one payload.</summary>
    internal const int MaxPayload = 1 << 20;

    private const ulong Magic = 0x01_4C_4E_52_4A_50_4C_52; // "RLPJRNL", version 1

    internal static string SegmentName(ulong firstSequence) => $"{firstSequence:D20}.journal";

    internal static void WriteSegmentHeader(Span<byte> header, JournalPosition before)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(header, Magic);
        BinaryPrimitives.WriteUInt64LittleEndian(header[8..], before.Sequence + 1);
        before.Digest.Span.CopyTo(header[16..]);
        BinaryPrimitives.WriteUInt32LittleEndian(header[48..], Checksum(header[..48]));
    }

    /// <summary>The position before the segment's first record; null with the problem if the header is damaged.</summary>
    internal static JournalPosition? ReadSegmentHeader(ReadOnlySpan<byte> header, out string problem)
    {
        problem = BinaryPrimitives.ReadUInt64LittleEndian(header) != Magic ? "this is not a journal segment of version 1"
            : BinaryPrimitives.ReadUInt32LittleEndian(header[48..]) != Checksum(header[..48]) ? "the segment header fails its checksum"
            : BinaryPrimitives.ReadUInt64LittleEndian(header[8..]) == 0 ? "the segment starts at sequence 0" : "";
        return problem.Length > 0 ? null : new(BinaryPrimitives.ReadUInt64LittleEndian(header[8..]) - 1, header.Slice(16, SHA256.HashSizeInBytes).ToArray());
    }

    internal static void WriteRecordHeader(Span<byte> header, ulong sequence, ReadOnlySpan<byte> payload)
    {
        BinaryPrimitives.WriteInt32LittleEndian(header, payload.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(header[4..], sequence);
        BinaryPrimitives.WriteUInt32LittleEndian(header[12..], Checksum(payload));
        BinaryPrimitives.WriteUInt32LittleEndian(header[16..], Checksum(header[..16]));
    }

    internal static bool IsIntact(ReadOnlySpan<byte> recordHeader) =>
        BinaryPrimitives.ReadUInt32LittleEndian(recordHeader[16..]) == Checksum(recordHeader[..16]);

    internal static int PayloadLength(ReadOnlySpan<byte> recordHeader) => BinaryPrimitives.ReadInt32LittleEndian(recordHeader);
    internal static ulong Sequence(ReadOnlySpan<byte> recordHeader) => BinaryPrimitives.ReadUInt64LittleEndian(recordHeader[4..]);
    internal static bool Matches(ReadOnlySpan<byte> recordHeader, ReadOnlySpan<byte> payload) =>
        BinaryPrimitives.ReadUInt32LittleEndian(recordHeader[12..]) == Checksum(payload);

    /// <summary>The position after a record.</summary>
    /// <param name="record">Header and payload.</param>
    internal static JournalPosition Next(JournalPosition before, ReadOnlySpan<byte> record)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(before.Digest.Span);
        hash.AppendData(record);
        return new JournalPosition(before.Sequence + 1, hash.GetHashAndReset());
    }

    /// <summary>CRC-32C (Castagnoli, reflected, as in RFC 3720 B.4).</summary>
    internal static uint Checksum(ReadOnlySpan<byte> bytes)
    {
        uint crc = ~0u;
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(bytes);
        foreach (ulong word in words) crc = BitOperations.Crc32C(crc, word);
        foreach (byte rest in bytes[(words.Length * sizeof(ulong))..]) crc = BitOperations.Crc32C(crc, rest);
        return ~crc;
    }
}
