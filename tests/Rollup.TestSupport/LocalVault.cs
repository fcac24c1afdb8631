using System.Numerics;
using System.Text.Json.Nodes;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Ethereum;
using Rollup.Groth16;
using Rollup.Protocol;

namespace Rollup.TestSupport;

/// <summary>A circuit that was proposed, and the contract to activate it by.</summary>
public sealed record LocalUpgrade(Address Contract, object[] Upgrade);

/// <summary>A vault on a local chain, with its tokens, deployed by anvil's first key; anvil's second key is its operator.</summary>
public sealed class LocalVault
{
    public const int OperatorKey = 1;

    /// <summary>Anvil's key that posts proofs: the vault knows nothing of it.</summary>
    public const int ProverKey = 9;
    public const long RequestDeposit = 1_000_000;
    public const long EthUnitsPerLot = 1_000_000_000_000_000;

    private readonly AnvilProcess anvil;

    private LocalVault(AnvilProcess anvil, Address address, Address cash, Address eth) => (this.anvil, Address, Cash, Eth) = (anvil, address, cash, eth);

    public Address Address { get; }

    /// <summary>The stablecoin.</summary>
    public Address Cash { get; }

    /// <summary>The token of <see cref="BatchFactory.EthSpot"/>.</summary>
    public Address Eth { get; }

    /// <summary>The domain of what is signed for its first circuit.</summary>
    public Fr Domain => DomainOf(CircuitVersion.Value);

    /// <summary>The domain of what is signed for a version of its circuit.</summary>
    public Fr DomainOf(uint version) => SettlementDomain.Of(AnvilProcess.ChainId, Address, version);

    /// <summary>Starts a chain whose clock stands a little after the first batches of a <see cref="BatchFactory"/>: the vault takes neither old nor future ones.</summary>
    /// <param name="early">Seconds by which it starts before that.</param>
    public static Task<AnvilProcess> StartChainAsync(int early = 0) => AnvilProcess.StartAsync("--timestamp", (1_723_161_300 - early).ToString(System.Globalization.CultureInfo.InvariantCulture));

    /// <summary>Deploys tokens, verifier and vault.</summary>
    /// <param name="key">Of the verifier.</param>
    /// <param name="challengeWindow">Seconds.</param>
    public static async Task<LocalVault> DeployAsync(AnvilProcess anvil, CircuitProfile profile, VerifyingKey key, long challengeWindow = 0)
    {
        using Wallet deployer = anvil.Wallet(0);
        byte[] token = CompiledContracts.TestToken.Code;
        Address cash = (await deployer.DeployAsync([.. token, .. TokenAbi.Constructor.EncodeArguments("Test dollar", "TUSD", 6)])).Contract;
        Address eth = (await deployer.DeployAsync([.. token, .. TokenAbi.Constructor.EncodeArguments("Test ether", "TETH", 18)])).Contract;
        Address verifier = (await deployer.DeployAsync(CompiledContracts.VerifierOf(key).Code)).Contract;
        object[] configuration =
        [
            new BatchFactory(profile).Root.ToBigInteger(), verifier, AnvilProcess.Key(OperatorKey).Address, cash, profile.Blocks, profile.Rows, profile.Operations,
            7_200, 3_600, challengeWindow, 600_000, 2_000, 700_000, RequestDeposit,
        ];
        Address vault = (await deployer.DeployAsync([.. CompiledContracts.Vault.Code, .. VaultAbi.Constructor.EncodeArguments([configuration])])).Contract;
        await deployer.SendAsync(vault, VaultAbi.ListAsset, [BatchFactory.EthSpot, eth, EthUnitsPerLot]);
        return new LocalVault(anvil, vault, cash, eth);
    }

    /// <summary>Queues the registration of a test account (<see cref="BatchFactory.IdentityOf"/>) with a first deposit; accounts register in order from 2.</summary>
    public async Task RegisterAsync(int account, long cash)
    {
        AccountIdentity identity = BatchFactory.IdentityOf(account);
        await FundAsync(identity.Owner, Cash, cash);
        await SendAsAsync(identity.Owner, Address, VaultAbi.Register.Encode(
            identity.KeyX.ToBigInteger(), identity.KeyY.ToBigInteger(), identity.ViewKeyHash.ToBigInteger(), cash));
    }

    /// <summary>Queues a deposit by a test account's owner; the account must be active.</summary>
    public async Task DepositAsync(int account, int asset, long amount)
    {
        Address owner = BatchFactory.OwnerOf(account);
        await FundAsync(owner, asset == 0 ? Cash : Eth, asset == 0 ? amount : amount * (BigInteger)EthUnitsPerLot);
        await SendAsAsync(owner, Address, VaultAbi.Deposit.Encode(account, asset, amount));
    }

    /// <summary>Seconds from the proposal of an upgrade until it may be activated.</summary>
    public const int UpgradeWindow = 3_600 + 7_200;

    /// <summary>Proposes another circuit; the first time with the contract that can.</summary>
    /// <param name="exitVerifier">Another verifier of exits; 0 for none.</param>
    public async Task<LocalUpgrade> ProposeAsync(CircuitProfile profile, VerifyingKey key, uint version, Address exitVerifier = default)
    {
        using Wallet deployer = anvil.Wallet(0);
        var upgrades = (Address)(await anvil.Client.CallAsync(Address, VaultAbi.Upgrades, []))[0];
        if (upgrades.IsZero)
        {
            upgrades = (await deployer.DeployAsync([.. CompiledContracts.Upgrades.Code, .. UpgradesAbi.Constructor.EncodeArguments(Address, UpgradeWindow)])).Contract;
            await deployer.SendAsync(Address, AbiFunction.Parse("setUpgrades(address newUpgrades)"), [upgrades]);
        }

        Address verifier = (await deployer.DeployAsync(CompiledContracts.VerifierOf(key).Code)).Contract;
        object[] upgrade = [new object[] { verifier, profile.Blocks, profile.Rows, profile.Operations, version }, exitVerifier];
        await deployer.SendAsync(upgrades, UpgradesAbi.Propose, [upgrade]);
        return new LocalUpgrade(upgrades, upgrade);
    }

    /// <summary>Makes a proposal's circuit that of the next batch: <see cref="UpgradeWindow"/> after it, when all batches are final.</summary>
    public async Task ActivateAsync(LocalUpgrade proposed)
    {
        using Wallet deployer = anvil.Wallet(0);
        await deployer.SendAsync(proposed.Contract, UpgradesAbi.Activate, [proposed.Upgrade]);
    }

    /// <summary>What <c>claim</c> would pay, in protocol units.</summary>
    public async Task<BigInteger> CreditsAsync(Address owner, int asset) => (BigInteger)(await anvil.Client.CallAsync(Address, VaultAbi.Credits, [owner, asset]))[0];

    /// <summary>Sends a transaction in another's name: anvil lets one.</summary>
    public Task SendAsAsync(Address from, Address to, byte[] data) => SendAsAsync(anvil, from, to, data);

    /// <summary>Sends a transaction in another's name on any local chain.</summary>
    public static async Task SendAsAsync(AnvilProcess anvil, Address from, Address to, byte[] data)
    {
        await anvil.RpcAsync("anvil_impersonateAccount", from.ToString());
        await anvil.RpcAsync("anvil_setBalance", from.ToString(), "0xde0b6b3a7640000");
        var hash = Bytes32.Parse((await anvil.RpcAsync("eth_sendTransaction", new JsonObject
        {
            ["from"] = from.ToString(), ["to"] = to.ToString(), ["data"] = Hex.Format(data), ["gas"] = "0x1c9c380",
        })).GetString()!);
        TransactionReceipt? receipt;
        while ((receipt = await anvil.Client.GetReceiptAsync(hash)) is null) await Task.Delay(5);
        if (!receipt.Succeeded) throw new InvalidOperationException($"The transaction of {from} to {to} reverted.");
    }

    private async Task FundAsync(Address owner, Address token, BigInteger amount)
    {
        await SendAsAsync(owner, token, TokenAbi.Mint.Encode(owner, amount));
        await SendAsAsync(owner, token, TokenAbi.Approve.Encode(Address, amount));
    }
}
