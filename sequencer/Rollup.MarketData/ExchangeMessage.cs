using System.Text.Json;

namespace Rollup.MarketData;

/// <summary>
/// One message of an exchange's combined WebSocket stream, <c>{"stream":"btcusdt@depth","data":{...}}</c>, or a REST snapshot of a book. Streams
/// <c>@depth</c>, <c>@bookTicker</c> and <c>@trade</c> carry something; of others only the market is known.
/// </summary>
internal sealed record ExchangeMessage(
    string? Market = null, BookChange? Change = null, BookChange? Snapshot = null, MarketLevel? Trade = null, bool IsSell = false, (MarketLevel Bid, MarketLevel Ask)? Ticker = null)
{
    private const int PriceDecimals = 6;
    private const int QuantityDecimals = 8;

    /// <summary>Reads a message.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    internal static ExchangeMessage Parse(ReadOnlySpan<byte> json)
    {
        try
        {
            var reader = new Utf8JsonReader(json);
            ExchangeMessage message = ReadMessage(ref reader);
            return reader.Read() ? throw new JsonException("there is more behind the message") : message;
        }
        catch (Exception error) when (error is JsonException or FormatException or InvalidOperationException or OverflowException)
        {
            throw new FormatException($"the message cannot be read: {error.Message}", error);
        }
    }

    private static ExchangeMessage ReadMessage(ref Utf8JsonReader reader)
    {
        Expect(ref reader, JsonTokenType.StartObject);
        reader.Read();
        if (!reader.ValueTextEquals("stream"u8)) return ReadData(ref reader, "snapshot");
        reader.Read();
        string stream = reader.GetString()!;
        reader.Read();
        if (!reader.ValueTextEquals("data"u8)) throw new JsonException("\"data\" does not follow \"stream\"");
        Expect(ref reader, JsonTokenType.StartObject);
        reader.Read();
        int at = stream.IndexOf('@', StringComparison.Ordinal);
        ExchangeMessage item = ReadData(ref reader, at < 0 ? "" : stream[(at + 1)..].Split('@')[0]);
        Expect(ref reader, JsonTokenType.EndObject);
        return item;
    }

    // Stands on the first member's name; ends on the object's end.
    private static ExchangeMessage ReadData(ref Utf8JsonReader reader, string kind)
    {
        string? market = null;
        long first = 0, last = 0;
        long? before = null;
        bool isSell = false;
        List<MarketLevel> bids = [], asks = [];
        long bid = 0, bidSize = 0, ask = 0, askSize = 0, price = 0, quantity = 0;
        for (; reader.TokenType == JsonTokenType.PropertyName; reader.Read())
        {
            string name = reader.GetString()!;
            reader.Read();
            switch (kind, name)
            {
                case (_, "s"): market = reader.GetString(); break;
                case ("depth", "U"): first = reader.GetInt64(); break;
                case ("depth", "u"): last = reader.GetInt64(); break;
                case ("depth", "pu"): before = reader.GetInt64(); break;
                case ("depth", "b") or ("snapshot", "bids"): bids = ReadLevels(ref reader); break;
                case ("depth", "a") or ("snapshot", "asks"): asks = ReadLevels(ref reader); break;
                case ("snapshot", "lastUpdateId"): last = reader.GetInt64(); break;
                case ("bookTicker", "b"): bid = ReadDecimal(ref reader, PriceDecimals); break;
                case ("bookTicker", "B"): bidSize = ReadDecimal(ref reader, QuantityDecimals); break;
                case ("bookTicker", "a"): ask = ReadDecimal(ref reader, PriceDecimals); break;
                case ("bookTicker", "A"): askSize = ReadDecimal(ref reader, QuantityDecimals); break;
                case ("trade", "p"): price = ReadDecimal(ref reader, PriceDecimals); break;
                case ("trade", "q"): quantity = ReadDecimal(ref reader, QuantityDecimals); break;
                case ("trade", "m"): isSell = reader.GetBoolean(); break;
                default: reader.Skip(); break;
            }
        }

        if (reader.TokenType != JsonTokenType.EndObject) throw new JsonException("the object does not end");
        if (market is null && kind is "depth" or "bookTicker" or "trade") throw new JsonException("the market \"s\" is missing");
        return kind switch
        {
            "depth" when last > 0 => new ExchangeMessage(market, Change: new BookChange(first, last, before, bids, asks)),
            "snapshot" when last > 0 => new ExchangeMessage(Snapshot: new BookChange(last, last, null, bids, asks)),
            "trade" when price > 0 && quantity > 0 => new ExchangeMessage(market, Trade: new MarketLevel(price, quantity), IsSell: isSell),
            "bookTicker" when bid > 0 && ask > 0 => new ExchangeMessage(market, Ticker: (new MarketLevel(bid, bidSize), new MarketLevel(ask, askSize))),
            "depth" or "snapshot" or "trade" or "bookTicker" => throw new JsonException($"a {kind} message lacks its numbers"),
            _ => new ExchangeMessage(market),
        };
    }

    private static List<MarketLevel> ReadLevels(ref Utf8JsonReader reader)
    {
        var levels = new List<MarketLevel>();
        if (reader.TokenType != JsonTokenType.StartArray) throw new JsonException("levels are an array");
        while (reader.Read() && reader.TokenType == JsonTokenType.StartArray)
        {
            reader.Read();
            long price = ReadDecimal(ref reader, PriceDecimals);
            if (price == 0) throw new JsonException("a level's price is 0");
            reader.Read();
            levels.Add(new MarketLevel(price, ReadDecimal(ref reader, QuantityDecimals)));
            Expect(ref reader, JsonTokenType.EndArray);
        }

        return levels;
    }

    // Bounds that keep every sum over a book within 128 bits.
    private static long ReadDecimal(ref Utf8JsonReader reader, int decimals)
    {
        if (reader.TokenType != JsonTokenType.String) throw new JsonException("a price or quantity is text");
        long value = FixedPoint.Parse(reader.GetString()!, decimals);
        return value < (decimals == PriceDecimals ? 1L << 50 : 1L << 60) ? value : throw new JsonException("a price or quantity is too large");
    }

    private static void Expect(ref Utf8JsonReader reader, JsonTokenType token)
    {
        if (!reader.Read() || reader.TokenType != token) throw new JsonException($"{token} expected");
    }
}
