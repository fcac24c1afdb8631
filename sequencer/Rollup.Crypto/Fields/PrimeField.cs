using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Rollup.Crypto;

/// <summary>
/// An element of the prime field of order p, held in Montgomery form (a·2^256 mod p) in four 64-bit limbs, always fully
/// reduced, so that equal elements have equal limbs. The default value is zero. Addition, subtraction, negation and
/// multiplication take the same time for all operands: carries are comparisons kept as flags, which is why these operators are compiled optimised from
/// their first call on.
/// </summary>
/// <typeparam name="TModulus">The field's constants.</typeparam>
public readonly partial struct PrimeField<TModulus> : IEquatable<PrimeField<TModulus>>
    where TModulus : struct, IPrimeModulus
{
    private readonly ulong _l0, _l1, _l2, _l3;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private PrimeField(ulong l0, ulong l1, ulong l2, ulong l3)
    {
        _l0 = l0;
        _l1 = l1;
        _l2 = l2;
        _l3 = l3;
    }

    /// <summary>The neutral element of addition.</summary>
    public static PrimeField<TModulus> Zero => default;

    /// <summary>The neutral element of multiplication.</summary>
    public static PrimeField<TModulus> One => new(TModulus.R[0], TModulus.R[1], TModulus.R[2], TModulus.R[3]);

    /// <summary>Whether this is zero.</summary>
    public bool IsZero => (_l0 | _l1 | _l2 | _l3) == 0;

    /// <summary>Whether this is one.</summary>
    public bool IsOne => this == One;

    /// <summary>Sum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining | MethodImplOptions.AggressiveOptimization)]
    public static PrimeField<TModulus> operator +(in PrimeField<TModulus> a, in PrimeField<TModulus> b)
    {
        unchecked
        {
            // 2p < 2^256: the sum of two reduced elements never carries out of the fourth limb.
            ulong l0 = a._l0 + b._l0;
            ulong c = l0 < b._l0 ? 1UL : 0UL;
            ulong l1 = AddCarry(a._l1, b._l1, ref c);
            ulong l2 = AddCarry(a._l2, b._l2, ref c);
            return Reduced(l0, l1, l2, a._l3 + b._l3 + c);
        }
    }

    /// <summary>Difference.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining | MethodImplOptions.AggressiveOptimization)]
    public static PrimeField<TModulus> operator -(in PrimeField<TModulus> a, in PrimeField<TModulus> b)
    {
        unchecked
        {
            ulong borrow = 0;
            ulong l0 = SubtractBorrow(a._l0, b._l0, ref borrow);
            ulong l1 = SubtractBorrow(a._l1, b._l1, ref borrow);
            ulong l2 = SubtractBorrow(a._l2, b._l2, ref borrow);
            ulong l3 = SubtractBorrow(a._l3, b._l3, ref borrow);
            ulong mask = 0 - borrow;
            ulong c = 0;
            l0 = AddCarry(l0, mask & TModulus.P0, ref c);
            l1 = AddCarry(l1, mask & TModulus.P1, ref c);
            l2 = AddCarry(l2, mask & TModulus.P2, ref c);
            return new(l0, l1, l2, l3 + (mask & TModulus.P3) + c);
        }
    }

    /// <summary>The additive inverse.</summary>
    public static PrimeField<TModulus> operator -(in PrimeField<TModulus> a) => Zero - a;

    /// <summary>
    /// Product: Montgomery multiplication by coarsely integrated operand scanning without the extra carry word, which p3 &lt; 2^62 allows
    /// (G. Botrel and Y. El Housni, "Faster Montgomery multiplication and Multi-Scalar-Multiplication for SNARKs", 2023).
    /// </summary>
    /// <remarks>
    /// Compiled once on its own: inlined into a caller it exhausts the compiler's inlining budget, its rows stay calls, and a product takes 85 ns, not 31.
    /// </remarks>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static PrimeField<TModulus> operator *(in PrimeField<TModulus> a, in PrimeField<TModulus> b)
    {
        ulong a0 = a._l0, a1 = a._l1, a2 = a._l2, a3 = a._l3;
        ulong t0 = 0, t1 = 0, t2 = 0, t3 = 0;
        Row(b._l0, a0, a1, a2, a3, ref t0, ref t1, ref t2, ref t3);
        Row(b._l1, a0, a1, a2, a3, ref t0, ref t1, ref t2, ref t3);
        Row(b._l2, a0, a1, a2, a3, ref t0, ref t1, ref t2, ref t3);
        Row(b._l3, a0, a1, a2, a3, ref t0, ref t1, ref t2, ref t3);
        return Reduced(t0, t1, t2, t3);
    }

    /// <summary>this · this.</summary>
    public PrimeField<TModulus> Square() => this * this;

    /// <summary>this + this.</summary>
    public PrimeField<TModulus> Double() => this + this;

    /// <summary>
    /// this^exponent by left-to-right squaring. 0^0 = 1. The running time depends on the exponent, not on this element.
    /// </summary>
    /// <param name="exponent">Little-endian 64-bit limbs, any number of them.</param>
    public PrimeField<TModulus> Pow(ReadOnlySpan<ulong> exponent)
    {
        PrimeField<TModulus> result = One;
        bool started = false;
        for (int i = exponent.Length - 1; i >= 0; i--)
        {
            for (int bit = 63; bit >= 0; bit--)
            {
                if (started) result = result.Square();
                if ((exponent[i] >> bit & 1) == 0) continue;
                result *= this;
                started = true;
            }
        }

        return result;
    }

    /// <inheritdoc cref="Pow(ReadOnlySpan{ulong})"/>
    public PrimeField<TModulus> Pow(ulong exponent) => Pow([exponent]);

    /// <summary>The multiplicative inverse, this^(p-2): a time independent of this element's value.</summary>
    /// <exception cref="DivideByZeroException">This is zero.</exception>
    public PrimeField<TModulus> Inverse()
    {
        if (IsZero) throw new DivideByZeroException("Zero has no inverse in a field; test IsZero before inverting.");
        // p is odd and above 2, so only the lowest limb changes.
        return Pow([unchecked(TModulus.P0 - 2), TModulus.P1, TModulus.P2, TModulus.P3]);
    }

    /// <summary>
    /// Replaces every element by its inverse at the price of one inversion and 3 multiplications an element (Montgomery's trick).
    /// Zeros stay zero, as a point at infinity among others wants.
    /// </summary>
    /// <param name="values">Inverted in place.</param>
    public static void BatchInverse(Span<PrimeField<TModulus>> values)
    {
        if (values.IsEmpty) return;
        var prefix = new PrimeField<TModulus>[values.Length];
        PrimeField<TModulus> product = One;
        for (int i = 0; i < values.Length; i++)
        {
            prefix[i] = product;
            if (!values[i].IsZero) product *= values[i];
        }

        PrimeField<TModulus> inverse = product.Inverse();
        for (int i = values.Length - 1; i >= 0; i--)
        {
            if (values[i].IsZero) continue;
            PrimeField<TModulus> value = values[i];
            values[i] = inverse * prefix[i];
            inverse *= value;
        }
    }

    /// <summary>A generator of the subgroup of order 2^TwoAdicity: NonResidue^((p-1)/2^TwoAdicity), the root snarkjs uses.</summary>
    public static PrimeField<TModulus> TwoAdicRoot { get; } = FromUInt64(TModulus.NonResidue).Pow(OddPart());

    /// <summary>A square root by Tonelli and Shanks. Not constant-time.</summary>
    /// <param name="root">One of the two roots (either may come out); zero when there is none.</param>
    /// <returns>Whether this is a square.</returns>
    public bool TrySqrt(out PrimeField<TModulus> root)
    {
        root = default;
        if (IsZero) return true;

        // (odd + 1) / 2 = (odd >> 1) + 1, and x^((odd+1)/2) = x^(odd>>1) · x.
        ulong[] half = ShiftRight(OddPart(), 1);
        PrimeField<TModulus> w = Pow(half);
        PrimeField<TModulus> x = w * this;
        PrimeField<TModulus> b = x * w;
        PrimeField<TModulus> z = TwoAdicRoot;
        int v = TModulus.TwoAdicity;
        while (!b.IsOne)
        {
            int k = 0;
            PrimeField<TModulus> power = b;
            while (!power.IsOne && k < v)
            {
                power = power.Square();
                k++;
            }

            if (k == v) return false;
            for (int i = v - k - 1; i > 0; i--) z = z.Square();
            x *= z;
            z = z.Square();
            b *= z;
            v = k;
        }

        root = x;
        return true;
    }

    /// <summary>when ? other : this, without a branch on it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining | MethodImplOptions.AggressiveOptimization)]
    public PrimeField<TModulus> Select(bool when, in PrimeField<TModulus> other)
    {
        ulong mask = unchecked(0 - (when ? 1UL : 0UL));
        return new(
            _l0 ^ (mask & (_l0 ^ other._l0)),
            _l1 ^ (mask & (_l1 ^ other._l1)),
            _l2 ^ (mask & (_l2 ^ other._l2)),
            _l3 ^ (mask & (_l3 ^ other._l3)));
    }

    /// <summary>Equality as field elements.</summary>
    public static bool operator ==(in PrimeField<TModulus> a, in PrimeField<TModulus> b) =>
        ((a._l0 ^ b._l0) | (a._l1 ^ b._l1) | (a._l2 ^ b._l2) | (a._l3 ^ b._l3)) == 0;

    /// <summary>Inequality as field elements.</summary>
    public static bool operator !=(in PrimeField<TModulus> a, in PrimeField<TModulus> b) => !(a == b);

    /// <inheritdoc/>
    public bool Equals(PrimeField<TModulus> other) => this == other;

    /// <inheritdoc/>
    public override bool Equals([NotNullWhen(true)] object? obj) => obj is PrimeField<TModulus> other && this == other;

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(_l0, _l1, _l2, _l3);

    // t := (t + a·b + m·p) / 2^64 with the m that makes the division exact.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Row(ulong b, ulong a0, ulong a1, ulong a2, ulong a3, ref ulong t0, ref ulong t1, ref ulong t2, ref ulong t3)
    {
        unchecked
        {
            ulong u = MultiplyAdd(a0, b, t0, 0, out ulong high);
            ulong m = u * TModulus.NegativeInverse;
            // m·p0 + u is 0 modulo 2^64: the low half carries out exactly when u is not 0.
            MultiplyAdd(m, TModulus.P0, 0, 0, out ulong carry);
            carry += u != 0 ? 1UL : 0UL;
            u = MultiplyAdd(a1, b, t1, high, out high);
            t0 = MultiplyAdd(m, TModulus.P1, u, carry, out carry);
            u = MultiplyAdd(a2, b, t2, high, out high);
            t1 = MultiplyAdd(m, TModulus.P2, u, carry, out carry);
            u = MultiplyAdd(a3, b, t3, high, out high);
            t2 = MultiplyAdd(m, TModulus.P3, u, carry, out carry);
            t3 = high + carry;
        }
    }

    // x·y + c + d, which always fits 128 bits.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong MultiplyAdd(ulong x, ulong y, ulong c, ulong d, out ulong high)
    {
        unchecked
        {
            // MULX for the high half and IMUL for the low one stay in registers. BigMul stores the low half and loads it again:
            // 31 to 45 ns a field product, by the luck of the stack's alignment, against 31.
            ulong h, low;
            if (Bmi2.X64.IsSupported)
            {
                h = Bmi2.X64.MultiplyNoFlags(x, y);
                low = x * y;
            }
            else
            {
                h = Math.BigMul(x, y, out low);
            }

            low += c;
            h += low < c ? 1UL : 0UL;
            low += d;
            h += low < d ? 1UL : 0UL;
            high = h;
            return low;
        }
    }

    // Subtracts p once when the value, below 2p, is not below p.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static PrimeField<TModulus> Reduced(ulong l0, ulong l1, ulong l2, ulong l3)
    {
        unchecked
        {
            ulong borrow = 0;
            ulong s0 = SubtractBorrow(l0, TModulus.P0, ref borrow);
            ulong s1 = SubtractBorrow(l1, TModulus.P1, ref borrow);
            ulong s2 = SubtractBorrow(l2, TModulus.P2, ref borrow);
            ulong s3 = SubtractBorrow(l3, TModulus.P3, ref borrow);
            ulong keep = 0 - borrow;
            return new(
                s0 ^ (keep & (s0 ^ l0)),
                s1 ^ (keep & (s1 ^ l1)),
                s2 ^ (keep & (s2 ^ l2)),
                s3 ^ (keep & (s3 ^ l3)));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong AddCarry(ulong x, ulong y, ref ulong carry)
    {
        unchecked
        {
            ulong s = x + y;
            ulong t = s + carry;
            carry = (s < x ? 1UL : 0UL) | (t < s ? 1UL : 0UL);
            return t;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong SubtractBorrow(ulong x, ulong y, ref ulong borrow)
    {
        unchecked
        {
            ulong s = x - y;
            ulong t = s - borrow;
            borrow = (x < y ? 1UL : 0UL) | (s < borrow ? 1UL : 0UL);
            return t;
        }
    }

    // (p - 1) / 2^TwoAdicity.
    private static ulong[] OddPart() => ShiftRight([TModulus.P0, TModulus.P1, TModulus.P2, TModulus.P3], TModulus.TwoAdicity);

    private static ulong[] ShiftRight(ReadOnlySpan<ulong> limbs, int bits)
    {
        var shifted = new ulong[4];
        for (int i = 0; i < 4; i++) shifted[i] = limbs[i] >> bits | (i < 3 ? limbs[i + 1] << (64 - bits) : 0);
        return shifted;
    }
}
