using System.Text.Json.Nodes;
using Rollup.Crypto.Settlement;
using Rollup.Protocol;
using Rollup.TestSupport;
using static Rollup.Twin.Tests.Dishonest;
using static Rollup.Twin.Tests.Forced.ForcedWorld;

namespace Rollup.Twin.Tests.Forced;

/// <summary>
/// Closing that is asked for on L1: of all derivatives, within the price bound, through the book or against counterparties. Account 2 is long 4,000 of account 3
/// and healthy; the circuit has three forced rows and four blocks.
/// </summary>
public class CloseRequestTests
{
    private const string Unfinished = "unfinished * (most - closings) === 0", Kept = "shrinks * (keptPlusSum - newPolesPlus) === 0", KeptShort = "shrinks * (keptMinusSum - newPolesMinus) === 0";
    private const long Bound2 = Healthy / 50;

    private static BatchFactory.Batch Closed(BatchFactory factory) => factory.Begin().RequestClose(2);

    /// <summary>Against account 3.</summary>
    private static BatchFactory.Batch Against(BatchFactory factory, long lots, long price) => Closed(factory).Close(2, Btc, lots, lots * price, counter: 3);

    /// <summary>Through the book, where account 4 buys.</summary>
    private static BatchFactory.Batch Book(BatchFactory.Batch batch, long lots, long price) => batch
        .Close(2, Btc, lots, lots * price).Order(4, 9, 5, false, Btc, lots, price, lots, lots * price, fee: 0);

    /// <summary>Account 6 is short 500 of account 2's as well.</summary>
    private static BatchFactory Two() => Sold(World(Healthy), 2, 6, Btc, 500, Healthy);

    [Fact]
    public void Through_the_book_within_the_price_bound()
    {
        BatchFactory factory = World(Healthy);
        long before = Of(factory, 2).Mark;
        Honest(Book(Closed(factory), 4_000, Healthy - 1_000));
        Assert.Equal(before - 4_000_000, factory.Contents(2).Cash);
        Assert.Empty(factory.Contents(2).Positions);
        Honest(Book(Closed(World(Healthy)), 4_000, Healthy - Bound2));
        RefusedAt(Book(Closed(World(Healthy)), 4_000, Healthy - Bound2 - 1), "priced");
        // Better than the mark, if somebody pays that.
        Honest(Book(Closed(World(Healthy)), 4_000, Healthy + 5_000));
        // Account 3 buys its short back.
        BatchFactory.Batch BuyBack(long price) => World(Healthy).Begin().RequestClose(3).Close(3, Btc, 4_000, 4_000 * price)
            .Order(4, 9, 5, true, Btc, 4_000, price, 4_000, 4_000 * price, fee: 0);
        Honest(BuyBack(Healthy + Bound2));
        RefusedAt(BuyBack(Healthy + Bound2 + 1), "priced");
    }

    [Fact]
    public void Against_counterparties_never_to_its_gain()
    {
        JsonObject honest = Honest(Against(World(Healthy), 4_000, Healthy));
        Honest(Against(World(Healthy), 4_000, Healthy - Bound2));
        RefusedAt(Against(World(Healthy), 4_000, Healthy - Bound2 - 1), "priced");
        RefusedAt(Against(World(Healthy), 4_000, Healthy + 1), "share");
        RefusedAt(Set(Build(Against(World(Healthy), 4_000, Healthy + 1)).ToJson(), "forcedDeficit", 4_000 * Usd, 0), "closing * deficit === 0", "facts === 0");
        // A counterparty has what it gives, and one that a liquidation names gives nothing.
        RefusedAt(Set(Copy(honest), "forcedCounterMagnitude", 4_001, 0), "facts === 0");
        RefusedAt(Set(Copy(honest), "counterMultiplicity", 0, 1), "facts === 0");
        RefusedAt(Set(Copy(honest), "positionMultiplicity", 0, 1, 0), "facts === 0");
    }

    [Fact]
    public void One_position_against_several()
    {
        JsonObject honest = Honest(Against(Two(), 4_000, Healthy).Close(2, Btc, 500, 500 * Healthy, counter: 6));
        Assert.Equal("1", (string)honest["positionMore"]![0]![0]!);
        RefusedAt(Add(Copy(honest), "positionMore", -1, 0, 0), "facts === 0");
        RefusedAt(Add(Copy(honest), "positionMore", 1, 0, 0), "facts === 0");
        RefusedAt(Add(Add(Copy(honest), "positionMore", -1, 0, 0), "positionMultiplicity", 1, 0, 0), "in * (in - 1) === 0");
        Honest(Book(Against(Two(), 4_000, Healthy), 500, Healthy - 7));
        // Beyond what it has, in sum.
        RefusedAt(Book(Against(Two(), 4_000, Healthy), 600, Healthy), Kept, KeptShort, Unfinished);
    }

    [Fact]
    public void Of_several_instruments()
    {
        BatchFactory Legs() => Sold(Sold(World(Healthy), 2, 6, Call, 400, 1_600_000), 6, 2, Put, 300, 1_400_000);
        BatchFactory factory = Legs();
        RiskRow call = Row(factory, Call), put = Row(factory, Put);
        BatchFactory.Batch All(BatchFactory f) => Against(f, 4_000, Healthy).Close(2, Call, 400, 400 * (call.Base - call.PriceBound), counter: 6)
            .Close(2, Put, 300, 300 * (put.Base + put.PriceBound), counter: 6);
        Honest(All(factory));
        Assert.Empty(factory.Contents(2).Positions);
        // A short to its gain.
        RefusedAt(Against(Legs(), 4_000, Healthy).Close(2, Call, 400, 400 * call.Base, counter: 6).Close(2, Put, 300, 300 * put.Base - 1, counter: 6), "share");
    }

    [Fact]
    public void To_the_end_or_as_far_as_there_are_rows()
    {
        RefusedAt(Against(Two(), 4_000, Healthy), Unfinished);
        RefusedAt(Closed(World(Healthy)), Unfinished);
        // Three rows are all there are.
        BatchFactory.Batch Three(BatchFactory factory) => Book(Against(factory, 100, Healthy).Close(2, Btc, 70, 70 * Healthy, counter: 6), 50, Healthy);
        JsonObject honest = Honest(Three(Two()));
        RefusedAt(Set(Copy(honest), "closings", 2, 0), Unfinished, "facts === 0");
        // Counting rows that are not there.
        RefusedAt(Set(Build(Against(Two(), 4_000, Healthy)).ToJson(), "closings", 3, 0), "facts === 0");
        // Without derivatives there is nothing to close, whatever else the account does.
        Honest(Accounts().Begin().RequestClose(2).Cancel(2, 3, 9));
    }

    [Fact]
    public void Not_by_a_stranger_nor_without_a_request()
    {
        Address stranger = BatchFactory.OwnerOf(3);
        Honest(World(Healthy).Begin().RequestClose(2, stranger));
        string authorised = "(1 - close) * closings === 0";
        BatchFactory.Batch Foreign() => World(Healthy).Begin().RequestClose(2, stranger).Close(2, Btc, 4_000, 4_000 * Healthy, counter: 3);
        RefusedAt(Foreign(), authorised);
        // Claimed to be one, with what the block loses.
        JsonObject Claimed(BatchFactory.Batch batch) => Set(Set(Build(batch).ToJson(), "requestClose", 1, 0), "reliefLost", 4_000, 0, 0);
        RefusedAt(Claimed(Foreign()), "facts === 0");
        RefusedAt(Set(Claimed(Foreign()), "opActualOwner", stranger.ToField().ToBigInteger(), 0), "facts === 0");
        BatchFactory.Batch Unasked() => World(Healthy).Begin().Close(2, Btc, 4_000, 4_000 * Healthy, counter: 3);
        RefusedAt(Unasked(), authorised);
        RefusedAt(Claimed(Unasked()), "(1 - requested) * close === 0");
        RefusedAt(Set(Claimed(Unasked()), "requested", 1, 0), "facts === 0");
        // Another account than the one that asked: account 3, whose short account 2's request does not close.
        RefusedAt(World(Healthy).Begin().RequestClose(2).Close(3, Btc, 4_000, 4_000 * Healthy, counter: 2), authorised);
        // As a liquidation, whose rows ask for distress.
        JsonObject honest = Honest(Book(Closed(World(Healthy)), 4_000, Healthy));
        RefusedAt(Set(Copy(honest), "forcedClosing", 0, 0), "facts === 0");
        RefusedAt(Set(Copy(honest), "closings", 0, 0), "facts === 0");
    }

    [Fact]
    public void Spot_stays_and_nothing_is_charged()
    {
        BatchFactory Holding()
        {
            BatchFactory factory = World(Healthy);
            factory.Begin().Deposit(2, Spot, 700).Seal();
            return factory;
        }

        string plain = "closing * (unpacked.isSpot + fee) === 0";
        BatchFactory kept = Holding();
        Honest(Against(kept, 4_000, Healthy));
        Assert.Equal((Spot, 700L), (kept.Contents(2).Positions.Single().Instrument, kept.Contents(2).Positions.Single().Size));
        RefusedAt(Against(Holding(), 4_000, Healthy).Close(2, Spot, 700, 700 * BatchFactory.EthSpotIndex)
            .Order(4, 9, 5, false, Spot, 700, BatchFactory.EthSpotIndex, 700, 700 * BatchFactory.EthSpotIndex, fee: 0), plain);
        RefusedAt(Set(Build(Book(Closed(World(Healthy)), 4_000, Healthy)).ToJson(), "forcedFee", 1, 0), plain, "(1 - fundEnabled) * liquidationFees === 0", "facts === 0");
    }

    [Fact]
    public void An_account_that_acts_itself_is_not_closed()
    {
        string alone = "closings * busy === 0";
        RefusedAt(Against(World(Healthy), 4_000, Healthy).Cancel(2, 3, 9), alone);
        JsonObject hidden = Build(Against(World(Healthy), 4_000, Healthy).Cancel(2, 3, 9)).ToJson();
        RefusedAt(Set(hidden, "keyMultiplicity", 0, 0, 0), "facts === 0");

        // Closing for more than it has, the fund paying the difference to whoever takes the other side.
        BatchFactory poor = World(Healthy);
        poor.Begin().Move(2, 0, 1_000 * Usd - Of(poor, 2).Mark).Seal();
        RefusedAt(Against(poor, 4_000, Healthy - Bound2).Pay(2, 4_000 * Bound2 - 1_000 * Usd), alone);
    }

    [Fact]
    public void It_ends_healthy()
    {
        // Account 2 owes against ETH, and its short of ETH is the hedge.
        BatchFactory Hedged(long own)
        {
            BatchFactory factory = Sold(Accounts(), 6, 2, Eth, 40_000, BatchFactory.EthMark);
            factory.Begin().Move(2, Spot, 400_000).Move(2, 0, own - OwnMoney(factory)).Seal();
            return factory;
        }

        static long OwnMoney(BatchFactory factory) => factory.Contents(2).Cash - 40_000 * Row(factory, Eth).Base;
        BatchFactory.Batch Unwound(long own) => Closed(Hedged(own)).Close(2, Eth, 40_000, 40_000 * BatchFactory.EthMark, counter: 6);
        Honest(Unwound(0));
        // With a debt that the naked ETH does not carry: nothing is closed, and that is shown.
        Assert.True(Of(Hedged(-100_000 * Usd), 2).Health >= 0);
        RefusedAt(Unwound(-100_000 * Usd), "below", "asksNoMore", "givesLittle");
        RefusedAt(Set(Set(Build(Unwound(-100_000 * Usd)).ToJson(), "mends", 0, 0), "relief", 0, 0), "blocks[0].healthy");
        Honest(Closed(Hedged(-100_000 * Usd)));
        Honest(Closed(Hedged(-1)));
        RefusedAt(Closed(Hedged(0)), Unfinished);
        RefusedAt(Set(Build(Closed(Hedged(0))).ToJson(), "requestIdle", 1, 0), "exhausted");
        RefusedAt(Set(Set(Build(Closed(Hedged(0))).ToJson(), "requestIdle", 1, 0), "requestByHealth", 1, 0), "close * byHealth === 0", "exhausted");
        // Who owes cannot be closed in part either.
        RefusedAt(Set(Build(Closed(Hedged(-9)).Close(2, Eth, 10, 10 * BatchFactory.EthMark, counter: 6)).ToJson(), "requestIdle", 1, 0), "idle * closings === 0");
    }
}
