using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Org.BouncyCastle.Crypto.Generators;
using Rollup.Crypto;
using Rollup.Protocol;

namespace Rollup.Ethereum;

/// <summary>A keystore file that cannot be used, or a wrong password.</summary>
public sealed class KeystoreException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>Cost of the scrypt key derivation: memory 128 x N x R bytes, time in proportion to N x R x P.</summary>
public sealed record ScryptCost(int N, int R, int P)
{
    /// <summary>What geth uses: 256 MB, about a second or two.</summary>
    public static ScryptCost Standard { get; } = new(1 << 18, 8, 1);

    /// <summary>For keys of local test chains only.</summary>
    public static ScryptCost Light { get; } = new(1 << 12, 8, 1);
}

/// <summary>Encrypted private keys in the Web3 Secret Storage format, version 3, with scrypt and AES-128-CTR.</summary>
public static class Keystore
{
    private const long MaxFileBytes = 64 << 10;
    private const string Cipher = "aes-128-ctr";
    private const string Kdf = "scrypt";

    /// <summary>Reads a key from a file.</summary>
    /// <exception cref="KeystoreException">No such file, another format, or a wrong password.</exception>
    public static EthereumKey Load(string path, string password)
    {
        string json;
        try
        {
            if (new FileInfo(path).Length > MaxFileBytes) throw new KeystoreException($"{path} is too large for a keystore file.");
            json = File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new KeystoreException($"Keystore file {path} cannot be read: {e.Message}", e);
        }
        try
        {
            return Decrypt(json, password);
        }
        catch (KeystoreException e)
        {
            throw new KeystoreException($"Keystore file {path}: {e.Message}", e);
        }
    }

    /// <summary>Writes a key to a new file that only its owner may read.</summary>
    /// <exception cref="IOException">The file exists, or cannot be written.</exception>
    public static void Save(string path, EthereumKey key, string password, ScryptCost? cost = null) =>
        SecretFile.Create(path, Encoding.UTF8.GetBytes(Encrypt(key, password, cost ?? ScryptCost.Standard)));

    /// <summary>The keystore JSON of a key.</summary>
    public static string Encrypt(EthereumKey key, string password, ScryptCost cost)
    {
        var salt = RandomNumberGenerator.GetBytes(32);
        var iv = RandomNumberGenerator.GetBytes(16);
        var derived = Derive(password, salt, cost, 32);
        var secret = key.ExportSecret();
        var ciphertext = AesCtr(derived.AsSpan(0, 16), iv, secret);
        CryptographicOperations.ZeroMemory(secret);
        return new JsonObject
        {
            ["version"] = 3,
            ["id"] = Guid.NewGuid().ToString(),
            ["address"] = key.Address.ToString()[2..],
            ["crypto"] = new JsonObject
            {
                ["cipher"] = Cipher,
                ["cipherparams"] = new JsonObject { ["iv"] = Convert.ToHexStringLower(iv) },
                ["ciphertext"] = Convert.ToHexStringLower(ciphertext),
                ["kdf"] = Kdf,
                ["kdfparams"] = new JsonObject { ["dklen"] = 32, ["n"] = cost.N, ["r"] = cost.R, ["p"] = cost.P, ["salt"] = Convert.ToHexStringLower(salt) },
                ["mac"] = Convert.ToHexStringLower(Mac(derived, ciphertext)),
            },
        }.ToJsonString();
    }

    /// <exception cref="KeystoreException">Another format, or a wrong password.</exception>
    public static EthereumKey Decrypt(string json, string password)
    {
        try
        {
            return Decrypt(JsonNode.Parse(json)!, password);
        }
        catch (Exception e) when (e is JsonException or NullReferenceException or InvalidOperationException or FormatException or ArgumentException)
        {
            throw new KeystoreException("This is not a valid version 3 keystore.", e);
        }
    }

    private static EthereumKey Decrypt(JsonNode root, string password)
    {
        if ((int)root["version"]! != 3) throw new KeystoreException($"The version is {root["version"]}; only 3 is supported.");
        var crypto = root["crypto"]!;
        var kdf = crypto["kdfparams"]!;
        if ((string)crypto["cipher"]! != Cipher || (string)crypto["kdf"]! != Kdf)
            throw new KeystoreException($"Only {Cipher} with {Kdf} is supported, not {crypto["cipher"]} with {crypto["kdf"]}.");
        var cost = new ScryptCost((int)kdf["n"]!, (int)kdf["r"]!, (int)kdf["p"]!);
        // At most 1 GB and 64 times the standard time: the file may be a stranger's.
        if (cost.N < 2 || (cost.N & (cost.N - 1)) != 0 || cost.R is < 1 or > 64 || cost.P is < 1 or > 64 || (long)cost.N * cost.R > 1 << 23 || (int)kdf["dklen"]! != 32)
            throw new KeystoreException("The scrypt parameters are out of range.");

        var ciphertext = Convert.FromHexString((string)crypto["ciphertext"]!);
        var derived = Derive(password, Convert.FromHexString((string)kdf["salt"]!), cost, 32);
        if (!CryptographicOperations.FixedTimeEquals(Mac(derived, ciphertext), Convert.FromHexString((string)crypto["mac"]!)))
            throw new KeystoreException("The password is wrong, or the file is damaged.");
        var secret = AesCtr(derived.AsSpan(0, 16), Convert.FromHexString((string)crypto["cipherparams"]!["iv"]!), ciphertext);
        var key = new EthereumKey(secret);
        CryptographicOperations.ZeroMemory(secret);
        if ((string?)root["address"] is { } address && Address.Parse("0x" + address.Replace("0x", "", StringComparison.Ordinal)) != key.Address)
            throw new KeystoreException($"The key belongs to {key}, not to the address the file names.");
        return key;
    }

    private static byte[] Derive(string password, byte[] salt, ScryptCost cost, int length) =>
        SCrypt.Generate(Encoding.UTF8.GetBytes(password), salt, cost.N, cost.R, cost.P, length);

    private static byte[] Mac(byte[] derived, byte[] ciphertext) => Keccak.Hash256([.. derived.AsSpan(16, 16), .. ciphertext]);

    /// <summary>AES-128 in counter mode, big-endian counter over the whole block; encrypts and decrypts.</summary>
    private static byte[] AesCtr(ReadOnlySpan<byte> key, byte[] iv, byte[] input)
    {
        if (iv.Length != 16) throw new FormatException("The iv has not 16 bytes.");
        using var aes = Aes.Create();
        aes.SetKey(key);
        var counter = (byte[])iv.Clone();
        var stream = new byte[16];
        var output = new byte[input.Length];
        for (var i = 0; i < input.Length; i++)
        {
            if (i % 16 == 0)
            {
                aes.EncryptEcb(counter, stream, PaddingMode.None);
                for (var j = 15; j >= 0 && unchecked(++counter[j]) == 0; j--) { }
            }
            output[i] = (byte)(input[i] ^ stream[i % 16]);
        }
        return output;
    }
}
