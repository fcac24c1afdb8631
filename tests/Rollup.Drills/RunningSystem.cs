using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Numerics;
using System.Text.Json.Nodes;
using Rollup.Api;
using Rollup.Client.Keys;
using Rollup.Client.Sequencer;
using Rollup.Client.Vault;
using Rollup.Ethereum;
using Rollup.Protocol;
using Rollup.TestSupport;

namespace Rollup.Drills;

/// <summary>What a drill's system is made of.</summary>
/// <param name="Profile">Circuit profile: dev proves fastest, demo takes more accounts and operations a batch.</param>
/// <param name="HasExits">With the contract by which a frozen vault is left, and the keys of the circuit `exit`.</param>
/// <param name="HasChallenges">With the contract of challenges, its bond, and a sequencer that signs receipts.</param>
/// <param name="HasWatcher">With a watcher that acts.</param>
/// <param name="Epoch">Milliseconds after which a batch with something in it is sealed.</param>
/// <param name="Confirmations">Blocks that the sequencer waits for.</param>
internal sealed record SystemOptions(string Profile = "dev", bool HasExits = false, bool HasChallenges = false, bool HasWatcher = false, int Epoch = 2_000, int Confirmations = 0)
{
    /// <summary>More arguments of `rollup local deploy`, e.g. <c>["--operation-deadline", "600"]</c>.</summary>
    internal string[] Deploy { get; init; } = [];

    /// <summary>Changes the configuration files before they are written.</summary>
    internal Action<JsonObject>? Sequencer { get; init; }

    internal Action<JsonObject>? Bridge { get; init; }

    internal Action<JsonObject>? Watcher { get; init; }
}

/// <summary>A running system: local chain, contracts, sequencer, prover bridge, perhaps a watcher, and the traders who act on it. Times on the chain may be moved ahead of the hosts' clocks.</summary>
internal sealed class RunningSystem(DrillRun run, SystemOptions options) : IAsyncDisposable
{
    /// <summary>Instruments: BTC at 60,000 USD in group 1 and ETH at 2,500 USD in group 2; a lot is 0.001 units, of spot 0.0001. The options expire in 30 days.</summary>
    internal const int Spot = 1, BtcPerpetual = 2, EthPerpetual = 3, Call = 4, Put = 5;

    /// <summary>Prices, atoms a lot.</summary>
    internal const long BtcPrice = 60_000_000, EthPrice = 2_500_000, SpotPrice = 250_000;

    /// <summary>Atoms.</summary>
    internal const long Usd = 1_000_000;

    private const int BondedStake = 100_000_000;
    private static readonly WalletOptions Quick = new() { PollInterval = TimeSpan.FromMilliseconds(20) };

    private readonly Dictionary<string, HostProcess> processes = [];
    private readonly List<Trader> traders = [];
    private JsonObject deployment = [];
    private SequencerClient? api;
    private Uri? watcherUrl;

    internal AnvilProcess Anvil { get; private set; } = null!;

    internal EthereumClient Ethereum => Anvil.Client;

    internal DrillRun Run => run;

    /// <summary>What nobody stopped must be running.</summary>
    internal IEnumerable<HostProcess> Processes => processes.Values;

    internal Address Vault => AddressOf("vault");

    internal Address Cash => AddressOf("cash");

    internal ulong FromBlock => (ulong)deployment["block"]!;

    internal VaultClient VaultClient => new(Ethereum, Vault);

    /// <summary>The sequencer's API; another object after each start.</summary>
    internal SequencerClient Api => api ?? throw new InvalidOperationException("The sequencer was not started.");

    /// <summary>Where the sequencer answers.</summary>
    internal Uri Endpoint { get; private set; } = new("http://127.0.0.1:0");

    internal MessageSigner Signer { get; private set; } = null!;

    internal IReadOnlyList<Trader> Traders => traders;

    /// <summary>Somebody with ether and nothing else to do with the rollup.</summary>
    internal Wallet Anybody { get; private set; } = null!;

    /// <summary>Owns the contracts.</summary>
    internal Wallet Governor { get; private set; } = null!;

    /// <summary>The session's folder: deployment, keystores under <see cref="PasswordFile"/>, traders' key files.</summary>
    internal string Session => Path.Combine(run.Folder, "session");

    internal string PasswordFile => Path.Combine(Session, "password");

    /// <summary>A contract of deployment.json.</summary>
    internal Address AddressOf(string contract) => Eip55.Parse((string)deployment[contract]!);

    internal string KeystoreOf(string name) => Path.Combine(Session, $"{name}.keystore.json");

    /// <summary>A wallet of the session, or of a trader.</summary>
    internal Wallet WalletOf(string name) => new(Ethereum, Keystore.Load(KeystoreOf(name), KeystorePassword.FromFile(PasswordFile)), Quick);

    internal string LogOf(string program) => File.ReadAllText(Path.Combine(run.Folder, $"{program}.log"));

    /// <summary>Development keys of a circuit: files by name, as `prover-bridge keys dev` prints them. Made once, then cached.</summary>
    internal async Task<JsonObject> KeysAsync(string circuit)
    {
        string printed = await HostProcess.SucceedAsync("prover-bridge", run.Cancellation, "keys", "dev", "--profile", circuit, "--repository", Repository.Root);
        return JsonNode.Parse(printed)!.AsObject();
    }

    internal async Task StartAsync()
    {
        run.Step($"proving keys of {options.Profile}{(options.HasExits ? ", exit" : "")}{(options.HasChallenges ? ", row" : "")} (development keys, cached)");
        JsonObject keys = await KeysAsync(options.Profile);
        List<string> deploy = ["local", "deploy", "--folder", Session, "--profile", options.Profile, "--repository", Repository.Root, "--verifier", (string)keys["verifier"]!];
        if (options.HasExits) deploy.AddRange(["--exit-verifier", (string)(await KeysAsync("exit"))["verifier"]!]);
        if (options.HasChallenges) deploy.AddRange(["--row-verifier", (string)(await KeysAsync("row"))["verifier"]!]);

        run.Step("local chain, contracts, sequencer, prover bridge");
        Anvil = await AnvilProcess.StartAsync();
        (Governor, Anybody) = (Anvil.Wallet(0), Anvil.Wallet(3));
        deployment = JsonNode.Parse(await HostProcess.SucceedAsync("rollup", run.Cancellation, [.. deploy, "--rpc", Anvil.Endpoint.ToString(), .. options.Deploy]))!.AsObject();
        Directory.CreateDirectory(Path.Combine(run.Folder, "spool"));
        Write("sequencer", SequencerConfig(), options.Sequencer);
        Write("prover-bridge", BridgeConfig(keys), options.Bridge);
        await StartSequencerAsync();
        await StartBridgeAsync();
        if (options.HasWatcher) await StartWatcherAsync();
    }

    /// <summary>Starts the sequencer, also again.</summary>
    internal async Task StartSequencerAsync()
    {
        api?.Dispose();
        Endpoint = new Uri(await (await LaunchAsync("sequencer")).Ready.WaitAsync(TimeSpan.FromSeconds(90), run.Cancellation));
        api = new SequencerClient(Endpoint);
        Signer = new MessageSigner((await Api.InfoAsync(run.Cancellation)).Domain); // Another one after an upgrade of the circuit.
    }

    /// <summary>Starts the prover bridge, also again.</summary>
    internal async Task StartBridgeAsync()
    {
        await LaunchAsync("prover-bridge");
        using var http = new HttpClient();
        await run.UntilAsync("the prover bridge answers", 120, async () =>
        {
            try
            {
                using HttpResponseMessage answer = await http.GetAsync(new Uri($"http://127.0.0.1:{BridgePort}/health"), run.Cancellation);
                return true;
            }
            catch (HttpRequestException)
            {
                return false;
            }
        });
    }

    /// <summary>Starts the watcher, also again; with ether and cash for stakes of its own.</summary>
    internal async Task StartWatcherAsync()
    {
        if (!File.Exists(KeystoreOf("watcher")))
        {
            (await NewWalletAsync("watcher", 10 * BondedStake)).Wallet.Dispose();
            Write("watcher", WatcherConfig(), options.Watcher);
        }

        watcherUrl = new Uri(await (await LaunchAsync("watcher")).Ready.WaitAsync(TimeSpan.FromSeconds(60), run.Cancellation));
    }

    /// <summary>One of the watcher's metrics.</summary>
    internal async Task<long> WatcherMetricAsync(string name)
    {
        using var http = new HttpClient();
        string metrics = await http.GetStringAsync(new Uri(watcherUrl!, "/metrics"), run.Cancellation);
        string line = metrics.Split('\n').FirstOrDefault(l => l.StartsWith($"{name} ", StringComparison.Ordinal)) ?? throw new DrillFailedException($"the watcher has no metric {name}");
        return long.Parse(line[(name.Length + 1)..], CultureInfo.InvariantCulture);
    }

    /// <summary>Stops a program in order (SIGTERM).</summary>
    internal async Task<int> StopAsync(string program) => await processes[program].StopAsync();

    /// <summary>Ends a program at once (SIGKILL).</summary>
    internal Task KillAsync(string program) => processes[program].KillAsync();

    /// <summary>Waits until a program ends by itself.</summary>
    /// <returns>Its exit code.</returns>
    internal Task<int> EndAsync(string program, int seconds) => processes[program].EndAsync(TimeSpan.FromSeconds(seconds));

    /// <summary>Changes a program's configuration file, for its next start.</summary>
    internal void Configure(string program, Action<JsonObject> change)
    {
        string path = Path.Combine(run.Folder, $"{program}.json");
        JsonObject config = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        change(config);
        File.WriteAllText(path, config.ToJsonString());
    }

    /// <summary>What the watcher raised, in order.</summary>
    internal IReadOnlyList<(string Kind, string Text)> Alerts() => File.Exists(AlertFile)
        ? [.. File.ReadAllLines(AlertFile).Select(line => JsonNode.Parse(line)!).Select(alert => ((string)alert["kind"]!, (string)alert["text"]!))] : [];

    /// <summary>Makes and funds wallets, and registers an account of each; returns when all may trade. The view keys are disclosed to the operator.</summary>
    /// <param name="cash">First deposit of each, atoms.</param>
    internal async Task<IReadOnlyList<Trader>> JoinAsync(int count, long cash)
    {
        var joined = new List<Trader>();
        for (int i = 0; i < count; i++)
        {
            string name = string.Create(CultureInfo.InvariantCulture, $"trader-{traders.Count + 1}");
            (Wallet wallet, EthereumKey key) = await NewWalletAsync(name, cash);
            TraderKeys keys = TraderKeys.Derive(key, AnvilProcess.ChainId, Vault);
            string file = Path.Combine(Session, $"{name}.key.json");
            keys.Save(file);
            await Api.DiscloseViewKeyAsync(keys, run.Cancellation);
            int account = await VaultClient.RegisterAsync(wallet, keys, cash, run.Cancellation);
            var trader = new Trader(this, name, file, wallet, keys, account);
            traders.Add(trader);
            joined.Add(trader);
        }

        await run.UntilAsync($"{count} registrations are executed", 60 + 10 * count, async () =>
            (await Api.AccountsOfAsync(joined[^1].Wallet.Address, run.Cancellation)).Count > 0);
        return joined;
    }

    /// <summary>Makes a wallet of the session, with ether for gas and atoms of cash.</summary>
    internal async Task<(Wallet Wallet, EthereumKey Key)> NewWalletAsync(string name, long cash)
    {
        var key = EthereumKey.Generate();
        Keystore.Save(KeystoreOf(name), key, KeystorePassword.FromFile(PasswordFile), ScryptCost.Light);
        await FundAsync(key.Address, cash, 0);
        return (new Wallet(Ethereum, key, Quick), key);
    }

    /// <summary>Gives somebody ether for gas, atoms of cash, and lots of spot.</summary>
    internal async Task FundAsync(Address who, long cash, long spotLots)
    {
        await Anvil.RpcAsync("anvil_setBalance", who.ToString(), "0x8ac7230489e80000");
        if (cash > 0) await Governor.SendAsync(Cash, TokenAbi.Mint, [who, (BigInteger)cash], cancellation: run.Cancellation);
        if (spotLots > 0) await Governor.SendAsync(AddressOf("spot"), TokenAbi.Mint, [who, spotLots * (await SpotAsync()).UnitsPerLot], cancellation: run.Cancellation);
    }

    /// <summary>The listed ether token.</summary>
    internal async Task<VaultAsset> SpotAsync() => (await VaultClient.AssetAsync(Spot, run.Cancellation))!;

    /// <summary>Waits until all that executed is sealed and final.</summary>
    internal async Task SettleAsync(int seconds = 300)
    {
        await run.UntilAsync("everything executed is final", seconds, async () => (await Api.BatchesAsync(50, run.Cancellation)).All(b => b.Stage is BatchStage.Accepted or BatchStage.Final));
    }

    /// <summary>What a view of the vault answers, of one value.</summary>
    internal async Task<T> AskAsync<T>(AbiFunction view, params object[] arguments) => (T)(await Ethereum.CallAsync(Vault, view, arguments, cancellation: run.Cancellation))[0];

    internal Task<bool> IsFrozenAsync() => AskAsync<bool>(VaultAbi.Frozen);

    /// <summary>Logs of one of the vault's events, of all blocks.</summary>
    internal async Task<IReadOnlyList<Log>> LogsAsync(AbiEvent of) =>
        await Ethereum.GetLogsAsync(LogFilter.Events(Vault, of), FromBlock, await Ethereum.GetBlockNumberAsync(run.Cancellation), run.Cancellation);

    /// <summary>The risk inputs that a batch was committed with, from its transaction.</summary>
    internal async Task<byte[]> RiskInputsAsync(uint batch)
    {
        Log log = (await LogsAsync(VaultAbi.BatchCommitted)).Last(l => (BigInteger)VaultAbi.BatchCommitted.Decode(l)[0] == batch);
        Transaction transaction = (await Ethereum.GetTransactionAsync(log.TransactionHash, run.Cancellation))!;
        return (byte[])((object[])VaultAbi.CommitBatch.DecodeArguments(transaction.Input)[0])[3];
    }

    /// <summary>The number of the last final batch.</summary>
    internal async Task<uint> LastFinalAsync() => (uint)await AskAsync<BigInteger>(VaultAbi.LastFinal);

    /// <summary>Runs state-verifier over the whole history from L1; fails if a check does not hold.</summary>
    /// <param name="keyFile">Whose accounts are shown; null for none.</param>
    internal async Task<JsonObject> VerifyAsync(string? keyFile = null)
    {
        string[] key = keyFile is null ? [] : ["--key", keyFile];
        return JsonNode.Parse(await HostProcess.SucceedAsync("state-verifier", run.Cancellation,
            ["verify", "--json", "--rpc", Anvil.Endpoint.ToString(), "--vault", Eip55.Format(Vault), "--from-block", Text(FromBlock), .. key]))!.AsObject();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (HostProcess process in processes.Values) await process.DisposeAsync();
        foreach (Trader trader in traders) trader.Dispose();
        api?.Dispose();
        if (Anvil is not null) await Anvil.DisposeAsync();
    }

    private string AlertFile => Path.Combine(run.Folder, "alerts.jsonl");

    private int BridgePort { get; } = FreePort();

    private async Task<HostProcess> LaunchAsync(string program)
    {
        if (processes.Remove(program, out HostProcess? old)) await old.DisposeAsync();
        return processes[program] = HostProcess.Start(program, run.Folder, "run", "--config", Path.Combine(run.Folder, $"{program}.json"));
    }

    private void Write(string program, JsonObject config, Action<JsonObject>? change)
    {
        change?.Invoke(config);
        File.WriteAllText(Path.Combine(run.Folder, $"{program}.json"), config.ToJsonString());
    }

    private JsonObject SequencerConfig()
    {
        var expiry = new DateTimeOffset(DateTimeOffset.UtcNow.Date.AddDays(30).AddHours(8), TimeSpan.Zero);
        JsonObject Instrument(int id, string symbol, string kind, int group, string unit, int lots, int tick) => new()
        {
            ["id"] = id, ["symbol"] = symbol, ["kind"] = kind, ["group"] = group, ["unit"] = unit, ["lotsPerUnit"] = lots, ["tick"] = tick, ["market"] = $"{unit}USDT",
        };
        JsonObject Option(int id, string symbol, string kind, string strike)
        {
            JsonObject option = Instrument(id, symbol, kind, 1, "BTC", 1_000, 100);
            (option["strike"], option["expiry"]) = (strike, expiry.ToString("O", CultureInfo.InvariantCulture));
            return option;
        }

        var config = new JsonObject
        {
            ["data"] = "sequencer", ["spool"] = "spool", ["profile"] = options.Profile, ["listen"] = "http://127.0.0.1:0",
            ["chain"] = new JsonObject
            {
                ["rpc"] = Anvil.Endpoint.ToString(), ["chainId"] = AnvilProcess.ChainId, ["vault"] = Vault.ToString(), ["confirmations"] = options.Confirmations,
                ["startBlock"] = FromBlock, ["pollMilliseconds"] = 100, ["parameters"] = AddressOf("parameters").ToString(),
            },
            ["instruments"] = new JsonArray(
                Instrument(Spot, "ETH", "spot", 2, "ETH", 10_000, 1), Instrument(BtcPerpetual, "BTC-PERP", "perpetual", 1, "BTC", 1_000, 100),
                Instrument(EthPerpetual, "ETH-PERP", "perpetual", 2, "ETH", 1_000, 10), Option(Call, "BTC-C", "call", "64000"), Option(Put, "BTC-P", "put", "56000")),
            ["groups"] = new JsonArray(new JsonObject { ["group"] = 1, ["scanRangePpm"] = 150_000 }, new JsonObject { ["group"] = 2, ["scanRangePpm"] = 180_000 }),
            ["oracle"] = new JsonObject
            {
                ["kind"] = "static", ["prices"] = new JsonObject { ["BTCUSDT"] = "60000", ["ETHUSDT"] = "2500" },
                // Volatility near 50% a year.
                ["surfaces"] = new JsonArray(new JsonObject
                {
                    ["group"] = 1, ["expiry"] = expiry.ToUnixTimeMilliseconds(), ["basis"] = 0, ["a"] = 4_900_000, ["b"] = 61_000_000, ["rho"] = -230_000_000, ["m"] = 17_000_000, ["sigma"] = 290_000_000,
                }),
            },
            ["epoch"] = new JsonObject { ["length"] = options.Epoch, ["refresh"] = Math.Min(options.Epoch, 1_000) },
        };
        if (options.HasChallenges) config["receipts"] = new JsonObject { ["keystore"] = "session/receipts.keystore.json", ["passwordFile"] = "session/password" };
        return config;
    }

    private JsonObject BridgeConfig(JsonObject keys) => new()
    {
        ["spool"] = "spool", ["state"] = "bridge",
        ["circuit"] = new JsonObject
        {
            ["profile"] = options.Profile, ["wasm"] = (string)keys["wasm"]!, ["zkey"] = (string)keys["zkey"]!, ["verificationKey"] = (string)keys["verificationKey"]!,
        },
        ["retry"] = new JsonObject { ["baseSeconds"] = 0.2, ["maxSeconds"] = 2 },
        ["ethereum"] = new JsonObject
        {
            ["rpc"] = Anvil.Endpoint.ToString(), ["chainId"] = AnvilProcess.ChainId, ["vault"] = Vault.ToString(), ["pollSeconds"] = 0.2,
            ["operator"] = new JsonObject { ["keystore"] = "session/operator.keystore.json", ["passwordFile"] = "session/password" },
            ["prover"] = new JsonObject { ["keystore"] = "session/prover.keystore.json", ["passwordFile"] = "session/password" },
        },
        ["monitoring"] = new JsonObject { ["port"] = BridgePort },
    };

    private JsonObject WatcherConfig()
    {
        var config = new JsonObject
        {
            ["rpc"] = Anvil.Endpoint.ToString(), ["chainId"] = AnvilProcess.ChainId, ["vault"] = Vault.ToString(), ["fromBlock"] = FromBlock, ["data"] = "watcher",
            ["keystore"] = "session/watcher.keystore.json", ["passwordFile"] = "session/password", ["pollMilliseconds"] = 300, ["listen"] = "http://127.0.0.1:0",
            ["spending"] = new JsonObject { ["etherGwei"] = 5_000_000_000, ["stakeAtoms"] = 2 * BondedStake },
            ["alertCommand"] = new JsonArray("/bin/sh", "-c", $"cat >> {AlertFile}"),
        };
        config["parameters"] = AddressOf("parameters").ToString();
        if (options.HasChallenges) config["challenges"] = AddressOf("challenges").ToString();
        return config;
    }

    private static string Text(ulong value) => value.ToString(CultureInfo.InvariantCulture);

    internal static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
