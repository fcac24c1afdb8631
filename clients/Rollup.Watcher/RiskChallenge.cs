using System.Collections.Immutable;
using System.Numerics;
using Microsoft.Extensions.Logging;
using Rollup.Circuits;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Ethereum;
using Rollup.Groth16;
using Rollup.Protocol;
using Rollup.Risk;
using Rollup.StateVerifier.Proving;

namespace Rollup.Watcher;

/// <summary>Risk inputs that were seen lately, in commits or in the network: the rows of a wrong risk root often follow from others than those that it was committed with. Thread-safe.</summary>
internal sealed class KnownInputs
{
    private const int Most = 64;
    private readonly Lock gate = new();
    private readonly Queue<RiskInputs> known = new();
    private int added;

    internal void Add(RiskInputs inputs)
    {
        lock (gate)
        {
            if (known.Count == Most) known.Dequeue();
            known.Enqueue(inputs);
            added++;
        }
    }

    internal void Add(ReadOnlySpan<byte> bytes)
    {
        if (RiskInputs.TryDecode(bytes, out RiskInputs inputs, out _)) Add(inputs);
    }

    /// <summary>The table that has this root; null if none of what is known gives it.</summary>
    /// <param name="seen">How many of all that were ever added have been looked at; goes on from there.</param>
    internal RiskTree? Find(Fr root, ref int seen)
    {
        RiskInputs[] candidates;
        lock (gate) (candidates, seen) = ([.. known.TakeLast(added - seen)], added);
        return candidates.Select(c => new RiskTree(RiskRows.From(c))).FirstOrDefault(t => t.Root == root);
    }
}

/// <summary>
/// Refutes the risk inputs or the risk root of one batch, a step a look: by the inputs alone where they are wrong in themselves; by one row and its proof where rows are known that give the root; else by
/// having the contract work out the root, which takes many transactions. How far that is stands in the contract, so a restart goes on where it was, and every watcher's steps help the others.
/// </summary>
internal sealed class RiskChallenge
{
    private static readonly object NoProof = VerifierAbi.Proof(new byte[Proof.EvmLength]);
    private static readonly object NoRow = Enumerable.Repeat((object)BigInteger.Zero, RiskRowEncoding.Elements).ToArray();

    private readonly WatcherConfig config;
    private readonly IEthereum ethereum;
    private readonly Actor actor;
    private readonly Alerts alerts;
    private readonly ILogger log;
    private readonly Address challenges;
    private readonly uint batch;
    private readonly byte[] bytes;
    private readonly Fr committed;
    private readonly RiskInputs inputs;
    private readonly RiskTree? expected;
    private readonly int[] suspects;

    private byte[]? rowCall;
    private bool isRowTried;
    private Address table;
    private int[]? buckets;
    private int done, seen;

    /// <param name="bytes">The inputs that the batch was committed with.</param>
    /// <param name="committed">The batch's risk root.</param>
    internal RiskChallenge(WatcherConfig config, IEthereum ethereum, Actor actor, Alerts alerts, ILogger log, Address challenges, uint batch, byte[] bytes, Fr committed)
    {
        (this.config, this.ethereum, this.actor, this.alerts, this.log, this.challenges) = (config, ethereum, actor, alerts, log, challenges);
        (this.batch, this.bytes, this.committed) = (batch, bytes, committed);
        bool isWellFormed = RiskInputs.TryDecode(bytes, out inputs, out _);
        expected = isWellFormed ? new RiskTree(RiskRows.From(inputs)) : null;
        // What is wrong with one instrument is found with its id alone; all else with any.
        suspects = !isWellFormed ? [1, .. inputs.Instruments.Select(t => t.Id).Where(id => id is > 1 and < 1 << Width.Instrument)]
            : inputs.Batch != batch ? [1]
            : [.. inputs.Instruments.Where(t => (t.Flags & InstrumentFlags.Settled) != 0).Select(t => t.Id)];
    }

    /// <summary>Does what can be done now.</summary>
    /// <returns>Whether the challenge was sent and upheld, and the vault is frozen.</returns>
    internal async Task<bool> StepAsync(KnownInputs known, CancellationToken cancellation)
    {
        foreach (int id in suspects)
        {
            byte[] call = ChallengesAbi.ChallengeRow.Encode(batch, bytes, id, NoRow, NoProof);
            if (await actor.WouldSucceedAsync(challenges, call, cancellation)) return await actor.SendAsync("challengeRow", challenges, call, cancellation);
        }

        if (expected is null || expected.Root == committed)
        {
            await alerts.RaiseAsync("badBatch", $"row {batch}", "no challenge takes what is wrong with its risk inputs", batch);
            return false;
        }

        if (await ProveRowAsync(known, cancellation) is { } row && await actor.WouldSucceedAsync(challenges, row, cancellation))
            return await actor.SendAsync("challengeRow", challenges, row, cancellation);
        return await WorkOutAsync(cancellation);
    }

    private async Task<byte[]?> ProveRowAsync(KnownInputs known, CancellationToken cancellation)
    {
        if (rowCall is not null || isRowTried || config.RowProof is not { } files) return rowCall;
        if (known.Find(committed, ref seen) is not { } wrong) return null;
        isRowTried = true; // What fails once fails again; the root is left.
        int id = wrong.Rows.Concat(expected!.Rows).Select(r => r.Id).First(i => Differ(wrong[i], expected[i]));
        RowInput input = RowInput.Build(wrong, id);
        try
        {
            var verifier = (Address)(await ethereum.CallAsync(challenges, ChallengesAbi.RowVerifier, [], default, cancellation))[0];
            VerifyingKey key = await CircuitProver.KeyOfAsync(ethereum, verifier, cancellation);
            Proof proof = await CircuitProver.ProveAsync(_ => input.ToCircuitInput(), input.PublicInputs, new ProvingFiles(files.ProvingKey, Bytes32.Parse($"0x{files.Sha256}"), files.Circuit), key, null, cancellation);
            log.LogWarning("The row of instrument {Id} under the risk root of batch {Batch} is proven: it does not follow from its inputs", id, batch);
            return rowCall = ChallengesAbi.ChallengeRow.Encode(
                batch, bytes, id, input.PublicInputs.Skip(2).Select(e => (object)e.ToBigInteger()).ToArray(), VerifierAbi.Proof(proof.ToEvmWords()));
        }
        catch (Exception error) when (error is NotProvenException or InvalidKeyException or IOException or UnauthorizedAccessException)
        {
            await alerts.RaiseAsync("rowProof", $"{batch}", $"a wrong row of instrument {id} is known, and cannot be proven: {error.Message} The root is worked out instead", batch);
            return null;
        }
    }

    private static bool Differ(RiskRow? one, RiskRow? other) => !Elements(one).AsSpan().SequenceEqual(Elements(other));

    private static Fr[] Elements(RiskRow? row) => row is null ? new Fr[RiskRowEncoding.Elements] : RiskRowEncoding.Encode(row);

    // One transaction a look, so that nothing else waits for hundreds of them.
    private async Task<bool> WorkOutAsync(CancellationToken cancellation)
    {
        if (buckets is null)
        {
            table = (Address)(await ethereum.CallAsync(challenges, ChallengesAbi.RiskTable, [], default, cancellation))[0];
            buckets = [.. inputs.Instruments.Select(t => RiskTree.BucketOf(t.Id)).Distinct()];
            await alerts.RaiseAsync("badBatch", $"row {batch}",
                $"its risk root does not follow from its inputs: the contract is made to work out the root, in up to {4 * buckets.Length} transactions of up to 14 million gas, and then to compare", batch);
        }

        byte[] hash = Keccak.Hash256(bytes);
        for (; done < buckets.Length; done++)
        {
            var rows = (BigInteger)(await ethereum.CallAsync(table, RiskTableAbi.Progress, [hash, buckets[done]], default, cancellation))[0];
            if (rows >= Bound.RowsPerBucket) continue;
            await actor.SendAsync("advance", table, RiskTableAbi.Advance.Encode(bytes, buckets[done], rows + 1), cancellation, isStep: true);
            return false;
        }

        bool isUpheld = await actor.SendAsync("challengeRiskRoot", challenges, ChallengesAbi.ChallengeRiskRoot.Encode(batch, bytes), cancellation);
        if (!isUpheld) done = 0; // Blocks of L1 that held a part may be gone.
        return isUpheld;
    }
}
