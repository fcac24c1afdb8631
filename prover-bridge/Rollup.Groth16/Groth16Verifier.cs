using Rollup.Groth16.Curve;

namespace Rollup.Groth16;

/// <summary>Why a proof was refused.</summary>
public enum VerificationFailure
{
    /// <summary>It was not: the proof holds.</summary>
    None,

    /// <summary>Encodings: wrong length, or a coordinate that is not below q.</summary>
    MalformedProof,

    /// <summary>More or fewer public inputs than the key has.</summary>
    PublicInputCount,

    /// <summary>A public input that is not below r.</summary>
    PublicInputRange,

    /// <summary>A point of the proof is not on its curve.</summary>
    NotOnCurve,

    /// <summary>B is on the curve but not in the group of order r.</summary>
    NotInGroup,

    /// <summary>Everything is well formed; the pairing equation does not hold.</summary>
    EquationFails,
}

/// <summary>The outcome of a verification.</summary>
/// <param name="Failure">Reason of a refusal, or none.</param>
/// <param name="Detail">The reason in words; empty if the proof holds.</param>
public readonly record struct VerificationResult(VerificationFailure Failure, string Detail)
{
    /// <summary>Whether the proof holds.</summary>
    public bool IsValid => Failure == VerificationFailure.None;
}

/// <summary>
/// Verifies Groth16 proofs for one key: e(A, B) = e(α, β)·e(Σ x_i·IC_i, γ)·e(C, δ). Accepts exactly what the generated contract
/// accepts. Immutable: one instance serves all threads.
/// </summary>
public sealed class Groth16Verifier
{
    private readonly VerifyingKey _key;
    private readonly Fq12 _alphaBeta;

    /// <summary>Prepares a key.</summary>
    public Groth16Verifier(VerifyingKey key)
    {
        _key = key;
        _alphaBeta = Pairing.Compute(key.Alpha1, key.Beta2);
    }

    /// <summary>Verifies a proof for these public inputs (circuit outputs first).</summary>
    public VerificationResult Verify(Proof proof, ReadOnlySpan<Fr> publicInputs)
    {
        if (publicInputs.Length != _key.PublicCount)
            return new(VerificationFailure.PublicInputCount, $"{publicInputs.Length} public inputs; the key has {_key.PublicCount}.");
        if (!proof.A.IsOnCurve || !proof.B.IsOnCurve || !proof.C.IsOnCurve)
            return new(VerificationFailure.NotOnCurve, $"{(!proof.A.IsOnCurve ? "A" : !proof.B.IsOnCurve ? "B" : "C")} is not on its curve.");
        if (!proof.B.IsInGroup)
            return new(VerificationFailure.NotInGroup, "B is not in the group of order r.");

        var inputs = JacobianPoint<Fq, Bn254G1>.FromAffine(_key.Ic[0]);
        for (var i = 0; i < publicInputs.Length; i++)
            inputs += JacobianPoint<Fq, Bn254G1>.Multiply(_key.Ic[i + 1], publicInputs[i]);
        var product = Pairing.Product([(proof.A, proof.B), (-inputs.ToAffine(), _key.Gamma2), (-proof.C, _key.Delta2)]);
        return product == _alphaBeta
            ? new(VerificationFailure.None, "")
            : new(VerificationFailure.EquationFails, "The pairing equation does not hold: the proof is not one of these public inputs under this key.");
    }

    /// <summary>Verifies what a call of the contract carries.</summary>
    /// <param name="proofWords">8 words, as <see cref="Proof.ToEvmWords"/>.</param>
    /// <param name="publicWords">A 32-byte big-endian word for each public input.</param>
    public VerificationResult VerifyEvmWords(ReadOnlySpan<byte> proofWords, ReadOnlySpan<byte> publicWords)
    {
        if (!Proof.TryFromEvmWords(proofWords, out var proof))
            return new(VerificationFailure.MalformedProof, "The proof is not 8 words of coordinates below q.");
        if (publicWords.Length != _key.PublicCount * EvmEncoding.WordLength)
            return new(VerificationFailure.PublicInputCount, $"{publicWords.Length} bytes of public inputs; the key has {_key.PublicCount} of {EvmEncoding.WordLength} bytes.");
        var inputs = new Fr[_key.PublicCount];
        for (var i = 0; i < inputs.Length; i++)
        {
            if (!Fr.TryFromCanonicalBigEndian(publicWords.Slice(i * EvmEncoding.WordLength, EvmEncoding.WordLength), out inputs[i]))
                return new(VerificationFailure.PublicInputRange, $"Public input {i} is not below r.");
        }
        return Verify(proof!, inputs);
    }
}
