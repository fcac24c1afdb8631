using System.Text.Json.Nodes;
using Rollup.Crypto.Settlement;
using Rollup.Protocol;
using Rollup.TestSupport;
using static Rollup.Twin.Tests.Dishonest;
using static Rollup.Twin.Tests.Forced.ForcedWorld;

namespace Rollup.Twin.Tests.Forced;

/// <summary>A withdrawal that is asked for on L1: served as far as the account allows, and no less far; nothing comes of a stranger's.</summary>
public class WithdrawalRequestTests
{
    /// <summary>What is paid beyond its health leaves it below its requirement, which is nothing that mends.</summary>
    private static readonly string[] TooMuch = ["mends * (1 - withdrawsNothing.out) === 0", "below", "givesLittle"];

    private const string Exhausted = "exhausted", NotOwner = "(1 - isOwner.out) * paid === 0";

    /// <summary>Account 2's own request for cash.</summary>
    private static BatchFactory.Batch Cash(BatchFactory factory, long amount, long paid) => factory.Begin().RequestWithdrawal(2, 0, amount, paid).Move(4, 0, 0);

    private static BatchFactory.Batch Spots(BatchFactory factory, long amount, long paid) => factory.Begin().RequestWithdrawal(2, Spot, amount, paid).Move(4, 0, 0);

    [Fact]
    public void Paid_in_full()
    {
        BatchFactory factory = World(Healthy);
        Honest(factory.Begin().RequestWithdrawal(2, 0, 1_000 * Usd, 1_000 * Usd));
        // In a block without relief, of spot, and beside what the account does itself.
        factory.Begin().Deposit(4, Spot, 900).Seal();
        Honest(factory.Begin().RequestWithdrawal(4, Spot, 300, 300).Cancel(4, 7, 2).First(0).First(1));
        Assert.Equal(600, factory.Contents(4).Positions.Single().Size);
        RefusedAt(World(Healthy).Begin().RequestWithdrawal(2, 0, 1_000 * Usd, 1_000 * Usd + 1), "leftRange", "facts === 0");
        // What the data say and what the account loses are one number.
        JsonObject honest = Build(World(Healthy).Begin().RequestWithdrawal(2, 0, 1_000 * Usd, 1_000 * Usd)).ToJson();
        RefusedAt(Add(Copy(honest), "opKeyX", -1, 0), "facts === 0");
        RefusedAt(Add(Copy(honest), "opKeyX", 1, 0), "leftRange", "facts === 0");
        // No perpetual leaves the rollup.
        RefusedAt(World(Healthy).Begin().RequestWithdrawal(2, Btc, 10, 10), "usesMarket * (1 - unpacked.isSpot + isCash.out) === 0");
        RefusedAt(Set(Build(World(Healthy).Begin().RequestWithdrawal(2, Btc, 10, 10)).ToJson(), "opUsesMarket", 0, 0), "movesAsset * (1 - usesMarket) === 0", "facts === 0");
    }

    [Fact]
    public void As_much_as_its_health_allows()
    {
        long health = Of(World(Healthy), 2).Health;
        Assert.InRange(health, 1, 49_000 * Usd);
        JsonObject honest = Honest(Cash(World(Healthy), 49_000 * Usd, health));
        Assert.Equal("1", (string)honest["requestByHealth"]![0]!);
        RefusedAt(Cash(World(Healthy), 49_000 * Usd, health - 1), Exhausted);
        RefusedAt(Cash(World(Healthy), 49_000 * Usd, 0), Exhausted);
        RefusedAt(Cash(World(Healthy), 49_000 * Usd, health + 1), TooMuch);
        RefusedAt(Set(Set(Build(Cash(World(Healthy), 49_000 * Usd, health + 1)).ToJson(), "mends", 0, 0), "relief", 0, 0), "blocks[0].healthy");
        // Hiding that it is short; and where there is no relief there is nobody to show it to.
        RefusedAt(Set(Copy(honest), "requestShort", 0, 0), "facts === 0");
        RefusedAt(Cash(World(Healthy), 49_000 * Usd, health).First(0).First(1), "facts === 0");
        // Understating the health of a group: then no scenario is without slack, and saying so does not help.
        JsonObject less = Build(Cash(World(Healthy), 49_000 * Usd, health - 77)).ToJson();
        int group = (int)Get(less, "group", 0, 0) == 1 ? 0 : 1;
        Add(less, "groupMargin", -77, 0, group);
        for (int s = 0; s < Bound.Scenarios; s++) Add(less, "slack", 77, 0, group, s);
        RefusedAt(Copy(less), "product[g][S - 1] === 0");
        RefusedAt(Set(Copy(less), "reliefNewSlack", 77, 0, group), "byStatedHealth * slack[g] === 0");
        // A floor for cash.
        JsonObject floored = Build(Cash(World(Healthy), 49_000 * Usd, health - 77)).ToJson();
        RefusedAt(Set(floored, "requestFloor", 77, 0), "facts === 0");
    }

    [Fact]
    public void As_much_as_it_has_of_its_own()
    {
        // Account 2 has cash and ETH that would carry a loan.
        BatchFactory Rich()
        {
            BatchFactory factory = Accounts();
            factory.Begin().Move(2, Spot, 400_000).Seal();
            return factory;
        }

        JsonObject honest = Honest(Cash(Rich(), 60_000 * Usd, 50_000 * Usd));
        Assert.Equal("0", (string)honest["requestByHealth"]![0]!);
        RefusedAt(Cash(Rich(), 60_000 * Usd, 50_000 * Usd - 1), Exhausted);
        RefusedAt(Cash(Rich(), 60_000 * Usd, 50_000 * Usd + 1), "ownMoneyRange");
        // Paid, and said not to be.
        JsonObject more = Build(Cash(Rich(), 60_000 * Usd, 50_000 * Usd + 1)).ToJson();
        RefusedAt(Set(more, "requestPays", 0, 0), "facts === 0");
    }

    [Fact]
    public void Nothing_of_an_account_below_its_requirement()
    {
        JsonObject honest = Honest(Cash(World(Low), 5 * Usd, 0));
        Assert.Equal("1", (string)honest["mends"]![0]!);
        RefusedAt(Cash(World(Low), 5 * Usd, 1), "mends * (1 - withdrawsNothing.out) === 0", "givesLittle");
        // Being asked does not protect from liquidation; being paid would.
        Honest(Liquidation(World(Distressed), 2_250, 51_900_000).RequestWithdrawal(2, 0, 5 * Usd, 0));
        RefusedAt(Liquidation(World(Distressed), 4_000, 51_900_000, fee: 0).RequestWithdrawal(2, 0, 5 * Usd, 5 * Usd), "(1 - unforced) * touched === 0");
        RefusedAt(Liquidation(World(Distressed), 4_000, 51_900_000, fee: 0).RequestWithdrawal(2, 0, 5 * Usd, 0), Exhausted);
    }

    [Fact]
    public void All_of_its_spot()
    {
        BatchFactory Holding()
        {
            BatchFactory factory = World(Healthy);
            factory.Begin().Deposit(2, Spot, 700).Seal();
            return factory;
        }

        JsonObject honest = Honest(Spots(Holding(), 900, 700));
        RefusedAt(Spots(Holding(), 900, 699), Exhausted);
        RefusedAt(Spots(Holding(), 900, 0), Exhausted);
        // Saying that another asset is none left of.
        RefusedAt(Set(Build(Spots(Holding(), 900, 699)).ToJson(), "requestAsset", 9, 0), "facts === 0");
        RefusedAt(Set(Copy(honest), "requestAsset", 0, 0), "facts === 0", Exhausted);
        // It has none, of an asset that is listed, or not.
        Honest(Spots(World(Healthy), 900, 0));
        Honest(World(Healthy).Begin().RequestWithdrawal(2, 9, 900, 0).Move(4, 0, 0));
    }

    [Fact]
    public void As_much_spot_as_its_health_allows()
    {
        // ETH carries part of account 2's bitcoin.
        BatchFactory Collateral()
        {
            BatchFactory factory = World(Healthy);
            factory.Begin().Move(2, Spot, 400_000).Move(2, 0, -40_000 * Usd).Seal();
            return factory;
        }

        long most = 0;
        for (long step = 1 << 18; step > 0; step /= 2)
        {
            BatchFactory tried = Collateral();
            tried.Begin().Move(2, Spot, -(most + step)).Seal();
            if (Of(tried, 2).Health >= 0) most += step;
        }

        Assert.InRange(most, 1_000, 399_000);
        JsonObject honest = Honest(Spots(Collateral(), 400_000, most));
        RefusedAt(Spots(Collateral(), 400_000, most + 1), TooMuch);
        RefusedAt(Spots(Collateral(), 400_000, most - 3), Exhausted);
        RefusedAt(Spots(Collateral(), 400_000, 0), Exhausted);
        // The floor is the index of the asset's row.
        RefusedAt(Add(Copy(honest), "requestFloor", 2, 0), "facts === 0");
        RefusedAt(Add(Add(Copy(honest), "requestFloor", 2, 0), "opIndex", 1, 0), "facts === 0");
        RefusedAt(Set(Build(Spots(Collateral(), 400_000, most - 3)).ToJson(), "requestByHealth", 0, 0), Exhausted);
    }

    [Fact]
    public void No_spot_against_a_debt()
    {
        BatchFactory Owing(long debt)
        {
            BatchFactory factory = Accounts();
            factory.Begin().Move(2, Spot, 400_000).Move(2, 0, -50_000 * Usd - debt).Seal();
            return factory;
        }

        Honest(Spots(Owing(9), 5, 0));
        RefusedAt(Spots(Owing(9), 5, 5), "ownMoneyRange");
        // Nothing owed, nothing owned but spot: it comes.
        RefusedAt(Spots(Owing(0), 5, 0), Exhausted);
        RefusedAt(Set(Build(Spots(Owing(0), 5, 0)).ToJson(), "requestByHealth", 0, 0), Exhausted);
        Honest(Spots(Owing(0), 5, 5));
    }

    [Fact]
    public void Nothing_comes_of_a_strangers_request()
    {
        Address stranger = BatchFactory.OwnerOf(3);
        JsonObject honest = Honest(World(Healthy).Begin().RequestWithdrawal(2, 0, 5, 0, stranger));
        Honest(World(Healthy).Begin().RequestWithdrawal(1, 0, 5, 0, stranger));
        RefusedAt(World(Healthy).Begin().RequestWithdrawal(2, 0, 5, 5, stranger), NotOwner);
        // An owner of one's choice.
        JsonObject paid = Build(World(Healthy).Begin().RequestWithdrawal(2, 0, 5, 5, stranger)).ToJson();
        RefusedAt(Set(paid, "opActualOwner", stranger.ToField().ToBigInteger(), 0), "facts === 0");
        // The owner's own request, called a stranger's.
        JsonObject own = Build(World(Healthy).Begin().RequestWithdrawal(2, 0, 5, 0)).ToJson();
        RefusedAt(Copy(own), Exhausted);
        RefusedAt(Set(Set(Copy(own), "opActualOwner", 77, 0), "requestShort", 0, 0), "facts === 0");
        // Another account's block.
        RefusedAt(Set(Set(Copy(honest), "opBlock", 2, 0), "requested", 1, 1), "facts === 0");
    }

    [Fact]
    public void It_is_consumed_with_its_block()
    {
        JsonObject honest = Honest(World(Healthy).Begin().RequestWithdrawal(2, 0, 1_000 * Usd, 1_000 * Usd));
        RefusedAt(Set(Copy(honest), "requested", 0, 0), "facts === 0");
        RefusedAt(Set(Copy(honest), "requested", 1, 1), "facts === 0");
        RefusedAt(Set(Copy(honest), "opBlock", 0, 0), "facts === 0");
        RefusedAt(Set(Copy(honest), "opKind", 0, 0, 2), "(1 - enabled) * amount === 0", "facts === 0");
        // As a deposit, as two kinds.
        RefusedAt(Set(Set(Copy(honest), "opKind", 0, 0, 2), "opKind", 1, 0, 1), "facts === 0");
        RefusedAt(Set(Copy(honest), "opKind", 1, 0, 1), "in * (in - 1) === 0", "(1 - enabled) * amount === 0", "facts === 0");
        RefusedAt(Set(Copy(honest), "requestPays", 0, 0), "facts === 0");
    }
}
