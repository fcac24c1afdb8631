using System.Text;
using Rollup.Circuits;

namespace Rollup.Proving;

/// <summary>A circuit's witness generator in this process. Every calculation has a memory of its own, so that none sees what another left, and any number may run at once.</summary>
public abstract class WitnessGenerator : IDisposable
{
    /// <summary>Stack that a thread needs for <see cref="Calculate"/>, in bytes; 12 MiB of it are the circuit's.</summary>
    private const int StackBytes = 16 << 20;

    /// <summary>Values of a witness, the constant one included.</summary>
    public int WireCount { get; private set; }

    /// <summary>Values that the circuit is given.</summary>
    public int InputCount { get; private set; }

    /// <summary>Calculates a witness, on a thread with 16 MiB of stack.</summary>
    /// <param name="memoryLimit">Bytes that the circuit's memory may take; at most 4 GiB count.</param>
    /// <returns>Four little-endian limbs a wire, integers below r.</returns>
    /// <exception cref="ProverException">The input does not fit, or breaks an assertion of the circuit.</exception>
    /// <exception cref="OperationCanceledException"/>
    public ulong[] Calculate(CircuitInput input, long memoryLimit, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        ulong[] hashes = [.. input.Signals.Select(s => HashOf(s.Name))];
        Fr[][] elements = [.. input.Signals.Select(s => s.Value.Elements.ToArray())];
        uint[] counts = [.. elements.Select(e => (uint)e.Length)];
        ulong[] values = new ulong[4 * elements.Sum(e => e.Length)];
        int at = 0;
        foreach (Fr element in elements.SelectMany(e => e)) element.ToCanonical(values.AsSpan(4 * at++, 4));

        ulong[] witness = new ulong[4 * WireCount];
        int status = Run(hashes, counts, values, witness, memoryLimit, cancellation, out uint current, out string message);
        if (status == 0) return witness;
        cancellation.ThrowIfCancellationRequested();
        string said = message.Trim().ReplaceLineEndings(" | ");
        string signal = current < elements.Length ? $"{input.Signals[(int)current].Name} ({elements[current].Length} values)" : "none";
        throw new ProverException(status is 5 or 106 ? ProverFault.MemoryExceeded : ProverFault.Refused,
            $"The witness generator refused the input: {Reason(status, signal, said, at)}.");
    }

    /// <summary><see cref="Calculate"/> on a thread of its own: the pool's threads have as much stack as the system happens to give them.</summary>
    /// <inheritdoc cref="Calculate"/>
    public Task<ulong[]> CalculateAsync(CircuitInput input, long memoryLimit, CancellationToken cancellation)
    {
        var done = new TaskCompletionSource<ulong[]>(TaskCreationOptions.RunContinuationsAsynchronously);
        new Thread(() =>
        {
            try
            {
                done.SetResult(Calculate(input, memoryLimit, cancellation));
            }
            catch (Exception error)
            {
                done.SetException(error);
            }
        }, StackBytes)
        { IsBackground = true, Name = "witness" }.Start();
        return done.Task;
    }

    public void Dispose()
    {
        Dispose(isDisposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Calculates.</summary>
    /// <param name="hashes">FNV-1a of each signal's name.</param>
    /// <param name="counts">Its values.</param>
    /// <param name="values">Four limbs each, all signals' one after the other.</param>
    /// <param name="witness">Four limbs a wire.</param>
    /// <param name="current">The signal that was being set at the end.</param>
    /// <param name="said">What the circuit said.</param>
    /// <returns>0, circom's exception (1 to 6), or one of the codes of circuit.h.</returns>
    protected abstract int Run(
        ReadOnlySpan<ulong> hashes, ReadOnlySpan<uint> counts, ReadOnlySpan<ulong> values, Span<ulong> witness, long memoryLimit, CancellationToken cancellation, out uint current, out string said);

    protected virtual void Dispose(bool isDisposing)
    {
    }

    /// <summary>Takes what the generator says of itself.</summary>
    /// <exception cref="ProverException">It computes in another field.</exception>
    protected void Describe(string path, ReadOnlySpan<ulong> prime, uint wires, uint inputs)
    {
        for (int i = 0; i < 4; i++)
            if (prime[i] != (ulong)((Fr.Modulus >> (64 * i)) & ulong.MaxValue)) throw new ProverException(ProverFault.NotStarted, $"{path} is of another curve than BN254.");
        (WireCount, InputCount) = ((int)wires, (int)inputs);
    }

    // The first six are circom's own; the others are named in circuit.h.
    private protected string Reason(int status, string signal = "", string said = "", int given = 0) => status switch
    {
        1 => $"Signal not found: the circuit has no input {signal}",
        2 => "Too many signals set",
        3 => $"Signal already set: {signal}",
        4 => $"Assert Failed. {said}",
        5 or 106 => "Not enough memory",
        6 => $"Too many values for input signal {signal}",
        100 => "the circuit's calls nest too deeply",
        101 => "the circuit reached beyond its memory",
        102 => "the circuit divided by zero",
        103 => "the circuit called what is no function of its kind",
        104 => "the circuit reached code that it must not reach",
        107 => $"Not enough values for input signal {signal}",
        108 => $"Not all inputs have been set: {given} values of {InputCount}",
        _ => $"the generator stopped with code {status}",
    };

    /// <summary>FNV-1a of 64 bits, by which circom finds signals.</summary>
    private static ulong HashOf(string name)
    {
        ulong hash = 0xcbf29ce484222325;
        foreach (byte b in Encoding.UTF8.GetBytes(name)) hash = unchecked((hash ^ b) * 0x100000001b3);
        return hash;
    }
}
