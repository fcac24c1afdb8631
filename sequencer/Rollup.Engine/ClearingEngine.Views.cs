using System.Collections.Immutable;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Engine.State;
using Rollup.Protocol;
using Rollup.Risk;

namespace Rollup.Engine;

/// <summary>An order in the book.</summary>
public sealed record OpenOrder(
    AccountId Account, byte Slot, OrderNonce Nonce, InstrumentId Instrument, bool IsSell, Price Price, Lots Size, Lots Remaining, OrderFlags Flags, Timestamp Expiry);

/// <summary>An account as it stands now.</summary>
/// <param name="Version">Of the leaf as last sealed.</param>
/// <param name="Health">cash + worst cases; below 0 the account may only do what leaves it healthy.</param>
/// <param name="ReservedHealth">The same as if its open orders had filled at their worst: what new orders can use.</param>
/// <param name="Positions">Ascending by instrument.</param>
/// <param name="Orders">Ascending by slot.</param>
public sealed record AccountView(
    AccountId Id, AccountIdentity Identity, uint Version, Cash Cash, Cash Health, Cash ReservedHealth,
    ImmutableArray<Position> Positions, ImmutableArray<OpenOrder> Orders);

/// <summary>One price of a book.</summary>
public readonly record struct BookLevel(Price Price, Lots Lots);

/// <summary>Where the engine stands.</summary>
/// <param name="Batch">Number of the current or last batch; 0 before the first.</param>
/// <param name="IsOpen">Whether an epoch is open.</param>
/// <param name="Opened">When it opened.</param>
/// <param name="Blocks">Capacity taken by the batch in progress, and so Rows, Operations, Buckets, Forced, Reliefs.</param>
public sealed record EngineStatus(
    Timestamp Now, uint Batch, bool IsOpen, Timestamp Opened, long NextOperation, Fr AccountRoot, int Blocks, int Rows, int Operations, int Buckets,
    int Forced, int Reliefs);

// Reading: for hosts between commands. Everything returned is a copy.
public sealed partial class ClearingEngine
{
    /// <summary>The configuration.</summary>
    public EngineConfig Config => _config;

    /// <summary>Where the engine stands. The root is that of the last sealed batch.</summary>
    public EngineStatus Status => new(
        Timestamp.FromMilliseconds(_now), _batch, _isOpen, Timestamp.FromMilliseconds(_openTime), _nextOperation, _tree.Root,
        _ledger.Touched.Count, _ledger.RowCount, _ledger.Operations.Count, System.Numerics.BitOperations.PopCount(_ledger.Buckets),
        _ledger.ForcedCount, _ledger.ReliefCount);

    /// <summary>What is permitted at present.</summary>
    public GroupActions Permitted => _permitted;

    /// <summary>The epoch's risk rows, ascending by id; empty before the first epoch.</summary>
    public ImmutableArray<RiskRow> RiskTable => _rows;

    /// <summary>Canonical bytes of the newest risk inputs within the epoch (<see cref="Command.LiveRisk"/>); empty if there are none.</summary>
    public ReadOnlyMemory<byte> LiveInputs => _liveInputs;

    /// <summary>The key that requests of an account are verified with; null if there is no such account.</summary>
    public EddsaPublicKey? KeyOf(AccountId account) =>
        AccountOf(account.Value) is { } found ? new EddsaPublicKey(found.Identity.KeyX, found.Identity.KeyY) : null;

    /// <summary>An account; null if it was never created.</summary>
    public AccountView? View(AccountId id)
    {
        if (AccountOf(id.Value) is not { } account) return null;
        var orders = ImmutableArray.CreateBuilder<OpenOrder>(account.OpenOrders);
        for (int slot = 0; slot < account.SlotCount; slot++)
            if (account.Slot((byte)slot) is { Market: { } market } state) orders.Add(View(market, market.Book[state.Order]));
        // Fees of the batch in progress are the fee account's already.
        long cash = account.Cash + (account == _feeAccount ? _ledger.Fees : 0);
        return new AccountView(id, account.Identity, account.Leaf.Version, Cash.FromAtoms(cash), Cash.FromAtoms(account.Health + cash - account.Cash),
            Cash.FromAtoms(account.ReservedHealth + cash - account.Cash), account.Positions(), orders.MoveToImmutable());
    }

    /// <summary>All accounts, ascending.</summary>
    public IEnumerable<AccountId> Accounts => _accounts.OfType<Account>().Select(a => AccountId.From(a.Id));

    /// <summary>An order slot of an account as the chain will have it after this batch, and the highest nonce used.</summary>
    public (OrderSlot Chain, OrderNonce Seen) SlotOf(AccountId account, byte slot)
    {
        SlotState state = AccountOf(account.Value)?.Slot(slot) ?? default;
        return (state.Chain, OrderNonce.From(state.SeenNonce));
    }

    /// <summary>One side of a book, best price first, at most <paramref name="depth"/> levels. Empty for an unknown instrument.</summary>
    public ImmutableArray<BookLevel> Book(InstrumentId instrument, bool asks, int depth)
    {
        if (MarketOf(instrument.Value) is not { } market) return [];
        BookSide side = market.Book.Side(asks);
        int count = Math.Min(depth, side.Count);
        var levels = ImmutableArray.CreateBuilder<BookLevel>(count);
        for (int i = 0; i < count; i++)
        {
            Level level = side[side.At(side.Count - 1 - i)];
            levels.Add(new BookLevel(Price.FromAtomsPerLot(level.Price), Lots.From(level.Lots)));
        }

        return levels.MoveToImmutable();
    }

    /// <summary>The orders of one side of a book in priority.</summary>
    public ImmutableArray<OpenOrder> Orders(InstrumentId instrument, bool asks)
    {
        if (MarketOf(instrument.Value) is not { } market) return [];
        var orders = ImmutableArray.CreateBuilder<OpenOrder>();
        market.Book.ForEach(asks, (int _, ref Order order) => orders.Add(View(market, order)));
        return orders.DrainToImmutable();
    }

    /// <summary>Sum of all long positions by instrument, for the next epoch's risk inputs.</summary>
    public IReadOnlyDictionary<int, Lots> OpenInterests()
    {
        var lots = new long[_markets.Length];
        foreach (Account? account in _accounts)
        {
            if (account is null) continue;
            foreach (Holding h in account.Holdings) lots[h.Market.Index] += Math.Max(0, h.Size);
        }

        return _markets.ToDictionary(m => m.Id, m => Lots.From(lots[m.Index]));
    }

    private static OpenOrder View(Market market, in Order order)
    {
        SignedRequest request = order.Request.Request;
        OrderFlags.TryDecode(request.Flags, out OrderFlags flags);
        return new OpenOrder(AccountId.From(request.Account), request.Slot, OrderNonce.From(request.Nonce), InstrumentId.From(market.Id), request.IsSell,
            Price.FromAtomsPerLot(request.Limit), Lots.From(request.Size), Lots.From(order.Remaining), flags, Timestamp.FromMilliseconds(request.Expiry));
    }
}
