using System.Collections.Immutable;
using System.Numerics;
using System.Security.Cryptography;
using Rollup.Circuits;
using Rollup.Crypto;
using Rollup.Ethereum;
using Rollup.Groth16;
using Rollup.Groth16.Formats;
using Rollup.Protocol;
using Rollup.Proving;
using Rollup.StateVerifier.Chain;

namespace Rollup.StateVerifier.Proving;

/// <summary>Why something is not proven; the message says what to do.</summary>
public sealed class NotProvenException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>What a circuit is proven with: files that anybody may publish, and that are trusted only as far as the hash of the key goes.</summary>
/// <param name="ProvingKey">The .zkey file.</param>
/// <param name="KeyHash">SHA-256 that the file must have.</param>
/// <param name="Circuit">The circuit's WebAssembly: interpreted, unless its native witness library (`prover-bridge keys witness`) lies beside it.</param>
public sealed record ProvingFiles(string ProvingKey, Bytes32 KeyHash, string Circuit);

/// <summary>Proves a statement of a circuit that anybody may have to prove (<c>exit</c>, <c>row</c>) on this machine.</summary>
public static class CircuitProver
{
    // The circuits' memory is some hundred megabytes; more is no circuit of ours.
    private const long MemoryLimit = 2L << 30;

    /// <summary>Checks the files, calculates the witness, proves it, and verifies the proof.</summary>
    /// <param name="input">The circuit's input, told how many values the circuit takes.</param>
    /// <param name="publicInputs">What the proof is to be of.</param>
    /// <param name="expected">The key that the chain's verifier has.</param>
    /// <exception cref="NotProvenException">The files are not those that were asked for, or do not give a proof.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public static async Task<Proof> ProveAsync(
        Func<int, CircuitInput> input, ImmutableArray<Fr> publicInputs, ProvingFiles files, VerifyingKey expected, IProgress<ReadProgress>? progress, CancellationToken cancellation)
    {
        try
        {
            await using (FileStream stream = File.OpenRead(files.ProvingKey))
                if (Bytes32.FromBytes(await SHA256.HashDataAsync(stream, cancellation)) is var hash && hash != files.KeyHash)
                    throw new NotProvenException($"{files.ProvingKey} has the SHA-256 {hash}, not {files.KeyHash}: it is another key, or damaged.");
            using Groth16Prover prover = await Task.Run(() => Groth16Prover.Open(files.ProvingKey, Environment.ProcessorCount, cancellation), cancellation);
            if (!prover.VerifyingKey.Equals(expected)) throw new NotProvenException($"{files.ProvingKey} is not the key of the chain's verifier: get the one that belongs to it.");
            using WitnessGenerator generator = Generator(files.Circuit);
            ulong[] witness = await generator.CalculateAsync(input(generator.InputCount), MemoryLimit, cancellation);
            var steps = new Steps(progress);
            ProvenStatement proven = await Task.Run(() => prover.Prove(witness, steps, cancellation), cancellation);
            return proven.PublicInputs.SequenceEqual(publicInputs)
                ? proven.Proof
                : throw new NotProvenException($"{files.Circuit} proves other public inputs than were asked for: it is another circuit.");
        }
        catch (Exception error) when (error is ProverException or InvalidWitnessException or InvalidKeyException or BinaryFormatException or ArgumentException)
        {
            throw new NotProvenException($"Not proven: {error.Message}", error);
        }
    }

    // A library that was made before is faster; an owner needs it once, and interpreting takes seconds.
    private static WitnessGenerator Generator(string circuit) =>
        WitnessLibraryBuilder.PathOf(circuit, out string source) is var library && File.Exists(library) ? WitnessLibrary.Load(library, source) : InterpretedWitness.Load(circuit);

    /// <summary>The key of a verifier contract.</summary>
    /// <exception cref="InvalidKeyException">It has no usable one.</exception>
    public static async Task<VerifyingKey> KeyOfAsync(IEthereum ethereum, Address verifier, CancellationToken cancellation) => VerifyingKey.FromEvmWords(
        [.. ((object[])(await ethereum.CallAsync(verifier, VerifierAbi.VerifyingKey, [], cancellation: cancellation))[0]).SelectMany(word => VaultContract.Word((BigInteger)word))]);

    private sealed class Steps(IProgress<ReadProgress>? progress) : IProgress<ProvingProgress>
    {
        public void Report(ProvingProgress value) => progress?.Report(new ReadProgress("proof", (ulong)value.Done, (ulong)value.Total));
    }
}
