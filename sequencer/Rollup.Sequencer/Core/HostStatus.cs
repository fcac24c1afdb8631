using Rollup.Api;
using Rollup.Engine;

namespace Rollup.Sequencer.Core;

/// <summary>What health shows. Thread-safe.</summary>
internal sealed class HostStatus
{
    private readonly Lock gate = new();
    private readonly SortedDictionary<string, string> problems = [];
    private HealthView view = new(HealthStatus.Ok, [], 0, 0, 0, 0);
    private ulong? chainBlock;

    /// <summary>Why the sequencer stopped safely; null while it works.</summary>
    internal string? HaltReason { get; private set; }

    /// <summary>Remembers the first reason.</summary>
    /// <returns>Whether this is the first.</returns>
    internal bool Halt(string reason)
    {
        lock (gate)
        {
            if (HaltReason is not null) return false;
            HaltReason = reason;
            return true;
        }
    }

    /// <summary>Sets or clears the one problem of a part.</summary>
    internal void Set(string part, string? problem)
    {
        lock (gate)
        {
            if (problem is null) problems.Remove(part);
            else problems[part] = problem;
        }
    }

    /// <summary>The next block of the chain to look at.</summary>
    internal void Followed(ulong next)
    {
        lock (gate) chainBlock = next;
    }

    internal void Progress(ulong sequence, EngineStatus engine, uint lastSealed, uint lastFinal, int waitingOperations)
    {
        lock (gate)
        {
            view = view with { Sequence = sequence, Batch = engine.IsOpen ? engine.Batch : 0, LastSealed = lastSealed, LastFinal = lastFinal };
            if (waitingOperations == 0) problems.Remove("operations");
            else problems["operations"] = $"{waitingOperations} operations of the chain wait to be executed";
        }
    }

    internal HealthView View()
    {
        lock (gate)
        {
            HealthStatus state = HaltReason is not null ? HealthStatus.Halted
                : problems.Keys.Any(part => part != "operations") ? HealthStatus.Degraded : HealthStatus.Ok;
            IEnumerable<string> all = problems.Select(p => $"{p.Key}: {p.Value}");
            return view with { Status = state, Problems = [.. HaltReason is null ? all : all.Prepend(HaltReason)], ChainBlock = chainBlock };
        }
    }
}
