using System.Numerics;
using System.Text.Json.Nodes;
using Rollup.Ethereum;

namespace Rollup.Drills;

/// <summary>spec 10.2.</summary>
internal sealed class WithheldProof : Drill
{
    internal override string Name => "withheld-proof";

    internal override string Shows => "A stake demands a proof: given in time it is the operator's, given not at all it takes the bond and freezes the vault.";

    internal override async Task<string> RunAsync(DrillRun run)
    {
        const int patience = 600;
        RunningSystem system = await run.StartAsync(new SystemOptions(HasChallenges: true, HasWatcher: true) { Watcher = config => config["unprovenSeconds"] = patience });
        IReadOnlyList<Trader> traders = await system.BeginAsync();

        run.Step("a batch waits for its proof, is challenged, and proven in time");
        uint first = await WithholdAsync();
        await system.StartBridgeAsync();
        await run.UntilAsync("the proof ends the challenge, and the stake is the operator's side's", 180, async () => await system.RewardOfAsync("guarantor") > 0);
        DrillRun.Equal(OperatorsHand.Stake, await system.RewardOfAsync("guarantor"), "the guarantor is owed, atoms");
        DrillRun.Equal(BigInteger.Zero, await system.RewardOfAsync("watcher"), "the watcher is owed, atoms");
        DrillRun.Equal(OperatorsHand.Bond, await system.BondAsync(), "the bond");
        DrillRun.Expect(!await system.IsFrozenAsync(), "a vault that goes on", "a frozen one");
        await system.SettleAsync();

        run.Step("the next one is never proven");
        uint second = await WithholdAsync();
        await system.Anvil.AdvanceAsync(TimeSpan.FromSeconds(OperatorsHand.UrgentDeadline + 1));
        await run.UntilAsync("the vault is frozen", 60, system.IsFrozenAsync);
        DrillRun.Equal(second - 1, await system.AskAsync<BigInteger>(VaultAbi.LastFinal), "the last final batch");
        DrillRun.Equal(OperatorsHand.Bond / 2 + OperatorsHand.Stake, await system.RewardOfAsync("watcher"), "the watcher is owed half of the bond and its stake, atoms");
        return $"batch {first} proven in time: the stake of {OperatorsHand.Stake} atoms is the guarantor's; batch {second} not proven: frozen at {second - 1}, {OperatorsHand.Bond / 2} atoms and the stake to the watcher";

        // Commits, and waits until the watcher has lost its patience.
        async Task<uint> WithholdAsync()
        {
            await system.KillAsync("prover-bridge");
            await traders[1].BuyFromAsync(traders[0], RunningSystem.EthPerpetual, 100, RunningSystem.EthPrice);
            uint batch = await system.CommitNextAsync();
            await system.Anvil.AdvanceAsync(TimeSpan.FromSeconds(patience + 1));
            await run.UntilAsync("the watcher challenges it", 60, async () =>
                !((Rollup.Protocol.Address)(await system.Ethereum.CallAsync(system.AddressOf("challenges"), ChallengesAbi.Demands, [batch], cancellation: run.Cancellation))[0]).IsZero);
            return batch;
        }
    }
}
