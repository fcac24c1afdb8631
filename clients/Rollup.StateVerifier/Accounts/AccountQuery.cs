using System.Globalization;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Protocol;
using Rollup.StateVerifier.Checks;

namespace Rollup.StateVerifier.Accounts;

/// <summary>Whose accounts are asked for: those registered with a key, one by number (public without a key), or none.</summary>
public sealed record AccountQuery(AccountKey? Key = null, int? Account = null)
{
    /// <summary>Account numbers that the queue shows for the query, whether or not a batch took them.</summary>
    /// <exception cref="CheckFailedException">There is none.</exception>
    public IReadOnlySet<int> Candidates(VaultEvents events)
    {
        if (Key is null) return Account is { } number ? new HashSet<int> { number } : new HashSet<int>();
        int[] ofOwner = [.. Registrations(events).Where(o => o.Owner == Key.Owner).Select(o => o.Account)];
        int[] ofKey = [.. Registrations(events).Where(o => o.Owner == Key.Owner && o.KeyX == Key.PublicKey.X && o.KeyY == Key.PublicKey.Y).Select(o => o.Account)];
        if (ofKey.Length == 0)
            throw new CheckFailedException(Check.Account, ofOwner.Length == 0
                ? $"{Key.Owner} never registered at this vault"
                : $"{Key.Owner} registered {Text(ofOwner)} with another EdDSA key than the key file's");
        if (Account is null) return ofKey.ToHashSet();
        return ofKey.Contains(Account.Value) ? new HashSet<int> { Account.Value } : throw new CheckFailedException(Check.Account, $"the key file opens {Text(ofKey)}, not account {Account}");
    }

    /// <summary>The identity that the account's leaf is hashed with, and the leaf opened with it.</summary>
    /// <exception cref="CheckFailedException">It is not final, not the key's, or does not open.</exception>
    internal (AccountIdentity Identity, LeafContents Contents, uint Batch) Open(VerifiedHistory history, int account)
    {
        AccountIdentity identity = Identify(history, account);
        if (!history.Chain.FinalLeaves.TryGetValue(account, out PublishedLeaf? published))
        {
            // A reserved account that nothing touched since the genesis; others are published when they register.
            if (account < Bound.ReservedAccounts) return (identity, LeafContents.Empty, 0);
            throw new CheckFailedException(Check.Leaf, $"account {account} is registered and its leaf was never published", history.Chain.Registered[account].Batch);
        }

        if (!LeafCipher.TryDecrypt(identity.ViewKey, published.Leaf, published.Cipher.AsSpan(), out LeafContents contents))
            throw new CheckFailedException(Check.Leaf, $"the published leaf of account {account} does not decrypt with its view key", published.Batch);
        Fr leaf = contents.Hash(identity);
        return leaf == published.Leaf
            ? (identity, contents, published.Batch)
            : throw new CheckFailedException(Check.Leaf, $"the decrypted contents of account {account} are not the leaf under the root", published.Batch, published.Leaf.ToHex(), leaf.ToHex());
    }

    private AccountIdentity Identify(VerifiedHistory history, int account)
    {
        if (account < Bound.ReservedAccounts) return AccountIdentity.Reserved;
        if (!history.Chain.Registered.TryGetValue(account, out RegisteredAccount? registered)) throw new CheckFailedException(Check.Account, WhyUnknown(history, account));
        if (!registered.IsFinal) throw new CheckFailedException(Check.Account, $"account {account} is registered in batch {registered.Batch}, which is not final yet; try again later");
        Operation operation = registered.Operation;
        var identity = new AccountIdentity(operation.Owner, operation.KeyX, operation.KeyY, Key?.ViewKey ?? Fr.Zero);
        if (identity.ViewKeyHash == operation.ViewKeyHash) return identity;
        throw new CheckFailedException(Check.Leaf, Key is null
            ? $"account {account} is not public: give the key file of {operation.Owner}"
            : $"the key file's view key is not the one that account {account} registered with");
    }

    private static string WhyUnknown(VerifiedHistory history, int account)
    {
        int index = history.Events.Operations.ToList().FindIndex(o => AsRegistration(o)?.Account == account);
        if (index < 0) return $"account {account} was never registered";
        return index < history.Chain.ConsumedOperations
            ? $"the registration of account {account} was refused; its deposit can be claimed"
            : $"the registration of account {account} is operation {index} of the queue and in no batch yet; try again later";
    }

    private static IEnumerable<Operation> Registrations(VaultEvents events) => events.Operations.Select(AsRegistration).OfType<Operation>();

    private static Operation? AsRegistration(QueuedOperation queued)
    {
        // The vault checked each word; one that is no element is in no batch either.
        if (queued.Words.Any(w => w >= Fr.Modulus)) return null;
        return Operation.TryDecode([.. queued.Words.Select(Fr.FromBigInteger)], out Operation operation) && operation.Kind == OperationKind.Register ? operation : null;
    }

    private static string Text(int[] accounts) =>
        $"account{(accounts.Length == 1 ? "" : "s")} {string.Join(", ", accounts.Select(a => a.ToString(CultureInfo.InvariantCulture)))}";
}
