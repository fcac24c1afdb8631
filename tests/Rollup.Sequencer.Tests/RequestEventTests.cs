using Rollup.Api;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Protocol;
using Rollup.Sequencer.Core;

namespace Rollup.Sequencer.Tests;

/// <summary>What requests on L1 did to accounts is told to those whom it concerns, and kept.</summary>
public sealed class RequestEventTests : IDisposable
{
    private const long Cash = 1_000_000_000_000;
    private readonly TemporaryDirectory folder = new();
    private readonly ManualClock clock = new();
    private readonly Trader maker = new(2), taker = new(3);

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Withdrawals_and_closes_that_were_asked_for_on_the_chain_are_told()
    {
        AccountEventView[] told;
        using (var core = new CoreHarness(TestConfig.Make(folder.Path, snapshotRecords: 1), clock))
        {
            await core.RegisterAsync(Cash, maker, taker);
            await core.AcceptedAsync(maker.Order(TestConfig.Btc, Side.Sell, 20, TestConfig.BtcPrice, slot: 1));
            await core.AcceptedAsync(taker.Order(TestConfig.Btc, Side.Buy, 20, TestConfig.BtcPrice, slot: 2));
            Assert.Empty(core.Events.Of<AccountEventView>());

            AccountEventView all = await AskAsync(core, OperationKind.WithdrawalRequest, taker, amount: 3_000_007);
            Assert.Equal((taker.Account, AccountEventKind.WithdrawalServed, 3_000_007L), (all.Account, all.Kind, all.Amount));
            Assert.Null(all.Reason);
            AccountEventView part = await AskAsync(core, OperationKind.WithdrawalRequest, taker, amount: 2 * Cash);
            Assert.InRange(part.Amount!.Value, Cash / 2, Cash);
            Assert.Equal("insufficientBalance", part.Reason!.Name);
            AccountEventView strange = await AskAsync(core, OperationKind.WithdrawalRequest, taker, amount: 5, by: maker);
            Assert.Equal((0L, "notOwner"), (strange.Amount!.Value, strange.Reason!.Name));
            Assert.Contains("somebody else made the request", strange.Reason.Message, StringComparison.Ordinal);

            int before = core.Events.Of<AccountEventView>().Count;
            await AskAsync(core, OperationKind.CloseRequest, taker, amount: 0);
            AccountEventView[] close = [.. core.Events.Of<AccountEventView>().Skip(before)];
            Assert.Equal(
                [(taker.Account, AccountEventKind.ClosedOnRequest, -20L), (maker.Account, AccountEventKind.ClosedAgainst, 20L), (taker.Account, AccountEventKind.CloseServed, (long?)null)],
                close.Select(e => (e.Account, e.Kind, e.Size)));
            Assert.Equal(close[0].Amount, close[1].Amount);
            Assert.InRange(close[0].Amount!.Value, TestConfig.BtcPrice / 2, TestConfig.BtcPrice);
            Assert.Equal((TestConfig.Btc, null), (close[0].Instrument, close[2].Reason));
            told = [.. core.Events.Of<AccountEventView>()];
        }

        Machine kept = Recovery.Read(TestConfig.Make(folder.Path), _ => { });
        Assert.Equal(told.OrderBy(e => e.Event), kept.Events.Accounts.OrderBy(e => e.Event));
    }

    /// <summary>Queues a request, seals after it, and gives the last event that it brought.</summary>
    private static async Task<AccountEventView> AskAsync(CoreHarness core, OperationKind kind, Trader of, long amount, Trader? by = null)
    {
        Address owner = (by ?? of).Keys.Owner;
        long index = await core.ReadAsync(m => m.Engine.Status.NextOperation);
        var operation = new Operation(kind, of.Account, 0, amount, owner, Fr.Zero, Fr.Zero, Fr.Zero);
        await core.Core.PostAsync(new ChainWork([new ChainOperation(index, operation, owner, 0)], [], null), default);
        await core.UntilAsync(m => m.Engine.Status.NextOperation == index + 1);
        Assert.NotNull((await core.SealAsync()).Value);
        return core.Events.Of<AccountEventView>()[^1];
    }
}
