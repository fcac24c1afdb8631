using System.Numerics;
using Rollup.Crypto;
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
    internal int Forced;
    internal int Reliefs;
    internal ulong Buckets;
}

/// <summary>A forced row of the batch in progress: a change of a position that nobody signed.</summary>
internal struct ForcedState
{
    internal ForcedKind Kind;
    internal Account Account;

    /// <summary>Of a deleveraging: the other side; else null.</summary>
    internal Account? Counter;

    internal Market Market;
    internal long Fill;
    internal long Quote;
    internal long Fee;

    /// <summary>Whether a close request authorises it.</summary>
    internal bool Closing;
}

/// <summary>An operation that the batch consumes; Account is null if it bounced, Paid what a withdrawal request is paid.</summary>
internal readonly record struct ConsumedOperation(QueuedOperation Queued, Account? Account, long Paid);

/// <summary>
/// The batch in progress and its capacity. Rows, blocks, buckets and places for relief are taken when something executes, never given back.
/// </summary>
internal sealed class BatchLedger(CircuitProfile profile)
{
    private readonly RowState[] _rows = new RowState[profile.Rows];
    private readonly ForcedState[] _forced = new ForcedState[profile.Forced];
    private readonly List<ConsumedOperation> _operations = new(profile.Operations);
    private Usage _used;

    /// <summary>Accounts with a block, in the order they were touched.</summary>
    internal List<Account> Touched { get; } = new(profile.Blocks);

    internal IReadOnlyList<ConsumedOperation> Operations => _operations;

    /// <summary>Fees charged in this batch, not yet in account 0's cash.</summary>
    internal long Fees;

    /// <summary>Commitment to the ranking that deleveraging went by; 0 without deleveraging.</summary>
    internal Fr RankingRoot;

    internal int RowCount => _used.Rows;
    internal int ForcedCount => _used.Forced;
    internal int ReliefCount => _used.Reliefs;
    internal ulong Buckets => _used.Buckets;
    internal bool IsEmpty => Touched.Count == 0 && Operations.Count == 0;
    internal bool IsOperationsFull => Operations.Count == profile.Operations;

    internal ref RowState this[int row] => ref _rows[row];

    /// <summary>Whether the batch has room for more.</summary>
    internal RejectCode Fits(in Usage more)
    {
        if (_used.Blocks + more.Blocks > profile.Blocks) return RejectCode.BatchBlocksFull;
        if (_used.Rows + more.Rows > profile.Rows) return RejectCode.BatchRowsFull;
        if (BitOperations.PopCount(_used.Buckets | more.Buckets) > profile.Buckets) return RejectCode.BatchInstrumentsFull;
        if (_used.Forced + more.Forced > profile.Forced) return RejectCode.BatchForcedFull;
        return _used.Reliefs + more.Reliefs > profile.Reliefs ? RejectCode.BatchReliefFull : RejectCode.None;
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
        account.HasActed = true;
        return _used.Rows++;
    }

    /// <summary>Appends an operation; <paramref name="account"/> is null if it bounced. A request that comes to nothing is no act of its account.</summary>
    internal void AddOperation(QueuedOperation queued, Account? account, long paid)
    {
        Operation operation = queued.Operation;
        _operations.Add(new ConsumedOperation(queued, account, paid));
        if (account is null) return;
        account.HasRequest |= operation.IsRequest;
        account.IsServed |= operation.IsRequest && operation.Owner == account.Identity.Owner
            && (operation.Kind == OperationKind.CloseRequest || paid < operation.Amount);
        account.HasActed |= !operation.IsRequest || paid > 0 || account.IsServed;
    }

    /// <summary>Takes a place for relief, if the account has none yet.</summary>
    internal void TakeRelief(Account account)
    {
        if (account.HasRelief) return;
        account.HasRelief = true;
        _used.Reliefs++;
    }

    internal ref ForcedState Forced(int row) => ref _forced[row];

    /// <summary>
    /// Appends a forced row, empty yet, of an account (and its counterparty) that have blocks; returns its index. A liquidated or deleveraged account
    /// takes a place for relief, and nothing else of it goes into this batch.
    /// </summary>
    internal int AddForced(ForcedKind kind, Account account, Account? counter, Market market, bool closing = false)
    {
        _forced[_used.Forced] = new ForcedState { Kind = kind, Account = account, Counter = counter, Market = market, Closing = closing };
        if (kind != ForcedKind.Conversion && !closing)
        {
            account.IsForced = true;
            TakeRelief(account);
        }

        return _used.Forced++;
    }

    /// <summary>The forced row that names the account's position, on either side, or -1: a position is named at most once a batch.</summary>
    internal int FindForced(Account account, Market market)
    {
        for (int i = 0; i < _used.Forced; i++)
            if (_forced[i].Market == market && (_forced[i].Account == account || _forced[i].Counter == account)) return i;
        return -1;
    }

    /// <summary>Whether the batch deleverages the account: then it liquidates it no more (spec 5.8.4).</summary>
    internal bool IsDeleveraged(Account account)
    {
        foreach (ForcedState row in _forced.AsSpan(0, _used.Forced))
            if (row is { Kind: ForcedKind.Deleverage, Closing: false } && row.Account == account) return true;
        return false;
    }

    /// <summary>Whether the batch deleverages: then the fund takes nothing more in it.</summary>
    internal bool Deleverages
    {
        get
        {
            foreach (ForcedState row in _forced.AsSpan(0, _used.Forced))
                if (row is { Kind: ForcedKind.Deleverage, Closing: false }) return true;
            return false;
        }
    }

    /// <summary>Whether the batch shows the insurance fund: fees of liquidations, payments, or deleveraging that proves it empty.</summary>
    internal bool ShowsFund
    {
        get
        {
            foreach (ForcedState row in _forced.AsSpan(0, _used.Forced))
                if (row.Fee > 0 || row is { Kind: ForcedKind.Deleverage, Closing: false }) return true;
            return Touched.Exists(a => a.Payment > 0);
        }
    }

    internal void Clear()
    {
        foreach (Account account in Touched)
        {
            account.IsTouched = account.IsNew = account.HasWithdrawn = account.HasActed = account.IsForced = account.HasRelief
                = account.HasRequest = account.IsServed = false;
            account.Payment = 0;
        }

        Touched.Clear();
        _operations.Clear();
        Array.Clear(_rows, 0, _used.Rows);
        Array.Clear(_forced, 0, _used.Forced);
        _used = default;
        Fees = 0;
        RankingRoot = Fr.Zero;
    }
}
