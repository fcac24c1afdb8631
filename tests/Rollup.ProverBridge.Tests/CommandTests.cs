using System.Text.Json.Nodes;
using Rollup.ProverBridge.Commands;
using Rollup.ProverBridge.Configuration;
using Rollup.ProverBridge.Jobs;
using Rollup.ProverBridge.Monitoring;

namespace Rollup.ProverBridge.Tests;

public sealed class CommandTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly ManualClock clock = new();
    private readonly BridgeConfiguration configuration;
    private readonly JobStore store;

    public CommandTests()
    {
        configuration = new BridgeConfiguration
        {
            Spool = folder.Path, State = folder.Path,
            Circuit = new CircuitSection { Profile = "dev", Wasm = "w", Zkey = "z", VerificationKey = "v" },
            Ethereum = new EthereumSection { Rpc = new Uri("http://127.0.0.1:1"), ChainId = 31337, Vault = "0x" },
        };
        store = Sample.OpenStore(configuration.JobsFile, clock);
        store.Add(1, [1]);
        store.Add(2, [2]);
        store.Claim("a", TimeSpan.FromMinutes(1));
        store.Complete(1, "a", [9], TimeSpan.FromSeconds(31.25));
        store.SetSettlement(1, BatchStatus.Committed);
        store.AddReceipt(1, new JobReceipt("commit", "0xabc", 12, 345_678));
        store.Claim("a", TimeSpan.FromMinutes(1));
        store.Fail(2, "a", "poison", permanent: true);
    }

    public void Dispose()
    {
        store.Dispose();
        folder.Dispose();
    }

    [Fact]
    public void List_shows_where_each_batch_stands_beside_a_running_bridge()
    {
        var output = new StringWriter();
        Assert.Equal(0, JobsCommand.List(configuration, json: false, output));
        string[] lines = output.ToString().TrimEnd().Split('\n');
        Assert.Equal(3, lines.Length);
        Assert.Matches("^ +1  proven +committed +1 +31.[23]", lines[1]);
        Assert.Matches("^ +2  aside +- +1 +poison$", lines[2]);
    }

    [Fact]
    public void Json_carries_reasons_and_transactions()
    {
        var list = new StringWriter();
        JobsCommand.List(configuration, json: true, list);
        Assert.Equal("poison", JsonNode.Parse(list.ToString())![1]!["asideReason"]!.GetValue<string>());
        var show = new StringWriter();
        Assert.Equal(0, JobsCommand.Show(configuration, 1, show));
        JsonNode job = JsonNode.Parse(show.ToString())!;
        Assert.Equal((31.25, 345_678), (job["proofSeconds"]!.GetValue<double>(), job["transactions"]![0]!["gas"]!.GetValue<int>()));
        Assert.Equal(1, JobsCommand.Show(configuration, 3, show));
    }

    [Fact]
    public async Task Export_writes_what_belongs_to_a_proving_key_and_refuses_what_is_none()
    {
        KeysCommand.KeySet keys = (await FactorsCircuit.GetAsync()).Files;
        string target = Path.Combine(folder.Path, "exported");
        var output = new StringWriter();
        Assert.Equal(0, KeysCommand.Export(keys.Zkey, target, output));
        Assert.Equal(File.ReadAllBytes(keys.VerificationKey), File.ReadAllBytes(Path.Combine(target, "verification_key.json")));
        Assert.Equal(File.ReadAllText(keys.Verifier), File.ReadAllText(Path.Combine(target, "Groth16Verifier.sol")));
        Assert.Contains("development key", output.ToString(), StringComparison.Ordinal);

        var error = Assert.Throws<ConfigurationException>(() => KeysCommand.Export(keys.Wasm, Path.Combine(folder.Path, "none"), output));
        Assert.Contains(keys.Wasm, error.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Path.Combine(folder.Path, "none")));
    }

    [Fact]
    public void Retry_takes_a_batch_up_again()
    {
        Assert.Equal(0, JobsCommand.Retry(configuration, 2, TextWriter.Null));
        Assert.Equal(2u, store.Claim("b", TimeSpan.FromMinutes(1))!.Batch);
        Assert.Equal(1, JobsCommand.Retry(configuration, 3, TextWriter.Null));
    }

    [Fact]
    public void A_queue_that_was_never_made_is_not_made_by_looking()
    {
        BridgeConfiguration elsewhere = configuration with { State = folder.File("elsewhere") };
        Assert.Contains("has not run", Assert.Throws<JobStoreException>(() => JobsCommand.List(elsewhere, false, TextWriter.Null)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Metrics_have_the_queue_the_proofs_and_the_failures()
    {
        store.Add(3, [3]);
        var metrics = new Metrics();
        metrics.ProofMade(TimeSpan.FromSeconds(31.25));
        metrics.ProofMade(TimeSpan.FromSeconds(700));
        metrics.Failures.Increment();
        metrics.LastCommitted.Set(41);

        string[] lines = metrics.Expose(store.List()).Split('\n');

        foreach (string line in (string[])[
            "prover_bridge_jobs{state=\"queued\"} 1", "prover_bridge_jobs{state=\"proven\"} 1", "prover_bridge_jobs{state=\"aside\"} 1", "prover_bridge_jobs{state=\"proving\"} 0",
            "prover_bridge_queue_depth 1", "# TYPE prover_bridge_proof_seconds histogram", "prover_bridge_proof_seconds_bucket{le=\"20\"} 0",
            "prover_bridge_proof_seconds_bucket{le=\"40\"} 1", "prover_bridge_proof_seconds_bucket{le=\"640\"} 1", "prover_bridge_proof_seconds_bucket{le=\"+Inf\"} 2",
            "prover_bridge_proof_seconds_sum 731.25", "prover_bridge_proof_seconds_count 2", "prover_bridge_proof_failures_total 1", "prover_bridge_vault_last_committed 41"])
            Assert.Contains(line, lines);
    }
}
