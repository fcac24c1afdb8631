using System.Buffers.Binary;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Rollup.Groth16.Formats;

/// <summary>
/// An opened iden3 container (.r1cs, .wtns, .zkey): 4 bytes of magic, u32 version, u32 number of sections, then per section
/// u32 id, u64 length and that many bytes; all little-endian. Contents are read by position on demand, so a file of any size
/// costs one small buffer, and a file that shrinks under the reader gives an error, not a fault.
/// </summary>
public sealed class BinFile : IDisposable
{
    /// <summary>More sections than any of the formats has; a larger count is refused.</summary>
    public const int MaxSections = 64;

    private readonly SafeFileHandle? _handle;
    private readonly ReadOnlyMemory<byte> _memory;
    private readonly Dictionary<uint, (long Start, long Length)> _sections = [];

    private BinFile(string name, SafeFileHandle? handle, ReadOnlyMemory<byte> memory, string magic, uint maxVersion)
    {
        Name = name;
        _handle = handle;
        _memory = memory;
        Length = handle is null ? memory.Length : RandomAccess.GetLength(handle);
        ReadTable(magic, maxVersion);
    }

    /// <summary>Path, or the name given to <see cref="Parse"/>; used in errors.</summary>
    public string Name { get; }

    /// <summary>Length of the whole file in bytes.</summary>
    public long Length { get; }

    /// <summary>Opens a file and reads its table of sections.</summary>
    /// <param name="path">File to open.</param>
    /// <param name="magic">Four ASCII characters the file must begin with.</param>
    /// <param name="maxVersion">Highest version understood; versions from 1 on are accepted.</param>
    /// <exception cref="BinaryFormatException">Not such a container.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static BinFile Open(string path, string magic, uint maxVersion)
    {
        var handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read, FileOptions.SequentialScan);
        try
        {
            return new BinFile(path, handle, default, magic, maxVersion);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>As <see cref="Open"/>, over bytes already in memory.</summary>
    public static BinFile Parse(ReadOnlyMemory<byte> content, string name, string magic, uint maxVersion) =>
        new(name, null, content, magic, maxVersion);

    /// <summary>True if the file has a section of this id.</summary>
    public bool Has(uint section) => _sections.ContainsKey(section);

    /// <summary>Start (from the start of the file) and length in bytes of a section that must be present.</summary>
    public (long Start, long Length) Locate(uint section) =>
        _sections.TryGetValue(section, out var found)
            ? found
            : throw new BinaryFormatException(Name, section, 0, "the section is missing");

    /// <summary>A reader over a section that must be present, from its start or from <paramref name="skip"/> bytes after it.</summary>
    public SectionReader Read(uint section, long skip = 0)
    {
        var (start, length) = Locate(section);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(skip, length);
        return new SectionReader(this, section, start + skip, length - skip);
    }

    /// <summary>Reads bytes by position; less than asked for only at the end of the file.</summary>
    internal int ReadAt(long offset, Span<byte> destination)
    {
        if (_handle is null)
        {
            var available = _memory.Span[(int)Math.Min(offset, _memory.Length)..];
            var count = Math.Min(available.Length, destination.Length);
            available[..count].CopyTo(destination);
            return count;
        }
        var total = 0;
        while (total < destination.Length)
        {
            var read = RandomAccess.Read(_handle, destination[total..], offset + total);
            if (read == 0)
                break;
            total += read;
        }
        return total;
    }

    /// <summary>Maps the file, the very one whose table was read; it was opened from a path.</summary>
    /// <exception cref="BinaryFormatException">It became shorter since: reading its end would fault.</exception>
    internal MappedFile Map()
    {
        var handle = _handle ?? throw new InvalidOperationException("Bytes in memory are not mapped.");
        return RandomAccess.GetLength(handle) is var length && length < Length
            ? throw new BinaryFormatException(Name, null, length, "the file became shorter after it was opened")
            : new MappedFile(handle);
    }

    /// <summary>Hands the whole file, from start to end, to a consumer in blocks of up to 64 KiB.</summary>
    internal void CopyTo(Action<ReadOnlySpan<byte>> consumer)
    {
        var block = new byte[1 << 16];
        for (long offset = 0; offset < Length;)
        {
            var read = ReadAt(offset, block);
            if (read == 0)
                throw new BinaryFormatException(Name, null, offset, "the file became shorter while it was read");
            consumer(block.AsSpan(0, read));
            offset += read;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _handle?.Dispose();

    private void ReadTable(string magic, uint maxVersion)
    {
        Span<byte> head = stackalloc byte[12];
        if (ReadAt(0, head) < head.Length)
            throw new BinaryFormatException(Name, null, 0, "the file ends inside its 12-byte header");
        if (!head[..4].SequenceEqual(Encoding.ASCII.GetBytes(magic)))
            throw new BinaryFormatException(Name, null, 0, $"not a .{magic} file: it does not begin with \"{magic}\"");
        var version = BinaryPrimitives.ReadUInt32LittleEndian(head[4..]);
        if (version == 0 || version > maxVersion)
            throw new BinaryFormatException(Name, null, 4, $"version {version} is not supported; 1 to {maxVersion} are");
        var count = BinaryPrimitives.ReadUInt32LittleEndian(head[8..]);
        if (count > MaxSections)
            throw new BinaryFormatException(Name, null, 8, $"{count} sections; at most {MaxSections} are accepted");

        long position = head.Length;
        for (var i = 0; i < count; i++)
        {
            if (ReadAt(position, head) < head.Length)
                throw new BinaryFormatException(Name, null, position, $"the file ends inside the head of section {i + 1} of {count}");
            var id = BinaryPrimitives.ReadUInt32LittleEndian(head);
            var length = BinaryPrimitives.ReadUInt64LittleEndian(head[4..]);
            var start = position + head.Length;
            if (length > (ulong)(Length - start))
                throw new BinaryFormatException(Name, id, position, $"the section claims {length} bytes, the file has {Length - start} left");
            if (!_sections.TryAdd(id, (start, (long)length)))
                throw new BinaryFormatException(Name, id, position, "the section appears twice");
            position = start + (long)length;
        }
        if (position != Length)
            throw new BinaryFormatException(Name, null, position, $"{Length - position} bytes after the last section");
    }
}
