using System.Globalization;
using System.Text.RegularExpressions;
using Rollup.Crypto.Settlement;
using Rollup.Engine;
using Rollup.Ethereum;
using Rollup.Groth16;
using Rollup.Protocol;
using Rollup.ProverBridge.Jobs;
using Rollup.ProverBridge.Monitoring;
using Rollup.ProverBridge.Proving;
using Rollup.ProverBridge.Settlement;
using Rollup.TestSupport;
using Rollup.Witness;

namespace Rollup.ProverBridge.Tests;

/// <summary>One chain with a vault for all tests of a class; each test goes back to it as it was deployed.</summary>
public sealed class VaultChain : IAsyncLifetime
{
    private string? deployed;

    public AnvilProcess Anvil { get; private set; } = new();

    public LocalVault Vault { get; private set; } = null!;

    /// <summary>Another circuit, which may be activated.</summary>
    public LocalUpgrade Upgrade { get; private set; } = null!;

    public const uint NextVersion = CircuitVersion.Value + 1;
    public const ulong NextDelta = 31;

    public async Task InitializeAsync()
    {
        if (AnvilProcess.Binary is null) return; // The tests are skipped.
        Anvil = await LocalVault.StartChainAsync(early: LocalVault.UpgradeWindow);
        Vault = await LocalVault.DeployAsync(Anvil, CircuitProfile.Dev, KnownKey.Key);
        Upgrade = await Vault.ProposeAsync(CircuitProfile.Demo, KnownKey.Make(NextDelta), NextVersion);
        await Anvil.AdvanceAsync(TimeSpan.FromSeconds(LocalVault.UpgradeWindow));
    }

    public async Task RestoreAsync()
    {
        if (deployed is not null) await Anvil.RevertAsync(deployed);
        deployed = await Anvil.SnapshotAsync();
    }

    public Task DisposeAsync() => Anvil.DisposeAsync();
}

/// <summary>The settlement against the real vault and verifier on a local chain. Proofs come from a key whose secret is known.</summary>
public sealed class SettlerTests(VaultChain chain) : IClassFixture<VaultChain>, IAsyncLifetime, IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly MemoryLog<Settler> log = new();
    private readonly Metrics metrics = new();
    private readonly AnvilProcess anvil = chain.Anvil;
    private LocalVault vault = chain.Vault;
    private BatchFactory factory = null!;
    private JobStore store = null!;
    private Wallet wallet = null!;
    private Wallet prover = null!;
    private long window;

    public async Task InitializeAsync()
    {
        if (AnvilProcess.Binary is null) return; // The tests are skipped.
        await chain.RestoreAsync();
        factory = Batches.Factory(vault.Domain);
        wallet = anvil.Wallet(LocalVault.OperatorKey);
        prover = anvil.Wallet(LocalVault.ProverKey);
        store = Sample.OpenStore(folder.File("jobs.db"), TimeProvider.System);
    }

    public Task DisposeAsync() => Task.CompletedTask;

    public void Dispose()
    {
        wallet?.Dispose();
        prover?.Dispose();
        store?.Dispose();
        folder.Dispose();
    }

    [AnvilFact]
    public async Task The_vault_is_told_what_settled_instruments_are_worth_before_the_batch_that_says_so()
    {
        Settler settler = await RegisteredAsync();
        RiskRow Frozen(long payoff) => new(21, InstrumentKind.Call, InstrumentFlags.Settled, 1, 61_800_000, payoff, 0, 0,
            [.. Enumerable.Repeat(payoff, Bound.Scenarios)], [.. Enumerable.Repeat(payoff, Bound.Scenarios)]);
        factory.RiskRows = [.. factory.RiskRows, Frozen(4_321)];
        Add(factory.Begin().Register(2, cash: 5_000_000_000).Register(3, cash: 4_000_000_001).Seal());
        await SettleAsync(settler);
        Assert.Equal(4_321, await new Vault(anvil.Client, vault.Address).ReadPayoffAsync(21, default));
        Assert.Null(await new Vault(anvil.Client, vault.Address).ReadPayoffAsync(22, default));
        Assert.Equal(BatchStatus.Committed, store.Get(1)!.Settlement);

        // The next batch says the same, and nothing is told again; one that says something else is set aside.
        Add(factory.Begin().Cancel(2, 4, 9).Seal());
        await SettleAsync(settler);
        Assert.Equal(BatchStatus.Committed, store.Get(2)!.Settlement);
        factory.RiskRows = [.. factory.RiskRows.Where(r => r.Id != 21), Frozen(4_322)];
        Add(factory.Begin().Cancel(3, 5, 8).Seal());
        SettlementHaltedException halted = await Assert.ThrowsAsync<SettlementHaltedException>(() => SettleAsync(settler));
        Assert.Contains("settles instrument 21 at 4322 atoms, and the vault was told 4321", halted.Message, StringComparison.Ordinal);
    }

    /// <summary>The vault has a committee of three, two of whom must sign: their signatures come with the commit, and without them nothing is sent.</summary>
    [AnvilFact]
    public async Task A_vault_with_a_committee_gets_its_signatures_with_the_commit()
    {
        EthereumKey[] members = [.. Enumerable.Range(6, 3).Select(AnvilProcess.Key)];
        using (Wallet deployer = anvil.Wallet(0))
        {
            object[] addresses = [.. members.Select(m => m.Address).OrderBy(a => a.ToString(), StringComparer.Ordinal).Cast<object>()];
            Address committee = (await deployer.DeployAsync([.. CompiledContracts.OracleCommittee.Code, .. CommitteeAbi.Constructor.EncodeArguments(addresses, 2, 60_000)])).Contract;
            await deployer.SendAsync(vault.Address, VaultAbi.SetCommittee, [committee]);
        }

        Settler settler = await RegisteredAsync();
        SealedBatch batch = factory.Begin().Register(2, cash: 5_000_000_000).Register(3, cash: 4_000_000_001).Seal();
        Add(batch);
        Assert.False(await settler.StepAsync(default));
        Assert.Contains("waits for the signatures of the vault's committee", settler.Obstacle, StringComparison.Ordinal);

        Fr root = SettlementInput.Build(batch).RiskRoot;
        Bytes32 hash = Bytes32.FromBytes(Rollup.Crypto.Keccak.Hash256(batch.RiskInputs.AsSpan()));
        RiskAttestation Signed(int count, uint number = 1) => RiskAttestation.Of(number, hash, root, batch.Header.Open - 3, members.Take(count).Select(m => KeyValuePair.Create(
            m.Address, m.Sign(RiskAttestation.Digest(vault.Domain, number, hash, root, batch.Header.Open - 3)))));
        void Leave(RiskAttestation attestation) => File.WriteAllBytes(folder.File(RiskAttestation.NameOf(1)), attestation.ToBytes());
        Leave(Signed(2, number: 2));
        Assert.False(await settler.StepAsync(default));
        Assert.Contains("is not of the sealed batch 1", settler.Obstacle, StringComparison.Ordinal);
        Leave(Signed(1));
        Assert.Contains("TooFewSignatures(1, 2)", (await Assert.ThrowsAsync<SettlementHaltedException>(() => TriesAsync(settler))).Message, StringComparison.Ordinal);
        store.Retry(1);
        Leave(Signed(2) with { ReportTime = batch.Header.Open - 4 }); // Not what they signed.
        Assert.Contains("NotMember", (await Assert.ThrowsAsync<SettlementHaltedException>(() => TriesAsync(settler))).Message, StringComparison.Ordinal);
        store.Retry(1);
        Leave(Signed(2));
        await SettleAsync(settler);
        Assert.Equal(BatchStatus.Committed, store.Get(1)!.Settlement);
        foreach (EthereumKey member in members) member.Dispose();
    }

    private static async Task TriesAsync(Settler settler)
    {
        for (int i = 0; i < 3; i++)
        {
            try
            {
                await settler.StepAsync(default);
            }
            catch (EthereumException)
            {
                // One revert may be the chain's reorganising.
            }
        }
    }

    [AnvilFact]
    public async Task A_batch_is_committed_before_it_is_proven_then_proven_then_final()
    {
        Settler settler = await RegisteredAsync();
        Add(factory.Begin().Register(2, cash: 5_000_000_000).Register(3, cash: 4_000_000_001).Seal());

        await SettleAsync(settler);
        Assert.Equal((BatchStatus.Committed, ProofStage.Queued), (store.Get(1)!.Settlement, store.Get(1)!.Stage));
        Prove(1);
        await SettleAsync(settler);

        Assert.Equal((1u, 1u), await StateAsync());
        Assert.Equal(BatchStatus.Final, store.Get(1)!.Settlement);
        Assert.Equal(["commit", "prove", "finalize"], store.Receipts(1).Select(r => r.Action));
        Assert.All(store.Receipts(1), r => Assert.InRange(r.Gas, 30_000ul, 3_000_000ul));
        Assert.Equal(3, metrics.Transactions.Value);
    }

    [AnvilFact]
    public async Task Withdrawals_and_bounces_are_paid_as_the_batch_says()
    {
        Settler settler = await RegisteredAsync();
        Add(factory.Begin().Register(2, cash: 5_000_000_000).Register(3, cash: 4_000_000_001, accepted: false).Seal());
        Prove(1);
        await SettleAsync(settler);
        await vault.DepositAsync(2, BatchFactory.EthSpot, 700);
        await vault.DepositAsync(2, 0, 55);
        Add(factory.Begin().Deposit(2, BatchFactory.EthSpot, 700).Deposit(2, 0, 55, accepted: false)
            .Withdraw(2, 9, 1, 0, 1_000_001).Withdraw(2, 8, 1, BatchFactory.EthSpot, 250).Seal());
        Prove(2);
        await SettleAsync(settler);

        Assert.Equal((2u, 2u), await StateAsync());
        Assert.Equal(4_000_000_001, await vault.CreditsAsync(BatchFactory.OwnerOf(3), 0));
        Assert.Equal(1_000_001 + 55, await vault.CreditsAsync(BatchFactory.OwnerOf(2), 0));
        Assert.Equal(250, await vault.CreditsAsync(BatchFactory.OwnerOf(2), BatchFactory.EthSpot));
    }

    [AnvilFact]
    public async Task Batches_are_committed_ahead_of_proofs_and_become_final_in_order()
    {
        Settler settler = await RegisteredAsync();
        Add(factory.Begin().Register(2, cash: 5_000_000_000).Register(3, cash: 4_000_000_001).Seal());
        Add(factory.Begin().Withdraw(2, 9, 1, 0, 17).Seal());
        Add(factory.Begin().Withdraw(3, 9, 1, 0, 18).Seal());
        await SettleAsync(settler);
        Assert.Equal((3u, 0u), await StateAsync());

        Prove(2);
        Prove(3);
        await SettleAsync(settler);
        Assert.Equal((3u, 0u), await StateAsync());
        Assert.Equal([BatchStatus.Committed, BatchStatus.Proven, BatchStatus.Proven], store.List().Select(j => j.Settlement));

        Prove(1);
        await SettleAsync(settler);
        Assert.Equal((3u, 3u), await StateAsync());
    }

    [AnvilFact]
    public async Task The_challenge_window_is_waited_for()
    {
        vault = await LocalVault.DeployAsync(anvil, CircuitProfile.Dev, KnownKey.Key, window = 900);
        factory = Batches.Factory(vault.Domain);
        Settler settler = await RegisteredAsync();
        Add(factory.Begin().Register(2, cash: 5_000_000_000).Register(3, cash: 4_000_000_001).Seal());
        Prove(1);
        await SettleAsync(settler);
        Assert.Equal((1u, 0u), await StateAsync());
        await anvil.AdvanceAsync(TimeSpan.FromSeconds(900));
        await SettleAsync(settler);
        Assert.Equal((1u, 1u), await StateAsync());
    }

    [AnvilFact]
    public async Task A_restart_with_an_empty_queue_sends_nothing_twice()
    {
        Settler settler = await RegisteredAsync();
        SealedBatch first = factory.Begin().Register(2, cash: 5_000_000_000).Register(3, cash: 4_000_000_001).Seal(), second = factory.Begin().Withdraw(2, 9, 1, 0, 17).Seal();
        Add(first);
        Add(second);
        Prove(1);
        await SettleAsync(settler);
        Assert.Equal((2u, 1u), await StateAsync());
        async Task<(ulong, ulong)> Sent() => (await anvil.Client.GetNonceAsync(wallet.Address), await anvil.Client.GetNonceAsync(prover.Address));
        (ulong commits, ulong proofs) = await Sent();

        store.Dispose();
        File.Delete(folder.File("jobs.db"));
        store = Sample.OpenStore(folder.File("jobs.db"), TimeProvider.System);
        Add(first);
        Add(second);
        await SettleAsync(NewSettler());
        Assert.Equal([BatchStatus.Final, BatchStatus.Committed], store.List().Select(j => j.Settlement));
        Assert.Equal((commits, proofs), await Sent());

        Prove(2);
        await SettleAsync(NewSettler());
        Assert.Equal((2u, 2u), await StateAsync());
        Assert.Equal((commits, proofs + 2), await Sent());
    }

    [AnvilFact]
    public async Task A_commit_that_a_reorganisation_took_back_is_sent_again()
    {
        Settler settler = await RegisteredAsync();
        string before = await anvil.SnapshotAsync();
        Add(factory.Begin().Register(2, cash: 5_000_000_000).Register(3, cash: 4_000_000_001).Seal());
        await SettleAsync(settler);
        Assert.Equal((1u, 0u), await StateAsync());

        await anvil.RevertAsync(before);
        Assert.Equal((0u, 0u), await StateAsync());
        await SettleAsync(settler);

        Assert.Equal((1u, 0u), await StateAsync());
        Assert.Contains("Batch 1: the chain reorganised; the vault holds it as None again, no longer as Committed", log.Text, StringComparison.Ordinal);
        Prove(1);
        await SettleAsync(settler);
        Assert.Equal((1u, 1u), await StateAsync());
    }

    [AnvilFact]
    public async Task A_final_batch_that_a_deep_reorganisation_took_back_is_settled_again()
    {
        Settler settler = await RegisteredAsync();
        string before = await anvil.SnapshotAsync();
        Add(factory.Begin().Register(2, cash: 5_000_000_000).Register(3, cash: 4_000_000_001).Seal());
        Prove(1);
        await SettleAsync(settler);
        Assert.Equal(BatchStatus.Final, store.Get(1)!.Settlement);

        await anvil.RevertAsync(before);
        await SettleAsync(settler);

        Assert.Equal((1u, 1u), await StateAsync());
        Assert.Contains("no longer as Final", log.Text, StringComparison.Ordinal);
    }

    [AnvilFact]
    public async Task A_tampered_proof_is_not_posted_and_is_made_again()
    {
        Settler settler = await RegisteredAsync();
        Add(factory.Begin().Register(2, cash: 5_000_000_000).Register(3, cash: 4_000_000_001).Seal());
        Prove(1, tamper: words => words[31] ^= 1);
        await SettleAsync(settler);

        Assert.Equal((BatchStatus.Committed, ProofStage.Queued), (store.Get(1)!.Settlement, store.Get(1)!.Stage));
        Assert.Contains("the stored proof does not hold, it is not posted", log.Text, StringComparison.Ordinal);
        Assert.Equal(1, metrics.Transactions.Value);

        Prove(1, tamper: words => words[0] = 0xff);
        await SettleAsync(settler);
        Assert.Contains("it is not a proof", log.Text, StringComparison.Ordinal);
        Prove(1);
        await SettleAsync(settler);
        Assert.Equal((1u, 1u), await StateAsync());
    }

    [AnvilFact]
    public async Task A_batch_on_another_root_is_set_aside_and_nothing_more_is_sent()
    {
        Settler settler = await RegisteredAsync();
        var elsewhere = new BatchFactory(CircuitProfile.Dev) { Domain = vault.Domain };
        elsewhere.Begin().Register(2, cash: 1).Seal();
        SealedBatch wrong = elsewhere.Begin().Register(3, cash: 4_000_000_001).Seal();
        Add(wrong with { Header = wrong.Header with { Batch = 1, FirstOperation = 0 } });

        SettlementHaltedException halted = await HaltAsync(settler);

        Assert.Contains("Batch 1 is set aside: the vault refuses to commit it: WrongOldRoot(", halted.Message, StringComparison.Ordinal);
        Assert.Equal(AsideBy.Settlement, store.Get(1)!.AsideBy);
        Assert.Equal((0u, 0u), await StateAsync());
        Assert.Equal(0, metrics.Transactions.Value);
        // A restart stops again, before it sends anything, until somebody has looked.
        Assert.Contains("prover-bridge jobs retry 1", (await HaltAsync(NewSettler())).Message, StringComparison.Ordinal);
    }

    [AnvilFact]
    public async Task Another_batch_of_the_same_number_in_the_vault_stops_the_bridge()
    {
        Settler settler = await RegisteredAsync();
        Add(factory.Begin().Register(2, cash: 5_000_000_000).Register(3, cash: 4_000_000_001).Seal());
        await SettleAsync(settler);
        using var folderOfAnother = new TemporaryFolder();
        using JobStore another = Sample.OpenStore(folderOfAnother.File("jobs.db"), TimeProvider.System);
        another.Add(1, SealedBatchFile.Write(Batches.Factory(vault.Domain).Begin().Register(2, cash: 5_000_000_000).Register(3, cash: 4_000_000_001, accepted: false).Seal()));
        var halted = await Assert.ThrowsAsync<SettlementHaltedException>(() => NewSettler(another).StepAsync(default));
        Assert.Contains("the vault holds another batch of this number", halted.Message, StringComparison.Ordinal);
    }

    [AnvilFact]
    public async Task A_proof_that_only_the_vaults_verifier_refuses_stops_the_bridge()
    {
        Settler settler = NewSettler(verifyLocally: false);
        await RegisteredAsync();
        Add(factory.Begin().Register(2, cash: 5_000_000_000).Register(3, cash: 4_000_000_001).Seal());
        Prove(1, tamper: words => words[31] ^= 1);
        SettlementHaltedException halted = await HaltAsync(settler);
        Assert.Contains("ProofRejected(1)", halted.Message, StringComparison.Ordinal);
    }

    [AnvilFact]
    public async Task Operations_that_are_not_in_the_queue_yet_are_waited_for()
    {
        Settler settler = NewSettler();
        Add(factory.Begin().Register(2, cash: 5_000_000_000).Register(3, cash: 4_000_000_001).Seal());
        for (int i = 0; i < 5; i++) await Assert.ThrowsAsync<EthereumRpcException>(() => settler.StepAsync(default));
        Assert.Null(store.Get(1)!.AsideBy);
        await RegisteredAsync();
        await SettleAsync(settler);
        Assert.Equal((1u, 0u), await StateAsync());
    }

    /// <summary>A bridge does what it has the key for and leaves the rest to another one, with a queue of its own and the same spool.</summary>
    [AnvilFact]
    public async Task The_operator_s_key_commits_and_the_prover_s_proves_and_makes_final()
    {
        await RegisteredAsync();
        using JobStore provers = Sample.OpenStore(folder.File("prover.db"), TimeProvider.System);
        SealedBatch batch = factory.Begin().Register(2, cash: 5_000_000_000).Register(3, cash: 4_000_000_001).Seal();
        Add(batch);
        Prove(1);
        Assert.True(provers.Add(1, SealedBatchFile.Write(batch)));
        (Settler committing, Settler proving) = (NewSettler(proves: false), NewSettler(provers, commits: false));

        // Nothing is committed yet, and the prover's bridge does not do it.
        await SettleAsync(proving);
        Assert.Equal((0u, 0u), await StateAsync());
        await SettleAsync(committing);
        Assert.Equal((1u, 0u), await StateAsync());
        Assert.Equal(BatchStatus.Committed, store.Get(1)!.Settlement); // It has the proof, and no key to post it.

        Job claimed = provers.Claim("test", TimeSpan.FromMinutes(1))!;
        Assert.True(provers.Complete(claimed.Batch, "test", store.Proof(1)!, TimeSpan.FromSeconds(1)));
        (ulong commits, ulong proofs) = (await anvil.Client.GetNonceAsync(wallet.Address), await anvil.Client.GetNonceAsync(prover.Address));
        await SettleAsync(proving);
        Assert.Equal((1u, 1u), await StateAsync());
        Assert.Equal((commits, proofs + 2), (await anvil.Client.GetNonceAsync(wallet.Address), await anvil.Client.GetNonceAsync(prover.Address)));
    }

    [AnvilFact]
    public async Task A_transaction_that_waits_for_inclusion_is_not_sent_beside()
    {
        await RegisteredAsync();
        Add(factory.Begin().Register(2, cash: 5_000_000_000).Register(3, cash: 4_000_000_001).Seal());
        wallet.Dispose();
        wallet = new Wallet(anvil.Client, AnvilProcess.Key(LocalVault.OperatorKey), new WalletOptions { InclusionTimeout = TimeSpan.Zero, PollInterval = TimeSpan.FromMilliseconds(20) });
        Settler settler = NewSettler();
        ulong nonce = await anvil.Client.GetNonceAsync(wallet.Address, BlockTag.Pending);
        await anvil.RpcAsync("evm_setAutomine", false);
        try
        {
            var first = await Assert.ThrowsAsync<TransactionPendingException>(() => settler.StepAsync(default));
            var again = await Assert.ThrowsAsync<TransactionPendingException>(() => settler.StepAsync(default));
            Assert.Equal(first.TransactionHash, again.TransactionHash);
            Assert.Equal(nonce + 1, await anvil.Client.GetNonceAsync(wallet.Address, BlockTag.Pending));
            await anvil.MineAsync(1);
        }
        finally
        {
            await anvil.RpcAsync("evm_setAutomine", true);
        }

        await SettleAsync(settler);
        Assert.Equal((1u, 0u), await StateAsync());
        Assert.Equal(nonce + 1, await anvil.Client.GetNonceAsync(wallet.Address, BlockTag.Pending));
    }

    [AnvilFact]
    public async Task A_queue_that_begins_too_late_says_so()
    {
        Settler settler = await RegisteredAsync();
        factory.Begin().Register(2, cash: 5_000_000_000).Register(3, cash: 4_000_000_001).Seal();
        Add(factory.Begin().Withdraw(2, 9, 1, 0, 17).Seal());
        await SettleAsync(settler);
        Assert.StartsWith("batch 1 is missing", settler.Obstacle, StringComparison.Ordinal);
        Assert.Equal((0u, 0u), await StateAsync());
    }

    [AnvilFact]
    public async Task An_unreachable_chain_loses_nothing()
    {
        Settler settler = await RegisteredAsync();
        Add(factory.Begin().Register(2, cash: 5_000_000_000).Register(3, cash: 4_000_000_001).Seal());
        Prove(1);
        using var gone = new EthereumClient(new Uri("http://127.0.0.1:1"), new JsonRpcOptions { Attempts = 1 });
        await Assert.ThrowsAsync<EthereumUnreachableException>(() => NewSettler(ethereum: gone).StepAsync(default));
        Assert.Equal((BatchStatus.None, ProofStage.Proven, null), (store.Get(1)!.Settlement, store.Get(1)!.Stage, store.Get(1)!.AsideBy));
        await SettleAsync(settler);
        Assert.Equal((1u, 1u), await StateAsync());
    }

    [AnvilFact]
    public async Task A_batch_whose_proof_failed_for_good_is_not_committed()
    {
        Settler settler = await RegisteredAsync();
        Add(factory.Begin().Register(2, cash: 5_000_000_000).Register(3, cash: 4_000_000_001).Seal());
        store.SetAside(1, AsideBy.Proving, "poison");
        await SettleAsync(settler);
        Assert.Equal((0u, 0u), await StateAsync());
        store.Retry(1);
        await SettleAsync(settler);
        Assert.Equal((1u, 0u), await StateAsync());
    }

    [AnvilFact]
    public async Task A_frozen_vault_stops_the_bridge()
    {
        await RegisteredAsync();
        await anvil.AdvanceAsync(TimeSpan.FromHours(3));
        await vault.SendAsAsync(BatchFactory.OwnerOf(2), vault.Address, VaultAbi.Freeze.Encode());
        var halted = await Assert.ThrowsAsync<SettlementHaltedException>(() => NewSettler().StepAsync(default));
        Assert.Contains("The vault is frozen", halted.Message, StringComparison.Ordinal);
    }

    [AnvilFact]
    public async Task A_vault_that_does_not_fit_is_told_in_what()
    {
        VaultExpectation fits = new(31337, vault.Domain, CircuitVersion.Value, CircuitProfile.Dev, KnownKey.Key, AnvilProcess.Key(LocalVault.OperatorKey).Address);
        async Task<string> Problem(VaultExpectation expected) =>
            (await Assert.ThrowsAsync<SettlementHaltedException>(() => SettlementService.CheckAsync(anvil.Client, new Vault(anvil.Client, vault.Address), expected, default))).Message;

        VaultFacts facts = await SettlementService.CheckAsync(anvil.Client, new Vault(anvil.Client, vault.Address), fits, default);
        Assert.Equal((vault.Domain, 3, 3, 2, 0L), (facts.Domain, facts.Blocks, facts.Rows, facts.Operations, facts.ChallengeWindow));
        Assert.Contains("serves chain 31337; the configuration says 1", await Problem(fits with { ChainId = 1 }), StringComparison.Ordinal);
        Assert.Contains("has version 2, and circuit.version is 3: the upgrade is not in force yet", await Problem(fits with { CircuitVersion = 3 }), StringComparison.Ordinal);
        Assert.Contains("domain", await Problem(fits with { Domain = vault.Domain + Fr.One }), StringComparison.Ordinal);
        Assert.Contains("profile 'demo' has 8, 10 and 6", await Problem(fits with { Profile = CircuitProfile.Demo }), StringComparison.Ordinal);
        Assert.Contains("another verification key", await Problem(fits with { Key = (await FactorsCircuit.GetAsync()).Key }), StringComparison.Ordinal);
        Assert.Contains("operator is", await Problem(fits with { Operator = AnvilProcess.Key(5).Address }), StringComparison.Ordinal);
        // A bridge that commits nothing needs not be the operator's.
        Assert.Equal(facts.Domain, (await SettlementService.CheckAsync(anvil.Client, new Vault(anvil.Client, vault.Address), fits with { Operator = null }, default)).Domain);
    }

    [AnvilFact]
    public async Task After_an_upgrade_the_old_bridge_stops_and_the_next_one_goes_on_with_the_queue()
    {
        Settler old = await RegisteredAsync();
        Add(factory.Begin().Register(2, cash: 5_000_000_000).Register(3, cash: 4_000_000_001).Seal());
        Prove(1);
        await SettleAsync(old);
        Assert.Equal((1u, 1u), await StateAsync());
        await vault.ActivateAsync(chain.Upgrade);
        // A batch that the old bridge still had in its queue is not even tried.
        string fork = await anvil.SnapshotAsync();
        BatchFactory late = Batches.Factory(vault.Domain);
        late.Begin().Register(2, cash: 5_000_000_000).Register(3, cash: 4_000_000_001).Seal();
        using (JobStore stale = Sample.OpenStore(folder.File("stale.db"), TimeProvider.System))
        {
            SealedBatch second = late.Begin().Trade(2, 3, BatchFactory.BtcPerpetual, 4, BatchFactory.BtcMark).Seal();
            Assert.True(stale.Add(2, SealedBatchFile.Write(second)));
            var halted = await Assert.ThrowsAsync<SettlementHaltedException>(() => NewSettler(stale).StepAsync(default));
            Assert.Contains("upgraded to version 3, and this bridge proves version 2: batch 2 has to be of that version", halted.Message, StringComparison.Ordinal);
        }

        await anvil.RevertAsync(fork);
        VaultExpectation fits = new(31337, vault.DomainOf(VaultChain.NextVersion), VaultChain.NextVersion, CircuitProfile.Demo, KnownKey.Make(VaultChain.NextDelta), AnvilProcess.Key(LocalVault.OperatorKey).Address);
        var contract = new Vault(anvil.Client, vault.Address);
        Assert.Equal(VaultChain.NextVersion, (await SettlementService.CheckAsync(anvil.Client, contract, fits, default)).CircuitVersion);
        Assert.Contains("circuit.version is 2: it was upgraded", (await Assert.ThrowsAsync<SettlementHaltedException>(() => SettlementService.CheckAsync(
            anvil.Client, contract, fits with { CircuitVersion = CircuitVersion.Value, Domain = vault.Domain }, default))).Message, StringComparison.Ordinal);
        Assert.Contains("another verification key", (await Assert.ThrowsAsync<SettlementHaltedException>(() => SettlementService.CheckAsync(
            anvil.Client, contract, fits with { Key = KnownKey.Key }, default))).Message, StringComparison.Ordinal);

        // The same queue goes on, with the state carried over.
        (factory.Profile, factory.Domain) = (CircuitProfile.Demo, vault.DomainOf(VaultChain.NextVersion));
        Add(factory.Begin().Trade(2, 3, BatchFactory.BtcPerpetual, 4, BatchFactory.BtcMark).Seal());
        Prove(2, delta: VaultChain.NextDelta);
        await SettleAsync(NewSettler(verifyLocally: false, version: VaultChain.NextVersion));
        Assert.Equal((2u, 2u), await StateAsync());
    }

    [AnvilFact]
    public async Task A_development_key_is_refused_on_a_chain_that_is_not_local()
    {
        await using AnvilProcess other = await AnvilProcess.StartAsync("--chain-id", "10");
        // The vault's constructor would refuse the key there; any contracts that answer will do.
        var expected = new VaultExpectation(10, Fr.One, CircuitVersion.Value, CircuitProfile.Dev, KnownKey.Key, default);
        foreach (Address address in (Address[])[vault.Address, await VerifierAsync()])
            await other.RpcAsync("anvil_setCode", address.ToString(), Hex.Format(await anvil.Client.GetCodeAsync(address)));
        // The vault's slot of the circuit: the verifier and its places.
        string circuit = (await anvil.RpcAsync("eth_getStorageAt", vault.Address.ToString(), "0x2", "latest")).GetString()!;
        await other.RpcAsync("anvil_setStorageAt", vault.Address.ToString(), "0x" + new string('0', 63) + "2", circuit);
        var halted = await Assert.ThrowsAsync<SettlementHaltedException>(() => SettlementService.CheckAsync(other.Client, new Vault(other.Client, vault.Address), expected, default));
        Assert.Contains("development key, and chain 10 is not a local one", halted.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_errors_that_may_pass_are_the_vaults() => Assert.Empty(VaultErrors.Passing.Except(VaultAbi.Errors.Select(e => e.Name)));

    /// <summary>Queues the registrations of accounts 2 and 3 that every first batch here takes.</summary>
    private async Task<Settler> RegisteredAsync()
    {
        await vault.RegisterAsync(2, 5_000_000_000);
        await vault.RegisterAsync(3, 4_000_000_001);
        return NewSettler();
    }

    private Settler NewSettler(JobStore? queue = null, IEthereum? ethereum = null, bool verifyLocally = true, uint version = CircuitVersion.Value, bool commits = true, bool proves = true)
    {
        IEthereum endpoint = ethereum ?? anvil.Client;
        return new Settler(queue ?? store, folder.Path, endpoint, new Vault(endpoint, vault.Address), commits ? wallet : null, proves ? prover : null, verifyLocally ? Refusal : (_, _) => null,
            version, window, LocalVault.RequestDeposit, 3, new ManualClock(DateTimeOffset.UnixEpoch), metrics, log);
    }

    private static string? Refusal(Proof proof, ReadOnlySpan<Fr> publics) => new Groth16Verifier(KnownKey.Key).Verify(proof, publics) is { IsValid: false } r ? r.Detail : null;

    private void Add(SealedBatch batch) => Assert.True(store.Add(batch.Header.Batch, SealedBatchFile.Write(batch)));

    private void Prove(uint batch, Action<byte[]>? tamper = null, ulong delta = KnownKey.FixtureDelta)
    {
        SettlementInput input = ProvingService.InputOf(store.SealedFile(batch));
        byte[] words = KnownKey.Forge(input.PublicInputs.AsSpan(), delta: delta).ToEvmWords();
        tamper?.Invoke(words);
        while (store.Claim("test", TimeSpan.FromMinutes(1)) is { } job && job.Batch != batch) { }
        Assert.True(store.Complete(batch, "test", words, TimeSpan.FromSeconds(1)));
        foreach (Job other in store.List().Where(j => j.LeaseOwner == "test")) store.Release(other.Batch, "test");
    }

    private static async Task SettleAsync(Settler settler)
    {
        while (await settler.StepAsync(default)) { }
    }

    /// <summary>Steps until the settlement halts; reverts before that are the attempts it makes.</summary>
    private static async Task<SettlementHaltedException> HaltAsync(Settler settler)
    {
        while (true)
        {
            try
            {
                await settler.StepAsync(default);
            }
            catch (EthereumRpcException)
            {
                // Tried again, as the service does.
            }
            catch (SettlementHaltedException halted)
            {
                return halted;
            }
        }
    }

    private async Task<(uint Committed, uint Final)> StateAsync()
    {
        VaultState state = await new Vault(anvil.Client, vault.Address).ReadStateAsync(default);
        return (state.LastCommitted, state.LastFinal);
    }

    private async Task<Address> VerifierAsync() => (Address)(await anvil.Client.CallAsync(vault.Address, VaultAbi.Verifier, []))[0];
}
