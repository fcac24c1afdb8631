using Rollup.Proving;

namespace Rollup.ProverBridge.Proving;

/// <summary>Makes Groth16 proofs of one circuit from witnesses. The bridge checks what it makes.</summary>
public interface IProver
{
    /// <summary>For logs.</summary>
    string Name { get; }

    /// <summary>Proves a witness.</summary>
    /// <param name="proof">Where snarkjs's proof.json goes.</param>
    /// <param name="publics">Where snarkjs's public.json goes.</param>
    /// <exception cref="ProverException">There is no proof; the message says why.</exception>
    Task ProveAsync(CircuitWitness witness, string proof, string publics, CancellationToken cancellation);
}
