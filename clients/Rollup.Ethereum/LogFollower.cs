namespace Rollup.Ethereum;

/// <summary>
/// What changed since the last look: first take <see cref="Removed"/> back, in its order (newest first), then apply
/// <see cref="Added"/>, in its order. <see cref="Next"/> is the first block not yet followed; <see cref="CaughtUp"/> says whether
/// another look would bring nothing for now.
/// </summary>
public sealed record LogUpdate(IReadOnlyList<Log> Removed, IReadOnlyList<Log> Added, ulong Next, bool CaughtUp);

/// <summary>
/// Follows the logs of one contract. Blocks deeper than the history are read in ranges and taken as irreversible; newer ones are
/// read one by one and held against their parent's hash. Not thread-safe.
/// </summary>
/// <param name="confirmations">How many blocks must be on top of a block before its logs are reported.</param>
public sealed class LogFollower(IChainReader chain, LogFilter filter, LogHistory history, uint confirmations)
{
    private const ulong RangeBlocks = 5_000;

    // Found and not yet reported.
    private readonly List<Log> removed = [];
    private readonly List<Log> added = [];

    /// <summary>The newest block followed; null at the start. Keep it to go on after a restart (<see cref="LogHistory.After"/>).</summary>
    public Block? Tip => history.Tip;

    /// <summary>
    /// Looks once. If it throws, nothing is lost: what it had found comes with the next look. After a
    /// <see cref="ReorganisationTooDeepException"/> every look throws it again.
    /// </summary>
    public async Task<LogUpdate> PollAsync(CancellationToken cancellation = default)
    {
        await TakeBackAsync(cancellation);
        var head = await chain.GetBlockNumberAsync(cancellation);
        if (head >= confirmations)
        {
            var target = head - confirmations;
            var depth = (ulong)history.Depth;
            if (history.Next + depth <= target) await FollowRangeAsync(Math.Min(target - depth, history.Next + RangeBlocks - 1), cancellation);
            else await FollowBlocksAsync(target, cancellation);
        }
        var update = new LogUpdate([.. removed], [.. added], history.Next, CaughtUp: history.Next + confirmations > head);
        removed.Clear();
        added.Clear();
        return update;
    }

    private async Task TakeBackAsync(CancellationToken cancellation)
    {
        while (history.Tip is { } tip && (await chain.GetBlockAsync(tip.Number, cancellation))?.Hash != tip.Hash)
        {
            foreach (var log in history.TakeBack())
            {
                // A log that was never reported, because a look failed, is not reported as removed.
                if (added.Count > 0 && ReferenceEquals(added[^1], log)) added.RemoveAt(added.Count - 1);
                else removed.Add(log);
            }
        }
    }

    private async Task FollowRangeAsync(ulong end, CancellationToken cancellation)
    {
        var logs = await chain.GetLogsAsync(filter, history.Next, end, cancellation);
        var last = await chain.GetBlockAsync(end, cancellation);
        if (last is null || last.Number != end) throw new EthereumProtocolException($"The endpoint has a newer block, but not block {end}.");
        history.Skip(last);
        added.AddRange(logs);
    }

    private async Task FollowBlocksAsync(ulong target, CancellationToken cancellation)
    {
        while (history.Next <= target)
        {
            var block = await chain.GetBlockAsync(history.Next, cancellation);
            if (block is null || !history.IsNext(block)) return; // The chain changed meanwhile; the next look takes back.
            IReadOnlyList<Log> logs;
            try
            {
                logs = await chain.GetLogsAsync(filter, block.Hash, cancellation);
            }
            catch (EthereumRpcException)
            {
                if ((await chain.GetBlockAsync(block.Number, cancellation))?.Hash == block.Hash) throw;
                return; // The block is gone, so it has no logs to ask for.
            }
            history.Append(block, logs);
            added.AddRange(logs);
        }
    }
}
