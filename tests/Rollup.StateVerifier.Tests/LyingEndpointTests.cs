using System.Numerics;
using Rollup.Ethereum;
using Rollup.Protocol;
using Rollup.StateVerifier.Accounts;
using Rollup.StateVerifier.Chain;
using Rollup.StateVerifier.Checks;
using Rollup.TestSupport;

namespace Rollup.StateVerifier.Tests;

/// <summary>An honest vault seen through an endpoint that changes one answer. <see cref="HonestHistoryTests"/> is the control.</summary>
public class LyingEndpointTests
{
    // ---- data of a batch ----

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(40)]
    public async Task Flipped_word(int word)
    {
        // Selector, offset of the tuple, its nine heads, the array's length, then the words.
        CheckFailedException failure = await FailsAsync(Check.Data, 2, w => w.SetInput(w.CommitTransaction(2), input => Flip(input, 4 + 32 * (11 + word) + 31)));
        Assert.Contains("words", failure.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public Task Flipped_commitment() => FailsAsync(Check.Commitment, 2, w => w.SetInput(w.CommitTransaction(2), input => Flip(input, 4 + 64 + 31)));

    [Fact]
    public Task Flipped_risk_root() => FailsAsync(Check.Data, 2, w => w.SetInput(w.CommitTransaction(2), input => Flip(input, 4 + 96 + 31)));

    [Theory]
    [InlineData(0, "new root")]
    [InlineData(1, "risk root")]
    [InlineData(2, "words")]
    public async Task Log_of_the_commit_changed(int word, string named)
    {
        CheckFailedException failure = await FailsAsync(Check.Data, 3, w =>
        {
            // The log of the finalisation has the root as well.
            if (word == 0) w.SetLog(VaultAbi.BatchFinalized, 3, l => l with { Data = Flip(l.Data, 31) });
            w.SetLog(VaultAbi.BatchCommitted, 3, l => l with { Data = Flip(l.Data, 32 * word + 31) });
        });
        Assert.Contains(named, failure.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public Task Log_of_the_finalisation_changed() => FailsAsync(Check.Data, 3, w => w.SetLog(VaultAbi.BatchFinalized, 3, l => l with { Data = Flip(l.Data, 31) }));

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(500)]
    [InlineData(-1)]
    public Task Truncated_calldata(int length) => FailsAsync(Check.Calldata, 2, w => w.SetInput(w.CommitTransaction(2), input => input[..(length < 0 ? ^(-length) : length)]));

    [Fact]
    public Task Another_function() => FailsAsync(Check.Calldata, 2, w => w.SetInput(w.CommitTransaction(2), input => Flip(input, 0)));

    [Theory]
    [InlineData(11, "word 0")]
    [InlineData(2, "C ")]
    [InlineData(3, "risk root")]
    public async Task Number_that_is_not_below_r(int word, string named)
    {
        byte[] modulus = VaultContract.Word(Fr.Modulus);
        CheckFailedException failure = await FailsAsync(Check.Calldata, 2, w => w.SetInput(w.CommitTransaction(2), input =>
        {
            modulus.CopyTo(input, 4 + 32 * word);
            return input;
        }));
        Assert.Contains(named, failure.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public Task One_word_less() => FailsAsync(Check.Calldata, 2, w => w.SetInput(w.CommitTransaction(2), _ =>
    {
        CommitDraft draft = w.Drafts[1].Clone();
        draft.Words = draft.Words[..^1];
        return draft.Encode();
    }));

    [Fact]
    public Task Too_long_an_input() => FailsAsync(Check.Calldata, 2, w => w.SetInput(w.CommitTransaction(2), input => [.. input, .. new byte[4 << 20]]));

    [Fact]
    public Task Transaction_missing() => FailsAsync(Check.Calldata, 2, w => w.Chain.Transactions.Remove(w.CommitTransaction(2)));

    [Fact]
    public Task Transaction_of_another_batch() => FailsAsync(Check.Calldata, 2, w => w.Chain.Transactions[w.CommitTransaction(2)] = w.Chain.Transactions[w.CommitTransaction(3)]);

    [Fact]
    public Task Inputs_of_two_batches_exchanged() => FailsAsync(Check.Data, 2, w =>
    {
        byte[] second = w.Chain.Transactions[w.CommitTransaction(2)].Input, third = w.Chain.Transactions[w.CommitTransaction(3)].Input;
        w.SetInput(w.CommitTransaction(2), _ => third);
        w.SetInput(w.CommitTransaction(3), _ => second);
    });

    [Fact]
    public Task Transaction_to_another_contract() => FailsAsync(Check.Calldata, 2, w =>
        w.Chain.Transactions[w.CommitTransaction(2)] = w.Chain.Transactions[w.CommitTransaction(2)] with { To = FakeVault.Verifier });

    [Fact]
    public Task Transaction_in_no_block() => FailsAsync(Check.Calldata, 2, w =>
        w.Chain.Transactions[w.CommitTransaction(2)] = w.Chain.Transactions[w.CommitTransaction(2)] with { BlockHash = null, BlockNumber = null });

    [Fact]
    public Task Block_of_the_commit_changed() => FailsAsync(Check.Sequence, 2, w =>
    {
        ulong number = w.Chain.Transactions[w.CommitTransaction(2)].BlockNumber!.Value;
        w.Chain.Blocks[number] = w.Chain.Blocks[number] with { Hash = FakeVault.HashOf("other", number) };
    });

    // ---- the vault's record ----

    [Theory]
    [InlineData(0, "root")]
    [InlineData(1, "risk root")]
    [InlineData(2, "commitment")]
    [InlineData(3, "challenge")]
    [InlineData(4, "evaluation")]
    [InlineData(6, "close")]
    [InlineData(8, "operations")]
    [InlineData(9, "status")]
    public async Task Record_changed(int field, string named)
    {
        CheckFailedException failure = await FailsAsync(Check.Record, 2, w => w.SetRecord(2, field, v => (BigInteger)v ^ 1));
        Assert.Contains(named, failure.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Recorded_hash_of_risk_inputs_changed()
    {
        CheckFailedException failure = await FailsAsync(Check.Record, 2, w => w.SetRecord(2, 13, v => Flip([.. (byte[])v], 31)));
        Assert.Contains("risk inputs", failure.Problem, StringComparison.Ordinal);
    }

    // ---- proofs ----

    [Fact]
    public async Task Proof_of_another_batch()
    {
        CheckFailedException failure = await FailsAsync(Check.Proof, 2, w =>
        {
            byte[] other = w.Chain.Transactions[w.ProofTransaction(3)].Input[36..];
            w.SetInput(w.ProofTransaction(2), input => [.. input[..36], .. other]);
        });
        Assert.Contains("does not hold", failure.Problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    public Task Flipped_proof_word(int word) => FailsAsync(Check.Proof, 2, w => w.SetInput(w.ProofTransaction(2), input => Flip(input, 36 + 32 * word + 31)));

    [Fact]
    public Task Proof_of_a_batch_that_is_not_final_yet_fails_too() => FailsAsync(Check.Proof, 4, w => w.SetInput(w.ProofTransaction(4), input => Flip(input, 36 + 31)));

    [Fact]
    public Task Truncated_proof() => FailsAsync(Check.Proof, 2, w => w.SetInput(w.ProofTransaction(2), input => input[..^1]));

    [Fact]
    public Task Proof_transaction_missing() => FailsAsync(Check.Proof, 2, w => w.Chain.Transactions.Remove(w.ProofTransaction(2)));

    [Fact]
    public Task Proof_in_another_transaction() => FailsAsync(Check.Proof, 2, w => w.Chain.Transactions[w.ProofTransaction(2)] = w.Chain.Transactions[w.ProofTransaction(3)]);

    [Fact]
    public async Task Proof_that_a_contract_hid()
    {
        CheckFailedException failure = await FailsAsync(Check.Proof, 2, w => w.SetInput(w.ProofTransaction(2), _ => [1, 2, 3, 4]));
        Assert.Contains("carries no proof", failure.Problem, StringComparison.Ordinal);
    }

    // ---- missing and repeated logs ----

    [Fact]
    public Task Commit_log_missing_in_the_middle() => FailsAsync(Check.Sequence, 2, w => w.Chain.Logs.RemoveAt(w.FindLog(VaultAbi.BatchCommitted, 2)));

    [Fact]
    public async Task Every_log_of_a_batch_missing_in_the_middle()
    {
        CheckFailedException failure = await FailsAsync(Check.Sequence, 3, w =>
        {
            foreach (AbiEvent @event in (AbiEvent[])[VaultAbi.BatchCommitted, VaultAbi.BatchProven, VaultAbi.BatchFinalized]) w.Chain.Logs.RemoveAt(w.FindLog(@event, 2));
        });
        Assert.Equal(("batch 2", "batch 3"), (failure.Expected, failure.Found));
    }

    [Fact]
    public async Task Newest_commit_hidden()
    {
        CheckFailedException failure = await FailsAsync(Check.Sequence, null, w => w.Chain.Logs.RemoveAt(w.FindLog(VaultAbi.BatchCommitted, 5)));
        Assert.Equal(("5", "4"), (failure.Expected, failure.Found));
    }

    [Fact]
    public Task Newest_finalisation_hidden() => FailsAsync(Check.Sequence, null, w => w.Chain.Logs.RemoveAt(w.FindLog(VaultAbi.BatchFinalized, 3)));

    [Fact]
    public Task Proof_log_hidden() => FailsAsync(Check.Sequence, 2, w => w.Chain.Logs.RemoveAt(w.FindLog(VaultAbi.BatchProven, 2)));

    [Fact]
    public Task Proof_log_hidden_before_finality() => FailsAsync(Check.Record, 4, w => w.Chain.Logs.RemoveAt(w.FindLog(VaultAbi.BatchProven, 4)));

    [Fact]
    public Task Finality_invented() => FailsAsync(Check.Sequence, 5, w =>
    {
        Log log = w.Chain.Logs[w.FindLog(VaultAbi.BatchFinalized, 3)];
        w.Chain.Logs.Add(log with { Topics = [log.Topics[0], FakeVault.Topic(5)], BlockNumber = w.Chain.Latest, LogIndex = 1_000 });
    });

    [Fact]
    public Task Commit_log_repeated() => FailsAsync(Check.Sequence, 5, w => w.Chain.Logs.Add(w.Chain.Logs[w.FindLog(VaultAbi.BatchCommitted, 5)] with { LogIndex = 1_000 }));

    [Fact]
    public Task Proof_log_repeated() => FailsAsync(Check.Sequence, 4, w => w.Chain.Logs.Add(w.Chain.Logs[w.FindLog(VaultAbi.BatchProven, 4)] with { BlockNumber = w.Chain.Latest, LogIndex = 1_000 }));

    [Fact]
    public Task Proof_invented() => FailsAsync(Check.Sequence, 6, w =>
        w.Chain.Logs.Add(w.Chain.Logs[w.FindLog(VaultAbi.BatchProven, 4)] with { Topics = [VaultAbi.BatchProven.Topic, FakeVault.Topic(6)], BlockNumber = w.Chain.Latest, LogIndex = 1_000 }));

    [Fact]
    public Task Log_of_another_contract() => FailsAsync(Check.Sequence, null, w => w.SetLog(VaultAbi.BatchCommitted, 2, l => l with { Address = FakeVault.Verifier }));

    [Fact]
    public Task Log_that_does_not_decode() => FailsAsync(Check.Parameters, null, w => w.SetLog(VaultAbi.BatchCommitted, 2, l => l with { Data = l.Data[..^1] }));

    [Fact]
    public async Task Logs_that_were_not_asked_for()
    {
        VaultSnapshot snapshot = await new FakeVault().Source().ReadSnapshotAsync(null, default);
        VaultParameters parameters = VaultParameters.From(snapshot, new Pins());
        Assert.Equal(Honest.Batches, VaultEvents.From(snapshot, parameters).Batches.Count);
        Log last = snapshot.Logs[^1];
        foreach ((Log log, Check check) in new[] { (last with { BlockNumber = snapshot.Head.Number + 1 }, Check.Sequence), (last with { LogIndex = 1_000, Topics = [FakeVault.Topic(1)] }, Check.Parameters) })
            Assert.Equal(check, Assert.Throws<CheckFailedException>(() => VaultEvents.From(snapshot with { Logs = [.. snapshot.Logs, log] }, parameters)).Check);
    }

    /// <summary>Whatever fits the event's types is data, not a crash: nothing is settled by it that a batch settles.</summary>
    [Fact]
    public async Task Settlement_of_the_largest_numbers()
    {
        VaultSnapshot snapshot = await new FakeVault().Source().ReadSnapshotAsync(null, default);
        Log settled = snapshot.Logs.Single(VaultAbi.InstrumentSettled.Matches);
        Log largest = settled with
        {
            Topics = [settled.Topics[0], FakeVault.Topic(uint.MaxValue)],
            Data = [.. new byte[24], .. Enumerable.Repeat((byte)0xFF, 8)],
            LogIndex = 1_000,
        };
        var read = VaultEvents.From(snapshot with { Logs = [.. snapshot.Logs, largest with { BlockNumber = snapshot.Logs[^1].BlockNumber }] }, VaultParameters.From(snapshot, new Pins()));
        Assert.Equal([(uint)Honest.SettledCall, uint.MaxValue], read.Settled.Keys.Order());
        Assert.Equal(ulong.MaxValue, read.Settled[uint.MaxValue].Payoff);
    }

    [Fact]
    public Task Same_log_twice() => FailsAsync(Check.Sequence, null, w => w.Chain.Logs.Add(w.Chain.Logs[^1]));

    [Fact]
    public Task Logs_out_of_order() => FailsAsync(Check.Sequence, null, w => w.Chain.Logs.Reverse(w.Chain.Logs.Count - 2, 2));

    [Fact]
    public async Task Start_after_the_deployment()
    {
        var failure = await Assert.ThrowsAsync<CheckFailedException>(() => new FakeVault().VerifyAsync(fromBlock: FakeVault.FirstBlock + 3));
        Assert.Equal(Check.Sequence, failure.Check);
        Assert.Contains("before block 103", failure.Problem, StringComparison.Ordinal);
        failure = await Assert.ThrowsAsync<CheckFailedException>(() => new FakeVault().VerifyAsync(fromBlock: 1_000));
        Assert.Equal(Check.Sequence, failure.Check);
        Assert.Contains("before block 1000", failure.Problem, StringComparison.Ordinal);
    }

    // ---- the queue ----

    [Fact]
    public Task Operation_log_missing_in_the_middle() => FailsAsync(Check.Operations, null, w => w.Chain.Logs.RemoveAt(w.FindLog(VaultAbi.OperationQueued, 2)));

    [Fact]
    public Task Newest_operation_hidden() => FailsAsync(Check.Operations, null, w => w.Chain.Logs.RemoveAt(w.FindLog(VaultAbi.OperationQueued, 5)));

    [Fact]
    public async Task Operation_changed_in_queue_and_batch_alike()
    {
        // One more atom for account 3, in the log as in the published words and everything that follows from them: the vault's prefix hash tells.
        var world = new FakeVault(d => d[0].Words[CommitDraft.Place(1)] += Fr.FromBigInteger(BigInteger.One << 44));
        world.SetLog(VaultAbi.OperationQueued, 1, l => l with { Data = [.. l.Data[..26], (byte)(l.Data[26] ^ 16), .. l.Data[27..]] });
        var failure = await Assert.ThrowsAsync<CheckFailedException>(() => world.VerifyAsync());
        Assert.Equal(Check.Operations, failure.Check);
        Assert.Contains("hash", failure.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public Task Depositor_changed() => FailsAsync(Check.Operations, null, w => w.SetLog(VaultAbi.OperationQueued, 1, l => l with { Topics = [l.Topics[0], l.Topics[1], FakeVault.Topic(9)] }));

    [Fact]
    public Task Queue_prefix_changed() => FailsAsync(Check.Operations, null, w => w.Answer(VaultAbi.QueuePrefix, [(BigInteger)6], new byte[32]));

    // ---- parameters ----

    [Fact]
    public async Task Another_chain()
    {
        CheckFailedException failure = await FailsAsync(Check.Domain, null, w => w.Chain.ChainId = 1);
        Assert.Contains("chain 1,", failure.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_chain_than_the_pinned_one()
    {
        var failure = await Assert.ThrowsAsync<CheckFailedException>(() => new FakeVault().VerifyAsync(pins: new Pins(1)));
        Assert.Equal((Check.Domain, "1", "31337"), (failure.Check, failure.Expected, failure.Found));
    }

    [Fact]
    public Task Another_domain() => FailsAsync(Check.Domain, null, w => w.Answer(VaultAbi.Domain, 5));

    [Fact]
    public Task Another_genesis() => FailsAsync(Check.Genesis, null, w => w.Answer(VaultAbi.GenesisRoot, Honest.Roots[1].ToBigInteger()));

    [Fact]
    public Task Unknown_capacities() => FailsAsync(Check.Parameters, null, w => w.Answer(VaultAbi.Rows, Honest.Profile.Rows + 1));

    [Fact]
    public Task Another_word_count() => FailsAsync(Check.Parameters, null, w => w.Answer(VaultAbi.WordCount, Honest.Profile.DataWords + 1));

    [Fact]
    public Task No_contract_there() => FailsAsync(Check.Parameters, null, w =>
    {
        foreach ((Address, string) call in w.Chain.Results.Keys.ToList()) w.Chain.Results[call] = [];
    });

    [Fact]
    public Task A_contract_that_is_no_vault() => FailsAsync(Check.Parameters, null, w => w.Chain.Results.Clear());

    [Fact]
    public async Task Another_key_than_the_pinned_one()
    {
        var failure = await Assert.ThrowsAsync<CheckFailedException>(() => new FakeVault().VerifyAsync(pins: new Pins(null, [FakeVault.HashOf("key", 1)])));
        Assert.Equal(Check.VerifyingKey, failure.Check);
    }

    [Fact]
    public Task Unusable_key() => FailsAsync(Check.VerifyingKey, null, w =>
    {
        byte[] words = KnownKey.Key.ToEvmWords();
        words.AsSpan(64 + 128, 128).CopyTo(words.AsSpan(64 + 256)); // delta = gamma
        w.AnswerKey(words);
    });

    [Fact]
    public Task Key_for_another_circuit() => FailsAsync(Check.VerifyingKey, null, w => w.AnswerKey(KnownKey.Key.ToEvmWords()[..^64]));

    [Fact]
    public async Task Impossible_head()
    {
        var world = new FakeVault();
        world.Chain.Blocks[world.Chain.Latest] = world.Chain.Blocks[world.Chain.Latest] with { Number = ulong.MaxValue };
        await Assert.ThrowsAsync<EthereumProtocolException>(() => world.VerifyAsync());
    }

    [Fact]
    public async Task Reorganised_while_read()
    {
        var world = new FakeVault();
        int looks = 0;
        world.Chain.OnBlock = number =>
        {
            if (number == world.Chain.Latest && ++looks == 3) world.Chain.Blocks[number] = world.Chain.Blocks[number] with { Hash = FakeVault.HashOf("other", number) };
        };
        await Assert.ThrowsAsync<ChainReorganisedException>(() => world.VerifyAsync());
        Assert.Equal(3, looks);
    }

    // ---- accounts ----

    [Fact]
    public async Task Wrong_view_key()
    {
        var key = new Rollup.Crypto.AccountKey(FakeVault.KeyOf(2).Owner, FakeVault.KeyOf(2).PublicKey, FakeVault.KeyOf(3).ViewKey);
        await ShowFailsAsync(Check.Leaf, "view key", new AccountQuery(key));
    }

    [Fact]
    public Task Stranger() => ShowFailsAsync(Check.Account, "never registered", new AccountQuery(FakeVault.KeyOf(9)));

    [Fact]
    public Task Another_EdDSA_key() => ShowFailsAsync(Check.Account, "another EdDSA key",
        new AccountQuery(new Rollup.Crypto.AccountKey(FakeVault.KeyOf(2).Owner, FakeVault.KeyOf(3).PublicKey, FakeVault.KeyOf(2).ViewKey)));

    [Fact]
    public Task Number_of_anothers_account() => ShowFailsAsync(Check.Account, "opens account 2, not account 3", new AccountQuery(FakeVault.KeyOf(2), 3));

    [Fact]
    public Task Private_account_without_its_key() => ShowFailsAsync(Check.Leaf, "not public", new AccountQuery(Account: 2));

    [Fact]
    public Task Account_that_is_only_queued() => ShowFailsAsync(Check.Account, "in no batch yet", new AccountQuery(FakeVault.KeyOf(6)));

    [Fact]
    public Task Account_whose_registration_was_refused() => ShowFailsAsync(Check.Account, "refused", new AccountQuery(FakeVault.KeyOf(4)));

    [Fact]
    public Task Account_of_no_registration() => ShowFailsAsync(Check.Account, "never registered", new AccountQuery(Account: 77));

    [Fact]
    public async Task Account_in_a_batch_that_is_not_final()
    {
        var world = new FakeVault();
        world.Answer(VaultAbi.LastFinal, 1);
        foreach (uint batch in new uint[] { 2, 3 })
        {
            world.Chain.Logs.RemoveAt(world.FindLog(VaultAbi.BatchFinalized, batch));
            world.SetRecord(batch, 9, _ => (BigInteger)(int)BatchStatus.Proven);
        }

        await world.VerifyAsync();
        var failure = await Assert.ThrowsAsync<CheckFailedException>(() => world.ShowAsync(new AccountQuery(FakeVault.KeyOf(5))));
        Assert.Equal(Check.Account, failure.Check);
        Assert.Contains("not final yet", failure.Problem, StringComparison.Ordinal);
        Assert.Equal(8_000_000_002, (await world.ShowAsync(new AccountQuery(FakeVault.KeyOf(3)))).Contents.Cash);
    }

    private static byte[] Flip(byte[] bytes, int at)
    {
        var flipped = (byte[])bytes.Clone();
        flipped[at] ^= 1;
        return flipped;
    }

    private static async Task<CheckFailedException> FailsAsync(Check check, uint? batch, Action<FakeVault> change)
    {
        var world = new FakeVault();
        change(world);
        var failure = await Assert.ThrowsAsync<CheckFailedException>(() => world.VerifyAsync());
        Assert.Equal((check, batch), (failure.Check, failure.Batch));
        return failure;
    }

    private static async Task ShowFailsAsync(Check check, string named, AccountQuery query)
    {
        var failure = await Assert.ThrowsAsync<CheckFailedException>(() => new FakeVault().ShowAsync(query));
        Assert.Equal(check, failure.Check);
        Assert.Contains(named, failure.Problem, StringComparison.Ordinal);
    }
}
