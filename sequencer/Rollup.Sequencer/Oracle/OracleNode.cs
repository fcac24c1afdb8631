using System.Collections.Immutable;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Rollup.Ethereum;
using Rollup.Gossip;
using Rollup.Oracle;
using Rollup.Protocol;
using Rollup.Sequencer.Configuration;
using Rollup.Sequencer.Web;

namespace Rollup.Sequencer.Oracle;

/// <summary>
/// A node of the oracle committee: observes its source, signs a report at each interval, and serves the newest at <c>GET /v1/report</c>; signs a batch's risk inputs at <c>POST /v1/attestation</c>
/// if they agree with what it observed. It keeps nothing but, if it attests, what it observed lately: report numbers begin at the present millisecond, so they go on rising after a restart.
/// </summary>
/// <param name="ethereum">Of `attests.rpc`; null without one.</param>
internal sealed class OracleNode(NodeConfig config, IPriceFeed source, EthereumKey key, IEthereum? ethereum, TimeProvider clock, ILogger<OracleNode> log) : BackgroundService
{
    private const int Unit = 1_000_000;
    private readonly Attester? attester = config.Attests is null ? null : new Attester(config, key, ethereum);
    private readonly SemaphoreSlim attesting = new(1);
    private long number;
    private volatile byte[]? newest;
    private volatile string? problem = "nothing observed yet";

    /// <summary>Builds the node as a server, ready to start.</summary>
    internal static WebApplication Build(NodeConfig config, IPriceFeed source, EthereumKey key, IEthereum? ethereum, TimeProvider clock, Action<ILoggingBuilder> logging)
    {
        WebApplicationBuilder builder = Server.Builder(config.Listen, config.Attests is null ? 0 : Attester.MaxRequest, logging, connections: 1_000);
        builder.Services.AddSingleton(s => new OracleNode(config, source, key, ethereum, clock, s.GetRequiredService<ILogger<OracleNode>>()));
        if (source.Service is { } service) builder.Services.AddSingleton<IHostedService>(_ => service);
        builder.Services.AddHostedService(s => s.GetRequiredService<OracleNode>());
        WebApplication app = builder.Build();
        OracleNode node = app.Services.GetRequiredService<OracleNode>();
        app.MapGet("/v1/report", (RequestDelegate)(context => node.newest is { } report ? WriteAsync(context, 200, "application/octet-stream", report) : node.ExplainAsync(context)));
        if (node.attester is not null) app.MapPost("/v1/attestation", (RequestDelegate)node.AttestAsync);
        app.MapGet("/health", (RequestDelegate)node.ExplainAsync);
        return app;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(config.IntervalMilliseconds), clock);
        try
        {
            do
            {
                string? now = await ObserveAsync(stoppingToken);
                if (now != problem) log.LogInformation("Oracle node {Node} ({Address}): {State}", config.Node, key, now ?? "reports");
                problem = now;
            }
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException)
        {
            // The end.
        }
    }

    // An old report stays: it is signed with its time, and whoever reads it sees that it is old.
    private async Task<string?> ObserveAsync(CancellationToken stopping)
    {
        long now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        if (source.Observe(now) is not { } seen) return source.Problem;
        var underlyings = ImmutableArray.CreateBuilder<UnderlyingReport>();
        foreach (NodeMarket m in config.Markets)
        {
            if (!seen.Prices.TryGetValue(m.Market, out MarketPrice price) || price.State > OracleState.LowConfidence) return $"the source has no good price of {m.Market}";
            long confidence = (long)Int128.Max(price.Confidence, Rounding.CeilDiv((Int128)price.Index * config.ConfidencePpm, Unit));
            underlyings.Add(new UnderlyingReport(m.Group, price.Index, Math.Min(confidence, price.Index), seen.Expiries.GetValueOrDefault(m.Group, [])));
        }

        var report = new OracleReport(config.Node, Math.Max(number + 1, now), seen.At, underlyings.ToImmutable());
        if (report.Validate() is { } invalid) return $"what the source says makes no report: {invalid}";
        number = report.Number;
        newest = SignedReport.Sign(key, config.ChainId, config.Vault, report);
        if (attester is null) return null;
        await attesting.WaitAsync(stopping);
        try
        {
            attester.Remember(report);
        }
        finally
        {
            attesting.Release();
        }

        return null;
    }

    // One at a time: a stranger's request costs one check of a signature, the sequencer's some milliseconds.
    private async Task AttestAsync(HttpContext context)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        await attesting.WaitAsync(context.RequestAborted);
        byte[]? signature;
        string refusal;
        try
        {
            (signature, refusal) = await attester!.AttestAsync(body.GetBuffer().AsMemory(0, (int)body.Length), context.RequestAborted);
        }
        finally
        {
            attesting.Release();
        }

        if (signature is null) log.LogWarning("Oracle node {Node} does not sign: {Problem}", config.Node, refusal);
        await (signature is null ? WriteAsync(context, 409, "text/plain", System.Text.Encoding.UTF8.GetBytes(refusal)) : WriteAsync(context, 200, "application/octet-stream", signature));
    }

    private Task ExplainAsync(HttpContext context) => WriteAsync(context, problem is null ? 200 : 503, "text/plain", System.Text.Encoding.UTF8.GetBytes(problem ?? "ok"));

    private static Task WriteAsync(HttpContext context, int status, string type, byte[] body)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = type;
        context.Response.ContentLength = body.Length;
        return context.Response.Body.WriteAsync(body).AsTask();
    }
}
