using Rollup.Protocol;

namespace Rollup.Crypto.Settlement;

/// <summary>Between protocol values and field elements.</summary>
public static class FieldConversions
{
    /// <summary>The address as the 160-bit number it is.</summary>
    public static Fr ToField(this Address address)
    {
        Span<byte> bytes = stackalloc byte[Fr.ByteLength];
        bytes.Clear();
        address.CopyTo(bytes[(Fr.ByteLength - Address.Size)..]);
        return Fr.FromBytesReducedBigEndian(bytes);
    }

    /// <summary>The address whose number the element is; false if it has more than 160 bits.</summary>
    public static bool TryToAddress(this in Fr element, out Address address)
    {
        Span<byte> bytes = stackalloc byte[Fr.ByteLength];
        element.WriteBigEndian(bytes);
        address = default;
        if (bytes[..(Fr.ByteLength - Address.Size)].ContainsAnyExcept((byte)0)) return false;
        address = Address.FromBytes(bytes[(Fr.ByteLength - Address.Size)..]);
        return true;
    }
}
