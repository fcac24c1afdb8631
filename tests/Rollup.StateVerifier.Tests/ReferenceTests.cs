using Rollup.StateVerifier.Checks;

namespace Rollup.StateVerifier.Tests;

public class ReferenceTests
{
    [Fact]
    public void Nothing_that_made_a_batch_judges_it()
    {
        string[] allowed = ["Rollup.Circuits", "Rollup.Crypto", "Rollup.Ethereum", "Rollup.Groth16", "Rollup.Protocol", "Rollup.Proving", "Rollup.Risk"];
        Assert.Equal(allowed, typeof(HistoryCheck).Assembly.GetReferencedAssemblies().Select(a => a.Name!).Where(n => n.StartsWith("Rollup.", StringComparison.Ordinal)).Order());
    }
}
