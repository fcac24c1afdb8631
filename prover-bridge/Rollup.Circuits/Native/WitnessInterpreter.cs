using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Rollup.Circuits.Native;

/// <summary>
/// Runs the WebAssembly witness generator that circom makes, instruction by instruction: for machines without a C compiler, some twenty times more slowly than the translated library. It takes the same modules as
/// <see cref="WitnessTranslator"/> and ends with the same codes. Every calculation has a memory of its own; any number may run at once.
/// </summary>
public sealed class WitnessInterpreter
{
    private readonly WasmModule module;
    private readonly FunctionDecoder.Code?[] code;

    /// <exception cref="WasmException">The module is malformed, or no witness generator of circom 2.</exception>
    public WitnessInterpreter(byte[] wasm)
    {
        module = WitnessTranslator.Parse(wasm);
        code = new FunctionDecoder.Code?[module.Functions.Count];
    }

    /// <summary>What the circuit computes with: its prime, and how many values come out and go in.</summary>
    /// <returns>0 or an exception's code.</returns>
    public int Describe(Span<ulong> prime, out uint wires, out uint inputs)
    {
        (wires, inputs) = (0, 0);
        try
        {
            var run = new Run(this, int.MaxValue, default);
            wires = (uint)run.Call("getWitnessSize");
            inputs = (uint)run.Call("getInputSize");
            run.Call("getRawPrime");
            run.Read((uint)run.Call("getSharedRWMemoryStart"), prime);
            return 0;
        }
        catch (TrapException trap)
        {
            return trap.Code;
        }
    }

    /// <summary>Calculates a witness. Needs 8 MiB of stack.</summary>
    /// <param name="hashes">FNV-1a of each signal's name.</param>
    /// <param name="counts">Its values.</param>
    /// <param name="values">Four limbs each, all signals' one after the other.</param>
    /// <param name="witness">Four limbs a wire.</param>
    /// <param name="memoryLimit">Bytes of the circuit's memory; at most 2 GiB count.</param>
    /// <param name="current">The signal that was being set at the end.</param>
    /// <param name="message">What the circuit said.</param>
    /// <returns>0, circom's exception (1 to 6), or one of the codes of circuit.h.</returns>
    public int Calculate(
        ReadOnlySpan<ulong> hashes, ReadOnlySpan<uint> counts, ReadOnlySpan<ulong> values, Span<ulong> witness, long memoryLimit, CancellationToken cancellation, out uint current, out string message)
    {
        (current, message) = (0, "");
        Run? run = null;
        try
        {
            run = new Run(this, memoryLimit, cancellation);
            uint shared = (uint)run.Call("getSharedRWMemoryStart"), total = 0;
            run.Call("init", 0);
            for (int s = 0; s < hashes.Length; s++)
            {
                ulong high = hashes[s] >> 32, low = unchecked((uint)hashes[s]);
                current = (uint)s;
                for (uint i = 0; i < counts[s]; i++, total++)
                {
                    run.Write(shared, values.Slice(4 * (int)total, 4));
                    run.Call("setInputSignal", high, low, i);
                    if (i == 0 && counts[s] < (uint)run.Call("getInputSignalSize", high, low)) throw new TrapException(Trap.TooFewValues);
                }
            }

            // The circuit started with its last input.
            if (total < (uint)run.Call("getInputSize")) throw new TrapException(Trap.InputsMissing);
            for (int w = 0; w < witness.Length / 4; w++)
            {
                run.Call("getWitness", (ulong)w);
                run.Read(shared, witness.Slice(4 * w, 4));
            }

            return 0;
        }
        catch (TrapException trap)
        {
            message = run?.Said ?? "";
            return trap.Code;
        }
    }

    // Functions are decoded when they are first called; two threads that do it at once come to the same.
    private FunctionDecoder.Code CodeOf(int function) => code[function - module.Imports.Count] ??= new FunctionDecoder(module, function).Run();

    private sealed class TrapException(int code) : Exception
    {
        internal int Code => code;
    }

    /// <summary>One calculation.</summary>
    private sealed class Run
    {
        private const int Depth = 4_000, StackSize = 1 << 20, PageBits = 16, MessageLength = 2_000;

        private readonly WitnessInterpreter owner;
        private readonly WasmModule module;
        private readonly CancellationToken cancellation;
        private readonly ulong limit;
        private readonly ulong[] stack = new ulong[StackSize];
        private readonly StringBuilder said = new();
        private byte[] memory;
        private int depth;

        internal Run(WitnessInterpreter owner, long memoryLimit, CancellationToken cancellation)
        {
            (this.owner, module, this.cancellation, limit) = (owner, owner.module, cancellation, (ulong)Math.Min(memoryLimit, int.MaxValue));
            if (module.MemoryBytes > limit) throw new TrapException(Trap.NoMemory);
            memory = new byte[module.MemoryBytes];
            foreach (WasmData data in module.Data) module.Content.AsSpan(data.Start, data.Length).CopyTo(memory.AsSpan((int)data.Offset));
        }

        internal string Said => said.ToString();

        internal void Read(uint address, Span<ulong> limbs)
        {
            for (int i = 0; i < limbs.Length; i++) limbs[i] = BinaryPrimitives.ReadUInt64LittleEndian(At(address + 8UL * (ulong)i, 8));
        }

        internal void Write(uint address, ReadOnlySpan<ulong> limbs)
        {
            for (int i = 0; i < limbs.Length; i++) BinaryPrimitives.WriteUInt64LittleEndian(At(address + 8UL * (ulong)i, 8), limbs[i]);
        }

        /// <summary>Calls an exported function; 0 if it gives nothing.</summary>
        internal ulong Call(string name, params ReadOnlySpan<ulong> arguments)
        {
            int function = module.ExportedFunctions[name];
            if (module.TypeOf(function).Parameters.Length != arguments.Length) throw new TrapException(Trap.BadCall);
            arguments.CopyTo(stack);
            bool hasResult = Call(function, 0);
            return hasResult ? stack[0] : 0;
        }

        private Span<byte> At(ulong address, int length) => address + (ulong)length <= (ulong)memory.Length ? memory.AsSpan((int)address, length) : throw new TrapException(Trap.OutOfBounds);

        private uint Grow(uint pages)
        {
            uint before = (uint)(memory.Length >> PageBits);
            if (((ulong)pages << PageBits) > limit - (ulong)memory.Length) return uint.MaxValue;
            Array.Resize(ref memory, memory.Length + (int)(pages << PageBits));
            return before;
        }

        private void Import(string name, int frame)
        {
            switch (name)
            {
                case "runtime.exceptionHandler": throw new TrapException(stack[frame] is >= 1 and <= 6 and var code ? (int)code : Trap.Unreachable);
                case "runtime.printErrorMessage":
                    // The message that an aborted template leaves, and one from every template that it was reached through.
                    while (Call(module.ExportedFunctions["getMessageChar"], frame) && (uint)stack[frame] is var next and not 0)
                        if (said.Length < MessageLength) said.Append((char)(next & 0x7f));
                    said.Append('\n');
                    break;
                default: break; // log() of the circuit: values that nobody but their owner may see.
            }
        }

        /// <summary>Runs a function whose arguments are at <paramref name="frame"/> of the stack, where its result goes.</summary>
        /// <returns>Whether it has one.</returns>
        private bool Call(int function, int frame)
        {
            WasmType type = module.TypeOf(function);
            if (function < module.Imports.Count)
            {
                Import(module.Imports[function], frame);
                return false;
            }

            FunctionDecoder.Code body = owner.CodeOf(function);
            if (depth >= Depth || frame + body.FrameSize > stack.Length) throw new TrapException(Trap.StackOverflow);
            depth++;
            Span<ulong> cells = stack.AsSpan(frame, body.FrameSize);
            cells[type.Parameters.Length..body.Locals].Clear();
            Execute(body.Steps, cells, frame);
            depth--;
            return type.Result is not null;
        }

        private void Execute(FunctionDecoder.Step[] steps, Span<ulong> cells, int frame)
        {
            unchecked
            {
                for (int next = 0; ;)
                {
                    ref readonly FunctionDecoder.Step step = ref steps[next++];
                    ref ulong top = ref cells[step.At];
                    switch (step.Code)
                    {
                        case FunctionDecoder.Poll: cancellation.ThrowIfCancellationRequested(); break;
                        case FunctionDecoder.Jump: next = step.Argument; break;
                        case FunctionDecoder.JumpIf: if ((uint)top != 0) next = step.Argument; break;
                        case FunctionDecoder.JumpUnless: if ((uint)top == 0) next = step.Argument; break;
                        case FunctionDecoder.Return:
                            cells[0] = top;
                            return;
                        case FunctionDecoder.Unreachable: throw new TrapException(Trap.Unreachable);
                        case FunctionDecoder.CopyElement:
                            Copy((uint)top, (uint)cells[step.At + 1]);
                            break;
                        case 0x10: Call(step.Argument, frame + step.At); break;
                        case 0x11:
                            int callee = cells[step.Argument] < (ulong)module.Table.Length ? module.Table[(int)cells[step.Argument]] : -1;
                            if (callee < 0 || !module.TypeOf(callee).Equals(module.Types[(int)step.Value])) throw new TrapException(Trap.BadCall);
                            Call(callee, frame + step.At);
                            break;
                        case 0x1b: if ((uint)cells[step.At + 2] == 0) top = cells[step.At + 1]; break;
                        case 0x20: top = cells[step.Argument]; break;
                        case 0x21: cells[step.Argument] = top; break;
                        case 0x41: top = step.Value; break;
                        case 0x28 or 0x35: top = BinaryPrimitives.ReadUInt32LittleEndian(At((uint)top + step.Value, 4)); break;
                        case 0x29: top = BinaryPrimitives.ReadUInt64LittleEndian(At((uint)top + step.Value, 8)); break;
                        case 0x2c: top = (uint)(sbyte)At((uint)top + step.Value, 1)[0]; break;
                        case 0x2d or 0x31: top = At((uint)top + step.Value, 1)[0]; break;
                        case 0x2e: top = (uint)BinaryPrimitives.ReadInt16LittleEndian(At((uint)top + step.Value, 2)); break;
                        case 0x2f or 0x33: top = BinaryPrimitives.ReadUInt16LittleEndian(At((uint)top + step.Value, 2)); break;
                        case 0x30: top = (ulong)(sbyte)At((uint)top + step.Value, 1)[0]; break;
                        case 0x32: top = (ulong)BinaryPrimitives.ReadInt16LittleEndian(At((uint)top + step.Value, 2)); break;
                        case 0x34: top = (ulong)BinaryPrimitives.ReadInt32LittleEndian(At((uint)top + step.Value, 4)); break;
                        case 0x36 or 0x3e: BinaryPrimitives.WriteUInt32LittleEndian(At((uint)top + step.Value, 4), (uint)cells[step.At + 1]); break;
                        case 0x37: BinaryPrimitives.WriteUInt64LittleEndian(At((uint)top + step.Value, 8), cells[step.At + 1]); break;
                        case 0x3a or 0x3c: At((uint)top + step.Value, 1)[0] = (byte)cells[step.At + 1]; break;
                        case 0x3b or 0x3d: BinaryPrimitives.WriteUInt16LittleEndian(At((uint)top + step.Value, 2), (ushort)cells[step.At + 1]); break;
                        case 0x3f: top = (uint)(memory.Length >> PageBits); break;
                        case 0x40: top = Grow((uint)top); break;
                        case 0x45 or 0x50: top = top == 0 ? 1UL : 0; break;
                        case 0xa7: top = (uint)top; break;
                        case 0xac: top = (ulong)(int)top; break;
                        default: top = step.Code < 0x5b ? Compare(step.Code, top, cells[step.At + 1]) : step.Code < 0x7c ? Binary32(step.Code, (uint)top, (uint)cells[step.At + 1]) : Binary64(step.Code, top, cells[step.At + 1]); break;
                    }
                }
            }
        }

        // Five times load and store of 64 bits, in this order also where they overlap.
        private void Copy(ulong to, ulong from)
        {
            Span<byte> t = At(to, FunctionDecoder.ElementBytes), f = At(from, FunctionDecoder.ElementBytes);
            for (int i = 0; i < FunctionDecoder.ElementBytes; i += 8) BinaryPrimitives.WriteUInt64LittleEndian(t[i..], BinaryPrimitives.ReadUInt64LittleEndian(f[i..]));
        }

        private static ulong Compare(byte code, ulong a, ulong b) => unchecked(code switch
        {
            0x46 or 0x51 => a == b,
            0x47 or 0x52 => a != b,
            0x48 => (int)a < (int)b,
            0x49 or 0x54 => a < b,
            0x4a => (int)a > (int)b,
            0x4b or 0x56 => a > b,
            0x4c => (int)a <= (int)b,
            0x4d or 0x58 => a <= b,
            0x4e => (int)a >= (int)b,
            0x4f or 0x5a => a >= b,
            0x53 => (long)a < (long)b,
            0x55 => (long)a > (long)b,
            0x57 => (long)a <= (long)b,
            _ => (long)a >= (long)b,
        }) ? 1UL : 0;

        private static uint Binary32(byte code, uint a, uint b) => unchecked(code switch
        {
            0x6a => a + b,
            0x6b => a - b,
            0x6c => a * b,
            0x6e => b != 0 ? a / b : throw new TrapException(Trap.DivisionByZero),
            0x70 => b != 0 ? a % b : throw new TrapException(Trap.DivisionByZero),
            0x71 => a & b,
            0x72 => a | b,
            0x73 => a ^ b,
            0x74 => a << (int)b,
            0x75 => (uint)((int)a >> (int)b),
            _ => a >> (int)b,
        });

        private static ulong Binary64(byte code, ulong a, ulong b) => unchecked(code switch
        {
            0x7c => a + b,
            0x7d => a - b,
            0x7e => a * b,
            0x80 => b != 0 ? a / b : throw new TrapException(Trap.DivisionByZero),
            0x82 => b != 0 ? a % b : throw new TrapException(Trap.DivisionByZero),
            0x83 => a & b,
            0x84 => a | b,
            0x85 => a ^ b,
            0x86 => a << (int)b,
            0x87 => (ulong)((long)a >> (int)b),
            _ => a >> (int)b,
        });
    }

    /// <summary>The codes of circuit.h.</summary>
    private static class Trap
    {
        internal const int StackOverflow = 100, OutOfBounds = 101, DivisionByZero = 102, BadCall = 103, Unreachable = 104, NoMemory = 106, TooFewValues = 107, InputsMissing = 108;
    }
}

/// <summary>
/// Decodes one function. The operand stack has the same height whenever an instruction runs, so every operand gets a cell of its own behind the local variables, and jumps their targets.
/// </summary>
internal sealed class FunctionDecoder(WasmModule module, int function)
{
    /// <summary>Steps that are no instruction of WebAssembly's.</summary>
    internal const byte Poll = 0xf0, Jump = 0xf1, JumpIf = 0xf2, JumpUnless = 0xf3, Return = 0xf4, Unreachable = 0xf5, CopyElement = 0xf6;

    internal const int ElementBytes = 40;
    private const int MaxLocals = 50_000;

    /// <param name="At">The cell of the lowest operand, where the result goes too.</param>
    /// <param name="Argument">A local variable, a function, the step to go on with, or of an indirect call the cell of its place.</param>
    /// <param name="Value">A constant, an offset, or a type.</param>
    internal readonly record struct Step(byte Code, int At, int Argument = 0, ulong Value = 0);

    /// <param name="Locals">Parameters included.</param>
    /// <param name="FrameSize">Cells of local variables and operands.</param>
    internal sealed record Code(Step[] Steps, int Locals, int FrameSize);

    /// <param name="Start">Of a loop, the step to jump to.</param>
    /// <param name="Floor">Cell of the first operand within.</param>
    private sealed record Block(byte Opening, int Start, int Floor)
    {
        /// <summary>Jumps to its end.</summary>
        internal List<int> Exits { get; } = [];

        /// <summary>Of an if: the jump to its else or end; -1 once that is known.</summary>
        internal int Otherwise { get; set; } = -1;
    }

    private readonly WasmFunction body = module.Functions[function - module.Imports.Count];
    private readonly WasmType type = module.TypeOf(function);
    private readonly List<Step> steps = [];
    private readonly Stack<Block> blocks = new();
    private int locals, height, highest;

    internal Code Run()
    {
        var reader = new WasmReader(module.Content, body.Start, body.End - body.Start);
        locals = type.Parameters.Length;
        for (int i = 0, groups = reader.Count(); i < groups; i++)
        {
            uint count = reader.Unsigned();
            if (count > MaxLocals - locals) throw reader.Error($"a function has {count} local variables");
            reader.IsWide();
            locals += (int)count;
        }

        height = highest = locals;
        blocks.Push(new Block(0x02, 0, height));
        while (blocks.Count > 0) Decode(reader.Byte(), ref reader);
        if (!reader.AtEnd) throw reader.Error("a function goes on after its end");
        return new Code([.. steps], locals, highest + 1);
    }

    private void Decode(byte code, ref WasmReader reader)
    {
        switch (code)
        {
            case 0x00: steps.Add(new Step(Unreachable, 0)); SkipDeadCode(ref reader); break;
            case 0x01: break;
            case 0x02 or 0x03 or 0x04: Begin(code, ref reader); break;
            case 0x05: Else(ref reader); break;
            case 0x0b: End(ref reader); break;
            case 0x0c: Branch(Jump, 0, reader.Index(blocks.Count)); SkipDeadCode(ref reader); break;
            case 0x0d: Branch(JumpIf, Pop(1, ref reader), reader.Index(blocks.Count)); break;
            case 0x0f: Leave(ref reader); SkipDeadCode(ref reader); break;
            case 0x10: Call(reader.Index(module.FunctionTypes.Count), ref reader); break;
            case 0x11:
                int index = reader.Index(module.Types.Count);
                reader.Byte();
                int place = Pop(1, ref reader);
                Called(module.Types[index], new Step(0x11, 0, place, (ulong)index), ref reader);
                break;
            case 0x1a: Pop(1, ref reader); break;
            case 0x1b: Apply(new Step(code, 0), 3, ref reader); break;
            case 0x20: Push(new Step(code, height, reader.Index(locals))); break;
            case 0x21: steps.Add(new Step(0x21, Pop(1, ref reader), reader.Index(locals))); break;
            case 0x22: steps.Add(new Step(0x21, Pop(1, ref reader), reader.Index(locals))); height++; break;
            case 0x28 or 0x29 or (>= 0x2c and <= 0x35): reader.Unsigned(); Apply(new Step(code, 0, 0, reader.Unsigned()), 1, ref reader); break;
            case 0x36 or 0x37 or (>= 0x3a and <= 0x3e): reader.Unsigned(); steps.Add(new Step(code, Pop(2, ref reader), 0, reader.Unsigned())); break;
            case 0x3f: reader.Byte(); Push(new Step(code, height)); break;
            case 0x40: reader.Byte(); Apply(new Step(code, 0), 1, ref reader); break;
            case 0x41: Push(new Step(0x41, height, 0, unchecked((uint)reader.Signed()))); break;
            case 0x42: Push(new Step(0x41, height, 0, reader.Signed())); break;
            case 0x45 or 0x50 or 0xa7 or 0xac: Apply(new Step(code, 0), 1, ref reader); break;
            case 0xad: Pop(1, ref reader); height++; break; // Numbers of 32 bits are kept with zeros above.
            case (>= 0x46 and <= 0x4f) or (>= 0x51 and <= 0x5a) or (>= 0x6a and <= 0x6c) or 0x6e or (>= 0x70 and <= 0x76) or (>= 0x7c and <= 0x7e) or 0x80 or (>= 0x82 and <= 0x88):
                Apply(new Step(code, 0), 2, ref reader);
                break;
            case 0x6d or 0x6f or 0x7f or 0x81: throw reader.Error("a signed division is not one that circom writes");
            default: throw Unknown(code, ref reader);
        }
    }

    private static WasmException Unknown(byte code, ref WasmReader reader) => reader.Error($"instruction 0x{code.ToString("x2", CultureInfo.InvariantCulture)} is not one that circom writes");

    private void Begin(byte code, ref WasmReader reader)
    {
        if (reader.Byte() != 0x40) throw reader.Error("a block has a result");
        int condition = code == 0x04 ? Pop(1, ref reader) : 0;
        var block = new Block(code, steps.Count, height);
        if (code == 0x03) steps.Add(new Step(Poll, 0));
        if (code == 0x04)
        {
            block.Otherwise = steps.Count;
            steps.Add(new Step(JumpUnless, condition));
        }

        blocks.Push(block);
    }

    private void Else(ref WasmReader reader)
    {
        Block block = blocks.Peek();
        if (block.Otherwise < 0) throw reader.Error("an else has no if");
        block.Exits.Add(steps.Count);
        steps.Add(new Step(Jump, 0));
        steps[block.Otherwise] = steps[block.Otherwise] with { Argument = steps.Count };
        (block.Otherwise, height) = (-1, block.Floor);
    }

    private void End(ref WasmReader reader)
    {
        if (blocks.Count == 1) Leave(ref reader);
        Block block = blocks.Pop();
        if (block.Otherwise >= 0) block.Exits.Add(block.Otherwise);
        foreach (int jump in block.Exits) steps[jump] = steps[jump] with { Argument = steps.Count };
        height = block.Floor;
    }

    private void Branch(byte code, int condition, int depth)
    {
        if (depth == blocks.Count - 1) throw new WasmException("A branch leaves its function; circom writes return.");
        Block target = blocks.ElementAt(depth);
        if (target.Opening != 0x03) target.Exits.Add(steps.Count);
        steps.Add(new Step(code, condition, target.Start));
    }

    private void Leave(ref WasmReader reader) => steps.Add(new Step(Return, type.Result is null ? 0 : Pop(1, ref reader)));

    // After a jump, up to the end or else of the block that it is in.
    private void SkipDeadCode(ref WasmReader reader)
    {
        for (int depth = 0; ;)
        {
            byte code = reader.Byte();
            switch (code)
            {
                case 0x02 or 0x03 or 0x04: reader.Byte(); depth++; break;
                case 0x05 or 0x0b when depth == 0:
                    if (code == 0x0b && blocks.Count == 1) blocks.Pop();
                    else Decode(code, ref reader);
                    return;
                case 0x0b: depth--; break;
                default:
                    if (!reader.SkipImmediates(code)) throw Unknown(code, ref reader);
                    break;
            }
        }
    }

    private void Call(int callee, ref WasmReader reader)
    {
        if (callee < module.Imports.Count && !WitnessTranslator.Imports.Contains(module.Imports[callee])) throw new WasmException($"The WebAssembly module imports {module.Imports[callee]}, which circom 2 does not provide.");
        if (module.IsElementCopy(callee)) steps.Add(new Step(CopyElement, Pop(2, ref reader)));
        else Called(module.TypeOf(callee), new Step(0x10, 0, callee), ref reader);
    }

    private void Called(WasmType called, Step step, ref WasmReader reader)
    {
        steps.Add(step with { At = Pop(called.Parameters.Length, ref reader) });
        if (called.Result is not null) Raise();
    }

    private void Apply(Step step, int operands, ref WasmReader reader)
    {
        steps.Add(step with { At = Pop(operands, ref reader) });
        Raise();
    }

    private void Push(Step step)
    {
        steps.Add(step);
        Raise();
    }

    private void Raise() => highest = Math.Max(highest, ++height);

    /// <summary>Takes operands off.</summary>
    /// <returns>The cell of the lowest.</returns>
    private int Pop(int count, ref WasmReader reader)
    {
        if (height - count < blocks.Peek().Floor) throw reader.Error("an instruction lacks an operand");
        return height -= count;
    }
}
