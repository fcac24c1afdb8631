using System.Numerics;
using Rollup.Api;
using Rollup.Ethereum;

namespace Rollup.Drills;

/// <summary>spec 6.6.</summary>
internal sealed class IgnoredRequest : Drill
{
    internal override string Name => "ignored-request";

    internal override string Shows => "An operator who serves a request on L1 returns its deposit; one who ignores it loses the vault to whoever looks at the deadline.";

    internal override async Task<string> RunAsync(DrillRun run)
    {
        RunningSystem system = await run.StartAsync(new SystemOptions(HasWatcher: true) { Deploy = ["--operation-deadline", "3600", "--proof-deadline", "7200"] });
        IReadOnlyList<Trader> traders = await system.JoinAsync(2, 10_000 * RunningSystem.Usd);
        (Trader buyer, Trader seller) = (traders[0], traders[1]);
        await buyer.BuyFromAsync(seller, RunningSystem.BtcPerpetual, 20, RunningSystem.BtcPrice);
        await system.SettleAsync();

        run.Step("an honest operator serves a withdrawal and a close that are asked for on the chain");
        const long asked = 1_234 * RunningSystem.Usd;
        var deposit = await system.AskAsync<BigInteger>(VaultAbi.RequestDeposit);
        await buyer.RequestWithdrawalAsync(0, asked);
        await seller.OrderAsync(Side.Buy, RunningSystem.BtcPerpetual, 20, RunningSystem.BtcPrice, slot: 150); // Somebody has to take what is closed.
        await buyer.RequestCloseAsync();
        await run.UntilAsync("both requests are served and paid", 180, async () => await buyer.CreditsAsync(0) >= asked + 2 * deposit);
        DrillRun.Equal(asked + 2 * deposit, await buyer.CreditsAsync(0), "the withdrawal and both deposits, atoms");
        DrillRun.Expect((await buyer.ViewAsync()).Positions.Count == 0, "no position left", $"{(await buyer.ViewAsync()).Positions.Count}");
        DrillRun.Expect(!await system.IsFrozenAsync(), "a vault that goes on", "a frozen one");

        run.Step("the same request, and a sequencer that does not look");
        await system.KillAsync("sequencer");
        await buyer.RequestWithdrawalAsync(0, asked);
        await system.Anvil.AdvanceAsync(TimeSpan.FromSeconds(3_500));
        await Task.Delay(2_000, run.Cancellation);
        DrillRun.Expect(!await system.IsFrozenAsync(), "no freeze before the deadline", "a frozen vault");
        await system.Anvil.AdvanceAsync(TimeSpan.FromSeconds(101));
        await run.UntilAsync("the watcher freezes the vault", 30, system.IsFrozenAsync);
        (string Kind, string Text)[] alerts = [.. system.Alerts().Where(a => a.Kind is "overdue" or "action")];
        DrillRun.Expect(alerts.Length == 2, "an alert of what is overdue and one of what was done", string.Join("; ", alerts.Select(a => a.Text)));
        return $"served: {asked} atoms and {deposit + deposit} of deposits returned; ignored: frozen by the watcher at the deadline";
    }
}
