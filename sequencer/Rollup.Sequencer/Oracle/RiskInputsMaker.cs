using System.Collections.Immutable;
using Rollup.Api;
using Rollup.Oracle;
using Rollup.Protocol;
using Rollup.Risk;
using Rollup.Sequencer.Configuration;
using Rollup.Sequencer.Core;

namespace Rollup.Sequencer.Oracle;

/// <summary>Makes risk inputs of the feed's prices: prices become atoms per lot; funding, scan ranges, surfaces and settlements come from the watch.</summary>
internal sealed class RiskInputsMaker(SequencerConfig config, MarketWatch watch)
{
    private const long Unit = 1_000_000;
    private readonly ImmutableArray<(int Group, Timestamp At, InstrumentConfig First)> expiries =
        [.. config.Instruments.Where(t => t.IsOption).OrderBy(t => t.Group).ThenBy(t => t.ExpiresAt).DistinctBy(t => (t.Group, t.ExpiresAt)).Select(t => (t.Group, t.ExpiresAt, t))];

    private readonly ImmutableArray<long> strikes = [.. config.Instruments.Select(t => t.StrikePerLot)];

    /// <summary>Where there is no registry: the default parameters, and any scan range.</summary>
    internal static readonly RegistryRules NoRegistry = new(RiskParameters.Default, new Dictionary<int, (long, long)>());

    /// <summary>What the next epoch takes, and must keep to; null while it is not known.</summary>
    internal RegistryRules? Registry { get; set; } = NoRegistry;

    /// <summary>The inputs for a batch; null if a price is missing or no majority stands behind it, with the problem.</summary>
    /// <param name="observedAt">The prices' time in the inputs: every epoch's is later than the last one's, also where two share an observation.</param>
    /// <param name="openInterests">Of every instrument; null = nobody holds anything.</param>
    internal RiskInputs? Make(uint batch, long observedAt, Observation prices, IReadOnlyDictionary<int, Lots>? openInterests, out string problem)
    {
        problem = Registry is null ? "the risk parameters of the registry (chain.parameters) are not read yet, or not for half an hour, as L1 does not answer; with old ones the vault would freeze" : "";
        if (Registry is not { } registry) return null;
        foreach (InstrumentConfig t in config.Instruments)
        {
            if (!prices.Prices.TryGetValue(t.Market, out MarketPrice price)) problem = $"the feed has no price of {t.Market}";
            else if (!Validity.OpensEpoch(price.State)) problem = $"the price of {t.Market} is {Name.Of(price.State)}";
            if (problem.Length > 0) return null;
        }

        var inputs = ImmutableArray.CreateBuilder<ExpiryInput>();
        foreach ((int group, Timestamp at, InstrumentConfig first) in expiries)
        {
            if (watch.Payoff(first) is not null) continue;
            if (watch.Expiry(group, at, observedAt, prices) is { } expiry) inputs.Add(expiry);
            else problem = $"the feed has no surface of expiry {at.Milliseconds} of group {group}, of {first.Symbol}";
            if (problem.Length > 0) return null;
        }

        var instruments = ImmutableArray.CreateBuilder<InstrumentInput>(config.Instruments.Length);
        for (int i = 0; i < config.Instruments.Length; i++)
        {
            InstrumentConfig t = config.Instruments[i];
            MarketPrice price = prices.Prices[t.Market];
            long? payoff = watch.Payoff(t);
            instruments.Add(new InstrumentInput(t.Id, (InstrumentKind)t.Kind, payoff is null ? InstrumentFlags.None : InstrumentFlags.Settled, t.Group,
                Lot(price.Index, t), t.IsOption ? payoff ?? 0 : Lot(price.Mark, t), watch.ProposeFunding(t.Id), openInterests?[t.Id].Value ?? 0, strikes[i], t.ExpiresAt));
        }

        var made = new RiskInputs(batch, Timestamp.FromMilliseconds(observedAt), registry.Parameters,
            [.. config.Groups.Select(g => new GroupRange(g.Group, watch.RangesOf(g.Group).MaintenanceRange))], instruments.MoveToImmutable())
        { Expiries = inputs.ToImmutable() };
        problem = made.Validate() ?? OutOfBounds(made, registry) ?? "";
        return problem.Length == 0 ? made : null;
    }

    private static string? OutOfBounds(RiskInputs made, RegistryRules registry)
    {
        foreach (GroupRange g in made.Groups)
            if (registry.Ranges.TryGetValue(g.Group, out (long Least, long Most) bounds) && (g.ScanRange < bounds.Least || g.ScanRange > bounds.Most))
                return $"the scan range of group {g.Group}, {g.ScanRange}, is outside the registry's bounds {bounds.Least} to {bounds.Most}, for which the vault would freeze: set them wider, or configure another";
        return null;
    }

    /// <summary>
    /// An epoch's inputs at newer prices and surfaces, and with the range for opening risk, which the engine holds fills and withdrawals to beside the epoch's own.
    /// Groups whose prices are no good stay as they were.
    /// </summary>
    internal RiskInputs Live(RiskInputs epoch, long observedAt, Observation prices) =>
        At(epoch, observedAt, prices, watch.Values) with { Groups = [.. epoch.Groups.Select(g => g with { ScanRange = watch.RangesOf(g.Group).InitialRange })] };

    /// <summary>An epoch's inputs at newer prices and surfaces of the groups in which forced sales are permitted: for a look at who is in distress.</summary>
    internal RiskInputs Distress(RiskInputs epoch, Observation prices)
    {
        GroupActions permitted = watch.Permitted;
        return At(epoch, Math.Max(prices.At, epoch.ObservedAt.Milliseconds), prices, group => permitted.Permits(RiskActions.Liquidate, group));
    }

    /// <summary>Whether an index, a mark or a range has moved by more than so many millionths, or a forward or surface at all.</summary>
    internal static bool HasMoved(RiskInputs from, RiskInputs to, int ppm)
    {
        for (int i = 0; i < from.Groups.Length; i++)
            if (IsMove(from.Groups[i].ScanRange, to.Groups[i].ScanRange)) return true;
        for (int i = 0; i < from.Instruments.Length; i++)
            if (IsMove(from.Instruments[i].Index, to.Instruments[i].Index) || IsMove(from.Instruments[i].Mark, to.Instruments[i].Mark)) return true;
        for (int i = 0; i < from.Expiries.Length; i++)
            if (from.Expiries[i].Basis != to.Expiries[i].Basis || from.Expiries[i].Surface != to.Expiries[i].Surface) return true;
        return false;

        // 35 + 20 bits.
        bool IsMove(long before, long after) => Math.Abs(after - before) * Unit > before * ppm;
    }

    private RiskInputs At(RiskInputs epoch, long observedAt, Observation prices, Func<int, bool> isTaken)
    {
        var instruments = ImmutableArray.CreateBuilder<InstrumentInput>(epoch.Instruments.Length);
        for (int i = 0; i < epoch.Instruments.Length; i++)
        {
            (InstrumentInput input, InstrumentConfig t) = (epoch.Instruments[i], config.Instruments[i]);
            instruments.Add(input.IsFrozen || !isTaken(t.Group) ? input
                : input with { Index = Lot(prices.Prices[t.Market].Index, t), Mark = t.IsOption ? 0 : Lot(prices.Prices[t.Market].Mark, t) });
        }

        return epoch with
        {
            ObservedAt = Timestamp.FromMilliseconds(observedAt),
            Instruments = instruments.MoveToImmutable(),
            Expiries = [.. epoch.Expiries.Select(e => isTaken(e.Group) && watch.Expiry(e.Group, e.ExpiresAt, observedAt, prices) is { } newer ? newer : e)],
        };
    }

    /// <summary>Atoms per lot of a price per unit, rounded down, at least 1.</summary>
    internal static long Lot(long price, InstrumentConfig instrument) => Math.Max(1, Rounding.FloorDiv(price, instrument.LotsPerUnit));
}
