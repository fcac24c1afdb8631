using System.IO.Compression;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Rollup.Api;
using Rollup.Client.Tests;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Ethereum;
using Rollup.Protocol;
using Rollup.TestSupport;

namespace Rollup.Cli.Tests;

/// <summary>The commands that talk to a sequencer, here a fake one.</summary>
public sealed class SequencerCommandTests : IAsyncLifetime, IDisposable
{
    private const int Account = 4, Maker = 5, Taker = 6, Owner = 3;
    private static readonly Fr Domain = SettlementDomain.Of(AnvilProcess.ChainId, CliRun.Vault);
    private readonly CliRun cli = new();
    private FakeSequencer fake = null!;

    public async Task InitializeAsync()
    {
        fake = await FakeSequencer.StartAsync();
        fake.Answer("GET /v1/info", new InfoView(AnvilProcess.ChainId, CliRun.Vault, Domain, 1, "demo", 8, 16, 4, -50, 300, 1_723_161_256_003, []), ApiJson.Default.InfoView);
        fake.Answer("GET /v1/instruments",
            [
                new InstrumentView(1, "ETH", InstrumentKindName.Spot, 2, "ETH", 10_000, 1, 1), new InstrumentView(2, "BTC-PERP", InstrumentKindName.Perpetual, 1, "BTC", 1_000, 10, 5),
                new InstrumentView(3, "ETH-PERP", InstrumentKindName.Perpetual, 2, "ETH", 100, 20, 6),
            ], ApiJson.Default.IReadOnlyListInstrumentView);
        fake.Answer("GET /v1/batches", [new BatchView(12, BatchStage.Proven, 21, 34, 56, Rows: 78, CommittedBlock: 101, ProvenBlock: 102)], ApiJson.Default.IReadOnlyListBatchView);
        Owns(Account);
    }

    public async Task DisposeAsync() => await fake.DisposeAsync();

    public void Dispose() => cli.Dispose();

    [Fact]
    public async Task Book_batches_and_account_are_shown()
    {
        fake.Answer("GET /v1/book/2", new BookView(2, 71, 72, [new LevelView(61_799_990, 74)], [new LevelView(61_800_010, 76), new LevelView(61_800_020, 78)]), ApiJson.Default.BookView);
        string book = (await cli.RunAsync(To("book", "--instrument", "2"))).Succeeds();
        Assert.Matches(@"74\D+61799990\D+61800010\D+76\D+61800020\D+78", book);
        Assert.Matches(@"12\W+Proven\W+34\W+56\W+78\W+101\W+102", (await cli.RunAsync(To("batches"))).Succeeds());
        string account = (await cli.RunAsync(To("account", "--key", cli.SaveKeys(Owner)))).Succeeds();
        Assert.Contains("account 4 of 0x", account, StringComparison.Ordinal);
        Assert.Contains("cash 9,007,199,254.74  value -44.00  health 55.00  free 66.00 USD", account, StringComparison.Ordinal);
        Assert.Contains("instrument 2: -400 lots, -77.00 USD", account, StringComparison.Ordinal);
        Assert.Contains("slot 17: Buy 600 of 2 at 61799990", account, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_order_is_signed_with_the_slots_next_nonce_and_its_fills_are_checked()
    {
        string key = cli.SaveKeys(Owner);
        string[] order = To("order", "sell", "--key", key, "--instrument", "2", "--size", "1000", "--limit", "61800000", "--life", "ioc", "--slot", "17", "--reduce-only");
        FillsAt(61_800_010);
        string shown = (await cli.RunAsync(order)).Succeeds();
        Assert.Contains("Closed in batch 12: filled 400, resting 0", shown, StringComparison.Ordinal);
        Assert.Contains("noLiquidity: ", shown, StringComparison.Ordinal);
        Assert.Contains("  400 at 61800010, fee 17", shown, StringComparison.Ordinal);
        OrderMessage sent = JsonSerializer.Deserialize(fake.Requests.Single(r => r.Target == "POST /v1/orders").Body, ApiJson.Default.OrderMessage)!;
        Assert.Equal((Account, 17, 24L, 2, Side.Sell, 1000L, 61_800_000L, OrderLife.Ioc, true),
            (sent.Account, sent.Slot, sent.Nonce, sent.Instrument, sent.Side, sent.Size, sent.Limit, sent.Life, sent.ReduceOnly));

        FillsAt(61_799_999);
        Outcome broken = await cli.RunAsync(order);
        Assert.Equal(1, broken.Code);
        Assert.Contains("rollup: The sequencer's fills break the order: trade 901 is at 61799999, beyond the limit 61800000", broken.Errors, StringComparison.Ordinal);

        fake.Answer("POST /v1/orders", ApiError.Of(RejectCode.InsufficientMargin), ApiJson.Default.ApiError, status: 422);
        (await cli.RunAsync(order)).Fails($"insufficientMargin ({(int)RejectCode.InsufficientMargin}): ");

        void FillsAt(long price) => fake.Answer("POST /v1/orders", new RequestResult(55, 12, RequestStatus.Closed, 400, 0,
            [new FillView(901, 12, 1_723_161_256_000, Account, 17, 24, 2, Side.Sell, FillRole.Taker, price, 400, 600, 17)], ApiError.Of(RejectCode.NoLiquidity)), ApiJson.Default.RequestResult);
    }

    [Fact]
    public async Task Cancel_and_withdraw_are_signed_requests()
    {
        string key = cli.SaveKeys(Owner);
        var done = new RequestResult(55, 12, RequestStatus.Cancelled, 0, 0, []);
        fake.Answer("POST /v1/cancels", done, ApiJson.Default.RequestResult);
        fake.Answer("POST /v1/withdrawals", done with { Status = RequestStatus.Withdrawn, Filled = 3_000_007 }, ApiJson.Default.RequestResult);
        Assert.Contains("Cancelled in batch 12", (await cli.RunAsync(To("cancel", "--key", key, "--slot", "17", "--prove"))).Succeeds(), StringComparison.Ordinal);
        Assert.Contains("Withdrawn in batch 12: filled 3000007", (await cli.RunAsync(To("withdraw", "--key", key, "--amount", "3000007", "--asset", "1", "--slot", "18"))).Succeeds(), StringComparison.Ordinal);
        CancelMessage cancel = JsonSerializer.Deserialize(fake.Requests.Single(r => r.Target == "POST /v1/cancels").Body, ApiJson.Default.CancelMessage)!;
        Assert.Equal((Account, 17, 23L, true), (cancel.Account, cancel.Slot, cancel.Nonce, cancel.Prove));
        WithdrawalMessage withdrawal = JsonSerializer.Deserialize(fake.Requests.Single(r => r.Target == "POST /v1/withdrawals").Body, ApiJson.Default.WithdrawalMessage)!;
        Assert.Equal((Account, 18, 31L, 1, 3_000_007L), (withdrawal.Account, withdrawal.Slot, withdrawal.Nonce, withdrawal.Asset, withdrawal.Amount));
    }

    [Fact]
    public async Task Receipts_are_checked_and_kept()
    {
        using EthereumKey sequencer = EthereumKey.Generate(), other = EthereumKey.Generate();
        string[] bare = To("cancel", "--key", cli.SaveKeys(Owner), "--slot", "17"), cancel = [.. bare, "--receipts", cli.PathOf("receipts"), "--receipt-signer", Eip55.Format(sequencer.Address)];
        var done = new RequestResult(55, 12, RequestStatus.Cancelled, 0, 0, []);
        fake.Answer("POST /v1/cancels", done, ApiJson.Default.RequestResult);
        (await cli.RunAsync(cancel[..^2])).Fails("--receipts and --receipt-signer belong together");
        Assert.Empty(fake.Requests);
        (await cli.RunAsync(bare)).Succeeds(); // Who wants none need not ask.
        Outcome none = await cli.RunAsync(cancel);
        Assert.Equal((1, true), (none.Code, none.Errors.Contains("the sequencer gave no receipt", StringComparison.Ordinal)));

        // The receipt of the message that the fake has just seen; every message expires at another time, so the next one's is another.
        Outcome mistaken = await AnsweredAsync(sequencer, 7, message => message with { Slot = 18 });
        Assert.Contains("The request was executed, but receipt 7 is not of the message that was sent", mistaken.Errors, StringComparison.Ordinal);
        Assert.Contains($"is not signed by {sequencer.Address}", (await AnsweredAsync(other, 7)).Errors, StringComparison.Ordinal);
        Assert.False(File.Exists(cli.PathOf("receipts")));
        Assert.Contains($"receipt 7 kept in {cli.PathOf("receipts")}", (await AnsweredAsync(sequencer, 7)).Succeeds(), StringComparison.Ordinal);
        Assert.True(SignedReceipt.TryParse(await File.ReadAllBytesAsync(cli.PathOf("receipts")), out SignedReceipt kept));
        Assert.Equal((7, true), (kept.Receipt.Number, kept.IsOf(Domain, sequencer.Address)));
        // Another request under the same number: evidence.
        Outcome twice = await AnsweredAsync(sequencer, 7);
        Assert.Equal(1, twice.Code);
        Assert.Contains($"receipt 7 was given for another request before. For the contract of challenges: {Hex.Format(ChallengesAbi.ChallengeDoubleReceipt.Selector)}", twice.Errors, StringComparison.Ordinal);

        async Task<Outcome> AnsweredAsync(EthereumKey signer, long number, Func<CancelMessage, CancelMessage>? change = null)
        {
            fake.Answer("POST /v1/cancels", context =>
            {
                CancelMessage message = JsonSerializer.Deserialize(fake.Requests[^1].Body, ApiJson.Default.CancelMessage)!;
                message = change?.Invoke(message) ?? message;
                var receipt = new Receipt(number, Receipt.OrderHashOf(message.ToRequest().Pack(), message.Signature), 1_723_161_256_004, default);
                var view = new ReceiptView(number, receipt.OrderHash, receipt.Time, receipt.Previous, Hex.Format(SignedReceipt.Sign(receipt, Domain, signer).Signature.ToBytes()));
                context.Response.ContentType = "application/json";
                return context.Response.WriteAsync(JsonSerializer.Serialize(done with { Receipts = [view] }, ApiJson.Default.RequestResult));
            });
            return await cli.RunAsync(cancel);
        }
    }

    [Fact]
    public async Task A_key_file_is_refused_for_its_own_reason()
    {
        (await cli.RunAsync(To("account", "--key", "none.json"))).Fails("none.json cannot be read");
        string key = cli.SaveKeys(Owner), text = File.ReadAllText(key);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(key, UnixFileMode.UserRead | UnixFileMode.OtherRead);
            (await cli.RunAsync(To("account", "--key", key))).Fails($"run chmod 600 {key}");
            File.SetUnixFileMode(key, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }

        File.WriteAllText(key, text.Replace("\"viewKey\": \"0x", "\"viewKey\": \"0xq", StringComparison.Ordinal));
        (await cli.RunAsync(To("account", "--key", key))).Fails("'viewKey' is not a field element");
        Assert.Empty(fake.Requests);
        File.WriteAllText(key, text);
        (await cli.RunAsync(To("account", "--key", key))).Succeeds();
    }

    [Fact]
    public async Task Which_account_must_be_clear()
    {
        string key = cli.SaveKeys(Owner);
        Owns();
        (await cli.RunAsync(To("account", "--key", key))).Fails("has 0 accounts: name one with --account");
        Owns(Account, 9);
        (await cli.RunAsync(To("account", "--key", key))).Fails("has 2 accounts: name one with --account");
        (await cli.RunAsync(To("account", "--key", key, "--account", "4"))).Succeeds();
    }

    [Fact]
    public async Task A_sequencer_that_is_none_or_unreachable_is_named()
    {
        fake.Answer("GET /v1/batches", "<html>");
        (await cli.RunAsync(To("batches"))).Fails("/v1/batches answered with something that is not the sequencer's API");
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        string url = $"http://{listener.LocalEndpoint}";
        listener.Stop();
        (await cli.RunAsync("batches", "--sequencer", url)).Fails($"The sequencer at {url}/ cannot be reached");
        (await cli.RunAsync("keys", "message", "--rpc", url, "--vault", CliRun.Vault.ToString(), "--owner", CliRun.Vault.ToString())).Fails("cannot be reached");
    }

    // ---- sessions ----

    [Fact]
    public async Task A_generated_session_is_played_with_the_traders_keys()
    {
        Traders();
        string[] session = To("generate", "--folder", cli.Folder, "--makers", "1", "--takers", "1", "--seconds", "3", "--speed", "1000000");
        string played = (await cli.RunAsync(session)).Succeeds();
        int orders = fake.Requests.Count(r => r.Target == "POST /v1/orders");
        Assert.InRange(orders, 1, 10_000);
        Assert.Contains($"orders {orders}\n", played, StringComparison.Ordinal);
        Assert.Contains($"cancels {fake.Requests.Count(r => r.Target == "POST /v1/cancels")}\n", played, StringComparison.Ordinal);
        Assert.Contains("fills 0\n", played, StringComparison.Ordinal);

        File.Delete(cli.PathOf("taker-1.key.json"));
        (await cli.RunAsync(session)).Fails("taker-1.key.json cannot be read");
        cli.SaveKeys(Taker, "taker-1.key.json");
        Owns();
        (await cli.RunAsync(session)).Fails("maker-1 has no account yet: run `rollup local traders` first");
    }

    [Theory]
    [InlineData("100 {", "tape.gz, line 2: ")]
    [InlineData("no time", "tape.gz, line 2: the line does not start with nanoseconds and a space")]
    [InlineData(null, "tape.gz")]
    public async Task A_damaged_tape_is_named_with_its_line(string? second, string reason)
    {
        const string Line = """100 {"stream":"btcusdt@bookTicker","data":{"s":"BTCUSDT","b":"61799.9","B":"2","a":"61800.1","A":"3"}}""";
        Traders();
        string[] session = To("replay", "tape.gz", "--folder", cli.Folder, "--makers", "1", "--takers", "1", "--speed", "1000000");
        WriteTape(Line);
        (await cli.RunAsync(session)).Succeeds();
        if (second is not null) WriteTape(Line, second);
        else File.WriteAllText(cli.PathOf("tape.gz"), Line);
        Outcome damaged = await cli.RunAsync(session);
        Assert.Equal(1, damaged.Code);
        Assert.Contains("rollup: ", damaged.Errors, StringComparison.Ordinal);
        Assert.Contains(reason, damaged.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", damaged.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_missing_tape_is_named_before_anything_is_asked()
    {
        (await cli.RunAsync(To("replay", "tape.gz", "--folder", cli.Folder))).Fails("There is no file tape.gz");
        Assert.Empty(fake.Requests);
    }

    private string[] To(params string[] arguments) => [.. arguments, "--sequencer", fake.Endpoint.ToString()];

    private void Owns(params int[] accounts)
    {
        fake.Answer("GET /v1/accounts", accounts, ApiJson.Default.IReadOnlyListInt32);
        foreach (int account in accounts)
            fake.Answer($"GET /v1/accounts/{account}", new AccountView(account, AnvilProcess.Key(Owner).Address, false, 5, 9_007_199_254_740_993, -44_000_000, 55_000_000, 66_000_000,
                [new PositionView(2, -400, -77_000_000)], [new OpenOrderView(17, 23, 2, Side.Buy, 61_799_990, 600, 1_723_161_999_000)], [new SlotView(17, 23), new SlotView(18, 30)]),
                ApiJson.Default.AccountView);
    }

    private void Traders()
    {
        cli.SaveKeys(Maker, "maker-1.key.json");
        cli.SaveKeys(Taker, "taker-1.key.json");
        var result = new RequestResult(55, 12, RequestStatus.Resting, 0, 5, []);
        fake.Answer("POST /v1/orders", result, ApiJson.Default.RequestResult);
        fake.Answer("POST /v1/cancels", result, ApiJson.Default.RequestResult);
    }

    private void WriteTape(params string[] lines)
    {
        using var gzip = new GZipStream(File.Create(cli.PathOf("tape.gz")), CompressionLevel.Fastest);
        gzip.Write(Encoding.ASCII.GetBytes(string.Join('\n', lines) + "\n"));
    }
}
