using System.Text.Json;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Rollup.Circuits;
using Rollup.ProverBridge.Monitoring;
using Rollup.Proving;

namespace Rollup.ProverBridge.Proving;

/// <summary>
/// Long-lived snarkjs workers with their circuit loaded, one process a slot. A worker is started when its slot is first used, and replaced
/// after it died, hung or took too much memory. Thread-safe.
/// </summary>
public sealed class SnarkjsPool : IWitnessCalculator, IProver, IAsyncDisposable
{
    private readonly WorkerOptions options;
    private readonly ILogger log;
    private readonly Metrics metrics;
    private readonly Slot[] slots;
    private readonly Channel<Slot> idle = Channel.CreateUnbounded<Slot>();

    /// <param name="size">Number of slots. snarkjs uses all cores for one proof: more than one slot pays only where witnesses overlap proofs.</param>
    public SnarkjsPool(WorkerOptions options, int size, ILogger log, Metrics metrics)
    {
        (this.options, this.log, this.metrics) = (options, log, metrics);
        slots = [.. Enumerable.Range(0, size).Select(_ => new Slot())];
        foreach (Slot slot in slots) idle.Writer.TryWrite(slot);
    }

    public string Name => "snarkjs";

    /// <summary>Process ids of the workers that run.</summary>
    public IReadOnlyList<int> ProcessIds => [.. slots.Select(s => s.Worker).Where(w => w is { IsAlive: true }).Select(w => w!.ProcessId)];

    /// <inheritdoc/>
    public async Task<CircuitWitness> CalculateAsync(CircuitInput input, string folder, CancellationToken cancellation)
    {
        string inputFile = Path.Combine(folder, "input.json"), wtns = Path.Combine(folder, IWitnessCalculator.FileName);
        await using (FileStream stream = File.Create(inputFile)) await JsonSerializer.SerializeAsync(stream, input.ToJson(), cancellationToken: cancellation);
        await WitnessAsync(inputFile, wtns, cancellation);
        return CircuitWitness.InFile(wtns);
    }

    /// <summary>Calculates the witness of an input file.</summary>
    /// <exception cref="ProverException"/>
    public Task WitnessAsync(string input, string wtns, CancellationToken cancellation) =>
        UseAsync(worker => worker.WitnessAsync(input, wtns, cancellation), cancellation);

    /// <inheritdoc/>
    public Task ProveAsync(CircuitWitness witness, string proof, string publics, CancellationToken cancellation) =>
        UseAsync(worker => worker.ProveAsync(witness.ToFile(), proof, publics, cancellation), cancellation);

    public async ValueTask DisposeAsync()
    {
        foreach (Slot slot in slots) await slot.StopAsync();
    }

    private async Task UseAsync(Func<SnarkjsWorker, Task> request, CancellationToken cancellation)
    {
        Slot slot = await idle.Reader.ReadAsync(cancellation);
        try
        {
            if (slot.Worker is { IsAlive: false })
            {
                log.LogWarning("Snarkjs worker {Process} died while it was idle; starting another", slot.Worker.ProcessId);
                await slot.StopAsync();
            }

            if (slot.Worker is null)
            {
                slot.Worker = await SnarkjsWorker.StartAsync(options, cancellation);
                metrics.WorkersStarted.Increment();
                log.LogInformation("Snarkjs worker {Process} has loaded its circuit ({Megabytes} MB)", slot.Worker.ProcessId, slot.Worker.Memory >> 20);
            }

            await request(slot.Worker);
            metrics.WorkerPeakBytes.Set(slot.Worker.PeakMemory);
            if (slot.Worker.Memory is var memory && memory > options.MemoryLimit / 2)
            {
                log.LogInformation("Snarkjs worker {Process} rests at {Megabytes} MB, above half its limit; it is replaced", slot.Worker.ProcessId, memory >> 20);
                await slot.StopAsync();
            }
        }
        catch (Exception error) when (error is not ProverException { Fault: ProverFault.Refused })
        {
            // Its state is unknown after anything but an orderly refusal.
            await slot.StopAsync();
            throw;
        }
        finally
        {
            idle.Writer.TryWrite(slot);
        }
    }

    private sealed class Slot
    {
        public SnarkjsWorker? Worker { get; set; }

        public async Task StopAsync()
        {
            SnarkjsWorker? worker = Worker;
            Worker = null;
            if (worker is not null) await worker.DisposeAsync();
        }
    }
}
