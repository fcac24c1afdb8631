using Rollup.Protocol;

namespace Rollup.Risk.Tests;

/// <summary>
/// The usual portfolios and those that the method was attacked with. Numbers are percent of the price of one unit (100 lots), at 60% volatility; <see cref="Market.Share"/> checks each
/// against the model in doubles as well.
/// </summary>
public class PortfolioTests
{
    /// <summary>Name, requirement, and the book in lots. docs/RISK.md shows the same numbers.</summary>
    private static readonly Dictionary<string, (double Required, Func<Market, (InstrumentInput, long)[]> Book)> Books = new()
    {
        ["long perpetual"] = (16.000, m => [(m.Perpetual(), 100)]),
        ["short perpetual"] = (16.000, m => [(m.Perpetual(), -100)]),
        ["spot against short perpetual"] = (8.000, m => [(m.Spot(), 100), (m.Perpetual(), -100)]),
        ["short call"] = (14.757, m => [(m.Call(30, 1), -100)]),
        ["covered call"] = (18.967, m => [(m.Spot(), 100), (m.Call(30, 1.1), -100)]),
        ["delta-hedged long straddle"] = (4.619, m => [(m.Call(30, 1), 100), (m.Put(30, 1), 100), (m.Perpetual(), -7)]),
        ["delta-hedged short straddle"] = (13.535, m => [(m.Call(30, 1), -100), (m.Put(30, 1), -100), (m.Perpetual(), 7)]),
        ["short strangle"] = (14.269, m => [(m.Call(30, 1.15), -100), (m.Put(30, 0.85), -100)]),
        ["calendar"] = (10.608, m => [(m.Call(30, 1), 250), (m.Put(30, 1), 250), (m.Call(180, 1), -100), (m.Put(180, 1), -100)]),
        ["box"] = (0.713, m => [(m.Call(30, 0.9), 100), (m.Put(30, 0.9), -100), (m.Call(30, 1.1), -100), (m.Put(30, 1.1), 100)]),
        ["conversion"] = (3.492, m => [(m.Perpetual(), 100), (m.Call(30, 1), -100), (m.Put(30, 1), 100)]),
        ["far wing"] = (10.104, m => [(m.Call(30, 2), -100)]),
        ["fly between nodes"] = (2.002, m => [(m.Call(1, 1), -100), (m.Call(1, 1.025), 200), (m.Call(1, 1.05), -100)]),
        ["far synthetic against perpetual"] = (5.855, m => [(m.Call(365, 1), 100), (m.Put(365, 1), -100), (m.Perpetual(), -100)]),
    };

    public static TheoryData<string> Names => [.. Books.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Requirement_of_a_named_portfolio(string name)
    {
        var market = new Market();
        Assert.Equal(Books[name].Required, 100 * market.Share(100, Books[name].Book(market)), 0.001);
    }

    /// <summary>docs/RISK.md, Worked example: its numbers are those of a pocket calculator with a normal distribution.</summary>
    [Fact]
    public void The_documents_example()
    {
        var market = new Market();
        RiskRow row = market.Row(market.Call(30, 1));
        Assert.Equal((43_865_220L, 3_200_000L), (row.Base, row.PriceBound));
        Assert.Equal((129_975_385L, 138_311_960L, 2_187_644L), (row.Short[11], row.Short[23], row.Long[14]));
        Assert.Equal((0.14757, 94.45), (Math.Round(market.Share(1, (market.Call(30, 1), -1)), 5), Math.Round((row.Short[23] - row.Base) / 1e6, 2)));
    }

    [Fact]
    public void Underlyings_take_each_its_own_worst_case_where_one_common_scenario_would_all_but_hedge_them()
    {
        var market = new Market();
        (InstrumentInput, long)[] eth = [(market.EthPerpetual(), 2_560)], btc = [(market.Perpetual(), -120)];
        double together = market.Share(100, [.. eth, .. btc]);
        Assert.Equal(0.19 + 0.192, together, 0.0001);
        Assert.Equal(market.Required(eth) + market.Required(btc), market.Required([.. eth, .. btc]));
        // The same two rows with one scenario for both: the worst of the sums.
        RiskRow e = market.Row(eth[0].Item1), b = market.Row(btc[0].Item1);
        long worst = Enumerable.Range(0, Bound.Scenarios).Min(s => 2_560 * (e.Long[s] - e.Base) - 120 * (b.Short[s] - b.Base));
        Assert.InRange(-worst / (100.0 * Market.Index), 0.03, 0.08);
    }

    [Fact]
    public void A_calendar_is_charged_for_a_turn_of_the_term_structure()
    {
        Assert.InRange(Share("calendar"), 7, 12);
        Assert.InRange(Share("calendar", RiskParameters.Default with { Twist = 0, VegaGap = 0, ShortOptionMinimum = 0, ChordGap = 0, NearExponent = 0, FarExponent = 0 }), 0, 2);
    }

    [Fact]
    public void A_far_wing_is_charged_for_moves_far_beyond_the_range()
    {
        // A tenth: 5% of what is lost at four times the price, and the minimum.
        Assert.InRange(Share("far wing"), 10, 11);
        RiskParameters without = RiskParameters.Default with { Extremes = [.. RiskParameters.Default.Extremes.Select(e => e with { Counted = 0 })] };
        Assert.InRange(Share("far wing", without), 0.1, 0.6);
    }

    [Fact]
    public void A_fly_between_two_nodes_is_charged_what_it_loses_there()
    {
        var market = new Market();
        double loss = 100 * market.TrueLoss(100, Books["fly between nodes"].Book(market));
        Assert.Equal(1.516, loss, 0.001);
        Assert.InRange(Share("fly between nodes", RiskParameters.Default with { ChordGap = 0 }), 0, 0.3);
        Assert.InRange(Share("fly between nodes"), loss, 1.5 * loss);
    }

    [Fact]
    public void What_a_book_loses_between_the_nodes_is_covered_whatever_the_book()
    {
        var random = new Random(11);
        double closest = double.MaxValue;
        for (int round = 0; round < 60; round++)
        {
            var market = new Market(0.2 + random.NextDouble());
            double[] days = [0.02 + 2 * random.NextDouble(), 7 + 90 * random.NextDouble()];
            (InstrumentInput, long)[] book =
            [
                (market.Perpetual(), random.NextInt64(-100, 101)),
                .. Enumerable.Range(0, 8).Select(_ => (random.Next(2) == 0 ? market.Call(days[random.Next(2)], 0.8 + 0.4 * random.NextDouble())
                    : market.Put(days[random.Next(2)], 0.8 + 0.4 * random.NextDouble()), random.NextInt64(-100, 101))),
            ];
            double loss = market.TrueLoss(100, book), required = market.Share(100, book);
            Assert.True(loss <= required + 1e-7, $"a book loses {loss} where {required} is required");
            if (loss > 0.01) closest = Math.Min(closest, required / loss);
        }

        Assert.InRange(closest, 1, 1.2);
    }

    [Fact]
    public void A_butterfly_of_expiries_that_no_shock_reaches_is_still_charged_its_vega()
    {
        static (InstrumentInput, long)[] Book(Market m) =>
        [
            (m.Call(80, 1), 70), (m.Put(80, 1), 70), (m.Call(100, 1), -125), (m.Put(100, 1), -125), (m.Call(120, 1), 57), (m.Put(120, 1), 57),
        ];
        RiskParameters bare = RiskParameters.Default with { VegaGap = 0, ShortOptionMinimum = 0, ChordGap = 0 };
        Market with = new(parameters: bare with { VegaGap = 10_000 }), without = new(parameters: bare);
        // One point of volatility on about 500 lots of options whose vega a lot is about 0.2% of the price.
        Assert.InRange(with.Share(100, Book(with)) - without.Share(100, Book(without)), 0.009, 0.0115);
    }

    [Fact]
    public void An_inflated_split_of_a_size_makes_any_account_look_poorer_so_the_split_is_by_sign()
    {
        var market = new Market();
        RiskRow row = market.Row(market.Call(30, 1));
        for (int s = 1; s < Bound.Scenarios; s++)
        {
            long exact = 100 * row.Long[s], inflated = (100 + 900) * row.Long[s] - 900 * row.Short[s];
            Assert.True(inflated < exact, $"scenario {s}");
        }
    }

    [Fact]
    public void Twenty_books_of_fifteen_legs_have_the_requirement_of_the_model()
    {
        var random = new Random(12);
        for (int round = 0; round < 20; round++)
        {
            var market = new Market(0.3 + 0.7 * random.NextDouble());
            (InstrumentInput, long)[] book = [(market.Perpetual(), random.NextInt64(-500, 501)), .. Enumerable.Range(0, 14).Select(_ =>
                (random.Next(2) == 0 ? market.Call(Days(), Strike()) : market.Put(Days(), Strike()), random.NextInt64(-500, 501)))];
            Assert.InRange(market.Share(100, book), 0.001, 20);
        }

        double Days() => new[] { 0.5, 3, 17, 45, 200 }[random.Next(5)];
        double Strike() => 0.7 + 0.6 * random.NextDouble();
    }

    [Fact]
    public void Ten_thousand_books_agree_with_the_model_within_a_millionth_of_their_gross_notional()
    {
        var random = new Random(13);
        double worst = 0;
        for (int round = 0; round < 40; round++)
        {
            RiskInputs inputs = RandomChain.Inputs(random);
            RiskRow[] rows = [.. RiskRows.From(inputs)];
            (double[] Long, double[] Short)[] model = [.. inputs.Instruments.Select(t => ReferenceModel.Row(inputs, t))];
            for (int book = 0; book < 250; book++)
            {
                (int Row, long Size)[] legs = [.. Enumerable.Range(0, 1 + random.Next(16)).Select(_ => random.Next(rows.Length)).Distinct().Select(row => (row, 1 + random.NextInt64(10_000) * (1 - 2 * random.Next(2))))];
                PortfolioMargin margin = PortfolioMargin.Of(0, legs.Select(l => (rows[l.Row], l.Size)));
                double expected = legs.GroupBy(l => rows[l.Row].Group).Sum(g => Enumerable.Range(0, Bound.Scenarios).Min(s => g.Sum(l => l.Size * (l.Size > 0 ? model[l.Row].Long : model[l.Row].Short)[s])));
                worst = Math.Max(worst, Math.Abs((double)margin.Health - expected) / legs.Sum(l => Math.Abs((double)l.Size) * rows[l.Row].Index));
            }
        }

        Assert.InRange(worst, 1e-12, 1e-6);
    }

    [Fact]
    public void Joining_books_never_raises_the_requirement_and_size_scales_it()
    {
        var random = new Random(14);
        RiskRow[] rows = [.. RiskRows.From(RandomChain.Inputs(random))];
        for (int round = 0; round < 2_000; round++)
        {
            Dictionary<int, long> a = Book(), b = Book();
            Dictionary<int, long> both = a.Keys.Union(b.Keys).ToDictionary(k => k, k => a.GetValueOrDefault(k) + b.GetValueOrDefault(k));
            Assert.True(Required(both) <= Required(a) + Required(b));
            Assert.True(Required(both) <= both.Aggregate((Int128)0, (sum, leg) => sum + Required(new() { [leg.Key] = leg.Value })));
            Assert.Equal(3 * Required(a), Required(a.ToDictionary(leg => leg.Key, leg => 3 * leg.Value)));
            Assert.True(Required(a) >= 0);
        }

        Dictionary<int, long> Book() => Enumerable.Range(0, 6).Select(_ => random.Next(rows.Length)).Distinct().ToDictionary(k => k, _ => random.NextInt64(-9_999, 10_000));
        Int128 Required(Dictionary<int, long> book) => PortfolioMargin.Of(0, book.Select(leg => (rows[leg.Key], leg.Value))).Requirement;
    }

    [Fact]
    public void More_of_what_a_book_lacks_costs_more()
    {
        var market = new Market();
        foreach (InstrumentInput t in new[] { market.Perpetual(), market.Call(30, 1), market.Put(7, 0.9), market.Call(90, 1.3) })
        {
            Int128 before = 0;
            for (long size = 100; size <= 1_000; size += 100)
            {
                Int128 required = market.Required((t, -size));
                Assert.True(required > before);
                before = required;
            }
        }
    }

    private static double Share(string name, RiskParameters? parameters = null)
    {
        var market = new Market(parameters: parameters);
        return 100 * market.Share(100, Books[name].Book(market));
    }
}
