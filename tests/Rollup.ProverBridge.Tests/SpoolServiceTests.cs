using System.Text;
using Rollup.Crypto.Settlement;
using Rollup.Engine;
using Rollup.Protocol;
using Rollup.ProverBridge.Jobs;
using Rollup.ProverBridge.Monitoring;
using Rollup.ProverBridge.Spool;

namespace Rollup.ProverBridge.Tests;

public sealed class SpoolServiceTests : IDisposable
{
    private const uint Version = CircuitVersion.Value + 1;
    private static readonly Fr Domain = DomainOf(Version);

    private readonly TemporaryFolder folder = new(), spool = new();
    private readonly TestLifetime lifetime = new();
    private readonly BridgeStatus status;
    private readonly JobStore store;
    private readonly SpoolService service;
    private readonly SealedBatch[] batches;

    public SpoolServiceTests()
    {
        status = Sample.Status(lifetime);
        store = Sample.OpenStore(folder.File("jobs.db"), TimeProvider.System);
        service = new SpoolService(spool.Path, "dev", Version, DomainOf, store, status, TimeProvider.System, new MemoryLog<SpoolService>());
        TestSupport.BatchFactory factory = Batches.Factory(Domain);
        batches = [factory.Begin().Register(2, cash: 5_000).Seal(), factory.Begin().Register(3, cash: 6_000).Seal(), factory.Begin().Deposit(2, 0, 7).Seal()];
    }

    public void Dispose()
    {
        service.Dispose();
        store.Dispose();
        spool.Dispose();
        folder.Dispose();
    }

    [Fact]
    public void Batches_are_taken_in_order_and_other_files_are_left_alone()
    {
        Drop(batches[1]);
        Drop(batches[0]);
        File.WriteAllText(spool.File("000003.sealed.json.tmp"), "half a fil");
        service.Scan();
        Assert.Equal([1u, 2u], store.List().Select(j => j.Batch));
        Assert.Equal(SealedBatchFile.Write(batches[1]), store.SealedFile(2));
        Assert.Empty(status.Problems);
        service.Scan();
        Assert.Equal(2, store.List().Count);
    }

    [Fact]
    public void A_gap_is_waited_for()
    {
        Drop(batches[0]);
        Drop(batches[2]);
        service.Scan();
        Assert.Equal([1u], store.List().Select(j => j.Batch));
        Assert.Contains("batch 2 is missing", Assert.Single(status.Problems), StringComparison.Ordinal);
        Drop(batches[1]);
        service.Scan();
        Assert.Equal([1u, 2u, 3u], store.List().Select(j => j.Batch));
        Assert.Empty(status.Problems);
    }

    [Fact]
    public void A_damaged_file_stops_the_intake_until_it_is_replaced()
    {
        string damaged = Encoding.UTF8.GetString(SealedBatchFile.Write(batches[0])).Replace("\"cash\":\"5000\"", "\"cash\":\"5001\"", StringComparison.Ordinal);
        File.WriteAllText(spool.File("000001.sealed.json"), damaged);
        Drop(batches[1]);
        service.Scan();
        Assert.Empty(store.List());
        Assert.Contains("000001.sealed.json is not a sealed batch: sha256 is not the digest", Assert.Single(status.Problems), StringComparison.Ordinal);
        Drop(batches[0]);
        service.Scan();
        Assert.Equal(2, store.List().Count);
        Assert.Empty(status.Problems);
    }

    [Theory]
    [InlineData("number", "holds batch 1")]
    [InlineData("profile", "of profile 'demo'; this bridge proves 'dev'")]
    [InlineData("domain", "of another vault or chain")]
    [InlineData("before", "of circuit version 2 of this vault; this bridge proves version 3, and circuit.version says so. What was sealed before an upgrade")]
    [InlineData("after", "of circuit version 7 of this vault; this bridge proves version 3, and circuit.version says so. Give it the circuit and keys of the upgrade")]
    public void What_is_not_for_this_bridge_is_refused(string what, string message)
    {
        SealedBatch batch = what switch
        {
            "profile" => batches[0] with { Profile = "demo" },
            "domain" => batches[0] with { Domain = Domain + Fr.One },
            "before" => batches[0] with { Domain = DomainOf(2) },
            "after" => batches[0] with { Domain = DomainOf(7), Profile = "demo" },
            _ => batches[0],
        };
        File.WriteAllBytes(spool.File(SealedBatchFile.NameOf(what == "number" ? 2u : 1u)), SealedBatchFile.Write(batch));
        service.Scan();
        Assert.Empty(store.List());
        Assert.Contains(message, Assert.Single(status.Problems), StringComparison.Ordinal);
    }

    [Fact]
    public void A_batch_sealed_twice_stops_the_bridge_also_after_a_restart()
    {
        Drop(batches[0]);
        service.Scan();
        SealedBatch other = Batches.Factory(Domain).Begin().Register(2, cash: 5_001).Seal();
        Drop(other);
        Assert.Throws<JobStoreException>(service.Scan);
        using var restarted = new SpoolService(spool.Path, "dev", Version, DomainOf, store, status, TimeProvider.System, new MemoryLog<SpoolService>());
        Assert.Throws<JobStoreException>(restarted.Scan);
        Assert.Equal(SealedBatchFile.Write(batches[0]), store.SealedFile(1));
    }

    [Fact]
    public async Task The_running_service_halts_the_bridge_on_a_batch_sealed_twice()
    {
        Drop(batches[0]);
        await service.StartAsync(default);
        await Sample.UntilAsync(() => store.List().Count == 1);
        Drop(Batches.Factory(Domain).Begin().Register(2, cash: 5_001).Seal());
        await Sample.UntilAsync(() => lifetime.IsStopped);
        await service.StopAsync(default);
        Assert.Contains("must not seal a batch twice", status.HaltReason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_queue_may_begin_with_a_later_batch()
    {
        Drop(batches[1]);
        service.Scan();
        Assert.Equal(2u, Assert.Single(store.List()).Batch);
    }

    private static Fr DomainOf(uint version) => SettlementDomain.Of(31337, Address.Parse("0x00000000000000000000000000000000000000aa"), version);

    // As the sequencer does: a whole file under another name, then renamed.
    private void Drop(SealedBatch batch)
    {
        string name = spool.File(SealedBatchFile.NameOf(batch.Header.Batch));
        File.WriteAllBytes(name + ".tmp", SealedBatchFile.Write(batch));
        File.Move(name + ".tmp", name, overwrite: true);
    }
}
