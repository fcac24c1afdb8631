using Rollup.Crypto.Settlement;
using Rollup.Ethereum;
using Rollup.Protocol;
using Rollup.Risk;
using Rollup.StateVerifier.Accounts;
using Rollup.StateVerifier.Chain;
using Rollup.StateVerifier.Checks;
using Rollup.TestSupport;

namespace Rollup.StateVerifier.Tests;

public class HonestHistoryTests
{
    [Fact]
    public async Task Every_check_holds_and_only_final_batches_count()
    {
        var batches = new List<BatchReport>();
        VerifiedHistory history = await new FakeVault().VerifyAsync(onBatch: batches.Add);

        Assert.Equal([BatchStatus.Final, BatchStatus.Final, BatchStatus.Final, BatchStatus.Proven, BatchStatus.Committed], batches.Select(b => b.Status));
        Assert.Equal([true, true, true, true, false], batches.Select(b => b.ProvenHere));
        Assert.Equal(Honest.Roots.Skip(1), batches.Select(b => b.Root));
        Assert.Equal([0, 1, 0, 0, 0], batches.Select(b => b.Bounced));
        Assert.Equal([0, 0, 0, 1, 0], batches.Select(b => b.Withdrawals));
        Assert.Equal([2, 1, 3, 2, 3], batches.Select(b => b.Accounts));
        Assert.Equal(Honest.Roots[Honest.Final], history.Chain.FinalRoot);
        Assert.Equal(5, history.Chain.ConsumedOperations);
        Assert.Equal(6, history.Events.Operations.Count);
        Assert.Equal("dev", history.Parameters.Circuit.Profile.Name);
        Assert.True(history.Parameters.IsDevelopmentKey);
        Assert.Equal([2, 3, 5], history.Chain.Registered.Keys.Order());
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public async Task An_owner_sees_the_leaf_under_the_final_root_at_the_final_prices(int account)
    {
        AccountStatement statement = await new FakeVault().ShowAsync(new AccountQuery(FakeVault.KeyOf(account)));

        Assert.Equal(account, statement.Account);
        Assert.Equal(Honest.Contents[account], statement.Contents);
        Assert.Equal(3u, statement.LeafBatch);
        Assert.Equal(3u, statement.Standing!.Header.Batch);
        Assert.Equal(BatchFactory.OwnerOf(account), statement.Identity.Owner);
        StatementPosition position = Assert.Single(statement.Positions);
        Assert.Equal(account == 2 ? Honest.Lots : -Honest.Lots, position.Size);
        Assert.Equal(61_800_503, position.Mark);

        // Bought (sold) 40 lots at 61,799,000; worth mark each; the fee is 500 (200) millionths; funding cancels between cash and base.
        long side = account == 2 ? 1 : -1, quote = Honest.Lots * Honest.Bought;
        long deposited = account == 2 ? 9_000_000_001 : 8_000_000_002, fee = (quote * (account == 2 ? 500 : 200) + 999_999) / 1_000_000;
        Assert.Equal((Int128)(deposited - fee + side * Honest.Lots * (61_800_503 - Honest.Bought)), statement.Value);
        RiskRow row = RiskRows.From(Honest.RiskInputsOf(3)).Single(r => r.Id == BatchFactory.BtcPerpetual);
        Int128 worst = side * Honest.Lots * (Int128)(side > 0 ? row.Long.Min() : row.Short.Max());
        StatementGroup group = Assert.Single(statement.Groups);
        Assert.Equal((1, worst), (group.Group, group.Worst));
        Assert.Equal(statement.Contents.Cash + worst, statement.Health);
        Assert.True(group.InitialMargin > 0);
        Assert.Equal(group.InitialMargin, statement.InitialMargin);
    }

    [Fact]
    public async Task A_leaf_of_an_earlier_batch_stands_at_the_newest_final_one()
    {
        AccountStatement statement = await new FakeVault().ShowAsync(new AccountQuery(Account: 5));
        Assert.Equal(Honest.Contents[5], statement.Contents);
        Assert.Equal((6_000_000_004, 2u, 3u), (statement.Contents.Cash, statement.LeafBatch, statement.Standing!.Header.Batch));
    }

    [Fact]
    public async Task The_fee_account_is_public_and_the_untouched_insurance_fund_is_as_at_genesis()
    {
        var world = new FakeVault();
        AccountStatement fees = await world.ShowAsync(new AccountQuery(Account: 0)), fund = await world.ShowAsync(new AccountQuery(Account: 1));
        Assert.Equal(Honest.Contents[0], fees.Contents);
        Assert.Equal((Honest.Lots * Honest.Bought * 700 + 999_999) / 1_000_000, fees.Contents.Cash, tolerance: 1);
        Assert.Equal((LeafContents.Empty, 0u), (fund.Contents, fund.LeafBatch));
    }

    [Fact]
    public async Task A_key_and_a_number_show_that_account()
    {
        AccountStatement statement = await new FakeVault().ShowAsync(new AccountQuery(FakeVault.KeyOf(3), 3));
        Assert.Equal(3, statement.Account);
    }

    [Fact]
    public async Task Pins_that_agree_hold()
    {
        VerifiedHistory first = await new FakeVault().VerifyAsync();
        VerifiedHistory pinned = await new FakeVault().VerifyAsync(pins: new Pins(31337, [first.Parameters.Circuit.KeyHash]));
        Assert.Equal(first.Parameters.Circuit.KeyHash, pinned.Parameters.Circuit.KeyHash);
    }

    [Fact]
    public async Task A_proof_submitted_through_a_contract_counts_if_the_call_is_in_the_input()
    {
        var world = new FakeVault();
        Bytes32 transaction = world.ProofTransaction(2);
        world.SetInput(transaction, input => [.. new byte[68], .. FakeVault.ProofInput(2, new byte[256]), 0xab, .. input, .. new byte[28]]);
        world.Chain.Transactions[transaction] = world.Chain.Transactions[transaction] with { To = FakeVault.Verifier };
        Assert.True((await world.VerifyAsync()).Chain.LastFinal!.ProvenHere);
    }

    [Fact]
    public async Task A_vault_without_batches_stands_at_the_genesis()
    {
        FakeVault world = new FakeVault(drafts => drafts.Clear()).EndAt(0);
        VerifiedHistory history = await world.VerifyAsync();
        Assert.Null(history.Chain.LastFinal);
        Assert.Equal(Honest.Roots[0], history.Chain.FinalRoot);
    }
}
