using System.Numerics;
using Rollup.Crypto.Settlement;
using Rollup.Protocol;
using Rollup.Risk;
using static Rollup.Engine.Tests.World;

namespace Rollup.Engine.Tests;

/// <summary>Options as instruments: listed, traded, expired, settled once, converted into cash.</summary>
public class OptionTests
{
    private const long Rich = 1_000_000_000, Expiry = 10_000;

    private static World Listed(CircuitProfile? profile = null, params long[] cash) =>
        new World(profile ?? World.Profile with { Forced = 6, Reliefs = 2 }, c => WithOptions(c, Expiry)).Opened().Funded(cash.Length > 0 ? cash : [Rich, Rich, Rich, Rich]);

    /// <summary>The next epoch opens after expiry.</summary>
    private static void Expire(World w)
    {
        Accept(w.Seal());
        w.Now = Start + Expiry + 1;
    }

    private static void Settle(World w, int instrument, long payoff)
    {
        w.Flags[instrument] = InstrumentFlags.Settled;
        w.Marks[instrument] = payoff;
    }

    [Fact]
    public void A_configuration_lists_options_with_strike_and_expiry_and_others_without()
    {
        EngineConfig good = new World(change: c => WithOptions(c, Expiry)).Config;
        Assert.Null(good.Validate());
        InstrumentSpec call = good.Instruments.Single(t => t.Id == EthCall), perpetual = good.Instruments.Single(t => t.Id == EthPerp);
        string? With(InstrumentSpec spec) => (good with { Instruments = [.. good.Instruments.Select(t => t.Id == spec.Id ? spec : t)] }).Validate();
        Assert.Contains("strike 0", With(call with { Strike = 0 }));
        Assert.Contains("strike", With(call with { Strike = 1L << 33 }));
        Assert.Null(With(call with { Strike = (1L << 33) - 1 }));
        Assert.Contains("expire", With(call with { ExpiresAt = default }));
        Assert.Contains("strike 5", With(perpetual with { Strike = 5 }));
        Assert.Contains("expires", With(perpetual with { ExpiresAt = call.ExpiresAt }));
        Assert.NotNull(With(call with { Kind = (InstrumentKind)5 }));
    }

    [Fact]
    public void An_epoch_needs_the_options_that_the_configuration_lists()
    {
        World w = Listed();
        Accept(w.Seal());
        w.Now += 5;
        RiskInputs Changed(Func<InstrumentInput, InstrumentInput> change) =>
            w.Inputs() is var inputs ? inputs with { Instruments = [.. inputs.Instruments.Select(t => t.Id == EthCall ? change(t) : t)] } : null!;
        Assert.Equal(RejectCode.BadRiskInput, w.Open(_ => Changed(t => t with { Strike = t.Strike + 1 })).Code);
        Assert.Equal(RejectCode.BadRiskInput, w.Open(_ => Changed(t => t with { Kind = InstrumentKind.Put })).Code);
        Assert.Equal(RejectCode.BadRiskInput, w.Open(_ => w.Inputs() is var i ? i with
        {
            Expiries = [i.Expiries[0] with { ExpiresAt = Timestamp.FromMilliseconds(Start + Expiry + 1) }],
            Instruments = [.. i.Instruments.Select(t => t.IsOption ? t with { ExpiresAt = Timestamp.FromMilliseconds(Start + Expiry + 1) } : t)],
        } : null!).Code);
        Accept(w.Open(_ => Changed(t => t)));
    }

    [Fact]
    public void Options_trade_and_a_hedge_needs_less_margin_than_its_parts()
    {
        World w = Listed();
        long price = w.Row(EthCall).Base;
        Assert.InRange(price, 20_000, 60_000);
        Assert.Equal(RejectCode.PriceOutOfRange, w.Buy(3, EthCall, 1, 0).Code);
        Accept(w.Sell(2, EthCall, 10, price));
        Accept(w.Buy(3, EthCall, 10, price)).Single(EventKind.Filled);
        long naked = Rich + 10 * price - w.View(2).Health.Atoms;
        Accept(w.Sell(4, EthPerp, 10, 500_000));
        Accept(w.Buy(2, EthPerp, 10, 500_000)).Single(EventKind.Filled);
        long covered = w.CashOf(2) + 10 * 500_000 - w.View(2).Health.Atoms;
        Assert.True(covered < naked, $"covered {covered}, naked {naked}");
        w.NextEpoch();
    }

    [Fact]
    public void Short_options_need_margin_and_a_long_one_no_more_than_its_price()
    {
        World w = Listed(null, Rich, 5_000_000);
        long price = w.Row(EthPut).Base;
        Accept(w.Buy(2, EthPut, 1_000, price));
        // A short put requires more than 10% of its underlying: with 5 million, not 100 of them at 50,000 and more.
        Assert.Equal(RejectCode.InsufficientMargin, w.Sell(3, EthPut, 100, price).Code);
        Accept(w.Sell(3, EthPut, 20, price)).Single(EventKind.Filled);
        w.NextEpoch();
    }

    [Fact]
    public void At_expiry_orders_are_refused_and_at_the_next_epoch_open_ones_go()
    {
        World w = Listed();
        Accept(w.Buy(2, EthCall, 3, 20_000));
        Accept(w.Buy(2, EthPerp, 4, 400_000));
        w.Now = Start + Expiry - 1;
        Accept(w.Sell(3, EthCall, 1, 90_000));
        w.Now++;
        byte[] before = w.Engine.StateDigest();
        Assert.Equal(RejectCode.InstrumentExpired, w.Sell(3, EthCall, 1, 20_000).Code);
        Assert.Equal(before, w.Engine.StateDigest());
        Accept(w.Sell(3, EthPerp, 1, 600_000));
        Accept(w.Seal());
        // Its settlement is not known yet: it keeps its risk, and takes no orders.
        Result opened = Accept(w.Open());
        Assert.Equal([(2, RejectCode.InstrumentExpired, 3L), (3, RejectCode.InstrumentExpired, 1L)],
            opened.Of(EventKind.Closed).Select(e => (e.Account.Value, e.Reason, e.Remaining.Value)));
        Assert.Equal(RejectCode.InstrumentExpired, w.Sell(3, EthCall, 1, 20_000).Code);
        Assert.Single(w.View(2).Orders);
    }

    [Fact]
    public void A_settlement_comes_after_expiry_once_and_stays()
    {
        World w = Listed();
        Accept(w.Seal());
        w.Now += 5;
        Settle(w, EthCall, 12_345);
        Assert.Equal(RejectCode.BadRiskInput, w.Open().Code);
        w.Now = Start + Expiry;
        Accept(w.Open());
        // Nothing has executed: prices may be replaced, a settlement not.
        w.Now += 5;
        w.Marks[EthCall]++;
        Assert.Equal(RejectCode.BadRiskInput, w.Open().Code);
        w.Flags[EthCall] = InstrumentFlags.None;
        Assert.Equal(RejectCode.BadRiskInput, w.Open().Code);
        w.Flags[EthCall] = InstrumentFlags.Delisted;
        Assert.Equal(RejectCode.BadRiskInput, w.Open().Code);
        w.Engine = ClearingEngine.Restore(w.Config, w.Engine.Snapshot());
        Settle(w, EthCall, 12_346);
        Assert.Equal(RejectCode.BadRiskInput, w.Open().Code);
        Settle(w, EthCall, 12_345);
        Settle(w, EthPut, 77);
        Accept(w.Open());
        // Spot is collateral and never settles.
        w.Now += 5;
        w.Flags[EthSpot] = InstrumentFlags.Settled;
        Assert.Equal(RejectCode.BadRiskInput, w.Open().Code);
    }

    [Fact]
    public void Positions_of_a_settled_instrument_become_cash_as_the_batch_has_room()
    {
        World w = Listed(World.Profile with { Forced = 2, Reliefs = 2 });
        (long call, long put) = (w.Row(EthCall).Base, w.Row(EthPut).Base);
        Accept(w.Sell(2, EthCall, 7, call));
        Accept(w.Buy(3, EthCall, 4, call));
        Accept(w.Buy(4, EthCall, 3, call));
        Accept(w.Sell(3, EthPut, 5, put));
        Accept(w.Buy(5, EthPut, 5, put));
        Assert.Equal(RejectCode.NothingToConvert, w.Convert().Code);
        Expire(w);
        Settle(w, EthCall, 12_345);
        w.Opened();
        long[] cash = [.. Enumerable.Range(2, 4).Select(w.CashOf)];
        Result r = Accept(w.Convert());
        Assert.Equal([(2, -7L, -7 * 12_345L), (3, 4L, 4 * 12_345L)], r.Of(EventKind.Converted).Select(e => (e.Account.Value, e.Lots.Value, e.Amount)));
        Assert.Equal((cash[0] - 7 * 12_345, 0L), (w.CashOf(2), w.SizeOf(2, EthCall)));
        byte[] before = w.Engine.StateDigest();
        Assert.Equal(RejectCode.NothingToConvert, w.Convert().Code);
        Assert.Equal(before, w.Engine.StateDigest());
        w.Engine = ClearingEngine.Restore(w.Config, w.Engine.Snapshot());
        Assert.Equal(before, w.Engine.StateDigest());
        SealedBatch batch = w.NextEpoch();
        Assert.Equal([(2, -7L, 7L), (3, 4L, 4L)], batch.Forced.Select(f => (batch.Blocks[f.Block].Account, f.OldSize, f.Fill)));

        // The put has no settlement yet; with it, the rest goes.
        Accept(w.Convert()).Single(EventKind.Converted);
        Accept(w.Deposit(3, 0, 5));
        w.NextEpoch();
        Assert.Equal(RejectCode.NothingToConvert, w.Convert().Code);
        Settle(w, EthPut, 0);
        w.Now++;
        w.Opened();
        Assert.Equal([0L, 0L], Accept(w.Convert()).Of(EventKind.Converted).Select(e => e.Amount));
        w.NextEpoch();
        Assert.All(Enumerable.Range(2, 4), a => Assert.Empty(w.View(a).Positions));
        Assert.Equal(cash.Sum() + 5, Enumerable.Range(2, 4).Sum(w.CashOf));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Conversions_of_all_holders_conserve_cash_to_the_atom(int seed)
    {
        var random = new Random(seed);
        World w = Listed(World.Profile with { Forced = 1 + random.Next(4), Reliefs = 2 });
        for (int i = 0; i < 60; i++)
        {
            int instrument = random.Next(2) == 0 ? EthCall : EthPut;
            long price = w.Row(instrument).Base + random.Next(-500, 500);
            if (random.Next(2) == 0) w.Sell(2 + random.Next(4), instrument, random.Next(1, 30), price);
            else w.Buy(2 + random.Next(4), instrument, random.Next(1, 30), price);
            if (i % 20 == 10) w.NextEpoch();
        }

        Assert.True(Enumerable.Range(2, 4).Sum(a => w.View(a).Positions.Length) > 4);
        Expire(w);
        Settle(w, EthCall, random.Next(100_000));
        Settle(w, EthPut, random.Next(100_000));
        w.Opened();
        BigInteger cash = Enumerable.Range(0, 6).Aggregate(BigInteger.Zero, (sum, a) => sum + w.CashOf(a));
        long[] health = [.. Enumerable.Range(0, 6).Select(a => w.View(a).Health.Atoms)];
        while (w.Convert().Code == RejectCode.None) w.NextEpoch();
        Assert.All(Enumerable.Range(0, 6), a => Assert.Empty(w.View(a).Positions));
        Assert.Equal(cash, Enumerable.Range(0, 6).Aggregate(BigInteger.Zero, (sum, a) => sum + w.CashOf(a)));
        // What settled was worth its payoff already.
        Assert.Equal(health, Enumerable.Range(0, 6).Select(a => w.View(a).Health.Atoms));
    }

    [Fact]
    public void An_account_below_its_requirement_is_converted_while_places_last()
    {
        World w = Listed(World.Profile with { Forced = 6, Reliefs = 1 }, 3_000_000, 3_000_000, Rich, Rich);
        long call = w.Row(EthCall).Base;
        foreach (int account in new[] { 2, 3 })
        {
            Accept(w.Sell(account, EthCall, 10, call));
            Accept(w.Buy(4, EthCall, 10, call)).Single(EventKind.Filled);
        }

        Expire(w);
        Settle(w, EthCall, 900_000);
        w.Opened();
        Assert.True(w.View(2).Health.Atoms < 0 && w.View(3).Health.Atoms < 0);
        Assert.Equal([2, 4], Accept(w.Convert()).Of(EventKind.Converted).Select(e => e.Account.Value));
        Assert.Equal([2, 4], w.NextEpoch().Blocks.Select(b => b.Account));
        Assert.Equal([3], Accept(w.Convert()).Of(EventKind.Converted).Select(e => e.Account.Value));
        w.NextEpoch();
    }
}
