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

/// <summary>What is permitted in each margin group. A value; the default permits nothing anywhere.</summary>
/// <param name="Bits"><see cref="RiskActions"/> of group g in the four bits from 4 g on.</param>
public readonly record struct GroupActions(ulong Bits)
{
    private const int BitsOfGroup = 4;
    private const ulong Once = 0x1111_1111_1111_1111;

    /// <summary>The actions of a group, 0..15.</summary>
    public RiskActions this[int group] => (RiskActions)(Bits >> (BitsOfGroup * group) & (ulong)RiskActions.All);

    /// <summary>The same in every group.</summary>
    public static GroupActions Everywhere(RiskActions actions) => new((ulong)(actions & RiskActions.All) * Once);

    /// <summary>With other actions in one group, 0..15.</summary>
    public GroupActions With(int group, RiskActions actions) =>
        new((Bits & ~((ulong)RiskActions.All << (BitsOfGroup * group))) | (ulong)(actions & RiskActions.All) << (BitsOfGroup * group));

    /// <summary>What both permit.</summary>
    public static GroupActions operator &(GroupActions left, GroupActions right) => new(left.Bits & right.Bits);

    /// <summary>Whether an action is permitted in a group.</summary>
    public bool Permits(RiskActions action, int group) => (this[group] & action) != 0;
}
