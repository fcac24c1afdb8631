using System.Diagnostics;
using System.Text.Json;
using Rollup.Groth16;
using Rollup.Groth16.Formats;
using Rollup.ProverBridge.Configuration;
using Rollup.ProverBridge.Proving;
using Rollup.Proving;

namespace Rollup.ProverBridge.Commands;

/// <summary>
/// <c>prover-bridge keys dev</c>: compiles a circuit and makes its native witness library and development keys, once for each content of the circuit. Whoever runs it
/// could forge proofs; the vault refuses such keys on every chain but a local one. <c>prover-bridge keys export</c>: what bridge and vault
/// need of a ceremony's key.
/// </summary>
public static class KeysCommand
{
    // Part of the keys' folder name: raise it when the generator's output changes.
    private const int Layout = 1;

    /// <summary>Files of one set of keys; there is no native witness library where no C compiler is.</summary>
    public sealed record KeySet(string Wasm, string? WitnessLibrary, string Zkey, string VerificationKey, string Verifier, int Constraints);

    /// <param name="circuit">A profile's name, or the path of a .circom file with a main component.</param>
    /// <param name="progress">Where progress goes; the result goes to the caller.</param>
    public static async Task<KeySet> DevelopmentKeysAsync(string circuit, string repository, TextWriter progress, CancellationToken cancellation)
    {
        JsonElement compiled = await CompileAsync(circuit, repository, progress, cancellation);
        string r1csFile = compiled.GetProperty("r1cs").GetString()!;
        // The compiler's folder is named by a hash of all it depends on.
        string content = Path.GetFileName(Path.GetDirectoryName(r1csFile))!;
        string folder = Path.Combine(Path.GetDirectoryName(r1csFile)!, "..", "..", "keys", $"{content}-{Layout}");
        folder = Path.GetFullPath(folder);
        string wasm = compiled.GetProperty("wasm").GetString()!;
        string? library = await WitnessLibraryBuilder.BuildAsync(wasm, progress, cancellation);
        var keys = new KeySet(wasm, library, Path.Combine(folder, "circuit.zkey"), Path.Combine(folder, "verification_key.json"),
            Path.Combine(folder, "Groth16Verifier.sol"), compiled.GetProperty("constraints").GetInt32());
        if (Directory.Exists(folder))
        {
            progress.WriteLine($"keys of {content} are there");
            return keys;
        }

        string staging = $"{folder}.{Environment.ProcessId}.{Guid.NewGuid():N}";
        PrivateFolder.Create(staging);
        try
        {
            var watch = Stopwatch.StartNew();
            progress.WriteLine($"making development keys for {keys.Constraints} constraints");
            using (var ticker = new Timer(_ => progress.WriteLine($"  keys: {watch.Elapsed.TotalSeconds:0} s"), null, TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(10)))
                await Task.Run(() => Write(r1csFile, staging), cancellation);
            Directory.Move(staging, folder);
            progress.WriteLine($"made the keys in {watch.Elapsed.TotalSeconds:0.0} s");
        }
        catch (IOException) when (Directory.Exists(folder))
        {
            // Another process was faster; its keys are as good.
            Directory.Delete(staging, recursive: true);
        }
        catch
        {
            Directory.Delete(staging, recursive: true);
            throw;
        }

        return keys;
    }

    /// <summary>Writes verification key and verifier contract of a .zkey file to a folder.</summary>
    /// <exception cref="ConfigurationException">The file is no .zkey, or nobody should trust its key.</exception>
    public static int Export(string zkeyFile, string folder, TextWriter output)
    {
        try
        {
            using Zkey zkey = Zkey.Open(zkeyFile);
            Directory.CreateDirectory(folder);
            WriteVerifier(zkey, folder);
            if (DevKeys.IsDevelopment(zkey.VerifyingKey)) output.WriteLine("This is a development key: whoever made it can forge proofs.");
            return 0;
        }
        catch (FormatException error)
        {
            throw new ConfigurationException(error.Message, error);
        }
    }

    private static void Write(string r1csFile, string folder)
    {
        R1cs r1cs = R1csFile.Load(r1csFile);
        string zkeyFile = Path.Combine(folder, "circuit.zkey");
        using (DevSecret secret = DevSecret.Draw())
        using (FileStream stream = File.Create(zkeyFile))
            DevKeys.Write(r1cs, secret, stream, Environment.ProcessorCount);
        using Zkey zkey = Zkey.Open(zkeyFile);
        WriteVerifier(zkey, folder);
    }

    private static void WriteVerifier(Zkey zkey, string folder)
    {
        File.WriteAllBytes(Path.Combine(folder, "verification_key.json"), SnarkJson.Write(zkey.VerifyingKey));
        File.WriteAllText(Path.Combine(folder, "Groth16Verifier.sol"), SolidityVerifier.Write(zkey.VerifyingKey));
    }

    private static async Task<JsonElement> CompileAsync(string circuit, string repository, TextWriter progress, CancellationToken cancellation)
    {
        var start = new ProcessStartInfo("node", ["circuits/compile.mjs", "--stats", circuit]) { WorkingDirectory = repository, RedirectStandardOutput = true, RedirectStandardError = true };
        using Process compiler = Process.Start(start) ?? throw new ConfigurationException("node cannot be started.");
        try
        {
            Task<string> output = compiler.StandardOutput.ReadToEndAsync(cancellation);
            while (await compiler.StandardError.ReadLineAsync(cancellation) is { } line) progress.WriteLine(line);
            await compiler.WaitForExitAsync(cancellation);
            if (compiler.ExitCode != 0) throw new ConfigurationException($"{circuit} was not compiled; the compiler's messages are above.");
            using JsonDocument stats = JsonDocument.Parse(await output);
            return stats.RootElement[0].Clone();
        }
        catch (OperationCanceledException)
        {
            compiler.Kill(entireProcessTree: true);
            throw;
        }
    }

    /// <summary>The checkout that holds circuits/compile.mjs: the given folder, or the nearest one above the working folder or the program.</summary>
    public static string FindRepository(string? given)
    {
        foreach (string start in given is null ? (string[])[Environment.CurrentDirectory, AppContext.BaseDirectory] : [given])
            for (string? folder = Path.GetFullPath(start); folder is not null; folder = given is null ? Path.GetDirectoryName(folder) : null)
                if (File.Exists(Path.Combine(folder, "circuits", "compile.mjs"))) return folder;
        throw new ConfigurationException("circuits/compile.mjs is not found: name the checkout of the repository with --repository.");
    }
}
