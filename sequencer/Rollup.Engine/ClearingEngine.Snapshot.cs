using System.Security.Cryptography;
using System.Text;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Engine.State;
using Rollup.Protocol;
using Rollup.Risk;

namespace Rollup.Engine;

// The whole state as bytes: canonical, so that equal states have equal snapshots whatever led to them.
public sealed partial class ClearingEngine
{
    private const uint SnapshotVersion = 5;

    /// <summary>
    /// The state as bytes, from which <see cref="Restore"/> continues as if nothing had happened. Versioned, not checksummed: that is the host's.
    /// </summary>
    public byte[] Snapshot()
    {
        using var stream = new MemoryStream();
        using (var to = new BinaryWriter(stream, Encoding.UTF8, leaveOpen: true))
        {
            to.Write(SnapshotVersion);
            to.Write(ConfigDigest(_config));
            to.Write(_now);
            to.Write(_nextOperation);
            to.Write(_batch);
            to.Write(_isOpen);
            to.Write(_openTime);
            to.Write(_observedAt);
            to.Write(_riskInputs.Length);
            to.Write(_riskInputs);
            to.Write(_permitted.Bits);
            to.Write(_liveAt);
            to.Write(_liveInputs.Length);
            to.Write(_liveInputs);
            Account[] accounts = [.. _accounts.OfType<Account>()];
            to.Write(accounts.Length);
            foreach (Account account in accounts) SnapshotCodec.WriteAccount(to, account);
            foreach (Market market in _markets) SnapshotCodec.WriteBook(to, market, _batch);
            SnapshotCodec.WriteLedger(to, _ledger);
            WriteDistress(to);
        }

        return stream.ToArray();
    }

    /// <summary>Identifies the state: SHA-256 of <see cref="Snapshot"/>.</summary>
    public byte[] StateDigest() => SHA256.HashData(Snapshot());

    /// <summary>Continues from a snapshot.</summary>
    /// <param name="config">The configuration that the snapshot was made under.</param>
    /// <param name="snapshot">Bytes of <see cref="Snapshot"/>.</param>
    /// <exception cref="InvalidDataException">Another version or configuration, or bytes that no engine wrote.</exception>
    public static ClearingEngine Restore(EngineConfig config, ReadOnlySpan<byte> snapshot)
    {
        using var from = new BinaryReader(new MemoryStream(snapshot.ToArray(), writable: false));
        try
        {
            var engine = new ClearingEngine(config);
            engine.Restore(from, config);
            return engine;
        }
        catch (Exception e) when (e is EndOfStreamException or ArgumentException or OverflowException or IndexOutOfRangeException)
        {
            throw new InvalidDataException($"The snapshot is damaged: {e.Message}", e);
        }
    }

    /// <summary>
    /// This state under the next circuit of the vault (spec 6.13). What was signed for the circuit before is void: open orders are closed. Accounts, slots with their nonces, queue and batch number go on.
    /// </summary>
    /// <param name="next">Differs in domain and profile alone.</param>
    /// <exception cref="InvalidOperationException">Something has executed that is in no sealed batch, and never could be.</exception>
    /// <exception cref="ArgumentException">The configuration differs in more, or has no room for what an account holds.</exception>
    public ClearingEngine Upgraded(EngineConfig next)
    {
        if (!_ledger.IsEmpty) throw new InvalidOperationException($"Batch {_batch} is not sealed and something has executed in it.");
        if (!ConfigDigest(next with { Domain = _config.Domain, Profile = _config.Profile }).AsSpan().SequenceEqual(ConfigDigest(_config)))
            throw new ArgumentException("An upgrade of the circuit changes domain and profile alone; instruments, fees, epochs and liquidation stay.", nameof(next));
        ClearingEngine last = Restore(_config, Snapshot());
        last.CloseOrders((in Order _) => RejectCode.Expired, long.MaxValue);
        using var from = new BinaryReader(new MemoryStream(last.Snapshot(), writable: false));
        var engine = new ClearingEngine(next);
        try
        {
            engine.Restore(from, _config);
        }
        catch (InvalidDataException error)
        {
            throw new ArgumentException($"Profile '{next.Profile.Name}' has no room for this state: {error.Message}", nameof(next), error);
        }

        return engine;
    }

    private void Restore(BinaryReader from, EngineConfig made)
    {
        uint version = from.ReadUInt32();
        if (version != SnapshotVersion) throw new InvalidDataException($"Snapshot version {version}; this engine reads {SnapshotVersion}.");
        if (!from.ReadBytes(SHA256.HashSizeInBytes).AsSpan().SequenceEqual(ConfigDigest(made)))
            throw new InvalidDataException("The snapshot was made under another engine configuration.");
        _now = from.ReadInt64();
        _nextOperation = from.ReadInt64();
        _batch = from.ReadUInt32();
        _isOpen = from.ReadBoolean();
        _openTime = from.ReadInt64();
        _observedAt = from.ReadInt64();
        _riskInputs = from.ReadBytes(from.ReadInt32());
        _permitted = new GroupActions(from.ReadUInt64());
        _liveAt = from.ReadInt64();
        _liveInputs = from.ReadBytes(from.ReadInt32());
        int accounts = from.ReadInt32();
        for (int i = 0; i < accounts; i++) SnapshotCodec.ReadAccount(from, AccountForRestore, id => MarketOf(id), _config.Profile.Buckets);
        foreach (Market market in _markets) SnapshotCodec.ReadBook(from, market, id => AccountOf(id), _batch);
        SnapshotCodec.ReadLedger(from, _ledger, _accounts.OfType<Account>(), id => AccountOf(id), id => MarketOf(id));
        ReadDistress(from);
        if (from.BaseStream.Position != from.BaseStream.Length) throw new InvalidDataException("The snapshot has bytes after its end.");

        _tree.UpdateMany(_accounts.OfType<Account>().Where(a => !a.IsNew).Select(a => ((ulong)a.Id, a.Leaf.Hash(a.Identity))));
        if (_batch == 0) return;
        if (!RiskInputs.TryDecode(_riskInputs, out RiskInputs inputs, out string problem)) throw new InvalidDataException($"The snapshot's risk inputs: {problem}.");
        Value(RiskRows.From(inputs));
        if (_liveInputs.Length > 0)
        {
            if (!RiskInputs.TryDecode(_liveInputs, out RiskInputs live, out problem)) throw new InvalidDataException($"The snapshot's live risk inputs: {problem}.");
            LoadLive(RiskRows.From(live));
        }

        // The exact bound is found at the next tick.
        _earliestExpiry = 0;
    }

    private Account AccountForRestore(int id, AccountIdentity identity)
    {
        if (id < Bound.ReservedAccounts) return _accounts[id]!;
        var account = new Account(id, identity);
        AddAccount(account);
        return account;
    }

    private static byte[] ConfigDigest(EngineConfig config)
    {
        using var stream = new MemoryStream();
        using var to = new BinaryWriter(stream);
        SnapshotCodec.Write(to, config.Domain);
        CircuitProfile p = config.Profile;
        to.Write(p.Name);
        foreach (int value in (int[])[p.Blocks, p.Rows, p.Operations, p.Buckets, p.Forced, p.Reliefs, config.MakerFee.Ppm, config.TakerFee.Ppm, config.MaxEpoch,
            config.MaxReportAge, config.MaxOpenOrders, config.MaxBookOrders]) to.Write(value);
        to.Write(config.Liquidation is not null);
        if (config.Liquidation is { } liquidation)
            foreach (long value in (long[])[liquidation.Fee.Ppm, liquidation.AccountNotional, liquidation.TotalNotional, liquidation.BookEpochs, liquidation.AuctionTime, liquidation.MinimumEquity])
                to.Write(value);
        foreach (InstrumentSpec t in config.Instruments)
            foreach (long value in (long[])[t.Id, (int)t.Kind, t.Group, t.Tick, t.MinSize, t.Strike, t.ExpiresAt.Milliseconds]) to.Write(value);
        to.Flush();
        return SHA256.HashData(stream.ToArray());
    }
}
