using System.Globalization;
using System.Text.Json.Nodes;
using Rollup.ProverBridge.Configuration;
using Rollup.ProverBridge.Jobs;

namespace Rollup.ProverBridge.Commands;

/// <summary><c>prover-bridge jobs</c>: looks into the queue and takes jobs up again; works beside a running bridge.</summary>
internal static class JobsCommand
{
    public static int List(BridgeConfiguration configuration, bool json, TextWriter output)
    {
        using JobStore store = Open(configuration);
        IReadOnlyList<Job> jobs = store.List();
        if (json)
        {
            output.WriteLine(new JsonArray([.. jobs.Select(j => (JsonNode)Json(j, store.Receipts(j.Batch)))]).ToJsonString());
            return 0;
        }

        output.WriteLine("BATCH  PROOF    CHAIN      ATTEMPTS  SECONDS  NOTE");
        foreach (Job job in jobs)
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{job.Batch,5}  {job.ProofState,-7}  {job.ChainState,-9}  {job.Attempts,8}  {job.ProofSeconds,7:0.0}  {job.AsideReason ?? job.LastError}"));
        return 0;
    }

    public static int Show(BridgeConfiguration configuration, uint batch, TextWriter output)
    {
        using JobStore store = Open(configuration);
        if (store.Get(batch) is not { } job) return Missing(batch);
        output.WriteLine(Json(job, store.Receipts(batch)).ToJsonString(new() { WriteIndented = true }));
        return 0;
    }

    public static int Retry(BridgeConfiguration configuration, uint batch, TextWriter output)
    {
        using JobStore store = Open(configuration);
        if (!store.Retry(batch)) return Missing(batch);
        output.WriteLine($"Batch {batch} is taken up again.");
        return 0;
    }

    private static JsonObject Json(Job job, IReadOnlyList<JobReceipt> receipts) => new()
    {
        ["batch"] = job.Batch,
        ["proof"] = job.ProofState,
        ["chain"] = job.ChainState,
        ["attempts"] = job.Attempts,
        ["nextAttempt"] = job.NextAttempt.ToUnixTimeMilliseconds() == 0 ? null : job.NextAttempt.ToString("O", CultureInfo.InvariantCulture),
        ["proofSeconds"] = job.ProofSeconds,
        ["asideBy"] = job.AsideBy?.ToString().ToLowerInvariant(),
        ["asideReason"] = job.AsideReason,
        ["lastError"] = job.LastError,
        ["sealedSha256"] = job.Digest,
        ["transactions"] = new JsonArray([.. receipts.Select(r => (JsonNode)new JsonObject
        {
            ["action"] = r.Action, ["transaction"] = r.Transaction, ["block"] = r.Block, ["gas"] = r.Gas,
        })]),
    };

    private static JobStore Open(BridgeConfiguration configuration) => File.Exists(configuration.JobsFile)
        ? JobStore.Open(configuration.JobsFile, TimeProvider.System, RunCommand.RetryOf(configuration))
        : throw new JobStoreException($"There is no queue at {configuration.JobsFile}: the bridge has not run with this configuration.");

    private static int Missing(uint batch)
    {
        Console.Error.WriteLine($"error: batch {batch} is not in the queue.");
        return 1;
    }
}
