using System.Numerics;
using System.Security.Cryptography;
using System.Text;
using Rollup.Protocol;

namespace Rollup.Crypto;

/// <summary>The keys of one account, derived from its wallet. Dispose zeroes the signing key.</summary>
public sealed class DerivedKeys : IDisposable
{
    internal DerivedKeys(EddsaPrivateKey signingKey, Fr viewKey) => (SigningKey, ViewKey) = (signingKey, viewKey);

    /// <summary>Signs orders, withdrawals and cancels.</summary>
    public EddsaPrivateKey SigningKey { get; }

    /// <summary>Blinds and encrypts the account's leaf. A secret shared with the operator; never 0, which would mean a public account.</summary>
    public Fr ViewKey { get; }

    /// <inheritdoc/>
    public void Dispose() => SigningKey.Dispose();

    /// <summary>The public key; never a secret.</summary>
    public override string ToString() => $"keys of {SigningKey.PublicKey}";
}

/// <summary>
/// Derives an account's keys from one wallet signature, so that the wallet is the only thing to back up. Precisely:
/// <list type="number">
/// <item>The wallet signs the EIP-712 typed data with domain (name "Rollup", version "1", chainId, verifyingContract = the vault) and message
/// <c>DeriveKeys(string purpose,address owner)</c>, purpose = <see cref="Purpose"/>, owner = the wallet's address. digest = keccak256(0x1901, domainSeparator,
/// structHash) as in EIP-712, with domain type <c>EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)</c>.</item>
/// <item>The signature is 65 bytes r, s, v, big-endian, with 0 &lt; r, s &lt; n (order of secp256k1) and v in {0, 1, 27, 28}. It is normalised: v below 27 gets 27
/// added; s above n/2 becomes n - s and v the other of 27 and 28.</item>
/// <item>HKDF-SHA256 (RFC 5869) of the 65 normalised bytes with salt "rollup keys v1" (ASCII): the EdDSA seed is the 32 bytes of info "eddsa seed";
/// the view key is the 64 bytes of info "view key" as a big-endian number modulo r.</item>
/// </list>
/// The same keys come back only if the wallet signs deterministically (RFC 6979), as common software and hardware wallets do; a client asks for the signature twice
/// at registration and refuses a wallet whose two differ. Another chain or vault gives unrelated keys. Whoever holds the signature holds the keys.
/// </summary>
public static class KeyDerivation
{
    /// <summary>Bytes of a wallet's signature.</summary>
    public const int SignatureLength = 65;

    /// <summary>The text that the wallet shows.</summary>
    public const string Purpose = "Derive my trading and viewing keys. Sign this only in the Rollup client: whoever holds the signature holds the keys.";

    private static readonly BigInteger Secp256k1Order =
        new(Convert.FromHexString("FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141"), isUnsigned: true, isBigEndian: true);

    /// <summary>The 32-byte digest that the wallet signs.</summary>
    /// <param name="chainId">EIP-155 chain number.</param>
    /// <param name="vault">The vault's address.</param>
    /// <param name="owner">The wallet's address.</param>
    public static byte[] Digest(ulong chainId, Address vault, Address owner)
    {
        byte[] domainSeparator = Keccak.Hash256(
        [
            .. HashText("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
            .. HashText("Rollup"),
            .. HashText("1"),
            .. Fr.FromUInt64(chainId).ToBigEndianBytes(),
            .. Word(vault),
        ]);
        byte[] structHash = Keccak.Hash256([.. HashText("DeriveKeys(string purpose,address owner)"), .. HashText(Purpose), .. Word(owner)]);
        return Keccak.Hash256([0x19, 0x01, .. domainSeparator, .. structHash]);
    }

    /// <summary>The typed data whose digest <see cref="Digest"/> is, as JSON for a wallet's <c>eth_signTypedData_v4</c>.</summary>
    /// <inheritdoc cref="Digest"/>
    public static string TypedData(ulong chainId, Address vault, Address owner) =>
        $$"""
        {
          "types": {
            "EIP712Domain": [
              { "name": "name", "type": "string" },
              { "name": "version", "type": "string" },
              { "name": "chainId", "type": "uint256" },
              { "name": "verifyingContract", "type": "address" }
            ],
            "DeriveKeys": [
              { "name": "purpose", "type": "string" },
              { "name": "owner", "type": "address" }
            ]
          },
          "primaryType": "DeriveKeys",
          "domain": { "name": "Rollup", "version": "1", "chainId": {{chainId}}, "verifyingContract": "{{vault}}" },
          "message": { "purpose": "{{Purpose}}", "owner": "{{owner}}" }
        }
        """;

    /// <summary>The keys that follow from a wallet's signature of <see cref="Digest"/>. Does not recover the signer.</summary>
    /// <param name="signature">65 bytes r, s, v; the caller zeroes it.</param>
    /// <exception cref="ArgumentException">Not such a signature; the message says why.</exception>
    public static DerivedKeys FromSignature(ReadOnlySpan<byte> signature)
    {
        byte[] material = Normalise(signature);
        Span<byte> seed = stackalloc byte[EddsaPrivateKey.SeedLength];
        Span<byte> view = stackalloc byte[64];
        Expand(material, "eddsa seed", seed);
        Expand(material, "view key", view);
        var keys = new DerivedKeys(new EddsaPrivateKey(seed), Fr.FromBytesReducedBigEndian(view));
        CryptographicOperations.ZeroMemory(material);
        CryptographicOperations.ZeroMemory(seed);
        CryptographicOperations.ZeroMemory(view);
        // 2^-254 of all signatures.
        return keys.ViewKey.IsZero ? throw new ArgumentException("This signature gives the view key 0, which means a public account; use another wallet.", nameof(signature)) : keys;
    }

    private static void Expand(byte[] material, string info, Span<byte> output) =>
        HKDF.DeriveKey(HashAlgorithmName.SHA256, material, output, Encoding.ASCII.GetBytes("rollup keys v1"), Encoding.ASCII.GetBytes(info));

    private static byte[] Normalise(ReadOnlySpan<byte> signature)
    {
        if (signature.Length != SignatureLength) throw new ArgumentException($"A wallet signature has {SignatureLength} bytes, got {signature.Length}.", nameof(signature));
        var r = new BigInteger(signature[..32], isUnsigned: true, isBigEndian: true);
        var s = new BigInteger(signature[32..64], isUnsigned: true, isBigEndian: true);
        int v = signature[64] is 0 or 1 ? signature[64] + 27 : signature[64];
        if (v is not (27 or 28)) throw new ArgumentException($"A wallet signature ends with v = 0, 1, 27 or 28, got {v}.", nameof(signature));
        if (r.IsZero || r >= Secp256k1Order || s.IsZero || s >= Secp256k1Order)
            throw new ArgumentException("The wallet signature's r or s is zero or not below the order of secp256k1.", nameof(signature));

        byte[] normalised = signature.ToArray();
        if (s > Secp256k1Order / 2)
        {
            byte[] low = (Secp256k1Order - s).ToByteArray(isUnsigned: true, isBigEndian: true);
            normalised.AsSpan(32, 32).Clear();
            low.CopyTo(normalised.AsSpan(64 - low.Length));
            v = 27 + 28 - v;
        }

        normalised[64] = (byte)v;
        return normalised;
    }

    private static byte[] HashText(string text) => Keccak.Hash256(Encoding.UTF8.GetBytes(text));

    private static byte[] Word(Address address) => [.. new byte[32 - Address.Size], .. address.ToBytes()];
}
