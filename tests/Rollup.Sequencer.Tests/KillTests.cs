using System.Collections.Concurrent;
using System.Text.Json;
using Rollup.Api;
using Rollup.Client.Sequencer;
using Rollup.Crypto.Settlement;
using Rollup.Engine;
using Rollup.Ethereum;
using Rollup.Protocol;
using Rollup.Sequencer.Configuration;
using Rollup.Sequencer.Core;
using Rollup.Sequencer.Storage;
using AccountView = Rollup.Api.AccountView;

namespace Rollup.Sequencer.Tests;

/// <summary>
/// Kills the sequencer's process again and again while it trades, seals and makes snapshots. After each kill its files are replayed by this
/// process, and after each restart it is asked: everything that was acknowledged must be there, and be the same.
/// </summary>
public sealed class KillTests : IAsyncLifetime, IDisposable
{
    private const long Cash = 1_000_000_000_000;
    private const int Traders = 4;
    private readonly TemporaryDirectory folder = new();
    private readonly FakeChain chain = new();
    private readonly Trader[] traders = [.. Enumerable.Range(2, Traders).Select(i => new Trader(i))];

    // Everything that was acknowledged, by its record.
    private readonly ConcurrentDictionary<ulong, string> acknowledged = new();
    private readonly ConcurrentDictionary<(int Account, byte Slot), long> nonces = new();
    private readonly ConcurrentDictionary<long, ReceiptView> receipts = new();
    private readonly EthereumKey receiptKey = EthereumKey.Generate();

    // The oracle committee; empty = none.
    private readonly List<CommitteeTests.Node> nodes = [];

    public Task InitializeAsync() => chain.StartAsync();

    public async Task DisposeAsync()
    {
        foreach (CommitteeTests.Node node in nodes) await node.DisposeAsync();
        await chain.DisposeAsync();
    }

    public void Dispose()
    {
        receiptKey.Dispose();
        folder.Dispose();
    }

    [Fact]
    public Task Killed_at_any_point_nothing_acknowledged_is_lost() => KillAsync(kills: 10, seed: 20);

    /// <summary>Nor any signature that an epoch has opened with (<see cref="RequireSigned"/>).</summary>
    [Fact]
    public async Task Killed_at_any_point_every_epoch_has_the_signatures_that_it_opened_with()
    {
        for (int i = 0; i < 3; i++) nodes.Add(await CommitteeTests.Node.StartAsync(i, 61_700_000_000, TimeProvider.System, receiptKey.Address));
        await KillAsync(kills: 10, seed: 21);
    }

    [Fact]
    [Trait("Category", "Long")]
    public Task Killed_at_any_point_many_times_nothing_acknowledged_is_lost() => KillAsync(kills: 150, seed: 7);

    [Fact]
    public async Task Asked_to_end_it_ends_in_order_and_verify_agrees_with_the_replay()
    {
        string config = Config();
        using (SequencerProcess process = await SequencerProcess.StartAsync(config))
        {
            await RegisterAsync(process.Client);
            await LoadAsync(process.Client, TimeSpan.FromMilliseconds(300), seed: 3, () => { });
            Assert.Equal(0, await process.StopAsync());
        }

        Machine replayed = Replay(whole: true);
        (int code, string output, string errors) = await SequencerProcess.RunAsync("verify", config);
        Assert.True(code == 0, errors);
        Assert.Contains($"root {replayed.Engine.Status.AccountRoot.ToHex()}\n", output, StringComparison.Ordinal);
        Assert.Contains($"state {Convert.ToHexStringLower(replayed.Engine.StateDigest())}\n", output, StringComparison.Ordinal);
        Assert.Contains("torn 0\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_flipped_byte_stops_the_start_with_exit_code_2_and_says_where()
    {
        string config = Config();
        using (SequencerProcess process = await SequencerProcess.StartAsync(config))
        {
            await RegisterAsync(process.Client);
            await process.StopAsync();
        }

        string path = JournalReader.Segments(Path.Combine(folder.Path, "data", "journal"))[0];
        byte[] bytes = File.ReadAllBytes(path);
        bytes[200] ^= 1;
        File.WriteAllBytes(path, bytes);
        (int code, _, string errors) = await SequencerProcess.RunAsync("run", config);
        Assert.Equal(2, code);
        Assert.Contains(path, errors, StringComparison.Ordinal);
        Assert.Contains("fails its checksum", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_second_sequencer_on_the_same_data_does_not_start()
    {
        string config = Config();
        using SequencerProcess process = await SequencerProcess.StartAsync(config);
        (int code, _, string errors) = await SequencerProcess.RunAsync("run", config);
        Assert.Equal(2, code);
        Assert.Contains("another sequencer uses this data directory", errors, StringComparison.Ordinal);
        Assert.Equal(HealthStatus.Ok, (await process.Client.HealthAsync()).Status);
    }

    private async Task KillAsync(int kills, int seed)
    {
        try
        {
            await KillManyAsync(kills, seed);
        }
        catch (Exception error)
        {
            folder.Keep();
            throw new InvalidOperationException($"The files are kept in {folder.Path}. {error.Message}", error);
        }
    }

    private async Task KillManyAsync(int kills, int seed)
    {
        var random = new Random(seed);
        string config = Config();
        bool isRegistered = false;
        for (int kill = 0; kill < kills; kill++)
        {
            if (kill % 3 == 1) SequencerProcess.StartAndKill(config, TimeSpan.FromMilliseconds(random.Next(50, 900))); // While it restores.
            using SequencerProcess process = await SequencerProcess.StartAsync(config);
            if (!isRegistered) await RegisterAsync(process.Client);
            isRegistered = true;
            await CheckAsync(process.Client);
            await LoadAsync(process.Client, TimeSpan.FromMilliseconds(random.Next(1, 400)), random.Next(), process.Kill);
            Assert.DoesNotContain("Safe stop", process.Errors, StringComparison.Ordinal);

            // The snapshot with the rest of the journal gives what the whole journal gives.
            Assert.Equal(CoreHarness.TextOf(Replay(whole: true)), CoreHarness.TextOf(Replay(whole: false)));
        }

        using SequencerProcess last = await SequencerProcess.StartAsync(config);
        await CheckAsync(last.Client);
        Assert.True(acknowledged.Count >= kills); // Each run waits for its first; how many more come depends on the machine.
        Assert.True((await last.Client.HealthAsync()).LastSealed > 1);
        Assert.NotEmpty(Directory.GetFiles(Path.Combine(folder.Path, "data", "snapshots")));
    }

    private string Config()
    {
        string keystore = Path.Combine(folder.Path, "receipts.json"), password = Path.Combine(folder.Path, "receipts.password");
        Keystore.Save(keystore, receiptKey, "a password for tests", ScryptCost.Light);
        SecretFile.Create(password, "a password for tests"u8);
        return SequencerProcess.WriteConfig(folder.Path, chain.Endpoint, new EpochConfig(Length: 300, Refresh: 200, MaxUnproven: 4000), snapshotRecords: 20, new ReceiptConfig(keystore, password),
            nodes.Count == 0 ? null : new CommitteeConfig([.. nodes.Select(n => new CommitteeNode(n.Address, n.Url))], 2, Signatures: 2));
    }

    private async Task RegisterAsync(SequencerClient client)
    {
        foreach (Trader trader in traders) await client.DiscloseViewKeyAsync(trader.Keys);
        chain.Mine([.. traders.Select(t => chain.Queued(t.Registration(Cash), t.Keys.Owner))]);
        chain.MineEmpty(2);
        foreach (Trader trader in traders) await HostHarness.UntilAsync(async () => (await client.AccountsOfAsync(trader.Keys.Owner)).Count > 0);
    }

    /// <summary>Orders and cancels of all traders at once; some time after the first acknowledgement something happens in the midst of them.</summary>
    private async Task LoadAsync(SequencerClient client, TimeSpan until, int seed, Action then)
    {
        using var stop = new CancellationTokenSource();
        Task[] load = [.. traders.Select(trader => Task.Run(() => TradeAsync(client, trader, new Random(seed + trader.Account), stop.Token)))];
        int before = acknowledged.Count;
        await HostHarness.UntilAsync(() => Task.FromResult(acknowledged.Count > before));
        await Task.Delay(until);
        then();
        await stop.CancelAsync();
        await Task.WhenAll(load);
    }

    private async Task TradeAsync(SequencerClient client, Trader trader, Random random, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            byte slot = (byte)random.Next(12);
            long nonce = nonces.AddOrUpdate((trader.Account, slot), 1, (_, last) => last + 1);
            try
            {
                ISignedMessage message = random.Next(5) == 0
                    ? Trader.Signer.Sign(new CancelMessage(trader.Account, slot, nonce, TestConfig.Later, default, Prove: random.Next(4) == 0), trader.Keys)
                    : Order(trader, slot, nonce, random);
                RequestResult result = message is CancelMessage cancel ? await client.CancelAsync(cancel, CancellationToken.None) : await client.PlaceAsync((OrderMessage)message, CancellationToken.None);
                ReceiptView receipt = Assert.Single(result.Receipts!);
                Assert.Null(new ReceiptBook(Path.Combine(folder.Path, $"{trader.Account}-{slot}-{nonce}.receipts"), Trader.Signer.Domain, receiptKey.Address).Add(message, receipt, out _));
                Assert.True(receipts.TryAdd(receipt.Number, receipt));
                Assert.True(acknowledged.TryAdd(result.Sequence, Text(result)));
            }
            catch (RefusedException)
            {
                // A busy slot, an unknown order: as good as any other answer here.
            }
            catch (SequencerUnreachableException)
            {
                return;
            }
        }
    }

    private static OrderMessage Order(Trader trader, byte slot, long nonce, Random random)
    {
        bool isBtc = random.Next(2) == 0;
        long price = isBtc ? TestConfig.BtcPrice + 100 * random.Next(-3, 4) : TestConfig.EthPrice + 10 * random.Next(-3, 4);
        return trader.Order(isBtc ? TestConfig.Btc : TestConfig.Eth, (Side)random.Next(2), 1 + random.Next(9), price, slot, nonce: nonce);
    }

    /// <summary>The state of the files as they are, without changing them.</summary>
    private Machine Replay(bool whole)
    {
        SequencerConfig config = SequencerConfig.Load(Path.Combine(folder.Path, "sequencer.json"));
        Snapshot? snapshot = whole ? null : new SnapshotStore(Path.Combine(config.Data, Recovery.SnapshotFolder)).NewestFirst(Assert.Fail).FirstOrDefault();
        var keys = new ViewKeyStore(config.Limits.ViewKeys, TimeSpan.FromHours(config.Limits.ViewKeyHours));
        Machine machine = snapshot is null ? new Machine(config.ToEngine(), Recovery.GenesisOf(config), keys) : Machine.Restore(config.ToEngine(), Recovery.GenesisOf(config), keys, snapshot.State);
        JournalReader.Read(Path.Combine(config.Data, Recovery.JournalFolder), snapshot?.Position ?? JournalPosition.Start, record =>
        {
            Applied applied = machine.Apply(HostCommandCodec.Decode(record.Payload.Span), record.Sequence, NoSink.Instance);
            if (acknowledged.TryGetValue(record.Sequence, out string? answer)) Assert.Equal(answer, Text(applied.Result!));
            // A batch may be in the journal before it is in the spool, never the other way round, and never another.
            if (applied.Batch is { } batch && Path.Combine(config.Spool, SealedBatchFile.NameOf(batch.Header.Batch)) is var file && File.Exists(file))
                Assert.Equal(SealedBatchFile.Write(batch), File.ReadAllBytes(file));
            if (applied.Batch is { } closed) RequireSigned(config.Spool, closed.Header.Batch, closed.RiskInputs.AsSpan(), isOpen: false);
        });
        if (machine.Engine.Status.IsOpen) RequireSigned(config.Spool, machine.Engine.Status.Batch, machine.RiskInputs, isOpen: true);
        machine.Chain = null; // Stands in snapshots only.
        if (!acknowledged.IsEmpty) Assert.True(machine.Sequence >= acknowledged.Keys.Max(), "Acknowledged records are missing at the journal's end.");
        return machine;
    }

    /// <summary>Signatures of what an epoch opened with are under the batch's name, or, where the kill fell just after the opening, still under the other.</summary>
    private void RequireSigned(string spool, uint batch, ReadOnlySpan<byte> inputs, bool isOpen)
    {
        if (nodes.Count == 0) return;
        var hash = Bytes32.FromBytes(Rollup.Crypto.Keccak.Hash256(inputs));
        string next = Path.Combine(spool, "next.attestation");
        RiskAttestation? signed = new Spool(spool).Attestation(batch);
        if (isOpen && signed?.InputsHash != hash && File.Exists(next) && RiskAttestation.TryParse(File.ReadAllBytes(next), out RiskAttestation kept)) signed = kept;
        Assert.Equal((batch, hash, 2 * EcdsaSignature.Size), (signed!.Batch, signed.InputsHash, signed.Signatures.Length));
    }

    /// <summary>Asks the restarted sequencer for what the files must give.</summary>
    private async Task CheckAsync(SequencerClient client)
    {
        if (acknowledged.IsEmpty) return;
        HealthView health = await client.HealthAsync();
        Assert.True(health.Sequence >= acknowledged.Keys.Max());
        foreach (Trader trader in traders)
        {
            AccountView account = await client.AccountAsync(trader.Account, trader.Keys, Trader.Signer, HostHarness.Now);
            foreach (SlotView slot in account.Slots) Assert.True(slot.Nonce <= nonces[(trader.Account, slot.Slot)]);
        }

        foreach (ReceiptView receipt in receipts.Values) Assert.Equal(receipt, await client.ReceiptAsync(receipt.Number));
        var chain = new ReceiptHead();
        for (long number = 1; number <= receipts.Keys.Max(); number++)
        {
            Assert.True(ReceiptBook.TryRead(await client.ReceiptAsync(number), out SignedReceipt receipt));
            Assert.Equal((chain.Number + 1, chain.Hash), (receipt.Receipt.Number, receipt.Receipt.Previous));
            Assert.True(receipt.IsOf(Trader.Signer.Domain, receiptKey.Address));
            chain = new ReceiptHead(number, receipt.Receipt.HashIn(Trader.Signer.Domain));
        }

        for (uint batch = 1; batch <= health.LastSealed; batch++)
        {
            SealedBatch file = SealedBatchFile.Read(File.ReadAllBytes(Path.Combine(folder.Path, "spool", SealedBatchFile.NameOf(batch))));
            Assert.Equal(file.NewRoot, (await client.BatchAsync(batch)).NewRoot);
        }
    }

    // Signatures are no part of the state.
    private static string Text(RequestResult result) =>
        JsonSerializer.Serialize(result with { Receipts = [.. result.Receipts!.Select(r => r with { Signature = null })] }, ApiJson.Default.RequestResult);
}
