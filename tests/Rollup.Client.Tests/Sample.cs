using Rollup.Api;
using Rollup.Client.Keys;
using Rollup.Client.Sequencer;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Ethereum;
using Rollup.Protocol;
using Rollup.TestSupport;

namespace Rollup.Client.Tests;

/// <summary>One value of each message, no two fields alike.</summary>
internal static class Sample
{
    public const ulong ChainId = 31337;
    public static readonly Address Vault = Address.Parse("0x5fbdb2315678afecb367f032d93f642f64180aa3");
    public static readonly MessageSigner Signer = new(SettlementDomain.Of(ChainId, Vault));

    public static readonly OrderMessage Order = new(
        4, 17, 23, 2, Side.Sell, 1_000, 61_800_000, 700, 1_723_161_999_000, default, OrderLife.Ioc, PostOnly: false, ReduceOnly: true, SelfTrade.CancelTaker, Market: true);

    public static readonly CancelMessage Cancel = new(5, 18, 24, 1_723_161_999_001, default, Prove: true);

    public static readonly WithdrawalMessage Withdrawal = new(6, 19, 25, 1, 3_000_000, 1_723_161_999_002, default);

    public static readonly FillView Fill = new(901, 12, 1_723_161_256_000, 4, 17, 23, 2, Side.Sell, FillRole.Taker, 61_800_010, 400, 600, 17);

    public static readonly BatchView Batch = new(12, BatchStage.Proven, 1_723_161_255_000, 34, 56, 1_723_161_260_000, 7, 8, 9, Fr.FromUInt64(10), Fr.FromUInt64(11), 101, 102, null);

    public static readonly AccountView Account = new(4, AnvilProcess.Key(3).Address, false, 5, 9_007_199_254_740_993, -44, 55, 66,
        [new PositionView(2, -400, -77)], [new OpenOrderView(17, 23, 2, Side.Buy, 61_799_990, 600, 1_723_161_999_000)], [new SlotView(17, 23), new SlotView(18, 24)]);

    public static TraderKeys Keys(int wallet = 3) => TraderKeys.Derive(AnvilProcess.Key(wallet), ChainId, Vault);
}
