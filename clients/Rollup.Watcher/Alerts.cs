using System.Diagnostics;
using System.Text.Json;
using Microsoft.Extensions.Logging;

namespace Rollup.Watcher;

/// <summary>Something that people should know.</summary>
/// <param name="Kind">badBatch, overdue, unproven, receipts, stale, succession, parameters, rowProof, insolvent, frozen, upgrade, action, spending, endpoint.</param>
/// <param name="Batch">Where it concerns one.</param>
/// <param name="Time">Unix milliseconds.</param>
internal sealed record Alert(string Kind, string Text, uint? Batch, long Time, string Vault);

/// <summary>Raises each alert once: in the log, in the metrics, and to the command of the configuration.</summary>
internal sealed class Alerts(WatcherConfig config, WatcherState state, WatcherMetrics metrics, TimeProvider clock, ILogger log)
{
    private static readonly TimeSpan CommandPatience = TimeSpan.FromSeconds(30);

    /// <param name="key">Of two alerts with one key only the first is raised, also after a restart.</param>
    internal async Task RaiseAsync(string kind, string key, string text, uint? batch = null)
    {
        if (!state.Tell($"{kind} {key}")) return;
        metrics.Raised(kind);
        log.LogCritical("{Kind}{Batch}: {Text}", kind, batch is null ? "" : $" (batch {batch})", text);
        if (config.AlertCommand.IsEmpty) return;
        var alert = new Alert(kind, text, batch, clock.GetUtcNow().ToUnixTimeMilliseconds(), config.Vault.ToString());
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(config.AlertCommand[0], config.AlertCommand.Skip(1)) { RedirectStandardInput = true })!;
            await process.StandardInput.WriteLineAsync(JsonSerializer.Serialize(alert, WatcherJson.Default.Alert));
            process.StandardInput.Close();
            using var patience = new CancellationTokenSource(CommandPatience);
            try
            {
                await process.WaitForExitAsync(patience.Token);
                if (process.ExitCode != 0) log.LogError("The alert command ended with exit code {Code}", process.ExitCode);
            }
            catch (OperationCanceledException)
            {
                process.Kill(entireProcessTree: true);
                log.LogError("The alert command did not end within {Seconds} s and was ended", CommandPatience.TotalSeconds);
            }
        }
        catch (Exception error) when (error is System.ComponentModel.Win32Exception or InvalidOperationException or IOException)
        {
            log.LogError("The alert command cannot be run: {Problem}", error.Message);
        }
    }
}
