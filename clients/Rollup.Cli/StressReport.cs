using System.Globalization;
using System.Net;
using System.Text;
using Rollup.Api;
using Rollup.Protocol;
using Rollup.Risk.Stress;

namespace Rollup.Cli;

/// <summary>The report of stress tests: one HTML file, well-formed as XML too, with plots as inline SVG and nothing from elsewhere. Doubles are for pixels and rounded text only.</summary>
internal static class StressReport
{
    private const int MaxPaths = 24, Width = 760;

    private const string Style = """
        :root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --line: #d0d7de; --page: #ffffff; --loss: #3b6ea8; --fund: #b7791f; --bad: #b3261e; --a: #3b6ea8; --b: #1f7a4d; --c: #8a4fa3; --d: #b7791f; }
        @media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9da7b3; --line: #3d444d; --page: #0d1117; --loss: #6ea8e6; --fund: #e3b341; --bad: #ff7b72; --a: #6ea8e6; --b: #56d394; --c: #d2a8ff; --d: #e3b341; } }
        body { font: 15px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--page); max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
        h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; } h3 { font-size: 1rem; margin-bottom: 0.2rem; }
        table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; } th, td { text-align: right; padding: 0.2rem 0.5rem; border-bottom: 1px solid var(--line); }
        th { font-weight: 600; color: var(--soft); } .t { text-align: left; } .bad { color: var(--bad); } p, figcaption { color: var(--soft); } figure { margin: 0.5rem 0 1.5rem; }
        svg { width: 100%; height: auto; } svg text { fill: var(--ink); font: 12px system-ui, sans-serif; } svg .s { fill: var(--soft); } svg .axis { stroke: var(--line); } svg polyline { fill: none; stroke-width: 2; }
        """;

    private static readonly string[] Colours = ["a", "b", "c", "d"];

    /// <summary>The whole file.</summary>
    /// <param name="file">Where the book is from.</param>
    /// <param name="top">Worst accounts to list.</param>
    internal static string Html(RiskBook file, StressBook book, IReadOnlyList<StressResult> results, int top)
    {
        var html = new StringBuilder();
        html.Append(CultureInfo.InvariantCulture, $"""
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8"/><meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/>
            <meta name="viewport" content="width=device-width"/><title>Stress test of batch {file.Batch}</title><style>{Style}</style></head><body>
            <h1>Stress test of the book of batch {file.Batch}</h1>
            <p>Book of {Time(file.Time)}: {book.Accounts.Length} accounts, {book.Accounts.Sum(a => a.Positions.Length)} positions, insurance fund {Usd(book.Fund)} USD. Depth: {Depths(book)}.</p>

            """);
        foreach ((int instrument, long net) in RiskCommands.NetDerivatives(book))
            html.Append(CultureInfo.InvariantCulture, $"<p class=\"bad\">The positions in instrument {instrument} add up to {net} lots: this is not the whole book.</p>\n");
        Summary(html, results);
        html.Append("<h2>Losses by scenario</h2>\n");
        Bars(html, "What accounts lose that lose (sum, USD), and deficits that the fund does not pay.", "loss", [.. results.Select(r => (r.Scenario.Name, Losses(r), r.Totals.Uncovered))]);
        html.Append("<h2>Draw on the insurance fund</h2>\n");
        Bars(html, $"Deficits that the fund pays, USD. It begins with {Usd(book.Fund)}.", "fund", [.. results.Select(r => (r.Scenario.Name, r.Totals.FundPaid, Int128.Zero))]);
        html.Append("<h2>Cascades</h2>\n");
        html.Append("<p>Each step is a round: price of each margin group in percent of the book's (lines), and how many accounts are below maintenance (bars). Dashed: a shock.</p>\n");
        List<StressResult> shown = [.. results.OrderByDescending(r => Losses(r) + r.Totals.Uncovered).Take(MaxPaths)];
        if (results.Count > shown.Count) html.Append(CultureInfo.InvariantCulture, $"<p>The {shown.Count} scenarios with the largest losses of {results.Count}.</p>\n");
        foreach (StressResult result in shown) Path(html, book, result);
        Worst(html, results, top);
        html.Append("</body></html>\n");
        return html.ToString();
    }

    private static void Summary(StringBuilder html, IReadOnlyList<StressResult> results)
    {
        html.Append("<h2>Shocks</h2>\n<table id=\"shocks\"><thead><tr><th class=\"t\">scenario</th><th class=\"t\">shock</th><th>distressed</th><th>liquidated</th><th>rounds</th>"
            + "<th>sold USD</th><th>fund draw USD</th><th>uncovered USD</th></tr></thead><tbody>\n");
        foreach (StressResult r in results)
        {
            foreach (StressShockResult s in r.Shocks)
                html.Append(CultureInfo.InvariantCulture, $"<tr><td class=\"t\">{Text(r.Scenario.Name)}</td><td class=\"t\">{Text(s.Name)}</td><td>{s.Distressed}</td><td>{s.ClosedOut}</td><td>{s.Rounds}{(s.IsAtRest ? "" : "+")}</td><td>{Usd(s.Sold)}</td><td>{Usd(s.FundPaid)}</td><td{(s.Uncovered > 0 ? " class=\"bad\"" : "")}>{Usd(s.Uncovered)}</td></tr>\n");
        }

        html.Append("</tbody></table>\n<p>A + marks a shock that was not at rest when its rounds were over.</p>\n<h2>Balance</h2>\n");
        html.Append("<p>Accounts after + fund after + takers of forced trades - uncovered = accounts before + fund before + revaluation of net positions, to the atom in every scenario.</p>\n");
        html.Append("<table id=\"balance\"><thead><tr><th class=\"t\">scenario</th><th>accounts after</th><th>fund after</th><th>takers</th><th>uncovered</th><th>accounts before</th><th>fund before</th><th>revaluation</th></tr></thead><tbody>\n");
        foreach (StressResult r in results)
        {
            StressTotals t = r.Totals;
            html.Append(CultureInfo.InvariantCulture, $"<tr><td class=\"t\">{Text(r.Scenario.Name)}</td>");
            foreach (Int128 value in (Int128[])[t.After, t.FundAfter, t.Takers, t.Uncovered, t.Before, t.FundBefore, t.Revaluation]) html.Append(CultureInfo.InvariantCulture, $"<td>{Usd(value)}</td>");
            html.Append("</tr>\n");
        }

        html.Append("</tbody></table>\n");
    }

    /// <summary>Horizontal bars; the second amount of each follows the first, in the colour of trouble.</summary>
    private static void Bars(StringBuilder html, string caption, string colour, IReadOnlyList<(string Name, Int128 Amount, Int128 More)> bars)
    {
        const int Row = 22, Label = 230, Number = 130;
        double most = Math.Max(1, bars.Max(b => (double)(b.Amount + b.More))), scale = (Width - Label - Number) / most;
        html.Append(CultureInfo.InvariantCulture, $"<figure><svg role=\"img\" viewBox=\"0 0 {Width} {Row * bars.Count + 4}\"><title>{Text(caption)}</title>\n");
        for (int i = 0; i < bars.Count; i++)
        {
            (string name, Int128 amount, Int128 more) = bars[i];
            double first = scale * (double)amount, second = scale * (double)more;
            int y = i * Row + 3;
            html.Append(CultureInfo.InvariantCulture, $"<text x=\"{Label - 8}\" y=\"{y + 12}\" text-anchor=\"end\">{Text(name.Length > 34 ? name[..33] + "…" : name)}</text><rect x=\"{Label}\" y=\"{y}\" width=\"{first:0.##}\" height=\"15\" style=\"fill: var(--{colour})\"/>");
            if (more > 0) html.Append(CultureInfo.InvariantCulture, $"<rect x=\"{Label + first:0.##}\" y=\"{y}\" width=\"{second:0.##}\" height=\"15\" style=\"fill: var(--bad)\"/>");
            html.Append(CultureInfo.InvariantCulture, $"<text x=\"{Label + first + second + 6:0.##}\" y=\"{y + 12}\" class=\"s\">{Usd(amount)}{(more > 0 ? $" + {Usd(more)}" : "")}</text>\n");
        }

        html.Append(CultureInfo.InvariantCulture, $"</svg><figcaption>{Text(caption)}</figcaption></figure>\n");
    }

    private static void Path(StringBuilder html, StressBook book, StressResult result)
    {
        const int Left = 48, Right = 48, Top = 10, Height = 150, Bottom = 20;
        const double Plot = Width - Left - Right;
        var rounds = result.Rounds;
        double low = 100, high = 100;
        foreach (long price in rounds.SelectMany(r => r.Prices)) (low, high) = (Math.Min(low, price / 1e7), Math.Max(high, price / 1e7));
        if (high - low < 1) (low, high) = (low - 1, high + 1);
        int most = Math.Max(1, rounds.Max(r => r.Distressed));
        double X(int step) => Left + Plot * (step + 0.5) / rounds.Length;
        double Y(long price) => Top + Height * (high - price / 1e7) / (high - low);

        html.Append(CultureInfo.InvariantCulture, $"<h3>{Text(result.Scenario.Name)}</h3>\n<figure><svg role=\"img\" viewBox=\"0 0 {Width} {Top + Height + Bottom}\"><title>{Text($"Cascade of {result.Scenario.Name}")}</title>\n");
        for (int i = 0; i < rounds.Length; i++)
        {
            double bar = (double)Height * rounds[i].Distressed / most, width = Math.Clamp(0.7 * Plot / rounds.Length, 1, 40);
            if (rounds[i].Round == 0) html.Append(CultureInfo.InvariantCulture, $"<line class=\"axis\" x1=\"{X(i):0.##}\" x2=\"{X(i):0.##}\" y1=\"{Top}\" y2=\"{Top + Height}\" stroke-dasharray=\"3 3\"/>");
            if (bar > 0) html.Append(CultureInfo.InvariantCulture, $"<rect x=\"{X(i) - width / 2:0.##}\" y=\"{Top + Height - bar:0.##}\" width=\"{width:0.##}\" height=\"{bar:0.##}\" style=\"fill: var(--bad)\" opacity=\"0.3\"/>");
        }

        html.Append(CultureInfo.InvariantCulture, $"\n<line class=\"axis\" x1=\"{Left}\" x2=\"{Width - Right}\" y1=\"{Top + Height}\" y2=\"{Top + Height}\"/>\n");
        for (int g = 0; g < book.Depths.Length; g++)
        {
            string points = string.Create(CultureInfo.InvariantCulture, $"{Left},{Y(GroupLevel.One):0.##} ") + string.Join(' ', rounds.Select((r, i) => string.Create(CultureInfo.InvariantCulture, $"{X(i):0.##},{Y(r.Prices[g]):0.##}")));
            html.Append(CultureInfo.InvariantCulture, $"<polyline points=\"{points}\" style=\"stroke: var(--{Colours[g % Colours.Length]})\"{(g < Colours.Length ? "" : $" stroke-dasharray=\"{8 / (g / Colours.Length)} 3\"")}><title>group {book.Depths[g].Group}</title></polyline>\n");
        }

        html.Append(CultureInfo.InvariantCulture, $"""
            <text x="{Left - 6}" y="{Top + 10}" text-anchor="end" class="s">{high:0.#}%</text><text x="{Left - 6}" y="{Top + Height}" text-anchor="end" class="s">{low:0.#}%</text>
            <text x="{Width - Right + 6}" y="{Top + 10}" class="s">{most}</text><text x="{Width - Right + 6}" y="{Top + Height}" class="s">0</text>
            </svg><figcaption>
            """);
        html.AppendJoin(", ", book.Depths.Select((d, g) => string.Create(CultureInfo.InvariantCulture, $"<span style=\"color: var(--{Colours[g % Colours.Length]})\">group {d.Group}: {rounds[^1].Prices[g] / 1e7:0.##}%</span>")));
        html.Append(CultureInfo.InvariantCulture, $"; {rounds.Length} rounds in all</figcaption></figure>\n");
    }

    private static void Worst(StringBuilder html, IReadOnlyList<StressResult> results, int top)
    {
        html.Append("<h2>Worst accounts</h2>\n<table id=\"worst\"><thead><tr><th class=\"t\">scenario</th><th>account</th><th>equity before</th><th>equity after</th><th>loss USD</th><th>deficit USD</th><th class=\"t\">end</th></tr></thead><tbody>\n");
        var worst = results.SelectMany(r => r.Accounts.Where(a => a.Loss + a.Deficit > 0).Select(a => (r.Scenario.Name, Account: a)))
            .OrderByDescending(w => w.Account.Loss + w.Account.Deficit).Take(top);
        foreach ((string name, AccountOutcome a) in worst)
        {
            html.Append(CultureInfo.InvariantCulture, $"<tr><td class=\"t\">{Text(name)}</td><td>{a.Account}</td><td>{Usd(a.Before)}</td><td>{Usd(a.After)}</td><td>{Usd(a.Loss)}</td><td{(a.Deficit > 0 ? " class=\"bad\"" : "")}>{Usd(a.Deficit)}</td><td class=\"t\">{Text(End(a.End))}</td></tr>\n");
        }

        html.Append("</tbody></table>\n");
    }

    private static Int128 Losses(StressResult result) => result.Accounts.Aggregate(Int128.Zero, (sum, a) => sum + Int128.Max(0, a.Loss));

    private static string End(AccountEnd end) => end switch { AccountEnd.Kept => "kept", AccountEnd.Reduced => "reduced", AccountEnd.ClosedOut => "closed out", _ => "insolvent" };

    private static string Depths(StressBook book) => string.Join("; ", book.Depths.Select(d =>
        string.Create(CultureInfo.InvariantCulture, $"group {d.Group} {Usd(d.OnePercent)} USD a percent, refill {d.Refill / 1e4:0.##}% a round")));

    private static string Time(long milliseconds) => milliseconds is >= 0 and < 1L << Protocol.Width.Time
        ? DateTimeOffset.FromUnixTimeMilliseconds(milliseconds).ToString("u", CultureInfo.InvariantCulture) : $"time {milliseconds}";

    private static string Usd(Int128 atoms) => RiskCommands.Usd(atoms);

    private static string Text(string text) => WebUtility.HtmlEncode(text);
}
