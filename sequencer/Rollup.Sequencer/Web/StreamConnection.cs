using System.Net.WebSockets;
using System.Text.Json;
using System.Threading.Channels;
using Rollup.Api;
using Rollup.Crypto;
using Rollup.Sequencer.Configuration;
using Rollup.Sequencer.Core;

namespace Rollup.Sequencer.Web;

/// <summary>One client of the stream.</summary>
internal sealed class StreamConnection(WebSocket socket, StreamHub hub, AccessControl access, SequencerConfig config, HostMetrics metrics, TimeProvider clock) : IDisposable
{
    /// <summary>Longest message of a client.</summary>
    internal const int MaxMessage = 1024;

    private const int MaxSubscriptions = 64;
    private const int MessagesPerSecond = 20;
    private static readonly TimeSpan SendTimeout = TimeSpan.FromSeconds(10);

    private readonly Channel<byte[]> queue = Channel.CreateBounded<byte[]>(new BoundedChannelOptions(config.Limits.StreamQueue) { SingleReader = true });
    private readonly HashSet<(StreamChannel Channel, int Key)> subscriptions = [];
    private readonly HashSet<int> accounts = [];
    private readonly TokenBucket budget = new(MessagesPerSecond, 2 * MessagesPerSecond, clock);
    private readonly CancellationTokenSource ended = new();

    /// <summary>Queues a message; a client whose queue is full is cut off.</summary>
    internal void Queue(byte[] message)
    {
        if (queue.Writer.TryWrite(message) || ended.IsCancellationRequested) return;
        metrics.StreamCutOff();
        ended.Cancel();
    }

    /// <summary>Serves the client until it leaves, breaks a rule, or the host stops.</summary>
    internal async Task RunAsync(CancellationToken cancellation)
    {
        metrics.StreamOpened();
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, ended.Token);
        Task sending = SendAsync(either.Token);
        try
        {
            await ReceiveAsync(either.Token);
        }
        catch (Exception error) when (error is OperationCanceledException or WebSocketException)
        {
            // The client left, was cut off, or the host stops: nothing more to say to it.
        }
        finally
        {
            foreach ((StreamChannel channel, int key) in subscriptions) hub.Unsubscribe(this, channel, key);
            await ended.CancelAsync();
            await sending;
            metrics.StreamClosed();
        }
    }

    public void Dispose() => ended.Dispose();

    private async Task ReceiveAsync(CancellationToken cancellation)
    {
        var buffer = new byte[MaxMessage];
        while (true)
        {
            int length = 0;
            ValueWebSocketReceiveResult received;
            do
            {
                if (length == buffer.Length)
                {
                    await socket.CloseAsync(WebSocketCloseStatus.MessageTooBig, $"A message has at most {MaxMessage} bytes.", cancellation);
                    return;
                }

                received = await socket.ReceiveAsync(buffer.AsMemory(length), cancellation);
                length += received.Count;
            }
            while (!received.EndOfMessage);

            if (received.MessageType == WebSocketMessageType.Close)
            {
                await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, cancellation);
                return;
            }

            Answer(budget.TryTake() ? Handle(buffer.AsSpan(0, length)) : Error(ApiError.Of(HostCode.RateLimited)));
        }
    }

    private async Task SendAsync(CancellationToken cancellation)
    {
        try
        {
            await foreach (byte[] message in queue.Reader.ReadAllAsync(cancellation))
            {
                using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
                timeout.CancelAfter(SendTimeout);
                await socket.SendAsync(message, WebSocketMessageType.Text, endOfMessage: true, timeout.Token);
            }
        }
        catch (Exception error) when (error is OperationCanceledException or WebSocketException)
        {
            // Ends the receiving side too.
            await ended.CancelAsync();
        }
    }

    private StreamEvent Handle(ReadOnlySpan<byte> json)
    {
        StreamMessage? message;
        try
        {
            message = JsonSerializer.Deserialize(json, ApiJson.Default.StreamMessage);
        }
        catch (JsonException error)
        {
            return Error(ApiError.Of(Protocol.RejectCode.Malformed, error.Message));
        }

        return message switch
        {
            { Op: StreamOperation.Authenticate } => Authenticate(message),
            { Op: StreamOperation.Subscribe, Channel: { } channel } when KeyOf(message) is { } key => Subscribe(message, channel, key),
            { Op: StreamOperation.Unsubscribe, Channel: { } channel } when KeyOf(message) is { } key => Unsubscribe(message, channel, key),
            _ => Error(ApiError.Of(Protocol.RejectCode.Malformed, "a subscription names a channel, and for book and trades an instrument, for fills and account events an account")),
        };
    }

    private StreamEvent Authenticate(StreamMessage message)
    {
        if (message is not { Account: { } account, Time: { } time, Signature: { } signature })
            return Error(ApiError.Of(Protocol.RejectCode.Malformed, "account, time and signature are needed"));
        if (access.Check(account, time, signature) is { } refusal) return Error(refusal);
        if (accounts.Count < MaxSubscriptions) accounts.Add(account);
        return new StreamEvent(StreamEventType.Authenticated, Account: account);
    }

    private StreamEvent Subscribe(StreamMessage message, StreamChannel channel, int key)
    {
        if (channel is StreamChannel.Book or StreamChannel.Trades && config.Instruments.All(t => t.Id != key)) return Error(ApiError.Of(Protocol.RejectCode.UnknownInstrument));
        if (channel is StreamChannel.Fills or StreamChannel.AccountEvents && !accounts.Contains(key) && !access.IsPublic(key)) return Error(ApiError.Of(HostCode.Unauthorized));
        if (subscriptions.Count >= MaxSubscriptions) return Error(ApiError.Of(HostCode.RateLimited, $"a connection has at most {MaxSubscriptions} subscriptions"));
        if (subscriptions.Add((channel, key))) hub.Subscribe(this, channel, key);
        return new StreamEvent(StreamEventType.Subscribed, channel, message.Instrument, message.Account);
    }

    private StreamEvent Unsubscribe(StreamMessage message, StreamChannel channel, int key)
    {
        if (subscriptions.Remove((channel, key))) hub.Unsubscribe(this, channel, key);
        return new StreamEvent(StreamEventType.Unsubscribed, channel, message.Instrument, message.Account);
    }

    private static int? KeyOf(StreamMessage message) => message.Channel switch
    {
        StreamChannel.Batches or StreamChannel.MarketEvents => 0,
        StreamChannel.Fills or StreamChannel.AccountEvents => message.Account,
        _ => message.Instrument,
    };

    private void Answer(StreamEvent answer) => Queue(JsonSerializer.SerializeToUtf8Bytes(answer, ApiJson.Default.StreamEvent));

    private static StreamEvent Error(ApiError error) => new(StreamEventType.Error, Error: error);
}
