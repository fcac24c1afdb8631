using System.Numerics;
using System.Runtime.InteropServices;

namespace Rollup.Crypto.Tests;

public sealed class ScalarFieldLanes8Tests : FieldLanesTests<Lanes8, Bn254Scalar>;

public sealed class ScalarFieldLanes4Tests : FieldLanesTests<Lanes4, Bn254Scalar>;

public sealed class BaseFieldLanes8Tests : FieldLanesTests<Lanes8, Bn254Base>;

public sealed class BaseFieldLanes4Tests : FieldLanesTests<Lanes4, Bn254Base>;

public sealed class ScalarFieldOneByOneTests : FieldVectorTests<FieldScalar<Bn254Scalar>, Bn254Scalar>;

public sealed class BaseFieldOneByOneTests : FieldVectorTests<FieldScalar<Bn254Base>, Bn254Base>;

public sealed class FieldPathTests
{
    [Fact]
    public void The_widest_supported_path_is_the_default_and_a_name_forces_one()
    {
        FieldPathKind[] supported = [.. Enum.GetValues<FieldPathKind>().Where(FieldPath.IsSupported)];
        Assert.Equal(supported.Max(), FieldPath.Choose(null));
        Assert.Equal(supported.Max(), FieldPath.Choose(""));
        foreach (FieldPathKind path in supported) Assert.Equal(path, FieldPath.Choose(path.ToString().ToLowerInvariant()));
        Assert.Contains("'sse'", Assert.Throws<FieldPathException>(() => FieldPath.Choose("sse")).Message, StringComparison.Ordinal);
    }
}

/// <summary>Every operation of a vector against BigInteger, lane by lane.</summary>
public abstract class FieldVectorTests<TVector, TModulus>
    where TVector : unmanaged, IPrimeFieldVector<TVector, TModulus>
    where TModulus : struct, IPrimeModulus
{
    private const int RandomValues = 1_000_000;

    protected static BigInteger P => PrimeField<TModulus>.Modulus;

    private delegate void Operation(in TVector a, in TVector b, out TVector result);

    protected static BigInteger[] Edges()
    {
        // The borders of digits of 51 bits and of limbs of 64, from both sides.
        int[] bits = [50, 51, 52, 64, 101, 102, 127, 128, 152, 153, 191, 192, 203, 204, 252, 253];
        BigInteger[] borders = [.. bits.Select(bit => BigInteger.One << bit)];
        return [0, 1, 2, P - 1, P - 2, P / 2, P / 2 + 1, (2 * P - 1) % P, .. borders, .. borders.Select(b => b - 1), .. borders.Select(b => P - b)];
    }

    [Fact]
    public void Every_pair_of_edge_values()
    {
        BigInteger[] edges = Edges();
        BigInteger[] left = [.. edges.SelectMany(_ => edges)], right = [.. edges.SelectMany(e => Enumerable.Repeat(e, edges.Length))];
        Check(left, right);
    }

    [Fact]
    public void A_million_random_values()
    {
        var random = new Random(51);
        Span<byte> bytes = stackalloc byte[40];
        const int Step = 100_000;
        for (int done = 0; done < RandomValues; done += Step)
        {
            var left = new BigInteger[Step];
            var right = new BigInteger[Step];
            for (int i = 0; i < Step; i++)
            {
                random.NextBytes(bytes);
                left[i] = new BigInteger(bytes, isUnsigned: true) % P;
                random.NextBytes(bytes);
                right[i] = new BigInteger(bytes, isUnsigned: true) % P;
            }

            Check(left, right);
        }
    }

    [Fact]
    public void A_scaled_load_is_a_load_times_the_scale_and_a_scaled_store_undoes_it()
    {
        PrimeField<TModulus>[] values = [.. Edges().Take(TVector.Count).Select(PrimeField<TModulus>.FromBigInteger)];
        var back = new PrimeField<TModulus>[TVector.Count];
        TVector.LoadScaled(values, out TVector scaled);
        TVector.StoreScaled(scaled, back);
        Assert.Equal(values, back);
        TVector.Load(values, out TVector plain);
        TVector.Scale(plain, out plain);
        TVector.StoreScaled(plain, back);
        Assert.Equal(values, back);
        TVector.Broadcast(values[^1], out TVector same);
        TVector.Store(same, back);
        Assert.All(back, element => Assert.Equal(values[^1], element));
    }

    [Fact]
    public void Lanes_are_picked_each_from_a_vector_of_its_own()
    {
        const int Rows = 7, Stride = 3;
        var table = new TVector[Rows * Stride];
        for (int i = 0; i < table.Length; i++)
            TVector.Load([.. Enumerable.Range(0, TVector.Count).Select(lane => PrimeField<TModulus>.FromInt64(100 * i - lane))], out table[i]);
        int[] places = [.. Enumerable.Range(0, TVector.Count).Select(lane => (5 * lane + 2) % Rows)];
        TVector.Pick(table.AsSpan(1), Stride, places, out TVector picked);
        var back = new PrimeField<TModulus>[TVector.Count];
        TVector.Store(picked, back);
        Assert.Equal(places.Select((place, lane) => PrimeField<TModulus>.FromInt64(100 * (Stride * place + 1) - lane)), back);
        places[^1] = Rows;
        Assert.Throws<IndexOutOfRangeException>(() => TVector.Pick(table.AsSpan(1), Stride, places, out _));
    }

    private static void Check(BigInteger[] left, BigInteger[] right)
    {
        Check(left, right, TVector.Multiply, (a, b) => a * b);
        Check(left, right, TVector.Add, (a, b) => a + b);
        Check(left, right, TVector.Subtract, (a, b) => a - b);
        Check(left, right, (in TVector a, in TVector _, out TVector result) => TVector.Square(a, out result), (a, _) => a * a);
        Check(left, right, (in TVector a, in TVector _, out TVector result) => TVector.Negate(a, out result), (a, _) => -a);
        // Results are operands again: (ab - a)(a + b)b.
        Check(left, right, Chain, (a, b) => (a * b - a) * (a + b) * b);
    }

    private static void Chain(in TVector a, in TVector b, out TVector result)
    {
        TVector.Multiply(a, b, out result);
        TVector.Subtract(result, a, out result);
        TVector.Add(a, b, out TVector sum);
        TVector.Multiply(result, sum, out result);
        TVector.Multiply(b, result, out result);
    }

    private static void Check(BigInteger[] left, BigInteger[] right, Operation operation, Func<BigInteger, BigInteger, BigInteger> expected)
    {
        int count = TVector.Count;
        var a = new PrimeField<TModulus>[count];
        var b = new PrimeField<TModulus>[count];
        for (int i = 0; i + count <= left.Length; i += count)
        {
            for (int lane = 0; lane < count; lane++)
            {
                a[lane] = PrimeField<TModulus>.FromBigInteger(left[i + lane]);
                b[lane] = PrimeField<TModulus>.FromBigInteger(right[i + lane]);
            }

            TVector.Load(a, out TVector x);
            TVector.Load(b, out TVector y);
            operation(x, y, out TVector result);
            TVector.Store(result, a);
            for (int lane = 0; lane < count; lane++)
            {
                if (a[lane] != PrimeField<TModulus>.FromBigInteger(expected(left[i + lane], right[i + lane])))
                    Assert.Fail($"{left[i + lane]} and {right[i + lane]} in lane {lane}");
            }
        }
    }
}

/// <summary>Besides: the bounds that the digits promise, at the largest operands that they allow.</summary>
public abstract class FieldLanesTests<TLanes, TModulus> : FieldVectorTests<FieldLanes<TLanes, TModulus>, TModulus>
    where TLanes : unmanaged, ILanes<TLanes>
    where TModulus : struct, IDigitModulus
{
    private static readonly BigInteger HalfDigit = BigInteger.One << 50, Digit = BigInteger.One << 51, Radix = BigInteger.One << 255;

    [Fact]
    public void Constants_follow_from_the_modulus()
    {
        double[] digits = [TModulus.D0, TModulus.D1, TModulus.D2, TModulus.D3, TModulus.D4];
        Assert.Equal(P, Value(digits));
        Assert.All(digits[..4], d => Assert.True(BigInteger.Abs((BigInteger)d) <= HalfDigit));
        Assert.Equal(BigInteger.MinusOne, BigInteger.Remainder((BigInteger)TModulus.NegativeInverse51 * P, Digit) is var m && m.Sign > 0 ? m - Digit : m);
        Assert.True(BigInteger.Abs((BigInteger)TModulus.NegativeInverse51) <= HalfDigit);
    }

    [Fact]
    public void Products_of_unreduced_operands_are_right_and_within_their_bounds()
    {
        // Sums and differences of two elements, as callers may leave them on one side of a product: up to 2p in size, digits up to 2^51.
        BigInteger[] wide = [2 * P - 1, 1 - 2 * P, 2 * P, P + 1, -P, .. Edges().Select(e => e + P), .. Edges().Select(e => e - 2 * P)];
        BigInteger[] narrow = [P - 1, 1 - P, 0, .. Edges(), .. Edges().Select(e => e - P)];
        double[][] left = [.. wide.Select(Digits), .. Extremes(Digit)], right = [.. narrow.Select(Digits), .. Extremes(HalfDigit)];
        BigInteger inverse = BigInteger.ModPow(Radix, P - 2, P);
        foreach (double[] x in left)
        {
            foreach (double[] y in right)
            {
                BigInteger w = Value(x), n = Value(y);
                FieldLanes<TLanes, TModulus>.Multiply(Raw(x), Raw(y), out FieldLanes<TLanes, TModulus> product);
                BigInteger value = Value(product);
                Assert.Equal(BigInteger.Zero, (value - w * n * inverse) % P);
                // |value| ≤ |w·n| / 2^255 + p/2·(1 + 2^-50).
                Assert.True(BigInteger.Abs(value) * Radix <= BigInteger.Abs(w * n) + P * (Radix / 2 + (Radix >> 50)), $"{w} · {n} gave {value}");
                FieldLanes<TLanes, TModulus>.Add(product, product, out FieldLanes<TLanes, TModulus> sum);
                Assert.Equal(BigInteger.Zero, (Value(sum) - 2 * value) % P);
                Assert.True(100 * BigInteger.Abs(Value(sum)) <= 51 * P);
            }
        }
    }

    // All digits at their limit, in both signs and mixed; the top one so that the value stays within its own bound.
    private static IEnumerable<double[]> Extremes(BigInteger limit) =>
        from signs in Enumerable.Range(0, 16)
        from top in new[] { -0.8, 0.8 }
        select (double[])[.. Enumerable.Range(0, 4).Select(i => (signs >> i & 1) == 0 ? (double)limit : -(double)limit), Math.Floor(top * (double)limit)];

    // Nearest to zero.
    private static double[] Digits(BigInteger value)
    {
        var digits = new double[5];
        for (int i = 0; i < 5; i++)
        {
            BigInteger digit = i < 4 ? BigInteger.Remainder(value, Digit) : value;
            if (i < 4 && digit > HalfDigit) digit -= Digit;
            if (i < 4 && digit < -HalfDigit) digit += Digit;
            digits[i] = (double)digit;
            value = (value - digit) / Digit;
        }

        return digits;
    }

    private static BigInteger Value(double[] digits) => digits.Select((d, i) => (BigInteger)d << (51 * i)).Aggregate(BigInteger.Add);

    private static FieldLanes<TLanes, TModulus> Raw(double[] digits)
    {
        var vector = new FieldLanes<TLanes, TModulus>[1];
        for (int i = 0; i < 5; i++) MemoryMarshal.Cast<FieldLanes<TLanes, TModulus>, double>(vector.AsSpan()).Slice(i * TLanes.Count, TLanes.Count).Fill(digits[i]);
        return vector[0];
    }

    // The integer in the first lane, after a look at its digits and at the other lanes, which hold the same.
    private static BigInteger Value(FieldLanes<TLanes, TModulus> element)
    {
        ReadOnlySpan<double> digits = MemoryMarshal.Cast<FieldLanes<TLanes, TModulus>, double>(new[] { element }.AsSpan());
        BigInteger value = 0;
        for (int i = 4; i >= 0; i--)
        {
            ReadOnlySpan<double> lanes = digits.Slice(i * TLanes.Count, TLanes.Count);
            Assert.Equal(-1, lanes.IndexOfAnyExcept(lanes[0]));
            if (i < 4) Assert.True(BigInteger.Abs((BigInteger)lanes[0]) <= HalfDigit);
            value = (value << 51) + (BigInteger)lanes[0];
        }

        return value;
    }
}
