using System.Globalization;
using System.Numerics;
using Rollup.Api;
using Rollup.Client.Keys;
using Rollup.Client.Sequencer;
using Rollup.Ethereum;

namespace Rollup.Drills;

/// <summary>An owner with a wallet, keys and an account, who acts through the client library.</summary>
internal sealed class Trader(RunningSystem system, string name, string keyFile, Wallet wallet, TraderKeys keys, int account) : IDisposable
{
    private const long ValidFor = 600_000; // ms
    private const int FeeRate = 1_000;

    private readonly Dictionary<byte, long> nonces = [];
    private int quotes;

    internal string Name => name;

    internal string KeyFile => keyFile;

    internal Wallet Wallet => wallet;

    internal TraderKeys Keys => keys;

    internal int Account => account;

    /// <summary>Places an order; fails if the fills break it, or a fill-or-kill order does not fill.</summary>
    /// <param name="limit">Atoms a lot.</param>
    internal async Task<RequestResult> OrderAsync(Side side, int instrument, long size, long limit, OrderLife life = OrderLife.Gtc, byte slot = 0)
    {
        OrderMessage order = system.Signer.Sign(new OrderMessage(account, slot, Next(slot), instrument, side, size, limit, FeeRate, Expiry, default, life), keys);
        RequestResult result = await system.Api.PlaceAsync(order, system.Run.Cancellation);
        if (FillCheck.Find(order, result.Fills) is { } complaint) throw new DrillFailedException($"{name}: the sequencer's fills break the order: {complaint}");
        if (life == OrderLife.Fok) DrillRun.Expect(result.Filled == size, $"{name}'s order of {size} lots fills", $"{result.Filled}, {result.Closed?.Message}");
        return result;
    }

    /// <summary>Trades with somebody: the seller's order rests, the buyer's takes it. The seller's slots change, as an order that is not taken keeps its own.</summary>
    internal async Task BuyFromAsync(Trader seller, int instrument, long size, long price)
    {
        seller.quotes++;
        await seller.OrderAsync(Side.Sell, instrument, size, price, slot: (byte)(1 + seller.quotes % 100));
        await OrderAsync(Side.Buy, instrument, size, price, OrderLife.Fok);
    }

    /// <summary>Withdraws through the sequencer.</summary>
    internal Task<RequestResult> WithdrawAsync(int asset, long amount, byte slot = 201) => system.Api.WithdrawAsync(
        system.Signer.Sign(new WithdrawalMessage(account, slot, Next(slot), asset, amount, Expiry, default), keys), system.Run.Cancellation);

    /// <summary>Deposits cash or lots of spot, which are minted for it; the account must be active.</summary>
    internal async Task DepositAsync(int asset, long amount)
    {
        await system.FundAsync(wallet.Address, asset == 0 ? amount : 0, asset == 0 ? 0 : amount);
        await system.VaultClient.DepositAsync(wallet, account, asset, amount, system.Run.Cancellation);
    }

    /// <summary>Asks on the chain to withdraw; the request deposit is minted for it.</summary>
    internal async Task RequestWithdrawalAsync(int asset, long amount)
    {
        await system.FundAsync(wallet.Address, await RequestDepositAsync(), 0);
        await system.VaultClient.RequestWithdrawalAsync(wallet, account, asset, amount, system.Run.Cancellation);
    }

    /// <summary>Asks on the chain to close all derivatives; the request deposit is minted for it.</summary>
    internal async Task RequestCloseAsync()
    {
        await system.FundAsync(wallet.Address, await RequestDepositAsync(), 0);
        await system.VaultClient.RequestCloseAsync(wallet, account, system.Run.Cancellation);
    }

    /// <summary>The account as the sequencer has it.</summary>
    internal Task<AccountView> ViewAsync() => system.Api.AccountAsync(account, keys, system.Signer, DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(), system.Run.Cancellation);

    /// <summary>What the vault has credited to the owner, protocol units.</summary>
    internal Task<BigInteger> CreditsAsync(int asset) => system.VaultClient.CreditsAsync(wallet.Address, asset, system.Run.Cancellation);

    public void Dispose()
    {
        keys.Dispose();
        wallet.Dispose();
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{name} (account {account})");

    private static long Expiry => DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() + ValidFor;

    private long Next(byte slot) => nonces[slot] = nonces.GetValueOrDefault(slot) + 1;

    private async Task<long> RequestDepositAsync() => (long)await system.AskAsync<BigInteger>(VaultAbi.RequestDeposit);
}
