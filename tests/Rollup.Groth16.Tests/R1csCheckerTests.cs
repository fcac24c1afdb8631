using Rollup.Groth16.Formats;

namespace Rollup.Groth16.Tests;

public class R1csCheckerTests
{
    [Fact]
    public void Valid_witness_passes_and_a_changed_signal_fails_in_its_component()
    {
        var checker = new R1csChecker(SampleCircuit.R1cs, SampleCircuit.Symbols);
        var witness = SampleCircuit.Witness();
        Assert.Empty(checker.FindFailures(witness));

        // The S-box output of the second round of row 2 occurs in that hash only.
        var (name, wire) = SampleCircuit.Symbols.WithPrefix("main.rows[2].hash.pEx.sigmaF[1][1].").First();
        witness[wire] += Fr.One;
        var failures = checker.FindFailures(witness);
        Assert.NotEmpty(failures);
        var descriptions = failures.Select(checker.Describe).ToList();
        Assert.Equal("main.rows[2].hash.pEx.sigmaF[1][1]", descriptions[0].Component);
        Assert.All(descriptions, description =>
        {
            Assert.True(description.Touches("main.rows[2].hash"));
            Assert.True(description.Touches("main.rows"));
            Assert.False(description.Touches("main.rows[2].has"));
            Assert.Contains(description.Signals, signal => signal == new ConstraintSignal(wire, name));
        });
        Assert.Contains("main.rows[2].hash", descriptions[0].ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Limit_stops_the_search()
    {
        var checker = new R1csChecker(SampleCircuit.R1cs);
        var witness = SampleCircuit.Witness();
        foreach (var i in Enumerable.Range(5, 40))
            witness[i] += Fr.FromUInt64((ulong)i);
        var all = checker.FindFailures(witness);
        Assert.InRange(all.Count, 6, int.MaxValue);
        Assert.Equal(all.Take(5), checker.FindFailures(witness, 5));
        Assert.StartsWith("wire ", checker.Describe(all[0]).Signals[0].Name, StringComparison.Ordinal);
    }

    [Fact]
    public void Mutator_agrees_with_a_full_check_and_every_signal_is_constrained()
    {
        var checker = new R1csChecker(SampleCircuit.R1cs);
        var witness = SampleCircuit.Witness();
        var mutator = new WitnessMutator(SampleCircuit.R1cs, witness);
        var noticed = 0;
        for (var wire = 1; wire < mutator.WireCount; wire++)
        {
            var original = witness[wire];
            Assert.Empty(mutator.FailuresAfter(wire, original));
            var value = original.Square() + Fr.FromUInt64(3);
            var failures = mutator.FailuresAfter(wire, value);
            noticed += failures.Count > 0 ? 1 : 0;
            // A full check each is slow in a debugging build; every eighth wire is compared.
            if (wire % 8 != 1)
                continue;
            witness[wire] = value;
            Assert.Equal(checker.FindFailures(witness), failures);
            Assert.Equal(failures.Take(1), mutator.FailuresAfter(wire, value, 1));
            Assert.Subset(mutator.ConstraintsOf(wire).ToHashSet(), failures.ToHashSet());
            witness[wire] = original;
        }
        Assert.Equal(mutator.WireCount - 1, noticed);
    }

    [Fact]
    public void Mutator_finds_the_signal_no_constraint_holds()
    {
        // 0 = 0 over 2 free wires, then x·x = y: wire 3 is unconstrained.
        var stream = new MemoryStream();
        var writer = new BinFileWriter(stream, "r1cs", 1, 3);
        writer.Begin(1);
        writer.Write(32u);
        writer.Write(Fr.Modulus.ToByteArray(isUnsigned: true));
        foreach (var count in (uint[])[4, 0, 0, 3])
            writer.Write(count);
        writer.Write(4UL);
        writer.Write(1u);
        writer.End();
        writer.Begin(2);
        foreach (var wire in (uint[])[1, 1, 2])
        {
            writer.Write(1u);
            writer.Write(wire);
            writer.Write(Fr.One.ToLittleEndianBytes());
        }
        writer.End();
        writer.Begin(3);
        foreach (var label in (ulong[])[0, 1, 2, 3])
            writer.Write(label);
        writer.End();
        var r1cs = R1csFile.Parse(stream.ToArray(), "free");
        var mutator = new WitnessMutator(r1cs, [Fr.One, Fr.FromUInt64(6), Fr.FromUInt64(36), Fr.FromUInt64(9)]);
        Assert.Empty(mutator.FailuresAfter(3, Fr.FromUInt64(10)));
        Assert.Empty(mutator.ConstraintsOf(3));
        Assert.Empty(mutator.FailuresAfter(1, Fr.FromInt64(-6)));
        Assert.Equal([0], mutator.FailuresAfter(1, Fr.FromUInt64(7)));
    }

    [Fact]
    public void Foreign_witness_and_the_constant_wire_are_refused()
    {
        var witness = SampleCircuit.Witness();
        var checker = new R1csChecker(SampleCircuit.R1cs);
        Assert.Empty(checker.FindFailures(witness));
        Assert.Contains("another circuit", Assert.Throws<ArgumentException>(() => checker.FindFailures(witness.AsSpan(1))).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => new WitnessMutator(SampleCircuit.R1cs, witness).FailuresAfter(0, Fr.FromUInt64(2)));
        Assert.Throws<ArgumentOutOfRangeException>(() => new WitnessMutator(SampleCircuit.R1cs, witness).FailuresAfter(witness.Length, Fr.One));
        witness[0] = Fr.FromUInt64(2);
        Assert.Contains("constant one", Assert.Throws<ArgumentException>(() => checker.FindFailures(witness)).Message, StringComparison.Ordinal);
    }
}
