using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Rollup.Crypto;
using Rollup.Engine;
using Rollup.Ethereum;
using Rollup.Groth16;
using Rollup.Protocol;
using Rollup.ProverBridge.Jobs;
using Rollup.ProverBridge.Monitoring;
using Rollup.ProverBridge.Proving;
using Rollup.Witness;

namespace Rollup.ProverBridge.Settlement;

/// <summary>Nothing more may be sent to the vault until an operator has looked; the message says why and what to do.</summary>
public sealed class SettlementHaltedException(string message) : Exception(message);

/// <summary>Why a proof does not hold for these public inputs; null if it does.</summary>
public delegate string? RefuseProof(Proof proof, ReadOnlySpan<Fr> publicInputs);

/// <summary>
/// Brings the batches of the queue to the vault: commits each as soon as it is there, proves it when its proof is, makes it final when
/// its challenge window is over. What it has no key for, another bridge does. What to do follows from the vault's own state, read anew each time, so a restart or a reorganisation
/// loses nothing and sends nothing twice. Not thread-safe.
/// </summary>
/// <param name="spool">The folder where the sequencer leaves the committee's signatures.</param>
/// <param name="operatorWallet">The vault's operator: settles and commits. Null: another bridge does.</param>
/// <param name="proverWallet">Anybody: proves and makes final. Null: another bridge does.</param>
/// <param name="circuitVersion">Of the circuit that the queue's batches are of.</param>
/// <param name="revertAttempts">Reverts in a row, of one action, that time cannot mend, after which the batch is set aside: one may be the chain's reorganising under it.</param>
public sealed class Settler(
    JobStore store, string spool, IEthereum ethereum, Vault vault, Wallet? operatorWallet, Wallet? proverWallet, RefuseProof refusal, uint circuitVersion, long challengeWindow, long requestDeposit, int revertAttempts, TimeProvider clock, Metrics metrics, ILogger log)
{
    private readonly Dictionary<(uint, string), (Bytes32 Hash, long Since)> pending = [];
    private readonly Dictionary<uint, BatchCalldata> calldata = [];
    private readonly HashSet<SettledPayoff> told = [];
    private (uint Batch, string Action, int Count) reverts;

    /// <summary>What kept the last look from going further though nothing failed; null if nothing did.</summary>
    public string? Obstacle { get; private set; }

    /// <summary>Looks at the vault once and sends what is due.</summary>
    /// <returns>Whether something was sent, so that another look is worth it at once.</returns>
    /// <exception cref="EthereumException">The chain did not play along: try later.</exception>
    /// <exception cref="SettlementHaltedException"/>
    public async Task<bool> StepAsync(CancellationToken cancellation)
    {
        VaultState state = await vault.ReadStateAsync(cancellation);
        metrics.LastCommitted.Set(state.LastCommitted);
        metrics.LastFinal.Set(state.LastFinal);
        store.SetFinalUpTo(state.LastFinal);
        foreach (uint done in calldata.Keys.Where(b => b <= state.LastFinal).ToArray()) calldata.Remove(done);
        if (state.IsFrozen)
            throw new SettlementHaltedException($"The vault is frozen: it takes no batches any more, only claims. Its last final batch is {state.LastFinal}.");

        if (state.CircuitVersion != circuitVersion)
            throw new SettlementHaltedException(
                $"The vault's circuit was upgraded to version {state.CircuitVersion}, and this bridge proves version {circuitVersion}: batch {state.LastCommitted + 1} has to be of that version. Start the bridge with its circuit, keys and spool.");

        Obstacle = null;
        uint expected = state.LastFinal + 1;
        foreach (Job job in store.After(state.LastFinal))
        {
            // Committing a batch whose predecessor is missing would revert; one set aside must not run into its proof deadline.
            if (job.Batch != expected)
            {
                Obstacle = $"batch {expected} is missing: the queue goes on with batch {job.Batch}, which cannot be sent before it";
                break;
            }

            expected++;
            if (job.AsideBy == AsideBy.Settlement)
                throw new SettlementHaltedException($"Batch {job.Batch} is set aside: {job.AsideReason} Nothing is sent until it is settled; then `prover-bridge jobs retry {job.Batch}`.");
            VaultBatch onChain = await vault.ReadBatchAsync(job.Batch, cancellation);
            Observe(job, onChain);
            if (job.AsideBy == AsideBy.Proving && onChain.Status == BatchStatus.None) break;
            if (await ActAsync(job, onChain, state, cancellation)) return true;
            if (onChain.Status == BatchStatus.None) break;
        }

        return false;
    }

    private void Observe(Job job, VaultBatch onChain)
    {
        if (onChain.Status != BatchStatus.None)
        {
            BatchCalldata batch = CalldataOf(job);
            if (onChain.Root != batch.NewRoot || onChain.Commitment != batch.Commitment || onChain.RiskRoot != batch.RiskRoot)
                throw SetAside(job.Batch, $"the vault holds another batch of this number (root {onChain.Root.ToHex()}, ours {batch.NewRoot.ToHex()}).");
        }

        if (onChain.Status == job.Settlement) return;
        if (onChain.Status < job.Settlement)
            log.LogWarning("Batch {Batch}: the chain reorganised; the vault holds it as {Status} again, no longer as {Before}", job.Batch, onChain.Status, job.Settlement);
        store.SetSettlement(job.Batch, onChain.Status);
    }

    private async Task<bool> ActAsync(Job job, VaultBatch onChain, VaultState state, CancellationToken cancellation)
    {
        switch (onChain.Status)
        {
            case BatchStatus.None when job.Batch == state.LastCommitted + 1 && operatorWallet is not null:
                if (await UntoldAsync(job, cancellation) is { Count: > 0 } untold) return await SendAsync(operatorWallet, job.Batch, "settle", Vault.Settle(untold), BatchStatus.None, cancellation);
                RiskAttestation? attestation = (await vault.ReadCommitteeAsync(cancellation)).IsZero ? null : AttestationOf(job);
                return Obstacle is null && await SendAsync(operatorWallet, job.Batch, "commit", Vault.Commit(CalldataOf(job), attestation), BatchStatus.Committed, cancellation);

            case BatchStatus.Committed when proverWallet is not null && job.Stage == ProofStage.Proven && CheckedProof(job) is { } proof:
                return await SendAsync(proverWallet, job.Batch, "prove", Vault.Prove(job.Batch, proof), BatchStatus.Proven, cancellation);

            case BatchStatus.Proven when proverWallet is not null && job.Batch == state.LastFinal + 1 && IsWindowOver(onChain, state):
                return await SendAsync(proverWallet, job.Batch, "finalize", Vault.Finalize(job.Batch, CalldataOf(job).Payouts), BatchStatus.Final, cancellation);

            default:
                return false;
        }
    }

    /// <summary>What the committee signed of a batch; null, and an obstacle, while it is not there.</summary>
    private RiskAttestation? AttestationOf(Job job)
    {
        string path = Path.Combine(spool, RiskAttestation.NameOf(job.Batch));
        BatchCalldata batch = CalldataOf(job);
        if (!File.Exists(path)) Obstacle = $"batch {job.Batch} waits for the signatures of the vault's committee: the sequencer (oracle.committee.signatures) leaves them at {path}";
        else if (RiskAttestation.TryParse(File.ReadAllBytes(path), out RiskAttestation read) && read.Batch == job.Batch && read.RiskRoot == batch.RiskRoot
            && read.InputsHash == Bytes32.FromBytes(Keccak.Hash256(batch.RiskInputs.AsSpan()))) return read;
        else Obstacle = $"{path} is not of the sealed batch {job.Batch}: remove it and start the sequencer again, which makes it anew";
        return null;
    }

    /// <summary>Settled instruments of the batch whose value the vault has not been told; it is told before the batch, once and for all.</summary>
    private async Task<List<SettledPayoff>> UntoldAsync(Job job, CancellationToken cancellation)
    {
        var untold = new List<SettledPayoff>();
        foreach (SettledPayoff settled in CalldataOf(job).Settled.Where(s => !told.Contains(s)))
        {
            long? payoff = await vault.ReadPayoffAsync(settled.Instrument, cancellation);
            if (payoff is null) untold.Add(settled);
            else if (payoff != settled.Payoff)
                throw SetAside(job.Batch, $"it settles instrument {settled.Instrument} at {settled.Payoff} atoms, and the vault was told {payoff}.");
            else told.Add(settled);
        }

        return untold;
    }

    // A quiet chain mines no block whose time would show that the window is over.
    private bool IsWindowOver(VaultBatch onChain, VaultState state) =>
        Math.Max((long)state.Block.Timestamp, clock.GetUtcNow().ToUnixTimeSeconds()) >= onChain.CommittedAt + challengeWindow;

    /// <summary>The stored proof, checked once more: what is posted must hold whatever happened to the queue's file.</summary>
    private byte[]? CheckedProof(Job job)
    {
        byte[]? words = store.Proof(job.Batch);
        BatchCalldata batch = CalldataOf(job);
        string? problem = words is null || !Proof.TryFromEvmWords(words, out Proof? proof) ? "it is not a proof"
            : refusal(proof!, batch.PublicInputs.AsSpan());
        if (problem is null) return words;
        log.LogError("Batch {Batch}: the stored proof does not hold, it is not posted and is made again. {Problem}", job.Batch, problem);
        store.DropProof(job.Batch, $"The stored proof did not hold when it was to be posted. {problem}");
        return null;
    }

    private async Task<bool> SendAsync(Wallet wallet, uint batch, string action, byte[] data, BatchStatus reached, CancellationToken cancellation)
    {
        // What was sent and not seen in a block yet must not be sent again beside it.
        if (pending.TryGetValue((batch, action), out var sent))
        {
            if (await ethereum.GetTransactionAsync(sent.Hash, cancellation) is { BlockNumber: null })
                throw new TransactionPendingException(sent.Hash, clock.GetElapsedTime(sent.Since));
            pending.Remove((batch, action));
            return true; // Included or dropped: look again.
        }

        long started = clock.GetTimestamp();
        try
        {
            TransactionReceipt receipt = await wallet.SendAsync(vault.Address, data, cancellation: cancellation);
            store.AddReceipt(batch, new JobReceipt(action, receipt.TransactionHash.ToString(), receipt.BlockNumber, receipt.GasUsed));
            store.SetSettlement(batch, reached);
            metrics.Transactions.Increment();
            reverts = default;
            log.LogInformation("Batch {Batch}: {Action} included in block {Block}, {Gas} gas, transaction {Transaction}", batch, action, receipt.BlockNumber, receipt.GasUsed, receipt.TransactionHash);
            return true;
        }
        catch (TransactionPendingException waiting)
        {
            pending[(batch, action)] = (waiting.TransactionHash, started);
            throw;
        }
        catch (EthereumRpcException error) when (error.Revert is { } revert)
        {
            Reverted(batch, action, VaultAbi.Describe(revert, CommitteeAbi.Errors), VaultErrors.MayPass(revert));
            throw;
        }
        catch (TransactionRevertedException error)
        {
            // It cost gas, so it is not repeated for ever even where nobody knows the reason.
            Reverted(batch, action, error.Revert is { } known ? VaultAbi.Describe(known, CommitteeAbi.Errors) : error.Message, error.Revert is { } revert && VaultErrors.MayPass(revert));
            throw;
        }
    }

    private void Reverted(uint batch, string action, string reason, bool mayPass)
    {
        log.LogWarning("Batch {Batch}: the vault refuses to {Action}: {Reason}", batch, action, reason);
        if (mayPass) return;
        reverts = reverts.Batch == batch && reverts.Action == action ? reverts with { Count = reverts.Count + 1 } : (batch, action, 1);
        if (reverts.Count < revertAttempts) return;
        reverts = default;
        throw SetAside(batch, $"the vault refuses to {action} it: {reason}.");
    }

    private SettlementHaltedException SetAside(uint batch, string reason)
    {
        store.SetAside(batch, AsideBy.Settlement, reason);
        log.LogCritical("Batch {Batch} is set aside: {Reason}", batch, reason);
        return new SettlementHaltedException($"Batch {batch} is set aside: {reason} Nothing is sent until it is settled; then `prover-bridge jobs retry {batch}`.");
    }

    private BatchCalldata CalldataOf(Job job)
    {
        if (calldata.TryGetValue(job.Batch, out BatchCalldata? known)) return known;
        byte[] file = store.SealedFile(job.Batch);
        try
        {
            return calldata[job.Batch] = BatchCalldata.Of(SealedBatchFile.Read(file), ProvingService.InputOf(file), requestDeposit);
        }
        catch (UnprovableBatchException error)
        {
            throw SetAside(job.Batch, error.Message);
        }
    }
}
