namespace Rollup.MarketData;

/// <summary>A recording that cannot be read; the message names file, line and what is wrong.</summary>
public sealed class TapeException(string file, long line, string problem, Exception? inner = null)
    : Exception($"{file}, line {line}: {problem}.", inner)
{
    public long Line { get; } = line;
}
