using System.Numerics;
using System.Text.Json;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Ethereum;
using Rollup.Protocol;

namespace Rollup.Cli;

/// <summary>What a deployment made.</summary>
internal sealed record DeployedVault(ulong ChainId, ulong Block, Address Vault, Address Verifier, Address Cash, Address? Spot);

/// <summary>Deploys verifier, vault and, on a local chain, test tokens, from the compiled contracts (`make build`).</summary>
internal sealed class VaultDeployment(EthereumClient ethereum, Wallet deployer, string repository)
{
    internal const int EthSpot = 1;
    private static readonly BigInteger SpotUnitsPerLot = BigInteger.Pow(10, 14); // 10^-4 of an 18-decimal token

    /// <param name="verifierSource">Groth16Verifier.sol of the proving key.</param>
    /// <param name="operatorAddress">Who commits batches.</param>
    /// <param name="cash">The stablecoin; null deploys a test token, and one of ether as asset 1.</param>
    internal async Task<DeployedVault> RunAsync(CircuitProfile profile, string verifierSource, Address operatorAddress, Address? cash, CancellationToken cancellation)
    {
        ulong chainId = await ethereum.GetChainIdAsync(cancellation);
        Address? spot = null;
        if (cash is null)
        {
            byte[] token = Artifact("TestToken");
            cash = await Deploy([.. token, .. TokenAbi.Constructor.EncodeArguments("Test dollar", "TUSD", 6)], cancellation);
            spot = await Deploy([.. token, .. TokenAbi.Constructor.EncodeArguments("Test ether", "TETH", 18)], cancellation);
        }

        Address verifier = await Deploy(CompileVerifier(verifierSource), cancellation);
        object[] configuration =
        [
            Genesis().ToBigInteger(), verifier, operatorAddress, cash.Value, profile.Blocks, profile.Rows, profile.Operations,
            // proof and operation deadlines (s), challenge window (s), longest epoch and clock tolerance (ms), gas of the verifier, deposit of a request (atoms)
            24 * 3600, 24 * 3600, 0, 60_000, 5_000, 700_000, 5_000_000,
        ];
        (Address vault, TransactionReceipt receipt) = await deployer.DeployAsync([.. Artifact("RollupVault"), .. VaultAbi.Constructor.EncodeArguments([configuration])], cancellation);
        if (spot is { } asset) await deployer.SendAsync(vault, VaultAbi.ListAsset, [EthSpot, asset, SpotUnitsPerLot], cancellation: cancellation);
        return new DeployedVault(chainId, receipt.BlockNumber, vault, verifier, cash.Value, spot);
    }

    /// <summary>Test tokens for a trader: atoms of cash, lots of ether.</summary>
    internal async Task MintAsync(DeployedVault vault, Address owner, long cash, long spotLots, CancellationToken cancellation)
    {
        await deployer.SendAsync(vault.Cash, TokenAbi.Mint, [owner, (BigInteger)cash], cancellation: cancellation);
        if (vault.Spot is { } spot && spotLots > 0)
            await deployer.SendAsync(spot, TokenAbi.Mint, [owner, spotLots * SpotUnitsPerLot], cancellation: cancellation);
    }

    /// <summary>Root of spec 3.4.</summary>
    internal static Fr Genesis()
    {
        var tree = new QuadTree(Depth.Account);
        for (ulong account = 0; account < Bound.ReservedAccounts; account++) tree.Set(account, LeafContents.Empty.Hash(AccountIdentity.Reserved));
        return tree.Root;
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
        var sources = new Dictionary<string, string> { [Path.GetFileName(sourceFile)] = File.ReadAllText(sourceFile) };
        return SolidityCompiler.Compile(repository, sources).TryGetValue("Groth16Verifier", out CompiledContract? verifier)
            ? verifier.Code : throw new CliException($"{sourceFile} holds no contract Groth16Verifier.");
    }
}
