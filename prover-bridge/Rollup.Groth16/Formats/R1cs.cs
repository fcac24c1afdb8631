namespace Rollup.Groth16.Formats;

/// <summary>
/// A rank-1 constraint system over BN254's scalar field: for every constraint i, (A_i·w)(B_i·w) = C_i·w, with w the witness.
/// Wire 0 is the constant one, then come outputs, public inputs, private inputs, intermediate signals.
/// </summary>
public sealed class R1cs
{
    private readonly ulong[] _labels;

    internal R1cs(int outputCount, int publicInputCount, int privateInputCount, long labelCount, ulong[] labels, Fr[] coefficients, SparseMatrix a, SparseMatrix b, SparseMatrix c, byte[] contentHash)
    {
        OutputCount = outputCount;
        PublicInputCount = publicInputCount;
        PrivateInputCount = privateInputCount;
        LabelCount = labelCount;
        _labels = labels;
        Coefficients = coefficients;
        A = a;
        B = b;
        C = c;
        ContentHash = contentHash;
    }

    /// <summary>Number of wires, the constant one included: the length of a witness.</summary>
    public int WireCount => _labels.Length;

    /// <summary>Public outputs.</summary>
    public int OutputCount { get; }

    /// <summary>Public inputs, outputs not included.</summary>
    public int PublicInputCount { get; }

    /// <summary>Private inputs.</summary>
    public int PrivateInputCount { get; }

    /// <summary>Outputs and public inputs: wires 1 to PublicCount, what the verifier is given.</summary>
    public int PublicCount => OutputCount + PublicInputCount;

    /// <summary>Signals before simplification.</summary>
    public long LabelCount { get; }

    /// <summary>Number of constraints.</summary>
    public int ConstraintCount => A.RowCount;

    /// <summary>Distinct coefficients; the matrices refer to them by index.</summary>
    public ReadOnlyMemory<Fr> Coefficients { get; }

    /// <summary>Left factors.</summary>
    public SparseMatrix A { get; }

    /// <summary>Right factors.</summary>
    public SparseMatrix B { get; }

    /// <summary>Products.</summary>
    public SparseMatrix C { get; }

    /// <summary>SHA-512 of the file: which circuit this is.</summary>
    public ReadOnlyMemory<byte> ContentHash { get; }

    /// <summary>The label (signal number before simplification, as in the .sym file) that names a wire.</summary>
    public ulong LabelOf(int wire) => _labels[wire];
}
