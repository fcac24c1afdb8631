using System.CommandLine;
using System.Globalization;
using Rollup.Api;
using Rollup.Protocol;
using Rollup.Risk.Stress;
using Spectre.Console;

namespace Rollup.Cli;

/// <summary>`rollup risk`: what the whole book does under stress.</summary>
internal static class RiskCommands
{
    private const int TableWidth = 140;

    internal static Command Build() => Commands.Group("risk", "The whole book under stress.", StressCommand());

    private static Command StressCommand()
    {
        var book = new Option<string?>("--book") { Description = "The book, from `sequencer book`." };
        var scenario = new Option<string?>("--scenario") { Description = "The file of scenarios." };
        var output = new Option<string?>("--out") { Description = "Also write a report: one HTML file that needs nothing else. It shows accounts: keep it as secret as the book." };
        Option<int> rounds = Range("--rounds", "Most rounds of liquidation a shock.", 50, 1_000);
        Option<int> top = Range("--top", "Worst accounts in the report.", 20, 1_000);
        var example = new Option<bool>("--example-scenario") { Description = "Print a file of scenarios to start from, and do nothing else." };
        Command command = Commands.Make("stress",
            "Put a book through scenarios: shocks, liquidations, the forced sales' pressure on prices, further liquidations, until nobody is below maintenance. All sums balance to the atom.",
            [book, scenario, output, rounds, top, example], (p, c) =>
            {
                if (p.GetValue(example)) Console.WriteLine(StressFiles.Example);
                else Run(p.GetValue(book)!, p.GetValue(scenario)!, p.GetValue(output), p.GetValue(rounds), p.GetValue(top), c);
                return Task.CompletedTask;
            });
        command.Validators.Add(result =>
        {
            bool given = result.GetResult(book) is not null && result.GetResult(scenario) is not null;
            if (result.GetResult(example) is null && !given) result.AddError("Give --book and --scenario, or --example-scenario.");
        });
        return command;
    }

    private static void Run(string bookPath, string scenarioPath, string? output, int rounds, int top, CancellationToken cancellation)
    {
        (RiskBook file, StressBook book) = StressFiles.ReadBook(bookPath);
        (book, IReadOnlyList<StressScenario> scenarios) = StressFiles.ReadScenarios(scenarioPath, bookPath, book);
        // A report that cannot be written is refused before the work, and never takes another file's place.
        if (output is not null && File.Exists(output)) throw new CliException($"{output} exists already: name another file, or remove it.");
        var results = new List<StressResult>();
        var progress = new ProgressLine();
        for (int i = 0; i < scenarios.Count; i++)
        {
            StressScenario scenario = scenarios[i];
            try
            {
                results.Add(StressTest.Run(book, scenario, rounds, round =>
                {
                    cancellation.ThrowIfCancellationRequested();
                    progress.Show($"scenario {i + 1}/{scenarios.Count}, shock {round.Shock + 1}/{scenario.Shocks.Length}, round {round.Round}: {round.Distressed} accounts below maintenance");
                }));
            }
            catch (StressException error)
            {
                progress.Clear();
                throw new CliException($"{scenarioPath}: {error.Message} Make the shock smaller.", error);
            }
        }

        progress.Clear();
        if (output is not null) Ethereum.SecretFile.Create(output, System.Text.Encoding.UTF8.GetBytes(StressReport.Html(file, book, results, top)));
        WriteTable(results);
        foreach ((int instrument, long net) in NetDerivatives(book)) Console.WriteLine($"note: the positions in instrument {instrument} add up to {net} lots, so this is not the whole book");
        foreach (StressResult result in results)
            foreach (StressShockResult shock in result.Shocks.Where(s => !s.IsAtRest)) Console.WriteLine($"note: '{result.Scenario.Name}', {shock.Name}: not at rest after {rounds} rounds; give more with --rounds");
    }

    private static void WriteTable(List<StressResult> results)
    {
        if (Console.IsOutputRedirected) AnsiConsole.Profile.Width = TableWidth;
        Table table = new Table().Border(TableBorder.Simple).AddColumns("scenario", "shock");
        foreach (string column in (string[])["distressed", "liquidated", "rounds", "sold USD", "fund draw USD", "uncovered USD"]) table.AddColumn(column, c => c.RightAligned());
        foreach (StressResult result in results)
        {
            for (int i = 0; i < result.Shocks.Length; i++)
            {
                StressShockResult s = result.Shocks[i];
                table.AddRow(Markup.Escape(i == 0 ? result.Scenario.Name : ""), Markup.Escape(s.Name), $"{s.Distressed}", $"{s.ClosedOut}", $"{s.Rounds}{(s.IsAtRest ? "" : "+")}", Usd(s.Sold), Usd(s.FundPaid), Usd(s.Uncovered));
            }
        }

        AnsiConsole.Write(table);
    }

    /// <summary>Whole USD, half and more up.</summary>
    internal static string Usd(Int128 atoms) => Rounding.FloorDiv(atoms + Scale.AtomsPerUsd / 2, Scale.AtomsPerUsd).ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>Derivatives whose positions do not add up to zero, as those of a whole book do.</summary>
    internal static IEnumerable<(int Instrument, long Net)> NetDerivatives(StressBook book)
    {
        var derivatives = book.Inputs.Instruments.Where(t => t.Kind != InstrumentKind.Spot).Select(t => t.Id).ToHashSet();
        return book.Accounts.SelectMany(a => a.Positions).Where(p => derivatives.Contains(p.Instrument)).GroupBy(p => p.Instrument)
            .Select(g => (g.Key, g.Sum(p => p.Size))).Where(n => n.Item2 != 0).OrderBy(n => n.Key);
    }

    private static Option<int> Range(string name, string description, int value, int most)
    {
        var option = new Option<int>(name) { Description = description, DefaultValueFactory = _ => value };
        option.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && (!int.TryParse(result.Tokens[0].Value, CultureInfo.InvariantCulture, out int given) || given < 1 || given > most))
                result.AddError($"{name} is 1 to {most}, not '{result.Tokens[0].Value}'.");
        });
        return option;
    }

    /// <summary>One line of a terminal that says how far the work is; nothing where standard error is none.</summary>
    private sealed class ProgressLine
    {
        private const long Interval = 100;
        private long _shown;
        private int _length;

        internal void Show(string text)
        {
            if (Console.IsErrorRedirected || Environment.TickCount64 - _shown < Interval) return;
            _shown = Environment.TickCount64;
            Console.Error.Write('\r' + text.PadRight(_length));
            _length = text.Length;
        }

        internal void Clear()
        {
            if (_length > 0) Console.Error.Write('\r' + new string(' ', _length) + '\r');
        }
    }
}
