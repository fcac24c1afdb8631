using System.Diagnostics;
using System.Globalization;
using Rollup.Api;
using Rollup.Client.Sequencer;

namespace Rollup.Drills;

/// <summary>epoch.maxUnproven of the sequencer, and the bridge's queue.</summary>
internal sealed class ProverOutage : Drill
{
    private const int MaxUnproven = 8, Waiting = 4_321;

    internal override string Name => "prover-outage";

    internal override string Shows => "The prover bridge is gone for an hour: the sequencer goes on to its limit and says so, also after a crash of its own; then everything becomes final.";

    internal override async Task<string> RunAsync(DrillRun run)
    {
        RunningSystem system = await run.StartAsync(new SystemOptions(Epoch: 1_000) { Sequencer = c => c["epoch"]!["maxUnproven"] = MaxUnproven });
        IReadOnlyList<Trader> traders = await system.JoinAsync(2, 50_000 * RunningSystem.Usd);
        (Trader buyer, Trader seller) = (traders[0], traders[1]);
        await buyer.BuyFromAsync(seller, RunningSystem.BtcPerpetual, 5, RunningSystem.BtcPrice);
        await system.SettleAsync();
        uint before = await system.LastFinalAsync();

        run.Step("the bridge is killed while it proves; the traders go on until the sequencer says that the prover is behind");
        await buyer.BuyFromAsync(seller, RunningSystem.BtcPerpetual, 5, RunningSystem.BtcPrice);
        await run.UntilAsync("a batch is committed", 60, async () => await system.AskAsync<System.Numerics.BigInteger>(Rollup.Ethereum.VaultAbi.LastCommitted) > before);
        await system.KillAsync("prover-bridge");
        (int trades, ApiError refusal) = await TradeUntilRefusedAsync(run, buyer, seller);
        DrillRun.Equal((int)HostCode.ProverBehind, refusal.Code, "code of the refusal");
        HealthView health = await system.Api.HealthAsync(run.Cancellation);
        DrillRun.Expect(health.Status == HealthStatus.Degraded && health.Problems.Any(p => p.Contains("not proven yet", StringComparison.Ordinal)), "health that names the prover", string.Join("; ", health.Problems));
        uint inFlight = health.LastSealed - health.LastFinal;
        // From half of the limit on nothing opens; what the open batch had taken is sealed all the same.
        DrillRun.Expect(inFlight is >= MaxUnproven / 2 and <= MaxUnproven, $"{MaxUnproven / 2} to {MaxUnproven} batches in flight", $"{inFlight}");

        run.Step("an hour passes on the chain; the sequencer is killed and comes back as it was; a deposit is made");
        await system.Anvil.AdvanceAsync(TimeSpan.FromHours(1));
        AccountView[] held = [await buyer.ViewAsync(), await seller.ViewAsync()];
        await system.KillAsync("sequencer");
        await system.StartSequencerAsync();
        DrillRun.Equal(Text(held), Text([await buyer.ViewAsync(), await seller.ViewAsync()]), "accounts after the crash");
        await buyer.DepositAsync(0, Waiting);
        DrillRun.Expect(!await system.IsFrozenAsync(), "a vault that goes on", "a frozen one");

        run.Step("the bridge comes back");
        long since = Stopwatch.GetTimestamp();
        await system.StartBridgeAsync();
        long cash = held[0].Cash;
        await run.UntilAsync("the deposit is credited", 180, async () => (await buyer.ViewAsync()).Cash == cash + Waiting);
        await system.SettleAsync();
        TimeSpan took = Stopwatch.GetElapsedTime(since);
        await buyer.BuyFromAsync(seller, RunningSystem.BtcPerpetual, 5, RunningSystem.BtcPrice);
        await system.SettleAsync();
        health = await system.Api.HealthAsync(run.Cancellation);
        DrillRun.Expect(health.Status == HealthStatus.Ok, "a healthy sequencer", string.Join("; ", health.Problems));
        long lots = (await buyer.ViewAsync()).Positions.Sum(p => p.Size);
        DrillRun.Equal(5L * 3 + trades, lots, "lots of all trades");
        var statement = (await system.VerifyAsync(buyer.KeyFile))["accounts"]![0]!;
        DrillRun.Equal(lots, long.Parse((string)statement["positions"]![0]!["lots"]!, CultureInfo.InvariantCulture), "lots by the chain alone");
        DrillRun.Equal((await buyer.ViewAsync()).Cash, long.Parse((string)statement["cash"]!, CultureInfo.InvariantCulture), "cash by the chain alone, atoms");
        return FormattableString.Invariant($"{trades} trades and {inFlight} batches in flight, then refused with {refusal.Name}; back after an hour, all final in {took.TotalSeconds:0} s, no trade and no deposit lost");
    }

    private static async Task<(int Trades, ApiError Refusal)> TradeUntilRefusedAsync(DrillRun run, Trader buyer, Trader seller)
    {
        for (int trades = 0; trades < 200; trades++)
        {
            try
            {
                await buyer.BuyFromAsync(seller, RunningSystem.BtcPerpetual, 1, RunningSystem.BtcPrice);
            }
            catch (RefusedException refused)
            {
                return (trades, refused.Error);
            }

            await Task.Delay(200, run.Cancellation);
        }

        throw new DrillFailedException("expected a refusal while nothing is proven; found 200 trades");
    }

    private static string Text(AccountView[] views) => string.Join("; ", views.Select(v => FormattableString.Invariant(
        $"account {v.Account} cash {v.Cash} positions {string.Join(", ", v.Positions.Select(p => FormattableString.Invariant($"{p.Size} of {p.Instrument}")))}")));
}
