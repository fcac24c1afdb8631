using System.Numerics;
using System.Text.Json.Nodes;
using Rollup.Crypto.Settlement;
using Rollup.Engine;
using Rollup.Protocol;
using Rollup.TestSupport;
using Rollup.Witness;
using static Rollup.Twin.Tests.Dishonest;

namespace Rollup.Twin.Tests;

/// <summary>
/// What nobody signed (spec 5.8): liquidation, the fund, deleveraging, conversion, and accounts on the mend; each accepted when it is honest, and
/// refused, at the constraint that is there for it, in every form in which it would take something from somebody.
/// Account 2 bought 4,000 perpetuals of account 3 at 61.8; what happens next depends on where the mark goes.
/// </summary>
public class ForcedTests
{
    private const int Btc = BatchFactory.BtcPerpetual, Eth = BatchFactory.EthPerpetual, Call = 5;
    private const long Usd = 1_000_000;
    private static readonly CompiledCircuit Circuit = CompiledCircuit.Get("circuits/test/forced.circom");
    private static readonly CircuitProfile Profile = new("forced", Blocks: 4, Rows: 2, Operations: 1, Buckets: 1, Forced: 3, Reliefs: 2);

    // Marks at which account 2 is healthy; below its requirement; below maintenance; insolvent.
    private const long Healthy = 61_800_000, Low = 57_000_000, Distressed = 52_000_000, Broke = 45_000_000;

    private static SettlementInput Build(BatchFactory.Batch batch) => SettlementInput.Build(batch.Seal(), Profile);

    private static JsonObject Honest(BatchFactory.Batch batch) => Accepted(Build(batch), Circuit);

    private static void RefusedAt(BatchFactory.Batch batch, params string[] places) => Dishonest.RefusedAt(Circuit, Build(batch).ToJson(), places);

    private static void RefusedAt(JsonObject json, params string[] places) => Dishonest.RefusedAt(Circuit, json, places);

    /// <summary>Account 2 is long 4,000 of account 3; accounts 4 and 5 are rich; the fund holds <paramref name="fund"/> atoms.</summary>
    private static BatchFactory World(long mark, long fund = 100_000 * Usd)
    {
        var factory = new BatchFactory(Profile);
        factory.Begin().Register(2, 50_000 * Usd).Register(3, 90_000 * Usd).Register(4, 900_000 * Usd).Register(6, 800_000 * Usd).Seal();
        factory.Begin().Deposit(1, 0, fund).Trade(2, 3, Btc, 4_000, BatchFactory.BtcMark).Seal();
        Mark(factory, mark);
        return factory;
    }

    private static void Mark(BatchFactory factory, long mark) => factory.RiskRows = [.. factory.RiskRows.Select(
        r => r.Id == Btc ? BatchFactory.Linear(Btc, InstrumentKind.Perpetual, 1, mark, r.Funding) : r)];

    /// <summary>Account 2 is liquidated, account 4 buys.</summary>
    private static BatchFactory.Batch Liquidation(BatchFactory factory, long lots, long price, long fee = 7 * Usd) => factory.Begin()
        .Liquidate(2, Btc, lots, lots * price, fee).Order(4, 9, 5, false, Btc, lots, price, lots, lots * price);

    [Fact]
    public void A_distressed_account_is_liquidated_as_far_as_it_needs_and_ends_on_the_mend()
    {
        BatchFactory factory = World(Distressed);
        long fund = factory.Contents(1).Cash;
        JsonObject honest = Honest(Liquidation(factory, 2_250, 51_900_000));
        Assert.Equal("1", (string)honest["mends"]![0]!);
        Assert.Equal((1_750L, fund + 7 * Usd), (factory.Contents(2).Positions[0].Size, factory.Contents(1).Cash));
    }

    [Fact]
    public void A_healthy_account_and_one_above_maintenance_are_not_liquidated()
    {
        RefusedAt(Liquidation(World(Healthy), 2_250, 61_700_000), "below", "distressed", "notTooFar");
        RefusedAt(Liquidation(World(Low), 2_250, 56_900_000), "distressed", "notTooFar");
    }

    [Fact]
    public void A_healthy_account_cannot_be_shown_distressed_by_a_false_valuation()
    {
        BatchFactory factory = World(Low);
        JsonObject json = Build(Liquidation(factory, 900, 56_900_000)).ToJson();
        RefusedAt(Copy(json), "distressed");
        // Each stated element of the old values is bound by the margin identity: worse ones do not hold.
        JsonObject worse = Copy(json);
        for (int j = 0; j < 8; j++)
            Add(worse, "reliefPacked", -(BigInteger.One + (BigInteger.One << 84) + (BigInteger.One << 168)) * 60_000 * Usd, 0, 1, j);
        RefusedAt(worse, "main.reliefMarginTerm");
        // An inflated split: old lots counted long and short at once would widen every scenario. The old leaf's hash and the ranges refuse.
        JsonObject split = Add(Copy(json), "oldNegative", 1, 0, 0);
        Assert.Throws<Xunit.Sdk.AllException>(() => RefusedAt(split, "distressed"));
    }

    [Fact]
    public void Liquidation_goes_no_further_than_the_buffer()
    {
        Honest(Liquidation(World(Distressed), 2_600, 51_900_000));
        RefusedAt(Liquidation(World(Distressed), 3_500, 51_900_000), "notTooFar");
        // All of it: no derivatives are left, which is allowed. A false count of what is left is not.
        Honest(Liquidation(World(Distressed), 4_000, 51_900_000));
        JsonObject few = Build(Liquidation(World(Distressed), 3_500, 51_900_000)).ToJson();
        RefusedAt(Set(few, "derivativeLots", 0, 0), "lotsTerm");
        // Nor is a slack that stands at no scenario.
        JsonObject slack = Build(Liquidation(World(Distressed), 3_500, 51_900_000)).ToJson();
        RefusedAt(Set(slack, "reliefNewSlack", -(BigInteger)40_000 * Usd, 0, 1), "product");
    }

    [Fact]
    public void Liquidation_keeps_to_the_price_bound_and_the_fee_rate()
    {
        // The bound is 1/50 of the mark: 1.04 below 52.
        Honest(Liquidation(World(Distressed), 2_600, 50_960_000));
        RefusedAt(Liquidation(World(Distressed), 2_600, 50_959_999), "priced");
        // 0.5% of 2,600 x 51.9 is 674.7.
        Honest(Liquidation(World(Distressed), 2_600, 51_900_000, fee: 674_700_000));
        RefusedAt(Liquidation(World(Distressed), 2_600, 51_900_000, fee: 674_700_001), "feeBound");
    }

    [Fact]
    public void Liquidation_neither_flips_nor_adds_nor_hides_what_it_closes()
    {
        RefusedAt(Liquidation(World(Distressed), 4_001, 51_900_000), "sizeRange", "reliefMargins[0]", "notTooFar");
        // The old size a row claims is the leaf's.
        JsonObject honest = Honest(Liquidation(World(Distressed), 2_250, 51_900_000));
        RefusedAt(Set(Copy(honest), "forcedOldMagnitude", 4_001, 0), "facts", "main");
        // Nothing lost is overstated: the new leaf holds the rest.
        RefusedAt(Add(Copy(honest), "reliefLost", -1, 0, 0), "reliefMargins[0]");
        // The same position is not named twice.
        RefusedAt(Add(Copy(honest), "positionMultiplicity", 1, 0, 0), "positionBit", "main");
    }
}
