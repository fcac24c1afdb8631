using System.Collections.Immutable;

namespace Rollup.Risk;

/// <summary>How far one scenario moves a linear product: <c>price * Numerator / Denominator</c>, or the basis of a perpetual.</summary>
/// <param name="RangeThirds">Price move in thirds of the group's scan range.</param>
/// <param name="Numerator">Of a fixed, already dampened price move.</param>
/// <param name="Denominator">Of the fixed move; above 0.</param>
/// <param name="BasisSign">Perpetual against its spot: -1, 0 or +1 times b.</param>
public readonly record struct Scenario(int RangeThirds, int Numerator, int Denominator, int BasisSign)
{
    /// <summary>
    /// The 24 scenarios by index: 0 base; 1..14 price 0, +1/3, -1/3, +2/3, -2/3, +1, -1 of the range, each with volatility up and
    /// down; 15, 16 volatility twist; 17, 18 basis up and down; 19..23 dampened extremes. A linear product does not see
    /// volatility, so its scenarios coincide in pairs; the index is shared with the non-linear ones.
    /// </summary>
    public static readonly ImmutableArray<Scenario> All =
    [
        new(0, 0, 1, 0),
        new(0, 0, 1, 0), new(0, 0, 1, 0), new(1, 0, 1, 0), new(1, 0, 1, 0), new(-1, 0, 1, 0), new(-1, 0, 1, 0),
        new(2, 0, 1, 0), new(2, 0, 1, 0), new(-2, 0, 1, 0), new(-2, 0, 1, 0), new(3, 0, 1, 0), new(3, 0, 1, 0), new(-3, 0, 1, 0), new(-3, 0, 1, 0),
        new(0, 0, 1, 0), new(0, 0, 1, 0),
        new(0, 0, 1, +1), new(0, 0, 1, -1),
        new(0, -2 * 21, 300, 0), new(0, -1 * 42, 300, 0), new(0, 1 * 28, 200, 0), new(0, 1 * 14, 100, 0), new(0, 3 * 5, 100, 0),
    ];
}
