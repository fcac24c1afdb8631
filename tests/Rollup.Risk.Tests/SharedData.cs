namespace Rollup.Risk.Tests;

/// <summary>Recordings and published vectors that lie beside the repository and may not be copied into it.</summary>
internal static class SharedData
{
    /// <summary>A path below ../shared/data of the repository's root.</summary>
    public static string PathOf(params string[] parts) => Path.Combine([Root, "..", "shared", "data", .. parts]);

    /// <summary>The folder that holds Rollup.sln.</summary>
    public static string Root { get; } = FindRoot();

    private static string FindRoot()
    {
        for (var folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
            if (File.Exists(Path.Combine(folder, "Rollup.sln"))) return folder;
        throw new InvalidOperationException($"Rollup.sln is in no folder above {AppContext.BaseDirectory}.");
    }
}

/// <summary>A test on a file or folder of <see cref="SharedData"/>; it is skipped where that is absent.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class SharedDataFactAttribute : FactAttribute
{
    public SharedDataFactAttribute(params string[] parts)
    {
        string path = SharedData.PathOf(parts);
        Skip = Path.Exists(path) ? null : $"{path} is absent: put the recorded data beside the repository as ../shared/data";
    }
}
