using System.Diagnostics;
using System.Globalization;
using Rollup.TestSupport;

namespace Rollup.Drills;

/// <summary>One of the project's programs, as `make build` leaves it, in a process of its own; all that it says goes to a log file.</summary>
internal sealed class HostProcess : IAsyncDisposable
{
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(60);

    private readonly string name;
    private readonly Process process;
    private readonly StreamWriter log;
    private readonly TaskCompletionSource<string> ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool isStopped;

    private HostProcess(string name, Process process, StreamWriter log) => (this.name, this.process, this.log) = (name, process, log);

    /// <summary>Completes with what follows "ready " on its output.</summary>
    internal Task<string> Ready => ready.Task;

    internal bool HasExited => process.HasExited;

    /// <summary>Starts it; the log of an earlier run goes on.</summary>
    internal static HostProcess Start(string name, string folder, params string[] arguments) => StartAs(name, name, folder, arguments);

    /// <summary>The same for one of several processes of a program, with a name and a log of its own.</summary>
    internal static HostProcess StartAs(string name, string program, string folder, params string[] arguments)
    {
        ProcessStartInfo start = StartInfo(ProgramOf(program), arguments);
        var log = new StreamWriter(Path.Combine(folder, $"{name}.log"), append: true) { AutoFlush = true };
        var started = new HostProcess(name, Process.Start(start) ?? throw new DrillFailedException($"{name} does not start"), log);
        started.process.OutputDataReceived += (_, e) => started.Read(e.Data);
        started.process.ErrorDataReceived += (_, e) => started.Read(e.Data);
        started.process.BeginOutputReadLine();
        started.process.BeginErrorReadLine();
        return started;
    }

    /// <summary>Runs a program to its end.</summary>
    internal static async Task<(int Code, string Output, string Errors)> RunAsync(string name, CancellationToken cancellation, params string[] arguments)
    {
        using Process process = Process.Start(StartInfo(ProgramOf(name), arguments)) ?? throw new DrillFailedException($"{name} does not start");
        try
        {
            Task<string> output = process.StandardOutput.ReadToEndAsync(cancellation), errors = process.StandardError.ReadToEndAsync(cancellation);
            await process.WaitForExitAsync(cancellation);
            return (process.ExitCode, await output, await errors);
        }
        finally
        {
            if (!process.HasExited) process.Kill(entireProcessTree: true);
        }
    }

    /// <summary>Runs a program that must succeed.</summary>
    /// <returns>Its standard output.</returns>
    internal static async Task<string> SucceedAsync(string name, CancellationToken cancellation, params string[] arguments)
    {
        (int code, string output, string errors) = await RunAsync(name, cancellation, arguments);
        return code == 0 ? output : throw new DrillFailedException($"`{name} {string.Join(' ', arguments)}` ended with {code}: {errors.Trim()}");
    }

    /// <summary>Fails if it ended and nobody stopped it.</summary>
    internal void RequireRunning()
    {
        if (!isStopped && process.HasExited) throw new DrillFailedException(string.Create(CultureInfo.InvariantCulture, $"the {name} ended by itself with {process.ExitCode}"));
    }

    /// <summary>Waits until it ends by itself.</summary>
    /// <returns>The exit code.</returns>
    internal async Task<int> EndAsync(TimeSpan limit)
    {
        isStopped = true;
        await process.WaitForExitAsync().WaitAsync(limit);
        return process.ExitCode;
    }

    /// <summary>Asks it to end (SIGTERM), and waits.</summary>
    /// <returns>The exit code.</returns>
    internal async Task<int> StopAsync()
    {
        isStopped = true;
        if (!process.HasExited)
        {
            using Process kill = Process.Start("kill", ["-TERM", process.Id.ToString(CultureInfo.InvariantCulture)]);
            await process.WaitForExitAsync().WaitAsync(StopTimeout);
        }

        return process.ExitCode;
    }

    /// <summary>Ends it at once, wherever it is (SIGKILL).</summary>
    internal async Task KillAsync()
    {
        isStopped = true;
        if (!process.HasExited) process.Kill(entireProcessTree: true);
        await process.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        process.Dispose();
        await log.DisposeAsync();
    }

    private static string ProgramOf(string name)
    {
        (string folder, string project) = name switch
        {
            "rollup" => ("clients", "Rollup.Cli"),
            "state-verifier" => ("clients", "Rollup.StateVerifier"),
            "watcher" => ("clients", "Rollup.Watcher"),
            "prover-bridge" => ("prover-bridge", "Rollup.ProverBridge"),
            "sequencer" => ("sequencer", "Rollup.Sequencer"),
            _ => throw new ArgumentException($"There is no program {name}.", nameof(name)),
        };
        string path = Repository.PathOf(folder, project, "bin", "Release", "net10.0", name);
        return File.Exists(path) ? path : throw new DrillFailedException($"{path} is missing: run `make build`");
    }

    private static ProcessStartInfo StartInfo(string program, string[] arguments) => new(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };

    private void Read(string? line)
    {
        if (line is null)
        {
            ready.TrySetException(new DrillFailedException($"the {name} ended before it was ready"));
            return;
        }

        lock (log)
        {
            if (log.BaseStream.CanWrite) log.WriteLine(line);
        }

        if (line.StartsWith("ready ", StringComparison.Ordinal)) ready.TrySetResult(line["ready ".Length..]);
    }
}
