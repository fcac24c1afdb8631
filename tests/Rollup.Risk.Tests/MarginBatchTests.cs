using Rollup.Protocol;

namespace Rollup.Risk.Tests;

public class MarginBatchTests
{
    [Fact]
    public void Many_accounts_at_once_have_the_margins_that_each_has_alone()
    {
        var random = new Random(8);
        RiskRow[] rows = [.. RiskRows.From(RandomChain.Inputs(random))];
        const int Accounts = 500;
        var cash = new long[Accounts];
        var starts = new List<int>();
        var held = new List<int>();
        var sizes = new List<long>();
        for (int account = 0; account < Accounts; account++)
        {
            cash[account] = random.NextInt64(-(1L << 40), 1L << 40);
            starts.Add(held.Count);
            foreach (int row in Enumerable.Range(0, random.Next(17)).Select(_ => random.Next(rows.Length)).Distinct().Order())
            {
                held.Add(row);
                sizes.Add(random.NextInt64(-10_000, 10_001));
            }
        }

        starts.Add(held.Count);
        long[] healths = new long[Accounts], values = new long[Accounts];
        var batch = new MarginBatch(rows);
        int cut = Accounts / 3;
        batch.Value(cash.AsSpan(0, cut), [.. starts[..(cut + 1)]], [.. held], [.. sizes], healths.AsSpan(0, cut), values.AsSpan(0, cut));
        batch.Value(cash.AsSpan(cut), [.. starts[cut..]], [.. held], [.. sizes], healths.AsSpan(cut), values.AsSpan(cut));
        for (int account = 0; account < Accounts; account++)
        {
            var alone = PortfolioMargin.Of(cash[account], Enumerable.Range(starts[account], starts[account + 1] - starts[account]).Select(i => (rows[held[i]], sizes[i])));
            Assert.Equal((alone.Health, alone.Value), ((Int128)healths[account], (Int128)values[account]));
        }

        Assert.Throws<ArgumentException>(() => batch.Value(cash, [.. starts[..^1]], [.. held], [.. sizes], healths, values));
    }
}
