using System.Buffers.Binary;

namespace Rollup.Crypto.Settlement;

/// <summary>Packs bit fields, low to high, into one field element. Throws when a value exceeds its width or the total exceeds 253 bits.</summary>
public ref struct WordWriter
{
    private UInt128 low, high;
    private int at;

    /// <summary>Appends <paramref name="value"/> in <paramref name="width"/> bits.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value has more bits, or the word is full.</exception>
    public WordWriter Add(UInt128 value, int width)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(at + width, 253, nameof(width));
        if (width < 128 && value >> width != 0) throw new ArgumentOutOfRangeException(nameof(value), $"{value} has more than {width} bits.");
        if (at < 128) low |= value << at;
        if (at >= 128) high |= value << (at - 128);
        else if (at > 0) high |= value >> (128 - at);
        at += width;
        return this;
    }

    public readonly Fr ToField()
    {
        Span<byte> bytes = stackalloc byte[Fr.ByteLength];
        BinaryPrimitives.WriteUInt128LittleEndian(bytes, low);
        BinaryPrimitives.WriteUInt128LittleEndian(bytes[16..], high);
        return Fr.TryFromCanonicalLittleEndian(bytes, out Fr word) ? word : throw new InvalidOperationException("A 253-bit word is below r.");
    }
}

/// <summary>Reads bit fields, low to high, from one field element.</summary>
public ref struct WordReader
{
    private UInt128 low, high;

    public WordReader(in Fr word)
    {
        Span<byte> bytes = stackalloc byte[Fr.ByteLength];
        word.WriteLittleEndian(bytes);
        low = BinaryPrimitives.ReadUInt128LittleEndian(bytes);
        high = BinaryPrimitives.ReadUInt128LittleEndian(bytes[16..]);
    }

    /// <summary>The next <paramref name="width"/> bits (1..127).</summary>
    public UInt128 Read(int width)
    {
        UInt128 value = low & ((UInt128.One << width) - 1);
        low = (low >> width) | (high << (128 - width));
        high >>= width;
        return value;
    }

    /// <summary>The next bits (at most 31) as an integer.</summary>
    public int ReadInt(int width) => (int)Read(width);

    /// <summary>True if only zero bits are left.</summary>
    public readonly bool IsExhausted => low == 0 && high == 0;
}
