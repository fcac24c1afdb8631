using System.Buffers.Text;
using System.Collections.Immutable;
using System.IO.Compression;
using System.Text;
using System.Text.Json;

namespace Rollup.MarketData;

/// <summary>
/// Reads a recorded exchange WebSocket session: gzip, a line an event, <c>nanoseconds json</c>. Streams <c>@depth</c>,
/// <c>@bookTicker</c> and <c>@trade</c> give events; a line without a stream is a REST snapshot of the book; other streams are passed over.
/// </summary>
/// <param name="path">The file.</param>
/// <param name="depth">Levels of a <see cref="BookState"/>, a side.</param>
/// <param name="bookInterval">Books are given at most once in this many nanoseconds of the recording.</param>
public sealed class TapeReader(string path, int depth = 10, long bookInterval = 100_000_000) : IMarketSource
{
    /// <summary>A longer line is refused.</summary>
    public const int MaxLine = 4 << 20;

    private const int PriceDecimals = 6;
    private const int QuantityDecimals = 8;

    /// <exception cref="TapeException">The recording is damaged, while it is read.</exception>
    public IEnumerable<MarketEvent> Read(IProgress<double>? progress = null)
    {
        using FileStream file = File.OpenRead(path);
        using var stream = new GZipStream(file, CompressionMode.Decompress);
        using var lines = new LineReader(stream, path);
        var book = new RecordedBook();
        string? market = null;
        BookState? ticker = null;
        long nextBook = long.MinValue;
        while (lines.Next() is { } line)
        {
            if (lines.Number % 1000 == 0) progress?.Report((double)file.Position / file.Length);
            (long time, Item item) = Parse(line.Span, lines.Number);
            market ??= item.Market;
            string? problem = item switch
            {
                { Change: { } change } => book.Apply(change),
                { Snapshot: { } snapshot } => book.Snapshot(snapshot.Last, snapshot.Bids, snapshot.Asks),
                _ => null,
            };
            if (problem is not null) throw new TapeException(path, lines.Number, problem);
            if (item.Trade is { } trade)
            {
                yield return new MarketTrade(time, item.Market!, trade, item.IsSell);
                continue;
            }

            if (item.Ticker is { } top && market is not null) ticker = new BookState(time, market, [top.Bid], [top.Ask]);
            if (time < nextBook || market is null) continue;
            BookState? state = book.IsKnown ? new BookState(time, market, book.Bids(depth), book.Asks(depth)) : ticker is null ? null : ticker with { Time = time };
            if (state is null) continue;
            nextBook = time + bookInterval;
            yield return state;
        }

        progress?.Report(1);
    }

    private (long Time, Item Item) Parse(ReadOnlySpan<byte> line, long number)
    {
        if (!Utf8Parser.TryParse(line, out long time, out int digits) || time <= 0 || digits == line.Length || line[digits] != ' ')
            throw new TapeException(path, number, "the line does not start with nanoseconds and a space");
        try
        {
            var reader = new Utf8JsonReader(line[(digits + 1)..]);
            Item item = ReadMessage(ref reader);
            if (reader.Read()) throw new JsonException("there is more behind the message");
            return (time, item);
        }
        catch (Exception error) when (error is JsonException or FormatException or InvalidOperationException or OverflowException)
        {
            throw new TapeException(path, number, $"the message cannot be read: {error.Message}", error);
        }
    }

    private sealed record Item(string? Market = null, BookChange? Change = null, BookChange? Snapshot = null, MarketLevel? Trade = null, bool IsSell = false, (MarketLevel Bid, MarketLevel Ask)? Ticker = null);

    private static Item ReadMessage(ref Utf8JsonReader reader)
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
        Item item = ReadData(ref reader, at < 0 ? "" : stream[(at + 1)..].Split('@')[0]);
        Expect(ref reader, JsonTokenType.EndObject);
        return item;
    }

    // Stands on the first member's name; ends on the object's end.
    private static Item ReadData(ref Utf8JsonReader reader, string kind)
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
            "depth" when last > 0 => new Item(market, Change: new BookChange(first, last, before, bids, asks)),
            "snapshot" when last > 0 => new Item(Snapshot: new BookChange(last, last, null, bids, asks)),
            "trade" when price > 0 && quantity > 0 => new Item(market, Trade: new MarketLevel(price, quantity), IsSell: isSell),
            "bookTicker" when bid > 0 && ask > 0 => new Item(market, Ticker: (new MarketLevel(bid, bidSize), new MarketLevel(ask, askSize))),
            "depth" or "snapshot" or "trade" or "bookTicker" => throw new JsonException($"a {kind} message lacks its numbers"),
            _ => new Item(market),
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
            reader.Read();
            levels.Add(new MarketLevel(price, ReadDecimal(ref reader, QuantityDecimals)));
            Expect(ref reader, JsonTokenType.EndArray);
        }

        return levels;
    }

    private static long ReadDecimal(ref Utf8JsonReader reader, int decimals) =>
        reader.TokenType == JsonTokenType.String ? FixedPoint.Parse(reader.GetString()!, decimals) : throw new JsonException("a price or quantity is text");

    private static void Expect(ref Utf8JsonReader reader, JsonTokenType token)
    {
        if (!reader.Read() || reader.TokenType != token) throw new JsonException($"{token} expected");
    }

    /// <summary>Lines of a stream, none longer than <see cref="MaxLine"/>.</summary>
    private sealed class LineReader(Stream stream, string path) : IDisposable
    {
        private byte[] buffer = new byte[1 << 16];
        private int start, end;

        /// <summary>Number of the line given last, from 1.</summary>
        internal long Number { get; private set; }

        /// <summary>The next line without its end, valid until the next call; null at the end.</summary>
        internal ReadOnlyMemory<byte>? Next()
        {
            Number++;
            for (int searched = start; ;)
            {
                int found = buffer.AsSpan(searched, end - searched).IndexOf((byte)'\n');
                if (found >= 0)
                {
                    var line = buffer.AsMemory(start, searched + found - start);
                    start = searched + found + 1;
                    return line;
                }

                int held = end - start;
                searched = held;
                if (held >= MaxLine) throw new TapeException(path, Number, $"the line exceeds {MaxLine} bytes");
                if (end == buffer.Length || start > 0) Compact(held);
                searched = start + held;
                int read = Fill();
                if (read > 0) continue;
                if (held == 0) return null;
                start = end;
                return buffer.AsMemory(end - held, held);
            }
        }

        public void Dispose() => stream.Dispose();

        private void Compact(int held)
        {
            byte[] target = held > buffer.Length / 2 ? new byte[2 * buffer.Length] : buffer;
            buffer.AsSpan(start, held).CopyTo(target);
            (buffer, start, end) = (target, 0, held);
        }

        private int Fill()
        {
            try
            {
                int read = stream.Read(buffer.AsSpan(end));
                end += read;
                return read;
            }
            catch (Exception error) when (error is InvalidDataException or IOException)
            {
                throw new TapeException(path, Number, $"the compressed data is damaged or cut short: {error.Message}", error);
            }
        }
    }
}
