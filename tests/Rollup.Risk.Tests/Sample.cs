using Rollup.Protocol;

namespace Rollup.Risk.Tests;

/// <summary>
/// Inputs with a distinct value in every field: BTC perpetual 3, ETH perpetual 5, ETH spot 7, a BTC call 21 and put 22 of one strike, an ETH call 30, a settled BTC put 40.
/// A lot is 0.001 BTC, 0.01 ETH.
/// </summary>
internal static class Sample
{
    public const long Now = 1_723_111_222_333, Day = 86_400_000;

    public static readonly InstrumentInput BtcPerp = new(3, InstrumentKind.Perpetual, InstrumentFlags.None, 1, 64_123_456, 64_234_567, -1_203, 2_500_000);
    public static readonly InstrumentInput EthPerp = new(5, InstrumentKind.Perpetual, InstrumentFlags.None, 2, 31_456_789, 31_444_111, 877, 1_700_000);
    public static readonly InstrumentInput EthSpot = new(7, InstrumentKind.Spot, InstrumentFlags.None, 2, 31_456_789, 31_450_013, 0, 900_000);
    public static readonly InstrumentInput BtcCall = Option(21, InstrumentKind.Call, 1, 64_123_457, 70_000_000, 30, 45_001);
    public static readonly InstrumentInput BtcPut = Option(22, InstrumentKind.Put, 1, 64_123_457, 70_000_000, 30, 31_007);
    public static readonly InstrumentInput EthCall = Option(30, InstrumentKind.Call, 2, 31_456_790, 29_000_000, 7, 88_888);
    public static readonly InstrumentInput BtcSettled = Option(40, InstrumentKind.Put, 1, 64_123_457, 75_000_000, -1, 321) with { Flags = InstrumentFlags.Settled, Mark = 9_100_009 };

    public static readonly ExpiryInput BtcExpiry = new(1, After(30), 4_100_000, new SviSlice(4_900_000, 61_000_000, -230_000_000, 17_000_000, 290_000_000));
    public static readonly ExpiryInput EthExpiry = new(2, After(7), 1_300_000, new SviSlice(1_700_000, 43_000_000, -110_000_000, 9_000_000, 140_000_000));

    public static RiskInputs Inputs() => new(
        41, Timestamp.FromMilliseconds(Now), RiskParameters.Default with { ConcentrationPerMillionUsd = 51, ConcentrationCap = 100_003 },
        [new GroupRange(1, GroupRange.Bitcoin), new GroupRange(2, GroupRange.Ether)], [BtcPerp, EthPerp, EthSpot, BtcCall, BtcPut, EthCall, BtcSettled])
    {
        Expiries = [BtcExpiry, EthExpiry],
    };

    public static RiskInputs With(InstrumentInput changed) =>
        Inputs() with { Instruments = [.. Inputs().Instruments.Select(t => t.Id == changed.Id ? changed : t)] };

    public static RiskInputs With(ExpiryInput changed) =>
        Inputs() with { Expiries = [.. Inputs().Expiries.Select(e => e.Group == changed.Group ? changed : e)] };

    public static RiskRow Row(int id) => Row(Inputs(), id);

    public static RiskRow Row(RiskInputs inputs, int id) => RiskRows.From(inputs).Single(r => r.Id == id);

    public static Timestamp After(int days) => Timestamp.FromMilliseconds(Now + days * Day);

    private static InstrumentInput Option(int id, InstrumentKind kind, int group, long index, long strike, int days, long openInterest) =>
        new(id, kind, InstrumentFlags.None, group, index, 0, 0, openInterest, strike, After(days));
}
