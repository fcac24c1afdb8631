using System.Diagnostics;
using Rollup.Ethereum;

namespace Rollup.Gossip.Tests;

/// <summary>Real sidecars on the loopback interface.</summary>
public sealed class NetworkTests : IDisposable
{
    private readonly TestRollup rollup = new();
    private readonly string folder = Directory.CreateTempSubdirectory("gossip-").FullName;

    public void Dispose()
    {
        rollup.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    private string Key(string name) => Path.Combine(folder, name);

    /// <summary>
    /// Three honest nodes: the sequencer's, one that is killed and comes back without memory, one that comes late; and three liars, who send what nobody signed, too much, and
    /// wrong data to who asks. All honest ones end with the same batches and receipts, and the liars are banned.
    /// </summary>
    [Fact]
    public async Task Honest_nodes_converge_whoever_is_killed_late_or_lying()
    {
        List<SignedReceipt> receipts = rollup.Receipts(600);
        await using TestNode sequencer = await TestNode.StartAsync(rollup, Key("a"), TestSidecar.AnyPort);
        TestNode killed = await TestNode.StartAsync(rollup, Key("b"), TestSidecar.AnyPort, sequencer.Address);
        string killedAddress = killed.Address;
        string listen = killedAddress[..killedAddress.IndexOf("/p2p/", StringComparison.Ordinal)];
        await TestSidecar.EventuallyAsync(() => killed.Node.Peers == 1, "two nodes are connected");

        // The first half arrives by gossip.
        for (uint n = 1; n <= 3; n++) sequencer.Node.Publish(rollup.Batch(n));
        foreach (SignedReceipt receipt in receipts.Take(5)) sequencer.Node.Publish(receipt);
        await TestSidecar.EventuallyAsync(() => Has(killed, 3, receipts.Take(5)), "the first batches and receipts arrive");
        // Risk inputs and reports are never asked for: the next ones replace those that came before the peer had subscribed.
        uint risk = 3;
        await TestSidecar.EventuallyAsync(() =>
        {
            sequencer.Node.PublishRisk(SignedRiskInputs.Sign(TestRollup.Inputs(risk, 65_000_000).Encode(), rollup.Domain, rollup.Sequencer));
            sequencer.Node.PublishReport(rollup.Report(1, ++risk));
            return !killed.Heard.Risks.IsEmpty && !killed.Heard.Reports.IsEmpty;
        }, "risk inputs and report arrive");

        // Killed, as a machine dies: what comes meanwhile it never hears.
        using (Process process = Process.GetProcessById(killed.Sidecar.ProcessId)) process.Kill();
        await killed.DisposeAsync();
        for (uint n = 4; n <= 6; n++) sequencer.Node.Publish(rollup.Batch(n));
        foreach (SignedReceipt receipt in receipts.Skip(5)) sequencer.Node.Publish(receipt);

        // Liars that are connected to the sequencer.
        var liars = new List<Liar>();
        foreach (LieKind lie in Enum.GetValues<LieKind>()) liars.Add(await Liar.StartAsync(rollup, lie, Key($"liar {lie}"), sequencer.Address));

        // The killed one comes back at its address and with its identity; the late one knows it and a liar, and not the sequencer.
        await using TestNode back = await TestNode.StartAsync(rollup, Key("b"), listen, [sequencer.Address, .. liars.Select(l => l.Address)]);
        Assert.Equal(killedAddress, back.Address);
        await using TestNode late = await TestNode.StartAsync(rollup, Key("c"), TestSidecar.AnyPort, [back.Address, .. liars.Select(l => l.Address)]);
        await TestSidecar.EventuallyAsync(() => Has(back, 6, receipts), "the killed one has all again");
        await TestSidecar.EventuallyAsync(() => Has(late, 6, receipts), "the late one has all");

        // Only now do they lie in gossip; then one more of everything.
        // A message that nobody is subscribed to yet, or that a busy host does not judge in time, is lost: they go on.
        await TestSidecar.EventuallyAsync(() =>
        {
            foreach (Liar liar in liars) liar.Speak();
            return liars.All(l => sequencer.Node.IsBanned(l.Id) || l.Kind == LieKind.WrongData) && liars.All(l => back.Node.IsBanned(l.Id) && late.Node.IsBanned(l.Id));
        }, "the sequencer bans those who send invalid messages, and the others all liars");
        sequencer.Node.Publish(rollup.Batch(7));
        await TestSidecar.EventuallyAsync(() => Has(back, 7, receipts) && Has(late, 7, receipts), "what comes afterwards arrives too");
        Assert.All((TestNode[])[sequencer, back, late], n => Assert.False(n.Node.IsBanned(sequencer.Sidecar.Self) || n.Node.IsBanned(back.Sidecar.Self) || n.Node.IsBanned(late.Sidecar.Self)));
        Assert.Empty(late.Heard.Contradictions);
        foreach (Liar liar in liars) await liar.DisposeAsync();
    }

    /// <summary>The sidecar's death is mended by its host, which connects again by itself.</summary>
    [Fact]
    public async Task A_sidecar_that_dies_is_started_again()
    {
        await using TestNode first = await TestNode.StartAsync(rollup, Key("a"), TestSidecar.AnyPort);
        await using TestNode second = await TestNode.StartAsync(rollup, Key("b"), TestSidecar.AnyPort, first.Address);
        await TestSidecar.EventuallyAsync(() => second.Node.Peers == 1, "they are connected");
        int died = second.Sidecar.ProcessId;
        using (Process process = Process.GetProcessById(died)) process.Kill();
        await TestSidecar.EventuallyAsync(() => second.Sidecar.ProcessId is not 0 and var id && id != died && second.Node.Peers == 1, "another is connected again");
        first.Node.Publish(rollup.Batch(1));
        await TestSidecar.EventuallyAsync(() => second.Archive.NewestBatch == 1, "batches arrive as before");
    }

    [Fact]
    public async Task A_node_that_cannot_listen_says_why()
    {
        await using SidecarGossip gossip = TestSidecar.New();
        var node = new GossipNode(rollup.Rules, gossip, new GossipArchive(), new Remembering(), TimeProvider.System, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance);
        GossipException error = await Assert.ThrowsAsync<GossipException>(() => node.StartAsync(Key("x"), ["/ip4/192.0.2.1/tcp/1"], [], CancellationToken.None));
        Assert.Contains("did not start", error.Message, StringComparison.Ordinal);
        Assert.Contains("listen", error.Message, StringComparison.OrdinalIgnoreCase);
    }

    private static bool Has(TestNode node, uint batches, IEnumerable<SignedReceipt> receipts) =>
        Enumerable.Range(1, (int)batches).All(n => node.Archive.Batch((uint)n) is { } batch && batch.Data.Span.SequenceEqual(TestRollup.Data((uint)n)))
        && receipts.All(r => node.Archive.Receipt(r.Receipt.Number) == r);
}

/// <summary>How a liar lies.</summary>
public enum LieKind
{
    /// <summary>Messages that a stranger signed.</summary>
    Signature,

    /// <summary>Messages longer than any honest one.</summary>
    Oversize,

    /// <summary>Other data than the ones announced, to who asks.</summary>
    WrongData,
}

/// <summary>A node that speaks libp2p correctly, and nothing but lies above it.</summary>
internal sealed class Liar : IGossipHandler, IAsyncDisposable
{
    private readonly TestRollup rollup;
    private readonly SidecarGossip gossip = TestSidecar.New();
    private int spoken;

    private Liar(TestRollup rollup, LieKind kind) => (this.rollup, Kind) = (rollup, kind);

    internal LieKind Kind { get; }

    internal string Id => gossip.Self;

    internal string Address => gossip.Addresses[0];

    internal static async Task<Liar> StartAsync(TestRollup rollup, LieKind kind, string keyFile, params string[] peers)
    {
        var liar = new Liar(rollup, kind);
        await liar.gossip.StartAsync(new GossipOptions(keyFile, [TestSidecar.AnyPort], peers, rollup.Topics.All, rollup.Topics.Fetch, 4 << 20), liar, CancellationToken.None);
        return liar;
    }

    /// <summary>Sends a lie, each time another: gossip sends nothing twice.</summary>
    internal void Speak()
    {
        spoken++;
        if (Kind == LieKind.Signature) gossip.Publish(rollup.Topics.Receipts, SignedReceipt.Sign(rollup.Receipts(1)[0].Receipt with { Number = 4_000 + spoken }, rollup.Domain, rollup.Stranger).ToBytes());
        if (Kind == LieKind.Oversize) gossip.Publish(rollup.Topics.Receipts, new byte[100_000 + spoken]);
    }

    public GossipVerdict Received(string peer, string topic, ReadOnlyMemory<byte> data) => GossipVerdict.Ignore;

    public byte[]? Requested(string peer, ReadOnlyMemory<byte> request) =>
        Kind == LieKind.WrongData && request.Span[0] == 1 ? [.. rollup.Batch(6).Announcement.ToBytes(), .. TestRollup.Data(6, index: 1_000_000)] : null;

    public void Connected(string peer) { }

    public void Disconnected(string peer) { }

    public ValueTask DisposeAsync() => gossip.DisposeAsync();
}
