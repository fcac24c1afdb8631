using System.Collections.Immutable;
using Rollup.Risk;

namespace Rollup.Oracle;

/// <summary>The committee's rules.</summary>
/// <param name="Nodes">n: nodes 0..n-1 are known.</param>
/// <param name="Threshold">
/// k: fewer fresh reports give nothing. Whatever the others do, floor((k-1)/2) liars among the n cannot move a median out of the honest range; while r nodes
/// report, floor((r-1)/2) cannot.
/// </param>
/// <param name="MaxAge">Reports observed longer ago than this, in milliseconds, do not count.</param>
/// <param name="MaxAhead">Reports from further in the future are refused: clocks differ by that much at most.</param>
/// <param name="DivergencePpm">A majority must be within this distance of the median, millionths of it.</param>
/// <param name="LowConfidencePpm">A wider half interval is low confidence, millionths of the index.</param>
public sealed record CommitteeRules(int Nodes, int Threshold, int MaxAge = 5_000, int MaxAhead = 1_000, int DivergencePpm = 5_000, int LowConfidencePpm = 2_500)
{
    private const int Unit = 1_000_000;

    /// <summary>The first rule they break, or null.</summary>
    public string? Validate() =>
        Nodes is < 1 or > OracleReport.MaxNodes ? $"{Nodes} nodes are outside 1..{OracleReport.MaxNodes}"
        : Threshold < Nodes / 2 + 1 || Threshold > Nodes ? $"the threshold {Threshold} is no majority of {Nodes} nodes: it must be {Nodes / 2 + 1} to {Nodes}"
        : MaxAge is < 100 or > 10_000 ? $"age {MaxAge} is outside 100..10000 ms"
        : MaxAhead is < 0 or > 10_000 ? $"advance {MaxAhead} is outside 0..10000 ms"
        : DivergencePpm is < 1 or > Unit ? $"divergence {DivergencePpm} is outside 1..10^6 millionths"
        : LowConfidencePpm is < 1 or > Unit ? $"confidence {LowConfidencePpm} is outside 1..10^6 millionths"
        : null;
}

/// <summary>What became of a report.</summary>
public enum ReportVerdict
{
    Accepted = 0,

    /// <summary>It breaks a rule of its format or range.</summary>
    Invalid = 1,

    UnknownNode = 2,

    /// <summary>The node has sent this number or a higher one.</summary>
    Replayed = 3,

    TooOld = 4,

    FromTheFuture = 5,
}

/// <summary>The committee's word on one underlying.</summary>
/// <param name="Index">Median, 10^-6 USD a unit.</param>
/// <param name="Confidence">Half width: the median of the nodes', and no less than <paramref name="Spread"/>.</param>
/// <param name="Spread">The least distance from the median within which a majority of the reported indices lies.</param>
/// <param name="State">Never Stale: such a group is missing.</param>
/// <param name="Expiries">Medians, field by field, of the expiries that k nodes report and whose medians are a valid surface; ascending.</param>
public sealed record GroupAggregate(int Group, long Index, long Confidence, long Spread, OracleState State, ImmutableArray<ExpiryReport> Expiries);

/// <summary>A node whose index is further from the median than nodes may be from each other.</summary>
/// <param name="Index">Its own, 10^-6 USD a unit.</param>
public readonly record struct Outlier(int Node, int Group, long Index, long Median);

/// <summary>The committee's word.</summary>
/// <param name="ObservedAt">
/// Median of the times of observation, not the oldest: a single liar decides the oldest, and could make everything look stale. Rounded down, so older.
/// </param>
/// <param name="Reports">How many fresh reports there are.</param>
/// <param name="Groups">Groups of at least k of them, ascending.</param>
/// <param name="Outliers">By node, of the fresh reports.</param>
public sealed record OracleAggregate(long ObservedAt, int Reports, ImmutableArray<GroupAggregate> Groups, ImmutableArray<Outlier> Outliers)
{
    /// <summary>The state of a group; one that is missing is stale.</summary>
    public OracleState StateOf(int group) => Groups.FirstOrDefault(g => g.Group == group)?.State ?? OracleState.Stale;
}

/// <summary>Keeps the newest report of each node and makes medians of the fresh ones. One thread at a time; time comes with each call.</summary>
public sealed class Aggregator
{
    private const int Unit = 1_000_000;
    private readonly CommitteeRules rules;
    private readonly OracleReport?[] newest;

    /// <exception cref="ArgumentException">The rules are not valid.</exception>
    public Aggregator(CommitteeRules rules)
    {
        if (rules.Validate() is { } problem) throw new ArgumentException(problem, nameof(rules));
        (this.rules, newest) = (rules, new OracleReport?[rules.Nodes]);
    }

    /// <summary>Takes a report whose signature is its node's.</summary>
    /// <param name="now">Unix milliseconds.</param>
    public ReportVerdict Accept(OracleReport report, long now)
    {
        if (report.Validate() is not null) return ReportVerdict.Invalid;
        if (report.Node >= rules.Nodes) return ReportVerdict.UnknownNode;
        if (newest[report.Node] is { } last && report.Number <= last.Number) return ReportVerdict.Replayed;
        if (report.ObservedAt < now - rules.MaxAge) return ReportVerdict.TooOld;
        if (report.ObservedAt > now + rules.MaxAhead) return ReportVerdict.FromTheFuture;
        newest[report.Node] = report;
        return ReportVerdict.Accepted;
    }

    /// <summary>The present aggregate; null while fewer than k reports are fresh.</summary>
    /// <param name="now">Unix milliseconds.</param>
    public OracleAggregate? At(long now)
    {
        List<OracleReport> fresh = [.. newest.OfType<OracleReport>().Where(r => r.ObservedAt >= now - rules.MaxAge && r.ObservedAt <= now + rules.MaxAhead)];
        if (fresh.Count < rules.Threshold) return null;
        long observedAt = Math.Min(now, Median.Of(fresh.Select(r => r.ObservedAt)));
        ImmutableArray<GroupAggregate> groups =
            [.. fresh.SelectMany(r => r.Underlyings).GroupBy(u => u.Group).Where(g => g.Count() >= rules.Threshold).OrderBy(g => g.Key).Select(g => Combine(g.Key, observedAt, [.. g]))];
        return new OracleAggregate(observedAt, fresh.Count, groups,
            [.. from report in fresh from u in report.Underlyings from g in groups where g.Group == u.Group && Exceeds(Math.Abs(u.Index - g.Index), g.Index, rules.DivergencePpm) select new Outlier(report.Node, u.Group, u.Index, g.Index)]);
    }

    // 2^50 x 2^20 = 2^70.
    private static bool Exceeds(long distance, long index, int ppm) => (Int128)distance * Unit > (Int128)index * ppm;

    private GroupAggregate Combine(int group, long observedAt, List<UnderlyingReport> reports)
    {
        long index = Median.Of(reports.Select(r => r.Index));
        // Not the whole range: there a single liar decides. A majority holds honest ones only if all honest ones agree.
        long spread = reports.Select(r => Math.Abs(r.Index - index)).Order().ElementAt(reports.Count / 2);
        long confidence = Math.Max(Median.Of(reports.Select(r => r.Confidence)), spread);
        List<ExpiryReport> expiries = [.. reports.SelectMany(r => r.Expiries).GroupBy(e => e.Expiry).Where(e => e.Count() >= rules.Threshold)
            .OrderBy(e => e.Key).Select(e => Combine(e.Key, [.. e]))];
        OracleState state = Exceeds(spread, index, rules.DivergencePpm) ? OracleState.Divergent : Exceeds(confidence, index, rules.LowConfidencePpm) ? OracleState.LowConfidence : OracleState.Fresh;
        return new GroupAggregate(group, index, confidence, spread, state, [.. expiries.Where(e => e.Validate(group, observedAt) is null)]);
    }

    private static ExpiryReport Combine(long expiry, List<ExpiryReport> reports)
    {
        long Of(Func<ExpiryReport, long> field) => Median.Of(reports.Select(field));
        return new ExpiryReport(expiry, Of(r => r.Basis), new SviSlice(Of(r => r.Surface.A), Of(r => r.Surface.B), Of(r => r.Surface.Rho), Of(r => r.Surface.M), Of(r => r.Surface.Sigma)));
    }
}
