using System.Buffers;
using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Rollup.Crypto.Settlement;

namespace Rollup.Engine;

/// <summary>Bytes that are not a sealed batch; the message names the place and what is expected there.</summary>
public sealed class SealedBatchFormatException(string message, Exception? inner = null) : FormatException(message, inner);

/// <summary>
/// The file by which a sealed batch reaches the prover bridge: one line of canonical JSON,
/// <c>{"format":"rollup-sealed-batch","version":4,"sha256":...,"batch":{...}}</c>. sha256 is the digest of the bytes of the
/// <c>batch</c> value. Field elements, addresses and bytes are 0x and lower-case digits of full length; cash and quotes, which may
/// exceed 2^53, are decimal strings; kinds and flags are the numbers of spec/protocol.json. A batch has exactly one encoding.
/// The file holds the view keys of its accounts: only its owner may read it.
/// </summary>
public static class SealedBatchFile
{
    /// <summary>Version of the layout; another one is refused.</summary>
    public const int Version = 4;

    /// <summary>Longest file accepted: about 20,000 risk rows beside a batch of the largest profile.</summary>
    public const int MaxBytes = 16 << 20;

    internal const string Format = "rollup-sealed-batch";
    private const string Suffix = ".sealed.json";

    /// <summary>Name of a batch's file, e.g. <c>000001.sealed.json</c>.</summary>
    public static string NameOf(uint batch) => batch.ToString("D6", CultureInfo.InvariantCulture) + Suffix;

    /// <summary>Inverse of <see cref="NameOf"/>; false for any other name.</summary>
    public static bool TryParseName(string name, out uint batch)
    {
        batch = 0;
        return name.EndsWith(Suffix, StringComparison.Ordinal)
            && uint.TryParse(name.AsSpan(0, name.Length - Suffix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out batch)
            && NameOf(batch) == name;
    }

    /// <summary>The batch's encoding.</summary>
    /// <exception cref="ArgumentException">It exceeds <see cref="MaxBytes"/>.</exception>
    public static byte[] Write(SealedBatch batch)
    {
        byte[] content = WriteJson(writer => WriteBatch(writer, batch));
        byte[] file = WriteJson(writer =>
        {
            writer.WriteStartObject();
            writer.WriteString("format", Format);
            writer.WriteNumber("version", Version);
            writer.WriteString("sha256", Convert.ToHexStringLower(SHA256.HashData(content)));
            writer.WritePropertyName("batch");
            writer.WriteRawValue(content, skipInputValidation: true);
            writer.WriteEndObject();
        });
        byte[] line = [.. file, (byte)'\n'];
        return line.Length <= MaxBytes ? line : throw new ArgumentException($"Batch {batch.Header.Batch} takes {line.Length} bytes; a sealed batch file has at most {MaxBytes}.", nameof(batch));
    }

    /// <summary>Reads what <see cref="Write"/> writes, and nothing else.</summary>
    /// <exception cref="SealedBatchFormatException">Anything else; the message names the first place that is wrong.</exception>
    public static SealedBatch Read(ReadOnlyMemory<byte> file)
    {
        if (file.Length > MaxBytes) throw new SealedBatchFormatException($"The file has {file.Length} bytes; a sealed batch has at most {MaxBytes}.");
        try
        {
            using var document = JsonDocument.Parse(file, new JsonDocumentOptions { MaxDepth = 8, AllowDuplicateProperties = false });
            var envelope = new StrictObject(document.RootElement, "");
            if (envelope.Text("format") != Format) throw envelope.Error("format", $"must be \"{Format}\"");
            if (envelope.Integer("version", 0, int.MaxValue) is var version && version != Version) throw envelope.Error("version", $"is {version}; this program reads version {Version}");
            string checksum = envelope.Text("sha256");
            JsonElement content = envelope.Take("batch");
            envelope.Close();
            if (Convert.ToHexStringLower(SHA256.HashData(JsonMarshal.GetRawUtf8Value(content))) != checksum)
                throw envelope.Error("sha256", "is not the digest of the batch: the file is damaged");
            SealedBatch batch = SealedBatchReader.Read(new StrictObject(content, "batch"));
            return Write(batch).AsSpan().SequenceEqual(file.Span) ? batch
                : throw new SealedBatchFormatException("The file is not in canonical form (order of fields, white space, case of digits).");
        }
        catch (JsonException error)
        {
            throw new SealedBatchFormatException($"The file is not valid JSON: {error.Message}", error);
        }
        catch (InvalidOperationException error)
        {
            // A string with bytes or escapes that are not Unicode parses, and fails when it is read.
            throw new SealedBatchFormatException("The file has text that is not valid Unicode.", error);
        }
    }

    private static void WriteBatch(Utf8JsonWriter writer, SealedBatch batch)
    {
        writer.WriteStartObject();
        writer.WriteString("profile", batch.Profile);
        Write(writer, "domain", batch.Domain);
        writer.WriteStartObject("header");
        writer.WriteNumber("batch", batch.Header.Batch);
        writer.WriteNumber("open", batch.Header.Open);
        writer.WriteNumber("close", batch.Header.Close);
        writer.WriteNumber("firstOperation", batch.Header.FirstOperation);
        writer.WriteNumber("operationCount", batch.Header.OperationCount);
        writer.WriteEndObject();
        Write(writer, "oldRoot", batch.OldRoot);
        Write(writer, "newRoot", batch.NewRoot);
        writer.WriteString("riskInputs", "0x" + Convert.ToHexStringLower(batch.RiskInputs.AsSpan()));
        WriteObjects(writer, "riskRows", batch.RiskRows, row =>
        {
            writer.WriteNumber("id", row.Id);
            writer.WriteNumber("kind", (int)row.Kind);
            writer.WriteNumber("flags", (int)row.Flags);
            writer.WriteNumber("group", row.Group);
            writer.WriteNumber("index", row.Index);
            writer.WriteNumber("base", row.Base);
            writer.WriteNumber("funding", row.Funding);
            writer.WriteNumber("priceBound", row.PriceBound);
            WriteValues(writer, "long", row.Long);
            WriteValues(writer, "short", row.Short);
        });
        WriteObjects(writer, "operations", batch.Operations, operation => WriteOperation(writer, operation));
        WriteObjects(writer, "blocks", batch.Blocks, block => WriteBlock(writer, block));
        WriteObjects(writer, "rows", batch.Rows, row => WriteRow(writer, row));
        Write(writer, "feeBlock", batch.FeeBlock);
        WriteObjects(writer, "forced", batch.Forced, row => WriteForced(writer, row));
        Write(writer, "fundBlock", batch.FundBlock);
        Write(writer, "rankingRoot", batch.RankingRoot);
        writer.WriteNumber("receiptNumber", batch.Receipts.Number);
        writer.WriteString("receiptHash", batch.Receipts.Hash.ToString());
        writer.WriteEndObject();
    }

    private static void WriteOperation(Utf8JsonWriter writer, SealedOperation sealedOperation)
    {
        Operation operation = sealedOperation.Operation;
        writer.WriteNumber("kind", (int)operation.Kind);
        writer.WriteNumber("account", operation.Account);
        writer.WriteNumber("asset", operation.Asset);
        writer.WriteNumber("amount", operation.Amount);
        writer.WriteString("owner", operation.Owner.ToString());
        Write(writer, "keyX", operation.KeyX);
        Write(writer, "keyY", operation.KeyY);
        Write(writer, "viewKeyHash", operation.ViewKeyHash);
        writer.WriteString("depositor", sealedOperation.Depositor.ToString());
        Write(writer, "block", sealedOperation.Block);
        writer.WriteNumber("paid", sealedOperation.Paid);
    }

    private static void WriteBlock(Utf8JsonWriter writer, SealedBlock block)
    {
        writer.WriteNumber("account", block.Account);
        writer.WriteString("owner", block.Identity.Owner.ToString());
        Write(writer, "keyX", block.Identity.KeyX);
        Write(writer, "keyY", block.Identity.KeyY);
        Write(writer, "viewKey", block.Identity.ViewKey);
        writer.WriteBoolean("isNew", block.IsNew);
        WriteContents(writer, "old", block.Old);
        WriteContents(writer, "new", block.New);
        WriteElements(writer, "path", block.Path);
        writer.WriteNumber("payment", block.Payment);
    }

    private static void WriteContents(Utf8JsonWriter writer, string name, LeafContents contents)
    {
        writer.WriteStartObject(name);
        writer.WriteNumber("version", contents.Version);
        writer.WriteString("cash", contents.Cash.ToString(CultureInfo.InvariantCulture));
        Write(writer, "orderRoot", contents.OrderRoot);
        WriteObjects(writer, "positions", contents.Positions, position =>
        {
            writer.WriteNumber("instrument", position.Instrument);
            writer.WriteNumber("size", position.Size);
        });
        writer.WriteEndObject();
    }

    private static void WriteRow(Utf8JsonWriter writer, SealedRow row)
    {
        SignedRequest request = row.Request;
        writer.WriteNumber("kind", (int)request.Kind);
        writer.WriteNumber("flags", request.Flags);
        writer.WriteBoolean("isSell", request.IsSell);
        writer.WriteNumber("instrument", request.Instrument);
        writer.WriteNumber("account", request.Account);
        writer.WriteNumber("slot", request.Slot);
        writer.WriteNumber("size", request.Size);
        writer.WriteNumber("limit", request.Limit);
        writer.WriteNumber("feeRate", request.FeeRate);
        writer.WriteNumber("expiry", request.Expiry);
        writer.WriteNumber("nonce", request.Nonce);
        Write(writer, "r8x", row.R8X);
        Write(writer, "r8y", row.R8Y);
        Write(writer, "s", row.S);
        writer.WriteNumber("block", row.Block);
        writer.WriteNumber("fill", row.Fill);
        writer.WriteString("quote", row.Quote.ToString(CultureInfo.InvariantCulture));
        writer.WriteNumber("fee", row.Fee);
        writer.WriteNumber("oldNonce", row.OldSlot.Nonce);
        writer.WriteNumber("oldFilled", row.OldSlot.Filled);
        WriteElements(writer, "slotPath", row.SlotPath);
    }

    private static void WriteForced(Utf8JsonWriter writer, SealedForcedRow row)
    {
        writer.WriteNumber("kind", (int)row.Kind);
        writer.WriteNumber("block", row.Block);
        Write(writer, "counterBlock", row.CounterBlock);
        writer.WriteNumber("instrument", row.Instrument);
        writer.WriteNumber("oldSize", row.OldSize);
        writer.WriteNumber("counterOldSize", row.CounterOldSize);
        writer.WriteNumber("fill", row.Fill);
        writer.WriteString("quote", row.Quote.ToString(CultureInfo.InvariantCulture));
        writer.WriteNumber("fee", row.Fee);
        writer.WriteBoolean("closing", row.Closing);
    }

    private static void Write(Utf8JsonWriter writer, string name, in Fr value) => writer.WriteString(name, value.ToHex());

    private static void Write(Utf8JsonWriter writer, string name, int? value)
    {
        if (value is { } number) writer.WriteNumber(name, number);
        else writer.WriteNull(name);
    }

    private static void WriteElements(Utf8JsonWriter writer, string name, ImmutableArray<Fr> elements)
    {
        writer.WriteStartArray(name);
        foreach (Fr element in elements) writer.WriteStringValue(element.ToHex());
        writer.WriteEndArray();
    }

    private static void WriteValues(Utf8JsonWriter writer, string name, ImmutableArray<long> values)
    {
        writer.WriteStartArray(name);
        foreach (long value in values) writer.WriteNumberValue(value);
        writer.WriteEndArray();
    }

    private static void WriteObjects<T>(Utf8JsonWriter writer, string name, ImmutableArray<T> items, Action<T> fields)
    {
        writer.WriteStartArray(name);
        foreach (T item in items)
        {
            writer.WriteStartObject();
            fields(item);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }

    private static byte[] WriteJson(Action<Utf8JsonWriter> content)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer)) content(writer);
        return buffer.WrittenSpan.ToArray();
    }
}
