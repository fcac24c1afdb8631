using System.Collections.Immutable;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Rollup.StateVerifier.Accounts;
using Rollup.StateVerifier.Chain;
using Rollup.StateVerifier.Checks;

namespace Rollup.StateVerifier.Commands;

/// <summary>What holds, or what failed, for programs. Money and other numbers that may reach 2^53 are texts, in atoms.</summary>
internal static class JsonReport
{
    public static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <param name="assets">What the vault counts and has; null where no endpoint was asked.</param>
    public static JsonNode Of(VerifiedHistory history, IReadOnlyList<BatchReport> batches, ImmutableArray<AccountStatement> statements, IReadOnlyList<AssetSolvency>? assets = null)
    {
        VaultParameters p = history.Parameters;
        return new JsonObject
        {
            ["holds"] = true,
            ["chainId"] = history.Snapshot.ChainId,
            ["vault"] = p.Vault.ToString(),
            ["head"] = Block(history.Snapshot.Head),
            ["circuits"] = new JsonArray([.. p.Circuits.Select(c => (JsonNode)new JsonObject
            {
                ["version"] = c.Version, ["sinceBlock"] = c.Since.BlockNumber, ["profile"] = c.Profile.Name, ["verifyingKeyHash"] = c.KeyHash.ToString(),
            })]),
            ["developmentKey"] = p.IsDevelopmentKey,
            ["frozen"] = p.IsFrozen,
            ["lastCommitted"] = p.LastCommitted,
            ["lastFinal"] = p.LastFinal,
            ["finalRoot"] = history.Chain.FinalRoot.ToHex(),
            ["operationsQueued"] = history.Events.Operations.Count,
            ["operationsTaken"] = history.Chain.ConsumedOperations,
            ["assets"] = assets is null ? null : Assets(assets),
            ["batches"] = new JsonArray([.. batches.Select(Batch)]),
            ["accounts"] = new JsonArray([.. statements.Select(Account)]),
        };
    }

    public static JsonNode Of(VerifiedHistory history, IReadOnlyList<AssetSolvency> assets) => new JsonObject
    {
        ["chainId"] = history.Snapshot.ChainId,
        ["vault"] = history.Parameters.Vault.ToString(),
        ["head"] = Block(history.Snapshot.Head),
        ["lastFinal"] = history.Parameters.LastFinal,
        ["assets"] = Assets(assets),
    };

    public static JsonNode Of(Exception failure, (int Code, string Name) exit)
    {
        var failed = failure as CheckFailedException;
        return new JsonObject
        {
            ["holds"] = false, ["failure"] = exit.Name, ["exitCode"] = exit.Code, ["batch"] = failed?.Batch, ["message"] = failed?.Problem ?? failure.Message,
            ["expected"] = failed?.Expected, ["found"] = failed?.Found,
        };
    }

    private static JsonArray Assets(IReadOnlyList<AssetSolvency> assets) => new([.. assets.Select(a => (JsonNode)new JsonObject
    {
        ["asset"] = a.Asset, ["accountsHold"] = Text(a.Held), ["vaultCounts"] = a.Liabilities.ToString(CultureInfo.InvariantCulture), ["vaultHas"] = a.Holdings.ToString(CultureInfo.InvariantCulture),
    })]);

    private static JsonNode Batch(BatchReport b) => new JsonObject
    {
        ["batch"] = b.Header.Batch, ["status"] = TextReport.Name(b.Status), ["proofVerified"] = b.ProvenHere, ["open"] = b.Header.Open, ["close"] = b.Header.Close,
        ["firstOperation"] = b.Header.FirstOperation, ["operations"] = b.Header.OperationCount, ["refused"] = b.Bounced, ["withdrawals"] = b.Withdrawals,
        ["accounts"] = b.Accounts, ["root"] = b.Root.ToHex(), ["riskRoot"] = b.RiskRoot.ToHex(), ["commitBlock"] = Block(b.CommitBlock),
        ["accountsHold"] = b.AccountsHold is { } held ? new JsonObject(held.Select(h => KeyValuePair.Create(h.Key.ToString(CultureInfo.InvariantCulture), (JsonNode?)Text(h.Value)))) : null,
    };

    private static JsonNode Account(AccountStatement s) => new JsonObject
    {
        ["account"] = s.Account, ["owner"] = s.Identity.Owner.ToString(), ["public"] = s.Identity.ViewKey.IsZero,
        ["batch"] = s.Standing?.Header.Batch ?? 0, ["close"] = s.Standing?.Header.Close, ["block"] = s.Standing is null ? null : Block(s.Standing.CommitBlock),
        ["leafBatch"] = s.LeafBatch, ["version"] = s.Contents.Version, ["pricesObserved"] = s.PricesObserved?.Milliseconds,
        ["cash"] = Text(s.Contents.Cash),
        ["positions"] = new JsonArray([.. s.Positions.Select(p => (JsonNode)new JsonObject
        {
            ["instrument"] = p.Row.Id, ["kind"] = p.Row.Kind.ToString().ToLowerInvariant(), ["group"] = p.Row.Group, ["lots"] = Text(p.Size), ["mark"] = p.Mark,
            ["funding"] = p.Row.Funding, ["value"] = Text(p.Value),
        })]),
        ["value"] = Text(s.Value),
        ["groups"] = new JsonArray([.. s.Groups.Select(g => (JsonNode)new JsonObject
        {
            ["group"] = g.Group, ["value"] = Text(g.Value), ["worst"] = Text(g.Worst), ["initialMargin"] = Text(g.InitialMargin),
        })]),
        ["initialMargin"] = Text(s.InitialMargin), ["health"] = Text(s.Health), ["healthy"] = s.Health >= 0,
    };

    private static JsonObject Block(L1Block block) => new JsonObject { ["number"] = block.Number, ["hash"] = block.Hash.ToString(), ["timestamp"] = block.Timestamp };

    private static JsonNode Text(Int128 value) => value.ToString(CultureInfo.InvariantCulture);
}
