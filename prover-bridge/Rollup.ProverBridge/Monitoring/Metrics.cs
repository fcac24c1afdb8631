using System.Globalization;
using System.Text;
using Rollup.ProverBridge.Jobs;

namespace Rollup.ProverBridge.Monitoring;

/// <summary>A number that only grows, or one that is set.</summary>
public sealed class Metric(string name, string type, string help)
{
    private long value;

    public long Value => Interlocked.Read(ref value);

    public void Increment() => Interlocked.Increment(ref value);

    public void Set(long number) => Interlocked.Exchange(ref value, number);

    internal void Write(StringBuilder text) => Metrics.Write(text, name, type, help, [("", Value)]);
}

/// <summary>What the bridge counts, in the text form that Prometheus reads (exposition format 0.0.4). Thread-safe.</summary>
public sealed class Metrics
{
    private static readonly double[] SecondsBuckets = [1, 2, 5, 10, 20, 40, 80, 160, 320, 640];

    private readonly Lock gate = new();
    private readonly long[] proofs = new long[SecondsBuckets.Length + 1];
    private double proofSeconds;

    public Metric Failures { get; } = new("prover_bridge_proof_failures_total", "counter", "Attempts to prove a batch that failed.");

    public Metric WorkersStarted { get; } = new("prover_bridge_workers_started_total", "counter", "Snarkjs workers started; more than the slots means restarts.");

    public Metric WorkerPeakBytes { get; } = new("prover_bridge_worker_peak_bytes", "gauge", "Highest memory of the snarkjs worker that served last.");

    public Metric Transactions { get; } = new("prover_bridge_transactions_total", "counter", "Transactions included.");

    public Metric SettlementRetries { get; } = new("prover_bridge_settlement_retries_total", "counter", "Looks at the vault that ended in an error and were tried again.");

    public Metric ChainReachable { get; } = new("prover_bridge_chain_reachable", "gauge", "Whether the last look at the vault succeeded.");

    public Metric LastCommitted { get; } = new("prover_bridge_vault_last_committed", "gauge", "The vault's last committed batch.");

    public Metric LastFinal { get; } = new("prover_bridge_vault_last_final", "gauge", "The vault's last final batch.");

    /// <summary>Counts a checked proof.</summary>
    public void ProofMade(TimeSpan duration)
    {
        lock (gate)
        {
            proofSeconds += duration.TotalSeconds;
            proofs[Array.FindIndex(SecondsBuckets, b => duration.TotalSeconds <= b) is var i and >= 0 ? i : SecondsBuckets.Length]++;
        }
    }

    /// <summary>All numbers, with those of the queue.</summary>
    public string Expose(IReadOnlyList<Job> jobs)
    {
        var text = new StringBuilder();
        Write(text, "prover_bridge_jobs", "gauge", "Batches by the state of their proof.",
            [.. Enum.GetNames<ProofStage>().Select(n => n.ToLowerInvariant()).Append("aside").Select(s => ($"{{state=\"{s}\"}}", (double)jobs.Count(j => j.ProofState == s)))]);
        Write(text, "prover_bridge_queue_depth", "gauge", "Batches that wait for a proof.", [("", jobs.Count(j => j.AsideBy is null && j.Stage != ProofStage.Proven))]);
        lock (gate)
        {
            const string name = "prover_bridge_proof_seconds";
            long count = 0;
            Write(text, name, "histogram", "Seconds from the claim of a batch to its checked proof.",
                [.. SecondsBuckets.Select((b, i) => ($"_bucket{{le=\"{Number(b)}\"}}", (double)(count += proofs[i]))),
                    ("_bucket{le=\"+Inf\"}", proofs.Sum()), ("_sum", proofSeconds), ("_count", proofs.Sum())]);
        }

        foreach (Metric metric in (Metric[])[Failures, WorkersStarted, WorkerPeakBytes, Transactions, SettlementRetries, ChainReachable, LastCommitted, LastFinal])
            metric.Write(text);
        return text.ToString();
    }

    internal static void Write(StringBuilder text, string name, string type, string help, IReadOnlyList<(string Suffix, double Value)> samples)
    {
        text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {help}\n# TYPE {name} {type}\n");
        foreach ((string suffix, double value) in samples) text.Append(CultureInfo.InvariantCulture, $"{name}{suffix} {Number(value)}\n");
    }

    private static string Number(double value) => value.ToString("R", CultureInfo.InvariantCulture);
}
