using System.Security.Cryptography;

namespace Rollup.ProverBridge.Jobs;

/// <summary>How far the proof of a batch is. Numbers are stored: never reuse one.</summary>
public enum ProofStage
{
    /// <summary>Nothing is done yet, or the next attempt is awaited.</summary>
    Queued = 0,

    /// <summary>The witness is being calculated.</summary>
    Witness = 1,

    /// <summary>The prover runs.</summary>
    Proving = 2,

    /// <summary>There is a proof, and it was checked.</summary>
    Proven = 3,
}

/// <summary>What the vault was last seen to hold of a batch: the numbers of its <c>BatchStatus</c>. A reorganisation may take it back.</summary>
public enum BatchStatus
{
    None = 0,
    Committed = 1,
    Proven = 2,
    Final = 3,
}

/// <summary>Which part of the bridge gave a job up.</summary>
public enum AsideBy
{
    /// <summary>No proof could be made. Other batches go on being proven, but nothing later becomes final.</summary>
    Proving = 1,

    /// <summary>The vault cannot accept the batch. Nothing is sent until an operator has looked.</summary>
    Settlement = 2,
}

/// <summary>A transaction of the batch that was included. The action is <c>commit</c>, <c>prove</c> or <c>finalize</c>.</summary>
public sealed record JobReceipt(string Action, string Transaction, ulong Block, ulong Gas);

/// <summary>A batch on its way to the vault, as the queue holds it.</summary>
/// <param name="Digest">SHA-256 of the sealed batch file, lower-case hexadecimal.</param>
/// <param name="Attempts">Attempts to prove it that were started.</param>
/// <param name="NextAttempt">Not tried again before.</param>
/// <param name="LeaseUntil">While in the future, <paramref name="LeaseOwner"/> works on it and nobody else may.</param>
/// <param name="LastError">Of the last failed attempt.</param>
/// <param name="ProofSeconds">From the claim to the checked proof, of the attempt that succeeded.</param>
public sealed record Job(
    uint Batch, string Digest, ProofStage Stage, BatchStatus Settlement, int Attempts, DateTimeOffset NextAttempt,
    string? LeaseOwner, DateTimeOffset? LeaseUntil, AsideBy? AsideBy, string? AsideReason, string? LastError, double? ProofSeconds)
{
    /// <summary>Where the proof is, in one word.</summary>
    public string ProofState => AsideBy is null ? Stage.ToString().ToLowerInvariant() : "aside";

    /// <summary>Where the vault is, in one word.</summary>
    public string ChainState => Settlement switch { BatchStatus.None => "-", BatchStatus.Proven => "posted", _ => Settlement.ToString().ToLowerInvariant() };
}

/// <summary>Retries of a failing job: exponential back-off with jitter, and an end.</summary>
/// <param name="MaxAttempts">After so many failures the job is set aside.</param>
/// <param name="BaseDelay">Longest delay before the second attempt; it doubles with each.</param>
/// <param name="MaxDelay">Bound of the doubling.</param>
/// <param name="Jitter">Uniform in [0, 1): spreads a delay over its upper half, so that many jobs do not come back together.</param>
public sealed record RetryPolicy(int MaxAttempts, TimeSpan BaseDelay, TimeSpan MaxDelay, Func<double> Jitter)
{
    /// <summary>A source of jitter for everything but tests.</summary>
    public static double SystemJitter() => RandomNumberGenerator.GetInt32(1 << 20) / (double)(1 << 20);

    /// <summary>The delay after this many failures, at least one.</summary>
    public TimeSpan DelayAfter(int failures)
    {
        // 2^30 base delays are beyond any bound that a configuration accepts.
        TimeSpan longest = BaseDelay * (1L << Math.Min(failures - 1, 30));
        if (longest > MaxDelay) longest = MaxDelay;
        return longest * (0.5 + Jitter() / 2);
    }
}
