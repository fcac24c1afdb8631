using System.Diagnostics;
using Rollup.TestSupport;

namespace Rollup.Architecture.Tests;

/// <summary>The tracked files, and the tools that read them.</summary>
internal static class Sources
{
    /// <summary>Paths of tracked files below the root, with forward slashes, sorted.</summary>
    public static IReadOnlyList<string> Tracked { get; } =
        [.. Run("git", "-c", "core.quotePath=false", "ls-files").Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(path => File.Exists(Repository.PathOf(path)))];

    public static string Read(string path) => File.ReadAllText(Repository.PathOf(path));

    /// <summary>Runs a program in the root to its end; its error output follows its output.</summary>
    public static (int ExitCode, string Output) Run(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = Repository.Root, RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start.");
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + errors.GetAwaiter().GetResult());
    }
}
