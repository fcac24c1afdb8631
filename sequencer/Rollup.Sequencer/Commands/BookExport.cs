using Rollup.Api;
using Rollup.Engine;
using Rollup.Protocol;
using Rollup.Risk;
using Rollup.Sequencer.Configuration;
using Rollup.Sequencer.Core;
using AccountView = Rollup.Engine.AccountView;

namespace Rollup.Sequencer.Commands;

/// <summary>Makes the file of the whole book, for stress tests.</summary>
internal static class BookExport
{
    /// <exception cref="ConfigException">No epoch has opened yet: there are no prices.</exception>
    internal static RiskBook Of(Machine machine)
    {
        ClearingEngine engine = machine.Engine;
        if (machine.RiskInputs.Length == 0) throw new ConfigException("The journal holds no epoch yet, so there are no prices to value a book at. Run the sequencer until it opens one.");
        if (!RiskInputs.TryDecode(machine.RiskInputs, out RiskInputs inputs, out string problem)) throw new InvalidOperationException($"The risk inputs of batch {engine.Status.Batch}: {problem}.");
        var accounts = new List<RiskBookAccount>();
        long fund = 0;
        foreach (AccountId id in engine.Accounts)
        {
            AccountView view = engine.View(id)!;
            if (id == AccountId.Fund) fund = view.Cash.Atoms;
            else accounts.Add(new RiskBookAccount(id.Value, view.Cash.Atoms, [.. view.Positions.Select(p => new RiskBookPosition(p.Instrument, p.Size))]));
        }

        return new RiskBook(RiskBook.CurrentVersion, inputs.Batch, engine.Status.Now.Milliseconds, machine.RiskInputs, fund,
            [.. inputs.Groups.Select(g => new RiskBookDepth(g.Group, Depth(engine, inputs, g.Group), 0))], accounts);
    }

    /// <summary>What orders in spot and perpetuals within one percent of the mark take, of the thinner side, atoms.</summary>
    private static long Depth(ClearingEngine engine, RiskInputs inputs, int group)
    {
        return (long)Int128.Min(long.MaxValue - 1, Int128.Min(Side(false), Side(true)));

        Int128 Side(bool asks)
        {
            Int128 atoms = 0;
            foreach (InstrumentInput t in inputs.Instruments.Where(t => t.Group == group && !t.IsOption))
                foreach (BookLevel level in engine.Book(InstrumentId.From(t.Id), asks, int.MaxValue))
                    if (100 * Math.Abs(level.Price.AtomsPerLot - t.Mark) <= t.Mark) atoms += (Int128)level.Price.AtomsPerLot * level.Lots.Value;
            return atoms;
        }
    }
}
