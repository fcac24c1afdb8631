using System.Collections.Immutable;
using Rollup.Risk;

namespace Rollup.Oracle.Tests;

public sealed class OracleReportTests
{
    private static readonly OracleReport Full = Sample.Report(3, 77, Sample.Now,
        Sample.Underlying(1, Sample.Bitcoin, 7_000_001, Sample.Expiry(7), Sample.Expiry(30, -2_000_002, new SviSlice(-1_000_000, 40_000_000, 250_000_000, -3_000_000, 80_000_000))),
        Sample.Underlying(2, 2_680_000_003, 400_004));

    [Fact]
    public void The_bytes_are_those_of_the_format_and_read_back()
    {
        byte[] bytes = Full.Encode();
        Assert.Equal(19 + 18 + 2 * 56 + 18, bytes.Length);
        Assert.StartsWith("0103" + "000000000000004d" + "000001a3185c5000" + "02" + "01" + "0000000e5d9b4900" + "00000000006acfc1" + "02", Convert.ToHexStringLower(bytes), StringComparison.Ordinal);
        Assert.True(OracleReport.TryDecode(bytes, out OracleReport read, out string problem), problem);
        Assert.Equal(bytes, read.Encode());
        Assert.Equal((3, 77L, Sample.Now), (read.Node, read.Number, read.ObservedAt));
        Assert.Equal(Full.Underlyings[0].Expiries.ToArray(), read.Underlyings[0].Expiries.ToArray());
        Assert.Equal((2, 2_680_000_003L, 400_004L), (read.Underlyings[1].Group, read.Underlyings[1].Index, read.Underlyings[1].Confidence));
    }

    [Fact]
    public void The_largest_report_has_the_largest_size()
    {
        ImmutableArray<ExpiryReport> expiries = [.. Enumerable.Range(1, OracleReport.MaxExpiries).Select(day => Sample.Expiry(day))];
        var report = new OracleReport(63, 1, Sample.Now, [.. Enumerable.Range(0, OracleReport.MaxUnderlyings).Select(g => new UnderlyingReport(g, 5 + g, 1, expiries))]);
        Assert.Equal(OracleReport.MaxSize, report.Encode().Length);
        Assert.True(OracleReport.TryDecode(report.Encode(), out _, out _));
        Assert.Contains("expiries", (report with { Underlyings = [new UnderlyingReport(0, 5, 1, expiries.Add(Sample.Expiry(65)))] }).Validate(), StringComparison.Ordinal);
        Assert.Contains("underlyings", (report with { Underlyings = report.Underlyings.Add(new UnderlyingReport(16, 5, 1, [])) }).Validate(), StringComparison.Ordinal);
    }

    [Fact]
    public void Every_byte_counts_and_none_may_be_missing_or_added()
    {
        byte[] bytes = Full.Encode();
        for (int length = 0; length < bytes.Length; length++) Assert.False(OracleReport.TryDecode(bytes.AsSpan(0, length), out _, out _), $"{length} bytes");
        Assert.False(OracleReport.TryDecode([.. bytes, 0], out _, out string problem));
        Assert.Contains("follow", problem, StringComparison.Ordinal);
        for (int at = 0; at < bytes.Length; at++)
        {
            byte[] changed = [.. bytes];
            changed[at] ^= 1;
            // What is still read is another value, with these bytes as its only encoding.
            if (OracleReport.TryDecode(changed, out OracleReport read, out _)) Assert.Equal(changed, read.Encode());
        }
    }

    public static TheoryData<string, OracleReport> Nonsense => new()
    {
        { "node", Full with { Node = 64 } },
        { "number", Full with { Number = 0 } },
        { "time", Full with { ObservedAt = 0 } },
        { "index 0", Full with { Underlyings = [Sample.Underlying(index: 0)] } },
        { "index -5", Full with { Underlyings = [Sample.Underlying(index: -5)] } },
        { "index", Full with { Underlyings = [Sample.Underlying(index: 1L << 50)] } },
        { "confidence", Full with { Underlyings = [Sample.Underlying(index: 5, confidence: 6)] } },
        { "confidence -1", Full with { Underlyings = [Sample.Underlying(confidence: -1)] } },
        { "group 16", Full with { Underlyings = [Sample.Underlying(16)] } },
        { "groups are not", Full with { Underlyings = [Sample.Underlying(2), Sample.Underlying(2)] } },
        { "expiries are not", Full with { Underlyings = [Sample.Underlying(1, 5, 1, Sample.Expiry(8), Sample.Expiry(7))] } },
        { "basis", WithExpiry(Sample.Expiry(7, 1_000_000_001)) },
        { "basis", WithExpiry(Sample.Expiry(7, long.MinValue)) },
        { "b -1", WithSurface(Sample.Surface with { B = -1 }) },
        { "rho", WithSurface(Sample.Surface with { Rho = 1_000_000_000 }) },
        { "rho", WithSurface(Sample.Surface with { Rho = -1_000_000_000 }) },
        { "sigma 0", WithSurface(Sample.Surface with { Sigma = 0 }) },
        { "a ", WithSurface(Sample.Surface with { A = long.MinValue }) },
        { "m ", WithSurface(Sample.Surface with { M = SviSlice.Most + 1 }) },
        { "variance", WithSurface(new SviSlice(-48_000_001, 1_000_000_000, 600_000_000, 0, 60_000_000)) },
    };

    [Theory]
    [MemberData(nameof(Nonsense))]
    public void Nonsense_is_refused_by_name(string named, OracleReport report)
    {
        Assert.Null(Full.Validate());
        Assert.Contains(named, report.Validate(), StringComparison.Ordinal);
        Assert.Throws<InvalidOperationException>(report.Encode);
    }

    // b sigma sqrt(1 - rho^2) = 1 x 0.06 x 0.8 = 0.048 exactly.
    [Fact]
    public void The_least_variance_may_be_exactly_zero() =>
        Assert.Null(WithSurface(new SviSlice(-48_000_000, 1_000_000_000, 600_000_000, 0, 60_000_000)).Validate());

    private static OracleReport WithExpiry(ExpiryReport expiry) => Full with { Underlyings = [Sample.Underlying(1, 5, 1, expiry)] };

    private static OracleReport WithSurface(SviSlice surface) => WithExpiry(Sample.Expiry(7, 3, surface));
}
