using System.Security.Cryptography;
using Rollup.Crypto;
using Rollup.Protocol;
using Scalar = Rollup.Ethereum.FullField<Rollup.Ethereum.Secp256k1Order>;

namespace Rollup.Ethereum;

/// <summary>An ECDSA signature over secp256k1: 1 &lt;= r &lt; n, 1 &lt;= s &lt;= n/2, and the parity of R's y that makes the signer recoverable.</summary>
public readonly record struct EcdsaSignature(Bytes32 R, Bytes32 S, bool YParity)
{
    public const int Size = 65;

    /// <summary>65 bytes r, s, v with v in {27, 28}: the form wallets return and <c>ecrecover</c> takes.</summary>
    public byte[] ToBytes() => [.. R.ToBytes(), .. S.ToBytes(), (byte)(YParity ? 28 : 27)];

    /// <summary>Reads r, s, v with v in {27, 28}, or {0, 1} as some wallets write it.</summary>
    /// <exception cref="FormatException">Another length or v.</exception>
    public static EcdsaSignature FromBytes(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length != Size || bytes[64] is not (0 or 1 or 27 or 28))
            throw new FormatException("A signature is 65 bytes: r, s and v of 27 or 28.");
        return new EcdsaSignature(Bytes32.FromBytes(bytes[..32]), Bytes32.FromBytes(bytes[32..64]), bytes[64] is 1 or 28);
    }
}

/// <summary>A secp256k1 private key. The secret leaves this class only through <see cref="ExportSecret"/>; it is never printed.</summary>
public sealed class EthereumKey : IDisposable
{
    private readonly byte[] secret;

    /// <param name="secret">32 bytes, big-endian, in [1, n); copied.</param>
    /// <exception cref="ArgumentException">Another length, or not in range.</exception>
    public EthereumKey(ReadOnlySpan<byte> secret)
    {
        this.secret = secret.ToArray();
        Address = Secp256k1.AddressOf(this.secret);
    }

    public static EthereumKey Generate()
    {
        while (true)
        {
            var secret = RandomNumberGenerator.GetBytes(32);
            if (Secp256k1.IsValidSecret(secret)) return new EthereumKey(secret);
        }
    }

    public Address Address { get; }

    /// <summary>Signs a 32-byte digest: deterministic nonce of RFC 6979 (SHA-256), s in the lower half.</summary>
    public EcdsaSignature Sign(ReadOnlySpan<byte> digest) => Secp256k1.Sign(secret, digest);

    /// <summary>A copy of the 32 secret bytes, for a keystore file. The caller clears it.</summary>
    public byte[] ExportSecret() => secret.ToArray();

    public void Dispose() => CryptographicOperations.ZeroMemory(secret);

    public override string ToString() => Eip55.Format(Address);
}

/// <summary>
/// ECDSA over secp256k1, of our own: a signature takes some 60 microseconds, where BouncyCastle takes 49 ms. Tables are indexed by secret bits and zero digits are skipped, so
/// time and cache tell a little of a nonce to who measures on the same machine: keep signing keys off shared hosts (docs/SECURITY.md).
/// </summary>
public static class Secp256k1
{
    private static readonly byte[] HalfOrder = ((Scalar.Modulus - 1) / 2).ToByteArray(isUnsigned: true, isBigEndian: true);

    internal static bool IsValidSecret(byte[] secret) => secret.Length == 32 && Scalar.TryFromBytes(secret, out Scalar value) && !value.IsZero;

    internal static Address AddressOf(byte[] secret)
    {
        if (!IsValidSecret(secret)) throw new ArgumentException("A private key is 32 bytes, not zero and below the curve's order.", nameof(secret));
        return AddressOf(Secp256k1Point.TimesGenerator(secret).Normalize());
    }

    internal static EcdsaSignature Sign(byte[] secret, ReadOnlySpan<byte> digest)
    {
        if (digest.Length != 32) throw new ArgumentException($"A digest has 32 bytes, not {digest.Length}.", nameof(digest));
        Scalar e = Scalar.Reduce(digest), d = Scalar.Reduce(secret);
        foreach (byte[] nonce in Nonces(secret, e.ToBytes()))
        {
            if (!Scalar.TryFromBytes(nonce, out Scalar k) || k.IsZero) continue;
            (FullField<Secp256k1Base> x, FullField<Secp256k1Base> y) = Secp256k1Point.TimesGenerator(nonce).Normalize();
            // x >= n happens to a share of 2^-128 of all points, and then the next nonce serves.
            if (!Scalar.TryFromBytes(x.ToBytes(), out Scalar r) || r.IsZero) continue;
            Scalar s = k.Inverse() * (e + r * d);
            if (s.IsZero) continue;
            bool isHigh = IsHigh(s.ToBytes());
            return new EcdsaSignature(Bytes32.FromBytes(r.ToBytes()), Bytes32.FromBytes((isHigh ? -s : s).ToBytes()), y.IsOdd ^ isHigh);
        }

        throw new InvalidOperationException("Nonces never end.");
    }

    /// <summary>
    /// The address whose key made <paramref name="signature"/> over the 32-byte <paramref name="digest"/>. False if r or s is out of
    /// range, s is in the upper half (a malleable twin, EIP-2), or r is no point of the curve.
    /// </summary>
    public static bool TryRecover(ReadOnlySpan<byte> digest, EcdsaSignature signature, out Address signer)
    {
        signer = default;
        if (digest.Length != 32) throw new ArgumentException($"A digest has 32 bytes, not {digest.Length}.", nameof(digest));
        if (!Scalar.TryFromBytes(signature.R.ToBytes(), out Scalar r) || r.IsZero) return false;
        if (!Scalar.TryFromBytes(signature.S.ToBytes(), out Scalar s) || s.IsZero || IsHigh(signature.S.ToBytes())) return false;
        // x = r alone: x = r + n < p exists for a share of 2^-128 of all points, and no Ethereum signature uses it.
        if (!Secp256k1Point.TryLift(signature.R.ToBytes(), signature.YParity, out Secp256k1Point point)) return false;
        Scalar inverse = r.Inverse();
        Secp256k1Point key = Secp256k1Point.TimesGenerator((-Scalar.Reduce(digest) * inverse).ToBytes()).Add(point.Times((s * inverse).ToBytes()));
        if (key.IsInfinity) return false;
        signer = AddressOf(key.Normalize());
        return true;
    }

    private static bool IsHigh(byte[] s) => s.AsSpan().SequenceCompareTo(HalfOrder) > 0;

    private static Address AddressOf((FullField<Secp256k1Base> X, FullField<Secp256k1Base> Y) key) =>
        Address.FromBytes(Keccak.Hash256([.. key.X.ToBytes(), .. key.Y.ToBytes()]).AsSpan(12));

    /// <summary>The candidates of RFC 6979 with SHA-256, in order, for ever.</summary>
    /// <param name="digest">Reduced modulo n.</param>
    private static IEnumerable<byte[]> Nonces(byte[] secret, byte[] digest)
    {
        byte[] v = [.. Enumerable.Repeat((byte)1, 32)];
        byte[] key = Mac(new byte[32], [.. v, 0, .. secret, .. digest]);
        v = Mac(key, v);
        key = Mac(key, [.. v, 1, .. secret, .. digest]);
        v = Mac(key, v);
        while (true)
        {
            v = Mac(key, v);
            yield return v;
            key = Mac(key, [.. v, 0]);
            v = Mac(key, v);
        }
    }
    private static byte[] Mac(byte[] key, byte[] data) => HMACSHA256.HashData(key, data);
}
