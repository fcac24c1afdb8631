using System.Security.Cryptography;
using Rollup.Crypto;
using Rollup.Ethereum;
using Rollup.Protocol;

namespace Rollup.Client.Keys;

/// <summary>A key file that cannot be used; the message names the file and holds none of its text.</summary>
public sealed class KeyFileException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>What a trader signs and reads with: the EdDSA key and the view key of one owner. Dispose zeroes the signing key.</summary>
public sealed class TraderKeys(Address owner, EddsaPrivateKey signingKey, Fr viewKey) : IDisposable
{
    /// <summary>The wallet that owns the account and its withdrawals.</summary>
    public Address Owner { get; } = owner;

    public EddsaPrivateKey SigningKey { get; } = signingKey;

    /// <summary>A secret shared with the operator alone; 0 for a public account.</summary>
    public Fr ViewKey { get; } = viewKey;

    /// <summary>What a registration on the chain shows of the view key.</summary>
    public Fr ViewKeyHash => Poseidon.Hash([ViewKey]);

    /// <summary>The keys that follow from a wallet, for one vault (<see cref="KeyDerivation"/>).</summary>
    public static TraderKeys Derive(EthereumKey wallet, ulong chainId, Address vault)
    {
        byte[] digest = KeyDerivation.Digest(chainId, vault, wallet.Address);
        byte[] signature = wallet.Sign(digest).ToBytes();
        try
        {
            return FromSignature(signature, wallet.Address, chainId, vault);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(signature);
        }
    }

    /// <summary>The keys that follow from a signature that a wallet made elsewhere.</summary>
    /// <param name="signature">65 bytes r, s, v over <see cref="KeyDerivation.Digest"/>.</param>
    /// <exception cref="ArgumentException">It is no signature, or not <paramref name="owner"/>'s over this digest.</exception>
    public static TraderKeys FromSignature(ReadOnlySpan<byte> signature, Address owner, ulong chainId, Address vault)
    {
        DerivedKeys derived = KeyDerivation.FromSignature(signature);
        byte[] digest = KeyDerivation.Digest(chainId, vault, owner);
        if (!Secp256k1.TryRecover(digest, EcdsaSignature.FromBytes(signature), out Address signer) || signer != owner)
        {
            derived.Dispose();
            throw new ArgumentException($"The signature is not of {Eip55.Format(owner)} over the key derivation message of vault {Eip55.Format(vault)} on chain {chainId}.", nameof(signature));
        }

        return new TraderKeys(owner, derived.SigningKey, derived.ViewKey);
    }

    /// <summary>Writes a new file that only its owner may read (<see cref="AccountKey"/>).</summary>
    /// <exception cref="IOException">The file exists, or cannot be written.</exception>
    public void Save(string path)
    {
        byte[] json = new AccountKey(Owner, SigningKey.PublicKey, ViewKey).ToJson(SigningKey);
        try
        {
            SecretFile.Create(path, json);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(json);
        }
    }

    /// <summary>Reads a file of <see cref="Save"/>.</summary>
    /// <exception cref="KeyFileException">No such file, others may read it, another format, or it cannot sign.</exception>
    public static TraderKeys Load(string path)
    {
        try
        {
            return SecretFile.Read(path, AccountKey.MaxLength, json =>
            {
                AccountKey key = AccountKey.Parse(json, out EddsaPrivateKey? signingKey);
                return signingKey is not null ? new TraderKeys(key.Owner, signingKey, key.ViewKey)
                    : throw new KeyFileException($"Key file {path} holds no seed: it can read an account, not sign for it.");
            });
        }
        catch (SecretFileException error)
        {
            throw new KeyFileException($"Key file: {error.Message}.", error);
        }
        catch (FormatException error)
        {
            throw new KeyFileException($"Key file {path}: {error.Message}", error);
        }
    }

    public void Dispose() => SigningKey.Dispose();

    /// <summary>The owner; never a secret.</summary>
    public override string ToString() => $"keys of {Eip55.Format(Owner)}";
}
