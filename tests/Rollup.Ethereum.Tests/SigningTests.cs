using System.Numerics;
using System.Text;
using System.Text.Json.Nodes;
using Rollup.Protocol;

namespace Rollup.Ethereum.Tests;

public class SigningTests
{
    [Fact]
    public void Rlp_equals_the_reference()
    {
        foreach (var one in Vectors.Section("rlp")) Assert.Equal(one.Text("encoded"), Hex.Format(Encode(one["item"]!)));
        Assert.Equal("ba010000", Convert.ToHexStringLower(Rlp.Bytes(new byte[65536]).AsSpan(0, 4)));

        static byte[] Encode(JsonNode item) => item is JsonArray list ? Rlp.List([.. list.Select(inner => Encode(inner!))]) : Rlp.Bytes(Hex.Parse((string)item!));
    }

    // Examples of the Ethereum wiki.
    [Theory]
    [InlineData(0, "80")]
    [InlineData(15, "0f")]
    [InlineData(127, "7f")]
    [InlineData(128, "8180")]
    [InlineData(1024, "820400")]
    public void Rlp_integers_have_no_leading_zeros(int value, string encoded)
    {
        Assert.Equal(encoded, Convert.ToHexStringLower(Rlp.Integer(value)));
        Assert.Throws<ArgumentOutOfRangeException>(() => Rlp.Integer(-1 - value));
    }

    [Fact]
    public void Rlp_of_dog() => Assert.Equal("83646f67", Convert.ToHexStringLower(Rlp.Bytes("dog"u8)));

    // The list of EIP-55.
    [Theory]
    [InlineData("0x52908400098527886E0F7030069857D2E4169EE7")]
    [InlineData("0x8617E340B3D01FA5F11F306F4090FD50E238070D")]
    [InlineData("0xde709f2102306220921060314715629080e2fb77")]
    [InlineData("0x27b1fdb04752bbc536007a920d24acb045561c26")]
    [InlineData("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")]
    [InlineData("0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359")]
    [InlineData("0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB")]
    [InlineData("0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb")]
    public void Checksummed_addresses_are_those_of_the_standard(string text)
    {
        Assert.Equal(text, Eip55.Format(Address.Parse(text)));
        Assert.Equal(Address.Parse(text), Eip55.Parse(text));
    }

    [Fact]
    public void A_wrong_checksum_is_refused_and_none_is_accepted()
    {
        foreach (var text in Vectors.Section("checksummed").Select(node => node.GetValue<string>()))
        {
            Assert.Equal(text, Eip55.Format(Eip55.Parse(text)));
            var at = Enumerable.Range(2, 40).First(i => char.IsAsciiLetter(text[i]));
            var wrong = text[..at] + (char)(text[at] ^ 0x20) + text[(at + 1)..];
            Assert.Throws<FormatException>(() => Eip55.Parse(wrong));
            Assert.Equal(Address.Parse(text), Eip55.Parse(text.ToLowerInvariant()));
        }
    }

    [Fact]
    public void Signatures_are_deterministic_and_recover_the_signer()
    {
        foreach (var one in Vectors.Section("signatures"))
        {
            using var key = new EthereumKey(one.Bytes("key"));
            Assert.Equal(one.Text("address"), Eip55.Format(key.Address));
            var signature = key.Sign(one.Bytes("digest"));
            Assert.Equal(one.Text("signature"), Hex.Format(signature.ToBytes()));
            Assert.Equal(signature, EcdsaSignature.FromBytes(one.Bytes("signature")));
            Assert.True(Secp256k1.TryRecover(one.Bytes("digest"), signature, out var signer));
            Assert.Equal(key.Address, signer);
            Assert.True(!Secp256k1.TryRecover(one.Bytes("digest"), signature with { YParity = !signature.YParity }, out var other) || other != signer);
        }
    }

    [Fact]
    public void Malleable_and_out_of_range_signatures_are_refused()
    {
        var order = BigInteger.Parse("0FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141", System.Globalization.NumberStyles.HexNumber, null);
        var one = Vectors.Section("signatures")[0];
        var digest = one.Bytes("digest");
        var good = EcdsaSignature.FromBytes(one.Bytes("signature"));
        Assert.True(Secp256k1.TryRecover(digest, good, out _));
        var s = new BigInteger(good.S.ToBytes(), isUnsigned: true, isBigEndian: true);
        Assert.False(Secp256k1.TryRecover(digest, good with { S = Word(order - s), YParity = !good.YParity }, out _));
        Assert.False(Secp256k1.TryRecover(digest, good with { S = default }, out _));
        Assert.False(Secp256k1.TryRecover(digest, good with { R = default }, out _));
        Assert.False(Secp256k1.TryRecover(digest, good with { R = Word(order) }, out _));
        Assert.False(Secp256k1.TryRecover(digest, good with { R = Word(5) }, out _)); // 5^3 + 7 is no square
        Assert.Throws<FormatException>(() => EcdsaSignature.FromBytes(new byte[64]));
        Assert.Throws<FormatException>(() => EcdsaSignature.FromBytes([.. new byte[64], 29]));

        static Bytes32 Word(BigInteger value)
        {
            var bytes = value.ToByteArray(isUnsigned: true, isBigEndian: true);
            return Bytes32.FromBytes([.. new byte[32 - bytes.Length], .. bytes]);
        }
    }

    [Fact]
    public void Private_keys_out_of_range_are_refused_and_never_printed()
    {
        var order = Convert.FromHexString("FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141");
        Assert.Throws<ArgumentException>(() => new EthereumKey(new byte[32]));
        Assert.Throws<ArgumentException>(() => new EthereumKey(order));
        Assert.Throws<ArgumentException>(() => new EthereumKey(new byte[31]));
        order[^1]--;
        using var key = new EthereumKey(order);
        Assert.Equal(Eip55.Format(key.Address), key.ToString());
        using var fresh = EthereumKey.Generate();
        Assert.NotEqual(key.Address, fresh.Address);
    }

    [Fact]
    public void Transactions_of_type_2_equal_the_reference()
    {
        foreach (var one in Vectors.Section("transactions"))
        {
            using var key = new EthereumKey(one.Bytes("key"));
            var signed = new Eip1559Transaction
            {
                ChainId = (ulong)one.Integer("chainId"),
                Nonce = (ulong)one.Integer("nonce"),
                GasLimit = (ulong)one.Integer("gasLimit"),
                MaxPriorityFeePerGas = one.Integer("maxPriorityFeePerGas"),
                MaxFeePerGas = one.Integer("maxFeePerGas"),
                Value = one.Integer("value"),
                Data = one.Bytes("data"),
                To = one["to"] is { } to ? Eip55.Parse((string)to!) : null,
            }.Sign(key);
            Assert.Equal(one.Text("raw"), Hex.Format(signed.Raw));
            Assert.Equal(one.Text("hash"), signed.Hash.ToString());
        }
    }

    [Fact]
    public void Typed_data_equals_the_reference()
    {
        // The digest that EIP-712 itself prints for its example.
        Assert.Equal("0xbe609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2", Vectors.Section("eip712")[0].Text("digest"));
        foreach (var one in Vectors.Section("eip712"))
        {
            var domain = DomainOf(one!["domain"]!);
            var values = ValuesOf(one.Text("type"), one["values"]!.AsArray());
            Assert.Equal(one.Text("digest"), Hex.Format(Eip712.Digest(domain, one.Text("type"), values)));
            using var key = new EthereumKey(one.Bytes("key"));
            Assert.Equal(one.Text("signature"), Hex.Format(Eip712.Sign(key, domain, one.Text("type"), values).ToBytes()));
        }
    }

    [Theory]
    [InlineData("A(B b)Extra(uint8 x)B(uint8 x)", "A(B b)B(uint8 x)")] // unused struct
    [InlineData("A(C c,B b)C(uint8 x)B(uint8 x)", "A(C c,B b)B(uint8 x)C(uint8 x)")] // not sorted
    [InlineData("A(uint256  x)", "A(uint256 x)")]
    [InlineData("A(uint x)", "short form")]
    [InlineData("A(uint256 x)A(uint256 x)", "defined twice")]
    [InlineData("A(Missing x)", "Unknown type Missing")]
    [InlineData("", "no struct")]
    [InlineData("A(uint8 x", "')' expected")]
    public void Types_that_are_not_canonical_are_refused(string type, string message) =>
        Assert.Contains(message, Assert.Throws<AbiException>(() => Eip712.HashStruct(type, [new BigInteger(1)])).Message, StringComparison.Ordinal);

    [Fact]
    public void Structs_need_all_their_fields()
    {
        Assert.Equal(32, Eip712.HashStruct("A(uint8 x,bool[2] y)", [1, new object[] { true, false }]).Length);
        Assert.Throws<AbiException>(() => Eip712.HashStruct("A(uint8 x,bool[2] y)", [1]));
        Assert.Throws<AbiException>(() => Eip712.HashStruct("A(uint8 x,bool[2] y)", [1, new object[] { true }]));
        Assert.Throws<AbiException>(() => Eip712.HashStruct("A(uint8 x,bool[2] y)", [256, new object[] { true, false }]));
        Assert.Throws<AbiException>(() => Eip712.HashStruct("A(uint8 x,bool[2] y)", [1, true]));
        Assert.Throws<AbiException>(() => Eip712.HashStruct("A(bytes x)", ["text"]));
    }

    private static Eip712Domain DomainOf(JsonNode node) => new(
        (string?)node["name"], (string?)node["version"], node["chainId"] is null ? null : node.Integer("chainId"),
        node["verifyingContract"] is null ? null : Address.Parse(node.Text("verifyingContract")), node["salt"] is null ? null : Bytes32.Parse(node.Text("salt")));

    // The three messages of the vector file, as an ABI tuple of the same shape.
    private static object[] ValuesOf(string type, JsonArray values) => (object[])Vectors.Value(AbiType.Parse(type[..type.IndexOf('(', StringComparison.Ordinal)] switch
    {
        "Mail" => "((string,address),(string,address),string)",
        "DeriveKeys" => "(string,address)",
        "Zoo" => "((bytes4,uint128)[2][],int16[3],bytes,bool)",
        var other => throw new ArgumentOutOfRangeException(nameof(type), other),
    }), values);
}
