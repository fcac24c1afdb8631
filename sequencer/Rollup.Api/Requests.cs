using System.Text.Json.Serialization;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Protocol;

namespace Rollup.Api;

/// <summary>Side of an order.</summary>
[JsonConverter(typeof(NameConverter<Side>))]
public enum Side
{
    Buy = 0,
    Sell = 1,
}

/// <summary>Bits 0-1 of an order's flags (spec 4.2): good till cancel, immediate or cancel, fill or kill.</summary>
[JsonConverter(typeof(NameConverter<OrderLife>))]
public enum OrderLife
{
    Gtc = 0,
    Ioc = 1,
    Fok = 2,
}

/// <summary>Bits 4-5 of an order's flags (spec 4.2): what happens when an order meets one of its own account.</summary>
[JsonConverter(typeof(NameConverter<SelfTrade>))]
public enum SelfTrade
{
    CancelResting = 0,
    CancelTaker = 1,
    CancelBoth = 2,
}

/// <summary>What is signed and sent: an order, a cancel or a withdrawal.</summary>
public interface ISignedMessage
{
    /// <summary>The account whose key signed.</summary>
    int Account { get; }

    EddsaSignature Signature { get; }

    /// <summary>The signed word's fields (spec 4.2). Ranges are not checked here: <see cref="RequestRules.Check"/>.</summary>
    SignedRequest ToRequest();
}

/// <summary>An order. Sizes in lots, prices in atoms per lot, times in Unix milliseconds.</summary>
/// <param name="Account">The trader's account.</param>
/// <param name="Slot">Order slot, 0..255; it holds one open order.</param>
/// <param name="Nonce">Above every nonce the slot has seen.</param>
/// <param name="Instrument">Instrument id.</param>
/// <param name="Side">buy or sell.</param>
/// <param name="Size">Lots, at least 1.</param>
/// <param name="Limit">Worst price accepted, also of a market order.</param>
/// <param name="FeeRate">Highest fee accepted, in millionths of the quote.</param>
/// <param name="Expiry">The order is refused, or leaves the book, at this time.</param>
/// <param name="Signature">EdDSA-Poseidon over H(domain, word) (spec 4.2).</param>
/// <param name="Life">gtc, ioc or fok.</param>
/// <param name="PostOnly">Refused where it would trade at once.</param>
/// <param name="ReduceOnly">Refused where it would grow the position.</param>
/// <param name="SelfTrade">cancelResting, cancelTaker or cancelBoth.</param>
/// <param name="Market">A market order; its life is ioc or fok.</param>
public sealed record OrderMessage(
    int Account, byte Slot, long Nonce, int Instrument, Side Side, long Size, long Limit, int FeeRate, long Expiry, EddsaSignature Signature,
    OrderLife Life = OrderLife.Gtc, bool PostOnly = false, bool ReduceOnly = false, SelfTrade SelfTrade = SelfTrade.CancelResting, bool Market = false)
    : ISignedMessage
{
    public SignedRequest ToRequest() => new(RowKind.Order,
        (byte)((int)Life | (PostOnly ? 4 : 0) | (ReduceOnly ? 8 : 0) | ((int)SelfTrade << 4) | (Market ? 64 : 0)),
        Side == Side.Sell, Instrument, Account, Slot, Size, Limit, FeeRate, Expiry, Nonce);
}

/// <summary>Cancels every order of a slot with a nonce up to this one.</summary>
/// <param name="Account">The trader's account.</param>
/// <param name="Slot">Order slot, 0..255.</param>
/// <param name="Nonce">Orders up to and with this nonce.</param>
/// <param name="Expiry">The cancel is refused from this time on.</param>
/// <param name="Signature">EdDSA-Poseidon over H(domain, word) (spec 4.2).</param>
/// <param name="Prove">Also spend the slot on the chain, so that not even the operator can fill the orders later; takes a row of the batch.</param>
public sealed record CancelMessage(int Account, byte Slot, long Nonce, long Expiry, EddsaSignature Signature, bool Prove = false) : ISignedMessage
{
    public SignedRequest ToRequest() => new(RowKind.Cancel, (byte)(Prove ? 128 : 0), false, 0, Account, Slot, 0, 0, 0, Expiry, Nonce);
}

/// <summary>Takes cash or spot out to the vault, to be claimed by the account's owner once the batch is final.</summary>
/// <param name="Account">The trader's account.</param>
/// <param name="Slot">Order slot, 0..255.</param>
/// <param name="Nonce">Above every nonce the slot has seen.</param>
/// <param name="Asset">0 for cash, else a spot instrument.</param>
/// <param name="Amount">Atoms of cash, or lots.</param>
/// <param name="Expiry">The withdrawal is refused from this time on.</param>
/// <param name="Signature">EdDSA-Poseidon over H(domain, word) (spec 4.2).</param>
public sealed record WithdrawalMessage(int Account, byte Slot, long Nonce, int Asset, long Amount, long Expiry, EddsaSignature Signature) : ISignedMessage
{
    public SignedRequest ToRequest() => new(RowKind.Withdrawal, 0, true, Asset, Account, Slot, Amount, 0, 0, Expiry, Nonce);
}

/// <summary>A bid for the slice of an account in auction (GET /v1/auctions): one order a leg, in its order; all fill or none.</summary>
/// <param name="Account">The account that is auctioned.</param>
/// <param name="Orders">Of one bidder; life fok, sizes as the slice, limits as good as its prices.</param>
public sealed record BidMessage(int Account, IReadOnlyList<OrderMessage> Orders);

/// <summary>Tells the operator the view key of an account that is registered on the chain under its hash, before or shortly after.</summary>
/// <param name="ViewKey">The key; its hash H(viewKey) is what the chain knows.</param>
public sealed record ViewKeyMessage([property: JsonConverter(typeof(FieldElementConverter))] Fr ViewKey);

/// <summary>Ranges of a request, so that it packs into its word.</summary>
public static class RequestRules
{
    /// <summary>None, or the code for the first field outside its range, with the reason.</summary>
    public static RejectCode Check(in SignedRequest r, out string problem)
    {
        (RejectCode code, problem) = r switch
        {
            { Account: < 0 or >= 1 << Width.Account } => (RejectCode.UnknownAccount, $"account {r.Account} is outside 0..2^24-1"),
            { Instrument: < 0 or >= 1 << Width.Instrument } => (RejectCode.UnknownInstrument, $"instrument {r.Instrument} is outside 0..2^18-1"),
            { Kind: not RowKind.Cancel, Size: 0 } => (RejectCode.ZeroSize, "the size is 0"),
            { Size: < 0 or >= 1L << Width.Fill } => (RejectCode.SizeOutOfRange, $"size {r.Size} is outside 1..2^48-1"),
            { Limit: < 0 or >= 1L << Width.Price } => (RejectCode.PriceOutOfRange, $"limit {r.Limit} is outside 0..2^35-1"),
            { FeeRate: < 0 or >= 1 << Width.FeeRate } => (RejectCode.Malformed, $"fee rate {r.FeeRate} is outside 0..2^20-1"),
            { Expiry: < 0 or >= 1L << Width.Time } => (RejectCode.Malformed, $"expiry {r.Expiry} is outside 0..2^44-1"),
            { Nonce: < 1 or >= 1L << Width.Nonce } => (RejectCode.Malformed, $"nonce {r.Nonce} is outside 1..2^33-1"),
            _ => (RejectCode.None, ""),
        };
        return code;
    }
}

/// <summary>
/// Proof of who reads an account that is not public: a signature, by the account's key, over a time. It cannot be taken for a signed
/// request, whose message is a hash of two elements.
/// </summary>
public static class AccessChallenge
{
    /// <summary>Header with the signed Unix milliseconds.</summary>
    public const string TimeHeader = "Rollup-Time";

    /// <summary>Header with the signature.</summary>
    public const string SignatureHeader = "Rollup-Signature";

    /// <summary>A signed time is accepted for this long, and may be this far ahead.</summary>
    public static readonly TimeSpan Validity = TimeSpan.FromSeconds(30);

    private static readonly Fr Purpose = Fr.FromBytesReducedBigEndian("rollup-read-access"u8);

    /// <summary>H(domain, "rollup-read-access", account, time).</summary>
    public static Fr Message(in Fr domain, int account, long time) =>
        Poseidon.Hash(domain, Purpose, Fr.FromUInt64((ulong)account), Fr.FromUInt64((ulong)time));
}
