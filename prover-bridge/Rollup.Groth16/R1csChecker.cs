using Rollup.Groth16.Formats;

namespace Rollup.Groth16;

/// <summary>Checks a witness against a constraint system, constraint by constraint, and says in the circuit's own names what fails.</summary>
public sealed class R1csChecker
{
    private readonly R1cs _r1cs;
    private readonly SymbolTable? _symbols;

    /// <summary>Creates a checker.</summary>
    /// <param name="r1cs">The constraint system.</param>
    /// <param name="symbols">Names for reports; without them wires are called "wire 17".</param>
    public R1csChecker(R1cs r1cs, SymbolTable? symbols = null)
    {
        _r1cs = r1cs;
        _symbols = symbols;
    }

    /// <summary>Indices of failing constraints in ascending order, at most <paramref name="limit"/> of them; none for a valid witness.</summary>
    /// <exception cref="ArgumentException">The witness has another length than the circuit, or wire 0 is not one.</exception>
    public IReadOnlyList<int> FindFailures(ReadOnlySpan<Fr> witness, int limit = int.MaxValue)
    {
        RequireWitness(_r1cs, witness);
        var coefficients = _r1cs.Coefficients.Span;
        var failures = new List<int>();
        for (var i = 0; i < _r1cs.ConstraintCount && failures.Count < limit; i++)
        {
            var a = _r1cs.A.Evaluate(i, coefficients, witness);
            var b = _r1cs.B.Evaluate(i, coefficients, witness);
            if (a * b != _r1cs.C.Evaluate(i, coefficients, witness))
                failures.Add(i);
        }
        return failures;
    }

    /// <summary>Names the signals of a constraint and the components they are in.</summary>
    public ConstraintDescription Describe(int constraint)
    {
        var wires = new SortedSet<int>();
        foreach (var matrix in (ReadOnlySpan<SparseMatrix>)[_r1cs.A, _r1cs.B, _r1cs.C])
        {
            foreach (var wire in matrix.Wires(constraint))
                wires.Add(wire);
        }
        wires.Remove(0);
        return new ConstraintDescription(
            constraint,
            [.. wires.Select(wire => new ConstraintSignal(wire, _symbols?.NameOf(wire) ?? $"wire {wire}"))]);
    }

    internal static void RequireWitness(R1cs r1cs, ReadOnlySpan<Fr> witness)
    {
        if (witness.Length != r1cs.WireCount)
            throw new ArgumentException($"The witness has {witness.Length} values, the circuit {r1cs.WireCount} wires: it belongs to another circuit.", nameof(witness));
        if (!witness[0].IsOne)
            throw new ArgumentException("The first value of a witness is the constant one.", nameof(witness));
    }
}

/// <summary>A signal of a constraint.</summary>
/// <param name="Wire">Witness index.</param>
/// <param name="Name">Its full name, e.g. "main.rows[1].hash.out", or "wire 17" if names are not known.</param>
public sealed record ConstraintSignal(int Wire, string Name)
{
    /// <summary>The path of the component the signal is declared in, e.g. "main.rows[1].hash"; empty if names are not known.</summary>
    public string Component => Name.LastIndexOf('.') is > 0 and var dot ? Name[..dot] : "";
}

/// <summary>A constraint in the circuit's own names.</summary>
/// <param name="Constraint">Index in the constraint system, from 0.</param>
/// <param name="Signals">The signals, by ascending wire, without the constant one.</param>
public sealed record ConstraintDescription(int Constraint, IReadOnlyList<ConstraintSignal> Signals)
{
    /// <summary>
    /// The deepest component with a signal in the constraint. Of equal signals the compiler keeps the outermost, so inputs of
    /// a component often carry their parent's name, while its own intermediate signals tell where the constraint was written. Of equally deep components, that of the last signal.
    /// </summary>
    public string Component => Signals.Reverse().Select(signal => signal.Component).MaxBy(path => path.Count(character => character == '.')) ?? "";

    /// <summary>True if some signal of the constraint is declared in this component or inside it.</summary>
    public bool Touches(string component) => Signals.Any(signal =>
        signal.Component.StartsWith(component, StringComparison.Ordinal)
        && (signal.Component.Length == component.Length || signal.Component[component.Length] is '.' or '['));

    /// <summary>One line: index, component, signals.</summary>
    public override string ToString() =>
        $"constraint {Constraint}{(Component.Length > 0 ? $" in {Component}" : "")}: {string.Join(", ", Signals.Select(signal => signal.Name))}";
}
