using System.Numerics;

namespace Rollup.Crypto;

/// <summary>
/// Poseidon's constants in the plain form of the paper (L. Grassi et al., "Poseidon: A New Hash Function for Zero-Knowledge
/// Proof Systems", USENIX Security 2021, appendix E and F), as circomlib has them: round constants and MDS matrix drawn from the Grain LFSR
/// seeded with (prime field, x^5, 254 bits, t, 8 full rounds, R_P partial rounds).
/// </summary>
internal sealed class PoseidonConstants
{
    internal const int FullRounds = 8;
    private const int FieldBits = 254;

    // R_P for t = 2..17; circomlib rounds the paper's minimum for 128 bits of security up by its own table.
    private static ReadOnlySpan<byte> PartialRoundsByWidth => [56, 57, 56, 60, 60, 63, 64, 63, 60, 66, 60, 65, 70, 60, 64, 68];

    /// <param name="width">t = inputs + 1, 2..17.</param>
    internal PoseidonConstants(int width)
    {
        Width = width;
        PartialRounds = PartialRoundsByWidth[width - 2];
        var grain = new Grain(width, PartialRounds);

        Round = new Fr[FullRounds + PartialRounds][];
        for (int round = 0; round < Round.Length; round++)
        {
            Round[round] = new Fr[width];
            for (int lane = 0; lane < width; lane++) Round[round][lane] = grain.NextBelowModulus();
        }

        // A Cauchy matrix: 1 / (x_i + y_j). Unlike the round constants, x and y are reduced, not rejected.
        var seeds = new Fr[2 * width];
        for (int i = 0; i < seeds.Length; i++) seeds[i] = Fr.FromBigInteger(grain.NextBits());
        Mds = new Fr[width, width];
        var sums = new Fr[width * width];
        for (int i = 0; i < sums.Length; i++) sums[i] = seeds[i / width] + seeds[width + i % width];
        Fr.BatchInverse(sums);
        for (int i = 0; i < sums.Length; i++) Mds[i / width, i % width] = sums[i];
    }

    internal int Width { get; }

    internal int PartialRounds { get; }

    /// <summary>[round][lane], added before the round's S-boxes.</summary>
    internal Fr[][] Round { get; }

    /// <summary>[row, column]: new lane row = Σ Mds[row, column] · old lane column.</summary>
    internal Fr[,] Mds { get; }

    private sealed class Grain
    {
        // b(i+80) = b(i+62) + b(i+51) + b(i+38) + b(i+23) + b(i+13) + b(i); b(i) sits in bit 0 of _low.
        private const ulong Taps = 1UL << 62 | 1UL << 51 | 1UL << 38 | 1UL << 23 | 1UL << 13 | 1;

        private ulong _low;
        private ulong _high;

        internal Grain(int width, int partialRounds)
        {
            int position = 0;
            Seed(1, 2, ref position); // a prime field
            Seed(0, 4, ref position); // S-box x^alpha
            Seed(FieldBits, 12, ref position);
            Seed(width, 12, ref position);
            Seed(FullRounds, 10, ref position);
            Seed(partialRounds, 10, ref position);
            Seed((1 << 30) - 1, 30, ref position);
            for (int i = 0; i < 160; i++) Step();
        }

        internal Fr NextBelowModulus()
        {
            BigInteger value;
            do value = NextBits();
            while (value >= Fr.Modulus);
            return Fr.FromBigInteger(value);
        }

        internal BigInteger NextBits()
        {
            Span<byte> bytes = stackalloc byte[32];
            bytes.Clear();
            for (int bit = FieldBits - 1; bit >= 0; bit--)
            {
                // Self-shrinking: of each pair, the second bit counts if the first is 1.
                while (Step() == 0) Step();
                bytes[bit >> 3] |= (byte)(Step() << (bit & 7));
            }

            return new BigInteger(bytes, isUnsigned: true);
        }

        private ulong Step()
        {
            ulong bit = (ulong)BitOperations.PopCount(_low & Taps) & 1;
            _low = _low >> 1 | _high << 63;
            _high = _high >> 1 | bit << 15;
            return bit;
        }

        // Most significant bit first, at the next positions of the 80-bit register.
        private void Seed(int value, int bits, ref int position)
        {
            for (int i = bits - 1; i >= 0; i--, position++)
            {
                ulong bit = (ulong)(value >> i) & 1;
                if (position < 64) _low |= bit << position;
                else _high |= bit << (position - 64);
            }
        }
    }
}
