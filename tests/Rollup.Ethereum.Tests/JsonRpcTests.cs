using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Rollup.Protocol;

namespace Rollup.Ethereum.Tests;

public class JsonRpcTests
{
    private static readonly JsonRpcOptions Quick = new() { Timeout = TimeSpan.FromSeconds(20), Attempts = 3, RetryDelay = TimeSpan.FromMilliseconds(1), MaxResponseBytes = 1_000 };

    [Fact]
    public async Task A_result_comes_back_and_the_request_is_json_rpc()
    {
        using var endpoint = new FakeEndpoint(request => Answer.Result(request, "\"0x7a69\""));
        using var client = new EthereumClient(endpoint.Uri, Quick);
        Assert.Equal(31337UL, await client.GetChainIdAsync());
        Assert.Equal("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_chainId\",\"params\":[]}", endpoint.Requests.Single().ToJsonString());
    }

    [Theory]
    [InlineData(503)]
    [InlineData(429)]
    [InlineData(0)] // connection closed without an answer
    public async Task Passing_failures_are_tried_again(int status)
    {
        var failures = 2;
        using var endpoint = new FakeEndpoint(request => failures-- > 0 ? new Answer(status == 0 ? null : "busy", status) : Answer.Result(request, "\"0x5\""));
        using var client = new EthereumClient(endpoint.Uri, Quick);
        Assert.Equal(5UL, await client.GetBlockNumberAsync());
        Assert.Equal(3, endpoint.Requests.Count);
    }

    [Fact]
    public async Task Lasting_failures_make_the_endpoint_unreachable_after_all_attempts()
    {
        using var endpoint = new FakeEndpoint(_ => new Answer("busy", 502, "text/html"));
        using var client = new EthereumClient(endpoint.Uri, Quick);
        var failure = await Assert.ThrowsAsync<EthereumUnreachableException>(() => client.GetBlockNumberAsync());
        Assert.Contains("502", failure.Message, StringComparison.Ordinal);
        Assert.Equal(3, endpoint.Requests.Count);
    }

    [Fact]
    public async Task A_transaction_is_handed_over_once_only()
    {
        using var endpoint = new FakeEndpoint(_ => new Answer(null));
        using var client = new EthereumClient(endpoint.Uri, Quick);
        await Assert.ThrowsAsync<EthereumUnreachableException>(() => client.SendRawTransactionAsync([1, 2]));
        Assert.Single(endpoint.Requests);
    }

    [Fact]
    public async Task A_silent_endpoint_is_given_up()
    {
        var never = new TaskCompletionSource<Answer>();
        using var endpoint = new FakeEndpoint(_ => never.Task);
        using var client = new EthereumClient(endpoint.Uri, Quick with { Timeout = TimeSpan.FromMilliseconds(100), Attempts = 1 });
        var failure = await Assert.ThrowsAsync<EthereumUnreachableException>(() => client.GetBlockNumberAsync());
        Assert.Contains("did not answer eth_blockNumber within 0.1 s", failure.Message, StringComparison.Ordinal);
        never.SetResult(new Answer(null));
    }

    [Fact]
    public async Task Cancelling_is_not_a_failure_of_the_endpoint()
    {
        var never = new TaskCompletionSource<Answer>();
        using var cancellation = new CancellationTokenSource();
        using var endpoint = new FakeEndpoint(request => { cancellation.Cancel(); return never.Task; });
        using var client = new EthereumClient(endpoint.Uri, Quick);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => client.GetBlockNumberAsync(cancellation.Token));
        never.SetResult(new Answer(null));
    }

    [Fact]
    public async Task A_closed_port_is_unreachable_and_the_message_hides_path_and_user()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        listener.Stop();
        using var client = new EthereumClient(new Uri($"http://someone:hunter2@127.0.0.1:{port}/v3/secret-api-key?token=sesame"), Quick);
        var failure = await Assert.ThrowsAsync<EthereumUnreachableException>(() => client.GetBlockNumberAsync());
        Assert.Contains($"http://127.0.0.1:{port}", failure.Message, StringComparison.Ordinal);
        foreach (var secret in (string[])["hunter2", "secret-api-key", "sesame", "someone"]) Assert.DoesNotContain(secret, failure.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_redirect_is_not_followed()
    {
        using var elsewhere = new FakeEndpoint(request => Answer.Result(request, "\"0x1\""));
        using var endpoint = new FakeEndpoint(_ => new Answer("", 307, "text/html", elsewhere.Uri));
        using var client = new EthereumClient(endpoint.Uri, Quick);
        Assert.Contains("307", (await Assert.ThrowsAsync<EthereumUnreachableException>(() => client.GetChainIdAsync())).Message, StringComparison.Ordinal);
        Assert.Empty(elsewhere.Requests);
    }

    [Fact]
    public async Task User_and_password_of_the_endpoint_are_sent()
    {
        using var endpoint = new FakeEndpoint(request => Answer.Result(request, "\"0x1\""));
        using var client = new EthereumClient(new UriBuilder(endpoint.Uri) { UserName = "someone", Password = "hunter2" }.Uri, Quick);
        await client.GetChainIdAsync();
        Assert.Contains("Authorization: Basic c29tZW9uZTpodW50ZXIy", endpoint.Heads.Single(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("<html>")]
    [InlineData("")]
    [InlineData("5")]
    [InlineData("{\"jsonrpc\":\"2.0\",\"id\":1}")]
    [InlineData("{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":\"0x1\"}")]
    [InlineData("{\"jsonrpc\":\"2.0\",\"id\":\"1\",\"result\":\"0x1\"}")]
    [InlineData("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"1\"}")]
    [InlineData("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"0x\"}")]
    [InlineData("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"0x-1\"}")]
    [InlineData("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"0x10000000000000000\"}")]
    [InlineData("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":7}")]
    [InlineData("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":null}")]
    [InlineData("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}")]
    public async Task An_answer_of_another_form_is_a_protocol_error(string body)
    {
        using var endpoint = new FakeEndpoint(_ => new Answer(body));
        using var client = new EthereumClient(endpoint.Uri, Quick);
        await Assert.ThrowsAsync<EthereumProtocolException>(() => client.GetBlockNumberAsync());
        Assert.Single(endpoint.Requests);
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("{\"number\":\"0x1\"}")]
    [InlineData("[]")]
    [InlineData("\"0x1\"")]
    public async Task A_block_of_another_form_is_a_protocol_error(string result)
    {
        using var endpoint = new FakeEndpoint(request => Answer.Result(request, result));
        using var client = new EthereumClient(endpoint.Uri, Quick);
        await Assert.ThrowsAsync<EthereumProtocolException>(() => client.GetBlockAsync(3));
    }

    [Fact]
    public async Task A_response_over_the_limit_is_refused()
    {
        var size = 900;
        using var endpoint = new FakeEndpoint(request => Answer.Result(request, $"\"0x{new string('a', size)}\""));
        using var client = new EthereumClient(endpoint.Uri, Quick);
        Assert.Equal(450, (await client.GetCodeAsync(default)).Length);
        size = 1000;
        var failure = await Assert.ThrowsAsync<EthereumProtocolException>(() => client.GetCodeAsync(default));
        Assert.Contains("more than 1000 bytes", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\"code\":-32601,\"message\":\"no such\\nmethod\"}", -32601, "no such method", null)]
    [InlineData("{}", 0, "no message", null)]
    [InlineData("{\"code\":\"x\",\"message\":5}", 0, "no message", null)]
    [InlineData("{\"code\":-32000,\"message\":\"m\",\"data\":\"free text\"}", -32000, "m", null)]
    [InlineData("{\"code\":3,\"message\":\"reverted\",\"data\":\"0x01020304\"}", 3, "reverted", "0x01020304")]
    [InlineData("{\"code\":3,\"message\":\"reverted\",\"data\":{\"data\":\"0x05\"}}", 3, "reverted", "0x05")]
    public async Task Errors_carry_code_message_and_revert_data(string error, int code, string message, string? data)
    {
        using var endpoint = new FakeEndpoint(request => Answer.Error(request, error));
        using var client = new EthereumClient(endpoint.Uri, Quick);
        var failure = await Assert.ThrowsAsync<EthereumRpcException>(() => client.CallAsync(new CallRequest(default(Address), [])));
        Assert.Equal((code, message, data), (failure.Code, failure.RpcMessage, failure.Revert is { } revert ? Hex.Format(revert.Data) : null));
        Assert.Single(endpoint.Requests);
    }

    [Fact]
    public async Task An_error_with_a_status_of_its_own_is_still_read()
    {
        using var endpoint = new FakeEndpoint(request => Answer.Error(request, "{\"code\":-32600,\"message\":\"bad\"}") with { Status = 400 });
        using var client = new EthereumClient(endpoint.Uri, Quick);
        Assert.Equal(-32600, (await Assert.ThrowsAsync<EthereumRpcException>(() => client.GetChainIdAsync())).Code);
    }

    [Fact]
    public async Task Logs_are_asked_for_in_ranges_that_shrink_when_the_endpoint_says_so()
    {
        var ranges = new List<(ulong, ulong)>();
        using var endpoint = new FakeEndpoint(request =>
        {
            var filter = request["params"]![0]!;
            var (from, to) = ((ulong)Hex.ParseQuantity((string)filter["fromBlock"]!), (ulong)Hex.ParseQuantity((string)filter["toBlock"]!));
            ranges.Add((from, to));
            return to - from >= 50 ? Answer.Error(request, "{\"code\":-32005,\"message\":\"too many\"}") : Answer.Result(request, "[]");
        });
        using var client = new EthereumClient(new JsonRpcClient(endpoint.Uri, Quick), maxLogRange: 60);
        Assert.Empty(await client.GetLogsAsync(new LogFilter(default), 10, 125));
        Assert.Equal([(10, 69), (10, 39), (40, 69), (70, 99), (100, 125)], ranges);
    }

    [Fact]
    public async Task Topics_of_a_filter_are_alternatives_and_wildcards()
    {
        using var endpoint = new FakeEndpoint(request => Answer.Result(request, "[]"));
        using var client = new EthereumClient(endpoint.Uri, Quick);
        var (a, b) = (AbiEvent.Parse("A()"), AbiEvent.Parse("B()"));
        var address = Address.Parse("0x00112233445566778899aabbccddeeff01234567");
        await client.GetLogsAsync(new LogFilter(address, [], [a.Topic, b.Topic]), 1, 2);
        await client.GetLogsAsync(LogFilter.Events(address, b), default(Bytes32));
        Assert.Equal($"{{\"address\":\"{address}\",\"topics\":[null,[\"{a.Topic}\",\"{b.Topic}\"]],\"fromBlock\":\"0x1\",\"toBlock\":\"0x2\"}}", endpoint.Requests[0]["params"]![0]!.ToJsonString());
        Assert.Equal($"[[\"{b.Topic}\"]]", endpoint.Requests[1]["params"]![0]!["topics"]!.ToJsonString());
    }

    [Fact]
    public async Task Logs_of_another_contract_are_refused()
    {
        var asked = Address.Parse("0x00112233445566778899aabbccddeeff01234567");
        var named = asked;
        var zeros = new string('0', 64);
        using var endpoint = new FakeEndpoint(request => Answer.Result(request, $$"""
            [{"address":"{{named}}","topics":[],"data":"0x07","blockNumber":"0x3","blockHash":"0x{{zeros}}","transactionHash":"0x{{zeros}}","logIndex":"0x2"}]
            """));
        using var client = new EthereumClient(endpoint.Uri, Quick);
        var log = Assert.Single(await client.GetLogsAsync(new LogFilter(asked), 3, 3));
        Assert.Equal((asked, 3UL, 2U, 7), (log.Address, log.BlockNumber, log.LogIndex, log.Data[0]));
        named = Address.Parse("0x00112233445566778899aabbccddeeff01234568");
        await Assert.ThrowsAsync<EthereumProtocolException>(() => client.GetLogsAsync(new LogFilter(asked), 3, 3));
    }

    [Fact]
    public void Only_http_endpoints_are_taken()
    {
        foreach (var text in (string[])["ftp://127.0.0.1", "relative"])
            Assert.Throws<ArgumentException>(() => new JsonRpcClient(new Uri(text, UriKind.RelativeOrAbsolute)));
    }

    [Theory]
    [InlineData("0x0", "0")]
    [InlineData("0x400", "1024")]
    [InlineData("0x0400", "1024")]
    [InlineData("0xff", "255")]
    [InlineData("0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", "115792089237316195423570985008687907853269984665640564039457584007913129639935")]
    public void Quantities_parse_and_print_without_leading_zeros(string text, string value)
    {
        var parsed = Hex.ParseQuantity(text);
        Assert.Equal(value, parsed.ToString(CultureInfo.InvariantCulture));
        Assert.Equal(text == "0x0400" ? "0x400" : text, Hex.FormatQuantity(parsed));
    }
}
