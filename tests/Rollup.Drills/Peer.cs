using Microsoft.Extensions.Logging.Abstractions;
using Rollup.Crypto.Settlement;
using Rollup.Ethereum;
using Rollup.Gossip;
using Rollup.TestSupport;
using System.Text.Json.Nodes;

namespace Rollup.Drills;

/// <summary>A node of the peer-to-peer network with the sequencer's key of receipts: what a dishonest sequencer tells there.</summary>
internal sealed class Peer : IAsyncDisposable
{
    private readonly SidecarGossip gossip = new("node", Repository.PathOf("sequencer/gossip-sidecar/sidecar.mjs"), TimeProvider.System, NullLogger.Instance);
    private readonly GossipNode node;

    private Peer(RunningSystem system)
    {
        Key = Keystore.Load(system.KeystoreOf("receipts"), KeystorePassword.FromFile(system.PasswordFile));
        Domain = SettlementDomain.Of(AnvilProcess.ChainId, system.Vault);
        node = new GossipNode(new GossipRules(Domain, AnvilProcess.ChainId, system.Vault, Key.Address, []), gossip, new GossipArchive(), new Nobody(), TimeProvider.System, NullLogger.Instance);
    }

    internal EthereumKey Key { get; }

    internal Fr Domain { get; }

    /// <summary>Joins; the watcher is to have <see cref="Configure"/>d settings.</summary>
    internal static async Task<Peer> StartAsync(RunningSystem system)
    {
        var peer = new Peer(system);
        await peer.node.StartAsync(Path.Combine(system.Run.Folder, "peer.key"), ["/ip4/127.0.0.1/tcp/0"], [], system.Run.Cancellation);
        return peer;
    }

    /// <summary>Has a watcher take part in the network, with this node as its only peer.</summary>
    internal void Configure(JsonObject watcher) => watcher["gossip"] = new JsonObject
    {
        ["keyFile"] = "watcher.gossip", ["listen"] = new JsonArray("/ip4/127.0.0.1/tcp/0"), ["sequencer"] = Key.Address.ToString(), ["peers"] = new JsonArray(gossip.Addresses[0]),
    };

    internal void Publish(SignedReceipt receipt) => node.Publish(receipt);

    internal void PublishRisk(ReadOnlySpan<byte> inputs) => node.PublishRisk(SignedRiskInputs.Sign(inputs, Domain, Key));

    public async ValueTask DisposeAsync()
    {
        await node.DisposeAsync();
        Key.Dispose();
    }

    private sealed class Nobody : IGossipObserver;
}
