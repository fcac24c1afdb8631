using Microsoft.Extensions.Logging;
using Rollup.MarketData;
using Rollup.Sequencer.Configuration;

namespace Rollup.Sequencer.Oracle;

/// <summary>Makes the feed that a configuration names.</summary>
internal static class Feeds
{
    private const int GeneratedSteps = 36_000; // An hour.

    /// <summary>The sequencer's feed.</summary>
    /// <exception cref="ConfigException">It lacks a market, or a price cannot be read.</exception>
    internal static IPriceFeed Of(SequencerConfig config, TimeProvider clock, ILoggerFactory logs) => config.Oracle.Kind == OracleKind.Committee
        ? new CommitteeFeed(config.Oracle.Committee!, config.Chain, config.Instruments.DistinctBy(t => t.Market).ToDictionary(t => t.Market, t => t.Group), clock, logs.CreateLogger<CommitteeFeed>())
        : Of(config.Oracle, [.. config.Instruments.Select(t => t.Market).Distinct()], config.Epoch.MaxReportAge, clock, logs);

    /// <summary>A feed of anything but a committee.</summary>
    /// <param name="markets">Markets that must have a price.</param>
    /// <param name="maxAge">Milliseconds after which a price counts for nothing.</param>
    /// <exception cref="ConfigException">It lacks a market, or a price cannot be read.</exception>
    internal static IPriceFeed Of(OracleConfig config, IReadOnlyCollection<string> markets, int maxAge, TimeProvider clock, ILoggerFactory logs)
    {
        IPriceFeed feed = config.Kind switch
        {
            OracleKind.Static => new StaticFeed(config.Prices!.ToDictionary(p => p.Key, p => FixedPoint.TryParse(p.Value, 6, out long price)
                ? new MarketPrice(price, price) : throw new ConfigException($"oracle.prices: {p.Key}: '{p.Value}' is not a price with at most 6 decimals."))),
            OracleKind.Exchange => new ExchangeFeed(config.Exchange!, markets, maxAge, clock, logs.CreateLogger<ExchangeFeed>()),
            OracleKind.Tape => WithAll(markets, new PlaybackFeed(new MergedSource([.. config.Files.Select(file => new TapeReader(file, depth: 1))]), config.Speed)),
            _ => WithAll(markets, new PlaybackFeed(new RandomWalkSource(config.Seed, 0, GeneratedSteps, RandomWalkSource.Default), config.Speed)),
        };
        return config.Surfaces.IsEmpty ? feed : new FixedSurfaces(feed, config.ToExpiries());
    }

    private static PlaybackFeed WithAll(IReadOnlyCollection<string> markets, PlaybackFeed feed) => markets.FirstOrDefault(m => !feed.Markets.Contains(m)) is { } missing
        ? throw new ConfigException($"oracle: there is no market {missing}; there are {string.Join(", ", feed.Markets)}.") : feed;
}
