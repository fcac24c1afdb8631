using System.Collections.Immutable;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using Rollup.Api;
using Rollup.Crypto.Settlement;
using Rollup.Engine;
using Rollup.Ethereum;
using Rollup.Gossip;
using Rollup.Oracle;
using Rollup.Protocol;
using Rollup.Risk;
using Rollup.Sequencer.Configuration;
using Rollup.Sequencer.Core;
using Rollup.Sequencer.Oracle;
using Rollup.Sequencer.Receipts;

namespace Rollup.Sequencer.Tests;

/// <summary>The oracle committee from the nodes' sources to the engine's risk inputs.</summary>
public sealed class CommitteeTests : IDisposable
{
    private const ulong ChainId = 31337;
    private static readonly OracleReport Report = new(2, 41, 1_800_000_000_000,
        [new UnderlyingReport(1, 61_700_000_000, 7, [new ExpiryReport(1_800_604_800_000, 1_500_000, new SviSlice(4_000_011, 31_000_012, -310_000_013, 12_000_014, 95_000_015))])]);

    private readonly TemporaryDirectory folder = new();
    private readonly ManualClock clock = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_signature_holds_for_one_report_signer_chain_and_vault()
    {
        using EthereumKey key = EthereumKey.Generate(), other = EthereumKey.Generate();
        byte[] signed = SignedReport.Sign(key, ChainId, TestConfig.Vault, Report);
        Assert.Null(Open(signed, out OracleReport read));
        Assert.Equal(Report.Encode(), read.Encode());
        Assert.NotNull(SignedReport.Open(signed, ChainId + 1, TestConfig.Vault, key.Address, out _));
        Assert.NotNull(SignedReport.Open(signed, ChainId, key.Address, key.Address, out _));
        Assert.NotNull(SignedReport.Open(signed, ChainId, TestConfig.Vault, other.Address, out _));
        foreach (int at in new[] { 0, 1, 9, 30, signed.Length - 65, signed.Length - 33, signed.Length - 1 })
        {
            byte[] changed = [.. signed];
            changed[at] ^= 2;
            Assert.NotNull(Open(changed, out _));
        }

        Assert.NotNull(Open(signed[..^1], out _));
        Assert.NotNull(Open([.. signed, 0], out _));
        Assert.NotNull(Open([], out _));
        Assert.NotNull(Open(new byte[SignedReport.MaxSize + 1], out _));

        string? Open(byte[] bytes, out OracleReport report) => SignedReport.Open(bytes, ChainId, TestConfig.Vault, key.Address, out report);
    }

    /// <summary>Four nodes, three needed: one lies, then an honest one is killed, then another.</summary>
    [Fact]
    public async Task The_sequencer_keeps_the_honest_median_and_goes_stale_below_the_threshold()
    {
        var nodes = new List<Node>();
        foreach (long bitcoin in new[] { 61_700_000_000, 61_702_000_000, 61_710_000_000, 123_000_000_000 }) nodes.Add(await Node.StartAsync(nodes.Count, bitcoin, clock));
        try
        {
            SequencerConfig config = TestConfig.Make(folder.Path);
            using var feed = new CommitteeFeed(Committee(nodes, 3), config.Chain, config.Instruments.DistinctBy(t => t.Market).ToDictionary(t => t.Market, t => t.Group), clock, new ListLogger());
            var diverged = new List<(int Node, bool IsFar)>();
            feed.Diverged = (node, isFar) => diverged.Add((node, isFar));
            await feed.StartAsync(default);
            await HostHarness.UntilAsync(() => Task.FromResult(feed.Observe(clock.Now) is { } seen && seen.Prices["BTCUSDT"].Index == 61_706_000_000));
            Observation all = feed.Observe(clock.Now)!;
            Assert.Equal([(3, true)], diverged);
            // Of four the mean of the middle two; the liar is the greatest, and the majority is within 6 USD.
            Assert.Equal((OracleState.Fresh, 6_170_600L), (all.Prices["BTCUSDT"].State, all.Prices["BTCUSDT"].Confidence));
            Assert.Equal(2_680_000_000, all.Prices["ETHUSDT"].Index);
            Assert.Equal(Report.Underlyings[0].Expiries[0], Assert.Single(all.Expiries[1]));

            using var core = new CoreHarness(config, clock, feed);
            var trader = new Trader(2);
            await core.RegisterAsync(1_000_000_000_000, trader);
            Assert.Equal(61_706_000, await core.ReadAsync(IndexOf));
            Assert.Equal(RequestStatus.Resting, (await core.AcceptedAsync(trader.Order(TestConfig.Btc, Side.Buy, 1, TestConfig.BtcPrice, slot: 1))).Status);

            await nodes[0].StopAsync();
            clock.Advance(config.Epoch.Length);
            await HostHarness.UntilAsync(() => Task.FromResult(feed.Observe(clock.Now) is not null));
            clock.Advance(1_100); // An opening refused for want of reports is tried again a second later.
            await core.UntilAsync(m => m.Batches.LastSealed == 1 && m.Engine.Status.IsOpen);
            Assert.Equal(61_710_000, await core.ReadAsync(IndexOf));
            Assert.Equal(RequestStatus.Resting, (await core.AcceptedAsync(trader.Order(TestConfig.Btc, Side.Buy, 1, TestConfig.BtcPrice, slot: 2))).Status);

            await nodes[1].StopAsync();
            clock.Advance(6_000);
            await HostHarness.UntilAsync(() => Task.FromResult(core.Status.View().Problems.Any(p => p.Contains("stale", StringComparison.Ordinal))));
            Answer<RequestResult> refused = await core.SubmitAsync(trader.Order(TestConfig.Btc, Side.Buy, 1, TestConfig.BtcPrice, slot: 3));
            Assert.Equal((int)HostCode.PricesUncertain, refused.Error!.Code);
            Assert.Contains("fewer than 3 of 4", feed.Problem, StringComparison.Ordinal);
            // Nor are there new prices for the epoch, in which nothing has executed.
            long opened = await core.ReadAsync(m => m.Engine.Status.Opened.Milliseconds);
            clock.Advance(config.Epoch.Length);
            await HostHarness.UntilAsync(() => Task.FromResult(core.Status.View().Problems.Any(p => p.StartsWith("oracle: ", StringComparison.Ordinal))));
            Assert.Equal(opened, await core.ReadAsync(m => m.Engine.Status.Opened.Milliseconds));
            await feed.StopAsync(default);
        }
        finally
        {
            foreach (Node node in nodes) await node.DisposeAsync();
        }
    }

    /// <summary>Why two of three is not enough for both at once: the liar and the one honest node that is left diverge, and there are no prices to act on.</summary>
    [Fact]
    public async Task With_two_of_three_a_liar_and_a_dead_node_together_make_it_divergent_and_move_nothing()
    {
        await using Node honest = await Node.StartAsync(0, 61_700_000_000, clock), liar = await Node.StartAsync(1, 70_000_000_000, clock), dead = await Node.StartAsync(2, 61_701_000_000, clock);
        await dead.StopAsync();
        SequencerConfig config = TestConfig.Make(folder.Path);
        using var feed = new CommitteeFeed(Committee([honest, liar, dead], 2), config.Chain, new Dictionary<string, int> { ["BTCUSDT"] = 1, ["ETHUSDT"] = 2 }, clock, new ListLogger());
        await feed.StartAsync(default);
        await HostHarness.UntilAsync(() => Task.FromResult(feed.Observe(clock.Now) is not null));
        Assert.Equal((OracleState.Divergent, OracleState.Fresh), (feed.Observe(clock.Now)!.Prices["BTCUSDT"].State, feed.Observe(clock.Now)!.Prices["ETHUSDT"].State));
        Assert.Contains("node 2: ", feed.Problem, StringComparison.Ordinal);
        await feed.StopAsync(default);
    }

    /// <summary>What an honest node compares before it signs: every case differs in one thing from one that it signs.</summary>
    [Fact]
    public async Task A_node_signs_the_risk_inputs_that_agree_with_what_it_observed_and_nothing_else()
    {
        using EthereumKey sequencer = EthereumKey.Generate(), stranger = EthereumKey.Generate(), key = EthereumKey.Generate();
        Fr domain = SettlementDomain.Of(ChainId, TestConfig.Vault);
        var call = new InstrumentConfig(4, "BTC-C", InstrumentKindName.Call, 1, "BTC", 1000, 100, "BTCUSDT", Strike: "64000", Expiry: DateTimeOffset.FromUnixTimeMilliseconds(Report.Underlyings[0].Expiries[0].Expiry));
        OracleReport observed = Report with { Underlyings = [.. Report.Underlyings, new UnderlyingReport(2, 2_680_000_000, 5, [])] };
        Timestamp expired = Timestamp.FromMilliseconds(observed.ObservedAt - 1_000);
        InstrumentConfig put = call with { Id = 5, Symbol = "BTC-P", Kind = InstrumentKindName.Put, Expiry = DateTimeOffset.FromUnixTimeMilliseconds(expired.Milliseconds) };
        ImmutableArray<InstrumentConfig> instruments = [.. TestConfig.Make("/nowhere").Instruments, call, put];
        var config = new NodeConfig(0, ChainId, TestConfig.Vault, "", [new NodeMarket(1, "BTCUSDT"), new NodeMarket(2, "ETHUSDT")], new OracleConfig(OracleKind.Static), Attests: new AttestConfig(sequencer.Address, instruments, KeepMilliseconds: 60_000, Memory: Path.Combine(folder.Path, "memory"), ScanRanges: [new ScanRangeBounds(1, 150_000, 300_000)]));
        var attester = new Attester(config, key, null);
        attester.Remember(observed);
        ExpiryReport e = Report.Underlyings[0].Expiries[0];
        var inputs = new RiskInputs(7, Timestamp.FromMilliseconds(observed.ObservedAt + 1_500), RiskParameters.Default, [new GroupRange(1, 150_000), new GroupRange(2, 180_000)],
        [
            new InstrumentInput(TestConfig.Btc, InstrumentKind.Perpetual, default, 1, 61_800_000, 61_790_000, 33, 44), new InstrumentInput(TestConfig.Eth, InstrumentKind.Perpetual, default, 2, 2_681_000, 2_681_000, -3, 5),
            new InstrumentInput(TestConfig.EthSpot, InstrumentKind.Spot, default, 2, 2_681_000, 2_681_000, 0, 6), new InstrumentInput(4, InstrumentKind.Call, default, 1, 61_800_000, 0, 0, 7, 64_000_000, Timestamp.FromMilliseconds(e.Expiry)),
            new InstrumentInput(5, InstrumentKind.Put, InstrumentFlags.Settled, 1, 61_800_000, 2_345_678, 0, 8, 64_000_000, expired),
        ])
        { Expiries = [new ExpiryInput(1, Timestamp.FromMilliseconds(e.Expiry), e.Basis + 100_000, e.Surface with { A = e.Surface.A + 1_000 })] };

        async Task<string> Sign(RiskInputs what, EthereumKey? by = null, Fr? root = null)
        {
            Fr own = new RiskTree(RiskRows.From(what)).Root;
            (byte[]? signature, string problem) = await attester.AttestAsync(Attester.Request(root ?? own, what.Encode(), domain, by ?? sequencer), default);
            if (signature is null) return problem;
            byte[] digest = RiskAttestation.Digest(domain, what.Batch, Bytes32.FromBytes(Rollup.Crypto.Keccak.Hash256(what.Encode())), own, what.ObservedAt.Milliseconds);
            Assert.True(Secp256k1.TryRecover(digest, EcdsaSignature.FromBytes(signature), out Address signer) && signer == key.Address);
            return "";
        }

        RiskInputs With(int at, Func<InstrumentInput, InstrumentInput> change) => inputs with { Instruments = inputs.Instruments.SetItem(at, change(inputs.Instruments[at])) };
        RiskInputs Ranges(int first, int second) => inputs with { Groups = [new GroupRange(1, first), new GroupRange(2, second)] };
        Assert.Equal("", await Sign(inputs));
        Assert.Equal("", await Sign(With(0, t => t with { Funding = 99, OpenInterest = 77 }))); // The ledger's, not the oracle's.
        Assert.Equal("", await Sign(With(4, t => t with { Mark = 2_000_000 }))); // The sequencer's, where the chain is not asked.
        Assert.Contains("not signed by the sequencer", await Sign(inputs, by: stranger), StringComparison.Ordinal);
        Assert.Contains("the root does not follow", await Sign(inputs, root: Fr.One), StringComparison.Ordinal);
        // An announcement asks nothing, and a question announces nothing.
        byte[] announced = SignedRiskInputs.Sign(inputs.Encode(), domain, sequencer), question = Attester.Request(new RiskTree(RiskRows.From(inputs)).Root, inputs.Encode(), domain, sequencer);
        Assert.Null((await attester.AttestAsync((byte[])[.. announced[..65], .. question[65..]], default)).Signature);
        Assert.True(SignedRiskInputs.TryOpen(announced, domain, sequencer.Address, out _));
        Assert.False(SignedRiskInputs.TryOpen([.. question[..65], .. announced[65..]], domain, sequencer.Address, out _));
        Assert.Contains("a value of instrument 1 is", await Sign(With(0, t => t with { Mark = 62_500_000 })), StringComparison.Ordinal);
        Assert.Contains("a value of instrument 2 is", await Sign(With(1, t => t with { Index = 2_720_000 })), StringComparison.Ordinal);
        Assert.Contains("a value of instrument 4 is", await Sign(inputs with { Expiries = [inputs.Expiries[0] with { Surface = e.Surface with { A = 20 * e.Surface.A } }] }), StringComparison.Ordinal);
        Assert.Contains("instruments are others", await Sign(With(3, t => t with { Strike = 65_000_000 })), StringComparison.Ordinal);
        Assert.Contains("instruments are others", await Sign(inputs with { Instruments = [.. inputs.Instruments.Take(3)] }), StringComparison.Ordinal);
        Assert.Contains("parameters are others", await Sign(inputs with { Parameters = RiskParameters.Default with { SpotHaircut = RiskParameters.Default.SpotHaircut + 1 } }), StringComparison.Ordinal);
        // What has a value of its own needs no price, so nothing has but what has expired.
        Assert.Contains("instrument 1 has flags 1", await Sign(With(0, t => t with { Flags = InstrumentFlags.Settled, Mark = 50_000_000 })), StringComparison.Ordinal);
        Assert.Contains("instrument 2 has flags 2", await Sign(With(1, t => t with { Flags = InstrumentFlags.Delisted, Mark = 3_000_000 })), StringComparison.Ordinal);
        Assert.Contains("instrument 4 has flags 1", await Sign(With(3, t => t with { Flags = InstrumentFlags.Settled, Mark = 1_000 })), StringComparison.Ordinal);
        Assert.Equal("", await Sign(Ranges(300_000, 600_000)));
        Assert.Contains("the scan range 300001 of group 1 is not within 150000 to 300000", await Sign(Ranges(300_001, 180_000)), StringComparison.Ordinal);
        Assert.Contains("the scan range 149999 of group 1", await Sign(Ranges(149_999, 180_000)), StringComparison.Ordinal);
        Assert.Contains("observed nothing within", await Sign(inputs with { ObservedAt = Timestamp.FromMilliseconds(observed.ObservedAt + 2_001) }), StringComparison.Ordinal);

        // With a chain: the registry says what parameters are accepted, the vault what was settled.
        var chain = new FakeChain();
        await chain.StartAsync();
        using (var client = new EthereumClient(chain.Endpoint, new JsonRpcOptions { Attempts = 1 }))
        {
            RiskParameters other = RiskParameters.Default with { Basis = RiskParameters.Default.Basis + 1 };
            attester = new Attester(config with { Attests = config.Attests! with { Parameters = TestConfig.Vault, Rpc = chain.Endpoint } }, key, client);
            void Accept(RiskParameters parameters, bool accepts)
            {
                var bytes = new byte[RiskParameters.Size];
                parameters.Encode(bytes);
                chain.Set(ParametersAbi.IsAccepted, [Bytes32.FromBytes(System.Security.Cryptography.SHA256.HashData(bytes)), inputs.ObservedAt.Milliseconds / 1_000], accepts ? 1 : 0);
            }

            Accept(RiskParameters.Default, false);
            Accept(other, true);
            chain.Set(VaultAbi.PayoffOf, [5], 0, 0); // Not told yet: the batch will tell it.
            Assert.Equal("", await Sign(inputs with { Parameters = other }));
            Assert.Contains("parameters are others than the registry accepts", await Sign(inputs), StringComparison.Ordinal);
            chain.Set(VaultAbi.PayoffOf, [5], 1, 2_345_678);
            Assert.Equal("", await Sign(inputs with { Parameters = other }));
            Assert.Contains("instrument 5 is settled at 2000000 atoms a lot, and the vault was told 2345678", await Sign(With(4, t => t with { Mark = 2_000_000 }) with { Parameters = other }), StringComparison.Ordinal);
            chain.SetDown(true);
            Assert.Contains("cannot ask the chain", await Sign(inputs with { Parameters = other }), StringComparison.Ordinal);
        }

        await chain.DisposeAsync();
        attester = new Attester(config, key, null); // A restart.
        Assert.Equal("", await Sign(inputs));
        attester.Remember(observed with { ObservedAt = observed.ObservedAt + 60_001 });
        attester = new Attester(config, key, null);
        Assert.Contains("observed nothing within", await Sign(inputs), StringComparison.Ordinal); // Forgotten.
        Assert.Null((await attester.AttestAsync(default, default)).Signature);
    }

    [Fact]
    public void Attestations_read_back_and_settings_that_cannot_be_used_say_why()
    {
        using EthereumKey key = EthereumKey.Generate(), other = EthereumKey.Generate();
        byte[] digest = RiskAttestation.Digest(Fr.One, 7, default, Fr.One, 1_800_000_000_000);
        RiskAttestation attestation = RiskAttestation.Of(7, Bytes32.FromBytes(digest), Fr.One, 1_800_000_000_000, new[] { key, other }.Select(k => KeyValuePair.Create(k.Address, k.Sign(digest))));
        byte[] bytes = attestation.ToBytes();
        Assert.True(RiskAttestation.TryParse(bytes, out RiskAttestation read));
        Assert.Equal(bytes, read.ToBytes());
        Assert.Equal(2 * EcdsaSignature.Size, read.Signatures.Length);
        foreach (byte[] bad in (byte[][])[[], bytes[..^1], [.. bytes, 0], [2, .. bytes[1..]], [.. bytes[..37], .. Enumerable.Repeat((byte)255, 32), .. bytes[69..]], [.. bytes[..69], 255, .. bytes[70..]]])
            Assert.False(RiskAttestation.TryParse(bad, out _));

        ImmutableArray<InstrumentConfig> instruments = TestConfig.Make("/nowhere").Instruments;
        NodeConfig Node(AttestConfig attests) => new(0, ChainId, TestConfig.Vault, "", [new NodeMarket(1, "BTCUSDT"), new NodeMarket(2, "ETHUSDT")],
            new OracleConfig(OracleKind.Static, Files: [], Prices: new Dictionary<string, string> { ["BTCUSDT"] = "61700", ["ETHUSDT"] = "2680" }.ToImmutableDictionary()), Attests: attests);
        var good = new AttestConfig(key.Address, instruments);
        Assert.Null(Node(good).Validate());
        Assert.Null(Node(good with { Parameters = TestConfig.Vault, Rpc = new Uri("http://rpc.example/"), ScanRanges = [new(1, 5, 5), new(2, 7, 9)] }).Validate());
        foreach ((string problem, AttestConfig bad) in ((string, AttestConfig)[])[
            ("attests.sequencer", good with { Sequencer = default }), ("attests.instruments: at least one", good with { Instruments = [] }), ("no id stands twice", good with { Instruments = [instruments[0], instruments[0]] }),
            ("which this node does not report", good with { Instruments = [instruments[0] with { Group = 9 }] }), ("attests.tolerancePpm", good with { TolerancePpm = 0 }), ("attests.keepMilliseconds", good with { KeepMilliseconds = 5 }),
            ("attests.parameters: needs attests.rpc", good with { Parameters = TestConfig.Vault }), ("attests.parameters: the address is zero", good with { Parameters = default(Address), Rpc = new Uri("http://rpc.example/") }), ("attests.rpc", good with { Rpc = new Uri("ws://rpc.example/") }),
            ("attests.scanRanges: a group stands twice", good with { ScanRanges = [new(1, 5, 6), new(1, 5, 6)] }), ("attests.scanRanges: group 3 has no instrument", good with { ScanRanges = [new(3, 5, 6)] }), ("6 to 5 are no bounds", good with { ScanRanges = [new(1, 6, 5)] })])
            Assert.Contains(problem, Node(bad).Validate(), StringComparison.Ordinal);
    }

    /// <summary>Four nodes, two signatures: with a liar epochs open and batches have what the vault wants; with three nothing opens, and health says who refuses.</summary>
    [Theory]
    [InlineData(1, true)]
    [InlineData(3, false)]
    public async Task The_sequencer_opens_with_the_signatures_of_the_nodes_that_agree(int liars, bool isSigned)
    {
        using EthereumKey key = EthereumKey.Generate();
        var nodes = new List<Node>();
        for (int i = 0; i < 4; i++) nodes.Add(await Node.StartAsync(i, i < liars ? 90_000_000_000 : 61_700_000_000, TimeProvider.System, key.Address));
        try
        {
            // The sequencer's own prices are its feed's here: what it would be with a committee of liars, where they are more.
            CommitteeConfig committee = Committee(nodes, 3) with { Signatures = 2 };
            await using HostHarness host = await HostHarness.StartAsync(epoch: new EpochConfig(Length: 300, Refresh: 200), receipts: key,
                feed: new StaticFeed(new Dictionary<string, MarketPrice> { ["BTCUSDT"] = new(61_700_000_000, 61_700_000_000), ["ETHUSDT"] = new(2_680_000_000, 2_680_000_000) }),
                change: c => c with { Oracle = c.Oracle with { Committee = committee } });
            if (!isSigned)
            {
                await HostHarness.UntilAsync(() => Task.FromResult(host.Status.View().Problems.Any(p =>
                    p.StartsWith("oracle: no epoch can open: of the committee's 4 nodes 2 must sign the risk inputs of batch 1: node ", StringComparison.Ordinal) && p.Contains(": 409 a value of instrument 1 is", StringComparison.Ordinal))));
                Assert.False(await host.Core.ReadAsync(m => m.Engine.Status.IsOpen));
                Assert.Empty(Directory.GetFiles(host.Spool));
                return;
            }

            await host.RegisterAsync(1_000_000_000_000, new Trader(2));
            await HostHarness.UntilAsync(() => Task.FromResult(File.Exists(Path.Combine(host.Spool, SealedBatchFile.NameOf(1)))));
            SealedBatch batch = SealedBatchFile.Read(File.ReadAllBytes(Path.Combine(host.Spool, SealedBatchFile.NameOf(1))));
            RiskAttestation attestation = new Spool(host.Spool).Attestation(1)!;
            Assert.Equal((1u, new RiskTree(batch.RiskRows).Root, HashOf(batch.RiskInputs.AsSpan())), (attestation.Batch, attestation.RiskRoot, attestation.InputsHash));
            Assert.InRange(attestation.ReportTime, batch.Header.Open - 5_000, batch.Header.Open);
            Address[] signers = SignersOf(attestation);
            Assert.Equal(2, signers.Length);
            Assert.All(signers, s => Assert.Contains(nodes.Skip(liars), n => n.Address == s));
            Assert.Equal(signers.Select(s => s.ToString()).Order(StringComparer.Ordinal), signers.Select(s => s.ToString()));
        }
        finally
        {
            foreach (Node node in nodes) await node.DisposeAsync();
        }
    }

    [Fact]
    public async Task The_desk_waits_for_nobody_once_enough_have_signed_or_cannot_any_more()
    {
        using EthereumKey key = EthereumKey.Generate();
        await using Node one = await Node.StartAsync(0, 61_700_000_000, clock, key.Address), two = await Node.StartAsync(1, 61_700_000_000, clock, key.Address), liar = await Node.StartAsync(2, 90_000_000_000, clock, key.Address);
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        await using WebApplication silent = builder.Build();
        var asked = new TaskCompletionSource();
        int given = 0;
        silent.MapPost("/v1/attestation", async (CancellationToken aborted) =>
        {
            asked.TrySetResult();
            await Task.Delay(Timeout.Infinite, aborted).ContinueWith(_ => Interlocked.Increment(ref given), TaskScheduler.Default);
        });
        await silent.StartAsync();
        CommitteeConfig committee = Committee([one, two, liar], 3) with { Signatures = 2 };
        committee = committee with { Nodes = committee.Nodes.Insert(0, new CommitteeNode(TestConfig.Vault, new Uri(silent.Urls.Single() + "/v1/report"))) };
        foreach (Node node in (Node[])[one, two, liar]) await HostHarness.UntilAsync(node.IsWellAsync);
        using AttestationDesk suffices = Desk(committee, key, []), all = Desk(committee with { Nodes = [committee.Nodes[0], committee.Nodes[1], committee.Nodes[3]], Signatures = 3 }, key, []);
        CommitteeAnswer enough = await suffices.AskAsync(InputsOf(7));
        await asked.Task;
        Assert.Equal((2, 0), (SignersOf(enough.Signed!).Length, given)); // Nor was it given up.
        CommitteeAnswer few = await all.AskAsync(InputsOf(7));
        Assert.Null(few.Signed);
        Assert.StartsWith("of the committee's 3 nodes 3 must sign the risk inputs of batch 7: node 2: 409 a value of instrument 1 is", few.Problem, StringComparison.Ordinal);
        Assert.Equal(0, given);
    }

    /// <summary>Of seven batches one has all that it needs; of the others it is collected anew, also where the signatures are of another committee or another opening.</summary>
    [Fact]
    public async Task Signatures_that_are_lost_are_collected_again_and_those_of_a_newer_opening_stay()
    {
        using EthereumKey key = EthereumKey.Generate(), stranger = EthereumKey.Generate();
        await using Node one = await Node.StartAsync(0, 61_700_000_000, clock, key.Address), two = await Node.StartAsync(1, 61_700_000_000, clock, key.Address);
        await HostHarness.UntilAsync(async () => await one.IsWellAsync() && await two.IsWellAsync());
        var spool = new Spool(Path.Combine(folder.Path, "spool"));
        spool.Prepare();
        spool.Put(Signed(InputsOf(2), one.Key, two.Key));
        spool.Put(Signed(InputsOf(3), one.Key, stranger)); // Was a member.
        spool.Put(Signed(InputsOf(4, later: 1), one.Key, two.Key)); // Of prices that were replaced.
        spool.Put(Signed(InputsOf(5), one.Key));
        spool.Put(Signed(InputsOf(6, later: 1), one.Key)); // Opened anew meanwhile.
        byte[] whole = spool.Attestation(2)!.ToBytes(), newer = spool.Attestation(6)!.ToBytes();
        // The first is missing altogether.
        using AttestationDesk desk = Desk(Committee([one, two], 2) with { Signatures = 2 }, key, [.. Enumerable.Range(1, 6).Select(i => InputsOf((uint)i).Encode())]);
        ((IEventSink)desk).RiskInputs(InputsOf(6, later: 1).Encode());
        await desk.StartAsync(default);
        await HostHarness.UntilAsync(() => Task.FromResult(spool.Attestation(5)!.Signatures.Length == 2 * EcdsaSignature.Size));
        desk.Sealed(SealedBatchOf(InputsOf(7)));
        await HostHarness.UntilAsync(() => Task.FromResult(spool.Attestation(7) is not null));
        await desk.StopAsync(default);
        foreach (uint batch in (uint[])[1, 3, 4, 5, 7]) Assert.Equal(Signed(InputsOf(batch), one.Key, two.Key).ToBytes(), spool.Attestation(batch)!.ToBytes());
        Assert.Equal(whole, spool.Attestation(2)!.ToBytes());
        Assert.Equal(newer, spool.Attestation(6)!.ToBytes());
    }

    [Fact]
    public async Task A_node_cannot_speak_for_another()
    {
        // The second place names the first node's endpoint, and the third the key of a stranger.
        await using Node first = await Node.StartAsync(0, 61_700_000_000, clock), second = await Node.StartAsync(1, 61_700_000_000, clock);
        SequencerConfig config = TestConfig.Make(folder.Path);
        CommitteeConfig committee = Committee([first, second, second], 2);
        committee = committee with { Nodes = [committee.Nodes[0], committee.Nodes[1] with { Url = first.Url }, committee.Nodes[2] with { Address = TestConfig.Vault }] };
        using var feed = new CommitteeFeed(committee, config.Chain, new Dictionary<string, int> { ["BTCUSDT"] = 1 }, clock, new ListLogger());
        await feed.StartAsync(default);
        await HostHarness.UntilAsync(() => Task.FromResult(feed.Problem.Split("signature is not of").Length == 3 && feed.Problem.Contains("node 0: ok", StringComparison.Ordinal)));
        Assert.Null(feed.Observe(clock.Now));
        await feed.StopAsync(default);
    }

    [Fact]
    public async Task A_node_without_prices_says_why_and_does_not_report()
    {
        await using Node node = await Node.StartAsync(0, 0, clock);
        using var http = new HttpClient();
        HttpResponseMessage answer = await http.GetAsync(node.Url);
        Assert.Equal(System.Net.HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.Contains("no good price of BTCUSDT", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_bad_configuration_is_refused_by_member()
    {
        string path = Path.Combine(folder.Path, "node.json");
        File.WriteAllText(path, """
            { "node": 0, "chainId": 31337, "vault": "0x5fbdb2315678afecb367f032d93f642f64180aa3", "keystore": "node.keystore", "passwordFile": "password",
              "markets": [ { "group": 1, "market": "BTCUSDT" }, { "group": 1, "market": "ETHUSDT" } ], "source": { "kind": "static", "prices": { "BTCUSDT": "5", "ETHUSDT": "6" } } }
            """);
        (int code, _, string errors) = await SequencerProcess.RunAsync("oracle-node", path);
        Assert.Equal(1, code);
        Assert.Contains("markets: a group stands twice", errors, StringComparison.Ordinal);
        File.WriteAllText(path, File.ReadAllText(path).Replace("\"group\": 1, \"market\": \"ETHUSDT\"", "\"group\": 2, \"market\": \"ETHUSDT\"", StringComparison.Ordinal));
        (code, _, errors) = await SequencerProcess.RunAsync("oracle-node", path);
        Assert.Equal(1, code);
        Assert.Contains("password", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_node_as_a_process_reports_what_its_file_says()
    {
        using EthereumKey key = EthereumKey.Generate();
        Keystore.Save(Path.Combine(folder.Path, "node.keystore"), key, "a password", ScryptCost.Light);
        long expiry = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() + 30 * 86_400_000L;
        SecretFile.Create(Path.Combine(folder.Path, "password"), "a password\n"u8);
        string path = Path.Combine(folder.Path, "node.json");
        File.WriteAllText(path, """
            { "node": 5, "chainId": 31337, "vault": "0x5fbdb2315678afecb367f032d93f642f64180aa3", "keystore": "node.keystore", "passwordFile": "password", "listen": "http://127.0.0.1:0",
              "markets": [ { "group": 2, "market": "ETHUSDT" }, { "group": 1, "market": "BTCUSDT" } ], "confidencePpm": 200,
              "source": { "kind": "static", "prices": { "BTCUSDT": "61700.5", "ETHUSDT": "2680" },
                "surfaces": [ { "group": 1, "expiry": EXPIRY, "basis": 1500000, "a": 4000011, "b": 31000012, "rho": -310000013, "m": 12000014, "sigma": 95000015 } ] } }
            """.Replace("EXPIRY", $"{expiry}", StringComparison.Ordinal));
        using System.Diagnostics.Process node = SequencerProcess.Start("oracle-node", path);
        try
        {
            string ready = await node.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(60)) ?? await node.StandardError.ReadToEndAsync();
            using var http = new HttpClient { BaseAddress = new Uri(ready["ready ".Length..]) };
            // The first report is made as the node starts to answer.
            await HostHarness.UntilAsync(async () => (await http.GetAsync("health")).IsSuccessStatusCode);
            byte[] signed = await http.GetByteArrayAsync("v1/report");
            Assert.Null(SignedReport.Open(signed, ChainId, TestConfig.Vault, key.Address, out OracleReport report));
            Assert.Equal((5, 1, 61_700_500_000L, 12_340_100L), (report.Node, report.Underlyings[0].Group, report.Underlyings[0].Index, report.Underlyings[0].Confidence));
            Assert.Equal((2, 2_680_000_000L), (report.Underlyings[1].Group, report.Underlyings[1].Index));
            Assert.Equal(Report.Underlyings[0].Expiries[0] with { Expiry = expiry }, Assert.Single(report.Underlyings[0].Expiries));
        }
        finally
        {
            node.Kill();
        }
    }

    public static TheoryData<string, OracleConfig> BadOracles
    {
        get
        {
            var nodes = ImmutableArray.Create(new CommitteeNode(TestConfig.Vault, new Uri("http://a/v1/report")), new CommitteeNode(Address.Parse("0x00000000219ab540356cbb839cbe05303d7705fa"), new Uri("http://b/v1/report")));
            var committee = new OracleConfig(OracleKind.Committee, Committee: new CommitteeConfig(nodes, 2));
            var exchange = new OracleConfig(OracleKind.Exchange, Exchange: new ExchangeConfig(new Uri("wss://x/stream")));
            return new TheoryData<string, OracleConfig>
            {
                { "", committee }, { "", exchange },
                { "committee: the committee is missing", committee with { Committee = null } },
                { "the threshold 1 is no majority of 2", committee with { Committee = committee.Committee! with { Threshold = 1 } } },
                { "one key has one voice", committee with { Committee = committee.Committee! with { Nodes = [nodes[0], nodes[0] with { Url = nodes[1].Url }] } } },
                { "no http or https URL", committee with { Committee = committee.Committee! with { Nodes = [nodes[0], nodes[1] with { Url = new Uri("ftp://b/") }] } } },
                { "committee.signatures: must be 0 to", committee with { Committee = committee.Committee! with { Signatures = 3 } } },
                { "committee.signatures: needs receipts", committee with { Committee = committee.Committee! with { Signatures = 2 } } },
                { "pollMilliseconds", committee with { Committee = committee.Committee! with { PollMilliseconds = 5 } } },
                { "a committee reports its own", committee with { Surfaces = [new SurfaceConfig(1, 9, 0, 1, 1, 1, 1, 1)] } },
                { "exchange: the exchange is missing", exchange with { Exchange = null } },
                { "must be a ws or wss URL", exchange with { Exchange = exchange.Exchange! with { Stream = new Uri("http://x/") } } },
                { "with {market}", exchange with { Exchange = exchange.Exchange! with { Snapshot = "https://x/depth" } } },
                { "surfaces: group 1", exchange with { Surfaces = [new SurfaceConfig(1, 9, 0, 1, -1, 1, 1, 1)] } },
            };
        }
    }

    [Theory]
    [MemberData(nameof(BadOracles))]
    public void A_bad_oracle_is_refused_by_member(string problem, OracleConfig oracle)
    {
        string? found = (TestConfig.Make("/nowhere") with { Oracle = oracle }).Validate();
        if (problem.Length == 0) Assert.Null(found);
        else Assert.Contains(problem, found, StringComparison.Ordinal);
    }

    private static Fr Domain => SettlementDomain.Of(ChainId, TestConfig.Vault);

    private static Bytes32 HashOf(ReadOnlySpan<byte> inputs) => Bytes32.FromBytes(Rollup.Crypto.Keccak.Hash256(inputs));

    private static byte[] DigestOf(RiskAttestation a) => RiskAttestation.Digest(Domain, a.Batch, a.InputsHash, a.RiskRoot, a.ReportTime);

    private static Address[] SignersOf(RiskAttestation a) => [.. a.Signatures.Chunk(EcdsaSignature.Size).Select(s => Secp256k1.TryRecover(DigestOf(a), EcdsaSignature.FromBytes(s), out Address signer) ? signer : default)];

    private static RiskAttestation Signed(RiskInputs inputs, params EthereumKey[] keys)
    {
        RiskAttestation a = RiskAttestation.Of(inputs.Batch, HashOf(inputs.Encode()), new RiskTree(RiskRows.From(inputs)).Root, inputs.ObservedAt.Milliseconds, []);
        return RiskAttestation.Of(a.Batch, a.InputsHash, a.RiskRoot, a.ReportTime, keys.Select(k => KeyValuePair.Create(k.Address, k.Sign(DigestOf(a)))));
    }

    private RiskInputs InputsOf(uint batch, int later = 0)
    {
        SequencerConfig config = TestConfig.Make("/nowhere");
        var prices = new Observation(clock.Now, new Dictionary<string, MarketPrice> { ["BTCUSDT"] = new(61_700_000_000, 61_700_000_000), ["ETHUSDT"] = new(2_680_000_000, 2_680_000_000) });
        return new RiskInputsMaker(config, new MarketWatch(config)).Make(batch, clock.Now + later, prices, null, out _)!;
    }

    private static SealedBatch SealedBatchOf(RiskInputs inputs) => new("demo", Domain, new BatchHeader(inputs.Batch, inputs.ObservedAt.Milliseconds, 1, 0, 0), default, default, [.. inputs.Encode()], RiskRows.From(inputs), [], [], [], null, [], null, default);

    private AttestationDesk Desk(CommitteeConfig committee, EthereumKey key, IEnumerable<byte[]> unsettled) => new(committee, new Spool(Path.Combine(folder.Path, "spool")), unsettled,
        new ReceiptSigner(Domain, key, new ReceiptFile(Path.Combine(folder.Path, $"receipts-{Guid.NewGuid()}"))), new HostStatus(), TimeProvider.System, NullLogger<AttestationDesk>.Instance);

    private static long IndexOf(Machine machine) => RiskInputs.TryDecode(machine.RiskInputs, out RiskInputs inputs, out _) ? inputs.Instruments[0].Index : 0;

    private static CommitteeConfig Committee(IEnumerable<Node> nodes, int threshold) => new([.. nodes.Select(n => new CommitteeNode(n.Address, n.Url))], threshold, PollMilliseconds: 20);

    internal sealed class Node : IAsyncDisposable
    {
        private readonly WebApplication app;
        private readonly EthereumKey key;

        private Node(WebApplication app, EthereumKey key) => (this.app, this.key) = (app, key);

        internal Address Address => key.Address;
        internal EthereumKey Key => key;
        internal Uri Url { get; private set; } = null!;

        internal static async Task<Node> StartAsync(int node, long bitcoin, TimeProvider clock, Address? attestsTo = null)
        {
            EthereumKey key = EthereumKey.Generate();
            var config = new NodeConfig(node, ChainId, TestConfig.Vault, "", [new NodeMarket(1, "BTCUSDT"), new NodeMarket(2, "ETHUSDT")], new OracleConfig(OracleKind.Static), Listen: "http://127.0.0.1:0", IntervalMilliseconds: 100,
                Attests: attestsTo is { } sequencer ? new AttestConfig(sequencer, TestConfig.Make("/nowhere").Instruments) : null);
            var prices = new Dictionary<string, MarketPrice> { ["ETHUSDT"] = new(2_680_000_000, 2_680_000_000) };
            if (bitcoin > 0) prices["BTCUSDT"] = new MarketPrice(bitcoin, bitcoin);
            var source = new FixedSurfaces(new StaticFeed(prices), ImmutableDictionary<int, ImmutableArray<ExpiryReport>>.Empty.Add(1, Report.Underlyings[0].Expiries));
            var started = new Node(OracleNode.Build(config, source, key, null, clock, _ => { }), key);
            await started.app.StartAsync();
            started.Url = new Uri(started.app.Urls.Single() + "/v1/report");
            return started;
        }

        internal Task StopAsync() => app.StopAsync();

        internal async Task<bool> IsWellAsync()
        {
            using var http = new HttpClient();
            return (await http.GetAsync(new Uri(Url, "/health"))).IsSuccessStatusCode;
        }

        public async ValueTask DisposeAsync()
        {
            await app.DisposeAsync();
            key.Dispose();
        }
    }
}
