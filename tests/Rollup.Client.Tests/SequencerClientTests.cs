using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Rollup.Api;
using Rollup.Client.Keys;
using Rollup.Client.Sequencer;
using Rollup.Crypto;
using Rollup.Protocol;

namespace Rollup.Client.Tests;

public sealed class SequencerClientTests : IAsyncLifetime, IDisposable
{
    private FakeSequencer fake = null!;
    private SequencerClient client = null!;

    public async Task InitializeAsync()
    {
        fake = await FakeSequencer.StartAsync();
        client = new SequencerClient(fake.Endpoint);
    }

    public async Task DisposeAsync() => await fake.DisposeAsync();

    public void Dispose() => client.Dispose();

    [Fact]
    public async Task Views_are_asked_for_where_they_are()
    {
        var info = new InfoView(31337, Sample.Vault, Fr.FromUInt64(3), 1, "demo", 8, 16, 4, -50, 300, 1_723_161_256_003, [new GroupView(3, "lowConfidence", "reduceOnly", 200_000, 150_000, false, true, false, false)]);
        fake.Answer("GET /v1/info", info, ApiJson.Default.InfoView);
        fake.Answer("GET /v1/instruments", [new InstrumentView(2, "BTC-PERP", InstrumentKindName.Perpetual, 1, "BTC", 1_000, 10, 5)], ApiJson.Default.IReadOnlyListInstrumentView);
        fake.Answer("GET /v1/book/2", new BookView(2, 71, 72, [new LevelView(73, 74)], [new LevelView(75, 76), new LevelView(77, 78)]), ApiJson.Default.BookView);
        fake.Answer("GET /v1/trades/2", [new TradeView(81, 82, 83, 2, Side.Sell, 85, 86)], ApiJson.Default.IReadOnlyListTradeView);
        fake.Answer("GET /v1/batches", [Sample.Batch], ApiJson.Default.IReadOnlyListBatchView);
        fake.Answer("GET /v1/batches/12", Sample.Batch, ApiJson.Default.BatchView);
        fake.Answer("GET /v1/accounts", [4, 9], ApiJson.Default.IReadOnlyListInt32);
        fake.Answer("GET /v1/accounts/4", Sample.Account, ApiJson.Default.AccountView);

        InfoView seen = await client.InfoAsync();
        Assert.Equal(info.Groups, seen.Groups);
        Assert.Equal(info, seen with { Groups = info.Groups });
        Assert.Equal(new InstrumentView(2, "BTC-PERP", InstrumentKindName.Perpetual, 1, "BTC", 1_000, 10, 5), Assert.Single(await client.InstrumentsAsync()));
        BookView book = await client.BookAsync(2, depth: 7);
        Assert.Equal((71ul, new LevelView(73, 74), new LevelView(77, 78)), (book.Sequence, book.Bids[0], book.Asks[1]));
        Assert.Equal(new TradeView(81, 82, 83, 2, Side.Sell, 85, 86), Assert.Single(await client.TradesAsync(2, limit: 6)));
        Assert.Equal(Sample.Batch, Assert.Single(await client.BatchesAsync(limit: 5)));
        Assert.Equal(Sample.Batch, await client.BatchAsync(12));
        Assert.Equal([4, 9], await client.AccountsOfAsync(Sample.Account.Owner));
        AccountView account = await client.AccountAsync(4);
        Assert.Equal((9_007_199_254_740_993, -44L, 55L, 66L, new SlotView(18, 24)), (account.Cash, account.Value, account.Health, account.Free, account.Slots[1]));
        Assert.Equal(
            ["GET /v1/info", "GET /v1/instruments", "GET /v1/book/2?depth=7", "GET /v1/trades/2?limit=6", "GET /v1/batches?limit=5", "GET /v1/batches/12",
                $"GET /v1/accounts?owner={Sample.Account.Owner}", "GET /v1/accounts/4"],
            fake.Requests.Select(r => r.Target));
    }

    [Fact]
    public async Task Requests_carry_what_was_signed()
    {
        using TraderKeys keys = Sample.Keys();
        var result = new RequestResult(55, 12, RequestStatus.Closed, 400, 600, [Sample.Fill], ApiError.Of(RejectCode.NoLiquidity));
        foreach (string path in (string[])["orders", "cancels", "withdrawals"]) fake.Answer($"POST /v1/{path}", result, ApiJson.Default.RequestResult);
        fake.Answer("POST /v1/view-keys", new ViewKeyResult(56, keys.ViewKeyHash), ApiJson.Default.ViewKeyResult);
        OrderMessage order = Sample.Signer.Sign(Sample.Order, keys);

        RequestResult answer = await client.PlaceAsync(order);
        Assert.Equal((55ul, RequestStatus.Closed, 400L, "noLiquidity", Sample.Fill), (answer.Sequence, answer.Status, answer.Filled, answer.Closed!.Name, Assert.Single(answer.Fills)));
        await client.CancelAsync(Sample.Signer.Sign(Sample.Cancel, keys));
        await client.WithdrawAsync(Sample.Signer.Sign(Sample.Withdrawal, keys));
        Assert.Equal(keys.ViewKeyHash, (await client.DiscloseViewKeyAsync(keys)).ViewKeyHash);

        // Read as strictly as the sequencer reads.
        Assert.Equal(order, JsonSerializer.Deserialize(Sent("orders").Body, ApiJson.Default.OrderMessage));
        Assert.Equal(Sample.Signer.Sign(Sample.Cancel, keys), JsonSerializer.Deserialize(Sent("cancels").Body, ApiJson.Default.CancelMessage));
        Assert.Equal(Sample.Signer.Sign(Sample.Withdrawal, keys), JsonSerializer.Deserialize(Sent("withdrawals").Body, ApiJson.Default.WithdrawalMessage));
        Assert.Equal(keys.ViewKey, JsonSerializer.Deserialize(Sent("view-keys").Body, ApiJson.Default.ViewKeyMessage)!.ViewKey);
        Assert.Equal("application/json", Sent("orders").Headers["Content-Type"]);

        Asked Sent(string path) => fake.Requests.Single(r => r.Target == $"POST /v1/{path}");
    }

    [Fact]
    public async Task Secrets_travel_in_headers_of_their_own()
    {
        using TraderKeys keys = Sample.Keys();
        fake.Answer("GET /v1/accounts/4", Sample.Account, ApiJson.Default.AccountView);
        fake.Answer("POST /v1/operator/seal", Sample.Batch, ApiJson.Default.BatchView);
        await client.AccountAsync(4, keys, Sample.Signer, 1_723_161_256_004);
        await client.SealAsync("a token of the operator");
        Assert.Equal("1723161256004", fake.Requests[0].Headers[AccessChallenge.TimeHeader]);
        Assert.True(SignatureConverter.TryParse(fake.Requests[0].Headers[AccessChallenge.SignatureHeader], out EddsaSignature signature));
        Assert.True(keys.SigningKey.PublicKey.Verify(AccessChallenge.Message(Sample.Signer.Domain, 4, 1_723_161_256_004), signature));
        Assert.Equal("Bearer a token of the operator", fake.Requests[1].Headers["Authorization"]);
    }

    [Fact]
    public async Task A_refusal_keeps_its_code()
    {
        fake.Answer("GET /v1/batches/13", ApiError.Of(HostCode.NotFound, "batch 13"), ApiJson.Default.ApiError, status: 404);
        ApiError error = (await Assert.ThrowsAsync<RefusedException>(() => client.BatchAsync(13))).Error;
        Assert.Equal(((int)HostCode.NotFound, "notFound"), (error.Code, error.Name));
        fake.Answer("GET /v1/info", ApiError.Of(RejectCode.EpochClosed), ApiJson.Default.ApiError, status: 422);
        Assert.StartsWith($"epochClosed ({(int)RejectCode.EpochClosed}): ", (await Assert.ThrowsAsync<RefusedException>(() => client.InfoAsync())).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(200, "{\"chainId\": 5")]
    [InlineData(200, "null")]
    [InlineData(200, "[]")]
    [InlineData(200, "")]
    [InlineData(200, "{\"chainId\": 5}")]
    [InlineData(502, "<html>Bad gateway</html>")]
    [InlineData(500, "null")]
    [InlineData(404, "")]
    public async Task Something_else_than_the_api_is_named(int status, string body)
    {
        fake.Answer("GET /v1/info", body, status);
        var error = await Assert.ThrowsAsync<SequencerUnreachableException>(() => client.InfoAsync());
        Assert.Equal($"{fake.Endpoint}v1/info answered with something that is not the sequencer's API.", error.Message);
    }

    [Fact]
    public async Task Members_that_a_newer_sequencer_added_are_passed_over()
    {
        fake.Answer("GET /v1/accounts", "[4]");
        fake.Answer("GET /v1/book/2", """{"instrument":2,"sequence":71,"time":72,"bids":[],"asks":[],"depth":9}""");
        Assert.Equal(71ul, (await client.BookAsync(2)).Sequence);
    }

    [Fact]
    public async Task A_redirect_is_not_followed()
    {
        fake.Answer("GET /v1/accounts", "[4]");
        fake.Answer("GET /v1/info", context =>
        {
            context.Response.Redirect("/v1/accounts");
            return Task.CompletedTask;
        });
        await Assert.ThrowsAsync<SequencerUnreachableException>(() => client.InfoAsync());
        Assert.Single(fake.Requests);
    }

    [Fact]
    public async Task A_flood_is_cut_off()
    {
        fake.Answer("GET /v1/info", new string(' ', (8 << 20) + 1) + "{}");
        Assert.Contains("cannot be reached", (await Assert.ThrowsAsync<SequencerUnreachableException>(() => client.InfoAsync())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_health_of_a_halted_sequencer_is_an_answer()
    {
        fake.Answer("GET /health", new HealthView(HealthStatus.Halted, ["the disk is full"], 9, 0, 8, 7, 6), ApiJson.Default.HealthView, status: 503);
        HealthView health = await client.HealthAsync();
        Assert.Equal((HealthStatus.Halted, "the disk is full", 8u), (health.Status, Assert.Single(health.Problems), health.LastSealed));
    }

    [Fact]
    public async Task A_broken_connection_and_none_are_named_and_the_next_request_works()
    {
        fake.Answer("GET /v1/accounts", "[4]");
        fake.Answer("GET /v1/info", context =>
        {
            context.Abort();
            return Task.CompletedTask;
        });
        Assert.Contains("cannot be reached", (await Assert.ThrowsAsync<SequencerUnreachableException>(() => client.InfoAsync())).Message, StringComparison.Ordinal);
        Assert.Equal([4], await client.AccountsOfAsync(Sample.Account.Owner));

        using var nobody = new SequencerClient(new Uri($"http://127.0.0.1:{FreePort()}"));
        Assert.Contains($"{nobody.Endpoint} cannot be reached", (await Assert.ThrowsAsync<SequencerUnreachableException>(() => nobody.InfoAsync())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Silence_ends_with_the_time_limit_or_the_callers_patience()
    {
        fake.Answer("GET /v1/info", context => Task.Delay(Timeout.Infinite, context.RequestAborted));
        using var hasty = new SequencerClient(new HttpClient { BaseAddress = fake.Endpoint, Timeout = TimeSpan.FromMilliseconds(200) });
        Assert.Contains("did not answer within", (await Assert.ThrowsAsync<SequencerUnreachableException>(() => hasty.InfoAsync())).Message, StringComparison.Ordinal);
        using var patience = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => client.InfoAsync(patience.Token));
    }

    /// <summary>A port that was just free.</summary>
    internal static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
