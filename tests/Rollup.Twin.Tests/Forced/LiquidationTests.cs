using System.Numerics;
using System.Text.Json.Nodes;
using Rollup.Crypto.Settlement;
using Rollup.Protocol;
using Rollup.TestSupport;
using static Rollup.Twin.Tests.Dishonest;
using static Rollup.Twin.Tests.Forced.ForcedWorld;

namespace Rollup.Twin.Tests.Forced;

/// <summary>Liquidation: whom, how far, at what price, and with what else in the batch.</summary>
public class LiquidationTests
{
    private const string Touched = "(1 - unforced) * touched === 0", Kept = "shrinks * (keptPlusSum - newPolesPlus) === 0";

    [Fact]
    public void A_distressed_account_is_liquidated_as_far_as_it_needs_and_ends_on_the_mend()
    {
        BatchFactory factory = World(Distressed);
        long fund = factory.Contents(1).Cash;
        JsonObject honest = Honest(Liquidation(factory, 2_250, 51_900_000));
        Assert.Equal("1", (string)honest["mends"]![0]!);
        Assert.Equal((1_750L, fund + 7 * Usd), (factory.Contents(2).Positions[0].Size, factory.Contents(1).Cash));
    }

    [Theory]
    [InlineData(2_600)] // to its requirement
    [InlineData(4_000)] // all of it
    public void Or_ends_healthy(long lots)
    {
        BatchFactory factory = World(Distressed);
        JsonObject honest = Honest(Liquidation(factory, lots, 51_900_000));
        Assert.Equal("0", (string)honest["mends"]![0]!);
        Assert.True(Of(factory, 2).Health >= 0);
    }

    [Theory]
    [InlineData(3_000, -2_500, 58_500_000)]  // long calls, short puts, and bitcoin falls
    [InlineData(-4_000, 1_500, 68_000_000)]  // short calls, long puts, and it rises
    public void Several_legs_of_options_are_liquidated_at_once(long calls, long puts, long mark)
    {
        BatchFactory factory = Portfolio(calls, puts, mark);
        BatchFactory.Batch batch = Fifth(factory, _ => 1_000);
        Assert.True(Of(factory, 2).FiveMaintenance < 0);
        Honest(batch);
        Assert.Equal([new Position(Call, calls - calls / 5), new Position(Put, puts - puts / 5)], factory.Contents(2).Positions.AsSpan());
        RefusedAt(Fifth(Portfolio(calls, puts, mark), row => row.PriceBound + 1), "priced");
    }

    [Fact]
    public void Two_accounts_are_liquidated_in_one_batch()
    {
        Honest(Both(lots: 2_000));
        // The second has relief of its own, with the same rules.
        RefusedAt(Both(lots: 3_500), "reliefs[1].notTooFar");
    }

    [Fact]
    public void A_healthy_account_and_one_above_maintenance_are_not_liquidated()
    {
        RefusedAt(Liquidation(World(Healthy), 2_250, 61_700_000), "below", "distressed", "notTooFar");
        RefusedAt(Liquidation(World(Low), 2_250, 56_900_000), "distressed", "notTooFar");
        // Not even of everything.
        RefusedAt(Liquidation(World(Low), 4_000, 56_900_000), "distressed");
    }

    [Fact]
    public void Nor_shown_distressed_by_a_false_valuation()
    {
        JsonObject json = Build(Liquidation(World(Low), 4_000, 56_900_000)).ToJson();
        RefusedAt(Copy(json), "distressed");
        // Each stated element of the old values is bound by the margin identity: worse ones do not hold.
        JsonObject worse = Copy(json);
        for (int j = 0; j < 8; j++)
            Add(worse, "reliefPacked", -(BigInteger.One + (BigInteger.One << 84) + (BigInteger.One << 168)) * 20_000 * Usd, 0, 1, j);
        RefusedAt(worse, "marginSum === 0");
        // What is picked of a group is one scenario: not none, not two, not twice one.
        RefusedAt(Set(Copy(json), "reliefElement", 0, 0, 1, Worst(json) / 3), "ones === 1");
        RefusedAt(Set(Copy(json), "reliefElement", 1, 0, 1, 7 - Worst(json) / 3), "ones === 1", "below", "distressed", "notTooDear");
        RefusedAt(Set(Copy(json), "reliefLimb", 2, 0, 1, Worst(json) % 3), "limb[g][i] * (limb[g][i] - 1) === 0", "ones === 1", "below", "distressed", "notTooDear");
    }

    [Fact]
    public void Nor_by_an_inflated_split_of_its_positions()
    {
        // 30,000 lots more, long and short at once, lose the gap between long and short in every scenario but the mark, and all that is stated of
        // them is consistent. But the split is the leaf's encoding: it is another old leaf, and the positions have changed by themselves.
        BatchFactory factory = World(Low);
        JsonObject split = Build(Liquidation(factory, 4_000, 56_900_000)).ToJson();
        RefusedAt(Copy(split), "distressed");
        Set(Set(Set(split, "oldId", Btc, 0, 1), "oldMagnitude", 30_000, 0, 1), "oldNegative", 1, 0, 1);
        Add(split, "oldMagnitude", 30_000, 0, 0);
        Set(Set(split, "reliefLost", 34_000, 0, 0), "reliefLost", 30_000, 0, 1);
        Set(split, "reliefDerivativeLots", 64_000, 0);
        RiskRow row = Row(factory, Btc);
        Fr[] packed = [.. Enumerable.Range(0, 8).Select(j => Pack(3 * j))];
        for (int j = 0; j < packed.Length; j++) Set(split, "reliefPacked", packed[j].ToBigInteger(), 0, 1, j);
        Set(split, "reliefDerivative", packed[0].ToBigInteger(), 0);
        RefusedAt(split, "path.oldRoot === rootIn", "facts === 0");
        Fr Pack(int s) => RiskRowEncoding.Pack(Value(s), Value(s + 1), Value(s + 2));
        Int128 Value(int s) => 34_000 * (Int128)row.Long[s] - 30_000 * (Int128)row.Short[s];
    }

    [Fact]
    public void Liquidation_goes_no_further_than_the_buffer()
    {
        RefusedAt(Liquidation(World(Distressed), 3_500, 51_900_000), "notTooFar");
        // A false count of what is left does not help.
        JsonObject json = Build(Liquidation(World(Distressed), 3_500, 51_900_000)).ToJson();
        RefusedAt(Set(Copy(json), "derivativeLots", 0, 0), "lotsSum === 0", "notTooFar");
        RefusedAt(Add(Set(Copy(json), "derivativeLots", 0, 0), "reliefDerivativeLots", -500, 0), "lotsSum === 0");
        // Nor a slack that stands at no scenario, nor the row's silence.
        RefusedAt(Set(Copy(json), "reliefNewSlack", -(BigInteger)40_000 * Usd, 0, 1), "product[g][S - 1] === 0");
        RefusedAt(Set(Copy(json), "forcedMultiplicity", 0, 0, 0), "facts === 0");
    }

    /// <summary>Whatever the price bound admits: else the fund pays in the end what an accomplice, quoting alone, has taken.</summary>
    [Theory]
    [InlineData(2_250)]
    [InlineData(4_000)]
    public void Closing_costs_at_most_the_maintenance_that_it_releases(long lots)
    {
        BatchFactory Wide()
        {
            BatchFactory factory = World(Distressed);
            return WithRow(factory, Row(factory, Btc) with { PriceBound = Distressed });
        }

        Worth old = Of(Wide(), 2);
        long lowest = Distressed - 4 * (old.Requirement / 4_000) / 5;
        Honest(Liquidation(Wide(), lots, lowest, fee: 0));
        RefusedAt(Liquidation(Wide(), lots, lowest - 1, fee: 0), "notTooDear");
        RefusedAt(Liquidation(Wide(), lots, lowest, fee: lots), "notTooDear");
        if (lots < 4_000) return;
        // What the fund pays in the same batch is not the account's.
        BatchFactory paid = Wide();
        long owed = 4_000 * (Distressed - lowest) - old.Mark;
        Assert.Equal(-old.FiveMaintenance / 5, owed, tolerance: 4_000);
        Honest(Liquidation(paid, lots, lowest, fee: 0).Pay(2, owed));
        RefusedAt(Liquidation(Wide(), lots, lowest - 1, fee: 0).Pay(2, owed + 4_000), "notTooDear");
    }

    [Fact]
    public void Spot_is_not_taken_beyond_the_buffer_because_no_derivatives_are_left()
    {
        // Account 2 has a million USD of ETH against a loan, and is 1% below maintenance.
        BatchFactory Loan()
        {
            BatchFactory factory = Accounts();
            factory.Begin().Move(2, Spot, 4_000_000).Move(2, 0, -1_001_000 * Usd).Seal();
            return factory;
        }

        BatchFactory.Batch Sale(long lots) => Closing(Loan().Begin(), 2, Spot, sell: true, lots, 267_000);
        Assert.True(Of(Loan(), 2) is { FiveMaintenance: < 0, Mark: > 0 });
        Honest(Sale(350_000));
        RefusedAt(Sale(3_900_000), "notTooFar");
        RefusedAt(Sale(4_000_000), "notTooFar");
        // Of an account that also has derivatives, all of these may go, but no spot with them.
        BatchFactory Mixed()
        {
            BatchFactory factory = World(Distressed);
            factory.Begin().Move(2, Spot, 100_000).Move(2, 0, -25_000 * Usd).Seal();
            return factory;
        }

        Honest(Liquidation(Mixed(), 4_000, 51_900_000, fee: 0));
        RefusedAt(Closing(Liquidation(Mixed(), 4_000, 51_900_000, fee: 0), 2, Spot, sell: true, 100_000, 267_000), "notTooFar");
    }

    [Fact]
    public void Liquidation_keeps_to_the_price_bound_and_the_fee_rate()
    {
        // The bound is 1/50 of the mark: 1.04 below 52.
        Honest(Liquidation(World(Distressed), 2_600, 50_960_000));
        RefusedAt(Liquidation(World(Distressed), 2_600, 50_959_999), "priced");
        // A short may be bought in as far above the mark.
        BatchFactory.Batch BuyIn(long price) => Closing(World(80_000_000).Begin(), 3, Btc, sell: false, 3_000, price);
        Honest(BuyIn(81_600_000));
        RefusedAt(BuyIn(81_600_001), "priced");
        // 0.5% of 2,600 x 51.9 is 674.7.
        Honest(Liquidation(World(Distressed), 2_600, 51_900_000, fee: 674_700_000));
        RefusedAt(Liquidation(World(Distressed), 2_600, 51_900_000, fee: 674_700_001), "feeBound");
    }

    [Fact]
    public void The_fee_goes_to_the_fund()
    {
        JsonObject honest = Honest(Liquidation(World(Distressed), 2_600, 51_900_000));
        RefusedAt(Set(Copy(honest), "fundEnabled", 0), "(1 - fundEnabled) * liquidationFees === 0", "facts === 0");
        RefusedAt(Add(Copy(honest), "fundBlock", 1), "facts === 0");
        RefusedAt(Set(Copy(honest), "fundBlock", 0), "facts === 0");
        // Paid to account 4 instead, as a batch that is made so.
        RefusedAt(Liquidation(World(Distressed), 2_600, 51_900_000).Move(1, 0, -7 * Usd).Move(4, 0, 7 * Usd), "facts === 0");
    }

    [Fact]
    public void Liquidation_neither_flips_nor_adds_nor_hides_what_it_closes()
    {
        // Flipping: more than the size, the new leaf of another sign, and what is left is none.
        RefusedAt(Liquidation(World(Distressed), 4_001, 51_900_000, fee: 0), "sizeRange", Kept, "shrinks * (keptMinusSum - newPolesMinus) === 0", "notTooFar");
        JsonObject honest = Honest(Liquidation(World(Distressed), 2_250, 51_900_000));
        // Another old size, or another sign, than the leaf's.
        RefusedAt(Set(Copy(honest), "forcedOldMagnitude", 4_001, 0), "facts === 0");
        RefusedAt(Set(Copy(honest), "forcedOldNegative", 1, 0), "facts === 0");
        // Lots lost are what the new leaf lacks.
        RefusedAt(Add(Copy(honest), "reliefLost", -1, 0, 0), Kept);
        RefusedAt(Add(Copy(honest), "reliefLost", 1, 0, 0), Kept);
        // A position is named by one row.
        RefusedAt(Add(Copy(honest), "positionMultiplicity", 1, 0, 0), "in * (in - 1) === 0", "facts === 0");
        RefusedAt(Add(Copy(honest), "positionMultiplicity", -1, 0, 0), "facts === 0");
        long half = 1_300 * 51_900_000L;
        RefusedAt(World(Distressed).Begin().Liquidate(2, Btc, 1_300, half).Liquidate(2, Btc, 1_300, half)
            .Order(4, 9, 5, false, Btc, 2_600, 51_900_000, 2_600, 2 * half, fee: 0), "in * (in - 1) === 0");
        // Conservation ties the other side: lots that nobody buys, and another price for the buyer.
        RefusedAt(World(Distressed).Begin().Liquidate(2, Btc, 2_250, 2_250 * 51_900_000L).Move(4, 0, 0), "facts === 0");
        RefusedAt(World(Distressed).Begin().Liquidate(2, Btc, 2_250, 2_250 * 51_900_000L)
            .Order(4, 9, 5, false, Btc, 2_250, 51_900_000, 2_250, 2_250 * 51_800_000L, fee: 0), "facts === 0");
    }

    [Fact]
    public void An_account_that_acts_itself_is_not_liquidated()
    {
        Honest(Liquidation(World(Distressed), 2_250, 51_900_000, fee: 0));
        RefusedAt(Liquidation(World(Distressed), 2_250, 51_900_000, fee: 0).Cancel(2, 3, 9), Touched);
        RefusedAt(Liquidation(World(Distressed), 2_250, 51_900_000, fee: 0).Deposit(2, 0, 5), Touched);
        // Hiding it: each row and operation names its block.
        JsonObject hidden = Build(Liquidation(World(Distressed), 2_250, 51_900_000, fee: 0).Cancel(2, 3, 9)).ToJson();
        RefusedAt(Set(hidden, "keyMultiplicity", 0, 0, 0), "facts === 0");
        hidden = Build(Liquidation(World(Distressed), 2_250, 51_900_000, fee: 0).Deposit(2, 0, 5)).ToJson();
        RefusedAt(Set(hidden, "accountMultiplicity", 0, 0), "facts === 0");
    }

    [Fact]
    public void A_liquidation_needs_relief_and_relief_is_for_the_first_blocks()
    {
        // Blocks 0 and 1 are accounts 0 and 1; account 2 comes third, where there is no relief.
        RefusedAt(Liquidation(World(Distressed), 4_000, 51_900_000).First(0).First(1), "facts === 0");
        RefusedAt(Liquidation(World(Distressed), 2_250, 51_900_000).First(0).First(1), "facts === 0", "blocks[2].healthy");
        // Claimed away where it is.
        JsonObject honest = Honest(Liquidation(World(Distressed), 2_250, 51_900_000));
        RefusedAt(Set(Copy(honest), "relief", 0, 0), "(1 - unforced) * (1 - relief) === 0", "mends * (1 - relief) === 0");
        RefusedAt(Set(Copy(honest), "mends", 0, 0), "blocks[0].healthy");
        // Rows that are not there, on either count; a row of another kind.
        RefusedAt(Set(Copy(honest), "forcedMultiplicity", 2, 0, 0), "facts === 0");
        RefusedAt(Set(Copy(honest), "forcedMultiplicity", 1, 1, 0), "facts === 0", "(1 - unforced) * (1 - relief) === 0", "reliefs[1].distressed");
        RefusedAt(Set(Set(Copy(honest), "forcedKindBit", 0, 0, 0), "forcedKindBit", 1, 0, 1), "facts === 0", "priced", "sizeRange", "(1 - isLiquidation) * fee === 0");
        RefusedAt(Set(Copy(honest), "forcedBlock", 3, 0), "facts === 0");
    }

    private static int Worst(JsonObject json) => Enumerable.Range(0, Bound.Scenarios).Single(
        s => Get(json, "reliefElement", 0, 1, s / 3) == 1 && Get(json, "reliefLimb", 0, 1, s % 3) == 1);

    private static BatchFactory Portfolio(long calls, long puts, long mark)
    {
        BatchFactory factory = Accounts();
        Sold(factory, 2, 4, Call, calls, 1_500_000);
        Sold(factory, 2, 6, Put, puts, 1_500_000);
        At(factory, mark);
        // Its cash: what brings it to 90% of maintenance.
        Worth worth = Of(factory, 2);
        factory.Begin().Move(2, 0, worth.Requirement * 72 / 100 - worth.Mark).Seal();
        return factory;
    }

    /// <summary>A fifth of each leg, against account 4, at a price that loses some atoms a lot.</summary>
    private static BatchFactory.Batch Fifth(BatchFactory factory, Func<RiskRow, long> loss)
    {
        BatchFactory.Batch batch = factory.Begin();
        foreach (Position position in factory.Contents(2).Positions)
        {
            RiskRow row = Row(factory, position.Instrument);
            Closing(batch, 2, row.Id, position.Size > 0, Math.Abs(position.Size) / 5, row.Base - Math.Sign(position.Size) * loss(row));
        }

        return batch;
    }

    private static BatchFactory.Batch Both(long lots)
    {
        BatchFactory factory = Accounts();
        factory.Begin().Register(7, 60_000 * Usd).Seal();
        Sold(factory, 2, 3, Btc, 4_000, BatchFactory.BtcMark);
        Sold(factory, 7, 6, Btc, 4_400, BatchFactory.BtcMark);
        At(factory, Distressed);
        long price = Distressed - 50_000;
        return factory.Begin().Liquidate(2, Btc, 2_250, 2_250 * price).Liquidate(7, Btc, lots, lots * price)
            .Order(4, 9, 5, false, Btc, 2_250 + lots, price, 2_250 + lots, (2_250 + lots) * price, fee: 0);
    }
}
