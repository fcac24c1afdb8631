using Rollup.Groth16;
using Rollup.Groth16.Formats;
using Rollup.ProverBridge.Proving;
using Rollup.Proving;

namespace Rollup.ProverBridge.Tests;

public sealed class ProverTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task An_external_program_proves_the_witness_of_the_node_worker()
    {
        FactorsCircuit circuit = await FactorsCircuit.GetAsync();
        await using SnarkjsPool witnesses = circuit.Pool(withKey: false);
        Proof proof = await circuit.Maker(witnesses, folder.File("work"), External(circuit, "honest"))
            .MakeAsync(1, FactorsCircuit.Input(11, 13, 17), FactorsCircuit.Publics(11, 13, 17), () => { }, default);
        Assert.True(new Groth16Verifier(circuit.Key).Verify(proof, FactorsCircuit.Publics(11, 13, 17).AsSpan()).IsValid);
        Assert.False(new Groth16Verifier(circuit.Key).Verify(proof, FactorsCircuit.Publics(11, 13, 18).AsSpan()).IsValid);
    }

    [Theory]
    [InlineData("fail", ProverFault.Died, "exit code 3; node said: the key is for another circuit")]
    [InlineData("silent", ProverFault.Refused, "wrote no proof.json")]
    [InlineData("hang", ProverFault.TimedOut, "did not finish within 3 s")]
    [InlineData("tamper", ProverFault.WrongProof, "made a proof that does not hold. EquationFails")]
    public async Task A_failing_program_is_reported_with_its_reason(string behaviour, object fault, string message)
    {
        FactorsCircuit circuit = await FactorsCircuit.GetAsync();
        await using SnarkjsPool witnesses = circuit.Pool(withKey: false);
        ProofMaker maker = circuit.Maker(witnesses, folder.File("work"), External(circuit, behaviour));
        var error = await Assert.ThrowsAsync<ProverException>(() => maker.MakeAsync(1, FactorsCircuit.Input(11, 13, 17), FactorsCircuit.Publics(11, 13, 17), () => { }, default));
        Assert.Equal((ProverFault)fault, error.Fault);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(folder.File("work")));
    }

    [Fact]
    public async Task Our_own_prover_proves_two_batches_asked_for_at_once()
    {
        FactorsCircuit circuit = await FactorsCircuit.GetAsync();
        await using SnarkjsPool witnesses = circuit.Pool(size: 2, withKey: false);
        using NativeProver prover = Native(circuit.Files.Zkey);
        ProofMaker maker = circuit.Maker(witnesses, folder.File("work"), prover);
        Proof[] proofs = await Task.WhenAll(
            maker.MakeAsync(1, FactorsCircuit.Input(11, 13, 17), FactorsCircuit.Publics(11, 13, 17), () => { }, default),
            maker.MakeAsync(2, FactorsCircuit.Input(19, 23, 29), FactorsCircuit.Publics(19, 23, 29), () => { }, default));
        var verifier = new Groth16Verifier(circuit.Key);
        Assert.True(verifier.Verify(proofs[0], FactorsCircuit.Publics(11, 13, 17).AsSpan()).IsValid);
        Assert.True(verifier.Verify(proofs[1], FactorsCircuit.Publics(19, 23, 29).AsSpan()).IsValid);
        Assert.False(verifier.Verify(proofs[0], FactorsCircuit.Publics(19, 23, 29).AsSpan()).IsValid);
    }

    [Fact]
    public async Task Our_own_prover_says_why_there_is_no_proof_and_goes_on()
    {
        FactorsCircuit circuit = await FactorsCircuit.GetAsync();
        await using SnarkjsPool witnesses = circuit.Pool(withKey: false);
        string input = folder.File("input.json"), wtns = folder.File("w.wtns"), proof = folder.File("p.json"), publics = folder.File("q.json");
        File.WriteAllText(input, FactorsCircuit.Input(11, 13, 17).ToJson().ToJsonString());
        await witnesses.WitnessAsync(input, wtns, default);
        byte[] good = File.ReadAllBytes(wtns);
        using NativeProver prover = Native(circuit.Files.Zkey);

        await RefusedAsync(prover, ProverFault.Refused, "breaks a constraint", [.. good[..^32], (byte)(good[^32] ^ 1), .. good[^31..]]);
        await RefusedAsync(prover, ProverFault.Refused, "w.wtns", good[..^1]);
        await RefusedAsync(Native(folder.File("no.zkey")), ProverFault.Refused, "no.zkey", good);
        await RefusedAsync(Native(circuit.Files.Zkey, new ImpatientClock()), ProverFault.TimedOut, "not made within 120 s", good);
        File.WriteAllBytes(wtns, good);
        await prover.ProveAsync(CircuitWitness.InFile(wtns), proof, publics, default);
        Assert.Equal(FactorsCircuit.Publics(11, 13, 17), SnarkJson.ReadPublicInputs(File.ReadAllBytes(publics), "q"));
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => prover.ProveAsync(CircuitWitness.InFile(wtns), proof, publics, cancelled.Token));

        async Task RefusedAsync(NativeProver by, ProverFault fault, string reason, byte[] witness)
        {
            File.WriteAllBytes(wtns, witness);
            var error = await Assert.ThrowsAsync<ProverException>(() => by.ProveAsync(CircuitWitness.InFile(wtns), proof, publics, default));
            Assert.Equal(fault, error.Fault);
            Assert.Contains(reason, error.Message, StringComparison.Ordinal);
            Assert.False(File.Exists(proof));
            if (by != prover) by.Dispose();
        }
    }

    [Fact]
    public async Task A_program_that_is_not_there_is_named()
    {
        var prover = new ExternalProver("k", ["/no/such/prover", "{wtns}"], TimeSpan.FromSeconds(5));
        var error = await Assert.ThrowsAsync<ProverException>(() => prover.ProveAsync(CircuitWitness.InFile("w"), "p", "q", default));
        Assert.Contains("/no/such/prover cannot be started", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_proof_of_other_public_inputs_is_refused()
    {
        FactorsCircuit circuit = await FactorsCircuit.GetAsync();
        await using SnarkjsPool pool = circuit.Pool();
        ProofMaker maker = circuit.Maker(pool, folder.File("work"));
        await maker.MakeAsync(1, FactorsCircuit.Input(11, 13, 17), FactorsCircuit.Publics(11, 13, 17), () => { }, default);
        var error = await Assert.ThrowsAsync<ProverException>(() => maker.MakeAsync(1, FactorsCircuit.Input(11, 13, 17), FactorsCircuit.Publics(11, 13, 18), () => { }, default));
        Assert.Equal(ProverFault.WrongProof, error.Fault);
        Assert.Contains("proved other public inputs", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("proof.json", "{}")]
    [InlineData("public.json", "[\"21888242871839275222246405745257275088548364400416034343698204186575808495617\",\"17\"]")]
    public async Task Something_else_than_a_proof_is_refused(string file, string content)
    {
        FactorsCircuit circuit = await FactorsCircuit.GetAsync();
        await using SnarkjsPool pool = circuit.Pool();
        ProofMaker maker = circuit.Maker(pool, folder.File("work"), new Overwriting(pool, file, content));
        var error = await Assert.ThrowsAsync<ProverException>(() => maker.MakeAsync(1, FactorsCircuit.Input(11, 13, 17), FactorsCircuit.Publics(11, 13, 17), () => { }, default));
        Assert.Equal(ProverFault.WrongProof, error.Fault);
        Assert.Contains("wrote something else than a proof", error.Message, StringComparison.Ordinal);
    }

    private static NativeProver Native(string zkey, TimeProvider? clock = null) => new(zkey, TimeSpan.FromSeconds(120), clock ?? TimeProvider.System, new MemoryLog<NativeProver>());

    private static ExternalProver External(FactorsCircuit circuit, string behaviour) => new(
        circuit.Files.Zkey, ["node", FactorsCircuit.StandIn("external-prover.mjs"), behaviour, "{zkey}", "{wtns}", "{proof}", "{public}"],
        TimeSpan.FromSeconds(behaviour == "hang" ? 3 : 120));

    /// <summary>A good prover one of whose files is exchanged.</summary>
    private sealed class Overwriting(IProver inner, string file, string content) : IProver
    {
        public string Name => "overwriting";

        public async Task ProveAsync(CircuitWitness witness, string proof, string publics, CancellationToken cancellation)
        {
            await inner.ProveAsync(witness, proof, publics, cancellation);
            File.WriteAllText(file == "proof.json" ? proof : publics, content);
        }
    }
}
