using System.Text.Json.Nodes;
using Rollup.Groth16.Curve;
using Rollup.Groth16.Formats;

namespace Rollup.Groth16.Tests;

[Collection(nameof(SampleProof))]
public class DevKeysTests(SampleProof sample)
{
    [Fact]
    public void Proof_of_snarkjs_with_our_key_is_accepted_by_us_and_by_snarkjs()
    {
        Assert.Equal(SampleCircuit.Witness()[1..5], sample.PublicInputs);
        Assert.Equal(VerificationFailure.None, new Groth16Verifier(sample.Key).Verify(sample.Proof, sample.PublicInputs).Failure);

        File.WriteAllBytes(sample.PathOf("our-key.json"), SnarkJson.Write(sample.Key));
        File.WriteAllBytes(sample.PathOf("our-proof.json"), SnarkJson.Write(sample.Proof));
        File.WriteAllBytes(sample.PathOf("our-public.json"), SnarkJson.Write(sample.PublicInputs));
        Assert.Equal(0, SnarkJsVerify("our-public.json"));

        var wrong = sample.PublicInputs.ToArray();
        wrong[2] += Fr.One;
        File.WriteAllBytes(sample.PathOf("wrong-public.json"), SnarkJson.Write(wrong));
        Assert.Equal(VerificationFailure.EquationFails, new Groth16Verifier(sample.Key).Verify(sample.Proof, wrong).Failure);
        Assert.NotEqual(0, SnarkJsVerify("wrong-public.json"));
    }

    [Fact]
    public void Exported_verification_key_is_the_one_snarkjs_exports()
    {
        var (exitCode, output) = Toolchain.SnarkJs("zkey", "export", "verificationkey", sample.PathOf("sample.zkey"), sample.PathOf("snarkjs-key.json"));
        Assert.True(exitCode == 0, output);
        var exported = File.ReadAllBytes(sample.PathOf("snarkjs-key.json"));
        // The product e(alpha, beta) included.
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(exported), JsonNode.Parse(SnarkJson.Write(sample.Key))));
        Assert.Equal(sample.Key, SnarkJson.ReadVerifyingKey(exported, "snarkjs-key.json"));
    }

    [Fact]
    public void Key_tells_its_circuit_and_that_it_is_for_development()
    {
        var r1cs = SampleCircuit.R1cs;
        Assert.Equal((r1cs.WireCount, r1cs.PublicCount, 2048, r1cs.ConstraintCount), (sample.Info.WireCount, sample.Info.PublicCount, sample.Info.DomainSize, sample.Info.ConstraintCount));
        Assert.Equal(r1cs.ContentHash.ToArray(), sample.Info.CircuitHash.ToArray());
        Assert.Equal(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(sample.PathOf("sample.zkey"))), sample.Info.FileHash.ToArray());
        Assert.Empty(sample.Info.Contributions);
        Assert.True(sample.Info.IsDevelopment);
        Assert.True(DevKeys.IsDevelopment(VerifyingKey.FromEvmWords(sample.Key.ToEvmWords())));
        Assert.False(DevKeys.IsDevelopment(new VerifyingKey(sample.Key.Alpha1, sample.Key.Beta2, G2Point.Generator, sample.Key.Delta2, sample.Key.Ic)));
    }

    [Fact]
    public void Coefficients_are_those_of_the_circuit()
    {
        using var zkey = Zkey.Open(sample.PathOf("sample.zkey"));
        var r1cs = SampleCircuit.R1cs;
        var witness = SampleCircuit.Witness();
        var sums = new[] { new Fr[zkey.DomainSize], new Fr[zkey.DomainSize] };
        foreach (var coefficient in zkey.ReadCoefficients())
            sums[coefficient.IsB ? 1 : 0][coefficient.Constraint] += coefficient.Value * witness[coefficient.Wire];
        for (var i = 0; i < r1cs.ConstraintCount; i++)
            Assert.Equal(r1cs.C.Evaluate(i, r1cs.Coefficients.Span, witness), sums[0][i] * sums[1][i]);
        Assert.Equal(witness[..5], sums[0][r1cs.ConstraintCount..(r1cs.ConstraintCount + 5)]);
        Assert.All(sums[1][r1cs.ConstraintCount..], value => Assert.True(value.IsZero));
    }

    [Fact]
    public void Sections_of_points_hold_the_multiples_their_formulas_say()
    {
        // Of the tiny system, over a domain of 8 points: everything by the definition, with BigInteger-free interpolation.
        var r1cs = R1csFile.Parse(TinyR1cs.Bytes(), "tiny");
        using var secret = DevSecret.FromSeed("tiny");
        var stream = new MemoryStream();
        DevKeys.Write(r1cs, secret, stream);
        using var zkey = Zkey.Parse(stream.ToArray(), "tiny.zkey");
        // 2 constraints and 3 public rows.
        Assert.Equal(8, zkey.DomainSize);
        var root = Fr.TwoAdicRoot.Pow(1UL << 25);
        Assert.Equal((Fr.One, -Fr.One), (root.Pow(8), root.Pow(4)));

        var gamma = Fr.FromBytesReducedBigEndian(System.Security.Cryptography.SHA512.HashData("rollup development key: gamma"u8));
        Assert.Equal(G2Point.Generator * gamma, zkey.VerifyingKey.Gamma2);
        var (a, b) = (ReadAll(Zkey.ASection, 4), ReadAll(Zkey.B1Section, 4));
        var b2 = new G2Point[4];
        zkey.ReadB2(0, b2);
        var (c, h, ic) = (ReadAll(Zkey.CSection, 1), ReadAll(Zkey.HSection, 8), ReadAll(Zkey.IcSection, 3));
        for (var s = 0; s < 4; s++)
        {
            // Wires 0 to 2 are the constant, the output and the public input; row 2 + s of A is theirs.
            var aAtTau = Row(r1cs.A, 0, s) * L(8, 0) + Row(r1cs.A, 1, s) * L(8, 1) + (s < 3 ? L(8, 2 + s) : Fr.Zero);
            var bAtTau = Row(r1cs.B, 0, s) * L(8, 0) + Row(r1cs.B, 1, s) * L(8, 1);
            var cAtTau = Row(r1cs.C, 0, s) * L(8, 0) + Row(r1cs.C, 1, s) * L(8, 1);
            Assert.Equal(G1Point.Generator * aAtTau, a[s]);
            Assert.Equal(G1Point.Generator * bAtTau, b[s]);
            Assert.Equal(G2Point.Generator * bAtTau, b2[s]);
            var combined = secret.Beta * aAtTau + secret.Alpha * bAtTau + cAtTau;
            Assert.Equal(G1Point.Generator * (combined * (s < 3 ? gamma : secret.Delta).Inverse()), s < 3 ? ic[s] : c[0]);
        }
        for (var i = 0; i < 8; i++)
            Assert.Equal(G1Point.Generator * (L(16, 2 * i + 1) * secret.Delta.Inverse()), h[i]);

        G1Point[] ReadAll(uint section, int count)
        {
            var points = new G1Point[count];
            zkey.ReadPoints(section, 0, points);
            var last = new G1Point[1];
            zkey.ReadPoints(section, count - 1, last);
            Assert.Equal(points[^1], last[0]);
            return points;
        }

        Fr Row(SparseMatrix matrix, int row, int wire)
        {
            var index = matrix.Wires(row).IndexOf(wire);
            return index < 0 ? Fr.Zero : r1cs.Coefficients.Span[matrix.CoefficientIndices(row)[index]];
        }

        // The Lagrange polynomial by its products, Π (τ - x_j)/(x_i - x_j).
        Fr L(int size, int i)
        {
            var omega = Fr.TwoAdicRoot.Pow((1UL << 28) / (ulong)size);
            var value = Fr.One;
            for (var j = 0; j < size; j++)
            {
                if (j != i)
                    value *= (secret.Tau - omega.Pow((ulong)j)) * (omega.Pow((ulong)i) - omega.Pow((ulong)j)).Inverse();
            }
            return value;
        }
    }

    [Fact]
    public void Same_seed_gives_the_same_file_for_any_parallelism_and_another_seed_another()
    {
        Assert.Equal(Sha("seed 1", 1), Sha("seed 1", 2));
        Assert.NotEqual(Sha("seed 1", 1), Sha("seed 2", 1));

        static string Sha(string seed, int parallelism)
        {
            using var secret = DevSecret.FromSeed(seed);
            var stream = new MemoryStream();
            DevKeys.Write(SampleCircuit.R1cs, secret, stream, parallelism);
            return Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(stream.ToArray()));
        }
    }

    [Fact]
    public void Drawn_secrets_differ_and_disposal_overwrites_them()
    {
        using var first = DevSecret.Draw();
        using var second = DevSecret.Draw();
        Assert.NotEqual(first.Tau, second.Tau);
        Assert.Equal(4, new[] { first.Alpha, first.Beta, first.Delta, first.Tau }.Distinct().Count());
        first.Dispose();
        Assert.All([first.Alpha, first.Beta, first.Delta, first.Tau], value => Assert.True(value.IsZero));
        Assert.False(second.Alpha.IsZero);
    }

    [Fact]
    public void Fixed_base_products_are_right_for_every_window_and_edge_scalar()
    {
        Fr[] edges =
        [
            Fr.Zero, Fr.One, -Fr.One, -Fr.FromUInt64(2), Fr.FromUInt64(2), Fr.FromUInt64(0x7fff), Fr.FromUInt64(0x8000), Fr.FromUInt64(0x8001),
            Fr.FromUInt64(ulong.MaxValue), Fr.FromUInt64(3).Inverse(), Fr.FromBigInteger((System.Numerics.BigInteger.One << 253) + 12345),
        ];
        // Expected numbers that choose windows from 2 to 16 bits.
        foreach (var expected in (int[])[1, 4, 40, 400, 4000, 100_000, 1_000_000])
        {
            var table = new FixedBaseTable<Fq, Bn254G1>(G1Point.Generator, expected, 2);
            var products = new G1Point[edges.Length];
            table.Multiply(edges, products, 1);
            Assert.Equal(edges.Select(scalar => G1Point.Generator * scalar), products);
        }
        var second = new FixedBaseTable<Fq2, Bn254G2>(G2Point.Generator, 100, 1);
        var products2 = new G2Point[edges.Length];
        second.Multiply(edges, products2, 2);
        Assert.Equal(edges.Select(scalar => G2Point.Generator * scalar), products2);
    }

    private int SnarkJsVerify(string publicInputs) => Toolchain.SnarkJs(
        "groth16", "verify", sample.PathOf("our-key.json"), sample.PathOf(publicInputs), sample.PathOf("our-proof.json")).ExitCode;
}
