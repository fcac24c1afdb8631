using System.Buffers.Binary;
using System.Numerics;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Ethereum;
using Rollup.Gossip;
using Rollup.Groth16;
using Rollup.Groth16.Formats;
using Rollup.Protocol;
using Rollup.ProverBridge.Commands;
using Rollup.Risk;
using Rollup.StateVerifier.Tests;
using Rollup.TestSupport;

namespace Rollup.Watcher.Tests;

/// <summary>The watcher against the real contracts on a local chain: what it finds, what it does, and what it leaves alone.</summary>
public sealed class WatchTests : IDisposable
{
    private const int WatcherKey = 4, GuarantorKey = 5;
    private const int LinearInstrument = 39, FlagsOfInstrument = 5; // Size of an instrument's bytes, and where its flags stand.
    private const long Bond = 1_000_000_007, Stake = 5_000_011;
    private static readonly AbiFunction SetChallenges = AbiFunction.Parse("setChallenges(address challenges)");
    private static readonly AbiFunction DepositBond = AbiFunction.Parse("depositBond(uint256 amount)");
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("rollup-watcher-");
    private readonly EthereumKey sequencer = EthereumKey.Generate();

    private string AlertFile => Path.Combine(folder.FullName, "alerts");

    public void Dispose()
    {
        sequencer.Dispose();
        folder.Delete(recursive: true);
    }

    [AnvilFact]
    public async Task An_honest_history_is_checked_whole_and_left_alone()
    {
        await using World world = await World.StartAsync(sequencer.Address);
        Watched watched = Watch(world);
        foreach (CommitDraft draft in world.Drafts.Take(3))
        {
            await world.CommitAsync(draft);
            await watched.LookAsync(2);
        }

        Assert.Equal(3, watched.Metrics.CheckedBatches);
        await world.ProveAsync(1, world.Drafts[0]);
        await world.ProveAsync(2, world.Drafts[1]);
        await watched.LookAsync(2);
        Assert.Empty(Kinds());
        Assert.False(await world.IsFrozenAsync());
        Assert.Equal(0, watched.State.Spent);
        Assert.Contains("watcher_batches_committed 3\n", watched.Metrics.Write(), StringComparison.Ordinal);

        for (uint n = 1; n <= 2; n++) await world.FinalizeAsync(n, world.Drafts[(int)n - 1]);
        await watched.LookAsync(1);
        Assert.Empty(Kinds());

        // Both sums of the vault; and the alert, once, when it has lost what nothing in it would have sent.
        var owed = (BigInteger)(await world.Anvil.Client.CallAsync(world.Vault.Address, VaultAbi.Solvency, [0]))[0];
        Assert.True(owed > 0);
        Assert.Contains($"watcher_liabilities{{asset=\"0\"}} {owed}\n", watched.Metrics.Write(), StringComparison.Ordinal);
        Assert.Contains($"watcher_holdings{{asset=\"0\"}} {owed}\n", watched.Metrics.Write(), StringComparison.Ordinal);
        await world.Vault.SendAsAsync(world.Vault.Address, world.Vault.Cash, AbiFunction.Parse("transfer(address to,uint256 amount)").Encode(AnvilProcess.Key(9).Address, 1));
        await watched.LookAsync(2);
        Assert.Equal(["insolvent"], Kinds());
        Assert.Contains($"accounts hold {owed} of asset 0, and the vault has {owed - 1} for them", Alerts()[0], StringComparison.Ordinal);
    }

    [AnvilFact]
    public async Task Data_that_do_not_give_the_root_are_challenged_until_the_vault_freezes()
    {
        await using World world = await World.StartAsync(sequencer.Address);
        CommitDraft draft = world.Drafts[0].Clone();
        draft.Words[CommitDraft.Block(0) + 1] += Fr.One; // A leaf.
        await world.CommitAsync(draft);
        Watched watched = Watch(world);
        await watched.LookAsync(1);
        Assert.Empty(Kinds()); // Once may be the endpoint's slip.
        await watched.LookAsync(1);
        Assert.Equal(["badBatch", "action", "action"], Kinds()); // approve and challengeUnproven
        Assert.Contains("do not lead to its new root", Alerts()[0], StringComparison.Ordinal);
        Assert.Equal([1u], watched.State.Stakes.Keys);
        Assert.False(await world.IsFrozenAsync());

        await world.Anvil.AdvanceAsync(TimeSpan.FromSeconds(World.UrgentDeadline + 1));
        await watched.LookAsync(2);
        Assert.True(await world.IsFrozenAsync());
        Assert.Equal(["badBatch", "action", "action", "action", "frozen"], Kinds()); // settleUnproven
        Assert.Empty(watched.State.Stakes);
        Assert.Equal(0, await world.AskAsync(world.Challenges, ChallengesAbi.Bond));
    }

    /// <summary>Without a contract of challenges people do. A contract with one answer, whatever it is asked, stands for the registry.</summary>
    [AnvilFact]
    public async Task Old_prices_and_parameters_that_were_not_in_force_are_told()
    {
        await using World world = await World.StartAsync(sequencer.Address);
        await world.CommitAsync(world.Drafts[0]);
        Address registry = await RegistryAsync(1), other = await RegistryAsync(0);
        await Watch(world, challenges: false, name: "well", change: c => c with { Parameters = registry }).LookAsync(1);
        Assert.Empty(Kinds());
        await Watch(world, challenges: false, name: "told", change: c => c with { Parameters = other, MaxReportMilliseconds = 0 }).LookAsync(2);
        Assert.Equal(["stale", "parameters"], Kinds());
        Assert.Contains("before it opened", Alerts()[0], StringComparison.Ordinal);

        async Task<Address> RegistryAsync(byte answer)
        {
            using Wallet deployer = world.Anvil.Wallet(0);
            // PUSH1 answer, PUSH0, MSTORE, PUSH1 32, PUSH0, RETURN.
            return (await deployer.DeployAsync([.. Convert.FromHexString("60088060093d393df3"), 0x60, answer, .. Convert.FromHexString("5f5260205ff3")])).Contract;
        }
    }

    /// <summary>The root follows from the inputs, and the perpetual's holders could not leave by it.</summary>
    [AnvilFact]
    public async Task An_instrument_left_out_is_refuted()
    {
        await using World world = await World.StartAsync(sequencer.Address);
        await world.CommitAsync(world.Drafts[0]);
        await world.ProveAsync(1, world.Drafts[0]);
        await world.FinalizeAsync(1, world.Drafts[0]);
        await Watch(world).LookAsync(2);
        await world.CommitAsync(WithInputs(world.Drafts[1], Honest.RiskInputsOf(2) with { Instruments = [.. Honest.RiskInputsOf(2).Instruments.Where(t => t.Id != BatchFactory.BtcPerpetual)] }));
        Watched watched = Watch(world); // After a restart: the batch before was judged and is final, so it is read for its inputs and leaves alone.
        await watched.LookAsync(1);
        Assert.Equal(["succession"], Kinds());
        Assert.Contains($"instrument {BatchFactory.BtcPerpetual} is no longer listed", Alerts()[0], StringComparison.Ordinal);
        Assert.False(await world.IsFrozenAsync());
        await watched.LookAsync(1);
        await RefutedAsync(world, watched, "challengeSuccession", 2);
    }

    [AnvilFact]
    public async Task Parameters_that_were_not_in_force_are_refuted()
    {
        await using World world = await World.StartAsync(sequencer.Address, registryAge: 1_000);
        await world.CommitAsync(world.Drafts[0]); // The control: those of the registry.
        Watched watched = Watch(world);
        await watched.LookAsync(2);
        Assert.Empty(Kinds());
        RiskInputs inputs = Honest.RiskInputsOf(2);
        await world.CommitAsync(WithInputs(world.Drafts[1], inputs with { Parameters = inputs.Parameters with { PerpContingency = inputs.Parameters.PerpContingency + 1 } }));
        await watched.LookAsync(2);
        Assert.Equal(["parameters", "action"], Kinds());
        Assert.Contains("which was not in force", Alerts()[0], StringComparison.Ordinal);
        await RefutedAsync(world, watched, "challengeSuccession", 2);
    }

    [AnvilFact]
    public async Task A_scan_range_outside_the_registrys_bounds_is_refuted()
    {
        await using World world = await World.StartAsync(sequencer.Address, registryAge: 1_000);
        RiskInputs inputs = Honest.RiskInputsOf(1);
        await world.CommitAsync(WithInputs(world.Drafts[0], inputs with { Groups = [new GroupRange(1, 200_001), new GroupRange(2, 200_000)] }));
        Watched watched = Watch(world);
        await watched.LookAsync(2);
        Assert.Contains("a scan range is outside", Alerts()[0], StringComparison.Ordinal);
        await RefutedAsync(world, watched, "challengeSuccession", 1);
    }

    /// <summary>A stricter watcher tells; it sends nothing that the contract would refuse.</summary>
    [AnvilFact]
    public async Task Prices_observed_after_the_opening_are_refuted_and_old_ones_within_the_contracts_age_only_told()
    {
        await using World world = await World.StartAsync(sequencer.Address);
        await world.CommitAsync(world.Drafts[0]);
        Watched strict = Watch(world, name: "strict", change: c => c with { MaxReportMilliseconds = 0 });
        await strict.LookAsync(3);
        Assert.Equal(["stale"], Kinds());
        Assert.Equal(0, strict.State.Spent);
        RiskInputs inputs = Honest.RiskInputsOf(2);
        await world.CommitAsync(WithInputs(world.Drafts[1], inputs with { ObservedAt = Timestamp.FromMilliseconds(world.Drafts[1].Header.Open + 1) }));
        Watched watched = Watch(world);
        await watched.LookAsync(2);
        Assert.Contains("were observed -1 ms before it opened", Alerts()[1], StringComparison.Ordinal);
        await RefutedAsync(world, watched, "challengeStale", 2);
    }

    [AnvilFact]
    public async Task What_breaks_a_rule_and_is_final_is_told_alone_and_no_challenge_exceeds_the_limit()
    {
        await using World world = await World.StartAsync(sequencer.Address);
        await world.CommitAsync(world.Drafts[0]);
        RiskInputs inputs = Honest.RiskInputsOf(2);
        CommitDraft draft = WithInputs(world.Drafts[1], inputs with { ObservedAt = Honest.RiskInputsOf(1).ObservedAt });
        await world.CommitAsync(draft);
        Watched poor = Watch(world, spending: new SpendingConfig(1), name: "poor");
        await poor.LookAsync(3);
        Assert.Equal(["succession", "spending"], Kinds());
        Assert.False(await world.IsFrozenAsync());
        await world.ProveAsync(1, world.Drafts[0]);
        await world.ProveAsync(2, draft);
        await world.FinalizeAsync(1, world.Drafts[0]);
        await world.FinalizeAsync(2, draft);
        Watched watched = Watch(world, name: "late");
        await watched.LookAsync(3);
        Assert.Equal(["succession", "spending", "succession"], Kinds());
        Assert.Contains("its prices were not observed later", Alerts()[2], StringComparison.Ordinal);
        Assert.Equal(0, watched.State.Spent);
        Assert.False(await world.IsFrozenAsync());
    }

    /// <summary>Both in one look: the batch after cannot be checked, the one before is refuted by its rule.</summary>
    [AnvilFact]
    public async Task What_breaks_a_rule_is_refuted_although_the_batch_after_it_fails()
    {
        await using World world = await World.StartAsync(sequencer.Address);
        await world.CommitAsync(WithInputs(world.Drafts[0], Honest.RiskInputsOf(1) with { ObservedAt = Timestamp.FromMilliseconds(world.Drafts[0].Header.Open + 7) }));
        CommitDraft bad = world.Drafts[1].Clone();
        bad.Words[CommitDraft.Block(Honest.Profile.Blocks - 1) + 1] += Fr.One; // A leaf.
        await world.CommitAsync(bad);
        Watched watched = Watch(world, spending: new SpendingConfig(1_000_000_000)); // Nothing to stake on the other.
        await watched.LookAsync(4);
        Assert.Contains("stale", Kinds());
        Assert.Contains("badBatch", Kinds());
        await RefutedAsync(world, watched, "challengeStale", 1);
    }

    /// <summary>Inputs, and the root that follows from them.</summary>
    private static CommitDraft WithInputs(CommitDraft draft, RiskInputs inputs)
    {
        CommitDraft changed = draft.Clone();
        (changed.RiskInputs, changed.RiskRoot) = (inputs.Encode(), new RiskTree(RiskRows.From(inputs)).Root);
        return changed;
    }

    private async Task RefutedAsync(World world, Watched watched, string action, uint batch)
    {
        Assert.True(await world.IsFrozenAsync());
        Assert.Contains($"{action} was sent", Alerts()[^1], StringComparison.Ordinal);
        Assert.Equal(0, await world.AskAsync(world.Challenges, ChallengesAbi.Bond));
        Assert.True(watched.State.Spent > 0);
        Assert.Equal(batch, watched.Metrics.CheckedBatches);
    }

    [AnvilFact]
    public async Task Risk_inputs_of_another_batch_are_challenged_at_once()
    {
        await using World world = await World.StartAsync(sequencer.Address);
        CommitDraft draft = world.Drafts[0].Clone();
        draft.RiskInputs = Honest.RiskInputsOf(2).Encode();
        await world.CommitAsync(draft);
        Watched watched = Watch(world);
        await watched.LookAsync(2);
        Assert.True(await world.IsFrozenAsync());
        Assert.Equal(["badBatch", "action"], Kinds());
        Assert.Contains("risk inputs are for another batch", Alerts()[0], StringComparison.Ordinal);
        Assert.Contains("challengeRow", Alerts()[1], StringComparison.Ordinal);
    }

    [AnvilFact]
    public async Task An_overdue_proof_freezes_and_one_that_is_not_overdue_does_not()
    {
        await using World world = await World.StartAsync(sequencer.Address);
        await world.CommitAsync(world.Drafts[0]);
        await world.CommitAsync(world.Drafts[1]);
        Watched watched = Watch(world);
        await world.Anvil.AdvanceAsync(TimeSpan.FromSeconds(3_000));
        await watched.LookAsync(2);
        Assert.Empty(Kinds());
        await world.Anvil.AdvanceAsync(TimeSpan.FromSeconds(4_300));
        await watched.LookAsync(1);
        Assert.Equal(["overdue", "action"], Kinds());
        Assert.True(await world.IsFrozenAsync());
    }

    [AnvilFact]
    public async Task An_operation_that_waits_too_long_freezes()
    {
        await using World world = await World.StartAsync(sequencer.Address); // Registrations wait in its queue.
        Watched watched = Watch(world, challenges: false);
        await watched.LookAsync(1);
        Assert.Empty(Kinds());
        await world.Anvil.AdvanceAsync(TimeSpan.FromSeconds(3_601));
        await watched.LookAsync(1);
        Assert.Equal(["overdue", "action"], Kinds());
        Assert.True(await world.IsFrozenAsync());
    }

    [AnvilFact]
    public async Task A_late_proof_is_challenged_once_and_an_answered_challenge_is_forgotten()
    {
        await using World world = await World.StartAsync(sequencer.Address);
        await world.CommitAsync(world.Drafts[0]);
        Watched watched = Watch(world, unprovenSeconds: 500);
        await watched.LookAsync(1);
        Assert.Empty(Kinds());
        await world.Anvil.AdvanceAsync(TimeSpan.FromSeconds(501));
        await watched.LookAsync(3);
        Assert.Equal(["unproven", "action", "action"], Kinds());
        Assert.Equal([1u], watched.State.Stakes.Keys);
        await world.ProveAsync(1, world.Drafts[0]);
        await watched.LookAsync(1);
        Assert.Empty(watched.State.Stakes);
        Assert.False(await world.IsFrozenAsync());
        Assert.Equal(Bond, await world.AskAsync(world.Challenges, ChallengesAbi.Bond));
    }

    [AnvilFact]
    public async Task Limits_are_kept_and_said()
    {
        await using World world = await World.StartAsync(sequencer.Address);
        await world.CommitAsync(world.Drafts[0]);
        await world.Anvil.AdvanceAsync(TimeSpan.FromSeconds(501));
        Watched poor = Watch(world, unprovenSeconds: 500, spending: new SpendingConfig(1_000_000_000, StakeAtoms: Stake - 1));
        await poor.LookAsync(2);
        Assert.Equal(["unproven", "spending"], Kinds());
        Assert.Contains("spending.stakeAtoms is 5000010", Alerts()[1], StringComparison.Ordinal);
        Assert.Equal(0, poor.State.Spent);

        await world.Anvil.AdvanceAsync(TimeSpan.FromSeconds(7_201));
        Watched broke = Watch(world, spending: new SpendingConfig(1), name: "broke");
        await broke.LookAsync(2);
        Assert.False(await world.IsFrozenAsync());
        Assert.Contains(Alerts(), a => a.Contains("spending.etherGwei is 1", StringComparison.Ordinal));
        Assert.Equal(0, broke.State.Spent);
        await Watch(world, name: "broke").LookAsync(1); // The same state with a higher limit.
        Assert.True(await world.IsFrozenAsync());
    }

    [AnvilFact]
    public async Task After_a_reorganisation_of_ten_blocks_the_new_chain_is_checked()
    {
        await using World world = await World.StartAsync(sequencer.Address);
        await world.CommitAsync(world.Drafts[0]);
        string fork = await world.Anvil.SnapshotAsync();
        CommitDraft wrong = world.Drafts[1].Clone();
        wrong.Words[CommitDraft.Block(Honest.Profile.Blocks - 1) + 1] += Fr.One;
        await world.CommitAsync(wrong);
        await world.Anvil.MineAsync(9);
        Watched watched = Watch(world, challenges: false);
        await watched.LookAsync(2);
        Assert.Equal(["badBatch"], Kinds());
        Assert.Equal(1, watched.Metrics.CheckedBatches);

        await world.Anvil.RevertAsync(fork);
        await world.CommitAsync(world.Drafts[1]);
        await world.CommitAsync(world.Drafts[2]);
        await world.Anvil.MineAsync(12);
        await watched.LookAsync(2);
        Assert.Equal(3, watched.Metrics.CheckedBatches);
        Assert.Equal(["badBatch"], Kinds());
    }

    [AnvilFact]
    public async Task A_batch_that_a_reorganisation_exchanges_is_checked_again()
    {
        await using World world = await World.StartAsync(sequencer.Address);
        string fork = await world.Anvil.SnapshotAsync();
        await world.CommitAsync(world.Drafts[0]);
        await world.Anvil.MineAsync(10);
        Watched watched = Watch(world, challenges: false);
        await watched.LookAsync(1);
        Assert.Equal((1, 0), (watched.Metrics.CheckedBatches, watched.Metrics.Reorganisations));
        await world.Anvil.RevertAsync(fork);
        await world.Anvil.MineAsync(3);
        await world.CommitAsync(world.Drafts[0]);
        await world.CommitAsync(world.Drafts[1]);
        await world.Anvil.MineAsync(12);
        await watched.LookAsync(2);
        Assert.Equal((2, 1), (watched.Metrics.CheckedBatches, watched.Metrics.Reorganisations));
        Assert.Empty(Kinds());
    }

    [AnvilFact]
    public async Task After_a_restart_it_catches_up_and_repeats_nothing()
    {
        await using World world = await World.StartAsync(sequencer.Address);
        CommitDraft wrong = world.Drafts[0].Clone();
        wrong.Words[CommitDraft.Block(0) + 1] += Fr.One;
        await world.CommitAsync(wrong);
        Watched first = Watch(world);
        await first.LookAsync(2);
        BigInteger spent = first.State.Spent;
        Assert.True(spent > 0);
        string[] before = Kinds();

        await world.Anvil.AdvanceAsync(TimeSpan.FromSeconds(World.UrgentDeadline + 1)); // While it was down.
        Watched second = Watch(world);
        Assert.Equal(spent, second.State.Spent);
        Assert.Equal([1u], second.State.Stakes.Keys);
        await second.LookAsync(2);
        Assert.Equal([.. before, "action", "frozen"], Kinds());
        Assert.True(second.State.Spent > spent);
        File.WriteAllText(Path.Combine(folder.FullName, "data", "state.json"), "{}");
        Assert.Contains("cannot be read", Assert.Throws<WatcherException>(() => Watch(world)).Message, StringComparison.Ordinal);
    }

    [AnvilFact]
    public async Task An_upgrade_is_told_and_followed()
    {
        await using World world = await World.StartAsync(sequencer.Address, upgrade: true);
        Watched watched = Watch(world);
        await watched.LookAsync(1);
        Assert.Equal(["upgrade"], Kinds());
        Assert.Contains("another circuit is proposed", Alerts()[0], StringComparison.Ordinal);
        for (uint n = 1; n <= Honest.Final; n++)
        {
            await world.CommitAsync(world.Drafts[(int)n - 1]);
            await world.ProveAsync(n, world.Drafts[(int)n - 1]);
            await world.FinalizeAsync(n, world.Drafts[(int)n - 1]);
        }

        await watched.LookAsync(1);
        Assert.Equal([CircuitVersion.Value], watched.Joined);
        await world.Vault.ActivateAsync(world.Upgrade!);
        await world.Vault.DepositAsync(2, BatchFactory.EthSpot, 17);
        await world.CommitAsync(world.Drafts[Honest.Final]);
        await watched.LookAsync(1);
        await world.ProveAsync(Honest.Final + 1, world.Drafts[Honest.Final]);
        await watched.LookAsync(2);
        Assert.Equal(Honest.Final + 1, watched.Metrics.CheckedBatches);
        Assert.Equal([CircuitVersion.Value, Honest.NextVersion], watched.Joined);
        Assert.Equal(["upgrade", "upgrade"], Kinds());
        Assert.Contains($"batches are of circuit version {Honest.NextVersion}: profile demo", Alerts()[1], StringComparison.Ordinal);
        Assert.False(await world.IsFrozenAsync());

        // Receipts are of the domain of a circuit: what contradicts itself in the new one costs the bond, as it did in the old one.
        Fr domain = world.Vault.DomainOf(Honest.NextVersion);
        Receipt receipt = new ReceiptHead().Next(Bytes32.FromBytes(Keccak.Hash256("order"u8)), 1_723_161_300_001);
        SignedReceipt one = SignedReceipt.Sign(receipt, domain, sequencer), other = SignedReceipt.Sign(receipt with { Time = receipt.Time + 1 }, domain, sequencer);
        ((IGossipObserver)watched.Watch).Contradiction(new GossipContradiction("two receipts of number 1", one.ToBytes(), other.ToBytes()));
        await watched.LookAsync(1);
        Assert.Equal(["upgrade", "upgrade", "receipts", "action"], Kinds());
        Assert.Equal(0, await world.AskAsync(world.Challenges, ChallengesAbi.Bond));
    }

    [AnvilFact]
    public async Task A_batch_that_is_wrong_after_an_upgrade_is_challenged()
    {
        await using World world = await World.StartAsync(sequencer.Address, upgrade: true);
        await world.Vault.ActivateAsync(world.Upgrade!); // Before any batch.
        var factory = new BatchFactory(Honest.NextProfile) { Domain = world.Vault.DomainOf(Honest.NextVersion) };
        CommitDraft draft = Honest.DraftOf(factory, 1, b => b.Register(2, 9_000_000_001).Register(3, 8_000_000_002));
        CommitDraft wrong = draft.Clone();
        wrong.Words[PublicData.FixedWords + Operation.Words * Honest.NextProfile.Operations + Honest.NextProfile.Rows + 1] += Fr.One;
        string fork = await world.Anvil.SnapshotAsync();
        await world.CommitAsync(draft);
        Watched honest = Watch(world, name: "honest");
        await honest.LookAsync(2);
        Assert.Equal((1, false), (honest.Metrics.CheckedBatches, Kinds().Contains("badBatch")));
        await world.Anvil.RevertAsync(fork);
        await world.CommitAsync(wrong);
        Watched watched = Watch(world);
        await watched.LookAsync(2);
        Assert.Contains("badBatch", Kinds());
        Assert.Equal([1u], watched.State.Stakes.Keys);
    }

    [AnvilFact]
    public async Task After_a_restart_final_batches_that_were_judged_are_not_judged_again()
    {
        await using World world = await World.StartAsync(sequencer.Address);
        for (int i = 0; i < 2; i++)
        {
            await world.CommitAsync(world.Drafts[i]);
            await world.ProveAsync((uint)i + 1, world.Drafts[i]);
            await world.FinalizeAsync((uint)i + 1, world.Drafts[i]);
        }

        await world.CommitAsync(world.Drafts[2]);
        Watched first = Watch(world);
        await first.LookAsync(2);
        Assert.Equal((3, 0), (first.Metrics.CheckedBatches, Rebuilt(first)));
        Watched second = Watch(world);
        await second.LookAsync(1);
        Assert.Equal((3, 2), (second.Metrics.CheckedBatches, Rebuilt(second))); // The third is not final.
        Watched other = Watch(world, name: "other");
        await other.LookAsync(1);
        Assert.Equal((3, 0), (other.Metrics.CheckedBatches, Rebuilt(other)));

        // What is on the chain now is not what was judged; and a wrong batch after it is found.
        CommitDraft wrong = world.Drafts[3].Clone();
        wrong.Words[CommitDraft.Block(0) + 1] += Fr.One;
        await world.Vault.DepositAsync(2, BatchFactory.EthSpot, 17);
        await world.CommitAsync(wrong);
        Watched third = Watch(world, challenges: false);
        await third.LookAsync(2);
        Assert.Equal(["badBatch"], Kinds());
        Assert.Equal(3u, third.State.Judged.Batch);
        third.State.Judge(3, Bytes32.FromBytes(Keccak.Hash256("another chain"u8)));
        Watched fourth = Watch(world, challenges: false);
        await fourth.LookAsync(1);
        Assert.Equal(0, Rebuilt(fourth));

        static int Rebuilt(Watched watched) => int.Parse(watched.Metrics.Write().Split('\n').Single(l => l.StartsWith("watcher_batches_rebuilt_total ", StringComparison.Ordinal)).Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture);
    }

    [AnvilFact]
    public async Task Two_receipts_of_one_number_take_the_bond()
    {
        await using World world = await World.StartAsync(sequencer.Address);
        Watched watched = Watch(world);
        Receipt receipt = new ReceiptHead().Next(Bytes32.FromBytes(Keccak.Hash256("order"u8)), 1_723_161_300_001);
        SignedReceipt one = SignedReceipt.Sign(receipt, world.Vault.Domain, sequencer), other = SignedReceipt.Sign(receipt with { Time = receipt.Time + 1 }, world.Vault.Domain, sequencer);
        IGossipObserver observer = watched.Watch;
        observer.Contradiction(new GossipContradiction("the same twice", one.ToBytes(), one.ToBytes()));
        await watched.LookAsync(1);
        Assert.Equal(["receipts"], Kinds());
        Assert.Equal(Bond, await world.AskAsync(world.Challenges, ChallengesAbi.Bond));
        observer.Contradiction(new GossipContradiction("two receipts of number 1", one.ToBytes(), other.ToBytes()));
        await watched.LookAsync(1);
        Assert.Equal(["receipts", "receipts", "action"], Kinds());
        Assert.Equal(0, await world.AskAsync(world.Challenges, ChallengesAbi.Bond));
        Assert.False(await world.IsFrozenAsync());
    }

    [AnvilFact]
    public async Task What_is_wrong_with_one_instrument_is_shown_with_it()
    {
        await using World world = await World.StartAsync(sequencer.Address);
        CommitDraft draft = world.Drafts[0].Clone();
        draft.RiskInputs[^(LinearInstrument - FlagsOfInstrument)] = 0xf0; // Of the last instrument, and of no other.
        await world.CommitAsync(draft);
        await Watch(world).LookAsync(2);
        Assert.True(await world.IsFrozenAsync());
        Assert.Equal(["badBatch", "action"], Kinds());
        Assert.Contains("malformed", Alerts()[0], StringComparison.Ordinal);
        Assert.Contains("challengeRow", Alerts()[1], StringComparison.Ordinal);
    }

    /// <summary>Nobody shows a row under the root: the contract works it out, in steps, also those of others, also after a restart, and no step beyond the limit.</summary>
    [AnvilFact]
    public async Task A_risk_root_whose_rows_are_hidden_is_worked_out_and_refuted()
    {
        await using World world = await World.StartAsync(sequencer.Address, isTableReal: true);
        RiskInputs inputs = Honest.RiskInputsOf(1);
        inputs = inputs with { Instruments = [.. inputs.Instruments, inputs.Instruments[^1] with { Id = 40 }] }; // Two buckets.
        RiskInputs hidden = inputs with { Instruments = inputs.Instruments.SetItem(0, inputs.Instruments[0] with { Mark = inputs.Instruments[0].Mark + 777 }) };
        CommitDraft draft = world.Drafts[0].Clone();
        (draft.RiskInputs, draft.RiskRoot) = (inputs.Encode(), new RiskTree(RiskRows.From(hidden)).Root);
        await world.CommitAsync(draft);

        Watched poor = Watch(world, spending: new SpendingConfig(1), name: "poor");
        await poor.LookAsync(2);
        Assert.Contains(Alerts(), a => a.Contains("advance would cost", StringComparison.Ordinal));
        Assert.Equal(0, await world.ProgressAsync(draft.RiskInputs, 0));

        Watched first = Watch(world);
        await first.LookAsync(4);
        Assert.Equal(15, await world.ProgressAsync(draft.RiskInputs, 0)); // The first look only suspects.
        await world.Vault.SendAsAsync(BatchFactory.OwnerOf(9), world.RiskTable, RiskTableAbi.Advance.Encode(draft.RiskInputs, 0, 16)); // Another watcher's.
        Watched second = Watch(world); // A restart.
        await second.LookAsync(5);
        Assert.Equal((16, 16), (await world.ProgressAsync(draft.RiskInputs, 0), await world.ProgressAsync(draft.RiskInputs, 2)));
        Assert.False(await world.IsFrozenAsync());
        await second.LookAsync(1);
        Assert.True(await world.IsFrozenAsync());
        Assert.Equal(0, await world.AskAsync(world.Challenges, ChallengesAbi.Bond));
        Assert.Contains("watcher_actions_total{action=\"advance\"} 4\n", second.Metrics.Write(), StringComparison.Ordinal);
        Assert.Contains("challengeRiskRoot was sent", Alerts()[^1], StringComparison.Ordinal);
    }

    /// <summary>The root is that of the batch before: the rows are known, so one of them and its proof (made with the real circuit) are enough.</summary>
    [AnvilFact]
    public async Task A_wrong_row_that_is_known_is_proven_and_refuted()
    {
        KeysCommand.KeySet keys = await KeysCommand.DevelopmentKeysAsync("row", Repository.Root, TextWriter.Null, default);
        var proof = new WatcherRowProof(keys.Zkey, Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(keys.Zkey))), keys.Wasm);
        await using World world = await World.StartAsync(
            sequencer.Address, SnarkJson.ReadVerifyingKey(await File.ReadAllBytesAsync(keys.VerificationKey), keys.VerificationKey), isTableReal: true);
        await world.CommitAsync(world.Drafts[0]);
        CommitDraft draft = world.Drafts[1].Clone();
        draft.RiskRoot = world.Drafts[0].RiskRoot;
        await world.CommitAsync(draft);

        Watched wrongKey = Watch(world, rowProof: proof with { Sha256 = new string('7', 64) }, name: "wrong key");
        await wrongKey.LookAsync(2);
        Assert.Contains(Alerts(), a => a.Contains("has the SHA-256", StringComparison.Ordinal));
        Assert.False(await world.IsFrozenAsync());
        Watched watched = Watch(world, rowProof: proof);
        await watched.LookAsync(2);
        Assert.True(await world.IsFrozenAsync());
        Assert.Contains("challengeRow was sent", Alerts()[^1], StringComparison.Ordinal);
        Assert.Equal(0, await world.AskAsync(world.Challenges, ChallengesAbi.Bond));
        Assert.Equal(Bond / 2, (BigInteger)(await world.Anvil.Client.CallAsync(world.Challenges, AbiFunction.Parse("credits(address owner)(uint256)"), [AnvilProcess.Key(WatcherKey).Address]))[0]);
    }

    [AnvilFact]
    public async Task A_receipt_in_whose_place_another_was_committed_takes_the_bond()
    {
        await using World world = await World.StartAsync(sequencer.Address);
        Receipt one = new ReceiptHead().Next(Bytes32.FromBytes(Keccak.Hash256("one"u8)), 1_723_161_300_001);
        Receipt promised = HeadOf(one).Next(Bytes32.FromBytes(Keccak.Hash256("promised"u8)), 1_723_161_300_002), other = promised with { OrderHash = Bytes32.FromBytes(Keccak.Hash256("other"u8)) };
        Receipt last = HeadOf(other).Next(Bytes32.FromBytes(Keccak.Hash256("last"u8)), 1_723_161_300_003);
        CommitDraft draft = world.Drafts[0].Clone();
        draft.Receipts = HeadOf(last);
        await world.CommitAsync(draft);

        // Nobody shows the committed ones, or something else in their place: then nothing can be shown.
        Watched honest = Watch(world, name: "honest", ask: (number, _) => Task.FromResult<Receipt?>(number switch { 1 => one, 2 => other, _ => last }));
        honest.Archive.Add(Sign(one));
        await honest.LookAsync(2);
        Watched silent = Watch(world, name: "silent", ask: (_, _) => Task.FromResult<Receipt?>(null));
        Watched lied = Watch(world, name: "lied to", ask: (number, _) => Task.FromResult<Receipt?>(number switch { 2 => promised, _ => last }));
        foreach (Watched watched in (Watched[])[silent, lied])
        {
            watched.Archive.Add(Sign(promised));
            await watched.LookAsync(2);
        }

        Assert.Equal(["receipts"], Kinds()); // Of the one that was shown the last.
        Assert.Equal(Bond, await world.AskAsync(world.Challenges, ChallengesAbi.Bond));

        // The one after it is known by its signature, the contradicted one by the API.
        Watched told = Watch(world, ask: (number, _) => Task.FromResult<Receipt?>(number == 2 ? other : null));
        told.Archive.Add(Sign(promised));
        told.Archive.Add(Sign(last));
        await told.LookAsync(1);
        Assert.Equal(["receipts", "receipts", "action"], Kinds());
        Assert.Contains("challengeContradictedReceipt was sent", Alerts()[^1], StringComparison.Ordinal);
        Assert.Equal(0, await world.AskAsync(world.Challenges, ChallengesAbi.Bond));
        Assert.False(await world.IsFrozenAsync());

        SignedReceipt Sign(Receipt receipt) => SignedReceipt.Sign(receipt, world.Vault.Domain, sequencer);
        ReceiptHead HeadOf(Receipt receipt) => new(receipt.Number, receipt.HashIn(world.Vault.Domain));
    }

    [Fact]
    public void Configurations_that_cannot_be_used_say_why()
    {
        string path = Path.Combine(folder.FullName, "watcher.json");
        string Json(string more) => $$"""
            { "rpc": "http://127.0.0.1:8545", "chainId": 31337, "vault": "0x5fbdb2315678afecb367f032d93f642f64180aa3", "fromBlock": 3, "data": "data", "keystore": "key.json",
              "spending": { "etherGwei": 1000 } {{more}} }
            """;
        WatcherConfig Load(string more)
        {
            File.WriteAllText(path, Json(more));
            return WatcherConfig.Load(path);
        }

        Assert.Equal(Path.Combine(folder.FullName, "data"), Load("").Data);
        foreach ((string more, string problem) in ((string, string)[])[
            (", \"pollMilliseconds\": 1", "pollMilliseconds"), (", \"unprovenSeconds\": -1", "unprovenSeconds"), (", \"listen\": \"https://x\"", "listen"), (", \"surplus\": 1", "surplus"), (", \"verifyingKeyHashes\": [\"0x12\"]", "verifyingKeyHashes"),
            (", \"rowProof\": { \"provingKey\": \"k\", \"sha256\": \"77\", \"circuit\": \"c\" }", "rowProof.sha256"),
            (", \"gossip\": { \"keyFile\": \"k\", \"listen\": [], \"sequencer\": \"0x5fbdb2315678afecb367f032d93f642f64180aa3\" }", "gossip.listen")])
            Assert.Contains(problem, Assert.Throws<WatcherException>(() => Load(more)).Message, StringComparison.Ordinal);
    }

    private string[] Alerts() => File.Exists(AlertFile) ? File.ReadAllLines(AlertFile) : [];

    /// <summary>What the alert command was given, in order.</summary>
    private string[] Kinds() => [.. Alerts().Select(line => (string)JsonNode.Parse(line)!["kind"]!)];

    private Watched Watch(World world, bool challenges = true, int unprovenSeconds = 0, SpendingConfig? spending = null, string name = "data", WatcherRowProof? rowProof = null,
        Func<long, CancellationToken, Task<Receipt?>>? ask = null, Func<WatcherConfig, WatcherConfig>? change = null)
    {
        var config = new WatcherConfig(
            world.Anvil.Endpoint, AnvilProcess.ChainId, world.Vault.Address, 0, Path.Combine(folder.FullName, name), "", spending ?? new SpendingConfig(1_000_000_000, Stake),
            challenges ? world.Challenges : null, UnprovenSeconds: unprovenSeconds, AlertCommand: ["/bin/sh", "-c", $"cat >> {AlertFile}"],
            Gossip: new WatcherGossip("", ["/ip4/127.0.0.1/tcp/0"], sequencer.Address), RowProof: rowProof, MaxReportMilliseconds: World.MaxReportAge);
        config = change?.Invoke(config) ?? config;
        Assert.Null(config.Validate());
        return new Watched(world, config, ask);
    }

    private sealed class Watched
    {
        private readonly ReceiptGuard receipts;

        internal Watched(World world, WatcherConfig config, Func<long, CancellationToken, Task<Receipt?>>? ask)
        {
            State = new WatcherState(config.Data);
            var alerts = new Alerts(config, State, Metrics, TimeProvider.System, NullLogger.Instance);
            var wallet = new Wallet(world.Anvil.Client, AnvilProcess.Key(WatcherKey), Actor.Options(config.Spending) with { PollInterval = TimeSpan.FromMilliseconds(20) });
            var actor = new Actor(config, world.Anvil.Client, wallet, State, Metrics, alerts, NullLogger.Instance);
            receipts = new ReceiptGuard(config, config.Gossip!.Sequencer, actor, alerts, ask, TimeProvider.System);
            Watch = new Watch(config, world.Anvil.Client, State, actor, alerts, Metrics, receipts, (circuit, _) =>
            {
                Joined.Add(circuit.Version);
                return Task.CompletedTask;
            }, TimeProvider.System, NullLogger.Instance);
        }

        internal GossipArchive Archive => receipts.Archive;
        internal WatcherMetrics Metrics { get; } = new();

        /// <summary>Versions of the circuits in whose networks it took part.</summary>
        internal List<uint> Joined { get; } = [];

        internal WatcherState State { get; }
        internal Watch Watch { get; }

        internal async Task LookAsync(int times)
        {
            for (int i = 0; i < times; i++) await Watch.LookAsync(CancellationToken.None);
        }
    }

    /// <summary>A chain with vault, bond and challenges; accounts 2 to 5 have asked to register.</summary>
    private sealed class World : IAsyncDisposable
    {
        internal const int UrgentDeadline = 600, MaxReportAge = 600_000;

        private World(AnvilProcess anvil, LocalVault vault, Address challenges, Address riskTable, LocalUpgrade? upgrade) =>
            (Anvil, Vault, Challenges, RiskTable, Drafts, Upgrade) = (anvil, vault, challenges, riskTable, Honest.Make(vault.DomainOf, upgrade is not null).Drafts, upgrade);

        /// <summary>Another circuit, proposed long enough ago.</summary>
        internal LocalUpgrade? Upgrade { get; }

        internal AnvilProcess Anvil { get; }
        internal LocalVault Vault { get; }
        internal Address Challenges { get; }
        internal Address RiskTable { get; }
        internal IReadOnlyList<CommitDraft> Drafts { get; }

        /// <param name="row">Key of the verifier of rows; null = any contract stands for it.</param>
        /// <param name="registryAge">Seconds that the registry of parameters is older than the rest: what was observed before it is not judged.</param>
        /// <param name="isTableReal">Else a contract stands for the risk table that gives the contract of rows, whatever it is asked.</param>
        internal static async Task<World> StartAsync(Address sequencer, VerifyingKey? row = null, bool isTableReal = false, bool upgrade = false, int registryAge = 0)
        {
            AnvilProcess anvil = await LocalVault.StartChainAsync(upgrade ? LocalVault.UpgradeWindow : registryAge);
            LocalVault vault = await LocalVault.DeployAsync(anvil, Honest.Profile, KnownKey.Key);
            LocalUpgrade? proposed = upgrade ? await vault.ProposeAsync(Honest.NextProfile, Honest.NextKey, Honest.NextVersion) : null;
            if (upgrade) await anvil.AdvanceAsync(TimeSpan.FromSeconds(LocalVault.UpgradeWindow));
            using Wallet deployer = anvil.Wallet(0);
            using Wallet guarantor = anvil.Wallet(GuarantorKey);
            using Wallet watcher = anvil.Wallet(WatcherKey);
            Address rows = await DeployAsync(CompiledContracts.RiskRows.Code);
            Address verifier = row is null ? vault.Cash : await DeployAsync(CompiledContracts.VerifierOf(row).Code);
            Address table = isTableReal ? await RiskTableDeployment.DeployAsync(deployer, CompiledContracts.RiskTable.Code, rows)
                : await DeployAsync([.. Convert.FromHexString("601d8060093d393df3"), 0x73, .. rows.ToBytes(), .. Convert.FromHexString("60005260206000f3")]);
            Address parameters = await DeployAsync([.. CompiledContracts.ParameterRegistry.Code, .. Parameters()]);
            Address rules = await DeployAsync([.. CompiledContracts.RiskRules.Code, .. RiskRulesAbi.Constructor.EncodeArguments(parameters, MaxReportAge)]);
            if (registryAge > 0) await anvil.AdvanceAsync(TimeSpan.FromSeconds(registryAge));
            object[] configuration = [vault.Address, table, rules, verifier, guarantor.Address, sequencer, Stake, UrgentDeadline, 100, 700_000];
            Address challenges = await DeployAsync([.. CompiledContracts.Challenges.Code, .. ChallengesAbi.Constructor.EncodeArguments([configuration])]);
            await deployer.SendAsync(vault.Address, SetChallenges, [challenges]);
            foreach ((Wallet owner, long amount) in ((Wallet, long)[])[(guarantor, Bond), (watcher, 10 * Stake)]) await deployer.SendAsync(vault.Cash, TokenAbi.Mint, [owner.Address, amount]);
            await guarantor.SendAsync(vault.Cash, TokenAbi.Approve, [challenges, Bond]);
            await guarantor.SendAsync(challenges, DepositBond, [Bond]);
            for (int account = 2; account <= 5; account++) await vault.RegisterAsync(account, account switch { 2 => 9_000_000_001, 3 => 8_000_000_002, 4 => 7_000_000_003, _ => 6_000_000_004 });
            return new World(anvil, vault, challenges, table, proposed);

            async Task<Address> DeployAsync(byte[] code) => (await deployer.DeployAsync(code)).Contract;
        }

        // Free to move; scan ranges from 10% to 20%.
        private static byte[] Parameters()
        {
            var bytes = new byte[RiskParameters.Size];
            RiskParameters.Default.Encode(bytes);
            object[] values = [.. bytes.Skip(1).Chunk(4).Select(chunk => (object)BinaryPrimitives.ReadInt32BigEndian(chunk))];
            object[] free = [.. values.Select(_ => (object)new object[] { -1_000_000, 1_000_000, 1_000_000, 0, 0, true })], ranges = [.. Enumerable.Repeat((object)new object[] { 100_000, 200_000 }, 1 << Width.Group)];
            return ParametersAbi.Constructor.EncodeArguments(values, free, 0, 60, ranges);
        }

        internal async Task<int> ProgressAsync(byte[] inputs, int bucket) => (int)(BigInteger)(await Anvil.Client.CallAsync(RiskTable, RiskTableAbi.Progress, [Keccak.Hash256(inputs), bucket]))[0];

        internal async Task CommitAsync(CommitDraft draft)
        {
            if (draft.Settles.Count > 0)
                await SendAsync(VaultAbi.Settle.Encode(draft.Settles.Select(s => (object)s.Instrument).ToArray(), draft.Settles.Select(s => (object)s.Payoff).ToArray()));
            await SendAsync(draft.Encode());
        }

        internal Task FinalizeAsync(uint batch, CommitDraft draft) => SendAsync(VaultAbi.FinalizeBatch.Encode(batch, draft.Payouts));

        internal Task ProveAsync(uint batch, CommitDraft draft)
        {
            Fr z = PublicData.EvaluationPoint(draft.C, draft.Words);
            byte[] proof = KnownKey.Forge([draft.C, PublicData.Evaluate(draft.Words, z), z, draft.RiskRoot], delta: draft.KeyDelta).ToEvmWords();
            return SendAsync(VaultAbi.ProveBatch.Encode(batch, VerifierAbi.Proof(proof)));
        }

        internal async Task<bool> IsFrozenAsync() => (bool)(await Anvil.Client.CallAsync(Vault.Address, VaultAbi.Frozen, []))[0];

        internal async Task<BigInteger> AskAsync(Address contract, AbiFunction view) => (BigInteger)(await Anvil.Client.CallAsync(contract, view, []))[0];

        public async ValueTask DisposeAsync() => await Anvil.DisposeAsync();

        private Task SendAsync(byte[] data) => Vault.SendAsAsync(AnvilProcess.Key(LocalVault.OperatorKey).Address, Vault.Address, data);
    }
}
