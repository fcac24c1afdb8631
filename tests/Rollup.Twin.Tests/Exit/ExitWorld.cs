using System.Collections.Immutable;
using System.Numerics;
using System.Text.Json.Nodes;
using Rollup.Circuits;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Protocol;
using Rollup.TestSupport;
using static Rollup.Twin.Tests.Dishonest;

namespace Rollup.Twin.Tests.Exit;

/// <summary>Leaves and risk rows of a frozen vault, for the instance of three slots, and what a dishonest prover computes anew after it changed a witness.</summary>
internal static class ExitWorld
{
    public const int Spot = BatchFactory.EthSpot, Btc = BatchFactory.BtcPerpetual, Eth = BatchFactory.EthPerpetual, Sol = BatchFactory.SolPerpetual, Put = 40;
    public const int Slots = 3, Account = 1_234_567, Neighbour = 1_234_566;

    public static CompiledCircuit ExitThree => CompiledCircuit.Get(Repository.PathOf("circuits", "test", "exit_three.circom"));

    /// <summary>Spot, perpetuals whose base is not their mark, and an option, in three buckets.</summary>
    public static ImmutableArray<RiskRow> Rows { get; } =
    [
        BatchFactory.Linear(Spot, InstrumentKind.Spot, 2, 268_000, 0), BatchFactory.Linear(Btc, InstrumentKind.Perpetual, 1, 61_800_000, 1_234),
        BatchFactory.Linear(Eth, InstrumentKind.Perpetual, 2, 2_680_000, -567), BatchFactory.Linear(Sol, InstrumentKind.Perpetual, 3, 155_000, 89),
        BatchFactory.Linear(Put, InstrumentKind.Put, 1, 4_321, 0),
    ];

    /// <summary>Test accounts have one byte, the tree's positions 24 bits.</summary>
    public static AccountIdentity IdentityOf(int account) => BatchFactory.IdentityOf(account % 251);

    public static LeafContents Leaf(long cash, params Position[] positions) => new(77, cash, Fr.FromUInt64(0x0bde5), [.. positions]);

    /// <summary>What most accounts look like: money borrowed against spot, a long and a short.</summary>
    public static LeafContents Borrower { get; } = Leaf(-5_000_000_123, new(Spot, 90_000), new(Eth, 1_900), new(Put, -333));

    /// <summary>The input of an account that stands beside a neighbour.</summary>
    public static ExitInput Build(LeafContents contents, IEnumerable<RiskRow>? rows = null, int account = Account)
    {
        var tree = new QuadTree(Depth.Account);
        AccountIdentity identity = IdentityOf(account);
        tree.Set((ulong)Neighbour, Leaf(1, new Position(Sol, -5)).Hash(IdentityOf(Neighbour)));
        tree.Set((ulong)account, contents.Hash(identity));
        var input = ExitInput.Build(account, identity, contents, [.. tree.Path((ulong)account)], new RiskTree(rows ?? Rows));
        Assert.Equal(tree.Root, input.Root);
        return input;
    }

    /// <summary>The circuit takes the honest input, and its public signals are those that C# computes.</summary>
    public static JsonObject Accepted(ExitInput input) => Accepted(ExitThree, input.ToCircuitInput(Slots), input.PublicInputs);

    /// <inheritdoc cref="Accepted(ExitInput)"/>
    public static JsonObject Accepted(CompiledCircuit circuit, CircuitInput input, ImmutableArray<Fr> publics)
    {
        JsonObject json = input.ToJson();
        Fr[] witness = circuit.Witness(json);
        Assert.Empty(circuit.Failures(witness, limit: 3));
        Assert.Equal(publics.AsSpan(), witness.AsSpan(1, publics.Length));
        Assert.Equal(publics.Length, circuit.R1cs.PublicCount);
        return json;
    }

    /// <summary>States equity, spot value and masked slots as they follow from the changed slots and rows.</summary>
    public static JsonObject Restated(JsonObject json)
    {
        BigInteger equity = Get(json, "cash") - (BigInteger.One << 63) + (BigInteger.One << 83), spot = 0;
        BigInteger[] masked = new BigInteger[4];
        for (int j = 0; j < Slots; j++)
        {
            BigInteger id = Get(json, "id", j), magnitude = Get(json, "magnitude", j), negative = Get(json, "negative", j);
            if (magnitude.IsZero) continue;
            int t = (int)(id % Bound.RowsPerBucket);
            BigInteger value = (Get(json, "market", j, t) / (BigInteger.One << 36) % (BigInteger.One << 36) - RiskRow.ValueBound) * magnitude * (1 - 2 * negative);
            if (Get(json, "meta", j, t) % 8 == (int)InstrumentKind.Spot)
            {
                spot += value;
                masked[j / 4] += (id + (magnitude << 18)) << (63 * (j % 4));
            }
            else equity += value;
        }

        Set(Set(json, "equity", equity), "spotValue", spot);
        for (int e = 0; e < masked.Length; e++) Set(json, "spot", masked[e], e);
        return json;
    }

    /// <summary>States the account root that the changed leaf leads to.</summary>
    public static JsonObject WithRoot(JsonObject json)
    {
        Fr F(string name, params int[] at) => Fr.FromBigInteger(Get(json, name, at));
        Fr Power(int bits) => Fr.FromBigInteger(BigInteger.One << bits);
        var packed = new Fr[4];
        for (int j = 0; j < Bound.Positions; j++)
            packed[j / 4] += (F("id", j) + F("magnitude", j) * Power(18) + F("negative", j) * Power(62)) * Power(63 * (j % 4));
        Fr leaf = Poseidon.Hash([F("owner"), F("keyX"), F("keyY"), F("viewKey"), F("cash") + F("version") * Power(64), F("orderRoot"), .. packed]);
        return Set(json, "root", QuadTree.RootFrom(leaf, (ulong)Get(json, "account"), Path(json, "siblings", Depth.Account)).ToBigInteger());
    }

    /// <summary>States the risk root that the bucket of slot 0 leads to; the other slots must be of the same bucket, or free.</summary>
    public static JsonObject WithRiskRoot(JsonObject json)
    {
        var elements = new List<Fr>();
        for (int t = 0; t < Bound.RowsPerBucket; t++)
        {
            elements.Add(Fr.FromBigInteger(Get(json, "meta", 0, t)));
            elements.Add(Fr.FromBigInteger(Get(json, "market", 0, t)));
            foreach (string name in (string[])["long", "short"])
                for (int i = 0; i < RiskRowEncoding.PackedValues; i++) elements.Add(Fr.FromBigInteger(Get(json, name, 0, t, i)));
        }

        Fr bucket = Poseidon.Sponge(Fr.FromUInt64(Tag.Bucket), [.. elements]);
        return Set(json, "riskRoot", QuadTree.RootFrom(bucket, (ulong)Get(json, "id", 0) / 16, Path(json, "bucketSiblings", Depth.RiskBuckets, 0)).ToBigInteger());
    }

    private static Fr[] Path(JsonObject json, string name, int depth, params int[] at) =>
        [.. Enumerable.Range(0, 3 * depth).Select(i => Fr.FromBigInteger(Get(json, name, [.. at, i / 3, i % 3])))];
}
