using System.Text.Json.Nodes;

namespace Rollup.Circuits;

/// <summary>The value of an input signal: one field element, or an array of values.</summary>
public sealed class SignalValue
{
    private readonly Fr element;
    private readonly SignalValue[]? items;

    public SignalValue(Fr element) => this.element = element;

    public SignalValue(IEnumerable<SignalValue> items) => this.items = [.. items];

    /// <summary>Its elements in the order in which circom numbers them: the last index runs fastest.</summary>
    public IEnumerable<Fr> Elements => items is null ? [element] : items.SelectMany(i => i.Elements);

    /// <summary>Decimal strings in nested arrays.</summary>
    public JsonNode ToJson() => items is null ? element.ToString() : new JsonArray([.. items.Select(i => i.ToJson())]);
}

/// <summary>What a circuit's witness generator is given: a value for every input signal of its main component, by name.</summary>
public sealed class CircuitInput
{
    private readonly List<(string Name, SignalValue Value)> signals = [];

    public IReadOnlyList<(string Name, SignalValue Value)> Signals => signals;

    /// <exception cref="ArgumentException">The signal has a value already.</exception>
    public void Add(string name, SignalValue value)
    {
        if (signals.Any(s => s.Name == name)) throw new ArgumentException($"The signal {name} has two values.", nameof(name));
        signals.Add((name, value));
    }

    public void Add(string name, Fr value) => Add(name, new SignalValue(value));

    /// <summary>As circom's own witness generators read it.</summary>
    public JsonObject ToJson() => new(signals.Select(s => KeyValuePair.Create(s.Name, (JsonNode?)s.Value.ToJson())));
}
