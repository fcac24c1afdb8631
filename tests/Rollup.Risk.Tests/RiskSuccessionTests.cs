using System.Collections.Immutable;
using System.Text.Json;
using Rollup.Protocol;

namespace Rollup.Risk.Tests;

/// <summary>
/// spec/vectors/risk-succession.json, to which the contract (`RiskRules.sol`) is held as well: for every ordered pair of the inputs, and every id in turn, the rule that the second breaks after the first, a byte each.
/// </summary>
public class RiskSuccessionTests
{
    private static readonly string VectorPath = Path.Combine(SharedData.Root, "spec", "vectors", "risk-succession.json");
    private static readonly int[] Ids = [0, 3, 5, 7, 21, 22, 23, 30, 40, 1 << 17];

    [Fact]
    public void Every_rule_is_broken_as_the_committed_vectors_say()
    {
        RiskInputs[] inputs = [.. Drawn()];
        Assert.All(inputs, i => Assert.Null(i.Validate()));
        byte[] rules = [.. inputs.SelectMany(_ => inputs, (previous, next) => RiskSuccession.BrokenBy(previous, next)).SelectMany(broken => Ids.Select(id => First(broken, id)))];
        string text = $$"""
            {
             "inputs": [
            {{string.Join(",\n", inputs.Select(i => $"  \"0x{Convert.ToHexStringLower(i.Encode())}\""))}}
             ],
             "ids": [{{string.Join(", ", Ids)}}],
             "rules": "0x{{Convert.ToHexStringLower(rules)}}"
            }

            """;
        if (Environment.GetEnvironmentVariable("UPDATE_FIXTURES") == "true") File.WriteAllText(VectorPath, text);
        Assert.True(File.ReadAllText(VectorPath) == text, $"{VectorPath} differs: run `UPDATE_FIXTURES=true dotnet test tests/Rollup.Risk.Tests --filter {nameof(RiskSuccessionTests)}` if rules are to change.");
        Assert.All(Enum.GetValues<InputRule>().Take(5), rule => Assert.InRange(rules.Count(r => r == (byte)rule), 40, 4_000));

        // As the contract answers: the time before the instrument.
        static byte First(ImmutableArray<(InputRule Rule, int Id)> broken, int id) => (byte)broken.FirstOrDefault(b => b.Rule == InputRule.ObservationTime || b.Id == id).Rule;
    }

    [Fact]
    public void Each_rule_names_its_instrument()
    {
        RiskInputs before = Sample.Inputs(), after = At(before, 1);
        Assert.Empty(BrokenBy(after));
        Assert.Empty(BrokenBy(After(Sample.BtcPerp with { Mark = 65_000_001, Index = 65_000_002, OpenInterest = 9, Funding = -7, Flags = InstrumentFlags.Settled })));
        Assert.Equal([(InputRule.ObservationTime, 0)], BrokenBy(before));
        Assert.Equal([(InputRule.Listing, 22)], BrokenBy(Without(after, 22)));
        Assert.Equal([(InputRule.Listing, 7), (InputRule.Listing, 21)], BrokenBy(Without(Without(after, 7), 21)));
        Assert.Equal([(InputRule.Terms, 21)], BrokenBy(After(Sample.BtcCall with { Kind = InstrumentKind.Put })));
        Assert.Equal([(InputRule.Terms, 21)], BrokenBy(After(Sample.BtcCall with { Strike = 70_000_001 })));
        Assert.Equal([(InputRule.Terms, 5)], BrokenBy(After(Sample.EthPerp with { Group = 1 })));
        Assert.Equal([(InputRule.Terms, 40)], BrokenBy(After(Sample.BtcSettled with { ExpiresAt = Sample.After(-2) })));
        Assert.Equal([(InputRule.Settlement, 40)], BrokenBy(After(Sample.BtcSettled with { Flags = InstrumentFlags.Delisted })));

        // Expired a day before: 30 days after its expiry it may go.
        Assert.Equal([(InputRule.Listing, 40)], BrokenBy(Without(At(before, 29 * Sample.Day - 1), 40)));
        Assert.Empty(BrokenBy(Without(At(before, 29 * Sample.Day), 40)));

        (InputRule, int)[] BrokenBy(RiskInputs next) => [.. RiskSuccession.BrokenBy(before, next)];
        RiskInputs After(InstrumentInput changed) => At(Sample.With(changed), 1);
    }

    private static RiskInputs At(RiskInputs inputs, long later) => inputs with { ObservedAt = Timestamp.FromMilliseconds(Sample.Now + later) };

    private static RiskInputs Without(RiskInputs inputs, int id) => inputs with { Instruments = [.. inputs.Instruments.Where(t => t.Id != id)] };

    // Around the time at which the settled put may leave the list.
    private static IEnumerable<RiskInputs> Drawn()
    {
        var random = new Random(77);
        long[] times = [0, 1, 29 * Sample.Day - 1, 29 * Sample.Day, 29 * Sample.Day + 1];
        InstrumentInput[] changes =
        [
            Sample.BtcPerp with { Flags = InstrumentFlags.Settled }, Sample.BtcPerp with { Group = 2 }, Sample.EthSpot with { Kind = InstrumentKind.Perpetual }, Sample.EthPerp with { Flags = InstrumentFlags.Delisted },
            Sample.BtcCall with { Kind = InstrumentKind.Put }, Sample.BtcPut with { Strike = 70_000_001 }, Sample.EthCall with { Flags = InstrumentFlags.Settled, Mark = 7 }, Sample.BtcSettled with { Flags = InstrumentFlags.Delisted },
            Sample.BtcSettled with { ExpiresAt = Sample.After(-2) }, Sample.BtcSettled with { Kind = InstrumentKind.Call }, Sample.BtcCall with { Id = 23 },
        ];
        foreach (long time in times) yield return At(Sample.Inputs(), time);
        for (int i = 0; i < 20; i++)
        {
            var listed = Sample.Inputs().Instruments.ToDictionary(t => t.Id);
            for (int left = random.Next(1, 4); left > 0; left--)
            {
                InstrumentInput change = changes[random.Next(changes.Length)];
                listed[change.Id] = change;
                if (random.Next(2) == 0) listed.Remove(Ids[random.Next(1, 9)]);
            }

            yield return At(Sample.Inputs(), times[random.Next(times.Length)]) with { Instruments = [.. listed.Values.OrderBy(t => t.Id)] };
        }
    }
}
