namespace Rollup.TestSupport;

/// <summary>Where the repository and its installed tools are.</summary>
public static class Repository
{
    /// <summary>The folder that holds Rollup.sln.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>A path below the root.</summary>
    public static string PathOf(params string[] parts) => Path.Combine([Root, .. parts]);

    private static string FindRoot()
    {
        for (var folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
            if (File.Exists(Path.Combine(folder, "Rollup.sln"))) return folder;
        throw new InvalidOperationException($"Rollup.sln is in no folder above {AppContext.BaseDirectory}.");
    }
}
