using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Rollup.Ethereum;
using Xunit;

namespace Rollup.TestSupport;

/// <summary>A test that needs anvil; skipped where it is not installed.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class AnvilFactAttribute : FactAttribute
{
    public AnvilFactAttribute() => Skip = AnvilProcess.Binary is null ? "anvil is not installed: run `make setup`" : null;
}

/// <summary>
/// A local chain of its own (anvil, chain id 31337) on a free port of the loopback interface, mining a block for each transaction.
/// It ends with <see cref="DisposeAsync"/>, and also when the test process dies: it runs under a shell that waits on our end of a pipe.
/// </summary>
public sealed class AnvilProcess : IAsyncLifetime, IAsyncDisposable
{
    public const ulong ChainId = 31337;

    /// <summary>The funded development keys of anvil's well-known mnemonic, public to everyone.</summary>
    private static readonly string[] DevelopmentKeys =
    [
        "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
        "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
        "5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
        "7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6",
        "47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a",
        "8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba",
        "92db14e403b83dfe3df233f83dfa3a0d7096f21ca9b0d6d6b8d88b2b4ec1564e",
        "4bbbf85ce3377467afe5d46f804f221813b2bb87f24d81f60f1fcdbf7cbf4356",
        "dbda1821b80551c9d65939329250298aa3472ba22feea921c0cf5d620ea67b97",
        "2a871d0798f97d79848a013d4936a73bf4cc922c825d33c1cf7073dff6d409c6",
    ];

    // Ends when anvil does, and ends anvil when our end of standard input is closed.
    private const string Script = "exec 3<&0; \"$@\" & child=$!; (read -r _ <&3; kill $child) > /dev/null 2>&1 & wait $child";

    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(60);

    private readonly string[] arguments;
    private Process? process;
    private EthereumClient? client;

    /// <summary>For xunit fixtures, which call <see cref="InitializeAsync"/> themselves; others use <see cref="StartAsync"/>.</summary>
    public AnvilProcess() : this([]) { }

    private AnvilProcess(string[] arguments) => this.arguments = arguments;

    /// <summary>Starts a chain.</summary>
    /// <param name="arguments">More arguments of anvil, for instance <c>--no-mining</c>.</param>
    public static async Task<AnvilProcess> StartAsync(params string[] arguments)
    {
        var anvil = new AnvilProcess(arguments);
        await anvil.InitializeAsync();
        return anvil;
    }

    /// <summary>The installed program, or null.</summary>
    public static string? Binary { get; } = FindBinary();

    public Uri Endpoint { get; private set; } = new("http://127.0.0.1:0");

    /// <summary>A client of this chain; owned by it.</summary>
    public EthereumClient Client => client ?? throw new InvalidOperationException("anvil was not started.");

    /// <summary>One of the ten funded keys.</summary>
    public static EthereumKey Key(int index) => new(Convert.FromHexString(DevelopmentKeys[index]));

    /// <summary>A wallet of one of the ten funded keys.</summary>
    public Wallet Wallet(int index) => new(Client, Key(index), new WalletOptions { PollInterval = TimeSpan.FromMilliseconds(20) });

    public async Task InitializeAsync()
    {
        if (Binary is null) return; // The tests are skipped.
        var start = new ProcessStartInfo("/bin/sh") { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in (string[])["-c", Script, "sh", Binary, "--host", "127.0.0.1", "--port", "0", .. arguments]) start.ArgumentList.Add(argument);
        process = Process.Start(start) ?? throw new InvalidOperationException("sh did not start.");

        var port = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        var output = new List<string>();
        void Read(string? line)
        {
            const string Announcement = "Listening on 127.0.0.1:";
            if (line is null) return;
            lock (output) output.Add(line);
            if (line.StartsWith(Announcement, StringComparison.Ordinal)) port.TrySetResult(int.Parse(line.AsSpan(Announcement.Length), NumberStyles.None, CultureInfo.InvariantCulture));
        }
        process.OutputDataReceived += (_, e) => { Read(e.Data); if (e.Data is null) port.TrySetException(new InvalidOperationException("anvil ended.")); };
        process.ErrorDataReceived += (_, e) => Read(e.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        try
        {
            Endpoint = new Uri($"http://127.0.0.1:{await port.Task.WaitAsync(StartTimeout)}");
        }
        catch (Exception e) when (e is TimeoutException or InvalidOperationException)
        {
            string text;
            lock (output) text = string.Join('\n', output.TakeLast(20));
            await StopAsync();
            throw new InvalidOperationException($"anvil did not start. Its last output:\n{text}", e);
        }
        client = new EthereumClient(Endpoint);
    }

    /// <summary>Calls one of anvil's own methods, for instance <c>evm_snapshot</c>.</summary>
    public Task<JsonElement> RpcAsync(string method, params JsonNode?[] parameters) => Client.Rpc.CallOnceAsync(method, [.. parameters]);

    /// <summary>Mines empty blocks.</summary>
    public Task MineAsync(int blocks) => RpcAsync("anvil_mine", Hex.FormatQuantity(blocks));

    /// <summary>Moves the clock of the next block forward, and mines it.</summary>
    public async Task AdvanceAsync(TimeSpan time)
    {
        await RpcAsync("evm_increaseTime", (long)time.TotalSeconds);
        await MineAsync(1);
    }

    /// <summary>Remembers the chain as it is. A snapshot can be gone back to once.</summary>
    public async Task<string> SnapshotAsync() => (await RpcAsync("evm_snapshot")).GetString()!;

    /// <summary>Goes back to a snapshot: the newer blocks are gone, as after a reorganisation.</summary>
    public async Task RevertAsync(string snapshot)
    {
        if (!(await RpcAsync("evm_revert", snapshot)).GetBoolean()) throw new InvalidOperationException($"anvil has no snapshot {snapshot}.");
    }

    /// <summary>Ends the chain; the endpoint is unreachable afterwards.</summary>
    public async Task StopAsync()
    {
        if (process is null) return;
        process.StandardInput.Close();
        await process.WaitForExitAsync();
        process.Dispose();
        process = null;
    }

    public async Task DisposeAsync()
    {
        await StopAsync();
        client?.Dispose();
    }

    async ValueTask IAsyncDisposable.DisposeAsync() => await DisposeAsync();

    private static string? FindBinary()
    {
        var packages = Repository.PathOf("node_modules", "@foundry-rs");
        if (!Directory.Exists(packages)) return null;
        return Directory.GetDirectories(packages, "anvil-*").Select(package => Path.Combine(package, "bin", "anvil")).FirstOrDefault(File.Exists);
    }
}
