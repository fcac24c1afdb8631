using System.Numerics;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Ethereum;
using Rollup.Protocol;
using Rollup.StateVerifier.Accounts;
using Rollup.StateVerifier.Checks;
using Rollup.TestSupport;

namespace Rollup.StateVerifier.Tests;

/// <summary>
/// Batches that a vault which checks nothing has taken, consistent in every log, record and proof: only the rule that each breaks tells.
/// <see cref="HonestHistoryTests"/> is the control: the same history without the change holds.
/// </summary>
public class DishonestOperatorTests
{
    [Fact]
    public async Task Wrong_commitment()
    {
        Fr wrong = Fr.FromUInt64(4242), right = Honest.Drafts[1].C;
        CheckFailedException failure = await FailsAsync(Check.Commitment, 2, d => d[1].Commitment = wrong);
        Assert.Equal((right.ToHex(), wrong.ToHex()), (failure.Expected, failure.Found));
    }

    [Fact]
    public async Task Wrong_old_root()
    {
        CheckFailedException failure = await FailsAsync(Check.RootChain, 3, d => d[2].Words[2] = Honest.Roots[1]);
        Assert.Equal((Honest.Roots[2].ToHex(), Honest.Roots[1].ToHex()), (failure.Expected, failure.Found));
    }

    [Fact]
    public async Task Wrong_new_root()
    {
        CheckFailedException failure = await FailsAsync(Check.Tree, 3, d => d[2].Words[3] = Fr.FromUInt64(77));
        Assert.Equal((Honest.Roots[3].ToHex(), Fr.FromUInt64(77).ToHex()), (failure.Expected, failure.Found));
    }

    [Fact]
    public Task Wrong_leaf() => FailsAsync(Check.Tree, 3, d => d[2].Words[CommitDraft.Block(1) + 1] += Fr.One);

    [Fact]
    public Task Leaves_of_two_accounts_exchanged() => FailsAsync(Check.Tree, 3, d =>
        (d[2].Words[CommitDraft.Block(1)], d[2].Words[CommitDraft.Block(2)]) = (d[2].Words[CommitDraft.Block(2)], d[2].Words[CommitDraft.Block(1)]));

    [Fact]
    public async Task Leaf_of_an_account_that_nobody_registered()
    {
        CheckFailedException failure = await FailsAsync(Check.Tree, 3, d => d[2].Words[CommitDraft.Block(1)] = Fr.FromUInt64(4));
        Assert.Contains("account 4", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Wrong_risk_input()
    {
        Rollup.Risk.RiskInputs honest = Honest.RiskInputsOf(2);
        Rollup.Risk.RiskInputs changed = honest with { Instruments = honest.Instruments.SetItem(0, honest.Instruments[0] with { Mark = honest.Instruments[0].Mark + 1 }) };
        CheckFailedException failure = await FailsAsync(Check.Risk, 2, d => d[1].RiskInputs = changed.Encode());
        Assert.Equal(Honest.Drafts[1].RiskRoot.ToHex(), failure.Found);
        Assert.Equal(new RiskTree(Rollup.Risk.RiskRows.From(changed)).Root.ToHex(), failure.Expected);
    }

    [Fact]
    public Task Wrong_risk_root() => FailsAsync(Check.Risk, 2, d => d[1].RiskRoot += Fr.One);

    [Fact]
    public Task Risk_inputs_of_another_batch() => FailsAsync(Check.Risk, 2, d => (d[1].RiskInputs, d[1].RiskRoot) = (d[2].RiskInputs, d[2].RiskRoot));

    [Fact]
    public async Task A_settled_row_that_the_vault_was_not_told_of()
    {
        CheckFailedException failure = await FailsAsync(Check.Risk, Honest.SettledIn, d => d[Honest.SettledIn - 1].Settles.Clear());
        Assert.Contains($"instrument {Honest.SettledCall}, and the vault was not told", failure.Message, StringComparison.Ordinal);
        failure = await FailsAsync(Check.Risk, Honest.SettledIn, d => (d[Honest.SettledIn - 1].Settles, d[Honest.SettledIn].Settles) = ([], d[Honest.SettledIn - 1].Settles));
        Assert.Contains("before the vault was told", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_settled_row_at_another_value_than_the_vault_was_told()
    {
        CheckFailedException failure = await FailsAsync(Check.Risk, Honest.SettledIn, d => d[Honest.SettledIn - 1].Settles[0] = (Honest.SettledCall, Honest.SettledPayoff + 1));
        Assert.Equal($"{Honest.SettledPayoff + 1}", failure.Expected);
        Assert.Equal($"{Honest.SettledPayoff}", failure.Found);
        CheckFailedException twice = await Assert.ThrowsAsync<CheckFailedException>(
            () => new FakeVault(d => d[Honest.SettledIn - 1].Settles.Add((Honest.SettledCall, Honest.SettledPayoff))).VerifyAsync());
        Assert.Contains("is settled twice", twice.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(40)]
    public Task Malformed_risk_inputs(int length) => FailsAsync(Check.Risk, 2, d => d[1].RiskInputs = d[1].RiskInputs[..length]);

    [Fact]
    public async Task Wrong_domain()
    {
        Fr other = SettlementDomain.Of(31337, FakeVault.Verifier);
        CheckFailedException failure = await FailsAsync(Check.Domain, 2, d => d[1].Words[0] = other);
        Assert.Equal(other.ToHex(), failure.Found);
    }

    [Fact]
    public Task Batches_exchanged() => FailsAsync(Check.Header, 2, d => (d[1], d[2]) = (d[2], d[1]));

    [Fact]
    public Task Number_repeated() => FailsAsync(Check.Header, 3, d => d[2].Header = d[2].Header with { Batch = 2 });

    [Fact]
    public Task Opens_before_the_last_close() => FailsAsync(Check.Header, 3, d => d[2].Header = d[2].Header with { Open = d[1].Header.Close - 1 });

    [Fact]
    public async Task Opening_at_the_last_close_holds() => await new FakeVault(d => d[2].Header = d[2].Header with { Open = d[1].Header.Close }).VerifyAsync();

    [Fact]
    public Task Closes_before_it_opens() => FailsAsync(Check.Header, 3, d => d[2].Header = d[2].Header with { Close = d[2].Header.Open - 1 });

    [Theory]
    [InlineData(60_000, true)]
    [InlineData(60_001, false)]
    public async Task Open_for_too_long(long milliseconds, bool holds)
    {
        // The last batch, so that no later one opens before it closes.
        void Change(List<CommitDraft> d) => d[4].Header = d[4].Header with { Close = d[4].Header.Open + milliseconds };
        if (holds) await new FakeVault(Change).VerifyAsync();
        else await FailsAsync(Check.Header, 5, Change);
    }

    [Theory]
    [InlineData(2_000, true)]
    [InlineData(2_001, false)]
    public async Task Closes_in_the_future_of_its_commit(long ahead, bool holds)
    {
        long committed = 1_000 * (long)new FakeVault().Chain.Blocks.Values.Max(b => b.Timestamp);
        void Change(List<CommitDraft> d) => d[4].Header = d[4].Header with { Open = committed, Close = committed + ahead };
        if (holds) await new FakeVault(Change).VerifyAsync();
        else await FailsAsync(Check.Header, 5, Change);
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(1, false)]
    public async Task Opens_too_long_before_its_commit(long earlier, bool holds)
    {
        // Deadline of 7,200 s; the first batch is committed a block after the first.
        var honest = new FakeVault();
        long open = 1_000 * (long)(honest.Chain.Blocks[FakeVault.FirstBlock + 1].Timestamp - 7_200) - earlier;
        void Change(List<CommitDraft> d) => d[0].Header = d[0].Header with { Open = open, Close = open + 1 };
        if (holds) await new FakeVault(Change).VerifyAsync();
        else await FailsAsync(Check.Header, 1, Change);
    }

    [Fact]
    public Task Header_with_bits_above_its_fields() => FailsAsync(Check.Header, 3, d => d[2].Words[1] = -Fr.One);

    [Fact]
    public async Task Wrong_operation()
    {
        // Word 0, its amount one atom higher.
        CheckFailedException failure = await FailsAsync(Check.Operations, 1, d => d[0].Words[CommitDraft.Place(1)] += Fr.FromBigInteger(BigInteger.One << 45));
        Assert.Contains("operation 1", failure.Problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public Task Registration_with_another_owner_or_key(int word) => FailsAsync(Check.Operations, 1, d => d[0].Words[CommitDraft.Place(0) + word] += Fr.One);

    [Fact]
    public Task Operation_skipped() => FailsAsync(Check.Operations, 4, d => d[3].Header = d[3].Header with { FirstOperation = 5 });

    [Fact]
    public Task Operation_never_queued() => FailsAsync(Check.Operations, 5, d =>
    {
        d[4].Header = d[4].Header with { OperationCount = 2 };
        FakeVault.Registration(6).Words.CopyTo(d[4].Words, CommitDraft.Place(0));
        FakeVault.Registration(7).Words.CopyTo(d[4].Words, CommitDraft.Place(1));
    });

    [Fact]
    public Task Operation_beyond_the_count() => FailsAsync(Check.Header, 3, d => FakeVault.Registration(6).Words.CopyTo(d[2].Words, CommitDraft.Place(0)));

    [Fact]
    public Task Operation_left_out_without_a_bounce() => FailsAsync(Check.Operations, 2, d => d[1].Bounced.Clear());

    [Fact]
    public Task Bounce_of_another_operation() => FailsAsync(Check.Operations, 2, d => d[1].Bounced[0][0] += Fr.FromBigInteger(BigInteger.One << 45));

    [Fact]
    public Task Bounce_of_nothing() => FailsAsync(Check.Operations, 3, d => d[2].Bounced.Add(FakeVault.Registration(6).Words));

    [Fact]
    public async Task Account_registered_again()
    {
        CheckFailedException failure = await FailsAsync(Check.Operations, 2, d =>
        {
            QueuedDraft again = FakeVault.Registration(3);
            d[1].Operations = d[1].Operations.SetItem(1, again);
            again.Words.CopyTo(d[1].Words, CommitDraft.Place(1));
        });
        Assert.Contains("account 3 again", failure.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Account_whose_leaf_was_never_published()
    {
        void Change(List<CommitDraft> d)
        {
            d.RemoveRange(1, Honest.Batches - 1);
            Fr[] words = d[0].Words;
            words[CommitDraft.Block(0)..CommitDraft.Block(1)].CopyTo(words, CommitDraft.Block(1));
            words[CommitDraft.Block(0)..CommitDraft.Block(1)].CopyTo(words, CommitDraft.Block(2));
            QuadTree tree = VaultParameters.GenesisTree();
            tree.Set(2, words[CommitDraft.Block(0) + 1]);
            words[3] = tree.Root;
        }

        Assert.Equal(9_000_000_001, (await new FakeVault(Change).EndAt(1).ShowAsync(new AccountQuery(FakeVault.KeyOf(2)))).Contents.Cash);
        var failure = await Assert.ThrowsAsync<CheckFailedException>(() => new FakeVault(Change).EndAt(1).ShowAsync(new AccountQuery(FakeVault.KeyOf(3))));
        Assert.Equal((Check.Leaf, 1u), (failure.Check, failure.Batch));
    }

    [Fact]
    public async Task Withheld_ciphertext()
    {
        // The leaf and the root are right; only its owner cannot read it any more.
        void Change(List<CommitDraft> d) => d[2].Words[CommitDraft.Block(1) + 2] += Fr.One;
        await new FakeVault(Change).VerifyAsync();
        var failure = await Assert.ThrowsAsync<CheckFailedException>(() => new FakeVault(Change).ShowAsync(new AccountQuery(FakeVault.KeyOf(2))));
        Assert.Equal((Check.Leaf, 3u), (failure.Check, failure.Batch));
        await new FakeVault(Change).ShowAsync(new AccountQuery(FakeVault.KeyOf(3)));
    }

    [Fact]
    public async Task Ciphertext_of_other_contents()
    {
        AccountIdentity identity = BatchFactory.IdentityOf(2);
        LeafContents real = Honest.Contents[2];
        var richer = new LeafContents(real.Version, real.Cash + 1, real.OrderRoot, real.Positions);
        void Change(List<CommitDraft> d) => LeafCipher.Encrypt(identity.ViewKey, d[2].Words[CommitDraft.Block(1) + 1], richer).CopyTo(d[2].Words, CommitDraft.Block(1) + 2);
        var failure = await Assert.ThrowsAsync<CheckFailedException>(() => new FakeVault(Change).ShowAsync(new AccountQuery(FakeVault.KeyOf(2))));
        Assert.Equal((Check.Leaf, 3u), (failure.Check, failure.Batch));
        Assert.Equal((real.Hash(identity).ToHex(), richer.Hash(identity).ToHex()), (failure.Expected, failure.Found));
    }

    private static async Task<CheckFailedException> FailsAsync(Check check, uint batch, Action<List<CommitDraft>> change)
    {
        var failure = await Assert.ThrowsAsync<CheckFailedException>(() => new FakeVault(change).VerifyAsync());
        Assert.Equal((check, (uint?)batch), (failure.Check, failure.Batch));
        return failure;
    }
}
