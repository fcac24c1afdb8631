namespace Rollup.Risk.Liquidation;

/// <summary>
/// When an epoch may open before its regular time: enough margin is in distress under live prices, or the last one opened long enough ago.
/// Otherwise small accounts laddered along the price could open an epoch with every tick.
/// </summary>
/// <param name="DistressedMargin">Sum of the requirements of accounts below maintenance, atoms, at which an epoch opens at once.</param>
/// <param name="Interval">Milliseconds between two openings with less than that in distress.</param>
public readonly record struct EpochRule(Int128 DistressedMargin, long Interval = 5_000)
{
    /// <summary>Whether an epoch may open early.</summary>
    /// <param name="sinceOpening">Milliseconds since the last opening.</param>
    /// <param name="distressedMargin">Sum of the requirements in distress under live prices, atoms; 0 asks for no epoch.</param>
    public bool AllowsOpening(long sinceOpening, Int128 distressedMargin) =>
        distressedMargin > 0 && (distressedMargin >= DistressedMargin || sinceOpening >= Interval);
}
