using System.Reflection;
using System.Text.Json.Nodes;
using Rollup.Protocol;
using Rollup.TestSupport;

namespace Rollup.Ethereum.Tests;

/// <summary>The interfaces as this project calls them are those that the compiler finds in the contracts.</summary>
public sealed class ContractAbiTests
{
    [Fact]
    public void The_vaults_functions_events_and_errors_are_the_contracts()
    {
        string[] declared = Declared(CompiledContracts.Vault);
        Assert.Empty(Used(typeof(VaultAbi)).Except(declared));
        Assert.Equal(declared.Where(d => d.StartsWith("error ", StringComparison.Ordinal)), VaultAbi.Errors.Select(e => $"error {e}").Order(StringComparer.Ordinal));
        Assert.Equal(7, Used(typeof(VaultAbi)).Count(d => d.StartsWith("event ", StringComparison.Ordinal)));
    }

    [Fact]
    public void The_exits_are_the_contracts()
    {
        Assert.Contains("function payExit(uint256[7])()", Used(typeof(ExitsAbi)));
        Assert.Empty(Used(typeof(ExitsAbi)).Except(Declared(CompiledContracts.Exits)));
    }

    [Fact]
    public void The_upgrades_are_the_contracts()
    {
        string[] declared = Declared(CompiledContracts.Upgrades);
        Assert.Contains("function activate(((address,uint16,uint16,uint16,uint32),address))()", Used(typeof(UpgradesAbi)));
        Assert.Empty(Used(typeof(UpgradesAbi)).Except(declared));
        Assert.Equal(declared.Where(d => d.StartsWith("error ", StringComparison.Ordinal)), UpgradesAbi.Errors.Select(e => $"error {e}").Order(StringComparer.Ordinal));
    }

    [Fact]
    public void The_tokens_are_the_test_tokens()
    {
        string[] declared = Declared(CompiledContracts.TestToken);
        Assert.Contains("function mint(address,uint256)()", Used(typeof(TokenAbi)));
        Assert.Empty(Used(typeof(TokenAbi)).Except(declared));
        Assert.Equal(declared.Where(d => d.StartsWith("error ", StringComparison.Ordinal)), TokenAbi.Errors.Select(e => $"error {e}").Order(StringComparer.Ordinal));
    }

    [Fact]
    public void The_verifiers_are_the_generated_contracts()
    {
        Assert.Contains("function verifyingKey()(uint256[])", Used(typeof(VerifierAbi)));
        Assert.Empty(Used(typeof(VerifierAbi)).Except(Declared(CompiledContracts.VerifierOf(KnownKey.Key))));
    }

    [Theory]
    [InlineData("uint96", "uint128")] // a result
    [InlineData("assets", "listed")] // a name
    [InlineData("\"indexed\":true", "\"indexed\":false")]
    [InlineData("uint256[5][]", "uint256[4][]")] // an argument
    public void A_changed_contract_is_noticed(string from, string to)
    {
        CompiledContract vault = CompiledContracts.Vault;
        string abi = vault.Abi.ToJsonString(), changed = abi.Replace(from, to, StringComparison.Ordinal);
        Assert.NotEqual(abi, changed);
        Assert.NotEmpty(Used(typeof(VaultAbi)).Except(Declared(vault with { Abi = JsonNode.Parse(changed)!.AsArray() })));
    }

    [Fact]
    public void An_error_is_described_by_its_name_and_arguments()
    {
        var owner = Address.Parse("0x00000000000000000000000000000000000000a7");
        Assert.Equal($"NothingToClaim({owner}, 3)", VaultAbi.Describe(new RevertData(ErrorOf("NothingToClaim").Encode(owner, 3))));
        Assert.Equal($"ERC20InsufficientBalance({owner}, 5, 8)", VaultAbi.Describe(new RevertData(
            TokenAbi.Errors.Single(e => e.Name == "ERC20InsufficientBalance").Encode(owner, 5, 8))));
        Assert.Equal("WrongPayouts(0x" + new string('1', 64) + ", 0x" + new string('2', 64) + ")", VaultAbi.Describe(new RevertData(
            ErrorOf("WrongPayouts").Encode(Enumerable.Repeat((byte)0x11, 32).ToArray(), Enumerable.Repeat((byte)0x22, 32).ToArray()))));
        // Not this vault's, or cut short: no name, and no failure.
        Assert.Equal("custom error 0x01020304", VaultAbi.Describe(new RevertData([1, 2, 3, 4])));
        Assert.StartsWith("custom error", VaultAbi.Describe(new RevertData(ErrorOf("NothingToClaim").Selector)), StringComparison.Ordinal);
    }

    private static AbiFunction ErrorOf(string name) => VaultAbi.Errors.Single(e => e.Name == name);

    /// <summary>What a class of ours defines, in the form of <see cref="Declared"/>.</summary>
    private static List<string> Used(Type abi) => [.. abi.GetFields(BindingFlags.Static | BindingFlags.Public).Select(f => f.GetValue(null)).SelectMany(value => value switch
    {
        AbiFunction { Name: "constructor" } c => [$"constructor{c.Signature["constructor".Length..]}"],
        AbiFunction f => [$"function {f.Signature}({string.Join(',', f.Results)})"],
        AbiEvent e => [$"event {e.Signature[..e.Signature.IndexOf('(', StringComparison.Ordinal)]}({string.Join(',', e.Parameters.Select(p => p.Type + (p.Indexed ? " indexed" : "")))})"],
        IReadOnlyList<AbiFunction> errors => errors.Select(e => $"error {e.Signature}"),
        _ => throw new InvalidOperationException($"{abi} defines {value}."),
    })];

    private static string[] Declared(CompiledContract contract) => [.. contract.Abi.Select(entry => (string)entry!["type"]! switch
    {
        "constructor" => $"constructor({Types(entry["inputs"])})",
        "function" => $"function {entry["name"]}({Types(entry["inputs"])})({Types(entry["outputs"])})",
        var type => $"{type} {entry["name"]}({Types(entry["inputs"])})",
    }).Order(StringComparer.Ordinal)];

    private static string Types(JsonNode? parameters) => string.Join(',', parameters!.AsArray().Select(p =>
        ((string)p!["type"]! is ['t', 'u', 'p', 'l', 'e', .. var suffix] ? $"({Types(p["components"])}){suffix}" : (string)p["type"]!) + ((bool?)p["indexed"] == true ? " indexed" : "")));
}
