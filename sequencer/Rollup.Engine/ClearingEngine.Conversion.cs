using Rollup.Crypto.Settlement;
using Rollup.Engine.State;
using Rollup.Protocol;

namespace Rollup.Engine;

// Settled instruments: positions become cash, whole, one holder at a time.
public sealed partial class ClearingEngine
{
    private RejectCode Convert(long time)
    {
        if (!IsExecuting(time)) return RejectCode.EpochClosed;
        bool isSettled = false;
        foreach (Market market in _markets) isSettled |= market.IsSettled;
        int before = _ledger.ForcedCount;
        for (int id = 0; isSettled && id < _accounts.Length && _ledger.Fits(new Usage { Forced = 1 }) == RejectCode.None; id++)
        {
            if (_accounts[id] is not { IsBarred: false } account) continue;
            // Ascending by instrument, whatever order the account has them in.
            foreach (Position position in account.Positions())
                if (MarketOf(position.Instrument)! is { IsSettled: true } market) TryConvert(account, account.Find(market)!);
        }

        return _ledger.ForcedCount > before ? RejectCode.None : RejectCode.NothingToConvert;
    }

    /// <summary>
    /// Converts a position if the batch has room and the account stays in order: the circuit lets each old position be named once, so it has to be the old
    /// leaf's, which it is, as nothing trades in a settled instrument. What does not fit, waits.
    /// </summary>
    private void TryConvert(Account account, Holding holding)
    {
        Market market = holding.Market;
        // A part of the exposure: below 2^60. Scenario 0 is the payoff.
        long size = holding.Size, cash = size * market.Long[0];
        if (account.CheckCash(holding, -size, cash) != RejectCode.None || CheckMargin(account, holding, -size, cash, default, out bool needsRelief) != RejectCode.None) return;
        Usage usage = BatchLedger.BlockOf(account);
        usage.Forced = 1;
        if (_ledger.Fits(usage) != RejectCode.None) return;
        _ledger.Touch(account);
        if (needsRelief) _ledger.TakeRelief(account);
        ConvertWhole(account, holding);
    }

    /// <summary>Converts a position of an account with a block, if it has room for the forced row.</summary>
    private void ConvertWhole(Account account, Holding holding)
    {
        Market market = holding.Market;
        long size = holding.Size, cash = size * market.Long[0];
        _ledger.Forced(_ledger.AddForced(ForcedKind.Conversion, account, null, market)).Fill = Math.Abs(size);
        account.Change(holding, -size, cash);
        account.Release(holding);
        Emit() = new EngineEvent
        {
            Kind = EventKind.Converted,
            Account = AccountId.From(account.Id),
            Instrument = InstrumentId.From(market.Id),
            Lots = Lots.From(size),
            Amount = cash,
        };
    }
}
