namespace Rollup.Crypto.Tests;

public sealed class Blake512Tests
{
    private sealed record Case(string Data, string Hash);

    [Fact]
    public void Hashes_equal_the_reference_around_every_edge_of_the_padding()
    {
        Case[] cases = Vectors.Load<Case[]>("blake512");
        Assert.Equal(17, cases.Length);
        foreach (Case c in cases)
        {
            var hash = new byte[Blake512.HashLength];
            Blake512.Hash(Convert.FromHexString(c.Data), hash);
            Assert.Equal(c.Hash, Convert.ToHexStringLower(hash));
        }
    }

    // The one-block example of the SHA-3 submission: a single zero byte.
    [Fact]
    public void Hash_of_one_zero_byte_is_the_published_one()
    {
        var hash = new byte[Blake512.HashLength];
        Blake512.Hash([0], hash);
        Assert.Equal(
            "97961587F6D970FABA6D2478045DE6D1FABD09B61AE50932054D52BC29D31BE4FF9102B9F69E2BBDB83BE13D4B9C06091E5FA0B48BD081B634058BE0EC49BEB3",
            Convert.ToHexString(hash));
    }
}
