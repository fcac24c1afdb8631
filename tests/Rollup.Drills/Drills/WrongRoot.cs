using Rollup.Ethereum;
using Rollup.Protocol;

namespace Rollup.Drills;

/// <summary>spec 10.2, 12.4.</summary>
internal sealed class WrongRoot : Drill
{
    internal override string Name => "wrong-root";

    internal override string Shows => "An operator who commits a root that the data do not give cannot prove it: the watcher sees it at once, and the vault freezes at the last final root.";

    internal override async Task<string> RunAsync(DrillRun run)
    {
        RunningSystem system = await run.StartAsync(new SystemOptions(HasChallenges: true, HasWatcher: true));
        IReadOnlyList<Trader> traders = await system.BeginAsync();
        var final = await system.AskAsync<System.Numerics.BigInteger>(VaultAbi.LastFinal);

        run.Step("the operator commits another root than the data's");
        await system.KillAsync("prover-bridge");
        await traders[1].BuyFromAsync(traders[0], RunningSystem.EthPerpetual, 100, RunningSystem.EthPrice);
        await system.NextSealedAsync();
        await system.KillAsync("sequencer"); // It would stop by itself: the vault shows a batch that it never sealed.
        const int newRoot = 3;
        uint batch = await system.CommitNextAsync(draft => draft.Words[newRoot] += Fr.One);
        await run.UntilAsync("the watcher stakes on there being no proof", 60, () => Task.FromResult(system.Alerts().Any(a => a.Text.StartsWith("challengeUnproven was sent", StringComparison.Ordinal))));
        DrillRun.Expect(system.Alerts()[0].Text.Contains("do not lead to its new root", StringComparison.Ordinal), "the leaves as the reason", system.Alerts()[0].Text);
        DrillRun.Expect(!await system.IsFrozenAsync(), "time for a proof", "a frozen vault");
        await system.Anvil.AdvanceAsync(TimeSpan.FromSeconds(OperatorsHand.UrgentDeadline + 1));
        await run.UntilAsync("the vault is frozen", 60, system.IsFrozenAsync);

        DrillRun.Equal(final, await system.AskAsync<System.Numerics.BigInteger>(VaultAbi.LastFinal), "the last final batch");
        DrillRun.Equal(OperatorsHand.Bond / 2 + OperatorsHand.Stake, await system.RewardOfAsync("watcher"), "the watcher's half of the bond and its stake, atoms");
        DrillRun.Equal(0, await system.BondAsync(), "what is left of the bond");
        return $"batch {batch} challenged before any proof was due, frozen at batch {final}; the watcher is owed {OperatorsHand.Bond / 2} atoms and its stake";
    }
}
