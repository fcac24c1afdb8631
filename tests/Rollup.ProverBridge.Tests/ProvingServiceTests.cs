using Rollup.Engine;
using Rollup.Groth16;
using Rollup.Protocol;
using Rollup.ProverBridge.Jobs;
using Rollup.ProverBridge.Monitoring;
using Rollup.ProverBridge.Proving;
using Rollup.Proving;
using Rollup.TestSupport;

namespace Rollup.ProverBridge.Tests;

public sealed class ProvingServiceTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly ManualClock clock = new();
    private readonly Metrics metrics = new();
    private readonly MemoryLog<ProvingService> log = new();
    private readonly JobStore store;

    public ProvingServiceTests() => store = Sample.OpenStore(folder.File("jobs.db"), clock);

    public void Dispose()
    {
        store.Dispose();
        folder.Dispose();
    }

    [Fact]
    public async Task A_job_goes_from_queued_to_proven()
    {
        store.Add(1, [1]);
        var stages = new List<ProofStage>();
        Proof proof = KnownKey.Forge([Fr.FromUInt64(3), Fr.FromUInt64(4), Fr.FromUInt64(5), Fr.FromUInt64(6)]);
        using ProvingService service = Service((job, provingBegins, _) =>
        {
            stages.Add(store.Get(1)!.Stage);
            provingBegins();
            stages.Add(store.Get(1)!.Stage);
            clock.Advance(TimeSpan.FromSeconds(7));
            return Task.FromResult(proof);
        });

        Assert.True(await service.RunOneAsync(default));
        Assert.False(await service.RunOneAsync(default));

        Assert.Equal([ProofStage.Witness, ProofStage.Proving], stages);
        Assert.Equal((ProofStage.Proven, 1), (store.Get(1)!.Stage, store.Get(1)!.Attempts));
        Assert.Equal(proof.ToEvmWords(), store.Proof(1));
    }

    [Fact]
    public async Task A_failing_job_backs_off_and_a_poison_job_is_set_aside_while_others_go_on()
    {
        store.Add(1, [1]);
        store.Add(2, [2]);
        using ProvingService service = Service((job, _, _) => job.Batch == 1
            ? throw new ProverException(ProverFault.Died, "the prover died of it")
            : Task.FromResult(KnownKey.Forge([Fr.One, Fr.One, Fr.One, Fr.One])));

        Assert.True(await service.RunOneAsync(default));
        Assert.Equal((ProofStage.Queued, "the prover died of it"), (store.Get(1)!.Stage, store.Get(1)!.LastError));
        Assert.True(await service.RunOneAsync(default));
        Assert.Equal(ProofStage.Proven, store.Get(2)!.Stage);
        for (int i = 1; i < Sample.Retry.MaxAttempts; i++)
        {
            Assert.False(await service.RunOneAsync(default));
            clock.Advance(Sample.Retry.MaxDelay);
            Assert.True(await service.RunOneAsync(default));
        }

        clock.Advance(TimeSpan.FromDays(1));
        Assert.False(await service.RunOneAsync(default));
        Assert.Equal(AsideBy.Proving, store.Get(1)!.AsideBy);
        Assert.Equal(Sample.Retry.MaxAttempts, metrics.Failures.Value);
        Assert.Contains("Batch 1 is set aside: 3 attempts failed, the last one with: the prover died of it", log.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_surprise_fails_the_attempt_and_not_the_service()
    {
        store.Add(1, [1]);
        using ProvingService service = Service((_, _, _) => throw new DivideByZeroException("a bug"));
        Assert.True(await service.RunOneAsync(default));
        Assert.Equal("a bug", store.Get(1)!.LastError);
        Assert.Contains(nameof(DivideByZeroException), log.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_batch_that_contradicts_itself_is_set_aside_at_once()
    {
        SealedBatch good = Batches.Registration(SettlementDomain31337);
        SealedBatch bad = good with { NewRoot = good.NewRoot + Fr.One };
        store.Add(1, SealedBatchFile.Write(bad));
        using ProvingService service = Service((job, _, _) =>
        {
            ProvingService.InputOf(store.SealedFile(job.Batch));
            throw new InvalidOperationException("not reached");
        });

        await service.RunOneAsync(default);

        Assert.Equal((AsideBy.Proving, 1), (store.Get(1)!.AsideBy, store.Get(1)!.Attempts));
        Assert.Equal("The batch is not consistent: Batch 1: its blocks do not lead to its new root.", store.Get(1)!.AsideReason);
        Assert.Equal(good.NewRoot, ProvingService.InputOf(SealedBatchFile.Write(good)).Data.NewRoot);
    }

    [Fact]
    public async Task A_stop_gives_the_job_back()
    {
        store.Add(1, [1]);
        using var stop = new CancellationTokenSource();
        using ProvingService service = Service(async (_, _, cancellation) =>
        {
            await stop.CancelAsync();
            await Task.Delay(Timeout.Infinite, cancellation);
            throw new InvalidOperationException("not reached");
        });
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => service.RunOneAsync(stop.Token));
        Assert.Equal((ProofStage.Queued, 0, null), (store.Get(1)!.Stage, store.Get(1)!.Attempts, store.Get(1)!.LeaseOwner));
    }

    [Fact]
    public async Task Who_loses_the_lease_stops_and_reports_nothing()
    {
        store.Add(1, [1]);
        // The lease is lost at once; the short renewal interval of this service notices.
        using ProvingService service = Service(async (_, _, cancellation) =>
        {
            clock.Advance(TimeSpan.FromMinutes(1));
            Assert.NotNull(store.Claim("another", TimeSpan.FromMinutes(1)));
            await Task.Delay(Timeout.Infinite, cancellation);
            throw new InvalidOperationException("not reached");
        }, lease: TimeSpan.FromMilliseconds(60));
        Assert.True(await service.RunOneAsync(default));
        Assert.Equal(("another", ProofStage.Witness, null), (store.Get(1)!.LeaseOwner, store.Get(1)!.Stage, store.Get(1)!.LastError));
    }

    private static Fr SettlementDomain31337 => Crypto.Settlement.SettlementDomain.Of(31337, Address.Parse("0x5fbdb2315678afecb367f032d93f642f64180aa3"));

    private ProvingService Service(ProveJob prove, TimeSpan? lease = null) => new(store, prove, 1, lease ?? TimeSpan.FromSeconds(30), clock, metrics, log);
}
