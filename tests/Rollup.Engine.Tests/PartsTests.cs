using System.Numerics;
using Rollup.Crypto;
using Rollup.Engine.State;
using Rollup.Protocol;
using Rollup.Risk;

namespace Rollup.Engine.Tests;

/// <summary>The engine's parts alone.</summary>
public class PartsTests
{
    [Fact]
    public void Fee_increments_sum_to_the_ceiling_of_the_whole()
    {
        var random = new Random(17);
        for (int round = 0; round < 2_000; round++)
        {
            var meter = new FeeMeter();
            BigInteger exact = 0, charged = 0;
            for (int fill = 0; fill < 12; fill++)
            {
                long quote = random.NextInt64(1L << random.Next(1, 61));
                int rate = random.Next(100_001);
                exact += (BigInteger)quote * rate;
                long fee = meter.Add(quote, rate);
                Assert.True(fee >= 0);
                charged += fee;
                Assert.Equal((exact + 999_999) / 1_000_000, charged);
                Assert.Equal(charged, meter.Charged);
                Assert.Equal(charged * 1_000_000 - exact, meter.Slack);
            }
        }
    }

    [Fact]
    public void Scenario_arithmetic_equals_the_plain_loops()
    {
        var random = new Random(23);
        for (int round = 0; round < 500; round++)
        {
            ScenarioVector equity = Vector(random, 1L << 57), reserve = Vector(random, 1L << 57), side = Vector(random, 1L << 57), other = Vector(random, 1L << 57);
            ScenarioVector rowLong = Vector(random, 1L << 35), rowShort = Vector(random, 1L << 35);
            long plus = round % 3 == 0 ? 0 : random.NextInt64(-(1L << 22), 1L << 22), minus = round % 3 == 1 ? 0 : random.NextInt64(-(1L << 22), 1L << 22);
            long price = random.NextInt64(-(1L << 36), 1L << 36), lots = random.NextInt64(-(1L << 20), 1L << 20);
            bool isSell = round % 2 == 0;

            long least = ScenarioMath.Revalue(equity, rowLong, rowShort, plus, minus, out ScenarioVector next);
            long[] expected = [.. Enumerable.Range(0, 24).Select(s => equity[s] + plus * rowLong[s] - minus * rowShort[s])];
            Assert.Equal(expected, Values(next));
            Assert.Equal(expected.Min(), least);
            Assert.Equal(Enumerable.Range(0, 24).Min(s => equity[s] - reserve[s]), ScenarioMath.LeastDifference(equity, reserve));

            long[] after = [.. Enumerable.Range(0, 24).Select(s => side[s] + lots * Math.Max(0, isSell ? rowLong[s] - price : price - rowLong[s]))];
            long[] reserved = [.. Enumerable.Range(0, 24).Select(s => reserve[s] + Math.Max(after[s], other[s]) - Math.Max(side[s], other[s]))];
            Assert.Equal(Enumerable.Range(0, 24).Min(s => equity[s] - reserved[s]),
                ScenarioMath.LeastWithOrder(equity, reserve, side, other, rowLong, price, isSell, lots));
            ScenarioMath.Reserve(ref reserve, ref side, other, rowLong, price, isSell, lots);
            Assert.Equal(after, Values(side));
            Assert.Equal(reserved, Values(reserve));
        }

        Assert.Throws<ArgumentException>(() => ScenarioVector.From(new long[23]));
    }

    private static ScenarioVector Vector(Random random, long bound) =>
        ScenarioVector.From([.. Enumerable.Range(0, 24).Select(_ => random.NextInt64(-bound, bound))]);

    private static long[] Values(in ScenarioVector vector)
    {
        ReadOnlySpan<long> values = vector;
        return values.ToArray();
    }

    [Fact]
    public void A_book_keeps_priority_through_random_changes()
    {
        var random = new Random(31);
        for (int round = 0; round < 8; round++)
        {
            bool isSell = round % 2 == 0;
            var book = new OrderBook(1 << 20);
            var model = new List<(int Order, long Price, long Lots)>();
            for (int step = 0; step < 300; step++)
            {
                if (model.Count == 0 || random.Next(5) < 3)
                {
                    var order = new Order { Price = 100 + random.Next(30), Remaining = 1 + random.Next(50), IsSell = isSell };
                    model.Add((book.Add(order), order.Price, order.Remaining));
                }
                else
                {
                    int at = random.Next(model.Count);
                    (int order, long price, long lots) = model[at];
                    if (lots > 1 && random.Next(2) == 0)
                    {
                        book.Reduce(order, 1);
                        model[at] = (order, price, lots - 1);
                    }
                    else
                    {
                        book.Remove(order);
                        model.RemoveAt(at);
                    }
                }

                // A stable sort keeps arrival order within a price.
                var expected = isSell ? model.OrderBy(o => o.Price) : model.OrderByDescending(o => o.Price);
                var actual = new List<(int, long, long)>();
                book.ForEach(isSell, (int i, ref Order o) => actual.Add((i, o.Price, o.Remaining)));
                Assert.Equal(expected, actual);
                long limit = 95 + random.Next(40), wanted = 1 + random.Next(200);
                var within = expected.Where(o => isSell ? o.Price <= limit : o.Price >= limit).ToList();
                Assert.Equal(Math.Min(wanted, within.Sum(o => o.Lots)), book.Side(isSell).Depth(limit, wanted).Lots);
            }
        }
    }

    [Fact]
    public void Flags_decode_to_what_encodes_them_or_not_at_all()
    {
        int valid = 0;
        for (int flags = 0; flags < 256; flags++)
        {
            if (!OrderFlags.TryDecode((byte)flags, out OrderFlags decoded)) continue;
            valid++;
            Assert.Equal(flags, decoded.Encode());
        }

        // Good-till-cancel with or without post-only, reduce-only, three modes; two immediate kinds, market or not, reduce-only, three modes.
        Assert.Equal(2 * 2 * 3 + 2 * 2 * 2 * 3, valid);
    }

    public static TheoryData<string, Func<EngineConfig, EngineConfig>> BadConfigurations() => new()
    {
        { "1 blocks", c => c with { Profile = c.Profile with { Blocks = 1 } } },
        { "256 blocks", c => c with { Profile = c.Profile with { Blocks = 256 } } },
        { "needs rows", c => c with { Profile = c.Profile with { Rows = 0 } } },
        { "no instruments", c => c with { Instruments = [] } },
        { "instrument 0", c => c with { Instruments = [c.Instruments[0] with { Id = 0 }] } },
        { "ascending", c => c with { Instruments = [c.Instruments[1], c.Instruments[0]] } },
        { "kind 5", c => c with { Instruments = [c.Instruments[0] with { Kind = (InstrumentKind)5 }] } },
        { "group 16", c => c with { Instruments = [c.Instruments[0] with { Group = 16 }] } },
        { "tick 0", c => c with { Instruments = [c.Instruments[0] with { Tick = 0 }] } },
        { "least size 0", c => c with { Instruments = [c.Instruments[0] with { MinSize = 0 }] } },
        { "buckets", c => c with { Instruments = [.. Enumerable.Range(1, 65).Select(i => c.Instruments[0] with { Id = 16 * i })] } },
        { "fee exceeds", c => c with { MakerFee = FeeRate.FromPpm(100_001) } },
        { "longest epoch", c => c with { MaxEpoch = 0 } },
        { "open orders of an account", c => c with { MaxOpenOrders = 257 } },
        { "orders of a book", c => c with { MaxBookOrders = 0 } },
    };

    [Theory]
    [MemberData(nameof(BadConfigurations))]
    public void Configurations_are_checked(string expected, Func<EngineConfig, EngineConfig> change)
    {
        EngineConfig good = new World().Config;
        Assert.Null(good.Validate());
        Assert.Contains(expected, change(good).Validate());
        Assert.Contains(expected, Assert.Throws<ArgumentException>(() => new ClearingEngine(change(good))).Message);
    }

    [Fact]
    public void A_default_command_is_malformed()
    {
        Assert.Equal(RejectCode.Malformed, new ClearingEngine(new World().Config).Apply(default).Code);
    }
}
