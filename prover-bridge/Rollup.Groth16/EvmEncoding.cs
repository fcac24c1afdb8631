namespace Rollup.Groth16;

/// <summary>
/// Points as the EVM's precompiles take them (EIP-196, EIP-197): 32-byte big-endian words x, y; in G2 x.c1, x.c0, y.c1, y.c0;
/// infinity is all zeros.
/// </summary>
internal static class EvmEncoding
{
    public const int WordLength = 32, G1Length = 2 * WordLength, G2Length = 4 * WordLength;

    public static void Write(in G1Point point, Span<byte> words)
    {
        point.X.WriteBigEndian(words);
        point.Y.WriteBigEndian(words[WordLength..]);
    }

    public static void Write(in G2Point point, Span<byte> words)
    {
        point.X.C1.WriteBigEndian(words);
        point.X.C0.WriteBigEndian(words[WordLength..]);
        point.Y.C1.WriteBigEndian(words[(2 * WordLength)..]);
        point.Y.C0.WriteBigEndian(words[(3 * WordLength)..]);
    }

    // False if a coordinate is not below q. Says nothing about the curve.
    public static bool TryRead(ReadOnlySpan<byte> words, out G1Point point)
    {
        var valid = TryReadWord(words, 0, out var x) & TryReadWord(words, 1, out var y);
        point = new(x, y);
        return valid;
    }

    public static bool TryRead(ReadOnlySpan<byte> words, out G2Point point)
    {
        var valid = TryReadWord(words, 0, out var x1) & TryReadWord(words, 1, out var x0)
            & TryReadWord(words, 2, out var y1) & TryReadWord(words, 3, out var y0);
        point = new(new(x0, x1), new(y0, y1));
        return valid;
    }

    private static bool TryReadWord(ReadOnlySpan<byte> words, int index, out Fq value) =>
        Fq.TryFromCanonicalBigEndian(words.Slice(index * WordLength, WordLength), out value);
}
