using System.Globalization;
using System.Numerics;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Groth16;
using Rollup.Protocol;
using Rollup.TestSupport;
using Rollup.Witness;

namespace Rollup.Twin.Tests;

/// <summary>Runs dishonest inputs through the dev settlement circuit with challenges that are computed honestly for them.</summary>
internal static class Dishonest
{
    public static CompiledCircuit Circuit => CompiledCircuit.Get("dev");

    /// <summary>An honest batch satisfies every constraint and gives the public inputs that C# computes.</summary>
    public static JsonObject Accepted(SettlementInput input, CompiledCircuit? circuit = null)
    {
        circuit ??= Circuit;
        JsonObject json = input.ToJson();
        Fr[] witness = circuit.Witness(json);
        Assert.Empty(circuit.Failures(witness, limit: 3));
        Assert.Equal(input.PublicInputs.AsSpan(), witness.AsSpan(1, 4));
        return json;
    }

    /// <summary>Fails unless some constraint of the compiled circuit is broken, all of them in the named template.</summary>
    /// <returns>The descriptions of the broken constraints.</returns>
    public static IReadOnlyList<ConstraintDescription> Refused(JsonObject json, params string[] templates)
    {
        (Fr[] witness, IReadOnlyList<string> violations) = Circuit.DishonestWitness(json);
        IReadOnlyList<ConstraintDescription> failures = Circuit.Failures(witness);
        Assert.True(failures.Count > 0, "no constraint refuses the dishonest witness");
        Assert.Equal(templates.Distinct().Order(StringComparer.Ordinal), Templates(violations));
        return failures;
    }

    /// <summary>
    /// Fails unless constraints of the compiled circuit are broken, exactly those at the places named: a place is a component's name, in whose path or signals it
    /// occurs (range checks), or a statement of the circuit's source with its ===, as it stands there. (The compiler substitutes linear
    /// statements away, so a broken one surfaces as some constraint of another name: its generator tells which statement it was.)
    /// </summary>
    public static void RefusedAt(CompiledCircuit circuit, JsonObject json, params string[] places)
    {
        (Fr[] witness, IReadOnlyList<string> violations) = circuit.DishonestWitness(json);
        IReadOnlyList<ConstraintDescription> failures = circuit.Failures(witness);
        Assert.True(failures.Count > 0, "no constraint refuses the dishonest witness");
        string[] broken = [.. violations.Select(StatementOf).OfType<string>()];
        string[] components = [.. places.Where(p => !p.Contains("===", StringComparison.Ordinal))];
        string found = string.Join("; ", [.. failures.Select(f => f.Component).Distinct(), .. broken]);
        bool Names(ConstraintDescription f, string place) =>
            f.Component.Contains(place, StringComparison.Ordinal) || f.Signals.Any(s => s.Name.Contains(place, StringComparison.Ordinal));
        Assert.All(components, p => Assert.True(failures.Any(f => Names(f, p)), $"nothing refuses at {p}, only {found}"));
        Assert.True(broken.Distinct().Order(StringComparer.Ordinal).SequenceEqual(places.Except(components).Order(StringComparer.Ordinal)), $"other statements: {found}");
        int ranges = violations.Count - broken.Length;
        Assert.True(ranges <= failures.Count(f => components.Any(p => Names(f, p))), $"refused at more places: {found}");
    }

    /// <summary>The templates with a violated constraint.</summary>
    public static IReadOnlyList<string> Violations(JsonObject json) => Templates(Circuit.DishonestWitness(json).Violations);

    private static string[] Templates(IReadOnlyList<string> violations) => [.. violations.Select(TemplateOf).Distinct().Order(StringComparer.Ordinal)];

    /// <summary>The value of a signal under a (possibly dishonest) input.</summary>
    public static Fr Signal(JsonObject json, string name)
    {
        Assert.True(Circuit.Symbols.TryGetWire(name, out int wire), $"no signal {name}");
        return Circuit.DishonestWitness(json).Witness[wire];
    }

    public static JsonObject Copy(JsonObject json) => (JsonObject)json.DeepClone();

    public static BigInteger Get(JsonObject json, string name, params int[] at)
    {
        JsonNode node = json[name]!;
        foreach (int index in at) node = node[index]!;
        return BigInteger.Parse(node.GetValue<string>(), CultureInfo.InvariantCulture);
    }

    public static JsonObject Set(JsonObject json, string name, BigInteger value, params int[] at)
    {
        string text = Fr.FromBigInteger(value).ToString();
        if (at.Length == 0) json[name] = text;
        else
        {
            JsonNode node = json[name]!;
            foreach (int index in at[..^1]) node = node[index]!;
            node[at[^1]] = text;
        }

        return json;
    }

    public static JsonObject Add(JsonObject json, string name, BigInteger difference, params int[] at) =>
        Set(json, name, Get(json, name, at) + difference, at);

    /// <summary>Recomputes the root that the (tampered) blocks lead to, so that the tampering itself is all that is wrong.</summary>
    public static JsonObject WithNewRoot(JsonObject json)
    {
        Fr F(string name, params int[] at) => Fr.FromBigInteger(Get(json, name, at));
        Fr Power(int bits) => Fr.FromBigInteger(BigInteger.One << bits);
        int last = json["newCash"]!.AsArray().Count - 1;
        var packed = new Fr[4];
        for (int j = 0; j < Bound.Positions; j++)
            packed[j / 4] += (F("newId", last, j) + F("newMagnitude", last, j) * Power(18) + F("newNegative", last, j) * Power(62)) * Power(63 * (j % 4));
        Fr version = F("oldVersion", last) + F("used", last);
        Fr leaf = Poseidon.Hash([F("owner", last), F("keyX", last), F("keyY", last), F("viewKey", last),
            F("newCash", last) + version * Power(64), F("newOrderRoot", last), .. packed]);
        var path = new Fr[3 * Depth.Account];
        for (int i = 0; i < path.Length; i++) path[i] = F("siblings", last, i / 3, i % 3);
        return Set(json, "newRoot", QuadTree.RootFrom(leaf, (ulong)Get(json, "account", last), path).ToBigInteger());
    }

    private static readonly Lazy<Dictionary<string, string[]>> Sources = new(() => new[] { "settlement", "risk", "exit", "lib" }
        .SelectMany(folder => Directory.EnumerateFiles(Repository.PathOf("circuits", folder), "*.circom")).Select(File.ReadAllLines)
        .SelectMany(lines => lines.Where(l => l.StartsWith("template ", StringComparison.Ordinal)).Select(l => (Template: l[9..l.IndexOf('(', StringComparison.Ordinal)], lines)))
        .ToDictionary(t => t.Template, t => t.lines));

    // "Error in template SignedRow_122 line: 88" -> the statement with === in that line; null in circomlib's templates.
    private static string? StatementOf(string violation)
    {
        if (!Sources.Value.TryGetValue(TemplateOf(violation), out string[]? lines)) return null;
        string line = lines[int.Parse(violation.AsSpan(violation.LastIndexOf(' ') + 1), CultureInfo.InvariantCulture) - 1];
        return Regex.Match(line, "[^{};]*===[^;]*").Value.Trim();
    }

    // "Error in template SignedRow_122 line: 88" -> "SignedRow"
    private static string TemplateOf(string violation)
    {
        int start = violation.IndexOf("template ", StringComparison.Ordinal) + "template ".Length;
        string template = violation[start..violation.IndexOf(' ', start)];
        return template[..template.LastIndexOf('_')];
    }
}
