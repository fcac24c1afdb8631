using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Rollup.Ethereum;
using Rollup.Protocol;
using Rollup.Risk;
using Rollup.Sequencer.Configuration;
using Rollup.Sequencer.Core;

namespace Rollup.Sequencer.Chain;

/// <summary>
/// Follows the vault and hands what it shows to the core, in order. While the chain cannot be reached the sequencer trades on, and health says so.
/// A reorganisation deeper than the confirmations stops the sequencer safely.
/// </summary>
/// <param name="check">Run once, before anything is followed: gives the proof deadline, milliseconds (<see cref="VaultCheck"/>).</param>
/// <param name="registryAt">Reads the registry as of a block; null = none is followed.</param>
/// <param name="from">Where following ended before the last stop; null to begin at the first block.</param>
internal sealed class VaultFollower(
    SequencerConfig config, IChainReader chain, Func<CancellationToken, Task<long>> check, ReadRegistry? registryAt, SequencerCore core, HostStatus status, ChainPosition? from, TimeProvider clock,
    ILogger<VaultFollower> log) : BackgroundService
{
    private const string Part = "chain";
    private static readonly TimeSpan RegistryInterval = TimeSpan.FromMinutes(1);
    private readonly LogFollower follower = new(chain, VaultEvents.Filter(config.Chain.Vault), HistoryFrom(config, from), config.Chain.Confirmations);
    private long? proofDeadline;
    private ulong? registryOf;
    private long registryRead;

    /// <summary>Looks once.</summary>
    /// <returns>Whether another look would bring more at once.</returns>
    internal async Task<bool> PollAsync(CancellationToken cancellation)
    {
        proofDeadline ??= await check(cancellation);
        LogUpdate update = await follower.PollAsync(cancellation);
        if (update.Removed.Count > 0)
            throw new SafeStopException($"The chain took back block {update.Removed[0].BlockNumber}, whose events were executed: it reorganised deeper than {config.Chain.Confirmations} confirmations. "
                + "If the new chain queues the same operations in the same order, delete the snapshots and start again: the journal is then held against the new chain. Else the state has no ground any more.");

        long now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        if (update.Added.FirstOrDefault(VaultAbi.VaultFroze.Matches) is { } frozen)
            throw new SafeStopException($"The vault was frozen in block {frozen.BlockNumber}: nothing more can be settled.");
        foreach (Log log in update.Added)
            if (VaultEvents.ReadCircuit(log) is { } version && version > config.Chain.CircuitVersion)
                throw new SafeStopException($"The vault's circuit was upgraded from version {config.Chain.CircuitVersion} to {version} in block {log.BlockNumber}: what is sealed and not final there can never be. "
                    + "Go on in a new data directory for that version, which `sequencer upgrade` makes from this one.");
        var work = new ChainWork(
            [.. update.Added.Select(l => VaultEvents.ReadOperation(l, now)).OfType<ChainOperation>()], [.. update.Added.Select(VaultEvents.ReadStep).OfType<ChainStep>()],
            follower.Tip is { } tip ? new ChainPosition(tip.Number, tip.Hash.ToString(), tip.ParentHash.ToString()) : null, proofDeadline,
            update.CaughtUp ? await RegistryAsync(cancellation) : null);
        await core.PostAsync(work, cancellation);
        status.Followed(update.Next);
        return !update.CaughtUp;
    }

    // Once a block and, on a quiet chain, once a minute, as of the last block that counts: older ones an endpoint may not know any more.
    private async Task<RegistryRules?> RegistryAsync(CancellationToken cancellation)
    {
        if (registryAt is null || follower.Tip is not { } tip || (tip.Number == registryOf && clock.GetElapsedTime(registryRead) < RegistryInterval)) return null;
        (byte[] bytes, IReadOnlyDictionary<int, (long, long)> ranges) = await registryAt(tip.Number, cancellation);
        bool isUsable = RiskParameters.TryDecode(bytes, out RiskParameters parameters, out string problem);
        (registryOf, registryRead) = (tip.Number, clock.GetTimestamp());
        // The vault's contracts take such parameters for malformed, so no batch could have them.
        status.Set("parameters", isUsable ? null : $"the registry's risk parameters cannot be used, and epochs open with those before for half an hour: {problem}");
        return isUsable ? new RegistryRules(parameters, ranges) : null;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        bool wasReached = true;
        while (status.HaltReason is null)
        {
            try
            {
                bool isMore = await PollAsync(stoppingToken);
                if (!wasReached) log.LogInformation("The chain answers again");
                wasReached = true;
                status.Set(Part, null);
                if (isMore) continue;
            }
            catch (Exception error) when (error is SafeStopException or ReorganisationTooDeepException or AbiException)
            {
                core.Halt(error.Message, error);
                return;
            }
            catch (EthereumException error)
            {
                if (wasReached) log.LogWarning("The chain cannot be followed; trading goes on: {Reason}", error.Message);
                wasReached = false;
                status.Set(Part, $"operations and batches are not followed: {error.Message}");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(config.Chain.PollMilliseconds), clock, stoppingToken);
        }
    }

    private static LogHistory HistoryFrom(SequencerConfig config, ChainPosition? from) => from is null
        ? new LogHistory(config.Chain.StartBlock, config.Chain.ReorganisationDepth)
        : LogHistory.After(new Block(from.Number, Bytes32.Parse(from.Hash), Bytes32.Parse(from.ParentHash), 0, 0, 0), config.Chain.ReorganisationDepth);
}
