namespace Rollup.Crypto;

/// <summary>
/// A BabyJubJub point in extended coordinates on the isomorphic curve with a = -1: x' = √-168700 · x = X/Z, y = Y/Z, X·Y = T·Z
/// (H. Hisil et al., "Twisted Edwards Curves Revisited", 2008). There -1 is a square and d' = -168696/168700 is none, so the formulas hold
/// for all pairs of points.
/// </summary>
internal readonly struct EdwardsPoint
{
    /// <summary>x' / x.</summary>
    internal static readonly Fr Scale = (-BabyJubJubPoint.A).TrySqrt(out Fr root) ? root : throw new InvalidOperationException("-168700 is a square modulo r.");

    /// <summary>2·d'.</summary>
    internal static readonly Fr TwoD = -(BabyJubJubPoint.D.Double() * BabyJubJubPoint.A.Inverse());

    private static readonly Fr InverseScale = Scale.Inverse();

    internal readonly Fr X, Y, Z, T;

    private EdwardsPoint(in Fr x, in Fr y, in Fr z, in Fr t)
    {
        X = x;
        Y = y;
        Z = z;
        T = t;
    }

    internal EdwardsPoint(in BabyJubJubPoint affine)
    {
        X = affine.X * Scale;
        Y = affine.Y;
        Z = Fr.One;
        T = X * Y;
    }

    internal static EdwardsPoint Identity => new(Fr.Zero, Fr.One, Fr.One, Fr.Zero);

    /// <summary>For points of the prime subgroup, where no other point has x = 0.</summary>
    internal bool IsIdentity => X.IsZero;

    internal BabyJubJubPoint ToAffine()
    {
        Fr inverse = Z.Inverse();
        return new(X * inverse * InverseScale, Y * inverse);
    }

    /// <summary>Whether this is that affine point, without an inversion.</summary>
    internal bool Equals(in BabyJubJubPoint affine) => X == affine.X * Scale * Z && Y == affine.Y * Z;

    /// <summary>3 doublings.</summary>
    internal EdwardsPoint MultiplyByCofactor() => Double(withT: false).Double(withT: false).Double();

    /// <param name="withT">Whether T of the result is needed, which it is not for a further doubling.</param>
    internal EdwardsPoint Double(bool withT = true)
    {
        Fr xx = X.Square(), yy = Y.Square(), zz = Z.Square();
        Fr h = xx + yy;
        Fr e = (X + Y).Square() - h;
        Fr g = yy - xx;
        // F and H of the paper with the other sign, so all four coordinates: the same point.
        Fr f = zz.Double() - g;
        return new(e * f, g * h, f * g, withT ? e * h : Fr.Zero);
    }

    internal EdwardsPoint Add(in CachedPoint other)
    {
        Fr a = (Y - X) * other.YMinusX;
        Fr b = (Y + X) * other.YPlusX;
        Fr c = T * other.TwoDT;
        Fr d = Z * other.TwoZ;
        return Finish(b - a, d - c, d + c, b + a);
    }

    internal EdwardsPoint Subtract(in CachedPoint other)
    {
        Fr a = (Y - X) * other.YPlusX;
        Fr b = (Y + X) * other.YMinusX;
        Fr c = T * other.TwoDT;
        Fr d = Z * other.TwoZ;
        return Finish(b - a, d + c, d - c, b + a);
    }

    internal EdwardsPoint Add(in AffineCachedPoint other)
    {
        Fr a = (Y - X) * other.YMinusX;
        Fr b = (Y + X) * other.YPlusX;
        Fr c = T * other.TwoDT;
        Fr d = Z.Double();
        return Finish(b - a, d - c, d + c, b + a);
    }

    private static EdwardsPoint Finish(in Fr e, in Fr f, in Fr g, in Fr h) => new(e * f, g * h, f * g, e * h);
}

/// <summary>A summand used more than once.</summary>
internal readonly struct CachedPoint
{
    internal readonly Fr YPlusX, YMinusX, TwoZ, TwoDT;

    internal CachedPoint(in EdwardsPoint point)
    {
        YPlusX = point.Y + point.X;
        YMinusX = point.Y - point.X;
        TwoZ = point.Z.Double();
        TwoDT = point.T * EdwardsPoint.TwoD;
    }
}

/// <summary>A summand with Z = 1.</summary>
internal readonly struct AffineCachedPoint
{
    internal readonly Fr YPlusX, YMinusX, TwoDT;

    /// <param name="point">The point.</param>
    /// <param name="inverseZ">1 / point.Z.</param>
    internal AffineCachedPoint(in EdwardsPoint point, in Fr inverseZ)
    {
        Fr x = point.X * inverseZ, y = point.Y * inverseZ;
        YPlusX = y + x;
        YMinusX = y - x;
        TwoDT = x * y * EdwardsPoint.TwoD;
    }

    private AffineCachedPoint(in Fr yPlusX, in Fr yMinusX, in Fr twoDT)
    {
        YPlusX = yPlusX;
        YMinusX = yMinusX;
        TwoDT = twoDT;
    }

    internal static AffineCachedPoint Identity => new(Fr.One, Fr.One, Fr.Zero);

    /// <summary>when ? other : this, without a branch.</summary>
    internal AffineCachedPoint Select(bool when, in AffineCachedPoint other) =>
        new(YPlusX.Select(when, other.YPlusX), YMinusX.Select(when, other.YMinusX), TwoDT.Select(when, other.TwoDT));

    /// <summary>when ? -this : this, without a branch.</summary>
    internal AffineCachedPoint Negate(bool when) =>
        new(YPlusX.Select(when, YMinusX), YMinusX.Select(when, YPlusX), TwoDT.Select(when, -TwoDT));
}
