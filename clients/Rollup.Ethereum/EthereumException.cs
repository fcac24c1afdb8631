using Rollup.Protocol;

namespace Rollup.Ethereum;

/// <summary>A failure at the chain's endpoint. Messages never contain an endpoint's path or user part, which may hold an API key.</summary>
public abstract class EthereumException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>The endpoint gave no usable answer: no connection, time-out, or an HTTP error. Trying later may help.</summary>
public sealed class EthereumUnreachableException(string message, Exception? inner = null) : EthereumException(message, inner);

/// <summary>The endpoint answered something that is not valid JSON-RPC or breaks its own specification, or is too large.</summary>
public sealed class EthereumProtocolException(string message, Exception? inner = null) : EthereumException(message, inner);

/// <summary>The endpoint answered with a JSON-RPC error, for instance a call that reverts.</summary>
public sealed class EthereumRpcException(string method, int code, string rpcMessage, RevertData? revert)
    : EthereumException($"{method} failed: {rpcMessage} (code {code}{(revert is null ? "" : $"; {revert}")})")
{
    public string Method { get; } = method;

    /// <summary>JSON-RPC error code; 3 is a revert with data.</summary>
    public int Code { get; } = code;

    public string RpcMessage { get; } = rpcMessage;

    /// <summary>What the contract reverted with, where the endpoint says so.</summary>
    public RevertData? Revert { get; } = revert;
}

/// <summary>A transaction was included and reverted.</summary>
public sealed class TransactionRevertedException(TransactionReceipt receipt, string reason, RevertData? revert)
    : EthereumException($"Transaction {receipt.TransactionHash} reverted in block {receipt.BlockNumber}: {reason}")
{
    public TransactionReceipt Receipt { get; } = receipt;

    /// <summary>What it reverted with, where that could be found out.</summary>
    public RevertData? Revert { get; } = revert;
}

/// <summary>Gas costs more than the wallet may pay. Amounts in wei a gas.</summary>
public sealed class FeeTooHighException(System.Numerics.BigInteger needed, System.Numerics.BigInteger limit)
    : EthereumException($"A transaction needs {needed} wei a gas now, and the wallet's limit is {limit}; nothing was sent.");

/// <summary>A transaction was sent and not seen in a block in time; it may still be included later.</summary>
public sealed class TransactionPendingException(Bytes32 hash, TimeSpan waited)
    : EthereumException($"Transaction {hash} was not included within {waited.TotalSeconds:0} s; it may be included later.")
{
    public Bytes32 TransactionHash { get; } = hash;
}

/// <summary>The chain no longer holds a block that was taken as irreversible. Stop and look; no automatic way is safe.</summary>
public sealed class ReorganisationTooDeepException(string message) : EthereumException(message);
