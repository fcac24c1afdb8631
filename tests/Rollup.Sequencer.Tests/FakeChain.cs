using System.Globalization;
using System.Numerics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Rollup.Crypto.Settlement;
using Rollup.Engine;
using Rollup.Ethereum;
using Rollup.Protocol;
using Rollup.Risk;
using Rollup.Sequencer.Chain;

namespace Rollup.Sequencer.Tests;

/// <summary>A chain behind JSON-RPC that a test mines, reorganises and takes away. It holds a vault's answers and logs, and nothing executes.</summary>
internal sealed class FakeChain : IAsyncDisposable
{
    private sealed record FakeBlock(ulong Number, Bytes32 Hash, Bytes32 Parent, List<JsonObject> Logs);

    private readonly Lock gate = new();
    private readonly List<FakeBlock> blocks = [];
    private readonly Dictionary<string, BigInteger[]> answers = [];
    private WebApplication? server;
    private int salt;
    private long operations;
    private bool isDown;

    internal FakeChain()
    {
        EngineConfig engine = TestConfig.Engine;
        Set("domain", engine.Domain.ToBigInteger());
        SetCircuit(CircuitVersion.Value);
        Set("genesisRoot", new ClearingEngine(engine).Status.AccountRoot.ToBigInteger());
        Set("blocks", engine.Profile.Blocks);
        Set("rows", engine.Profile.Rows);
        Set("operations", engine.Profile.Operations);
        Set("maxEpoch", 600_000);
        Set("proofDeadline", 86_400);
        Set("committee", 0);
        Set("challenges", 0);
        Mine();
    }

    internal Uri Endpoint { get; private set; } = new("http://127.0.0.1:0");

    internal ulong ChainId { get; set; } = 31337;

    internal ulong Head
    {
        get
        {
            lock (gate) return blocks[^1].Number;
        }
    }

    internal async Task StartAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        server = builder.Build();
        server.MapPost("/", Handle);
        await server.StartAsync();
        Endpoint = new Uri(server.Urls.Single());
    }

    /// <summary>Answers nothing but HTTP errors from now on, or works again.</summary>
    internal void SetDown(bool down)
    {
        lock (gate) isDown = down;
    }

    /// <summary>What a view function of the vault without arguments answers.</summary>
    internal void Set(string function, params BigInteger[] words) => answers[Hex.Format(AbiFunction.Parse($"{function}()").Selector)] = words;

    /// <summary>The vault has challenges, with these rules for its batches.</summary>
    /// <param name="maxReportAge">Milliseconds.</param>
    /// <param name="registry">Of the parameters and of the bounds of scan ranges.</param>
    internal void SetRules(int maxReportAge, Address registry, params (int Group, int Least, int Most)[] ranges)
    {
        Set("challenges", 7);
        Set("riskRules", 8);
        Set("maxReportAge", maxReportAge);
        Set("grace", 3_600);
        Set("registry", new BigInteger(registry.ToBytes(), isUnsigned: true, isBigEndian: true));
        foreach ((int group, int least, int most) in ranges) SetRange(group, least, most);
    }

    /// <summary>The registry's bounds of a group's scan range.</summary>
    internal void SetRange(int group, long least, long most) => answers[Hex.Format(ParametersAbi.RangeRuleOf.Encode(group))] = [least, most];

    /// <summary>What the registry's `canonicalBytes` answers.</summary>
    internal void SetParameters(RiskParameters parameters)
    {
        var bytes = new byte[(RiskParameters.Size + 31) / 32 * 32];
        parameters.Encode(bytes);
        foreach (var g in TestConfig.Make("").Groups)
            if (!answers.ContainsKey(Hex.Format(ParametersAbi.RangeRuleOf.Encode(g.Group)))) SetRange(g.Group, 0, 0);
        Set("canonicalBytes", [32, RiskParameters.Size, .. bytes.Chunk(32).Select(word => new BigInteger(word, isUnsigned: true, isBigEndian: true))]);
    }

    /// <summary>What a view function of any contract answers to these arguments.</summary>
    internal void Set(AbiFunction function, object[] arguments, params BigInteger[] words) => answers[Hex.Format(function.Encode(arguments))] = words;

    /// <summary>The vault's circuit has another version.</summary>
    internal void SetCircuit(uint version) => Set("circuit", 7, TestConfig.Engine.Profile.Blocks, TestConfig.Engine.Profile.Rows, TestConfig.Engine.Profile.Operations, version);

    /// <summary>Mines one block with these logs.</summary>
    internal void Mine(params IReadOnlyList<JsonObject> logs)
    {
        lock (gate)
        {
            ulong number = (ulong)blocks.Count;
            Bytes32 hash = HashOf(number);
            blocks.Add(new FakeBlock(number, hash, blocks.Count == 0 ? default : blocks[^1].Hash, [.. logs]));
            for (int i = 0; i < logs.Count; i++)
            {
                logs[i]["blockNumber"] = Hex.FormatQuantity(number);
                logs[i]["blockHash"] = hash.ToString();
                logs[i]["logIndex"] = Hex.FormatQuantity(i);
                logs[i]["transactionHash"] = HashOf(number + 1_000_000).ToString();
            }
        }
    }

    internal void MineEmpty(int count)
    {
        for (int i = 0; i < count; i++) Mine();
    }

    /// <summary>Replaces the newest blocks with others; the logs of the old ones are gone.</summary>
    internal void Reorganise(int depth)
    {
        lock (gate)
        {
            salt++;
            blocks.RemoveRange(blocks.Count - depth, depth);
        }

        MineEmpty(depth + 1);
    }

    /// <summary>The log of a queued operation; the index counts by itself.</summary>
    internal JsonObject Queued(Operation operation, Address depositor, long? index = null)
    {
        long at = index ?? operations++;
        return Log([VaultAbi.OperationQueued.Topic, Number(at), Bytes32.FromBytes([.. new byte[12], .. depositor.ToBytes()])],
            AbiCodec.Encode([AbiType.Parse("uint256[5]")], [Trader.Words(operation).Cast<object>().ToArray()]));
    }

    internal static JsonObject Committed(uint batch, Fr root) =>
        Log([VaultAbi.BatchCommitted.Topic, Number(batch)], [.. root.ToBigEndianBytes(), .. new byte[32], .. new byte[32]]);

    internal static JsonObject Proven(uint batch) => Log([VaultAbi.BatchProven.Topic, Number(batch)], []);

    internal static JsonObject Finalised(uint batch, Fr root) => Log([VaultAbi.BatchFinalized.Topic, Number(batch)], root.ToBigEndianBytes());

    internal static JsonObject Frozen() => Log([VaultAbi.VaultFroze.Topic, Number(1)], [.. new byte[63], 7]);

    internal static JsonObject Upgraded(uint version) => Log([VaultAbi.CircuitChanged.Topic],
        AbiCodec.Encode([.. VaultAbi.CircuitChanged.Parameters.Select(p => p.Type)], [new object[] { TestConfig.Vault, 16, 22, 8, version }]));

    public async ValueTask DisposeAsync()
    {
        if (server is not null) await server.DisposeAsync();
    }

    private static JsonObject Log(Bytes32[] topics, byte[] data) => new()
    {
        ["address"] = TestConfig.Vault.ToString(),
        ["topics"] = new JsonArray([.. topics.Select(t => (JsonNode)t.ToString())]),
        ["data"] = Hex.Format(data),
    };

    private static Bytes32 Number(long value) => Bytes32.FromBytes(Fr.FromInt64(value).ToBigEndianBytes());

    private Bytes32 HashOf(ulong number) => Bytes32.FromBytes(System.Security.Cryptography.SHA256.HashData(BitConverter.GetBytes(number + ((ulong)salt << 40))));

    private async Task Handle(HttpContext context)
    {
        using JsonDocument request = await JsonDocument.ParseAsync(context.Request.Body);
        JsonElement root = request.RootElement;
        JsonNode? result;
        lock (gate)
        {
            if (isDown)
            {
                context.Response.StatusCode = 503;
                return;
            }

            result = Answer(root.GetProperty("method").GetString()!, root.GetProperty("params"));
        }

        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(new JsonObject { ["jsonrpc"] = "2.0", ["id"] = root.GetProperty("id").GetInt64(), ["result"] = result }.ToJsonString());
    }

    private JsonNode? Answer(string method, JsonElement parameters) => method switch
    {
        "eth_chainId" => Hex.FormatQuantity(ChainId),
        "eth_getCode" => parameters[0].GetString() == TestConfig.Vault.ToString() ? "0x60" : "0x",
        "eth_call" => "0x" + string.Concat(answers[parameters[0].GetProperty("data").GetString()!].Select(w => Convert.ToHexStringLower(w.ToByteArray(isUnsigned: true, isBigEndian: true)).PadLeft(64, '0'))),
        "eth_blockNumber" => Hex.FormatQuantity(blocks[^1].Number),
        "eth_getBlockByNumber" => Header(parameters[0].GetString()!),
        "eth_getLogs" => Logs(parameters[0]),
        _ => throw new InvalidOperationException($"The fake chain has no {method}."),
    };

    private JsonObject? Header(string tag)
    {
        ulong number = tag == "latest" ? blocks[^1].Number : ulong.Parse(tag.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        if (number >= (ulong)blocks.Count) return null;
        FakeBlock block = blocks[(int)number];
        return new JsonObject
        {
            ["number"] = Hex.FormatQuantity(number), ["hash"] = block.Hash.ToString(), ["parentHash"] = block.Parent.ToString(), ["timestamp"] = "0x1", ["gasLimit"] = "0x1", ["baseFeePerGas"] = "0x1",
        };
    }

    private JsonArray Logs(JsonElement filter)
    {
        IEnumerable<FakeBlock> range = filter.TryGetProperty("blockHash", out JsonElement hash)
            ? blocks.Where(b => b.Hash.ToString() == hash.GetString())
            : blocks.Where(b => b.Number >= Quantity("fromBlock") && b.Number <= Quantity("toBlock"));
        return new JsonArray([.. range.SelectMany(b => b.Logs).Select(l => l.DeepClone())]);

        ulong Quantity(string name) => ulong.Parse(filter.GetProperty(name).GetString().AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }
}
