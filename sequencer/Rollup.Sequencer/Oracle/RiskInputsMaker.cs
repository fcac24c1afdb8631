using System.Collections.Immutable;
using Rollup.Api;
using Rollup.Oracle;
using Rollup.Protocol;
using Rollup.Risk;
using Rollup.Sequencer.Configuration;

namespace Rollup.Sequencer.Oracle;

/// <summary>Makes an epoch's risk inputs of the feed's prices: prices become atoms per lot, funding and scan ranges come from the watch.</summary>
internal sealed class RiskInputsMaker(SequencerConfig config, MarketWatch watch)
{
    /// <summary>The inputs for a batch; null if a price is missing or no majority stands behind it, with the problem.</summary>
    /// <param name="observedAt">The prices' time in the inputs: every epoch's is later than the last one's, also where two share an observation.</param>
    internal RiskInputs? Make(uint batch, long observedAt, Observation prices, Func<int, long> openInterest, out string problem)
    {
        problem = "";
        foreach (InstrumentConfig t in config.Instruments)
        {
            if (!prices.Prices.TryGetValue(t.Market, out MarketPrice price)) problem = $"the feed has no price of {t.Market}";
            else if (price.State > OracleState.LowConfidence) problem = $"the price of {t.Market} is {Name.Of(price.State)}";
            if (problem.Length > 0) return null;
        }

        var instruments = ImmutableArray.CreateBuilder<InstrumentInput>();
        foreach (InstrumentConfig t in config.Instruments)
        {
            MarketPrice price = prices.Prices[t.Market];
            instruments.Add(new InstrumentInput(t.Id, (InstrumentKind)t.Kind, InstrumentFlags.None, t.Group,
                Lot(price.Index, t), Lot(price.Mark, t), watch.TakeFunding(t.Id), openInterest(t.Id)));
        }

        var inputs = new RiskInputs(batch, Timestamp.FromMilliseconds(observedAt), RiskParameters.Default,
            [.. config.Groups.Select(g => new GroupRange(g.Group, watch.RangesOf(g.Group).MaintenanceRange))], instruments.ToImmutable());
        problem = inputs.Validate() ?? "";
        return problem.Length == 0 ? inputs : null;
    }

    /// <summary>An epoch's inputs at newer prices of what is not an option, all else as it was: for a look at who is in distress. Null if prices are missing or extreme.</summary>
    internal RiskInputs? AtPrices(RiskInputs epoch, Observation prices)
    {
        var instruments = ImmutableArray.CreateBuilder<InstrumentInput>();
        foreach ((InstrumentInput input, InstrumentConfig t) in epoch.Instruments.Zip(config.Instruments))
        {
            if (!prices.Prices.TryGetValue(t.Market, out MarketPrice price)) return null;
            bool isLinear = input.Kind is InstrumentKind.Spot or InstrumentKind.Perpetual;
            instruments.Add(isLinear ? input with { Index = Lot(price.Index, t), Mark = Lot(price.Mark, t) } : input);
        }

        RiskInputs live = epoch with { Instruments = instruments.ToImmutable() };
        return live.Validate() is null ? live : null;
    }

    /// <summary>Atoms per lot of a price per unit, rounded down, at least 1.</summary>
    internal static long Lot(long price, InstrumentConfig instrument) => Math.Max(1, Rounding.FloorDiv(price, instrument.LotsPerUnit));
}
