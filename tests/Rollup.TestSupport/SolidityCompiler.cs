using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Rollup.Groth16;

namespace Rollup.TestSupport;

/// <summary>Creation code of the project's contracts, compiled with the settings of foundry.toml and cached by content under .cache/contracts.</summary>
public static class SolidityCompiler
{
    private static readonly string[] Sources = ["src/RollupVault.sol", "src/dev/TestToken.sol"];

    /// <summary>Creation code of a contract of contracts/src, by its name.</summary>
    public static byte[] CodeOf(string contract) => Compile("project", [.. Sources.Select(s => (s, File.ReadAllText(Repository.PathOf("contracts", s))))], contract);

    /// <summary>Creation code of the verifier of a key.</summary>
    public static byte[] VerifierOf(VerifyingKey key) => Compile("verifier", [("Groth16Verifier.sol", SolidityVerifier.Write(key))], "Groth16Verifier");

    private static byte[] Compile(string name, (string Name, string Text)[] sources, string contract)
    {
        string cache = Repository.PathOf(".cache", "contracts", $"{name}-{ContentHash(sources)}.json");
        if (!File.Exists(cache))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(cache)!);
            string temporary = $"{cache}.{Environment.ProcessId}.{Guid.NewGuid():N}";
            File.WriteAllText(temporary, Run(sources));
            File.Move(temporary, cache, overwrite: true);
        }

        using JsonDocument compiled = JsonDocument.Parse(File.ReadAllText(cache));
        return Convert.FromHexString(compiled.RootElement.GetProperty(contract).GetString()!);
    }

    private static string Run((string Name, string Text)[] sources)
    {
        var input = new JsonObject
        {
            ["language"] = "Solidity",
            ["sources"] = new JsonObject([.. sources.Select(s => KeyValuePair.Create(s.Name, (JsonNode?)new JsonObject { ["content"] = s.Text }))]),
            ["settings"] = new JsonObject
            {
                ["evmVersion"] = "cancun",
                ["optimizer"] = new JsonObject { ["enabled"] = true, ["runs"] = 10000 },
                ["remappings"] = new JsonArray($"@openzeppelin/={Repository.PathOf("node_modules", "@openzeppelin")}/"),
                ["outputSelection"] = JsonNode.Parse("""{"*": {"*": ["evm.bytecode.object"]}}"""),
            },
        };
        var start = new ProcessStartInfo("node", ["tools/solc", "--standard-json", "--base-path", Repository.PathOf("contracts"), "--allow-paths", Repository.PathOf("node_modules")])
        {
            WorkingDirectory = Repository.PathOf("contracts"), RedirectStandardInput = true, RedirectStandardOutput = true,
        };
        using Process process = Process.Start(start)!;
        process.StandardInput.Write(input.ToJsonString());
        process.StandardInput.Close();
        JsonNode output = JsonNode.Parse(process.StandardOutput.ReadToEnd())!;
        process.WaitForExit();
        JsonNode[] errors = [.. (output["errors"]?.AsArray() ?? []).Where(e => e!["severity"]!.GetValue<string>() == "error").Select(e => e!)];
        if (errors.Length > 0) throw new InvalidOperationException($"The contracts do not compile (run `make setup` first?): {errors[0]["formattedMessage"]}");
        return new JsonObject([.. output["contracts"]!.AsObject().SelectMany(f => f.Value!.AsObject())
            .Select(c => KeyValuePair.Create(c.Key, (JsonNode?)c.Value!["evm"]!["bytecode"]!["object"]!.GetValue<string>())).DistinctBy(c => c.Key)]).ToJsonString();
    }

    // Imports are not followed: everything that a contract of the project can import is in the hash.
    private static string ContentHash((string Name, string Text)[] sources)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach ((string name, string text) in sources.Concat(Directory.GetFiles(Repository.PathOf("contracts", "src"), "*.sol", SearchOption.AllDirectories)
            .Order(StringComparer.Ordinal).Select(f => (f, File.ReadAllText(f)))).Append(("package-lock.json", File.ReadAllText(Repository.PathOf("package-lock.json")))))
            hash.AppendData(Encoding.UTF8.GetBytes($"{Path.GetFileName(name)}\0{text.Length}\0{text}"));
        return Convert.ToHexStringLower(hash.GetHashAndReset())[..20];
    }
}
