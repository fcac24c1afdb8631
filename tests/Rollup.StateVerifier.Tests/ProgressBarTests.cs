using Rollup.StateVerifier.Chain;
using Rollup.StateVerifier.Commands;

namespace Rollup.StateVerifier.Tests;

public class ProgressBarTests
{
    [Fact]
    public void Draws_on_one_line_of_a_terminal_and_leaves_nothing()
    {
        using var output = new StringWriter();
        using (var bar = new ProgressBar(output, isTerminal: true))
        {
            bar.Report(new ReadProgress("blocks", 0, 0));
            Assert.Empty(output.ToString());
            bar.Report(new ReadProgress("batches", 3, 12));
            Assert.StartsWith("\rbatches [#######.......................] 3/12", output.ToString(), StringComparison.Ordinal);
            bar.Report(new ReadProgress("batches", 12, 12));
        }

        string[] frames = output.ToString().Split('\r');
        Assert.Equal(5, frames.Length);
        Assert.Equal(("", ""), (frames[3].Trim(), frames[4]));
        Assert.DoesNotContain('\n', output.ToString());
    }

    [Fact]
    public void Draws_nothing_into_a_file()
    {
        using var output = new StringWriter();
        using (var bar = new ProgressBar(output, isTerminal: false)) bar.Report(new ReadProgress("batches", 3, 12));
        Assert.Empty(output.ToString());
    }
}
