using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Rollup.Engine;
using Rollup.Groth16;
using Rollup.Groth16.Formats;
using Rollup.Protocol;
using Rollup.ProverBridge.Proving;
using Rollup.Witness;

namespace Rollup.Simulation;

/// <summary>What the demonstration shows, and what it insists on.</summary>
internal static class Report
{
    private const double Million = 1e6;

    public static void Print(CrashRun run, TextWriter to)
    {
        to.WriteLine();
        to.WriteLine("time (UTC)        BTC      ETH     batches  distressed  liquidated  auctions  deleveraged     fund paid          fund       deficits");
        foreach (CrashStep s in run.Steps)
            to.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{DateTimeOffset.FromUnixTimeMilliseconds(s.At):MM-dd HH:mm}  {s.Btc / Million,9:0}  {s.Eth / Million,7:0.0}  {s.Batches,9}  {s.Distressed,10}  {s.Liquidated,10}  {s.Auctions,8}  {s.Deleveraged,11}  {s.FundPaid / Million,12:N2}  {s.Fund / Million,12:N2}  {s.Deficit / Million,13:N2}"));
        Venue venue = run.Venue;
        to.WriteLine();
        to.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{venue.Batches.Count} batches, {run.Notable.Count()} with forced rows: {run.Notable.Sum(b => b.Forced.Count(f => f.Kind == ForcedKind.Liquidation))} liquidations, {run.Notable.Sum(b => b.Blocks.Count(k => k.Payment > 0))} payments of the fund, {run.Notable.Sum(b => b.Forced.Count(f => f.Kind == ForcedKind.Deleverage))} deleveragings, {run.Notable.Sum(b => b.Forced.Count(f => f.Kind == ForcedKind.Conversion))} conversions"));
        Int128 equity = venue.Engine.Accounts.Aggregate(Int128.Zero, (sum, id) => sum + Ledger.MarkEquity(venue, venue.Engine.View(id)!));
        to.WriteLine($"sum of all equity, fund and fees: {equity} atoms; deposits: {venue.Deposits} atoms");
        to.WriteLine($"final root {venue.Engine.Status.AccountRoot.ToHex()}");
    }

    /// <summary>The demonstration is one only if all of it happened.</summary>
    public static void RequireEverything(CrashRun run)
    {
        void Require(bool happened, string what)
        {
            if (!happened) throw new InvalidOperationException($"The crash passed without {what}.");
        }

        Require(run.Notable.Any(b => b.Forced.Any(f => f.Kind == ForcedKind.Liquidation)), "a liquidation");
        Require(run.Notable.Any(b => b.Blocks.Any(k => k.Payment > 0)), "a payment of the insurance fund");
        Require(run.Notable.Any(b => b.Forced.Any(f => f.Kind == ForcedKind.Deleverage)), "an auto-deleveraging");
        Require(run.Notable.Any(b => b.Forced.Any(f => f.Kind == ForcedKind.Conversion)), "an expiry");
    }

    /// <summary>Proves batches, those that show something new first.</summary>
    /// <returns>0 if every proof was made and verified.</returns>
    public static async Task<int> ProveAsync(IEnumerable<SealedBatch> batches, int most, string keys, TextWriter to, CancellationToken cancellation)
    {
        SealedBatch[] chosen = Choose([.. batches], most);
        using JsonDocument paths = JsonDocument.Parse(await File.ReadAllBytesAsync(keys, cancellation));
        string PathOf(string name) => paths.RootElement.GetProperty(name).GetString()!;
        using NativeWitness witness = NativeWitness.Load(PathOf("wasm"), TimeSpan.FromMinutes(5), 6L << 30);
        using var prover = new NativeProver(PathOf("zkey"), TimeSpan.FromMinutes(10), TimeProvider.System, NullLogger.Instance);
        VerifyingKey key = SnarkJson.ReadVerifyingKey(await File.ReadAllBytesAsync(PathOf("verificationKey"), cancellation), "verification_key.json");
        string work = Directory.CreateTempSubdirectory("crash-proofs-").FullName;
        try
        {
            var maker = new ProofMaker(witness, prover, new Groth16Verifier(key), work);
            to.WriteLine();
            foreach (SealedBatch batch in chosen)
            {
                var watch = Stopwatch.StartNew();
                SettlementInput input = SettlementInput.Build(batch);
                await maker.MakeAsync(batch.Header.Batch, input.ToCircuitInput(), input.PublicInputs, () => { }, cancellation);
                to.WriteLine(string.Create(CultureInfo.InvariantCulture, $"batch {batch.Header.Batch,4} proven and verified in {watch.Elapsed.TotalSeconds,5:0.0} s: {Describe(batch)}"));
            }
        }
        finally
        {
            Directory.Delete(work, recursive: true);
        }

        return 0;
    }

    private static SealedBatch[] Choose(SealedBatch[] batches, int most)
    {
        var kinds = new HashSet<string>();
        return [.. batches.OrderBy(b => Kinds(b).Where(kinds.Add).ToArray().Length > 0 ? 0 : 1).ThenBy(b => b.Header.Batch).Take(most).OrderBy(b => b.Header.Batch)];
    }

    private static IEnumerable<string> Kinds(SealedBatch b) => b.Forced.Select(f => f.Kind.ToString()).Concat(b.Blocks.Any(k => k.Payment > 0) ? ["Payment"] : []).Distinct();

    private static string Describe(SealedBatch b) => string.Join(", ", b.Forced.GroupBy(f => f.Kind).Select(g => $"{g.Count()} {g.Key.ToString().ToLowerInvariant()}")
        .Concat(b.Blocks.Any(k => k.Payment > 0) ? [$"fund pays {b.Blocks.Sum(k => k.Payment) / Million:N2}"] : []).Append($"{b.Blocks.Length} accounts").Append($"{b.Rows.Length} signed rows"));
}
