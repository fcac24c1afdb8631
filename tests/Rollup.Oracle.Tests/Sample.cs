using Rollup.Risk;

namespace Rollup.Oracle.Tests;

/// <summary>Reports with another value in every field.</summary>
internal static class Sample
{
    internal const long Now = 1_800_000_000_000;
    internal const long Bitcoin = 61_700_000_000;
    internal static readonly SviSlice Surface = new(4_000_011, 31_000_012, -310_000_013, 12_000_014, 95_000_015);

    internal static ExpiryReport Expiry(long days, long basis = 1_500_000, SviSlice? surface = null) => new(Now + days * 86_400_000, basis, surface ?? Surface);

    internal static UnderlyingReport Underlying(int group = 1, long index = Bitcoin, long confidence = 7_000_000, params ReadOnlySpan<ExpiryReport> expiries) => new(group, index, confidence, [.. expiries]);

    internal static OracleReport Report(int node, long number = 41, long at = Now, params ReadOnlySpan<UnderlyingReport> underlyings) =>
        new(node, number, at, underlyings.IsEmpty ? [Underlying()] : [.. underlyings]);

    internal static OracleReport Of(int node, long index, long number = 41, long at = Now) => Report(node, number, at, Underlying(index: index, confidence: 0));
}
