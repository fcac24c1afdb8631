using Scalar = Rollup.Crypto.PrimeField<Rollup.Crypto.BabyJubJubOrder>;

namespace Rollup.Crypto;

/// <summary>
/// Multiples of Base8 by table: 63 signed digits base 16, one addition a digit, no doubling. All entries of a digit's row are read and the right one
/// masked out, so neither branches nor addresses depend on the scalar.
/// </summary>
internal static class FixedBase
{
    private const int ScalarBits = 251;
    private const int Bits = 4;
    private const int RowLength = 1 << Bits - 1;

    private static readonly Lazy<AffineCachedPoint[]> Table = new(() => BuildTable(Bits));

    /// <summary>Signed digits of a scalar: with one bit to spare, so that the last takes the carry without overflowing into another.</summary>
    internal static int DigitsOf(int bits) => (ScalarBits + bits) / bits;

    /// <summary>
    /// A scalar's signed digits of -(2^(bits-1) - 1)..2^(bits-1), each as its place in a table row, counted from the lowest: digit i goes to
    /// places[i · stride + lane]. Not for secrets.
    /// </summary>
    internal static void Recode(in Scalar scalar, int bits, Span<int> places, int lane, int stride)
    {
        // The fifth limb is zero.
        Span<ulong> limbs = stackalloc ulong[5];
        limbs[4] = 0;
        scalar.ToCanonical(limbs);
        int carry = 0, bias = (1 << bits - 1) - 1, digits = DigitsOf(bits);
        for (int i = 0; i < digits; i++)
        {
            int bit = i * bits, limb = bit / 64, shift = bit % 64;
            ulong window = limbs[limb] >> shift | (shift == 0 ? 0 : limbs[limb + 1] << 64 - shift);
            // What a place needs: from 2^(bits-1) + 1 on, the digit is 2^bits less, and the next one takes 1 more.
            int biased = (int)(window & (1UL << bits) - 1) + carry + bias;
            carry = biased >> bits;
            places[i * stride + lane] = biased & (1 << bits) - 1;
        }
    }

    internal static EdwardsPoint Multiply(in Scalar scalar)
    {
        Span<ulong> limbs = stackalloc ulong[4];
        scalar.ToCanonical(limbs);
        AffineCachedPoint[] table = Table.Value;
        EdwardsPoint sum = EdwardsPoint.Identity;
        int carry = 0, digits = DigitsOf(Bits);
        for (int i = 0; i < digits; i++)
        {
            // digit + carry in 0..16; from 9 on, digit - 16 and a carry.
            int digit = (int)(limbs[i / 16] >> (i % 16 * 4) & 15) + carry;
            carry = (digit + 7) >> 4;
            digit -= carry << 4;
            int sign = digit >> 31;
            int magnitude = (digit ^ sign) - sign;
            AffineCachedPoint summand = AffineCachedPoint.Identity;
            for (int j = 1; j <= RowLength; j++) summand = summand.Select(magnitude == j, table[i * RowLength + j - 1]);
            sum = sum.Add(summand.Negate(sign != 0));
        }

        limbs.Clear();
        return sum;
    }

    /// <summary>A row for each digit: row i holds 1..2^(bits-1) times 2^(bits·i) · Base8.</summary>
    internal static AffineCachedPoint[] BuildTable(int bits)
    {
        int digits = DigitsOf(bits), rowLength = 1 << bits - 1;
        var points = new EdwardsPoint[digits * rowLength];
        var power = new EdwardsPoint(BabyJubJubPoint.Base8);
        for (int i = 0; i < digits; i++)
        {
            var step = new CachedPoint(power);
            for (int j = 0; j < rowLength; j++)
            {
                points[i * rowLength + j] = power;
                power = power.Add(step);
            }

            // power is one step more than the row's last, which is half of what the next begins with.
            power = points[i * rowLength + rowLength - 1].Double();
        }

        Fr[] inverses = [.. points.Select(point => point.Z)];
        Fr.BatchInverse(inverses);
        return [.. points.Select((point, i) => new AffineCachedPoint(point, inverses[i]))];
    }
}
