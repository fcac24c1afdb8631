using System.Numerics;

namespace Rollup.Groth16.Curve;

/// <summary>
/// An element of Fq6[w]/(w² - v), with w⁶ = ξ: the target field of the pairing. Written out as 12 coefficients it is
/// Σ (c_i0 + c_i1·u)·w^i for i = 0..5.
/// </summary>
public readonly struct Fq12 : IEquatable<Fq12>
{
    // ξ^(i·(q-1)/6): what the Frobenius map multiplies the coefficient of w^i by.
    private static readonly Fq2[] FrobeniusFactors =
        [.. Enumerable.Range(0, 6).Select(i => Fq2.Xi.Pow(i * (Fq.Modulus - BigInteger.One) / 6))];

    private readonly Fq6 _c0, _c1;

    internal Fq12(in Fq6 c0, in Fq6 c1)
    {
        _c0 = c0;
        _c1 = c1;
    }

    /// <summary>The neutral element of multiplication.</summary>
    public static Fq12 One => new(Fq6.One, Fq6.Zero);

    /// <summary>Product.</summary>
    public static Fq12 operator *(in Fq12 a, in Fq12 b)
    {
        var low = a._c0 * b._c0;
        var high = a._c1 * b._c1;
        return new(low + high.MultiplyByV(), (a._c0 + a._c1) * (b._c0 + b._c1) - low - high);
    }

    /// <summary>this · this.</summary>
    public Fq12 Square()
    {
        var product = _c0 * _c1;
        return new((_c0 + _c1) * (_c0 + _c1.MultiplyByV()) - product - product.MultiplyByV(), product + product);
    }

    /// <summary>this^(q⁶); for elements of norm one, such as a pairing's results, the inverse.</summary>
    public Fq12 Conjugate() => new(_c0, -_c1);

    /// <summary>The multiplicative inverse.</summary>
    /// <exception cref="DivideByZeroException">This is zero.</exception>
    public Fq12 Inverse()
    {
        var norm = (_c0 * _c0 - (_c1 * _c1).MultiplyByV()).Inverse();
        return new(_c0 * norm, -(_c1 * norm));
    }

    /// <summary>this^exponent for an exponent of 0 or more; not constant-time.</summary>
    public Fq12 Pow(BigInteger exponent) => Powers.Raise(this, One, exponent, (a, b) => a * b);

    /// <summary>this^q.</summary>
    public Fq12 Frobenius() => new(
        new(_c0.C0.Conjugate(), _c0.C1.Conjugate() * FrobeniusFactors[2], _c0.C2.Conjugate() * FrobeniusFactors[4]),
        new(_c1.C0.Conjugate() * FrobeniusFactors[1], _c1.C1.Conjugate() * FrobeniusFactors[3], _c1.C2.Conjugate() * FrobeniusFactors[5]));

    /// <summary>Product with a0 + (b0 + b1·v)·w, the shape of a line through points of the twist.</summary>
    internal Fq12 MultiplyByLine(in Fq2 a0, in Fq2 b0, in Fq2 b1)
    {
        var low = _c0 * a0;
        var high = _c1.MultiplyBy01(b0, b1);
        return new(low + high.MultiplyByV(), (_c0 + _c1).MultiplyBy01(a0 + b0, b1) - low - high);
    }

    /// <summary>The 6 coefficients over Fq2 in the nesting of snarkjs: of v⁰..v², without w, then with w.</summary>
    public Fq2[][] ToCoefficients() => [[_c0.C0, _c0.C1, _c0.C2], [_c1.C0, _c1.C1, _c1.C2]];

    /// <summary>Equality as field elements.</summary>
    public static bool operator ==(in Fq12 a, in Fq12 b) =>
        a._c0.C0 == b._c0.C0 && a._c0.C1 == b._c0.C1 && a._c0.C2 == b._c0.C2
        && a._c1.C0 == b._c1.C0 && a._c1.C1 == b._c1.C1 && a._c1.C2 == b._c1.C2;

    /// <summary>Inequality as field elements.</summary>
    public static bool operator !=(in Fq12 a, in Fq12 b) => !(a == b);

    /// <inheritdoc/>
    public bool Equals(Fq12 other) => this == other;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Fq12 other && this == other;

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(_c0.C0, _c1.C0);
}
