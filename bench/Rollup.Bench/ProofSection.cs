using System.Diagnostics;
using Rollup.Groth16;
using Rollup.Groth16.Formats;
using Rollup.TestSupport;

namespace Rollup.Bench;

/// <summary>
/// Our own prover and snarkjs on synthetic circuits of the sizes that other provers were measured at, every value of the witness of full size; peak memory
/// by the program <c>prover-bridge prove</c>, in a process of its own.
/// </summary>
public sealed class ProofSection : ISection
{
    // Three terms a row of A and of B make keys of about the size that the other provers were measured with: 0.65 GB at 1.04M constraints.
    private const int TermsPerRow = 3, Proofs = 5;

    private static readonly int[] Sizes = [60_000, 253_000, 1_040_000];

    /// <inheritdoc/>
    public string Name => "proof";

    /// <inheritdoc/>
    public void Run(Table table)
    {
        string folder = Directory.CreateTempSubdirectory("rollup-bench-").FullName;
        try
        {
            foreach (int size in Sizes) Measure(table, size, Path.Combine(folder, "circuit.zkey"), Path.Combine(folder, "witness.wtns"));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void Measure(Table table, int size, string zkey, string wtns)
    {
        Write(size, zkey, wtns);
        string what = $"{size / 1000}k constraints";
        long start = Stopwatch.GetTimestamp();
        using var prover = Groth16Prover.Open(zkey, Environment.ProcessorCount);
        table.Add($"key mapped and checked, {what}", Stopwatch.GetElapsedTime(start).TotalSeconds, "s");
        ulong[] witness = WitnessFile.LoadLimbs(wtns);
        var samples = new List<(double, double)>();
        for (int i = 0; i < Proofs; i++)
        {
            TimeSpan used = Environment.CpuUsage.TotalTime;
            start = Stopwatch.GetTimestamp();
            prover.Prove(witness);
            samples.Add((Stopwatch.GetElapsedTime(start).TotalSeconds, (Environment.CpuUsage.TotalTime - used).TotalSeconds));
        }

        table.AddSamples($"proof, verified, {what}", "s", samples);
        table.Add($"peak memory of one proof, {what}", PeakMegabytes(zkey, wtns), "MB");
        start = Stopwatch.GetTimestamp();
        Run("node", Repository.PathOf("node_modules", "snarkjs", "build", "cli.cjs"), "groth16", "prove", zkey, wtns, wtns + ".proof", wtns + ".public");
        double snarkjs = Stopwatch.GetElapsedTime(start).TotalSeconds;
        table.Add($"snarkjs, its process and the key's loading included, {what}", snarkjs, "s");
        table.Add($"snarkjs / ours, {what}", snarkjs / samples.Select(sample => sample.Item1).Order().ElementAt(Proofs / 2), "times");
    }

    private static void Write(int size, string zkey, string wtns)
    {
        R1cs r1cs = R1csFile.Parse(SyntheticCircuit.File(size, TermsPerRow), "synthetic");
        using (var secret = DevSecret.Draw())
        using (FileStream stream = File.Create(zkey))
            DevKeys.Write(r1cs, secret, stream, Environment.ProcessorCount);
        using FileStream witness = File.Create(wtns);
        WitnessFile.Write(witness, SyntheticCircuit.Witness(r1cs));
    }

    private static long PeakMegabytes(string zkey, string wtns)
    {
        string output = Run("dotnet", Path.Combine(AppContext.BaseDirectory, "prover-bridge.dll"), "prove", "--zkey", zkey, "--wtns", wtns, "--proof", wtns + ".proof", "--public", wtns + ".public");
        const string Before = "peak memory ";
        int at = output.IndexOf(Before, StringComparison.Ordinal) + Before.Length;
        return long.Parse(output.AsSpan(at, output.IndexOf(" MB", at, StringComparison.Ordinal) - at), System.Globalization.CultureInfo.InvariantCulture);
    }

    // What it writes to standard error.
    private static string Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true }) ?? throw new InvalidOperationException($"{program} did not start.");
        string output = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}: {output}");
    }
}
