using System.Globalization;
using System.Security.Cryptography;
using Microsoft.Data.Sqlite;

namespace Rollup.ProverBridge.Jobs;

/// <summary>The queue's file cannot be used, or would have to hold two different batches of one number.</summary>
public sealed class JobStoreException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>
/// The durable queue of batches, one job a batch number, in an SQLite file (write-ahead log, synchronised at every commit).
/// Work on a job is done under a lease: who dies leaves it to expire, and the next claim starts the attempt afresh. Several processes may
/// use one file. Thread-safe.
/// </summary>
public sealed class JobStore : IDisposable
{
    private const int SchemaVersion = 1;
    private const string SettlerLease = "settler";

    private const string Schema = """
        CREATE TABLE job (
          batch INTEGER PRIMARY KEY,
          digest TEXT NOT NULL,
          sealed BLOB NOT NULL,
          stage INTEGER NOT NULL DEFAULT 0,
          settlement INTEGER NOT NULL DEFAULT 0,
          attempts INTEGER NOT NULL DEFAULT 0,
          next_attempt INTEGER NOT NULL DEFAULT 0,
          lease_owner TEXT,
          lease_until INTEGER,
          aside_by INTEGER,
          aside_reason TEXT,
          last_error TEXT,
          proof BLOB,
          proof_seconds REAL
        ) STRICT;
        CREATE TABLE receipt (
          batch INTEGER NOT NULL REFERENCES job(batch),
          action TEXT NOT NULL,
          hash TEXT NOT NULL,
          block INTEGER NOT NULL,
          gas INTEGER NOT NULL,
          PRIMARY KEY (batch, action)
        ) STRICT;
        CREATE TABLE lease (name TEXT PRIMARY KEY, owner TEXT NOT NULL, until INTEGER NOT NULL) STRICT;
        """;

    private readonly Lock gate = new();
    private readonly SqliteConnection connection;
    private readonly TimeProvider clock;
    private readonly RetryPolicy retry;

    private JobStore(SqliteConnection connection, TimeProvider clock, RetryPolicy retry) =>
        (this.connection, this.clock, this.retry) = (connection, clock, retry);

    /// <summary>Opens the file, or creates it for its owner alone: it holds the sealed batches and with them view keys.</summary>
    /// <exception cref="JobStoreException">It is no queue, or one of another version.</exception>
    public static JobStore Open(string path, TimeProvider clock, RetryPolicy retry)
    {
        if (!File.Exists(path))
        {
            var options = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite };
            if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            File.Open(path, options).Dispose();
        }

        // Pooling would keep the file open after Dispose.
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false, ForeignKeys = true }.ToString());
        var store = new JobStore(connection, clock, retry);
        try
        {
            connection.Open();
            store.Execute("PRAGMA journal_mode = WAL");
            store.Execute("PRAGMA synchronous = FULL");
            store.CreateSchema(path);
            return store;
        }
        catch (SqliteException error)
        {
            store.Dispose();
            throw new JobStoreException($"{path} cannot be used as a job queue: {error.Message} If it is damaged, move it away: the batches are taken from the spool again, and what the vault already holds is not sent twice.", error);
        }
        catch
        {
            store.Dispose();
            throw;
        }
    }

    public void Dispose() => connection.Dispose();

    /// <summary>Adds a job. Adding the same batch with the same contents again changes nothing.</summary>
    /// <returns>Whether it was new.</returns>
    /// <exception cref="JobStoreException">The batch is queued with other contents.</exception>
    public bool Add(uint batch, byte[] sealedFile)
    {
        string digest = Convert.ToHexStringLower(SHA256.HashData(sealedFile));
        lock (gate)
        {
            int added = Execute("INSERT INTO job (batch, digest, sealed) VALUES ($batch, $digest, $sealed) ON CONFLICT DO NOTHING",
                ("$batch", batch), ("$digest", digest), ("$sealed", sealedFile));
            if (added == 0 && Get(batch)!.Digest is var known && known != digest)
                throw new JobStoreException($"Batch {batch} is queued with digest {known}, and a file with digest {digest} came for it. The sequencer must not seal a batch twice.");
            return added == 1;
        }
    }

    public Job? Get(uint batch) => Query(JobColumns + " WHERE batch = $batch", ReadJob, ("$batch", batch)).SingleOrDefault();

    /// <summary>All jobs by number.</summary>
    public IReadOnlyList<Job> List() => Query(JobColumns + " ORDER BY batch", ReadJob);

    /// <summary>The jobs after a batch, by number.</summary>
    public IReadOnlyList<Job> After(uint batch) => Query(JobColumns + " WHERE batch > $batch ORDER BY batch", ReadJob, ("$batch", batch));

    /// <summary>Number of the newest job; null if there is none.</summary>
    public uint? Last() => Query("SELECT batch FROM job ORDER BY batch DESC LIMIT 1", row => (uint?)row.GetInt64(0)).SingleOrDefault();

    /// <summary>The sealed batch file as it was added.</summary>
    public byte[] SealedFile(uint batch) => Query("SELECT sealed FROM job WHERE batch = $batch", row => (byte[])row[0], ("$batch", batch)).Single();

    /// <summary>The checked proof as 8 EVM words; null before it exists.</summary>
    public byte[]? Proof(uint batch) => Query("SELECT proof FROM job WHERE batch = $batch", row => row[0] as byte[], ("$batch", batch)).Single();

    public IReadOnlyList<JobReceipt> Receipts(uint batch) => Query(
        "SELECT action, hash, block, gas FROM receipt WHERE batch = $batch ORDER BY block, action",
        row => new JobReceipt(row.GetString(0), row.GetString(1), (ulong)row.GetInt64(2), (ulong)row.GetInt64(3)), ("$batch", batch));

    /// <summary>
    /// Leases the lowest batch that is due for proving, and that the vault has no proof of, and counts an attempt. One whose attempts are used up without a result (its prover
    /// took the bridge down each time) is set aside instead.
    /// </summary>
    /// <returns>null if nothing is due.</returns>
    public Job? Claim(string owner, TimeSpan lease)
    {
        lock (gate)
        {
            using SqliteTransaction transaction = connection.BeginTransaction();
            Job? claimed = null;
            while (claimed is null)
            {
                uint? due = Query(
                    """
                    SELECT batch FROM job
                    WHERE stage < $proven AND settlement < $posted AND aside_by IS NULL AND next_attempt <= $now AND (lease_until IS NULL OR lease_until <= $now)
                    ORDER BY batch LIMIT 1
                    """,
                    row => (uint?)row.GetInt64(0), ("$proven", (int)ProofStage.Proven), ("$posted", (int)BatchStatus.Proven), ("$now", Now())).SingleOrDefault();
                if (due is not { } batch) break;
                if (Get(batch)!.Attempts >= retry.MaxAttempts)
                {
                    SetAside(batch, AsideBy.Proving, $"{retry.MaxAttempts} attempts ended without a result: the bridge died during each. Last error: {Get(batch)!.LastError ?? "none"}");
                    continue;
                }

                Execute("UPDATE job SET lease_owner = $owner, lease_until = $until, attempts = attempts + 1, stage = $stage WHERE batch = $batch",
                    ("$owner", owner), ("$until", Now() + (long)lease.TotalMilliseconds), ("$stage", (int)ProofStage.Witness), ("$batch", batch));
                claimed = Get(batch);
            }

            transaction.Commit();
            return claimed;
        }
    }

    /// <summary>Extends a lease; false if it was lost, and with it the right to report on the job.</summary>
    public bool Renew(uint batch, string owner, TimeSpan lease) =>
        Held("lease_until = $until", batch, owner, ("$until", Now() + (long)lease.TotalMilliseconds));

    /// <summary>Records that the witness is there and the prover runs.</summary>
    public bool BeginProving(uint batch, string owner) => Held("stage = $stage", batch, owner, ("$stage", (int)ProofStage.Proving));

    /// <summary>Stores a checked proof and ends the lease; false if the lease was lost: then somebody else is at it.</summary>
    public bool Complete(uint batch, string owner, byte[] proof, TimeSpan duration) => Held(
        "stage = $stage, proof = $proof, proof_seconds = $seconds, last_error = NULL, lease_owner = NULL, lease_until = NULL", batch, owner,
        ("$stage", (int)ProofStage.Proven), ("$proof", proof), ("$seconds", duration.TotalSeconds));

    /// <summary>Ends an attempt that failed: the job waits, or is set aside after the last attempt or where another cannot help.</summary>
    public bool Fail(uint batch, string owner, string reason, bool permanent)
    {
        lock (gate)
        {
            using SqliteTransaction transaction = connection.BeginTransaction();
            int attempts = Get(batch)?.Attempts ?? 0;
            bool held = Held("stage = $stage, last_error = $reason, next_attempt = $next, lease_owner = NULL, lease_until = NULL", batch, owner,
                ("$stage", (int)ProofStage.Queued), ("$reason", reason), ("$next", Now() + (long)retry.DelayAfter(Math.Max(attempts, 1)).TotalMilliseconds));
            if (held && permanent) SetAside(batch, AsideBy.Proving, reason);
            else if (held && attempts >= retry.MaxAttempts) SetAside(batch, AsideBy.Proving, $"{attempts} attempts failed, the last one with: {reason}");
            transaction.Commit();
            return held;
        }
    }

    /// <summary>Gives a lease back because the bridge stops; the attempt does not count.</summary>
    public bool Release(uint batch, string owner) => Held(
        "stage = $stage, attempts = attempts - 1, lease_owner = NULL, lease_until = NULL", batch, owner, ("$stage", (int)ProofStage.Queued));

    /// <summary>Drops a stored proof that did not hold when it was to be posted, so that it is made again.</summary>
    public void DropProof(uint batch, string reason) => Execute(
        "UPDATE job SET stage = $stage, proof = NULL, last_error = $reason, next_attempt = $now WHERE batch = $batch",
        ("$stage", (int)ProofStage.Queued), ("$reason", reason), ("$now", Now()), ("$batch", batch));

    public void SetAside(uint batch, AsideBy by, string reason) => Execute(
        "UPDATE job SET aside_by = $by, aside_reason = $reason WHERE batch = $batch", ("$by", (int)by), ("$reason", reason), ("$batch", batch));

    /// <summary>Takes a job that was set aside, or that waits, up again at once with all its attempts. False if there is no such job.</summary>
    public bool Retry(uint batch) => Execute(
        "UPDATE job SET aside_by = NULL, aside_reason = NULL, attempts = 0, next_attempt = 0 WHERE batch = $batch", ("$batch", batch)) == 1;

    public void SetSettlement(uint batch, BatchStatus status) =>
        Execute("UPDATE job SET settlement = $status WHERE batch = $batch", ("$status", (int)status), ("$batch", batch));

    /// <summary>Records that everything up to a batch is final.</summary>
    public void SetFinalUpTo(uint batch) => Execute(
        "UPDATE job SET settlement = $final WHERE batch <= $batch AND settlement <> $final", ("$final", (int)BatchStatus.Final), ("$batch", batch));

    /// <summary>Records an included transaction in place of an earlier one for the same action.</summary>
    public void AddReceipt(uint batch, JobReceipt receipt) => Execute(
        "INSERT OR REPLACE INTO receipt (batch, action, hash, block, gas) VALUES ($batch, $action, $hash, $block, $gas)",
        ("$batch", batch), ("$action", receipt.Action), ("$hash", receipt.Transaction), ("$block", (long)receipt.Block), ("$gas", (long)receipt.Gas));

    /// <summary>Takes or renews the right to send transactions: one process at a time.</summary>
    public bool TryHoldSettlement(string owner, TimeSpan lease) => Execute(
        "INSERT INTO lease (name, owner, until) VALUES ($name, $owner, $until) ON CONFLICT (name) DO UPDATE SET owner = $owner, until = $until WHERE owner = $owner OR until <= $now",
        ("$name", SettlerLease), ("$owner", owner), ("$until", Now() + (long)lease.TotalMilliseconds), ("$now", Now())) == 1;

    public void ReleaseSettlement(string owner) => Execute("DELETE FROM lease WHERE name = $name AND owner = $owner", ("$name", SettlerLease), ("$owner", owner));

    private const string JobColumns =
        "SELECT batch, digest, stage, settlement, attempts, next_attempt, lease_owner, lease_until, aside_by, aside_reason, last_error, proof_seconds FROM job";

    private static Job ReadJob(SqliteDataReader row) => new(
        (uint)row.GetInt64(0), row.GetString(1), (ProofStage)row.GetInt32(2), (BatchStatus)row.GetInt32(3), row.GetInt32(4), Time(row.GetInt64(5)),
        row[6] as string, row[7] is long until ? Time(until) : null, row[8] is long by ? (AsideBy)by : null, row[9] as string, row[10] as string, row[11] as double?);

    private static DateTimeOffset Time(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);

    private long Now() => clock.GetUtcNow().ToUnixTimeMilliseconds();

    // An expired lease that nobody has taken is still good for a report: the work was done, and no other work is lost.
    private bool Held(string set, uint batch, string owner, params (string, object)[] parameters) =>
        Execute($"UPDATE job SET {set} WHERE batch = $batch AND lease_owner = $owner", [.. parameters, ("$batch", batch), ("$owner", owner)]) == 1;

    private void CreateSchema(string path)
    {
        using SqliteTransaction transaction = connection.BeginTransaction();
        long version = Query("PRAGMA user_version", row => row.GetInt64(0)).Single();
        if (version == 0 && Query("SELECT count(*) FROM sqlite_master", row => row.GetInt64(0)).Single() == 0)
        {
            Execute(Schema);
            Execute(string.Create(CultureInfo.InvariantCulture, $"PRAGMA user_version = {SchemaVersion}"));
        }
        else if (version != SchemaVersion)
        {
            throw new JobStoreException($"{path} is a job queue of version {version}; this program has version {SchemaVersion}.");
        }

        transaction.Commit();
    }

    private int Execute(string sql, params (string Name, object Value)[] parameters)
    {
        lock (gate)
        {
            using SqliteCommand command = Command(sql, parameters);
            return command.ExecuteNonQuery();
        }
    }

    private List<T> Query<T>(string sql, Func<SqliteDataReader, T> read, params (string Name, object Value)[] parameters)
    {
        lock (gate)
        {
            using SqliteCommand command = Command(sql, parameters);
            using SqliteDataReader reader = command.ExecuteReader();
            var rows = new List<T>();
            while (reader.Read()) rows.Add(read(reader));
            return rows;
        }
    }

    private SqliteCommand Command(string sql, (string Name, object Value)[] parameters)
    {
        SqliteCommand command = connection.CreateCommand();
        command.CommandText = sql;
        foreach ((string name, object value) in parameters) command.Parameters.AddWithValue(name, value);
        return command;
    }
}
