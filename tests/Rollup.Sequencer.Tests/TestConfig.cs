using System.Collections.Immutable;
using Rollup.Api;
using Rollup.Engine;
using Rollup.Protocol;
using Rollup.Sequencer.Configuration;

namespace Rollup.Sequencer.Tests;

/// <summary>The configuration of the tests: BTC and ETH perpetuals and ETH spot at fixed prices.</summary>
internal static class TestConfig
{
    internal const int Btc = 1, Eth = 2, EthSpot = 3;

    /// <summary>Prices in atoms per lot of 0.001 units.</summary>
    internal const long BtcPrice = 61_700_000, EthPrice = 2_680_000;

    /// <summary>2100: after every test's clock.</summary>
    internal const long Later = 4_102_444_800_000;

    internal static readonly Address Vault = Address.Parse("0x5fbdb2315678afecb367f032d93f642f64180aa3");

    internal static EngineConfig Engine { get; } = Make("/nowhere").ToEngine();

    internal static SequencerConfig Make(string folder, Uri? rpc = null, string profile = "demo", EpochConfig? epoch = null, LimitConfig? limits = null, int snapshotRecords = 1_000_000) => new(
        Path.Combine(folder, "data"), Path.Combine(folder, "spool"),
        new ChainConfig(rpc ?? new Uri("http://127.0.0.1:9"), 31337, Vault, Confirmations: 2, PollMilliseconds: 20), profile,
        [
            new InstrumentConfig(Btc, "BTC-PERP", InstrumentKindName.Perpetual, 1, "BTC", 1000, 100, "BTCUSDT"),
            new InstrumentConfig(Eth, "ETH-PERP", InstrumentKindName.Perpetual, 2, "ETH", 1000, 10, "ETHUSDT"),
            new InstrumentConfig(EthSpot, "ETH", InstrumentKindName.Spot, 2, "ETH", 1000, 10, "ETHUSDT"),
        ],
        [new GroupConfig(1, 150_000), new GroupConfig(2, 180_000)],
        new OracleConfig(OracleKind.Static, Files: [], Prices: new Dictionary<string, string> { ["BTCUSDT"] = "61700", ["ETHUSDT"] = "2680" }.ToImmutableDictionary()),
        Listen: "http://127.0.0.1:0", Epoch: epoch, Limits: limits, SnapshotRecords: snapshotRecords, BookIntervalMilliseconds: 10);
}
