using System.Diagnostics;
using System.Numerics;
using Rollup.Protocol;

namespace Rollup.Ethereum;

/// <summary>How a <see cref="Wallet"/> pays and waits.</summary>
public sealed record WalletOptions
{
    /// <summary>Gas limit = estimate x (100 + this) / 100: other transactions may come between the estimate and the inclusion.</summary>
    public uint GasMarginPercent { get; init; } = 25;

    /// <summary>In wei a gas; a transaction that would need more is not sent.</summary>
    public BigInteger MaxFeePerGasLimit { get; init; } = 500 * BigInteger.Pow(10, 9);

    /// <summary>How long to wait for inclusion.</summary>
    public TimeSpan InclusionTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Between two looks for a receipt.</summary>
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>A transaction that waits so long, and again so long, is looked for; if the endpoint has lost it, as after a reorganisation, it gets the same bytes again.</summary>
    public TimeSpan RepeatInterval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Attempts to hand a transaction over, <see cref="PollInterval"/> apart. Handing the same signed bytes over twice does no harm.</summary>
    public int SendAttempts { get; init; } = 4;
}

/// <summary>
/// Sends transactions of one key. It gives out the nonces, so nothing else may send with the same key meanwhile. Thread-safe:
/// concurrent transactions are signed and handed over one after the other, and waited for together.
/// </summary>
public sealed class Wallet(IEthereum ethereum, EthereumKey key, WalletOptions? options = null) : IDisposable
{
    private readonly WalletOptions options = options ?? new WalletOptions();
    private readonly SemaphoreSlim turn = new(1, 1);
    private ulong? chainId;

    // While own transactions wait for inclusion, an endpoint may not count them all as pending: then the last nonce is the guide.
    // With none waiting the endpoint is, so that nonces are right again after a reorganisation or a failed hand-over.
    private int waiting;
    private ulong? nextNonce;

    public Address Address => key.Address;

    /// <summary>Creates a contract.</summary>
    /// <param name="code">Creation code followed by the encoded constructor arguments.</param>
    public async Task<(Address Contract, TransactionReceipt Receipt)> DeployAsync(byte[] code, CancellationToken cancellation = default)
    {
        var receipt = await SendAsync(null, code, cancellation: cancellation);
        var contract = receipt.ContractAddress ?? throw new EthereumProtocolException($"The receipt of {receipt.TransactionHash} names no contract.");
        return (contract, receipt);
    }

    /// <summary>Calls a contract's function in a transaction.</summary>
    public Task<TransactionReceipt> SendAsync(
        Address contract, AbiFunction function, object[] arguments, BigInteger value = default, CancellationToken cancellation = default) =>
        SendAsync(contract, function.Encode(arguments), value, cancellation);

    /// <summary>Sends a transaction and waits until it is in a block.</summary>
    /// <exception cref="EthereumRpcException">It would revert now, or was refused; no nonce is used.</exception>
    /// <exception cref="FeeTooHighException">Gas costs more than the limit; nothing was sent.</exception>
    /// <exception cref="TransactionRevertedException">It was included and reverted.</exception>
    /// <exception cref="TransactionPendingException">It was not included in time.</exception>
    /// <exception cref="EthereumUnreachableException">The endpoint went away; if that was after the hand-over, it may still be included.</exception>
    public async Task<TransactionReceipt> SendAsync(Address? to, byte[] data, BigInteger value = default, CancellationToken cancellation = default)
    {
        var call = new CallRequest(to, data) { From = key.Address, Value = value };
        SignedTransaction signed;
        await turn.WaitAsync(cancellation);
        try
        {
            var transaction = await PrepareAsync(call, cancellation);
            signed = transaction.Sign(key);
            nextNonce = null; // Stays unknown if the hand-over fails.
            await HandOverAsync(signed, cancellation);
            nextNonce = transaction.Nonce + 1;
            Interlocked.Increment(ref waiting);
        }
        finally
        {
            turn.Release();
        }

        try
        {
            var receipt = await WaitAsync(signed, cancellation);
            return receipt.Succeeded ? receipt : throw await RevertedAsync(call, receipt, cancellation);
        }
        finally
        {
            Interlocked.Decrement(ref waiting);
        }
    }

    public void Dispose() => turn.Dispose();

    private async Task<Eip1559Transaction> PrepareAsync(CallRequest call, CancellationToken cancellation)
    {
        chainId ??= await ethereum.GetChainIdAsync(cancellation);
        var nonce = nextNonce is { } next && Volatile.Read(ref waiting) > 0 ? next : await ethereum.GetNonceAsync(Address, BlockTag.Pending, cancellation);
        var gas = await ethereum.EstimateGasAsync(call, cancellation);
        var latest = await ethereum.GetBlockAsync(BlockTag.Latest, cancellation) ?? throw new EthereumProtocolException("The endpoint has no latest block.");
        var tip = await ethereum.GetMaxPriorityFeePerGasAsync(cancellation);
        if (latest.BaseFeePerGas + tip > options.MaxFeePerGasLimit) throw new FeeTooHighException(latest.BaseFeePerGas + tip, options.MaxFeePerGasLimit);
        return new Eip1559Transaction
        {
            ChainId = chainId.Value,
            Nonce = nonce,
            To = call.To,
            Data = call.Data,
            Value = call.Value,
            GasLimit = Math.Max(gas, (ulong)UInt128.Min((UInt128)gas * (100 + options.GasMarginPercent) / 100, latest.GasLimit)),
            MaxPriorityFeePerGas = tip,
            // Twice the base fee stays valid for six full blocks in a row.
            MaxFeePerGas = BigInteger.Min(2 * latest.BaseFeePerGas + tip, options.MaxFeePerGasLimit),
        };
    }

    private async Task HandOverAsync(SignedTransaction signed, CancellationToken cancellation)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await ethereum.SendRawTransactionAsync(signed.Raw, cancellation);
                return;
            }
            catch (EthereumUnreachableException) when (attempt < options.SendAttempts)
            {
                await Task.Delay(options.PollInterval, cancellation);
            }
            catch (EthereumRpcException)
            {
                // A refusal because it is known already is a success: an earlier attempt arrived and its answer was lost.
                if (await ethereum.GetTransactionAsync(signed.Hash, cancellation) is null) throw;
                return;
            }
        }
    }

    private async Task<TransactionReceipt> WaitAsync(SignedTransaction signed, CancellationToken cancellation)
    {
        var started = Stopwatch.GetTimestamp();
        for (TimeSpan repeat = options.RepeatInterval; ;)
        {
            if (await ethereum.GetReceiptAsync(signed.Hash, cancellation) is { } receipt) return receipt;
            var waited = Stopwatch.GetElapsedTime(started);
            if (waited >= options.InclusionTimeout) throw new TransactionPendingException(signed.Hash, waited);
            if (waited >= repeat)
            {
                repeat = waited + options.RepeatInterval;
                if (await ethereum.GetTransactionAsync(signed.Hash, cancellation) is null) await RepeatAsync(signed, cancellation);
            }

            await Task.Delay(options.PollInterval, cancellation);
        }
    }

    private async Task RepeatAsync(SignedTransaction signed, CancellationToken cancellation)
    {
        try
        {
            await ethereum.SendRawTransactionAsync(signed.Raw, cancellation);
        }
        catch (EthereumRpcException)
        {
            // It is known after all, or its nonce is spent by now: the receipt, or the end of the wait, tells.
        }
    }

    /// <summary>Looks for the reason by running the call again on the state after its block.</summary>
    private async Task<TransactionRevertedException> RevertedAsync(CallRequest call, TransactionReceipt receipt, CancellationToken cancellation)
    {
        try
        {
            await ethereum.CallAsync(call, receipt.BlockNumber, cancellation);
            return new TransactionRevertedException(receipt, "it does not revert when run again; perhaps its gas ran out, or a later transaction of the block changed the state", null);
        }
        catch (EthereumRpcException e)
        {
            return new TransactionRevertedException(receipt, e.Revert?.ToString() ?? e.RpcMessage, e.Revert);
        }
    }
}
