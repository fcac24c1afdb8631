using System.Buffers.Text;
using System.Text;

namespace Rollup.Groth16.Formats;

/// <summary>
/// The names of a circuit's wires, from circom's .sym: a text file with a line "label,wire,component,name" for each signal of
/// the source. Signals the compiler simplified away (wire -1) are left out; of several equal signals it keeps one, so a wire has
/// one name. Names are kept as one block of UTF-8.
/// </summary>
public sealed class SymbolTable
{
    /// <summary>Longest line accepted, in bytes.</summary>
    public const int MaxLineLength = 4096;

    private readonly byte[] _text;
    private readonly int[] _nameStarts;
    private readonly int[] _wireOfName;
    private readonly int[] _nameOfWire;
    private readonly int[] _hashSlots;

    private SymbolTable(byte[] text, int[] nameStarts, int[] wireOfName, int[] nameOfWire)
    {
        _text = text;
        _nameStarts = nameStarts;
        _wireOfName = wireOfName;
        _nameOfWire = nameOfWire;
        _hashSlots = BuildHash();
    }

    /// <summary>Number of names.</summary>
    public int Count => _wireOfName.Length;

    /// <summary>Reads a .sym file.</summary>
    /// <exception cref="BinaryFormatException">A line is malformed; the offset is that of the line.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static SymbolTable Load(string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16, FileOptions.SequentialScan);
        return Parse(stream, path);
    }

    /// <summary>As <see cref="Load"/>, from a stream.</summary>
    public static SymbolTable Parse(Stream stream, string name)
    {
        var text = new MemoryStream();
        var starts = new List<int>();
        var wires = new List<int>();
        var nameOfWire = new List<int>();
        ForEachLine(stream, name, (line, offset) =>
        {
            if (ParseLine(line, name, offset) is not ({ } range, var wire))
                return;
            if (text.Length + line.Length > Array.MaxLength)
                throw new BinaryFormatException(name, null, offset, "more than 2 GiB of names");
            if (wire >= nameOfWire.Count)
                nameOfWire.AddRange(Enumerable.Repeat(-1, wire + 1 - nameOfWire.Count));
            if (nameOfWire[wire] >= 0)
                throw new BinaryFormatException(name, null, offset, $"wire {wire} is named twice");
            nameOfWire[wire] = wires.Count;
            starts.Add((int)text.Length);
            wires.Add(wire);
            text.Write(line[range]);
        });
        starts.Add((int)text.Length);
        return new SymbolTable(text.ToArray(), [.. starts], [.. wires], [.. nameOfWire]);
    }

    /// <summary>The name of a wire; null for the constant one (wire 0) and for unknown wires.</summary>
    public string? NameOf(int wire) =>
        wire >= 0 && wire < _nameOfWire.Length && _nameOfWire[wire] >= 0 ? NameAt(_nameOfWire[wire]) : null;

    /// <summary>The wire that carries a signal, e.g. "main.rows[1].hash.out"; false if there is none or it was simplified away.</summary>
    public bool TryGetWire(string name, out int wire)
    {
        var bytes = Encoding.UTF8.GetBytes(name);
        for (var slot = Hash(bytes) & (_hashSlots.Length - 1); _hashSlots[slot] != 0; slot = (slot + 1) & (_hashSlots.Length - 1))
        {
            var index = _hashSlots[slot] - 1;
            if (!Bytes(index).SequenceEqual(bytes))
                continue;
            wire = _wireOfName[index];
            return true;
        }
        wire = -1;
        return false;
    }

    /// <summary>All names that begin with a prefix, with their wires, in the order of the file.</summary>
    public IEnumerable<(string Name, int Wire)> WithPrefix(string prefix)
    {
        var bytes = Encoding.UTF8.GetBytes(prefix);
        for (var i = 0; i < Count; i++)
        {
            if (Bytes(i).StartsWith(bytes))
                yield return (NameAt(i), _wireOfName[i]);
        }
    }

    private ReadOnlySpan<byte> Bytes(int index) => _text.AsSpan(_nameStarts[index].._nameStarts[index + 1]);

    private string NameAt(int index) => Encoding.UTF8.GetString(Bytes(index));

    private delegate void LineAction(ReadOnlySpan<byte> line, long offset);

    private static void ForEachLine(Stream stream, string name, LineAction action)
    {
        var buffer = new byte[1 << 16];
        var (filled, offset) = (0, 0L);
        while (true)
        {
            var read = stream.Read(buffer, filled, buffer.Length - filled);
            filled += read;
            var start = 0;
            for (int end; (end = buffer.AsSpan(start..filled).IndexOf((byte)'\n')) >= 0; start += end + 1)
                action(buffer.AsSpan(start, end).TrimEnd((byte)'\r'), offset + start);
            offset += start;
            buffer.AsSpan(start..filled).CopyTo(buffer);
            filled -= start;
            if (filled > MaxLineLength)
                throw new BinaryFormatException(name, null, offset, $"a line longer than {MaxLineLength} bytes");
            if (read != 0)
                continue;
            if (filled > 0)
                action(buffer.AsSpan(0, filled), offset);
            return;
        }
    }

    // Null range: the signal has no wire of its own.
    private static (Range? Name, int Wire) ParseLine(ReadOnlySpan<byte> line, string file, long offset)
    {
        if (!TryTakeNumber(line, out _, out var afterLabel)
            || !TryTakeNumber(line[afterLabel..], out var wire, out var afterWire)
            || !TryTakeNumber(line[(afterLabel + afterWire)..], out _, out var afterComponent)
            || wire < -1 || wire >= R1csFile.MaxCount)
            throw new BinaryFormatException(file, null, offset, "the line is not \"label,wire,component,name\"");
        var name = (afterLabel + afterWire + afterComponent)..line.Length;
        if (line[name].IsEmpty || line[name].Contains((byte)','))
            throw new BinaryFormatException(file, null, offset, "the line does not end with one name");
        return (wire < 0 ? null : name, (int)wire);
    }

    // A decimal number and the comma behind it; next is the index after the comma.
    private static bool TryTakeNumber(ReadOnlySpan<byte> text, out long value, out int next)
    {
        var parsed = Utf8Parser.TryParse(text, out value, out var used) && used < text.Length && text[used] == ',';
        next = used + 1;
        return parsed;
    }

    // Open addressing at most half full; 0 = free, else name index + 1.
    private int[] BuildHash()
    {
        var slots = new int[(int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)(2 * Count + 1))];
        for (var i = 0; i < Count; i++)
        {
            var slot = Hash(Bytes(i)) & (slots.Length - 1);
            while (slots[slot] != 0)
                slot = (slot + 1) & (slots.Length - 1);
            slots[slot] = i + 1;
        }
        return slots;
    }

    private static int Hash(ReadOnlySpan<byte> bytes)
    {
        var hash = new HashCode();
        hash.AddBytes(bytes);
        return hash.ToHashCode();
    }
}
