using System.Numerics;
using System.Security.Cryptography;
using System.Text.Json;
using Rollup.Client.Keys;
using Rollup.Client.Sequencer;
using Rollup.Client.Vault;
using Rollup.Ethereum;
using Rollup.Groth16;
using Rollup.MarketData;
using Rollup.Protocol;

namespace Rollup.Cli;

/// <summary>
/// Sets up a session on a local chain: a vault with test tokens, and funded traders. Uses the first key of anvil's published mnemonic, so it
/// refuses every other chain.
/// </summary>
internal sealed class LocalChain(Uri rpc, string folder)
{
    private static readonly BigInteger GasMoney = BigInteger.Pow(10, 18);

    // Published with anvil and worth nothing anywhere: the key of account 0 of "test test ... junk".
    private const string PublishedKey = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

    private string PasswordFile => Path.Combine(folder, "password");

    private string DeploymentFile => Path.Combine(folder, "deployment.json");

    internal string KeyFileOf(string trader) => Path.Combine(folder, $"{trader}.key.json");

    internal string KeystoreOf(string name) => Path.Combine(folder, $"{name}.keystore.json");

    internal DeployedVault Deployment
    {
        get
        {
            if (!File.Exists(DeploymentFile)) throw new CliException($"{DeploymentFile} is missing: run `rollup local deploy` first.");
            try
            {
                return (JsonSerializer.Deserialize(File.ReadAllText(DeploymentFile), CliJson.Default.DeploymentFile) ?? throw new JsonException("It is null.")).ToVault();
            }
            catch (JsonException error)
            {
                throw new CliException($"{DeploymentFile} is no deployment: {error.Message}", error);
            }
        }
    }

    internal EthereumKey WalletOf(string name) => Wallets.Load(KeystoreOf(name), PasswordFile);

    /// <summary>
    /// Deploys everything that is asked for. In the folder are afterwards, under one password file, the keystores of the operator, who commits, of the prover, who posts proofs, of the guarantor, who gives the
    /// bond of the challenges, and of the receipts' key.
    /// </summary>
    /// <param name="plan">Operator and sequencer are filled in here.</param>
    internal async Task<DeployedVault> DeployAsync(DeploymentPlan plan, string repository, CancellationToken cancellation)
    {
        using EthereumClient ethereum = await ConnectAsync(cancellation);
        Directory.CreateDirectory(folder);
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        if (File.Exists(DeploymentFile)) throw new CliException($"{DeploymentFile} exists: name another folder, or remove it if its chain is gone.");
        WritePassword();
        using EthereumKey operatorKey = Wallets.Create(KeystoreOf("operator"), PasswordFile, isLight: true), guarantorKey = Wallets.Create(KeystoreOf("guarantor"), PasswordFile, isLight: true),
            proverKey = Wallets.Create(KeystoreOf("prover"), PasswordFile, isLight: true), receiptKey = Wallets.Create(KeystoreOf("receipts"), PasswordFile, isLight: true);
        using Wallet deployer = Deployer(ethereum);
        using var guarantor = new Wallet(ethereum, guarantorKey);
        foreach (EthereumKey key in (EthereumKey[])[operatorKey, proverKey, guarantorKey]) await deployer.SendAsync(key.Address, [], 10 * GasMoney, cancellation);
        DeployedVault vault = await new VaultDeployment(ethereum, deployer, repository).RunAsync(
            plan with { Operator = operatorKey.Address, Sequencer = receiptKey.Address }, guarantor, cancellation);
        await File.WriteAllTextAsync(DeploymentFile, JsonSerializer.Serialize(Cli.DeploymentFile.Of(vault), CliJson.Default.DeploymentFile), cancellation);
        return vault;
    }

    /// <summary>Makes and funds the wallets of a scenario's traders, and registers each with a first deposit.</summary>
    /// <returns>Account numbers by trader's name.</returns>
    internal async Task<IReadOnlyDictionary<string, int>> RegisterAsync(
        FlowScenario scenario, SequencerClient sequencer, long cash, long spotLots, IProgress<string> progress, CancellationToken cancellation)
    {
        using EthereumClient ethereum = await ConnectAsync(cancellation);
        DeployedVault vault = Deployment;
        var client = new VaultClient(ethereum, vault.Vault);
        using Wallet deployer = Deployer(ethereum);
        var accounts = new Dictionary<string, int>();
        for (int trader = 0; trader < scenario.Traders; trader++)
        {
            string name = scenario.NameOf(trader);
            using EthereumKey key = Wallets.Create(KeystoreOf(name), PasswordFile, isLight: true);
            using var wallet = new Wallet(ethereum, key);
            await deployer.SendAsync(key.Address, [], GasMoney, cancellation);
            await new VaultDeployment(ethereum, deployer, "").MintAsync(vault, key.Address, cash, spotLots, cancellation);
            using TraderKeys keys = TraderKeys.Derive(key, vault.ChainId, vault.Vault);
            keys.Save(KeyFileOf(name));
            await sequencer.DiscloseViewKeyAsync(keys, cancellation);
            accounts[name] = await client.RegisterAsync(wallet, keys, cash, cancellation);
            progress.Report($"{name} is account {accounts[name]}");
        }

        return accounts;
    }

    /// <summary>Waits until an account takes deposits, then deposits spot collateral.</summary>
    internal async Task DepositSpotAsync(string trader, int account, long lots, CancellationToken cancellation)
    {
        using EthereumClient ethereum = await ConnectAsync(cancellation);
        var client = new VaultClient(ethereum, Deployment.Vault);
        using EthereumKey key = WalletOf(trader);
        using var wallet = new Wallet(ethereum, key);
        while (!await client.IsActiveAsync(account, cancellation)) await Task.Delay(500, cancellation);
        await client.DepositAsync(wallet, account, VaultDeployment.EthSpot, lots, cancellation);
    }

    private async Task<EthereumClient> ConnectAsync(CancellationToken cancellation)
    {
        var ethereum = new EthereumClient(rpc);
        ulong chainId = await ethereum.GetChainIdAsync(cancellation);
        if (DevKeys.IsLocalChain(chainId)) return ethereum;
        ethereum.Dispose();
        throw new CliException($"Chain {chainId} is not a local one (31337 or 1337): these commands use published keys and test tokens.");
    }

    // The wallet disposes of nothing here: the published key is no secret.
    private static Wallet Deployer(EthereumClient ethereum) => new(ethereum, new EthereumKey(Convert.FromHexString(PublishedKey)));

    private void WritePassword()
    {
        if (!File.Exists(PasswordFile)) SecretFile.Create(PasswordFile, System.Text.Encoding.ASCII.GetBytes(RandomNumberGenerator.GetHexString(32)));
    }
}
