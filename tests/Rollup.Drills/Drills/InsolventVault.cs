using System.Numerics;
using Rollup.Ethereum;
using Rollup.TestSupport;

namespace Rollup.Drills;

/// <summary>spec 6.10, with less in the vault than accounts hold.</summary>
internal sealed class InsolventVault : Drill
{
    private const int ExitWindow = 86_400;
    private static readonly AbiFunction Transfer = AbiFunction.Parse("transfer(address to,uint256 value)(bool)");

    internal override string Name => "insolvent-vault";

    internal override string Shows => "A third of the vault's cash vanishes; everybody sees it, and every owner gets the same share, whoever comes first.";

    internal override async Task<string> RunAsync(DrillRun run)
    {
        RunningSystem system = await run.StartAsync(new SystemOptions(HasExits: true)
        {
            Deploy = ["--operation-deadline", "3600", "--proof-deadline", "7200", "--exit-window", $"{ExitWindow}"],
        });
        await system.NewWalletAsync("stranger", 0);
        IReadOnlyList<Trader> owners = await system.JoinAsync(5, 9_000 * RunningSystem.Usd);
        await system.SettleAsync();
        await owners[1].DepositAsync(0, 1_234_567_891);
        await owners[2].DepositAsync(0, 55 * RunningSystem.Usd + 1);
        await owners[0].BuyFromAsync(owners[1], RunningSystem.BtcPerpetual, 33, RunningSystem.BtcPrice + 500_000);
        await owners[2].BuyFromAsync(owners[3], RunningSystem.Put, 21, 1_300_000);
        await owners[4].WithdrawAsync(0, 500 * RunningSystem.Usd);
        await system.SettleAsync();
        IReadOnlyList<Worth> worth = await Leaving.WorthOfAllAsync(system);
        Leaving leaving = await Leaving.PrepareAsync(system);
        string[] solvency = ["solvency", "--rpc", system.Anvil.Endpoint.ToString(), "--vault", Eip55.Format(system.Vault), "--from-block", $"{system.FromBlock}"];
        await HostProcess.SucceedAsync("state-verifier", run.Cancellation, solvency);

        run.Step("a third of the cash leaves the vault as no contract of ours would let it");
        BigInteger held = await system.VaultClient.BalanceAsync(system.Vault, 0, run.Cancellation), lost = held / 3 + 7;
        await LocalVault.SendAsAsync(system.Anvil, system.Vault, system.Cash, Transfer.Encode(AnvilProcess.Key(9).Address, lost));
        (int code, _, string errors) = await HostProcess.RunAsync("state-verifier", run.Cancellation, solvency);
        DrillRun.Expect(code == 27 && errors.Contains("less of asset 0", StringComparison.Ordinal), "state-verifier solvency to end with 27", $"{code}: {errors.Trim()}");

        run.Step("the operator goes, the vault freezes, four of five owners register, two by a stranger");
        await system.KillAsync("sequencer");
        await system.KillAsync("prover-bridge");
        await owners[0].RequestWithdrawalAsync(0, 1);
        await system.Anvil.AdvanceAsync(TimeSpan.FromSeconds(3_601));
        await system.Anybody.SendAsync(system.Vault, VaultAbi.Freeze, [], cancellation: run.Cancellation);
        for (int i = 0; i < owners.Count; i++) await leaving.ProveAsync(owners[i], sends: i < 2);
        await leaving.SendAsync(owners[2], "stranger");
        await leaving.SendAsync(owners[3], "stranger");
        await system.Anvil.AdvanceAsync(TimeSpan.FromSeconds(ExitWindow));
        await leaving.SendAsync(owners[4], "stranger"); // Too late to share.

        run.Step("they are paid in one order, and, the chain set back, in the other");
        BigInteger available = await leaving.AvailableAsync(0), claims = worth.Take(4).Aggregate(BigInteger.Zero, (sum, w) => sum + w.Cash);
        BigInteger waiting = await system.AskAsync<BigInteger>(VaultAbi.RequestDeposit), credited = await owners[4].CreditsAsync(0);
        DrillRun.Equal(held - lost - credited, available, "cash for exits, atoms");
        DrillRun.Expect(available < claims, "claims that exceed it", $"{claims}");
        string fork = await system.Anvil.SnapshotAsync();
        foreach (IEnumerable<Trader> order in (IEnumerable<Trader>[])[owners, owners.Reverse()])
        {
            foreach (Trader owner in order) await leaving.PayAsync(owner, "stranger");
            for (int i = 0; i < 4; i++) DrillRun.Equal(worth[i].Cash * available / claims, await owners[i].CreditsAsync(0), $"cash of {owners[i]}, atoms");
            DrillRun.Equal(credited, await owners[4].CreditsAsync(0), "what the late owner withdrew before, and nothing more, atoms");
            if (order == owners) await system.Anvil.RevertAsync(fork);
        }

        BigInteger paid = 0;
        foreach (Trader owner in owners.Take(4)) paid += await leaving.ClaimAsync(owner.Wallet, 0);
        DrillRun.Equal(credited, await leaving.ClaimAsync(owners[4].Wallet, 0), "cash of the late owner, atoms");
        BigInteger dust = available - paid;
        DrillRun.Expect(dust >= 0 && dust < 4, "less than an atom an owner left", $"{dust} atoms");
        await leaving.RefundAllAsync(system.Anybody);
        DrillRun.Equal(waiting, await leaving.ClaimAsync(owners[0].Wallet, 0), "the deposit of the request that nobody served, atoms");
        DrillRun.Equal(dust, await system.VaultClient.BalanceAsync(system.Vault, 0, run.Cancellation), "cash that stays, atoms");
        return $"{claims} atoms claimed, {available} there after a loss of {lost}: each of four got {100m * (decimal)available / (decimal)claims:0.0000}% in either order, dust {dust} atoms; "
            + $"the withdrawal of before and the deposit of a request were paid whole";
    }
}
