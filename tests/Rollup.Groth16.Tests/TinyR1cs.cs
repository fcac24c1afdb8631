using Rollup.Groth16.Formats;

namespace Rollup.Groth16.Tests;

/// <summary>
/// A hand-made system over wires (1, out, pub, x): x·x = out - 3·pub and (2·x + 5)·pub = out + 7·x, of which (1, 13, 3, 2) is a solution; its file is small enough to
/// flip every bit.
/// </summary>
internal static class TinyR1cs
{
    /// <summary>A solution of the system whose constant is 5.</summary>
    public static Fr[] Witness => [Fr.One, Fr.FromUInt64(13), Fr.FromUInt64(3), Fr.FromUInt64(2)];

    /// <param name="constant">In place of the 5.</param>
    public static byte[] Bytes(int constant = 5)
    {
        var stream = new MemoryStream();
        var writer = new BinFileWriter(stream, "r1cs", 1, 3);
        writer.Begin(2);
        Row(writer, (3, 1));
        Row(writer, (3, 1));
        Row(writer, (1, 1), (2, -3));
        Row(writer, (3, 2), (0, constant));
        Row(writer, (2, 1));
        Row(writer, (1, 1), (3, 7));
        writer.End();
        writer.Begin(1);
        writer.Write(32u);
        writer.Write(Fr.Modulus.ToByteArray(isUnsigned: true));
        foreach (var count in (uint[])[4, 1, 1, 1])
            writer.Write(count);
        writer.Write(9UL);
        writer.Write(2u);
        writer.End();
        writer.Begin(3);
        foreach (var label in (ulong[])[0, 1, 2, 8])
            writer.Write(label);
        writer.End();
        writer.Complete();
        return stream.ToArray();
    }

    private static void Row(BinFileWriter writer, params (uint Wire, int Coefficient)[] terms)
    {
        writer.Write((uint)terms.Length);
        foreach (var (wire, coefficient) in terms)
        {
            writer.Write(wire);
            writer.Write(Fr.FromInt64(coefficient).ToLittleEndianBytes());
        }
    }
}
