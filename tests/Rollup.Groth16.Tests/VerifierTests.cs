using System.Collections.Concurrent;
using System.Text;
using Rollup.Groth16.Formats;

namespace Rollup.Groth16.Tests;

[Collection(nameof(SampleProof))]
public class VerifierTests(SampleProof sample)
{
    [Fact]
    public void Ten_thousand_corrupted_proofs_are_refused_and_the_good_one_accepted_before_and_after()
    {
        var verifier = new Groth16Verifier(sample.Key);
        var (goodProof, goodPublic) = (sample.Proof.ToEvmWords(), Words(sample.PublicInputs));
        Assert.Equal(new VerificationResult(VerificationFailure.None, ""), verifier.VerifyEvmWords(goodProof, goodPublic));

        var reasons = new ConcurrentDictionary<VerificationFailure, int>();
        var refused = 0;
        Parallel.ForEach(Corruption.Of(sample.Proof, sample.PublicInputs, 10_000), corruption =>
        {
            var result = verifier.VerifyEvmWords(corruption.Proof, corruption.Public);
            Assert.False(result.IsValid, corruption.Name);
            Assert.NotEmpty(result.Detail);
            reasons.AddOrUpdate(result.Failure, 1, (_, count) => count + 1);
            Interlocked.Increment(ref refused);
        });
        Assert.Equal(10_000, refused);
        foreach (var reason in Enum.GetValues<VerificationFailure>().Except([VerificationFailure.None, VerificationFailure.PublicInputCount]))
            Assert.True(reasons.GetValueOrDefault(reason) > 100, $"{reason} came {reasons.GetValueOrDefault(reason)} times");

        Assert.True(verifier.VerifyEvmWords(goodProof, goodPublic).IsValid);
    }

    [Fact]
    public void Snarkjs_agrees_on_every_kind_of_corruption() => AgreeWithSnarkjs([.. Corruption.Of(sample.Proof, sample.PublicInputs, 10_000).Where((_, i) => i < 60 || i % 4 == 0)]);

    [Fact]
    [Trait("Category", "Long")]
    public void Snarkjs_agrees_on_ten_thousand_corrupted_proofs() => AgreeWithSnarkjs([.. Corruption.Of(sample.Proof, sample.PublicInputs, 10_000)]);

    private void AgreeWithSnarkjs(Corruption[] corruptions)
    {
        var good = new Corruption("good", sample.Proof.ToEvmWords(), Words(sample.PublicInputs));
        Corruption[] cases = [good, .. corruptions, good];
        var key = sample.PathOf("snarkjs-verify.json");
        File.WriteAllBytes(key, SnarkJson.Write(sample.Key));
        var answers = SnarkJsVerifier.Verify(Toolchain.Root, key, [.. cases.Select(item => (item.Proof, item.Public))]);

        var verifier = new Groth16Verifier(sample.Key);
        var ours = cases.AsParallel().AsOrdered().Select(item => verifier.VerifyEvmWords(item.Proof, item.Public)).ToArray();
        Assert.Equal(["good", "good"], cases.Zip(ours).Where(pair => pair.Second.IsValid).Select(pair => pair.First.Name));
        // snarkjs reads coordinates modulo q, so that x + q is x to it. Ours and the contract's precompiles take one form of a point only.
        var accepted = cases.Zip(answers).Where(pair => pair.Second == "true").Select(pair => pair.First.Name);
        Assert.Equal(["good", .. Enumerable.Range(0, 8).Select(word => $"word {word} + q"), "good"], accepted);
        foreach (var (item, result) in cases.Zip(ours))
            if (item.Name.EndsWith("+ q", StringComparison.Ordinal)) Assert.Equal(VerificationFailure.MalformedProof, result.Failure);
    }

    [Fact]
    public void Each_reason_is_told_apart()
    {
        var verifier = new Groth16Verifier(sample.Key);
        Assert.True(verifier.Verify(sample.Proof, sample.PublicInputs).IsValid);
        var (a, b, c) = (sample.Proof.A, sample.Proof.B, sample.Proof.C);
        var offCurve = new G1Point(a.X, a.Y + Fq.One);
        Assert.Equal(VerificationFailure.PublicInputCount, verifier.Verify(sample.Proof, sample.PublicInputs.AsSpan(1)).Failure);
        Assert.Equal(VerificationFailure.PublicInputCount, verifier.Verify(sample.Proof, [.. sample.PublicInputs, Fr.Zero]).Failure);
        Assert.StartsWith("A is", Expect(VerificationFailure.NotOnCurve, new Proof(offCurve, b, c)), StringComparison.Ordinal);
        Assert.StartsWith("B is", Expect(VerificationFailure.NotOnCurve, new Proof(a, new G2Point(b.Y, b.X), c)), StringComparison.Ordinal);
        Assert.StartsWith("C is", Expect(VerificationFailure.NotOnCurve, new Proof(a, b, offCurve)), StringComparison.Ordinal);
        Expect(VerificationFailure.NotInGroup, new Proof(a, TestPoints.OnTwistOutsideGroup(), c));
        Expect(VerificationFailure.EquationFails, new Proof(c, b, a));
        Expect(VerificationFailure.EquationFails, new Proof(G1Point.Infinity, G2Point.Infinity, G1Point.Infinity));
        Assert.Equal(VerificationFailure.MalformedProof, verifier.VerifyEvmWords(new byte[255], Words(sample.PublicInputs)).Failure);
        Assert.Equal(VerificationFailure.PublicInputCount, verifier.VerifyEvmWords(sample.Proof.ToEvmWords(), new byte[96]).Failure);

        string Expect(VerificationFailure failure, Proof proof)
        {
            var result = verifier.Verify(proof, sample.PublicInputs);
            Assert.Equal(failure, result.Failure);
            return result.Detail;
        }
    }

    [Fact]
    public void Proof_of_another_key_is_refused()
    {
        using var secret = DevSecret.FromSeed("another");
        var stream = new MemoryStream();
        DevKeys.Write(SampleCircuit.R1cs, secret, stream, 2);
        using var zkey = Zkey.Parse(stream.ToArray(), "another.zkey");
        Assert.Equal(VerificationFailure.EquationFails, new Groth16Verifier(zkey.VerifyingKey).Verify(sample.Proof, sample.PublicInputs).Failure);
        Assert.True(new Groth16Verifier(sample.Key).Verify(sample.Proof, sample.PublicInputs).IsValid);
    }

    [Fact]
    public void Contract_agrees_with_the_verifier()
    {
        using var chain = new LocalChain();
        var contract = new VerifierContract(sample.Key, chain);
        Assert.Equal("", contract.Messages);
        var (goodProof, goodPublic) = (sample.Proof.ToEvmWords(), Words(sample.PublicInputs));
        Assert.True(contract.Verify(goodProof, goodPublic));

        // Of our own prover as well as of snarkjs.
        using (var prover = Groth16Prover.Open(sample.PathOf("sample.zkey"), parallelism: 2))
            Assert.True(contract.Verify(prover.Prove(SampleCircuit.PathOf("sample.wtns")).Proof.ToEvmWords(), goodPublic));

        var verifier = new Groth16Verifier(sample.Key);
        foreach (var corruption in Corruption.Of(sample.Proof, sample.PublicInputs, 3400).Where((_, i) => i < 60 || i % 8 == 0))
        {
            Assert.False(contract.Verify(corruption.Proof, corruption.Public), corruption.Name);
            Assert.False(verifier.VerifyEvmWords(corruption.Proof, corruption.Public).IsValid, corruption.Name);
        }
        // Proofs for the same statement, blinded anew: (z·A, B/z, C) holds too, in both.
        var z = Fr.FromUInt64(1234567);
        var blinded = new Proof(sample.Proof.A * z, sample.Proof.B * z.Inverse(), sample.Proof.C).ToEvmWords();
        Assert.True(contract.Verify(blinded, goodPublic));
        Assert.True(verifier.VerifyEvmWords(blinded, goodPublic).IsValid);

        // A malformed point burns no more than the caps, so little more than a good proof's gas is enough to answer.
        var offCurve = new Proof(new G1Point(sample.Proof.A.Y, sample.Proof.A.X), sample.Proof.B, sample.Proof.C).ToEvmWords();
        Assert.False(contract.Verify(offCurve, goodPublic, gas: 600_000));
        Assert.True(contract.Verify(goodProof, goodPublic, gas: 300_000));
        // Starved, it answers false or reverts, but never true.
        for (var gas = 30_000UL; gas < 230_000; gas += 10_000)
            Assert.NotEqual(1, contract.Call("verifyProof(uint256[2],uint256[2][2],uint256[2],uint256[4])", [.. goodProof, .. goodPublic], gas)?[31] ?? 0);
    }

    [Fact]
    public void Contract_publishes_the_key_and_its_mark()
    {
        using var chain = new LocalChain();
        var contract = new VerifierContract(sample.Key, chain);
        var answer = contract.Call("verifyingKey()", [])!;
        // The ABI puts offset and length before an array.
        Assert.Equal(sample.Key.ToEvmWords(), answer[64..]);
        Assert.Equal(sample.Key, VerifyingKey.FromEvmWords(answer.AsSpan(64)));
        Assert.Equal(1, contract.Call("isDevelopmentKey()", [])![31]);

        var unmarked = new VerifyingKey(sample.Key.Alpha1, sample.Key.Beta2, G2Point.Generator, sample.Key.Delta2, sample.Key.Ic);
        var other = new VerifierContract(unmarked, chain);
        Assert.Equal(0, other.Call("isDevelopmentKey()", [])![31]);
        Assert.Equal(unmarked.ToEvmWords(), other.Call("verifyingKey()", [])![64..]);
        Assert.False(other.Verify(sample.Proof.ToEvmWords(), Words(sample.PublicInputs)));
        Assert.True(contract.Verify(sample.Proof.ToEvmWords(), Words(sample.PublicInputs)));
    }

    [Fact]
    public void Contract_fits_for_the_most_public_inputs_and_is_refused_for_more()
    {
        using var chain = new LocalChain();
        var largest = new VerifierContract(KeyOf(SolidityVerifier.MaxPublicInputs), chain);
        Assert.InRange((largest.Code.Length - 2) / 2, 1000, 24_576);
        Assert.Throws<ArgumentException>(() => SolidityVerifier.Write(KeyOf(SolidityVerifier.MaxPublicInputs + 1)));
        Assert.Throws<ArgumentException>(() => SolidityVerifier.Write(KeyOf(0)));

        VerifyingKey KeyOf(int inputs) => new(
            sample.Key.Alpha1, sample.Key.Beta2, sample.Key.Gamma2, sample.Key.Delta2,
            [.. Enumerable.Range(5, inputs + 1).Select(i => G1Point.Generator * Fr.FromInt64(i))]);
    }

    [Theory]
    [InlineData("alpha off the curve", "alpha is not on the curve")]
    [InlineData("alpha infinite", "alpha is infinity")]
    [InlineData("alpha trivial", "alpha is the generator")]
    [InlineData("beta outside", "beta is on the curve, but not in the group")]
    [InlineData("beta trivial", "beta is the generator")]
    [InlineData("gamma infinite", "gamma is infinity")]
    [InlineData("gamma equals delta", "anybody can make proofs")]
    [InlineData("delta trivial", "delta is the generator")]
    [InlineData("IC infinite", "IC point 2 is infinity")]
    [InlineData("IC off the curve", "IC point 4 is not on the curve")]
    [InlineData("no IC", "0 IC points")]
    public void Unusable_keys_are_refused(string fault, string message)
    {
        var (alpha, beta, gamma, delta) = (sample.Key.Alpha1, sample.Key.Beta2, sample.Key.Gamma2, sample.Key.Delta2);
        var ic = sample.Key.Ic.ToArray();
        Assert.Equal(sample.Key, new VerifyingKey(alpha, beta, gamma, delta, ic));
        switch (fault)
        {
            case "alpha off the curve": alpha = new G1Point(alpha.Y, alpha.X); break;
            case "alpha infinite": alpha = default; break;
            case "alpha trivial": alpha = G1Point.Generator; break;
            case "beta outside": beta = TestPoints.OnTwistOutsideGroup(); break;
            case "beta trivial": beta = G2Point.Generator; break;
            case "gamma infinite": gamma = default; break;
            case "gamma equals delta": gamma = delta; break;
            case "delta trivial": delta = G2Point.Generator; break;
            case "IC infinite": ic[2] = default; break;
            case "IC off the curve": ic[4] = new G1Point(ic[4].X, ic[4].X); break;
            case "no IC": ic = []; break;
        }
        Assert.Contains(message, Assert.Throws<InvalidKeyException>(() => new VerifyingKey(alpha, beta, gamma, delta, ic)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Key_words_of_wrong_length_or_with_a_coordinate_plus_q_are_refused()
    {
        var words = sample.Key.ToEvmWords();
        Assert.Equal(448 + 64 * 5, words.Length);
        Assert.Equal(sample.Key, VerifyingKey.FromEvmWords(words));
        foreach (var length in (int[])[0, 448, words.Length - 1, words.Length - 32])
            Assert.Throws<InvalidKeyException>(() => VerifyingKey.FromEvmWords(words.AsSpan(0, length)));
        for (var word = 0; word < words.Length / 32; word++)
        {
            var copy = words.ToArray();
            var sum = (new System.Numerics.BigInteger(copy.AsSpan(32 * word, 32), true, true) + Fq.Modulus).ToByteArray(true, true);
            copy.AsSpan(32 * word, 32).Clear();
            sum.CopyTo(copy, 32 * word + 32 - sum.Length);
            Assert.Contains("not below q", Assert.Throws<InvalidKeyException>(() => VerifyingKey.FromEvmWords(copy)).Message, StringComparison.Ordinal);
        }
    }

    private static byte[] Words(Fr[] inputs) => [.. inputs.SelectMany(input => input.ToBigEndianBytes())];
}
