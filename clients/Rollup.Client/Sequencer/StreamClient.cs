using System.Net.WebSockets;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Rollup.Api;
using Rollup.Client.Keys;

namespace Rollup.Client.Sequencer;

/// <summary>The sequencer's stream of books, trades, batches, own fills and events, and events of the market. One reader; any number of senders.</summary>
public sealed class StreamClient : IDisposable
{
    private const int MaxMessage = 4 << 20;
    private readonly ClientWebSocket socket = new();
    private readonly SemaphoreSlim sending = new(1, 1);

    private StreamClient() { }

    /// <summary>Connects.</summary>
    /// <param name="endpoint">http or https URL of the sequencer.</param>
    /// <exception cref="SequencerUnreachableException"/>
    public static async Task<StreamClient> ConnectAsync(Uri endpoint, CancellationToken cancellation = default)
    {
        var client = new StreamClient();
        var address = new UriBuilder(new Uri(endpoint, "v1/stream")) { Scheme = endpoint.Scheme == "https" ? "wss" : "ws" };
        if (endpoint.IsLoopback) client.socket.Options.Proxy = null;
        try
        {
            await client.socket.ConnectAsync(address.Uri, cancellation);
            return client;
        }
        catch (WebSocketException error)
        {
            client.Dispose();
            throw new SequencerUnreachableException($"The stream of {endpoint} cannot be reached: {error.Message}", error);
        }
    }

    /// <summary>Asks for the best prices of a book, whole at each change.</summary>
    public Task SubscribeBookAsync(int instrument, CancellationToken cancellation = default) => SendAsync(new StreamMessage(StreamOperation.Subscribe, StreamChannel.Book, instrument), cancellation);

    public Task SubscribeTradesAsync(int instrument, CancellationToken cancellation = default) => SendAsync(new StreamMessage(StreamOperation.Subscribe, StreamChannel.Trades, instrument), cancellation);

    public Task SubscribeBatchesAsync(CancellationToken cancellation = default) => SendAsync(new StreamMessage(StreamOperation.Subscribe, StreamChannel.Batches), cancellation);

    /// <summary>Proves who reads, then asks for one's own fills.</summary>
    /// <param name="time">The present, Unix milliseconds.</param>
    public async Task SubscribeFillsAsync(int account, TraderKeys keys, MessageSigner signer, long time, CancellationToken cancellation = default)
    {
        await AuthenticateAsync(account, keys, signer, time, cancellation);
        await SendAsync(new StreamMessage(StreamOperation.Subscribe, StreamChannel.Fills, Account: account), cancellation);
    }

    /// <summary>Proves who reads, then asks for what happens to one's own account besides its requests.</summary>
    /// <param name="time">The present, Unix milliseconds.</param>
    public async Task SubscribeAccountEventsAsync(int account, TraderKeys keys, MessageSigner signer, long time, CancellationToken cancellation = default)
    {
        await AuthenticateAsync(account, keys, signer, time, cancellation);
        await SendAsync(new StreamMessage(StreamOperation.Subscribe, StreamChannel.AccountEvents, Account: account), cancellation);
    }

    public Task SubscribeMarketEventsAsync(CancellationToken cancellation = default) => SendAsync(new StreamMessage(StreamOperation.Subscribe, StreamChannel.MarketEvents), cancellation);

    /// <summary>Sends any message.</summary>
    public async Task SendAsync(StreamMessage message, CancellationToken cancellation = default)
    {
        await sending.WaitAsync(cancellation);
        try
        {
            await socket.SendAsync(JsonSerializer.SerializeToUtf8Bytes(message, ApiJson.Default.StreamMessage), WebSocketMessageType.Text, true, cancellation);
        }
        finally
        {
            sending.Release();
        }
    }

    /// <summary>All messages until the sequencer closes the stream.</summary>
    /// <exception cref="SequencerUnreachableException">The connection broke, or a message is too long or not of the API.</exception>
    public async IAsyncEnumerable<StreamEvent> ReadAsync([EnumeratorCancellation] CancellationToken cancellation = default)
    {
        var buffer = new byte[1 << 16];
        while (true)
        {
            int length = 0;
            ValueWebSocketReceiveResult received;
            do
            {
                if (length == buffer.Length) Array.Resize(ref buffer, length < MaxMessage ? 2 * length : throw new SequencerUnreachableException($"The stream sent a message of more than {MaxMessage} bytes."));
                received = await Receive(buffer.AsMemory(length), cancellation);
                length += received.Count;
            }
            while (!received.EndOfMessage);

            if (received.MessageType == WebSocketMessageType.Close) yield break;
            yield return Parse(buffer.AsSpan(0, length));
        }
    }

    public void Dispose()
    {
        socket.Dispose();
        sending.Dispose();
    }

    private Task AuthenticateAsync(int account, TraderKeys keys, MessageSigner signer, long time, CancellationToken cancellation) =>
        SendAsync(new StreamMessage(StreamOperation.Authenticate, Account: account, Time: time, Signature: signer.SignAccess(account, time, keys)), cancellation);

    private static StreamEvent Parse(ReadOnlySpan<byte> message)
    {
        try
        {
            return JsonSerializer.Deserialize(message, ApiJson.Lenient.StreamEvent) ?? throw new JsonException("It is null.");
        }
        catch (JsonException error)
        {
            throw new SequencerUnreachableException($"The stream sent something that is not the sequencer's API: {error.Message}", error);
        }
    }

    private async ValueTask<ValueWebSocketReceiveResult> Receive(Memory<byte> buffer, CancellationToken cancellation)
    {
        try
        {
            return await socket.ReceiveAsync(buffer, cancellation);
        }
        catch (WebSocketException error)
        {
            throw new SequencerUnreachableException($"The stream broke: {error.Message}", error);
        }
    }
}
