using System.Globalization;
using System.Text;

namespace Rollup.Circuits.Native;

/// <summary>
/// Translates one function. WebAssembly's operand stack is followed symbolically: constants and address arithmetic stay expressions until they are used;
/// what reads memory or calls is put into a variable of its own at once, so that everything happens in the module's order.
/// </summary>
internal sealed class FunctionTranslator(WasmModule module, int function, StringBuilder text)
{
    private const int LongestTerm = 200, ElementBytes = 40, MaxLocals = 50_000;

    /// <summary>A value: a term plus a constant, modulo 2^32; or of 64 bits, then a term or a constant.</summary>
    /// <param name="Term">A C expression without effects; null where there is only the constant.</param>
    /// <param name="ReadsLocal">Whether setting a local variable could change it.</param>
    private readonly record struct Value(string? Term, ulong Constant, bool Wide, bool ReadsLocal);

    /// <param name="Floor">Height of the operand stack when it began.</param>
    private sealed record Block(bool IsLoop, bool IsIf, string Label, int Floor)
    {
        public bool IsTarget { get; set; }
    }

    /// <summary>Copies of elements to consecutive places that are not written yet; <c>Step</c> is the distance of the places they come from.</summary>
    private readonly record struct Copies(Value To, Value From, uint Count, uint Step);

    private static readonly string[] Comparisons = ["==", "!=", "< s", "<", "> s", ">", "<= s", "<=", ">= s", ">="];

    private readonly WasmFunction body = module.Functions[function - module.Imports.Count];
    private readonly WasmType type = module.TypeOf(function);
    private readonly Stack<Value> operands = new();
    private readonly Stack<Block> blocks = new();
    private bool[] locals = [];
    private int variables, labels;
    private Copies copies;

    public static string Signature(WasmType type, string name) =>
        $"{CType(type.Result)} {name}(uint8_t *m{string.Concat(type.Parameters.Select((wide, i) => $", {CType(wide)} l{Text(i)}"))})";

    /// <summary>A number that equal types have in common.</summary>
    public static int TableType(WasmModule module, int type) => module.Types.FindIndex(t => t.Equals(module.Types[type])) + 1;

    public void Run()
    {
        var reader = new WasmReader(module.Content, body.Start, body.End - body.Start);
        text.Append(Signature(type, $"f{Text(function)}")).Append(" {\n");
        DeclareLocals(ref reader);
        text.Append("ENTER(m);\n");
        blocks.Push(new Block(IsLoop: false, IsIf: false, "done", 0));
        while (blocks.Count > 0) Translate(reader.Byte(), ref reader);
        if (!reader.AtEnd) throw reader.Error("a function goes on after its end");
        text.Append("}\n");
    }

    private void DeclareLocals(ref WasmReader reader)
    {
        var all = new List<bool>(type.Parameters);
        for (int i = 0, groups = reader.Count(); i < groups; i++)
        {
            uint count = reader.Unsigned();
            if (count > MaxLocals - all.Count) throw reader.Error($"a function has {count} local variables");
            bool wide = reader.IsWide();
            for (uint k = 0; k < count; k++)
            {
                text.Append(CType(wide)).Append(" l").Append(Text(all.Count)).Append(" = 0;\n");
                all.Add(wide);
            }
        }

        locals = [.. all];
    }

    private void Translate(byte code, ref WasmReader reader)
    {
        switch (code)
        {
            case 0x00: Emit("leave(m, UNREACHABLE);"); SkipDeadCode(ref reader); break;
            case 0x01: break;
            case 0x02 or 0x03 or 0x04: Begin(code, ref reader); break;
            case 0x05: Else(ref reader); break;
            case 0x0b: End(ref reader); break;
            case 0x0c: Emit(Branch(reader.Index(blocks.Count))); SkipDeadCode(ref reader); break;
            case 0x0d: BranchIf(ref reader); break;
            case 0x0f: Emit(Return(ref reader)); SkipDeadCode(ref reader); break;
            case 0x10: Call(reader.Index(module.FunctionTypes.Count), ref reader); break;
            case 0x11: CallIndirect(ref reader); break;
            case 0x1a: Pop(ref reader); break;
            case 0x1b: Select(ref reader); break;
            case 0x20: int local = reader.Index(locals.Length); operands.Push(new Value($"l{Text(local)}", 0, locals[local], true)); break;
            case 0x21: SetLocal(ref reader, keep: false); break;
            case 0x22: SetLocal(ref reader, keep: true); break;
            case 0x28 or 0x29 or (>= 0x2c and <= 0x35): Load(code, ref reader); break;
            case 0x36 or 0x37 or (>= 0x3a and <= 0x3e): Store(code, ref reader); break;
            case 0x3f: reader.Byte(); PushVariable("memory_pages(m)", wide: false); break;
            case 0x40: reader.Byte(); PushVariable($"memory_grow(m, {C(Pop(ref reader))})", wide: false); break;
            case 0x41: operands.Push(new Value(null, unchecked((uint)reader.Signed()), false, false)); break;
            case 0x42: operands.Push(new Value(null, reader.Signed(), true, false)); break;
            case 0x45 or 0x50: PushTerm($"!{C(Pop(ref reader))}", wide: false); break;
            case >= 0x46 and <= 0x4f: Compare(Comparisons[code - 0x46], wide: false, ref reader); break;
            case >= 0x51 and <= 0x5a: Compare(Comparisons[code - 0x51], wide: true, ref reader); break;
            case >= 0x6a and <= 0x76: Binary(code - 0x6a, wide: false, ref reader); break;
            case >= 0x7c and <= 0x88: Binary(code - 0x7c, wide: true, ref reader); break;
            case 0xa7: PushTerm($"(uint32_t){C(Pop(ref reader))}", wide: false); break;
            case 0xac: PushTerm($"(uint64_t)(int64_t)(int32_t){C(Pop(ref reader))}", wide: true); break;
            case 0xad: PushTerm($"(uint64_t){C(Pop(ref reader))}", wide: true); break;
            default: throw Unknown(code, ref reader);
        }
    }

    private static WasmException Unknown(byte code, ref WasmReader reader) => reader.Error($"instruction 0x{code.ToString("x2", CultureInfo.InvariantCulture)} is not one that circom writes");

    private void Begin(byte code, ref WasmReader reader)
    {
        if (reader.Byte() != 0x40) throw reader.Error("a block has a result");
        string opening = code == 0x04 ? $"if ({C(Pop(ref reader))}) {{" : "{";
        SettleLocals();
        string label = $"b{Text(labels++)}";
        Emit(code == 0x03 ? $"{label}:; POLL(m); {{" : opening);
        blocks.Push(new Block(code == 0x03, code == 0x04, label, operands.Count));
    }

    private void Else(ref WasmReader reader)
    {
        if (!blocks.Peek().IsIf || operands.Count < blocks.Peek().Floor) throw reader.Error("an else has no if");
        DropTo(blocks.Peek().Floor);
        Emit("} else {");
    }

    private void End(ref WasmReader reader)
    {
        Block block = blocks.Peek();
        if (blocks.Count == 1) Emit(Return(ref reader));
        blocks.Pop();
        if (blocks.Count == 0) return;
        DropTo(block.Floor);
        Emit(block is { IsLoop: false, IsTarget: true } ? $"}} {block.Label}:;" : "}");
    }

    private string Branch(int depth)
    {
        Block target = blocks.ElementAt(depth);
        if (depth == blocks.Count - 1) throw new WasmException("A branch leaves its function; circom writes return.");
        target.IsTarget = true;
        return $"goto {target.Label};";
    }

    private void BranchIf(ref WasmReader reader)
    {
        string condition = C(Pop(ref reader));
        Emit($"if ({condition}) {Branch(reader.Index(blocks.Count))}");
    }

    private string Return(ref WasmReader reader) => type.Result is null ? "return;" : $"return {C(Pop(ref reader))};";

    // After a jump, up to the end or else of the block that it is in.
    private void SkipDeadCode(ref WasmReader reader)
    {
        for (int depth = 0; ;)
        {
            int before = reader.Position;
            byte code = reader.Byte();
            switch (code)
            {
                case 0x02 or 0x03 or 0x04: reader.Byte(); depth++; break;
                case 0x05 or 0x0b when depth == 0:
                    if (code == 0x0b && blocks.Count == 1)
                    {
                        blocks.Pop();
                        return;
                    }

                    Translate(code, ref reader);
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
        WasmType called = module.TypeOf(callee);
        Value[] arguments = PopArguments(called, ref reader);
        if (module.IsElementCopy(callee)) Copy(arguments[0], arguments[1]);
        else PushCall(callee < module.Imports.Count ? Import(module.Imports[callee]) : $"f{Text(callee)}", called, arguments);
    }

    private static string Import(string name) => WitnessTranslator.Imports.Contains(name) ? name.Replace('.', '_')
        : throw new WasmException($"The WebAssembly module imports {name}, which circom 2 does not provide.");

    private void CallIndirect(ref WasmReader reader)
    {
        int index = reader.Index(module.Types.Count);
        reader.Byte();
        WasmType called = module.Types[index];
        string place = Variable(Pop(ref reader));
        Value[] arguments = PopArguments(called, ref reader);
        Emit($"if ({place} >= {Text(module.Table.Length)}u || table[{place}].type != {Text(TableType(module, index))}u) leave(m, BAD_CALL);");
        PushCall($"(({Signature(called, "(*)")})table[{place}].code)", called, arguments);
    }

    private Value[] PopArguments(WasmType called, ref WasmReader reader)
    {
        var arguments = new Value[called.Parameters.Length];
        for (int i = arguments.Length - 1; i >= 0; i--) arguments[i] = Pop(ref reader);
        return arguments;
    }

    private void PushCall(string name, WasmType called, Value[] arguments)
    {
        string call = $"{name}(m{string.Concat(arguments.Select(a => $", {C(a)}"))})";
        if (called.Result is { } wide) PushVariable(call, wide);
        else Emit($"{call};");
    }

    // Tables of constants and initial zeros are copied element by element, thousands a hash: joined, they are most of what is saved in code and time.
    private void Copy(Value to, Value from)
    {
        uint step = copies.Count != 1 ? copies.Step : from == copies.From ? 0u : ElementBytes;
        if (copies.Count > 0 && Follows(copies.To, to, ElementBytes) && Follows(copies.From, from, step))
        {
            copies = copies with { Count = copies.Count + 1, Step = step };
            return;
        }

        FlushCopies();
        copies = new Copies(to, from, 1, ElementBytes);
    }

    private bool Follows(Value first, Value next, uint step) =>
        first.Term == next.Term && unchecked((uint)(first.Constant + (ulong)step * copies.Count)) == next.Constant;

    private void FlushCopies()
    {
        if (copies.Count > 0) text.Append(CultureInfo.InvariantCulture, $"{(copies.Step == 0 ? "fill" : "copy")}(m, {C(copies.To)}, {C(copies.From)}, {copies.Count}u);\n");
        copies = default;
    }

    private void Select(ref WasmReader reader)
    {
        Value condition = Pop(ref reader), otherwise = Pop(ref reader), chosen = Pop(ref reader);
        PushTerm($"({C(condition)} ? {C(chosen)} : {C(otherwise)})", chosen.Wide);
    }

    private void SetLocal(ref WasmReader reader, bool keep)
    {
        int local = reader.Index(locals.Length);
        Value value = Pop(ref reader);
        SettleLocals();
        Emit($"l{Text(local)} = {C(value)};");
        if (keep) operands.Push(new Value($"l{Text(local)}", 0, locals[local], true));
    }

    private void Load(byte code, ref WasmReader reader)
    {
        // i32.load, i64.load; i32.load8_s, 8_u, 16_s, 16_u; i64.load8_s, 8_u, 16_s, 16_u, 32_s, 32_u.
        int bits = code switch { 0x28 => 32, 0x29 => 64, 0x2c or 0x2d or 0x30 or 0x31 => 8, 0x2e or 0x2f or 0x32 or 0x33 => 16, _ => 32 };
        bool wide = code is 0x29 or >= 0x30, signed = code >= 0x2c && code % 2 == 0;
        string address = Access(ref reader, bits, out bool isChecked);
        string extension = signed ? $"({CType(wide)})({(wide ? "int64_t" : "int32_t")})(int{Text(bits)}_t)" : "";
        PushVariable($"{extension}load{Text(bits)}{(isChecked ? "_at(" : "(m, ")}{address})", wide);
    }

    private void Store(byte code, ref WasmReader reader)
    {
        int bits = code switch { 0x36 or 0x3e => 32, 0x37 => 64, 0x3a or 0x3c => 8, _ => 16 };
        Value value = Pop(ref reader);
        string address = Access(ref reader, bits, out bool isChecked);
        Emit($"store{Text(bits)}{(isChecked ? "_at(" : "(m, ")}{address}, (uint{Text(bits)}_t){C(value)});");
    }

    // The effective address: WebAssembly adds the instruction's offset without wrapping.
    private string Access(ref WasmReader reader, int bits, out bool isChecked)
    {
        reader.Unsigned();
        uint offset = reader.Unsigned();
        Value address = Pop(ref reader);
        if (address.Wide) throw reader.Error("an address has 64 bits");
        isChecked = address.Term is null && address.Constant + offset + (ulong)bits / 8 <= module.MemoryBytes;
        return isChecked ? $"m + {Text(address.Constant + offset)}u" : offset == 0 ? C(address) : $"(uint64_t){C(address)} + {Text(offset)}u";
    }

    private void Compare(string comparison, bool wide, ref WasmReader reader)
    {
        Value right = Pop(ref reader), left = Pop(ref reader);
        string[] parts = comparison.Split(' ');
        string cast = parts.Length == 1 ? "" : wide ? "(int64_t)" : "(int32_t)";
        PushTerm($"(uint32_t)({cast}{C(left)} {parts[0]} {cast}{C(right)})", wide: false);
    }

    private void Binary(int operation, bool wide, ref WasmReader reader)
    {
        Value right = Pop(ref reader), left = Pop(ref reader);
        if (!wide && ((operation is 0 or 1 && right.Term is null) || (operation == 0 && left.Term is null)))
        {
            // A sum with a constant keeps its term.
            ulong constant = unchecked((uint)(operation == 0 ? left.Constant + right.Constant : left.Constant - right.Constant));
            operands.Push(new Value(left.Term ?? right.Term, constant, false, left.ReadsLocal || right.ReadsLocal));
            return;
        }

        if (!wide && operation == 2 && left.Term is null && right.Term is null)
        {
            operands.Push(new Value(null, unchecked((uint)(left.Constant * right.Constant)), false, false));
            return;
        }

        string bits = wide ? "64" : "32", a = C(left), b = C(right);
        switch (operation)
        {
            case 0: PushTerm($"({a} + {b})", wide); break;
            case 1: PushTerm($"({a} - {b})", wide); break;
            case 2: PushTerm($"({a} * {b})", wide); break;
            case 4: PushVariable($"div{bits}(m, {a}, {b})", wide); break;
            case 6: PushVariable($"rem{bits}(m, {a}, {b})", wide); break;
            case 7: PushTerm($"({a} & {b})", wide); break;
            case 8: PushTerm($"({a} | {b})", wide); break;
            case 9: PushTerm($"({a} ^ {b})", wide); break;
            case 10: PushTerm($"({a} << ({b} & {(wide ? 63 : 31)}))", wide); break;
            case 11: PushTerm($"({CType(wide)})((int{bits}_t){a} >> ({b} & {(wide ? 63 : 31)}))", wide); break;
            case 12: PushTerm($"({a} >> ({b} & {(wide ? 63 : 31)}))", wide); break;
            default: throw reader.Error("a signed division is not one that circom writes");
        }
    }

    private Value Pop(ref WasmReader reader)
    {
        if (operands.Count <= blocks.Peek().Floor) throw reader.Error("an instruction lacks an operand");
        return operands.Pop();
    }

    private void DropTo(int floor)
    {
        while (operands.Count > floor) operands.Pop();
    }

    private void PushTerm(string term, bool wide)
    {
        if (term.Length > LongestTerm) PushVariable(term, wide);
        else operands.Push(new Value(term, 0, wide, ReadsLocal: true));
    }

    private void PushVariable(string expression, bool wide)
    {
        string name = $"v{Text(variables++)}";
        Emit($"{CType(wide)} {name} = {expression};");
        operands.Push(new Value(name, 0, wide, ReadsLocal: false));
    }

    private string Variable(Value value)
    {
        string name = $"v{Text(variables++)}";
        Emit($"{CType(value.Wide)} {name} = {C(value)};");
        return name;
    }

    // Values that are still expressions over local variables, before those change or a block is entered that may change them.
    private void SettleLocals()
    {
        if (!operands.Any(v => v.ReadsLocal)) return;
        Value[] all = [.. operands.Reverse()];
        operands.Clear();
        foreach (Value value in all) operands.Push(value.ReadsLocal ? new Value(Variable(value), 0, value.Wide, false) : value);
    }

    private void Emit(string statement)
    {
        FlushCopies();
        text.Append(statement).Append('\n');
    }

    private static string C(Value value) => value switch
    {
        { Term: null, Wide: true } => $"{Text(value.Constant)}ull",
        { Term: null } => $"{Text(value.Constant)}u",
        { Constant: 0 } => value.Term,
        _ => $"({value.Term} + {Text(value.Constant)}u)",
    };

    private static string CType(bool? wide) => wide switch { null => "void", true => "uint64_t", false => "uint32_t" };

    private static string Text<T>(T number)
        where T : IFormattable => number.ToString(null, CultureInfo.InvariantCulture);
}
