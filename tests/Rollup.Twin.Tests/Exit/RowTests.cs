using System.Numerics;
using System.Text.Json.Nodes;
using Rollup.Circuits;
using Rollup.Crypto.Settlement;
using Rollup.Protocol;
using Rollup.TestSupport;
using static Rollup.Twin.Tests.Dishonest;

namespace Rollup.Twin.Tests.Exit;

/// <summary>The circuit <c>row</c> (spec 9): any row of a table can be shown as it is, and no other.</summary>
public sealed class RowTests
{
    private const string Root = "path.root === riskRoot", Element = "row[e] === (1 - isEmpty) * element[e].out";

    private static readonly RiskTree Tree = new(ExitWorld.Rows);

    private static CompiledCircuit Circuit => CompiledCircuit.Get("row");

    [Theory]
    [InlineData(ExitWorld.Btc)]
    [InlineData(ExitWorld.Put)]
    [InlineData(9)]         // unlisted, in a bucket with others
    [InlineData(4_000)]     // in an empty bucket
    [InlineData(0)]
    [InlineData((1 << 18) - 1)]
    public void Every_row_can_be_shown(int id)
    {
        RowInput input = RowInput.Build(Tree, id);
        Assert.Equal([Tree.Root, Fr.FromUInt64((ulong)id), .. Tree[id] is { } row ? RiskRowEncoding.Encode(row) : new Fr[RiskRowEncoding.Elements]], input.PublicInputs.ToArray());
        ExitWorld.Accepted(Circuit, input.ToCircuitInput(), input.PublicInputs);
    }

    [Fact]
    public void Rows_of_an_empty_table_are_zero() =>
        ExitWorld.Accepted(Circuit, RowInput.Build(new RiskTree([]), 5).ToCircuitInput(), RowInput.Build(new RiskTree([]), 5).PublicInputs);

    [Fact]
    public void An_id_that_no_instrument_has_is_refused()
    {
        Assert.Contains("Instrument 262144 is outside", Assert.Throws<ArgumentException>(() => RowInput.Build(Tree, 1 << 18)).Message, StringComparison.Ordinal);
        Assert.Contains("Instrument -1 is outside", Assert.Throws<ArgumentException>(() => RowInput.Build(Tree, -1)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_row_that_the_table_does_not_hold_is_refused()
    {
        JsonObject honest = Shown(ExitWorld.Btc);
        for (int e = 0; e < RiskRowEncoding.Elements; e++) RefusedAt(Circuit, Add(Copy(honest), "row", 1, e), Element);
        // In the bucket as well: then the bucket is another.
        RefusedAt(Circuit, Add(Add(Copy(honest), "row", 1, 1), "market", 1, ExitWorld.Btc), Root);
        RefusedAt(Circuit, Add(Copy(honest), "long", 1, 3, 4), Root);
        RefusedAt(Circuit, Add(Copy(honest), "siblings", 1, 6, 0), Root);
        // A table of another batch.
        RefusedAt(Circuit, Add(Copy(honest), "riskRoot", 1), Root);
    }

    [Fact]
    public void Another_instruments_row_is_refused()
    {
        JsonObject honest = Shown(ExitWorld.Btc), other = Shown(ExitWorld.Eth);
        JsonObject swapped = Copy(honest);
        swapped["row"] = other["row"]!.DeepClone();
        RefusedAt(Circuit, swapped, Element);
        RefusedAt(Circuit, Set(Copy(honest), "id", ExitWorld.Eth), Element);
        RefusedAt(Circuit, Set(Copy(honest), "id", ExitWorld.Btc + 16), Root);
        // The same low 18 bits.
        RefusedAt(Circuit, Add(Copy(honest), "id", BigInteger.One << 18), "idBits");
    }

    [Fact]
    public void A_listed_row_is_not_shown_as_missing_nor_a_missing_one_as_listed()
    {
        JsonObject listed = Shown(ExitWorld.Btc), missing = Shown(4_000);
        RefusedAt(Circuit, WithoutRow(Set(Copy(listed), "isEmpty", 1)), Root);
        RefusedAt(Circuit, Set(Copy(missing), "isEmpty", 0), Root); // Zeros hash to something else than an empty bucket.
        RefusedAt(Circuit, Set(Copy(missing), "row", (int)InstrumentKind.Spot, 0), Element);
        JsonObject forged = Set(Set(Copy(missing), "meta", (int)InstrumentKind.Spot, 4_000 % 16), "row", (int)InstrumentKind.Spot, 0);
        RefusedAt(Circuit, forged, Element);
        RefusedAt(Circuit, Set(forged, "isEmpty", 0), Root);
        // Half empty: the row doubles, if the leaf could be scaled back.
        RefusedAt(Circuit, Set(Copy(missing), "isEmpty", 2), "in * (in - 1) === 0", Root);
    }

    [Fact]
    public void Every_signal_of_a_valid_witness_is_constrained() => ExitTests.EverySignalIsConstrained(
        Circuit, RowInput.Build(Tree, ExitWorld.Put).ToCircuitInput(), RowInput.Build(Tree, 9).ToCircuitInput());

    [Fact]
    public void The_circuit_has_the_committed_number_of_constraints() => ExitTests.HasCommittedConstraints("row", Circuit);

    private static JsonObject Shown(int id)
    {
        RowInput input = RowInput.Build(Tree, id);
        return ExitWorld.Accepted(Circuit, input.ToCircuitInput(), input.PublicInputs);
    }

    private static JsonObject WithoutRow(JsonObject json)
    {
        for (int e = 0; e < RiskRowEncoding.Elements; e++) Set(json, "row", 0, e);
        return json;
    }
}
