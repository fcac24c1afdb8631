using System.Numerics;
using Rollup.Client.Keys;
using Rollup.Client.Vault;
using Rollup.Crypto.Settlement;
using Rollup.Engine;
using Rollup.Ethereum;
using Rollup.Protocol;
using Rollup.ProverBridge.Settlement;
using Rollup.TestSupport;
using Rollup.Witness;

namespace Rollup.Client.Tests;

/// <summary>A trader's way through the contract on a local chain, with proofs forged under a known key.</summary>
public sealed class VaultClientTests
{
    private const long FirstCash = 5_000_000_001, LaterCash = 70_000_003, Spot = 900, Out = 1_000_007;

    [AnvilFact]
    public async Task Register_deposit_withdraw_claim()
    {
        await using AnvilProcess anvil = await LocalVault.StartChainAsync();
        LocalVault vault = await LocalVault.DeployAsync(anvil, CircuitProfile.Dev, KnownKey.Key);
        var client = new VaultClient(anvil.Client, vault.Address);
        using Wallet wallet = anvil.Wallet(3);
        using TraderKeys keys = TraderKeys.Derive(AnvilProcess.Key(3), AnvilProcess.ChainId, vault.Address);
        var factory = new BatchFactory(CircuitProfile.Dev) { Domain = vault.Domain };
        await MintAsync(vault.Cash, FirstCash + LaterCash);
        await MintAsync(vault.Eth, Spot * (BigInteger)LocalVault.EthUnitsPerLot);

        Assert.Equal(new VaultAsset(vault.Eth, LocalVault.EthUnitsPerLot), await client.AssetAsync(BatchFactory.EthSpot));
        Assert.Null(await client.AssetAsync(99));

        using Wallet other = anvil.Wallet(4);
        Assert.Equal("keys", (await Assert.ThrowsAsync<ArgumentException>(() => client.RegisterAsync(other, keys, FirstCash))).ParamName);
        Assert.Equal(2, await client.RegisterAsync(wallet, keys, FirstCash));
        Assert.Equal(LaterCash, await client.BalanceAsync(keys.Owner, 0));

        // Not before the registration is final.
        Assert.False(await client.IsActiveAsync(2));
        Assert.Equal("AccountNotActive(2)", await RefusalAsync(client.DepositAsync(wallet, 2, 0, LaterCash)));
        var identity = new AccountIdentity(keys.Owner, keys.SigningKey.PublicKey.X, keys.SigningKey.PublicKey.Y, keys.ViewKey);
        await SettleAsync(vault, factory.Begin().Register(2, FirstCash, @as: identity).Seal());
        Assert.True(await client.IsActiveAsync(2));

        await client.DepositAsync(wallet, 2, 0, LaterCash);
        await client.DepositAsync(wallet, 2, BatchFactory.EthSpot, Spot);
        Assert.Equal((0, 0), (await client.BalanceAsync(keys.Owner, 0), await client.BalanceAsync(keys.Owner, BatchFactory.EthSpot)));
        Assert.StartsWith($"ERC20InsufficientBalance({wallet.Address}, 0, ", await RefusalAsync(client.DepositAsync(wallet, 2, 0, 1)), StringComparison.Ordinal);
        Assert.Equal("asset", (await Assert.ThrowsAsync<ArgumentException>(() => client.DepositAsync(wallet, 2, 99, 1))).ParamName);
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => client.DepositAsync(wallet, 2, 0, -1));

        Assert.Equal($"NothingToClaim({keys.Owner}, 0)", await RefusalAsync(client.ClaimAsync(wallet, keys.Owner, 0)));
        await SettleAsync(vault, factory.Begin().Deposit(2, 0, LaterCash).Deposit(2, BatchFactory.EthSpot, Spot).Withdraw(2, 9, 1, 0, Out).Seal());
        Assert.Equal((Out, 0), (await client.CreditsAsync(keys.Owner, 0), await client.CreditsAsync(keys.Owner, BatchFactory.EthSpot)));
        await client.ClaimAsync(other, keys.Owner, 0); // Anyone may; the owner is paid.
        Assert.Equal((Out, 0), (await client.BalanceAsync(keys.Owner, 0), await client.BalanceAsync(other.Address, 0)));
        Assert.Equal(0, await client.CreditsAsync(keys.Owner, 0));

        // What the operator does not pay out is asked for on the chain; a request costs its deposit until it is served.
        const long asked = 1_000_003;
        await MintAsync(vault.Cash, 2 * LocalVault.RequestDeposit);
        BigInteger held = await client.BalanceAsync(keys.Owner, 0);
        await client.RequestWithdrawalAsync(wallet, 2, 0, asked);
        await client.RequestCloseAsync(wallet, 2);
        Assert.Equal(held - 2 * LocalVault.RequestDeposit, await client.BalanceAsync(keys.Owner, 0));
        Assert.Equal("AccountNotActive(3)", await RefusalAsync(client.RequestCloseAsync(wallet, 3)));
        await SettleAsync(vault, factory.Begin().RequestWithdrawal(2, 0, asked, paid: asked).Seal());
        await SettleAsync(vault, factory.Begin().RequestClose(2).Seal());
        Assert.Equal(asked + 2 * LocalVault.RequestDeposit, await client.CreditsAsync(keys.Owner, 0));

        Task MintAsync(Address token, BigInteger amount) => wallet.SendAsync(token, TokenAbi.Mint, [wallet.Address, amount]);
    }

    [AnvilFact]
    public async Task A_contract_that_is_no_vault_is_named()
    {
        await using AnvilProcess anvil = await LocalVault.StartChainAsync();
        var client = new VaultClient(anvil.Client, Sample.Vault);
        var error = await Assert.ThrowsAsync<EthereumProtocolException>(() => client.IsActiveAsync(2));
        Assert.Contains($"{Eip55.Format(Sample.Vault)} answered isActive(uint32) with 0 bytes", error.Message, StringComparison.Ordinal);
    }

    private static async Task<string> RefusalAsync(Task action) => VaultAbi.Describe((await Assert.ThrowsAsync<EthereumRpcException>(() => action)).Revert!);

    private static async Task SettleAsync(LocalVault vault, SealedBatch batch)
    {
        BatchCalldata calldata = BatchCalldata.Of(batch, SettlementInput.Build(batch), LocalVault.RequestDeposit);
        Address @operator = AnvilProcess.Key(LocalVault.OperatorKey).Address;
        foreach (byte[] data in (byte[][])[
            ProverBridge.Settlement.Vault.Commit(calldata), ProverBridge.Settlement.Vault.Prove(calldata.Batch, KnownKey.Forge(calldata.PublicInputs.AsSpan()).ToEvmWords()),
            ProverBridge.Settlement.Vault.Finalize(calldata.Batch, calldata.Payouts)])
            await vault.SendAsAsync(@operator, vault.Address, data);
    }
}
