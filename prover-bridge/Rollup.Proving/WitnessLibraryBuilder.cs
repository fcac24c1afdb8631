using System.Diagnostics;
using Rollup.Circuits.Native;

namespace Rollup.Proving;

/// <summary>
/// Makes a circuit's native witness library with the machine's C compiler, beside the circuit's WebAssembly and named by its contents: made once, and never
/// mistaken for another's. Without a compiler there is none, and Node.js calculates the witnesses.
/// </summary>
public static class WitnessLibraryBuilder
{
    // -O2 takes twice as long to compile (demo: 34 s against 16) for witnesses a tenth sooner.
    private static readonly string[] Flags = ["-std=gnu11", "-O1", "-w", "-fPIC", "-fvisibility=hidden"];

    /// <summary>Where the library of a WebAssembly module belongs.</summary>
    /// <param name="source">What it must have been made from.</param>
    /// <exception cref="IOException"/>
    public static string PathOf(string wasm, out string source)
    {
        source = WitnessTranslator.SourceOf(File.ReadAllBytes(wasm));
        return Path.ChangeExtension(Path.GetFullPath(wasm), $".{source}.so");
    }

    /// <summary>Makes the library if it is not there.</summary>
    /// <param name="compiler">The C compiler; null for $CC or the system's cc, gcc or clang.</param>
    /// <returns>Its path; null if it cannot be made, with the reason as a warning in <paramref name="progress"/>.</returns>
    public static async Task<string?> BuildAsync(string wasm, TextWriter progress, CancellationToken cancellation, string? compiler = null)
    {
        try
        {
            string library = PathOf(wasm, out _);
            if (!File.Exists(library)) await BuildAsync(wasm, library, compiler ?? await FindCompilerAsync(cancellation), progress, cancellation);
            return library;
        }
        catch (Exception error) when (error is ProverException or WasmException or IOException or UnauthorizedAccessException)
        {
            progress.WriteLine($"warning: no native witness library for {wasm}: {error.Message} Node.js will calculate the witnesses, more slowly.");
            return null;
        }
    }

    private static async Task BuildAsync(string wasm, string library, string compiler, TextWriter progress, CancellationToken cancellation)
    {
        var watch = Stopwatch.StartNew();
        string staging = $"{library}.{Environment.ProcessId}.{Guid.NewGuid():N}";
        Directory.CreateDirectory(staging);
        try
        {
            int parts = Math.Clamp(2 * Environment.ProcessorCount, 4, 32);
            IReadOnlyDictionary<string, string> files = WitnessTranslator.Translate(await File.ReadAllBytesAsync(wasm, cancellation), parts);
            foreach ((string name, string text) in files) await File.WriteAllTextAsync(Path.Combine(staging, name), text, cancellation);
            string[] sources = [.. files.Keys.Where(name => name.EndsWith(".c", StringComparison.Ordinal))];
            progress.WriteLine($"compiling the witness generator {Path.GetFileName(library)} ({compiler}, {sources.Length} files)");
            using (var ticker = new Timer(_ => progress.WriteLine($"  witness generator: {watch.Elapsed.TotalSeconds:0} s"), null, TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(10)))
            {
                var options = new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount, CancellationToken = cancellation };
                await Parallel.ForEachAsync(sources, options, async (source, stop) => await RunAsync(compiler, [.. Flags, "-c", source, "-o", $"{source}.o"], staging, stop));
                await RunAsync(compiler, ["-shared", "-o", "library", .. sources.Select(source => $"{source}.o")], staging, cancellation);
            }

            File.Move(Path.Combine(staging, "library"), library, overwrite: true);
            progress.WriteLine(FormattableString.Invariant($"compiled the witness generator in {watch.Elapsed.TotalSeconds:0.0} s"));
        }
        finally
        {
            Directory.Delete(staging, recursive: true);
        }
    }

    private static async Task<string> FindCompilerAsync(CancellationToken cancellation)
    {
        string[] candidates = Environment.GetEnvironmentVariable("CC") is { Length: > 0 } chosen ? [chosen] : ["cc", "gcc", "clang"];
        foreach (string candidate in candidates)
        {
            try
            {
                await RunAsync(candidate, ["--version"], null, cancellation);
                return candidate;
            }
            catch (ProverException)
            {
                // The next one.
            }
        }

        throw new ProverException(ProverFault.NotStarted, $"there is no C compiler ({string.Join(", ", candidates)}): install one, or name it in $CC, and run this again.");
    }

    private static async Task RunAsync(string program, IEnumerable<string> arguments, string? folder, CancellationToken cancellation)
    {
        await using ChildProcess process = ChildProcess.Start(program, arguments, folder);
        try
        {
            process.Input.Close();
            await process.Output.CopyToAsync(Stream.Null, cancellation);
            if (await process.WaitAsync(cancellation) is var code and not 0) throw new ProverException(ProverFault.Died, $"{program} failed with exit code {code}; {process.Tail()}.");
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            throw;
        }
    }
}
