using Rollup.Circuits.Native;
using Rollup.ProverBridge.Proving;
using Rollup.Proving;

namespace Rollup.ProverBridge.Tests;

/// <summary>Instructions, translated and interpreted, one small module each: its only input runs the code, and what lies at <see cref="Shared"/> then is the witness.</summary>
public sealed class WitnessTranslatorTests : IDisposable
{
    private const byte Shared = 64;

    private static readonly string[] Functions =
        ["setInputSignal", "init", "getInputSignalSize", "getInputSize", "getWitnessSize", "getWitness", "getRawPrime", "getSharedRWMemoryStart", "getMessageChar"];

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("41 7b 41 03 6a ac", ulong.MaxValue - 1)] // -5 + 3, sign-extended
    [InlineData("41 7b 41 03 6a ad", 0xfffffffeul)]
    [InlineData("41 03 41 05 6b ad", 0xfffffffeul)] // 3 - 5
    [InlineData("20 02 41 05 6b ad", 0xfffffffbul)] // 0 - 5, the 0 not known beforehand
    [InlineData("41 80 80 04 41 80 80 04 6c ad", 0ul)] // 2^16 * 2^16
    [InlineData("42 7f 42 7f 7e", 1ul)]
    [InlineData("41 7e 41 07 6e ad", 4294967294ul / 7)]
    [InlineData("42 7e 42 07 82", ulong.MaxValue % 7 - 1)]
    [InlineData("41 01 41 21 74 ad", 2ul)] // shifts count modulo the width
    [InlineData("42 01 42 c1 00 86", 2ul)]
    [InlineData("41 70 41 02 75 ac", ulong.MaxValue - 3)] // -16 >> 2
    [InlineData("41 70 41 02 76 ad", 0x3ffffffcul)]
    [InlineData("42 70 42 02 87", ulong.MaxValue - 3)]
    [InlineData("42 70 42 3c 88", 15ul)]
    [InlineData("41 7f 41 01 48 ad", 1ul)] // -1 < 1 signed
    [InlineData("41 7f 41 01 49 ad", 0ul)] // and not unsigned
    [InlineData("42 7f 42 01 55 ad", 0ul)] // -1 > 1
    [InlineData("42 7f 42 01 56 ad", 1ul)]
    [InlineData("42 00 50 ad", 1ul)]
    [InlineData("42 80 80 80 80 10 a7 ad", 0ul)] // 2^32, wrapped
    [InlineData("42 0f 42 33 83 42 c0 00 84 42 01 85", 0x42ul)] // ((15 and 51) or 64) xor 1
    [InlineData("41 00 42 81 02 37 00 00 41 00 2d 00 00 ad", 1ul)] // store 257, load a byte
    [InlineData("41 00 42 ff 01 37 00 00 41 00 30 00 00", ulong.MaxValue)]
    [InlineData("41 00 41 7f 36 02 04 41 00 29 03 00", 0xffffffff00000000ul)]
    [InlineData("41 00 41 7f 3b 01 02 41 00 34 02 00", 0xffffffffffff0000ul)]
    [InlineData("20 02 41 09 21 02 20 02 6a ad", 9ul)] // an operand keeps the value it had
    [InlineData("20 02 41 07 22 02 6a 20 02 6a ad", 14ul)]
    [InlineData("02 40 03 40 20 02 41 0a 4f 0d 01 20 02 41 03 6a 21 02 0c 00 0b 0b 20 02 ad", 12ul)]
    [InlineData("20 02 04 40 41 05 21 02 05 41 06 21 02 0b 20 02 ad", 6ul)]
    [InlineData("41 07 41 08 20 02 1b ad", 8ul)]
    [InlineData("3f 00 41 02 40 00 41 0a 6c 6a 3f 00 41 e4 00 6c 6a ad", 311ul)] // pages before, by grow, after
    [InlineData("41 02 41 03 41 01 11 03 00 ad", 4ul)] // the function at place 1 of the table
    [InlineData("42 05 02 40 0c 00 41 c0 00 42 06 37 03 00 0b", 5ul)] // what follows a jump does not run
    public async Task An_instruction_gives_what_the_specification_says(string code, ulong expected)
    {
        foreach (NativeWitness module in await BuildAsync([0x41, Shared | 0x80, 0, .. Bytes(code), 0x37, 3, 0]))
            using (module) Assert.Equal(expected, (await module.CalculateAsync(FactorsCircuit.InputOf(("x", 0)), folder.Path, default)).Limbs!.Value.Span[0]);
    }

    [Theory]
    [InlineData("20 00 20 01 20 02 10 04 20 00 10 05", "the circuit's calls nest too deeply")]
    [InlineData("41 01 20 02 6e 1a", "the circuit divided by zero")]
    [InlineData("42 01 20 02 ad 82 1a", "the circuit divided by zero")]
    [InlineData("00", "the circuit reached code that it must not reach")]
    [InlineData("41 09 11 02 00", "the circuit called what is no function of its kind")]
    [InlineData("41 00 11 02 00", "the circuit called what is no function of its kind")]
    [InlineData("41 7f 28 02 00 1a", "the circuit reached beyond its memory")]
    [InlineData("41 7f 28 02 ff ff ff ff 0f 1a", "the circuit reached beyond its memory")]
    [InlineData("41 fd ff 03 20 02 36 02 00", "the circuit reached beyond its memory")]
    [InlineData("41 80 80 04 2d 00 00 1a", "the circuit reached beyond its memory")]
    [InlineData("41 04 10 00", "Assert Failed. ")]
    [InlineData("03 40 0c 00 0b", "the calculation was stopped")]
    public async Task A_trap_ends_the_calculation_alone(string code, string reason)
    {
        foreach (NativeWitness module in await BuildAsync([.. Bytes("20 02 45 04 40"), .. Bytes(code), 0x0b], timeout: reason.EndsWith("stopped", StringComparison.Ordinal) ? 0.3 : 120))
        {
            using (module)
                for (int i = 0; i < 2; i++)
                {
                    var error = await Assert.ThrowsAsync<ProverException>(() => module.CalculateAsync(FactorsCircuit.InputOf(("x", 0)), folder.Path, default));
                    Assert.Contains(reason, error.Message, StringComparison.Ordinal);
                }
        }
    }

    /// <summary>Pages that the limit bears are there; one more is not, and the circuit says so. Translated, up to 4 GiB; interpreted, as far as the limit goes below 2 GiB.</summary>
    [Theory]
    [InlineData("41 ff ff 03 40 00 1a 41 80 80 04 2d 00 00 1a 41 01 40 00 41 7f 46 04 40 41 05 10 00 0b", 1L << 32, true)]
    [InlineData("41 0f 40 00 1a 41 ff ff 3f 2d 00 00 1a 41 01 40 00 41 7f 46 04 40 41 05 10 00 0b", 1L << 20, false)]
    public async Task Memory_ends_at_its_limit(string code, long limit, bool isTranslatedAlone)
    {
        (await BuildAsync([.. Bytes(code)])).ToList().ForEach(m => m.Dispose());
        string wasm = folder.File("module.wasm");
        WitnessGenerator[] generators = [WitnessLibrary.Load(WitnessLibraryBuilder.PathOf(wasm, out string source), source), .. isTranslatedAlone ? [] : (WitnessGenerator[])[InterpretedWitness.Load(wasm)]];
        foreach (WitnessGenerator generator in generators)
        {
            using (generator)
            {
                var error = await Assert.ThrowsAsync<ProverException>(() => generator.CalculateAsync(FactorsCircuit.InputOf(("x", 0)), limit, default));
                Assert.Equal((ProverFault.MemoryExceeded, true), (error.Fault, error.Message.Contains("Not enough memory", StringComparison.Ordinal)));
                if (!isTranslatedAlone) Assert.Equal(generator.WireCount, (await generator.CalculateAsync(FactorsCircuit.InputOf(("x", 0)), limit + (1 << 16), default)).Length / 4);
            }
        }
    }

    [Fact]
    public async Task A_module_that_is_cut_or_changed_is_translated_or_refused_but_never_crashes_the_translator()
    {
        FactorsCircuit circuit = await FactorsCircuit.GetAsync();
        byte[] wasm = File.ReadAllBytes(circuit.Files.Wasm);
        Assert.Contains("part0.c", WitnessTranslator.Translate(wasm, 3).Keys);
        Assert.Equal(5, WitnessTranslator.Translate(wasm, 3).Keys.Count(name => name != "part0.c"));
        int refused = 0;
        for (int length = 0; length < wasm.Length - 1; length += 1 + wasm.Length / 200) Refuse(wasm[..length]);
        Assert.True(refused >= 150, $"{refused}");
        var random = new Random(1);
        for (int i = 0; i < 300; i++)
        {
            byte[] changed = [.. wasm];
            changed[random.Next(changed.Length)] ^= (byte)(1 << random.Next(8));
            Refuse(changed);
        }

        byte[] start = [.. "\0asm\x01\0\0\0"u8];
        Assert.Contains("does not export init, setInputSignal", Assert.Throws<WasmException>(() => WitnessTranslator.Translate(start, 1)).Message, StringComparison.Ordinal);
        Assert.Contains("section 6", Assert.Throws<WasmException>(() => WitnessTranslator.Translate([.. start, 6, 1, 0], 1)).Message, StringComparison.Ordinal);

        void Refuse(byte[] module)
        {
            try
            {
                WitnessTranslator.Translate(module, 1);
            }
            catch (WasmException)
            {
                refused++;
            }
        }
    }

    [Fact]
    public async Task A_changed_module_is_interpreted_or_refused_but_never_crashes_the_interpreter()
    {
        FactorsCircuit circuit = await FactorsCircuit.GetAsync();
        byte[] wasm = File.ReadAllBytes(circuit.Files.Wasm);
        var input = FactorsCircuit.InputOf(("a", 5), ("b", 7), ("shift", 9));
        using (var whole = InterpretedWitness.Load(circuit.Files.Wasm)) Assert.NotEmpty(await whole.CalculateAsync(input, 1L << 26, default));
        var random = new Random(2);
        int refused = 0;
        for (int i = 0; i < 300; i++)
        {
            byte[] changed = [.. wasm];
            changed[random.Next(changed.Length)] ^= (byte)(1 << random.Next(8));
            File.WriteAllBytes(folder.File("changed.wasm"), changed);
            try
            {
                using var interpreted = InterpretedWitness.Load(folder.File("changed.wasm"));
                using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(1));
                await interpreted.CalculateAsync(input, 1L << 26, deadline.Token);
            }
            catch (Exception error) when (error is ProverException or OperationCanceledException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, 1, 299);
    }

    [Theory]
    [InlineData("43 00 00 00 00 1a", "instruction 0x43")] // f32.const
    [InlineData("23 00 1a", "instruction 0x23")] // global.get
    [InlineData("6a", "lacks an operand")]
    [InlineData("20 09 1a", "index 9 is not below 3")]
    [InlineData("02 7f 41 00 0b 1a", "a block has a result")]
    [InlineData("0c 05", "index 5 is not below 1")]
    [InlineData("05", "an else has no if")]
    [InlineData("10 7f", "index 127 is not below")]
    public async Task Code_that_circom_does_not_write_is_named(string code, string reason)
    {
        byte[] module = Module(Bytes(code));
        Assert.Contains(reason, Assert.Throws<WasmException>(() => WitnessTranslator.Translate(module, 1)).Message, StringComparison.Ordinal);
        // Interpreted, it is found when it is to run.
        File.WriteAllBytes(folder.File("module.wasm"), module);
        using var interpreted = InterpretedWitness.Load(folder.File("module.wasm"));
        Assert.Contains(reason, (await Assert.ThrowsAsync<ProverException>(() => interpreted.CalculateAsync(FactorsCircuit.InputOf(("x", 0)), 1L << 30, default))).Message, StringComparison.Ordinal);
    }

    /// <summary>The module in both ways: translated, and interpreted.</summary>
    private async Task<NativeWitness[]> BuildAsync(byte[] code, double timeout = 120)
    {
        string wasm = folder.File("module.wasm");
        File.WriteAllBytes(wasm, Module(code));
        var progress = new StringWriter();
        Assert.True(await WitnessLibraryBuilder.BuildAsync(wasm, progress, default) is not null, progress.ToString());
        return [NativeWitness.Load(wasm, TimeSpan.FromSeconds(timeout), 1L << 32), new NativeWitness(InterpretedWitness.Load(wasm), TimeSpan.FromSeconds(timeout), 1L << 32)];
    }

    private static byte[] Bytes(string code) => Convert.FromHexString(code.Replace(" ", "", StringComparison.Ordinal));

    // Types: 0 () -> i32, 1 (i32) -> (), 2 () -> (), 3 (i32 i32) -> i32, 4 (i32 i32 i32) -> (). Functions 0 to 3 are imported, 4 is setInputSignal.
    private static byte[] Module(byte[] code)
    {
        byte[] signatures = [4, 1, 3, 0, 0, 1, 2, 0, 0];
        byte[][] bodies =
        [
            [.. code, 0x0b], [0x0b], Bytes("41 01 0b"), Bytes("41 01 0b"), Bytes("41 01 0b"), [0x0b], [0x0b], [0x41, 0xc0, 0, 0x0b], Bytes("41 00 0b"), Bytes("20 00 20 01 6a 41 01 6b 0b"),
        ];
        byte[] prime = new byte[32];
        Fr.Modulus.TryWriteBytes(prime, out _, isUnsigned: true);
        return
        [
            .. "\0asm\x01\0\0\0"u8,
            .. Section(1, [5, .. Bytes("60 00 01 7f  60 01 7f 00  60 00 00  60 02 7f 7f 01 7f  60 03 7f 7f 7f 00")]),
            .. Section(2, [4, .. Import("exceptionHandler", 1), .. Import("printErrorMessage", 2), .. Import("writeBufferMessage", 2), .. Import("showSharedRWMemory", 2)]),
            .. Section(3, [10, .. signatures, 3]),
            .. Section(4, Bytes("01 70 00 02")),
            .. Section(5, Bytes("01 00 01")),
            .. Section(7, [(byte)Functions.Length, .. Functions.SelectMany((name, i) => (byte[])[.. Name(name), 0, (byte)(4 + i)])]),
            .. Section(9, Bytes("01 00 41 01 0b 01 0d")),
            .. Section(10, [10, .. bodies.SelectMany(b => (byte[])[.. Number(b.Length + 1), 0, .. b])]),
            .. Section(11, [1, 0, 0x41, 0xc0, 0, 0x0b, 32, .. prime]),
        ];
    }

    private static byte[] Section(byte id, byte[] content) => [id, .. Number(content.Length), .. content];

    private static byte[] Import(string name, byte type) => [.. Name("runtime"), .. Name(name), 0, type];

    private static byte[] Name(string name) => [(byte)name.Length, .. System.Text.Encoding.ASCII.GetBytes(name)];

    private static byte[] Number(int value) => value < 128 ? [(byte)value] : [(byte)(value & 0x7f | 0x80), (byte)(value >> 7)];
}
