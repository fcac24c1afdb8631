using System.Numerics;
using Rollup.Crypto.Settlement;
using Rollup.Protocol;

namespace Rollup.Engine.State;

/// <summary>A signed row of the batch in progress: what one request has executed in it.</summary>
internal struct RowState
{
    internal VerifiedRequest Request;
    internal Account Account;
    internal long Fill;
    internal long Quote;
    internal FeeMeter Fee;
}

/// <summary>
/// The fee of one order in one batch: ceil(sum of rate x quote / 10^6), charged in increments (spec 2.5). <c>Slack</c> is what the
/// charge exceeds the exact sum by, in 10^-6 atoms, below 10^6.
/// </summary>
internal struct FeeMeter
{
    internal long Charged;
    internal int Slack;

    /// <summary>Adds a fill's quote (0..2^60) at a rate (at most 10^5); returns what is charged for it.</summary>
    internal long Add(long quote, int rate)
    {
        const int Unit = Scale.FeeRateDenominator;
        // quote = whole x 10^6 + part: rate x whole is below 2^58, rate x part below 2^37.
        (long whole, long part) = Math.DivRem(quote, Unit);
        long owed = rate * part - Slack;
        long fee = rate * whole + (owed > 0 ? Rounding.CeilDiv(owed, Unit) : 0);
        Slack = (int)(owed > 0 ? Rounding.CeilDiv(owed, Unit) * Unit - owed : -owed);
        Charged += fee;
        return fee;
    }
}

/// <summary>What something takes of a batch's capacity.</summary>
internal struct Usage
{
    internal int Blocks;
    internal int Rows;
    internal ulong Buckets;
}

/// <summary>An operation that the batch consumes; Account is null if it bounced.</summary>
internal readonly record struct ConsumedOperation(QueuedOperation Queued, Account? Account);

/// <summary>The batch in progress and its capacity. Rows, blocks and buckets are taken when something executes, never given back.</summary>
internal sealed class BatchLedger(CircuitProfile profile)
{
    private readonly RowState[] _rows = new RowState[profile.Rows];
    private Usage _used;

    /// <summary>Accounts with a block, in the order they were touched.</summary>
    internal List<Account> Touched { get; } = new(profile.Blocks);

    internal List<ConsumedOperation> Operations { get; } = new(profile.Operations);

    /// <summary>Fees charged in this batch, not yet in account 0's cash.</summary>
    internal long Fees;

    internal int RowCount => _used.Rows;
    internal ulong Buckets => _used.Buckets;
    internal bool IsEmpty => Touched.Count == 0 && Operations.Count == 0;
    internal bool IsOperationsFull => Operations.Count == profile.Operations;

    internal ref RowState this[int row] => ref _rows[row];

    /// <summary>Whether the batch has room for more.</summary>
    internal RejectCode Fits(in Usage more)
    {
        if (_used.Blocks + more.Blocks > profile.Blocks) return RejectCode.BatchBlocksFull;
        if (_used.Rows + more.Rows > profile.Rows) return RejectCode.BatchRowsFull;
        return BitOperations.PopCount(_used.Buckets | more.Buckets) > profile.Buckets ? RejectCode.BatchInstrumentsFull : RejectCode.None;
    }

    /// <summary>What a block for the account takes, if it has none yet.</summary>
    internal static Usage BlockOf(Account account) =>
        account.IsTouched ? default : new Usage { Blocks = 1, Buckets = account.HeldBuckets };

    /// <summary>Gives the account a block.</summary>
    internal void Touch(Account account)
    {
        if (account.IsTouched) return;
        Usage block = BlockOf(account);
        _used.Blocks++;
        _used.Buckets |= block.Buckets;
        account.IsTouched = true;
        Touched.Add(account);
    }

    internal void OpenBucket(ulong bucket) => _used.Buckets |= bucket;

    /// <summary>Appends a row for the request; returns its index.</summary>
    internal int AddRow(Account account, VerifiedRequest request)
    {
        _rows[_used.Rows] = new RowState { Account = account, Request = request };
        return _used.Rows++;
    }

    internal void Clear()
    {
        foreach (Account account in Touched) account.IsTouched = account.IsNew = account.HasWithdrawn = false;
        Touched.Clear();
        Operations.Clear();
        Array.Clear(_rows, 0, _used.Rows);
        _used = default;
        Fees = 0;
    }
}
