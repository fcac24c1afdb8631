using System.Collections.Concurrent;
using System.Collections.Immutable;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Protocol;

namespace Rollup.Sequencer.Core;

/// <summary>What everybody may know of every account: its key, its owner, whether it is public. Written by the core, read by all.</summary>
internal sealed class KeyDirectory
{
    private readonly ConcurrentDictionary<int, (EddsaPublicKey Key, Address Owner, bool IsPublic)> accounts = new();
    private readonly ConcurrentDictionary<Address, ImmutableSortedSet<int>> owners = new(), several = new();

    /// <summary>The key that requests of the account are verified with; null if there is no such account.</summary>
    internal EddsaPublicKey? this[int account] => accounts.TryGetValue(account, out (EddsaPublicKey Key, Address Owner, bool IsPublic) found) ? found.Key : null;

    /// <summary>Who owns the account; zero if there is no such account.</summary>
    internal Address OwnerOf(int account) => accounts.TryGetValue(account, out (EddsaPublicKey Key, Address Owner, bool IsPublic) found) ? found.Owner : default;

    /// <summary>Whether anybody may read the account.</summary>
    internal bool IsPublic(int account) => accounts.TryGetValue(account, out (EddsaPublicKey Key, Address Owner, bool IsPublic) found) && found.IsPublic;

    /// <summary>The accounts of an owner, ascending.</summary>
    internal IReadOnlyList<int> Of(Address owner) => owners.TryGetValue(owner, out ImmutableSortedSet<int>? found) ? [.. found] : [];

    /// <summary>The owners of more than one account, with their accounts.</summary>
    internal IEnumerable<KeyValuePair<Address, ImmutableSortedSet<int>>> Several => several;

    internal void Add(int account, AccountIdentity identity)
    {
        accounts[account] = (new EddsaPublicKey(identity.KeyX, identity.KeyY), identity.Owner, identity.ViewKey.IsZero);
        ImmutableSortedSet<int> all = owners.AddOrUpdate(identity.Owner, _ => [account], (_, known) => known.Add(account));
        if (all.Count > 1) several[identity.Owner] = all;
    }
}
