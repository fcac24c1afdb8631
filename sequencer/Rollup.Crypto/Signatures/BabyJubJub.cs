using Scalar = Rollup.Crypto.PrimeField<Rollup.Crypto.BabyJubJubOrder>;

namespace Rollup.Crypto;

/// <summary>
/// A point of BabyJubJub, 168700·x² + y² = 1 + 168696·x²·y² over BN254's scalar field (EIP-2494), in circomlib's affine coordinates.
/// The coordinates of a value may be off the curve; test <see cref="IsOnCurve"/> before computing with a stranger's.
/// The curve has 8·l points, l the prime <see cref="BabyJubJubOrder"/>.
/// </summary>
/// <param name="X">First coordinate.</param>
/// <param name="Y">Second coordinate.</param>
public readonly record struct BabyJubJubPoint(Fr X, Fr Y)
{
    internal static readonly Fr A = Fr.FromUInt64(168700);
    internal static readonly Fr D = Fr.FromUInt64(168696);

    /// <summary>The neutral element (0, 1).</summary>
    public static BabyJubJubPoint Identity => new(Fr.Zero, Fr.One);

    /// <summary>circomlib's generator of the subgroup of order l.</summary>
    public static BabyJubJubPoint Base8 { get; } = new(
        Fr.Parse("5299619240641551281634865583518297030282874472190772894086521144482721001553"),
        Fr.Parse("16950150798460657717958625567821834550301663161624707787222815936182638968203"));

    /// <summary>Whether the coordinates satisfy the curve's equation.</summary>
    public bool IsOnCurve
    {
        get
        {
            Fr xx = X.Square(), yy = Y.Square();
            return A * xx + yy == Fr.One + D * xx * yy;
        }
    }

    /// <summary>Whether 8 times this point, which is on the curve, is the identity.</summary>
    public bool IsOfSmallOrder => new EdwardsPoint(this).MultiplyByCofactor().IsIdentity;

    /// <summary>Whether this is on the curve and l times it is the identity.</summary>
    public bool IsInPrimeSubgroup => IsOnCurve && Multiply([BabyJubJubOrder.P0, BabyJubJubOrder.P1, BabyJubJubOrder.P2, BabyJubJubOrder.P3]) == Identity;

    /// <summary>Sum of two points on the curve; the formula has no exceptions.</summary>
    public static BabyJubJubPoint operator +(in BabyJubJubPoint a, in BabyJubJubPoint b) =>
        new EdwardsPoint(a).Add(new CachedPoint(new EdwardsPoint(b))).ToAffine();

    /// <summary>The inverse of a point.</summary>
    public static BabyJubJubPoint operator -(in BabyJubJubPoint a) => new(-a.X, a.Y);

    /// <summary>
    /// scalar · this, by double and add. The time depends on the scalar: for public scalars only.
    /// </summary>
    /// <param name="scalar">Little-endian limbs, not reduced.</param>
    public BabyJubJubPoint Multiply(ReadOnlySpan<ulong> scalar)
    {
        var addend = new CachedPoint(new EdwardsPoint(this));
        EdwardsPoint sum = EdwardsPoint.Identity;
        for (int i = scalar.Length * 64 - 1; i >= 0; i--)
        {
            sum = sum.Double();
            if ((scalar[i / 64] >> (i % 64) & 1) != 0) sum = sum.Add(addend);
        }

        return sum.ToAffine();
    }

    /// <summary>
    /// scalar · Base8, fit for secret scalars: the sequence of operations and memory addresses is the same for every scalar.
    /// </summary>
    public static BabyJubJubPoint MultiplyBase8(in Scalar scalar) => FixedBase.Multiply(scalar).ToAffine();
}
