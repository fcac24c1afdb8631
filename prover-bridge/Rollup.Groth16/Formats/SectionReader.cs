using System.Buffers.Binary;

namespace Rollup.Groth16.Formats;

/// <summary>Reads one section front to back through a fixed buffer; going past its end is a <see cref="BinaryFormatException"/>.</summary>
public sealed class SectionReader
{
    private const int BufferSize = 1 << 16;

    private readonly BinFile _file;
    private readonly uint _section;
    private readonly byte[] _buffer;
    private readonly long _end;
    private long _bufferStart;
    private int _position;
    private int _filled;

    internal SectionReader(BinFile file, uint section, long start, long length)
    {
        _file = file;
        _section = section;
        _bufferStart = start;
        _end = start + length;
        _buffer = new byte[(int)Math.Min(BufferSize, length)];
    }

    /// <summary>Offset of the next byte, from the start of the file.</summary>
    public long Offset => _bufferStart + _position;

    /// <summary>Bytes of the section not yet read.</summary>
    public long Remaining => _end - Offset;

    /// <summary>Next unsigned 32-bit number, little-endian.</summary>
    public uint ReadUInt32() => BinaryPrimitives.ReadUInt32LittleEndian(ReadBytes(4));

    /// <summary>Next unsigned 64-bit number, little-endian.</summary>
    public ulong ReadUInt64() => BinaryPrimitives.ReadUInt64LittleEndian(ReadBytes(8));

    /// <summary>Next u32 as a count, refused above the limit.</summary>
    public int ReadCount(string what, int limit)
    {
        var at = Offset;
        var count = ReadUInt32();
        return count <= (uint)limit ? (int)count : throw Error($"{count} {what}; at most {limit} are accepted", at);
    }

    /// <summary>The next <paramref name="count"/> bytes (at most 4096); valid until the next read.</summary>
    public ReadOnlySpan<byte> ReadBytes(int count)
    {
        if (_filled - _position < count)
            Refill(count);
        var bytes = _buffer.AsSpan(_position, count);
        _position += count;
        return bytes;
    }

    /// <summary>Fills the whole destination, of any length.</summary>
    public void ReadExactly(Span<byte> destination)
    {
        if (destination.Length > Remaining)
            throw Error($"the section ends {destination.Length - Remaining} bytes too early");
        var buffered = Math.Min(destination.Length, _filled - _position);
        _buffer.AsSpan(_position, buffered).CopyTo(destination);
        _position += buffered;
        var rest = destination[buffered..];
        if (rest.IsEmpty)
            return;
        if (_file.ReadAt(Offset, rest) < rest.Length)
            throw Error("the file became shorter while it was read");
        _bufferStart = Offset + rest.Length;
        _position = _filled = 0;
    }

    /// <summary>Demands that everything has been read.</summary>
    public void RequireEnd()
    {
        if (Remaining != 0)
            throw Error($"{Remaining} bytes more than the section should have");
    }

    /// <summary>An error at this section, by default at the present position.</summary>
    public BinaryFormatException Error(string problem, long? at = null) => new(_file.Name, _section, at ?? Offset, problem);

    private void Refill(int count)
    {
        if (count > Remaining)
            throw Error($"the section ends {count - Remaining} bytes too early");
        _bufferStart = Offset;
        _position = 0;
        _filled = (int)Math.Min(_buffer.Length, _end - _bufferStart);
        if (_file.ReadAt(_bufferStart, _buffer.AsSpan(0, _filled)) < _filled)
            throw Error("the file became shorter while it was read");
    }
}
