using System.Threading.Channels;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Rollup.Crypto.Settlement;
using Rollup.Ethereum;
using Rollup.Sequencer.Core;

namespace Rollup.Sequencer.Receipts;

/// <summary>
/// The key that signs receipts, and where they are kept. What is signed is in the journal already, and signatures are deterministic, so a crash never leads to another receipt of the same number; only
/// going back to an older journal does.
/// </summary>
/// <param name="kept">Receipts of earlier circuits.</param>
internal sealed class ReceiptSigner(Fr domain, EthereumKey key, ReceiptFile file, ReceiptFile? kept = null) : IDisposable
{
    internal Fr Domain => domain;
    internal EthereumKey Key => key;
    internal ReceiptFile File => file;

    /// <summary>The receipt of a number, also of an earlier circuit; null if there is none.</summary>
    internal SignedReceipt? Find(long number) => file.Find(number) ?? kept?.Find(number);

    internal SignedReceipt Sign(in Receipt receipt) => SignedReceipt.Sign(receipt, domain, key);

    /// <summary>For the replay of the journal: signs what a crash kept from being signed.</summary>
    internal IEventSink Mending => new Mender(this);

    public void Dispose()
    {
        file.Dispose();
        kept?.Dispose();
        key.Dispose();
    }

    private sealed class Mender(ReceiptSigner signer) : IEventSink
    {
        public void Receipt(in Receipt receipt)
        {
            if (signer.File.Find(receipt.Number)?.Receipt != receipt) signer.File.Put([signer.Sign(receipt)]);
        }
    }
}

/// <summary>Signs the receipts of what the core has executed, in order, on a thread of its own: the core only hashes, and never waits.</summary>
/// <param name="last">The last receipt that was signed before the start.</param>
internal sealed class ReceiptDesk(ReceiptSigner signer, long last, HostMetrics metrics, HostStatus status, TimeProvider clock, ILogger<ReceiptDesk> log) : BackgroundService, IEventSink
{
    /// <summary>Receipts that are written together.</summary>
    private const int MaxGroup = 256;

    // Not bounded, for the core must not wait; whoever placed the orders waits for their receipts, which bounds it by the API's limits.
    private readonly Channel<Receipt> executed = Channel.CreateUnbounded<Receipt>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
    private readonly Lock gate = new();
    private TaskCompletionSource progress = New();
    private long signed = last;

    // The newest that was executed, and that was written.
    private long told = last, written = last;

    internal Rollup.Protocol.Address Signer => signer.Key.Address;

    /// <summary>Told of what was signed, in order; set before the start. Must not block.</summary>
    internal Action<SignedReceipt>? Signed { get; set; }

    public void Receipt(in Receipt receipt)
    {
        told = receipt.Number;
        executed.Writer.TryWrite(receipt);
    }

    public bool HasKept()
    {
        if (Volatile.Read(ref written) < told) return false;
        signer.File.Flush();
        return true;
    }

    /// <summary>The receipt of a number; null if there is none.</summary>
    internal SignedReceipt? Find(long number) => signer.Find(number);

    /// <summary>The receipt of a request that was executed; waits until it is signed.</summary>
    internal async Task<SignedReceipt?> WhenSignedAsync(long number, CancellationToken cancellation)
    {
        while (true)
        {
            Task next;
            lock (gate)
            {
                if (signed >= number) break;
                next = progress.Task;
            }

            await next.WaitAsync(cancellation);
        }

        return Find(number);
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.Factory.StartNew(() => Run(stoppingToken), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private void Run(CancellationToken stopping)
    {
        try
        {
            var group = new List<SignedReceipt>(MaxGroup);
            while (executed.Reader.WaitToReadAsync(stopping).AsTask().GetAwaiter().GetResult())
            {
                long started = clock.GetTimestamp();
                group.Clear();
                while (group.Count < MaxGroup && executed.Reader.TryRead(out Receipt receipt)) group.Add(signer.Sign(receipt));
                signer.File.Put(group);
                metrics.Receipts(group.Count, clock.GetElapsedTime(started));
                Volatile.Write(ref written, group[^1].Receipt.Number);
                Advance(group[^1].Receipt.Number);
                foreach (SignedReceipt receipt in group) Signed?.Invoke(receipt);
            }
        }
        catch (OperationCanceledException)
        {
            // The end; the next start signs what is left.
        }
        catch (IOException error)
        {
            status.Set("receipts", $"receipts cannot be written: {error.Message}");
            log.LogCritical(error, "Receipts cannot be written; what is executed has none until the next start.");
            Advance(long.MaxValue);
        }
    }

    private void Advance(long to)
    {
        TaskCompletionSource reached;
        lock (gate) (signed, reached, progress) = (to, progress, New());
        reached.TrySetResult();
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
