using System.Text.Json;
using Rollup.Groth16;
using Rollup.Protocol;
using Rollup.TestSupport;
using Rollup.Twin.Tests.Forced;
using Rollup.Witness;

namespace Rollup.Twin.Tests;

/// <summary>No signal of a valid witness can be changed alone, and the compiled size is the committed one.</summary>
public class ConstrainednessTests
{
    [Fact]
    public void Every_signal_of_a_valid_witness_is_constrained() => EverySignalIsConstrained(SettlementInput.Build(SettlementTests.Traders().Begin()
        .Deposit(2, BatchFactory.EthSpot, 90_000).Trade(2, 3, BatchFactory.BtcPerpetual, 40, 61_900_000).Withdraw(3, 4, 6, 0, 99).Seal()));

    [Fact]
    public void Every_signal_of_a_liquidation_is_constrained() =>
        EverySignalIsConstrained(ForcedWorld.BuildDev(ForcedWorld.Liquidation(ForcedWorld.World(ForcedWorld.Distressed), 2_250, 51_900_000)));

    [Fact]
    public void Every_signal_of_requests_is_constrained()
    {
        // One that is short by health, of spot, and a stranger's.
        BatchFactory factory = ForcedWorld.World(ForcedWorld.Healthy);
        factory.Begin().Move(2, BatchFactory.EthSpot, 400_000).Seal();
        factory.Begin().Move(2, 0, 300_000 - ForcedWorld.Of(factory, 2).Health).Seal();
        EverySignalIsConstrained(ForcedWorld.BuildDev(factory.Begin().RequestWithdrawal(2, BatchFactory.EthSpot, 500, 0)
            .RequestWithdrawal(3, 0, 77, 0, BatchFactory.OwnerOf(4))));
    }

    private static void EverySignalIsConstrained(SettlementInput input)
    {
        Fr[] witness = Dishonest.Circuit.Witness(input.ToJson());
        Assert.Empty(Dishonest.Circuit.Failures(witness, limit: 1));

        var mutator = new WitnessMutator(Dishonest.Circuit.R1cs, witness);
        var free = new List<string>();
        for (int wire = 1; wire < witness.Length; wire++)
            if (mutator.FailuresAfter(wire, witness[wire] + Fr.One, limit: 1).Count == 0)
                free.Add(Dishonest.Circuit.Symbols.NameOf(wire) ?? $"wire {wire}");

        // circomlib's IsZero has a hint, the inverse, that means nothing when its input is zero: nothing else reads it.
        Assert.All(free, name => Assert.EndsWith(".inv", name, StringComparison.Ordinal));
        Assert.InRange(free.Count, 0, 200);
    }

    [Fact]
    public void The_dev_circuit_has_the_committed_number_of_constraints()
    {
        using JsonDocument committed = JsonDocument.Parse(File.ReadAllText(Repository.PathOf("bench", "constraints.json")));
        JsonElement root = committed.RootElement;
        Assert.Equal(root.GetProperty("profiles").GetProperty("dev").GetProperty("constraints").GetInt32(), Dishonest.Circuit.R1cs.ConstraintCount);
        Assert.InRange(Dishonest.Circuit.R1cs.ConstraintCount, 1, 100_000);
        Assert.InRange(root.GetProperty("withSponges").GetProperty("accountBlock").GetInt32(), 1, 17_500);
        Assert.InRange(root.GetProperty("withSponges").GetProperty("signedRow").GetInt32(), 1, 8_500);
        Assert.InRange(root.GetProperty("withSponges").GetProperty("relief").GetInt32(), 1, 4_000);
        Assert.InRange(root.GetProperty("withSponges").GetProperty("riskRow").GetInt32(), 1, 1_050);
    }
}
