namespace Rollup.Sequencer.Tests;

/// <summary>A directory of its own for one test.</summary>
internal sealed class TemporaryDirectory : IDisposable
{
    private bool isKept;

    public string Path { get; } = Directory.CreateTempSubdirectory("rollup-test-").FullName;

    public string this[string name] => System.IO.Path.Combine(Path, name);

    /// <summary>Leaves the directory behind: what is in it shows why a test failed.</summary>
    public void Keep() => isKept = true;

    public void Dispose()
    {
        if (!isKept) Directory.Delete(Path, recursive: true);
    }
}
