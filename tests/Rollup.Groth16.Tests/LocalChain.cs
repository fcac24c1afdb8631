using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;

namespace Rollup.Groth16.Tests;

/// <summary>anvil on a free port, for calls of code that is never deployed.</summary>
internal sealed class LocalChain : IDisposable
{
    private readonly Process _process;
    private readonly HttpClient _client;

    public LocalChain()
    {
        var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        var port = ((IPEndPoint)probe.LocalEndpoint).Port;
        probe.Stop();
        var binary = Directory.GetFiles(Path.Combine(Toolchain.Root, "node_modules/@foundry-rs"), "anvil", SearchOption.AllDirectories).Single();
        _process = Process.Start(new ProcessStartInfo(binary, ["--port", $"{port}", "--silent"]))!;
        _client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                Request("eth_chainId");
                return;
            }
            catch (HttpRequestException) when (attempt < 600 && !_process.HasExited)
            {
                Thread.Sleep(50);
            }
        }
    }

    /// <summary>Calls this runtime code; null if it reverts.</summary>
    public byte[]? Call(string code, ReadOnlySpan<byte> data, ulong gas = 1_000_000)
    {
        const string at = "0x00000000000000000000000000000000000c0de5";
        var answer = Request(
            "eth_call",
            new { to = at, data = "0x" + Convert.ToHexString(data), gas = $"0x{gas:x}" },
            "latest",
            new Dictionary<string, object> { [at] = new { code } });
        return answer.TryGetProperty("error", out _) ? null : Convert.FromHexString(answer.GetProperty("result").GetString()!.AsSpan(2));
    }

    public JsonElement Request(string method, params object[] parameters)
    {
        using var content = JsonContent.Create(new { jsonrpc = "2.0", id = 1, method, @params = parameters });
        using var request = new HttpRequestMessage(HttpMethod.Post, "/") { Content = content };
        using var response = _client.Send(request);
        using var body = response.Content.ReadAsStream();
        return JsonDocument.Parse(body).RootElement;
    }

    public void Dispose()
    {
        _client.Dispose();
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }
}
