using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Protocol;

namespace Rollup.Engine;

/// <summary>Reads the <c>batch</c> value of a sealed batch file, every field within its width and every count within the profile.</summary>
internal static class SealedBatchReader
{
    private const int MaxRiskInputs = 4 << 20;
    private const long MaxInstrument = (1L << Width.Instrument) - 1;
    private const long MaxAccount = (1L << Width.Account) - 1;
    private const long MaxTime = (1L << Width.Time) - 1;

    public static SealedBatch Read(StrictObject batch)
    {
        string name = batch.Text("profile");
        CircuitProfile profile = CircuitProfile.All.FirstOrDefault(p => p.Name == name)
            ?? throw batch.Error("profile", $"is none of {string.Join(", ", CircuitProfile.All.Select(p => p.Name))}");
        Fr domain = batch.Element("domain");
        BatchHeader header = Header(batch.Object("header"));
        Fr oldRoot = batch.Element("oldRoot"), newRoot = batch.Element("newRoot");
        ImmutableArray<byte> riskInputs = batch.Bytes("riskInputs", MaxRiskInputs);
        ImmutableArray<RiskRow> riskRows = [.. batch.Objects("riskRows", 0, (int)MaxInstrument).Select(RiskRow)];
        StrictObject[] operations = batch.Objects("operations", 0, profile.Operations);
        if (operations.Length != header.OperationCount)
            throw batch.Error("operations", $"has {operations.Length} items where the header counts {header.OperationCount}");
        StrictObject[] blocks = batch.Objects("blocks", 1, profile.Blocks);
        StrictObject[] rows = batch.Objects("rows", 0, profile.Rows), forced = batch.Objects("forced", 0, profile.Forced);
        var result = new SealedBatch(name, domain, header, oldRoot, newRoot, riskInputs, riskRows,
            [.. operations.Select(o => Operation(o, blocks.Length))], [.. blocks.Select(Block)], [.. rows.Select(r => Row(r, blocks.Length))],
            (int?)batch.IntegerOrNull("feeBlock", 0, blocks.Length - 1), [.. forced.Select(r => Forced(r, blocks.Length))],
            (int?)batch.IntegerOrNull("fundBlock", 0, blocks.Length - 1), batch.Element("rankingRoot"),
            new ReceiptHead(batch.Integer("receiptNumber", 0, long.MaxValue), Hash(batch, "receiptHash")));
        batch.Close();
        return result;
    }

    private static Bytes32 Hash(StrictObject batch, string name) =>
        batch.Bytes(name, Bytes32.Size) is { Length: Bytes32.Size } bytes ? Bytes32.FromBytes(bytes.AsSpan()) : throw batch.Error(name, $"has not {Bytes32.Size} bytes");

    private static BatchHeader Header(StrictObject header)
    {
        var result = new BatchHeader(
            (uint)header.Integer("batch", 1, (1L << Width.Batch) - 1), header.Integer("open", 0, MaxTime), header.Integer("close", 0, MaxTime),
            header.Integer("firstOperation", 0, (1L << Width.OperationIndex) - 1), (int)header.Integer("operationCount", 0, (1L << Width.OperationCount) - 1));
        header.Close();
        return result;
    }

    private static RiskRow RiskRow(StrictObject row)
    {
        var result = new RiskRow(
            (int)row.Integer("id", 1, MaxInstrument), (InstrumentKind)row.Integer("kind", 0, (1 << Width.InstrumentKind) - 1),
            (InstrumentFlags)row.Integer("flags", 0, (1 << Width.InstrumentFlags) - 1), (int)row.Integer("group", 0, (1 << Width.Group) - 1),
            Value(row, "index"), Value(row, "base"), Value(row, "funding"), Value(row, "priceBound"),
            row.Integers("long", Bound.Scenarios, -Protocol.RiskRow.ValueBound, Protocol.RiskRow.ValueBound),
            row.Integers("short", Bound.Scenarios, -Protocol.RiskRow.ValueBound, Protocol.RiskRow.ValueBound));
        row.Close();
        return result.Validate() is { } problem ? throw row.Error(problem) : result;
    }

    private static long Value(StrictObject row, string name) => row.Integer(name, -Protocol.RiskRow.ValueBound, Protocol.RiskRow.ValueBound);

    private static SealedOperation Operation(StrictObject operation, int blocks)
    {
        var kind = (OperationKind)operation.Integer("kind", 1, (1 << Width.OperationKind) - 1);
        if (!Enum.IsDefined(kind)) throw operation.Error("kind", $"is {(int)kind}, which is no operation");
        var result = new SealedOperation(
            new Operation(kind, (int)operation.Integer("account", 0, MaxAccount), (int)operation.Integer("asset", 0, MaxInstrument),
                operation.Integer("amount", 0, (1L << Width.Amount) - 1), operation.Address("owner"),
                operation.Element("keyX"), operation.Element("keyY"), operation.Element("viewKeyHash")),
            operation.Address("depositor"), (int?)operation.IntegerOrNull("block", 0, blocks - 1), operation.Integer("paid", 0, (1L << Width.Amount) - 1));
        operation.Close();
        return result;
    }

    private static SealedBlock Block(StrictObject block)
    {
        var result = new SealedBlock(
            (int)block.Integer("account", 0, MaxAccount),
            new AccountIdentity(block.Address("owner"), block.Element("keyX"), block.Element("keyY"), block.Element("viewKey")),
            block.Boolean("isNew"), Contents(block.Object("old")), Contents(block.Object("new")), block.Elements("path", 3 * Depth.Account),
            block.Integer("payment", 0, (1L << Width.Fee) - 1));
        block.Close();
        return result;
    }

    private static LeafContents Contents(StrictObject contents)
    {
        var version = (uint)contents.Integer("version", 0, (1L << Width.Version) - 1);
        var cash = (long)contents.BigInteger("cash", long.MinValue, long.MaxValue);
        Fr orderRoot = contents.Element("orderRoot");
        ImmutableArray<Position> positions = [.. contents.Objects("positions", 0, Bound.Positions).Select(Position)];
        contents.Close();
        try
        {
            return new LeafContents(version, cash, orderRoot, positions);
        }
        catch (ArgumentException)
        {
            // Ids and sizes are in range by now.
            throw contents.Error("positions", "must ascend strictly in instrument and have no size 0");
        }
    }

    private static Position Position(StrictObject position)
    {
        var result = new Position(
            (int)position.Integer("instrument", 1, MaxInstrument), position.Integer("size", -LeafContents.MaxPositionSize, LeafContents.MaxPositionSize));
        position.Close();
        return result;
    }

    private static SealedRow Row(StrictObject row, int blocks)
    {
        var kind = (RowKind)row.Integer("kind", 1, (1 << Width.RowKind) - 1);
        if (!Enum.IsDefined(kind)) throw row.Error("kind", $"is {(int)kind}, which is no row");
        var request = new SignedRequest(
            kind, (byte)row.Integer("flags", 0, (1 << Width.OrderFlags) - 1), row.Boolean("isSell"),
            (int)row.Integer("instrument", 0, MaxInstrument), (int)row.Integer("account", 0, MaxAccount), (byte)row.Integer("slot", 0, (1 << Width.Slot) - 1),
            row.Integer("size", 0, (1L << Width.Fill) - 1), row.Integer("limit", 0, (1L << Width.Price) - 1),
            (int)row.Integer("feeRate", 0, (1L << Width.FeeRate) - 1), row.Integer("expiry", 0, MaxTime), row.Integer("nonce", 1, (1L << Width.Nonce) - 1));
        var result = new SealedRow(
            request, row.Element("r8x"), row.Element("r8y"), row.Element("s"), (int)row.Integer("block", 0, blocks - 1),
            row.Integer("fill", 0, (1L << Width.Fill) - 1), row.BigInteger("quote", 0, (Int128.One << Width.Quote) - 1), row.Integer("fee", 0, (1L << Width.Fee) - 1),
            new OrderSlot(row.Integer("oldNonce", 0, (1L << Width.Nonce) - 1), row.Integer("oldFilled", 0, OrderSlot.MaxFilled)),
            row.Elements("slotPath", 3 * Depth.OrderSlots));
        row.Close();
        return result;
    }

    private static SealedForcedRow Forced(StrictObject row, int blocks)
    {
        const long MaxSize = LeafContents.MaxPositionSize;
        var kind = (ForcedKind)row.Integer("kind", 1, (int)ForcedKind.Conversion);
        var result = new SealedForcedRow(
            kind, (int)row.Integer("block", 0, blocks - 1), (int?)row.IntegerOrNull("counterBlock", 0, blocks - 1), (int)row.Integer("instrument", 1, MaxInstrument),
            row.Integer("oldSize", -MaxSize, MaxSize), row.Integer("counterOldSize", -MaxSize, MaxSize), row.Integer("fill", 1, MaxSize),
            row.BigInteger("quote", 0, (Int128.One << Width.Quote) - 1), row.Integer("fee", 0, (1L << Width.Fee) - 1), row.Boolean("closing"));
        row.Close();
        return result;
    }
}

/// <summary>A JSON object all of whose properties must be taken, each in its own form. Errors carry the path from the document's root.</summary>
internal sealed class StrictObject
{
    private readonly JsonElement element;
    private readonly string path;
    private readonly HashSet<string> taken = [];

    public StrictObject(JsonElement element, string path)
    {
        (this.element, this.path) = (element, path);
        if (element.ValueKind != JsonValueKind.Object) throw Error("must be an object");
    }

    public JsonElement Take(string name)
    {
        taken.Add(name);
        return element.TryGetProperty(name, out JsonElement value) ? value : throw Error(name, "is missing");
    }

    /// <summary>Refuses properties that were not taken.</summary>
    public void Close()
    {
        foreach (JsonProperty property in element.EnumerateObject())
            if (!taken.Contains(property.Name))
                throw Error(property.Name.Length > 40 ? property.Name[..40] + "..." : property.Name, "is not a known field");
    }

    public string Text(string name) => AsText(Take(name), At(name));

    public bool Boolean(string name) => Take(name) switch
    {
        { ValueKind: JsonValueKind.True } => true,
        { ValueKind: JsonValueKind.False } => false,
        _ => throw Error(name, "must be true or false"),
    };

    public long Integer(string name, long least, long most) => AsInteger(Take(name), At(name), least, most);

    public long? IntegerOrNull(string name, long least, long most) =>
        Take(name) is { ValueKind: JsonValueKind.Null } ? null : Integer(name, least, most);

    public ImmutableArray<long> Integers(string name, int count, long least, long most) =>
        [.. Items(name, count, count).Select((item, i) => AsInteger(item, $"{At(name)}[{i}]", least, most))];

    /// <summary>An integer in a decimal string.</summary>
    public Int128 BigInteger(string name, Int128 least, Int128 most) =>
        Int128.TryParse(Text(name), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out Int128 value) && value >= least && value <= most
            ? value : throw Error(name, $"must be a string with an integer from {least} to {most}");

    public Fr Element(string name) => AsElement(Take(name), At(name));

    public ImmutableArray<Fr> Elements(string name, int count) => [.. Items(name, count, count).Select((item, i) => AsElement(item, $"{At(name)}[{i}]"))];

    public Address Address(string name) =>
        Protocol.Address.TryParse(Text(name), out Address address) ? address : throw Error(name, "must be 0x and 40 hexadecimal digits");

    public ImmutableArray<byte> Bytes(string name, int most)
    {
        string text = Text(name);
        if (text.Length > 2 + 2 * most) throw Error(name, $"has more than {most} bytes");
        try
        {
            if (text.StartsWith("0x", StringComparison.Ordinal)) return [.. Convert.FromHexString(text.AsSpan(2))];
        }
        catch (FormatException)
        {
            // The error below says what is expected.
        }

        throw Error(name, "must be 0x and an even number of hexadecimal digits");
    }

    public StrictObject Object(string name) => new(Take(name), At(name));

    public StrictObject[] Objects(string name, int least, int most) => [.. Items(name, least, most).Select((item, i) => new StrictObject(item, $"{At(name)}[{i}]"))];

    public SealedBatchFormatException Error(string name, string problem) => ErrorAt(At(name), problem);

    public SealedBatchFormatException Error(string problem) => ErrorAt(path.Length == 0 ? "the document" : path, problem);

    private static SealedBatchFormatException ErrorAt(string path, string problem) => new($"{path} {problem}.");

    private string At(string name) => path.Length == 0 ? name : $"{path}.{name}";

    private JsonElement[] Items(string name, int least, int most)
    {
        JsonElement array = Take(name);
        if (array.ValueKind != JsonValueKind.Array || array.GetArrayLength() < least || array.GetArrayLength() > most)
            throw Error(name, least == most ? $"must be an array of {least} items" : $"must be an array of {least} to {most} items");
        return [.. array.EnumerateArray()];
    }

    private static string AsText(JsonElement value, string path) =>
        value.ValueKind == JsonValueKind.String ? value.GetString()! : throw ErrorAt(path, "must be a string");

    private static long AsInteger(JsonElement value, string path, long least, long most) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out long number) && number >= least && number <= most
            ? number : throw ErrorAt(path, $"must be an integer from {least} to {most}");

    private static Fr AsElement(JsonElement value, string path)
    {
        string text = AsText(value, path);
        return text.StartsWith("0x", StringComparison.Ordinal) && Fr.TryParse(text, out Fr element)
            ? element : throw ErrorAt(path, "must be 0x and 64 hexadecimal digits of a number below r");
    }
}
