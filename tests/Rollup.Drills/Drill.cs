using System.Diagnostics;
using System.Globalization;

namespace Rollup.Drills;

/// <summary>One thing that may go wrong, played against a running system. Every class of this kind is found by itself.</summary>
internal abstract class Drill
{
    /// <summary>In lower case with hyphens.</summary>
    internal abstract string Name { get; }

    /// <summary>What it shows, in one sentence.</summary>
    internal abstract string Shows { get; }

    /// <returns>The verdict: what was seen, in figures.</returns>
    /// <exception cref="DrillFailedException">Something was otherwise.</exception>
    internal abstract Task<string> RunAsync(DrillRun run);
}

/// <summary>The system did not do what it must.</summary>
internal sealed class DrillFailedException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>One run of a drill: its folder, its progress, what it waits for and what it expects.</summary>
internal sealed class DrillRun : IAsyncDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);
    private const int LogLines = 15;

    private readonly long started = Stopwatch.GetTimestamp();
    private readonly List<IAsyncDisposable> owned = [];

    private DrillRun(CancellationToken cancellation) => Cancellation = cancellation;

    /// <summary>Its working folder: configurations, data, and a log of each process.</summary>
    internal string Folder { get; } = Directory.CreateTempSubdirectory("rollup-drill-").FullName;

    /// <summary>Ctrl-C.</summary>
    internal CancellationToken Cancellation { get; }

    internal TimeSpan Elapsed => Stopwatch.GetElapsedTime(started);

    /// <summary>Runs drills one after the other and prints a table of verdicts.</summary>
    /// <returns>Whether all passed.</returns>
    internal static async Task<bool> RunAllAsync(IReadOnlyList<Drill> drills, bool keep, CancellationToken cancellation)
    {
        var table = new List<string>();
        bool allPassed = true;
        foreach (Drill drill in drills)
        {
            Console.WriteLine($"== {drill.Name}: {drill.Shows}");
            (bool passed, string verdict, TimeSpan time) = await RunOneAsync(drill, keep, cancellation);
            allPassed &= passed;
            string line = $"{(passed ? "PASS" : "FAIL")} {drill.Name}: {verdict}";
            Console.WriteLine($"{line}\n");
            table.Add($"{Seconds(time)} {line}");
            if (cancellation.IsCancellationRequested) break;
        }

        Console.WriteLine($"== {table.Count(line => line.Contains(" PASS ", StringComparison.Ordinal))} of {drills.Count} drills passed");
        foreach (string line in table) Console.WriteLine(line.ReplaceLineEndings(" "));
        return allPassed && table.Count == drills.Count;
    }

    /// <summary>A line of progress.</summary>
    internal void Step(string text) => Console.WriteLine($"[{Seconds(Elapsed)}] {text}");

    /// <summary>Fails unless a condition holds.</summary>
    internal static void Expect(bool holds, string expected, string found)
    {
        if (!holds) throw new DrillFailedException($"expected {expected}; found {found}");
    }

    /// <summary>Fails unless two values are equal.</summary>
    internal static void Equal<T>(T expected, T found, string what) =>
        Expect(EqualityComparer<T>.Default.Equals(expected, found), Invariant($"{what}: {expected}"), Invariant($"{found}"));

    /// <summary>Waits until something is so; fails when it does not come in time, or a process ended that nobody stopped.</summary>
    internal async Task UntilAsync(string what, int seconds, Func<Task<bool>> isSo)
    {
        long since = Stopwatch.GetTimestamp();
        while (!await isSo())
        {
            Cancellation.ThrowIfCancellationRequested();
            foreach (HostProcess process in owned.OfType<RunningSystem>().SelectMany(s => s.Processes)) process.RequireRunning();
            if (Stopwatch.GetElapsedTime(since).TotalSeconds > seconds) throw new DrillFailedException(Invariant($"{what}: not within {seconds} s"));
            await Task.Delay(Pause, Cancellation);
        }
    }

    /// <summary>Starts a system of its own, ended with the drill.</summary>
    internal async Task<RunningSystem> StartAsync(SystemOptions options)
    {
        var system = new RunningSystem(this, options);
        owned.Add(system);
        await system.StartAsync();
        return system;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (IAsyncDisposable item in owned) await item.DisposeAsync();
        owned.Clear();
    }

    private static async Task<(bool Passed, string Verdict, TimeSpan Time)> RunOneAsync(Drill drill, bool keep, CancellationToken cancellation)
    {
        await using var run = new DrillRun(cancellation);
        try
        {
            string verdict = await drill.RunAsync(run);
            await run.DisposeAsync();
            if (keep) Console.WriteLine($"the working folder is {run.Folder}");
            else Directory.Delete(run.Folder, recursive: true);
            return (true, verdict, run.Elapsed);
        }
        catch (Exception error)
        {
            await run.DisposeAsync();
            foreach (string log in Directory.GetFiles(run.Folder, "*.log").Order(StringComparer.Ordinal))
            {
                Console.WriteLine($"-- the last lines of {Path.GetFileName(log)}");
                foreach (string line in File.ReadLines(log).TakeLast(LogLines)) Console.WriteLine($"   {line}");
            }

            Console.WriteLine($"-- the working folder is {run.Folder}");
            return (false, error is DrillFailedException ? error.Message : error is OperationCanceledException && cancellation.IsCancellationRequested ? "interrupted" : error.ToString(), run.Elapsed);
        }
    }

    private static string Seconds(TimeSpan time) => Invariant($"{time.TotalSeconds,6:0.0} s");

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
