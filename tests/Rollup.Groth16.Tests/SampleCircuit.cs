using Rollup.Groth16.Formats;

namespace Rollup.Groth16.Tests;

/// <summary>Circuits/sample.circom compiled, with a valid witness: 1,025 constraints, 1 output and 3 public inputs.</summary>
internal static class SampleCircuit
{
    private const string Source = "tests/Rollup.Groth16.Tests/Circuits/sample.circom";
    private const string Input = """{"a": "11", "b": "22", "limit": "3333", "secret": ["44", "55", "66", "77"]}""";

    private static readonly Lazy<string> Built = new(Build);

    /// <summary>Relative to the repository's root, for tools that run there.</summary>
    public static string Folder => Built.Value;

    public static string PathOf(string file) => Path.Combine(Toolchain.Root, Folder, file);

    public static R1cs R1cs { get; } = R1csFile.Load(PathOf("sample.r1cs"));

    public static SymbolTable Symbols { get; } = SymbolTable.Load(PathOf("sample.sym"));

    /// <summary>A fresh copy of the valid witness.</summary>
    public static Fr[] Witness() => WitnessFile.Load(PathOf("sample.wtns"));

    private static string Build() => Toolchain.Cached(
        "sample",
        [File.ReadAllText(Path.Combine(Toolchain.Root, Source)), File.ReadAllText(Path.Combine(Toolchain.Root, "package-lock.json")), Input],
        folder =>
        {
            Toolchain.Node("node_modules/circom2/cli.js", Source, "--r1cs", "--wasm", "--sym", "--O2", "-l", "node_modules", "-o", folder);
            File.WriteAllText(Path.Combine(Toolchain.Root, folder, "input.json"), Input);
            Toolchain.Node($"{folder}/sample_js/generate_witness.js", $"{folder}/sample_js/sample.wasm", $"{folder}/input.json", $"{folder}/sample.wtns");
        });
}
