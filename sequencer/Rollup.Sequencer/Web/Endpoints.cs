using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Rollup.Api;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Engine;
using Rollup.Protocol;
using Rollup.Sequencer.Configuration;
using Rollup.Sequencer.Core;
using Rollup.Sequencer.Receipts;
using AccountView = Rollup.Api.AccountView;

namespace Rollup.Sequencer.Web;

/// <summary>The REST API and the stream's entrance.</summary>
internal sealed class Endpoints(
    SequencerConfig config, SequencerCore core, AccessControl access, StreamHub hub, HostStatus status, HostMetrics metrics, TimeProvider clock, ReceiptDesk? receipts = null)
{
    private const int DefaultList = 50;
    private const int MaxList = 1000;
    private readonly SignatureIntake intake = new(
        new RequestVerifier(config.ToEngine().Domain).VerifyMany, Environment.ProcessorCount, config.Limits.Queue, metrics, clock);
    private int streams;

    internal void Map(IEndpointRouteBuilder app, CancellationToken stopping)
    {
        Post("/v1/orders", "Place an order", context => Submit(context, ApiJson.Default.OrderMessage)).Accepts<OrderMessage>(Answers.Json).Produces<RequestResult>();
        Post("/v1/cancels", "Cancel the orders of a slot", context => Submit(context, ApiJson.Default.CancelMessage)).Accepts<CancelMessage>(Answers.Json).Produces<RequestResult>();
        Post("/v1/withdrawals", "Withdraw to the vault", context => Submit(context, ApiJson.Default.WithdrawalMessage)).Accepts<WithdrawalMessage>(Answers.Json).Produces<RequestResult>();
        Post("/v1/bids", "Bid for a slice in auction: an order for every leg, all or none", Bid).Accepts<BidMessage>(Answers.Json).Produces<RequestResult>();
        Post("/v1/view-keys", "Disclose a view key ahead of its registration", ViewKey).Accepts<ViewKeyMessage>(Answers.Json).Produces<ViewKeyResult>();
        Post("/v1/operator/seal", "Seal the open batch now (operator)", Seal).Produces<BatchView>();

        Get("/v1/info", "What a client must know to sign and to settle", Info).Produces<InfoView>();
        Get("/v1/instruments", "The listed instruments", context => context.Response.WriteAsync([.. config.Instruments.Select(Views.Instrument)], ApiJson.Default.IReadOnlyListInstrumentView))
            .Produces<IReadOnlyList<InstrumentView>>();
        Get("/v1/book/{instrument}", "The best prices of a book; ?depth=1..100", Book).Produces<BookView>();
        Get("/v1/trades/{instrument}", "The newest trades, newest first; ?limit=1..1000", Trades).Produces<IReadOnlyList<TradeView>>();
        Get("/v1/risk", "The risk table of the epoch", Risk).Produces<RiskView>();
        Get("/v1/auctions", "Slices of portfolios that may be bid for, the insurance fund, the shortfall", Auctions).Produces<AuctionsView>();
        Get("/v1/batches", "The newest batches and how far they are, newest first; ?limit=1..1000", Batches).Produces<IReadOnlyList<BatchView>>();
        Get("/v1/batches/{batch}", "One batch", Batch).Produces<BatchView>();
        Get("/v1/receipts/{number}", "The sequencer's receipt of one accepted request", Receipt).Produces<ReceiptView>();
        Get("/v1/accounts/{account}", $"An account; a private one needs the headers {AccessChallenge.TimeHeader} and {AccessChallenge.SignatureHeader}", Account).Produces<AccountView>();
        Get("/v1/accounts/{account}/events", "What happened to an account besides its requests here (conversions, liquidation, deleveraging, requests on L1 and what they closed), newest first; access as to the account; ?limit=1..1000", AccountEvents)
            .Produces<IReadOnlyList<AccountEventView>>();
        Get("/v1/events", "Settlements, auctions, payments of the insurance fund, deleveragings, newest first; ?limit=1..1000", MarketEvents).Produces<IReadOnlyList<MarketEventView>>();
        Get("/v1/accounts", "The accounts of an owner, ascending; ?owner=0x...", Accounts).Produces<IReadOnlyList<int>>();
        Get("/v1/stream", "WebSocket: book, trades, batches, own fills and events, events of the market", context => Stream(context, stopping)).ExcludeFromDescription();
        Get("/health", "Whether the sequencer works; 503 after a safe stop", Health).Produces<HealthView>();
        Get("/metrics", "Counters for Prometheus", context => context.Response.WriteAsync(metrics.Write(status.View()))).ExcludeFromDescription();

        RouteHandlerBuilder Post(string route, string summary, RequestDelegate handler) =>
            app.MapPost(route, (Delegate)handler).WithSummary(summary).Produces<ApiError>(400).Produces<ApiError>(422).Produces<ApiError>(429).Produces<ApiError>(503);

        RouteHandlerBuilder Get(string route, string summary, RequestDelegate handler) =>
            app.MapGet(route, (Delegate)handler).WithSummary(summary).Produces<ApiError>(400).Produces<ApiError>(404).Produces<ApiError>(429).Produces<ApiError>(503);
    }

    private async Task Submit<T>(HttpContext context, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type) where T : class, ISignedMessage
    {
        if (await context.ReadAsync(type) is { } message) await Answer(context, await Submit(message));
    }

    private async Task Answer(HttpContext context, Answer<RequestResult> answer)
    {
        if (answer.Value is { } result) await context.Response.WriteAsync(await WithReceipts(result), ApiJson.Default.RequestResult);
        else await context.RefuseAsync(answer.Error!);
    }

    private async Task<RequestResult> WithReceipts(RequestResult result)
    {
        if (receipts is null) return result with { Receipts = null };
        var signed = new List<ReceiptView>();
        foreach (ReceiptView receipt in result.Receipts!)
            if (await receipts.WhenSignedAsync(receipt.Number, CancellationToken.None) is { } found) signed.Add(Views.Receipt(found));
        return result with { Receipts = signed };
    }

    private Task Receipt(HttpContext context) =>
        long.TryParse(context.GetRouteValue("number") as string, NumberStyles.None, CultureInfo.InvariantCulture, out long number) && receipts?.Find(number) is { } receipt
            ? context.Response.WriteAsync(Views.Receipt(receipt), ApiJson.Default.ReceiptView)
            : context.RefuseAsync(ApiError.Of(HostCode.NotFound));

    private async Task<Answer<RequestResult>> Submit(ISignedMessage message)
    {
        if (await Refusal(message) is { } refusal) return refusal;
        var work = new RequestWork(message.ToRequest(), message.Signature);
        return core.TryPost(work) ? await work.Completion : ApiError.Of(HostCode.Busy);
    }

    /// <summary>Why a signed message goes no further: its form, its signature, its account's rate.</summary>
    private async Task<ApiError?> Refusal(ISignedMessage message)
    {
        SignedRequest request = message.ToRequest();
        if (RequestRules.Check(request, out string problem) is var rule and not RejectCode.None) return ApiError.Of(rule, problem);
        if (core.Keys[request.Account] is not { } key) return ApiError.Of(RejectCode.UnknownAccount);
        if (await intake.VerifyAsync(new SignedWord(request.Pack(), message.Signature, key)) is not { } verified) return ApiError.Of(HostCode.Busy);
        if (verified != RejectCode.None) return ApiError.Of(verified);
        return access.TryTake(request.Account) ? null : ApiError.Of(HostCode.RateLimited, "of this account");
    }

    private async Task Bid(HttpContext context)
    {
        if (await context.ReadAsync(ApiJson.Default.BidMessage) is { } message) await Answer(context, await Bid(message));
    }

    private async Task<Answer<RequestResult>> Bid(BidMessage message)
    {
        if (message.Orders.Count is 0 or > Bound.Positions) return ApiError.Of(RejectCode.Malformed, $"orders: a bid has 1 to {Bound.Positions}");
        if (message.Account is < 0 or >= 1 << Width.Account) return ApiError.Of(RejectCode.UnknownAccount);
        foreach (OrderMessage order in message.Orders)
            if (await Refusal(order) is { } refusal) return refusal;
        var work = new BidWork(message.Account, [.. message.Orders.Select(o => (o.ToRequest(), o.Signature))]);
        return core.TryPost(work) ? await work.Completion : ApiError.Of(HostCode.Busy);
    }

    private async Task Auctions(HttpContext context)
    {
        long now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        await context.Response.WriteAsync(await core.ReadAsync(machine => Views.Auctions(machine, now)), ApiJson.Default.AuctionsView);
    }

    private async Task ViewKey(HttpContext context)
    {
        if (await context.ReadAsync(ApiJson.Default.ViewKeyMessage) is not { } message) return;
        long now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        if (!await core.ReadAsync(machine => machine.ViewKeys.HasRoom(now)))
        {
            await context.RefuseAsync(ApiError.Of(HostCode.Busy, "too many view keys wait for their registration"));
            return;
        }

        var work = new ViewKeyWork(message.ViewKey);
        Answer<ViewKeyResult> answer = core.TryPost(work) ? await work.Completion : ApiError.Of(HostCode.Busy);
        if (answer.Value is { } result) await context.Response.WriteAsync(result, ApiJson.Default.ViewKeyResult);
        else await context.RefuseAsync(answer.Error!);
    }

    private async Task Seal(HttpContext context)
    {
        if (!access.IsOperator(context.Request.Headers.Authorization))
        {
            await context.RefuseAsync(new ApiError((int)HostCode.Unauthorized, Name.Of(HostCode.Unauthorized), "The operator's token is needed."));
            return;
        }

        var work = new SealWork();
        Answer<BatchView> answer = core.TryPost(work) ? await work.Completion : ApiError.Of(HostCode.Busy);
        if (answer.Value is { } batch) await context.Response.WriteAsync(batch, ApiJson.Default.BatchView);
        else await context.RefuseAsync(answer.Error!);
    }

    private async Task Info(HttpContext context)
    {
        CircuitProfile profile = CircuitProfile.Named(config.Profile);
        await context.Response.WriteAsync(
            new InfoView(config.Chain.ChainId, config.Chain.Vault, config.ToEngine().Domain, (int)config.Chain.CircuitVersion, profile.Name, profile.Blocks, profile.Rows, profile.Operations,
                config.Fees.MakerPpm, config.Fees.TakerPpm, clock.GetUtcNow().ToUnixTimeMilliseconds(), await core.GroupsAsync(), receipts?.Signer), ApiJson.Default.InfoView);
    }

    private async Task Book(HttpContext context)
    {
        if (Instrument(context) is not { } instrument) await context.RefuseAsync(ApiError.Of(RejectCode.UnknownInstrument));
        else if (Query(context, "depth", Views.DefaultDepth, Views.MaxDepth) is not { } depth) await context.RefuseAsync(BadQuery("depth", Views.MaxDepth));
        else await context.Response.WriteAsync(await core.ReadAsync(machine => Views.Book(machine, instrument, depth)), ApiJson.Default.BookView);
    }

    private async Task Trades(HttpContext context)
    {
        if (Instrument(context) is not { } instrument) await context.RefuseAsync(ApiError.Of(RejectCode.UnknownInstrument));
        else if (Query(context, "limit", DefaultList, MaxList) is not { } limit) await context.RefuseAsync(BadQuery("limit", MaxList));
        else await context.Response.WriteAsync(await core.ReadAsync(machine => machine.Trades.Newest(instrument, limit)), ApiJson.Default.IReadOnlyListTradeView);
    }

    private async Task Risk(HttpContext context)
    {
        if (await core.ReadAsync(Views.Risk) is { } risk) await context.Response.WriteAsync(risk, ApiJson.Default.RiskView);
        else await context.RefuseAsync(ApiError.Of(HostCode.NotFound, "no epoch has been opened yet"));
    }

    private async Task Batches(HttpContext context)
    {
        if (Query(context, "limit", DefaultList, MaxList) is not { } limit) await context.RefuseAsync(BadQuery("limit", MaxList));
        else await context.Response.WriteAsync(await core.ReadAsync(machine => machine.Batches.Newest(limit)), ApiJson.Default.IReadOnlyListBatchView);
    }

    private async Task Batch(HttpContext context)
    {
        bool isNumber = uint.TryParse(context.GetRouteValue("batch") as string, NumberStyles.None, CultureInfo.InvariantCulture, out uint batch);
        if (isNumber && await core.ReadAsync(machine => machine.Batches[batch]) is { } view) await context.Response.WriteAsync(view, ApiJson.Default.BatchView);
        else await context.RefuseAsync(ApiError.Of(HostCode.NotFound));
    }

    private async Task Account(HttpContext context)
    {
        if (AccessRefusal(context, out int account) is { } refusal) await context.RefuseAsync(refusal);
        else if (await core.ReadAsync(machine => Views.Account(machine, account)) is { } view) await context.Response.WriteAsync(view, ApiJson.Default.AccountView);
        else await context.RefuseAsync(ApiError.Of(HostCode.NotFound));
    }

    private async Task AccountEvents(HttpContext context)
    {
        if (AccessRefusal(context, out int account) is { } refusal) await context.RefuseAsync(refusal);
        else if (Query(context, "limit", DefaultList, MaxList) is not { } limit) await context.RefuseAsync(BadQuery("limit", MaxList));
        else await context.Response.WriteAsync(await core.ReadAsync(machine => machine.Events.Newest(account, limit)), ApiJson.Default.IReadOnlyListAccountEventView);
    }

    private async Task MarketEvents(HttpContext context)
    {
        if (Query(context, "limit", DefaultList, MaxList) is not { } limit) await context.RefuseAsync(BadQuery("limit", MaxList));
        else await context.Response.WriteAsync(await core.ReadAsync(machine => machine.Events.NewestOfMarket(limit)), ApiJson.Default.IReadOnlyListMarketEventView);
    }

    private Task Accounts(HttpContext context) => Address.TryParse(context.Request.Query["owner"], out Address owner)
        ? context.Response.WriteAsync(core.Keys.Of(owner), ApiJson.Default.IReadOnlyListInt32)
        : context.RefuseAsync(ApiError.Of(RejectCode.Malformed, "owner must be an address"));

    /// <summary>Why the route's account may not be shown; null if it may.</summary>
    private ApiError? AccessRefusal(HttpContext context, out int account) =>
        !int.TryParse(context.GetRouteValue("account") as string, NumberStyles.None, CultureInfo.InvariantCulture, out account) || core.Keys[account] is null ? ApiError.Of(HostCode.NotFound)
        : access.IsPublic(account) ? null : CheckAccess(context, account);

    private ApiError? CheckAccess(HttpContext context, int account)
    {
        IHeaderDictionary headers = context.Request.Headers;
        return long.TryParse(headers[AccessChallenge.TimeHeader], NumberStyles.None, CultureInfo.InvariantCulture, out long time)
            && SignatureConverter.TryParse(headers[AccessChallenge.SignatureHeader], out EddsaSignature signature)
            ? access.Check(account, time, signature) : ApiError.Of(HostCode.Unauthorized);
    }

    private async Task Stream(HttpContext context, CancellationToken stopping)
    {
        if (!context.WebSockets.IsWebSocketRequest)
        {
            await context.RefuseAsync(ApiError.Of(RejectCode.Malformed, "this is a WebSocket endpoint"));
            return;
        }

        if (Interlocked.Increment(ref streams) > config.Limits.StreamConnections) await context.RefuseAsync(ApiError.Of(HostCode.Busy, "too many stream connections"));
        else
        {
            using System.Net.WebSockets.WebSocket socket = await context.WebSockets.AcceptWebSocketAsync();
            using var connection = new StreamConnection(socket, hub, access, config, metrics, clock);
            await connection.RunAsync(stopping);
        }

        Interlocked.Decrement(ref streams);
    }

    private Task Health(HttpContext context)
    {
        HealthView view = status.View();
        return context.Response.WriteAsync(view, ApiJson.Default.HealthView, view.Status == HealthStatus.Halted ? 503 : 200);
    }

    private int? Instrument(HttpContext context) =>
        int.TryParse(context.GetRouteValue("instrument") as string, NumberStyles.None, CultureInfo.InvariantCulture, out int id) && config.Instruments.Any(t => t.Id == id) ? id : null;

    private static int? Query(HttpContext context, string name, int absent, int most)
    {
        if (!context.Request.Query.TryGetValue(name, out Microsoft.Extensions.Primitives.StringValues text)) return absent;
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value >= 1 && value <= most ? value : null;
    }

    private static ApiError BadQuery(string name, int most) => ApiError.Of(RejectCode.Malformed, $"{name} must be 1 to {most}");
}
