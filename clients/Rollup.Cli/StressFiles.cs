using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Rollup.Api;
using Rollup.MarketData;
using Rollup.Protocol;
using Rollup.Risk;
using Rollup.Risk.Stress;

namespace Rollup.Cli;

/// <summary>The file of scenarios; millionths where a name ends in Ppm. Groups that are not named are all groups of the book.</summary>
internal sealed record ScenarioFile(int Version, IReadOnlyList<ScenarioEntry> Scenarios, IReadOnlyList<DepthEntry>? Depth = null);

/// <summary>One of shocks, path and grid.</summary>
internal sealed record ScenarioEntry(string Name, IReadOnlyList<ShockEntry>? Shocks = null, IReadOnlyList<PathEntry>? Path = null, GridEntry? Grid = null);

/// <summary>A shock from where the one before ended.</summary>
internal sealed record ShockEntry(IReadOnlyList<MoveEntry> Moves, string? Name = null);

internal sealed record MoveEntry(IReadOnlyList<int>? Groups = null, int PricePpm = 0, int VolatilityPpm = 1_000_000, int BasisPpm = 0);

/// <summary>Recorded prices at a time: the first of a group stands for the book's price.</summary>
internal sealed record PathEntry(string Time, IReadOnlyList<PointEntry> Points);

/// <param name="Price">Decimal text, of any unit.</param>
/// <param name="VolatilityPpm">Of the book's.</param>
internal sealed record PointEntry(string Price, IReadOnlyList<int>? Groups = null, int VolatilityPpm = 1_000_000);

/// <summary>A scenario of one shock for each price with each volatility.</summary>
internal sealed record GridEntry(IReadOnlyList<int> PricesPpm, IReadOnlyList<int>? VolatilitiesPpm = null, IReadOnlyList<int>? Groups = null);

/// <summary>Takes the place of the book's depth.</summary>
internal sealed record DepthEntry(long UsdPerPercent, int RefillPpm = 0, IReadOnlyList<int>? Groups = null);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, AllowDuplicateProperties = false,
    RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true, ReadCommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, MaxDepth = 12)]
[JsonSerializable(typeof(ScenarioFile))]
internal sealed partial class ScenarioJson : JsonSerializerContext;

/// <summary>Reads books and scenarios. Everything wrong is a <see cref="CliException"/> that names file and place.</summary>
internal static class StressFiles
{
    internal const int ScenarioVersion = 1;
    private const long MaxBookBytes = 256L << 20, MaxScenarioBytes = 4L << 20;
    private const int MaxAccounts = 1 << 20, MaxScenarios = 500, MaxShocks = 2_000, MaxName = 80, Unit = 1_000_000, PriceDecimals = 6;
    private const long MostUsd = 1_000_000_000_000;

    /// <summary>What `--example-scenario` prints.</summary>
    internal const string Example = """
        {
          // Millionths: pricePpm -200000 is a fall by a fifth, volatilityPpm 1500000 half as much again, basisPpm what perpetuals move against the index.
          // Where "groups" is left out, all margin groups of the book are meant.
          "version": 1,
          // What moves a group's price by one percent, and how much of earlier forced sales new orders take up each round. Without this: the book's own depth.
          "depth": [ { "usdPerPercent": 20000000, "refillPpm": 250000 } ],
          "scenarios": [
            { "name": "A fifth down", "shocks": [ { "name": "fall", "moves": [ { "pricePpm": -200000, "volatilityPpm": 1500000 } ] } ] },
            { "name": "Fall in steps", "shocks": [
              { "name": "first", "moves": [ { "pricePpm": -100000, "volatilityPpm": 1200000 } ] },
              { "name": "second", "moves": [ { "pricePpm": -150000, "volatilityPpm": 1400000, "basisPpm": -10000 } ] },
              { "name": "rebound", "moves": [ { "pricePpm": 80000, "volatilityPpm": 900000 } ] }
            ] },
            // Recorded prices, of any unit: the first point stands for the book as it is, the others are shocks. volatilityPpm is of the book's.
            { "name": "Recorded week", "path": [
              { "time": "2020-03-11T00:00:00Z", "points": [ { "price": "7935.52" } ] },
              { "time": "2020-03-12T11:00:00Z", "points": [ { "price": "6125.9", "volatilityPpm": 2100000 } ] },
              { "time": "2020-03-13T02:00:00Z", "points": [ { "price": "4106.98", "volatilityPpm": 3000000 } ] }
            ] },
            { "name": "Grid", "grid": { "pricesPpm": [ -300000, -150000, 150000, 300000 ], "volatilitiesPpm": [ 700000, 1500000 ] } }
          ]
        }
        """;

    /// <summary>The book of a file.</summary>
    internal static (RiskBook File, StressBook Book) ReadBook(string path)
    {
        RiskBook file = Read(path, MaxBookBytes, RiskBookJson.Default.RiskBook, "write the book anew with `sequencer book`");
        if (file.Version != RiskBook.CurrentVersion) throw new CliException($"{path}: version {file.Version} is not {RiskBook.CurrentVersion}: write the book with the sequencer of this release.");
        if (file.Accounts.Count > MaxAccounts) throw new CliException($"{path}: accounts: {file.Accounts.Count} exceed {MaxAccounts}.");
        if (!RiskInputs.TryDecode(file.RiskInputs, out RiskInputs inputs, out string problem)) throw new CliException($"{path}: riskInputs: {problem}; take the bytes as the sequencer published them.");
        return (file, new StressBook(inputs, [.. file.Accounts.Select(a => new StressAccount(a.Account, a.Cash, [.. a.Positions.Select(p => new StressPosition(p.Instrument, p.Size))]))], file.Fund,
            [.. file.Depths.Select(d => new GroupDepth(d.Group, d.OnePercent, d.RefillPpm))]));
    }

    /// <summary>The scenarios of a file for a book, and the book with the depth that the file gives it.</summary>
    internal static (StressBook Book, IReadOnlyList<StressScenario> Scenarios) ReadScenarios(string path, string bookPath, StressBook book)
    {
        ScenarioFile file = Read(path, MaxScenarioBytes, ScenarioJson.Default.ScenarioFile, "`rollup risk stress --example-scenario` prints one that is right");
        if (file.Version != ScenarioVersion) throw new CliException($"{path}: version {file.Version} is not {ScenarioVersion}.");
        var groups = new Groups(path, [.. book.Inputs.Groups.Select(g => g.Group)]);
        var depths = new SortedDictionary<int, GroupDepth>();
        foreach (GroupDepth d in book.Depths)
            if (!depths.TryAdd(d.Group, d)) throw new CliException($"{bookPath}: depths: group {d.Group} stands twice.");
        foreach (DepthEntry d in file.Depth ?? [])
        {
            if (d.UsdPerPercent is < 1 or > MostUsd) throw new CliException($"{path}: depth: usdPerPercent {d.UsdPerPercent} is outside 1..{MostUsd}.");
            if (d.RefillPpm is < 0 or > Unit) throw new CliException($"{path}: depth: refillPpm {d.RefillPpm} is outside 0..{Unit}.");
            foreach (int group in groups.Of(d.Groups, "depth")) depths[group] = new GroupDepth(group, d.UsdPerPercent * Scale.AtomsPerUsd, d.RefillPpm);
        }

        foreach (GroupDepth d in depths.Values)
            if (d.OnePercent == 0) throw new CliException($"{bookPath}: depths: nothing is known of group {d.Group}: give it in {path}, \"depth\": [ {{ \"groups\": [{d.Group}], \"usdPerPercent\": 1000000 }} ].");
        book = book with { Depths = [.. depths.Values] };
        if (book.Validate() is { } problem) throw new CliException($"{bookPath}: {problem}.");

        if (file.Scenarios.Count is 0 or > MaxScenarios) throw new CliException($"{path}: scenarios: {file.Scenarios.Count}; there must be 1 to {MaxScenarios}.");
        List<StressScenario> scenarios = [.. file.Scenarios.SelectMany(s => Scenarios(path, s, groups))];
        if (scenarios.Count > MaxScenarios) throw new CliException($"{path}: scenarios: with its grids the file has {scenarios.Count}; at most {MaxScenarios}.");
        if (scenarios.GroupBy(s => s.Name).FirstOrDefault(g => g.Count() > 1) is { } twice) throw new CliException($"{path}: the name '{twice.Key}' stands twice: give each scenario its own.");
        foreach (StressScenario s in scenarios)
            if (s.Validate(book.Inputs) is { } wrong) throw new CliException($"{path}: scenario '{s.Name}': {wrong}.");
        return (book, scenarios);
    }

    private static IEnumerable<StressScenario> Scenarios(string path, ScenarioEntry entry, Groups groups)
    {
        string where = $"scenario '{Named(path, "scenario", entry.Name)}'";
        CliException Wrong(string problem) => new($"{path}: {where}: {problem}.");
        if (new object?[] { entry.Shocks, entry.Path, entry.Grid }.Count(part => part is not null) != 1) throw Wrong("it has one of \"shocks\", \"path\" and \"grid\"");
        if (Math.Max(entry.Shocks?.Count ?? 0, entry.Path?.Count ?? 0) > MaxShocks) throw Wrong($"more than {MaxShocks} shocks");
        if (entry.Shocks is { } shocks)
        {
            return [StressScenario.OfMoves(entry.Name, shocks.Select((shock, i) => (Named(path, where, shock.Name ?? $"{i + 1}"), (IReadOnlyList<GroupMove>)
                [.. shock.Moves.SelectMany(m => groups.Of(m.Groups, where).Select(g => new GroupMove(g, m.PricePpm, m.VolatilityPpm, m.BasisPpm)))])))];
        }

        if (entry.Path is { } points) return [new StressScenario(entry.Name, [.. Shocks(points)])];

        GridEntry grid = entry.Grid!;
        IReadOnlyList<int> volatilities = grid.VolatilitiesPpm ?? [Unit];
        if ((long)grid.PricesPpm.Count * volatilities.Count is 0 or > MaxScenarios) throw Wrong($"a grid has 1 to {MaxScenarios} points");
        return grid.PricesPpm.SelectMany(price => volatilities.Select(volatility => StressScenario.OfMoves(
            string.Create(CultureInfo.InvariantCulture, $"{entry.Name} {price / 10_000.0:+0.##;-0.##;0}% vol x{volatility / 1e6:0.##}"),
            [("shock", [.. groups.Of(grid.Groups, where).Select(g => new GroupMove(g, price, volatility, 0))])])));

        IEnumerable<StressShock> Shocks(IReadOnlyList<PathEntry> path)
        {
            var first = new Dictionary<int, long>();
            var levels = new SortedDictionary<int, GroupLevel>();
            foreach (PathEntry entry in path)
            {
                if (!DateTimeOffset.TryParse(entry.Time, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset time)) throw Wrong($"time '{Cut(entry.Time)}' is not one like 2020-03-12T11:00:00Z");
                foreach (PointEntry point in entry.Points)
                {
                    if (!FixedPoint.TryParse(point.Price, PriceDecimals, out long price) || price == 0) throw Wrong($"{entry.Time}: price '{Cut(point.Price)}' is not a number above 0 with at most {PriceDecimals} decimals");
                    foreach (int group in groups.Of(point.Groups, where))
                    {
                        first.TryAdd(group, price);
                        // 63 + 30 bits; the scenario is checked against its bounds afterwards.
                        Int128 level = Rounding.FloorDiv((Int128)price * GroupLevel.One, first[group]);
                        levels[group] = new GroupLevel(group, (long)Int128.Min(level, long.MaxValue), 1_000L * point.VolatilityPpm, 0);
                    }
                }

                if (entry != path[0]) yield return new StressShock(time.ToString("u", CultureInfo.InvariantCulture), [.. levels.Values]);
            }
        }
    }

    private static string Named(string path, string what, string name) => name.Length is > 0 and <= MaxName && !name.Any(char.IsControl) ? name
        : throw new CliException($"{path}: {what}: the name '{Cut(new string([.. name.Select(c => char.IsControl(c) ? '?' : c)]))}' does not have 1 to {MaxName} characters that can be printed.");

    private static string Cut(string text) => text.Length > 40 ? text[..40] + "..." : text;

    private static T Read<T>(string path, long maxBytes, JsonTypeInfo<T> type, string advice)
    {
        var info = new FileInfo(path);
        if (!info.Exists) throw new CliException($"There is no file {path}.");
        if (info.Length > maxBytes) throw new CliException($"{path}: has {info.Length} bytes, more than {maxBytes}.");
        try
        {
            using FileStream stream = info.OpenRead();
            return JsonSerializer.Deserialize(stream, type) ?? throw new JsonException("null is no value here");
        }
        catch (JsonException error)
        {
            string problem = error.Message.Split(" Path: ")[0].TrimEnd('.');
            throw new CliException($"{path}: {(error.Path is { } place ? $"{place}, " : "")}line {error.LineNumber + 1 ?? 1}: {problem}; {advice}.", error);
        }
    }

    /// <summary>The groups of the book, by which a file names its own.</summary>
    private sealed record Groups(string Path, ImmutableArray<int> All)
    {
        internal IEnumerable<int> Of(IReadOnlyList<int>? named, string where)
        {
            if (named is null) return All;
            int foreign = named.FirstOrDefault(g => !All.Contains(g), -1);
            return foreign < 0 && named.Count > 0 && named.Distinct().Count() == named.Count && named.All(All.Contains) ? named
                : throw new CliException($"{Path}: {where}: groups [{string.Join(", ", named)}] must be different ones of the book's: {string.Join(", ", All)}.");
        }
    }
}
