using System.Numerics;
using Rollup.Crypto.Settlement;
using Rollup.Protocol;
using Rollup.Risk;

namespace Rollup.Engine.Tests;

internal sealed record NaiveOrder(SignedRequest Request, long Remaining);

/// <summary>A row of the batch: the order is named by its request.</summary>
internal sealed record NaiveRow(SignedRequest Request, BigInteger Fill, BigInteger Quote, BigInteger FeeNumerator, BigInteger Fee);

internal sealed class NaiveAccount
{
    internal required int Id;
    internal BigInteger Cash;
    internal SortedDictionary<int, BigInteger> Sizes = [];
    internal Dictionary<byte, long> Seen = [];
    internal Dictionary<byte, OrderSlot> Chain = [];

    internal BigInteger Size(int instrument) => Sizes.GetValueOrDefault(instrument);

    internal void Add(int instrument, BigInteger lots)
    {
        BigInteger size = Size(instrument) + lots;
        if (size == 0) Sizes.Remove(instrument);
        else Sizes[instrument] = size;
    }

    internal NaiveAccount Copy() => new() { Id = Id, Cash = Cash, Sizes = new(Sizes), Seen = new(Seen), Chain = new(Chain) };
}

/// <summary>The naive engine's whole state, with margin recomputed from scratch whenever it is asked for.</summary>
internal sealed class NaiveState
{
    internal long Time, Open, Observed = -1, NextOperation;
    internal uint Batch;
    internal bool IsOpen;
    internal Dictionary<int, RiskRow> Risk = [];

    /// <summary>The newest rows within the epoch, or null.</summary>
    internal Dictionary<int, RiskRow>? Live;
    internal long LiveAt = -1;
    internal GroupActions Permitted = GroupActions.Everywhere(RiskActions.All);
    internal SortedDictionary<int, NaiveAccount> Accounts = [];

    /// <summary>In the order they came to rest.</summary>
    internal List<NaiveOrder> Orders = [];

    internal SortedSet<int> Touched = [], Withdrew = [], Relieved = [], Buckets = [], Requested = [], Served = [];

    /// <summary>The accounts as the last batch left them.</summary>
    internal Dictionary<int, NaiveAccount> Sealed = [];
    internal List<NaiveRow> Rows = [];
    internal List<(int Account, int Instrument)> Converted = [];
    internal int Operations;
    internal List<EngineEvent> Events = [];

    internal static NaiveState Genesis()
    {
        var state = new NaiveState();
        for (int id = 0; id < 2; id++) state.Sealed[id] = state.Accounts[id] = new NaiveAccount { Id = id };
        return state;
    }

    internal NaiveState Copy() => new()
    {
        Time = Time,
        Open = Open,
        Observed = Observed,
        NextOperation = NextOperation,
        Batch = Batch,
        IsOpen = IsOpen,
        Risk = Risk,
        Live = Live,
        LiveAt = LiveAt,
        Permitted = Permitted,
        Converted = [.. Converted],
        Accounts = new(Accounts.ToDictionary(a => a.Key, a => a.Value.Copy())),
        Orders = [.. Orders],
        Touched = [.. Touched],
        Withdrew = [.. Withdrew],
        Relieved = [.. Relieved],
        Requested = [.. Requested],
        Served = [.. Served],
        Sealed = Sealed,
        Buckets = [.. Buckets],
        Rows = [.. Rows],
        Operations = Operations,
    };

    internal List<NaiveOrder> OrdersOf(int account) => [.. Orders.Where(o => o.Request.Account == account)];

    internal BigInteger Health(NaiveAccount a) => Health(a, []);

    /// <summary>Mark equity and health under the newest rows.</summary>
    internal (BigInteger Mark, BigInteger Health) LiveWorth(NaiveAccount a)
    {
        var live = new NaiveState { Risk = Live! };
        return (live.Mark(a), live.Health(a));
    }

    /// <summary>cash + sum over groups of min over s of (E[s] - sum over instruments of max(loss of the bids, loss of the asks)).</summary>
    internal BigInteger Health(NaiveAccount a, List<NaiveOrder> orders, long feeRate = 0)
    {
        BigInteger health = a.Cash;
        int[] instruments = [.. a.Sizes.Keys.Concat(orders.Select(o => o.Request.Instrument)).Distinct()];
        foreach (var group in instruments.GroupBy(t => Risk[t].Group))
        {
            var scenarios = new BigInteger[Bound.Scenarios];
            for (int s = 0; s < Bound.Scenarios; s++)
            {
                foreach (int t in group)
                {
                    BigInteger size = a.Size(t);
                    scenarios[s] += size * (size > 0 ? Risk[t].Long[s] : Risk[t].Short[s]);
                    BigInteger bids = 0, asks = 0;
                    foreach (NaiveOrder o in orders.Where(o => o.Request.Instrument == t))
                    {
                        BigInteger fee = Fee(o, feeRate), price = o.Request.Limit - Risk[t].Funding;
                        if (o.Request.IsSell) asks += o.Remaining * BigInteger.Max(0, (Risk[t].Kind == InstrumentKind.Spot ? Risk[t].Long[s] : Risk[t].Short[s]) - price + fee);
                        else bids += o.Remaining * BigInteger.Max(0, price + fee - Risk[t].Long[s]);
                    }

                    scenarios[s] -= BigInteger.Max(bids, asks);
                }
            }

            health += scenarios.Min();
        }

        return health;
    }

    /// <summary>What cash and positions are worth at the mark.</summary>
    internal BigInteger Mark(NaiveAccount a) => a.Sizes.Aggregate(a.Cash, (sum, p) => sum + p.Value * Risk[p.Key].Base);

    /// <summary>Healthy; or smaller in everything than the last batch left it, with a smaller requirement, at a price of a tenth of the difference.</summary>
    internal bool IsOnTheMend(NaiveAccount a)
    {
        if (Withdrew.Contains(a.Id) || !Sealed.TryGetValue(a.Id, out NaiveAccount? old) || Health(old) >= 0) return false;
        if (a.Sizes.Any(p => p.Value.Sign != old.Size(p.Key).Sign || BigInteger.Abs(p.Value) > BigInteger.Abs(old.Size(p.Key)))) return false;
        BigInteger relief = Mark(old) - Health(old) - (Mark(a) - Health(a));
        return relief >= 0 && 10 * (Mark(old) - Mark(a)) <= relief;
    }

    internal BigInteger Exposure(NaiveAccount a, long feeRate)
    {
        BigInteger exposure = a.Sizes.Aggregate(BigInteger.Zero, (sum, p) => sum + BigInteger.Abs(p.Value) * Unit(p.Key));
        return OrdersOf(a.Id).Aggregate(exposure, (sum, o) => sum + o.Remaining * (Unit(o.Request.Instrument) + o.Request.Limit + Fee(o, feeRate)));
    }

    internal BigInteger Unit(int t) => Risk[t].Long.Concat(Risk[t].Short).Max(v => BigInteger.Abs(v)) + BigInteger.Abs(Risk[t].Funding);

    internal static BigInteger Fee(NaiveOrder order, long rate) => ((BigInteger)order.Request.Limit * rate + 999_999) / 1_000_000;
}
