using System.Xml.Linq;
using Rollup.TestSupport;

namespace Rollup.Architecture.Tests;

/// <summary>Which project may reference which (docs/ARCHITECTURE.md, Layers), read from the project files.</summary>
public sealed class ReferenceTests
{
    private static readonly string[] Pure = ["Rollup.Protocol", "Rollup.Crypto", "Rollup.Risk", "Rollup.Oracle", "Rollup.Engine", "Rollup.Groth16", "Rollup.Circuits", "Rollup.Witness"];
    private static readonly string[] Hosts = ["Rollup.Sequencer", "Rollup.Proving", "Rollup.ProverBridge", "Rollup.StateVerifier", "Rollup.Watcher", "Rollup.Cli", "Rollup.Client", "Rollup.Ethereum", "Rollup.Api", "Rollup.MarketData", "Rollup.Gossip"];

    /// <summary>What each project may reference directly; one that is not here may not exist.</summary>
    private static readonly Dictionary<string, string[]> Allowed = new()
    {
        ["Rollup.Protocol"] = [],
        ["Rollup.Crypto"] = ["Rollup.Protocol"],
        ["Rollup.Risk"] = ["Rollup.Protocol"],
        ["Rollup.Oracle"] = ["Rollup.Protocol", "Rollup.Risk"],
        ["Rollup.Engine"] = ["Rollup.Protocol", "Rollup.Crypto", "Rollup.Risk"],
        ["Rollup.Groth16"] = ["Rollup.Protocol", "Rollup.Crypto"],
        ["Rollup.Circuits"] = ["Rollup.Protocol", "Rollup.Crypto"],
        ["Rollup.Witness"] = ["Rollup.Protocol", "Rollup.Crypto", "Rollup.Risk", "Rollup.Engine", "Rollup.Circuits"],
        ["Rollup.MarketData"] = ["Rollup.Protocol"],
        ["Rollup.Api"] = ["Rollup.Protocol", "Rollup.Crypto"],
        ["Rollup.Ethereum"] = ["Rollup.Protocol", "Rollup.Crypto"],
        ["Rollup.Gossip"] = ["Rollup.Protocol", "Rollup.Crypto", "Rollup.Risk", "Rollup.Oracle", "Rollup.Ethereum"],
        ["Rollup.Sequencer"] = ["Rollup.Protocol", "Rollup.Crypto", "Rollup.Risk", "Rollup.Oracle", "Rollup.Engine", "Rollup.MarketData", "Rollup.Api", "Rollup.Gossip", "Rollup.Ethereum"],
        ["Rollup.Proving"] = ["Rollup.Circuits"],
        ["Rollup.ProverBridge"] = ["Rollup.Protocol", "Rollup.Crypto", "Rollup.Risk", "Rollup.Engine", "Rollup.Groth16", "Rollup.Witness", "Rollup.Proving", "Rollup.Ethereum"],
        ["Rollup.Client"] = ["Rollup.Protocol", "Rollup.Crypto", "Rollup.Api", "Rollup.Ethereum"],
        // Circuits and Proving for `exit`: an owner proves without the bridge.
        ["Rollup.StateVerifier"] = ["Rollup.Protocol", "Rollup.Crypto", "Rollup.Risk", "Rollup.Groth16", "Rollup.Circuits", "Rollup.Proving", "Rollup.Ethereum"],
        // What is watched must not watch itself: Api for its converters and the form of a receipt alone. Circuits and Groth16 to prove a wrong row.
        ["Rollup.Watcher"] = ["Rollup.Protocol", "Rollup.Crypto", "Rollup.Risk", "Rollup.Groth16", "Rollup.Circuits", "Rollup.Api", "Rollup.Gossip", "Rollup.StateVerifier", "Rollup.Ethereum"],
        // Groth16 for `keys check`: whoever is to trust a proving key needs neither prover nor bridge. Risk for `risk stress`, which takes a book alone.
        ["Rollup.Cli"] = ["Rollup.Protocol", "Rollup.Crypto", "Rollup.Risk", "Rollup.Groth16", "Rollup.MarketData", "Rollup.Api", "Rollup.Ethereum", "Rollup.Client"],
    };

    private static readonly Dictionary<string, XDocument> Projects = new[] { "sequencer", "prover-bridge", "clients" }
        .SelectMany(folder => Directory.GetFiles(Repository.PathOf(folder), "*.csproj", SearchOption.AllDirectories))
        .ToDictionary(file => Path.GetFileNameWithoutExtension(file), XDocument.Load);

    public static TheoryData<string> Names => [.. Projects.Keys.Order(StringComparer.Ordinal)];

    public static TheoryData<string> PureNames => [.. Pure];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_project_references_only_what_its_layer_allows(string project)
    {
        Assert.True(Allowed.ContainsKey(project), $"{project} has no place in the layers; give it one here and in docs/ARCHITECTURE.md.");
        Assert.Empty(References(project).Except(Allowed[project]));
    }

    [Theory]
    [MemberData(nameof(PureNames))]
    public void A_pure_project_reaches_no_host_and_no_web_framework(string project)
    {
        Assert.Empty(Closure(project).Intersect(Hosts));
        Assert.Equal("Microsoft.NET.Sdk", Projects[project].Root!.Attribute("Sdk")!.Value);
        Assert.Empty(Projects[project].Descendants("FrameworkReference"));
        Assert.Empty(Packages(project).Except(project == "Rollup.Crypto" ? ["Portable.BouncyCastle"] : []));
    }

    [Fact]
    public void Every_project_has_a_lock_file_and_none_names_a_registry()
    {
        string[] locks = [.. Sources.Tracked.Where(path => path.EndsWith(".csproj", StringComparison.Ordinal)).Select(path => $"{Path.GetDirectoryName(path)}/packages.lock.json")];
        Assert.Contains("sequencer/Rollup.Engine/packages.lock.json", locks);
        Assert.Empty(locks.Except(Sources.Tracked));
        Assert.DoesNotContain(locks, path => Sources.Read(path).Contains("://", StringComparison.Ordinal));
    }

    [Fact]
    public void Protocol_references_nothing() => Assert.Empty(References("Rollup.Protocol").Concat(Packages("Rollup.Protocol")));

    [Fact]
    public void The_state_verifier_shares_no_code_with_those_it_checks()
    {
        Assert.Contains("Rollup.Crypto", Closure("Rollup.StateVerifier"));
        foreach (string checking in (string[])["Rollup.StateVerifier", "Rollup.Watcher"])
            Assert.Empty(Closure(checking).Intersect(["Rollup.Engine", "Rollup.Witness", "Rollup.Sequencer", "Rollup.ProverBridge"]));
    }

    [Fact]
    public void Sequencer_and_prover_bridge_share_no_host_code()
    {
        Assert.Contains("Rollup.Engine", Closure("Rollup.Sequencer"));
        Assert.Empty(Closure("Rollup.Sequencer").Intersect(["Rollup.ProverBridge", "Rollup.Witness", "Rollup.Groth16"]));
        Assert.Contains("Rollup.Witness", Closure("Rollup.ProverBridge"));
        Assert.Empty(Closure("Rollup.ProverBridge").Intersect(["Rollup.Sequencer", "Rollup.Api", "Rollup.MarketData"]));
    }

    [Fact]
    public void Every_project_is_in_the_solution()
    {
        string solution = File.ReadAllText(Repository.PathOf("Rollup.sln"));
        List<string> projects = [.. Sources.Tracked.Where(path => path.EndsWith(".csproj", StringComparison.Ordinal))];
        Assert.NotEmpty(projects);
        Assert.DoesNotContain(projects, path => !solution.Contains(path.Replace('/', '\\'), StringComparison.Ordinal));
    }

    private static IEnumerable<string> References(string project) =>
        Projects[project].Descendants("ProjectReference").Select(e => Path.GetFileNameWithoutExtension(e.Attribute("Include")!.Value.Replace('\\', '/')));

    private static IEnumerable<string> Packages(string project) => Projects[project].Descendants("PackageReference").Select(e => e.Attribute("Include")!.Value);

    private static HashSet<string> Closure(string project)
    {
        var reached = new HashSet<string>();
        void Visit(string name)
        {
            if (reached.Add(name)) foreach (string next in References(name)) Visit(next);
        }

        Visit(project);
        return reached;
    }
}
