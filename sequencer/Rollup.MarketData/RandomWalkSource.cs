using System.Collections.Immutable;

namespace Rollup.MarketData;

/// <summary>One generated market.</summary>
/// <param name="Market">Its name.</param>
/// <param name="StartPrice">10^-6 USD a unit.</param>
/// <param name="TickSize">10^-6 USD a unit.</param>
/// <param name="StepPpm">Typical move in one step, millionths of the price.</param>
/// <param name="TradeQuantity">Typical trade, 10^-8 units.</param>
public sealed record RandomWalkMarket(string Market, long StartPrice, long TickSize, int StepPpm, long TradeQuantity);

/// <summary>
/// Correlated random walks with a book of ten levels and trades around them, the same for the same seed on every machine: what the
/// demonstration plays where no recording is at hand.
/// </summary>
/// <param name="seed">Chooses the walk.</param>
/// <param name="startTime">Nanoseconds since 1970.</param>
/// <param name="steps">Length in steps.</param>
/// <param name="markets">The markets; all share half of the variance.</param>
public sealed class RandomWalkSource(ulong seed, long startTime, int steps, IReadOnlyList<RandomWalkMarket> markets) : IMarketSource
{
    /// <summary>Nanoseconds between two steps.</summary>
    public const long Step = 100_000_000;

    /// <summary>A calm Bitcoin and Ether market.</summary>
    public static IReadOnlyList<RandomWalkMarket> Default { get; } =
    [
        new("BTCUSDT", 61_715_000_000, 100_000, 12, 1_500_000),
        new("ETHUSDT", 2_680_000_000, 10_000, 15, 30_000_000),
    ];

    private const int Depth = 10;

    // After the books of a step its trades follow, a millisecond apart.
    private const long BetweenTrades = 1_000_000;

    public IEnumerable<MarketEvent> Read(IProgress<double>? progress = null)
    {
        var random = new SplitMix64(seed);
        long[] prices = [.. markets.Select(m => m.StartPrice)];
        for (int step = 0; step < steps; step++)
        {
            if (step % 100 == 0) progress?.Report((double)step / steps);
            long time = startTime + step * Step;
            int common = random.Bell();
            var books = new BookState[markets.Count];
            for (int i = 0; i < markets.Count; i++)
            {
                RandomWalkMarket m = markets[i];
                // Two shocks of variance 1 each give one of variance 2: 7/10 is 1 over its square root.
                long shock = (common + random.Bell()) * 7L / 10;
                long moved = prices[i] + (long)((Int128)prices[i] * m.StepPpm * shock / (1_000_000L * SplitMix64.BellUnit));
                prices[i] = Math.Clamp(moved, m.StartPrice / 2, m.StartPrice * 2);
                yield return books[i] = Book(m, time, prices[i], random);
            }

            for (int i = 0; i < markets.Count; i++)
                for (int trades = random.Below(3); trades > 0; trades--)
                {
                    time += BetweenTrades;
                    bool isSell = random.Below(2) == 0;
                    long quantity = markets[i].TradeQuantity * (1 + random.Below(19)) / 10;
                    yield return new MarketTrade(time, markets[i].Market, new MarketLevel((isSell ? books[i].Bids : books[i].Asks)[0].Price, quantity), isSell);
                }
        }

        progress?.Report(1);
    }

    private static BookState Book(RandomWalkMarket m, long time, long price, SplitMix64 random)
    {
        long bid = price / m.TickSize * m.TickSize;
        var bids = ImmutableArray.CreateBuilder<MarketLevel>(Depth);
        var asks = ImmutableArray.CreateBuilder<MarketLevel>(Depth);
        for (int level = 0; level < Depth; level++)
        {
            bids.Add(new MarketLevel(bid - level * m.TickSize, m.TradeQuantity * (5 + random.Below(40))));
            asks.Add(new MarketLevel(bid + (level + 1) * m.TickSize, m.TradeQuantity * (5 + random.Below(40))));
        }

        return new BookState(time, m.Market, bids.MoveToImmutable(), asks.MoveToImmutable());
    }
}

/// <summary>SplitMix64 (G. Steele, D. Lea, C. Flood, "Fast splittable pseudorandom number generators", 2014): the same numbers everywhere.</summary>
public sealed class SplitMix64(ulong seed)
{
    /// <summary>Standard deviation of <see cref="Bell"/>.</summary>
    public const int BellUnit = 1000;

    private ulong state = seed;

    public ulong Next()
    {
        unchecked
        {
            ulong z = state += 0x9E3779B97F4A7C15;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            return z ^ (z >> 31);
        }
    }

    /// <summary>0..count-1; the bias of the remainder is below 2^-32 for the counts used.</summary>
    public int Below(int count) => (int)(Next() % (ulong)count);

    /// <summary>Nearly normal with mean 0 and deviation <see cref="BellUnit"/>: the sum of twelve uniform numbers.</summary>
    public int Bell()
    {
        int sum = 0;
        for (int i = 0; i < 12; i++) sum += Below(BellUnit + 1);
        return sum - 6 * BellUnit;
    }
}
