using System.Collections.Immutable;
using System.Globalization;
using System.Numerics;
using Rollup.Circuits;
using Rollup.Crypto.Settlement;
using Rollup.Ethereum;
using Rollup.Protocol;
using Rollup.StateVerifier.Accounts;
using Rollup.StateVerifier.Chain;
using Rollup.StateVerifier.Checks;

namespace Rollup.StateVerifier.Commands;

/// <summary>What holds, for people.</summary>
internal static class TextReport
{
    public static void Write(TextWriter output, VerifiedHistory history, IReadOnlyList<BatchReport> batches, ImmutableArray<AccountStatement> statements)
    {
        VaultParameters p = history.Parameters;
        L1Block head = history.Snapshot.Head;
        output.WriteLine($"vault {Eip55.Format(p.Vault)} on chain {history.Snapshot.ChainId}, as of L1 block {head.Number} {head.Hash} ({Time(head.Timestamp)})");
        foreach (VaultCircuit circuit in p.Circuits)
            output.WriteLine($"circuit version {circuit.Version} since block {circuit.Since.BlockNumber}: profile {circuit.Profile.Name}, verifying key {circuit.KeyHash}");
        output.WriteLine($"{p.LastCommitted} batches committed, {batches.Count(b => b.ProvenHere)} proofs verified, {p.LastFinal} final; {history.Events.Operations.Count} operations queued, {history.Chain.ConsumedOperations} taken");
        foreach (BatchReport batch in batches.Where(b => b.Status != BatchStatus.Final))
            output.WriteLine($"batch {batch.Header.Batch} is {Name(batch.Status)}, not final: not counted");
        output.WriteLine($"account root after batch {p.LastFinal}: {history.Chain.FinalRoot.ToHex()}");
        foreach (AccountStatement statement in statements) Write(output, statement);
        output.WriteLine();
        output.WriteLine("all checks hold");
    }

    /// <summary>One line a batch, and one for the batch that failed.</summary>
    public static void WriteTable(TextWriter output, IReadOnlyList<BatchReport> batches, CheckFailedException? failure = null)
    {
        output.WriteLine($"{"BATCH",7}  {"STATUS",-9}  {"L1 BLOCK",9}  {"CLOSED",-20}  {"ACCOUNTS",8}  {"OPERATIONS",10}  {"REFUSED",7}  {"WITHDRAWALS",11}  CHECKS");
        foreach (BatchReport b in batches)
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{b.Header.Batch,7}  {Name(b.Status),-9}  {b.CommitBlock.Number,9}  {Time(Timestamp.FromMilliseconds(b.Header.Close)),-20}  {b.Accounts,8}  {b.Header.OperationCount,10}  {b.Bounced,7}  {b.Withdrawals,11}  {(b.ProvenHere ? "data and proof hold" : "data holds, no proof yet")}"));
        if (failure?.Batch is { } failed) output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{failed,7}  FAILED {failure.Check.Name()}; later batches cannot be judged"));
    }

    /// <summary>One line an asset.</summary>
    public static void Write(TextWriter output, VerifiedHistory history, IReadOnlyList<AssetSolvency> assets)
    {
        output.WriteLine($"after batch {history.Parameters.LastFinal}, as of L1 block {history.Snapshot.Head.Number}; atoms of cash (asset 0), lots of others");
        output.WriteLine($"{"ASSET",7}{"ACCOUNTS HOLD",26}{"VAULT HAS",26}{"MORE",26}");
        foreach (AssetSolvency a in assets)
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{a.Asset,7}{a.Held,26}{a.Holdings,26}{a.Holdings - a.Held,26}"));
    }

    /// <summary>What an account leaves with.</summary>
    public static void Write(TextWriter output, int account, ExitInput exit, LeafContents contents, VerifiedHistory history)
    {
        output.WriteLine($"account {account} at batch {history.Chain.LastFinal!.Header.Batch}, the last final one: {contents.Positions.Length} positions, {Usd(exit.Equity)} USD besides spot, {Usd(exit.SpotValue)} USD of spot");
        output.WriteLine(exit.Equity >= 0 ? "  claims the former in cash, and all of its spot"
            : exit.Equity + exit.SpotValue > 0 ? $"  claims no cash, and of its spot the share that is not withheld for the debt: {Usd(exit.Equity + exit.SpotValue)} of {Usd(exit.SpotValue)} USD"
            : "  owes more than its spot is worth: it has no claim");
    }

    private static void Write(TextWriter output, AccountStatement s)
    {
        output.WriteLine();
        output.WriteLine($"account {s.Account} of {Eip55.Format(s.Identity.Owner)}{(s.Identity.ViewKey.IsZero ? ", public" : "")}");
        output.WriteLine(s.Standing is { } standing
            ? $"  stands at batch {standing.Header.Batch}, closed {Time(Timestamp.FromMilliseconds(standing.Header.Close))}, committed in L1 block {standing.CommitBlock.Number} ({Time(standing.CommitBlock.Timestamp)})"
            : "  stands at the genesis: no batch is final");
        output.WriteLine($"  leaf of batch {s.LeafBatch}, version {s.Contents.Version}{(s.PricesObserved is { } observed ? $"; prices of {Time(observed)}" : "")}");
        Row("cash", Usd(s.Contents.Cash), "USD");
        foreach (StatementPosition position in s.Positions)
            Row($"{position.Row.Kind.ToString().ToLowerInvariant()} {position.Row.Id}", Usd(position.Value), $"USD   {position.Size} lots at {Usd(position.Mark)}");
        Row("value", Usd(s.Value), "USD at the mark");
        foreach (StatementGroup group in s.Groups) Row($"  margin of group {group.Group}", Usd(group.InitialMargin), $"USD   worst case {Usd(group.Worst)}");
        Row("initial margin", Usd(s.InitialMargin), "USD");
        Row("health", Usd(s.Health), s.Health >= 0 ? "USD   healthy" : "USD   BELOW the initial margin");

        void Row(string name, string amount, string rest) => output.WriteLine($"  {name,-20}{amount,24} {rest}");
    }

    /// <summary>Atoms as USD with six decimals.</summary>
    public static string Usd(Int128 atoms)
    {
        BigInteger magnitude = BigInteger.Abs(atoms);
        return string.Create(CultureInfo.InvariantCulture, $"{(atoms < 0 ? "-" : "")}{magnitude / Scale.AtomsPerUsd}.{(int)(magnitude % Scale.AtomsPerUsd):D6}");
    }

    public static string Name<T>(T status) where T : struct, Enum => status.ToString().ToLowerInvariant();

    public static string Time(Timestamp time) => Time(DateTimeOffset.FromUnixTimeMilliseconds(time.Milliseconds));

    // A timestamp that no calendar holds comes from a lying endpoint; it is shown as it is.
    public static string Time(ulong seconds) => seconds < 253_402_300_800 ? Time(DateTimeOffset.FromUnixTimeSeconds((long)seconds)) : $"second {seconds}";

    private static string Time(DateTimeOffset time) => time.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);
}
