using System.Numerics;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Protocol;
using Rollup.Risk;

namespace Rollup.Engine.Tests;

/// <summary>
/// Decides as the settlement circuit does (spec 5.3 to 5.6) whether a sealed batch is provable, from nothing but the batch, and
/// whether its risk rows follow from its inputs. Signatures are the twin tests' matter.
/// </summary>
internal static class SealedBatchChecker
{
    public static void Check(EngineConfig config, SealedBatch batch)
    {
        CircuitProfile profile = config.Profile;
        Assert.InRange(batch.Blocks.Length, 1, profile.Blocks);
        Assert.InRange(batch.Rows.Length, 0, profile.Rows);
        Assert.InRange(batch.Operations.Length, 0, profile.Operations);
        Assert.Equal(batch.Operations.Length, batch.Header.OperationCount);
        Assert.True(batch.Header.Close >= batch.Header.Open && batch.Header.Close - batch.Header.Open <= config.MaxEpoch);
        Assert.True(RiskInputs.TryDecode(batch.RiskInputs.AsSpan(), out RiskInputs inputs, out string problem), problem);
        Assert.Equal(RiskRows.From(inputs).AsEnumerable(), batch.RiskRows);
        Dictionary<int, RiskRow> rows = batch.RiskRows.ToDictionary(r => r.Id);
        Assert.Equal(batch.Blocks.Length, batch.Blocks.Select(b => b.Account).Distinct().Count());

        ReliefChecker.Check(profile, batch, rows);
        RequestChecker.Check(profile, batch, rows);
        CheckRoots(batch);
        CheckSlots(batch);
        foreach (SealedRow row in batch.Rows) CheckRow(batch, row, rows);
        var buckets = new HashSet<int>();
        foreach (SealedBlock block in batch.Blocks)
        {
            CheckBlock(batch, block, rows);
            buckets.UnionWith(block.New.Positions.Select(p => p.Instrument / Bound.RowsPerBucket));
        }

        buckets.UnionWith(batch.Blocks.Where((_, k) => ReliefChecker.NeedsRelief(batch, k, rows)).SelectMany(b => b.Old.Positions).Select(p => p.Instrument / Bound.RowsPerBucket));
        buckets.UnionWith(batch.Forced.Select(f => f.Instrument / Bound.RowsPerBucket));
        buckets.UnionWith(batch.Rows.Where(r => r.Request.Kind == RowKind.Order || r.Request.Instrument != 0).Select(r => r.Request.Instrument / Bound.RowsPerBucket));
        buckets.UnionWith(batch.Operations.Where(o => o.Block is not null && o.Operation.Asset != 0 && (!o.Operation.IsRequest || o.Paid > 0)).Select(o => o.Operation.Asset / Bound.RowsPerBucket));
        Assert.InRange(buckets.Count, 0, profile.Buckets);
        CheckConservation(batch, rows);
    }

    private static void CheckRoots(SealedBatch batch)
    {
        Fr root = batch.OldRoot;
        foreach (SealedBlock block in batch.Blocks)
        {
            Fr old = block.IsNew ? Fr.Zero : block.Old.Hash(block.Identity);
            Assert.Equal(root, QuadTree.RootFrom(old, (ulong)block.Account, block.Path.AsSpan()));
            root = QuadTree.RootFrom(block.New.Hash(block.Identity), (ulong)block.Account, block.Path.AsSpan());
            if (block.IsNew) Assert.Equal(LeafContents.Empty, block.Old);
        }

        Assert.Equal(batch.NewRoot, root);
    }

    private static void CheckSlots(SealedBatch batch)
    {
        Fr[] roots = [.. batch.Blocks.Select(b => b.Old.OrderRoot)];
        foreach (SealedRow row in batch.Rows)
        {
            Assert.Equal(roots[row.Block], QuadTree.RootFrom(row.OldSlot.ToField(), row.Request.Slot, row.SlotPath.AsSpan()));
            roots[row.Block] = QuadTree.RootFrom(row.NewSlot.ToField(), row.Request.Slot, row.SlotPath.AsSpan());
        }

        Assert.Equal(batch.Blocks.Select(b => b.New.OrderRoot), roots);
    }

    private static void CheckRow(SealedBatch batch, SealedRow row, Dictionary<int, RiskRow> rows)
    {
        SignedRequest r = row.Request;
        Assert.Equal(r.Account, batch.Blocks[row.Block].Account);
        Assert.True(r.Expiry > batch.Header.Open);
        Assert.True(r.Nonce >= 1 && r.Nonce >= row.OldSlot.Nonce);
        Assert.Equal((Fr.FromUInt64((ulong)r.Nonce), Fr.FromUInt64(r.Slot), Fr.FromUInt64((ulong)r.Account)), (row.R8X, row.R8Y, row.S));
        switch (r.Kind)
        {
            case RowKind.Order:
                Assert.Equal(InstrumentFlags.None, rows[r.Instrument].Flags);
                Assert.True(row.Fill >= 1 && row.NewSlot.Filled <= r.Size);
                Assert.True(r.IsSell ? row.Quote >= (Int128)row.Fill * r.Limit : row.Quote <= (Int128)row.Fill * r.Limit);
                Assert.True(row.Fee >= 0 && (Int128)row.Fee * 1_000_000 <= r.FeeRate * row.Quote + 999_999);
                break;
            case RowKind.Withdrawal:
                Assert.True(row.Fill == r.Size && row.Fill >= 1 && row.Quote == 0 && row.Fee == 0);
                Assert.True(r.Instrument == 0 || rows[r.Instrument].Kind == InstrumentKind.Spot);
                LeafContents end = batch.Blocks[row.Block].New;
                Assert.True(end.Cash + end.Positions.Where(p => rows[p.Instrument].Kind != InstrumentKind.Spot)
                    .Aggregate(Int128.Zero, (sum, p) => sum + (Int128)p.Size * (p.Size > 0 ? rows[p.Instrument].Long[0] : rows[p.Instrument].Short[0])) >= 0);
                break;
            default:
                Assert.Equal((RowKind.Cancel, 0L, Int128.Zero, 0L), (r.Kind, row.Fill, row.Quote, row.Fee));
                break;
        }
    }

    private static void CheckBlock(SealedBatch batch, SealedBlock block, Dictionary<int, RiskRow> rows)
    {
        int index = batch.Blocks.IndexOf(block);
        bool isNamed = batch.Rows.Any(r => r.Block == index) || batch.Operations.Any(o => o.Block == index) || batch.FeeBlock == index
            || batch.Forced.Any(f => f.Block == index || f.CounterBlock == index) || block.Payment > 0 || batch.FundBlock == index;
        Assert.Equal(isNamed ? block.Old.Version + 1 : block.Old.Version, block.New.Version);
        if (!isNamed) Assert.Equal(block.Old, block.New);
        Assert.Equal(block.IsNew ? 1 : 0, batch.Operations.Count(o => o.Block == index && o.Operation.Kind == OperationKind.Register));
        PortfolioMargin margin = PortfolioMargin.Of(block.New.Cash, block.New.Positions.Select(p => (rows[p.Instrument], p.Size)));
        if (isNamed && !ReliefChecker.NeedsRelief(batch, index, rows)) Assert.True(margin.IsHealthy, $"account {block.Account} ends at {margin.Health}");
        Assert.InRange(margin.Groups.Length, 0, Bound.Groups);
        Assert.All(block.New.Positions, p => Assert.True(p.Size > 0 || rows[p.Instrument].Kind != InstrumentKind.Spot));
    }

    /// <summary>Each block changes by exactly its rows, operations and the fee row; together by exactly what came and went.</summary>
    private static void CheckConservation(SealedBatch batch, Dictionary<int, RiskRow> rows)
    {
        var changes = new Dictionary<(int Block, int Instrument), BigInteger>();
        var external = new Dictionary<int, BigInteger>();
        void Add<TKey>(Dictionary<TKey, BigInteger> to, TKey key, BigInteger value) where TKey : notnull => to[key] = to.GetValueOrDefault(key) + value;

        foreach (SealedOperation o in batch.Operations)
        {
            if (o.Block is not { } block) continue;
            Assert.Equal(o.Operation.Account, batch.Blocks[block].Account);
            BigInteger moved = o.Operation.IsRequest ? -o.Paid : o.Operation.Amount;
            Add(changes, (block, o.Operation.Asset), moved);
            Add(external, o.Operation.Asset, moved);
        }

        BigInteger fees = 0;
        foreach (SealedRow row in batch.Rows)
        {
            SignedRequest r = row.Request;
            if (r.Kind == RowKind.Cancel) continue;
            BigInteger size = r.IsSell ? -row.Fill : row.Fill;
            Add(changes, (row.Block, r.Instrument), size);
            if (r.Kind == RowKind.Withdrawal)
            {
                Add(external, r.Instrument, size);
                continue;
            }

            BigInteger flow = (BigInteger)row.Quote - (BigInteger)rows[r.Instrument].Funding * row.Fill;
            Add(changes, (row.Block, 0), (r.IsSell ? flow : -flow) - row.Fee);
            fees += row.Fee;
        }

        Assert.Equal(fees > 0, batch.FeeBlock is not null);
        if (batch.FeeBlock is { } feeBlock)
        {
            Assert.Equal(0, batch.Blocks[feeBlock].Account);
            Add(changes, (feeBlock, 0), fees);
        }

        foreach (SealedForcedRow f in batch.Forced)
        {
            int sign = Math.Sign(f.OldSize);
            Add(changes, (f.Block, f.Instrument), -sign * f.Fill);
            BigInteger flow = f.Kind == ForcedKind.Conversion
                ? (BigInteger)f.OldSize * rows[f.Instrument].Base
                : sign * ((BigInteger)f.Quote - (BigInteger)rows[f.Instrument].Funding * f.Fill);
            Add(changes, (f.Block, 0), flow - f.Fee);
            if (f.Fee > 0) Add(changes, (batch.FundBlock!.Value, 0), f.Fee);
            if (f.CounterBlock is { } counter)
            {
                Add(changes, (counter, f.Instrument), sign * f.Fill);
                Add(changes, (counter, 0), -flow);
            }

            // One-sided: the other holders' conversions, in this batch or another, are its other side.
            if (f.Kind != ForcedKind.Conversion) continue;
            Add(external, f.Instrument, -f.OldSize);
            Add(external, 0, flow);
        }

        for (int k = 0; k < batch.Blocks.Length; k++)
        {
            if (batch.Blocks[k].Payment == 0) continue;
            Add(changes, (k, 0), batch.Blocks[k].Payment);
            Add(changes, (batch.FundBlock!.Value, 0), -batch.Blocks[k].Payment);
        }

        var total = new Dictionary<int, BigInteger>();
        for (int k = 0; k < batch.Blocks.Length; k++)
        {
            SealedBlock b = batch.Blocks[k];
            var actual = new Dictionary<int, BigInteger> { [0] = (BigInteger)b.New.Cash - b.Old.Cash };
            foreach (Position p in b.New.Positions) Add(actual, p.Instrument, p.Size);
            foreach (Position p in b.Old.Positions) Add(actual, p.Instrument, -p.Size);
            foreach ((int instrument, BigInteger change) in actual)
            {
                Assert.Equal(changes.GetValueOrDefault((k, instrument)), change);
                Add(total, instrument, change);
            }

            Assert.All(changes.Where(c => c.Key.Block == k), c => Assert.Equal(c.Value, actual.GetValueOrDefault(c.Key.Instrument)));
        }

        foreach ((int instrument, BigInteger change) in total) Assert.Equal(external.GetValueOrDefault(instrument), change);
    }
}
