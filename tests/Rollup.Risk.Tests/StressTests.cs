using System.Collections.Immutable;
using Rollup.Protocol;
using Rollup.Risk.Stress;

namespace Rollup.Risk.Tests;

/// <summary>The stress test against computations by hand, and the sums that must hold for any book.</summary>
public class StressTests
{
    private const long Usd = Scale.AtomsPerUsd, One = GroupLevel.One;

    // 100 USD a lot; a long lot's requirement is 15% + 1%, a forced trade's worst price 1% away.
    private static readonly RiskInputs OnePerpetual = new(7, Timestamp.FromMilliseconds(Sample.Now), RiskParameters.Default with { LinearPenalty = 10_000 }, [new GroupRange(1, 150_000)],
        [new InstrumentInput(3, InstrumentKind.Perpetual, InstrumentFlags.None, 1, 100 * Usd, 100 * Usd, 0, 0)]);

    private static readonly StressScenario Down5 = Move("down 5", -50_000);

    private static StressScenario Move(string name, int price, int volatility = 1_000_000, int basis = 0, params int[] groups) =>
        StressScenario.OfMoves(name, [("shock", [.. (groups.Length > 0 ? groups : [1]).Select(g => new GroupMove(g, price, volatility, basis))])]);

    private static StressAccount Account(int number, long cashUsd, params (int Instrument, long Size)[] positions) =>
        new(number, cashUsd * Usd, [.. positions.Select(p => new StressPosition(p.Instrument, p.Size))]);

    private static StressBook TwoLongs(long depth, int refill = 0, long fund = 0) => new(OnePerpetual,
        [Account(4, -85_000, (3, 1_000)), Account(6, -40_000, (3, 500)), Account(9, 300_000, (3, -1_500))], fund, [new GroupDepth(1, depth, refill)]);

    [Fact]
    public void A_cascade_of_two_accounts_computed_by_hand()
    {
        // At 95: S of account 4 is 5 x -85,000 + 4.36 x 95,000 = -10,800. Target 5 x 15,200 / 32 = 2,375; closing all gains 4 x 15,200 - 5 x (950 + 470.25) = 53,698.75:
        // 24.535%, 246 lots at 94.05. Fee 0.5%. They press 23,370 / 5,000 = 4.674%: 90.5597.
        // There account 6 has S = -200,000 + 4.36 x 45,279.85 = -2,579.854 and closes 14.503%: 73 lots at 89.654103.
        StressResult result = StressTest.Run(TwoLongs(5_000 * Usd), Down5, maxRounds: 2);
        StressRound first = result.Rounds[0], second = result.Rounds[1];
        Assert.Equal((1, 0, 23_370 * Usd, 115_681_500), (first.Distressed, first.ClosedOut, first.Sold, first.Fund));
        Assert.Equal<long>([950_000_000], first.Prices);
        Assert.Equal((2, 0), (second.Distressed, second.ClosedOut));
        Assert.Equal<long>([905_597_000], second.Prices);
        Assert.Equal(new AccountOutcome(6, 10_000 * Usd, 5_181_017_671, AccountEnd.Reduced, 0), result.Accounts[1]);
        Assert.Equal(4_818_982_329, result.Accounts[1].Loss);
        Assert.Equal(new AccountOutcome(9, 150_000 * Usd, 300_000 * Usd - 1_500 * 90_559_700L, AccountEnd.Kept, 0), result.Accounts[2]);
        StressShockResult shock = Assert.Single(result.Shocks);
        Assert.Equal(("shock", 2, 0, 2, false), (shock.Name, shock.Distressed, shock.ClosedOut, shock.Rounds, shock.IsAtRest));
        Assert.Equal(first.Sold + second.Sold, shock.Sold);
    }

    [Fact]
    public void Without_a_limit_of_depth_only_those_below_maintenance_at_the_shock_are_liquidated()
    {
        StressResult calm = StressTest.Run(TwoLongs(GroupDepth.Unlimited), Down5, 50);
        Assert.Equal([1, 0], calm.Rounds.Select(r => r.Distressed));
        Assert.All(calm.Rounds, r => Assert.Equal<long>([950_000_000], r.Prices));
        Assert.True(calm.Shocks[0].IsAtRest);

        var random = new Random(3);
        for (int i = 0; i < 20; i++)
        {
            StressBook book = RandomBook(random, GroupDepth.Unlimited);
            StressScenario scenario = Move("one shot", random.Next(-300_000, 300_000), 1_300_000, -7_000, 1, 2);
            StressResult result = StressTest.Run(book, scenario, 50);
            var rows = RiskRows.From(MovedInputs.Of(book.Inputs, scenario.Shocks[0].Levels.ToDictionary(l => l.Group))).ToDictionary(r => r.Id);
            int below = book.Accounts.Count(a => PortfolioMargin.Of(a.Cash, a.Positions.Select(p => (rows[p.Instrument], p.Size))).ScaledMaintenance < 0);
            Assert.True(below > 0);
            Assert.Equal((below, true), (result.Shocks[0].Distressed, result.Shocks[0].IsAtRest));
            Assert.Equal(below, result.Accounts.Count(a => a.End != AccountEnd.Kept));
        }
    }

    [Fact]
    public void Depth_takes_up_what_was_sold_at_its_pace()
    {
        // All is taken up before the next round: its price is what that round alone presses.
        StressResult result = StressTest.Run(TwoLongs(5_000 * Usd, refill: 1_000_000), Down5, 3);
        for (int i = 1; i < 3; i++)
            Assert.Equal((long)(950_000_000 * (One - (result.Rounds[i - 1].Sold * 10_000_000 + 5_000 * Usd - 1) / (5_000 * Usd)) / One), result.Rounds[i].Prices[0]);
        // A half: 23,370 / 2 and the second round's.
        result = StressTest.Run(TwoLongs(5_000 * Usd, refill: 500_000), Down5, 3);
        Int128 pressure = result.Rounds[0].Sold / 2 + result.Rounds[1].Sold;
        Assert.Equal((long)(950_000_000 * (One - (pressure * 10_000_000 + 5_000 * Usd - 1) / (5_000 * Usd)) / One), result.Rounds[2].Prices[0]);
    }

    [Fact]
    public void Forced_buying_raises_the_price()
    {
        StressBook book = new(OnePerpetual, [Account(4, 115_000, (3, -1_000)), Account(9, 0, (3, 1_000))], 0, [new GroupDepth(1, 100_000 * Usd, 0)]);
        StressResult result = StressTest.Run(book, Move("up", 50_000), 2);
        Assert.Equal(1, result.Rounds[0].Distressed);
        Assert.InRange(result.Rounds[1].Prices[0], 1_050_000_001, 1_100_000_000);
    }

    [Fact]
    public void The_fund_pays_a_deficit_whole_or_the_other_side_bears_it()
    {
        // At 80 account 4 lacks 5,000 at the mark and 5,800 once sold at 79.2; account 6 has just nothing, and lacks 400 once sold. No fee of who has nothing.
        StressResult Run(long fund)
        {
            StressResult result = StressTest.Run(TwoLongs(GroupDepth.Unlimited, fund: fund * Usd), Move("down 20", -200_000), 50);
            Assert.Equal((2, 2, 0), (result.Rounds[0].Distressed, result.Rounds[0].ClosedOut, result.Rounds[1].Distressed));
            Assert.Equal((0, 0), (result.Accounts[0].After, result.Accounts[1].After));
            Assert.Equal((AccountEnd.Insolvent, AccountEnd.Insolvent, AccountEnd.Kept), (result.Accounts[0].End, result.Accounts[1].End, result.Accounts[2].End));
            return result;
        }

        void Ends(StressResult result, long deficit, long sold, long paid, long uncovered, long fund)
        {
            Assert.Equal((deficit * Usd, 400 * Usd, sold * Usd), (result.Accounts[0].Deficit, result.Accounts[1].Deficit, result.Rounds[0].Sold));
            Assert.Equal((paid * Usd, uncovered * Usd, fund * Usd), (result.Totals.FundPaid, result.Totals.Uncovered, result.Totals.FundAfter));
            Assert.Equal((paid * Usd, uncovered * Usd), (result.Rounds[0].FundPaid, result.Rounds[0].Uncovered));
        }

        Ends(Run(7_000), deficit: 5_800, sold: 120_000, paid: 6_200, uncovered: 0, fund: 800);
        // Less than it lacks at the mark: the other side takes its positions over there, without a sale.
        Ends(Run(4_999), deficit: 5_000, sold: 40_000, paid: 400, uncovered: 5_000, fund: 4_599);
        // Enough at the mark, too little at the price: nothing of it is paid.
        Ends(Run(5_001), deficit: 5_800, sold: 120_000, paid: 400, uncovered: 5_800, fund: 4_601);
    }

    [Fact]
    public void Spot_is_sold_after_derivatives_and_frozen_positions_are_cash()
    {
        RiskInputs inputs = Sample.Inputs();
        StressAccount holder = Account(4, -30_000, (5, 30), (7, 1_000), (40, 2));
        StressBook book = new(inputs, [holder, Account(9, 3_000, (5, -30), (40, -2))], 0, [new GroupDepth(1, GroupDepth.Unlimited, 0), new GroupDepth(2, GroupDepth.Unlimited, 0)]);
        StressResult result = StressTest.Run(book, Move("down", -20_000, groups: 2), 50);
        Assert.Equal([1, 1, 0], result.Rounds.Select(r => r.Distressed));
        // Round 0: the 30 perpetuals, at the moved mark; then spot.
        Assert.Equal(30 * Rounding.FloorDiv(Sample.EthPerp.Mark * 98, 100), result.Rounds[0].Sold);
        Assert.True(result.Rounds[1].Sold > result.Rounds[0].Sold);
        Assert.Equal(AccountEnd.Reduced, result.Accounts[0].End);
        Assert.Equal(holder.Cash + 30 * Sample.Row(5).Base + 1_000 * Sample.Row(7).Base + 2 * Sample.BtcSettled.Mark, result.Accounts[0].Before);
    }

    [Fact]
    public void An_option_presses_by_its_delta()
    {
        // A deep call of 30 days moves almost as its underlying, a put of the same strike almost not; between them lies the forward.
        var market = new Market();
        InstrumentInput call = market.Call(30, 0.5), put = market.Put(30, 0.5);
        RiskInputs inputs = market.Inputs();
        Int128 Sold(InstrumentInput t)
        {
            StressBook book = new(inputs, [new StressAccount(4, -10_000_000 * Usd, [new StressPosition(t.Id, 10)])], 20_000_000 * Usd, [new GroupDepth(1, GroupDepth.Unlimited, 0), new GroupDepth(2, 1, 0)]);
            return StressTest.Run(book, Move("down", -10_000), 1).Rounds[0].Sold;
        }

        long price = Market.Index * 99 / 100;
        Assert.InRange((double)(Sold(call) + Sold(put)) / (10.0 * price), 0.999, 1.001);
        Assert.InRange((double)Sold(call) / (10.0 * price), 0.99, 1.0);
    }

    [Fact]
    public void Sums_balance_whatever_happens_and_the_same_book_ends_the_same()
    {
        var random = new Random(8);
        int insolvent = 0, uncovered = 0;
        for (int i = 0; i < 30; i++)
        {
            StressBook book = RandomBook(random, random.NextInt64(1, 200_000) * Usd);
            StressScenario scenario = StressScenario.OfMoves("walk", Enumerable.Range(0, 3).Select(k => ($"step {k}", (IReadOnlyList<GroupMove>)
                [new GroupMove(1, random.Next(-250_000, 250_000), random.Next(800_000, 1_300_000), random.Next(-9_000, 9_000)), new GroupMove(2, random.Next(-200_000, 200_000), 1_000_000, 0)])));
            StressResult result = StressTest.Run(book, scenario, 12);
            Assert.Equal(result.Totals, StressTest.Run(book, scenario, 12).Totals);
            Assert.Equal<AccountOutcome>(result.Accounts, StressTest.Run(book, scenario, 12).Accounts);

            // From the parts, not from the sums that the test itself checks.
            StressTotals t = result.Totals;
            Int128 Of(Func<AccountOutcome, Int128> value) => result.Accounts.Aggregate(Int128.Zero, (sum, a) => sum + value(a));
            Assert.Equal(t.Before + t.FundBefore + t.Revaluation, Of(a => a.After) + t.FundAfter + t.Takers - t.Uncovered);
            Assert.Equal(t.FundPaid + t.Uncovered, Of(a => a.Deficit));
            Assert.Equal(t.FundAfter, t.FundBefore + t.Fees - t.FundPaid);
            Assert.Equal(t.FundAfter, result.Rounds[^1].Fund);
            Assert.Equal(t.Uncovered, result.Rounds.Aggregate(Int128.Zero, (sum, r) => sum + r.Uncovered));
            Assert.All(result.Accounts.Where(a => a.Deficit > 0), a => Assert.Equal(AccountEnd.Insolvent, a.End));
            insolvent += result.Accounts.Count(a => a.End == AccountEnd.Insolvent);
            uncovered += t.Uncovered > 0 ? 1 : 0;
        }

        Assert.True(insolvent > 20 && uncovered > 5, $"{insolvent} insolvent, {uncovered} uncovered");
    }

    [Fact]
    public void The_derivatives_of_a_whole_book_gain_nothing()
    {
        StressResult result = StressTest.Run(TwoLongs(5_000 * Usd, fund: 77 * Usd), Move("down", -130_000), 50);
        Assert.Equal(0, result.Totals.Revaluation);
        Assert.NotEqual(0, result.Totals.Takers);
    }

    [Fact]
    public void A_deeper_market_never_brings_more_accounts_into_distress()
    {
        var random = new Random(5);
        int fewer = 0;
        for (int i = 0; i < 40; i++)
        {
            // Longs of any strength against one short that lasts.
            var accounts = Enumerable.Range(2, 30).Select(n => (n, Size: random.NextInt64(10, 2_000), Leverage: random.Next(104, 160))).ToList();
            ImmutableArray<StressAccount> book = [.. accounts.Select(a => new StressAccount(a.n, -a.Size * 100 * Usd * 100 / a.Leverage, [new StressPosition(3, a.Size)])),
                new StressAccount(40, 100_000_000 * Usd, [new StressPosition(3, -accounts.Sum(a => a.Size))])];
            int last = int.MaxValue;
            foreach (long depth in new long[] { 1_000, 10_000, 50_000, 200_000, 1_000_000, 10_000_000, 1L << 40 })
            {
                int distressed = StressTest.Run(new StressBook(OnePerpetual, book, 0, [new GroupDepth(1, depth * Usd, 200_000)]), Down5, 200).Shocks[0].Distressed;
                Assert.True(distressed <= last, $"depth {depth}: {distressed} after {last}");
                fewer += distressed < last && last < int.MaxValue ? 1 : 0;
                last = distressed;
            }
        }

        Assert.True(fewer > 40);
    }

    [Fact]
    public void A_shock_moves_prices_surfaces_and_bases()
    {
        RiskInputs inputs = Sample.Inputs(), moved = MovedInputs.Of(inputs, new Dictionary<int, GroupLevel> { [1] = new(1, 800_000_000, 1_500_000_000, -3_000_000), [2] = new(2, One, One, 0) });
        Assert.Null(moved.Validate());
        Assert.Equal(inputs.Instruments[1], moved.Instruments[1]);
        Assert.Equal(inputs.Expiries[1], moved.Expiries[1]);
        Assert.Equal(Sample.BtcPerp with { Index = Sample.BtcPerp.Index * 8 / 10, Mark = (long)((Int128)Sample.BtcPerp.Mark * 8 * 997 / 10_000) }, moved.Instruments[0]);
        Assert.Equal(Sample.BtcCall with { Index = Sample.BtcCall.Index * 8 / 10 }, moved.Instruments[3]);
        Assert.Equal(Sample.BtcSettled, moved.Instruments[6]);
        Assert.Equal(Sample.BtcExpiry with { Basis = 1_100_000, Surface = Sample.BtcExpiry.Surface with { A = 11_025_000, B = 137_250_000 } }, moved.Expiries[0]);

        ExpiryInput near = new(1, Sample.After(0), 0, Sample.BtcExpiry.Surface, 960_000_000, 400_000_000);
        Assert.Equal(1_200_000_000, MovedInputs.Of(inputs with { Expiries = [near] }, new Dictionary<int, GroupLevel> { [1] = new(1, 800_000_000, One, 0), [2] = new(2, One, One, 0) }).Expiries[0].Average);
    }

    [Fact]
    public void Moves_follow_one_another()
    {
        StressScenario scenario = StressScenario.OfMoves("two", [("a", [new GroupMove(2, -100_000, 1_200_000, 3_000)]), ("b", [new GroupMove(1, 50_000, 900_000, 0), new GroupMove(2, -100_000, 500_000, -4_000)])]);
        Assert.Equal<GroupLevel>([new GroupLevel(2, 900_000_000, 1_200_000_000, 3_000_000)], scenario.Shocks[0].Levels);
        Assert.Equal<GroupLevel>([new GroupLevel(1, 1_050_000_000, 900_000_000, 0), new GroupLevel(2, 810_000_000, 600_000_000, -1_000_000)], scenario.Shocks[1].Levels);
        Assert.Null(scenario.Validate(Sample.Inputs()));
        Assert.Contains("no group 2", scenario.Validate(OnePerpetual)!, StringComparison.Ordinal);
        Assert.Contains("'shock', group 1: a price of 5000000 is outside", Move("crash", -995_000).Validate(OnePerpetual)!, StringComparison.Ordinal);
        Assert.Contains("a volatility of 11000000000 is outside", Move("wild", 0, 11_000_000).Validate(OnePerpetual)!, StringComparison.Ordinal);
        Assert.Contains("a basis move of 201000000 is outside", Move("wide", 0, 1_000_000, 201_000).Validate(OnePerpetual)!, StringComparison.Ordinal);
        Assert.Equal("there is no shock", new StressScenario("none", []).Validate(OnePerpetual));
    }

    [Fact]
    public void What_the_method_has_no_rows_for_is_named()
    {
        // 3,000 USD a lot: 16 times as much is beyond what a price can be.
        StressBook book = new(OnePerpetual with { Instruments = [OnePerpetual.Instruments[0] with { Index = 3_000 * Usd, Mark = 3_001 * Usd }] }, [], 0, [new GroupDepth(1, 1, 0)]);
        StressException error = Assert.Throws<StressException>(() => StressTest.Run(book, Move("storm", 15_000_000), 5));
        Assert.Equal("Scenario 'storm', shock 'shock', round 0: the method has no rows for these prices: instrument 3: index 48000000000 is outside 1..2^35-1.", error.Message);
        Assert.Empty(StressTest.Run(book, Move("breeze", 1_000_000), 5).Accounts);
    }

    public static TheoryData<string, string> BadBooks => new()
    {
        { "fund", "the insurance fund of -1 is outside" },
        { "order", "account 4 does not come in ascending order" },
        { "fundAccount", "account 1 is the insurance fund" },
        { "number", "account 16777216 is outside 0..2^24-1" },
        { "cash", "account 4 has cash of 1152921504606846977" },
        { "instrument", "account 4 has instrument 8, which is not in the risk inputs" },
        { "positions", "account 4 has instrument 3 out of ascending order" },
        { "zero", "account 4 has 0 lots of instrument 3" },
        { "size", "account 4 has -17592186044416 lots of instrument 3" },
        { "exposure", "account 4 has positions of 9007300000000000 atoms, more than 2^53" },
        { "noDepth", "there is a depth of groups ; each of 1 needs one" },
        { "depth", "group 1: a depth of 0 atoms" },
        { "refill", "group 1: a refill of 1000001 is outside" },
        { "inputs", "risk inputs: group 1: scan range 0" },
    };

    [Theory]
    [MemberData(nameof(BadBooks))]
    public void A_bad_book_is_refused_with_its_reason(string fault, string reason)
    {
        StressBook good = TwoLongs(5);
        StressAccount a = good.Accounts[0];
        Assert.Null(good.Validate());
        StressBook With(StressAccount changed) => good with { Accounts = [changed, .. good.Accounts[1..]] };
        StressBook bad = fault switch
        {
            "fund" => good with { Fund = -1 },
            "order" => good with { Accounts = [a, a] },
            "fundAccount" => With(a with { Number = 1 }),
            "number" => With(a with { Number = 1 << 24 }),
            "cash" => With(a with { Cash = StressBook.MostCash + 1 }),
            "instrument" => With(a with { Positions = [new(8, 1)] }),
            "positions" => With(a with { Positions = [new(3, 1), new(3, 2)] }),
            "zero" => With(a with { Positions = [new(3, 0)] }),
            "size" => With(a with { Positions = [new(3, -Lots.PositionBound)] }),
            "exposure" => With(a with { Positions = [new(3, 90_073_000)] }),
            "noDepth" => good with { Depths = [] },
            "depth" => good with { Depths = [new(1, 0, 0)] },
            "refill" => good with { Depths = [new(1, 5, 1_000_001)] },
            _ => good with { Inputs = OnePerpetual with { Groups = [new GroupRange(1, 0)] } },
        };
        Assert.StartsWith(reason, bad.Validate(), StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => StressTest.Run(bad, Down5, 1));
    }

    [Fact]
    public void Spot_is_never_short() => Assert.Equal("account 4 is short of spot instrument 7",
        new StressBook(Sample.Inputs(), [Account(4, 1, (7, -1))], 0, []).Validate());

    /// <summary>Perpetuals, spot and options of both groups, from healthy to in distress already; an account that lasts holds the other side of all derivatives.</summary>
    private static StressBook RandomBook(Random random, long depth)
    {
        RiskInputs inputs = Sample.Inputs();
        var rows = RiskRows.From(inputs).ToDictionary(r => r.Id);
        var net = new Dictionary<int, long>();
        var accounts = new List<StressAccount>();
        for (int number = 2; number < 14; number++)
        {
            var positions = new List<StressPosition>();
            foreach (InstrumentInput t in inputs.Instruments)
            {
                long size = random.Next(3) == 0 ? 0 : random.NextInt64(1, 400) * (t.Kind == InstrumentKind.Spot || random.Next(2) == 0 ? 1 : -1);
                if (size == 0) continue;
                positions.Add(new StressPosition(t.Id, size));
                if (t.Kind != InstrumentKind.Spot) net[t.Id] = net.GetValueOrDefault(t.Id) - size;
            }

            PortfolioMargin margin = PortfolioMargin.Of(0, positions.Select(p => (rows[p.Instrument], p.Size)));
            accounts.Add(new StressAccount(number, (long)(-margin.Value + margin.Requirement * random.Next(40, 150) / 100), [.. positions]));
        }

        accounts.Add(new StressAccount(20, 50_000_000 * Usd, [.. net.Where(n => n.Value != 0).OrderBy(n => n.Key).Select(n => new StressPosition(n.Key, n.Value))]));
        return new StressBook(inputs, [.. accounts], random.NextInt64(0, 1_000) * Usd, [new GroupDepth(1, depth, random.Next(0, 1_000_001)), new GroupDepth(2, depth, random.Next(0, 1_000_001))]);
    }
}
