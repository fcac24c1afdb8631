using System.Text.RegularExpressions;
using Rollup.TestSupport;

namespace Rollup.Architecture.Tests;

/// <summary>Each actor of docs/SECURITY.md has tests that show what it says, and they are there.</summary>
public sealed partial class SecurityTests
{
    private static readonly string[] Actors =
    [
        "trader", "colluding traders", "owner of funds", "stranger", "operator, sequencer", "prover, bridge host", "oracle member", "majority of the oracle", "guardian", "owners behind the timelock", "watcher",
        "L1 endpoint", "gossip peer", "ceremony participant",
    ];

    private static readonly Dictionary<string, string> Rows = Section().Match(Sources.Read("docs/SECURITY.md")).Value.Split('\n')
        .Where(line => line.StartsWith("| ", StringComparison.Ordinal) && !line.StartsWith("| actor", StringComparison.Ordinal)).ToDictionary(line => line.Split('|')[1].Trim());

    [Fact]
    public void Every_actor_is_there() => Assert.All(Actors, actor => Assert.Contains(Rows.Keys, row => row.StartsWith(actor, StringComparison.Ordinal)));

    [Fact]
    public void Every_row_names_tests_that_exist() => Assert.All(Rows, row =>
    {
        string[] shown = [.. Code().Matches(row.Value.Split('|')[^2]).Select(m => m.Groups[1].Value)];
        Assert.NotEmpty(shown);
        Assert.All(shown, test => Assert.True(Exists(test), test));
    });

    [Theory]
    [InlineData("Twin.Tests/SoundnessTests.A_row_is_within_what_was_signed", true)]
    [InlineData("Twin.Tests/SoundnessTests.A_row_is_within_what_was", false)]
    [InlineData("Engine.Tests/SoundnessTests.A_row_is_within_what_was_signed", false)]
    [InlineData("Freeze.t.sol/test_freeze_whenAProofIsOverdue", true)]
    [InlineData("Freeze.t.sol/test_freeze_whenAProof", false)]
    [InlineData("Thaw.t.sol/test_freeze_whenAProofIsOverdue", false)]
    [InlineData("drill walkaway", true)]
    [InlineData("drill walk", false)]
    [InlineData("something else", false)]
    public void A_test_that_is_not_there_is_found_out(string test, bool exists) => Assert.Equal(exists, Exists(test));

    private static bool Exists(string test)
    {
        if (Drill().Match(test) is { Success: true } drill) return Sources.Tracked.Any(path => path.StartsWith("tests/Rollup.Drills/Drills/", StringComparison.Ordinal) && Sources.Read(path).Contains($"Name => \"{drill.Groups[1].Value}\";", StringComparison.Ordinal));
        if (Solidity().Match(test) is { Success: true } s)
            return Sources.Tracked.Any(path => path.StartsWith("contracts/test/", StringComparison.Ordinal) && path.EndsWith($"/{s.Groups[1].Value}", StringComparison.Ordinal) && Sources.Read(path).Contains($"function {s.Groups[2].Value}(", StringComparison.Ordinal));
        return CSharp().Match(test) is { Success: true } c && Sources.Tracked.Any(path => path.StartsWith($"tests/Rollup.{c.Groups[1].Value}/", StringComparison.Ordinal)
            && path.EndsWith($"/{c.Groups[2].Value}.cs", StringComparison.Ordinal) && Regex.IsMatch(Sources.Read(path), $@"\b(void|Task|Task<\w+>) {c.Groups[3].Value}\("));
    }

    [GeneratedRegex(@"(?<=\n)## Actors\n.*?(?=\n## )", RegexOptions.Singleline)]
    private static partial Regex Section();

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Code();

    [GeneratedRegex(@"^drill ([\w-]+)$")]
    private static partial Regex Drill();

    [GeneratedRegex(@"^(\w+(?:\.t)?\.sol)/(\w+)$")]
    private static partial Regex Solidity();

    [GeneratedRegex(@"^(\w+\.Tests)/(\w+)\.(\w+)$")]
    private static partial Regex CSharp();
}
