using Rollup.MarketData;
using Rollup.Risk;

namespace Rollup.Oracle.Tests;

public sealed class AggregatorTests
{
    private const long Now = Sample.Now;
    private static readonly CommitteeRules Rules = new(5, 3);

    [Fact]
    public void Every_field_is_the_median_of_the_reports()
    {
        var committee = new Aggregator(Rules);
        SviSlice surface = Sample.Surface;
        foreach ((int node, long shift, long at) in new[] { (0, 20, Now - 900), (1, 0, Now - 100), (4, -7, Now - 300) })
            Accept(committee, Sample.Report(node, 5, at, Sample.Underlying(1, Sample.Bitcoin + shift, 1_000_000 - shift,
                new ExpiryReport(Now + 9, 1_000 + shift, new SviSlice(surface.A + shift, surface.B - shift, surface.Rho + 3 * shift, surface.M - 2 * shift, surface.Sigma + 5 * shift)))));
        OracleAggregate all = committee.At(Now)!;
        GroupAggregate group = Assert.Single(all.Groups);
        Assert.Equal((Now - 300, 3), (all.ObservedAt, all.Reports));
        Assert.Equal((1, Sample.Bitcoin, 1_000_000L, 7L, OracleState.Fresh), (group.Group, group.Index, group.Confidence, group.Spread, group.State));
        Assert.Equal(new ExpiryReport(Now + 9, 1_000, surface), Assert.Single(group.Expiries));
    }

    [Theory]
    [InlineData(new long[] { 9 }, 9)]
    [InlineData(new long[] { 9, 4 }, 6)]
    [InlineData(new long[] { -9, -4 }, -7)]
    [InlineData(new long[] { 5, 1, 3 }, 3)]
    [InlineData(new long[] { 8, 1, 3, 6 }, 4)]
    [InlineData(new[] { long.MaxValue, long.MaxValue }, long.MaxValue)]
    public void An_even_count_gives_the_floor_of_the_middle_mean(long[] values, long median) => Assert.Equal(median, Median.Of(values));

    [Fact]
    public void A_lying_minority_cannot_move_a_median_out_of_the_honest_range_and_half_can()
    {
        var random = new SplitMix64(11);
        for (int round = 0; round < 3000; round++)
        {
            int count = 1 + random.Below(15), liars = random.Below((count - 1) / 2 + 1);
            long[] honest = [.. Enumerable.Range(0, count - liars).Select(_ => Sample.Bitcoin + random.Below(1_000_000))];
            long[] lies = [.. Enumerable.Range(0, liars).Select(_ => random.Below(4) switch { 0 => 1L, 1 => UnderlyingReport.IndexBound - 1, _ => Sample.Bitcoin + random.Below(3_000_000) - 1_000_000 })];
            Assert.InRange(Median.Of(honest.Concat(lies)), honest.Min(), honest.Max());
        }

        for (int half = 1; half < 8; half++) Assert.True(Median.Of(Enumerable.Repeat(10L, half).Concat(Enumerable.Repeat(1_000L, half))) > 10);
    }

    /// <summary>All 2^n choices of liars up to the bound, all lying in one direction or each in its own, and whoever is silent: index, basis and time stay honest.</summary>
    [Fact]
    public void Whoever_lies_and_whoever_is_silent_up_to_the_bound_the_aggregate_is_honest()
    {
        var random = new SplitMix64(12);
        for (int round = 0; round < 2000; round++)
        {
            int n = 1 + random.Below(9), k = n / 2 + 1 + random.Below(n - n / 2), tolerated = (k - 1) / 2;
            var committee = new Aggregator(new CommitteeRules(n, k));
            int[] nodes = [.. Enumerable.Range(0, n).OrderBy(_ => random.Next())];
            int liars = random.Below(tolerated + 1), silent = random.Below(n - k + 1);
            List<OracleReport> honest = [];
            foreach (int node in nodes[..(n - silent)])
            {
                bool lies = node == nodes[0] ? liars > 0 : Array.IndexOf(nodes, node) < liars;
                OracleReport report = Sample.Report(node, 1 + random.Below(99), Now - random.Below(400), Sample.Underlying(1, Sample.Bitcoin + random.Below(1000), 1 + random.Below(50), Sample.Expiry(7, random.Below(90))));
                if (lies) report = report with { ObservedAt = Now - (random.Below(2) == 0 ? 4_999 : -999), Underlyings = [Sample.Underlying(1, random.Below(2) == 0 ? 1 : 1L << 49, 1, Sample.Expiry(7, random.Below(2) == 0 ? -400_000_000 : 400_000_000))] };
                else honest.Add(report);
                Accept(committee, report);
            }

            OracleAggregate all = committee.At(Now)!;
            GroupAggregate group = Assert.Single(all.Groups);
            Assert.InRange(group.Index, honest.Min(r => r.Underlyings[0].Index), honest.Max(r => r.Underlyings[0].Index));
            Assert.InRange(Assert.Single(group.Expiries).Basis, honest.Min(r => r.Underlyings[0].Expiries[0].Basis), honest.Max(r => r.Underlyings[0].Expiries[0].Basis));
            Assert.InRange(all.ObservedAt, honest.Min(r => r.ObservedAt), honest.Max(r => r.ObservedAt));
            Assert.NotEqual(OracleState.Divergent, group.State);
        }
    }

    [Fact]
    public void Reports_are_refused_for_their_reason_and_change_nothing()
    {
        var committee = new Aggregator(Rules);
        for (int node = 0; node < 3; node++) Accept(committee, Sample.Of(node, 100 + node, number: 10));
        Assert.Equal(ReportVerdict.Replayed, committee.Accept(Sample.Of(0, 500, number: 10), Now));
        Assert.Equal(ReportVerdict.Replayed, committee.Accept(Sample.Of(0, 500, number: 9), Now));
        Assert.Equal(ReportVerdict.UnknownNode, committee.Accept(Sample.Of(5, 500), Now));
        Assert.Equal(ReportVerdict.TooOld, committee.Accept(Sample.Of(0, 500, number: 11, at: Now - 5_001), Now));
        Assert.Equal(ReportVerdict.FromTheFuture, committee.Accept(Sample.Of(0, 500, number: 11, at: Now + 1_001), Now));
        Assert.Equal(ReportVerdict.Invalid, committee.Accept(Sample.Of(0, 0, number: 11), Now));
        Assert.Equal(101, committee.At(Now)!.Groups[0].Index);
        Accept(committee, Sample.Of(0, 500, number: 11, at: Now - 5_000));
        Accept(committee, Sample.Of(1, 600, number: 11, at: Now + 1_000));
        Assert.Equal(500, committee.At(Now)!.Groups[0].Index);
    }

    [Fact]
    public void Fewer_fresh_reports_than_the_threshold_are_stale()
    {
        var committee = new Aggregator(Rules);
        Accept(committee, Sample.Of(0, 100, at: Now - 2_000));
        Accept(committee, Sample.Of(1, 101));
        Assert.Null(committee.At(Now));
        Accept(committee, Sample.Of(2, 102));
        Assert.Equal(101, committee.At(Now)!.Groups[0].Index);
        Assert.NotNull(committee.At(Now + 3_000));
        Assert.Null(committee.At(Now + 3_001));
    }

    [Fact]
    public void A_group_or_expiry_of_fewer_than_k_reports_is_missing()
    {
        var committee = new Aggregator(Rules);
        for (int node = 0; node < 4; node++)
        {
            List<ExpiryReport> expiries = node < 2 ? [Sample.Expiry(7), Sample.Expiry(9)] : [Sample.Expiry(9)];
            Accept(committee, node < 2 ? Sample.Report(node, 1, Now, Sample.Underlying(1, 100, 0, [.. expiries]), Sample.Underlying(2, 50, 1)) : Sample.Report(node, 1, Now, Sample.Underlying(1, 100, 0, [.. expiries])));
        }

        OracleAggregate all = committee.At(Now)!;
        Assert.Equal([1], all.Groups.Select(g => g.Group));
        Assert.Equal(Sample.Expiry(9), Assert.Single(all.Groups[0].Expiries));
        Assert.Equal((OracleState.Fresh, OracleState.Stale), (all.StateOf(1), all.StateOf(2)));
    }

    [Theory]
    [InlineData(new long[] { 1_000_000, 1_000_000, 1_000_000 }, 2_500, OracleState.Fresh)]
    [InlineData(new long[] { 1_000_000, 1_000_000, 1_000_000 }, 2_501, OracleState.LowConfidence)]
    [InlineData(new long[] { 1_000_000, 1_002_500, 9_000_000 }, 0, OracleState.Fresh)] // Index 1002500, a majority within 2500.
    [InlineData(new long[] { 1_000_000, 1_003_000, 9_000_000 }, 0, OracleState.LowConfidence)]
    [InlineData(new long[] { 1_000_000, 1_006_000, 9_000_000 }, 0, OracleState.Divergent)]
    [InlineData(new long[] { 1_000_000, 1_000_000, 9_000_000, 9_000_000 }, 0, OracleState.Divergent)]
    public void Confidence_and_agreement_make_the_state(long[] indices, long confidence, OracleState state)
    {
        var committee = new Aggregator(Rules);
        for (int node = 0; node < indices.Length; node++) Accept(committee, Sample.Report(node, 1, Now, Sample.Underlying(1, indices[node], confidence)));
        Assert.Equal(state, committee.At(Now)!.StateOf(1));
    }

    [Fact]
    public void Medians_that_are_no_surface_are_left_out()
    {
        // Each is valid; the medians a = -0.04 and b = 0.1 are not.
        SviSlice[] surfaces = [new(-40_000_000, 900_000_000, 0, 0, 50_000_000), new(-41_000_000, 100_000_000, 0, 0, 500_000_000), new(10_000_000, 100_000_000, 0, 0, 50_000_000)];
        var committee = new Aggregator(Rules);
        for (int node = 0; node < 3; node++) Accept(committee, Sample.Report(node, 1, Now, Sample.Underlying(1, 100, 0, Sample.Expiry(7, 0, surfaces[node]), Sample.Expiry(8))));
        Assert.Equal(Sample.Expiry(8), Assert.Single(committee.At(Now)!.Groups[0].Expiries));
    }

    [Theory]
    [InlineData(3, 1)]
    [InlineData(4, 2)]
    [InlineData(4, 5)]
    [InlineData(0, 0)]
    [InlineData(65, 40)]
    public void A_threshold_is_a_majority(int nodes, int threshold)
    {
        Assert.Null(new CommitteeRules(4, 3).Validate());
        Assert.NotNull(new CommitteeRules(nodes, threshold).Validate());
        Assert.Throws<ArgumentException>(() => new Aggregator(new CommitteeRules(nodes, threshold)));
    }

    /// <summary>docs/RISK.md's table, cell by cell.</summary>
    [Theory]
    [InlineData(OracleState.Fresh, RiskActions.Open | RiskActions.Reduce | RiskActions.Liquidate | RiskActions.Withdraw)]
    [InlineData(OracleState.LowConfidence, RiskActions.Reduce)]
    [InlineData(OracleState.Divergent, RiskActions.Reduce)]
    [InlineData(OracleState.Stale, RiskActions.Reduce)]
    public void A_state_permits_these_actions(OracleState state, RiskActions permitted) => Assert.Equal(permitted, Validity.Permits(state));

    private static void Accept(Aggregator committee, OracleReport report) => Assert.Equal(ReportVerdict.Accepted, committee.Accept(report, Now));
}
