using System.Numerics;
using Rollup.Api;
using Rollup.Client.Sequencer;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Ethereum;
using Rollup.Protocol;

namespace Rollup.Drills;

/// <summary>spec 10.5, 11.4.</summary>
internal sealed class DoubleReceipt : Drill
{
    internal override string Name => "double-receipt";

    internal override string Shows => "A sequencer that signs two receipts of one number loses its bond to the watcher who shows them; the vault goes on.";

    internal override async Task<string> RunAsync(DrillRun run)
    {
        Peer? peer = null;
        RunningSystem system = await run.StartAsync(new SystemOptions(HasChallenges: true) { Watcher = config => peer!.Configure(config) });
        await using Peer network = peer = await Peer.StartAsync(system);
        await system.StartWatcherAsync();
        IReadOnlyList<Trader> traders = await system.BeginAsync();

        run.Step("the network shows the receipts of an order as the trader has it");
        RequestResult placed = await traders[0].OrderAsync(Side.Buy, RunningSystem.BtcPerpetual, 1, RunningSystem.BtcPrice - 1_000_000, slot: 7);
        ReceiptView view = placed.Receipts!.Single();
        if (!ReceiptBook.TryRead(view, out SignedReceipt promised)) throw new DrillFailedException("the answer has no receipt");
        network.Publish(promised);
        await Task.Delay(5_000, run.Cancellation); // The watcher asks for receipts every two seconds.
        DrillRun.Expect(system.Alerts().Count == 0, "nothing to say of one receipt", string.Join("; ", system.Alerts().Select(a => a.Text)));
        DrillRun.Equal(OperatorsHand.Bond, await system.BondAsync(), "the bond");

        run.Step("and then another one of the same number");
        long later = 0;
        await run.UntilAsync("the watcher takes the bond", 60, async () =>
        {
            // Each time another: gossip may lose one, and sends none twice.
            Receipt other = promised.Receipt with { OrderHash = Bytes32.FromBytes(Keccak.Hash256("somebody else's order"u8)), Time = promised.Receipt.Time + ++later };
            network.Publish(SignedReceipt.Sign(other, network.Domain, network.Key));
            return await system.BondAsync() == 0;
        });
        DrillRun.Equal(OperatorsHand.Bond / 2, await system.RewardOfAsync("watcher"), "the watcher's half of the bond, atoms");
        DrillRun.Expect(system.Alerts().Any(a => a.Text.Contains($"two receipts of number {promised.Receipt.Number}", StringComparison.Ordinal)), "an alert that names the number", string.Join("; ", system.Alerts().Select(a => a.Text)));

        run.Step("the vault goes on");
        await traders[1].BuyFromAsync(traders[0], RunningSystem.EthPerpetual, 100, RunningSystem.EthPrice);
        await system.SettleAsync();
        DrillRun.Expect(!await system.IsFrozenAsync(), "a vault that goes on", "a frozen one");
        return $"two receipts of number {promised.Receipt.Number}: {OperatorsHand.Bond / 2} atoms to the watcher, the rest to the users; batches settle as before";
    }
}
