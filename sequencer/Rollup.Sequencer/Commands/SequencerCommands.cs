using System.CommandLine;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using Rollup.Api;
using Rollup.Crypto;
using Rollup.Ethereum;
using Rollup.MarketData;
using Rollup.Sequencer.Chain;
using Rollup.Sequencer.Configuration;
using Rollup.Sequencer.Core;
using Rollup.Sequencer.Oracle;
using Rollup.Sequencer.Receipts;
using Rollup.Sequencer.Storage;
using Rollup.Sequencer.Web;

namespace Rollup.Sequencer.Commands;

/// <summary>The program's commands. Exit codes: 0 done, 1 bad usage or configuration, 2 damaged data, 3 ended after a safe stop.</summary>
internal static class SequencerCommands
{
    private const int BadConfiguration = 1;
    private const int DamagedData = 2;
    private const int SafelyStopped = 3;

    internal static RootCommand Build()
    {
        var config = new Option<string>("--config") { Description = "The configuration file.", Required = true, Recursive = true };
        var json = new Option<bool>("--json-log") { Description = "Log one JSON object a line." };

        var run = new Command("run", "Run the sequencer. Prints one line \"ready URL\" to standard output when it answers; logs go to standard error.") { json };
        run.SetAction((parsed, cancellation) => Guarded(() => RunAsync(SequencerConfig.Load(parsed.GetValue(config)!), parsed.GetValue(json), cancellation)));
        var check = new Command("check", "Check the configuration file.");
        check.SetAction(parsed => Guarded(() =>
        {
            SequencerConfig.Load(parsed.GetValue(config)!);
            Console.WriteLine("ok");
            return Task.FromResult(0);
        }));
        var verify = new Command("verify", "Read the whole journal of a stopped sequencer, apply it from the start, and print where it ends. Changes nothing.");
        verify.SetAction(parsed => Guarded(() => Task.FromResult(Verify(SequencerConfig.Load(parsed.GetValue(config)!)))));
        var node = new Command("oracle-node", "Run a node of the oracle committee. Prints one line \"ready URL\" to standard output when it answers; logs go to standard error.") { json };
        node.SetAction((parsed, cancellation) => Guarded(() => RunNodeAsync(NodeConfig.Load(parsed.GetValue(config)!), parsed.GetValue(json), cancellation)));
        var output = new Option<string>("--out") { Description = "The file to write, for its owner alone: it holds everybody's positions.", Required = true };
        var book = new Command("book", "Write the whole book of a stopped sequencer, for `rollup risk stress`: accounts, insurance fund, risk inputs and depth, as snapshot and journal have them.") { output };
        book.SetAction(parsed => Guarded(() => Task.FromResult(Book(SequencerConfig.Load(parsed.GetValue(config)!), parsed.GetValue(output)!))));
        var from = new Option<string>("--from") { Description = "The configuration file of the circuit before.", Required = true };
        var upgrade = new Command("upgrade", "After an upgrade of the vault's circuit: begin the data directory of --config with the state of a stopped sequencer's. Changes nothing there.") { from };
        upgrade.SetAction((parsed, cancellation) => Guarded(() => UpgradeAsync(SequencerConfig.Load(parsed.GetValue(config)!), SequencerConfig.Load(parsed.GetValue(from)!), cancellation)));
        return new RootCommand("The rollup's sequencer: takes signed orders, journals and executes them, seals batches.") { config, run, check, verify, book, upgrade, node };
    }

    private static async Task<int> Guarded(Func<Task<int>> command)
    {
        try
        {
            _ = FieldPath.Current; // Not at the first signature.
            return await command();
        }
        catch (Exception error) when (error is ConfigException or TapeException or FieldPathException or KeystoreException or SecretFileException)
        {
            await Console.Error.WriteLineAsync($"sequencer: {error.Message}");
            return BadConfiguration;
        }
        catch (Exception error) when (error is StorageException or SafeStopException or IOException)
        {
            await Console.Error.WriteLineAsync($"sequencer: {error.Message}");
            return DamagedData;
        }
    }

    private static async Task<int> RunAsync(SequencerConfig config, bool isJsonLog, CancellationToken cancellation)
    {
        DurableFile.CreateDirectory(config.Data);
        using FileStream exclusive = Lock(Path.Combine(config.Data, "lock"));
        string? token = ReadToken(config.OperatorTokenFile);
        void Logging(ILoggingBuilder logging) => ConfigureLog(logging, isJsonLog);
        using ILoggerFactory logs = LoggerFactory.Create(Logging);
        IPriceFeed feed = Feeds.Of(config, TimeProvider.System, logs);
        var spool = new Spool(config.Spool);
        spool.Prepare();
        using ReceiptSigner? receipts = config.Receipts is { } r ? OpenReceipts(config, r) : null;
        Recovered recovered = Recovery.Open(config, spool, TimeProvider.System, logs.CreateLogger<SequencerCore>(), receipts?.Mending);
        using var ethereum = new EthereumClient(config.Chain.Rpc);
        await using WebApplication app = SequencerHost.Build(config, recovered, spool, feed, ethereum, token, TimeProvider.System, Logging, receipts);
        HostStatus status = app.Services.GetRequiredService<HostStatus>();
        await app.StartAsync(cancellation);
        Console.WriteLine($"ready {string.Join(' ', app.Urls)}");
        await app.WaitForShutdownAsync(cancellation);
        return status.HaltReason is null ? 0 : SafelyStopped;
    }

    private static ReceiptSigner OpenReceipts(SequencerConfig config, ReceiptConfig receipts)
    {
        EthereumKey key = Keystore.Load(receipts.Keystore, receipts.PasswordFile is { } file ? KeystorePassword.FromFile(file)
            : KeystorePassword.Prompt("the receipts'") ?? throw new ConfigException("receipts.passwordFile: missing, and there is no terminal to ask."));
        return new ReceiptSigner(config.ToEngine().Domain, key, new ReceiptFile(Path.Combine(config.Data, ReceiptFile.Name)), ReceiptFile.OpenKept(config.Data));
    }

    private static async Task<int> RunNodeAsync(NodeConfig config, bool isJsonLog, CancellationToken cancellation)
    {
        void Logging(ILoggingBuilder logging) => ConfigureLog(logging, isJsonLog);
        using ILoggerFactory logs = LoggerFactory.Create(Logging);
        using EthereumKey key = Keystore.Load(config.Keystore, config.PasswordFile is { } file ? KeystorePassword.FromFile(file)
            : KeystorePassword.Prompt("the node's") ?? throw new ConfigException("passwordFile: missing, and there is no terminal to ask."));
        IPriceFeed source = Feeds.Of(config.Source, [.. config.Markets.Select(m => m.Market).Distinct()], config.MaxAge, TimeProvider.System, logs);
        // Within what the sequencer waits for an answer; it asks again.
        using EthereumClient? ethereum = config.Attests?.Rpc is { } rpc ? new EthereumClient(rpc, new JsonRpcOptions { Attempts = 1, Timeout = TimeSpan.FromSeconds(2) }) : null;
        await using WebApplication app = OracleNode.Build(config, source, key, ethereum, TimeProvider.System, Logging);
        await app.StartAsync(cancellation);
        Console.WriteLine($"ready {string.Join(' ', app.Urls)}");
        await app.WaitForShutdownAsync(cancellation);
        return 0;
    }

    private static int Verify(SequencerConfig config)
    {
        (Machine machine, JournalPosition origin) = Recovery.Origin(config, Console.Error.WriteLine);
        JournalEnd end = JournalReader.Read(Path.Combine(config.Data, Recovery.JournalFolder), origin,
            record => machine.Apply(HostCommandCodec.Decode(record.Payload.Span), record.Sequence, NoSink.Instance));
        Console.WriteLine($"records {end.Position.Sequence}");
        Console.WriteLine($"digest {Convert.ToHexStringLower(end.Position.Digest.Span)}");
        Console.WriteLine($"torn {end.Torn}");
        Console.WriteLine($"root {machine.Engine.Status.AccountRoot.ToHex()}");
        Console.WriteLine($"state {Convert.ToHexStringLower(machine.Engine.StateDigest())}");
        return 0;
    }

    private static async Task<int> UpgradeAsync(SequencerConfig config, SequencerConfig from, CancellationToken cancellation)
    {
        DurableFile.CreateDirectory(config.Data);
        using FileStream exclusive = Lock(Path.Combine(config.Data, "lock")), stopped = Lock(Path.Combine(from.Data, "lock"));
        Machine before = Recovery.Read(from, Console.Error.WriteLine);
        using var ethereum = new EthereumClient(config.Chain.Rpc);
        await VaultCheck.RunAsync(ethereum, config, new Engine.ClearingEngine(config.ToEngine()).Status.AccountRoot, cancellation);
        await VaultCheck.RequireAllFinalAsync(ethereum, config.Chain.Vault, before.Batches.LastSealed, before.Engine.Status.AccountRoot, cancellation);
        Machine machine = Recovery.Upgrade(before, from, config, TimeProvider.System);
        ReceiptFile.Keep(from.Data, config.Data, before.Receipts.Number);
        Console.WriteLine($"batch {before.Batches.LastSealed}");
        Console.WriteLine($"root {machine.Engine.Status.AccountRoot.ToHex()}");
        Console.WriteLine($"state {Convert.ToHexStringLower(machine.Engine.StateDigest())}");
        return 0;
    }

    private static int Book(SequencerConfig config, string output)
    {
        RiskBook book = BookExport.Of(Recovery.Read(config, Console.Error.WriteLine));
        DurableFile.Replace(output, JsonSerializer.SerializeToUtf8Bytes(book, RiskBookJson.Default.RiskBook));
        Console.WriteLine($"batch {book.Batch}");
        Console.WriteLine($"accounts {book.Accounts.Count}");
        return 0;
    }

    private static string? ReadToken(string? file)
    {
        const int Shortest = 32, Longest = 4096;
        if (file is null) return null;
        try
        {
            string token = SecretFile.Read(file, Longest, bytes => Encoding.ASCII.GetString(bytes).Trim());
            return token.Length >= Shortest ? token : throw new ConfigException($"operatorTokenFile: the token in {file} has fewer than {Shortest} characters.");
        }
        catch (SecretFileException error)
        {
            throw new ConfigException($"operatorTokenFile: {error.Message}.", error);
        }
    }

    private static FileStream Lock(string path)
    {
        try
        {
            return DurableFile.Open(path, FileMode.OpenOrCreate, FileShare.None);
        }
        catch (IOException error)
        {
            throw new IOException($"{path} is held: another sequencer uses this data directory.", error);
        }
    }

    private static void ConfigureLog(ILoggingBuilder logging, bool isJson)
    {
        if (isJson) logging.AddJsonConsole(o => (o.UseUtcTimestamp, o.TimestampFormat) = (true, "O"));
        else logging.AddSimpleConsole(o => (o.UseUtcTimestamp, o.TimestampFormat, o.SingleLine) = (true, "yyyy-MM-ddTHH:mm:ss.fffZ ", true));
        logging.Services.Configure<ConsoleLoggerOptions>(o => o.LogToStandardErrorThreshold = LogLevel.Trace);
    }
}
