namespace Rollup.Sequencer.Oracle;

/// <summary>The price of one market, 10^-6 USD a unit.</summary>
public readonly record struct MarketPrice(long Index, long Mark);

/// <summary>Prices of all markets at one time.</summary>
/// <param name="At">Unix milliseconds of the sequencer's clock.</param>
public sealed record Observation(long At, IReadOnlyDictionary<string, MarketPrice> Prices);

/// <summary>Where prices come from.</summary>
public interface IPriceFeed
{
    /// <summary>The newest prices; null while there are none. Must return at once.</summary>
    /// <param name="now">Unix milliseconds.</param>
    Observation? Observe(long now);
}

/// <summary>Prices that never change.</summary>
public sealed class StaticFeed(IReadOnlyDictionary<string, MarketPrice> prices) : IPriceFeed
{
    public Observation Observe(long now) => new(now, prices);
}
