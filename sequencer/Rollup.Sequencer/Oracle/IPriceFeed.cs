using System.Collections.Immutable;
using Microsoft.Extensions.Hosting;
using Rollup.Oracle;

namespace Rollup.Sequencer.Oracle;

/// <summary>The price of one market, 10^-6 USD a unit.</summary>
/// <param name="Confidence">Half width of the interval that the index is in.</param>
/// <param name="State">How far it can be trusted.</param>
/// <param name="Depth">Quote on the thinner side of the source's book within 1% of its middle, atoms; null where the source has none.</param>
public readonly record struct MarketPrice(long Index, long Mark, long Confidence = 0, OracleState State = OracleState.Fresh, long? Depth = null);

/// <summary>Prices of all markets at one time.</summary>
/// <param name="At">Unix milliseconds of the sequencer's clock.</param>
public sealed record Observation(long At, IReadOnlyDictionary<string, MarketPrice> Prices)
{
    /// <summary>Forwards and surfaces of the expiries of a margin group, ascending; groups without options are missing.</summary>
    public ImmutableDictionary<int, ImmutableArray<ExpiryReport>> Expiries { get; init; } = ImmutableDictionary<int, ImmutableArray<ExpiryReport>>.Empty;
}

/// <summary>Where prices come from.</summary>
public interface IPriceFeed
{
    /// <summary>The newest prices; null while there are none. Must return at once.</summary>
    /// <param name="now">Unix milliseconds.</param>
    Observation? Observe(long now);

    /// <summary>Why there are no prices, where there are none.</summary>
    string Problem => "the feed has no prices";

    /// <summary>What must run for the feed to have prices; null if nothing must.</summary>
    IHostedService? Service => this as IHostedService;
}

/// <summary>A feed's prices with forwards and surfaces that never change.</summary>
internal sealed class FixedSurfaces(IPriceFeed feed, ImmutableDictionary<int, ImmutableArray<ExpiryReport>> expiries) : IPriceFeed
{
    public string Problem => feed.Problem;

    public IHostedService? Service => feed.Service;

    public Observation? Observe(long now) => feed.Observe(now) is { } seen ? seen with { Expiries = expiries } : null;
}

/// <summary>Prices that never change.</summary>
public sealed class StaticFeed(IReadOnlyDictionary<string, MarketPrice> prices) : IPriceFeed
{
    public Observation Observe(long now) => new(now, prices);
}
