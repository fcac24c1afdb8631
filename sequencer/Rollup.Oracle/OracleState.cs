using Rollup.Risk;

namespace Rollup.Oracle;

/// <summary>How far the prices of one underlying can be trusted; ascending from best to worst.</summary>
public enum OracleState
{
    /// <summary>Enough nodes agree, closely, and lately.</summary>
    Fresh = 0,

    /// <summary>They agree, but the index is known only within a wide interval.</summary>
    LowConfidence = 1,

    /// <summary>There are enough late reports, and no majority of them is within the bound of the median.</summary>
    Divergent = 2,

    /// <summary>Fewer late reports than the threshold.</summary>
    Stale = 3,
}

/// <summary>The one table of what is permitted on which prices; docs/RISK.md argues each cell.</summary>
public static class Validity
{
    public static RiskActions Permits(OracleState state) => state == OracleState.Fresh ? RiskActions.All : RiskActions.Reduce;

    /// <summary>Whether an epoch may open on these prices, so that trading goes on at all.</summary>
    public static bool OpensEpoch(OracleState state) => state is OracleState.Fresh or OracleState.LowConfidence;
}
