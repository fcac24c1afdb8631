using System.Numerics;
using Microsoft.Extensions.Logging.Abstractions;
using Rollup.Api;
using Rollup.Engine;
using Rollup.Ethereum;
using Rollup.Protocol;
using Rollup.Risk;
using Rollup.Sequencer.Chain;
using Rollup.Sequencer.Configuration;
using Rollup.Sequencer.Core;

namespace Rollup.Sequencer.Tests;

public sealed class VaultFollowerTests : IAsyncLifetime, IDisposable
{
    private const long Cash = 7_000_000;
    private readonly TemporaryDirectory folder = new();
    private readonly ManualClock clock = new();
    private readonly FakeChain chain = new();
    private readonly Trader first = new(2), second = new(3);
    private EthereumClient client = null!;
    private CoreHarness core = null!;
    private VaultFollower follower = null!;

    public async Task InitializeAsync()
    {
        await chain.StartAsync();
        client = new EthereumClient(chain.Endpoint, new JsonRpcOptions { Attempts = 1 });
        Open();
        foreach (Trader trader in new[] { first, second })
        {
            var work = new ViewKeyWork(trader.Keys.ViewKey);
            Assert.True(core.Core.TryPost(work));
            await work.Completion;
        }
    }

    public async Task DisposeAsync()
    {
        follower.Dispose();
        core.Dispose();
        client.Dispose();
        await chain.DisposeAsync();
    }

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Operations_count_once_they_have_their_confirmations()
    {
        chain.Mine(chain.Queued(first.Registration(Cash), first.Keys.Owner));
        chain.MineEmpty(1);
        await PollAsync();
        Assert.Null(core.Core.Keys[2]);

        chain.MineEmpty(1);
        await PollAsync();
        await core.UntilAsync(m => m.Keys[2] is not null);
        Assert.Equal(Cash, await core.ReadAsync(m => m.Engine.View(Protocol.AccountId.From(2))!.Cash.Atoms));
        Assert.Equal(2UL, core.Status.View().ChainBlock);
    }

    [Fact]
    public async Task A_batch_goes_from_sealed_to_final_as_the_chain_shows_it()
    {
        await RegisterAsync(first);
        BatchView batch = (await core.SealAsync()).Value!;
        ulong at = chain.Head;
        chain.Mine(FakeChain.Committed(1, batch.NewRoot!.Value));
        chain.Mine(FakeChain.Proven(1));
        chain.MineEmpty(2);
        await PollAsync();
        await core.UntilAsync(m => m.Batches[1]!.Stage == BatchStage.Proven);
        chain.Mine(FakeChain.Finalised(1, batch.NewRoot.Value));
        chain.MineEmpty(2);
        await PollAsync();
        await core.UntilAsync(m => m.Batches.LastFinal == 1);
        BatchView final = (await core.ReadAsync(m => m.Batches[1]))!;
        Assert.Equal((at + 1, at + 2, at + 5), (final.CommittedBlock, final.ProvenBlock, final.FinalBlock));
    }

    [Fact]
    public async Task A_reorganisation_within_the_confirmations_is_nothing_special()
    {
        chain.Mine(chain.Queued(first.Registration(Cash), first.Keys.Owner));
        chain.MineEmpty(1);
        await PollAsync();
        chain.Reorganise(2); // The operation is gone, and another takes its place.
        chain.Mine(chain.Queued(first.Registration(Cash + 5), first.Keys.Owner, index: 0));
        chain.MineEmpty(2);
        await PollAsync();
        await core.UntilAsync(m => m.Keys[2] is not null);
        Assert.Equal(Cash + 5, await core.ReadAsync(m => m.Engine.View(Protocol.AccountId.From(2))!.Cash.Atoms));
    }

    [Fact]
    public async Task A_reorganisation_deeper_than_the_confirmations_is_a_safe_stop_that_says_so()
    {
        await RegisterAsync(first);
        chain.Reorganise(3);
        var error = await Assert.ThrowsAsync<SafeStopException>(PollAsync);
        Assert.Contains("reorganised deeper than 2 confirmations", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_reorganisation_deeper_than_what_is_remembered_is_found_after_a_restart_too()
    {
        await RegisterAsync(first);
        await PollAsync();
        await core.UntilAsync(m => m.Chain is not null);
        ChainPosition position = (await core.ReadAsync(m => m.Chain))!;
        chain.Reorganise((int)chain.Head);
        follower.Dispose();
        follower = Follow(position);
        await Assert.ThrowsAsync<ReorganisationTooDeepException>(PollAsync);
    }

    [Fact]
    public async Task Following_goes_on_after_a_restart_where_it_ended()
    {
        await RegisterAsync(first);
        await PollAsync();
        await core.UntilAsync(m => m.Chain is { Number: > 0 });
        ChainPosition position = (await core.ReadAsync(m => m.Chain))!;
        follower.Dispose();
        follower = Follow(position);
        chain.Mine(chain.Queued(second.Registration(Cash + 1), second.Keys.Owner));
        chain.MineEmpty(2);
        await PollAsync();
        await core.UntilAsync(m => m.Keys[3] is not null);
        Assert.Equal(2, await core.ReadAsync(m => m.Engine.Status.NextOperation));
    }

    [Fact]
    public async Task Following_from_the_first_block_again_does_nothing_twice()
    {
        await RegisterAsync(first);
        follower.Dispose();
        follower = Follow(null);
        await PollAsync();
        await core.ReadAsync(_ => true);
        Assert.Equal(1, await core.ReadAsync(m => m.Engine.Status.NextOperation));
        Assert.Null(core.Status.HaltReason);
    }

    [Fact]
    public async Task An_unreachable_chain_stops_nothing_and_health_says_so_until_it_is_back()
    {
        chain.SetDown(true);
        await follower.StartAsync(default);
        await Until(() => core.Status.View().Problems.Any(p => p.StartsWith("chain: operations and batches are not followed", StringComparison.Ordinal)));
        Assert.Equal(HealthStatus.Degraded, core.Status.View().Status);
        Assert.NotNull(await core.ReadAsync(m => m.Engine.Status));
        Assert.True(await core.ReadAsync(m => m.Engine.Status.IsOpen));

        chain.SetDown(false);
        chain.Mine(chain.Queued(first.Registration(Cash), first.Keys.Owner));
        chain.MineEmpty(2);
        await core.UntilAsync(m => m.Keys[2] is not null);
        await Until(() => core.Status.View().Status == HealthStatus.Ok);
        await follower.StopAsync(default);
    }

    [Fact]
    public async Task A_frozen_vault_is_a_safe_stop()
    {
        chain.Mine(FakeChain.Frozen());
        chain.MineEmpty(2);
        await follower.StartAsync(default);
        await Until(() => core.Status.HaltReason is not null);
        Assert.Contains("The vault was frozen in block 1", core.Status.HaltReason, StringComparison.Ordinal);
        await follower.StopAsync(default);
    }

    [Fact]
    public async Task An_upgrade_of_the_circuit_is_a_safe_stop_and_the_circuit_of_this_version_is_none()
    {
        chain.Mine(FakeChain.Upgraded(CircuitVersion.Value)); // Of the vault's deployment.
        chain.MineEmpty(2);
        await PollAsync();
        Assert.Null(core.Status.HaltReason);
        chain.Mine(FakeChain.Upgraded(CircuitVersion.Value + 4));
        chain.MineEmpty(2);
        await follower.StartAsync(default);
        await Until(() => core.Status.HaltReason is not null);
        Assert.Contains("from version 2 to 6 in block 4", core.Status.HaltReason, StringComparison.Ordinal);
        Assert.Contains("`sequencer upgrade`", core.Status.HaltReason, StringComparison.Ordinal);
        await follower.StopAsync(default);
    }

    [Theory]
    [InlineData(1, "the upgrade is not in force yet")]
    [InlineData(3, "it was upgraded; `sequencer upgrade`")]
    public async Task Another_circuit_version_than_the_configurations_is_a_safe_stop(uint version, string problem)
    {
        chain.SetCircuit(version);
        Assert.Contains(problem, (await Assert.ThrowsAsync<SafeStopException>(PollAsync)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("domain", "The vault's domain is 5")]
    [InlineData("genesisRoot", "The vault's genesisRoot is 5")]
    [InlineData("rows", "The vault's rows is 5, and the configuration's is 10")]
    [InlineData("maxEpoch", "batches of at most 5 ms")]
    public async Task Another_vault_is_a_safe_stop_before_anything_is_followed(string function, string problem)
    {
        chain.Set(function, 5);
        Assert.Contains(problem, (await Assert.ThrowsAsync<SafeStopException>(PollAsync)).Message, StringComparison.Ordinal);
    }

    /// <summary>A committee of four of which three must sign, at another address than any of its members.</summary>
    [Theory]
    [InlineData("", 3, 0, 10_000, false)]
    [InlineData("", 4, 0, 10_000, false)]
    [InlineData("without 3 signatures of the vault's committee 0x0000000000000000000000000000000000000077, and oracle.committee.signatures is not set", 0, 0, 10_000, false)]
    [InlineData("oracle.committee.signatures is not set", 3, 0, 10_000, true)]
    [InlineData("wants 3 signatures of the vault's committee 0x0000000000000000000000000000000000000077, and oracle.committee.signatures is 2", 2, 0, 10_000, false)]
    [InlineData("their signatures: node 3 (0x0000000000000000000000000000000000000015) of", 3, 1, 10_000, false)]
    [InlineData("may be 9999 ms old", 3, 0, 9_999, false)]
    public async Task A_committee_that_the_configuration_does_not_suit_is_a_safe_stop_before_anything_is_followed(string problem, int signatures, int strangers, int maxAge, bool isWithout)
    {
        BigInteger[] members = [0x11, 0x12, 0x13, 0x14];
        chain.Set("committee", 0x77);
        chain.Set("threshold", 3);
        chain.Set("members", [0x20, members.Length, .. members]);
        chain.Set("maxAge", maxAge);
        CommitteeNode[] nodes = [.. members[..(4 - strangers)].Append(0x15).Take(4).Select(m => new CommitteeNode(Address.Parse($"0x{(int)m:x40}"), new Uri($"http://{m}.example/")))];
        SequencerConfig config = TestConfig.Make(folder.Path, chain.Endpoint);
        if (!isWithout) config = config with { Oracle = config.Oracle with { Committee = new CommitteeConfig([.. nodes], 3, Signatures: signatures) } };
        using var client = new EthereumClient(chain.Endpoint);
        Task<long> CheckAsync() => VaultCheck.RunAsync(client, config, new ClearingEngine(config.ToEngine()).Status.AccountRoot, default);
        if (problem.Length == 0) Assert.Equal(86_400_000, await CheckAsync());
        else Assert.Contains(problem, (await Assert.ThrowsAsync<SafeStopException>(CheckAsync)).Message, StringComparison.Ordinal);
        // A vault without one takes batches with signatures too.
        chain.Set("committee", 0);
        Assert.Equal(86_400_000, await CheckAsync());
    }

    [Fact]
    public async Task Another_chain_is_a_safe_stop_before_anything_is_followed()
    {
        chain.ChainId = 1;
        Assert.Contains("answers for chain 1", (await Assert.ThrowsAsync<SafeStopException>(PollAsync)).Message, StringComparison.Ordinal);
    }

    /// <summary>What the vault's challenges would freeze it for is not begun with. The groups' ranges are 150,000 and 180,000.</summary>
    [Theory]
    [InlineData(10_000, true, 150_000, 0, null)]
    [InlineData(9_999, true, 150_000, 0, "prices older than 9999 ms, and epoch.maxReportAge is 10000")]
    [InlineData(10_000, false, 150_000, 0, "chain.parameters is absent")]
    [InlineData(10_000, true, 150_001, 0, "scan ranges of group 1 outside 150001 to 160000")]
    [InlineData(10_000, true, 150_000, 179_999, "scan ranges of group 2 outside 7 to 179999")]
    public async Task Rules_that_the_configuration_would_break_are_a_safe_stop(int age, bool follows, int least, int most, string? problem)
    {
        follower.Dispose();
        core.Dispose();
        Open(follows ? TestConfig.Vault : null, folder: "with rules");
        chain.SetParameters(RiskParameters.Default);
        chain.SetRules(age, TestConfig.Vault, (1, least, 160_000), (2, most == 0 ? 0 : 7, most));
        if (problem is null)
        {
            chain.Set("grace", 3_599);
            Assert.Contains("grace for risk parameters is 3599 s", (await Assert.ThrowsAsync<SafeStopException>(PollAsync)).Message, StringComparison.Ordinal);
            chain.Set("grace", 3_600);
            await PollAsync();
        }
        else Assert.Contains(problem, (await Assert.ThrowsAsync<SafeStopException>(PollAsync)).Message, StringComparison.Ordinal);
    }

    private async Task RegisterAsync(Trader trader)
    {
        chain.Mine(chain.Queued(trader.Registration(Cash), trader.Keys.Owner));
        chain.MineEmpty(2);
        await PollAsync();
        await core.UntilAsync(m => m.Keys[trader.Account] is not null);
    }

    private async Task PollAsync()
    {
        while (await follower.PollAsync(default)) { }
    }

    /// <summary>The registry's parameters are those of the next epochs, once they have their confirmations; what no batch could have leaves them as they were.</summary>
    [Fact]
    public async Task Epochs_take_the_risk_parameters_of_the_registry()
    {
        follower.Dispose();
        core.Dispose();
        Open(TestConfig.Vault, folder: "with registry");
        // Nothing opens with parameters that nobody has read.
        await core.UntilAsync(_ => core.Status.View().Problems.Any(p => p.Contains("chain.parameters) are not read yet, or not for half an hour", StringComparison.Ordinal)));
        Assert.False(await core.ReadAsync(m => m.Engine.Status.IsOpen));

        chain.SetParameters(RiskParameters.Default with { Basis = 61, VegaGap = 20_007 });
        chain.MineEmpty(3);
        await PollAsync();
        await core.ReadAsync(_ => true); // It has what the poll brought.
        clock.Advance(2_000);
        await core.UntilAsync(m => m.Engine.Status.IsOpen);
        Assert.Equal((61, 20_007), await ParametersAsync());

        // In a block of their own, a tightening; and one beyond what the method can bear.
        chain.SetParameters(RiskParameters.Default with { Basis = 62, VegaGap = 20_007 });
        chain.MineEmpty(1);
        await PollAsync();
        await core.ReadAsync(_ => true); // It has what the poll brought.
        clock.Advance(10_000);
        await core.UntilAsync(m => RiskInputs.TryDecode(m.RiskInputs, out RiskInputs inputs, out _) && inputs.Parameters.Basis == 62);
        chain.SetParameters(RiskParameters.Default with { Basis = 100_001 });
        chain.MineEmpty(1);
        await PollAsync();
        Assert.Contains(core.Status.View().Problems, p => p.Contains("basis 100001 is outside 0..100000", StringComparison.Ordinal));
        long observed = await core.ReadAsync(ObservedAt);
        clock.Advance(10_000);
        await core.UntilAsync(m => ObservedAt(m) > observed);
        Assert.Equal((62, 20_007), await ParametersAsync());

        // Bounds that the configured ranges break open nothing, rather than an epoch that the vault is frozen for.
        observed = await core.ReadAsync(ObservedAt);
        chain.SetParameters(RiskParameters.Default with { Basis = 62, VegaGap = 20_007 });
        chain.SetRange(2, 180_001, 200_000);
        chain.MineEmpty(1);
        await PollAsync();
        await core.ReadAsync(_ => true);
        clock.Advance(10_000);
        await core.UntilAsync(_ => core.Status.View().Problems.Any(p => p.Contains("the scan range of group 2, 180000, is outside the registry's bounds 180001 to 200000", StringComparison.Ordinal)));
        Assert.Equal(observed, await core.ReadAsync(ObservedAt));
        chain.SetRange(2, 180_000, uint.MaxValue); // The widest that the registry takes.
        chain.MineEmpty(1);
        await PollAsync();
        await core.ReadAsync(_ => true);
        clock.Advance(10_000);
        await core.UntilAsync(m => ObservedAt(m) > observed);

        // Not for longer than half of the grace without an answer of L1; nor after a restart before there is one.
        chain.SetParameters(RiskParameters.Default with { Basis = 63 });
        observed = await core.ReadAsync(ObservedAt);
        clock.Advance(SequencerCore.RegistryLife);
        await ClosedAsync();
        follower.Dispose();
        core.Dispose();
        Open(TestConfig.Vault, folder: "with registry");
        await ClosedAsync();
        chain.MineEmpty(1);
        await PollAsync();
        await core.ReadAsync(_ => true);
        clock.Advance(10_000);
        await core.UntilAsync(m => ObservedAt(m) > observed);
        Assert.Equal((63, RiskParameters.Default.VegaGap), await ParametersAsync());

        async Task ClosedAsync()
        {
            await core.UntilAsync(_ => core.Status.View().Problems.Any(p => p.Contains("not for half an hour", StringComparison.Ordinal)));
            Assert.Equal(observed, await core.ReadAsync(ObservedAt));
        }

        static long ObservedAt(Machine machine) => RiskInputs.TryDecode(machine.RiskInputs, out RiskInputs inputs, out _) ? inputs.ObservedAt.Milliseconds : 0;
        async Task<(int, int)> ParametersAsync()
        {
            Assert.True(RiskInputs.TryDecode(await core.ReadAsync(m => m.RiskInputs), out RiskInputs inputs, out _));
            return (inputs.Parameters.Basis, inputs.Parameters.VegaGap);
        }
    }

    private void Open(Address? registry = null, string folder = "")
    {
        SequencerConfig config = TestConfig.Make(Path.Combine(this.folder.Path, folder), rpc: chain.Endpoint);
        core = new CoreHarness(config with { Chain = config.Chain with { Parameters = registry } }, clock);
        follower = Follow(null);
    }

    private VaultFollower Follow(ChainPosition? from)
    {
        SequencerConfig config = core.Config;
        Fr genesis = new Engine.ClearingEngine(TestConfig.Engine).Status.AccountRoot;
        return new VaultFollower(config, client, cancellation => VaultCheck.RunAsync(client, config, genesis, cancellation), VaultCheck.RegistryOf(client, config), core.Core, core.Status, from, TimeProvider.System, NullLogger<VaultFollower>.Instance);
    }

    private static async Task Until(Func<bool> condition)
    {
        for (int i = 0; i < 1000 && !condition(); i++) await Task.Delay(10);
        Assert.True(condition());
    }
}
