using System.Numerics;
using Rollup.Api;
using Rollup.Ethereum;

namespace Rollup.Drills;

/// <summary>spec 6.10, with the operator gone for good.</summary>
internal sealed class Walkaway : Drill
{
    private const int Owners = 22, ExitWindow = 30 * 86_400;

    internal override string Name => "walkaway";

    internal override string Shows => "The operator and all its data are gone; 22 owners of spot, perpetuals and options leave with what is theirs, from L1 and their key files alone.";

    internal override async Task<string> RunAsync(DrillRun run)
    {
        RunningSystem system = await run.StartAsync(new SystemOptions("demo", HasExits: true)
        {
            Deploy = ["--operation-deadline", "3600", "--proof-deadline", "7200", "--exit-window", $"{ExitWindow}"],
        });
        await system.NewWalletAsync("stranger", 0);
        run.Step($"{Owners} owners register; five of them deposit ether");
        IReadOnlyList<Trader> owners = await system.JoinAsync(Owners, 20_000 * RunningSystem.Usd);
        await system.SettleAsync();
        for (int i = 0; i < 5; i++) await owners[i].DepositAsync(RunningSystem.Spot, 30_000 + 1_111 * i);
        await system.SettleAsync();

        run.Step("everybody trades: spot, perpetuals, options");
        for (int i = 5; i < Owners; i++)
        {
            Trader other = owners[i % 5];
            if (i % 3 == 0) await owners[i].BuyFromAsync(other, RunningSystem.Spot, 1_000 + i, RunningSystem.SpotPrice + 17 * i);
            if (i % 3 != 1) await owners[i].BuyFromAsync(other, RunningSystem.BtcPerpetual, 10 + i, RunningSystem.BtcPrice + 1_300 * i);
            if (i % 3 != 2) await other.BuyFromAsync(owners[i], RunningSystem.EthPerpetual, 100 + i, RunningSystem.EthPrice + 70 * i);
            if (i % 2 == 0) await owners[i].BuyFromAsync(other, RunningSystem.Call, 3 + i, 1_500_000 + 1_000 * i);
            else await owners[i].BuyFromAsync(other, RunningSystem.Put, 2 + i, 1_200_000 + 1_000 * i);
        }

        // His ether has to make up for it.
        Trader borrower = owners[0], maker = owners[^1], late = owners[^2];
        run.Step("one owner takes his cash out and buys above the mark, so that he owes cash and holds ether");
        await system.SettleAsync();
        BigInteger own = (await Leaving.WorthOfAllAsync(system))[0].Equity;
        await borrower.WithdrawAsync(0, (long)own - 100 * RunningSystem.Usd);
        await system.SettleAsync(); // Whoever withdraws ends the batch with money of his own.
        await borrower.BuyFromAsync(maker, RunningSystem.EthPerpetual, 2_000, RunningSystem.EthPrice + 150_000);
        await system.SettleAsync();
        IReadOnlyList<Worth> worth = await Leaving.WorthOfAllAsync(system);
        DrillRun.Expect(worth[0].Equity < 0 && worth[0].Spot > 0 && worth.Skip(1).All(w => w.Equity > 0), "one owner who owes cash, and 21 who do not", string.Join(", ", worth.Select(w => w.Equity)));
        DrillRun.Expect(worth.SelectMany(w => w.Instruments).Distinct().Count() == 5, "positions in all five instruments", "fewer");
        BigInteger others = (await system.Api.AccountAsync(0, run.Cancellation)).Cash + (await system.Api.AccountAsync(1, run.Cancellation)).Cash; // Fees and fund: nobody's to take out.
        BigInteger withdrawn = await borrower.CreditsAsync(0);

        run.Step("the prover bridge is killed; a trade goes on, a deposit and a request wait; the sequencer is killed, and everything of the operator's is deleted");
        await system.KillAsync("prover-bridge");
        await maker.BuyFromAsync(owners[5], RunningSystem.BtcPerpetual, 10, RunningSystem.BtcPrice); // Never on the chain, so void.
        await system.KillAsync("sequencer");
        const long waiting = 777 * RunningSystem.Usd;
        await owners[6].DepositAsync(0, waiting);
        await owners[7].RequestWithdrawalAsync(0, 1_000 * RunningSystem.Usd);
        foreach (string folder in (string[])["sequencer", "spool", "prover-bridge", "bridge"])
            if (Path.Combine(run.Folder, folder) is var path && Directory.Exists(path)) Directory.Delete(path, recursive: true);
        File.Delete(system.KeystoreOf("operator"));
        await system.Anvil.AdvanceAsync(TimeSpan.FromSeconds(3_601));
        await system.Anybody.SendAsync(system.Vault, VaultAbi.Freeze, [], cancellation: run.Cancellation);

        run.Step($"{Owners} exits are proven, one after the other; every other is sent by a stranger");
        Leaving leaving = await Leaving.PrepareAsync(system);
        for (int i = 0; i < Owners; i++)
        {
            bool sendsAlone = i % 2 == 0 && owners[i] != late;
            await leaving.ProveAsync(owners[i], sends: sendsAlone);
            if (!sendsAlone && owners[i] != late) await leaving.SendAsync(owners[i], "stranger");
        }

        (BigInteger soldLots, BigInteger soldFor) = await leaving.SellWithheldAsync(system.Anybody);
        DrillRun.Equal(worth[0].Lots - worth[0].Spot, soldLots, "ether withheld for the debt, lots");

        run.Step("the window of registrations is over; one owner comes late; everybody is paid");
        await system.Anvil.AdvanceAsync(TimeSpan.FromSeconds(ExitWindow));
        await leaving.SendAsync(late, "stranger");
        BigInteger cash = await leaving.AvailableAsync(0), ether = await leaving.AvailableAsync(RunningSystem.Spot);
        foreach (Trader owner in owners) await leaving.PayAsync(owner, "stranger");
        DrillRun.Equal(2, (await leaving.RefundAllAsync(system.Anybody)).Count, "operations that no batch took");

        BigInteger paidCash = 0, paidLots = 0;
        BigInteger deposit = await system.AskAsync<BigInteger>(VaultAbi.RequestDeposit), unitsPerLot = (await system.SpotAsync()).UnitsPerLot;
        foreach (Worth w in worth)
        {
            BigInteger back = w.Trader == owners[6] ? waiting : w.Trader == owners[7] ? deposit : w.Trader == borrower ? withdrawn : 0;
            DrillRun.Equal(w.Cash, await leaving.ClaimAsync(w.Trader.Wallet, 0) - back, $"cash of {w.Trader}, atoms");
            DrillRun.Equal(w.Spot * unitsPerLot, await leaving.ClaimAsync(w.Trader.Wallet, RunningSystem.Spot), $"ether of {w.Trader}");
            (paidCash, paidLots) = (paidCash + w.Cash, paidLots + w.Spot);
        }

        // What stays: fees, fund, and what the debt was less than the whole lots sold for it.
        BigInteger dust = soldFor + worth[0].Equity, left = await system.VaultClient.BalanceAsync(system.Vault, 0, run.Cancellation);
        DrillRun.Equal(soldLots * unitsPerLot, await leaving.ClaimAsync(system.Anybody, RunningSystem.Spot), "ether of the buyer");
        BigInteger leftEther = await system.VaultClient.BalanceAsync(system.Vault, RunningSystem.Spot, run.Cancellation);
        DrillRun.Equal(cash - paidCash, left, "cash that stays in the vault, atoms");
        DrillRun.Equal(others + dust, left, "fees, fund and dust, atoms");
        DrillRun.Expect(dust >= 0 && dust <= RunningSystem.SpotPrice * 101 / 100, "dust of less than a lot of ether", $"{dust} atoms");
        DrillRun.Equal(BigInteger.Zero, ether - paidLots, "lots of ether not paid");
        DrillRun.Equal(BigInteger.Zero, leftEther, "ether that stays in the vault");
        return $"{Owners} owners paid {paidCash} of {cash} atoms and {paidLots} of {ether} lots of ether; {soldLots} lots sold for a debt of {-worth[0].Equity}; "
            + $"{others} atoms of fees and fund stay, dust {dust} atoms, 0 lots";
    }
}
