using Rollup.Protocol;
using Rollup.Risk.Liquidation;
using Xunit.Abstractions;

namespace Rollup.Risk.Tests;

/// <summary>The index finds what a look at every account finds, and looks at few.</summary>
public class DistressIndexTests(ITestOutputHelper output)
{
    private sealed class Population
    {
        private readonly (long Cash, (int Instrument, long Size)[] Positions)[] accounts;
        private readonly DistressIndex index = new();
        private Dictionary<int, RiskRow> rows;

        internal Population(IEnumerable<RiskRow> rows, (long, (int, long)[])[] accounts)
        {
            this.accounts = accounts;
            this.rows = rows.ToDictionary(r => r.Id);
            index.Reset(this.rows.Values);
            for (int account = 0; account < accounts.Length; account++) Place(account);
        }

        internal int Looked { get; private set; }

        internal SortedSet<int> Move(IEnumerable<RiskRow> next)
        {
            rows = next.ToDictionary(r => r.Id);
            index.Move(rows.Values);
            var distressed = new SortedSet<int>();
            Looked = 0;
            foreach (int account in index.TakeCrossed())
            {
                Looked++;
                if (Place(account) < 0) distressed.Add(account);
            }

            return distressed;
        }

        internal void Change(int account, long cash, (int, long)[] positions)
        {
            accounts[account] = (cash, positions);
            Place(account);
        }

        internal SortedSet<int> Scan() => [.. Enumerable.Range(0, accounts.Length).Where(a => accounts[a].Positions.Length > 0 && Maintenance(a) < 0)];

        private Int128 Place(int account)
        {
            Int128 slack = Maintenance(account);
            index.Place(account, slack, accounts[account].Positions);
            return slack;
        }

        private Int128 Maintenance(int account) =>
            PortfolioMargin.Of(accounts[account].Cash, accounts[account].Positions.Select(p => (rows[p.Instrument], p.Size))).ScaledMaintenance;
    }

    private static RiskRow Shift(RiskRow row, Random random, long range)
    {
        long by = random.NextInt64(-range, range + 1);
        long[] longs = [.. row.Long.Select(v => v + by)], shorts = [.. row.Short.Select(v => v + by)];
        for (int s = 1; s < Bound.Scenarios; s++)
        {
            longs[s] += random.NextInt64(-range / 4, range / 4 + 1);
            shorts[s] = Math.Max(longs[s], shorts[s] + random.NextInt64(-range / 4, range / 4 + 1));
        }

        return row with { Base = row.Base + by, Long = [.. longs], Short = [.. shorts] };
    }

    private static (long Cash, (int, long)[] Positions) RandomAccount(Random random, RiskRow[] rows)
    {
        RiskRow[] held = [.. rows.Where(_ => random.Next(rows.Length) < 2)];
        (int, long)[] positions = [.. held.Select(r => (r.Id, r.Kind == InstrumentKind.Spot ? random.NextInt64(1, 300) : random.NextInt64(1, 300) * (random.Next(2) * 2 - 1)))];
        PortfolioMargin margin = PortfolioMargin.Of(0, positions.Select(p => (rows.Single(r => r.Id == p.Item1), p.Item2)));
        // From a little distressed to three times the requirement.
        return ((long)(-margin.ScaledMaintenance / 5 + margin.Requirement * random.Next(-5, 300) / 100), positions);
    }

    [Fact]
    public void No_distressed_account_is_missed_whatever_rows_and_accounts_do()
    {
        int found = 0, looked = 0, possible = 0;
        for (int seed = 0; seed < 40; seed++)
        {
            var random = new Random(seed);
            RiskRow[] rows = [.. Enumerable.Range(1, 6).Select(id => LiquidationTests.RandomRow(random, id, 1_000_000))];
            var population = new Population(rows, [.. Enumerable.Range(0, 60).Select(_ => RandomAccount(random, rows))]);
            for (int tick = 0; tick < 60; tick++)
            {
                // Calm, then now and then a crash.
                long range = random.Next(12) == 0 ? 100_000 : 800;
                rows = [.. rows.Select(row => random.Next(3) == 0 ? row : Shift(row, random, range * row.Base / 1_000_000 + 1))];
                SortedSet<int> distressed = population.Move(rows);
                Assert.Equal(population.Scan(), distressed);
                found += distressed.Count;
                looked += population.Looked;
                possible += 60;
                (long cash, (int, long)[] positions) = RandomAccount(random, rows);
                population.Change(random.Next(60), cash, positions);
            }
        }

        Assert.True(found > 2_000, $"{found} found");
        Assert.True(looked < possible / 2, $"{looked} of {possible} looked at");
    }

    [Fact]
    public void Of_a_hundred_thousand_accounts_a_tick_looks_at_few()
    {
        const int Accounts = 100_000, Ticks = 50;
        var random = new Random(1);
        RiskRow[] rows = [Sample.Row(3), Sample.Row(5), Sample.Row(7)];
        (long, (int, long)[]) Account(int number)
        {
            (int, long)[] positions = number % 3 == 0 ? [(3, random.NextInt64(1, 900)), (5, -random.NextInt64(1, 900))] : [(number % 2 == 0 ? 3 : 5, random.NextInt64(1, 900) * (number % 5 < 2 ? -1 : 1))];
            PortfolioMargin margin = PortfolioMargin.Of(0, positions.Select(p => (rows.Single(r => r.Id == p.Item1), p.Item2)));
            // From maintenance to four times the requirement: leverage of about 1.5 to 7.
            return ((long)(-margin.ScaledMaintenance / 5 + margin.Requirement * random.Next(0, 400) / 100), positions);
        }

        var population = new Population(rows, [.. Enumerable.Range(0, Accounts).Select(Account)]);
        int looked = 0, most = 0;
        for (int tick = 0; tick < Ticks; tick++)
        {
            // Two hundredths of a percent a tick.
            rows = [.. rows.Select(row => Shift(row, random, row.Base / 5_000))];
            population.Move(rows);
            looked += population.Looked;
            most = Math.Max(most, population.Looked);
        }

        output.WriteLine($"{Accounts} accounts, {Ticks} ticks of up to 0.02%: {looked / Ticks} looked at on average, {most} at most, {population.Scan().Count} distressed at the end.");
        Assert.Equal(population.Scan(), population.Move(rows));
        Assert.InRange(looked, 1, Accounts / 50 * Ticks);
    }
}
