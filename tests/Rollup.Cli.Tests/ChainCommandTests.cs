using System.Numerics;
using System.Text.Json.Nodes;
using Rollup.Api;
using Rollup.Client.Keys;
using Rollup.Client.Tests;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
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
        Address rules = await AskAsync<Address>(challenges, "riskRules()(address)");
        Assert.Equal(Of(whole["riskRules"]), rules);
        Assert.Equal(Of(whole["parameters"]), await AskAsync<Address>(rules, "registry()(address)"));
        Assert.Equal(10_000, await AskAsync<BigInteger>(rules, "maxReportAge()(uint256)"));
        Assert.Equal(3_600, await AskAsync<BigInteger>(Of(whole["parameters"]), "grace()(uint256)"));
        Assert.Equal(RiskParameters.Default.Hash(), await AskAsync<byte[]>(Of(whole["parameters"]), "parametersHash()(bytes32)"));
        using EthereumKey receipts = Wallets.Load(cli.PathOf(Path.Combine("whole", "receipts.keystore.json")), cli.PathOf(Path.Combine("whole", "password")));
        Assert.True((bool)(await anvil.Client.CallAsync(challenges, ChallengesAbi.IsSequencer, [receipts.Address]))[0]);

        Address Of(JsonNode? address) => Eip55.Parse((string)address!);
        async Task<T> AskAsync<T>(Address contract, string view) => (T)(await anvil.Client.CallAsync(contract, AbiFunction.Parse(view), []))[0];
    }

    /// <summary>A trader holds its receipts against what was committed, and takes the bond with what contradicts them.</summary>
    [AnvilFact]
    public async Task Receipts_are_held_against_the_committed_order()
    {
        await using AnvilProcess anvil = await AnvilProcess.StartAsync();
        string verifier = cli.PathOf("Groth16Verifier.sol");
        await File.WriteAllTextAsync(verifier, SolidityVerifier.Write(KnownKey.Key));
        JsonNode deployed = JsonNode.Parse((await cli.RunAsync(
            "local", "deploy", "--rpc", anvil.Endpoint.ToString(), "--profile", "dev", "--verifier", verifier, "--row-verifier", verifier, "--folder", "session", "--repository", Repository.Root, "--bond", "79")).Succeeds())!;
        Address vault = Eip55.Parse((string)deployed["vault"]!), challenges = Eip55.Parse((string)deployed["challenges"]!);
        string InSession(string file) => cli.PathOf(Path.Combine("session", file));
        using EthereumKey key = Wallets.Load(InSession("receipts.keystore.json"), InSession("password"));
        Fr domain = SettlementDomain.Of(AnvilProcess.ChainId, vault);

        Receipt one = Next(default, "one"), promised = Next(one, "promised"), other = Next(one, "other"), last = Next(other, "last"), later = Next(last, "later");
        await CommitAsync(HeadOf(last));
        await using FakeSequencer fake = await FakeSequencer.StartAsync();
        foreach (Receipt r in (Receipt[])[one, other, last])
            fake.Answer($"GET /v1/receipts/{r.Number}", new ReceiptView(r.Number, r.OrderHash, r.Time, r.Previous, Hex.Format(SignedReceipt.Sign(r, domain, key).Signature.ToBytes())), ApiJson.Default.ReceiptView);
        string[] check = ["receipts", "--rpc", anvil.Endpoint.ToString(), "--vault", vault.ToString(), "--sequencer", fake.Endpoint.ToString(), "--receipt-signer", key.Address.ToString(), "--receipts"];
        Save("kept", one, last, later);
        Assert.Equal("3 receipts, 2 of them committed, 2 as promised", (await cli.RunAsync([.. check, "kept"])).Succeeds().Trim());
        (await cli.RunAsync([.. check[..^2], Eip55.Format(AnvilProcess.Key(3).Address), "--receipts", "kept"])).Fails("Receipt 1 is not signed by");

        Save("broken", one, promised);
        Outcome shown = await cli.RunAsync([.. check, "broken"]);
        Assert.Equal(1, shown.Code);
        Assert.Contains("2 receipts, 2 of them committed, 1 as promised", shown.Output, StringComparison.Ordinal);
        Assert.Contains("receipt 2 is not in the order that batch 1 was committed with", shown.Output, StringComparison.Ordinal);
        Assert.Contains("The operator committed another order than it promised.", shown.Errors, StringComparison.Ordinal);
        cli.SaveWallet(Trader);
        string sent = (await cli.RunAsync([.. check, "broken", "--challenges", challenges.ToString(), "--keystore", "wallet.json", "--password-file", "password"])).Succeeds();
        Assert.Contains($"half of the bond is credited to {AnvilProcess.Key(Trader).Address}", sent, StringComparison.Ordinal);
        Assert.Equal(79 / 2, (BigInteger)(await anvil.Client.CallAsync(challenges, AbiFunction.Parse("credits(address owner)(uint256)"), [AnvilProcess.Key(Trader).Address]))[0]);

        Receipt Next(Receipt before, string order) =>
            (before.Number == 0 ? default : HeadOf(before)).Next(Bytes32.FromBytes(Keccak.Hash256(System.Text.Encoding.UTF8.GetBytes(order))), 1_723_161_300_001 + before.Number);
        ReceiptHead HeadOf(Receipt receipt) => new(receipt.Number, receipt.HashIn(domain));
        void Save(string file, params Receipt[] receipts) => File.WriteAllBytes(cli.PathOf(file), [.. receipts.SelectMany(r => SignedReceipt.Sign(r, domain, key).ToBytes())]);

        // Of the circuit's form, and with nothing in it: it will never be proven, and is committed all the same.
        async Task CommitAsync(ReceiptHead head)
        {
            CircuitProfile profile = CircuitProfile.Dev;
            var words = new object[PublicData.FixedWords + Operation.Words * profile.Operations + profile.Rows + PublicBlock.Words * profile.Blocks];
            Array.Fill(words, BigInteger.Zero);
            long now = 1_000 * (long)(await anvil.Client.GetBlockAsync(BlockTag.Latest))!.Timestamp;
            (words[0], words[1], words[2], words[3]) = (domain.ToBigInteger(), new BatchHeader(1, now, now, 0, 0).Encode().ToBigInteger(), VaultDeployment.Genesis().ToBigInteger(), (BigInteger)7);
            using EthereumKey operatorKey = Wallets.Load(InSession("operator.keystore.json"), InSession("password"));
            using var wallet = new Wallet(anvil.Client, operatorKey);
            await wallet.SendAsync(vault, VaultAbi.CommitBatch, [new object[] { words, (BigInteger)11, (BigInteger)13, Array.Empty<byte>(), Array.Empty<object>(), head.Number, head.Hash.ToBytes(), 0, Array.Empty<byte>() }]);
        }
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
