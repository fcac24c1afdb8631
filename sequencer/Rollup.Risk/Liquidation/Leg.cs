using Rollup.Protocol;

namespace Rollup.Risk.Liquidation;

/// <summary>A position at its risk row.</summary>
/// <param name="Row">Row of the instrument.</param>
/// <param name="Size">Signed lots, not 0.</param>
public readonly record struct Leg(RiskRow Row, long Size)
{
    /// <summary>Clean price of a lot, atoms.</summary>
    public long Mark => Row.Base + Row.Funding;

    public bool IsSpot => Row.Kind == InstrumentKind.Spot;

    /// <summary>The worst clean price at which the position may be closed against its owner's will (spec 5.8), within what a price can be.</summary>
    public long WorstPrice => PriceAt(Row.PriceBound);

    /// <summary>
    /// Price of the leg in a descending auction: from the mark to <see cref="WorstPrice"/> in equal steps of time. Rounded in favour of
    /// the account that is liquidated, so that no price exceeds the bound.
    /// </summary>
    /// <param name="elapsed">Milliseconds since the auction began, 0..2^44-1.</param>
    /// <param name="duration">Milliseconds until the worst price, 1..2^44-1.</param>
    public long AuctionPrice(long elapsed, long duration) =>
        // 35 + 44 bits.
        PriceAt((long)Rounding.FloorDiv((Int128)Row.PriceBound * Math.Min(elapsed, duration), duration));

    private long PriceAt(long distance) => Math.Clamp(Mark - Math.Sign(Size) * distance, 0, Price.ExclusiveBound - 1);
}
