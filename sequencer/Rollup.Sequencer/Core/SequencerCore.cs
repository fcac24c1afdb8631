using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Rollup.Api;
using Rollup.Crypto.Settlement;
using Rollup.Engine;
using Rollup.Ethereum;
using Rollup.Oracle;
using Rollup.Protocol;
using Rollup.Risk;
using Rollup.Risk.Liquidation;
using Rollup.Sequencer.Configuration;
using Rollup.Sequencer.Oracle;
using Rollup.Sequencer.Storage;

namespace Rollup.Sequencer.Core;

/// <summary>
/// The single writer. It takes what has arrived, journals it with one flush, applies it, publishes the events and answers. Epochs open and
/// batches are sealed between two groups. When anything fails for which no automatic way out is safe, it stops and says why.
/// </summary>
internal sealed class SequencerCore : IDisposable
{
    /// <summary>Most commands of one group: bounds how long the first one waits for the last.</summary>
    private const int MaxGroup = 256;

    private const int TickInterval = 1000;
    private const int OpenRetryInterval = 1000;
    private const int WatchInterval = 100;
    private const int DistressInterval = 1000;

    /// <summary>How long what the registry said is good without having been read again: half of the grace in which the vault takes what is no longer in force.</summary>
    internal const int RegistryLife = 1_800_000;

    /// <summary>How long a full batch waits for the committee before what has no room in it is refused.</summary>
    private const int SigningPatience = 2000;

    /// <summary>Levels of a book that the premium is measured over.</summary>
    private const int ImpactDepth = 100;

    private static readonly TimeSpan ClockInterval = TimeSpan.FromMilliseconds(50);

    private readonly SequencerConfig config;
    private readonly Machine machine;
    private readonly Journal journal;
    private readonly SnapshotStore snapshots;
    private readonly Spool spool;
    private readonly IPriceFeed feed;
    private readonly IEventSink sink;
    private readonly MarketWatch watch;
    private readonly RiskInputsMaker riskInputs;
    private readonly ICommittee? committee;
    private readonly TimeProvider clock;
    private readonly HostMetrics metrics;
    private readonly HostStatus status;
    private readonly ILogger<SequencerCore> log;
    private readonly Channel<Work> channel;

    // Operations of the chain that are confirmed and not executed yet, in order; and the words of those that are.
    private readonly Queue<ChainOperation> waiting = new();
    private readonly Dictionary<long, (Operation Operation, Address Depositor)> executed;

    // Settled instruments of which nobody holds a position any more: none can ever again.
    private readonly HashSet<int> converted = [];

    // What the epoch's table follows from, and the newest table shown within it.
    private RiskInputs? epoch, shown;

    private long lastTime;
    private long lastTick;
    private long lastObserved;
    private long lastWatch;
    private long lastDistress;
    private long lastLive;
    private long lastSealed;
    private bool isDistressed;
    private long nextOpenAttempt;

    // Inputs that the committee was asked to sign; whether the open batch is to be sealed as soon as the next epoch can open; and whether the committee has signed what it was asked last, without much delay.
    private (RiskInputs Inputs, Task<CommitteeAnswer> Answer)? proposal;
    private bool isSealDue;
    private bool isSigning = true;
    private readonly ProofTimes proofs = new();
    private long? proofDeadline;
    private long registryReadAt;
    private ulong lastSnapshot;

    /// <param name="committee">Signs the inputs of every epoch before it opens; null: nobody does.</param>
    internal SequencerCore(
        SequencerConfig config, Recovered recovered, SnapshotStore snapshots, Spool spool, IPriceFeed feed, IEventSink sink, TimeProvider clock,
        HostMetrics metrics, HostStatus status, ILogger<SequencerCore> log, ICommittee? committee = null)
    {
        (this.config, machine, journal, executed, this.committee) = (config, recovered.Machine, recovered.Journal, recovered.Operations, committee);
        (this.snapshots, this.spool, this.feed, this.clock, this.metrics, this.status, this.log) = (snapshots, spool, feed, clock, metrics, status, log);
        watch = new MarketWatch(config);
        this.sink = new AllSinks([new DepthSink(watch, machine.Keys), sink]);
        epoch = RiskInputs.TryDecode(machine.RiskInputs, out RiskInputs opened, out _) ? opened : null;
        shown = RiskInputs.TryDecode(machine.Engine.LiveInputs.Span, out RiskInputs live, out _) ? live : epoch;
        watch.Restore(machine.Engine.RiskTable, epoch);
        riskInputs = new RiskInputsMaker(config, watch) { Registry = config.Chain.Parameters is null ? RiskInputsMaker.NoRegistry : null };
        // What was kept for an opening that is, or is not, in the journal.
        spool.Opened(machine.RiskInputs);
        lastObserved = shown?.ObservedAt.Milliseconds ?? 0;
        lastTime = machine.Engine.Status.Now.Milliseconds;
        lastSnapshot = recovered.SnapshotSequence;
        channel = Channel.CreateBounded<Work>(new BoundedChannelOptions(config.Limits.Queue) { SingleReader = true });
        Report();
    }

    /// <summary>What the API shows of the margin groups.</summary>
    internal Task<IReadOnlyList<GroupView>> GroupsAsync() => ReadAsync(_ => watch.View());

    /// <summary>Keys of the accounts, for verifying requests outside the core.</summary>
    internal KeyDirectory Keys => machine.Keys;

    /// <summary>Hands work over; false if the queue is full. After a stop the work is refused.</summary>
    internal bool TryPost(Work work)
    {
        if (channel.Writer.TryWrite(work)) return true;
        if (status.HaltReason is null) return false;
        work.Refuse(ApiError.Of(HostCode.Halted, status.HaltReason));
        return true;
    }

    /// <summary>Hands work over, waiting for room.</summary>
    internal ValueTask PostAsync(Work work, CancellationToken cancellation) => channel.Writer.WriteAsync(work, cancellation);

    /// <summary>Reads the state between two commands; works after a safe stop too.</summary>
    /// <exception cref="SequencerBusyException">The queue is full.</exception>
    internal Task<T> ReadAsync<T>(Func<Machine, T> read)
    {
        var work = new ReadWork<T>(read);
        return TryPost(work) ? work.Completion : throw new SequencerBusyException();
    }

    /// <summary>Runs until cancelled. Blocks its thread: give it one of its own.</summary>
    internal void Run(CancellationToken cancellation)
    {
        using ITimer timer = clock.CreateTimer(_ => channel.Writer.TryWrite(new ClockWork()), null, TimeSpan.Zero, ClockInterval);
        var group = new List<Work>(MaxGroup);
        while (WaitForWork(cancellation))
        {
            group.Clear();
            while (group.Count < MaxGroup && channel.Reader.TryRead(out Work? work)) group.Add(work);
            if (status.HaltReason is not null) RefuseAll(group);
            else Guarded(group);
        }

        channel.Writer.TryComplete();
        while (channel.Reader.TryRead(out Work? work)) work.Refuse(ApiError.Of(HostCode.Busy));
    }

    /// <summary>Stops taking commands. Reads go on.</summary>
    internal void Halt(string reason, Exception? error = null)
    {
        if (status.Halt(reason)) log.LogCritical(error, "Safe stop: {Reason}", reason);
    }

    public void Dispose() => journal.Dispose();

    private bool WaitForWork(CancellationToken cancellation)
    {
        try
        {
            return channel.Reader.WaitToReadAsync(cancellation).AsTask().GetAwaiter().GetResult();
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private void Guarded(List<Work> group)
    {
        try
        {
            Execute(group);
        }
        // Whatever went wrong, going on could acknowledge what is not durable, or execute what is not journaled.
        catch (Exception error)
        {
            Halt(error is SafeStopException or IOException or StorageException ? error.Message : $"an internal error: {error.Message}", error);
            RefuseAll(group);
        }
    }

    private void RefuseAll(List<Work> group)
    {
        foreach (Work work in group)
        {
            if (work is IRead read) read.Run(machine);
            else work.Refuse(ApiError.Of(HostCode.Halted, status.HaltReason));
        }
    }

    private void Execute(List<Work> group)
    {
        Watch();
        Advance(mustSeal: false);
        foreach (ChainWork work in group.OfType<ChainWork>()) Follow(work);
        ExecuteCommands([.. group.OfType<CommandWork>().Where(IsAllowed)]);
        ExecuteOperations();
        foreach (Work work in group)
        {
            if (work is IRead read) read.Run(machine);
            if (work is SealWork seal) seal.Complete(SealNow());
        }

        Tick();
        TakeSnapshot();
        Report();
    }

    // Whether prices have brought so much margin below maintenance that the epoch ends before its time. Not where they are too poor for the next one.
    private bool IsDistressed(long now, Observation prices)
    {
        EngineStatus engine = machine.Engine.Status;
        if (!config.Liquidation.Enabled || !engine.IsOpen || epoch is null || !watch.OpensEpoch) return false;
        RiskInputs live = riskInputs.Distress(epoch, prices);
        if (live.Validate() is not null) return false;
        var rule = new EpochRule((Int128)config.Liquidation.EarlyEpochUsd * Scale.AtomsPerUsd);
        return rule.AllowsOpening(now - engine.Opened.Milliseconds, machine.Engine.DistressedMargin(RiskRows.From(live)));
    }

    private void Watch()
    {
        long now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        if (now >= lastWatch && now - lastWatch < WatchInterval) return;
        lastWatch = now;
        Observation? prices = feed.Observe(now);
        watch.Update(now, prices, (id, asks) => machine.Engine.Book(InstrumentId.From(id), asks, ImpactDepth).Select(l => (l.Price.AtomsPerLot, l.Lots.Value)));
        // Before anything that it may forbid.
        if ((watch.Permitted & GroupActions.Everywhere(Proving)) is var permitted && permitted != machine.Engine.Permitted) ExecuteAlone(new PermitCommand(Now(), permitted));
        if (now < lastDistress || now - lastDistress >= DistressInterval)
        {
            lastDistress = now;
            isDistressed = prices is not null && IsDistressed(now, prices);
        }

        if (prices is not null && (now < lastLive || now - lastLive >= config.Epoch.LiveInterval)) ShowLive(now, prices);
        status.Set("prices", watch.Problem);
        status.Set("prover", Proving == RiskActions.All ? null
            : $"{machine.Batches.Unproven} sealed batches are not proven yet; the limit is {InFlight}{(config.Epoch.BondUsd is { } bond ? $", and {machine.Batches.AtRisk / Scale.AtomsPerUsd} of {bond} USD are at risk in them" : "")}, {(Proving == RiskActions.None ? "so none is sealed" : "and at half of it nothing opens and nobody withdraws")}, until some are");
    }

    /// <summary>Batches that may be sealed and not proven: what the configuration allows, and what the vault's deadline does for proofs that take as long as the last ones did.</summary>
    private int InFlight => proofDeadline is { } deadline && proofs.P95 is { } p95
        // One at a time is the slowest there is: with none no proof would ever be faster.
        ? Math.Clamp(InFlightLimit.Of(deadline, p95), 1, config.Epoch.MaxUnproven) : config.Epoch.MaxUnproven;

    /// <summary>What the batches that wait for their proof permit.</summary>
    private RiskActions Proving => InFlightLimit.Permits(InFlight, machine.Batches.Unproven)
        & (config.Epoch.BondUsd is { } bond ? InFlightLimit.Permits((long)bond * Scale.AtomsPerUsd, (long)Int128.Min(machine.Batches.AtRisk, 1L << 61)) : RiskActions.All);

    /// <summary>Gives the engine a table of the newest prices, and of the ranges for opening risk, if they moved since the last one.</summary>
    /// <returns>Whether it has a new one.</returns>
    internal bool ShowLive(long now, Observation prices)
    {
        lastLive = now;
        EngineStatus engine = machine.Engine.Status;
        bool isExecuting = engine.IsOpen && now <= engine.Opened.Milliseconds + config.Epoch.Max;
        if (!isExecuting || epoch is null || now - prices.At > config.Epoch.MaxReportAge) return false;
        RiskInputs live = riskInputs.Live(epoch, Math.Max(prices.At, lastObserved + 1), prices);
        if (!RiskInputsMaker.HasMoved(shown!, live, config.Epoch.LiveMovePpm)) return false;
        string? problem = live.Validate();
        if (problem is null)
        {
            lastObserved = live.ObservedAt.Milliseconds;
            lastTime = Math.Max(lastTime, lastObserved);
            RejectCode code = ExecuteAlone(new LiveRiskCommand(Now(), live.Encode())).Code;
            if (code == RejectCode.None) shown = live;
            else problem = Explanations.Of(code);
        }

        status.Set("live", problem is null ? null : $"the newest prices make no table: {problem}");
        return problem is null;
    }

    // Whether prices, breakers and the prover allow it; what they do not is refused here.
    private bool IsAllowed(CommandWork work)
    {
        if (work is not RequestWork { Request: var request }) return true;
        RiskActions action = MarketWatch.ActionOf(request);
        ApiError? refusal = (action & Proving) != action ? ApiError.Of(HostCode.ProverBehind) : watch.Refusal(request, action, PositionsOf);
        if (refusal is not null) work.Refuse(refusal);
        return refusal is null;
    }

    private IEnumerable<int> PositionsOf(int account) => machine.Engine.View(AccountId.From(account))?.Positions.Select(p => p.Instrument) ?? [];

    private void ExecuteCommands(List<CommandWork> commands)
    {
        while (commands.Count > 0)
        {
            Timestamp time = Now();
            ulong first = journal.Appended.Sequence + 1;
            HostCommand[] group = [.. commands.Select(c => c.At(time))];
            Commit(group);
            var again = new List<(CommandWork Work, Applied Applied)>();
            for (int i = 0; i < group.Length; i++)
            {
                Applied applied = machine.Apply(group[i], first + (ulong)i, sink);
                if (applied.Result is { } result) metrics.Executed(result);
                if (IsBatchFull(applied.Code) && !commands[i].IsRetry) again.Add((commands[i], applied));
                else Complete(commands[i], applied, first + (ulong)i);
            }

            if (again.Count == 0) return;
            if (!Advance(mustSeal: true))
            {
                foreach ((CommandWork work, Applied applied) in again) Complete(work, applied, 0);
                return;
            }

            // The first one has the new batch to itself: if it does not fit now, it never will.
            again[0].Work.IsRetry = true;
            commands = [.. again.Select(a => a.Work)];
        }
    }

    private void Complete(CommandWork work, Applied applied, ulong sequence)
    {
        if (Proving == RiskActions.None && (IsBatchFull(applied.Code) || applied.Code == RejectCode.EpochClosed)) work.Refuse(ApiError.Of(HostCode.ProverBehind));
        else work.Complete(applied, sequence);
    }

    // The chain's operations have no room of their own in the queue: they wait here until prices, view key and batch allow.
    private void ExecuteOperations()
    {
        bool sealedFor = false;
        while (waiting.TryPeek(out ChainOperation? next) && machine.Engine.Status.IsOpen)
        {
            Fr? viewKey = null;
            if (next.Operation.Kind == OperationKind.Register)
            {
                viewKey = machine.ViewKeys.Find(next.Operation.ViewKeyHash);
                bool graceIsOver = clock.GetUtcNow().ToUnixTimeMilliseconds() >= next.SeenAt + config.ViewKeyGraceSeconds * 1000L;
                if (viewKey is null && !graceIsOver) return;
            }

            var command = new OperationCommand(Now(), new QueuedOperation(next.Index, next.Operation, next.Depositor, viewKey));
            Applied applied = ExecuteAlone(command);
            // Whoever asks on the chain can make every operation need a batch of its own. They may fill a quarter of what the prover is allowed to be behind: from half on nobody opens.
            bool mayHurry = machine.Batches.Unproven < Math.Max(1, InFlight / 4);
            if (IsBatchFull(applied.Code) && !sealedFor && mayHurry && Advance(mustSeal: true))
            {
                sealedFor = true;
                continue;
            }

            if (applied.Code is RejectCode.EpochClosed || IsBatchFull(applied.Code)) return;
            if (applied.Code != RejectCode.None) throw new SafeStopException($"The engine refuses operation {next.Index} of the chain with {Name.Of(applied.Code)}.");
            executed[next.Index] = (next.Operation, next.Depositor);
            waiting.Dequeue();
            sealedFor = false;
        }
    }

    private void Follow(ChainWork work)
    {
        foreach (ChainOperation operation in work.Operations)
        {
            long expected = machine.Engine.Status.NextOperation + waiting.Count;
            if (operation.Index >= expected)
            {
                if (operation.Index > expected) throw new SafeStopException($"The chain shows operation {operation.Index}, and {expected} is next: some are missing. Is chain.startBlock later than the vault's first block?");
                waiting.Enqueue(operation);
            }
            else if (executed.TryGetValue(operation.Index, out (Operation Operation, Address Depositor) known) && known != (operation.Operation, operation.Depositor))
            {
                throw new SafeStopException($"Operation {operation.Index} was executed, and the chain now shows another in its place: it reorganised deeper than {config.Chain.Confirmations} confirmations.");
            }
        }

        proofDeadline = work.ProofDeadline ?? proofDeadline;
        if (work.Registry is { } rules)
        {
            if (riskInputs.Registry is null) nextOpenAttempt = 0; // What was missing is there.
            (riskInputs.Registry, registryReadAt) = (rules, clock.GetUtcNow().ToUnixTimeMilliseconds());
        }

        foreach (ChainStep step in work.Steps)
        {
            if (machine.Batches.Advance(step.Stage, step.Batch, step.NewRoot, step.Block) is not { } batch) continue;
            if (step.Stage == BatchStage.Proven) proofs.Proven(step.Batch, clock.GetUtcNow().ToUnixTimeMilliseconds());
            sink.Batch(batch);
        }

        // What still waits must be found again after a restart.
        if (work.Position is { } position && waiting.Count == 0) machine.Chain = position;
    }

    /// <summary>Opens, renews or seals the epoch as is due. Where a committee signs, only what it has signed opens, and the present epoch goes on until then.</summary>
    /// <param name="mustSeal">The batch has no room for what waits, or sealing was asked for.</param>
    /// <param name="mayClose">Seals also if no epoch can open afterwards.</param>
    /// <returns>Whether a new batch is open afterwards; only of interest with <paramref name="mustSeal"/>.</returns>
    private bool Advance(bool mustSeal, bool mayClose = false)
    {
        EngineStatus engine = machine.Engine.Status;
        bool isEmpty = engine.Blocks == 0 && engine.Operations == 0;
        long now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        EpochStep step = EpochPolicy.Decide(config.Epoch, engine, isEmpty, now, isDistressed, mustSeal || isSealDue, watch.OpensEpoch);
        if (step == EpochStep.None)
        {
            proposal = null;
            return false;
        }

        // A quiet epoch converts too, one batch a length.
        bool isTrying = proposal is null && now >= nextOpenAttempt;
        if (step == EpochStep.Open && engine.IsOpen && !isDistressed && isTrying && now - lastSealed >= config.Epoch.Length && Convert()) step = EpochStep.SealAndOpen;
        bool seals = step == EpochStep.SealAndOpen;
        if (seals && Proving == RiskActions.None) return false;
        uint next = engine.IsOpen && !seals ? engine.Batch : engine.Batch + 1;
        if (committee is null)
        {
            if (seals) Seal(now);
            return Propose(next, now) is { } inputs && Open(inputs, null);
        }

        isSealDue = seals;
        (RiskInputs Inputs, RiskAttestation Signed)? attested = Attested(committee, next, mustSeal);
        // Nothing executes any more: what has need not wait.
        bool isOver = now > engine.Opened.Milliseconds + config.Epoch.Max;
        if (attested is null && !(seals && (isOver || mayClose))) return false;
        if (seals) Seal(now);
        return attested is { } a && Open(a.Inputs, a.Signed);
    }

    private void Seal(long now)
    {
        // At the batch's end, from the room that liquidations left.
        Convert();
        Applied applied = ExecuteAlone(new SealCommand(Now()));
        (lastSealed, isSealDue) = (now, false);
        if (applied.Batch is not { } batch) throw new SafeStopException($"The engine refuses to seal batch {machine.Engine.Status.Batch} with {Name.Of(applied.Code)}.");
        spool.Put(batch);
        proofs.Sealed(batch.Header.Batch, now);
        metrics.Sealed();
        log.LogInformation("Batch {Batch} sealed: {Blocks} blocks, {Rows} rows, {Operations} operations, root {Root}",
            batch.Header.Batch, batch.Blocks.Length, batch.Rows.Length, batch.Operations.Length, batch.NewRoot.ToHex());
    }

    /// <summary>What the next epoch is to open with; null if prices do not allow one.</summary>
    private RiskInputs? Propose(uint batch, long now)
    {
        // Refused openings are not repeated at once.
        if (now < nextOpenAttempt) return null;
        string problem = feed.Problem;
        // Two openings never have prices of the same millisecond: of two that share an observation, the later one's counts as later.
        Observation? prices = feed.Observe(now);
        RiskInputs? inputs = null;
        if (prices is not null)
        {
            IReadOnlyDictionary<int, Lots> held = machine.Engine.OpenInterests();
            if (watch.IsControlled) watch.OpenInterest(ByOwner(held));
            if (config.Chain.Parameters is not null && now - registryReadAt > RegistryLife) riskInputs.Registry = null;
            inputs = riskInputs.Make(batch, Math.Max(prices.At, lastObserved + 1), prices, held, out problem);
        }

        if (inputs is null) CannotOpen(problem);
        else lastObserved = inputs.ObservedAt.Milliseconds;
        return inputs;
    }

    /// <summary>
    /// Inputs that the committee has signed; null as long as it has not. Asks it if nothing is under way. What is dropped on the way has changed nothing: funding is taken when an epoch opens, and a later proposal is of later prices.
    /// </summary>
    /// <param name="mayWait">Whether to wait a little for the answer; not for a committee that did not sign the last time.</param>
    private (RiskInputs, RiskAttestation)? Attested(ICommittee committee, uint batch, bool mayWait)
    {
        if (proposal?.Inputs.Batch != batch) proposal = null;
        if (proposal is null && Propose(batch, clock.GetUtcNow().ToUnixTimeMilliseconds()) is { } proposed)
        {
            Task<CommitteeAnswer> asked = committee.AskAsync(proposed);
            // The core looks at once, not when its clock ticks.
            asked.ContinueWith(_ => channel.Writer.TryWrite(new ClockWork()), TaskScheduler.Default);
            proposal = (proposed, asked);
        }

        if (proposal is not { } p) return null;
        if (mayWait && isSigning && Task.WaitAny([p.Answer], SigningPatience) < 0) isSigning = false;
        if (!p.Answer.IsCompleted) return null;
        proposal = null;
        CommitteeAnswer answer = p.Answer.IsCompletedSuccessfully ? p.Answer.Result : new CommitteeAnswer(null, $"the committee cannot be asked: {p.Answer.Exception?.GetBaseException().Message}");
        isSigning = answer.Signed is not null;
        if (answer.Signed is { } signed && Now().Milliseconds - p.Inputs.ObservedAt.Milliseconds <= config.Epoch.MaxReportAge) return (p.Inputs, signed);
        CannotOpen(answer.Signed is null ? answer.Problem : "when the committee had signed the prices they were too old");
        return null;
    }

    private bool Open(RiskInputs inputs, RiskAttestation? signed)
    {
        isDistressed = false;
        lastTime = Math.Max(lastTime, inputs.ObservedAt.Milliseconds);
        byte[] bytes = inputs.Encode();
        // Signatures are on the disk before anything can execute under what they sign.
        if (signed is not null) spool.PutNext(signed);
        RejectCode code = ExecuteAlone(new OpenEpochCommand(Now(), bytes)).Code;
        if (code != RejectCode.None)
        {
            CannotOpen(Explanations.Of(code));
            return false;
        }

        if (signed is not null) spool.Opened(bytes);
        watch.TakeFunding();
        epoch = shown = inputs;
        nextOpenAttempt = 0;
        status.Set("oracle", null);
        // The range for opening risk holds from the start, and so do prices that are newer than those that were signed.
        long now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        if (feed.Observe(now) is { } prices) ShowLive(now, prices);
        return true;
    }

    private void CannotOpen(string problem)
    {
        nextOpenAttempt = clock.GetUtcNow().ToUnixTimeMilliseconds() + OpenRetryInterval;
        status.Set("oracle", $"no epoch can open: {problem}");
    }

    // Open interest without what owners of several accounts hold against themselves.
    private Dictionary<int, Int128> ByOwner(IReadOnlyDictionary<int, Lots> held)
    {
        Dictionary<int, Int128> interest = held.ToDictionary(h => h.Key, h => (Int128)h.Value.Value);
        ILookup<int, (Address Owner, long Lots)> positions = machine.Keys.Several
            .SelectMany(owner => owner.Value.SelectMany(account => machine.Engine.View(AccountId.From(account))!.Positions.Select(p => (p.Instrument, owner.Key, p.Size))))
            .ToLookup(p => p.Instrument, p => (p.Key, p.Size));
        foreach (IGrouping<int, (Address Owner, long Lots)> p in positions) interest[p.Key] += OpenInterestByOwner.Of(p) - p.Sum(held => Math.Max(0, held.Lots));
        return interest;
    }

    /// <summary>Turns positions of settled instruments into cash, as far as the batch has room.</summary>
    /// <returns>Whether any was.</returns>
    private bool Convert()
    {
        RiskRow[] settled = [.. machine.Engine.RiskTable.Where(r => (r.Flags & InstrumentFlags.Settled) != 0 && !converted.Contains(r.Id))];
        if (settled.Length == 0) return false;
        IReadOnlyDictionary<int, Lots> held = machine.Engine.OpenInterests();
        // Sizes sum to zero: without longs there are no shorts.
        foreach (RiskRow row in settled)
            if (held[row.Id].Value == 0) converted.Add(row.Id);
        return settled.Any(r => !converted.Contains(r.Id)) && ExecuteAlone(new ConvertCommand(Now())).Code == RejectCode.None;
    }

    private Answer<BatchView> SealNow()
    {
        uint batch = machine.Engine.Status.Batch;
        Advance(mustSeal: true, mayClose: true);
        return machine.Batches[batch] is { Stage: >= BatchStage.Sealed } view ? view : ApiError.Of(machine.Engine.Status.IsOpen ? RejectCode.NothingToSeal : RejectCode.EpochClosed);
    }

    // Orders past their expiry leave the book also when nothing else happens.
    private void Tick()
    {
        long now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        if (now - lastTick < TickInterval) return;
        lastTick = now;
        if (config.Instruments.Any(t => HasOrders(t.Id, asks: false) || HasOrders(t.Id, asks: true))) ExecuteAlone(new TickCommand(Now()));
    }

    private bool HasOrders(int instrument, bool asks) => machine.Engine.Book(InstrumentId.From(instrument), asks, 1).Length > 0;

    private Applied ExecuteAlone(HostCommand command)
    {
        Commit([command]);
        return machine.Apply(command, journal.Committed.Sequence, sink);
    }

    private void Commit(HostCommand[] commands)
    {
        long started = clock.GetTimestamp();
        foreach (HostCommand command in commands) journal.Append(HostCommandCodec.Encode(command));
        journal.Commit();
        metrics.Committed(commands.Length, clock.GetElapsedTime(started));
    }

    private void TakeSnapshot()
    {
        ulong at = journal.Committed.Sequence;
        if (at - lastSnapshot < (ulong)config.SnapshotRecords || !sink.HasKept()) return;
        snapshots.Save(new Snapshot(journal.Committed, machine.Snapshot()));
        lastSnapshot = at;
        log.LogInformation("Snapshot at record {Sequence}", at);
    }

    // Command times never go back, whatever the clock does.
    private Timestamp Now()
    {
        lastTime = Math.Max(clock.GetUtcNow().ToUnixTimeMilliseconds(), lastTime);
        return Timestamp.FromMilliseconds(lastTime);
    }

    private void Report() => status.Progress(journal.Committed.Sequence, machine.Engine.Status, machine.Batches.LastSealed, machine.Batches.LastFinal, waiting.Count);

    private static bool IsBatchFull(RejectCode code) =>
        code is RejectCode.BatchBlocksFull or RejectCode.BatchRowsFull or RejectCode.BatchOperationsFull or RejectCode.BatchInstrumentsFull
            or RejectCode.BatchForcedFull or RejectCode.BatchReliefFull or RejectCode.Liquidating
            or RejectCode.RequestServed;
}

/// <summary>The core's queue is full.</summary>
public sealed class SequencerBusyException() : Exception("The sequencer's queue is full.");
