using System.Globalization;
using System.Numerics;
using System.Text.Json.Nodes;
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
    public static readonly CompiledCircuit Circuit = CompiledCircuit.Get("dev");

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

    /// <summary>Fails unless constraints of the compiled circuit are broken, each in one of the named components (or over one of the named signals), and each name by one.</summary>
    public static void RefusedAt(CompiledCircuit circuit, JsonObject json, params string[] places)
    {
        (Fr[] witness, _) = circuit.DishonestWitness(json);
        IReadOnlyList<ConstraintDescription> failures = circuit.Failures(witness);
        Assert.True(failures.Count > 0, "no constraint refuses the dishonest witness");
        bool Names(ConstraintDescription f, string place) =>
            f.Component.Contains(place, StringComparison.Ordinal) || f.Signals.Any(s => s.Name.Contains(place, StringComparison.Ordinal));
        Assert.All(failures, f => Assert.True(places.Any(p => Names(f, p)), $"{f.Component}: {string.Join(", ", f.Signals.Select(s => s.Name))}"));
        Assert.All(places, p => Assert.True(failures.Any(f => Names(f, p)), $"nothing refuses at {p}, only {string.Join("; ", failures.Select(f => f.Component))}"));
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

    // "Error in template SignedRow_122 line: 88" -> "SignedRow"
    private static string TemplateOf(string violation)
    {
        int start = violation.IndexOf("template ", StringComparison.Ordinal) + "template ".Length;
        string template = violation[start..violation.IndexOf(' ', start)];
        return template[..template.LastIndexOf('_')];
    }
}
