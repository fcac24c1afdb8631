using System.Net.WebSockets;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Rollup.MarketData;
using Rollup.Oracle;
using Rollup.Sequencer.Configuration;

namespace Rollup.Sequencer.Oracle;

/// <summary>
/// Follows an exchange's public combined stream. When the connection ends, is silent, or brings something that cannot be read, it connects anew, after a pause that
/// doubles with each failure. Prices of an earlier connection are given until they are too old; then there are none.
/// </summary>
/// <param name="markets">Names of the markets as the exchange writes them.</param>
/// <param name="maxAge">Milliseconds without a message after which there are no prices.</param>
internal sealed class ExchangeFeed(ExchangeConfig config, IReadOnlyCollection<string> markets, int maxAge, TimeProvider clock, ILogger log) : BackgroundService, IPriceFeed
{
    private const int MaxSnapshotBytes = 4 << 20;
    private const int Unit = 1_000_000;
    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(10);

    private readonly Lock gate = new();
    private readonly HttpClient http = new() { Timeout = RequestTimeout, MaxResponseContentBufferSize = MaxSnapshotBytes };
    private LiveMarkets? session;
    private long lastMessage;
    private Observation? last;
    private string problem = "not connected yet";

    /// <summary>Connections made since the start.</summary>
    internal int Connections { get; private set; }

    /// <summary>Gaps found in the present connection's changes of books.</summary>
    internal int Gaps
    {
        get
        {
            lock (gate) return session?.Gaps ?? 0;
        }
    }

    public string Problem => $"the exchange's feed has no prices: {Volatile.Read(ref problem)}";

    public Observation? Observe(long now)
    {
        lock (gate)
        {
            // After a new connection the old prices stand until there is one of each market.
            if (session is not null && (last is null || last.At < lastMessage) && markets.All(m => session.Top(m) is not null))
                last = new Observation(lastMessage, markets.ToDictionary(m => m, m => PriceOf(session.Top(m)!.Value)));
            return last is not null && now - last.At <= maxAge ? last : null;
        }
    }

    public override void Dispose()
    {
        http.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        for (int failures = 0; !stoppingToken.IsCancellationRequested;)
        {
            bool hadPrices = false;
            try
            {
                await FollowAsync(() => hadPrices = true, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception error) when (error is WebSocketException or FormatException or OperationCanceledException or IOException)
            {
                Volatile.Write(ref problem, error is OperationCanceledException ? $"no message for {config.IdleMilliseconds} ms" : error.Message);
                log.LogWarning("The connection to the exchange ended: {Problem}", problem);
            }

            failures = hadPrices ? 0 : Math.Min(failures + 1, 20);
            long pause = Math.Min(config.MaxPauseMilliseconds, (long)config.MinPauseMilliseconds << failures);
            // Many clients of one exchange shall not come back in the same moment.
            await Task.Delay(TimeSpan.FromMilliseconds(pause / 2 + Random.Shared.NextInt64(pause / 2 + 1)), clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task FollowAsync(Action gavePrices, CancellationToken stopping)
    {
        using var socket = new ClientWebSocket();
        using (var timeout = CancellationTokenSource.CreateLinkedTokenSource(stopping))
        {
            timeout.CancelAfter(RequestTimeout);
            await socket.ConnectAsync(config.Stream, timeout.Token);
        }

        Connections++;
        log.LogInformation("Connected to the exchange at {Host}", config.Stream.Host);
        var live = new LiveMarkets(markets);
        var buffer = new byte[config.MaxMessageBytes];
        var snapshots = new SnapshotPause(config);
        while (true)
        {
            int length = await ReceiveAsync(socket, buffer, stopping);
            lock (gate)
            {
                live.Apply(buffer.AsSpan(0, length));
                (session, lastMessage) = (live, clock.GetUtcNow().ToUnixTimeMilliseconds());
            }

            if (markets.All(m => live.Top(m) is not null)) gavePrices();
            if (config.Snapshot is not null && live.WithoutSnapshot is { Count: > 0 } waiting && snapshots.IsOver(clock)) await TakeSnapshotsAsync(live, waiting, snapshots, stopping);
        }
    }

    private async Task<int> ReceiveAsync(ClientWebSocket socket, byte[] buffer, CancellationToken stopping)
    {
        using var idle = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        idle.CancelAfter(config.IdleMilliseconds);
        for (int length = 0; ;)
        {
            if (length == buffer.Length) throw new FormatException($"a message exceeds {buffer.Length} bytes");
            ValueWebSocketReceiveResult part = await socket.ReceiveAsync(buffer.AsMemory(length), idle.Token);
            if (part.MessageType == WebSocketMessageType.Close) throw new IOException("the exchange closed it");
            length += part.Count;
            if (part.EndOfMessage) return length;
        }
    }

    // In line with the messages: those that come meanwhile wait in the connection, and are dropped if the snapshot covers them.
    private async Task TakeSnapshotsAsync(LiveMarkets live, IReadOnlyList<string> waiting, SnapshotPause pause, CancellationToken stopping)
    {
        bool isComplete = true;
        foreach (string market in waiting)
        {
            try
            {
                byte[] json = await http.GetByteArrayAsync(config.Snapshot!.Replace("{market}", market, StringComparison.Ordinal), stopping);
                lock (gate) live.Snapshot(market, json);
                isComplete &= !live.WithoutSnapshot.Contains(market);
            }
            catch (Exception error) when (error is HttpRequestException or FormatException || (error is OperationCanceledException && !stopping.IsCancellationRequested))
            {
                log.LogWarning("No snapshot of {Market}: {Problem}", market, error.Message);
                isComplete = false;
            }
        }

        pause.Begin(clock, isComplete);
    }

    private MarketPrice PriceOf(LiveTop top)
    {
        long index = top.Middle;
        bool isWide = (Int128)top.HalfSpread * Unit > (Int128)index * config.LowConfidencePpm;
        return new MarketPrice(index, index, top.HalfSpread, isWide ? OracleState.LowConfidence : OracleState.Fresh, top.Depth);
    }

    /// <summary>Snapshots are asked for again after the least pause, doubled with each failure.</summary>
    private sealed class SnapshotPause(ExchangeConfig config)
    {
        private int failures;
        private long next;

        internal bool IsOver(TimeProvider clock) => clock.GetUtcNow().ToUnixTimeMilliseconds() >= next;

        internal void Begin(TimeProvider clock, bool succeeded)
        {
            failures = succeeded ? 0 : Math.Min(failures + 1, 20);
            next = clock.GetUtcNow().ToUnixTimeMilliseconds() + Math.Min(config.MaxPauseMilliseconds, (long)config.MinPauseMilliseconds << failures);
        }
    }
}
