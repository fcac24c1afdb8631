using System.Text;
using System.Text.Json.Nodes;
using Rollup.Groth16.Formats;
using static Rollup.Groth16.KeyFault;

namespace Rollup.Groth16.Tests;

/// <summary>Each fault of a proving key by name, beside keys of a real ceremony and a development key that have none.</summary>
[Collection(nameof(SampleProof))]
public sealed class KeyCheckerTests(SampleProof sample) : IDisposable
{
    // In section 2, after two moduli with their lengths and three counts.
    private const int Alpha1 = 84, Beta1 = 148, Beta2 = 212, Gamma2 = 340, Delta1 = 468, Delta2 = 532;

    private readonly string _folder = Directory.CreateTempSubdirectory("groth16-keys-").FullName;

    private static string Circuit => TinyCeremony.PathOf(TinyCeremony.Circuit);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(TinyCeremony.Two, "alice, bob")]
    [InlineData(TinyCeremony.Final, "alice, bob, dawn")]
    public void A_key_of_a_ceremony_has_no_fault(string file, string contributions)
    {
        string zkey = TinyCeremony.PathOf(file), verificationKey = Path.Combine(_folder, "key.json");
        using (var key = Zkey.Open(zkey))
            File.WriteAllBytes(verificationKey, SnarkJson.Write(key.VerifyingKey));
        var report = KeyChecker.Check(zkey, Circuit, verificationKey, isLocalChain: false, parallelism: 2);
        Assert.Empty(report.Findings);
        Assert.Equal((2, 4, 2, 8, false), (report.Info!.ConstraintCount, report.Info.WireCount, report.Info.PublicCount, report.Info.DomainSize, report.Info.IsDevelopment));
        Assert.Equal(contributions, string.Join(", ", report.Info.Contributions.Select(contribution => contribution.Name)));
        Assert.Contains("every coefficient of A and B; not C", report.CircuitComparison, StringComparison.Ordinal);
        Assert.Equal("", KeyChecker.Check(zkey, null, null, isLocalChain: false, parallelism: 1).CircuitComparison);
    }

    [Fact]
    public void Ceremonies_that_went_wrong_are_told_apart()
    {
        AssertFaults([TooFewContributions], Ceremony(TinyCeremony.One));
        AssertFaults([SecretIsOne, GammaEqualsDelta, SecretIsOne, TooFewContributions], Ceremony(TinyCeremony.Setup));
        // What is wrong with the points is wrong on a local chain too.
        AssertFaults([SecretIsOne, GammaEqualsDelta, SecretIsOne], Ceremony(TinyCeremony.Setup, isLocal: true));
        AssertFaults([SecretIsOne, SecretIsOne, PointAtInfinity, SecretIsOne], Ceremony(TinyCeremony.BareTau));
        AssertFaults([], Ceremony(TinyCeremony.One, isLocal: true));

        var other = Ceremony(TinyCeremony.OtherCircuit);
        AssertFaults([OtherCircuit], other);
        Assert.EndsWith("has no such coefficient of wire 0 in constraint 1 of A as the key.", other.Findings[0].Detail, StringComparison.Ordinal);
        AssertFaults([], Check(TinyCeremony.PathOf(TinyCeremony.OtherCircuit), TinyCeremony.PathOf(TinyCeremony.Other)));

        static KeyReport Ceremony(string file, bool isLocal = false) => Check(TinyCeremony.PathOf(file), Circuit, isLocal: isLocal);
    }

    [Fact]
    public void A_development_key_is_for_local_chains_and_its_own_circuit()
    {
        string zkey = sample.PathOf("sample.zkey"), circuit = SampleCircuit.PathOf("sample.r1cs");
        var local = Check(zkey, circuit, isLocal: true);
        AssertFaults([], local);
        Assert.StartsWith("circuit hash (SHA-512 of the .r1cs)", local.CircuitComparison, StringComparison.Ordinal);
        AssertFaults([DevelopmentKey, TooFewContributions], Check(zkey, circuit));
        Assert.True(DevKeys.IsLocalChain(31337) && DevKeys.IsLocalChain(1337) && !DevKeys.IsLocalChain(1));

        // All three counts, and the hash.
        var other = Check(zkey, Circuit, isLocal: true);
        AssertFaults([OtherCircuit, OtherCircuit, OtherCircuit, OtherCircuit], other);
        Assert.Equal($"{Circuit}: 4 wires; the key has 1032.", other.Findings[0].Detail);
        Assert.EndsWith("SHA-512 is not the key's circuit hash.", other.Findings[3].Detail, StringComparison.Ordinal);
        // The same sizes, one coefficient another.
        AssertFaults([OtherCircuit, OtherCircuit], Check(Save(TinyKey.Bytes()), TinyCeremony.PathOf(TinyCeremony.Other), isLocal: true));
        // The same coefficients in another file: a label changed.
        var relabelled = TinyR1cs.Bytes();
        relabelled[^8] = 7;
        AssertFaults([OtherCircuit], Check(Save(TinyKey.Bytes()), Save(relabelled, "relabelled.r1cs"), isLocal: true));
        AssertFaults([], Check(Save(TinyKey.Bytes()), Circuit, isLocal: true));
    }

    [Fact]
    public void Every_fault_of_the_points_is_named()
    {
        Expect([], header => { });
        Expect([PointOffCurve], header => header[Alpha1] ^= 1);
        Expect([PointOffCurve, PointOffCurve], header => (header[Beta2], header[Gamma2]) = ((byte)(header[Beta2] ^ 1), (byte)(header[Gamma2] ^ 1)));
        Expect([PointAtInfinity], header => header.AsSpan(Alpha1, 64).Clear());
        Expect([SecretIsOne], header => G1Point.Generator.WriteMontgomery(header.AsSpan(Alpha1)));
        Expect([SecretIsOne, PartsDisagree], header => G1Point.Generator.WriteMontgomery(header.AsSpan(Beta1)));
        Expect([SecretIsOne, PartsDisagree], header => G2Point.Generator.WriteMontgomery(header.AsSpan(Beta2)));
        // The ceremony's gamma is the generator.
        Expect([SecretIsOne, GammaEqualsDelta, PartsDisagree], header => G2Point.Generator.WriteMontgomery(header.AsSpan(Delta2)));
        Expect([SecretIsOne, PartsDisagree, PartsDisagree], header => G1Point.Generator.WriteMontgomery(header.AsSpan(Delta1)));
        Expect([GammaEqualsDelta], header => header.AsSpan(Delta2, 128).CopyTo(header.AsSpan(Gamma2)));
        Expect([PointOutsideGroup], header => TestPoints.OnTwistOutsideGroup().WriteMontgomery(header.AsSpan(Gamma2)));
        Expect([PartsDisagree], header => (G1Point.Generator * Fr.FromUInt64(9)).WriteMontgomery(header.AsSpan(Beta1)));
        // Both halves of delta are another's: the points agree, the record does not.
        Expect([PartsDisagree], header =>
        {
            (G1Point.Generator * Fr.FromUInt64(9)).WriteMontgomery(header.AsSpan(Delta1));
            (G2Point.Generator * Fr.FromUInt64(9)).WriteMontgomery(header.AsSpan(Delta2));
        });

        void Expect(KeyFault[] faults, Action<byte[]> change) => AssertFaults(faults, Check(Changed(2, header => { change(header); return header; }), Circuit));
    }

    [Theory]
    [InlineData(Zkey.IcSection, 64)]
    [InlineData(Zkey.ASection, 64)]
    [InlineData(Zkey.B1Section, 64)]
    [InlineData(Zkey.B2Section, 128)]
    [InlineData(Zkey.CSection, 64)]
    [InlineData(Zkey.HSection, 64)]
    public void A_point_off_the_curve_is_found_in_its_section(uint section, int length)
    {
        // The last point: its x plus one bit.
        var path = Changed(section, content => Flip(content, content.Length - length));
        var report = Check(path, Circuit);
        AssertFaults([PointOffCurve], report);
        Assert.StartsWith($"{path}: section {section}, offset ", report.Findings[0].Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void A_point_of_the_proving_key_outside_the_group_is_found()
    {
        var outside = new byte[G2Point.ByteLength];
        TestPoints.OnTwistOutsideGroup().WriteMontgomery(outside);
        for (var at = 0; at < 4; at++)
        {
            var report = Check(Changed(Zkey.B2Section, content => [.. content[..(at * 128)], .. outside, .. content[((at + 1) * 128)..]]), Circuit);
            AssertFaults([PointOutsideGroup], report);
            Assert.Contains("section 7", report.Findings[0].Detail, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Infinity_is_refused_in_the_ic_and_allowed_elsewhere()
    {
        AssertFaults([PointAtInfinity], Check(Changed(Zkey.IcSection, content => [.. content[..64], .. new byte[64], .. content[128..]]), Circuit));
        // As of a wire that B does not use.
        AssertFaults([], Check(Changed(Zkey.B1Section, content => [.. content[..64], .. new byte[64], .. content[128..]]), Circuit));
    }

    [Theory]
    [InlineData("value", "no such coefficient of wire 3 in constraint 0 of A")]
    [InlineData("wire", "no such coefficient of wire 2 in constraint 0 of A")]
    [InlineData("matrix", "no such coefficient of wire 3 in constraint 0 of B")]
    [InlineData("twice", "no such coefficient of wire 3 in constraint 0 of A")]
    [InlineData("public row", "no such coefficient of wire 2 in constraint 3 of A")]
    [InlineData("missing", "has 1 coefficients that the key has not")]
    public void Coefficients_are_compared_with_the_circuit_one_by_one(string fault, string message)
    {
        const int First = 4, Second = 48, Row = 4, Wire = 8, Value = 12;
        // The first is wire 3 in constraint 0 of A, the last but one wire 1 in row 3, which is public.
        Assert.Equal((0, 3), (Coefficients[First + Row], Coefficients[First + Wire]));
        var lastButOne = Coefficients.Length - 88;
        Assert.Equal((3, 1), (Coefficients[lastButOne + Row], Coefficients[lastButOne + Wire]));
        var report = Check(Changed(4, content =>
        {
            switch (fault)
            {
                case "value": content[First + Value] ^= 1; break;
                case "wire": content[First + Wire] = 2; break;
                case "matrix": content[First] = 1; break;
                case "twice": content.AsSpan(First, 44).CopyTo(content.AsSpan(Second)); break;
                case "public row": content[lastButOne + Wire] = 2; break;
                case "missing": content[0]--; return [.. content[..First], .. content[Second..]];
            }
            return content;
        }), Circuit);
        AssertFaults([OtherCircuit], report);
        Assert.Contains(message, report.Findings[0].Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void The_order_of_coefficients_is_free() => AssertFaults([], Check(Changed(4, content => [.. content[..4], .. content[48..92], .. content[4..48], .. content[92..]]), Circuit));

    [Fact]
    public void A_verification_key_must_be_the_key_s_own()
    {
        string zkey = TinyCeremony.PathOf(TinyCeremony.Final), own = Path.Combine(_folder, "own.json");
        using (var key = Zkey.Open(zkey))
            File.WriteAllBytes(own, SnarkJson.Write(key.VerifyingKey));
        AssertFaults([], Check(zkey, verificationKey: own));
        // The contribution before: delta alone is another.
        AssertFaults([OtherVerificationKey], Check(TinyCeremony.PathOf(TinyCeremony.Two), verificationKey: own));
        var forgeable = JsonNode.Parse(File.ReadAllBytes(own))!;
        forgeable["vk_gamma_2"] = forgeable["vk_delta_2"]!.DeepClone();
        var report = Check(zkey, verificationKey: Save(Encoding.UTF8.GetBytes(forgeable.ToJsonString()), "forgeable.json"));
        AssertFaults([OtherVerificationKey], report);
        Assert.Contains("gamma equals delta", report.Findings[0].Detail, StringComparison.Ordinal);
        AssertFaults([Malformed], Check(zkey, verificationKey: Save("{}"u8.ToArray(), "empty.json")));
        Assert.Throws<FileNotFoundException>(() => Check(zkey, verificationKey: Path.Combine(_folder, "none.json")));
        // A proving key that must not be used is compared nevertheless.
        Assert.Contains(OtherVerificationKey, Check(TinyCeremony.PathOf(TinyCeremony.Setup), verificationKey: own).Findings.Select(finding => finding.Fault));
    }

    [Fact]
    public void All_faults_of_a_key_are_found_at_once()
    {
        var key = TinyKey.Rewrite((id, content) => id switch
        {
            2 => Flip(content, Alpha1),
            Zkey.IcSection => [.. new byte[64], .. content[64..]],
            Zkey.ASection or Zkey.HSection => Flip(content, 0),
            4 => Flip(content, 4 + 8),
            _ => content,
        });
        AssertFaults(
            [PointOffCurve, PointOffCurve, PointOffCurve, PointAtInfinity, Malformed, DevelopmentKey, TooFewContributions, OtherCircuit],
            Check(Save(key), Circuit, verificationKey: Save("[]"u8.ToArray(), "list.json")));
    }

    [Fact]
    public void What_is_no_key_or_no_circuit_is_malformed()
    {
        var bytes = TinyKey.Bytes();
        foreach (var length in (int[])[0, 11, 100, bytes.Length - 1])
            AssertFaults([Malformed], Check(Save(bytes[..length]), isLocal: true));
        Assert.Null(Check(Save(bytes[..100])).Info);
        AssertFaults([Malformed], Check(Save(bytes), Save(TinyR1cs.Bytes()[..^1], "short.r1cs"), isLocal: true));
        // A coefficient of r or more: found by the scan, and again where the section is read.
        AssertFaults([Malformed], Check(Save(TinyKey.Rewrite((id, content) => id == 4 ? [.. content[..47], 0xff, .. content[48..]] : content)), isLocal: true));
        Assert.Throws<FileNotFoundException>(() => Check(Path.Combine(_folder, "none.zkey")));
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        Assert.Throws<OperationCanceledException>(() => KeyChecker.Check(Save(bytes), null, null, isLocalChain: true, parallelism: 1, cancelled.Token));
        AssertFaults([], Check(Save(bytes), Circuit, isLocal: true));
    }

    private static byte[] Coefficients
    {
        get
        {
            var bytes = File.ReadAllBytes(TinyCeremony.PathOf(TinyCeremony.Final));
            using var file = BinFile.Parse(bytes, "final", "zkey", 1);
            var (start, length) = file.Locate(4);
            return bytes[(int)start..(int)(start + length)];
        }
    }

    private static KeyReport Check(string zkey, string? r1cs = null, string? verificationKey = null, bool isLocal = false) =>
        KeyChecker.Check(zkey, r1cs, verificationKey, isLocal, parallelism: 2);

    private static void AssertFaults(KeyFault[] expected, KeyReport report) =>
        Assert.True(expected.SequenceEqual(report.Findings.Select(finding => finding.Fault)), $"expected {string.Join(", ", expected)}; found\n{string.Join('\n', report.Findings)}");

    private static byte[] Flip(byte[] content, int at)
    {
        content[at] ^= 1;
        return content;
    }

    /// <summary>The ceremony's last key with one section changed.</summary>
    private string Changed(uint section, Func<byte[], byte[]> change) =>
        Save(TinyKey.Rewrite((id, content) => id == section ? change(content) : content, File.ReadAllBytes(TinyCeremony.PathOf(TinyCeremony.Final))));

    private string Save(byte[] content, string name = "changed.zkey")
    {
        var path = Path.Combine(_folder, name);
        File.WriteAllBytes(path, content);
        return path;
    }
}
