using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using Rollup.Api;
using Rollup.Client.Sequencer;
using Rollup.Crypto;
using Rollup.Protocol;
using Rollup.Sequencer.Configuration;

namespace Rollup.Sequencer.Tests;

public sealed class ApiTests : IAsyncLifetime
{
    private const long Cash = 1_000_000_000_000;
    private readonly Trader maker = new(2), taker = new(3), open = new(4, isPublic: true);
    private HostHarness host = null!;

    public async Task InitializeAsync()
    {
        host = await HostHarness.StartAsync();
        await host.RegisterAsync(Cash, maker, taker, open);
    }

    public async Task DisposeAsync() => await host.DisposeAsync();

    [Fact]
    public async Task What_is_traded_shows_in_book_trades_accounts_and_batches()
    {
        await host.Client.PlaceAsync(maker.Order(TestConfig.Btc, Side.Sell, 30, TestConfig.BtcPrice, slot: 5));
        await host.Client.PlaceAsync(maker.Order(TestConfig.Btc, Side.Buy, 7, TestConfig.BtcPrice - 100, slot: 6));
        OrderMessage order = taker.Order(TestConfig.Btc, Side.Buy, 20, TestConfig.BtcPrice, slot: 9);
        RequestResult result = await host.Client.PlaceAsync(order);
        Assert.Equal((RequestStatus.Filled, 20), (result.Status, result.Filled));
        Assert.Null(FillCheck.Find(order, result.Fills));

        BookView book = await host.Client.BookAsync(TestConfig.Btc);
        Assert.Equal([new LevelView(TestConfig.BtcPrice - 100, 7)], book.Bids);
        Assert.Equal([new LevelView(TestConfig.BtcPrice, 10)], book.Asks);
        Assert.True(book.Sequence >= result.Sequence);
        Assert.Empty((await host.Client.BookAsync(TestConfig.Eth)).Bids);

        TradeView trade = Assert.Single(await host.Client.TradesAsync(TestConfig.Btc));
        Assert.Equal((1, Side.Buy, TestConfig.BtcPrice, 20), (trade.Trade, trade.Side, trade.Price, trade.Size));

        AccountView account = await host.Client.AccountAsync(taker.Account, taker.Keys, Trader.Signer, HostHarness.Now);
        Assert.Equal((20, TestConfig.Btc), (Assert.Single(account.Positions).Size, account.Positions[0].Instrument));
        Assert.Equal(Cash - 20 * TestConfig.BtcPrice - result.Fills.Sum(f => f.Fee), account.Cash);
        Assert.Equal(account.Cash + account.Positions[0].Value, account.Value);
        Assert.Equal([new SlotView(9, 1)], account.Slots);
        Assert.Equal(taker.Keys.Owner, account.Owner);
        AccountView other = await host.Client.AccountAsync(maker.Account, maker.Keys, Trader.Signer, HostHarness.Now);
        Assert.Equal([(5, Side.Sell, 10L), (6, Side.Buy, 7L)], other.Orders.Select(o => ((int)o.Slot, o.Side, o.Remaining)));

        BatchView batch = await host.Client.SealAsync(HostHarness.OperatorToken);
        Assert.Equal((BatchStage.Sealed, 1, 2, 3), (batch.Stage, batch.Fills, batch.Rows, batch.Operations));
        Assert.Equal(batch, await host.Client.BatchAsync(1));
        Assert.Equal([2u, 1u], (await host.Client.BatchesAsync()).Select(b => b.Batch));
    }

    [Fact]
    public async Task Info_instruments_and_risk_table_are_those_of_the_configuration()
    {
        InfoView info = await host.Client.InfoAsync();
        Assert.Equal((31337UL, TestConfig.Vault, Trader.Domain, "demo", 10, 100, 300), (info.ChainId, info.Vault, info.Domain, info.Profile, info.Rows, info.MakerFee, info.TakerFee));
        Assert.Equal(["BTC-PERP", "ETH-PERP", "ETH"], (await host.Client.InstrumentsAsync()).Select(i => i.Symbol));
        RiskView risk = await host.Client.RiskAsync();
        Assert.True(Risk.RiskInputs.TryDecode(Convert.FromHexString(risk.Inputs.AsSpan(2)), out Risk.RiskInputs inputs, out _));
        Assert.Equal(new Crypto.Settlement.RiskTree(Risk.RiskRows.From(inputs)).Root, risk.Root);
        Assert.Equal([TestConfig.BtcPrice, TestConfig.EthPrice, TestConfig.EthPrice], risk.Rows.Select(r => r.Index));
    }

    [Fact]
    public async Task Auctions_and_the_fund_show_and_a_bid_is_checked_before_it_is_journaled()
    {
        AuctionsView auctions = JsonSerializer.Deserialize(await host.Http.GetStringAsync("v1/auctions"), ApiJson.Default.AuctionsView)!;
        Assert.Equal((0L, 0L), (auctions.Fund, auctions.Shortfall));
        Assert.Empty(auctions.Auctions);

        async Task<int> CodeOf(BidMessage bid)
        {
            (HttpStatusCode _, string body) = await PostAsync("v1/bids", JsonSerializer.Serialize(bid, ApiJson.Default.BidMessage));
            return JsonSerializer.Deserialize(body, ApiJson.Default.ApiError)!.Code;
        }

        OrderMessage order = maker.Order(TestConfig.Btc, Side.Buy, 30, TestConfig.BtcPrice, slot: 5, life: OrderLife.Fok);
        ulong before = (await host.Client.BookAsync(TestConfig.Btc)).Sequence;
        Assert.Equal((int)RejectCode.Malformed, await CodeOf(new BidMessage(3, [])));
        Assert.Equal((int)RejectCode.Malformed, await CodeOf(new BidMessage(3, [.. Enumerable.Repeat(order, 17)])));
        Assert.Equal((int)RejectCode.UnknownAccount, await CodeOf(new BidMessage(-1, [order])));
        Assert.Equal((int)RejectCode.BadSignature, await CodeOf(new BidMessage(3, [order, order with { Size = 31 }])));
        Assert.Equal(before, (await host.Client.BookAsync(TestConfig.Btc)).Sequence);
        Assert.Equal((int)RejectCode.NoAuction, await CodeOf(new BidMessage(3, [order])));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("\"order\"")]
    [InlineData("{} {}")]
    [InlineData("{\"account\":2}")]
    [InlineData("\xff\xfe")]
    public async Task Malformed_json_is_refused_with_code_1(string body) =>
        await RefusedAsync("v1/orders", body, HttpStatusCode.BadRequest, RejectCode.Malformed);

    [Theory]
    [InlineData("\"account\":2", "\"account\":2,\"extra\":1", RejectCode.Malformed)]
    [InlineData("\"account\":2", "\"account\":2,\"account\":2", RejectCode.Malformed)]
    [InlineData("\"account\":2", "\"account\":\"2\"", RejectCode.Malformed)]
    [InlineData("\"account\":2", "\"account\":null", RejectCode.Malformed)]
    [InlineData("\"account\":2", "\"account\":2.5", RejectCode.Malformed)]
    [InlineData("\"account\":2", "\"account\":[[[[[[[[[[2]]]]]]]]]]", RejectCode.Malformed)]
    [InlineData("\"account\":2", "\"account\":-1", RejectCode.UnknownAccount)]
    [InlineData("\"account\":2", "\"account\":99", RejectCode.UnknownAccount)]
    [InlineData("\"account\":2", "\"account\":16777216", RejectCode.UnknownAccount)]
    [InlineData("\"side\":\"buy\"", "\"side\":\"hold\"", RejectCode.Malformed)]
    [InlineData("\"side\":\"buy\"", "\"side\":\"Buy\"", RejectCode.Malformed)]
    [InlineData("\"side\":\"buy\"", "\"side\":0", RejectCode.Malformed)]
    [InlineData("\"size\":11", "\"size\":0", RejectCode.ZeroSize)]
    [InlineData("\"size\":11", "\"size\":-11", RejectCode.SizeOutOfRange)]
    [InlineData("\"size\":11", "\"size\":281474976710656", RejectCode.SizeOutOfRange)]
    [InlineData("\"size\":11", "\"size\":9223372036854775808", RejectCode.Malformed)]
    [InlineData("\"size\":11", "\"size\":1e400", RejectCode.Malformed)]
    [InlineData("\"limit\":61700000", "\"limit\":34359738368", RejectCode.PriceOutOfRange)]
    [InlineData("\"slot\":0", "\"slot\":256", RejectCode.Malformed)]
    [InlineData("\"nonce\":1", "\"nonce\":0", RejectCode.Malformed)]
    [InlineData("\"nonce\":1", "\"nonce\":8589934592", RejectCode.Malformed)]
    [InlineData("\"instrument\":1", "\"instrument\":262144", RejectCode.UnknownInstrument)]
    [InlineData("\"size\":11", "\"size\":12", RejectCode.BadSignature)]
    [InlineData("\"instrument\":1", "\"instrument\":2", RejectCode.BadSignature)]
    [InlineData("\"postOnly\":false", "\"postOnly\":true", RejectCode.BadSignature)]
    public async Task A_field_that_is_wrong_is_refused_with_its_code(string good, string bad, RejectCode code)
    {
        string json = JsonSerializer.Serialize(maker.Order(TestConfig.Btc, Side.Buy, 11, TestConfig.BtcPrice, nonce: 1), ApiJson.Default.OrderMessage);
        Assert.Contains(good, json, StringComparison.Ordinal);
        await RefusedAsync("v1/orders", json.Replace(good, bad, StringComparison.Ordinal), code == RejectCode.Malformed ? HttpStatusCode.BadRequest : HttpStatusCode.UnprocessableEntity, code);
        Assert.Equal(HttpStatusCode.OK, (await PostAsync("v1/orders", json)).Status);
    }

    [Fact]
    public async Task What_the_engine_refuses_comes_back_with_the_engines_code()
    {
        await host.Client.PlaceAsync(maker.Order(TestConfig.Btc, Side.Sell, 5, TestConfig.BtcPrice, slot: 1));
        await RefusesAsync(RejectCode.ReplayedNonce, maker.Order(TestConfig.Btc, Side.Sell, 5, TestConfig.BtcPrice, slot: 1, nonce: 1));
        await RefusesAsync(RejectCode.SlotBusy, maker.Order(TestConfig.Btc, Side.Sell, 5, TestConfig.BtcPrice, slot: 1));
        await RefusesAsync(RejectCode.UnknownInstrument, maker.Order(77, Side.Sell, 5, TestConfig.BtcPrice, slot: 2));
        await RefusesAsync(RejectCode.Expired, maker.Order(TestConfig.Btc, Side.Sell, 5, TestConfig.BtcPrice, slot: 3, expiry: HostHarness.Now - 1));
        await RefusesAsync(RejectCode.PriceOffTick, maker.Order(TestConfig.Btc, Side.Sell, 5, TestConfig.BtcPrice + 1, slot: 4));
        await RefusesAsync(RejectCode.FeeRateTooLow, maker.Order(TestConfig.Btc, Side.Sell, 5, TestConfig.BtcPrice, slot: 5, feeRate: 299));
        await RefusesAsync(RejectCode.PostOnlyWouldTrade, taker.Order(TestConfig.Btc, Side.Buy, 5, TestConfig.BtcPrice, slot: 6, postOnly: true));
        await RefusesAsync(RejectCode.InsufficientMargin, taker.Order(TestConfig.Btc, Side.Buy, 1_000_000, TestConfig.BtcPrice - 100, slot: 7));
        await RefusesAsync(RejectCode.NoLiquidity, taker.Order(TestConfig.Eth, Side.Buy, 5, TestConfig.EthPrice, slot: 8, life: OrderLife.Ioc));

        async Task RefusesAsync(RejectCode code, OrderMessage order)
        {
            ApiError error = (await Assert.ThrowsAsync<RefusedException>(() => host.Client.PlaceAsync(order))).Error;
            Assert.Equal(((int)code, Name.Of(code)), (error.Code, error.Name));
            Assert.StartsWith(Explanations.Of(code), error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Cancels_and_withdrawals_are_executed_and_may_be_refused()
    {
        await host.Client.PlaceAsync(maker.Order(TestConfig.Btc, Side.Sell, 5, TestConfig.BtcPrice, slot: 1));
        Assert.Equal(RequestStatus.Cancelled, (await host.Client.CancelAsync(maker.Cancel(1))).Status);
        Assert.Equal((int)RejectCode.UnknownOrder, (await Assert.ThrowsAsync<RefusedException>(() => host.Client.CancelAsync(maker.Cancel(1)))).Error.Code);
        Assert.Empty((await host.Client.BookAsync(TestConfig.Btc)).Asks);

        Assert.Equal(RequestStatus.Withdrawn, (await host.Client.WithdrawAsync(maker.Withdrawal(0, 5_000_000, slot: 2))).Status);
        Assert.Equal(Cash - 5_000_000, (await host.Client.AccountAsync(2, maker.Keys, Trader.Signer, HostHarness.Now)).Cash);
        Assert.Equal((int)RejectCode.InsufficientBalance, (await Assert.ThrowsAsync<RefusedException>(() => host.Client.WithdrawAsync(maker.Withdrawal(0, Cash, slot: 3)))).Error.Code);
        Assert.Equal((int)RejectCode.NotWithdrawable, (await Assert.ThrowsAsync<RefusedException>(() => host.Client.WithdrawAsync(maker.Withdrawal(TestConfig.Btc, 1, slot: 3)))).Error.Code);
    }

    [Fact]
    public async Task A_private_account_is_shown_to_its_key_alone()
    {
        Assert.Equal(Cash, (await host.Client.AccountAsync(2, maker.Keys, Trader.Signer, HostHarness.Now)).Cash);
        foreach (Func<Task<AccountView>> read in new Func<Task<AccountView>>[]
        {
            () => host.Client.AccountAsync(2),
            () => host.Client.AccountAsync(2, taker.Keys, Trader.Signer, HostHarness.Now),
            () => host.Client.AccountAsync(2, maker.Keys, Trader.Signer, HostHarness.Now - 31_000),
            () => host.Client.AccountAsync(2, maker.Keys, Trader.Signer, HostHarness.Now + 40_000),
            () => host.Client.AccountAsync(2, maker.Keys, new MessageSigner(Trader.Domain + Fr.One), HostHarness.Now),
        })
            Assert.Equal((int)HostCode.Unauthorized, (await Assert.ThrowsAsync<RefusedException>(read)).Error.Code);
    }

    [Fact]
    public async Task Public_accounts_are_shown_to_all_and_unknown_ones_to_none()
    {
        Assert.Equal((Cash, true), await Read(4));
        Assert.True((await Read(1)).IsPublic);
        Assert.Equal((int)HostCode.NotFound, (await Assert.ThrowsAsync<RefusedException>(() => host.Client.AccountAsync(99))).Error.Code);
        Assert.Equal([4], await host.Client.AccountsOfAsync(open.Keys.Owner));
        Assert.Empty(await host.Client.AccountsOfAsync(TestConfig.Vault));

        async Task<(long Cash, bool IsPublic)> Read(int account) => await host.Client.AccountAsync(account) is var view ? (view.Cash, view.IsPublic) : default;
    }

    [Fact]
    public async Task A_signature_over_a_request_proves_no_access_and_the_other_way_round()
    {
        OrderMessage order = maker.Order(TestConfig.Btc, Side.Buy, 1, TestConfig.BtcPrice);
        using var request = new HttpRequestMessage(HttpMethod.Get, "v1/accounts/2");
        request.Headers.Add(AccessChallenge.TimeHeader, HostHarness.Now.ToString(CultureInfo.InvariantCulture));
        request.Headers.Add(AccessChallenge.SignatureHeader, SignatureConverter.ToHex(order.Signature));
        Assert.Equal(HttpStatusCode.Unauthorized, (await host.Http.SendAsync(request)).StatusCode);
        OrderMessage forged = order with { Signature = Trader.Signer.SignAccess(2, HostHarness.Now, maker.Keys) };
        Assert.Equal((int)RejectCode.BadSignature, (await Assert.ThrowsAsync<RefusedException>(() => host.Client.PlaceAsync(forged))).Error.Code);
    }

    [Theory]
    [InlineData("v1/book/9")]
    [InlineData("v1/book/x")]
    [InlineData("v1/trades/9")]
    public async Task An_unknown_instrument_is_refused(string path) => await RefusedAsync(path, HttpStatusCode.UnprocessableEntity, (int)RejectCode.UnknownInstrument);

    [Theory]
    [InlineData("v1/book/1?depth=0")]
    [InlineData("v1/book/1?depth=101")]
    [InlineData("v1/trades/1?limit=x")]
    [InlineData("v1/batches?limit=1001")]
    [InlineData("v1/accounts?owner=0x12")]
    public async Task A_query_out_of_range_is_refused(string path) => await RefusedAsync(path, HttpStatusCode.BadRequest, (int)RejectCode.Malformed);

    [Theory]
    [InlineData("v1/nothing")]
    [InlineData("v1/batches/77")]
    [InlineData("v1/batches/-1")]
    [InlineData("v1/accounts/x")]
    [InlineData("v1/orders")]
    public async Task What_is_not_there_is_refused_in_the_same_form(string path) => await RefusedAsync(path, HttpStatusCode.NotFound, (int)HostCode.NotFound);

    [Fact]
    public async Task Only_json_is_read_and_only_up_to_the_limit()
    {
        using var form = new StringContent("{}", Encoding.UTF8, "text/plain");
        Assert.Equal((int)RejectCode.Malformed, (await ReadErrorAsync(await host.Http.PostAsync("v1/orders", form))).Code);
        (HttpStatusCode status, string body) = await PostAsync("v1/orders", new string(' ', 20_000) + "{}");
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, status);
        Assert.Equal((int)HostCode.TooLarge, JsonSerializer.Deserialize(body, ApiJson.Default.ApiError)!.Code);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("Bearer wrong")]
    [InlineData("Bearer an-operator-token-for-tests-only-012345678")]
    [InlineData("Basic an-operator-token-for-tests-only-0123456789")]
    public async Task The_operators_endpoint_needs_the_operators_token(string? authorization)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "v1/operator/seal");
        if (authorization is not null) request.Headers.TryAddWithoutValidation("Authorization", authorization);
        HttpResponseMessage response = await host.Http.SendAsync(request);
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.Equal((int)HostCode.Unauthorized, (await ReadErrorAsync(response)).Code);
        Assert.Equal(BatchStage.Sealed, (await host.Client.SealAsync(HostHarness.OperatorToken)).Stage);
    }

    [Fact]
    public async Task Health_and_metrics_tell_what_happened()
    {
        await host.Client.PlaceAsync(maker.Order(TestConfig.Btc, Side.Sell, 5, TestConfig.BtcPrice));
        await RefusedAsync("v1/orders", "{", HttpStatusCode.BadRequest, RejectCode.Malformed);
        await HostHarness.UntilAsync(async () => (await host.Client.HealthAsync()).Status == HealthStatus.Ok);
        HealthView health = await host.Client.HealthAsync();
        Assert.Equal((1u, 0u), (health.Batch, health.LastSealed));
        Assert.Empty(health.Problems);
        string metrics = await host.Http.GetStringAsync("metrics");
        Assert.Contains("rollup_requests_total{code=\"none\"} ", metrics, StringComparison.Ordinal);
        Assert.Contains("rollup_requests_total{code=\"malformed\"} 1\n", metrics, StringComparison.Ordinal);
        Assert.Contains("rollup_healthy 1\n", metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task After_a_safe_stop_health_says_why_and_orders_are_refused()
    {
        host.Core.Halt("the reason of a test");
        HealthView health = await host.Client.HealthAsync();
        Assert.Equal((HealthStatus.Halted, "the reason of a test"), (health.Status, health.Problems[0]));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await host.Http.GetAsync("health")).StatusCode);
        ApiError error = (await Assert.ThrowsAsync<RefusedException>(() => host.Client.PlaceAsync(maker.Order(TestConfig.Btc, Side.Sell, 5, TestConfig.BtcPrice)))).Error;
        Assert.Equal((int)HostCode.Halted, error.Code);
        Assert.Contains("the reason of a test", error.Message, StringComparison.Ordinal);
        Assert.Empty((await host.Client.BookAsync(TestConfig.Btc)).Asks);
    }

    [Fact]
    public async Task The_api_describes_itself()
    {
        using JsonDocument document = JsonDocument.Parse(await host.Http.GetStringAsync("openapi/v1.json"));
        JsonElement paths = document.RootElement.GetProperty("paths");
        foreach (string path in new[] { "/v1/orders", "/v1/cancels", "/v1/withdrawals", "/v1/view-keys", "/v1/bids", "/v1/auctions", "/v1/book/{instrument}", "/v1/accounts/{account}", "/v1/accounts/{account}/events", "/v1/events", "/v1/info", "/v1/batches/{batch}", "/health" })
            Assert.True(paths.TryGetProperty(path, out _), path);
        JsonElement order = document.RootElement.GetProperty("components").GetProperty("schemas").GetProperty("OrderMessage");
        Assert.Contains("feeRate", order.GetProperty("required").EnumerateArray().Select(e => e.GetString()));
        Assert.Equal("^0x[0-9a-fA-F]{192}$", Resolve(document, order.GetProperty("properties").GetProperty("signature")).GetProperty("pattern").GetString());
        JsonElement schemas = document.RootElement.GetProperty("components").GetProperty("schemas");
        Assert.Equal(["spot", "perpetual", "call", "put"], Resolve(document, schemas.GetProperty("InstrumentView").GetProperty("properties").GetProperty("kind")).GetProperty("enum").EnumerateArray().Select(e => e.GetString()!));
        Assert.Contains("deleveragedAgainst", Resolve(document, schemas.GetProperty("AccountEventView").GetProperty("properties").GetProperty("kind")).GetProperty("enum").EnumerateArray().Select(e => e.GetString()!));
        Assert.False(schemas.GetProperty("MarketEventView").GetProperty("properties").TryGetProperty("account", out _));
        JsonElement operation = paths.GetProperty("/v1/orders").GetProperty("post").GetProperty("responses");
        Assert.Equal(["200", "400", "422", "429", "503"], operation.EnumerateObject().Select(p => p.Name).Order());
    }

    private static JsonElement Resolve(JsonDocument document, JsonElement schema) => schema.TryGetProperty("$ref", out JsonElement reference)
        ? document.RootElement.GetProperty("components").GetProperty("schemas").GetProperty(reference.GetString()!.Split('/')[^1]) : schema;

    private async Task RefusedAsync(string path, string body, HttpStatusCode status, RejectCode code)
    {
        (HttpStatusCode found, string answer) = await PostAsync(path, body);
        ApiError error = JsonSerializer.Deserialize(answer, ApiJson.Default.ApiError)!;
        Assert.Equal((status, (int)code, Name.Of(code)), (found, error.Code, error.Name));
    }

    private async Task RefusedAsync(string path, HttpStatusCode status, int code)
    {
        HttpResponseMessage response = await host.Http.GetAsync(path);
        Assert.Equal((status, code), (response.StatusCode, (await ReadErrorAsync(response)).Code));
    }

    private async Task<(HttpStatusCode Status, string Body)> PostAsync(string path, string body)
    {
        using var content = new ByteArrayContent(Encoding.Latin1.GetBytes(body));
        content.Headers.ContentType = new("application/json");
        HttpResponseMessage response = await host.Http.PostAsync(path, content);
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    private static async Task<ApiError> ReadErrorAsync(HttpResponseMessage response) =>
        JsonSerializer.Deserialize(await response.Content.ReadAsByteArrayAsync(), ApiJson.Default.ApiError)!;
}
