using System.Security.Cryptography;
using Org.BouncyCastle.Asn1.Sec;
using Org.BouncyCastle.Crypto.Digests;
using Org.BouncyCastle.Crypto.Parameters;
using Org.BouncyCastle.Crypto.Signers;
using Org.BouncyCastle.Math;
using Org.BouncyCastle.Math.EC;
using Rollup.Crypto;
using Rollup.Protocol;
using ECPoint = Org.BouncyCastle.Math.EC.ECPoint;

namespace Rollup.Ethereum;

/// <summary>An ECDSA signature over secp256k1: 1 &lt;= r &lt; n, 1 &lt;= s &lt;= n/2, and the parity of R's y that makes the signer recoverable.</summary>
public readonly record struct EcdsaSignature(Bytes32 R, Bytes32 S, bool YParity)
{
    /// <summary>65 bytes r, s, v with v in {27, 28}: the form wallets return and <c>ecrecover</c> takes.</summary>
    public byte[] ToBytes() => [.. R.ToBytes(), .. S.ToBytes(), (byte)(YParity ? 28 : 27)];

    /// <summary>Reads r, s, v with v in {27, 28}, or {0, 1} as some wallets write it.</summary>
    /// <exception cref="FormatException">Another length or v.</exception>
    public static EcdsaSignature FromBytes(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length != 65 || bytes[64] is not (0 or 1 or 27 or 28))
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
    public EcdsaSignature Sign(ReadOnlySpan<byte> digest) => Secp256k1.Sign(secret, Address, digest);

    /// <summary>A copy of the 32 secret bytes, for a keystore file. The caller clears it.</summary>
    public byte[] ExportSecret() => secret.ToArray();

    public void Dispose() => CryptographicOperations.ZeroMemory(secret);

    public override string ToString() => Eip55.Format(Address);
}

/// <summary>secp256k1 through BouncyCastle; the only file that names it for this purpose.</summary>
public static class Secp256k1
{
    private static readonly Org.BouncyCastle.Asn1.X9.X9ECParameters Curve = SecNamedCurves.GetByName("secp256k1");
    private static readonly ECDomainParameters Domain = new(Curve.Curve, Curve.G, Curve.N, Curve.H);
    private static readonly BigInteger HalfOrder = Curve.N.ShiftRight(1);

    internal static bool IsValidSecret(byte[] secret)
    {
        var value = new BigInteger(1, secret);
        return secret.Length == 32 && value.SignValue > 0 && value.CompareTo(Curve.N) < 0;
    }

    internal static Address AddressOf(byte[] secret)
    {
        if (!IsValidSecret(secret)) throw new ArgumentException("A private key is 32 bytes, not zero and below the curve's order.", nameof(secret));
        return AddressOf(Curve.G.Multiply(new BigInteger(1, secret)));
    }

    internal static EcdsaSignature Sign(byte[] secret, Address self, ReadOnlySpan<byte> digest)
    {
        if (digest.Length != 32) throw new ArgumentException($"A digest has 32 bytes, not {digest.Length}.", nameof(digest));
        var signer = new ECDsaSigner(new HMacDsaKCalculator(new Sha256Digest()));
        signer.Init(true, new ECPrivateKeyParameters(new BigInteger(1, secret), Domain));
        var rs = signer.GenerateSignature(digest.ToArray());
        var s = rs[1].CompareTo(HalfOrder) > 0 ? Curve.N.Subtract(rs[1]) : rs[1];
        var even = new EcdsaSignature(Word(rs[0]), Word(s), false);
        return TryRecover(digest, even, out var recovered) && recovered == self ? even : even with { YParity = true };
    }

    /// <summary>
    /// The address whose key made <paramref name="signature"/> over the 32-byte <paramref name="digest"/>. False if r or s is out of
    /// range, s is in the upper half (a malleable twin, EIP-2), or r is no point of the curve.
    /// </summary>
    public static bool TryRecover(ReadOnlySpan<byte> digest, EcdsaSignature signature, out Address signer)
    {
        signer = default;
        if (digest.Length != 32) throw new ArgumentException($"A digest has 32 bytes, not {digest.Length}.", nameof(digest));
        var r = new BigInteger(1, signature.R.ToBytes());
        var s = new BigInteger(1, signature.S.ToBytes());
        if (r.SignValue == 0 || s.SignValue == 0 || r.CompareTo(Curve.N) >= 0 || s.CompareTo(HalfOrder) > 0) return false;

        // x = r alone: x = r + n < p exists for a share of 2^-128 of all points, and no Ethereum signature uses it.
        ECPoint point;
        try
        {
            point = Curve.Curve.DecodePoint([(byte)(signature.YParity ? 3 : 2), .. signature.R.ToBytes()]);
        }
        catch (ArgumentException)
        {
            return false;
        }
        var inverse = r.ModInverse(Curve.N);
        var e = new BigInteger(1, digest.ToArray());
        var key = ECAlgorithms.SumOfTwoMultiplies(Curve.G, e.Negate().Multiply(inverse).Mod(Curve.N), point, s.Multiply(inverse).Mod(Curve.N));
        if (key.IsInfinity) return false;
        signer = AddressOf(key);
        return true;
    }

    private static Address AddressOf(ECPoint publicKey) =>
        Address.FromBytes(Keccak.Hash256(publicKey.Normalize().GetEncoded(compressed: false).AsSpan(1)).AsSpan(12));

    private static Bytes32 Word(BigInteger value)
    {
        var bytes = value.ToByteArrayUnsigned();
        return Bytes32.FromBytes([.. new byte[32 - bytes.Length], .. bytes]);
    }
}
