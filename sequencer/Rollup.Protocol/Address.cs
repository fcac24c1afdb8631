using System.Buffers.Binary;
using System.Globalization;

namespace Rollup.Protocol;

/// <summary>
/// An Ethereum address: 20 bytes, ordered as the big-endian 160-bit number. <c>default</c> is the zero address.
/// Text is <c>0x</c> and 40 hexadecimal digits of either case; the EIP-55 checksum is not a matter of this type.
/// </summary>
public readonly struct Address : IEquatable<Address>, IComparable<Address>
{
    /// <summary>Bytes in an address.</summary>
    public const int Size = 20;

    private readonly UInt128 high;
    private readonly uint low;

    private Address(UInt128 high, uint low) => (this.high, this.low) = (high, low);

    /// <summary>Reads 20 big-endian bytes.</summary>
    /// <exception cref="ArgumentException">The length is not 20.</exception>
    public static Address FromBytes(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length != Size) throw new ArgumentException($"An address has {Size} bytes, not {bytes.Length}.", nameof(bytes));
        return new Address(BinaryPrimitives.ReadUInt128BigEndian(bytes), BinaryPrimitives.ReadUInt32BigEndian(bytes[16..]));
    }

    /// <summary>Parses <c>0x</c> and 40 hexadecimal digits.</summary>
    /// <exception cref="FormatException">The text has another form.</exception>
    public static Address Parse(string text) =>
        TryParse(text, out var address) ? address : throw new FormatException("An address is 0x followed by 40 hexadecimal digits.");

    /// <summary>As <see cref="Parse"/>, without an exception.</summary>
    public static bool TryParse(string? text, out Address address)
    {
        address = default;
        if (text is not { Length: 2 + 2 * Size } || !text.StartsWith("0x", StringComparison.Ordinal)) return false;
        Span<byte> bytes = stackalloc byte[Size];
        if (Convert.FromHexString(text.AsSpan(2), bytes, out _, out _) != System.Buffers.OperationStatus.Done) return false;
        address = FromBytes(bytes);
        return true;
    }

    public bool IsZero => high == 0 && low == 0;

    /// <summary>Writes 20 big-endian bytes to the start of <paramref name="destination"/>.</summary>
    public void CopyTo(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt128BigEndian(destination, high);
        BinaryPrimitives.WriteUInt32BigEndian(destination[16..], low);
    }

    public byte[] ToBytes()
    {
        var bytes = new byte[Size];
        CopyTo(bytes);
        return bytes;
    }

    public bool Equals(Address other) => high == other.high && low == other.low;
    public override bool Equals(object? obj) => obj is Address other && Equals(other);
    public override int GetHashCode() => HashCode.Combine(high, low);
    public int CompareTo(Address other) => high != other.high ? high.CompareTo(other.high) : low.CompareTo(other.low);

    public static bool operator ==(Address left, Address right) => left.Equals(right);
    public static bool operator !=(Address left, Address right) => !left.Equals(right);
    public static bool operator <(Address left, Address right) => left.CompareTo(right) < 0;
    public static bool operator >(Address left, Address right) => left.CompareTo(right) > 0;
    public static bool operator <=(Address left, Address right) => left.CompareTo(right) <= 0;
    public static bool operator >=(Address left, Address right) => left.CompareTo(right) >= 0;

    /// <summary>Lower-case text, e.g. <c>0x00000000219ab540356cbb839cbe05303d7705fa</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"0x{high:x32}{low:x8}");
}
