using System.Numerics;
using Rollup.Crypto;
using Rollup.Ethereum;
using Rollup.Protocol;
using Rollup.StateVerifier.Checks;

namespace Rollup.StateVerifier.Chain;

/// <summary>What a verifier reads of the vault.</summary>
public static class VaultContract
{
    /// <summary>The views without arguments.</summary>
    public static readonly IReadOnlyList<AbiFunction> Views =
    [
        VaultAbi.Domain, VaultAbi.GenesisRoot, VaultAbi.Verifier, VaultAbi.Blocks, VaultAbi.Rows, VaultAbi.Operations, VaultAbi.WordCount, VaultAbi.ProofDeadline,
        VaultAbi.MaxEpoch, VaultAbi.ClockTolerance, VaultAbi.Frozen, VaultAbi.LastCommitted, VaultAbi.LastFinal, VaultAbi.QueueTail,
    ];

    /// <summary>The events that make up a vault's history.</summary>
    public static readonly IReadOnlyList<AbiEvent> Events =
        [VaultAbi.CircuitChanged, VaultAbi.OperationQueued, VaultAbi.InstrumentSettled, VaultAbi.BatchCommitted, VaultAbi.BatchProven, VaultAbi.BatchFinalized];

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
