using System.Collections.Concurrent;
using Microsoft.Extensions.Logging.Abstractions;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Ethereum;
using Rollup.Oracle;
using Rollup.Protocol;
using Rollup.Risk;
using Rollup.TestSupport;

namespace Rollup.Gossip.Tests;

/// <summary>One rollup's keys, and its messages.</summary>
internal sealed class TestRollup : IDisposable
{
    internal const ulong ChainId = 31337;
    internal static readonly Address Vault = Address.Parse("0x5fbdb2315678afecb367f032d93f642f64180aa3");

    internal Fr Domain { get; } = SettlementDomain.Of(ChainId, Vault);

    internal EthereumKey Sequencer { get; } = EthereumKey.Generate();

    internal EthereumKey Stranger { get; } = EthereumKey.Generate();

    internal IReadOnlyList<EthereumKey> Oracles { get; } = [EthereumKey.Generate(), EthereumKey.Generate()];

    internal GossipRules Rules => new(Domain, ChainId, Vault, Sequencer.Address, [.. Oracles.Select(o => o.Address)]);

    internal GossipTopics Topics => new(Domain);

    /// <summary>Risk inputs of a batch; other prices for another <paramref name="index"/>.</summary>
    internal static RiskInputs Inputs(uint batch, long index) => new(batch, Timestamp.FromMilliseconds(1_790_000_000_000 + batch * 1_000L), RiskParameters.Default, [new GroupRange(3, GroupRange.Other)],
        [new InstrumentInput(2, InstrumentKind.Perpetual, default, 3, index, index + 17, 5, 11)]);

    internal static byte[] Data(uint batch, long index = 65_000_000)
    {
        Fr[] words = [.. Enumerable.Range(0, 40).Select(i => Fr.FromUInt64(1_000UL * batch + (ulong)i))];
        words[1] = new BatchHeader(batch, 1_790_000_000_000 + batch, 1_790_000_000_500 + batch, 7, 0).Encode();
        return new PublicBatch([.. words], new ReceiptHead(batch * 3L, Bytes32.FromBytes(Keccak.Hash256(BitConverter.GetBytes(batch)))), [.. Inputs(batch, index).Encode()]).Encode();
    }

    internal GossipBatch Batch(uint number, long index = 65_000_000)
    {
        byte[] data = Data(number, index);
        return new GossipBatch(BatchAnnouncement.Sign(number, data, Domain, Sequencer), data);
    }

    /// <summary>A chain of signed receipts from number 1.</summary>
    internal List<SignedReceipt> Receipts(int count)
    {
        var head = new ReceiptHead();
        var receipts = new List<SignedReceipt>();
        for (int i = 0; i < count; i++)
        {
            Receipt receipt = head.Next(Bytes32.FromBytes(Keccak.Hash256(BitConverter.GetBytes(i))), 1_790_000_000_000 + 10 * i);
            receipts.Add(SignedReceipt.Sign(receipt, Domain, Sequencer));
            head = new ReceiptHead(receipt.Number, receipt.HashIn(Domain));
        }

        return receipts;
    }

    internal byte[] Report(int node, long number, EthereumKey? key = null) => SignedReport.Sign(key ?? Oracles[node], ChainId, Vault,
        new OracleReport(node, number, DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(), [new UnderlyingReport(3, 65_000_123_456, 1_000_000, [])]));

    public void Dispose()
    {
        foreach (EthereumKey key in (EthereumKey[])[Sequencer, Stranger, .. Oracles]) key.Dispose();
    }
}

/// <summary>Remembers what it was told.</summary>
internal sealed class Remembering : IGossipObserver
{
    internal ConcurrentQueue<GossipBatch> Batches { get; } = new();
    internal ConcurrentQueue<SignedReceipt> Receipts { get; } = new();
    internal ConcurrentQueue<RiskInputs> Risks { get; } = new();
    internal ConcurrentQueue<OracleReport> Reports { get; } = new();
    internal ConcurrentQueue<GossipContradiction> Contradictions { get; } = new();

    public void Batch(GossipBatch batch) => Batches.Enqueue(batch);
    public void Receipt(SignedReceipt receipt) => Receipts.Enqueue(receipt);
    public void Risk(RiskInputs inputs) => Risks.Enqueue(inputs);
    public void Report(OracleReport report) => Reports.Enqueue(report);
    public void Contradiction(GossipContradiction contradiction) => Contradictions.Enqueue(contradiction);
}

/// <summary>An honest node on a real sidecar.</summary>
internal sealed class TestNode : IAsyncDisposable
{
    private TestNode(TestRollup rollup)
    {
        Sidecar = TestSidecar.New();
        Archive = new GossipArchive();
        Node = new GossipNode(rollup.Rules, Sidecar, Archive, Heard, TimeProvider.System, NullLogger.Instance);
    }

    internal SidecarGossip Sidecar { get; }
    internal GossipArchive Archive { get; }
    internal GossipNode Node { get; }
    internal Remembering Heard { get; } = new();
    internal string Address => Sidecar.Addresses[0];

    internal static async Task<TestNode> StartAsync(TestRollup rollup, string keyFile, string listen, params string[] peers)
    {
        var node = new TestNode(rollup);
        await node.Node.StartAsync(keyFile, [listen], peers, CancellationToken.None);
        return node;
    }

    public ValueTask DisposeAsync() => Node.DisposeAsync();
}

internal static class TestSidecar
{
    internal const string AnyPort = "/ip4/127.0.0.1/tcp/0";

    internal static SidecarGossip New() => new("node", Repository.PathOf("sequencer/gossip-sidecar/sidecar.mjs"), TimeProvider.System, NullLogger.Instance);

    internal static async Task EventuallyAsync(Func<bool> condition, string what, int seconds = 60)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(seconds));
        while (!condition())
        {
            Assert.False(patience.IsCancellationRequested, $"In {seconds} s it did not happen that {what}.");
            await Task.Delay(100);
        }
    }
}
