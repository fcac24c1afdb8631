using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using Rollup.Ethereum;
using Rollup.Protocol;
using Rollup.ProverBridge.Proving;

namespace Rollup.ProverBridge.Configuration;

/// <summary>A configuration that cannot be used; the message names file and key.</summary>
public sealed class ConfigurationException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>The configuration file of the bridge. Paths are relative to the file's folder. README.md beside the project describes every key.</summary>
public sealed record BridgeConfiguration
{
    private const long MaxBytes = 1 << 20;

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        ReadCommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
        AllowDuplicateProperties = false,
        RespectNullableAnnotations = true,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false) },
    };

    /// <summary>Folder in which the sequencer leaves sealed batches.</summary>
    public required string Spool { get; init; }

    /// <summary>Folder of the queue and of work files; made for its owner alone.</summary>
    public required string State { get; init; }

    public required CircuitSection Circuit { get; init; }

    public ProverSection Prover { get; init; } = new();

    public RetrySection Retry { get; init; } = new();

    public required EthereumSection Ethereum { get; init; }

    public MonitoringSection Monitoring { get; init; } = new();

    /// <summary>The queue's file.</summary>
    [JsonIgnore]
    public string JobsFile => Path.Combine(State, "jobs.db");

    /// <summary>Reads and checks a file.</summary>
    /// <param name="prover">Takes the place of the file's prover.kind.</param>
    /// <exception cref="ConfigurationException"/>
    public static BridgeConfiguration Load(string file, ProverKind? prover = null)
    {
        try
        {
            var info = new FileInfo(file);
            if (!info.Exists) throw new ConfigurationException($"{file}: there is no such file.");
            if (info.Length > MaxBytes) throw new ConfigurationException($"{file}: has more than {MaxBytes} bytes.");
            BridgeConfiguration read = JsonSerializer.Deserialize<BridgeConfiguration>(File.ReadAllBytes(file), Json)
                ?? throw new ConfigurationException($"{file}: must be a JSON object.");
            BridgeConfiguration configuration = read.Under(info.DirectoryName!);
            if (prover is { } kind) configuration = configuration with { Prover = configuration.Prover with { Kind = kind, Command = kind == ProverKind.External ? configuration.Prover.Command : null } };
            if (configuration.FindProblem() is { } problem) throw new ConfigurationException($"{file}: {problem}.");
            return configuration;
        }
        catch (JsonException error)
        {
            throw new ConfigurationException($"{file}: {Explain(error)}", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ConfigurationException($"{file}: {error.Message}", error);
        }
    }

    private static string Explain(JsonException error)
    {
        string at = error.Path is { Length: > 1 } path ? $" (at {path[(path.StartsWith("$.", StringComparison.Ordinal) ? 2 : 0)..]})" : "";
        if (Regex.Match(error.Message, "^The JSON property '(.+?)' could not be mapped") is { Success: true } unknown) return $"unknown key '{unknown.Groups[1].Value}'{at}.";
        if (Regex.Match(error.Message, "missing required properties.*?: (.+?)\\.? Path|missing required properties.*?: (.+)$") is { Success: true } missing)
            return $"missing {(missing.Groups[1].Success ? missing.Groups[1] : missing.Groups[2]).Value.TrimEnd('.')}{at}.";
        return error.Message;
    }

    private BridgeConfiguration Under(string folder)
    {
        string At(string path) => Path.GetFullPath(path, folder);
        return this with
        {
            Spool = At(Spool),
            State = At(State),
            Circuit = Circuit with { Wasm = At(Circuit.Wasm), Zkey = At(Circuit.Zkey), VerificationKey = At(Circuit.VerificationKey) },
            Prover = Prover with { Worker = At(Prover.Worker ?? DefaultWorker() ?? "snarkjs-worker/worker.mjs") },
            Ethereum = Ethereum with { Operator = Ethereum.Operator?.Under(folder), Prover = Ethereum.Prover?.Under(folder) },
        };
    }

    // A checkout has the worker beside the project; an installation, beside the program.
    private static string? DefaultWorker()
    {
        for (string? folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            foreach (string place in (string[])["snarkjs-worker", Path.Combine("prover-bridge", "snarkjs-worker")])
                if (Path.Combine(folder, place, "worker.mjs") is var worker && File.Exists(worker)) return worker;
        }

        return null;
    }

    private string? FindProblem()
    {
        foreach ((string key, string file) in ((string, string)[])[("circuit.wasm", Circuit.Wasm), ("circuit.zkey", Circuit.Zkey),
            ("circuit.verificationKey", Circuit.VerificationKey), ("prover.worker", Prover.Worker!), .. Ethereum.Keystores])
            if (!File.Exists(file)) return $"{key}: there is no file {file}";
        return !Directory.Exists(Spool) ? $"spool: there is no folder {Spool}"
            : CircuitProfile.All.All(p => p.Name != Circuit.Profile) ? $"circuit.profile: must be one of {string.Join(", ", CircuitProfile.All.Select(p => p.Name))}"
            : Prover.FindProblem() ?? Retry.FindProblem() ?? Ethereum.FindProblem()
            ?? (Monitoring.Port is < 0 or > 65535 ? "monitoring.port: must be 0 to 65535" : null);
    }

    /// <summary>Bounds of a number; null if it is within.</summary>
    internal static string? Outside(string key, double value, double least, double most) =>
        value >= least && value <= most ? null : FormattableString.Invariant($"{key}: must be from {least} to {most}");
}

public sealed record CircuitSection
{
    /// <summary>The circuit's profile in spec/protocol.json.</summary>
    public required string Profile { get; init; }

    /// <summary>The version that the vault gives it; each upgrade of the vault raises it.</summary>
    public uint Version { get; init; } = CircuitVersion.Value;

    /// <summary>Its witness generator.</summary>
    public required string Wasm { get; init; }

    /// <summary>Its proving key.</summary>
    public required string Zkey { get; init; }

    /// <summary>snarkjs's verification_key.json; must be that of the proving key and of the vault.</summary>
    public required string VerificationKey { get; init; }
}

public enum ProverKind
{
    /// <summary>Our own, in the bridge's process.</summary>
    Native,

    /// <summary>The snarkjs workers: the reference.</summary>
    Snarkjs,

    /// <summary>The program named by <see cref="ProverSection.Command"/>.</summary>
    External,
}

public enum WitnessKind
{
    /// <summary>The circuit's native library, in the bridge's process; the workers where there is none.</summary>
    Native,

    /// <summary>The circuit's WebAssembly, in the Node.js workers.</summary>
    Node,
}

public sealed record ProverSection
{
    public ProverKind Kind { get; init; }

    /// <summary>Who calculates witnesses.</summary>
    public WitnessKind Witness { get; init; }

    /// <summary>For an external prover: program and arguments with {zkey}, {wtns}, {proof} and {public}.</summary>
    public IReadOnlyList<string>? Command { get; init; }

    /// <summary>Worker processes for witnesses (and proofs, where snarkjs makes them), and batches worked on at a time.</summary>
    public int Workers { get; init; } = 1;

    /// <summary>For one request to a worker (load, witness, proof), one witness or proof of our own, or one run of the external prover.</summary>
    public double TimeoutSeconds { get; init; } = 900;

    /// <summary>For a worker, and for the circuit's memory in a native calculation.</summary>
    public int MemoryLimitMb { get; init; } = 6144;

    /// <summary>The Node.js program.</summary>
    public string Node { get; init; } = "node";

    /// <summary>snarkjs-worker/worker.mjs.</summary>
    public string? Worker { get; init; }

    internal string? FindProblem() =>
        BridgeConfiguration.Outside("prover.workers", Workers, 1, 64)
        ?? BridgeConfiguration.Outside("prover.timeoutSeconds", TimeoutSeconds, 1, 86_400)
        ?? BridgeConfiguration.Outside("prover.memoryLimitMb", MemoryLimitMb, 128, 1 << 20)
        ?? (Kind != ProverKind.External && Command is not null ? "prover.command: is for the kind 'external'"
            : Kind == ProverKind.External && (Command is not { Count: > 0 } command || ExternalProver.Placeholders.Any(p => !command.Any(a => a.Contains(p, StringComparison.Ordinal))))
                ? $"prover.command: an external prover needs a program and arguments with {string.Join(", ", ExternalProver.Placeholders)}" : null);
}

public sealed record RetrySection
{
    public int MaxAttempts { get; init; } = 5;
    public double BaseSeconds { get; init; } = 2;
    public double MaxSeconds { get; init; } = 300;

    /// <summary>How long the work of a killed bridge waits.</summary>
    public double LeaseSeconds { get; init; } = 30;

    internal string? FindProblem() =>
        BridgeConfiguration.Outside("retry.maxAttempts", MaxAttempts, 1, 1000)
        ?? BridgeConfiguration.Outside("retry.baseSeconds", BaseSeconds, 0.01, 3600)
        ?? BridgeConfiguration.Outside("retry.maxSeconds", MaxSeconds, BaseSeconds, 86_400)
        ?? BridgeConfiguration.Outside("retry.leaseSeconds", LeaseSeconds, 1, 3600);
}

public sealed record EthereumSection
{
    /// <summary>http or https URL of the endpoint; may hold an API key and is never logged beyond its host.</summary>
    public required Uri Rpc { get; init; }

    public required ulong ChainId { get; init; }

    public required string Vault { get; init; }

    /// <summary>The vault's operator: settles instruments and commits. Without it this bridge commits nothing, and another one does.</summary>
    public KeySection? Operator { get; init; }

    /// <summary>Posts proofs and makes batches final. Anybody may; without it this bridge proves nothing, and another one does.</summary>
    public KeySection? Prover { get; init; }

    public double PollSeconds { get; init; } = 2;

    /// <summary>A transaction that would cost more a gas is not sent.</summary>
    public double MaxFeeGwei { get; init; } = 500;

    internal IEnumerable<(string Key, string File)> Keystores
    {
        get
        {
            if (Operator is not null) yield return ("ethereum.operator.keystore", Operator.Keystore);
            if (Prover is not null) yield return ("ethereum.prover.keystore", Prover.Keystore);
        }
    }

    internal string? FindProblem() =>
        Operator is null && Prover is null ? "ethereum: needs a key: operator, which commits, prover, which proves, or both"
        : !Rpc.IsAbsoluteUri || Rpc.Scheme is not ("http" or "https") ? "ethereum.rpc: must be an http or https URL"
        : VaultProblem()
        ?? BridgeConfiguration.Outside("ethereum.chainId", ChainId, 1, 1L << 53)
        ?? BridgeConfiguration.Outside("ethereum.pollSeconds", PollSeconds, 0.05, 3600)
        ?? BridgeConfiguration.Outside("ethereum.maxFeeGwei", MaxFeeGwei, 0.001, 1_000_000);

    private string? VaultProblem()
    {
        try
        {
            return Eip55.Parse(Vault).IsZero ? "ethereum.vault: must not be zero" : null;
        }
        catch (FormatException error)
        {
            return $"ethereum.vault: {error.Message.TrimEnd('.')}";
        }
    }
}

public sealed record KeySection
{
    /// <summary>The key, encrypted (Web3 Secret Storage, version 3).</summary>
    public required string Keystore { get; init; }

    /// <summary>File with the keystore's password, readable by its owner alone; without it the terminal asks.</summary>
    public string? PasswordFile { get; init; }

    internal KeySection Under(string folder) => new() { Keystore = Path.GetFullPath(Keystore, folder), PasswordFile = PasswordFile is { } file ? Path.GetFullPath(file, folder) : null };
}

public sealed record MonitoringSection
{
    /// <summary>Port on the loopback interface; 0 takes any free one.</summary>
    public int Port { get; init; } = 9464;
}
