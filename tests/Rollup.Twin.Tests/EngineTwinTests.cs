using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Engine;
using Rollup.Protocol;
using Rollup.Risk;
using Rollup.TestSupport;
using Rollup.Witness;

namespace Rollup.Twin.Tests;

/// <summary>What the engine seals, the circuit proves: random sessions of two traders, every batch through the compiled constraints.</summary>
public class EngineTwinTests
{
    private const int Btc = BatchFactory.BtcPerpetual, Eth = BatchFactory.EthPerpetual, Spot = BatchFactory.EthSpot;
    private static readonly Fr Domain = new BatchFactory(CircuitProfile.Dev).Domain;

    [Fact]
    public void Twenty_batches_of_a_random_session_are_provable_and_chain()
    {
        var random = new Random(0xC1EA);
        var session = new Session(random);
        int sealedBatches = 0, fills = 0, withdrawals = 0, cancels = 0;
        Fr root = session.Root;
        while (sealedBatches < 20)
        {
            session.OpenEpoch();
            for (int i = random.Next(3, 25); i > 0; i--) session.Act();
            if (session.Seal() is not { } batch) continue;
            sealedBatches++;
            SettlementInput input = SettlementInput.Build(batch);
            Dishonest.Accepted(input);
            Assert.Equal(root, batch.OldRoot);
            Assert.Equal(session.Root, batch.NewRoot);
            Assert.Equal(new RiskTree(RowsOf(batch)).Root, input.RiskRoot);
            root = batch.NewRoot;
            fills += batch.Rows.Count(r => r.Request.Kind == RowKind.Order);
            withdrawals += batch.Rows.Count(r => r.Request.Kind == RowKind.Withdrawal);
            cancels += batch.Rows.Count(r => r.Request.Kind == RowKind.Cancel);
        }

        // The session really did what it is there for.
        Assert.True(fills >= 15 && withdrawals >= 2 && cancels >= 1, $"{fills} fills, {withdrawals} withdrawals, {cancels} proven cancels");
    }

    /// <summary>Anybody's deposit to a sinking account is a batch of its own: it must not stop the chain.</summary>
    [Fact]
    public void A_batch_of_nothing_but_an_account_below_its_requirement_is_provable()
    {
        var engine = new EngineSession(Domain);
        engine.OpenEpoch(BatchFactory.BtcMark, BatchFactory.EthMark);
        foreach (int account in (int[])[2, 3])
        {
            AccountIdentity identity = BatchFactory.IdentityOf(account);
            var register = new Operation(OperationKind.Register, account, 0, 1_000_000_000 + account, identity.Owner, identity.KeyX, identity.KeyY, identity.ViewKeyHash);
            Assert.Equal(RejectCode.None, engine.Feed(new QueuedOperation(account - 2, register, BatchFactory.OwnerOf(9), identity.ViewKey)));
        }

        engine.Seal();
        engine.OpenEpoch(BatchFactory.BtcMark, BatchFactory.EthMark);
        foreach (bool sell in (bool[])[true, false])
        {
            Assert.Equal(RejectCode.None, engine.Send(new SignedRequest(RowKind.Order, 0, sell, Btc, sell ? 3 : 2, 1, 60, BatchFactory.BtcMark, 500, engine.Now + 50_000, 1)));
        }

        Dishonest.Accepted(SettlementInput.Build(engine.Seal()!));
        engine.OpenEpoch(BatchFactory.BtcMark * 4 / 5, BatchFactory.EthMark);
        var deposit = new Operation(OperationKind.Deposit, 2, 0, 77, default, Fr.Zero, Fr.Zero, Fr.Zero);
        Assert.Equal(RejectCode.None, engine.Feed(new QueuedOperation(2, deposit, BatchFactory.OwnerOf(9), null)));
        SealedBatch batch = engine.Seal()!;
        Assert.Equal([2, 0], batch.Blocks.Select(b => b.Account));
        Dishonest.Accepted(SettlementInput.Build(batch));
    }

    private static System.Collections.Immutable.ImmutableArray<RiskRow> RowsOf(SealedBatch batch)
    {
        Assert.True(RiskInputs.TryDecode(batch.RiskInputs.AsSpan(), out RiskInputs inputs, out string problem), problem);
        return RiskRows.From(inputs);
    }

    /// <summary>Two traders (accounts 2 and 3) and a random walk of prices.</summary>
    private sealed class Session
    {
        private readonly EngineSession engine = new(Domain);
        private readonly Random random;
        private readonly Dictionary<int, long> nonces = new() { [2] = 0, [3] = 0 };
        private long operations, btc = BatchFactory.BtcMark, eth = BatchFactory.EthMark;

        public Session(Random random)
        {
            this.random = random;
            OpenEpoch();
            foreach (int account in (int[])[2, 3])
            {
                AccountIdentity identity = BatchFactory.IdentityOf(account);
                Feed(new Operation(OperationKind.Register, account, 0, 40_000_000_000 + account, identity.Owner, identity.KeyX, identity.KeyY, identity.ViewKeyHash), identity.ViewKey);
            }

            Dishonest.Accepted(SettlementInput.Build(Seal() ?? throw new InvalidOperationException("the registrations do not seal")));
        }

        public Fr Root => engine.Status.AccountRoot;

        public void OpenEpoch()
        {
            btc += random.Next(-900_000, 900_000) / 100 * 100;
            eth += random.Next(-40_000, 40_000) / 10 * 10;
            engine.OpenEpoch(btc, eth);
        }

        /// <summary>One random command; rejections are part of the session.</summary>
        public void Act()
        {
            engine.Pass(random.Next(1, 50));
            long expiry = engine.Now + 50_000;
            int account = random.Next(2, 4);
            switch (random.Next(12))
            {
                case 0:
                    int asset = random.Next(2) == 0 ? 0 : Spot;
                    Feed(new Operation(OperationKind.Deposit, account, asset, random.Next(1, 1_000_000), default, Fr.Zero, Fr.Zero, Fr.Zero), null);
                    break;
                case 1:
                    engine.Send(new SignedRequest(RowKind.Withdrawal, 0, true, random.Next(2) == 0 ? 0 : Spot, account, Slot(), random.Next(1, 400_000), 0, 0, expiry, Nonce(account)));
                    break;
                case 2:
                    engine.Send(new SignedRequest(RowKind.Cancel, OrderFlags.ProvenCancel, false, 0, account, Slot(), 0, 0, 0, expiry, Nonce(account)));
                    break;
                default:
                    int instrument = random.Next(3) switch { 0 => Btc, 1 => Eth, _ => random.Next(4) == 0 ? Spot : Btc };
                    long mark = instrument == Btc ? btc : instrument == Eth ? eth : eth / 10, tick = instrument == Btc ? 100 : instrument == Eth ? 10 : 1;
                    bool sell = random.Next(2) == 0;
                    long limit = (mark + random.Next(-2_000, 2_000)) / tick * tick;
                    engine.Send(new SignedRequest(RowKind.Order, new OrderFlags((TimeInForce)random.Next(3), false, false, SelfTradePrevention.CancelResting, false).Encode(),
                        sell, instrument, account, Slot(), random.Next(1, 120), limit, 500, expiry, Nonce(account)));
                    break;
            }
        }

        public SealedBatch? Seal() => engine.Seal();

        private byte Slot() => (byte)random.Next(256);

        private long Nonce(int account) => nonces[account] += random.Next(1, 3);

        private void Feed(Operation operation, Fr? viewKey)
        {
            if (engine.Feed(new QueuedOperation(operations, operation, BatchFactory.OwnerOf(9), viewKey)) == RejectCode.None) operations++;
        }
    }
}
