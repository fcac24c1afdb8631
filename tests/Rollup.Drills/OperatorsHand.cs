using System.Numerics;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Engine;
using Rollup.Ethereum;
using Rollup.Witness;

namespace Rollup.Drills;

/// <summary>What a commit says; a drill changes it before it is sent.</summary>
internal sealed class CommitDraft(SealedBatch batch)
{
    private readonly SettlementInput settlement = SettlementInput.Build(batch);

    internal Fr[] Words => field ??= [.. settlement.Words];

    internal Fr RiskRoot { get; set; } = new RiskTree(batch.RiskRows).Root;

    internal byte[] RiskInputs { get; set; } = [.. batch.RiskInputs];

    internal byte[] Encode() => VaultAbi.CommitBatch.Encode((object)new object[]
    {
        Numbers(Words), PublicData.Commitment(Words).ToBigInteger(), RiskRoot.ToBigInteger(), RiskInputs,
        batch.Operations.Where(o => o.Block is null).Select(o => (object)Numbers(o.Operation.Encode())).ToArray(), batch.Receipts.Number, batch.Receipts.Hash.ToBytes(), 0, Array.Empty<byte>(),
    });

    private static object[] Numbers(IEnumerable<Fr> elements) => [.. elements.Select(e => (object)e.ToBigInteger())];
}

/// <summary>An operator who ends the prover bridge and commits with the operator's key what pleases, of what the sequencer sealed.</summary>
internal static class OperatorsHand
{
    internal const long Bond = 10_000_000_000, Stake = 100_000_000, UrgentDeadline = 3_600; // As `rollup local deploy` has them.

    private static readonly AbiFunction Credits = AbiFunction.Parse("credits(address owner)(uint256)");

    /// <summary>Waits until the batch after the last committed one is sealed.</summary>
    internal static async Task<SealedBatch> NextSealedAsync(this RunningSystem system)
    {
        var batch = (uint)await system.AskAsync<BigInteger>(VaultAbi.LastCommitted) + 1;
        string file = Path.Combine(system.Run.Folder, "spool", SealedBatchFile.NameOf(batch));
        await system.Run.UntilAsync($"batch {batch} is sealed", 60, () => Task.FromResult(File.Exists(file)));
        return SealedBatchFile.Read(await File.ReadAllBytesAsync(file));
    }

    /// <summary>Waits until the batch after the last committed one is sealed, and commits it.</summary>
    /// <returns>Its number.</returns>
    internal static async Task<uint> CommitNextAsync(this RunningSystem system, Action<CommitDraft>? change = null)
    {
        SealedBatch batch = await system.NextSealedAsync();
        var draft = new CommitDraft(batch);
        change?.Invoke(draft);
        using Wallet @operator = system.WalletOf("operator");
        await @operator.SendAsync(system.Vault, draft.Encode(), cancellation: system.Run.Cancellation);
        return batch.Header.Batch;
    }

    /// <summary>Atoms that the contract of challenges owes to a wallet of the session.</summary>
    internal static async Task<BigInteger> RewardOfAsync(this RunningSystem system, string name)
    {
        using Wallet wallet = system.WalletOf(name);
        return (BigInteger)(await system.Ethereum.CallAsync(system.AddressOf("challenges"), Credits, [wallet.Address], cancellation: system.Run.Cancellation))[0];
    }

    /// <summary>The operator's bond, atoms.</summary>
    internal static async Task<BigInteger> BondAsync(this RunningSystem system) =>
        (BigInteger)(await system.Ethereum.CallAsync(system.AddressOf("challenges"), ChallengesAbi.Bond, [], cancellation: system.Run.Cancellation))[0];

    /// <summary>Two traders and batches as they should be: all final, and the watcher, if there is one, has checked them and said nothing.</summary>
    internal static async Task<IReadOnlyList<Trader>> BeginAsync(this RunningSystem system)
    {
        system.Run.Step("two traders join and trade; an honest operator settles it");
        IReadOnlyList<Trader> traders = await system.JoinAsync(2, 10_000 * RunningSystem.Usd);
        await traders[0].BuyFromAsync(traders[1], RunningSystem.BtcPerpetual, 20, RunningSystem.BtcPrice);
        await system.SettleAsync();
        DrillRun.Expect(system.Alerts().Count == 0, "a watcher who has nothing to say of honest batches", string.Join("; ", system.Alerts().Select(a => a.Text)));
        DrillRun.Equal(Bond, await system.BondAsync(), "the operator's bond");
        return traders;
    }
}
