using Rollup.Protocol;

namespace Rollup.Engine;

/// <summary>What happened. Stable numbers.</summary>
public enum EventKind
{
    /// <summary>An operation created <see cref="EngineEvent.Account"/>; Amount = its first deposit.</summary>
    Registered = 1,

    /// <summary>An operation credited Amount of Instrument to Account.</summary>
    Deposited = 2,

    /// <summary>An operation was refused for Reason; its Amount of Instrument goes back to the depositor.</summary>
    Bounced = 3,

    /// <summary>A request took Amount of Instrument out of Account.</summary>
    Withdrawn = 4,

    /// <summary>Remaining lots of Account's order rest in the book at Price.</summary>
    Rested = 5,

    /// <summary>
    /// Account's order took Lots at Price from the maker's. With Reason <see cref="RejectCode.Liquidating"/> one side is an account that is liquidated:
    /// it has no order, slot and nonce are 0; taker of a book, maker of an auction's bidder. Likewise with <see cref="RejectCode.RequestServed"/>: it asked to be closed.
    /// </summary>
    Filled = 6,

    /// <summary>Remaining lots of Account's order will not execute, for Reason (<see cref="RejectCode.None"/>: its owner cancelled it).</summary>
    Closed = 7,

    /// <summary>A cancel reached the batch: no order of the slot up to the nonce can ever fill again.</summary>
    CancelProven = 8,

    /// <summary>An epoch opened; Amount = its batch number.</summary>
    EpochOpened = 9,

    /// <summary>A batch was sealed; Amount = its number.</summary>
    Sealed = 10,

    /// <summary>Account's position of Lots (signed) in the settled Instrument became Amount atoms of cash (signed).</summary>
    Converted = 11,

    /// <summary>
    /// A request on L1 took Amount of Instrument out of Account. Reason: None if that is all it asked for; NotOwner: it was not made by the account's owner;
    /// InsufficientBalance: it is all that could be had.
    /// </summary>
    WithdrawalServed = 12,

    /// <summary>
    /// A request on L1 to close Account is served. Reason: None if it holds no derivatives now; NotOwner; InsufficientBalance: its own money is below 0, and
    /// nothing was closed; NoLiquidity: only a part could be closed.
    /// </summary>
    CloseServed = 13,

    /// <summary>A slice of Account's portfolio may be bid for from now on (<see cref="ClearingEngine.Distressed"/>).</summary>
    AuctionStarted = 20,

    /// <summary>The insurance fund paid Amount atoms into Account, which has nothing left.</summary>
    FundPaid = 21,

    /// <summary>Liquidation took a fee of Amount atoms from Account for the insurance fund.</summary>
    LiquidationFee = 22,

    /// <summary>Lots of Instrument of the insolvent Account were closed against Maker, which bore Amount atoms of its deficit.</summary>
    Deleveraged = 23,

    /// <summary>Lots of Instrument of Account, which asked to be closed, were closed at Price against Maker, whose position was the opposite.</summary>
    ClosedAgainst = 24,
}

/// <summary>One fact of an accepted command. Fields that a kind does not name are default.</summary>
public readonly record struct EngineEvent
{
    public required EventKind Kind { get; init; }
    public RejectCode Reason { get; init; }

    /// <summary>The account; of a fill, the taker's.</summary>
    public AccountId Account { get; init; }

    /// <summary>The order's slot and nonce; of a fill, the taker's.</summary>
    public byte Slot { get; init; }
    public OrderNonce Nonce { get; init; }

    public InstrumentId Instrument { get; init; }
    public bool IsSell { get; init; }
    public Price Price { get; init; }
    public Lots Lots { get; init; }

    /// <summary>Lots of the order still to fill after this event; of a fill, the taker's.</summary>
    public Lots Remaining { get; init; }

    /// <summary>Fee charged with this event; of a fill, the taker's.</summary>
    public Cash Fee { get; init; }

    public AccountId Maker { get; init; }
    public byte MakerSlot { get; init; }
    public OrderNonce MakerNonce { get; init; }
    public Lots MakerRemaining { get; init; }
    public Cash MakerFee { get; init; }

    /// <summary>Atoms or lots of an operation or withdrawal, or a batch number.</summary>
    public long Amount { get; init; }
}

/// <summary>
/// The answer to a command: accepted (<see cref="Code"/> is None) with its events, or rejected with nothing changed. The events are
/// valid until the engine's next command.
/// </summary>
public readonly ref struct Outcome
{
    internal Outcome(RejectCode code, ReadOnlySpan<EngineEvent> events, SealedBatch? batch)
    {
        Code = code;
        Events = events;
        Batch = batch;
    }

    public RejectCode Code { get; }
    public bool IsAccepted => Code == RejectCode.None;
    public ReadOnlySpan<EngineEvent> Events { get; }

    /// <summary>Of an accepted <see cref="CommandKind.Seal"/>.</summary>
    public SealedBatch? Batch { get; }
}
