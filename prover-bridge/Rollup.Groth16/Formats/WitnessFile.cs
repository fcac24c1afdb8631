using System.Runtime.InteropServices;

namespace Rollup.Groth16.Formats;

/// <summary>Reads and writes snarkjs's .wtns (version 2): section 1 header (n8, r, count), 2 the values, wire 0 (always one) first.</summary>
public static class WitnessFile
{
    private const uint HeaderSection = 1, ValueSection = 2, Version = 2;

    /// <summary>Reads a witness: one value a wire.</summary>
    /// <exception cref="BinaryFormatException">The file is malformed or of another curve.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static Fr[] Load(string path)
    {
        using var file = BinFile.Open(path, "wtns", Version);
        return Read(file);
    }

    /// <summary>Reads a witness as integers below r: four little-endian limbs a wire, the first of which must be one.</summary>
    /// <param name="path">The .wtns file.</param>
    /// <param name="wires">Wires that the circuit has, where that is known.</param>
    /// <exception cref="BinaryFormatException">The file is malformed, of another curve or of another circuit.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static ulong[] LoadLimbs(string path, int? wires = null)
    {
        using var file = BinFile.Open(path, "wtns", Version);
        var reader = OpenValues(file, out var count, wires);
        var limbs = new ulong[4 * count];
        var start = reader.Offset;
        reader.ReadExactly(MemoryMarshal.AsBytes(limbs.AsSpan()));
        for (var i = 0; i < limbs.Length; i += 4)
        {
            if (!Fr.TryFromMontgomery(limbs[i], limbs[i + 1], limbs[i + 2], limbs[i + 3], out _))
                throw reader.Error("a field element is not below r", start + 8L * i);
        }
        if (limbs is not [1, 0, 0, 0, ..])
            throw reader.Error("the first value, the constant, is not 1", start);
        return limbs;
    }

    /// <summary>As <see cref="Load"/>, over bytes in memory.</summary>
    public static Fr[] Parse(ReadOnlyMemory<byte> content, string name)
    {
        using var file = BinFile.Parse(content, name, "wtns", Version);
        return Read(file);
    }

    /// <summary>Writes a witness to a seekable stream.</summary>
    public static void Write(Stream stream, ReadOnlySpan<Fr> witness)
    {
        var limbs = new ulong[4 * witness.Length];
        for (var i = 0; i < witness.Length; i++)
            witness[i].ToCanonical(limbs.AsSpan(4 * i, 4));
        WriteLimbs(stream, limbs);
    }

    /// <summary>Writes a witness given as integers below r, four little-endian limbs a wire, to a seekable stream.</summary>
    public static void WriteLimbs(Stream stream, ReadOnlySpan<ulong> limbs)
    {
        var writer = new BinFileWriter(stream, "wtns", Version, 2);
        writer.Begin(HeaderSection);
        writer.WriteModulus<Crypto.Bn254Scalar>();
        writer.Write((uint)(limbs.Length / 4));
        writer.End();
        writer.Begin(ValueSection);
        writer.Write(MemoryMarshal.AsBytes(limbs));
        writer.End();
        writer.Complete();
    }

    private static Fr[] Read(BinFile file)
    {
        var reader = OpenValues(file, out var count, null);
        var witness = new Fr[count];
        for (var i = 0; i < count; i++)
            witness[i] = reader.ReadFr();
        return witness;
    }

    private static SectionReader OpenValues(BinFile file, out int count, int? wires)
    {
        var header = file.Read(HeaderSection);
        header.RequireModulus<Crypto.Bn254Scalar>("prime");
        count = header.ReadCount("values", R1csFile.MaxCount);
        if (count != (wires ?? count))
            throw header.Error($"{count} values; the key's circuit has {wires} wires: the witness is of another circuit", header.Offset - sizeof(uint));
        header.RequireEnd();
        var reader = file.Read(ValueSection);
        if (reader.Remaining != count * (long)Fr.ByteLength)
            throw reader.Error($"the section has {reader.Remaining} bytes; {count} values need {count * (long)Fr.ByteLength}");
        return reader;
    }
}
