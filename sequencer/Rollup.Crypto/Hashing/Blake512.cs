using System.Buffers.Binary;
using System.Numerics;
using System.Security.Cryptography;

namespace Rollup.Crypto;

/// <summary>
/// BLAKE-512, the SHA-3 finalist (J.-P. Aumasson et al., "SHA-3 proposal BLAKE", version 1.3, 2010), not BLAKE2: circomlibjs derives
/// EdDSA keys and nonces with it. No salt. Time depends on the length of the data alone.
/// </summary>
public static class Blake512
{
    /// <summary>Bytes of a hash.</summary>
    public const int HashLength = 64;

    private const int BlockLength = 128;
    private const int Rounds = 16;

    private static ReadOnlySpan<ulong> InitialValue =>
    [
        0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1,
        0x510E527FADE682D1, 0x9B05688C2B3E6C1F, 0x1F83D9ABFB41BD6B, 0x5BE0CD19137E2179,
    ];

    // The fractional digits of pi.
    private static ReadOnlySpan<ulong> Pi =>
    [
        0x243F6A8885A308D3, 0x13198A2E03707344, 0xA4093822299F31D0, 0x082EFA98EC4E6C89,
        0x452821E638D01377, 0xBE5466CF34E90C6C, 0xC0AC29B7C97C50DD, 0x3F84D5B5B5470917,
        0x9216D5D98979FB1B, 0xD1310BA698DFB5AC, 0x2FFD72DBD01ADFB7, 0xB8E1AFED6A267E96,
        0xBA7C9045F12C7F99, 0x24A19947B3916CF7, 0x0801F2E2858EFC16, 0x636920D871574E69,
    ];

    private static ReadOnlySpan<byte> Sigma =>
    [
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
        14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3,
        11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4,
        7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8,
        9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13,
        2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9,
        12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11,
        13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10,
        6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5,
        10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0,
    ];

    /// <summary>The hash of the data.</summary>
    /// <param name="data">Any length.</param>
    /// <param name="hash">Receives 64 bytes.</param>
    public static void Hash(ReadOnlySpan<byte> data, Span<byte> hash)
    {
        Span<ulong> h = stackalloc ulong[8];
        InitialValue.CopyTo(h);
        int wholeBlocks = data.Length / BlockLength;
        for (int i = 0; i < wholeBlocks; i++) Compress(h, data.Slice(i * BlockLength, BlockLength), (ulong)(i + 1) * BlockLength * 8);

        // The rest, a 1 bit, zeros, a 1 bit and the length in bits as 128 bits: one block, or two when less than 17 bytes are free.
        ReadOnlySpan<byte> rest = data[(wholeBlocks * BlockLength)..];
        Span<byte> padded = stackalloc byte[2 * BlockLength];
        padded.Clear();
        padded = padded[..(rest.Length <= BlockLength - 17 ? BlockLength : 2 * BlockLength)];
        rest.CopyTo(padded);
        padded[rest.Length] = 0x80;
        padded[^17] |= 1;
        ulong bits = (ulong)data.Length * 8;
        BinaryPrimitives.WriteUInt64BigEndian(padded[^8..], bits);
        // A block without a bit of the message counts as zero bits.
        Compress(h, padded[..BlockLength], rest.IsEmpty ? 0 : bits);
        if (padded.Length > BlockLength) Compress(h, padded[BlockLength..], 0);

        for (int i = 0; i < 8; i++) BinaryPrimitives.WriteUInt64BigEndian(hash.Slice(i * 8, 8), h[i]);
        CryptographicOperations.ZeroMemory(padded);
    }

    private static void Compress(Span<ulong> h, ReadOnlySpan<byte> block, ulong bitsSoFar)
    {
        Span<ulong> m = stackalloc ulong[16];
        for (int i = 0; i < 16; i++) m[i] = BinaryPrimitives.ReadUInt64BigEndian(block[(i * 8)..]);
        Span<ulong> v = stackalloc ulong[16];
        h.CopyTo(v);
        Pi[..8].CopyTo(v[8..]);
        v[12] ^= bitsSoFar;
        v[13] ^= bitsSoFar;
        for (int round = 0; round < Rounds; round++)
        {
            ReadOnlySpan<byte> sigma = Sigma.Slice(round % 10 * 16, 16);
            for (int i = 0; i < 8; i++)
            {
                // Columns, then diagonals.
                int shift = i < 4 ? 0 : 1, column = i & 3;
                int a = column, b = 4 + (column + shift & 3), c = 8 + (column + 2 * shift & 3), d = 12 + (column + 3 * shift & 3);
                int x = sigma[2 * i], y = sigma[2 * i + 1];
                unchecked
                {
                    v[a] += v[b] + (m[x] ^ Pi[y]);
                    v[d] = BitOperations.RotateRight(v[d] ^ v[a], 32);
                    v[c] += v[d];
                    v[b] = BitOperations.RotateRight(v[b] ^ v[c], 25);
                    v[a] += v[b] + (m[y] ^ Pi[x]);
                    v[d] = BitOperations.RotateRight(v[d] ^ v[a], 16);
                    v[c] += v[d];
                    v[b] = BitOperations.RotateRight(v[b] ^ v[c], 11);
                }
            }
        }

        for (int i = 0; i < 8; i++) h[i] ^= v[i] ^ v[i + 8];
    }
}
