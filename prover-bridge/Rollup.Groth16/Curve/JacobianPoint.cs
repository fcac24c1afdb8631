using System.Diagnostics.CodeAnalysis;
using Rollup.Crypto;

namespace Rollup.Groth16.Curve;

/// <summary>
/// A point (X/Z², Y/Z³); Z = 0 is infinity, and the default value is infinity. Formulas of the Explicit-Formulas Database
/// (hyperelliptic.org/EFD) for y² = x³ + b: dbl-2009-l, madd-2007-bl, add-2007-bl.
/// </summary>
/// <typeparam name="T">Coordinates.</typeparam>
/// <typeparam name="TGroup">The group.</typeparam>
public readonly struct JacobianPoint<T, TGroup>
    where T : struct, IEquatable<T>
    where TGroup : struct, IGroup<T>
{
    private static readonly ulong[] Order = [Bn254Scalar.P0, Bn254Scalar.P1, Bn254Scalar.P2, Bn254Scalar.P3];

    private readonly T _x, _y, _z;

    private JacobianPoint(in T x, in T y, in T z)
    {
        _x = x;
        _y = y;
        _z = z;
    }

    /// <summary>Whether this is the neutral element.</summary>
    public bool IsInfinity => TGroup.IsZero(_z);

    /// <summary>The same point.</summary>
    public static JacobianPoint<T, TGroup> FromAffine(in AffinePoint<T, TGroup> point) =>
        point.IsInfinity ? default : new(point.X, point.Y, TGroup.One);

    /// <summary>The same point, at the price of an inversion.</summary>
    public AffinePoint<T, TGroup> ToAffine()
    {
        if (IsInfinity)
            return default;
        var inverse = TGroup.Inverse(_z);
        var square = TGroup.Square(inverse);
        return new(TGroup.Multiply(_x, square), TGroup.Multiply(_y, TGroup.Multiply(square, inverse)));
    }

    /// <summary>this + this.</summary>
    public JacobianPoint<T, TGroup> Double()
    {
        // No point of either group has order 2 (r is odd; neither curve has a point with y = 0), and Z = 0 gives Z = 0.
        var a = TGroup.Square(_x);
        var b = TGroup.Square(_y);
        var c = TGroup.Square(b);
        var d = Twice(TGroup.Subtract(TGroup.Subtract(TGroup.Square(TGroup.Add(_x, b)), a), c));
        var e = TGroup.Add(Twice(a), a);
        var x = TGroup.Subtract(TGroup.Square(e), Twice(d));
        var y = TGroup.Subtract(TGroup.Multiply(e, TGroup.Subtract(d, x)), Twice(Twice(Twice(c))));
        return new(x, y, Twice(TGroup.Multiply(_y, _z)));
    }

    /// <summary>Sum with a point given by its coordinates.</summary>
    public static JacobianPoint<T, TGroup> operator +(in JacobianPoint<T, TGroup> a, in AffinePoint<T, TGroup> b)
    {
        if (b.IsInfinity)
            return a;
        if (a.IsInfinity)
            return FromAffine(b);
        var zz = TGroup.Square(a._z);
        var u2 = TGroup.Multiply(b.X, zz);
        var s2 = TGroup.Multiply(b.Y, TGroup.Multiply(a._z, zz));
        var h = TGroup.Subtract(u2, a._x);
        var half = TGroup.Subtract(s2, a._y);
        if (TGroup.IsZero(h))
            return TGroup.IsZero(half) ? a.Double() : default;
        var hh = TGroup.Square(h);
        var i = Twice(Twice(hh));
        var j = TGroup.Multiply(h, i);
        var r = Twice(half);
        var v = TGroup.Multiply(a._x, i);
        var x = TGroup.Subtract(TGroup.Subtract(TGroup.Square(r), j), Twice(v));
        var y = TGroup.Subtract(TGroup.Multiply(r, TGroup.Subtract(v, x)), Twice(TGroup.Multiply(a._y, j)));
        var z = TGroup.Subtract(TGroup.Subtract(TGroup.Square(TGroup.Add(a._z, h)), zz), hh);
        return new(x, y, z);
    }

    /// <summary>Sum.</summary>
    public static JacobianPoint<T, TGroup> operator +(in JacobianPoint<T, TGroup> a, in JacobianPoint<T, TGroup> b)
    {
        if (b.IsInfinity)
            return a;
        if (a.IsInfinity)
            return b;
        var z1z1 = TGroup.Square(a._z);
        var z2z2 = TGroup.Square(b._z);
        var u1 = TGroup.Multiply(a._x, z2z2);
        var s1 = TGroup.Multiply(a._y, TGroup.Multiply(b._z, z2z2));
        var h = TGroup.Subtract(TGroup.Multiply(b._x, z1z1), u1);
        var half = TGroup.Subtract(TGroup.Multiply(b._y, TGroup.Multiply(a._z, z1z1)), s1);
        if (TGroup.IsZero(h))
            return TGroup.IsZero(half) ? a.Double() : default;
        var i = TGroup.Square(Twice(h));
        var j = TGroup.Multiply(h, i);
        var r = Twice(half);
        var v = TGroup.Multiply(u1, i);
        var x = TGroup.Subtract(TGroup.Subtract(TGroup.Square(r), j), Twice(v));
        var y = TGroup.Subtract(TGroup.Multiply(r, TGroup.Subtract(v, x)), Twice(TGroup.Multiply(s1, j)));
        var z = TGroup.Multiply(TGroup.Subtract(TGroup.Subtract(TGroup.Square(TGroup.Add(a._z, b._z)), z1z1), z2z2), h);
        return new(x, y, z);
    }

    /// <summary>scalar · point; not constant-time.</summary>
    public static JacobianPoint<T, TGroup> Multiply(in AffinePoint<T, TGroup> point, in Fr scalar)
    {
        Span<ulong> limbs = stackalloc ulong[4];
        scalar.ToCanonical(limbs);
        return Multiply(point, limbs);
    }

    /// <summary>r · point: infinity for points of the group, and for those alone.</summary>
    internal static JacobianPoint<T, TGroup> MultiplyByOrder(in AffinePoint<T, TGroup> point) => Multiply(point, Order);

    private static JacobianPoint<T, TGroup> Multiply(in AffinePoint<T, TGroup> point, ReadOnlySpan<ulong> scalar)
    {
        var result = default(JacobianPoint<T, TGroup>);
        for (var bit = 64 * scalar.Length - 1; bit >= 0; bit--)
        {
            result = result.Double();
            if ((scalar[bit / 64] >> (bit % 64) & 1) != 0)
                result += point;
        }
        return result;
    }

    private static T Twice(in T a) => TGroup.Add(a, a);
}
