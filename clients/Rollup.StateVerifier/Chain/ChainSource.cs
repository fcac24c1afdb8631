using Rollup.Ethereum;
using Rollup.Protocol;
using Rollup.StateVerifier.Checks;

namespace Rollup.StateVerifier.Chain;

/// <summary>Reads a vault's history from an L1 endpoint.</summary>
/// <param name="fromBlock">A block not after the vault's deployment.</param>
/// <param name="head">The block to stand at: its logs, and those before, count.</param>
public sealed class ChainSource(IEthereum ethereum, Address vault, ulong fromBlock, BlockTag head) : IVaultSource
{
    // Between two looks at the progress; the client splits further where the endpoint wants it.
    private const ulong BlocksPerRead = 10_000;

    // No reorganisation is that deep: what is older is read once. What was read then is held against the vault's counts and the hash of its queue all the same.
    private const ulong SettledBlocks = 2_000;

    // Thousands of years of blocks: a larger number is no chain's, and would be asked for block by block.
    private const ulong MostBlocks = 1UL << 40;

    private readonly Dictionary<ulong, IReadOnlyList<Log>> settled = [];

    public async Task<VaultSnapshot> ReadSnapshotAsync(IProgress<ReadProgress>? progress, CancellationToken cancellation)
    {
        ulong chainId = await ethereum.GetChainIdAsync(cancellation);
        L1Block at = L1Block.From(await ethereum.GetBlockAsync(head, cancellation))
            ?? throw new EthereumProtocolException($"The endpoint has no block '{head}'.");
        if (at.Number > MostBlocks) throw new EthereumProtocolException($"The endpoint says that its newest block is {at.Number}.");

        var answers = new Dictionary<string, byte[]>();
        foreach (AbiFunction view in VaultContract.Views) answers[view.Signature] = await AskAsync(vault, view, [], at.Number, cancellation);
        object Result(AbiFunction view) => VaultContract.Decode(view, answers[view.Signature]);
        answers[VaultAbi.QueuePrefix.Signature] = await AskAsync(vault, VaultAbi.QueuePrefix, [Result(VaultAbi.QueueTail)], at.Number, cancellation);
        List<Log> logs = await ReadLogsAsync(at.Number, progress, cancellation);
        foreach (Address verifier in VaultCircuit.VerifiersOf(logs))
            answers[VaultCircuit.KeyOf(verifier)] = await AskAsync(verifier, VerifierAbi.VerifyingKey, [], at.Number, cancellation);

        return new VaultSnapshot(chainId, vault, fromBlock, at, answers, logs);
    }

    public async Task<BatchEvidence> ReadBatchAsync(VaultSnapshot snapshot, BatchEvents events, CancellationToken cancellation)
    {
        Task<byte[]> record = AskAsync(vault, VaultAbi.Batches, [events.Batch], snapshot.Head.Number, cancellation);
        Task<Transaction?> commit = ethereum.GetTransactionAsync(events.Committed.TransactionHash, cancellation);
        Task<Block?> block = ethereum.GetBlockAsync(events.Committed.BlockNumber, cancellation);
        Task<Transaction?> proof = events.Proven is null ? Task.FromResult<Transaction?>(null) : ethereum.GetTransactionAsync(events.Proven.TransactionHash, cancellation);
        await Task.WhenAll(record, commit, block, proof);
        return new BatchEvidence(events.Batch, await record, L1Transaction.From(await commit), L1Block.From(await block), L1Transaction.From(await proof));
    }

    public async Task ConfirmAsync(VaultSnapshot snapshot, CancellationToken cancellation)
    {
        Block? now = await ethereum.GetBlockAsync(snapshot.Head.Number, cancellation);
        if (now?.Hash != snapshot.Head.Hash)
            throw new ChainReorganisedException(
                $"The chain reorganised while it was read: block {snapshot.Head.Number} was {snapshot.Head.Hash} and is now {now?.Hash.ToString() ?? "gone"}. Run again.");
    }

    private async Task<List<Log>> ReadLogsAsync(ulong to, IProgress<ReadProgress>? progress, CancellationToken cancellation)
    {
        LogFilter filter = LogFilter.Events(vault, VaultContract.Events);
        var logs = new List<Log>();
        for (ulong start = fromBlock; start <= to; start += BlocksPerRead)
        {
            if (!settled.TryGetValue(start, out IReadOnlyList<Log>? range))
            {
                range = await ethereum.GetLogsAsync(filter, start, Math.Min(to, start + BlocksPerRead - 1), cancellation);
                if (start + BlocksPerRead - 1 + SettledBlocks <= to) settled[start] = range;
            }

            logs.AddRange(range);
            progress?.Report(new ReadProgress("blocks", Math.Min(to, start + BlocksPerRead - 1) - fromBlock + 1, to - fromBlock + 1));
        }

        return logs;
    }

    private async Task<byte[]> AskAsync(Address contract, AbiFunction function, object[] arguments, ulong block, CancellationToken cancellation)
    {
        try
        {
            return await ethereum.CallAsync(new CallRequest(contract, function.Encode(arguments)), block, cancellation);
        }
        catch (EthereumRpcException e) when (e.Revert is not null)
        {
            throw new CheckFailedException(Check.Parameters, $"{Eip55.Format(contract)} refuses {function}; is it the right contract? {e.Message}");
        }
    }
}
