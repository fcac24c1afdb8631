using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Rollup.ProverBridge.Monitoring;

/// <summary>What stands in the way at the moment, by part of the bridge; and the safe stop. Thread-safe.</summary>
public sealed class BridgeStatus(IHostApplicationLifetime lifetime, ILogger<BridgeStatus> log)
{
    private readonly Lock gate = new();
    private readonly SortedDictionary<string, string> problems = new(StringComparer.Ordinal);

    /// <summary>Why the bridge stopped by itself; null if it did not.</summary>
    public string? HaltReason { get; private set; }

    /// <summary>Sets or clears the problem of one part.</summary>
    public void Report(string part, string? problem)
    {
        lock (gate)
        {
            if (problem is null) problems.Remove(part);
            else problems[part] = problem;
        }
    }

    public IReadOnlyList<string> Problems
    {
        get
        {
            lock (gate) return [.. problems.Select(p => $"{p.Key}: {p.Value}")];
        }
    }

    /// <summary>Stops the bridge because going on could do harm.</summary>
    public void Halt(string reason)
    {
        lock (gate) HaltReason ??= reason;
        log.LogCritical("The bridge stops: {Reason}", reason);
        lifetime.StopApplication();
    }
}
