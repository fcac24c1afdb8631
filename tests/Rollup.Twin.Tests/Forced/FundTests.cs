using System.Text.Json.Nodes;
using Rollup.TestSupport;
using static Rollup.Twin.Tests.Dishonest;
using static Rollup.Twin.Tests.Forced.ForcedWorld;

namespace Rollup.Twin.Tests.Forced;

/// <summary>The insurance fund pays exactly what an account lacks that has nothing left, and nobody else.</summary>
public class FundTests
{
    private const string Exactly = "paid * (newCash - 2 ** 63) === 0", Empty = "paid * newFirstMagnitude === 0", Touched = "paid * touched === 0";

    /// <summary>Account 2 is liquidated entirely, at a loss beyond what it has.</summary>
    private static BatchFactory.Batch Closed(BatchFactory factory) => Liquidation(factory, 4_000, 44_900_000, fee: 0);

    /// <summary>Account 2 owes, and has nothing; what it owes.</summary>
    private static (BatchFactory Factory, long Owed) Debtor(long fund = 100_000 * Usd)
    {
        BatchFactory factory = World(Broke, fund);
        Closed(factory).Seal();
        return (factory, -factory.Contents(2).Cash);
    }

    [Fact]
    public void The_fund_pays_what_a_liquidated_account_lacks()
    {
        long owed = Debtor().Owed, fund = 100_000 * Usd;
        Assert.InRange(owed, 17_000 * Usd, 18_000 * Usd);
        BatchFactory factory = World(Broke);
        Honest(Closed(factory).Pay(2, owed));
        Assert.Equal((0, fund - owed), (factory.Contents(2).Cash, factory.Contents(1).Cash));
        // Fees of the same batch go to the fund, whose block shows the difference.
        factory = World(Broke);
        Honest(Liquidation(factory, 4_000, 44_900_000, fee: 11 * Usd).Pay(2, owed + 11 * Usd));
        Assert.Equal(fund - owed, factory.Contents(1).Cash);
    }

    [Fact]
    public void Or_in_a_later_batch()
    {
        BatchFactory factory = World(Broke);
        JsonObject closed = Honest(Closed(factory));
        Assert.Equal("1", (string)closed["mends"]![0]!);
        Honest(factory.Begin().Pay(2, -factory.Contents(2).Cash));
        Assert.Equal(0, factory.Contents(2).Cash);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public void Neither_more_nor_less(long difference)
    {
        (BatchFactory factory, long owed) = Debtor();
        RefusedAt(factory.Begin().Pay(2, owed + difference), Exactly);
    }

    [Fact]
    public void Not_to_an_account_that_lacks_nothing()
    {
        RefusedAt(Debtor().Factory.Begin().Pay(4, 5 * Usd), "below", Exactly, Empty);
        // Below its requirement, but with positions: its debt is their notional.
        BatchFactory factory = World(Low, fund: 500_000 * Usd);
        RefusedAt(factory.Begin().Pay(2, -factory.Contents(2).Cash), Empty);
        // Healthy and without positions.
        RefusedAt(Accounts().Begin().Pay(4, 5 * Usd), "below", Exactly);
    }

    [Fact]
    public void Not_to_an_account_that_acts_itself()
    {
        (BatchFactory factory, long owed) = Debtor();
        RefusedAt(factory.Begin().Pay(2, owed).Cancel(2, 3, 9), Touched);
        (factory, owed) = Debtor();
        RefusedAt(factory.Begin().Deposit(2, 0, 5).Pay(2, owed - 5), Touched);
        // Hidden: the deposit names its block.
        (factory, owed) = Debtor();
        RefusedAt(Set(Build(factory.Begin().Deposit(2, 0, 5).Pay(2, owed - 5)).ToJson(), "accountMultiplicity", 0, 0), "facts === 0");
    }

    [Fact]
    public void Not_beyond_what_it_has_and_only_out_of_its_own()
    {
        (BatchFactory factory, long owed) = Debtor(fund: 17_000 * Usd);
        RefusedAt(factory.Begin().Pay(2, owed).First(0), "blocks[2].healthy", "blocks[3].healthy");
        // With relief of its own it would have to have been below its requirement.
        (factory, owed) = Debtor(fund: 17_000 * Usd);
        RefusedAt(factory.Begin().Pay(2, owed).First(1), "reliefs[0].below", "reliefs[0].givesLittle");

        (factory, owed) = Debtor();
        JsonObject honest = Honest(factory.Begin().Pay(2, owed));
        RefusedAt(Set(Copy(honest), "payment", 0, 0), "facts === 0");
        RefusedAt(Set(Copy(honest), "fundEnabled", 0), "(1 - fundEnabled) * payments === 0", "facts === 0");
        RefusedAt(Add(Copy(honest), "fundCash", 1), "facts === 0");
        RefusedAt(Set(Set(Copy(honest), "relief", 0, 0), "mends", 0, 0), "paid * (1 - relief) === 0");
        // Another account pays, and is shown as the fund.
        (factory, owed) = Debtor();
        JsonObject other = Build(factory.Begin().Pay(2, owed).Move(1, 0, owed).Move(4, 0, -owed)).ToJson();
        RefusedAt(Set(Set(other, "fundBlock", 3), "fundCash", Get(other, "newCash", 2)), "facts === 0");
        RefusedAt(Set(Set(other, "fundMultiplicity", 0, 1), "fundMultiplicity", 1, 2), "facts === 0");
    }

    [Fact]
    public void A_payment_to_the_fund_itself_is_none()
    {
        RefusedAt(Accounts().Begin().Pay(1, 5 * Usd), "below", Exactly);
        RefusedAt(Accounts(fund: 0).Begin().Pay(1, 5 * Usd), "below");
    }
}
