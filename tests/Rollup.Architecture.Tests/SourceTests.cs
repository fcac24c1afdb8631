using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Rollup.Protocol;

namespace Rollup.Architecture.Tests;

/// <summary>Rules about the sources that no compiler checks.</summary>
public sealed partial class SourceTests
{
    [Theory]
    [InlineData("spec/gen/protocol.mjs")]
    [InlineData("spec/gen/black76.mjs")]
    public void Generated_files_are_up_to_date(string generator)
    {
        (int exitCode, string output) = Sources.Run("node", generator, "--check");
        Assert.True(exitCode == 0, output);
    }

    [Fact]
    public void Reject_codes_are_those_of_the_specification()
    {
        using JsonDocument spec = JsonDocument.Parse(Sources.Read("spec/protocol.json"));
        Dictionary<string, int> specified = spec.RootElement.GetProperty("rejectCodes").EnumerateObject()
            .ToDictionary(code => char.ToUpper(code.Name[0], CultureInfo.InvariantCulture) + code.Name[1..], code => code.Value.GetInt32());
        Assert.Equal(specified.OrderBy(code => code.Value), Enum.GetValues<RejectCode>().ToDictionary(code => code.ToString(), code => (int)code).OrderBy(code => code.Value));
        Assert.Equal(specified.Count, specified.Values.Distinct().Count());
    }

    [Fact]
    public void No_tracked_file_names_a_registry_or_a_folder_of_one_machine()
    {
        // Put together here, so that this file does not contain them.
        string[] needles = ["registry." + "npmjs", "api." + "nuget.org", "/wo" + "rk/", "/fa" + "rm/"];
        Assert.Contains("tests/Rollup.Architecture.Tests/SourceTests.cs", Sources.Tracked);
        Assert.Empty(Sources.Tracked.SelectMany(path => needles.Where(needle => Sources.Read(path).Contains(needle, StringComparison.OrdinalIgnoreCase)).Select(needle => $"{path}: {needle}")));
    }

    /// <summary>Signals that no equation of their own file names, and what binds them.</summary>
    private static readonly Dictionary<string, string> BoundElsewhere = new()
    {
        ["circuits/settlement/settlement.circom: quantityMinus"] = "Q is stated before delta is drawn; the lookup equation minusSum === 0 fixes it",
        ["circuits/settlement/settlement.circom: quantityPlus"] = "Q is stated before delta is drawn; the lookup equation plusSum === 0 fixes it",
    };

    [Fact]
    public void Every_assigned_signal_of_a_circuit_is_constrained_too()
    {
        var assigned = Sources.Tracked.Where(path => path.StartsWith("circuits/", StringComparison.Ordinal) && path.EndsWith(".circom", StringComparison.Ordinal))
            .SelectMany(path => Unconstrained(Sources.Read(path), out int count).Select(signal => $"{path}: {signal}").Append($"{count}")).ToList();
        Assert.True(assigned.Where(line => !line.Contains(':')).Sum(line => int.Parse(line, CultureInfo.InvariantCulture)) > 0, "No circuit assigns a signal without constraining it; this test has nothing to look at.");
        Assert.Equal(BoundElsewhere.Keys.Order(StringComparer.Ordinal), assigned.Where(line => line.Contains(':')).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("out <-- a / b; out * b === a;", "")]
    [InlineData("out[i][0] <-- a; out[i][0] === a;", "")]
    [InlineData("a / b --> out; out * b === a;", "")]
    [InlineData("out <-- a / b; other === a;", "out")]
    [InlineData("out <-- a / b; // out * b === a;", "out")]
    [InlineData("out <-- a / b; outer * b === a;", "out")]
    public void An_assignment_without_equation_is_found(string circuit, string unconstrained)
    {
        Assert.Equal(unconstrained, string.Join(',', Unconstrained(circuit, out int count)));
        Assert.Equal(1, count);
    }

    private static List<string> Unconstrained(string circuit, out int assignments)
    {
        string code = Comment().Replace(circuit, "");
        string[] statements = code.Split(';', '{', '}');
        List<string> signals = [.. statements.Select(s => Assignment().Match(s)).Where(m => m.Success).Select(m => m.Groups["left"].Value + m.Groups["right"].Value)];
        assignments = signals.Count;
        List<string> equations = [.. statements.Where(s => s.Contains("===", StringComparison.Ordinal))];
        return [.. signals.Distinct().Where(signal => !equations.Any(e => Regex.IsMatch(e, $@"\b{signal}\b")))];
    }

    [GeneratedRegex(@"//.*|/\*[\s\S]*?\*/")]
    private static partial Regex Comment();

    [GeneratedRegex(@"(?<left>\w+)(\[[^\]]*\])*\s*<--|-->\s*(?<right>\w+)")]
    private static partial Regex Assignment();
}
