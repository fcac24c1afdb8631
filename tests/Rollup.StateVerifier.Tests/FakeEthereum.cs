using System.Numerics;
using Rollup.Ethereum;
using Rollup.Protocol;

namespace Rollup.StateVerifier.Tests;

/// <summary>An L1 whose every answer a test can change.</summary>
internal sealed class FakeEthereum : IEthereum
{
    public ulong ChainId { get; set; } = 31337;

    public ulong Latest { get; set; }

    public Dictionary<ulong, Block> Blocks { get; } = [];

    public List<Log> Logs { get; } = [];

    public Dictionary<Bytes32, Transaction> Transactions { get; } = [];

    /// <summary>Results by contract and call data.</summary>
    public Dictionary<(Address Contract, string Call), byte[]> Results { get; } = [];

    /// <summary>Runs before each block is given, with its number.</summary>
    public Action<ulong>? OnBlock { get; set; }

    public Task<ulong> GetChainIdAsync(CancellationToken cancellation = default) => Task.FromResult(ChainId);

    public Task<ulong> GetBlockNumberAsync(CancellationToken cancellation = default) => Task.FromResult(Latest);

    public Task<Block?> GetBlockAsync(BlockTag block, CancellationToken cancellation = default)
    {
        ulong number = block == BlockTag.Latest ? Latest : (ulong)Hex.ParseQuantity(block.ToString());
        OnBlock?.Invoke(number);
        return Task.FromResult(Blocks.GetValueOrDefault(number));
    }

    public Task<IReadOnlyList<Log>> GetLogsAsync(LogFilter filter, ulong from, ulong to, CancellationToken cancellation = default) => Task.FromResult<IReadOnlyList<Log>>(
        [.. Logs.Where(l => l.BlockNumber >= from && l.BlockNumber <= to && filter.Topics[0].Contains(l.Topics[0]))]);

    public Task<byte[]> CallAsync(CallRequest call, BlockTag block = default, CancellationToken cancellation = default) =>
        block == BlockTag.Number(Latest) && Results.TryGetValue((call.To!.Value, Hex.Format(call.Data)), out byte[]? result)
            ? Task.FromResult(result)
            : throw new EthereumRpcException("eth_call", 3, "execution reverted", new RevertData([]));

    public Task<Transaction?> GetTransactionAsync(Bytes32 hash, CancellationToken cancellation = default) => Task.FromResult(Transactions.GetValueOrDefault(hash));

    public Task<IReadOnlyList<Log>> GetLogsAsync(LogFilter filter, Bytes32 blockHash, CancellationToken cancellation = default) => throw new NotSupportedException();

    public Task<BigInteger> GetBalanceAsync(Address address, BlockTag block = default, CancellationToken cancellation = default) => throw new NotSupportedException();

    public Task<ulong> GetNonceAsync(Address address, BlockTag block = default, CancellationToken cancellation = default) => throw new NotSupportedException();

    public Task<byte[]> GetCodeAsync(Address address, BlockTag block = default, CancellationToken cancellation = default) => throw new NotSupportedException();

    public Task<BigInteger> GetMaxPriorityFeePerGasAsync(CancellationToken cancellation = default) => throw new NotSupportedException();

    public Task<ulong> EstimateGasAsync(CallRequest call, CancellationToken cancellation = default) => throw new NotSupportedException();

    public Task SendRawTransactionAsync(byte[] raw, CancellationToken cancellation = default) => throw new NotSupportedException();

    public Task<TransactionReceipt?> GetReceiptAsync(Bytes32 hash, CancellationToken cancellation = default) => throw new NotSupportedException();
}
