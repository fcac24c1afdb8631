using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Protocol;
using Rollup.Risk;

namespace Rollup.Engine.State;

/// <summary>One order slot as the engine sees it.</summary>
internal struct SlotState
{
    /// <summary>Highest nonce accepted in any request: lower or equal ones are replays, whether the chain knows them or not.</summary>
    internal long SeenNonce;

    /// <summary>The slot on the chain, with the fills of this batch (spec 3.3).</summary>
    internal OrderSlot Chain;

    /// <summary>The open order that occupies the slot, or null.</summary>
    internal Market? Market;
    internal int Order;
}

/// <summary>One margin group of an account.</summary>
internal sealed class GroupMargin
{
    private ScenarioVector _equity, _reserve;

    internal int Group;
    internal int Holdings;

    /// <summary>min over s of E[s].</summary>
    internal long Worst;

    /// <summary>E[s].</summary>
    internal ref ScenarioVector Equity => ref _equity;

    /// <summary>S[s] = sum over instruments of max(reserve of the bids, reserve of the asks).</summary>
    internal ref ScenarioVector Reserve => ref _reserve;

    internal void Clear()
    {
        _equity = default;
        _reserve = default;
        Worst = 0;
    }
}

/// <summary>A position, open orders, or both, of one account in one instrument.</summary>
internal sealed class Holding
{
    private ScenarioVector _bidReserve, _askReserve;

    internal Market Market = null!;
    internal GroupMargin Group = null!;

    /// <summary>Signed lots.</summary>
    internal long Size;

    /// <summary>Lots of open buy and sell orders.</summary>
    internal long Bids, Asks;

    internal int Orders;

    /// <summary>Scratch of the matching in progress, valid while <see cref="PlanStamp"/> is its number: what the planned fills change.</summary>
    internal long PlannedSize, PlannedCash;
    internal long PlanStamp;

    internal bool IsEmpty => Size == 0 && Orders == 0;

    internal ref ScenarioVector SideReserve(bool isSell) => ref isSell ? ref _askReserve : ref _bidReserve;

    internal ref long SideLots(bool isSell) => ref isSell ? ref Asks : ref Bids;

    /// <summary>Lots of a position that an order of this side could still close.</summary>
    internal static long Closable(bool isSell, long size) => isSell ? Math.Max(size, 0) : Math.Max(-size, 0);

    internal void Reset(Market market, GroupMargin group)
    {
        Market = market;
        Group = group;
        Size = Bids = Asks = 0;
        Orders = 0;
        PlanStamp = 0;
        ClearReserves();
    }

    internal void ClearReserves()
    {
        _bidReserve = default;
        _askReserve = default;
    }
}

/// <summary>One account: its leaf, what has changed since, and its margin kept incrementally.</summary>
internal sealed class Account(int id, AccountIdentity identity)
{
    private readonly Holding[] _holdings = new Holding[Bound.Positions];
    private readonly GroupMargin[] _groups = [new(), new()];
    private SlotState[] _slots = [];

    internal int Id { get; } = id;
    internal AccountIdentity Identity { get; } = identity;

    /// <summary>The leaf in the account tree: as the last sealed batch left it.</summary>
    internal LeafContents Leaf = LeafContents.Empty;

    /// <summary>The slots under <see cref="Leaf"/>'s order root; null until the account's first row, also after a restore.</summary>
    internal OrderSlots? SealedSlots;

    /// <summary>After a restore: the used slots under the leaf's order root, in case a row needs the tree.</summary>
    internal (byte Slot, OrderSlot Value)[] RestoredSlots = [];

    internal long Cash;
    internal int OpenOrders;

    /// <summary>X of <see cref="ExposureLimits"/>.</summary>
    internal long Exposure;

    /// <summary>Whether the batch in progress has a block for the account, creates it, withdraws from it.</summary>
    internal bool IsTouched, IsNew, HasWithdrawn;

    /// <summary>Whether the batch in progress has a signed row or an operation of the account: then it is not liquidated in it.</summary>
    internal bool HasActed;

    /// <summary>Whether the batch in progress liquidates or deleverages the account.</summary>
    internal bool IsForced;

    /// <summary>Whether the batch in progress has a place for the account to end below its requirement.</summary>
    internal bool HasRelief;

    /// <summary>What the insurance fund pays into the account in the batch in progress, atoms.</summary>
    internal long Payment;

    /// <summary>Whether the batch in progress has a request on L1 that names the account: at most one does.</summary>
    internal bool HasRequest;

    /// <summary>Whether that request is the owner's and was paid less than it asked, or closes: what the batch shows of it must stay true.</summary>
    internal bool IsServed;

    /// <summary>None, or why the batch in progress takes neither a request nor an operation of the account any more.</summary>
    internal RejectCode Bar => IsForced || Payment > 0 ? RejectCode.Liquidating : IsServed ? RejectCode.RequestServed : RejectCode.None;

    internal bool IsBarred => Bar != RejectCode.None;

    /// <summary>Whether the account's block needs one of the places with relief, as it stands.</summary>
    internal bool NeedsRelief => IsBarred || Health < 0;

    /// <summary>What <see cref="Leaf"/> is worth under table <see cref="OldTable"/> of the engine.</summary>
    internal Margin OldMargin;
    internal long OldTable;

    /// <summary>Scratch of the matching in progress: whether its plan already counts a block, and a place for relief, for the account.</summary>
    internal long PlanStamp, ReliefStamp;

    internal int HoldingCount { get; private set; }
    internal ReadOnlySpan<Holding> Holdings => _holdings.AsSpan(0, HoldingCount);

    internal int SlotCount => _slots.Length;

    /// <summary>A slot for reading.</summary>
    internal SlotState Slot(byte slot) => slot < _slots.Length ? _slots[slot] : default;

    /// <summary>A slot for writing.</summary>
    internal ref SlotState SlotRef(byte slot)
    {
        if (slot >= _slots.Length)
        {
            int length = Math.Max(4, _slots.Length);
            while (length <= slot) length *= 2;
            Array.Resize(ref _slots, length);
        }

        return ref _slots[slot];
    }

    /// <summary>Health without open orders: cash + sum of worst cases.</summary>
    internal long Health => Cash + _groups[0].Worst + _groups[1].Worst;

    /// <summary>Health as if the open orders had filled at their worst (docs/RISK.md).</summary>
    internal long ReservedHealth => Cash + Reserved(_groups[0]) + Reserved(_groups[1]);

    /// <summary>What the account is worth.</summary>
    internal Margin Margin => MarginAfter(null, 0, 0);

    /// <summary>Whether it holds anything other than cash.</summary>
    internal bool HasPositions
    {
        get
        {
            foreach (Holding h in Holdings)
                if (h.Size != 0) return true;
            return false;
        }
    }

    /// <summary>Whether it holds anything other than cash and spot.</summary>
    internal bool HasDerivatives
    {
        get
        {
            foreach (Holding h in Holdings)
                if (h.Size != 0 && !h.Market.IsSpot) return true;
            return false;
        }
    }

    /// <summary>What the account would be worth after a change of a position (null: none) and of cash.</summary>
    internal Margin MarginAfter(Holding? holding, long deltaSize, long deltaCash)
    {
        // Scenario 0 values long and short alike, at the mark.
        long traded = holding is null ? 0 : deltaSize * holding.Market.Long[0];
        return new Margin(Cash + deltaCash + _groups[0].Equity[0] + _groups[1].Equity[0] + traded, HealthAfter(holding, deltaSize, deltaCash));
    }

    /// <summary>The health of <see cref="MarginAfter"/> alone: the check before every fill.</summary>
    internal long HealthAfter(Holding? holding, long deltaSize, long deltaCash) => holding is null
        ? Health + deltaCash
        : Cash + deltaCash + Revalue(holding, deltaSize, out _) + Other(holding.Group).Worst;

    /// <summary>The position in the old leaf, signed lots.</summary>
    internal long OldSize(Market market)
    {
        foreach (Position p in Leaf.Positions)
            if (p.Instrument == market.Id) return p.Size;
        return 0;
    }

    /// <summary>Whether, after a change of a position (null: none), every position is one of the old leaf, of the same sign and no larger.</summary>
    internal bool IsWithinOld(Holding? changed, long deltaSize)
    {
        foreach (Holding h in Holdings)
        {
            long size = h.Size + (h == changed ? deltaSize : 0), old = size == 0 ? 0 : OldSize(h.Market);
            if (size > 0 ? size > old : size < old) return false;
        }

        return true;
    }

    internal Holding? Find(Market market)
    {
        for (int i = 0; i < HoldingCount; i++)
            if (_holdings[i].Market == market) return _holdings[i];
        return null;
    }

    /// <summary>Buckets of the positions held.</summary>
    internal ulong HeldBuckets
    {
        get
        {
            ulong buckets = 0;
            foreach (Holding h in Holdings)
                if (h.Size != 0) buckets |= h.Market.BucketBit;
            return buckets;
        }
    }

    /// <summary>Finds or makes room for an instrument, as if every open order filled: slots, groups and risk buckets of one leaf.</summary>
    /// <returns>None, or which of them is full.</returns>
    internal RejectCode TryHold(Market market, int maxBuckets, out Holding holding)
    {
        holding = Find(market)!;
        if (holding is not null) return RejectCode.None;
        if (HoldingCount == Bound.Positions) return RejectCode.AccountSlotsFull;
        GroupMargin? group = null;
        foreach (GroupMargin g in _groups)
            if (g.Holdings > 0 && g.Group == market.Spec.Group) group = g;
        if (group is null)
            foreach (GroupMargin g in _groups)
                if (g.Holdings == 0) group = g;
        if (group is null) return RejectCode.AccountGroupsFull;
        ulong buckets = market.BucketBit;
        foreach (Holding h in Holdings) buckets |= h.Market.BucketBit;
        if (System.Numerics.BitOperations.PopCount(buckets) > maxBuckets) return RejectCode.BatchInstrumentsFull;

        group.Group = market.Spec.Group;
        group.Holdings++;
        holding = _holdings[HoldingCount] ??= new Holding();
        holding.Reset(market, group);
        HoldingCount++;
        return RejectCode.None;
    }

    /// <summary>Frees the room of an instrument that is neither held nor ordered any more.</summary>
    internal void Release(Holding holding)
    {
        if (!holding.IsEmpty) return;
        holding.Group.Holdings--;
        int at = Array.IndexOf(_holdings, holding);
        HoldingCount--;
        // The object stays in the array for the next instrument.
        (_holdings[at], _holdings[HoldingCount]) = (_holdings[HoldingCount], holding);
    }

    /// <summary>
    /// The account's own money (spec 5.5): cash and the value, in scenario 0, of what it holds other than spot, after a change. Cash alone holds
    /// the notional of derivatives. Parts of the exposure: no overflow.
    /// </summary>
    internal long OwnMoney(Holding? changed, long deltaSize, long deltaCash)
    {
        long money = Cash + deltaCash;
        foreach (Holding h in Holdings)
        {
            if (h.Market.IsSpot) continue;
            long size = h.Size + (h == changed ? deltaSize : 0);
            money += size * (size > 0 ? h.Market.Long[0] : h.Market.Short[0]);
        }

        return money;
    }

    /// <summary>Whether size and cash may change by this much, margin aside.</summary>
    /// <returns>None; ExposureOutOfRange; InsufficientBalance (the batch withdraws from the account, so it must end with its own money).</returns>
    internal RejectCode CheckCash(Holding holding, long deltaSize, long deltaCash)
    {
        if (!ExposureLimits.IsCashInRange(Cash + deltaCash)) return RejectCode.ExposureOutOfRange;
        return HasWithdrawn && OwnMoney(holding, deltaSize, deltaCash) < 0 ? RejectCode.InsufficientBalance : RejectCode.None;
    }

    /// <summary>Whether the account may go to (cash + deltaCash, size + deltaSize): the check before a taker's fill.</summary>
    /// <returns>None; what <see cref="CheckCash"/> says; InsufficientMargin.</returns>
    internal RejectCode CheckChange(Holding holding, long deltaSize, long deltaCash)
    {
        if (CheckCash(holding, deltaSize, deltaCash) is var code and not RejectCode.None) return code;
        return HealthAfter(holding, deltaSize, deltaCash) >= 0 ? RejectCode.None : RejectCode.InsufficientMargin;
    }

    /// <summary>Changes a position and cash. The caller has checked; releases nothing.</summary>
    internal void Change(Holding holding, long deltaSize, long deltaCash)
    {
        if (deltaSize != 0)
        {
            long worst = Revalue(holding, deltaSize, out ScenarioVector next);
            holding.Group.Equity = next;
            holding.Group.Worst = worst;
            long size = holding.Size + deltaSize;
            Exposure += (Math.Abs(size) - Math.Abs(holding.Size)) * holding.Market.Unit;
            holding.Size = size;
        }

        Cash += deltaCash;
    }

    /// <summary>Health, with reserves, if lots more stood in the book (or filled) at a price and fee per lot.</summary>
    internal long HealthWithOrder(Holding holding, bool isSell, long price, long fee, long lots)
    {
        GroupMargin group = holding.Group;
        long worst = ScenarioMath.LeastWithOrder(in group.Equity, in group.Reserve, in holding.SideReserve(isSell), in holding.SideReserve(!isSell),
            in holding.Market.ReserveRow(isSell), Net(holding.Market, isSell, price, fee), isSell, lots);
        return Cash + worst + Reserved(Other(group));
    }

    /// <summary>Adds (or with negative lots takes away) lots of open orders at a price and fee per lot.</summary>
    internal void Reserve(Holding holding, bool isSell, long price, long fee, long lots)
    {
        ScenarioMath.Reserve(ref holding.Group.Reserve, ref holding.SideReserve(isSell), in holding.SideReserve(!isSell),
            in holding.Market.ReserveRow(isSell), Net(holding.Market, isSell, price, fee), isSell, lots);
        holding.SideLots(isSell) += lots;
        Exposure += lots * (holding.Market.Unit + price + fee);
    }

    /// <summary>
    /// Starts over under new rows: equities and exposures of the positions, reserves empty. The caller then reserves every open order again.
    /// </summary>
    internal void RevaluePositions()
    {
        Exposure = 0;
        foreach (GroupMargin g in _groups) g.Clear();
        foreach (Holding h in Holdings)
        {
            long size = h.Size;
            h.Size = 0;
            h.Bids = h.Asks = 0;
            h.ClearReserves();
            Change(h, size, 0);
        }
    }

    /// <summary>The tree of <see cref="SealedSlots"/> from what a restore has kept.</summary>
    internal OrderSlots RebuildSealedSlots()
    {
        var slots = new OrderSlots();
        foreach ((byte slot, OrderSlot value) in RestoredSlots) slots.Set(slot, value);
        return slots;
    }

    /// <summary>The account's positions as a leaf has them.</summary>
    internal ImmutableArray<Position> Positions()
    {
        var positions = ImmutableArray.CreateBuilder<Position>(HoldingCount);
        foreach (Holding h in Holdings)
            if (h.Size != 0) positions.Add(new Position(h.Market.Id, h.Size));
        positions.Sort((a, b) => a.Instrument.CompareTo(b.Instrument));
        return positions.DrainToImmutable();
    }

    /// <summary>What a buyer pays, or a seller gets, for one lot, net of funding and fee.</summary>
    private static long Net(Market market, bool isSell, long price, long fee) => (isSell ? price - fee : price + fee) - market.Funding;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long Revalue(Holding holding, long deltaSize, out ScenarioVector next)
    {
        long before = holding.Size, after = before + deltaSize;
        return ScenarioMath.Revalue(in holding.Group.Equity, in holding.Market.Long, in holding.Market.Short,
            Math.Max(after, 0) - Math.Max(before, 0), Math.Max(-after, 0) - Math.Max(-before, 0), out next);
    }

    private GroupMargin Other(GroupMargin group) => _groups[0] == group ? _groups[1] : _groups[0];

    private static long Reserved(GroupMargin group) => group.Holdings == 0 ? 0 : ScenarioMath.LeastDifference(in group.Equity, in group.Reserve);
}
