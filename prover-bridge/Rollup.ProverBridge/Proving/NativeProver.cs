using Microsoft.Extensions.Logging;
using Rollup.Groth16;
using Rollup.Groth16.Formats;
using Rollup.Proving;

namespace Rollup.ProverBridge.Proving;

/// <summary>Our own prover, in this process. The key is mapped and checked when the first proof is asked for; proofs are made one after another, each on all cores.</summary>
/// <param name="zkey">The proving key.</param>
/// <param name="timeout">For one proof, the key's preparation included.</param>
/// <param name="clock">Measures it.</param>
public sealed class NativeProver(string zkey, TimeSpan timeout, TimeProvider clock, ILogger log) : IProver, IDisposable
{
    private readonly SemaphoreSlim turn = new(1);
    private Groth16Prover? prover;

    public string Name => "native";

    /// <inheritdoc/>
    public async Task ProveAsync(CircuitWitness witness, string proof, string publics, CancellationToken cancellation)
    {
        await turn.WaitAsync(cancellation);
        using var timer = new CancellationTokenSource(timeout, clock);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation, timer.Token);
        try
        {
            ProvenStatement made = await Task.Run(() => Prove(witness, deadline.Token), deadline.Token);
            await File.WriteAllBytesAsync(proof, SnarkJson.Write(made.Proof), cancellation);
            await File.WriteAllBytesAsync(publics, SnarkJson.Write(made.PublicInputs), cancellation);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new ProverException(ProverFault.TimedOut, $"The proof was not made within {timeout.TotalSeconds:0.#} s and was stopped.");
        }
        catch (Exception error) when (error is InvalidWitnessException or FormatException or IOException or UnauthorizedAccessException)
        {
            throw new ProverException(ProverFault.Refused, error.Message, error);
        }
        finally
        {
            turn.Release();
        }
    }

    public void Dispose()
    {
        prover?.Dispose();
        turn.Dispose();
    }

    private ProvenStatement Prove(CircuitWitness witness, CancellationToken cancellation)
    {
        if (prover is null)
        {
            prover = Groth16Prover.Open(zkey, Environment.ProcessorCount, cancellation);
            log.LogInformation("Proving key {Key} mapped and checked: {Wires} wires", zkey, prover.WireCount);
        }

        return witness.Limbs is { } limbs ? prover.Prove(limbs, cancellation: cancellation) : prover.Prove(witness.ToFile(), cancellation: cancellation);
    }
}
