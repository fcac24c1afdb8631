using System.Diagnostics;
using Rollup.Client.Keys;
using Rollup.Ethereum;
using Rollup.Protocol;
using Rollup.TestSupport;

namespace Rollup.Cli.Tests;

/// <summary>What the program said and ended with.</summary>
internal sealed record Outcome(int Code, string Output, string Errors)
{
    /// <summary>Asserts exit code 1 and one line of reason that holds a text; nothing on standard output.</summary>
    public void Fails(string reason)
    {
        Assert.True(Code == 1, $"It ended with {Code}: {Output}{Errors}");
        string line = Assert.Single(Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.StartsWith("rollup: ", line, StringComparison.Ordinal);
        Assert.Contains(reason, line, StringComparison.Ordinal);
        Assert.Empty(Output);
    }

    /// <summary>Asserts exit code 0, and returns standard output.</summary>
    public string Succeeds()
    {
        Assert.True(Code == 0, $"It ended with {Code}: {Output}{Errors}");
        return Output;
    }
}

/// <summary>A folder of its own, and the program run in it as a user runs it: a process without a terminal.</summary>
internal sealed class CliRun : IDisposable
{
    public const string Password = "a password that nothing may show";
    public static readonly Address Vault = Address.Parse("0x5fbdb2315678afecb367f032d93f642f64180aa3");

    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("rollup-cli-");

    public string Folder => folder.FullName;

    public string PathOf(string name) => Path.Combine(folder.FullName, name);

    public void Dispose() => folder.Delete(recursive: true);

    public Task<Outcome> RunAsync(params string[] arguments) => RunAsync("", arguments);

    public async Task<Outcome> RunAsync(string input, string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "rollup.dll"), .. arguments])
        {
            WorkingDirectory = Folder, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        start.Environment["NO_COLOR"] = "1";
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(), errors = process.StandardError.ReadToEndAsync();
        try
        {
            await process.StandardInput.WriteAsync(input);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It ended without reading.
        }

        await process.WaitForExitAsync();
        return new Outcome(process.ExitCode, await output, await errors);
    }

    /// <summary>A new file that only its owner may read.</summary>
    public string Secret(string name, string text)
    {
        SecretFile.Create(PathOf(name), System.Text.Encoding.UTF8.GetBytes(text));
        return PathOf(name);
    }

    /// <summary>wallet.json and password of one of anvil's keys.</summary>
    public void SaveWallet(int key)
    {
        Keystore.Save(PathOf("wallet.json"), AnvilProcess.Key(key), Password, ScryptCost.Light);
        Secret("password", Password + "\n");
    }

    /// <summary>A key file of one of anvil's keys.</summary>
    public string SaveKeys(int key, string name = "key.json", Address? vault = null)
    {
        using TraderKeys keys = TraderKeys.Derive(AnvilProcess.Key(key), AnvilProcess.ChainId, vault ?? Vault);
        keys.Save(PathOf(name));
        return PathOf(name);
    }
}
