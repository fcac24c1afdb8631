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
    private static readonly TimeSpan RunLength = TimeSpan.FromMilliseconds(20);
    private const int Runs = 31;

    private readonly List<(string Section, string What, string Median, string Best, string Cpu, string Unit)> _rows = [];
    private string _section = "";

    /// <summary>Names the section that the next rows belong to.</summary>
    public void Begin(ISection section) => _section = section.Name;

    /// <summary>
    /// Times <paramref name="operation"/> (which performs <paramref name="count"/> operations at each call) on this thread:
    /// warms up, then reports the median and the best of 31 runs of about 20 ms, or one call a run when a call is longer, and the median of the processor
    /// time that the process used. On a shared machine the median time counts the neighbours in; the best and the processor time hardly do.
    /// </summary>
    /// <param name="what">What one operation is.</param>
    /// <param name="unit">ns, us, ms or s.</param>
    /// <param name="count">Operations in one call.</param>
    /// <param name="operation">The work; its result must depend on all of it, or the compiler drops it.</param>
    /// <returns>The median processor time, in that unit.</returns>
    public double Time(string what, string unit, int count, Action operation)
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
        double[] samples = new double[Runs], processor = new double[Runs];
        for (int run = 0; run < Runs; run++)
        {
            TimeSpan used = Environment.CpuUsage.TotalTime;
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < perRun; i++) operation();
            samples[run] = Stopwatch.GetElapsedTime(start).TotalSeconds / ((double)perRun * count);
            processor[run] = (Environment.CpuUsage.TotalTime - used).TotalSeconds / ((double)perRun * count);
        }

        Array.Sort(samples);
        Array.Sort(processor);
        double scale = unit switch { "ns" => 1e9, "us" => 1e6, "ms" => 1e3, "s" => 1, _ => throw new ArgumentException($"Unknown unit '{unit}': use ns, us, ms or s.", nameof(unit)) };
        _rows.Add((_section, what, Format(samples[Runs / 2] * scale), Format(samples[0] * scale), Format(processor[Runs / 2] * scale), unit));
        return processor[Runs / 2] * scale;
    }

    /// <summary>Adds samples taken elsewhere: median and best of the elapsed time, median of the processor time.</summary>
    /// <param name="what">What one sample is.</param>
    /// <param name="unit">Of both numbers.</param>
    /// <param name="samples">Elapsed and processor time of each.</param>
    public void AddSamples(string what, string unit, IReadOnlyList<(double Elapsed, double Processor)> samples)
    {
        double[] elapsed = [.. samples.Select(sample => sample.Elapsed).Order()], processor = [.. samples.Select(sample => sample.Processor).Order()];
        _rows.Add((_section, what, Format(elapsed[samples.Count / 2]), Format(elapsed[0]), Format(processor[samples.Count / 2]), unit));
    }

    /// <summary>Adds a value measured once.</summary>
    public void Add(string what, double value, string unit) => _rows.Add((_section, what, Format(value), "", "", unit));

    /// <summary>Adds a rate measured over several runs: per second of elapsed time (median and best) and of the process's processor time (median).</summary>
    /// <param name="what">What was counted.</param>
    /// <param name="runs">Count, elapsed seconds and processor seconds of each run.</param>
    public void AddRate(string what, IReadOnlyList<(long Count, double Elapsed, double Processor)> runs)
    {
        double[] elapsed = [.. runs.Select(run => run.Count / run.Elapsed).Order()], processor = [.. runs.Select(run => run.Count / run.Processor).Order()];
        _rows.Add((_section, what, Format(elapsed[runs.Count / 2]), Format(elapsed[^1]), Format(processor[runs.Count / 2]), "/s"));
    }

    /// <summary>Prints all rows under a heading.</summary>
    public void Print(TextWriter writer)
    {
        (string Section, string What, string Median, string Best, string Cpu, string Unit)[] rows = [("section", "operation", "median", "best", "cpu", "unit"), .. _rows];
        int section = rows.Max(row => row.Section.Length), what = rows.Max(row => row.What.Length);
        int median = rows.Max(row => row.Median.Length), best = rows.Max(row => row.Best.Length), cpu = rows.Max(row => row.Cpu.Length);
        foreach (var row in rows)
            writer.WriteLine($"{row.Section.PadRight(section)}  {row.What.PadRight(what)}  {row.Median.PadLeft(median)}  {row.Best.PadLeft(best)}  {row.Cpu.PadLeft(cpu)}  {row.Unit}");
    }

    private static string Format(double value) => value.ToString("#,0.0", CultureInfo.InvariantCulture);
}
