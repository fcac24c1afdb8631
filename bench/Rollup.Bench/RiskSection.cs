using System.Collections.Immutable;
using Rollup.Protocol;
using Rollup.Risk;

namespace Rollup.Bench;

/// <summary>The risk table of a chain of 868 options, by one thread and by two, and the margin of 100,000 accounts with 16 positions each under it.</summary>
public sealed class RiskSection : ISection
{
    private const int Expiries = 14, Strikes = 31, Accounts = 100_000, Positions = 16, Threads = 2;
    private const long Now = 1_700_000_000_000, Day = 86_400_000, Index = 640_000_000;

    /// <inheritdoc/>
    public string Name => "risk";

    /// <inheritdoc/>
    public void Run(Table table)
    {
        RiskInputs inputs = Chain();
        byte[] bytes = inputs.Encode();
        var rows = new RiskRow[inputs.Instruments.Length];
        int half = rows.Length / 2;
        table.Add("bytes of the inputs of 868 options", bytes.Length, "B");
        table.Time("decode the inputs of 868 options", "ms", 1, () => _ = RiskInputs.TryDecode(bytes, out _, out _));
        table.Time("rows of 868 options", "ms", 1, () => RiskRows.Fill(inputs, 0, rows));
        table.Time("rows of 868 options, 2 threads", "ms", 1, () => Parallel.For(0, Threads, i =>
            RiskRows.Fill(inputs, i * half, i == 0 ? rows.AsSpan(0, half) : rows.AsSpan(half))));

        var batch = new MarginBatch(rows);
        var random = new Random(1);
        long[] cash = [.. Enumerable.Range(0, Accounts).Select(_ => random.NextInt64(1L << 40))], sizes = [.. Enumerable.Range(0, Accounts * Positions).Select(_ => random.NextInt64(-1_000, 1_001))];
        int[] starts = [.. Enumerable.Range(0, Accounts + 1).Select(i => i * Positions)], held = [.. sizes.Select(_ => random.Next(rows.Length))];
        long[] healths = new long[Accounts], values = new long[Accounts];
        table.Time("margin of 100,000 accounts x 16 positions x 24 scenarios", "ms", 1, () => batch.Value(cash, starts, held, sizes, healths, values));
        table.Time("the same, 2 threads", "ms", 1, () => Parallel.For(0, Threads, i =>
        {
            (int from, int count) = (i * Accounts / Threads, Accounts / Threads);
            batch.Value(cash.AsSpan(from, count), starts.AsSpan(from, count + 1), held, sizes, healths.AsSpan(from, count), values.AsSpan(from, count));
        }));
    }

    /// <summary>14 expiries from a day to a year and a half, 31 strikes each, calls and puts.</summary>
    private static RiskInputs Chain()
    {
        Timestamp[] expiries = [.. Enumerable.Range(0, Expiries).Select(i => Timestamp.FromMilliseconds(Now + (1 + 3 * i * i) * Day))];
        var options = ImmutableArray.CreateBuilder<InstrumentInput>();
        foreach (Timestamp at in expiries)
            for (int strike = 0; strike < Strikes; strike++)
                foreach (InstrumentKind kind in new[] { InstrumentKind.Call, InstrumentKind.Put })
                    options.Add(new InstrumentInput(options.Count + 1, kind, InstrumentFlags.None, 1, Index, 0, 0, 10_000, Index * (50 + 4 * strike) / 100, at));
        return new RiskInputs(1, Timestamp.FromMilliseconds(Now), RiskParameters.Default, [new(1, GroupRange.Bitcoin)], options.ToImmutable())
        {
            Expiries = [.. expiries.Select((at, i) => new ExpiryInput(1, at, 1_000_000 * i, new SviSlice(1_000_000 * (1 + i * i), 40_000_000, -200_000_000, 10_000_000, 200_000_000)))],
        };
    }
}
