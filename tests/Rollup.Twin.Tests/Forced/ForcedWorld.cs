using System.Collections.Immutable;
using System.Text.Json.Nodes;
using Rollup.Crypto.Settlement;
using Rollup.Engine;
using Rollup.Protocol;
using Rollup.TestSupport;
using Rollup.Witness;

namespace Rollup.Twin.Tests.Forced;

/// <summary>
/// The world of the tests of what nobody signed (spec 5.8). Account 2 bought 4,000 perpetuals of account 3 at 61.8 and has 50,000 USD; accounts 4 and 6 are
/// rich; what happens next depends on where the marks go.
/// </summary>
internal static class ForcedWorld
{
    public const int Btc = BatchFactory.BtcPerpetual, Eth = BatchFactory.EthPerpetual, Spot = BatchFactory.EthSpot, Call = 5, Put = 6;
    public const long Usd = 1_000_000;

    /// <summary>Marks at which account 2 is healthy; below its requirement; below maintenance; insolvent.</summary>
    public const long Healthy = BatchFactory.BtcMark, Low = 57_000_000, Distressed = 52_000_000, Broke = 45_000_000;

    public static readonly CompiledCircuit Circuit = CompiledCircuit.Get("circuits/test/forced.circom");
    public static readonly CircuitProfile Profile = new("forced", Blocks: 4, Rows: 2, Operations: 1, Buckets: 1, Forced: 3, Reliefs: 2);

    public static SettlementInput Build(BatchFactory.Batch batch) => SettlementInput.Build(batch.Seal(), Profile);

    public static JsonObject Honest(BatchFactory.Batch batch) => Dishonest.Accepted(Build(batch), Circuit);

    public static void RefusedAt(BatchFactory.Batch batch, params string[] places) => RefusedAt(Build(batch).ToJson(), places);

    public static void RefusedAt(JsonObject json, params string[] places) => Dishonest.RefusedAt(Circuit, json, places);

    /// <param name="fund">Atoms that the insurance fund has.</param>
    public static BatchFactory World(long mark, long fund = 100_000 * Usd)
    {
        BatchFactory factory = Accounts(fund);
        factory.Begin().Trade(2, 3, Btc, 4_000, BatchFactory.BtcMark).Seal();
        return At(factory, mark);
    }

    /// <summary>The accounts with cash alone.</summary>
    public static BatchFactory Accounts(long fund = 100_000 * Usd)
    {
        var factory = new BatchFactory(Profile);
        factory.RiskRows = [.. factory.RiskRows, Option(Call, InstrumentKind.Call, BatchFactory.BtcMark), Option(Put, InstrumentKind.Put, BatchFactory.BtcMark)];
        factory.Begin().Register(2, 50_000 * Usd).Register(3, 90_000 * Usd).Register(4, 900_000 * Usd).Register(6, 800_000 * Usd).Deposit(1, 0, fund).Seal();
        return factory;
    }

    /// <summary>The same batch for the dev circuit, which takes one forced row, one block with relief and three signed rows.</summary>
    public static SettlementInput BuildDev(BatchFactory.Batch batch) => SettlementInput.Build(batch.Seal(), CircuitProfile.Dev);

    /// <summary>Moves the bitcoin mark, and the options with it.</summary>
    public static BatchFactory At(BatchFactory factory, long mark)
    {
        factory.RiskRows = [.. factory.RiskRows.Select(r => r.Id switch
        {
            Btc => BatchFactory.Linear(Btc, InstrumentKind.Perpetual, 1, mark, r.Funding),
            Call or Put => Option(r.Id, r.Kind, mark),
            _ => r,
        })];
        return factory;
    }

    public static BatchFactory WithRow(BatchFactory factory, RiskRow row)
    {
        factory.RiskRows = [.. factory.RiskRows.Select(r => r.Id == row.Id ? row : r)];
        return factory;
    }

    public static RiskRow Row(BatchFactory factory, int instrument) => factory.RiskRows.Single(r => r.Id == instrument);

    /// <summary>The row of a settled instrument: its payoff, net of funding, in every scenario.</summary>
    public static RiskRow Settled(RiskRow row, long payoff)
    {
        ImmutableArray<long> values = [.. Enumerable.Repeat(payoff - row.Funding, Bound.Scenarios)];
        return row with { Flags = InstrumentFlags.Settled, Base = payoff - row.Funding, Long = values, Short = values };
    }

    /// <summary>A call of strike 62 or a put of strike 61 with 1.5 of time value; 0.1% of the index between long and short; price bound 0.5% of it.</summary>
    public static RiskRow Option(int id, InstrumentKind kind, long index)
    {
        long Value(int scenario)
        {
            long shocked = index + (scenario == 0 ? 0 : index * (scenario - 12) / 80);
            return Math.Max(0, kind == InstrumentKind.Call ? shocked - 62_000_000 : 61_000_000 - shocked) + 1_500_000;
        }

        long[] values = [.. Enumerable.Range(0, Bound.Scenarios).Select(Value)];
        return new RiskRow(id, kind, InstrumentFlags.None, 1, index, values[0], 0, index / 200,
            [.. values.Select((v, s) => v - (s == 0 ? 0 : index / 1000))], [.. values.Select((v, s) => v + (s == 0 ? 0 : index / 1000))]);
    }

    /// <summary>A trade of the past, of which the tests need no proof: <paramref name="buyer"/> gets lots at the clean price.</summary>
    public static BatchFactory Sold(BatchFactory factory, int buyer, int seller, int instrument, long lots, long price)
    {
        long cash = lots * (price - Row(factory, instrument).Funding);
        factory.Begin().Move(buyer, instrument, lots).Move(buyer, 0, -cash).Move(seller, instrument, -lots).Move(seller, 0, cash).Seal();
        return factory;
    }

    /// <summary>Account 2 is liquidated, account 4 buys.</summary>
    public static BatchFactory.Batch Liquidation(BatchFactory factory, long lots, long price, long fee = 7 * Usd) =>
        Closing(factory.Begin(), 2, Btc, sell: true, lots, price, fee);

    /// <summary>Lots are closed by a liquidation against an order of account 4.</summary>
    public static BatchFactory.Batch Closing(BatchFactory.Batch batch, int account, int instrument, bool sell, long lots, long price, long fee = 0) => batch
        .Liquidate(account, instrument, lots, lots * price, fee)
        .Order(4, (byte)instrument, 5, !sell, instrument, lots, price, lots, lots * price, fee: 0);

    public static Worth Of(BatchFactory factory, int account) => Worth.Of(factory.Contents(account), factory.RiskRows);

    /// <summary>The values of spec 5.8 of a leaf, once more: M, W and five times maintenance, atoms.</summary>
    public readonly record struct Worth(long Mark, long Health)
    {
        public long Requirement => Mark - Health;

        public long FiveMaintenance => Mark + 4 * Health;

        public static Worth Of(LeafContents leaf, ImmutableArray<RiskRow> rows)
        {
            long mark = leaf.Cash, health = leaf.Cash;
            foreach (var group in leaf.Positions.Select(p => (p.Size, Row: rows.Single(r => r.Id == p.Instrument))).GroupBy(p => p.Row.Group))
            {
                long[] equity = [.. Enumerable.Range(0, Bound.Scenarios).Select(s => group.Sum(p => p.Size * (p.Size > 0 ? p.Row.Long[s] : p.Row.Short[s])))];
                mark += equity[0];
                health += equity.Min();
            }

            return new Worth(mark, health);
        }
    }
}
