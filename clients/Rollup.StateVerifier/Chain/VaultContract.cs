using System.Numerics;
using Rollup.Crypto;
using Rollup.Ethereum;
using Rollup.StateVerifier.Checks;

namespace Rollup.StateVerifier.Chain;

/// <summary>What a verifier reads of the vault (contracts/src/interfaces/IRollupVault.sol).</summary>
public static class VaultContract
{
    public static readonly AbiFunction Domain = AbiFunction.Parse("domain()(uint256)");
    public static readonly AbiFunction GenesisRoot = AbiFunction.Parse("genesisRoot()(uint256)");
    public static readonly AbiFunction Verifier = AbiFunction.Parse("verifier()(address)");
    public static readonly AbiFunction Blocks = AbiFunction.Parse("blocks()(uint256)");
    public static readonly AbiFunction Rows = AbiFunction.Parse("rows()(uint256)");
    public static readonly AbiFunction Operations = AbiFunction.Parse("operations()(uint256)");
    public static readonly AbiFunction WordCount = AbiFunction.Parse("wordCount()(uint256)");
    public static readonly AbiFunction ProofDeadline = AbiFunction.Parse("proofDeadline()(uint256)");
    public static readonly AbiFunction MaxEpoch = AbiFunction.Parse("maxEpoch()(uint256)");
    public static readonly AbiFunction ClockTolerance = AbiFunction.Parse("clockTolerance()(uint256)");
    public static readonly AbiFunction Frozen = AbiFunction.Parse("frozen()(bool)");
    public static readonly AbiFunction LastCommitted = AbiFunction.Parse("lastCommitted()(uint32)");
    public static readonly AbiFunction LastFinal = AbiFunction.Parse("lastFinal()(uint32)");
    public static readonly AbiFunction QueueTail = AbiFunction.Parse("queueTail()(uint40)");

    /// <summary>The views without arguments.</summary>
    public static readonly IReadOnlyList<AbiFunction> Views =
    [
        Domain, GenesisRoot, Verifier, Blocks, Rows, Operations, WordCount, ProofDeadline, MaxEpoch, ClockTolerance, Frozen, LastCommitted, LastFinal, QueueTail,
    ];

    /// <summary>q_index of spec 6.2; asked with the queue's tail.</summary>
    public static readonly AbiFunction QueuePrefix = AbiFunction.Parse("queuePrefix(uint40)(bytes32)");

    /// <summary>Asked of the verifier contract.</summary>
    public static readonly AbiFunction VerifyingKey = AbiFunction.Parse("verifyingKey()(uint256[])");

    /// <summary>root, riskRoot, commitment, challenge, evaluation, payouts, close, committedAt, operationEnd, status.</summary>
    public static readonly AbiFunction Batches = AbiFunction.Parse("batches(uint32)((uint256,uint256,uint256,uint256,uint256,bytes32,uint64,uint64,uint40,uint8))");

    public static readonly AbiFunction CommitBatch = AbiFunction.Parse(
        "commitBatch(uint256[] words,uint256 commitment,uint256 riskRoot,bytes riskInputs,uint256[5][] bounced)");

    public static readonly AbiFunction ProveBatch = AbiFunction.Parse("proveBatch(uint32 batch,(uint256[2],uint256[2][2],uint256[2]) proof)");

    public static readonly AbiEvent OperationQueued = AbiEvent.Parse("OperationQueued(uint40 indexed index,address indexed depositor,uint256[5] words)");
    public static readonly AbiEvent BatchCommitted = AbiEvent.Parse("BatchCommitted(uint32 indexed batch,uint256 newRoot,uint256 riskRoot,bytes32 dataHash)");
    public static readonly AbiEvent BatchProven = AbiEvent.Parse("BatchProven(uint32 indexed batch)");
    public static readonly AbiEvent BatchFinalized = AbiEvent.Parse("BatchFinalized(uint32 indexed batch,uint256 root)");

    /// <summary>The events that make up a vault's history.</summary>
    public static readonly IReadOnlyList<AbiEvent> Events = [OperationQueued, BatchCommitted, BatchProven, BatchFinalized];

    /// <summary>The one result of a view.</summary>
    /// <exception cref="CheckFailedException">The answer does not decode.</exception>
    public static object Decode(AbiFunction view, byte[] answer)
    {
        try
        {
            return view.DecodeResults(answer)[0];
        }
        catch (AbiException e)
        {
            throw new CheckFailedException(Check.Parameters, $"{view} was answered with {answer.Length} bytes that do not decode; is it the right contract? {e.Message}");
        }
    }

    /// <summary>A word as 32 big-endian bytes.</summary>
    internal static byte[] Word(BigInteger value)
    {
        var word = new byte[Bytes32.Size];
        byte[] bytes = value.ToByteArray(isUnsigned: true, isBigEndian: true);
        bytes.CopyTo(word, word.Length - bytes.Length);
        return word;
    }

    /// <summary>A word as a field element; null if it is not below r.</summary>
    internal static Fr? Element(object word) => (BigInteger)word < Fr.Modulus ? Fr.FromBigInteger((BigInteger)word) : null;
}
