using System.Collections.Immutable;
using System.Text.Json.Nodes;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Engine;
using Rollup.Protocol;
using Rollup.TestSupport;
using Rollup.Witness;
using static Rollup.Twin.Tests.Forced.ForcedWorld;

namespace Rollup.Twin.Tests.Forced;

/// <summary>
/// An account changes in one step, in which it is liquidated or deleveraged, not both. (was broken: what counterparties gave made good what a liquidation in the same step paid to an accomplice; and a request, a liquidation or
/// the fund was looked at in a block before the one that had the deposit.) Each witness was satisfying before the two statements.
/// </summary>
public class OneStepTests
{
    private const string OneKind = "forcedMultiplicity[0] * forcedMultiplicity[1] === 0", OneBlock = "used[k] * repeats[k].out === 0";
    private const long EthLots = 100_000;

    /// <summary>Account 2 is long bitcoin and short puts against account 3, long ETH against account 6, and insolvent.</summary>
    private static BatchFactory Legs(bool isWide = false)
    {
        BatchFactory factory = Sold(Sold(World(Broke, 1_000 * Usd), 3, 2, Put, 500, 4_000_000), 2, 6, Eth, EthLots, BatchFactory.EthMark);
        return isWide ? WithRow(factory, Row(factory, Eth) with { PriceBound = BatchFactory.EthMark }) : factory;
    }

    private static long Deficit() => -Of(Legs(), 2).Mark;

    /// <summary>Account 4, who alone quotes, buys the ETH of account 2 so far below the mark.</summary>
    private static BatchFactory.Batch Overpaying(BatchFactory.Batch batch, long distance) => Closing(batch, 2, Eth, sell: true, EthLots, BatchFactory.EthMark - distance);

    /// <summary>Spec 5.8.6.</summary>
    [Fact]
    public void The_other_side_gives_at_most_the_deficit_whatever_is_liquidated_besides()
    {
        // Account 3 bears the whole deficit of its bitcoin, and more of its puts.
        static BatchFactory.Batch Deleveraged(BatchFactory factory, long more) => factory.Begin()
            .Deleverage(2, 3, Btc, 4_000, 4_000 * Broke + Deficit()).Deleverage(2, 3, Put, 500, 500 * Row(factory, Put).Base - more);
        long bound = Row(Legs(), Eth).PriceBound, taken = EthLots * bound;
        Assert.True(taken > 1_000 * Usd);
        // Controls: the deficit; not an atom more of it; the liquidation alone.
        Honest(Deleveraged(Legs(), 0));
        RefusedAt(Deleveraged(Legs(), 1), "staysInsolvent");
        Honest(Overpaying(Legs().Begin(), bound));
        // What account 4 takes, account 3 gives beyond the deficit.
        BatchFactory both = Legs();
        long before = Of(both, 3).Mark;
        JsonObject json = Build(Overpaying(Deleveraged(both, taken), bound)).ToJson();
        Assert.Equal(before - Deficit() - taken, Of(both, 3).Mark);
        RefusedAt(json, OneKind);
    }

    /// <summary>Spec 5.8.5.</summary>
    [Fact]
    public void Closing_costs_at_most_the_maintenance_that_it_releases_whatever_others_give()
    {
        // All the maintenance that closing everything releases, and 10,000 USD, which account 3 gives.
        long distance = (4 * Of(Legs(), 2).Requirement / 5 + 10_000 * Usd) / EthLots;
        BatchFactory.Batch Both(long gain) => Overpaying(Legs(isWide: true).Begin().Deleverage(2, 3, Btc, 4_000, 4_000 * Broke + gain), distance);
        RefusedAt(Overpaying(Legs(isWide: true).Begin(), distance), "notTooDear");
        RefusedAt(Both(0), "notTooDear", OneKind);
        RefusedAt(Both(Deficit()), OneKind);
    }

    /// <summary>Spec 5.9: the queue has the deposit first.</summary>
    [Fact]
    public void A_request_is_served_out_of_what_was_deposited_before_it()
    {
        SealedBatch After(bool isServedFirst)
        {
            var factory = new BatchFactory(CircuitProfile.Dev);
            factory.Begin().Register(2).Seal();
            factory.Begin().Register(3, 5 * Usd).Seal();
            LeafContents start = factory.Contents(2);
            SealedBatch batch = factory.Begin().Deposit(2, 0, 500 * Usd).RequestWithdrawal(2, 0, 400 * Usd, 0).Seal();
            SealedBlock paidIn = batch.Blocks.Single();
            if (!isServedFirst) return batch;
            // The request is put to the leaf before the deposit.
            return batch with
            {
                Blocks = [paidIn with { New = start }, paidIn],
                Operations = [batch.Operations[0] with { Block = 1 }, batch.Operations[1] with { Block = 0 }],
            };
        }

        Dishonest.RefusedAt(Dishonest.Circuit, SettlementInput.Build(After(isServedFirst: false), CircuitProfile.Dev).ToJson(), "exhausted");
        Dishonest.RefusedAt(Dishonest.Circuit, SettlementInput.Build(After(isServedFirst: true), CircuitProfile.Dev).ToJson(), OneBlock);
    }

    /// <summary>Spec 5.8, "deposits of a batch protect": account 2 is liquidated in one block, and the deposit comes in a later one.</summary>
    [Fact]
    public void Nobody_is_liquidated_before_its_deposit_of_the_same_batch()
    {
        SettlementInput Build(bool isForcedFirst)
        {
            BatchFactory factory = World(Distressed);
            var path4 = factory.Path(4);
            SealedBatch batch = Liquidation(factory, 2_250, 51_900_000, fee: 0).Deposit(2, 0, 40_000 * Usd).Seal();
            if (!isForcedFirst) return SettlementInput.Build(batch, Profile);
            (SealedBlock own, SealedBlock other) = (batch.Blocks[0], batch.Blocks[1]);
            LeafContents end = own.New, forced = new(end.Version, end.Cash - 40_000 * Usd, end.OrderRoot, end.Positions);
            var path2 = factory.Path(2);
            SealedBlock liquidated = own with { New = forced, Path = path2 };
            SealedBlock paidIn = liquidated with { Old = forced, New = new(end.Version + 1, end.Cash, end.OrderRoot, end.Positions) };
            return SettlementInput.Build(batch with
            {
                Blocks = [other with { Path = path4 }, liquidated, paidIn],
                NewRoot = QuadTree.RootFrom(paidIn.New.Hash(paidIn.Identity), 2, path2.AsSpan()),
                Rows = [.. batch.Rows.Select(r => r with { Block = 1 - r.Block })],
                Forced = [.. batch.Forced.Select(r => r with { Block = 1 - r.Block })],
                Operations = [.. batch.Operations.Select(o => o with { Block = 2 })],
            }, Profile);
        }

        RefusedAt(Build(isForcedFirst: false).ToJson(), "(1 - unforced) * touched === 0", "notTooFar");
        RefusedAt(Build(isForcedFirst: true).ToJson(), OneBlock);
    }

    /// <summary>Spec 5.8.6: what the fund ends the batch with counts, not what its first block ends with.</summary>
    [Fact]
    public void Nobody_is_deleveraged_while_the_fund_could_pay_by_the_batchs_end()
    {
        SettlementInput Build(bool isSplit)
        {
            BatchFactory factory = World(Broke, 1_000 * Usd);
            long deficit = -Of(factory, 2).Mark;
            SealedBatch batch = factory.Begin().Deleverage(2, 3, Btc, 4_000, 4_000 * Broke + deficit).Deposit(1, 0, 90_000 * Usd).Seal();
            if (!isSplit) return SettlementInput.Build(batch, Profile);
            // Blocks of 2, 1, 3: the fund's shown without the deposit, and once more, last, with it.
            Assert.Equal([2, 1, 3], batch.Blocks.Select(b => b.Account));
            (SealedBlock insolvent, SealedBlock fund, SealedBlock counter) = (batch.Blocks[0], batch.Blocks[1], batch.Blocks[2]);
            var path1 = factory.Path(1);
            // Account 3's path with the fund as it was: the siblings are 0, 1 and 2.
            ImmutableArray<Fr> path3 = [counter.Path[0], fund.Old.Hash(fund.Identity), .. counter.Path.Skip(2)];
            return SettlementInput.Build(batch with
            {
                Blocks = [insolvent, fund with { New = fund.Old }, counter with { Path = path3 }, fund with { Path = path1 }],
                Operations = [.. batch.Operations.Select(o => o with { Block = 3 })],
            }, Profile);
        }

        RefusedAt(Build(isSplit: false).ToJson(), "beyondFund");
        RefusedAt(Build(isSplit: true).ToJson(), OneBlock);
    }
}
