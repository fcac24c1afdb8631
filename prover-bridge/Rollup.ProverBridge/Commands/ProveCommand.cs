using System.Diagnostics;
using Rollup.Groth16;
using Rollup.Groth16.Formats;

namespace Rollup.ProverBridge.Commands;

/// <summary><c>prover-bridge prove</c>: one witness file to one proof with our own prover, as snarkjs and rapidsnark do it from their command lines.</summary>
internal static class ProveCommand
{
    public static int Run(string zkey, string wtns, string proof, string publics, TextWriter progress, bool isTerminal, CancellationToken cancellation)
    {
        try
        {
            var watch = Stopwatch.StartNew();
            using var prover = Groth16Prover.Open(zkey, Environment.ProcessorCount, cancellation);
            progress.WriteLine(FormattableString.Invariant($"key mapped and checked after {watch.Elapsed.TotalSeconds:0.00} s: {prover.WireCount} wires"));
            watch.Restart();
            ProvenStatement made = prover.Prove(wtns, isTerminal ? new Bar(progress) : null, cancellation);
            File.WriteAllBytes(proof, SnarkJson.Write(made.Proof));
            File.WriteAllBytes(publics, SnarkJson.Write(made.PublicInputs));
            using var self = Process.GetCurrentProcess();
            progress.WriteLine(FormattableString.Invariant($"proven and verified after {watch.Elapsed.TotalSeconds:0.00} s, peak memory {self.PeakWorkingSet64 >> 20} MB: {proof}"));
            return 0;
        }
        catch (Exception error) when (error is FormatException or InvalidWitnessException or UnauthorizedAccessException)
        {
            progress.WriteLine($"error: {error.Message}");
            return 1;
        }
    }

    private sealed class Bar(TextWriter output) : IProgress<ProvingProgress>
    {
        private const int Width = 30;

        public void Report(ProvingProgress value)
        {
            int filled = Width * value.Done / value.Total;
            output.Write($"\r[{new string('#', filled)}{new string('.', Width - filled)}] {value.Done} of {value.Total} {value.Next,-20}");
            if (value.Done == value.Total) output.WriteLine();
        }
    }
}
