using System.Numerics;
using Microsoft.Extensions.Logging;
using Rollup.Ethereum;
using Rollup.Protocol;

namespace Rollup.Watcher;

/// <summary>Sends the watcher's transactions within its limits, each only if it would succeed now.</summary>
internal sealed class Actor(WatcherConfig config, IEthereum ethereum, Wallet wallet, WatcherState state, WatcherMetrics metrics, Alerts alerts, ILogger log)
{
    private const uint GasMarginPercent = 25;

    internal Address Address => wallet.Address;

    /// <summary>The options of a wallet for these limits.</summary>
    internal static WalletOptions Options(SpendingConfig spending) => new() { GasMarginPercent = GasMarginPercent, MaxFeePerGasLimit = Gwei(spending.MaxFeeGwei) };

    /// <summary>Whether a call would succeed now, sent by this watcher.</summary>
    internal async Task<bool> WouldSucceedAsync(Address to, byte[] data, CancellationToken cancellation) => await EstimateAsync(to, data, cancellation) is not null;

    /// <summary>Sends what would succeed and is within the limits.</summary>
    /// <param name="isStep">One of many that lead to an action: it raises no alert of its own.</param>
    /// <returns>Whether it was included and succeeded.</returns>
    internal async Task<bool> SendAsync(string action, Address to, byte[] data, CancellationToken cancellation, bool isStep = false)
    {
        if (await EstimateAsync(to, data, cancellation) is not { } gas) return false;
        BigInteger price = await PriceAsync(cancellation), most = gas * (100 + GasMarginPercent) / 100 * price;
        if (state.Spent + most > Gwei(config.Spending.EtherGwei))
        {
            await alerts.RaiseAsync("spending", $"{action} {config.Spending.EtherGwei}",
                $"{action} would cost up to {most / Gwei(1)} Gwei, {state.Spent / Gwei(1)} are spent, and spending.etherGwei is {config.Spending.EtherGwei}: it is not sent. Raise the limit, or send it yourself.");
            return false;
        }

        try
        {
            TransactionReceipt receipt = await wallet.SendAsync(to, data, cancellation: cancellation);
            state.Spend(receipt.GasUsed * receipt.EffectiveGasPrice);
            metrics.Acted(action);
            string what = $"{action} was sent and succeeded in block {receipt.BlockNumber}: transaction {receipt.TransactionHash}";
            if (isStep) log.LogInformation("{What}", what);
            else await alerts.RaiseAsync("action", $"{action} {receipt.TransactionHash}", what);
            return true;
        }
        catch (TransactionRevertedException error)
        {
            state.Spend(most); // Not more than this; what is not known is counted in full.
            log.LogError("{Action} reverted: {Problem}", action, error.Message);
        }
        catch (TransactionPendingException error)
        {
            state.Spend(most);
            log.LogError("{Action} is not included yet: {Problem}", action, error.Message);
        }
        catch (Exception error) when (error is EthereumRpcException or FeeTooHighException)
        {
            log.LogError("{Action} is not sent: {Problem}", action, error.Message);
        }

        return false;
    }

    private static BigInteger Gwei(long value) => value * BigInteger.Pow(10, 9);

    private async Task<ulong?> EstimateAsync(Address to, byte[] data, CancellationToken cancellation)
    {
        try
        {
            return await ethereum.EstimateGasAsync(new CallRequest(to, data) { From = wallet.Address }, cancellation);
        }
        catch (EthereumRpcException)
        {
            return null;
        }
    }

    private async Task<BigInteger> PriceAsync(CancellationToken cancellation)
    {
        Block latest = await ethereum.GetBlockAsync(BlockTag.Latest, cancellation) ?? throw new EthereumProtocolException("The endpoint has no latest block.");
        return BigInteger.Min(2 * latest.BaseFeePerGas + await ethereum.GetMaxPriorityFeePerGasAsync(cancellation), Gwei(config.Spending.MaxFeeGwei));
    }
}
