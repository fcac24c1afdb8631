using Rollup.Crypto.Settlement;
using Rollup.Ethereum;
using Rollup.Protocol;
using Rollup.Risk;
using Rollup.Sequencer.Oracle;

namespace Rollup.Sequencer.Tests;

/// <summary>Signs, refuses, or keeps its answer until it is released.</summary>
internal sealed class TestCommittee : ICommittee
{
    private readonly Lock gate = new();
    private readonly List<RiskInputs> asked = [];
    private readonly List<(RiskInputs Inputs, TaskCompletionSource<CommitteeAnswer> Answer)> held = [];

    /// <summary>Null: it keeps its answer.</summary>
    internal bool? Signs { get; set; } = true;

    internal IReadOnlyList<RiskInputs> Asked
    {
        get
        {
            lock (gate) return [.. asked];
        }
    }

    internal static Bytes32 HashOf(RiskInputs inputs) => Bytes32.FromBytes(Crypto.Keccak.Hash256(inputs.Encode()));

    internal static RiskAttestation Sign(RiskInputs inputs) => RiskAttestation.Of(inputs.Batch, HashOf(inputs), new RiskTree(RiskRows.From(inputs)).Root, inputs.ObservedAt.Milliseconds, []);

    public Task<CommitteeAnswer> AskAsync(RiskInputs inputs)
    {
        lock (gate)
        {
            asked.Add(inputs);
            if (Signs is { } signs) return Task.FromResult(signs ? new CommitteeAnswer(Sign(inputs), "") : new CommitteeAnswer(null, $"the committee does not like batch {inputs.Batch}"));
            held.Add((inputs, new TaskCompletionSource<CommitteeAnswer>(TaskCreationOptions.RunContinuationsAsynchronously)));
            return held[^1].Answer.Task;
        }
    }

    /// <summary>Signs what it was asked.</summary>
    internal void Release()
    {
        lock (gate)
        {
            foreach ((RiskInputs inputs, TaskCompletionSource<CommitteeAnswer> answer) in held) answer.SetResult(new CommitteeAnswer(Sign(inputs), ""));
            held.Clear();
        }
    }
}
