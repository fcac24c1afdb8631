using Rollup.Api;
using Rollup.Engine;
using Rollup.Ethereum;
using Rollup.Protocol;
using Rollup.Risk;
using Rollup.Sequencer.Configuration;
using Rollup.Sequencer.Core;
using AccountView = Rollup.Api.AccountView;

namespace Rollup.Sequencer.Web;

/// <summary>What the API shows of the state. Called between two commands.</summary>
internal static class Views
{
    internal const int DefaultDepth = 20;
    internal const int MaxDepth = 100;

    internal static ReceiptView Receipt(SignedReceipt signed) =>
        new(signed.Receipt.Number, signed.Receipt.OrderHash, signed.Receipt.Time, signed.Receipt.Previous, Hex.Format(signed.Signature.ToBytes()));

    internal static BookView Book(Machine machine, int instrument, int depth)
    {
        InstrumentId id = InstrumentId.From(instrument);
        return new BookView(instrument, machine.Sequence, machine.Engine.Status.Now.Milliseconds, Side(false), Side(true));

        LevelView[] Side(bool asks) => [.. machine.Engine.Book(id, asks, depth).Select(l => new LevelView(l.Price.AtomsPerLot, l.Lots.Value))];
    }

    internal static AccountView? Account(Machine machine, int account)
    {
        AccountId id = AccountId.From(account);
        if (machine.Engine.View(id) is not { } view) return null;
        var rows = machine.Engine.RiskTable.ToDictionary(r => r.Id);
        PositionView[] positions = [.. view.Positions.Select(p => new PositionView(p.Instrument, p.Size, (long)((Int128)p.Size * (rows.GetValueOrDefault(p.Instrument)?.Base ?? 0))))];
        OpenOrderView[] orders =
        [
            .. view.Orders.Select(o => new OpenOrderView(o.Slot, o.Nonce.Value, o.Instrument.Value, o.IsSell ? Side.Sell : Side.Buy,
                o.Price.AtomsPerLot, o.Remaining.Value, o.Expiry.Milliseconds)),
        ];
        SlotView[] slots = [.. Enumerable.Range(0, 1 << Width.Slot).Select(slot => new SlotView((byte)slot, machine.Engine.SlotOf(id, (byte)slot).Seen.Value)).Where(s => s.Nonce > 0)];
        return new AccountView(account, view.Identity.Owner, view.Identity.ViewKey.IsZero, view.Version, view.Cash.Atoms,
            view.Cash.Atoms + positions.Sum(p => p.Value), view.Health.Atoms, view.ReservedHealth.Atoms, positions, orders, slots);
    }

    /// <summary>Null before the first epoch.</summary>
    internal static RiskView? Risk(Machine machine)
    {
        EngineStatus status = machine.Engine.Status;
        if (machine.Engine.RiskTable.IsEmpty) return null;
        return new RiskView(status.Batch, new Crypto.Settlement.RiskTree(machine.Engine.RiskTable).Root,
            Hex(machine.RiskInputs), [.. machine.Engine.RiskTable.Select(Row)], machine.Engine.LiveInputs is { IsEmpty: false } live ? Hex(live.Span) : null);

        static string Hex(ReadOnlySpan<byte> bytes) => "0x" + Convert.ToHexStringLower(bytes);
    }

    /// <param name="now">Unix milliseconds: prices fall with time.</param>
    internal static AuctionsView Auctions(Machine machine, long now) => new(now, machine.Engine.View(AccountId.Fund)!.Cash.Atoms, machine.Engine.Shortfall.Atoms,
        [.. machine.Engine.Distressed(Timestamp.FromMilliseconds(now)).Where(d => d.Slice.Length > 0).Select(d => new AuctionView(d.Account.Value, d.AuctionStarted!.Value.Milliseconds,
            [.. d.Slice.Select(leg => new AuctionLegView(leg.Instrument.Value, leg.IsSell ? Side.Sell : Side.Buy, leg.Lots.Value, leg.Price.AtomsPerLot))]))]);

    internal static InstrumentView Instrument(InstrumentConfig t) => new(t.Id, t.Symbol, t.Kind, t.Group, t.Unit, t.LotsPerUnit, t.Tick, t.MinSize,
        t.IsOption ? t.StrikePerLot : null, t.Expiry?.ToUnixTimeMilliseconds());

    private static RiskRowView Row(RiskRow r) =>
        new(r.Id, (InstrumentKindName)r.Kind, (int)r.Flags, r.Group, r.Index, r.Base, r.Funding, [.. r.Long], [.. r.Short]);
}
