using System.IO.Compression;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Rollup.Groth16.Formats;

namespace Rollup.Groth16.Tests;

/// <summary>The library as others get it: packed, restored from the packages alone, and the README's sample run as it stands there.</summary>
[Collection(nameof(SampleProof))]
public sealed class PackageTests(SampleProof sample) : IDisposable
{
    private static readonly string[] Projects = ["sequencer/Rollup.Protocol", "sequencer/Rollup.Crypto", "prover-bridge/Rollup.Groth16"];

    private readonly string _folder = Directory.CreateTempSubdirectory("groth16-package-").FullName;

    private string Packages => Path.Combine(_folder, "packages");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void The_sample_of_the_README_verifies_a_proof_of_snarkjs_from_the_packages()
    {
        foreach (var project in Projects)
            Succeed(Toolchain.DotNet(Toolchain.Root, "pack", project, "-c", Toolchain.Configuration, "--no-build", "-nologo", "-o", Packages));
        foreach (var project in Projects)
            AssertComplete(Path.GetFileName(project));
        var program = BuildSample();

        string[] files = ["verification_key.json", "proof.json", "public.json"];
        Succeed(Toolchain.SnarkJs("zkey", "export", "verificationkey", sample.PathOf("sample.zkey"), Path.Combine(_folder, files[0])));
        File.Copy(sample.PathOf(files[1]), Path.Combine(_folder, files[1]));
        File.Copy(sample.PathOf(files[2]), Path.Combine(_folder, files[2]));
        Assert.Equal("valid\n", Succeed(Toolchain.DotNet(_folder, program)));

        File.WriteAllBytes(Path.Combine(_folder, files[1]), SnarkJson.Write(sample.Proof with { A = sample.Proof.C, C = sample.Proof.A }));
        Assert.Equal("refused: The pairing equation does not hold: the proof is not one of these public inputs under this key.\n", Succeed(Toolchain.DotNet(_folder, program)));
        File.WriteAllBytes(Path.Combine(_folder, files[1]), SnarkJson.Write(sample.Proof with { A = new G1Point(sample.Proof.A.Y, sample.Proof.A.X) }));
        Assert.Equal("refused: A is not on its curve.\n", Succeed(Toolchain.DotNet(_folder, program)));
    }

    /// <summary>Assembly, documentation and metadata, and nothing that says where it was made.</summary>
    private void AssertComplete(string name)
    {
        using var package = ZipFile.OpenRead(Path.Combine(Packages, $"{name}.1.0.0.nupkg"));
        Assert.NotNull(package.GetEntry($"lib/net10.0/{name}.dll"));
        Assert.NotEmpty(XDocument.Parse(Read($"lib/net10.0/{name}.xml")).Descendants("member"));
        var metadata = XDocument.Parse(Read($"{name}.nuspec")).Root!.Elements().Single();
        Assert.Equal("MIT", Field("license"));
        Assert.Equal("The Rollup authors", Field("authors"));
        Assert.True(Field("description")!.Length > 50);
        Assert.Null(Field("projectUrl"));
        Assert.DoesNotContain(metadata.Descendants().Attributes(), attribute => attribute.Name == "url");
        if (name == "Rollup.Groth16")
            Assert.Equal(File.ReadAllText(Path.Combine(Toolchain.Root, "prover-bridge/Rollup.Groth16/README.md")), Read(Field("readme")!));

        string? Field(string field) => metadata.Elements().SingleOrDefault(element => element.Name.LocalName == field)?.Value;

        string Read(string entry)
        {
            using var reader = new StreamReader(package.GetEntry(entry)!.Open());
            return reader.ReadToEnd();
        }
    }

    // Restored from the folder of packages, and of others only what this repository has restored itself: no network.
    private string BuildSample()
    {
        var readme = File.ReadAllText(Path.Combine(Toolchain.Root, "prover-bridge/Rollup.Groth16/README.md"));
        var source = Regex.Match(readme, "```csharp\n(.*?)```", RegexOptions.Singleline).Groups[1].Value;
        Assert.InRange(source.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length, 5, 10);
        var folder = Directory.CreateDirectory(Path.Combine(_folder, "sample")).FullName;
        File.WriteAllText(Path.Combine(folder, "Program.cs"), source);
        File.WriteAllText(Path.Combine(folder, "nuget.config"), $"""
            <configuration>
              <packageSources><clear /><add key="packed" value="{Packages}" /><add key="restored" value="{Toolchain.RestoredPackages}" /></packageSources>
              <fallbackPackageFolders><clear /></fallbackPackageFolders>
            </configuration>
            """);
        File.WriteAllText(Path.Combine(folder, "sample.csproj"), """
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>net10.0</TargetFramework>
                <Nullable>enable</Nullable>
                <ImplicitUsings>enable</ImplicitUsings>
                <UseAppHost>false</UseAppHost>
                <TreatWarningsAsErrors>true</TreatWarningsAsErrors>
                <RestorePackagesPath>restored</RestorePackagesPath>
              </PropertyGroup>
              <ItemGroup><PackageReference Include="Rollup.Groth16" Version="1.0.0" /></ItemGroup>
            </Project>
            """);
        Succeed(Toolchain.DotNet(folder, "build", "-nologo", "-o", "out"));
        return Path.Combine(folder, "out", "sample.dll");
    }

    private static string Succeed((int ExitCode, string Output) run)
    {
        Assert.True(run.ExitCode == 0, run.Output);
        return run.Output;
    }
}
