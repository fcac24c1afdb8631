using System.Globalization;
using Rollup.StateVerifier.Chain;

namespace Rollup.StateVerifier.Commands;

/// <summary>A progress bar on one line of a terminal; draws nothing where the output is none.</summary>
internal sealed class ProgressBar(TextWriter output, bool isTerminal) : IProgress<ReadProgress>, IDisposable
{
    private const int Cells = 30;
    private string drawn = "";

    public void Report(ReadProgress value)
    {
        if (!isTerminal || value.Total == 0) return;
        double part = (double)value.Done / value.Total;
        int full = (int)(part * Cells);
        string line = string.Create(CultureInfo.InvariantCulture, $"{value.Unit,-7} [{new string('#', full)}{new string('.', Cells - full)}] {value.Done}/{value.Total} {part:P0}");
        if (line == drawn) return;
        output.Write('\r' + line.PadRight(drawn.Length));
        drawn = line;
    }

    /// <summary>Takes the bar away.</summary>
    public void Dispose()
    {
        if (drawn.Length > 0) output.Write('\r' + new string(' ', drawn.Length) + '\r');
        drawn = "";
    }
}
