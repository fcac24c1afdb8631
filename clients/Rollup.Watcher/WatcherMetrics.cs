using System.Collections.Concurrent;
using System.Globalization;
using System.Text;

namespace Rollup.Watcher;

/// <summary>Counters in the text format of Prometheus, version 0.0.4. Thread-safe.</summary>
internal sealed class WatcherMetrics
{
    private readonly ConcurrentDictionary<string, long> alerts = new(), actions = new(), liabilities = new(), holdings = new();
    private long rebuilt, head, committed, checkedBatches, final, polls, failures, reorganisations, spentGwei, frozen, lastPoll;

    /// <summary>Why the last look failed; null if it did not.</summary>
    internal string? Problem { get; private set; } = "not looked yet";

    internal long Reorganisations => Interlocked.Read(ref reorganisations);

    internal long CheckedBatches => Interlocked.Read(ref checkedBatches);

    internal void Raised(string kind) => alerts.AddOrUpdate(kind, 1, (_, n) => n + 1);

    internal void Acted(string action) => actions.AddOrUpdate(action, 1, (_, n) => n + 1);

    /// <summary>What accounts hold of an asset by the last final batch, and what the vault has for them.</summary>
    internal void Counted(int asset, long owed, long held)
    {
        string name = asset.ToString(CultureInfo.InvariantCulture);
        (liabilities[name], holdings[name]) = (owed, held);
    }

    /// <summary>A batch was taken; whether it was judged by an earlier run.</summary>
    internal void Rebuilt(bool isKnown)
    {
        if (isKnown) Interlocked.Increment(ref rebuilt);
    }

    internal void Reorganised() => Interlocked.Increment(ref reorganisations);

    internal void Failed(string problem)
    {
        Problem = problem;
        Interlocked.Increment(ref failures);
    }

    internal void Looked(ulong head, int committed, int @checked, uint final, bool isFrozen, System.Numerics.BigInteger spentWei, long now)
    {
        Problem = null;
        Interlocked.Increment(ref polls);
        Interlocked.Exchange(ref this.head, (long)head);
        Interlocked.Exchange(ref this.committed, committed);
        Interlocked.Exchange(ref checkedBatches, @checked);
        Interlocked.Exchange(ref this.final, final);
        Interlocked.Exchange(ref frozen, isFrozen ? 1 : 0);
        Interlocked.Exchange(ref spentGwei, (long)(spentWei / 1_000_000_000));
        Interlocked.Exchange(ref lastPoll, now / 1_000);
    }

    internal string Write()
    {
        var text = new StringBuilder();
        Single("watcher_head_block", "gauge", "L1 block of the last look.", Interlocked.Read(ref head));
        Single("watcher_batches_committed", "gauge", "Batches that the vault holds.", Interlocked.Read(ref committed));
        Single("watcher_batches_checked", "gauge", "Batches for which every check holds.", Interlocked.Read(ref checkedBatches));
        Single("watcher_batches_rebuilt_total", "counter", "Final batches that an earlier run judged and this one only took for the tree.", Interlocked.Read(ref rebuilt));
        Single("watcher_batches_final", "gauge", "Final batches.", Interlocked.Read(ref final));
        Single("watcher_vault_frozen", "gauge", "1 if the vault is frozen.", Interlocked.Read(ref frozen));
        Single("watcher_looks_total", "counter", "Looks at L1.", Interlocked.Read(ref polls));
        Single("watcher_look_failures_total", "counter", "Looks that failed.", Interlocked.Read(ref failures));
        Single("watcher_last_look_seconds", "gauge", "When the last look was, Unix seconds.", Interlocked.Read(ref lastPoll));
        Single("watcher_reorganisations_total", "counter", "Reorganisations that took batches back.", Interlocked.Read(ref reorganisations));
        Single("watcher_spent_gwei", "gauge", "Gas paid in all.", Interlocked.Read(ref spentGwei));
        Labelled("watcher_alerts_total", "counter", "kind", "Alerts raised since the start.", alerts);
        Labelled("watcher_actions_total", "counter", "action", "Transactions that succeeded since the start.", actions);
        Labelled("watcher_liabilities", "gauge", "asset", "What accounts hold by the last final batch, atoms of cash (asset 0) or lots.", liabilities);
        Labelled("watcher_holdings", "gauge", "asset", "What the vault has for them.", holdings);
        return text.ToString();

        void Single(string name, string type, string help, long value) => text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {help}\n# TYPE {name} {type}\n{name} {value}\n");

        void Labelled(string name, string type, string label, string help, ConcurrentDictionary<string, long> values)
        {
            text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {help}\n# TYPE {name} {type}\n");
            foreach ((string key, long value) in values.OrderBy(v => v.Key, StringComparer.Ordinal)) text.Append(CultureInfo.InvariantCulture, $"{name}{{{label}=\"{key}\"}} {value}\n");
        }
    }
}
