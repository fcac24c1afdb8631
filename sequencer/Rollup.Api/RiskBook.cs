using System.Text.Json.Serialization;

namespace Rollup.Api;

/// <summary>Signed lots of an instrument.</summary>
public sealed record RiskBookPosition(int Instrument, long Size);

/// <summary>An account of a book.</summary>
/// <param name="Cash">Atoms.</param>
/// <param name="Positions">Ascending by instrument.</param>
public sealed record RiskBookAccount(int Account, long Cash, IReadOnlyList<RiskBookPosition> Positions);

/// <summary>What a margin group's order books hold.</summary>
/// <param name="OnePercent">Atoms that orders within one percent of the mark would take, of the thinner side; 0 if nothing is known.</param>
/// <param name="RefillPpm">Share of earlier forced sales that is taken up each round of a stress test, 10^-6.</param>
public sealed record RiskBookDepth(int Group, long OnePercent, int RefillPpm);

/// <summary>The file of a whole book, as `sequencer book` writes it and `rollup risk stress` reads it. It holds everybody's positions.</summary>
/// <param name="Version"><see cref="CurrentVersion"/>.</param>
/// <param name="Batch">Of the risk inputs.</param>
/// <param name="Time">Milliseconds, when the book stood so.</param>
/// <param name="RiskInputs">Canonical bytes (spec 6.7), as base64.</param>
/// <param name="Fund">Cash of the insurance fund (account 1), atoms.</param>
/// <param name="Accounts">All others, ascending.</param>
/// <param name="Depths">Of each margin group, ascending.</param>
public sealed record RiskBook(
    int Version, uint Batch, long Time, byte[] RiskInputs, long Fund, IReadOnlyList<RiskBookDepth> Depths, IReadOnlyList<RiskBookAccount> Accounts)
{
    /// <summary>The version of this format.</summary>
    public const int CurrentVersion = 1;
}

/// <summary>The serialiser of the file, as strict as that of messages.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, AllowDuplicateProperties = false,
    RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true, MaxDepth = 8)]
[JsonSerializable(typeof(RiskBook))]
public sealed partial class RiskBookJson : JsonSerializerContext;
