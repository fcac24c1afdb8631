using System.Globalization;
using System.Numerics;
using System.Text.Json.Nodes;
using Rollup.Ethereum;
using Rollup.Protocol;
using Rollup.Risk;
using Rollup.TestSupport;

namespace Rollup.Drills;

/// <summary>spec 10.6.</summary>
internal sealed class LyingOracleMinority : Drill
{
    private const int Nodes = 4, Threshold = 3, Liar = 3;

    internal override string Name => "lying-oracle-minority";

    internal override string Shows => "One of four oracle nodes lies: the medians and the margin hold, the vault gets its three signatures, and the liar is named; without three signatures no epoch opens, and what has executed is settled all the same.";

    internal override async Task<string> RunAsync(DrillRun run)
    {
        EthereumKey[] keys = [.. Enumerable.Range(0, Nodes).Select(_ => EthereumKey.Generate())];
        int[] ports = [.. keys.Select(_ => RunningSystem.FreePort())];
        var configs = new JsonObject[Nodes];
        RunningSystem system = await run.StartAsync(new SystemOptions(HasChallenges: true, HasWatcher: true)
        {
            Sequencer = config =>
            {
                for (int node = 0; node < Nodes; node++) configs[node] = ConfigOf(node, ports[node], config);
                config["epoch"]!["max"] = 8_000; // An epoch that none can follow is over soon.
                config["oracle"] = new JsonObject
                {
                    ["kind"] = "committee",
                    ["committee"] = new JsonObject
                    {
                        ["threshold"] = Threshold, ["signatures"] = Threshold,
                        ["nodes"] = new JsonArray([.. keys.Select((k, i) => new JsonObject { ["address"] = k.Address.ToString(), ["url"] = $"http://127.0.0.1:{ports[i]}/v1/report" })]),
                    },
                };
            },
        });
        string receipts = await AddressOfReceiptsAsync(system);
        run.Step("four oracle nodes, one of whom doubles the price of BTC; the vault names their committee");
        await using var processes = new Processes();
        for (int node = 0; node < Nodes; node++)
        {
            Keystore.Save(system.KeystoreOf($"oracle-{node}"), keys[node], KeystorePassword.FromFile(system.PasswordFile), ScryptCost.Light);
            configs[node]["attests"]!["sequencer"] = receipts;
            await File.WriteAllTextAsync(Path.Combine(run.Folder, $"oracle-{node}.json"), configs[node].ToJsonString(), run.Cancellation);
            await processes.StartAsync(run, node);
        }

        object[] members = [.. keys.Select(k => k.Address).OrderBy(a => a.ToString(), StringComparer.Ordinal).Cast<object>()];
        Address committee = (await system.Governor.DeployAsync([.. CompiledContracts.OracleCommittee.Code, .. CommitteeAbi.Constructor.EncodeArguments(members, Threshold, 10_000)])).Contract;
        await system.Governor.SendAsync(system.Vault, VaultAbi.SetCommittee, [committee], cancellation: run.Cancellation);

        IReadOnlyList<Trader> traders = await system.BeginAsync();
        RiskInputs inputs = await InputsOfLastAsync(system);
        DrillRun.Equal(RunningSystem.BtcPrice, inputs.Instruments.Single(t => t.Id == RunningSystem.BtcPerpetual).Index, "the committed index of BTC, atoms a lot");
        long value = (await traders[0].ViewAsync()).Value;
        DrillRun.Expect(value <= 10_000 * RunningSystem.Usd && value > 9_900 * RunningSystem.Usd, "a long's account worth what it is at the honest price", $"{value} atoms");
        DrillRun.Expect(system.LogOf("sequencer").Contains($"Oracle node {Liar} ({keys[Liar].Address}) reports prices far from the medians", StringComparison.Ordinal), "the liar's name in the sequencer's log", "none");
        string metrics = await MetricsAsync(system);
        DrillRun.Expect(metrics.Contains($"rollup_oracle_node_divergent{{node=\"{Liar}\"}} 1", StringComparison.Ordinal) && !metrics.Contains("divergent{node=\"0\"} 1", StringComparison.Ordinal), "the liar alone in the metrics", metrics);
        var final = (uint)await system.AskAsync<BigInteger>(VaultAbi.LastFinal);

        run.Step("an honest node is killed too: two signatures are too few");
        await processes.KillAsync(0);
        await traders[1].BuyFromAsync(traders[0], RunningSystem.EthPerpetual, 100, RunningSystem.EthPrice); // In the epoch that is open, and signed.
        await run.UntilAsync("the sequencer says which node does not sign why", 60, async () => (await system.Api.HealthAsync(run.Cancellation)).Problems.Any(p =>
            p.Contains("no epoch can open: of the committee's 4 nodes 3 must sign", StringComparison.Ordinal) && p.Contains($"node {Liar}: 409 a value of instrument", StringComparison.Ordinal)));
        await run.UntilAsync("what has executed is committed", 60, async () => (uint)await system.AskAsync<BigInteger>(VaultAbi.LastCommitted) == final + 1);
        DrillRun.Equal(0u, (await system.Api.HealthAsync(run.Cancellation)).Batch, "the open batch");

        run.Step("it comes back: three sign again, and trading goes on");
        await processes.StartAsync(run, 0);
        await run.UntilAsync("an epoch opens", 60, async () => (await system.Api.HealthAsync(run.Cancellation)).Batch == final + 2);
        await traders[0].BuyFromAsync(traders[1], RunningSystem.EthPerpetual, 50, RunningSystem.EthPrice);
        await system.SettleAsync();
        var last = (uint)await system.AskAsync<BigInteger>(VaultAbi.LastFinal);
        DrillRun.Expect(last >= final + 2, "two more final batches", $"{last - final}");
        DrillRun.Expect(!await system.IsFrozenAsync() && system.Alerts().Count == 0, "a vault that goes on, and a watcher with nothing to say", string.Join("; ", system.Alerts().Select(a => a.Text)));
        foreach (EthereumKey key in keys) key.Dispose();
        return string.Create(CultureInfo.InvariantCulture, $"{final} batches final at the honest medians, node {Liar} named; with two signatures none opens and what had executed is settled, with three again {last - final - 1} more");
    }

    private static JsonObject ConfigOf(int node, int port, JsonObject sequencer)
    {
        var source = (JsonObject)sequencer["oracle"]!.DeepClone();
        if (node == Liar) source["prices"]!["BTCUSDT"] = "120000";
        return new JsonObject
        {
            ["node"] = node, ["chainId"] = AnvilProcess.ChainId, ["vault"] = (string)sequencer["chain"]!["vault"]!, ["keystore"] = $"session/oracle-{node}.keystore.json", ["passwordFile"] = "session/password",
            ["listen"] = $"http://127.0.0.1:{port}", ["intervalMilliseconds"] = 200,
            ["markets"] = new JsonArray(new JsonObject { ["group"] = 1, ["market"] = "BTCUSDT" }, new JsonObject { ["group"] = 2, ["market"] = "ETHUSDT" }),
            ["source"] = source, ["attests"] = new JsonObject { ["memory"] = $"oracle-{node}.observed", ["instruments"] = sequencer["instruments"]!.DeepClone() },
        };
    }

    private static Task<string> AddressOfReceiptsAsync(RunningSystem system)
    {
        using EthereumKey key = Keystore.Load(system.KeystoreOf("receipts"), KeystorePassword.FromFile(system.PasswordFile));
        return Task.FromResult(key.Address.ToString());
    }

    private static async Task<RiskInputs> InputsOfLastAsync(RunningSystem system)
    {
        var batch = (uint)await system.AskAsync<BigInteger>(VaultAbi.LastFinal);
        byte[] sealedFile = await File.ReadAllBytesAsync(Path.Combine(system.Run.Folder, "spool", Engine.SealedBatchFile.NameOf(batch)), system.Run.Cancellation);
        return RiskInputs.TryDecode(Engine.SealedBatchFile.Read(sealedFile).RiskInputs.AsSpan(), out RiskInputs inputs, out string problem) ? inputs : throw new DrillFailedException(problem);
    }

    private static async Task<string> MetricsAsync(RunningSystem system)
    {
        using var http = new HttpClient();
        return await http.GetStringAsync(new Uri(system.Endpoint, "metrics"), system.Run.Cancellation);
    }

    private sealed class Processes : IAsyncDisposable
    {
        private readonly HostProcess?[] nodes = new HostProcess?[Nodes];

        internal async Task StartAsync(DrillRun run, int node)
        {
            nodes[node] = HostProcess.StartAs($"oracle-{node}", "sequencer", run.Folder, "oracle-node", "--config", Path.Combine(run.Folder, $"oracle-{node}.json"));
            await nodes[node]!.Ready.WaitAsync(TimeSpan.FromSeconds(60), run.Cancellation);
        }

        internal async Task KillAsync(int node)
        {
            await nodes[node]!.DisposeAsync();
            nodes[node] = null;
        }

        public async ValueTask DisposeAsync()
        {
            foreach (HostProcess? node in nodes)
                if (node is not null) await node.DisposeAsync();
        }
    }
}
