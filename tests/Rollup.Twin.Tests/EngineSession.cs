using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Engine;
using Rollup.Protocol;
using Rollup.Risk;
using Rollup.TestSupport;

namespace Rollup.Twin.Tests;

/// <summary>An engine of the dev profile, driven with signed requests, queued operations and prices; its clock starts with the first batches of a <see cref="BatchFactory"/>.</summary>
internal sealed class EngineSession(Fr domain)
{
    private const int Btc = BatchFactory.BtcPerpetual, Eth = BatchFactory.EthPerpetual, Spot = BatchFactory.EthSpot;

    private readonly ClearingEngine engine = new(new EngineConfig(domain, CircuitProfile.Dev,
        [new(Spot, InstrumentKind.Spot, 2, 1, 1), new(Btc, InstrumentKind.Perpetual, 1, 100, 1), new(Eth, InstrumentKind.Perpetual, 2, 10, 1)],
        FeeRate.FromPpm(100), FeeRate.FromPpm(450)));

    private readonly RequestVerifier verifier = new(domain);
    private uint epoch;

    /// <summary>Unix milliseconds.</summary>
    public long Now { get; private set; } = 1_723_161_255_000;

    public EngineStatus Status => engine.Status;

    public void Pass(int milliseconds) => Now += milliseconds;

    /// <summary>Opens an epoch with these prices, atoms a lot; every epoch has other funding.</summary>
    public void OpenEpoch(long btc, long eth)
    {
        Pass(1_000);
        epoch++;
        var inputs = new RiskInputs(epoch, Timestamp.FromMilliseconds(Now), RiskParameters.Default,
            [new GroupRange(1, GroupRange.Bitcoin), new GroupRange(2, GroupRange.Ether)],
            [
                new InstrumentInput(Spot, InstrumentKind.Spot, InstrumentFlags.None, 2, eth / 10, eth / 10, 0, 0),
                new InstrumentInput(Btc, InstrumentKind.Perpetual, InstrumentFlags.None, 1, btc, btc + 700, 40 * epoch, 5_000),
                new InstrumentInput(Eth, InstrumentKind.Perpetual, InstrumentFlags.None, 2, eth, eth - 90, -13 * epoch, 80_000),
            ]);
        Assert.Equal(RejectCode.None, engine.Apply(Command.OpenEpoch(Timestamp.FromMilliseconds(Now), inputs.Encode())).Code);
    }

    /// <summary>Signs a request with its test account's key and applies it.</summary>
    public RejectCode Send(SignedRequest request)
    {
        EddsaPrivateKey key = BatchFactory.KeyOf(request.Account);
        RejectCode code = verifier.Verify(request.Pack(), key.Sign(request.Message(domain)), key.PublicKey, out VerifiedRequest? verified);
        Assert.Equal(RejectCode.None, code);
        return engine.Apply(Command.Request(Timestamp.FromMilliseconds(Now), verified!)).Code;
    }

    public RejectCode Feed(QueuedOperation operation) => engine.Apply(Command.Operation(Timestamp.FromMilliseconds(Now), operation)).Code;

    /// <summary>The open epoch as a batch; null if nothing has executed.</summary>
    public SealedBatch? Seal()
    {
        Pass(10);
        return engine.Apply(Command.Seal(Timestamp.FromMilliseconds(Now))).Batch;
    }
}
