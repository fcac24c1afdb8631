using System.Collections.Immutable;
using System.Numerics;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Ethereum;
using Rollup.Protocol;
using Rollup.StateVerifier.Chain;

namespace Rollup.StateVerifier.Checks;

/// <summary>The arguments of <c>commitBatch</c> as the commit's transaction carries them, and what the words say.</summary>
/// <param name="Words">d_1..d_n of spec 5.1.</param>
/// <param name="Bounced">Five words of each operation that was refused.</param>
internal sealed record CommitCall(
    ImmutableArray<Fr> Words, Bytes32 DataHash, Fr Commitment, Fr RiskRoot, byte[] RiskInputs, ImmutableArray<BigInteger[]> Bounced)
{
    // A transaction above 128 KiB is not relayed today; this leaves room.
    private const int MaxInputBytes = 4 << 20;

    /// <summary>Reads the transaction that the batch's log names.</summary>
    /// <exception cref="CheckFailedException"/>
    public static CommitCall From(Address vault, CircuitProfile profile, BatchEvents events, BatchEvidence evidence)
    {
        Log log = events.Committed;
        CheckFailedException Fail(string problem, object? expected = null, object? found = null) =>
            new(Check.Calldata, problem, events.Batch, expected?.ToString(), found?.ToString());

        L1Transaction transaction = evidence.Commit ?? throw Fail($"L1 does not know the transaction {log.TransactionHash} of its log");
        if (transaction.Hash != log.TransactionHash) throw Fail("another transaction than that of its log was given", log.TransactionHash, transaction.Hash);
        if (transaction.BlockHash != log.BlockHash) throw Fail("its transaction is not in the block of its log", log.BlockHash, transaction.BlockHash?.ToString() ?? "no block");
        if (transaction.To != vault)
            throw Fail("its transaction does not call the vault itself", Eip55.Format(vault), transaction.To is { } to ? Eip55.Format(to) : "a contract creation");
        if (transaction.Input.Length > MaxInputBytes) throw Fail($"its transaction has {transaction.Input.Length} bytes of input; at most {MaxInputBytes} are read");

        object[] arguments;
        try
        {
            arguments = (object[])VaultAbi.CommitBatch.DecodeArguments(transaction.Input)[0];
        }
        catch (AbiException e)
        {
            throw Fail($"the input of transaction {transaction.Hash} is truncated or malformed: {e.Message}");
        }

        var words = (object[])arguments[0];
        if (words.Length != profile.DataWords) throw Fail("it publishes another number of words", profile.DataWords, words.Length);
        Fr Element(object value, string name) => VaultContract.Element(value) ?? throw Fail($"{name} is not below r");
        return new CommitCall(
            [.. words.Select((word, i) => Element(word, $"word {i}"))],
            Bytes32.FromBytes(Keccak.Hash256([.. words.SelectMany(word => VaultContract.Word((BigInteger)word))])),
            Element(arguments[1], "C"),
            Element(arguments[2], "the risk root"),
            (byte[])arguments[3],
            [.. ((object[])arguments[4]).Select(o => ((object[])o).Cast<BigInteger>().ToArray())]);
    }
}
