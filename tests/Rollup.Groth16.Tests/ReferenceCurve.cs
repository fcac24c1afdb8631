using System.Numerics;

namespace Rollup.Groth16.Tests;

/// <summary>Textbook affine arithmetic on y² = x³ + b over Fq[u]/(u² + 1) in BigInteger; G1 is the case without u.</summary>
internal sealed record ReferencePoint(BigInteger X0, BigInteger X1, BigInteger Y0, BigInteger Y1)
{
    private static readonly BigInteger Q = Fq.Modulus;

    public static ReferencePoint? Add(ReferencePoint? a, ReferencePoint? b)
    {
        if (a is null || b is null)
            return a ?? b;
        var (x1, y1, x2, y2) = ((a.X0, a.X1), (a.Y0, a.Y1), (b.X0, b.X1), (b.Y0, b.Y1));
        (BigInteger, BigInteger) slope;
        if (x1 != x2)
            slope = Divide(Subtract(y2, y1), Subtract(x2, x1));
        else if (y1 != y2)
            return null;
        else
            slope = Divide(Scale(Multiply(x1, x1), 3), Scale(y1, 2));
        var x3 = Subtract(Subtract(Multiply(slope, slope), x1), x2);
        var y3 = Subtract(Multiply(slope, Subtract(x1, x3)), y1);
        return new(x3.Item1, x3.Item2, y3.Item1, y3.Item2);
    }

    public static ReferencePoint? Multiply(ReferencePoint? point, BigInteger scalar)
    {
        ReferencePoint? result = null;
        for (; !scalar.IsZero; scalar >>= 1, point = Add(point, point))
        {
            if (!scalar.IsEven)
                result = Add(result, point);
        }
        return result;
    }

    private static BigInteger Mod(BigInteger a) => (a % Q + Q) % Q;

    private static (BigInteger, BigInteger) Subtract((BigInteger, BigInteger) a, (BigInteger, BigInteger) b) =>
        (Mod(a.Item1 - b.Item1), Mod(a.Item2 - b.Item2));

    private static (BigInteger, BigInteger) Scale((BigInteger, BigInteger) a, int k) => (Mod(a.Item1 * k), Mod(a.Item2 * k));

    private static (BigInteger, BigInteger) Multiply((BigInteger, BigInteger) a, (BigInteger, BigInteger) b) =>
        (Mod(a.Item1 * b.Item1 - a.Item2 * b.Item2), Mod(a.Item1 * b.Item2 + a.Item2 * b.Item1));

    private static (BigInteger, BigInteger) Divide((BigInteger, BigInteger) a, (BigInteger, BigInteger) b)
    {
        var norm = BigInteger.ModPow(b.Item1 * b.Item1 + b.Item2 * b.Item2, Q - 2, Q);
        return Multiply(a, (Mod(b.Item1 * norm), Mod(-b.Item2 * norm)));
    }
}
