using System.Numerics;

namespace Rollup.Groth16.Curve;

/// <summary>
/// The optimal ate pairing G1 × G2 → Fq12 (Vercauteren, "Optimal pairings", 2008; line formulas of Aranha, Karabina, Longa,
/// Gebotys, López, "Faster explicit formulas for computing pairings over ordinary curves", 2010; final exponentiation of
/// Fuentes-Castañeda, Knapp, Rodríguez-Henríquez, "Faster hashing to G2", 2011, which is a fixed power of the reduced pairing
/// and the value snarkjs publishes).
/// </summary>
public static class Pairing
{
    // BN254's parameter; q and r are polynomials in it, and the Miller loop runs over 6x + 2.
    private const ulong X = 4965661367192848881;

    private static readonly sbyte[] LoopDigits = SignedDigits(6 * (BigInteger)X + 2);
    private static readonly Fq HalfOfOne = Fq.FromUInt64(2).Inverse();
    private static readonly Fq2 TwistFrobeniusX = Fq2.Xi.Pow((Fq.Modulus - 1) / 3);
    private static readonly Fq2 TwistFrobeniusY = Fq2.Xi.Pow((Fq.Modulus - 1) / 2);

    /// <summary>e(p, q). One if either is infinity. The points must be in their groups.</summary>
    public static Fq12 Compute(in G1Point p, in G2Point q) => Product([(p, q)]);

    /// <summary>The product of the pairs' pairings, with one final exponentiation for all. The points must be in their groups.</summary>
    public static Fq12 Product(ReadOnlySpan<(G1Point P, G2Point Q)> pairs) => FinalExponentiation(MillerLoop(pairs));

    private static Fq12 MillerLoop(ReadOnlySpan<(G1Point P, G2Point Q)> pairs)
    {
        var finite = new List<(G1Point P, G2Point Q)>(pairs.Length);
        foreach (ref readonly var pair in pairs)
        {
            if (!pair.P.IsInfinity && !pair.Q.IsInfinity)
                finite.Add(pair);
        }
        var runners = finite.ConvertAll(pair => new Runner(pair.Q)).ToArray();

        var f = Fq12.One;
        for (var i = LoopDigits.Length - 2; i >= 0; i--)
        {
            f = f.Square();
            for (var k = 0; k < runners.Length; k++)
            {
                f = Evaluate(f, runners[k].Double(), finite[k].P);
                if (LoopDigits[i] != 0)
                    f = Evaluate(f, runners[k].Add(LoopDigits[i] > 0 ? finite[k].Q : -finite[k].Q), finite[k].P);
            }
        }
        for (var k = 0; k < runners.Length; k++)
        {
            var once = Frobenius(finite[k].Q);
            f = Evaluate(f, runners[k].Add(once), finite[k].P);
            f = Evaluate(f, runners[k].Add(-Frobenius(once)), finite[k].P);
        }
        return f;
    }

    private static Fq12 Evaluate(in Fq12 f, in Line line, in G1Point p) =>
        f.MultiplyByLine(line.A * p.Y, line.B * p.X, line.C);

    // The q-power map on the twist.
    private static G2Point Frobenius(in G2Point q) =>
        new(q.X.Conjugate() * TwistFrobeniusX, q.Y.Conjugate() * TwistFrobeniusY);

    private static Fq12 FinalExponentiation(in Fq12 f)
    {
        // f^((q⁶ - 1)(q² + 1)); from here on the inverse is the conjugate.
        var g = f.Conjugate() * f.Inverse();
        g = g.Frobenius().Frobenius() * g;

        // g to the power 2x(6x² + 3x + 1)·(q⁴ - q² + 1)/r, as d0 + d1·q + d2·q² + d3·q³.
        var gx2 = g.Pow(X).Square();
        var gx6 = gx2.Square() * gx2;
        var g6x2 = gx6.Pow(X);
        var g12x3 = g6x2.Square().Pow(X);
        var a = g12x3 * g6x2 * gx6;
        var b = a * gx2.Conjugate();
        var d0 = a * g6x2 * g;
        return d0 * b.Frobenius() * a.Frobenius().Frobenius() * (b * g.Conjugate()).Frobenius().Frobenius().Frobenius();
    }

    // Non-adjacent form, least digit first.
    private static sbyte[] SignedDigits(BigInteger value)
    {
        var digits = new List<sbyte>();
        for (; !value.IsZero; value >>= 1)
        {
            var digit = value.IsEven ? 0 : 2 - (int)(value & 3);
            digits.Add((sbyte)digit);
            value -= digit;
        }
        return [.. digits];
    }

    // A line through points of the twist, at a point (x, y) of G1: A·y + (B·x + C·v)·w, up to a factor in Fq2, which the final
    // exponentiation removes.
    private readonly record struct Line(Fq2 A, Fq2 B, Fq2 C);

    // The multiple of Q that the loop has reached, in homogeneous coordinates (X/Z, Y/Z).
    private struct Runner(in G2Point q)
    {
        private Fq2 _x = q.X, _y = q.Y, _z = Fq2.One;

        // Doubles; the tangent.
        public Line Double()
        {
            var a = _x * _y * HalfOfOne;
            var b = _y.Square();
            var c = _z.Square();
            var e = Bn254G2.B * (c.Double() + c);
            var f = e.Double() + e;
            var g = (b + f) * HalfOfOne;
            var h = (_y + _z).Square() - (b + c);
            var xx = _x.Square();
            var ee = e.Square();
            _x = a * (b - f);
            _y = g.Square() - (ee.Double() + ee);
            _z = b * h;
            return new(-h, xx.Double() + xx, e - b);
        }

        // Adds a point that is neither this one nor its inverse; the chord.
        public Line Add(in G2Point q)
        {
            var theta = _y - q.Y * _z;
            var lambda = _x - q.X * _z;
            var c = theta.Square();
            var d = lambda.Square();
            var e = lambda * d;
            var f = _z * c;
            var g = _x * d;
            var h = e + f - g.Double();
            _x = lambda * h;
            _y = theta * (g - h) - e * _y;
            _z *= e;
            return new(lambda, -theta, theta * q.X - lambda * q.Y);
        }
    }
}
