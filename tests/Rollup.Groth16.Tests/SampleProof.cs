using Rollup.Groth16.Formats;

namespace Rollup.Groth16.Tests;

/// <summary>A development key for the sample circuit and a proof snarkjs made with it, in a folder of this run.</summary>
public sealed class SampleProof : IDisposable
{
    public SampleProof()
    {
        Folder = Directory.CreateTempSubdirectory("groth16-tests-").FullName;
        using (var secret = DevSecret.FromSeed("sample"))
        using (var stream = File.Create(PathOf("sample.zkey")))
            DevKeys.Write(SampleCircuit.R1cs, secret, stream, parallelism: 2);
        var (exitCode, output) = Toolchain.SnarkJs(
            "groth16", "prove", PathOf("sample.zkey"), SampleCircuit.PathOf("sample.wtns"), PathOf("proof.json"), PathOf("public.json"));
        if (exitCode != 0)
            throw new InvalidOperationException($"snarkjs could not prove with our key:\n{output}");
        using var zkey = Zkey.Open(PathOf("sample.zkey"));
        Key = zkey.VerifyingKey;
        Info = zkey.ReadInfo();
        Proof = SnarkJson.ReadProof(SnarkJson.ReadFile(PathOf("proof.json")), "proof.json");
        PublicInputs = SnarkJson.ReadPublicInputs(SnarkJson.ReadFile(PathOf("public.json")), "public.json");
    }

    public string Folder { get; }

    public VerifyingKey Key { get; }

    public ZkeyInfo Info { get; }

    public Proof Proof { get; }

    public Fr[] PublicInputs { get; }

    public string PathOf(string file) => Path.Combine(Folder, file);

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}

/// <summary>One key and proof for all tests that need them: snarkjs takes seconds.</summary>
[CollectionDefinition(nameof(SampleProof))]
public sealed class SampleProofTests : ICollectionFixture<SampleProof>;
