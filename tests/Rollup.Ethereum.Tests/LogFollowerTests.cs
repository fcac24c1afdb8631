using System.Globalization;
using Rollup.Crypto;
using Rollup.Protocol;

namespace Rollup.Ethereum.Tests;

public class LogFollowerTests
{
    private static readonly Address Contract = Address.Parse("0x00112233445566778899aabbccddeeff01234567");
    private static readonly LogFilter Filter = new(Contract);

    [Fact]
    public async Task Logs_come_in_order_once_and_only_when_confirmed()
    {
        var chain = new FakeChain();
        chain.Mine(1);
        chain.Mine(2, 3);
        chain.Mine();
        var follower = new LogFollower(chain, Filter, new LogHistory(1), confirmations: 2);
        var update = await follower.PollAsync();
        AssertIds([1], update.Added);
        Assert.Equal((2UL, true, 0), (update.Next, update.CaughtUp, update.Removed.Count));
        chain.Mine(4);
        chain.Mine(5);
        AssertIds([2, 3], (await follower.PollAsync()).Added);
        Assert.Empty((await follower.PollAsync()).Added);
        Assert.Equal(3UL, follower.Tip!.Number);
    }

    [Fact]
    public async Task A_chain_shorter_than_the_confirmations_or_the_first_block_brings_nothing()
    {
        var chain = new FakeChain();
        chain.Mine(1);
        Assert.Equal(5UL, (await new LogFollower(chain, Filter, new LogHistory(5), 0).PollAsync()).Next);
        var update = await new LogFollower(chain, Filter, new LogHistory(0), 7).PollAsync();
        Assert.True(update.CaughtUp);
        Assert.Empty(update.Added);
    }

    [Fact]
    public async Task A_reorganisation_removes_newest_first_and_adds_the_new_branch()
    {
        var chain = new FakeChain();
        chain.Mine(1);
        chain.Mine(2, 3);
        chain.Mine(4);
        var follower = new LogFollower(chain, Filter, new LogHistory(1), 0);
        AssertIds([1, 2, 3, 4], (await follower.PollAsync()).Added);
        chain.DropTo(1);
        chain.Mine(5);
        chain.Mine();
        chain.Mine(6);
        var update = await follower.PollAsync();
        AssertIds([4, 3, 2], update.Removed);
        AssertIds([5, 6], update.Added);
        // A chain that got shorter, with no new branch yet.
        chain.DropTo(3);
        AssertIds([6], (await follower.PollAsync()).Removed);
    }

    [Theory]
    [InlineData(true)] // looked at after each block, so that the history drops its oldest block again and again
    [InlineData(false)] // looked at only at the end, so that the old blocks are skipped as a range
    public async Task Reorganisations_at_the_depth_are_undone_and_deeper_ones_stop_for_good(bool blockByBlock)
    {
        foreach (var (dropTo, possible) in new[] { (7UL, true), (6UL, false) })
        {
            var chain = new FakeChain();
            var follower = new LogFollower(chain, Filter, new LogHistory(1, depth: 3), 0);
            for (var i = 1; i <= 10; i++)
            {
                chain.Mine(i);
                if (blockByBlock) await follower.PollAsync();
            }
            while (!(await follower.PollAsync()).CaughtUp) { }
            chain.DropTo(dropTo);
            chain.Mine(20);
            if (possible)
            {
                AssertIds([10, 9, 8], (await follower.PollAsync()).Removed);
            }
            else
            {
                await Assert.ThrowsAsync<ReorganisationTooDeepException>(() => follower.PollAsync());
                await Assert.ThrowsAsync<ReorganisationTooDeepException>(() => follower.PollAsync());
            }
        }
    }

    [Fact]
    public async Task A_new_branch_that_appears_between_two_blocks_waits_for_the_next_look()
    {
        var chain = new FakeChain();
        for (var i = 1; i <= 3; i++) chain.Mine(i);
        var follower = new LogFollower(chain, Filter, new LogHistory(1), 0);
        chain.BeforeBlock = block =>
        {
            if (block != 3) return;
            chain.BeforeBlock = null;
            chain.DropTo(1);
            chain.Mine(4);
            chain.Mine(5);
        };
        AssertIds([1, 2], (await follower.PollAsync()).Added);
        var update = await follower.PollAsync();
        AssertIds([2], update.Removed);
        AssertIds([4, 5], update.Added);
    }

    [Fact]
    public async Task All_from_the_first_block_on_can_be_undone()
    {
        var chain = new FakeChain();
        chain.Mine(1);
        chain.Mine(2);
        var follower = new LogFollower(chain, Filter, new LogHistory(2), 0);
        AssertIds([2], (await follower.PollAsync()).Added);
        chain.DropTo(0);
        chain.Mine(7);
        chain.Mine(8);
        var update = await follower.PollAsync();
        AssertIds([2], update.Removed);
        AssertIds([8], update.Added);
    }

    [Fact]
    public async Task Old_blocks_are_read_in_ranges_and_new_ones_singly()
    {
        var chain = new FakeChain();
        for (var i = 1; i <= 100; i++) chain.Mine(i);
        var follower = new LogFollower(chain, Filter, new LogHistory(1, depth: 10), 0);
        var update = await follower.PollAsync();
        AssertIds([.. Enumerable.Range(1, 90)], update.Added);
        Assert.False(update.CaughtUp);
        Assert.Equal((1, 0), (chain.RangeCalls, chain.BlockLogCalls));
        AssertIds([.. Enumerable.Range(91, 10)], (await follower.PollAsync()).Added);
        Assert.Equal((1, 10), (chain.RangeCalls, chain.BlockLogCalls));
    }

    [Fact]
    public async Task A_restart_goes_on_after_the_last_block_and_notices_that_it_is_gone()
    {
        var chain = new FakeChain();
        for (var i = 1; i <= 5; i++) chain.Mine(i);
        var first = new LogFollower(chain, Filter, new LogHistory(1), 2);
        await first.PollAsync();
        var tip = first.Tip!;
        AssertIds([4, 5], (await new LogFollower(chain, Filter, LogHistory.After(tip), 0).PollAsync()).Added);
        chain.DropTo(2);
        chain.Mine(9);
        await Assert.ThrowsAsync<ReorganisationTooDeepException>(() => new LogFollower(chain, Filter, LogHistory.After(tip), 0).PollAsync());
    }

    [Fact]
    public async Task A_reorganisation_between_header_and_logs_is_not_an_error()
    {
        var chain = new FakeChain();
        chain.Mine(1);
        chain.Mine(2);
        var follower = new LogFollower(chain, Filter, new LogHistory(1), 0);
        chain.BeforeBlockLogs = block =>
        {
            if (block != 2) return;
            chain.BeforeBlockLogs = null;
            chain.DropTo(1);
            chain.Mine(3);
        };
        var update = await follower.PollAsync();
        AssertIds([1], update.Added);
        Assert.False(update.CaughtUp);
        AssertIds([3], (await follower.PollAsync()).Added);
    }

    [Fact]
    public async Task What_a_failed_look_had_found_comes_later_and_what_vanished_meanwhile_never()
    {
        var chain = new FakeChain();
        chain.Mine(1);
        chain.Mine(2);
        chain.Mine(3);
        var follower = new LogFollower(chain, Filter, new LogHistory(1), 0);
        chain.BeforeBlockLogs = block => { if (block == 3) throw new EthereumUnreachableException("away"); };
        await Assert.ThrowsAsync<EthereumUnreachableException>(() => follower.PollAsync());
        chain.BeforeBlockLogs = null;
        chain.DropTo(1);
        chain.Mine(4);
        var update = await follower.PollAsync();
        Assert.Empty(update.Removed);
        AssertIds([1, 4], update.Added);
    }

    [Fact]
    public async Task An_error_that_is_not_a_reorganisation_is_passed_on()
    {
        var chain = new FakeChain();
        chain.Mine(1);
        chain.BeforeBlockLogs = _ => throw new EthereumRpcException("eth_getLogs", -32000, "no", null);
        await Assert.ThrowsAsync<EthereumRpcException>(() => new LogFollower(chain, Filter, new LogHistory(1), 0).PollAsync());
    }

    /// <summary>A consumer that applies the updates always ends with the chain's own logs, whatever happens on the way.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task Random_histories_end_in_the_chains_logs(int seed)
    {
        var random = new Random(seed);
        var logs = 0;
        for (var round = 0; round < 50; round++)
        {
            var chain = new FakeChain();
            var depth = random.Next(1, 8);
            var confirmations = (uint)random.Next(3);
            var first = (ulong)random.Next(1, 4);
            var follower = new LogFollower(chain, Filter, new LogHistory(first, depth), confirmations);
            var seen = new List<Log>();
            var id = 0;
            var highest = 0UL;
            for (var step = 0; step < 60; step++)
            {
                for (var blocks = random.Next(4); blocks > 0; blocks--) chain.Mine([.. Enumerable.Range(0, random.Next(3)).Select(_ => ++id)]);
                if (random.Next(3) == 0)
                {
                    highest = Math.Max(highest, chain.Head);
                    chain.DropTo(Math.Min(chain.Head, (ulong)Math.Max(0, (long)highest - random.Next(depth + 1))));
                    for (var blocks = random.Next(2); blocks > 0; blocks--) chain.Mine(++id);
                }
                if (random.Next(4) == 0)
                {
                    var countdown = random.Next(5);
                    chain.BeforeBlockLogs = _ => { if (countdown-- == 0) throw new EthereumUnreachableException("away"); };
                }
                try
                {
                    Apply(await follower.PollAsync());
                }
                catch (EthereumUnreachableException)
                {
                    Assert.NotNull(chain.BeforeBlockLogs);
                }
                chain.BeforeBlockLogs = null;
            }
            LogUpdate update;
            do Apply(update = await follower.PollAsync());
            while (!update.CaughtUp);
            // A block that lost confirmations to a shorter chain stays reported, so the end may lie beyond what is confirmed.
            Assert.True(update.Next + confirmations > chain.Head);
            Assert.Equal(Ids(chain.LogsFrom(first, update.Next - 1)), Ids(seen));
            logs += seen.Count;

            void Apply(LogUpdate update)
            {
                foreach (var log in update.Removed)
                {
                    Assert.Equal(log, seen[^1]);
                    seen.RemoveAt(seen.Count - 1);
                }
                seen.AddRange(update.Added);
            }
        }
        Assert.True(logs > 1_000);
    }

    [Fact]
    public void A_history_refuses_blocks_that_do_not_follow()
    {
        var chain = new FakeChain();
        chain.Mine(1);
        chain.Mine(2);
        var (one, two) = (chain.BlockAt(1), chain.BlockAt(2));
        var history = new LogHistory(1);
        Assert.False(history.IsNext(two));
        Assert.Throws<ArgumentException>(() => history.Append(two, []));
        history.Append(one, []);
        Assert.True(history.IsNext(two));
        Assert.False(history.IsNext(two with { ParentHash = two.Hash }));
        Assert.Throws<ArgumentException>(() => history.Skip(one));
        Assert.Throws<ReorganisationTooDeepException>(() => new LogHistory(1).TakeBack());
        Assert.Throws<ArgumentOutOfRangeException>(() => new LogHistory(1, depth: 0));
    }

    private static void AssertIds(int[] expected, IEnumerable<Log> logs) => Assert.Equal(expected, Ids(logs));

    private static int[] Ids(IEnumerable<Log> logs) => [.. logs.Select(log => BitConverter.ToInt32(log.Data))];

    /// <summary>A chain in memory. Every block ever made has a hash of its own.</summary>
    private sealed class FakeChain : IChainReader
    {
        private readonly List<(Block Block, List<Log> Logs)> blocks = [];
        private ulong made;

        public FakeChain() => Mine(); // block 0

        public ulong Head => (ulong)blocks.Count - 1;
        public int RangeCalls { get; private set; }
        public int BlockLogCalls { get; private set; }

        /// <summary>Called with the number of the block that is asked for.</summary>
        public Action<ulong>? BeforeBlock { get; set; }

        /// <summary>Called with the number of the block whose logs are asked for.</summary>
        public Action<ulong>? BeforeBlockLogs { get; set; }

        public void Mine(params int[] ids)
        {
            var hash = Bytes32.FromBytes(Keccak.Hash256(BitConverter.GetBytes(++made)));
            var number = (ulong)blocks.Count;
            var parent = blocks.Count == 0 ? default : blocks[^1].Block.Hash;
            blocks.Add((new Block(number, hash, parent, 1_000 + number, 30_000_000, 7), [.. ids.Select((id, index) => new Log(Contract, [], BitConverter.GetBytes(id), number, hash, default, (uint)index))]));
        }

        public void DropTo(ulong head) => blocks.RemoveRange((int)head + 1, (int)(Head - head));

        public Block BlockAt(int number) => blocks[number].Block;

        public IEnumerable<Log> LogsFrom(ulong first, ulong last) => blocks.Where(b => b.Block.Number >= first && b.Block.Number <= last).SelectMany(b => b.Logs);

        public Task<ulong> GetBlockNumberAsync(CancellationToken cancellation = default) => Task.FromResult(Head);

        public Task<Block?> GetBlockAsync(BlockTag block, CancellationToken cancellation = default)
        {
            var number = int.Parse(block.ToString().AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
            BeforeBlock?.Invoke((ulong)number);
            return Task.FromResult(number < blocks.Count ? blocks[number].Block : null);
        }

        public Task<IReadOnlyList<Log>> GetLogsAsync(LogFilter filter, ulong from, ulong to, CancellationToken cancellation = default)
        {
            RangeCalls++;
            return Task.FromResult<IReadOnlyList<Log>>([.. LogsFrom(from, to)]);
        }

        public Task<IReadOnlyList<Log>> GetLogsAsync(LogFilter filter, Bytes32 blockHash, CancellationToken cancellation = default)
        {
            BlockLogCalls++;
            BeforeBlockLogs?.Invoke(blocks.Find(b => b.Block.Hash == blockHash).Block.Number);
            var found = blocks.Find(b => b.Block.Hash == blockHash);
            return found.Block is null ? throw new EthereumRpcException("eth_getLogs", -32000, "unknown block", null) : Task.FromResult<IReadOnlyList<Log>>(found.Logs);
        }
    }
}
