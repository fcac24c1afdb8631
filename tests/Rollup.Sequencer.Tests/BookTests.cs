using System.Text.Json;
using Rollup.Api;
using Rollup.Risk;
using Rollup.Sequencer.Commands;
using Rollup.Sequencer.Configuration;
using Rollup.Sequencer.Oracle;
using Rollup.TestSupport;

namespace Rollup.Sequencer.Tests;

/// <summary>`sequencer book`: the whole book of a stopped sequencer as a file.</summary>
public sealed class BookTests : IDisposable
{
    private const long Cash = 1_000_000_000_000;
    private readonly TemporaryDirectory folder = new();
    private readonly ManualClock clock = new();
    private readonly Trader maker = new(2), taker = new(3);

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(1_000_000)]
    [InlineData(5)]
    public async Task The_book_is_what_snapshot_and_journal_hold(int snapshotRecords)
    {
        SequencerConfig config = TestConfig.Make(folder.Path, snapshotRecords: snapshotRecords);
        string digest;
        byte[] inputs;
        using (var core = new CoreHarness(config, clock))
        {
            await core.RegisterAsync(Cash, maker, taker);
            await core.AcceptedAsync(maker.Order(TestConfig.Btc, Side.Sell, 30, TestConfig.BtcPrice, slot: 5));
            await core.AcceptedAsync(taker.Order(TestConfig.Btc, Side.Buy, 20, TestConfig.BtcPrice, slot: 7));
            // Within one percent on both sides: 70 lots and, of the thinner side, the 10 that are left.
            await core.AcceptedAsync(taker.Order(TestConfig.Btc, Side.Buy, 70, TestConfig.BtcPrice - 100_000, slot: 8));
            await core.AcceptedAsync(maker.Order(TestConfig.Btc, Side.Sell, 90, TestConfig.BtcPrice * 102 / 100, slot: 9));
            digest = await core.DigestAsync();
            inputs = await core.ReadAsync(m => m.RiskInputs);
        }

        string[] before = Files();
        Assert.Equal(snapshotRecords == 5, before.Any(f => f.Contains(".snapshot ", StringComparison.Ordinal)));
        Assert.Equal(0, await RunAsync());
        Assert.Equal(before, Files());
        if (!OperatingSystem.IsWindows()) Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Output));

        RiskBook book = JsonSerializer.Deserialize(File.ReadAllBytes(Output), RiskBookJson.Default.RiskBook)!;
        long quote = 20 * TestConfig.BtcPrice, makerFee = quote / 10_000, takerFee = 3 * quote / 10_000;
        Assert.Equal((1, 1u, 0L), (book.Version, book.Batch, book.Fund));
        Assert.Equal([0, 2, 3], book.Accounts.Select(a => a.Account));
        Assert.Equal([makerFee + takerFee, Cash + quote - makerFee, Cash - quote - takerFee], book.Accounts.Select(a => a.Cash));
        Assert.Equal([new RiskBookPosition(TestConfig.Btc, -20)], book.Accounts[1].Positions);
        Assert.Equal([new RiskBookPosition(TestConfig.Btc, 20)], book.Accounts[2].Positions);
        Assert.Equal([new RiskBookDepth(1, 10 * TestConfig.BtcPrice, 0), new RiskBookDepth(2, 0, 0)], book.Depths);
        Assert.Equal(inputs, book.RiskInputs);
        Assert.True(RiskInputs.TryDecode(book.RiskInputs, out RiskInputs decoded, out string problem), problem);
        Assert.Equal(3, decoded.Instruments.Length);

        // Reading has left the state as it was.
        using var again = new CoreHarness(config, clock);
        Assert.Equal(digest, again.RestoredDigest);
    }

    [Fact]
    public async Task Without_prices_there_is_no_book()
    {
        using (var core = new CoreHarness(TestConfig.Make(folder.Path), clock, new StaticFeed(new Dictionary<string, MarketPrice>()))) await core.ReadAsync(m => m.Sequence);
        Assert.Equal(1, await RunAsync());
        Assert.False(File.Exists(Output));
    }

    [Fact]
    public void Command_lines_of_the_operations_document_are_right()
    {
        string[] lines = [.. File.ReadLines(Repository.PathOf("docs/OPERATIONS.md")).Where(line => line.StartsWith("sequencer ", StringComparison.Ordinal))];
        Assert.Contains("sequencer book --config sequencer.json --out book.json", lines);
        Assert.All(lines, line => Assert.Empty(SequencerCommands.Build().Parse(line.Split('#')[0].Replace("[", "", StringComparison.Ordinal).Replace("]", "", StringComparison.Ordinal)["sequencer ".Length..]).Errors));
    }

    private string Output => Path.Combine(folder.Path, "book.json");

    private string[] Files() => [.. Directory.GetFiles(Path.Combine(folder.Path, "data"), "*", SearchOption.AllDirectories).Select(f => $"{f} {new FileInfo(f).Length}").Order(StringComparer.Ordinal)];

    private Task<int> RunAsync() => SequencerCommands.Build().Parse(
        ["book", "--config", SequencerProcess.WriteConfig(folder.Path, new Uri("http://127.0.0.1:9"), new EpochConfig(), 1_000_000), "--out", Output]).InvokeAsync();
}
