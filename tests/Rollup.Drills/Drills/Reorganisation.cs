using System.Globalization;
using System.Numerics;
using System.Text.Json.Nodes;
using Rollup.Api;
using Rollup.Ethereum;

namespace Rollup.Drills;

/// <summary>Ten blocks of L1 are taken back under everybody.</summary>
internal sealed class Reorganisation : Drill
{
    private const int Blocks = 10, Confirmations = 12, Usd = 1_000_000;

    internal override string Name => "reorganisation";

    internal override string Shows => "Ten blocks of L1 vanish under sequencer, bridge and watcher, three times: deposits in them are not credited, batches come back, and all agree on one final state.";

    internal override async Task<string> RunAsync(DrillRun run)
    {
        RunningSystem system = await run.StartAsync(new SystemOptions(HasWatcher: true, Confirmations: Confirmations));
        await using var miner = new Miner(system);
        IReadOnlyList<Trader> traders = await system.JoinAsync(3, 30_000 * RunningSystem.Usd);
        (Trader buyer, Trader seller, Trader depositor) = (traders[0], traders[1], traders[2]);
        await system.SettleAsync();
        long cash = (await depositor.ViewAsync()).Cash, price = RunningSystem.BtcPrice;
        var seen = new List<string>();

        foreach (AbiFunction what in (AbiFunction[])[VaultAbi.LastCommitted, VaultAbi.LastFinal, VaultAbi.LastFinal])
        {
            BigInteger before = await system.AskAsync<BigInteger>(what);
            await buyer.BuyFromAsync(seller, RunningSystem.BtcPerpetual, 3, price);
            await run.UntilAsync($"the next batch: {what.Name}", 120, async () => await system.AskAsync<BigInteger>(what) > before);
            await miner.PauseAsync();
            await depositor.DepositAsync(0, 100 * Usd);
            BigInteger tail = await system.AskAsync<BigInteger>(VaultAbi.QueueTail), reached = await system.AskAsync<BigInteger>(what);
            ulong height = await system.Ethereum.GetBlockNumberAsync(run.Cancellation);
            await system.Anvil.RpcAsync("anvil_reorg", Blocks, new JsonArray());
            // At the last of the new blocks, which are empty: the bridge may have sent something since.
            async Task<BigInteger> AtForkAsync(AbiFunction view) => (BigInteger)(await system.Ethereum.CallAsync(system.Vault, view, [], height, run.Cancellation))[0];
            DrillRun.Equal(tail - 1, await AtForkAsync(VaultAbi.QueueTail), "operations of the vault after the reorganisation");
            BigInteger left = await AtForkAsync(what);
            DrillRun.Expect(left < reached, $"{what.Name} below {reached} after the reorganisation", $"{left}");
            run.Step($"{Blocks} blocks up to {height} are gone, with a deposit; the vault's {what.Name} fell from {reached} to {left}");
            seen.Add($"{what.Name} {reached} to {left}");
            miner.Resume();

            await run.UntilAsync($"the batch comes back: {what.Name}", 120, async () => await system.AskAsync<BigInteger>(what) >= reached);
            await system.SettleAsync();
            DrillRun.Equal(cash, (await depositor.ViewAsync()).Cash, "cash of the depositor, whose deposit vanished, atoms");
            await depositor.DepositAsync(0, 7 * Usd + 1);
            cash += 7 * Usd + 1;
            await run.UntilAsync("a deposit on the new chain is credited", 120, async () => (await depositor.ViewAsync()).Cash == cash);
            await system.SettleAsync();
        }

        await run.UntilAsync("bridge and watcher are up to date", 60, async () => await system.WatcherMetricAsync("watcher_batches_checked") == await system.AskAsync<BigInteger>(VaultAbi.LastCommitted));
        DrillRun.Expect(system.LogOf("prover-bridge").Contains("the chain reorganised", StringComparison.Ordinal), "a bridge that saw it", "no word of it in its log");
        DrillRun.Expect(system.Alerts().Count == 0, "a watcher that has nothing to say", string.Join("; ", system.Alerts().Select(a => a.Text)));
        JsonObject verified = await system.VerifyAsync(depositor.KeyFile);
        BatchView last = await system.Api.BatchAsync(await system.LastFinalAsync(), run.Cancellation);
        DrillRun.Equal(last.NewRoot!.Value.ToHex(), (string)verified["finalRoot"]!, "final root of sequencer and chain");
        DrillRun.Equal(cash, long.Parse((string)verified["accounts"]![0]!["cash"]!, CultureInfo.InvariantCulture), "cash of the depositor by the chain alone, atoms");

        run.Step("control: a reorganisation deeper than the sequencer's confirmations takes back what it executed; it must stop, not guess");
        await depositor.DepositAsync(0, 5 * Usd);
        await run.UntilAsync("the deposit is executed", 120, async () => (await depositor.ViewAsync()).Cash == cash + 5 * Usd);
        await miner.PauseAsync();
        await system.Anvil.RpcAsync("anvil_reorg", 2 * Confirmations + Blocks, new JsonArray());
        await system.Anvil.MineAsync(1);
        await run.UntilAsync("the sequencer halts", 60, async () => (await system.Api.HealthAsync(run.Cancellation)).Status == HealthStatus.Halted);
        return $"{seen.Count} times {Blocks} blocks ({string.Join(", ", seen)}): three deposits vanished and were not credited, three new ones were, batch {last.Batch} final with one root; "
            + $"a deeper one than {Confirmations} confirmations stopped the sequencer";
    }

    /// <summary>Mines a block every quarter of a second, as a chain does that others use as well.</summary>
    private sealed class Miner : IAsyncDisposable
    {
        private readonly SemaphoreSlim turn = new(1, 1);
        private readonly CancellationTokenSource stop = new();
        private readonly Task loop;

        internal Miner(RunningSystem system) => loop = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                await turn.WaitAsync();
                try
                {
                    await system.Anvil.MineAsync(1);
                }
                finally
                {
                    turn.Release();
                }

                await Task.Delay(250);
            }
        });

        internal Task PauseAsync() => turn.WaitAsync();

        internal void Resume() => turn.Release();

        public async ValueTask DisposeAsync()
        {
            await stop.CancelAsync();
            if (turn.CurrentCount == 0) turn.Release();
            await loop;
            stop.Dispose();
            turn.Dispose();
        }
    }
}
