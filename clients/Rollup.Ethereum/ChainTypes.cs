using System.Globalization;
using System.Numerics;
using Rollup.Protocol;

namespace Rollup.Ethereum;

/// <summary>A block by number or by name. <c>default</c> is the latest block.</summary>
public readonly record struct BlockTag
{
    private readonly string? text;

    private BlockTag(string text) => this.text = text;

    public static BlockTag Latest { get; } = new("latest");
    public static BlockTag Pending { get; } = new("pending");
    public static BlockTag Finalized { get; } = new("finalized");
    public static BlockTag Number(ulong number) => new(Hex.FormatQuantity(number));
    public static implicit operator BlockTag(ulong number) => Number(number);

    public override string ToString() => text ?? "latest";
}

/// <summary>A block's header, as far as it is used. Timestamp in Unix seconds, base fee in wei a gas.</summary>
public sealed record Block(ulong Number, Bytes32 Hash, Bytes32 ParentHash, ulong Timestamp, ulong GasLimit, BigInteger BaseFeePerGas);

/// <summary>An event log.</summary>
public sealed record Log(Address Address, IReadOnlyList<Bytes32> Topics, byte[] Data, ulong BlockNumber, Bytes32 BlockHash, Bytes32 TransactionHash, uint LogIndex);

/// <summary>A transaction; the block is null while it is pending. Value in wei.</summary>
public sealed record Transaction(Bytes32 Hash, Address From, Address? To, ulong Nonce, BigInteger Value, byte[] Input, ulong? BlockNumber, Bytes32? BlockHash);

/// <summary>The outcome of an included transaction. <see cref="ContractAddress"/> is set where it created a contract.</summary>
public sealed record TransactionReceipt(
    Bytes32 TransactionHash, bool Succeeded, ulong BlockNumber, Bytes32 BlockHash, ulong GasUsed, BigInteger EffectiveGasPrice, Address? ContractAddress, IReadOnlyList<Log> Logs);

/// <summary>A message call. Value in wei; <see cref="To"/> null creates a contract from <see cref="Data"/>.</summary>
public sealed record CallRequest(Address? To, byte[] Data)
{
    public Address? From { get; init; }
    public BigInteger Value { get; init; }
}

/// <summary>
/// Which logs: those of <see cref="Address"/> whose topic i is in <c>Topics[i]</c>; an empty place takes any topic.
/// </summary>
public sealed record LogFilter(Address Address, params IReadOnlyList<IReadOnlyList<Bytes32>> Topics)
{
    /// <summary>Logs whose topic 0 is one of the given events.</summary>
    public static LogFilter Events(Address address, params IEnumerable<AbiEvent> events) => new(address, [.. events.Select(e => e.Topic)]);
}
