using System.Buffers.Binary;
using System.Numerics;
using System.Text.Json;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Ethereum;
using Rollup.Protocol;
using Rollup.Risk;

namespace Rollup.Cli;

/// <summary>What a deployment made; null is what it was not asked for.</summary>
internal sealed record DeployedVault(
    ulong ChainId, ulong Block, Address Vault, Address Verifier, Address Cash, Address Spot, Address RiskRows, Address Parameters, Address Upgrades,
    Address? Exits = null, Address? RiskTable = null, Address? Challenges = null, Address? RiskRules = null);

/// <summary>What is to be deployed. Times in seconds, money in atoms of cash.</summary>
/// <param name="Verifier">Groth16Verifier.sol of the settlement circuit's key.</param>
/// <param name="Operator">Commits batches.</param>
/// <param name="ExitVerifier">Groth16Verifier.sol of the circuit `exit`; null = no contract of exits.</param>
/// <param name="RowVerifier">Groth16Verifier.sol of the circuit `row`; null = no contract of challenges.</param>
/// <param name="Sequencer">Signs receipts.</param>
/// <param name="ChallengeStake">Of a challenge of an unproven batch.</param>
internal sealed record DeploymentPlan(
    CircuitProfile Profile, string Verifier, Address Operator, string? ExitVerifier, string? RowVerifier, Address Sequencer,
    int ProofDeadline, int OperationDeadline, int ChallengeWindow, int ExitWindow, int UrgentDeadline, long RequestDeposit, long Bond, long ChallengeStake);

/// <summary>Deploys the contracts of a local chain, with test tokens, from the compiled contracts (`make build`).</summary>
internal sealed class VaultDeployment(EthereumClient ethereum, Wallet deployer, string repository)
{
    internal const int EthSpot = 1;
    private const int VerifierGas = 900_000;
    private const int MaxReportAge = 10_000; // Milliseconds: the default of the sequencer's epoch.maxReportAge, which must not be longer.
    private static readonly BigInteger SpotUnitsPerLot = BigInteger.Pow(10, 14); // 10^-4 of an 18-decimal token

    private static readonly AbiFunction ExitsConstructor = AbiFunction.Parse("constructor(address vault,address verifier,address riskRows,uint64 exitWindow,uint64 verifierGas)");

    /// <param name="guarantor">Gives the bond of the challenges; has ether.</param>
    internal async Task<DeployedVault> RunAsync(DeploymentPlan plan, Wallet guarantor, CancellationToken cancellation)
    {
        ulong chainId = await ethereum.GetChainIdAsync(cancellation);
        byte[] token = Artifact("TestToken");
        Address cash = await Deploy([.. token, .. TokenAbi.Constructor.EncodeArguments("Test dollar", "TUSD", 6)], cancellation);
        Address spot = await Deploy([.. token, .. TokenAbi.Constructor.EncodeArguments("Test ether", "TETH", 18)], cancellation);
        Address verifier = await Deploy(CompileVerifier(plan.Verifier), cancellation);
        object[] configuration =
        [
            Genesis().ToBigInteger(), verifier, plan.Operator, cash, plan.Profile.Blocks, plan.Profile.Rows, plan.Profile.Operations,
            // then: longest epoch and clock tolerance (ms), gas of the verifier, deposit of a request
            plan.ProofDeadline, plan.OperationDeadline, plan.ChallengeWindow, 60_000, 5_000, VerifierGas, plan.RequestDeposit,
        ];
        (Address vault, TransactionReceipt receipt) = await deployer.DeployAsync([.. Artifact("RollupVault"), .. VaultAbi.Constructor.EncodeArguments([configuration])], cancellation);
        await deployer.SendAsync(vault, VaultAbi.ListAsset, [EthSpot, spot, SpotUnitsPerLot], cancellation: cancellation);

        Address rows = await Deploy(Artifact("RiskRows"), cancellation);
        Address parameters = await Deploy([.. Artifact("ParameterRegistry"), .. Parameters()], cancellation);
        Address upgrades = await Deploy([.. Artifact("Upgrades"), .. UpgradesAbi.Constructor.EncodeArguments(
            vault, (BigInteger)plan.OperationDeadline + plan.ProofDeadline + plan.ChallengeWindow)], cancellation);
        await Name("setUpgrades", upgrades);
        var deployed = new DeployedVault(chainId, receipt.BlockNumber, vault, verifier, cash, spot, rows, parameters, upgrades);
        if (plan.ExitVerifier is { } exitSource)
        {
            Address exitVerifier = await Deploy(CompileVerifier(exitSource), cancellation);
            deployed = deployed with { Exits = await Deploy([.. Artifact("Exits"), .. ExitsConstructor.EncodeArguments(vault, exitVerifier, rows, plan.ExitWindow, VerifierGas)], cancellation) };
            await Name("setExits", deployed.Exits.Value);
        }

        if (plan.RowVerifier is not { } rowSource) return deployed;
        Address rowVerifier = await Deploy(CompileVerifier(rowSource), cancellation), table = await RiskTableDeployment.DeployAsync(deployer, Artifact("RiskTable"), rows, cancellation);
        Address rules = await Deploy([.. Artifact("RiskRules"), .. RiskRulesAbi.Constructor.EncodeArguments(parameters, MaxReportAge)], cancellation);
        object[] terms =
        [
            vault, table, rules, rowVerifier, guarantor.Address, plan.Sequencer, plan.ChallengeStake, plan.UrgentDeadline, Math.Max(plan.ChallengeWindow, 1), VerifierGas,
        ];
        Address challenges = await Deploy([.. Artifact("Challenges"), .. ChallengesAbi.Constructor.EncodeArguments([terms])], cancellation);
        await Name("setChallenges", challenges);
        await deployer.SendAsync(cash, TokenAbi.Mint, [guarantor.Address, (BigInteger)plan.Bond], cancellation: cancellation);
        await guarantor.SendAsync(cash, TokenAbi.Approve, [challenges, (BigInteger)plan.Bond], cancellation: cancellation);
        await guarantor.SendAsync(challenges, AbiFunction.Parse("depositBond(uint256 amount)"), [(BigInteger)plan.Bond], cancellation: cancellation);
        return deployed with { RiskTable = table, Challenges = challenges, RiskRules = rules };

        Task Name(string setter, Address contract) => deployer.SendAsync(vault, AbiFunction.Parse($"{setter}(address contract)"), [contract], cancellation: cancellation);
    }

    /// <summary>Test tokens for a trader: atoms of cash, lots of ether.</summary>
    internal async Task MintAsync(DeployedVault vault, Address owner, long cash, long spotLots, CancellationToken cancellation)
    {
        await deployer.SendAsync(vault.Cash, TokenAbi.Mint, [owner, (BigInteger)cash], cancellation: cancellation);
        if (spotLots > 0) await deployer.SendAsync(vault.Spot, TokenAbi.Mint, [owner, spotLots * SpotUnitsPerLot], cancellation: cancellation);
    }

    /// <summary>Root of spec 3.4.</summary>
    internal static Fr Genesis()
    {
        var tree = new QuadTree(Depth.Account);
        for (ulong account = 0; account < Bound.ReservedAccounts; account++) tree.Set(account, LeafContents.Empty.Hash(AccountIdentity.Reserved));
        return tree.Root;
    }

    // The defaults, each free to move by its own size; scan ranges of 1% to 90% in every group.
    private static byte[] Parameters()
    {
        const int version = 1, delay = 3_600, interval = 60, grace = 3_600;
        var bytes = new byte[RiskParameters.Size];
        RiskParameters.Default.Encode(bytes);
        int[] values = [.. bytes.Skip(version).Chunk(4).Select(chunk => BinaryPrimitives.ReadInt32BigEndian(chunk))];
        object[] rules = [.. values.Select(v => (object)new object[] { v - Math.Abs(v), v + Math.Abs(v), Math.Abs(v), delay, interval, v > 0 })];
        object[] ranges = [.. Enumerable.Range(0, 1 << Width.Group).Select(_ => (object)new object[] { 10_000, 900_000 })];
        return ParametersAbi.Constructor.EncodeArguments(values.Select(v => (object)v).ToArray(), rules, delay, grace, ranges);
    }

    private async Task<Address> Deploy(byte[] code, CancellationToken cancellation) => (await deployer.DeployAsync(code, cancellation)).Contract;

    private byte[] Artifact(string contract)
    {
        string file = Path.Combine(repository, "contracts", "out", $"{contract}.sol", $"{contract}.json");
        if (!File.Exists(file)) throw new CliException($"{file} is missing: run `make build` first.");
        using JsonDocument artifact = JsonDocument.Parse(File.ReadAllBytes(file));
        return Hex.Parse(artifact.RootElement.GetProperty("bytecode").GetProperty("object").GetString()!);
    }

    private byte[] CompileVerifier(string sourceFile)
    {
        if (!File.Exists(sourceFile)) throw new CliException($"There is no file {sourceFile}: `prover-bridge keys dev` prints where it made one.");
        var sources = new Dictionary<string, string> { [Path.GetFileName(sourceFile)] = File.ReadAllText(sourceFile) };
        return SolidityCompiler.Compile(repository, sources).TryGetValue("Groth16Verifier", out CompiledContract? verifier)
            ? verifier.Code : throw new CliException($"{sourceFile} holds no contract Groth16Verifier.");
    }
}
