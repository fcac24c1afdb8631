using System.Text.Json.Serialization;
using Rollup.Ethereum;
using Rollup.Protocol;

namespace Rollup.Cli;

/// <summary>deployment.json: addresses of a deployment as text.</summary>
internal sealed record DeploymentFile(
    ulong ChainId, ulong Block, string Vault, string Verifier, string Cash, string Spot, string RiskRows, string Parameters, string Upgrades, string? Exits, string? RiskTable, string? Challenges, string? RiskRules)
{
    internal static DeploymentFile Of(DeployedVault v)
    {
        static string? Text(Address? address) => address is { } given ? Eip55.Format(given) : null;
        return new(v.ChainId, v.Block, Eip55.Format(v.Vault), Eip55.Format(v.Verifier), Eip55.Format(v.Cash), Eip55.Format(v.Spot), Eip55.Format(v.RiskRows), Eip55.Format(v.Parameters),
            Eip55.Format(v.Upgrades), Text(v.Exits), Text(v.RiskTable), Text(v.Challenges), Text(v.RiskRules));
    }

    internal DeployedVault ToVault()
    {
        static Address? Read(string? text) => text is null ? null : Eip55.Parse(text);
        return new(ChainId, Block, Eip55.Parse(Vault), Eip55.Parse(Verifier), Eip55.Parse(Cash), Eip55.Parse(Spot), Eip55.Parse(RiskRows), Eip55.Parse(Parameters), Eip55.Parse(Upgrades),
            Read(Exits), Read(RiskTable), Read(Challenges), Read(RiskRules));
    }
}

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(DeploymentFile))]
internal sealed partial class CliJson : JsonSerializerContext;
