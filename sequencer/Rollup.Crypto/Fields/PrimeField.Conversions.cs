using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Security.Cryptography;

namespace Rollup.Crypto;

/// <content>Conversions: integers, canonical bytes, Montgomery limbs, text.</content>
public readonly partial struct PrimeField<TModulus>
{
    /// <summary>Bytes of an encoded element.</summary>
    public const int ByteLength = 32;

    /// <summary>p.</summary>
    public static BigInteger Modulus { get; } = ToBigInteger(TModulus.P0, TModulus.P1, TModulus.P2, TModulus.P3);

    private static PrimeField<TModulus> RSquared =>
        new(TModulus.RSquared[0], TModulus.RSquared[1], TModulus.RSquared[2], TModulus.RSquared[3]);

    /// <summary>The element of that value.</summary>
    public static PrimeField<TModulus> FromUInt64(ulong value) => new PrimeField<TModulus>(value, 0, 0, 0) * RSquared;

    /// <summary>The element of that value.</summary>
    public static PrimeField<TModulus> FromUInt128(UInt128 value) =>
        new PrimeField<TModulus>(unchecked((ulong)value), (ulong)(value >> 64), 0, 0) * RSquared;

    /// <summary>The element of that value; a negative v is p - |v|.</summary>
    public static PrimeField<TModulus> FromInt64(long value) => FromInt128(value);

    /// <summary>The element of that value; a negative v is p - |v|.</summary>
    public static PrimeField<TModulus> FromInt128(Int128 value) => Int128.IsNegative(value)
        ? -FromUInt128(unchecked((UInt128)(-value)))
        : FromUInt128((UInt128)value);

    /// <summary>value mod p, with 0 ≤ result &lt; p for negative values too.</summary>
    public static PrimeField<TModulus> FromBigInteger(BigInteger value)
    {
        BigInteger residue = BigInteger.Remainder(value, Modulus);
        if (residue.Sign < 0) residue += Modulus;
        Span<byte> bytes = stackalloc byte[ByteLength];
        bytes.Clear();
        residue.TryWriteBytes(bytes, out _, isUnsigned: true);
        TryFromCanonicalLittleEndian(bytes, out PrimeField<TModulus> element);
        return element;
    }

    /// <summary>The representative in 0..p-1.</summary>
    public BigInteger ToBigInteger()
    {
        PrimeField<TModulus> c = Canonical();
        return ToBigInteger(c._l0, c._l1, c._l2, c._l3);
    }

    /// <summary>The representative in 0..p-1 as four little-endian limbs.</summary>
    /// <param name="limbs">Receives 4 limbs.</param>
    public void ToCanonical(Span<ulong> limbs) => Canonical().WriteMontgomery(limbs);

    /// <summary>The representative, when it is below 2^64.</summary>
    public bool TryToUInt64(out ulong value)
    {
        PrimeField<TModulus> c = Canonical();
        value = c._l0;
        return (c._l1 | c._l2 | c._l3) == 0;
    }

    /// <summary>The representative, when it is below 2^128.</summary>
    public bool TryToUInt128(out UInt128 value)
    {
        PrimeField<TModulus> c = Canonical();
        value = new UInt128(c._l1, c._l0);
        return (c._l2 | c._l3) == 0;
    }

    /// <summary>Decodes exactly 32 little-endian bytes; refuses another length and every value that is not below p.</summary>
    public static bool TryFromCanonicalLittleEndian(ReadOnlySpan<byte> bytes, out PrimeField<TModulus> element) =>
        TryFromMontgomeryLittleEndian(bytes, out element) && Enter(ref element);

    /// <summary>Decodes exactly 32 big-endian bytes; refuses another length and every value that is not below p.</summary>
    public static bool TryFromCanonicalBigEndian(ReadOnlySpan<byte> bytes, out PrimeField<TModulus> element)
    {
        element = default;
        if (bytes.Length != ByteLength) return false;
        ulong l0 = BinaryPrimitives.ReadUInt64BigEndian(bytes[24..]), l1 = BinaryPrimitives.ReadUInt64BigEndian(bytes[16..]);
        ulong l2 = BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]), l3 = BinaryPrimitives.ReadUInt64BigEndian(bytes);
        return TryFromMontgomery(l0, l1, l2, l3, out element) && Enter(ref element);
    }

    /// <summary>
    /// The little-endian number of any length, reduced mod p; uniform to 2^-128 if its 48 or more bytes are. The time depends on the length alone.
    /// </summary>
    public static PrimeField<TModulus> FromBytesReducedLittleEndian(ReadOnlySpan<byte> bytes)
    {
        Span<byte> chunk = stackalloc byte[ByteLength];
        PrimeField<TModulus> result = Zero;
        // R^2 as limbs is the Montgomery form of 2^256.
        for (int start = (bytes.Length - 1) / ByteLength * ByteLength; start >= 0; start -= ByteLength)
        {
            ReadOnlySpan<byte> part = bytes[start..Math.Min(start + ByteLength, bytes.Length)];
            chunk.Clear();
            part.CopyTo(chunk);
            result = result * RSquared + FromLimbsReduced(
                BinaryPrimitives.ReadUInt64LittleEndian(chunk),
                BinaryPrimitives.ReadUInt64LittleEndian(chunk[8..]),
                BinaryPrimitives.ReadUInt64LittleEndian(chunk[16..]),
                BinaryPrimitives.ReadUInt64LittleEndian(chunk[24..]));
        }

        CryptographicOperations.ZeroMemory(chunk);
        return result;
    }

    /// <summary>As <see cref="FromBytesReducedLittleEndian"/>, for a big-endian number.</summary>
    public static PrimeField<TModulus> FromBytesReducedBigEndian(ReadOnlySpan<byte> bytes)
    {
        byte[] reversed = bytes.ToArray();
        Array.Reverse(reversed);
        PrimeField<TModulus> result = FromBytesReducedLittleEndian(reversed);
        CryptographicOperations.ZeroMemory(reversed);
        return result;
    }

    /// <summary>The 256-bit number of these little-endian limbs, reduced mod p in constant time.</summary>
    public static PrimeField<TModulus> FromLimbsReduced(ulong l0, ulong l1, ulong l2, ulong l3) =>
        // Only the right factor of a product may be unreduced: the rows then still end below 2p < 2^256, and one subtraction reduces them.
        RSquared * new PrimeField<TModulus>(l0, l1, l2, l3);

    /// <summary>Writes the canonical value as 32 little-endian bytes.</summary>
    public void WriteLittleEndian(Span<byte> destination) => Canonical().WriteMontgomeryLittleEndian(destination);

    /// <summary>Writes the canonical value as 32 big-endian bytes.</summary>
    public void WriteBigEndian(Span<byte> destination)
    {
        PrimeField<TModulus> c = Canonical();
        BinaryPrimitives.WriteUInt64BigEndian(destination[24..ByteLength], c._l0);
        BinaryPrimitives.WriteUInt64BigEndian(destination[16..], c._l1);
        BinaryPrimitives.WriteUInt64BigEndian(destination[8..], c._l2);
        BinaryPrimitives.WriteUInt64BigEndian(destination, c._l3);
    }

    /// <summary>The canonical value as 32 little-endian bytes.</summary>
    public byte[] ToLittleEndianBytes()
    {
        var bytes = new byte[ByteLength];
        WriteLittleEndian(bytes);
        return bytes;
    }

    /// <summary>The canonical value as 32 big-endian bytes.</summary>
    public byte[] ToBigEndianBytes()
    {
        var bytes = new byte[ByteLength];
        WriteBigEndian(bytes);
        return bytes;
    }

    /// <summary>The element whose Montgomery form (a·2^256 mod p) has these little-endian limbs; refuses limbs that are not below p.</summary>
    public static bool TryFromMontgomery(ulong l0, ulong l1, ulong l2, ulong l3, out PrimeField<TModulus> element)
    {
        ulong borrow = 0;
        SubtractBorrow(l0, TModulus.P0, ref borrow);
        SubtractBorrow(l1, TModulus.P1, ref borrow);
        SubtractBorrow(l2, TModulus.P2, ref borrow);
        SubtractBorrow(l3, TModulus.P3, ref borrow);
        element = borrow == 0 ? default : new(l0, l1, l2, l3);
        return borrow != 0;
    }

    /// <summary>As <see cref="TryFromMontgomery"/>, from exactly 32 little-endian bytes: how .zkey files hold coordinates.</summary>
    public static bool TryFromMontgomeryLittleEndian(ReadOnlySpan<byte> bytes, out PrimeField<TModulus> element)
    {
        element = default;
        return bytes.Length == ByteLength && TryFromMontgomery(
            BinaryPrimitives.ReadUInt64LittleEndian(bytes),
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[8..]),
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[16..]),
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[24..]),
            out element);
    }

    /// <summary>The element whose Montgomery form is congruent to Σ d_i·2^(51·i): |d_i| ≤ 2^51, and the sum within ±p.</summary>
    internal static PrimeField<TModulus> FromMontgomeryDigits(long d0, long d1, long d2, long d3, long d4)
    {
        unchecked
        {
            // Two's complement over 256 bits; digit i begins at bit 51·i.
            Int128 low = d0 + ((Int128)d1 << 51), middle = d2 + ((Int128)d3 << 51);
            UInt128 lower = (UInt128)low + ((UInt128)middle << 102);
            ulong carry = lower < ((UInt128)middle << 102) ? 1UL : 0UL;
            UInt128 upper = (UInt128)(low >> 127) + (UInt128)(middle >> 26) + ((UInt128)(Int128)d4 << 76) + carry;
            ulong l0 = (ulong)lower, l1 = (ulong)(lower >> 64), l2 = (ulong)upper, l3 = (ulong)(upper >> 64), c = 0, mask = 0UL - (l3 >> 63);
            l0 = AddCarry(l0, mask & TModulus.P0, ref c);
            l1 = AddCarry(l1, mask & TModulus.P1, ref c);
            l2 = AddCarry(l2, mask & TModulus.P2, ref c);
            return Reduced(l0, l1, l2, l3 + (mask & TModulus.P3) + c);
        }
    }

    /// <summary>The four little-endian limbs of the Montgomery form.</summary>
    /// <param name="limbs">Receives 4 limbs.</param>
    public void WriteMontgomery(Span<ulong> limbs)
    {
        limbs[3] = _l3;
        limbs[2] = _l2;
        limbs[1] = _l1;
        limbs[0] = _l0;
    }

    /// <summary>The Montgomery form as 32 little-endian bytes.</summary>
    public void WriteMontgomeryLittleEndian(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(destination[24..ByteLength], _l3);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[16..], _l2);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[8..], _l1);
        BinaryPrimitives.WriteUInt64LittleEndian(destination, _l0);
    }

    /// <summary>Reads a canonical value, decimal or 0x hexadecimal (any case, leading zeros allowed); no sign, no white space.</summary>
    public static bool TryParse(string? text, out PrimeField<TModulus> element)
    {
        element = default;
        // 78 decimal digits hold every canonical value; the limit keeps a stranger from feeding a megabyte of digits.
        if (text is null || text.Length is 0 or > 80) return false;
        BigInteger value;
        if (text.StartsWith("0x", StringComparison.Ordinal))
        {
            // The leading 0 keeps BigInteger from reading a high bit as a sign.
            if (!BigInteger.TryParse("0" + text[2..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value) || text.Length == 2) return false;
        }
        else if (!BigInteger.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value))
        {
            return false;
        }

        if (value >= Modulus) return false;
        element = FromBigInteger(value);
        return true;
    }

    /// <inheritdoc cref="TryParse"/>
    /// <exception cref="FormatException">Not such a number, or not below p.</exception>
    public static PrimeField<TModulus> Parse(string text) => TryParse(text, out PrimeField<TModulus> element)
        ? element
        : throw new FormatException($"'{(text?.Length > 80 ? text[..80] + "..." : text)}' is not a field element: expected a decimal or 0x hexadecimal number below {Modulus}.");

    /// <summary>The canonical value in decimal.</summary>
    public override string ToString() => ToBigInteger().ToString(CultureInfo.InvariantCulture);

    /// <summary>The canonical value as 0x and 64 lower-case hexadecimal digits.</summary>
    public string ToHex() => "0x" + Convert.ToHexStringLower(ToBigEndianBytes());

    // Leaves Montgomery form: the limbs of the result are the canonical representative.
    private PrimeField<TModulus> Canonical() => this * new PrimeField<TModulus>(1, 0, 0, 0);

    private static bool Enter(ref PrimeField<TModulus> element)
    {
        element *= RSquared;
        return true;
    }

    private static BigInteger ToBigInteger(ulong l0, ulong l1, ulong l2, ulong l3) =>
        (BigInteger)new UInt128(l3, l2) << 128 | new UInt128(l1, l0);
}
