using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Rollup.Groth16.Tests;

/// <summary>The generated contract, compiled as the project compiles its contracts.</summary>
internal sealed class VerifierContract
{
    private readonly LocalChain _chain;
    private readonly Dictionary<string, string> _selectors;

    public VerifierContract(VerifyingKey key, LocalChain chain)
    {
        _chain = chain;
        var input = new JsonObject
        {
            ["language"] = "Solidity",
            ["sources"] = new JsonObject { ["Groth16Verifier.sol"] = new JsonObject { ["content"] = SolidityVerifier.Write(key) } },
            ["settings"] = JsonNode.Parse("""
                {"evmVersion": "cancun", "optimizer": {"enabled": true, "runs": 10000},
                 "outputSelection": {"*": {"*": ["evm.deployedBytecode.object", "evm.methodIdentifiers"]}}}
                """),
        };
        var start = new ProcessStartInfo("node", ["contracts/tools/solc", "--standard-json"])
        {
            WorkingDirectory = Toolchain.Root,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        using var process = Process.Start(start)!;
        process.StandardInput.Write(input.ToJsonString());
        process.StandardInput.Close();
        var output = JsonDocument.Parse(process.StandardOutput.ReadToEnd()).RootElement;
        process.WaitForExit();
        Messages = output.TryGetProperty("errors", out var errors) ? errors.GetRawText() : "";
        var evm = output.GetProperty("contracts").GetProperty("Groth16Verifier.sol").GetProperty("Groth16Verifier").GetProperty("evm");
        Code = "0x" + evm.GetProperty("deployedBytecode").GetProperty("object").GetString();
        _selectors = evm.GetProperty("methodIdentifiers").EnumerateObject().ToDictionary(method => method.Name, method => method.Value.GetString()!);
    }

    /// <summary>What the compiler had to say, warnings included.</summary>
    public string Messages { get; }

    public string Code { get; }

    /// <summary>Calls a function by its full signature; null if it reverts.</summary>
    public byte[]? Call(string signature, ReadOnlySpan<byte> arguments, ulong gas = 1_000_000) =>
        _chain.Call(Code, [.. Convert.FromHexString(_selectors[signature]), .. arguments], gas);

    /// <summary>The answer of verifyProof, which must be one word, 0 or 1.</summary>
    public bool Verify(ReadOnlySpan<byte> proofWords, ReadOnlySpan<byte> publicWords, ulong gas = 1_000_000)
    {
        var answer = Call($"verifyProof(uint256[2],uint256[2][2],uint256[2],uint256[{publicWords.Length / 32}])", [.. proofWords, .. publicWords], gas)
            ?? throw new InvalidOperationException("verifyProof reverted.");
        Assert.Equal(32, answer.Length);
        Assert.All(answer[..31], value => Assert.Equal(0, value));
        Assert.InRange(answer[31], 0, 1);
        return answer[31] == 1;
    }
}
