using System.Numerics;
using System.Text.Json.Nodes;
using Rollup.Protocol;
using Rollup.TestSupport;
using static Rollup.Twin.Tests.Dishonest;
using static Rollup.Twin.Tests.Forced.ForcedWorld;

namespace Rollup.Twin.Tests.Forced;

/// <summary>Deleveraging: the other side bears a deficit, its share by lots and no more, when the account is insolvent beyond what the fund holds.</summary>
public class DeleverageTests
{
    private const long Poor = 1_000 * Usd;

    private static long Deficit(BatchFactory factory, int account = 2) => -Of(factory, account).Mark;

    /// <summary>Account 2 is long, its lots close against account 3's at the mark and the share of the deficit.</summary>
    private static BatchFactory.Batch Deleveraging(BatchFactory factory, long lots, long? gain = null, int counter = 3) =>
        factory.Begin().Deleverage(2, counter, Btc, lots, lots * Broke + (gain ?? Deficit(factory) * lots / 4_000));

    [Fact]
    public void The_other_side_bears_the_deficit_of_a_long()
    {
        BatchFactory factory = World(Broke, Poor);
        (long before, long deficit) = (Of(factory, 3).Mark, Deficit(factory));
        Assert.InRange(deficit, 17_000 * Usd, 18_000 * Usd);
        Honest(Deleveraging(factory, 4_000));
        Assert.Equal((0, before - deficit), (Of(factory, 2).Mark, Of(factory, 3).Mark));
        Assert.Empty(factory.Contents(3).Positions);
    }

    [Fact]
    public void And_of_a_short()
    {
        BatchFactory factory = World(90_000_000, Poor);
        long deficit = Deficit(factory, 3);
        Assert.InRange(deficit, 22_000 * Usd, 23_000 * Usd);
        Honest(factory.Begin().Deleverage(3, 2, Btc, 4_000, 4_000 * 90_000_000L - deficit));
        Assert.Equal(0, factory.Contents(3).Cash);
        // Above the mark it would pay, which it cannot.
        RefusedAt(World(90_000_000, Poor).Begin().Deleverage(3, 2, Btc, 4_000, 4_000 * 90_000_000L + 1), "priced");
    }

    [Fact]
    public void In_part_at_the_mark_or_against_two()
    {
        Honest(Deleveraging(World(Broke, Poor), 1_500));
        Honest(Deleveraging(World(Broke, Poor), 1_500, gain: 0));
        // Two positions of the account, each against another's.
        BatchFactory factory = Sold(At(World(Broke, Poor), Broke), 6, 2, Put, 500, 4_000_000);
        RiskRow put = Row(factory, Put);
        long deficit = Deficit(factory);
        Honest(factory.Begin().Deleverage(2, 3, Btc, 2_000, 2_000 * Broke + deficit / 3).Deleverage(2, 6, Put, 500, 500 * put.Base - deficit / 4));
    }

    [Fact]
    public void One_position_against_several()
    {
        // Account 6 is short 500 of account 2's as well.
        BatchFactory Two() => Sold(World(Broke, Poor), 2, 6, Btc, 500, Broke);
        long share = Deficit(Two()) / 4_500;
        BatchFactory.Batch Both(long lots, long gain) => Two().Begin().Deleverage(2, 3, Btc, 4_000, 4_000 * (Broke + share)).Deleverage(2, 6, Btc, lots, lots * Broke + gain);
        JsonObject honest = Honest(Both(500, 500 * share));
        Assert.Equal("1", (string)honest["positionMore"]![0]![0]!);
        RefusedAt(Add(Copy(honest), "positionMore", -1, 0, 0), "facts === 0");
        RefusedAt(Add(Copy(honest), "positionMore", 1, 0, 0), "facts === 0");
        // A lot's share each, and never more than there are.
        RefusedAt(Both(500, 500 * (share + 1)), "share");
        BatchFactory More() => Sold(Two(), 4, 6, Btc, 300, Broke);
        RefusedAt(More().Begin().Deleverage(2, 3, Btc, 4_000, 4_000 * Broke).Deleverage(2, 6, Btc, 501, 501 * Broke),
            "shrinks * (keptPlusSum - newPolesPlus) === 0", "shrinks * (keptMinusSum - newPolesMinus) === 0");

        // Nobody else's position is named twice: not a counterparty's, nor one that is liquidated.
        RefusedAt(Two().Begin().Deleverage(2, 3, Btc, 2_000, 2_000 * Broke).Deleverage(2, 3, Btc, 1_000, 1_000 * Broke), "in * (in - 1) === 0");
        BatchFactory.Batch Liquidated() => World(Distressed).Begin().Liquidate(2, Btc, 100, 100 * Distressed).Liquidate(2, Btc, 70, 70 * Distressed)
            .Order(4, 9, 5, false, Btc, 170, Distressed, 170, 170 * Distressed, fee: 0);
        RefusedAt(Liquidated(), "in * (in - 1) === 0");
        RefusedAt(Set(Set(Build(Liquidated()).ToJson(), "positionMultiplicity", 1, 0, 0), "positionMore", 1, 0, 0), "once * sum === 0");
    }

    [Fact]
    public void Not_while_the_fund_could_pay()
    {
        RefusedAt(Deleveraging(World(Broke), 4_000), "beyondFund");
        // It could if it had one atom more.
        long deficit = Deficit(World(Broke, Poor));
        Honest(Deleveraging(World(Broke, deficit - 1), 4_000));
        RefusedAt(Deleveraging(World(Broke, deficit), 4_000), "beyondFund");
        // What it has is shown by its block.
        JsonObject json = Build(Deleveraging(World(Broke), 4_000)).ToJson();
        RefusedAt(Set(Copy(json), "fundCash", BigInteger.One << 63), "facts === 0");
        RefusedAt(Set(Copy(json), "fundEnabled", 0), "deleveraged * (1 - fundEnabled) === 0", "facts === 0", "beyondFund");
        // Account 3's is not the fund's.
        RefusedAt(Set(Set(Copy(json), "fundBlock", 3), "fundCash", Get(json, "newCash", 2)), "facts === 0", "beyondFund");
        // Nor does a deposit help that the fund gets in the batch: the end counts.
        Honest(Deleveraging(World(Broke, deficit - 9), 4_000).Deposit(1, 0, 8));
        RefusedAt(Deleveraging(World(Broke, deficit - 9), 4_000).Deposit(1, 0, 9), "beyondFund");
    }

    [Fact]
    public void Not_of_a_solvent_account()
    {
        BatchFactory.Batch At52(long gain) => World(Distressed, Poor).Begin().Deleverage(2, 3, Btc, 2_000, 2_000 * Distressed + gain);
        RefusedAt(At52(0), "insolvent", "beyondFund", "staysInsolvent", "share");
        // With a deficit that it has not.
        RefusedAt(Set(Build(At52(0)).ToJson(), "forcedDeficit", 17_000 * Usd, 0), "insolvent", "beyondFund", "staysInsolvent", "facts === 0");
    }

    [Fact]
    public void Nobody_gives_more_than_the_deficit_nor_more_than_a_lots_share_of_it()
    {
        long deficit = Deficit(World(Broke, Poor));
        RefusedAt(Deleveraging(World(Broke, Poor), 4_000, deficit + 1), "staysInsolvent", "share");
        // The whole deficit for one lot.
        RefusedAt(Deleveraging(World(Broke, Poor), 1, deficit), "share");
        RefusedAt(Deleveraging(World(Broke, Poor), 1_500, deficit * 1_500 / 4_000 + 1), "share");
        // A deficit that the account has not.
        JsonObject json = Build(Deleveraging(World(Broke, Poor), 1, deficit)).ToJson();
        RefusedAt(Set(json, "forcedDeficit", (BigInteger)deficit * 4_000, 0), "facts === 0");
        // And not less than the mark.
        RefusedAt(Deleveraging(World(Broke, Poor), 1_500, gain: -1), "priced");
    }

    [Fact]
    public void The_counterparty_holds_the_opposite_and_enough_of_it()
    {
        // Account 7 is long like account 2.
        BatchFactory Long()
        {
            BatchFactory factory = World(Broke, Poor);
            factory.Begin().Register(7, 90_000 * Usd).Seal();
            return Sold(factory, 7, 6, Btc, 5_000, Broke);
        }

        RefusedAt(Deleveraging(Long(), 1_500, counter: 7), "facts === 0");
        RefusedAt(Set(Build(Deleveraging(Long(), 1_500, counter: 7)).ToJson(), "positionMultiplicity", 0, 2, 0), "facts === 0");
        // More than the counterparty has, which is 900; and claiming that it has.
        BatchFactory Few() => Sold(World(Broke, Poor), 2, 4, Btc, 900, Broke);
        BatchFactory.Batch Against4(long lots) => Few().Begin().Deleverage(2, 4, Btc, lots, lots * Broke);
        Honest(Against4(900));
        RefusedAt(Against4(901), "sizeRange");
        RefusedAt(Set(Build(Against4(901)).ToJson(), "forcedCounterMagnitude", 901, 0), "facts === 0");
        // More than the account has.
        RefusedAt(Deleveraging(Sold(World(Broke, Poor), 6, 3, Btc, 500, Broke), 4_001, gain: 0), "sizeRange",
            "shrinks * (keptPlusSum - newPolesPlus) === 0", "shrinks * (keptMinusSum - newPolesMinus) === 0");
        // Itself.
        JsonObject self = Build(Deleveraging(World(Broke, Poor), 1_500)).ToJson();
        RefusedAt(Set(self, "forcedCounterBlock", 1, 0), "facts === 0");
    }

    [Fact]
    public void The_counterparty_ends_healthy_or_mends_by_its_own_rules()
    {
        // Account 3 keeps what barely carries its short; bearing more, it does not.
        BatchFactory Tight(long left)
        {
            BatchFactory factory = World(Broke, Poor);
            Worth worth = Of(factory, 3);
            factory.Begin().Move(3, 0, left - worth.Health).Seal();
            return factory;
        }

        long share = Deficit(World(Broke, Poor)) * 1_500 / 4_000;
        Honest(Deleveraging(Tight(0), 1_500));
        Honest(Deleveraging(Tight(-12_000 * Usd), 1_500, gain: 900 * Usd).First(3));
        // Of 9,618 USD that are released it gives at most a tenth.
        RefusedAt(Deleveraging(Tight(-12_000 * Usd), 1_500, share).First(3), "reliefs[1].givesLittle");
        RefusedAt(Deleveraging(Tight(-12_000 * Usd), 1_500, share), "blocks[2].healthy", "blocks[3].healthy");
    }

    /// <summary>Somebody below maintenance, but solvent, would else give all it has: what a forced block gives is not bounded by what it releases.</summary>
    [Fact]
    public void Nobody_who_is_liquidated_or_paid_in_the_batch_bears_a_deficit()
    {
        // Account 3 is short bitcoin and long so much ETH that it is below maintenance with 20,000 USD.
        BatchFactory Squeezed()
        {
            BatchFactory factory = Sold(World(Broke, Poor), 3, 6, Eth, 150_000, BatchFactory.EthMark);
            factory.Begin().Move(3, 0, 20_000 * Usd - Of(factory, 3).Mark).Seal();
            return factory;
        }

        Assert.True(Of(Squeezed(), 3) is { FiveMaintenance: < 0, Mark: > 0 });
        long gain = Deficit(World(Broke, Poor)) / 2;
        BatchFactory.Batch Both() => Deleveraging(Squeezed(), 2_000, gain).Liquidate(3, Eth, 10, 10 * BatchFactory.EthMark)
            .Order(4, 9, 5, false, Eth, 10, BatchFactory.EthMark, 10, 10 * BatchFactory.EthMark, fee: 0);
        RefusedAt(Both(), "(1 - unforced) * touched === 0");
        RefusedAt(Set(Build(Both()).ToJson(), "counterMultiplicity", 0, 1), "facts === 0");
        // Each alone is allowed: the liquidation, and the deleveraging within a tenth.
        Honest(Squeezed().Begin().Liquidate(3, Eth, 10, 10 * BatchFactory.EthMark)
            .Order(4, 9, 5, false, Eth, 10, BatchFactory.EthMark, 10, 10 * BatchFactory.EthMark, fee: 0));
        Honest(Deleveraging(Squeezed(), 2_000, 500 * Usd).First(3));

        // Account 3 is left with nothing but its short; closing it, it gives more than it has, and the fund pays that.
        BatchFactory Bare()
        {
            BatchFactory factory = World(Broke, Poor);
            factory.Begin().Move(3, 0, 100 * Usd - Of(factory, 3).Mark).Seal();
            return factory;
        }

        RefusedAt(Deleveraging(Bare(), 4_000, 300 * Usd).Pay(3, 200 * Usd), "paid * touched === 0");
        Honest(Deleveraging(Bare(), 4_000, 100 * Usd));
    }

    [Fact]
    public void Both_blocks_own_the_row()
    {
        JsonObject honest = Honest(Deleveraging(World(Broke, Poor), 1_500));
        RefusedAt(Set(Copy(honest), "forcedMultiplicity", 0, 0, 1), "facts === 0");
        RefusedAt(Set(Set(Copy(honest), "forcedMultiplicity", 0, 0, 1), "forcedMultiplicity", 1, 0, 0), "facts === 0");
        RefusedAt(Set(Copy(honest), "counterMultiplicity", 2, 2), "facts === 0");
        RefusedAt(Set(Copy(honest), "positionMultiplicity", 0, 2, 0), "facts === 0");
        RefusedAt(Set(Copy(honest), "fundMultiplicity", 0, 1), "facts === 0");
        RefusedAt(Set(Copy(honest), "forcedFee", 1, 0), "(1 - isLiquidation) * fee === 0", "facts === 0");
    }
}
