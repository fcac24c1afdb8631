using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Numerics;
using System.Security.Cryptography;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Ethereum;
using Rollup.Oracle;
using Rollup.Protocol;
using Rollup.Risk;
using Rollup.Sequencer.Configuration;
using Rollup.Sequencer.Storage;

namespace Rollup.Sequencer.Oracle;

/// <summary>
/// What a node of the committee does before it signs the risk inputs of a batch (spec 10.6): it puts what it observed itself at that time in the place of the prices and surfaces, makes every row of both, and signs if no
/// value of any row is further from its own than the tolerance, and the root is the one that follows from the inputs. Parameters are those that the chain's registry accepts, scan ranges within configured bounds, settled values those that
/// the vault was told. Funding and open interest it takes from the inputs. Thread-safe.
/// </summary>
internal sealed class Attester
{
    private const int Unit = 1_000_000;
    private const int LengthSize = 4;
    private readonly NodeConfig config;
    private readonly EthereumKey key;
    private readonly IEthereum? ethereum;
    private readonly Fr domain;
    private readonly Dictionary<int, InstrumentConfig> instruments;
    private readonly byte[] defaults = BytesOf(RiskParameters.Default);

    // Settled values that the vault has for good.
    private readonly ConcurrentDictionary<int, long> told = new();

    private readonly Lock gate = new();
    private readonly Queue<OracleReport> seen = new();
    private int written;

    /// <summary>With what the node remembered before.</summary>
    /// <param name="ethereum">Of `attests.rpc`.</param>
    /// <exception cref="IOException">Its file cannot be read.</exception>
    internal Attester(NodeConfig config, EthereumKey key, IEthereum? ethereum)
    {
        (this.config, this.key, this.ethereum, domain) = (config, key, ethereum, SettlementDomain.Of(config.ChainId, config.Vault, config.Attests!.CircuitVersion));
        instruments = config.Attests.Instruments.ToDictionary(t => t.Id);
        if (config.Attests.Memory is not { } path || !File.Exists(path)) return;
        ReadOnlySpan<byte> bytes = File.ReadAllBytes(path);
        // What a crash cut short at the end is the newest second.
        while (bytes.Length >= LengthSize && BinaryPrimitives.ReadInt32BigEndian(bytes) is var length && length > 0 && length <= bytes.Length - LengthSize)
        {
            if (OracleReport.TryDecode(bytes.Slice(LengthSize, length), out OracleReport report, out _)) seen.Enqueue(report);
            bytes = bytes[(LengthSize + length)..];
        }

        Forget();
        Keep();
    }

    /// <summary>The longest request: signature 65, risk root 32, risk inputs.</summary>
    internal static int MaxRequest => EcdsaSignature.Size + Fr.ByteLength + RiskInputs.MaxSize;

    /// <summary>A request of the sequencer. What it signs is another thing than the announcement of an epoch's inputs (spec 12): nobody can pass a proposal off as one.</summary>
    internal static byte[] Request(Fr root, ReadOnlySpan<byte> inputs, Fr domain, EthereumKey key) => [.. key.Sign(DigestOf(root, inputs, domain)).ToBytes(), .. root.ToBigEndianBytes(), .. inputs];

    private static byte[] DigestOf(Fr root, ReadOnlySpan<byte> inputs, Fr domain) =>
        Keccak.Hash256([.. "rollup-risk-proposal-1"u8, .. domain.ToBigEndianBytes(), .. root.ToBigEndianBytes(), .. Keccak.Hash256(inputs)]);

    private bool TryOpen(ReadOnlySpan<byte> request, out Fr root, out RiskInputs inputs)
    {
        const int Fixed = EcdsaSignature.Size + Fr.ByteLength;
        (root, inputs) = (default, null!);
        return request.Length > Fixed && request.Length <= MaxRequest && request[EcdsaSignature.Size - 1] is 27 or 28 && Fr.TryFromCanonicalBigEndian(request[EcdsaSignature.Size..Fixed], out root)
            && Secp256k1.TryRecover(DigestOf(root, request[Fixed..], domain), EcdsaSignature.FromBytes(request[..EcdsaSignature.Size]), out Address found) && found == config.Attests!.Sequencer
            && RiskInputs.TryDecode(request[Fixed..], out inputs, out _);
    }

    /// <summary>Remembers what the node reported.</summary>
    internal void Remember(OracleReport report)
    {
        lock (gate)
        {
            seen.Enqueue(report);
            if (config.Attests!.Memory is { } path)
            {
                using var file = new FileStream(path, FileMode.Append, FileAccess.Write);
                file.Write(Record(report));
            }

            Forget();
            if (++written > seen.Count) Keep(); // Half of the file is forgotten.
        }
    }

    private void Forget()
    {
        while (seen.Count > 1 && seen.Last().ObservedAt - seen.Peek().ObservedAt > config.Attests!.KeepMilliseconds) seen.Dequeue();
    }

    // The file, of what is remembered alone.
    private void Keep()
    {
        written = 0;
        if (config.Attests!.Memory is { } path) DurableFile.Replace(path, seen.SelectMany(Record).ToArray());
    }

    private static byte[] Record(OracleReport report)
    {
        byte[] bytes = report.Encode(), length = new byte[LengthSize];
        BinaryPrimitives.WriteInt32BigEndian(length, bytes.Length);
        return [.. length, .. bytes];
    }

    /// <summary>Signs, or says why not.</summary>
    /// <returns>r, s, v; null with the reason.</returns>
    internal async Task<(byte[]? Signature, string Problem)> AttestAsync(ReadOnlyMemory<byte> request, CancellationToken cancellation)
    {
        if (!TryOpen(request.Span, out Fr root, out RiskInputs inputs)) return (null, "the request is none, or not signed by the sequencer");
        if ((Check(inputs) ?? await CheckChainAsync(inputs, cancellation)) is { } problem) return (null, problem);
        if (new RiskTree(RiskRows.From(inputs)).Root != root) return (null, "the root does not follow from the inputs");
        Bytes32 hash = Bytes32.FromBytes(Keccak.Hash256(inputs.Encode()));
        return (key.Sign(RiskAttestation.Digest(domain, inputs.Batch, hash, root, inputs.ObservedAt.Milliseconds)).ToBytes(), "");
    }

    private string? Check(RiskInputs inputs)
    {
        if (inputs.Instruments.Length != instruments.Count || inputs.Instruments.Any(t => !instruments.TryGetValue(t.Id, out InstrumentConfig? known)
            || ((InstrumentKind)known.Kind, known.Group, known.StrikePerLot, known.ExpiresAt) != (t.Kind, t.Group, t.Strike, t.ExpiresAt))) return "its instruments are others than this node's";
        // The value of what is settled follows from no price.
        if (inputs.Instruments.FirstOrDefault(t => t.Flags != InstrumentFlags.None && (t.Flags != InstrumentFlags.Settled || !t.IsOption || t.ExpiresAt > inputs.ObservedAt)) is { } flagged)
            return $"instrument {flagged.Id} has flags {(int)flagged.Flags}; only an option that has expired is settled";
        if (config.Attests!.ScanRanges.FirstOrDefault(r => inputs.ScanRangeOf(r.Group) is { } range && (range < r.Least || range > r.Most)) is { } bounds)
            return $"the scan range {inputs.ScanRangeOf(bounds.Group)} of group {bounds.Group} is not within {bounds.Least} to {bounds.Most}";
        long at = inputs.ObservedAt.Milliseconds;
        OracleReport? report;
        lock (gate) report = seen.MinBy(r => Math.Abs(r.ObservedAt - at));
        if (report is null || Math.Abs(report.ObservedAt - at) > config.MaxAge) return $"this node observed nothing within {config.MaxAge} ms of {at}";
        if (Own(inputs, report) is not { } own) return "this node has no price of a group, or no surface of an expiry";
        if (own.Validate() is { } problem) return $"with this node's prices: {problem}";

        ImmutableArray<RiskRow> theirs = RiskRows.From(inputs), ours = RiskRows.From(own);
        for (int i = 0; i < theirs.Length; i++)
        {
            long distance = Distance(theirs[i], ours[i]);
            // 37 + 20 bits.
            if (distance * Unit > ours[i].Index * config.Attests.TolerancePpm)
                return $"a value of instrument {theirs[i].Id} is {distance} atoms a lot from this node's, more than {config.Attests.TolerancePpm} millionths of its index {ours[i].Index}";
        }

        return null;
    }

    // Parameters as the registry accepts them, and settled values as the vault has them; what it was not told yet it will be told with the batch.
    private async Task<string?> CheckChainAsync(RiskInputs inputs, CancellationToken cancellation)
    {
        byte[] parameters = BytesOf(inputs.Parameters);
        if (config.Attests!.Parameters is null && !parameters.AsSpan().SequenceEqual(defaults)) return "its parameters are others than the defaults, and this node knows no registry (attests.parameters)";
        if (ethereum is null) return null;
        try
        {
            if (config.Attests.Parameters is { } registry
                && !(bool)(await ethereum.CallAsync(registry, ParametersAbi.IsAccepted, [Bytes32.FromBytes(SHA256.HashData(parameters)), inputs.ObservedAt.Milliseconds / 1000], cancellation: cancellation))[0])
                return "its parameters are others than the registry accepts";
            foreach (InstrumentInput t in inputs.Instruments.Where(t => t.Flags != InstrumentFlags.None))
            {
                if (!told.TryGetValue(t.Id, out long payoff))
                {
                    object[] answer = await ethereum.CallAsync(config.Vault, VaultAbi.PayoffOf, [t.Id], cancellation: cancellation);
                    if (!(bool)answer[0]) continue;
                    told[t.Id] = payoff = (long)(BigInteger)answer[1];
                }

                if (t.Mark != payoff) return $"instrument {t.Id} is settled at {t.Mark} atoms a lot, and the vault was told {payoff}";
            }

            return null;
        }
        catch (EthereumException error)
        {
            return $"this node cannot ask the chain (attests.rpc): {error.Message}";
        }
    }

    /// <summary>The inputs with the report's prices and surfaces; null if the report lacks one. What is settled stays: the vault was told its value.</summary>
    private RiskInputs? Own(RiskInputs inputs, OracleReport report)
    {
        Dictionary<int, UnderlyingReport> groups = report.Underlyings.ToDictionary(u => u.Group);
        if (inputs.Instruments.Any(t => !groups.ContainsKey(t.Group))) return null;
        var expiries = ImmutableArray.CreateBuilder<ExpiryInput>();
        foreach (ExpiryInput e in inputs.Expiries)
        {
            ExpiryReport own = groups.GetValueOrDefault(e.Group)?.Expiries.FirstOrDefault(r => r.Expiry == e.ExpiresAt.Milliseconds) ?? default;
            if (own.Expiry == 0) return null;
            expiries.Add(e with { Basis = own.Basis, Surface = own.Surface });
        }

        return inputs with
        {
            Expiries = expiries.ToImmutable(),
            Instruments = [.. inputs.Instruments.Select(t =>
            {
                long index = RiskInputsMaker.Lot(groups[t.Group].Index, instruments[t.Id]);
                return t.IsFrozen ? t : t with { Index = index, Mark = t.IsOption ? 0 : index };
            })],
        };
    }

    private static long Distance(RiskRow one, RiskRow other)
    {
        long most = Math.Abs(one.Index - other.Index);
        for (int s = 0; s < Bound.Scenarios; s++) most = Math.Max(most, Math.Max(Math.Abs(one.Long[s] - other.Long[s]), Math.Abs(one.Short[s] - other.Short[s])));
        return most;
    }

    private static byte[] BytesOf(RiskParameters parameters)
    {
        var bytes = new byte[RiskParameters.Size];
        parameters.Encode(bytes);
        return bytes;
    }
}
