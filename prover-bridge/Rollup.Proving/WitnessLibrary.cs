using System.Runtime.InteropServices;
using System.Text;
using Rollup.Circuits;
using Rollup.Circuits.Native;

namespace Rollup.Proving;

/// <summary>
/// A circuit's witness generator as a native library, made from its WebAssembly by <see cref="WitnessLibraryBuilder"/>. Every calculation has a memory of its
/// own, so that none sees what another left, and any number may run at once.
/// </summary>
public sealed unsafe class WitnessLibrary : WitnessGenerator
{
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
        Describe(path, new ReadOnlySpan<ulong>(prime, 4), wires, values);
    }

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

    /// <inheritdoc/>
    protected override int Run(
        ReadOnlySpan<ulong> hashes, ReadOnlySpan<uint> counts, ReadOnlySpan<ulong> values, Span<ulong> witness, long memoryLimit, CancellationToken cancellation, out uint current, out string said)
    {
        byte* message = stackalloc byte[MessageBytes];
        uint setting = 0;
        nint stop = (nint)NativeMemory.AllocZeroed(sizeof(int));
        try
        {
            int status;
            using (cancellation.Register(() => Volatile.Write(ref *(int*)stop, 1)))
                fixed (ulong* h = hashes, v = values, w = witness)
                fixed (uint* c = counts)
                    status = calculate((uint)hashes.Length, h, c, v, w, (ulong)memoryLimit, (int*)stop, &setting, message, MessageBytes);
            (current, said) = (setting, Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(message)));
            return status;
        }
        finally
        {
            NativeMemory.Free((void*)stop);
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool isDisposing)
    {
        if (isDisposing) NativeLibrary.Free(handle);
        base.Dispose(isDisposing);
    }
}
