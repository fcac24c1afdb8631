using System.Numerics;
using System.Text.Json.Nodes;
using Rollup.Api;
using Rollup.Client.Keys;
using Rollup.Client.Tests;
using Rollup.Ethereum;
using Rollup.Groth16;
using Rollup.Protocol;
using Rollup.Risk;
using Rollup.TestSupport;

namespace Rollup.Cli.Tests;

/// <summary>The commands that talk to the vault, on a local chain.</summary>
public sealed class ChainCommandTests : IDisposable
{
    private const int Trader = 3;
    private readonly CliRun cli = new();

    public void Dispose() => cli.Dispose();

    [AnvilFact]
    public async Task Register_then_deposit_and_claim_as_far_as_the_vault_allows()
    {
        await using AnvilProcess anvil = await LocalVault.StartChainAsync();
        LocalVault vault = await LocalVault.DeployAsync(anvil, CircuitProfile.Dev, KnownKey.Key);
        await using FakeSequencer fake = await FakeSequencer.StartAsync();
        using TraderKeys keys = TraderKeys.Derive(AnvilProcess.Key(Trader), AnvilProcess.ChainId, vault.Address);
        fake.Answer("POST /v1/view-keys", new ViewKeyResult(56, keys.ViewKeyHash), ApiJson.Default.ViewKeyResult);
        cli.SaveWallet(Trader);
        cli.SaveKeys(Trader, vault: vault.Address);
        string[] place = ["--rpc", anvil.Endpoint.ToString(), "--vault", vault.Address.ToString(), "--keystore", "wallet.json", "--password-file", "password"];
        string[] register = ["register", "--sequencer", fake.Endpoint.ToString(), "--key", "key.json", "--amount", "5000001", .. place];

        (await cli.RunAsync(register)).Fails($"The chain refuses it: ERC20InsufficientBalance({keys.Owner}, 0, 5000001)");
        using (Wallet wallet = anvil.Wallet(Trader)) await wallet.SendAsync(vault.Cash, TokenAbi.Mint, [keys.Owner, (BigInteger)7_000_002]);
        Assert.Equal("account 2", (await cli.RunAsync(register)).Succeeds().Trim());
        // The operator learned the view key before the chain learned its hash.
        Assert.Contains(keys.ViewKey.ToHex(), fake.Requests[^1].Body, StringComparison.Ordinal);

        (await cli.RunAsync(["deposit", "--account", "2", "--amount", "7", .. place])).Fails("The chain refuses it: AccountNotActive(2)");
        (await cli.RunAsync(["deposit", "--account", "2", "--asset", "9", "--amount", "7", .. place])).Fails("The vault lists no asset 9.");
        (await cli.RunAsync(["claim", .. place])).Fails($"The chain refuses it: NothingToClaim({keys.Owner}, 0)");

        cli.SaveKeys(Trader + 1, "others.json", vault.Address);
        (await cli.RunAsync(["register", "--sequencer", fake.Endpoint.ToString(), "--key", "others.json", "--amount", "1", .. place])).Fails("The keys are of 0x");
        const string Nobody = "0x00000000000000000000000000000000000000b7";
        (await cli.RunAsync(["claim", .. place[..2], "--vault", Nobody, .. place[4..]])).Fails("credits(address,uint32) with 0 bytes that do not decode; is it the right contract?");
    }

    [AnvilFact]
    public async Task A_local_deployment_is_the_whole_system_as_far_as_it_is_asked_for()
    {
        await using AnvilProcess anvil = await AnvilProcess.StartAsync();
        string verifier = cli.PathOf("Groth16Verifier.sol");
        await File.WriteAllTextAsync(verifier, SolidityVerifier.Write(KnownKey.Key));
        string[] deploy = ["local", "deploy", "--rpc", anvil.Endpoint.ToString(), "--profile", "dev", "--verifier", verifier, "--repository", Repository.Root];
        Outcome wrong = await cli.RunAsync([.. deploy, "--folder", "none", "--urgent-deadline", "0"]);
        Assert.Equal((Commands.WrongUsage, true), (wrong.Code, wrong.Errors.Contains("--urgent-deadline is at least 1", StringComparison.Ordinal)));

        JsonNode bare = JsonNode.Parse((await cli.RunAsync([.. deploy, "--folder", "bare"])).Succeeds())!;
        Assert.Null(bare["exits"]);
        Assert.Null(bare["challenges"]);

        JsonNode whole = JsonNode.Parse((await cli.RunAsync(
            [.. deploy, "--folder", "whole", "--exit-verifier", verifier, "--row-verifier", verifier, "--exit-window", "77", "--urgent-deadline", "78", "--bond", "79", "--operation-deadline", "80"])).Succeeds())!;
        Address vault = Of(whole["vault"]), exits = Of(whole["exits"]), challenges = Of(whole["challenges"]);
        Assert.Equal(exits, await AskAsync<Address>(vault, "exits()(address)"));
        Assert.Equal(challenges, await AskAsync<Address>(vault, "challenges()(address)"));
        Assert.Equal(Of(whole["upgrades"]), await AskAsync<Address>(vault, "upgrades()(address)"));
        Assert.Equal(77, await AskAsync<BigInteger>(exits, "exitWindow()(uint256)"));
        Assert.Equal(78, await AskAsync<BigInteger>(challenges, "urgentDeadline()(uint256)"));
        Assert.Equal(79, await AskAsync<BigInteger>(challenges, "bond()(uint256)"));
        Assert.Equal(80, await AskAsync<BigInteger>(vault, "operationDeadline()(uint256)"));
        Assert.Equal(Of(whole["riskTable"]), await AskAsync<Address>(challenges, "riskTable()(address)")); // Its constructor holds Poseidon's tables against their hash.
        Assert.Equal(RiskParameters.Default.Hash(), await AskAsync<byte[]>(Of(whole["parameters"]), "parametersHash()(bytes32)"));
        using EthereumKey receipts = Wallets.Load(cli.PathOf(Path.Combine("whole", "receipts.keystore.json")), cli.PathOf(Path.Combine("whole", "password")));
        Assert.True((bool)(await anvil.Client.CallAsync(challenges, ChallengesAbi.IsSequencer, [receipts.Address]))[0]);

        Address Of(JsonNode? address) => Eip55.Parse((string)address!);
        async Task<T> AskAsync<T>(Address contract, string view) => (T)(await anvil.Client.CallAsync(contract, AbiFunction.Parse(view), []))[0];
    }

    [AnvilFact]
    public async Task A_session_is_set_up_only_on_a_local_chain_from_built_contracts()
    {
        await using AnvilProcess foreign = await AnvilProcess.StartAsync("--chain-id", "10"), local = await AnvilProcess.StartAsync();
        string[] deploy = ["local", "deploy", "--folder", "session", "--verifier", "Groth16Verifier.sol", "--repository", cli.Folder];
        (await cli.RunAsync([.. deploy, "--rpc", foreign.Endpoint.ToString()])).Fails("Chain 10 is not a local one");
        Assert.False(Directory.Exists(cli.PathOf("session")));
        (await cli.RunAsync([.. deploy, "--rpc", local.Endpoint.ToString()])).Fails("TestToken.json is missing: run `make build` first");

        await using FakeSequencer fake = await FakeSequencer.StartAsync();
        fake.Answer("GET /v1/instruments", [new InstrumentView(2, "BTC-PERP", InstrumentKindName.Perpetual, 1, "BTC", 1_000, 10, 5)], ApiJson.Default.IReadOnlyListInstrumentView);
        string[] traders = ["local", "traders", "--folder", "session", "--rpc", local.Endpoint.ToString(), "--sequencer", fake.Endpoint.ToString()];
        (await cli.RunAsync(traders)).Fails("deployment.json is missing: run `rollup local deploy` first");
        File.WriteAllText(cli.PathOf(Path.Combine("session", "deployment.json")), "{ \"chainId\": 31337 ");
        (await cli.RunAsync(traders)).Fails("deployment.json is no deployment");
        (await cli.RunAsync([.. deploy, "--rpc", local.Endpoint.ToString()])).Fails("deployment.json exists: name another folder");
    }
}
