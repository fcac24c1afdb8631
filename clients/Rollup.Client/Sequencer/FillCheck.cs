using Rollup.Api;
using Rollup.Protocol;

namespace Rollup.Client.Sequencer;

/// <summary>Checks what the sequencer says of an order against what was signed, as the circuit will.</summary>
public static class FillCheck
{
    /// <summary>The first thing wrong with the fills of one order, or null.</summary>
    /// <param name="order">As signed.</param>
    /// <param name="fills">All its fills of one batch.</param>
    public static string? Find(OrderMessage order, IReadOnlyList<FillView> fills)
    {
        Int128 size = 0, quote = 0, fee = 0;
        foreach (FillView fill in fills)
        {
            if (fill.Account != order.Account || fill.Slot != order.Slot || fill.Nonce != order.Nonce || fill.Instrument != order.Instrument || fill.Side != order.Side)
                return $"trade {fill.Trade} is not of this order";
            if (fill.Size < 1 || fill.Price < 0 || fill.Fee < 0) return $"trade {fill.Trade} has a size, price or fee out of range";
            if (order.Side == Side.Buy ? fill.Price > order.Limit : fill.Price < order.Limit) return $"trade {fill.Trade} is at {fill.Price}, beyond the limit {order.Limit}";
            size += fill.Size;
            quote += (Int128)fill.Price * fill.Size;
            fee += fill.Fee;
        }

        if (size > order.Size) return $"{size} lots filled of {order.Size}";
        Int128 most = Rounding.CeilDiv(order.FeeRate * quote, Scale.FeeRateDenominator);
        return fee > most ? $"fees of {fee} atoms exceed {most}, the signed rate of the quote" : null;
    }
}
