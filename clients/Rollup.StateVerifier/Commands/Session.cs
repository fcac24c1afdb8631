using System.Globalization;
using System.Numerics;
using System.Text.Json.Nodes;
using Rollup.Circuits;
using Rollup.Crypto.Settlement;
using Rollup.Ethereum;
using Rollup.Groth16;
using Rollup.Protocol;
using Rollup.StateVerifier.Accounts;
using Rollup.StateVerifier.Chain;
using Rollup.StateVerifier.Checks;
using Rollup.StateVerifier.Exits;
using Rollup.StateVerifier.Proving;

namespace Rollup.StateVerifier.Commands;

/// <summary>Where the vault's history comes from: an endpoint and a vault, or a saved copy.</summary>
internal sealed record SourceArguments(string? Rpc, string? Vault, ulong FromBlock, bool Finalized, string? Data);

/// <summary>One asset, in atoms of cash or lots.</summary>
/// <param name="Held">What accounts hold by the data of final batches.</param>
/// <param name="Liabilities">The same as the vault counts it.</param>
/// <param name="Holdings">What the vault has for them: its balance less claims and what is queued.</param>
internal sealed record AssetSolvency(int Asset, Int128 Held, BigInteger Liabilities, BigInteger Holdings);

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
        VerifiedHistory history = await HistoryCheck.RunAsync(Open(from), pins, query, progress, batches.Add, cancellation: cancellation);
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
                VerifiedHistory history = await HistoryCheck.RunAsync(Open(from), pins, new AccountQuery(), progress, batches.Add, cancellation: cancellation);
                IReadOnlyList<AssetSolvency>? assets = json && from.Data is null ? await AssetsAsync(Connect(from), history, cancellation) : null;
                progress.Dispose();
                Warn(history, pins, from);
                if (json) WriteJson(JsonReport.Of(history, batches, [], assets));
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
        await foreach ((BatchEvents batch, BatchEvidence evidence) in HistoryCheck.ReadBatchesAsync(source, snapshot, events.Batches, cancellation))
        {
            await copy.WriteAsync(evidence, cancellation);
            progress.Report(new ReadProgress("batches", batch.Batch, (ulong)events.Batches.Count));
        }

        await source.ConfirmAsync(snapshot, cancellation);
        progress.Dispose();
        output.WriteLine($"saved {events.Batches.Count} batches and {events.Operations.Count} operations, as of block {snapshot.Head.Number}, in {folder}");
    });

    /// <summary><c>exit</c>: proves what an account is worth in the frozen vault, and saves or sends it; or sends what was saved.</summary>
    public Task<int> ExitAsync(SourceArguments from, Pins pins, string? keyFile, int? account, ExitArguments arguments, CancellationToken cancellation) => GuardAsync(async () =>
    {
        (EthereumClient client, Address vault) = Connect(from);
        if (arguments.Bundle() is { } file)
        {
            await SendAsync(client, vault, ExitBundle.Load(file), arguments, cancellation);
            return;
        }

        ProvingFiles files = arguments.Proving();
        var query = new AccountQuery(keyFile is null ? null : KeyFile.Load(keyFile), account);
        ExitContract contract = await ExitContract.FindAsync(client, vault, cancellation);
        VerifiedHistory history = await HistoryCheck.RunAsync(Source(client, vault, from), pins, query, progress, judge: false, cancellation: cancellation);
        ExitInput input = Exit.Of(history, query, out int leaving, out LeafContents contents);
        if (await contract.StatusAsync(leaving, cancellation) is not ExitStatus.Open and var status)
            throw new NoExitException($"The exit of account {leaving} is {TextReport.Name(status)} already.");
        (uint version, VerifyingKey key) = await contract.VersionOfAsync(files.ProvingKey, cancellation);
        if (DevKeys.IsDevelopment(key) && !DevKeys.IsLocalChain(history.Snapshot.ChainId))
            throw new NoExitException($"{files.ProvingKey} is a development key, and chain {history.Snapshot.ChainId} is no local one.");
        Proof proof;
        try
        {
            proof = await CircuitProver.ProveAsync(values => input.ToCircuitInput(ExitInput.SlotsOf(values)), input.PublicInputs, files, key, progress, cancellation);
        }
        catch (NotProvenException error)
        {
            throw new NoExitException(error.Message, error);
        }

        progress.Dispose();
        var bundle = new ExitBundle(history.Snapshot.ChainId, vault, version, proof, input.PublicInputs);
        TextReport.Write(output, leaving, input, contents, history);
        if (arguments.Prepare is { } path)
        {
            bundle.Save(path);
            output.WriteLine($"prepared in {path}: whoever sends it (exit --send), it pays the owner");
        }

        if (arguments.Keystore is not null) await SendAsync(client, vault, bundle, arguments, cancellation);
    });

    /// <summary><c>solvency</c>: what accounts hold by asset, counted from the data of final batches, beside what the vault counts and has.</summary>
    public Task<int> SolvencyAsync(SourceArguments from, Pins pins, CancellationToken cancellation) => GuardAsync(async () =>
    {
        (EthereumClient client, Address vault) = Connect(from);
        VerifiedHistory history = await HistoryCheck.RunAsync(Source(client, vault, from), pins, new AccountQuery(), progress, judge: false, cancellation: cancellation);
        IReadOnlyList<AssetSolvency> assets = await AssetsAsync((client, vault), history, cancellation);
        progress.Dispose();
        if (json) WriteJson(JsonReport.Of(history, assets));
        else TextReport.Write(output, history, assets);
        if (assets.FirstOrDefault(a => a.Liabilities != (BigInteger)a.Held) is { } miscounted)
            throw new CheckFailedException(Check.Solvency, $"the vault counts what accounts hold of asset {miscounted.Asset} differently", null, Convert.ToString(miscounted.Held, CultureInfo.InvariantCulture), miscounted.Liabilities.ToString(CultureInfo.InvariantCulture));
        if (assets.FirstOrDefault(a => a.Holdings < a.Liabilities) is { } missing)
            throw new CheckFailedException(Check.Solvency, $"the vault has less of asset {missing.Asset} than accounts hold", null, missing.Liabilities.ToString(CultureInfo.InvariantCulture), missing.Holdings.ToString(CultureInfo.InvariantCulture));
    });

    private static async Task<IReadOnlyList<AssetSolvency>> AssetsAsync((EthereumClient Client, Address Vault) chain, VerifiedHistory history, CancellationToken cancellation)
    {
        var assets = new List<AssetSolvency>();
        foreach ((int asset, Int128 held) in history.Chain.FinalHoldings)
        {
            object[] answer = await chain.Client.CallAsync(chain.Vault, VaultAbi.Solvency, [asset], history.Snapshot.Head.Number, cancellation);
            assets.Add(new AssetSolvency(asset, held, (BigInteger)answer[0], (BigInteger)answer[1]));
        }

        return assets;
    }

    private async Task SendAsync(EthereumClient client, Address vault, ExitBundle bundle, ExitArguments arguments, CancellationToken cancellation)
    {
        ExitContract contract = await ExitContract.FindAsync(client, vault, cancellation);
        await contract.CheckAsync(bundle, cancellation);
        bool pays = arguments.Pay is not null;
        ExitStatus status = await contract.StatusAsync(bundle.Account, cancellation);
        if (status != (pays ? ExitStatus.Registered : ExitStatus.Open))
            throw new NoExitException($"The exit of account {bundle.Account} is {(status == ExitStatus.Open ? "not registered: send it first" : $"{TextReport.Name(status)} already")}.");
        ulong end = await contract.WindowEndAsync(cancellation), now = (await client.GetBlockAsync(BlockTag.Latest, cancellation))!.Timestamp;
        if (pays && now < end) throw new NoExitException($"The window of registrations ends at {TextReport.Time(end)}; shares are known then.");
        using var wallet = new Wallet(client, arguments.Key());
        TransactionReceipt receipt = await contract.SendAsync(wallet, pays ? bundle.Pay() : bundle.Register(), cancellation);
        output.WriteLine($"the exit of account {bundle.Account} is {(pays ? "paid: its share is credited to the owner, claim it from the vault" : "registered")}, in transaction {receipt.TransactionHash} of block {receipt.BlockNumber}, for {receipt.GasUsed} gas");
        if (!pays) output.WriteLine(now < end ? $"registrations share alike until {TextReport.Time(end)}; from then on have it paid (exit --pay)" : "the window is over: it is paid from what the others leave (exit --pay)");
    }

    private IVaultSource Open(SourceArguments from)
    {
        if (from.Data is not null)
            return from.Rpc is null && from.Vault is null ? new SavedCopy(from.Data) : throw new UsageException("--data takes the place of --rpc and --vault: give one or the other.");
        if (from.Rpc is null || from.Vault is null) throw new UsageException("Give --rpc and --vault, or --data.");
        (EthereumClient client, Address vault) = Connect(from);
        return Source(client, vault, from);
    }

    private static ChainSource Source(EthereumClient client, Address vault, SourceArguments from) => new(client, vault, from.FromBlock, from.Finalized ? BlockTag.Finalized : BlockTag.Latest);

    private (EthereumClient Client, Address Vault) Connect(SourceArguments from)
    {
        if (from.Rpc is null || from.Vault is null) throw new UsageException("Give --rpc and --vault.");
        try
        {
            var client = new EthereumClient(new Uri(from.Rpc));
            owned.Add(client);
            return (client, Eip55.Parse(from.Vault));
        }
        catch (Exception e) when (e is FormatException or ArgumentException)
        {
            throw new UsageException($"--rpc or --vault: {e.Message}");
        }
    }

    private void Warn(VerifiedHistory history, Pins pins, SourceArguments from)
    {
        if (history.Parameters.IsDevelopmentKey)
            errors.WriteLine("WARNING: the verifying key is a development key. Somebody knows its secret and can forge proofs: what is shown below is worth nothing off a test chain.");
        if (pins.KeyHashes.IsDefaultOrEmpty)
            errors.WriteLine($"note: verifying keys are taken from L1 as they are; pin them with {string.Join(' ', history.Parameters.Circuits.Select(c => $"--vkey-hash {c.KeyHash}").Distinct())} once you trust their circuits.");
        if (history.Parameters.IsFrozen) errors.WriteLine("WARNING: the vault is frozen: what is credited is paid, and who holds anything leaves with exit.");
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
