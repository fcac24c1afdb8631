namespace Rollup.MarketData;

/// <summary>The best prices of a market as a connection shows them.</summary>
/// <param name="Depth">Quote on the thinner side within 1% of the middle, 10^-6 USD; null while the book is not known.</param>
public readonly record struct LiveTop(MarketLevel Bid, MarketLevel Ask, long? Depth)
{
    /// <summary>Half of best bid and best ask together, rounded down.</summary>
    public long Middle => (long)(((Int128)Bid.Price + Ask.Price) / 2);

    /// <summary>Half of what lies between them, rounded up.</summary>
    public long HalfSpread => (Ask.Price - Bid.Price + 1) / 2;
}

/// <summary>
/// Markets of one connection to an exchange's combined stream (<see cref="TapeReader"/> has the format): tickers, and books rebuilt from changes and one REST
/// snapshot each. A gap in the changes drops the book until another snapshot; meanwhile the ticker speaks. No I/O; one thread at a time.
/// </summary>
/// <param name="markets">Names of the markets; messages of others are passed over.</param>
public sealed class LiveMarkets(IReadOnlyCollection<string> markets)
{
    private const int MaxWaiting = 2_000;
    private readonly Dictionary<string, State> states = markets.ToDictionary(m => m, _ => new State());

    /// <summary>Gaps found since the connection began.</summary>
    public int Gaps { get; private set; }

    /// <summary>Markets whose changes wait for a snapshot.</summary>
    public IReadOnlyList<string> WithoutSnapshot => [.. states.Where(s => s.Value.Book.NeedsSnapshot).Select(s => s.Key)];

    /// <summary>Takes a message of the stream.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public void Apply(ReadOnlySpan<byte> message)
    {
        ExchangeMessage item = ExchangeMessage.Parse(message);
        if (item.Market is null || !states.TryGetValue(item.Market, out State? state)) return;
        if (item.Ticker is { } ticker) state.Ticker = ticker.Bid.Price < ticker.Ask.Price ? ticker : throw new FormatException("the ticker's bid is not below its ask");
        // What comes behind the gap belongs to the next snapshot.
        if (item.Change is { } change && state.Book.Apply(change) is not null) Resynchronise(state).Apply(change);
        else if (state.Book.IsKnown && state.Book.Bids(1)[0].Price >= state.Book.Asks(1)[0].Price) Resynchronise(state);
    }

    /// <summary>Takes the REST snapshot of a market's book. One that the waiting changes do not follow is dropped, and another is needed.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public void Snapshot(string market, ReadOnlySpan<byte> json)
    {
        ExchangeMessage item = ExchangeMessage.Parse(json);
        if (item.Snapshot is not { } snapshot) throw new FormatException("this is no snapshot of a book");
        State state = states[market];
        List<BookChange> waiting = [.. state.Book.Waiting];
        if (state.Book.Snapshot(snapshot.Last, snapshot.Bids, snapshot.Asks) is null) return;
        RecordedBook book = Resynchronise(state);
        foreach (BookChange change in waiting) book.Apply(change);
    }

    /// <summary>The best prices of a market: its book's, else its ticker's; null before the first.</summary>
    public LiveTop? Top(string market)
    {
        State state = states[market];
        if (state.Book.IsKnown) return new LiveTop(state.Book.Bids(1)[0], state.Book.Asks(1)[0], state.Book.Depth());
        return state.Ticker is { } ticker ? new LiveTop(ticker.Bid, ticker.Ask, null) : null;
    }

    private RecordedBook Resynchronise(State state)
    {
        Gaps++;
        return state.Book = new RecordedBook(MaxWaiting);
    }

    private sealed class State
    {
        internal RecordedBook Book { get; set; } = new(MaxWaiting);
        internal (MarketLevel Bid, MarketLevel Ask)? Ticker { get; set; }
    }
}
