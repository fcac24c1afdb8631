using System.Text.Json.Nodes;
using Rollup.Client.Keys;
using Rollup.Crypto;
using Rollup.Ethereum;
using Rollup.Protocol;
using Rollup.TestSupport;

namespace Rollup.Client.Tests;

public sealed class KeyFileTests : IDisposable
{
    private static readonly Fr Message = Fr.FromUInt64(77);
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("rollup-keys-");
    private readonly TraderKeys keys = Sample.Keys();

    public void Dispose()
    {
        keys.Dispose();
        folder.Delete(recursive: true);
    }

    [Fact]
    public void A_saved_file_gives_the_same_keys_to_its_owner_alone()
    {
        keys.Save(KeyFile);
        using TraderKeys read = TraderKeys.Load(KeyFile);
        Assert.Equal((keys.Owner, keys.ViewKey, keys.ViewKeyHash, SeedOf(keys)), (read.Owner, read.ViewKey, read.ViewKeyHash, SeedOf(read)));
        Assert.True(keys.SigningKey.PublicKey.Verify(Message, read.SigningKey.Sign(Message)));
        if (!OperatingSystem.IsWindows()) Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(KeyFile));
        string before = File.ReadAllText(KeyFile);
        using TraderKeys others = Sample.Keys(wallet: 4);
        Assert.Throws<IOException>(() => others.Save(KeyFile));
        Assert.Equal(before, File.ReadAllText(KeyFile));
    }

    [Theory]
    [InlineData("format")]
    [InlineData("owner")]
    [InlineData("viewKey")]
    [InlineData("keyX")]
    [InlineData("keyY")]
    [InlineData("seed")]
    public void A_malformed_member_is_refused_by_its_name(string member)
    {
        foreach (string bad in (string[])["", "0x", "0xzz", "0x" + new string('f', 66)])
        {
            Assert.Contains($"'{member}'", Refusal(json => json[member] = bad), StringComparison.Ordinal);
            File.Delete(KeyFile);
        }
    }

    [Theory]
    [InlineData("format")]
    [InlineData("owner")]
    [InlineData("viewKey")]
    [InlineData("keyX")]
    [InlineData("keyY")]
    public void A_missing_member_is_refused_by_its_name(string member) => Assert.Contains($"'{member}' is missing", Refusal(json => json.Remove(member)), StringComparison.Ordinal);

    [Fact]
    public void Other_contradictions_are_refused()
    {
        Assert.Contains("holds no seed", Refusal(json => json.Remove("seed")), StringComparison.Ordinal);
        File.Delete(KeyFile);
        Assert.Contains("do not follow from 'seed'", Refusal(json => json["seed"] = "0x" + new string('5', 64)), StringComparison.Ordinal);
        File.Delete(KeyFile);
        Assert.Contains("besides", Refusal(json => json["more"] = "text"), StringComparison.Ordinal);
        File.Delete(KeyFile);
        Assert.Contains("JSON object of texts", Refusal(json => json["viewKey"] = 5), StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_missing_too_long_no_json_or_open_to_others_is_refused()
    {
        Assert.Contains("cannot be read", Assert.Throws<KeyFileException>(() => TraderKeys.Load(KeyFile)).Message, StringComparison.Ordinal);
        keys.Save(KeyFile);
        string text = File.ReadAllText(KeyFile);
        if (!OperatingSystem.IsWindows())
        {
            foreach (UnixFileMode right in (UnixFileMode[])[UnixFileMode.GroupRead, UnixFileMode.OtherWrite])
            {
                File.SetUnixFileMode(KeyFile, UnixFileMode.UserRead | UnixFileMode.UserWrite | right);
                Assert.Contains($"chmod 600 {KeyFile}", Assert.Throws<KeyFileException>(() => TraderKeys.Load(KeyFile)).Message, StringComparison.Ordinal);
            }

            File.SetUnixFileMode(KeyFile, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }

        TraderKeys.Load(KeyFile).Dispose();
        File.WriteAllText(KeyFile, text + new string(' ', 4096));
        Assert.Contains("more than 4096 bytes", Assert.Throws<KeyFileException>(() => TraderKeys.Load(KeyFile)).Message, StringComparison.Ordinal);
        File.WriteAllText(KeyFile, text[..^4]);
        AssertNoSecret(Assert.Throws<KeyFileException>(() => TraderKeys.Load(KeyFile)));
    }

    [Fact]
    public void Keys_come_only_from_the_owners_signature_of_this_vaults_message()
    {
        using EthereumKey wallet = AnvilProcess.Key(3), stranger = AnvilProcess.Key(4);
        var otherVault = Address.Parse("0x00000000000000000000000000000000000000b7");
        byte[] signature = wallet.Sign(KeyDerivation.Digest(Sample.ChainId, Sample.Vault, wallet.Address)).ToBytes();
        using TraderKeys derived = TraderKeys.FromSignature(signature, wallet.Address, Sample.ChainId, Sample.Vault);
        Assert.Equal((keys.Owner, keys.ViewKey, SeedOf(keys)), (derived.Owner, derived.ViewKey, SeedOf(derived)));
        Assert.Contains(Eip55.Format(wallet.Address), derived.ToString(), StringComparison.Ordinal);

        Refuse("not of " + Eip55.Format(stranger.Address), signature, stranger.Address, Sample.ChainId, Sample.Vault);
        Refuse("on chain 5", signature, wallet.Address, 5, Sample.Vault);
        Refuse(Eip55.Format(otherVault), signature, wallet.Address, Sample.ChainId, otherVault);
        Refuse("65 bytes", signature[..64], wallet.Address, Sample.ChainId, Sample.Vault);
        Refuse("r or s", [.. new byte[32], .. signature[32..]], wallet.Address, Sample.ChainId, Sample.Vault);

        static void Refuse(string expected, byte[] signature, Address owner, ulong chainId, Address vault)
        {
            string message = Assert.Throws<ArgumentException>(() => TraderKeys.FromSignature(signature, owner, chainId, vault)).Message;
            Assert.Contains(expected, message, StringComparison.Ordinal);
            Assert.DoesNotContain(Convert.ToHexStringLower(signature.AsSpan(40, 8)), message, StringComparison.OrdinalIgnoreCase);
        }
    }

    [Fact]
    public void The_typed_data_has_the_digest_that_is_signed()
    {
        JsonNode data = JsonNode.Parse(KeyDerivation.TypedData(77, Sample.Vault, keys.Owner))!, domain = data["domain"]!;
        string TypeOf(string name) => $"{name}({string.Join(',', data["types"]![name]!.AsArray().Select(f => $"{f!["type"]} {f["name"]}"))})";
        Assert.Equal("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)", TypeOf("EIP712Domain"));
        var parsed = new Eip712Domain((string)domain["name"]!, (string)domain["version"]!, (ulong)domain["chainId"]!, Address.Parse((string)domain["verifyingContract"]!));
        Assert.Equal(KeyDerivation.Digest(77, Sample.Vault, keys.Owner),
            Eip712.Digest(parsed, TypeOf((string)data["primaryType"]!), (string)data["message"]!["purpose"]!, Address.Parse((string)data["message"]!["owner"]!)));
    }

    private string KeyFile => Path.Combine(folder.FullName, "alice.key.json");

    private static string SeedOf(TraderKeys keys)
    {
        var seed = new byte[EddsaPrivateKey.SeedLength];
        keys.SigningKey.CopySeedTo(seed);
        return Convert.ToHexStringLower(seed);
    }

    private string Refusal(Action<JsonObject> change)
    {
        keys.Save(KeyFile);
        JsonObject json = JsonNode.Parse(File.ReadAllText(KeyFile))!.AsObject();
        change(json);
        File.WriteAllText(KeyFile, json.ToJsonString());
        var error = Assert.Throws<KeyFileException>(() => TraderKeys.Load(KeyFile));
        Assert.Contains(KeyFile, error.Message, StringComparison.Ordinal);
        AssertNoSecret(error);
        return error.Message;
    }

    private void AssertNoSecret(Exception error)
    {
        foreach (string secret in (string[])[SeedOf(keys), keys.ViewKey.ToHex()[2..]])
            for (int at = 0; at + 8 <= secret.Length; at += 8) Assert.DoesNotContain(secret.Substring(at, 8), error.ToString(), StringComparison.OrdinalIgnoreCase);
    }
}
