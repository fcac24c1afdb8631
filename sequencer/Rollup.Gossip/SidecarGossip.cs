using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace Rollup.Gossip;

/// <summary>
/// <see cref="IGossip"/> by js-libp2p in a process of its own, gossip-sidecar/sidecar.mjs, that is started again whenever it ends. What is published while it is down is
/// lost, as it is for a node that is not connected: nodes ask for what they missed.
/// </summary>
/// <param name="node">The Node.js program.</param>
/// <param name="script">sidecar.mjs.</param>
public sealed class SidecarGossip(string node, string script, TimeProvider clock, ILogger log) : IGossip
{
    /// <summary>Lines that wait for the sidecar to read them; beyond that messages are dropped.</summary>
    private const int QueuedLines = 4_096;

    private const int TailLength = 2_000;
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<long, TaskCompletionSource<GossipReply>> requests = new();
    private readonly ConcurrentDictionary<string, DateTimeOffset> bans = new();
    private readonly HashSet<string> connected = [];
    private readonly TaskCompletionSource started = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource stopping = new();
    private GossipOptions? options;
    private IGossipHandler? handler;
    private Task running = Task.CompletedTask;
    private volatile Channel<string>? lines;
    private volatile Process? process;
    private long lastId;

    /// <summary>sidecar.mjs beside the program, or in the source tree around it.</summary>
    /// <exception cref="GossipException">There is none.</exception>
    public static string DefaultScript()
    {
        for (string? folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
            foreach (string place in (string[])["gossip-sidecar", Path.Combine("sequencer", "gossip-sidecar")])
                if (Path.Combine(folder, place, "sidecar.mjs") is var script && File.Exists(script)) return script;
        throw new GossipException("gossip-sidecar/sidecar.mjs is not beside the program; name it in the configuration.");
    }

    public string Self { get; private set; } = "";

    public IReadOnlyList<string> Addresses { get; private set; } = [];

    /// <summary>The sidecar's process; 0 while there is none.</summary>
    public int ProcessId => process?.Id ?? 0;

    public Task StartAsync(GossipOptions options, IGossipHandler handler, CancellationToken cancellation)
    {
        if (this.options is not null) throw new InvalidOperationException("The node was started before.");
        (this.options, this.handler) = (options, handler);
        running = SuperviseAsync();
        return started.Task.WaitAsync(StartPatience, cancellation);
    }

    public void Publish(string topic, ReadOnlySpan<byte> data) => Send(new JsonObject { ["op"] = "publish", ["topic"] = topic, ["data"] = Convert.ToBase64String(data) });

    public async Task<GossipReply> RequestAsync(string peer, ReadOnlyMemory<byte> request, CancellationToken cancellation)
    {
        long id = Interlocked.Increment(ref lastId);
        var reply = new TaskCompletionSource<GossipReply>(TaskCreationOptions.RunContinuationsAsynchronously);
        requests[id] = reply;
        if (!Send(new JsonObject { ["op"] = "request", ["id"] = id, ["peer"] = peer, ["data"] = Convert.ToBase64String(request.Span) })) reply.TrySetResult(new GossipReply(default, GossipFault.Unreachable));
        try
        {
            return await reply.Task.WaitAsync(cancellation);
        }
        finally
        {
            requests.TryRemove(id, out _);
        }
    }

    public void Ban(string peer, TimeSpan time)
    {
        bans[peer] = clock.GetUtcNow() + time;
        Send(Ban(peer, (long)time.TotalMilliseconds));
    }

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        await running;
        stopping.Dispose();
    }

    private static JsonObject Ban(string peer, long milliseconds) => new() { ["op"] = "ban", ["peer"] = peer, ["milliseconds"] = milliseconds };

    private bool Send(JsonObject command) => lines?.Writer.TryWrite(command.ToJsonString()) ?? false;

    private async Task SuperviseAsync()
    {
        for (TimeSpan pause = FirstPause; !stopping.IsCancellationRequested;)
        {
            long since = clock.GetTimestamp();
            string problem = await RunAsync();
            if (stopping.IsCancellationRequested) return;
            if (started.TrySetException(new GossipException($"The gossip sidecar did not start: {problem}."))) return;
            pause = clock.GetElapsedTime(since) > LongestPause ? FirstPause : TimeSpan.FromTicks(Math.Min(2 * pause.Ticks, LongestPause.Ticks));
            log.LogWarning("The gossip sidecar ended and is started again in {Seconds:0.#} s: {Problem}", pause.TotalSeconds, problem);
            await Task.Delay(pause, clock, stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Runs one process to its end.</summary>
    /// <returns>Why it ended.</returns>
    private async Task<string> RunAsync()
    {
        Process child;
        try
        {
            var start = new ProcessStartInfo(node, [script]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, StandardInputEncoding = new UTF8Encoding(false) };
            child = Process.Start(start)!;
        }
        catch (Exception error) when (error is System.ComponentModel.Win32Exception or InvalidOperationException)
        {
            return $"{node} cannot be started: {error.Message}";
        }

        using (child)
        {
            process = child;
            var queue = Channel.CreateBounded<string>(new BoundedChannelOptions(QueuedLines) { SingleReader = true });
            queue.Writer.TryWrite(StartCommand().ToJsonString());
            foreach ((string peer, DateTimeOffset until) in bans)
                if (until > clock.GetUtcNow()) queue.Writer.TryWrite(Ban(peer, (long)(until - clock.GetUtcNow()).TotalMilliseconds).ToJsonString());
                else bans.TryRemove(peer, out _);
            Task<string> errors = TailAsync(child.StandardError);
            Task writing = WriteAsync(child.StandardInput, queue.Reader);
            lines = queue;
            string? problem;
            await using (stopping.Token.Register(() => queue.Writer.TryComplete()))
                problem = await ReadAsync(child.StandardOutput);
            lines = null;
            queue.Writer.TryComplete();
            await writing;
            await EndAsync(child);
            process = null;
            Forget();
            string tail = await errors;
            return problem ?? $"exit code {child.ExitCode}{(tail.Length == 0 ? "" : $"; it said: {tail}")}";
        }
    }

    private JsonObject StartCommand() => new()
    {
        ["op"] = "start",
        ["key"] = options!.KeyFile,
        ["listen"] = Array(options.Listen),
        ["peers"] = Array(options.Peers),
        ["topics"] = Array(options.Topics),
        ["protocol"] = options.Protocol,
        ["maxMessage"] = options.MaxMessage,
        ["maxConnections"] = options.MaxConnections,
    };

    private static JsonArray Array(IEnumerable<string> texts) => [.. texts.Select(t => (JsonNode)t)];

    // What was connected and asked before is no more.
    private void Forget()
    {
        foreach (string peer in connected) handler!.Disconnected(peer);
        connected.Clear();
        foreach (TaskCompletionSource<GossipReply> request in requests.Values) request.TrySetResult(new GossipReply(default, GossipFault.Unreachable));
    }

    private static async Task WriteAsync(StreamWriter input, ChannelReader<string> queue)
    {
        try
        {
            await foreach (string line in queue.ReadAllAsync())
            {
                await input.WriteAsync(line + "\n");
                if (queue.Count == 0) await input.FlushAsync();
            }

            input.Close(); // Which is how it is told to end.
        }
        catch (IOException)
        {
            // A broken pipe: the reader sees the end.
        }
    }

    /// <returns>Why the sidecar has to end; null if it ended by itself.</returns>
    private async Task<string?> ReadAsync(StreamReader output)
    {
        int longest = 2 * options!.MaxMessage + (64 << 10);
        var line = new StringBuilder();
        var buffer = new char[16 << 10];
        for (int count; (count = await output.ReadAsync(buffer)) > 0;)
        {
            int from = 0;
            for (int at; (at = System.Array.IndexOf(buffer, '\n', from, count - from)) >= 0; from = at + 1)
            {
                line.Append(buffer, from, at - from);
                if (Handle(line.ToString()) is { } problem) return problem;
                line.Clear();
            }

            line.Append(buffer, from, count - from);
            if (line.Length > longest) return $"it wrote a line of more than {longest} characters";
        }

        return null;
    }

    /// <returns>Why the sidecar has to end.</returns>
    private string? Handle(string line)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            JsonElement root = document.RootElement;
            string Text(string name) => root.GetProperty(name).GetString()!;
            byte[] Data() => root.GetProperty("data").GetBytesFromBase64();
            switch (Text("event"))
            {
                case "started":
                    (Self, Addresses) = (Text("peer"), [.. root.GetProperty("addresses").EnumerateArray().Select(a => a.GetString()!)]);
                    log.LogInformation("Gossip: {Peer} listens at {Addresses}", Self, string.Join(' ', Addresses));
                    started.TrySetResult();
                    return null;
                case "connected":
                    if (connected.Add(Text("peer"))) handler!.Connected(Text("peer"));
                    return null;
                case "disconnected":
                    if (connected.Remove(Text("peer"))) handler!.Disconnected(Text("peer"));
                    return null;
                case "message":
                    GossipVerdict verdict = handler!.Received(Text("peer"), Text("topic"), Data());
                    Send(new JsonObject { ["op"] = "verdict", ["id"] = root.GetProperty("id").GetInt64(), ["verdict"] = verdict.ToString().ToLowerInvariant() });
                    return null;
                case "request":
                    byte[]? answer = handler!.Requested(Text("peer"), Data());
                    Send(new JsonObject { ["op"] = "answer", ["id"] = root.GetProperty("id").GetInt64(), ["data"] = answer is null ? null : Convert.ToBase64String(answer) });
                    return null;
                case "reply":
                    if (requests.TryGetValue(root.GetProperty("id").GetInt64(), out TaskCompletionSource<GossipReply>? request))
                        request.TrySetResult(root.TryGetProperty("fault", out JsonElement fault)
                            ? new GossipReply(default, fault.GetString() == "oversize" ? GossipFault.Oversize : GossipFault.Unreachable)
                            : new GossipReply(Data(), GossipFault.None));
                    return null;
                case "failed":
                    return Text("error");
                default:
                    return $"it told of an unknown event: {line[..Math.Min(line.Length, 100)]}";
            }
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            return $"it broke its protocol: {error.Message}";
        }
    }

    private static async Task<string> TailAsync(StreamReader errors)
    {
        var tail = new StringBuilder();
        var buffer = new char[1024];
        for (int count; (count = await errors.ReadAsync(buffer)) > 0;)
        {
            tail.Append(buffer, 0, count);
            if (tail.Length > TailLength) tail.Remove(0, tail.Length - TailLength);
        }

        return tail.ToString().Trim().ReplaceLineEndings(" | ");
    }

    private static async Task EndAsync(Process child)
    {
        using var patience = new CancellationTokenSource(Farewell);
        try
        {
            await child.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            child.Kill(entireProcessTree: true);
            await child.WaitForExitAsync(CancellationToken.None);
        }
    }
}
