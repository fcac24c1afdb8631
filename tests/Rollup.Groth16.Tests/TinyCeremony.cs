namespace Rollup.Groth16.Tests;

/// <summary>snarkjs's ceremony for <see cref="TinyR1cs"/>, each key of it; the entropy is known, so it shows formats and nothing else.</summary>
internal static class TinyCeremony
{
    /// <summary>Setup alone; one contribution and a beacon; two; two and a beacon; two on powers of tau that nobody contributed to; two for another circuit.</summary>
    public const string Setup = "0.zkey", One = "dawn.zkey", Two = "2.zkey", Final = "final.zkey", BareTau = "bare2.zkey", OtherCircuit = "other2.zkey";

    /// <summary>The circuit, and another one of the same sizes.</summary>
    public const string Circuit = "tiny.r1cs", Other = "other.r1cs";

    private const string Steps = """
        powersoftau new bn128 3 0.ptau
        powersoftau contribute 0.ptau 1.ptau --name=tau -e=1
        powersoftau prepare phase2 1.ptau final.ptau
        powersoftau prepare phase2 0.ptau bare.ptau
        groth16 setup tiny.r1cs final.ptau 0.zkey
        zkey contribute 0.zkey 1.zkey --name=alice -e=2
        zkey beacon 1.zkey dawn.zkey 5555555555555555555555555555555555555555555555555555555555555555 10 --name=dawn
        zkey contribute 1.zkey 2.zkey --name=bob -e=3
        zkey beacon 2.zkey final.zkey 5555555555555555555555555555555555555555555555555555555555555555 10 --name=dawn
        groth16 setup tiny.r1cs bare.ptau bare0.zkey
        zkey contribute bare0.zkey bare1.zkey --name=alice -e=4
        zkey contribute bare1.zkey bare2.zkey --name=bob -e=5
        groth16 setup other.r1cs final.ptau other0.zkey
        zkey contribute other0.zkey other1.zkey --name=alice -e=6
        zkey contribute other1.zkey other2.zkey --name=bob -e=7
        """;

    private static readonly Lazy<string> Built = new(Build);

    public static string PathOf(string file) => Path.Combine(Toolchain.Root, Built.Value, file);

    private static string Build() => Toolchain.Cached(
        "ceremony",
        [Steps, Convert.ToHexString(TinyR1cs.Bytes()), Convert.ToHexString(TinyR1cs.Bytes(6)), File.ReadAllText(Path.Combine(Toolchain.Root, "package-lock.json"))],
        folder =>
        {
            File.WriteAllBytes(Path.Combine(Toolchain.Root, folder, Circuit), TinyR1cs.Bytes());
            File.WriteAllBytes(Path.Combine(Toolchain.Root, folder, Other), TinyR1cs.Bytes(6));
            foreach (var step in Steps.Split('\n'))
            {
                var (exitCode, output) = Toolchain.SnarkJs([.. step.Split(' ').Select(word =>
                    word.EndsWith(".ptau", StringComparison.Ordinal) || word.EndsWith(".zkey", StringComparison.Ordinal) || word.EndsWith(".r1cs", StringComparison.Ordinal) ? $"{folder}/{word}" : word)]);
                if (exitCode != 0)
                    throw new InvalidOperationException($"snarkjs {step}:\n{output}");
            }
        });
}
