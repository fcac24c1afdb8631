using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Rollup.Api;
using Rollup.Ethereum;
using Rollup.Oracle;
using Rollup.Protocol;
using Rollup.Risk;

namespace Rollup.Sequencer.Configuration;

/// <summary>Where prices come from.</summary>
[JsonConverter(typeof(NameConverter<OracleKind>))]
public enum OracleKind
{
    /// <summary>Fixed prices.</summary>
    Static = 1,

    /// <summary>Recorded exchange sessions, played again and again, forward and backward.</summary>
    Tape = 2,

    /// <summary>The seeded generator.</summary>
    Generated = 3,

    /// <summary>An exchange's public stream, of which nobody else vouches for anything.</summary>
    Exchange = 4,

    /// <summary>The medians of a committee's signed reports.</summary>
    Committee = 5,
}

/// <summary>The oracle feed.</summary>
/// <param name="Files">Of a tape.</param>
/// <param name="Prices">Of static prices: USD a unit by market, as decimal text.</param>
/// <param name="Speed">How many seconds of a tape or generator pass in one.</param>
/// <param name="Seed">Of the generator.</param>
/// <param name="Exchange">Of an exchange.</param>
/// <param name="Committee">Of a committee.</param>
/// <param name="Surfaces">Forwards and surfaces of options that never change, for tests and demonstrations; not of a committee, which reports its own.</param>
public sealed record OracleConfig(
    OracleKind Kind, ImmutableArray<string> Files = default, ImmutableDictionary<string, string>? Prices = null, int Speed = 1, ulong Seed = 1,
    ExchangeConfig? Exchange = null, CommitteeConfig? Committee = null, ImmutableArray<SurfaceConfig> Surfaces = default)
{
    public ImmutableArray<SurfaceConfig> Surfaces { get; init; } = Surfaces.IsDefault ? [] : Surfaces;

    /// <summary>The first rule it breaks, naming the member; or null.</summary>
    /// <param name="markets">Markets that need a price.</param>
    internal string? Validate(IReadOnlyCollection<string> markets) => Kind switch
    {
        OracleKind.Tape when Files.IsDefaultOrEmpty => "files: a tape needs files",
        OracleKind.Tape when Files.FirstOrDefault(f => !File.Exists(f)) is { } missing => $"files: there is no file {missing}",
        OracleKind.Static when Prices is null => "prices: static prices are missing",
        OracleKind.Static when markets.FirstOrDefault(m => !Prices.ContainsKey(m)) is { } priceless => $"prices: the price of {priceless} is missing",
        OracleKind.Exchange when Exchange is null => "exchange: the exchange is missing",
        OracleKind.Exchange when Exchange.Validate() is { } problem => problem,
        OracleKind.Committee when Committee is null => "committee: the committee is missing",
        OracleKind.Committee when Committee.Validate() is { } problem => problem,
        OracleKind.Committee when !Surfaces.IsEmpty => "surfaces: a committee reports its own",
        _ when Speed is < 1 or > 1000 => "speed: must be 1 to 1000",
        _ => ValidateSurfaces(),
    };

    /// <summary>Forwards and surfaces by group.</summary>
    internal ImmutableDictionary<int, ImmutableArray<ExpiryReport>> ToExpiries() => Surfaces.GroupBy(s => s.Group).ToImmutableDictionary(
        g => g.Key, g => g.OrderBy(s => s.Expiry).Select(s => new ExpiryReport(s.Expiry, s.Basis, new SviSlice(s.A, s.B, s.Rho, s.M, s.Sigma))).ToImmutableArray());

    /// <summary>With paths below a folder.</summary>
    internal OracleConfig Under(string folder) => this with { Files = Files.IsDefault ? [] : [.. Files.Select(f => Path.GetFullPath(f, folder))] };

    // By the rules of the report that would carry them, at a time before the first.
    private string? ValidateSurfaces() => ToExpiries().Select(g => new UnderlyingReport(g.Key, 1, 0, g.Value).Validate(g.Value[0].Expiry)).FirstOrDefault(p => p is not null) is { } problem ? $"surfaces: {problem}" : null;
}

/// <summary>An exchange's public combined stream, in the format of Binance.</summary>
/// <param name="Stream">WebSocket URL with the streams, e.g. wss://fstream.binance.com/stream?streams=btcusdt@bookTicker/btcusdt@depth@100ms.</param>
/// <param name="Snapshot">REST URL of a book's snapshot, with {market} in the place of the name; absent = tickers alone.</param>
/// <param name="IdleMilliseconds">A connection silent for so long is given up.</param>
/// <param name="MinPauseMilliseconds">Before a new connection; doubles with each failure.</param>
/// <param name="MaxMessageBytes">A longer message ends the connection.</param>
/// <param name="LowConfidencePpm">Half of the spread beyond this is low confidence, millionths of the price.</param>
public sealed record ExchangeConfig(
    Uri Stream, string? Snapshot = null, int IdleMilliseconds = 5_000, int MinPauseMilliseconds = 250, int MaxPauseMilliseconds = 30_000, int MaxMessageBytes = 1 << 20,
    int LowConfidencePpm = 2_500)
{
    internal string? Validate() =>
        !Stream.IsAbsoluteUri || Stream.Scheme is not ("ws" or "wss") ? "exchange.stream: must be a ws or wss URL"
        : Snapshot is not null && !(Snapshot.Contains("{market}", StringComparison.Ordinal) && Uri.TryCreate(Snapshot, UriKind.Absolute, out Uri? url) && url.Scheme is "http" or "https")
            ? "exchange.snapshot: must be an http or https URL with {market}"
        : IdleMilliseconds is < 100 or > 600_000 ? "exchange.idleMilliseconds: must be 100 to 600000"
        : MinPauseMilliseconds is < 1 or > 60_000 || MaxPauseMilliseconds < MinPauseMilliseconds || MaxPauseMilliseconds > 600_000 ? "exchange.minPauseMilliseconds, maxPauseMilliseconds: must be 1 to 60000, and not below it to 600000"
        : MaxMessageBytes is < 1_024 or > 16 << 20 ? "exchange.maxMessageBytes: must be 1024 to 16777216"
        : LowConfidencePpm is < 1 or > 1_000_000 ? "exchange.lowConfidencePpm: must be 1 to 1000000"
        : null;
}

/// <summary>A node of the committee; its place in the list is its number.</summary>
/// <param name="Address">Of the key that signs its reports.</param>
/// <param name="Url">Where its report is, e.g. https://node.example/v1/report.</param>
public sealed record CommitteeNode([property: JsonConverter(typeof(AddressConverter))] Address Address, Uri Url);

/// <summary>The oracle committee; ages in milliseconds, distances in millionths of the index (<see cref="CommitteeRules"/>).</summary>
/// <param name="Threshold">k: fewer fresh reports give no prices. 2 f + 1 of them tolerate f liars; n - k nodes may be silent at the same time.</param>
/// <param name="Signatures">Signatures that the vault's committee asks of each batch's risk inputs, which open no epoch without them; 0 = the vault has none. The nodes need `attests`.</param>
public sealed record CommitteeConfig(
    ImmutableArray<CommitteeNode> Nodes, int Threshold, int PollMilliseconds = 500, int MaxAge = 5_000, int MaxAhead = 1_000, int DivergencePpm = 5_000, int LowConfidencePpm = 2_500,
    int Signatures = 0)
{
    internal CommitteeRules ToRules() => new(Nodes.Length, Threshold, MaxAge, MaxAhead, DivergencePpm, LowConfidencePpm);

    internal string? Validate() =>
        Nodes.IsDefaultOrEmpty ? "committee.nodes: at least one is needed"
        : ToRules().Validate() is { } problem ? $"committee: {problem}"
        : Nodes.Select(n => n.Address).Distinct().Count() != Nodes.Length || Nodes.Any(n => n.Address.IsZero) ? "committee.nodes: an address is zero or stands twice: one key has one voice"
        : Nodes.FirstOrDefault(n => !n.Url.IsAbsoluteUri || n.Url.Scheme is not ("http" or "https")) is { } bad ? $"committee.nodes: {bad.Url} is no http or https URL"
        : PollMilliseconds is < 10 or > 10_000 ? "committee.pollMilliseconds: must be 10 to 10000"
        : Signatures < 0 || Signatures > Math.Min(Nodes.Length, RiskAttestation.MaxSignatures) ? $"committee.signatures: must be 0 to the number of nodes, {RiskAttestation.MaxSignatures} at most"
        : null;
}

/// <summary>Forward and surface of an expiry: <see cref="ExpiryReport"/>.</summary>
public sealed record SurfaceConfig(int Group, long Expiry, long Basis, long A, long B, long Rho, long M, long Sigma);

/// <summary>A market that a node reports.</summary>
/// <param name="Group">The margin group whose index it is.</param>
public sealed record NodeMarket(int Group, string Market);

/// <summary>What a node signs of a batch's risk inputs (spec 10.6).</summary>
/// <param name="Sequencer">Address of the key of the sequencer's receipts, with which it signs what it asks; nobody else is answered.</param>
/// <param name="Instruments">As the sequencer's configuration lists them.</param>
/// <param name="TolerancePpm">How far any value of a row may be from what the node's own observation gives, millionths of the lot's index.</param>
/// <param name="KeepMilliseconds">How long an observation is remembered: signatures that the sequencer lost are given again for so long.</param>
/// <param name="CircuitVersion">Of the vault's circuit; an upgrade of the vault raises it.</param>
/// <param name="Memory">A file that keeps it over a restart; absent = what was observed before is not signed.</param>
/// <param name="Parameters">The registry of risk parameters (spec 6.12), which says what is accepted; absent = the defaults alone are. Needs <paramref name="Rpc"/>.</param>
/// <param name="Rpc">JSON-RPC endpoint; with one, settled values must be those that the vault was told.</param>
/// <param name="ScanRanges">Bounds of groups' scan ranges; of a group without any every range is signed.</param>
public sealed record AttestConfig(
    [property: JsonConverter(typeof(AddressConverter))] Address Sequencer, ImmutableArray<InstrumentConfig> Instruments, int TolerancePpm = 10_000, int KeepMilliseconds = 900_000,
    string? Memory = null, uint CircuitVersion = Rollup.Protocol.CircuitVersion.Value,
    [property: JsonConverter(typeof(AddressConverter))] Address? Parameters = null, Uri? Rpc = null, ImmutableArray<ScanRangeBounds> ScanRanges = default)
{
    public ImmutableArray<ScanRangeBounds> ScanRanges { get; init; } = ScanRanges.IsDefault ? [] : ScanRanges;

    internal string? Validate(ImmutableArray<NodeMarket> markets) =>
        Sequencer.IsZero ? "attests.sequencer: the address is zero"
        : Instruments.IsDefaultOrEmpty || Instruments.Select(t => t.Id).Distinct().Count() != Instruments.Length ? "attests.instruments: at least one is needed, and no id stands twice"
        : Instruments.Select(t => t.Validate()).FirstOrDefault(p => p is not null) is { } problem ? $"attests.instruments: {problem}"
        : Instruments.FirstOrDefault(t => markets.All(m => m.Group != t.Group)) is { } strange ? $"attests.instruments: {strange.Symbol} is of group {strange.Group}, which this node does not report"
        : TolerancePpm is < 1 or > 500_000 ? "attests.tolerancePpm: must be 1 to 500000"
        : KeepMilliseconds is < 1_000 or > 86_400_000 ? "attests.keepMilliseconds: must be 1000 to 86400000"
        : Rpc is not null && (!Rpc.IsAbsoluteUri || Rpc.Scheme is not ("http" or "https")) ? "attests.rpc: must be an http or https URL"
        : Parameters is { IsZero: true } ? "attests.parameters: the address is zero"
        : Parameters is not null && Rpc is null ? "attests.parameters: needs attests.rpc, which asks the registry"
        : ScanRanges.Select(r => r.Group).Distinct().Count() != ScanRanges.Length ? "attests.scanRanges: a group stands twice"
        : ScanRanges.FirstOrDefault(r => Instruments.All(t => t.Group != r.Group) || r.Least < 1 || r.Most < r.Least) is { } range ? $"attests.scanRanges: group {range.Group} has no instrument, or {range.Least} to {range.Most} are no bounds"
        : null;
}

/// <summary>Within which a node signs a margin group's scan range, millionths of the price.</summary>
public sealed record ScanRangeBounds(int Group, int Least, int Most);

/// <summary>The configuration file of an oracle node. Paths are relative to its folder.</summary>
/// <param name="Node">Its place in the committee, from 0.</param>
/// <param name="ChainId">Of the rollup's vault: reports are signed for one rollup.</param>
/// <param name="Vault">The rollup's vault.</param>
/// <param name="Keystore">The key that signs the reports.</param>
/// <param name="Markets">Ascending by group once read.</param>
/// <param name="Source">What it observes; no committee.</param>
/// <param name="PasswordFile">Of the keystore; absent = the terminal is asked.</param>
/// <param name="IntervalMilliseconds">Between two reports.</param>
/// <param name="MaxAge">Older observations are not reported, milliseconds.</param>
/// <param name="ConfidencePpm">The least half width that is reported, millionths of the index.</param>
/// <param name="Attests">Absent = it signs reports alone, and no risk inputs.</param>
public sealed record NodeConfig(
    int Node, ulong ChainId, [property: JsonConverter(typeof(AddressConverter))] Address Vault, string Keystore, ImmutableArray<NodeMarket> Markets, OracleConfig Source,
    string? PasswordFile = null, string Listen = "http://127.0.0.1:8090", int IntervalMilliseconds = 1_000, int MaxAge = 2_000, int ConfidencePpm = 100,
    AttestConfig? Attests = null)
{
    /// <summary>Reads and checks a file.</summary>
    /// <exception cref="ConfigException">It cannot be read, or breaks a rule.</exception>
    public static NodeConfig Load(string path)
    {
        NodeConfig config = ConfigFile.Read(path, ConfigJson.Default.NodeConfig, out string folder);
        config = config with
        {
            Keystore = Path.GetFullPath(config.Keystore, folder),
            PasswordFile = config.PasswordFile is { } file ? Path.GetFullPath(file, folder) : null,
            Markets = config.Markets.IsDefault ? [] : [.. config.Markets.OrderBy(m => m.Group)],
            Source = config.Source.Under(folder),
            Attests = config.Attests is { Memory: { } memory } attests ? attests with { Memory = Path.GetFullPath(memory, folder) } : config.Attests,
        };
        return config.Validate() is { } problem ? throw new ConfigException($"{path}: {problem}.") : config;
    }

    /// <summary>The first rule it breaks, naming the member; or null.</summary>
    public string? Validate() =>
        Node is < 0 or >= OracleReport.MaxNodes ? $"node: must be 0 to {OracleReport.MaxNodes - 1}"
        : Vault.IsZero ? "vault: the address is zero"
        : Markets.IsDefaultOrEmpty || Markets.Length > OracleReport.MaxUnderlyings ? $"markets: must be 1 to {OracleReport.MaxUnderlyings}"
        : Markets.Any(m => m.Group is < 0 or >= 1 << Width.Group || m.Market.Length is 0 or > 32) ? "markets: groups are 0 to 15, names have 1 to 32 characters"
        : Markets.Select(m => m.Group).Distinct().Count() != Markets.Length ? "markets: a group stands twice"
        : Source.Kind == OracleKind.Committee ? "source.kind: a node observes a source of its own, no committee"
        : Source.Validate([.. Markets.Select(m => m.Market).Distinct()]) is { } problem ? $"source.{problem}"
        : !Uri.TryCreate(Listen, UriKind.Absolute, out Uri? listen) || listen.Scheme != "http" ? "listen: must be an http URL; put a proxy with TLS in front of it"
        : IntervalMilliseconds is < 50 or > 10_000 ? "intervalMilliseconds: must be 50 to 10000"
        : MaxAge is < 100 or > 10_000 ? "maxAge: must be 100 to 10000 ms"
        : ConfidencePpm is < 0 or > 1_000_000 ? "confidencePpm: must be 0 to 1000000"
        : Attests?.Validate(Markets) is { } attests ? attests
        : null;
}

/// <summary>Reads configuration files.</summary>
internal static class ConfigFile
{
    private const int MaxBytes = 1 << 20;

    /// <param name="folder">The file's folder: what paths in it are relative to.</param>
    /// <exception cref="ConfigException">It cannot be read.</exception>
    internal static T Read<T>(string path, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type, out string folder) where T : class
    {
        try
        {
            var file = new FileInfo(path);
            folder = file.DirectoryName!;
            if (!file.Exists) throw new ConfigException($"{path}: there is no such file.");
            if (file.Length > MaxBytes) throw new ConfigException($"{path}: has more than {MaxBytes} bytes.");
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), type) ?? throw new ConfigException($"{path}: the configuration is a JSON object.");
        }
        catch (JsonException error)
        {
            throw new ConfigException($"{path}: {error.Message}", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ConfigException($"{path}: {error.Message}", error);
        }
    }
}
