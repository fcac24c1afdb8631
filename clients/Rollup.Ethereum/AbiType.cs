using System.Globalization;
using Rollup.Protocol;

namespace Rollup.Ethereum;

/// <summary>A value, type or signature that is not valid in the Solidity contract ABI.</summary>
public sealed class AbiException(string message) : FormatException(message);

/// <summary>
/// A type of the Solidity contract ABI. Values are: <c>uintN</c>, <c>intN</c> <see cref="System.Numerics.BigInteger"/>; <c>bool</c>
/// <see cref="bool"/>; <c>address</c> <see cref="Rollup.Protocol.Address"/>; <c>bytesN</c> and <c>bytes</c> <c>byte[]</c>; <c>string</c>
/// <see cref="string"/>; arrays and tuples <c>object[]</c>. Encoding also takes the framework's integers and <see cref="Bytes32"/>.
/// </summary>
public abstract record AbiType
{
    private AbiType() { }

    public sealed record Integer(int Bits, bool Signed) : AbiType;
    public sealed record Bool : AbiType;
    public sealed record AddressType : AbiType;
    public sealed record FixedBytes(int Length) : AbiType;
    public sealed record Bytes : AbiType;
    public sealed record Text : AbiType;

    /// <param name="Length">null for a dynamic array.</param>
    public sealed record Array(AbiType Element, int? Length) : AbiType;

    public sealed record Tuple(IReadOnlyList<AbiType> Elements) : AbiType;

    /// <summary>Whether the value's place in its parent holds an offset to it.</summary>
    public bool IsDynamic => this switch
    {
        Bytes or Text or Array { Length: null } => true,
        Array array => array.Element.IsDynamic,
        Tuple tuple => tuple.Elements.Any(element => element.IsDynamic),
        _ => false,
    };

    /// <summary>Bytes the value takes in its parent's head: 32 for an offset.</summary>
    public int HeadSize => this switch
    {
        _ when IsDynamic => 32,
        Array array => array.Length!.Value * array.Element.HeadSize,
        Tuple tuple => tuple.Elements.Sum(element => element.HeadSize),
        _ => 32,
    };

    /// <summary>The name that goes into selectors, e.g. <c>(address,uint256)[3]</c>.</summary>
    public string Name => this switch
    {
        Integer integer => (integer.Signed ? "int" : "uint") + integer.Bits.ToString(CultureInfo.InvariantCulture),
        Bool => "bool",
        AddressType => "address",
        FixedBytes bytes => "bytes" + bytes.Length.ToString(CultureInfo.InvariantCulture),
        Bytes => "bytes",
        Text => "string",
        Array array => $"{array.Element.Name}[{array.Length?.ToString(CultureInfo.InvariantCulture)}]",
        Tuple tuple => $"({string.Join(',', tuple.Elements.Select(element => element.Name))})",
        _ => throw new InvalidOperationException("unreachable: the hierarchy is closed"),
    };

    public sealed override string ToString() => Name;

    /// <summary>Parses a type; <c>uint</c> and <c>int</c> mean 256 bits.</summary>
    /// <exception cref="AbiException">The text is no type.</exception>
    public static AbiType Parse(string text)
    {
        var reader = new SignatureReader(text);
        var type = reader.ReadType();
        reader.ExpectEnd();
        return type;
    }

    /// <summary>An elementary type by name, or null.</summary>
    internal static AbiType? Elementary(string name) => name switch
    {
        "bool" => new Bool(),
        "address" => new AddressType(),
        "bytes" => new Bytes(),
        "string" => new Text(),
        "uint" => new Integer(256, false),
        "int" => new Integer(256, true),
        _ when Suffix(name, "uint") is { } bits and <= 256 && bits % 8 == 0 => new Integer(bits, false),
        _ when Suffix(name, "int") is { } bits and <= 256 && bits % 8 == 0 => new Integer(bits, true),
        _ when Suffix(name, "bytes") is { } length and <= 32 => new FixedBytes(length),
        _ => null,
    };

    /// <summary>The canonical positive number of at most three digits that follows <paramref name="prefix"/>, or null.</summary>
    private static int? Suffix(string name, string prefix) =>
        name.StartsWith(prefix, StringComparison.Ordinal) && name.Length <= prefix.Length + 3 &&
        int.TryParse(name.AsSpan(prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var value) &&
        value > 0 && name[prefix.Length] != '0' ? value : null;
}

/// <summary>Reads <c>name(type name, type indexed name, ...)</c> from left to right.</summary>
internal sealed class SignatureReader(string text)
{
    private int position;

    public bool AtEnd => position == text.Length;

    public bool Take(char expected)
    {
        SkipSpaces();
        if (AtEnd || text[position] != expected) return false;
        position++;
        return true;
    }

    public void Expect(char expected)
    {
        if (!Take(expected)) throw Error($"'{expected}' expected");
    }

    public void ExpectEnd()
    {
        SkipSpaces();
        if (!AtEnd) throw Error("end expected");
    }

    /// <summary>An identifier, or an empty string.</summary>
    public string ReadWord()
    {
        SkipSpaces();
        var start = position;
        while (!AtEnd && (char.IsAsciiLetterOrDigit(text[position]) || text[position] is '_' or '$')) position++;
        return text[start..position];
    }

    public AbiType ReadType()
    {
        AbiType type;
        if (Take('('))
        {
            type = new AbiType.Tuple(ReadList(ReadType));
        }
        else
        {
            var name = ReadWord();
            type = AbiType.Elementary(name) ?? throw Error($"unknown type '{name}'");
        }
        while (Take('[')) type = new AbiType.Array(type, ReadArrayLength());
        return type;
    }

    /// <summary>The length and the closing bracket of an array; null for a dynamic one. The opening bracket has been read.</summary>
    public int? ReadArrayLength()
    {
        var length = ReadWord();
        Expect(']');
        if (length.Length == 0) return null;
        return int.TryParse(length, NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count is > 0 and <= 1 << 16
            ? count : throw Error($"array length '{length}' is not in 1..65536");
    }

    /// <summary>Items separated by commas up to the closing parenthesis; an opening one has been read. An empty list is allowed.</summary>
    public List<T> ReadList<T>(Func<T> readItem)
    {
        var items = new List<T>();
        if (Take(')')) return items;
        do items.Add(readItem());
        while (Take(','));
        Expect(')');
        return items;
    }

    public AbiException Error(string problem) => new($"\"{text}\": {problem} at position {position}.");

    private void SkipSpaces()
    {
        while (!AtEnd && text[position] == ' ') position++;
    }
}
