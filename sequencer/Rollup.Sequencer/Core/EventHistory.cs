using Rollup.Api;

namespace Rollup.Sequencer.Core;

/// <summary>The newest events of accounts and of the market, and the number of the last one.</summary>
internal sealed class EventHistory
{
    /// <summary>Kept of all accounts together, and of the market.</summary>
    internal const int MaxKept = 10_000;

    private readonly Queue<AccountEventView> accounts = [];
    private readonly Queue<MarketEventView> market = [];

    /// <summary>Events ever.</summary>
    internal long Last { get; private set; }

    /// <summary>All kept, oldest first.</summary>
    internal IEnumerable<AccountEventView> Accounts => accounts;

    /// <summary>All kept, oldest first.</summary>
    internal IEnumerable<MarketEventView> Market => market;

    /// <summary>The number of the next event.</summary>
    internal long Number() => ++Last;

    internal AccountEventView Add(AccountEventView e) => Keep(accounts, e);

    internal MarketEventView Add(MarketEventView e) => Keep(market, e);

    /// <summary>Newest first.</summary>
    internal IReadOnlyList<AccountEventView> Newest(int account, int count) => [.. accounts.Where(e => e.Account == account).Reverse().Take(count)];

    /// <summary>Newest first.</summary>
    internal IReadOnlyList<MarketEventView> NewestOfMarket(int count) => [.. market.Reverse().Take(count)];

    internal void Restore(long last, IEnumerable<AccountEventView> ofAccounts, IEnumerable<MarketEventView> ofMarket)
    {
        Last = last;
        foreach (AccountEventView e in ofAccounts) Add(e);
        foreach (MarketEventView e in ofMarket) Add(e);
    }

    private static T Keep<T>(Queue<T> queue, T e)
    {
        if (queue.Count == MaxKept) queue.Dequeue();
        queue.Enqueue(e);
        return e;
    }
}
