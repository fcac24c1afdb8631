using System.Net.WebSockets;
using System.Text;
using Rollup.Api;
using Rollup.Client.Sequencer;
using Rollup.Protocol;
using Rollup.Sequencer.Configuration;

namespace Rollup.Sequencer.Tests;

public sealed class StreamTests : IAsyncLifetime
{
    private const long Cash = 1_000_000_000_000;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private readonly Trader maker = new(2), taker = new(3);
    private HostHarness host = null!;

    public async Task InitializeAsync()
    {
        host = await HostHarness.StartAsync(new LimitConfig(StreamConnections: 3));
        await host.RegisterAsync(Cash, maker, taker);
    }

    public async Task DisposeAsync() => await host.DisposeAsync();

    [Fact]
    public async Task Subscribers_are_told_of_book_trades_batches_and_own_fills()
    {
        using StreamClient stream = await StreamClient.ConnectAsync(host.Endpoint);
        await using IAsyncEnumerator<StreamEvent> events = stream.ReadAsync().GetAsyncEnumerator();
        await stream.SubscribeTradesAsync(TestConfig.Btc);
        await stream.SubscribeBatchesAsync();
        await stream.SubscribeFillsAsync(maker.Account, maker.Keys, Trader.Signer, HostHarness.Now);
        foreach (StreamEventType type in new[] { StreamEventType.Subscribed, StreamEventType.Subscribed, StreamEventType.Authenticated, StreamEventType.Subscribed })
            Assert.Equal(type, (await Next(events)).Type);

        await host.Client.PlaceAsync(maker.Order(TestConfig.Btc, Side.Sell, 30, TestConfig.BtcPrice, slot: 5));
        await host.Client.PlaceAsync(maker.Order(TestConfig.Eth, Side.Sell, 30, TestConfig.EthPrice, slot: 6));
        await host.Client.PlaceAsync(taker.Order(TestConfig.Eth, Side.Buy, 2, TestConfig.EthPrice, slot: 1)); // Its trade is not subscribed to, the maker's fill is.
        await host.Client.PlaceAsync(taker.Order(TestConfig.Btc, Side.Buy, 20, TestConfig.BtcPrice, slot: 9));
        await host.Client.SealAsync(HostHarness.OperatorToken);

        var trades = new List<TradeView>();
        var fills = new List<FillView>();
        var batches = new List<BatchView>();
        while (batches.Count < 2)
        {
            StreamEvent e = await Next(events);
            trades.AddRange(e.Trades ?? []);
            fills.AddRange(e.Fills ?? []);
            if (e.Batch is { } batch) batches.Add(batch);
        }

        Assert.Equal((2, TestConfig.Btc, 20), (Assert.Single(trades).Trade, trades[0].Instrument, trades[0].Size));
        Assert.Equal([(FillRole.Maker, TestConfig.Eth, 2L, 28L), (FillRole.Maker, TestConfig.Btc, 20L, 10L)], fills.Select(f => (f.Role, f.Instrument, f.Size, f.Remaining)));
        Assert.Equal([(1u, BatchStage.Sealed), (2u, BatchStage.Accepted)], batches.Select(b => (b.Batch, b.Stage)));
    }

    [Fact]
    public async Task A_book_comes_whole_at_once_and_after_each_change()
    {
        await host.Client.PlaceAsync(maker.Order(TestConfig.Btc, Side.Sell, 30, TestConfig.BtcPrice, slot: 5));
        using StreamClient stream = await StreamClient.ConnectAsync(host.Endpoint);
        await using IAsyncEnumerator<StreamEvent> events = stream.ReadAsync().GetAsyncEnumerator();
        await stream.SubscribeBookAsync(TestConfig.Btc);
        Assert.Equal(StreamEventType.Subscribed, (await Next(events)).Type);
        Assert.Equal([new LevelView(TestConfig.BtcPrice, 30)], (await Next(events)).Book!.Asks);
        await host.Client.PlaceAsync(taker.Order(TestConfig.Btc, Side.Buy, 4, TestConfig.BtcPrice));
        Assert.Equal([new LevelView(TestConfig.BtcPrice, 26)], (await Next(events)).Book!.Asks);

        await stream.SendAsync(new StreamMessage(StreamOperation.Unsubscribe, StreamChannel.Book, TestConfig.Btc));
        Assert.Equal(StreamEventType.Unsubscribed, (await Next(events)).Type);
        await host.Client.CancelAsync(maker.Cancel(5));
        await stream.SubscribeBatchesAsync();
        Assert.Equal(StreamEventType.Subscribed, (await Next(events)).Type);
    }

    [Fact]
    public async Task Fills_of_another_account_are_not_shown()
    {
        using StreamClient stream = await StreamClient.ConnectAsync(host.Endpoint);
        await using IAsyncEnumerator<StreamEvent> events = stream.ReadAsync().GetAsyncEnumerator();
        await stream.SendAsync(new StreamMessage(StreamOperation.Subscribe, StreamChannel.Fills, Account: maker.Account));
        Assert.Equal((int)HostCode.Unauthorized, (await Next(events)).Error!.Code);
        await stream.SendAsync(new StreamMessage(StreamOperation.Subscribe, StreamChannel.AccountEvents, Account: maker.Account));
        Assert.Equal((int)HostCode.Unauthorized, (await Next(events)).Error!.Code);
        await stream.SubscribeFillsAsync(maker.Account, taker.Keys, Trader.Signer, HostHarness.Now);
        Assert.Equal((int)HostCode.Unauthorized, (await Next(events)).Error!.Code);
        Assert.Equal((int)HostCode.Unauthorized, (await Next(events)).Error!.Code);
        await stream.SubscribeFillsAsync(maker.Account, maker.Keys, Trader.Signer, HostHarness.Now - 60_000);
        Assert.Equal((int)HostCode.Unauthorized, (await Next(events)).Error!.Code);
    }

    [Theory]
    [InlineData("{", RejectCode.Malformed)]
    [InlineData("{\"op\":\"subscribe\"}", RejectCode.Malformed)]
    [InlineData("{\"op\":\"subscribe\",\"channel\":\"book\"}", RejectCode.Malformed)]
    [InlineData("{\"op\":\"subscribe\",\"channel\":\"book\",\"instrument\":1,\"more\":1}", RejectCode.Malformed)]
    [InlineData("{\"op\":\"shout\"}", RejectCode.Malformed)]
    [InlineData("{\"op\":\"authenticate\",\"account\":2}", RejectCode.Malformed)]
    [InlineData("{\"op\":\"subscribe\",\"channel\":\"book\",\"instrument\":9}", RejectCode.UnknownInstrument)]
    public async Task A_malformed_message_is_answered_with_its_code_and_the_stream_goes_on(string message, RejectCode code)
    {
        using ClientWebSocket socket = await ConnectAsync();
        await socket.SendAsync(Encoding.UTF8.GetBytes(message), WebSocketMessageType.Text, true, default);
        Assert.Contains($"\"code\":{(int)code},", await ReceiveAsync(socket), StringComparison.Ordinal);
        await socket.SendAsync("{\"op\":\"subscribe\",\"channel\":\"batches\"}"u8.ToArray(), WebSocketMessageType.Text, true, default);
        Assert.Contains("subscribed", await ReceiveAsync(socket), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_message_that_is_too_long_ends_the_stream()
    {
        using ClientWebSocket socket = await ConnectAsync();
        await socket.SendAsync(new byte[2000], WebSocketMessageType.Text, true, default);
        await socket.ReceiveAsync(new byte[100], default).WaitAsync(Patience);
        Assert.Equal(WebSocketCloseStatus.MessageTooBig, socket.CloseStatus);
    }

    [Fact]
    public async Task Too_many_messages_are_refused()
    {
        using ClientWebSocket socket = await ConnectAsync();
        var refused = 0;
        for (int i = 0; i < 60; i++)
        {
            await socket.SendAsync("{\"op\":\"subscribe\",\"channel\":\"batches\"}"u8.ToArray(), WebSocketMessageType.Text, true, default);
            if ((await ReceiveAsync(socket)).Contains("rateLimited", StringComparison.Ordinal)) refused++;
        }

        Assert.InRange(refused, 1, 59);
    }

    [Fact]
    public async Task Connections_are_limited_and_a_closed_one_makes_room()
    {
        var sockets = new List<ClientWebSocket>();
        for (int i = 0; i < 3; i++) sockets.Add(await ConnectAsync());
        await Assert.ThrowsAsync<WebSocketException>(ConnectAsync);
        await sockets[0].CloseAsync(WebSocketCloseStatus.NormalClosure, null, default);
        await HostHarness.UntilAsync(async () =>
        {
            try
            {
                sockets.Add(await ConnectAsync());
                return true;
            }
            catch (WebSocketException)
            {
                return false;
            }
        });
        foreach (ClientWebSocket socket in sockets) socket.Dispose();
    }

    private async Task<ClientWebSocket> ConnectAsync()
    {
        var socket = new ClientWebSocket();
        await socket.ConnectAsync(new UriBuilder(host.Endpoint) { Scheme = "ws", Path = "v1/stream" }.Uri, default);
        return socket;
    }

    private static async Task<string> ReceiveAsync(ClientWebSocket socket)
    {
        var buffer = new byte[4096];
        WebSocketReceiveResult received = await socket.ReceiveAsync(buffer, default).WaitAsync(Patience);
        return Encoding.UTF8.GetString(buffer, 0, received.Count);
    }

    private static async Task<StreamEvent> Next(IAsyncEnumerator<StreamEvent> events)
    {
        Assert.True(await events.MoveNextAsync().AsTask().WaitAsync(Patience));
        return events.Current;
    }
}
