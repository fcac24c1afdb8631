using System.Diagnostics.CodeAnalysis;

namespace Rollup.Groth16.Curve;

/// <summary>
/// A point by its coordinates. The default value (0, 0), which is on neither curve, stands for infinity, as in snarkjs's files
/// and the EVM's precompiles. Nothing says that the coordinates are on the curve until <see cref="IsOnCurve"/> is asked.
/// </summary>
/// <typeparam name="T">Coordinates.</typeparam>
/// <typeparam name="TGroup">The group.</typeparam>
[SuppressMessage("Design", "CA1051", Justification = "Read-only fields are passed by reference; properties would be copied in the hottest code.")]
public readonly struct AffinePoint<T, TGroup> : IEquatable<AffinePoint<T, TGroup>>
    where T : struct, IEquatable<T>
    where TGroup : struct, IGroup<T>
{
    /// <summary>The point of these coordinates.</summary>
    public AffinePoint(in T x, in T y)
    {
        X = x;
        Y = y;
    }

    /// <summary>First coordinate.</summary>
    public readonly T X;

    /// <summary>Second coordinate.</summary>
    public readonly T Y;

    /// <summary>The neutral element.</summary>
    public static AffinePoint<T, TGroup> Infinity => default;

    /// <summary>The standard generator.</summary>
    public static AffinePoint<T, TGroup> Generator => new(TGroup.Generator.X, TGroup.Generator.Y);

    /// <summary>Bytes of a point in snarkjs's files.</summary>
    public static int ByteLength => 2 * TGroup.ByteLength;

    /// <summary>Whether this is the neutral element.</summary>
    public bool IsInfinity => TGroup.IsZero(X) && TGroup.IsZero(Y);

    /// <summary>Whether this is infinity or satisfies y² = x³ + b.</summary>
    public bool IsOnCurve =>
        IsInfinity || TGroup.Square(Y).Equals(TGroup.Add(TGroup.Multiply(TGroup.Square(X), X), TGroup.B));

    /// <summary>Whether this is on the curve and in the group of order r, by multiplying with r where the curve has other points too.</summary>
    public bool IsInGroup => IsOnCurve && (TGroup.CofactorIsOne || JacobianPoint<T, TGroup>.MultiplyByOrder(this).IsInfinity);

    /// <summary>The inverse element.</summary>
    public static AffinePoint<T, TGroup> operator -(in AffinePoint<T, TGroup> point) => new(point.X, TGroup.Subtract(default, point.Y));

    /// <summary>scalar · point; not constant-time.</summary>
    public static AffinePoint<T, TGroup> operator *(in AffinePoint<T, TGroup> point, in Fr scalar) =>
        JacobianPoint<T, TGroup>.Multiply(point, scalar).ToAffine();

    /// <summary>Sum, at the price of an inversion.</summary>
    public static AffinePoint<T, TGroup> operator +(in AffinePoint<T, TGroup> a, in AffinePoint<T, TGroup> b) =>
        (JacobianPoint<T, TGroup>.FromAffine(a) + b).ToAffine();

    /// <summary>Writes X and Y in Montgomery form, little-endian: <see cref="ByteLength"/> bytes as in .zkey files.</summary>
    public void WriteMontgomery(Span<byte> destination)
    {
        TGroup.WriteMontgomery(X, destination[..TGroup.ByteLength]);
        TGroup.WriteMontgomery(Y, destination[TGroup.ByteLength..ByteLength]);
    }

    /// <summary>Reads what <see cref="WriteMontgomery"/> wrote; false if a coordinate is not below q or the point is off the curve.</summary>
    public static bool TryReadMontgomery(ReadOnlySpan<byte> source, out AffinePoint<T, TGroup> point)
    {
        var valid = TGroup.TryReadMontgomery(source[..TGroup.ByteLength], out var x);
        valid &= TGroup.TryReadMontgomery(source[TGroup.ByteLength..ByteLength], out var y);
        point = new(x, y);
        return valid && point.IsOnCurve;
    }

    /// <summary>Equality of coordinates.</summary>
    public static bool operator ==(in AffinePoint<T, TGroup> a, in AffinePoint<T, TGroup> b) => a.X.Equals(b.X) && a.Y.Equals(b.Y);

    /// <summary>Inequality of coordinates.</summary>
    public static bool operator !=(in AffinePoint<T, TGroup> a, in AffinePoint<T, TGroup> b) => !(a == b);

    /// <inheritdoc/>
    public bool Equals(AffinePoint<T, TGroup> other) => this == other;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is AffinePoint<T, TGroup> other && this == other;

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(X, Y);

    /// <inheritdoc/>
    public override string ToString() => IsInfinity ? "infinity" : $"({X}, {Y})";
}
