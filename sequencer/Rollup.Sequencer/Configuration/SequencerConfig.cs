using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Rollup.Api;
using Rollup.Crypto.Settlement;
using Rollup.Engine;
using Rollup.MarketData;
using Rollup.Oracle;
using Rollup.Protocol;
using Rollup.Risk;

namespace Rollup.Sequencer.Configuration;

/// <summary>The chain that holds the vault.</summary>
/// <param name="Rpc">JSON-RPC endpoint; what may be secret in it is never logged.</param>
/// <param name="CircuitVersion">Of the vault's circuit; an upgrade of the vault raises it.</param>
/// <param name="Confirmations">Blocks on top of a block before its events count.</param>
/// <param name="StartBlock">The vault's first block: nothing is looked for before it.</param>
/// <param name="ReorganisationDepth">Blocks that are remembered behind the confirmations.</param>
/// <param name="Parameters">The registry whose risk parameters the epochs take (spec 6.12); absent = the defaults.</param>
public sealed record ChainConfig(
    Uri Rpc, ulong ChainId, [property: JsonConverter(typeof(AddressConverter))] Address Vault, uint Confirmations = 2, ulong StartBlock = 0,
    int PollMilliseconds = 500, int ReorganisationDepth = 64, uint CircuitVersion = Rollup.Protocol.CircuitVersion.Value,
    [property: JsonConverter(typeof(AddressConverter))] Address? Parameters = null);

/// <summary>A listed instrument.</summary>
/// <param name="Symbol">For people, e.g. BTC-PERP.</param>
/// <param name="Unit">What is counted, e.g. BTC.</param>
/// <param name="LotsPerUnit">1000: a lot is 0.001 units.</param>
/// <param name="Tick">Limits are multiples of this, atoms per lot.</param>
/// <param name="Group">Margin group, 0..15.</param>
/// <param name="Market">Name of its price in the oracle feed; of an option, of its underlying's.</param>
/// <param name="Strike">Of an option: USD a unit, as decimal text with at most 6 decimals.</param>
/// <param name="Expiry">Of an option: when it expires, in whole milliseconds, e.g. 2027-01-29T08:00:00Z.</param>
public sealed record InstrumentConfig(
    int Id, string Symbol, InstrumentKindName Kind, int Group, string Unit, long LotsPerUnit, long Tick, string Market, long MinSize = 1,
    string? Strike = null, DateTimeOffset? Expiry = null)
{
    /// <summary>Whether it is a call or a put.</summary>
    internal bool IsOption => Kind is InstrumentKindName.Call or InstrumentKindName.Put;

    /// <summary>Of an option, atoms per lot; else 0.</summary>
    internal long StrikePerLot => FixedPoint.TryParse(Strike ?? "0", 6, out long strike) ? strike / LotsPerUnit : 0;

    /// <summary>Of an option; else 0.</summary>
    internal Timestamp ExpiresAt => Timestamp.FromMilliseconds(Expiry?.ToUnixTimeMilliseconds() ?? 0);

    /// <summary>The engine's part.</summary>
    internal InstrumentSpec ToEngine() => new(Id, (InstrumentKind)Kind, Group, Tick, MinSize, StrikePerLot, ExpiresAt);

    /// <summary>The first rule it breaks, or null.</summary>
    internal string? Validate()
    {
        if (Symbol.Length is 0 or > 32 || Unit.Length is 0 or > 16 || Market.Length is 0 or > 32) return $"{Id}: symbol, unit and market have 1 to 32 characters";
        if (LotsPerUnit is < 1 or > 100_000_000) return $"{Symbol}: lotsPerUnit must be 1 to 100000000";
        if (!IsOption) return Strike is null && Expiry is null ? null : $"{Symbol}: strike and expiry belong to calls and puts";
        if (Strike is null || !FixedPoint.TryParse(Strike, 6, out long strike) || strike < 1) return $"{Symbol}: strike must be USD a unit, above 0, with at most 6 decimals, not '{Strike}'";
        if (strike % LotsPerUnit != 0) return $"{Symbol}: strike {Strike} is no whole number of atoms (10^-6 USD) for each of {LotsPerUnit} lots a unit";
        if (Expiry is not { } expiry) return $"{Symbol}: expiry is missing, e.g. 2027-01-29T08:00:00Z";
        long at = expiry.ToUnixTimeMilliseconds();
        return at is < 1 or >= 1L << Width.Time || expiry.Ticks % TimeSpan.TicksPerMillisecond != 0 ? $"{Symbol}: expiry {Expiry:O} must be after 1970, in whole milliseconds" : null;
    }
}

/// <summary>A margin group.</summary>
/// <param name="ScanRangePpm">Scan range in calm markets, millionths of the price (RISK.md: Bitcoin 150000, Ether 180000, others 300000).</param>
/// <param name="MaxScanRangePpm">How far the controller may raise it; absent = not at all.</param>
/// <param name="Breaker">When trading is restricted; absent = the defaults.</param>
/// <param name="DepthHours">Open interest that the filled depth of so many hours could close needs no wider range for opening risk.</param>
/// <param name="PairDepthUsd">What two owners trade with each other in five minutes counts as depth up to this.</param>
public sealed record GroupConfig(int Group, int ScanRangePpm, int? MaxScanRangePpm = null, BreakerRules? Breaker = null, int DepthHours = 24, int PairDepthUsd = 100_000)
{
    /// <summary>The controller's part.</summary>
    public ControllerRules ToController() => new(ScanRangePpm, MaxScanRangePpm ?? ScanRangePpm, FreeHours: DepthHours);

    /// <summary>The breaker's part.</summary>
    public BreakerRules ToBreaker() => Breaker ?? new BreakerRules();
}

/// <summary>Epochs: one is one batch. Milliseconds.</summary>
/// <param name="Length">A batch is sealed this long after its opening, if something has executed.</param>
/// <param name="Max">Nothing executes later than this after the opening; the vault's limit.</param>
/// <param name="Refresh">Prices of an epoch in which nothing has executed are renewed after this.</param>
/// <param name="MaxReportAge">Prices older than this open no epoch.</param>
/// <param name="MaxUnproven">With this many sealed batches not proven yet none is sealed, and with half as many nothing opens; fewer, if proofs are too slow for the vault's deadline.</param>
/// <param name="BondUsd">The operator's bond: with half of it at risk in unproven batches nothing opens, with all of it none is sealed. Absent = no such limit.</param>
/// <param name="LiveInterval">Least time between two tables of newest prices within an epoch.</param>
/// <param name="LiveMovePpm">Prices or ranges that moved by no more than so many millionths make no such table.</param>
public sealed record EpochConfig(
    int Length = 20_000, int Max = 60_000, int Refresh = 5_000, int MaxReportAge = 10_000, int MaxUnproven = 512, int LiveInterval = 1_000, int LiveMovePpm = 500, int? BondUsd = null);

/// <summary>Fees in millionths of the quote, and funding.</summary>
/// <param name="FundingPpm">Interest that longs pay shorts in eight hours, millionths of the index.</param>
/// <param name="PremiumBoundPpm">The premium counts up to this in eight hours, millionths of the index; 0 = interest alone.</param>
/// <param name="ImpactNotionalUsd">The premium is measured at the mean price of an order of so many USD.</param>
public sealed record FeeConfig(int MakerPpm = 100, int TakerPpm = 300, int FundingPpm = 100, int PremiumBoundPpm = 3_000, int ImpactNotionalUsd = 10_000);

/// <summary>Liquidation of accounts below maintenance (docs/RISK.md).</summary>
/// <param name="Enabled">Without it such accounts are left alone.</param>
/// <param name="FeePpm">Of what is closed, to the insurance fund; at most 5000.</param>
/// <param name="AccountUsd">Most that is closed of one account through the book in an epoch, and in one slice of an auction.</param>
/// <param name="TotalUsd">Most that is closed of all accounts through the book in an epoch.</param>
/// <param name="BookEpochs">Epochs until an account is auctioned.</param>
/// <param name="AuctionMilliseconds">In which an auction's price falls from the mark to its bound.</param>
/// <param name="MinimumEquityUsd">An account with less opens no derivatives.</param>
/// <param name="EarlyEpochUsd">Margin in distress under live prices that ends an epoch at once; less of it after five seconds.</param>
public sealed record LiquidationSettings(
    bool Enabled = true, int FeePpm = 5_000, int AccountUsd = 1_000_000, int TotalUsd = 10_000_000, int BookEpochs = 3, int AuctionMilliseconds = 30_000,
    int MinimumEquityUsd = 10, int EarlyEpochUsd = 100_000)
{
    /// <summary>As the engine takes it; null if it is off.</summary>
    internal LiquidationConfig? ToEngine() => Enabled
        ? new(FeeRate.FromPpm(FeePpm), (long)AccountUsd * Scale.AtomsPerUsd, (long)TotalUsd * Scale.AtomsPerUsd, BookEpochs, AuctionMilliseconds, (long)MinimumEquityUsd * Scale.AtomsPerUsd)
        : null;
}

/// <summary>Limits on what strangers can cost.</summary>
/// <param name="BodyBytes">Longest request body.</param>
/// <param name="RequestsPerSecond">Of one address.</param>
/// <param name="Burst">Requests an address may send at once.</param>
/// <param name="AccountRequestsPerSecond">Signed requests of one account.</param>
/// <param name="Queue">Requests that wait for the check of their signature, and commands that wait for the journal.</param>
/// <param name="StreamConnections">Open stream connections.</param>
/// <param name="StreamQueue">Messages that wait for a slow reader before it is cut off.</param>
/// <param name="ViewKeys">View keys kept for registrations that have not come.</param>
/// <param name="ViewKeyHours">How long they are kept.</param>
public sealed record LimitConfig(
    int BodyBytes = 16_384, int RequestsPerSecond = 2000, int Burst = 4000, int AccountRequestsPerSecond = 1000, int Queue = 8192,
    int StreamConnections = 1000, int StreamQueue = 1024, int ViewKeys = 100_000, int ViewKeyHours = 24);

/// <summary>Receipts (spec 11).</summary>
/// <param name="Keystore">The key that signs them, one of those that the challenges' contract knows; it holds no funds.</param>
/// <param name="PasswordFile">Of the keystore; absent = the terminal is asked.</param>
public sealed record ReceiptConfig(string Keystore, string? PasswordFile = null);

/// <summary>The peer-to-peer network (spec 12); what is told there is signed with the key of the receipts.</summary>
/// <param name="KeyFile">Identity in the network, made if absent; it signs no content.</param>
/// <param name="Listen">Multiaddresses, e.g. /ip4/0.0.0.0/tcp/9000.</param>
/// <param name="Peers">Multiaddresses with /p2p/ID that are dialled for ever.</param>
/// <param name="Node">The Node.js program.</param>
/// <param name="Sidecar">sidecar.mjs; absent = the one beside the program or in the source tree around it.</param>
/// <param name="Batches">Sealed batches that are offered anew after a restart.</param>
public sealed record GossipConfig(string KeyFile, ImmutableArray<string> Listen, ImmutableArray<string> Peers = default, string Node = "node", string? Sidecar = null, int Batches = 64)
{
    public ImmutableArray<string> Peers { get; init; } = Peers.IsDefault ? [] : Peers;
}

/// <summary>The sequencer's configuration file. Paths are relative to its folder.</summary>
/// <param name="Data">Journal and snapshots; one sequencer at a time.</param>
/// <param name="Spool">Sealed batches for the prover bridge.</param>
/// <param name="Listen">Where the API answers; loopback unless said otherwise.</param>
/// <param name="Profile">Circuit profile: capacity of a batch.</param>
/// <param name="OperatorTokenFile">Secret of the operator's endpoints; absent = they are closed.</param>
/// <param name="ViewKeyGraceSeconds">A registration whose view key is unknown for so long is bounced.</param>
/// <param name="SnapshotRecords">A snapshot is made after so many journal records.</param>
/// <param name="BookIntervalMilliseconds">Least time between two messages of one book.</param>
/// <param name="Receipts">Absent = nobody gets receipts.</param>
/// <param name="Gossip">Absent = no part in the network.</param>
public sealed record SequencerConfig(
    string Data, string Spool, ChainConfig Chain, string Profile, ImmutableArray<InstrumentConfig> Instruments, ImmutableArray<GroupConfig> Groups, OracleConfig Oracle,
    string Listen = "http://127.0.0.1:8080", EpochConfig? Epoch = null, FeeConfig? Fees = null, LimitConfig? Limits = null, string? OperatorTokenFile = null,
    int ViewKeyGraceSeconds = 30, int SnapshotRecords = 100_000, int BookIntervalMilliseconds = 100, LiquidationSettings? Liquidation = null,
    ReceiptConfig? Receipts = null, GossipConfig? Gossip = null)
{
    public EpochConfig Epoch { get; init; } = Epoch ?? new EpochConfig();
    public FeeConfig Fees { get; init; } = Fees ?? new FeeConfig();
    public LimitConfig Limits { get; init; } = Limits ?? new LimitConfig();
    public LiquidationSettings Liquidation { get; init; } = Liquidation ?? new LiquidationSettings();

    /// <summary>Reads and checks a file.</summary>
    /// <exception cref="ConfigException">It cannot be read, or breaks a rule.</exception>
    public static SequencerConfig Load(string path)
    {
        SequencerConfig config = ConfigFile.Read(path, ConfigJson.Default.SequencerConfig, out string folder).Under(folder);
        return config.Validate() is { } problem ? throw new ConfigException($"{path}: {problem}.") : config;
    }

    /// <summary>The engine's part.</summary>
    public EngineConfig ToEngine() => new(
        SettlementDomain.Of(Chain.ChainId, Chain.Vault, Chain.CircuitVersion), CircuitProfile.Named(Profile),
        [.. Instruments.Select(t => t.ToEngine())],
        FeeRate.FromPpm(Fees.MakerPpm), FeeRate.FromPpm(Fees.TakerPpm), Epoch.Max, Epoch.MaxReportAge, Liquidation: Liquidation.ToEngine());

    /// <summary>The first rule it breaks, naming the member; or null.</summary>
    public string? Validate()
    {
        if (CircuitProfile.All.All(p => p.Name != Profile)) return $"profile: '{Profile}' is none of {string.Join(", ", CircuitProfile.All.Select(p => p.Name))}";
        if (!Chain.Rpc.IsAbsoluteUri || Chain.Rpc.Scheme is not ("http" or "https")) return "chain.rpc: must be an http or https URL";
        if (Chain.Vault.IsZero) return "chain.vault: the address is zero";
        if (Chain.PollMilliseconds is < 10 or > 600_000) return "chain.pollMilliseconds: must be 10 to 600000";
        if (Chain.ReorganisationDepth is < 1 or > 10_000) return "chain.reorganisationDepth: must be 1 to 10000";
        if (!Uri.TryCreate(Listen, UriKind.Absolute, out Uri? listen) || listen.Scheme != "http") return "listen: must be an http URL; put a proxy with TLS in front of it";
        if (Instruments.IsDefaultOrEmpty) return "instruments: at least one is needed";
        foreach (InstrumentConfig t in Instruments)
        {
            if (t.Validate() is { } instrument) return $"instruments: {instrument}";
            if (Groups.IsDefault || Groups.All(g => g.Group != t.Group)) return $"groups: group {t.Group} of {t.Symbol} is missing";
        }

        if (Instruments.Select(t => t.Symbol).Distinct().Count() != Instruments.Length) return "instruments: a symbol stands twice";
        if (Groups.Select(g => g.Group).Distinct().Count() != Groups.Length) return "groups: a group stands twice";
        if (Groups.FirstOrDefault(g => g.Group is < 0 or >= 1 << Width.Group || g.ScanRangePpm is < 1 or > 900_000) is { } bad) return $"groups: group {bad.Group} or its scan range {bad.ScanRangePpm} is out of range";
        if (Groups.FirstOrDefault(g => g.PairDepthUsd is < 1 or > 1_000_000_000) is { } pair) return $"groups: {pair.Group}: pairDepthUsd must be 1 to 1000000000";
        foreach (GroupConfig g in Groups)
            if ((g.ToController().Validate() ?? g.ToBreaker().Validate()) is { } rule) return $"groups: {g.Group}: {rule}";
        if (Fees.PremiumBoundPpm is < 0 or > 100_000 || Fees.ImpactNotionalUsd is < 1 or > 100_000_000) return "fees: premiumBoundPpm must be 0 to 100000, impactNotionalUsd 1 to 100000000";
        if (Fees.MakerPpm is < 0 or > 100_000 || Fees.TakerPpm is < 0 or > 100_000 || Fees.FundingPpm is < -10_000 or > 10_000) return "fees: must be 0 to 100000 millionths, funding -10000 to 10000";
        if (Liquidation.FeePpm is < 0 or > Scale.LiquidationFeeRate) return $"liquidation.feePpm: must be 0 to {Scale.LiquidationFeeRate}";
        if (Liquidation.EarlyEpochUsd < 1) return "liquidation.earlyEpochUsd: must be at least 1";
        if (ToEngine().Validate() is { } engine) return engine;
        if (Epoch.Max is < 1_000 or > 60_000) return "epoch.max: must be 1000 to 60000 ms";
        if (Epoch.Length < 100 || Epoch.Length > Epoch.Max * 9 / 10) return "epoch.length: must be 100 ms to nine tenths of epoch.max";
        if (Epoch.Refresh < 100 || Epoch.Refresh > Epoch.Length) return "epoch.refresh: must be 100 ms to epoch.length";
        if (Epoch.LiveInterval is < 100 or > 60_000) return "epoch.liveInterval: must be 100 to 60000 ms";
        if (Epoch.LiveMovePpm is < 0 or > 100_000) return "epoch.liveMovePpm: must be 0 to 100000";
        if (Epoch.MaxUnproven is < 1 or > 4_000) return "epoch.maxUnproven: must be 1 to 4000";
        if (Epoch.BondUsd is < 1) return "epoch.bondUsd: must be at least 1";
        if (ViewKeyGraceSeconds is < 0 or > 86_400) return "viewKeyGraceSeconds: must be 0 to 86400";
        if (SnapshotRecords < 1) return "snapshotRecords: must be at least 1";
        if (BookIntervalMilliseconds is < 0 or > 60_000) return "bookIntervalMilliseconds: must be 0 to 60000";
        if (Gossip is { } gossip)
        {
            if (Receipts is null) return "gossip: needs receipts, with whose key it signs";
            if (gossip.Listen.IsDefaultOrEmpty) return "gossip.listen: at least one address is needed";
            if (gossip.Batches is < 1 or > 4_096) return "gossip.batches: must be 1 to 4096";
        }

        if (Oracle.Validate([.. Instruments.Select(t => t.Market).Distinct()]) is { } oracle) return $"oracle.{oracle}";
        if (Oracle.Committee?.Signatures > 0 && Receipts is null) return "oracle.committee.signatures: needs receipts, with whose key the sequencer asks for them";
        if (ValidateOptions() is { } option) return option;
        if (Oracle.Kind == OracleKind.Committee)
        {
            // A committee speaks of groups.
            (string Market, int Group)[] pairs = [.. Instruments.Select(t => (t.Market, t.Group)).Distinct()];
            if (pairs.Select(p => p.Market).Distinct().Count() != pairs.Length || pairs.Select(p => p.Group).Distinct().Count() != pairs.Length)
                return "instruments: with a committee every group has one market of its own";
        }

        return ValidateLimits();
    }

    private string? ValidateOptions()
    {
        InstrumentConfig[] options = [.. Instruments.Where(t => t.IsOption)];
        if (options.GroupBy(t => t.Group).FirstOrDefault(g => g.DistinctBy(t => t.Market).Count() > 1) is { } mixed)
            return $"instruments: the options of group {mixed.Key} have several markets, {string.Join(", ", mixed.Select(t => t.Market).Distinct())}; a group has one underlying";
        (int Group, Timestamp At)[] expiries = [.. options.Select(t => (t.Group, t.ExpiresAt)).Distinct()];
        if (expiries.Length > RiskInputs.MaxExpiries) return $"instruments: {expiries.Length} expiries exceed {RiskInputs.MaxExpiries}";
        // A committee reports what it reports; any other feed has the surfaces of this file.
        return Oracle.Kind != OracleKind.Committee && options.FirstOrDefault(t => Oracle.Surfaces.All(s => (s.Group, s.Expiry) != (t.Group, t.ExpiresAt.Milliseconds))) is { } bare
            ? $"oracle.surfaces: group {bare.Group} has none of expiry {bare.ExpiresAt.Milliseconds}, of {bare.Symbol}" : null;
    }

    private string? ValidateLimits() =>
        Limits.BodyBytes is < 512 or > 1 << 20 ? "limits.bodyBytes: must be 512 to 1048576"
        : new[] { Limits.RequestsPerSecond, Limits.Burst, Limits.AccountRequestsPerSecond, Limits.Queue, Limits.StreamConnections, Limits.StreamQueue, Limits.ViewKeys, Limits.ViewKeyHours }
            .Any(limit => limit < 1) ? "limits: every limit is at least 1"
        : null;

    private SequencerConfig Under(string folder)
    {
        string At(string path) => Path.GetFullPath(path, folder);
        return this with
        {
            Data = At(Data),
            Spool = At(Spool),
            OperatorTokenFile = OperatorTokenFile is { } token ? At(token) : null,
            Receipts = Receipts is { } receipts ? receipts with { Keystore = At(receipts.Keystore), PasswordFile = receipts.PasswordFile is { } password ? At(password) : null } : null,
            Gossip = Gossip is { } gossip ? gossip with { KeyFile = At(gossip.KeyFile), Sidecar = gossip.Sidecar is { } sidecar ? At(sidecar) : null } : null,
            Instruments = Instruments.IsDefault ? [] : [.. Instruments.OrderBy(t => t.Id)],
            Groups = Groups.IsDefault ? [] : [.. Groups.OrderBy(g => g.Group)],
            Oracle = Oracle.Under(folder),
        };
    }
}

/// <summary>A configuration that cannot be used; the message names file and member.</summary>
public sealed class ConfigException(string message, Exception? inner = null) : Exception(message, inner);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, AllowDuplicateProperties = false,
    RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true, ReadCommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true)]
[JsonSerializable(typeof(SequencerConfig))]
[JsonSerializable(typeof(NodeConfig))]
internal sealed partial class ConfigJson : JsonSerializerContext;
