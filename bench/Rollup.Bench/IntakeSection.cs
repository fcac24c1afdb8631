using System.Diagnostics;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Rollup.Api;
using Rollup.Ethereum;
using Rollup.Protocol;
using Rollup.Sequencer.Configuration;
using Rollup.Sequencer.Core;
using Rollup.Sequencer.Oracle;
using Rollup.Sequencer.Storage;
using Rollup.Sequencer.Web;

namespace Rollup.Bench;

/// <summary>
/// What the sequencer itself does with signed requests: its REST handlers called in this process, with bodies and answers in memory. Everything from the JSON
/// text to the answer's JSON text is measured: parsing, rules, signatures, the account's budget, journal with its flushes, engine, and the check of each
/// answer. HTTP itself, which costs as much again with clients on the same cores, is not; the section host has it.
/// </summary>
public sealed class IntakeSection : ISection
{
    private const int Clients = 256, Runs = 5, RequestsOfARun = 20_000;

    /// <inheritdoc/>
    public string Name => "intake";

    /// <inheritdoc/>
    public void Run(Table table) => RunAsync(table).GetAwaiter().GetResult();

    private static async Task RunAsync(Table table)
    {
        string folder = Directory.CreateTempSubdirectory("rollup-bench-").FullName;
        var nowhere = new Uri("http://127.0.0.1:9");
        SequencerConfig config = BenchSequencer.Configuration(folder, nowhere, Address.Parse($"0x{1:x40}"));
        DurableFile.CreateDirectory(config.Data);
        var spool = new Spool(config.Spool);
        spool.Prepare();
        using var ethereum = new EthereumClient(nowhere);
        using var stop = new CancellationTokenSource();
        // Built and not started: nothing listens, nothing follows the chain.
        await using (WebApplication app = SequencerHost.Build(
            config, Recovery.Open(config, spool, TimeProvider.System, NullLogger.Instance), spool, new StaticFeed(new Dictionary<string, MarketPrice> { ["BTCUSDT"] = new(61_700_000_000, 61_700_000_000) }),
            ethereum, operatorToken: null, TimeProvider.System, logging => logging.ClearProviders()))
        {
            SequencerCore core = app.Services.GetRequiredService<SequencerCore>();
            var thread = new Thread(() => core.Run(stop.Token));
            thread.Start();
            var traders = new BenchTraders(config.ToEngine().Domain);
            await traders.RegisterAsync(core);

            var handlers = ((IEndpointRouteBuilder)app).DataSources.SelectMany(source => source.Endpoints).OfType<RouteEndpoint>()
                .ToDictionary(endpoint => endpoint.RoutePattern.RawText!, endpoint => endpoint.RequestDelegate!);
            var runs = new List<(long, double, double)>();
            for (int run = 0; run <= Runs; run++)
            {
                (RequestDelegate Handler, byte[] Body, RequestStatus Expected)[][] clients = [.. traders.Quotes(Clients, RequestsOfARun).Select(steps => steps.Select(step => step.Message is OrderMessage order
                    ? (handlers["/v1/orders"], JsonSerializer.SerializeToUtf8Bytes(order, ApiJson.Default.OrderMessage), step.Expected)
                    : (handlers["/v1/cancels"], JsonSerializer.SerializeToUtf8Bytes((CancelMessage)step.Message, ApiJson.Default.CancelMessage), step.Expected)).ToArray())];
                TimeSpan used = Environment.CpuUsage.TotalTime;
                var watch = Stopwatch.StartNew();
                await Task.WhenAll(clients.Select(steps => Task.Run(() => SendAsync(app.Services, steps))));
                // The first run lets tiered compilation reach its last tier.
                if (run > 0) runs.Add((clients.Sum(c => c.Length), watch.Elapsed.TotalSeconds, (Environment.CpuUsage.TotalTime - used).TotalSeconds));
            }

            table.AddRate($"signed requests, {Clients} at a time, from JSON to JSON without HTTP (orders that rest, and their cancels)", runs);
            await stop.CancelAsync();
            thread.Join();
        }

        Directory.Delete(folder, recursive: true);
    }

    private static async Task SendAsync(IServiceProvider services, (RequestDelegate Handler, byte[] Body, RequestStatus Expected)[] steps)
    {
        var answer = new MemoryStream();
        foreach ((RequestDelegate handler, byte[] body, RequestStatus expected) in steps)
        {
            answer.SetLength(0);
            var context = new DefaultHttpContext { RequestServices = services };
            context.Request.ContentType = "application/json";
            context.Request.Body = new MemoryStream(body);
            context.Response.Body = answer;
            await handler(context);
            if (context.Response.StatusCode != StatusCodes.Status200OK || JsonSerializer.Deserialize(answer.GetBuffer().AsSpan(0, (int)answer.Length), ApiJson.Default.RequestResult)!.Status != expected)
                throw new InvalidOperationException($"A request ended as {System.Text.Encoding.UTF8.GetString(answer.ToArray())}, and {expected} was due.");
        }
    }
}
