using System.Diagnostics;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Rollup.Engine;
using Rollup.Groth16;
using Rollup.Groth16.Formats;
using Rollup.Protocol;
using Rollup.ProverBridge.Commands;
using Rollup.ProverBridge.Monitoring;
using Rollup.ProverBridge.Proving;
using Rollup.Proving;
using Rollup.TestSupport;
using Rollup.Witness;

namespace Rollup.Bench;

/// <summary>
/// Witness and proof of a settlement batch in the prover bridge's own snarkjs worker, and the witness natively, for each profile named; compiles the circuit and makes
/// its keys where they are not cached. Every proof is checked.
/// </summary>
public sealed class ProverSection(string name, params string[] profiles) : ISection
{
    private const int WarmProofs = 3, NativeWitnesses = 9;

    /// <inheritdoc/>
    public string Name => name;

    /// <inheritdoc/>
    public void Run(Table table)
    {
        foreach (string profile in profiles) RunAsync(table, profile).GetAwaiter().GetResult();
    }

    private static async Task RunAsync(Table table, string profile)
    {
        KeysCommand.KeySet keys = await KeysCommand.DevelopmentKeysAsync(profile, Repository.Root, Console.Error, CancellationToken.None);
        SettlementInput input = SettlementInput.Build(Batch(CircuitProfile.Named(profile)));
        var verifier = new Groth16Verifier(SnarkJson.ReadVerifyingKey(File.ReadAllBytes(keys.VerificationKey), keys.VerificationKey));
        string folder = Directory.CreateTempSubdirectory("rollup-bench-").FullName;
        try
        {
            string inputFile = Path.Combine(folder, "input.json"), wtns = Path.Combine(folder, "w.wtns"), proofFile = Path.Combine(folder, "p.json"), publicFile = Path.Combine(folder, "q.json");
            File.WriteAllText(inputFile, JsonSerializer.Serialize(input.ToJson()));
            var metrics = new Metrics();
            var options = new WorkerOptions("node", Repository.PathOf("prover-bridge", "snarkjs-worker", "worker.mjs"), keys.Wasm, keys.Zkey, TimeSpan.FromHours(1), 1L << 40);
            await using var pool = new SnarkjsPool(options, 1, NullLogger.Instance, metrics);

            string what = $"{profile}, {keys.Constraints} constraints";
            var cold = Stopwatch.StartNew();
            await pool.WitnessAsync(inputFile, wtns, CancellationToken.None);
            table.Add($"start of a worker and its first witness, {what}", cold.Elapsed.TotalSeconds, "s");
            using Process worker = Process.GetProcessById(pool.ProcessIds.Single());
            var witnesses = new List<(double, double)>();
            var proofs = new List<(double, double)>();
            for (int i = 0; i < WarmProofs; i++)
            {
                witnesses.Add(await TimeAsync(worker, () => pool.WitnessAsync(inputFile, wtns, CancellationToken.None)));
                proofs.Add(await TimeAsync(worker, () => pool.ProveAsync(CircuitWitness.InFile(wtns), proofFile, publicFile, CancellationToken.None)));
                Proof proof = SnarkJson.ReadProof(File.ReadAllBytes(proofFile), proofFile);
                if (!verifier.Verify(proof, input.PublicInputs.AsSpan()).IsValid) throw new InvalidOperationException($"The proof of profile '{profile}' does not hold.");
            }

            table.AddSamples($"witness in a warm worker, {what}", "s", witnesses);
            await NativeAsync(table, keys, input, what, folder, File.ReadAllBytes(wtns));
            table.AddSamples($"proof in a warm worker, {what}", "s", proofs);
            table.Add($"peak memory of the worker, {what}", metrics.WorkerPeakBytes.Value / (double)(1 << 20), "MB");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // In the bridge's process, from the batch to limbs as our prover takes them; every witness is compared with the worker's.
    private static async Task NativeAsync(Table table, KeysCommand.KeySet keys, SettlementInput input, string what, string folder, byte[] expected)
    {
        if (keys.WitnessLibrary is null) return;
        var load = Stopwatch.StartNew();
        using NativeWitness native = NativeWitness.Load(keys.Wasm, TimeSpan.FromHours(1), 1L << 32);
        table.Add($"native witness library loaded, {what}", load.Elapsed.TotalSeconds, "s");
        using var self = Process.GetCurrentProcess();
        var samples = new List<(double, double)>();
        for (int i = 0; i < NativeWitnesses; i++)
        {
            CircuitWitness? witness = null;
            samples.Add(await TimeAsync(self, async () => witness = await native.CalculateAsync(input.ToCircuitInput(), folder, CancellationToken.None)));
            if (!File.ReadAllBytes(witness!.ToFile()).AsSpan().SequenceEqual(expected)) throw new InvalidOperationException($"The native witness of profile '{what}' is not the worker's.");
        }

        table.AddSamples($"native witness, {what}", "s", samples);
    }

    private static async Task<(double Elapsed, double Processor)> TimeAsync(Process worker, Func<Task> operation)
    {
        double Processor()
        {
            worker.Refresh();
            return worker.TotalProcessorTime.TotalSeconds;
        }

        double before = Processor();
        var watch = Stopwatch.StartNew();
        await operation();
        return (watch.Elapsed.TotalSeconds, Processor() - before);
    }

    /// <summary>A batch with a trade, a withdrawal, a deposit and fees, the same in every profile.</summary>
    private static SealedBatch Batch(CircuitProfile profile)
    {
        var factory = new BatchFactory(profile);
        factory.Begin().Register(2, cash: 50_000_000_000).Register(3, cash: 40_000_000_001).Seal();
        return factory.Begin().Deposit(2, BatchFactory.EthSpot, 90_000).Trade(2, 3, BatchFactory.BtcPerpetual, lots: 40, price: 61_900_000).Withdraw(3, 9, 1, 0, 1_000_001).Seal();
    }
}
