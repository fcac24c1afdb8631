using System.CommandLine;
using System.Diagnostics;
using System.Text.Json;
using Rollup.Api;
using Rollup.Protocol;
using Rollup.Simulation;

var seed = new Option<int>("--seed") { Description = "Everything random follows from it.", DefaultValueFactory = _ => 20_260_205 };
var accounts = new Option<int>("--accounts") { Description = "Traders, besides 12 market makers (2 .. 2,000).", DefaultValueFactory = _ => 220 };
var data = new Option<string>("--data") { Description = "Folder of recorded option chains; where there is none, a crash is generated.", DefaultValueFactory = _ => "../shared/data/chain-deribit-crash-202602" };
var keys = new Option<string?>("--keys") { Description = "File with what `prover-bridge keys dev --profile options` prints: batches are proven with these keys." };
var prove = new Option<string>("--prove") { Description = "notable: batches with a liquidation, a payment of the fund, a deleveraging or a conversion; all; none.", DefaultValueFactory = _ => "notable" };
var most = new Option<int>("--most") { Description = "Proofs at most; batches of every kind come first.", DefaultValueFactory = _ => 12 };
var book = new Option<string?>("--book") { Description = "Where the book before the fall goes, for `rollup risk stress`." };
prove.AcceptOnlyFromAmong("notable", "all", "none");
var root = new RootCommand("Replays a market crash through the engine: liquidations, auctions, the insurance fund, auto-deleveraging, expiry; and proves it.") { seed, accounts, data, keys, prove, most, book };
root.SetAction(async (parsed, cancellation) =>
{
    int count = parsed.GetValue(accounts);
    if (count is < 2 or > 2_000) { await Console.Error.WriteLineAsync("--accounts is 2 .. 2,000."); return 2; }
    var settings = new CrashSettings(parsed.GetValue(seed), count, Steps: 1, Fund: 40_000L * Scale.AtomsPerUsd, ScanRange: 60_000, CircuitProfile.Options);
    CrashMarket market = CrashMarket.Load(parsed.GetValue(data)!, settings.Seed);
    Console.WriteLine($"market: {market.Name}; {market.Knots.Count} knots; seed {settings.Seed}");
    var watch = Stopwatch.StartNew();
    var run = new CrashRun(settings, market);
    run.Play(text => Console.WriteLine($"[{watch.Elapsed.TotalSeconds,5:0.0} s] {text}"));
    if (parsed.GetValue(book) is { } path) await File.WriteAllBytesAsync(path, JsonSerializer.SerializeToUtf8Bytes(run.Book!, RiskBookJson.Default.RiskBook), cancellation);
    Report.Print(run, Console.Out);
    Report.RequireEverything(run);
    if (parsed.GetValue(keys) is not { } file || parsed.GetValue(prove) == "none") return 0;
    return await Report.ProveAsync(parsed.GetValue(prove) == "all" ? run.Venue.Batches : run.Notable, parsed.GetValue(most), file, Console.Out, cancellation);
});
return await root.Parse(args).InvokeAsync();
