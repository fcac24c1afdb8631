using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Rollup.Client.Sequencer;
using Rollup.Ethereum;
using Rollup.Sequencer.Configuration;
using Rollup.Sequencer.Core;
using Rollup.Sequencer.Oracle;
using Rollup.Sequencer.Receipts;
using Rollup.Sequencer.Storage;
using Rollup.Sequencer.Web;

namespace Rollup.Sequencer.Tests;

/// <summary>The whole sequencer in this process, on a free port, with a fake chain.</summary>
internal sealed class HostHarness : IAsyncDisposable
{
    internal const string OperatorToken = "an-operator-token-for-tests-only-0123456789";
    private readonly TemporaryDirectory folder;
    private readonly WebApplication app;
    private readonly EthereumClient ethereum;
    private readonly ReceiptSigner? signer;

    private HostHarness(FakeChain chain, SequencerConfig config, TemporaryDirectory folder, IPriceFeed? feed, TimeProvider clock, EthereumKey? receipts)
    {
        (Chain, Spool, this.folder) = (chain, config.Spool, folder);
        DurableFile.CreateDirectory(config.Data);
        var spool = new Spool(config.Spool);
        spool.Prepare();
        ethereum = new EthereumClient(chain.Endpoint, new JsonRpcOptions { Attempts = 1 });
        feed ??= new StaticFeed(new Dictionary<string, MarketPrice> { ["BTCUSDT"] = new(61_700_000_000, 61_700_000_000), ["ETHUSDT"] = new(2_680_000_000, 2_680_000_000) });
        signer = receipts is null ? null : new ReceiptSigner(config.ToEngine().Domain, receipts, new ReceiptFile(Path.Combine(config.Data, "receipts")));
        app = SequencerHost.Build(
            config, Recovery.Open(config, spool, clock, NullLogger.Instance, signer?.Mending), spool, feed, ethereum, OperatorToken, clock, logging => logging.ClearProviders(), signer);
    }

    internal FakeChain Chain { get; }
    internal Uri Endpoint => new(app.Urls.Single());
    internal string Spool { get; }
    internal SequencerClient Client { get; private set; } = null!;
    internal HttpClient Http { get; private set; } = null!;
    internal HostStatus Status => app.Services.GetRequiredService<HostStatus>();
    internal SequencerCore Core => app.Services.GetRequiredService<SequencerCore>();

    internal static async Task<HostHarness> StartAsync(
        LimitConfig? limits = null, EpochConfig? epoch = null, Func<SequencerConfig, SequencerConfig>? change = null, IPriceFeed? feed = null, TimeProvider? clock = null, EthereumKey? receipts = null)
    {
        var chain = new FakeChain();
        await chain.StartAsync();
        var folder = new TemporaryDirectory();
        SequencerConfig config = TestConfig.Make(folder.Path, chain.Endpoint, limits: limits, epoch: epoch);
        var host = new HostHarness(chain, change is null ? config : change(config), folder, feed, clock ?? TimeProvider.System, receipts);
        await host.app.StartAsync();
        host.Client = new SequencerClient(host.Endpoint);
        host.Http = new HttpClient { BaseAddress = host.Endpoint };
        return host;
    }

    /// <summary>Registers traders as they would: view key first, then the chain.</summary>
    internal async Task RegisterAsync(long cash, params IReadOnlyList<Trader> traders)
    {
        foreach (Trader trader in traders) await Client.DiscloseViewKeyAsync(trader.Keys);
        Chain.Mine([.. traders.Select(t => Chain.Queued(t.Registration(cash), t.Keys.Owner))]);
        Chain.MineEmpty(2);
        foreach (Trader trader in traders)
            await UntilAsync(async () => (await Client.AccountsOfAsync(trader.Keys.Owner)).Count > 0);
    }

    internal static async Task UntilAsync(Func<Task<bool>> condition)
    {
        for (int i = 0; i < 3000; i++)
        {
            if (await condition()) return;
            await Task.Delay(20);
        }

        throw new TimeoutException("The state never came.");
    }

    internal static long Now => DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();

    internal Task StopAsync() => app.StopAsync();

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        Http.Dispose();
        await StopAsync();
        await app.DisposeAsync();
        ethereum.Dispose();
        signer?.Dispose();
        await Chain.DisposeAsync();
        folder.Dispose();
    }
}
