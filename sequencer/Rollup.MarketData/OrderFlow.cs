using System.Collections.Immutable;

namespace Rollup.MarketData;

/// <summary>How a recorded market becomes an instrument.</summary>
/// <param name="Market">Name in the source.</param>
/// <param name="Instrument">Instrument id.</param>
/// <param name="LotsPerUnit">1000: a lot is 0.001 units.</param>
/// <param name="Tick">Atoms per lot.</param>
/// <param name="MinSize">Least lots of an order.</param>
public sealed record FlowMarket(string Market, int Instrument, long LotsPerUnit, long Tick, long MinSize)
{
    private const long QuantityPerUnit = 100_000_000;

    /// <summary>A price in 10^-6 USD a unit as atoms per lot on the tick, rounded away from the middle so that bids and asks never meet by rounding.</summary>
    public long ToPrice(long price, bool isAsk)
    {
        long step = LotsPerUnit * Tick;
        return (isAsk ? price + step - 1 : price) / step * Tick;
    }

    /// <summary>A quantity in 10^-8 units as lots.</summary>
    /// <param name="scalePpm">Part of the quantity to take, in millionths.</param>
    /// <param name="most">Upper limit in lots.</param>
    public long ToLots(long quantity, int scalePpm, long most) =>
        Math.Clamp((long)((Int128)quantity * LotsPerUnit * scalePpm / ((Int128)QuantityPerUnit * 1_000_000)), MinSize, Math.Max(most, MinSize));
}

/// <summary>Who trades, and how much. Traders 0..Makers-1 make markets, the next ones take.</summary>
/// <param name="Makers">At least 1.</param>
/// <param name="Takers">At least 1.</param>
/// <param name="Levels">Quotes of a maker on each side of each market.</param>
/// <param name="ScalePpm">Part of the recorded quantities to trade, in millionths.</param>
/// <param name="MaxLots">Most lots of one order.</param>
/// <param name="QuoteInterval">A maker quotes a market anew at most once in this many nanoseconds.</param>
/// <param name="TakeEvery">One in this many recorded trades is reproduced.</param>
/// <param name="Slippage">How far beyond the recorded price a taker still buys or sells, in millionths.</param>
public sealed record FlowScenario(
    ImmutableArray<FlowMarket> Markets, int Makers = 2, int Takers = 4, int Levels = 3, int ScalePpm = 100_000, long MaxLots = 500,
    long QuoteInterval = 1_000_000_000, int TakeEvery = 10, int Slippage = 1_000)
{
    /// <summary>Traders in all.</summary>
    public int Traders => Makers + Takers;

    /// <summary>Name of a trader's key file and of the trader in reports: maker-1, taker-3.</summary>
    public string NameOf(int trader) => trader < Makers ? $"maker-{trader + 1}" : $"taker-{trader - Makers + 1}";

    /// <summary>The first rule that the scenario breaks, or null.</summary>
    public string? Validate() => this switch
    {
        { Markets.Length: < 1 } => "no markets",
        { Makers: < 1 } or { Takers: < 1 } => "at least one maker and one taker are needed",
        { Levels: < 1 } => "a maker quotes at least one level",
        _ when 2 * Levels * Markets.Length > 256 => $"{Levels} levels on both sides of {Markets.Length} markets exceed the 256 order slots of an account",
        { ScalePpm: < 1 } or { MaxLots: < 1 } or { TakeEvery: < 1 } or { QuoteInterval: < 0 } or { Slippage: < 0 } => "scale, lots, interval or slippage is out of range",
        _ => null,
    };
}

/// <summary>What one trader does next.</summary>
/// <param name="Time">Nanoseconds since 1970, of the source.</param>
/// <param name="Slot">The order slot to use.</param>
public abstract record TraderAction(long Time, int Trader, byte Slot);

/// <summary>Takes the slot's order off the book, if it is still there.</summary>
public sealed record CancelAction(long Time, int Trader, byte Slot) : TraderAction(Time, Trader, Slot);

/// <summary>Places an order: a maker's rests and never takes, a taker's takes and never rests.</summary>
/// <param name="Limit">Atoms per lot.</param>
public sealed record PlaceAction(long Time, int Trader, byte Slot, int Instrument, bool IsSell, long Limit, long Lots, bool Rests) : TraderAction(Time, Trader, Slot);

/// <summary>
/// Turns market events into the orders of several traders: makers quote around the book, takers reproduce the trades. Deterministic.
/// </summary>
public sealed class OrderFlow(IMarketSource source, FlowScenario scenario)
{
    /// <summary>All actions in the order of time.</summary>
    public IEnumerable<TraderAction> Actions(IProgress<double>? progress = null)
    {
        if (scenario.Validate() is { } problem) throw new ArgumentException(problem);
        var markets = scenario.Markets.Select((market, index) => new MarketState(market, index, scenario)).ToDictionary(m => m.Market.Market);
        foreach (MarketEvent e in source.Read(progress))
        {
            if (!markets.TryGetValue(e.Market, out MarketState? state)) continue;
            IEnumerable<TraderAction> actions = e switch
            {
                BookState book => state.Quote(book),
                MarketTrade trade => state.Take(trade),
                _ => [],
            };
            foreach (TraderAction action in actions) yield return action;
        }
    }

    private sealed class MarketState(FlowMarket market, int index, FlowScenario scenario)
    {
        // What each maker has quoted last, by slot; and the lots each taker has bought net of sold.
        private readonly PlaceAction?[,] quotes = new PlaceAction?[scenario.Makers, 2 * scenario.Levels];
        private readonly long[] nextQuote = new long[scenario.Makers];
        private readonly long[] taken = new long[scenario.Takers];
        private long trades;

        internal FlowMarket Market => market;

        internal IEnumerable<TraderAction> Quote(BookState book)
        {
            for (int maker = 0; maker < scenario.Makers; maker++)
            {
                if (book.Time < nextQuote[maker]) continue;
                // Makers quote one after the other, so that there is a quote at any time.
                nextQuote[maker] = (nextQuote[maker] == 0 ? book.Time + maker * scenario.QuoteInterval / scenario.Makers : book.Time) + scenario.QuoteInterval;
                var wanted = new List<PlaceAction>();
                for (int side = 0; side < 2; side++)
                    for (int level = 0; level < scenario.Levels; level++)
                        wanted.Add(Wanted(book, maker, side == 1, level));

                // All old quotes go first, so that a new one never meets an old one of the same maker.
                for (int i = 0; i < wanted.Count; i++)
                    if (quotes[maker, i] is not null) yield return new CancelAction(book.Time, maker, wanted[i].Slot);
                for (int i = 0; i < wanted.Count; i++) yield return (quotes[maker, i] = wanted[i])!;
            }
        }

        internal IEnumerable<TraderAction> Take(MarketTrade trade)
        {
            if (trades++ % scenario.TakeEvery != 0) yield break;
            // The taker with the most room for it: positions stay small however long the session is.
            int taker = 0;
            for (int i = 1; i < scenario.Takers; i++)
                if (trade.IsSell ? taken[i] > taken[taker] : taken[i] < taken[taker]) taker = i;
            long lots = market.ToLots(trade.At.Quantity, scenario.ScalePpm, scenario.MaxLots);
            taken[taker] += trade.IsSell ? -lots : lots;
            long slip = (long)((Int128)trade.At.Price * scenario.Slippage / 1_000_000);
            long limit = market.ToPrice(trade.IsSell ? trade.At.Price - slip : trade.At.Price + slip, isAsk: !trade.IsSell);
            yield return new PlaceAction(trade.Time, scenario.Makers + taker, (byte)index, market.Instrument, trade.IsSell, limit, lots, Rests: false);
        }

        private PlaceAction Wanted(BookState book, int maker, bool isSell, int level)
        {
            ImmutableArray<MarketLevel> side = isSell ? book.Asks : book.Bids;
            // The first maker is at the best prices, the next ones further out.
            int at = Math.Min(level + maker, side.Length - 1);
            MarketLevel recorded = side[at];
            long outside = (level + maker - at) * market.Tick;
            long price = market.ToPrice(recorded.Price, isSell) + (isSell ? outside : -outside);
            int slot = (index * 2 + (isSell ? 1 : 0)) * scenario.Levels + level;
            return new PlaceAction(book.Time, maker, (byte)slot, market.Instrument, isSell, Math.Max(price, market.Tick), market.ToLots(recorded.Quantity, scenario.ScalePpm, scenario.MaxLots), Rests: true);
        }
    }
}
