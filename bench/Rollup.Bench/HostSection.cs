using System.Diagnostics;
using Rollup.Api;
using Rollup.Client.Sequencer;
using Rollup.Protocol;
using Rollup.Sequencer.Configuration;
using Rollup.Sequencer.Storage;
using Rollup.TestSupport;

namespace Rollup.Bench;

/// <summary>
/// The sequencer as a process of its own with a vault on a local chain, asked over REST by clients in this process, on the same cores. Requests are signed
/// beforehand; each is answered after its signature check, the journal's flush to the disk (one for all that wait) and the engine, and every answer is
/// checked. Processor time is the sequencer's. The limits on what one address and one account may send are lifted.
/// </summary>
public sealed class HostSection : ISection
{
    private const int Clients = 64, Runs = 5, QuotesOfARun = 20_000, TradesOfARun = 1_000, SinglesOfARun = 200, Starts = 5;
    private const int RequestRecord = 137;

    /// <inheritdoc/>
    public string Name => "host";

    /// <inheritdoc/>
    public void Run(Table table) => RunAsync(table).GetAwaiter().GetResult();

    private static async Task RunAsync(Table table)
    {
        string folder = Directory.CreateTempSubdirectory("rollup-bench-").FullName;
        try
        {
            MeasureJournal(table, Path.Combine(folder, "journal"));
            await using AnvilProcess anvil = await AnvilProcess.StartAsync();
            LocalVault vault = await LocalVault.DeployAsync(anvil, CircuitProfile.Standard, KnownKey.Key);
            SequencerConfig config = BenchSequencer.Configuration(folder, anvil.Endpoint, vault.Address);
            table.AddSamples("start until ready, nothing to restore", "s", await MeasureStartsAsync(config, records: 0));
            (ulong records, uint batches) = await MeasureRequestsAsync(table, config, anvil, vault);

            string journal = $"{records:#,0} records, {batches:#,0} of them sealing a batch";
            table.AddSamples($"restart until ready, journal of {journal}, replayed", "s", await MeasureStartsAsync(config, records));
            await MakeSnapshotAsync(config);
            table.AddSamples("restart until ready, the same journal, from a snapshot at its end", "s", await MeasureStartsAsync(config, records));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void MeasureJournal(Table table, string folder)
    {
        using Journal journal = Journal.Open(folder, JournalPosition.Start, _ => { }, problem => throw new InvalidOperationException(problem));
        var record = new byte[RequestRecord];
        foreach (int records in (int[])[1, Clients])
        {
            table.Time($"journal: append {records} {(records == 1 ? "record" : "records")} of {RequestRecord} bytes and flush to the disk", "us", 1, () =>
            {
                for (int i = 0; i < records; i++) journal.Append(record);
                journal.Commit();
            });
        }
    }

    /// <returns>The journal's last record, and the batches sealed.</returns>
    private static async Task<(ulong Records, uint Batches)> MeasureRequestsAsync(Table table, SequencerConfig config, AnvilProcess anvil, LocalVault vault)
    {
        using BenchSequencer sequencer = await BenchSequencer.StartAsync(config);
        var traders = new BenchTraders(vault.Domain);
        await traders.RegisterAsync(sequencer.Client, anvil, vault);

        var singles = new List<(double, double)>();
        var quotes = new List<(long, double, double)>();
        var trades = new List<(long, double, double)>();
        for (int run = 0; run < Runs; run++)
        {
            BenchTraders.Step[][] steps = traders.Quotes(clients: 1, SinglesOfARun);
            (double elapsed, double processor) = await TimeAsync(sequencer, steps);
            singles.Add((elapsed * 1e6 / SinglesOfARun, processor * 1e6 / SinglesOfARun));
            steps = traders.Quotes(Clients, QuotesOfARun);
            (elapsed, processor) = await TimeAsync(sequencer, steps);
            quotes.Add((steps.Sum(s => s.Length), elapsed, processor));
        }

        for (int run = 0; run < Runs; run++)
        {
            BenchTraders.Step[][] steps = traders.Trades(Clients, TradesOfARun);
            (double elapsed, double processor) = await TimeAsync(sequencer, steps);
            trades.Add((steps.Sum(s => s.Length), elapsed, processor));
        }

        table.AddSamples("REST: signed request to answer, one after the other (orders that rest, and their cancels)", "us", singles);
        table.AddRate($"REST: signed requests, {Clients} connections (orders that rest, and their cancels)", quotes);
        table.AddRate($"REST: signed orders that trade in pairs, {Clients} connections, a batch sealed every {CircuitProfile.Standard.Rows} orders", trades);
        HealthView health = await sequencer.Client.HealthAsync();
        return (health.Sequence, health.LastSealed);
    }

    private static async Task<(double Elapsed, double Processor)> TimeAsync(BenchSequencer sequencer, BenchTraders.Step[][] clients)
    {
        double before = sequencer.ProcessorSeconds;
        var watch = Stopwatch.StartNew();
        await Task.WhenAll(clients.Select(steps => Task.Run(async () =>
        {
            foreach (BenchTraders.Step step in steps)
            {
                RequestResult result = await step.SendAsync(sequencer.Client);
                if (result.Status != step.Expected) throw new InvalidOperationException($"A request ended as {result.Status}, and {step.Expected} was due.");
            }
        })));
        return (watch.Elapsed.TotalSeconds, sequencer.ProcessorSeconds - before);
    }

    /// <summary>Starts and kills it several times; each time it must have all records.</summary>
    private static async Task<List<(double Elapsed, double Processor)>> MeasureStartsAsync(SequencerConfig config, ulong records)
    {
        var samples = new List<(double, double)>();
        for (int i = 0; i < Starts; i++)
        {
            var watch = Stopwatch.StartNew();
            using BenchSequencer sequencer = await BenchSequencer.StartAsync(config);
            samples.Add((watch.Elapsed.TotalSeconds, sequencer.ProcessorSeconds));
            ulong found = (await sequencer.Client.HealthAsync()).Sequence;
            if (found < records) throw new InvalidOperationException($"The restart ends at record {found}; {records} were journaled.");
        }

        return samples;
    }

    private static async Task MakeSnapshotAsync(SequencerConfig config)
    {
        using BenchSequencer sequencer = await BenchSequencer.StartAsync(config with { SnapshotRecords = 1 });
        string folder = Path.Combine(config.Data, "snapshots");
        for (int i = 0; i < 600; i++)
        {
            if (Directory.Exists(folder) && Directory.EnumerateFiles(folder, "*.snapshot").Any()) return;
            await Task.Delay(50);
        }

        throw new TimeoutException("The sequencer wrote no snapshot within 30 s.");
    }
}
