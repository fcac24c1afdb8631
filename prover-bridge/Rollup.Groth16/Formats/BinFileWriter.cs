using System.Buffers.Binary;
using System.Text;

namespace Rollup.Groth16.Formats;

/// <summary>Writes an iden3 container to a seekable stream; each section's length is filled in when the section is ended.</summary>
public sealed class BinFileWriter
{
    private readonly Stream _stream;
    private long _sectionStart = -1;
    private uint _sectionsLeft;

    /// <summary>Writes the container's head.</summary>
    /// <param name="stream">Seekable and writable; stays open, buffered by its owner.</param>
    /// <param name="magic">Four ASCII characters.</param>
    /// <param name="version">Format version.</param>
    /// <param name="sections">Exact number of sections that will follow.</param>
    public BinFileWriter(Stream stream, string magic, uint version, uint sections)
    {
        _stream = stream;
        _sectionsLeft = sections;
        _stream.Write(Encoding.ASCII.GetBytes(magic));
        Write(version);
        Write(sections);
    }

    /// <summary>Begins a section; the one before must have been ended.</summary>
    public void Begin(uint section)
    {
        if (_sectionStart >= 0 || _sectionsLeft == 0)
            throw new InvalidOperationException("A section is still open, or more are written than were announced.");
        _sectionsLeft--;
        Write(section);
        Write(0UL);
        _sectionStart = _stream.Position;
    }

    /// <summary>Ends the open section.</summary>
    public void End()
    {
        var end = _stream.Position;
        _stream.Position = _sectionStart - sizeof(ulong);
        Write((ulong)(end - _sectionStart));
        _stream.Position = end;
        _sectionStart = -1;
    }

    /// <summary>Demands that all announced sections were written.</summary>
    public void Complete()
    {
        if (_sectionStart >= 0 || _sectionsLeft != 0)
            throw new InvalidOperationException("A section is still open, or fewer were written than announced.");
    }

    /// <summary>Little-endian 32 bits.</summary>
    public void Write(uint value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        _stream.Write(bytes);
    }

    /// <summary>Little-endian 64 bits.</summary>
    public void Write(ulong value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        _stream.Write(bytes);
    }

    /// <summary>Bytes as they are.</summary>
    public void Write(ReadOnlySpan<byte> bytes) => _stream.Write(bytes);
}
