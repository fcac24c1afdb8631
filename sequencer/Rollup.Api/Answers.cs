using System.Text.Json.Serialization;
using Rollup.Crypto;
using Rollup.Protocol;

namespace Rollup.Api;

/// <summary>Codes of refusals that are the host's, not the protocol's: stable, never reused. Below 1000 stand spec/protocol.json's reject codes.</summary>
public enum HostCode
{
    /// <summary>There is no such resource.</summary>
    NotFound = 1000,

    /// <summary>The account is private and the request does not prove who asks.</summary>
    Unauthorized = 1001,

    /// <summary>Too many requests from this connection or account.</summary>
    RateLimited = 1002,

    /// <summary>The sequencer has stopped safely; it accepts nothing until its operator acts.</summary>
    Halted = 1003,

    /// <summary>The queue is full, or the sequencer is ending.</summary>
    Busy = 1004,

    /// <summary>The body or message exceeds its limit.</summary>
    TooLarge = 1005,

    /// <summary>The chain has not proven enough of what is sealed; nothing more is sealed until it has.</summary>
    ProverBehind = 1006,

    /// <summary>The prices of the market are stale, divergent or too uncertain for this.</summary>
    PricesUncertain = 1007,

    /// <summary>A circuit breaker allows the market less than this.</summary>
    MarketRestricted = 1008,
}

/// <summary>A refusal: a stable code, its name, and what it means here.</summary>
public sealed record ApiError(int Code, string Name, string Message)
{
    public static ApiError Of(RejectCode code, string? detail = null) =>
        new((int)code, Api.Name.Of(code), Compose(Explanations.Of(code), detail));

    public static ApiError Of(HostCode code, string? detail = null) =>
        new((int)code, Api.Name.Of(code), Compose(Explanations.Of(code), detail));

    private static string Compose(string explanation, string? detail) => detail is null ? explanation : $"{explanation} ({detail})";
}

/// <summary>What became of a request at once. What becomes of its batch follows on the batches' channel.</summary>
[JsonConverter(typeof(NameConverter<RequestStatus>))]
public enum RequestStatus
{
    /// <summary>The whole size filled.</summary>
    Filled = 1,

    /// <summary>What did not fill rests in the book.</summary>
    Resting = 2,

    /// <summary>What did not fill is dropped; <see cref="RequestResult.Closed"/> says why.</summary>
    Closed = 3,

    /// <summary>The slot's orders are off the book.</summary>
    Cancelled = 4,

    /// <summary>The amount has left the account.</summary>
    Withdrawn = 5,
}

/// <summary>Whether a fill took from the book or gave to it.</summary>
[JsonConverter(typeof(NameConverter<FillRole>))]
public enum FillRole
{
    Taker = 1,
    Maker = 2,
}

/// <summary>One fill of one's own order.</summary>
/// <param name="Trade">Number of the trade, from 1.</param>
/// <param name="Time">Unix milliseconds.</param>
/// <param name="Remaining">Lots of the order left after it.</param>
/// <param name="Fee">Atoms charged.</param>
/// <param name="Liquidation">True if one side was liquidated; that side has no order: slot and nonce are 0. Absent otherwise.</param>
public sealed record FillView(
    long Trade, uint Batch, long Time, int Account, byte Slot, long Nonce, int Instrument, Side Side, FillRole Role, long Price, long Size, long Remaining, long Fee,
    bool? Liquidation = null);

/// <summary>What may happen to an account besides its own requests and their fills.</summary>
[JsonConverter(typeof(NameConverter<AccountEventKind>))]
public enum AccountEventKind
{
    /// <summary>A position of so many lots (signed) in a settled instrument became so many atoms of cash (signed).</summary>
    Converted = 1,

    /// <summary>The insurance fund paid what the account lacked.</summary>
    FundPaid = 2,

    /// <summary>A liquidation took this fee for the insurance fund.</summary>
    LiquidationFee = 3,

    /// <summary>The insolvent account's position changed by so many lots (signed); the other side bore the amount.</summary>
    Deleveraged = 4,

    /// <summary>The account's position was closed against an insolvent one's: it changed by so many lots (signed), and the account bore the amount.</summary>
    DeleveragedAgainst = 5,

    /// <summary>Slices of the account's portfolio may be bid for.</summary>
    AuctionStarted = 6,

    /// <summary>A request on L1 to withdraw took so many atoms or lots (instrument absent: cash); the reason says why no more, and is absent if that is all it asked for.</summary>
    WithdrawalServed = 7,

    /// <summary>A request on L1 to close the account is served; the reason says why derivatives are left, and is absent if none are.</summary>
    CloseServed = 8,

    /// <summary>The account asked to be closed: its position changed by so many lots (signed), at so many atoms a lot.</summary>
    ClosedOnRequest = 9,

    /// <summary>Another account asked to be closed: this one's position changed by so many lots (signed), at so many atoms a lot.</summary>
    ClosedAgainst = 10,
}

/// <summary>Something that happened to an account.</summary>
/// <param name="Event">Number of the event, rising; the market's events share the numbers.</param>
/// <param name="Amount">Atoms, or what the kind says.</param>
/// <param name="Reason">Why a request went no further.</param>
public sealed record AccountEventView(
    long Event, uint Batch, long Time, int Account, AccountEventKind Kind, int? Instrument = null, long? Size = null,
    [property: JsonNumberHandling(JsonNumberHandling.WriteAsString | JsonNumberHandling.AllowReadingFromString)] long? Amount = null, ApiError? Reason = null);

/// <summary>What may happen to the market as a whole.</summary>
[JsonConverter(typeof(NameConverter<MarketEventKind>))]
public enum MarketEventKind
{
    /// <summary>An instrument is settled: a lot is worth so many atoms for good.</summary>
    Settled = 1,

    /// <summary>Slices of somebody's portfolio may be bid for (GET /v1/auctions).</summary>
    AuctionStarted = 2,

    /// <summary>The insurance fund paid somebody's deficit.</summary>
    FundPaid = 3,

    /// <summary>So many lots of an insolvent account were closed against the other side, which bore the amount.</summary>
    Deleveraged = 4,
}

/// <summary>Something that happened, without whom it happened to.</summary>
/// <param name="Event">Number of the event, rising.</param>
/// <param name="Amount">Atoms; of a settlement, atoms a lot.</param>
public sealed record MarketEventView(
    long Event, uint Batch, long Time, MarketEventKind Kind, int? Instrument = null, long? Size = null,
    [property: JsonNumberHandling(JsonNumberHandling.WriteAsString | JsonNumberHandling.AllowReadingFromString)] long? Amount = null);

/// <summary>The answer to an accepted request: it is journaled and executed.</summary>
/// <param name="Sequence">Its number in the journal.</param>
/// <param name="Batch">The batch it executed in.</param>
/// <param name="Filled">Lots filled at once.</param>
/// <param name="Remaining">Lots resting in the book.</param>
/// <param name="Closed">Why the rest of an order was dropped.</param>
/// <param name="Receipts">The sequencer's receipt of each request; absent if it signs none.</param>
public sealed record RequestResult(
    ulong Sequence, uint Batch, RequestStatus Status, long Filled, long Remaining, IReadOnlyList<FillView> Fills, ApiError? Closed = null, IReadOnlyList<ReceiptView>? Receipts = null);

/// <summary>A receipt (spec 11): the place of a request in the order of all.</summary>
/// <param name="Number">From 1, without gaps.</param>
/// <param name="OrderHash">Of the signed word and its signature.</param>
/// <param name="Time">Unix milliseconds.</param>
/// <param name="Previous">Hash of the receipt before; zeros for the first.</param>
/// <param name="Signature">r, s, v of the sequencer over the receipt's hash: 0x and 130 digits.</param>
public sealed record ReceiptView(
    long Number, [property: JsonConverter(typeof(Bytes32Converter))] Bytes32 OrderHash, long Time, [property: JsonConverter(typeof(Bytes32Converter))] Bytes32 Previous, string? Signature = null);

/// <summary>The view key is kept; its account's registration will be accepted.</summary>
public sealed record ViewKeyResult(ulong Sequence, [property: JsonConverter(typeof(FieldElementConverter))] Fr ViewKeyHash);

/// <summary>A margin group's prices, and what they permit now.</summary>
/// <param name="Prices">fresh, lowConfidence, divergent or stale.</param>
/// <param name="Breaker">normal, reduceOnly or halted.</param>
/// <param name="InitialRange">Scan range for opening risk, millionths of the price.</param>
/// <param name="MaintenanceRange">Scan range of the epoch's risk table, millionths of the price.</param>
/// <param name="Open">Whether positions may be opened and grown; and so on.</param>
public sealed record GroupView(int Group, string Prices, string Breaker, int InitialRange, int MaintenanceRange, bool Open, bool Reduce, bool Liquidate, bool Withdraw);

/// <summary>What a client must know to sign and to settle.</summary>
/// <param name="Domain">Signing domain (spec 4.1).</param>
/// <param name="Profile">Circuit profile: capacity of a batch.</param>
/// <param name="MakerFee">Millionths of the quote.</param>
/// <param name="TakerFee">Millionths of the quote.</param>
/// <param name="Time">The sequencer's clock, Unix milliseconds.</param>
/// <param name="Groups">Margin groups, ascending.</param>
/// <param name="ReceiptSigner">Who signs receipts; absent if nobody does. What counts is who the challenges' contract knows.</param>
public sealed record InfoView(
    ulong ChainId, [property: JsonConverter(typeof(AddressConverter))] Address Vault, [property: JsonConverter(typeof(FieldElementConverter))] Fr Domain,
    int CircuitVersion, string Profile, int Blocks, int Rows, int Operations, int MakerFee, int TakerFee, long Time, IReadOnlyList<GroupView> Groups,
    [property: JsonConverter(typeof(AddressConverter))] Address? ReceiptSigner = null);

/// <summary>An instrument.</summary>
/// <param name="Symbol">For people, e.g. BTC-PERP.</param>
/// <param name="Unit">What is counted, e.g. BTC.</param>
/// <param name="LotsPerUnit">1000: a lot is 0.001 units.</param>
/// <param name="Tick">Limits are multiples of this, atoms per lot.</param>
/// <param name="MinSize">Least lots of an order.</param>
/// <param name="Strike">Of an option, atoms per lot.</param>
/// <param name="Expiry">Of an option, Unix milliseconds: it takes no orders from then on.</param>
public sealed record InstrumentView(
    int Id, string Symbol, InstrumentKindName Kind, int Group, string Unit, long LotsPerUnit, long Tick, long MinSize, long? Strike = null, long? Expiry = null);

/// <summary>Names of the supported kinds of spec/protocol.json.</summary>
[JsonConverter(typeof(NameConverter<InstrumentKindName>))]
public enum InstrumentKindName
{
    Spot = InstrumentKind.Spot,
    Perpetual = InstrumentKind.Perpetual,
    Call = InstrumentKind.Call,
    Put = InstrumentKind.Put,
}

/// <summary>One price of a book.</summary>
public sealed record LevelView(long Price, long Size);

/// <summary>A book's best prices, bids descending and asks ascending.</summary>
/// <param name="Sequence">The journal record after which the book looks so.</param>
public sealed record BookView(int Instrument, ulong Sequence, long Time, IReadOnlyList<LevelView> Bids, IReadOnlyList<LevelView> Asks);

/// <summary>A trade, without its parties.</summary>
/// <param name="Side">The taker's.</param>
/// <param name="Liquidation">True if one side was liquidated; absent otherwise.</param>
public sealed record TradeView(long Trade, uint Batch, long Time, int Instrument, Side Side, long Price, long Size, bool? Liquidation = null);

/// <summary>How far a batch has come.</summary>
[JsonConverter(typeof(NameConverter<BatchStage>))]
public enum BatchStage
{
    /// <summary>Its epoch is open; nothing has executed yet.</summary>
    Accepted = 1,

    /// <summary>Requests or operations have executed in it.</summary>
    Executed = 2,

    /// <summary>Closed, and handed to the prover.</summary>
    Sealed = 3,

    /// <summary>Its data is on the chain.</summary>
    Committed = 4,

    /// <summary>Its proof is on the chain.</summary>
    Proven = 5,

    /// <summary>Withdrawals and bounces are credited.</summary>
    Final = 6,
}

/// <summary>A batch and its life. Times in Unix milliseconds; what has not happened is absent.</summary>
/// <param name="Requests">Requests accepted in it.</param>
/// <param name="Fills">Trades in it.</param>
/// <param name="Rows">Rows of the circuit it takes, once sealed.</param>
/// <param name="CommittedBlock">Block of the chain.</param>
/// <param name="AtRisk">Atoms that its changes of positions could be worth within the scan ranges, once sealed: what the operator's bond should exceed.</param>
public sealed record BatchView(
    uint Batch, BatchStage Stage, long Open, long Requests, long Fills, long? Close = null, int? Blocks = null, int? Rows = null, int? Operations = null,
    [property: JsonConverter(typeof(FieldElementConverter))] Fr? OldRoot = null, [property: JsonConverter(typeof(FieldElementConverter))] Fr? NewRoot = null,
    ulong? CommittedBlock = null, ulong? ProvenBlock = null, ulong? FinalBlock = null,
    [property: JsonNumberHandling(JsonNumberHandling.WriteAsString | JsonNumberHandling.AllowReadingFromString)] long? AtRisk = null);

/// <summary>One position of an account.</summary>
/// <param name="Value">Signed size x base value under the epoch's risk table, atoms.</param>
public sealed record PositionView(int Instrument, long Size, [property: JsonNumberHandling(JsonNumberHandling.WriteAsString | JsonNumberHandling.AllowReadingFromString)] long Value);

/// <summary>An order in the book.</summary>
public sealed record OpenOrderView(byte Slot, long Nonce, int Instrument, Side Side, long Price, long Remaining, long Expiry);

/// <summary>A used order slot: a new request of it needs a nonce above <paramref name="Nonce"/>.</summary>
public sealed record SlotView(byte Slot, long Nonce);

/// <summary>An account as the sequencer has it, ahead of the chain. Cash, value and health are atoms as decimal strings.</summary>
/// <param name="Value">Cash and positions at the mark.</param>
/// <param name="Health">Cash and the worst cases of the groups: not below 0.</param>
/// <param name="Free">Health with all open orders filled at their worst.</param>
public sealed record AccountView(
    int Account, [property: JsonConverter(typeof(AddressConverter))] Address Owner, bool IsPublic, uint Version,
    [property: JsonNumberHandling(JsonNumberHandling.WriteAsString | JsonNumberHandling.AllowReadingFromString)] long Cash,
    [property: JsonNumberHandling(JsonNumberHandling.WriteAsString | JsonNumberHandling.AllowReadingFromString)] long Value,
    [property: JsonNumberHandling(JsonNumberHandling.WriteAsString | JsonNumberHandling.AllowReadingFromString)] long Health,
    [property: JsonNumberHandling(JsonNumberHandling.WriteAsString | JsonNumberHandling.AllowReadingFromString)] long Free,
    IReadOnlyList<PositionView> Positions, IReadOnlyList<OpenOrderView> Orders, IReadOnlyList<SlotView> Slots);

/// <summary>One row of the epoch's risk table (spec 3.6), prices in atoms per lot.</summary>
public sealed record RiskRowView(
    int Instrument, InstrumentKindName Kind, int Flags, int Group, long Index, long Base, long Funding, IReadOnlyList<long> Long, IReadOnlyList<long> Short);

/// <summary>The risk table of the open epoch.</summary>
/// <param name="Inputs">The canonical bytes it follows from (spec 6.7), 0x and hexadecimal digits.</param>
/// <param name="Live">The same of the newest prices within the epoch, which fills and withdrawals are held to as well; absent if there are none.</param>
public sealed record RiskView(
    uint Batch, [property: JsonConverter(typeof(FieldElementConverter))] Fr Root, string Inputs, IReadOnlyList<RiskRowView> Rows, string? Live = null);

/// <summary>One leg of a slice in auction.</summary>
/// <param name="Side">Of the bidder's order.</param>
/// <param name="Price">What the bidder pays or gets a lot now; it gets better with time.</param>
public sealed record AuctionLegView(int Instrument, Side Side, long Size, long Price);

/// <summary>An account whose portfolio is auctioned in slices.</summary>
/// <param name="Started">Unix milliseconds.</param>
public sealed record AuctionView(int Account, long Started, IReadOnlyList<AuctionLegView> Slice);

/// <summary>What is auctioned, and how deficits stand. Atoms.</summary>
/// <param name="Fund">The insurance fund's cash.</param>
/// <param name="Shortfall">What insolvent accounts owe beyond all they have; while it exceeds the fund, withdrawals wait.</param>
public sealed record AuctionsView(
    long Time, [property: JsonNumberHandling(JsonNumberHandling.WriteAsString | JsonNumberHandling.AllowReadingFromString)] long Fund,
    [property: JsonNumberHandling(JsonNumberHandling.WriteAsString | JsonNumberHandling.AllowReadingFromString)] long Shortfall, IReadOnlyList<AuctionView> Auctions);

/// <summary>Whether the sequencer works.</summary>
[JsonConverter(typeof(NameConverter<HealthStatus>))]
public enum HealthStatus
{
    /// <summary>All is well.</summary>
    Ok = 1,

    /// <summary>It trades, but something it needs for long is missing: see the problems.</summary>
    Degraded = 2,

    /// <summary>It stopped safely and accepts nothing.</summary>
    Halted = 3,
}

/// <summary>Health.</summary>
/// <param name="Problems">One line each, for people.</param>
/// <param name="Sequence">Last journal record on the disk.</param>
/// <param name="Batch">The open batch; 0 if none is.</param>
/// <param name="ChainBlock">Next block of the chain to look at; absent where no chain is followed.</param>
public sealed record HealthView(HealthStatus Status, IReadOnlyList<string> Problems, ulong Sequence, uint Batch, uint LastSealed, uint LastFinal, ulong? ChainBlock = null);
