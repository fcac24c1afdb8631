using System.Numerics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Rollup.Protocol;

namespace Rollup.Ethereum;

/// <summary><see cref="IEthereum"/> over JSON-RPC. Thread-safe.</summary>
public sealed class EthereumClient(JsonRpcClient rpc, int maxLogRange = 2_000) : IEthereum, IDisposable
{
    // What public endpoints answer to a range or result that is too large for them (EIP-1474).
    private const int LimitExceeded = -32005;

    public EthereumClient(Uri endpoint, JsonRpcOptions? options = null) : this(new JsonRpcClient(endpoint, options)) { }

    public JsonRpcClient Rpc => rpc;

    public void Dispose() => rpc.Dispose();

    public Task<ulong> GetChainIdAsync(CancellationToken cancellation = default) => Ask("eth_chainId", [], ReadUInt64, cancellation);

    public Task<ulong> GetBlockNumberAsync(CancellationToken cancellation = default) => Ask("eth_blockNumber", [], ReadUInt64, cancellation);

    public Task<Block?> GetBlockAsync(BlockTag block, CancellationToken cancellation = default) =>
        Ask("eth_getBlockByNumber", [block.ToString(), false], Nullable(ReadBlock), cancellation);

    public Task<BigInteger> GetBalanceAsync(Address address, BlockTag block = default, CancellationToken cancellation = default) =>
        Ask("eth_getBalance", [address.ToString(), block.ToString()], ReadQuantity, cancellation);

    public Task<ulong> GetNonceAsync(Address address, BlockTag block = default, CancellationToken cancellation = default) =>
        Ask("eth_getTransactionCount", [address.ToString(), block.ToString()], ReadUInt64, cancellation);

    public Task<byte[]> GetCodeAsync(Address address, BlockTag block = default, CancellationToken cancellation = default) =>
        Ask("eth_getCode", [address.ToString(), block.ToString()], ReadBytes, cancellation);

    public Task<BigInteger> GetMaxPriorityFeePerGasAsync(CancellationToken cancellation = default) =>
        Ask("eth_maxPriorityFeePerGas", [], ReadQuantity, cancellation);

    public Task<byte[]> CallAsync(CallRequest call, BlockTag block = default, CancellationToken cancellation = default) =>
        Ask("eth_call", [Write(call), block.ToString()], ReadBytes, cancellation);

    public Task<ulong> EstimateGasAsync(CallRequest call, CancellationToken cancellation = default) =>
        Ask("eth_estimateGas", [Write(call), BlockTag.Pending.ToString()], ReadUInt64, cancellation);

    public Task SendRawTransactionAsync(byte[] raw, CancellationToken cancellation = default) =>
        rpc.CallOnceAsync("eth_sendRawTransaction", [Hex.Format(raw)], cancellation);

    public Task<Transaction?> GetTransactionAsync(Bytes32 hash, CancellationToken cancellation = default) =>
        Ask("eth_getTransactionByHash", [hash.ToString()], Nullable(ReadTransaction), cancellation);

    public Task<TransactionReceipt?> GetReceiptAsync(Bytes32 hash, CancellationToken cancellation = default) =>
        Ask("eth_getTransactionReceipt", [hash.ToString()], Nullable(ReadReceipt), cancellation);

    public Task<IReadOnlyList<Log>> GetLogsAsync(LogFilter filter, Bytes32 blockHash, CancellationToken cancellation = default)
    {
        var parameters = Write(filter);
        parameters["blockHash"] = blockHash.ToString();
        return Ask("eth_getLogs", [parameters], e => ReadLogs(e, filter.Address), cancellation);
    }

    public async Task<IReadOnlyList<Log>> GetLogsAsync(LogFilter filter, ulong from, ulong to, CancellationToken cancellation = default)
    {
        var logs = new List<Log>();
        var range = (ulong)maxLogRange;
        for (var start = from; start <= to;)
        {
            var end = Math.Min(to, start + (range - 1));
            var parameters = Write(filter);
            parameters["fromBlock"] = Hex.FormatQuantity(start);
            parameters["toBlock"] = Hex.FormatQuantity(end);
            try
            {
                logs.AddRange(await Ask("eth_getLogs", [parameters], e => ReadLogs(e, filter.Address), cancellation));
                start = end + 1;
            }
            catch (EthereumRpcException e) when (e.Code == LimitExceeded && range > 1)
            {
                range /= 2;
            }
        }
        return logs;
    }

    private async Task<T> Ask<T>(string method, JsonArray parameters, Func<JsonElement, T> read, CancellationToken cancellation)
    {
        var result = await rpc.CallAsync(method, parameters, cancellation);
        try
        {
            return read(result);
        }
        catch (Exception e) when (e is FormatException or InvalidOperationException or KeyNotFoundException or OverflowException or ArgumentException)
        {
            throw new EthereumProtocolException($"{rpc.Endpoint} answered {method} with a value of another form: {e.Message}", e);
        }
    }

    private static JsonObject Write(CallRequest call)
    {
        var request = new JsonObject { ["data"] = Hex.Format(call.Data) };
        if (call.To is { } to) request["to"] = to.ToString();
        if (call.From is { } from) request["from"] = from.ToString();
        if (!call.Value.IsZero) request["value"] = Hex.FormatQuantity(call.Value);
        return request;
    }

    private static JsonObject Write(LogFilter filter)
    {
        var topics = new JsonArray();
        foreach (var place in filter.Topics)
            topics.Add(place.Count == 0 ? null : new JsonArray([.. place.Select(topic => JsonValue.Create(topic.ToString()))]));
        return new JsonObject { ["address"] = filter.Address.ToString(), ["topics"] = topics };
    }

    private static Func<JsonElement, T?> Nullable<T>(Func<JsonElement, T> read) where T : class =>
        element => element.ValueKind == JsonValueKind.Null ? null : read(element);

    private static Block ReadBlock(JsonElement e) => new(
        ReadUInt64(e.GetProperty("number")), ReadBytes32(e.GetProperty("hash")), ReadBytes32(e.GetProperty("parentHash")), ReadUInt64(e.GetProperty("timestamp")),
        ReadUInt64(e.GetProperty("gasLimit")), e.TryGetProperty("baseFeePerGas", out var fee) ? ReadQuantity(fee) : 0);

    private static Transaction ReadTransaction(JsonElement e) => new(
        ReadBytes32(e.GetProperty("hash")), ReadAddress(e.GetProperty("from")), ReadOptional(e, "to", ReadAddress), ReadUInt64(e.GetProperty("nonce")),
        ReadQuantity(e.GetProperty("value")), ReadBytes(e.GetProperty("input")), ReadOptional(e, "blockNumber", ReadUInt64), ReadOptional(e, "blockHash", ReadBytes32));

    private static TransactionReceipt ReadReceipt(JsonElement e) => new(
        ReadBytes32(e.GetProperty("transactionHash")), ReadUInt64(e.GetProperty("status")) == 1, ReadUInt64(e.GetProperty("blockNumber")), ReadBytes32(e.GetProperty("blockHash")),
        ReadUInt64(e.GetProperty("gasUsed")), ReadQuantity(e.GetProperty("effectiveGasPrice")), ReadOptional(e, "contractAddress", ReadAddress), ReadLogs(e.GetProperty("logs")));

    private static IReadOnlyList<Log> ReadLogs(JsonElement e, Address expected)
    {
        var logs = ReadLogs(e);
        return logs.All(log => log.Address == expected) ? logs : throw new FormatException("A log is of another contract.");
    }

    private static IReadOnlyList<Log> ReadLogs(JsonElement e) => [.. e.EnumerateArray().Select(ReadLog)];

    private static Log ReadLog(JsonElement e) => new(
        ReadAddress(e.GetProperty("address")), [.. e.GetProperty("topics").EnumerateArray().Select(ReadBytes32)], ReadBytes(e.GetProperty("data")),
        ReadUInt64(e.GetProperty("blockNumber")), ReadBytes32(e.GetProperty("blockHash")), ReadBytes32(e.GetProperty("transactionHash")), (uint)ReadUInt64(e.GetProperty("logIndex")));

    private static T? ReadOptional<T>(JsonElement e, string name, Func<JsonElement, T> read) where T : struct =>
        e.TryGetProperty(name, out var property) && property.ValueKind != JsonValueKind.Null ? read(property) : null;

    private static string ReadText(JsonElement e) => e.GetString() ?? throw new FormatException("A text is missing.");
    private static BigInteger ReadQuantity(JsonElement e) => Hex.ParseQuantity(ReadText(e));
    private static ulong ReadUInt64(JsonElement e) => (ulong)ReadQuantity(e);
    private static byte[] ReadBytes(JsonElement e) => Hex.Parse(ReadText(e));
    private static Bytes32 ReadBytes32(JsonElement e) => Bytes32.Parse(ReadText(e));
    private static Address ReadAddress(JsonElement e) => Address.Parse(ReadText(e));
}
