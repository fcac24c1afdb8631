using System.Numerics;
using Rollup.Groth16.Formats;

namespace Rollup.Groth16;

/// <summary>
/// The polynomials of a constraint system at a point τ, from the values of the Lagrange polynomials there. Row i of the domain
/// is constraint i; then come rows 1·w_s·0 = 0 for the constant one and each public input s, as snarkjs adds them.
/// </summary>
internal sealed class QapEvaluation
{
    private QapEvaluation(Fr[] a, Fr[] b, Fr[] c)
    {
        A = a;
        B = b;
        C = c;
    }

    /// <summary>A_s(τ), B_s(τ), C_s(τ) for each wire s.</summary>
    public Fr[] A { get; }

    /// <inheritdoc cref="A"/>
    public Fr[] B { get; }

    /// <inheritdoc cref="A"/>
    public Fr[] C { get; }

    /// <summary>The exponent of the smallest power of two, 2 or more, that holds all rows.</summary>
    public static int DomainPower(R1cs r1cs) =>
        Math.Max(1, 32 - BitOperations.LeadingZeroCount((uint)(r1cs.ConstraintCount + r1cs.PublicCount)));

    /// <summary>Evaluates all polynomials.</summary>
    public static QapEvaluation At(in Fr tau, R1cs r1cs, int domainPower)
    {
        var lagrange = Lagrange(tau, domainPower, 0, 1, Fr.One);
        var coefficients = r1cs.Coefficients.Span;
        var a = Columns(r1cs.A, r1cs.WireCount, coefficients, lagrange);
        for (var s = 0; s <= r1cs.PublicCount; s++)
            a[s] += lagrange[r1cs.ConstraintCount + s];
        var result = new QapEvaluation(a, Columns(r1cs.B, r1cs.WireCount, coefficients, lagrange), Columns(r1cs.C, r1cs.WireCount, coefficients, lagrange));
        Array.Clear(lagrange);
        return result;
    }

    /// <summary>
    /// L_i(τ)·factor for i = first, first + step, ... of the domain of 2^power roots of unity:
    /// L_i(τ) = ω^i·(τ^n - 1) / (n·(τ - ω^i)).
    /// </summary>
    /// <exception cref="InvalidOperationException">τ is in the domain, where the formula divides by zero.</exception>
    public static Fr[] Lagrange(in Fr tau, int power, int first, int step, in Fr factor)
    {
        var root = RootOfUnity(power);
        var ratio = root.Pow((ulong)step);
        var values = new Fr[(1 << power) / step];
        var omega = root.Pow((ulong)first);
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = tau - omega;
            omega *= ratio;
        }
        var scale = tau.Pow(1UL << power) - Fr.One;
        if (scale.IsZero)
            throw new InvalidOperationException("The secret point is a root of unity: draw another secret.");
        scale = scale * Fr.FromUInt64(1UL << power).Inverse() * factor;
        Fr.BatchInverse(values);
        omega = root.Pow((ulong)first) * scale;
        for (var i = 0; i < values.Length; i++)
        {
            values[i] *= omega;
            omega *= ratio;
        }
        return values;
    }

    // snarkjs's choice: the non-residue 5 to the odd part of r - 1, squared down to order 2^power.
    internal static Fr RootOfUnity(int power)
    {
        var root = Fr.TwoAdicRoot;
        for (var i = power; i < Crypto.Bn254Scalar.TwoAdicity; i++)
            root = root.Square();
        return root;
    }

    private static Fr[] Columns(SparseMatrix matrix, int wireCount, ReadOnlySpan<Fr> coefficients, ReadOnlySpan<Fr> lagrange)
    {
        var columns = new Fr[wireCount];
        for (var row = 0; row < matrix.RowCount; row++)
        {
            var wires = matrix.Wires(row);
            var indices = matrix.CoefficientIndices(row);
            for (var i = 0; i < wires.Length; i++)
                columns[wires[i]] += coefficients[indices[i]] * lagrange[row];
        }
        return columns;
    }
}
