using System.Security.Cryptography;
using System.Text;
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
    /// <summary>Longest text that is read, bytes.</summary>
    public const int MaxLength = 4096;

    private const string Format = "rollup-account-key-1";

    public Address Owner { get; } = owner;

    public EddsaPublicKey PublicKey { get; } = publicKey;

    /// <summary>A secret; 0 for a public account.</summary>
    public Fr ViewKey { get; } = viewKey;

    /// <summary>The text without the seed: enough to look, not to sign.</summary>
    public string ToJson() => $"{{ {Members()} }}\n";

    /// <summary>The text with the seed, as UTF-8; the caller zeroes it.</summary>
    /// <exception cref="ArgumentException">The signing key is not this one's.</exception>
    public byte[] ToJson(EddsaPrivateKey signingKey)
    {
        if (signingKey.PublicKey != PublicKey) throw new ArgumentException("The signing key has another public key.", nameof(signingKey));
        Span<byte> seed = stackalloc byte[EddsaPrivateKey.SeedLength];
        signingKey.CopySeedTo(seed);
        byte[] start = Encoding.UTF8.GetBytes($"{{ {Members()}, \"seed\": \"0x"), text = [.. start, .. new byte[2 * seed.Length], .. "\" }\n"u8];
        Convert.TryToHexStringLower(seed, text.AsSpan(start.Length), out _);
        CryptographicOperations.ZeroMemory(seed);
        return text;
    }

    /// <summary>Reads the text, and leaves out the seed.</summary>
    /// <inheritdoc cref="Parse(ReadOnlySpan{byte}, out EddsaPrivateKey?)"/>
    public static AccountKey Parse(ReadOnlySpan<byte> json)
    {
        AccountKey key = Parse(json, out EddsaPrivateKey? signingKey);
        signingKey?.Dispose();
        return key;
    }

    /// <summary>Reads the text.</summary>
    /// <param name="json">UTF-8.</param>
    /// <param name="signingKey">The key of the seed; null if the text has none.</param>
    /// <exception cref="FormatException">Another form; the message says which member, and holds none of the text.</exception>
    public static AccountKey Parse(ReadOnlySpan<byte> json, out EddsaPrivateKey? signingKey)
    {
        if (json.Length > MaxLength) throw new FormatException($"A key file has at most {MaxLength} bytes, this one {json.Length}.");
        EddsaPrivateKey? signer = null;
        try
        {
            Dictionary<string, string> members = ReadMembers(json, out signer);
            if (Take("format") != Format) throw new FormatException($"The member 'format' is not \"{Format}\".");
            if (!Address.TryParse(Take("owner"), out Address owner)) throw new FormatException("The member 'owner' is not an address.");
            Fr viewKey = Element("viewKey");
            EddsaPublicKey key = signer is not null && !members.ContainsKey("keyX") && !members.ContainsKey("keyY") ? signer.PublicKey : new(Element("keyX"), Element("keyY"));
            if (signer is not null && signer.PublicKey != key) throw new FormatException("The members 'keyX' and 'keyY' do not follow from 'seed'.");
            if (members.Count > 0) throw new FormatException("There are members besides format, owner, keyX, keyY, viewKey and seed.");
            (signingKey, signer) = (signer, null);
            return new AccountKey(owner, key, viewKey);

            string Take(string name) => members.Remove(name, out string? value) ? value : throw new FormatException($"The member '{name}' is missing.");
            Fr Element(string name) => Fr.TryParse(Take(name), out Fr element) ? element : throw new FormatException($"The member '{name}' is not a field element.");
        }
        finally
        {
            signer?.Dispose();
        }
    }

    /// <summary>The owner and the public key; never a secret.</summary>
    public override string ToString() => $"key of {Owner}";

    private string Members() =>
        $"""
        "format": "{Format}", "owner": "{Owner}", "keyX": "{PublicKey.X.ToHex()}", "keyY": "{PublicKey.Y.ToHex()}", "viewKey": "{ViewKey.ToHex()}"
        """;

    // The seed goes from the bytes straight into the key: no string of it is ever made, because strings cannot be zeroed.
    private static Dictionary<string, string> ReadMembers(ReadOnlySpan<byte> json, out EddsaPrivateKey? signer)
    {
        signer = null;
        var members = new Dictionary<string, string>();
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 1 });
        try
        {
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) throw NotTexts();
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                string name = reader.GetString()!;
                if (!reader.Read() || reader.TokenType != JsonTokenType.String) throw NotTexts();
                if (name != "seed" ? !members.TryAdd(name, reader.GetString()!) : signer is not null) throw NotTexts();
                if (name == "seed") signer = FromSeed(reader.ValueSpan);
            }

            // Past the closing brace only white space may stand; the reader throws at anything else.
            reader.Read();
            return members;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            signer?.Dispose();
            signer = null;
            if (e is FormatException) throw;
            // The reader's own message may quote the text.
            throw NotTexts();
        }
    }

    private static FormatException NotTexts() => new("It is not a JSON object of texts without repeated members.");

    private static EddsaPrivateKey FromSeed(ReadOnlySpan<byte> text)
    {
        Span<byte> seed = stackalloc byte[EddsaPrivateKey.SeedLength];
        try
        {
            if (text.Length != 2 + 2 * seed.Length || !text.StartsWith("0x"u8) || Convert.FromHexString(text[2..], seed, out _, out _) != System.Buffers.OperationStatus.Done)
                throw new FormatException("The member 'seed' is not 0x and 64 hexadecimal digits.");
            return new EddsaPrivateKey(seed);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(seed);
        }
    }
}
