using Microsoft.Extensions.Logging.Abstractions;
using Rollup.Crypto.Settlement;
using Rollup.Ethereum;
using Rollup.Protocol;

namespace Rollup.Gossip.Tests;

/// <summary>What a node accepts, ignores and rejects; without a network.</summary>
public sealed class GossipNodeTests : IDisposable
{
    private readonly TestRollup rollup = new();
    private readonly Remembering heard = new();
    private readonly GossipArchive archive = new(maxBatches: 8, maxReceipts: 50);
    private readonly SilentGossip gossip = new();
    private readonly GossipNode node;

    public GossipNodeTests() => node = new GossipNode(rollup.Rules, gossip, archive, heard, TimeProvider.System, NullLogger.Instance);

    public void Dispose() => rollup.Dispose();

    private GossipVerdict Receive(string topic, byte[] data, string peer = "peer") => node.Received(peer, topic, data);

    [Fact]
    public void Every_kind_of_message_is_accepted_once_from_its_author_and_rejected_from_a_stranger()
    {
        GossipBatch batch = rollup.Batch(3);
        SignedReceipt receipt = rollup.Receipts(2)[1];
        byte[] inputs = TestRollup.Inputs(3, 65_000_000).Encode();
        (string Topic, byte[] Good, byte[] Bad)[] cases =
        [
            (rollup.Topics.Batches, batch.Announcement.ToBytes(), BatchAnnouncement.Sign(4, batch.Data.Span, rollup.Domain, rollup.Stranger).ToBytes()),
            (rollup.Topics.Receipts, receipt.ToBytes(), SignedReceipt.Sign(receipt.Receipt with { Number = 9 }, rollup.Domain, rollup.Stranger).ToBytes()),
            (rollup.Topics.Risk, SignedRiskInputs.Sign(inputs, rollup.Domain, rollup.Sequencer), SignedRiskInputs.Sign(TestRollup.Inputs(5, 66_000_000).Encode(), rollup.Domain, rollup.Stranger)),
            (rollup.Topics.Reports, rollup.Report(1, 7), rollup.Report(1, 8, rollup.Oracles[0])),
        ];
        foreach ((string topic, byte[] good, byte[] bad) in cases)
        {
            Assert.Equal(GossipVerdict.Accept, Receive(topic, good));
            Assert.Equal(GossipVerdict.Ignore, Receive(topic, good));
            Assert.False(node.IsBanned("peer"));
            Assert.Equal(GossipVerdict.Reject, Receive(topic, bad, $"liar in {topic}"));
            Assert.True(node.IsBanned($"liar in {topic}"));
            Assert.Equal(GossipVerdict.Ignore, Receive(topic, good, $"liar in {topic}"));
        }

        Assert.Equal(gossip.Banned.Order(), cases.Select(c => $"liar in {c.Topic}").Order());
        Assert.Equal((1, 1, 1), (heard.Receipts.Count, heard.Risks.Count, heard.Reports.Count));
    }

    [Fact]
    public void Bytes_that_are_no_message_and_those_that_are_too_many_are_rejected()
    {
        byte[] good = rollup.Receipts(1)[0].ToBytes();
        Assert.Equal(GossipVerdict.Reject, Receive(rollup.Topics.Receipts, [.. good, 0], "longer"));
        Assert.Equal(GossipVerdict.Reject, Receive(rollup.Topics.Receipts, good[..^1], "shorter"));
        Assert.Equal(GossipVerdict.Reject, Receive(rollup.Topics.Receipts, [], "empty"));
        Assert.Equal(GossipVerdict.Reject, Receive(rollup.Topics.Risk, new byte[SignedRiskInputs.MaxSize + 1], "oversize"));
        Assert.Equal(GossipVerdict.Reject, Receive(rollup.Topics.Reports, new byte[SignedReport.MaxSize + 1], "oversize report"));
        Assert.Equal(GossipVerdict.Reject, Receive("/rollup/0x00/batches/1", good, "other topic"));
        Assert.Equal(GossipVerdict.Accept, Receive(rollup.Topics.Receipts, good));
    }

    [Fact]
    public void A_message_of_another_rollup_is_rejected()
    {
        Fr other = SettlementDomain.Of(1, TestRollup.Vault);
        Receipt receipt = rollup.Receipts(1)[0].Receipt;
        Assert.Equal(GossipVerdict.Reject, Receive(rollup.Topics.Receipts, SignedReceipt.Sign(receipt, other, rollup.Sequencer).ToBytes(), "other domain"));
        Assert.Equal(GossipVerdict.Accept, Receive(rollup.Topics.Receipts, SignedReceipt.Sign(receipt, rollup.Domain, rollup.Sequencer).ToBytes()));
    }

    [Fact]
    public void Two_receipts_of_one_number_are_evidence_and_are_passed_on_once()
    {
        SignedReceipt first = rollup.Receipts(1)[0];
        SignedReceipt second = SignedReceipt.Sign(first.Receipt with { Time = first.Receipt.Time + 1 }, rollup.Domain, rollup.Sequencer);
        SignedReceipt third = SignedReceipt.Sign(first.Receipt with { Time = first.Receipt.Time + 2 }, rollup.Domain, rollup.Sequencer);
        Assert.Equal(GossipVerdict.Accept, Receive(rollup.Topics.Receipts, first.ToBytes()));
        Assert.Empty(heard.Contradictions);
        Assert.Equal(GossipVerdict.Accept, Receive(rollup.Topics.Receipts, second.ToBytes()));
        Assert.Equal(GossipVerdict.Ignore, Receive(rollup.Topics.Receipts, third.ToBytes()));
        GossipContradiction evidence = Assert.Single(heard.Contradictions);
        Assert.Equal("two receipts of number 1", evidence.What);
        Assert.Equal(first.ToBytes(), evidence.First);
        Assert.Equal(second.ToBytes(), evidence.Second);
        Assert.Equal(first, archive.Receipt(1));
    }

    [Fact]
    public void A_receipt_that_does_not_follow_the_one_before_is_evidence()
    {
        List<SignedReceipt> receipts = rollup.Receipts(3);
        SignedReceipt forked = SignedReceipt.Sign(receipts[1].Receipt with { Previous = Bytes32.FromBytes([.. Enumerable.Repeat((byte)7, 32)]) }, rollup.Domain, rollup.Sequencer);
        Receive(rollup.Topics.Receipts, receipts[0].ToBytes());
        Receive(rollup.Topics.Receipts, forked.ToBytes());
        Assert.Equal("receipt 2 does not follow receipt 1", Assert.Single(heard.Contradictions).What);
    }

    [Fact]
    public void Two_announcements_of_one_batch_are_evidence()
    {
        GossipBatch first = rollup.Batch(5), second = rollup.Batch(5, index: 66_000_000);
        Assert.Equal(GossipVerdict.Accept, Receive(rollup.Topics.Batches, first.Announcement.ToBytes()));
        Assert.Equal(GossipVerdict.Accept, Receive(rollup.Topics.Batches, second.Announcement.ToBytes()));
        Assert.Equal("two announcements of batch 5 with other data", Assert.Single(heard.Contradictions).What);
    }

    [Fact]
    public void Numbers_far_ahead_or_long_past_are_ignored()
    {
        Assert.Equal(GossipVerdict.Accept, Receive(rollup.Topics.Batches, rollup.Batch(100).Announcement.ToBytes()));
        Assert.Equal(GossipVerdict.Ignore, Receive(rollup.Topics.Batches, rollup.Batch(100 + 4_097).Announcement.ToBytes()));
        Assert.Equal(GossipVerdict.Ignore, Receive(rollup.Topics.Batches, rollup.Batch(92).Announcement.ToBytes()));
        Assert.Equal(GossipVerdict.Accept, Receive(rollup.Topics.Batches, rollup.Batch(93).Announcement.ToBytes()));
        Assert.Equal(GossipVerdict.Accept, Receive(rollup.Topics.Batches, rollup.Batch(100 + 4_096).Announcement.ToBytes()));
    }

    [Fact]
    public void Requests_are_answered_from_the_archive()
    {
        foreach (uint number in (uint[])[3, 4]) node.Publish(rollup.Batch(number));
        List<SignedReceipt> receipts = rollup.Receipts(60);
        foreach (SignedReceipt receipt in receipts) node.Publish(receipt);

        Assert.Equal([.. rollup.Batch(3).Announcement.ToBytes(), .. TestRollup.Data(3)], Ask(1, 3)!);
        Assert.Equal([.. rollup.Batch(4).Announcement.ToBytes(), .. TestRollup.Data(4)], Ask(1, 0)!);
        Assert.Null(Ask(1, 5));
        Assert.Equal([.. receipts[57].ToBytes(), .. receipts[58].ToBytes(), .. receipts[59].ToBytes()], Ask(2, 58)!);
        Assert.Equal(receipts[59].ToBytes(), Ask(2, 0)!);
        Assert.Empty(Ask(2, 10)!); // Forgotten: fifty are kept.
        Assert.Null(Ask(9, 1));
        Assert.False(node.IsBanned("asker"));
        Assert.Null(node.Requested("garbage", new byte[3]));
        Assert.True(node.IsBanned("garbage"));
    }

    /// <summary>The peer had nothing when it was greeted, and no message came since: gossip may lose any.</summary>
    [Fact]
    public async Task What_gossip_lost_and_no_later_message_shows_is_asked_for()
    {
        List<SignedReceipt> receipts = rollup.Receipts(3);
        var peer = new GossipArchive();
        await using var asked = new AnsweringGossip(new GossipNode(rollup.Rules, gossip, peer, new Remembering(), TimeProvider.System, NullLogger.Instance));
        await using var asking = new GossipNode(rollup.Rules, asked, archive, heard, TimeProvider.System, NullLogger.Instance);
        await asking.StartAsync("", [], [], CancellationToken.None);
        asking.Connected("peer");
        await TestSidecar.EventuallyAsync(() => asked.Requests >= 2, "the peer is greeted");
        Assert.Empty(heard.Batches);

        for (uint n = 1; n <= 2; n++) peer.Add(rollup.Batch(n)); // Nothing known yet: the newest is asked for, then the gap before it.
        foreach (SignedReceipt receipt in receipts.Take(2)) peer.Add(receipt);
        await TestSidecar.EventuallyAsync(() => heard.Batches.Count == 2 && heard.Receipts.Count == 2, "what the peer got later is found");
        peer.Add(rollup.Batch(3));
        peer.Add(receipts[2]);
        await TestSidecar.EventuallyAsync(() => archive.Batch(3) is not null && archive.Receipt(3) == receipts[2], "the next ones are found");
        Assert.Equal(0, asking.Bans);
    }

    [Fact]
    public void A_batch_encodes_and_decodes_and_nothing_else_does()
    {
        byte[] bytes = TestRollup.Data(77);
        Assert.True(PublicBatch.TryDecode(bytes, out PublicBatch batch, out uint number));
        Assert.Equal(77u, number);
        Assert.Equal(231, batch.Receipts.Number);
        Assert.Equal(bytes, batch.Encode());
        Assert.False(PublicBatch.TryDecode(bytes.AsSpan(0, 900), out _, out _));
        byte[] aboveTheField = [.. bytes];
        aboveTheField.AsSpan(3, 32).Fill(0xff);
        Assert.False(PublicBatch.TryDecode(aboveTheField, out _, out _));
    }

    private byte[]? Ask(byte kind, long number)
    {
        var request = new byte[9];
        request[0] = kind;
        System.Buffers.Binary.BinaryPrimitives.WriteInt64BigEndian(request.AsSpan(1), number);
        return node.Requested("asker", request);
    }

    /// <summary>One peer, which answers requests and never gossips.</summary>
    private sealed class AnsweringGossip(GossipNode peer) : IGossip
    {
        private int requests;
        internal int Requests => Volatile.Read(ref requests);
        public string Self => "self";
        public IReadOnlyList<string> Addresses => [];
        public Task StartAsync(GossipOptions options, IGossipHandler handler, CancellationToken cancellation) => Task.CompletedTask;
        public void Publish(string topic, ReadOnlySpan<byte> data) { }
        public void Ban(string peer, TimeSpan time) { }
        public ValueTask DisposeAsync() => ValueTask.CompletedTask;

        public Task<GossipReply> RequestAsync(string to, ReadOnlyMemory<byte> request, CancellationToken cancellation)
        {
            byte[]? answer = peer.Requested("self", request);
            Interlocked.Increment(ref requests);
            return Task.FromResult(new GossipReply(answer, GossipFault.None));
        }
    }

    private sealed class SilentGossip : IGossip
    {
        internal List<string> Banned { get; } = [];
        public string Self => "self";
        public IReadOnlyList<string> Addresses => [];
        public Task StartAsync(GossipOptions options, IGossipHandler handler, CancellationToken cancellation) => Task.CompletedTask;
        public void Publish(string topic, ReadOnlySpan<byte> data) { }
        public Task<GossipReply> RequestAsync(string peer, ReadOnlyMemory<byte> request, CancellationToken cancellation) => Task.FromResult(new GossipReply(default, GossipFault.Unreachable));
        public void Ban(string peer, TimeSpan time) => Banned.Add(peer);
        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
