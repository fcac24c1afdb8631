using System.Numerics;

namespace Rollup.Ethereum;

/// <summary>Recursive Length Prefix encoding (Ethereum yellow paper, appendix B). Items are encoded first and then listed.</summary>
public static class Rlp
{
    /// <summary>A byte string.</summary>
    public static byte[] Bytes(ReadOnlySpan<byte> value) =>
        value.Length == 1 && value[0] < 0x80 ? [value[0]] : [.. Prefix(0x80, value.Length), .. value];

    /// <summary>A non-negative integer: big-endian without leading zeros, zero is the empty string.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative.</exception>
    public static byte[] Integer(BigInteger value)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(value);
        return value.IsZero ? [0x80] : Bytes(value.ToByteArray(isUnsigned: true, isBigEndian: true));
    }

    /// <summary>A list of items that are already encoded.</summary>
    public static byte[] List(params ReadOnlySpan<byte[]> items)
    {
        byte[] payload = [];
        foreach (var item in items) payload = [.. payload, .. item];
        return [.. Prefix(0xc0, payload.Length), .. payload];
    }

    private static byte[] Prefix(int offset, int length)
    {
        if (length <= 55) return [(byte)(offset + length)];
        var lengthBytes = new BigInteger(length).ToByteArray(isUnsigned: true, isBigEndian: true);
        return [(byte)(offset + 55 + lengthBytes.Length), .. lengthBytes];
    }
}
