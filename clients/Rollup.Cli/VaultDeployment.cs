using System.Diagnostics;
using System.Numerics;
using System.Text.Json;
using System.Text.Json.Nodes;
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

    private static readonly AbiFunction Constructor = AbiFunction.Parse(
        "c((uint256,address,address,address,uint32,uint32,uint32,uint64,uint64,uint64,uint64,uint64,uint64))");
    private static readonly AbiFunction TokenConstructor = AbiFunction.Parse("c(string,string,uint8)");
    private static readonly AbiFunction ListAsset = AbiFunction.Parse("listAsset(uint32,address,uint96)");
    private static readonly AbiFunction Mint = AbiFunction.Parse("mint(address,uint256)");

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
            cash = await Deploy([.. token, .. TokenConstructor.Encode("Test dollar", "TUSD", 6)[4..]], cancellation);
            spot = await Deploy([.. token, .. TokenConstructor.Encode("Test ether", "TETH", 18)[4..]], cancellation);
        }

        Address verifier = await Deploy(CompileVerifier(verifierSource), cancellation);
        object[] configuration =
        [
            Genesis().ToBigInteger(), verifier, operatorAddress, cash.Value, profile.Blocks, profile.Rows, profile.Operations,
            // proof and operation deadlines (s), challenge window (s), longest epoch and clock tolerance (ms), gas of the verifier
            24 * 3600, 24 * 3600, 0, 60_000, 5_000, 700_000,
        ];
        (Address vault, TransactionReceipt receipt) = await deployer.DeployAsync([.. Artifact("RollupVault"), .. Constructor.Encode([configuration])[4..]], cancellation);
        if (spot is { } asset) await deployer.SendAsync(vault, ListAsset, [EthSpot, asset, SpotUnitsPerLot], cancellation: cancellation);
        return new DeployedVault(chainId, receipt.BlockNumber, vault, verifier, cash.Value, spot);
    }

    /// <summary>Test tokens for a trader: atoms of cash, lots of ether.</summary>
    internal async Task MintAsync(DeployedVault vault, Address owner, long cash, long spotLots, CancellationToken cancellation)
    {
        await deployer.SendAsync(vault.Cash, Mint, [owner, (BigInteger)cash], cancellation: cancellation);
        if (vault.Spot is { } spot && spotLots > 0)
            await deployer.SendAsync(spot, Mint, [owner, spotLots * SpotUnitsPerLot], cancellation: cancellation);
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
        var input = new JsonObject
        {
            ["language"] = "Solidity",
            ["sources"] = new JsonObject { ["Groth16Verifier.sol"] = new JsonObject { ["content"] = File.ReadAllText(sourceFile) } },
            ["settings"] = new JsonObject
            {
                ["evmVersion"] = "cancun",
                ["optimizer"] = new JsonObject { ["enabled"] = true, ["runs"] = 10_000 },
                ["outputSelection"] = JsonNode.Parse("""{"*": {"*": ["evm.bytecode.object"]}}"""),
            },
        };
        var start = new ProcessStartInfo("node", [Path.Combine(repository, "contracts", "tools", "solc"), "--standard-json"])
        {
            WorkingDirectory = Path.Combine(repository, "contracts"),
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        using Process compiler = Process.Start(start) ?? throw new CliException("node cannot be started.");
        compiler.StandardInput.Write(input.ToJsonString());
        compiler.StandardInput.Close();
        JsonNode? output = JsonNode.Parse(compiler.StandardOutput.ReadToEnd());
        compiler.WaitForExit();
        string? code = output?["contracts"]?["Groth16Verifier.sol"]?["Groth16Verifier"]?["evm"]?["bytecode"]?["object"]?.GetValue<string>();
        return code is { Length: > 0 } ? Convert.FromHexString(code) : throw new CliException($"{sourceFile} does not compile: {output?["errors"]?[0]?["formattedMessage"]}");
    }
}
