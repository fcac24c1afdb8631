using System.Collections.Immutable;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Engine.State;
using Rollup.Protocol;
using Rollup.Risk;

namespace Rollup.Engine;

// Time, epochs and batches.
public sealed partial class ClearingEngine
{
    private RejectCode Tick(long time)
    {
        CloseOrders((in Order order) => order.Expiry <= time ? RejectCode.Expired : RejectCode.None, time);
        Liquidate(time, isOpening: false);
        return RejectCode.None;
    }

    private RejectCode OpenEpoch(long time, byte[] riskInputs)
    {
        // Prices may be replaced until something has executed under them.
        if (_isOpen && !_ledger.IsEmpty) return RejectCode.EpochAlreadyOpen;
        if (!RiskInputs.TryDecode(riskInputs, out RiskInputs inputs, out _)) return RejectCode.BadRiskInput;
        long observed = inputs.ObservedAt.Milliseconds;
        // Newer prices may have been shown while the committee signed these; the host shows them again.
        if (inputs.Batch != (_isOpen ? _batch : _batch + 1L) || !IsFresh(observed, time) || observed <= _observedAt) return RejectCode.StaleEpoch;
        if (!FitsConfiguration(inputs)) return RejectCode.BadRiskInput;
        ImmutableArray<RiskRow> rows = RiskRows.From(inputs);
        if (!KeepsSettlements(rows, time) || !AreExposuresInRange(rows)) return RejectCode.BadRiskInput;

        (_batch, _isOpen, _openTime, _riskInputs, _observedAt) = (inputs.Batch, true, time, riskInputs, observed);
        _liveInputs = [];
        Value(rows);
        // Rows of the batch need an expiry after its opening, and instruments without flags.
        CloseOrders((in Order order) => order.Expiry <= time ? RejectCode.Expired : CheckTradable(order.Holding.Market, time), long.MaxValue);
        Emit() = new EngineEvent { Kind = EventKind.EpochOpened, Amount = _batch };
        FindDistressed(time);
        Liquidate(time, isOpening: true);
        return RejectCode.None;
    }

    private bool IsFresh(long observed, long time) => observed <= time && observed >= time - _config.MaxReportAge;

    private bool FitsConfiguration(RiskInputs inputs) => inputs.Instruments.Select(t => (t.Id, t.Kind, t.Group, t.Strike, t.ExpiresAt))
        .SequenceEqual(_config.Instruments.Select(t => (t.Id, t.Kind, t.Group, t.Strike, t.ExpiresAt)));

    /// <summary>
    /// Whether rows leave settled what is settled, at the same value: holders convert one by one, and all must get the same. Spot never settles, nor does
    /// an option before it expires.
    /// </summary>
    private bool KeepsSettlements(ImmutableArray<RiskRow> rows, long time)
    {
        for (int i = 0; i < rows.Length; i++)
        {
            bool settles = (rows[i].Flags & InstrumentFlags.Settled) != 0;
            InstrumentSpec spec = _markets[i].Spec;
            if (settles && (spec.Kind == InstrumentKind.Spot || (spec.IsOption && !spec.IsExpired(time)))) return false;
            if (_batch > 0 && (_rows[i].Flags & InstrumentFlags.Settled) != 0 && !(settles && rows[i].Base == _rows[i].Base)) return false;
        }

        return true;
    }

    /// <summary>None, or why an instrument takes no orders.</summary>
    private static RejectCode CheckTradable(Market market, long time) =>
        market.Spec.IsExpired(time) ? RejectCode.InstrumentExpired : market.IsTradable ? RejectCode.None : RejectCode.InstrumentNotTradable;

    private RejectCode Seal(long time)
    {
        if (!_isOpen) return RejectCode.EpochClosed;
        if (_ledger.IsEmpty) return RejectCode.NothingToSeal;
        _sealed = Seal(new BatchHeader(_batch, _openTime, Math.Min(time, _openTime + _config.MaxEpoch), _nextOperation - _ledger.Operations.Count, _ledger.Operations.Count));
        _isOpen = false;
        Emit() = new EngineEvent { Kind = EventKind.Sealed, Amount = _batch };
        return RejectCode.None;
    }

    /// <summary>Takes the rows as the epoch's and values every account under them from scratch.</summary>
    private void Value(ImmutableArray<RiskRow> rows)
    {
        _rows = rows;
        _table++;
        for (int i = 0; i < _markets.Length; i++) _markets[i].Load(rows[i]);
        foreach (Account? account in _accounts)
        {
            if (account is null || account.HoldingCount == 0) continue;
            account.RevaluePositions();
            for (int slot = 0; account.OpenOrders > 0 && slot < account.SlotCount; slot++)
            {
                SlotState state = account.Slot((byte)slot);
                if (state.Market is not { } market) continue;
                ref Order order = ref market.Book[state.Order];
                account.Reserve(order.Holding, order.IsSell, order.Price, order.Fee, order.Remaining);
            }
        }
    }

    /// <summary>Whether every account's exposure under the rows stays within <see cref="ExposureLimits.Revalued"/>.</summary>
    private bool AreExposuresInRange(ImmutableArray<RiskRow> rows)
    {
        long[] units = [.. rows.Select(Market.UnitOf)];
        foreach (Account? account in _accounts)
        {
            if (account is null) continue;
            Int128 exposure = 0;
            foreach (Holding h in account.Holdings) exposure += (Int128)(Math.Abs(h.Size) + h.Bids + h.Asks) * units[h.Market.Index];
            for (int slot = 0; account.OpenOrders > 0 && slot < account.SlotCount; slot++)
            {
                SlotState state = account.Slot((byte)slot);
                if (state.Market is not { } market) continue;
                ref Order order = ref market.Book[state.Order];
                exposure += (Int128)order.Remaining * (order.Price + order.Fee);
            }

            if (exposure > ExposureLimits.Revalued) return false;
        }

        return true;
    }

    private delegate RejectCode OrderCheck(in Order order);

    /// <summary>Closes the open orders that do not pass, by account and slot.</summary>
    /// <param name="check">None, or why an order goes.</param>
    /// <param name="until">Nothing to do if no open order expires at or before this time.</param>
    private void CloseOrders(OrderCheck check, long until)
    {
        if (_earliestExpiry > until) return;
        long earliest = long.MaxValue;
        foreach (Account? account in _accounts)
        {
            if (account is null) continue;
            for (int slot = 0; account.OpenOrders > 0 && slot < account.SlotCount; slot++)
            {
                SlotState state = account.Slot((byte)slot);
                if (state.Market is not { } market) continue;
                ref Order order = ref market.Book[state.Order];
                if (check(order) is var reason and not RejectCode.None) CloseOrder(market, state.Order, reason);
                else earliest = Math.Min(earliest, order.Expiry);
            }
        }

        _earliestExpiry = earliest;
    }

    private SealedBatch Seal(BatchHeader header)
    {
        bool hasFees = _ledger.Fees > 0;
        _feeAccount.Cash += _ledger.Fees;
        Account[] touched = [.. _ledger.Touched.OrderBy(a => !a.NeedsRelief).ThenBy(a => a.Id)];
        Dictionary<Account, int> blockOf = touched.Select((account, block) => (account, block)).ToDictionary(t => t.account, t => t.block);
        ImmutableArray<SealedRow> rows = SealRows(blockOf);
        ImmutableArray<SealedForcedRow> forced = [.. Enumerable.Range(0, _ledger.ForcedCount).Select(i => SealForced(_ledger.Forced(i), blockOf))];
        int? fundBlock = _ledger.ShowsFund ? blockOf[_fundAccount] : null;
        Fr oldRoot = _tree.Root;
        ImmutableArray<SealedBlock> blocks = [.. touched.Select(SealBlock)];
        // An unused place of the circuit repeats the last block, where it must be healthy: a batch that has none, or of nothing but accounts that are not, also shows
        // account 0, unchanged.
        if (touched.Length < _config.Profile.Blocks && (touched.Length == 0 || touched[^1].Health < 0))
            blocks = [.. blocks, new SealedBlock(0, _feeAccount.Identity, false, _feeAccount.Leaf, _feeAccount.Leaf, [.. _tree.Path(0)])];
        var batch = new SealedBatch(
            _config.Profile.Name, _config.Domain, header, oldRoot, _tree.Root, [.. _riskInputs], _rows,
            [.. _ledger.Operations.Select(o => new SealedOperation(o.Queued.Operation, o.Queued.Depositor, o.Account is null ? null : blockOf[o.Account], o.Paid))],
            blocks, rows, hasFees ? blockOf[_feeAccount] : null, forced, fundBlock, _ledger.RankingRoot);
        _ledger.Clear();
        return batch;
    }

    private ImmutableArray<SealedRow> SealRows(Dictionary<Account, int> blockOf)
    {
        var rows = ImmutableArray.CreateBuilder<SealedRow>(_ledger.RowCount);
        for (int i = 0; i < _ledger.RowCount; i++)
        {
            RowState state = _ledger[i];
            OrderSlots slots = state.Account.SealedSlots ??= state.Account.RebuildSealedSlots();
            SignedRequest request = state.Request.Request;
            EddsaSignature signature = state.Request.Signature;
            var row = new SealedRow(request, signature.R8x, signature.R8y, signature.S, blockOf[state.Account],
                state.Fill, state.Quote, state.Fee.Charged, slots[request.Slot], [.. slots.Path(request.Slot)]);
            slots.Set(request.Slot, row.NewSlot);
            rows.Add(row);
        }

        return rows.MoveToImmutable();
    }

    private static SealedForcedRow SealForced(ForcedState row, Dictionary<Account, int> blockOf) => new(
        row.Kind, blockOf[row.Account], row.Counter is null ? null : blockOf[row.Counter], row.Market.Id,
        row.Account.OldSize(row.Market), row.Counter?.OldSize(row.Market) ?? 0, row.Fill, row.Quote, row.Fee, row.Closing);

    private SealedBlock SealBlock(Account account)
    {
        LeafContents old = account.Leaf;
        account.Leaf = new LeafContents(old.Version + 1, account.Cash, account.SealedSlots?.Root ?? old.OrderRoot, account.Positions());
        var block = new SealedBlock(account.Id, account.Identity, account.IsNew, old, account.Leaf, [.. _tree.Path((ulong)account.Id)], account.Payment);
        _tree.Set((ulong)account.Id, account.Leaf.Hash(account.Identity));
        return block;
    }
}
