using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Ethereum;
using Rollup.Groth16;
using Rollup.Protocol;
using Rollup.StateVerifier.Accounts;
using Rollup.StateVerifier.Chain;
using Rollup.StateVerifier.Checks;
using Rollup.TestSupport;

namespace Rollup.StateVerifier.Tests;

/// <summary>A vault whose circuit changes between two batches (spec 6.11): each batch is judged by the sizes, domain and key of its own circuit, and a history in which that cannot be so is refused.</summary>
public sealed class UpgradeTests
{
    [Fact]
    public async Task Batches_before_and_after_an_upgrade_are_each_judged_by_their_circuit()
    {
        var world = new FakeVault(upgrade: true);
        var query = new AccountQuery(FakeVault.KeyOf(2));
        var batches = new List<BatchReport>();
        VerifiedHistory history = await world.VerifyAsync(query, onBatch: batches.Add);
        Assert.Equal(["dev", "demo"], history.Parameters.Circuits.Select(c => c.Profile.Name));
        Assert.Equal([CircuitVersion.Value, Honest.NextVersion], history.Parameters.Circuits.Select(c => c.Version));
        Assert.Equal([true, true, true, true, false], batches.Select(b => b.ProvenHere));
        Assert.Equal(Honest.Roots[Honest.Final], history.Chain.FinalRoot);
        // The state goes on through the upgrade, whatever the circuit.
        Assert.Equal((await new FakeVault().ShowAsync(query)).Contents, Assert.Single(AccountStatement.Of(history, query)).Contents);
        Assert.Equal(Honest.Roots, [Honest.Roots[0], .. batches.Select(b => b.Root)]);
    }

    [Fact]
    public async Task A_saved_copy_across_an_upgrade_verifies()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("rollup-upgrade-");
        try
        {
            IVaultSource source = new FakeVault(upgrade: true).Source();
            var copy = new SavedCopy(Path.Combine(folder.FullName, "copy"));
            VaultSnapshot snapshot = await source.ReadSnapshotAsync(null, default);
            await copy.WriteAsync(snapshot, default);
            foreach (BatchEvents batch in VaultEvents.From(snapshot, VaultParameters.From(snapshot, new Pins())).Batches) await copy.WriteAsync(await source.ReadBatchAsync(snapshot, batch, default), default);
            Assert.Equal(2, (await HistoryCheck.RunAsync(copy, new Pins(), new AccountQuery())).Parameters.Circuits.Length);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public Task A_proof_by_the_old_key_after_the_upgrade() => FailsAsync(Check.Proof, Honest.Final + 1, drafts => drafts[Honest.Final].KeyDelta = KnownKey.FixtureDelta);

    [Fact]
    public Task A_proof_by_the_new_key_before_the_upgrade() => FailsAsync(Check.Proof, Honest.Final, drafts => drafts[Honest.Final - 1].KeyDelta = Honest.NextDelta);

    [Fact]
    public Task The_old_domain_after_the_upgrade() =>
        FailsAsync(Check.Domain, Honest.Final + 1, drafts => drafts[Honest.Final].Words[0] = SettlementDomain.Of(31337, Honest.Vault));

    [Fact]
    public Task The_new_domain_before_the_upgrade() =>
        FailsAsync(Check.Domain, Honest.Final, drafts => drafts[Honest.Final - 1].Words[0] = SettlementDomain.Of(31337, Honest.Vault, Honest.NextVersion));

    [Fact]
    public Task A_batch_of_the_old_sizes_after_the_upgrade() => FailsAsync(Check.Calldata, Honest.Final + 1, drafts => drafts[Honest.Final] = Honest.Drafts[Honest.Final].Clone());

    [Fact]
    public Task A_batch_of_the_new_sizes_before_the_upgrade() =>
        FailsAsync(Check.Calldata, Honest.Final, drafts => drafts[Honest.Final - 1].Words = [.. drafts[Honest.Final - 1].Words, .. new Fr[Honest.NextProfile.DataWords - Honest.Profile.DataWords]]);

    [Fact]
    public async Task An_upgrade_that_the_endpoint_hides()
    {
        CheckFailedException failure = await FailsAsync(Check.Domain, null, change: w => w.Chain.Logs.RemoveAt(w.CircuitLog));
        Assert.Contains($"circuit version {CircuitVersion.Value}", failure.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public Task A_first_circuit_that_the_endpoint_hides() => FailsAsync(Check.Domain, null, change: w => w.Chain.Logs.RemoveAt(0));

    [Fact]
    public async Task An_upgrade_that_the_endpoint_invents()
    {
        // As of an honest vault that never had one.
        var world = new FakeVault();
        Log last = world.Chain.Logs[^1];
        world.Chain.Logs.Add(last with { Topics = [VaultAbi.CircuitChanged.Topic], Data = FakeVault.CircuitData(FakeVault.Verifier, Honest.NextProfile, Honest.NextVersion), LogIndex = last.LogIndex + 1 });
        Assert.Equal(Check.Domain, (await Assert.ThrowsAsync<CheckFailedException>(() => world.VerifyAsync())).Check);
    }

    [Theory]
    [InlineData(CircuitVersion.Value)]
    [InlineData(CircuitVersion.Value - 1)]
    public async Task A_version_that_does_not_rise(uint version)
    {
        CheckFailedException failure = await FailsAsync(Check.Domain, null, change: w => SetCircuit(w, FakeVault.NextVerifier, Honest.NextProfile, version));
        Assert.Contains("does not rise", failure.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public Task Another_verifier_than_the_one_in_force() => FailsAsync(Check.VerifyingKey, null, change: w => SetCircuit(w, FakeVault.Verifier, Honest.NextProfile, Honest.NextVersion));

    [Fact]
    public Task Other_sizes_than_those_in_force() => FailsAsync(Check.Parameters, null, change: w => SetCircuit(w, FakeVault.NextVerifier, CircuitProfile.Options, Honest.NextVersion));

    [Fact]
    public async Task An_upgrade_while_a_batch_is_not_final()
    {
        CheckFailedException failure = await FailsAsync(Check.Sequence, Honest.Final, change: w =>
        {
            // Before the finalisation of the batch before it, and in its block.
            int finality = w.FindLog(VaultAbi.BatchFinalized, Honest.Final);
            Log upgrade = w.Chain.Logs[w.CircuitLog], final = w.Chain.Logs[finality];
            w.Chain.Logs.RemoveAt(w.CircuitLog);
            w.Chain.Logs[finality] = final with { LogIndex = upgrade.LogIndex };
            w.Chain.Logs.Insert(finality, upgrade with { BlockNumber = final.BlockNumber, BlockHash = final.BlockHash, LogIndex = final.LogIndex });
        });
        Assert.Contains("while a batch was not final", failure.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pins_name_the_key_of_every_circuit()
    {
        Bytes32[] hashes = [.. (await new FakeVault(upgrade: true).VerifyAsync()).Parameters.Circuits.Select(c => c.KeyHash)];
        await new FakeVault(upgrade: true).VerifyAsync(pins: new Pins(null, [.. hashes]));
        foreach ((Bytes32 known, uint unknown) in new[] { (hashes[0], Honest.NextVersion), (hashes[1], (uint)CircuitVersion.Value) })
        {
            var failure = await Assert.ThrowsAsync<CheckFailedException>(() => new FakeVault(upgrade: true).VerifyAsync(pins: new Pins(null, [known])));
            Assert.Equal(Check.VerifyingKey, failure.Check);
            Assert.Contains($"circuit version {unknown} ", failure.Problem, StringComparison.Ordinal);
        }
    }

    private static void SetCircuit(FakeVault world, Address verifier, CircuitProfile profile, uint version) =>
        world.Chain.Logs[world.CircuitLog] = world.Chain.Logs[world.CircuitLog] with { Data = FakeVault.CircuitData(verifier, profile, version) };

    // The untouched history verifies: above.
    private static async Task<CheckFailedException> FailsAsync(Check check, uint? batch, Action<List<CommitDraft>>? drafts = null, Action<FakeVault>? change = null)
    {
        var world = new FakeVault(drafts, upgrade: true);
        change?.Invoke(world);
        var failure = await Assert.ThrowsAsync<CheckFailedException>(() => world.VerifyAsync());
        Assert.Equal((check, batch), (failure.Check, failure.Batch));
        return failure;
    }
}
