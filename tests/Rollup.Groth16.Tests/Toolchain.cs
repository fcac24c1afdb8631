using System.Diagnostics;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;

namespace Rollup.Groth16.Tests;

/// <summary>circom and snarkjs from the repository's node_modules; what they build is cached under .cache/ by the hash of its inputs.</summary>
internal static class Toolchain
{
    public static string Root { get; } = Metadata("RepositoryRoot");

    /// <summary>Where NuGet keeps what it has restored.</summary>
    public static string RestoredPackages { get; } = Metadata("RestoredPackages");

    /// <summary>Debug or Release, as these tests were built.</summary>
    public static string Configuration { get; } = Metadata("Configuration");

    /// <summary>Runs node in the repository's root (circom's sandbox sees nothing outside it) and returns its output; throws if it fails.</summary>
    public static string Node(params string[] arguments)
    {
        var (exitCode, output) = TryNode(arguments);
        return exitCode == 0 ? output : throw new InvalidOperationException($"node {string.Join(' ', arguments)} ended with {exitCode}:\n{output}");
    }

    public static (int ExitCode, string Output) TryNode(params string[] arguments) => Run("node", Root, arguments);

    /// <summary>Runs dotnet in a folder. No server stays behind: it would hold our end of the output open.</summary>
    public static (int ExitCode, string Output) DotNet(string folder, params string[] arguments) => Run("dotnet", folder, arguments);

    private static (int ExitCode, string Output) Run(string program, string folder, string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        start.Environment["UseSharedCompilation"] = "false";
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + errors.GetAwaiter().GetResult());
    }

    public static (int ExitCode, string Output) SnarkJs(params string[] arguments) => TryNode(["node_modules/snarkjs/build/cli.cjs", .. arguments]);

    /// <summary>A folder, relative to the root, that <paramref name="build"/> has filled once for these inputs.</summary>
    public static string Cached(string name, string[] inputs, Action<string> build)
    {
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\0', inputs))))[..16];
        var folder = $".cache/groth16-tests/{name}-{hash}";
        var full = Path.Combine(Root, folder);
        if (Directory.Exists(full))
            return folder;
        var building = $"{folder}.{Environment.ProcessId}";
        Directory.CreateDirectory(Path.Combine(Root, building));
        build(building);
        try
        {
            Directory.Move(Path.Combine(Root, building), full);
        }
        catch (IOException) when (Directory.Exists(full))
        {
            Directory.Delete(Path.Combine(Root, building), recursive: true);
        }
        return folder;
    }

    private static string Metadata(string key) => Assembly.GetExecutingAssembly()
        .GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == key).Value!;
}
