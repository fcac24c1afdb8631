using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;

namespace Rollup.Sequencer.Storage;

/// <summary>A state and the place in the journal that it stands at.</summary>
public sealed record Snapshot(JournalPosition Position, byte[] State);

/// <summary>
/// Snapshots of the state: they shorten a restart and are never the only copy, since the journal is kept. File: magic 8 | sequence 8 |
/// journal digest 32 | state | SHA-256 of all before 32.
/// </summary>
public sealed class SnapshotStore(string directory, int keep = 2)
{
    private const ulong Magic = 0x01_50_41_4E_53_50_4C_52; // "RLPSNAP", version 1
    private const int HeaderSize = 8 + 8 + SHA256.HashSizeInBytes;

    /// <summary>Removes what a crash left half-written.</summary>
    public void Prepare() => DurableFile.RemoveUnfinished(directory);

    /// <summary>Writes a snapshot and deletes all but the newest ones.</summary>
    public void Save(Snapshot snapshot)
    {
        DurableFile.CreateDirectory(directory);
        var bytes = new byte[HeaderSize + snapshot.State.Length + SHA256.HashSizeInBytes];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, Magic);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(8), snapshot.Position.Sequence);
        snapshot.Position.Digest.CopyTo(bytes.AsMemory(16));
        snapshot.State.CopyTo(bytes, HeaderSize);
        SHA256.HashData(bytes.AsSpan(0, bytes.Length - SHA256.HashSizeInBytes), bytes.AsSpan(bytes.Length - SHA256.HashSizeInBytes));
        DurableFile.Replace(Path.Combine(directory, $"{snapshot.Position.Sequence:D20}.snapshot"), bytes);
        foreach (string old in Files().Skip(keep)) File.Delete(old);
    }

    /// <summary>The intact snapshots, newest first.</summary>
    /// <param name="warn">Told of each damaged one that is passed over.</param>
    public IEnumerable<Snapshot> NewestFirst(Action<string> warn)
    {
        if (!Directory.Exists(directory)) yield break;
        foreach (string path in Files())
        {
            if (TryRead(path, out string problem) is { } snapshot) yield return snapshot;
            else warn($"{path}: {problem}; an older snapshot or the whole journal is replayed instead.");
        }
    }

    private static Snapshot? TryRead(string path, out string problem)
    {
        byte[] bytes = File.ReadAllBytes(path);
        Span<byte> checksum = stackalloc byte[SHA256.HashSizeInBytes];
        problem = "the snapshot is cut short";
        if (bytes.Length < HeaderSize + checksum.Length) return null;
        problem = "the snapshot fails its checksum";
        SHA256.HashData(bytes.AsSpan(0, bytes.Length - checksum.Length), checksum);
        if (!bytes.AsSpan(bytes.Length - checksum.Length).SequenceEqual(checksum)) return null;
        problem = "this is not a snapshot of version 1";
        if (BinaryPrimitives.ReadUInt64LittleEndian(bytes) != Magic) return null;
        var position = new JournalPosition(BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(8)), bytes.AsMemory(16, SHA256.HashSizeInBytes));
        return new Snapshot(position, bytes[HeaderSize..^SHA256.HashSizeInBytes]);
    }

    private IOrderedEnumerable<string> Files() => Directory.EnumerateFiles(directory, "*.snapshot")
        .Where(path => ulong.TryParse(Path.GetFileNameWithoutExtension(path), NumberStyles.None, CultureInfo.InvariantCulture, out _))
        .OrderDescending(StringComparer.Ordinal);
}
