using Rollup.Crypto.Settlement;
using Rollup.Protocol;
using Rollup.TestSupport;
using static Rollup.Twin.Tests.Forced.ForcedWorld;

namespace Rollup.Twin.Tests.Forced;

/// <summary>Random accounts in every state, and what the rules of spec 5.8, as these tests understand them, allow: the circuit accepts all of it.</summary>
public class ForcedRandomTests
{
    private enum Deed
    {
        Mend,
        Liquidate,
        LiquidateAndPay,
        Deleverage,
        Convert,
    }

    [Fact]
    public void Random_forced_batches_satisfy_the_compiled_constraints()
    {
        const int OfEach = 3;
        var random = new Random(20_261_122);
        var done = Enum.GetValues<Deed>().ToDictionary(deed => deed, _ => 0);
        for (int i = 0; i < 1_000 && done.Values.Any(n => n < OfEach); i++)
        {
            BatchFactory factory = RandomWorld(random);
            if (Next(random, factory) is not var (deed, batch) || done[deed] >= OfEach) continue;
            Honest(batch);
            done[deed]++;
        }

        Assert.All(done, d => Assert.Equal(OfEach, d.Value));
    }

    /// <summary>Account 2 has two random positions, against accounts 3 and 6, and equity anywhere from -60% to 120% of its requirement.</summary>
    private static BatchFactory RandomWorld(Random random)
    {
        BatchFactory factory = At(Accounts(fund: random.NextInt64(30_000) * Usd), random.NextInt64(45_000_000, 80_000_000));
        int[] counters = [3, 6], instruments = [Btc, Eth, Call, Put];
        random.Shuffle(instruments);
        foreach ((int counter, int instrument) in counters.Zip(instruments))
        {
            factory.Begin().Move(counter, 0, 2_000_000 * Usd).Seal();
            long lots = random.NextInt64(500, instrument == Eth ? 80_000 : 4_000);
            Sold(factory, 2, counter, instrument, random.Next(2) == 0 ? lots : -lots, MarkOf(factory, instrument));
        }

        Worth worth = Of(factory, 2);
        factory.Begin().Move(2, 0, worth.Requirement * random.Next(-60, 120) / 100 - worth.Mark).Seal();
        return factory;
    }

    private static (Deed, BatchFactory.Batch)? Next(Random random, BatchFactory factory)
    {
        Worth worth = Of(factory, 2);
        long fund = factory.Contents(1).Cash;
        if (worth.Health >= 0) return Conversion(random, factory);
        if (worth.FiveMaintenance >= 0) return Mending(random, factory);
        return worth.Mark < 0 && fund + worth.Mark < 0 ? Deleveraging(random, factory) : Liquidation(random, factory);
    }

    private static (Deed, BatchFactory.Batch)? Conversion(Random random, BatchFactory factory)
    {
        Position position = factory.Contents(2).Positions[random.Next(2)];
        WithRow(factory, Settled(Row(factory, position.Instrument), random.NextInt64(70_000_000)));
        int counter = factory.Contents(3).Positions.Single().Instrument == position.Instrument ? 3 : 6;
        if (Of(factory, counter).Health < 0) return null;
        // What its payoff made of account 2, it may be below its requirement now: a conversion changes nothing in that.
        return (Deed.Convert, factory.Begin().Convert(2, position.Instrument).First(2).Convert(counter, position.Instrument));
    }

    private static (Deed, BatchFactory.Batch)? Mending(Random random, BatchFactory factory)
    {
        Worth old = Of(factory, 2);
        Position position = factory.Contents(2).Positions[random.Next(2)];
        long lots = random.NextInt64(1, Math.Abs(position.Size)), sign = Math.Sign(position.Size);
        long price = Math.Max(1, MarkOf(factory, position.Instrument) - sign * random.NextInt64(1_000_000));
        Worth now = After(factory, [(position.Instrument, lots, price)]);
        if (now.Health < 0 && (now.Requirement > old.Requirement || 10 * (old.Mark - now.Mark) > old.Requirement - now.Requirement)) return null;
        BatchFactory.Batch batch = factory.Begin().First(2);
        foreach ((int account, bool sell) in new[] { (2, sign > 0), (4, sign < 0) })
            batch.Order(account, (byte)random.Next(256), 3, sell, position.Instrument, lots, price, lots, lots * price, fee: 0);
        return (Deed.Mend, batch);
    }

    private static (Deed, BatchFactory.Batch)? Liquidation(Random random, BatchFactory factory)
    {
        Worth old = Of(factory, 2);
        int sixteenths = random.Next(1, 17);
        (int Instrument, long Lots, long Price)[] legs = [.. factory.Contents(2).Positions.Select(p => (p.Instrument, (Math.Abs(p.Size) * sixteenths + 15) / 16,
            Math.Max(0, MarkOf(factory, p.Instrument) - Math.Sign(p.Size) * random.NextInt64(Row(factory, p.Instrument).PriceBound + 1))))];
        Worth now = After(factory, legs);
        if ((now.Health < 0 && now.Requirement > old.Requirement)
            || (sixteenths < 16 && 16 * now.FiveMaintenance > 16L * 5 * Scale.LiquidationBuffer + 5 * old.Requirement)) return null;
        BatchFactory.Batch batch = factory.Begin();
        foreach ((int instrument, long lots, long price) in legs) Closing(batch, 2, instrument, SizeOf(factory, instrument) > 0, lots, price);
        if (sixteenths < 16 || now.Mark >= 0) return (Deed.Liquidate, batch);
        return factory.Contents(1).Cash + now.Mark < 0 ? null : (Deed.LiquidateAndPay, batch.Pay(2, -now.Mark));
    }

    private static (Deed, BatchFactory.Batch)? Deleveraging(Random random, BatchFactory factory)
    {
        long deficit = -Of(factory, 2).Mark, percent = random.Next(101);
        BatchFactory.Batch batch = factory.Begin();
        foreach ((Position position, long share) in factory.Contents(2).Positions.Zip([percent, 100 - percent]))
        {
            int counter = factory.Contents(3).Positions.Single().Instrument == position.Instrument ? 3 : 6;
            long size = Math.Abs(position.Size), borne = deficit * share / 100;
            long quote = size * MarkOf(factory, position.Instrument) + Math.Sign(position.Size) * borne;
            if (quote < 0) return null;
            batch.Deleverage(2, counter, position.Instrument, size, quote);
        }

        return (Deed.Deleverage, batch);
    }

    private static long MarkOf(BatchFactory factory, int instrument) => Row(factory, instrument).Base + Row(factory, instrument).Funding;

    private static long SizeOf(BatchFactory factory, int instrument) => factory.Contents(2).Positions.Single(p => p.Instrument == instrument).Size;

    /// <summary>Account 2 when some of its lots are closed at prices.</summary>
    private static Worth After(BatchFactory factory, (int Instrument, long Lots, long Price)[] legs)
    {
        LeafContents old = factory.Contents(2);
        long cash = old.Cash;
        var sizes = old.Positions.ToDictionary(p => p.Instrument, p => p.Size);
        foreach ((int instrument, long lots, long price) in legs)
        {
            cash += Math.Sign(sizes[instrument]) * lots * (price - Row(factory, instrument).Funding);
            sizes[instrument] -= Math.Sign(sizes[instrument]) * lots;
        }

        Position[] left = [.. sizes.Where(s => s.Value != 0).OrderBy(s => s.Key).Select(s => new Position(s.Key, s.Value))];
        return Worth.Of(new LeafContents(old.Version, cash, old.OrderRoot, [.. left]), factory.RiskRows);
    }
}
