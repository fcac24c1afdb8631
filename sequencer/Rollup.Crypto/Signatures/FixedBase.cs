using Scalar = Rollup.Crypto.PrimeField<Rollup.Crypto.BabyJubJubOrder>;

namespace Rollup.Crypto;

/// <summary>
/// Multiples of Base8 by table: 63 signed digits base 16, one addition a digit, no doubling. All entries of a digit's row are read and the right one
/// masked out, so neither branches nor addresses depend on the scalar.
/// </summary>
internal static class FixedBase
{
    // A scalar has 251 bits: 63 digits of 4 bits, of which the last takes the carry without overflowing into another.
    private const int Digits = 63;
    private const int RowLength = 8;

    // Row i holds 1..8 times 16^i · Base8.
    private static readonly Lazy<AffineCachedPoint[]> Table = new(BuildTable);

    internal static EdwardsPoint Multiply(in Scalar scalar)
    {
        Span<ulong> limbs = stackalloc ulong[4];
        scalar.ToCanonical(limbs);
        AffineCachedPoint[] table = Table.Value;
        EdwardsPoint sum = EdwardsPoint.Identity;
        int carry = 0;
        for (int i = 0; i < Digits; i++)
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

    private static AffineCachedPoint[] BuildTable()
    {
        var points = new EdwardsPoint[Digits * RowLength];
        var power = new EdwardsPoint(BabyJubJubPoint.Base8);
        for (int i = 0; i < Digits; i++)
        {
            var step = new CachedPoint(power);
            for (int j = 0; j < RowLength; j++)
            {
                points[i * RowLength + j] = power;
                power = power.Add(step);
            }

            // power is 9 times the row's first; 16 = 2 · 8.
            power = points[i * RowLength + RowLength - 1].Double();
        }

        Fr[] inverses = [.. points.Select(point => point.Z)];
        Fr.BatchInverse(inverses);
        return [.. points.Select((point, i) => new AffineCachedPoint(point, inverses[i]))];
    }
}
