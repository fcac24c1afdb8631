using Rollup.Crypto;

namespace Rollup.Groth16.Formats;

/// <summary>Field elements and moduli as the iden3 formats hold them.</summary>
internal static class FieldIo
{
    /// <summary>Reads u32 byte length and modulus, and demands those of the expected BN254 field.</summary>
    public static void RequireModulus<TModulus>(this SectionReader reader, string what)
        where TModulus : struct, IPrimeModulus
    {
        var at = reader.Offset;
        var length = reader.ReadUInt32();
        if (length != PrimeField<TModulus>.ByteLength)
            throw reader.Error($"{what} of {length} bytes; BN254's has {PrimeField<TModulus>.ByteLength}", at);
        Span<byte> expected = stackalloc byte[PrimeField<TModulus>.ByteLength];
        PrimeField<TModulus>.Modulus.TryWriteBytes(expected, out _, isUnsigned: true);
        if (!reader.ReadBytes(expected.Length).SequenceEqual(expected))
            throw reader.Error($"{what} is not BN254's: the file belongs to another curve", at);
    }

    /// <summary>Writes u32 byte length and modulus.</summary>
    public static void WriteModulus<TModulus>(this BinFileWriter writer)
        where TModulus : struct, IPrimeModulus
    {
        Span<byte> modulus = stackalloc byte[PrimeField<TModulus>.ByteLength];
        PrimeField<TModulus>.Modulus.TryWriteBytes(modulus, out _, isUnsigned: true);
        writer.Write((uint)modulus.Length);
        writer.Write(modulus);
    }

    /// <summary>Reads 32 little-endian bytes that must be below r.</summary>
    public static Fr ReadFr(this SectionReader reader)
    {
        var at = reader.Offset;
        return Fr.TryFromCanonicalLittleEndian(reader.ReadBytes(Fr.ByteLength), out var value)
            ? value
            : throw reader.Error("a field element is not below r", at);
    }
}
