using Rollup.Protocol;
using Rollup.Risk;

namespace Rollup.Engine;

/// <summary>
/// How many sealed batches may wait for their proof, and what is permitted as they grow in number: an unproven batch past its deadline freezes
/// the vault. N = deadline / (2 x p95 of a proof's time), so that N proofs in a row take half of the deadline.
/// </summary>
public static class InFlightLimit
{
    /// <summary>N, rounded down; 0 if not even one proof would be safe.</summary>
    /// <param name="deadline">The vault's proof deadline, milliseconds, above 0.</param>
    /// <param name="p95">95th percentile of the time that a proof takes, milliseconds, above 0.</param>
    public static int Of(long deadline, long p95) => (int)Math.Min(int.MaxValue, Rounding.FloorDiv(deadline, checked(2 * p95)));

    /// <summary>Below N / 2 everything; from there on nothing that opens or withdraws; at N nothing that needs prices.</summary>
    /// <param name="limit">N, or the operator's bond, atoms; below 2^62.</param>
    /// <param name="inFlight">Batches sealed and not proven, or what they put at risk, atoms; below 2^62.</param>
    public static RiskActions Permits(long limit, long inFlight) =>
        inFlight >= limit ? RiskActions.None
        : 2 * inFlight >= limit ? RiskActions.Reduce | RiskActions.Liquidate
        : RiskActions.All;
}
