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

/// <summary>What prices are needed for.</summary>
public enum RiskAction
{
    /// <summary>An order that may open or grow a position.</summary>
    Open = 0,

    /// <summary>An order that can only shrink one.</summary>
    Reduce = 1,

    /// <summary>A forced reduction of somebody else's position.</summary>
    Liquidate = 2,

    /// <summary>Taking collateral out.</summary>
    Withdraw = 3,
}

/// <summary>The one table of what is allowed on which prices; docs/RISK.md argues each cell.</summary>
public static class Validity
{
    public static bool Allows(OracleState state, RiskAction action) => (state, action) switch
    {
        (OracleState.Fresh, _) => true,
        (_, RiskAction.Reduce) => true,
        (OracleState.LowConfidence, RiskAction.Liquidate) => true,
        _ => false,
    };
}
