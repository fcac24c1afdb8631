using System.Numerics;
using Rollup.Api;
using Rollup.Crypto.Settlement;
using Rollup.Ethereum;
using Rollup.Protocol;
using Rollup.Sequencer.Core;

namespace Rollup.Sequencer.Chain;

/// <summary>The vault's events that the sequencer follows.</summary>
internal static class VaultEvents
{
    /// <summary>All of them, of one vault.</summary>
    internal static LogFilter Filter(Address vault) =>
        LogFilter.Events(vault, VaultAbi.OperationQueued, VaultAbi.BatchCommitted, VaultAbi.BatchProven, VaultAbi.BatchFinalized, VaultAbi.VaultFroze, VaultAbi.CircuitChanged);

    /// <summary>The operation a log queues; null for another event.</summary>
    /// <exception cref="AbiException">The log is malformed.</exception>
    /// <exception cref="SafeStopException">The words are no operation: this is not the vault of this protocol.</exception>
    internal static ChainOperation? ReadOperation(Log log, long seenAt)
    {
        if (!VaultAbi.OperationQueued.Matches(log)) return null;
        object[] values = VaultAbi.OperationQueued.Decode(log);
        var words = new Fr[Operation.Words];
        object[] raw = (object[])values[2];
        for (int i = 0; i < words.Length; i++)
        {
            if ((BigInteger)raw[i] >= Fr.Modulus) throw NotAnOperation(log);
            words[i] = Fr.FromBigInteger((BigInteger)raw[i]);
        }

        return Operation.TryDecode(words, out Operation operation) ? new ChainOperation((long)(BigInteger)values[0], operation, (Address)values[1], seenAt) : throw NotAnOperation(log);
    }

    /// <summary>The step of a batch that a log shows; null for another event.</summary>
    /// <exception cref="AbiException">The log is malformed.</exception>
    internal static ChainStep? ReadStep(Log log)
    {
        if (VaultAbi.BatchCommitted.Matches(log)) return Step(BatchStage.Committed, VaultAbi.BatchCommitted.Decode(log), hasRoot: true);
        if (VaultAbi.BatchProven.Matches(log)) return Step(BatchStage.Proven, VaultAbi.BatchProven.Decode(log), hasRoot: false);
        return VaultAbi.BatchFinalized.Matches(log) ? Step(BatchStage.Final, VaultAbi.BatchFinalized.Decode(log), hasRoot: true) : null;

        ChainStep Step(BatchStage stage, object[] values, bool hasRoot) =>
            new(stage, (uint)(BigInteger)values[0], hasRoot ? Fr.FromBigInteger((BigInteger)values[1]) : null, log.BlockNumber);
    }

    /// <summary>The version of the circuit that a log puts in force; null for another event.</summary>
    /// <exception cref="AbiException">The log is malformed.</exception>
    internal static uint? ReadCircuit(Log log) => VaultAbi.CircuitChanged.Matches(log) ? (uint)(BigInteger)((object[])VaultAbi.CircuitChanged.Decode(log)[0])[4] : null;

    private static SafeStopException NotAnOperation(Log log) =>
        new($"The vault's log {log.LogIndex} of block {log.BlockNumber} queues words that are no operation: is chain.vault the vault of this protocol?");
}
