using System.Collections.Immutable;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Engine.State;
using Rollup.Protocol;
using Rollup.Risk;

namespace Rollup.Engine;

/// <summary>
/// The sequencer's deterministic state machine. Commands in, outcomes out: no I/O, no clock, no randomness; the same commands give
/// the same state, roots and batches. A command is accepted with its events, or rejected with a stable code and no effect at all.
/// One epoch is one batch: every fill is checked under the epoch's risk rows, and capacity is taken as things execute, so that whatever is
/// sealed can be proven. Not safe for concurrent use.
/// </summary>
public sealed partial class ClearingEngine
{
    private readonly EngineConfig _config;
    private readonly Market[] _markets;
    private readonly Market?[] _marketById;
    private readonly BatchLedger _ledger;
    private readonly MatchPlan _plan = new();

    // Scratch: positions to value.
    private readonly (Market Market, long Size)[] _valued = new (Market, long)[Bound.Positions];
    private readonly QuadTree _tree = new(Depth.Account);
    private readonly Account _feeAccount, _fundAccount;

    private Account?[] _accounts = new Account?[64];
    private EngineEvent[] _events = new EngineEvent[64];
    private int _eventCount;
    private SealedBatch? _sealed;

    private long _now;
    private long _nextOperation;

    // The epoch: number of the current or last batch, its times and table.
    private uint _batch;
    private bool _isOpen;
    private long _openTime;
    private byte[] _riskInputs = [];
    private long _observedAt = -1;
    private ImmutableArray<RiskRow> _rows = [];

    // Number of the table among those that this engine has loaded: values that carry it are valued under it.
    private long _table;

    // The newest table within the epoch, if there is one: when it was observed (or the last one was), and its bytes.
    private long _liveAt = -1;
    private byte[] _liveInputs = [];

    private GroupActions _permitted = GroupActions.Everywhere(RiskActions.All);

    // No open order expires earlier: lets a tick do nothing most of the time.
    private long _earliestExpiry = long.MaxValue;

    /// <summary>An engine at genesis: accounts 0 and 1, no epoch.</summary>
    /// <exception cref="ArgumentException">The configuration is not valid.</exception>
    public ClearingEngine(EngineConfig config)
    {
        if (config.Validate() is { } problem) throw new ArgumentException($"Engine configuration: {problem}.", nameof(config));
        _config = config;
        _ledger = new BatchLedger(config.Profile);
        int[] buckets = [.. config.Instruments.Select(t => t.Id / Bound.RowsPerBucket).Distinct()];
        _markets = [.. config.Instruments.Select((t, i) => new Market(t, i, Array.IndexOf(buckets, t.Id / Bound.RowsPerBucket), config.MaxBookOrders))];
        _marketById = new Market?[_markets[^1].Id + 1];
        foreach (Market market in _markets) _marketById[market.Id] = market;
        for (int id = 0; id < Bound.ReservedAccounts; id++)
        {
            AddAccount(new Account(id, AccountIdentity.Reserved));
            _tree.Set((ulong)id, LeafContents.Empty.Hash(AccountIdentity.Reserved));
        }

        _feeAccount = _accounts[0]!;
        _fundAccount = _accounts[1]!;
    }

    /// <summary>Applies one command. Never throws for bad input.</summary>
    public Outcome Apply(in Command command)
    {
        _eventCount = 0;
        _sealed = null;
        // What the last command planned, and marked in accounts, means nothing in this one.
        _plan.Begin();
        long time = command.Time.Milliseconds;
        RejectCode code = time < _now ? RejectCode.TimeWentBack : command.Payload switch
        {
            VerifiedRequest request => Request(time, request),
            QueuedOperation operation => Operation(time, operation),
            AuctionBid bid => Bid(time, bid),
            byte[] riskInputs => command.Kind == CommandKind.OpenEpoch ? OpenEpoch(time, riskInputs) : LiveRisk(time, riskInputs),
            GroupActions actions => Permit(actions),
            _ => command.Kind switch
            {
                CommandKind.Tick => Tick(time),
                CommandKind.Seal => Seal(time),
                CommandKind.Convert => Convert(time),
                _ => RejectCode.Malformed,
            },
        };
        if (code == RejectCode.None) _now = time;
        else _eventCount = 0;
        return new Outcome(code, _events.AsSpan(0, _eventCount), _sealed);
    }

    /// <summary>Whether something may execute: an epoch is open and has not lasted too long.</summary>
    private bool IsExecuting(long time) => _isOpen && time <= _openTime + _config.MaxEpoch;

    private bool IsPermitted(RiskActions action, Market market) => _permitted.Permits(action, market.Spec.Group);

    /// <summary>Whether an action is permitted in every group that the account has positions in. Orders do not count: one in a restricted group would be a shield.</summary>
    private bool IsPermitted(RiskActions action, Account account)
    {
        foreach (Holding h in account.Holdings)
            if (h.Size != 0 && !IsPermitted(action, h.Market)) return false;
        return true;
    }

    private RejectCode Permit(GroupActions actions)
    {
        _permitted = actions;
        return RejectCode.None;
    }

    private Account? AccountOf(int id) => id >= 0 && id < _accounts.Length ? _accounts[id] : null;

    private Market? MarketOf(int id) => (uint)id < (uint)_marketById.Length ? _marketById[id] : null;

    private void AddAccount(Account account)
    {
        int length = _accounts.Length;
        while (length <= account.Id) length *= 2;
        if (length > _accounts.Length) Array.Resize(ref _accounts, length);
        _accounts[account.Id] = account;
    }

    private ref EngineEvent Emit()
    {
        if (_eventCount == _events.Length) Array.Resize(ref _events, 2 * _eventCount);
        return ref _events[_eventCount++];
    }
}
