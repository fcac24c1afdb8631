using System.Collections.Concurrent;
using Microsoft.Extensions.Logging.Abstractions;
using Rollup.Api;
using Rollup.Crypto.Settlement;
using Rollup.Ethereum;
using Rollup.Gossip;
using Rollup.Protocol;
using Rollup.Risk;
using Rollup.Sequencer.Configuration;
using Rollup.TestSupport;

namespace Rollup.Sequencer.Tests;

/// <summary>From an order at the sequencer's API to another node of the network: sequencer, sidecar, sidecar, node.</summary>
public sealed class GossipHostTests : IDisposable
{
    private readonly TemporaryDirectory folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task What_the_sequencer_seals_and_signs_arrives_at_another_node()
    {
        using EthereumKey key = EthereumKey.Generate();
        Fr domain = SettlementDomain.Of(31337, TestConfig.Vault);
        var heard = new Heard();
        var archive = new GossipArchive();
        var gossip = new SidecarGossip("node", Repository.PathOf("sequencer/gossip-sidecar/sidecar.mjs"), TimeProvider.System, NullLogger.Instance); // The node's from here on.
        await using var node = new GossipNode(new GossipRules(domain, 31337, TestConfig.Vault, key.Address, []), gossip, archive, heard, TimeProvider.System, NullLogger.Instance);
        await node.StartAsync(Path.Combine(folder.Path, "node"), ["/ip4/127.0.0.1/tcp/0"], [], default);
        var settings = new GossipConfig(Path.Combine(folder.Path, "host"), ["/ip4/127.0.0.1/tcp/0"], [gossip.Addresses[0]]);
        await using HostHarness host = await HostHarness.StartAsync(epoch: new EpochConfig(Length: 1_000, Refresh: 500), change: c => c with { Gossip = settings }, receipts: key);

        var trader = new Trader(2);
        await host.RegisterAsync(1_000_000_000_000, trader);
        ReceiptView promised = Assert.Single((await host.Client.PlaceAsync(trader.Order(TestConfig.Btc, Side.Buy, 1, TestConfig.BtcPrice - 100_000, slot: 1))).Receipts!);
        await HostHarness.UntilAsync(() => Task.FromResult(heard.Receipts.Any(r => r.Receipt.Number == promised.Number)));
        SignedReceipt receipt = heard.Receipts.First(r => r.Receipt.Number == promised.Number);
        Assert.Equal((promised.OrderHash, promised.Signature), (receipt.Receipt.OrderHash, Hex.Format(receipt.Signature.ToBytes())));

        // The batch that holds the registration, with what L1 will show of it; risk inputs of some epoch, as the sequencer signed them.
        await HostHarness.UntilAsync(() => Task.FromResult(archive.Batch(1) is not null && !heard.Risks.IsEmpty));
        Assert.True(PublicBatch.TryDecode(archive.Batch(1)!.Data.Span, out PublicBatch batch, out uint number));
        BatchView view = (await host.Client.BatchesAsync(50, default)).Single(b => b.Batch == 1);
        Assert.Equal((1u, view.NewRoot!.Value), (number, batch.Words[3]));
        Assert.True(RiskInputs.TryDecode(batch.RiskInputs.AsSpan(), out RiskInputs inputs, out _));
        Assert.Equal(1u, inputs.Batch);
        Assert.All(heard.Risks, r => Assert.Equal(TestConfig.BtcPrice, r.Instruments[0].Index));
        Assert.Empty(heard.Contradictions);
        Assert.Equal(0, node.Bans);
    }

    private sealed class Heard : IGossipObserver
    {
        internal ConcurrentQueue<SignedReceipt> Receipts { get; } = new();
        internal ConcurrentQueue<RiskInputs> Risks { get; } = new();
        internal ConcurrentQueue<GossipContradiction> Contradictions { get; } = new();
        public void Receipt(SignedReceipt receipt) => Receipts.Enqueue(receipt);
        public void Risk(RiskInputs inputs) => Risks.Enqueue(inputs);
        public void Contradiction(GossipContradiction contradiction) => Contradictions.Enqueue(contradiction);
    }
}
