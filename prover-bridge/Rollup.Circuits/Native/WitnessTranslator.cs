using System.Globalization;
using System.Reflection;
using System.Text;

namespace Rollup.Circuits.Native;

/// <summary>
/// Translates the WebAssembly witness generator that circom makes into C, for a shared library that the prover bridge calls in its own process. What the
/// library does at every step is what the module does; only runs of copied constants are joined.
/// </summary>
public static class WitnessTranslator
{
    // Part of every library's identity: raise it when the C text changes.
    private const int Version = 1;

    private static readonly string[] Exports =
        ["init", "setInputSignal", "getInputSignalSize", "getInputSize", "getWitnessSize", "getWitness", "getRawPrime", "getSharedRWMemoryStart", "getMessageChar"];

    /// <summary>What circom's modules call of their host.</summary>
    internal static readonly string[] Imports = ["runtime.exceptionHandler", "runtime.printErrorMessage", "runtime.writeBufferMessage", "runtime.showSharedRWMemory"];

    /// <summary>What a library says that it was made from: names the module's contents and this translator.</summary>
    public static string SourceOf(ReadOnlySpan<byte> wasm) =>
        $"{Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(wasm))[..24]}-{Version.ToString(CultureInfo.InvariantCulture)}";

    /// <summary>The C files of a module, by name.</summary>
    /// <param name="wasm">The module.</param>
    /// <param name="parts">In how many files the circuit's code goes, at least 1, so that they can be compiled side by side.</param>
    /// <exception cref="WasmException">The module is malformed, or no witness generator of circom 2.</exception>
    public static IReadOnlyDictionary<string, string> Translate(byte[] wasm, int parts)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(parts, 1);
        WasmModule module = Parse(wasm);
        var files = new Dictionary<string, string>
        {
            ["circuit.h"] = Resource("circuit.h"),
            ["functions.h"] = Prototypes(module),
            ["calculate.c"] = $"#include \"functions.h\"\n{Constants(module, wasm)}{Resource("calculate.c")}",
        };
        AddParts(module, parts, files);
        return files;
    }

    /// <summary>A module that has what a witness generator of circom 2 has.</summary>
    internal static WasmModule Parse(byte[] wasm)
    {
        WasmModule module = WasmModule.Parse(wasm);
        return Exports.Where(name => !module.ExportedFunctions.ContainsKey(name)).ToArray() is { Length: > 0 } missing
            ? throw new WasmException($"The WebAssembly module is no witness generator of circom 2: it does not export {string.Join(", ", missing)}.") : module;
    }

    private static void AddParts(WasmModule module, int parts, Dictionary<string, string> files)
    {
        long size = module.Functions.Sum(f => (long)(f.End - f.Start)), done = 0;
        var text = new StringBuilder();
        int part = 0;
        for (int i = 0; i < module.Functions.Count; i++)
        {
            if (text.Length == 0) text.Append("#include \"functions.h\"\n");
            new FunctionTranslator(module, module.Imports.Count + i, text).Run();
            done += module.Functions[i].End - module.Functions[i].Start;
            if (i + 1 < module.Functions.Count && done * parts < size * (part + 1)) continue;
            files[$"part{(part++).ToString(CultureInfo.InvariantCulture)}.c"] = text.ToString();
            text.Clear();
        }
    }

    private static string Prototypes(WasmModule module)
    {
        var text = new StringBuilder("#include \"circuit.h\"\ntypedef struct { uint32_t type; void (*code)(void); } entry;\n");
        text.Append(CultureInfo.InvariantCulture, $"extern const entry table[{module.Table.Length + 1}];\n");
        for (int f = module.Imports.Count; f < module.FunctionTypes.Count; f++) text.Append(FunctionTranslator.Signature(module.TypeOf(f), $"f{f}")).Append(";\n");
        foreach (string name in Exports) text.Append(CultureInfo.InvariantCulture, $"#define circuit_{name} f{module.ExportedFunctions[name]}\n");
        return text.ToString();
    }

    private static string Constants(WasmModule module, byte[] wasm)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"#define INITIAL_BYTES {module.MemoryBytes}ull\n#define SOURCE \"{SourceOf(wasm)}\"\n");
        text.Append(CultureInfo.InvariantCulture, $"const entry table[{module.Table.Length + 1}] = {{\n");
        foreach (int function in module.Table)
            text.Append(function < 0 ? "{0, 0},\n" : string.Create(CultureInfo.InvariantCulture, $"{{{FunctionTranslator.TableType(module, module.FunctionTypes[function])}, (void (*)(void))f{function}}},\n"));
        text.Append("{0, 0}};\nstatic const uint32_t data_places[][2] = {\n");
        foreach (WasmData data in module.Data) text.Append(CultureInfo.InvariantCulture, $"{{{data.Offset}u, {data.Length}u}},\n");
        text.Append("{0, 0}};\nstatic const char data_bytes[] =\n");
        var pending = new List<byte>(64);
        foreach (byte b in module.Data.SelectMany(d => new ArraySegment<byte>(module.Content, d.Start, d.Length)))
        {
            pending.Add(b);
            if (pending.Count == 64) AppendLiteral(text, pending);
        }

        AppendLiteral(text, pending);
        return text.Append(";\n").ToString();
    }

    private static void AppendLiteral(StringBuilder text, List<byte> bytes)
    {
        text.Append('"');
        // Three octal digits each: what follows cannot be taken for part of them.
        foreach (byte b in bytes) text.Append('\\').Append((char)('0' + (b >> 6))).Append((char)('0' + ((b >> 3) & 7))).Append((char)('0' + (b & 7)));
        text.Append("\"\n");
        bytes.Clear();
    }

    private static string Resource(string name)
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!;
        byte[] content = new byte[stream.Length];
        stream.ReadExactly(content);
        return Encoding.UTF8.GetString(content);
    }
}
