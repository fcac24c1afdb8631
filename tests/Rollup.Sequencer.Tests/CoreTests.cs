using Microsoft.Extensions.Logging.Abstractions;
using Rollup.Api;
using Rollup.Crypto.Settlement;
using Rollup.Engine;
using Rollup.Ethereum;
using Rollup.Protocol;
using Rollup.Risk;
using Rollup.Sequencer.Configuration;
using Rollup.Sequencer.Core;
using Rollup.Sequencer.Receipts;
using Rollup.Sequencer.Storage;

namespace Rollup.Sequencer.Tests;

public sealed class CoreTests : IDisposable
{
    private const long Cash = 1_000_000_000_000;
    private readonly TemporaryDirectory folder = new();
    private readonly ManualClock clock = new();
    private readonly Trader maker = new(2), taker = new(3);

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task An_order_rests_and_the_next_one_fills_it_and_both_parties_are_told()
    {
        using CoreHarness core = Open();
        await core.RegisterAsync(Cash, maker, taker);
        RequestResult resting = await core.AcceptedAsync(maker.Order(TestConfig.Btc, Side.Sell, 30, TestConfig.BtcPrice, slot: 5));
        RequestResult taking = await core.AcceptedAsync(taker.Order(TestConfig.Btc, Side.Buy, 20, TestConfig.BtcPrice + 100, slot: 7));

        Assert.Equal((RequestStatus.Resting, 0L, 30L), (resting.Status, resting.Filled, resting.Remaining));
        Assert.Equal((RequestStatus.Filled, 20L, 0L, 1u), (taking.Status, taking.Filled, taking.Remaining, taking.Batch));
        Assert.Equal(resting.Sequence + 1, taking.Sequence);
        FillView own = Assert.Single(taking.Fills);
        long takerFee = FeeRate.FromPpm(300).CeilFee(Cash20()).Atoms, makerFee = FeeRate.FromPpm(100).CeilFee(Cash20()).Atoms;
        Assert.Equal(new FillView(1, 1, clock.Now, 3, 7, 1, TestConfig.Btc, Side.Buy, FillRole.Taker, TestConfig.BtcPrice, 20, 0, takerFee), own);
        Assert.Equal([own, new FillView(1, 1, clock.Now, 2, 5, 1, TestConfig.Btc, Side.Sell, FillRole.Maker, TestConfig.BtcPrice, 20, 10, makerFee)], core.Events.Of<FillView>());
        Assert.Equal(new TradeView(1, 1, clock.Now, TestConfig.Btc, Side.Buy, TestConfig.BtcPrice, 20), Assert.Single(core.Events.Of<TradeView>()));

        static Cash Cash20() => Price.FromAtomsPerLot(TestConfig.BtcPrice) * Lots.From(20);
    }

    [Fact]
    public async Task After_a_restart_the_state_is_the_same_byte_for_byte()
    {
        string before;
        using (CoreHarness core = Open())
        {
            await TradeAsync(core);
            before = await core.DigestAsync();
        }

        using CoreHarness again = Open();
        Assert.Equal(before, again.RestoredDigest);
    }

    [Fact]
    public async Task A_snapshot_and_the_rest_of_the_journal_give_what_the_whole_journal_gives()
    {
        string before;
        using (CoreHarness core = Open(snapshotRecords: 5))
        {
            await TradeAsync(core);
            before = await core.DigestAsync();
        }

        string unfinished = Path.Combine(folder.Path, "data", "snapshots", "00000000000000000099.snapshot.tmp");
        File.WriteAllBytes(unfinished, [1]);
        Assert.Equal(before, Restore(out ulong snapshot));
        Assert.True(snapshot > 0);
        Assert.False(File.Exists(unfinished));
        Directory.Delete(Path.Combine(folder.Path, "data", "snapshots"), recursive: true);
        Assert.Equal(before, Restore(out snapshot));
        Assert.Equal(0UL, snapshot);

        string Restore(out ulong sequence)
        {
            var log = new ListLogger();
            SequencerConfig config = TestConfig.Make(folder.Path);
            Recovered recovered = Recovery.Open(config, new Spool(config.Spool), clock, log);
            recovered.Journal.Dispose();
            Assert.False(log.Warnings.Any(), string.Concat(log.Warnings));
            sequence = recovered.SnapshotSequence;
            return CoreHarness.DigestOf(recovered.Machine);
        }
    }

    [Fact]
    public async Task A_batch_is_sealed_when_its_time_is_over_and_the_next_epoch_opens()
    {
        using CoreHarness core = Open();
        await core.RegisterAsync(Cash, maker, taker);
        clock.Advance(core.Config.Epoch.Length);
        await core.UntilAsync(m => m.Batches.LastSealed == 1);

        SealedBatch batch = ReadSpool(1);
        Assert.Equal(2, batch.Operations.Length);
        Assert.Equal(core.Config.Epoch.Length, batch.Header.Close - batch.Header.Open);
        Assert.Equal(await core.ReadAsync(m => m.Engine.Status.AccountRoot), batch.NewRoot);
        Assert.Equal((2u, true), await core.ReadAsync(m => (m.Engine.Status.Batch, m.Engine.Status.IsOpen)));
        Assert.Equal([BatchStage.Accepted, BatchStage.Sealed, BatchStage.Accepted], core.Events.Of<BatchView>().Select(b => b.Stage));
    }

    [Fact]
    public async Task An_epoch_in_which_nothing_happened_gets_new_prices_and_keeps_its_number()
    {
        using CoreHarness core = Open();
        await core.UntilAsync(m => m.Engine.Status.IsOpen);
        long opened = await core.ReadAsync(m => m.Engine.Status.Opened.Milliseconds);
        clock.Advance(core.Config.Epoch.Refresh);
        await core.UntilAsync(m => m.Engine.Status.Opened.Milliseconds > opened);
        Assert.Equal(1u, await core.ReadAsync(m => m.Engine.Status.Batch));
        Assert.Empty(Directory.GetFiles(core.Config.Spool));
    }

    [Fact]
    public async Task A_full_batch_is_sealed_at_once_and_what_did_not_fit_executes_in_the_next()
    {
        using CoreHarness core = Open();
        await core.RegisterAsync(Cash, maker, taker);
        await core.AcceptedAsync(maker.Order(TestConfig.Btc, Side.Sell, 500, TestConfig.BtcPrice, slot: 1));
        // Demo has 10 rows: the maker's and nine takers' fit; then the batch must change.
        for (byte i = 0; i < 15; i++) Assert.Equal(RequestStatus.Filled, (await core.AcceptedAsync(taker.Order(TestConfig.Btc, Side.Buy, 1, TestConfig.BtcPrice, slot: i))).Status);

        Assert.Equal(1u, await core.ReadAsync(m => m.Batches.LastSealed));
        Assert.Equal(10, ReadSpool(1).Rows.Length);
        Assert.Equal(15, core.Events.Of<TradeView>().Count);
        Assert.Equal([(1u, 9), (2u, 6)], core.Events.Of<TradeView>().GroupBy(t => t.Batch).Select(g => (g.Key, g.Count())));
    }

    [Fact]
    public async Task A_burst_larger_than_many_batches_executes_whole_and_in_order()
    {
        using CoreHarness core = Open();
        await core.RegisterAsync(Cash, maker, taker);
        await core.AcceptedAsync(maker.Order(TestConfig.Btc, Side.Sell, 500, TestConfig.BtcPrice, slot: 1));
        OrderMessage[] burst = [.. Enumerable.Range(0, 60).Select(i => taker.Order(TestConfig.Btc, Side.Buy, i + 1, TestConfig.BtcPrice, slot: (byte)i, life: OrderLife.Ioc))];
        Answer<RequestResult>[] answers = await Task.WhenAll(burst.Select(core.SubmitAsync));
        // 1 + 2 + ... + 31 = 496; the 32nd takes the last 4 lots, and nothing is left for the others.
        Assert.Equal(Enumerable.Range(1, 31).Select(i => (long)i).Append(4), answers.Take(32).Select(a => a.Value!.Filled));
        Assert.All(answers.Skip(32), a => Assert.Equal((int)RejectCode.NoLiquidity, a.Error!.Code));
        Assert.True(await core.ReadAsync(m => m.Batches.LastSealed) >= 3);
    }

    [Fact]
    public async Task A_batch_is_sealed_on_request_and_an_empty_one_is_not()
    {
        using CoreHarness core = Open();
        await core.UntilAsync(m => m.Engine.Status.IsOpen);
        Assert.Equal((int)RejectCode.NothingToSeal, (await core.SealAsync()).Error!.Code);
        await core.RegisterAsync(Cash, maker);
        BatchView batch = (await core.SealAsync()).Value!;
        Assert.Equal((1u, BatchStage.Sealed, 1), (batch.Batch, batch.Stage, batch.Operations!.Value));
        Assert.Equal(ReadSpool(1).NewRoot, batch.NewRoot);
    }

    [Fact]
    public async Task No_snapshot_passes_by_what_a_sink_has_not_kept()
    {
        using CoreHarness core = Open(snapshotRecords: 1);
        await core.RegisterAsync(Cash, maker);
        core.Events.Keeps = false;
        await core.ReadAsync(m => m.Sequence);
        string[] before = Snapshots();
        await core.AcceptedAsync(maker.Order(TestConfig.Btc, Side.Sell, 5, TestConfig.BtcPrice, slot: 1));
        await core.ReadAsync(m => m.Sequence);
        Assert.Equal(before, Snapshots());
        core.Events.Keeps = true;
        await core.AcceptedAsync(maker.Cancel(1));
        await core.ReadAsync(m => m.Sequence);
        Assert.NotEqual(before, Snapshots());

        string[] Snapshots() => [.. Directory.GetFiles(Path.Combine(folder.Path, "data", "snapshots")).Order(StringComparer.Ordinal)];
    }

    [Fact]
    public async Task Receipts_are_kept_once_they_are_written()
    {
        using var key = new EthereumKey([.. Enumerable.Repeat((byte)7, 32)]);
        using var signer = new ReceiptSigner(TestConfig.Engine.Domain, key, new ReceiptFile(Path.Combine(folder.Path, "receipts")));
        using var desk = new ReceiptDesk(signer, 0, new HostMetrics(), new HostStatus(), TimeProvider.System, NullLogger<ReceiptDesk>.Instance);
        Assert.True(desk.HasKept());
        var head = new ReceiptHead();
        Receipt receipt = head.Next(Bytes32.FromBytes([.. Enumerable.Range(1, 32).Select(i => (byte)i)]), 1_234);
        desk.Receipt(receipt);
        Assert.False(desk.HasKept());
        await desk.StartAsync(default);
        Assert.Equal(receipt, (await desk.WhenSignedAsync(1, default))!.Value.Receipt);
        Assert.True(desk.HasKept());
        await desk.StopAsync(default);
    }

    [Fact]
    public async Task At_half_of_the_unproven_batches_allowed_risk_only_shrinks_and_at_all_of_them_nothing_is_sealed()
    {
        byte free = 200;
        using CoreHarness core = Open(new EpochConfig(MaxUnproven: 4));
        await core.RegisterAsync(Cash, maker, taker);
        await core.AcceptedAsync(maker.Order(TestConfig.Btc, Side.Buy, 500, TestConfig.BtcPrice, slot: 1));
        await core.AcceptedAsync(taker.Order(TestConfig.Btc, Side.Sell, 20, TestConfig.BtcPrice, slot: 1));
        await SealAsync();
        await core.AcceptedAsync(taker.Order(TestConfig.Btc, Side.Sell, 3, TestConfig.BtcPrice, slot: 2));
        Assert.Empty(core.Status.View().Problems);

        await SealAsync();
        OrderMessage opening = taker.Order(TestConfig.Btc, Side.Sell, 1, TestConfig.BtcPrice, slot: 3);
        await RefusedAsync(opening);
        await RefusedAsync(taker.Withdrawal(0, 5, slot: 4));
        await core.AcceptedAsync(taker.Order(TestConfig.Btc, Side.Buy, 2, TestConfig.BtcPrice, slot: 5, reduceOnly: true));
        Assert.Contains("2 sealed batches are not proven yet; the limit is 4", Assert.Single(core.Status.View().Problems), StringComparison.Ordinal);
        // Orders at rest open nothing either.
        Assert.Equal(RiskActions.Reduce | RiskActions.Liquidate, await core.ReadAsync(m => m.Engine.Permitted[1]));

        await SealAsync();
        await SealAsync();
        await RefusedAsync(taker.Order(TestConfig.Btc, Side.Buy, 2, TestConfig.BtcPrice, slot: 6, reduceOnly: true));
        await core.AcceptedAsync(taker.Cancel(5, prove: true));
        Assert.Equal(4u, await core.ReadAsync(m => m.Batches.LastSealed));
        clock.Advance(core.Config.Epoch.Max + 1);
        await RefusedAsync(opening);
        Assert.Contains("so none is sealed", Assert.Single(core.Status.View().Problems), StringComparison.Ordinal);

        // Proven is enough; final may take as long as the challenge window.
        foreach (uint batch in (uint[])[1, 2, 3])
        {
            await StepAsync(BatchStage.Committed, batch);
            await StepAsync(BatchStage.Proven, batch);
        }

        await core.UntilAsync(m => m.Batches.LastSealed == 5);
        await RefusedAsync(opening);
        await StepAsync(BatchStage.Committed, 4);
        await StepAsync(BatchStage.Proven, 4);
        await StepAsync(BatchStage.Final, 1);
        await core.UntilAsync(m => m.Batches.LastFinal == 1);
        clock.Advance(200);
        Assert.Equal(RequestStatus.Filled, (await core.AcceptedAsync(opening)).Status);
        Assert.Empty(core.Status.View().Problems);
        BatchView final = (await core.ReadAsync(m => m.Batches[1]))!;
        Assert.Equal((BatchStage.Final, 44UL, 45UL, 46UL), (final.Stage, final.CommittedBlock!.Value, final.ProvenBlock!.Value, final.FinalBlock!.Value));

        async Task SealAsync()
        {
            await core.AcceptedAsync(maker.Cancel(free++, prove: true));
            Assert.NotNull((await core.SealAsync()).Value);
            clock.Advance(200);
        }

        async Task RefusedAsync(ISignedMessage message) => Assert.Equal((int)HostCode.ProverBehind, (await core.SubmitAsync(message)).Error!.Code);

        async Task StepAsync(BatchStage stage, uint batch) => await core.Core.PostAsync(new ChainWork([], [new ChainStep(
            stage, batch, stage == BatchStage.Proven ? null : await core.ReadAsync(m => m.Batches[batch]!.NewRoot), 40 + (ulong)stage)], null), default);
    }

    [Fact]
    public async Task Proofs_that_take_long_lower_the_number_of_batches_in_flight()
    {
        using CoreHarness core = Open();
        await core.RegisterAsync(Cash, maker, taker);
        for (uint batch = 1; batch <= ProofTimes.Least; batch++)
        {
            await core.AcceptedAsync(maker.Cancel((byte)batch, prove: true));
            Assert.NotNull((await core.SealAsync()).Value);
            // 40 seconds a proof against a deadline of 100: one at a time.
            clock.Advance(40_000);
            await core.Core.PostAsync(new ChainWork([], [new ChainStep(BatchStage.Committed, batch, await core.ReadAsync(m => m.Batches[batch]!.NewRoot), 7), new ChainStep(BatchStage.Proven, batch, null, 8)], null, 100_000), default);
            await core.UntilAsync(m => m.Batches.Unproven == 0);
            Assert.Empty(core.Status.View().Problems);
        }

        await core.AcceptedAsync(maker.Cancel(200, prove: true));
        Assert.NotNull((await core.SealAsync()).Value);
        clock.Advance(200);
        Assert.Equal((int)HostCode.ProverBehind, (await core.SubmitAsync(taker.Order(TestConfig.Btc, Side.Sell, 1, TestConfig.BtcPrice))).Error!.Code);
        Assert.Contains("the limit is 1", Assert.Single(core.Status.View().Problems), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_unproven_batches_put_at_risk_stays_below_the_bond()
    {
        using (CoreHarness core = Open(new EpochConfig(BondUsd: 100)))
        {
            await core.RegisterAsync(Cash, maker, taker);
            await core.AcceptedAsync(maker.Order(TestConfig.Btc, Side.Sell, 50, TestConfig.BtcPrice, slot: 1));
            // Two accounts change by 2 lots of 61.7 USD at a range of 15%: 37.02 USD.
            await core.AcceptedAsync(taker.Order(TestConfig.Btc, Side.Buy, 2, TestConfig.BtcPrice, slot: 1));
            Assert.Equal(37_020_000, (await core.SealAsync()).Value!.AtRisk);
            clock.Advance(200);
            await core.AcceptedAsync(taker.Order(TestConfig.Btc, Side.Buy, 1, TestConfig.BtcPrice, slot: 2));
            Assert.Equal(18_510_000, (await core.SealAsync()).Value!.AtRisk);
            clock.Advance(200);
            Assert.Equal((int)HostCode.ProverBehind, (await core.SubmitAsync(taker.Order(TestConfig.Btc, Side.Buy, 1, TestConfig.BtcPrice, slot: 3))).Error!.Code);
            Assert.Contains("55 of 100 USD are at risk", Assert.Single(core.Status.View().Problems), StringComparison.Ordinal);
        }

        // A restart knows it too; a proof takes it away.
        using CoreHarness again = Open(new EpochConfig(BondUsd: 100));
        OrderMessage order = taker.Order(TestConfig.Btc, Side.Buy, 1, TestConfig.BtcPrice, slot: 4);
        Assert.Equal((int)HostCode.ProverBehind, (await again.SubmitAsync(order)).Error!.Code);
        await again.Core.PostAsync(new ChainWork([], [new ChainStep(BatchStage.Committed, 1, await again.ReadAsync(m => m.Batches[1]!.NewRoot), 7), new ChainStep(BatchStage.Proven, 1, null, 8)], null), default);
        await again.UntilAsync(m => m.Batches.AtRisk == 18_510_000);
        clock.Advance(200);
        await again.AcceptedAsync(order);
    }

    [Fact]
    public void Times_of_proofs_are_those_of_the_prover_and_not_of_the_queue()
    {
        var times = new ProofTimes();
        // All sealed at once, proven one after another, every tenth slowly.
        for (uint batch = 1; batch <= 40; batch++) times.Sealed(batch, 1_000);
        long now = 1_000;
        for (uint batch = 1; batch <= 40; batch++)
        {
            Assert.Equal(batch <= ProofTimes.Least, times.P95 is null);
            times.Proven(batch, now += batch % 10 == 0 ? 90_000 : 3_000);
        }

        Assert.Equal(90_000, times.P95);
        // The last hundred count; who was sealed before the start says nothing.
        for (uint batch = 41; batch <= 140; batch++)
        {
            times.Sealed(batch, now);
            times.Proven(batch, now += 2_000);
            times.Proven(1_000 + batch, now);
        }

        Assert.Equal(2_000, times.P95);
    }

    [Fact]
    public async Task Requests_that_need_a_batch_each_leave_traders_what_may_be_unproven()
    {
        using CoreHarness core = Open(new EpochConfig(MaxUnproven: 9));
        await core.RegisterAsync(Cash, maker, taker);
        await core.SealAsync();
        var stranger = Address.Parse($"0x{99:x40}");
        await core.Core.PostAsync(new ChainWork([.. Enumerable.Range(2, 9).Select(i =>
            new ChainOperation(i, new Operation(OperationKind.CloseRequest, maker.Account, 0, 0, stranger, Fr.Zero, Fr.Zero, Fr.Zero), stranger, 0))], [], null), default);
        await core.UntilAsync(m => m.Batches.LastSealed == 2);

        // The others wait for the epochs' ends: two in flight, and traders go on.
        await core.AcceptedAsync(maker.Order(TestConfig.Btc, Side.Sell, 500, TestConfig.BtcPrice, slot: 1));
        await core.AcceptedAsync(taker.Order(TestConfig.Btc, Side.Buy, 1, TestConfig.BtcPrice, slot: 1));
        Assert.Equal((2u, 4L), await core.ReadAsync(m => (m.Batches.LastSealed, m.Engine.Status.NextOperation)));
        clock.Advance(core.Config.Epoch.Length + 10); // Epochs that open in one millisecond are given one each.
        await core.UntilAsync(m => m.Batches.LastSealed == 3 && m.Engine.Status.NextOperation == 5);
        for (byte i = 2; i < 12; i++) await core.AcceptedAsync(taker.Order(TestConfig.Btc, Side.Buy, 1, TestConfig.BtcPrice, slot: i));
        Assert.Equal(4u, await core.ReadAsync(m => m.Batches.LastSealed)); // Trades filled it.
    }

    [Fact]
    public async Task A_registration_waits_for_its_view_key_and_is_bounced_when_the_grace_is_over()
    {
        using CoreHarness core = Open();
        var late = new Trader(2);
        var never = new Trader(3);
        var open = new Trader(4, isPublic: true);
        await core.Core.PostAsync(new ChainWork([late.Registration(0, 11, clock.Now), never.Registration(1, 12, clock.Now), open.Registration(2, 13, clock.Now)], [], null), default);
        await core.UntilAsync(m => core.Status.View().Problems.Contains("operations: 3 operations of the chain wait to be executed"));
        Assert.Equal(0, await core.ReadAsync(m => m.Engine.Status.NextOperation));

        var work = new ViewKeyWork(late.Keys.ViewKey);
        Assert.True(core.Core.TryPost(work));
        Assert.Equal(late.Keys.ViewKeyHash, (await work.Completion).Value!.ViewKeyHash);
        await core.UntilAsync(m => m.Engine.Status.NextOperation == 1);
        clock.Advance(core.Config.ViewKeyGraceSeconds * 1000L);
        await core.UntilAsync(m => m.Engine.Status.NextOperation == 3);

        Assert.NotNull(core.Core.Keys[2]);
        Assert.Null(core.Core.Keys[3]);
        Assert.True(core.Core.Keys.IsPublic(4));
        await core.SealAsync();
        // The grace is longer than an epoch, so the first one was sealed meanwhile.
        Assert.Equal([true, false, true], new[] { ReadSpool(1), ReadSpool(2) }.SelectMany(b => b.Operations).Select(o => o.Block is not null));
    }

    [Fact]
    public async Task A_disclosed_view_key_survives_a_restart()
    {
        using (CoreHarness core = Open())
        {
            var work = new ViewKeyWork(maker.Keys.ViewKey);
            Assert.True(core.Core.TryPost(work));
            Assert.NotNull((await work.Completion).Value);
        }

        using CoreHarness again = Open();
        Assert.Equal(maker.Keys.ViewKey, await again.ReadAsync(m => m.ViewKeys.Find(maker.Keys.ViewKeyHash)));
    }

    [Fact]
    public async Task Operations_that_still_wait_are_found_again_after_a_restart()
    {
        var position = new ChainPosition(7, "0x" + new string('1', 64), "0x" + new string('2', 64));
        var later = position with { Number = 9 };
        using (CoreHarness core = Open(snapshotRecords: 1))
        {
            await core.Core.PostAsync(new ChainWork([], [], position), default);
            await core.UntilAsync(m => m.Chain == position);
            await core.Core.PostAsync(new ChainWork([maker.Registration(0, 5, clock.Now)], [], later), default);
            clock.Advance(core.Config.Epoch.Refresh); // Gives a record, and with it a snapshot, while the operation waits.
            await core.UntilAsync(m => m.Sequence >= 3);
        }

        using CoreHarness again = Open();
        Assert.Equal(position, await again.ReadAsync(m => m.Chain));
    }

    [Fact]
    public async Task A_gap_in_the_chains_operations_is_a_safe_stop_and_reads_go_on()
    {
        using CoreHarness core = Open();
        await core.RegisterAsync(Cash, maker);
        await core.Core.PostAsync(new ChainWork([taker.Registration(2, 5)], [], null), default);
        Answer<RequestResult> refused = await core.SubmitAsync(maker.Order(TestConfig.Btc, Side.Buy, 1, TestConfig.BtcPrice));
        Assert.Equal((int)HostCode.Halted, refused.Error!.Code);
        Assert.Contains("operation 2, and 1 is next", refused.Error.Message, StringComparison.Ordinal);
        Assert.Equal(HealthStatus.Halted, core.Status.View().Status);
        Assert.NotNull(await core.ReadAsync(m => m.Keys[2]));
    }

    [Fact]
    public async Task Another_operation_in_an_executed_ones_place_is_a_safe_stop_and_the_same_one_is_not()
    {
        using CoreHarness core = Open();
        await core.RegisterAsync(Cash, maker);
        await core.Core.PostAsync(new ChainWork([maker.Registration(0, Cash)], [], null), default);
        await core.AcceptedAsync(maker.Order(TestConfig.Btc, Side.Buy, 1, TestConfig.BtcPrice));
        await core.Core.PostAsync(new ChainWork([maker.Registration(0, Cash + 1)], [], null), default);
        Assert.Contains("shows another in its place", (await core.SubmitAsync(maker.Order(TestConfig.Btc, Side.Buy, 1, TestConfig.BtcPrice, slot: 1))).Error!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_root_on_the_chain_than_the_sealed_one_is_a_safe_stop()
    {
        using CoreHarness core = Open();
        await core.RegisterAsync(Cash, maker);
        BatchView batch = (await core.SealAsync()).Value!;
        await core.Core.PostAsync(new ChainWork([], [new ChainStep(BatchStage.Committed, 1, batch.OldRoot, 3)], null), default);
        await core.UntilAsync(_ => core.Status.HaltReason is not null);
        Assert.Contains("The chain shows batch 1 as committed", core.Status.HaltReason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_journal_that_cannot_be_written_is_a_safe_stop_and_nothing_is_acknowledged()
    {
        using CoreHarness core = Open();
        await core.RegisterAsync(Cash, maker);
        string digest = await core.DigestAsync();
        core.Recovered.Journal.Dispose(); // Writing fails from here on.
        Answer<RequestResult> answer = await core.SubmitAsync(maker.Order(TestConfig.Btc, Side.Buy, 1, TestConfig.BtcPrice));
        Assert.Equal((int)HostCode.Halted, answer.Error!.Code);
        Assert.Equal(digest, await core.DigestAsync());
    }

    [Fact]
    public async Task A_full_queue_refuses_instead_of_growing()
    {
        using CoreHarness core = Open(limits: new LimitConfig(Queue: 4));
        await core.UntilAsync(m => m.Engine.Status.IsOpen);
        using var hold = new ManualResetEventSlim();
        Task<bool> holding = core.ReadAsync(_ => hold.Wait(TimeSpan.FromSeconds(20)));
        var refused = 0;
        for (int i = 0; i < 20; i++)
            if (!core.Core.TryPost(new SealWork())) refused++;
        Assert.True(refused >= 15);
        hold.Set();
        Assert.True(await holding);
    }

    [Fact]
    public async Task Another_configuration_is_refused_with_both_shown()
    {
        using (CoreHarness core = Open()) await core.RegisterAsync(Cash, maker);
        var error = Assert.Throws<SafeStopException>(() => new CoreHarness(TestConfig.Make(folder.Path, profile: "dev"), clock));
        Assert.Contains("started under another configuration", error.Message, StringComparison.Ordinal);
        Assert.Contains("\"profile\":\"demo\"", error.Message, StringComparison.Ordinal);
        Assert.Contains("\"profile\":\"dev\"", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_sealed_batch_that_is_missing_in_the_spool_is_written_again_and_a_changed_one_is_refused()
    {
        using (CoreHarness core = Open())
        {
            await core.RegisterAsync(Cash, maker);
            await core.SealAsync();
        }

        string path = Path.Combine(folder.Path, "spool", SealedBatchFile.NameOf(1));
        byte[] good = File.ReadAllBytes(path);
        File.Delete(path);
        using (Open()) Assert.Equal(good, File.ReadAllBytes(path));
        File.WriteAllBytes(path, [.. good, (byte)' ']);
        Assert.Contains("holds another batch", Assert.Throws<SafeStopException>(() => Open()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_flipped_byte_in_the_journal_stops_the_start_and_names_file_and_offset()
    {
        using (CoreHarness core = Open()) await TradeAsync(core);
        string path = JournalReader.Segments(Path.Combine(folder.Path, "data", "journal")).Single();
        byte[] bytes = File.ReadAllBytes(path);
        bytes[bytes.Length / 2] ^= 4;
        File.WriteAllBytes(path, bytes);
        var error = Assert.Throws<StorageException>(() => Open());
        Assert.Equal(path, error.File);
        Assert.InRange(error.Offset, bytes.Length / 2 - 300, bytes.Length / 2);
    }

    [Fact]
    public async Task What_is_stored_only_its_owner_may_read()
    {
        using (CoreHarness core = Open(snapshotRecords: 1))
        {
            await core.RegisterAsync(Cash, maker);
            await core.SealAsync();
        }

        if (OperatingSystem.IsWindows()) return; // Access control lists of the folder hold there.
        foreach (string file in Directory.EnumerateFiles(folder.Path, "*", SearchOption.AllDirectories))
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
    }

    private CoreHarness Open(EpochConfig? epoch = null, LimitConfig? limits = null, int snapshotRecords = 1_000_000) =>
        new(TestConfig.Make(folder.Path, epoch: epoch, limits: limits, snapshotRecords: snapshotRecords), clock);

    private SealedBatch ReadSpool(uint batch) => SealedBatchFile.Read(File.ReadAllBytes(Path.Combine(folder.Path, "spool", SealedBatchFile.NameOf(batch))));

    private async Task TradeAsync(CoreHarness core)
    {
        await core.RegisterAsync(Cash, maker, taker);
        await core.AcceptedAsync(maker.Order(TestConfig.Btc, Side.Sell, 300, TestConfig.BtcPrice, slot: 1));
        await core.AcceptedAsync(maker.Order(TestConfig.Eth, Side.Buy, 900, TestConfig.EthPrice - 70, slot: 2));
        for (byte i = 0; i < 12; i++) await core.AcceptedAsync(taker.Order(TestConfig.Btc, Side.Buy, 3 + i, TestConfig.BtcPrice, slot: i));
        await core.AcceptedAsync(taker.Order(TestConfig.Eth, Side.Sell, 40, TestConfig.EthPrice - 100, slot: 20));
        await core.AcceptedAsync(taker.Withdrawal(0, 1_234_567, slot: 21));
        await core.AcceptedAsync(maker.Cancel(2));
        Assert.NotNull((await core.SubmitAsync(taker.Order(TestConfig.Eth, Side.Sell, 0, TestConfig.EthPrice, slot: 22))).Error);
        clock.Advance(core.Config.Epoch.Length);
        uint open = await core.ReadAsync(m => m.Engine.Status.Batch);
        await core.UntilAsync(m => m.Batches.LastSealed >= open - 1);
    }
}
