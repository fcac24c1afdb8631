using Org.BouncyCastle.Crypto.Digests;

namespace Rollup.Crypto;

/// <summary>Keccak-256 as Ethereum uses it (the original padding, not NIST SHA3-256).</summary>
public static class Keccak
{
    /// <summary>The 32-byte hash of <paramref name="data"/>.</summary>
    public static byte[] Hash256(ReadOnlySpan<byte> data)
    {
        var digest = new KeccakDigest(256);
        digest.BlockUpdate(data.ToArray(), 0, data.Length);
        var hash = new byte[32];
        digest.DoFinal(hash, 0);
        return hash;
    }
}
