using System.Numerics;
using Rollup.Crypto.Settlement;
using Rollup.Protocol;

namespace Rollup.Engine.Tests;

/// <summary>The circuit's rules for requests of the vault's queue (spec 5.9), in big integers and from nothing but the batch.</summary>
internal static class RequestChecker
{
    public static void Check(CircuitProfile profile, SealedBatch batch, Dictionary<int, RiskRow> rows)
    {
        Assert.All(batch.Operations.Where(o => o.Operation.IsRequest), o => Assert.NotNull(o.Block));
        Assert.All(batch.Operations.Where(o => o.Operation.Kind != OperationKind.WithdrawalRequest), o => Assert.Equal(0, o.Paid));
        for (int k = 0; k < batch.Blocks.Length; k++)
        {
            SealedForcedRow[] closings = [.. batch.Forced.Where(f => f.Block == k && f.Closing)];
            SealedOperation[] requests = [.. batch.Operations.Where(o => o.Block == k && o.Operation.IsRequest)];
            Assert.InRange(requests.Length, 0, 1);
            if (closings.Length > 0) Assert.Equal(OperationKind.CloseRequest, Assert.Single(requests).Operation.Kind);
            if (requests.Length == 1) CheckRequest(profile, batch, k, requests[0], closings, rows);
        }
    }

    /// <summary>Whether the owner's request is paid less than it asks, or closes.</summary>
    public static bool IsServed(SealedBatch batch, int block) => batch.Operations.Any(o => o.Block == block && o.Operation.IsRequest
        && o.Operation.Owner == batch.Blocks[block].Identity.Owner && (o.Operation.Kind == OperationKind.CloseRequest || o.Paid < o.Operation.Amount));

    private static void CheckRequest(CircuitProfile profile, SealedBatch batch, int k, SealedOperation request, SealedForcedRow[] closings, Dictionary<int, RiskRow> rows)
    {
        (SealedBlock block, Operation o) = (batch.Blocks[k], request.Operation);
        Assert.InRange(request.Paid, 0, o.Amount);
        BigInteger health = ReliefChecker.Value(block.New, rows).Health;
        IEnumerable<Position> derivatives = block.New.Positions.Where(p => rows[p.Instrument].Kind != InstrumentKind.Spot);
        BigInteger ownMoney = derivatives.Aggregate((BigInteger)block.New.Cash, (sum, p) => sum + (BigInteger)p.Size * rows[p.Instrument].Base);
        if (request.Paid > 0) Assert.True(ownMoney >= 0 && health >= 0, $"account {block.Account} is paid what is not its own");
        if (o.Owner != block.Identity.Owner)
        {
            Assert.Equal(0, request.Paid);
            Assert.Empty(closings);
            return;
        }

        if (o.Kind == OperationKind.WithdrawalRequest)
        {
            long held = block.New.Positions.FirstOrDefault(p => p.Instrument == o.Asset).Size;
            bool isExhausted = o.Asset == 0 ? health <= 0 || ownMoney <= 0 : held == 0 || ownMoney < 0 || health < 2 * rows[o.Asset].Index;
            Assert.True(request.Paid == o.Amount || isExhausted, $"account {block.Account} gets {request.Paid} of {o.Amount} and has more");
            return;
        }

        if (closings.Length == 0)
        {
            Assert.True(!derivatives.Any() || ownMoney < 0, $"nothing of account {block.Account} was closed");
            return;
        }

        ReliefChecker.CheckHasNotActed(batch, k);
        Assert.True(!derivatives.Any() || closings.Length == Math.Min(profile.Forced, profile.Blocks - 1), $"account {block.Account} could be closed further");
        Assert.All(closings, f => Assert.True(f.Fee == 0 && rows[f.Instrument].Kind != InstrumentKind.Spot));
        Assert.All(block.New.Positions, p => Assert.True(block.Old.Positions.Any(old => old.Instrument == p.Instrument
            && Math.Sign(old.Size) == Math.Sign(p.Size) && Math.Abs(p.Size) <= Math.Abs(old.Size)), $"account {block.Account} is closed and grows"));
    }
}
