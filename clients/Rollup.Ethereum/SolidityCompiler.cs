using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Rollup.Ethereum;

/// <summary>Sources that do not compile, or no compiler.</summary>
public sealed class SolidityException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>What the compiler made of one contract.</summary>
/// <param name="Code">Creation code; empty for an interface.</param>
public sealed record CompiledContract(byte[] Code, JsonArray Abi);

/// <summary>The Solidity compiler of a checkout, contracts/tools/solc, with the settings of its foundry.toml.</summary>
public static class SolidityCompiler
{
    /// <summary>Compiles sources and all that they import.</summary>
    /// <param name="repository">The checkout.</param>
    /// <param name="sources">Text by name; a name relative to contracts/ lets relative imports be found.</param>
    /// <returns>All contracts by name, also the imported ones.</returns>
    /// <exception cref="SolidityException"/>
    public static IReadOnlyDictionary<string, CompiledContract> Compile(string repository, IReadOnlyDictionary<string, string> sources)
    {
        string modules = Path.Combine(repository, "node_modules");
        var input = new JsonObject
        {
            ["language"] = "Solidity",
            ["sources"] = new JsonObject(sources.Select(s => KeyValuePair.Create(s.Key, (JsonNode?)new JsonObject { ["content"] = s.Value }))),
            ["settings"] = new JsonObject
            {
                ["evmVersion"] = "cancun",
                ["optimizer"] = new JsonObject { ["enabled"] = true, ["runs"] = 200 },
                ["metadata"] = new JsonObject { ["bytecodeHash"] = "none", ["appendCBOR"] = false },
                ["remappings"] = new JsonArray($"@openzeppelin/={Path.Combine(modules, "@openzeppelin")}/"),
                ["outputSelection"] = JsonNode.Parse("""{"*": {"*": ["abi", "evm.bytecode.object"]}}"""),
            },
        };
        JsonNode output = Run(Path.Combine(repository, "contracts"), modules, input.ToJsonString());
        JsonNode? error = (output["errors"]?.AsArray() ?? []).FirstOrDefault(e => (string?)e!["severity"] == "error");
        if (error is not null) throw new SolidityException($"{string.Join(", ", sources.Keys)}: {error["formattedMessage"]}");
        var contracts = new Dictionary<string, CompiledContract>();
        foreach ((string name, JsonNode? contract) in output["contracts"]!.AsObject().SelectMany(file => file.Value!.AsObject()))
            contracts.TryAdd(name, new CompiledContract(Convert.FromHexString((string)contract!["evm"]!["bytecode"]!["object"]!), contract["abi"]!.AsArray()));
        return contracts;
    }

    private static JsonNode Run(string contracts, string modules, string input)
    {
        var start = new ProcessStartInfo("node", [Path.Combine("tools", "solc"), "--standard-json", "--base-path", contracts, "--allow-paths", modules])
        {
            WorkingDirectory = contracts, RedirectStandardInput = true, RedirectStandardOutput = true,
        };
        try
        {
            using Process compiler = Process.Start(start)!;
            compiler.StandardInput.Write(input);
            compiler.StandardInput.Close();
            string output = compiler.StandardOutput.ReadToEnd();
            compiler.WaitForExit();
            return JsonNode.Parse(output)!;
        }
        catch (Exception error) when (error is System.ComponentModel.Win32Exception or IOException or JsonException)
        {
            throw new SolidityException($"The compiler {Path.Combine(contracts, start.ArgumentList[0])} does not run; has `make setup` been run there? {error.Message}", error);
        }
    }
}
