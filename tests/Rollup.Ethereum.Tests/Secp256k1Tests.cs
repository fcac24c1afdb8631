using Org.BouncyCastle.Asn1.Sec;
using Org.BouncyCastle.Crypto.Digests;
using Org.BouncyCastle.Crypto.Parameters;
using Org.BouncyCastle.Crypto.Signers;
using Org.BouncyCastle.Math;
using Rollup.Protocol;

namespace Rollup.Ethereum.Tests;

/// <summary>Our own secp256k1 against BouncyCastle's.</summary>
public sealed class Secp256k1Tests
{
    private static readonly Org.BouncyCastle.Asn1.X9.X9ECParameters Curve = SecNamedCurves.GetByName("secp256k1");
    private static readonly byte[] Zero = new byte[32];
    private static readonly byte[] Highest = [.. Enumerable.Repeat((byte)0xff, 32)];

    private static byte[] Bytes(BigInteger value) => value.ToByteArrayUnsigned() is var digits ? [.. new byte[32 - digits.Length], .. digits] : [];

    [Fact]
    public void Signatures_are_those_of_BouncyCastle_and_recover_the_signer()
    {
        var random = new Random(20261122);
        byte[] Draw()
        {
            var bytes = new byte[32];
            random.NextBytes(bytes);
            return bytes;
        }

        (byte[] Secret, byte[] Digest)[] cases =
        [
            (Bytes(BigInteger.One), Zero), (Bytes(BigInteger.One), Highest), (Bytes(Curve.N.Subtract(BigInteger.One)), Highest), (Bytes(Curve.N.Subtract(BigInteger.Two)), Bytes(Curve.N)),
            (Bytes(Curve.N.ShiftRight(1)), Bytes(Curve.N.Subtract(BigInteger.One))), .. Enumerable.Range(0, 12).Select(_ => (Draw(), Draw())),
        ];
        foreach ((byte[] secret, byte[] digest) in cases)
        {
            using var key = new EthereumKey(secret);
            var signer = new ECDsaSigner(new HMacDsaKCalculator(new Sha256Digest()));
            signer.Init(true, new ECPrivateKeyParameters(new BigInteger(1, secret), new ECDomainParameters(Curve.Curve, Curve.G, Curve.N, Curve.H)));
            BigInteger[] expected = signer.GenerateSignature(digest);
            EcdsaSignature actual = key.Sign(digest);
            Assert.Equal(Bytes(expected[0]), actual.R.ToBytes());
            Assert.Equal(Bytes(expected[1].CompareTo(Curve.N.ShiftRight(1)) > 0 ? Curve.N.Subtract(expected[1]) : expected[1]), actual.S.ToBytes());
            Assert.True(Secp256k1.TryRecover(digest, actual, out Address found));
            Assert.Equal(key.Address, found);
            Assert.False(Secp256k1.TryRecover(digest, actual with { S = Bytes32.FromBytes(Bytes(Curve.N.Subtract(new BigInteger(1, actual.S.ToBytes())))) }, out _));
        }
    }

    [Fact]
    public void Public_keys_are_those_of_BouncyCastle()
    {
        for (int bit = 0; bit < 256; bit += 5)
        {
            BigInteger secret = BigInteger.One.ShiftLeft(bit).Add(BigInteger.ValueOf(bit)).Mod(Curve.N);
            using var key = new EthereumKey(Bytes(secret));
            byte[] point = Curve.G.Multiply(secret).Normalize().GetEncoded(compressed: false);
            Assert.Equal(Address.FromBytes(Rollup.Crypto.Keccak.Hash256(point.AsSpan(1)).AsSpan(12)), key.Address);
        }
    }

    [Fact]
    public void Sums_meet_every_case_of_the_addition()
    {
        static byte[] K(int k) => [.. new byte[31], (byte)k];
        Secp256k1Point one = Secp256k1Point.TimesGenerator(K(1)), two = Secp256k1Point.TimesGenerator(K(2)), minusOne = Secp256k1Point.TimesGenerator(Bytes(Curve.N.Subtract(BigInteger.One)));
        Assert.Equal(two.Normalize(), one.Add(one).Normalize());
        Assert.Equal(two.Normalize(), one.Double().Normalize());
        Assert.True(one.Add(minusOne).IsInfinity);
        Assert.Equal(one, one.Add(default));
        Assert.Equal(one, default(Secp256k1Point).Add(one));
        Assert.Equal(Secp256k1Point.TimesGenerator(K(171)).Normalize(), two.Times(K(85)).Add(one).Normalize());
        Assert.True(one.Times(Bytes(Curve.N)).IsInfinity);
    }

    [Fact]
    public void What_is_out_of_range_recovers_nobody()
    {
        using var key = new EthereumKey(Bytes(BigInteger.ValueOf(12_345)));
        EcdsaSignature good = key.Sign(Highest);
        Assert.True(Secp256k1.TryRecover(Highest, good, out _));
        Assert.False(Secp256k1.TryRecover(Highest, good with { R = default }, out _));
        Assert.False(Secp256k1.TryRecover(Highest, good with { S = default }, out _));
        Assert.False(Secp256k1.TryRecover(Highest, good with { R = Bytes32.FromBytes(Bytes(Curve.N)) }, out _));
        Assert.False(Secp256k1.TryRecover(Highest, good with { R = Bytes32.FromBytes(Bytes(BigInteger.ValueOf(5))) }, out _)); // No point has x = 5.
    }
}
