using System.Numerics;

namespace Rollup.Risk.Pricing;

/// <summary>
/// Elementary functions in integers alone: sums, products below 2^128, arithmetic shifts to the right (rounding to minus infinity) and one division, so that a contract with 256-bit
/// integers gives the same bits. "Q58" is a number in units of 2^-58. Errors are those of the result against the exact function of the given argument; the tests measure
/// them against 400-bit integers, and what is stated is at least twice what they found.
/// </summary>
public static class FixedMath
{
    /// <summary>1 in Q62.</summary>
    public const long One = 1L << 62;

    /// <summary>9.25 in Q58: a normal variable is beyond it with probability 1.2 x 10^-20, a twentieth of a unit of Q62.</summary>
    public const long Tail = 37L << 56;

    /// <summary>Arguments of <see cref="Ln"/> are below it.</summary>
    public const long LnBound = 1L << 46;

    private const long Ln2 = 3196577161300663915; // ln 2, Q62
    private const long StepsPerUnit = 6653256548922161246; // 32 / ln 2, Q57
    private const long InverseRootTwoPi = 1839796536686825613; // 1 / sqrt(2 pi), Q62

    /// <summary>ln x in Q58, within 4 units (2^-56); equal arguments give equal results.</summary>
    /// <param name="x">1 .. 2^46 - 1.</param>
    public static long Ln(long x)
    {
        if (x is < 1 or >= LnBound) throw new ArgumentOutOfRangeException(nameof(x), x, "A logarithm is of 1 .. 2^46 - 1.");
        int exponent = BitOperations.Log2((ulong)x);
        long mantissa = x << (62 - exponent); // [1, 2), Q62
        int part = (int)(mantissa >> 57) & 31;
        // mantissa = (1 + r) / reciprocal, |r| <= 1/64. Q62 x Q62 below 2^125; the 1 of 1 + r is the bit that 64 bits drop.
        long r = Product(mantissa, FixedTables.Reciprocals[part], 60);
        long fraction = FixedTables.Logarithms[part] + High(Horner(FixedTables.LnSeries, r), r); // Q62, below 2^62
        return Product(exponent, Ln2, 4) + (fraction >> 4); // 6 + 62 bits
    }

    /// <summary>e^-y in Q62, within 5 units; 0 from y = 43 on (e^-43 is one unit).</summary>
    /// <param name="y">Q57, at least 0.</param>
    public static long ExpNegative(long y)
    {
        if (y < 0) throw new ArgumentOutOfRangeException(nameof(y), y, "An exponent is at least 0.");
        if (y >= 43L << 57) return 0;
        long steps = Math.BigMul(y, StepsPerUnit, out long low); // y 32 / ln 2, Q114: 11 bits before the point
        int whole = (int)(steps >> 50);
        long t = (steps << 14 | low >>> 50) ^ long.MinValue; // the fraction less 1/2, Q64
        return Product(FixedTables.Powers[whole & 31], Horner(FixedTables.PowerSeries, t), 62) >> (whole >> 5);
    }

    /// <summary>Mills' ratio (1 - N(x)) / phi(x) in Q61, within 80 units (2^-54.6).</summary>
    /// <param name="x">Q58, 0 .. 12 (exclusive).</param>
    public static long Mills(long x)
    {
        if (x is < 0 or >= 12L << 58) throw new ArgumentOutOfRangeException(nameof(x), x, "Mills' ratio is tabulated for 0 .. 12.");
        int piece = (int)(x >> 57);
        long t = (x - ((long)piece << 57) - (1L << 56)) << 7; // [-1/2, 1/2), Q64
        return Horner(FixedTables.Mills.Slice(piece * FixedTables.MillsTerms, FixedTables.MillsTerms), t);
    }

    /// <summary>phi(x) = e^(-x^2/2) / sqrt(2 pi) in Q62, within 30 units (2^-57); 0 beyond <see cref="Tail"/>.</summary>
    /// <param name="x">Q58.</param>
    public static long NormalDensity(long x) =>
        x is <= -Tail or >= Tail ? 0 : Product(InverseRootTwoPi, ExpNegative(Product(x, x, 60)), 62); // x^2/2: 2 x 62 bits, Q116 -> Q57

    /// <summary>N(x), the standard normal distribution, in Q62, within 80 units (2^-55.6).</summary>
    /// <param name="x">Q58.</param>
    public static long NormalCdf(long x)
    {
        if (x >= Tail) return One;
        if (x <= -Tail) return 0;
        long tail = Product(NormalDensity(x), Mills(Math.Abs(x)), 61); // Q62 x Q61
        return x < 0 ? tail : One - tail;
    }

    /// <summary>Greatest integer whose square is at most <paramref name="n"/>.</summary>
    /// <param name="n">Below 2^125.</param>
    public static long Sqrt(UInt128 n)
    {
        if (n >> 125 != 0) throw new ArgumentOutOfRangeException(nameof(n), n, "A root is of 0 .. 2^125 - 1.");
        if (n == 0) return 0;
        // Newton's method from above falls until it has arrived.
        ulong root = 1UL << ((129 - (int)UInt128.LeadingZeroCount(n)) / 2);
        while (true)
        {
            ulong next = (root + (ulong)(n / root)) >> 1;
            if (next >= root) return (long)root;
            root = next;
        }
    }

    /// <summary>floor(a b / 2^shift), modulo 2^64.</summary>
    internal static long Product(long a, long b, int shift)
    {
        long high = Math.BigMul(a, b, out long low);
        return high << (64 - shift) | low >>> shift;
    }

    /// <summary>The polynomial at t, coefficients from the lowest power, all of one unit; t in Q64, so within [-1/2, 1/2). Every product is rounded to minus infinity.</summary>
    private static long Horner(ReadOnlySpan<long> coefficients, long t)
    {
        long sum = coefficients[^1];
        for (int k = coefficients.Length - 2; k >= 0; k--) sum = coefficients[k] + High(sum, t);
        return sum;
    }

    private static long High(long a, long b) => Math.BigMul(a, b, out _);
}
