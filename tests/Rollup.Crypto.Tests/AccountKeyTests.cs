using System.Text;
using Rollup.Protocol;

namespace Rollup.Crypto.Tests;

public class AccountKeyTests
{
    private static readonly Address Owner = Address.Parse("0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266");
    private static readonly byte[] Seed = [.. Enumerable.Range(1, 32).Select(i => (byte)i)];
    private static readonly Fr ViewKey = Fr.FromUInt64(987_654_321).Square();

    [Fact]
    public void Text_gives_the_same_key_back()
    {
        AccountKey key = Key(), read = Parse(key.ToJson());
        Assert.Equal((key.Owner, key.PublicKey, key.ViewKey), (read.Owner, read.PublicKey, read.ViewKey));
        Assert.DoesNotContain(ViewKey.ToHex(), key.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void The_public_key_follows_from_a_seed()
    {
        string seed = $", \"seed\": \"0x{Convert.ToHexStringLower(Seed)}\" }}";
        string whole = Key().ToJson().TrimEnd().TrimEnd('}').TrimEnd() + seed;
        Assert.Equal(Key().PublicKey, Parse(whole).PublicKey);
        string alone = $$"""{ "format": "rollup-account-key-1", "owner": "{{Owner}}", "viewKey": "{{ViewKey}}"{{seed}}""";
        Assert.Equal(Key().PublicKey, Parse(alone).PublicKey);
        Assert.Contains("do not follow", Refusal(whole.Replace("0x0102", "0x0202", StringComparison.Ordinal)), StringComparison.Ordinal);
        Assert.Contains("'seed'", Refusal(whole.Replace("0x0102", "0x01", StringComparison.Ordinal)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_seed_is_written_and_read_only_where_it_is_asked_for()
    {
        using var signing = new EddsaPrivateKey(Seed);
        byte[] text = Key().ToJson(signing);
        AccountKey read = AccountKey.Parse(text, out EddsaPrivateKey? signer);
        var seed = new byte[EddsaPrivateKey.SeedLength];
        signer!.CopySeedTo(seed);
        signer.Dispose();
        Assert.Equal(Seed, seed);
        Assert.Equal((Owner, signing.PublicKey, ViewKey), (read.Owner, read.PublicKey, read.ViewKey));
        AccountKey.Parse(Encoding.UTF8.GetBytes(Key().ToJson()), out signer);
        Assert.Null(signer);
        using var other = new EddsaPrivateKey([.. Seed.Reverse()]);
        Assert.Throws<ArgumentException>(() => Key().ToJson(other));
    }

    [Theory]
    [InlineData("format", "'format' is missing")]
    [InlineData("owner", "'owner' is missing")]
    [InlineData("keyX", "'keyX' is missing")]
    [InlineData("keyY", "'keyY' is missing")]
    [InlineData("viewKey", "'viewKey' is missing")]
    public void A_missing_member_is_named(string member, string expected) =>
        Assert.Contains(expected, Refusal(Key().ToJson().Replace($"\"{member}\"", "\"other\"", StringComparison.Ordinal)), StringComparison.Ordinal);

    [Theory]
    [InlineData("rollup-account-key-1", "rollup-account-key-2", "'format'")]
    [InlineData("0xf39f", "0xzz", "'owner'")]
    [InlineData("\"viewKey\": \"0x", "\"viewKey\": \"0xf", "'viewKey'")]
    [InlineData("\"viewKey\": \"", "\"viewKey\": 5, \"x\": \"", "texts")]
    [InlineData("{ ", "{ \"more\": \"\", ", "besides")]
    [InlineData("{ ", "{ \"owner\": \"\", ", "repeated")]
    [InlineData("{ ", "{ \"seed\": 5, ", "texts")]
    [InlineData("{ ", "{ \"seed\": \"0x0102\", ", "'seed'")]
    [InlineData("{ ", "{ \"seed\": \"0x0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20\", \"seed\": \"\", ", "repeated")]
    [InlineData("{ ", "[{ ", "JSON")]
    [InlineData("}", "} x", "JSON")]
    [InlineData("}", "", "JSON")]
    public void Another_form_is_refused_and_not_repeated(string from, string to, string expected)
    {
        string message = Refusal(Key().ToJson().Replace(from, to, StringComparison.Ordinal));
        Assert.Contains(expected, message, StringComparison.Ordinal);
        Assert.DoesNotContain(ViewKey.ToHex()[10..], message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_long_text_is_refused() => Assert.Contains("4096", Refusal(Key().ToJson() + new string(' ', 4096)), StringComparison.Ordinal);

    private static AccountKey Key()
    {
        using var signing = new EddsaPrivateKey(Seed);
        return new AccountKey(Owner, signing.PublicKey, ViewKey);
    }

    private static AccountKey Parse(string text) => AccountKey.Parse(Encoding.UTF8.GetBytes(text));

    private static string Refusal(string text) => Assert.Throws<FormatException>(() => Parse(text)).Message;
}
