namespace Rollup.Ethereum;

/// <summary>
/// The newest blocks that were followed, with their logs, so that a reorganisation can be undone. Pure: no I/O.
/// Invariant: the blocks follow each other in number and by parent hash.
/// </summary>
public sealed class LogHistory
{
    private readonly List<(Block Block, IReadOnlyList<Log> Logs)> blocks = [];
    private readonly int depth;
    private ulong floor; // Number of the oldest block that can be taken back.

    /// <param name="firstBlock">Number of the first block to follow.</param>
    /// <param name="depth">How many blocks can be taken back, at least 1.</param>
    public LogHistory(ulong firstBlock, int depth = 64)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(depth, 1);
        (Next, floor, this.depth) = (firstBlock, firstBlock, depth);
    }

    /// <summary>A history that goes on after a block followed earlier, for instance before a restart. That block is taken as irreversible.</summary>
    public static LogHistory After(Block block, int depth = 64)
    {
        var history = new LogHistory(block.Number, depth);
        history.Skip(block);
        return history;
    }

    /// <summary>Number of the first block not yet followed.</summary>
    public ulong Next { get; private set; }

    public int Depth => depth;

    /// <summary>The newest block followed, if it is remembered.</summary>
    public Block? Tip => blocks.Count == 0 ? null : blocks[^1].Block;

    /// <summary>Whether <paramref name="block"/> comes directly after what was followed.</summary>
    public bool IsNext(Block block) => block.Number == Next && (Tip is null || block.ParentHash == Tip.Hash);

    /// <exception cref="ArgumentException">The block is not the next one.</exception>
    public void Append(Block block, IReadOnlyList<Log> logs)
    {
        if (!IsNext(block)) throw new ArgumentException($"Block {block.Number} {block.Hash} does not follow block {Tip?.Number} {Tip?.Hash}.", nameof(block));
        blocks.Add((block, logs));
        Next = block.Number + 1;
        if (blocks.Count <= depth + 1) return;
        blocks.RemoveAt(0);
        floor = blocks[0].Block.Number + 1; // The oldest one stays as the anchor of the next.
    }

    /// <summary>Goes past a range of old blocks up to <paramref name="last"/>, all taken as irreversible.</summary>
    public void Skip(Block last)
    {
        if (last.Number < Next) throw new ArgumentException($"Block {last.Number} was followed already.", nameof(last));
        blocks.Clear();
        blocks.Add((last, []));
        Next = floor = last.Number + 1;
    }

    /// <summary>Takes the newest block back.</summary>
    /// <returns>Its logs, newest first.</returns>
    /// <exception cref="ReorganisationTooDeepException">No block can be taken back any more.</exception>
    public IReadOnlyList<Log> TakeBack()
    {
        if (Tip is not { } tip || tip.Number < floor)
            throw new ReorganisationTooDeepException($"The chain no longer holds block {Tip?.Number} {Tip?.Hash}, which was taken as irreversible ({depth} blocks can be taken back). Start again from the first block.");
        var logs = blocks[^1].Logs;
        blocks.RemoveAt(blocks.Count - 1);
        Next = tip.Number;
        return [.. logs.Reverse()];
    }
}
