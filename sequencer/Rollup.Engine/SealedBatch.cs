using System.Collections.Immutable;
using Rollup.Crypto.Settlement;
using Rollup.Protocol;
using Rollup.Risk;

namespace Rollup.Engine;

/// <summary>
/// Everything that settling and proving one batch needs, and the only thing that the sequencer and the prover bridge share.
/// Self-contained: a reader needs no state of its own.
/// </summary>
/// <param name="Profile">Name of the circuit profile whose capacities the engine kept to.</param>
/// <param name="RiskInputs">Canonical bytes from which <paramref name="RiskRows"/> follow (spec 6.7).</param>
/// <param name="RiskRows">All rows of the epoch's risk table.</param>
/// <param name="Operations">The run of the vault's queue that the batch consumes, in order.</param>
/// <param name="Blocks">One a touched account, at least one; each path holds under the root that the blocks before leave. Those that need relief (spec 5.8) come first.</param>
/// <param name="Rows">Orders with a fill in this batch, withdrawals, proven cancels; each slot path holds under the slot root that the rows before leave.</param>
/// <param name="FeeBlock">Index in <paramref name="Blocks"/> of account 0 if fees were charged, else null.</param>
/// <param name="Forced">What nobody signed: liquidations, deleveraging, conversions of settled instruments.</param>
/// <param name="FundBlock">Index in <paramref name="Blocks"/> of account 1 if the insurance fund was paid, paid, or deleveraging had to show that it is empty; else null.</param>
/// <param name="RankingRoot">Commitment to the ranking that deleveraging went by (spec 5.8); 0 without deleveraging.</param>
/// <param name="Receipts">The last receipt that the sequencer gave before it sealed (spec 10); the engine knows of none.</param>
public sealed record SealedBatch(
    string Profile, Fr Domain, BatchHeader Header, Fr OldRoot, Fr NewRoot, ImmutableArray<byte> RiskInputs, ImmutableArray<RiskRow> RiskRows,
    ImmutableArray<SealedOperation> Operations, ImmutableArray<SealedBlock> Blocks, ImmutableArray<SealedRow> Rows, int? FeeBlock,
    ImmutableArray<SealedForcedRow> Forced, int? FundBlock, Fr RankingRoot, ReceiptHead Receipts = default)
{
    /// <summary>
    /// What could be gained by never proving the batch, atoms, rounded up, at most 2^61: the sum over all accounts of |change of a position| x index x scan range. The
    /// operator's bond should exceed it for all batches in flight, or undoing them in a crash is a free option.
    /// </summary>
    public long AtRisk()
    {
        if (!Risk.RiskInputs.TryDecode(RiskInputs.AsSpan(), out RiskInputs inputs, out string problem)) throw new InvalidOperationException($"The batch's risk inputs are malformed: {problem}");
        // 35 + 20 bits; sizes have 44, and a batch some thousand positions.
        Dictionary<int, Int128> perLot = inputs.Instruments.ToDictionary(t => t.Id, t => (Int128)t.Index * inputs.ScanRangeOf(t.Group)!.Value);
        Int128 sum = 0;
        foreach (SealedBlock block in Blocks)
        {
            Dictionary<int, long> changes = block.New.Positions.ToDictionary(p => p.Instrument, p => p.Size);
            foreach (Position p in block.Old.Positions) changes[p.Instrument] = changes.GetValueOrDefault(p.Instrument) - p.Size;
            foreach ((int instrument, long lots) in changes) sum += Math.Abs(lots) * perLot[instrument];
        }

        return (long)Int128.Min(1L << 61, Rounding.CeilDiv(sum, Scale.FeeRateDenominator));
    }

    /// <summary>What the batch publishes (spec 5.1), padded to the capacities of <paramref name="profile"/>.</summary>
    public PublicData Publish(CircuitProfile profile)
    {
        PublicBlock[] published = [.. Blocks.Select(b => b.Publish())];
        return new PublicData(profile, Domain, Header, OldRoot, NewRoot, RankingRoot,
            [.. Operations.Select(o => o.Block is null ? null : o.Operation.Served(o.Paid))],
            [.. Rows.Select(Withdrawal), .. Enumerable.Repeat(default(PublicWithdrawal), profile.Rows - Rows.Length)],
            // An unused block is the last one once more.
            [.. published, .. Enumerable.Repeat(published[^1], profile.Blocks - published.Length)]);
    }

    private PublicWithdrawal Withdrawal(SealedRow row) => row.Request.Kind == RowKind.Withdrawal
        ? new PublicWithdrawal(Blocks[row.Block].Identity.Owner, row.Request.Instrument, row.Fill)
        : default;
}

/// <param name="Operation">As it stands in the queue.</param>
/// <param name="Depositor">Whom a bounce pays.</param>
/// <param name="Block">Index of the block that takes it, or null if the operation is refused (bounced); a request (spec 5.9) is never refused.</param>
/// <param name="Paid">Atoms or lots that a withdrawal request is paid; else 0.</param>
public sealed record SealedOperation(Operation Operation, Address Depositor, int? Block, long Paid = 0);

/// <param name="IsNew">The old leaf is empty and a registration of this batch creates the account.</param>
/// <param name="Path">36 siblings, three a level, from the leaf upward.</param>
/// <param name="Payment">Atoms that the insurance fund pays into the account, 0..2^60-1: exactly what it lacks, and it ends empty (spec 5.8).</param>
public sealed record SealedBlock(int Account, AccountIdentity Identity, bool IsNew, LeafContents Old, LeafContents New, ImmutableArray<Fr> Path, long Payment = 0)
{
    internal PublicBlock Publish()
    {
        Fr leaf = New.Hash(Identity);
        return new PublicBlock(Account, leaf, [.. LeafCipher.Encrypt(Identity.ViewKey, leaf, New)]);
    }
}

/// <summary>A change that nobody signed (spec 5.8), of the position of one block, or of two against each other.</summary>
/// <param name="Kind">Liquidation: the block's position shrinks in a trade, whose other side is a signed order of the batch. Deleverage: it shrinks
/// against the position of <paramref name="CounterBlock"/>. Conversion: the whole position of a settled instrument becomes cash.</param>
/// <param name="Block">Index of the account's block.</param>
/// <param name="CounterBlock">Of a deleveraging: index of the other account's block; else null.</param>
/// <param name="OldSize">The position in the block's old leaf, signed lots, not 0.</param>
/// <param name="CounterOldSize">The other side's, of the opposite sign; 0 without one.</param>
/// <param name="Fill">Lots closed, 1..|old size|.</param>
/// <param name="Quote">Atoms at the clean price for all of <paramref name="Fill"/>; of a conversion 0.</param>
/// <param name="Fee">Atoms that a liquidation pays to the insurance fund; else 0.</param>
/// <param name="Closing">Whether a close request of the account's owner authorises it (spec 5.9), not what the account lacks.</param>
public sealed record SealedForcedRow(
    ForcedKind Kind, int Block, int? CounterBlock, int Instrument, long OldSize, long CounterOldSize, long Fill, Int128 Quote, long Fee, bool Closing = false);

/// <param name="R8X">EdDSA signature (R8, S) over the request's message.</param>
/// <param name="Block">Index of its account's block.</param>
/// <param name="Fill">Lots (or atoms of cash withdrawn) executed in this batch; 0 for a cancel.</param>
/// <param name="Quote">Sum of price x lots of the fills, atoms, below 2^84.</param>
/// <param name="Fee">Atoms, below 2^60.</param>
/// <param name="OldSlot">The slot before this row.</param>
/// <param name="SlotPath">12 siblings, three a level, from the slot upward.</param>
public sealed record SealedRow(
    SignedRequest Request, Fr R8X, Fr R8Y, Fr S, int Block, long Fill, Int128 Quote, long Fee, OrderSlot OldSlot, ImmutableArray<Fr> SlotPath)
{
    /// <summary>The slot after this row (rule 4.3).</summary>
    public OrderSlot NewSlot => new(Request.Nonce, Request.Kind == RowKind.Cancel
        ? OrderSlot.MaxFilled
        : (OldSlot.FilledFor(Request.Nonce) ?? throw new InvalidOperationException($"nonce {Request.Nonce} is spent")) + Fill);
}
