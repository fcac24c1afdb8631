using Microsoft.Extensions.Logging.Abstractions;
using Rollup.Api;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Engine;
using Rollup.Ethereum;
using Rollup.Protocol;
using Rollup.Sequencer.Configuration;
using Rollup.Sequencer.Core;
using Rollup.Sequencer.Receipts;
using Rollup.Sequencer.Storage;

namespace Rollup.Sequencer.Tests;

/// <summary>After an upgrade of the vault's circuit the sequencer goes on in a new data directory, of another profile and domain, with the state of the one before.</summary>
public sealed class UpgradeTests : IDisposable
{
    private const long Cash = 1_000_000_000_000;
    private const uint NextVersion = CircuitVersion.Value + 1;
    private readonly TemporaryDirectory folder = new();
    private readonly ManualClock clock = new();
    private readonly Trader maker = new(2), taker = new(3);
    private readonly SequencerConfig old, next;

    public UpgradeTests()
    {
        old = TestConfig.Make(Path.Combine(folder.Path, "old"));
        SequencerConfig made = TestConfig.Make(Path.Combine(folder.Path, "next"), profile: "standard");
        next = made with { Chain = made.Chain with { CircuitVersion = NextVersion } };
    }

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task The_state_goes_on_under_the_next_circuit_without_what_was_signed_for_the_one_before()
    {
        await TradeAsync(isSealed: true);
        Machine before = Recovery.Read(old, _ => Assert.Fail("a warning"));
        Assert.NotEmpty(before.Engine.View(AccountId.From(2))!.Orders);
        Machine upgraded = Recovery.Upgrade(before, old, next, clock);
        Assert.Equal(before.Engine.Status.AccountRoot, upgraded.Engine.Status.AccountRoot);

        string state;
        using (var core = new CoreHarness(next, clock))
        {
            Assert.Equal(CoreHarness.DigestOf(upgraded), core.RestoredDigest);
            Assert.Empty(await core.ReadAsync(m => m.Engine.View(AccountId.From(2))!.Orders));
            Assert.Equal(before.Engine.View(AccountId.From(3))!.Positions.AsEnumerable(), await core.ReadAsync(m => m.Engine.View(AccountId.From(3))!.Positions));
            Assert.Equal(before.Trades.Last, await core.ReadAsync(m => m.Trades.Last));
            Assert.Equal(before.Receipts, await core.ReadAsync(m => m.Receipts));
            // A nonce that was used stays used: its slot is in the leaf.
            Assert.Equal((int)RejectCode.ReplayedNonce, (await core.SubmitAsync(taker.Order(TestConfig.Btc, Side.Buy, 5, TestConfig.BtcPrice, slot: 7, nonce: 1))).Error!.Code);
            await core.AcceptedAsync(maker.Order(TestConfig.Btc, Side.Sell, 11, TestConfig.BtcPrice, slot: 5));
            await core.AcceptedAsync(taker.Order(TestConfig.Btc, Side.Buy, 11, TestConfig.BtcPrice, slot: 7));
            Assert.Equal(2u, (await core.SealAsync()).Value!.Batch);
            state = await core.DigestAsync();
        }

        SealedBatch first = SealedBatchFile.Read(File.ReadAllBytes(Path.Combine(old.Spool, SealedBatchFile.NameOf(1))));
        SealedBatch second = SealedBatchFile.Read(File.ReadAllBytes(Path.Combine(next.Spool, SealedBatchFile.NameOf(2))));
        Assert.Equal(("demo", old.ToEngine().Domain), (first.Profile, first.Domain));
        Assert.Equal(("standard", SettlementDomain.Of(31337, TestConfig.Vault, NextVersion)), (second.Profile, second.Domain));
        Assert.Equal(first.NewRoot, second.OldRoot);
        Assert.Equal(first.Header.FirstOperation + first.Header.OperationCount, second.Header.FirstOperation);

        // The new journal starts from the carried state, and cannot do without it.
        using (var again = new CoreHarness(next, clock)) Assert.Equal(state, again.RestoredDigest);
        Assert.Equal(CoreHarness.DigestOf(upgraded), CoreHarness.DigestOf(Recovery.Origin(next, _ => Assert.Fail("a warning")).Machine));
        Directory.Move(Path.Combine(next.Data, Recovery.CarriedFolder), Path.Combine(next.Data, "away"));
        Assert.Contains("restore the folder 'carried'", Assert.Throws<SafeStopException>(() => Recovery.Read(next, _ => { })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_not_sealed_could_never_be_settled_and_stops_the_upgrade()
    {
        await TradeAsync(isSealed: false);
        var error = Assert.Throws<ConfigException>(() => Recovery.Upgrade(Recovery.Read(old, _ => { }), old, next, clock));
        Assert.Contains("Batch 1 is not sealed", error.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Path.Combine(next.Data, Recovery.JournalFolder)));
    }

    [Fact]
    public async Task An_upgrade_that_is_none_is_refused()
    {
        await TradeAsync(isSealed: true);
        Machine before = Recovery.Read(old, _ => { });
        string Refusal(SequencerConfig config) => Assert.Throws<ConfigException>(() => Recovery.Upgrade(before, old, config, clock)).Message;
        Assert.Contains("2 is not above 2", Refusal(next with { Chain = old.Chain }), StringComparison.Ordinal);
        Assert.Contains("would change more", Refusal(next with { Fees = new FeeConfig(TakerPpm: 301) }), StringComparison.Ordinal);
        Assert.Contains("would change more", Refusal(next with { Instruments = [.. next.Instruments.Skip(1)] }), StringComparison.Ordinal);
        Recovery.Upgrade(before, old, next, clock);
        Assert.Contains("holds a journal already", Refusal(next), StringComparison.Ordinal);

        // Neither directory opens under the other's configuration.
        Assert.Contains("`sequencer upgrade`", Assert.Throws<SafeStopException>(() => Recovery.Read(next with { Data = old.Data }, _ => { })).Message, StringComparison.Ordinal);
        Assert.Throws<SafeStopException>(() => Recovery.Read(old with { Data = next.Data }, _ => { }));
    }

    [Fact]
    public void Receipts_of_earlier_circuits_are_shown_still()
    {
        using EthereumKey key = EthereumKey.Generate();
        string[] folders = [.. ((string[])["first", "second", "third"]).Select(name => Directory.CreateDirectory(Path.Combine(folder.Path, name)).FullName)];
        SignedReceipt[] receipts = new SignedReceipt[3];
        ReceiptHead head = default;
        for (int i = 0; i < receipts.Length; i++)
        {
            Fr domain = SettlementDomain.Of(31337, TestConfig.Vault, (uint)(CircuitVersion.Value + i));
            Receipt receipt = head.Next(Bytes32.FromBytes(Keccak.Hash256([(byte)i])), 1_000 + i);
            head = new ReceiptHead(receipt.Number, receipt.HashIn(domain));
            receipts[i] = SignedReceipt.Sign(receipt, domain, key);
            using var file = new ReceiptFile(Path.Combine(folders[i], ReceiptFile.Name));
            file.Put([receipts[i]]);
            if (i > 0) ReceiptFile.Keep(folders[i - 1], folders[i], receipt.Number - 1);
        }

        using var last = new ReceiptSigner(Fr.One, EthereumKey.Generate(), new ReceiptFile(Path.Combine(folders[2], ReceiptFile.Name)), ReceiptFile.OpenKept(folders[2]));
        Assert.Equal(receipts.Select(r => (SignedReceipt?)r), [last.Find(1), last.Find(2), last.Find(3)]);
        Assert.Null(last.Find(4));
        Assert.Null(last.File.Find(1)); // Not told to the network of the present domain.
    }

    private async Task TradeAsync(bool isSealed)
    {
        using var core = new CoreHarness(old, clock);
        await core.RegisterAsync(Cash, maker, taker);
        await core.AcceptedAsync(maker.Order(TestConfig.Btc, Side.Sell, 300, TestConfig.BtcPrice, slot: 5));
        await core.AcceptedAsync(taker.Order(TestConfig.Btc, Side.Buy, 20, TestConfig.BtcPrice, slot: 7));
        if (isSealed) Assert.NotNull((await core.SealAsync()).Value);
    }
}
