using System.Text.Json;
using Rollup.Circuits;
using Rollup.Engine;
using Rollup.Protocol;
using Rollup.ProverBridge.Commands;
using Rollup.ProverBridge.Monitoring;
using Rollup.ProverBridge.Proving;
using Rollup.Proving;
using Rollup.TestSupport;
using Rollup.Witness;

namespace Rollup.ProverBridge.Tests;

public sealed class NativeWitnessTests : IDisposable
{
    private static readonly Lazy<string> ProbeWasm = new(() => CompiledCircuit.Get(Repository.PathOf("tests", "Rollup.ProverBridge.Tests", "Circuits", "probe.circom")).WasmPath);

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task The_witness_of_a_batch_is_that_of_node_byte_for_byte()
    {
        KeysCommand.KeySet keys = await KeysCommand.DevelopmentKeysAsync("dev", Repository.Root, TextWriter.Null, default);
        var factory = new BatchFactory(CircuitProfile.Dev);
        factory.Begin().Register(2, cash: 50_000_000_000).Register(3, cash: 40_000_000_001).Seal();
        SealedBatch batch = factory.Begin().Trade(2, 3, BatchFactory.BtcPerpetual, lots: 40, price: 61_900_000).Seal();
        using NativeWitness native = Load(keys.Wasm);
        await using var node = new SnarkjsPool(new WorkerOptions("node", FactorsCircuit.RealWorker, keys.Wasm, null, TimeSpan.FromSeconds(120), 1L << 32), 1, new MemoryLog<SnarkjsPool>(), new Metrics());
        await AssertSameAsync(native, node, SettlementInput.Build(batch).ToCircuitInput());
    }

    [Fact]
    public async Task Inputs_of_every_shape_and_size_give_the_witness_of_node()
    {
        FactorsCircuit circuit = await FactorsCircuit.GetAsync();
        using NativeWitness native = Load(circuit.Files.Wasm);
        await using SnarkjsPool node = circuit.Pool(withKey: false);
        Fr[] edges = [Fr.Zero, Fr.One, Fr.FromUInt64(int.MaxValue), Fr.FromUInt64(1ul << 31), Fr.FromUInt64(uint.MaxValue), Fr.FromInt64(-1), Fr.FromInt64(int.MinValue), Fr.FromInt64(int.MinValue - 1L), Fr.FromUInt128(UInt128.MaxValue)];
        foreach ((Fr b, int i) in edges.Select((b, i) => (b, i)))
        {
            CircuitInput input = FactorsCircuit.InputOf(("a", 65_535));
            input.Add("shift", edges[^(i + 1)]);
            input.Add("b", b);
            await AssertSameAsync(native, node, input);
        }

        using NativeWitness probe = Load(await ProbeLibraryAsync());
        await using var probeNode = new SnarkjsPool(new WorkerOptions("node", FactorsCircuit.RealWorker, ProbeWasm.Value, null, TimeSpan.FromSeconds(120), 1L << 32), 1, new MemoryLog<SnarkjsPool>(), new Metrics());
        await AssertSameAsync(probe, probeNode, Probe(steps: 1_000, depth: 50));
    }

    [Fact]
    public async Task A_proof_of_a_native_witness_needs_neither_worker_nor_file()
    {
        FactorsCircuit circuit = await FactorsCircuit.GetAsync();
        using NativeWitness native = Load(circuit.Files.Wasm);
        using var prover = new NativeProver(circuit.Files.Zkey, TimeSpan.FromSeconds(120), TimeProvider.System, new MemoryLog<NativeProver>());
        await using SnarkjsPool unused = circuit.Pool();
        bool withoutFiles = false;
        await circuit.Maker(unused, folder.File("work"), prover, native).MakeAsync(
            1, FactorsCircuit.Input(11, 13, 17), FactorsCircuit.Publics(11, 13, 17), () => withoutFiles = Directory.GetFileSystemEntries(folder.File("work/000001")).Length == 0, default);
        Assert.True(withoutFiles);
        Assert.Empty(unused.ProcessIds);
        // snarkjs wants a file, and gets one.
        await circuit.Maker(unused, folder.File("work"), unused, native).MakeAsync(2, FactorsCircuit.Input(11, 13, 19), FactorsCircuit.Publics(11, 13, 19), () => { }, default);
        Assert.Single(unused.ProcessIds);
    }

    [Fact]
    public async Task A_failed_assertion_is_told_as_node_tells_it_and_leaves_nothing_behind()
    {
        FactorsCircuit circuit = await FactorsCircuit.GetAsync();
        using NativeWitness native = Load(circuit.Files.Wasm);
        await using SnarkjsPool node = circuit.Pool(withKey: false);
        string reason = (await RefusedAsync(node, FactorsCircuit.Input(65_536, 7, 9))).Message.Split("'witness': Error: ")[1];
        Assert.Matches("^Assert Failed. Error in template Num2Bits_0 line: [0-9]+", reason);
        for (int i = 0; i < 2; i++)
        {
            ProverException refusal = await RefusedAsync(native, FactorsCircuit.Input(65_536, 7, 9));
            Assert.Equal((ProverFault.Refused, $"The witness generator refused the input: {reason}."), (refusal.Fault, refusal.Message));
            await AssertSameAsync(native, node, FactorsCircuit.Input(6, 7, 9));
        }
    }

    [Fact]
    public async Task Calculations_at_the_same_time_do_not_meet()
    {
        FactorsCircuit circuit = await FactorsCircuit.GetAsync();
        using NativeWitness native = Load(circuit.Files.Wasm);
        ulong[] products = await Task.WhenAll(Enumerable.Range(1, 24).Select(async i =>
        {
            if (i % 3 == 0) await RefusedAsync(native, FactorsCircuit.Input(70_000, 1, 1));
            return (await native.CalculateAsync(FactorsCircuit.Input((ulong)i, 1_000, 7), folder.Path, default)).Limbs!.Value.Span[4];
        }));
        Assert.Equal(Enumerable.Range(1, 24).Select(i => (ulong)i * 1_000 + 7), products);
    }

    [Fact]
    public async Task Inputs_that_do_not_fit_are_named()
    {
        FactorsCircuit circuit = await FactorsCircuit.GetAsync();
        using NativeWitness native = Load(circuit.Files.Wasm);
        await ExpectAsync("Not all inputs have been set: 2 values of 3", FactorsCircuit.InputOf(("a", 5), ("shift", 9)));
        await ExpectAsync("Not all inputs have been set: 0 values of 3", new CircuitInput());
        await ExpectAsync("Signal not found: the circuit has no input c (1 values)", FactorsCircuit.InputOf(("a", 5), ("c", 1), ("b", 7), ("shift", 9)));
        await ExpectAsync("Too many signals set", FactorsCircuit.InputOf(("a", 5), ("b", 7), ("shift", 9), ("c", 1)));
        CircuitInput twice = FactorsCircuit.InputOf(("a", 5), ("shift", 9));
        twice.Add("b", new SignalValue([new SignalValue(Fr.One), new SignalValue(Fr.One)]));
        await ExpectAsync("Too many signals set", twice);
        using NativeWitness probe = Load(await ProbeLibraryAsync());
        CircuitInput half = FactorsCircuit.InputOf(("steps", 1));
        half.Add("list", new SignalValue(Enumerable.Range(0, 5).Select(i => new SignalValue(Fr.FromInt64(i)))));
        half.Add("depth", Fr.One);
        Assert.Contains("Not enough values for input signal list (5 values)", (await RefusedAsync(probe, half)).Message, StringComparison.Ordinal);
        CircuitInput over = FactorsCircuit.InputOf(("steps", 1));
        over.Add("list", new SignalValue(Enumerable.Range(0, 7).Select(i => new SignalValue(Fr.FromInt64(i)))));
        Assert.Contains("Too many values for input signal list (7 values)", (await RefusedAsync(probe, over)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => half.Add("list", Fr.One));
        await native.CalculateAsync(FactorsCircuit.Input(5, 7, 9), folder.Path, default);

        async Task ExpectAsync(string reason, CircuitInput input)
        {
            ProverException refusal = await RefusedAsync(native, input);
            Assert.Equal((ProverFault.Refused, $"The witness generator refused the input: {reason}."), (refusal.Fault, refusal.Message));
        }
    }

    [Fact]
    public async Task What_goes_wrong_inside_ends_the_calculation_alone()
    {
        string wasm = await ProbeLibraryAsync();
        using NativeWitness probe = Load(wasm), hasty = Load(wasm, timeout: TimeSpan.FromSeconds(0.5)), small = Load(wasm, memory: 1 << 16);
        await probe.CalculateAsync(Probe(steps: 3, depth: 1_000), folder.Path, default);

        // circom passes arguments just above the stack that it has reserved: where that crosses a page, its WebAssembly traps as well.
        Assert.Contains("the circuit reached beyond its memory", (await RefusedAsync(probe, Probe(steps: 3, depth: int.MaxValue))).Message, StringComparison.Ordinal);
        ProverException late = await RefusedAsync(hasty, Probe(steps: long.MaxValue, depth: 1));
        Assert.Equal((ProverFault.TimedOut, "The witness was not calculated within 0.5 s; the calculation was stopped."), (late.Fault, late.Message));
        Assert.Equal(ProverFault.MemoryExceeded, (await RefusedAsync(small, Probe(steps: 3, depth: 5))).Fault);
        using var stop = new CancellationTokenSource();
        Task<CircuitWitness> endless = probe.CalculateAsync(Probe(steps: long.MaxValue, depth: 1), folder.Path, stop.Token);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => endless);

        Assert.Equal(3 + 1_000ul * 5 + 2 * 11 + 7 * 12 + 3 * 14 + 5 * 16 + 15 * 13, (await probe.CalculateAsync(Probe(steps: 3, depth: 5), folder.Path, default)).Limbs!.Value.Span[4]);
    }

    [Fact]
    public async Task A_library_that_is_missing_broken_or_another_circuit_s_is_refused()
    {
        FactorsCircuit circuit = await FactorsCircuit.GetAsync();
        string wasm = folder.File("alone.wasm");
        File.Copy(circuit.Files.Wasm, wasm);
        Refused("is not there");
        string library = WitnessLibraryBuilder.PathOf(wasm, out string source);
        Assert.Equal(Path.GetFileName(circuit.Files.WitnessLibrary)!.Replace("circuit.", "alone.", StringComparison.Ordinal), Path.GetFileName(library));
        File.WriteAllText(library, "no library");
        Refused("cannot be loaded");
        string other = await ProbeLibraryAsync();
        File.Copy(WitnessLibraryBuilder.PathOf(other, out string otherSource), library, overwrite: true);
        Refused($"was made from {otherSource}, not from {source}");
        File.Copy(circuit.Files.WitnessLibrary!, library, overwrite: true);
        using NativeWitness good = Load(wasm);
        Assert.Equal(Load(circuit.Files.Wasm).WireCount, good.WireCount);

        void Refused(string reason)
        {
            ProverException error = Assert.Throws<ProverException>(() => Load(wasm));
            Assert.Equal(ProverFault.NotStarted, error.Fault);
            Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_library_is_made_once_and_without_a_compiler_there_is_a_warning()
    {
        FactorsCircuit circuit = await FactorsCircuit.GetAsync();
        string wasm = folder.File("alone.wasm");
        File.Copy(circuit.Files.Wasm, wasm);
        Assert.Null(await BuildAsync("/no/such/cc", "warning: no native witness library for .*alone.wasm: /no/such/cc cannot be started: .* Node.js will calculate the witnesses"));
        Assert.Null(await BuildAsync("false", "warning: .*false failed with exit code 1"));
        Assert.Equal([wasm], Directory.GetFileSystemEntries(folder.Path));
        string library = (await BuildAsync(null, "compiling the witness generator alone[.0-9a-f-]+so .*\ncompiled the witness generator in"))!;
        Assert.Equal(library, await BuildAsync("/no/such/cc", "^$"));
        File.WriteAllText(folder.File("other.wasm"), "no module");
        wasm = folder.File("other.wasm");
        Assert.Null(await BuildAsync(null, "warning: .*This is no WebAssembly module"));

        async Task<string?> BuildAsync(string? compiler, string said)
        {
            var progress = new StringWriter();
            string? made = await WitnessLibraryBuilder.BuildAsync(wasm, progress, default, compiler);
            Assert.Matches(said, progress.ToString());
            return made;
        }
    }

    private static async Task<string> ProbeLibraryAsync()
    {
        Assert.NotNull(await WitnessLibraryBuilder.BuildAsync(ProbeWasm.Value, TextWriter.Null, default));
        return ProbeWasm.Value;
    }

    private static NativeWitness Load(string wasm, TimeSpan? timeout = null, long memory = 1L << 32) => NativeWitness.Load(wasm, timeout ?? TimeSpan.FromSeconds(120), memory);

    private static CircuitInput Probe(long steps, long depth)
    {
        var input = new CircuitInput();
        input.Add("list", new SignalValue([Row(11, 12, 14), Row(13, 16, 15)]));
        input.Add("steps", Fr.FromInt64(steps));
        input.Add("depth", Fr.FromInt64(depth));
        return input;

        static SignalValue Row(params long[] values) => new(values.Select(v => new SignalValue(Fr.FromInt64(v))));
    }

    private Task<ProverException> RefusedAsync(IWitnessCalculator calculator, CircuitInput input) =>
        Assert.ThrowsAsync<ProverException>(() => calculator.CalculateAsync(input, folder.Path, default));

    private async Task AssertSameAsync(NativeWitness native, SnarkjsPool node, CircuitInput input)
    {
        byte[] expected = File.ReadAllBytes((await node.CalculateAsync(input, folder.Path, default)).ToFile());
        File.Delete(folder.File(IWitnessCalculator.FileName));
        CircuitWitness witness = await native.CalculateAsync(input, folder.Path, default);
        Assert.Equal(4 * native.WireCount, witness.Limbs!.Value.Length);
        Assert.True(File.ReadAllBytes(witness.ToFile()).AsSpan().SequenceEqual(expected), $"Another witness of {JsonSerializer.Serialize(input.ToJson())}");
    }
}
