namespace Rollup.Engine.State;

/// <summary>A resting order. It lives in its book's pool and is named by its index there.</summary>
internal struct Order
{
    internal VerifiedRequest Request;
    internal Account Account;
    internal Holding Holding;

    /// <summary>Limit, atoms per lot.</summary>
    internal long Price;

    /// <summary>Highest fee of one lot at the limit, rounded up: what the reserve sets aside for it.</summary>
    internal long Fee;

    internal long Remaining;
    internal long Expiry;

    /// <summary>Neighbours of the same price; the earlier order first. -1 = none.</summary>
    internal int Previous, Next;

    internal int Level;

    /// <summary>The order's row in batch <see cref="RowBatch"/>; in another batch it has none.</summary>
    internal int Row;
    internal uint RowBatch;

    internal bool IsSell;
    internal bool ReduceOnly;

    internal readonly byte Slot => Request.Request.Slot;
}

/// <summary>
/// Price-time priority for one instrument. Orders and levels live in pools of integers-linked structs, so that placing, filling and
/// removing allocate nothing once the pools have grown. Levels are kept in a sorted array with the best price last, where changes happen.
/// </summary>
internal sealed class OrderBook(int maxOrders)
{
    private readonly BookSide _bids = new(isAsk: false), _asks = new(isAsk: true);
    private Order[] _orders = new Order[16];
    private int _freeOrder = -1, _usedOrders;

    internal int Count { get; private set; }
    internal bool IsFull => Count >= maxOrders;

    internal BookSide Side(bool isSell) => isSell ? _asks : _bids;

    internal ref Order this[int order] => ref _orders[order];

    internal delegate void Visitor(int index, ref Order order);

    /// <summary>Visits one side in priority.</summary>
    internal void ForEach(bool isSell, Visitor visit)
    {
        BookSide side = Side(isSell);
        for (int place = side.Count - 1; place >= 0; place--)
            for (int at = side[side.At(place)].First; at >= 0; at = _orders[at].Next) visit(at, ref _orders[at]);
    }

    /// <summary>Adds the order behind all others of its price.</summary>
    internal int Add(in Order order)
    {
        int index = _freeOrder;
        if (index >= 0) _freeOrder = _orders[index].Next;
        else
        {
            index = _usedOrders++;
            if (index == _orders.Length) Array.Resize(ref _orders, 2 * index);
        }

        BookSide side = Side(order.IsSell);
        ref Order added = ref _orders[index];
        added = order;
        added.Level = side.FindOrAdd(order.Price);
        ref Level level = ref side[added.Level];
        added.Previous = level.Last;
        added.Next = -1;
        if (level.Last >= 0) _orders[level.Last].Next = index;
        else level.First = index;
        level.Last = index;
        level.Lots += order.Remaining;
        Count++;
        return index;
    }

    /// <summary>Takes filled lots off an order that keeps some.</summary>
    internal void Reduce(int order, long lots)
    {
        ref Order reduced = ref _orders[order];
        reduced.Remaining -= lots;
        Side(reduced.IsSell)[reduced.Level].Lots -= lots;
    }

    /// <summary>Removes an order with all it has left.</summary>
    internal void Remove(int order)
    {
        ref Order removed = ref _orders[order];
        BookSide side = Side(removed.IsSell);
        ref Level level = ref side[removed.Level];
        level.Lots -= removed.Remaining;
        if (removed.Previous >= 0) _orders[removed.Previous].Next = removed.Next;
        else level.First = removed.Next;
        if (removed.Next >= 0) _orders[removed.Next].Previous = removed.Previous;
        else level.Last = removed.Previous;
        if (level.First < 0) side.Remove(removed.Level);
        removed = default;
        removed.Next = _freeOrder;
        _freeOrder = order;
        Count--;
    }
}

/// <summary>The orders of one price.</summary>
internal struct Level
{
    internal long Price;
    internal long Lots;
    internal int First, Last;
}

/// <summary>The levels of one side, by place: 0 is the worst price, <c>Count - 1</c> the best.</summary>
internal sealed class BookSide(bool isAsk)
{
    private Level[] _levels = new Level[8];
    private int _freeLevel = -1, _usedLevels;

    // Sorted ascending by key = price of a bid, -price of an ask; _places[i] is the level of _keys[i].
    private long[] _keys = new long[8];
    private int[] _places = new int[8];

    internal int Count { get; private set; }

    internal ref Level this[int level] => ref _levels[level];

    /// <summary>The level at a place.</summary>
    internal int At(int place) => _places[place];

    /// <summary>Whether a level's price is one that an incoming order with this limit accepts.</summary>
    internal bool Accepts(int level, long limit) => isAsk ? _levels[level].Price <= limit : _levels[level].Price >= limit;

    /// <summary>Lots on offer within a limit, up to <paramref name="wanted"/>, and the price of the last level they need.</summary>
    internal (long Lots, long WorstPrice) Depth(long limit, long wanted)
    {
        long lots = 0, worst = 0;
        for (int place = Count - 1; place >= 0 && lots < wanted && Accepts(_places[place], limit); place--)
        {
            ref Level level = ref _levels[_places[place]];
            worst = level.Price;
            lots = Math.Min(wanted, lots + level.Lots);
        }

        return (lots, worst);
    }

    internal int FindOrAdd(long price)
    {
        long key = Key(price);
        int place = Place(key);
        if (place < Count && _keys[place] == key) return _places[place];
        if (Count == _keys.Length)
        {
            Array.Resize(ref _keys, 2 * Count);
            Array.Resize(ref _places, 2 * Count);
        }

        Array.Copy(_keys, place, _keys, place + 1, Count - place);
        Array.Copy(_places, place, _places, place + 1, Count - place);
        int level = _freeLevel;
        if (level >= 0) _freeLevel = _levels[level].First;
        else
        {
            level = _usedLevels++;
            if (level == _levels.Length) Array.Resize(ref _levels, 2 * level);
        }

        _levels[level] = new Level { Price = price, First = -1, Last = -1 };
        _keys[place] = key;
        _places[place] = level;
        Count++;
        return level;
    }

    internal void Remove(int level)
    {
        int place = Place(Key(_levels[level].Price));
        Count--;
        Array.Copy(_keys, place + 1, _keys, place, Count - place);
        Array.Copy(_places, place + 1, _places, place, Count - place);
        _levels[level].First = _freeLevel;
        _freeLevel = level;
    }

    private long Key(long price) => isAsk ? -price : price;

    /// <summary>First place whose key is not below <paramref name="key"/>; looks from the best price, where most changes happen.</summary>
    private int Place(long key)
    {
        int high = Count;
        for (int step = 0; step < 4 && high > 0; step++, high--)
            if (_keys[high - 1] < key) return high;
        int found = Array.BinarySearch(_keys, 0, high, key);
        return found >= 0 ? found : ~found;
    }
}
