using System.Security.Cryptography;

namespace Rollup.Groth16.Formats;

/// <summary>
/// Reads circom's .r1cs (version 1; iden3 "R1CS binary format"): section 1 header, 2 constraints, 3 wire to label.
/// Custom gates (sections 4 and 5), which only PLONK-like provers know, are refused.
/// </summary>
public static class R1csFile
{
    /// <summary>Largest number of wires or constraints accepted; 60 times what circom's WASM build can compile.</summary>
    public const int MaxCount = 1 << 26;

    private const uint HeaderSection = 1, ConstraintSection = 2, LabelSection = 3, GateListSection = 4, GateUseSection = 5;
    private const int TermBytes = sizeof(uint) + Fr.ByteLength;

    /// <summary>Reads a whole constraint system.</summary>
    /// <exception cref="BinaryFormatException">The file is malformed or of another curve.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static R1cs Load(string path)
    {
        using var file = BinFile.Open(path, "r1cs", 1);
        return Read(file);
    }

    /// <summary>As <see cref="Load"/>, over bytes in memory.</summary>
    public static R1cs Parse(ReadOnlyMemory<byte> content, string name)
    {
        using var file = BinFile.Parse(content, name, "r1cs", 1);
        return Read(file);
    }

    private static R1cs Read(BinFile file)
    {
        foreach (var gates in (ReadOnlySpan<uint>)[GateListSection, GateUseSection])
        {
            if (file.Has(gates))
                throw new BinaryFormatException(file.Name, gates, file.Locate(gates).Start, "custom gates are not supported by Groth16");
        }
        var header = file.Read(HeaderSection);
        header.RequireModulus<Crypto.Bn254Scalar>("prime");
        var wires = header.ReadCount("wires", MaxCount);
        var outputs = header.ReadCount("public outputs", MaxCount);
        var publicInputs = header.ReadCount("public inputs", MaxCount);
        var privateInputs = header.ReadCount("private inputs", MaxCount);
        if (wires < 1L + outputs + publicInputs + privateInputs)
            throw header.Error($"{wires} wires cannot hold the constant one, {outputs} outputs and {(long)publicInputs + privateInputs} inputs");
        var labelCount = header.ReadUInt64();
        if (labelCount > long.MaxValue)
            throw header.Error($"{labelCount} labels");
        var constraints = header.ReadCount("constraints", MaxCount);
        header.RequireEnd();

        var labels = ReadLabels(file.Read(LabelSection), wires, labelCount);
        var (matrices, coefficients) = ReadConstraints(file.Read(ConstraintSection), constraints, wires);
        return new R1cs(outputs, publicInputs, privateInputs, (long)labelCount, labels, coefficients, matrices[0], matrices[1], matrices[2], Hash(file));
    }

    private static ulong[] ReadLabels(SectionReader reader, int wires, ulong labelCount)
    {
        if (reader.Remaining != wires * (long)sizeof(ulong))
            throw reader.Error($"the section has {reader.Remaining} bytes; {wires} wires need {wires * (long)sizeof(ulong)}");
        var labels = new ulong[wires];
        for (var i = 0; i < wires; i++)
        {
            labels[i] = reader.ReadUInt64();
            if (labels[i] >= labelCount)
                throw reader.Error($"wire {i} has label {labels[i]}; there are {labelCount}", reader.Offset - sizeof(ulong));
        }
        return labels;
    }

    private static (SparseMatrix[] Matrices, Fr[] Coefficients) ReadConstraints(SectionReader reader, int constraints, int wires)
    {
        // Before the row tables are allocated: even empty rows take 3 counts.
        if (reader.Remaining < constraints * 3L * sizeof(uint))
            throw reader.Error($"the section has {reader.Remaining} bytes; {constraints} constraints need {constraints * 3L * sizeof(uint)} or more");
        var builders = new[] { new MatrixBuilder(constraints), new MatrixBuilder(constraints), new MatrixBuilder(constraints) };
        var indexOf = new Dictionary<Fr, int>();
        var coefficients = new List<Fr>();
        for (var row = 0; row < constraints; row++)
        {
            foreach (var builder in builders)
            {
                var at = reader.Offset;
                var terms = reader.ReadUInt32();
                if (terms > reader.Remaining / TermBytes)
                    throw reader.Error($"constraint {row} claims {terms} terms; the section has room for {reader.Remaining / TermBytes}", at);
                for (var i = 0; i < terms; i++)
                {
                    at = reader.Offset;
                    var wire = reader.ReadUInt32();
                    if (wire >= wires)
                        throw reader.Error($"constraint {row} uses wire {wire}; there are {wires}", at);
                    var coefficient = reader.ReadFr();
                    if (!indexOf.TryGetValue(coefficient, out var index))
                    {
                        index = coefficients.Count;
                        indexOf.Add(coefficient, index);
                        coefficients.Add(coefficient);
                    }
                    builder.Add((int)wire, index);
                }
                builder.EndRow();
            }
        }
        reader.RequireEnd();
        return (Array.ConvertAll(builders, builder => builder.Build()), [.. coefficients]);
    }

    private static byte[] Hash(BinFile file)
    {
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA512);
        file.CopyTo(sha.AppendData);
        return sha.GetHashAndReset();
    }

    private sealed class MatrixBuilder(int rows)
    {
        private readonly int[] _rowStarts = new int[rows + 1];
        private readonly List<int> _wires = new(rows);
        private readonly List<int> _coefficients = new(rows);
        private int _rows;

        public void Add(int wire, int coefficient)
        {
            _wires.Add(wire);
            _coefficients.Add(coefficient);
        }

        public void EndRow() => _rowStarts[++_rows] = _wires.Count;

        public SparseMatrix Build() => new(_rowStarts, [.. _wires], [.. _coefficients]);
    }
}
