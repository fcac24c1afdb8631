using System.Buffers.Text;
using System.IO.Compression;

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
            (long time, ExchangeMessage item) = Parse(line.Span, lines.Number);
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

    private (long Time, ExchangeMessage Item) Parse(ReadOnlySpan<byte> line, long number)
    {
        if (!Utf8Parser.TryParse(line, out long time, out int digits) || time <= 0 || digits == line.Length || line[digits] != ' ')
            throw new TapeException(path, number, "the line does not start with nanoseconds and a space");
        try
        {
            return (time, ExchangeMessage.Parse(line[(digits + 1)..]));
        }
        catch (FormatException error)
        {
            throw new TapeException(path, number, error.Message, error);
        }
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
