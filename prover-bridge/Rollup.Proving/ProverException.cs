namespace Rollup.Proving;

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
