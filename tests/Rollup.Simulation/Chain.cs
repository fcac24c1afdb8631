using System.Collections.Immutable;
using Rollup.Engine;
using Rollup.Protocol;
using Rollup.Risk;

namespace Rollup.Simulation;

/// <summary>One listed instrument of the demonstration.</summary>
/// <param name="Strike">Atoms per lot; 0 for what has none.</param>
internal sealed record Listed(int Id, string Symbol, InstrumentKind Kind, int Group, long Strike, long ExpiresAt)
{
    public bool IsOption => Kind is InstrumentKind.Call or InstrumentKind.Put;
}

/// <summary>
/// A chain narrow enough for the six buckets (96 ids) of profile options: ether as collateral, two perpetuals, bitcoin options of an expiry within
/// the fall and one beyond it, ether options of the latter. A lot is 0.01 BTC or 0.1 ETH.
/// </summary>
internal static class Chain
{
    public const int Bitcoin = 1, Ether = 2;
    public const int EthSpot = 1, BtcPerp = 2, EthPerp = 3;
    public const int BtcLots = 100, EthLots = 10;
    private const long UsdMicros = 1_000_000;

    public static readonly ImmutableArray<Listed> Instruments = Make();

    public static readonly ImmutableArray<Listed> Options = [.. Instruments.Where(t => t.IsOption)];

    public static int LotsPerCoin(int group) => group == Bitcoin ? BtcLots : EthLots;

    private static ImmutableArray<Listed> Make()
    {
        var list = ImmutableArray.CreateBuilder<Listed>();
        list.Add(new Listed(EthSpot, "ETH", InstrumentKind.Spot, Ether, 0, 0));
        list.Add(new Listed(BtcPerp, "BTC-PERP", InstrumentKind.Perpetual, Bitcoin, 0, 0));
        list.Add(new Listed(EthPerp, "ETH-PERP", InstrumentKind.Perpetual, Ether, 0, 0));
        int id = Bound.RowsPerBucket;
        void Add(string coin, int group, long expiry, string date, int from, int to, int step)
        {
            for (int strike = from; strike <= to; strike += step)
                foreach (InstrumentKind kind in (InstrumentKind[])[InstrumentKind.Call, InstrumentKind.Put])
                    list.Add(new Listed(id++, $"{coin}-{date}-{strike}-{(kind == InstrumentKind.Call ? "C" : "P")}", kind, group,
                        strike * UsdMicros / LotsPerCoin(group), expiry));
        }

        Add("BTC", Bitcoin, CrashMarket.Near, "6FEB26", 62_000, 86_000, 2_000);
        Add("BTC", Bitcoin, CrashMarket.Far, "27FEB26", 62_000, 86_000, 2_000);
        Add("ETH", Ether, CrashMarket.Far, "27FEB26", 1_800, 2_600, 100);
        return list.ToImmutable();
    }

    /// <summary>Risk inputs of a moment.</summary>
    /// <param name="funding">F of each perpetual, atoms per lot.</param>
    /// <param name="openInterest">Lots.</param>
    /// <param name="payoffs">Frozen values of settled options.</param>
    public static RiskInputs Inputs(uint batch, long time, MarketMoment market, RiskParameters parameters, ImmutableArray<GroupRange> groups,
        Func<int, long> funding, Func<int, long> openInterest, IReadOnlyDictionary<int, long> payoffs)
    {
        UnderlyingMoment Of(int group) => group == Bitcoin ? market.Btc : market.Eth;
        return new RiskInputs(batch, Timestamp.FromMilliseconds(time), parameters, groups, [.. Instruments.Select(t =>
        {
            UnderlyingMoment u = Of(t.Group);
            long index = u.Index / LotsPerCoin(t.Group);
            bool settled = payoffs.TryGetValue(t.Id, out long payoff);
            long mark = t.Kind switch
            {
                InstrumentKind.Spot => index,
                InstrumentKind.Perpetual => u.Perpetual / LotsPerCoin(t.Group),
                _ => settled ? payoff : 0,
            };
            return new InstrumentInput(t.Id, t.Kind, settled ? InstrumentFlags.Settled : InstrumentFlags.None, t.Group, index, mark,
                t.Kind == InstrumentKind.Perpetual ? funding(t.Id) : 0, openInterest(t.Id), t.Strike, Timestamp.FromMilliseconds(t.ExpiresAt));
        })])
        {
            Expiries = [.. ((int[])[Bitcoin, Ether]).SelectMany(g => Of(g).Expiries.Values
                .Where(e => Options.Any(o => o.Group == g && o.ExpiresAt == e.At && !payoffs.ContainsKey(o.Id))).OrderBy(e => e.At)
                .Select(e => new ExpiryInput(g, Timestamp.FromMilliseconds(e.At), e.Basis, e.Surface)))],
        };
    }
}
