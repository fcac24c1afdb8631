using System.Collections.Immutable;
using System.Numerics;
using Rollup.Crypto.Settlement;
using Rollup.Engine;
using Rollup.Ethereum;
using Rollup.Groth16;
using Rollup.Protocol;
using Rollup.Risk;
using Rollup.StateVerifier.Chain;
using Rollup.TestSupport;
using Rollup.Witness;

namespace Rollup.StateVerifier.Tests;

/// <summary>What an operator commits, to be changed by a test before the vault takes it; C follows from the words unless it is set.</summary>
internal sealed class CommitDraft
{
    public required Fr[] Words { get; set; }
    public Fr? Commitment { get; set; }
    public required Fr RiskRoot { get; set; }
    public required byte[] RiskInputs { get; set; }

    /// <summary>Of its circuit.</summary>
    public CircuitProfile Profile { get; init; } = Honest.Profile;

    /// <summary>Of the key that proves it.</summary>
    public ulong KeyDelta { get; set; } = KnownKey.FixtureDelta;

    /// <summary>What the vault is told of settled instruments before the commit.</summary>
    public List<(int Instrument, long Payoff)> Settles { get; set; } = [];

    /// <summary>The sequencer's last receipt.</summary>
    public ReceiptHead Receipts { get; set; }
    public required List<Fr[]> Bounced { get; init; }
    public required ImmutableArray<QueuedDraft> Operations { get; set; }

    public Fr C => Commitment ?? PublicData.Commitment(Words);

    public BatchHeader Header
    {
        get => BatchHeader.TryDecode(Words[1], out BatchHeader header) ? header : throw new InvalidOperationException("The header is not one.");
        set => Words[1] = value.Encode();
    }

    /// <summary>Where the words of account block k start: account, leaf, six of cipher.</summary>
    public static int Block(int k) => PublicData.FixedWords + Operation.Words * Honest.Profile.Operations + Honest.Profile.Rows + PublicBlock.Words * k;

    /// <summary>Where the words of operation place i start.</summary>
    public static int Place(int i) => PublicData.FixedWords + Operation.Words * i;

    /// <summary>What the finalisation moves.</summary>
    public object[] Payouts
    {
        get
        {
            PublicData data = PublicData.TryDecode(Profile, Words, out string? problem) ?? throw new InvalidOperationException(problem);
            IEnumerable<ConsumedOperation> consumed = Operations.Select((queued, i) => data.Operations[i] is { } published ? new ConsumedOperation(published, queued.Depositor, true)
                : Operation.TryDecode(queued.Words, out Operation refused) ? new ConsumedOperation(refused, queued.Depositor, false) : throw new InvalidOperationException("These words are no operation."));
            return Numbers(VaultMoves.Of(data.Withdrawals, consumed, LocalVault.RequestDeposit));
        }
    }

    public byte[] Encode() => VaultAbi.CommitBatch.Encode((object)new object[]
    {
        Numbers(Words), C.ToBigInteger(), RiskRoot.ToBigInteger(), RiskInputs, Bounced.Select(o => (object)Numbers(o)).ToArray(),
        Receipts.Number, Receipts.Hash.ToBytes(), 0, Array.Empty<byte>(),
    });

    public CommitDraft Clone() => new()
    {
        Words = [.. Words], Commitment = Commitment, RiskRoot = RiskRoot, RiskInputs = [.. RiskInputs], Bounced = [.. Bounced.Select(o => (Fr[])[.. o])], Operations = Operations, Settles = [.. Settles],
        Receipts = Receipts, Profile = Profile, KeyDelta = KeyDelta,
    };

    public static object[] Numbers(IEnumerable<Fr> elements) => [.. elements.Select(e => (object)e.ToBigInteger())];
}

/// <summary>An operation as users queue it.</summary>
internal sealed record QueuedDraft(Address Depositor, Fr[] Words);

/// <summary>
/// One honest history in the dev profile, made without the engine: batch 1 registers accounts 2 and 3; batch 2 refuses account 4 and registers the
/// public account 5; in batch 3 account 2 buys from 3; in batch 4 account 3 withdraws and 2 gets spot; in batch 5 they trade again.
/// </summary>
internal static class Honest
{
    public static readonly CircuitProfile Profile = CircuitProfile.Dev;
    public static readonly Address Vault = Address.Parse("0x5fbdb2315678afecb367f032d93f642f64180aa3");
    public const int Batches = 5, Final = 3, Proven = 4;
    public const long Lots = 40, Bought = 61_799_000;
    private static readonly int[] Touched = [0, 2, 3, 5];

    /// <summary>The circuit after an upgrade: another profile, key and version.</summary>
    public static readonly CircuitProfile NextProfile = CircuitProfile.Demo;
    public const uint NextVersion = CircuitVersion.Value + 3;
    public const ulong NextDelta = 31;

    private static readonly Lazy<(ImmutableArray<CommitDraft> Drafts, ImmutableArray<Fr> Roots, ImmutableDictionary<int, LeafContents> Contents)> History =
        new(() => Make(version => SettlementDomain.Of(31337, Vault, version)));

    private static readonly Lazy<ImmutableArray<CommitDraft>> Upgraded = new(() => Make(version => SettlementDomain.Of(31337, Vault, version), upgrade: true).Drafts);

    public static VerifyingKey NextKey { get; } = KnownKey.Make(NextDelta);

    public static IReadOnlyList<CommitDraft> Drafts => History.Value.Drafts;

    /// <summary>The same history with an upgrade after batch <see cref="Final"/>.</summary>
    public static IReadOnlyList<CommitDraft> UpgradedDrafts => Upgraded.Value;

    /// <summary>The account root after each batch; the genesis at 0.</summary>
    public static IReadOnlyList<Fr> Roots => History.Value.Roots;

    /// <summary>Leaves after the last final batch.</summary>
    public static IReadOnlyDictionary<int, LeafContents> Contents => History.Value.Contents;

    /// <summary>A call that has settled before this batch, and what it is worth.</summary>
    public const int SettledIn = 3, SettledCall = 21;
    public const long SettledPayoff = 180_777;

    /// <summary>Prices that differ from batch to batch.</summary>
    public static RiskInputs RiskInputsOf(uint batch) => new(
        batch, Timestamp.FromMilliseconds(1_723_161_000_000 + 1_000 * batch), RiskParameters.Default,
        [new GroupRange(1, GroupRange.Bitcoin), new GroupRange(2, GroupRange.Ether)],
        [
            new InstrumentInput(BatchFactory.EthSpot, InstrumentKind.Spot, InstrumentFlags.None, 2, 268_000, 268_100 + batch, 0, 900_001),
            new InstrumentInput(BatchFactory.BtcPerpetual, InstrumentKind.Perpetual, InstrumentFlags.None, 1, 61_800_000, 61_800_500 + batch, -1_203, 2_500_003),
            new InstrumentInput(BatchFactory.EthPerpetual, InstrumentKind.Perpetual, InstrumentFlags.None, 2, 2_680_000, 2_680_300 + batch, 877, 1_700_007),
            .. batch < SettledIn ? (InstrumentInput[])[] : [new InstrumentInput(SettledCall, InstrumentKind.Call, InstrumentFlags.Settled, 2, 2_680_000, SettledPayoff, 0, 5,
                2_500_000, Timestamp.FromMilliseconds(1_723_160_000_000))],
        ]);

    /// <summary>The same history for another vault.</summary>
    /// <param name="domain">Of a version of its circuit.</param>
    /// <param name="upgrade">Whether the circuit changes after batch <see cref="Final"/>.</param>
    public static (ImmutableArray<CommitDraft> Drafts, ImmutableArray<Fr> Roots, ImmutableDictionary<int, LeafContents> Contents) Make(Func<uint, Fr> domain, bool upgrade = false)
    {
        var factory = new BatchFactory(Profile) { Domain = domain(CircuitVersion.Value) };
        var drafts = ImmutableArray.CreateBuilder<CommitDraft>();
        var roots = ImmutableArray.CreateBuilder<Fr>();
        roots.Add(factory.Root);
        var contents = ImmutableDictionary<int, LeafContents>.Empty;
        Action<BatchFactory.Batch>[] batches =
        [
            b => b.Register(2, 9_000_000_001).Register(3, 8_000_000_002),
            b => b.Register(4, 7_000_000_003, accepted: false).Register(5, 6_000_000_004),
            b => b.Trade(2, 3, BatchFactory.BtcPerpetual, Lots, Bought),
            b => b.Withdraw(3, slot: 1, nonce: 1, asset: 0, amount: 123_456_789).Deposit(2, BatchFactory.EthSpot, 17),
            b => b.Trade(3, 2, BatchFactory.BtcPerpetual, 7, 61_800_100, nonce: 2),
        ];
        for (uint n = 1; n <= batches.Length; n++)
        {
            bool isNext = upgrade && n > Final;
            if (isNext) (factory.Profile, factory.Domain) = (NextProfile, domain(NextVersion));
            CommitDraft draft = DraftOf(factory, n, batches[n - 1]);
            if (isNext) draft.KeyDelta = NextDelta;
            drafts.Add(draft);
            roots.Add(factory.Root);
            if (n == Final) contents = Touched.ToImmutableDictionary(a => a, factory.Contents);
        }

        return (drafts.ToImmutable(), roots.ToImmutable(), contents);
    }

    /// <summary>The next batch of a factory, under the prices of that number.</summary>
    public static CommitDraft DraftOf(BatchFactory factory, uint number, Action<BatchFactory.Batch> make)
    {
        RiskInputs inputs = RiskInputsOf(number);
        factory.RiskRows = RiskRows.From(inputs);
        BatchFactory.Batch batch = factory.Begin();
        make(batch);
        SealedBatch sealedBatch = batch.Seal();
        SettlementInput settlement = SettlementInput.Build(sealedBatch);
        return new CommitDraft
        {
            Profile = factory.Profile,
            Words = [.. settlement.Words],
            RiskRoot = settlement.RiskRoot,
            RiskInputs = inputs.Encode(),
            Settles = number == SettledIn ? [(SettledCall, SettledPayoff)] : [],
            Bounced = [.. sealedBatch.Operations.Where(o => o.Block is null).Select(o => o.Operation.Encode())],
            Operations = [.. sealedBatch.Operations.Select(o => new QueuedDraft(o.Depositor, o.Operation.Encode()))],
        };
    }
}
