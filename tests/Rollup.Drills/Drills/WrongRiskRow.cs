using System.Numerics;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Rollup.Ethereum;
using Rollup.Risk;

namespace Rollup.Drills;

/// <summary>spec 10.3.</summary>
internal sealed class WrongRiskRow : Drill
{
    internal override string Name => "wrong-risk-row";

    internal override string Shows => "An operator who commits other prices than the risk table is made of is refuted by one row: the watcher finds it, proves it, and the vault freezes.";

    internal override async Task<string> RunAsync(DrillRun run)
    {
        Peer? peer = null;
        JsonObject? keys = null;
        RunningSystem system = await run.StartAsync(new SystemOptions(HasChallenges: true)
        {
            Watcher = config =>
            {
                peer!.Configure(config);
                string zkey = (string)keys!["zkey"]!;
                config["rowProof"] = new JsonObject { ["provingKey"] = zkey, ["sha256"] = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(zkey))), ["circuit"] = (string)keys["wasm"]! };
            },
        });
        keys = await system.KeysAsync("row");
        await using Peer network = peer = await Peer.StartAsync(system);
        await system.StartWatcherAsync();
        IReadOnlyList<Trader> traders = await system.BeginAsync();
        var final = await system.AskAsync<BigInteger>(VaultAbi.LastFinal);

        run.Step("the operator publishes a higher price of BTC than the table that margins are held to");
        await system.KillAsync("prover-bridge");
        await traders[1].BuyFromAsync(traders[0], RunningSystem.EthPerpetual, 100, RunningSystem.EthPrice);
        byte[] honest = [];
        uint batch = await system.CommitNextAsync(draft =>
        {
            honest = draft.RiskInputs;
            if (!RiskInputs.TryDecode(honest, out RiskInputs inputs, out string problem)) throw new DrillFailedException(problem);
            draft.RiskInputs = (inputs with { Instruments = [.. inputs.Instruments.Select(t => t.Id == RunningSystem.BtcPerpetual ? t with { Mark = t.Mark + t.Mark / 50 } : t)] }).Encode();
        });
        network.PublishRisk(honest); // As the sequencer told the network when the epoch opened.
        await run.UntilAsync("the watcher freezes the vault", 120, system.IsFrozenAsync);

        await run.UntilAsync("the watcher tells that it sent a row", 30, () => Task.FromResult(system.Alerts().Any(a => a.Text.StartsWith("challengeRow was sent", StringComparison.Ordinal))));
        DrillRun.Expect(system.Alerts()[0].Text.Contains("do not give its risk root", StringComparison.Ordinal), "the root as the reason", system.Alerts()[0].Text);
        DrillRun.Expect(system.LogOf("watcher").Contains("row of instrument", StringComparison.Ordinal), "a proven row in the watcher's log", "none");
        DrillRun.Equal(final, await system.AskAsync<BigInteger>(VaultAbi.LastFinal), "the last final batch");
        DrillRun.Equal(OperatorsHand.Bond / 2, await system.RewardOfAsync("watcher"), "the watcher's half of the bond, atoms");
        return $"batch {batch} refuted by a proven row of the table, frozen at batch {final}; the watcher is owed {OperatorsHand.Bond / 2} atoms";
    }
}
