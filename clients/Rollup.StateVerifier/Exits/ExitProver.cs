using System.Security.Cryptography;
using Rollup.Circuits;
using Rollup.Ethereum;
using Rollup.Groth16;
using Rollup.Groth16.Formats;
using Rollup.Protocol;
using Rollup.Proving;
using Rollup.StateVerifier.Chain;

namespace Rollup.StateVerifier.Exits;

/// <summary>Why nobody can leave, or not like this; the message says what to do.</summary>
public sealed class NoExitException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>What an exit is proven with: files that anybody may publish, and that are trusted only as far as the hash of the key goes.</summary>
/// <param name="ProvingKey">The .zkey file of the circuit <c>exit</c>.</param>
/// <param name="KeyHash">SHA-256 that the file must have.</param>
/// <param name="Circuit">The circuit's WebAssembly; its native witness library is made beside it once, with the machine's C compiler.</param>
public sealed record ProvingFiles(string ProvingKey, Bytes32 KeyHash, string Circuit);

/// <summary>Proves an exit on this machine.</summary>
public static class ExitProver
{
    // The circuit's memory is some hundred megabytes; more is no circuit of ours.
    private const long MemoryLimit = 2L << 30;

    /// <summary>Checks the files, calculates the witness, proves it, and verifies the proof.</summary>
    /// <param name="expected">The key that the chain's verifier has.</param>
    /// <param name="log">Told of what takes long.</param>
    /// <exception cref="NoExitException">The files are not those that were asked for, or do not give a proof.</exception>
    public static async Task<Proof> ProveAsync(
        ExitInput input, ProvingFiles files, VerifyingKey expected, IProgress<ReadProgress>? progress, TextWriter log, CancellationToken cancellation)
    {
        try
        {
            await using (FileStream stream = File.OpenRead(files.ProvingKey))
                if (Bytes32.FromBytes(await SHA256.HashDataAsync(stream, cancellation)) is var hash && hash != files.KeyHash)
                    throw new NoExitException($"{files.ProvingKey} has the SHA-256 {hash}, not {files.KeyHash}: it is another key, or damaged.");
            using Groth16Prover prover = await Task.Run(() => Groth16Prover.Open(files.ProvingKey, Environment.ProcessorCount, cancellation), cancellation);
            if (!prover.VerifyingKey.Equals(expected)) throw new NoExitException($"{files.ProvingKey} is not the key of the vault's exit verifier: get the one that belongs to it.");
            if (await WitnessLibraryBuilder.BuildAsync(files.Circuit, log, cancellation) is null)
                throw new NoExitException($"There is no native witness library of {files.Circuit} and none can be made here: install a C compiler, or put the library beside the file.");
            using var library = WitnessLibrary.Load(WitnessLibraryBuilder.PathOf(files.Circuit, out string source), source);
            ulong[] witness = await library.CalculateAsync(input.ToCircuitInput(ExitInput.SlotsOf(library.InputCount)), MemoryLimit, cancellation);
            var steps = new Steps(progress);
            ProvenStatement proven = await Task.Run(() => prover.Prove(witness, steps, cancellation), cancellation);
            return proven.PublicInputs.SequenceEqual(input.PublicInputs)
                ? proven.Proof
                : throw new NoExitException($"{files.Circuit} proves other public inputs than this exit's: it is another circuit.");
        }
        catch (Exception error) when (error is ProverException or InvalidWitnessException or InvalidKeyException or BinaryFormatException or ArgumentException)
        {
            throw new NoExitException($"The exit is not proven: {error.Message}", error);
        }
    }

    private sealed class Steps(IProgress<ReadProgress>? progress) : IProgress<ProvingProgress>
    {
        public void Report(ProvingProgress value) => progress?.Report(new ReadProgress("proof", (ulong)value.Done, (ulong)value.Total));
    }
}
