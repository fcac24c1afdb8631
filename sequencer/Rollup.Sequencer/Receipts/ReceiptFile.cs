using System.Buffers.Binary;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Ethereum;
using Rollup.Sequencer.Storage;

namespace Rollup.Sequencer.Receipts;

/// <summary>
/// Signed receipts by number: record n - 1 is the receipt's 145 bytes (spec 11.3) and the first 4 bytes of their Keccak-256. It is made from the journal and the key alone, so it is forced to the
/// disk only before a snapshot: what a power cut spoils is absent until the replay of the journal signs it again. Thread-safe.
/// </summary>
internal sealed class ReceiptFile(string path) : IDisposable
{
    internal const string Name = "receipts";

    /// <summary>Receipts of earlier circuits, whose signatures are in other domains: they are shown, and take part in nothing else.</summary>
    private const string KeptName = "receipts.before";

    private const int RecordSize = SignedReceipt.Size + 4;
    private readonly FileStream writer = DurableFile.Open(path, FileMode.OpenOrCreate, FileShare.ReadWrite);
    private readonly FileStream reader = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);

    /// <summary>The receipt of a number; null if it is not there whole.</summary>
    internal SignedReceipt? Find(long number)
    {
        var record = new byte[RecordSize];
        if (number < 1 || RandomAccess.Read(reader.SafeFileHandle, record, (number - 1) * RecordSize) != RecordSize) return null;
        ReadOnlySpan<byte> bytes = record.AsSpan(0, SignedReceipt.Size);
        return Check(bytes) == BinaryPrimitives.ReadUInt32BigEndian(record.AsSpan(SignedReceipt.Size)) && SignedReceipt.TryParse(bytes, out SignedReceipt receipt) && receipt.Receipt.Number == number ? receipt : null;
    }

    /// <summary>Keeps the receipts of a data directory, and what it kept of earlier ones, for another that goes on from it.</summary>
    /// <param name="last">Number of the last one.</param>
    internal static void Keep(string from, string to, long last)
    {
        if (!File.Exists(Path.Combine(from, Name))) return;
        using var newer = new ReceiptFile(Path.Combine(from, Name));
        using ReceiptFile? older = OpenKept(from);
        using var kept = new ReceiptFile(Path.Combine(to, KeptName));
        for (long number = 1; number <= last; number++)
            if ((newer.Find(number) ?? older?.Find(number)) is { } receipt) kept.Put([receipt]);
    }

    /// <summary>What a data directory keeps of earlier circuits; null if nothing.</summary>
    internal static ReceiptFile? OpenKept(string data) => File.Exists(Path.Combine(data, KeptName)) ? new ReceiptFile(Path.Combine(data, KeptName)) : null;

    /// <summary>Writes receipts of consecutive numbers.</summary>
    internal void Put(IReadOnlyList<SignedReceipt> receipts)
    {
        var records = new byte[receipts.Count * RecordSize];
        for (int i = 0; i < receipts.Count; i++)
        {
            Span<byte> record = records.AsSpan(i * RecordSize, RecordSize);
            receipts[i].ToBytes().CopyTo(record);
            BinaryPrimitives.WriteUInt32BigEndian(record[SignedReceipt.Size..], Check(record[..SignedReceipt.Size]));
        }

        RandomAccess.Write(writer.SafeFileHandle, records, (receipts[0].Receipt.Number - 1) * RecordSize);
    }

    /// <summary>Forces what was written to the disk.</summary>
    internal void Flush() => RandomAccess.FlushToDisk(writer.SafeFileHandle);

    public void Dispose()
    {
        writer.Dispose();
        reader.Dispose();
    }

    private static uint Check(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt32BigEndian(Keccak.Hash256(bytes));
}
