using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Engine.State;
using Rollup.Protocol;

namespace Rollup.Engine;

// Operations of the vault's queue. The chain has taken them in already: what the engine cannot accept it bounces, with a reason.
// It rejects only what is not the queue's next operation, and what does not fit this batch but fits a later one. Requests it never bounces.
public sealed partial class ClearingEngine
{
    private RejectCode Operation(long time, QueuedOperation queued)
    {
        if (!IsExecuting(time)) return RejectCode.EpochClosed;
        if (queued.Index != _nextOperation) return RejectCode.OperationOutOfOrder;
        if (!IsWellFormed(queued)) return RejectCode.Malformed;
        if (_ledger.IsOperationsFull) return RejectCode.BatchOperationsFull;
        if (queued.Operation.IsRequest) return Serve(time, queued);
        RejectCode full = queued.Operation.Kind == OperationKind.Register
            ? Register(queued, out RejectCode bounce)
            : Deposit(queued, out bounce);
        if (full != RejectCode.None) return full;

        Operation operation = queued.Operation;
        bool accepted = bounce == RejectCode.None;
        _ledger.AddOperation(queued, accepted ? AccountOf(operation.Account) : null, 0);
        _nextOperation++;
        Emit() = new EngineEvent
        {
            Kind = !accepted ? EventKind.Bounced : operation.Kind == OperationKind.Register ? EventKind.Registered : EventKind.Deposited,
            Reason = bounce,
            Account = AccountId.From(operation.Account),
            Instrument = InstrumentId.From(operation.Asset),
            Amount = operation.Amount,
        };
        return RejectCode.None;
    }

    private static bool IsWellFormed(QueuedOperation queued)
    {
        Operation o = queued.Operation;
        return o.Kind != OperationKind.None && Enum.IsDefined(o.Kind) && queued.Index < 1L << Width.OperationIndex
            && o.Account is >= 0 and < 1 << Width.Account && o.Asset is >= 0 and < 1 << Width.Instrument && o.Amount is >= 0 and < 1L << Width.Amount
            && (o.Kind is OperationKind.Deposit or OperationKind.WithdrawalRequest || o.Asset == 0);
    }

    private RejectCode Register(QueuedOperation queued, out RejectCode bounce)
    {
        Operation o = queued.Operation;
        bounce = RejectCode.None;
        if (o.Account < Bound.ReservedAccounts || AccountOf(o.Account) is not null) bounce = RejectCode.AccountExists;
        else if (!new EddsaPublicKey(o.KeyX, o.KeyY).IsOfPrimeOrder) bounce = RejectCode.MalformedKey;
        else if (queued.ViewKey is not { } key || Poseidon.Hash([key]) != o.ViewKeyHash) bounce = RejectCode.ViewKeyMismatch;
        if (bounce != RejectCode.None) return RejectCode.None;
        if (_ledger.Fits(new Usage { Blocks = 1 }) is var full and not RejectCode.None) return full;

        var account = new Account(o.Account, new AccountIdentity(o.Owner, o.KeyX, o.KeyY, queued.ViewKey!.Value)) { IsNew = true, Cash = o.Amount };
        AddAccount(account);
        _ledger.Touch(account);
        return RejectCode.None;
    }

    private RejectCode Deposit(QueuedOperation queued, out RejectCode bounce)
    {
        Operation o = queued.Operation;
        Market? market = null;
        bounce = RejectCode.None;
        if (AccountOf(o.Account) is not { } account) bounce = RejectCode.UnknownAccount;
        else if (o.Amount == 0) bounce = RejectCode.ZeroSize;
        else if (o.Asset != 0 && (market = MarketOf(o.Asset)) is null) bounce = RejectCode.UnknownInstrument;
        else if (market is { IsSpot: false }) bounce = RejectCode.NotWithdrawable;
        // It waits: no operation touches an account in the batch that liquidates it.
        else if (account.Bar is var bar and not RejectCode.None) return bar;
        else if (account == _fundAccount && _ledger.Deleverages) return RejectCode.Liquidating;
        else return market is null ? DepositCash(account, o.Amount, out bounce) : DepositSpot(account, market, queued, out bounce);
        return RejectCode.None;
    }

    private RejectCode DepositCash(Account account, long amount, out RejectCode bounce)
    {
        bounce = !ExposureLimits.IsCashInRange(account.Cash + amount) ? RejectCode.ExposureOutOfRange : RejectCode.None;
        if (bounce != RejectCode.None) return RejectCode.None;
        // Cash that does not heal its account mends it. Without a place in this batch it waits for the next, where there are places again.
        RejectCode margin = CheckMargin(account, null, 0, amount, default, out bool needsRelief);
        if (margin == RejectCode.BatchReliefFull) return margin;
        // A deposit that does not heal would only keep bidders away.
        bounce = needsRelief && IsAuctioned(account) ? RejectCode.Liquidating : margin;
        if (bounce != RejectCode.None) return RejectCode.None;
        if (_ledger.Fits(BatchLedger.BlockOf(account)) is var full and not RejectCode.None) return full;
        _ledger.Touch(account);
        if (needsRelief) _ledger.TakeRelief(account);
        account.Cash += amount;
        return RejectCode.None;
    }

    private RejectCode DepositSpot(Account account, Market market, QueuedOperation queued, out RejectCode bounce)
    {
        long amount = queued.Operation.Amount;
        // Slots, groups and buckets are scarce: only the owner may take one with a deposit.
        bounce = account.Find(market) is null && queued.Depositor != account.Identity.Owner ? RejectCode.NotOwner : RejectCode.None;
        if (bounce != RejectCode.None) return RejectCode.None;
        bounce = account.TryHold(market, _config.Profile.Buckets, out Holding holding);
        if (bounce != RejectCode.None) return RejectCode.None;
        if (holding.Size + holding.Bids + amount >= Lots.PositionBound) bounce = RejectCode.PositionOutOfRange;
        else if (amount > (ExposureLimits.Accept - account.Exposure) / market.Unit || account.Exposure > ExposureLimits.Accept) bounce = RejectCode.ExposureOutOfRange;
        bool needsRelief = false;
        // Relief at most where spot was given up in this batch: an account on the mend holds no more than before.
        if (bounce == RejectCode.None) bounce = CheckMargin(account, holding, amount, 0, default, out needsRelief);
        Usage usage = BatchLedger.BlockOf(account);
        usage.Buckets |= market.BucketBit;
        RejectCode full = bounce == RejectCode.None ? _ledger.Fits(usage) : RejectCode.None;
        if (bounce == RejectCode.BatchReliefFull) (full, bounce) = (bounce, RejectCode.None);
        if (bounce == RejectCode.None && full == RejectCode.None)
        {
            _ledger.Touch(account);
            _ledger.OpenBucket(market.BucketBit);
            if (needsRelief) _ledger.TakeRelief(account);
            account.Change(holding, amount, 0);
        }

        account.Release(holding);
        return full;
    }
}
