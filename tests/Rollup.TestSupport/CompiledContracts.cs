using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Rollup.Ethereum;
using Rollup.Groth16;

namespace Rollup.TestSupport;

/// <summary>The project's contracts, compiled and cached by content under .cache/contracts.</summary>
public static class CompiledContracts
{
    private static readonly string[] Sources = ["src/RollupVault.sol", "src/Exits.sol", "src/Challenges.sol", "src/RiskRows.sol", "src/RiskTable.sol", "src/RiskRules.sol", "src/Upgrades.sol", "src/OracleCommittee.sol", "src/dev/TestToken.sol", "src/ParameterRegistry.sol", "test/support/MultiSignature.sol"];

    public static CompiledContract Vault => Compile("project", Project, "RollupVault");

    public static CompiledContract Exits => Compile("project", Project, "Exits");

    public static CompiledContract Challenges => Compile("project", Project, "Challenges");

    public static CompiledContract RiskRows => Compile("project", Project, "RiskRows");

    public static CompiledContract RiskRules => Compile("project", Project, "RiskRules");
    public static CompiledContract RiskTable => Compile("project", Project, "RiskTable");

    public static CompiledContract OracleCommittee => Compile("project", Project, "OracleCommittee");

    public static CompiledContract Upgrades => Compile("project", Project, "Upgrades");

    public static CompiledContract ParameterRegistry => Compile("project", Project, "ParameterRegistry");

    public static CompiledContract MultiSignature => Compile("project", Project, "MultiSignature");

    public static CompiledContract TestToken => Compile("project", Project, "TestToken");

    private static Dictionary<string, string> Project => Sources.ToDictionary(s => s, s => File.ReadAllText(Repository.PathOf("contracts", s)));

    /// <summary>The verifier of a key.</summary>
    public static CompiledContract VerifierOf(VerifyingKey key) => Compile("verifier", new() { ["Groth16Verifier.sol"] = SolidityVerifier.Write(key) }, "Groth16Verifier");

    private static CompiledContract Compile(string name, Dictionary<string, string> sources, string contract)
    {
        string cache = Repository.PathOf(".cache", "contracts", $"{name}-{ContentHash(sources)}.json");
        if (!File.Exists(cache))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(cache)!);
            string temporary = $"{cache}.{Environment.ProcessId}.{Guid.NewGuid():N}";
            File.WriteAllText(temporary, new JsonObject(SolidityCompiler.Compile(Repository.Root, sources).Select(c => KeyValuePair.Create(
                c.Key, (JsonNode?)new JsonObject { ["code"] = Convert.ToHexStringLower(c.Value.Code), ["abi"] = c.Value.Abi.DeepClone() }))).ToJsonString());
            File.Move(temporary, cache, overwrite: true);
        }

        JsonNode compiled = JsonNode.Parse(File.ReadAllText(cache))![contract]!;
        return new CompiledContract(Convert.FromHexString((string)compiled["code"]!), compiled["abi"]!.AsArray());
    }

    // Imports are not followed: everything that a contract of the project can import is in the hash, and so are the compiler's settings.
    private static string ContentHash(Dictionary<string, string> sources)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        IEnumerable<string> others = Directory.GetFiles(Repository.PathOf("contracts", "src"), "*.sol", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
            .Append(Repository.PathOf("package-lock.json")).Append(Repository.PathOf("clients", "Rollup.Ethereum", "SolidityCompiler.cs"));
        foreach ((string name, string text) in sources.Select(s => (s.Key, s.Value)).Concat(others.Select(f => (f, File.ReadAllText(f)))))
            hash.AppendData(Encoding.UTF8.GetBytes($"{Path.GetFileName(name)}\0{text.Length}\0{text}"));
        return Convert.ToHexStringLower(hash.GetHashAndReset())[..20];
    }
}
