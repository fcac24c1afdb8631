namespace Rollup.Groth16;

/// <summary>A Groth16 proof. Nothing is known of its points until a verifier has looked at them.</summary>
/// <param name="A">First element, in G1.</param>
/// <param name="B">Second element, in G2.</param>
/// <param name="C">Third element, in G1.</param>
public sealed record Proof(G1Point A, G2Point B, G1Point C)
{
    /// <summary>Bytes of a proof in EVM words.</summary>
    public const int EvmLength = 2 * EvmEncoding.G1Length + EvmEncoding.G2Length;

    /// <summary>The 8 words verifyProof takes: a.x, a.y, b.x.c1, b.x.c0, b.y.c1, b.y.c0, c.x, c.y, big-endian.</summary>
    public byte[] ToEvmWords()
    {
        var words = new byte[EvmLength];
        EvmEncoding.Write(A, words);
        EvmEncoding.Write(B, words.AsSpan(EvmEncoding.G1Length));
        EvmEncoding.Write(C, words.AsSpan(EvmEncoding.G1Length + EvmEncoding.G2Length));
        return words;
    }

    /// <summary>Reads what <see cref="ToEvmWords"/> writes; false for another length or a coordinate that is not below q.</summary>
    public static bool TryFromEvmWords(ReadOnlySpan<byte> words, out Proof? proof)
    {
        proof = null;
        if (words.Length != EvmLength)
            return false;
        var canonical = EvmEncoding.TryRead(words, out G1Point a);
        canonical &= EvmEncoding.TryRead(words[EvmEncoding.G1Length..], out G2Point b);
        canonical &= EvmEncoding.TryRead(words[(EvmEncoding.G1Length + EvmEncoding.G2Length)..], out G1Point c);
        if (canonical)
            proof = new Proof(a, b, c);
        return canonical;
    }
}
