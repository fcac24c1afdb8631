using System.Collections.Immutable;
using System.Numerics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Rollup.Circuits;
using Rollup.Crypto.Settlement;
using Rollup.Groth16;
using Rollup.Protocol;
using Rollup.TestSupport;
using static Rollup.Twin.Tests.Dishonest;
using static Rollup.Twin.Tests.Exit.ExitWorld;

namespace Rollup.Twin.Tests.Exit;

/// <summary>The circuit <c>exit</c> (spec 8): what C# computes it takes, and each lie about a leaf or a risk row it refuses where the rule stands.</summary>
public sealed class ExitTests
{
    private const string Root = "path.root === root", Risk = "enabled * (path.root - riskRoot) === 0", Listed = "enabled * (1 - unpacked.isListed) === 0";
    private const string Equity = "equity === cash - 2 ** 63 + derivatives + 2 ** 83", SpotValue = "spotValue === spots", Masks = "spot[e] === masked[e]";

    [Fact]
    public void What_an_account_is_worth_is_what_the_circuit_says()
    {
        // Spot, a long and a short; -5,000.000123 of cash.
        ExitInput borrower = Build(Borrower);
        Assert.Equal(-5_000_000_123 + 1_900L * 2_680_567 - 333 * 4_321, borrower.Equity);
        Assert.Equal(90_000L * 268_000, borrower.SpotValue);
        Assert.Equal(Fr.FromBigInteger(Spot + ((BigInteger)90_000 << 18)), borrower.PublicInputs[5]); // The other slots are masked.
        Assert.Equal(Fr.FromBigInteger(Account + (IdentityOf(Account).Owner.ToField().ToBigInteger() << 24)), borrower.PublicInputs[2]);
        Accepted(borrower);

        ExitInput ruined = Build(Leaf(1_000_000, new(Btc, 40), new(Sol, -2_000_000)));
        Assert.Equal(1_000_000 + 40 * (61_800_000L - 1_234) - 2_000_000 * (155_000L - 89), ruined.Equity);
        Assert.True(ruined.Equity < 0);
        Accepted(ruined);

        Accepted(Build(Leaf(long.MinValue)));
        Accepted(Build(Leaf(long.MaxValue, new(Spot, LeafContents.MaxPositionSize), new(Btc, LeafContents.MaxPositionSize), new(Put, -LeafContents.MaxPositionSize))));
        Accepted(Build(Leaf(0, new Position(Spot, 7)), account: 5)); // A public account.
        // No table at all is needed by who holds nothing.
        Accepted(Build(Leaf(44), rows: []));
    }

    [Fact]
    public void Random_accounts_are_worth_what_the_circuit_says()
    {
        var random = new Random(0xE817);
        for (int i = 0; i < 12; i++)
        {
            ImmutableArray<RiskRow> rows = [.. Rows.Select(r => BatchFactory.Linear(r.Id, r.Kind, r.Group, random.NextInt64(1, 1L << 30), r.Kind == InstrumentKind.Perpetual ? random.NextInt64(-(1L << 30), 1L << 30) : 0))];
            Position[] positions = [.. rows.OrderBy(_ => random.Next()).Take(random.Next(Slots + 1)).OrderBy(r => r.Id)
                .Select(r => new Position(r.Id, random.NextInt64(1, 1L << random.Next(2, 44)) * (r.Kind == InstrumentKind.Spot || random.Next(2) == 0 ? 1 : -1)))];
            Accepted(Build(Leaf(random.NextInt64(long.MinValue, long.MaxValue), positions), rows));
        }
    }

    [Fact]
    public void What_cannot_be_proven_is_refused_with_its_reason()
    {
        static string Refusal(Action build) => Assert.Throws<ArgumentException>(build).Message;
        LeafContents contents = Leaf(5, new Position(9, 1));
        Assert.Contains("holds instrument 9, which the risk table does not list", Refusal(() => Build(contents)), StringComparison.Ordinal);
        Assert.Contains("4 positions, where the circuit takes 3", Refusal(() => Build(Leaf(5, new(1, 1), new(2, 1), new(3, 1), new(17, 1))).ToCircuitInput(Slots)), StringComparison.Ordinal);
        Assert.Contains("short of instrument 1, whose row says spot", Refusal(() => Build(Leaf(5, new Position(Spot, -1)))), StringComparison.Ordinal);
        Assert.Contains("Account 0 has no owner", Refusal(() => ExitInput.Build(0, AccountIdentity.Reserved, contents, [.. new Fr[36]], new RiskTree(Rows))), StringComparison.Ordinal);
        Assert.Contains("Account 16777216 is outside", Refusal(() => ExitInput.Build(1 << 24, BatchFactory.IdentityOf(2), contents, [.. new Fr[36]], new RiskTree(Rows))), StringComparison.Ordinal);
        Assert.Equal(Slots, ExitInput.SlotsOf(Build(Borrower).ToCircuitInput(Slots).Signals.Sum(s => s.Value.Elements.Count())));
        Assert.Contains("413 input values is no instance", Refusal(() => ExitInput.SlotsOf(413)), StringComparison.Ordinal);
        RiskRow worthless = BatchFactory.Linear(Spot, InstrumentKind.Spot, 2, 1, 2);
        Assert.Contains("is worth 5 and -3 atoms", Refusal(() => Build(Leaf(5, new Position(Spot, 3)), [worthless])), StringComparison.Ordinal);
    }

    [Fact]
    public void Another_owner_account_path_or_root_is_refused()
    {
        JsonObject honest = Accepted(Build(Borrower));
        BigInteger step = BigInteger.One << 24;
        // The claim paid to another owner, whether or not the leaf is said to be his.
        RefusedAt(ExitThree, Add(Copy(honest), "accountOwner", step), "accountOwner === account + owner * 2 ** WIDTH_ACCOUNT()");
        RefusedAt(ExitThree, Add(Add(Copy(honest), "accountOwner", step), "owner", 1), Root);
        // A second claim of the same leaf under another account number, and one number's leaf under another's.
        RefusedAt(ExitThree, Add(Add(Copy(honest), "accountOwner", 4), "account", 4), Root);
        // An account beyond its 24 bits is the same sum with another owner.
        RefusedAt(ExitThree, Add(Add(Copy(honest), "owner", -1), "account", step), "accountBits", Root);
        RefusedAt(ExitThree, Add(Copy(honest), "siblings", 1, 3, 2), Root);

        // The leaf of an earlier batch under today's root; it was right under the root of its day.
        JsonObject stale = Accepted(Build(Leaf(9_000_000_000, Borrower.Positions[0])));
        Assert.NotEqual(Get(honest, "root"), Get(stale, "root"));
        RefusedAt(ExitThree, Set(Copy(stale), "root", Get(honest, "root")), Root);
    }

    [Fact]
    public void An_owner_beyond_160_bits_and_the_reserved_accounts_are_refused()
    {
        JsonObject honest = Accepted(Build(Borrower));
        JsonObject wide = Set(Copy(honest), "owner", BigInteger.One << 160);
        RefusedAt(ExitThree, WithRoot(Set(wide, "accountOwner", (BigInteger.One << 184) + Account)), "ownerRange");
        JsonObject reserved = Set(Copy(honest), "owner", 0);
        RefusedAt(ExitThree, WithRoot(Set(reserved, "accountOwner", Account)), "isReserved.out === 0");
        // The same change to an owner that is one.
        JsonObject other = Set(Copy(honest), "owner", 5);
        JsonObject taken = WithRoot(Set(other, "accountOwner", (BigInteger)Account + (5 << 24)));
        Assert.Empty(ExitThree.Failures(ExitThree.Witness(taken), limit: 1));
    }

    [Theory]
    [InlineData("cash into version")]
    [InlineData("size into the next slot")]
    [InlineData("size into the sign")]
    [InlineData("sign into the next slot")]
    public void Other_numbers_with_the_same_packed_leaf_are_refused(string what)
    {
        JsonObject json = Copy(Accepted(Build(Leaf(600, new(Btc, 40), new(Eth, -1_900)))));
        string place = "magnitudeRange[0]";
        switch (what)
        {
            case "cash into version":
                Add(Add(json, "cash", BigInteger.One << 64), "version", -1);
                place = "cashRange";
                break;
            case "size into the next slot": // 2^45 lots more of one, and instrument 2 in place of 3 in the other, which is listed as well
                Add(Add(json, "magnitude", BigInteger.One << 45, 0), "id", -1, 1);
                break;
            case "size into the sign": // a short of 1,900 is a long of 2^44 + 1,900
                Add(Set(json, "negative", 0, 1), "magnitude", BigInteger.One << 44, 1);
                place = "magnitudeRange[1]";
                break;
            case "sign into the next slot": // two signs are one instrument number
                Add(Set(json, "negative", 2, 0), "id", -1, 1);
                place = "in * (in - 1) === 0";
                break;
        }

        RefusedAt(ExitThree, Restated(json), place);
    }

    [Fact]
    public void A_version_beyond_its_bits_is_refused()
    {
        JsonObject json = Copy(Accepted(Build(Leaf(600, new Position(Btc, 40)))));
        RefusedAt(ExitThree, WithRoot(Set(json, "version", BigInteger.One << 32)), "versionRange");
    }

    [Theory]
    [InlineData("base")]
    [InlineData("kind")]
    [InlineData("scenario")]
    [InlineData("row of another instrument")]
    [InlineData("bucket of another instrument")]
    [InlineData("stale table")]
    public void A_row_that_is_not_the_instruments_own_is_refused(string what)
    {
        JsonObject json = Copy(Accepted(Build(Borrower)));
        switch (what)
        {
            case "base":
                Add(json, "market", BigInteger.One << 36, 1, Eth);
                break;
            case "kind": // spot that counts as a derivative: its value becomes cash
                Set(json, "meta", Get(json, "meta", 1, Eth), 0, Spot);
                break;
            case "scenario":
                Add(json, "short", 1, 1, Eth, 7);
                break;
            case "row of another instrument":
                foreach (string name in (string[])["meta", "market", "long", "short"]) json[name]![1]![Eth] = json[name]![1]![Btc]!.DeepClone();
                break;
            case "bucket of another instrument":
                foreach (string name in (string[])["meta", "market", "long", "short", "bucketSiblings"]) json[name]![2] = json[name]![1]!.DeepClone();
                foreach (string name in (string[])["meta", "market"]) Set(json, name, Get(json, name, 1, Eth), 2, Put % 16);
                break;
            case "stale table":
                JsonObject other = Build(Borrower, [BatchFactory.Linear(Sol, InstrumentKind.Perpetual, 3, 160_000, 0), .. Rows.Where(r => r.Id != Sol)]).ToCircuitInput(Slots).ToJson();
                Set(json, "riskRoot", Get(other, "riskRoot"));
                break;
        }

        RefusedAt(ExitThree, Restated(json), Risk);
    }

    [Fact]
    public void An_instrument_without_a_row_is_refused()
    {
        // Instrument 9 of an opened bucket, and one of a bucket that is empty: hashing zeros does not give its leaf.
        JsonObject json = Accepted(Build(Leaf(600, new Position(Btc, 40))));
        RefusedAt(ExitThree, WithRoot(Restated(Set(Copy(json), "id", 9, 0))), Listed);
        JsonObject empty = Set(Copy(json), "id", 160, 0);
        ImmutableArray<Fr> path = [.. new RiskTree(Rows).Path(10)];
        for (int i = 0; i < path.Length; i++) Set(empty, "bucketSiblings", path[i].ToBigInteger(), 0, i / 3, i % 3);
        for (int t = 0; t < 16; t++)
            foreach (string name in (string[])["meta", "market", "long", "short"])
                if (name is "meta" or "market") Set(empty, name, 0, 0, t);
                else
                    for (int i = 0; i < 8; i++) Set(empty, name, 0, 0, t, i);
        RefusedAt(ExitThree, WithRoot(Restated(empty)), Risk, Listed);
    }

    [Fact]
    public void Public_values_that_do_not_follow_from_the_leaf_are_refused()
    {
        JsonObject honest = Accepted(Build(Borrower));
        RefusedAt(ExitThree, Add(Copy(honest), "equity", 1), Equity);
        RefusedAt(ExitThree, Add(Copy(honest), "spotValue", -1), SpotValue);
        // Spot claimed as cash instead, and as cash as well.
        BigInteger value = Get(honest, "spotValue");
        JsonObject derivative = Set(Set(Add(Copy(honest), "equity", value), "spotValue", 0), "spot", 0, 0);
        RefusedAt(ExitThree, derivative, Equity, SpotValue, Masks);
        RefusedAt(ExitThree, Add(Copy(honest), "equity", value), Equity);
        // A slot that is not spot, unmasked: a claim on a token of its number.
        JsonObject unmasked = Add(Copy(honest), "spot", (Eth + ((BigInteger)1_900 << 18)) << 63, 0);
        RefusedAt(ExitThree, unmasked, Masks);
        RefusedAt(ExitThree, Add(Copy(honest), "spot", Spot + (7 << 18), 3), Masks);
    }

    [Fact]
    public void Spot_held_short_or_worth_less_than_nothing_is_refused()
    {
        // Rows that change a perpetual into spot, in a table that says so: a short of it would be a negative claim.
        JsonObject json = Accepted(Build(Leaf(600, new(Btc, -40), new(Eth, 1_900))));
        JsonObject spot = Copy(json);
        foreach (int slot in (int[])[0, 1]) Set(spot, "meta", (int)InstrumentKind.Spot, slot, Btc);
        RefusedAt(ExitThree, WithRiskRoot(Restated(spot)), "row[j].isSpot * negative[j] === 0", "spotRange");
        JsonObject longSpot = WithRoot(Set(Copy(spot), "negative", 0, 0));
        Assert.Empty(ExitThree.Failures(ExitThree.Witness(WithRiskRoot(Restated(longSpot))), limit: 1));
        // Its base -2^35.
        foreach (int slot in (int[])[0, 1]) Set(longSpot, "market", 0, slot, Btc);
        RefusedAt(ExitThree, WithRiskRoot(Restated(longSpot)), "spotRange");
    }

    [Fact]
    public void Equity_beyond_its_bias_is_refused()
    {
        // Three slots do not reach 2^83: cash beyond its bits alone would, so both ranges refuse.
        JsonObject json = Copy(Accepted(Build(Leaf(600, new Position(Btc, -40)))));
        RefusedAt(ExitThree, WithRoot(Restated(Set(json, "cash", -(BigInteger.One << 84)))), "cashRange", "equityRange");
    }

    [Fact]
    public void A_position_in_a_slot_that_is_not_opened_is_refused()
    {
        JsonObject json = Copy(Accepted(Build(Borrower)));
        // It would be left out: a loss that does not count.
        RefusedAt(ExitThree, WithRoot(Set(Set(Set(json, "id", 50, Slots), "magnitude", 1_000, Slots), "negative", 1, Slots)), "magnitude[j] === 0");
    }

    [Fact]
    public void Market_words_beyond_their_four_fields_are_refused()
    {
        JsonObject json = Copy(Accepted(Build(Leaf(600, new Position(Btc, 40)))));
        RefusedAt(ExitThree, WithRiskRoot(Add(json, "market", BigInteger.One << 144, 0, Btc)), "fields");
    }

    [Fact]
    public void Every_signal_of_a_valid_witness_is_constrained() =>
        EverySignalIsConstrained(ExitThree, Build(Borrower).ToCircuitInput(Slots), Build(Leaf(600, new Position(Btc, -40))).ToCircuitInput(Slots));

    [Fact]
    public void The_instance_of_the_tests_has_the_committed_number_of_constraints() => HasCommittedConstraints("exit_three", ExitThree);

    [Fact]
    [Trait("Category", "Long")]
    public void Sixteen_positions_in_sixteen_buckets_leave()
    {
        CompiledCircuit whole = CompiledCircuit.Get("exit");
        HasCommittedConstraints("exit", whole);
        RiskRow[] rows = [.. Enumerable.Range(0, Bound.Positions).Select(i => i % 3 == 0
            ? BatchFactory.Linear(16 * i + i, InstrumentKind.Spot, 2, 1_000 + i, 0) : BatchFactory.Linear(16 * i + i, InstrumentKind.Perpetual, 2, 50_000 + i, 7 * i - 40)).Where(r => r.Id != 0)];
        rows = [.. rows, BatchFactory.Linear(16 * 9_999 + 3, InstrumentKind.Call, 1, 77, 0)];
        ExitInput spread = Build(Leaf(-9_876_543_210, [.. rows.Select((r, i) => new Position(r.Id, r.Kind == InstrumentKind.Spot || i % 2 == 0 ? 100 + i : -100 - i))]), rows);
        Assert.Equal(Bound.Positions, rows.Select(r => r.Id / Bound.RowsPerBucket).Distinct().Count());
        Accepted(whole, spread.ToCircuitInput(), spread.PublicInputs);
        Accepted(whole, Build(Borrower).ToCircuitInput(), Build(Borrower).PublicInputs);
        RefusedAt(whole, Add(spread.ToCircuitInput().ToJson(), "market", BigInteger.One << 36, 15, 3), "enabled * (path.root - riskRoot) === 0", Equity);
    }

    internal static void EverySignalIsConstrained(CompiledCircuit circuit, params CircuitInput[] inputs)
    {
        foreach (CircuitInput input in inputs)
        {
            Fr[] witness = circuit.Witness(input.ToJson());
            var mutator = new WitnessMutator(circuit.R1cs, witness);
            string[] free = [.. Enumerable.Range(1, witness.Length - 1).Where(wire => mutator.FailuresAfter(wire, witness[wire] + Fr.One, limit: 1).Count == 0)
                .Select(wire => circuit.Symbols.NameOf(wire) ?? $"wire {wire}")];
            // circomlib's IsZero has a hint that means nothing when its input is zero.
            Assert.All(free, name => Assert.EndsWith(".inv", name, StringComparison.Ordinal));
            Assert.InRange(free.Length, 0, Slots);
        }
    }

    internal static void HasCommittedConstraints(string circuit, CompiledCircuit compiled)
    {
        using JsonDocument committed = JsonDocument.Parse(File.ReadAllText(Repository.PathOf("bench", "constraints.json")));
        Assert.Equal(committed.RootElement.GetProperty("circuits").GetProperty(circuit).GetProperty("constraints").GetInt32(), compiled.R1cs.ConstraintCount);
    }
}
