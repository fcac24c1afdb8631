using System.Diagnostics;
using System.Numerics;
using Rollup.Api;
using Rollup.Ethereum;

namespace Rollup.Drills;

/// <summary>spec 5.9: anybody may ask, and nothing comes of what strangers ask.</summary>
internal sealed class RequestSpam : Drill
{
    private const int Strangers = 3, EachStranger = 64, OwnRequests = 12, Deadline = 1_800, OwnAmount = 11;

    internal override string Name => "request-spam";

    internal override string Shows => "Three strangers and an owner send 200 requests: all are served in the queue's order and in time, strangers achieve nothing, deposits return, honest trading goes on.";

    internal override async Task<string> RunAsync(DrillRun run)
    {
        RunningSystem system = await run.StartAsync(new SystemOptions("demo", HasWatcher: true, Epoch: 15_000) { Deploy = ["--operation-deadline", $"{Deadline}", "--proof-deadline", "3600"], Sequencer = c => c["epoch"]!["maxUnproven"] = 48 });
        IReadOnlyList<Trader> traders = await system.JoinAsync(6, 50_000 * RunningSystem.Usd);
        (Trader buyer, Trader seller, Trader victim, Trader asker) = (traders[0], traders[1], traders[2], traders[3]);
        await victim.BuyFromAsync(seller, RunningSystem.BtcPerpetual, 40, RunningSystem.BtcPrice);
        await system.SettleAsync();
        AccountView untouched = await victim.ViewAsync();
        List<TimeSpan> calm = await TimesAsync(run, buyer, seller, 20);
        await system.SettleAsync();

        var deposit = await system.AskAsync<BigInteger>(VaultAbi.RequestDeposit);
        var senders = new List<Wallet> { asker.Wallet };
        for (int i = 0; i < Strangers; i++) senders.Add((await system.NewWalletAsync($"stranger-{i + 1}", (long)deposit * EachStranger)).Wallet);
        await system.FundAsync(asker.Wallet.Address, (long)deposit * OwnRequests, 0);
        foreach (Wallet sender in senders) await sender.SendAsync(system.Cash, TokenAbi.Approve, [system.Vault, BigInteger.Pow(10, 15)], cancellation: run.Cancellation);
        const int total = Strangers * EachStranger + OwnRequests;
        run.Step($"{Strangers} strangers ask {EachStranger} times each for what is not theirs, an owner {OwnRequests} times for {OwnAmount} USD; two others trade");
        uint before = await system.LastFinalAsync();
        var tail = await system.AskAsync<BigInteger>(VaultAbi.QueueTail);
        long since = Stopwatch.GetTimestamp();
        Task spam = SpamAsync(run, system, senders, traders, asker);
        var busy = new List<TimeSpan>();
        bool allServed = false;
        async Task TradeAsync()
        {
            while (!allServed)
            {
                busy.AddRange(await TimesAsync(run, buyer, seller, 1));
                await Task.Delay(3_000, run.Cancellation);
            }
        }

        Task trading = TradeAsync();
        await spam;
        TimeSpan sent = Stopwatch.GetElapsedTime(since);
        run.Step($"all {total} are in the queue after {sent.TotalSeconds:0} s; they are served");
        DrillRun.Equal(tail + total, await system.AskAsync<BigInteger>(VaultAbi.QueueTail), "operations in the queue");
        await run.UntilAsync("all requests are final", Deadline, async () =>
        {
            if (trading.IsFaulted) await trading;
            return await EndAsync(system) == tail + total;
        });
        uint batches = await system.LastFinalAsync() - before;
        TimeSpan took = Stopwatch.GetElapsedTime(since);
        allServed = true;
        await trading;
        await system.SettleAsync();

        foreach (Wallet stranger in senders.Skip(1))
            DrillRun.Equal(EachStranger * deposit, await system.VaultClient.CreditsAsync(stranger.Address, 0, run.Cancellation), "deposits returned to a stranger, and nothing more, atoms");
        DrillRun.Equal(OwnRequests * (deposit + OwnAmount * RunningSystem.Usd), await asker.CreditsAsync(0), "what the owner asked for and his deposits, atoms");
        AccountView after = await victim.ViewAsync();
        DrillRun.Equal((untouched.Cash, 40L), (after.Cash, after.Positions.Sum(p => p.Size)), "an account that strangers wanted closed and emptied: atoms, lots");
        DrillRun.Expect(!await system.IsFrozenAsync() && system.Alerts().Count == 0, "a vault that goes on and a watcher that has nothing to say", string.Join("; ", system.Alerts().Select(a => a.Text)));
        await system.VerifyAsync(asker.KeyFile);
        return FormattableString.Invariant($"{total} requests served in order in {batches} batches, the last {took.TotalSeconds:0} s after the first was sent (deadline {Deadline} s); {total * deposit} atoms of deposits back, strangers got nothing; ")
            + FormattableString.Invariant($"{busy.Count} honest trades meanwhile, two orders each: {Milliseconds(busy)} (before: {Milliseconds(calm)})");
    }

    private static async Task SpamAsync(DrillRun run, RunningSystem system, List<Wallet> senders, IReadOnlyList<Trader> victims, Trader asker)
    {
        Task SendAsync(Wallet sender, AbiFunction what, params object[] arguments) => sender.SendAsync(system.Vault, what, arguments, cancellation: run.Cancellation);
        await Task.WhenAll(senders.Select(async (sender, place) =>
        {
            for (int i = 0; i < (place == 0 ? OwnRequests : EachStranger); i++)
            {
                if (place == 0) await SendAsync(sender, VaultAbi.RequestWithdrawal, (BigInteger)asker.Account, BigInteger.Zero, (BigInteger)(OwnAmount * RunningSystem.Usd));
                else if (i % 2 == 0) await SendAsync(sender, VaultAbi.RequestClose, (BigInteger)victims[(i + 2 * place) % victims.Count].Account);
                else await SendAsync(sender, VaultAbi.RequestWithdrawal, (BigInteger)victims[(i + 2 * place) % victims.Count].Account, BigInteger.Zero, (BigInteger)(1_000 * RunningSystem.Usd));
            }
        }));
    }

    // Operations that the last final batch reaches to.
    private static async Task<BigInteger> EndAsync(RunningSystem system) =>
        (BigInteger)((object[])(await system.Ethereum.CallAsync(system.Vault, VaultAbi.Batches, [await system.LastFinalAsync()], cancellation: system.Run.Cancellation))[0])[8];

    private static string Milliseconds(IEnumerable<TimeSpan> times)
    {
        TimeSpan[] sorted = [.. times.Order()];
        return FormattableString.Invariant($"median {sorted[sorted.Length / 2].TotalMilliseconds:0} ms, worst {sorted[^1].TotalMilliseconds:0} ms");
    }

    private static async Task<List<TimeSpan>> TimesAsync(DrillRun run, Trader buyer, Trader seller, int count)
    {
        var times = new List<TimeSpan>();
        for (int i = 0; i < count; i++)
        {
            long since = Stopwatch.GetTimestamp();
            await buyer.BuyFromAsync(seller, RunningSystem.EthPerpetual, 1, RunningSystem.EthPrice);
            times.Add(Stopwatch.GetElapsedTime(since));
            run.Cancellation.ThrowIfCancellationRequested();
        }

        return times;
    }
}
