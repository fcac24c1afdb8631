using System.Numerics;
using Rollup.Crypto;
using Rollup.Protocol;
using Rollup.TestSupport;

namespace Rollup.Ethereum.Tests;

/// <summary>The client against a real local chain.</summary>
public sealed class AnvilTests(AnvilProcess anvil) : IClassFixture<AnvilProcess>
{
    private static readonly AbiFunction Value = AbiFunction.Parse("value()(uint256)");
    private static readonly AbiFunction Set = AbiFunction.Parse("set(uint256)");
    private static readonly AbiFunction ClaimOnce = AbiFunction.Parse("claimOnce()");
    private static readonly AbiFunction TooLarge = AbiFunction.Parse("TooLarge(uint256 value, uint256 limit)");
    private static readonly AbiEvent Changed = AbiEvent.Parse("Changed(address indexed who, uint256 from, uint256 to)");

    // solc 0.8.30, optimizer 1 run, cancun, no metadata, of:
    //   contract Sample {
    //       uint256 public value;
    //       event Changed(address indexed who, uint256 from, uint256 to);
    //       error TooLarge(uint256 value, uint256 limit);
    //       constructor(uint256 initial) { value = initial; }
    //       function set(uint256 to) external {
    //           require(to != 13, "unlucky");
    //           if (to > 1000) revert TooLarge(to, 1000);
    //           emit Changed(msg.sender, value, to);
    //           value = to;
    //       }
    //       function claimOnce() external { assert(value != 1); value = 1; }
    //   }
    private const string SampleCode =
        "6080604052348015600e575f5ffd5b506040516101be3803806101be833981016040819052602b916031565b5f556047565b5f602082840312156040575f5ffd5b5051919050565b61016a806100545f395ff3fe" +
        "608060405234801561000f575f5ffd5b506004361061003f575f3560e01c80633fa4f2451461004357806360fe47b11461005d578063a5f2ca4f14610072575b5f5ffd5b61004b5f5481565b60405190815260" +
        "200160405180910390f35b61007061006b36600461013f565b61007a565b005b610070610128565b80600d036100b95760405162461bcd60e51b8152602060048201526007602482015266756e6c75636b7960c8" +
        "1b60448201526064015b60405180910390fd5b6103e88111156100e75760405163677fd0e360e01b8152600481018290526103e860248201526044016100b0565b5f54604080519182526020820183905233917f" +
        "dde7ead19b1681c45d3d40fca1e3868a3453ff0230404f8f69fff09f8a50a99d910160405180910390a25f55565b5f5460010361013957610139610156565b60015f55565b5f6020828403121561014f575f5ffd" +
        "5b5035919050565b634e487b7160e01b5f52600160045260245ffd";

    private static Task<(Address Contract, TransactionReceipt Receipt)> DeployAsync(Wallet wallet, int initial) =>
        wallet.DeployAsync([.. Convert.FromHexString(SampleCode), .. AbiCodec.Encode([AbiType.Parse("uint256")], [initial])]);

    [AnvilFact]
    public async Task The_chain_and_its_accounts_are_read()
    {
        Assert.Equal(AnvilProcess.ChainId, await anvil.Client.GetChainIdAsync());
        Assert.Equal(10_000 * BigInteger.Pow(10, 18), await anvil.Client.GetBalanceAsync(AnvilProcess.Key(9).Address));
        Assert.Equal(10, Enumerable.Range(0, 10).Select(i => AnvilProcess.Key(i).Address).Distinct().Count());
        await anvil.MineAsync(2);
        var head = (await anvil.Client.GetBlockAsync(BlockTag.Latest))!;
        var parent = (await anvil.Client.GetBlockAsync(head.Number - 1))!;
        Assert.Equal(head.ParentHash, parent.Hash);
        Assert.Equal(head.Number, parent.Number + 1);
        Assert.True(head.Timestamp >= parent.Timestamp && parent.Timestamp > 1_700_000_000);
        Assert.Equal(30_000_000UL, head.GasLimit);
        Assert.Null(await anvil.Client.GetBlockAsync(head.Number + 1_000));
    }

    [AnvilFact]
    public async Task A_contract_is_deployed_called_and_its_transaction_read_back()
    {
        using var wallet = anvil.Wallet(0);
        var (contract, deployed) = await DeployAsync(wallet, 5);
        Assert.NotEmpty(await anvil.Client.GetCodeAsync(contract));
        Assert.Empty(await anvil.Client.GetCodeAsync(wallet.Address));
        Assert.Equal([new BigInteger(5)], await anvil.Client.CallAsync(contract, Value, []));

        var receipt = await wallet.SendAsync(contract, Set, [7]);
        Assert.Equal([new BigInteger(7)], await anvil.Client.CallAsync(contract, Value, []));
        Assert.Equal([new BigInteger(5)], await anvil.Client.CallAsync(contract, Value, [], deployed.BlockNumber));

        var transaction = (await anvil.Client.GetTransactionAsync(receipt.TransactionHash))!;
        Assert.Equal((wallet.Address, (Address?)contract, BigInteger.Zero), (transaction.From, transaction.To, transaction.Value));
        Assert.Equal([new BigInteger(7)], Set.DecodeArguments(transaction.Input));
        Assert.Equal((receipt.BlockNumber, receipt.BlockHash), (transaction.BlockNumber!.Value, transaction.BlockHash!.Value));
        Assert.Equal(transaction.Nonce + 1, await anvil.Client.GetNonceAsync(wallet.Address));
        Assert.InRange(receipt.GasUsed, 21_000UL, 60_000UL);
        Assert.Null((await anvil.Client.GetTransactionAsync(deployed.TransactionHash))!.To);

        var log = Assert.Single(receipt.Logs);
        Assert.Equal([wallet.Address, new BigInteger(5), new BigInteger(7)], Changed.Decode(log));
        Assert.Equal((contract, receipt.BlockNumber, receipt.BlockHash, receipt.TransactionHash), (log.Address, log.BlockNumber, log.BlockHash, log.TransactionHash));

        Assert.Null(await anvil.Client.GetTransactionAsync(default));
        Assert.Null(await anvil.Client.GetReceiptAsync(default));
    }

    [AnvilFact]
    public async Task Value_is_moved_and_gas_paid()
    {
        using var wallet = anvil.Wallet(1);
        var heir = Address.FromBytes(Keccak.Hash256("heir"u8).AsSpan(12));
        var before = await anvil.Client.GetBalanceAsync(wallet.Address);
        var receipt = await wallet.SendAsync(heir, [], 1_234_567);
        Assert.Equal(1_234_567, await anvil.Client.GetBalanceAsync(heir));
        Assert.Equal(before - 1_234_567 - receipt.GasUsed * receipt.EffectiveGasPrice, await anvil.Client.GetBalanceAsync(wallet.Address));
    }

    [AnvilFact]
    public async Task Reverts_tell_their_reason_and_use_no_nonce()
    {
        using var wallet = anvil.Wallet(2);
        var (contract, _) = await DeployAsync(wallet, 1);
        var nonce = await anvil.Client.GetNonceAsync(wallet.Address);

        var unlucky = await Assert.ThrowsAsync<EthereumRpcException>(() => wallet.SendAsync(contract, Set, [13]));
        Assert.Equal("unlucky", unlucky.Revert?.Reason);
        var panic = await Assert.ThrowsAsync<EthereumRpcException>(() => anvil.Client.CallAsync(contract, ClaimOnce, []));
        Assert.Equal("panic 0x01", panic.Revert?.Reason);
        var tooLarge = await Assert.ThrowsAsync<EthereumRpcException>(() => anvil.Client.CallAsync(contract, Set, [1001]));
        Assert.True(tooLarge.Revert!.Is(TooLarge));
        Assert.Equal([new BigInteger(1001), new BigInteger(1000)], TooLarge.DecodeArguments(tooLarge.Revert.Data));

        Assert.Equal(nonce, await anvil.Client.GetNonceAsync(wallet.Address));
        await wallet.SendAsync(contract, Set, [14]);
        Assert.Equal(nonce + 1, await anvil.Client.GetNonceAsync(wallet.Address));
    }

    [AnvilFact]
    public async Task A_call_to_no_contract_is_told_apart_from_an_answer()
    {
        var failure = await Assert.ThrowsAsync<EthereumProtocolException>(() => anvil.Client.CallAsync(AnvilProcess.Key(3).Address, Value, []));
        Assert.Contains("right contract", failure.Message, StringComparison.Ordinal);
    }

    [AnvilFact]
    public async Task A_transaction_that_reverts_when_included_tells_why()
    {
        await using var chain = await AnvilProcess.StartAsync("--no-mining");
        using var wallet = chain.Wallet(0);
        var deploying = DeployAsync(wallet, 5);
        await PendingAsync(chain, 1);
        await chain.MineAsync(1);
        var (contract, _) = await deploying;

        var sending = wallet.SendAsync(contract, ClaimOnce, []);
        await PendingAsync(chain, 1);
        // Somebody else was first: the value is 1 by the time the transaction runs.
        await chain.RpcAsync("anvil_setStorageAt", contract.ToString(), "0x0", Hex.Format([.. new byte[31], 1]));
        await chain.MineAsync(1);
        var failure = await Assert.ThrowsAsync<TransactionRevertedException>(() => sending);
        Assert.Equal("panic 0x01", failure.Revert?.Reason);
        Assert.Contains("panic 0x01", failure.Message, StringComparison.Ordinal);
        Assert.False(failure.Receipt.Succeeded);
        Assert.Equal(2UL, failure.Receipt.BlockNumber);
    }

    [AnvilFact]
    public async Task Concurrent_transactions_of_one_wallet_get_consecutive_nonces()
    {
        await using var chain = await AnvilProcess.StartAsync("--no-mining");
        using var wallet = chain.Wallet(4);
        var sending = Enumerable.Range(0, 8).Select(i => wallet.SendAsync(AnvilProcess.Key(5).Address, [], 100 + i)).ToArray();
        await PendingAsync(chain, sending.Length);
        await chain.MineAsync(1);
        var receipts = await Task.WhenAll(sending);
        Assert.Single(receipts.Select(receipt => receipt.BlockNumber).Distinct());
        var nonces = new List<ulong>();
        foreach (var receipt in receipts) nonces.Add((await chain.Client.GetTransactionAsync(receipt.TransactionHash))!.Nonce);
        Assert.Equal(Enumerable.Range(0, 8).Select(i => (ulong)i), nonces.Order());
    }

    [AnvilFact]
    public async Task A_transaction_that_is_not_included_in_time_is_named()
    {
        await using var chain = await AnvilProcess.StartAsync("--no-mining");
        using var wallet = new Wallet(chain.Client, AnvilProcess.Key(0), new WalletOptions { InclusionTimeout = TimeSpan.FromMilliseconds(50), PollInterval = TimeSpan.FromMilliseconds(10) });
        var failure = await Assert.ThrowsAsync<TransactionPendingException>(() => wallet.SendAsync(AnvilProcess.Key(1).Address, [], 1));
        Assert.NotNull(await chain.Client.GetTransactionAsync(failure.TransactionHash));
        // The next one queues behind it.
        await Assert.ThrowsAsync<TransactionPendingException>(() => wallet.SendAsync(AnvilProcess.Key(1).Address, [], 2));
        await chain.MineAsync(1);
        Assert.Equal(2UL, await chain.Client.GetNonceAsync(wallet.Address));
    }

    /// <summary>As a reorganisation may lose it.</summary>
    [AnvilFact]
    public async Task A_transaction_that_the_endpoint_has_lost_is_handed_over_again()
    {
        await using var chain = await AnvilProcess.StartAsync("--no-mining");
        using var wallet = new Wallet(chain.Client, AnvilProcess.Key(0), new WalletOptions { RepeatInterval = TimeSpan.FromMilliseconds(100), PollInterval = TimeSpan.FromMilliseconds(10) });
        Task<TransactionReceipt> sending = wallet.SendAsync(AnvilProcess.Key(1).Address, [], 7);
        for (int times = 0; times < 2; times++)
        {
            while (await chain.Client.GetNonceAsync(wallet.Address, BlockTag.Pending) != 1) await Task.Delay(10);
            if (times == 0) await chain.RpcAsync("anvil_dropAllTransactions");
        }

        Assert.False(sending.IsCompleted);
        await chain.MineAsync(1);
        Assert.True((await sending).Succeeded);
        Assert.Equal(1UL, await chain.Client.GetNonceAsync(wallet.Address));
    }

    [AnvilFact]
    public async Task Gas_above_the_wallets_limit_is_not_paid()
    {
        using var wallet = new Wallet(anvil.Client, AnvilProcess.Key(6), new WalletOptions { MaxFeePerGasLimit = 10 });
        await Assert.ThrowsAsync<FeeTooHighException>(() => wallet.SendAsync(AnvilProcess.Key(1).Address, [], 1));
        Assert.Equal(0UL, await anvil.Client.GetNonceAsync(wallet.Address, BlockTag.Pending));
    }

    [AnvilFact]
    public async Task Logs_are_found_by_contract_and_topic_over_several_ranges()
    {
        using var wallet = anvil.Wallet(7);
        using var other = anvil.Wallet(8);
        var (contract, deployed) = await DeployAsync(wallet, 0);
        var (decoy, _) = await DeployAsync(wallet, 0);
        foreach (var value in (int[])[21, 22, 23]) await wallet.SendAsync(contract, Set, [value]);
        await wallet.SendAsync(decoy, Set, [24]);
        var last = await other.SendAsync(contract, Set, [25]);

        var client = new EthereumClient(anvil.Client.Rpc, maxLogRange: 2);
        var all = await client.GetLogsAsync(LogFilter.Events(contract, Changed), deployed.BlockNumber, last.BlockNumber);
        Assert.Equal([21, 22, 23, 25], all.Select(log => (BigInteger)Changed.Decode(log)[2]));
        var topic = Bytes32.FromBytes(AbiCodec.Encode([AbiType.Parse("address")], [other.Address]));
        var byOther = await client.GetLogsAsync(new LogFilter(contract, [], [topic]), deployed.BlockNumber, last.BlockNumber);
        Assert.Equal(last.TransactionHash, Assert.Single(byOther).TransactionHash);
        Assert.Equal(last.TransactionHash, Assert.Single(await client.GetLogsAsync(new LogFilter(contract), last.BlockHash)).TransactionHash);
        await Assert.ThrowsAsync<EthereumRpcException>(() => client.GetLogsAsync(new LogFilter(contract), Bytes32.Parse("0x" + new string('1', 64))));
    }

    [AnvilFact]
    public async Task A_reorganisation_is_followed_and_the_wallet_goes_on()
    {
        await using var chain = await AnvilProcess.StartAsync();
        using var wallet = chain.Wallet(0);
        var (contract, deployed) = await DeployAsync(wallet, 0);
        var follower = new LogFollower(chain.Client, LogFilter.Events(contract, Changed), new LogHistory(deployed.BlockNumber), confirmations: 0);
        await wallet.SendAsync(contract, Set, [31]);
        var snapshot = await chain.SnapshotAsync();
        await wallet.SendAsync(contract, Set, [32]);
        await wallet.SendAsync(contract, Set, [33]);
        Assert.Equal([31, 32, 33], Values((await follower.PollAsync()).Added));

        await chain.RevertAsync(snapshot);
        await chain.AdvanceAsync(TimeSpan.FromHours(1)); // so that the new branch differs
        await wallet.SendAsync(contract, Set, [34]);
        var update = await follower.PollAsync();
        Assert.Equal([33, 32], Values(update.Removed));
        Assert.Equal([34], Values(update.Added));
        Assert.True(update.CaughtUp);

        static BigInteger[] Values(IEnumerable<Log> logs) => [.. logs.Select(log => (BigInteger)Changed.Decode(log)[2])];
    }

    [AnvilFact]
    public async Task A_chain_that_ends_is_unreachable()
    {
        await using var chain = await AnvilProcess.StartAsync();
        using var client = new EthereumClient(chain.Endpoint, new JsonRpcOptions { Attempts = 2, RetryDelay = TimeSpan.FromMilliseconds(1) });
        Assert.Equal(0UL, await client.GetBlockNumberAsync());
        await chain.StopAsync();
        await Assert.ThrowsAsync<EthereumUnreachableException>(() => client.GetBlockNumberAsync());
    }

    private static async Task PendingAsync(AnvilProcess chain, int count)
    {
        while ((await chain.RpcAsync("txpool_status")).GetProperty("pending").GetString() is var pending && Hex.ParseQuantity(pending!) < count) await Task.Delay(10);
    }
}
