using System.Text.Json.Nodes;
using Rollup.Crypto.Settlement;
using Rollup.Protocol;
using Rollup.TestSupport;
using static Rollup.Twin.Tests.Dishonest;
using static Rollup.Twin.Tests.Forced.ForcedWorld;

namespace Rollup.Twin.Tests.Forced;

/// <summary>Conversion: a position of a settled instrument becomes its payoff in cash, the whole of it and one-sided.</summary>
public class ConversionTests
{
    private const long Payoff = 3_300_000;

    /// <summary>Account 4 is long 700 of account 6, of an instrument that then settles.</summary>
    private static BatchFactory SettledAt(long payoff, int instrument)
    {
        BatchFactory factory = Sold(Accounts(), 4, 6, instrument, 700, 2_000_000);
        return WithRow(factory, Settled(Row(factory, instrument), payoff));
    }

    [Theory]
    [InlineData(Call, Payoff)]
    [InlineData(Put, 0)]
    [InlineData(Btc, 60_000_123)]
    [InlineData(Btc, 0)] // net of the funding of 1,234: a base below 0
    public void Longs_and_shorts_are_converted(int instrument, long payoff)
    {
        BatchFactory factory = SettledAt(payoff, instrument);
        long value = 700 * (payoff - Row(factory, instrument).Funding), from = factory.Contents(4).Cash, to = factory.Contents(6).Cash;
        Honest(factory.Begin().Convert(4, instrument).Convert(6, instrument));
        Assert.Equal((from + value, to - value), (factory.Contents(4).Cash, factory.Contents(6).Cash));
        Assert.Empty(factory.Contents(4).Positions);
        Assert.Empty(factory.Contents(6).Positions);
        // One side alone: the other's turn may come when it is touched.
        Honest(SettledAt(payoff, instrument).Begin().Convert(6, instrument));
    }

    [Fact]
    public void An_account_may_be_converted_and_act_or_be_liquidated_in_one_batch()
    {
        BatchFactory factory = SettledAt(Payoff, Call);
        Honest(factory.Begin().Convert(4, Call).Withdraw(4, 1, 3, 0, 5).Deposit(4, 0, 9));
        // Account 2 holds settled puts beside the perpetuals that are liquidated.
        factory = Sold(World(Distressed), 2, 6, Put, 40, 1_000_000);
        WithRow(factory, Settled(Row(factory, Put), 1_000_000));
        Honest(Liquidation(factory, 2_250, 51_900_000).Convert(2, Put));
        Assert.Equal(new Position(Btc, 1_750), factory.Contents(2).Positions.Single());
    }

    [Fact]
    public void Only_what_is_settled_and_not_spot()
    {
        string settledOnly = "isConversion * (1 - unpacked.settled + unpacked.isSpot) === 0";
        RefusedAt(Sold(Accounts(), 4, 6, Call, 700, 2_000_000).Begin().Convert(4, Call), settledOnly);
        RiskRow delisted = Row(Accounts(), Call) with { Flags = InstrumentFlags.Delisted };
        RefusedAt(WithRow(Sold(Accounts(), 4, 6, Call, 700, 2_000_000), delisted).Begin().Convert(4, Call), settledOnly);
        // Spot has no other side whose cash it would be.
        BatchFactory factory = Accounts();
        factory.Begin().Deposit(4, Spot, 700).Seal();
        RefusedAt(WithRow(factory, Settled(Row(factory, Spot), BatchFactory.EthSpotIndex)).Begin().Convert(4, Spot), settledOnly);
        // Claiming another row than the table's.
        JsonObject json = Build(Sold(Accounts(), 4, 6, Call, 700, 2_000_000).Begin().Convert(4, Call)).ToJson();
        RefusedAt(Add(json, "forcedMeta", 8, 0), "facts === 0");
    }

    [Fact]
    public void The_whole_position_at_the_frozen_value()
    {
        JsonObject honest = Honest(SettledAt(Payoff, Call).Begin().Convert(4, Call));
        RefusedAt(Set(Copy(honest), "forcedFill", 699, 0), "isConversion * (oldMagnitude - fill) === 0", "facts === 0");
        RefusedAt(Set(Set(Copy(honest), "forcedFill", 699, 0), "forcedOldMagnitude", 699, 0), "facts === 0");
        RefusedAt(Add(Copy(honest), "forcedBase", 1, 0), "facts === 0");
        RefusedAt(Set(Copy(honest), "forcedOldNegative", 1, 0), "facts === 0");
        RefusedAt(Set(Copy(honest), "forcedQuote", 1, 0), "(1 - forces) * quote === 0");
        RefusedAt(SettledAt(Payoff, Call).Begin().Convert(4, Call).Move(4, 0, 1), "facts === 0");
        // Nobody else's, and not twice.
        RefusedAt(Set(Copy(honest), "forcedBlock", 2, 0), "facts === 0");
        RefusedAt(SettledAt(Payoff, Call).Begin().Convert(4, Call).Convert(4, Call), "in * (in - 1) === 0");
    }

    [Fact]
    public void What_is_settled_is_neither_liquidated_nor_deleveraged()
    {
        BatchFactory Frozen(long mark)
        {
            BatchFactory factory = World(mark, fund: 0);
            return WithRow(factory, Row(factory, Btc) with { Flags = InstrumentFlags.Settled });
        }

        string unflagged = "(forces - closing) * unpacked.flags === 0";
        RefusedAt(Liquidation(Frozen(Distressed), 2_250, 51_900_000, fee: 0), unflagged, "isOrder * unpacked.flags === 0");
        RefusedAt(Frozen(Broke).Begin().Deleverage(2, 3, Btc, 1_000, 1_000 * Broke), unflagged);
    }
}
