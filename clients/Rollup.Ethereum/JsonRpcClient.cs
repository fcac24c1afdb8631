using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Rollup.Ethereum;

/// <summary>Limits of a <see cref="JsonRpcClient"/>.</summary>
public sealed record JsonRpcOptions
{
    /// <summary>For one attempt, connection included.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>A larger response is refused.</summary>
    public int MaxResponseBytes { get; init; } = 64 << 20;

    /// <summary>Attempts of an idempotent call before the endpoint counts as unreachable.</summary>
    public int Attempts { get; init; } = 4;

    /// <summary>Before the second attempt; doubles with each.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromMilliseconds(250);
}

/// <summary>JSON-RPC 2.0 over HTTP. Thread-safe.</summary>
public sealed class JsonRpcClient : IDisposable
{
    private readonly Uri endpoint;
    private readonly JsonRpcOptions options;
    private readonly HttpClient http;
    private long lastId;

    /// <exception cref="ArgumentException">The endpoint is not an absolute http or https URL.</exception>
    public JsonRpcClient(Uri endpoint, JsonRpcOptions? options = null)
    {
        if (!endpoint.IsAbsoluteUri || endpoint.Scheme is not ("http" or "https"))
            throw new ArgumentException("The endpoint must be an absolute http or https URL.", nameof(endpoint));
        this.endpoint = endpoint;
        this.options = options ?? new JsonRpcOptions();
        // The shared proxy settings of a machine must not see calls to a local chain; redirects could lead an API key elsewhere.
        http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = !endpoint.IsLoopback, ConnectTimeout = this.options.Timeout })
        {
            Timeout = this.options.Timeout,
            MaxResponseContentBufferSize = this.options.MaxResponseBytes,
        };
        if (endpoint.UserInfo.Length > 0)
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
                "Basic", Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(Uri.UnescapeDataString(endpoint.UserInfo))));
    }

    /// <summary>Scheme, host and port: what may be shown of the endpoint.</summary>
    public string Endpoint => endpoint.GetComponents(UriComponents.Scheme | UriComponents.Host | UriComponents.Port, UriFormat.Unescaped);

    /// <summary>Calls a method that changes nothing at the endpoint; transport failures are tried again.</summary>
    /// <returns>The <c>result</c> member; JSON null where the endpoint has nothing.</returns>
    /// <exception cref="EthereumUnreachableException"/>
    /// <exception cref="EthereumProtocolException"/>
    /// <exception cref="EthereumRpcException"/>
    public async Task<JsonElement> CallAsync(string method, JsonArray parameters, CancellationToken cancellation = default)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await CallOnceAsync(method, parameters, cancellation);
            }
            catch (EthereumUnreachableException) when (attempt < options.Attempts)
            {
                await Task.Delay(options.RetryDelay * (1 << (attempt - 1)), cancellation);
            }
        }
    }

    /// <summary>As <see cref="CallAsync"/>, with one attempt only.</summary>
    public async Task<JsonElement> CallOnceAsync(string method, JsonArray parameters, CancellationToken cancellation = default)
    {
        var id = Interlocked.Increment(ref lastId);
        var request = new JsonObject { ["jsonrpc"] = "2.0", ["id"] = id, ["method"] = method, ["params"] = parameters.DeepClone() };
        var body = await PostAsync(method, request.ToJsonString(), cancellation);
        return ReadAnswer(method, id, body);
    }

    public void Dispose() => http.Dispose();

    private async Task<byte[]> PostAsync(string method, string request, CancellationToken cancellation)
    {
        try
        {
            using var content = new StringContent(request, new MediaTypeHeaderValue("application/json"));
            using var response = await http.PostAsync(endpoint, content, cancellation);
            var body = await response.Content.ReadAsByteArrayAsync(cancellation);
            // Some endpoints send JSON-RPC errors with a status of their own; without JSON the status is all there is.
            var isJson = response.Content.Headers.ContentType?.MediaType?.EndsWith("json", StringComparison.OrdinalIgnoreCase) == true;
            var later = response.StatusCode == HttpStatusCode.TooManyRequests || (int)response.StatusCode >= 500;
            if (!response.IsSuccessStatusCode && (later || !isJson))
                throw new EthereumUnreachableException($"{Endpoint} answered {method} with HTTP status {(int)response.StatusCode}.");
            return body;
        }
        catch (HttpRequestException e) when (e.HttpRequestError == HttpRequestError.ConfigurationLimitExceeded)
        {
            throw new EthereumProtocolException($"{Endpoint} answered {method} with more than {options.MaxResponseBytes} bytes.", e);
        }
        catch (HttpRequestException e)
        {
            throw new EthereumUnreachableException($"{Endpoint} cannot be reached: {e.Message}", e);
        }
        catch (TaskCanceledException e) when (!cancellation.IsCancellationRequested)
        {
            throw new EthereumUnreachableException($"{Endpoint} did not answer {method} within {options.Timeout.TotalSeconds.ToString("0.###", CultureInfo.InvariantCulture)} s.", e);
        }
    }

    private JsonElement ReadAnswer(string method, long id, byte[] body)
    {
        JsonElement root;
        try
        {
            using var document = JsonDocument.Parse(body);
            root = document.RootElement.Clone();
        }
        catch (JsonException e)
        {
            throw new EthereumProtocolException($"{Endpoint} answered {method} with something that is not JSON.", e);
        }
        if (root.ValueKind == JsonValueKind.Object && root.TryGetProperty("error", out var error) && error.ValueKind == JsonValueKind.Object)
            throw ReadError(method, error);
        if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("result", out var result) ||
            !root.TryGetProperty("id", out var answered) || answered.ValueKind != JsonValueKind.Number || !answered.TryGetInt64(out var value) || value != id)
            throw new EthereumProtocolException($"{Endpoint} answered {method} with JSON that is no answer to it.");
        return result;
    }

    private static EthereumRpcException ReadError(string method, JsonElement error)
    {
        var code = error.TryGetProperty("code", out var codeElement) && codeElement.ValueKind == JsonValueKind.Number && codeElement.TryGetInt32(out var number) ? number : 0;
        var message = error.TryGetProperty("message", out var text) && text.ValueKind == JsonValueKind.String ? text.GetString()! : "no message";
        // The message is a stranger's: bounded, and on one line.
        message = string.Concat(message.Take(500).Select(c => char.IsControl(c) ? ' ' : c));
        return new EthereumRpcException(method, code, message, ReadRevert(error));
    }

    private static RevertData? ReadRevert(JsonElement error)
    {
        if (!error.TryGetProperty("data", out var data)) return null;
        // Some endpoints put the bytes one level down.
        if (data.ValueKind == JsonValueKind.Object && !data.TryGetProperty("data", out data)) return null;
        if (data.ValueKind != JsonValueKind.String) return null;
        try
        {
            return new RevertData(Hex.Parse(data.GetString()!));
        }
        catch (FormatException)
        {
            return null; // Not revert data but a free text.
        }
    }
}
