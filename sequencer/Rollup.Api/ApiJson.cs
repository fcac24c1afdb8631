using System.Text.Json;
using System.Text.Json.Serialization;

namespace Rollup.Api;

/// <summary>
/// The serialiser of all messages. Reading is strict: unknown and repeated members, missing ones, null where a value belongs, numbers as
/// text and depths above 8 are errors that name the place.
/// </summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, AllowDuplicateProperties = false,
    RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true, MaxDepth = 8, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    Converters = [typeof(SignatureConverter)])]
[JsonSerializable(typeof(OrderMessage))]
[JsonSerializable(typeof(CancelMessage))]
[JsonSerializable(typeof(WithdrawalMessage))]
[JsonSerializable(typeof(BidMessage))]
[JsonSerializable(typeof(ViewKeyMessage))]
[JsonSerializable(typeof(ApiError))]
[JsonSerializable(typeof(RequestResult))]
[JsonSerializable(typeof(ReceiptView))]
[JsonSerializable(typeof(ViewKeyResult))]
[JsonSerializable(typeof(InfoView))]
[JsonSerializable(typeof(IReadOnlyList<InstrumentView>))]
[JsonSerializable(typeof(BookView))]
[JsonSerializable(typeof(IReadOnlyList<TradeView>))]
[JsonSerializable(typeof(IReadOnlyList<BatchView>))]
[JsonSerializable(typeof(AccountView))]
[JsonSerializable(typeof(IReadOnlyList<AccountEventView>))]
[JsonSerializable(typeof(IReadOnlyList<MarketEventView>))]
[JsonSerializable(typeof(IReadOnlyList<int>))]
[JsonSerializable(typeof(RiskView))]
[JsonSerializable(typeof(AuctionsView))]
[JsonSerializable(typeof(HealthView))]
[JsonSerializable(typeof(StreamMessage))]
[JsonSerializable(typeof(StreamEvent))]
public sealed partial class ApiJson : JsonSerializerContext
{
    /// <summary>For a client: members that a newer sequencer added are passed over.</summary>
    public static ApiJson Lenient => field ??= new ApiJson(new JsonSerializerOptions(Default.GeneratedSerializerOptions!) { UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip });
}
