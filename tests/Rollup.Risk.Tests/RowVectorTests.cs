using System.Security.Cryptography;
using System.Text.Json;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Protocol;

namespace Rollup.Risk.Tests;

/// <summary>
/// spec/vectors/risk-rows.json, to which the contract that makes rows (`RiskRows.sol`) is held as well. Per inputs: their bytes, and of each row in order the first four bytes
/// of the SHA-256 of its 18 elements; of some of them the root of their tree. Then, of the first inputs with one bit flipped (bit i of the answer: bit i, highest first), and of inputs damaged by drawn numbers,
/// whether the bytes are still valid.
/// </summary>
public class RowVectorTests
{
    private const int Damaged = 4_000;

    /// <summary>Seven instruments, a chain of 98, six extreme options, and two that spread over the tree.</summary>
    private static readonly int[] Rooted = [0, 1, 8, 52, 60];

    private static readonly string VectorPath = Path.Combine(SharedData.Root, "spec", "vectors", "risk-rows.json");

    [Fact]
    public void Rows_and_refusals_are_those_of_the_committed_vectors()
    {
        if (Environment.GetEnvironmentVariable("UPDATE_FIXTURES") == "true") File.WriteAllText(VectorPath, Text([.. Drawn().Select(i => i.Encode())]));
        string text = File.ReadAllText(VectorPath);
        using JsonDocument file = JsonDocument.Parse(text);
        byte[][] inputs = [.. file.RootElement.GetProperty("inputs").EnumerateArray().Select(i => Convert.FromHexString(i.GetString()![2..]))];
        RiskRow[] rows = [.. inputs.SelectMany(bytes => RiskRows.From(Decode(bytes)))];
        Assert.InRange(rows.Length, 1_000, 1_200);
        Assert.All(Enum.GetValues<InstrumentKind>().Skip(1), kind => Assert.InRange(rows.Count(r => r.Kind == kind), 60, 1_000));
        Assert.All(Enumerable.Range(0, 4), flags => Assert.InRange(rows.Count(r => (int)r.Flags == flags), 20, 1_000));
        Assert.True(Text(inputs) == text, $"{VectorPath} differs: run `UPDATE_FIXTURES=true dotnet test tests/Rollup.Risk.Tests --filter {nameof(RowVectorTests)}` if rows are to change.");
    }

    private static string Text(byte[][] inputs)
    {
        IEnumerable<string> checks = inputs.Select(bytes => string.Concat(RiskRows.From(Decode(bytes)).Select(row => Convert.ToHexStringLower(SHA256.HashData(Encode(row)).AsSpan(0, 4)))));
        RiskRow example = RiskRows.From(Decode(inputs[0]))[3];
        byte[] elements = Encode(example);
        return $$"""
            {
             "inputs": [
            {{string.Join(",\n", inputs.Select(bytes => $"  \"0x{Convert.ToHexStringLower(bytes)}\""))}}
             ],
             "checks": [
            {{string.Join(",\n", checks.Select(check => $"  \"0x{check}\""))}}
             ],
             "roots": [
            {{string.Join(",\n", Rooted.Select(i => $"  {{ \"inputs\": {i}, \"root\": \"{new RiskTree(RiskRows.From(Decode(inputs[i]))).Root.ToHex()}\" }}"))}}
             ],
             "emptyRoot": "{{new RiskTree([]).Root.ToHex()}}",
             "example": { "id": {{example.Id}}, "row": [
            {{string.Join(",\n", elements.Chunk(32).Select(element => $"  \"0x{Convert.ToHexStringLower(element)}\""))}}
             ] },
             "flipped": "0x{{Convert.ToHexStringLower(Bits(8 * inputs[0].Length, i => Flipped(inputs[0], i)))}}",
             "damaged": "0x{{Convert.ToHexStringLower(Bits(Damaged, i => DamagedBy(inputs[i % inputs.Length], (ulong)i)))}}"
            }

            """;
    }

    private static RiskInputs Decode(byte[] bytes)
    {
        Assert.True(RiskInputs.TryDecode(bytes, out RiskInputs inputs, out string problem), problem);
        return inputs;
    }

    /// <summary>32 bytes an element.</summary>
    private static byte[] Encode(RiskRow row)
    {
        Fr[] elements = RiskRowEncoding.Encode(row);
        var bytes = new byte[elements.Length * Fr.ByteLength];
        for (int i = 0; i < elements.Length; i++) elements[i].WriteBigEndian(bytes.AsSpan(i * Fr.ByteLength));
        return bytes;
    }

    private static byte[] Bits(int count, Func<int, byte[]> bytes)
    {
        var bits = new byte[count / 8];
        for (int i = 0; i < count; i++)
            if (RiskInputs.TryDecode(bytes(i), out _, out _)) bits[i / 8] |= (byte)(0x80 >> i % 8);
        return bits;
    }

    private static byte[] Flipped(byte[] bytes, int i)
    {
        byte[] changed = [.. bytes];
        changed[i / 8] ^= (byte)(0x80 >> i % 8);
        return changed;
    }

    /// <summary>One to three bytes changed, of every fourth also the length.</summary>
    private static byte[] DamagedBy(byte[] bytes, ulong seed)
    {
        byte[] changed = [.. bytes];
        for (ulong left = 1 + Draw() % 3; left > 0; left--)
        {
            int at = (int)(Draw() % (ulong)(Draw() % 2 == 0 ? changed.Length : 150));
            changed[at] = (byte)(Draw() % 2 == 0 ? Draw() % 256 : Draw() % 2 * 255);
        }

        if (Draw() % 4 == 0) Array.Resize(ref changed, (int)(Draw() % (ulong)(changed.Length + 20)));
        return changed;

        ulong Draw()
        {
            unchecked
            {
                ulong z = seed += 0x9e3779b97f4a7c15;
                z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
                z = (z ^ z >> 27) * 0x94d049bb133111eb;
                return z ^ z >> 31;
            }
        }
    }

    private static IEnumerable<RiskInputs> Drawn()
    {
        var random = new Random(76);
        yield return Sample.Inputs();
        for (int i = 0; i < 5; i++) yield return RandomChain.Inputs(random);
        for (int i = 0; i < 45; i++) yield return RandomChain.Extreme(random);
        for (int i = 0; i < 20; i++) yield return Linear(random);
    }

    /// <summary>Spots, perpetuals and frozen options from all over their ranges, under any parameters.</summary>
    private static RiskInputs Linear(Random random)
    {
        RiskInputs inputs = RandomChain.Extreme(random) with { Instruments = [] };
        inputs = inputs with
        {
            Groups = [.. inputs.Groups, new(9, random.Next(1, 300_000))],
            Parameters = inputs.Parameters with { PerpContingency = random.Next(1_000_001), SpotHaircut = random.Next(200_001), ConcentrationCap = random.Next(500_001), LinearPenalty = random.Next(500_001) },
        };
        for (int id = random.Next(1, 1 << 17); inputs.Instruments.Length < 13;)
        {
            var kind = (InstrumentKind)random.Next(1, 5);
            bool isOption = kind is InstrumentKind.Call or InstrumentKind.Put;
            var t = new InstrumentInput(id, kind, (InstrumentFlags)random.Next(4), random.Next(2) == 0 ? 4 : 9, random.NextInt64(1, 1L << random.Next(1, 33)), random.NextInt64(1, 1L << random.Next(1, 36)),
                kind == InstrumentKind.Perpetual ? random.NextInt64(-1L << 35, 1L << 35) >> random.Next(30) : 0, random.NextInt64(1L << random.Next(1, 60)),
                isOption ? random.NextInt64(1, 1L << 33) : 0, isOption ? Sample.After(random.Next(-40, 40)) : default);
            if ((inputs with { Instruments = [t] }).Validate() is not null) continue;
            inputs = inputs with { Instruments = [.. inputs.Instruments, t] };
            id += random.Next(1, 1 << 12);
        }

        return inputs;
    }
}
