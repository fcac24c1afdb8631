using Rollup.Circuits;
using Rollup.Circuits.Native;
using Rollup.Proving;

namespace Rollup.ProverBridge.Proving;

/// <summary>Calculates witnesses in this process. Thread-safe.</summary>
/// <param name="library">The circuit's; disposed with this.</param>
/// <param name="timeout">For one witness.</param>
/// <param name="memoryLimit">For the circuit's memory in one calculation, in bytes.</param>
public sealed class NativeWitness(WitnessGenerator library, TimeSpan timeout, long memoryLimit) : IWitnessCalculator, IDisposable
{
    /// <summary>Loads the library that belongs to a circuit's WebAssembly.</summary>
    /// <exception cref="ProverException">There is none, or it cannot be used.</exception>
    public static NativeWitness Load(string wasm, TimeSpan timeout, long memoryLimit) => new(
        WitnessLibrary.Load(WitnessLibraryBuilder.PathOf(wasm, out string source), source), timeout, memoryLimit);

    /// <summary>Values of a witness, the constant one included.</summary>
    public int WireCount => library.WireCount;

    /// <inheritdoc/>
    public async Task<CircuitWitness> CalculateAsync(CircuitInput input, string folder, CancellationToken cancellation)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(timeout);
        try
        {
            return CircuitWitness.InMemory(await library.CalculateAsync(input, memoryLimit, deadline.Token), Path.Combine(folder, IWitnessCalculator.FileName));
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new ProverException(ProverFault.TimedOut, $"The witness was not calculated within {timeout.TotalSeconds:0.#} s; the calculation was stopped.");
        }
    }

    public void Dispose() => library.Dispose();
}
