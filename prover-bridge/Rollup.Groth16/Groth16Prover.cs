using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Rollup.Crypto;
using Rollup.Groth16.Curve;
using Rollup.Groth16.Formats;

namespace Rollup.Groth16;

/// <summary>A witness that cannot be proven with a key.</summary>
public sealed class InvalidWitnessException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>How far a proof is.</summary>
/// <param name="Done">Steps that are done.</param>
/// <param name="Total">Steps of a proof.</param>
/// <param name="Next">What comes next; empty at the end.</param>
public readonly record struct ProvingProgress(int Done, int Total, string Next);

/// <summary>A proof and what it proves.</summary>
/// <param name="Proof">The proof, verified.</param>
/// <param name="PublicInputs">Public inputs, outputs of the circuit first.</param>
public sealed record ProvenStatement(Proof Proof, IReadOnlyList<Fr> PublicInputs);

/// <summary>
/// Makes Groth16 proofs (J. Groth, "On the size of pairing-based non-interactive arguments", 2016) with a snarkjs .zkey, which is mapped into memory, checked
/// and prepared once. One proof at a time: each uses all the threads it is given.
/// </summary>
public sealed class Groth16Prover : IDisposable
{
    private static readonly string[] Steps = ["rows of A and B", "quotient", "A in G1", "B in G1", "B in G2", "private wires", "quotient in G1"];

    private readonly Zkey _key;
    private readonly MappedFile _file;
    private readonly IQuotient _quotient;
    private readonly Groth16Verifier _verifier;
    private readonly int _parallelism;
    private readonly ReadOnlyMemory<G1Point> _a, _b1, _c, _h;
    private readonly ReadOnlyMemory<G2Point> _b2;
    private readonly ReadOnlyMemory<Coefficient> _coefficients;

    // Kept for the next proof.
    private readonly ulong[] _rowsA, _rowsB;

    private Groth16Prover(Zkey key, MappedFile file, int parallelism)
    {
        (_key, _file, _parallelism) = (key, file, parallelism);
        _a = Map<G1Point>(Zkey.ASection);
        _b1 = Map<G1Point>(Zkey.B1Section);
        _b2 = Map<G2Point>(Zkey.B2Section);
        _c = Map<G1Point>(Zkey.CSection);
        _h = Map<G1Point>(Zkey.HSection);
        _coefficients = Map<Coefficient>(Zkey.CoefficientSection, sizeof(uint));
        _quotient = Quotient.Create(System.Numerics.BitOperations.Log2((uint)key.DomainSize));
        _verifier = new Groth16Verifier(key.VerifyingKey);
        _rowsA = new ulong[4 * key.DomainSize];
        _rowsB = new ulong[4 * key.DomainSize];
    }

    /// <summary>The key that the proofs are verified with.</summary>
    public VerifyingKey VerifyingKey => _key.VerifyingKey;

    /// <summary>Values of a witness, the constant one included.</summary>
    public int WireCount => _key.WireCount;

    /// <summary>Opens a key and checks it: every point is on its curve, every coefficient below r and in its place.</summary>
    /// <param name="path">The .zkey file.</param>
    /// <param name="parallelism">Threads to use, 1 or more.</param>
    /// <param name="cancellation">Stops the check.</param>
    /// <exception cref="BinaryFormatException">The file is malformed, of another protocol or of another curve.</exception>
    /// <exception cref="InvalidKeyException">The key must not be used.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static Groth16Prover Open(string path, int parallelism, CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(parallelism, 1);
        Zkey? key = null;
        MappedFile? file = null;
        try
        {
            key = Zkey.Open(path);
            if (KeyScan.FindFaults(key, new ParallelOptions { MaxDegreeOfParallelism = parallelism, CancellationToken = cancellation }) is [var fault, ..])
                ExceptionDispatchInfo.Throw(fault);
            file = key.Map();
            return new Groth16Prover(key, file, parallelism);
        }
        catch
        {
            file?.Dispose();
            key?.Dispose();
            throw;
        }
    }

    /// <summary>As <see cref="Prove(ReadOnlyMemory{ulong}, IProgress{ProvingProgress}?, CancellationToken)"/>, the witness from a .wtns file.</summary>
    /// <exception cref="BinaryFormatException">The file is malformed, of another curve or has another number of values than the key's circuit.</exception>
    /// <exception cref="InvalidWitnessException">It is no witness of the key's circuit.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public ProvenStatement Prove(string wtns, IProgress<ProvingProgress>? progress = null, CancellationToken cancellation = default)
    {
        try
        {
            return ProveWellFormed(WitnessFile.LoadLimbs(wtns, WireCount), progress, cancellation);
        }
        catch (InvalidWitnessException error)
        {
            throw new InvalidWitnessException($"{wtns}: {error.Message}", error);
        }
    }

    /// <summary>Proves a witness with fresh blinding, and verifies the proof.</summary>
    /// <param name="witness">Four little-endian limbs for each wire, integers below r, as <see cref="WitnessFile.LoadLimbs"/> gives them.</param>
    /// <param name="progress">Told before each step and at the end.</param>
    /// <param name="cancellation">Stops within a part of a step.</param>
    /// <exception cref="InvalidWitnessException">It is no witness of the key's circuit.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public ProvenStatement Prove(ReadOnlyMemory<ulong> witness, IProgress<ProvingProgress>? progress = null, CancellationToken cancellation = default)
    {
        RequireWellFormed(witness.Span);
        return ProveWellFormed(witness, progress, cancellation);
    }

    /// <summary>Unmaps the key; no proof may be under way.</summary>
    public void Dispose()
    {
        _file.Dispose();
        _key.Dispose();
    }

    private ProvenStatement ProveWellFormed(ReadOnlyMemory<ulong> witness, IProgress<ProvingProgress>? progress, CancellationToken cancellation)
    {
        var done = 0;
        var parallelism = new ParallelOptions { MaxDegreeOfParallelism = _parallelism, CancellationToken = cancellation };

        Report();
        Parallel.For(0, 2, parallelism, matrix => Evaluate((uint)matrix, witness.Span, MemoryMarshal.Cast<ulong, Fr>((matrix == 0 ? _rowsA : _rowsB).AsSpan()), cancellation));
        Report();
        _quotient.Compute(_rowsA, _rowsB, parallelism);
        Report();
        var sumA = MultiScalar.Sum(_a, witness, parallelism);
        Report();
        var sumB1 = MultiScalar.Sum(_b1, witness, parallelism);
        Report();
        var sumB2 = MultiScalar.Sum(_b2, witness, parallelism);
        Report();
        var sumC = MultiScalar.Sum(_c, witness[(4 * (_key.PublicCount + 1))..], parallelism);
        Report();
        sumC += MultiScalar.Sum(_h, _rowsA, parallelism);

        var (r, s) = (Draw(), Draw());
        var delta = _key.Delta1;
        var proofA = (sumA + _key.Alpha1 + delta * r).ToAffine();
        var proofB1 = (sumB1 + _key.Beta1 + delta * s).ToAffine();
        var proofB = (sumB2 + VerifyingKey.Beta2 + VerifyingKey.Delta2 * s).ToAffine();
        var proofC = (sumC + proofA * s + proofB1 * r + -(delta * (r * s))).ToAffine();

        var proof = new Proof(proofA, proofB, proofC);
        var publics = PublicInputs(witness.Span);
        if (_verifier.Verify(proof, publics) is { IsValid: false })
            throw new InvalidWitnessException("The proof does not hold: the witness breaks a constraint, or is of another circuit than the key.");
        Report();
        return new ProvenStatement(proof, publics);

        void Report()
        {
            cancellation.ThrowIfCancellationRequested();
            progress?.Report(new(done, Steps.Length, done < Steps.Length ? Steps[done] : ""));
            done++;
        }
    }

    private ReadOnlyMemory<T> Map<T>(uint section, int skip = 0)
        where T : unmanaged
    {
        var (start, length) = _key.Locate(section);
        return _file.Read<T>(start + skip, (int)((length - skip) / Unsafe.SizeOf<T>()));
    }

    private void RequireWellFormed(ReadOnlySpan<ulong> witness)
    {
        if (witness.Length != 4 * WireCount)
            throw new InvalidWitnessException($"The witness has {witness.Length / 4} values, the key's circuit {WireCount} wires: it is of another circuit.");
        if (witness[0] != 1 || witness[1..4].ContainsAnyExcept(0UL))
            throw new InvalidWitnessException("The witness's first value, the constant, is not 1.");
        for (var i = 0; i < witness.Length; i += 4)
        {
            if (!Fr.TryFromMontgomery(witness[i], witness[i + 1], witness[i + 2], witness[i + 3], out _))
                throw new InvalidWitnessException($"Value {i / 4} of the witness is not below r.");
        }
    }

    // rows[-row mod n] = Σ coefficient · value over the coefficients of one matrix.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Evaluate(uint matrix, ReadOnlySpan<ulong> witness, Span<Fr> rows, CancellationToken cancellation)
    {
        const int Block = 1 << 16;
        rows.Clear();
        // A coefficient v lies in the file as the limbs of v·R², which as Montgomery form are v·R; the plain limbs of a value w are w/R as Montgomery form.
        var values = MemoryMarshal.Cast<ulong, Fr>(witness);
        var coefficients = _coefficients.Span;
        var mask = (uint)rows.Length - 1;
        for (var start = 0; start < coefficients.Length; start += Block)
        {
            cancellation.ThrowIfCancellationRequested();
            foreach (ref readonly var c in coefficients[start..Math.Min(coefficients.Length, start + Block)])
            {
                if (c.Matrix != matrix)
                    continue;
                ref var row = ref rows[(int)(unchecked(0 - c.Row) & mask)];
                row += c.Value * values[(int)c.Wire];
            }
        }
    }

    private Fr[] PublicInputs(ReadOnlySpan<ulong> witness)
    {
        var publics = new Fr[_key.PublicCount];
        for (var i = 0; i < publics.Length; i++)
        {
            var limbs = witness.Slice(4 * (i + 1), 4);
            publics[i] = Fr.FromLimbsReduced(limbs[0], limbs[1], limbs[2], limbs[3]);
        }
        return publics;
    }

    private static Fr Draw()
    {
        Span<byte> uniform = stackalloc byte[64];
        RandomNumberGenerator.Fill(uniform);
        return Fr.FromBytesReducedLittleEndian(uniform);
    }

    // As section 4 holds it: 44 bytes.
    [StructLayout(LayoutKind.Sequential, Pack = 4)]
    private readonly struct Coefficient
    {
        public readonly uint Matrix, Row, Wire;
        public readonly Fr Value;
    }
}
