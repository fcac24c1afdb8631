using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;

namespace Rollup.Sequencer.Web;

/// <summary>The beginning of every HTTP server of this program.</summary>
internal static class Server
{
    /// <param name="listen">URL to answer at.</param>
    /// <param name="bodyBytes">Longest request body.</param>
    /// <param name="logging">Where the log goes.</param>
    /// <param name="connections">Open connections at most; null = no limit.</param>
    internal static WebApplicationBuilder Builder(string listen, int bodyBytes, Action<ILoggingBuilder> logging, int? connections = null)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        // The configuration file alone decides, not the environment.
        builder.Configuration.Sources.Clear();
        builder.Configuration.AddInMemoryCollection();
        builder.Logging.ClearProviders().AddFilter("Microsoft", LogLevel.Warning).AddFilter("System", LogLevel.Warning);
        logging(builder.Logging);
        builder.WebHost.UseUrls(listen).ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = bodyBytes;
            kestrel.Limits.MaxRequestHeadersTotalSize = 8 << 10;
            kestrel.Limits.MaxConcurrentConnections = connections;
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
        });
        return builder;
    }
}
