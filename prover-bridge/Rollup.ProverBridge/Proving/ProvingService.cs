using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Rollup.Engine;
using Rollup.Groth16;
using Rollup.ProverBridge.Jobs;
using Rollup.ProverBridge.Monitoring;
using Rollup.Proving;
using Rollup.Witness;

namespace Rollup.ProverBridge.Proving;

/// <summary>The batch contradicts itself or its profile: no prover can help.</summary>
public sealed class UnprovableBatchException(string message, Exception inner) : Exception(message, inner);

/// <summary>Proves one job: returns a checked proof, calls the action when the prover starts.</summary>
public delegate Task<Proof> ProveJob(Job job, Action provingBegins, CancellationToken cancellation);

/// <summary>Takes batches from the queue, lowest first, and has them proven. A failure never ends it: the job waits, or is set aside.</summary>
/// <param name="slots">Jobs worked on at a time.</param>
/// <param name="lease">How long a job stays with a bridge that was killed; renewed while it lives.</param>
public sealed class ProvingService(JobStore store, ProveJob prove, int slots, TimeSpan lease, TimeProvider clock, Metrics metrics, ILogger<ProvingService> log)
    : BackgroundService
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(500);

    private readonly string owner = $"{Environment.MachineName}:{Environment.ProcessId}:{Guid.NewGuid():N}";

    /// <summary>The circuit's input for a sealed batch file.</summary>
    /// <exception cref="UnprovableBatchException"/>
    public static SettlementInput InputOf(byte[] sealedFile)
    {
        try
        {
            return SettlementInput.Build(SealedBatchFile.Read(sealedFile));
        }
        catch (Exception error) when (error is FormatException or ArgumentException or InvalidOperationException or OverflowException)
        {
            throw new UnprovableBatchException($"The batch is not consistent: {error.Message}", error);
        }
    }

    /// <summary>Claims the next job that is due and works on it to the end of the attempt. False if nothing is due.</summary>
    public async Task<bool> RunOneAsync(CancellationToken stopping)
    {
        if (store.Claim(owner, lease) is not { } job) return false;
        log.LogInformation("Batch {Batch}: proving, attempt {Attempt}", job.Batch, job.Attempts);
        long started = clock.GetTimestamp();
        using var working = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        Task renewing = RenewAsync(job.Batch, working);
        try
        {
            Proof proof = await prove(job, () => store.BeginProving(job.Batch, owner), working.Token);
            TimeSpan duration = clock.GetElapsedTime(started);
            if (store.Complete(job.Batch, owner, proof.ToEvmWords(), duration))
            {
                metrics.ProofMade(duration);
                log.LogInformation("Batch {Batch}: proven and checked after {Seconds:0.0} s", job.Batch, duration.TotalSeconds);
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            store.Release(job.Batch, owner);
            throw;
        }
        catch (OperationCanceledException)
        {
            log.LogWarning("Batch {Batch}: the lease was lost, another bridge has taken it over", job.Batch);
        }
        catch (Exception error)
        {
            metrics.Failures.Increment();
            store.Fail(job.Batch, owner, error.Message, permanent: error is UnprovableBatchException);
            Report(store.Get(job.Batch)!, error);
        }
        finally
        {
            await working.CancelAsync();
            await renewing;
        }

        return true;
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(Enumerable.Range(0, slots).Select(_ => Task.Run(async () =>
    {
        while (!stoppingToken.IsCancellationRequested)
            if (!await RunOneAsync(stoppingToken))
                await Task.Delay(Poll, clock, stoppingToken);
    }, stoppingToken)));

    private void Report(Job job, Exception error)
    {
        // What the bridge knows of has a message that says all; anything else needs its stack.
        Exception? stack = error is ProverException or UnprovableBatchException ? null : error;
        if (job.AsideBy is not null)
            log.LogError(stack, "Batch {Batch} is set aside: {Reason} Take it up again with `prover-bridge jobs retry {Batch}`", job.Batch, job.AsideReason, job.Batch);
        else
            log.LogWarning(stack, "Batch {Batch}: attempt {Attempt} failed: {Reason} Next attempt at {Next:O}", job.Batch, job.Attempts, error.Message, job.NextAttempt);
    }

    private async Task RenewAsync(uint batch, CancellationTokenSource working)
    {
        try
        {
            while (true)
            {
                await Task.Delay(lease / 3, clock, working.Token);
                if (!store.Renew(batch, owner, lease)) await working.CancelAsync();
            }
        }
        catch (OperationCanceledException)
        {
            // The attempt is over.
        }
    }
}
