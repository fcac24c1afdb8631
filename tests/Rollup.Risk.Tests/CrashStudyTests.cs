using Rollup.Protocol;
using Xunit.Abstractions;

namespace Rollup.Risk.Tests;

/// <summary>The margin against what books really lost: sixteen moments, about six hours apart, of four days in which BTC fell by 17% and came back by half.</summary>
public sealed class CrashStudyTests(ITestOutputHelper output)
{
    private const string Folder = "chain-deribit-crash-202602";
    private const int Books = 12_000, Day = 4;
    private const InstrumentKind Call = InstrumentKind.Call, Put = InstrumentKind.Put;

    private static readonly Lazy<(RecordedMarket Market, RiskRow[] Rows)[]> Markets = new(() =>
        [.. RecordedMarket.Load(SharedData.PathOf(Folder)).Select(m => (m, RiskRows.From(m.Inputs).ToArray()))]);

    /// <summary>
    /// Books of one unit of BTC; initial margin (ours, SPAN, Paradex, leg by leg), the mean over twelve moments, and the worst that followed within a day, in percent of the index. The table of
    /// docs/RISK.md.
    /// </summary>
    private static readonly (string Name, double[] Expected, Func<RecordedMarket, (InstrumentInput Instrument, long Size)[]> Book)[] Portfolios =
    [
        ("long perpetual", [16.00, 15.00, 16.00, 10.00, 12.64], m => [(m.Perpetual(1), 100)]),
        ("short call", [14.83, 11.74, 15.83, 14.73, 6.33], m => [(m.Option(Call, 30, 1), -100)]),
        ("short put", [12.94, 10.96, 14.48, 14.80, 10.50], m => [(m.Option(Put, 30, 1), -100)]),
        ("hedged short straddle", [13.67, 8.08, 14.56, 30.23, 8.92], m => [(m.Option(Call, 30, 1), -100), (m.Option(Put, 30, 1), -100), (m.Perpetual(1), 7)]),
        ("short strangle", [14.34, 5.95, 15.45, 20.00, 4.06], m => [(m.Option(Call, 30, 1.15), -100), (m.Option(Put, 30, 0.85), -100)]),
        ("put spread", [6.87, 5.98, 5.35, 16.13, 4.54], m => [(m.Option(Put, 7, 1), -100), (m.Option(Put, 7, 0.9), 100)]),
        ("short calendar", [22.60, 15.39, 23.79, 99.44, 15.92], m => Calendar(m, -1)),
        ("long calendar", [9.06, 0.79, 2.45, 56.99, 5.39], m => Calendar(m, 1)),
        ("box", [0.67, 0.00, 1.00, 43.76, 0.00], m => [(m.Option(Call, 30, 0.9), 100), (m.Option(Put, 30, 0.9), -100), (m.Option(Call, 30, 1.1), -100), (m.Option(Put, 30, 1.1), 100)]),
        ("conversion", [3.41, 0.02, 1.00, 30.43, 0.43], m => [(m.Perpetual(1), 100), (m.Option(Call, 30, 1), -100), (m.Option(Put, 30, 1), 100)]),
        ("far call", [10.16, 0.40, 12.81, 10.00, 0.01], m => [(m.Option(Call, 30, 2), -100)]),
        ("far put", [11.05, 5.61, 12.35, 10.00, 6.44], m => [(m.Option(Put, 3, 0.8), -100)]),
        ("fly", [1.95, 0.28, 0.78, 27.48, 0.86], m => [(m.Option(Call, 2, 1), -100), (m.Option(Call, 2, 1.025), 200), (m.Option(Call, 2, 1.05), -100)]),
    ];

    [SharedDataFact(Folder)]
    public void Random_books_of_two_underlyings_lose_less_than_their_margin()
    {
        // From one moment to the next, six hours: time enough to liquidate. Whoever stood at maintenance would still have had something.
        (double belowMaintenance, double overMaintenance, _) = Share(1);
        Assert.InRange(belowMaintenance, 0.05, 0.5);
        Assert.InRange(overMaintenance, 0, 0.001);
        // Over a day, without any liquidation: the whole initial margin.
        (_, _, double overInitial) = Share(Day);
        Assert.InRange(overInitial, 0, 0.001);
    }

    /// <summary>Shares of books that held exactly their initial margin and then lost more than stands above maintenance, more than maintenance, more than all.</summary>
    private (double BelowMaintenance, double OverMaintenance, double OverInitial) Share(int horizon)
    {
        var random = new Random(16);
        var lost = new List<double>();
        int moments = Markets.Value.Length - horizon;
        for (int i = 0; i < moments; i++)
        {
            (RecordedMarket now, RiskRow[] rows) = Markets.Value[i];
            Assert.Null(now.Inputs.Validate());
            RecordedMarket later = Markets.Value[i + horizon].Market;
            int[] options = [.. Enumerable.Range(2, rows.Length - 2).Where(row => later.Has(now.Inputs.Instruments[row]))];
            for (int b = 0; b < Books / moments; b++)
            {
                IEnumerable<int> held = Enumerable.Range(0, 1 + random.Next(8)).Select(_ => options[random.Next(options.Length)]);
                if (random.Next(2) == 0) held = held.Append(random.Next(2));
                (int Row, long Size)[] book = [.. held.Distinct().Select(row => (row, 1 + random.NextInt64(1_000) * (1 - 2 * random.Next(2))))];
                double loss = book.Sum(l => l.Size * (now.MarkOf(now.Inputs.Instruments[l.Row]) - later.MarkOf(now.Inputs.Instruments[l.Row])));
                lost.Add(loss / Required(rows, book.Select(l => (now.Inputs.Instruments[l.Row], l.Size))));
            }
        }

        const double Maintenance = (double)Scale.MaintenanceWeight / Scale.MaintenanceDenominator;
        Assert.InRange(lost.Count, Books - moments, Books);
        lost.Sort();
        (double, double, double) shares = (lost.Count(l => l > 1 - Maintenance) / (double)lost.Count, lost.Count(l => l > Maintenance) / (double)lost.Count, lost.Count(l => l > 1) / (double)lost.Count);
        output.WriteLine($"{horizon} moments on, {lost.Count} books: loss over initial margin, 99% {lost[lost.Count * 99 / 100]:F3}, 99.9% {lost[lost.Count * 999 / 1000]:F3}, largest {lost[^1]:F3}; "
            + $"below maintenance {shares.Item1:P2}, more than maintenance lost {shares.Item2:P2}, more than initial {shares.Item3:P2}");
        return shares;
    }

    [SharedDataFact(Folder)]
    public void Known_portfolios_under_four_methods_and_what_they_lost_within_a_day()
    {
        foreach ((string name, double[] expected, Func<RecordedMarket, (InstrumentInput Instrument, long Size)[]> of) in Portfolios)
        {
            var found = new double[5];
            for (int i = 0; i + Day < Markets.Value.Length; i++)
            {
                (RecordedMarket now, RiskRow[] rows) = Markets.Value[i];
                (InstrumentInput Instrument, long Size)[] book = of(now);
                double index = now.IndexOf(1), required = Required(rows, book);
                Position[] positions = [.. book.Select(l => new Position(l.Instrument.Strike, l.Instrument.Kind == Put, now.ForwardOf(l.Instrument), now.DaysOf(l.Instrument),
                    l.Instrument.IsOption ? now.VolatilityOf(l.Instrument) : 0, l.Size))];
                double[] margins = [required, OtherMethods.Span(positions, GroupRange.Bitcoin / 1e6), OtherMethods.Paradex(positions, index), OtherMethods.Standard(positions, index)];
                for (int k = 0; k < 4; k++) found[k] += margins[k] / index / (Markets.Value.Length - Day);
                foreach ((RecordedMarket later, _) in Markets.Value.Skip(i + 1).Take(Day).Where(m => book.All(l => m.Market.Has(l.Instrument))))
                {
                    double loss = book.Sum(l => l.Size * (now.MarkOf(l.Instrument) - later.MarkOf(l.Instrument)));
                    Assert.True(loss < required, $"{name} lost {loss} of {required}");
                    found[4] = Math.Max(found[4], loss / index);
                }
            }

            output.WriteLine($"{name,-22} {string.Join(" ", found.Select(v => $"{v,7:F2}"))}");
            for (int k = 0; k < 5; k++) Assert.InRange(found[k], 0.97 * expected[k] - 0.03, 1.03 * expected[k] + 0.03);
        }
    }

    private static double Required(RiskRow[] rows, IEnumerable<(InstrumentInput Instrument, long Size)> book) =>
        (double)PortfolioMargin.Of(0, book.Select(l => (rows[l.Instrument.Id - 1], l.Size))).Requirement;

    private static (InstrumentInput, long)[] Calendar(RecordedMarket m, int sign) =>
        [(m.Option(Call, 30, 1), sign * 250), (m.Option(Put, 30, 1), sign * 250), (m.Option(Call, 180, 1), sign * -100), (m.Option(Put, 180, 1), sign * -100)];
}
