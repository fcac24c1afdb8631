using System.Globalization;
using System.Numerics;
using Rollup.Crypto;
using Rollup.Ethereum;
using Rollup.Protocol;
using Rollup.StateVerifier.Chain;

namespace Rollup.StateVerifier.Checks;

/// <summary>An operation as the vault queued it (spec 6.2).</summary>
/// <param name="Words">Five words, as a batch publishes them.</param>
public sealed record QueuedOperation(ulong Index, Address Depositor, IReadOnlyList<BigInteger> Words);

/// <summary>What a lot of an instrument is worth for good (spec 6.9), and when the vault was told.</summary>
public sealed record SettledInstrument(ulong Payoff, Log Log);

/// <summary>The vault's logs in order: every batch from 1, and every operation from 0, none missing.</summary>
public sealed class VaultEvents
{
    private VaultEvents(IReadOnlyList<BatchEvents> batches, IReadOnlyList<QueuedOperation> operations, IReadOnlyDictionary<uint, SettledInstrument> settled) =>
        (Batches, Operations, Settled) = (batches, operations, settled);

    /// <summary>Batch n is at n - 1.</summary>
    public IReadOnlyList<BatchEvents> Batches { get; }

    /// <summary>The queue, consumed or not.</summary>
    public IReadOnlyList<QueuedOperation> Operations { get; }

    /// <summary>What the vault fixed for good of settled instruments, by id.</summary>
    public IReadOnlyDictionary<uint, SettledInstrument> Settled { get; }

    /// <summary>Checks the logs against each other and against the counts of the vault at the same block.</summary>
    /// <exception cref="CheckFailedException"/>
    public static VaultEvents From(VaultSnapshot snapshot, VaultParameters parameters)
    {
        CheckOrder(snapshot);
        var batches = new List<BatchEvents>();
        var operations = new List<QueuedOperation>();
        var settled = new Dictionary<uint, SettledInstrument>();
        uint final = 0;
        string hint = snapshot.FromBlock > 0 ? $" (was the vault deployed before block {snapshot.FromBlock}?)" : "";
        foreach (Log log in snapshot.Logs)
        {
            if (VaultAbi.BatchCommitted.Matches(log)) batches.Add(ReadCommit(log, batches.Count, hint));
            else if (VaultAbi.BatchProven.Matches(log)) AddProof(log, batches, hint);
            else if (VaultAbi.BatchFinalized.Matches(log)) AddFinality(log, batches, ++final, hint);
            else if (VaultAbi.OperationQueued.Matches(log)) operations.Add(ReadOperation(log, operations.Count, hint));
            else if (VaultAbi.InstrumentSettled.Matches(log)) AddSettled(log, settled);
            else if (VaultAbi.CircuitChanged.Matches(log)) RequireAllFinal(log, batches.Count, final);
            else throw new CheckFailedException(Check.Parameters, $"log {log.LogIndex} of block {log.BlockNumber} was not asked for");
        }

        RequireCount("committed batches", parameters.LastCommitted, batches.Count, Check.Sequence, hint);
        RequireCount("final batches", parameters.LastFinal, final, Check.Sequence, hint);
        RequireCount("queued operations", parameters.QueueTail, operations.Count, Check.Operations, hint);
        Bytes32 prefix = Prefix(operations);
        if (prefix != parameters.QueuePrefix)
            throw new CheckFailedException(Check.Operations, "the logged operations do not hash to the vault's queue", null, parameters.QueuePrefix.ToString(), prefix.ToString());
        return new VaultEvents(batches, operations, settled);
    }

    private static void CheckOrder(VaultSnapshot snapshot)
    {
        Log? last = null;
        foreach (Log log in snapshot.Logs)
        {
            if (log.Address != snapshot.Vault) throw new CheckFailedException(Check.Sequence, $"log {log.LogIndex} of block {log.BlockNumber} is of {Eip55.Format(log.Address)}, not of the vault");
            if (log.BlockNumber > snapshot.Head.Number || log.BlockNumber < snapshot.FromBlock)
                throw new CheckFailedException(Check.Sequence, $"log {log.LogIndex} of block {log.BlockNumber} is outside the blocks {snapshot.FromBlock} to {snapshot.Head.Number} that were read");
            if (last is not null && (log.BlockNumber, log.LogIndex).CompareTo((last.BlockNumber, last.LogIndex)) <= 0)
                throw new CheckFailedException(Check.Sequence, $"log {log.LogIndex} of block {log.BlockNumber} comes after log {last.LogIndex} of block {last.BlockNumber}");
            last = log;
        }
    }

    private static BatchEvents ReadCommit(Log log, int before, string hint)
    {
        object[] fields = Decode(VaultAbi.BatchCommitted, log);
        var batch = (uint)(BigInteger)fields[0];
        return batch == before + 1
            ? new BatchEvents(batch, log, Word(fields[1]), Word(fields[2]), Bytes32.FromBytes((byte[])fields[3]), null, null)
            : throw new CheckFailedException(Check.Sequence, $"the log of a commit is missing or stands twice{hint}", batch, $"batch {before + 1}", $"batch {batch}");
    }

    private static void AddProof(Log log, List<BatchEvents> batches, string hint)
    {
        var batch = (uint)(BigInteger)Decode(VaultAbi.BatchProven, log)[0];
        if (batch == 0 || batch > batches.Count) throw new CheckFailedException(Check.Sequence, $"it is proven and not committed{hint}", batch);
        if (batches[(int)batch - 1].Proven is not null) throw new CheckFailedException(Check.Sequence, "it is proven twice", batch);
        batches[(int)batch - 1] = batches[(int)batch - 1] with { Proven = log };
    }

    private static void AddFinality(Log log, List<BatchEvents> batches, uint expected, string hint)
    {
        object[] fields = Decode(VaultAbi.BatchFinalized, log);
        var batch = (uint)(BigInteger)fields[0];
        if (batch != expected) throw new CheckFailedException(Check.Sequence, $"batches are not final in order{hint}", batch, $"batch {expected}", $"batch {batch}");
        if (batch > batches.Count || batches[(int)batch - 1].Proven is null) throw new CheckFailedException(Check.Sequence, $"it is final and not proven{hint}", batch);
        BatchEvents events = batches[(int)batch - 1];
        if (Word(fields[1]) != events.NewRoot)
            throw new CheckFailedException(Check.Data, "it is final with another root than it was committed with", batch, events.NewRoot.ToString(), Word(fields[1]).ToString());
        batches[(int)batch - 1] = events with { Finalized = log };
    }

    // The vault upgrades only between two batches, so that each is proven by the verifier that it was committed under.
    private static void RequireAllFinal(Log log, int committed, uint final)
    {
        if (committed != final)
            throw new CheckFailedException(Check.Sequence, $"the circuit changed in block {log.BlockNumber} while a batch was not final", final + 1, $"batch {committed} final", $"batch {final} final");
    }

    private static QueuedOperation ReadOperation(Log log, int before, string hint)
    {
        object[] fields = Decode(VaultAbi.OperationQueued, log);
        var index = (ulong)(BigInteger)fields[0];
        if (index != (ulong)before) throw new CheckFailedException(Check.Operations, $"the log of an operation is missing or stands twice{hint}", null, $"operation {before}", $"operation {index}");
        return new QueuedOperation(index, (Address)fields[1], [.. ((object[])fields[2]).Cast<BigInteger>()]);
    }

    private static void AddSettled(Log log, Dictionary<uint, SettledInstrument> settled)
    {
        object[] fields = Decode(VaultAbi.InstrumentSettled, log);
        var instrument = (uint)(BigInteger)fields[0];
        if (!settled.TryAdd(instrument, new SettledInstrument((ulong)(BigInteger)fields[1], log)))
            throw new CheckFailedException(Check.Risk, $"instrument {instrument} is settled twice");
    }

    // q_(i+1) = keccak256(abi.encode(q_i, depositor, words)).
    private static Bytes32 Prefix(List<QueuedOperation> operations)
    {
        byte[] prefix = new byte[Bytes32.Size];
        foreach (QueuedOperation operation in operations)
            prefix = Keccak.Hash256([.. prefix, .. new byte[Bytes32.Size - Address.Size], .. operation.Depositor.ToBytes(), .. operation.Words.SelectMany(VaultContract.Word)]);
        return Bytes32.FromBytes(prefix);
    }

    private static void RequireCount(string what, ulong expected, long found, Check check, string hint)
    {
        if (expected != (ulong)found)
            throw new CheckFailedException(check, $"logs of {what} are missing, or there are too many{hint}", null, expected.ToString(CultureInfo.InvariantCulture), found.ToString(CultureInfo.InvariantCulture));
    }

    internal static object[] Decode(AbiEvent @event, Log log)
    {
        try
        {
            return @event.Decode(log);
        }
        catch (AbiException e)
        {
            throw new CheckFailedException(Check.Parameters, $"log {log.LogIndex} of block {log.BlockNumber} does not decode: {e.Message}");
        }
    }

    private static Bytes32 Word(object value) => Bytes32.FromBytes(VaultContract.Word((BigInteger)value));
}
