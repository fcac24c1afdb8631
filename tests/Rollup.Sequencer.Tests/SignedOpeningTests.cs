using Rollup.Api;
using Rollup.Crypto.Settlement;
using Rollup.Engine;
using Rollup.Ethereum;
using Rollup.Protocol;
using Rollup.Risk;
using Rollup.Sequencer.Configuration;
using Rollup.Sequencer.Core;
using Rollup.Sequencer.Oracle;

namespace Rollup.Sequencer.Tests;

/// <summary>An epoch opens with what the committee has signed, and with nothing else (spec 10.6).</summary>
public sealed class SignedOpeningTests : IDisposable
{
    private const long Cash = 1_000_000_000_000;
    private readonly TemporaryDirectory folder = new();
    private readonly ManualClock clock = new();
    private readonly Trader maker = new(2), taker = new(3);
    private readonly Feed feed = new();
    private readonly TestCommittee committee = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task An_epoch_opens_once_its_inputs_are_signed_and_its_signatures_are_there()
    {
        committee.Signs = null;
        using CoreHarness core = Open();
        await TurnsAsync(core);
        Assert.Equal((false, 0u), await core.ReadAsync(m => (m.Engine.Status.IsOpen, m.Engine.Status.Batch)));
        Assert.Empty(Directory.GetFiles(core.Config.Spool));
        clock.Advance(3_000);
        feed.Bitcoin = 62_000_000_000;
        committee.Release();
        await core.UntilAsync(m => m.Engine.Status.IsOpen);

        // The prices that were signed, not those of now, which are shown beside them.
        RiskInputs asked = Assert.Single(committee.Asked), opened = await OpenedAsync(core);
        Assert.Equal(asked.Encode(), opened.Encode());
        Assert.Equal((61_700_000L, clock.Now - 3_000), (opened.Instruments[0].Index, opened.ObservedAt.Milliseconds));
        Assert.Equal(62_000_000, (await LiveAsync(core))!.Instruments[0].Index);
        Assert.Equal(TestCommittee.Sign(asked).ToBytes(), Signatures(1)!.ToBytes());
        Assert.Equal(HealthStatus.Ok, core.Status.View().Status);
    }

    [Fact]
    public async Task While_the_committee_is_slow_the_running_epoch_goes_on_and_newer_prices_are_shown_in_it()
    {
        string before;
        using (CoreHarness core = Open())
        {
            await core.RegisterAsync(Cash, maker, taker);
            RiskInputs first = await OpenedAsync(core);
            committee.Signs = null;
            clock.Advance(core.Config.Epoch.Length);
            await core.UntilAsync(_ => committee.Asked.Count == 2);
            long proposedAt = clock.Now;
            clock.Advance(2_000);
            feed.Bitcoin = 62_000_000_000;
            Assert.Equal(1u, (await core.AcceptedAsync(maker.Order(TestConfig.Btc, Side.Sell, 5, TestConfig.BtcPrice, slot: 1))).Batch);
            Assert.Equal((1u, 3L), await core.AcceptedAsync(taker.Order(TestConfig.Btc, Side.Buy, 3, TestConfig.BtcPrice, slot: 2)) is var filled ? (filled.Batch, filled.Filled) : default);
            RiskInputs live = (await LiveAsync(core))!;
            Assert.Equal((62_000_000L, true), (live.Instruments[0].Index, live.ObservedAt.Milliseconds > proposedAt));
            Assert.Equal((0u, first.ObservedAt.Milliseconds), await core.ReadAsync(m => (m.Batches.LastSealed, Decode(m.RiskInputs).ObservedAt.Milliseconds)));

            committee.Release();
            await core.UntilAsync(m => m.Engine.Status.Batch == 2);
            RiskInputs second = await OpenedAsync(core);
            Assert.Equal((proposedAt, 61_700_000L), (second.ObservedAt.Milliseconds, second.Instruments[0].Index));
            Assert.Equal(62_000_000, (await LiveAsync(core))!.Instruments[0].Index);
            Assert.Equal((TestCommittee.HashOf(first), TestCommittee.HashOf(second)), (Signatures(1)!.InputsHash, Signatures(2)!.InputsHash));
            Assert.Equal(first.Encode(), Batch(1).RiskInputs);
            Assert.Equal(1, Batch(1).Rows.Count(r => r.Request.Account == 3));
            Assert.Equal(2, committee.Asked.Count);
            before = await core.DigestAsync();
        }

        // Only what opened is in the journal, which gives the same root and the rest again.
        using CoreHarness again = Open();
        Assert.Equal(before, again.RestoredDigest);
    }

    [Fact]
    public async Task A_committee_that_refuses_stops_no_batch_that_is_open_and_nothing_executes_without_its_signatures()
    {
        using CoreHarness core = Open();
        await core.RegisterAsync(Cash, maker, taker);
        committee.Signs = false;
        clock.Advance(core.Config.Epoch.Length);
        await HostHarness.UntilAsync(() => Task.FromResult(core.Status.View().Problems.Contains("oracle: no epoch can open: the committee does not like batch 2")));
        Assert.Equal(1u, (await core.AcceptedAsync(maker.Order(TestConfig.Btc, Side.Sell, 5, TestConfig.BtcPrice, slot: 1))).Batch);
        int asked = committee.Asked.Count;
        await TurnsAsync(core);
        Assert.Equal(asked, committee.Asked.Count); // Not at every turn.
        clock.Advance(1_100);
        await core.UntilAsync(_ => committee.Asked.Count == asked + 1);
        Assert.True(committee.Asked[^1].ObservedAt.Milliseconds > committee.Asked[^2].ObservedAt.Milliseconds);

        // Its time is over: it is sealed, with signatures from its opening, and none follows.
        clock.Advance(core.Config.Epoch.Max);
        await core.UntilAsync(m => m.Batches.LastSealed == 1);
        Assert.Equal(TestCommittee.HashOf(Decode([.. Batch(1).RiskInputs])), Signatures(1)!.InputsHash);
        Assert.Equal((int)RejectCode.EpochClosed, (await core.SubmitAsync(taker.Order(TestConfig.Btc, Side.Buy, 5, TestConfig.BtcPrice, slot: 2))).Error!.Code);
        Assert.Null(Signatures(2));
        Assert.Equal(HealthStatus.Degraded, core.Status.View().Status);

        committee.Signs = true;
        clock.Advance(1_100);
        await core.UntilAsync(m => m.Engine.Status is { IsOpen: true, Batch: 2 });
        Assert.Equal((2u, 5L), await core.AcceptedAsync(taker.Order(TestConfig.Btc, Side.Buy, 5, TestConfig.BtcPrice, slot: 2)) is var filled ? (filled.Batch, filled.Filled) : default);
        Assert.Equal(TestCommittee.HashOf(await OpenedAsync(core)), Signatures(2)!.InputsHash);
        Assert.Equal(HealthStatus.Ok, core.Status.View().Status);
    }

    [Fact]
    public async Task Prices_that_are_too_old_when_they_are_signed_open_nothing()
    {
        using CoreHarness core = Open();
        await core.RegisterAsync(Cash, maker);
        committee.Signs = null;
        clock.Advance(core.Config.Epoch.Length);
        await core.UntilAsync(_ => committee.Asked.Count == 2);
        clock.Advance(core.Config.Epoch.MaxReportAge + 1);
        committee.Release();
        await HostHarness.UntilAsync(() => Task.FromResult(core.Status.View().Problems.Any(p => p.Contains("they were too old", StringComparison.Ordinal))));
        Assert.Equal((0u, 1u), await core.ReadAsync(m => (m.Batches.LastSealed, m.Engine.Status.Batch)));
        clock.Advance(1_100);
        await core.UntilAsync(_ => committee.Asked.Count == 3);
        clock.Advance(core.Config.Epoch.MaxReportAge);
        committee.Release(); // As old as they may be.
        await core.UntilAsync(m => m.Engine.Status.Batch == 2);
    }

    [Fact]
    public async Task New_prices_for_an_epoch_in_which_nothing_executed_need_signatures_and_lapse_when_something_does()
    {
        using CoreHarness core = Open();
        await core.UntilAsync(m => m.Engine.Status.IsOpen);
        clock.Advance(core.Config.Epoch.Refresh);
        await core.UntilAsync(_ => committee.Asked.Count == 2);
        await core.UntilAsync(m => Decode(m.RiskInputs).ObservedAt == committee.Asked[1].ObservedAt);
        Assert.Equal((1u, TestCommittee.HashOf(committee.Asked[1])), (Signatures(1)!.Batch, Signatures(1)!.InputsHash));

        committee.Signs = null;
        clock.Advance(core.Config.Epoch.Refresh);
        await core.UntilAsync(_ => committee.Asked.Count == 3);
        Assert.Equal(1u, committee.Asked[2].Batch);
        await core.RegisterAsync(Cash, maker);
        committee.Release();
        await TurnsAsync(core);
        // The epoch that something executed in keeps its prices and their signatures.
        Assert.Equal(committee.Asked[1].Encode(), (await OpenedAsync(core)).Encode());
        Assert.Equal(TestCommittee.HashOf(committee.Asked[1]), Signatures(1)!.InputsHash);
    }

    [Fact]
    public async Task A_full_batch_waits_for_the_signatures_and_what_did_not_fit_executes_in_the_next()
    {
        using CoreHarness core = Open();
        await core.RegisterAsync(Cash, maker, taker);
        await core.AcceptedAsync(maker.Order(TestConfig.Btc, Side.Sell, 500, TestConfig.BtcPrice, slot: 1));
        for (byte i = 0; i < 9; i++) await core.AcceptedAsync(taker.Order(TestConfig.Btc, Side.Buy, 1, TestConfig.BtcPrice, slot: i));
        committee.Signs = null;
        Task<RequestResult> tenth = core.AcceptedAsync(taker.Order(TestConfig.Btc, Side.Buy, 1, TestConfig.BtcPrice, slot: 9));
        await HostHarness.UntilAsync(() => Task.FromResult(committee.Asked.Count == 2));
        committee.Release();
        Assert.Equal((2u, 1L), await tenth is var filled ? (filled.Batch, filled.Filled) : default);
        Assert.Equal(10, Batch(1).Rows.Length);
    }

    [Fact]
    public async Task A_full_batch_that_gets_no_signatures_stays_open_for_what_fits_and_is_sealed_when_it_has_them()
    {
        using CoreHarness core = Open();
        await core.RegisterAsync(Cash, maker, taker);
        await core.AcceptedAsync(maker.Order(TestConfig.Btc, Side.Sell, 500, TestConfig.BtcPrice, slot: 1));
        for (byte i = 0; i < 9; i++) await core.AcceptedAsync(taker.Order(TestConfig.Btc, Side.Buy, 1, TestConfig.BtcPrice, slot: i));
        committee.Signs = false;
        Assert.Equal((int)RejectCode.BatchRowsFull, (await core.SubmitAsync(taker.Order(TestConfig.Btc, Side.Buy, 1, TestConfig.BtcPrice, slot: 9))).Error!.Code);
        Assert.Equal((0u, true), await core.ReadAsync(m => (m.Batches.LastSealed, m.Engine.Status.IsOpen)));
        Assert.Equal(RequestStatus.Cancelled, (await core.AcceptedAsync(maker.Cancel(1))).Status);
        committee.Signs = true;
        clock.Advance(1_100);
        await core.UntilAsync(m => m.Batches.LastSealed == 1 && m.Engine.Status is { IsOpen: true, Batch: 2 });

        await core.AcceptedAsync(maker.Order(TestConfig.Btc, Side.Sell, 5, TestConfig.BtcPrice, slot: 2));
        await core.AcceptedAsync(taker.Order(TestConfig.Btc, Side.Buy, 5, TestConfig.BtcPrice, slot: 10));
        committee.Signs = false;
        // The operator may seal it all the same.
        Assert.Equal(2u, (await core.SealAsync()).Value!.Batch);
        Assert.False(await core.ReadAsync(m => m.Engine.Status.IsOpen));
    }

    [Fact]
    public async Task A_request_that_needs_a_batch_of_its_own_waits_for_the_signatures_of_the_next()
    {
        using CoreHarness core = Open();
        await core.RegisterAsync(Cash, maker);
        committee.Signs = false;
        await WithdrawAsync(1, 7_000);
        await WithdrawAsync(2, 8_000); // A batch serves one of an account.
        await TurnsAsync(core);
        Assert.Equal((0u, 2L), await core.ReadAsync(m => (m.Batches.LastSealed, m.Engine.Status.NextOperation)));
        committee.Signs = true;
        clock.Advance(1_100);
        await core.UntilAsync(m => m.Engine.Status is { IsOpen: true, Batch: 2, NextOperation: 3 });
        Assert.Equal(7_000, Batch(1).Operations[^1].Operation.Amount);

        Task WithdrawAsync(long index, long amount) => core.Core.PostAsync(new ChainWork([new ChainOperation(index, new Operation(OperationKind.WithdrawalRequest, maker.Account, 0, amount, maker.Keys.Owner, default, default, default), maker.Keys.Owner, 0)], [], null), default).AsTask();
    }

    /// <summary>Ten times refused and then signed, or signed at once: the same funding after the same time.</summary>
    [Fact]
    public async Task Proposals_that_come_to_nothing_leave_funding_as_it_would_be()
    {
        long[] charged = new long[2];
        for (int refuses = 0; refuses < 2; refuses++)
        {
            var committee = new TestCommittee();
            SequencerConfig config = TestConfig.Make(Path.Combine(folder.Path, $"{refuses}"));
            using var core = new CoreHarness(config with { Fees = config.Fees with { FundingPpm = 500_000 } }, clock, feed, committee);
            await core.RegisterAsync(Cash, maker);
            clock.Advance(config.Epoch.Length - 9_900);
            await TurnsAsync(core);
            clock.Advance(9_900);
            committee.Signs = refuses == 0;
            for (int i = 0; i < 10; i++)
            {
                await TurnsAsync(core);
                await core.UntilAsync(_ => committee.Asked.Count >= (refuses == 0 ? 2 : 2 + i));
                clock.Advance(1_100);
            }

            committee.Signs = true;
            await core.UntilAsync(m => m.Engine.Status.Batch == 2);
            // Another opening takes what is left.
            clock.Advance(config.Epoch.Length);
            await core.UntilAsync(m => m.Engine.Status.Opened.Milliseconds == clock.Now);
            charged[refuses] = (await OpenedAsync(core)).Instruments[0].Funding;
        }

        // 51 s of 50% of 61.7 USD in 8 h.
        Assert.InRange(charged[0], 54_629, 54_630);
        Assert.Equal(charged[0], charged[1]);
    }

    /// <summary>Stopped where a crash may leave off: with signatures of an opening that was not journaled, and of one that was, without their name.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task After_a_crash_at_the_opening_the_signatures_are_of_what_the_journal_opened(bool isJournaled)
    {
        string before;
        RiskInputs opened;
        using (CoreHarness core = Open())
        {
            await core.RegisterAsync(Cash, maker);
            opened = await OpenedAsync(core);
            before = await core.DigestAsync();
        }

        string file = Path.Combine(folder.Path, "spool", RiskAttestation.NameOf(1)), next = Path.Combine(folder.Path, "spool", "next.attestation");
        byte[] signed = File.ReadAllBytes(file);
        if (isJournaled) File.Move(file, next);
        else File.WriteAllBytes(next, TestCommittee.Sign(opened with { ObservedAt = Timestamp.FromMilliseconds(opened.ObservedAt.Milliseconds + 1) }).ToBytes());
        committee.Signs = false;
        using CoreHarness again = Open();
        Assert.Equal(before, again.RestoredDigest);
        Assert.Equal(signed, File.ReadAllBytes(file));
        Assert.False(File.Exists(next));
        Assert.Equal(opened.Encode(), (await OpenedAsync(again)).Encode());
    }

    private CoreHarness Open() => new(TestConfig.Make(folder.Path), clock, feed, committee);

    private SealedBatch Batch(uint batch) => new Spool(Path.Combine(folder.Path, "spool")).Read(batch);

    private RiskAttestation? Signatures(uint batch) => new Spool(Path.Combine(folder.Path, "spool")).Attestation(batch);

    private static RiskInputs Decode(byte[] bytes) => RiskInputs.TryDecode(bytes, out RiskInputs inputs, out string problem) ? inputs : throw new InvalidOperationException(problem);

    private static Task<RiskInputs> OpenedAsync(CoreHarness core) => core.ReadAsync(m => Decode(m.RiskInputs));

    private static Task<RiskInputs?> LiveAsync(CoreHarness core) => core.ReadAsync(m => m.Engine.LiveInputs.IsEmpty ? null : Decode(m.Engine.LiveInputs.ToArray()));

    // What is due is done before what is read, so twice is once through all of it.
    private static async Task TurnsAsync(CoreHarness core)
    {
        for (int i = 0; i < 3; i++) await core.ReadAsync(_ => true);
    }

    private sealed class Feed : IPriceFeed
    {
        private long bitcoin = 61_700_000_000;

        internal long Bitcoin
        {
            set => Interlocked.Exchange(ref bitcoin, value);
        }

        public Observation Observe(long now)
        {
            long index = Interlocked.Read(ref bitcoin);
            return new Observation(now, new Dictionary<string, MarketPrice> { ["BTCUSDT"] = new(index, index), ["ETHUSDT"] = new(2_680_000_000, 2_680_000_000) });
        }
    }
}
