using System.Text;
using System.Threading.Channels;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Engine;
using Rollup.Ethereum;
using Rollup.Protocol;
using Rollup.Risk;
using Rollup.Sequencer.Configuration;
using Rollup.Sequencer.Core;
using Rollup.Sequencer.Receipts;

namespace Rollup.Sequencer.Oracle;

/// <summary>
/// Has the committee's nodes sign risk inputs: those that an epoch is to open with, and, if the file with its signatures was lost, those of a batch that is sealed or open. As with reports the sequencer asks; what it asks is signed with
/// the key of its receipts, so that nobody else can make the nodes work.
/// </summary>
internal sealed class AttestationDesk : BackgroundService, IEventSink, ICommittee
{
    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan RetryPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LogPause = TimeSpan.FromMinutes(1);

    private readonly CommitteeConfig config;
    private readonly Spool spool;
    private readonly ReceiptSigner signer;
    private readonly HostStatus status;
    private readonly TimeProvider clock;
    private readonly ILogger<AttestationDesk> log;
    private readonly HttpClient http = new() { Timeout = RequestTimeout, MaxResponseContentBufferSize = 4_096 };
    private readonly Channel<RiskInputs> waiting = Channel.CreateUnbounded<RiskInputs>(new UnboundedChannelOptions { SingleReader = true }); // As many as may be unproven.
    private readonly Lock gate = new();

    // The newest opening.
    private (uint Batch, long ObservedAt) newest;

    // Who did not sign last, and when that was told.
    private string refusing = "";
    private long toldAt;

    /// <param name="unsettled">Canonical bytes of what batches have opened with that the vault does not have: the sealed ones, and the open one.</param>
    internal AttestationDesk(CommitteeConfig config, Spool spool, IEnumerable<byte[]> unsettled, ReceiptSigner signer, HostStatus status, TimeProvider clock, ILogger<AttestationDesk> log)
    {
        (this.config, this.spool, this.signer, this.status, this.clock, this.log) = (config, spool, signer, status, clock, log);
        foreach (byte[] inputs in unsettled) waiting.Writer.TryWrite(Decode(inputs));
    }

    public void Sealed(SealedBatch batch) => waiting.Writer.TryWrite(Decode(batch.RiskInputs.AsSpan()));

    void IEventSink.RiskInputs(byte[] inputs)
    {
        RiskInputs opened = Decode(inputs);
        lock (gate) newest = (opened.Batch, opened.ObservedAt.Milliseconds);
    }

    public async Task<CommitteeAnswer> AskAsync(RiskInputs inputs)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding); // The table is hashed on another thread than the caller's.
        byte[] bytes = inputs.Encode();
        RiskAttestation unsigned = RiskAttestation.Of(inputs.Batch, Bytes32.FromBytes(Keccak.Hash256(bytes)), new RiskTree(RiskRows.From(inputs)).Root, inputs.ObservedAt.Milliseconds, []);
        byte[] request = Attester.Request(unsigned.RiskRoot, bytes, signer.Domain, signer.Key), digest = DigestOf(unsigned);
        Task<NodeAnswer>[] asked = [.. config.Nodes.Select((node, number) => AskAsync(number, node, request, digest))];
        _ = TellAsync(inputs.Batch, asked);
        var signatures = new Dictionary<Address, EcdsaSignature>();
        var problems = new List<NodeAnswer>();
        await foreach (Task<NodeAnswer> answered in Task.WhenEach(asked))
        {
            NodeAnswer answer = await answered;
            if (answer.Problem is null) signatures[config.Nodes[answer.Node].Address] = answer.Signature;
            else problems.Add(answer);
            if (signatures.Count == config.Signatures) return new CommitteeAnswer(RiskAttestation.Of(unsigned.Batch, unsigned.InputsHash, unsigned.RiskRoot, unsigned.ReportTime, signatures), "");
            if (asked.Length - problems.Count < config.Signatures) break;
        }

        return new CommitteeAnswer(null, $"of the committee's {asked.Length} nodes {config.Signatures} must sign the risk inputs of batch {inputs.Batch}: {TextOf(problems)}");
    }

    public override void Dispose()
    {
        http.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await foreach (RiskInputs inputs in waiting.Reader.ReadAllAsync(stoppingToken))
            {
                while (IsMissing(inputs))
                {
                    CommitteeAnswer answer = await AskAsync(inputs);
                    lock (gate)
                    {
                        // Who opens the same batch anew leaves newer signatures.
                        if (answer.Signed is { } signed && IsNewest(inputs)) spool.Put(signed);
                    }

                    status.Set("committee", answer.Signed is null ? $"signatures of batch {inputs.Batch} are lost, without which it cannot be committed: {answer.Problem}" : null);
                    if (answer.Signed is null) await Task.Delay(RetryPause, clock, stoppingToken);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The end; the next start finds what is not signed.
        }
    }

    private static RiskInputs Decode(ReadOnlySpan<byte> bytes) =>
        RiskInputs.TryDecode(bytes, out RiskInputs inputs, out string problem) ? inputs : throw new InvalidOperationException($"Risk inputs that an epoch has opened with are none: {problem}.");

    private byte[] DigestOf(RiskAttestation a) => RiskAttestation.Digest(signer.Domain, a.Batch, a.InputsHash, a.RiskRoot, a.ReportTime);

    // Batches before the open one have opened for the last time.
    private bool IsNewest(RiskInputs inputs) => inputs.Batch != newest.Batch || inputs.ObservedAt.Milliseconds == newest.ObservedAt;

    // Whether the file is absent, of other inputs, or not signed by enough of the nodes, and by no others: a committee that has other members now would have it refused.
    private bool IsMissing(RiskInputs inputs)
    {
        lock (gate)
        {
            if (!IsNewest(inputs)) return false;
        }

        if (spool.Attestation(inputs.Batch) is not { } read || read.InputsHash != Bytes32.FromBytes(Keccak.Hash256(inputs.Encode()))) return true;
        byte[] digest = DigestOf(read);
        byte[][] signatures = [.. read.Signatures.Chunk(EcdsaSignature.Size)];
        return signatures.Length < config.Signatures || !signatures.All(s => config.Nodes.Any(n => IsOf(n, s, digest)));
    }

    // v as the contract wants it; that s is in the lower half is checked with the signature.
    private static bool IsOf(CommitteeNode node, byte[] signature, byte[] digest) =>
        signature is { Length: EcdsaSignature.Size } && signature[^1] is 27 or 28 && Secp256k1.TryRecover(digest, EcdsaSignature.FromBytes(signature), out Address found) && found == node.Address;

    private async Task<NodeAnswer> AskAsync(int number, CommitteeNode node, byte[] request, byte[] digest)
    {
        try
        {
            using HttpResponseMessage answer = await http.PostAsync(new Uri(node.Url, "attestation"), new ByteArrayContent(request));
            byte[] body = await answer.Content.ReadAsByteArrayAsync();
            if (!answer.IsSuccessStatusCode) return new NodeAnswer(number, default, $"{(int)answer.StatusCode} {Encoding.UTF8.GetString(body)}");
            return IsOf(node, body, digest) ? new NodeAnswer(number, EcdsaSignature.FromBytes(body), null) : new NodeAnswer(number, default, "its answer is not its signature");
        }
        catch (Exception error) when (error is HttpRequestException or IOException or OperationCanceledException or ObjectDisposedException)
        {
            return new NodeAnswer(number, default, error is OperationCanceledException ? $"no answer in {RequestTimeout.TotalSeconds} s" : error.Message);
        }
    }

    // Also who signs not, while enough others do. Told when it changes, and once a minute.
    private async Task TellAsync(uint batch, Task<NodeAnswer>[] asked)
    {
        NodeAnswer[] problems = [.. (await Task.WhenAll(asked)).Where(a => a.Problem is not null)];
        string nodes = string.Join(", ", problems.Select(p => p.Node));
        lock (gate)
        {
            if (nodes == refusing && (nodes.Length == 0 || clock.GetElapsedTime(toldAt) < LogPause)) return;
            (refusing, toldAt) = (nodes, clock.GetTimestamp());
        }

        if (nodes.Length == 0) log.LogInformation("Batch {Batch}: every node of the committee signs its risk inputs again", batch);
        else log.LogWarning("Batch {Batch}: not every node of the committee signs its risk inputs: {Problems}", batch, TextOf(problems));
    }

    private static string TextOf(IEnumerable<NodeAnswer> problems) => string.Join("; ", problems.OrderBy(p => p.Node).Select(p => $"node {p.Node}: {p.Problem}"));

    private readonly record struct NodeAnswer(int Node, EcdsaSignature Signature, string? Problem);
}
