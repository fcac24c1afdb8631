using System.Text.Json.Nodes;
using Rollup.Ethereum;
using Rollup.Protocol;
using Rollup.StateVerifier.Accounts;
using Rollup.StateVerifier.Chain;
using Rollup.StateVerifier.Checks;

namespace Rollup.StateVerifier.Commands;

/// <summary>Where the vault's history comes from: an endpoint and a vault, or a saved copy.</summary>
internal sealed record SourceArguments(string? Rpc, string? Vault, ulong FromBlock, bool Finalized, string? Data);

/// <summary>Runs the commands, with all that they share: source, progress, output, failures.</summary>
internal sealed class Session(TextWriter output, TextWriter errors, bool isTerminal, bool json) : IDisposable
{
    private readonly ProgressBar progress = new(errors, isTerminal);
    private readonly List<IDisposable> owned = [];

    public void Dispose()
    {
        progress.Dispose();
        foreach (IDisposable item in owned) item.Dispose();
    }

    /// <summary><c>verify</c>: checks everything and shows the accounts asked for.</summary>
    public Task<int> VerifyAsync(SourceArguments from, Pins pins, string? keyFile, int? account, CancellationToken cancellation) => GuardAsync(async () =>
    {
        var query = new AccountQuery(keyFile is null ? null : KeyFile.Load(keyFile), account);
        var batches = new List<BatchReport>();
        VerifiedHistory history = await HistoryCheck.RunAsync(Open(from), pins, query, progress, batches.Add, cancellation);
        progress.Dispose();
        var statements = AccountStatement.Of(history, query);
        Warn(history, pins, from);
        if (json) WriteJson(JsonReport.Of(history, batches, statements));
        else TextReport.Write(output, history, batches, statements);
    });

    /// <summary><c>batches</c>: checks everything and shows one line a batch, up to the first that fails.</summary>
    public Task<int> BatchesAsync(SourceArguments from, Pins pins, CancellationToken cancellation)
    {
        var batches = new List<BatchReport>();
        return GuardAsync(
            async () =>
            {
                VerifiedHistory history = await HistoryCheck.RunAsync(Open(from), pins, new AccountQuery(), progress, batches.Add, cancellation);
                progress.Dispose();
                Warn(history, pins, from);
                if (json) WriteJson(JsonReport.Of(history, batches, []));
                else TextReport.WriteTable(output, batches);
            },
            failure =>
            {
                if (!json) TextReport.WriteTable(output, batches, failure as CheckFailedException);
            });
    }

    /// <summary><c>fetch</c>: saves L1's answers as they are, checked only as far as finding them needs it.</summary>
    public Task<int> FetchAsync(SourceArguments from, string folder, CancellationToken cancellation) => GuardAsync(async () =>
    {
        IVaultSource source = Open(from);
        var copy = new SavedCopy(folder);
        VaultSnapshot snapshot = await source.ReadSnapshotAsync(progress, cancellation);
        await copy.WriteAsync(snapshot, cancellation);
        VaultEvents events = VaultEvents.From(snapshot, VaultParameters.From(snapshot, new Pins()));
        await foreach ((BatchEvents batch, BatchEvidence evidence) in HistoryCheck.ReadBatchesAsync(source, snapshot, events, cancellation))
        {
            await copy.WriteAsync(evidence, cancellation);
            progress.Report(new ReadProgress("batches", batch.Batch, (ulong)events.Batches.Count));
        }

        await source.ConfirmAsync(snapshot, cancellation);
        progress.Dispose();
        output.WriteLine($"saved {events.Batches.Count} batches and {events.Operations.Count} operations, as of block {snapshot.Head.Number}, in {folder}");
    });

    private IVaultSource Open(SourceArguments from)
    {
        if (from.Data is not null)
            return from.Rpc is null && from.Vault is null ? new SavedCopy(from.Data) : throw new UsageException("--data takes the place of --rpc and --vault: give one or the other.");
        if (from.Rpc is null || from.Vault is null) throw new UsageException("Give --rpc and --vault, or --data.");
        EthereumClient client;
        Address vault;
        try
        {
            client = new EthereumClient(new Uri(from.Rpc));
            owned.Add(client);
            vault = Eip55.Parse(from.Vault);
        }
        catch (Exception e) when (e is FormatException or ArgumentException)
        {
            throw new UsageException($"--rpc or --vault: {e.Message}");
        }

        return new ChainSource(client, vault, from.FromBlock, from.Finalized ? BlockTag.Finalized : BlockTag.Latest);
    }

    private void Warn(VerifiedHistory history, Pins pins, SourceArguments from)
    {
        if (history.Parameters.IsDevelopmentKey)
            errors.WriteLine("WARNING: the verifying key is a development key. Somebody knows its secret and can forge proofs: what is shown below is worth nothing off a test chain.");
        if (pins.KeyHash is null) errors.WriteLine($"note: the verifying key is taken from L1 as it is; pin it with --vkey-hash {history.Parameters.KeyHash} once you trust its circuit.");
        if (history.Parameters.IsFrozen) errors.WriteLine("WARNING: the vault is frozen: only what is credited already is still paid.");
        long age = DateTimeOffset.UtcNow.ToUnixTimeSeconds() - (long)Math.Min(history.Snapshot.Head.Timestamp, long.MaxValue / 2);
        if (from.Data is null && age > 3600) errors.WriteLine($"WARNING: the endpoint's head is {age / 60} minutes old: it may hide what came later.");
    }

    private void WriteJson(JsonNode report) => output.WriteLine(report.ToJsonString(JsonReport.Indented));

    private async Task<int> GuardAsync(Func<Task> command, Action<Exception>? onFailure = null)
    {
        try
        {
            await command();
            return ExitCode.Holds;
        }
        catch (Exception e) when (ExitCode.Of(e) is { } exit)
        {
            progress.Dispose();
            onFailure?.Invoke(e);
            if (json) WriteJson(JsonReport.Of(e, exit));
            errors.WriteLine($"{(e is CheckFailedException ? "FAILED" : "error:")} {e.Message} (exit {exit.Code})");
            return exit.Code;
        }
    }
}
