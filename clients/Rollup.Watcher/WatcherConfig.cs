using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Rollup.Api;
using Rollup.Protocol;

namespace Rollup.Watcher;

/// <summary>What the watcher may spend, in all, since its state file was made; raise the limits to let it spend more.</summary>
/// <param name="EtherGwei">Gas of all its transactions together.</param>
/// <param name="StakeAtoms">Cash staked in challenges of unproven batches; a stake that came back counts no more.</param>
/// <param name="MaxFeeGwei">A gas; above it nothing is sent.</param>
public sealed record SpendingConfig(long EtherGwei, long StakeAtoms = 0, long MaxFeeGwei = 500);

/// <summary>The peer-to-peer network (spec 12), where receipts that contradict each other are found.</summary>
/// <param name="Sequencer">The key of the receipts.</param>
/// <param name="Oracles">Addresses of the committee's nodes, by place.</param>
/// <param name="Receipts">
/// The sequencer's API, e.g. https://rollup.example/v1/receipts/: asked for committed receipts that the network does not show. It is not trusted: what it says must hash to what was committed.
/// </param>
public sealed record WatcherGossip(
    string KeyFile, ImmutableArray<string> Listen, [property: JsonConverter(typeof(AddressConverter))] Address Sequencer, ImmutableArray<string> Peers = default,
    ImmutableArray<string> Oracles = default, string Node = "node", string? Sidecar = null, Uri? Receipts = null);

/// <summary>What one row of a risk table is proven with: files of the circuit <c>row</c>, which anybody may publish.</summary>
/// <param name="ProvingKey">The .zkey file.</param>
/// <param name="Sha256">Of it, 64 hexadecimal digits.</param>
/// <param name="Circuit">The circuit's WebAssembly; its native witness library is made beside it once.</param>
public sealed record WatcherRowProof(string ProvingKey, string Sha256, string Circuit);

/// <summary>The watcher's configuration file. Paths are relative to its folder.</summary>
/// <param name="Rpc">An L1 endpoint that the operator does not run.</param>
/// <param name="FromBlock">A block not after the vault's deployment.</param>
/// <param name="Data">Folder of its state.</param>
/// <param name="Keystore">Its own key, with some ether, and cash for stakes; nobody else may send with it.</param>
/// <param name="Challenges">The contract of challenges; absent = it only freezes.</param>
/// <param name="PasswordFile">Of the keystore; absent = the terminal is asked.</param>
/// <param name="VerifyingKeyHashes">Pins the verifying keys of all circuits that the vault had, as state-verifier's --vkey-hash; absent = they are taken as L1 has them.</param>
/// <param name="UnprovenSeconds">A batch without proof for so long is challenged; 0 = only one that fails a check.</param>
/// <param name="AlertCommand">Program and arguments; gets each alert as JSON on standard input.</param>
/// <param name="RowProof">To refute a wrong risk root by one row, where its rows are known; absent = by working out the whole root, which costs some hundred times the gas.</param>
/// <param name="Parameters">The registry that each batch's risk parameters are held against where there is no contract of challenges, which has one; absent = they are not.</param>
/// <param name="MaxReportMilliseconds">Prices older than this at a batch's opening raise an alert.</param>
/// <param name="Listen">Where /metrics and /health answer.</param>
public sealed record WatcherConfig(
    Uri Rpc, ulong ChainId, [property: JsonConverter(typeof(AddressConverter))] Address Vault, ulong FromBlock, string Data, string Keystore, SpendingConfig Spending,
    [property: JsonConverter(typeof(AddressConverter))] Address? Challenges = null, string? PasswordFile = null, ImmutableArray<string> VerifyingKeyHashes = default, int UnprovenSeconds = 0,
    ImmutableArray<string> AlertCommand = default, int PollMilliseconds = 5_000, string Listen = "http://127.0.0.1:8095", WatcherGossip? Gossip = null,
    WatcherRowProof? RowProof = null, [property: JsonConverter(typeof(AddressConverter))] Address? Parameters = null, int MaxReportMilliseconds = 10_000)
{
    private const int MaxBytes = 1 << 20;

    public ImmutableArray<string> AlertCommand { get; init; } = AlertCommand.IsDefault ? [] : AlertCommand;
    public ImmutableArray<string> VerifyingKeyHashes { get; init; } = VerifyingKeyHashes.IsDefault ? [] : VerifyingKeyHashes;

    /// <summary>Reads and checks a file.</summary>
    /// <exception cref="WatcherException">It cannot be read, or breaks a rule; the message names file and member.</exception>
    public static WatcherConfig Load(string path)
    {
        try
        {
            var file = new FileInfo(path);
            if (!file.Exists || file.Length > MaxBytes) throw new WatcherException($"{path}: there is no such file of at most {MaxBytes} bytes.");
            WatcherConfig config = JsonSerializer.Deserialize(File.ReadAllBytes(path), WatcherJson.Default.WatcherConfig) ?? throw new WatcherException($"{path}: the configuration is a JSON object.");
            string At(string name) => Path.GetFullPath(name, file.DirectoryName!);
            config = config with
            {
                Data = At(config.Data),
                Keystore = At(config.Keystore),
                PasswordFile = config.PasswordFile is { } password ? At(password) : null,
                RowProof = config.RowProof is { } row ? row with { ProvingKey = At(row.ProvingKey), Circuit = At(row.Circuit) } : null,
                Gossip = config.Gossip is { } gossip ? gossip with { KeyFile = At(gossip.KeyFile), Sidecar = gossip.Sidecar is { } sidecar ? At(sidecar) : null } : null,
            };
            return config.Validate() is { } problem ? throw new WatcherException($"{path}: {problem}.") : config;
        }
        catch (JsonException error)
        {
            throw new WatcherException($"{path}: {error.Message}", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new WatcherException($"{path}: {error.Message}", error);
        }
    }

    /// <summary>The first rule it breaks, naming the member; or null.</summary>
    public string? Validate() =>
        !Rpc.IsAbsoluteUri || Rpc.Scheme is not ("http" or "https") ? "rpc: must be an http or https URL"
        : Vault.IsZero ? "vault: the address is zero"
        : Spending.EtherGwei < 0 || Spending.StakeAtoms < 0 || Spending.MaxFeeGwei < 1 ? "spending: limits are not negative, maxFeeGwei is at least 1"
        : VerifyingKeyHashes.Any(h => h.Length != 2 + 2 * Bytes32.Size || !h.StartsWith("0x", StringComparison.Ordinal) || !h[2..].All(char.IsAsciiHexDigit)) ? "verifyingKeyHashes: must be 0x and 64 hexadecimal digits each"
        : UnprovenSeconds < 0 ? "unprovenSeconds: must be 0 or more"
        : PollMilliseconds is < 10 or > 600_000 ? "pollMilliseconds: must be 10 to 600000"
        : !Uri.TryCreate(Listen, UriKind.Absolute, out Uri? listen) || listen.Scheme != "http" ? "listen: must be an http URL"
        : MaxReportMilliseconds is < 0 or > 3_600_000 ? "maxReportMilliseconds: must be 0 to 3600000"
        : RowProof is { } row && !(row.Sha256.Length == 64 && row.Sha256.All(char.IsAsciiHexDigit)) ? "rowProof.sha256: must be 64 hexadecimal digits"
        : Gossip is { } gossip && gossip.Listen.IsDefaultOrEmpty ? "gossip.listen: at least one address is needed"
        : Gossip?.Receipts is { } receipts && (!receipts.IsAbsoluteUri || receipts.Scheme is not ("http" or "https") || !receipts.AbsolutePath.EndsWith('/')) ? "gossip.receipts: must be an http or https URL that ends with /"
        : Gossip is { } g && !g.Oracles.IsDefault && g.Oracles.Any(o => !Address.TryParse(o, out _)) ? "gossip.oracles: must be addresses"
        : null;
}

/// <summary>A configuration or state that cannot be used.</summary>
public sealed class WatcherException(string message, Exception? inner = null) : Exception(message, inner);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, AllowDuplicateProperties = false,
    RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true, ReadCommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true)]
[JsonSerializable(typeof(WatcherConfig))]
[JsonSerializable(typeof(SavedState))]
[JsonSerializable(typeof(Alert))]
internal sealed partial class WatcherJson : JsonSerializerContext;
