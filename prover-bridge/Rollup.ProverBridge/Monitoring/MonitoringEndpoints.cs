using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Rollup.ProverBridge.Jobs;

namespace Rollup.ProverBridge.Monitoring;

/// <summary><c>GET /health</c> (JSON; status 503 while something needs attention) and <c>GET /metrics</c>.</summary>
internal static class MonitoringEndpoints
{
    public static void Use(IApplicationBuilder app, JobStore store, Metrics metrics, BridgeStatus status) => app.Run(async context =>
    {
        switch (context.Request.Method, context.Request.Path.Value)
        {
            case ("GET", "/health"):
                string[] problems = [.. status.Problems, .. store.List().Where(j => j.AsideBy is not null).Select(j => $"batch {j.Batch} is set aside: {j.AsideReason}")];
                context.Response.StatusCode = problems.Length == 0 ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
                await WriteAsync(context.Response, "application/json", new JsonObject
                {
                    ["status"] = problems.Length == 0 ? "ok" : "attention",
                    ["problems"] = new JsonArray([.. problems.Select(p => (JsonNode)p)]),
                }.ToJsonString());
                break;
            case ("GET", "/metrics"):
                await WriteAsync(context.Response, "text/plain; version=0.0.4; charset=utf-8", metrics.Expose(store.List()));
                break;
            default:
                context.Response.StatusCode = StatusCodes.Status404NotFound;
                await WriteAsync(context.Response, "text/plain", "There are GET /health and GET /metrics.\n");
                break;
        }
    });

    private static Task WriteAsync(HttpResponse response, string type, string text)
    {
        response.ContentType = type;
        return response.WriteAsync(text);
    }
}
