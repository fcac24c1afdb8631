using System.Buffers.Binary;
using Rollup.Ethereum;
using Rollup.Groth16;
using Rollup.Protocol;
using Rollup.StateVerifier.Chain;

namespace Rollup.StateVerifier.Checks;

/// <summary>Finds and verifies the proof that made a batch proven.</summary>
internal static class ProofCall
{
    /// <summary>Verifies the proof in the transaction that the batch's log names.</summary>
    /// <exception cref="CheckFailedException"/>
    public static void Verify(Groth16Verifier verifier, BatchEvents events, L1Transaction? transaction, ReadOnlySpan<Fr> publicInputs)
    {
        Log log = events.Proven!;
        if (transaction is null) throw Fail($"L1 does not know the transaction {log.TransactionHash} that proved it");
        if (transaction.Hash != log.TransactionHash || transaction.BlockHash != log.BlockHash)
            throw Fail("another transaction than that of its log was given", $"{log.TransactionHash} in block {log.BlockHash}", $"{transaction.Hash} in block {transaction.BlockHash?.ToString() ?? "none"}");

        VerificationResult? refused = null;
        foreach (int at in Find(transaction.Input, events.Batch))
        {
            VerificationResult result = Proof.TryFromEvmWords(transaction.Input.AsSpan(at, Proof.EvmLength), out Proof? proof)
                ? verifier.Verify(proof!, publicInputs)
                : new VerificationResult(VerificationFailure.MalformedProof, "A coordinate is not below q.");
            if (result.IsValid) return;
            refused ??= result;
        }

        throw Fail(refused is { } reason
            ? $"the proof does not hold for C, y, z and the risk root of the published data: {reason.Detail}"
            : $"the input of transaction {transaction.Hash} carries no proof: it is truncated, or a contract submitted the proof");

        CheckFailedException Fail(string problem, string? expected = null, string? found = null) => new(Check.Proof, problem, events.Batch, expected, found);
    }

    /// <summary>
    /// Where the words of a proof may start: after each call of <c>proveBatch(batch, ...)</c>. Anybody may prove, also through a contract, which then
    /// carries that call somewhere in its own input. A proof is judged by itself alone, so it does not matter how it was found.
    /// </summary>
    private static IEnumerable<int> Find(byte[] input, uint batch)
    {
        var head = new byte[VaultAbi.ProveBatch.Selector.Length + Bytes32.Size];
        VaultAbi.ProveBatch.Selector.CopyTo(head, 0);
        BinaryPrimitives.WriteUInt32BigEndian(head.AsSpan(head.Length - sizeof(uint)), batch);
        for (int at = 0; input.AsSpan(at).IndexOf(head) is >= 0 and var found; at += found + 1)
            if (at + found + head.Length + Proof.EvmLength <= input.Length) yield return at + found + head.Length;
    }
}
