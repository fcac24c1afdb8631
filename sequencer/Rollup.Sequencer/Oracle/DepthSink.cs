using Rollup.Api;
using Rollup.Sequencer.Core;

namespace Rollup.Sequencer.Oracle;

/// <summary>Tells the watch who traded with whom. A fill is told as the taker's and then as each maker's.</summary>
internal sealed class DepthSink(MarketWatch watch, KeyDirectory keys) : IEventSink
{
    private int taker;

    public void Fill(FillView fill)
    {
        if (fill.Role == FillRole.Taker) taker = fill.Account;
        else watch.Fill(fill.Time, fill.Instrument, fill.Size, keys.OwnerOf(taker), keys.OwnerOf(fill.Account), fill.Liquidation == true);
    }
}
