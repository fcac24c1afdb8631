using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace Rollup.Groth16.Curve;

/// <summary>An element C0 + C1·u of Fq[u]/(u² + 1), where G2's coordinates live. The default value is zero.</summary>
[SuppressMessage("Design", "CA1051", Justification = "Read-only fields are passed by reference; properties would be copied in the hottest code.")]
public readonly struct Fq2 : IEquatable<Fq2>
{
    /// <summary>The element of these coefficients.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Fq2(in Fq c0, in Fq c1)
    {
        C0 = c0;
        C1 = c1;
    }

    /// <summary>Coefficient of 1.</summary>
    public readonly Fq C0;

    /// <summary>Coefficient of u.</summary>
    public readonly Fq C1;

    /// <summary>The neutral element of addition.</summary>
    public static Fq2 Zero => default;

    /// <summary>The neutral element of multiplication.</summary>
    public static Fq2 One => new(Fq.One, Fq.Zero);

    /// <summary>ξ = 9 + u, neither a square nor a cube: what Fq6 and the twist are built on.</summary>
    public static Fq2 Xi { get; } = new(Fq.FromUInt64(9), Fq.One);

    /// <summary>Whether this is zero.</summary>
    public bool IsZero => C0.IsZero && C1.IsZero;

    /// <summary>Sum.</summary>
    public static Fq2 operator +(in Fq2 a, in Fq2 b) => new(a.C0 + b.C0, a.C1 + b.C1);

    /// <summary>Difference.</summary>
    public static Fq2 operator -(in Fq2 a, in Fq2 b) => new(a.C0 - b.C0, a.C1 - b.C1);

    /// <summary>The additive inverse.</summary>
    public static Fq2 operator -(in Fq2 a) => new(-a.C0, -a.C1);

    /// <summary>Product, by 3 multiplications in Fq (Karatsuba).</summary>
    public static Fq2 operator *(in Fq2 a, in Fq2 b)
    {
        var low = a.C0 * b.C0;
        var high = a.C1 * b.C1;
        return new(low - high, (a.C0 + a.C1) * (b.C0 + b.C1) - low - high);
    }

    /// <summary>Product with an element of Fq.</summary>
    public static Fq2 operator *(in Fq2 a, in Fq b) => new(a.C0 * b, a.C1 * b);

    /// <summary>this · this, by 2 multiplications in Fq.</summary>
    public Fq2 Square() => new((C0 + C1) * (C0 - C1), (C0 * C1).Double());

    /// <summary>this + this.</summary>
    public Fq2 Double() => new(C0.Double(), C1.Double());

    /// <summary>C0 - C1·u, which is also this^q.</summary>
    public Fq2 Conjugate() => new(C0, -C1);

    /// <summary>ξ · this.</summary>
    public Fq2 MultiplyByXi()
    {
        var nine0 = C0.Double().Double().Double() + C0;
        var nine1 = C1.Double().Double().Double() + C1;
        return new(nine0 - C1, nine1 + C0);
    }

    /// <summary>The multiplicative inverse.</summary>
    /// <exception cref="DivideByZeroException">This is zero.</exception>
    public Fq2 Inverse()
    {
        var norm = (C0.Square() + C1.Square()).Inverse();
        return new(C0 * norm, -(C1 * norm));
    }

    /// <summary>this^exponent for an exponent of 0 or more; not constant-time.</summary>
    public Fq2 Pow(BigInteger exponent) => Powers.Raise(this, One, exponent, (a, b) => a * b);

    /// <summary>Equality as field elements.</summary>
    public static bool operator ==(in Fq2 a, in Fq2 b) => a.C0 == b.C0 && a.C1 == b.C1;

    /// <summary>Inequality as field elements.</summary>
    public static bool operator !=(in Fq2 a, in Fq2 b) => !(a == b);

    /// <inheritdoc/>
    public bool Equals(Fq2 other) => this == other;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Fq2 other && this == other;

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(C0, C1);

    /// <inheritdoc/>
    public override string ToString() => $"{C0} + {C1}·u";
}
