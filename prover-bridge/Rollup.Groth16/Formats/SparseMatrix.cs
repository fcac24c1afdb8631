namespace Rollup.Groth16.Formats;

/// <summary>One of an R1CS's three matrices, compressed by rows: 8 bytes a term, the coefficients themselves are shared.</summary>
public sealed class SparseMatrix
{
    private readonly int[] _rowStarts;
    private readonly int[] _wires;
    private readonly int[] _coefficients;

    internal SparseMatrix(int[] rowStarts, int[] wires, int[] coefficients)
    {
        _rowStarts = rowStarts;
        _wires = wires;
        _coefficients = coefficients;
    }

    /// <summary>Number of rows: the constraints.</summary>
    public int RowCount => _rowStarts.Length - 1;

    /// <summary>Number of terms in all rows.</summary>
    public int TermCount => _wires.Length;

    /// <summary>Number of terms in all rows before this one.</summary>
    internal int TermsBefore(int row) => _rowStarts[row];

    /// <summary>Wires of a row's terms.</summary>
    public ReadOnlySpan<int> Wires(int row) => _wires.AsSpan(_rowStarts[row].._rowStarts[row + 1]);

    /// <summary>Indices into <see cref="R1cs.Coefficients"/> of a row's terms, in the order of <see cref="Wires"/>.</summary>
    public ReadOnlySpan<int> CoefficientIndices(int row) => _coefficients.AsSpan(_rowStarts[row].._rowStarts[row + 1]);

    /// <summary>The row's product with a vector of one value a wire.</summary>
    public Fr Evaluate(int row, ReadOnlySpan<Fr> coefficients, ReadOnlySpan<Fr> witness)
    {
        var wires = Wires(row);
        var indices = CoefficientIndices(row);
        var sum = Fr.Zero;
        for (var i = 0; i < wires.Length; i++)
            sum += coefficients[indices[i]] * witness[wires[i]];
        return sum;
    }
}
