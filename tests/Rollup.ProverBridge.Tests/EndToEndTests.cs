using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.Data.Sqlite;
using Rollup.Engine;
using Rollup.Groth16;
using Rollup.Groth16.Formats;
using Rollup.Protocol;
using Rollup.ProverBridge.Commands;
using Rollup.ProverBridge.Jobs;
using Rollup.ProverBridge.Settlement;
using Rollup.TestSupport;

namespace Rollup.ProverBridge.Tests;

/// <summary>The program as it runs: real circuit, real keys, real prover, real vault.</summary>
public sealed class EndToEndTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [AnvilFact]
    public async Task A_batch_goes_from_the_spool_to_final_although_the_bridge_is_killed_while_it_proves()
    {
        KeysCommand.KeySet keys = await KeysCommand.DevelopmentKeysAsync("dev", Repository.Root, TextWriter.Null, default);
        VerifyingKey key = SnarkJson.ReadVerifyingKey(File.ReadAllBytes(keys.VerificationKey), "key");
        await using AnvilProcess anvil = await LocalVault.StartChainAsync();
        LocalVault vault = await LocalVault.DeployAsync(anvil, CircuitProfile.Dev, key);
        await vault.RegisterAsync(2, 5_000_000_000);
        await vault.RegisterAsync(3, 4_000_000_001);
        string configuration = BridgeProcess.Configure(folder, vault, anvil.Endpoint, keys, witness: "node");
        SealedBatch batch = Batches.Registration(vault.Domain);

        using BridgeProcess first = BridgeProcess.Start(configuration);
        await first.ExpectAsync("Prover bridge runs");
        File.WriteAllBytes(folder.File("drop"), SealedBatchFile.Write(batch));
        File.Move(folder.File("drop"), folder.File($"batches/{SealedBatchFile.NameOf(1)}"));
        string worker = (await first.ExpectAsync(@"Snarkjs worker (\d+) has loaded")).Groups[1].Value;
        // The data is on the chain before the proof exists.
        await first.ExpectAsync("Batch 1: commit included");
        using JobStore store = JobStore.Open(folder.File("state/jobs.db"), TimeProvider.System, Sample.Retry);
        await Sample.UntilAsync(() => store.Get(1)!.Stage == ProofStage.Proving);
        await first.KillAsync();
        await Sample.UntilAsync(() => !Directory.Exists($"/proc/{worker}"));

        // The next bridge calculates in its own process; nothing but the configuration says so.
        using BridgeProcess second = BridgeProcess.Start(BridgeProcess.Configure(folder, vault, anvil.Endpoint, keys));
        await second.ExpectAsync("Native witness library of .* loaded: [0-9]+ wires");
        string url = (await second.ExpectAsync(@"monitoring on (http://\S+)")).Groups[1].Value;
        await second.ExpectAsync("Batch 1: finalize included");

        VaultState state = await new Vault(anvil.Client, vault.Address).ReadStateAsync(default);
        Assert.Equal((1u, 1u), (state.LastCommitted, state.LastFinal));
        Assert.Equal((2, BatchStatus.Final), (store.Get(1)!.Attempts, store.Get(1)!.Settlement));
        Assert.DoesNotContain("commit included", second.Log, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(folder.File("state/work")));
        using (var http = new HttpClient())
        {
            Assert.Equal("""{"status":"ok","problems":[]}""", await http.GetStringAsync($"{url}/health"));
            Assert.Contains("prover_bridge_proof_seconds_count 1", await http.GetStringAsync($"{url}/metrics"), StringComparison.Ordinal);
            Assert.Equal(HttpStatusCode.NotFound, (await http.GetAsync(new Uri($"{url}/jobs"))).StatusCode);
        }

        Assert.DoesNotContain("Snarkjs worker", second.Log, StringComparison.Ordinal);
        Assert.Equal(0, await second.TerminateAsync());
        AssertNoSecrets(first.Log + second.Log, batch);
    }

    [AnvilFact]
    public async Task The_program_waits_for_a_chain_that_is_gone_and_goes_on_when_it_is_back()
    {
        (AnvilProcess anvil, LocalVault vault, string configuration) = await FactorsBridgeAsync();
        await using AnvilProcess _ = anvil;
        File.Copy((await FactorsCircuit.GetAsync()).Files.Wasm, folder.File("alone.wasm"));
        JsonNode withoutLibrary = JsonNode.Parse(File.ReadAllText(configuration))!;
        withoutLibrary["circuit"]!["wasm"] = "alone.wasm";
        File.WriteAllText(configuration, withoutLibrary.ToJsonString());
        using var relay = new TcpRelay(anvil.Endpoint);
        relay.Open();
        relay.Close();
        File.WriteAllText(configuration, File.ReadAllText(configuration).Replace(anvil.Endpoint.ToString(), relay.Endpoint.ToString(), StringComparison.Ordinal));
        using BridgeProcess bridge = BridgeProcess.Start(configuration);
        string url = (await bridge.ExpectAsync(@"monitoring on (http://\S+)")).Groups[1].Value;
        await bridge.ExpectAsync("Waiting .* for the chain: .*cannot be reached");
        using (var http = new HttpClient())
        using (HttpResponseMessage health = await http.GetAsync(new Uri($"{url}/health")))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, health.StatusCode);
            Assert.Contains("cannot be reached", await health.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }

        await vault.RegisterAsync(2, 5_000_000_000);
        await vault.RegisterAsync(3, 4_000_000_001);
        File.WriteAllBytes(folder.File($"batches/{SealedBatchFile.NameOf(1)}"), SealedBatchFile.Write(Batches.Registration(vault.Domain)));
        await bridge.ExpectAsync("Batch 1: queued");
        relay.Open();
        await bridge.ExpectAsync("Batch 1: commit included");
        // Without the library the bridge says so once, and Node calculates. This circuit cannot prove a batch: the job fails, waits, and is set aside.
        Assert.Single(Regex.Matches(bridge.Log, "No native witness library: .*is not there. Node.js calculates the witnesses, .*prover-bridge keys witness"));
        await bridge.ExpectAsync("Batch 1: attempt 1 failed: The snarkjs worker refused 'witness'");
        await bridge.ExpectAsync("Batch 1 is set aside: 5 attempts failed");
        AssertNoSecrets(bridge.Log, Batches.Registration(vault.Domain));
    }

    [AnvilFact]
    public async Task A_vault_of_another_operator_stops_the_program_with_its_own_exit_code()
    {
        (AnvilProcess anvil, _, string configuration) = await FactorsBridgeAsync();
        await using AnvilProcess _1 = anvil;
        File.Delete(folder.File("operator.json"));
        Ethereum.Keystore.Save(folder.File("operator.json"), AnvilProcess.Key(7), BridgeProcess.Password, Ethereum.ScryptCost.Light);
        using BridgeProcess bridge = BridgeProcess.Start(configuration);
        Assert.Equal(RunCommand.Halted, await bridge.WaitAsync());
        Assert.Contains("The bridge stops: The vault", bridge.Log, StringComparison.Ordinal);
        Assert.Contains("operator is", bridge.Log, StringComparison.Ordinal);
    }

    [AnvilFact]
    public async Task A_failure_that_nobody_foresaw_ends_the_program_as_a_failure()
    {
        (AnvilProcess anvil, _, string configuration) = await FactorsBridgeAsync();
        await using AnvilProcess _1 = anvil;
        using BridgeProcess bridge = BridgeProcess.Start(configuration);
        await bridge.ExpectAsync("Prover bridge runs");
        using (var connection = new SqliteConnection($"Data Source={folder.File("state/jobs.db")};Pooling=False"))
        {
            connection.Open();
            using SqliteCommand command = connection.CreateCommand();
            command.CommandText = "PRAGMA foreign_keys = OFF; DROP TABLE job";
            command.ExecuteNonQuery();
        }

        Assert.Equal(RunCommand.Failed, await bridge.WaitAsync());
        await bridge.ExpectAsync("no such table: job");
    }

    [AnvilFact]
    public async Task A_wrong_password_is_an_error_without_a_stack()
    {
        (AnvilProcess anvil, _, string configuration) = await FactorsBridgeAsync();
        await using AnvilProcess _1 = anvil;
        File.WriteAllText(folder.File("password"), "wrong");
        using BridgeProcess bridge = BridgeProcess.Start(configuration);
        Assert.Equal(1, await bridge.WaitAsync());
        await bridge.ExpectAsync("error: Keystore file .*: The password is wrong");
        Assert.DoesNotContain("   at ", bridge.Log, StringComparison.Ordinal);
    }

    /// <summary>A bridge whose vault has the key of the small circuit: everything but a proof works.</summary>
    private async Task<(AnvilProcess, LocalVault, string)> FactorsBridgeAsync()
    {
        FactorsCircuit circuit = await FactorsCircuit.GetAsync();
        AnvilProcess anvil = await LocalVault.StartChainAsync();
        LocalVault vault = await LocalVault.DeployAsync(anvil, CircuitProfile.Dev, circuit.Key);
        return (anvil, vault, BridgeProcess.Configure(folder, vault, anvil.Endpoint, circuit.Files));
    }

    private static void AssertNoSecrets(string log, SealedBatch batch)
    {
        string[] secrets =
        [
            Convert.ToHexStringLower(AnvilProcess.Key(LocalVault.OperatorKey).ExportSecret()), Convert.ToHexStringLower(AnvilProcess.Key(LocalVault.ProverKey).ExportSecret()), BridgeProcess.Password,
            .. batch.Blocks.Where(b => !b.Identity.ViewKey.IsZero).SelectMany(b => (string[])[b.Identity.ViewKey.ToString(), b.Identity.ViewKey.ToHex()[2..].TrimStart('0')]),
        ];
        Assert.True(secrets.Length > 3);
        Assert.Contains("Batch 1", log, StringComparison.Ordinal);
        Assert.All(secrets, secret => Assert.DoesNotContain(secret, log, StringComparison.OrdinalIgnoreCase));
    }
}
