using System.Collections.Immutable;
using Rollup.Api;
using Rollup.Crypto.Settlement;
using Rollup.Engine;
using Rollup.Oracle;
using Rollup.Protocol;
using Rollup.Risk;
using Rollup.Sequencer.Configuration;

namespace Rollup.Sequencer.Oracle;

/// <summary>The levels of one side of an instrument's own book, best first, atoms per lot and lots.</summary>
internal delegate IEnumerable<(long Price, long Lots)> BookLevels(int instrument, bool asks);

/// <summary>
/// Follows the prices between epochs: what their state and the breakers allow, the scan ranges, and funding. It stands in front of the
/// engine: what it refuses is never journaled. One thread at a time.
/// </summary>
internal sealed class MarketWatch
{
    private const long Day = 24 * 60 * 60 * 1000;

    private readonly SequencerConfig config;
    private readonly FundingRates rates;
    private readonly Dictionary<int, GroupWatch> groups;
    private readonly Dictionary<int, FundingWatch> funding;

    internal MarketWatch(SequencerConfig config)
    {
        this.config = config;
        rates = new FundingRates(config.Fees.FundingPpm, config.Fees.PremiumBoundPpm, config.Epoch.Max);
        groups = config.Groups.ToDictionary(g => g.Group, g => new GroupWatch(g, [.. config.Instruments.Where(t => t.Group == g.Group).Select(t => t.Market).Distinct()]));
        funding = config.Instruments.Where(t => t.Kind == InstrumentKindName.Perpetual).ToDictionary(t => t.Id, _ => new FundingWatch());
    }

    /// <summary>Goes on from an open epoch, after a restart. The part of an atom that funding owed is dropped; volatility is measured anew.</summary>
    /// <param name="rows">The epoch's rows.</param>
    /// <param name="riskInputs">The bytes they follow from; empty before the first epoch.</param>
    internal void Restore(ImmutableArray<RiskRow> rows, ReadOnlySpan<byte> riskInputs)
    {
        foreach (RiskRow row in rows)
            if (funding.TryGetValue(row.Id, out FundingWatch? watch)) watch.Funding = new Funding(row.Funding);
        if (!RiskInputs.TryDecode(riskInputs, out RiskInputs inputs, out _)) return;
        foreach (GroupRange range in inputs.Groups)
            if (groups.TryGetValue(range.Group, out GroupWatch? watch)) watch.Ranges = RiskController.At(inputs.ObservedAt.Milliseconds, range.ScanRange);
    }

    /// <summary>Takes the prices as they are now.</summary>
    /// <param name="now">Unix milliseconds.</param>
    /// <param name="prices">Null while there are none.</param>
    /// <param name="book">For the premium.</param>
    internal void Update(long now, Observation? prices, BookLevels book)
    {
        bool isLate = prices is null || now - prices.At > config.Epoch.MaxReportAge;
        foreach (GroupWatch group in groups.Values) group.Update(now, isLate ? null : prices);
        foreach (InstrumentConfig t in config.Instruments)
        {
            if (!funding.TryGetValue(t.Id, out FundingWatch? watch)) continue;
            if (groups[t.Group].State != OracleState.Fresh)
            {
                watch.Since = null;
                continue;
            }

            if (watch.Since is { } since) watch.Funding = watch.Funding.Accrue(rates, watch.Index, watch.Premium, now - since);
            long index = RiskInputsMaker.Lot(prices!.Prices[t.Market].Index, t), notional = (long)config.Fees.ImpactNotionalUsd * Scale.AtomsPerUsd;
            watch.Since = now;
            watch.Index = index;
            watch.Premium = rates.PremiumBoundPpm == 0 ? 0
                : Funding.Premium(index, ImpactPrice.Of(book(t.Id, false), notional, isAsk: false), ImpactPrice.Of(book(t.Id, true), notional, isAsk: true));
        }
    }

    /// <summary>Why a request may not reach the engine now; null if it may.</summary>
    /// <param name="groupsOf">The margin groups that an account has positions or open orders in.</param>
    internal ApiError? Refusal(in SignedRequest request, Func<int, IEnumerable<int>> groupsOf)
    {
        int instrument = request.Instrument;
        switch (request.Kind)
        {
            case RowKind.Order:
                RiskActions action = OrderFlags.TryDecode(request.Flags, out OrderFlags flags) && flags.ReduceOnly ? RiskActions.Reduce : RiskActions.Open;
                return config.Instruments.FirstOrDefault(t => t.Id == instrument) is { } traded ? Refusal(traded.Group, action) : null;
            case RowKind.Withdrawal:
                // Cash that stands behind nothing needs no price.
                return groupsOf(request.Account).Select(group => Refusal(group, RiskActions.Withdraw)).FirstOrDefault(refusal => refusal is not null);
            default:
                return null;
        }
    }

    /// <summary>What is wrong with prices and markets; null if all is well.</summary>
    internal string? Problem
    {
        get
        {
            string[] problems = [.. groups.Where(g => g.Value.State != OracleState.Fresh).Select(g => $"prices of group {g.Key} are {Name.Of(g.Value.State)}"),
                .. groups.Where(g => g.Value.Breaker.State != BreakerState.Normal).Select(g => $"group {g.Key} is {Name.Of(g.Value.Breaker.State)}: {g.Value.Breaker.Reason}")];
            return problems.Length == 0 ? null : string.Join("; ", problems);
        }
    }

    /// <summary>The scan ranges of a group: for opening risk, and for maintaining it.</summary>
    internal RiskController RangesOf(int group) => groups[group].Ranges;

    /// <summary>F of an instrument for a new epoch, atoms per lot; 0 of spot.</summary>
    internal long TakeFunding(int instrument)
    {
        if (!funding.TryGetValue(instrument, out FundingWatch? watch)) return 0;
        watch.Funding = watch.Funding.Take();
        return watch.Funding.Cumulative;
    }

    private ApiError? Refusal(int group, RiskActions action)
    {
        GroupWatch watch = groups[group];
        if ((Validity.Permits(watch.State) & action) == 0) return ApiError.Of(HostCode.PricesUncertain, $"prices of group {group} are {Name.Of(watch.State)}");
        bool isAllowed = watch.Breaker.State switch
        {
            BreakerState.Normal => true,
            BreakerState.ReduceOnly => action != RiskActions.Open,
            _ => false,
        };
        return isAllowed ? null : ApiError.Of(HostCode.MarketRestricted, $"group {group} is {Name.Of(watch.Breaker.State)}: {watch.Breaker.Reason}");
    }

    private sealed class FundingWatch
    {
        internal Funding Funding { get; set; }

        /// <summary>When the premium was measured; null while the index is not fresh.</summary>
        internal long? Since { get; set; }

        internal long Index { get; set; }
        internal long Premium { get; set; }
    }

    private sealed class GroupWatch(GroupConfig config, ImmutableArray<string> markets)
    {
        private readonly ControllerRules rules = config.ToController();
        private RealisedVariance variance;

        internal OracleState State { get; private set; } = OracleState.Stale;
        internal CircuitBreaker Breaker { get; } = new(config.ToBreaker());
        internal RiskController Ranges { get; set; } = RiskController.At(0, config.ScanRangePpm);

        // A group is as good as the worst of its markets; its first market is its underlying.
        internal void Update(long now, Observation? prices)
        {
            State = markets.Length == 0 ? OracleState.Fresh : markets.Max(m => prices is not null && prices.Prices.TryGetValue(m, out MarketPrice p) ? p.State : OracleState.Stale);
            MarketPrice price = prices is null || markets.Length == 0 ? default : prices.Prices.GetValueOrDefault(markets[0]);
            Breaker.Step(new BreakerInput(now, State, price.Index, price.Depth));
            if (State != OracleState.Fresh || price.Index == 0) return;
            variance = variance.Add(now, price.Index);
            Ranges = Ranges.Step(rules, new ControllerInput(now, variance.Deviation(Day)));
        }
    }
}
