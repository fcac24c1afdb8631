using System.Collections.Immutable;
using System.Numerics;
using Rollup.Circuits;
using Rollup.Ethereum;
using Rollup.Groth16;
using Rollup.Groth16.Formats;
using Rollup.Protocol;
using Rollup.ProverBridge.Commands;
using Rollup.Proving;
using Rollup.TestSupport;

namespace Rollup.Twin.Tests.Exit;

/// <summary>Real keys, witnesses and proofs of the circuits beside settlement, and the contracts that the vault asks about them (IExitVerifier, IRowVerifier).</summary>
public sealed class VerifierContractTests
{
    [AnvilFact]
    public Task The_contract_takes_a_proof_of_an_exit_for_its_own_inputs_alone()
    {
        ExitInput input = ExitWorld.Build(ExitWorld.Borrower);
        return ProvesAsync(Repository.PathOf("circuits", "test", "exit_three.circom"), input.ToCircuitInput(ExitWorld.Slots), input.PublicInputs, publics: 9);
    }

    [AnvilFact]
    public Task The_contract_takes_a_proof_of_a_row_for_its_own_inputs_alone()
    {
        RowInput input = RowInput.Build(new(ExitWorld.Rows), ExitWorld.Put);
        return ProvesAsync("row", input.ToCircuitInput(), input.PublicInputs, publics: 20);
    }

    private static async Task ProvesAsync(string circuit, CircuitInput input, ImmutableArray<Fr> expected, int publics)
    {
        KeysCommand.KeySet keys = await KeysCommand.DevelopmentKeysAsync(circuit, Repository.Root, TextWriter.Null, default);
        VerifyingKey key = SnarkJson.ReadVerifyingKey(await File.ReadAllBytesAsync(keys.VerificationKey), keys.VerificationKey);
        using var library = WitnessLibrary.Load(WitnessLibraryBuilder.PathOf(keys.Wasm, out string source), source);
        using Groth16Prover prover = Groth16Prover.Open(keys.Zkey, Environment.ProcessorCount);
        ulong[] witness = await library.CalculateAsync(input, 1L << 32, default);
        // Whoever has no C compiler comes to the same.
        using var interpreted = InterpretedWitness.Load(keys.Wasm);
        Assert.Equal((library.WireCount, library.InputCount), (interpreted.WireCount, interpreted.InputCount));
        Assert.Equal(witness, await interpreted.CalculateAsync(input, 1L << 32, default));
        ProvenStatement proven = prover.Prove(witness);
        Assert.Equal(expected.ToArray(), proven.PublicInputs);

        await using AnvilProcess anvil = await AnvilProcess.StartAsync();
        using Wallet wallet = anvil.Wallet(0);
        Address verifier = (await wallet.DeployAsync(CompiledContracts.VerifierOf(key).Code)).Contract;
        AbiFunction verify = AbiFunction.Parse($"verifyProof(uint256[2] a,uint256[2][2] b,uint256[2] c,uint256[{publics}] publicInputs)(bool)");
        async Task<bool> TakesAsync(IEnumerable<BigInteger> inputs, int changedWord = -1)
        {
            BigInteger[] w = [.. proven.Proof.ToEvmWords().Chunk(32).Select(word => new BigInteger(word, isUnsigned: true, isBigEndian: true))];
            if (changedWord >= 0) w[changedWord] ^= 1;
            object[] proof = [new object[] { w[0], w[1] }, new object[] { new object[] { w[2], w[3] }, new object[] { w[4], w[5] } }, new object[] { w[6], w[7] }];
            return (bool)(await anvil.Client.CallAsync(verifier, verify, [.. proof, inputs.Select(i => (object)i).ToArray()]))[0];
        }

        BigInteger[] honest = [.. expected.Select(e => e.ToBigInteger())];
        Assert.True(await TakesAsync(honest));
        Assert.False(await TakesAsync(honest, changedWord: 6));
        for (int i = 0; i < publics; i++)
        {
            BigInteger[] changed = [.. honest];
            changed[i] = (changed[i] + 1) % Fr.Modulus;
            Assert.False(await TakesAsync(changed), $"public input {i} is not bound");
            changed[i] = honest[i] + Fr.Modulus;
            Assert.False(await TakesAsync(changed), $"public input {i} is taken above r");
        }

        Assert.True((bool)(await anvil.Client.CallAsync(verifier, AbiFunction.Parse("isDevelopmentKey()(bool)"), []))[0]);
        var words = (object[])(await anvil.Client.CallAsync(verifier, VerifierAbi.VerifyingKey, []))[0];
        Assert.Equal(key.ToEvmWords(), AbiCodec.Encode(VerifierAbi.VerifyingKey.Results, [words]).AsSpan(64).ToArray());
    }
}
