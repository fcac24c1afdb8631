using Rollup.Circuits;
using Rollup.Groth16.Formats;
using Rollup.Proving;

namespace Rollup.ProverBridge.Proving;

/// <summary>Calculates witnesses of one circuit.</summary>
public interface IWitnessCalculator
{
    /// <summary>Name of a witness's file in its folder.</summary>
    const string FileName = "witness.wtns";

    /// <summary>Calculates the witness of an input.</summary>
    /// <param name="folder">For files on the way; the caller deletes it after the proof.</param>
    /// <exception cref="ProverException">There is no witness; the message says why, and names signals and templates, never values.</exception>
    Task<CircuitWitness> CalculateAsync(CircuitInput input, string folder, CancellationToken cancellation);
}

/// <summary>A witness in memory or in a file; the file is made where a prover wants one.</summary>
public sealed class CircuitWitness
{
    private readonly string file;

    private CircuitWitness(string file, ReadOnlyMemory<ulong>? limbs) => (this.file, Limbs) = (file, limbs);

    /// <param name="file">In iden3's .wtns format.</param>
    public static CircuitWitness InFile(string file) => new(file, null);

    /// <param name="limbs">Four little-endian limbs a wire, integers below r.</param>
    /// <param name="file">Where it goes if a prover wants a file.</param>
    public static CircuitWitness InMemory(ReadOnlyMemory<ulong> limbs, string file) => new(file, limbs);

    /// <summary>Four little-endian limbs a wire, integers below r; null if it is in a file.</summary>
    public ReadOnlyMemory<ulong>? Limbs { get; }

    /// <returns>The path of a .wtns file.</returns>
    /// <exception cref="IOException"/>
    public string ToFile()
    {
        if (Limbs is not { } limbs) return file;
        using FileStream stream = File.Create(file);
        WitnessFile.WriteLimbs(stream, limbs.Span);
        return file;
    }
}
