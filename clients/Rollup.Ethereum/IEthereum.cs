using System.Numerics;
using Rollup.Protocol;

namespace Rollup.Ethereum;

/// <summary>What following a chain needs.</summary>
public interface IChainReader
{
    /// <summary>The number of the newest block.</summary>
    Task<ulong> GetBlockNumberAsync(CancellationToken cancellation = default);

    /// <returns>null if there is no such block.</returns>
    Task<Block?> GetBlockAsync(BlockTag block, CancellationToken cancellation = default);

    /// <summary>Logs of the blocks from..to, both included, in chain order. A long range is asked for in parts.</summary>
    Task<IReadOnlyList<Log>> GetLogsAsync(LogFilter filter, ulong from, ulong to, CancellationToken cancellation = default);

    /// <summary>Logs of exactly the block with this hash, in order.</summary>
    /// <exception cref="EthereumRpcException">The endpoint does not know the block (any more).</exception>
    Task<IReadOnlyList<Log>> GetLogsAsync(LogFilter filter, Bytes32 blockHash, CancellationToken cancellation = default);
}

/// <summary>
/// The chain that holds the vault. Every method throws <see cref="EthereumUnreachableException"/>,
/// <see cref="EthereumProtocolException"/> or <see cref="EthereumRpcException"/> when it fails.
/// </summary>
public interface IEthereum : IChainReader
{
    Task<ulong> GetChainIdAsync(CancellationToken cancellation = default);

    /// <summary>Balance in wei.</summary>
    Task<BigInteger> GetBalanceAsync(Address address, BlockTag block = default, CancellationToken cancellation = default);

    /// <summary>Number of transactions sent: the next nonce.</summary>
    Task<ulong> GetNonceAsync(Address address, BlockTag block = default, CancellationToken cancellation = default);

    /// <summary>A contract's code; empty if there is none.</summary>
    Task<byte[]> GetCodeAsync(Address address, BlockTag block = default, CancellationToken cancellation = default);

    /// <summary>The suggested tip in wei a gas.</summary>
    Task<BigInteger> GetMaxPriorityFeePerGasAsync(CancellationToken cancellation = default);

    /// <summary>Runs a call without a transaction. A revert is an <see cref="EthereumRpcException"/> with <see cref="EthereumRpcException.Revert"/>.</summary>
    Task<byte[]> CallAsync(CallRequest call, BlockTag block = default, CancellationToken cancellation = default);

    Task<ulong> EstimateGasAsync(CallRequest call, CancellationToken cancellation = default);

    /// <summary>Hands a signed transaction to the endpoint, once.</summary>
    Task SendRawTransactionAsync(byte[] raw, CancellationToken cancellation = default);

    /// <returns>null if the endpoint does not know it.</returns>
    Task<Transaction?> GetTransactionAsync(Bytes32 hash, CancellationToken cancellation = default);

    /// <returns>null if it is not in a block.</returns>
    Task<TransactionReceipt?> GetReceiptAsync(Bytes32 hash, CancellationToken cancellation = default);
}

/// <summary>Calls by signature.</summary>
public static class EthereumCalls
{
    /// <summary>Calls a view function and decodes its results.</summary>
    /// <exception cref="EthereumProtocolException">The answer does not decode, for instance because no contract is there.</exception>
    public static async Task<object[]> CallAsync(
        this IEthereum ethereum, Address contract, AbiFunction function, object[] arguments, BlockTag block = default, CancellationToken cancellation = default)
    {
        var answer = await ethereum.CallAsync(new CallRequest(contract, function.Encode(arguments)), block, cancellation);
        try
        {
            return function.DecodeResults(answer);
        }
        catch (AbiException e)
        {
            throw new EthereumProtocolException($"{Eip55.Format(contract)} answered {function} with {answer.Length} bytes that do not decode; is it the right contract? {e.Message}", e);
        }
    }
}
