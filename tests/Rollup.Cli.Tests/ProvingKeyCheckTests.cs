using Rollup.Groth16;
using Rollup.Groth16.Formats;
using Rollup.Groth16.Tests;

namespace Rollup.Cli.Tests;

/// <summary>`rollup keys check` as a program; what it finds is tested with the checker itself.</summary>
public sealed class ProvingKeyCheckTests : IDisposable
{
    private readonly CliRun cli = new();

    public ProvingKeyCheckTests()
    {
        File.WriteAllBytes(cli.PathOf("tiny.r1cs"), TinyR1cs.Bytes());
        File.WriteAllBytes(cli.PathOf("other.r1cs"), TinyR1cs.Bytes(6));
        using DevSecret secret = DevSecret.FromSeed("cli");
        using FileStream stream = File.Create(cli.PathOf("tiny.zkey"));
        DevKeys.Write(R1csFile.Load(cli.PathOf("tiny.r1cs")), secret, stream);
    }

    public void Dispose() => cli.Dispose();

    [Theory]
    [InlineData("31337")]
    [InlineData("1337")]
    public async Task A_development_key_of_the_circuit_is_good_for_a_local_chain(string chain)
    {
        using (Zkey key = Zkey.Open(cli.PathOf("tiny.zkey"))) File.WriteAllBytes(cli.PathOf("key.json"), SnarkJson.Write(key.VerifyingKey));
        string output = (await CheckAsync("--r1cs", "tiny.r1cs", "--verification-key", "key.json", "--chain-id", chain)).Succeeds();
        Assert.Contains("2 constraints, 4 wires, 2 public inputs, domain of 8, development key", output, StringComparison.Ordinal);
        Assert.Contains("compared with the circuit: circuit hash (SHA-512 of the .r1cs)", output, StringComparison.Ordinal);
        Assert.EndsWith("no fault found\n", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData]
    [InlineData("--chain-id", "1")]
    public async Task Every_fault_is_a_line_by_its_name_and_the_exit_code_is_1(params string[] chain)
    {
        Outcome outcome = await CheckAsync(["--r1cs", "other.r1cs", .. chain]);
        Assert.Equal(1, outcome.Code);
        Assert.Equal(
            ["DevelopmentKey", "TooFewContributions", "OtherCircuit", "OtherCircuit"],
            outcome.Errors.TrimEnd().Split('\n').Select(line => line.StartsWith("rollup: ", StringComparison.Ordinal) ? line.Split(": ")[1] : line));
        Assert.DoesNotContain("no fault found", outcome.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Files_that_are_none_or_not_there_are_named()
    {
        (await cli.RunAsync("keys", "check", "--zkey", "none.zkey")).Fails("none.zkey");
        (await cli.RunAsync("keys", "check", "--zkey", "tiny.r1cs")).Fails("Malformed: tiny.r1cs: offset 0: not a .zkey file");
        Assert.Contains("compared with the circuit: nothing", (await CheckAsync("--chain-id", "31337")).Succeeds(), StringComparison.Ordinal);
    }

    private Task<Outcome> CheckAsync(params string[] arguments) => cli.RunAsync(["keys", "check", "--zkey", "tiny.zkey", .. arguments]);
}
