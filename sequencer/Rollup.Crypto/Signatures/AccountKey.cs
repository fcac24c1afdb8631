using System.Security.Cryptography;
using System.Text.Json;
using Rollup.Protocol;

namespace Rollup.Crypto;

/// <summary>
/// What opens one owner's accounts: the wallet's address, the EdDSA public key, and the view key, which is a secret. As text it is a JSON
/// object, written by a client from <see cref="DerivedKeys"/> and readable by its owner alone:
/// <code>{ "format": "rollup-account-key-1", "owner": "0x…", "keyX": "…", "keyY": "…", "viewKey": "…", "seed": "0x…" }</code>
/// Elements are decimal or 0x hexadecimal. <c>seed</c>, the 32 bytes that sign (<see cref="EddsaPrivateKey"/>), is optional and not needed to
/// look at an account; where it stands, keyX and keyY may be left out, and must follow from it otherwise.
/// </summary>
public sealed class AccountKey(Address owner, EddsaPublicKey publicKey, Fr viewKey)
{
    /// <summary>Longest text that is read.</summary>
    public const int MaxLength = 4096;

    private const string Format = "rollup-account-key-1";

    /// <summary>The keys that follow from a wallet's signature.</summary>
    public AccountKey(Address owner, DerivedKeys keys) : this(owner, keys.SigningKey.PublicKey, keys.ViewKey) { }

    public Address Owner { get; } = owner;

    public EddsaPublicKey PublicKey { get; } = publicKey;

    /// <summary>A secret; 0 for a public account.</summary>
    public Fr ViewKey { get; } = viewKey;

    /// <summary>The text without the seed: enough to look, not to sign.</summary>
    public string ToJson() =>
        $$"""{ "format": "{{Format}}", "owner": "{{Owner}}", "keyX": "{{PublicKey.X.ToHex()}}", "keyY": "{{PublicKey.Y.ToHex()}}", "viewKey": "{{ViewKey.ToHex()}}" }""" + "\n";

    /// <summary>Reads the text.</summary>
    /// <exception cref="FormatException">Another form; the message says which member, and holds none of the text.</exception>
    public static AccountKey Parse(string json)
    {
        if (json.Length > MaxLength) throw new FormatException($"A key file has at most {MaxLength} characters, this one {json.Length}.");
        Dictionary<string, string> members = ReadMembers(json);
        if (Take("format") != Format) throw new FormatException($"The member 'format' is not \"{Format}\".");
        if (!Address.TryParse(Take("owner"), out Address owner)) throw new FormatException("The member 'owner' is not an address.");
        Fr viewKey = Element("viewKey");
        EddsaPublicKey? ofSeed = members.ContainsKey("seed") ? FromSeed(Take("seed")) : null;
        EddsaPublicKey key = ofSeed is not null && !members.ContainsKey("keyX") && !members.ContainsKey("keyY") ? ofSeed.Value : new(Element("keyX"), Element("keyY"));
        if (ofSeed is not null && ofSeed != key) throw new FormatException("The members 'keyX' and 'keyY' do not follow from 'seed'.");
        if (members.Count > 0) throw new FormatException("There are members besides format, owner, keyX, keyY, viewKey and seed.");
        return new AccountKey(owner, key, viewKey);

        string Take(string name) => members.Remove(name, out string? value) ? value : throw new FormatException($"The member '{name}' is missing.");
        Fr Element(string name) => Fr.TryParse(Take(name), out Fr element) ? element : throw new FormatException($"The member '{name}' is not a field element.");
    }

    /// <summary>The owner and the public key; never a secret.</summary>
    public override string ToString() => $"key of {Owner}";

    private static Dictionary<string, string> ReadMembers(string json)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 2, AllowDuplicateProperties = false });
            return document.RootElement.EnumerateObject().ToDictionary(p => p.Name, p => p.Value.GetString() ?? "");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // The parser's own message may quote the text.
            throw new FormatException("It is not a JSON object of texts without repeated members.");
        }
    }

    private static EddsaPublicKey FromSeed(string text)
    {
        var seed = new byte[EddsaPrivateKey.SeedLength];
        try
        {
            if (text.Length != 2 + 2 * seed.Length || !text.StartsWith("0x", StringComparison.Ordinal)
                || Convert.FromHexString(text.AsSpan(2), seed, out _, out _) != System.Buffers.OperationStatus.Done)
                throw new FormatException("The member 'seed' is not 0x and 64 hexadecimal digits.");
            using var key = new EddsaPrivateKey(seed);
            return key.PublicKey;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(seed);
        }
    }
}
