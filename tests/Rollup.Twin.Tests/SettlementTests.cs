using System.Text.Json.Nodes;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Engine;
using Rollup.Protocol;
using Rollup.TestSupport;
using Rollup.Witness;
using static Rollup.Twin.Tests.Dishonest;

namespace Rollup.Twin.Tests;

/// <summary>Honest batches: what C# computes and what the compiled circuit accepts are the same.</summary>
public class SettlementTests
{
    [Fact]
    public void The_empty_order_root_is_the_circuits_constant()
    {
        string spec = File.ReadAllText(Repository.PathOf("spec", "protocol.json"));
        Assert.Equal(JsonNode.Parse(spec)!["emptyOrderRoot"]!.GetValue<string>(), OrderSlots.EmptyRoot.ToString());
    }

    [Fact]
    public void Registrations_with_and_without_a_deposit_are_accepted()
    {
        var factory = new BatchFactory(CircuitProfile.Dev);
        SealedBatch batch = factory.Begin().Register(2, cash: 5_000_000_000).Register(3).Seal();
        Dishonest.Accepted(SettlementInput.Build(batch));
        Assert.Equal(5_000_000_000, factory.Contents(2).Cash);
        Assert.Equal(1u, factory.Contents(3).Version);
    }

    [Fact]
    public void A_trade_with_fees_a_refused_operation_and_a_spot_deposit_are_accepted()
    {
        BatchFactory factory = Traders();
        SealedBatch batch = factory.Begin()
            .Deposit(2, BatchFactory.EthSpot, 90_000).Deposit(3, 0, 77, accepted: false)
            .Trade(2, 3, BatchFactory.BtcPerpetual, lots: 40, price: 61_900_000).Seal();
        Dishonest.Accepted(SettlementInput.Build(batch));
        Assert.Equal([new Position(BatchFactory.EthSpot, 90_000), new Position(BatchFactory.BtcPerpetual, 40)], factory.Contents(2).Positions.AsSpan());
        // Spec 2.4: the buyer pays the quote less funding for what it buys, and its fee, rounded up.
        Assert.Equal(50_000_000_000 - (40 * 61_900_000L - 40 * 1_234L) - 1_238_000, factory.Contents(2).Cash);
    }

    [Fact]
    public void Withdrawals_of_cash_and_spot_and_a_cancel_are_accepted()
    {
        BatchFactory factory = Traders();
        Dishonest.Accepted(SettlementInput.Build(factory.Begin().Deposit(2, BatchFactory.EthSpot, 90_000).Seal()));
        SealedBatch batch = factory.Begin().Withdraw(2, 9, 4, 0, 1_000_001).Withdraw(2, 255, 1, BatchFactory.EthSpot, 90_000).Cancel(3, 17, 8).Seal();
        SettlementInput input = SettlementInput.Build(batch);
        Dishonest.Accepted(input);
        Assert.Equal(new PublicWithdrawal(BatchFactory.OwnerOf(2), BatchFactory.EthSpot, 90_000), input.Data.Withdrawals[1]);
        Assert.Equal(new OrderSlot(8, OrderSlot.MaxFilled), factory.Slots(3)[17]);
    }

    [Fact]
    public void A_position_is_closed_and_its_slot_freed()
    {
        BatchFactory factory = Traders();
        Dishonest.Accepted(SettlementInput.Build(factory.Begin().Trade(2, 3, BatchFactory.EthPerpetual, 900, 2_690_000).Seal()));
        Dishonest.Accepted(SettlementInput.Build(factory.Begin().Trade(3, 2, BatchFactory.EthPerpetual, 900, 2_680_000, nonce: 2).Seal()));
        Assert.Empty(factory.Contents(2).Positions);
        Assert.Equal(3u, factory.Contents(3).Version);
    }

    [Fact]
    public void Public_data_survives_the_words_and_an_owner_reads_its_leaf_from_them()
    {
        BatchFactory factory = Traders();
        SettlementInput input = SettlementInput.Build(factory.Begin()
            .Deposit(3, 0, 12).Deposit(2, 0, 13, accepted: false).Trade(2, 3, BatchFactory.BtcPerpetual, 5, 61_700_000).Withdraw(3, 4, 6, 0, 99).Seal());
        PublicData? read = PublicData.TryDecode(CircuitProfile.Dev, input.Words.AsSpan(), out string? problem);
        Assert.Null(problem);
        Assert.Equal(input.Words.AsSpan(), read!.Encode());
        PublicBlock block = read.Blocks.Single(b => b.Account == 3);
        Fr viewKey = factory.Identity(3).ViewKey;
        Assert.True(LeafCipher.TryDecrypt(viewKey, block.Leaf, block.Cipher.AsSpan(), out LeafContents contents));
        Assert.Equal(factory.Contents(3), contents);
        Assert.Equal(block.Leaf, contents.Hash(factory.Identity(3)));
        Assert.False(LeafCipher.TryDecrypt(viewKey + Fr.One, block.Leaf, block.Cipher.AsSpan(), out _));
    }

    [Theory]
    [InlineData("word 1: header", 1)]
    [InlineData("operation word", 5)]
    [InlineData("withdrawal word", 15)]
    [InlineData("account word", 18)]
    public void Words_with_bits_above_their_fields_are_refused(string what, int word)
    {
        BatchFactory factory = Traders();
        Fr[] words = [.. SettlementInput.Build(factory.Begin().Deposit(3, 0, 12).Withdraw(3, 4, 6, 0, 99).Seal()).Words];
        Assert.NotNull(PublicData.TryDecode(CircuitProfile.Dev, words, out _));
        words[word] += Fr.FromUInt64(2).Pow(250);
        Assert.True(PublicData.TryDecode(CircuitProfile.Dev, words, out string? problem) is null, what);
        Assert.NotNull(problem);
    }

    [Fact]
    public void A_batch_that_contradicts_itself_is_refused_before_proving()
    {
        BatchFactory factory = Traders();
        SealedBatch batch = factory.Begin().Trade(2, 3, BatchFactory.BtcPerpetual, 5, 61_700_000).Seal();
        SettlementInput.Build(batch);
        Assert.Contains("do not lead to its new root", Refusal(batch with { NewRoot = batch.NewRoot + Fr.One }), StringComparison.Ordinal);
        Assert.Contains("not under the running root", Refusal(batch with { OldRoot = batch.OldRoot + Fr.One }), StringComparison.Ordinal);
        Assert.Contains("no row", Refusal(batch with { RiskRows = [.. batch.RiskRows.Where(r => r.Id != BatchFactory.BtcPerpetual)] }), StringComparison.Ordinal);
        Assert.Contains("rows", Refusal(batch with { Rows = [.. batch.Rows, .. batch.Rows] }), StringComparison.Ordinal);
        static string Refusal(SealedBatch bad) => Assert.Throws<ArgumentException>(() => SettlementInput.Build(bad)).Message;
    }

    /// <summary>20 chained batches of random operations, trades, withdrawals and cancels, all through the compiled constraints.</summary>
    [Fact]
    public void Twenty_random_batches_satisfy_the_compiled_constraints()
    {
        BatchFactory factory = Traders();
        var random = new Random(20_261_122);
        var nonces = new Dictionary<int, long> { [2] = 1, [3] = 1 };
        long Nonce(int account) => nonces[account] += random.Next(1, 5);
        for (int i = 0; i < 20; i++)
        {
            BatchFactory.Batch batch = factory.Begin();
            if (random.Next(2) == 0) batch.Deposit(random.Next(2, 4), 0, random.NextInt64(1, 1L << 30), accepted: random.Next(4) > 0);
            if (random.Next(2) == 0) batch.Deposit(random.Next(2, 4), BatchFactory.EthSpot, random.NextInt64(1, 1L << 20), accepted: random.Next(4) > 0);
            (int buyer, int seller) = random.Next(2) == 0 ? (2, 3) : (3, 2);
            if (random.Next(4) > 0)
            {
                int instrument = random.Next(2) == 0 ? BatchFactory.BtcPerpetual : BatchFactory.EthPerpetual;
                long price = factory.RiskRows.Single(r => r.Id == instrument).Index + random.Next(-9_000, 9_000), lots = random.NextInt64(1, 60);
                var slot = (byte)random.Next(256);
                batch.Order(buyer, slot, Nonce(buyer), false, instrument, lots + random.Next(9), price + random.Next(50), lots, lots * price, random.Next(1, 1000));
                batch.Order(seller, slot, Nonce(seller), true, instrument, lots + random.Next(9), price - random.Next(50), lots, lots * price, random.Next(1, 1000));
            }

            if (random.Next(2) == 0) batch.Withdraw(buyer, (byte)random.Next(256), Nonce(buyer), 0, random.NextInt64(1, 1L << 20));
            else batch.Cancel(seller, (byte)random.Next(256), Nonce(seller));
            Dishonest.Accepted(SettlementInput.Build(batch.Seal()));
        }
    }

    /// <summary>What one bucket and big blocks do not reach, on a small circuit of two buckets.</summary>
    [Fact]
    public void Two_buckets_one_bucket_twice_continued_orders_full_leaves_and_trading_on_registration_are_accepted()
    {
        CompiledCircuit circuit = CompiledCircuit.Get("circuits/test/two_buckets.circom");
        var profile = new CircuitProfile("two-buckets", Blocks: 2, Rows: 2, Operations: 1, Buckets: 2, Forced: 1, Reliefs: 1);
        var factory = new BatchFactory(profile)
        {
            // 16 instruments in both buckets, in two groups.
            RiskRows = [.. Enumerable.Range(0, 16).Select(i =>
                BatchFactory.Linear(i < 9 ? i + 1 : i + 10, InstrumentKind.Perpetual, 1 + (i % 2), 1_000_000 + 997 * i, funding: 31 * i))],
        };
        void Check(SealedBatch batch) => Accepted(SettlementInput.Build(batch, profile), circuit);
        BatchFactory.Batch Meet(BatchFactory.Batch batch, int instrument, long lots, long nonce, long size)
        {
            long price = factory.RiskRows.Single(r => r.Id == instrument).Index;
            return batch.Order(2, 7, nonce, false, instrument, size, price, lots, lots * price, feeRate: 0).Order(3, 8, nonce, true, instrument, size, price, lots, lots * price, feeRate: 0);
        }

        factory.Begin().Register(2, cash: 50_000_000_000).Seal();
        // Registered and trading in one batch; only bucket 0 is needed, so it is opened twice.
        Check(Meet(factory.Begin().Register(3, cash: 40_000_000_000), 1, lots: 20, nonce: 1, size: 100).Seal());
        // The same orders go on; then one in the other bucket.
        Check(Meet(factory.Begin(), 1, lots: 30, nonce: 1, size: 100).Seal());
        Assert.Equal(new OrderSlot(1, 50), factory.Slots(2)[7]);
        Check(Meet(factory.Begin(), 20, lots: 5, nonce: 2, size: 5).Seal());
        // All 16 slots taken.
        foreach (RiskRow row in factory.RiskRows.Where(r => r.Id is not 1 and not 20)) Meet(factory.Begin(), row.Id, lots: 3, nonce: 3 + row.Id, size: 3).Seal();
        Assert.Equal(Bound.Positions, factory.Contents(3).Positions.Length);
        Check(Meet(factory.Begin(), 9, lots: 2, nonce: 60, size: 4).Seal());
    }

    internal static BatchFactory Traders()
    {
        var factory = new BatchFactory(CircuitProfile.Dev);
        factory.Begin().Register(2, cash: 50_000_000_000).Register(3, cash: 60_000_000_000).Seal();
        return factory;
    }
}
