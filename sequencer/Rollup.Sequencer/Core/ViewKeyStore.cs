using Rollup.Crypto;

namespace Rollup.Sequencer.Core;

/// <summary>A view key that waits for its registration.</summary>
/// <param name="Since">When it came, Unix milliseconds.</param>
internal sealed record WaitingViewKey(Fr Key, long Since);

/// <summary>View keys disclosed ahead of their registrations, by hash. Bounded; the oldest go when their time is over, never earlier.</summary>
internal sealed class ViewKeyStore(int capacity, TimeSpan lifetime)
{
    private static readonly Fr PublicHash = Poseidon.Hash([Fr.Zero]);

    // By number of arrival; and the number of each hash.
    private readonly SortedDictionary<long, WaitingViewKey> keys = [];
    private readonly Dictionary<Fr, long> numbers = [];
    private long arrived;

    /// <summary>In the order of arrival.</summary>
    internal IEnumerable<WaitingViewKey> All => keys.Values;

    /// <summary>Whether another key would be kept at this time. Changes nothing: only the journal's commands do.</summary>
    internal bool HasRoom(long now) => keys.Count < capacity || IsOldestExpired(now);

    internal static Fr HashOf(Fr key) => Poseidon.Hash([key]);

    internal void Add(WaitingViewKey key)
    {
        while (IsOldestExpired(key.Since)) Remove(HashOf(keys.First().Value.Key));
        if (numbers.TryAdd(HashOf(key.Key), arrived)) keys.Add(arrived++, key);
    }

    /// <summary>The key with this hash; the key 0 of a public account is known to all.</summary>
    internal Fr? Find(Fr hash) => hash == PublicHash ? Fr.Zero : numbers.TryGetValue(hash, out long number) ? keys[number].Key : null;

    /// <summary>Forgets a key whose account now exists.</summary>
    internal void Remove(Fr hash)
    {
        if (numbers.Remove(hash, out long number)) keys.Remove(number);
    }

    private bool IsOldestExpired(long now) => keys.Count > 0 && keys.First().Value.Since + (long)lifetime.TotalMilliseconds <= now;
}
