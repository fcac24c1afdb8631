namespace Rollup.Crypto;

/// <summary>
/// Several points side by side, a running sum each, in the coordinates and by the formulas of <see cref="EdwardsPoint"/>; these have no exceptions, so all
/// lanes do the same. An object, because its coordinates and what a formula holds between are too large for the stack to clear at each step.
/// </summary>
/// <typeparam name="TVector">Where the coordinates are.</typeparam>
internal sealed class EdwardsLanes<TVector>
    where TVector : struct, IFieldVector<TVector, Fr>
{
    /// <summary>Vectors of a summand in a table: Y + X, Y - X, 2Z, 2d'T.</summary>
    internal const int CachedLength = 4;

    private static readonly TVector TwoD = Broadcast(EdwardsPoint.TwoD), Zero = Broadcast(Fr.Zero), One = Broadcast(Fr.One), Two = Broadcast(Fr.FromUInt64(2));

    private TVector _x, _y, _z, _t;
    private TVector _a, _b, _c, _d, _e, _f, _g, _h;

    /// <summary>X of every lane.</summary>
    internal ref readonly TVector X => ref _x;

    /// <summary>Y of every lane.</summary>
    internal ref readonly TVector Y => ref _y;

    /// <summary>Z of every lane.</summary>
    internal ref readonly TVector Z => ref _z;

    internal void SetIdentity()
    {
        _x = Zero;
        _y = One;
        _z = One;
        _t = Zero;
    }

    internal void SetAffine(in TVector x, in TVector y)
    {
        _x = x;
        _y = y;
        _z = One;
        TVector.Multiply(x, y, out _t);
    }

    /// <param name="withT">Whether T of the result is needed, which it is not for a further doubling.</param>
    internal void Double(bool withT)
    {
        TVector.Square(_x, out _a);
        TVector.Square(_y, out _b);
        TVector.Square(_z, out _c);
        TVector.Add(_x, _y, out _e);
        TVector.Square(_e, out _e);
        TVector.Add(_a, _b, out _h);
        TVector.Subtract(_e, _h, out _e);
        TVector.Subtract(_b, _a, out _g);
        TVector.Add(_c, _c, out _f);
        TVector.Subtract(_f, _g, out _f);
        Finish(withT);
    }

    /// <param name="other">A summand of <see cref="CachedLength"/>.</param>
    /// <param name="withT">As for <see cref="Double"/>.</param>
    internal void Add(ReadOnlySpan<TVector> other, bool withT)
    {
        TVector.Multiply(_z, other[2], out _d);
        AddTo(other[0], other[1], other[3], withT);
    }

    /// <summary>Adds points with Z = 1.</summary>
    internal void AddAffine(in TVector yPlusX, in TVector yMinusX, in TVector twoDT, bool withT)
    {
        TVector.Add(_z, _z, out _d);
        AddTo(yPlusX, yMinusX, twoDT, withT);
    }

    /// <summary>These points as summands, and their negatives.</summary>
    internal void Cache(Span<TVector> cached, Span<TVector> negative)
    {
        TVector.Add(_y, _x, out cached[0]);
        TVector.Subtract(_y, _x, out cached[1]);
        TVector.Add(_z, _z, out cached[2]);
        TVector.Multiply(_t, TwoD, out cached[3]);
        negative[0] = cached[1];
        negative[1] = cached[0];
        negative[2] = cached[2];
        TVector.Negate(cached[3], out negative[3]);
    }

    /// <summary>The neutral element as a summand.</summary>
    internal static void CacheIdentity(Span<TVector> cached)
    {
        cached[0] = One;
        cached[1] = One;
        cached[2] = Two;
        cached[3] = Zero;
    }

    internal static TVector Broadcast(in Fr value)
    {
        TVector.Broadcast(value, out TVector vector);
        return vector;
    }

    // With 2·Z·Z' in d.
    private void AddTo(in TVector yPlusX, in TVector yMinusX, in TVector twoDT, bool withT)
    {
        TVector.Subtract(_y, _x, out _a);
        TVector.Multiply(_a, yMinusX, out _a);
        TVector.Add(_y, _x, out _b);
        TVector.Multiply(_b, yPlusX, out _b);
        TVector.Multiply(_t, twoDT, out _c);
        TVector.Subtract(_b, _a, out _e);
        TVector.Subtract(_d, _c, out _f);
        TVector.Add(_d, _c, out _g);
        TVector.Add(_b, _a, out _h);
        Finish(withT);
    }

    private void Finish(bool withT)
    {
        TVector.Multiply(_e, _f, out _x);
        TVector.Multiply(_g, _h, out _y);
        TVector.Multiply(_f, _g, out _z);
        if (withT) TVector.Multiply(_e, _h, out _t);
    }
}
