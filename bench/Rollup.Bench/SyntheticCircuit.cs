using Rollup.Groth16.Formats;

namespace Rollup.Bench;

/// <summary>A chain of products: every row multiplies two sums of earlier wires into a new wire, so that no column of A or B is empty.</summary>
internal static class SyntheticCircuit
{
    /// <summary>Public inputs of every such circuit.</summary>
    public const int PublicInputs = 4;

    /// <summary>The .r1cs file.</summary>
    public static byte[] File(int constraints, int termsPerRow)
    {
        var stream = new MemoryStream();
        var writer = new BinFileWriter(stream, "r1cs", 1, 3);
        int wires = constraints + PublicInputs + 1;
        var random = new Random(3);
        byte[][] coefficients = [.. Enumerable.Range(1, 1000).Select(i => Fr.FromInt64(500 - i).Pow(5).ToLittleEndianBytes())];
        writer.Begin(1);
        writer.Write((uint)Fr.ByteLength);
        writer.Write(Fr.Modulus.ToByteArray(isUnsigned: true));
        foreach (uint count in (uint[])[(uint)wires, 0, PublicInputs, 0])
            writer.Write(count);
        writer.Write((ulong)wires);
        writer.Write((uint)constraints);
        writer.End();
        writer.Begin(2);
        for (int row = 0; row < constraints; row++)
        {
            int earlier = row + PublicInputs + 1;
            foreach (int terms in (int[])[termsPerRow, termsPerRow])
            {
                writer.Write((uint)terms);
                for (int i = 0; i < terms; i++)
                {
                    writer.Write((uint)(i == 0 ? earlier - 1 : random.Next(earlier)));
                    writer.Write(coefficients[random.Next(coefficients.Length)]);
                }
            }
            writer.Write(1u);
            writer.Write((uint)earlier);
            writer.Write(Fr.One.ToLittleEndianBytes());
        }
        writer.End();
        writer.Begin(3);
        for (int i = 0; i < wires; i++)
            writer.Write((ulong)i);
        writer.End();
        writer.Complete();
        return stream.ToArray();
    }

    /// <summary>A witness, whose values are of full size from the first rows on.</summary>
    public static Fr[] Witness(R1cs r1cs)
    {
        var witness = new Fr[r1cs.WireCount];
        witness[0] = Fr.One;
        for (int i = 1; i <= PublicInputs; i++) witness[i] = Fr.FromUInt64(0x9E3779B97F4A7C15).Pow((ulong)(7 * i));
        ReadOnlySpan<Fr> coefficients = r1cs.Coefficients.Span;
        for (int row = 0; row < r1cs.ConstraintCount; row++)
            witness[row + PublicInputs + 1] = r1cs.A.Evaluate(row, coefficients, witness) * r1cs.B.Evaluate(row, coefficients, witness);
        return witness;
    }
}
