using System.Collections.Concurrent;
using System.Collections.Immutable;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Rollup.Circuits;
using Rollup.Groth16;
using Rollup.Groth16.Formats;
using Rollup.ProverBridge.Commands;
using Rollup.ProverBridge.Jobs;
using Rollup.ProverBridge.Monitoring;
using Rollup.ProverBridge.Proving;
using Rollup.TestSupport;

[assembly: System.Runtime.Versioning.SupportedOSPlatform("linux")]

namespace Rollup.ProverBridge.Tests;

/// <summary>A clock that stands still until it is moved.</summary>
internal sealed class ManualClock(DateTimeOffset start) : TimeProvider
{
    private DateTimeOffset now = start;

    public ManualClock() : this(DateTimeOffset.FromUnixTimeMilliseconds(1_800_000_000_123)) { }

    public override DateTimeOffset GetUtcNow() => now;

    public void Advance(TimeSpan time) => now += time;
}

/// <summary>A clock whose timers all ring at once.</summary>
internal sealed class ImpatientClock : TimeProvider
{
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        callback(state);
        return System.CreateTimer(_ => { }, null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }
}

/// <summary>A folder that is deleted at the end.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("prover-bridge-").FullName;

    public string File(string name) => System.IO.Path.Combine(Path, name);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}

/// <summary>Keeps what was logged.</summary>
internal sealed class MemoryLog<T> : ILogger<T>
{
    private readonly ConcurrentQueue<string> lines = [];

    public string Text => string.Join('\n', lines);

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        lines.Enqueue($"{logLevel}: {formatter(state, exception)} {exception}");
}

/// <summary>Remembers that it was stopped.</summary>
internal sealed class TestLifetime : IHostApplicationLifetime
{
    public bool IsStopped { get; private set; }
    public CancellationToken ApplicationStarted => default;
    public CancellationToken ApplicationStopping => default;
    public CancellationToken ApplicationStopped => default;
    public void StopApplication() => IsStopped = true;
}

internal static class Sample
{
    public static readonly RetryPolicy Retry = new(3, TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(60), () => 0);

    public static JobStore OpenStore(string file, TimeProvider clock, RetryPolicy? retry = null) => JobStore.Open(file, clock, retry ?? Retry);

    public static BridgeStatus Status(TestLifetime lifetime) => new(lifetime, new MemoryLog<BridgeStatus>());

    /// <summary>Waits until something that another process does is there; the test run's own timeout ends it if it never is.</summary>
    public static async Task UntilAsync(Func<bool> condition)
    {
        while (!condition()) await Task.Delay(20);
    }
}

/// <summary>The small circuit with its development key: product = a b + shift, a below 2^16.</summary>
internal sealed class FactorsCircuit
{
    private static readonly Lazy<Task<FactorsCircuit>> Shared = new(MakeAsync);

    private FactorsCircuit(KeysCommand.KeySet files)
    {
        Files = files;
        Key = SnarkJson.ReadVerifyingKey(File.ReadAllBytes(files.VerificationKey), files.VerificationKey);
    }

    public static Task<FactorsCircuit> GetAsync() => Shared.Value;

    public KeysCommand.KeySet Files { get; }

    public VerifyingKey Key { get; }

    public static string RealWorker { get; } = Repository.PathOf("prover-bridge", "snarkjs-worker", "worker.mjs");

    public static string StandIn(string name) => Repository.PathOf("tests", "Rollup.ProverBridge.Tests", "StandIns", name);

    public static CircuitInput Input(ulong a, ulong b, ulong shift) => InputOf(("a", a), ("b", b), ("shift", shift));

    public static CircuitInput InputOf(params (string Name, ulong Value)[] signals)
    {
        var input = new CircuitInput();
        foreach ((string name, ulong value) in signals) input.Add(name, Fr.FromUInt64(value));
        return input;
    }

    public static ImmutableArray<Fr> Publics(ulong a, ulong b, ulong shift) => [Fr.FromUInt64(a * b + shift), Fr.FromUInt64(shift)];

    public SnarkjsPool Pool(int size = 1, string? worker = null, double timeout = 120, int megabytes = 4096, bool withKey = true, ILogger? log = null, Metrics? metrics = null) => new(
        new WorkerOptions("node", worker ?? RealWorker, Files.Wasm, withKey ? Files.Zkey : null, TimeSpan.FromSeconds(timeout), (long)megabytes << 20),
        size, log ?? new MemoryLog<SnarkjsPool>(), metrics ?? new Metrics());

    public ProofMaker Maker(SnarkjsPool pool, string folder, IProver? prover = null, IWitnessCalculator? witnesses = null) => new(witnesses ?? pool, prover ?? pool, new Groth16Verifier(Key), folder);

    private static async Task<FactorsCircuit> MakeAsync() => new(await KeysCommand.DevelopmentKeysAsync(
        Repository.PathOf("tests", "Rollup.ProverBridge.Tests", "Circuits", "factors.circom"), Repository.Root, TextWriter.Null, CancellationToken.None));
}
