using System.Collections.Frozen;
using System.Text.Json;
using System.Text.Json.Serialization;
using Rollup.Crypto;
using Rollup.Protocol;

namespace Rollup.Api;

/// <summary>A field element as 0x and 64 hexadecimal digits, below the field's order.</summary>
public sealed class FieldElementConverter : JsonConverter<Fr>
{
    public override Fr Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        HexBytes.Read(ref reader, Fr.ByteLength) is { } bytes && Fr.TryFromCanonicalBigEndian(bytes, out Fr value)
            ? value : throw new JsonException("A field element is 0x and 64 hexadecimal digits, below the order of BN254's scalar field.");

    public override void Write(Utf8JsonWriter writer, Fr value, JsonSerializerOptions options) => writer.WriteStringValue(value.ToHex());
}

/// <summary>32 bytes as 0x and 64 hexadecimal digits.</summary>
public sealed class Bytes32Converter : JsonConverter<Bytes32>
{
    public override Bytes32 Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        HexBytes.Read(ref reader, Bytes32.Size) is { } bytes ? Bytes32.FromBytes(bytes) : throw new JsonException("32 bytes are 0x and 64 hexadecimal digits.");

    public override void Write(Utf8JsonWriter writer, Bytes32 value, JsonSerializerOptions options) => writer.WriteStringValue(value.ToString());
}

/// <summary>An address as 0x and 40 hexadecimal digits.</summary>
public sealed class AddressConverter : JsonConverter<Address>
{
    public override Address Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.String && Address.TryParse(reader.GetString(), out Address address)
            ? address : throw new JsonException("An address is 0x and 40 hexadecimal digits.");

    public override void Write(Utf8JsonWriter writer, Address value, JsonSerializerOptions options) => writer.WriteStringValue(value.ToString());
}

/// <summary>A signature as 0x and 192 hexadecimal digits: R8.x, R8.y, S, each 32 bytes big-endian and below the field's order.</summary>
public sealed class SignatureConverter : JsonConverter<EddsaSignature>
{
    public override EddsaSignature Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        HexBytes.Read(ref reader, 3 * Fr.ByteLength) is { } bytes
        && Fr.TryFromCanonicalBigEndian(bytes.AsSpan(0, 32), out Fr x) && Fr.TryFromCanonicalBigEndian(bytes.AsSpan(32, 32), out Fr y)
        && Fr.TryFromCanonicalBigEndian(bytes.AsSpan(64, 32), out Fr s)
            ? new EddsaSignature(x, y, s) : throw new JsonException("A signature is 0x and 192 hexadecimal digits: R8.x, R8.y and S, each below the order of BN254's scalar field.");

    public override void Write(Utf8JsonWriter writer, EddsaSignature value, JsonSerializerOptions options) => writer.WriteStringValue(ToHex(value));

    /// <summary>0x and 192 digits.</summary>
    public static string ToHex(in EddsaSignature signature) => $"{signature.R8x.ToHex()}{signature.R8y.ToHex()[2..]}{signature.S.ToHex()[2..]}";

    /// <summary>Inverse of <see cref="ToHex"/>, for a header's value.</summary>
    public static bool TryParse(string? text, out EddsaSignature signature)
    {
        signature = default;
        if (HexBytes.Parse(text, 3 * Fr.ByteLength) is not { } bytes) return false;
        if (!Fr.TryFromCanonicalBigEndian(bytes.AsSpan(0, 32), out Fr x) || !Fr.TryFromCanonicalBigEndian(bytes.AsSpan(32, 32), out Fr y)
            || !Fr.TryFromCanonicalBigEndian(bytes.AsSpan(64, 32), out Fr s)) return false;
        signature = new EddsaSignature(x, y, s);
        return true;
    }
}

/// <summary>An enumeration as its members' names in camel case; numbers and other spellings are refused.</summary>
public sealed class NameConverter<T> : JsonConverter<T> where T : struct, Enum
{
    public override T Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.String && Names<T>.Values.TryGetValue(reader.GetString()!, out T value)
            ? value : throw new JsonException($"Expected one of: {string.Join(", ", Names<T>.Values.Keys.Order(StringComparer.Ordinal))}.");

    public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options) => writer.WriteStringValue(Name.Of(value));
}

/// <summary>The names by which the API knows enumerations.</summary>
public static class Name
{
    /// <summary>The member's name in camel case.</summary>
    public static string Of<T>(T value) where T : struct, Enum => Names<T>.Texts[value];
}

internal static class Names<T> where T : struct, Enum
{
    internal static readonly FrozenDictionary<T, string> Texts = Enum.GetValues<T>().ToFrozenDictionary(v => v, v => JsonNamingPolicy.CamelCase.ConvertName(v.ToString()));
    internal static readonly FrozenDictionary<string, T> Values = Texts.ToFrozenDictionary(p => p.Value, p => p.Key, StringComparer.Ordinal);
}

internal static class HexBytes
{
    internal static byte[]? Read(ref Utf8JsonReader reader, int length) => reader.TokenType == JsonTokenType.String ? Parse(reader.GetString(), length) : null;

    internal static byte[]? Parse(string? text, int length)
    {
        if (text is null || text.Length != 2 + 2 * length || !text.StartsWith("0x", StringComparison.Ordinal)) return null;
        var bytes = new byte[length];
        return Convert.FromHexString(text.AsSpan(2), bytes, out _, out _) == System.Buffers.OperationStatus.Done ? bytes : null;
    }
}
