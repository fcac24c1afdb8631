using Rollup.Protocol;

namespace Rollup.Crypto.Settlement;

/// <summary>State of one order slot: the highest nonce used and the lots it has filled (spec 3.3).</summary>
public readonly record struct OrderSlot(long Nonce, long Filled)
{
    public const long MaxFilled = (1L << Width.Fill) - 1;

    /// <summary>nonce 2^64 + filled.</summary>
    public Fr ToField() => Fr.FromUInt128(((UInt128)(ulong)Nonce << 64) | (ulong)Filled);

    /// <summary>Lots that count against a request with this nonce (rule 4.3); null if the nonce is spent.</summary>
    public long? FilledFor(long nonce) => nonce < Nonce ? null : nonce == Nonce ? Filled : 0;
}

/// <summary>The 256 order slots of one account as a 4-ary tree of depth 4.</summary>
public sealed class OrderSlots
{
    public const int Count = 1 << Width.Slot;

    /// <summary>Root of 256 empty slots.</summary>
    public static readonly Fr EmptyRoot = new QuadTree(Depth.OrderSlots).Root;

    private readonly QuadTree tree = new(Depth.OrderSlots);
    private readonly Dictionary<byte, OrderSlot> slots = [];

    public Fr Root => tree.Root;

    /// <summary>The slots that were ever used.</summary>
    public IReadOnlyDictionary<byte, OrderSlot> Used => slots;

    public OrderSlot this[byte slot] => slots.GetValueOrDefault(slot);

    /// <summary>Moves a slot forward.</summary>
    /// <exception cref="ArgumentException">The value would not grow, which the protocol forbids.</exception>
    public void Set(byte slot, OrderSlot value)
    {
        OrderSlot old = this[slot];
        if (value.Nonce < old.Nonce || (value.Nonce == old.Nonce && value.Filled < old.Filled) || value.Filled is < 0 or > OrderSlot.MaxFilled
            || value.Nonce >= 1L << Width.Nonce)
            throw new ArgumentException($"Slot {slot} cannot go from {old} to {value}.", nameof(value));
        slots[slot] = value;
        tree.Set(slot, value.ToField());
    }

    /// <summary>Three siblings a level, from the slot upward.</summary>
    public Fr[] Path(byte slot) => tree.Path(slot);
}
