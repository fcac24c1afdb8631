using System.Text.Json.Serialization;
using Rollup.Api;
using Rollup.Protocol;

namespace Rollup.Sequencer.Core;

/// <summary>The last block of the chain whose events have reached the journal.</summary>
internal sealed record ChainPosition(ulong Number, string Hash, string ParentHash);

internal sealed record ViewKeySnapshot([property: JsonConverter(typeof(FieldElementConverter))] Fr Key, long Since);

/// <summary>What the host keeps beside the engine.</summary>
internal sealed record HostSnapshot(
    byte[] Genesis, ulong Sequence, byte[] RiskInputs, long LastTrade, IReadOnlyList<TradeView> Trades, IReadOnlyList<BatchView> Batches, IReadOnlyList<ViewKeySnapshot> ViewKeys,
    long LastEvent, IReadOnlyList<AccountEventView> AccountEvents, IReadOnlyList<MarketEventView> MarketEvents,
    long ReceiptNumber, [property: JsonConverter(typeof(Bytes32Converter))] Bytes32 ReceiptHash, ChainPosition? Chain = null);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(HostSnapshot))]
internal sealed partial class HostSnapshotJson : JsonSerializerContext;
