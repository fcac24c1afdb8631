using System.Collections.Immutable;
using Rollup.Protocol;
using Rollup.Risk.Liquidation;

namespace Rollup.Risk.Stress;

/// <summary>A shock that the method has no rows for; the message says which and why.</summary>
public sealed class StressException(string message) : Exception(message);

/// <summary>
/// Puts a book through a scenario. Each round values all accounts under the rows of the prices as they are; those below maintenance are liquidated as the engine would, the forced
/// trades move the prices, and the next round begins, until nobody is below maintenance (docs/RISK.md, Stress test).
/// </summary>
public sealed class StressTest
{
    private const long One = GroupLevel.One;
    private const long MostImpact = One / 10 * 9;
    private const int Unit = 1_000_000;
    private static readonly FeeRate Fee = FeeRate.FromPpm(Scale.LiquidationFeeRate);

    private readonly StressBook _book;
    private readonly Holder[] _holders;

    // By group: where the shocks have put it, the same with the impact of forced trades, and net sales that the market has not taken up yet (negative: purchases).
    private readonly Dictionary<int, GroupLevel> _levels, _prices;
    private readonly Dictionary<int, Int128> _pressure;

    private readonly Dictionary<int, Int128> _takersSizes = [];
    private Int128 _takersCash, _fund, _fees, _paid, _uncovered;
    private Dictionary<int, RiskRow> _rows;

    private StressTest(StressBook book)
    {
        (_book, _fund) = (book, book.Fund);
        _levels = book.Inputs.Groups.ToDictionary(g => g.Group, g => new GroupLevel(g.Group, One, One, 0));
        _prices = new(_levels);
        _pressure = book.Inputs.Groups.ToDictionary(g => g.Group, _ => Int128.Zero);
        _rows = RowsOf(book.Inputs);
        _holders = [.. book.Accounts.Select(a => new Holder(a, _rows))];
    }

    /// <summary>Runs a scenario. The same arguments give the same result.</summary>
    /// <param name="book">A valid book.</param>
    /// <param name="scenario">A valid scenario of the book's groups.</param>
    /// <param name="maxRounds">Most rounds of a shock, at least 1.</param>
    /// <param name="onRound">Told of each round.</param>
    /// <exception cref="ArgumentException">Book or scenario is not valid.</exception>
    /// <exception cref="StressException">The method has no rows for the moved prices.</exception>
    public static StressResult Run(StressBook book, StressScenario scenario, int maxRounds, Action<StressRound>? onRound = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxRounds, 1);
        if (book.Validate() is { } problem) throw new ArgumentException($"Book: {problem}.", nameof(book));
        if (scenario.Validate(book.Inputs) is { } wrong) throw new ArgumentException($"Scenario '{scenario.Name}': {wrong}.", nameof(scenario));
        return new StressTest(book).Run(scenario, maxRounds, onRound);
    }

    private StressResult Run(StressScenario scenario, int maxRounds, Action<StressRound>? onRound)
    {
        Dictionary<int, RiskRow> first = _rows;
        var rounds = ImmutableArray.CreateBuilder<StressRound>();
        var shocks = ImmutableArray.CreateBuilder<StressShockResult>(scenario.Shocks.Length);
        for (int s = 0; s < scenario.Shocks.Length; s++)
        {
            StressShock shock = scenario.Shocks[s];
            foreach (GroupLevel level in shock.Levels) _levels[level.Group] = level;
            var distressed = new HashSet<int>();
            var mine = new List<StressRound>();
            do
            {
                if (Reprice() is { } problem) throw new StressException($"Scenario '{scenario.Name}', shock '{shock.Name}', round {mine.Count}: the method has no rows for these prices: {problem}.");
                mine.Add(Round(s, mine.Count, distressed));
                onRound?.Invoke(mine[^1]);
            }
            while (mine[^1].Distressed > 0 && mine.Count < maxRounds);

            rounds.AddRange(mine);
            shocks.Add(new StressShockResult(shock.Name, distressed.Count, mine.Sum(r => r.ClosedOut), Sum(mine, r => r.Sold), Sum(mine, r => r.FundPaid), Sum(mine, r => r.Uncovered),
                mine.Count(r => r.Distressed > 0), mine[^1].Distressed == 0));
        }

        ImmutableArray<AccountOutcome> accounts = [.. _book.Accounts.Zip(_holders, (a, h) =>
            new AccountOutcome(a.Number, Value(a.Cash, a.Positions.Select(p => (first[p.Instrument], p.Size))), Value(h.Cash, Legs(h).Select(l => (l.Row, l.Size))), h.End, h.Deficit))];
        Int128 revaluation = Sum(_book.Accounts.SelectMany(a => a.Positions), p => (Int128)p.Size * (_rows[p.Instrument].Base - first[p.Instrument].Base));
        Int128 takers = _takersCash + Sum(_takersSizes, p => p.Value * _rows[p.Key].Base);
        var totals = new StressTotals(Sum(accounts, a => a.Before), Sum(accounts, a => a.After), _book.Fund, _fund, takers, revaluation, _fees, _paid, _uncovered);
        return totals.Balance ? new StressResult(scenario, shocks.MoveToImmutable(), rounds.DrainToImmutable(), accounts, totals)
            : throw new InvalidOperationException($"The sums of scenario '{scenario.Name}' do not balance: {totals}.");
    }

    /// <summary>Prices follow from the shocks and from what forced trades press on them; inputs and rows follow from the prices. Null, or why there are no rows.</summary>
    private string? Reprice()
    {
        foreach (GroupDepth d in _book.Depths)
        {
            GroupLevel level = _levels[d.Group];
            // 35 + 31 bits.
            _prices[d.Group] = level with { Price = (long)Int128.Max(1, Rounding.FloorDiv((Int128)level.Price * (One - Impact(_pressure[d.Group], d)), One)) };
        }

        RiskInputs inputs = MovedInputs.Of(_book.Inputs, _prices);
        if (inputs.Validate() is { } problem) return problem;
        _rows = RowsOf(inputs);
        return null;
    }

    /// <summary>By how much net sales lower a price, in 10^-9, at most 0.9 in magnitude; rounded away from 0, against those who have to sell next.</summary>
    private static long Impact(Int128 pressure, GroupDepth depth)
    {
        if (depth.OnePercent == GroupDepth.Unlimited) return 0;
        // 2^20 accounts of 2^60: 80 + 24 bits.
        Int128 magnitude = Int128.Min(MostImpact, Rounding.CeilDiv(Int128.Abs(pressure) * (One / 100), depth.OnePercent));
        return (long)(pressure < 0 ? -magnitude : magnitude);
    }

    /// <summary>Liquidates all who are below maintenance under the rows, ascending by account, and lets their trades press on the prices.</summary>
    private StressRound Round(int shock, int round, HashSet<int> everDistressed)
    {
        ImmutableArray<long> prices = [.. _book.Depths.Select(d => _prices[d.Group].Price)];
        (Int128 paid, Int128 uncovered) = (_paid, _uncovered);
        var trades = new List<StressPosition>();
        int distressed = 0, closedOut = 0;
        foreach (Holder h in _holders)
        {
            PortfolioMargin margin = PortfolioMargin.Of(h.Cash, Legs(h).Select(l => (l.Row, l.Size)));
            if (margin.ScaledMaintenance >= 0) continue;
            distressed++;
            everDistressed.Add(h.Number);
            if (margin.Value < 0 && -margin.Value > _fund) Deleverage(h);
            else Liquidate(h, margin, trades);
            if (h.Sizes.Count > 0) continue;
            if (h.End < AccountEnd.ClosedOut) closedOut++;
            SettleDeficit(h);
        }

        Int128 sold = Press(trades);
        return new StressRound(shock, round, prices, distressed, closedOut, sold, _paid - paid, _uncovered - uncovered, _fund);
    }

    /// <summary>
    /// Closes the smallest fraction that brings the account back, of its derivatives, or of its spot if it has no others: each lot at the worst price that a forced trade may have, and
    /// the fee to the fund, as far as the account has it.
    /// </summary>
    private void Liquidate(Holder h, PortfolioMargin margin, List<StressPosition> trades)
    {
        List<Leg> legs = Legs(h);
        bool derivatives = legs.Exists(l => !l.IsSpot);
        List<Leg> closed = legs.FindAll(l => l.IsSpot != derivatives);
        Int128 cost = Sum(closed, l => Int128.Abs(l.Size) * Math.Abs(l.Mark - l.WorstPrice) + FeeOf(l, Math.Abs(l.Size)));
        long fraction = LiquidationFraction.Of(h.Cash, legs.FindAll(l => l.IsSpot == derivatives), closed, cost, LiquidationFraction.Target(margin.Requirement));
        Int128 fee = 0;
        foreach ((Leg leg, long lots) in closed.Zip(LiquidationFraction.Lots(closed, fraction)))
        {
            long change = -Math.Sign(leg.Size) * lots;
            Trade(h, leg, change, leg.WorstPrice - leg.Row.Funding);
            fee += FeeOf(leg, lots);
            trades.Add(new StressPosition(leg.Row.Id, -change));
        }

        fee = Int128.Clamp(Value(h.Cash, Legs(h).Select(l => (l.Row, l.Size))), 0, fee);
        h.Cash -= (long)fee;
        _fund += fee;
        _fees += fee;
        if (h.End == AccountEnd.Kept) h.End = AccountEnd.Reduced;
    }

    /// <summary>The deficit exceeds the fund: holders of the other side take the positions over at the mark, without a sale, and bear it.</summary>
    private void Deleverage(Holder h)
    {
        foreach (Leg leg in Legs(h)) Trade(h, leg, -leg.Size, leg.Row.Base);
    }

    /// <summary>What an account without positions owes: the fund pays all of it, or nothing of what it has not.</summary>
    private void SettleDeficit(Holder h)
    {
        h.End = h.Cash < 0 ? AccountEnd.Insolvent : h.End < AccountEnd.ClosedOut ? AccountEnd.ClosedOut : h.End;
        if (h.Cash >= 0) return;
        Int128 deficit = -(Int128)h.Cash;
        if (deficit <= _fund)
        {
            _fund -= deficit;
            _paid += deficit;
        }
        else _uncovered += deficit;
        h.Deficit += deficit;
        h.Cash = 0;
    }

    private void Trade(Holder h, Leg leg, long change, long cleanPrice)
    {
        long cash = (long)(-(Int128)change * cleanPrice);
        h.Cash += cash;
        _takersCash -= cash;
        _takersSizes[leg.Row.Id] = _takersSizes.GetValueOrDefault(leg.Row.Id) - change;
        if (leg.Size + change == 0) h.Sizes.Remove(leg.Row.Id);
        else h.Sizes[leg.Row.Id] = leg.Size + change;
    }

    /// <summary>Sales of the round join those that the market has not taken up. Returns their delta-equivalent notional, all positive.</summary>
    private Int128 Press(List<StressPosition> sales)
    {
        foreach (GroupDepth d in _book.Depths)
        {
            Int128 left = Rounding.CeilDiv(Int128.Abs(_pressure[d.Group]) * (Unit - d.Refill), Unit);
            _pressure[d.Group] = _pressure[d.Group] < 0 ? -left : left;
        }

        Dictionary<int, Int128> deltas = Deltas([.. sales.Select(s => s.Instrument)]);
        foreach (StressPosition s in sales) _pressure[_rows[s.Instrument].Group] += s.Size * deltas[s.Instrument];
        return Sum(sales, s => Int128.Abs(s.Size * deltas[s.Instrument]));
    }

    /// <summary>
    /// Atoms of the underlying that a lot is worth: the mark of linear products; of an option the change of its mark from 1% below the price to 1% above it, times 50.
    /// </summary>
    private Dictionary<int, Int128> Deltas(HashSet<int> instruments)
    {
        Dictionary<int, Int128> deltas = instruments.Select(id => _rows[id]).Where(r => r.Kind is InstrumentKind.Spot or InstrumentKind.Perpetual)
            .ToDictionary(r => r.Id, r => (Int128)r.Base + r.Funding);
        RiskInputs options = _book.Inputs with { Instruments = [.. _book.Inputs.Instruments.Where(t => instruments.Contains(t.Id) && !deltas.ContainsKey(t.Id))] };
        if (options.Instruments.IsEmpty) return deltas;
        Dictionary<int, RiskRow> up = At(101), down = At(99);
        foreach (InstrumentInput t in options.Instruments) deltas[t.Id] = 50 * ((Int128)up[t.Id].Base - down[t.Id].Base);
        return deltas;

        Dictionary<int, RiskRow> At(int percent) =>
            RowsOf(MovedInputs.Of(options, _prices.ToDictionary(p => p.Key, p => p.Value with { Price = Math.Max(1, Rounding.FloorDiv(p.Value.Price * percent, 100)) })));
    }

    private List<Leg> Legs(Holder h) => [.. h.Sizes.Select(p => new Leg(_rows[p.Key], p.Value))];

    // 36 + 44 bits.
    private static Int128 FeeOf(Leg leg, long lots) => Rounding.CeilDiv((Int128)leg.WorstPrice * lots * Fee.Ppm, Scale.FeeRateDenominator);

    private static Int128 Value(long cash, IEnumerable<(RiskRow Row, long Size)> positions) => cash + Sum(positions, p => (Int128)p.Size * p.Row.Base);

    private static Dictionary<int, RiskRow> RowsOf(RiskInputs inputs) => RiskRows.From(inputs).ToDictionary(r => r.Id);

    private static Int128 Sum<T>(IEnumerable<T> items, Func<T, Int128> value) => items.Aggregate(Int128.Zero, (sum, item) => sum + value(item));

    /// <summary>An account on its way. What is frozen has one value in every scenario and is cash from the start.</summary>
    private sealed class Holder
    {
        internal Holder(StressAccount account, Dictionary<int, RiskRow> rows)
        {
            (Number, Cash) = (account.Number, account.Cash);
            foreach ((int instrument, long size) in account.Positions)
            {
                RiskRow row = rows[instrument];
                if (row.Kind != InstrumentKind.Spot && row.Flags != InstrumentFlags.None) Cash += size * row.Base;
                else Sizes.Add(instrument, size);
            }
        }

        internal int Number { get; }
        internal long Cash { get; set; }
        internal SortedDictionary<int, long> Sizes { get; } = [];
        internal AccountEnd End { get; set; }
        internal Int128 Deficit { get; set; }
    }
}
