using System.Text.Json;
using System.Xml;
using System.Xml.Linq;
using Rollup.Api;
using Rollup.Protocol;
using Rollup.Risk;

namespace Rollup.Cli.Tests;

/// <summary>`rollup risk stress`: files in, table and report out.</summary>
public sealed class StressCommandTests : IDisposable
{
    private const long Usd = Scale.AtomsPerUsd;
    private readonly CliRun cli = new();

    // 100 USD a lot; the cascade that tests/Rollup.Risk.Tests/StressTests.cs computes by hand.
    private static readonly RiskInputs Inputs = new(7, Timestamp.FromMilliseconds(1_723_111_222_333), RiskParameters.Default with { LinearPenalty = 10_000 }, [new GroupRange(1, 150_000)],
        [new InstrumentInput(3, InstrumentKind.Perpetual, InstrumentFlags.None, 1, 100 * Usd, 100 * Usd, 0, 0)]);

    private static readonly RiskBook Book = new(RiskBook.CurrentVersion, 7, 1_723_111_222_999, Inputs.Encode(), 7_000 * Usd, [new RiskBookDepth(1, 5_000 * Usd, 0)],
        [new RiskBookAccount(4, -85_000 * Usd, [new RiskBookPosition(3, 1_000)]), new RiskBookAccount(6, -40_000 * Usd, [new RiskBookPosition(3, 500)]), new RiskBookAccount(9, 300_000 * Usd, [new RiskBookPosition(3, -1_500)])]);

    private const string Scenarios = """
        {
          "version": 1, // Comments may stand here.
          "scenarios": [
            { "name": "<b>down & \"out\" [bold]", "shocks": [ { "name": "5 down", "moves": [ { "pricePpm": -50000 } ] }, { "moves": [ { "groups": [1], "pricePpm": 20000 } ] } ] },
            { "name": "recorded", "path": [
              { "time": "2020-03-12T10:00:00Z", "points": [ { "price": "8000.5" } ] }, { "time": "2020-03-12T11:30:00Z", "points": [ { "price": "8160.51", "volatilityPpm": 1200000 } ] } ] },
            { "name": "grid", "grid": { "pricesPpm": [ -200000, -300000, 12500 ], "volatilitiesPpm": [ 800000 ] } }
          ]
        }
        """;

    public void Dispose() => cli.Dispose();

    [Fact]
    public async Task The_table_shows_each_shock()
    {
        string shown = await StressAsync("--rounds", "2");
        Assert.Equal("""
              scenario                 shock                  distressed   liquidated   rounds   sold USD   fund draw USD   uncovered USD
              <b>down & "out" [bold]   5 down                          2            0       2+     54,613               0               0
                                       2                               2            0       2+     51,347               0               0
              recorded                 2020-03-12 11:30:00Z            0            0        0          0               0               0
              grid -20% vol x0.8       shock                           2            2        1    120,000           6,200               0
              grid -30% vol x0.8       shock                           2            2        1     35,000           5,350          15,000
              grid +1.25% vol x0.8     shock                           0            0        0          0               0               0
            note: '<b>down & "out" [bold]', 5 down: not at rest after 2 rounds; give more with --rounds
            note: '<b>down & "out" [bold]', 2: not at rest after 2 rounds; give more with --rounds
            """, Trimmed(shown));
    }

    [Fact]
    public async Task The_report_is_one_well_formed_file_that_needs_nothing_else()
    {
        await StressAsync("--out", "report.html", "--top", "3");
        if (!OperatingSystem.IsWindows()) Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(cli.PathOf("report.html")));
        string html = File.ReadAllText(cli.PathOf("report.html"));
        Assert.StartsWith("<!DOCTYPE html>\n<html lang=\"en\">", html, StringComparison.Ordinal);
        using var reader = XmlReader.Create(new StringReader(html), new XmlReaderSettings { DtdProcessing = DtdProcessing.Ignore });
        XElement page = XDocument.Load(reader).Root!;

        // Nothing from elsewhere: no link, source, script or import; and a policy that would forbid it.
        Assert.DoesNotContain(page.DescendantsAndSelf().Attributes(), a => a.Name.LocalName is "href" or "src" || a.Value.Contains("url(", StringComparison.Ordinal));
        Assert.DoesNotContain(page.Descendants(), e => e.Name.LocalName is "script" or "link" or "img" or "iframe" or "b");
        string style = page.Descendants("style").Single().Value;
        Assert.Contains("prefers-color-scheme: dark", style, StringComparison.Ordinal);
        Assert.DoesNotMatch("url\\(|@import|://", style);
        Assert.Contains(page.Descendants("meta"), m => m.Attribute("content")?.Value.StartsWith("default-src 'none'", StringComparison.Ordinal) == true);

        // Losses, draws, and a cascade of each of the five scenarios.
        XElement[] plots = [.. page.Descendants("svg")];
        Assert.Equal(7, plots.Length);
        Assert.Equal("<b>down & \"out\" [bold]", plots[0].Elements("text").First().Value);
        // From the book's price through every round.
        Assert.All(plots[2..], plot => Assert.InRange(Assert.Single(plot.Elements("polyline")).Attribute("points")!.Value.Split(' ').Length, 2, 1_000));
        XElement[] shocks = [.. Rows("shocks")];
        Assert.Equal(["5 down", "2", "2020-03-12 11:30:00Z", "shock", "shock", "shock"], shocks.Select(row => row.Elements().ElementAt(1).Value));
        Assert.Equal(["grid -20% vol x0.8", "grid -30% vol x0.8", "grid +1.25% vol x0.8"], shocks[3..].Select(row => row.Elements().First().Value));
        Assert.Equal(5, Rows("balance").Count());
        Assert.Equal(
            [
                "grid -30% vol x0.8 | 4 | 15,000 | 0 | 15,000 | 15,000 | insolvent", "grid -20% vol x0.8 | 4 | 15,000 | 0 | 15,000 | 5,800 | insolvent",
                "grid -30% vol x0.8 | 6 | 10,000 | 0 | 10,000 | 5,350 | insolvent",
            ], Rows("worst").Select(row => string.Join(" | ", row.Elements().Select(e => e.Value))));

        IEnumerable<XElement> Rows(string id) => page.Descendants("table").Single(t => t.Attribute("id")!.Value == id).Element("tbody")!.Elements("tr");
    }

    [Fact]
    public async Task A_report_takes_no_other_files_place()
    {
        Write(Book, Scenarios);
        File.WriteAllText(cli.PathOf("report.html"), "mine");
        (await cli.RunAsync("risk", "stress", "--book", "book.json", "--scenario", "scenario.json", "--out", "report.html")).Fails("report.html exists already");
        Assert.Equal("mine", File.ReadAllText(cli.PathOf("report.html")));
    }

    [Fact]
    public async Task The_example_can_be_run()
    {
        string example = (await cli.RunAsync("risk", "stress", "--example-scenario")).Succeeds();
        Write(Book with { Depths = [new RiskBookDepth(1, 0, 0)] }, example);
        string shown = (await cli.RunAsync("risk", "stress", "--book", "book.json", "--scenario", "scenario.json")).Succeeds();
        Assert.Contains("Recorded week", shown, StringComparison.Ordinal);
        Assert.Contains("2020-03-13 02:00:00Z", shown, StringComparison.Ordinal);
        Assert.Contains("Grid -30% vol x0.7", shown, StringComparison.Ordinal);
        Assert.DoesNotContain("note:", shown, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_not_the_whole_book_or_not_at_rest_is_said()
    {
        Write(Book with { Accounts = [.. Book.Accounts.Take(2)] }, Scenarios);
        string shown = (await cli.RunAsync("risk", "stress", "--book", "book.json", "--scenario", "scenario.json", "--rounds", "1")).Succeeds();
        Assert.Contains("note: the positions in instrument 3 add up to 1500 lots, so this is not the whole book", shown, StringComparison.Ordinal);
        Assert.Contains("5 down: not at rest after 1 rounds; give more with --rounds", shown, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"fund\":7000000000", "\"fund\":\"7\"", "book.json: $.fund, line 1: ")]
    [InlineData("\"fund\":7000000000,", "", "book.json: $, line 1: ")]
    [InlineData("\"fund\":", "\"found\":1,\"fund\":", "book.json: $.found, line 1: ")]
    [InlineData("\"fund\":7000000000", "\"fund\":-7000000000", "book.json: the insurance fund of -7000000000 is outside")]
    [InlineData("\"version\":1", "\"version\":2", "book.json: version 2 is not 1: write the book with the sequencer of this release")]
    [InlineData("\"account\":6", "\"account\":4", "book.json: account 4 does not come in ascending order")]
    [InlineData("\"size\":500", "\"size\":0", "book.json: account 6 has 0 lots of instrument 3")]
    [InlineData("\"riskInputs\":\"Ag", "\"riskInputs\":\"BA", "book.json: riskInputs: version 4 is not 2; take the bytes as the sequencer published them")]
    [InlineData("\"onePercent\":5000000000", "\"onePercent\":0", "book.json: depths: nothing is known of group 1: give it in scenario.json")]
    [InlineData("\"depths\":[", "\"depths\":[{\"group\":1,\"onePercent\":7,\"refillPpm\":0},", "book.json: depths: group 1 stands twice")]
    [InlineData("\"refillPpm\":0", "\"refillPpm\":1000001", "book.json: group 1: a refill of 1000001 is outside")]
    public async Task A_bad_book_is_named_with_place_and_remedy(string found, string instead, string reason)
    {
        Write(Book, Scenarios);
        string text = File.ReadAllText(cli.PathOf("book.json"));
        Assert.Contains(found, text, StringComparison.Ordinal);
        File.WriteAllText(cli.PathOf("book.json"), text.Replace(found, instead, StringComparison.Ordinal));
        (await cli.RunAsync("risk", "stress", "--book", "book.json", "--scenario", "scenario.json")).Fails(reason);
    }

    [Theory]
    [InlineData("-50000", "-5000000000", "scenario.json: $.scenarios[0].shocks[0].moves[0].pricePpm, line 4: ")]
    [InlineData("\"version\": 1", "\"version\": 3", "scenario.json: version 3 is not 1")]
    [InlineData("\"pricePpm\": -50000", "\"priceMove\": -50000", "scenario.json: $.scenarios[0].shocks[0].moves[0].priceMove, line 4: ")]
    [InlineData("-50000", "-995000", "shock '5 down', group 1: a price of 5000000 is outside 0.01..16")]
    [InlineData("\"5 down\"", "\"\"", "the name '' does not have 1 to 80 characters")]
    [InlineData("\"groups\": [1]", "\"groups\": [2]", "groups [2] must be different ones of the book's: 1")]
    [InlineData("\"groups\": [1]", "\"groups\": []", "groups [] must be different ones of the book's: 1")]
    [InlineData("\"8000.5\"", "\"8000.5 USD\"", "scenario 'recorded': 2020-03-12T10:00:00Z: price '8000.5 USD' is not a number above 0")]
    [InlineData("2020-03-12T11:30:00Z", "noon", "scenario 'recorded': time 'noon' is not one like 2020-03-12T11:00:00Z")]
    [InlineData("\"grid\": {", "\"shocks\": [], \"grid\": {", "scenario 'grid': it has one of \"shocks\", \"path\" and \"grid\"")]
    [InlineData("[ -200000, -300000, 12500 ]", "[ ]", "scenario 'grid': a grid has 1 to 500 points")]
    [InlineData("[ -200000, -300000, 12500 ]", "[ -10000, -10000 ]", "the name 'grid -1% vol x0.8' stands twice")]
    [InlineData("\"scenarios\": [", "\"depth\": [ { \"usdPerPercent\": 0 } ], \"scenarios\": [", "scenario.json: depth: usdPerPercent 0 is outside")]
    [InlineData("\"scenarios\": [", "\"depth\": [ { \"usdPerPercent\": 5, \"refillPpm\": -1 } ], \"scenarios\": [", "scenario.json: depth: refillPpm -1 is outside")]
    [InlineData("{", "", "scenario.json: ")]
    public async Task A_bad_scenario_is_named_with_its_place(string found, string instead, string reason)
    {
        Assert.Contains(found, Scenarios, StringComparison.Ordinal);
        int at = Scenarios.IndexOf(found, StringComparison.Ordinal);
        Write(Book, Scenarios[..at] + instead + Scenarios[(at + found.Length)..]);
        (await cli.RunAsync("risk", "stress", "--book", "book.json", "--scenario", "scenario.json")).Fails(reason);
    }

    [Fact]
    public async Task A_missing_file_is_named()
    {
        Write(Book, Scenarios);
        (await cli.RunAsync("risk", "stress", "--book", "none.json", "--scenario", "scenario.json")).Fails("There is no file none.json");
        (await cli.RunAsync("risk", "stress", "--book", "book.json", "--scenario", "none.json")).Fails("There is no file none.json");
    }

    private async Task<string> StressAsync(params string[] more)
    {
        Write(Book, Scenarios);
        return (await cli.RunAsync(["risk", "stress", "--book", "book.json", "--scenario", "scenario.json", .. more])).Succeeds();
    }

    private void Write(RiskBook book, string scenarios)
    {
        File.WriteAllBytes(cli.PathOf("book.json"), JsonSerializer.SerializeToUtf8Bytes(book, RiskBookJson.Default.RiskBook));
        File.WriteAllText(cli.PathOf("scenario.json"), scenarios);
    }

    /// <summary>Without empty lines, rules and blanks at the end of lines.</summary>
    private static string Trimmed(string table) => string.Join('\n', table.Split('\n').Select(line => line.TrimEnd('─', ' ')).Where(line => line.Length > 0));
}
