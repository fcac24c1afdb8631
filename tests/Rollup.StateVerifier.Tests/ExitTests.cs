using System.Numerics;
using Rollup.Circuits;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Groth16;
using Rollup.Protocol;
using Rollup.Risk;
using Rollup.StateVerifier.Accounts;
using Rollup.StateVerifier.Chain;
using Rollup.StateVerifier.Checks;
using Rollup.StateVerifier.Exits;
using Rollup.TestSupport;

namespace Rollup.StateVerifier.Tests;

/// <summary>What an owner leaves with is rebuilt from L1 alone, and nothing that the operator left behind keeps it from that.</summary>
public sealed class ExitTests
{
    private static AccountQuery Owner(int account) => new(FakeVault.KeyOf(account));

    private static Task<VerifiedHistory> RebuildAsync(FakeVault vault, AccountQuery query) => HistoryCheck.RunAsync(vault.Source(), new Pins(), query, judge: false);

    [Fact]
    public async Task What_an_account_leaves_with_follows_from_L1()
    {
        VerifiedHistory history = await RebuildAsync(new FakeVault(), Owner(2));
        Assert.Equal((uint)Honest.Final, history.Chain.LastFinal!.Header.Batch);
        ExitInput exit = Exit.Of(history, Owner(2), out int account, out LeafContents contents);
        RiskRow btc = RiskRows.From(Honest.RiskInputsOf(Honest.Final)).Single(r => r.Id == BatchFactory.BtcPerpetual);
        Assert.Equal((2, Honest.Contents[2]), (account, contents));
        Assert.Equal(contents.Cash + Honest.Lots * btc.Base, exit.Equity);
        Assert.Equal(Honest.Roots[Honest.Final], exit.PublicInputs[0]);
        Assert.Equal(history.Chain.LastFinal.RiskRoot, exit.PublicInputs[1]);
        // Another owner's, and a public account without a key.
        Assert.NotEqual(exit.Equity, Exit.Of(await RebuildAsync(new FakeVault(), Owner(3)), Owner(3), out _, out _).Equity);
        var open = new AccountQuery(null, 5);
        Assert.Equal(6_000_000_004, Exit.Of(await RebuildAsync(new FakeVault(), open), open, out _, out _).Equity);
    }

    [Fact]
    public async Task What_a_final_batch_says_wrong_and_what_is_not_final_keeps_nobody_from_leaving()
    {
        ExitInput honest = Exit.Of(await RebuildAsync(new FakeVault(), Owner(2)), Owner(2), out _, out _);
        (string What, Check Check, Func<FakeVault> Make)[] faults =
        [
            ("risk inputs of an earlier batch", Check.Risk, () => new FakeVault(drafts => drafts[1].RiskInputs = [1, 2, 3])),
            ("a proof that a contract submitted", Check.Proof, () => Changed(v => v.SetInput(v.ProofTransaction(2), _ => [9]))),
            ("a record that another contract's view made", Check.Record, () => Changed(v => v.SetRecord(1, 2, c => (BigInteger)c + 1))),
            ("data that was committed and is void", Check.Calldata, () => Changed(v => v.SetInput(v.CommitTransaction(5), input => input[..100]))),
        ];
        foreach ((string what, Check check, Func<FakeVault> make) in faults)
        {
            Assert.Equal((what, check), (what, (await Assert.ThrowsAsync<CheckFailedException>(() => make().VerifyAsync())).Check));
            Assert.Equal(honest.PublicInputs.ToArray(), Exit.Of(await RebuildAsync(make(), Owner(2)), Owner(2), out _, out _).PublicInputs.ToArray());
        }
    }

    [Fact]
    public async Task What_the_exit_is_proven_from_is_checked()
    {
        (Check Check, FakeVault Vault)[] lies =
        [
            (Check.Risk, new FakeVault(drafts => drafts[Honest.Final - 1].RiskInputs = Honest.RiskInputsOf(Honest.Final + 1).Encode())),
            (Check.Calldata, Changed(v => v.SetInput(v.CommitTransaction(1), input => input[..100]))),
            (Check.Data, Changed(v => v.SetInput(v.CommitTransaction(1), input => { input[4 + 32 * 20] ^= 1; return input; }))),
        ];
        foreach ((Check check, FakeVault vault) in lies)
            Assert.Equal(check, (await Assert.ThrowsAsync<CheckFailedException>(() => RebuildAsync(vault, Owner(2)))).Check);
    }

    [Fact]
    public async Task Accounts_that_cannot_leave_are_told_why()
    {
        VerifiedHistory history = await RebuildAsync(new FakeVault(), Owner(2));
        Assert.Contains("--account N", Assert.Throws<NoExitException>(() => Exit.Of(history, new AccountQuery(), out _, out _)).Message, StringComparison.Ordinal);
        Assert.Contains("registered 4", (await Refused(new AccountQuery(FakeVault.KeyOf(4)))).Replace("the registration of account 4", "registered 4", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Contains("not public", await Refused(new AccountQuery(null, 2)), StringComparison.Ordinal);
        var reserved = new AccountQuery(null, 0);
        VerifiedHistory fees = await RebuildAsync(new FakeVault(), reserved);
        Assert.Contains("Account 0 has no owner", Assert.Throws<NoExitException>(() => Exit.Of(fees, reserved, out _, out _)).Message, StringComparison.Ordinal);

        static async Task<string> Refused(AccountQuery query)
        {
            VerifiedHistory history = await RebuildAsync(new FakeVault(), query);
            return Assert.Throws<CheckFailedException>(() => Exit.Of(history, query, out _, out _)).Message;
        }
    }

    [Fact]
    public async Task What_accounts_hold_is_what_final_batches_took_in_less_what_they_paid_out()
    {
        // Batch 4, with a withdrawal and a deposit of spot, is not final; batch 2 refused account 4.
        VerifiedHistory history = await RebuildAsync(new FakeVault(), new AccountQuery());
        Assert.Equal(9_000_000_001 + 8_000_000_002 + 6_000_000_004, Assert.Single(history.Chain.FinalHoldings).Value);
        var chain = new BatchChain(history.Parameters, history.Events, new HashSet<int>());
        foreach (BatchEvents batch in history.Events.Batches)
            chain.Rebuild(batch with { Finalized = batch.Committed }, await new FakeVault().Source().ReadBatchAsync(history.Snapshot, batch, default));
        Assert.Equal([(0, 9_000_000_001 + 8_000_000_002 + 6_000_000_004 - 123_456_789), (BatchFactory.EthSpot, 17)], chain.FinalHoldings.Select(h => (h.Key, (long)h.Value)));
    }

    [Fact]
    public void A_prepared_exit_is_read_as_it_was_written_and_nothing_else_is()
    {
        string folder = Directory.CreateTempSubdirectory("rollup-exit-").FullName;
        try
        {
            Fr[] inputs = [.. Enumerable.Range(1, ExitBundle.InputCount).Select(i => Fr.FromUInt64((ulong)i << 24 | 0x51))];
            var bundle = new ExitBundle(31337, Honest.Vault, 3, KnownKey.Forge(inputs.AsSpan(0, 4)), [.. inputs]);
            string path = Path.Combine(folder, "exit.json");
            bundle.Save(path);
            ExitBundle read = ExitBundle.Load(path);
            Assert.Equal((31337ul, Honest.Vault, 3u, 0x51), (read.ChainId, read.Vault, read.Version, read.Account));
            Assert.Equal(inputs, read.PublicInputs.ToArray());
            Assert.Equal(bundle.Register(), read.Register());
            Assert.Equal(bundle.Pay(), read.Pay());
            Assert.Throws<IOException>(() => bundle.Save(path)); // Never over another file.

            string text = File.ReadAllText(path);
            (string From, string To, string Says)[] changes =
            [
                ("rollup-exit-1", "rollup-exit-2", "its format is 'rollup-exit-2'"), ("\"version\": 3", "\"version\": -3", "version"), ("\"31337\"", "\"x\"", "'x'"),
                ($"\"{inputs[0]}\",", "", "8 public inputs, not 9"), (inputs[1].ToString(), Fr.Modulus.ToString(System.Globalization.CultureInfo.InvariantCulture), "is no exit"),
                ("\"proof\": \"0x", "\"proof\": \"0xff", "its proof is none"), ("\"chainId\"", "\"chain\"", "chain"),
            ];
            foreach ((string from, string to, string says) in changes)
            {
                Assert.Contains(from, text, StringComparison.Ordinal);
                File.WriteAllText(path, text.Replace(from, to, StringComparison.Ordinal));
                string message = Assert.Throws<NoExitException>(() => ExitBundle.Load(path)).Message;
                Assert.StartsWith($"{path} is no exit that was prepared", message, StringComparison.Ordinal);
                Assert.Contains(says, message, StringComparison.Ordinal);
            }

            Assert.Throws<NoExitException>(() => ExitBundle.Load(Path.Combine(folder, "absent.json")));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static FakeVault Changed(Action<FakeVault> change)
    {
        var vault = new FakeVault();
        change(vault);
        return vault;
    }
}
