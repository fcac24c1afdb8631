using Rollup.Ethereum;
using Rollup.Risk;

namespace Rollup.Sequencer.Oracle;

/// <summary>What the oracle committee says to risk inputs.</summary>
/// <param name="Signed">As many signatures as the vault wants; null if there are fewer.</param>
/// <param name="Problem">Why there are; empty otherwise.</param>
internal readonly record struct CommitteeAnswer(RiskAttestation? Signed, string Problem);

/// <summary>The oracle committee, which signs the risk inputs of every epoch before it opens (spec 10.6).</summary>
internal interface ICommittee
{
    /// <summary>Asks every member once.</summary>
    /// <returns>As soon as enough have signed, or no longer can.</returns>
    Task<CommitteeAnswer> AskAsync(RiskInputs inputs);
}
