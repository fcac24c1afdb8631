using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Rollup.Crypto;

/// <summary>
/// Elements of a prime field in the lanes of a hardware vector: five digits of 51 bits, each a whole number carried exactly in a double.
/// A product of two digits is split exactly into a high and a low part by two fused multiply-adds (N. Emmart, J. Luitjens, C. Weems, C. Woolley,
/// "Optimizing modular multiplication for NVIDIA's Maxwell GPUs", ARITH 2016, has the trick with directed rounding); here rounding to nearest makes
/// both parts signed, which every machine can do, and halves what Montgomery reduction adds.
/// </summary>
/// <remarks>
/// <para>An element a is held as the integer x = Σ x_i·2^(51·i) with x ≡ a·2^255 (mod p). After every operation |x_i| ≤ 2^50 for i &lt; 4, and |x| &lt; p.</para>
/// <para>Multiplication takes |x_i| ≤ 2^51 and |x|·|y| ≤ 5p²: so it takes the plain sum or difference of two elements on one side.
/// Its result is (x·y + m·p)/2^255 with |m| ≤ 2^254·(1 + 2^-50), p/2^255 &lt; 0.3781: at most 0.3781·(|x|·|y|/p²)·p + 0.5p·(1 + 2^-50); 0.88p for two elements, 1.26p for an element and
/// a sum, which the callers that need it reduce.</para>
/// </remarks>
/// <typeparam name="TLanes">The hardware vector.</typeparam>
/// <typeparam name="TModulus">The field.</typeparam>
public struct FieldLanes<TLanes, TModulus> : IPrimeFieldVector<FieldLanes<TLanes, TModulus>, TModulus>
    where TLanes : struct, ILanes<TLanes>
    where TModulus : struct, IDigitModulus
{
    private const int DigitBits = 51;
    private const long DigitMask = (1L << DigitBits) - 1;

    // Adding it to a product |x| ≤ 2^102 gives a number of [2^103, 2^104], whose last bit is worth 2^51: the sum is rounded to multiples of 2^51,
    // and its bits, read as an integer, are HighBits + product/2^51.
    private const double High = 1.5 * (1L << 52) * (1L << 51);
    private const long HighBits = 0x4668L << 48;

    // Likewise the bits of Low + x, |x| ≤ 2^51, are LowBits + x.
    private const double Low = 1.5 * (1L << 52);
    private const long LowBits = 0x4338L << 48;

    // The bits of a whole number of [2^52, 2^53) are those of 2^52 with the number below in the last 52.
    private const double Two52 = 1L << 52;
    private const long Two52Bits = 0x4330L << 48;
    private const double HalfDigit = 1L << 50;

    private TLanes _x0, _x1, _x2, _x3, _x4;

    private static readonly FieldLanes<TLanes, TModulus> LoadFactor = FromPowerOfTwo(254), StoreFactor = FromPowerOfTwo(256);

    /// <inheritdoc/>
    public static int Count => TLanes.Count;

    /// <summary>
    /// What the ten columns of a product begin with: minus the bits that come with the products' parts, in column k (with n(k) digit products x_i·y_j, i + j = k)
    /// 2·n(k)·LowBits + 2·n(k-1)·HighBits; 2^62, so that the shift of a column, with zeros following, is that of a signed number plus 2^11;
    /// minus that 2^11 of the column before; and 2^50 in columns 5 to 8, for digits rounded to nearest. Column 9 keeps LowBits: it is read as a double.
    /// All but the last are multiples of 2^51 up to small terms that are exact, so the low 51 bits of a column are the sum's own.
    /// </summary>
    private static ReadOnlySpan<long> Columns => unchecked([
        (long)0xB990000000000000, (long)0xA64FFFFFFFFFF800, (long)0x930FFFFFFFFFF800, 0x7FCFFFFFFFFFF800, 0x6C8FFFFFFFFFF800,
        0x6633FFFFFFFFF800, 0x7973FFFFFFFFF800, (long)0x8CB3FFFFFFFFF800, (long)0x9FF3FFFFFFFFF800, (long)0xB667FFFFFFFFF800]);

    /// <inheritdoc/>
    /// <remarks>
    /// Compiled once on its own, as a loop over the digits of b: unrolled, it exceeds what the compiler will inline, and takes ten times as long.
    /// </remarks>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(in FieldLanes<TLanes, TModulus> a, in FieldLanes<TLanes, TModulus> b, out FieldLanes<TLanes, TModulus> product)
    {
        ref long column = ref MemoryMarshal.GetReference(Columns);
        ref TLanes digits = ref Unsafe.AsRef(in b._x0);
        TLanes a0 = a._x0, a1 = a._x1, a2 = a._x2, a3 = a._x3, a4 = a._x4;
        TLanes c0 = TLanes.CreateBits(column), c1 = TLanes.CreateBits(Unsafe.Add(ref column, 1)), c2 = TLanes.CreateBits(Unsafe.Add(ref column, 2));
        TLanes c3 = TLanes.CreateBits(Unsafe.Add(ref column, 3)), c4 = TLanes.CreateBits(Unsafe.Add(ref column, 4));
        TLanes high = TLanes.Create(High), both = TLanes.Create(High + Low);
        for (int i = 0; i < 5; i++)
        {
            TLanes c5 = TLanes.CreateBits(Unsafe.Add(ref column, i + 5)), y = Unsafe.Add(ref digits, i), h;
            h = TLanes.MultiplyAdd(a0, y, high); c1 = TLanes.AddBits(c1, h); c0 = TLanes.AddBits(c0, TLanes.MultiplyAdd(a0, y, both - h));
            h = TLanes.MultiplyAdd(a1, y, high); c2 = TLanes.AddBits(c2, h); c1 = TLanes.AddBits(c1, TLanes.MultiplyAdd(a1, y, both - h));
            h = TLanes.MultiplyAdd(a2, y, high); c3 = TLanes.AddBits(c3, h); c2 = TLanes.AddBits(c2, TLanes.MultiplyAdd(a2, y, both - h));
            h = TLanes.MultiplyAdd(a3, y, high); c4 = TLanes.AddBits(c4, h); c3 = TLanes.AddBits(c3, TLanes.MultiplyAdd(a3, y, both - h));
            h = TLanes.MultiplyAdd(a4, y, high); c5 = TLanes.AddBits(c5, h); c4 = TLanes.AddBits(c4, TLanes.MultiplyAdd(a4, y, both - h));

            // The digit of m that makes column 0 a multiple of 2^51: the low part of its low 51 bits times -p^-1.
            TLanes u = LowDigit(c0) - TLanes.Create(Two52), inverse = TLanes.Create(TModulus.NegativeInverse51);
            TLanes m = TLanes.MultiplyAdd(u, inverse, high - TLanes.MultiplyAdd(u, inverse, high));
            TLanes p0 = TLanes.Create(TModulus.D0), p1 = TLanes.Create(TModulus.D1), p2 = TLanes.Create(TModulus.D2);
            TLanes p3 = TLanes.Create(TModulus.D3), p4 = TLanes.Create(TModulus.D4);
            h = TLanes.MultiplyAdd(p0, m, high); c1 = TLanes.AddBits(c1, h); c0 = TLanes.AddBits(c0, TLanes.MultiplyAdd(p0, m, both - h));
            h = TLanes.MultiplyAdd(p1, m, high); c2 = TLanes.AddBits(c2, h); c1 = TLanes.AddBits(c1, TLanes.MultiplyAdd(p1, m, both - h));
            h = TLanes.MultiplyAdd(p2, m, high); c3 = TLanes.AddBits(c3, h); c2 = TLanes.AddBits(c2, TLanes.MultiplyAdd(p2, m, both - h));
            h = TLanes.MultiplyAdd(p3, m, high); c4 = TLanes.AddBits(c4, h); c3 = TLanes.AddBits(c3, TLanes.MultiplyAdd(p3, m, both - h));
            h = TLanes.MultiplyAdd(p4, m, high); c5 = TLanes.AddBits(c5, h); c4 = TLanes.AddBits(c4, TLanes.MultiplyAdd(p4, m, both - h));
            c0 = TLanes.AddBits(c1, c0 >>> DigitBits);
            c1 = c2;
            c2 = c3;
            c3 = c4;
            c4 = c5;
        }

        TLanes centre = TLanes.Create(Two52 + HalfDigit);
        product._x0 = LowDigit(c0) - centre;
        c1 = TLanes.AddBits(c1, c0 >>> DigitBits);
        product._x1 = LowDigit(c1) - centre;
        c2 = TLanes.AddBits(c2, c1 >>> DigitBits);
        product._x2 = LowDigit(c2) - centre;
        c3 = TLanes.AddBits(c3, c2 >>> DigitBits);
        product._x3 = LowDigit(c3) - centre;
        product._x4 = TLanes.AddBits(c4, c3 >>> DigitBits) - TLanes.Create(Low);
    }

    /// <inheritdoc/>
    public static void Square(in FieldLanes<TLanes, TModulus> a, out FieldLanes<TLanes, TModulus> square) => Multiply(a, a, out square);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add(in FieldLanes<TLanes, TModulus> a, in FieldLanes<TLanes, TModulus> b, out FieldLanes<TLanes, TModulus> sum) =>
        Reduce(a._x0 + b._x0, a._x1 + b._x1, a._x2 + b._x2, a._x3 + b._x3, a._x4 + b._x4, out sum);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Subtract(in FieldLanes<TLanes, TModulus> a, in FieldLanes<TLanes, TModulus> b, out FieldLanes<TLanes, TModulus> difference) =>
        Reduce(a._x0 - b._x0, a._x1 - b._x1, a._x2 - b._x2, a._x3 - b._x3, a._x4 - b._x4, out difference);

    /// <inheritdoc/>
    public static void Negate(in FieldLanes<TLanes, TModulus> a, out FieldLanes<TLanes, TModulus> negative)
    {
        TLanes zero = TLanes.Create(0);
        negative._x0 = zero - a._x0;
        negative._x1 = zero - a._x1;
        negative._x2 = zero - a._x2;
        negative._x3 = zero - a._x3;
        negative._x4 = zero - a._x4;
    }

    /// <inheritdoc/>
    public static void NegateWhere(in FieldLanes<TLanes, TModulus> a, ReadOnlySpan<ulong> signs, out FieldLanes<TLanes, TModulus> result)
    {
        // The highest bit of a double is its sign.
        TLanes sign = TLanes.LoadBits(in MemoryMarshal.GetReference(signs[..TLanes.Count]));
        result._x0 = a._x0 ^ sign;
        result._x1 = a._x1 ^ sign;
        result._x2 = a._x2 ^ sign;
        result._x3 = a._x3 ^ sign;
        result._x4 = a._x4 ^ sign;
    }

    /// <inheritdoc/>
    public static void Broadcast(in PrimeField<TModulus> value, out FieldLanes<TLanes, TModulus> vector)
    {
        Span<PrimeField<TModulus>> values = stackalloc PrimeField<TModulus>[TLanes.Count];
        values.Fill(value);
        Load(values, out vector);
    }

    /// <inheritdoc/>
    public static void Load(ReadOnlySpan<PrimeField<TModulus>> values, out FieldLanes<TLanes, TModulus> vector)
    {
        // The limbs hold a·2^256 and are multiplied by 2^254 / 2^255.
        LoadScaled(values, out vector);
        Multiply(vector, LoadFactor, out vector);
    }

    /// <inheritdoc/>
    public static void Store(in FieldLanes<TLanes, TModulus> vector, Span<PrimeField<TModulus>> values)
    {
        Multiply(vector, StoreFactor, out FieldLanes<TLanes, TModulus> scaled);
        StoreScaled(scaled, values);
    }

    /// <inheritdoc/>
    /// <remarks>The constant is 2: the limbs hold a·2^256 = 2a·2^255.</remarks>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void LoadScaled(ReadOnlySpan<PrimeField<TModulus>> values, out FieldLanes<TLanes, TModulus> vector)
    {
        ref ulong first = ref Unsafe.As<PrimeField<TModulus>, ulong>(ref MemoryMarshal.GetReference(values[..TLanes.Count]));
        TLanes l0 = TLanes.GatherBitsByFour(in first), l1 = TLanes.GatherBitsByFour(in Unsafe.Add(ref first, 1));
        TLanes l2 = TLanes.GatherBitsByFour(in Unsafe.Add(ref first, 2)), l3 = TLanes.GatherBitsByFour(in Unsafe.Add(ref first, 3));
        TLanes two52 = TLanes.Create(Two52);
        TLanes x0 = LowDigit(l0) - two52;
        TLanes x1 = LowDigit(l0 >>> 51 | l1 << 13) - two52;
        TLanes x2 = LowDigit(l1 >>> 38 | l2 << 26) - two52;
        TLanes x3 = LowDigit(l2 >>> 25 | l3 << 39) - two52;
        TLanes x4 = LowDigit(l3 >>> 12) - two52;
        Carry(x0, x1, x2, x3, x4, out vector);
    }

    /// <inheritdoc/>
    public static void StoreScaled(in FieldLanes<TLanes, TModulus> vector, Span<PrimeField<TModulus>> values)
    {
        ref double digit = ref Unsafe.As<TLanes, double>(ref Unsafe.AsRef(in vector._x0));
        int count = TLanes.Count;
        for (int lane = 0; lane < count; lane++)
        {
            ref double x = ref Unsafe.Add(ref digit, lane);
            values[lane] = PrimeField<TModulus>.FromMontgomeryDigits(
                Whole(x), Whole(Unsafe.Add(ref x, count)), Whole(Unsafe.Add(ref x, 2 * count)), Whole(Unsafe.Add(ref x, 3 * count)), Whole(Unsafe.Add(ref x, 4 * count)));
        }
    }

    /// <inheritdoc/>
    public static void Pick(
        ReadOnlySpan<FieldLanes<TLanes, TModulus>> table, int stride, ReadOnlySpan<int> places, out FieldLanes<TLanes, TModulus> picked)
    {
        Unsafe.SkipInit(out picked);
        ref double to = ref Unsafe.As<TLanes, double>(ref picked._x0);
        int count = TLanes.Count;
        for (int lane = 0; lane < count; lane++)
        {
            ref double from = ref Unsafe.As<TLanes, double>(ref Unsafe.AsRef(in table[stride * places[lane]]._x0));
            for (int i = lane; i < 5 * count; i += count) Unsafe.Add(ref to, i) = Unsafe.Add(ref from, i);
        }
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scale(in FieldLanes<TLanes, TModulus> a, out FieldLanes<TLanes, TModulus> scaled) => Add(a, a, out scaled);

    /// <inheritdoc/>
    public static void Transpose(Span<FieldLanes<TLanes, TModulus>> vectors)
    {
        int count = TLanes.Count, size = 5 * count;
        ref double first = ref Unsafe.As<FieldLanes<TLanes, TModulus>, double>(ref MemoryMarshal.GetReference(vectors[..count]));
        for (int digit = 0; digit < size; digit += count)
        {
            for (int i = 1; i < count; i++)
            {
                for (int j = 0; j < i; j++)
                {
                    ref double a = ref Unsafe.Add(ref first, i * size + digit + j), b = ref Unsafe.Add(ref first, j * size + digit + i);
                    (a, b) = (b, a);
                }
            }
        }
    }

    // 2^52 plus the low 51 bits.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TLanes LowDigit(TLanes bits) => bits & TLanes.CreateBits(DigitMask) | TLanes.CreateBits(Two52Bits);

    // Of digits up to 2^52 in size and |x| ≤ 4p: subtracts the multiple of p nearest to x, judged by the top digit, which leaves |x| ≤ 0.51p.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Reduce(TLanes x0, TLanes x1, TLanes x2, TLanes x3, TLanes x4, out FieldLanes<TLanes, TModulus> result)
    {
        TLanes low = TLanes.Create(Low);
        TLanes q = low - TLanes.MultiplyAdd(x4, TLanes.Create(1 / TModulus.D4), low);
        Carry(
            TLanes.MultiplyAdd(q, TLanes.Create(TModulus.D0), x0), TLanes.MultiplyAdd(q, TLanes.Create(TModulus.D1), x1),
            TLanes.MultiplyAdd(q, TLanes.Create(TModulus.D2), x2), TLanes.MultiplyAdd(q, TLanes.Create(TModulus.D3), x3),
            TLanes.MultiplyAdd(q, TLanes.Create(TModulus.D4), x4), out result);
    }

    // Brings the digits below the top to at most 2^50 in size; they are below 2^53.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Carry(TLanes x0, TLanes x1, TLanes x2, TLanes x3, TLanes x4, out FieldLanes<TLanes, TModulus> result)
    {
        TLanes low = TLanes.Create(Low), unit = TLanes.Create(1.0 / (1L << DigitBits)), digit = TLanes.Create(-(double)(1L << DigitBits));
        TLanes c = TLanes.MultiplyAdd(x0, unit, low) - low;
        result._x0 = TLanes.MultiplyAdd(c, digit, x0);
        x1 += c;
        c = TLanes.MultiplyAdd(x1, unit, low) - low;
        result._x1 = TLanes.MultiplyAdd(c, digit, x1);
        x2 += c;
        c = TLanes.MultiplyAdd(x2, unit, low) - low;
        result._x2 = TLanes.MultiplyAdd(c, digit, x2);
        x3 += c;
        c = TLanes.MultiplyAdd(x3, unit, low) - low;
        result._x3 = TLanes.MultiplyAdd(c, digit, x3);
        result._x4 = x4 + c;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long Whole(double digit) => unchecked(BitConverter.DoubleToInt64Bits(digit + Low) - LowBits);

    // The integer 2^exponent mod p in every lane, not the element.
    private static FieldLanes<TLanes, TModulus> FromPowerOfTwo(int exponent)
    {
        System.Numerics.BigInteger value = System.Numerics.BigInteger.Pow(2, exponent) % PrimeField<TModulus>.Modulus;
        var digits = new TLanes[5];
        for (int i = 0; i < 5; i++)
        {
            digits[i] = TLanes.Create((double)(i < 4 ? value & DigitMask : value));
            value >>= DigitBits;
        }

        Carry(digits[0], digits[1], digits[2], digits[3], digits[4], out FieldLanes<TLanes, TModulus> result);
        return result;
    }
}
