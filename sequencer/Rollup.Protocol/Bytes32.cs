using System.Buffers;
using System.Buffers.Binary;

namespace Rollup.Protocol;

/// <summary>32 bytes: a hash, a topic or a storage word. <c>default</c> is all zeros.</summary>
public readonly struct Bytes32 : IEquatable<Bytes32>
{
    public const int Size = 32;

    private readonly UInt128 high, low;

    private Bytes32(UInt128 high, UInt128 low) => (this.high, this.low) = (high, low);

    /// <exception cref="ArgumentException">The length is not 32.</exception>
    public static Bytes32 FromBytes(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length != Size) throw new ArgumentException($"{Size} bytes are needed, not {bytes.Length}.", nameof(bytes));
        return new Bytes32(BinaryPrimitives.ReadUInt128BigEndian(bytes), BinaryPrimitives.ReadUInt128BigEndian(bytes[16..]));
    }

    /// <summary>Parses <c>0x</c> and 64 hexadecimal digits.</summary>
    /// <exception cref="FormatException">The text has another form.</exception>
    public static Bytes32 Parse(string text)
    {
        Span<byte> bytes = stackalloc byte[Size];
        if (text.Length != 2 + 2 * Size || !text.StartsWith("0x", StringComparison.Ordinal) ||
            Convert.FromHexString(text.AsSpan(2), bytes, out _, out _) != OperationStatus.Done)
            throw new FormatException("32 bytes are written as 0x followed by 64 hexadecimal digits.");
        return FromBytes(bytes);
    }

    public byte[] ToBytes()
    {
        var bytes = new byte[Size];
        BinaryPrimitives.WriteUInt128BigEndian(bytes, high);
        BinaryPrimitives.WriteUInt128BigEndian(bytes.AsSpan(16), low);
        return bytes;
    }

    public bool Equals(Bytes32 other) => high == other.high && low == other.low;
    public override bool Equals(object? obj) => obj is Bytes32 other && Equals(other);
    public override int GetHashCode() => HashCode.Combine(high, low);
    public static bool operator ==(Bytes32 left, Bytes32 right) => left.Equals(right);
    public static bool operator !=(Bytes32 left, Bytes32 right) => !left.Equals(right);

    public override string ToString() => "0x" + Convert.ToHexStringLower(ToBytes());
}
