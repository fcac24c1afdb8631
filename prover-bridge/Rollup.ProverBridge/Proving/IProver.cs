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

/// <summary>Why there is no proof.</summary>
public enum ProverFault
{
    /// <summary>The program cannot be started.</summary>
    NotStarted,

    /// <summary>It ended, or was ended by somebody else.</summary>
    Died,

    /// <summary>It took longer than allowed and was ended.</summary>
    TimedOut,

    /// <summary>It took more memory than allowed and was ended.</summary>
    MemoryExceeded,

    /// <summary>It answered with an error: for instance, the witness breaks a constraint.</summary>
    Refused,

    /// <summary>It gave a proof, or public inputs, that do not hold.</summary>
    WrongProof,
}

/// <summary>An attempt to make a proof failed.</summary>
public sealed class ProverException(ProverFault fault, string message, Exception? inner = null) : Exception(message, inner)
{
    public ProverFault Fault { get; } = fault;
}
