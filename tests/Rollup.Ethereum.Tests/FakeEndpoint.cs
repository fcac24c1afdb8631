using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;

namespace Rollup.Ethereum.Tests;

/// <summary>What a <see cref="FakeEndpoint"/> sends; a null body ends the connection without an answer.</summary>
internal sealed record Answer(string? Body, int Status = 200, string ContentType = "application/json", Uri? Location = null)
{
    public static Answer Result(JsonNode request, string result) => new($"{{\"jsonrpc\":\"2.0\",\"id\":{request["id"]},\"result\":{result}}}");

    public static Answer Error(JsonNode request, string error) => new($"{{\"jsonrpc\":\"2.0\",\"id\":{request["id"]},\"error\":{error}}}");
}

/// <summary>An HTTP server on a free loopback port whose answers a test decides, one connection per request.</summary>
internal sealed class FakeEndpoint : IDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly Func<JsonNode, Task<Answer>> answer;

    public FakeEndpoint(Func<JsonNode, Answer> answer) : this(request => Task.FromResult(answer(request))) { }

    public FakeEndpoint(Func<JsonNode, Task<Answer>> answer)
    {
        this.answer = answer;
        listener.Start();
        _ = ServeAsync();
    }

    public Uri Uri => new($"http://{listener.LocalEndpoint}/");

    public List<JsonNode> Requests { get; } = [];

    public List<string> Heads { get; } = [];

    public void Dispose() => listener.Dispose();

    private async Task ServeAsync()
    {
        while (true)
        {
            TcpClient connection;
            try
            {
                connection = await listener.AcceptTcpClientAsync();
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                return;
            }
            using (connection) await ServeOneAsync(connection.GetStream());
        }
    }

    private async Task ServeOneAsync(NetworkStream stream)
    {
        try
        {
            var (head, body) = await ReadRequestAsync(stream);
            Heads.Add(head);
            Requests.Add(JsonNode.Parse(body)!);
            var reply = await answer(Requests[^1]);
            if (reply.Body is null) return;
            var bytes = Encoding.UTF8.GetBytes(reply.Body);
            await stream.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 {reply.Status} Status\r\n{(reply.Location is null ? "" : $"Location: {reply.Location}\r\n")}Content-Type: {reply.ContentType}\r\nContent-Length: {bytes.Length}\r\nConnection: close\r\n\r\n"));
            await stream.WriteAsync(bytes);
        }
        catch (IOException)
        {
            // The client has gone, for instance after its time-out.
        }
    }

    private static async Task<(string Head, string Body)> ReadRequestAsync(NetworkStream stream)
    {
        var received = new List<byte>();
        var buffer = new byte[4096];
        while (true)
        {
            var count = await stream.ReadAsync(buffer);
            if (count == 0) throw new IOException("closed");
            received.AddRange(buffer.AsSpan(0, count));
            var text = Encoding.UTF8.GetString([.. received]);
            var end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
            if (end < 0) continue;
            const string LengthHeader = "Content-Length: ";
            var at = text.IndexOf(LengthHeader, StringComparison.Ordinal) + LengthHeader.Length;
            var length = int.Parse(text[at..text.IndexOf('\r', at)], CultureInfo.InvariantCulture);
            if (text.Length - end - 4 >= length) return (text[..end], text[(end + 4)..]);
        }
    }
}
