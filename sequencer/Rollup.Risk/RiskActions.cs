namespace Rollup.Risk;

/// <summary>What prices are needed for, as a set: what a host permits at present.</summary>
[Flags]
public enum RiskActions
{
    None = 0,

    /// <summary>Orders that may open or grow a position.</summary>
    Open = 1 << 0,

    /// <summary>Orders that can only shrink one.</summary>
    Reduce = 1 << 1,

    /// <summary>Forced reductions of somebody's position.</summary>
    Liquidate = 1 << 2,

    /// <summary>Withdrawals.</summary>
    Withdraw = 1 << 3,

    All = Open | Reduce | Liquidate | Withdraw,
}
