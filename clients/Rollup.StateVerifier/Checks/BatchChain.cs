using System.Collections.Immutable;
using System.Numerics;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Ethereum;
using Rollup.Groth16;
using Rollup.Protocol;
using Rollup.Risk;
using Rollup.StateVerifier.Chain;

namespace Rollup.StateVerifier.Checks;

/// <summary>A batch for which every check holds.</summary>
/// <param name="ProvenHere">Whether its proof was verified here; otherwise L1 has none yet.</param>
/// <param name="Accounts">Accounts whose leaves it publishes.</param>
/// <param name="CommitBlock">The L1 block of its data.</param>
/// <param name="AccountsHold">Of a final batch: what accounts hold after it, by asset, in atoms or lots (<see cref="BatchChain.FinalHoldings"/>); else null.</param>
public sealed record BatchReport(
    BatchHeader Header, BatchStatus Status, bool ProvenHere, int Bounced, int Withdrawals, int Accounts, Fr Root, Fr RiskRoot, L1Block CommitBlock,
    ImmutableSortedDictionary<int, Int128>? AccountsHold);

/// <summary>A leaf as the last final batch that touched its account published it.</summary>
public sealed record PublishedLeaf(uint Batch, Fr Leaf, ImmutableArray<Fr> Cipher);

/// <summary>A registration that a batch accepted; the view key itself is not on L1.</summary>
public sealed record RegisteredAccount(Operation Operation, uint Batch, bool IsFinal);

/// <summary>
/// Rebuilds the account tree batch by batch and checks each batch against the vault's logs, its own data and its proof. Batches that are
/// not final are checked as far as they go, and change nothing of what is final. Pure: no I/O. Not thread-safe.
/// </summary>
/// <param name="wanted">The accounts whose published leaves are kept.</param>
public sealed class BatchChain(VaultParameters parameters, VaultEvents events, IReadOnlySet<int> wanted)
{
    private readonly Dictionary<uint, Groth16Verifier> verifiers = [];
    private readonly QuadTree tree = VaultParameters.GenesisTree();
    private readonly Dictionary<int, RegisteredAccount> registered = [];
    private readonly Dictionary<int, PublishedLeaf> leaves = [];
    private readonly SortedDictionary<int, Int128> held = new() { [0] = 0 };
    private Fr root = parameters.GenesisRoot;
    private long lastClose;
    private int consumed;

    /// <summary>Goes on with a newer look at the same chain, in which the batches so far stand where they stood.</summary>
    public void GoOn(VaultParameters newerParameters, VaultEvents newer) => (parameters, events) = (newerParameters, newer);

    /// <summary>Operations that the batches so far took off the queue, refused ones included.</summary>
    public int ConsumedOperations => consumed;

    /// <summary>The newest final batch; null while there is none.</summary>
    public BatchReport? LastFinal { get; private set; }

    /// <summary>The account root after it.</summary>
    public Fr FinalRoot => LastFinal?.Root ?? parameters.GenesisRoot;

    /// <summary>The risk inputs of the newest final batch; null while there is none.</summary>
    public RiskInputs? FinalRiskInputs { get; private set; }

    /// <summary>Accounts by number, without the reserved ones.</summary>
    public IReadOnlyDictionary<int, RegisteredAccount> Registered => registered;

    /// <summary>The last final leaf of each wanted account that was touched.</summary>
    public IReadOnlyDictionary<int, PublishedLeaf> FinalLeaves => leaves;

    /// <summary>The account's siblings under the root of the last batch appended, three a level, from the leaf upward.</summary>
    public ImmutableArray<Fr> PathOf(int account) => [.. tree.Path((ulong)account)];

    /// <summary>
    /// What accounts hold after the newest final batch, by asset, in atoms or lots: what its and earlier batches took off the queue, less what they paid. Sums are proven to change by nothing else.
    /// </summary>
    public IReadOnlyDictionary<int, Int128> FinalHoldings => held;

    /// <summary>Checks the next batch.</summary>
    /// <exception cref="CheckFailedException">A check fails; nothing after it can be judged, so the chain must not be used further.</exception>
    public BatchReport Append(BatchEvents batch, BatchEvidence evidence) => Append(batch, evidence, judge: true);

    /// <summary>
    /// Takes the next final batch as the vault took it, to leave by it: its data must lead to its root, and the risk inputs of the last final batch to its risk root. What
    /// else is wrong with a final batch was to be objected to in time; nothing of it keeps an owner from leaving.
    /// </summary>
    /// <exception cref="CheckFailedException">A check fails.</exception>
    public BatchReport Rebuild(BatchEvents batch, BatchEvidence evidence) => Append(batch, evidence, judge: false);

    private BatchReport Append(BatchEvents batch, BatchEvidence evidence, bool judge)
    {
        VaultCircuit circuit = parameters.CircuitAt(batch.Committed);
        CommitCall call = CommitCall.From(parameters.Vault, circuit.Profile, batch, evidence);
        L1Block block = CheckBlock(batch, evidence.CommitBlock);
        CheckData(batch, call);
        Fr z = PublicData.EvaluationPoint(call.Commitment, call.Words.AsSpan());
        Fr y = PublicData.Evaluate(call.Words.AsSpan(), z);
        PublicData data = CheckHeader(batch, circuit, call, block);
        int bounced = CheckOperations(batch, data, call.Bounced);
        CheckTree(batch, data);
        RiskInputs? risk = judge || batch.Batch == parameters.LastFinal ? CheckRisk(batch, call, judge) : null;
        if (judge) CheckRecord(batch, evidence.Record, call, data, z, y);
        if (judge && batch.Proven is not null) ProofCall.Verify(VerifierOf(circuit), batch, evidence.Proof, [call.Commitment, y, z, call.RiskRoot]);

        root = data.NewRoot;
        lastClose = data.Header.Close;
        bool isFinal = batch.Status == BatchStatus.Final;
        if (isFinal)
        {
            foreach (Operation operation in data.Operations.OfType<Operation>()) Hold(operation.Asset, operation.IsRequest ? -operation.Paid : operation.Amount);
            foreach (PublicWithdrawal withdrawal in data.Withdrawals) Hold(withdrawal.Asset, -withdrawal.Amount);
        }

        var report = new BatchReport(data.Header, batch.Status, judge && batch.Proven is not null, bounced, data.Withdrawals.Count(w => w.Amount != 0),
            data.Blocks.DistinctBy(b => b.Account).Count(), root, call.RiskRoot, block, isFinal ? held.ToImmutableSortedDictionary() : null);
        if (isFinal)
        {
            (LastFinal, FinalRiskInputs) = (report, risk);
            foreach (PublicBlock published in data.Blocks)
                if (wanted.Contains(published.Account)) leaves[published.Account] = new PublishedLeaf(batch.Batch, published.Leaf, published.Cipher);
        }

        return report;
    }

    private Groth16Verifier VerifierOf(VaultCircuit circuit)
    {
        if (!verifiers.TryGetValue(circuit.Version, out Groth16Verifier? verifier)) verifiers[circuit.Version] = verifier = new Groth16Verifier(circuit.Key);
        return verifier;
    }

    private void Hold(int asset, long change) => held[asset] = held.GetValueOrDefault(asset) + change;

    private static CheckFailedException Fail(Check check, BatchEvents batch, string problem, object? expected = null, object? found = null) =>
        new(check, problem, batch.Batch, Text(expected), Text(found));

    private static string? Text(object? value) => value is Fr element ? element.ToHex() : value?.ToString();

    private static L1Block CheckBlock(BatchEvents batch, L1Block? block)
    {
        Log log = batch.Committed;
        return block is not null && block.Number == log.BlockNumber && block.Hash == log.BlockHash
            ? block
            : throw Fail(Check.Sequence, batch, "the block of its log is not the chain's", $"block {log.BlockNumber} {log.BlockHash}", block is null ? "none" : $"block {block.Number} {block.Hash}");
    }

    private static void CheckData(BatchEvents batch, CommitCall call)
    {
        if (call.DataHash != batch.DataHash) throw Fail(Check.Data, batch, "its published words are not those that the vault's log names", batch.DataHash, call.DataHash);
        Bytes32 newRoot = Bytes32.FromBytes(call.Words[3].ToBigEndianBytes()), riskRoot = Bytes32.FromBytes(call.RiskRoot.ToBigEndianBytes());
        if (newRoot != batch.NewRoot) throw Fail(Check.Data, batch, "the new root among its words is not that of the vault's log", batch.NewRoot, newRoot);
        if (riskRoot != batch.RiskRoot) throw Fail(Check.Data, batch, "its risk root is not that of the vault's log", batch.RiskRoot, riskRoot);
        Fr commitment = PublicData.Commitment(call.Words.AsSpan());
        if (commitment != call.Commitment) throw Fail(Check.Commitment, batch, "C is not the commitment to its words", commitment, call.Commitment);
    }

    private PublicData CheckHeader(BatchEvents batch, VaultCircuit circuit, CommitCall call, L1Block block)
    {
        PublicData data = PublicData.TryDecode(circuit.Profile, call.Words.AsSpan(), out string? problem) ?? throw Fail(Check.Header, batch, $"its words are no batch's: {problem}");
        BatchHeader header = data.Header;
        if (data.Domain != circuit.Domain) throw Fail(Check.Domain, batch, $"it is for another chain, vault or circuit version than {circuit.Version}", circuit.Domain, data.Domain);
        if (header.Batch != batch.Batch) throw Fail(Check.Header, batch, "its header has another number", batch.Batch, header.Batch);
        if (header.Open < lastClose) throw Fail(Check.Header, batch, "it opens before the batch before it closes", $"{lastClose} or later", header.Open);
        if (header.Close < header.Open || header.Close - header.Open > parameters.MaxEpoch)
            throw Fail(Check.Header, batch, "it closes before it opens, or is open too long", $"{header.Open} to {header.Open + parameters.MaxEpoch}", header.Close);
        BigInteger latest = (BigInteger)block.Timestamp * 1000 + parameters.ClockTolerance;
        if (header.Close > latest) throw Fail(Check.Header, batch, "it closes later than the vault allowed at its commit", $"{latest} or earlier", header.Close);
        BigInteger earliest = 1000 * ((BigInteger)block.Timestamp - parameters.ProofDeadline);
        if (header.Open < earliest) throw Fail(Check.Header, batch, "it opens earlier than the vault allowed at its commit", $"{earliest} or later", header.Open);
        if (data.OldRoot != root) throw Fail(Check.RootChain, batch, $"its old root is not the new root of batch {batch.Batch - 1}", root, data.OldRoot);
        return data;
    }

    /// <summary>Takes the batch's operations off the queue. Returns how many were refused.</summary>
    private int CheckOperations(BatchEvents batch, PublicData data, ImmutableArray<BigInteger[]> bounced)
    {
        BatchHeader header = data.Header;
        if (header.FirstOperation != consumed) throw Fail(Check.Operations, batch, "it skips or repeats operations", $"operation {consumed} first", $"operation {header.FirstOperation}");
        if (consumed + header.OperationCount > events.Operations.Count)
            throw Fail(Check.Operations, batch, "it consumes operations that were not queued", $"at most {events.Operations.Count - consumed}", header.OperationCount);
        int bounces = 0;
        foreach (Operation? published in data.Operations)
        {
            QueuedOperation queued = events.Operations[consumed];
            if (published is null && bounces == bounced.Length) throw Fail(Check.Operations, batch, $"it leaves operation {queued.Index} out without showing it as bounced");
            // What a withdrawal request is paid stands where the queue has 0; the proof ties it to what the account loses.
            BigInteger[] words = published is null ? bounced[bounces++] : [.. published.Served(0).Encode().Select(w => w.ToBigInteger())];
            if (published is null && (OperationKind)(int)(words[0] & ((1 << Width.OperationKind) - 1)) is OperationKind.WithdrawalRequest or OperationKind.CloseRequest)
                throw Fail(Check.Operations, batch, $"it refuses operation {queued.Index}, a request, which a batch has to serve");
            int different = Enumerable.Range(0, Operation.Words).FirstOrDefault(i => words[i] != queued.Words[i], -1);
            if (different >= 0)
                throw Fail(Check.Operations, batch, $"word {different} of operation {queued.Index} is not that of the queue",
                    Hex.Format(VaultContract.Word(queued.Words[different])), Hex.Format(VaultContract.Word(words[different])));
            if (published?.Kind == OperationKind.Register
                && (published.Account < Bound.ReservedAccounts || !registered.TryAdd(published.Account, new RegisteredAccount(published, batch.Batch, batch.Status == BatchStatus.Final))))
                throw Fail(Check.Operations, batch, $"operation {queued.Index} registers account {published.Account} again");
            consumed++;
        }

        return bounces == bounced.Length ? bounces : throw Fail(Check.Operations, batch, "it shows more bounced operations than its words leave out", bounces, bounced.Length);
    }

    private void CheckTree(BatchEvents batch, PublicData data)
    {
        foreach (PublicBlock block in data.Blocks)
        {
            if (block.Account >= Bound.ReservedAccounts && !registered.ContainsKey(block.Account))
                throw Fail(Check.Tree, batch, $"it publishes a leaf of account {block.Account}, which nobody registered");
        }

        tree.UpdateMany(data.Blocks.Select(b => ((ulong)b.Account, b.Leaf)));
        if (tree.Root != data.NewRoot) throw Fail(Check.Tree, batch, "the published leaves do not lead to its new root", tree.Root, data.NewRoot);
    }

    private RiskInputs CheckRisk(BatchEvents batch, CommitCall call, bool judge)
    {
        if (!RiskInputs.TryDecode(call.RiskInputs, out RiskInputs inputs, out string problem)) throw Fail(Check.Risk, batch, $"its risk inputs are malformed: {problem}");
        if (inputs.Batch != batch.Batch) throw Fail(Check.Risk, batch, "its risk inputs are for another batch", batch.Batch, inputs.Batch);
        ImmutableArray<RiskRow> rows = RiskRows.From(inputs);
        foreach (RiskRow row in rows.Where(r => judge && (r.Flags & InstrumentFlags.Settled) != 0)) CheckSettled(batch, row);
        Fr riskRoot = new RiskTree(rows).Root;
        return riskRoot == call.RiskRoot ? inputs : throw Fail(Check.Risk, batch, "its risk inputs do not give its risk root", riskRoot, call.RiskRoot);
    }

    /// <summary>A settled row is worth what the vault was told, before the batch, once and for all.</summary>
    private void CheckSettled(BatchEvents batch, RiskRow row)
    {
        if (!events.Settled.TryGetValue((uint)row.Id, out SettledInstrument? settled)) throw Fail(Check.Risk, batch, $"it settles instrument {row.Id}, and the vault was not told at which value");
        if ((settled.Log.BlockNumber, settled.Log.LogIndex).CompareTo((batch.Committed.BlockNumber, batch.Committed.LogIndex)) > 0)
            throw Fail(Check.Risk, batch, $"it settles instrument {row.Id} before the vault was told");
        if ((BigInteger)settled.Payoff != row.Base) throw Fail(Check.Risk, batch, $"it settles instrument {row.Id} at another value than the vault was told", settled.Payoff, row.Base);
    }

    /// <summary>What the vault stored, and verified the proof against, must be what its data says.</summary>
    private void CheckRecord(BatchEvents batch, byte[] answer, CommitCall call, PublicData data, Fr z, Fr y)
    {
        var record = (object[])VaultContract.Decode(VaultAbi.Batches, answer);
        (string Name, int Field, BigInteger Expected)[] fields =
        [
            ("root", 0, data.NewRoot.ToBigInteger()), ("risk root", 1, call.RiskRoot.ToBigInteger()), ("commitment C", 2, call.Commitment.ToBigInteger()),
            ("challenge z", 3, z.ToBigInteger()), ("evaluation y", 4, y.ToBigInteger()), ("close", 6, data.Header.Close), ("end of operations", 8, consumed),
            ("status", 9, (int)batch.Status),
        ];
        foreach ((string name, int field, BigInteger expected) in fields)
            if ((BigInteger)record[field] != expected) throw Fail(Check.Record, batch, $"the vault's record holds another {name}", expected, record[field]);
        if (!Keccak.Hash256(call.RiskInputs).AsSpan().SequenceEqual((byte[])record[13])) throw Fail(Check.Record, batch, "the vault's record holds another hash of risk inputs");
    }
}
