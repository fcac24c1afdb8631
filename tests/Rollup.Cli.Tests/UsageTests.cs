using System.CommandLine;
using System.Text.RegularExpressions;
using Rollup.TestSupport;

namespace Rollup.Cli.Tests;

public sealed class UsageTests : IDisposable
{
    private const string Vault = "--vault 0x5fbdb2315678afecb367f032d93f642f64180aa3";
    private readonly CliRun cli = new();

    public static TheoryData<string> EveryCommand => [.. Paths(Commands.Build(), "")];

    public void Dispose() => cli.Dispose();

    [Fact]
    public void The_commands_are_those_of_the_documents() => Assert.Equal(
        ["", "account", "batches", "book", "cancel", "claim", "deposit", "generate", "keys", "keys check", "keys derive", "keys message", "keys wallet", "local", "local deploy", "local traders",
            "order", "receipts", "register", "replay", "request-close", "request-withdrawal", "risk", "risk stress", "withdraw"],
        Paths(Commands.Build(), "").Order(StringComparer.Ordinal));

    [Fact]
    public void Command_lines_of_the_operations_document_are_right()
    {
        string[] lines = [.. File.ReadLines(Repository.PathOf("docs/OPERATIONS.md")).Where(line => line.StartsWith("rollup ", StringComparison.Ordinal))];
        Assert.Contains("rollup risk stress --book book.json --scenario scenario.json --out report.html", lines);
        Assert.All(lines, line => Assert.Empty(Commands.Build().Parse(line.Split('#', '>')[0]["rollup ".Length..]).Errors));
    }

    [Theory]
    [MemberData(nameof(EveryCommand))]
    public async Task Every_command_explains_itself(string command)
    {
        string[] path = command.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        Command found = path.Aggregate((Command)Commands.Build(), (c, name) => c.Subcommands.Single(s => s.Name == name));
        Outcome help = await cli.RunAsync([.. path, "--help"]);
        Assert.Equal((0, ""), (help.Code, help.Errors));
        string text = Regex.Replace(help.Output, @"\s+", " ");
        Assert.Contains(found.Description!, text, StringComparison.Ordinal);
        // Options, arguments and subcommands, each with what it means.
        Assert.All(found.Options.Select(o => (o.Name, o.Description)).Concat(found.Arguments.Select(a => (a.Name, a.Description))).Concat(found.Subcommands.Select(s => (s.Name, s.Description))),
            part =>
            {
                Assert.NotEmpty(part.Description!);
                Assert.Contains(Regex.Replace(part.Description!, @"\s+", " "), text, StringComparison.Ordinal);
            });
    }

    [Theory]
    [InlineData("", "Required command was not provided")]
    [InlineData("frobnicate", "frobnicate")]
    [InlineData("keys", "Required command was not provided")]
    [InlineData("order buy", "'--key' is required")]
    [InlineData("order sideways --key k --instrument 2 --size 1 --limit 1", "sideways")]
    [InlineData("order buy --key k --instrument 2 --size many --limit 1", "many")]
    [InlineData("order buy --key k --instrument 2 --size 1 --limit 1 --slot 256", "256")]
    [InlineData("order buy --key k --instrument 2 --size 1 --limit 1 --life forever", "forever")]
    [InlineData("book --instrument 2 --sequencer ftp://127.0.0.1", "'ftp://127.0.0.1' is not an http or https URL")]
    [InlineData("book --instrument 2 --unknown", "--unknown")]
    [InlineData("replay --folder .", "Required argument missing")]
    [InlineData("withdraw --key k", "'--amount' is required")]
    [InlineData("claim --keystore k --vault 0x12", "--vault: An address is 0x followed by 40 hexadecimal digits")]
    [InlineData("claim --keystore k --vault 0x5FbDB2315678afecb367f032d93F642f64180aa4", "--vault: The checksum")]
    [InlineData($"keys message {Vault}", "'--owner' is required")]
    [InlineData($"keys derive {Vault} --out k", "Give either --keystore, or --signature with --owner")]
    [InlineData($"keys derive {Vault} --out k --keystore w --signature s", "Give either --keystore, or --signature with --owner")]
    [InlineData($"keys derive {Vault} --out k --signature s", "--signature and --owner belong together")]
    [InlineData($"keys derive {Vault} --out k --keystore w --owner 0x5fbdb2315678afecb367f032d93f642f64180aa3", "--signature and --owner belong together")]
    [InlineData($"keys derive {Vault} --keystore w", "'--out' is required")]
    [InlineData($"keys derive {Vault} --out k --keystore w --chain-id -1", "-1")]
    [InlineData("keys check", "'--zkey' is required")]
    [InlineData("keys check --zkey k --chain-id local", "local")]
    [InlineData("risk", "Required command was not provided")]
    [InlineData("risk stress", "Give --book and --scenario, or --example-scenario")]
    [InlineData("risk stress --book b", "Give --book and --scenario, or --example-scenario")]
    [InlineData("risk stress --book b --scenario s --rounds 0", "--rounds is 1 to 1000, not '0'")]
    [InlineData("risk stress --book b --scenario s --top 1001", "--top is 1 to 1000, not '1001'")]
    public async Task Wrong_usage_ends_with_2_and_says_why(string arguments, string reason)
    {
        Outcome outcome = await cli.RunAsync(arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal(2, outcome.Code);
        Assert.Contains(reason, outcome.Errors, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(cli.Folder));
    }

    private static IEnumerable<string> Paths(Command command, string path) =>
        command.Subcommands.SelectMany(c => Paths(c, $"{path} {c.Name}".Trim())).Prepend(path);
}
