using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using Rollup.Crypto;
using Rollup.StateVerifier.Accounts;
using Rollup.StateVerifier.Checks;
using Rollup.StateVerifier.Commands;

namespace Rollup.StateVerifier.Tests;

/// <summary>The program as a user runs it: exit codes, one line for each failure, JSON, key files.</summary>
public sealed class CommandLineTests : IDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("rollup-verifier-");
    private readonly StringWriter output = new(), errors = new();

    public void Dispose()
    {
        folder.Delete(recursive: true);
        output.Dispose();
        errors.Dispose();
    }

    [Fact]
    public async Task Verify_shows_the_owner_what_it_has()
    {
        string copy = await SaveAsync();
        Assert.Equal(0, await RunAsync("verify", "--data", copy, "--key", WriteKey(2)));
        string text = output.ToString();
        Assert.Contains("batch 4 is proven, not final", text, StringComparison.Ordinal);
        Assert.Contains("account 2 of 0x", text, StringComparison.Ordinal);
        Assert.Contains("40 lots at 61.800503", text, StringComparison.Ordinal);
        Assert.EndsWith($"all checks hold{Environment.NewLine}", text, StringComparison.Ordinal);
        Assert.Contains("WARNING: the verifying key is a development key", errors.ToString(), StringComparison.Ordinal);
        Assert.Contains("--vkey-hash 0x", errors.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(FakeVault.KeyOf(2).ViewKey.ToHex(), text + errors, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(FakeVault.KeyOf(2).ViewKey.ToString(), text + errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Json_holds_the_same_numbers()
    {
        AccountStatement statement = await new FakeVault().ShowAsync(new AccountQuery(FakeVault.KeyOf(3)));
        Assert.Equal(0, await RunAsync("verify", "--data", await SaveAsync(), "--key", WriteKey(3), "--json"));
        JsonNode report = JsonNode.Parse(output.ToString())!, account = Assert.Single(report["accounts"]!.AsArray())!;
        Assert.True((bool)report["holds"]!);
        Assert.Equal(Honest.Roots[Honest.Final].ToHex(), (string)report["finalRoot"]!);
        Assert.Equal(5, report["batches"]!.AsArray().Count);
        Assert.Equal([true, true, true, false, false], report["batches"]!.AsArray().Select(b => b!["accountsHold"] is not null)); // Those that are final.
        Assert.Equal((3, 3, statement.Contents.Cash.ToString(), statement.Value.ToString(), statement.Health.ToString()),
            ((int)account["account"]!, (int)account["batch"]!, (string)account["cash"]!, (string)account["value"]!, (string)account["health"]!));
        Assert.Equal("-40", (string)Assert.Single(account["positions"]!.AsArray())!["lots"]!);
    }

    [Fact]
    public async Task A_failed_check_is_one_line_and_an_exit_code()
    {
        string copy = await SaveAsync(new FakeVault(d => d[1].Commitment = Fr.One));
        Assert.Equal((int)Check.Commitment, await RunAsync("verify", "--data", copy));
        string line = Assert.Single(errors.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries));
        Assert.StartsWith("FAILED commitment of batch 2: ", line, StringComparison.Ordinal);
        Assert.Contains($"expected {Honest.Drafts[1].C.ToHex()}, found {Fr.One.ToHex()}", line, StringComparison.Ordinal);
        Assert.Empty(output.ToString());
    }

    [Fact]
    public async Task A_failed_check_in_json()
    {
        string copy = await SaveAsync(new FakeVault(d => d[1].Commitment = Fr.One));
        Assert.Equal(17, await RunAsync("verify", "--data", copy, "--json"));
        JsonNode report = JsonNode.Parse(output.ToString())!;
        Assert.Equal((false, "commitment", 17, 2, Fr.One.ToHex()),
            ((bool)report["holds"]!, (string)report["failure"]!, (int)report["exitCode"]!, (int)report["batch"]!, (string)report["found"]!));
    }

    [Fact]
    public async Task Batches_lists_them()
    {
        Assert.Equal(0, await RunAsync("batches", "--data", await SaveAsync()));
        string[] lines = output.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(6, lines.Length);
        Assert.Contains("proof hold", lines[4], StringComparison.Ordinal);
        Assert.Contains("no proof yet", lines[5], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Batches_stops_at_the_one_that_fails()
    {
        Assert.Equal((int)Check.Tree, await RunAsync("batches", "--data", await SaveAsync(new FakeVault(d => d[2].Words[3] = Fr.One))));
        string[] lines = output.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(4, lines.Length);
        Assert.Contains("3  FAILED tree", lines[3], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pinned_key_hash_is_compared()
    {
        string copy = await SaveAsync();
        Assert.Equal((int)Check.VerifyingKey, await RunAsync("verify", "--data", copy, "--vkey-hash", "0x" + new string('1', 64)));
        Assert.Equal((int)Check.Domain, await RunAsync("verify", "--data", copy, "--chain-id", "5"));
        Assert.Equal(0, await RunAsync("verify", "--data", copy, "--vkey-hash", (await new FakeVault().VerifyAsync()).Parameters.Circuit.KeyHash.ToString(), "--chain-id", "31337"));
    }

    [Theory]
    [InlineData("verify")]
    [InlineData("verify --rpc http://127.0.0.1:1")]
    [InlineData("verify --rpc http://127.0.0.1:1 --vault 0x5fbdb2315678afecb367f032d93f642f64180aa3 --data x")]
    [InlineData("verify --rpc nonsense --vault 0x5fbdb2315678afecb367f032d93f642f64180aa3")]
    [InlineData("verify --rpc http://127.0.0.1:1 --vault 0x5fbdb2315678")]
    [InlineData("verify --data x --account -1")]
    [InlineData("verify --data x --account 16777216")]
    [InlineData("verify --data x --vkey-hash 0x12")]
    [InlineData("verify --data x --unknown")]
    [InlineData("fetch --data x")]
    public async Task Wrong_usage(string arguments)
    {
        Assert.Equal(ExitCode.Usage, await RunAsync(arguments.Split(' ')));
        Assert.NotEmpty(errors.ToString());
    }

    [Fact]
    public async Task Help_names_the_exit_codes()
    {
        Assert.Equal(0, await RunAsync("--help"));
        foreach (Check check in Enum.GetValues<Check>()) Assert.Contains($"{(int)check} {check.Name()}", output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Missing_copy()
    {
        Assert.Equal(ExitCode.MalformedCopy, await RunAsync("verify", "--data", PathOf("nothing")));
        Assert.Contains("vault.json", errors.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Unreachable_endpoint()
    {
        // A port that was just free.
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        int port = ((IPEndPoint)listener.LocalEndpoint).Port;
        listener.Stop();
        Assert.Equal(ExitCode.Unreachable, await RunAsync("verify", "--rpc", $"http://127.0.0.1:{port}/secret-api-key", "--vault", Honest.Vault.ToString()));
        Assert.Contains("cannot be reached", errors.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("secret", errors.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("this is no JSON")]
    [InlineData("""{"jsonrpc":"2.0","id":1,"result":"not a quantity"}""")]
    [InlineData("""{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"method not found"}}""")]
    public async Task Malformed_answer(string answer)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        Task serving = ServeAsync(listener, answer);
        Assert.Equal(ExitCode.MalformedAnswer, await RunAsync("verify", "--rpc", $"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}", "--vault", Honest.Vault.ToString()));
        Assert.Contains("eth_chainId", errors.ToString(), StringComparison.Ordinal);
        await serving;
    }

    // ---- key files ----

    [Fact]
    public async Task A_key_file_that_others_may_read_is_refused()
    {
        if (OperatingSystem.IsWindows()) return;
        string copy = await SaveAsync(), key = WriteKey(2);
        File.SetUnixFileMode(key, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);
        Assert.Equal(ExitCode.Usage, await RunAsync("verify", "--data", copy, "--key", key));
        Assert.Contains("chmod 600", errors.ToString(), StringComparison.Ordinal);
        File.SetUnixFileMode(key, UnixFileMode.UserRead);
        Assert.Equal(0, await RunAsync("verify", "--data", copy, "--key", key));
    }

    [Fact]
    public async Task A_missing_or_malformed_key_file_is_refused_without_showing_it()
    {
        string copy = await SaveAsync();
        Assert.Equal(ExitCode.Usage, await RunAsync("verify", "--data", copy, "--key", PathOf("none")));
        string key = WriteKey(2);
        await File.WriteAllTextAsync(key, FakeVault.KeyOf(2).ToJson().Replace("viewKey\": \"0x", "viewKey\": \"0xzz", StringComparison.Ordinal));
        Assert.Equal(ExitCode.Usage, await RunAsync("verify", "--data", copy, "--key", key));
        Assert.Contains("'viewKey' is not a field element", errors.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(FakeVault.KeyOf(2).ViewKey.ToHex()[4..], errors.ToString(), StringComparison.Ordinal);
        await File.WriteAllBytesAsync(key, new byte[AccountKey.MaxLength + 1]);
        Assert.Equal(ExitCode.Usage, await RunAsync("verify", "--data", copy, "--key", key));
    }

    private static async Task ServeAsync(TcpListener listener, string answer)
    {
        using TcpClient client = await listener.AcceptTcpClientAsync();
        using NetworkStream stream = client.GetStream();
        var buffer = new byte[4096];
        // Headers and the small body may come in two packets; the body ends the request's JSON object.
        for (string request = ""; !request.EndsWith('}');) request += Encoding.ASCII.GetString(buffer, 0, await stream.ReadAsync(buffer));
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {answer.Length}\r\nConnection: close\r\n\r\n{answer}"));
    }

    private async Task<string> SaveAsync(FakeVault? world = null)
    {
        string copy = PathOf("copy");
        await SavedCopyTests.SaveAsync(world ?? new FakeVault(), copy);
        return copy;
    }

    private string PathOf(string name) => Path.Combine(folder.FullName, name);

    private string WriteKey(int account)
    {
        string path = PathOf("key.json");
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using var stream = new FileStream(path, options);
        stream.Write(Encoding.UTF8.GetBytes(FakeVault.KeyOf(account).ToJson()));
        return path;
    }

    private Task<int> RunAsync(params string[] arguments) => CommandLine.RunAsync(arguments, output, errors, isTerminal: false);
}
