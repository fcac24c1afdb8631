using System.Collections.Immutable;
using Rollup.Api;
using Rollup.Protocol;
using Rollup.Risk;
using Rollup.Sequencer.Configuration;

namespace Rollup.Sequencer.Oracle;

/// <summary>
/// Makes an epoch's risk inputs of the feed's prices: prices become atoms per lot, and funding accrues by the elapsed time.
/// </summary>
/// <param name="config">Instruments, scan ranges, funding.</param>
/// <param name="maxElapsed">Funding accrues for at most this many milliseconds at once: a halt is not charged.</param>
internal sealed class RiskInputsMaker(SequencerConfig config, int maxElapsed)
{
    private const long FundingPeriod = 8 * 60 * 60 * 1000;
    private const long Unit = 1_000_000;

    // F of each perpetual, and the part of an atom that is still owed, in atoms / (Unit x FundingPeriod).
    private readonly Dictionary<int, (long Funding, Int128 Owed)> accrued = [];
    private long? last;

    /// <summary>Goes on from the funding of an open epoch, after a restart.</summary>
    internal void Restore(ImmutableArray<RiskRow> rows)
    {
        foreach (RiskRow row in rows) accrued[row.Id] = (row.Funding, 0);
    }

    /// <summary>The inputs for a batch; null if a price is missing, with the problem.</summary>
    internal RiskInputs? Make(uint batch, Observation prices, Func<int, long> openInterest, out string problem)
    {
        problem = "";
        if (config.Instruments.FirstOrDefault(t => !prices.Prices.ContainsKey(t.Market)) is { } priceless)
        {
            problem = $"the feed has no price of {priceless.Market}";
            return null;
        }

        long elapsed = Math.Min(prices.At - (last ?? prices.At), maxElapsed);
        var instruments = ImmutableArray.CreateBuilder<InstrumentInput>();
        foreach (InstrumentConfig t in config.Instruments)
        {
            MarketPrice price = prices.Prices[t.Market];
            long index = Math.Max(1, price.Index / t.LotsPerUnit), mark = Math.Max(1, price.Mark / t.LotsPerUnit);
            long funding = t.Kind == InstrumentKindName.Perpetual ? Accrue(t.Id, index, elapsed) : 0;
            instruments.Add(new InstrumentInput(t.Id, (InstrumentKind)t.Kind, InstrumentFlags.None, t.Group, index, mark, funding, openInterest(t.Id)));
        }

        last = prices.At;
        var inputs = new RiskInputs(batch, Timestamp.FromMilliseconds(prices.At), RiskParameters.Default,
            [.. config.Groups.Select(g => new GroupRange(g.Group, g.ScanRangePpm))], instruments.ToImmutable());
        problem = inputs.Validate() ?? "";
        return problem.Length == 0 ? inputs : null;
    }

    // Interest alone: index and mark of the feeds are one price, so there is no premium to charge.
    private long Accrue(int instrument, long index, long elapsed)
    {
        (long funding, Int128 before) = accrued.GetValueOrDefault(instrument);
        Int128 owed = before + (Int128)index * config.Fees.FundingPpm * elapsed;
        Int128 whole = Rounding.FloorDiv(owed, Unit * FundingPeriod);
        accrued[instrument] = (funding + (long)whole, owed - whole * Unit * FundingPeriod);
        return accrued[instrument].Funding;
    }
}
