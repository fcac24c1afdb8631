using System.Diagnostics;
using System.Numerics;
using System.Text.Json.Nodes;
using Rollup.Crypto;
using Rollup.Protocol;
using Rollup.TestSupport;

namespace Rollup.Ethereum.Tests;

/// <summary>The deployment scripts of contracts/script on a chain, as docs/OPERATIONS.md runs them, and who can do what afterwards.</summary>
public sealed class GovernanceTests : IDisposable
{
    private const int Deployer = 0, Stranger = 5, Delay = 172_800, RuleDelay = 3_600, Grace = 600;
    private static readonly int[] Signers = [6, 7, 8];

    private static readonly AbiFunction Owner = Parse("owner()(address)"), MinDelay = Parse("getMinDelay()(uint256)"), HasRole = Parse("hasRole(bytes32 role,address account)(bool)"),
        Schedule = Parse("schedule(address target,uint256 value,bytes data,bytes32 predecessor,bytes32 salt,uint256 delay)"),
        Execute = Parse("execute(address target,uint256 value,bytes data,bytes32 predecessor,bytes32 salt)"), UpdateDelay = Parse("updateDelay(uint256 delay)"),
        GrantRole = Parse("grantRole(bytes32 role,address account)"), SetOperator = Parse("setOperator(address operator)"), TransferOwnership = Parse("transferOwnership(address owner)"),
        ProposeLoosening = Parse("proposeLoosening(uint256 parameter,int32 value)"), Loosen = Parse("loosen(uint256 parameter)"), Tighten = Parse("tighten(uint256 parameter,int32 value)"),
        ValueOf = Parse("valueOf(uint256 parameter)(int32)"), HashAt = Parse("hashAt(uint256 time)(bytes32)"),
        DigestOf = Parse("digestOf(address target,bytes data)(bytes32)"), ExecuteSigned = Parse("execute(address target,bytes data,bytes[] signatures)");

    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("rollup-governance-");

    public void Dispose() => folder.Delete(recursive: true);

    [AnvilFact]
    public async Task After_the_hand_over_the_timelock_owns_everything_and_the_old_owner_can_do_nothing()
    {
        await using AnvilProcess anvil = await AnvilProcess.StartAsync();
        LocalVault vault = await LocalVault.DeployAsync(anvil, CircuitProfile.Dev, KnownKey.Key);
        using Wallet deployer = anvil.Wallet(Deployer), stranger = anvil.Wallet(Stranger);
        Address registry = (await deployer.DeployAsync([.. CompiledContracts.ParameterRegistry.Code, .. Parameters()])).Contract;
        object[] signers = [.. Signers.Select(i => (object)AnvilProcess.Key(i).Address)];
        Address several = (await deployer.DeployAsync([.. CompiledContracts.MultiSignature.Code, .. Parse("constructor(address[] owners,uint256 threshold)").EncodeArguments(signers, 2)])).Contract;
        await RunScriptAsync(anvil, "script/Governance.s.sol", ("OWNED", $"{vault.Address},{registry}"), ("MULTISIG", several.ToString()), ("DELAY", Delay.ToString(System.Globalization.CultureInfo.InvariantCulture)));

        async Task<object> AskAsync(Address contract, AbiFunction view, params object[] arguments) => (await anvil.Client.CallAsync(contract, view, arguments))[0];
        var timelock = (Address)await AskAsync(vault.Address, Owner);
        Assert.NotEqual(deployer.Address, timelock);
        Assert.NotEmpty(await anvil.Client.GetCodeAsync(timelock));
        Assert.Equal(timelock, (Address)await AskAsync(registry, Owner));
        Assert.Equal(Delay, (BigInteger)await AskAsync(timelock, MinDelay));
        byte[] proposer = Keccak.Hash256("PROPOSER_ROLE"u8), canceller = Keccak.Hash256("CANCELLER_ROLE"u8), executor = Keccak.Hash256("EXECUTOR_ROLE"u8), admin = new byte[32];
        foreach ((byte[] role, Address account, bool has) in ((byte[], Address, bool)[])[
            (proposer, several, true), (canceller, several, true), (executor, default, true), (admin, timelock, true),
            (proposer, deployer.Address, false), (canceller, deployer.Address, false), (admin, deployer.Address, false), (admin, several, false), (proposer, AnvilProcess.Key(Signers[0]).Address, false)])
            Assert.Equal((Hex.Format(role), account, has), (Hex.Format(role), account, (bool)await AskAsync(timelock, HasRole, role, account)));

        // The old owner, and one signer of the multi-signature alone.
        using Wallet signer = anvil.Wallet(Signers[0]);
        foreach (Wallet caller in (Wallet[])[deployer, signer])
        {
            await RefusedAsync(caller, vault.Address, SetOperator.Encode(caller.Address));
            await RefusedAsync(caller, vault.Address, TransferOwnership.Encode(caller.Address));
            await RefusedAsync(caller, registry, Tighten.Encode(0, 60));
            await RefusedAsync(caller, registry, ProposeLoosening.Encode(0, 40));
            await RefusedAsync(caller, timelock, Schedule.Encode(vault.Address, 0, SetOperator.Encode(caller.Address), new byte[32], new byte[32], Delay));
            await RefusedAsync(caller, timelock, UpdateDelay.Encode(0));
            await RefusedAsync(caller, timelock, GrantRole.Encode(proposer, caller.Address));
        }

        // A loosening: two of three sign, the timelock's delay, then the rule's, and anybody executes each.
        byte[] before = (byte[])await AskAsync(registry, HashAt, await NowAsync(anvil));
        byte[] propose = ProposeLoosening.Encode(3, 40), tooFar = ProposeLoosening.Encode(3, 5);
        await RefusedAsync(deployer, several, await SignedAsync(timelock, ScheduleOf(propose), Signers[0]));
        await RefusedAsync(deployer, several, await SignedAsync(timelock, ScheduleOf(propose), Signers[0], Stranger));
        await deployer.SendAsync(several, await SignedAsync(timelock, ScheduleOf(propose), Signers[0], Signers[2]));
        await deployer.SendAsync(several, await SignedAsync(timelock, ScheduleOf(tooFar), Signers[1], Signers[2]));
        await anvil.AdvanceAsync(TimeSpan.FromSeconds(Delay - 60));
        await RefusedAsync(stranger, timelock, Execute.Encode(registry, 0, propose, new byte[32], new byte[32]));
        await anvil.AdvanceAsync(TimeSpan.FromSeconds(60));
        await RefusedAsync(stranger, timelock, Execute.Encode(registry, 0, tooFar, new byte[32], new byte[32])); // More than the rule's step.
        await stranger.SendAsync(timelock, Execute.Encode(registry, 0, propose, new byte[32], new byte[32]));
        await RefusedAsync(stranger, registry, Loosen.Encode(3));
        Assert.Equal(50, (BigInteger)await AskAsync(registry, ValueOf, 3));
        await anvil.AdvanceAsync(TimeSpan.FromSeconds(RuleDelay));
        await stranger.SendAsync(registry, Loosen.Encode(3));
        Assert.Equal(40, (BigInteger)await AskAsync(registry, ValueOf, 3));
        byte[] after = (byte[])await AskAsync(registry, HashAt, await NowAsync(anvil));
        Assert.NotEqual(before, after);
        ulong changed = await NowAsync(anvil);
        foreach ((byte[] hash, ulong time, bool accepted) in ((byte[], ulong, bool)[])[(before, changed, true), (before, changed + Grace, false), (after, changed - Grace, false), (after, changed + Grace, true)])
            Assert.Equal((Hex.Format(hash), time, accepted), (Hex.Format(hash), time, (bool)await AskAsync(registry, ParametersAbi.IsAccepted, hash, time)));

        byte[] ScheduleOf(byte[] call) => Schedule.Encode(registry, 0, call, new byte[32], new byte[32], Delay);

        async Task<byte[]> SignedAsync(Address target, byte[] data, params int[] keys)
        {
            byte[] digest = (byte[])await AskAsync(several, DigestOf, target, data);
            object[] signatures = [.. keys.Select(AnvilProcess.Key).OrderBy(k => k.Address.ToString(), StringComparer.Ordinal).Select(k => (object)k.Sign(digest).ToBytes())];
            return ExecuteSigned.Encode(target, data, signatures);
        }
    }

    [AnvilFact]
    public async Task The_risk_table_is_deployed_with_the_constants_that_it_accepts()
    {
        await using AnvilProcess anvil = await AnvilProcess.StartAsync();
        JsonNode run = await RunScriptAsync(anvil, "script/RiskTable.s.sol");
        string[] created = [.. run["transactions"]!.AsArray().Where(t => (string?)t!["transactionType"] == "CREATE").Select(t => (string)t!["contractName"]!)];
        Assert.Contains("RiskTable", created);
        Address Of(string name) => Address.Parse((string)run["transactions"]!.AsArray().Last(t => (string?)t!["contractName"] == name)!["contractAddress"]!);
        Assert.Equal(Of("RiskRows"), (Address)(await anvil.Client.CallAsync(Of("RiskTable"), Parse("riskRows()(address)"), []))[0]);
    }

    // 30 parameters of 50, higher is tighter, from 0 to 100 by steps of 20.
    private static byte[] Parameters()
    {
        object[] values = [.. Enumerable.Repeat((object)50, 30)], rules = [.. Enumerable.Range(0, 30).Select(_ => (object)new object[] { 0, 100, 20, RuleDelay, 60, true })];
        object[] ranges = [.. Enumerable.Repeat((object)new object[] { 0, 0 }, 16)];
        return ParametersAbi.Constructor.EncodeArguments(values, rules, RuleDelay, Grace, ranges);
    }

    private static AbiFunction Parse(string signature) => AbiFunction.Parse(signature);

    private static async Task<ulong> NowAsync(AnvilProcess anvil) => (await anvil.Client.GetBlockAsync(BlockTag.Latest))!.Timestamp;

    // That the calls are right is shown by those that succeed.
    private static async Task RefusedAsync(Wallet caller, Address contract, byte[] data) =>
        Assert.NotNull((await Assert.ThrowsAsync<EthereumRpcException>(() => caller.SendAsync(contract, data))).Revert);

    /// <summary>Runs a script by anvil's first key, which its node holds, and gives what it recorded.</summary>
    private async Task<JsonNode> RunScriptAsync(AnvilProcess anvil, string script, params (string Name, string Value)[] environment)
    {
        string forge = Directory.GetDirectories(Repository.PathOf("node_modules", "@foundry-rs"), "forge-*").Select(d => Path.Combine(d, "bin", "forge")).Single();
        var start = new ProcessStartInfo(forge, ["script", script, "--rpc-url", anvil.Endpoint.ToString(), "--broadcast", "--unlocked", "--sender", AnvilProcess.Key(Deployer).Address.ToString()])
        {
            WorkingDirectory = Repository.PathOf("contracts"), RedirectStandardOutput = true, RedirectStandardError = true,
        };
        foreach ((string name, string value) in environment) start.Environment[name] = value;
        start.Environment["FOUNDRY_BROADCAST"] = Path.Combine(folder.FullName, "broadcast");
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(), errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"{await output}{await errors}");
        string record = Directory.GetFiles(Path.Combine(folder.FullName, "broadcast"), "run-latest.json", SearchOption.AllDirectories).Single();
        return JsonNode.Parse(await File.ReadAllTextAsync(record))!;
    }
}
