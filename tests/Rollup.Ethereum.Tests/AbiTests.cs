using System.Numerics;
using Rollup.Protocol;

namespace Rollup.Ethereum.Tests;

public class AbiTests
{
    private static readonly Address Account = Address.Parse("0x00112233445566778899aabbccddeeff01234567");

    [Fact]
    public void Encodings_equal_the_reference_and_decode_to_the_same_values()
    {
        var cases = Vectors.Section("abi");
        Assert.True(cases.Count > 60);
        foreach (var one in cases)
        {
            AbiType[] types = [.. one["types"]!.AsArray().Select(type => AbiType.Parse((string)type!))];
            object[] values = [.. one["values"]!.AsArray().Zip(types, (value, type) => Vectors.Value(type, value!))];
            Assert.Equal(one.Text("encoded"), Hex.Format(AbiCodec.Encode(types, values)));
            Assert.Equivalent(values, AbiCodec.Decode(types, one.Bytes("encoded")), strict: true);
        }
    }

    [Theory]
    [InlineData("transfer(address to, uint amount) (bool ok)", "transfer(address,uint256)", "a9059cbb")]
    [InlineData("baz(uint32,bool)", "baz(uint32,bool)", "cdcd77c0")] // these three from the ABI specification
    [InlineData("bar(bytes3[2])", "bar(bytes3[2])", "fce353f6")]
    [InlineData("f(uint256,uint32[],bytes10,bytes)", "f(uint256,uint32[],bytes10,bytes)", "8be65246")]
    public void Functions_have_the_known_selector(string text, string signature, string selector)
    {
        var function = AbiFunction.Parse(text);
        Assert.Equal(signature, function.Signature);
        Assert.Equal(selector, Convert.ToHexStringLower(function.Selector));
    }

    [Fact]
    public void A_call_carries_selector_and_arguments_and_decodes_again()
    {
        var transfer = AbiFunction.Parse("transfer(address,uint256)(bool)");
        var data = transfer.Encode(Account, 5);
        Assert.Equal("a9059cbb00000000000000000000000000112233445566778899aabbccddeeff012345670000000000000000000000000000000000000000000000000000000000000005", Convert.ToHexStringLower(data));
        Assert.Equal([Account, new BigInteger(5)], transfer.DecodeArguments(data));
        Assert.Equal([true], transfer.DecodeResults(new byte[31].Append((byte)1).ToArray()));
        Assert.Throws<AbiException>(() => AbiFunction.Parse("approve(address,uint256)").DecodeArguments(data));
    }

    [Theory]
    [InlineData("")]
    [InlineData("f")]
    [InlineData("(uint256)")]
    [InlineData("f(uint256")]
    [InlineData("f(uint7)")]
    [InlineData("f(uint264)")]
    [InlineData("f(uint08)")]
    [InlineData("f(bytes33)")]
    [InlineData("f(bytes0)")]
    [InlineData("f(uint256[0])")]
    [InlineData("f(uint256[-1])")]
    [InlineData("f(uint256,)")]
    [InlineData("f(Person)")]
    [InlineData("f(uint256)()x")]
    public void Nonsense_signatures_are_refused(string text) => Assert.Throws<AbiException>(() => AbiFunction.Parse(text));

    public static TheoryData<string, object> Misfits => new()
    {
        { "uint8", 256 }, { "uint8", -1 }, { "int8", 128 }, { "int8", -129 }, { "uint256", BigInteger.One << 256 }, { "uint256", "5" }, { "uint256", 1.5 },
        { "bool", 1 }, { "address", "0x00" }, { "bytes4", new byte[5] }, { "bytes4", new byte[3] }, { "string", new byte[1] }, { "bytes", "aa" },
        { "uint8[2]", new object[] { 1 } }, { "uint8[]", new byte[] { 1 } }, { "(uint8,bool)", new object[] { 1 } },
    };

    [Theory]
    [MemberData(nameof(Misfits))]
    public void Values_that_do_not_fit_are_refused(string type, object value) =>
        Assert.Throws<AbiException>(() => AbiCodec.Encode([AbiType.Parse(type)], [value]));

    [Fact]
    public void All_integer_types_of_the_framework_encode_alike()
    {
        AbiType[] type = [AbiType.Parse("int128")];
        var expected = AbiCodec.Encode(type, [new BigInteger(7)]);
        foreach (object seven in new object[] { 7, 7L, 7U, 7UL, (short)7, (byte)7, (Int128)7, (UInt128)7 }) Assert.Equal(expected, AbiCodec.Encode(type, [seven]));
        Assert.Equal(Enumerable.Repeat((byte)0xff, 32), AbiCodec.Encode(type, [(Int128)(-1)]));
        var word = Bytes32.FromBytes([.. Enumerable.Range(1, 32).Select(i => (byte)i)]);
        Assert.Equal(word.ToBytes(), AbiCodec.Encode([AbiType.Parse("bytes32")], [word]));
    }

    // Each line changes one thing of an encoding that decodes.
    [Theory]
    [InlineData("uint8", "00000000000000000000000000000000000000000000000000000000000000ff", "0000000000000000000000000000000000000000000000000000000000000100")]
    [InlineData("int8", "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff80", "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")]
    [InlineData("bool", "0000000000000000000000000000000000000000000000000000000000000001", "0000000000000000000000000000000000000000000000000000000000000002")]
    [InlineData("address", "000000000000000000000000ffffffffffffffffffffffffffffffffffffffff", "000000000000000000000001ffffffffffffffffffffffffffffffffffffffff")]
    [InlineData("bytes2", "abcd000000000000000000000000000000000000000000000000000000000000", "abcd010000000000000000000000000000000000000000000000000000000000")]
    [InlineData("uint8", "0000000000000000000000000000000000000000000000000000000000000001", "00000000000000000000000000000000000000000000000000000000000001")]
    [InlineData("bytes", "000000000000000000000000000000000000000000000000000000000000002000000000000000000000000000000000000000000000000000000000000000010100000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000000000000000000000000000000000000000002000000000000000000000000000000000000000000000000000000000000000210100000000000000000000000000000000000000000000000000000000000000")]
    [InlineData("bytes", "000000000000000000000000000000000000000000000000000000000000002000000000000000000000000000000000000000000000000000000000000000010100000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000000000000000000000000000000000000000002000000000000000000000000000000000000000000000000000000000000000010101000000000000000000000000000000000000000000000000000000000000")]
    [InlineData("bytes", "00000000000000000000000000000000000000000000000000000000000000200000000000000000000000000000000000000000000000000000000000000000", "00000000000000000000000000000000000000000000000000000000000000210000000000000000000000000000000000000000000000000000000000000000")]
    [InlineData("bytes", "00000000000000000000000000000000000000000000000000000000000000200000000000000000000000000000000000000000000000000000000000000000", "80000000000000000000000000000000000000000000000000000000000000200000000000000000000000000000000000000000000000000000000000000000")]
    [InlineData("string", "00000000000000000000000000000000000000000000000000000000000000200000000000000000000000000000000000000000000000000000000000000002c3bc000000000000000000000000000000000000000000000000000000000000", "00000000000000000000000000000000000000000000000000000000000000200000000000000000000000000000000000000000000000000000000000000002c3c3000000000000000000000000000000000000000000000000000000000000")]
    [InlineData("bool[]", "000000000000000000000000000000000000000000000000000000000000002000000000000000000000000000000000000000000000000000000000000000010000000000000000000000000000000000000000000000000000000000000001", "000000000000000000000000000000000000000000000000000000000000002000000000000000000000000000000000000000000000000000000000000000020000000000000000000000000000000000000000000000000000000000000001")]
    public void Malformed_data_is_refused(string type, string good, string bad)
    {
        AbiType[] types = [AbiType.Parse(type)];
        var decoded = AbiCodec.Decode(types, Convert.FromHexString(good));
        Assert.Equal(good, Convert.ToHexStringLower(AbiCodec.Encode(types, decoded)));
        Assert.Throws<AbiException>(() => AbiCodec.Decode(types, Convert.FromHexString(bad)));
    }

    [Fact]
    public void Nested_arrays_that_share_their_parts_do_not_explode()
    {
        // Each level is an array of eight elements that all point at the same next level: 8^6 values from 60 words.
        const int levels = 6;
        var words = new List<byte[]> { Word(32) };
        for (var level = 0; level < levels; level++)
        {
            words.Add(Word(8));
            for (var i = 0; i < 8; i++) words.Add(Word(8 * 32));
        }
        words.Add(Word(0));
        var type = AbiType.Parse("uint8" + string.Concat(Enumerable.Repeat("[]", levels + 1)));
        var failure = Assert.Throws<AbiException>(() => AbiCodec.Decode([type], words.SelectMany(word => word).ToArray()));
        Assert.Contains("overlap", failure.Message, StringComparison.Ordinal);

        static byte[] Word(int value) => AbiCodec.Encode([AbiType.Parse("uint256")], [value]);
    }

    [Fact]
    public void Events_decode_indexed_and_plain_parameters_in_the_order_of_the_signature()
    {
        var e = AbiEvent.Parse("Moved(uint64 amount, address indexed who, string indexed label, string note)");
        Assert.Equal("Moved(uint64,address,string,string)", e.Signature);
        var labelHash = Bytes32.Parse("0x" + new string('5', 64));
        var data = AbiCodec.Encode([AbiType.Parse("uint64"), AbiType.Parse("string")], [77, "hello"]);
        var log = LogOf([e.Topic, Bytes32.FromBytes(AbiCodec.Encode([AbiType.Parse("address")], [Account])), labelHash], data);
        Assert.True(e.Matches(log));
        Assert.Equal([new BigInteger(77), Account, labelHash, "hello"], e.Decode(log));
        Assert.Throws<AbiException>(() => e.Decode(log with { Topics = [e.Topic] }));
        Assert.Throws<AbiException>(() => e.Decode(log with { Topics = [labelHash, log.Topics[1], log.Topics[2]] }));
        Assert.Throws<AbiException>(() => e.Decode(log with { Data = data[..32] }));
        Assert.False(e.Matches(log with { Topics = [] }));
        Assert.Throws<AbiException>(() => AbiEvent.Parse("E(uint8 indexed,uint8 indexed,uint8 indexed,uint8 indexed)"));
    }

    [Fact]
    public void The_transfer_event_has_the_known_topic() =>
        Assert.Equal("0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef", AbiEvent.Parse("Transfer(address indexed from,address indexed to,uint256 value)").Topic.ToString());

    [Fact]
    public void Revert_data_is_told_apart()
    {
        var reason = new RevertData(AbiFunction.Parse("Error(string)").Encode("too late"));
        var panic = new RevertData(AbiFunction.Parse("Panic(uint256)").Encode(0x11));
        var error = AbiFunction.Parse("Unproven(uint256 batch, address who)");
        var custom = new RevertData(error.Encode(9, Account));
        Assert.Equal(("too late", "too late"), (reason.Reason, reason.ToString()));
        Assert.Equal("panic 0x11", panic.Reason);
        Assert.Null(custom.Reason);
        Assert.True(custom.Is(error));
        Assert.False(reason.Is(error));
        Assert.Equal([new BigInteger(9), Account], error.DecodeArguments(custom.Data));
        Assert.Equal($"custom error {Hex.Format(error.Selector)}", custom.ToString());
        Assert.Equal("no revert data", new RevertData([]).ToString());
        // The selector of Error(string) with a broken string is no reason, and no exception.
        Assert.Null(new RevertData([.. AbiFunction.Parse("Error(string)").Selector, 1, 2]).Reason);
    }

    private static Log LogOf(IReadOnlyList<Bytes32> topics, byte[] data) => new(Account, topics, data, 12, default, default, 3);
}
