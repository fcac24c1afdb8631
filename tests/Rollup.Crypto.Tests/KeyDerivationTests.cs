using System.Numerics;
using Rollup.Protocol;

namespace Rollup.Crypto.Tests;

public sealed class KeyDerivationTests
{
    private static readonly BigInteger Order = BigInteger.Parse("115792089237316195423570985008687907852837564279074904382605163141518161494337");

    private sealed record Case(ulong ChainId, string Vault, string Owner, string Digest, string Signature, string Seed, string[] PublicKey, string ViewKey)
    {
        public byte[] Bytes => Convert.FromHexString(Signature[2..]);
    }

    private static readonly Case[] Cases = Vectors.Load<Case[]>("key-derivation");

    [Fact]
    public void Digest_and_keys_equal_ethers_and_nodes()
    {
        Assert.Equal(8, Cases.Length);
        foreach (Case c in Cases)
        {
            Assert.Equal(c.Digest, "0x" + Convert.ToHexStringLower(KeyDerivation.Digest(c.ChainId, Address.Parse(c.Vault), Address.Parse(c.Owner))));
            using DerivedKeys keys = KeyDerivation.FromSignature(c.Bytes);
            var seed = new byte[EddsaPrivateKey.SeedLength];
            keys.SigningKey.CopySeedTo(seed);
            Assert.Equal(c.Seed, Convert.ToHexStringLower(seed));
            Assert.Equal(new EddsaPublicKey(Fr.Parse(c.PublicKey[0]), Fr.Parse(c.PublicKey[1])), keys.SigningKey.PublicKey);
            Assert.Equal(Fr.Parse(c.ViewKey), keys.ViewKey);
        }
    }

    [Fact]
    public void All_forms_of_one_signature_give_the_same_keys()
    {
        Assert.Equal(2, Cases.Select(c => c.Bytes[64]).Distinct().Count());
        foreach (Case c in Cases)
        {
            byte[] bytes = c.Bytes, zeroBased = c.Bytes, high = c.Bytes;
            zeroBased[64] -= 27;
            byte[] s = (Order - new BigInteger(bytes.AsSpan(32, 32), true, true)).ToByteArray(true, true);
            s.CopyTo(high, 64 - s.Length);
            high[64] = (byte)(55 - high[64]);
            Assert.NotEqual(bytes, high);
            Assert.Equal(Fr.Parse(c.ViewKey), KeyDerivation.FromSignature(zeroBased).ViewKey);
            Assert.Equal(Fr.Parse(c.ViewKey), KeyDerivation.FromSignature(high).ViewKey);
            high[64] = bytes[64];
            Assert.NotEqual(Fr.Parse(c.ViewKey), KeyDerivation.FromSignature(high).ViewKey);
        }
    }

    [Fact]
    public void Digest_binds_chain_vault_and_owner()
    {
        Address a = Address.Parse(Cases[0].Vault), b = Address.Parse(Cases[0].Owner);
        string[] digests = [.. new[] { KeyDerivation.Digest(1, a, b), KeyDerivation.Digest(2, a, b), KeyDerivation.Digest(1, b, b), KeyDerivation.Digest(1, a, a) }.Select(Convert.ToHexString)];
        Assert.Equal(4, digests.Distinct().Count());
    }

    [Fact]
    public void Malformed_signatures_are_refused_with_the_reason()
    {
        using (KeyDerivation.FromSignature(Cases[0].Bytes)) { }
        byte[] order = Order.ToByteArray(true, true), zero = new byte[32];
        Refuse("65 bytes", Cases[0].Bytes[..64]);
        Refuse("65 bytes", [.. Cases[0].Bytes, 0]);
        foreach (byte v in new byte[] { 2, 26, 29, 255 }) Refuse("v = 0, 1, 27 or 28", [.. Cases[0].Bytes[..64], v]);
        foreach (byte[] bad in new[] { order, zero })
        {
            Refuse("r or s", [.. bad, .. Cases[0].Bytes[32..]]);
            Refuse("r or s", [.. Cases[0].Bytes[..32], .. bad, 27]);
        }

        static void Refuse(string reason, byte[] signature) =>
            Assert.Contains(reason, Assert.Throws<ArgumentException>(() => KeyDerivation.FromSignature(signature)).Message);
    }

    [Fact]
    public void Text_shows_no_secret()
    {
        using DerivedKeys keys = KeyDerivation.FromSignature(Cases[0].Bytes);
        Assert.Contains(keys.SigningKey.PublicKey.Y.ToString(), keys.ToString());
        Assert.DoesNotContain(keys.ViewKey.ToString(), keys.ToString());
    }
}
