using Rollup.Groth16;
using Rollup.Groth16.Formats;
using Rollup.ProverBridge.Commands;
using Rollup.ProverBridge.Configuration;
using Rollup.Proving;
using Rollup.TestSupport;

namespace Rollup.ProverBridge.Tests;

public sealed class KeysCommandTests
{
    private static readonly string Circuit = Repository.PathOf("tests", "Rollup.ProverBridge.Tests", "Circuits", "factors.circom");

    [Fact]
    public async Task Keys_verification_key_and_verifier_belong_together_and_are_marked()
    {
        FactorsCircuit circuit = await FactorsCircuit.GetAsync();
        using Zkey zkey = Zkey.Open(circuit.Files.Zkey);
        Assert.True(zkey.VerifyingKey.Equals(circuit.Key));
        Assert.True(DevKeys.IsDevelopment(circuit.Key));
        Assert.Equal(SolidityVerifier.Write(circuit.Key), File.ReadAllText(circuit.Files.Verifier));
        Assert.Equal(2, circuit.Key.PublicCount);
        Assert.InRange(circuit.Files.Constraints, 1, 30);
        Assert.Equal(Path.GetDirectoryName(circuit.Files.Wasm), Path.GetDirectoryName(circuit.Files.WitnessLibrary));
    }

    [Fact]
    public async Task Keys_are_made_once_for_each_content()
    {
        FactorsCircuit circuit = await FactorsCircuit.GetAsync();
        DateTime made = File.GetLastWriteTimeUtc(circuit.Files.Zkey);
        var progress = new StringWriter();
        KeysCommand.KeySet again = await KeysCommand.DevelopmentKeysAsync(Circuit, Repository.Root, progress, default);
        Assert.Equal(circuit.Files, again);
        Assert.Equal(made, File.GetLastWriteTimeUtc(again.Zkey));
        Assert.Matches("^keys of factors-[0-9a-f]{20} are there\n$", progress.ToString());
    }

    [Fact]
    public async Task An_unknown_circuit_and_a_folder_without_circuits_are_named()
    {
        var progress = new StringWriter();
        await Assert.ThrowsAsync<ConfigurationException>(() => KeysCommand.DevelopmentKeysAsync("no-such-profile", Repository.Root, progress, default));
        Assert.Contains("no circuit no-such-profile", progress.ToString(), StringComparison.Ordinal);
        Assert.Equal(Repository.Root, KeysCommand.FindRepository(null));
        Assert.Contains("--repository", Assert.Throws<ConfigurationException>(() => KeysCommand.FindRepository(Path.GetTempPath())).Message, StringComparison.Ordinal);
    }
}
