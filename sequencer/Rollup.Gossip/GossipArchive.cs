using Rollup.Ethereum;

namespace Rollup.Gossip;

/// <summary>A batch that the sequencer announced, with its data.</summary>
public sealed record GossipBatch(BatchAnnouncement Announcement, ReadOnlyMemory<byte> Data);

/// <summary>
/// The newest batches and receipts, kept in memory to be served to those who missed them. What is older is on L1 (batches), or with the sequencer (receipts). Thread-safe.
/// </summary>
/// <param name="maxBatches">Batches beyond this many are forgotten, oldest first.</param>
/// <param name="maxBytes">The same for the bytes of their data.</param>
/// <param name="maxReceipts">The same for receipts.</param>
/// <param name="older">Finds receipts that are not kept here; null if nobody does.</param>
public sealed class GossipArchive(int maxBatches = 4_096, long maxBytes = 256L << 20, int maxReceipts = 200_000, Func<long, SignedReceipt?>? older = null)
{
    private readonly Lock gate = new();
    private readonly SortedDictionary<uint, GossipBatch> batches = [];
    private readonly Dictionary<long, SignedReceipt> receipts = [];
    private long bytes;
    private long firstReceipt = long.MaxValue;

    /// <summary>Batches kept at most: nobody needs to look for more.</summary>
    public int MaxBatches => maxBatches;

    public int MaxReceipts => maxReceipts;

    /// <summary>0 before the first.</summary>
    public uint NewestBatch { get; private set; }

    /// <summary>0 before the first.</summary>
    public long NewestReceipt { get; private set; }

    public GossipBatch? Batch(uint number)
    {
        lock (gate) return batches.GetValueOrDefault(number);
    }

    public SignedReceipt? Receipt(long number)
    {
        lock (gate)
            if (receipts.TryGetValue(number, out SignedReceipt receipt)) return receipt;
        return older?.Invoke(number);
    }

    /// <summary>Keeps a batch; of a number that is known the first one stays.</summary>
    public void Add(GossipBatch batch)
    {
        lock (gate)
        {
            if (!batches.TryAdd(batch.Announcement.Batch, batch)) return;
            bytes += batch.Data.Length;
            NewestBatch = Math.Max(NewestBatch, batch.Announcement.Batch);
            while (batches.Count > maxBatches || bytes > maxBytes)
            {
                (uint oldest, GossipBatch dropped) = batches.First();
                batches.Remove(oldest);
                bytes -= dropped.Data.Length;
            }
        }
    }

    /// <summary>Keeps a receipt; of a number that is known the first one stays.</summary>
    public void Add(SignedReceipt receipt)
    {
        lock (gate)
        {
            long number = receipt.Receipt.Number;
            if (!receipts.TryAdd(number, receipt)) return;
            (firstReceipt, NewestReceipt) = (Math.Min(firstReceipt, number), Math.Max(NewestReceipt, number));
            for (; NewestReceipt - firstReceipt >= maxReceipts; firstReceipt++) receipts.Remove(firstReceipt);
        }
    }
}
