using System.Collections.Immutable;
using Rollup.Protocol;

namespace Rollup.Risk;

/// <summary>What risk inputs owe to those of the batch before, and to the registry (spec 10.7). Numbers are those of the contract (`IRiskRules`).</summary>
public enum InputRule
{
    None,

    /// <summary>An instrument is no longer listed.</summary>
    Listing,

    /// <summary>Its kind, group, strike or expiry is another.</summary>
    Terms,

    /// <summary>It was settled and is not any more.</summary>
    Settlement,

    /// <summary>The prices were not observed later than those before.</summary>
    ObservationTime,

    /// <summary>The registry had not these parameters in force.</summary>
    Parameters,

    /// <summary>A group's scan range is outside the registry's bounds.</summary>
    ScanRange,
}

/// <summary>Which rule risk inputs break that follow others, bit for bit as the contract says it (`RiskRules.sol`). What the registry decides is not here: only the contract knows it.</summary>
public static class RiskSuccession
{
    /// <summary>Milliseconds after its expiry from which a settled option may leave the list: time to convert it, or to have it closed by request.</summary>
    public const long RetirementDelay = 30L * 86_400_000;

    /// <summary>Every rule that valid inputs break, with the instrument; 0 of <see cref="InputRule.ObservationTime"/>.</summary>
    /// <param name="previous">Of the batch before, valid.</param>
    public static ImmutableArray<(InputRule Rule, int Id)> BrokenBy(RiskInputs previous, RiskInputs inputs) =>
    [
        .. inputs.ObservedAt <= previous.ObservedAt ? [(InputRule.ObservationTime, 0)] : ((InputRule, int)[])[],
        .. previous.Instruments.Select(t => (RuleOf(t, Find(inputs, t.Id), inputs.ObservedAt), t.Id)).Where(broken => broken.Item1 != InputRule.None),
    ];

    private static InputRule RuleOf(InstrumentInput was, InstrumentInput? now, Timestamp observedAt)
    {
        bool wasSettled = (was.Flags & InstrumentFlags.Settled) != 0;
        if (now is null) return wasSettled && was.IsOption && observedAt.Milliseconds - was.ExpiresAt.Milliseconds >= RetirementDelay ? InputRule.None : InputRule.Listing;
        return (was.Kind, was.Group, was.Strike, was.ExpiresAt) != (now.Kind, now.Group, now.Strike, now.ExpiresAt) ? InputRule.Terms
            : wasSettled && (now.Flags & InstrumentFlags.Settled) == 0 ? InputRule.Settlement : InputRule.None;
    }

    private static InstrumentInput? Find(RiskInputs inputs, int id)
    {
        (int low, int high) = (0, inputs.Instruments.Length - 1);
        while (low <= high)
        {
            int middle = (low + high) >> 1;
            if (inputs.Instruments[middle].Id == id) return inputs.Instruments[middle];
            (low, high) = inputs.Instruments[middle].Id < id ? (middle + 1, high) : (low, middle - 1);
        }

        return null;
    }
}
