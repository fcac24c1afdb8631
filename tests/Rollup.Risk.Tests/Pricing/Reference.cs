using System.Numerics;

namespace Rollup.Risk.Tests.Pricing;

/// <summary>The functions of the pricing code by their series, in large integers: numbers in units of 2^-<see cref="Bits"/>, errors below 2^-200.</summary>
internal static class Reference
{
    public const int Bits = 400;

    public static readonly BigInteger One = BigInteger.One << Bits;
    public static readonly BigInteger Ln2 = 2 * ArcTanh(One / 3);
    // Machin: pi = 16 arctan(1/5) - 4 arctan(1/239).
    public static readonly BigInteger Pi = 16 * ArcTanInverse(5) - 4 * ArcTanInverse(239);

    public static BigInteger Of(long value, int bits) => (BigInteger)value << (Bits - bits);

    public static BigInteger Times(BigInteger a, BigInteger b) => (a * b) >> Bits;

    public static BigInteger Root(BigInteger x) => IntegerRoot(x << Bits);

    public static BigInteger IntegerRoot(BigInteger x)
    {
        if (x.IsZero) return 0;
        BigInteger root = BigInteger.One << (int)((x.GetBitLength() + 1) / 2);
        while (true)
        {
            BigInteger next = (root + x / root) >> 1;
            if (next >= root) return root;
            root = next;
        }
    }

    public static BigInteger Ln(BigInteger x)
    {
        int exponent = (int)x.GetBitLength() - 1 - Bits;
        BigInteger mantissa = exponent >= 0 ? x >> exponent : x << -exponent;
        return exponent * Ln2 + 2 * ArcTanh((mantissa - One) * One / (mantissa + One));
    }

    public static BigInteger Exp(BigInteger x)
    {
        int halvings = (int)(BigInteger.Max(0, BigInteger.Abs(x).GetBitLength() - Bits) + 12);
        BigInteger y = x >> halvings, term = One, sum = One;
        for (int k = 1; !term.IsZero && !(term == BigInteger.MinusOne); k++) sum += term = Times(term, y) / k;
        for (int i = 0; i < halvings; i++) sum = Times(sum, sum);
        return sum;
    }

    public static BigInteger Density(BigInteger x) => Exp(-Times(x, x) / 2) * One / Root(2 * Pi);

    /// <summary>(1 - N(x)) / phi(x) = sqrt(pi/2) e^(x^2/2) - sum of x^(2k+1) / (2k+1)!! (Abramowitz and Stegun 26.2.11), 0 &lt;= x &lt;= 14.</summary>
    public static BigInteger Mills(BigInteger x)
    {
        BigInteger square = Times(x, x), term = x, sum = x;
        for (int k = 1; term > 0; k++) sum += term = Times(term, square) / (2 * k + 1);
        return Times(Root(Pi / 2), Exp(square / 2)) - sum;
    }

    public static BigInteger Cdf(BigInteger x)
    {
        BigInteger magnitude = BigInteger.Abs(x);
        BigInteger tail = magnitude > 14 * One ? 0 : Times(Density(x), Mills(magnitude));
        return x < 0 ? tail : One - tail;
    }

    /// <summary>F N(d1) - K N(d2), in units of 2^-<see cref="Bits"/>, v above 0.</summary>
    public static BigInteger Call(BigInteger forward, BigInteger strike, BigInteger v)
    {
        BigInteger d1 = Ln(forward * One / strike) * One / v + v / 2;
        return forward * Cdf(d1) - strike * Cdf(d1 - v);
    }

    private static BigInteger ArcTanh(BigInteger x)
    {
        BigInteger square = Times(x, x), power = x, sum = x;
        for (int k = 3; !power.IsZero; k += 2) sum += (power = Times(power, square)) / k;
        return sum;
    }

    private static BigInteger ArcTanInverse(int n)
    {
        BigInteger power = One / n, sum = power;
        for (int k = 3; !power.IsZero; k += 2)
        {
            power /= n * n;
            sum += k % 4 == 3 ? -power / k : power / k;
        }

        return sum;
    }
}
