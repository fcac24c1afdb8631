using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using Rollup.Api;
using Rollup.Client.Keys;
using Rollup.Client.Sequencer;

namespace Rollup.Client.Tests;

public sealed class StreamClientTests : IAsyncLifetime
{
    private static readonly StreamEvent Trades = new(StreamEventType.Trades, StreamChannel.Trades, Instrument: 2, Trades: [new TradeView(81, 82, 83, 2, Side.Buy, 85, 86)]);
    private FakeSequencer fake = null!;

    public async Task InitializeAsync() => fake = await FakeSequencer.StartAsync();

    public async Task DisposeAsync() => await fake.DisposeAsync();

    [Fact]
    public async Task Subscriptions_are_sent_and_events_come_whole()
    {
        using TraderKeys keys = Sample.Keys();
        var received = new List<StreamMessage>();
        fake.OnStream = async socket =>
        {
            for (int i = 0; i < 5; i++) received.Add(JsonSerializer.Deserialize(await ReceiveAsync(socket), ApiJson.Default.StreamMessage)!);
            byte[] trades = JsonSerializer.SerializeToUtf8Bytes(Trades, ApiJson.Default.StreamEvent);
            await socket.SendAsync(trades.AsMemory(0, 20), WebSocketMessageType.Text, false, default);
            await socket.SendAsync(trades.AsMemory(20), WebSocketMessageType.Text, true, default);
            // Longer than the reader's first buffer, with a member that only a newer sequencer knows.
            await SendAsync(socket, $"{{\"type\":\"batch\",\"batch\":{JsonSerializer.Serialize(Sample.Batch, ApiJson.Default.BatchView)},\"note\":\"{new string('n', 100_000)}\"}}");
            await socket.CloseAsync(WebSocketCloseStatus.EndpointUnavailable, "ends", default);
        };
        using StreamClient stream = await StreamClient.ConnectAsync(fake.Endpoint);
        await stream.SubscribeBookAsync(2);
        await stream.SubscribeTradesAsync(3);
        await stream.SubscribeBatchesAsync();
        await stream.SubscribeFillsAsync(4, keys, Sample.Signer, 1_723_161_256_005);
        List<StreamEvent> events = await AllAsync(stream);

        Assert.Equal([(StreamEventType.Trades, 2), (StreamEventType.Batch, null)], events.Select(e => (e.Type, e.Instrument)));
        Assert.Equal(Trades.Trades!.Single(), Assert.Single(events[0].Trades!));
        Assert.Equal(Sample.Batch, events[1].Batch);
        Assert.Equal(
            [
                new StreamMessage(StreamOperation.Subscribe, StreamChannel.Book, 2), new StreamMessage(StreamOperation.Subscribe, StreamChannel.Trades, 3),
                new StreamMessage(StreamOperation.Subscribe, StreamChannel.Batches),
                new StreamMessage(StreamOperation.Authenticate, Account: 4, Time: 1_723_161_256_005, Signature: Sample.Signer.SignAccess(4, 1_723_161_256_005, keys)),
                new StreamMessage(StreamOperation.Subscribe, StreamChannel.Fills, Account: 4),
            ], received);
    }

    [Theory]
    [InlineData("{\"type\":\"trades\"", "not the sequencer's API")]
    [InlineData("null", "not the sequencer's API")]
    [InlineData("{\"type\":\"gossip\"}", "not the sequencer's API")]
    [InlineData("{}", "not the sequencer's API")]
    public async Task Something_else_than_the_api_is_named_after_what_came_before(string message, string expected)
    {
        fake.OnStream = async socket =>
        {
            await SendAsync(socket, JsonSerializer.Serialize(Trades, ApiJson.Default.StreamEvent));
            await SendAsync(socket, message);
            await ReceiveAsync(socket);
        };
        using StreamClient stream = await StreamClient.ConnectAsync(fake.Endpoint);
        await using IAsyncEnumerator<StreamEvent> events = stream.ReadAsync().GetAsyncEnumerator();
        Assert.True(await events.MoveNextAsync());
        Assert.Equal(StreamEventType.Trades, events.Current.Type);
        Assert.Contains(expected, (await Assert.ThrowsAsync<SequencerUnreachableException>(async () => await events.MoveNextAsync())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_flood_is_cut_off()
    {
        fake.OnStream = async socket =>
        {
            await SendAsync(socket, new string(' ', (4 << 20) + 1));
            await ReceiveAsync(socket);
        };
        using StreamClient stream = await StreamClient.ConnectAsync(fake.Endpoint);
        Assert.Contains($"more than {4 << 20} bytes", (await Assert.ThrowsAsync<SequencerUnreachableException>(() => AllAsync(stream))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_broken_stream_is_named_and_a_new_one_can_be_opened()
    {
        int connections = 0;
        fake.OnStream = async socket =>
        {
            await SendAsync(socket, JsonSerializer.Serialize(Trades with { Instrument = ++connections }, ApiJson.Default.StreamEvent));
            await ReceiveAsync(socket); // A break before the client has read the answer would drop it.
            if (connections < 3) socket.Abort();
            else await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, default);
        };
        for (int attempt = 1; attempt < 3; attempt++)
        {
            using StreamClient broken = await StreamClient.ConnectAsync(fake.Endpoint);
            await using IAsyncEnumerator<StreamEvent> events = broken.ReadAsync().GetAsyncEnumerator();
            Assert.True(await events.MoveNextAsync());
            Assert.Equal(attempt, events.Current.Instrument);
            await broken.SubscribeBatchesAsync();
            Assert.Contains("broke", (await Assert.ThrowsAsync<SequencerUnreachableException>(async () => await events.MoveNextAsync())).Message, StringComparison.Ordinal);
        }

        using StreamClient stream = await StreamClient.ConnectAsync(fake.Endpoint);
        await stream.SubscribeBatchesAsync();
        Assert.Equal(3, Assert.Single(await AllAsync(stream)).Instrument);
    }

    [Fact]
    public async Task Where_no_stream_is_connecting_fails()
    {
        var refused = await Assert.ThrowsAsync<SequencerUnreachableException>(() => StreamClient.ConnectAsync(fake.Endpoint)); // 404
        Assert.Contains($"The stream of {fake.Endpoint} cannot be reached", refused.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<SequencerUnreachableException>(() => StreamClient.ConnectAsync(new Uri($"http://127.0.0.1:{SequencerClientTests.FreePort()}")));
    }

    [Fact]
    public async Task Reading_ends_when_the_caller_says_so()
    {
        fake.OnStream = ReceiveAsync;
        using StreamClient stream = await StreamClient.ConnectAsync(fake.Endpoint);
        using var patience = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => AllAsync(stream, patience.Token));
    }

    private static async Task<List<StreamEvent>> AllAsync(StreamClient stream, CancellationToken cancellation = default)
    {
        var events = new List<StreamEvent>();
        await foreach (StreamEvent e in stream.ReadAsync(cancellation)) events.Add(e);
        return events;
    }

    private static Task SendAsync(WebSocket socket, string text) => socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, true, default);

    /// <summary>The next message; empty once the client has gone.</summary>
    private static async Task<byte[]> ReceiveAsync(WebSocket socket)
    {
        var buffer = new byte[4096];
        try
        {
            WebSocketReceiveResult received = await socket.ReceiveAsync(buffer, default);
            return buffer[..received.Count];
        }
        catch (WebSocketException)
        {
            return [];
        }
    }
}
