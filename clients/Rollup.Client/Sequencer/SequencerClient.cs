using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Rollup.Api;
using Rollup.Client.Keys;
using Rollup.Protocol;

namespace Rollup.Client.Sequencer;

/// <summary>The sequencer's REST API. Thread-safe. Methods throw <see cref="RefusedException"/> or <see cref="SequencerUnreachableException"/>.</summary>
public sealed class SequencerClient : IDisposable
{
    private const int MaxResponseBytes = 8 << 20;
    private readonly HttpClient http;

    /// <param name="endpoint">http or https URL of the sequencer.</param>
    public SequencerClient(Uri endpoint) : this(new HttpClient(new SocketsHttpHandler
    {
        AllowAutoRedirect = false, UseProxy = !endpoint.IsLoopback, ConnectTimeout = TimeSpan.FromSeconds(10),
    })
    { BaseAddress = endpoint, Timeout = TimeSpan.FromSeconds(30) })
    {
    }

    /// <param name="http">With the base address; owned by this client.</param>
    public SequencerClient(HttpClient http)
    {
        this.http = http;
        http.MaxResponseContentBufferSize = MaxResponseBytes;
    }

    public Uri Endpoint => http.BaseAddress!;

    public Task<InfoView> InfoAsync(CancellationToken cancellation = default) => Get("v1/info", ApiJson.Lenient.InfoView, cancellation);

    public Task<IReadOnlyList<InstrumentView>> InstrumentsAsync(CancellationToken cancellation = default) =>
        Get("v1/instruments", ApiJson.Lenient.IReadOnlyListInstrumentView, cancellation);

    public Task<BookView> BookAsync(int instrument, int depth = 20, CancellationToken cancellation = default) =>
        Get($"v1/book/{Text(instrument)}?depth={Text(depth)}", ApiJson.Lenient.BookView, cancellation);

    public Task<IReadOnlyList<TradeView>> TradesAsync(int instrument, int limit = 50, CancellationToken cancellation = default) =>
        Get($"v1/trades/{Text(instrument)}?limit={Text(limit)}", ApiJson.Lenient.IReadOnlyListTradeView, cancellation);

    public Task<RiskView> RiskAsync(CancellationToken cancellation = default) => Get("v1/risk", ApiJson.Lenient.RiskView, cancellation);

    public Task<IReadOnlyList<BatchView>> BatchesAsync(int limit = 50, CancellationToken cancellation = default) =>
        Get($"v1/batches?limit={Text(limit)}", ApiJson.Lenient.IReadOnlyListBatchView, cancellation);

    public Task<BatchView> BatchAsync(uint batch, CancellationToken cancellation = default) =>
        Get(string.Create(CultureInfo.InvariantCulture, $"v1/batches/{batch}"), ApiJson.Lenient.BatchView, cancellation);

    /// <summary>Health, also of a halted sequencer.</summary>
    public Task<HealthView> HealthAsync(CancellationToken cancellation = default) =>
        Send(new HttpRequestMessage(HttpMethod.Get, "health"), ApiJson.Lenient.HealthView, cancellation, isHealth: true);

    /// <summary>The accounts of an owner, ascending: executed registrations only.</summary>
    public Task<IReadOnlyList<int>> AccountsOfAsync(Address owner, CancellationToken cancellation = default) =>
        Get($"v1/accounts?owner={owner}", ApiJson.Lenient.IReadOnlyListInt32, cancellation);

    /// <summary>A public account.</summary>
    public Task<AccountView> AccountAsync(int account, CancellationToken cancellation = default) => Get($"v1/accounts/{Text(account)}", ApiJson.Lenient.AccountView, cancellation);

    /// <summary>One's own account.</summary>
    /// <param name="time">The present, Unix milliseconds; the sequencer takes what is within 30 s of its clock.</param>
    public Task<AccountView> AccountAsync(int account, TraderKeys keys, MessageSigner signer, long time, CancellationToken cancellation = default) =>
        Send(OfOwner($"v1/accounts/{Text(account)}", account, keys, signer, time), ApiJson.Lenient.AccountView, cancellation);

    /// <summary>What happened to one's own account besides its requests, newest first.</summary>
    /// <param name="time">The present, Unix milliseconds; the sequencer takes what is within 30 s of its clock.</param>
    public Task<IReadOnlyList<AccountEventView>> AccountEventsAsync(int account, TraderKeys keys, MessageSigner signer, long time, CancellationToken cancellation = default) =>
        Send(OfOwner($"v1/accounts/{Text(account)}/events", account, keys, signer, time), ApiJson.Lenient.IReadOnlyListAccountEventView, cancellation);

    /// <summary>What happened to the market as a whole, newest first.</summary>
    public Task<IReadOnlyList<MarketEventView>> MarketEventsAsync(CancellationToken cancellation = default) => Get("v1/events", ApiJson.Lenient.IReadOnlyListMarketEventView, cancellation);

    /// <summary>The sequencer's receipt of one accepted request.</summary>
    public Task<ReceiptView> ReceiptAsync(long number, CancellationToken cancellation = default) =>
        Get(string.Create(CultureInfo.InvariantCulture, $"v1/receipts/{number}"), ApiJson.Lenient.ReceiptView, cancellation);

    public Task<RequestResult> PlaceAsync(OrderMessage order, CancellationToken cancellation = default) =>
        Post("v1/orders", order, ApiJson.Default.OrderMessage, ApiJson.Lenient.RequestResult, cancellation);

    public Task<RequestResult> CancelAsync(CancelMessage cancel, CancellationToken cancellation = default) =>
        Post("v1/cancels", cancel, ApiJson.Default.CancelMessage, ApiJson.Lenient.RequestResult, cancellation);

    public Task<RequestResult> WithdrawAsync(WithdrawalMessage withdrawal, CancellationToken cancellation = default) =>
        Post("v1/withdrawals", withdrawal, ApiJson.Default.WithdrawalMessage, ApiJson.Lenient.RequestResult, cancellation);

    /// <summary>Discloses the view key to the operator. Do this before registering on the chain.</summary>
    public Task<ViewKeyResult> DiscloseViewKeyAsync(TraderKeys keys, CancellationToken cancellation = default) =>
        Post("v1/view-keys", new ViewKeyMessage(keys.ViewKey), ApiJson.Default.ViewKeyMessage, ApiJson.Lenient.ViewKeyResult, cancellation);

    /// <summary>Seals the open batch now.</summary>
    /// <param name="operatorToken">The operator's secret.</param>
    public Task<BatchView> SealAsync(string operatorToken, CancellationToken cancellation = default)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "v1/operator/seal");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", operatorToken);
        return Send(request, ApiJson.Lenient.BatchView, cancellation);
    }

    public void Dispose() => http.Dispose();

    private static HttpRequestMessage OfOwner(string path, int account, TraderKeys keys, MessageSigner signer, long time)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Add(AccessChallenge.TimeHeader, time.ToString(CultureInfo.InvariantCulture));
        request.Headers.Add(AccessChallenge.SignatureHeader, SignatureConverter.ToHex(signer.SignAccess(account, time, keys)));
        return request;
    }

    private Task<T> Get<T>(string path, JsonTypeInfo<T> type, CancellationToken cancellation) where T : class =>
        Send(new HttpRequestMessage(HttpMethod.Get, path), type, cancellation);

    private Task<TAnswer> Post<T, TAnswer>(string path, T message, JsonTypeInfo<T> type, JsonTypeInfo<TAnswer> answerType, CancellationToken cancellation) where TAnswer : class
    {
        var content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(message, type));
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        return Send(new HttpRequestMessage(HttpMethod.Post, path) { Content = content }, answerType, cancellation);
    }

    private async Task<T> Send<T>(HttpRequestMessage request, JsonTypeInfo<T> type, CancellationToken cancellation, bool isHealth = false) where T : class
    {
        try
        {
            using HttpResponseMessage response = await http.SendAsync(request, cancellation);
            byte[] body = await response.Content.ReadAsByteArrayAsync(cancellation);
            if (!response.IsSuccessStatusCode && !isHealth)
                throw new RefusedException(JsonSerializer.Deserialize(body, ApiJson.Lenient.ApiError) ?? throw NotTheApi(request));
            return JsonSerializer.Deserialize(body, type) ?? throw NotTheApi(request);
        }
        catch (JsonException error)
        {
            throw NotTheApi(request, error);
        }
        catch (HttpRequestException error)
        {
            throw new SequencerUnreachableException($"The sequencer at {Endpoint} cannot be reached: {error.Message}", error);
        }
        catch (TaskCanceledException error) when (!cancellation.IsCancellationRequested)
        {
            throw new SequencerUnreachableException($"The sequencer at {Endpoint} did not answer within {http.Timeout.TotalSeconds:0} s.", error);
        }
        finally
        {
            request.Dispose();
        }
    }

    private SequencerUnreachableException NotTheApi(HttpRequestMessage request, Exception? inner = null) =>
        new($"{new Uri(Endpoint, request.RequestUri!).GetLeftPart(UriPartial.Path)} answered with something that is not the sequencer's API.", inner);

    private static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);
}
