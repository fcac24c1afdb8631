namespace Rollup.StateVerifier.Checks;

/// <summary>What can fail to hold. The numbers are the program's exit codes: stable, never reused.</summary>
public enum Check
{
    /// <summary>The contract is no vault that this verifier knows, or its logs do not decode.</summary>
    Parameters = 10,

    /// <summary>The domain does not follow from chain, vault and circuit version (spec 4.1).</summary>
    Domain = 11,

    /// <summary>The genesis root is not that of spec 3.4.</summary>
    Genesis = 12,

    /// <summary>The verifier contract's key is unusable, or not the one that was pinned.</summary>
    VerifyingKey = 13,

    /// <summary>Batches, proofs or finalisations are missing, repeated or out of order.</summary>
    Sequence = 14,

    /// <summary>The commit transaction is missing, elsewhere, truncated or malformed.</summary>
    Calldata = 15,

    /// <summary>The published data is not what the vault's event names.</summary>
    Data = 16,

    /// <summary>C is not the commitment to the words (spec 5.1).</summary>
    Commitment = 17,

    /// <summary>Number or times of the header (spec 6.3).</summary>
    Header = 18,

    /// <summary>The old root is not the new root of the batch before.</summary>
    RootChain = 19,

    /// <summary>The operations are not the run of the vault's queue that is due (spec 6.2).</summary>
    Operations = 20,

    /// <summary>The published leaves do not lead to the new root.</summary>
    Tree = 21,

    /// <summary>The risk inputs do not give the risk root (spec 6.7).</summary>
    Risk = 22,

    /// <summary>The vault's own record of the batch is another.</summary>
    Record = 23,

    /// <summary>The proof is missing or does not hold for (C, y, z, riskRoot).</summary>
    Proof = 24,

    /// <summary>The account is unknown, not final yet, or another's.</summary>
    Account = 25,

    /// <summary>The account's leaf does not open with the view key, or its contents are not under the root.</summary>
    Leaf = 26,

    /// <summary>The vault counts what accounts hold differently, or has less than that.</summary>
    Solvency = 27,
}

/// <summary>Something that must hold does not: which check, at which batch, what was expected and what was found.</summary>
public sealed class CheckFailedException(Check check, string problem, uint? batch = null, string? expected = null, string? found = null)
    : Exception(Describe(check, problem, batch, expected, found))
{
    public Check Check { get; } = check;

    public string Problem { get; } = problem;

    /// <summary>null where it concerns the vault or an account as a whole.</summary>
    public uint? Batch { get; } = batch;

    /// <summary>What follows from what was verified before.</summary>
    public string? Expected { get; } = expected;

    /// <summary>What L1 holds.</summary>
    public string? Found { get; } = found;

    private static string Describe(Check check, string problem, uint? batch, string? expected, string? found) =>
        $"{check.Name()}{(batch is null ? "" : $" of batch {batch}")}: {problem}{(expected is null ? "" : $"; expected {expected}, found {found}")}";
}

/// <summary>Names of checks.</summary>
public static class CheckNames
{
    /// <summary>The name in lower case and hyphens, e.g. <c>root-chain</c>.</summary>
    public static string Name(this Check check) =>
        string.Concat(check.ToString().Select((c, i) => char.IsUpper(c) ? $"{(i > 0 ? "-" : "")}{char.ToLowerInvariant(c)}" : c.ToString()));
}
