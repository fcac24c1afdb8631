using System.Buffers.Binary;
using System.Numerics;
using System.Text;
using Rollup.Crypto;
using Rollup.Protocol;

namespace Rollup.Ethereum;

/// <summary>
/// A function or custom error by its signature, e.g. <c>transfer(address,uint256)</c>, or with results
/// <c>balanceOf(address)(uint256)</c>. Parameter names and spaces are allowed and ignored.
/// </summary>
public sealed class AbiFunction
{
    private AbiFunction(string name, IReadOnlyList<AbiType> parameters, IReadOnlyList<AbiType> results)
    {
        (Name, Parameters, Results) = (name, parameters, results);
        Signature = $"{name}({string.Join(',', parameters)})";
        Selector = Keccak.Hash256(Encoding.ASCII.GetBytes(Signature))[..4];
    }

    public string Name { get; }
    public IReadOnlyList<AbiType> Parameters { get; }
    public IReadOnlyList<AbiType> Results { get; }

    /// <summary>Canonical form, without results.</summary>
    public string Signature { get; }

    /// <summary>First 4 bytes of the signature's hash.</summary>
    public byte[] Selector { get; }

    /// <exception cref="AbiException">The text is no signature.</exception>
    public static AbiFunction Parse(string text)
    {
        var reader = new SignatureReader(text);
        var name = AbiEvent.ReadName(reader);
        var parameters = reader.ReadList(() => ReadParameter(reader));
        List<AbiType> results = reader.Take('(') ? reader.ReadList(() => ReadParameter(reader)) : [];
        reader.ExpectEnd();
        return new AbiFunction(name, parameters, results);
    }

    /// <summary>Call data: selector and encoded arguments.</summary>
    public byte[] Encode(params IReadOnlyList<object> arguments) => [.. Selector, .. EncodeArguments(arguments)];

    /// <summary>The arguments without a selector, as they follow the creation code of a contract whose constructor this is.</summary>
    public byte[] EncodeArguments(params IReadOnlyList<object> arguments) => AbiCodec.Encode(Parameters, arguments);

    /// <summary>The arguments of call data (or of revert data) that starts with this selector.</summary>
    /// <exception cref="AbiException">Another selector, or malformed arguments.</exception>
    public object[] DecodeArguments(ReadOnlyMemory<byte> data)
    {
        if (!data.Span.StartsWith(Selector)) throw new AbiException($"The data does not call {Signature}.");
        return AbiCodec.Decode(Parameters, data[4..]);
    }

    /// <exception cref="AbiException">Malformed data.</exception>
    public object[] DecodeResults(ReadOnlyMemory<byte> data) => AbiCodec.Decode(Results, data);

    public override string ToString() => Signature;

    private static AbiType ReadParameter(SignatureReader reader)
    {
        var type = reader.ReadType();
        reader.ReadWord();
        return type;
    }
}

/// <summary>An event by its signature, e.g. <c>Transfer(address indexed from,address indexed to,uint256 value)</c>.</summary>
public sealed class AbiEvent
{
    private AbiEvent(string name, IReadOnlyList<(AbiType Type, bool Indexed)> parameters)
    {
        Parameters = parameters;
        Signature = $"{name}({string.Join(',', parameters.Select(parameter => parameter.Type))})";
        Topic = Bytes32.FromBytes(Keccak.Hash256(Encoding.ASCII.GetBytes(Signature)));
    }

    public IReadOnlyList<(AbiType Type, bool Indexed)> Parameters { get; }

    /// <summary>Canonical form, without <c>indexed</c>.</summary>
    public string Signature { get; }

    /// <summary>The hash of the signature: topic 0 of its logs.</summary>
    public Bytes32 Topic { get; }

    /// <exception cref="AbiException">The text is no signature, or has more than three indexed parameters.</exception>
    public static AbiEvent Parse(string text)
    {
        var reader = new SignatureReader(text);
        var name = ReadName(reader);
        var parameters = reader.ReadList(() =>
        {
            var type = reader.ReadType();
            var indexed = reader.ReadWord() == "indexed";
            if (indexed) reader.ReadWord();
            return (type, indexed);
        });
        reader.ExpectEnd();
        if (parameters.Count(parameter => parameter.indexed) > 3) throw reader.Error("more than three indexed parameters");
        return new AbiEvent(name, parameters);
    }

    public bool Matches(Log log) => log.Topics.Count > 0 && log.Topics[0] == Topic;

    /// <summary>
    /// All parameters in the order of the signature. An indexed <c>bytes</c>, <c>string</c>, array or tuple is the <see cref="Bytes32"/>
    /// hash that the log holds instead of the value.
    /// </summary>
    /// <exception cref="AbiException">Another event, or malformed data.</exception>
    public object[] Decode(Log log)
    {
        if (!Matches(log)) throw new AbiException($"The log is not {Signature}.");
        if (log.Topics.Count != 1 + Parameters.Count(parameter => parameter.Indexed)) throw new AbiException($"A log of {Signature} has {log.Topics.Count} topics.");
        var plain = new Queue<object>(AbiCodec.Decode([.. Parameters.Where(parameter => !parameter.Indexed).Select(parameter => parameter.Type)], log.Data));
        var topics = new Queue<Bytes32>(log.Topics.Skip(1));
        return [.. Parameters.Select(parameter => !parameter.Indexed ? plain.Dequeue()
            : parameter.Type.IsDynamic || parameter.Type is AbiType.Array or AbiType.Tuple ? topics.Dequeue()
            : AbiCodec.Decode([parameter.Type], topics.Dequeue().ToBytes())[0])];
    }

    public override string ToString() => Signature;

    internal static string ReadName(SignatureReader reader)
    {
        var name = reader.ReadWord();
        if (name.Length == 0) throw reader.Error("a name expected");
        reader.Expect('(');
        return name;
    }
}

/// <summary>What a contract reverted with: a reason, a panic, or a custom error known by its selector.</summary>
public sealed class RevertData
{
    private static readonly AbiFunction ErrorString = AbiFunction.Parse("Error(string)");
    private static readonly AbiFunction Panic = AbiFunction.Parse("Panic(uint256)");

    public RevertData(byte[] data)
    {
        Data = data;
        Selector = data.Length >= 4 ? data[..4] : null;
        Reason = TryDecode(ErrorString) is [string reason] ? reason
            : TryDecode(Panic) is [BigInteger code] ? $"panic 0x{(code < 256 ? ((int)code).ToString("x2", null) : "ff+")}"
            : null;
    }

    public byte[] Data { get; }

    /// <summary>4 bytes, or null if the revert carries no data.</summary>
    public byte[]? Selector { get; }

    /// <summary>The text of <c>Error(string)</c> or the code of <c>Panic(uint256)</c>; null for a custom error.</summary>
    public string? Reason { get; }

    /// <summary>Whether this is the given custom error.</summary>
    public bool Is(AbiFunction error) => Data.AsSpan().StartsWith(error.Selector);

    public override string ToString() => Reason ?? (Selector is null ? "no revert data" : $"custom error {Hex.Format(Selector)}");

    private object[]? TryDecode(AbiFunction error)
    {
        try
        {
            return Is(error) ? error.DecodeArguments(Data) : null;
        }
        catch (AbiException)
        {
            return null; // A contract may revert with any bytes.
        }
    }
}
