using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Rollup.Client.Tests;

/// <summary>What a <see cref="FakeSequencer"/> was asked.</summary>
/// <param name="Target">Method, path and query.</param>
internal sealed record Asked(string Target, string Body, IReadOnlyDictionary<string, string> Headers);

/// <summary>An HTTP and WebSocket server on a free loopback port that answers what a test tells it to.</summary>
internal sealed class FakeSequencer : IAsyncDisposable
{
    private readonly WebApplication app;
    private readonly Dictionary<string, Func<HttpContext, Task>> answers = [];

    private FakeSequencer()
    {
        WebApplicationBuilder builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        app = builder.Build();
        app.UseWebSockets();
        app.Run(HandleAsync);
    }

    public static async Task<FakeSequencer> StartAsync()
    {
        var fake = new FakeSequencer();
        await fake.app.StartAsync();
        return fake;
    }

    public Uri Endpoint => new(app.Urls.Single());

    public List<Asked> Requests { get; } = [];

    /// <summary>What happens on /v1/stream; without it that is no WebSocket.</summary>
    public Func<WebSocket, Task>? OnStream { get; set; }

    /// <param name="target">Method and path, without the query.</param>
    public void Answer(string target, string body, int status = 200, string type = "application/json") => Answer(target, async context =>
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = type;
        await context.Response.WriteAsync(body);
    });

    public void Answer<T>(string target, T body, JsonTypeInfo<T> type, int status = 200) => Answer(target, JsonSerializer.Serialize(body, type), status);

    public void Answer(string target, Func<HttpContext, Task> answer) => answers[target] = answer;

    public async ValueTask DisposeAsync()
    {
        using var atOnce = new CancellationTokenSource();
        await atOnce.CancelAsync();
        await app.StopAsync(atOnce.Token);
        await app.DisposeAsync();
    }

    private async Task HandleAsync(HttpContext context)
    {
        if (context.Request.Path == "/v1/stream" && OnStream is { } stream && context.WebSockets.IsWebSocketRequest)
        {
            using WebSocket socket = await context.WebSockets.AcceptWebSocketAsync();
            await stream(socket);
            return;
        }

        using var reader = new StreamReader(context.Request.Body, Encoding.UTF8);
        string target = $"{context.Request.Method} {context.Request.Path}";
        var asked = new Asked(target + context.Request.QueryString, await reader.ReadToEndAsync(), context.Request.Headers.ToDictionary(h => h.Key, h => $"{h.Value}"));
        lock (Requests) Requests.Add(asked);
        if (answers.TryGetValue(target, out Func<HttpContext, Task>? answer)) await answer(context);
        else context.Response.StatusCode = 404;
    }
}
