using System.Text.Json;

namespace Rollup.Crypto.Tests;

/// <summary>Reads spec/vectors/NAME.json.</summary>
internal static class Vectors
{
    internal static T Load<T>(string name) =>
        JsonSerializer.Deserialize<T>(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "vectors", name + ".json")), JsonSerializerOptions.Web)
        ?? throw new InvalidDataException($"spec/vectors/{name}.json is empty.");

    internal static Fr[] Parse(string[] values) => [.. values.Select(Fr.Parse)];
}
