using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Rollup.Ethereum;
using Rollup.ProverBridge.Commands;
using Rollup.TestSupport;

namespace Rollup.ProverBridge.Tests;

/// <summary>The real program in a process of its own, and all that it has said.</summary>
internal sealed class BridgeProcess : IDisposable
{
    public const string Password = "a password that no log may hold";

    private readonly Process process;
    private readonly StringBuilder log = new();

    private BridgeProcess(string configuration)
    {
        process = Process.Start(new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "prover-bridge.dll"), "run", "--config", configuration])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        })!;
        process.OutputDataReceived += Append;
        process.ErrorDataReceived += Append;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public static BridgeProcess Start(string configuration) => new(configuration);

    public string Log
    {
        get
        {
            lock (log) return log.ToString();
        }
    }

    public bool HasExited => process.HasExited;

    /// <summary>Configuration, keystore and password file in a folder; returns the configuration's path.</summary>
    public static string Configure(TemporaryFolder folder, LocalVault vault, Uri rpc, KeysCommand.KeySet keys, string witness = "native")
    {
        Directory.CreateDirectory(folder.File("batches"));
        foreach ((string name, int key) in ((string, int)[])[("operator", LocalVault.OperatorKey), ("prover", LocalVault.ProverKey)])
        {
            File.Delete(folder.File($"{name}.json"));
            Keystore.Save(folder.File($"{name}.json"), AnvilProcess.Key(key), Password, ScryptCost.Light);
        }

        File.WriteAllText(folder.File("password"), Password + "\n");
        File.SetUnixFileMode(folder.File("password"), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.WriteAllText(folder.File("bridge.json"), new JsonObject
        {
            ["spool"] = "batches",
            ["state"] = "state",
            ["circuit"] = new JsonObject { ["profile"] = "dev", ["wasm"] = keys.Wasm, ["zkey"] = keys.Zkey, ["verificationKey"] = keys.VerificationKey },
            ["prover"] = new JsonObject { ["witness"] = witness },
            ["retry"] = new JsonObject { ["leaseSeconds"] = 2, ["baseSeconds"] = 0.2, ["maxSeconds"] = 1 },
            ["ethereum"] = new JsonObject
            {
                ["rpc"] = rpc.ToString(), ["chainId"] = AnvilProcess.ChainId, ["vault"] = vault.Address.ToString(),
                ["operator"] = Key("operator"), ["prover"] = Key("prover"), ["pollSeconds"] = 0.2,
            },
            ["monitoring"] = new JsonObject { ["port"] = 0 },
        }.ToJsonString());
        return folder.File("bridge.json");
        static JsonObject Key(string name) => new() { ["keystore"] = $"{name}.json", ["passwordFile"] = "password" };
    }

    /// <summary>Waits for something in the log; throws with the log if the program ends before.</summary>
    public async Task<Match> ExpectAsync(string pattern)
    {
        while (true)
        {
            bool exited = process.HasExited;
            if (Regex.Match(Log, pattern) is { Success: true } match) return match;
            if (exited) throw new InvalidOperationException($"The bridge ended with {process.ExitCode} before it said /{pattern}/:\n{Log}");
            await Task.Delay(50);
        }
    }

    /// <summary>SIGKILL to the bridge alone.</summary>
    public async Task KillAsync()
    {
        process.Kill();
        await process.WaitForExitAsync();
    }

    /// <summary>SIGTERM, as service managers stop a program.</summary>
    public async Task<int> TerminateAsync()
    {
        using (Process kill = Process.Start("kill", ["-TERM", $"{process.Id}"])) await kill.WaitForExitAsync();
        return await WaitAsync();
    }

    public async Task<int> WaitAsync()
    {
        await process.WaitForExitAsync();
        return process.ExitCode;
    }

    public void Dispose()
    {
        if (!process.HasExited) process.Kill(entireProcessTree: true);
        process.Dispose();
    }

    private void Append(object sender, DataReceivedEventArgs line)
    {
        if (line.Data is null) return;
        lock (log) log.AppendLine(line.Data);
    }
}
