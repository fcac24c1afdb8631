using System.Diagnostics;
using System.Globalization;

namespace Rollup.Bench;

/// <summary>One group of measurements, run as <c>bench NAME</c>. A new section is a class, listed in Program.cs.</summary>
public interface ISection
{
    /// <summary>The name on the command line.</summary>
    string Name { get; }

    /// <summary>Measures and adds rows to the table.</summary>
    void Run(Table table);
}

/// <summary>Collects measurements and prints them as one aligned table.</summary>
public sealed class Table
{
    // Long enough that a 20 ns timer tick and one scheduler interruption do not show in the median.
    private static readonly TimeSpan RunLength = TimeSpan.FromMilliseconds(60);
    private const int Runs = 11;

    private readonly List<(string Section, string What, string Value, string Unit)> _rows = [];
    private string _section = "";

    /// <summary>Names the section that the next rows belong to.</summary>
    public void Begin(ISection section) => _section = section.Name;

    /// <summary>
    /// Times <paramref name="operation"/> (which performs <paramref name="count"/> operations at each call) on this thread:
    /// warms up, then takes the median of 11 runs of about 60 ms, or one call a run when a call is longer.
    /// </summary>
    /// <param name="what">What one operation is.</param>
    /// <param name="unit">ns, us, ms or s.</param>
    /// <param name="count">Operations in one call.</param>
    /// <param name="operation">The work; its result must depend on all of it, or the compiler drops it.</param>
    public void Time(string what, string unit, int count, Action operation)
    {
        var warm = Stopwatch.StartNew();
        long calls = 0;
        // Half a second lets tiered compilation reach its last tier.
        while (warm.ElapsedMilliseconds < 500 || calls == 0)
        {
            operation();
            calls++;
        }

        int perRun = (int)Math.Max(1, calls * RunLength.Ticks / warm.Elapsed.Ticks);
        var samples = new double[Runs];
        for (int run = 0; run < Runs; run++)
        {
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < perRun; i++) operation();
            samples[run] = Stopwatch.GetElapsedTime(start).TotalSeconds / ((double)perRun * count);
        }

        Array.Sort(samples);
        double scale = unit switch { "ns" => 1e9, "us" => 1e6, "ms" => 1e3, "s" => 1, _ => throw new ArgumentException($"Unknown unit '{unit}': use ns, us, ms or s.", nameof(unit)) };
        Add(what, samples[Runs / 2] * scale, unit);
    }

    /// <summary>Adds a value measured elsewhere.</summary>
    public void Add(string what, double value, string unit) =>
        _rows.Add((_section, what, value.ToString("#,0.0", CultureInfo.InvariantCulture), unit));

    /// <summary>Prints all rows.</summary>
    public void Print(TextWriter writer)
    {
        int section = _rows.Max(row => row.Section.Length), what = _rows.Max(row => row.What.Length), value = _rows.Max(row => row.Value.Length);
        foreach (var row in _rows)
            writer.WriteLine($"{row.Section.PadRight(section)}  {row.What.PadRight(what)}  {row.Value.PadLeft(value)} {row.Unit}");
    }
}
