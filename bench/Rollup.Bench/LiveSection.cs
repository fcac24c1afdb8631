using System.Collections.Immutable;
using Microsoft.Extensions.Logging.Abstractions;
using Rollup.Api;
using Rollup.Oracle;
using Rollup.Protocol;
using Rollup.Risk;
using Rollup.Sequencer.Configuration;
using Rollup.Sequencer.Core;
using Rollup.Sequencer.Oracle;
using Rollup.Sequencer.Storage;

namespace Rollup.Bench;

/// <summary>
/// From a tick of prices to the engine's new table of newest prices, in the sequencer's core with 868 options: prices become risk inputs, are journaled with a flush to the disk, and the engine makes
/// and loads the rows. A sample is the answer to a question asked right after the tick, which waits for all of it. One in 50 opens an epoch as well.
/// </summary>
public sealed class LiveSection : ISection
{
    private const int Expiries = 14, Strikes = 31, Tick = 1_000;
    private const long Start = 1_800_000_000_000, Day = 86_400_000, Price = 64_000_000_000, Step = 100_000_000;

    /// <inheritdoc/>
    public string Name => "live";

    /// <inheritdoc/>
    public void Run(Table table)
    {
        Measure(table, "tick to the engine's new table, 868 options", new LiquidationSettings(Enabled: false));
        Measure(table, "the same, and who is in distress under it", new LiquidationSettings());
    }

    private static void Measure(Table table, string what, LiquidationSettings liquidation)
    {
        string folder = Directory.CreateTempSubdirectory("rollup-bench-").FullName;
        var (clock, feed) = (new Clock(), new Feed());
        SequencerConfig config = Configuration(folder, liquidation);
        if (config.Validate() is { } problem) throw new InvalidOperationException(problem);
        DurableFile.CreateDirectory(config.Data);
        var spool = new Spool(config.Spool);
        spool.Prepare();
        Recovered recovered = Recovery.Open(config, spool, clock, NullLogger.Instance);
        using var core = new SequencerCore(config, recovered, new SnapshotStore(Path.Combine(config.Data, Recovery.SnapshotFolder)), spool, feed, NoSink.Instance, clock,
            new HostMetrics(), new HostStatus(), NullLogger<SequencerCore>.Instance);
        using var stop = new CancellationTokenSource();
        var thread = new Thread(() => core.Run(stop.Token));
        thread.Start();
        try
        {
            Ask(core);
            table.Time(what, "ms", 1, () =>
            {
                feed.Move();
                clock.Now += Tick;
                if (Ask(core) < clock.Now) throw new InvalidOperationException("The newest table is not of the last tick.");
            });
        }
        finally
        {
            stop.Cancel();
            thread.Join();
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>When the prices of the newest table were observed.</summary>
    private static long Ask(SequencerCore core) => core.ReadAsync(m =>
        RiskInputs.TryDecode(m.Engine.LiveInputs.IsEmpty ? m.RiskInputs : m.Engine.LiveInputs.Span, out RiskInputs inputs, out _) ? inputs.ObservedAt.Milliseconds : 0).GetAwaiter().GetResult();

    /// <summary>14 expiries from a day to a year and a half, 31 strikes each, calls and puts.</summary>
    private static SequencerConfig Configuration(string folder, LiquidationSettings liquidation)
    {
        var options = ImmutableArray.CreateBuilder<InstrumentConfig>();
        long[] expiries = [.. Enumerable.Range(0, Expiries).Select(i => Start + (1 + 3 * i * i) * Day)];
        foreach (long at in expiries)
            for (int strike = 0; strike < Strikes; strike++)
                foreach (InstrumentKindName kind in new[] { InstrumentKindName.Call, InstrumentKindName.Put })
                    options.Add(new InstrumentConfig(16 + options.Count, $"BTC-{options.Count}", kind, 1, "BTC", 100, 10_000, "BTCUSDT",
                        Strike: $"{640 * (50 + 4 * strike)}", Expiry: DateTimeOffset.FromUnixTimeMilliseconds(at)));
        return new SequencerConfig(Path.Combine(folder, "data"), Path.Combine(folder, "spool"),
            new ChainConfig(new Uri("http://127.0.0.1:9"), 31337, Address.Parse("0x5fbdb2315678afecb367f032d93f642f64180aa3")), CircuitProfile.Options.Name,
            options.ToImmutable(), [new GroupConfig(1, GroupRange.Bitcoin)],
            new OracleConfig(OracleKind.Static, Prices: ImmutableDictionary<string, string>.Empty.Add("BTCUSDT", "64000"),
                Surfaces: [.. expiries.Select((at, i) => new SurfaceConfig(1, at, 1_000_000 * i, 1_000_000 * (1 + i * i), 40_000_000, -200_000_000, 10_000_000, 200_000_000))]),
            Epoch: new EpochConfig(Length: 50_000, Refresh: 50_000), Liquidation: liquidation);
    }

    private sealed class Clock : TimeProvider
    {
        private long now = Start;

        public long Now
        {
            get => Interlocked.Read(ref now);
            set => Interlocked.Exchange(ref now, value);
        }

        public override DateTimeOffset GetUtcNow() => DateTimeOffset.FromUnixTimeMilliseconds(Now);
    }

    private sealed class Feed : IPriceFeed
    {
        private readonly ImmutableDictionary<int, ImmutableArray<ExpiryReport>> surfaces = Configuration("", new LiquidationSettings()).Oracle.ToExpiries();
        private long price = Price;

        public void Move() => Interlocked.Exchange(ref price, price == Price ? Price + Step : Price);

        public Observation Observe(long now)
        {
            long index = Interlocked.Read(ref price);
            return new Observation(now, new Dictionary<string, MarketPrice> { ["BTCUSDT"] = new(index, index) }) { Expiries = surfaces };
        }
    }
}
