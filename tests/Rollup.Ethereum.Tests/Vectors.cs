using System.Globalization;
using System.Numerics;
using System.Text.Json.Nodes;
using Rollup.Protocol;
using Rollup.TestSupport;

namespace Rollup.Ethereum.Tests;

/// <summary>spec/vectors/ethereum.json, made by an independent implementation (ethers).</summary>
internal static class Vectors
{
    public static JsonNode Root { get; } = JsonNode.Parse(File.ReadAllText(Repository.PathOf("spec", "vectors", "ethereum.json")))!;

    public static IReadOnlyList<JsonNode> Section(string name) => [.. Root[name]!.AsArray().Select(item => item!)];

    public static string Text(this JsonNode node, string name) => (string)node[name]!;

    public static byte[] Bytes(this JsonNode node, string name) => Hex.Parse(node.Text(name));

    public static BigInteger Integer(this JsonNode node, string name) => BigInteger.Parse(node[name]!.ToString(), CultureInfo.InvariantCulture);

    /// <summary>A JSON value as the .NET value of an ABI type.</summary>
    public static object Value(AbiType type, JsonNode node) => type switch
    {
        AbiType.Integer => BigInteger.Parse((string)node!, CultureInfo.InvariantCulture),
        AbiType.Bool => (bool)node,
        AbiType.AddressType => Address.Parse((string)node!),
        AbiType.FixedBytes or AbiType.Bytes => Hex.Parse((string)node!),
        AbiType.Text => (string)node!,
        AbiType.Array array => node.AsArray().Select(item => Value(array.Element, item!)).ToArray(),
        AbiType.Tuple tuple => node.AsArray().Zip(tuple.Elements, (item, element) => Value(element, item!)).ToArray(),
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };
}
