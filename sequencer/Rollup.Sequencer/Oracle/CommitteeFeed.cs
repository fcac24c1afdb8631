using System.Collections.Immutable;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Rollup.Api;
using Rollup.Gossip;
using Rollup.Oracle;
using Rollup.Sequencer.Configuration;

namespace Rollup.Sequencer.Oracle;

/// <summary>
/// Fetches the signed reports of the committee's nodes and gives their medians. The sequencer asks the nodes, and not they it: so it has no door at which strangers
/// could make it check signatures, and whatever lies between (a mirror, a cache) can at worst withhold.
/// </summary>
/// <param name="groupOf">The margin group of each market: a market's price is its group's index.</param>
internal sealed class CommitteeFeed(CommitteeConfig config, ChainConfig chain, IReadOnlyDictionary<string, int> groupOf, TimeProvider clock, ILogger log) : BackgroundService, IPriceFeed
{
    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(2);
    private const int MaxPauseMilliseconds = 5_000;

    private readonly Lock gate = new();
    private readonly HttpClient http = new() { Timeout = RequestTimeout, MaxResponseContentBufferSize = SignedReport.MaxSize };
    private readonly Aggregator aggregator = new(config.ToRules());
    private readonly string?[] problems = [.. config.Nodes.Select(_ => "not asked yet")];
    private readonly string?[] outliers = new string?[config.Nodes.Length];

    /// <summary>Told of every report that is new and good, as it was signed; set before the start.</summary>
    internal Action<byte[]>? Accepted { get; set; }

    /// <summary>Told of every node that begins or ceases to report a price far from the median; set before the start.</summary>
    internal Action<int, bool>? Diverged { get; set; }

    public string Problem
    {
        get
        {
            lock (gate) return $"fewer than {config.Threshold} of {config.Nodes.Length} oracle nodes have fresh reports: {string.Join("; ", problems.Select((p, i) => $"node {i}: {p ?? "ok"}"))}";
        }
    }

    public Observation? Observe(long now)
    {
        OracleAggregate? aggregate;
        lock (gate)
        {
            aggregate = aggregator.At(now);
            if (aggregate is not null) ShowOutliers(aggregate);
        }

        if (aggregate is null) return null;
        Dictionary<int, GroupAggregate> groups = aggregate.Groups.ToDictionary(g => g.Group);
        return new Observation(aggregate.ObservedAt, groupOf.Where(m => groups.ContainsKey(m.Value)).ToDictionary(m => m.Key, m => PriceOf(groups[m.Value])))
        {
            Expiries = groups.ToImmutableDictionary(g => g.Key, g => g.Value.Expiries),
        };
    }

    public override void Dispose()
    {
        http.Dispose();
        base.Dispose();
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(Enumerable.Range(0, config.Nodes.Length).Select(node => FollowAsync(node, stoppingToken)));

    private static MarketPrice PriceOf(GroupAggregate group) => new(group.Index, group.Index, group.Confidence, group.State);

    private async Task FollowAsync(int node, CancellationToken stopping)
    {
        byte[] previous = [];
        string? verdict = null;
        long changed = 0;
        for (int failures = 0; !stopping.IsCancellationRequested;)
        {
            string? problem = null;
            try
            {
                byte[] bytes = await http.GetByteArrayAsync(config.Nodes[node].Url, stopping);
                // A signature is checked once: an unchanged answer costs nothing, and makes nothing fresher.
                long now = clock.GetUtcNow().ToUnixTimeMilliseconds();
                if (!bytes.AsSpan().SequenceEqual(previous)) (previous, verdict, changed) = (bytes, Accept(node, bytes, now), now);
                problem = verdict ?? (now - changed > config.MaxAge ? "its report does not change" : null);
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception error) when (error is HttpRequestException or OperationCanceledException)
            {
                problem = error is OperationCanceledException ? $"no answer in {RequestTimeout.TotalSeconds} s" : error.Message;
            }

            Report(node, problem);
            failures = problem is null ? 0 : Math.Min(failures + 1, 20);
            long pause = Math.Max(config.PollMilliseconds, failures == 0 ? 0 : Math.Min(MaxPauseMilliseconds, (long)config.PollMilliseconds << failures));
            await Task.Delay(TimeSpan.FromMilliseconds(pause), clock, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private string? Accept(int node, byte[] bytes, long now)
    {
        if (SignedReport.Open(bytes, chain.ChainId, chain.Vault, config.Nodes[node].Address, out OracleReport report) is { } problem) return problem;
        if (report.Node != node) return $"it calls itself node {report.Node}";
        lock (gate)
        {
            ReportVerdict verdict = aggregator.Accept(report, now);
            if (verdict != ReportVerdict.Accepted) return Name.Of(verdict);
        }

        Accepted?.Invoke(bytes);
        return null;
    }

    // The medians hold without it; but who lies, or has a broken source, has to be seen before there are more of them.
    private void ShowOutliers(OracleAggregate aggregate)
    {
        for (int node = 0; node < outliers.Length; node++)
        {
            string? far = string.Join(", ", aggregate.Outliers.Where(o => o.Node == node).Select(o => $"{o.Group}"));
            if (far.Length == 0) far = null;
            if (far == outliers[node]) continue;
            outliers[node] = far;
            Diverged?.Invoke(node, far is not null);
            if (far is null) log.LogInformation("Oracle node {Node} is near the medians again", node);
            else
                log.LogError("Oracle node {Node} ({Address}) reports prices far from the medians: {Far}", node, config.Nodes[node].Address,
                    string.Join("; ", aggregate.Outliers.Where(o => o.Node == node).Select(o => $"group {o.Group}: {o.Index}, median {o.Median}")));
        }
    }

    private void Report(int node, string? problem)
    {
        lock (gate)
        {
            if (problems[node] == problem) return;
            problems[node] = problem;
        }

        if (problem is null) log.LogInformation("Oracle node {Node} is well", node);
        else log.LogWarning("Oracle node {Node}: {Problem}", node, problem);
    }
}
