using System.Text.Json.Nodes;
using Rollup.TestSupport;
using static Rollup.Twin.Tests.Dishonest;
using static Rollup.Twin.Tests.Forced.ForcedWorld;

namespace Rollup.Twin.Tests.Forced;

/// <summary>What forced rows, relief and the fund state is fixed before the challenges that it meets.</summary>
public class ForcedFactsTests
{
    private static readonly Lazy<(JsonObject Input, Fr Lambda, Fr Gamma)> Shared = new(() =>
    {
        JsonObject honest = Accepted(BuildDev(Liquidation(World(Distressed), 2_250, 51_900_000)));
        return (honest, Signal(honest, "main.lambda[0]"), Signal(honest, "main.gamma"));
    });

    /// <summary>Whatever enters a fact, a numerator, an identity or a Q moves the first challenge, and with it the second: nothing is free after it.</summary>
    [Theory]
    [InlineData("forcedKindBit", 0, 0), InlineData("forcedKindBit", 0, 1), InlineData("forcedBlock", 0), InlineData("forcedCounterBlock", 0), InlineData("forcedInstrument", 0)]
    [InlineData("forcedOldMagnitude", 0), InlineData("forcedOldNegative", 0), InlineData("forcedCounterMagnitude", 0), InlineData("forcedFill", 0), InlineData("forcedQuote", 0)]
    [InlineData("forcedFee", 0), InlineData("forcedDeficit", 0), InlineData("forcedMeta", 0), InlineData("forcedIndex", 0), InlineData("forcedBase", 0), InlineData("forcedFunding", 0)]
    [InlineData("forcedPriceBound", 0), InlineData("rowPriceBound", 0), InlineData("relief", 0), InlineData("mends", 0), InlineData("reliefLost", 0, 0), InlineData("reliefLost", 0, 15)]
    [InlineData("reliefPacked", 0, 0, 0), InlineData("reliefPacked", 0, 1, 7), InlineData("reliefDerivative", 0), InlineData("reliefDerivativeLots", 0)]
    [InlineData("forcedMultiplicity", 0, 0), InlineData("forcedMultiplicity", 0, 1), InlineData("payment", 0), InlineData("fundBlock"), InlineData("fundEnabled"), InlineData("fundCash")]
    [InlineData("counterMultiplicity", 2), InlineData("fundMultiplicity", 1), InlineData("positionMultiplicity", 0, 0), InlineData("positionMultiplicity", 2, 15)]
    [InlineData("derivativeLots", 0), InlineData("rankingRoot"), InlineData("forcedClosing", 0), InlineData("requestShort", 0), InlineData("requestClose", 0)]
    [InlineData("requestAsset", 0), InlineData("requestFloor", 0), InlineData("closings", 0), InlineData("positionMore", 0, 0), InlineData("positionMore", 0, 15)]
    public void Everything_in_a_fact_moves_the_challenges(string input, params int[] at)
    {
        (JsonObject honest, Fr lambda, Fr gamma) = Shared.Value;
        JsonObject changed = Add(Copy(honest), input, 1, at);
        Assert.NotEqual(lambda, Signal(changed, "main.lambda[0]"));
        Assert.NotEqual(gamma, Signal(changed, "main.gamma"));
    }
}
