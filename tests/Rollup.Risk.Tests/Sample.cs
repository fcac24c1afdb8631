using Rollup.Protocol;

namespace Rollup.Risk.Tests;

/// <summary>Inputs with a distinct value in every field: BTC perpetual 3, ETH perpetual 5, ETH spot 7; a lot is 0.001 BTC or 0.01 ETH.</summary>
internal static class Sample
{
    public static readonly InstrumentInput BtcPerp = new(3, InstrumentKind.Perpetual, InstrumentFlags.None, 1, 64_123_456, 64_234_567, -1_203, 2_500_000);
    public static readonly InstrumentInput EthPerp = new(5, InstrumentKind.Perpetual, InstrumentFlags.None, 2, 31_456_789, 31_444_111, 877, 1_700_000);
    public static readonly InstrumentInput EthSpot = new(7, InstrumentKind.Spot, InstrumentFlags.None, 2, 31_456_789, 31_450_013, 0, 900_000);

    public static RiskInputs Inputs() => new(
        41, Timestamp.FromMilliseconds(1_723_111_222_333), new RiskParameters(20_000, 10_000, 50_000, 51, 100_003),
        [new GroupRange(1, GroupRange.Bitcoin), new GroupRange(2, GroupRange.Ether)], [BtcPerp, EthPerp, EthSpot]);

    public static RiskInputs With(InstrumentInput changed) =>
        Inputs() with { Instruments = [.. Inputs().Instruments.Select(t => t.Id == changed.Id ? changed : t)] };

    public static RiskRow Row(int id) => RiskRows.From(Inputs()).Single(r => r.Id == id);
}
