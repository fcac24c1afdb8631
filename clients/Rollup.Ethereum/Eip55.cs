using Rollup.Crypto;
using Rollup.Protocol;

namespace Rollup.Ethereum;

/// <summary>Addresses with the checksum that EIP-55 hides in the case of the letters.</summary>
public static class Eip55
{
    public static string Format(Address address)
    {
        var digits = address.ToString()[2..].ToCharArray();
        Span<byte> ascii = stackalloc byte[digits.Length];
        System.Text.Encoding.ASCII.GetBytes(digits, ascii);
        var hash = Keccak.Hash256(ascii);
        for (var i = 0; i < digits.Length; i++)
        {
            var nibble = i % 2 == 0 ? hash[i / 2] >> 4 : hash[i / 2] & 15;
            if (nibble >= 8) digits[i] = char.ToUpperInvariant(digits[i]);
        }
        return "0x" + new string(digits);
    }

    /// <summary>Parses an address; text in mixed case must carry the right checksum, text in one case carries none.</summary>
    /// <exception cref="FormatException">The text is no address, or its checksum is wrong.</exception>
    public static Address Parse(string text)
    {
        var address = Address.Parse(text);
        var digits = text.AsSpan(2);
        var mixed = digits.ContainsAnyInRange('a', 'f') && digits.ContainsAnyInRange('A', 'F');
        if (mixed && Format(address) != text)
            throw new FormatException($"The checksum of address {text} is wrong: a character was mistyped.");
        return address;
    }
}
