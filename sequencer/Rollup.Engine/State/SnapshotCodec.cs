using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Protocol;

namespace Rollup.Engine.State;

/// <summary>Bytes of accounts, books and the batch in progress, little-endian.</summary>
internal static class SnapshotCodec
{
    // Books and ledgers in a damaged snapshot must not make the reader allocate without bound.
    private const int MaxCount = 1 << 24;

    internal static void WriteAccount(BinaryWriter to, Account account)
    {
        to.Write(account.Id);
        to.Write(account.Identity.Owner.ToBytes());
        Write(to, account.Identity.KeyX);
        Write(to, account.Identity.KeyY);
        Write(to, account.Identity.ViewKey);
        to.Write(account.IsTouched);
        to.Write(account.IsNew);
        to.Write(account.HasWithdrawn);
        to.Write(account.HasRelief);
        to.Write(account.Payment);
        foreach (Fr element in account.Leaf.Encode()) Write(to, element);
        to.Write(account.Cash);
        var positions = account.Positions();
        to.Write(positions.Length);
        foreach (Position p in positions)
        {
            to.Write(p.Instrument);
            to.Write(p.Size);
        }

        (byte Slot, OrderSlot Value)[] slots = account.SealedSlots is null
            ? account.RestoredSlots
            : [.. account.SealedSlots.Used.OrderBy(s => s.Key).Select(s => (s.Key, s.Value))];
        to.Write(slots.Length);
        foreach ((byte slot, OrderSlot value) in slots)
        {
            to.Write(slot);
            Write(to, value);
        }

        int[] seen = [.. Enumerable.Range(0, account.SlotCount).Where(s => account.Slot((byte)s).SeenNonce > 0)];
        to.Write(seen.Length);
        foreach (int slot in seen)
        {
            to.Write((byte)slot);
            to.Write(account.Slot((byte)slot).SeenNonce);
            Write(to, account.Slot((byte)slot).Chain);
        }
    }

    internal static void ReadAccount(BinaryReader from, Func<int, AccountIdentity, Account> add, Func<int, Market?> marketOf, int maxBuckets)
    {
        int id = from.ReadInt32();
        if (id is < 0 or >= 1 << Width.Account) throw new InvalidDataException($"The snapshot names account {id}.");
        Account account = add(id, new AccountIdentity(Address.FromBytes(from.ReadBytes(Address.Size)), ReadField(from), ReadField(from), ReadField(from)));
        account.IsTouched = from.ReadBoolean();
        account.IsNew = from.ReadBoolean();
        account.HasWithdrawn = from.ReadBoolean();
        account.HasRelief = from.ReadBoolean();
        account.Payment = from.ReadInt64();
        Fr[] leaf = [.. Enumerable.Range(0, LeafContents.Elements).Select(_ => ReadField(from))];
        if (!LeafContents.TryDecode(leaf, out account.Leaf)) throw new InvalidDataException($"The snapshot's leaf of account {id} is malformed.");
        account.Cash = from.ReadInt64();
        int positions = Count(from);
        for (int i = 0; i < positions; i++)
        {
            Market market = marketOf(from.ReadInt32()) ?? throw new InvalidDataException($"The snapshot's account {id} holds an instrument that is not listed.");
            if (account.TryHold(market, maxBuckets, out Holding holding) != RejectCode.None) throw new InvalidDataException($"The snapshot's account {id} holds too much.");
            holding.Size = from.ReadInt64();
        }

        account.RestoredSlots = new (byte, OrderSlot)[Count(from)];
        for (int i = 0; i < account.RestoredSlots.Length; i++) account.RestoredSlots[i] = (from.ReadByte(), ReadSlot(from));
        int seen = Count(from);
        for (int i = 0; i < seen; i++)
        {
            ref SlotState slot = ref account.SlotRef(from.ReadByte());
            slot.SeenNonce = from.ReadInt64();
            slot.Chain = ReadSlot(from);
        }
    }

    /// <summary>The orders of a book in priority, bids first. Reserves follow from them.</summary>
    internal static void WriteBook(BinaryWriter to, Market market, uint batch)
    {
        foreach (bool isSell in (bool[])[false, true])
        {
            int count = 0;
            market.Book.ForEach(isSell, (int _, ref Order _) => count++);
            to.Write(count);
            market.Book.ForEach(isSell, (int _, ref Order order) =>
            {
                Write(to, order.Request);
                to.Write(order.Remaining);
                to.Write(order.Fee);
                to.Write(order.RowBatch == batch ? order.Row : -1);
            });
        }
    }

    internal static void ReadBook(BinaryReader from, Market market, Func<int, Account?> accountOf, uint batch)
    {
        for (int side = 0; side < 2; side++)
        {
            int count = Count(from);
            for (int i = 0; i < count; i++)
            {
                VerifiedRequest request = ReadRequest(from, accountOf, out Account account);
                SignedRequest r = request.Request;
                if (account.TryHold(market, int.MaxValue, out Holding holding) != RejectCode.None || r.IsSell != (side == 1))
                    throw new InvalidDataException($"The snapshot's book of instrument {market.Id} has an order that account {account.Id} cannot have.");
                OrderFlags.TryDecode(r.Flags, out OrderFlags flags);
                var order = new Order
                {
                    Request = request,
                    Account = account,
                    Holding = holding,
                    Price = r.Limit,
                    Expiry = r.Expiry,
                    IsSell = r.IsSell,
                    ReduceOnly = flags.ReduceOnly,
                    Remaining = from.ReadInt64(),
                    Fee = from.ReadInt64(),
                    Row = from.ReadInt32(),
                };
                order.RowBatch = order.Row >= 0 ? batch : 0;
                ref SlotState slot = ref account.SlotRef(r.Slot);
                slot.Market = market;
                slot.Order = market.Book.Add(order);
                holding.Orders++;
                account.OpenOrders++;
                // Lots count now; the reserves themselves follow when the account is valued.
                holding.SideLots(r.IsSell) += order.Remaining;
            }
        }
    }

    internal static void WriteLedger(BinaryWriter to, BatchLedger ledger)
    {
        to.Write(ledger.Buckets);
        to.Write(ledger.Fees);
        to.Write(ledger.Operations.Count);
        foreach (ConsumedOperation o in ledger.Operations)
        {
            to.Write(o.Queued.Index);
            foreach (Fr word in o.Queued.Operation.Encode()) Write(to, word);
            to.Write(o.Queued.Depositor.ToBytes());
            to.Write(o.Account is not null);
            to.Write(o.Paid);
        }

        to.Write(ledger.RowCount);
        for (int i = 0; i < ledger.RowCount; i++)
        {
            RowState row = ledger[i];
            Write(to, row.Request);
            to.Write(row.Fill);
            to.Write(row.Quote);
            to.Write(row.Fee.Charged);
            to.Write(row.Fee.Slack);
        }

        to.Write(ledger.ForcedCount);
        for (int i = 0; i < ledger.ForcedCount; i++)
        {
            ForcedState row = ledger.Forced(i);
            to.Write((byte)row.Kind);
            to.Write(row.Account.Id);
            to.Write(row.Counter?.Id ?? -1);
            to.Write(row.Market.Id);
            to.Write(row.Fill);
            to.Write(row.Quote);
            to.Write(row.Fee);
            to.Write(row.Closing);
        }

        Write(to, ledger.RankingRoot);
    }

    internal static void ReadLedger(BinaryReader from, BatchLedger ledger, IEnumerable<Account> accounts, Func<int, Account?> accountOf, Func<int, Market?> marketOf)
    {
        ulong buckets = from.ReadUInt64();
        ledger.Fees = from.ReadInt64();
        int operations = Count(from);
        for (int i = 0; i < operations; i++)
        {
            long index = from.ReadInt64();
            Fr[] words = [.. Enumerable.Range(0, Operation.Words).Select(_ => ReadField(from))];
            if (!Operation.TryDecode(words, out Operation operation)) throw new InvalidDataException($"The snapshot's operation {index} is malformed.");
            var queued = new QueuedOperation(index, operation, Address.FromBytes(from.ReadBytes(Address.Size)), null);
            ledger.AddOperation(queued, from.ReadBoolean() ? accountOf(operation.Account) : null, from.ReadInt64());
        }

        int rows = Count(from);
        for (int i = 0; i < rows; i++)
        {
            VerifiedRequest request = ReadRequest(from, accountOf, out Account account);
            ref RowState row = ref ledger[ledger.AddRow(account, request)];
            row.Fill = from.ReadInt64();
            row.Quote = from.ReadInt64();
            row.Fee = new FeeMeter { Charged = from.ReadInt64(), Slack = from.ReadInt32() };
        }

        foreach (Account account in accounts)
        {
            if (account.HasRelief)
            {
                account.HasRelief = false;
                ledger.TakeRelief(account);
            }

            if (!account.IsTouched) continue;
            account.IsTouched = false;
            ledger.Touch(account);
        }

        int forced = Count(from);
        for (int i = 0; i < forced; i++)
        {
            var kind = (ForcedKind)from.ReadByte();
            (Account? account, int counter, Market? market) = (accountOf(from.ReadInt32()), from.ReadInt32(), marketOf(from.ReadInt32()));
            if (account is null || market is null) throw new InvalidDataException("The snapshot has a forced row of no account or instrument.");
            (long fill, long quote, long fee, bool closing) = (from.ReadInt64(), from.ReadInt64(), from.ReadInt64(), from.ReadBoolean());
            ref ForcedState row = ref ledger.Forced(ledger.AddForced(kind, account, counter < 0 ? null : accountOf(counter), market, closing));
            (row.Fill, row.Quote, row.Fee) = (fill, quote, fee);
        }

        ledger.RankingRoot = ReadField(from);

        ledger.OpenBucket(buckets);
    }

    internal static void Write(BinaryWriter to, in Fr value)
    {
        Span<byte> bytes = stackalloc byte[Fr.ByteLength];
        value.WriteLittleEndian(bytes);
        to.Write(bytes);
    }

    private static Fr ReadField(BinaryReader from) => Fr.TryFromCanonicalLittleEndian(from.ReadBytes(Fr.ByteLength), out Fr value)
        ? value : throw new InvalidDataException("The snapshot has a field element that is not reduced.");

    private static void Write(BinaryWriter to, VerifiedRequest request)
    {
        Write(to, request.Request.Pack());
        Write(to, request.Signature.R8x);
        Write(to, request.Signature.R8y);
        Write(to, request.Signature.S);
    }

    private static VerifiedRequest ReadRequest(BinaryReader from, Func<int, Account?> accountOf, out Account account)
    {
        Fr word = ReadField(from);
        var signature = new EddsaSignature(ReadField(from), ReadField(from), ReadField(from));
        if (!SignedRequest.TryUnpack(word, out SignedRequest request) || accountOf(request.Account) is not { } owner)
            throw new InvalidDataException("The snapshot has a request that is malformed or of no account.");
        account = owner;
        return new VerifiedRequest(request, signature, new EddsaPublicKey(owner.Identity.KeyX, owner.Identity.KeyY));
    }

    private static void Write(BinaryWriter to, in OrderSlot slot)
    {
        to.Write(slot.Nonce);
        to.Write(slot.Filled);
    }

    private static OrderSlot ReadSlot(BinaryReader from) => new(from.ReadInt64(), from.ReadInt64());

    private static int Count(BinaryReader from)
    {
        int count = from.ReadInt32();
        return count is >= 0 and <= MaxCount ? count : throw new InvalidDataException($"The snapshot has a count of {count}.");
    }
}
