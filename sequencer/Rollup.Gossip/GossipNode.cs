using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Rollup.Crypto.Settlement;
using Rollup.Ethereum;
using Rollup.Oracle;
using Rollup.Protocol;
using Rollup.Risk;

namespace Rollup.Gossip;

/// <summary>Whose word counts in the network of one rollup.</summary>
/// <param name="Sequencer">Signs receipts, announcements and risk inputs.</param>
/// <param name="Oracles">Addresses of the committee, by place.</param>
public sealed record GossipRules(Fr Domain, ulong ChainId, Address Vault, Address Sequencer, IReadOnlyList<Address> Oracles);

/// <summary>Two statements that the sequencer signed and that cannot both be true, as they were received.</summary>
public sealed record GossipContradiction(string What, byte[] First, byte[] Second);

/// <summary>Told of what is new and was checked, once each, in no particular order of numbers. Must not block.</summary>
public interface IGossipObserver
{
    void Batch(GossipBatch batch) { }

    void Receipt(SignedReceipt receipt) { }

    void Risk(RiskInputs inputs) { }

    void Report(OracleReport report) { }

    void Contradiction(GossipContradiction contradiction) { }
}

/// <summary>
/// The rollup's part of the network (spec 12): checks what arrives before it is forwarded, keeps batches and receipts, asks peers for what is missing, answers them, and bans who
/// sends what no honest node sends. Every message is checked by its author's signature, so it does not matter who passes it on.
/// </summary>
public sealed class GossipNode : IGossipHandler, IAsyncDisposable
{
    /// <summary>Receipts in one answer.</summary>
    private const int ReceiptsInAnswer = 512;

    private const byte BatchKind = 1, ReceiptKind = 2;
    private const int RequestSize = 9;

    /// <summary>How far numbers may be ahead of what is known.</summary>
    private const int MaxBatchesAhead = 4_096;

    private const long MaxReceiptsAhead = 10_000_000;
    private const int MaxContradictions = 1_000;
    private static readonly TimeSpan ReportAge = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan RetryPause = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan RefreshPause = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan SilentPause = TimeSpan.FromSeconds(10);

    /// <summary>No message or answer is longer.</summary>
    public static readonly int MaxMessage = Math.Max(BatchAnnouncement.Size + PublicBatch.MaxSize, Math.Max(SignedRiskInputs.MaxSize, SignedReport.MaxSize));

    private readonly GossipRules rules;
    private readonly GossipTopics topics;
    private readonly IGossip gossip;
    private readonly GossipArchive archive;
    private readonly IGossipObserver observer;
    private readonly TimeProvider clock;
    private readonly ILogger log;
    private readonly TimeSpan banTime;

    private readonly ConcurrentDictionary<string, DateTimeOffset> peers = new(); // and until when they are not asked
    private readonly ConcurrentDictionary<string, DateTimeOffset> banned = new();
    private readonly Channel<string> greeted = Channel.CreateBounded<string>(new BoundedChannelOptions(1_024) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });
    private readonly CancellationTokenSource stopping = new();
    private Task catchingUp = Task.CompletedTask;

    private readonly Lock gate = new();
    private readonly Dictionary<uint, BatchAnnouncement> announced = []; // whose data are missing
    private readonly HashSet<(byte Kind, long Number)> contradicted = [];
    private readonly Dictionary<int, long> reports = [];
    private (uint Batch, long At) newestRisk;
    private uint newestAnnounced;
    private uint nextBatch = 1;
    private long newestReceipt, nextReceipt = 1;

    /// <param name="banTime">For how long a liar is not talked to.</param>
    public GossipNode(GossipRules rules, IGossip gossip, GossipArchive archive, IGossipObserver observer, TimeProvider clock, ILogger log, TimeSpan? banTime = null)
    {
        (this.rules, this.gossip, this.archive, this.observer, this.clock, this.log) = (rules, gossip, archive, observer, clock, log);
        topics = new GossipTopics(rules.Domain);
        this.banTime = banTime ?? TimeSpan.FromHours(1);
        (newestAnnounced, newestReceipt) = (archive.NewestBatch, archive.NewestReceipt);
    }

    /// <summary>Connected peers.</summary>
    public int Peers => peers.Count;

    /// <summary>Peers that were banned since the start.</summary>
    public int Bans => banned.Count;

    public bool IsBanned(string peer) => banned.TryGetValue(peer, out DateTimeOffset until) && until > clock.GetUtcNow();

    /// <summary>Joins the network.</summary>
    /// <exception cref="GossipException">It cannot be joined.</exception>
    public async Task StartAsync(string keyFile, IReadOnlyList<string> listen, IReadOnlyList<string> known, CancellationToken cancellation)
    {
        await gossip.StartAsync(new GossipOptions(keyFile, listen, known, topics.All, topics.Fetch, MaxMessage), this, cancellation);
        catchingUp = CatchUpAsync(stopping.Token);
    }

    /// <summary>Sends a batch of our own: announcement to all, data to who asks.</summary>
    public void Publish(GossipBatch batch)
    {
        archive.Add(batch);
        lock (gate) newestAnnounced = Math.Max(newestAnnounced, batch.Announcement.Batch);
        gossip.Publish(topics.Batches, batch.Announcement.ToBytes());
    }

    /// <summary>Sends a receipt of our own.</summary>
    public void Publish(SignedReceipt receipt)
    {
        archive.Add(receipt);
        lock (gate) newestReceipt = Math.Max(newestReceipt, receipt.Receipt.Number);
        gossip.Publish(topics.Receipts, receipt.ToBytes());
    }

    /// <summary>Sends risk inputs of our own, as <see cref="SignedRiskInputs.Sign"/> gives them.</summary>
    public void PublishRisk(ReadOnlySpan<byte> signed) => gossip.Publish(topics.Risk, signed);

    /// <summary>Sends a node's report on, as <see cref="SignedReport.Sign"/> gives it.</summary>
    public void PublishReport(ReadOnlySpan<byte> signed) => gossip.Publish(topics.Reports, signed);

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        await catchingUp;
        await gossip.DisposeAsync();
        stopping.Dispose();
    }

    public void Connected(string peer)
    {
        peers[peer] = DateTimeOffset.MinValue;
        greeted.Writer.TryWrite(peer);
    }

    public void Disconnected(string peer) => peers.TryRemove(peer, out _);

    public GossipVerdict Received(string peer, string topic, ReadOnlyMemory<byte> data)
    {
        if (IsBanned(peer)) return GossipVerdict.Ignore;
        GossipVerdict verdict = topic == topics.Batches ? Announced(data.Span)
            : topic == topics.Receipts ? Receipt(data.Span)
            : topic == topics.Risk ? Risk(data.Span)
            : topic == topics.Reports ? Report(data.Span)
            : GossipVerdict.Reject;
        if (verdict == GossipVerdict.Reject) Ban(peer, $"it sent a message of {data.Length} bytes in {topic} that its author did not sign, or that is none");
        return verdict;
    }

    public byte[]? Requested(string peer, ReadOnlyMemory<byte> request)
    {
        if (IsBanned(peer)) return null;
        ReadOnlySpan<byte> bytes = request.Span;
        if (bytes.Length != RequestSize || BinaryPrimitives.ReadInt64BigEndian(bytes[1..]) is var number && number < 0)
        {
            Ban(peer, "it sent a request that is none");
            return null;
        }

        switch (bytes[0])
        {
            case BatchKind when number <= uint.MaxValue:
                return archive.Batch(number == 0 ? archive.NewestBatch : (uint)number) is { } batch ? [.. batch.Announcement.ToBytes(), .. batch.Data.Span] : null;
            case ReceiptKind:
                var answer = new List<byte>();
                if (number == 0) number = archive.NewestReceipt;
                for (long n = number; n < number + ReceiptsInAnswer && archive.Receipt(n) is { } receipt; n++) answer.AddRange(receipt.ToBytes());
                return [.. answer];
            default:
                return null; // Of a later version.
        }
    }

    private GossipVerdict Announced(ReadOnlySpan<byte> data)
    {
        if (!BatchAnnouncement.TryParse(data, out BatchAnnouncement a)) return GossipVerdict.Reject;
        lock (gate)
        {
            if (newestAnnounced > 0 && (a.Batch > newestAnnounced + (long)MaxBatchesAhead || a.Batch + (long)archive.MaxBatches <= newestAnnounced)) return GossipVerdict.Ignore;
            if (Known(a.Batch) is { } known && known.DataHash == a.DataHash) return GossipVerdict.Ignore;
        }

        return a.IsOf(rules.Domain, rules.Sequencer) ? Take(a) : GossipVerdict.Reject;
    }

    private BatchAnnouncement? Known(uint batch) => archive.Batch(batch)?.Announcement ?? (announced.TryGetValue(batch, out BatchAnnouncement a) ? a : null);

    // An announcement whose signature was checked.
    private GossipVerdict Take(BatchAnnouncement a)
    {
        lock (gate)
        {
            if (Known(a.Batch) is { } known)
                return known.DataHash == a.DataHash ? GossipVerdict.Ignore : Contradiction(BatchKind, a.Batch, $"two announcements of batch {a.Batch} with other data", known.ToBytes(), a.ToBytes());
            announced[a.Batch] = a;
            newestAnnounced = Math.Max(newestAnnounced, a.Batch);
            return GossipVerdict.Accept;
        }
    }

    private GossipVerdict Receipt(ReadOnlySpan<byte> data)
    {
        if (!SignedReceipt.TryParse(data, out SignedReceipt receipt)) return GossipVerdict.Reject;
        long number = receipt.Receipt.Number;
        lock (gate)
            if (newestReceipt > 0 && (number > newestReceipt + MaxReceiptsAhead || number + archive.MaxReceipts <= newestReceipt)) return GossipVerdict.Ignore;
        if (archive.Receipt(number) is { } known && known.Receipt == receipt.Receipt) return GossipVerdict.Ignore;
        return receipt.IsOf(rules.Domain, rules.Sequencer) ? Take(receipt) : GossipVerdict.Reject;
    }

    // A receipt whose signature was checked.
    private GossipVerdict Take(SignedReceipt receipt)
    {
        Receipt r = receipt.Receipt;
        lock (gate)
        {
            if (archive.Receipt(r.Number) is { } known)
                return known.Receipt == r ? GossipVerdict.Ignore : Contradiction(ReceiptKind, r.Number, $"two receipts of number {r.Number}", known.ToBytes(), receipt.ToBytes());
            if (archive.Receipt(r.Number - 1) is { } before && before.Receipt.HashIn(rules.Domain) != r.Previous)
                Contradiction(ReceiptKind, r.Number, $"receipt {r.Number} does not follow receipt {r.Number - 1}", before.ToBytes(), receipt.ToBytes());
            else if (archive.Receipt(r.Number + 1) is { } after && after.Receipt.Previous != r.HashIn(rules.Domain))
                Contradiction(ReceiptKind, r.Number + 1, $"receipt {r.Number + 1} does not follow receipt {r.Number}", receipt.ToBytes(), after.ToBytes());
            archive.Add(receipt);
            newestReceipt = Math.Max(newestReceipt, r.Number);
        }

        observer.Receipt(receipt);
        return GossipVerdict.Accept;
    }

    // Evidence is forwarded once, so that all see it; more of the same would be noise.
    private GossipVerdict Contradiction(byte kind, long number, string what, byte[] first, byte[] second)
    {
        if (contradicted.Count >= MaxContradictions || !contradicted.Add((kind, number))) return GossipVerdict.Ignore;
        log.LogCritical("The sequencer contradicts itself: {What}", what);
        observer.Contradiction(new GossipContradiction(what, first, second));
        return GossipVerdict.Accept;
    }

    private GossipVerdict Risk(ReadOnlySpan<byte> data)
    {
        if (!SignedRiskInputs.TryOpen(data, rules.Domain, rules.Sequencer, out RiskInputs inputs)) return GossipVerdict.Reject;
        lock (gate)
        {
            if ((inputs.Batch, inputs.ObservedAt.Milliseconds).CompareTo(newestRisk) <= 0) return GossipVerdict.Ignore;
            newestRisk = (inputs.Batch, inputs.ObservedAt.Milliseconds);
        }

        observer.Risk(inputs);
        return GossipVerdict.Accept;
    }

    private GossipVerdict Report(ReadOnlySpan<byte> data)
    {
        if (data.Length <= SignedReport.SignatureSize || data.Length > SignedReport.MaxSize) return GossipVerdict.Reject;
        int node = data[1]; // Who says so is in the report itself.
        if (node >= rules.Oracles.Count) return GossipVerdict.Ignore;
        if (SignedReport.Open(data, rules.ChainId, rules.Vault, rules.Oracles[node], out OracleReport report) is not null) return GossipVerdict.Reject;
        if (clock.GetUtcNow().ToUnixTimeMilliseconds() - report.ObservedAt > (long)ReportAge.TotalMilliseconds) return GossipVerdict.Ignore;
        lock (gate)
        {
            if (reports.GetValueOrDefault(node) >= report.Number) return GossipVerdict.Ignore;
            reports[node] = report.Number;
        }

        observer.Report(report);
        return GossipVerdict.Accept;
    }

    private async Task CatchUpAsync(CancellationToken stop)
    {
        long refreshed = clock.GetTimestamp();
        while (!stop.IsCancellationRequested)
        {
            try
            {
                if (greeted.Reader.TryRead(out string? peer)) await GreetAsync(peer, stop);
                else if (clock.GetElapsedTime(refreshed) >= RefreshPause)
                {
                    if (Askable() is [string any, ..]) await RefreshAsync(any, stop);
                    refreshed = clock.GetTimestamp();
                }
                else if (!await FetchBatchAsync(stop) && !await FetchReceiptsAsync(stop)) await Task.Delay(RetryPause, clock, stop);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private async Task GreetAsync(string peer, CancellationToken stop)
    {
        if (await AskAsync(peer, BatchKind, 0, stop) is { } batch) TakeBatch(peer, batch, 0);
        if (await AskAsync(peer, ReceiptKind, 0, stop) is { } receipts) TakeReceipts(peer, receipts, 0);
    }

    // A message that gossip lost (nobody had subscribed yet, a queue was full, a peer had it only after it was greeted) is missed for good if no later one shows the gap: so what would be next is asked for.
    private async Task RefreshAsync(string peer, CancellationToken stop)
    {
        long batch, receipt;
        lock (gate) (batch, receipt) = (newestAnnounced == 0 ? 0 : newestAnnounced + 1L, newestReceipt == 0 ? 0 : newestReceipt + 1);
        if (batch <= uint.MaxValue && await AskAsync(peer, BatchKind, batch, stop) is { } next) TakeBatch(peer, next, (uint)batch);
        if (await AskAsync(peer, ReceiptKind, receipt, stop) is { } receipts) TakeReceipts(peer, receipts, receipt);
    }

    /// <returns>Whether the lowest missing batch was found.</returns>
    private async Task<bool> FetchBatchAsync(CancellationToken stop)
    {
        uint wanted;
        lock (gate)
        {
            nextBatch = Math.Max(nextBatch, (uint)Math.Max(1, newestAnnounced - (long)archive.MaxBatches + 1));
            while (nextBatch <= newestAnnounced && archive.Batch(nextBatch) is not null) nextBatch++;
            if (nextBatch > newestAnnounced) return false;
            wanted = nextBatch;
        }

        foreach (string peer in Askable())
        {
            if (await AskAsync(peer, BatchKind, wanted, stop) is not { } answer || !TakeBatch(peer, answer, wanted)) continue;
            lock (gate) nextBatch = Math.Max(nextBatch, wanted + 1); // Also if there was no room to keep it.
            return true;
        }

        return false;
    }

    private async Task<bool> FetchReceiptsAsync(CancellationToken stop)
    {
        long wanted;
        lock (gate)
        {
            nextReceipt = Math.Max(nextReceipt, newestReceipt - archive.MaxReceipts + 1);
            while (nextReceipt <= newestReceipt && archive.Receipt(nextReceipt) is not null) nextReceipt++;
            if (nextReceipt > newestReceipt) return false;
            wanted = nextReceipt;
        }

        foreach (string peer in Askable())
            if (await AskAsync(peer, ReceiptKind, wanted, stop) is { } answer && TakeReceipts(peer, answer, wanted)) return true;

        return false;
    }

    private string[] Askable()
    {
        DateTimeOffset now = clock.GetUtcNow();
        string[] askable = [.. peers.Where(p => p.Value <= now).Select(p => p.Key)];
        Random.Shared.Shuffle(askable); // No peer decides alone what is known here.
        return askable;
    }

    /// <returns>Null if it has nothing, or did not answer.</returns>
    private async Task<ReadOnlyMemory<byte>?> AskAsync(string peer, byte kind, long number, CancellationToken stop)
    {
        var request = new byte[RequestSize];
        request[0] = kind;
        BinaryPrimitives.WriteInt64BigEndian(request.AsSpan(1), number);
        GossipReply reply = await gossip.RequestAsync(peer, request, stop);
        if (reply.Fault == GossipFault.Oversize) Ban(peer, $"it answered with more than {MaxMessage} bytes");
        else if (reply.Fault == GossipFault.Unreachable && peers.ContainsKey(peer)) peers[peer] = clock.GetUtcNow() + SilentPause;
        return reply.Fault == GossipFault.None && reply.Data.Length > 0 ? reply.Data : default(ReadOnlyMemory<byte>?); // A mere null would become empty memory.
    }

    private bool TakeBatch(string peer, ReadOnlyMemory<byte> answer, uint wanted)
    {
        if (answer.Length <= BatchAnnouncement.Size || !BatchAnnouncement.TryParse(answer.Span[..BatchAnnouncement.Size], out BatchAnnouncement a)
            || (wanted != 0 && a.Batch != wanted) || !a.IsOf(rules.Domain, rules.Sequencer) || !a.Covers(answer.Span[BatchAnnouncement.Size..])
            || !PublicBatch.TryDecode(answer.Span[BatchAnnouncement.Size..], out _, out uint number) || number != a.Batch)
        {
            Ban(peer, $"it answered with other data than those of batch {(wanted == 0 ? "its newest" : wanted)}");
            return false;
        }

        Take(a);
        var batch = new GossipBatch(a, answer[BatchAnnouncement.Size..]);
        lock (gate)
        {
            // Of two that contradict each other the first stays; nobody needs the data of the other.
            if (archive.Batch(a.Batch) is not null || announced.GetValueOrDefault(a.Batch).DataHash != a.DataHash) return false;
            announced.Remove(a.Batch);
            archive.Add(batch);
        }

        observer.Batch(batch);
        return true;
    }

    private bool TakeReceipts(string peer, ReadOnlyMemory<byte> answer, long wanted)
    {
        bool isFirst = true;
        for (int at = 0; at < answer.Length; at += SignedReceipt.Size, wanted++)
        {
            if (answer.Length - at < SignedReceipt.Size || answer.Length > ReceiptsInAnswer * SignedReceipt.Size || !SignedReceipt.TryParse(answer.Span.Slice(at, SignedReceipt.Size), out SignedReceipt receipt)
                || (wanted != 0 && receipt.Receipt.Number != wanted) || !receipt.IsOf(rules.Domain, rules.Sequencer))
            {
                Ban(peer, $"it answered with something else than receipts from number {wanted}");
                return !isFirst;
            }

            Take(receipt);
            (wanted, isFirst) = (receipt.Receipt.Number, false);
        }

        return !isFirst;
    }

    private void Ban(string peer, string why)
    {
        DateTimeOffset until = clock.GetUtcNow() + banTime;
        banned[peer] = until;
        peers.TryRemove(peer, out _);
        gossip.Ban(peer, banTime);
        log.LogWarning("Peer {Peer} is banned until {Until:u}: {Why}", peer, until, why);
    }
}
