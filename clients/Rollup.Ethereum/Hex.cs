using System.Globalization;
using System.Numerics;

namespace Rollup.Ethereum;

/// <summary>The two hexadecimal forms of Ethereum's JSON-RPC: byte strings and quantities (no leading zeros).</summary>
public static class Hex
{
    public static string Format(ReadOnlySpan<byte> bytes) => "0x" + Convert.ToHexStringLower(bytes);

    /// <summary>Parses <c>0x</c> and an even number of digits; <c>0x</c> alone is empty.</summary>
    /// <exception cref="FormatException">The text has another form.</exception>
    public static byte[] Parse(string text)
    {
        if (!text.StartsWith("0x", StringComparison.Ordinal)) throw new FormatException("Bytes are written as 0x and hexadecimal digits.");
        return Convert.FromHexString(text.AsSpan(2));
    }

    /// <exception cref="ArgumentOutOfRangeException">The value is negative.</exception>
    public static string FormatQuantity(BigInteger value)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(value);
        var digits = value.ToString("x", CultureInfo.InvariantCulture).TrimStart('0');
        return digits.Length == 0 ? "0x0" : "0x" + digits;
    }

    /// <summary>Parses a quantity of at most 256 bits. Leading zeros are accepted: some endpoints send them.</summary>
    /// <exception cref="FormatException">The text has another form.</exception>
    public static BigInteger ParseQuantity(string text)
    {
        if (text.Length is < 3 or > 66 || !text.StartsWith("0x", StringComparison.Ordinal) ||
            !BigInteger.TryParse("0" + text[2..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value))
            throw new FormatException("A quantity is 0x and 1 to 64 hexadecimal digits.");
        return value;
    }
}
