using System.Numerics;
using Microsoft.Extensions.Logging;
using Rollup.Crypto.Settlement;
using Rollup.Ethereum;
using Rollup.Gossip;
using Rollup.Protocol;
using Rollup.Risk;
using Rollup.StateVerifier.Chain;
using Rollup.StateVerifier.Checks;

namespace Rollup.Watcher;

/// <summary>
/// Looks at L1 again and again, checks every batch with the state verifier's rules, and acts: freezes what is overdue, challenges what is wrong or unproven, and shows the sequencer's contradictions.
/// It believes no one: neither the sequencer, which it never asks, nor the endpoint, whose answers must agree with each other.
/// </summary>
internal sealed class Watch : IGossipObserver
{
    private readonly WatcherConfig config;
    private readonly IEthereum ethereum;
    private readonly WatcherState state;
    private readonly Actor actor;
    private readonly Alerts alerts;
    private readonly WatcherMetrics metrics;
    private readonly ReceiptGuard? receipts;
    private readonly Func<VaultCircuit, CancellationToken, Task>? join;
    private readonly TimeProvider clock;
    private readonly ILogger log;
    private readonly Pins pins;
    private readonly RuleCheck rules;

    private readonly KnownInputs known = new();

    private ChainSource source;
    private BatchChain? chain;
    private readonly List<BatchEvents> @checked = [];
    private (uint Batch, CheckFailedException Error, BatchEvidence Evidence)? failed;
    private RiskChallenge? riskChallenge;
    private byte[]? lastInputs; // Of the last batch checked.
    private readonly Queue<(BatchEvents Batch, long Open, byte[]? Previous, byte[] Inputs, object[] Words)> toJudge = new(); // By the rules between batches.
    private readonly List<BrokenRule> broken = [], brokenNow = []; // Found in earlier looks, and in this one.
    private string? suspicion;
    private uint judgedBefore;

    /// <summary>Batches that one look checks: while a long history is caught up with, deadlines are watched all the same.</summary>
    private const int BatchesInLook = 256;

    // The block whose sums were compared last.
    private ulong? solvencyOf;

    // The version of the circuit in whose network this watcher takes part.
    private uint? joined;

    /// <param name="join">Takes part in the network of a circuit (its topics and signatures are of the domain) in place of the one before; null: in none.</param>
    internal Watch(WatcherConfig config, IEthereum ethereum, WatcherState state, Actor actor, Alerts alerts, WatcherMetrics metrics, ReceiptGuard? receipts,
        Func<VaultCircuit, CancellationToken, Task>? join, TimeProvider clock, ILogger log)
    {
        (this.config, this.ethereum, this.state, this.actor, this.alerts, this.metrics, this.receipts, this.join, this.clock, this.log) = (config, ethereum, state, actor, alerts, metrics, receipts, join, clock, log);
        pins = new Pins(config.ChainId, [.. config.VerifyingKeyHashes.Select(Bytes32.Parse)]);
        rules = new RuleCheck(config, ethereum);
        source = NewSource();
    }

    void IGossipObserver.Contradiction(GossipContradiction contradiction) => receipts?.Note(contradiction);

    void IGossipObserver.Risk(RiskInputs inputs) => known.Add(inputs);

    void IGossipObserver.Batch(GossipBatch batch)
    {
        if (PublicBatch.TryDecode(batch.Data.Span, out PublicBatch data, out _)) known.Add(data.RiskInputs.AsSpan());
    }

    /// <summary>Looks until cancelled; what fails is tried again.</summary>
    internal async Task RunAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            bool isBehind = false;
            try
            {
                isBehind = await LookAsync(stop);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception error) when (error is EthereumException or GossipException or TimeoutException or OperationCanceledException)
            {
                metrics.Failed(error.Message);
                log.LogWarning("This look failed: {Problem}", error.Message);
            }

            if (isBehind) continue;
            await Task.Delay(TimeSpan.FromMilliseconds(config.PollMilliseconds), clock, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Looks once.</summary>
    /// <returns>Whether there is more to check than was checked.</returns>
    internal async Task<bool> LookAsync(CancellationToken cancellation)
    {
        VaultSnapshot snapshot;
        VaultEvents events;
        VaultParameters parameters;
        try
        {
            snapshot = await source.ReadSnapshotAsync(null, cancellation);
            parameters = VaultParameters.From(snapshot, pins);
            events = VaultEvents.From(snapshot, parameters);
            receipts?.Follow(parameters.Circuit);
            await CheckAsync(snapshot, parameters, events, cancellation);
            await source.ConfirmAsync(snapshot, cancellation);
        }
        catch (ChainReorganisedException error)
        {
            log.LogInformation("{Problem}", error.Message);
            Restart();
            return false;
        }
        catch (CheckFailedException error) when (error.Batch is null)
        {
            // What concerns the vault as a whole is either another contract, or answers that do not belong together.
            await SuspectAsync(error.Message, async () => await alerts.RaiseAsync("endpoint", error.Message, $"the endpoint's answers about the vault cannot be true: {error.Message}"));
            Restart();
            return false;
        }

        await TellUpgradesAsync(snapshot, parameters, cancellation);
        long now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        metrics.Looked(snapshot.Head.Number, events.Batches.Count, @checked.Count, parameters.LastFinal, parameters.IsFrozen, state.Spent, now);
        if (await SettleAsync(cancellation)) return false; // What was read is no longer so.
        if (parameters.IsFrozen) await alerts.RaiseAsync("frozen", "vault", $"the vault is frozen; the last final batch is {parameters.LastFinal}. Owners register their exits now");
        else await GuardAsync(snapshot, parameters, events, cancellation);
        if (receipts is not null) await receipts.LookAsync(cancellation);
        await TellSolvencyAsync(snapshot, events, cancellation);
        if (join is not null && joined != parameters.Circuit.Version)
        {
            await join(parameters.Circuit, cancellation);
            joined = parameters.Circuit.Version;
        }

        return failed is null && chain is not null && @checked.Count < events.Batches.Count;
    }

    private ChainSource NewSource() => new(ethereum, config.Vault, config.FromBlock, BlockTag.Latest);

    private void Restart()
    {
        (chain, failed, riskChallenge, lastInputs, source) = (null, null, null, null, NewSource());
        @checked.Clear();
        toJudge.Clear();
        broken.Clear();
        brokenNow.Clear();
        receipts?.Forget();
    }

    /// <summary>Runs the action when the same thing is found wrong in two looks from the start: an endpoint's slip accuses nobody.</summary>
    private async Task SuspectAsync(string what, Func<Task> act)
    {
        bool again = suspicion == what;
        suspicion = what;
        if (again) await act();
    }

    private async Task CheckAsync(VaultSnapshot snapshot, VaultParameters parameters, VaultEvents events, CancellationToken cancellation)
    {
        int same = 0;
        while (same < @checked.Count && same < events.Batches.Count && IsSame(@checked[same], events.Batches[same])) same++;
        if (same < @checked.Count)
        {
            log.LogWarning("L1 reorganised: batch {Batch} is another or gone; all is checked again", same + 1);
            metrics.Reorganised();
            Restart();
        }

        if (failed is { } bad && (bad.Batch > events.Batches.Count || bad.Evidence.Commit?.Hash != events.Batches[(int)bad.Batch - 1].Committed.TransactionHash)) Restart();
        if (failed is not null)
        {
            await JudgeAsync(cancellation); // What came before it.
            return;
        }

        if (chain is not null) chain.GoOn(parameters, events);
        else
        {
            chain = new BatchChain(parameters, events, new HashSet<int>());
            (uint last, Bytes32 commit) = state.Judged;
            judgedBefore = last > 0 && last <= events.Batches.Count && events.Batches[(int)last - 1].Committed.TransactionHash == commit ? last : 0;
        }

        foreach (BatchEvents batch in events.Batches.Skip(@checked.Count).Take(BatchesInLook))
        {
            // Nothing can be objected to a final batch; what was judged before has only to give the tree again.
            bool isKnown = batch.Batch <= judgedBefore && batch.Finalized is not null;
            BatchEvidence evidence = await source.ReadBatchAsync(snapshot, batch, cancellation);
            BatchReport report;
            try
            {
                report = isKnown ? chain.Rebuild(batch, evidence) : chain.Append(batch, evidence);
            }
            catch (CheckFailedException error)
            {
                await source.ConfirmAsync(snapshot, cancellation); // Not merely another chain.
                bool isSure = suspicion == error.Message;
                suspicion = error.Message;
                if (isSure) failed = (batch.Batch, error, evidence); // The chain is not used again.
                else Restart();
                return;
            }

            metrics.Rebuilt(isKnown);
            object[] submission = SubmissionOf(evidence);
            var inputs = (byte[])submission[3];
            if (!isKnown) toJudge.Enqueue((batch, report.Header.Open, lastInputs, inputs, (object[])submission[0]));
            lastInputs = inputs;
            @checked.Add(batch);
            known.Add(inputs);
            receipts?.Note(batch.Batch, parameters.CircuitAt(batch.Committed), evidence);
        }

        await JudgeAsync(cancellation);
        if (@checked.Count > judgedBefore && @checked[^1].Committed.TransactionHash is var newest && newest != state.Judged.Commit) state.Judge((uint)@checked.Count, newest);
    }

    /// <summary>Apart from the chain, which has these batches: where the endpoint does not answer, the next look goes on.</summary>
    private async Task JudgeAsync(CancellationToken cancellation)
    {
        while (toJudge.TryPeek(out var next))
        {
            foreach (BrokenRule rule in await rules.FindAsync(next.Batch.Batch, next.Open, next.Previous, next.Inputs, next.Words, cancellation))
            {
                await alerts.RaiseAsync(rule.Kind, $"{rule.Batch}", rule.Text, rule.Batch);
                if (next.Batch.Finalized is null) brokenNow.Add(rule);
            }

            toJudge.Dequeue();
        }
    }

    private static bool IsSame(BatchEvents one, BatchEvents other) => one.Committed.BlockHash == other.Committed.BlockHash && one.Committed.TransactionHash == other.Committed.TransactionHash;

    /// <summary>The vault compares nothing by itself once tokens are gone in a way that it does not know: somebody has to.</summary>
    private async Task TellSolvencyAsync(VaultSnapshot snapshot, VaultEvents events, CancellationToken cancellation)
    {
        if (snapshot.Head.Number == solvencyOf) return;
        foreach (int asset in events.Operations.Select(o => (int)((o.Words[0] >> (Width.OperationKind + Width.Account)) & ((1 << Width.Instrument) - 1))).Append(0).Distinct().Order())
        {
            object[] answer = await ethereum.CallAsync(config.Vault, VaultAbi.Solvency, [asset], snapshot.Head.Number, cancellation);
            (BigInteger liabilities, BigInteger holdings) = ((BigInteger)answer[0], (BigInteger)answer[1]);
            metrics.Counted(asset, Bounded(liabilities), Bounded(holdings));
            if (holdings < liabilities) await alerts.RaiseAsync("insolvent", $"{asset}", $"accounts hold {liabilities} of asset {asset}, and the vault has {holdings} for them (atoms of cash, lots of others)");
        }

        solvencyOf = snapshot.Head.Number;

        // Anybody may give the vault more of a token than a gauge shows.
        static long Bounded(BigInteger sum) => (long)BigInteger.Min(sum, long.MaxValue);
    }

    /// <summary>Whoever does not want the next circuit has to know of it while there is time to leave.</summary>
    private async Task TellUpgradesAsync(VaultSnapshot snapshot, VaultParameters parameters, CancellationToken cancellation)
    {
        foreach (VaultCircuit circuit in parameters.Circuits.Skip(1))
            await alerts.RaiseAsync("upgrade", $"{circuit.Version}", $"since block {circuit.Since.BlockNumber} batches are of circuit version {circuit.Version}: profile {circuit.Profile.Name}, verifying key {circuit.KeyHash}");
        var upgrades = (Address)(await ethereum.CallAsync(config.Vault, VaultAbi.Upgrades, [], snapshot.Head.Number, cancellation))[0];
        if (upgrades.IsZero) return;
        var proposed = Bytes32.FromBytes((byte[])(await ethereum.CallAsync(upgrades, UpgradesAbi.Proposed, [], snapshot.Head.Number, cancellation))[0]);
        if (proposed == default) return;
        var from = (BigInteger)(await ethereum.CallAsync(upgrades, UpgradesAbi.From, [], snapshot.Head.Number, cancellation))[0];
        await alerts.RaiseAsync("upgrade", $"{proposed} {from}", $"another circuit is proposed, {proposed}, and may be in force from second {from}: look at it, and leave before if you do not want it");
    }

    private async Task GuardAsync(VaultSnapshot snapshot, VaultParameters parameters, VaultEvents events, CancellationToken cancellation)
    {
        if (failed is { } bad)
        {
            await alerts.RaiseAsync("badBatch", $"{bad.Batch} {bad.Error.Message}", $"{bad.Error.Message}. Nothing after it is checked", bad.Batch);
            if (bad.Error.Check == Check.Risk && bad.Batch > parameters.LastFinal && config.Challenges is { } judge)
            {
                riskChallenge ??= new RiskChallenge(config, ethereum, actor, alerts, log, judge, bad.Batch, RiskInputsOf(bad.Evidence), RiskRootOf(bad.Evidence));
                if (await riskChallenge.StepAsync(known, cancellation)) return;
            }
        }

        // The contract judges by what the batches were committed with, a look after it was found: L1 still has them.
        broken.RemoveAll(b => b.Batch <= parameters.LastFinal);
        foreach (BrokenRule rule in broken)
            if (config.Challenges is { } court && await actor.SendAsync(rule.Action, court, rule.Call, cancellation)) return;
        broken.AddRange(brokenNow);
        brokenNow.Clear();

        // What is overdue the vault knows best.
        byte[] freeze = VaultAbi.Freeze.Encode();
        if (await actor.WouldSucceedAsync(config.Vault, freeze, cancellation))
        {
            await alerts.RaiseAsync("overdue", "vault", "a proof or an operation of the vault's queue is overdue: the vault may be frozen, and is");
            if (await actor.SendAsync("freeze", config.Vault, freeze, cancellation)) return;
        }

        BatchEvents? unproven = events.Batches.FirstOrDefault(b => b.Proven is null);
        if (unproven is null || config.Challenges is not { } challenges) return;
        long age = (long)snapshot.Head.Timestamp - await CommittedAtAsync(unproven.Batch, snapshot, cancellation);
        bool isLate = config.UnprovenSeconds > 0 && age >= config.UnprovenSeconds;
        bool isWrong = failed is { } wrong && wrong.Error.Check != Check.Risk;
        if (isLate) await alerts.RaiseAsync("unproven", $"{unproven.Batch}", $"it is not proven {age} s after its commit", unproven.Batch);
        if (isLate || isWrong) await ChallengeUnprovenAsync(challenges, unproven.Batch, cancellation);
    }

    private async Task<long> CommittedAtAsync(uint batch, VaultSnapshot snapshot, CancellationToken cancellation)
    {
        var record = (object[])(await ethereum.CallAsync(config.Vault, VaultAbi.Batches, [batch], snapshot.Head.Number, cancellation))[0];
        return (long)(BigInteger)record[7];
    }

    private async Task ChallengeUnprovenAsync(Address challenges, uint batch, CancellationToken cancellation)
    {
        var demand = await ethereum.CallAsync(challenges, ChallengesAbi.Demands, [batch], default, cancellation);
        if (!((Address)demand[0]).IsZero)
        {
            if ((Address)demand[0] == actor.Address && !state.Stakes.ContainsKey(batch)) state.Stake(batch, 0); // Sent, and the answer was lost.
            return;
        }

        var stake = (BigInteger)(await ethereum.CallAsync(challenges, ChallengesAbi.ChallengeBond, [], default, cancellation))[0];
        long staked = state.Stakes.Values.Sum();
        if (staked + stake > config.Spending.StakeAtoms)
        {
            await alerts.RaiseAsync("spending", $"stake {batch} {config.Spending.StakeAtoms}",
                $"a challenge of batch {batch} stakes {stake} atoms, {staked} are staked, and spending.stakeAtoms is {config.Spending.StakeAtoms}: it is not challenged", batch);
            return;
        }

        var cash = (Address)(await ethereum.CallAsync(challenges, ChallengesAbi.Cash, [], default, cancellation))[0];
        var allowed = (BigInteger)(await ethereum.CallAsync(cash, TokenAbi.Allowance, [actor.Address, challenges], default, cancellation))[0];
        if (allowed < stake && !await actor.SendAsync("approve", cash, TokenAbi.Approve.Encode(challenges, stake), cancellation)) return;
        if (await actor.SendAsync("challengeUnproven", challenges, ChallengesAbi.ChallengeUnproven.Encode(batch), cancellation)) state.Stake(batch, (long)stake);
        else await alerts.RaiseAsync("spending", $"challenge {batch}", $"batch {batch} should be challenged, and the challenge would not succeed: has {Eip55.Format(actor.Address)} the cash?", batch);
    }

    // A stake is collected as soon as its challenge can be ended; if it was right, that freezes the vault.
    private async Task<bool> SettleAsync(CancellationToken cancellation)
    {
        if (config.Challenges is not { } challenges) return false;
        bool settled = false;
        foreach (uint batch in state.Stakes.Keys.ToArray())
        {
            var demand = await ethereum.CallAsync(challenges, ChallengesAbi.Demands, [batch], default, cancellation);
            bool isOurs = (Address)demand[0] == actor.Address;
            if (isOurs && !await actor.SendAsync("settleUnproven", challenges, ChallengesAbi.SettleUnproven.Encode(batch), cancellation)) continue;
            settled |= isOurs;
            state.Answered(batch);
        }

        return settled;
    }

    private static object[] SubmissionOf(BatchEvidence evidence) => (object[])VaultAbi.CommitBatch.DecodeArguments(evidence.Commit!.Input)[0];

    private static byte[] RiskInputsOf(BatchEvidence evidence) => (byte[])SubmissionOf(evidence)[3];

    private static Fr RiskRootOf(BatchEvidence evidence) => Fr.FromBigInteger((BigInteger)SubmissionOf(evidence)[2]);
}
