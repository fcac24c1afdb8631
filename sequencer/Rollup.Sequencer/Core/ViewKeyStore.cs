using Rollup.Crypto;

namespace Rollup.Sequencer.Core;

/// <summary>A view key that waits for its registration.</summary>
/// <param name="Since">When it came, Unix milliseconds.</param>
internal sealed record WaitingViewKey(Fr Key, long Since);

/// <summary>View keys disclosed ahead of their registrations, by hash. Bounded; the oldest go when their time is over, never earlier.</summary>
internal sealed class ViewKeyStore(int capacity, TimeSpan lifetime)
{
    private static readonly Fr PublicHash = Poseidon.Hash([Fr.Zero]);
    private readonly Dictionary<Fr, WaitingViewKey> keys = [];

    // In the order of arrival; an entry whose key has gone, or came again later, is stale.
    private readonly Queue<(Fr Hash, long Since)> order = new();

    internal IEnumerable<WaitingViewKey> All => order.Where(o => IsCurrent(o.Hash, o.Since)).Select(o => keys[o.Hash]);

    /// <summary>Whether another key would be kept at this time.</summary>
    internal bool HasRoom(long now)
    {
        Expire(now);
        return keys.Count < capacity;
    }

    internal static Fr HashOf(Fr key) => Poseidon.Hash([key]);

    internal void Add(WaitingViewKey key)
    {
        Expire(key.Since);
        Fr hash = HashOf(key.Key);
        if (keys.TryAdd(hash, key)) order.Enqueue((hash, key.Since));
    }

    /// <summary>The key with this hash; the key 0 of a public account is known to all.</summary>
    internal Fr? Find(Fr hash) => hash == PublicHash ? Fr.Zero : keys.TryGetValue(hash, out WaitingViewKey? found) ? found.Key : null;

    /// <summary>Forgets a key whose account now exists.</summary>
    internal void Remove(Fr hash) => keys.Remove(hash);

    private bool IsCurrent(Fr hash, long since) => keys.TryGetValue(hash, out WaitingViewKey? key) && key.Since == since;

    private void Expire(long now)
    {
        while (order.TryPeek(out (Fr Hash, long Since) oldest))
        {
            bool isCurrent = IsCurrent(oldest.Hash, oldest.Since);
            if (isCurrent && oldest.Since + (long)lifetime.TotalMilliseconds > now) return;
            if (isCurrent) keys.Remove(oldest.Hash);
            order.Dequeue();
        }
    }
}
