using System.Text.Json.Nodes;
using Rollup.Crypto.Settlement;
using Rollup.Ethereum;
using Rollup.Protocol;
using Rollup.StateVerifier.Accounts;
using Rollup.StateVerifier.Chain;
using Rollup.StateVerifier.Checks;
using Rollup.StateVerifier.Commands;
using Rollup.TestSupport;

namespace Rollup.StateVerifier.Tests;

/// <summary><see cref="Honest"/> history settled by the real vault and verifier contracts on a local chain, and verified from it.</summary>
public sealed class LocalChainTests : IDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("rollup-verifier-");
    private readonly StringWriter output = new(), errors = new();

    public void Dispose()
    {
        folder.Delete(recursive: true);
        output.Dispose();
        errors.Dispose();
    }

    [AnvilFact]
    public async Task The_contracts_history_verifies_and_its_changed_copies_do_not()
    {
        await using AnvilProcess anvil = await LocalVault.StartChainAsync();
        LocalVault vault = await LocalVault.DeployAsync(anvil, Honest.Profile, KnownKey.Key);
        (IReadOnlyList<CommitDraft> drafts, IReadOnlyList<Fr> roots, IReadOnlyDictionary<int, LeafContents> contents) = Honest.Make(vault.DomainOf);
        await SettleAsync(anvil, vault, drafts);

        var source = new ChainSource(anvil.Client, vault.Address, 0, BlockTag.Latest);
        var query = new AccountQuery(FakeVault.KeyOf(2));
        var batches = new List<BatchReport>();
        VerifiedHistory history = await HistoryCheck.RunAsync(source, new Pins(AnvilProcess.ChainId), query, onBatch: batches.Add);
        Assert.Equal([BatchStatus.Final, BatchStatus.Final, BatchStatus.Final, BatchStatus.Proven, BatchStatus.Committed], batches.Select(b => b.Status));
        Assert.Equal(roots[Honest.Final], history.Chain.FinalRoot);
        Assert.Equal(6, history.Events.Operations.Count);
        Assert.Equal(contents[2], Assert.Single(AccountStatement.Of(history, query)).Contents);

        string key = Path.Combine(folder.FullName, "key.json"), copy = Path.Combine(folder.FullName, "copy");
        await File.WriteAllTextAsync(key, FakeVault.KeyOf(3).ToJson());
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(key, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        string[] live = ["--rpc", anvil.Endpoint.ToString(), "--vault", vault.Address.ToString()];
        Assert.Equal(0, await RunAsync(["verify", .. live, "--key", key]));
        Assert.Equal(0, await RunAsync(["verify", .. live, "--key", key, "--finalized"]));
        Assert.Equal(0, await RunAsync(["fetch", .. live, "--out", copy]));
        Assert.Equal(ExitCode.Usage, await RunAsync(["fetch", .. live, "--out", copy]));
        Assert.Equal(0, await RunAsync(["verify", "--data", copy, "--key", key]));
        Assert.Equal((int)Check.Parameters, await RunAsync(["verify", "--rpc", anvil.Endpoint.ToString(), "--vault", vault.Cash.ToString()]));

        string batch = Path.Combine(copy, "batches", "00000002.json"), text = await File.ReadAllTextAsync(batch);
        (byte[] Input, int Byte, Check Check)[] changes = [(drafts[1].Encode(), 4 + 32 * 20, Check.Data), (ProofOf(2, drafts[1]), 100, Check.Proof)];
        foreach ((byte[] input, int at, Check check) in changes)
        {
            byte[] changed = [.. input];
            changed[at] ^= 1;
            Assert.Contains(Hex.Format(input), text, StringComparison.Ordinal);
            await File.WriteAllTextAsync(batch, text.Replace(Hex.Format(input), Hex.Format(changed), StringComparison.Ordinal));
            Assert.Equal((int)check, await RunAsync(["verify", "--data", copy, "--key", key]));
        }

        await anvil.StopAsync();
        Assert.Equal(ExitCode.Unreachable, await RunAsync(["verify", .. live]));
    }

    [AnvilFact]
    public async Task A_vault_that_lost_what_it_owes_is_not_solvent_and_the_asset_is_named()
    {
        await using AnvilProcess anvil = await LocalVault.StartChainAsync();
        LocalVault vault = await LocalVault.DeployAsync(anvil, Honest.Profile, KnownKey.Key);
        // Batches 4 and 5 are final as well, so that accounts hold spot too.
        await SettleAsync(anvil, vault, Honest.Make(vault.DomainOf).Drafts, final: Honest.Batches);
        string[] solvency = ["solvency", "--rpc", anvil.Endpoint.ToString(), "--vault", vault.Address.ToString()];
        Assert.Equal(0, await RunAsync(solvency));
        Assert.Empty(errors.ToString());
        // Explorers get both sums of each asset, and what accounts hold after each final batch.
        output.GetStringBuilder().Clear();
        Assert.Equal(0, await RunAsync(["batches", .. solvency[1..], "--json"]));
        JsonNode report = JsonNode.Parse(output.ToString())!;
        JsonNode[] assets = [.. report["assets"]!.AsArray().Select(a => a!)], batches = [.. report["batches"]!.AsArray().Select(b => b!)];
        Assert.Equal([0, BatchFactory.EthSpot], assets.Select(a => (int)a["asset"]!));
        Assert.All(assets, a => Assert.Equal(((string)a["accountsHold"]!, (string)a["accountsHold"]!), ((string)a["vaultCounts"]!, (string)a["vaultHas"]!)));
        Assert.Equal(assets.Select(a => (string)a["accountsHold"]!), batches[^1]["accountsHold"]!.AsObject().Select(a => (string)a.Value!));
        Assert.Equal("17000000003", (string)batches[0]["accountsHold"]!["0"]!);
        Assert.NotEqual("17000000003", (string)assets[0]["accountsHold"]!);

        AbiFunction transfer = AbiFunction.Parse("transfer(address to,uint256 amount)");
        foreach ((int asset, Address token, long owed) in ((int, Address, long)[])[(0, vault.Cash, 1), (BatchFactory.EthSpot, vault.Eth, LocalVault.EthUnitsPerLot)])
        {
            string before = await anvil.SnapshotAsync();
            await vault.SendAsAsync(vault.Address, token, transfer.Encode(AnvilProcess.Key(9).Address, owed)); // As nothing in the vault would.
            errors.GetStringBuilder().Clear();
            Assert.Equal((int)Check.Solvency, await RunAsync(solvency));
            Assert.Contains($"the vault has less of asset {asset} than accounts hold", errors.ToString(), StringComparison.Ordinal);
            await anvil.RevertAsync(before);
        }

        Assert.Equal(0, await RunAsync(solvency));
    }

    [AnvilFact]
    public async Task A_circuit_is_upgraded_in_the_middle_and_the_history_verifies()
    {
        await using AnvilProcess anvil = await LocalVault.StartChainAsync(early: LocalVault.UpgradeWindow);
        LocalVault vault = await LocalVault.DeployAsync(anvil, Honest.Profile, KnownKey.Key);
        LocalUpgrade proposed = await vault.ProposeAsync(Honest.NextProfile, Honest.NextKey, Honest.NextVersion);
        await anvil.AdvanceAsync(TimeSpan.FromSeconds(LocalVault.UpgradeWindow));
        (IReadOnlyList<CommitDraft> drafts, IReadOnlyList<Fr> roots, _) = Honest.Make(vault.DomainOf, upgrade: true);
        CommitDraft old = Honest.Make(vault.DomainOf).Drafts[Honest.Final];
        await SettleAsync(anvil, vault, drafts, async () =>
        {
            await vault.ActivateAsync(proposed);
            // What was made for the circuit before is not taken any more, neither its sizes nor its domain.
            await Assert.ThrowsAsync<InvalidOperationException>(() => vault.SendAsAsync(AnvilProcess.Key(LocalVault.OperatorKey).Address, vault.Address, old.Encode()));
            CommitDraft oldDomain = drafts[Honest.Final].Clone();
            oldDomain.Words[0] = vault.Domain;
            await Assert.ThrowsAsync<InvalidOperationException>(() => vault.SendAsAsync(AnvilProcess.Key(LocalVault.OperatorKey).Address, vault.Address, oldDomain.Encode()));
        });

        var batches = new List<BatchReport>();
        VerifiedHistory history = await HistoryCheck.RunAsync(new ChainSource(anvil.Client, vault.Address, 0, BlockTag.Latest), new Pins(AnvilProcess.ChainId), new AccountQuery(), onBatch: batches.Add);
        Assert.Equal(["dev", "demo"], history.Parameters.Circuits.Select(c => c.Profile.Name));
        Assert.Equal([true, true, true, true, false], batches.Select(b => b.ProvenHere));
        Assert.Equal(roots[Honest.Batches], batches[^1].Root);
        Assert.Equal(0, await RunAsync(["batches", "--rpc", anvil.Endpoint.ToString(), "--vault", vault.Address.ToString()]));
        Assert.Equal(0, await RunAsync(["verify", "--rpc", anvil.Endpoint.ToString(), "--vault", vault.Address.ToString(), .. history.Parameters.Circuits.SelectMany(c => (string[])["--vkey-hash", c.KeyHash.ToString()])]));
        Assert.Contains($"circuit version {Honest.NextVersion} since block", output.ToString(), StringComparison.Ordinal);
        Assert.Equal((int)Check.VerifyingKey, await RunAsync(["verify", "--rpc", anvil.Endpoint.ToString(), "--vault", vault.Address.ToString(), "--vkey-hash", history.Parameters.Circuit.KeyHash.ToString()]));
    }

    /// <param name="upgrade">After the last final batch.</param>
    private static async Task SettleAsync(AnvilProcess anvil, LocalVault vault, IReadOnlyList<CommitDraft> drafts, Func<Task>? upgrade = null, int final = Honest.Final)
    {
        Address @operator = AnvilProcess.Key(LocalVault.OperatorKey).Address;
        Task SendAsync(byte[] data) => vault.SendAsAsync(@operator, vault.Address, data);
        await vault.RegisterAsync(2, 9_000_000_001);
        await vault.RegisterAsync(3, 8_000_000_002);
        await vault.RegisterAsync(4, 7_000_000_003);
        await vault.RegisterAsync(5, 6_000_000_004);
        for (uint n = 1; n <= Honest.Batches; n++)
        {
            CommitDraft draft = drafts[(int)n - 1];
            if (n == 4) await vault.DepositAsync(2, BatchFactory.EthSpot, 17);
            if (n == Honest.Final + 1 && upgrade is not null) await upgrade();
            if (draft.Settles.Count > 0)
                await SendAsync(VaultAbi.Settle.Encode(draft.Settles.Select(s => (object)s.Instrument).ToArray(), draft.Settles.Select(s => (object)s.Payoff).ToArray()));
            await SendAsync(draft.Encode());
            if (n <= Math.Max(Honest.Proven, final)) await SendAsync(ProofOf(n, draft));
            if (n <= final) await SendAsync(VaultAbi.FinalizeBatch.Encode(n, draft.Payouts));
        }

        await vault.RegisterAsync(6, 5_000_000_005);
        await anvil.MineAsync(100); // Past the depth at which this chain takes a block as final.
    }

    private static byte[] ProofOf(uint batch, CommitDraft draft)
    {
        Fr z = PublicData.EvaluationPoint(draft.C, draft.Words);
        return FakeVault.ProofInput(batch, KnownKey.Forge([draft.C, PublicData.Evaluate(draft.Words, z), z, draft.RiskRoot], delta: draft.KeyDelta).ToEvmWords());
    }

    private Task<int> RunAsync(string[] arguments) => CommandLine.RunAsync(arguments, output, errors, isTerminal: false);
}
