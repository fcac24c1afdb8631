using System.Globalization;
using System.Text;
using Rollup.Api;
using Rollup.Protocol;

namespace Rollup.Sequencer.Core;

/// <summary>Counters in the text format of Prometheus, version 0.0.4. Thread-safe.</summary>
internal sealed class HostMetrics
{
    private static readonly RejectCode[] Codes = Enum.GetValues<RejectCode>();
    private readonly long[] answers = new long[(int)Codes[^1] + 1];
    private readonly long[] hostAnswers = new long[(int)Enum.GetValues<HostCode>()[^1] + 1 - (int)HostCode.NotFound];
    private readonly System.Collections.Concurrent.ConcurrentDictionary<int, bool> divergent = new();
    private long records, commits, commitMicroseconds, fills, batches, verified, verifyMicroseconds, receipts, receiptMicroseconds, streams, cutOff;

    /// <summary>A request was executed.</summary>
    internal void Executed(RequestResult result)
    {
        Interlocked.Increment(ref answers[(int)RejectCode.None]);
        Interlocked.Add(ref fills, result.Fills.Count);
    }

    /// <summary>A request was refused, by whomever.</summary>
    internal void Refused(int code)
    {
        if (code < (int)HostCode.NotFound) Interlocked.Increment(ref answers[code]);
        else Interlocked.Increment(ref hostAnswers[code - (int)HostCode.NotFound]);
    }

    internal void Committed(int count, TimeSpan took)
    {
        Interlocked.Add(ref records, count);
        Interlocked.Increment(ref commits);
        Interlocked.Add(ref commitMicroseconds, (long)took.TotalMicroseconds);
    }

    internal void Verified(int count, TimeSpan took)
    {
        Interlocked.Add(ref verified, count);
        Interlocked.Add(ref verifyMicroseconds, (long)took.TotalMicroseconds);
    }

    /// <summary>Receipts were signed and written.</summary>
    internal void Receipts(int count, TimeSpan took)
    {
        Interlocked.Add(ref receipts, count);
        Interlocked.Add(ref receiptMicroseconds, (long)took.TotalMicroseconds);
    }

    /// <summary>A node of the oracle committee began or ceased to report prices far from the medians.</summary>
    internal void Diverged(int node, bool isFar) => divergent[node] = isFar;

    internal void Sealed() => Interlocked.Increment(ref batches);
    internal void StreamOpened() => Interlocked.Increment(ref streams);
    internal void StreamClosed() => Interlocked.Decrement(ref streams);
    internal void StreamCutOff() => Interlocked.Increment(ref cutOff);

    internal string Write(HealthView health)
    {
        var text = new StringBuilder();
        Metric("rollup_requests_total", "counter", "Requests by the code of their answer.");
        foreach (RejectCode code in Codes) Labelled("rollup_requests_total", Name.Of(code), Interlocked.Read(ref answers[(int)code]));
        foreach (HostCode code in Enum.GetValues<HostCode>()) Labelled("rollup_requests_total", Name.Of(code), Interlocked.Read(ref hostAnswers[(int)code - (int)HostCode.NotFound]));
        Metric("rollup_oracle_node_divergent", "gauge", "1 if the committee's node reports a price far from the median; nodes that never did are missing.");
        foreach ((int node, bool isFar) in divergent.OrderBy(d => d.Key)) text.Append(CultureInfo.InvariantCulture, $"rollup_oracle_node_divergent{{node=\"{node}\"}} {(isFar ? 1 : 0)}\n");
        Single("rollup_fills_total", "counter", "Trades.", Interlocked.Read(ref fills));
        Single("rollup_batches_sealed_total", "counter", "Batches sealed since the start.", Interlocked.Read(ref batches));
        Single("rollup_signatures_verified_total", "counter", "Signatures verified.", Interlocked.Read(ref verified));
        Seconds("rollup_signatures_verified_seconds_total", "Time spent verifying signatures.", Interlocked.Read(ref verifyMicroseconds));
        Single("rollup_journal_records_total", "counter", "Records written to the journal since the start.", Interlocked.Read(ref records));
        Single("rollup_journal_commits_total", "counter", "Flushes of the journal since the start.", Interlocked.Read(ref commits));
        Seconds("rollup_journal_commit_seconds_total", "Time spent writing and flushing the journal.", Interlocked.Read(ref commitMicroseconds));
        Single("rollup_receipts_total", "counter", "Receipts signed since the start.", Interlocked.Read(ref receipts));
        Seconds("rollup_receipts_seconds_total", "Time spent signing and writing receipts.", Interlocked.Read(ref receiptMicroseconds));
        Single("rollup_stream_connections", "gauge", "Open stream connections.", Interlocked.Read(ref streams));
        Single("rollup_stream_cut_off_total", "counter", "Stream connections cut off because their reader was too slow.", Interlocked.Read(ref cutOff));
        Single("rollup_journal_sequence", "gauge", "Last durable record.", (long)health.Sequence);
        Single("rollup_batch_open", "gauge", "Number of the open batch, 0 if none is.", health.Batch);
        Single("rollup_batch_last_sealed", "gauge", "Number of the last sealed batch.", health.LastSealed);
        Single("rollup_batch_last_final", "gauge", "Number of the last final batch.", health.LastFinal);
        Single("rollup_healthy", "gauge", "1 if all is well.", health.Status == HealthStatus.Ok ? 1 : 0);
        return text.ToString();

        void Metric(string name, string type, string help) => text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {help}\n# TYPE {name} {type}\n");

        void Labelled(string name, string code, long value) => text.Append(CultureInfo.InvariantCulture, $"{name}{{code=\"{code}\"}} {value}\n");

        void Single(string name, string type, string help, long value)
        {
            Metric(name, type, help);
            text.Append(CultureInfo.InvariantCulture, $"{name} {value}\n");
        }

        void Seconds(string name, string help, long microseconds)
        {
            Metric(name, "counter", help);
            text.Append(CultureInfo.InvariantCulture, $"{name} {microseconds / 1_000_000}.{microseconds % 1_000_000:D6}\n");
        }
    }
}
