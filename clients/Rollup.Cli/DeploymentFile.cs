using System.Text.Json.Serialization;
using Rollup.Ethereum;

namespace Rollup.Cli;

/// <summary>deployment.json: addresses of a deployment as text.</summary>
internal sealed record DeploymentFile(ulong ChainId, ulong Block, string Vault, string Verifier, string Cash, string? Spot)
{
    internal static DeploymentFile Of(DeployedVault v) =>
        new(v.ChainId, v.Block, Eip55.Format(v.Vault), Eip55.Format(v.Verifier), Eip55.Format(v.Cash), v.Spot is { } spot ? Eip55.Format(spot) : null);

    internal DeployedVault ToVault() => new(ChainId, Block, Eip55.Parse(Vault), Eip55.Parse(Verifier), Eip55.Parse(Cash), Spot is null ? null : Eip55.Parse(Spot));
}

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(DeploymentFile))]
internal sealed partial class CliJson : JsonSerializerContext;
