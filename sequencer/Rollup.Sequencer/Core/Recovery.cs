using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Rollup.Api;
using Rollup.Crypto.Settlement;
using Rollup.Engine;
using Rollup.Protocol;
using Rollup.Sequencer.Configuration;
using Rollup.Sequencer.Storage;

namespace Rollup.Sequencer.Core;

/// <summary>The state as it was before the stop.</summary>
/// <param name="Operations">Operations of the chain that are in the journal since the snapshot, to hold the chain against.</param>
/// <param name="SnapshotSequence">The record the snapshot stands at, 0 without one.</param>
internal sealed record Recovered(Machine Machine, Journal Journal, Dictionary<long, (Operation Operation, Address Depositor)> Operations, ulong SnapshotSequence);

/// <summary>Restores the state from snapshot and journal.</summary>
internal static class Recovery
{
    internal const string JournalFolder = "journal";
    internal const string SnapshotFolder = "snapshots";

    /// <summary>The state that the journal goes on from, where another was before (<see cref="Upgrade"/>). Unlike a snapshot it cannot be made anew.</summary>
    internal const string CarriedFolder = "carried";

    private const string Continues = "continues";

    /// <summary>Restores, or begins a new journal.</summary>
    /// <param name="replayed">Told of what the journal after the snapshot brought about.</param>
    /// <exception cref="StorageException">The journal is damaged.</exception>
    /// <exception cref="SafeStopException">It is another configuration's, or does not follow.</exception>
    internal static Recovered Open(SequencerConfig config, Spool spool, TimeProvider clock, ILogger log, IEventSink? replayed = null)
    {
        void Warn(string problem) => log.LogWarning("{Problem}", problem);
        var snapshots = new SnapshotStore(Path.Combine(config.Data, SnapshotFolder));
        snapshots.Prepare();
        byte[] genesis = GenesisOf(config);
        (Machine machine, JournalPosition from) = Latest(config, genesis, snapshots, Warn);
        var operations = new Dictionary<long, (Operation Operation, Address Depositor)>();
        long started = clock.GetTimestamp();
        Journal journal = Journal.Open(Path.Combine(config.Data, JournalFolder), from, Replay, Warn);
        log.LogInformation("State restored: snapshot at record {Snapshot}, journal up to {Sequence}, {Milliseconds} ms",
            from.Sequence, journal.Committed.Sequence, (long)clock.GetElapsedTime(started).TotalMilliseconds);
        if (!machine.HasGenesis) Begin();
        return new Recovered(machine, journal, operations, from.Sequence);

        void Replay(JournalRecord record)
        {
            (HostCommand command, Applied applied) = Apply(machine, record, replayed ?? NoSink.Instance);
            if (applied.Batch is { } batch) spool.Put(batch);
            if (command is OperationCommand { Queued: { } queued } && applied.Code == RejectCode.None) operations[queued.Index] = (queued.Operation, queued.Depositor);
        }

        void Begin()
        {
            var command = new GenesisCommand(Timestamp.FromMilliseconds(clock.GetUtcNow().ToUnixTimeMilliseconds()), genesis);
            journal.Append(HostCommandCodec.Encode(command));
            journal.Commit();
            machine.Apply(command, journal.Committed.Sequence, NoSink.Instance);
        }
    }

    /// <summary>The state of a stopped sequencer as snapshot and journal have it. Changes nothing.</summary>
    /// <exception cref="StorageException">The journal is damaged.</exception>
    /// <exception cref="SafeStopException">It is another configuration's, or does not follow.</exception>
    internal static Machine Read(SequencerConfig config, Action<string> warn)
    {
        (Machine machine, JournalPosition from) = Latest(config, GenesisOf(config), new SnapshotStore(Path.Combine(config.Data, SnapshotFolder)), warn);
        JournalReader.Read(Path.Combine(config.Data, JournalFolder), from, record => Apply(machine, record, NoSink.Instance));
        return machine;
    }

    /// <summary>Begins a data directory for the next circuit of the vault with the state of a stopped sequencer's.</summary>
    /// <param name="machine">That state: everything in it is in a sealed batch.</param>
    /// <param name="from">Its configuration.</param>
    /// <param name="next">The same but for circuit, profile, and where things are.</param>
    /// <returns>The state as it goes on.</returns>
    /// <exception cref="ConfigException">The configurations do not go together, or the new directory is not empty.</exception>
    internal static Machine Upgrade(Machine machine, SequencerConfig from, SequencerConfig next, TimeProvider clock)
    {
        string journalFolder = Path.Combine(next.Data, JournalFolder);
        if (Directory.Exists(journalFolder) && Directory.EnumerateFileSystemEntries(journalFolder).Any()) throw new ConfigException($"data: {journalFolder} holds a journal already; name a new folder.");
        if (next.Chain.CircuitVersion <= from.Chain.CircuitVersion)
            throw new ConfigException($"chain.circuitVersion: {next.Chain.CircuitVersion} is not above {from.Chain.CircuitVersion}, from which it goes on.");
        byte[] genesis = GenesisOf(next);
        string Same(byte[] text)
        {
            JsonObject members = JsonNode.Parse(text)!.AsObject();
            members.Remove("circuitVersion");
            members.Remove("profile");
            return members.ToJsonString();
        }

        if (Same(genesis) != Same(GenesisOf(from))) throw new ConfigException($"An upgrade changes chain.circuitVersion and profile; this would change more: from {Same(GenesisOf(from))} to {Same(genesis)}.");
        Machine upgraded;
        try
        {
            upgraded = machine.Upgraded(next.ToEngine(), genesis, new ViewKeyStore(next.Limits.ViewKeys, TimeSpan.FromHours(next.Limits.ViewKeyHours)));
        }
        catch (Exception error) when (error is ArgumentException or InvalidOperationException)
        {
            throw new ConfigException($"The state cannot go on under the next circuit: {error.Message}", error);
        }

        byte[] state = upgraded.Snapshot();
        JsonObject first = JsonNode.Parse(genesis)!.AsObject();
        first[Continues] = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(state));
        using Journal journal = Journal.Open(journalFolder, JournalPosition.Start, _ => { }, _ => { });
        journal.Append(HostCommandCodec.Encode(new GenesisCommand(Timestamp.FromMilliseconds(clock.GetUtcNow().ToUnixTimeMilliseconds()), System.Text.Encoding.UTF8.GetBytes(first.ToJsonString()))));
        // The record that counts comes last.
        new SnapshotStore(Path.Combine(next.Data, CarriedFolder)).Save(new Snapshot(journal.Appended, state));
        journal.Commit();
        return upgraded;
    }

    /// <summary>The state before the journal's records: carried over, or none.</summary>
    internal static (Machine Machine, JournalPosition From) Origin(SequencerConfig config, Action<string> warn) => Restored(config, GenesisOf(config), new SnapshotStore(Path.Combine(config.Data, CarriedFolder)).NewestFirst(warn), warn);

    /// <summary>The newest snapshot that can be used, and where the journal goes on; without one, a machine before the first record.</summary>
    private static (Machine Machine, JournalPosition From) Latest(SequencerConfig config, byte[] genesis, SnapshotStore snapshots, Action<string> warn) =>
        Restored(config, genesis, snapshots.NewestFirst(warn).Concat(new SnapshotStore(Path.Combine(config.Data, CarriedFolder)).NewestFirst(warn)), warn);

    private static (Machine Machine, JournalPosition From) Restored(SequencerConfig config, byte[] genesis, IEnumerable<Snapshot> snapshots, Action<string> warn)
    {
        EngineConfig engine = config.ToEngine();
        ViewKeyStore NewKeys() => new(config.Limits.ViewKeys, TimeSpan.FromHours(config.Limits.ViewKeyHours));
        foreach (Snapshot snapshot in snapshots)
        {
            try
            {
                return (Machine.Restore(engine, genesis, NewKeys(), snapshot.State), snapshot.Position);
            }
            catch (InvalidDataException error)
            {
                warn($"The snapshot at record {snapshot.Position.Sequence} cannot be used: {error.Message}");
            }
        }

        return (new Machine(engine, genesis, NewKeys()), JournalPosition.Start);
    }

    private static (HostCommand Command, Applied Applied) Apply(Machine machine, JournalRecord record, IEventSink sink)
    {
        HostCommand command;
        try
        {
            command = HostCommandCodec.Decode(record.Payload.Span);
        }
        catch (FormatException error)
        {
            throw new SafeStopException($"Record {record.Sequence} of the journal is intact, but no command of this version: {error.Message}.", error);
        }

        if (command is GenesisCommand genesis && JsonNode.Parse(genesis.Configuration) is JsonObject first && first.ContainsKey(Continues))
            throw new SafeStopException($"The journal goes on from a state that is not there: restore the folder '{CarriedFolder}' of the data directory from backup.");
        if (!machine.HasGenesis && command is not GenesisCommand) throw new SafeStopException($"Record {record.Sequence} of the journal stands where its configuration belongs.");
        return (command, machine.Apply(command, record.Sequence, sink));
    }

    /// <summary>What can never change for a data directory, as JSON.</summary>
    internal static byte[] GenesisOf(SequencerConfig config)
    {
        var instruments = new JsonArray();
        foreach (InstrumentConfig t in config.Instruments)
        {
            var instrument = new JsonObject { ["id"] = t.Id, ["kind"] = Name.Of(t.Kind), ["group"] = t.Group, ["lotsPerUnit"] = t.LotsPerUnit, ["tick"] = t.Tick, ["minSize"] = t.MinSize };
            if (t.IsOption) (instrument["strike"], instrument["expiry"]) = (t.StrikePerLot, t.ExpiresAt.Milliseconds);
            instruments.Add((JsonNode)instrument);
        }

        var genesis = new JsonObject
        {
            ["chainId"] = config.Chain.ChainId, ["vault"] = config.Chain.Vault.ToString(), ["circuitVersion"] = config.Chain.CircuitVersion, ["profile"] = config.Profile,
            ["instruments"] = instruments, ["makerPpm"] = config.Fees.MakerPpm, ["takerPpm"] = config.Fees.TakerPpm, ["maxEpoch"] = config.Epoch.Max, ["maxReportAge"] = config.Epoch.MaxReportAge,
            ["liquidation"] = config.Liquidation is { Enabled: true } l
                ? new JsonArray(l.FeePpm, l.AccountUsd, l.TotalUsd, l.BookEpochs, l.AuctionMilliseconds, l.MinimumEquityUsd) : null,
        };
        return System.Text.Encoding.UTF8.GetBytes(genesis.ToJsonString());
    }
}
