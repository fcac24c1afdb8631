using System.Text;
using Rollup.Crypto;
using Rollup.Engine;
using Rollup.Ethereum;
using Rollup.Groth16;
using Rollup.Groth16.Formats;
using Rollup.Groth16.Tests;
using Rollup.Protocol;
using Rollup.ProverBridge.Commands;
using Rollup.ProverBridge.Monitoring;
using Rollup.ProverBridge.Proving;
using Rollup.TestSupport;
using Rollup.Witness;

namespace Rollup.ProverBridge.Tests;

/// <summary>Batches of the settlement circuit, proven by our own prover and by snarkjs as the bridge has them prove; judged by our verifier, by snarkjs and by the contract.</summary>
[Trait("Category", "Long")]
public sealed class BothProversTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [AnvilFact]
    public async Task Proofs_of_both_provers_hold_for_all_three_verifiers_and_spoilt_ones_for_none()
    {
        KeysCommand.KeySet keys = await KeysCommand.DevelopmentKeysAsync("dev", Repository.Root, TextWriter.Null, default);
        VerifyingKey key = SnarkJson.ReadVerifyingKey(File.ReadAllBytes(keys.VerificationKey), "key");
        var verifier = new Groth16Verifier(key);
        SettlementInput[] inputs = [.. Sealed().Select(SettlementInput.Build)];
        Assert.Equal(3, inputs.Select(input => input.Commitment).Distinct().Count());

        await using var pool = new SnarkjsPool(
            new WorkerOptions("node", FactorsCircuit.RealWorker, keys.Wasm, keys.Zkey, TimeSpan.FromMinutes(15), 6L << 30), 1, new MemoryLog<SnarkjsPool>(), new Metrics());
        using var native = new NativeProver(keys.Zkey, TimeSpan.FromMinutes(15), TimeProvider.System, new MemoryLog<NativeProver>());
        using NativeWitness nativeWitnesses = NativeWitness.Load(keys.Wasm, TimeSpan.FromMinutes(15), 1L << 32);
        var cases = new List<(string Name, bool IsGood, byte[] Proof, byte[] Public)>();
        foreach ((IWitnessCalculator witnesses, IProver prover) in ((IWitnessCalculator, IProver)[])[(nativeWitnesses, native), (pool, pool)])
        {
            var maker = new ProofMaker(witnesses, prover, verifier, folder.File(prover.Name));
            for (int i = 0; i < inputs.Length; i++)
            {
                Proof proof = await maker.MakeAsync((uint)i + 1, inputs[i].ToCircuitInput(), inputs[i].PublicInputs, () => { }, default);
                byte[] publics = Words(inputs[i]), others = Words(inputs[(i + 1) % inputs.Length]);
                string name = $"{prover.Name}, batch {i + 1}";
                cases.Add((name, true, proof.ToEvmWords(), publics));
                // Points of their groups all, so that the equation alone can refuse.
                cases.Add(($"{name}, another batch's inputs", false, proof.ToEvmWords(), others));
                cases.Add(($"{name}, one input of another batch", false, proof.ToEvmWords(), [.. others[..32], .. publics[32..]]));
                cases.Add(($"{name}, C negated", false, (proof with { C = -proof.C }).ToEvmWords(), publics));
                cases.Add(($"{name}, A and C exchanged", false, new Proof(proof.C, proof.B, proof.A).ToEvmWords(), publics));
            }
        }

        Assert.Equal(30, cases.Count);
        AssertVerdicts("ours", [.. cases.Select(c => verifier.VerifyEvmWords(c.Proof, c.Public).IsValid)]);
        AssertVerdicts("snarkjs", [.. SnarkJsVerifier.Verify(Repository.Root, keys.VerificationKey, [.. cases.Select(c => (c.Proof, c.Public))]).Select(answer => answer switch
        {
            "true" => true,
            "false" => false,
            _ => throw new InvalidOperationException(answer),
        })]);
        await using AnvilProcess anvil = await AnvilProcess.StartAsync();
        using Wallet deployer = anvil.Wallet(0);
        Address contract = (await deployer.DeployAsync(CompiledContracts.VerifierOf(key).Code)).Contract;
        byte[] selector = Keccak.Hash256(Encoding.ASCII.GetBytes("verifyProof(uint256[2],uint256[2][2],uint256[2],uint256[4])"))[..4];
        var answers = new List<bool>();
        foreach (var (_, _, proof, publics) in cases)
        {
            byte[] answer = await anvil.Client.CallAsync(new CallRequest(contract, [.. selector, .. proof, .. publics]));
            Assert.Equal(new byte[31], answer[..31]);
            answers.Add(answer[31] == 1);
        }

        AssertVerdicts("contract", [.. answers]);

        void AssertVerdicts(string by, bool[] verdicts) => Assert.Equal(
            cases.Select(c => $"{by}: {c.Name}: {c.IsGood}"), cases.Zip(verdicts).Select(pair => $"{by}: {pair.First.Name}: {pair.Second}"));
    }

    /// <summary>Registrations; a trade beside a deposit, under other prices; a withdrawal and a cancel.</summary>
    private static SealedBatch[] Sealed()
    {
        var factory = new BatchFactory(CircuitProfile.Dev);
        SealedBatch first = factory.Begin().Register(2, cash: 5_000_000_000).Register(3, cash: 4_000_000_001).Seal();
        factory.RiskRows = [.. factory.RiskRows.Select(row => row.Id == BatchFactory.BtcPerpetual
            ? BatchFactory.Linear(row.Id, row.Kind, row.Group, BatchFactory.BtcMark + 70_000, funding: 2_345) : row)];
        SealedBatch second = factory.Begin().Deposit(3, 0, 12).Trade(2, 3, BatchFactory.BtcPerpetual, lots: 4, price: 61_900_000).Seal();
        SealedBatch third = factory.Begin().Withdraw(2, slot: 9, nonce: 4, asset: 0, amount: 1_000_001).Cancel(3, slot: 17, nonce: 8).Seal();
        return [first, second, third];
    }

    private static byte[] Words(SettlementInput input) => [.. input.PublicInputs.SelectMany(value => value.ToBigEndianBytes())];
}
