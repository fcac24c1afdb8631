using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Rollup.Crypto;
using Rollup.Ethereum;
using Rollup.Protocol;

namespace Rollup.Client.Keys;

/// <summary>A key file that cannot be used; the message names the file and holds none of its text.</summary>
public sealed class KeyFileException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>What a trader signs and reads with: the EdDSA key and the view key of one owner. Dispose zeroes the signing key.</summary>
public sealed class TraderKeys(Address owner, EddsaPrivateKey signingKey, Fr viewKey) : IDisposable
{
    private const string Format = "rollup-account-key-1";
    private const int MaxFileBytes = 4096;
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode OthersRights = (UnixFileMode)0b_000_111_111;

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

    /// <summary>Writes a new file that only its owner may read.</summary>
    /// <exception cref="IOException">The file exists, or cannot be written.</exception>
    public void Save(string path)
    {
        Span<byte> seed = stackalloc byte[EddsaPrivateKey.SeedLength];
        SigningKey.CopySeedTo(seed);
        var json = Encoding.UTF8.GetBytes(
            $$"""{ "format": "{{Format}}", "owner": "{{Owner}}", "keyX": "{{SigningKey.PublicKey.X.ToHex()}}", "keyY": "{{SigningKey.PublicKey.Y.ToHex()}}", "viewKey": "{{ViewKey.ToHex()}}", "seed": "0x{{Convert.ToHexStringLower(seed)}}" }""" + "\n");
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = OwnerOnly;
        using (var stream = new FileStream(path, options)) stream.Write(json);
        CryptographicOperations.ZeroMemory(seed);
        CryptographicOperations.ZeroMemory(json);
    }

    /// <summary>Reads a file of <see cref="Save"/>.</summary>
    /// <exception cref="KeyFileException">No such file, others may read it, another format, or it cannot sign.</exception>
    public static TraderKeys Load(string path)
    {
        try
        {
            using FileStream stream = File.OpenRead(path);
            // The open file's own mode: a link swapped in between would show another's.
            if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(stream.SafeFileHandle) & OthersRights) != 0)
                throw new KeyFileException($"Key file {path} may be read by others: run chmod 600 {path}.");
            if (stream.Length > MaxFileBytes) throw new KeyFileException($"Key file {path} is too large for a key file.");
            using JsonDocument document = JsonDocument.Parse(stream, new JsonDocumentOptions { MaxDepth = 2, AllowDuplicateProperties = false });
            return Read(document.RootElement, path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new KeyFileException($"Key file {path} cannot be read: {error.Message}", error);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // The parser's own message may quote the text.
            throw new KeyFileException($"Key file {path} is not a JSON object of texts.");
        }
    }

    public void Dispose() => SigningKey.Dispose();

    /// <summary>The owner; never a secret.</summary>
    public override string ToString() => $"keys of {Eip55.Format(Owner)}";

    private static TraderKeys Read(JsonElement root, string path)
    {
        Dictionary<string, string> members = root.EnumerateObject().ToDictionary(p => p.Name, p => p.Value.GetString() ?? "");
        KeyFileException Wrong(string name) => new($"Key file {path}: the member '{name}' is missing or malformed.");
        string Take(string name) => members.Remove(name, out string? value) ? value : throw Wrong(name);
        Fr Element(string name) => Fr.TryParse(Take(name), out Fr element) ? element : throw Wrong(name);

        if (Take("format") != Format) throw new KeyFileException($"Key file {path}: the format is not {Format}.");
        if (!Address.TryParse(Take("owner"), out Address owner)) throw Wrong("owner");
        Fr viewKey = Element("viewKey");
        if (!members.TryGetValue("seed", out string? text)) throw new KeyFileException($"Key file {path} holds no seed: it can read an account, not sign for it.");
        var seed = new byte[EddsaPrivateKey.SeedLength];
        if (text.Length != 2 + 2 * seed.Length || Convert.FromHexString(text.AsSpan(2), seed, out _, out _) != System.Buffers.OperationStatus.Done) throw Wrong("seed");
        var key = new EddsaPrivateKey(seed);
        CryptographicOperations.ZeroMemory(seed);
        if ((members.ContainsKey("keyX") || members.ContainsKey("keyY")) && key.PublicKey != new EddsaPublicKey(Element("keyX"), Element("keyY")))
            throw new KeyFileException($"Key file {path}: keyX and keyY do not follow from seed.");
        return new TraderKeys(owner, key, viewKey);
    }
}
