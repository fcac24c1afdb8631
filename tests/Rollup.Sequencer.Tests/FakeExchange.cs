using System.Collections.Concurrent;
using System.Net.WebSockets;
using System.Text;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;

namespace Rollup.Sequencer.Tests;

/// <summary>A server in the place of an exchange: sends what a test says over WebSocket, breaks connections, serves snapshots.</summary>
internal sealed class FakeExchange : IAsyncDisposable
{
    private readonly WebApplication server;
    private readonly Channel<byte[]?> script = Channel.CreateUnbounded<byte[]?>();

    private FakeExchange()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        server = builder.Build();
        server.UseWebSockets();
        server.Map("/stream", (RequestDelegate)StreamAsync);
        server.MapGet("/depth/{market}", (RequestDelegate)SnapshotAsync);
    }

    internal Uri Stream => new(server.Urls.Single().Replace("http:", "ws:", StringComparison.Ordinal) + "/stream?streams=all");
    internal string Snapshot => server.Urls.Single() + "/depth/{market}";

    /// <summary>Snapshots by market; 404 where there is none.</summary>
    internal ConcurrentDictionary<string, string> Snapshots { get; } = new();

    internal int Connections;
    internal int SnapshotRequests;

    internal static async Task<FakeExchange> StartAsync()
    {
        var exchange = new FakeExchange();
        await exchange.server.StartAsync();
        return exchange;
    }

    internal void Send(string message) => script.Writer.TryWrite(Encoding.UTF8.GetBytes(message));

    internal void Send(byte[] message) => script.Writer.TryWrite(message);

    /// <summary>Breaks the connection; the next one goes on with what follows.</summary>
    internal void Break() => script.Writer.TryWrite(null);

    public async ValueTask DisposeAsync()
    {
        script.Writer.TryComplete();
        await server.DisposeAsync();
    }

    private async Task StreamAsync(HttpContext context)
    {
        using WebSocket socket = await context.WebSockets.AcceptWebSocketAsync();
        Interlocked.Increment(ref Connections);
        try
        {
            // A client that gives up must not take the next one's messages.
            Task<WebSocketReceiveResult> gone = socket.ReceiveAsync(new byte[1], context.RequestAborted);
            while (true)
            {
                Task<bool> ready = script.Reader.WaitToReadAsync(context.RequestAborted).AsTask();
                if (await Task.WhenAny(ready, gone) == gone || !await ready) return;
                if (!script.Reader.TryRead(out byte[]? message)) continue;
                if (message is null)
                {
                    socket.Abort();
                    return;
                }

                await socket.SendAsync(message, WebSocketMessageType.Text, true, context.RequestAborted);
            }
        }
        catch (Exception error) when (error is OperationCanceledException or WebSocketException)
        {
            // The client is gone.
        }
    }

    private Task SnapshotAsync(HttpContext context)
    {
        Interlocked.Increment(ref SnapshotRequests);
        if (Snapshots.TryGetValue((string)context.GetRouteValue("market")!, out string? snapshot)) return context.Response.WriteAsync(snapshot);
        context.Response.StatusCode = 404;
        return Task.CompletedTask;
    }
}
