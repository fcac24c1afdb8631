using System.Numerics;
using Rollup.Groth16.Formats;

namespace Rollup.Groth16.Tests;

[Collection(nameof(SampleProof))]
public class ZkeyTests(SampleProof sample)
{
    private static readonly byte[] Tiny = TinyKey.Bytes();

    [Fact]
    public void Key_with_a_contribution_of_snarkjs_is_read()
    {
        var (exitCode, output) = Toolchain.SnarkJs(
            "zkey", "contribute", sample.PathOf("sample.zkey"), sample.PathOf("contributed.zkey"), "--name=first of two", "-e=not random");
        Assert.True(exitCode == 0, output);
        (exitCode, output) = Toolchain.SnarkJs(
            "zkey", "beacon", sample.PathOf("contributed.zkey"), sample.PathOf("final.zkey"), new string('5', 64), "10", "--name=the beacon");
        Assert.True(exitCode == 0, output);
        using var zkey = Zkey.Open(sample.PathOf("final.zkey"));
        var info = zkey.ReadInfo();
        Assert.Equal([("first of two", false), ("the beacon", true)], info.Contributions.Select(contribution => (contribution.Name, contribution.IsBeacon)));
        Assert.Equal(zkey.Delta1, info.Contributions[1].DeltaAfter);
        Assert.NotEqual(zkey.Delta1, info.Contributions[0].DeltaAfter);
        // Contributions do not wash the mark off.
        Assert.True(info.IsDevelopment);
        Assert.Equal(sample.Info.CircuitHash.ToArray(), info.CircuitHash.ToArray());
        Assert.NotEqual(sample.Key.Delta2, zkey.VerifyingKey.Delta2);
        Assert.Equal(sample.Key.Ic.ToArray(), zkey.VerifyingKey.Ic.ToArray());
    }

    [Fact]
    public void Every_truncation_is_refused()
    {
        ReadAll(Tiny);
        for (var length = 0; length < Tiny.Length; length++)
            Assert.Throws<BinaryFormatException>(() => ReadAll(Tiny.AsMemory(0, length)));
    }

    [Fact]
    public void Flipped_bits_give_a_typed_error_or_another_key()
    {
        var original = ReadAll(Tiny);
        var refused = 0;
        // Every eleventh bit: 11 and 8 have no common factor, so every position in a byte is met.
        for (var bit = 0; bit < Tiny.Length * 8; bit += 11)
        {
            var bytes = Tiny.ToArray();
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            var error = Record.Exception(() => Assert.NotEqual(original.FileHash.ToArray(), ReadAll(bytes).FileHash.ToArray()));
            Assert.True(error is null or BinaryFormatException or InvalidKeyException, $"bit {bit}: {error}");
            refused += error is null ? 0 : 1;
        }
        // Points and headers; what passes are values of coefficients, wires' numbers, the circuit's hash.
        Assert.InRange(refused, Tiny.Length * 8 / 11 * 6 / 10, int.MaxValue);
    }

    [Theory]
    [InlineData("plonk", 1u, "protocol 2 is not Groth16")]
    [InlineData("foreign base field", 2u, "base field is not BN254's")]
    [InlineData("foreign scalar field", 2u, "scalar field is not BN254's")]
    [InlineData("domain", 2u, "not a power of two")]
    [InlineData("small domain", 2u, "a domain of 2 points has no room")]
    [InlineData("public inputs", 2u, "4 public inputs among 4 wires")]
    [InlineData("too many public inputs", 2u, "65538 public inputs; at most 1024")]
    [InlineData("point", 2u, "not on the curve")]
    [InlineData("short section", 5u, "4 points need 256")]
    [InlineData("point of A", 5u, "not on the curve")]
    [InlineData("coefficient's row", 4u, "constraint 8")]
    [InlineData("coefficient's value", 4u, "not below r")]
    [InlineData("number of coefficients", 4u, "coefficients need")]
    [InlineData("no public rows", 4u, "rows of the public inputs")]
    [InlineData("contributions", 10u, "ends")]
    [InlineData("too many contributions", 10u, "at most 10000")]
    public void Malformed_key_names_section_and_fault(string fault, uint section, string message)
    {
        ReadAll(Tiny);
        var changed = TinyKey.Rewrite((id, content) => (fault, id) switch
        {
            ("plonk", 1) => [2, 0, 0, 0],
            ("foreign base field", 2) => Changed(content, 4, 1),
            ("foreign scalar field", 2) => Changed(content, 40, 1),
            ("domain", 2) => Changed(content, 80, 1),
            ("small domain", 2) => Changed(content, 80, 8 ^ 2),
            ("public inputs", 2) => Changed(content, 76, 2 ^ 4),
            ("too many public inputs", 2) => Changed(content, 78, 1),
            ("point", 2) => Changed(content, 84, 1),
            ("short section", 5) => content[..^64],
            ("point of A", 5) => Changed(content, 100, 1),
            ("coefficient's row", 4) => Changed(content, 4 + 4, 8),
            ("coefficient's value", 4) => Changed(content, 4 + 12 + 31, 0xff),
            ("number of coefficients", 4) => Changed(content, 0, 1),
            ("no public rows", 4) => [1, 0, 0, 0, .. content[4..48]],
            ("contributions", 10) => Changed(content, 64, 1),
            ("too many contributions", 10) => Changed(content, 66, 1),
            _ => content,
        });
        var error = Assert.Throws<BinaryFormatException>(() => ReadAll(changed));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Equal((section, "tiny.zkey"), (error.Section, error.File));
    }

    [Fact]
    public void Key_whose_gamma_equals_delta_is_refused()
    {
        var changed = TinyKey.Rewrite((id, content) =>
        {
            if (id != 2)
                return content;
            // After the moduli and counts come alpha1, beta1, beta2, gamma2, delta1, delta2.
            const int gamma = 84 + 64 + 64 + 128;
            content.AsSpan(gamma + 128 + 64, 128).CopyTo(content.AsSpan(gamma));
            return content;
        });
        Assert.Contains("gamma equals delta", Assert.Throws<InvalidKeyException>(() => ReadAll(changed)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Circuit_without_constraints_has_no_key()
    {
        var stream = new MemoryStream();
        var writer = new BinFileWriter(stream, "r1cs", 1, 3);
        writer.Begin(1);
        writer.Write(32u);
        writer.Write(Fr.Modulus.ToByteArray(isUnsigned: true));
        foreach (var count in (uint[])[2, 0, 1, 0])
            writer.Write(count);
        writer.Write(2UL);
        writer.Write(0u);
        writer.End();
        writer.Begin(2);
        writer.End();
        writer.Begin(3);
        writer.Write(0UL);
        writer.Write(1UL);
        writer.End();
        using var secret = DevSecret.FromSeed("empty");
        var r1cs = R1csFile.Parse(stream.ToArray(), "empty");
        Assert.Throws<ArgumentException>(() => DevKeys.Write(r1cs, secret, new MemoryStream()));
        DevKeys.Write(R1csFile.Parse(TinyR1cs.Bytes(), "tiny"), secret, new MemoryStream());
    }

    private static ZkeyInfo ReadAll(ReadOnlyMemory<byte> bytes)
    {
        using var zkey = Zkey.Parse(bytes, "tiny.zkey");
        foreach (var (section, count) in ((uint, int)[])[(Zkey.ASection, zkey.WireCount), (Zkey.B1Section, zkey.WireCount), (Zkey.CSection, zkey.WireCount - zkey.PublicCount - 1), (Zkey.HSection, zkey.DomainSize)])
            zkey.ReadPoints(section, 0, new G1Point[count]);
        zkey.ReadB2(0, new G2Point[zkey.WireCount]);
        return zkey.ReadInfo();
    }

    private static byte[] Changed(byte[] content, int at, byte mask)
    {
        content[at] ^= mask;
        return content;
    }
}
