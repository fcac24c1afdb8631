using System.Numerics;
using System.Text;
using Rollup.Crypto;
using Rollup.Protocol;

namespace Rollup.Ethereum;

/// <summary>The domain of EIP-712 typed data; fields left null are not part of it.</summary>
public sealed record Eip712Domain(string? Name = null, string? Version = null, BigInteger? ChainId = null, Address? VerifyingContract = null, Bytes32? Salt = null)
{
    /// <summary>32 bytes.</summary>
    public byte[] Separator()
    {
        (string Field, object? Value)[] all =
            [("string name", Name), ("string version", Version), ("uint256 chainId", ChainId), ("address verifyingContract", VerifyingContract), ("bytes32 salt", Salt)];
        var present = all.Where(field => field.Value is not null).ToArray();
        return Eip712.HashStruct($"EIP712Domain({string.Join(',', present.Select(field => field.Field))})", [.. present.Select(field => field.Value!)]);
    }
}

/// <summary>
/// EIP-712 typed structured data. A type is given as its <c>encodeType</c> text, e.g.
/// <c>Mail(Person from,Person to,string contents)Person(string name,address wallet)</c>; values as for <see cref="AbiType"/>, a struct
/// as <c>object[]</c> in the order of its fields.
/// </summary>
public static class Eip712
{
    /// <summary>The 32-byte digest that a wallet signs: keccak256(0x1901 ‖ domain separator ‖ hashStruct(message)).</summary>
    /// <exception cref="AbiException">The type is not in canonical form, or a value does not fit it.</exception>
    public static byte[] Digest(Eip712Domain domain, string type, params object[] values) =>
        Keccak.Hash256([0x19, 0x01, .. domain.Separator(), .. HashStruct(type, values)]);

    /// <summary>Signs typed data as a wallet's <c>eth_signTypedData_v4</c> does.</summary>
    public static EcdsaSignature Sign(EthereumKey key, Eip712Domain domain, string type, params object[] values) => key.Sign(Digest(domain, type, values));

    /// <summary>hashStruct of EIP-712, 32 bytes.</summary>
    public static byte[] HashStruct(string type, IReadOnlyList<object> values)
    {
        var types = new TypeSet(type);
        var primary = types.Primary;
        if (types.EncodeType(primary) != type) throw new AbiException($"\"{type}\" is not canonical; it should read \"{types.EncodeType(primary)}\".");
        return types.HashStruct(primary, values);
    }

    /// <summary>Suffixes: the lengths of the array dimensions from the inside out, null for a dynamic one.</summary>
    private sealed record Field(string Type, IReadOnlyList<int?> Dimensions, string Name)
    {
        public override string ToString() => $"{Type}{string.Concat(Dimensions.Select(length => $"[{length}]"))} {Name}";
    }

    private sealed class TypeSet
    {
        private readonly Dictionary<string, List<Field>> structs = [];

        public TypeSet(string text)
        {
            var reader = new SignatureReader(text);
            while (!reader.AtEnd)
            {
                var name = AbiEvent.ReadName(reader);
                var fields = reader.ReadList(() =>
                {
                    var fieldType = reader.ReadWord();
                    var dimensions = new List<int?>();
                    while (reader.Take('[')) dimensions.Add(reader.ReadArrayLength());
                    return new Field(fieldType, dimensions, reader.ReadWord());
                });
                if (!structs.TryAdd(name, fields)) throw reader.Error($"struct {name} is defined twice");
                Primary ??= name;
            }
            if (Primary is null) throw reader.Error("no struct");
        }

        public string Primary { get; }

        /// <summary>The struct, then all it refers to, sorted by name.</summary>
        public string EncodeType(string name)
        {
            var reached = new SortedSet<string>(StringComparer.Ordinal);
            Reach(name);
            reached.Remove(name);
            return string.Concat(reached.Prepend(name).Select(type => $"{type}({string.Join(',', structs[type])})"));

            void Reach(string type)
            {
                if (!reached.Add(type)) return;
                foreach (var field in structs[type].Where(field => structs.ContainsKey(field.Type))) Reach(field.Type);
            }
        }

        public byte[] HashStruct(string name, IReadOnlyList<object> values)
        {
            var fields = structs[name];
            if (fields.Count != values.Count) throw new AbiException($"Struct {name} has {fields.Count} fields, not {values.Count}.");
            var data = new MemoryStream();
            data.Write(Keccak.Hash256(Encoding.UTF8.GetBytes(EncodeType(name))));
            for (var i = 0; i < fields.Count; i++) data.Write(EncodeField(fields[i].Type, fields[i].Dimensions, values[i]));
            return Keccak.Hash256(data.ToArray());
        }

        /// <summary>encodeData of one field: always 32 bytes.</summary>
        private byte[] EncodeField(string type, IReadOnlyList<int?> dimensions, object value)
        {
            if (dimensions.Count > 0)
            {
                if (value is not IReadOnlyList<object> items) throw new AbiException($"An array of {type} is given as object[], not {value.GetType().Name}.");
                if (dimensions[^1] is { } length && length != items.Count) throw new AbiException($"An array of {length} {type} is needed, not of {items.Count}.");
                IReadOnlyList<int?> inner = [.. dimensions.SkipLast(1)];
                return Keccak.Hash256([.. items.SelectMany(item => EncodeField(type, inner, item))]);
            }
            if (structs.ContainsKey(type))
                return HashStruct(type, value as IReadOnlyList<object> ?? throw new AbiException($"Struct {type} is given as object[], not {value.GetType().Name}."));
            return (AbiType.Elementary(type), value) switch
            {
                (null, _) => throw new AbiException($"Unknown type {type}."),
                (AbiType.Bytes, byte[] bytes) => Keccak.Hash256(bytes),
                (AbiType.Text, string text) => Keccak.Hash256(Encoding.UTF8.GetBytes(text)),
                ({ IsDynamic: true } dynamic, _) => throw new AbiException($"A value of .NET type {value.GetType().Name} is not a valid {dynamic}."),
                ({ } atomic, _) when atomic.Name == type => AbiCodec.EncodeValue(atomic, value),
                _ => throw new AbiException($"EIP-712 has no short form {type}; give its width."),
            };
        }
    }
}
