using System.Numerics;
using System.Text.Json.Nodes;
using Rollup.TestSupport;
using Rollup.Witness;
using static Rollup.Twin.Tests.Dishonest;
using static Rollup.Twin.Tests.Forced.ForcedWorld;

namespace Rollup.Twin.Tests.Forced;

/// <summary>An account that was below its requirement may do what mends it: shrink, ask no more, give away at most a tenth of what it releases.</summary>
public class MendTests
{
    private const string Kept = "shrinks * (keptPlusSum - newPolesPlus) === 0", KeptShort = "shrinks * (keptMinusSum - newPolesMinus) === 0";

    /// <summary>Account 2 sells to account 4 by orders of both.</summary>
    private static BatchFactory.Batch Sale(BatchFactory factory, long lots, long price, int instrument = Btc) => factory.Begin()
        .Order(2, 9, 5, true, instrument, lots, price, lots, lots * price, fee: 0).Order(4, 9, 5, false, instrument, lots, price, lots, lots * price, fee: 0);

    [Fact]
    public void An_account_below_its_requirement_reduces_by_its_own_order()
    {
        BatchFactory factory = World(Low);
        Assert.True(Of(factory, 2) is { Health: < 0, FiveMaintenance: > 0 });
        JsonObject honest = Honest(Sale(factory, 100, 57_000_000).First(2));
        Assert.Equal("1", (string)honest["mends"]![0]!);
        // Without relief it would have to end healthy, as it may also do in a later block.
        RefusedAt(Set(Copy(honest), "mends", 0, 0), "blocks[0].healthy");
        RefusedAt(Set(Set(Copy(honest), "mends", 0, 0), "relief", 0, 0), "blocks[0].healthy");
        RefusedAt(Set(Copy(honest), "relief", 0, 0), "mends * (1 - relief) === 0");
        RefusedAt(Sale(World(Low), 100, 57_000_000).First(0).First(1), "blocks[2].healthy");
        Honest(Sale(World(Low), 1_000, 57_000_000).First(0).First(1));
    }

    [Fact]
    public void In_the_second_place_too()
    {
        Honest(Sale(World(Low), 100, 57_000_000).First(0).First(2));
        RefusedAt(Sale(World(Low), 100, 56_100_000).First(0).First(2), "reliefs[1].givesLittle");
    }

    [Fact]
    public void A_deposit_that_does_not_heal_is_taken()
    {
        JsonObject honest = Honest(World(Low).Begin().Deposit(2, 0, 100 * Usd).First(2).Move(4, 0, 0));
        Assert.Equal("1", (string)honest["mends"]![0]!);
        // Another asset is a new position: enough of it heals.
        Honest(World(Low).Begin().Deposit(2, Spot, 20_000));
    }

    /// <summary>Each lot sold at 57 releases 8.1225 of requirement: a tenth of that may be given to the buyer.</summary>
    [Fact]
    public void An_accomplice_is_overpaid_by_a_tenth_of_what_is_released_at_most()
    {
        Honest(Sale(World(Low), 80, 57_000_000 - 812_250).First(2));
        RefusedAt(Sale(World(Low), 80, 57_000_000 - 812_251).First(2), "givesLittle");
        // The option that is worth nothing: account 2 owns 2,000 calls bought dear, sold for nothing they release next to nothing.
        BatchFactory Calls() => Sold(World(Low), 2, 6, Call, 2_000, 1_500_000);
        Assert.True(Of(Calls(), 2).Health < 0);
        RefusedAt(Sale(Calls(), 100, 0, Call).First(2), "givesLittle");
        Honest(Sale(Calls(), 100, 1_500_000, Call).First(2));
        // Understating what it asked for, or what it had, is caught by the identities.
        JsonObject json = Build(Sale(World(Low), 80, 56_100_000).First(2)).ToJson();
        RefusedAt(Add(Copy(json), "reliefPacked", -(BigInteger)100 * Usd, 0, 1, 0), "marginSum === 0");
        RefusedAt(Add(Copy(json), "oldCash", -1_000 * Usd, 0), "path.oldRoot === rootIn", "facts === 0");
    }

    /// <summary>Closing at the mark changes nothing that an account owns; what it then withdraws has to leave what carries the rest.</summary>
    [Fact]
    public void Nothing_is_withdrawn_on_the_mend()
    {
        string nothing = "mends * (1 - withdrawsNothing.out) === 0";
        // Three signed rows: on the dev circuit.
        SettlementInput Close(long lots, long amount, long mark = Low) => BuildDev(Sale(World(mark), lots, mark).Withdraw(2, 8, 7, 0, amount).First(2));
        Accepted(Close(1_000, 6_000 * Usd));
        Dishonest.RefusedAt(Dishonest.Circuit, Close(1_000, 20_000 * Usd).ToJson(), nothing, "givesLittle");
        // Less than a tenth of what is released.
        JsonObject little = Close(150, 100 * Usd).ToJson();
        Dishonest.RefusedAt(Dishonest.Circuit, Copy(little), nothing);
        Dishonest.RefusedAt(Dishonest.Circuit, Set(Set(Copy(little), "keyMultiplicity", 2, 0, 0), "keyMultiplicity", 0, 0, 1), "facts === 0");
        // All of it closed by an insolvent account: what its short side paid in is not its own.
        Dishonest.RefusedAt(Dishonest.Circuit, Close(4_000, 1, Broke).ToJson(), nothing, "ownMoney");
        RefusedAt(World(Low).Begin().Withdraw(2, 8, 7, 0, 5).First(2).Move(4, 0, 0), nothing, "givesLittle");
    }

    [Fact]
    public void It_neither_grows_nor_adds_nor_flips()
    {
        // One lot more.
        BatchFactory.Batch Purchase(int instrument, long lots, long price) => World(Low).Begin()
            .Order(2, 9, 5, false, instrument, lots, price, lots, lots * price, fee: 0).Order(4, 9, 5, true, instrument, lots, price, lots, lots * price, fee: 0).First(2);
        RefusedAt(Purchase(Btc, 1, 57_000_000), "lostRange", "asksNoMore", "givesLittle");
        // A hedge that releases more than it costs: shrinking is what relief is for.
        RefusedAt(Purchase(Put, 100, 5_500_000), Kept);
        // Through zero and a little beyond: 4,000 long to 4,050 short, unhealthy and asking for no more.
        RefusedAt(Sale(World(Low), 7_900, 57_000_000).First(2), Kept, KeptShort);
        // The stated losses of the other signs do not help.
        JsonObject flipped = Build(Sale(World(Low), 7_900, 57_000_000).First(2)).ToJson();
        RefusedAt(Set(flipped, "reliefLost", 4_000, 0, 0), KeptShort);
    }

    [Fact]
    public void A_healthy_account_does_not_fall_below_its_requirement()
    {
        // It was healthy: nothing to mend.
        RefusedAt(World(Healthy).Begin().Order(2, 9, 5, false, Btc, 3_000, Healthy, 3_000, 3_000 * Healthy, fee: 0)
            .Order(4, 9, 5, true, Btc, 3_000, Healthy, 3_000, 3_000 * Healthy, fee: 0).First(2), "below", "lostRange", "asksNoMore", "givesLittle");
    }

    [Fact]
    public void The_last_block_ends_healthy()
    {
        // What is not used repeats it, where there is no relief.
        RefusedAt(World(Low).Begin().Deposit(2, 0, 100 * Usd), "blocks[2].healthy", "blocks[3].healthy");
        Honest(World(Low).Begin().Deposit(2, 0, 100 * Usd).Move(4, 0, 0));
    }
}
