using System.Numerics;
using Rollup.Risk.Pricing;
using Xunit.Abstractions;

namespace Rollup.Risk.Tests.Pricing;

/// <summary>Every function against its series in 400 bits, on a grid, at the joints of its pieces and at random points.</summary>
public sealed class FixedMathTests(ITestOutputHelper output)
{
    private const int Points = 4_000;

    [Fact]
    public void Ln_is_within_4_units()
    {
        var random = new Random(1);
        IEnumerable<long> arguments = [1, 2, 3, FixedMath.LnBound - 1, .. Enumerable.Range(0, 46).SelectMany(k => new[] { 1L << k, (1L << k) + 1, (2L << k) - 1 }),
            .. Enumerable.Range(0, 64).SelectMany(k => new[] { (64L + k << 34) - 1, 64L + k << 34 }), .. Enumerable.Range(0, Points).Select(_ => random.NextInt64(1, 1L << random.Next(1, 47)))];
        Measure("ln", 58, 4, arguments, FixedMath.Ln, x => Reference.Ln(Reference.Of(x, 0)));
        Assert.Throws<ArgumentOutOfRangeException>(() => FixedMath.Ln(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => FixedMath.Ln(FixedMath.LnBound));
    }

    [Fact]
    public void ExpNegative_is_within_5_units()
    {
        Measure("exp", 62, 5, Spread(2, 0, 44L << 57), FixedMath.ExpNegative, y => Reference.Exp(-Reference.Of(y, 57)));
        Assert.Equal(FixedMath.One, FixedMath.ExpNegative(0), 4.0);
        Assert.Equal(0, FixedMath.ExpNegative(43L << 57));
        Assert.Throws<ArgumentOutOfRangeException>(() => FixedMath.ExpNegative(-1));
    }

    [Fact]
    public void Mills_is_within_80_units()
    {
        Measure("Mills", 61, 80, Spread(3, 0, 12L << 58), FixedMath.Mills, x => Reference.Mills(Reference.Of(x, 58)));
        Assert.Throws<ArgumentOutOfRangeException>(() => FixedMath.Mills(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => FixedMath.Mills(12L << 58));
    }

    [Fact]
    public void The_normal_density_and_distribution_are_within_their_bounds()
    {
        long[] arguments = [.. Spread(4, -10L << 58, 10L << 58), -FixedMath.Tail, 1 - FixedMath.Tail, FixedMath.Tail - 1, FixedMath.Tail, long.MinValue, long.MaxValue];
        Measure("phi", 62, 30, arguments, FixedMath.NormalDensity, x => Reference.Density(Reference.Of(x, 58)));
        Measure("N", 62, 80, arguments, FixedMath.NormalCdf, x => Reference.Cdf(Reference.Of(x, 58)));
    }

    [Fact]
    public void Sqrt_is_the_floor()
    {
        var random = new Random(5);
        UInt128 limit = UInt128.One << 125;
        for (int i = 0; i < Points * 5; i++)
        {
            UInt128 n = new UInt128((ulong)random.NextInt64(), (ulong)random.NextInt64()) >> random.Next(1, 127) & (limit - 1);
            long root = FixedMath.Sqrt(n);
            Assert.Equal(Reference.IntegerRoot(n), root);
            // A square and its neighbours.
            UInt128 square = (UInt128)(ulong)root * (ulong)root;
            Assert.Equal(root, FixedMath.Sqrt(square));
            if (root > 0) Assert.Equal(root - 1, FixedMath.Sqrt(square - 1));
        }

        Assert.Equal(0, FixedMath.Sqrt(0));
        Assert.Equal(Reference.IntegerRoot(limit - 1), FixedMath.Sqrt(limit - 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => FixedMath.Sqrt(limit));
    }

    [Fact]
    public void The_tables_are_what_their_comments_say()
    {
        BigInteger power = Reference.One;
        for (int k = 0; k < FixedTables.PowerSeries.Length; k++, power = -Reference.Times(power, Reference.Ln2 / 32) / k) Assert.Equal(Nearest(power, 62), FixedTables.PowerSeries[k]);
        for (int k = 0; k < FixedTables.LnSeries.Length; k++) Assert.Equal(Nearest(Reference.One / (k % 2 == 0 ? k + 1 : -k - 1), 62), FixedTables.LnSeries[k]);
        Assert.Equal(32, FixedTables.Reciprocals.Length);
        for (int i = 0; i < 32; i++)
        {
            Assert.Equal((1L << 62) / (65 + 2 * i) * 64 + (1L << 62) % (65 + 2 * i) * 64 / (65 + 2 * i), FixedTables.Reciprocals[i]);
            Assert.Equal(Nearest(-Reference.Ln(Reference.Of(FixedTables.Reciprocals[i], 62)), 62), FixedTables.Logarithms[i]);
            Assert.Equal(Nearest(Reference.Exp(-Reference.Ln2 * (2 * i + 1) / 64), 62), FixedTables.Powers[i]);
        }
    }

    [Fact]
    public void The_pieces_of_Mills_ratio_are_interpolated_at_Chebyshev_nodes()
    {
        const int n = FixedTables.MillsTerms;
        Assert.Equal(24 * n, FixedTables.Mills.Length);
        // The nodes need no more digits than doubles have: a node displaced by 10^-16 changes no coefficient by a hundredth of a unit.
        BigInteger[] nodes = [.. Enumerable.Range(0, n).Select(j => Reference.Of((long)(Math.Cos(Math.PI * (2 * j + 1) / (2 * n)) * (1L << 61)), 62))];
        for (int piece = 0; piece < 24; piece++)
        {
            // Newton's divided differences, multiplied out.
            BigInteger[] differences = [.. nodes.Select(t => Reference.Mills((t + Reference.One * piece + Reference.One / 2) / 2))];
            for (int order = 1; order < n; order++)
                for (int j = n - 1; j >= order; j--) differences[j] = (differences[j] - differences[j - 1]) * Reference.One / (nodes[j] - nodes[j - order]);
            var coefficients = new BigInteger[n];
            for (int j = n - 1; j >= 0; j--)
            {
                for (int k = n - 1; k >= 0; k--) coefficients[k] = (k > 0 ? coefficients[k - 1] : 0) - Reference.Times(coefficients[k], nodes[j]);
                coefficients[0] += differences[j];
            }

            for (int k = 0; k < n; k++) Assert.Equal((double)Nearest(coefficients[k], 61), FixedTables.Mills[piece * n + k], 1.0);
        }
    }

    private static long Nearest(BigInteger x, int bits) => (long)((x + (BigInteger.One << (Reference.Bits - bits - 1))) >> (Reference.Bits - bits));

    private static double Units(BigInteger error, int bits) => (double)(error >> (Reference.Bits - bits - 20)) / (1 << 20);

    /// <summary>A grid, what lies beside its points, and random points, in [from, to).</summary>
    private static IEnumerable<long> Spread(int seed, long from, long to)
    {
        var random = new Random(seed);
        for (int i = 0; i < 192; i++)
        {
            long at = (long)(from + ((Int128)to - from) * i / 192);
            yield return at;
            yield return at + 1;
            if (i > 0) yield return at - 1;
        }

        yield return to - 1;
        for (int i = 0; i < Points; i++) yield return random.NextInt64(from, to);
    }

    private void Measure(string name, int bits, double bound, IEnumerable<long> arguments, Func<long, long> function, Func<long, BigInteger> exact)
    {
        double worst = 0;
        foreach (long x in arguments)
        {
            double error = Units(BigInteger.Abs(Reference.Of(function(x), bits) - exact(x)), bits);
            Assert.True(error <= bound, $"{name}({x}): {error} units of 2^-{bits}");
            worst = Math.Max(worst, error);
        }

        output.WriteLine($"{name}: at most {worst:F2} units of 2^-{bits}, bound {bound}");
    }
}
