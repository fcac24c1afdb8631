using System.Collections.Concurrent;
using Rollup.Api;
using Rollup.Client.Sequencer;
using Rollup.Crypto;
using Rollup.Engine;
using Rollup.Protocol;
using Rollup.Sequencer.Core;
using Rollup.Sequencer.Web;

namespace Rollup.Sequencer.Tests;

public sealed class SignatureIntakeTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly RejectCode[] Codes = [RejectCode.None, RejectCode.Malformed, RejectCode.BadSignature];

    /// <summary>Decides by the word, modulo 3, when the test lets it.</summary>
    private sealed class Held : IDisposable
    {
        private readonly SemaphoreSlim started = new(0), released = new(0);
        private int active;

        internal ConcurrentQueue<int> Pieces { get; } = new();
        internal int MostAtATime { get; private set; }

        internal void Verify(ReadOnlySpan<SignedWord> items, Span<RejectCode> codes)
        {
            lock (Pieces) MostAtATime = Math.Max(MostAtATime, ++active);
            Pieces.Enqueue(items.Length);
            started.Release();
            Assert.True(released.Wait(Patience));
            lock (Pieces) active--;
            for (int i = 0; i < items.Length; i++) codes[i] = Expected(items[i]);
        }

        internal async Task StartedAsync() => Assert.True(await started.WaitAsync(Patience));

        internal void Release(int pieces) => released.Release(pieces);

        public void Dispose()
        {
            started.Dispose();
            released.Dispose();
        }
    }

    private static SignedWord Item(int number) => new(Fr.FromUInt64((ulong)number), default, default);

    private static RejectCode Expected(SignedWord item) => item.Word.TryToUInt64(out ulong number) ? Codes[number % 3] : RejectCode.BatchRowsFull;

    private static SignatureIntake Intake(SignatureIntake.Verification verify, int cores, int capacity = 1000, HostMetrics? metrics = null) =>
        new(verify, cores, capacity, metrics ?? new HostMetrics(), TimeProvider.System);

    private static Task<RejectCode?>[] Send(SignatureIntake intake, int first, int count) => [.. Enumerable.Range(first, count).Select(i => intake.VerifyAsync(Item(i)).AsTask())];

    private static async Task CheckAsync(Task<RejectCode?>[] answers, int first)
    {
        RejectCode?[] codes = await Task.WhenAll(answers).WaitAsync(Patience);
        Assert.Equal(Enumerable.Range(first, answers.Length).Select(i => (RejectCode?)Expected(Item(i))), codes);
    }

    [Fact]
    public async Task A_lone_request_waits_for_no_other_and_what_arrives_meanwhile_comes_in_full_pieces()
    {
        using var held = new Held();
        var metrics = new HostMetrics();
        SignatureIntake intake = Intake(held.Verify, cores: 1, metrics: metrics);
        Task<RejectCode?>[] first = Send(intake, 100, 1);
        await held.StartedAsync();
        Task<RejectCode?>[] rest = Send(intake, 101, 20);
        held.Release(4);
        await CheckAsync(first, 100);
        await CheckAsync(rest, 101);
        Assert.Equal([1, 8, 8, 4], held.Pieces);
        Assert.Equal(1, held.MostAtATime);

        // The worker is gone; the next request starts one again.
        held.Release(1);
        await CheckAsync(Send(intake, 7, 1), 7);
        await HostHarness.UntilAsync(() => Task.FromResult(metrics.Write(View).Contains("\nrollup_signatures_verified_total 22\n", StringComparison.Ordinal)));
    }

    private static HealthView View => new(HealthStatus.Ok, [], 0, 0, 0, 0);

    [Fact]
    public async Task Another_core_joins_for_a_full_piece_only_and_never_more_than_there_are()
    {
        using var held = new Held();
        SignatureIntake intake = Intake(held.Verify, cores: 2);
        List<Task<RejectCode?>> answers = [.. Send(intake, 0, 1)];
        await held.StartedAsync();
        answers.AddRange(Send(intake, 1, SignatureIntake.MaxPiece - 1));
        held.Release(1);
        await held.StartedAsync();
        Assert.Equal([1, SignatureIntake.MaxPiece - 1], held.Pieces);
        Assert.Equal(1, held.MostAtATime);

        answers.AddRange(Send(intake, 8, SignatureIntake.MaxPiece));
        await held.StartedAsync();
        answers.AddRange(Send(intake, 16, 3 * SignatureIntake.MaxPiece));
        held.Release(100);
        await CheckAsync([.. answers], 0);
        Assert.Equal([1, 7, 8, 8, 8, 8], held.Pieces);
        Assert.Equal(2, held.MostAtATime);
    }

    [Fact]
    public async Task Beyond_its_capacity_it_refuses_at_once_and_goes_on()
    {
        using var held = new Held();
        SignatureIntake intake = Intake(held.Verify, cores: 1, capacity: 5);
        Task<RejectCode?>[] first = Send(intake, 1, 1);
        await held.StartedAsync();
        Task<RejectCode?>[] fit = Send(intake, 2, 5), tooMany = Send(intake, 7, 2);
        Assert.All(tooMany, answer => Assert.True(answer.IsCompletedSuccessfully));
        Assert.All(tooMany, answer => Assert.Null(answer.Result));
        held.Release(2);
        await CheckAsync(first, 1);
        await CheckAsync(fit, 2);
        held.Release(1);
        await CheckAsync(Send(intake, 20, 1), 20);
    }

    [Fact]
    public async Task When_verification_fails_its_piece_is_told_and_later_ones_are_verified()
    {
        SignatureIntake intake = Intake((items, codes) =>
        {
            if (items[0].Word.IsZero) throw new InvalidOperationException("broken");
            for (int i = 0; i < items.Length; i++) codes[i] = Expected(items[i]);
        }, cores: 1);
        Task<RejectCode?> broken = intake.VerifyAsync(Item(0)).AsTask();
        Assert.Equal("broken", (await Assert.ThrowsAsync<InvalidOperationException>(() => broken)).Message);
        await CheckAsync(Send(intake, 4, 3), 4);
    }

    [Fact]
    public async Task Requests_sent_at_once_get_each_its_own_answer()
    {
        await using HostHarness host = await HostHarness.StartAsync();
        var trader = new Trader(2);
        var other = new Trader(3);
        await host.RegisterAsync(1_000_000_000_000, trader, other);
        var random = new Random(3);
        (OrderMessage Order, int Code)[] orders = [.. Enumerable.Range(0, 240).Select(i =>
        {
            OrderMessage order = (i % 2 == 0 ? trader : other).Order(TestConfig.Btc, Side.Buy, 1 + i % 3, TestConfig.BtcPrice - 100 * i, slot: (byte)i);
            return random.Next(6) switch
            {
                0 => (order with { Size = order.Size + 1 }, (int)RejectCode.BadSignature),
                1 => (order with { Signature = order.Signature with { S = Fr.Zero - Fr.One } }, (int)RejectCode.BadSignature),
                2 => (order with { Account = 5 - order.Account }, (int)RejectCode.BadSignature),
                3 => (order with { Nonce = 0 }, (int)RejectCode.Malformed),
                _ => (order, 0),
            };
        })];
        int[] codes = await Task.WhenAll(orders.Select(o => CodeAsync(host, o.Order)));
        Assert.Equal(orders.Select(o => o.Code), codes);
        Assert.Equal(orders.Count(o => o.Code == 0), (await host.Client.AccountAsync(2, trader.Keys, Trader.Signer, HostHarness.Now)).Orders.Count
            + (await host.Client.AccountAsync(3, other.Keys, Trader.Signer, HostHarness.Now)).Orders.Count);
    }

    [Fact]
    public async Task A_stop_leaves_no_request_without_an_end()
    {
        HostHarness host = await HostHarness.StartAsync();
        var trader = new Trader(2);
        await host.RegisterAsync(1_000_000_000_000, trader);
        OrderMessage[] orders = [.. Enumerable.Range(0, 200).Select(i => trader.Order(TestConfig.Btc, Side.Buy, 1, TestConfig.BtcPrice - 100 * i, slot: (byte)i))];
        Assert.Equal(0, await CodeAsync(host, orders[0]));
        Task<int>[] answers = [.. orders[1..].Select(order => CodeAsync(host, order))];
        await Task.WhenAny(answers);
        await host.StopAsync();
        int[] codes = await Task.WhenAll(answers).WaitAsync(Patience);
        Assert.Contains(0, codes);
        Assert.All(codes, code => Assert.Contains(code, (int[])[0, (int)HostCode.Busy, ConnectionLost]));
        await host.DisposeAsync();
    }

    private const int ConnectionLost = -1;

    private static async Task<int> CodeAsync(HostHarness host, OrderMessage order)
    {
        try
        {
            await host.Client.PlaceAsync(order);
            return 0;
        }
        catch (RefusedException refusal)
        {
            return refusal.Error.Code;
        }
        catch (SequencerUnreachableException)
        {
            return ConnectionLost;
        }
    }
}
