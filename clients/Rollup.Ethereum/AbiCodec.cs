using System.Buffers.Binary;
using System.Collections;
using System.Globalization;
using System.Numerics;
using System.Text;
using Rollup.Protocol;

namespace Rollup.Ethereum;

/// <summary>
/// Encoding of the Solidity contract ABI, specification version 2. Decoding is strict: it refuses dirty padding, numbers out of their
/// type's range, offsets out of bounds and overlapping parts, so every accepted encoding has a size in proportion to its values.
/// </summary>
public static class AbiCodec
{
    private const int Word = 32;
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Encodes values as the parameters (or a tuple) of the given types.</summary>
    /// <exception cref="AbiException">A value does not fit its type.</exception>
    public static byte[] Encode(IReadOnlyList<AbiType> types, IReadOnlyList<object> values)
    {
        if (types.Count != values.Count) throw new AbiException($"{types.Count} values are needed for ({string.Join(',', types)}), not {values.Count}.");
        var headSize = types.Sum(type => type.HeadSize);
        var head = new MemoryStream(headSize);
        var tail = new MemoryStream();
        for (var i = 0; i < types.Count; i++)
        {
            if (types[i].IsDynamic)
            {
                head.Write(EncodeInteger(headSize + tail.Length, 256, signed: false));
                tail.Write(EncodeValue(types[i], values[i]));
            }
            else
            {
                head.Write(EncodeValue(types[i], values[i]));
            }
        }
        tail.WriteTo(head);
        return head.ToArray();
    }

    /// <summary>Decodes the parameters (or a tuple) of the given types. Bytes after the last part are allowed, as in Solidity.</summary>
    /// <exception cref="AbiException">The data is not a valid encoding.</exception>
    public static object[] Decode(IReadOnlyList<AbiType> types, ReadOnlyMemory<byte> data) => new Decoder(data).Sequence(types, 0, out _);

    /// <summary>The encoding of one value, without the offset a dynamic type has in its parent.</summary>
    internal static byte[] EncodeValue(AbiType type, object value) => (type, value) switch
    {
        (AbiType.Integer integer, _) => EncodeInteger(ToInteger(type, value), integer.Bits, integer.Signed),
        (AbiType.Bool, bool flag) => EncodeInteger(flag ? 1 : 0, 8, signed: false),
        (AbiType.AddressType, Address address) => [.. new byte[Word - Address.Size], .. address.ToBytes()],
        (AbiType.FixedBytes { Length: Bytes32.Size }, Bytes32 word) => word.ToBytes(),
        (AbiType.FixedBytes fixedBytes, byte[] bytes) when bytes.Length == fixedBytes.Length => PadRight(bytes),
        (AbiType.Bytes, byte[] bytes) => [.. EncodeInteger(bytes.Length, 256, signed: false), .. PadRight(bytes)],
        (AbiType.Text, string text) => EncodeValue(new AbiType.Bytes(), StrictUtf8.GetBytes(text)),
        (AbiType.Array array, IEnumerable items and not string and not byte[]) => EncodeArray(array, [.. items.Cast<object>()]),
        (AbiType.Tuple tuple, IReadOnlyList<object> items) => Encode(tuple.Elements, items),
        _ => throw new AbiException($"A value of .NET type {value?.GetType().Name ?? "null"} is not a valid {type}."),
    };

    private static byte[] EncodeArray(AbiType.Array array, object[] items)
    {
        if (array.Length is { } length && length != items.Length) throw new AbiException($"{array} has {length} elements, not {items.Length}.");
        var elements = Encode([.. Enumerable.Repeat(array.Element, items.Length)], items);
        return array.Length is null ? [.. EncodeInteger(items.Length, 256, signed: false), .. elements] : elements;
    }

    private static BigInteger ToInteger(AbiType type, object value) => value switch
    {
        BigInteger big => big,
        int or long or short or sbyte => Convert.ToInt64(value, CultureInfo.InvariantCulture),
        uint or ulong or ushort or byte => Convert.ToUInt64(value, CultureInfo.InvariantCulture),
        Int128 wide => (BigInteger)wide,
        UInt128 wide => (BigInteger)wide,
        _ => throw new AbiException($"A value of .NET type {value?.GetType().Name ?? "null"} is not a valid {type}."),
    };

    private static byte[] EncodeInteger(BigInteger value, int bits, bool signed)
    {
        if (!Fits(value, bits, signed)) throw new AbiException($"{value} does not fit {(signed ? "int" : "uint")}{bits}.");
        var word = new byte[Word];
        if (value.Sign < 0) Array.Fill(word, (byte)0xff);
        var bytes = value.ToByteArray(isUnsigned: !signed, isBigEndian: true);
        bytes.CopyTo(word, Word - bytes.Length);
        return word;
    }

    private static bool Fits(BigInteger value, int bits, bool signed) =>
        signed ? value >= -(BigInteger.One << (bits - 1)) && value < BigInteger.One << (bits - 1) : value.Sign >= 0 && value < BigInteger.One << bits;

    private static byte[] PadRight(ReadOnlySpan<byte> bytes) => [.. bytes, .. new byte[-bytes.Length & (Word - 1)]];

    private sealed class Decoder(ReadOnlyMemory<byte> data)
    {
        // Parts that do not overlap cannot read more words than there are. Without this limit nested arrays whose offsets point at
        // one shared part make a small input decode to an exponential number of values.
        private int wordsLeft = data.Length / Word;

        /// <summary>Decodes heads that start at <paramref name="start"/>, to which offsets are relative.</summary>
        public object[] Sequence(IReadOnlyList<AbiType> types, int start, out int headEnd)
        {
            var values = new object[types.Count];
            headEnd = start;
            for (var i = 0; i < types.Count; i++)
            {
                if (types[i].IsDynamic) values[i] = Dynamic(types[i], AddChecked(start, Count(headEnd)));
                else values[i] = Static(types[i], headEnd);
                headEnd = AddChecked(headEnd, types[i].HeadSize);
            }
            return values;
        }

        private object Static(AbiType type, int at)
        {
            switch (type)
            {
                case AbiType.Array array:
                    return Sequence([.. Enumerable.Repeat(array.Element, array.Length!.Value)], at, out _);
                case AbiType.Tuple tuple:
                    return Sequence(tuple.Elements, at, out _);
            }
            var word = ReadWord(at);
            switch (type)
            {
                case AbiType.Integer integer:
                    var value = new BigInteger(word, isUnsigned: !integer.Signed, isBigEndian: true);
                    return Fits(value, integer.Bits, integer.Signed) ? value : throw Error($"the value does not fit {type}", at);
                case AbiType.Bool:
                    return word[..31].ContainsAnyExcept((byte)0) || word[31] > 1 ? throw Error("a bool is neither 0 nor 1", at) : word[31] == 1;
                case AbiType.AddressType:
                    return word[..12].ContainsAnyExcept((byte)0) ? throw Error("an address is wider than 20 bytes", at) : Address.FromBytes(word[12..]);
                case AbiType.FixedBytes bytes:
                    return word[bytes.Length..].ContainsAnyExcept((byte)0) ? throw Error($"{type} has dirty padding", at) : word[..bytes.Length].ToArray();
                default:
                    throw new InvalidOperationException("unreachable: all other types are dynamic");
            }
        }

        private object Dynamic(AbiType type, int at)
        {
            switch (type)
            {
                case AbiType.Bytes:
                    return ReadBytes(at);
                case AbiType.Text:
                    try
                    {
                        return StrictUtf8.GetString(ReadBytes(at));
                    }
                    catch (DecoderFallbackException)
                    {
                        throw Error("the string is not valid UTF-8", at);
                    }
                case AbiType.Array { Length: null } array:
                    var count = Count(at);
                    // Every element has at least one word, so a longer array cannot be there; checked before memory is allocated.
                    if (count > wordsLeft) throw Error($"an array of {count} elements is longer than the data", at);
                    return Sequence([.. Enumerable.Repeat(array.Element, count)], AddChecked(at, Word), out _);
                case AbiType.Array array:
                    return Sequence([.. Enumerable.Repeat(array.Element, array.Length!.Value)], at, out _);
                case AbiType.Tuple tuple:
                    return Sequence(tuple.Elements, at, out _);
                default:
                    throw new InvalidOperationException("unreachable: all other types are static");
            }
        }

        private byte[] ReadBytes(int at)
        {
            var length = Count(at);
            var start = AddChecked(at, Word);
            var padded = AddChecked(length, -length & (Word - 1));
            if (start > data.Length - padded) throw Error($"{length} bytes reach beyond the end", at);
            Spend(padded / Word, at);
            var bytes = data.Span.Slice(start, padded);
            if (bytes[length..].ContainsAnyExcept((byte)0)) throw Error("bytes have dirty padding", at);
            return bytes[..length].ToArray();
        }

        /// <summary>A length or an offset.</summary>
        private int Count(int at)
        {
            var value = new BigInteger(ReadWord(at), isUnsigned: true, isBigEndian: true);
            return value <= data.Length ? (int)value : throw Error($"a length or offset of {value} is beyond the end", at);
        }

        private ReadOnlySpan<byte> ReadWord(int at)
        {
            if (at > data.Length - Word) throw Error("a value reaches beyond the end", at);
            Spend(1, at);
            return data.Span.Slice(at, Word);
        }

        private void Spend(int words, int at)
        {
            wordsLeft -= words;
            if (wordsLeft < 0) throw Error("parts overlap", at);
        }

        private int AddChecked(int left, int right)
        {
            var sum = (long)left + right;
            return sum <= int.MaxValue ? (int)sum : throw Error("an offset is beyond the end", left);
        }

        private AbiException Error(string problem, int at) => new($"ABI data of {data.Length} bytes, at byte {at}: {problem}.");
    }
}
