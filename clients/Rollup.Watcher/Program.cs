using System.CommandLine;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using Rollup.Ethereum;
using Rollup.Gossip;
using Rollup.Protocol;
using Rollup.StateVerifier.Checks;
using Rollup.Watcher;

var file = new Option<string>("--config") { Description = "The configuration file.", Required = true, Recursive = true };
var json = new Option<bool>("--json-log") { Description = "Log one JSON object a line." };
var run = new Command("run", "Watch the vault and act. Prints one line \"ready URL\" to standard output when it answers; logs go to standard error.") { json };
run.SetAction((parsed, cancellation) => GuardedAsync(() => RunAsync(WatcherConfig.Load(parsed.GetValue(file)!), parsed.GetValue(json), cancellation)));
var check = new Command("check", "Check the configuration file.");
check.SetAction(parsed => GuardedAsync(() =>
{
    WatcherConfig.Load(parsed.GetValue(file)!);
    Console.WriteLine("ok");
    return Task.FromResult(0);
}));
return await new RootCommand("Watches the rollup's vault on L1: checks every batch, freezes and challenges by itself.") { file, run, check }.Parse(args).InvokeAsync();

static async Task<int> GuardedAsync(Func<Task<int>> command)
{
    try
    {
        return await command();
    }
    catch (Exception error) when (error is WatcherException or KeystoreException or SecretFileException or GossipException or IOException)
    {
        await Console.Error.WriteLineAsync($"watcher: {error.Message}");
        return 1;
    }
}

static async Task<int> RunAsync(WatcherConfig config, bool isJson, CancellationToken cancellation)
{
    void Logging(ILoggingBuilder logging)
    {
        logging.ClearProviders().AddFilter("Microsoft", LogLevel.Warning);
        if (isJson) logging.AddJsonConsole(o => (o.UseUtcTimestamp, o.TimestampFormat) = (true, "O"));
        else logging.AddSimpleConsole(o => (o.UseUtcTimestamp, o.TimestampFormat, o.SingleLine) = (true, "yyyy-MM-ddTHH:mm:ss.fffZ ", true));
        logging.Services.Configure<ConsoleLoggerOptions>(o => o.LogToStandardErrorThreshold = LogLevel.Trace);
    }

    using ILoggerFactory logs = LoggerFactory.Create(Logging);
    ILogger log = logs.CreateLogger("Watcher");
    using EthereumKey key = Keystore.Load(config.Keystore, config.PasswordFile is { } password ? KeystorePassword.FromFile(password)
        : KeystorePassword.Prompt("the watcher's") ?? throw new WatcherException("passwordFile: missing, and there is no terminal to ask."));
    using var ethereum = new EthereumClient(config.Rpc);
    using var wallet = new Wallet(ethereum, key, Actor.Options(config.Spending));
    var state = new WatcherState(config.Data);
    var metrics = new WatcherMetrics();
    var alerts = new Alerts(config, state, metrics, TimeProvider.System, log);
    var actor = new Actor(config, ethereum, wallet, state, metrics, alerts, log);
    ReceiptGuard? receipts = config.Gossip is { } network
        ? new ReceiptGuard(config, network.Sequencer, actor, alerts, network.Receipts is { } api ? ReceiptGuard.AskApi(api) : null, TimeProvider.System) : null;
    Watch watch = null!;
    GossipNode? node = null;
    watch = new Watch(config, ethereum, state, actor, alerts, metrics, receipts, config.Gossip is { } gossip ? JoinAsync : null, TimeProvider.System, log);

    async Task JoinAsync(VaultCircuit circuit, CancellationToken cancellation)
    {
        if (node is { } before)
        {
            node = null;
            await before.DisposeAsync();
        }

        IReadOnlyList<Address> oracles = gossip.Oracles.IsDefault ? [] : [.. gossip.Oracles.Select(Address.Parse)];
        var rules = new GossipRules(circuit.Domain, config.ChainId, config.Vault, gossip.Sequencer, oracles);
        node = new GossipNode(rules, new SidecarGossip(gossip.Node, gossip.Sidecar ?? SidecarGossip.DefaultScript(), TimeProvider.System, log), receipts!.Archive, watch, TimeProvider.System, log);
        await node.StartAsync(gossip.KeyFile, gossip.Listen, gossip.Peers.IsDefault ? [] : gossip.Peers, cancellation);
    }

    WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
    // The configuration file alone decides, not the environment.
    builder.Configuration.Sources.Clear();
    builder.Configuration.AddInMemoryCollection();
    Logging(builder.Logging);
    builder.WebHost.UseUrls(config.Listen).ConfigureKestrel(kestrel => (kestrel.AddServerHeader, kestrel.Limits.MaxRequestBodySize, kestrel.Limits.MaxConcurrentConnections) = (false, 0, 100));
    await using WebApplication app = builder.Build();
    app.MapGet("/metrics", (RequestDelegate)(context => context.Response.WriteAsync(metrics.Write())));
    app.MapGet("/health", (RequestDelegate)(context =>
    {
        context.Response.StatusCode = metrics.Problem is null ? 200 : 503;
        return context.Response.WriteAsync(metrics.Problem ?? "ok");
    }));
    await app.StartAsync(cancellation);
    Console.WriteLine($"ready {string.Join(' ', app.Urls)}");
    using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation, app.Lifetime.ApplicationStopping);
    await watch.RunAsync(stop.Token);
    if (node is not null) await node.DisposeAsync();
    return 0;
}
