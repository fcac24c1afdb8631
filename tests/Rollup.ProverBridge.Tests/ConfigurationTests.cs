using System.Text.Json.Nodes;
using Rollup.Ethereum;
using Rollup.ProverBridge.Commands;
using Rollup.ProverBridge.Configuration;
using Rollup.TestSupport;

namespace Rollup.ProverBridge.Tests;

public sealed class ConfigurationTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public ConfigurationTests()
    {
        Directory.CreateDirectory(folder.File("batches"));
        foreach (string file in (string[])["circuit.wasm", "circuit.zkey", "verification_key.json", "operator.json", "prover.json", "worker.mjs"]) File.WriteAllText(folder.File(file), "");
    }

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Defaults_are_filled_in_and_paths_are_relative_to_the_file()
    {
        BridgeConfiguration configuration = Load(Minimal());
        Assert.Equal((folder.File("batches"), folder.File("state"), folder.File("state/jobs.db")), (configuration.Spool, configuration.State, configuration.JobsFile));
        Assert.Equal(folder.File("circuit.wasm"), configuration.Circuit.Wasm);
        Assert.Equal(WitnessKind.Native, configuration.Prover.Witness);
        Assert.Equal((ProverKind.Native, 1, 900.0, 6144), (configuration.Prover.Kind, configuration.Prover.Workers, configuration.Prover.TimeoutSeconds, configuration.Prover.MemoryLimitMb));
        Assert.Equal((5, 2.0, 300.0, 30.0), (configuration.Retry.MaxAttempts, configuration.Retry.BaseSeconds, configuration.Retry.MaxSeconds, configuration.Retry.LeaseSeconds));
        Assert.Equal((2.0, 500.0, 9464), (configuration.Ethereum.PollSeconds, configuration.Ethereum.MaxFeeGwei, configuration.Monitoring.Port));
    }

    [Fact]
    public void The_worker_of_a_checkout_is_found_by_itself()
    {
        JsonObject minimal = Minimal();
        minimal.Remove("prover");
        Assert.Equal(FactorsCircuit.RealWorker, Load(minimal).Prover.Worker);
    }

    [Fact]
    public void The_example_in_the_documentation_is_valid()
    {
        string text = File.ReadAllText(Repository.PathOf("prover-bridge", "README.md"));
        string example = text[(text.IndexOf("```json", StringComparison.Ordinal) + 7)..];
        File.WriteAllText(folder.File("bridge.json"), example[..example.IndexOf("```", StringComparison.Ordinal)]);
        foreach (string file in (string[])["keys/circuit.wasm", "keys/circuit.zkey", "keys/verification_key.json"])
        {
            Directory.CreateDirectory(folder.File("keys"));
            File.WriteAllText(folder.File(file), "");
        }

        BridgeConfiguration configuration = BridgeConfiguration.Load(folder.File("bridge.json"));
        Assert.Equal((ProverKind.Native, 900.0), (configuration.Prover.Kind, configuration.Prover.TimeoutSeconds));
        Assert.Equal(31337ul, configuration.Ethereum.ChainId);
    }

    public static TheoryData<string, string, string> Mistakes => new()
    {
        { "surplus", "1", "unknown key 'surplus'" },
        { "prover.thread", "1", "unknown key 'thread' (at prover" },
        { "spool", "null", "spool" },
        { "spool", "\"nowhere\"", "spool: there is no folder" },
        { "circuit.wasm", "\"nowhere.wasm\"", "circuit.wasm: there is no file" },
        { "circuit.profile", "\"huge\"", "circuit.profile: must be one of dev, demo, standard" },
        { "prover.kind", "\"gpu\"", "prover.kind" },
        { "prover.kind", "0", "prover.kind" },
        { "prover.witness", "\"wasm\"", "prover.witness" },
        { "prover.witness", "1", "prover.witness" },
        { "prover.workers", "0", "prover.workers: must be from 1 to 64" },
        { "prover.workers", "1.5", "prover.workers" },
        { "prover.timeoutSeconds", "0.5", "prover.timeoutSeconds: must be from 1 to 86400" },
        { "prover.memoryLimitMb", "64", "prover.memoryLimitMb: must be from 128 to 1048576" },
        { "prover.command", "[\"x\"]", "prover.command: is for the kind 'external'" },
        { "retry", "{\"maxAttempts\": 0}", "retry.maxAttempts: must be from 1 to 1000" },
        { "retry", "{\"baseSeconds\": 60, \"maxSeconds\": 30}", "retry.maxSeconds: must be from 60 to 86400" },
        { "ethereum.rpc", "\"ftp://127.0.0.1\"", "ethereum.rpc: must be an http or https URL" },
        { "ethereum.vault", "\"0x12\"", "ethereum.vault: An address is 0x followed by 40 hexadecimal digits" },
        { "ethereum.vault", "\"0x5fbdb2315678afecb367f032d93f642f64180AA3\"", "ethereum.vault: The checksum" },
        { "ethereum.vault", "\"0x0000000000000000000000000000000000000000\"", "ethereum.vault: must not be zero" },
        { "ethereum.keystore", "\"operator.json\"", "unknown key 'keystore' (at ethereum" },
        { "ethereum.operator", "{\"keystore\": \"nowhere.json\"}", "ethereum.operator.keystore: there is no file" },
        { "ethereum.prover", "{\"keystore\": \"nowhere.json\"}", "ethereum.prover.keystore: there is no file" },
        { "ethereum.prover", "{\"passwordFile\": \"password\"}", "missing 'keystore'" },
        { "ethereum.chainId", "0", "ethereum.chainId: must be from 1" },
        { "ethereum.pollSeconds", "-1", "ethereum.pollSeconds: must be from 0.05 to 3600" },
        { "monitoring", "{\"port\": 70000}", "monitoring.port: must be 0 to 65535" },
    };

    [Theory]
    [MemberData(nameof(Mistakes))]
    public void A_mistake_is_named_with_its_key(string path, string json, string message)
    {
        JsonObject configuration = Minimal();
        string[] parts = path.Split('.');
        (parts.Length == 2 ? configuration[parts[0]]! : configuration)[parts[^1]] = JsonNode.Parse(json);
        string error = Assert.Throws<ConfigurationException>(() => Load(configuration)).Message;
        Assert.StartsWith(folder.File("bridge.json"), error, StringComparison.Ordinal);
        Assert.Contains(message, error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ethereum", "vault")]
    [InlineData("circuit", "zkey")]
    public void A_missing_key_is_named(string section, string key)
    {
        JsonObject configuration = Minimal();
        configuration[section]!.AsObject().Remove(key);
        Assert.Contains($"missing '{key}'", Assert.Throws<ConfigurationException>(() => Load(configuration)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_external_prover_needs_all_placeholders()
    {
        JsonObject configuration = Minimal();
        configuration["prover"] = JsonNode.Parse("""{"kind": "external", "worker": "worker.mjs", "command": ["p", "{zkey}", "{wtns}", "{proof}", "{public}"]}""");
        Assert.Equal(5, Load(configuration).Prover.Command!.Count);
        configuration["prover"]!["command"]!.AsArray().RemoveAt(4);
        Assert.Contains("{zkey}, {wtns}, {proof}, {public}", Assert.Throws<ConfigurationException>(() => Load(configuration)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Witnesses_may_be_left_to_node()
    {
        JsonObject configuration = Minimal();
        configuration["prover"]!["witness"] = "node";
        Assert.Equal(WitnessKind.Node, Load(configuration).Prover.Witness);
        configuration["prover"]!["witness"] = "native";
        Assert.Equal(WitnessKind.Native, Load(configuration).Prover.Witness);
    }

    [Fact]
    public void The_command_line_s_prover_takes_the_place_of_the_file_s()
    {
        JsonObject configuration = Minimal();
        configuration["prover"] = JsonNode.Parse("""{"kind": "external", "worker": "worker.mjs", "command": ["p", "{zkey}", "{wtns}", "{proof}", "{public}"]}""");
        Assert.Equal(ProverKind.External, Load(configuration).Prover.Kind);
        Assert.Equal(ProverKind.Snarkjs, BridgeConfiguration.Load(folder.File("bridge.json"), ProverKind.Snarkjs).Prover.Kind);
        Load(Minimal());
        Assert.Contains("prover.command", Assert.Throws<ConfigurationException>(() => BridgeConfiguration.Load(folder.File("bridge.json"), ProverKind.External)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Broken_json_and_a_missing_file_are_named()
    {
        File.WriteAllText(folder.File("bridge.json"), "{\"spool\": ");
        Assert.Throws<ConfigurationException>(() => BridgeConfiguration.Load(folder.File("bridge.json")));
        Assert.Contains("there is no such file", Assert.Throws<ConfigurationException>(() => BridgeConfiguration.Load(folder.File("none.json"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_password_file_that_others_may_read_is_refused()
    {
        string file = folder.File("password");
        File.WriteAllText(file, "correct horse\n");
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        Assert.Equal("correct horse", BridgeKeys.Password("operator", file));
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);
        Assert.Contains("chmod 600", Assert.Throws<ConfigurationException>(() => BridgeKeys.Password("operator", file)).Message, StringComparison.Ordinal);
        Assert.StartsWith("ethereum.prover.passwordFile: ", Assert.Throws<ConfigurationException>(() => BridgeKeys.Password("prover", folder.File("none"))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("operator")]
    [InlineData("prover")]
    public void One_key_is_enough_and_none_is_not(string without)
    {
        JsonObject configuration = Minimal();
        configuration["ethereum"]!.AsObject().Remove(without);
        EthereumSection section = Load(configuration).Ethereum;
        Assert.Equal((without != "operator", without != "prover"), (section.Operator is not null, section.Prover is not null));
        configuration["ethereum"]!.AsObject().Remove(without == "prover" ? "operator" : "prover");
        Assert.Contains("ethereum: needs a key", Assert.Throws<ConfigurationException>(() => Load(configuration)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Operator_and_prover_have_keys_of_their_own()
    {
        File.WriteAllText(folder.File("password"), "correct horse\n");
        File.SetUnixFileMode(folder.File("password"), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        EthereumKey[] keys = [AnvilProcess.Key(LocalVault.OperatorKey), AnvilProcess.Key(LocalVault.ProverKey)];
        for (int i = 0; i < keys.Length; i++) Keystore.Save(folder.File($"{i}.json"), keys[i], "correct horse", ScryptCost.Light);
        EthereumSection Section(int @operator, int prover) =>
            Load(Minimal()).Ethereum with { Operator = new() { Keystore = folder.File($"{@operator}.json"), PasswordFile = folder.File("password") }, Prover = new() { Keystore = folder.File($"{prover}.json"), PasswordFile = folder.File("password") } };

        using (BridgeKeys loaded = BridgeKeys.Load(Section(0, 1))) Assert.Equal((keys[0].Address, keys[1].Address), (loaded.Operator!.Address, loaded.Prover!.Address));
        Assert.Contains("is the operator's key too", Assert.Throws<ConfigurationException>(() => BridgeKeys.Load(Section(1, 1))).Message, StringComparison.Ordinal);
    }

    private BridgeConfiguration Load(JsonObject configuration)
    {
        File.WriteAllText(folder.File("bridge.json"), configuration.ToJsonString());
        return BridgeConfiguration.Load(folder.File("bridge.json"));
    }

    private static JsonObject Minimal() => JsonNode.Parse("""
        {
          "spool": "batches", "state": "state",
          "circuit": { "profile": "dev", "wasm": "circuit.wasm", "zkey": "circuit.zkey", "verificationKey": "verification_key.json" },
          "prover": { "worker": "worker.mjs" },
          "ethereum": { "rpc": "http://127.0.0.1:8545", "chainId": 31337, "vault": "0x5fbdb2315678afecb367f032d93f642f64180aa3", "operator": { "keystore": "operator.json" }, "prover": { "keystore": "prover.json" } }
        }
        """)!.AsObject();
}
