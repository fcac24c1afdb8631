using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Threading.Channels;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Engine;
using Rollup.Ethereum;
using Rollup.Gossip;
using Rollup.Protocol;
using Rollup.Risk;
using Rollup.Sequencer.Configuration;
using Rollup.Sequencer.Core;
using Rollup.Sequencer.Receipts;
using Rollup.Sequencer.Storage;

namespace Rollup.Sequencer.Oracle;

/// <summary>
/// Has the committee's nodes sign the risk inputs of each sealed batch, and leaves their signatures in the spool, without which the vault refuses the commit. As with reports the sequencer asks; what it asks is signed with the
/// key of its receipts, so that nobody else can make the nodes work. Asks until enough have signed: the batches after it could not be committed before it.
/// </summary>
internal sealed class AttestationDesk : BackgroundService, IEventSink
{
    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan RetryPause = TimeSpan.FromSeconds(1);

    private readonly CommitteeConfig config;
    private readonly string spool;
    private readonly ReceiptSigner signer;
    private readonly HostStatus status;
    private readonly TimeProvider clock;
    private readonly ILogger<AttestationDesk> log;
    private readonly HttpClient http = new() { Timeout = RequestTimeout, MaxResponseContentBufferSize = 4_096 };
    private readonly Channel<(uint Batch, byte[] Inputs)> waiting = Channel.CreateUnbounded<(uint, byte[])>(new UnboundedChannelOptions { SingleReader = true }); // As many as may be unproven.

    /// <param name="uncommitted">Sealed batches that the vault did not have when the sequencer stopped, ascending.</param>
    internal AttestationDesk(SequencerConfig sequencer, IEnumerable<uint> uncommitted, ReceiptSigner signer, HostStatus status, TimeProvider clock, ILogger<AttestationDesk> log)
    {
        (config, spool, this.signer, this.status, this.clock, this.log) = (sequencer.Oracle.Committee!, sequencer.Spool, signer, status, clock, log);
        foreach (uint batch in uncommitted.Where(b => !File.Exists(PathOf(b)))) Sealed(SealedBatchFile.Read(File.ReadAllBytes(Path.Combine(spool, SealedBatchFile.NameOf(batch)))));
    }

    public void Sealed(SealedBatch batch) => waiting.Writer.TryWrite((batch.Header.Batch, [.. batch.RiskInputs]));

    public override void Dispose()
    {
        http.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await foreach ((uint batch, byte[] inputs) in waiting.Reader.ReadAllAsync(stoppingToken)) await CollectAsync(batch, inputs, stoppingToken);
        }
        catch (OperationCanceledException)
        {
            // The end; the next start finds what is not signed.
        }
    }

    private string PathOf(uint batch) => Path.Combine(spool, RiskAttestation.NameOf(batch));

    private async Task CollectAsync(uint batch, byte[] bytes, CancellationToken stopping)
    {
        if (!RiskInputs.TryDecode(bytes, out RiskInputs inputs, out string problem)) throw new InvalidOperationException($"The risk inputs of sealed batch {batch}: {problem}.");
        Fr root = new RiskTree(RiskRows.From(inputs)).Root;
        Bytes32 hash = Bytes32.FromBytes(Keccak.Hash256(bytes));
        long time = inputs.ObservedAt.Milliseconds;
        byte[] request = Attester.Request(root, SignedRiskInputs.Sign(bytes, signer.Domain, signer.Key)), digest = RiskAttestation.Digest(signer.Domain, batch, hash, root, time);
        var signatures = new ConcurrentDictionary<Address, EcdsaSignature>();
        for (string? said = null; ; await Task.Delay(RetryPause, clock, stopping))
        {
            string?[] problems = await Task.WhenAll(config.Nodes.Select(n => signatures.ContainsKey(n.Address) ? Task.FromResult<string?>(null) : AskAsync(n, request, digest, signatures, stopping)));
            string refused = string.Join("; ", problems.Select((p, i) => p is null ? null : $"node {i}: {p}").OfType<string>());
            if (refused.Length > 0 && refused != said) log.LogWarning("Batch {Batch}: not every node signs its risk inputs: {Problems}", batch, said = refused);
            if (signatures.Count >= config.Signatures)
            {
                DurableFile.Replace(PathOf(batch), RiskAttestation.Of(batch, hash, root, time, signatures).ToBytes());
                status.Set("committee", null);
                return;
            }

            status.Set("committee", $"batch {batch} has {signatures.Count} of {config.Signatures} signatures of the committee and cannot be committed: {refused}");
        }
    }

    private async Task<string?> AskAsync(CommitteeNode node, byte[] request, byte[] digest, ConcurrentDictionary<Address, EcdsaSignature> signatures, CancellationToken stopping)
    {
        try
        {
            using HttpResponseMessage answer = await http.PostAsync(new Uri(node.Url, "attestation"), new ByteArrayContent(request), stopping);
            byte[] body = await answer.Content.ReadAsByteArrayAsync(stopping);
            if (!answer.IsSuccessStatusCode) return $"{(int)answer.StatusCode} {System.Text.Encoding.UTF8.GetString(body)}";
            if (body.Length != EcdsaSignature.Size || EcdsaSignature.FromBytes(body) is var signature && (!Secp256k1.TryRecover(digest, signature, out Address found) || found != node.Address))
                return "its answer is not its signature";
            signatures[node.Address] = signature;
            return null;
        }
        catch (Exception error) when (error is HttpRequestException or FormatException or OperationCanceledException && !stopping.IsCancellationRequested)
        {
            return error is OperationCanceledException ? $"no answer in {RequestTimeout.TotalSeconds} s" : error.Message;
        }
    }
}
