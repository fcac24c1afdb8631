using System.Text.RegularExpressions;
using Rollup.TestSupport;

namespace Rollup.Architecture.Tests;

/// <summary>What README and documents point at is there.</summary>
public sealed partial class DocumentTests
{
    public static TheoryData<string> Documents =>
        [.. Sources.Tracked.Where(path => path.EndsWith(".md", StringComparison.Ordinal) && (path.StartsWith("docs/", StringComparison.Ordinal) || Path.GetFileName(path) == "README.md"))];

    private static readonly HashSet<string> Tracked = [.. Sources.Tracked];

    private static readonly HashSet<string> TopFolders = [.. Sources.Tracked.Where(path => path.Contains('/')).Select(path => path[..path.IndexOf('/', StringComparison.Ordinal)])];

    private static readonly HashSet<string> Targets = [.. Target().Matches(Sources.Read("Makefile")).Select(m => m.Groups[1].Value)];

    [Theory]
    [MemberData(nameof(Documents))]
    public void Links_lead_to_tracked_files(string document)
    {
        string folder = Path.GetDirectoryName(document)!;
        IEnumerable<string> links = Link().Matches(Sources.Read(document)).Select(m => m.Groups[1].Value).Where(link => !link.Contains(':') && !link.StartsWith('#'));
        Assert.DoesNotContain(links, link => !IsTracked(Path.GetRelativePath(Repository.Root, Path.GetFullPath(link.Split('#')[0], Repository.PathOf(folder)))));
    }

    [Theory]
    [MemberData(nameof(Documents))]
    public void Paths_in_code_are_tracked_files(string document) =>
        Assert.DoesNotContain(Code(document).SelectMany(code => RepositoryPath().Matches(code)).Select(m => m.Value), path => TopFolders.Contains(path.Split('/')[0]) && !IsTracked(path));

    [Theory]
    [MemberData(nameof(Documents))]
    public void Make_commands_are_targets(string document)
    {
        Assert.Contains("test", Targets);
        Assert.DoesNotContain(Code(document).SelectMany(code => Make().Matches(code)).Select(m => m.Groups[1].Value), target => !Targets.Contains(target));
    }

    [Fact]
    public void Scripts_of_the_Makefile_are_there_and_can_run()
    {
        List<string> scripts = [.. Script().Matches(Sources.Read("Makefile")).Select(m => m.Groups[1].Value)];
        Assert.Contains("tests/run.sh", scripts);
        Assert.DoesNotContain(scripts, script => !Tracked.Contains(script));
        Assert.DoesNotContain(scripts, script => !Sources.Run("git", "ls-files", "--stage", script).Output.StartsWith("100755 ", StringComparison.Ordinal));
    }

    [Fact]
    public void The_checks_find_what_they_look_for()
    {
        Assert.Contains("README.md", Tracked);
        Assert.Contains(Code("README.md"), code => Make().IsMatch(code));
        Assert.Contains("docs/SECURITY.md", Link().Matches(Sources.Read("README.md")).Select(m => m.Groups[1].Value));
        Assert.True(IsTracked("spec/vectors") && IsTracked("spec/PROTOCOL.md"));
        Assert.False(IsTracked("spec/vector") || IsTracked("docs/MISSING.md"));
        Assert.Equal("bench/constraints.mjs", RepositoryPath().Match("node bench/constraints.mjs dev").Value);
    }

    private static bool IsTracked(string path)
    {
        path = path.Replace('\\', '/').TrimEnd('/');
        return Tracked.Contains(path) || Tracked.Any(file => file.StartsWith($"{path}/", StringComparison.Ordinal));
    }

    /// <summary>The code spans and fenced blocks of a document.</summary>
    private static IEnumerable<string> Code(string document) => CodePart().Matches(Sources.Read(document)).Select(m => m.Value);

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"^```[\s\S]*?^```|`[^`\n]+`", RegexOptions.Multiline)]
    private static partial Regex CodePart();

    // No path of a URL, of an absolute path or of a pattern.
    [GeneratedRegex(@"(?<![\w./:*<{-])\w[\w.-]*(/[\w.-]+)+/?(?![\w/*<{])")]
    private static partial Regex RepositoryPath();

    [GeneratedRegex(@"^\t@((?:\.ci|tests|bench)/[\w./-]+)", RegexOptions.Multiline)]
    private static partial Regex Script();

    [GeneratedRegex(@"\bmake ([a-z][a-z-]*)")]
    private static partial Regex Make();

    [GeneratedRegex(@"^([a-z][a-z-]*):", RegexOptions.Multiline)]
    private static partial Regex Target();
}
