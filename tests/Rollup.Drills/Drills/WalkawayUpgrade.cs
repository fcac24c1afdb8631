using System.Numerics;
using System.Text.Json.Nodes;
using Rollup.Api;
using Rollup.Client.Sequencer;
using Rollup.Ethereum;
using Rollup.Groth16;
using Rollup.Groth16.Formats;
using Rollup.Protocol;
using Rollup.TestSupport;

namespace Rollup.Drills;

/// <summary>spec 6.13 and 6.10: the circuit is another one in the middle of the history that owners leave by.</summary>
internal sealed class WalkawayUpgrade : Drill
{
    private const int OperationDeadline = 5, ProofDeadline = 1_200, Window = OperationDeadline + ProofDeadline, ExitWindow = 30 * 86_400;

    // The hosts' clocks do not move with the chain's: batches may be so much behind it that their proof deadline still allows them.
    private const int Ahead = ProofDeadline - 60;
    private const string Next = "demo";
    private const uint NextVersion = CircuitVersion.Value + 1;

    internal override string Name => "walkaway-upgrade";

    internal override string Shows => "The circuit is upgraded between two batches, the operator goes on and then vanishes; all leave from L1 alone, also an owner who was away since before the upgrade.";

    internal override async Task<string> RunAsync(DrillRun run)
    {
        RunningSystem system = await run.StartAsync(new SystemOptions(HasExits: true)
        {
            Deploy = ["--operation-deadline", $"{OperationDeadline}", "--proof-deadline", $"{ProofDeadline}", "--exit-window", $"{ExitWindow}"],
        });
        await system.NewWalletAsync("stranger", 0);
        JsonObject nextKeys = await system.KeysAsync(Next);
        string keyFile = (string)nextKeys["verificationKey"]!;
        VerifyingKey nextKey = SnarkJson.ReadVerifyingKey(await File.ReadAllBytesAsync(keyFile, run.Cancellation), keyFile);

        run.Step("three owners trade under the first circuit; one of them goes away");
        IReadOnlyList<Trader> owners = await system.JoinAsync(3, 20_000 * RunningSystem.Usd);
        (Trader buyer, Trader seller, Trader away) = (owners[0], owners[1], owners[2]);
        await system.SettleAsync();
        await away.BuyFromAsync(seller, RunningSystem.Put, 21, 1_300_000);
        await away.DepositAsync(RunningSystem.Spot, 7_001);
        await system.SettleAsync();

        run.Step($"another circuit is proposed: profile {Next}, version {NextVersion}; there are {Window} s to leave in, and trading goes on");
        Address upgrades = system.AddressOf("upgrades");
        Address verifier = (await system.Governor.DeployAsync(CompiledContracts.VerifierOf(nextKey).Code, run.Cancellation)).Contract;
        CircuitProfile profile = CircuitProfile.Named(Next);
        object[] upgrade = [new object[] { verifier, profile.Blocks, profile.Rows, profile.Operations, NextVersion }, default(Address)];
        await system.Governor.SendAsync(upgrades, UpgradesAbi.Propose, [upgrade], cancellation: run.Cancellation);
        await RefusedAsync(system, upgrades, UpgradesAbi.Activate.Encode([upgrade]), "TooEarly");
        await buyer.BuyFromAsync(seller, RunningSystem.BtcPerpetual, 31, RunningSystem.BtcPrice + 12_300);
        RequestResult left = await seller.OrderAsync(Side.Sell, RunningSystem.BtcPerpetual, 9, RunningSystem.BtcPrice - 100, slot: 150);
        DrillRun.Equal(RequestStatus.Resting, left.Status, "the seller's order");
        var from = (ulong)(BigInteger)(await system.Ethereum.CallAsync(upgrades, UpgradesAbi.From, [], cancellation: run.Cancellation))[0];
        await system.Anvil.AdvanceAsync(TimeSpan.FromSeconds(Ahead));
        await run.UntilAsync("the window is over", Window - Ahead + 60, async () =>
        {
            await system.Anvil.MineAsync(1);
            return (await system.Ethereum.GetBlockAsync(BlockTag.Latest, run.Cancellation))!.Timestamp >= from;
        });
        await system.SettleAsync();

        run.Step("sequencer and bridge are stopped, the circuit is upgraded, and both go on under it");
        string before = Path.Combine(run.Folder, "sequencer.before.json"), config = Path.Combine(run.Folder, "sequencer.json");
        BigInteger lastBefore = await system.LastFinalAsync();
        File.Copy(config, before);
        string[] arguments = ["upgrade", "--config", config, "--from", before];
        await system.StopAsync("prover-bridge");
        await system.StopAsync("sequencer");
        system.Configure("sequencer", c => (c["data"], c["spool"], c["profile"], c["chain"]!["circuitVersion"]) = ("sequencer-next", "spool-next", Next, NextVersion));
        system.Configure("prover-bridge", c =>
        {
            c["spool"] = "spool-next";
            c["circuit"] = new JsonObject
            {
                ["profile"] = Next, ["version"] = NextVersion, ["wasm"] = (string)nextKeys["wasm"]!, ["zkey"] = (string)nextKeys["zkey"]!, ["verificationKey"] = keyFile,
            };
        });
        Directory.CreateDirectory(Path.Combine(run.Folder, "spool-next"));
        (int code, _, string errors) = await HostProcess.RunAsync("sequencer", run.Cancellation, arguments);
        DrillRun.Expect(code == 2 && errors.Contains("not in force yet", StringComparison.Ordinal), "`sequencer upgrade` to be refused before the vault's upgrade", $"{code}: {errors.Trim()}");
        await system.Governor.SendAsync(upgrades, UpgradesAbi.Activate, [upgrade], cancellation: run.Cancellation);
        await HostProcess.SucceedAsync("sequencer", run.Cancellation, arguments);
        await system.StartSequencerAsync();
        await system.StartBridgeAsync();
        InfoView info = await system.Api.InfoAsync(run.Cancellation);
        DrillRun.Equal((NextVersion, Next), ((uint)info.CircuitVersion, info.Profile), "version and profile of the API");
        await run.UntilAsync("an epoch opens, once the registry's parameters are read", 30, async () => (await system.Api.HealthAsync(run.Cancellation)).Batch != 0);

        run.Step("what was signed for the first circuit is void; the owners who are there trade on");
        try
        {
            RequestResult found = await buyer.OrderAsync(Side.Buy, RunningSystem.BtcPerpetual, 9, RunningSystem.BtcPrice, OrderLife.Ioc);
            throw new DrillFailedException($"expected that nothing is left of the order in the book; found {found.Filled} lots of it");
        }
        catch (RefusedException refused) when (refused.Error.Code == (int)RejectCode.NoLiquidity)
        {
        }

        await buyer.BuyFromAsync(seller, RunningSystem.EthPerpetual, 400, RunningSystem.EthPrice - 1_700);
        await seller.BuyFromAsync(buyer, RunningSystem.BtcPerpetual, 11, RunningSystem.BtcPrice);
        await system.SettleAsync();
        await seller.DepositAsync(0, 123 * RunningSystem.Usd + 1);
        await run.UntilAsync("a deposit is final", 120, async () => await system.LastFinalAsync() > lastBefore + 1);
        await system.SettleAsync();
        BigInteger lastAfter = await system.LastFinalAsync();
        JsonObject verified = await system.VerifyAsync(away.KeyFile);
        DrillRun.Equal(2, verified["circuits"]!.AsArray().Count, "circuits that state-verifier found and judged by");
        IReadOnlyList<Worth> worth = await Leaving.WorthOfAllAsync(system);

        run.Step("the operator and all its data vanish, before and after the upgrade; all leave from L1 and key files alone");
        await system.KillAsync("prover-bridge");
        await system.KillAsync("sequencer");
        foreach (string folder in (string[])["sequencer", "sequencer-next", "spool", "spool-next", "bridge"]) Directory.Delete(Path.Combine(run.Folder, folder), recursive: true);
        await buyer.RequestWithdrawalAsync(0, 1);
        await system.Anvil.AdvanceAsync(TimeSpan.FromSeconds(OperationDeadline + 1));
        await system.Anybody.SendAsync(system.Vault, VaultAbi.Freeze, [], cancellation: run.Cancellation);
        Leaving leaving = await Leaving.PrepareAsync(system);
        foreach (Trader owner in owners)
        {
            await leaving.ProveAsync(owner, sends: owner == away);
            if (owner != away) await leaving.SendAsync(owner, "stranger");
        }

        await system.Anvil.AdvanceAsync(TimeSpan.FromSeconds(ExitWindow));
        BigInteger cash = await leaving.AvailableAsync(0), paid = 0, unitsPerLot = (await system.SpotAsync()).UnitsPerLot;
        foreach (Worth w in worth)
        {
            await leaving.PayAsync(w.Trader, "stranger");
            DrillRun.Equal(w.Cash, await leaving.ClaimAsync(w.Trader.Wallet, 0), $"cash of {w.Trader}, atoms");
            DrillRun.Equal(w.Spot * unitsPerLot, await leaving.ClaimAsync(w.Trader.Wallet, RunningSystem.Spot), $"ether of {w.Trader}");
            paid += w.Cash;
        }

        DrillRun.Expect(worth[2].Spot == 7_001 && worth[2].Instruments.Contains(RunningSystem.Put), "the owner who was away to hold ether and a put", string.Join(", ", worth[2].Instruments));
        DrillRun.Expect(paid <= cash, $"no more than {cash} atoms paid", $"{paid}");
        return $"batches 1 to {lastBefore} under version {CircuitVersion.Value}, to {lastAfter} under version {NextVersion} ({Next}); the state went on, orders of before did not; "
            + $"3 owners paid {paid} of {cash} atoms and {worth[2].Spot} lots of ether, one of them away since before the upgrade";
    }

    private static async Task RefusedAsync(RunningSystem system, Address contract, byte[] call, string error)
    {
        try
        {
            await system.Governor.SendAsync(contract, call, cancellation: system.Run.Cancellation);
        }
        catch (EthereumRpcException refused) when (refused.Revert is { } revert)
        {
            string said = VaultAbi.Describe(revert, UpgradesAbi.Errors);
            DrillRun.Expect(said.StartsWith(error, StringComparison.Ordinal), $"a refusal for {error}", said);
            return;
        }

        throw new DrillFailedException($"expected a refusal for {error}; found that it was accepted");
    }
}
