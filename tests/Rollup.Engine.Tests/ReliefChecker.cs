using System.Numerics;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Protocol;

namespace Rollup.Engine.Tests;

/// <summary>The circuit's rules for relief, forced rows and the insurance fund (spec 5.5, 5.8), in big integers and from nothing but the batch.</summary>
internal static class ReliefChecker
{
    public static void Check(CircuitProfile profile, SealedBatch batch, Dictionary<int, RiskRow> rows)
    {
        bool[] needs = [.. Enumerable.Range(0, batch.Blocks.Length).Select(k => NeedsRelief(batch, k, rows))];
        // Blocks that show why a request is not served further stand there too.
        bool[] first = [.. needs.Select((n, k) => n || RequestChecker.IsServed(batch, k))];
        int reliefs = first.Count(n => n);
        Assert.InRange(reliefs, 0, profile.Reliefs);
        Assert.All(first.Take(reliefs), Assert.True);
        int[] accounts = [.. batch.Blocks.Select(b => b.Account)];
        Assert.Equal(accounts.Distinct().Count(), accounts.Length);
        Assert.Equal(accounts[..reliefs].Order(), accounts[..reliefs]);
        Assert.Equal(accounts[reliefs..].Order(), accounts[reliefs..]);

        Assert.InRange(batch.Forced.Length, 0, profile.Forced);
        var named = new HashSet<(int Block, int Instrument)>();
        foreach (SealedForcedRow row in batch.Forced)
        {
            Assert.True(named.Add((row.Block, row.Instrument)) || row.Closing || row.Kind == ForcedKind.Deleverage, "a position is named twice");
            if (row.CounterBlock is { } counter) Assert.True(named.Add((counter, row.Instrument)), "a position is named twice");
            CheckRow(batch, row, rows[row.Instrument]);
        }

        CheckFund(batch);
        // An unused place of the circuit repeats the last block, where it must be healthy.
        if (batch.Blocks.Length < profile.Blocks) Assert.True(Value(batch.Blocks[^1].New, rows).Health >= 0, $"account {batch.Blocks[^1].Account} is the last block and unhealthy");
        for (int k = 0; k < reliefs; k++)
            if (needs[k]) CheckRelief(batch, k, rows);
    }

    public static bool NeedsRelief(SealedBatch batch, int block, Dictionary<int, RiskRow> rows) =>
        batch.Blocks[block].Payment > 0 || IsForced(batch, block) || Value(batch.Blocks[block].New, rows).Health < 0;

    private static bool IsForced(SealedBatch batch, int block) =>
        batch.Forced.Any(f => f.Block == block && f is { Closing: false, Kind: ForcedKind.Liquidation or ForcedKind.Deleverage });

    private static void CheckRow(SealedBatch batch, SealedForcedRow row, RiskRow risk)
    {
        SealedBlock block = batch.Blocks[row.Block];
        Assert.Equal(OldSize(block, row.Instrument), row.OldSize);
        Assert.InRange(row.Fill, 1, Math.Abs(row.OldSize));
        Assert.True(row.Quote >= 0 && row.Quote < Int128.One << Width.Quote);
        Assert.InRange(row.Fee, 0, (1L << Width.Fee) - 1);
        int sign = Math.Sign(row.OldSize);
        BigInteger mark = (BigInteger)risk.Base + risk.Funding, gain = sign * ((BigInteger)row.Quote - mark * row.Fill);
        if (!row.Closing) Assert.Equal(row.Kind == ForcedKind.Conversion ? InstrumentFlags.Settled : InstrumentFlags.None, risk.Flags);
        Assert.Equal(row.Kind == ForcedKind.Deleverage, row.CounterBlock is not null);
        switch (row.Kind)
        {
            case ForcedKind.Liquidation:
                Assert.True(gain + (BigInteger)risk.PriceBound * row.Fill >= 0, "a liquidation is priced beyond its bound");
                Assert.True((BigInteger)row.Fee * 1_000_000 <= (BigInteger)Scale.LiquidationFeeRate * (BigInteger)row.Quote + 999_999);
                break;
            case ForcedKind.Deleverage:
                Assert.True(row.Closing ? gain <= 0 && gain + (BigInteger)risk.PriceBound * row.Fill >= 0 : gain >= 0, "deleveraging favours the counterparty, or closing is priced beyond its bound");
                Assert.Equal(0, row.Fee);
                Assert.Equal(OldSize(batch.Blocks[row.CounterBlock!.Value], row.Instrument), row.CounterOldSize);
                Assert.Equal(-sign, Math.Sign(row.CounterOldSize));
                Assert.InRange(row.Fill, 1, Math.Abs(row.CounterOldSize));
                break;
            default:
                Assert.Equal(ForcedKind.Conversion, row.Kind);
                Assert.NotEqual(InstrumentKind.Spot, risk.Kind);
                Assert.Equal((Math.Abs(row.OldSize), Int128.Zero, 0L), (row.Fill, row.Quote, row.Fee));
                break;
        }

        if (row.Kind != ForcedKind.Deleverage) Assert.Equal(0, row.CounterOldSize);
    }

    private static void CheckFund(SealedBatch batch)
    {
        bool deleverages = batch.Forced.Any(f => f is { Kind: ForcedKind.Deleverage, Closing: false });
        Assert.Equal(deleverages || batch.Forced.Any(f => f.Fee > 0) || batch.Blocks.Any(b => b.Payment > 0), batch.FundBlock is not null);
        Assert.Equal(deleverages, batch.RankingRoot != Fr.Zero);
        if (batch.FundBlock is { } fund) Assert.Equal(1, batch.Blocks[fund].Account);
        foreach ((int k, SealedBlock block) in batch.Blocks.Index())
        {
            Assert.InRange(block.Payment, 0, (1L << 60) - 1);
            if (block.Payment == 0) continue;
            Assert.Equal(0, block.New.Cash);
            Assert.Empty(block.New.Positions);
            CheckHasNotActed(batch, k);
        }
    }

    /// <summary>A request that is paid nothing does nothing.</summary>
    public static void CheckHasNotActed(SealedBatch batch, int block)
    {
        Assert.DoesNotContain(batch.Rows, r => r.Block == block);
        Assert.DoesNotContain(batch.Operations, o => o.Block == block && (!o.Operation.IsRequest || o.Paid > 0));
        Assert.DoesNotContain(batch.Forced, f => f.CounterBlock == block);
    }

    private static void CheckRelief(SealedBatch batch, int k, Dictionary<int, RiskRow> rows)
    {
        SealedBlock block = batch.Blocks[k];
        Worth old = Value(block.Old, rows), next = Value(block.New, rows);
        bool isForced = IsForced(batch, k);
        Assert.True(old.Health < 0, $"account {block.Account} has relief and met its requirement before");
        Assert.All(block.New.Positions, p => Assert.True(
            Math.Sign(p.Size) == Math.Sign(OldSize(block, p.Instrument)) && Math.Abs(p.Size) <= Math.Abs(OldSize(block, p.Instrument)), $"account {block.Account} has relief and grows"));
        if (next.Health < 0)
        {
            Assert.True(next.Requirement <= old.Requirement, $"account {block.Account} is not on the mend: its requirement grows");
            if (!isForced) Assert.True(10 * (old.Mark - next.Mark) <= old.Requirement - next.Requirement, $"account {block.Account} is not on the mend: it loses too much");
            Assert.DoesNotContain(batch.Rows, r => r.Block == k && r.Request.Kind == RowKind.Withdrawal);
            Assert.DoesNotContain(batch.Operations, o => o.Block == k && o.Paid > 0);
        }

        if (!isForced) return;
        CheckHasNotActed(batch, k);
        Assert.True(old.FiveMaintenance < 0, $"account {block.Account} is liquidated above maintenance");
        Assert.True(next.FiveMaintenance - 5 * (BigInteger)block.Payment >= old.FiveMaintenance, $"account {block.Account} pays more for its closing than that releases");
        Assert.Single(batch.Forced.Where(f => f.Block == k && f.Kind is ForcedKind.Liquidation or ForcedKind.Deleverage).Select(f => f.Kind).Distinct());
        if (batch.Forced.Any(f => f.Block == k && f.Kind == ForcedKind.Liquidation))
            Assert.True((block.New.Positions.All(p => rows[p.Instrument].Kind == InstrumentKind.Spot) && Spot(block.New) == Spot(block.Old))
                || 16 * next.FiveMaintenance <= 16 * 5 * (BigInteger)Scale.LiquidationBuffer + 5 * old.Requirement, $"account {block.Account} is liquidated too far");
        if (batch.Forced.Any(f => f.Block == k && f.Kind == ForcedKind.Deleverage))
        {
            Assert.True(old.Mark < 0 && next.Mark <= 0, $"account {block.Account} is deleveraged while solvent, or beyond its deficit");
            Assert.True(batch.Blocks[batch.FundBlock!.Value].New.Cash + old.Mark < 0, $"the fund could have covered account {block.Account}");
            foreach (SealedForcedRow row in batch.Forced.Where(f => f.Block == k && f.Kind == ForcedKind.Deleverage))
            {
                BigInteger gain = Math.Sign(row.OldSize) * ((BigInteger)row.Quote - ((BigInteger)rows[row.Instrument].Base + rows[row.Instrument].Funding) * row.Fill);
                Assert.True(gain * Math.Abs(row.OldSize) <= -old.Mark * row.Fill, $"a counterparty bears more than its lots' share of the deficit of account {block.Account}");
            }
        }

        long Spot(LeafContents leaf) => leaf.Positions.Where(p => rows[p.Instrument].Kind == InstrumentKind.Spot).Sum(p => p.Size);
    }

    private static long OldSize(SealedBlock block, int instrument) => block.Old.Positions.FirstOrDefault(p => p.Instrument == instrument).Size;

    /// <summary>M, W and 5 x maintenance equity of a leaf.</summary>
    public sealed record Worth(BigInteger Mark, BigInteger Health, BigInteger FiveMaintenance)
    {
        public BigInteger Requirement => Mark - Health;
    }

    public static Worth Value(LeafContents leaf, Dictionary<int, RiskRow> rows)
    {
        BigInteger mark = leaf.Cash, health = leaf.Cash, maintenance = 5 * (BigInteger)leaf.Cash;
        foreach (IGrouping<int, Position> group in leaf.Positions.GroupBy(p => rows[p.Instrument].Group))
        {
            BigInteger[] e = [.. Enumerable.Range(0, Bound.Scenarios).Select(s => group.Aggregate(BigInteger.Zero,
                (sum, p) => sum + (BigInteger)p.Size * (p.Size > 0 ? rows[p.Instrument].Long[s] : rows[p.Instrument].Short[s])))];
            mark += e[0];
            health += e.Min();
            maintenance += e[0] + 4 * e.Min();
        }

        return new Worth(mark, health, maintenance);
    }
}
