using System.Collections.Immutable;
using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Rollup.Api;
using Rollup.Client.Sequencer;
using Rollup.Protocol;
using Rollup.Sequencer.Configuration;
using Rollup.TestSupport;

namespace Rollup.Bench;

/// <summary>The sequencer's program. Dispose kills it.</summary>
internal sealed class BenchSequencer : IDisposable
{
    public const int Instrument = 1;
    private const int Unlimited = 10_000_000;
    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.CamelCase };

    private readonly Process process;
    private readonly StringBuilder errors = new();

    private BenchSequencer(Process process)
    {
        this.process = process;
        process.ErrorDataReceived += (_, line) =>
        {
            lock (errors) errors.AppendLine(line.Data);
        };
        process.BeginErrorReadLine();
    }

    public SequencerClient Client { get; private set; } = null!;

    /// <summary>Processor time that it has used.</summary>
    public double ProcessorSeconds
    {
        get
        {
            process.Refresh();
            return process.TotalProcessorTime.TotalSeconds;
        }
    }

    /// <summary>The standard profile with one instrument at a fixed price; no snapshots, and nothing waits for proofs.</summary>
    public static SequencerConfig Configuration(string folder, Uri rpc, Address vault) => new(
        Path.Combine(folder, "data"), Path.Combine(folder, "spool"), new ChainConfig(rpc, AnvilProcess.ChainId, vault, PollMilliseconds: 100), CircuitProfile.Standard.Name,
        [new InstrumentConfig(Instrument, "BTC-PERP", InstrumentKindName.Perpetual, 1, "BTC", 1000, 100, "BTCUSDT")], [new GroupConfig(1, 150_000)],
        new OracleConfig(OracleKind.Static, Files: [], Prices: new Dictionary<string, string> { ["BTCUSDT"] = "61700" }.ToImmutableDictionary()),
        Listen: "http://127.0.0.1:0", Epoch: new EpochConfig(MaxUnproven: 4_000),
        Limits: new LimitConfig(RequestsPerSecond: Unlimited, Burst: Unlimited, AccountRequestsPerSecond: Unlimited), SnapshotRecords: int.MaxValue);

    /// <summary>Starts it and waits until it answers.</summary>
    public static async Task<BenchSequencer> StartAsync(SequencerConfig config)
    {
        string path = Path.Combine(Path.GetDirectoryName(config.Data)!, "sequencer.json");
        await File.WriteAllBytesAsync(path, JsonSerializer.SerializeToUtf8Bytes(config, Json));
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "sequencer.dll"), "run", "--config", path]) { RedirectStandardOutput = true, RedirectStandardError = true };
        var sequencer = new BenchSequencer(Process.Start(start)!);
        if (await sequencer.process.StandardOutput.ReadLineAsync() is not { } line || !line.StartsWith("ready ", StringComparison.Ordinal))
        {
            sequencer.Dispose();
            throw new InvalidOperationException($"The sequencer did not start: {sequencer.errors}");
        }

        sequencer.Client = new SequencerClient(new Uri(line["ready ".Length..]));
        return sequencer;
    }

    public void Dispose()
    {
        process.Kill();
        process.WaitForExit();
        process.Dispose();
        Client?.Dispose();
    }
}
