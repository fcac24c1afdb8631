using System.Text.Json.Nodes;

namespace Rollup.Ethereum.Tests;

public sealed class KeystoreTests : IDisposable
{
    private static readonly JsonNode Vector = Vectors.Root["keystore"]!;
    private readonly string folder = Directory.CreateTempSubdirectory("keystore-test-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void A_keystore_of_another_implementation_opens()
    {
        using var key = Keystore.Decrypt(Vector["json"]!.ToJsonString(), Vector.Text("password"));
        Assert.Equal(Vector.Text("address"), Eip55.Format(key.Address));
        Assert.Equal(Vector.Bytes("key"), key.ExportSecret());
    }

    [Fact]
    public void A_written_file_opens_again_and_is_private()
    {
        var path = Path.Combine(folder, "key.json");
        using var key = EthereumKey.Generate();
        Keystore.Save(path, key, "päss", ScryptCost.Light);
        using var read = Keystore.Load(path, "päss");
        Assert.Equal(key.Address, read.Address);
        Assert.Equal(key.ExportSecret(), read.ExportSecret());
        Assert.DoesNotContain(Convert.ToHexStringLower(key.ExportSecret()), File.ReadAllText(path), StringComparison.OrdinalIgnoreCase);
        if (!OperatingSystem.IsWindows()) Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        Assert.Throws<IOException>(() => Keystore.Save(path, key, "päss", ScryptCost.Light));
        Assert.Contains("password", Assert.Throws<KeystoreException>(() => Keystore.Load(path, "pass")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Missing_and_oversized_files_have_their_own_message()
    {
        Assert.Contains("cannot be read", Assert.Throws<KeystoreException>(() => Keystore.Load(Path.Combine(folder, "absent"), "x")).Message, StringComparison.Ordinal);
        var path = Path.Combine(folder, "large");
        File.WriteAllBytes(path, new byte[70_000]);
        Assert.Contains("too large", Assert.Throws<KeystoreException>(() => Keystore.Load(path, "x")).Message, StringComparison.Ordinal);
    }

    public static TheoryData<string, string, string> Damages => new()
    {
        { "version", "4", "only 3" },
        { "crypto.cipher", "\"aes-128-cbc\"", "supported" },
        { "crypto.kdf", "\"pbkdf2\"", "supported" },
        { "crypto.kdfparams.n", "1000", "out of range" },
        { "crypto.kdfparams.n", "1073741824", "out of range" },
        { "crypto.kdfparams.p", "1000000", "out of range" },
        { "crypto.kdfparams.dklen", "16", "out of range" },
        { "crypto.kdfparams.salt", "\"zz\"", "valid" },
        { "crypto.ciphertext", "\"00\"", "damaged" },
        { "crypto.mac", "\"00\"", "damaged" },
        { "crypto.cipherparams.iv", "\"00\"", "valid" },
        { "address", "\"00112233445566778899aabbccddeeff01234567\"", "belongs to" },
        { "crypto", "5", "valid" },
        { "crypto", "null", "valid" },
    };

    [Theory]
    [MemberData(nameof(Damages))]
    public void Damaged_files_are_refused_with_the_reason(string path, string value, string message)
    {
        var json = Vector["json"]!.DeepClone();
        var names = path.Split('.');
        var parent = names[..^1].Aggregate(json, (node, name) => node[name]!);
        parent[names[^1]] = JsonNode.Parse(value);
        Assert.Contains(message, Assert.Throws<KeystoreException>(() => Keystore.Decrypt(json.ToJsonString(), Vector.Text("password"))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("{}")]
    public void Other_json_is_refused(string json) => Assert.Throws<KeystoreException>(() => Keystore.Decrypt(json, "x"));
}
