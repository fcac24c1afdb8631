using System.Collections.Immutable;
using System.Threading.Channels;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Rollup.Crypto.Settlement;
using Rollup.Engine;
using Rollup.Ethereum;
using Rollup.Gossip;
using Rollup.Protocol;
using Rollup.Sequencer.Configuration;
using Rollup.Sequencer.Core;

namespace Rollup.Sequencer.Receipts;

/// <summary>
/// The sequencer's node of the peer-to-peer network: tells of sealed batches, receipts, risk inputs and the committee's reports, and answers those who missed them. Trading does not depend on it.
/// </summary>
internal sealed class GossipService : BackgroundService, IEventSink, IGossipObserver
{
    /// <summary>What waits to be sent; beyond that the oldest is dropped, and whoever missed it asks.</summary>
    private const int MaxWaiting = 8_192;

    private static readonly TimeSpan RetryPause = TimeSpan.FromSeconds(30);

    private readonly GossipConfig config;
    private readonly CircuitProfile profile;
    private readonly ReceiptSigner signer;
    private readonly HostStatus status;
    private readonly TimeProvider clock;
    private readonly ILogger<GossipService> log;
    private readonly string folder;
    private readonly Func<GossipNode> makeNode;
    private readonly Channel<Action<GossipNode>> waiting = Channel.CreateBounded<Action<GossipNode>>(
        new BoundedChannelOptions(MaxWaiting) { SingleReader = true, FullMode = BoundedChannelFullMode.DropOldest });

    internal GossipService(SequencerConfig sequencer, GossipConfig config, ReceiptSigner signer, Func<IGossip> network, HostStatus status, TimeProvider clock, ILogger<GossipService> log)
    {
        (this.config, this.signer, this.status, this.clock, this.log) = (config, signer, status, clock, log);
        (profile, folder) = (CircuitProfile.Named(sequencer.Profile), sequencer.Spool);
        ImmutableArray<Address> oracles = sequencer.Oracle.Committee is { } committee ? [.. committee.Nodes.Select(n => n.Address)] : [];
        var rules = new GossipRules(signer.Domain, sequencer.Chain.ChainId, sequencer.Chain.Vault, signer.Key.Address, oracles);
        makeNode = () => new GossipNode(rules, network(), new GossipArchive(older: signer.File.Find), this, clock, log);
    }

    public void Sealed(SealedBatch batch) => waiting.Writer.TryWrite(node => node.Publish(Announce(batch)));

    public void RiskInputs(byte[] inputs) => waiting.Writer.TryWrite(node => node.PublishRisk(SignedRiskInputs.Sign(inputs, signer.Domain, signer.Key)));

    /// <summary>A receipt was signed.</summary>
    internal void Signed(SignedReceipt receipt) => waiting.Writer.TryWrite(node => node.Publish(receipt));

    /// <summary>A node of the committee reported.</summary>
    internal void Reported(byte[] signed) => waiting.Writer.TryWrite(node => node.PublishReport(signed));

    void IGossipObserver.Contradiction(GossipContradiction contradiction) =>
        status.Set("receipts", $"two statements with this sequencer's signature contradict each other: {contradiction.What}. Somebody else has its key, or its journal was set back");

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            await using GossipNode node = makeNode();
            try
            {
                await node.StartAsync(config.KeyFile, config.Listen, config.Peers, stoppingToken);
                status.Set("gossip", null);
                foreach (GossipBatch batch in Spooled()) node.Publish(batch);
                await foreach (Action<GossipNode> send in waiting.Reader.ReadAllAsync(stoppingToken)) send(node);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (Exception error) when (error is GossipException or TimeoutException)
            {
                status.Set("gossip", error.Message);
                log.LogError("{Problem} It is tried again in {Seconds} s.", error.Message, RetryPause.TotalSeconds);
                await Task.Delay(RetryPause, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    // What was sealed last, so that who missed it finds it here also after a restart; L1 has what is older.
    private IEnumerable<GossipBatch> Spooled() =>
        Directory.EnumerateFiles(folder).Where(f => SealedBatchFile.TryParseName(Path.GetFileName(f), out _)).OrderDescending(StringComparer.Ordinal).Take(config.Batches)
            .Reverse().Select(f => Announce(SealedBatchFile.Read(File.ReadAllBytes(f))));

    private GossipBatch Announce(SealedBatch batch)
    {
        byte[] data = new PublicBatch([.. batch.Publish(profile).Encode()], batch.Receipts, batch.RiskInputs).Encode();
        return new GossipBatch(BatchAnnouncement.Sign(batch.Header.Batch, data, signer.Domain, signer.Key), data);
    }
}
