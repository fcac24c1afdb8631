using Microsoft.Extensions.Logging;

namespace Rollup.Sequencer.Tests;

/// <summary>Keeps what is logged, a line each: level and text.</summary>
internal sealed class ListLogger : ILogger
{
    private readonly Lock gate = new();
    private readonly List<string> lines = [];

    internal IReadOnlyList<string> Lines
    {
        get
        {
            lock (gate) return [.. lines];
        }
    }

    internal IEnumerable<string> Warnings => Lines.Where(l => l.StartsWith(nameof(LogLevel.Warning), StringComparison.Ordinal));

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        lock (gate) lines.Add($"{logLevel}: {formatter(state, exception)}");
    }
}
