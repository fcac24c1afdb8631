using Rollup.Circuits.Native;

namespace Rollup.Proving;

/// <summary>A circuit's witness generator, its WebAssembly interpreted: where there is no C compiler to make a <see cref="WitnessLibrary"/>.</summary>
public sealed class InterpretedWitness : WitnessGenerator
{
    private readonly WitnessInterpreter interpreter;

    private InterpretedWitness(WitnessInterpreter interpreter, string path)
    {
        this.interpreter = interpreter;
        Span<ulong> prime = stackalloc ulong[4];
        if (interpreter.Describe(prime, out uint wires, out uint inputs) is var status and not 0) throw new ProverException(ProverFault.NotStarted, $"{path} cannot be used: {Reason(status)}.");
        Describe(path, prime, wires, inputs);
    }

    /// <exception cref="ProverException">It is no witness generator of circom 2, or of another curve.</exception>
    /// <exception cref="IOException"/>
    public static InterpretedWitness Load(string wasm)
    {
        try
        {
            return new InterpretedWitness(new WitnessInterpreter(File.ReadAllBytes(wasm)), wasm);
        }
        catch (WasmException error)
        {
            throw new ProverException(ProverFault.NotStarted, $"{wasm}: {error.Message}", error);
        }
    }

    /// <inheritdoc/>
    protected override int Run(
        ReadOnlySpan<ulong> hashes, ReadOnlySpan<uint> counts, ReadOnlySpan<ulong> values, Span<ulong> witness, long memoryLimit, CancellationToken cancellation, out uint current, out string said)
    {
        try
        {
            return interpreter.Calculate(hashes, counts, values, witness, memoryLimit, cancellation, out current, out said);
        }
        catch (WasmException error)
        {
            // Functions are read when they are first called.
            throw new ProverException(ProverFault.NotStarted, error.Message, error);
        }
    }
}
