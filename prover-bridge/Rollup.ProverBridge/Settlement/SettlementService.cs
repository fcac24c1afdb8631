using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Rollup.Ethereum;
using Rollup.Groth16;
using Rollup.ProverBridge.Jobs;
using Rollup.ProverBridge.Monitoring;
using Rollup.Protocol;

namespace Rollup.ProverBridge.Settlement;

/// <summary>What the vault must be for this bridge.</summary>
/// <param name="Operator">Whose key this bridge commits with; null if it commits nothing.</param>
public sealed record VaultExpectation(ulong ChainId, Fr Domain, uint CircuitVersion, CircuitProfile Profile, VerifyingKey Key, Address? Operator);

/// <summary>
/// Looks at the vault again and again. Where the chain is unreachable or refuses, it waits with back-off and nothing is lost; where the
/// vault cannot accept a batch, or is not the one the bridge was configured for, it stops the whole bridge.
/// </summary>
public sealed class SettlementService(
    IEthereum ethereum, Vault vault, VaultExpectation expectation, Func<VaultFacts, Settler> settlerFor, JobStore store, RetryPolicy retry,
    TimeSpan poll, TimeSpan lease, TimeProvider clock, Metrics metrics, BridgeStatus status, ILogger<SettlementService> log) : BackgroundService
{
    private const string Part = "settlement";

    private readonly string owner = $"{Environment.MachineName}:{Environment.ProcessId}:{Guid.NewGuid():N}";

    /// <summary>Compares chain and vault with what the bridge was configured for.</summary>
    /// <exception cref="SettlementHaltedException">They differ; the message says in what.</exception>
    /// <exception cref="EthereumException"/>
    public static async Task<VaultFacts> CheckAsync(IEthereum ethereum, Vault vault, VaultExpectation expected, CancellationToken cancellation)
    {
        ulong chain = await ethereum.GetChainIdAsync(cancellation);
        VaultFacts facts = await vault.ReadFactsAsync(cancellation);
        Address @operator = await vault.ReadOperatorAsync(cancellation);
        string? problem =
            chain != expected.ChainId ? $"the endpoint serves chain {chain}; the configuration says {expected.ChainId}"
            : !DevKeys.IsLocalChain(chain) && DevKeys.IsDevelopment(expected.Key) ? $"the proving key is a development key, and chain {chain} is not a local one"
            : facts.CircuitVersion != expected.CircuitVersion
                ? $"its circuit has version {facts.CircuitVersion}, and circuit.version is {expected.CircuitVersion}: {(facts.CircuitVersion > expected.CircuitVersion ? "it was upgraded; start the bridge with the circuit, keys and spool of that version" : "the upgrade is not in force yet")}"
            : facts.Domain != expected.Domain ? $"the vault's domain is {facts.Domain.ToHex()}, and that of chain, address and circuit version is {expected.Domain.ToHex()}: it is another contract"
            : (facts.Blocks, facts.Rows, facts.Operations) != (expected.Profile.Blocks, expected.Profile.Rows, expected.Profile.Operations)
                ? $"the vault is built for {facts.Blocks} blocks, {facts.Rows} rows and {facts.Operations} operations; profile '{expected.Profile.Name}' has {expected.Profile.Blocks}, {expected.Profile.Rows} and {expected.Profile.Operations}"
            : !facts.VerifierKey.AsSpan().SequenceEqual(expected.Key.ToEvmWords()) ? $"the vault's verifier {Eip55.Format(facts.Verifier)} has another verification key than circuit.verificationKey"
            : expected.Operator is { } ours && ours != @operator ? $"the vault's operator is {Eip55.Format(@operator)}, and the key of ethereum.operator is {Eip55.Format(ours)}"
            : null;
        return problem is null ? facts : throw new SettlementHaltedException($"The vault {Eip55.Format(vault.Address)} does not fit: {problem}.");
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        Task renewing = Task.CompletedTask;
        try
        {
            while (!store.TryHoldSettlement(owner, lease))
            {
                status.Report(Part, "another bridge with this queue sends the transactions");
                await Task.Delay(lease / 2, clock, stoppingToken);
            }

            renewing = RenewAsync(stoppingToken);
            await SettleAsync(stoppingToken);
        }
        catch (SettlementHaltedException halted)
        {
            status.Halt(halted.Message);
        }
        finally
        {
            await renewing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            store.ReleaseSettlement(owner);
        }
    }

    private async Task SettleAsync(CancellationToken stopping)
    {
        Settler? settler = null;
        for (int failures = 0; ;)
        {
            TimeSpan wait = poll;
            try
            {
                settler ??= settlerFor(await CheckAsync(ethereum, vault, expectation, stopping));
                bool sent = await settler.StepAsync(stopping);
                failures = 0;
                metrics.ChainReachable.Set(1);
                status.Report(Part, settler.Obstacle);
                if (sent) continue;
            }
            catch (EthereumException error)
            {
                metrics.SettlementRetries.Increment();
                metrics.ChainReachable.Set(error is EthereumUnreachableException ? 0 : 1);
                wait = retry.DelayAfter(++failures);
                status.Report(Part, error.Message);
                log.LogWarning("Waiting {Seconds:0.0} s for the chain: {Reason}", wait.TotalSeconds, error.Message);
            }

            await Task.Delay(wait, clock, stopping);
        }
    }

    private async Task RenewAsync(CancellationToken stopping)
    {
        while (true)
        {
            await Task.Delay(lease / 3, clock, stopping);
            // Whatever another bridge has sent meanwhile is seen in the vault's state before anything is sent from here.
            if (!store.TryHoldSettlement(owner, lease)) log.LogWarning("Another bridge has taken over the settlement");
        }
    }
}
