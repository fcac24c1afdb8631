using Rollup.Protocol;

namespace Rollup.Api;

/// <summary>What each code means and what to do about it, for people.</summary>
public static class Explanations
{
    public static string Of(RejectCode code) => code switch
    {
        RejectCode.None => "Accepted.",
        RejectCode.Malformed => "The request cannot be read, or contradicts itself.",
        RejectCode.UnknownAccount => "There is no such account. Register on the chain first, and wait until the registration is executed.",
        RejectCode.UnknownInstrument => "There is no such instrument; GET /v1/instruments lists them.",
        RejectCode.BadSignature => "The signature does not hold for this request under the account's key. Check the domain of GET /v1/info and that the signed fields are the sent ones.",
        RejectCode.ReplayedNonce => "The slot has seen this nonce or a higher one. Use one above the slot's nonce in the account.",
        RejectCode.Expired => "The expiry is not after the present.",
        RejectCode.ZeroSize => "The size is 0.",
        RejectCode.SizeOutOfRange => "The size is outside its range, or below the instrument's least size.",
        RejectCode.PriceOutOfRange => "The limit is outside 0..2^35-1 atoms per lot.",
        RejectCode.PriceOffTick => "The limit is not a multiple of the instrument's tick.",
        RejectCode.FeeRateTooLow => "The signed fee rate is below the fee charged; GET /v1/info shows the fees.",
        RejectCode.SlotBusy => "The slot holds an open order. Use another slot, or cancel it first.",
        RejectCode.InsufficientMargin => "The account would not meet its margin requirement with this order filled.",
        RejectCode.InsufficientBalance => "The account does not hold the amount.",
        RejectCode.PostOnlyWouldTrade => "A post-only order would trade at once.",
        RejectCode.FillOrKillUnfilled => "A fill-or-kill order would not fill whole.",
        RejectCode.ReduceOnlyWouldIncrease => "A reduce-only order would open or grow a position.",
        RejectCode.NoLiquidity => "Nothing in the book is within the limit.",
        RejectCode.SelfTrade => "The order met one of its own account, and its self-trade rule cancels it.",
        RejectCode.UnknownOrder => "The slot holds no such order.",
        RejectCode.NotOwner => "The key is not the account's.",
        RejectCode.EpochClosed => "No epoch is open: prices are missing or stale. Try again shortly.",
        RejectCode.EpochAlreadyOpen => "An epoch in which something has executed is open; seal it first.",
        RejectCode.StaleEpoch => "The risk inputs are for another batch, too old, or older than the last.",
        RejectCode.BadRiskInput => "The risk inputs break a rule, or an account would exceed its exposure limit under them.",
        RejectCode.InstrumentNotTradable => "The instrument takes no orders now.",
        RejectCode.BatchBlocksFull => "The batch has no room for another account. Try again once it is sealed.",
        RejectCode.BatchRowsFull => "The batch has no room for another request. Try again once it is sealed.",
        RejectCode.BatchOperationsFull => "The batch has no room for another operation of the chain.",
        RejectCode.BatchInstrumentsFull => "The batch, or the account, spans too many risk buckets.",
        RejectCode.AccountSlotsFull => "The account holds or orders 16 instruments already.",
        RejectCode.AccountGroupsFull => "The account holds or orders instruments of two margin groups already.",
        RejectCode.OperationOutOfOrder => "The chain's operation is not the next one of the queue.",
        RejectCode.AccountExists => "The account is registered already.",
        RejectCode.ViewKeyMismatch => "The view key is unknown, or is not the one whose hash was registered.",
        RejectCode.PositionOutOfRange => "The position would reach 2^44 lots.",
        RejectCode.ExposureOutOfRange => "The account's exposure or cash would exceed the engine's range.",
        RejectCode.NotWithdrawable => "The asset cannot be withdrawn: it is neither cash nor spot.",
        RejectCode.TimeWentBack => "The command is older than the last one.",
        RejectCode.OpenOrdersFull => "The account has as many open orders as it may.",
        RejectCode.BookFull => "The instrument's book has as many orders as it may.",
        RejectCode.NothingToSeal => "Nothing has executed since the epoch opened.",
        RejectCode.MalformedKey => "The registered key is not a point that can sign.",
        RejectCode.BatchForcedFull => "The batch has no room for another forced change of a position.",
        RejectCode.BatchReliefFull => "The batch has no room for another account that ends below its requirement. Try again once it is sealed.",
        RejectCode.Liquidating => "The account is being liquidated: it takes nothing else in this batch. Try again once it is sealed.",
        RejectCode.NotPermitted => "This is not permitted at present: prices are uncertain, or too many batches wait for their proof. GET /v1/info says what is.",
        RejectCode.InstrumentExpired => "The instrument has expired; its positions settle.",
        RejectCode.NothingToConvert => "No position of a settled instrument can be converted in this batch.",
        RejectCode.WithdrawalsWait => "Insolvent accounts owe more than the insurance fund has; withdrawals wait until that is settled.",
        RejectCode.NoAuction => "No slice of the account's portfolio can be bid for at present.",
        _ => throw new ArgumentOutOfRangeException(nameof(code), code, "A reject code without an explanation."),
    };

    public static string Of(HostCode code) => code switch
    {
        HostCode.NotFound => "There is no such resource.",
        HostCode.Unauthorized => $"The account is private: sign the present time with its key and send it as {AccessChallenge.TimeHeader} and {AccessChallenge.SignatureHeader}.",
        HostCode.RateLimited => "Too many requests; slow down.",
        HostCode.Halted => "The sequencer has stopped safely and accepts nothing until its operator acts; GET /health says why.",
        HostCode.Busy => "The sequencer has more work than it can take, or is ending. Try again shortly.",
        HostCode.TooLarge => "The message exceeds its size limit.",
        HostCode.ProverBehind => "Too many batches wait for their proof: until some are proven nothing may open or be withdrawn, or nothing at all.",
        HostCode.PricesUncertain => "The prices are not good enough for this now. Cancels go through at any time, and reduce-only orders while an epoch is open.",
        HostCode.MarketRestricted => "A circuit breaker restricts the market after a disturbance; it recovers by itself. Cancels go through at any time.",
        _ => throw new ArgumentOutOfRangeException(nameof(code), code, "A host code without an explanation."),
    };
}
