using Rollup.Groth16.Formats;

namespace Rollup.Groth16.Tests;

/// <summary>Our prover with the sample circuit's key: its proofs under our verifier and snarkjs's, and what it refuses.</summary>
[Collection(nameof(SampleProof))]
public sealed class ProverTests(SampleProof sample) : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("groth16-prover-").FullName;

    private static ulong[] Witness => WitnessFile.LoadLimbs(SampleCircuit.PathOf("sample.wtns"));

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_proof_holds_for_us_and_for_snarkjs_and_is_blinded_afresh()
    {
        using var prover = Open();
        var steps = new List<ProvingProgress>();
        var first = prover.Prove(Witness, new Recorder(steps));
        var second = prover.Prove(Witness);

        Assert.Equal(sample.PublicInputs, first.PublicInputs);
        foreach (var (proof, publics) in new[] { (first.Proof, first.PublicInputs), (second.Proof, second.PublicInputs) })
        {
            Assert.True(new Groth16Verifier(sample.Key).Verify(proof, [.. publics]).IsValid);
            Assert.True(VerifiesWithSnarkjs(proof, publics));
        }
        Assert.False(VerifiesWithSnarkjs(first.Proof with { C = second.Proof.C }, first.PublicInputs));
        Assert.NotEqual(first.Proof.A, second.Proof.A);
        Assert.NotEqual(first.Proof.B, second.Proof.B);
        Assert.NotEqual(first.Proof.C, second.Proof.C);
        Assert.Equal(Enumerable.Range(0, 8), steps.Select(step => step.Done));
        Assert.All(steps, step => Assert.Equal(7, step.Total));
        Assert.Equal("", steps[^1].Next);
        Assert.Equal(7, steps.SkipLast(1).Select(step => step.Next).Where(name => name.Length > 0).Distinct().Count());
    }

    [Fact]
    public void A_witness_that_breaks_a_constraint_is_refused()
    {
        using var prover = Open();
        var witness = Witness;
        // Any private wire: the circuit has none that is free.
        witness[^4]++;
        Assert.Contains("breaks a constraint", Assert.Throws<InvalidWitnessException>(() => prover.Prove(witness)).Message, StringComparison.Ordinal);
        Assert.Equal(sample.PublicInputs, prover.Prove(Witness).PublicInputs);
    }

    [Fact]
    public void A_witness_of_another_form_is_refused_with_the_reason()
    {
        using var prover = Open();
        Refused("of another circuit", witness => witness[..^4]);
        Refused("of another circuit", witness => [.. witness, 5, 0, 0, 0]);
        Refused("the constant, is not 1", witness => [2, .. witness[1..]]);
        Refused("the constant, is not 1", witness => [1, 0, 0, 1, .. witness[4..]]);
        Refused("Value 7 of the witness is not below r", witness =>
        {
            // The value plus r: the same element, in another form.
            Fr.Modulus.TryWriteBytes(System.Runtime.InteropServices.MemoryMarshal.AsBytes(witness.AsSpan(28, 4)), out _, isUnsigned: true);
            return witness;
        });

        void Refused(string reason, Func<ulong[], ulong[]> change) =>
            Assert.Contains(reason, Assert.Throws<InvalidWitnessException>(() => prover.Prove(change(Witness))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_cancelled_proof_stops_at_any_step_and_the_prover_goes_on()
    {
        using var prover = Open();
        for (var step = 0; step < 7; step++)
        {
            using var source = new CancellationTokenSource();
            var at = step;
            Assert.Throws<OperationCanceledException>(() => prover.Prove(Witness, new Canceller(source, at), source.Token));
        }
        Assert.Equal(sample.PublicInputs, prover.Prove(Witness).PublicInputs);
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        Assert.Throws<OperationCanceledException>(() => Groth16Prover.Open(sample.PathOf("sample.zkey"), 2, cancelled.Token));
    }

    [Theory]
    [InlineData(Zkey.ASection)]
    [InlineData(Zkey.B1Section)]
    [InlineData(Zkey.B2Section)]
    [InlineData(Zkey.CSection)]
    [InlineData(Zkey.HSection)]
    public void A_key_with_a_point_off_the_curve_is_refused_with_its_place(uint section)
    {
        var bytes = File.ReadAllBytes(sample.PathOf("sample.zkey"));
        long start, length;
        using (var key = Zkey.Parse(bytes, "original"))
            (start, length) = key.Locate(section);
        // A byte of the last point's last coordinate.
        bytes[start + length - 20] ^= 1;
        var path = Path.Combine(_folder, "changed.zkey");
        File.WriteAllBytes(path, bytes);
        var error = Assert.Throws<BinaryFormatException>(() => Groth16Prover.Open(path, 2));
        Assert.Equal(section, error.Section);
        Assert.InRange(error.Offset, start + length - G2Point.ByteLength, start + length - 1);
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_key_that_ends_early_is_refused()
    {
        var bytes = File.ReadAllBytes(sample.PathOf("sample.zkey"));
        var path = Path.Combine(_folder, "short.zkey");
        File.WriteAllBytes(path, bytes[..^10]);
        Assert.Throws<BinaryFormatException>(() => Groth16Prover.Open(path, 2));
        File.WriteAllBytes(path, bytes);
        Groth16Prover.Open(path, 2).Dispose();
    }

    private Groth16Prover Open() => Groth16Prover.Open(sample.PathOf("sample.zkey"), parallelism: 2);

    private bool VerifiesWithSnarkjs(Proof proof, IReadOnlyList<Fr> publics)
    {
        string key = Path.Combine(_folder, "key.json"), proofFile = Path.Combine(_folder, "proof.json"), publicFile = Path.Combine(_folder, "public.json");
        File.WriteAllBytes(key, SnarkJson.Write(sample.Key));
        File.WriteAllBytes(proofFile, SnarkJson.Write(proof));
        File.WriteAllBytes(publicFile, SnarkJson.Write(publics));
        var (_, output) = Toolchain.SnarkJs("groth16", "verify", key, publicFile, proofFile);
        return output.Contains("OK!", StringComparison.Ordinal);
    }

    private sealed class Recorder(List<ProvingProgress> steps) : IProgress<ProvingProgress>
    {
        public void Report(ProvingProgress value) => steps.Add(value);
    }

    private sealed class Canceller(CancellationTokenSource source, int step) : IProgress<ProvingProgress>
    {
        public void Report(ProvingProgress value)
        {
            if (value.Done == step)
                source.Cancel();
        }
    }
}
