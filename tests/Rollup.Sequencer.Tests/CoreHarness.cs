using Microsoft.Extensions.Logging.Abstractions;
using Rollup.Api;
using Rollup.Engine;
using Rollup.Sequencer.Configuration;
using Rollup.Sequencer.Core;
using Rollup.Sequencer.Oracle;
using Rollup.Sequencer.Storage;

namespace Rollup.Sequencer.Tests;

/// <summary>The core on a thread of its own, without API and chain.</summary>
internal sealed class CoreHarness : IDisposable
{
    private readonly CancellationTokenSource stop = new();
    private readonly Thread thread;

    internal CoreHarness(SequencerConfig config, ManualClock clock, IPriceFeed? feed = null, ICommittee? committee = null)
    {
        DurableFile.CreateDirectory(config.Data);
        (Config, Clock) = (config, clock);
        var spool = new Spool(config.Spool);
        spool.Prepare();
        Recovered = Recovery.Open(config, spool, clock, Log);
        RestoredDigest = DigestOf(Recovered.Machine);
        Core = new SequencerCore(config, Recovered, new SnapshotStore(Path.Combine(config.Data, Recovery.SnapshotFolder)), spool,
            feed ?? new StaticFeed(new Dictionary<string, MarketPrice> { ["BTCUSDT"] = new(61_700_000_000, 61_700_000_000), ["ETHUSDT"] = new(2_680_000_000, 2_680_000_000) }),
            Events, clock, Metrics, Status, NullLogger<SequencerCore>.Instance, committee);
        thread = new Thread(() => Core.Run(stop.Token));
        thread.Start();
    }

    internal SequencerConfig Config { get; }
    internal ManualClock Clock { get; }
    internal Recovered Recovered { get; }

    /// <summary>Digest of the state as it was restored, before the core did anything.</summary>
    internal string RestoredDigest { get; }

    internal SequencerCore Core { get; }
    internal HostStatus Status { get; } = new();
    internal HostMetrics Metrics { get; } = new();
    internal RecordingSink Events { get; } = new();

    /// <summary>What recovery logged.</summary>
    internal ListLogger Log { get; } = new();

    /// <summary>Discloses view keys and executes the registrations of traders, from the queue's next operation on.</summary>
    internal async Task RegisterAsync(long cash, params IReadOnlyList<Trader> traders)
    {
        foreach (Trader trader in traders) Assert.NotNull((await Post(new ViewKeyWork(trader.Keys.ViewKey), w => w.Completion)).Value);
        long first = await Core.ReadAsync(m => m.Engine.Status.NextOperation);
        await Core.PostAsync(new ChainWork([.. traders.Select((t, i) => t.Registration(first + i, cash))], [], null), default);
        await UntilAsync(m => traders.All(t => m.Keys[t.Account] is not null));
    }

    internal Task<Answer<RequestResult>> SubmitAsync(ISignedMessage message) => Post(new RequestWork(message.ToRequest(), message.Signature), w => w.Completion);

    /// <summary>Submits what must be accepted.</summary>
    internal async Task<RequestResult> AcceptedAsync(ISignedMessage message)
    {
        Answer<RequestResult> answer = await SubmitAsync(message);
        return answer.Value ?? throw new InvalidOperationException($"{answer.Error!.Name}: {answer.Error.Message}");
    }

    internal Task<Answer<BatchView>> SealAsync() => Post(new SealWork(), w => w.Completion);

    internal Task<T> ReadAsync<T>(Func<Machine, T> read) => Core.ReadAsync(read);

    internal async Task UntilAsync(Func<Machine, bool> condition)
    {
        for (int i = 0; i < 3000; i++)
        {
            if (await ReadAsync(condition)) return;
            await Task.Delay(10);
        }

        throw new TimeoutException($"The state never came. {string.Join(' ', Status.View().Problems)}");
    }

    /// <summary>Digest of the whole state, host's part included.</summary>
    internal async Task<string> DigestAsync()
    {
        await ReadAsync(_ => true); // What was due with this group is done before the next.
        return await ReadAsync(DigestOf);
    }

    internal static string DigestOf(Machine machine) => Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(machine.Snapshot()));

    /// <summary>The whole state as a text that shows where two differ: the host's part, and the digest of the engine's.</summary>
    internal static string TextOf(Machine machine)
    {
        byte[] snapshot = machine.Snapshot();
        return $"{System.Text.Encoding.UTF8.GetString(snapshot, 8, BitConverter.ToInt32(snapshot, 4))} engine {Convert.ToHexString(machine.Engine.StateDigest())}";
    }

    public void Dispose()
    {
        stop.Cancel();
        thread.Join();
        Core.Dispose();
        stop.Dispose();
    }

    private Task<TAnswer> Post<TWork, TAnswer>(TWork work, Func<TWork, Task<TAnswer>> completion) where TWork : Work
    {
        Assert.True(Core.TryPost(work));
        return completion(work).WaitAsync(TimeSpan.FromSeconds(30));
    }
}

/// <summary>Remembers what it is told.</summary>
internal sealed class RecordingSink : IEventSink
{
    private readonly Lock gate = new();
    private readonly List<object> all = [];

    /// <summary>What it answers before a snapshot.</summary>
    internal bool Keeps { get; set; } = true;

    public bool HasKept() => Keeps;

    public void Trade(TradeView trade) => Add(trade);
    public void Fill(FillView fill) => Add(fill);
    public void Batch(BatchView batch) => Add(batch);
    public void Account(AccountEventView e) => Add(e);
    public void Market(MarketEventView e) => Add(e);
    public void BookChanged(int instrument) => Add(instrument);

    internal IReadOnlyList<T> Of<T>()
    {
        lock (gate) return [.. all.OfType<T>()];
    }

    internal void Clear()
    {
        lock (gate) all.Clear();
    }

    private void Add(object e)
    {
        lock (gate) all.Add(e);
    }
}
