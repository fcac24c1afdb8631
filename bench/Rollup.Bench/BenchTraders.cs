using Rollup.Api;
using Rollup.Client.Keys;
using Rollup.Client.Sequencer;
using Rollup.Crypto.Settlement;
using Rollup.Protocol;
using Rollup.Sequencer.Core;
using Rollup.TestSupport;

namespace Rollup.Bench;

/// <summary>Eight accounts that sign requests ahead. A client works in slots of its own, so that the nonces of a slot arrive in order.</summary>
internal sealed class BenchTraders(Fr domain)
{
    private const int Accounts = 8, First = 2, Slots = 256, FeeRate = 1_000;
    private const long Price = 61_700_000, Cash = 20_000_000_000_000, Later = 4_102_444_800_000;

    private readonly MessageSigner signer = new(domain);
    private readonly TraderKeys[] keys = [.. Enumerable.Range(First, Accounts)
        .Select(account => new TraderKeys(BatchFactory.OwnerOf(account), BatchFactory.KeyOf(account), BatchFactory.IdentityOf(account).ViewKey))];
    private readonly long[,] nonces = new long[Accounts, Slots];

    /// <summary>A signed request, and how it must end.</summary>
    internal sealed record Step(ISignedMessage Message, RequestStatus Expected)
    {
        public Task<RequestResult> SendAsync(SequencerClient client) =>
            Message is OrderMessage order ? client.PlaceAsync(order) : client.CancelAsync((CancelMessage)Message);
    }

    /// <summary>Discloses the view keys, registers on the chain and waits until the sequencer has all.</summary>
    public async Task RegisterAsync(SequencerClient client, AnvilProcess anvil, LocalVault vault)
    {
        foreach (TraderKeys trader in keys) await client.DiscloseViewKeyAsync(trader);
        for (int i = 0; i < Accounts; i++) await vault.RegisterAsync(First + i, Cash);
        await anvil.MineAsync(3); // Confirmations.
        for (int i = 0; i < 600; i++)
        {
            if ((await client.AccountsOfAsync(keys[^1].Owner)).Count > 0) return;
            await Task.Delay(50);
        }

        throw new TimeoutException("The sequencer did not take the registrations within 30 s.");
    }

    /// <summary>The same without a chain: the core is told what one would show.</summary>
    public async Task RegisterAsync(SequencerCore core)
    {
        foreach (TraderKeys trader in keys)
        {
            var disclosure = new ViewKeyWork(trader.ViewKey);
            await core.PostAsync(disclosure, CancellationToken.None);
            await disclosure.Completion;
        }

        long next = await core.ReadAsync(machine => machine.Engine.Status.NextOperation);
        ChainOperation[] operations = [.. keys.Select((trader, i) => new ChainOperation(
            next + i, new Operation(OperationKind.Register, First + i, 0, Cash, trader.Owner, trader.SigningKey.PublicKey.X, trader.SigningKey.PublicKey.Y, trader.ViewKeyHash), trader.Owner, SeenAt: 0))];
        await core.PostAsync(new ChainWork(operations, [], null), CancellationToken.None);
        for (int i = 0; i < 600; i++)
        {
            if (core.Keys[First + Accounts - 1] is not null) return;
            await Task.Delay(50);
        }

        throw new TimeoutException("The core did not take the registrations within 30 s.");
    }

    /// <summary>For each client: a buy order that rests far below the market, its cancel, and so on.</summary>
    public Step[][] Quotes(int clients, int requests) => Sign(clients, requests, (client, i) =>
    {
        int trader = client % Accounts, lanes = Math.Max(1, clients / Accounts);
        byte slot = SlotOf(client / Accounts, lanes, i / 2);
        return i % 2 == 0
            ? new Step(Order(trader, slot, Side.Buy, Price * 9 / 10, OrderLife.Gtc, postOnly: true), RequestStatus.Resting)
            : new Step(signer.Sign(new CancelMessage(First + trader, slot, nonces[trader, slot], Later, default), keys[trader]), RequestStatus.Cancelled);
    });

    /// <summary>For each client: a sell order that rests, and a buy order of another account that takes it or one like it.</summary>
    public Step[][] Trades(int clients, int requests) => Sign(clients, requests, (client, i) =>
    {
        // Makers never take and takers never make: nobody meets an order of their own.
        int pair = client % (Accounts / 2);
        byte slot = SlotOf(client / (Accounts / 2), clients / (Accounts / 2), i / 2);
        return i % 2 == 0
            ? new Step(Order(pair, slot, Side.Sell, Price, OrderLife.Gtc, postOnly: true), RequestStatus.Resting)
            : new Step(Order(pair + Accounts / 2, slot, Side.Buy, Price, OrderLife.Ioc, postOnly: false), RequestStatus.Filled);
    });

    private static Step[][] Sign(int clients, int requests, Func<int, int, Step> step) => [.. Enumerable.Range(0, clients).AsParallel().AsOrdered()
        .Select(client => Enumerable.Range(0, requests / clients / 2 * 2).Select(i => step(client, i)).ToArray())];

    private static byte SlotOf(int lane, int lanes, int turn) => (byte)(lane * (Slots / lanes) + turn % (Slots / lanes));

    private OrderMessage Order(int trader, byte slot, Side side, long limit, OrderLife life, bool postOnly) => signer.Sign(
        new OrderMessage(First + trader, slot, ++nonces[trader, slot], BenchSequencer.Instrument, side, 1, limit, FeeRate, Later, default, life, postOnly), keys[trader]);
}
