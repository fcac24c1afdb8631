using System.Collections.Immutable;
using System.Numerics;
using Rollup.Crypto.Settlement;
using Rollup.Engine;
using Rollup.Ethereum;
using Rollup.Groth16;
using Rollup.ProverBridge.Jobs;
using Rollup.Protocol;
using Rollup.Witness;

namespace Rollup.ProverBridge.Settlement;

/// <summary>What the vault holds of a batch. Time in Unix seconds.</summary>
public sealed record VaultBatch(Fr Root, Fr RiskRoot, Fr Commitment, long CommittedAt, BatchStatus Status);

/// <summary>Where the vault stands, all read at one block.</summary>
/// <param name="CircuitVersion">Of the circuit that the next batch is of.</param>
public sealed record VaultState(Ethereum.Block Block, uint LastCommitted, uint LastFinal, bool IsFrozen, uint CircuitVersion);

/// <summary>What changes in a vault by an upgrade alone, or never. Window in seconds, deposit in atoms.</summary>
public sealed record VaultFacts(Fr Domain, uint CircuitVersion, int Blocks, int Rows, int Operations, long ChallengeWindow, long RequestDeposit, Address Verifier, byte[] VerifierKey);

/// <summary>The vault's contract (spec 6), as far as the operator needs it.</summary>
public sealed class Vault(IEthereum ethereum, Address address)
{
    public Address Address => address;

    public async Task<VaultFacts> ReadFactsAsync(CancellationToken cancellation)
    {
        var circuit = (object[])await AskAsync(VaultAbi.Circuit, default, cancellation);
        var verifier = (Address)circuit[0];
        var words = (object[])(await ethereum.CallAsync(verifier, VerifierAbi.VerifyingKey, [], default, cancellation))[0];
        return new VaultFacts(
            Field(await AskAsync(VaultAbi.Domain, default, cancellation)), VersionOf(circuit), (int)(BigInteger)circuit[1], (int)(BigInteger)circuit[2], (int)(BigInteger)circuit[3],
            (long)(BigInteger)await AskAsync(VaultAbi.ChallengeWindow, default, cancellation), (long)(BigInteger)await AskAsync(VaultAbi.RequestDeposit, default, cancellation), verifier, [.. words.SelectMany(Word)]);
    }

    public async Task<Address> ReadOperatorAsync(CancellationToken cancellation) => (Address)await AskAsync(VaultAbi.Operator, default, cancellation);

    public async Task<VaultState> ReadStateAsync(CancellationToken cancellation)
    {
        Ethereum.Block block = await ethereum.GetBlockAsync(BlockTag.Latest, cancellation) ?? throw new EthereumProtocolException("The endpoint has no latest block.");
        return new VaultState(block, (uint)(BigInteger)await AskAsync(VaultAbi.LastCommitted, block.Number, cancellation),
            (uint)(BigInteger)await AskAsync(VaultAbi.LastFinal, block.Number, cancellation), (bool)await AskAsync(VaultAbi.Frozen, block.Number, cancellation),
            VersionOf((object[])await AskAsync(VaultAbi.Circuit, block.Number, cancellation)));
    }

    public async Task<VaultBatch> ReadBatchAsync(uint batch, CancellationToken cancellation)
    {
        var fields = (object[])(await ethereum.CallAsync(address, VaultAbi.Batches, [batch], default, cancellation))[0];
        return new VaultBatch(Field(fields[0]), Field(fields[1]), Field(fields[2]), (long)(BigInteger)fields[7], (BatchStatus)(int)(BigInteger)fields[9]);
    }

    /// <summary>What the vault holds a settled instrument to be worth; null if it was not told.</summary>
    public async Task<long?> ReadPayoffAsync(int instrument, CancellationToken cancellation)
    {
        object[] answer = await ethereum.CallAsync(address, VaultAbi.PayoffOf, [instrument], default, cancellation);
        return (bool)answer[0] ? (long)(BigInteger)answer[1] : null;
    }

    /// <summary>The contract of the oracle committee; zero if the vault has none.</summary>
    public async Task<Address> ReadCommitteeAsync(CancellationToken cancellation) => (Address)await AskAsync(VaultAbi.Committee, default, cancellation);

    /// <summary>Call data of <c>settle</c>.</summary>
    public static byte[] Settle(IReadOnlyList<SettledPayoff> settled) =>
        VaultAbi.Settle.Encode(settled.Select(s => (object)s.Instrument).ToArray(), settled.Select(s => (object)s.Payoff).ToArray());

    /// <summary>Call data of <c>commitBatch</c>.</summary>
    /// <param name="attestation">What the committee signed; null for a vault without one.</param>
    public static byte[] Commit(BatchCalldata batch, RiskAttestation? attestation = null) => VaultAbi.CommitBatch.Encode((object)new object[]
    {
        Words(batch.Words), batch.Commitment.ToBigInteger(), batch.RiskRoot.ToBigInteger(), batch.RiskInputs.ToArray(), batch.Bounced.Select(o => (object)Words(o)).ToArray(),
        batch.Receipts.Number, batch.Receipts.Hash.ToBytes(), attestation?.ReportTime ?? 0, attestation?.Signatures.ToArray() ?? [],
    });

    /// <summary>Call data of <c>proveBatch</c>.</summary>
    /// <param name="proof">8 EVM words.</param>
    public static byte[] Prove(uint batch, ReadOnlySpan<byte> proof) => VaultAbi.ProveBatch.Encode(batch, VerifierAbi.Proof(proof));

    /// <summary>Call data of <c>finalizeBatch</c>.</summary>
    public static byte[] Finalize(uint batch, ImmutableArray<Fr> payouts) => VaultAbi.FinalizeBatch.Encode(batch, Words(payouts));

    private static uint VersionOf(object[] circuit) => (uint)(BigInteger)circuit[4];

    private async Task<object> AskAsync(AbiFunction function, BlockTag block, CancellationToken cancellation) =>
        (await ethereum.CallAsync(address, function, [], block, cancellation))[0];

    private static byte[] Word(object value)
    {
        var word = new byte[32];
        byte[] digits = ((BigInteger)value).ToByteArray(isUnsigned: true, isBigEndian: true);
        digits.CopyTo(word, word.Length - digits.Length);
        return word;
    }

    private static object[] Words(ImmutableArray<Fr> words) => [.. words.Select(w => (object)w.ToBigInteger())];

    private static Fr Field(object word) => (BigInteger)word is var value && value < Fr.Modulus
        ? Fr.FromBigInteger(value) : throw new EthereumProtocolException("The vault answered a word that is not below r.");
}

/// <summary>What a lot of a settled instrument is worth, in atoms.</summary>
public readonly record struct SettledPayoff(int Instrument, long Payoff);

/// <summary>What the vault is given of one batch.</summary>
/// <param name="Words">The public data d_1..d_n.</param>
/// <param name="Bounced">Five words of each refused operation, in queue order.</param>
/// <param name="Payouts">What it moves when it is final (<see cref="VaultMoves"/>, spec 6.5).</param>
/// <param name="PublicInputs">C, y, z, riskRoot.</param>
/// <param name="Settled">The instruments that its risk rows flag settled.</param>
/// <param name="Receipts">The last receipt that the sequencer gave before it sealed.</param>
public sealed record BatchCalldata(
    uint Batch, Fr NewRoot, ImmutableArray<Fr> Words, Fr Commitment, Fr RiskRoot, ImmutableArray<byte> RiskInputs,
    ImmutableArray<ImmutableArray<Fr>> Bounced, ImmutableArray<Fr> Payouts, ImmutableArray<Fr> PublicInputs,
    ImmutableArray<SettledPayoff> Settled, ReceiptHead Receipts)
{
    /// <param name="requestDeposit">Atoms, of the vault.</param>
    public static BatchCalldata Of(SealedBatch batch, SettlementInput input, long requestDeposit)
    {
        SealedOperation[] bounced = [.. batch.Operations.Where(o => o.Block is null)];
        IEnumerable<ConsumedOperation> consumed = batch.Operations.Select((o, i) => new ConsumedOperation(input.Data.Operations[i] ?? o.Operation, o.Depositor, o.Block is not null));
        return new BatchCalldata(batch.Header.Batch, batch.NewRoot, input.Words, input.Commitment, input.RiskRoot, batch.RiskInputs,
            [.. bounced.Select(o => (ImmutableArray<Fr>)[.. o.Operation.Encode()])], [.. VaultMoves.Of(input.Data.Withdrawals, consumed, requestDeposit)], input.PublicInputs,
            [.. batch.RiskRows.Where(r => (r.Flags & InstrumentFlags.Settled) != 0).Select(r => new SettledPayoff(r.Id, r.Base))],
            batch.Receipts);
    }
}
