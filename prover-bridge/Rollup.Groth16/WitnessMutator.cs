using Rollup.Groth16.Formats;

namespace Rollup.Groth16;

/// <summary>
/// Answers, for one signal of a fixed witness at a time: which constraints fail if its value alone is changed? Every constraint's
/// three sums are kept and the terms are indexed by wire, so an answer costs a few multiplications for each term the wire
/// occurs in, and all signals of a circuit cost about as much as one full check.
/// </summary>
public sealed class WitnessMutator
{
    private readonly Fr[] _witness;
    private readonly Fr[] _coefficients;
    private readonly Fr[][] _sums;
    private readonly int[] _starts;
    private readonly Term[] _terms;

    /// <summary>Indexes a constraint system under a witness, which need not satisfy it.</summary>
    /// <exception cref="ArgumentException">The witness has another length than the circuit, or wire 0 is not one.</exception>
    public WitnessMutator(R1cs r1cs, ReadOnlySpan<Fr> witness)
    {
        R1csChecker.RequireWitness(r1cs, witness);
        _witness = witness.ToArray();
        _coefficients = r1cs.Coefficients.ToArray();
        SparseMatrix[] matrices = [r1cs.A, r1cs.B, r1cs.C];
        _sums = Array.ConvertAll(matrices, matrix => Sums(matrix, r1cs.ConstraintCount));

        _starts = new int[r1cs.WireCount + 1];
        ForEachTerm(matrices, r1cs.ConstraintCount, (wire, _) => _starts[wire + 1]++);
        for (var i = 0; i < r1cs.WireCount; i++)
            _starts[i + 1] += _starts[i];
        var next = _starts[..^1];
        _terms = new Term[_starts[^1]];
        ForEachTerm(matrices, r1cs.ConstraintCount, (wire, term) => _terms[next[wire]++] = term);
    }

    /// <summary>Number of wires, the constant one included.</summary>
    public int WireCount => _witness.Length;

    /// <summary>The value of a wire in the witness.</summary>
    public Fr this[int wire] => _witness[wire];

    /// <summary>The constraints a wire occurs in, ascending.</summary>
    public IReadOnlyList<int> ConstraintsOf(int wire)
    {
        var constraints = new List<int>();
        foreach (ref readonly var term in Terms(wire))
        {
            if (constraints.Count == 0 || constraints[^1] != term.Constraint)
                constraints.Add(term.Constraint);
        }
        return constraints;
    }

    /// <summary>
    /// Constraints that a wire occurs in and that fail when it alone takes another value; ascending, at most
    /// <paramref name="limit"/>. Empty means that the constraints do not notice.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Wire 0, which a verifier fixes to one, or no wire of the circuit.</exception>
    public IReadOnlyList<int> FailuresAfter(int wire, in Fr value, int limit = int.MaxValue)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(wire);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(wire, WireCount);
        var failures = new List<int>();
        var difference = value - _witness[wire];
        var terms = Terms(wire);
        Span<Fr> sums = stackalloc Fr[3];
        for (var i = 0; i < terms.Length && failures.Count < limit;)
        {
            var constraint = terms[i].Constraint;
            for (var m = 0; m < sums.Length; m++)
                sums[m] = _sums[m][constraint];
            for (; i < terms.Length && terms[i].Constraint == constraint; i++)
                sums[terms[i].Matrix] += _coefficients[terms[i].Coefficient] * difference;
            if (sums[0] * sums[1] != sums[2])
                failures.Add(constraint);
        }
        return failures;
    }

    private ReadOnlySpan<Term> Terms(int wire) => _terms.AsSpan(_starts[wire].._starts[wire + 1]);

    private Fr[] Sums(SparseMatrix matrix, int rows)
    {
        var sums = new Fr[rows];
        for (var row = 0; row < rows; row++)
            sums[row] = matrix.Evaluate(row, _coefficients, _witness);
        return sums;
    }

    private static void ForEachTerm(SparseMatrix[] matrices, int rows, Action<int, Term> action)
    {
        for (var row = 0; row < rows; row++)
        {
            for (var m = 0; m < matrices.Length; m++)
            {
                var wires = matrices[m].Wires(row);
                var coefficients = matrices[m].CoefficientIndices(row);
                for (var i = 0; i < wires.Length; i++)
                    action(wires[i], new Term(row, m, coefficients[i]));
            }
        }
    }

    private readonly record struct Term(int Constraint, int Matrix, int Coefficient);
}
