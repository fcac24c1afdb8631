using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Rollup.Api;
using Rollup.Ethereum;
using Rollup.Gossip;
using Rollup.Protocol;
using Rollup.Sequencer.Chain;
using Rollup.Sequencer.Configuration;
using Rollup.Sequencer.Core;
using Rollup.Sequencer.Oracle;
using Rollup.Sequencer.Receipts;
using Rollup.Sequencer.Storage;

namespace Rollup.Sequencer.Web;

/// <summary>Puts the parts together.</summary>
internal static class SequencerHost
{
    /// <summary>Builds the sequencer on a restored state, ready to start.</summary>
    /// <param name="recovered">Owned by the host from here on.</param>
    /// <param name="receipts">Null: nobody gets receipts.</param>
    internal static WebApplication Build(SequencerConfig config, Recovered recovered, Spool spool, IPriceFeed feed, IEthereum ethereum, string? operatorToken, TimeProvider clock, Action<ILoggingBuilder> logging, ReceiptSigner? receipts = null)
    {
        WebApplicationBuilder builder = Server.Builder(config.Listen, config.Limits.BodyBytes, logging);
        IServiceCollection services = builder.Services;
        services.Configure<HostOptions>(o => (o.BackgroundServiceExceptionBehavior, o.ShutdownTimeout) = (BackgroundServiceExceptionBehavior.StopHost, TimeSpan.FromSeconds(15)));
        services.ConfigureHttpJsonOptions(o => o.SerializerOptions.TypeInfoResolverChain.Insert(0, ApiJson.Default));
        services.AddOpenApi(OpenApiDescription.Configure);
        services.AddRateLimiter(limiter => Limit(limiter, config.Limits));
        services.AddSingleton(clock).AddSingleton(config).AddSingleton<HostStatus>().AddSingleton<HostMetrics>();
        services.AddSingleton(s => new StreamHub(config, new Lazy<SequencerCore>(s.GetRequiredService<SequencerCore>), clock));
        services.AddSingleton(s => new SequencerCore(
            config, recovered, new SnapshotStore(Path.Combine(config.Data, Recovery.SnapshotFolder)), spool, feed, new AllSinks([s.GetRequiredService<StreamHub>(), .. s.GetServices<ReceiptDesk>(), .. s.GetServices<GossipService>(), .. s.GetServices<AttestationDesk>()]), clock,
            s.GetRequiredService<HostMetrics>(), s.GetRequiredService<HostStatus>(), s.GetRequiredService<ILogger<SequencerCore>>(), s.GetService<AttestationDesk>()));
        if (receipts is not null) AddReceipts(services, config, receipts, recovered.Machine, spool, feed);
        services.AddSingleton(s => new AccessControl(config, s.GetRequiredService<SequencerCore>(), clock, operatorToken));
        services.AddSingleton(s => ActivatorUtilities.CreateInstance<Endpoints>(s));
        if (feed.Service is { } source) services.AddSingleton<IHostedService>(_ => source);
        services.AddHostedService<CoreService>();
        services.AddHostedService(s => s.GetRequiredService<StreamHub>());
        ChainPosition? from = recovered.Machine.Chain;
        Fr genesisRoot = new Engine.ClearingEngine(config.ToEngine()).Status.AccountRoot;
        services.AddHostedService(s => new VaultFollower(
            config, ethereum, cancellation => VaultCheck.RunAsync(ethereum, config, genesisRoot, cancellation), VaultCheck.RegistryOf(ethereum, config), s.GetRequiredService<SequencerCore>(), s.GetRequiredService<HostStatus>(), from, clock,
            s.GetRequiredService<ILogger<VaultFollower>>()));

        WebApplication app = builder.Build();
        if (feed is CommitteeFeed committee) committee.Diverged = app.Services.GetRequiredService<HostMetrics>().Diverged;
        app.UseExceptionHandler(new ExceptionHandlerOptions { ExceptionHandler = Explain });
        // A browser sends JSON to a strange origin only after asking, which nobody here answers: so other content types are refused.
        app.UseStatusCodePages(context => context.HttpContext.RefuseAsync(context.HttpContext.Response.StatusCode == StatusCodes.Status415UnsupportedMediaType
            ? ApiError.Of(RejectCode.Malformed, $"the content type must be {Answers.Json}") : ApiError.Of(HostCode.NotFound)));
        app.UseRateLimiter();
        app.UseWebSockets(new WebSocketOptions { KeepAliveInterval = TimeSpan.FromSeconds(15), KeepAliveTimeout = TimeSpan.FromSeconds(15) });
        app.Services.GetRequiredService<Endpoints>().Map(app, app.Lifetime.ApplicationStopping);
        app.MapOpenApi("/openapi/v1.json");
        return app;
    }

    private static void AddReceipts(IServiceCollection services, SequencerConfig config, ReceiptSigner receipts, Machine machine, Spool spool, IPriceFeed feed)
    {
        long last = machine.Receipts.Number;
        services.AddSingleton(s => new ReceiptDesk(receipts, last, s.GetRequiredService<HostMetrics>(), s.GetRequiredService<HostStatus>(), s.GetRequiredService<TimeProvider>(), s.GetRequiredService<ILogger<ReceiptDesk>>())
        {
            Signed = s.GetService<GossipService>() is { } gossip ? gossip.Signed : null,
        });
        services.AddHostedService(s => s.GetRequiredService<ReceiptDesk>());
        if (config.Oracle.Committee is { Signatures: > 0 } committee)
        {
            List<byte[]> unsettled = [.. machine.Batches.All.Where(b => b.Stage == BatchStage.Sealed).Select(b => spool.Read(b.Batch).RiskInputs.ToArray())];
            if (machine.Engine.Status.IsOpen) unsettled.Add(machine.RiskInputs);
            services.AddSingleton(s => new AttestationDesk(committee, spool, unsettled, receipts, s.GetRequiredService<HostStatus>(), s.GetRequiredService<TimeProvider>(), s.GetRequiredService<ILogger<AttestationDesk>>()));
            services.AddHostedService(s => s.GetRequiredService<AttestationDesk>());
        }

        if (config.Gossip is not { } settings) return;
        services.AddSingleton(s =>
        {
            ILogger<GossipService> log = s.GetRequiredService<ILogger<GossipService>>();
            TimeProvider clock = s.GetRequiredService<TimeProvider>();
            var service = new GossipService(config, settings, receipts, () => new SidecarGossip(settings.Node, settings.Sidecar ?? SidecarGossip.DefaultScript(), clock, log), s.GetRequiredService<HostStatus>(), clock, log);
            if (feed is CommitteeFeed committee) committee.Accepted = service.Reported;
            return service;
        });
        services.AddHostedService(s => s.GetRequiredService<GossipService>());
    }

    private static void Limit(RateLimiterOptions limiter, LimitConfig limits)
    {
        limiter.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, string>(context => RateLimitPartition.GetTokenBucketLimiter(
            context.Connection.RemoteIpAddress?.ToString() ?? "",
            _ => new TokenBucketRateLimiterOptions
            {
                TokenLimit = limits.Burst, TokensPerPeriod = Math.Max(1, limits.RequestsPerSecond / 10), ReplenishmentPeriod = TimeSpan.FromMilliseconds(100), QueueLimit = 0,
            }));
        limiter.OnRejected = (context, _) => new ValueTask(context.HttpContext.RefuseAsync(ApiError.Of(HostCode.RateLimited, "of this address")));
    }

    private static Task Explain(HttpContext context) => context.RefuseAsync(context.Features.Get<IExceptionHandlerFeature>()?.Error switch
    {
        BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } => ApiError.Of(HostCode.TooLarge),
        BadHttpRequestException bad => ApiError.Of(RejectCode.Malformed, bad.Message),
        SequencerBusyException => ApiError.Of(HostCode.Busy),
        _ => ApiError.Of(HostCode.Busy, "an internal error; the log says more"),
    });
}

/// <summary>Runs the core on a thread of its own, so that a busy thread pool never delays the journal.</summary>
internal sealed class CoreService(SequencerCore core) : BackgroundService
{
    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.Factory.StartNew(() => core.Run(stoppingToken), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
}
