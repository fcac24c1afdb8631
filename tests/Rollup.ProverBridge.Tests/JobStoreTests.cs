using Microsoft.Data.Sqlite;
using Rollup.ProverBridge.Jobs;

namespace Rollup.ProverBridge.Tests;

public sealed class JobStoreTests : IDisposable
{
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(30);

    private readonly TemporaryFolder folder = new();
    private readonly ManualClock clock = new();
    private JobStore store;

    public JobStoreTests() => store = Sample.OpenStore(folder.File("jobs.db"), clock);

    public void Dispose()
    {
        store.Dispose();
        folder.Dispose();
    }

    [Fact]
    public void A_batch_is_added_once_and_kept_as_it_came()
    {
        Assert.True(store.Add(7, [1, 2, 3]));
        Assert.False(store.Add(7, [1, 2, 3]));

        Job job = Assert.Single(store.List());
        Assert.Equal((7u, ProofStage.Queued, BatchStatus.None, 0), (job.Batch, job.Stage, job.Settlement, job.Attempts));
        Assert.Equal([1, 2, 3], store.SealedFile(7));
        Assert.Equal(7u, store.Last());
    }

    [Fact]
    public void Another_version_of_a_queued_batch_is_refused()
    {
        store.Add(7, [1, 2, 3]);
        Assert.Contains("must not seal a batch twice", Assert.Throws<JobStoreException>(() => store.Add(7, [1, 2, 4])).Message, StringComparison.Ordinal);
        Assert.Equal([1, 2, 3], store.SealedFile(7));
    }

    [Fact]
    public void Batches_are_claimed_in_order_each_by_one()
    {
        store.Add(2, [2]);
        store.Add(1, [1]);

        Assert.Equal(1u, store.Claim("a", Lease)!.Batch);
        Assert.Equal(2u, store.Claim("b", Lease)!.Batch);
        Assert.Null(store.Claim("c", Lease));
    }

    [Fact]
    public void Stages_are_kept_across_a_restart_in_the_middle_of_each()
    {
        store.Add(1, [1]);
        store.Claim("a", Lease);
        Assert.Equal(ProofStage.Witness, Reopen().Get(1)!.Stage);
        store.BeginProving(1, "a");
        Assert.Equal(ProofStage.Proving, Reopen().Get(1)!.Stage);
        byte[] proof = [.. Enumerable.Range(0, 256).Select(i => (byte)i)];
        store.Complete(1, "a", proof, TimeSpan.FromSeconds(12.5));
        Job proven = Reopen().Get(1)!;
        Assert.Equal((ProofStage.Proven, 12.5, null), (proven.Stage, proven.ProofSeconds, proven.LeaseOwner));
        Assert.Equal(proof, store.Proof(1));
        store.SetSettlement(1, BatchStatus.Committed);
        store.AddReceipt(1, new JobReceipt("commit", "0xabc", 12, 345_678));
        Assert.Equal("committed", Reopen().Get(1)!.ChainState);
        Assert.Equal(new JobReceipt("commit", "0xabc", 12, 345_678), Assert.Single(store.Receipts(1)));
    }

    [Fact]
    public void The_job_of_a_bridge_that_was_killed_is_free_again_when_its_lease_ends()
    {
        store.Add(1, [1]);
        store.Claim("killed", Lease);
        store.BeginProving(1, "killed");
        JobStore next = Reopen();

        clock.Advance(Lease - TimeSpan.FromMilliseconds(1));
        Assert.Null(next.Claim("next", Lease));
        clock.Advance(TimeSpan.FromMilliseconds(1));
        Job taken = next.Claim("next", Lease)!;

        Assert.Equal(("next", 2, ProofStage.Witness), (taken.LeaseOwner, taken.Attempts, taken.Stage));
        Assert.False(next.Complete(1, "killed", [1], TimeSpan.Zero));
        Assert.False(next.Renew(1, "killed", Lease));
        Assert.True(next.Complete(1, "next", [2], TimeSpan.Zero));
        Assert.Equal([2], next.Proof(1));
    }

    [Fact]
    public void A_renewed_lease_holds()
    {
        store.Add(1, [1]);
        store.Claim("a", Lease);
        clock.Advance(Lease / 2);
        Assert.True(store.Renew(1, "a", Lease));
        clock.Advance(Lease * 0.75);
        Assert.Null(store.Claim("b", Lease));
    }

    [Fact]
    public void A_failed_job_waits_longer_each_time_and_is_set_aside_in_the_end()
    {
        store.Add(1, [1]);
        store.Add(2, [2]);
        // Jitter 0: half of 2 s, then half of 4 s.
        foreach (double seconds in (double[])[1, 2])
        {
            Assert.Equal(1u, store.Claim("a", Lease)!.Batch);
            Assert.True(store.Fail(1, "a", $"failed before {seconds}", permanent: false));
            Assert.Equal(clock.GetUtcNow() + TimeSpan.FromSeconds(seconds), store.Get(1)!.NextAttempt);
            clock.Advance(TimeSpan.FromSeconds(seconds) - TimeSpan.FromMilliseconds(1));
            Assert.Equal(2u, store.Claim("b", Lease)!.Batch);
            store.Release(2, "b");
            clock.Advance(TimeSpan.FromMilliseconds(1));
        }

        store.Claim("a", Lease);
        store.Fail(1, "a", "the third failure", permanent: false);

        Job aside = store.Get(1)!;
        Assert.Equal((AsideBy.Proving, "aside"), (aside.AsideBy, aside.ProofState));
        Assert.Equal("3 attempts failed, the last one with: the third failure", aside.AsideReason);
        clock.Advance(TimeSpan.FromDays(1));
        Assert.Equal(2u, store.Claim("a", Lease)!.Batch);
        Assert.Null(store.Claim("a", Lease));
    }

    [Fact]
    public void A_job_that_no_attempt_can_help_is_set_aside_at_once()
    {
        store.Add(1, [1]);
        store.Claim("a", Lease);
        store.Fail(1, "a", "contradicts itself", permanent: true);
        Assert.Equal((AsideBy.Proving, "contradicts itself", 1), (store.Get(1)!.AsideBy, store.Get(1)!.AsideReason, store.Get(1)!.Attempts));
    }

    [Fact]
    public void A_job_that_kills_its_bridge_each_time_is_set_aside()
    {
        store.Add(1, [1]);
        for (int i = 0; i < Sample.Retry.MaxAttempts; i++)
        {
            Assert.NotNull(store.Claim($"killed {i}", Lease));
            clock.Advance(Lease);
        }

        Assert.Null(store.Claim("next", Lease));
        Assert.Contains("the bridge died during each", store.Get(1)!.AsideReason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_stop_does_not_count_as_an_attempt()
    {
        store.Add(1, [1]);
        store.Claim("a", Lease);
        store.Release(1, "a");
        Assert.Equal((0, ProofStage.Queued), (store.Get(1)!.Attempts, store.Get(1)!.Stage));
        Assert.Equal(1, store.Claim("b", Lease)!.Attempts);
    }

    [Fact]
    public void A_job_set_aside_is_taken_up_again_with_all_its_attempts()
    {
        store.Add(1, [1]);
        store.Claim("a", Lease);
        store.Fail(1, "a", "no", permanent: true);
        Assert.True(store.Retry(1));
        Job job = store.Claim("a", Lease)!;
        Assert.Equal((1, null, null), (job.Attempts, job.AsideBy, job.AsideReason));
        Assert.False(store.Retry(2));
    }

    [Fact]
    public void What_the_vault_has_a_proof_of_is_not_proven_again()
    {
        store.Add(1, [1]);
        store.Add(2, [2]);
        store.Add(3, [3]);
        store.SetFinalUpTo(1);
        store.SetSettlement(2, BatchStatus.Proven);
        Assert.Equal(3u, store.Claim("a", Lease)!.Batch);
        Assert.Equal(["final", "posted", "-"], store.List().Select(j => j.ChainState));
    }

    [Fact]
    public void A_dropped_proof_is_made_again()
    {
        store.Add(1, [1]);
        store.Claim("a", Lease);
        store.Complete(1, "a", [1], TimeSpan.Zero);
        store.DropProof(1, "did not hold");
        Assert.Null(store.Proof(1));
        Assert.Equal((1u, "did not hold"), (store.Claim("a", Lease)!.Batch, store.Get(1)!.LastError));
    }

    [Fact]
    public void One_process_at_a_time_sends()
    {
        Assert.True(store.TryHoldSettlement("a", Lease));
        Assert.False(store.TryHoldSettlement("b", Lease));
        Assert.True(store.TryHoldSettlement("a", Lease));
        clock.Advance(Lease);
        Assert.True(store.TryHoldSettlement("b", Lease));
        Assert.False(store.TryHoldSettlement("a", Lease));
        store.ReleaseSettlement("b");
        Assert.True(store.TryHoldSettlement("a", Lease));
    }

    [Fact]
    public void Two_processes_can_use_one_file()
    {
        store.Add(1, [1]);
        using JobStore other = Sample.OpenStore(folder.File("jobs.db"), clock);
        Assert.Equal(1u, other.Claim("b", Lease)!.Batch);
        Assert.Null(store.Claim("a", Lease));
        other.Complete(1, "b", [9], TimeSpan.Zero);
        Assert.Equal(ProofStage.Proven, store.Get(1)!.Stage);
    }

    [Fact]
    public void The_file_is_for_its_owner_alone() =>
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(folder.File("jobs.db")));

    [Fact]
    public void A_file_of_another_version_or_kind_is_refused()
    {
        string newer = folder.File("newer.db"), other = folder.File("other.db");
        using (var connection = new SqliteConnection($"Data Source={newer};Pooling=False"))
        {
            connection.Open();
            using SqliteCommand command = connection.CreateCommand();
            command.CommandText = "PRAGMA user_version = 9";
            command.ExecuteNonQuery();
        }

        File.WriteAllText(other, new string('x', 5000));
        Assert.Contains("version 9", Assert.Throws<JobStoreException>(() => Sample.OpenStore(newer, clock)).Message, StringComparison.Ordinal);
        Assert.Contains("cannot be used as a job queue", Assert.Throws<JobStoreException>(() => Sample.OpenStore(other, clock)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, 0, 1)]
    [InlineData(1, 0.5, 1.5)]
    [InlineData(3, 0, 4)]
    [InlineData(5, 0.5, 24)]
    [InlineData(6, 0, 30)]
    [InlineData(1000, 0.5, 45)]
    public void Back_off_doubles_up_to_its_bound_and_spreads_over_the_upper_half(int failures, double jitter, double seconds) =>
        Assert.Equal(TimeSpan.FromSeconds(seconds), (Sample.Retry with { Jitter = () => jitter }).DelayAfter(failures));

    private JobStore Reopen()
    {
        store.Dispose();
        return store = Sample.OpenStore(folder.File("jobs.db"), clock);
    }
}
