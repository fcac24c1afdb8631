namespace Rollup.Engine;

/// <summary>Bits 0-1 of an order's flags (spec 4.2).</summary>
public enum TimeInForce
{
    /// <summary>What does not fill rests.</summary>
    GoodTillCancel = 0,

    /// <summary>What does not fill is dropped.</summary>
    ImmediateOrCancel = 1,

    /// <summary>Fills whole at once, or not at all.</summary>
    FillOrKill = 2,
}

/// <summary>Bits 4-5: what happens when an order meets a resting one of its own account.</summary>
public enum SelfTradePrevention
{
    CancelResting = 0,
    CancelTaker = 1,
    CancelBoth = 2,
}

/// <summary>The flags byte of a signed request, decoded.</summary>
public readonly record struct OrderFlags(TimeInForce TimeInForce, bool PostOnly, bool ReduceOnly, SelfTradePrevention SelfTrade, bool Market)
{
    /// <summary>Bit 7 of a cancel: prove it.</summary>
    public const byte ProvenCancel = 1 << 7;

    /// <summary>Whether nothing of the order may rest.</summary>
    public bool IsImmediate => TimeInForce != TimeInForce.GoodTillCancel;

    public byte Encode() => (byte)((int)TimeInForce | (PostOnly ? 4 : 0) | (ReduceOnly ? 8 : 0) | ((int)SelfTrade << 4) | (Market ? 64 : 0));

    /// <summary>False for bits without a meaning, and for contradictions: post-only or good-till-cancel with what must execute at once.</summary>
    public static bool TryDecode(byte flags, out OrderFlags decoded)
    {
        decoded = new OrderFlags((TimeInForce)(flags & 3), (flags & 4) != 0, (flags & 8) != 0, (SelfTradePrevention)((flags >> 4) & 3), (flags & 64) != 0);
        return (flags & 128) == 0 && Enum.IsDefined(decoded.TimeInForce) && Enum.IsDefined(decoded.SelfTrade)
            && !(decoded.PostOnly && decoded.IsImmediate) && !(decoded.Market && !decoded.IsImmediate);
    }
}
