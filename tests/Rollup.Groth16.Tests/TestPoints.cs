using Rollup.Groth16.Curve;

namespace Rollup.Groth16.Tests;

internal static class TestPoints
{
    /// <summary>A point of the twist that is not of order r: the first x = k + u for which x³ + b is a square; k tells them apart.</summary>
    public static G2Point OnTwistOutsideGroup(ulong k = 1)
    {
        for (; ; k++)
        {
            var x = new Fq2(Fq.FromUInt64(k), Fq.One);
            if (TrySqrt(x.Square() * x + Bn254G2.B, out var y))
                return new G2Point(x, y);
        }
    }

    /// <summary>e(k·G1, m·G2).</summary>
    public static Fq12 PairingValue(ulong k, ulong m) =>
        Pairing.Compute(G1Point.Generator * Fr.FromUInt64(k), G2Point.Generator * Fr.FromUInt64(m));

    // (a + b·u)² = v by the norm: a² = (v0 + |v|)/2 for one of the two signs of |v|.
    private static bool TrySqrt(in Fq2 v, out Fq2 root)
    {
        root = default;
        if (!(v.C0.Square() + v.C1.Square()).TrySqrt(out var norm))
            return false;
        var half = Fq.FromUInt64(2).Inverse();
        foreach (var sign in (Fq[])[norm, -norm])
        {
            if (!((v.C0 + sign) * half).TrySqrt(out var a) || a.IsZero)
                continue;
            root = new Fq2(a, v.C1 * half * a.Inverse());
            if (root.Square() == v)
                return true;
        }
        return false;
    }
}
