using System.Runtime.InteropServices;
using System.Text;
using Rollup.Circuits;
using Rollup.Circuits.Native;

namespace Rollup.Proving;

/// <summary>
/// A circuit's witness generator as a native library, made from its WebAssembly by <see cref="WitnessLibraryBuilder"/>. Every calculation has a memory of its
/// own, so that none sees what another left, and any number may run at once.
/// </summary>
public sealed unsafe class WitnessLibrary : IDisposable
{
    /// <summary>Stack that a thread needs for <see cref="Calculate"/>, in bytes; 12 MiB of it are the circuit's.</summary>
    private const int StackBytes = 16 << 20;

    private const int MessageBytes = 2000;

    private readonly nint handle;
    private readonly delegate* unmanaged<uint, ulong*, uint*, ulong*, ulong*, ulong, int*, uint*, byte*, uint, int> calculate;

    private WitnessLibrary(nint handle, string path)
    {
        this.handle = handle;
        calculate = (delegate* unmanaged<uint, ulong*, uint*, ulong*, ulong*, ulong, int*, uint*, byte*, uint, int>)NativeLibrary.GetExport(handle, "rollup_witness_calculate");
        var describe = (delegate* unmanaged<ulong*, uint*, uint*, int>)NativeLibrary.GetExport(handle, "rollup_witness_describe");
        ulong* prime = stackalloc ulong[4];
        uint wires, values;
        if (describe(prime, &wires, &values) is var status and not 0) throw new ProverException(ProverFault.NotStarted, $"{path} cannot be used: {Reason(status)}.");
        for (int i = 0; i < 4; i++)
            if (prime[i] != (ulong)((Fr.Modulus >> (64 * i)) & ulong.MaxValue)) throw new ProverException(ProverFault.NotStarted, $"{path} is of another curve than BN254.");
        (WireCount, InputCount) = ((int)wires, (int)values);
    }

    /// <summary>Values of a witness, the constant one included.</summary>
    public int WireCount { get; }

    /// <summary>Values that the circuit is given.</summary>
    public int InputCount { get; }

    /// <summary>Loads a library.</summary>
    /// <param name="path">The library.</param>
    /// <param name="source">What it must have been made from: <see cref="WitnessTranslator.SourceOf"/>.</param>
    /// <exception cref="ProverException">It is not there, cannot be loaded, or was made from something else.</exception>
    public static WitnessLibrary Load(string path, string source)
    {
        // The loader's own message for a missing file lists a page of places it looked at.
        if (!File.Exists(path)) throw new ProverException(ProverFault.NotStarted, $"{path} is not there");
        nint handle = 0;
        try
        {
            handle = NativeLibrary.Load(path);
            var name = (delegate* unmanaged<byte*>)NativeLibrary.GetExport(handle, "rollup_witness_source");
            if (Marshal.PtrToStringUTF8((nint)name()) is var made && made != source) throw new ProverException(ProverFault.NotStarted, $"{path} was made from {made}, not from {source}");
            return new WitnessLibrary(handle, path);
        }
        catch (Exception error) when (error is DllNotFoundException or BadImageFormatException or EntryPointNotFoundException or ProverException)
        {
            if (handle != 0) NativeLibrary.Free(handle);
            throw error as ProverException ?? new ProverException(ProverFault.NotStarted, $"{path} cannot be loaded ({error.Message.ReplaceLineEndings(" ")})", error);
        }
    }

    /// <summary>Calculates a witness, on a thread with 16 MiB of stack.</summary>
    /// <param name="memoryLimit">Bytes that the circuit's memory may take; at most 4 GiB count.</param>
    /// <returns>Four little-endian limbs a wire, integers below r.</returns>
    /// <exception cref="ProverException">The input does not fit, or breaks an assertion of the circuit.</exception>
    /// <exception cref="OperationCanceledException"/>
    public ulong[] Calculate(CircuitInput input, long memoryLimit, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        ulong[] hashes = [.. input.Signals.Select(s => HashOf(s.Name)), 0];
        Fr[][] elements = [.. input.Signals.Select(s => s.Value.Elements.ToArray())];
        uint[] counts = [.. elements.Select(e => (uint)e.Length), 0];
        ulong[] values = new ulong[4 * elements.Sum(e => e.Length) + 4];
        int at = 0;
        foreach (Fr element in elements.SelectMany(e => e)) element.ToCanonical(values.AsSpan(4 * at++, 4));

        ulong[] witness = new ulong[4 * WireCount];
        byte* message = stackalloc byte[MessageBytes];
        uint current = 0;
        nint stop = (nint)NativeMemory.AllocZeroed(sizeof(int));
        try
        {
            int status;
            using (cancellation.Register(() => Volatile.Write(ref *(int*)stop, 1)))
                fixed (ulong* h = hashes, v = values, w = witness)
                fixed (uint* c = counts)
                    status = calculate((uint)elements.Length, h, c, v, w, (ulong)memoryLimit, (int*)stop, &current, message, MessageBytes);
            if (status == 0) return witness;
            cancellation.ThrowIfCancellationRequested();
            string said = Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(message)).Trim().ReplaceLineEndings(" | ");
            string signal = current < elements.Length ? $"{input.Signals[(int)current].Name} ({elements[current].Length} values)" : "none";
            throw new ProverException(status is 5 or 106 ? ProverFault.MemoryExceeded : ProverFault.Refused,
                $"The native witness generator refused the input: {Reason(status, signal, said, at)}.");
        }
        finally
        {
            NativeMemory.Free((void*)stop);
        }
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

    public void Dispose() => NativeLibrary.Free(handle);

    // The first six are circom's own; the others are named in circuit.h.
    private string Reason(int status, string signal = "", string said = "", int given = 0) => status switch
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
