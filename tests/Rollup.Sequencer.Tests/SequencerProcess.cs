using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Rollup.Client.Sequencer;
using Rollup.Sequencer.Configuration;

namespace Rollup.Sequencer.Tests;

/// <summary>The sequencer as a process of its own, which can be killed.</summary>
internal sealed class SequencerProcess : IDisposable
{
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(60);
    private readonly Process process;
    private readonly StringBuilder errors = new();

    private SequencerProcess(Process process) => this.process = process;

    internal SequencerClient Client { get; private set; } = null!;

    /// <summary>What it wrote to standard error.</summary>
    internal string Errors
    {
        get
        {
            lock (errors) return errors.ToString();
        }
    }

    /// <summary>Writes the configuration file of the tests.</summary>
    internal static string WriteConfig(string folder, Uri rpc, EpochConfig epoch, int snapshotRecords, ReceiptConfig? receipts = null, CommitteeConfig? committee = null)
    {
        // After many kills a test asks for thousands of receipts at once.
        SequencerConfig config = TestConfig.Make(folder, rpc, epoch: epoch, limits: new LimitConfig(RequestsPerSecond: 1_000_000, Burst: 1_000_000), snapshotRecords: snapshotRecords) with { Receipts = receipts };
        config = config with { Oracle = config.Oracle with { Committee = committee } };
        string path = Path.Combine(folder, "sequencer.json");
        File.WriteAllBytes(path, JsonSerializer.SerializeToUtf8Bytes(config, ConfigJson.Default.SequencerConfig));
        return path;
    }

    /// <summary>Starts it and waits until it answers.</summary>
    internal static async Task<SequencerProcess> StartAsync(string config)
    {
        var started = new SequencerProcess(Start("run", config));
        started.process.ErrorDataReceived += (_, e) =>
        {
            lock (started.errors) started.errors.AppendLine(e.Data);
        };
        started.process.BeginErrorReadLine();
        string? line = await started.process.StandardOutput.ReadLineAsync().WaitAsync(StartTimeout);
        if (line is null || !line.StartsWith("ready ", StringComparison.Ordinal))
        {
            await started.process.WaitForExitAsync();
            throw new InvalidOperationException($"The sequencer did not start: {line}\n{started.Errors}");
        }

        started.Client = new SequencerClient(new Uri(line["ready ".Length..]));
        return started;
    }

    /// <summary>Starts it and ends it at once (SIGKILL) some time later, whether it answers by then or not.</summary>
    internal static void StartAndKill(string config, TimeSpan after)
    {
        using Process process = Start("run", config);
        Thread.Sleep(after);
        process.Kill();
        process.WaitForExit();
    }

    /// <summary>Runs another command to its end.</summary>
    internal static async Task<(int Code, string Output, string Errors)> RunAsync(string command, string config)
    {
        using Process process = Start(command, config);
        Task<string> output = process.StandardOutput.ReadToEndAsync(), errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(StartTimeout);
        return (process.ExitCode, await output, await errors);
    }

    /// <summary>Ends it at once, wherever it is (SIGKILL).</summary>
    internal void Kill()
    {
        process.Kill();
        process.WaitForExit();
    }

    /// <summary>Asks it to end (SIGTERM).</summary>
    internal async Task<int> StopAsync()
    {
        using Process kill = Process.Start("kill", ["-TERM", process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        await process.WaitForExitAsync().WaitAsync(StartTimeout);
        return process.ExitCode;
    }

    internal Task<int> ExitAsync() => process.WaitForExitAsync().WaitAsync(StartTimeout).ContinueWith(_ => process.ExitCode, TaskScheduler.Default);

    public void Dispose()
    {
        if (!process.HasExited) Kill();
        process.Dispose();
        Client?.Dispose();
    }

    internal static Process Start(string command, string config) => Process.Start(new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "sequencer.dll"), command, "--config", config])
    {
        RedirectStandardOutput = true, RedirectStandardError = true,
    }) ?? throw new InvalidOperationException("dotnet did not start.");
}
