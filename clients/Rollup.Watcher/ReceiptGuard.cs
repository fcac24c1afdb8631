using System.Net.Http.Json;
using System.Numerics;
using System.Text.Json;
using Rollup.Api;
using Rollup.Crypto.Settlement;
using Rollup.Ethereum;
using Rollup.Gossip;
using Rollup.Protocol;
using Rollup.StateVerifier.Chain;
using Rollup.StateVerifier.Checks;

namespace Rollup.Watcher;

/// <summary>
/// Holds receipts that the sequencer signed against each other and against what batches were committed with, and challenges what contradicts (spec 10.5). The committed receipts are followed back from
/// the one that the batch names, each known by its hash: so it does not matter who shows them.
/// </summary>
/// <param name="ask">A committed receipt that it does not show, as whoever says; null if there is none. Null where nobody is asked.</param>
internal sealed class ReceiptGuard(
    WatcherConfig config, Address sequencer, Actor actor, Alerts alerts, Func<long, CancellationToken, Task<Receipt?>>? ask, TimeProvider clock)
{
    /// <summary>Contradictions and batches that wait to be looked at.</summary>
    private const int MaxWaiting = 512;

    /// <summary>Receipts before the one that a batch names that are held against it: a challenge of so many costs a million gas.</summary>
    private const int MaxLinks = 512;

    private static readonly TimeSpan AskPause = TimeSpan.FromMinutes(1);

    private readonly Queue<(GossipContradiction Contradiction, VaultCircuit? Circuit)> contradictions = new();
    private readonly SortedDictionary<uint, Committed> committed = [];
    private long lastNumber;
    private volatile VaultCircuit? circuit;

    /// <summary>What the network of the present circuit shows.</summary>
    internal GossipArchive Archive { get; private set; } = new();

    /// <summary>From now on receipts are those that are signed for this circuit: those of another have another domain, and are in another network.</summary>
    internal void Follow(VaultCircuit present)
    {
        if (circuit?.Version == present.Version) return;
        if (circuit is not null) Archive = new GossipArchive();
        circuit = present;
        committed.Clear();
    }

    /// <summary>Asks a sequencer's API.</summary>
    internal static Func<long, CancellationToken, Task<Receipt?>> AskApi(Uri receipts)
    {
        var http = new HttpClient { Timeout = TimeSpan.FromSeconds(5), MaxResponseContentBufferSize = 4_096 };
        return async (number, cancellation) =>
        {
            try
            {
                ReceiptView? view = await http.GetFromJsonAsync(new Uri(receipts, number.ToString(System.Globalization.CultureInfo.InvariantCulture)), ApiJson.Lenient.ReceiptView, cancellation);
                return view is null ? null : new Receipt(view.Number, view.OrderHash, view.Time, view.Previous);
            }
            catch (Exception error) when (error is HttpRequestException or JsonException or TaskCanceledException && !cancellation.IsCancellationRequested)
            {
                return null;
            }
        };
    }

    /// <summary>The network showed two statements that cannot both be true. Thread-safe.</summary>
    internal void Note(GossipContradiction contradiction)
    {
        lock (contradictions)
            if (contradictions.Count < MaxWaiting) contradictions.Enqueue((contradiction, circuit));
    }

    /// <summary>A batch was committed; batches come in order.</summary>
    /// <param name="of">The circuit that it is of.</param>
    internal void Note(uint batch, VaultCircuit of, BatchEvidence evidence)
    {
        var record = (object[])VaultAbi.Batches.DecodeResults(evidence.Record)[0];
        var head = new ReceiptHead((long)(BigInteger)record[11], Bytes32.FromBytes((byte[])record[12]));
        if (head.Number > lastNumber)
        {
            if (of.Version == circuit?.Version) committed[batch] = new Committed(head, Math.Max(lastNumber, head.Number - MaxLinks));
            lastNumber = head.Number;
        }

        if (committed.Count > MaxWaiting) committed.Remove(committed.Keys.First());
    }

    /// <summary>Batches are noted from the first again.</summary>
    internal void Forget()
    {
        committed.Clear();
        lastNumber = 0;
    }

    internal async Task LookAsync(CancellationToken cancellation)
    {
        if (circuit is null) return;
        foreach ((uint batch, Committed waiting) in committed.ToArray())
            if (await HoldAgainstAsync(batch, waiting, cancellation)) committed.Remove(batch);

        while (true)
        {
            (GossipContradiction Contradiction, VaultCircuit? Circuit) noted;
            lock (contradictions)
                if (!contradictions.TryDequeue(out noted)) return;
            (GossipContradiction next, VaultCircuit of) = (noted.Contradiction, noted.Circuit ?? circuit!);
            await alerts.RaiseAsync("receipts", next.What, $"the sequencer contradicts itself: {next.What}. Its words: {Hex.Format(next.First)} and {Hex.Format(next.Second)}");
            if (config.Challenges is { } challenges && SignedReceipt.TryParse(next.First, out SignedReceipt first) && SignedReceipt.TryParse(next.Second, out SignedReceipt second)
                && ReceiptEvidence.OfTwo(first, second, of.Domain, sequencer, of.Version) is { } evidence)
                await actor.SendAsync("challengeDoubleReceipt", challenges, evidence.Call, cancellation);
        }
    }

    /// <returns>Whether nothing is left to be held against this batch.</returns>
    private async Task<bool> HoldAgainstAsync(uint batch, Committed waiting, CancellationToken cancellation)
    {
        bool mayAsk = ask is not null && clock.GetUtcNow() >= waiting.AskFrom;
        while (waiting.Next.Number > waiting.Floor)
        {
            (long number, Bytes32 hash) = (waiting.Next.Number, waiting.Next.Hash);
            SignedReceipt? shown = Archive.Receipt(number);
            bool contradicts = shown is { } s && s.Receipt.HashIn(Domain) != hash;
            if (contradicts)
                await alerts.RaiseAsync("receipts", $"{batch} {number}", $"it was committed with another receipt of number {number} than the one that the sequencer signed: {Hex.Format(shown!.Value.ToBytes())}. "
                    + (ask is null ? "The challenge needs the committed one: name the sequencer's API as gossip.receipts" : "The challenge is sent as soon as the sequencer shows the committed one"), batch);

            Receipt? link = shown is { } same && !contradicts ? same.Receipt : null;
            if (link is null && mayAsk && (contradicts || HasOlder(waiting)) && await ask!(number, cancellation) is { } told && told.Number == number && told.HashIn(Domain) == hash) link = told;
            if (link is not { } known)
            {
                if (mayAsk) waiting.AskFrom = clock.GetUtcNow() + AskPause;
                return false;
            }

            waiting.Links.Insert(0, known);
            waiting.Next = new ReceiptHead(number - 1, known.Previous);
            if (contradicts) return await ChallengeAsync(batch, waiting, shown!.Value, cancellation);
        }

        return true;
    }

    private async Task<bool> ChallengeAsync(uint batch, Committed waiting, SignedReceipt receipt, CancellationToken cancellation)
    {
        if (config.Challenges is { } challenges && ReceiptEvidence.Against(receipt, batch, waiting.Head, waiting.Links, Domain, sequencer, circuit!.Version) is { } evidence)
            await actor.SendAsync("challengeContradictedReceipt", challenges, evidence.Call, cancellation);
        return true; // One is enough for the bond.
    }

    private Fr Domain => circuit!.Domain;

    // Nobody is asked for links to nothing.
    private bool HasOlder(Committed waiting)
    {
        for (long number = waiting.Next.Number - 1; number > waiting.Floor; number--)
            if (Archive.Receipt(number) is not null) return true;
        return false;
    }

    /// <summary>What is left of a batch's receipts.</summary>
    /// <param name="Head">The one that it was committed with.</param>
    /// <param name="Floor">Those up to here are not held against it.</param>
    private sealed record Committed(ReceiptHead Head, long Floor)
    {
        /// <summary>The next receipt, downward.</summary>
        internal ReceiptHead Next { get; set; } = Head;

        /// <summary>Those above, ascending.</summary>
        internal List<Receipt> Links { get; } = [];

        internal DateTimeOffset AskFrom { get; set; }
    }
}
