using System.Buffers.Binary;
using System.Text;
using Rollup.Groth16.Formats;

namespace Rollup.Groth16.Tests;

public class FormatTests
{
    [Fact]
    public void R1cs_of_circom_has_the_counts_circom_printed()
    {
        var r1cs = SampleCircuit.R1cs;
        Assert.Equal(
            (1025, 1032, 1, 3, 4, 3159L),
            (r1cs.ConstraintCount, r1cs.WireCount, r1cs.OutputCount, r1cs.PublicInputCount, r1cs.PrivateInputCount, r1cs.LabelCount));
        Assert.Equal(4, r1cs.PublicCount);
        Assert.Equal(System.Security.Cryptography.SHA512.HashData(File.ReadAllBytes(SampleCircuit.PathOf("sample.r1cs"))), r1cs.ContentHash.ToArray());
    }

    [Fact]
    public void R1cs_holds_terms_and_labels_as_written()
    {
        var r1cs = R1csFile.Parse(TinyR1cs.Bytes(), "tiny");
        Assert.Equal([1, 2], r1cs.C.Wires(0).ToArray());
        Assert.Equal(Fr.FromInt64(-3), r1cs.Coefficients.Span[r1cs.C.CoefficientIndices(0)[1]]);
        Assert.Equal([3, 0], r1cs.A.Wires(1).ToArray());
        Assert.Equal(Fr.FromInt64(5), r1cs.Coefficients.Span[r1cs.A.CoefficientIndices(1)[1]]);
        Assert.Equal(8UL, r1cs.LabelOf(3));
        Assert.Equal((2, 4, 9L), (r1cs.ConstraintCount, r1cs.WireCount, r1cs.LabelCount));
    }

    [Fact]
    public void Every_truncation_of_an_r1cs_is_refused_with_its_place()
    {
        var good = TinyR1cs.Bytes();
        Assert.Equal(2, R1csFile.Parse(good, "tiny").ConstraintCount);
        for (var length = 0; length < good.Length; length++)
        {
            var error = Assert.Throws<BinaryFormatException>(() => R1csFile.Parse(good.AsMemory(0, length), "tiny"));
            Assert.Equal("tiny", error.File);
            Assert.InRange(error.Offset, 0, length);
        }
    }

    [Fact]
    public void Every_flipped_bit_of_an_r1cs_gives_a_typed_error_or_another_hash()
    {
        var good = TinyR1cs.Bytes();
        var original = R1csFile.Parse(good, "tiny").ContentHash;
        var refused = 0;
        for (var bit = 0; bit < good.Length * 8; bit++)
        {
            var bytes = Flipped(good, bit);
            try
            {
                Assert.False(original.Span.SequenceEqual(R1csFile.Parse(bytes, "tiny").ContentHash.Span));
            }
            catch (BinaryFormatException)
            {
                refused++;
            }
        }
        // Magic, version, table, prime and counts alone are more bits than this.
        Assert.InRange(refused, 1000, good.Length * 8);
    }

    [Theory]
    [InlineData("magic", "does not begin with", null, 0)]
    [InlineData("version", "version 2 is not supported", null, 4)]
    [InlineData("sections", "at most 64", null, 8)]
    [InlineData("duplicate", "appears twice", 2u, 372)]
    [InlineData("missing", "the section is missing", 1u, 0)]
    [InlineData("trailing", "after the last section", null, 492)]
    [InlineData("prime", "another curve", 1u, 384)]
    [InlineData("wires", "cannot hold", 1u, 436)]
    [InlineData("wire", "uses wire 4", 2u, 28)]
    [InlineData("coefficient", "not below r", 2u, 32)]
    [InlineData("terms", "claims 4294967295 terms", 2u, 24)]
    [InlineData("label", "has label 9", 3u, 484)]
    [InlineData("gates", "custom gates", 4u, 460)]
    public void Malformed_r1cs_names_section_and_offset(string fault, string message, uint? section, long offset)
    {
        var bytes = TinyR1cs.Bytes();
        Assert.Equal(2, R1csFile.Parse(bytes, "tiny").ConstraintCount);
        void Put(int at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(at), value);
        // 12 bytes of file head, then section 2 with 6 counts and 9 terms, section 1 of 64 bytes, section 3 of 4 labels.
        const int header = 12 + 12 + 6 * 4 + 9 * 36, labels = header + 12 + 64;
        switch (fault)
        {
            case "magic": bytes[0] = (byte)'R'; break;
            case "version": Put(4, 2); break;
            case "sections": Put(8, 65); break;
            case "duplicate": Put(header, 2); break;
            case "missing": Put(header, 7); break;
            case "trailing": bytes = [.. bytes, 0]; break;
            case "prime": bytes[header + 20] ^= 1; break;
            case "wires": Put(header + 12 + 36, 3); break;
            case "wire": Put(28, 4); break;
            case "coefficient": bytes[63] = 0xff; break;
            case "terms": Put(24, uint.MaxValue); break;
            case "label": Put(labels + 12 + 24, 9); break;
            case "gates": Put(labels, 4); break;
        }
        var error = Assert.Throws<BinaryFormatException>(() => R1csFile.Parse(bytes, "tiny"));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Equal((section, offset), (error.Section, error.Offset));
    }

    [Fact]
    public void Witness_file_is_rewritten_byte_for_byte()
    {
        var bytes = File.ReadAllBytes(SampleCircuit.PathOf("sample.wtns"));
        var witness = WitnessFile.Parse(bytes, "sample.wtns");
        Assert.Equal(1032, witness.Length);
        Assert.Equal([Fr.One, Fr.FromUInt64(11), Fr.FromUInt64(22), Fr.FromUInt64(3333)], [witness[0], .. witness[2..5]]);
        var stream = new MemoryStream();
        WitnessFile.Write(stream, witness);
        Assert.Equal(bytes, stream.ToArray());
    }

    [Fact]
    public void Every_truncation_and_flip_of_a_witness_is_refused_or_reads_as_another_witness()
    {
        var stream = new MemoryStream();
        Fr[] witness = [Fr.One, Fr.FromUInt64(5), -Fr.One];
        WitnessFile.Write(stream, witness);
        var good = stream.ToArray();
        Assert.Equal(witness, WitnessFile.Parse(good, "w"));
        for (var length = 0; length < good.Length; length++)
            Assert.Throws<BinaryFormatException>(() => WitnessFile.Parse(good.AsMemory(0, length), "w"));
        for (var bit = 0; bit < good.Length * 8; bit++)
        {
            // Version 1, which has the same contents, is the one flip that may read alike.
            if (bit == 32)
                continue;
            var bytes = Flipped(good, bit);
            if (Record.Exception(() => Assert.NotEqual(witness, WitnessFile.Parse(bytes, "w"))) is { } error)
                Assert.IsType<BinaryFormatException>(error);
        }
        var tooLarge = good.ToArray();
        Fr.Modulus.ToByteArray(isUnsigned: true).CopyTo(tooLarge, good.Length - 32);
        var refused = Assert.Throws<BinaryFormatException>(() => WitnessFile.Parse(tooLarge, "w"));
        Assert.Equal((2u, (long)good.Length - 32), (refused.Section, refused.Offset));
    }

    [Fact]
    public void Symbols_map_names_to_wires_and_back()
    {
        var symbols = SampleCircuit.Symbols;
        Assert.True(symbols.TryGetWire("main.limit", out var limit));
        Assert.Equal(4, limit);
        Assert.Equal("main.limit", symbols.NameOf(limit));
        Assert.True(symbols.TryGetWire("main.acc[2]", out _));
        // Equal to acc[2], under which name the compiler keeps it.
        Assert.False(symbols.TryGetWire("main.rows[1].h", out _));
        Assert.False(symbols.TryGetWire("main.rows[9].h", out _));
        Assert.Null(symbols.NameOf(0));
        Assert.Null(symbols.NameOf(1_000_000));
        Assert.Equal(SampleCircuit.R1cs.WireCount - 1, symbols.Count);
        Assert.Equal(64, symbols.WithPrefix("main.range.out[").Select(entry => entry.Wire).Distinct().Count());
        foreach (var (name, named) in symbols.WithPrefix("main."))
            Assert.Equal(name, symbols.NameOf(named));
    }

    [Theory]
    [InlineData("1,1,0,main.a\n2,2,main.b\n", 13)]
    [InlineData("1,1,0,main.a\n2,-2,0,main.b\n", 13)]
    [InlineData("1,1,0,main.a\n2,2,0,\n", 13)]
    [InlineData("1,1,0,main.a\n2,2,0,main.b,c", 13)]
    [InlineData("1,67108864,0,main.a\n", 0)]
    [InlineData("1,1,0,main.a\n\n", 13)]
    [InlineData("1,1,0,main.a\n2,1,0,main.b\n", 13)]
    public void Malformed_symbols_name_the_line(string text, long offset)
    {
        Assert.Equal(1, SymbolTable.Parse(new MemoryStream("1,1,0,main.a\r\n2,-1,0,main.b"u8.ToArray()), "good").Count);
        var error = Assert.Throws<BinaryFormatException>(() => SymbolTable.Parse(new MemoryStream(Encoding.UTF8.GetBytes(text)), "bad.sym"));
        Assert.Equal((offset, "bad.sym"), (error.Offset, error.File));
    }

    [Fact]
    public void Symbol_line_without_end_is_refused()
    {
        var text = "1,1,0,main.a\n2,2,0," + new string('x', 100_000);
        var error = Assert.Throws<BinaryFormatException>(() => SymbolTable.Parse(new MemoryStream(Encoding.ASCII.GetBytes(text)), "long.sym"));
        Assert.Equal(13, error.Offset);
    }

    private static byte[] Flipped(byte[] bytes, int bit)
    {
        var copy = bytes.ToArray();
        copy[bit / 8] ^= (byte)(1 << (bit % 8));
        return copy;
    }
}
