using System.Numerics;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Ethereum;
using Rollup.Groth16;
using Rollup.Protocol;
using Rollup.StateVerifier.Accounts;
using Rollup.StateVerifier.Chain;
using Rollup.StateVerifier.Checks;
using Rollup.TestSupport;

namespace Rollup.StateVerifier.Tests;

/// <summary>
/// <see cref="Honest"/> history on a fake L1, as a vault would have recorded it: batches 1 to 3 are final, 4 is proven, 5 committed, and the
/// registration of account 6 is queued. A test changes the operator's drafts, which the vault then records without a question, or the answers of L1.
/// </summary>
internal sealed class FakeVault
{
    public static readonly Address Verifier = Address.Parse("0xe7f1725e7734ce288f8367e1bb143e90bb3f0512");

    /// <summary>Of the circuit after the upgrade.</summary>
    public static readonly Address NextVerifier = Address.Parse("0xdc64a140aa3e981100a9beca4e685f962f0cf6c9");

    public const ulong FirstBlock = 100;
    private const ulong BlockSeconds = 12, Start = 1_723_161_300;

    private readonly Dictionary<uint, Bytes32> commits = [], proofs = [];
    private ulong block = FirstBlock;
    private uint logIndex;

    /// <param name="change">Changes drafts, the first at 0, before the vault takes them.</param>
    /// <param name="upgrade">Whether its circuit changes after batch <see cref="Honest.Final"/>, as in <see cref="Honest.UpgradedDrafts"/>.</param>
    public FakeVault(Action<List<CommitDraft>>? change = null, bool upgrade = false)
    {
        Drafts = [.. (upgrade ? Honest.UpgradedDrafts : Honest.Drafts).Select(d => d.Clone())];
        change?.Invoke(Drafts);
        List<QueuedDraft> queue = [.. Drafts.SelectMany(d => d.Operations), Registration(6)];
        AddBlock(block);
        AddCircuit(Verifier, Honest.Profile, CircuitVersion.Value, KnownKey.Key);
        byte[] prefix = new byte[32];
        for (int i = 0; i < queue.Count; i++)
        {
            prefix = AbiHash(["bytes32", "address", "uint256[5]"], prefix, queue[i].Depositor, CommitDraft.Numbers(queue[i].Words));
            AddLog(VaultAbi.OperationQueued, [Topic((ulong)i), Topic(queue[i].Depositor)], [CommitDraft.Numbers(queue[i].Words)], NextTransaction(Honest.Vault, []));
        }

        long operations = 0;
        for (uint n = 1; n <= Drafts.Count; n++)
        {
            if (upgrade && n == Honest.Final + 1)
            {
                NextBlock();
                AddCircuit(NextVerifier, Honest.NextProfile, Honest.NextVersion, Honest.NextKey);
            }

            Commit(n, Drafts[(int)n - 1], operations += Drafts[(int)n - 1].Operations.Length);
        }

        Answer(VaultAbi.QueueTail, queue.Count);
        Answer(VaultAbi.QueuePrefix, [(BigInteger)queue.Count], prefix);
        Answer(VaultAbi.GenesisRoot, Honest.Roots[0].ToBigInteger());
        Answer(VaultAbi.ProofDeadline, 7_200);
        Answer(VaultAbi.MaxEpoch, 60_000);
        Answer(VaultAbi.ClockTolerance, 2_000);
        Answer(VaultAbi.Frozen, false);
        Answer(VaultAbi.LastCommitted, Drafts.Count);
        Answer(VaultAbi.LastFinal, Honest.Final);
        Chain.Latest = block;
    }

    public FakeEthereum Chain { get; } = new();

    public List<CommitDraft> Drafts { get; }

    public static AccountKey KeyOf(int account)
    {
        AccountIdentity identity = BatchFactory.IdentityOf(account);
        return new AccountKey(identity.Owner, new EddsaPublicKey(identity.KeyX, identity.KeyY), identity.ViewKey);
    }

    public static QueuedDraft Registration(int account)
    {
        AccountIdentity identity = BatchFactory.IdentityOf(account);
        return new QueuedDraft(identity.Owner, new Operation(OperationKind.Register, account, 0, 5_000_000_005, identity.Owner, identity.KeyX, identity.KeyY, identity.ViewKeyHash).Encode());
    }

    public IVaultSource Source(ulong fromBlock = FirstBlock) => new ChainSource(Chain, Honest.Vault, fromBlock, BlockTag.Latest);

    public Task<VerifiedHistory> VerifyAsync(AccountQuery? query = null, Pins? pins = null, ulong fromBlock = FirstBlock, Action<BatchReport>? onBatch = null) =>
        HistoryCheck.RunAsync(Source(fromBlock), pins ?? new Pins(), query ?? new AccountQuery(), onBatch: onBatch);

    /// <summary>The one statement of an account, after everything is verified.</summary>
    public async Task<AccountStatement> ShowAsync(AccountQuery query) => Assert.Single(AccountStatement.Of(await VerifyAsync(query), query));

    public Bytes32 CommitTransaction(uint batch) => commits[batch];

    public Bytes32 ProofTransaction(uint batch) => proofs[batch];

    /// <summary>Changes the input of a transaction.</summary>
    public void SetInput(Bytes32 transaction, Func<byte[], byte[]> change) =>
        Chain.Transactions[transaction] = Chain.Transactions[transaction] with { Input = change([.. Chain.Transactions[transaction].Input]) };

    /// <summary>The last log of a circuit.</summary>
    public int CircuitLog => Chain.Logs.FindLastIndex(VaultAbi.CircuitChanged.Matches);

    public int FindLog(AbiEvent @event, ulong number) => Chain.Logs.FindIndex(l => @event.Matches(l) && l.Topics[1] == Topic(number));

    public void SetLog(AbiEvent @event, ulong number, Func<Log, Log> change)
    {
        int at = FindLog(@event, number);
        Chain.Logs[at] = change(Chain.Logs[at]);
    }

    public void Answer(AbiFunction view, object result) => Answer(view, [], result);

    public void Answer(AbiFunction view, object[] arguments, object result) =>
        Chain.Results[(Honest.Vault, Hex.Format(view.Encode(arguments)))] = AbiCodec.Encode(view.Results, [result]);

    public void AnswerKey(byte[] words, Address? verifier = null) => Chain.Results[(verifier ?? Verifier, Hex.Format(VerifierAbi.VerifyingKey.Encode()))] = AbiCodec.Encode(
        VerifierAbi.VerifyingKey.Results, [words.Chunk(32).Select(w => (object)new BigInteger(w, isUnsigned: true, isBigEndian: true)).ToArray()]);

    /// <summary>Changes one field of the vault's record of a batch.</summary>
    public void SetRecord(uint batch, int field, Func<object, object> change)
    {
        (Address, string) call = (Honest.Vault, Hex.Format(VaultAbi.Batches.Encode(batch)));
        var record = (object[])VaultAbi.Batches.DecodeResults(Chain.Results[call])[0];
        record[field] = change(record[field]);
        Chain.Results[call] = AbiCodec.Encode(VaultAbi.Batches.Results, [record]);
    }

    /// <summary>The call of proveBatch with these 8 words.</summary>
    public static byte[] ProofInput(uint batch, byte[] proof) => VaultAbi.ProveBatch.Encode(batch, VerifierAbi.Proof(proof));

    /// <summary>For a history of no more than this many batches, all final.</summary>
    public FakeVault EndAt(uint lastFinal)
    {
        Answer(VaultAbi.LastFinal, lastFinal);
        return this;
    }

    public static Bytes32 Topic(ulong value) => Bytes32.FromBytes(new UIntWord(value).Bytes);

    private static Bytes32 Topic(Address address) => Bytes32.FromBytes([.. new byte[12], .. address.ToBytes()]);

    private void Commit(uint batch, CommitDraft draft, long operationEnd)
    {
        NextBlock();
        byte[] packed = [.. draft.Words.SelectMany(w => w.ToBigEndianBytes())];
        byte[] dataHash = Keccak.Hash256(packed);
        Fr z = PublicData.EvaluationPoint(draft.C, draft.Words), y = PublicData.Evaluate(draft.Words, z);
        foreach ((int instrument, long payoff) in draft.Settles)
            AddLog(VaultAbi.InstrumentSettled, [Topic((ulong)instrument)], [(BigInteger)payoff], NextTransaction(Honest.Vault, []));
        commits[batch] = NextTransaction(Honest.Vault, draft.Encode());
        AddLog(VaultAbi.BatchCommitted, [Topic(batch)],
            [draft.Words[3].ToBigInteger(), draft.RiskRoot.ToBigInteger(), dataHash], commits[batch]);
        ulong committedAt = Chain.Blocks[block].Timestamp;
        if (batch <= Honest.Proven)
        {
            NextBlock();
            proofs[batch] = NextTransaction(Honest.Vault, ProofInput(batch, KnownKey.Forge([draft.C, y, z, draft.RiskRoot], delta: draft.KeyDelta).ToEvmWords()));
            AddLog(VaultAbi.BatchProven, [Topic(batch)], [], proofs[batch]);
        }

        if (batch <= Honest.Final)
        {
            NextBlock();
            AddLog(VaultAbi.BatchFinalized, [Topic(batch)], [draft.Words[3].ToBigInteger()], NextTransaction(Honest.Vault, []));
        }

        BatchStatus status = batch <= Honest.Final ? BatchStatus.Final : batch <= Honest.Proven ? BatchStatus.Proven : BatchStatus.Committed;
        long close = BatchHeader.TryDecode(draft.Words[1], out BatchHeader header) ? header.Close : 0;
        Answer(VaultAbi.Batches, [batch], new object[]
        {
            draft.Words[3].ToBigInteger(), draft.RiskRoot.ToBigInteger(), draft.C.ToBigInteger(), z.ToBigInteger(), y.ToBigInteger(), new byte[32],
            (BigInteger)close, (BigInteger)committedAt, (BigInteger)operationEnd, (BigInteger)(int)status,
            (BigInteger)(committedAt + 7_200), BigInteger.Zero, new byte[32], Keccak.Hash256(draft.RiskInputs),
        });
    }

    /// <summary>The data of a circuit's log.</summary>
    public static byte[] CircuitData(Address verifier, CircuitProfile profile, uint version) =>
        AbiCodec.Encode([.. VaultAbi.CircuitChanged.Parameters.Select(p => p.Type)], [new object[] { verifier, profile.Blocks, profile.Rows, profile.Operations, version }]);

    private void AddCircuit(Address verifier, CircuitProfile profile, uint version, VerifyingKey key)
    {
        Chain.Logs.Add(new Log(Honest.Vault, [VaultAbi.CircuitChanged.Topic], CircuitData(verifier, profile, version), block, HashOf("block", block), NextTransaction(Honest.Vault, []), logIndex++));
        AnswerKey(key.ToEvmWords(), verifier);
        Answer(VaultAbi.Domain, SettlementDomain.Of(31337, Honest.Vault, version).ToBigInteger());
        Answer(VaultAbi.Verifier, verifier);
        Answer(VaultAbi.Blocks, profile.Blocks);
        Answer(VaultAbi.Rows, profile.Rows);
        Answer(VaultAbi.Operations, profile.Operations);
        Answer(VaultAbi.WordCount, profile.DataWords);
    }

    private void NextBlock() => AddBlock(++block);

    private void AddBlock(ulong number) =>
        Chain.Blocks[number] = new Block(number, HashOf("block", number), HashOf("block", number - 1), Start + BlockSeconds * (number - FirstBlock), 30_000_000, 1);

    private Bytes32 NextTransaction(Address to, byte[] input)
    {
        Bytes32 hash = HashOf("transaction", (ulong)Chain.Transactions.Count);
        Chain.Transactions[hash] = new Transaction(hash, Address.Parse("0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"), to, 0, 0, input, block, HashOf("block", block));
        return hash;
    }

    private void AddLog(AbiEvent @event, Bytes32[] topics, object[] values, Bytes32 transaction) => Chain.Logs.Add(new Log(
        Honest.Vault, [@event.Topic, .. topics], AbiCodec.Encode([.. @event.Parameters.Where(p => !p.Indexed).Select(p => p.Type)], values), block, HashOf("block", block), transaction, logIndex++));

    private static byte[] AbiHash(string[] types, params object[] values) => Keccak.Hash256(AbiCodec.Encode([.. types.Select(AbiType.Parse)], values));

    public static Bytes32 HashOf(string kind, ulong number) => Bytes32.FromBytes(Keccak.Hash256([.. System.Text.Encoding.ASCII.GetBytes(kind), .. new UIntWord(number).Bytes]));

    private readonly record struct UIntWord(ulong Value)
    {
        public byte[] Bytes => [.. new byte[24], .. BitConverter.GetBytes(Value).Reverse()];
    }
}
