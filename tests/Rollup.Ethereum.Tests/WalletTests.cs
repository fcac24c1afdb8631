using System.Numerics;
using Rollup.Crypto;
using Rollup.Protocol;
using Rollup.TestSupport;

namespace Rollup.Ethereum.Tests;

public class WalletTests
{
    private const ulong Nonce = 5;
    private static readonly Address To = Address.Parse("0x00112233445566778899aabbccddeeff01234567");
    private static readonly EthereumKey Key = AnvilProcess.Key(3);
    private static readonly WalletOptions Options = new() { PollInterval = TimeSpan.FromMilliseconds(1), SendAttempts = 3 };

    // What the wallet must make of the endpoint's numbers below.
    private static readonly Eip1559Transaction Expected = new()
    {
        ChainId = 42, Nonce = Nonce, To = To, Data = [1, 2, 3], Value = 9, GasLimit = 125_000, MaxPriorityFeePerGas = 20, MaxFeePerGas = 2 * 1_000 + 20,
    };

    private static Task<TransactionReceipt> SendAsync(Wallet wallet) => wallet.SendAsync(To, [1, 2, 3], 9);

    [Fact]
    public async Task Gas_has_a_margin_and_the_fee_covers_twice_the_base_fee()
    {
        var ethereum = new FakeEthereum();
        using var wallet = new Wallet(ethereum, Key, Options);
        await SendAsync(wallet);
        Assert.Equal(Expected.Sign(Key).Raw, ethereum.Handed.Single());
    }

    [Theory]
    [InlineData(100_000, 110_000, 110_000)] // the block's limit cuts the margin
    [InlineData(100_000, 90_000, 100_000)] // but never the estimate
    public async Task The_margin_ends_at_the_blocks_gas_limit(ulong estimate, ulong blockLimit, ulong expected)
    {
        var ethereum = new FakeEthereum { Estimate = estimate, BlockGasLimit = blockLimit };
        using var wallet = new Wallet(ethereum, Key, Options);
        await SendAsync(wallet);
        Assert.Equal((Expected with { GasLimit = expected }).Sign(Key).Raw, ethereum.Handed.Single());
    }

    [Fact]
    public async Task The_fee_limit_cuts_the_reserve_and_refuses_what_it_cannot_pay()
    {
        var ethereum = new FakeEthereum();
        using var enough = new Wallet(ethereum, Key, Options with { MaxFeePerGasLimit = 1_020 });
        await SendAsync(enough);
        Assert.Equal((Expected with { MaxFeePerGas = 1_020 }).Sign(Key).Raw, ethereum.Handed.Single());
        using var short1 = new Wallet(ethereum, Key, Options with { MaxFeePerGasLimit = 1_019 });
        await Assert.ThrowsAsync<FeeTooHighException>(() => SendAsync(short1));
        Assert.Single(ethereum.Handed);
    }

    [Fact]
    public async Task A_lost_answer_to_the_hand_over_does_not_send_twice()
    {
        var ethereum = new FakeEthereum();
        ethereum.OnHandOver = attempt => attempt switch
        {
            1 => new EthereumUnreachableException("the answer was lost"),
            _ => new EthereumRpcException("eth_sendRawTransaction", -32000, "already known", null),
        };
        using var wallet = new Wallet(ethereum, Key, Options);
        Assert.True((await SendAsync(wallet)).Succeeded);
        Assert.Equal(2, ethereum.Handed.Count);
        Assert.Equal(ethereum.Handed[0], ethereum.Handed[1]);
    }

    [Fact]
    public async Task A_refused_transaction_uses_no_nonce()
    {
        var ethereum = new FakeEthereum { Forget = true, OnHandOver = attempt => attempt == 1 ? new EthereumRpcException("eth_sendRawTransaction", -32000, "insufficient funds", null) : null };
        using var wallet = new Wallet(ethereum, Key, Options);
        await Assert.ThrowsAsync<EthereumRpcException>(() => SendAsync(wallet));
        ethereum.Forget = false;
        await SendAsync(wallet);
        Assert.Equal(ethereum.Handed[0], ethereum.Handed[1]);
    }

    [Fact]
    public async Task An_endpoint_that_stays_away_is_reported_after_all_attempts()
    {
        var ethereum = new FakeEthereum { OnHandOver = _ => new EthereumUnreachableException("away") };
        using var wallet = new Wallet(ethereum, Key, Options);
        await Assert.ThrowsAsync<EthereumUnreachableException>(() => SendAsync(wallet));
        Assert.Equal(3, ethereum.Handed.Count);
    }

    [Fact]
    public async Task While_transactions_wait_the_wallet_counts_nonces_itself_and_afterwards_the_endpoint_does()
    {
        // The endpoint always says 5, as one that does not count pending transactions.
        var ethereum = new FakeEthereum { Includes = false };
        using var wallet = new Wallet(ethereum, Key, Options);
        var first = SendAsync(wallet);
        var second = SendAsync(wallet);
        while (ethereum.Handed.Count < 2) await Task.Delay(1);
        ethereum.Includes = true;
        await Task.WhenAll(first, second);
        await SendAsync(wallet);
        Assert.Equal([Nonce, Nonce + 1, Nonce], ethereum.Handed.Select(raw => NonceOf(raw)));

        static ulong NonceOf(byte[] raw) => Enumerable.Range(0, 10).Select(n => (ulong)n).Single(n => (Expected with { Nonce = n }).Sign(Key).Raw.AsSpan().SequenceEqual(raw));
    }

    [Fact]
    public async Task A_wallet_waits_its_turn_only_as_long_as_it_is_not_cancelled()
    {
        using var cancellation = new CancellationTokenSource();
        var ethereum = new FakeEthereum { Includes = false };
        using var wallet = new Wallet(ethereum, Key, Options);
        var waiting = wallet.SendAsync(To, [1, 2, 3], 9, cancellation.Token);
        while (ethereum.Handed.Count < 1) await Task.Delay(1);
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        ethereum.Includes = true;
        Assert.True((await SendAsync(wallet)).Succeeded);
    }

    /// <summary>An endpoint whose answers are set by the test. Every transaction it was handed is included at once, unless told otherwise.</summary>
    private sealed class FakeEthereum : IEthereum
    {
        private readonly HashSet<Bytes32> known = [];

        public List<byte[]> Handed { get; } = [];
        public ulong Estimate { get; init; } = 100_000;
        public ulong BlockGasLimit { get; init; } = 30_000_000;

        /// <summary>What the n-th hand-over fails with (from 1), after the transaction was taken.</summary>
        public Func<int, Exception?>? OnHandOver { get; set; }

        /// <summary>Transactions are refused and not kept.</summary>
        public bool Forget { get; set; }

        public volatile bool Includes = true;

        public Task<ulong> GetChainIdAsync(CancellationToken cancellation = default) => Task.FromResult(42UL);
        public Task<ulong> GetNonceAsync(Address address, BlockTag block = default, CancellationToken cancellation = default) => Task.FromResult(Nonce);
        public Task<ulong> EstimateGasAsync(CallRequest call, CancellationToken cancellation = default) => Task.FromResult(Estimate);
        public Task<BigInteger> GetMaxPriorityFeePerGasAsync(CancellationToken cancellation = default) => Task.FromResult<BigInteger>(20);
        public Task<Block?> GetBlockAsync(BlockTag block, CancellationToken cancellation = default) => Task.FromResult<Block?>(new Block(7, default, default, 1, BlockGasLimit, 1_000));

        public Task SendRawTransactionAsync(byte[] raw, CancellationToken cancellation = default)
        {
            Handed.Add(raw);
            if (!Forget) known.Add(Bytes32.FromBytes(Keccak.Hash256(raw)));
            return OnHandOver?.Invoke(Handed.Count) is { } failure ? Task.FromException(failure) : Task.CompletedTask;
        }

        public Task<Transaction?> GetTransactionAsync(Bytes32 hash, CancellationToken cancellation = default) =>
            Task.FromResult(known.Contains(hash) ? new Transaction(hash, Key.Address, To, Nonce, 9, [], null, null) : null);

        public Task<TransactionReceipt?> GetReceiptAsync(Bytes32 hash, CancellationToken cancellation = default) =>
            Task.FromResult(Includes && known.Contains(hash) ? new TransactionReceipt(hash, true, 8, default, 21_000, 1, null, []) : null);

        public Task<BigInteger> GetBalanceAsync(Address address, BlockTag block = default, CancellationToken cancellation = default) => throw Unused();
        public Task<byte[]> GetCodeAsync(Address address, BlockTag block = default, CancellationToken cancellation = default) => throw Unused();
        public Task<byte[]> CallAsync(CallRequest call, BlockTag block = default, CancellationToken cancellation = default) => throw Unused();
        public Task<ulong> GetBlockNumberAsync(CancellationToken cancellation = default) => throw Unused();
        public Task<IReadOnlyList<Log>> GetLogsAsync(LogFilter filter, ulong from, ulong to, CancellationToken cancellation = default) => throw Unused();
        public Task<IReadOnlyList<Log>> GetLogsAsync(LogFilter filter, Bytes32 blockHash, CancellationToken cancellation = default) => throw Unused();

        private static InvalidOperationException Unused() => new("A wallet does not ask this.");
    }
}
