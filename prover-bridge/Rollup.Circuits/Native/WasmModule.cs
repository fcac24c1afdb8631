using System.Text;

namespace Rollup.Circuits.Native;

/// <summary>A WebAssembly module that cannot be translated: malformed, or beyond what circom generates.</summary>
public sealed class WasmException(string message) : FormatException(message);

/// <summary>Parameters and result of a function; true stands for i64, false for i32.</summary>
internal sealed record WasmType(bool[] Parameters, bool? Result)
{
    public bool Equals(WasmType? other) => other is not null && Result == other.Result && Parameters.AsSpan().SequenceEqual(other.Parameters);

    public override int GetHashCode() => HashCode.Combine(Parameters.Length, Result);
}

/// <param name="Type">Index of its type.</param>
/// <param name="Start">Where its body (locals, then instructions) begins in the file.</param>
internal readonly record struct WasmFunction(int Type, int Start, int End);

/// <param name="Offset">Where the bytes go in memory.</param>
/// <param name="Start">Where they begin in the file.</param>
internal readonly record struct WasmData(uint Offset, int Start, int Length);

/// <summary>
/// The sections of a WebAssembly module (W3C, "WebAssembly Core Specification", version 1, section 5) as circom 2 writes them: imported functions, one
/// memory, one table, exports, code and data of its own; no globals, no start function, integers alone.
/// </summary>
internal sealed class WasmModule
{
    private const uint FunctionForm = 0x60;
    private const int PageBytes = 1 << 16, MaxPages = 1 << 16, MaxTable = 1 << 20;

    private WasmModule(byte[] content) => Content = content;

    public byte[] Content { get; }

    public List<WasmType> Types { get; } = [];

    /// <summary>Names of the imported functions, "module.name"; they have the lowest indices.</summary>
    public List<string> Imports { get; } = [];

    /// <summary>Type index of every function, imported ones first.</summary>
    public List<int> FunctionTypes { get; } = [];

    public List<WasmFunction> Functions { get; } = [];

    /// <summary>Function index by place; -1 where there is none.</summary>
    public int[] Table { get; private set; } = [];

    /// <summary>Bytes of memory at the start.</summary>
    public ulong MemoryBytes { get; private set; }

    public Dictionary<string, int> ExportedFunctions { get; } = [];

    public List<WasmData> Data { get; } = [];

    public WasmType TypeOf(int function) => Types[FunctionTypes[function]];

    /// <summary>Whether a function is circom's Fr_copy, recognised by its code: five times load and store of 64 bits.</summary>
    public bool IsElementCopy(int function)
    {
        if (function < Imports.Count) return false;
        WasmFunction candidate = Functions[function - Imports.Count];
        ReadOnlySpan<byte> code = Content.AsSpan(candidate.Start, candidate.End - candidate.Start);
        ReadOnlySpan<byte> expected =
        [
            0,
            0x20, 0, 0x20, 1, 0x29, 3, 0, 0x37, 3, 0, 0x20, 0, 0x20, 1, 0x29, 3, 8, 0x37, 3, 8, 0x20, 0, 0x20, 1, 0x29, 3, 16, 0x37, 3, 16,
            0x20, 0, 0x20, 1, 0x29, 3, 24, 0x37, 3, 24, 0x20, 0, 0x20, 1, 0x29, 3, 32, 0x37, 3, 32, 0x0b,
        ];
        return code.SequenceEqual(expected);
    }

    /// <exception cref="WasmException"/>
    public static WasmModule Parse(byte[] content)
    {
        var module = new WasmModule(content);
        var reader = new WasmReader(content, 0, content.Length);
        if (!reader.Bytes(8).SequenceEqual("\0asm\x01\0\0\0"u8)) throw new WasmException("This is no WebAssembly module of version 1.");
        while (!reader.AtEnd)
        {
            byte section = reader.Byte();
            int length = reader.Count();
            var body = new WasmReader(content, reader.Position, length);
            module.ReadSection(section, ref body);
            reader.Skip(length);
        }

        if (module.Functions.Count != module.FunctionTypes.Count - module.Imports.Count) throw new WasmException("Functions are declared that have no code.");
        return module;
    }

    private void ReadSection(byte section, ref WasmReader reader)
    {
        if (section is 0 or 12) return; // Custom sections, and a count of data segments that the data section repeats.
        if (section is < 1 or > 11 or 6 or 8) throw reader.Error($"section {section} is not one that circom writes");
        for (int i = 0, count = reader.Count(); i < count; i++) ReadEntry(section, ref reader);
        if (!reader.AtEnd) throw reader.Error($"section {section} goes on after its last entry");
    }

    private void ReadEntry(byte section, ref WasmReader reader)
    {
        switch (section)
        {
            case 1: ReadType(ref reader); break;
            case 2: ReadImport(ref reader); break;
            case 3: FunctionTypes.Add(reader.Index(Types.Count)); break;
            case 4: ReadTable(ref reader); break;
            case 5: ReadMemory(ref reader); break;
            case 7: ReadExport(ref reader); break;
            case 9: ReadElements(ref reader); break;
            case 10: ReadCode(ref reader); break;
            default: ReadData(ref reader); break;
        }
    }

    private void ReadType(ref WasmReader reader)
    {
        if (reader.Byte() != FunctionForm) throw reader.Error("a type is no function's");
        bool[] parameters = new bool[reader.Count()];
        for (int i = 0; i < parameters.Length; i++) parameters[i] = reader.IsWide();
        int results = reader.Count();
        if (results > 1) throw reader.Error("a function has several results");
        Types.Add(new WasmType(parameters, results == 0 ? null : reader.IsWide()));
    }

    private void ReadImport(ref WasmReader reader)
    {
        string name = $"{reader.Name()}.{reader.Name()}";
        if (reader.Byte() != 0) throw reader.Error($"the import {name} is no function");
        Imports.Add(name);
        FunctionTypes.Add(reader.Index(Types.Count));
    }

    private void ReadTable(ref WasmReader reader)
    {
        reader.Byte();
        (uint size, _) = reader.Limits();
        if (Table.Length > 0 || size > MaxTable) throw reader.Error("there are several tables, or too large a one");
        Table = new int[size];
        Array.Fill(Table, -1);
    }

    private void ReadMemory(ref WasmReader reader)
    {
        (uint pages, _) = reader.Limits();
        if (MemoryBytes > 0 || pages > MaxPages) throw reader.Error("there are several memories, or too large a one");
        MemoryBytes = (ulong)pages * PageBytes;
    }

    private void ReadExport(ref WasmReader reader)
    {
        string name = reader.Name();
        byte kind = reader.Byte();
        if (kind == 0) ExportedFunctions[name] = reader.Index(FunctionTypes.Count);
        else reader.Unsigned();
    }

    private void ReadElements(ref WasmReader reader)
    {
        uint offset = reader.ActiveOffset();
        int count = reader.Count();
        if (offset > Table.Length || count > Table.Length - offset) throw reader.Error("an element lies outside the table");
        for (int i = 0; i < count; i++) Table[offset + i] = reader.Index(FunctionTypes.Count);
    }

    private void ReadCode(ref WasmReader reader)
    {
        int length = reader.Count();
        int declared = Imports.Count + Functions.Count;
        if (declared >= FunctionTypes.Count) throw reader.Error("there is code of a function that is not declared");
        Functions.Add(new WasmFunction(FunctionTypes[declared], reader.Position, reader.Position + length));
        reader.Skip(length);
    }

    private void ReadData(ref WasmReader reader)
    {
        uint offset = reader.ActiveOffset();
        int length = reader.Count();
        if (offset > MemoryBytes || (ulong)length > MemoryBytes - offset) throw reader.Error("data lie outside the memory");
        Data.Add(new WasmData(offset, reader.Position, length));
        reader.Skip(length);
    }
}

/// <summary>Reads numbers and names of the binary format, within bounds.</summary>
internal ref struct WasmReader(byte[] content, int start, int length)
{
    private readonly int end = start + length;

    public int Position { get; private set; } = start;

    public readonly bool AtEnd => Position == end;

    public byte Byte() => Bytes(1)[0];

    public ReadOnlySpan<byte> Bytes(int count)
    {
        int at = Position;
        Skip(count);
        return content.AsSpan(at, count);
    }

    public void Skip(int count)
    {
        if (count < 0 || count > end - Position) throw Error($"{count} bytes are needed, {end - Position} are left");
        Position += count;
    }

    public uint Unsigned()
    {
        ulong value = 0;
        for (int shift = 0; shift < 35; shift += 7)
        {
            byte part = Byte();
            value |= (ulong)(part & 0x7f) << shift;
            if (part < 0x80) return value <= uint.MaxValue ? (uint)value : throw Error("a number exceeds 32 bits");
        }

        throw Error("a number has too many bytes");
    }

    /// <summary>A signed number of at most 64 bits, as its two's complement.</summary>
    public ulong Signed()
    {
        ulong value = 0;
        for (int shift = 0; shift < 70; shift += 7)
        {
            byte part = Byte();
            value |= (ulong)(part & 0x7f) << shift;
            if (part < 0x80) return shift + 7 < 64 && (part & 0x40) != 0 ? value | (ulong.MaxValue << (shift + 7)) : value;
        }

        throw Error("a number has too many bytes");
    }

    /// <summary>A count of things that take at least a byte each, so that it never exceeds what is left.</summary>
    public int Count()
    {
        uint count = Unsigned();
        return count <= (uint)(end - Position) ? (int)count : throw Error($"{count} entries cannot follow in {end - Position} bytes");
    }

    /// <summary>Skips what belongs to an instruction that is no block's beginning or end; false if circom does not write it.</summary>
    public bool SkipImmediates(byte code)
    {
        switch (code)
        {
            case 0x0c or 0x0d or 0x10 or 0x20 or 0x21 or 0x22: Unsigned(); return true;
            case 0x11 or 0x28 or 0x29 or (>= 0x2c and <= 0x37) or (>= 0x3a and <= 0x3e): Unsigned(); Unsigned(); return true;
            case 0x3f or 0x40: Byte(); return true;
            case 0x41 or 0x42: Signed(); return true;
            default: return code is 0x00 or 0x01 or 0x05 or 0x0f or 0x1a or 0x1b or (>= 0x45 and <= 0x8a) or 0xa7 or 0xac or 0xad;
        }
    }

    public int Index(int bound)
    {
        uint index = Unsigned();
        return index < (uint)bound ? (int)index : throw Error($"index {index} is not below {bound}");
    }

    public bool IsWide() => Byte() switch { 0x7f => false, 0x7e => true, _ => throw Error("a value is no integer") };

    public string Name() => Encoding.UTF8.GetString(Bytes(Count()));

    public (uint Least, uint? Most) Limits()
    {
        bool bounded = Byte() == 1;
        uint least = Unsigned();
        return (least, bounded ? Unsigned() : null);
    }

    /// <summary>The head of a segment that goes to a constant place.</summary>
    public uint ActiveOffset()
    {
        if (Byte() != 0 || Byte() != 0x41) throw Error("a segment has no constant place");
        uint offset = unchecked((uint)Signed());
        return Byte() == 0x0b ? offset : throw Error("a segment has no constant place");
    }

    public readonly WasmException Error(string what) => new($"The WebAssembly module is malformed, or not circom's: {what} (byte {Position}).");
}
