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
/// Follows the prices between epochs: what their state and the breakers permit, scan ranges, funding, forwards and surfaces of options, settlement prices. It stands
/// in front of the engine: what it refuses is never journaled. One thread at a time.
/// </summary>
internal sealed class MarketWatch
{
    private const long Day = 24 * 60 * 60 * 1000, Hour = Day / 24;

    // Atoms that no sum of notionals comes near, so that none overflows.
    private const long Sanity = 1L << 56;

    private readonly SequencerConfig config;
    private readonly FundingRates rates;
    private readonly SortedDictionary<int, GroupWatch> groups = [];
    private readonly Dictionary<int, GroupWatch> groupOf;
    private readonly Dictionary<int, InstrumentConfig> instruments;
    private readonly Dictionary<int, FundingWatch> funding;

    // What a lot of each settled option is worth, for good.
    private readonly Dictionary<int, long> payoffs = [];
    private Observation? latest;

    internal MarketWatch(SequencerConfig config)
    {
        this.config = config;
        rates = new FundingRates(config.Fees.FundingPpm, config.Fees.PremiumBoundPpm, config.Epoch.Max);
        foreach (GroupConfig g in config.Groups) groups[g.Group] = new GroupWatch(g, [.. config.Instruments.Where(t => t.Group == g.Group)]);
        groupOf = config.Instruments.ToDictionary(t => t.Id, t => groups[t.Group]);
        instruments = config.Instruments.ToDictionary(t => t.Id);
        funding = config.Instruments.Where(t => t.Kind == InstrumentKindName.Perpetual).ToDictionary(t => t.Id, _ => new FundingWatch());
    }

    /// <summary>
    /// Goes on from an open epoch, after a restart. The part of an atom that funding owed is dropped; volatility is measured anew; what a settlement average missed
    /// since the epoch opened is a gap in it.
    /// </summary>
    /// <param name="rows">The epoch's rows.</param>
    /// <param name="inputs">What they follow from; null before the first epoch.</param>
    internal void Restore(ImmutableArray<RiskRow> rows, RiskInputs? inputs)
    {
        foreach (RiskRow row in rows)
        {
            if (funding.TryGetValue(row.Id, out FundingWatch? watch)) watch.Funding = new Funding(row.Funding);
            if ((row.Flags & InstrumentFlags.Settled) != 0) payoffs[row.Id] = row.Base;
        }

        if (inputs is null) return;
        long at = inputs.ObservedAt.Milliseconds;
        foreach (GroupRange range in inputs.Groups)
            if (groups.TryGetValue(range.Group, out GroupWatch? watch)) watch.Ranges = RiskController.At(at, range.ScanRange);
        foreach (ExpiryInput expiry in inputs.Expiries)
        {
            InstrumentConfig option = config.Instruments.First(t => t.Group == expiry.Group && t.ExpiresAt == expiry.ExpiresAt);
            long index = inputs.Instruments.First(t => t.Id == option.Id).Index * option.LotsPerUnit;
            groups[expiry.Group].Expiries[expiry.ExpiresAt.Milliseconds].Restore(at, index, expiry);
        }
    }

    /// <summary>Takes the prices as they are now.</summary>
    /// <param name="now">Unix milliseconds.</param>
    /// <param name="prices">Null while there are none.</param>
    /// <param name="book">For the premium.</param>
    internal void Update(long now, Observation? prices, BookLevels book)
    {
        latest = prices ?? latest;
        bool isLate = prices is null || now - prices.At > config.Epoch.MaxReportAge;
        foreach (GroupWatch group in groups.Values) group.Update(now, isLate ? null : prices, config.Epoch.MaxReportAge);
        foreach (InstrumentConfig t in config.Instruments)
        {
            if (!funding.TryGetValue(t.Id, out FundingWatch? watch)) continue;
            if (groupOf[t.Id].PriceState != OracleState.Fresh)
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

    /// <summary>Counts a fill as depth, at the index of what is traded: of options too, so that depth and open interest are measured alike.</summary>
    internal void Fill(long time, int instrument, long lots, Address taker, Address maker, bool isLiquidation) =>
        groupOf[instrument].Depth.Add(new OwnerFill(time, taker, maker, NotionalOf(instrument, lots), isLiquidation));

    /// <summary>Whether any range follows the market: then open interest is asked for.</summary>
    internal bool IsControlled => groups.Values.Any(g => g.IsControlled);

    /// <summary>Takes the open interest by owner, lots (<see cref="OpenInterestByOwner"/>).</summary>
    internal void OpenInterest(IEnumerable<KeyValuePair<int, Int128>> lots)
    {
        foreach (GroupWatch group in groups.Values) group.OpenInterest = 0;
        foreach ((int instrument, Int128 held) in lots) groupOf[instrument].OpenInterest += NotionalOf(instrument, held);
    }

    // Atoms at the newest index; 0 before the first.
    private long NotionalOf(int instrument, Int128 lots) => latest?.Prices.TryGetValue(instruments[instrument].Market, out MarketPrice price) == true
        ? (long)Int128.Min(lots * RiskInputsMaker.Lot(price.Index, instruments[instrument]), Sanity) : 0;

    /// <summary>What prices and breakers permit in each group.</summary>
    internal GroupActions Permitted => groups.Aggregate(GroupActions.Everywhere(RiskActions.All), (all, g) => all.With(g.Key, g.Value.Permitted));

    /// <summary>Whether the prices of every group are good enough for a new epoch.</summary>
    internal bool OpensEpoch => groups.Values.All(g => g.OpensEpoch);

    /// <summary>Whether a group's prices are good enough to value positions by.</summary>
    internal bool Values(int group) => groups[group].OpensEpoch;

    /// <summary>What a request needs permission for; a cancel needs none.</summary>
    internal static RiskActions ActionOf(in SignedRequest request) => request.Kind switch
    {
        RowKind.Order => OrderFlags.TryDecode(request.Flags, out OrderFlags flags) && flags.ReduceOnly ? RiskActions.Reduce : RiskActions.Open,
        RowKind.Withdrawal => RiskActions.Withdraw,
        _ => RiskActions.None,
    };

    /// <summary>Why a request may not reach the engine now; null if it may.</summary>
    /// <param name="action">What it needs (<see cref="ActionOf"/>).</param>
    /// <param name="positionsOf">The instruments that an account has positions in.</param>
    internal ApiError? Refusal(in SignedRequest request, RiskActions action, Func<int, IEnumerable<int>> positionsOf)
    {
        switch (action)
        {
            case RiskActions.None:
                return null;
            case RiskActions.Withdraw:
                // Cash that stands behind nothing needs no price.
                return positionsOf(request.Account).Select(instrument => groupOf[instrument].Refusal(RiskActions.Withdraw)).FirstOrDefault(refusal => refusal is not null);
            default:
                return groupOf.TryGetValue(request.Instrument, out GroupWatch? traded) ? traded.Refusal(action) : null;
        }
    }

    /// <summary>What is wrong with prices and markets; null if all is well.</summary>
    internal string? Problem
    {
        get
        {
            string[] problems = [.. groups.Values.SelectMany(g => g.Problems)];
            return problems.Length == 0 ? null : string.Join("; ", problems);
        }
    }

    /// <summary>The scan ranges of a group: for opening risk, and for maintaining it.</summary>
    internal RiskController RangesOf(int group) => groups[group].Ranges;

    /// <summary>F of an instrument as a new epoch would have it, atoms per lot; 0 of all but perpetuals.</summary>
    internal long ProposeFunding(int instrument)
    {
        if (!funding.TryGetValue(instrument, out FundingWatch? watch)) return 0;
        watch.Proposed = watch.Funding;
        return watch.Proposed.Take().Cumulative;
    }

    /// <summary>An epoch has opened with what was proposed last.</summary>
    internal void TakeFunding()
    {
        foreach (FundingWatch watch in funding.Values) watch.Funding = watch.Funding.Take(watch.Proposed);
    }

    /// <summary>What a lot of an option is worth for good, atoms, rounded down; null while it is not settled, and of what is none.</summary>
    internal long? Payoff(InstrumentConfig t)
    {
        if (payoffs.TryGetValue(t.Id, out long known)) return known;
        if (!t.IsOption || groupOf[t.Id].Expiries[t.ExpiresAt.Milliseconds].Average.Price is not { } price) return null;
        long lot = RiskInputsMaker.Lot(price, t);
        return payoffs[t.Id] = Math.Max(0, t.Kind == InstrumentKindName.Call ? lot - t.StrikePerLot : t.StrikePerLot - lot);
    }

    /// <summary>One expiry as risk inputs have it; null while no surface was ever seen.</summary>
    internal ExpiryInput? Expiry(int group, Timestamp at, long observedAt, Observation prices)
    {
        GroupWatch watch = groups[group];
        return watch.Expiries[at.Milliseconds].Input(group, observedAt, prices.Prices[watch.Underlying].Index);
    }

    /// <summary>What the API shows of the groups.</summary>
    internal IReadOnlyList<GroupView> View() => [.. groups.Values.Select(g => g.View())];

    private sealed class FundingWatch
    {
        internal Funding Funding { get; set; }

        /// <summary>As it was when F was proposed last.</summary>
        internal Funding Proposed { get; set; }

        /// <summary>When the premium was measured; null while the index is not fresh.</summary>
        internal long? Since { get; set; }

        internal long Index { get; set; }
        internal long Premium { get; set; }
    }

    private sealed class GroupWatch
    {
        private readonly int number;
        private readonly ControllerRules rules;
        private readonly CircuitBreaker breaker;
        private readonly string[] markets;
        private RealisedVariance variance;
        private long? since;
        private ExpiryWatch[] withoutSurface = [];

        internal GroupWatch(GroupConfig config, InstrumentConfig[] instruments)
        {
            number = config.Group;
            rules = config.ToController();
            breaker = new CircuitBreaker(config.ToBreaker());
            Depth = new FilledDepth((long)config.PairDepthUsd * Scale.AtomsPerUsd);
            Ranges = RiskController.At(0, config.ScanRangePpm);
            markets = [.. instruments.Select(t => t.Market).Distinct()];
            Underlying = instruments.FirstOrDefault(t => t.IsOption)?.Market ?? markets.FirstOrDefault() ?? "";
            Expiries = instruments.Where(t => t.IsOption).Select(t => t.ExpiresAt.Milliseconds).Distinct().ToDictionary(at => at, at => new ExpiryWatch(at));
        }

        /// <summary>The market that its options settle by, or its first.</summary>
        internal string Underlying { get; }

        /// <summary>By time, Unix milliseconds.</summary>
        internal Dictionary<long, ExpiryWatch> Expiries { get; }

        /// <summary>The worst of its markets.</summary>
        internal OracleState PriceState { get; private set; } = OracleState.Stale;

        internal RiskController Ranges { get; set; }

        internal FilledDepth Depth { get; }

        /// <summary>Atoms.</summary>
        internal long OpenInterest { get; set; }

        internal bool IsControlled => rules.Ceiling > rules.Floor;

        internal RiskActions Permitted => Validity.Permits(State) & Breaking.Permits(breaker.State);

        internal bool OpensEpoch => Validity.OpensEpoch(State);

        internal IEnumerable<string> Problems
        {
            get
            {
                if (PriceState != OracleState.Fresh) yield return $"prices of group {number} are {Name.Of(PriceState)}";
                if (withoutSurface.Length > 0) yield return $"group {number} has no new surface of expiry {string.Join(", ", withoutSurface.Select(e => e.At))}";
                if (breaker.State != BreakerState.Normal) yield return $"group {number} is {Name.Of(breaker.State)}: {breaker.Reason}";
            }
        }

        // Options without a surface are valued by their last one: known within a wide interval.
        private OracleState State => PriceState == OracleState.Fresh && withoutSurface.Length > 0 ? OracleState.LowConfidence : PriceState;

        internal void Update(long now, Observation? prices, int maxAge)
        {
            PriceState = markets.Length == 0 ? OracleState.Fresh : markets.Max(m => prices is not null && prices.Prices.TryGetValue(m, out MarketPrice p) ? p.State : OracleState.Stale);
            MarketPrice price = prices?.Prices.GetValueOrDefault(Underlying) ?? default;
            if (prices is not null)
                foreach (ExpiryReport report in prices.Expiries.GetValueOrDefault(number, []))
                    if (Expiries.TryGetValue(report.Expiry, out ExpiryWatch? expiry)) expiry.Report(prices.At, report);
            withoutSurface = [.. Expiries.Values.Where(e => e.IsWithoutSurface(now, now - maxAge)).OrderBy(e => e.At)];
            breaker.Step(new BreakerInput(now, PriceState, price.Index, price.Depth));
            if (PriceState == OracleState.Fresh && price.Index > 0)
            {
                variance = variance.Add(now, price.Index);
                // Nothing is known of the depth before it was watched for an hour.
                since ??= now;
                long? depth = now - since >= Hour ? (long)Int128.Min(Depth.AnHour(now), Sanity) : null;
                Ranges = Ranges.Step(rules, new ControllerInput(now, variance.Deviation(Day), depth, OpenInterest));
                foreach (ExpiryWatch expiry in Expiries.Values) expiry.Sample(prices!.At, price.Index);
            }

            foreach (ExpiryWatch expiry in Expiries.Values) expiry.Close(now);
        }

        internal ApiError? Refusal(RiskActions action) =>
            (Validity.Permits(State) & action) == 0 ? ApiError.Of(HostCode.PricesUncertain, $"prices of group {number} are {Name.Of(State)}")
            : (Breaking.Permits(breaker.State) & action) == 0 ? ApiError.Of(HostCode.MarketRestricted, $"group {number} is {Name.Of(breaker.State)}: {breaker.Reason}")
            : null;

        internal GroupView View() => new(number, Name.Of(State), Name.Of(breaker.State), Ranges.InitialRange, Ranges.MaintenanceRange,
            Has(RiskActions.Open), Has(RiskActions.Reduce), Has(RiskActions.Liquidate), Has(RiskActions.Withdraw));

        private bool Has(RiskActions action) => (Permitted & action) != 0;
    }
}
