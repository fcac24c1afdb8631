using System.Diagnostics;
using Rollup.Groth16.Formats;

namespace Rollup.Groth16.Tests;

/// <summary>
/// Files as a stranger may hand them to the prover: every one is refused with its name and a place in it, or gives the proof that the good files give.
/// </summary>
public sealed class BadInputTests : IDisposable
{
    private static readonly string[] Kinds = ["zkey", "wtns", "r1cs"];

    private readonly string _folder = Directory.CreateTempSubdirectory("groth16-input-").FullName;
    private readonly Groth16Prover _prover;
    private readonly Groth16Verifier _verifier;

    public BadInputTests()
    {
        foreach (var kind in Kinds)
            Save(kind, Good(kind));
        // A file of its own: what is mapped must not become shorter.
        File.Copy(PathOf("zkey"), PathOf("good"));
        _prover = Groth16Prover.Open(PathOf("good"), parallelism: 2);
        _verifier = new Groth16Verifier(_prover.VerifyingKey);
        AssertSameStatement(_prover.Prove(PathOf("wtns")));
    }

    public static TheoryData<string> EveryKind => [.. Kinds];

    public void Dispose()
    {
        _prover.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [MemberData(nameof(EveryKind))]
    public void A_file_that_ends_anywhere_is_refused_with_its_place(string kind)
    {
        var good = Good(kind);
        for (var length = 0; length < good.Length; length++)
        {
            var error = Assert.Throws<BinaryFormatException>(() => Use(kind, good[..length]));
            Assert.Equal(PathOf(kind), error.File);
            Assert.InRange(error.Offset, 0, length);
        }
        Use(kind, good);
    }

    [Theory]
    [MemberData(nameof(EveryKind))]
    public void A_section_that_ends_early_is_named(string kind)
    {
        var good = Good(kind);
        var sections = Sections(kind, good);
        foreach (var (id, headAt, start, length) in sections)
        {
            // Its table entry says so, the bytes are taken out, and the file is whole otherwise.
            foreach (var missing in new[] { 1, 4, 32, length }.Where(bytes => bytes <= length).Distinct())
            {
                byte[] shorter = [.. good[..(start + length - missing)], .. good[(start + length)..]];
                BitConverter.TryWriteBytes(shorter.AsSpan(headAt + 4), (ulong)(length - missing));
                var error = Assert.Throws<BinaryFormatException>(() => Use(kind, shorter));
                Assert.Equal((PathOf(kind), id), (error.File, error.Section));
                Assert.InRange(error.Offset, start, start + length);
            }
        }
        Assert.Equal(kind == "zkey" ? 10 : kind == "wtns" ? 2 : 3, sections.Count);
    }

    [Theory]
    [InlineData("zkey", 2u)]
    [InlineData("wtns", 3u)]
    [InlineData("r1cs", 2u)]
    public void Another_version_format_or_curve_is_refused(string kind, uint version)
    {
        Refuse($"version {version} is not supported", null, 4, bytes => BitConverter.TryWriteBytes(bytes.AsSpan(4), version));
        Refuse("version 0 is not supported", null, 4, bytes => bytes[4] = 0);
        Refuse($"not a .{kind} file", null, 0, bytes => "ptau"u8.CopyTo(bytes));
        // The modulus follows its length: r's in .wtns and .r1cs, q's and then r's in .zkey.
        var header = kind == "zkey" ? 2u : 1u;
        var start = Sections(kind, Good(kind)).Single(section => section.Id == header).Start;
        foreach (var modulus in kind == "zkey" ? (int[])[start, start + 36] : [start])
        {
            Refuse("belongs to another curve", header, modulus, bytes => bytes[modulus + 4] ^= 2);
            // BLS12-381's base field has 48 bytes.
            Refuse("of 48 bytes; BN254's has 32", header, modulus, bytes => bytes[modulus] = 48);
        }

        void Refuse(string message, uint? section, long offset, Action<byte[]> change)
        {
            var bytes = Good(kind);
            change(bytes);
            var error = Assert.Throws<BinaryFormatException>(() => Use(kind, bytes));
            Assert.Contains(message, error.Message, StringComparison.Ordinal);
            Assert.Equal((PathOf(kind), section, offset), (error.File, error.Section, error.Offset));
        }
    }

    [Fact]
    public void A_witness_of_another_circuit_is_refused()
    {
        var header = Sections("wtns", Good("wtns"))[0];
        // Of another size.
        foreach (var other in (Fr[][])[TinyR1cs.Witness[..3], [.. TinyR1cs.Witness, Fr.One], []])
        {
            var error = Assert.Throws<BinaryFormatException>(() => Use("wtns", WitnessOf(other)));
            Assert.Contains($"{other.Length} values; the key's circuit has 4 wires: the witness is of another circuit", error.Message, StringComparison.Ordinal);
            Assert.Equal((1u, header.Start + 36L), (error.Section, error.Offset));
        }
        // Of the same size: the first solves this system, two solve the one with 6 in place of 5, and of the last only one row holds.
        Use("wtns", WitnessOf([Fr.One, Fr.FromUInt64(40), Fr.FromUInt64(5), Fr.FromUInt64(5)]), sameStatement: false);
        foreach (var other in (ulong[][])[[28, 4, 4], [255, 10, 15], [25, 3, 4]])
        {
            var error = Assert.Throws<InvalidWitnessException>(() => Use("wtns", WitnessOf([Fr.One, .. other.Select(Fr.FromUInt64)])));
            Assert.StartsWith($"{PathOf("wtns")}: ", error.Message, StringComparison.Ordinal);
            Assert.Contains("breaks a constraint", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Values_out_of_range_are_named_by_their_place()
    {
        var values = Sections("wtns", Good("wtns"))[1].Start;
        for (var wire = 0; wire < 4; wire++)
        {
            // The value plus r: the same element in another form.
            var bytes = Good("wtns");
            (TinyR1cs.Witness[wire].ToBigInteger() + Fr.Modulus).TryWriteBytes(bytes.AsSpan(values + 32 * wire), out _, isUnsigned: true);
            var error = Assert.Throws<BinaryFormatException>(() => Use("wtns", bytes));
            Assert.Equal(("wtns", 2u, values + 32L * wire), (Path.GetExtension(error.File)[1..], error.Section, error.Offset));
        }
        foreach (var one in (ulong[])[0, 2])
        {
            var error = Assert.Throws<BinaryFormatException>(() => Use("wtns", WitnessOf([Fr.FromUInt64(one), .. TinyR1cs.Witness[1..]])));
            Assert.Contains("the constant, is not 1", error.Message, StringComparison.Ordinal);
            Assert.Equal((2u, (long)values), (error.Section, error.Offset));
        }
    }

    [Fact]
    public void A_key_that_must_not_be_used_is_named()
    {
        var bytes = TinyKey.Rewrite((id, content) => id == Zkey.IcSection ? [.. content[..128], .. new byte[64]] : content);
        var error = Assert.Throws<InvalidKeyException>(() => Use("zkey", bytes));
        Assert.Equal($"{PathOf("zkey")}: IC point 2 is infinity.", error.Message);
    }

    [Fact]
    public void Every_changed_byte_of_a_witness_gives_a_typed_error_or_the_same_statement()
    {
        var good = Good("wtns");
        var refused = 0;
        for (var at = 0; at < good.Length; at++)
        {
            foreach (var mask in (byte[])[0x01, 0x80, 0xff])
                refused += Survives("wtns", Changed(good, at, mask)) ? 0 : 1;
        }
        // No byte of it is free.
        Assert.Equal(3 * good.Length, refused);
    }

    [Fact]
    public void Changed_bytes_of_a_key_give_a_typed_error_or_a_proof_that_the_good_key_accepts()
    {
        var good = Good("zkey");
        var hash = Sections("zkey", good).Single(section => section.Id == 10);
        var accepted = new List<int>();
        // 7 and the lengths of a point, a coefficient and a number have no common factor, so every byte of each is met.
        for (var at = 0; at < good.Length; at += 7)
        {
            if (Survives("zkey", Changed(good, at, (byte)(1 << (at % 8)))))
                accepted.Add(at);
        }
        // The circuit's hash, which no proof depends on, and nothing else.
        Assert.NotEmpty(accepted);
        Assert.All(accepted, at => Assert.InRange(at, hash.Start, hash.Start + 63));
    }

    [Fact]
    public void A_key_that_becomes_shorter_after_it_was_opened_is_not_mapped()
    {
        using var key = Zkey.Open(PathOf("zkey"));
        key.Map().Dispose();
        // By another program: this one holds the file open for reading only.
        using (var truncate = Process.Start("truncate", ["--size=-1", PathOf("zkey")]))
            truncate.WaitForExit();
        var error = Assert.Throws<BinaryFormatException>(key.Map);
        Assert.Contains("became shorter after it was opened", error.Message, StringComparison.Ordinal);
        Assert.Equal((PathOf("zkey"), Good("zkey").Length - 1L), (error.File, error.Offset));
        using var longer = File.Open(PathOf("zkey"), FileMode.Append, FileAccess.Write, FileShare.ReadWrite);
        longer.Write(new byte[9]);
        longer.Flush();
        key.Map().Dispose();
    }

    [Fact]
    public void The_smallest_circuits_can_be_proven()
    {
        // out = pub·pub without a private wire, out = pub·x with one, and x = x·x without a public one: domains of 4, 4 and 2 points, the least.
        Prove([1, 1, 0], [2, 2, 1], [49, 7]);
        Prove([1, 1, 1], [2, 3, 1], [63, 7, 9]);
        Prove([0, 0, 1], [1, 1, 1], [1]);

        void Prove(uint[] wires, uint[] product, ulong[] values)
        {
            Save("r1cs", OneConstraint(wires, product));
            using (var secret = DevSecret.FromSeed("small"))
            using (var stream = File.Create(PathOf("zkey")))
                DevKeys.Write(R1csFile.Load(PathOf("r1cs")), secret, stream);
            Fr[] witness = [Fr.One, .. values.Select(Fr.FromUInt64)], publics = witness[1..(int)(1 + wires[0] + wires[1])];
            Save("wtns", WitnessOf(witness));
            using var prover = Groth16Prover.Open(PathOf("zkey"), 2);
            var made = prover.Prove(PathOf("wtns"));
            Assert.Equal(publics, made.PublicInputs);
            Assert.True(new Groth16Verifier(prover.VerifyingKey).Verify(made.Proof, publics).IsValid);
            Save("wtns", WitnessOf([.. witness[..^1], witness[^1] + Fr.One]));
            Assert.Throws<InvalidWitnessException>(() => prover.Prove(PathOf("wtns")));
        }
    }

    private static byte[] Good(string kind) => kind switch
    {
        "zkey" => TinyKey.Bytes(),
        "wtns" => WitnessOf(TinyR1cs.Witness),
        _ => TinyR1cs.Bytes(),
    };

    private static byte[] WitnessOf(ReadOnlySpan<Fr> values)
    {
        var stream = new MemoryStream();
        WitnessFile.Write(stream, values);
        return stream.ToArray();
    }

    private static byte[] Changed(byte[] good, int at, byte mask)
    {
        byte[] bytes = [.. good];
        bytes[at] ^= mask;
        return bytes;
    }

    private static List<(uint Id, int HeadAt, int Start, int Length)> Sections(string kind, byte[] bytes)
    {
        var sections = new List<(uint, int, int, int)>();
        for (var at = 12; at < bytes.Length; at = sections[^1].Item3 + sections[^1].Item4)
            sections.Add((BitConverter.ToUInt32(bytes, at), at, at + 12, (int)BitConverter.ToUInt64(bytes, at + 4)));
        using var file = BinFile.Parse(bytes, kind, kind, 2);
        Assert.All(sections, section => Assert.Equal((section.Item3, section.Item4), ((int)file.Locate(section.Item1).Start, (int)file.Locate(section.Item1).Length)));
        return sections;
    }

    /// <param name="wires">Outputs, public inputs, private inputs.</param>
    /// <param name="product">Wires a, b, c of a·b = c.</param>
    private static byte[] OneConstraint(uint[] wires, uint[] product)
    {
        var stream = new MemoryStream();
        var writer = new BinFileWriter(stream, "r1cs", 1, 3);
        var count = 1 + wires.Aggregate((a, b) => a + b);
        writer.Begin(1);
        writer.Write(32u);
        writer.Write(Fr.Modulus.ToByteArray(isUnsigned: true));
        foreach (var number in (uint[])[count, .. wires])
            writer.Write(number);
        writer.Write((ulong)count);
        writer.Write(1u);
        writer.End();
        writer.Begin(2);
        foreach (var wire in product)
        {
            writer.Write(1u);
            writer.Write(wire);
            writer.Write(Fr.One.ToLittleEndianBytes());
        }
        writer.End();
        writer.Begin(3);
        for (var label = 0UL; label < count; label++)
            writer.Write(label);
        writer.End();
        writer.Complete();
        return stream.ToArray();
    }

    private string PathOf(string kind) => Path.Combine(_folder, $"tiny.{kind}");

    private void Save(string kind, byte[] bytes) => File.WriteAllBytes(PathOf(kind), bytes);

    /// <summary>Does with a file what the prover and the key generator do; asserts the good files' statement.</summary>
    private void Use(string kind, byte[] bytes, bool sameStatement = true)
    {
        Save(kind, bytes);
        if (kind == "r1cs")
        {
            R1csFile.Load(PathOf(kind));
            return;
        }
        using var opened = kind == "zkey" ? Groth16Prover.Open(PathOf(kind), parallelism: 1) : null;
        if (kind == "zkey")
            _ = ReadInfo();
        var made = (opened ?? _prover).Prove(PathOf("wtns"));
        if (sameStatement)
            AssertSameStatement(made);
    }

    private ZkeyInfo ReadInfo()
    {
        using var key = Zkey.Open(PathOf("zkey"));
        return key.ReadInfo();
    }

    private void AssertSameStatement(ProvenStatement made)
    {
        Assert.Equal(TinyR1cs.Witness[1..3], made.PublicInputs);
        Assert.True(_verifier.Verify(made.Proof, TinyR1cs.Witness.AsSpan(1, 2)).IsValid);
    }

    /// <summary>False if it was refused as it should be.</summary>
    private bool Survives(string kind, byte[] bytes)
    {
        try
        {
            Use(kind, bytes);
            return true;
        }
        catch (Exception error) when (error is BinaryFormatException or InvalidKeyException or InvalidWitnessException)
        {
            Assert.Contains(PathOf("zkey")[..^4], error.Message, StringComparison.Ordinal);
            return false;
        }
    }
}
