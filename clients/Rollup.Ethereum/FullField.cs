using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace Rollup.Ethereum;

/// <summary>An odd prime above 2^255, limbs little-endian.</summary>
internal interface IFullModulus
{
    static abstract ulong P0 { get; }
    static abstract ulong P1 { get; }
    static abstract ulong P2 { get; }
    static abstract ulong P3 { get; }
}

/// <summary>p of secp256k1: 2^256 - 2^32 - 977.</summary>
internal readonly struct Secp256k1Base : IFullModulus
{
    public static ulong P0 => 0xFFFFFFFEFFFFFC2F;
    public static ulong P1 => ulong.MaxValue;
    public static ulong P2 => ulong.MaxValue;
    public static ulong P3 => ulong.MaxValue;
}

/// <summary>n, the order of secp256k1's group.</summary>
internal readonly struct Secp256k1Order : IFullModulus
{
    public static ulong P0 => 0xBFD25E8CD0364141;
    public static ulong P1 => 0xBAAEDCE6AF48A03B;
    public static ulong P2 => 0xFFFFFFFFFFFFFFFE;
    public static ulong P3 => ulong.MaxValue;
}

/// <summary>
/// An element of a prime field whose order fills all 256 bits, in Montgomery form (a 2^256 mod p), always fully reduced. <c>PrimeField</c> of Rollup.Crypto leaves out the
/// carry words that such an order needs.
/// </summary>
internal readonly struct FullField<TModulus> : IEquatable<FullField<TModulus>>
    where TModulus : struct, IFullModulus
{
    internal static readonly BigInteger Modulus = Join(TModulus.P0, TModulus.P1, TModulus.P2, TModulus.P3);
    internal static readonly FullField<TModulus> One = Raw((BigInteger.One << 256) % Modulus);
    private static readonly FullField<TModulus> RSquared = Raw((BigInteger.One << 512) % Modulus);
    private static readonly ulong NegativeInverse = MinusInverse(TModulus.P0);
    private static readonly byte[] InverseExponent = Digits(Modulus - 2);

    private readonly ulong l0, l1, l2, l3;

    private FullField(ulong l0, ulong l1, ulong l2, ulong l3) => (this.l0, this.l1, this.l2, this.l3) = (l0, l1, l2, l3);

    internal bool IsZero => (l0 | l1 | l2 | l3) == 0;

    /// <summary>Whether the number it stands for is odd.</summary>
    internal bool IsOdd => (FromMontgomery().l0 & 1) == 1;

    /// <summary>Reads 32 bytes, big-endian, of a number below p.</summary>
    internal static bool TryFromBytes(ReadOnlySpan<byte> bytes, out FullField<TModulus> value)
    {
        FullField<TModulus> raw = Limbs(bytes);
        value = raw * RSquared;
        return !IsAtLeastModulus(raw.l0, raw.l1, raw.l2, raw.l3);
    }

    /// <summary>Reads 32 bytes, big-endian, of any number, modulo p: p is above 2^255, so that one subtraction will do.</summary>
    internal static FullField<TModulus> Reduce(ReadOnlySpan<byte> bytes)
    {
        FullField<TModulus> raw = Limbs(bytes);
        return Reduced(raw.l0, raw.l1, raw.l2, raw.l3, 0) * RSquared;
    }

    internal static FullField<TModulus> From(ulong value) => new FullField<TModulus>(value, 0, 0, 0) * RSquared;

    /// <summary>32 bytes, big-endian.</summary>
    internal byte[] ToBytes()
    {
        FullField<TModulus> raw = FromMontgomery();
        var bytes = new byte[32];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, raw.l3);
        BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(8), raw.l2);
        BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(16), raw.l1);
        BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(24), raw.l0);
        return bytes;
    }

    public static FullField<TModulus> operator +(in FullField<TModulus> a, in FullField<TModulus> b)
    {
        ulong carry = 0;
        ulong l0 = Add(a.l0, b.l0, ref carry), l1 = Add(a.l1, b.l1, ref carry), l2 = Add(a.l2, b.l2, ref carry), l3 = Add(a.l3, b.l3, ref carry);
        return Reduced(l0, l1, l2, l3, carry);
    }

    public static FullField<TModulus> operator -(in FullField<TModulus> a, in FullField<TModulus> b)
    {
        ulong borrow = 0;
        ulong l0 = Subtract(a.l0, b.l0, ref borrow), l1 = Subtract(a.l1, b.l1, ref borrow), l2 = Subtract(a.l2, b.l2, ref borrow), l3 = Subtract(a.l3, b.l3, ref borrow);
        ulong mask = unchecked(0 - borrow), carry = 0;
        return new(Add(l0, mask & TModulus.P0, ref carry), Add(l1, mask & TModulus.P1, ref carry), Add(l2, mask & TModulus.P2, ref carry), Add(l3, mask & TModulus.P3, ref carry));
    }

    public static FullField<TModulus> operator -(in FullField<TModulus> a) => default(FullField<TModulus>) - a;

    /// <summary>Montgomery multiplication, coarsely integrated operand scanning.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static FullField<TModulus> operator *(in FullField<TModulus> a, in FullField<TModulus> b)
    {
        ulong t0 = 0, t1 = 0, t2 = 0, t3 = 0, t4 = 0;
        Row(b.l0, a, ref t0, ref t1, ref t2, ref t3, ref t4);
        Row(b.l1, a, ref t0, ref t1, ref t2, ref t3, ref t4);
        Row(b.l2, a, ref t0, ref t1, ref t2, ref t3, ref t4);
        Row(b.l3, a, ref t0, ref t1, ref t2, ref t3, ref t4);
        return Reduced(t0, t1, t2, t3, t4);
    }

    internal FullField<TModulus> Square() => this * this;

    internal FullField<TModulus> Double() => this + this;

    /// <summary>this^(p-2); zero for zero.</summary>
    internal FullField<TModulus> Inverse() => PowFixed(InverseExponent);

    public bool Equals(FullField<TModulus> other) => l0 == other.l0 && l1 == other.l1 && l2 == other.l2 && l3 == other.l3;
    public override bool Equals(object? obj) => obj is FullField<TModulus> other && Equals(other);
    public override int GetHashCode() => HashCode.Combine(l0, l1, l2, l3);
    public static bool operator ==(in FullField<TModulus> a, in FullField<TModulus> b) => a.Equals(b);
    public static bool operator !=(in FullField<TModulus> a, in FullField<TModulus> b) => !a.Equals(b);

    /// <summary>this^e for a fixed e of 64 digits of 4 bits, most significant first.</summary>
    internal FullField<TModulus> PowFixed(ReadOnlySpan<byte> digits)
    {
        Span<FullField<TModulus>> powers = stackalloc FullField<TModulus>[16];
        powers[0] = One;
        for (int i = 1; i < powers.Length; i++) powers[i] = powers[i - 1] * this;
        FullField<TModulus> result = powers[digits[0]];
        for (int i = 1; i < digits.Length; i++) result = result.Square().Square().Square().Square() * powers[digits[i]];
        return result;
    }

    /// <summary>Digits for <see cref="PowFixed"/>.</summary>
    internal static byte[] Digits(BigInteger exponent) => [.. Enumerable.Range(0, 64).Select(i => (byte)((exponent >> (4 * (63 - i))) & 15))];

    private FullField<TModulus> FromMontgomery() => this * new FullField<TModulus>(1, 0, 0, 0);

    private static FullField<TModulus> Limbs(ReadOnlySpan<byte> bytes) => new(
        BinaryPrimitives.ReadUInt64BigEndian(bytes[24..]), BinaryPrimitives.ReadUInt64BigEndian(bytes[16..]),
        BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]), BinaryPrimitives.ReadUInt64BigEndian(bytes));

    private static BigInteger Join(ulong l0, ulong l1, ulong l2, ulong l3) => l0 + ((BigInteger)l1 << 64) + ((BigInteger)l2 << 128) + ((BigInteger)l3 << 192);

    private static FullField<TModulus> Raw(BigInteger value) =>
        new((ulong)(value & ulong.MaxValue), (ulong)((value >> 64) & ulong.MaxValue), (ulong)((value >> 128) & ulong.MaxValue), (ulong)(value >> 192));

    // -p^-1 mod 2^64 by Newton's iteration: each step doubles the bits that are right, from the three that p itself gives.
    private static ulong MinusInverse(ulong p)
    {
        unchecked
        {
            ulong x = p;
            for (int i = 0; i < 5; i++) x *= 2 - p * x;
            return 0 - x;
        }
    }

    // t = (t + a b + m p) / 2^64 with the m that makes the lowest word vanish; t stays below 2p, in five words.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Row(ulong b, in FullField<TModulus> a, ref ulong t0, ref ulong t1, ref ulong t2, ref ulong t3, ref ulong t4)
    {
        ulong carry = 0;
        t0 = MultiplyAdd(a.l0, b, t0, ref carry);
        t1 = MultiplyAdd(a.l1, b, t1, ref carry);
        t2 = MultiplyAdd(a.l2, b, t2, ref carry);
        t3 = MultiplyAdd(a.l3, b, t3, ref carry);
        ulong over = 0;
        t4 = Add(t4, carry, ref over);
        ulong m = unchecked(t0 * NegativeInverse);
        carry = 0;
        MultiplyAdd(m, TModulus.P0, t0, ref carry);
        t0 = MultiplyAdd(m, TModulus.P1, t1, ref carry);
        t1 = MultiplyAdd(m, TModulus.P2, t2, ref carry);
        t2 = MultiplyAdd(m, TModulus.P3, t3, ref carry);
        ulong next = 0;
        t3 = Add(t4, carry, ref next);
        t4 = unchecked(over + next);
    }

    /// <returns>The low word of a b + t + carry, whose high word becomes the carry: (2^64-1)^2 + 2 (2^64-1) fits two words.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong MultiplyAdd(ulong a, ulong b, ulong t, ref ulong carry)
    {
        unchecked
        {
            ulong high = Math.BigMul(a, b, out ulong low);
            low += t;
            if (low < t) high++;
            low += carry;
            if (low < carry) high++;
            carry = high;
            return low;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Add(ulong a, ulong b, ref ulong carry)
    {
        unchecked
        {
            ulong sum = a + b;
            ulong over = sum < a ? 1UL : 0UL;
            ulong result = sum + carry;
            carry = over + (result < sum ? 1UL : 0UL);
            return result;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Subtract(ulong a, ulong b, ref ulong borrow)
    {
        unchecked
        {
            ulong difference = a - b;
            ulong under = a < b ? 1UL : 0UL;
            ulong result = difference - borrow;
            borrow = under + (difference < borrow ? 1UL : 0UL);
            return result;
        }
    }

    private static bool IsAtLeastModulus(ulong l0, ulong l1, ulong l2, ulong l3)
    {
        ulong borrow = 0;
        Subtract(l0, TModulus.P0, ref borrow);
        Subtract(l1, TModulus.P1, ref borrow);
        Subtract(l2, TModulus.P2, ref borrow);
        Subtract(l3, TModulus.P3, ref borrow);
        return borrow == 0;
    }

    // The number in five words, below 2p, modulo p.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static FullField<TModulus> Reduced(ulong l0, ulong l1, ulong l2, ulong l3, ulong l4)
    {
        ulong borrow = 0;
        ulong r0 = Subtract(l0, TModulus.P0, ref borrow), r1 = Subtract(l1, TModulus.P1, ref borrow), r2 = Subtract(l2, TModulus.P2, ref borrow), r3 = Subtract(l3, TModulus.P3, ref borrow);
        return l4 >= borrow ? new(r0, r1, r2, r3) : new(l0, l1, l2, l3);
    }
}
