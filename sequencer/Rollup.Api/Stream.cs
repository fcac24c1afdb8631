using System.Text.Json.Serialization;
using Rollup.Crypto;

namespace Rollup.Api;

/// <summary>What a client asks of the stream.</summary>
[JsonConverter(typeof(NameConverter<StreamOperation>))]
public enum StreamOperation
{
    Subscribe = 1,
    Unsubscribe = 2,

    /// <summary>Proves who reads the fills and events of <see cref="StreamMessage.Account"/>.</summary>
    Authenticate = 3,
}

/// <summary>Channels of the stream.</summary>
[JsonConverter(typeof(NameConverter<StreamChannel>))]
public enum StreamChannel
{
    /// <summary>The best prices of one instrument, whole each time, at most once in the configured interval.</summary>
    Book = 1,

    /// <summary>Trades of one instrument.</summary>
    Trades = 2,

    /// <summary>Every step in the life of every batch.</summary>
    Batches = 3,

    /// <summary>The fills of one's own account.</summary>
    Fills = 4,

    /// <summary>What happens to one's own account besides: conversions, liquidation, deleveraging.</summary>
    AccountEvents = 5,

    /// <summary>Settlements, auctions, payments of the insurance fund and deleveragings, without whom they concern.</summary>
    MarketEvents = 6,
}

/// <summary>A message from a client, at most 1 KiB. Subscriptions to book and trades name an instrument, to fills and account events an account.</summary>
public sealed record StreamMessage(
    StreamOperation Op, StreamChannel? Channel = null, int? Instrument = null, int? Account = null, long? Time = null, EddsaSignature? Signature = null);

/// <summary>What a message of the stream carries.</summary>
[JsonConverter(typeof(NameConverter<StreamEventType>))]
public enum StreamEventType
{
    Subscribed = 1,
    Unsubscribed = 2,
    Authenticated = 3,
    Error = 4,
    Book = 5,
    Trades = 6,
    Batch = 7,
    Fills = 8,
    AccountEvents = 9,
    MarketEvents = 10,
}

/// <summary>A message to a client; the member that its type names is present.</summary>
public sealed record StreamEvent(
    StreamEventType Type, StreamChannel? Channel = null, int? Instrument = null, int? Account = null, ApiError? Error = null,
    BookView? Book = null, IReadOnlyList<TradeView>? Trades = null, BatchView? Batch = null, IReadOnlyList<FillView>? Fills = null,
    IReadOnlyList<AccountEventView>? AccountEvents = null, IReadOnlyList<MarketEventView>? MarketEvents = null);
