using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Rollup.Groth16;
using Rollup.Groth16.Formats;

namespace Rollup.TestSupport;

/// <summary>
/// A circuit compiled by circuits/compile.mjs (cached by content), with its constraints, names and two witness generators:
/// the checked one stops at the first violated constraint, the unchecked one goes on, as a dishonest prover's would.
/// </summary>
public sealed class CompiledCircuit
{
    private static readonly Lock Gate = new();
    private static readonly Dictionary<string, CompiledCircuit> Circuits = [];
    private static readonly Lazy<Process> Calculator = new(StartCalculator);

    private CompiledCircuit(JsonElement stats)
    {
        Name = stats.GetProperty("name").GetString()!;
        R1csPath = stats.GetProperty("r1cs").GetString()!;
        WasmPath = stats.GetProperty("wasm").GetString()!;
        UncheckedWasmPath = stats.GetProperty("unchecked").GetString()!;
        R1cs = R1csFile.Load(R1csPath);
        Symbols = SymbolTable.Load(stats.GetProperty("sym").GetString()!);
        Checker = new R1csChecker(R1cs, Symbols);
    }

    public string Name { get; }

    public string R1csPath { get; }

    public string WasmPath { get; }

    public string UncheckedWasmPath { get; }

    public R1cs R1cs { get; }

    public SymbolTable Symbols { get; }

    public R1csChecker Checker { get; }

    /// <summary>Compiles (or finds compiled) a circuit: a name in circuits/main, or the path of a .circom file with a main component.</summary>
    public static CompiledCircuit Get(string circuit)
    {
        lock (Gate)
        {
            if (Circuits.TryGetValue(circuit, out CompiledCircuit? known)) return known;
            using Process compiler = StartNode("circuits/compile.mjs", "--stats", "--unchecked", circuit);
            Task<string> errors = compiler.StandardError.ReadToEndAsync();
            string output = compiler.StandardOutput.ReadToEnd();
            compiler.WaitForExit();
            if (compiler.ExitCode != 0) throw new InvalidOperationException($"{circuit} does not compile (run `make setup` first?): {errors.Result}");
            using JsonDocument stats = JsonDocument.Parse(output);
            return Circuits[circuit] = new CompiledCircuit(stats.RootElement[0]);
        }
    }

    /// <summary>The witness of an input that satisfies every constraint.</summary>
    /// <exception cref="InvalidOperationException">The generator stopped; the message names template and line.</exception>
    public Fr[] Witness(JsonObject input) => Calculate(WasmPath, input).Witness;

    /// <summary>The witness of a generator that goes on after a violation, and the messages naming template and line of each.</summary>
    public (Fr[] Witness, IReadOnlyList<string> Violations) DishonestWitness(JsonObject input) => Calculate(UncheckedWasmPath, input);

    /// <summary>Constraints that the witness breaks, described by the circuit's own names.</summary>
    public IReadOnlyList<ConstraintDescription> Failures(ReadOnlySpan<Fr> witness, int limit = int.MaxValue) =>
        [.. Checker.FindFailures(witness, limit).Select(Checker.Describe)];

    private static (Fr[] Witness, IReadOnlyList<string> Violations) Calculate(string wasm, JsonObject input)
    {
        string folder = Directory.CreateTempSubdirectory("rollup-witness-").FullName;
        try
        {
            string inputPath = Path.Combine(folder, "input.json"), outputPath = Path.Combine(folder, "witness.wtns");
            File.WriteAllText(inputPath, input.ToJsonString());
            string answer;
            lock (Calculator)
            {
                Process calculator = Calculator.Value;
                calculator.StandardInput.WriteLine(new JsonObject { ["wasm"] = wasm, ["input"] = inputPath, ["output"] = outputPath }.ToJsonString());
                calculator.StandardInput.Flush();
                answer = calculator.StandardOutput.ReadLine() ?? throw new InvalidOperationException("circuits/witness.mjs stopped.");
            }

            using JsonDocument document = JsonDocument.Parse(answer);
            if (document.RootElement.TryGetProperty("error", out JsonElement error)) throw new InvalidOperationException(error.GetString());
            return (WitnessFile.Load(outputPath), [.. document.RootElement.GetProperty("violations").EnumerateArray().Select(v => v.GetString()!)]);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static Process StartCalculator()
    {
        // It ends by itself when this process, and with it its standard input, is gone.
        Process process = StartNode("circuits/witness.mjs");
        process.ErrorDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        return process;
    }

    private static Process StartNode(params string[] arguments) => Process.Start(new ProcessStartInfo("node", arguments)
    {
        WorkingDirectory = Repository.Root,
        RedirectStandardInput = true,
        RedirectStandardOutput = true,
        RedirectStandardError = true,
    })!;
}
