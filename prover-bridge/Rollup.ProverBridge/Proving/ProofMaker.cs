using System.Collections.Immutable;
using Rollup.Circuits;
using Rollup.Groth16;
using Rollup.Groth16.Formats;
using Rollup.Proving;

namespace Rollup.ProverBridge.Proving;

/// <summary>
/// From a circuit's input to a proof that was checked. Intermediate files hold view keys: they lie in a folder that only the owner may
/// enter, and are deleted whatever happens.
/// </summary>
/// <param name="witnesses">Calculates witnesses.</param>
/// <param name="verifier">Of the key that the vault's verifier has.</param>
/// <param name="folder">For the intermediate files, one folder a batch.</param>
public sealed class ProofMaker(IWitnessCalculator witnesses, IProver prover, Groth16Verifier verifier, string folder)
{
    /// <summary>Calculates the witness, proves it and checks the proof.</summary>
    /// <param name="batch">Names the folder.</param>
    /// <param name="input">The circuit's input.</param>
    /// <param name="publics">The public inputs that the proof must have.</param>
    /// <param name="provingBegins">Called between the two.</param>
    /// <exception cref="ProverException"/>
    public async Task<Proof> MakeAsync(uint batch, CircuitInput input, ImmutableArray<Fr> publics, Action provingBegins, CancellationToken cancellation)
    {
        string work = Path.Combine(folder, SealedName(batch));
        string proofFile = Path.Combine(work, "proof.json"), publicFile = Path.Combine(work, "public.json");
        if (Directory.Exists(work)) Directory.Delete(work, recursive: true);
        PrivateFolder.Create(work);
        try
        {
            CircuitWitness witness = await witnesses.CalculateAsync(input, work, cancellation);
            provingBegins();
            await prover.ProveAsync(witness, proofFile, publicFile, cancellation);
            return Check(proofFile, publicFile, publics);
        }
        finally
        {
            Directory.Delete(work, recursive: true);
        }
    }

    /// <summary>Whether a proof holds for the public inputs; the reason if not.</summary>
    public string? Refusal(Proof proof, ReadOnlySpan<Fr> publics) =>
        verifier.Verify(proof, publics) is { IsValid: false } result ? $"{result.Failure}: {result.Detail}" : null;

    private static string SealedName(uint batch) => batch.ToString("D6", System.Globalization.CultureInfo.InvariantCulture);

    private Proof Check(string proofFile, string publicFile, ImmutableArray<Fr> expected)
    {
        Proof proof;
        Fr[] publics;
        try
        {
            proof = SnarkJson.ReadProof(ReadLimited(proofFile), "proof.json");
            publics = SnarkJson.ReadPublicInputs(ReadLimited(publicFile), "public.json");
        }
        catch (FormatException error)
        {
            throw new ProverException(ProverFault.WrongProof, $"{prover.Name} wrote something else than a proof: {error.Message}", error);
        }

        if (!publics.AsSpan().SequenceEqual(expected.AsSpan()))
        {
            int at = Enumerable.Range(0, Math.Min(publics.Length, expected.Length)).FirstOrDefault(i => publics[i] != expected[i], Math.Min(publics.Length, expected.Length));
            throw new ProverException(ProverFault.WrongProof, $"{prover.Name} proved other public inputs: {publics.Length} where the batch has {expected.Length}, the first difference at {at}.");
        }

        return Refusal(proof, publics) is { } problem
            ? throw new ProverException(ProverFault.WrongProof, $"{prover.Name} made a proof that does not hold. {problem}")
            : proof;
    }

    private static byte[] ReadLimited(string file) => new FileInfo(file).Length <= SnarkJson.MaxLength
        ? File.ReadAllBytes(file) : throw new FormatException($"{Path.GetFileName(file)} has more than {SnarkJson.MaxLength} bytes.");
}

/// <summary>Folders that only their owner may enter.</summary>
internal static class PrivateFolder
{
    public static void Create(string path)
    {
        if (OperatingSystem.IsWindows()) Directory.CreateDirectory(path);
        else Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }
}
